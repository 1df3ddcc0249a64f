#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/run.h"
#include "core/clock.h"
#include "core/interrupt.h"
#include "report/summary.h"
#include "store/pack.h"

int sheaf_run_end_record(struct run *run, enum run_reason reason, struct sheaf_error *error) {
    run->record.end_unix_s = sheaf_clock_unix_s();
    run->record.n_items = run->before[ITEM_PENDING] - run->after[ITEM_PENDING];
    run->record.reason = (uint8_t)reason;
    return sheaf_results_end_run(&run->results, &run->record, error);
}

static int64_t count_failed(const int64_t *counts) {
    return counts[ITEM_FAILED] + counts[ITEM_TIMED_OUT] + counts[ITEM_CRASHED];
}

/* Fill values for what was not computed, the record of the run, everything on disk. */
static int end_results(struct run *run) {
    struct results *results = &run->results;
    int64_t all[ITEM_SKIPPED + 1];
    if (sheaf_results_count(results, &run->asked, run->after, &run->error))
        return -1;
    memcpy(all, run->after, sizeof all);
    if ((!sheaf_run_is_whole(run) && sheaf_results_count(results, NULL, all, &run->error)) ||
        (all[ITEM_PENDING] && sheaf_results_fill_pending(results, &run->error)))
        return -1;
    run->none_pending = all[ITEM_PENDING] == 0;
    if (run->kernel.has_texts && sheaf_results_check_texts(results, &run->error))
        return -1;
    enum run_reason reason = run->after[ITEM_PENDING] ? RUN_INTERRUPTED
                             : all[ITEM_PENDING]      ? RUN_PARTIAL
                                                      : RUN_COMPLETE;
    run->any_failure = sheaf_row_sink_first_failure(&results->sink, &run->first_failure);
    if (sheaf_results_clear_flights(results, &run->error) || sheaf_run_end_record(run, reason, &run->error))
        return -1;
    return sheaf_results_sync(results, &run->error);
}

int sheaf_run_confirm(struct run *run, bool at_work, struct sheaf_error *error) {
    struct sheaf_string said = {0};
    int rc = sheaf_results_confirm(&run->results, at_work, &said, error);
    if (said.length)
        fprintf(stderr, "sheaf: %s\n", said.data);
    sheaf_string_free(&said);
    return rc;
}

/* It may take long, and is begun anew by the next run. */
static int pack(struct run *run, struct packed *packed) {
    sheaf_interrupt_leave_on_drain();
    int rc = sheaf_pack(run->output, packed, &run->error);
    sheaf_interrupt_unleave_on_drain();
    return rc;
}

int sheaf_run_seal(struct run *run) {
    struct packed packed = {0};
    if (sheaf_results_end_turn(&run->results, &run->error) || sheaf_run_confirm(run, false, &run->error) ||
        (run->kernel.has_texts && run->none_pending && pack(run, &packed)))
        return -1;
    if (packed.file.inode && !sheaf_stamp_names(&packed.file, run->output))
        return sheaf_fail(&run->error, "%s: was removed or renamed just when the run ended", run->output);
    return sheaf_results_close(&run->results, &run->error);
}

