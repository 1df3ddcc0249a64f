/*
 * clock - the time: a steady clock for durations, the calendar for the record.
 */
#ifndef SHEAF_CORE_CLOCK_H
#define SHEAF_CORE_CLOCK_H

#include <time.h>

/* Seconds on a clock that only goes forward. */
static inline double sheaf_clock_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Seconds since 1970-01-01 00:00 UTC. */
static inline double sheaf_clock_unix_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
