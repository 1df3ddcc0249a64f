#include "store/donor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/type.h"
#include "store/layout.h"
#include "store/reader_inside.h"
#include "store/verify.h"

/* --- where its rows are -------------------------------------------------------------------------------------------- */

/* Where a dataset of n_bytes lies in the mapped file, or NULL. */
static const char *find_mapped(const struct donor *d, hid_t dataset, size_t n_bytes) {
    const haddr_t at = dataset >= 0 ? H5Dget_offset(dataset) : HADDR_UNDEF;
    H5Eclear2(H5E_DEFAULT);
    return at != HADDR_UNDEF && n_bytes <= d->mapping.n_bytes && at <= d->mapping.n_bytes - n_bytes
               ? d->mapping.data + at
               : NULL;
}

/* The same by name, of what has a row of n_bytes for each item. */
static const void *find_named(const struct donor *d, const char *name, size_t n_bytes, int64_t n_values) {
    hid_t dataset = H5Lexists(d->reader->file, name, H5P_DEFAULT) > 0 ? H5Dopen2(d->reader->file, name, H5P_DEFAULT)
                                                                      : H5I_INVALID_HID;
    const char *rows = sheaf_h5_count(dataset) == n_values ? find_mapped(d, dataset, n_bytes) : NULL;
    if (dataset >= 0)
        H5Dclose(dataset);
    return rows;
}

static struct donor_column find_column(const struct donor *d, int field, int64_t n_rows) {
    const struct sheaf_field *about = &d->reader->fields[field].field;
    struct donor_column column = {field, sheaf_field_row_bytes(about), NULL};
    if (about->type != SHEAF_TEXT)
        column.rows = find_mapped(d, d->reader->datasets[field], (size_t)n_rows * column.row_bytes);
    return column;
}

static int find_field(const struct donor *d, const struct sheaf_field *wanted, bool is_output) {
    for (int k = 0; k < d->reader->n_fields; k++) {
        const struct reader_field *own = &d->reader->fields[k];
        if (own->is_output == is_output && own->field.width == wanted->width &&
            strcmp(own->field.name, wanted->name) == 0)
            return k;
    }
    return -1;
}

static int find_outputs(struct donor *d, struct sheaf_error *error) {
    const int n_fields = d->reader->n_fields, n_about = d->reader->n_about;
    d->columns = calloc((size_t)d->n_outputs + 1, sizeof *d->columns);
    if (!d->columns)
        return sheaf_fail_memory(error, d->path);
    for (int o = 0; o < d->n_outputs; o++) {
        const int field = find_field(d, &d->outputs[o], true);
        if (field < 0 || d->reader->fields[field].field.type != d->outputs[o].type)
            return sheaf_fail(error, "%s: has no field '%s'; the file was changed", d->path, d->outputs[o].name);
        d->columns[o] = find_column(d, field, d->n_items);
        d->has_texts = d->has_texts || d->outputs[o].type == SHEAF_TEXT;
    }
    d->seconds = find_column(d, n_fields, (d->n_items + d->block - 1) / d->block);
    d->attempts.field = -1;
    if (n_about > 1)
        d->attempts = find_column(d, n_fields + 1, d->n_items);
    d->origin = find_named(d, ORIGIN_NAME, (size_t)d->n_items, d->n_items);
    return 0;
}

/* What its items are: the fields that count, or their prints. */
static int find_inputs(struct donor *d, const struct results_plan *plan, struct sheaf_error *error) {
    d->printed = sheaf_prints_fields(plan, &d->n_prints);
    if (!d->printed)
        return sheaf_fail_memory(error, d->path);
    d->comparable = true;
    if (sheaf_prints_are_kept(plan)) {
        d->kept = find_named(d, INPUT_PRINTS, (size_t)d->n_items * sizeof *d->kept, 2 * d->n_items);
        d->comparable = d->kept != NULL || d->n_items == 0;
        return 0;
    }
    for (int k = 0; k < d->n_prints; k++) {
        const int field = find_field(d, &plan->items->fields[d->printed[k].field], false);
        d->comparable = d->comparable && field >= 0 && d->reader->fields[field].field.type != SHEAF_TEXT;
        d->printed[k].field = field;
    }
    return 0;
}

int sheaf_donor_open(struct donor *d, const char *path, const struct results_plan *plan, struct sheaf_error *error) {
    struct verified found;
    *d = (struct donor){.path = path, .n_outputs = plan->n_outputs, .outputs = plan->outputs};
    if (sheaf_reader_open(&d->reader, path, error) || sheaf_mapping_open(&d->mapping, d->reader->path, error))
        return -1;
    d->n_items = sheaf_reader_n_items(d->reader);
    d->block = sheaf_reader_block(d->reader);
    if (find_outputs(d, error) || find_inputs(d, plan, error))
        return -1;
    sheaf_reader_rest(d->reader);
    int rc = sheaf_verify(d->reader->path, d->reader->stage, &found, error);
    if (rc == 0)
        sheaf_span_list_join(&found.changed[SEGMENT_OUTPUTS], &found.changed_texts[SEGMENT_OUTPUTS], &d->damaged);
    sheaf_verified_free(&found);
    return rc;
}

void sheaf_donor_close(struct donor *d) {
    sheaf_reader_close(d->reader);
    sheaf_mapping_close(&d->mapping);
    free(d->columns);
    free(d->printed);
    *d = (struct donor){0};
}

