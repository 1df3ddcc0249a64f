/*
 * Histograms and quantiles over the rows of a results file. All that is summed of a cell are whole numbers: what is not done, how
 * many values and how many NaN, then counts: of bins, or of digits (reduce/selection), in several passes. So states are merged by
 * adding words.
 */
#include <math.h>
#include <string.h>

#include "app/reducing_inside.h"
#include "plan/status.h"
#include "reduce/histogram.h"
#include "reduce/selection.h"

enum {
    BINS_BYTES = 8 << 20,       /* of the histograms of a piece, at most; where there are more cells, some at a time */
    SELECTION_BYTES = 64 << 20, /* of the counts of digits, likewise */
};

/* The words of a state; those of a histogram are struct histogram behind the first. */
enum { UNDONE, N, N_NAN, HEAD };

/* One reduction, some of its cells. */
struct distribution {
    struct bins bins;             /* of a histogram; else: */
    struct selection *selections; /* [cells of the window] */
    int64_t *places;              /* [cells + 1] words in front of the state of each */
};

static struct histogram *histogram_of(int64_t *state) {
    return (struct histogram *)(void *)(state + N);
}

static bool is_histogram(const struct pass *pass) {
    return pass->r->asked[pass->first].kind == REDUCE_HISTOGRAM;
}

/* --- passing ------------------------------------------------------------------------------------------------------- */

static int64_t histogram_words(const struct bins *bins) {
    return N + (int64_t)(sheaf_histogram_bytes(bins) / sizeof(int64_t));
}

static int64_t words_before(const struct pass *pass, int64_t cell) {
    const struct distribution *d = pass->own;
    return is_histogram(pass) ? cell * histogram_words(&d->bins) : d->places[cell];
}

static size_t bytes(const struct pass *pass, int k) {
    return (size_t)words_before(pass, sheaf_reducing_cells(pass, k)) * sizeof(int64_t);
}

static void add_value(const struct pass *pass, int64_t cell, int64_t *state, double x) {
    const struct distribution *d = pass->own;
    if (is_histogram(pass)) {
        sheaf_histogram_add(&d->bins, histogram_of(state), x);
        return;
    }
    state[N_NAN] += isnan(x) != 0;
    if (isnan(x))
        return;
    state[N]++;
    if (!sheaf_selection_is_done(&d->selections[cell]))
        sheaf_selection_add(&d->selections[cell], state + HEAD, x);
}

/* Items of one cell. */
static void add_run(const struct pass *pass, int64_t cell, int64_t *state, int64_t n, const uint8_t *status,
                    const double *of, const double *where) {
    for (int64_t i = 0; i < n; i++) {
        if (status[i] != ITEM_DONE)
            state[UNDONE] += status[i] != ITEM_SKIPPED;
        else if (!where || where[i] != 0)
            add_value(pass, cell, state, of[i]);
    }
}

static void add(const struct pass *pass, int k, char *states, int64_t first, int64_t n, const uint8_t *status,
                const double *of, const double *where) {
    const struct fold_one *one = &pass->r->list[k];
    for (int64_t at = 0, run; at < n; at += run) {
        run = sheaf_fold_run(one, first + at, n - at);
        const int64_t cell = sheaf_fold_cell(one, first + at) - pass->begin;
        if (cell >= 0 && cell < sheaf_reducing_cells(pass, k))
            add_run(pass, cell, (int64_t *)(void *)states + words_before(pass, cell), run, status + at, of + at,
                    where ? where + at : NULL);
    }
}

static void merge(const struct pass *pass, int k, char *states, const char *others) {
    int64_t *to = (int64_t *)(void *)states;
    const int64_t *from = (const int64_t *)(const void *)others;
    const int64_t n = words_before(pass, sheaf_reducing_cells(pass, k));
    for (int64_t i = 0; i < n; i++)
        to[i] += from[i];
}

static struct pass make_pass(const struct reducing *r, int k, int64_t begin, int64_t end,
                             const struct distribution *d) {
    return (struct pass){
        .r = r, .first = k, .n = 1, .begin = begin, .end = end, .own = d, .bytes = bytes, .add = add, .merge = merge};
}

/* --- histograms ---------------------------------------------------------------------------------------------------- */

static int write_histograms(const struct pass *pass, struct sheaf_arena *arena, struct sheaf_error *error) {
    const int k = pass->first;
    const int64_t n = sheaf_reducing_cells(pass, k), n_bins = pass->r->fields[k].about.width;
    int64_t *values = sheaf_arena_take(arena, (size_t)(n * n_bins) * sizeof *values);
    int64_t(*counts)[REDUCED_COUNTS_MOST] = sheaf_arena_take(arena, (size_t)n * sizeof *counts);
    if (!values || !counts)
        return sheaf_fail_memory(error, "the reductions");
    for (int64_t cell = 0; cell < n; cell++) {
        int64_t *state = (int64_t *)(void *)pass->states[0] + words_before(pass, cell);
        const struct histogram *h = histogram_of(state);
        memcpy(values + cell * n_bins, h->counts, (size_t)n_bins * sizeof *values);
        counts[cell][REDUCED_IN] = h->n;
        counts[cell][REDUCED_NAN] = h->n_nan;
        counts[cell][REDUCED_UNDONE] = state[UNDONE];
        counts[cell][REDUCED_BELOW] = h->below;
        counts[cell][REDUCED_ABOVE] = h->above;
    }
    return sheaf_results_write_reduction(&pass->r->stage->session->results, k, pass->begin, n, values, counts[0],
                                         error);
}

