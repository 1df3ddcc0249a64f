/*
 * sketch - quantiles of values that are seen once: how many there are in each of 256 parts of every power of two, of either sign. A
 * value that is read from it is off by 2^-9 of itself at most, or by 2^-1030 below 2^-1022; 0, infinities, the least and the largest
 * are exact. Counts are integers, so that sketches may be merged in any order and give the same. Memory is 2 KB for each power of
 * two that occurs, 8 MB at most. Pure.
 */
#ifndef SHEAF_REDUCE_SKETCH_H
#define SHEAF_REDUCE_SKETCH_H

#include <stdint.h>

#include "core/error.h"

enum { SKETCH_PAGES = 4096, SKETCH_PARTS = 256 };

/* Starts as {0}; release with sheaf_sketch_free. */
struct sketch {
    int64_t n, n_nan;   /* numbers, and NaN, which is in nothing else */
    double least, most; /* of n >= 1 numbers */
    int64_t *pages
        [SKETCH_PAGES]; /* NULL, or [SKETCH_PARTS] counts; page and part are the upper 12 and the next 8 bits of a key (order.h) */
};

int sheaf_sketch_add(struct sketch *sketch, double x, struct sheaf_error *error);
int sheaf_sketch_merge(struct sketch *sketch, const struct sketch *other, struct sheaf_error *error);

/* The quantile of a probability in [0, 1], between the two values that order.h says; NaN where there is no value. */
double sheaf_sketch_quantile(const struct sketch *sketch, double probability);

void sheaf_sketch_free(struct sketch *sketch);

#endif