/* --- what its items are -------------------------------------------------------------------------------------------- */

/* Whether a value of one type is the same number in another, which it becomes. */
static bool convert(enum sheaf_type from, const void *value, enum sheaf_type to, void *as) {
    if (from == to) {
        memcpy(as, value, sheaf_type_bytes(to));
        return true;
    }
    const double number = sheaf_type_to_double(from, value);
    int64_t whole = 0;
    const bool is_whole = number >= -0x1p53 && number <= 0x1p53 && number == (double)(int64_t)number;
    if (is_whole)
        whole = (int64_t)number;
    const int32_t small = (int32_t)whole;
    const uint8_t byte = (uint8_t)whole;
    const float single = (float)number;
    switch (to) {
    case SHEAF_FLOAT64:
        memcpy(as, &number, sizeof number);
        return true;
    case SHEAF_FLOAT32:
        memcpy(as, &single, sizeof single);
        return true;
    case SHEAF_INT64:
        memcpy(as, &whole, sizeof whole);
        return is_whole;
    case SHEAF_INT32:
        memcpy(as, &small, sizeof small);
        return is_whole && small == whole;
    default:
        memcpy(as, &byte, sizeof byte);
        return is_whole && to == SHEAF_UINT8 && byte == whole;
    }
}

/* A column of n values in the type that the kernel takes; an item with a value that is none there differs from all. */
static void *convert_column(enum sheaf_type from, const void *values, enum sheaf_type to, int64_t width, int64_t n,
                            bool *unknown, struct sheaf_arena *arena) {
    char *as = sheaf_arena_take(arena, (size_t)(n * width) * sheaf_type_bytes(to) + 1);
    for (int64_t i = 0; as && i < n * width; i++)
        if (!convert(from, (const char *)values + (size_t)i * sheaf_type_bytes(from), to,
                     as + (size_t)i * sheaf_type_bytes(to)))
            unknown[i / width] = true;
    return as;
}

static int make_prints(struct donor *d, int64_t first, int64_t n, struct print *prints, struct sheaf_arena *arena,
                       struct sheaf_error *error) {
    const void **columns = sheaf_arena_take(arena, ((size_t)d->n_prints + 1) * sizeof *columns);
    int64_t *widths = sheaf_arena_take(arena, ((size_t)d->n_prints + 1) * sizeof *widths);
    bool *unknown = sheaf_arena_take(arena, (size_t)n * sizeof *unknown + 1);
    if (!columns || !widths || !unknown)
        return sheaf_fail_memory(error, d->path);
    for (int k = 0; k < d->n_prints; k++) {
        const struct sheaf_field *about = &d->reader->fields[d->printed[k].field].field;
        const enum sheaf_type own = (enum sheaf_type)about->type, as = d->printed[k].type;
        void *values = sheaf_arena_take(arena, (size_t)n * sheaf_field_row_bytes(about) + 1);
        if (!values)
            return sheaf_fail_memory(error, d->path);
        if (sheaf_reader_range(d->reader, d->printed[k].field, first, n, values, arena, error))
            return -1;
        widths[k] = about->width;
        columns[k] = own == as ? values : convert_column(own, values, as, about->width, n, unknown, arena);
        if (!columns[k])
            return sheaf_fail_memory(error, d->path);
    }
    if (sheaf_prints_of(d->printed, d->n_prints, widths, columns, n, prints, error))
        return -1;
    for (int64_t i = 0; i < n; i++)
        if (unknown[i])
            prints[i] = (struct print){{0}};
    return 0;
}

int sheaf_donor_prints(struct donor *d, int64_t first, int64_t n, struct print *prints, struct sheaf_error *error) {
    struct sheaf_arena arena = {0};
    int rc = 0;
    if (d->kept)
        memcpy(prints, d->kept + first, (size_t)n * sizeof *prints);
    else
        rc = make_prints(d, first, n, prints, &arena, error);
    sheaf_arena_free(&arena);
    return rc;
}

int sheaf_donor_statuses(struct donor *d, int64_t first, int64_t n, uint8_t *status, struct sheaf_error *error) {
    if (sheaf_reader_status(d->reader, first, n, status, error))
        return -1;
    for (int k = 0; k < d->damaged.n_kept; k++) {
        const struct span bad = d->damaged.kept[k];
        const int64_t from = bad.first > first ? bad.first : first;
        const int64_t end = bad.first + bad.n < first + n ? bad.first + bad.n : first + n;
        if (end > from)
            memset(status + (from - first), ITEM_PENDING, (size_t)(end - from));
    }
    return 0;
}

/* --- its rows ------------------------------------------------------------------------------------------------------ */

int sheaf_donor_rows(struct donor *d, const struct donor_column *column, const int64_t *from, int64_t n, void *rows,
                     struct sheaf_arena *arena, struct sheaf_error *error) {
    const size_t n_bytes = column->row_bytes;
    if (!column->rows)
        return sheaf_reader_values(d->reader, column->field, from, n, rows, arena, error);
    for (int64_t i = 0, run; i < n; i += run) {
        for (run = 1; i + run < n && from[i + run] == from[i] + run;)
            run++;
        memcpy((char *)rows + (size_t)i * n_bytes, column->rows + (size_t)from[i] * n_bytes, (size_t)run * n_bytes);
    }
    return 0;
}
