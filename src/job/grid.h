/*
 * grid - items that the job file itself lists: a grid of axes, rows, or several fields side by side (zip). All become a
 * sweep (sweep/sweep.h), whose values any rank can work out.
 */
#ifndef SHEAF_JOB_GRID_H
#define SHEAF_JOB_GRID_H

#include "core/error.h"
#include "job/axis_file.h"
#include "job/items.h"
#include "job/job.h"

/* Fills items from job->items.node, whose key is `grid`, `zip` or `rows`, with `repeat` beside it or not. */
int sheaf_grid_open(struct items *items, const struct job *job, const struct axis_reader *hdf5,
                    struct sheaf_error *error);

#endif
