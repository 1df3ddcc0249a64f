/*
 * selection - exact quantiles of values that are gone through several times, in memory that does not depend on how many there
 * are: each pass counts one more digit of the keys (order.h) that begin as a value that is looked for does. Counts are integers:
 * they may be of parts of the values, merged in any order. Pure.
 *
 *     sheaf_selection_begin(&selection, n, probabilities, room)
 *     while (!sheaf_selection_is_done(&selection)) {
 *         zeroed counts[selection.n_counts]; sheaf_selection_add(&selection, counts, x) for each value that is no NaN;
 *         sheaf_selection_narrow(&selection, counts);
 *     }
 *     sheaf_selection_quantile(&selection, k)
 */
#ifndef SHEAF_REDUCE_SELECTION_H
#define SHEAF_REDUCE_SELECTION_H

#include <stdbool.h>
#include <stdint.h>

enum { SELECTION_BITS = 13 /* of a digit; of the fifth, and last, 12 */, SELECTION_RADIX = 1 << SELECTION_BITS };

/* A value that is looked for: how its key begins, and which it is, from 0, of those that begin so. */
struct selection_target {
    uint64_t prefix;
    int64_t rank;
};

struct selection {
    int n_quantiles;
    const double *probabilities;      /* [n_quantiles] each in [0, 1] */
    int bits;                         /* of keys that are known */
    int64_t n;                        /* values; known after the first pass */
    int n_prefixes;                   /* beginnings that are counted in this pass */
    int64_t n_counts;                 /* [n_prefixes][SELECTION_RADIX] */
    uint64_t *prefixes;               /* [n_prefixes] increasing; in the room */
    struct selection_target *targets; /* [2 n_quantiles] the values on both sides of each quantile; in the room */
};

/* Starts with n probabilities, at least one, which are borrowed as is room for 3 n words of 16 bytes. */
void sheaf_selection_begin(struct selection *selection, int n, const double *probabilities, void *room);

/* Counts a value that is no NaN, in each pass the same ones. */
void sheaf_selection_add(const struct selection *selection, int64_t *counts, double x);

/* Ends a pass over all values. */
void sheaf_selection_narrow(struct selection *selection, const int64_t *counts);

/* Also at once where there was no value. */
bool sheaf_selection_is_done(const struct selection *selection);

/* Quantile k; NaN where there was no value. */
double sheaf_selection_quantile(const struct selection *selection, int k);

#endif
