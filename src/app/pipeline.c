#include "app/pipeline.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/coordinator.h"
#include "app/fields_message.h"
#include "app/loop.h"
#include "app/ranks.h"
#include "app/schedule.h"
#include "app/suspicion.h"
#include "app/transport.h"
#include "comm/comm.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/interrupt.h"
#include "exec/team.h"
#include "job/items.h"
#include "job/source.h"
#include "kernel/binding.h"
#include "report/progress.h"
#include "report/summary.h"
#include "store/input.h"
#include "store/lock.h"
#include "store/results.h"

enum { MOST_JOB_BYTES = 16 << 20 };

/* All that a run owns. Members after `results` matter on rank 0 only. */
struct run {
    const struct run_options *options;
    double began_s, compute_s; /* when the run began; how long it computed */
    struct comm *comm;
    struct comm_place place;
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
    char *output; /* where the results file really lies */
    struct lock lock;
    struct results results;
    bool created; /* the results file, in this run; it is published before the first row */
    struct sheaf_string identity;
    struct pending pending;   /* of the results */
    struct suspects suspects; /* blocks on which earlier runs died */
    off_t flights_end;        /* where the threads' part of the table of notes ends; pools have the rest */
    struct flight flight;     /* this rank's first row of notes */
    struct rank_facts *facts; /* [n_ranks] */
    struct run_record record;
    struct progress progress;
    int64_t begin, end;                                        /* items asked for */
    int64_t before[ITEM_SKIPPED + 1], after[ITEM_SKIPPED + 1]; /* of these, by status */
    struct sheaf_error error;
};

static bool is_first(const struct run *run) {
    return run->place.rank == 0;
}

static void report_error(const struct sheaf_error *error) {
    fprintf(stderr, "sheaf: %s\n", error->text);
}

/* --- reading the job ------------------------------------------------------------------------------------------------ */

/* Rank 0 reads the file, all parse it: the others need no shared disk. */
static int read_job(struct run *run) {
    const struct run_options *o = run->options;
    char *text = NULL;
    size_t n_bytes = 0;
    int rc = 0;
    if (is_first(run)) {
        rc = sheaf_file_read(o->job_file, MOST_JOB_BYTES, &text, &n_bytes, &run->error);
        if (rc == 0)
            rc = sheaf_buffer_resize(&run->text, n_bytes + 1, &run->error);
        if (rc == 0)
            memcpy(run->text.data, text, n_bytes + 1);
        free(text);
    }
    if (sheaf_comm_agree(run->comm, rc, &run->error) || sheaf_comm_broadcast(run->comm, &run->text, &run->error))
        return -1;
    rc = sheaf_job_parse(&run->job, o->job_file, run->text.data, run->text.n_bytes - 1, o->overrides, o->n_overrides,
                         &run->error);
    return sheaf_comm_agree(run->comm, rc, &run->error);
}

/* --- items and kernel ---------------------------------------------------------------------------------------------- */

/* Rank 0 opens the items and tells the others how many there are and which fields they have. */
static int open_items(struct run *run) {
    struct sheaf_buffer fields = {0};
    int rc = 0;
    if (is_first(run)) {
        rc = run->job.items.kind == JOB_HDF5 ? sheaf_input_open(&run->items, &run->job, &run->error)
                                             : sheaf_items_open(&run->items, &run->job, &run->error);
        if (rc == 0)
            rc = sheaf_fields_pack(&fields, &run->items, &run->error);
    }
    rc = sheaf_comm_agree(run->comm, rc, &run->error);
    if (rc == 0)
        rc = sheaf_comm_broadcast(run->comm, &fields, &run->error);
    if (rc == 0) {
        rc = is_first(run) ? 0 : sheaf_fields_unpack(&fields, &run->items, &run->error);
        rc = sheaf_comm_agree(run->comm, rc, &run->error);
    }
    sheaf_buffer_free(&fields);
    return rc;
}

