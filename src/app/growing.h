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

/* Whether the results file that is there is of the same kernel and of other items; never of a stage, which is computed anew; or
   whether it may have more rows of other files (reuses_more), whatever its items are. Rank 0. */
bool sheaf_growing_is_due(const struct results_plan *plan, bool reuses_more);

/* What would be kept of the file that is there (from_old), and what would be taken over from others, *n_reused rows, with lines
   that say it; nothing is written. *grows: something would be kept. Rank 0. */
int sheaf_growing_look(struct stage *stage, const struct results_plan *plan, bool from_old, struct taken *taken,
                       bool *grows, int64_t *n_reused, struct sheaf_string *said);

/* Does it, unless nothing would be kept: then the file is that of another job. Rank 0, which holds the lock. */
int sheaf_growing_do(struct stage *stage, const struct results_plan *plan);

/* "5,000 of 6,000 items are those of sweep.h5; 1,000 are new", and what comes of others. */
void sheaf_growing_say(const char *path, int64_t n_items, const struct taken *taken, struct sheaf_string *said);

#endif
