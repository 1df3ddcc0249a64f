/*
 * partition - cuts the pending blocks of a stage into one contiguous partition for each rank. Pure.
 */
#ifndef SHEAF_PLAN_PARTITION_H
#define SHEAF_PLAN_PARTITION_H

#include "plan/span.h"

/* static: as many pending blocks for each rank as for any other, give or take one. partitions[n_ranks] are spans of
   `window` that hold every pending block of it once; done blocks in between count for nothing. */
int sheaf_partition_static(const struct pending *pending, struct span window, int n_ranks, struct span *partitions,
                           struct sheaf_error *error);

/* weighted: contiguous, with the smallest possible largest cost (the linear partition problem, by bisection over the
   answer). cost[n_units] >= 0 is what each unit of the window costs; unit k is blocks k*unit … (k+1)*unit - 1 of the
   window, the last one possibly shorter. partitions[n_ranks] cover the window. */
int sheaf_partition_weighted(const double *cost, int64_t n_units, int64_t unit, struct span window, int n_ranks,
                             struct span *partitions, struct sheaf_error *error);

#endif