/* The items' columns take the types the kernel reads. */
static int convert_inputs(struct run *run) {
    for (int k = 0; k < run->kernel.n_inputs; k++)
        if (run->kernel.field[k] >= 0 &&
            sheaf_items_convert(&run->items, run->kernel.field[k], run->kernel.inputs[k].type, &run->error))
            return -1;
    return 0;
}

static int open_kernel(struct run *run) {
    int rc = sheaf_binding_open(&run->kernel, &run->job, run->items.fields, run->items.n_fields, &run->error);
    if (rc == 0 && is_first(run))
        rc = convert_inputs(run);
    if (sheaf_comm_agree(run->comm, rc, &run->error))
        return -1;
    run->carrying = (struct chunk_shape){
        .n_inputs = run->kernel.n_inputs,
        .inputs = run->kernel.inputs,
        .n_outputs = run->kernel.n_outputs,
        .outputs = run->kernel.outputs,
        .block = run->kernel.block,
        .n_items = run->items.n_items,
        .most_text_bytes = run->items.most_text_bytes,
    };
    return 0;
}

static int fill_shared(void *context, void *memory, struct sheaf_error *error) {
    return sheaf_binding_prepare(context, memory, error);
}

/* --- the results file ---------------------------------------------------------------------------------------------- */

static int choose_window(struct run *run) {
    int64_t n_items = run->items.n_items;
    run->begin = run->options->first_item >= 0 ? run->options->first_item : 0;
    run->end = run->options->end_item >= 0 ? run->options->end_item : n_items;
    if (run->options->first_item >= 0 && n_items == 0)
        return sheaf_refuse(&run->error, "--items: the job has no items");
    if (run->begin >= n_items && n_items > 0)
        return sheaf_refuse(&run->error, "--items %" PRId64 ":…: the job has %" PRId64 " items, 0 to %" PRId64,
                            run->begin, n_items, n_items - 1);
    run->end = run->end < n_items ? run->end : n_items;
    return 0;
}

/* Opens the results of this job, or makes the file where there is none. */
static int open_results(struct run *run) {
    struct sheaf_error *error = &run->error;
    sheaf_string_add(&run->identity, "%s%sseed: %" PRId64 "\n", run->items.identity.data, run->kernel.identity.data,
                     run->job.seed);
    if (run->identity.failed)
        return sheaf_fail_memory(error, "the job's identity");
    run->output = sheaf_path_follow(run->job.output); /* one lock for a file, whatever names lead to it */
    if (!run->output)
        return sheaf_fail_memory(error, "a path");
    struct results_plan plan = {
        .path = run->output,
        .job_name = run->job.name,
        .job_text = run->text.data,
        .arguments = run->options->arguments,
        .kernel = run->kernel.kernel.table.name,
        .identity = run->identity.data,
        .items = &run->items,
        .n_outputs = run->kernel.n_outputs,
        .outputs = run->kernel.outputs,
        .block = run->kernel.block,
        .seed = run->job.seed,
    };
    if (choose_window(run) || sheaf_lock_take(&run->lock, plan.path, error))
        return -1;
    bool create = run->options->overwrite || access(plan.path, F_OK);
    if (create && (sheaf_results_may_replace(plan.path, error) || sheaf_results_create(&plan, error)))
        return -1;
    run->created = create;
    if (sheaf_results_open(&run->results, &plan, create, error))
        return -1;
    run->pending = sheaf_results_pending(&run->results);
    if (sheaf_suspicion_open(&run->suspects, &run->results, &run->pending, error))
        return -1;
    run->results.sink.begin = run->begin;
    run->results.sink.end = run->end;
    return sheaf_results_count(&run->results, run->begin, run->end, run->before, error);
}

/* --- the plan ------------------------------------------------------------------------------------------------------ */

static struct span block_window(const struct run *run) {
    int64_t block = run->kernel.block, first = run->begin / block, end = (run->end + block - 1) / block;
    return (struct span){first, end > first ? end - first : 0};
}

