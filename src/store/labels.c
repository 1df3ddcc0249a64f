#include "store/labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/h5.h"
#include "store/layout.h"

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

/* A label in a line of its own; what is none is an empty one. */
static void list_label(const char *label, struct sheaf_string *text) {
    struct sheaf_string line = {0};
    sheaf_string_add(&line, "%s", label ? label : "");
    if (!line.failed)
        sheaf_text_one_line(line.data);
    sheaf_string_add(text, "%s\n", line.failed ? "" : line.data);
    text->failed = text->failed || line.failed;
    sheaf_string_free(&line);
}

static void list_fields(const struct sheaf_field *fields, int n, struct sheaf_string *text) {
    for (int k = 0; k < n; k++) {
        list_label(fields[k].unit, text);
        list_label(fields[k].long_name, text);
    }
}

void sheaf_labels_list(const struct results_plan *plan, struct sheaf_string *text) {
    list_fields(plan->items->fields, sheaf_items_n_along(plan->items), text);
    list_fields(plan->outputs, plan->n_outputs, text);
}

/* Whether the next line of each is the same; both move on. */
static bool take_same(const char **made_with, const char **now) {
    const size_t n = strcspn(*made_with, "\n"), m = strcspn(*now, "\n");
    const bool same = n == m && memcmp(*made_with, *now, n) == 0;
    *made_with += n + ((*made_with)[n] == '\n');
    *now += m + ((*now)[m] == '\n');
    return same;
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

/* The attributes may have been changed since the file was made, so they are asked where its lines differ. */
static void compare_fields(hid_t file, const struct sheaf_field *fields, int n, const char **made_with,
                           const char **now, struct sheaf_string *lines) {
    for (int k = 0; k < n; k++) {
        const bool same_unit = take_same(made_with, now), same_name = take_same(made_with, now);
        hid_t dataset = same_unit && same_name ? H5I_INVALID_HID : H5Dopen2(file, fields[k].name, H5P_DEFAULT);
        if (dataset < 0)
            continue; /* is told where it is needed */
        if (!same_unit)
            compare(dataset, "units", fields[k].name, fields[k].unit, lines);
        if (!same_name)
            compare(dataset, "long_name", fields[k].name, fields[k].long_name, lines);
        H5Dclose(dataset);
    }
    H5Eclear2(H5E_DEFAULT);
}

void sheaf_labels_compare(hid_t file, const struct results_plan *plan, struct sheaf_string *lines) {
    struct sheaf_string text = {0};
    char *stored = sheaf_h5_get_dataset_text(file, LABELS_TEXT);
    const char *made_with = stored;
    H5Eclear2(H5E_DEFAULT); /* older files have none */
    sheaf_labels_list(plan, &text);
    const char *now = text.data;
    if (stored && now && !text.failed) {
        compare_fields(file, plan->items->fields, sheaf_items_n_along(plan->items), &made_with, &now, lines);
        compare_fields(file, plan->outputs, plan->n_outputs, &made_with, &now, lines);
    }
    sheaf_string_free(&text);
    free(stored);
}
