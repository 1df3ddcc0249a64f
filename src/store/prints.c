#include "store/prints.h"

#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/hash.h"
#include "core/type.h"
#include "job/files.h"
#include "store/create_inside.h"
#include "store/layout.h"

/* --- which fields count -------------------------------------------------------------------------------------------- */

static void add(struct print_field *fields, int *n, int field, enum sheaf_type type) {
    for (int k = 0; k < *n; k++)
        if (fields[k].field == field)
            return;
    fields[(*n)++] = (struct print_field){field, type};
}

struct print_field *sheaf_prints_fields(const struct results_plan *plan, int *n) {
    struct print_field *fields = calloc((size_t)plan->n_inputs + 3, sizeof *fields);
    *n = 0;
    for (int k = 0; fields && k < plan->n_inputs; k++)
        if (plan->input_fields[k] >= 0)
            fields[(*n)++] = (struct print_field){plan->input_fields[k], (enum sheaf_type)plan->inputs[k].type};
    if (fields && plan->items->n_matched) {
        add(fields, n, FILES_SIZE, SHEAF_INT64);
        add(fields, n, FILES_MODIFIED, SHEAF_INT64);
    }
    return fields;
}

bool sheaf_prints_are_kept(const struct results_plan *plan) {
    for (int k = 0; k < plan->n_inputs; k++)
        if (plan->input_fields[k] >= 0 && plan->inputs[k].type == SHEAF_TEXT)
            return true;
    return false;
}

/* --- making them --------------------------------------------------------------------------------------------------- */

static int add_bytes(struct sheaf_buffer *row, size_t *at, const void *bytes, size_t n, struct sheaf_error *error) {
    if (*at + n > row->n_bytes && sheaf_buffer_resize(row, 2 * (*at + n), error))
        return -1;
    if (n)
        memcpy(row->data + *at, bytes, n);
    *at += n;
    return 0;
}

/* The values of a field of a row; before a text its length, so that none runs into the next. */
static int add_values(struct sheaf_buffer *row, size_t *at, enum sheaf_type type, int64_t width, const void *column,
                      int64_t i, struct sheaf_error *error) {
    const size_t n_bytes = sheaf_type_bytes(type) * (size_t)width;
    if (type != SHEAF_TEXT)
        return add_bytes(row, at, (const char *)column + (size_t)i * n_bytes, n_bytes, error);
    const struct sheaf_text *texts = (const struct sheaf_text *)column + i * width;
    for (int64_t w = 0; w < width; w++)
        if (add_bytes(row, at, &texts[w].length, sizeof texts[w].length, error) ||
            add_bytes(row, at, texts[w].data, texts[w].length, error))
            return -1;
    return 0;
}

int sheaf_prints_of(const struct print_field *fields, int n_fields, const int64_t *widths, const void *const *columns,
                    int64_t n, struct print *prints, struct sheaf_error *error) {
    struct sheaf_buffer row = {0};
    int rc = sheaf_buffer_resize(&row, 1024, error);
    for (int64_t i = 0; rc == 0 && i < n; i++) {
        size_t at = 0;
        for (int k = 0; rc == 0 && k < n_fields; k++)
            rc = add_values(&row, &at, fields[k].type, widths[k], columns[k], i, error);
        if (rc == 0)
            sheaf_hash_print(row.data, at, prints[i].words);
    }
    sheaf_buffer_free(&row);
    return rc;
}

int sheaf_prints_read(const struct results_plan *plan, int64_t first, int64_t n, struct print *prints,
                      struct sheaf_error *error) {
    struct items *items = plan->items;
    struct sheaf_arena arena = {0};
    int n_fields;
    struct print_field *fields = sheaf_prints_fields(plan, &n_fields);
    void **all = sheaf_arena_take(&arena, ((size_t)items->n_fields + 1) * sizeof *all);
    enum sheaf_type *types = sheaf_arena_take(&arena, ((size_t)items->n_fields + 1) * sizeof *types);
    const void **columns = sheaf_arena_take(&arena, ((size_t)n_fields + 1) * sizeof *columns);
    int64_t *widths = sheaf_arena_take(&arena, ((size_t)n_fields + 1) * sizeof *widths);
    int rc = fields && all && types && columns && widths ? 0 : sheaf_fail_memory(error, items->name);
    for (int k = 0; rc == 0 && k < n_fields; k++) {
        struct sheaf_field as = items->fields[fields[k].field];
        as.type = fields[k].type;
        widths[k] = as.width;
        types[fields[k].field] = fields[k].type;
        columns[k] = all[fields[k].field] = sheaf_arena_take(&arena, (size_t)n * sheaf_field_row_bytes(&as));
        rc = columns[k] ? 0 : sheaf_fail_memory(error, items->name);
    }
    if (rc == 0 && n_fields)
        rc = sheaf_items_read_as(items, first, n, all, types, &arena, error);
    if (rc == 0)
        rc = sheaf_prints_of(fields, n_fields, widths, columns, n, prints, error);
    free(fields);
    sheaf_arena_free(&arena);
    return rc;
}

/* --- keeping them -------------------------------------------------------------------------------------------------- */

static int write_all(struct creation *c, hid_t dataset) {
    const int64_t window = sheaf_items_window(c->plan->items), n_items = c->plan->items->n_items;
    struct print *prints = malloc((size_t)window * sizeof *prints);
    int rc = prints ? 0 : sheaf_fail_memory(c->error, "the inputs");
    for (int64_t at = 0, n; rc == 0 && at < n_items; at += n) {
        n = n_items - at < window ? n_items - at : window;
        rc = sheaf_prints_read(c->plan, at, n, prints, c->error);
        if (rc == 0 && sheaf_h5_write_rows(dataset, H5T_NATIVE_UINT64, at, n, 2, prints))
            rc = sheaf_create_fail(c, "write what the inputs are");
    }
    free(prints);
    return rc;
}

int sheaf_prints_make(struct creation *c) {
    const int64_t shape[2] = {c->plan->items->n_items, 2};
    if (!sheaf_prints_are_kept(c->plan))
        return 0;
    hid_t dataset = sheaf_create_dataset(c, INPUT_PRINTS, H5T_NATIVE_UINT64, 2, shape);
    if (dataset < 0)
        return -1;
    int rc = sheaf_h5_put_text(dataset, "long_name", "XXH3 of what the kernel takes of the item")
                 ? sheaf_create_fail(c, "describe what the inputs are")
                 : write_all(c, dataset);
    if (H5Dclose(dataset) < 0 && rc == 0)
        rc = sheaf_create_fail(c, "close what the inputs are");
    return rc;
}
