/*
 * suspicion - what the notes of a run that died mean for this one (R4): which blocks to compute last and alone, and which
 * to give up. Rules: plan/flight.h.
 */
#ifndef SHEAF_APP_SUSPICION_H
#define SHEAF_APP_SUSPICION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "comm/comm.h"
#include "core/error.h"
#include "plan/flight.h"
#include "plan/row_sink.h"
#include "store/results.h"

/* Reads the notes in an opened results file, gives up the pending items of blocks that have died alone, and keeps the
   others under suspicion; then the notes are cleared. `pending` is borrowed. For rank 0. */
int sheaf_suspicion_open(struct suspects *suspects, struct results *results, const struct pending *pending,
                         struct sheaf_error *error);

/* Gives each rank that has the results file open rows of the table of notes for its n_threads. `is_noted`: it leads a pool
   whose chunks rank 0 notes, since not all its threads can. *flight is the first of these rows, for threads up to *end; behind that are those
   of pools. `sink` is NULL where the results file is not open. Collective; agrees on the outcome. */
int sheaf_suspicion_share_rows(struct flight *flight, off_t *end, struct comm *comm, bool is_noted, int n_threads,
                               const struct row_sink *sink, struct sheaf_error *error);

#endif