static int do_histograms(const struct reducing *r, int k, struct sheaf_error *error) {
    struct distribution d;
    sheaf_bins_begin(&d.bins, r->asked[k].marks, r->fields[k].about.width);
    const int64_t fit = BINS_BYTES / (histogram_words(&d.bins) * (int64_t)sizeof(int64_t)), cells = fit > 0 ? fit : 1;
    int rc = 0;
    for (int64_t begin = 0; rc == 0 && begin < r->fields[k].n_cells; begin += cells) {
        struct pass pass = make_pass(r, k, begin, begin + cells, &d);
        struct sheaf_arena arena = {0};
        rc = sheaf_reducing_pass(&pass, &arena, error) || write_histograms(&pass, &arena, error) ? -1 : 0;
        sheaf_arena_free(&arena);
    }
    return rc;
}

/* --- quantiles ----------------------------------------------------------------------------------------------------- */

static int make_selections(struct distribution *d, const struct job_reduction *asked, int64_t n,
                           struct sheaf_arena *arena, struct sheaf_error *error) {
    const size_t room = 3 * (size_t)asked->n_marks * sizeof(struct selection_target);
    d->selections = sheaf_arena_take(arena, (size_t)n * sizeof *d->selections);
    d->places = sheaf_arena_take(arena, ((size_t)n + 1) * sizeof *d->places);
    char *rooms = sheaf_arena_take(arena, (size_t)n * room);
    if (!d->selections || !d->places || !rooms)
        return sheaf_fail_memory(error, "the reductions");
    for (int64_t cell = 0; cell < n; cell++)
        sheaf_selection_begin(&d->selections[cell], (int)asked->n_marks, asked->marks, rooms + (size_t)cell * room);
    return 0;
}

/* Where the states of the next pass are; whether there is one. */
static bool place_states(struct distribution *d, int64_t n) {
    bool any = false;
    for (int64_t cell = 0; cell < n; cell++) {
        const bool is_done = sheaf_selection_is_done(&d->selections[cell]);
        d->places[cell + 1] = d->places[cell] + HEAD + (is_done ? 0 : d->selections[cell].n_counts);
        any = any || !is_done;
    }
    return any;
}

/* Each pass counts the same values: the last one tells how many there are. */
static void narrow(const struct pass *pass, struct distribution *d, int64_t n, int64_t (*counts)[REDUCED_COUNTS]) {
    for (int64_t cell = 0; cell < n; cell++) {
        const int64_t *state = (const int64_t *)(const void *)pass->states[0] + d->places[cell];
        counts[cell][REDUCED_IN] = state[N];
        counts[cell][REDUCED_NAN] = state[N_NAN];
        counts[cell][REDUCED_UNDONE] = state[UNDONE];
        if (!sheaf_selection_is_done(&d->selections[cell]))
            sheaf_selection_narrow(&d->selections[cell], state + HEAD);
    }
}

static int write_quantiles(const struct pass *pass, const struct distribution *d, int64_t n,
                           int64_t (*counts)[REDUCED_COUNTS], struct sheaf_arena *arena, struct sheaf_error *error) {
    const struct job_reduction *asked = &pass->r->asked[pass->first];
    double *values = sheaf_arena_take(arena, (size_t)(n * asked->n_marks) * sizeof *values);
    if (!values)
        return sheaf_fail_memory(error, "the reductions");
    for (int64_t cell = 0; cell < n; cell++)
        for (int64_t q = 0; q < asked->n_marks; q++)
            values[cell * asked->n_marks + q] = asked->propagates && counts[cell][REDUCED_NAN] > 0
                                                    ? NAN
                                                    : sheaf_selection_quantile(&d->selections[cell], (int)q);
    return sheaf_results_write_reduction(&pass->r->stage->session->results, pass->first, pass->begin, n, values,
                                         counts[0], error);
}

static int do_cells(struct pass *pass, struct distribution *d, struct sheaf_arena *arena, struct sheaf_error *error) {
    const int64_t n = sheaf_reducing_cells(pass, pass->first);
    int64_t(*counts)[REDUCED_COUNTS] = sheaf_arena_take(arena, (size_t)n * sizeof *counts);
    if (!counts)
        return sheaf_fail_memory(error, "the reductions");
    if (make_selections(d, &pass->r->asked[pass->first], n, arena, error))
        return -1;
    while (place_states(d, n)) {
        struct sheaf_arena own = {0};
        const int rc = sheaf_reducing_pass(pass, &own, error);
        if (rc == 0)
            narrow(pass, d, n, counts);
        sheaf_arena_free(&own);
        if (rc)
            return -1;
    }
    return write_quantiles(pass, d, n, counts, arena, error);
}

static int do_quantiles(const struct reducing *r, int k, struct sheaf_error *error) {
    const int64_t most = 2 * r->asked[k].n_marks * SELECTION_RADIX * (int64_t)sizeof(int64_t); /* of a cell */
    const int64_t cells = SELECTION_BYTES / most;                                              /* at least some */
    int rc = 0;
    for (int64_t begin = 0; rc == 0 && begin < r->fields[k].n_cells; begin += cells) {
        struct distribution d = {0};
        struct sheaf_arena arena = {0};
        struct pass pass = make_pass(r, k, begin, begin + cells, &d);
        rc = do_cells(&pass, &d, &arena, error);
        sheaf_arena_free(&arena);
    }
    return rc;
}

int sheaf_reducing_distributions(const struct reducing *r, struct sheaf_error *error) {
    for (int k = r->n_folded; k < r->n; k++)
        if (r->asked[k].kind == REDUCE_HISTOGRAM ? do_histograms(r, k, error) : do_quantiles(r, k, error))
            return -1;
    return 0;
}
