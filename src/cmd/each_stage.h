/*
 * each_stage - a results file on the command line is a plain job's, "FILE", or a stage's, "FILE:/STAGE"; where FILE has
 * stages and none is named, what a subcommand does is done for each.
 */
#ifndef SHEAF_CMD_EACH_STAGE_H
#define SHEAF_CMD_EACH_STAGE_H

#include <stdbool.h>

#include "core/error.h"

struct cmd_stage {
    const char *address; /* "FILE:/STAGE", or "FILE" */
    const char *path;
    const char *stage; /* NULL: a plain job's */
    bool is_there;     /* else the job has not come so far */
    int k, n;          /* which of how many */
};

/* Calls `visit` for each, in the order in which they run, until it gives something else than 0, which is given back. */
int sheaf_cmd_each_stage(const char *word, int (*visit)(const struct cmd_stage *stage, void *context), void *context,
                         struct sheaf_error *error);

#endif
