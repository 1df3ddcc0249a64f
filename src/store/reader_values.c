/* The reader's values: rows of fields, with texts that are not yet packed. */
#include "store/reader_inside.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/file.h"
#include "core/interrupt.h"
#include "core/type.h"
#include "job/items.h"
#include "plan/journal_index.h"
#include "plan/row_sink.h"
#include "plan/status.h"
#include "store/failures.h"
#include "store/h5.h"
#include "store/heap.h"
#include "store/identity.h"
#include "store/inputs.h"
#include "store/layout.h"
#include "store/run_table.h"
#include "sweep/sweep.h"

/* --- texts that are not yet packed ------------------------------------------------------------------------------- */

/* Looks for them once. They may be packed at this moment; then neither the file as it was opened nor the journals have
   them. */
static int find_unpacked(struct reader *r, struct sheaf_error *error) {
    struct stat now;
    if (sheaf_journal_index_open(&r->journals, r->path, r->token, error) ||
        sheaf_journal_index_scan(r->journals, 0, r->n_items, error))
        return -1;
    if (stat(r->path, &now) || now.st_ino != r->inode || now.st_dev != r->device)
        return sheaf_fail(error, "%s: was replaced while it was read, as when its texts are packed; look again",
                          r->path);
    return 0;
}

/* Puts texts of the journals in the place of those that HDF5 gave. */
static int merge_unpacked(struct reader *r, int32_t output, int64_t first, int64_t n, const char **texts,
                          struct sheaf_arena *arena, struct sheaf_error *error) {
    if (r->token == 0)
        return 0;
    if (!r->journals && find_unpacked(r, error)) {
        sheaf_journal_index_close(r->journals);
        r->journals = NULL;
        return -1;
    }
    for (int64_t i = 0; i < n; i++) {
        const struct journal_entry *entry = sheaf_journal_index_find(r->journals, first + i, output);
        if (!entry)
            continue;
        char *text = sheaf_arena_take(arena, (size_t)entry->n_bytes + 1); /* zeroed: it is terminated */
        if (!text)
            return sheaf_fail_memory(error, "texts");
        if (sheaf_journal_index_read(r->journals, entry, text, error))
            return -1;
        texts[i] = text;
    }
    return 0;
}

/* --- values -------------------------------------------------------------------------------------------------------- */

static int read_rows(struct reader *r, hid_t dataset, const char *name, hid_t type, int64_t first, int64_t n,
                     int64_t width, void *to, struct sheaf_error *error) {
    if (n == 0)
        return 0;
    sheaf_reader_begin(r, name);
    const int bad = sheaf_h5_read_rows(dataset, type, first, n, width, to);
    sheaf_interrupt_end_reading(&r->reading);
    return bad ? sheaf_h5_fail_dataset(error, r->path, name) : 0;
}

/* Moves the strings that HDF5 gave into the arena. */
static int keep_texts(char **texts, int64_t n, struct sheaf_arena *arena, struct sheaf_error *error) {
    int rc = 0;
    for (int64_t i = 0; i < n; i++) {
        char *text = texts[i], *kept = sheaf_arena_text(arena, text ? text : "", text ? strlen(text) : 0);
        H5free_memory(text);
        texts[i] = kept;
        rc = kept ? rc : sheaf_fail_memory(error, "texts");
    }
    return rc;
}

/* For items first … first + n - 1 the seconds of their blocks: as many as there are blocks are read to the end of
   `values`, and spread from there. */
static int spread_seconds(struct reader *r, int64_t first, int64_t n, float *values, struct sheaf_error *error) {
    if (n == 0)
        return 0;
    int64_t from = first / r->block, n_blocks = (first + n - 1) / r->block - from + 1;
    float *read = values + n - n_blocks;
    if (sheaf_reader_seconds(r, from, n_blocks, read, error))
        return -1;
    for (int64_t i = 0; i < n; i++) /* block b's value stands at or behind the items that it is spread to */
        values[i] = read[(first + i) / r->block - from];
    return 0;
}

