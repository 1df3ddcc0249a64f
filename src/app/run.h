/*
 * run - all that a run owns, and its stages; private to app/. Each stage is a file: opening, computing, ending.
 *
 * Every stage is collective: all ranks agree on its outcome before the next.
 */
#ifndef SHEAF_APP_RUN_H
#define SHEAF_APP_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "app/loop.h"
#include "app/pipeline.h"
#include "app/ranks.h"
#include "app/schedule.h"
#include "app/transport.h"
#include "comm/comm.h"
#include "core/buffer.h"
#include "core/known.h"
#include "core/error.h"
#include "core/text.h"
#include "exec/team.h"
#include "job/items.h"
#include "job/job.h"
#include "kernel/binding.h"
#include "plan/asked.h"
#include "plan/chunk.h"
#include "plan/flight.h"
#include "process/server.h"
#include "report/progress.h"
#include "store/lock.h"
#include "store/results.h"

/* All that a run owns. Members after `results` matter on rank 0 only. */
/* Failed items of each thread, with none done, at which a run ends where the job does not say otherwise. */
enum { RUN_HOPELESS_FAILED = 20 };

struct run {
    const struct run_options *options;
    struct server *server; /* of processes, or NULL where the job needs none */
    char *folder;          /* OUT.d */
    struct kernel_host host;
    bool only_looks;           /* nothing is computed, and nothing written */
    struct warnings warnings;  /* of the kernel, on any rank; rank 0 says them */
    int first_slot;            /* of this rank's threads on its node */
    enum loop_end end_why;     /* rank 0 */
    double began_s, compute_s; /* when the run began; how long it computed */
    struct comm *comm;
    struct comm_self self;
    struct sheaf_buffer text; /* of the job file */
    struct job job;
    struct items items; /* open on rank 0; elsewhere only n_items and fields */
    struct binding kernel;
    struct chunk_shape carrying; /* chunks with all fields; */
    struct chunk_shape shape;    /* this rank's, without those that it maps */
    const void *shared;
    struct schedule schedule;
    struct transport transport;
    struct team *team;
    int n_threads;
    struct known known; /* fingerprints of files, on rank 0 */
    char *output;       /* where the results file really lies */
    struct lock lock;
    struct results results;
    struct sheaf_string changed;  /* since the results were begun, as "a, b were"; empty: nothing */
    struct results_found found;   /* where the results file is to be, before this run put one there */
    bool created;                 /* the results file, in this run; it is published before the first row */
    struct failure first_failure; /* of this run */
    bool any_failure;
    struct sheaf_string identity;
    struct pending pending;   /* of the results */
    struct suspects suspects; /* blocks on which earlier runs died */
    off_t flights_end;        /* where the threads' part of the table of notes ends; pools have the rest */
    struct flight flight;     /* this rank's first row of notes */
    struct rank_facts *facts; /* [n_ranks] */
    struct run_record record;
    struct progress progress;
    struct asked asked; /* items asked for */
    int64_t n_asked;
    int64_t before[ITEM_SKIPPED + 1], after[ITEM_SKIPPED + 1]; /* of these, by status */
    bool none_pending;                                         /* no item of the whole job is pending any more */
    struct sheaf_error error;
};

static inline bool sheaf_run_is_first(const struct run *run) {
    return run->self.rank == 0;
}

/* Whether all items of the job are asked for. */
static inline bool sheaf_run_is_whole(const struct run *run) {
    return run->n_asked == run->items.n_items;
}

/* What to type to go on. */
static inline const char *sheaf_run_again(const struct run *run) {
    return run->options->recompute   ? "the same command without --recompute"
           : run->options->overwrite ? "the same command without --overwrite"
                                     : "the same command";
}

/* Whether items are computed by processes of their own. */
static inline bool sheaf_run_uses_processes(const struct run *run) {
    return run->job.kind == JOB_COMMAND || run->job.kind == JOB_WORKER || run->job.limits.isolate;
}

/* The job, its items, the kernel; and the results file (opened, or made aside): opening.c. Looking writes nothing. */
int sheaf_run_look(struct run *run);

/* The first part of it: the job file alone, by which it is known where the results go. */
int sheaf_run_read(struct run *run);
int sheaf_run_open(struct run *run);

/* What the results file is made from, or opened for. Rank 0. */
struct results_plan sheaf_run_plan(struct run *run);

/* Starts a run, as main does first; and ends it, whatever came of it. */
int sheaf_run_start(struct run *run, const struct run_options *options);
void sheaf_run_free(struct run *run);

/* Puts a results file that was made aside into its place: a run that is refused before that destroys nothing. */
int sheaf_run_publish(struct run *run);

/* The same of any file, for what was found there; says on stderr what failed when it was in its place, where it stays. */
int sheaf_run_publish_file(const char *path, const struct results_found *before, struct sheaf_error *error);

/* Computes what is pending: computing.c. */
int sheaf_run_compute(struct run *run);

/* Closes this run's row of the table of runs; run->after says what became of the items. Rank 0. */
int sheaf_run_end_record(struct run *run, enum run_reason reason, struct sheaf_error *error);

/* Whether the results file is still where it was; says on stderr where it had to be written again. at_work: the run is about
   to end while threads write rows. Rank 0. */
int sheaf_run_confirm(struct run *run, bool at_work, struct sheaf_error *error);

/* The results file as it is left: confirmed, with the texts in it when nothing is pending any more, closed. Rank 0. */
int sheaf_run_seal(struct run *run);

/* Everything on disk, then the summary: ending.c. sheaf_run_summarize is for a run that had nothing to do. */
int sheaf_run_finish(struct run *run);
int sheaf_run_summarize(struct run *run);

/* Why the run failed, one line on stderr. */
void sheaf_run_report(const struct sheaf_error *error);

/* The exit code, the same on every rank: a launcher ends the others when one fails. */
int sheaf_run_agree_exit(struct run *run, int rc);

#endif
