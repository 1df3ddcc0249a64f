/*
 * pipeline - a run from the job file to the results file, on every rank.
 *
 *     read the job ─▶ open items and kernel ─▶ open the results ─▶ share ─▶ plan, scatter ─▶ compute, gather ─▶ close
 *
 * After each step all ranks agree whether it worked.
 */
#ifndef SHEAF_APP_PIPELINE_H
#define SHEAF_APP_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "job/job.h"
#include "plan/asked.h"

struct run_told; /* app/told.h */

struct run_options {
    const char *job_file;
    const char *arguments; /* how the program was called, for the record */
    int n_overrides;
    const struct job_override *overrides;
    int n_threads;       /* compute threads of a rank; 0: as many as the rank has cores */
    struct asked items;  /* empty: all */
    double stop_after_s; /* drain after so many seconds; 0: never */
    const char *stage;   /* of a job with stages: only this one; NULL: all */
    bool overwrite;
    bool recompute;        /* the items that are asked for, also where they are done */
    bool retry_failed;     /* items that failed are computed again */
    bool accept_changes;   /* go on although files that the job names were changed */
    bool durable;          /* a status is written only when its row is safe from a power cut */
    bool quiet;            /* no progress, no summary */
    int64_t n_pilot;       /* only so many blocks, spread over the job; 0: all */
    struct run_told *told; /* is filled on rank 0; or NULL */
};

/* Runs a job. Collective over the ranks of the launcher. Returns the exit code; errors are reported on stderr by
   rank 0, once. */
int sheaf_pipeline_run(const struct run_options *options);

/* For a rank whose arguments were refused: leaves together with the others. A rank that left by itself, before the first
   one has said what is wrong, would have mpirun kill that one. Collective, also with ranks in sheaf_pipeline_run(). */
void sheaf_pipeline_refuse(void);

#endif
