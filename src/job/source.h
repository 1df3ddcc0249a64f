/*
 * source - opens the items that a job names.
 */
#ifndef SHEAF_JOB_SOURCE_H
#define SHEAF_JOB_SOURCE_H

#include "job/items.h"
#include "job/job.h"

/* Opens the items of a job; hdf5 has its home in store/. The struct is to be closed in every
   case, and before the job. */
int sheaf_items_open(struct items *items, const struct job *job, struct sheaf_error *error);

#endif
