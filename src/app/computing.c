#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/coordinator.h"
#include "app/run.h"
#include "app/slots.h"
#include "app/suspicion.h"
#include "core/clock.h"
#include "core/interrupt.h"
#include "exec/threads.h"

/* --- the plan ------------------------------------------------------------------------------------------------------ */

static struct span block_window(const struct run *run) {
    const struct span items = sheaf_asked_hull(&run->asked);
    const int64_t block = run->kernel.block, first = items.first / block;
    return (struct span){first, items.n ? (items.first + items.n - 1) / block - first + 1 : 0};
}

static int open_schedule(struct run *run) {
    struct pending pending = {0};
    if (sheaf_run_is_first(run))
        pending = sheaf_suspects_others(&run->suspects);
    return sheaf_schedule_open(&run->schedule, run->comm, &run->job, &run->items, &pending, &run->carrying,
                               block_window(run), &run->error);
}

/* --- threads ------------------------------------------------------------------------------------------------------- */

static bool may_halt(const struct run *run) {
    return run->job.limits.halt_failed > 0 || run->job.limits.halt_share > 0;
}

static int open_team(struct run *run) {
    const struct transport *transport = &run->transport;
    struct team_setup setup = {
        .n_threads = run->n_threads,
        .kernel = &run->kernel,
        .shape = &run->shape,
        .shared = run->shared,
        .pool = run->schedule.pool,
        .leads = run->schedule.leads,
        .sink = transport->sink,
        .first_slot = run->first_slot,
        .sends_failures = !sheaf_run_is_first(run),
        .hopeless_failed = RUN_HOPELESS_FAILED,
        .tells_failures = may_halt(run),
        .checkpoint_s = run->job.checkpoint_s,
        .flight = run->flight,
        .flights_end = run->flights_end,
        .input = transport->input,
        .stamp = &transport->stamp,
        .check_s = transport->check_s,
    };
    int rc =
        sheaf_threads_try(run->n_threads, &run->error) || sheaf_team_open(&run->team, &setup, &run->error) ? -1 : 0;
    return sheaf_comm_agree(run->comm, rc, &run->error);
}

/* Each rank tells its cores and threads; rank 0 warns where they do not fit. */
static int count_threads(struct run *run) {
    struct rank_facts own = {.n_cores = sheaf_team_cores()};
    run->n_threads = sheaf_ranks_choose_threads(run->options->n_threads, own.n_cores, run->self.n_local_ranks);
    int rc = sheaf_slots_limit(&run->job, &run->self, &run->n_threads, &run->error);
    own.n_threads = run->n_threads;
    if (sheaf_comm_agree(run->comm, rc, &run->error) ||
        sheaf_slots_number(run->comm, run->n_threads, &run->first_slot, &run->error))
        return -1;
    if (sheaf_run_is_first(run)) {
        run->facts = calloc((size_t)run->self.n_ranks, sizeof *run->facts);
        rc = run->facts ? 0 : sheaf_fail_memory(&run->error, "the ranks");
    }
    if (sheaf_comm_agree(run->comm, rc, &run->error) ||
        sheaf_comm_gather(run->comm, &own, run->facts, sizeof own, &run->error))
        return -1;
    if (sheaf_run_is_first(run) && !run->options->quiet)
        sheaf_ranks_warn_binding(run->facts, run->self.n_ranks, run->self.launched);
    return 0;
}

static int fill_shared(void *context, void *memory, struct sheaf_error *error) {
    return sheaf_binding_prepare(context, memory, error);
}

/* --- computing ----------------------------------------------------------------------------------------------------- */

/* What the run leaves on rank 0. */
static void give_up_results(struct run *run) {
    struct sheaf_error ignored;
    sheaf_row_sink_flush(&run->results.sink, &ignored);
    sheaf_team_drain(run->team); /* or the threads would note what they begin until the process ends */
    sheaf_results_clear_flights(&run->results, &ignored); /* no item is to blame */
    if (sheaf_run_confirm(run, true, &ignored))
        sheaf_run_report(&ignored);
    sheaf_lock_release(&run->lock);
}

/* The environment failed while compute threads are at work: nobody waits for them. The results file is true at every
   moment, so the run may end at any. */
