/*
 * stages - the results file of a job with stages: each has a group of its name, a tree of the same form as that of a plain
 * job at the root (store/layout.h).
 *
 * A stage comes into the file when the stages that it needs are done. What cannot be written in place is written into a copy
 * (store/finish.h), so a kill leaves the file with the stage or without it.
 */
#ifndef SHEAF_STORE_STAGES_H
#define SHEAF_STORE_STAGES_H

#include <stdbool.h>

#include "core/error.h"

struct results_plan;

/* Takes "FILE:/STAGE" apart: *path is new memory, *stage what is behind the slash, or NULL where nothing is, or a file has
   the whole name. -1: no memory. */
int sheaf_stages_split(const char *address, char **path, const char **stage);

/* The stages of a results file, a line each, as new memory; NULL where it has none. */
char *sheaf_stages_list(const char *path);

/* Whether a results file has the group of a stage. */
bool sheaf_stages_has(const char *path, const char *stage);

/* Whether no run has begun to compute a stage that is in the file. */
bool sheaf_stages_is_new(const char *path, const char *stage);

/* Puts the plan's stage into the results file that is there, with nothing computed; one of that name that is there is
   replaced. The caller holds the lock of the file, and writes nothing to it. Rank 0. */
int sheaf_stages_add(const struct results_plan *plan, struct sheaf_error *error);

/* "has the stages a, b: say which, FILE:/b" - without an end of line, after the file's name. -1. */
int sheaf_stages_refuse(const char *path, const char *stages, struct sheaf_error *error);

#endif
