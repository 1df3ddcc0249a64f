/*
 * loop - what thread 0 of each rank does during a run: keeps the pool fed with chunks and finished rows on their way.
 *
 * The leader of a pool asks rank 0 for the next chunk before the threads run out of work; rank 0 asks itself. Ranks that
 * do not write their rows themselves send them to rank 0. One rank and many are the same loop. A signal or a deadline
 * ends it early, in order: items at work are finished, the rest is given back.
 */
#ifndef SHEAF_APP_LOOP_H
#define SHEAF_APP_LOOP_H

#include "app/coordinator.h"
#include "comm/comm.h"
#include "core/error.h"
#include "exec/team.h"
#include "plan/chunk.h"
#include "plan/pool.h"

/* Why a run ended before its work did. */
enum loop_end { LOOP_COMPLETE, LOOP_SIGNAL, LOOP_STOP_AFTER, LOOP_BATCH_END, LOOP_HALT, LOOP_HOPELESS };

struct loop_setup {
    struct comm *comm;
    struct team *team;
    struct pool *pool;
    const struct chunk_shape *shape;
    struct coordinator *coordinator; /* on rank 0; else NULL */
    bool leads;                      /* this rank asks for chunks for the pool, */
    struct warnings *warnings;       /* of the kernel: rank 0 says them, the others send theirs */
    int pool_index;                  /* which is this one for the hand-out */
    bool maps;                       /* whether the input is mapped here */
    bool eager;                      /* chunks are for this pool in any case: ask early */
    bool notes;                      /* whether the pool's threads note what they compute (plan/flight.h) */
    int n_pool_ranks;                /* that share the pool */
    double stop_at_s;                /* rank 0: when to drain, on sheaf_clock_s; 0: never */
    double batch_end_s;              /* rank 0: when the batch job is ended, on sheaf_clock_s; 0: unknown */
    bool hurries;                    /* rows are sent at once: rank 0 counts the failed ones */
    bool halt_hopeless;              /* rank 0: drain when all teams are hopeless */
    int64_t halt_failed;             /* rank 0: drain when so many items have failed in this run; 0: never */
    /* Both are called by thread 0 while compute threads may be at work, and should end the process. */
    /* On rank 0, at once, when a rank cannot go on; on another one where rank 0 cannot be told. */
    void (*give_up)(void *context, const struct sheaf_error *error);
    /* On any rank, after TERM, INT or HUP: first of all, it was not an item's doing; */
    void (*leaving)(void *context);
    /* then, when its finished rows are on their way or written. */
    void (*leave)(void *context);
    void *context;
};

/* Runs to the end of the work, or until it has drained: *end says why, on rank 0. Collective. */
int sheaf_loop_run(const struct loop_setup *setup, enum loop_end *end, struct sheaf_error *error);

#endif
