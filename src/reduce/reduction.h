/*
 * reduction - what becomes of many values: their sum, mean, spread, extremes, number. States may be merged in any order and give
 * the same bits. Pure.
 */
#ifndef SHEAF_REDUCE_REDUCTION_H
#define SHEAF_REDUCE_REDUCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/kernel.h>

/* As they are called in job files (sheaf_reduction_names). */
enum reduction_kind {
    REDUCE_SUM,
    REDUCE_MEAN,
    REDUCE_VARIANCE,       /* of a sample: over n - 1 */
    REDUCE_STD,            /* its root */
    REDUCE_STANDARD_ERROR, /* of the mean: the root of the variance over n */
    REDUCE_MIN,
    REDUCE_MAX,
    REDUCE_ARGMIN, /* the item that has it, the first of several */
    REDUCE_ARGMAX,
    REDUCE_COUNT,     /* values that are not 0 */
    REDUCE_HISTOGRAM, /* how many are in each bin; this and the next are distributions: several results a cell */
    REDUCE_QUANTILES,
    REDUCE_KINDS
};

/* What is counted of each cell: values that went in, values that were no number, items that failed or are pending. */
enum { REDUCED_IN, REDUCED_NAN, REDUCED_UNDONE, REDUCED_COUNTS };

/* Behind them, of a histogram: values that are outside of the bins. */
enum { REDUCED_BELOW = REDUCED_COUNTS, REDUCED_ABOVE, REDUCED_COUNTS_MOST };

/* A reduction as people see it. */
struct reduced {
    const char *name, *unit;  /* unit: of a histogram that of its bins; or NULL */
    enum reduction_kind kind; /* of what is no distribution any one */
    int64_t n_cells;
    int64_t width;       /* results of a cell: bins, probabilities; 1 else */
    const double *marks; /* of a distribution: [width + 1] the edges of the bins, [width] the probabilities */
    bool is_whole;       /* results are int64, else float64 */
    /* what follows is of the only cell */
    double number;
    int64_t whole;
    const double *numbers; /* [width] of quantiles */
    const int64_t *wholes; /* [width] of a histogram */
    int64_t counts[REDUCED_COUNTS_MOST];
};

extern const char *const sheaf_reduction_names[REDUCE_KINDS];

/* int64 of what is an item or a number of them, else float64. */
enum sheaf_type sheaf_reduction_type(enum reduction_kind kind);

/* Whether the result has the unit of the values. */
bool sheaf_reduction_keeps_unit(enum reduction_kind kind);

/* Whether a cell has several results, which reduce/histogram and reduce/selection work out; what follows here is of the others. */
bool sheaf_reduction_is_distribution(enum reduction_kind kind);

/* How many counts are kept of a cell. */
int sheaf_reduction_n_counts(enum reduction_kind kind);

/* Bytes of a state, which starts as zeros. */
size_t sheaf_reduction_bytes(enum reduction_kind kind);

/* Adds the value of an item; NaN is counted, and changes nothing else. */
void sheaf_reduction_add(enum reduction_kind kind, void *state, int64_t item, double x);

/* Adds the values of items first … first + n - 1: the same, faster. */
void sheaf_reduction_add_many(enum reduction_kind kind, void *state, int64_t first, const double *x, int64_t n);

/* Whether it matters which item has a value. */
bool sheaf_reduction_has_item(enum reduction_kind kind);

void sheaf_reduction_merge(enum reduction_kind kind, void *state, const void *other);

/* How many values went in, and how many were NaN. */
int64_t sheaf_reduction_n(const void *state);
int64_t sheaf_reduction_n_nan(const void *state);

/* The result, as its type: a double or an int64_t. Without a value NaN, or -1 of an item, and 0 of sums and numbers. Where NaN
   propagates, one makes NaN, or -1, of it. */
void sheaf_reduction_end(enum reduction_kind kind, const void *state, bool propagates, void *result);

#endif
