#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/coordinator.h"
#include "app/messages.h"
#include "app/reducing.h"
#include "app/stage.h"
#include "app/slots.h"
#include "app/suspicion.h"
#include "core/clock.h"
#include "core/interrupt.h"
#include "exec/threads.h"

/* --- the plan ------------------------------------------------------------------------------------------------------ */

static struct span block_window(const struct stage *stage) {
    const struct span items = sheaf_asked_hull(&stage->asked);
    const int64_t block = stage->kernel.block, first = items.first / block;
    return (struct span){first, items.n ? (items.first + items.n - 1) / block - first + 1 : 0};
}

static int open_schedule(struct stage *stage) {
    struct session *session = stage->session;
    struct pending pending = {0};
    if (sheaf_session_is_first(session))
        pending = sheaf_suspects_others(&stage->suspects);
    return sheaf_schedule_open(&stage->schedule, session->comm, stage->job, &stage->items, &pending, &stage->carrying,
                               block_window(stage), &session->error);
}

/* --- threads ------------------------------------------------------------------------------------------------------- */

static bool may_halt(const struct stage *stage) {
    return stage->job->limits.halt_failed > 0 || stage->job->limits.halt_share > 0;
}

static int open_team(struct stage *stage) {
    struct session *session = stage->session;
    const struct transport *transport = &stage->transport;
    struct team_setup setup = {
        .n_threads = session->n_threads,
        .kernel = &stage->kernel,
        .shape = &stage->shape,
        .shared = stage->shared,
        .pool = stage->schedule.pool,
        .leads = stage->schedule.leads,
        .sink = transport->sink,
        .first_slot = session->first_slot,
        .messages = may_halt(stage) && !sheaf_session_is_first(session) ? MESSAGES_SENT : stage->messages,
        .hopeless_failed = STAGE_HOPELESS_FAILED,
        .tells_failures = may_halt(stage),
        .checkpoint_s = stage->job->checkpoint_s,
        .flight = stage->flight,
        .flights_end = stage->flights_end,
        .input = transport->input,
        .stamp = &transport->stamp,
        .proof = stage->transport.proves ? &stage->transport.proof : NULL,
        .check_s = transport->check_s,
        .fold = stage->folding.is_on ? &stage->folding.plan : NULL,
    };
    int rc =
        sheaf_threads_try(session->n_threads, &session->error) || sheaf_team_open(&stage->team, &setup, &session->error)
            ? -1
            : 0;
    return sheaf_session_agree(session, rc);
}

/* Each rank tells its cores and threads; rank 0 warns where they do not fit. */
static int count_threads(struct stage *stage) {
    struct session *session = stage->session;
    struct rank_facts own = {.n_cores = sheaf_team_cores()};
    session->n_threads =
        sheaf_ranks_choose_threads(session->options->n_threads, own.n_cores, session->self.n_local_ranks);
    int rc = sheaf_slots_limit(stage->job, &session->self, &session->n_threads, &session->error);
    own.n_threads = session->n_threads;
    if (sheaf_session_agree(session, rc))
        return -1;
    if (sheaf_slots_number(session->comm, session->n_threads, &session->first_slot, &session->error))
        return -1;
    if (sheaf_session_is_first(session)) {
        free(session->facts); /* of the stage before */
        session->facts = calloc((size_t)session->self.n_ranks, sizeof *session->facts);
        rc = session->facts ? 0 : sheaf_fail_memory(&session->error, "the ranks");
    }
    if (sheaf_session_agree(session, rc))
        return -1;
    if (sheaf_comm_gather(session->comm, &own, session->facts, sizeof own, &session->error))
        return -1;
    if (sheaf_session_is_first(session) && !session->options->quiet)
        sheaf_ranks_warn_binding(session->facts, session->self.n_ranks, session->self.launched);
    return 0;
}

static int fill_shared(void *context, void *memory, struct sheaf_error *error) {
    return sheaf_binding_prepare(context, memory, error);
}

/* --- computing ----------------------------------------------------------------------------------------------------- */