static int open_schedule(struct run *run) {
    struct pending pending = {0};
    if (is_first(run))
        pending = sheaf_suspects_others(&run->suspects);
    return sheaf_schedule_open(&run->schedule, run->comm, &run->job, &run->items, &pending, &run->carrying,
                               block_window(run), &run->error);
}

/* --- threads ------------------------------------------------------------------------------------------------------- */

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
        .sends_failures = !is_first(run),
        .flight = run->flight,
        .flights_end = run->flights_end,
        .input = transport->input,
        .stamp = &transport->stamp,
        .check_s = transport->check_s,
    };
    int rc = sheaf_team_open(&run->team, &setup, &run->error);
    return sheaf_comm_agree(run->comm, rc, &run->error);
}

/* What a rank needs to note what is in flight: its first row of the table, counted in threads; how many parties there
   are, that die as a whole each. */
struct flight_place {
    int64_t first, n_parties;
};

/* Each rank tells whether it notes what it computes, or leads a pool whose chunks rank 0 notes; rank 0 gives out rows. */
static int place_flights(struct run *run) {
    const int n_ranks = run->place.n_ranks;
    int64_t own[2] = {run->transport.notes, run->schedule.leads && !run->transport.notes}, *all = NULL;
    struct flight_place place = {0}, *places = NULL;
    int rc = 0;
    if (is_first(run)) {
        all = calloc((size_t)n_ranks, sizeof own);
        places = calloc((size_t)n_ranks, sizeof *places);
        rc = all && places ? 0 : sheaf_fail_memory(&run->error, "the ranks");
    }
    rc = sheaf_comm_agree(run->comm, rc, &run->error);
    if (rc == 0)
        rc = sheaf_comm_gather(run->comm, own, all, sizeof own, &run->error);
    for (int r = 0; rc == 0 && places && r < n_ranks; r++) {
        places[r].first = r ? places[r - 1].first + (all[2 * r - 2] ? run->facts[r - 1].n_threads : 0) : 0;
        place.n_parties += all[2 * r] + all[2 * r + 1];
    }
    for (int r = 0; rc == 0 && places && r < n_ranks; r++)
        places[r].n_parties = place.n_parties;
    if (rc == 0)
        rc = sheaf_comm_scatter(run->comm, places, &place, sizeof place, &run->error);
    free(all);
    free(places);
    const struct row_sink *sink = run->transport.sink;
    run->flight = (struct flight){.fd = -1, .note = {.party = run->place.rank, .n_parties = place.n_parties}};
    if (sink) {
        run->flight.fd = run->transport.notes ? sink->fd : -1;
        run->flight.offset = sink->flights_offset + place.first * (off_t)sizeof run->flight.note;
        run->flights_end = sink->flights_offset + FLIGHTS_MOST / 2 * (off_t)sizeof run->flight.note;
    }
    return rc;
}

/* Each rank tells its cores and threads; rank 0 warns where they do not fit. */
static int count_threads(struct run *run) {
    struct rank_facts own = {.n_cores = sheaf_team_cores()};
    own.n_threads = run->n_threads =
        sheaf_ranks_choose_threads(run->options->n_threads, own.n_cores, run->place.n_local_ranks);
    int rc = 0;
    if (is_first(run)) {
        run->facts = calloc((size_t)run->place.n_ranks, sizeof *run->facts);
        rc = run->facts ? 0 : sheaf_fail_memory(&run->error, "the ranks");
    }
    if (sheaf_comm_agree(run->comm, rc, &run->error) ||
        sheaf_comm_gather(run->comm, &own, run->facts, sizeof own, &run->error))
        return -1;
    if (is_first(run) && !run->options->quiet)
        sheaf_ranks_warn_binding(run->facts, run->place.n_ranks, run->place.launched);
    return 0;
}

/* --- computing ----------------------------------------------------------------------------------------------------- */

