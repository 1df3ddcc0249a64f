/*
 * suspicion - what the notes of a run that died mean for this one (R4): which blocks to compute last and alone, and which
 * to give up. Rules: plan/flight.h.
 */
#ifndef SHEAF_APP_SUSPICION_H
#define SHEAF_APP_SUSPICION_H

#include <stdint.h>

#include "core/error.h"
#include "plan/flight.h"
#include "store/results.h"

/* Reads the notes in an opened results file, gives up the pending items of blocks that have died alone, and keeps the
   others under suspicion; then the notes are cleared. `pending` is borrowed. For rank 0. */
int sheaf_suspicion_open(struct suspects *suspects, struct results *results, const struct pending *pending,
                         struct sheaf_error *error);

#endif
