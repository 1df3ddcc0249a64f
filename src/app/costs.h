/*
 * costs - partitions by what items cost: reads a field, or what an earlier run took, and hands it to plan/.
 */
#ifndef SHEAF_APP_COSTS_H
#define SHEAF_APP_COSTS_H

#include "core/error.h"
#include "job/items.h"
#include "job/job.h"
#include "plan/chunk.h"
#include "plan/span.h"

/* Refuses a cost field that the items do not have, also where it will not be needed. */
int sheaf_costs_check(const struct job *job, const struct items *items, struct sheaf_error *error);

/* Cuts the window by the job's cost into partitions[n_ranks] (sheaf_partition_weighted). Done blocks cost
   nothing. Costs are summed over units of blocks, so that memory stays bounded; units are single blocks up to a
   million blocks. Refuses a cost that is negative or not a number. */
int sheaf_costs_partition(const struct job *job, struct items *items, const struct pending *pending,
                          const struct chunk_shape *shape, struct span window, int n_ranks, struct span *partitions,
                          struct sheaf_error *error);

#endif
