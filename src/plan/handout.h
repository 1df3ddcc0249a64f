/*
 * handout - which blocks a rank gets next: a pure state machine that rank 0 asks.
 *
 * Each rank draws from its own partition, skipping what is done. No MPI: the pump in app/ carries the answers.
 */
#ifndef SHEAF_PLAN_HANDOUT_H
#define SHEAF_PLAN_HANDOUT_H

#include "plan/span.h"

struct handout {
    const struct pending *pending;
    int n_ranks;
    struct span *left; /* [n_ranks] what is not handed out yet */
};

/* Takes a copy of partitions[n_ranks]; `pending` is borrowed. */
int sheaf_handout_open(struct handout *handout, const struct pending *pending, const struct span *partitions,
                       int n_ranks, struct sheaf_error *error);

/* The next blocks for a rank, at most `wanted` (at least 1); n = 0 when its partition is used up. */
int sheaf_handout_next(struct handout *handout, int rank, int64_t wanted, struct span *blocks,
                       struct sheaf_error *error);

void sheaf_handout_close(struct handout *handout);

#endif
