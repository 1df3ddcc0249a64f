/*
 * histogram - how many values lie in each bin, by numpy.histogram's convention: bin k holds edges[k] <= x < edges[k + 1], the last
 * one its right edge too. Plain integers, so that states may be merged in any order. Pure.
 */
#ifndef SHEAF_REDUCE_HISTOGRAM_H
#define SHEAF_REDUCE_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_MOST_BINS = 1 << 20 };

/* Started by sheaf_bins_begin; the edges are borrowed. */
struct bins {
    int64_t n;           /* 1 … HISTOGRAM_MOST_BINS */
    const double *edges; /* [n + 1] increasing, none NaN */
    bool is_even;        /* a bin is guessed from its place, and is at most the next one */
    double scale;        /* then bins in a unit */
};

/* A state, of sheaf_histogram_bytes, which starts as zeros. */
struct histogram {
    int64_t n, n_nan;     /* values that are numbers, and NaN, which is in nothing else */
    int64_t below, above; /* of the former: outside the bins */
    int64_t counts[];     /* [bins.n] */
};

/* Whether the edges increase; then bins can be used. */
bool sheaf_bins_begin(struct bins *bins, const double *edges, int64_t n);

/* The bin of a value, -1 below the first, n above the last; not of NaN. */
int64_t sheaf_bins_find(const struct bins *bins, double x);

size_t sheaf_histogram_bytes(const struct bins *bins);
void sheaf_histogram_add(const struct bins *bins, struct histogram *histogram, double x);
void sheaf_histogram_merge(const struct bins *bins, struct histogram *histogram, const struct histogram *other);

/* The bin with the most values, the first of several; -1 if all are empty. */
int64_t sheaf_histogram_fullest(const struct bins *bins, const struct histogram *histogram);

#endif
