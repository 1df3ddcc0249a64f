/*
 * stages - several maps in one job file, each with items and a kernel of its own: what each is, and in which order they run.
 *
 * A stage takes from another its items (items: {stage: NAME}), or data that all its items share (shared: {x: {stage:
 * NAME.FIELD}}). There is no graph of items: a stage runs when those that it takes from are done.
 */
#ifndef SHEAF_JOB_STAGES_H
#define SHEAF_JOB_STAGES_H

#include <stddef.h>

#include "core/error.h"
#include "job/job.h"

/* The text of a job and what the command line changes in it. */
struct job_source_text {
    const char *file, *text;
    size_t length;
    const struct job_override *overrides;
    int n_overrides;
};

/* Reads job->stages from the list `stages` of the job: each is a job of its own, read from the same text. */
int sheaf_job_read_stages(struct job *job, const struct yaml_node *stages, const struct job_source_text *from,
                          struct sheaf_error *error);

#endif