int sheaf_run_summarize(struct run *run) {
    static const char *const why[] = {
        [LOOP_COMPLETE] = NULL,
        [LOOP_SIGNAL] = "by a signal (USR1)",
        [LOOP_STOP_AFTER] = "by --stop-after",
        [LOOP_HALT] = "since too many items failed (halt)",
        [LOOP_HOPELESS] = "since no item is done, and 20 or more of each thread failed (halt: never goes on)",
        [LOOP_BATCH_END] = "before the batch job is, with time to finish the items at work",
    };
    double wall_s = sheaf_clock_s() - run->began_s;
    double *busy = calloc((size_t)run->self.n_ranks, sizeof *busy);
    if (!busy)
        return sheaf_fail_memory(&run->error, "the summary");
    for (int r = 0; run->facts && r < run->self.n_ranks; r++)
        busy[r] = run->facts[r].busy_s / (run->compute_s * run->facts[r].n_threads);
    struct sheaf_string lost = {0};
    sheaf_results_say_lost_texts(run->job.output, run->items.n_items, &lost);
    struct run_summary summary = {
        .job_name = run->job.name,
        .output = run->job.output,
        .n_items = run->n_asked,
        .n_done = run->after[ITEM_DONE],
        .n_failed = count_failed(run->after),
        .n_timed_out = run->after[ITEM_TIMED_OUT],
        .n_crashed = run->after[ITEM_CRASHED],
        .n_skipped = run->after[ITEM_SKIPPED],
        .failed_item = run->first_failure.item,
        .failed_message = run->any_failure ? run->first_failure.message : NULL,
        .n_before = run->before[ITEM_DONE] + count_failed(run->before),
        .wall_s = wall_s,
        .compute_s = run->compute_s,
        .n_ranks = run->self.n_ranks,
        .n_threads = run->n_threads,
        .n_nodes = run->self.n_nodes,
        .busy = busy,
        .policy = sheaf_schedule_name(run->schedule.policy),
        .policy_why = run->schedule.why,
        .transport = run->transport.direct ? "direct" : "gather",
        .transport_why = run->transport.why,
        .ended = why[run->end_why],
        .lost = run->results.lost_texts && !lost.failed ? lost.data : NULL,
        .again = sheaf_run_again(run),
        .changed = run->changed.length ? run->changed.data : NULL,
    };
    if (!run->options->quiet)
        sheaf_summary_write(stderr, &summary);
    sheaf_string_free(&lost);
    free(busy);
    return 0;
}

/* Items that were computed by one program stand beside those of another. */
static void say_mixed(const struct run *run) {
    struct sheaf_string changed = {0};
    sheaf_known_say_changed(&run->known, &changed);
    if (changed.length && !changed.failed)
        fprintf(stderr,
                "sheaf: changed while the run used it: %s. Items in %s may be of the old one or of the new one; to "
                "have all "
                "of one, start anew with --overwrite\n",
                changed.data, run->job.output);
    sheaf_string_free(&changed);
}

static void say_restored(const struct run *run) {
    bool any = false;
    for (int r = 0; r < run->self.n_ranks; r++)
        any = any || run->facts[r].restored;
    if (any)
        fprintf(stderr, "sheaf: %s was removed or moved while the run used it; texts of this run were written again\n",
                run->folder);
}

int sheaf_run_finish(struct run *run) {
    struct rank_facts own = {.n_threads = run->n_threads, .busy_s = sheaf_team_counts(run->team).busy_s};
    if (sheaf_comm_agree(run->comm, sheaf_transport_close(&run->transport, &run->error), &run->error))
        return -1;
    own.restored = run->transport.restored;
    if (sheaf_comm_gather(run->comm, &own, run->facts, sizeof own, &run->error))
        return -1;
    int rc = 0;
    if (sheaf_run_is_first(run)) {
        say_restored(run);
        say_mixed(run);
        rc = end_results(run) || sheaf_run_seal(run) || sheaf_run_summarize(run) ? -1 : 0;
    }
    return sheaf_comm_agree(run->comm, rc, &run->error);
}

void sheaf_run_report(const struct sheaf_error *error) {
    fprintf(stderr, "sheaf: %s\n", error->text);
}

int sheaf_run_agree_exit(struct run *run, int rc) {
    /* as it is, it would fail again: no case for a requeue */
    const bool halted = run->end_why == LOOP_HALT || run->end_why == LOOP_HOPELESS;
    int64_t exit = run->after[ITEM_PENDING] && !halted ? SHEAF_EXIT_INTERRUPTED
                   : count_failed(run->after)          ? SHEAF_EXIT_FAILED
                                                       : SHEAF_EXIT_DONE;
    if (rc)
        return (int)run->error.exit;
    if (sheaf_comm_broadcast_value(run->comm, &exit, &run->error) == 0)
        return (int)exit;
    sheaf_run_report(&run->error);
    return SHEAF_EXIT_ENVIRONMENT;
}
