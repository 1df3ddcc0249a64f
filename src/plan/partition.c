#include "plan/partition.h"

#include <stdbool.h>
#include <stdlib.h>

int sheaf_pending_count(const struct pending *pending, int64_t from, int64_t end, int64_t *n_blocks,
                        struct sheaf_error *error) {
    struct span run;
    for (*n_blocks = 0; from < end; from = run.first + run.n) {
        if (pending->next(pending->self, from, end, &run, error))
            return -1;
        if (run.n == 0)
            break;
        *n_blocks += run.n;
    }
    return 0;
}

int sheaf_partition_static(const struct pending *pending, struct span window, int n_ranks, struct span *partitions,
                           struct sheaf_error *error) {
    int64_t n_pending, seen = 0, end = window.first + window.n, at = window.first;
    struct span run = {window.first, 0};
    if (sheaf_pending_count(pending, window.first, end, &n_pending, error))
        return -1;
    for (int rank = 0; rank < n_ranks; rank++) {
        /* Rank r's partition ends behind pending block number `upto`; no product that could overflow. */
        int64_t share = n_pending / n_ranks, rest = n_pending % n_ranks;
        int64_t upto = share * (rank + 1) + (rank + 1 < rest ? rank + 1 : rest);
        while (seen < upto) {
            if (run.n == 0 && pending->next(pending->self, run.first, end, &run, error))
                return -1;
            if (run.n == 0)
                return sheaf_fail(error, "the pending blocks changed while they were counted");
            int64_t taken = run.n < upto - seen ? run.n : upto - seen;
            seen += taken;
            run.first += taken;
            run.n -= taken;
        }
        int64_t until = rank + 1 == n_ranks ? end : run.first;
        partitions[rank] = (struct span){at, until - at};
        at = until;
    }
    return 0;
}

/* Cuts greedily so that no part costs more than `most`: ends[n_ranks] are the units behind each part. True if n_ranks
   parts are enough. */
static bool cut(const double *cost, int64_t n_units, int n_ranks, double most, int64_t *ends) {
    int64_t at = 0;
    for (int rank = 0; rank < n_ranks; rank++) {
        double sum = 0;
        while (at < n_units && sum + cost[at] <= most)
            sum += cost[at++];
        ends[rank] = at;
    }
    return at == n_units;
}

int sheaf_partition_weighted(const double *cost, int64_t n_units, int64_t unit, struct span window, int n_ranks,
                             struct span *partitions, struct sheaf_error *error) {
    double low = 0, high = 0;
    int64_t *ends = malloc((size_t)n_ranks * sizeof *ends);
    if (!ends)
        return sheaf_fail_memory(error, "the partitions");
    for (int64_t i = 0; i < n_units; i++) {
        high += cost[i];
        low = cost[i] > low ? cost[i] : low;
    }
    if (cut(cost, n_units, n_ranks, low, ends))
        high = low;
    /* `high` is always enough and `low` never (or they are equal): bisect until no double lies between. */
    while (high > low) {
        double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high)
            break;
        if (cut(cost, n_units, n_ranks, middle, ends))
            high = middle;
        else
            low = middle;
    }
    cut(cost, n_units, n_ranks, high, ends);
    for (int rank = 0; high == 0 && rank < n_ranks; rank++) /* nothing costs anything: as many for each */
        ends[rank] = n_units / n_ranks * (rank + 1) + n_units % n_ranks * (rank + 1) / n_ranks;
    int64_t at = 0;
    for (int rank = 0; rank < n_ranks; rank++) {
        int64_t end = ends[rank] == n_units ? window.n : ends[rank] * unit;
        partitions[rank] = (struct span){window.first + at, end - at};
        at = end;
    }
    free(ends);
    return 0;
}