/* Bytes of one item's values as the reader gives them. */
static size_t row_bytes(const struct sheaf_field *f) {
    return (f->type == SHEAF_TEXT ? sizeof(char *) : sheaf_type_bytes(f->type)) * (size_t)f->width;
}

/* n rows of the field's dataset, as they lie there. */
static int read_values(struct reader *r, int field, int64_t first, int64_t n, void *values, struct sheaf_arena *arena,
                       struct sheaf_error *error) {
    const struct sheaf_field *f = &r->fields[field].field;
    if (f->type != SHEAF_TEXT)
        return read_rows(r, r->datasets[field], f->name, sheaf_h5_type(f->type), first, n, f->width, values, error);
    if (read_rows(r, r->datasets[field], f->name, r->text, first, n, f->width, values, error))
        return -1;
    const bool bad = sheaf_heap_check(r->fd, r->path, r->datasets[field], first * f->width, n * f->width, values);
    if (keep_texts(values, n * f->width, arena, error) || bad)
        return bad ? sheaf_h5_fail_dataset(error, r->path, f->name) : -1;
    return 0;
}

/* Of a coordinate: its values for items first … first + n - 1. All of a long axis are not read for a few. */
static int spread_coordinates(struct reader *r, int field, int64_t first, int64_t n, void *values,
                              struct sheaf_arena *arena, struct sheaf_error *error) {
    const int axis = r->fields[field].axis;
    const int64_t size = r->extent.dims[axis].size;
    const size_t n_bytes = row_bytes(&r->fields[field].field);
    int64_t stride = 1;
    for (int d = r->extent.n_dims - 1; d > axis; d--)
        stride *= r->extent.dims[d].size;
    const int64_t low = first / stride, n_values = n > 0 ? (first + n - 1) / stride - low + 1 : 0;
    if (size <= ROWS || low % size + n_values > size) {
        const void *own = sheaf_reader_coordinates(r, field, error);
        if (own && n > 0)
            sheaf_sweep_spread(own, n_bytes, size, stride, first, n, values);
        return own ? 0 : -1;
    }
    char *own = sheaf_arena_take(arena, (size_t)n_values * n_bytes);
    if (!own)
        return sheaf_fail_memory(error, "coordinates");
    if (read_values(r, field, low % size, n_values, own, arena, error))
        return -1;
    sheaf_sweep_spread(own, n_bytes, n_values, stride, first - low * stride, n, values);
    return 0;
}

int sheaf_reader_range(struct reader *r, int field, int64_t first, int64_t n, void *values, struct sheaf_arena *arena,
                       struct sheaf_error *error) {
    const int32_t output = r->fields[field].output;
    if (field == r->n_fields)
        return spread_seconds(r, first, n, values, error);
    if (r->fields[field].axis >= 0)
        return spread_coordinates(r, field, first, n, values, arena, error);
    if (read_values(r, field, first, n, values, arena, error))
        return -1;
    return output >= 0 && r->fields[field].field.type == SHEAF_TEXT
               ? merge_unpacked(r, output, first, n, values, arena, error)
               : 0;
}

/* Room for all values of a field, [n] of them. */
static char *make_whole(struct reader *r, int field, int64_t n, struct sheaf_error *error) {
    if (!r->whole)
        r->whole = calloc((size_t)(r->n_fields + r->n_about), sizeof *r->whole);
    char *all = r->whole ? malloc((size_t)n * row_bytes(&r->fields[field].field) + 1) : NULL;
    if (!all)
        sheaf_fail_memory(error, "a field");
    return all;
}

int sheaf_reader_along(struct reader *r, int field, int64_t first, int64_t n, void *values, struct sheaf_arena *arena,
                       struct sheaf_error *error) {
    return read_values(r, field, first, n, values, arena, error);
}

const void *sheaf_reader_coordinates(struct reader *r, int field, struct sheaf_error *error) {
    const int64_t size = r->extent.dims[r->fields[field].axis].size;
    if (r->whole && r->whole[field])
        return r->whole[field];
    char *all = make_whole(r, field, size, error);
    if (all && read_values(r, field, 0, size, all, &r->arena, error)) {
        free(all);
        return NULL;
    }
    if (all)
        r->whole[field] = all;
    return all;
}

