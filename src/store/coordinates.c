#include "store/coordinates.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "core/type.h"
#include "store/h5.h"
#include "store/layout.h"

/* Of texts each one's length and bytes count. */
static uint64_t sum_texts(char *const *texts, int64_t n) {
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum = sheaf_hash_word(texts[i] ? texts[i] : "", texts[i] ? strlen(texts[i]) : 0, sum + 1);
    return sum;
}

static int sum_values(hid_t dataset, int64_t n, uint64_t *sum) {
    const enum sheaf_type type = sheaf_h5_classify(dataset);
    const size_t n_bytes = (size_t)n * (type == SHEAF_TEXT ? sizeof(char *) : sheaf_type_bytes(type));
    void *values = type ? calloc(n_bytes + 1, 1) : NULL;
    hid_t memory = type == SHEAF_TEXT ? sheaf_h5_text_type() : sheaf_h5_type(type);
    int rc = values && memory >= 0 ? sheaf_h5_read_rows(dataset, memory, 0, n, 1, values) : -1;
    if (rc == 0)
        *sum = type == SHEAF_TEXT ? sum_texts(values, n) : sheaf_hash_word(values, n_bytes, (uint64_t)type);
    for (int64_t i = 0; type == SHEAF_TEXT && rc == 0 && i < n; i++)
        H5free_memory(((char **)values)[i]);
    if (type == SHEAF_TEXT && memory >= 0)
        H5Tclose(memory);
    free(values);
    return rc;
}

static int sum_dataset(hid_t dataset, uint64_t *sum) {
    const int64_t n = sheaf_h5_count(dataset);
    return n < 0 ? -1 : sum_values(dataset, n, sum);
}

int sheaf_coordinates_note(hid_t file, hid_t link_creation, hid_t dataset_creation, hid_t dataset, const char *name) {
    char path[300];
    const hsize_t one = 1;
    uint64_t sum;
    if (sum_dataset(dataset, &sum))
        return -1;
    snprintf(path, sizeof path, COORDINATES "/%s", name);
    hid_t space = H5Screate_simple(1, &one, NULL);
    hid_t noted = H5Dcreate2(file, path, H5T_NATIVE_UINT64, space, link_creation, dataset_creation, H5P_DEFAULT);
    H5Sclose(space);
    int rc = noted >= 0 && H5Dwrite(noted, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &sum) >= 0 ? 0 : -1;
    return noted >= 0 && H5Dclose(noted) < 0 ? -1 : rc;
}

static bool is_as_noted(hid_t group, const char *name) {
    uint64_t sum = 0, noted = 0;
    hid_t file = H5Iget_file_id(group), note = H5Dopen2(group, name, H5P_DEFAULT);
    hid_t dataset = file >= 0 ? H5Dopen2(file, name, H5P_DEFAULT) : H5I_INVALID_HID;
    const bool is = sheaf_h5_count(note) == 1 &&
                    H5Dread(note, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &noted) >= 0 && dataset >= 0 &&
                    sum_dataset(dataset, &sum) == 0 && sum == noted;
    if (dataset >= 0)
        H5Dclose(dataset);
    if (note >= 0)
        H5Dclose(note);
    if (file >= 0)
        H5Fclose(file);
    H5Eclear2(H5E_DEFAULT);
    return is;
}

static herr_t look_at(hid_t group, const char *name, const H5L_info_t *link, void *changed) {
    struct sheaf_string *said = changed;
    (void)link;
    if (!is_as_noted(group, name))
        sheaf_string_add(said, "%s%s", said->length ? ", " : "", name);
    return 0;
}

void sheaf_coordinates_verify(hid_t file, struct sheaf_string *changed) {
    hid_t group =
        H5Lexists(file, COORDINATES, H5P_DEFAULT) > 0 ? H5Gopen2(file, COORDINATES, H5P_DEFAULT) : H5I_INVALID_HID;
    if (group < 0)
        return;
    if (H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, look_at, changed) < 0)
        sheaf_string_add(changed, "%s", changed->length ? ", …" : "all");
    H5Gclose(group);
    H5Eclear2(H5E_DEFAULT);
}
