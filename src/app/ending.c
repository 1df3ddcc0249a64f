#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/reducing.h"
#include "app/shared_data.h"
#include "app/stage.h"
#include "core/clock.h"
#include "core/interrupt.h"
#include "job/files.h"
#include "report/summary.h"
#include "store/pack.h"

int sheaf_stage_end_record(struct stage *stage, enum run_reason reason, struct sheaf_error *error) {
    struct session *session = stage->session;
    session->record.end_unix_s = sheaf_clock_unix_s();
    session->record.n_items = stage->before[ITEM_PENDING] - stage->after[ITEM_PENDING];
    session->record.reason = (uint8_t)reason;
    return sheaf_results_end_run(&session->results, &session->record, error);
}

static int64_t count_failed(const int64_t *counts) {
    return counts[ITEM_FAILED] + counts[ITEM_TIMED_OUT] + counts[ITEM_CRASHED];
}

/* Fill values for what was not computed, the record of the run, everything on disk. */
static int end_results(struct stage *stage) {
    struct session *session = stage->session;
    struct results *results = &session->results;
    int64_t all[ITEM_SKIPPED + 1];
    if (sheaf_results_count(results, &stage->asked, stage->after, &session->error))
        return -1;
    memcpy(all, stage->after, sizeof all);
    if ((!sheaf_stage_is_whole(stage) && sheaf_results_count(results, NULL, all, &session->error)) ||
        (all[ITEM_PENDING] && sheaf_results_fill_pending(results, &session->error)))
        return -1;
    stage->none_pending = all[ITEM_PENDING] == 0;
    if (sheaf_reducing_end(stage->reducing, sheaf_folding_whole(stage), &stage->reduced, &session->error))
        return -1;
    if (stage->kernel.has_texts && sheaf_results_check_texts(results, &session->error))
        return -1;
    enum run_reason reason = stage->after[ITEM_PENDING] ? RUN_INTERRUPTED
                             : all[ITEM_PENDING]        ? RUN_PARTIAL
                                                        : RUN_COMPLETE;
    stage->any_failure = sheaf_row_sink_first_failure(&results->sink, &stage->first_failure);
    if (sheaf_results_clear_flights(results, &session->error) || sheaf_stage_end_record(stage, reason, &session->error))
        return -1;
    return sheaf_results_sync(results, &session->error);
}

int sheaf_stage_summarize(struct stage *stage) {
    struct session *session = stage->session;
    static const char *const why[] = {
        [LOOP_COMPLETE] = NULL,
        [LOOP_SIGNAL] = "by a signal (USR1)",
        [LOOP_STOP_AFTER] = "by --stop-after",
        [LOOP_HALT] = "since too many items failed (halt)",
        [LOOP_HOPELESS] = "since no item is done, and 20 or more of each thread failed (halt: never goes on)",
        [LOOP_BATCH_END] = "before the batch job is, with time to finish the items at work",
    };
    double wall_s = sheaf_clock_s() - stage->began_s;
    double *busy = calloc((size_t)session->self.n_ranks, sizeof *busy);
    if (!busy)
        return sheaf_fail_memory(&session->error, "the summary");
    for (int r = 0; session->facts && r < session->self.n_ranks; r++)
        busy[r] = session->facts[r].busy_s / (stage->compute_s * session->facts[r].n_threads);
    struct sheaf_string lost = {0};
    sheaf_results_say_lost_texts(stage->job->output, stage->items.n_items, &lost);
    struct run_summary summary = {
        .job_name = stage->job->name,
        .output = stage->address.failed ? stage->job->output : stage->address.data,
        .reduced = stage->reduced.length ? stage->reduced.data : NULL,
        .n_items = stage->n_asked,
        .n_done = stage->after[ITEM_DONE],
        .n_failed = count_failed(stage->after),
        .n_timed_out = stage->after[ITEM_TIMED_OUT],
        .n_crashed = stage->after[ITEM_CRASHED],
        .n_skipped = stage->after[ITEM_SKIPPED],
        .failed_item = stage->first_failure.item,
        .failed_message = stage->any_failure ? stage->first_failure.message : NULL,
        .most_messages = session->results.sink.layout.most_failures,
        .n_before = stage->before[ITEM_DONE] + count_failed(stage->before),
        .wall_s = wall_s,
        .compute_s = stage->compute_s,
        .n_ranks = session->self.n_ranks,
        .n_threads = session->n_threads,
        .n_nodes = session->self.n_nodes,
        .busy = busy,
        .policy = sheaf_schedule_name(stage->schedule.policy),
        .policy_why = stage->schedule.why,
        .transport = stage->transport.direct ? "direct" : "gather",
        .transport_why = stage->transport.why,
        .ended = why[session->end_why],
        .lost = session->results.lost_texts && !lost.failed ? lost.data : NULL,
        .again = sheaf_session_again(session),
        .changed = session->changed.length ? session->changed.data : NULL,
    };
    if (!session->options->quiet)
        sheaf_summary_write(stderr, &summary);
    sheaf_string_free(&lost);
    free(busy);
    return 0;
}

