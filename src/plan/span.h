/*
 * span - a run of blocks, and where to ask which blocks still need computing.
 *
 * Nothing is kept per item: what is pending is asked for run by run, from the status of the results file.
 */
#ifndef SHEAF_PLAN_SPAN_H
#define SHEAF_PLAN_SPAN_H

#include <stdint.h>

#include "core/error.h"

/* Blocks first … first + n - 1. */
struct span {
    int64_t first, n;
};

/* A source of pending blocks; store/ has the real one, tests have their own. */
struct pending {
    void *self;
    /* Gives the first run of pending blocks inside [from, end), with n = 0 if there is none. The run may stop before
       the last pending block of it. */
    int (*next)(void *self, int64_t from, int64_t end, struct span *run, struct sheaf_error *error);
};

/* Counts the pending blocks of [from, end). */
int sheaf_pending_count(const struct pending *pending, int64_t from, int64_t end, int64_t *n_blocks,
                        struct sheaf_error *error);

#endif
