/*
 * condition - `items: {…, where: "mass > 2*charge"}`: which items are left out. A formula of the items' fields, compiled; rank 0
 * alone asks it.
 */
#ifndef SHEAF_KERNEL_CONDITION_H
#define SHEAF_KERNEL_CONDITION_H

#include "core/error.h"
#include "job/items.h"
#include "job/job.h"
#include "process/server.h"

struct condition;

/* Reads and compiles the job's condition for the items, which get it as their filter, and into their identity; nothing where
   the job has none. Errors name their place in the job file. *condition is to be closed in any case, after the items. */
int sheaf_condition_open(struct condition **condition, struct job *job, struct items *items, struct server *server,
                         struct sheaf_error *error);
void sheaf_condition_close(struct condition *condition);

#endif
