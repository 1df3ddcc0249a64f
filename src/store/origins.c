#include "store/origins.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"
#include "store/create_inside.h"
#include "store/layout.h"

#define FILES "files" /* attribute: their names as the job has them, a line each */

/* Their names as words, after one for what was computed here; each becomes one word. */
static void say_meanings(const char *origins, struct sheaf_string *meanings) {
    sheaf_string_add(meanings, "computed_here ");
    for (const char *at = origins; *at; at++)
        sheaf_string_add(meanings, "%c", *at == ' ' || *at == '\t' ? '_' : *at == '\n' ? ' ' : *at);
    if (!meanings->failed && meanings->length)
        meanings->data[meanings->length - 1] = '\0'; /* the last blank */
}

static int describe(struct creation *c, hid_t dataset) {
    uint8_t values[256];
    struct sheaf_string meanings = {0};
    int n = 1;
    for (const char *at = c->plan->origins; *at; at++)
        n += *at == '\n';
    for (int k = 0; k < 256; k++)
        values[k] = (uint8_t)k;
    say_meanings(c->plan->origins, &meanings);
    const bool bad = meanings.failed ||
                     sheaf_h5_put_text(dataset, "long_name", "results file that the row was taken over from") ||
                     sheaf_h5_put_values(dataset, "flag_values", H5T_NATIVE_UINT8, n, values) ||
                     sheaf_h5_put_text(dataset, "flag_meanings", meanings.data) ||
                     sheaf_h5_put_text(dataset, FILES, c->plan->origins);
    sheaf_string_free(&meanings);
    return bad ? sheaf_create_fail(c, "describe the origins") : 0;
}

int sheaf_origins_make(struct creation *c) {
    if (!c->plan->origins)
        return 0;
    hid_t dataset = sheaf_create_of_items(c, ORIGIN_NAME, H5T_NATIVE_UINT8);
    if (dataset < 0)
        return -1;
    int rc = describe(c, dataset);
    return H5Dclose(dataset) < 0 && rc == 0 ? sheaf_create_fail(c, "close the origins") : rc;
}

char *sheaf_results_origins(const char *path) {
    struct interrupt_reading reading;
    if (access(path, R_OK))
        return NULL;
    hid_t file = sheaf_h5_open_watched(path, NULL, &reading), dataset = H5I_INVALID_HID;
    if (file >= 0 && H5Lexists(file, ORIGIN_NAME, H5P_DEFAULT) > 0)
        dataset = H5Dopen2(file, ORIGIN_NAME, H5P_DEFAULT);
    char *files = dataset >= 0 ? sheaf_h5_get_attribute_text(dataset, FILES) : NULL;
    if (dataset >= 0)
        H5Dclose(dataset);
    sheaf_h5_close_watched(file, &reading);
    return files;
}
