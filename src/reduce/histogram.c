#include "reduce/histogram.h"

#include <math.h>

/* Where a value should lie if all bins had the same width. */
static int64_t guess(const struct bins *b, double x) {
    const double place = (x - b->edges[0]) * b->scale;
    return place < 0 ? 0 : place < (double)b->n ? (int64_t)place : b->n - 1;
}

bool sheaf_bins_begin(struct bins *b, const double *edges, int64_t n) {
    *b = (struct bins){.n = n, .edges = edges, .scale = (double)n / (edges[n] - edges[0])};
    bool increases = n >= 1 && n <= HISTOGRAM_MOST_BINS;
    for (int64_t k = 0; increases && k < n; k++)
        increases = edges[k] < edges[k + 1]; /* also where one is NaN */
    b->is_even = increases && isfinite(b->scale) && b->scale > 0;
    for (int64_t k = 0; b->is_even && k < n; k++) {
        const int64_t at = guess(b, edges[k]);
        b->is_even = at >= k - 1 && at <= k + 1;
    }
    return increases;
}

/* The last k with edges[k] <= x, which is less than n. */
static int64_t search(const struct bins *b, double x) {
    int64_t low = 0, high = b->n;
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (x >= b->edges[middle])
            low = middle;
        else
            high = middle;
    }
    return low;
}

int64_t sheaf_bins_find(const struct bins *b, double x) {
    if (x < b->edges[0])
        return -1;
    if (x >= b->edges[b->n])
        return x == b->edges[b->n] ? b->n - 1 : b->n;
    if (!b->is_even)
        return search(b, x);
    int64_t k = guess(b, x); /* the edges themselves decide */
    while (x < b->edges[k])
        k--;
    while (x >= b->edges[k + 1])
        k++;
    return k;
}

size_t sheaf_histogram_bytes(const struct bins *b) {
    return sizeof(struct histogram) + (size_t)b->n * sizeof(int64_t);
}

void sheaf_histogram_add(const struct bins *b, struct histogram *h, double x) {
    if (isnan(x)) {
        h->n_nan++;
        return;
    }
    const int64_t k = sheaf_bins_find(b, x);
    h->n++;
    h->below += k < 0;
    h->above += k == b->n;
    if (k >= 0 && k < b->n)
        h->counts[k]++;
}

void sheaf_histogram_merge(const struct bins *b, struct histogram *h, const struct histogram *other) {
    h->n += other->n;
    h->n_nan += other->n_nan;
    h->below += other->below;
    h->above += other->above;
    for (int64_t k = 0; k < b->n; k++)
        h->counts[k] += other->counts[k];
}

int64_t sheaf_histogram_fullest(const struct bins *b, const struct histogram *h) {
    int64_t best = -1;
    for (int64_t k = 0; k < b->n; k++)
        if (h->counts[k] > (best < 0 ? 0 : h->counts[best]))
            best = k;
    return best;
}
