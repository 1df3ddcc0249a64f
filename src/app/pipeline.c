#include "app/pipeline.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/run.h"
#include "core/clock.h"
#include "core/interrupt.h"

void sheaf_run_report(const struct sheaf_error *error) {
    fprintf(stderr, "sheaf: %s\n", error->text);
}

/* Shared data, threads and computing are for a run that has something to do. */
static int run_pending(struct run *run) {
    int64_t n_pending = run->before[ITEM_PENDING];
    if (sheaf_comm_broadcast_value(run->comm, &n_pending, &run->error))
        return -1;
    if (n_pending == 0) {
        int rc = sheaf_run_is_first(run) ? sheaf_run_publish(run) : 0;
        memcpy(run->after, run->before, sizeof run->after);
        if (rc == 0 && sheaf_run_is_first(run))
            rc = sheaf_run_summarize(run);
        return sheaf_comm_agree(run->comm, rc, &run->error);
    }
    return sheaf_run_compute(run) || sheaf_run_finish(run) ? -1 : 0;
}

static int run_all(struct run *run) {
    return sheaf_run_open(run) || run_pending(run) ? -1 : 0;
}

int sheaf_pipeline_run(const struct run_options *options) {
    struct run run = {
        .options = options, .began_s = sheaf_clock_s(), .lock.fd = -1, .results.fd = -1, .transport.own.fd = -1};
    struct sheaf_error ignored;
    sheaf_interrupt_watch_drain();
    sheaf_interrupt_guard();
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow shows as an error of pwrite */
    sheaf_results_start();
    int rc = sheaf_comm_open(&run.comm, &run.error);
    if (rc == 0) {
        run.place = sheaf_comm_place(run.comm);
        rc = run_all(&run);
    }
    if (rc && sheaf_run_is_first(&run))
        sheaf_run_report(&run.error);
    if (run.created)
        sheaf_results_discard(run.output);
    int exit = sheaf_run_agree_exit(&run, rc);
    sheaf_team_close(run.team);
    sheaf_schedule_close(&run.schedule);
    sheaf_transport_close(&run.transport, &ignored);
    sheaf_results_close(&run.results, &ignored);
    sheaf_lock_release(&run.lock);
    sheaf_binding_close(&run.kernel);
    sheaf_items_close(&run.items);
    sheaf_job_free(&run.job);
    sheaf_string_free(&run.identity);
    sheaf_buffer_free(&run.text);
    free(run.facts);
    free(run.output);
    sheaf_comm_close(run.comm);
    return exit;
}
