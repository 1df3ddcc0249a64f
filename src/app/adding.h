/*
 * adding - a stage of a job comes into the results file of that job. Private to app/.
 */
#ifndef SHEAF_APP_ADDING_H
#define SHEAF_APP_ADDING_H

#include <stdbool.h>

#include "app/stage.h"

/* The first stage that this one takes from and that the results file does not have, or NULL. Rank 0. */
const char *sheaf_stage_lacks(const struct job *job);

/* Whether results of the stage are there that were computed from other results of the stages that it takes from. Rank 0. */
bool sheaf_stage_is_outdated(const struct stage *stage, const struct results_plan *plan);

/* Sees to it that the results file that is there has the stage; plan->added says that no run has written to it. *create: the
   file is to be made anew instead. Rank 0. */
int sheaf_stage_add(struct stage *stage, struct results_plan *plan, bool *create);

#endif