/* The environment failed while compute threads are at work: nobody waits for them. The results file is true at every
   moment, so the run may end at any. */
static void give_up(void *context, const struct sheaf_error *error) {
    struct run *run = context;
    struct sheaf_error ignored;
    sheaf_progress_end(&run->progress);
    report_error(error);
    sheaf_results_clear_flights(&run->results, &ignored); /* no item is to blame */
    sheaf_lock_release(&run->lock);
    fflush(NULL);
    sheaf_comm_abort(run->comm, SHEAF_EXIT_ENVIRONMENT);
    _exit(SHEAF_EXIT_ENVIRONMENT);
}

/* Counts what became of the items, and closes this run's row of the table of runs. */
static int end_record(struct run *run, enum run_reason reason, struct sheaf_error *error) {
    if (sheaf_results_count(&run->results, run->begin, run->end, run->after, error))
        return -1;
    run->record.end_unix_s = sheaf_clock_unix_s();
    run->record.n_items = run->before[ITEM_PENDING] - run->after[ITEM_PENDING];
    run->record.reason = (uint8_t)reason;
    return sheaf_results_end_run(&run->results, &run->record, error);
}

/* TERM, INT or HUP: what is finished is written; threads may be at work on the rest. */
static void leave(void *context) {
    struct run *run = context;
    struct sheaf_error ignored;
    sheaf_progress_end(&run->progress);
    sheaf_team_clear_notes(run->team, &ignored);
    if (is_first(run)) {
        end_record(run, RUN_INTERRUPTED, &ignored);
        fprintf(stderr, "sheaf: interrupted; finished items are in %s, run the same command again to go on\n",
                run->job.output);
        sheaf_lock_release(&run->lock);
    }
    fflush(NULL);
    _exit(SHEAF_EXIT_INTERRUPTED);
}

static int publish(struct run *run) {
    if (run->created && sheaf_results_publish(run->output, &run->error))
        return -1;
    run->created = false;
    return 0;
}

static int begin_record(struct run *run) {
    struct run_record *record = &run->record;
    *record = (struct run_record){
        .start_unix_s = sheaf_clock_unix_s(),
        .n_ranks = run->place.n_ranks,
        .n_threads = run->n_threads,
        .n_nodes = run->place.n_nodes,
        .reason = RUN_BROKEN_OFF,
    };
    gethostname(record->host, sizeof record->host - 1);
    return sheaf_results_begin_run(&run->results, record, &run->error);
}

/* Decides which ranks open the files, and opens them there. */
static int open_transport(struct run *run) {
    struct transport_setup setup = {.job = &run->job, .kernel = &run->kernel, .n_items = run->items.n_items};
    char *output = NULL;
    int rc = is_first(run) ? begin_record(run) : 0;
    if (rc == 0 && is_first(run)) {
        output = sheaf_results_place(&run->results);
        setup.items = &run->items;
        setup.sink = &run->results.sink;
        setup.output = output;
        setup.mark = run->record.start_unix_s;
        setup.mark_offset = sheaf_results_run_offset(&run->results);
        rc = output ? 0 : sheaf_fail_memory(&run->error, "a path");
    }
    rc = sheaf_comm_agree(run->comm, rc, &run->error);
    if (rc == 0)
        rc = sheaf_transport_open(&run->transport, run->comm, &setup, &run->error);
    free(output);
    run->shape = run->carrying;
    run->shape.mapped = run->transport.mapped;
    return rc;
}

/* Everything that must be there before the first item is computed. */
static int prepare(struct run *run) {
    if (sheaf_comm_share(run->comm, run->kernel.shared_bytes, fill_shared, &run->kernel, &run->shared, &run->error) ||
        count_threads(run) || open_schedule(run) || open_transport(run) || place_flights(run) ||
        sheaf_schedule_open_pool(&run->schedule, run->comm, &run->shape, &run->error) || open_team(run))
        return -1;
    return sheaf_comm_agree(run->comm, is_first(run) ? publish(run) : 0, &run->error);
}

