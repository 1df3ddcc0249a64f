#include "app/schedule.h"

#include <stdlib.h>

#include "app/costs.h"
#include "core/type.h"
#include "plan/parcel.h"
#include "plan/partition.h"

static const size_t grain_bytes = (size_t)1 << 19;     /* of its rows: they stay in a cache until they are written */
static const size_t most_pool_bytes = (size_t)1 << 28; /* of a node, which lie in /dev/shm */

static const size_t chunk_bytes = (size_t)1 << 20;   /* of a chunk, at most: a pool should have many; */
static const size_t chunks_bytes = (size_t)96 << 20; /* and of one for each pool: rank 0 may have them all in hand */
static const size_t least_chunk_bytes = (size_t)256 << 10;

/* Bytes that chunks may have in a run with so many pools: a block fits in any case. */
static size_t find_chunk_bytes(const struct chunk_shape *shape, int n_pools) {
    size_t most = chunks_bytes / (size_t)n_pools, block = sheaf_chunk_most_bytes(shape, 1);
    most = most < chunk_bytes ? most : chunk_bytes;
    most = most > least_chunk_bytes ? most : least_chunk_bytes;
    if (sheaf_chunk_block_bytes(shape) == 0)
        return block;
    return most > block ? most : block;
}

const char *sheaf_schedule_name(enum job_policy policy) {
    static const char *const names[] = {
        [JOB_AUTO] = "auto", [JOB_STATIC] = "static", [JOB_WEIGHTED] = "weighted", [JOB_DYNAMIC] = "dynamic"};
    return names[policy];
}

/* What auto means here. */
static void choose_policy(struct schedule *s, const struct job *job, const struct comm_self *self, size_t pool_bytes,
                          bool has_room) {
    s->policy = job->policy;
    if (job->policy != JOB_AUTO)
        return;
    if (self->n_ranks == 1) {
        s->policy = JOB_STATIC;
        s->why = "one rank, whose threads share the work";
    } else if (job->cost) {
        s->policy = JOB_WEIGHTED;
        s->why = "the job tells what items cost";
    } else if (pool_bytes > most_pool_bytes) {
        s->policy = JOB_STATIC;
        s->why = "items are too large to lie in memory that ranks share";
    } else if (!has_room) {
        s->policy = JOB_STATIC;
        s->why = "/dev/shm has no room for what ranks would share";
    } else {
        s->policy = JOB_DYNAMIC;
        s->why = "whoever is free takes the next items";
    }
}

/* Rank 0 cuts the work; partitions[n_pools]. */
static int cut(struct schedule *s, const struct job *job, struct items *items, const struct chunk_shape *shape,
               struct span window, struct sheaf_error *error) {
    if (s->policy == JOB_DYNAMIC)
        return sheaf_handout_open_dynamic(&s->handout, &s->pending, window, s->n_pools, error);
    struct span *partitions = calloc((size_t)s->n_pools, sizeof *partitions);
    if (!partitions)
        return sheaf_fail_memory(error, "the partitions");
    int rc = s->policy == JOB_WEIGHTED
                 ? sheaf_costs_partition(job, items, &s->pending, shape, window, s->n_pools, partitions, error)
                 : sheaf_partition_static(&s->pending, window, s->n_pools, partitions, error);
    if (rc == 0)
        rc = sheaf_handout_open_partitions(&s->handout, &s->pending, partitions, s->n_pools, error);
    free(partitions);
    return rc;
}

int sheaf_schedule_open(struct schedule *s, struct comm *comm, const struct job *job, struct items *items,
                        const struct pending *pending, const struct chunk_shape *shape, struct span window,
                        struct sheaf_error *error) {
    const struct comm_self self = sheaf_comm_self(comm);
    *s = (struct schedule){0};
    const size_t pool_bytes = sheaf_pool_bytes(find_chunk_bytes(shape, self.n_nodes));
    struct sheaf_error ignored;
    bool has_room = self.node_rank != 0 || sheaf_comm_has_room(comm, pool_bytes);
    has_room = sheaf_comm_agree(comm, has_room ? 0 : -1, &ignored) == 0;
    choose_policy(s, job, &self, pool_bytes, has_room);
    const bool shared = s->policy == JOB_DYNAMIC;
    s->n_pools = shared ? self.n_nodes : self.n_ranks;
    s->index = shared ? self.node : self.rank;
    s->leads = !shared || self.node_rank == 0;
    s->eager = !shared || self.n_nodes == 1;
    s->n_pool_ranks = shared ? self.n_node_ranks : 1;
    int rc = 0;
    if (self.rank == 0) {
        s->pending = *pending;
        rc = sheaf_costs_check(job, items, error);
        rc = rc ? rc : cut(s, job, items, shape, window, error);
    }
    return sheaf_comm_agree(comm, rc, error);
}

int sheaf_schedule_open_pool(struct schedule *s, struct comm *comm, const struct chunk_shape *shape,
                             struct sheaf_error *error) {
    size_t seat_bytes = sheaf_round_up(find_chunk_bytes(shape, s->n_pools), SHEAF_ALIGN);
    void *memory = NULL;
    int rc = 0;
    if (s->policy == JOB_DYNAMIC) {
        if (sheaf_comm_node_memory(comm, (struct comm_region){"the chunks", COMM_STAGE, NULL},
                                   sheaf_pool_bytes(seat_bytes), &memory, error))
            return -1;
    } else {
        memory = s->own = aligned_alloc(SHEAF_ALIGN, sheaf_pool_bytes(seat_bytes));
        rc = memory ? 0 : sheaf_fail_memory(error, "the chunks; use fewer ranks a node or smaller items");
    }
    s->pool = memory;
    if (rc == 0 && s->leads) {
        sheaf_pool_open(s->pool, seat_bytes);
        s->pool->most_grain = (int64_t)(grain_bytes / sheaf_parcel_bytes(shape, 1)) + 1;
    }
    return sheaf_comm_agree(comm, rc, error); /* others use the pool only now */
}

int sheaf_schedule_alone(struct schedule *s, struct comm *comm, const struct pending *pending, struct span window,
                         struct sheaf_error *error) {
    int rc = 0;
    sheaf_handout_close(&s->handout);
    if (sheaf_comm_self(comm).rank == 0) {
        struct span *partitions = calloc((size_t)s->n_pools, sizeof *partitions);
        s->pending = *pending;
        if (partitions)
            partitions[0] = window; /* pool 0 is rank 0's */
        rc = partitions ? sheaf_handout_open_partitions(&s->handout, &s->pending, partitions, s->n_pools, error)
                        : sheaf_fail_memory(error, "the partitions");
        free(partitions);
    }
    if (s->leads) {
        atomic_store(&s->pool->n_safe, atomic_load(&s->pool->posted));
        atomic_store(&s->pool->alone, true);
        atomic_store(&s->pool->closed, false);
    }
    return sheaf_comm_agree(comm, rc, error);
}

void sheaf_schedule_close(struct schedule *s) {
    sheaf_handout_close(&s->handout);
    free(s->own);
    s->own = NULL;
    s->pool = NULL;
}
