#include "reduce/selection.h"

#include <math.h>
#include <stdlib.h>

#include "reduce/order.h"

enum { KEY_BITS = 64 };

void sheaf_selection_begin(struct selection *s, int n, const double *probabilities, void *room) {
    *s = (struct selection){.n_quantiles = n,
                            .probabilities = probabilities,
                            .n_prefixes = 1,
                            .n_counts = SELECTION_RADIX,
                            .targets = room};
    s->prefixes = (uint64_t *)(void *)(s->targets + 2 * n);
    s->prefixes[0] = 0;
}

/* The place of a beginning among those that are counted, or -1. */
static int find_prefix(const struct selection *s, uint64_t prefix) {
    int low = 0, high = s->n_prefixes;
    while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        if (prefix >= s->prefixes[middle])
            low = middle;
        else
            high = middle;
    }
    return s->prefixes[low] == prefix ? low : -1;
}

static int digit_bits(const struct selection *s) {
    return KEY_BITS - s->bits < SELECTION_BITS ? KEY_BITS - s->bits : SELECTION_BITS;
}

void sheaf_selection_add(const struct selection *s, int64_t *counts, double x) {
    const uint64_t key = sheaf_order_key(x);
    const int place = s->bits ? find_prefix(s, key >> (KEY_BITS - s->bits)) : 0;
    if (place < 0)
        return;
    const int width = digit_bits(s);
    const uint64_t digit = key >> (KEY_BITS - s->bits - width) & ((UINT64_C(1) << width) - 1);
    counts[(int64_t)place * SELECTION_RADIX + (int64_t)digit]++;
}

/* How many values there are, and with that which ones are looked for. */
static void find_ranks(struct selection *s, const int64_t *counts) {
    double weight;
    for (int64_t k = 0; k < SELECTION_RADIX; k++)
        s->n += counts[k];
    for (int k = 0; s->n > 0 && k < s->n_quantiles; k++) {
        int64_t rank;
        sheaf_order_place(s->probabilities[k], s->n, &rank, &weight);
        s->targets[2 * k] = (struct selection_target){.rank = rank};
        s->targets[2 * k + 1] = (struct selection_target){.rank = rank + (weight > 0)};
    }
}

static int compare(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Which beginnings are counted next. */
static void list_prefixes(struct selection *s) {
    const int n = 2 * s->n_quantiles;
    for (int k = 0; k < n; k++)
        s->prefixes[k] = s->targets[k].prefix;
    qsort(s->prefixes, (size_t)n, sizeof *s->prefixes, compare);
    s->n_prefixes = 0;
    for (int k = 0; k < n; k++)
        if (s->n_prefixes == 0 || s->prefixes[s->n_prefixes - 1] != s->prefixes[k])
            s->prefixes[s->n_prefixes++] = s->prefixes[k];
    s->n_counts = (int64_t)s->n_prefixes * SELECTION_RADIX;
}

void sheaf_selection_narrow(struct selection *s, const int64_t *counts) {
    const int width = digit_bits(s);
    if (s->bits == 0)
        find_ranks(s, counts);
    for (int k = 0; s->n > 0 && k < 2 * s->n_quantiles; k++) {
        struct selection_target *t = &s->targets[k];
        const int64_t *own = counts + (int64_t)find_prefix(s, t->prefix) * SELECTION_RADIX;
        uint64_t digit = 0;
        for (; t->rank >= own[digit]; digit++)
            t->rank -= own[digit];
        t->prefix = t->prefix << width | digit;
    }
    s->bits += width;
    if (s->n > 0)
        list_prefixes(s);
}

bool sheaf_selection_is_done(const struct selection *s) {
    return s->bits == KEY_BITS || (s->bits > 0 && s->n == 0);
}

double sheaf_selection_quantile(const struct selection *s, int k) {
    int64_t rank;
    double weight;
    if (s->n == 0)
        return NAN;
    sheaf_order_place(s->probabilities[k], s->n, &rank, &weight);
    return sheaf_order_between(sheaf_order_value(s->targets[2 * k].prefix),
                               sheaf_order_value(s->targets[2 * k + 1].prefix), weight);
}