/* What the run leaves on rank 0. */
static void give_up_results(struct stage *stage) {
    struct session *session = stage->session;
    struct sheaf_error ignored;
    sheaf_row_sink_flush(&session->results.sink, &ignored);
    sheaf_team_drain(stage->team); /* or the threads would note what they begin until the process ends */
    sheaf_results_clear_flights(&session->results, &ignored); /* no item is to blame */
    if (sheaf_session_confirm(session, true, &ignored))
        sheaf_session_report(&ignored);
    sheaf_lock_release(&session->lock);
}

/* The environment failed while compute threads are at work: nobody waits for them. The results file is true at every
   moment, so the run may end at any. */
static void give_up(void *context, const struct sheaf_error *error) {
    struct stage *stage = context;
    struct session *session = stage->session;
    sheaf_progress_end(&stage->progress);
    sheaf_session_report(error);
    if (sheaf_session_is_first(session))
        give_up_results(stage);
    fflush(NULL);
    sheaf_comm_abort(session->comm, SHEAF_EXIT_ENVIRONMENT);
    _exit(SHEAF_EXIT_ENVIRONMENT);
}

/* TERM, INT or HUP: nothing that was at work is to blame. */
static void begin_to_leave(void *context) {
    struct stage *stage = context;
    struct session *session = stage->session;
    struct sheaf_error ignored;
    sheaf_team_clear_notes(stage->team, &ignored);
    if (stage->transport.sink)
        sheaf_row_sink_mark(stage->transport.sink, session->self.rank, LIFE_LEFT, &ignored);
}

/* What is finished is written by now; threads may be at work on the rest. */
static void leave(void *context) {
    struct stage *stage = context;
    struct session *session = stage->session;
    struct sheaf_error ignored;
    sheaf_progress_end(&stage->progress);
    if (stage->transport.sink)
        sheaf_row_sink_flush(stage->transport.sink, &ignored);
    sheaf_team_clear_notes(stage->team, &ignored);
    if (sheaf_session_is_first(session)) {
        if (sheaf_results_count(&session->results, &stage->asked, stage->after, &ignored) == 0)
            sheaf_stage_end_record(stage, RUN_INTERRUPTED, &ignored);
        if (sheaf_session_confirm(session, true, &session->error))
            sheaf_session_report(&session->error);
        else
            fprintf(stderr, "sheaf: interrupted; finished items are in %s, run %s again to go on\n", stage->job->output,
                    sheaf_session_again(session));
        sheaf_lock_release(&session->lock);
    }
    fflush(NULL);
    _exit(SHEAF_EXIT_INTERRUPTED);
}

/* What earlier runs wrote, and what stands beside items that are written now. Also where all else is quiet. */
static void say_damaged(const struct session *session) {
    const struct results *results = &session->results;
    const struct span first = results->first_changed;
    if (first.n)
        fprintf(stderr,
                "sheaf: items %" PRId64 ":%" PRId64
                "%s of %s have changed since they were written; sheaf verify %s tells how to compute them again\n",
                first.first, first.first + first.n, results->more_changed ? " and others" : "", session->job.output,
                session->job.output);
    if (results->inputs_changed)
        fprintf(
            stderr,
            "sheaf: the copies of inputs in %s have changed since they were written; this run reads the job's own\n",
            session->job.output);
}

static int begin_record(struct stage *stage) {
    struct session *session = stage->session;
    struct run_record *record = &session->record;
    const int64_t n_items = session->results.n_items;
    int64_t all[ITEM_SKIPPED + 1];
    memcpy(all, stage->before, sizeof all);
    if (sheaf_results_forget_pending(&session->results, &session->error))
        return -1;
    say_damaged(session);
    if (!sheaf_stage_is_whole(stage) && sheaf_results_count(&session->results, NULL, all, &session->error))
        return -1;
    *record = (struct run_record){
        .start_unix_s = sheaf_clock_unix_s(),
        .n_ranks = session->self.n_ranks,
        .n_threads = session->n_threads,
        .n_nodes = session->self.n_nodes,
        .n_before = n_items - all[ITEM_PENDING],
        .n_wanted = stage->before[ITEM_PENDING],
        .reason = RUN_BROKEN_OFF,
    };
    gethostname(record->host, sizeof record->host - 1);
    return sheaf_results_begin_run(&session->results, record, &session->error) ||
                   sheaf_reducing_clear(stage->reducing, &session->error)
               ? -1
               : 0;
}

