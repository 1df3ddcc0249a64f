#include "reduce/reduction.h"

#include <math.h>
#include <string.h>

#include "reduce/exact.h"

const char *const sheaf_reduction_names[REDUCE_KINDS] = {
    "sum", "mean",   "variance", "std",   "standard_error", "min",
    "max", "argmin", "argmax",   "count", "histogram",      "quantiles"};

/* Each kind uses as much of it as it needs. */
struct state {
    int64_t n, n_nan;
    double extreme;
    int64_t item; /* that has it; of a count how many are not 0 */
    struct exact_sum sum;
    struct exact_squares squares;
};

static bool has_squares(enum reduction_kind kind) {
    return kind == REDUCE_VARIANCE || kind == REDUCE_STD || kind == REDUCE_STANDARD_ERROR;
}

static bool has_sum(enum reduction_kind kind) {
    return kind == REDUCE_SUM || kind == REDUCE_MEAN || has_squares(kind);
}

static bool wants_least(enum reduction_kind kind) {
    return kind == REDUCE_MIN || kind == REDUCE_ARGMIN;
}

enum sheaf_type sheaf_reduction_type(enum reduction_kind kind) {
    return kind == REDUCE_ARGMIN || kind == REDUCE_ARGMAX || kind == REDUCE_COUNT || kind == REDUCE_HISTOGRAM
               ? SHEAF_INT64
               : SHEAF_FLOAT64;
}

bool sheaf_reduction_keeps_unit(enum reduction_kind kind) {
    return sheaf_reduction_type(kind) == SHEAF_FLOAT64 && kind != REDUCE_VARIANCE;
}

bool sheaf_reduction_is_distribution(enum reduction_kind kind) {
    return kind == REDUCE_HISTOGRAM || kind == REDUCE_QUANTILES;
}

int sheaf_reduction_n_counts(enum reduction_kind kind) {
    return kind == REDUCE_HISTOGRAM ? REDUCED_COUNTS_MOST : REDUCED_COUNTS;
}

size_t sheaf_reduction_bytes(enum reduction_kind kind) {
    return has_squares(kind) ? sizeof(struct state)
           : has_sum(kind)   ? offsetof(struct state, squares)
                             : offsetof(struct state, sum);
}

/* Whether x at an item comes before what is there. */
static bool is_better(enum reduction_kind kind, const struct state *s, double x, int64_t item) {
    if (s->n == 0)
        return true;
    if (x == s->extreme)
        return item < s->item;
    return wants_least(kind) ? x < s->extreme : x > s->extreme;
}

void sheaf_reduction_add(enum reduction_kind kind, void *state, int64_t item, double x) {
    struct state *s = state;
    if (isnan(x)) {
        s->n_nan++;
        return;
    }
    if (has_sum(kind)) {
        sheaf_exact_add(&s->sum, x);
        if (has_squares(kind))
            sheaf_exact_add_square(&s->squares, x);
    } else if (kind == REDUCE_COUNT) {
        s->item += x != 0;
    } else if (is_better(kind, s, x, item)) {
        s->extreme = x;
        s->item = item;
    }
    s->n++;
}

bool sheaf_reduction_has_item(enum reduction_kind kind) {
    return !has_sum(kind) && kind != REDUCE_COUNT && !sheaf_reduction_is_distribution(kind);
}

/* The sum counts what is NaN, and sums and squares have nothing of it. */
static void add_to_sums(enum reduction_kind kind, struct state *s, const double *x, int64_t n) {
    sheaf_exact_add_many(&s->sum, has_squares(kind) ? &s->squares : NULL, x, n);
    s->n += n - s->sum.n_nan;
    s->n_nan += s->sum.n_nan;
    s->sum.n -= s->sum.n_nan;
    s->sum.n_nan = 0;
}

static int64_t count_nan(const double *x, int64_t n) {
    int64_t n_nan = 0;
    for (int64_t i = 0; i < n; i++)
        n_nan += isnan(x[i]) != 0;
    return n_nan;
}

