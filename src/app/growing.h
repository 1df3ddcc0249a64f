/*
 * growing - the same job over other items: what was computed of those that are still asked for is kept, the rest is computed.
 *
 * A results file of the new items is made aside, filled from the old one, and renamed into its place, so that a kill in between
 * leaves one of them, whole. Where the old one has items done that are no longer asked for it stays beside, as OUT.before.h5.
 */
#ifndef SHEAF_APP_GROWING_H
#define SHEAF_APP_GROWING_H

#include <stdbool.h>

#include "app/stage.h"
#include "store/take_over.h"

/* Whether the results file that is there is of the same kernel and of other items; never of a stage, which is computed anew.
   Rank 0. */
bool sheaf_growing_is_due(const struct results_plan *plan);

/* What would be kept; nothing is written. False: it cannot be known, or is nothing. Rank 0. */
int sheaf_growing_look(const struct results_plan *plan, struct taken *taken, bool *grows, struct sheaf_error *error);

/* Does it, unless nothing would be kept: then the file is that of another job. Rank 0, which holds the lock. */
int sheaf_growing_do(struct stage *stage, const struct results_plan *plan);

/* "5,000 of 6,000 items are those of sweep.h5; 1,000 are new", and what comes of others. */
void sheaf_growing_say(const char *path, int64_t n_items, const struct taken *taken, struct sheaf_string *said);

#endif