/* Runs the loop on all ranks until the work is done, or the run has drained. */
static int run_loop(struct run *run, struct coordinator *coordinator, bool *drained) {
    const double stop_after_s = run->options->stop_after_s;
    struct loop_setup setup = {.comm = run->comm,
                               .team = run->team,
                               .pool = run->schedule.pool,
                               .shape = &run->shape,
                               .coordinator = is_first(run) ? coordinator : NULL,
                               .leads = run->schedule.leads,
                               .pool_index = run->schedule.index,
                               .n_pool_ranks = run->schedule.n_pool_ranks,
                               .maps = run->transport.maps,
                               .notes = run->transport.notes,
                               .eager = run->schedule.eager,
                               .stop_at_s = stop_after_s > 0 ? run->began_s + stop_after_s : 0,
                               .give_up = give_up,
                               .leave = leave,
                               .context = run};
    sheaf_interrupt_watch_leave();
    sheaf_interrupt_arm_exit(true);
    int rc = sheaf_comm_agree(run->comm, sheaf_loop_run(&setup, drained, &run->error), &run->error);
    sheaf_interrupt_arm_exit(false);
    sheaf_interrupt_unwatch_leave();
    return rc;
}

/* When all else is done: blocks on which an earlier run died, one at a time. */
static int run_suspects(struct run *run, struct coordinator *coordinator, bool drained) {
    int64_t n = is_first(run) && !drained ? sheaf_suspects_count(&run->suspects) : 0;
    struct pending pending = sheaf_suspects_only(&run->suspects);
    if (sheaf_comm_broadcast_value(run->comm, &n, &run->error))
        return -1;
    if (n == 0)
        return 0;
    if (sheaf_schedule_alone(&run->schedule, run->comm, &pending, block_window(run), &run->error))
        return -1;
    return run_loop(run, coordinator, &drained);
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
        .flight = {.fd = sink->fd, .offset = run->flights_end, .note.n_parties = run->flight.note.n_parties},
        .flights_end = sink->flights_offset + FLIGHTS_MOST * (off_t)sizeof(struct flight_note),
        .n_left = calloc((size_t)run->schedule.n_pools, sizeof(int32_t)),
        .progress = &run->progress,
    };
    return coordinator->n_left ? 0 : sheaf_fail_memory(&run->error, "the pools");
}

static int compute(struct run *run) {
    struct coordinator coordinator = {0};
    bool drained = false;
    int rc = sheaf_comm_agree(run->comm, is_first(run) ? open_coordinator(run, &coordinator) : 0, &run->error);
    if (rc == 0 && is_first(run))
        sheaf_progress_begin(&run->progress, run->options->quiet ? NULL : stderr, run->job.name, run->end - run->begin,
                             run->end - run->begin - run->before[ITEM_PENDING]);
    run->compute_s = -sheaf_clock_s();
    if (rc == 0)
        rc = run_loop(run, &coordinator, &drained) || run_suspects(run, &coordinator, drained) ? -1 : 0;
    run->compute_s += sheaf_clock_s();
    sheaf_progress_end(&run->progress);
    free(coordinator.n_left);
    return rc;
}

/* --- the end ------------------------------------------------------------------------------------------------------- */

static int64_t count_failed(const int64_t *counts) {
    return counts[ITEM_FAILED] + counts[ITEM_TIMED_OUT] + counts[ITEM_CRASHED] + counts[ITEM_SKIPPED];
}

/* Fill values for what was not computed, the record of the run, everything on disk. */
static int close_results(struct run *run) {
    struct results *results = &run->results;
    int64_t all[ITEM_SKIPPED + 1];
    if (sheaf_results_count(results, 0, results->n_items, all, &run->error) ||
        sheaf_results_count(results, run->begin, run->end, run->after, &run->error) ||
        (all[ITEM_PENDING] && sheaf_results_fill_pending(results, &run->error)))
        return -1;
    enum run_reason reason = run->after[ITEM_PENDING] ? RUN_INTERRUPTED
                             : all[ITEM_PENDING]      ? RUN_PARTIAL
                                                      : RUN_COMPLETE;
    if (sheaf_results_clear_flights(results, &run->error) || end_record(run, reason, &run->error))
        return -1;
    return sheaf_results_close(results, &run->error);
}