static void give_up(void *context, const struct sheaf_error *error) {
    struct run *run = context;
    sheaf_progress_end(&run->progress);
    sheaf_run_report(error);
    if (sheaf_run_is_first(run))
        give_up_results(run);
    fflush(NULL);
    sheaf_comm_abort(run->comm, SHEAF_EXIT_ENVIRONMENT);
    _exit(SHEAF_EXIT_ENVIRONMENT);
}

/* TERM, INT or HUP: nothing that was at work is to blame. */
static void begin_to_leave(void *context) {
    struct run *run = context;
    struct sheaf_error ignored;
    sheaf_team_clear_notes(run->team, &ignored);
    if (run->transport.sink)
        sheaf_row_sink_mark(run->transport.sink, run->self.rank, LIFE_LEFT, &ignored);
}

/* What is finished is written by now; threads may be at work on the rest. */
static void leave(void *context) {
    struct run *run = context;
    struct sheaf_error ignored;
    sheaf_progress_end(&run->progress);
    if (run->transport.sink)
        sheaf_row_sink_flush(run->transport.sink, &ignored);
    sheaf_team_clear_notes(run->team, &ignored);
    if (sheaf_run_is_first(run)) {
        if (sheaf_results_count(&run->results, &run->asked, run->after, &ignored) == 0)
            sheaf_run_end_record(run, RUN_INTERRUPTED, &ignored);
        if (sheaf_run_confirm(run, true, &run->error))
            sheaf_run_report(&run->error);
        else
            fprintf(stderr, "sheaf: interrupted; finished items are in %s, run %s again to go on\n", run->job.output,
                    sheaf_run_again(run));
        sheaf_lock_release(&run->lock);
    }
    fflush(NULL);
    _exit(SHEAF_EXIT_INTERRUPTED);
}

/* What earlier runs wrote, and what stands beside items that are written now. */
static void say_damaged(const struct run *run) {
    const struct span first = run->results.first_changed;
    char more[64] = "", count[32];
    if (run->results.n_changed == 0 || run->options->quiet)
        return;
    if (run->results.n_changed > 1)
        snprintf(more, sizeof more, " and %s more such spans", sheaf_text_count(run->results.n_changed - 1, count));
    fprintf(stderr,
            "sheaf: items %" PRId64 ":%" PRId64 "%s of %s have changed since they were written; sheaf verify %s tells "
            "how to compute them again\n",
            first.first, first.first + first.n, more, run->job.output, run->job.output);
}

static int begin_record(struct run *run) {
    struct run_record *record = &run->record;
    const int64_t n_items = run->results.n_items;
    int64_t all[ITEM_SKIPPED + 1];
    memcpy(all, run->before, sizeof all);
    if (sheaf_results_forget_pending(&run->results, &run->error))
        return -1;
    say_damaged(run);
    if (!sheaf_run_is_whole(run) && sheaf_results_count(&run->results, NULL, all, &run->error))
        return -1;
    *record = (struct run_record){
        .start_unix_s = sheaf_clock_unix_s(),
        .n_ranks = run->self.n_ranks,
        .n_threads = run->n_threads,
        .n_nodes = run->self.n_nodes,
        .n_before = n_items - all[ITEM_PENDING],
        .n_wanted = run->before[ITEM_PENDING],
        .reason = RUN_BROKEN_OFF,
    };
    gethostname(record->host, sizeof record->host - 1);
    return sheaf_results_begin_run(&run->results, record, &run->error);
}

