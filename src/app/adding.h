/*
 * adding - a stage of a job comes into the results file of that job. Private to app/.
 */
#ifndef SHEAF_APP_ADDING_H
#define SHEAF_APP_ADDING_H

#include <stdbool.h>

#include "app/stage.h"

/* Whether the stages that this one takes from are through, with all that others may take from them. Rank 0. */
int sheaf_stage_check_needs(const struct job *job, struct sheaf_error *error);

/* Whether results of the stage are there that were computed from other results of the stages that it takes from. Rank 0. */
bool sheaf_stage_is_outdated(const struct stage *stage, const struct results_plan *plan);

/* Whether the run makes the results file anew, and with it all that it has; else at most its stage. Rank 0. */
bool sheaf_stage_replaces_file(const struct stage *stage);

/* Refuses a results file that is there, and is none of a job with stages. Rank 0. */
int sheaf_stage_check_file(struct stage *stage);

/* Sees to it that the results file that is there has the stage; plan->added says that no run has written to it. *create: the
   file is to be made anew instead. Rank 0. */
int sheaf_stage_add(struct stage *stage, struct results_plan *plan, bool *create);

#endif