static int read_whole(struct reader *r, int field, struct sheaf_error *error) {
    const size_t n_bytes = row_bytes(&r->fields[field].field);
    char *all = make_whole(r, field, r->n_items, error);
    for (int64_t first = 0; all && first < r->n_items; first += ROWS) {
        const int64_t n = r->n_items - first < ROWS ? r->n_items - first : ROWS;
        if (sheaf_reader_range(r, field, first, n, all + (size_t)first * n_bytes, &r->arena, error)) {
            free(all);
            return -1;
        }
    }
    if (all)
        r->whole[field] = all;
    return all ? 0 : -1;
}

/* Single values of a dataset, wherever they are. */
static int read_these(struct reader *r, hid_t dataset, const char *name, hid_t type, const int64_t *items, int64_t n,
                      void *to, struct sheaf_error *error) {
    sheaf_reader_begin(r, name);
    const int bad = sheaf_h5_read_these(dataset, type, items, n, to);
    sheaf_interrupt_end_reading(&r->reading);
    return bad ? sheaf_h5_fail_dataset(error, r->path, name) : 0;
}

static bool are_adjacent(const int64_t *items, int64_t n) {
    for (int64_t i = 1; i < n; i++)
        if (items[i] != items[0] + i)
            return false;
    return n > 0;
}

int sheaf_reader_values(struct reader *r, int field, const int64_t *items, int64_t n, void *values,
                        struct sheaf_arena *arena, struct sheaf_error *error) {
    enum {
        SCATTERED = 512,
        FEW = 16
    }; /* reading so many rows one by one costs more than reading all; of so many items */
    const struct sheaf_field *f = &r->fields[field].field;
    const bool is_axis = r->fields[field].axis >= 0;
    const bool is_long = f->type == SHEAF_TEXT && r->fields[field].output >= 0; /* all of it may not fit in memory */
    if (are_adjacent(items, n))
        return sheaf_reader_range(r, field, items[0], n, values, arena, error);
    if (f->type != SHEAF_TEXT && f->width == 1 && !is_axis && field != r->n_fields && n > 1 && n < r->n_items / FEW)
        return read_these(r, r->datasets[field], f->name, sheaf_h5_type(f->type), items, n, values, error);
    if (n > SCATTERED && !is_axis && !is_long && !(r->whole && r->whole[field]) && read_whole(r, field, error))
        return -1;
    for (int64_t i = 0; i < n; i++) {
        char *to = (char *)values + (size_t)i * row_bytes(f);
        if (!is_axis && r->whole && r->whole[field])
            memcpy(to, r->whole[field] + (size_t)items[i] * row_bytes(f), row_bytes(f));
        else if (sheaf_reader_range(r, field, items[i], 1, to, arena, error))
            return -1;
    }
    return 0;
}

int sheaf_reader_statuses(struct reader *r, const int64_t *items, int64_t n, uint8_t *status,
                          struct sheaf_error *error) {
    if (n > 0 && read_these(r, r->status, "status", H5T_NATIVE_UINT8, items, n, status, error))
        return -1;
    sheaf_status_judge(status, n, r->trusts_unsafe);
    return 0;
}

int sheaf_reader_status(struct reader *r, int64_t first, int64_t n, uint8_t *status, struct sheaf_error *error) {
    if (read_rows(r, r->status, "status", H5T_NATIVE_UINT8, first, n, 1, status, error))
        return -1;
    sheaf_status_judge(status, n, r->trusts_unsafe);
    return 0;
}

int64_t sheaf_reader_block(const struct reader *r) {
    return r->block;
}

int sheaf_reader_seconds(struct reader *r, int64_t first, int64_t n, float *seconds, struct sheaf_error *error) {
    return read_rows(r, r->seconds, "seconds", H5T_NATIVE_FLOAT, first, n, 1, seconds, error);
}

int sheaf_reader_last_run(struct reader *r, struct run_record *run, struct sheaf_error *error) {
    sheaf_reader_begin(r, GROUP "/runs");
    int rc = sheaf_run_table_last(r->file, r->path, run, error);
    sheaf_interrupt_end_reading(&r->reading);
    return rc;
}
