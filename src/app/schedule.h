/*
 * schedule - who computes what: chooses the policy, cuts the work, and makes the pool that a rank's threads draw from.
 */
#ifndef SHEAF_APP_SCHEDULE_H
#define SHEAF_APP_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/comm.h"
#include "core/error.h"
#include "job/items.h"
#include "job/job.h"
#include "plan/chunk.h"
#include "plan/handout.h"
#include "plan/pool.h"
#include "plan/span.h"

struct schedule {
    enum job_policy policy;    /* what was chosen, not JOB_AUTO */
    const char *why;           /* a few words where the choice was ours, else NULL */
    struct handout handout;    /* rank 0 */
    struct pending pending;    /* rank 0: what it hands out */
    struct pool *pool;         /* of this rank, or of its node */
    bool leads;                /* this rank feeds it */
    bool eager;                /* what it is given no other pool could have taken */
    int index;                 /* of the pool, for the hand-out */
    int n_pools, n_pool_ranks; /* in all; ranks that share this one */
    void *own;                 /* memory of a pool of this rank alone */
};

/* Chooses a policy, the same on all ranks, and cuts the pending blocks of the window on rank 0; `items` and `pending`
   are rank 0's. Collective; agrees on the outcome. Release with sheaf_schedule_close. */
int sheaf_schedule_open(struct schedule *schedule, struct comm *comm, const struct job *job, struct items *items,
                        const struct pending *pending, const struct chunk_shape *shape, struct span window,
                        struct sheaf_error *error);

/* Makes the pool for chunks of this rank's shape. Collective; agrees on the outcome. */
int sheaf_schedule_open_pool(struct schedule *schedule, struct comm *comm, const struct chunk_shape *shape,
                             struct sheaf_error *error);

/* Afterwards: the blocks of `pending` one at a time, on rank 0's pool, all others having nothing to do. Collective;
   agrees on the outcome. */
int sheaf_schedule_alone(struct schedule *schedule, struct comm *comm, const struct pending *pending,
                         struct span window, struct sheaf_error *error);

void sheaf_schedule_close(struct schedule *schedule);

/* "dynamic", … */
const char *sheaf_schedule_name(enum job_policy policy);

#endif
