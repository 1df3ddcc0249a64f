#include "reduce/sketch.h"

#include <math.h>
#include <stdlib.h>

#include "reduce/order.h"

enum { PART_BITS = 8, REST_BITS = 44 /* of a key, which are forgotten */ };

static int64_t *find_page(struct sketch *s, uint64_t page, struct sheaf_error *error) {
    if (!s->pages[page] && !(s->pages[page] = calloc(SKETCH_PARTS, sizeof *s->pages[page])))
        sheaf_fail_memory(error, "quantiles");
    return s->pages[page];
}

static void widen(struct sketch *s, double least, double most) {
    s->least = s->n == 0 || least < s->least ? least : s->least;
    s->most = s->n == 0 || most > s->most ? most : s->most;
}

int sheaf_sketch_add(struct sketch *s, double x, struct sheaf_error *error) {
    if (isnan(x)) {
        s->n_nan++;
        return 0;
    }
    const uint64_t part = sheaf_order_key(x) >> REST_BITS;
    int64_t *page = find_page(s, part >> PART_BITS, error);
    if (!page)
        return -1;
    widen(s, x, x);
    page[part % SKETCH_PARTS]++;
    s->n++;
    return 0;
}

int sheaf_sketch_merge(struct sketch *s, const struct sketch *other, struct sheaf_error *error) {
    for (int k = 0; k < SKETCH_PAGES; k++)
        if (other->pages[k] && !find_page(s, (uint64_t)k, error))
            return -1;
    for (int k = 0; k < SKETCH_PAGES; k++)
        for (int i = 0; other->pages[k] && i < SKETCH_PARTS; i++)
            s->pages[k][i] += other->pages[k][i];
    if (other->n > 0)
        widen(s, other->least, other->most);
    s->n += other->n;
    s->n_nan += other->n_nan;
    return 0;
}

/* The middle of a part; of those next to 0 and of infinities these. */
static double middle(const struct sketch *s, uint64_t part) {
    const uint64_t first = part << REST_BITS;
    const double from = sheaf_order_value(first), to = sheaf_order_value(first + (UINT64_C(1) << REST_BITS) - 1);
    double x = isfinite(from) && isfinite(to) ? from + (to - from) / 2 : isinf(from) ? from : to;
    if (fabs(x) < 0x1p-1030)
        x = 0;
    return x < s->least ? s->least : x > s->most ? s->most : x;
}

/* The value of a rank, from 0. */
static double find(const struct sketch *s, int64_t rank) {
    if (rank == 0)
        return s->least;
    for (uint64_t k = 0; k < SKETCH_PAGES; k++)
        for (uint64_t i = 0; s->pages[k] && i < SKETCH_PARTS; i++)
            if ((rank -= s->pages[k][i]) < 0)
                return middle(s, k << PART_BITS | i);
    return s->most;
}

double sheaf_sketch_quantile(const struct sketch *s, double probability) {
    int64_t rank;
    double weight;
    if (s->n == 0)
        return NAN;
    sheaf_order_place(probability, s->n, &rank, &weight);
    const double here = rank == s->n - 1 ? s->most : find(s, rank);
    const double next = weight > 0 ? rank + 1 == s->n - 1 ? s->most : find(s, rank + 1) : here;
    return sheaf_order_between(here, next, weight);
}

void sheaf_sketch_free(struct sketch *s) {
    for (int k = 0; s && k < SKETCH_PAGES; k++)
        free(s->pages[k]);
}
