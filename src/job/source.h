/*
 * source - opens the items that a job names.
 */
#ifndef SHEAF_JOB_SOURCE_H
#define SHEAF_JOB_SOURCE_H

#include "job/axis_file.h"
#include "job/items.h"
#include "job/job.h"

/* Opens the items of a job; those of hdf5 have their home in store/, from where the reader of axes comes too (or NULL). The struct is to be closed in every
   case, and before the job. */
int sheaf_items_open(struct items *items, const struct job *job, const struct axis_reader *hdf5,
                     struct sheaf_error *error);

#endif
