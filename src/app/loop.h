/*
 * loop - what thread 0 of each rank does during a run: keeps the team fed with chunks and its rows on their way.
 *
 * A rank asks rank 0 for the next chunk of its partition before it runs out, computes it, and sends finished rows back
 * as they come; rank 0 asks itself. One rank and many are the same loop. A signal or a deadline ends it early, in order:
 * items at work are finished, the rest is given back.
 */
#ifndef SHEAF_APP_LOOP_H
#define SHEAF_APP_LOOP_H

#include "app/coordinator.h"
#include "comm/comm.h"
#include "core/error.h"
#include "exec/team.h"
#include "plan/chunk.h"

struct loop_setup {
    struct comm *comm;
    struct team *team;
    int n_threads;
    const struct chunk_shape *shape;
    struct coordinator *coordinator; /* on rank 0; else NULL */
    int64_t n_blocks;                /* pending or not, in this rank's partition; 0: there is nothing to ask for */
    double stop_at_s;                /* rank 0: when to drain, on sheaf_clock_s; 0: never */
    /* Both are called by thread 0 while compute threads may be at work, and should end the process. */
    /* On rank 0, at once, when a rank cannot go on. */
    void (*give_up)(void *context, const struct sheaf_error *error);
    /* On any rank, after TERM, INT or HUP, when its finished rows are on their way or written. */
    void (*leave)(void *context);
    void *context;
};

/* Runs to the end of the work, or until it has drained. Collective. */
int sheaf_loop_run(const struct loop_setup *setup, struct sheaf_error *error);

#endif
