/*
 * again - outputs taken again from what programs wrote: for a job whose regular expressions or JSON paths were mended.
 *
 * A results file of the new job is made aside, filled from the old one, and renamed into its place, so that a kill in
 * between leaves the old one whole. Nothing is run.
 */
#ifndef SHEAF_APP_AGAIN_H
#define SHEAF_APP_AGAIN_H

#include "app/stage.h"

/* Whether the results file that is there differs from the job in nothing but that. Rank 0. */
bool sheaf_again_is_due(const struct stage *stage, const struct results_plan *plan);

/* Does it; refuses, and changes nothing, where values of done items would be lost. Rank 0, which holds the lock. */
int sheaf_again_take(struct stage *stage, const struct results_plan *plan);

#endif
