/*
 * forecast - how long a job takes on so many cores, by the times of some of its blocks. Pure.
 */
#ifndef SHEAF_PLAN_FORECAST_H
#define SHEAF_PLAN_FORECAST_H

#include <stdint.h>

#include "core/error.h"
#include "plan/asked.h"

/* The items of n_pilot blocks (at most all), evenly spread over a job, its first and its last among them. Release with
   sheaf_asked_free. */
int sheaf_pilot_choose(struct asked *asked, int64_t n_items, int64_t block, int64_t n_pilot, struct sheaf_error *error);

/* Seconds of wall time. */
struct forecast {
    double middle;
    double low, high; /* 5 and 95 of 100 */
};

/* Of n_blocks blocks on n_cores, when seconds[n], n ≥ 1, are those of some that were drawn from them; by a bootstrap: all time
   shared evenly or the longest block, whichever is more, up to the case that the longest begins last. The same for the same
   numbers. */
int sheaf_forecast(const double *seconds, int64_t n, int64_t n_blocks, int64_t n_cores, struct forecast *forecast,
                   struct sheaf_error *error);

/* The value below which a share of sorted values[n] lies; n ≥ 1. */
double sheaf_quantile(const double *values, int64_t n, double share);

/* Sorts values[n]. */
void sheaf_sort_doubles(double *values, int64_t n);

#endif
