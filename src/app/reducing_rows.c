/* Reductions over the rows of a results file: pieces of it side by side, each with sums of its own, which are merged. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "app/reducing_inside.h"
#include "core/crew.h"
#include "core/file.h"
#include "core/type.h"
#include "plan/status.h"

enum {
    BATCH = ROW_FORMULAS_BATCH,
    PIECE = 1 << 18,       /* items of which a piece has sums of its own */
    WINDOW_BYTES = 8 << 20 /* of the sums of a piece, at most; where there are more cells, some at a time */
};

/* Reductions [first, first + n), of which cells `begin` … `end` - 1 are summed now, from all items. */
struct pass {
    const struct reducing *r;
    int first, n;
    int64_t begin, end; /* of each; end is cut to the cells that a reduction has */
    char **states;      /* [n] of these cells, to which pieces are merged under the lock */
    pthread_mutex_t lock;
    pthread_mutex_t reading; /* items are read by one thread at a time */
    atomic_bool failed;
    struct sheaf_error *error; /* of the first that failed, under the lock */
};

static int64_t last_cell(const struct pass *pass, int k) {
    const int64_t n = pass->r->fields[k].n_cells;
    return n < pass->end ? n : pass->end;
}

static int64_t n_cells(const struct pass *pass, int k) {
    const int64_t n = last_cell(pass, k) - pass->begin;
    return n > 0 ? n : 0;
}

/* Room for the sums of the window; NULL: no memory. */
static char **make_states(const struct pass *pass, struct sheaf_arena *arena) {
    char **states = sheaf_arena_take(arena, ((size_t)pass->n + 1) * sizeof *states);
    for (int k = 0; states && k < pass->n; k++) {
        states[k] = sheaf_arena_take(arena, (size_t)n_cells(pass, pass->first + k) *
                                                pass->r->list[pass->first + k].state_bytes);
        if (!states[k])
            return NULL;
    }
    return states;
}

/* --- rows ---------------------------------------------------------------------------------------------------------- */

/* An output's values, from the file. */
static int read_output(const struct reducing *r, int output, int64_t first, int64_t n, double *to,
                       struct sheaf_error *error) {
    const struct results *results = &r->stage->session->results;
    const struct row_column *column = &results->sink.layout.columns[output];
    char room[8 * BATCH];
    if (sheaf_file_pread(results->fd, room, (size_t)n * column->row_bytes,
                         column->offset + first * (off_t)column->row_bytes, results->path, error))
        return -1;
    const struct sheaf_field *field = &r->stage->kernel.outputs[output];
    sheaf_type_to_doubles(field->type, room, n, to);
    return 0;
}

/* The columns that the formulas read. */
static int read_columns(struct pass *pass, int64_t first, int64_t n, double *const *in, struct sheaf_arena *arena,
                        struct sheaf_error *error) {
    const struct reducing *r = pass->r;
    struct items *items = &r->stage->items;
    void **columns = sheaf_arena_take(arena, ((size_t)items->n_fields + 1) * sizeof *columns);
    bool any = false;
    if (!columns)
        return sheaf_fail_memory(error, "the reductions");
    for (int k = 0; k < r->rows.formulas.n_inputs; k++) {
        const int field = r->rows.formulas.inputs[k];
        if (field < items->n_fields) {
            columns[field] = in[k];
            any = true;
        } else if (read_output(r, field - items->n_fields, first, n, in[k], error)) {
            return -1;
        }
    }
    if (!any)
        return 0;
    const bool alone = !sheaf_items_are_generated(items);
    if (alone)
        pthread_mutex_lock(&pass->reading);
    const int rc = sheaf_items_read_as(items, first, n, columns, r->types, arena, error);
    if (alone)
        pthread_mutex_unlock(&pass->reading);
    return rc;
}

/* Items from one value of each dimension to the next. */
static void find_strides(const struct extent *extent, int64_t below[EXTENT_MOST]) {
    below[extent->n_dims - 1] = 1;
    for (int d = extent->n_dims - 2; d >= 0; d--)
        below[d] = below[d + 1] * extent->dims[d + 1].size;
}

/* Whether a cell of items first … first + n - 1 may be among those of the pass: they have the same values of the outer axes, those
   between their ends of one, and may have any of the inner ones. */
static bool may_touch(const struct pass *pass, int k, int64_t first, int64_t n) {
    const struct fold_one *one = &pass->r->list[k];
    const struct reduction_field *field = &pass->r->fields[k];
    const struct extent extent = sheaf_items_extent(&pass->r->stage->items);
    int64_t below[EXTENT_MOST], least = 0, most = 0;
    bool all = false; /* values of the axes that are left */
    find_strides(&extent, below);
    for (int d = 0, kept = 0; kept < field->n_dims; d++) {
        const int64_t size = extent.dims[d].size, from = all ? 0 : first / below[d] % size;
        const int64_t to = all ? size - 1 : (first + n - 1) / below[d] % size;
        if (field->dims[kept] == d) {
            least += from * one->axes[kept].stride;
            most += to * one->axes[kept++].stride;
        }
        all = all || from != to;
    }
    return least < last_cell(pass, k) && most >= pass->begin;
}

