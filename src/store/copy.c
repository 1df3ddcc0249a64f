#include "store/copy.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/crew.h"
#include "core/file.h"
#include "core/type.h"
#include "store/h5.h"

struct copying {
    struct items *items;
    const hid_t *datasets;
    hid_t text;
    const char *path;
    struct sheaf_error *error;
    off_t *offsets; /* [n_fields] of datasets that are written beside HDF5; -1: of others */
    int fd;         /* for these, */
    int64_t rows;   /* and so many rows at a time */
    atomic_bool failed;
};

/* --- by several threads -------------------------------------------------------------------------------------------- */

static bool is_beside(const struct copying *c, int field) {
    return c->offsets[field] >= 0;
}

/* Reads rows and writes them, with columns[n_fields] and bytes of room for those that are beside. */
static int move_rows(const struct copying *c, int64_t first, int64_t n, void **columns, char *bytes,
                     struct sheaf_error *error) {
    const struct items *items = c->items;
    for (int k = 0; k < items->n_fields; k++) {
        columns[k] = is_beside(c, k) ? bytes : NULL;
        bytes += columns[k] ? (size_t)n * sheaf_field_row_bytes(&items->fields[k]) : 0;
    }
    if (items->source->read_beside(items, first, n, columns, error))
        return -1;
    for (int k = 0; k < items->n_fields; k++) {
        const size_t row_bytes = sheaf_field_row_bytes(&items->fields[k]);
        if (columns[k] && sheaf_file_pwrite(c->fd, columns[k], (size_t)n * row_bytes,
                                            c->offsets[k] + first * (off_t)row_bytes, c->path, error))
            return -1;
    }
    return 0;
}

static size_t beside_row_bytes(const struct copying *c) {
    size_t row_bytes = 0;
    for (int k = 0; k < c->items->n_fields; k++)
        row_bytes += is_beside(c, k) ? sheaf_field_row_bytes(&c->items->fields[k]) : 0;
    return row_bytes;
}

static int move_piece(const struct copying *c, int64_t piece, struct sheaf_error *error) {
    const int64_t first = piece * c->rows, left = c->items->n_items - first, n = left < c->rows ? left : c->rows;
    void **columns = calloc((size_t)c->items->n_fields, sizeof *columns);
    char *bytes = malloc((size_t)n * beside_row_bytes(c));
    int rc = columns && bytes ? move_rows(c, first, n, columns, bytes, error)
                              : sheaf_fail_memory(error, "copying the items");
    free(columns);
    free(bytes);
    return rc;
}

static void try_piece(void *context, int64_t piece) {
    struct copying *c = context;
    struct sheaf_error ignored;
    if (!atomic_load(&c->failed) && move_piece(c, piece, &ignored))
        atomic_store(&c->failed, true);
}

/* Finds the datasets that can be written beside HDF5; whether there are any. */
static bool find_offsets(struct copying *c) {
    bool any = false;
    for (int k = 0; k < c->items->n_fields; k++) {
        const bool may =
            c->items->source->read_beside && c->items->fields[k].type != SHEAF_TEXT && c->items->n_items > 0;
        const haddr_t at = may ? H5Dget_offset(c->datasets[k]) : HADDR_UNDEF;
        c->offsets[k] = at == HADDR_UNDEF ? -1 : (off_t)at;
        any = any || is_beside(c, k);
    }
    H5Eclear2(H5E_DEFAULT);
    return any;
}

/* What goes wrong is said of the first piece that it happens to, one after the other. */
static int copy_beside(struct copying *c) {
    enum { MOST_ROWS = 16384, STEP = 512 /* where rows are found */, MOST_BYTES = 4 << 20 };
    const int64_t fit = (int64_t)(MOST_BYTES / beside_row_bytes(c)) / STEP * STEP;
    c->rows = fit > MOST_ROWS ? MOST_ROWS : fit > 0 ? fit : STEP;
    const int64_t n_pieces = (c->items->n_items + c->rows - 1) / c->rows;
    c->fd = open(c->path, O_WRONLY | O_CLOEXEC);
    if (c->fd < 0)
        return sheaf_fail_errno(c->error, "%s: cannot open for writing", c->path);
    sheaf_crew_do(n_pieces, try_piece, c);
    int rc = 0;
    for (int64_t k = 0; rc == 0 && atomic_load(&c->failed) && k < n_pieces; k++)
        rc = move_piece(c, k, c->error);
    if (close(c->fd) && rc == 0)
        rc = sheaf_fail_errno(c->error, "%s: cannot close", c->path);
    struct sheaf_error change; /* says it better than a value that cannot be read */
    if (sheaf_items_unchanged(c->items, &change) == 0)
        return rc;
    if (c->error)
        *c->error = change;
    return -1;
}

