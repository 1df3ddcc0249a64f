#include "plan/forecast.h"

#include <math.h>
#include <stdlib.h>

#include "core/random.h"

enum { DRAWS = 1000, MOST_DRAWN = 1000 };

int sheaf_pilot_choose(struct asked *asked, int64_t n_items, int64_t block, int64_t n_pilot,
                       struct sheaf_error *error) {
    const int64_t n_blocks = (n_items + block - 1) / block, n = n_pilot < n_blocks ? n_pilot : n_blocks;
    *asked = (struct asked){.spans = calloc((size_t)n + 1, sizeof *asked->spans)};
    if (!asked->spans)
        return sheaf_fail_memory(error, "the pilot's items");
    for (int64_t k = 0; k < n; k++) {
        /* k (n_blocks - 1) / (n - 1) without what would not fit */
        const int64_t whole = n > 1 ? (n_blocks - 1) / (n - 1) : 0, rest = n > 1 ? (n_blocks - 1) % (n - 1) : 0;
        const int64_t at = n > 1 ? k * whole + k * rest / (n - 1) : 0, first = at * block;
        const int64_t n_own = n_items - first < block ? n_items - first : block;
        struct span *last = asked->n ? &asked->spans[asked->n - 1] : NULL;
        if (last && last->first + last->n == first)
            last->n += n_own;
        else
            asked->spans[asked->n++] = (struct span){first, n_own};
    }
    return 0;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void sheaf_sort_doubles(double *values, int64_t n) {
    qsort(values, (size_t)n, sizeof *values, compare);
}

double sheaf_quantile(const double *values, int64_t n, double share) {
    const double at = share * (double)(n - 1);
    const int64_t low = (int64_t)floor(at), high = low + 1 < n ? low + 1 : low;
    return values[low] + (at - (double)low) * (values[high] - values[low]);
}

/* One draw of as many blocks as are known: when all are through at best and at worst. */
static void draw(const double *seconds, int64_t n, double blocks_a_core, double late, struct sheaf_random *stream,
                 double *best, double *worst) {
    const int64_t n_drawn = n < MOST_DRAWN ? n : MOST_DRAWN;
    double sum = 0, longest = 0;
    for (int64_t i = 0; i < n_drawn; i++) {
        double u;
        sheaf_random_uniform(stream, 1, &u);
        const double one = seconds[(int64_t)(u * (double)n)];
        sum += one;
        longest = one > longest ? one : longest;
    }
    const double shared = sum / (double)n_drawn * blocks_a_core;
    *best = shared > longest ? shared : longest;
    *worst = shared + longest * late;
}

int sheaf_forecast(const double *seconds, int64_t n, int64_t n_blocks, int64_t n_cores, struct forecast *forecast,
                   struct sheaf_error *error) {
    double *best = malloc(2 * DRAWS * sizeof *best), *worst = best + DRAWS;
    const double cores = (double)(n_cores < n_blocks ? n_cores : n_blocks);
    struct sheaf_random stream;
    if (!best)
        return sheaf_fail_memory(error, "the forecast");
    sheaf_random_begin(&stream, 0, 0);
    for (int k = 0; k < DRAWS; k++)
        draw(seconds, n, cores > 0 ? (double)n_blocks / cores : 0, cores > 0 ? 1 - 1 / cores : 0, &stream, &best[k],
             &worst[k]);
    sheaf_sort_doubles(best, DRAWS);
    sheaf_sort_doubles(worst, DRAWS);
    *forecast = (struct forecast){.middle = sheaf_quantile(best, DRAWS, 0.5),
                                  .low = sheaf_quantile(best, DRAWS, 0.05),
                                  .high = sheaf_quantile(worst, DRAWS, 0.95)};
    free(best);
    return 0;
}