/* What commands keep lies beside the results file as each rank sees it. */
static void warn_of_kept(struct run *run) {
    const struct job_program *program = &run->job.program;
    const bool keeps = program->n_keep > 0 || program->workdir == JOB_WORKDIR_KEEP;
    char text[WARNING_BYTES];
    if (!keeps || run->transport.n_blind == 0)
        return;
    int n =
        snprintf(text, sizeof text,
                 "%d of %d ranks do not see %s: files that are kept there stay on the disks of their nodes; a shared "
                 "disk, with -o, gathers them",
                 run->transport.n_blind, run->self.n_ranks, run->host.folder);
    sheaf_warnings_add(&run->warnings, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

/* Decides which ranks open the files, and opens them there. */
static int open_transport(struct run *run) {
    struct transport_setup setup = {
        .job = &run->job, .kernel = &run->kernel, .asked = &run->asked, .durable = run->options->durable};
    char *output = NULL;
    int rc = sheaf_run_is_first(run) ? begin_record(run) : 0;
    if (rc == 0 && sheaf_run_is_first(run)) {
        output = sheaf_results_path(&run->results);
        setup.items = &run->items;
        setup.sink = &run->results.sink;
        setup.token = run->results.token;
        setup.last_journal = run->results.last_journal;
        setup.results = run->output;
        run->results.sink.attempts_offset = run->results.attempts_offset;
        setup.output = output;
        setup.mark = run->record.start_unix_s;
        setup.mark_offset = sheaf_results_run_offset(&run->results);
        rc = output ? 0 : sheaf_fail_memory(&run->error, "a path");
    }
    rc = sheaf_comm_agree(run->comm, rc, &run->error);
    if (rc == 0)
        rc = sheaf_transport_open(&run->transport, run->comm, &setup, &run->error);
    if (rc == 0 && sheaf_run_is_first(run))
        warn_of_kept(run);
    free(output);
    run->shape = run->carrying;
    run->shape.mapped = run->transport.mapped;
    return rc;
}

/* Who notes what is in flight. Nobody where items have processes of their own: when we die it is not their doing. */
static int open_flights(struct run *run) {
    const bool blameless = sheaf_run_uses_processes(run);
    run->transport.notes = run->transport.notes || blameless;
    const bool is_noted = run->schedule.leads && !run->transport.notes;
    if (sheaf_suspicion_share_rows(&run->flight, &run->flights_end, run->comm, is_noted, run->n_threads,
                                   run->transport.sink, &run->error))
        return -1;
    if (blameless)
        run->flight.fd = -1;
    return 0;
}

/* A kernel that takes many items at a time, such as a worker with lines on their way, gets larger grains. */
static int open_pool(struct run *run) {
    static const int64_t many_ns = 4000000;
    if (sheaf_schedule_open_pool(&run->schedule, run->comm, &run->shape, &run->error))
        return -1;
    if (run->kernel.many && run->schedule.leads)
        run->schedule.pool->grain_ns = many_ns;
    return 0;
}

/* Everything that must be there before the first item is computed. */
static int prepare(struct run *run) {
    if (sheaf_comm_share(run->comm, run->kernel.shared_bytes, fill_shared, &run->kernel, &run->shared, &run->error) ||
        count_threads(run) || open_schedule(run) || open_transport(run) || open_flights(run) || open_pool(run) ||
        open_team(run) ||
        sheaf_comm_agree(run->comm, sheaf_binding_check_files(&run->kernel, &run->error), &run->error))
        return -1;
    return sheaf_comm_agree(run->comm, sheaf_run_is_first(run) ? sheaf_run_publish(run) : 0, &run->error);
}

/* When the batch job that we run in is ended, on sheaf_clock_s; 0: nobody says. */
static double find_batch_end(void) {
    const char *text = getenv("SLURM_JOB_END_TIME");
    double unix_s = 0;
    if (!text || sheaf_text_to_double(text, strlen(text), &unix_s) || !(unix_s > sheaf_clock_unix_s()))
        return 0; /* a time that has passed is left over from another job */
    return sheaf_clock_s() + unix_s - sheaf_clock_unix_s();
}

/* How many items may fail in this run before it is ended; 0: any number. */
static int64_t find_halt(const struct run *run) {
    const struct job_limits *limits = &run->job.limits;
    if (limits->halt_share > 0)
        return (int64_t)ceil(limits->halt_share * (double)run->before[ITEM_PENDING]);
    return limits->halt_failed;
}

/* Rank 0: whether no item of the job is done, so that what fails now may be all that there is. */
static bool is_nothing_done(struct run *run) {
    int64_t all[ITEM_SKIPPED + 1];
    struct sheaf_error ignored;
    if (!sheaf_run_is_first(run) || run->job.limits.halt_said || run->before[ITEM_DONE] > 0)
        return false;
    return sheaf_run_is_whole(run) ||
           (sheaf_results_count(&run->results, NULL, all, &ignored) == 0 && all[ITEM_DONE] == 0);
}

/* Runs the loop on all ranks until the work is done, or the run has drained. */
static int run_loop(struct run *run, struct coordinator *coordinator) {
    const double stop_after_s = run->options->stop_after_s;
    struct loop_setup setup = {.comm = run->comm,
                               .team = run->team,
                               .pool = run->schedule.pool,
                               .shape = &run->shape,
                               .coordinator = sheaf_run_is_first(run) ? coordinator : NULL,
                               .leads = run->schedule.leads,
                               .warnings = &run->warnings,
                               .pool_index = run->schedule.index,
                               .n_pool_ranks = run->schedule.n_pool_ranks,
                               .maps = run->transport.maps,
                               .notes = run->transport.notes,
                               .eager = run->schedule.eager,
                               .stop_at_s = stop_after_s > 0 ? run->began_s + stop_after_s : 0,
                               .batch_end_s = find_batch_end(),
                               .halt_failed = find_halt(run),
                               .halt_hopeless = is_nothing_done(run),
                               .hurries = may_halt(run),
                               .give_up = give_up,
                               .leaving = begin_to_leave,
                               .leave = leave,
                               .context = run};
    sheaf_interrupt_watch_leave();
    sheaf_interrupt_arm_exit(true);
    int rc = sheaf_comm_agree(run->comm, sheaf_loop_run(&setup, &run->end_why, &run->error), &run->error);
    sheaf_interrupt_arm_exit(false);
    sheaf_interrupt_unwatch_leave();
    if (rc == 0) /* what follows may be long: it came just when the last item was done */
        sheaf_interrupt_leave_if_asked();
    return rc;
}

/* When all else is done: blocks on which an earlier run died, one at a time. */
static int run_suspects(struct run *run, struct coordinator *coordinator) {
    int64_t n = sheaf_run_is_first(run) && run->end_why == LOOP_COMPLETE ? sheaf_suspects_count(&run->suspects) : 0;
    struct pending pending = sheaf_suspects_only(&run->suspects);
    if (sheaf_comm_broadcast_value(run->comm, &n, &run->error))
        return -1;
    if (n == 0)
        return 0;
    coordinator->flight.note.flags = FLIGHT_ALONE;
    int rc = run->transport.sink ? sheaf_row_sink_flush(run->transport.sink, &run->error) : 0; /* they may kill us */
    if (sheaf_comm_agree(run->comm, rc, &run->error))
        return -1;
    if (sheaf_schedule_alone(&run->schedule, run->comm, &pending, block_window(run), &run->error))
        return -1;
    return run_loop(run, coordinator);
}

static int open_coordinator(struct run *run, struct coordinator *coordinator) {
    const struct row_sink *sink = &run->results.sink;
    *coordinator = (struct coordinator){
        .handout = &run->schedule.handout,
        .items = &run->items,
        .kernel = &run->kernel,
        .carrying = &run->carrying,
        .mapping = &run->shape,
        .sink = &run->results.sink,
        .flight = {.fd = sink->fd, .offset = run->flights_end},
        .flights_end = sink->flights_offset + FLIGHTS_MOST * (off_t)sizeof(struct flight_note),
        .rows = calloc((size_t)run->schedule.n_pools * POOL_SEATS, sizeof(int32_t)),
        .n_left = calloc((size_t)run->schedule.n_pools, sizeof(int32_t)),
        .warnings = &run->warnings,
        .progress = &run->progress,
    };
    return coordinator->rows && coordinator->n_left ? 0 : sheaf_fail_memory(&run->error, "the pools");
}

static int compute(struct run *run) {
    struct coordinator coordinator = {0};
    int rc =
        sheaf_comm_agree(run->comm, sheaf_run_is_first(run) ? open_coordinator(run, &coordinator) : 0, &run->error);
    if (rc == 0 && sheaf_run_is_first(run))
        sheaf_progress_begin(&run->progress, run->options->quiet ? NULL : stderr, run->job.name, run->n_asked,
                             run->n_asked - run->before[ITEM_PENDING]);
    run->compute_s = -sheaf_clock_s();
    if (rc == 0)
        rc = run_loop(run, &coordinator) || run_suspects(run, &coordinator) ? -1 : 0;
    run->compute_s += sheaf_clock_s();
    if (rc == 0 && sheaf_run_is_first(run)) /* those that came last */
        sheaf_coordinator_warn(&coordinator);
    sheaf_progress_end(&run->progress);
    free(coordinator.rows);
    free(coordinator.n_left);
    return rc;
}

int sheaf_run_compute(struct run *run) {
    return prepare(run) || compute(run) ? -1 : 0;
}
