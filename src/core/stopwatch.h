/*
 * stopwatch - time in which this process ran: what it was stopped for (SIGSTOP, a suspended batch job) does not count.
 *
 * Whoever waits with one looks at it at least every STOPWATCH_LOOK_S seconds; what is much longer was not waiting.
 */
#ifndef SHEAF_CORE_STOPWATCH_H
#define SHEAF_CORE_STOPWATCH_H

#include "core/clock.h"

#define STOPWATCH_LOOK_S 0.5
#define STOPWATCH_MOST_S 1.0 /* between two looks, on a busy machine */

/* Starts as {0}. */
struct stopwatch {
    double seen_s, ran_s;
};

/* Seconds since the first look. */
static inline double sheaf_stopwatch_look(struct stopwatch *watch) {
    const double now_s = sheaf_clock_s(), gap_s = watch->seen_s > 0 ? now_s - watch->seen_s : 0;
    watch->ran_s += gap_s < STOPWATCH_MOST_S ? gap_s : STOPWATCH_LOOK_S;
    watch->seen_s = now_s;
    return watch->ran_s;
}

#endif
