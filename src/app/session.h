/*
 * session - what a run has whatever its stages are: the ranks, the job, the results file with its lock, the processes.
 *
 * One from the start of the program to its end. Functions whose comment says so are collective: all ranks agree on their
 * outcome. Private to app/.
 */
#ifndef SHEAF_APP_SESSION_H
#define SHEAF_APP_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "app/loop.h"
#include "app/pipeline.h"
#include "app/ranks.h"
#include "comm/comm.h"
#include "core/buffer.h"
#include "core/error.h"
#include "core/known.h"
#include "core/text.h"
#include "core/warnings.h"
#include "job/job.h"
#include "process/server.h"
#include "store/lock.h"
#include "store/results.h"

/* What rank 0 alone has is told so; all else is the same on every rank, or of the rank. */
struct session {
    const struct run_options *options;
    bool only_looks; /* nothing is computed, and nothing written */
    double began_s;
    struct comm *comm;
    struct comm_self self;
    struct server *server;    /* of processes, or NULL where none is needed any more */
    struct warnings warnings; /* of kernels, on any rank; rank 0 says them */
    int n_threads;            /* that compute, of this rank, */
    int first_slot;           /* and which number the first has on its node */
    struct sheaf_buffer text; /* of the job file */
    struct job job;           /* as it was read; each stage has its part */
    struct sheaf_error error;

    /* The results file: on rank 0, but for the folder. */
    char *output; /* where it really lies */
    char *folder; /* OUT.d */
    struct lock lock;
    struct known known; /* fingerprints of files */
    struct results results;
    struct results_found found;  /* what was there before this run put one there */
    bool created;                /* in this run; it is published before the first row */
    bool lent;                   /* the lock: the servers hold parts of it, too, and remove it */
    struct sheaf_string stages;  /* of a job with such: a line for each */
    struct sheaf_string changed; /* since the results were begun, as "a, b were"; empty: nothing */
    struct run_record record;
    struct rank_facts *facts; /* [n_ranks] */
    enum loop_end end_why;
};

static inline bool sheaf_session_is_first(const struct session *session) {
    return session->self.rank == 0;
}

/* What to type to go on. */
static inline const char *sheaf_session_again(const struct session *session) {
    return session->options->recompute   ? "the same command without --recompute"
           : session->options->overwrite ? "the same command without --overwrite"
                                         : "the same command";
}

/* All ranks learn whether a step worked on all of them; the error of the lowest rank counts (R5). Collective. */
static inline int sheaf_session_agree(struct session *session, int rc) {
    return sheaf_comm_agree(session->comm, rc, &session->error);
}

/* Starts a run, as main does first. Collective. Release with sheaf_session_close, whatever came of it. */
int sheaf_session_start(struct session *session, const struct run_options *options);
void sheaf_session_close(struct session *session);

/* The job file, by which it is known where the results go. Collective. */
int sheaf_session_read(struct session *session);

/* Between two stages: what is of the one before is given up. */
void sheaf_session_next(struct session *session);

/* Puts a results file that was made aside into its place: a run that is refused before that destroys nothing. Rank 0. */
int sheaf_session_publish(struct session *session);

/* The same of any file, for what was found there; says on stderr what failed when it was in its place, where it stays. */
int sheaf_session_publish_file(const char *path, const struct results_found *before, struct sheaf_error *error);

/* Whether the results file is still where it was; says on stderr where it had to be written again. at_work: the run is
   about to end while threads write rows. Rank 0. */
int sheaf_session_confirm(struct session *session, bool at_work, struct sheaf_error *error);

/* The results file, and of it the `stage` (or NULL), as it is left: confirmed, with what cannot be written in place in it if all is `complete`, closed.
   Rank 0. */
int sheaf_session_seal(struct session *session, const char *stage, bool complete);

/* Why the run failed, one line on stderr. */
void sheaf_session_report(const struct sheaf_error *error);

#endif
