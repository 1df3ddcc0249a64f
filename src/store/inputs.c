/* Puts HDF5 inputs into a results file that is being made: copies of their datasets, as they are stored, or links. */
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "store/h5.h"
#include "store/input_texts.h"
#include "store/inputs.h"

static int fail(struct sheaf_error *error, const struct items *items, const char *what) {
    return sheaf_h5_fail(error, items->name, what);
}

int sheaf_inputs_link(const struct items *items, hid_t file, hid_t link_creation, struct sheaf_error *error) {
    char *target = realpath(items->name, NULL);
    int rc = target ? 0 : sheaf_fail_errno(error, "%s: cannot be found", items->name);
    for (int k = sheaf_items_n_along(items); rc == 0 && k < items->n_fields; k++)
        if (H5Lcreate_external(target, items->links[k], file, items->fields[k].name, link_creation, H5P_DEFAULT) < 0)
            rc = fail(error, items, "link a field");
    free(target);
    return rc;
}

/* --- attributes ---------------------------------------------------------------------------------------------------- */

/* Whether an attribute says something of the values alone: not of dimensions, which are others here, or of objects. */
static bool is_kept(const char *name, hid_t type) {
    static const char *const others[] = {"CLASS", "NAME", "DIMENSION_LABELS", "coordinates"};
    const H5T_class_t class = H5Tget_class(type);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(name, others[i]) == 0)
            return false;
    return strncmp(name, "_Netcdf4", 8) != 0 && (class == H5T_INTEGER || class == H5T_FLOAT || class == H5T_STRING);
}

static herr_t copy_attribute(hid_t from, const char *name, const H5A_info_t *about, void *context) {
    const hid_t to = *(const hid_t *)context;
    hid_t attribute = H5Aopen(from, name, H5P_DEFAULT), type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    hid_t copy = H5I_INVALID_HID;
    const size_t n_bytes = (size_t)H5Sget_simple_extent_npoints(space) * H5Tget_size(type);
    void *values = calloc(n_bytes + 1, 1);
    herr_t rc = 0;
    (void)about;
    if (!is_kept(name, type) || H5Aexists(to, name) > 0)
        goto out;
    copy = H5Acreate2(to, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    rc = values && copy >= 0 && H5Aread(attribute, type, values) >= 0 && H5Awrite(copy, type, values) >= 0 ? 0 : -1;
    if (rc == 0 && H5Tis_variable_str(type) > 0)
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, values);
out:
    free(values);
    if (copy >= 0)
        H5Aclose(copy);
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
    return rc;
}

/* --- values -------------------------------------------------------------------------------------------------------- */

/* Texts get any length. */
static int copy_texts(const struct items *items, hid_t from, hid_t to, struct sheaf_error *error) {
    enum { WINDOW = 4096 };
    struct interrupt_reading *reading = sheaf_input_reading(items);
    hid_t text = sheaf_h5_text_type();
    int rc = text >= 0 ? 0 : fail(error, items, "copy a field");
    for (int64_t first = 0; rc == 0 && first < items->n_items; first += WINDOW) {
        const int64_t n = items->n_items - first < WINDOW ? items->n_items - first : WINDOW;
        struct sheaf_arena arena = {0};
        struct sheaf_text *texts = sheaf_arena_take(&arena, (size_t)n * sizeof *texts);
        const char **copies = sheaf_arena_take(&arena, (size_t)n * sizeof *copies);
        sheaf_interrupt_begin_reading(reading, "it");
        if (!texts || !copies || sheaf_input_read_texts(from, first, n, texts, &arena))
            rc = fail(error, items, "copy a field");
        sheaf_interrupt_end_reading(reading);
        for (int64_t i = 0; rc == 0 && i < n; i++)
            copies[i] = texts[i].data;
        if (rc == 0 && sheaf_h5_write_rows(to, text, first, n, 1, copies))
            rc = fail(error, items, "copy a field");
        sheaf_arena_free(&arena);
    }
    if (text >= 0)
        H5Tclose(text);
    return rc ? rc : sheaf_items_unchanged(items, error);
}

int sheaf_inputs_copy(const struct items *items, int field, hid_t to, struct sheaf_error *error) {
    static const int64_t window_bytes = INT64_C(1) << 20;
    if (items->fields[field].type == SHEAF_TEXT)
        return copy_texts(items, sheaf_input_dataset(items, field), to, error);
    hid_t from = sheaf_input_dataset(items, field), type = H5Dget_type(from);
    hid_t native = sheaf_h5_is_bool(from) ? H5Tcopy(H5T_NATIVE_UINT8) : H5Tget_native_type(type, 0);
    const int64_t width = items->fields[field].width, row_bytes = width * (int64_t)H5Tget_size(native);
    const int64_t most = row_bytes < window_bytes ? window_bytes / row_bytes : 1;
    void *values = malloc((size_t)(most * row_bytes));
    struct interrupt_reading *reading = sheaf_input_reading(items);
    hsize_t at = 0;
    int rc = values ? 0 : sheaf_fail_memory(error, items->name);
    sheaf_interrupt_begin_reading(reading, "it");
    if (rc == 0 && H5Aiterate2(from, H5_INDEX_NAME, H5_ITER_INC, &at, copy_attribute, &to) < 0)
        rc = fail(error, items, "copy the attributes of a field");
    sheaf_interrupt_end_reading(reading);
    for (int64_t first = 0; rc == 0 && first < items->n_items; first += most) {
        const int64_t n = items->n_items - first < most ? items->n_items - first : most;
        sheaf_interrupt_begin_reading(reading, "it");
        rc = sheaf_h5_read_rows(from, native, first, n, width, values);
        sheaf_interrupt_end_reading(reading);
        if (rc || sheaf_h5_write_rows(to, native, first, n, width, values))
            rc = fail(error, items, "copy a field");
    }
    free(values);
    H5Tclose(native);
    H5Tclose(type);
    return rc ? rc : sheaf_items_unchanged(items, error);
}
