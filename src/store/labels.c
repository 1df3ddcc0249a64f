#include "store/labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/h5.h"

/* A value as it is said: 'kg', or none. New memory, or NULL. */
static char *say(const char *label) {
    struct sheaf_string said = {0};
    sheaf_string_add(&said, label ? "'%s'" : "%snone", label ? label : "");
    if (said.failed)
        sheaf_string_free(&said);
    else
        sheaf_text_one_line(said.data);
    return said.data;
}

static void compare(hid_t dataset, const char *attribute, const char *field, const char *now,
                    struct sheaf_string *lines) {
    char *before = sheaf_h5_get_attribute_text(dataset, attribute);
    const bool same = before && now ? strcmp(before, now) == 0 : before == now;
    char *a = same ? NULL : say(before), *b = same ? NULL : say(now);
    if (a && b)
        sheaf_string_add(lines,
                         "%s of '%s' stays %s, though the job says %s now; h5py can change the attribute '%s' in the "
                         "file, or --overwrite starts anew\n",
                         strcmp(attribute, "units") == 0 ? "the unit" : "the long name", field, a, b, attribute);
    free(a);
    free(b);
    free(before);
}

static void compare_fields(hid_t file, const struct sheaf_field *fields, int n, struct sheaf_string *lines) {
    for (int k = 0; k < n; k++) {
        hid_t dataset = H5Dopen2(file, fields[k].name, H5P_DEFAULT);
        if (dataset < 0)
            continue; /* is told where it is needed */
        compare(dataset, "units", fields[k].name, fields[k].unit, lines);
        compare(dataset, "long_name", fields[k].name, fields[k].long_name, lines);
        H5Dclose(dataset);
    }
    H5Eclear2(H5E_DEFAULT);
}

void sheaf_labels_compare(hid_t file, const struct results_plan *plan, struct sheaf_string *lines) {
    compare_fields(file, plan->items->fields, sheaf_items_n_along(plan->items), lines);
    compare_fields(file, plan->outputs, plan->n_outputs, lines);
}