static bool may_touch_any(const struct pass *pass, int64_t first, int64_t n) {
    for (int k = 0; k < pass->n; k++)
        if (may_touch(pass, pass->first + k, first, n))
            return true;
    return false;
}

static int add_batch(struct pass *pass, int64_t first, int64_t n, char **states, struct sheaf_error *error) {
    const struct reducing *r = pass->r;
    const struct results *results = &r->stage->session->results;
    struct sheaf_arena arena = {0};
    uint8_t status[BATCH];
    double **in, **out;
    int rc =
        sheaf_row_formulas_columns(&r->rows, n, &in, &out, &arena) ? sheaf_fail_memory(error, "the reductions") : 0;
    rc = rc ? rc
            : sheaf_file_pread(results->fd, status, (size_t)n, results->sink.layout.status_offset + first,
                               results->path, error);
    rc = rc ? rc : read_columns(pass, first, n, in, &arena, error);
    if (rc == 0) {
        sheaf_status_judge(status, n, true);
        sheaf_row_formulas_compute(&r->rows, first, n, in, out);
        for (int k = 0; k < pass->n; k++) {
            const struct fold_one *one = &r->list[pass->first + k];
            sheaf_fold_values(one, states[k], pass->begin, last_cell(pass, pass->first + k), first, n, status,
                              out[one->of], one->where < 0 ? NULL : out[one->where]);
        }
    }
    sheaf_arena_free(&arena);
    return rc;
}

/* --- pieces -------------------------------------------------------------------------------------------------------- */

static void merge(const struct pass *pass, char **states) {
    for (int k = 0; k < pass->n; k++)
        sheaf_fold_merge_cells(&pass->r->list[pass->first + k], pass->states[k], states[k],
                               n_cells(pass, pass->first + k));
}

static void do_piece(void *context, int64_t piece) {
    struct pass *pass = context;
    const int64_t n_items = pass->r->stage->items.n_items, first = piece * PIECE;
    const int64_t end = n_items - first < PIECE ? n_items : first + PIECE;
    struct sheaf_arena arena = {0};
    struct sheaf_error error = {0};
    if (atomic_load(&pass->failed) || !may_touch_any(pass, first, end - first))
        return;
    char **states = make_states(pass, &arena);
    int rc = states ? 0 : sheaf_fail_memory(&error, "the reductions");
    for (int64_t at = first, n; rc == 0 && at < end; at += n) {
        n = end - at < BATCH ? end - at : BATCH;
        rc = may_touch_any(pass, at, n) ? add_batch(pass, at, n, states, &error) : 0;
    }
    pthread_mutex_lock(&pass->lock);
    if (rc == 0)
        merge(pass, states);
    else if (!atomic_exchange(&pass->failed, true) && pass->error)
        *pass->error = error;
    pthread_mutex_unlock(&pass->lock);
    sheaf_arena_free(&arena);
}

/* --- passes -------------------------------------------------------------------------------------------------------- */

/* Some reductions, some of their cells. */
static int do_pass(const struct reducing *r, int first, int n, int64_t begin, int64_t end, struct sheaf_error *error) {
    struct pass pass = {.r = r, .first = first, .n = n, .begin = begin, .end = end, .error = error};
    struct sheaf_arena arena = {0};
    pthread_mutex_init(&pass.lock, NULL);
    pthread_mutex_init(&pass.reading, NULL);
    pass.states = make_states(&pass, &arena);
    int rc = pass.states ? 0 : sheaf_fail_memory(error, "the reductions");
    if (rc == 0) {
        sheaf_crew_do((r->stage->items.n_items + PIECE - 1) / PIECE, do_piece, &pass);
        rc = atomic_load(&pass.failed) ? -1 : 0;
    }
    for (int k = 0; rc == 0 && k < n; k++)
        rc = sheaf_reducing_write(r, first + k, begin, n_cells(&pass, first + k), pass.states[k], error);
    pthread_mutex_destroy(&pass.reading);
    pthread_mutex_destroy(&pass.lock);
    sheaf_arena_free(&arena);
    return rc;
}

static int64_t state_bytes(const struct reducing *r, int k) {
    return r->fields[k].n_cells * (int64_t)r->list[k].state_bytes;
}

int sheaf_reducing_rows(const struct reducing *r, struct sheaf_error *error) {
    for (int first = 0, n; first < r->n; first += n) {
        int64_t n_bytes = state_bytes(r, first);
        for (n = 1; first + n < r->n && n_bytes + state_bytes(r, first + n) <= WINDOW_BYTES; n++)
            n_bytes += state_bytes(r, first + n);
        const int64_t cells = n_bytes <= WINDOW_BYTES ? INT64_MAX : WINDOW_BYTES / (int64_t)r->list[first].state_bytes;
        for (int64_t begin = 0; begin == 0 || begin < r->fields[first].n_cells; begin += cells) {
            if (do_pass(r, first, n, begin, cells == INT64_MAX ? INT64_MAX : begin + cells, error))
                return -1;
            if (cells == INT64_MAX)
                break;
        }
    }
    return 0;
}
