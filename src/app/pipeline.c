#include "app/pipeline.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/run.h"
#include "core/clock.h"
#include "core/interrupt.h"

/* Shared data, threads and computing are for a run that has something to do. */
static int run_pending(struct run *run) {
    int64_t n_pending = run->before[ITEM_PENDING], again = !run->created;
    if (sheaf_comm_broadcast_value(run->comm, &n_pending, &run->error) ||
        sheaf_comm_broadcast_value(run->comm, &again, &run->error))
        return -1;
    run->kernel.again = again;
    if (n_pending == 0) {
        int rc = sheaf_run_is_first(run) ? sheaf_run_publish(run) : 0;
        memcpy(run->after, run->before, sizeof run->after);
        run->none_pending = sheaf_run_is_whole(run);
        if (rc == 0 && sheaf_run_is_first(run))
            rc = sheaf_run_seal(run) || sheaf_run_summarize(run) ? -1 : 0;
        return sheaf_comm_agree(run->comm, rc, &run->error);
    }
    return sheaf_run_compute(run) || sheaf_run_finish(run) ? -1 : 0;
}

static int run_all(struct run *run) {
    return sheaf_run_open(run) || run_pending(run) ? -1 : 0;
}

int sheaf_run_start(struct run *run, const struct run_options *options) {
    *run = (struct run){.options = options,
                        .began_s = sheaf_clock_s(),
                        .lock.fd = -1,
                        .results.fd = -1,
                        .transport.own.fd = -1,
                        .warnings = WARNINGS_NONE};
    struct sheaf_error ignored;
    int rc = sheaf_server_start(&run->server, &run->error); /* while we are small, and have one thread */
    sheaf_interrupt_guard();
    signal(SIGPIPE, SIG_IGN); /* a worker that does not listen, or `sheaf run … | head`, is no reason to die */
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow shows as an error of pwrite */
    sheaf_results_start();
    if (sheaf_comm_open(&run->comm, rc ? &ignored : &run->error))
        rc = -1;
    if (run->comm)
        run->self = sheaf_comm_self(run->comm);
    return run->comm && sheaf_comm_agree(run->comm, rc, &run->error) == 0 ? 0 : -1;
}

/* What comes of that is said by each rank itself: the run is over. */
static void close_kernel(struct run *run) {
    char text[WARNING_BYTES];
    while (sheaf_warnings_take(&run->warnings, text)) { /* of a run that failed: that is what is to be said */
    }
    sheaf_binding_close(&run->kernel);
    while (sheaf_warnings_take(&run->warnings, text))
        fprintf(stderr, "sheaf: warning of the kernel: %s\n", text);
}

void sheaf_run_free(struct run *run) {
    struct sheaf_error ignored;
    sheaf_team_close(run->team);
    sheaf_schedule_close(&run->schedule);
    sheaf_transport_close(&run->transport, &ignored);
    sheaf_results_close(&run->results, &ignored);
    close_kernel(run);
    sheaf_server_stop(run->server);
    sheaf_lock_release(&run->lock); /* when no program is at work any more */
    sheaf_items_close(&run->items);
    sheaf_asked_free(&run->asked);
    sheaf_job_free(&run->job);
    sheaf_string_free(&run->identity);
    sheaf_string_free(&run->changed);
    sheaf_known_free(&run->known);
    sheaf_buffer_free(&run->text);
    free(run->facts);
    free(run->folder);
    free(run->output);
    sheaf_comm_close(run->comm);
}

int sheaf_pipeline_run(const struct run_options *options) {
    struct run run;
    int rc = sheaf_run_start(&run, options);
    if (rc == 0)
        rc = run_all(&run);
    if (rc)
        sheaf_interrupt_end_with((int)run.error.exit);
    if (rc && (sheaf_run_is_first(&run) || sheaf_comm_failed(run.comm)))
        sheaf_run_report(&run.error);
    if (run.created)
        sheaf_results_discard(run.output);
    int exit = sheaf_run_agree_exit(&run, rc);
    sheaf_interrupt_end_with(exit);
    sheaf_run_free(&run);
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
