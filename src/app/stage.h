/*
 * stage - items, a kernel for them, and what becomes of them: opened, computed, ended. Private to app/.
 *
 * Steps are collective: all ranks agree on the outcome of one before the next. Each is a file: opening, results_of,
 * computing, ending. A plain job is one stage, at the root of the results file.
 */
#ifndef SHEAF_APP_STAGE_H
#define SHEAF_APP_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "app/folding.h"
#include "app/schedule.h"
#include "app/session.h"
#include "app/transport.h"
#include "core/text.h"
#include "exec/team.h"
#include "job/items.h"
#include "core/array_uses.h"
#include "core/node_folder.h"
#include "kernel/binding.h"
#include "kernel/expression/condition.h"
#include "plan/asked.h"
#include "plan/chunk.h"
#include "plan/flight.h"
#include "report/progress.h"
#include "store/results.h"

/* Failed items of each thread, with none done, at which a run ends where the job does not say otherwise. */
enum { STAGE_HOPELESS_FAILED = 20 };

struct stage {
    struct session *session;
    struct sheaf_string address; /* of its results, as sheaf show takes it */
    struct sheaf_string folder;  /* OUT.d, of a stage in a job with such OUT.d/STAGE: what its items leave */
    struct job *job;             /* what is asked of this stage: of a plain job all of it */
    bool is_last;                /* no other stage comes after it */
    bool may_go_on;              /* rank 0, in the end: no item is pending, so that other stages may follow */
    bool replaces;               /* the results of it that are there */
    struct kernel_host host;
    struct items items;                    /* open on rank 0; elsewhere only n_items and fields */
    struct condition *condition;           /* rank 0: which of them are left out, */
    struct reducing *reducing;             /* and what is asked of all of them together */
    struct arrays arrays;                  /* that all items share, */
    struct array_uses uses;                /* what this rank's kernel has looked up of them, */
    uint32_t unused_said;                  /* of which of them it was said that nothing does: a bit each; */
    char shared_folder[NODE_FOLDER_BYTES]; /* and where processes of the node find them; "": nowhere */
    bool holds_folder;                     /* this rank has made it */
    struct binding kernel;
    struct asked asked; /* items asked for */
    int64_t n_asked;
    struct chunk_shape carrying; /* chunks with all fields; */
    struct chunk_shape shape;    /* this rank's, without those that it maps */
    const void *shared;
    struct schedule schedule;
    struct transport transport;
    enum messages_way messages; /* of failed items */
    struct folding folding;     /* of what the threads compute */
    struct team *team;
    struct flight flight; /* this rank's first row of notes */
    off_t flights_end;    /* where the threads' part of the table of notes ends; pools have the rest */
    double began_s;       /* when it began, of the first stage when the program did, */
    double compute_s;     /* and how long it computed */

    /* Rank 0. */
    struct sheaf_string identity;
    char *origins;            /* files that rows of its results may be from, a line each, or NULL */
    struct pending pending;   /* items of the results */
    struct suspects suspects; /* blocks on which earlier runs died */
    int64_t before[ITEM_SKIPPED + 1], after[ITEM_SKIPPED + 1]; /* items asked for, by status */
    bool none_pending;                                         /* of all items, not only of those asked for */
    struct failure first_failure;                              /* of this run */
    bool any_failure;
    struct progress progress;
    struct sheaf_string reduced; /* of all items together, a line each */
};

/* Whether all items of the job are asked for. */
static inline bool sheaf_stage_is_whole(const struct stage *stage) {
    return stage->n_asked == stage->items.n_items;
}

/* Whether items are computed by processes of their own. */
static inline bool sheaf_stage_uses_processes(const struct stage *stage) {
    const struct job *job = stage->job;
    return job->kind == JOB_COMMAND || job->kind == JOB_WORKER || job->limits.isolate;
}

/* The job's items and kernel: opening.c. Nothing is written. Collective. */
int sheaf_stage_look(struct stage *stage);

/* The results file, opened or made aside: results_of.c. Collective. */
int sheaf_stage_open_results(struct stage *stage);

/* What the results file is made from, or opened for. Rank 0. */
struct results_plan sheaf_stage_plan(struct stage *stage);

/* Computes what is pending: computing.c. Collective. */
int sheaf_stage_compute(struct stage *stage);

/* Closes this run's row of the table of runs; stage->after says what became of the items. Rank 0. */
int sheaf_stage_end_record(struct stage *stage, enum run_reason reason, struct sheaf_error *error);

/* Everything on disk, then the summary: ending.c. Collective. sheaf_stage_summarize is for a run that had nothing to do,
   on rank 0. */
int sheaf_stage_finish(struct stage *stage);
int sheaf_stage_summarize(struct stage *stage);

/* The exit code, the same on every rank: a launcher ends the others when one fails. Collective. */
int sheaf_stage_agree_exit(struct stage *stage, int rc);

/* Gives up what the stage has of a rank; the session goes on. */
void sheaf_stage_close(struct stage *stage);

#endif
