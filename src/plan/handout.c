#include "plan/handout.h"

#include <stdlib.h>
#include <string.h>

static const double partition_chunk_s = 50e-3;            /* of a chunk from an own partition */
static const double lone_chunk_s = 20e-3;                 /* of a dynamic chunk for the only pool, */
static const double chunk_s = 5e-3, least_chunk_s = 1e-3; /* for one of several, */
static const double long_chunk_s = 20e-3;                 /* and for blocks that take long */
static const double turn_s = 20e-6; /* for each pool: rank 0 hands out in 1 to 5 us and should be idle mostly */

int sheaf_handout_open_partitions(struct handout *handout, const struct pending *pending, const struct span *partitions,
                                  int n_pools, struct sheaf_error *error) {
    *handout = (struct handout){.pending = pending, .n_pools = n_pools};
    handout->left = malloc((size_t)n_pools * sizeof *handout->left);
    if (!handout->left)
        return sheaf_fail_memory(error, "the hand-out");
    memcpy(handout->left, partitions, (size_t)n_pools * sizeof *handout->left);
    return 0;
}

int sheaf_handout_open_dynamic(struct handout *handout, const struct pending *pending, struct span window, int n_pools,
                               struct sheaf_error *error) {
    if (sheaf_handout_open_partitions(handout, pending, &window, 1, error))
        return -1;
    handout->n_pools = n_pools;
    handout->dynamic = true;
    return sheaf_pending_count(pending, window.first, window.first + window.n, &handout->n_left, error);
}

/* Blocks that are this much work for all threads of the pool. */
static double blocks_of(double work_s, const struct handout_ask *ask) {
    return work_s * (double)ask->n_threads / ask->block_s;
}

static int64_t clip(double n, int64_t most) {
    return n < 1 ? 1 : n < (double)most ? (int64_t)n : most;
}

/* What a pool should get at once, in seconds, where there is plenty. */
static double find_work_s(int n_pools, double block_s) {
    if (n_pools == 1)
        return lone_chunk_s;
    double work_s = block_s < long_chunk_s ? block_s : long_chunk_s; /* a block for each thread */
    work_s = work_s > chunk_s ? work_s : chunk_s;
    return work_s > n_pools * turn_s ? work_s : n_pools * turn_s;
}

int64_t sheaf_handout_choose(int64_t n_left, int n_pools, const struct handout_ask *ask) {
    const double left = (double)n_left;
    double n = (double)ask->n_threads; /* a block for each thread, while nothing is known */
    if (ask->block_s > 0) {
        double least = blocks_of(least_chunk_s, ask);
        n = blocks_of(find_work_s(n_pools, ask->block_s), ask);
        if (n_pools > 1) {
            n = n < left / (8 * n_pools) ? n : left / (8 * n_pools);
            least = least < left / (4 * n_pools) ? least : left / (4 * n_pools);
        }
        n = n > least ? n : least;
    }
    double hungry = (double)ask->n_hungry, share = left / n_pools;
    hungry = hungry < share ? hungry : share; /* near the end the others are hungry too */
    return clip(n > hungry ? n : hungry, ask->most);
}

/* For one of n_pools that have their blocks for themselves. */
static int64_t choose_own(int n_pools, const struct handout_ask *ask) {
    const double work_s = partition_chunk_s > n_pools * turn_s ? partition_chunk_s : n_pools * turn_s;
    double n = ask->block_s > 0 ? blocks_of(work_s, ask) : 4 * (double)ask->n_threads;
    n = n < (double)ask->n_threads ? (double)ask->n_threads : n;
    return clip(n, ask->most);
}

static struct span *left_for(struct handout *handout, int pool) {
    return &handout->left[handout->dynamic ? 0 : pool];
}

int sheaf_handout_next(struct handout *handout, int pool, const struct handout_ask *ask, struct span *blocks,
                       struct sheaf_error *error) {
    struct span *left = left_for(handout, pool);
    int64_t end = left->first + left->n;
    int64_t wanted = handout->dynamic ? sheaf_handout_choose(handout->n_left, handout->n_pools, ask)
                                      : choose_own(handout->n_pools, ask);
    *blocks = (struct span){left->first, 0};
    /* A run may come in pieces: those that adjoin are joined. */
    while (blocks->n < wanted && left->n > 0) {
        struct span run;
        if (handout->pending->next(handout->pending->self, left->first, end, &run, error))
            return -1;
        if (run.n > 0 && blocks->n > 0 && run.first != blocks->first + blocks->n)
            break;
        int64_t room = wanted - blocks->n, n = run.n < room ? run.n : room;
        if (blocks->n == 0)
            blocks->first = run.first;
        blocks->n += n;
        int64_t next = n > 0 ? run.first + n : end;
        *left = (struct span){next, end - next};
    }
    handout->n_left -= blocks->n;
    return 0;
}

void sheaf_handout_put_back(struct handout *handout, int pool, struct span blocks, int64_t kept) {
    struct span *left = left_for(handout, pool);
    int64_t end = left->first + left->n, next = blocks.first + kept;
    *left = (struct span){next, end - next};
    handout->n_left += blocks.n - kept;
}

void sheaf_handout_close(struct handout *handout) {
    free(handout->left);
    handout->left = NULL;
}