/* What commands keep lies beside the results file as each rank sees it. */
static void warn_of_kept(struct stage *stage) {
    struct session *session = stage->session;
    const struct job_program *program = &stage->job->program;
    const bool keeps = program->n_keep > 0 || program->workdir == JOB_WORKDIR_KEEP;
    char text[WARNING_BYTES];
    if (!keeps || stage->transport.n_blind == 0)
        return;
    int n =
        snprintf(text, sizeof text,
                 "%d of %d ranks do not see %s: files that are kept there stay on the disks of their nodes; a shared "
                 "disk, with -o, gathers them",
                 stage->transport.n_blind, session->self.n_ranks, stage->host.folder);
    sheaf_warnings_add(&session->warnings, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

/* Decides which ranks open the files, and opens them there. */
static int open_transport(struct stage *stage) {
    struct session *session = stage->session;
    struct transport_setup setup = {.job = stage->job,
                                    .kernel = &stage->kernel,
                                    .asked = &stage->asked,
                                    .n_threads = session->n_threads,
                                    .durable = session->options->durable};
    char *output = NULL;
    int rc = sheaf_session_is_first(session) ? begin_record(stage) : 0;
    if (rc == 0 && sheaf_session_is_first(session)) {
        output = sheaf_results_path(&session->results);
        setup.items = &stage->items;
        setup.copies = session->results.inputs;
        setup.sink = &session->results.sink;
        setup.proof_tables = session->results.proof_tables;
        setup.token = session->results.token;
        setup.last_journal = session->results.last_journal;
        setup.results = session->output;
        session->results.sink.layout.attempts_offset = session->results.attempts_offset;
        setup.output = output;
        setup.mark = session->record.start_unix_s;
        setup.mark_offset = sheaf_results_run_offset(&session->results);
        rc = output ? 0 : sheaf_fail_memory(&session->error, "a path");
    }
    rc = sheaf_session_agree(session, rc);
    if (rc == 0)
        rc = sheaf_transport_open(&stage->transport, session->comm, &setup, &session->error);
    if (rc == 0 && sheaf_session_is_first(session))
        warn_of_kept(stage);
    free(output);
    stage->shape = stage->carrying;
    stage->shape.mapped = stage->transport.mapped;
    stage->shape.tiles = stage->transport.tiled.open ? &stage->transport.tiled.cache : NULL;
    return rc;
}

/* Who notes what is in flight. Nobody where items have processes of their own: when we die it is not their doing. */
static int open_flights(struct stage *stage) {
    struct session *session = stage->session;
    const bool blameless = sheaf_stage_uses_processes(stage);
    stage->transport.notes = stage->transport.notes || blameless;
    const bool is_noted = stage->schedule.leads && !stage->transport.notes;
    if (sheaf_suspicion_share_rows(&stage->flight, &stage->flights_end, session->comm, is_noted, session->n_threads,
                                   stage->transport.sink, &session->error))
        return -1;
    if (blameless)
        stage->flight.fd = -1;
    return 0;
}

/* Ranks that draw from the same pool do not share what they decode: a grain is then some tiles, or takes so long that it
   does not matter that two ranks decode one. */
static void lengthen_grains(struct pool *pool, const struct chunk_shape *shape) {
    static const int64_t most_tiles = 4, most_bytes = 8 << 20, byte_ns = 4; /* to inflate one, about */
    int64_t rows, n_bytes;
    sheaf_tile_cache_largest(shape->tiles, &rows, &n_bytes);
    const int64_t fit = most_bytes / n_bytes, n = fit < 1 ? 1 : fit < most_tiles ? fit : most_tiles;
    if (pool->grain_ns < n * n_bytes * byte_ns)
        pool->grain_ns = n * n_bytes * byte_ns;
    if (pool->most_grain > 0 && pool->most_grain < n * rows / shape->block)
        pool->most_grain = n * rows / shape->block;
}

/* A kernel that takes many items at a time, such as a worker with lines on their way, gets larger grains. */
static int open_pool(struct stage *stage) {
    struct session *session = stage->session;
    static const int64_t many_ns = 4000000;
    if (sheaf_schedule_open_pool(&stage->schedule, session->comm, &stage->shape, &session->error))
        return -1;
    if (stage->kernel.many && stage->schedule.leads)
        stage->schedule.pool->grain_ns = many_ns;
    if (stage->shape.tiles && stage->schedule.n_pool_ranks > 1 && stage->schedule.leads)
        lengthen_grains(stage->schedule.pool, &stage->shape);
    return 0;
}

/* What the kernel prepares once, in memory that the ranks of a node share. */
static int share(struct stage *stage) {
    struct session *session = stage->session;
    return sheaf_comm_share(session->comm, (struct comm_region){"the kernel's shared data", COMM_STAGE, NULL},
                            stage->kernel.shared_bytes, fill_shared, &stage->kernel, &stage->shared, &session->error);
}

/* What inputs are worked out from. */
static int fill_generated(void *context, void *memory, struct sheaf_error *error) {
    return sheaf_generated_make(context, memory, error);
}

static int share_generated(struct stage *stage) {
    struct session *session = stage->session;
    struct generated_setup setup = {.sweep = stage->items.sweep,
                                    .n_inputs = stage->kernel.n_inputs,
                                    .inputs = stage->kernel.inputs,
                                    .field = stage->kernel.field};
    size_t n_bytes = 0;
    int rc = stage->items.sweep ? sheaf_generated_measure(&setup, &n_bytes, &session->error) : 0;
    int64_t n = (int64_t)n_bytes;
    if (sheaf_session_agree(session, rc))
        return -1;
    if (sheaf_comm_broadcast_value(session->comm, &n, &session->error))
        return -1;
    return sheaf_comm_share(session->comm, (struct comm_region){"the values of the axes", COMM_STAGE, NULL}, (size_t)n,
                            fill_generated, &setup, &stage->carrying.generated, &session->error);
}

/* Everything that must be there before the first item is computed. */
static int prepare(struct stage *stage) {
    struct session *session = stage->session;
    if (share(stage))
        return -1;
    if (share_generated(stage))
        return -1;
    if (count_threads(stage))
        return -1;
    if (open_schedule(stage))
        return -1;
    if (open_transport(stage))
        return -1;
    if (sheaf_messages_share(stage->session->comm, stage->transport.sink, sheaf_stage_is_whole(stage), &stage->messages,
                             &stage->session->error))
        return -1;
    if (open_flights(stage))
        return -1;
    if (open_pool(stage))
        return -1;
    if (sheaf_folding_open(stage))
        return -1;
    if (open_team(stage))
        return -1;
    if (sheaf_session_agree(session, sheaf_binding_check_files(&stage->kernel, &session->error)))
        return -1;
    return sheaf_session_agree(session, sheaf_session_is_first(session) ? sheaf_session_publish(session) : 0);
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
static int64_t find_halt(const struct stage *stage) {
    const struct job_limits *limits = &stage->job->limits;
    if (limits->halt_share > 0)
        return (int64_t)ceil(limits->halt_share * (double)stage->before[ITEM_PENDING]);
    return limits->halt_failed;
}

/* Rank 0: whether no item of the job is done, so that what fails now may be all that there is. */
static bool is_nothing_done(struct stage *stage) {
    struct session *session = stage->session;
    int64_t all[ITEM_SKIPPED + 1];
    struct sheaf_error ignored;
    if (!sheaf_session_is_first(session) || stage->job->limits.halt_said || stage->before[ITEM_DONE] > 0)
        return false;
    return sheaf_stage_is_whole(stage) ||
           (sheaf_results_count(&session->results, NULL, all, &ignored) == 0 && all[ITEM_DONE] == 0);
}

/* Runs the loop on all ranks until the work is done, or the run has drained. */
static int run_loop(struct stage *stage, struct coordinator *coordinator) {
    struct session *session = stage->session;
    const double stop_after_s = session->options->stop_after_s;
    struct loop_setup setup = {.comm = session->comm,
                               .team = stage->team,
                               .pool = stage->schedule.pool,
                               .shape = &stage->shape,
                               .coordinator = sheaf_session_is_first(session) ? coordinator : NULL,
                               .leads = stage->schedule.leads,
                               .warnings = &session->warnings,
                               .pool_index = stage->schedule.index,
                               .n_pool_ranks = stage->schedule.n_pool_ranks,
                               .maps = stage->transport.maps,
                               .notes = stage->transport.notes,
                               .eager = stage->schedule.eager,
                               .stop_at_s = stop_after_s > 0 ? session->began_s + stop_after_s : 0,
                               .batch_end_s = find_batch_end(),
                               .halt_failed = find_halt(stage),
                               .halt_hopeless = is_nothing_done(stage),
                               .hurries = may_halt(stage),
                               .give_up = give_up,
                               .leaving = begin_to_leave,
                               .leave = leave,
                               .context = stage};
    sheaf_interrupt_watch_leave();
    sheaf_interrupt_arm_exit(true);
    int rc = sheaf_session_agree(session, sheaf_loop_run(&setup, &session->end_why, &session->error));
    sheaf_interrupt_arm_exit(false);
    sheaf_interrupt_unwatch_leave();
    if (rc == 0) /* what follows may be long: it came just when the last item was done */
        sheaf_interrupt_leave_if_asked();
    return rc;
}

/* When all else is done: blocks on which an earlier run died, one at a time. */
static int run_suspects(struct stage *stage, struct coordinator *coordinator) {
    struct session *session = stage->session;
    int64_t n = sheaf_session_is_first(session) && session->end_why == LOOP_COMPLETE
                    ? sheaf_suspects_count(&stage->suspects)
                    : 0;
    struct pending pending = sheaf_suspects_only(&stage->suspects);
    if (sheaf_comm_broadcast_value(session->comm, &n, &session->error))
        return -1;
    if (n == 0)
        return 0;
    coordinator->flight.note.flags = FLIGHT_ALONE;
    int rc =
        stage->transport.sink ? sheaf_row_sink_flush(stage->transport.sink, &session->error) : 0; /* they may kill us */
    if (sheaf_session_agree(session, rc))
        return -1;
    if (sheaf_schedule_alone(&stage->schedule, session->comm, &pending, block_window(stage), &session->error))
        return -1;
    return run_loop(stage, coordinator);
}

static int open_coordinator(struct stage *stage, struct coordinator *coordinator) {
    struct session *session = stage->session;
    const struct row_sink *sink = &session->results.sink;
    *coordinator = (struct coordinator){
        .handout = &stage->schedule.handout,
        .items = &stage->items,
        .kernel = &stage->kernel,
        .carrying = &stage->carrying,
        .mapping = &stage->shape,
        .sink = &session->results.sink,
        .flight = {.fd = sink->fd, .offset = stage->flights_end},
        .flights_end = sink->layout.flights_offset + FLIGHTS_MOST * (off_t)sizeof(struct flight_note),
        .rows = calloc((size_t)stage->schedule.n_pools * POOL_SEATS, sizeof(int32_t)),
        .n_left = calloc((size_t)stage->schedule.n_pools, sizeof(int32_t)),
        .warnings = &session->warnings,
        .progress = &stage->progress,
    };
    return coordinator->rows && coordinator->n_left ? 0 : sheaf_fail_memory(&session->error, "the pools");
}

static int compute(struct stage *stage) {
    struct session *session = stage->session;
    struct coordinator coordinator = {0};
    int rc = sheaf_comm_agree(
        session->comm, sheaf_session_is_first(session) ? open_coordinator(stage, &coordinator) : 0, &session->error);
    if (rc == 0 && sheaf_session_is_first(session))
        sheaf_progress_begin(&stage->progress, session->options->quiet ? NULL : stderr, stage->job->name,
                             stage->n_asked, stage->n_asked - stage->before[ITEM_PENDING]);
    stage->compute_s = -sheaf_clock_s();
    if (rc == 0)
        rc = run_loop(stage, &coordinator) || run_suspects(stage, &coordinator) ? -1 : 0;
    stage->compute_s += sheaf_clock_s();
    if (rc == 0 && sheaf_session_is_first(session)) /* those that came last */
        sheaf_coordinator_warn(&coordinator);
    sheaf_progress_end(&stage->progress);
    free(coordinator.rows);
    free(coordinator.n_left);
    return rc;
}

int sheaf_stage_compute(struct stage *stage) {
    return prepare(stage) || compute(stage) ? -1 : 0;
}
