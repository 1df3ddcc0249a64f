/*
 * handout - which blocks a pool gets next: a pure state machine that rank 0 asks. Pools are ranks, or nodes whose ranks
 * share one.
 *
 * static and weighted: each pool draws from its own partition. dynamic: all draw from one range, in pieces that shrink
 * with what is left, so that all end together (rule and measurements: "Chunk sizes" below). Done blocks are skipped. No
 * MPI: the loop in app/ carries questions and answers.
 */
#ifndef SHEAF_PLAN_HANDOUT_H
#define SHEAF_PLAN_HANDOUT_H

#include <stdbool.h>

#include "plan/span.h"

struct handout {
    const struct pending *pending;
    int n_pools;
    bool dynamic;
    struct span *left; /* [n_pools], dynamic: [1]; what is not handed out yet */
    int64_t n_left;    /* dynamic: pending blocks in it */
};

/* What a pool tells when it asks. */
struct handout_ask {
    double block_s;    /* what a block costs it at present; 0: unknown */
    int64_t n_threads; /* its threads */
    int64_t n_hungry;  /* of these, without work */
    int64_t most;      /* blocks that it can take, at least 1 */
};

/* static, weighted: takes a copy of partitions[n_pools]. `pending` is borrowed. */
int sheaf_handout_open_partitions(struct handout *handout, const struct pending *pending, const struct span *partitions,
                                  int n_pools, struct sheaf_error *error);

/* dynamic: the pending blocks of the window, for whoever asks. */
int sheaf_handout_open_dynamic(struct handout *handout, const struct pending *pending, struct span window, int n_pools,
                               struct sheaf_error *error);

/* The next blocks for a pool; n = 0 when nothing is left for it. */
int sheaf_handout_next(struct handout *handout, int pool, const struct handout_ask *ask, struct span *blocks,
                       struct sheaf_error *error);

/* Takes back the end of what `pool` was given last, before anything else is handed out: all but the first `kept`
   blocks. */
void sheaf_handout_put_back(struct handout *handout, int pool, struct span blocks, int64_t kept);

void sheaf_handout_close(struct handout *handout);

/* Chunk sizes. Blocks of a dynamic chunk: 5 ms of work for all threads of the pool, or a block for each of them where
   that is more, up to 20 ms; more where so many pools ask that rank 0 would be asked faster than every 20 us; but at
   most an eighth of the pool's equal share of what is left, so that pools end together; at least a millisecond of work,
   but at most a quarter of the share; and never fewer than its idle threads could begin at once. A lone pool gets 20 ms.
   From its own partition a pool gets 50 ms, or those 20 us for each pool, since none can go short by that.
   What a pool has in hand no other can take: guided and factoring schedules, and chunks of 20 ms on two nodes, collapse
   when costs depend on position (a hot spot is then one pool's). Measured by tests/unit/handout_simulation_test.cpp. */
int64_t sheaf_handout_choose(int64_t n_left, int n_pools, const struct handout_ask *ask);

#endif
