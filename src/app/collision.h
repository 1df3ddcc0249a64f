/*
 * collision - a run never writes over what its job reads: the results file, and what a run makes beside it, are none of
 * the files that the job names, whatever links lead to them.
 */
#ifndef SHEAF_APP_COLLISION_H
#define SHEAF_APP_COLLISION_H

#include <stdbool.h>

#include "core/error.h"
#include "core/known.h"
#include "job/items.h"
#include "job/job.h"
#include "kernel/binding.h"

/* What a run is about to write, and what it reads. */
struct collision {
    const char *output; /* the results file itself, links followed; it may not be there yet */
    const char *folder; /* OUT.d */
    bool replaces;      /* the results file that is there */
    const char *job_file;
    struct job *job;              /* open, */
    const struct binding *kernel; /* and bound */
    const struct items *items;
    const struct known *known; /* files that the job's words, items and params have turned out to name */
};

/* Refuses with the name of the file that would be lost. Reads nothing but the folders. */
int sheaf_collision_check(const struct collision *collision, struct sheaf_error *error);

#endif
