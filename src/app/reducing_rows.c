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
    for (int64_t i = 0; i < n; i++)
        to[i] = sheaf_type_to_double(field->type, room + (size_t)i * column->row_bytes);
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

/* The cell of an item. */
static int64_t find_cell(const struct reduction *one, const struct reduction_field *field, const struct extent *extent,
                         const int64_t *below, int64_t item) {
    int64_t cell = 0;
    for (int k = 0; k < field->n_dims; k++)
        cell += item / below[field->dims[k]] % extent->dims[field->dims[k]].size * one->strides[k];
    return cell;
}

/* Whether a cell of items first … first + n - 1 may be among those of the pass: they have the same values of the outer axes, those
   between their ends of one, and may have any of the inner ones. */
static bool may_touch(const struct pass *pass, int k, int64_t first, int64_t n) {
    const struct reduction *one = &pass->r->list[k];
    const struct reduction_field *field = &pass->r->fields[k];
    const struct extent extent = sheaf_items_extent(&pass->r->stage->items);
    int64_t below[EXTENT_MOST], least = 0, most = 0;
    bool all = false; /* values of the axes that are left */
    find_strides(&extent, below);
    for (int d = 0, kept = 0; kept < field->n_dims; d++) {
        const int64_t size = extent.dims[d].size, from = all ? 0 : first / below[d] % size;
        const int64_t to = all ? size - 1 : (first + n - 1) / below[d] % size;
        if (field->dims[kept] == d) {
            least += from * one->strides[kept];
            most += to * one->strides[kept++];
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

/* Adds items first … first + n - 1, of which formula values are in out, to the sums of a reduction. */
static void add_values(const struct pass *pass, int k, char *states, int64_t first, int64_t n, const uint8_t *status,
                       double *const *out) {
    const struct reduction *one = &pass->r->list[k];
    const struct reduction_field *field = &pass->r->fields[k];
    const struct extent extent = sheaf_items_extent(&pass->r->stage->items);
    int64_t below[EXTENT_MOST];
    find_strides(&extent, below);
    const int64_t last = last_cell(pass, k);
    for (int64_t i = 0; i < n; i++) {
        const int64_t cell = field->n_dims ? find_cell(one, field, &extent, below, first + i) : 0;
        if (cell < pass->begin || cell >= last)
            continue;
        char *state = states + (size_t)(cell - pass->begin) * one->state_bytes;
        if (status[i] != ITEM_DONE)
            *(int64_t *)(void *)state += status[i] != ITEM_SKIPPED; /* what is left out is missed by nobody */
        else if (one->where < 0 || out[one->where][i] != 0)
            sheaf_reduction_add(one->asked->kind, state + sizeof(int64_t), first + i, out[one->of][i]);
    }
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
        for (int k = 0; k < pass->n; k++)
            add_values(pass, pass->first + k, states[k], first, n, status, out);
    }
    sheaf_arena_free(&arena);
    return rc;
}

/* --- pieces -------------------------------------------------------------------------------------------------------- */

static void merge(const struct pass *pass, char **states) {
    for (int k = 0; k < pass->n; k++) {
        const struct reduction *one = &pass->r->list[pass->first + k];
        for (int64_t cell = 0; cell < n_cells(pass, pass->first + k); cell++) {
            char *to = pass->states[k] + (size_t)cell * one->state_bytes;
            const char *from = states[k] + (size_t)cell * one->state_bytes;
            *(int64_t *)(void *)to += *(const int64_t *)(const void *)from;
            sheaf_reduction_merge(one->asked->kind, to + sizeof(int64_t), from + sizeof(int64_t));
        }
    }
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

/* --- results ------------------------------------------------------------------------------------------------------- */

static int write_cells(const struct pass *pass, int k, const char *states, struct sheaf_error *error) {
    enum { CELLS = 512 };
    const struct reduction *one = &pass->r->list[k];
    char values[CELLS * 8];
    int64_t counts[CELLS][REDUCED_COUNTS];
    for (int64_t at = 0, n, all = n_cells(pass, k); at < all; at += n) {
        n = all - at < CELLS ? all - at : CELLS;
        for (int64_t i = 0; i < n; i++) {
            const char *state = states + (size_t)(at + i) * one->state_bytes;
            memcpy(&counts[i][REDUCED_UNDONE], state, sizeof(int64_t));
            counts[i][REDUCED_IN] = sheaf_reduction_n(state + sizeof(int64_t));
            counts[i][REDUCED_NAN] = sheaf_reduction_n_nan(state + sizeof(int64_t));
            sheaf_reduction_end(one->asked->kind, state + sizeof(int64_t), one->asked->propagates, values + 8 * i);
        }
        if (sheaf_results_write_reduction(&pass->r->stage->session->results, k, pass->begin + at, n, values, counts[0],
                                          error))
            return -1;
    }
    return 0;
}

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
        rc = write_cells(&pass, first + k, pass.states[k], error);
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

int sheaf_reducing_read(const struct reducing *r, int k, struct reduced *value, struct sheaf_error *error) {
    const struct results *results = &r->stage->session->results;
    const struct reduction_place *at = &results->reductions[k];
    return sheaf_file_pread(results->fd, &value->number, 8, at->values, results->path, error) ||
                   sheaf_file_pread(results->fd, &value->whole, 8, at->values, results->path, error) ||
                   sheaf_file_pread(results->fd, value->counts, sizeof value->counts, at->counts, results->path, error)
               ? -1
               : 0;
}
