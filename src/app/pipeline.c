#include "app/pipeline.h"

#include <string.h>

#include "app/reducing.h"
#include "app/stage.h"
#include "app/told.h"
#include "core/clock.h"
#include "core/interrupt.h"

/* There is nothing to do: the results file is as it was, or has no item to be computed. Rank 0. */
static int end_at_once(struct stage *stage) {
    struct session *session = stage->session;
    memcpy(stage->after, stage->before, sizeof stage->after);
    stage->none_pending = sheaf_stage_is_whole(stage);
    return sheaf_session_publish(session) ||
                   sheaf_reducing_end(stage->reducing, NULL, &stage->reduced, &session->error) ||
                   sheaf_session_seal(session, stage->job->stage, stage->none_pending && stage->kernel.has_texts) ||
                   sheaf_stage_summarize(stage)
               ? -1
               : 0;
}

/* Shared data, threads and computing are for a stage that has something to do. */
static int run_pending(struct stage *stage) {
    struct session *session = stage->session;
    int64_t n_pending = stage->before[ITEM_PENDING], again = !session->results.created;
    if (sheaf_comm_broadcast_value(session->comm, &n_pending, &session->error))
        return -1;
    if (sheaf_comm_broadcast_value(session->comm, &again, &session->error))
        return -1;
    stage->kernel.again = again;
    if (n_pending == 0)
        return sheaf_session_agree(session, sheaf_session_is_first(session) ? end_at_once(stage) : 0);
    if (sheaf_stage_compute(stage))
        return -1;
    return sheaf_stage_finish(stage);
}

static int compute(struct stage *stage) {
    if (sheaf_stage_look(stage))
        return -1;
    if (sheaf_stage_open_results(stage))
        return -1;
    return run_pending(stage);
}

/* One stage, and its exit code; *go_on: others may follow. Collective. */
static int run_stage(struct stage *stage, bool *go_on) {
    struct session *session = stage->session;
    int rc = compute(stage);
    if (rc == 0)
        rc = sheaf_stage_tell(stage);
    if (rc)
        sheaf_interrupt_end_with((int)session->error.exit);
    if (rc && (sheaf_session_is_first(session) || sheaf_comm_failed(session->comm)))
        sheaf_session_report(&session->error);
    if (session->created)
        sheaf_results_discard(session->output);
    int64_t none_pending = stage->none_pending;
    const int exit = sheaf_stage_agree_exit(stage, rc);
    *go_on = rc == 0 && !stage->is_last &&
             sheaf_comm_broadcast_value(session->comm, &none_pending, &session->error) == 0 && none_pending;
    if (stage->is_last || !*go_on)
        sheaf_interrupt_end_with(exit);
    sheaf_stage_close(stage);
    return exit;
}

/* The stages that are asked for, in order: a plain job is one. */
static int run_stages(struct session *session) {
    struct job *job = &session->job;
    const int n = job->n_stages ? job->n_stages : 1;
    bool go_on = true;
    int exit = SHEAF_EXIT_DONE;
    for (int k = 0, seen = 0; k < n && go_on; k++) {
        struct job *own = job->n_stages ? &job->stages[k] : job;
        const bool is_asked = !session->options->stage || strcmp(own->stage, session->options->stage) == 0;
        if (!is_asked)
            continue;
        struct stage stage = {.session = session,
                              .job = own,
                              .is_last = session->options->stage || k == n - 1,
                              .replaces = session->options->overwrite && (session->options->stage || seen == 0),
                              .began_s = seen ? sheaf_clock_s() : session->began_s,
                              .transport.own.fd = -1};
        if (seen++)
            sheaf_session_next(session);
        sheaf_string_add(&stage.address, "%s%s%s", own->output, own->stage ? ":/" : "", own->stage ? own->stage : "");
        const int code = run_stage(&stage, &go_on);
        exit = code == SHEAF_EXIT_DONE ? exit : code;
    }
    return exit;
}

/* What is wrong before there is a stage. */
static int end_early(struct session *session) {
    struct stage none = {.session = session, .job = &session->job};
    sheaf_interrupt_end_with((int)session->error.exit);
    if (sheaf_session_is_first(session) || sheaf_comm_failed(session->comm))
        sheaf_session_report(&session->error);
    return sheaf_stage_agree_exit(&none, -1);
}

int sheaf_pipeline_run(const struct run_options *options) {
    struct session session;
    int rc = sheaf_session_start(&session, options);
    if (rc == 0)
        rc = sheaf_session_read(&session);
    int exit = rc ? end_early(&session) : run_stages(&session);
    sheaf_interrupt_end_with(exit);
    sheaf_session_close(&session);
    return exit;
}

void sheaf_pipeline_refuse(void) {
    sheaf_interrupt_end_with(SHEAF_EXIT_USAGE);
    struct comm *comm;
    struct sheaf_error error;
    if (sheaf_comm_open(&comm, &error) == 0) {
        sheaf_refuse(&error, "rank %d was called with other arguments, and they were refused",
                     sheaf_comm_self(comm).rank);
        sheaf_comm_agree(comm, -1, &error);
    }
    sheaf_comm_close(comm);
}
