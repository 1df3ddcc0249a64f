#include "app/pipeline.h"

#include <string.h>

#include "app/reducing.h"
#include "app/stage.h"
#include "core/interrupt.h"

/* There is nothing to do: the results file is as it was, or has no item to be computed. Rank 0. */
static int end_at_once(struct stage *stage) {
    struct session *session = stage->session;
    memcpy(stage->after, stage->before, sizeof stage->after);
    stage->none_pending = sheaf_stage_is_whole(stage);
    return sheaf_session_publish(session) ||
                   sheaf_reducing_end(stage->reducing, NULL, &stage->reduced, &session->error) ||
                   sheaf_session_seal(session, stage->none_pending && stage->kernel.has_texts) ||
                   sheaf_stage_summarize(stage)
               ? -1
               : 0;
}

/* Shared data, threads and computing are for a stage that has something to do. */
static int run_pending(struct stage *stage) {
    struct session *session = stage->session;
    int64_t n_pending = stage->before[ITEM_PENDING], again = !session->created;
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

static int run_stage(struct stage *stage) {
    if (sheaf_session_read(stage->session))
        return -1;
    if (sheaf_stage_look(stage))
        return -1;
    if (sheaf_stage_open_results(stage))
        return -1;
    return run_pending(stage);
}

int sheaf_pipeline_run(const struct run_options *options) {
    struct session session;
    struct stage stage = {.session = &session, .job = &session.job, .transport.own.fd = -1};
    int rc = sheaf_session_start(&session, options);
    if (rc == 0)
        rc = run_stage(&stage);
    if (rc)
        sheaf_interrupt_end_with((int)session.error.exit);
    if (rc && (sheaf_session_is_first(&session) || sheaf_comm_failed(session.comm)))
        sheaf_session_report(&session.error);
    if (session.created)
        sheaf_results_discard(session.output);
    int exit = sheaf_stage_agree_exit(&stage, rc);
    sheaf_interrupt_end_with(exit);
    sheaf_stage_close(&stage);
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