static void add_to_count(struct state *s, const double *x, int64_t n) {
    const int64_t n_nan = count_nan(x, n);
    int64_t n_other = 0;
    for (int64_t i = 0; i < n; i++)
        n_other += x[i] != 0; /* NaN too */
    s->item += n_other - n_nan;
    s->n += n - n_nan;
    s->n_nan += n_nan;
}

/* The first of the least values from number k on, which is no NaN: that comes before nothing. */
static int64_t find_least(const double *x, int64_t k, int64_t n) {
    double least = x[k];
    for (int64_t i = k + 1; i < n; i++)
        if (x[i] < least)
            least = x[k = i];
    return k;
}

static int64_t find_most(const double *x, int64_t k, int64_t n) {
    double most = x[k];
    for (int64_t i = k + 1; i < n; i++)
        if (x[i] > most)
            most = x[k = i];
    return k;
}

/* The first of the values that come before all others alone may come before what is there. */
static void add_to_extreme(enum reduction_kind kind, struct state *s, int64_t first, const double *x, int64_t n) {
    const int64_t n_nan = count_nan(x, n);
    int64_t best = 0;
    while (best < n && isnan(x[best]))
        best++;
    if (best < n)
        best = wants_least(kind) ? find_least(x, best, n) : find_most(x, best, n);
    if (best < n && is_better(kind, s, x[best], first + best)) {
        s->extreme = x[best];
        s->item = first + best;
    }
    s->n += n - n_nan;
    s->n_nan += n_nan;
}

void sheaf_reduction_add_many(enum reduction_kind kind, void *state, int64_t first, const double *x, int64_t n) {
    if (has_sum(kind))
        add_to_sums(kind, state, x, n);
    else if (kind == REDUCE_COUNT)
        add_to_count(state, x, n);
    else
        add_to_extreme(kind, state, first, x, n);
}

void sheaf_reduction_merge(enum reduction_kind kind, void *state, const void *other) {
    struct state *s = state;
    const struct state *o = other;
    if (has_sum(kind)) {
        sheaf_exact_merge(&s->sum, &o->sum);
        if (has_squares(kind))
            sheaf_exact_merge_squares(&s->squares, &o->squares);
    } else if (kind == REDUCE_COUNT) {
        s->item += o->item;
    } else if (o->n > 0 && is_better(kind, s, o->extreme, o->item)) {
        s->extreme = o->extreme;
        s->item = o->item;
    }
    s->n += o->n;
    s->n_nan += o->n_nan;
}

int64_t sheaf_reduction_n(const void *state) {
    return ((const struct state *)state)->n;
}

int64_t sheaf_reduction_n_nan(const void *state) {
    return ((const struct state *)state)->n_nan;
}

static double end_number(enum reduction_kind kind, const struct state *s) {
    switch (kind) {
    case REDUCE_SUM:
        return sheaf_exact_sum(&s->sum);
    case REDUCE_MEAN:
        return sheaf_exact_mean(&s->sum);
    case REDUCE_VARIANCE:
        return sheaf_exact_variance(&s->sum, &s->squares, 1, 1);
    case REDUCE_STD:
        return sqrt(sheaf_exact_variance(&s->sum, &s->squares, 1, 1));
    case REDUCE_STANDARD_ERROR:
        return s->n > 1 ? sqrt(sheaf_exact_variance(&s->sum, &s->squares, 1, s->n)) : NAN;
    default:
        return s->n > 0 ? s->extreme : NAN;
    }
}

void sheaf_reduction_end(enum reduction_kind kind, const void *state, bool propagates, void *result) {
    const struct state *s = state;
    const bool spoilt = propagates && s->n_nan > 0;
    if (sheaf_reduction_type(kind) == SHEAF_INT64) {
        const int64_t value = kind == REDUCE_COUNT && !spoilt ? s->item : s->n == 0 || spoilt ? -1 : s->item;
        memcpy(result, &value, sizeof value);
    } else {
        const double value = spoilt ? NAN : end_number(kind, s);
        memcpy(result, &value, sizeof value);
    }
}
