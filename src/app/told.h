/*
 * told - what a run, or a look at a job, tells who called it beyond its exit code: for sheaf plan.
 */
#ifndef SHEAF_APP_TOLD_H
#define SHEAF_APP_TOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "plan/asked.h"

/* Of the last stage, on rank 0. Release with sheaf_run_told_free. */
struct run_told {
    char *address; /* of the results, as readers take it; NULL: nothing is known */
    int64_t n_items, block;
    int64_t n_bytes;    /* of a results file of this job, without texts */
    bool has_processes; /* that compute its items */
    bool has_texts;
    int n_cores;        /* that compute here: ranks and their threads */
    struct asked items; /* those that were asked for */
};

struct stage;

/* Fills what the options of the session point to, if they do. */
int sheaf_stage_tell(struct stage *stage);
void sheaf_run_told_free(struct run_told *told);

#endif