/* Items that were computed by one program stand beside those of another. */
static void say_mixed(const struct stage *stage) {
    const struct session *session = stage->session;
    struct sheaf_string changed = {0};
    sheaf_known_say_changed(&session->known, &changed);
    sheaf_files_say_changed(&stage->items, &changed);
    if (changed.length && !changed.failed)
        fprintf(stderr,
                "sheaf: changed while the run used it: %s. Items in %s may be of the old one or of the new one; to "
                "have all "
                "of one, start anew with --overwrite\n",
                changed.data, stage->job->output);
    sheaf_string_free(&changed);
}

static void say_restored(const struct session *session) {
    bool any = false;
    for (int r = 0; r < session->self.n_ranks; r++)
        any = any || session->facts[r].restored;
    if (any)
        fprintf(stderr, "sheaf: %s was removed or moved while the run used it; texts of this run were written again\n",
                session->folder);
}

/* What a plugin looks up in any item is known when it has computed them all; of one in processes of its own nobody knows. */
static void say_unused(struct stage *stage) {
    const struct session *session = stage->session;
    const bool saw_all = stage->none_pending && stage->before[ITEM_DONE] + count_failed(stage->before) == 0;
    uint32_t used = 0;
    for (int r = 0; r < session->self.n_ranks; r++)
        used |= session->facts[r].arrays_used;
    if (stage->job->kind == JOB_KERNEL && !stage->job->limits.isolate && saw_all)
        sheaf_shared_data_say_unused(stage, used, false);
}

int sheaf_stage_finish(struct stage *stage) {
    struct session *session = stage->session;
    struct rank_facts own = {.n_threads = session->n_threads, .busy_s = sheaf_team_counts(stage->team).busy_s};
    if (sheaf_session_agree(session, sheaf_transport_close(&stage->transport, &session->error)))
        return -1;
    if (sheaf_folding_gather(stage))
        return -1;
    own.restored = stage->transport.restored;
    own.arrays_used = atomic_load(&stage->uses.used);
    if (sheaf_comm_gather(session->comm, &own, session->facts, sizeof own, &session->error))
        return -1;
    int rc = 0;
    if (sheaf_session_is_first(session)) {
        say_restored(session);
        say_mixed(stage);
        rc = end_results(stage) ||
                     sheaf_session_seal(session, stage->job->stage, stage->none_pending && stage->kernel.has_texts) ||
                     sheaf_stage_summarize(stage)
                 ? -1
                 : 0;
        if (rc == 0)
            say_unused(stage);
    }
    return sheaf_session_agree(session, rc);
}

int sheaf_stage_agree_exit(struct stage *stage, int rc) {
    struct session *session = stage->session;
    /* as it is, it would fail again: no case for a requeue */
    const bool halted = session->end_why == LOOP_HALT || session->end_why == LOOP_HOPELESS;
    int64_t exit = stage->after[ITEM_PENDING] && !halted ? SHEAF_EXIT_INTERRUPTED
                   : count_failed(stage->after)          ? SHEAF_EXIT_FAILED
                                                         : SHEAF_EXIT_DONE;
    if (rc)
        return (int)session->error.exit;
    if (sheaf_comm_broadcast_value(session->comm, &exit, &session->error) == 0)
        return (int)exit;
    sheaf_session_report(&session->error);
    return SHEAF_EXIT_ENVIRONMENT;
}
