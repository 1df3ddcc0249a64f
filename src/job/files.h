/*
 * files - items that are files: those whose paths match one of some patterns (job/matching.h), sorted.
 *
 * They become a sweep with one axis (sweep/sweep.h) and the fields file, name, size and modified. What a file holds is read by
 * the kernel alone; its size and the time of its last change stand for that in the identity.
 */
#ifndef SHEAF_JOB_FILES_H
#define SHEAF_JOB_FILES_H

#include "core/error.h"
#include "core/text.h"
#include "job/items.h"
#include "job/job.h"

/* Fields of such items; they may be renamed. */
enum { FILES_PATH = 0, FILES_SIZE = 2, FILES_MODIFIED = 3 };

/* Fills items from job->items.node, whose key is `files`, with `repeat` and `rename` beside it or not. Files that the run
   itself writes are no items. */
int sheaf_files_open(struct items *items, const struct job *job, struct sheaf_error *error);

/* Tells which of them are no longer as they were found: "a, b and 2 more"; nothing where all are. */
void sheaf_files_say_changed(const struct items *items, struct sheaf_string *said);

#endif