/* --- through HDF5 -------------------------------------------------------------------------------------------------- */

static int write_rows(const struct copying *c, int k, int64_t first, int64_t n, const void *values) {
    const struct sheaf_field *field = &c->items->fields[k];
    const hid_t type = field->type == SHEAF_TEXT ? c->text : sheaf_h5_type(field->type);
    return sheaf_h5_write_rows(c->datasets[k], type, first, n, field->width, values)
               ? sheaf_h5_fail(c->error, c->path, "write an input field")
               : 0;
}

/* Terminated copies of texts, as HDF5 wants them; a NUL inside ends a text. */
static char **terminate(const struct sheaf_text *texts, int64_t n, struct sheaf_arena *arena) {
    char **copies = sheaf_arena_take(arena, (size_t)n * sizeof *copies);
    for (int64_t i = 0; copies && i < n; i++) {
        copies[i] = sheaf_arena_text(arena, texts[i].data, texts[i].length);
        if (!copies[i])
            return NULL;
    }
    return copies;
}

static int copy_window(const struct copying *c, struct sheaf_buffer *columns, int64_t first, int64_t n) {
    struct items *items = c->items;
    struct sheaf_arena arena = {0};
    int rc = -1;
    void **to = sheaf_arena_take(&arena, (size_t)items->n_fields * sizeof *to);
    if (!to) {
        sheaf_fail_memory(c->error, "copying the items");
        goto out;
    }
    for (int k = 0; k < items->n_fields; k++)
        to[k] = is_beside(c, k) ? NULL : columns[k].data;
    if (sheaf_items_read(items, first, n, to, &arena, c->error))
        goto out;
    for (int k = 0; k < items->n_fields; k++) {
        const struct sheaf_field *field = &items->fields[k];
        void *values = to[k];
        if (is_beside(c, k))
            continue;
        if (field->type == SHEAF_TEXT)
            values = terminate(to[k], n * field->width, &arena);
        if (!values) {
            sheaf_fail_memory(c->error, "copying the items");
            goto out;
        }
        if (write_rows(c, k, first, n, values))
            goto out;
    }
    rc = 0;
out:
    sheaf_arena_free(&arena);
    return rc;
}

/* The fields that are not beside. */
static int copy_windows(const struct copying *c) {
    struct items *items = c->items;
    const int64_t rows = sheaf_items_window(items);
    struct sheaf_buffer *columns = calloc((size_t)items->n_fields + 1, sizeof *columns);
    int rc = columns ? 0 : sheaf_fail_memory(c->error, "copying the items"), n_fields = 0;
    for (int k = 0; rc == 0 && k < items->n_fields; k++)
        if (!is_beside(c, k)) {
            n_fields++;
            rc = sheaf_buffer_resize(&columns[k], (size_t)rows * sheaf_field_row_bytes(&items->fields[k]), c->error);
        }
    for (int64_t first = 0; rc == 0 && n_fields > 0 && first < items->n_items; first += rows)
        rc = copy_window(c, columns, first, items->n_items - first < rows ? items->n_items - first : rows);
    for (int k = 0; columns && k < items->n_fields; k++)
        sheaf_buffer_free(&columns[k]);
    free(columns);
    return rc;
}

int sheaf_copy_items(struct items *items, const hid_t *datasets, hid_t text, const char *path,
                     struct sheaf_error *error) {
    struct copying c = {.items = items, .datasets = datasets, .text = text, .path = path, .error = error};
    c.offsets = calloc((size_t)items->n_fields + 1, sizeof *c.offsets);
    if (!c.offsets)
        return sheaf_fail_memory(error, "copying the items");
    int rc = find_offsets(&c) ? copy_beside(&c) : 0;
    if (rc == 0)
        rc = copy_windows(&c);
    free(c.offsets);
    return rc;
}
