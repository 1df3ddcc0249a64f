/*
 * team_inside - what the files of the team share: team.c (the threads, and thread 0's side of them), team_grain.c (what a
 * compute thread does with a grain). Private to them.
 */
#ifndef SHEAF_EXEC_TEAM_INSIDE_H
#define SHEAF_EXEC_TEAM_INSIDE_H

#include <pthread.h>

#include "core/futex.h"
#include "exec/team.h"
#include "exec/thread.h"

/* A compute thread. */
struct hand {
    struct thread thread;
    struct parcel *parcel; /* it computes into */
    const void **columns;  /* [n_outputs] room for struct rows */
    struct fold fold;      /* of what it has computed */
    struct flight flight;  /* its note of what it computes */
    int64_t n_failed;      /* its items, while none of the team's is done */
};

struct team {
    struct team_setup setup;
    int n_hands;
    struct hand *hands; /* [n_hands] */

    _Atomic(int32_t) n_busy;        /* threads that are at a grain, or look for one */
    _Atomic(bool) drain;            /* no more grains are taken */
    _Atomic(int64_t) checkpoint_us; /* when rows are to be synced next */
    _Atomic(int64_t) check_us;      /* when the input is to be looked at next */
    _Atomic(bool) stop;             /* threads leave at the next grain */

    pthread_mutex_t lock; /* guards what follows, up to `events` */
    struct parcel *ready, **ready_end, *spare;
    int n_spare;
    size_t waiting_bytes; /* of `ready` and of what thread 0 has taken and not given back */
    struct team_counts counts;
    bool any_done;  /* an item that a thread computed, */
    int n_hopeless; /* else the threads of which too many have failed */
    bool broken;
    struct sheaf_error error; /* the first */

    _Atomic(uint32_t) events; /* futex of thread 0 */
    _Atomic(uint32_t) room;   /* futex of threads that wait for parcels to leave */
    pthread_mutex_t serial;   /* held where the kernel is not thread-safe: in thread_open and _close, or in map too */
};

/* Wakes thread 0. */
static inline void sheaf_team_raise_event(struct team *team) {
    atomic_fetch_add(&team->events, 1);
    sheaf_futex_wake(&team->events);
}

/* Computes a grain, and writes its rows or leaves them for thread 0; -1: the run cannot go on. */
int sheaf_team_run_grain(struct team *team, struct hand *hand, const struct grain *grain, struct sheaf_error *error);

/* Makes rows safe when that is due by at least late_s; one thread does. */
int sheaf_team_checkpoint_late(struct team *team, double late_s, struct sheaf_error *error);

/* When to do so again after it took so long, and no later than the job wants. */
int64_t sheaf_team_next_checkpoint_us(int64_t took_us, int64_t every_us);

#endif
