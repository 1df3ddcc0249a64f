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

/* What the threads of a passing share. */
struct passing {
    struct pass *pass;
    pthread_mutex_t lock;
    pthread_mutex_t reading; /* items are read by one thread at a time */
    atomic_bool failed;
    struct sheaf_error *error; /* of the first that failed, under the lock */
};

int64_t sheaf_reducing_last(const struct pass *pass, int k) {
    const int64_t n = pass->r->fields[k].n_cells;
    return n < pass->end ? n : pass->end;
}

int64_t sheaf_reducing_cells(const struct pass *pass, int k) {
    const int64_t n = sheaf_reducing_last(pass, k) - pass->begin;
    return n > 0 ? n : 0;
}

/* Room for the states of the window; NULL: no memory. */
static char **make_states(const struct pass *pass, struct sheaf_arena *arena) {
    char **states = sheaf_arena_take(arena, ((size_t)pass->n + 1) * sizeof *states);
    for (int k = 0; states && k < pass->n; k++) {
        states[k] = sheaf_arena_take(arena, pass->bytes(pass, pass->first + k));
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
static int read_columns(struct passing *passing, int64_t first, int64_t n, double *const *in, struct sheaf_arena *arena,
                        struct sheaf_error *error) {
    const struct reducing *r = passing->pass->r;
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
        pthread_mutex_lock(&passing->reading);
    const int rc = sheaf_items_read_as(items, first, n, columns, r->types, arena, error);
    if (alone)
        pthread_mutex_unlock(&passing->reading);
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
    return least < sheaf_reducing_last(pass, k) && most >= pass->begin;
}

static bool may_touch_any(const struct pass *pass, int64_t first, int64_t n) {
    for (int k = 0; k < pass->n; k++)
        if (may_touch(pass, pass->first + k, first, n))
            return true;
    return false;
}

static int add_batch(struct passing *passing, int64_t first, int64_t n, char **states, struct sheaf_error *error) {
    const struct pass *pass = passing->pass;
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
    rc = rc ? rc : read_columns(passing, first, n, in, &arena, error);
    if (rc == 0) {
        sheaf_status_judge(status, n, true);
        sheaf_row_formulas_compute(&r->rows, first, n, in, out);
        for (int k = 0; k < pass->n; k++) {
            const struct fold_one *one = &r->list[pass->first + k];
            pass->add(pass, pass->first + k, states[k], first, n, status, out[one->of],
                      one->where < 0 ? NULL : out[one->where]);
        }
    }
    sheaf_arena_free(&arena);
    return rc;
}

/* --- pieces -------------------------------------------------------------------------------------------------------- */

static void merge(const struct pass *pass, char **states) {
    for (int k = 0; k < pass->n; k++)
        pass->merge(pass, pass->first + k, pass->states[k], states[k]);
}

static void do_piece(void *context, int64_t piece) {
    struct passing *passing = context;
    const struct pass *pass = passing->pass;
    const int64_t n_items = pass->r->stage->items.n_items, first = piece * PIECE;
    const int64_t end = n_items - first < PIECE ? n_items : first + PIECE;
    struct sheaf_arena arena = {0};
    struct sheaf_error error = {0};
    if (atomic_load(&passing->failed) || !may_touch_any(pass, first, end - first))
        return;
    char **states = make_states(pass, &arena);
    int rc = states ? 0 : sheaf_fail_memory(&error, "the reductions");
    for (int64_t at = first, n; rc == 0 && at < end; at += n) {
        n = end - at < BATCH ? end - at : BATCH;
        rc = may_touch_any(pass, at, n) ? add_batch(passing, at, n, states, &error) : 0;
    }
    pthread_mutex_lock(&passing->lock);
    if (rc == 0)
        merge(pass, states);
    else if (!atomic_exchange(&passing->failed, true) && passing->error)
        *passing->error = error;
    pthread_mutex_unlock(&passing->lock);
    sheaf_arena_free(&arena);
}

int sheaf_reducing_pass(struct pass *pass, struct sheaf_arena *arena, struct sheaf_error *error) {
    struct passing passing = {.pass = pass, .error = error};
    pass->states = make_states(pass, arena);
    if (!pass->states)
        return sheaf_fail_memory(error, "the reductions");
    pthread_mutex_init(&passing.lock, NULL);
    pthread_mutex_init(&passing.reading, NULL);
    sheaf_crew_do((pass->r->stage->items.n_items + PIECE - 1) / PIECE, do_piece, &passing);
    pthread_mutex_destroy(&passing.reading);
    pthread_mutex_destroy(&passing.lock);
    return atomic_load(&passing.failed) ? -1 : 0;
}

/* --- sums ---------------------------------------------------------------------------------------------------------- */

static size_t sums_bytes(const struct pass *pass, int k) {
    return (size_t)sheaf_reducing_cells(pass, k) * pass->r->list[k].state_bytes;
}

static void add_to_sums(const struct pass *pass, int k, char *states, int64_t first, int64_t n, const uint8_t *status,
                        const double *of, const double *where) {
    sheaf_fold_values(&pass->r->list[k], states, pass->begin, sheaf_reducing_last(pass, k), first, n, status, of,
                      where);
}

static void merge_sums(const struct pass *pass, int k, char *states, const char *others) {
    sheaf_fold_merge_cells(&pass->r->list[k], states, others, sheaf_reducing_cells(pass, k));
}

/* Some reductions, some of their cells. */
static int do_pass(const struct reducing *r, int first, int n, int64_t begin, int64_t end, struct sheaf_error *error) {
    struct pass pass = {.r = r,
                        .first = first,
                        .n = n,
                        .begin = begin,
                        .end = end,
                        .bytes = sums_bytes,
                        .add = add_to_sums,
                        .merge = merge_sums};
    struct sheaf_arena arena = {0};
    int rc = sheaf_reducing_pass(&pass, &arena, error);
    for (int k = first; rc == 0 && k < first + n; k++)
        rc = sheaf_reducing_write(r, k, begin, sheaf_reducing_cells(&pass, k), pass.states[k - first], error);
    sheaf_arena_free(&arena);
    return rc;
}

static int64_t state_bytes(const struct reducing *r, int k) {
    return r->fields[k].n_cells * (int64_t)r->list[k].state_bytes;
}

int sheaf_reducing_rows(const struct reducing *r, struct sheaf_error *error) {
    for (int first = 0, n; first < r->n_folded; first += n) {
        int64_t n_bytes = state_bytes(r, first);
        for (n = 1; first + n < r->n_folded && n_bytes + state_bytes(r, first + n) <= WINDOW_BYTES; n++)
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