static int write_summary(struct run *run) {
    double wall_s = sheaf_clock_s() - run->began_s;
    double *busy = calloc((size_t)run->place.n_ranks, sizeof *busy);
    if (!busy)
        return sheaf_fail_memory(&run->error, "the summary");
    for (int r = 0; run->facts && r < run->place.n_ranks; r++)
        busy[r] = run->facts[r].busy_s / (run->compute_s * run->facts[r].n_threads);
    struct run_summary summary = {
        .job_name = run->job.name,
        .output = run->job.output,
        .n_items = run->end - run->begin,
        .n_done = run->after[ITEM_DONE],
        .n_failed = count_failed(run->after),
        .n_before = run->before[ITEM_DONE] + count_failed(run->before),
        .wall_s = wall_s,
        .compute_s = run->compute_s,
        .n_ranks = run->place.n_ranks,
        .n_threads = run->n_threads,
        .n_nodes = run->place.n_nodes,
        .busy = busy,
        .policy = sheaf_schedule_name(run->schedule.policy),
        .policy_why = run->schedule.why,
        .transport = run->transport.direct ? "direct" : "gather",
        .transport_why = run->transport.why,
    };
    if (!run->options->quiet)
        sheaf_summary_write(stderr, &summary);
    free(busy);
    return 0;
}

static int finish(struct run *run) {
    struct rank_facts own = {.n_threads = run->n_threads, .busy_s = sheaf_team_counts(run->team).busy_s};
    if (sheaf_comm_agree(run->comm, sheaf_transport_close(&run->transport, &run->error), &run->error) ||
        sheaf_comm_gather(run->comm, &own, run->facts, sizeof own, &run->error))
        return -1;
    int rc = is_first(run) ? close_results(run) : 0;
    if (rc == 0 && is_first(run))
        rc = write_summary(run);
    return sheaf_comm_agree(run->comm, rc, &run->error);
}

/* Shared data, threads and computing are for a run that has something to do. */
static int run_pending(struct run *run) {
    int64_t n_pending = run->before[ITEM_PENDING];
    if (sheaf_comm_broadcast_value(run->comm, &n_pending, &run->error))
        return -1;
    if (n_pending == 0) {
        int rc = is_first(run) ? publish(run) : 0;
        memcpy(run->after, run->before, sizeof run->after);
        if (rc == 0 && is_first(run))
            rc = write_summary(run);
        return sheaf_comm_agree(run->comm, rc, &run->error);
    }
    return prepare(run) || compute(run) ? -1 : finish(run);
}

static int run_all(struct run *run) {
    if (read_job(run) || open_items(run) || open_kernel(run) ||
        sheaf_comm_agree(run->comm, is_first(run) ? open_results(run) : 0, &run->error))
        return -1;
    return run_pending(run);
}

/* Every rank leaves with the same code: a launcher ends the others when one fails. */
static int agree_exit(struct run *run, int rc) {
    struct sheaf_error ignored;
    int64_t exit = run->after[ITEM_PENDING]   ? SHEAF_EXIT_INTERRUPTED
                   : count_failed(run->after) ? SHEAF_EXIT_FAILED
                                              : SHEAF_EXIT_DONE;
    if (rc)
        return (int)run->error.exit;
    return sheaf_comm_broadcast_value(run->comm, &exit, &ignored) ? SHEAF_EXIT_ENVIRONMENT : (int)exit;
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
    if (rc && is_first(&run))
        report_error(&run.error);
    if (run.created)
        sheaf_results_discard(run.output);
    int exit = agree_exit(&run, rc);
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
