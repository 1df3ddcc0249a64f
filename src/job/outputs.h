/*
 * outputs - what a job says of the output fields of a command or a worker, and where a command's are found.
 */
#ifndef SHEAF_JOB_OUTPUTS_H
#define SHEAF_JOB_OUTPUTS_H

#include "core/error.h"
#include "job/job.h"

/* Reads `outputs`, {NAME: ...} or for a worker [NAME, ...], into job->program. The node may be NULL. */
int sheaf_job_read_outputs(struct job *job, const struct yaml_node *node, struct sheaf_error *error);

#endif
