#include "app/pipeline.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/coordinator.h"
#include "app/costs.h"
#include "app/fields_message.h"
#include "app/loop.h"
#include "app/ranks.h"
#include "comm/comm.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/interrupt.h"
#include "exec/team.h"
#include "job/items.h"
#include "job/source.h"
#include "kernel/binding.h"
#include "plan/partition.h"
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
    struct chunk_shape shape;
    const void *shared;
    struct span partition;
    struct team *team;
    int n_threads;
    char *output; /* where the results file really lies */
    struct lock lock;
    struct results results;
    bool created; /* the results file, in this run; it is published before the first row */
    struct sheaf_string identity;
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
    run->shape = (struct chunk_shape){
        .n_inputs = run->kernel.n_inputs,
        .inputs = run->kernel.inputs,
        .n_outputs = run->kernel.n_outputs,
        .outputs = run->kernel.outputs,
        .block = run->kernel.block,
        .n_items = run->items.n_items,
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
    run->results.sink.begin = run->begin;
    run->results.sink.end = run->end;
    return sheaf_results_count(&run->results, run->begin, run->end, run->before, error);
}

/* --- the plan ------------------------------------------------------------------------------------------------------ */

static struct span block_window(const struct run *run) {
    int64_t block = run->kernel.block, first = run->begin / block, end = (run->end + block - 1) / block;
    return (struct span){first, end > first ? end - first : 0};
}

static int make_partitions(struct run *run, const struct pending *pending, struct span *partitions) {
    struct span window = block_window(run);
    if (run->job.policy == JOB_WEIGHTED)
        return sheaf_costs_partition(&run->job, &run->items, pending, &run->shape, window, run->place.n_ranks,
                                     partitions, &run->error);
    return sheaf_partition_static(pending, window, run->place.n_ranks, partitions, &run->error);
}

/* Rank 0 cuts the work; each rank gets its partition. */
static int scatter_partitions(struct run *run, struct handout *handout, struct pending *pending) {
    struct span *partitions = NULL;
    int rc = 0;
    if (is_first(run)) {
        *pending = sheaf_results_pending(&run->results);
        partitions = calloc((size_t)run->place.n_ranks, sizeof *partitions);
        rc = partitions ? make_partitions(run, pending, partitions) : sheaf_fail_memory(&run->error, "the partitions");
        if (rc == 0)
            rc = sheaf_handout_open(handout, pending, partitions, run->place.n_ranks, &run->error);
    }
    rc = sheaf_comm_agree(run->comm, rc, &run->error);
    if (rc == 0)
        rc = sheaf_comm_scatter(run->comm, partitions, &run->partition, sizeof run->partition, &run->error);
    free(partitions);
    return sheaf_comm_agree(run->comm, rc, &run->error);
}

/* --- threads ------------------------------------------------------------------------------------------------------- */

static int open_team(struct run *run) {
    struct rank_facts own = {.n_cores = sheaf_team_cores()};
    own.n_threads = run->n_threads =
        sheaf_ranks_choose_threads(run->options->n_threads, own.n_cores, run->place.n_local_ranks);
    int rc = sheaf_team_open(&run->team, run->n_threads, &run->kernel, run->shared,
                             is_first(run) ? &run->results.sink : NULL, &run->error);
    if (rc == 0 && is_first(run)) {
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
    sheaf_progress_end(&run->progress);
    report_error(error);
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

static int compute(struct run *run) {
    struct handout handout = {0};
    struct pending pending = {0};
    struct coordinator coordinator = {.handout = &handout,
                                      .items = &run->items,
                                      .kernel = &run->kernel,
                                      .shape = &run->shape,
                                      .sink = &run->results.sink,
                                      .progress = &run->progress};
    const double stop_after_s = run->options->stop_after_s;
    int rc = scatter_partitions(run, &handout, &pending);
    if (rc == 0 && is_first(run)) {
        FILE *out = run->options->quiet ? NULL : stderr;
        int64_t n_before = run->end - run->begin - run->before[ITEM_PENDING];
        sheaf_progress_begin(&run->progress, out, run->job.name, run->end - run->begin, n_before);
        rc = begin_record(run);
        if (rc == 0)
            rc = publish(run);
    }
    rc = sheaf_comm_agree(run->comm, rc, &run->error);
    if (rc == 0) {
        struct loop_setup setup = {.comm = run->comm,
                                   .team = run->team,
                                   .n_threads = run->n_threads,
                                   .shape = &run->shape,
                                   .coordinator = is_first(run) ? &coordinator : NULL,
                                   .n_blocks = run->partition.n,
                                   .stop_at_s = stop_after_s > 0 ? run->began_s + stop_after_s : 0,
                                   .give_up = give_up,
                                   .leave = leave,
                                   .context = run};
        run->compute_s = -sheaf_clock_s();
        sheaf_interrupt_watch_leave();
        sheaf_interrupt_arm_exit(true);
        rc = sheaf_comm_agree(run->comm, sheaf_loop_run(&setup, &run->error), &run->error);
        sheaf_interrupt_arm_exit(false);
        sheaf_interrupt_unwatch_leave();
        run->compute_s += sheaf_clock_s();
    }
    sheaf_progress_end(&run->progress);
    sheaf_handout_close(&handout);
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
    if (end_record(run, reason, &run->error))
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
        .policy = run->job.policy == JOB_WEIGHTED ? "weighted" : "static",
    };
    if (!run->options->quiet)
        sheaf_summary_write(stderr, &summary);
    free(busy);
    return 0;
}

static int finish(struct run *run) {
    struct rank_facts own = {.n_threads = run->n_threads, .busy_s = sheaf_team_counts(run->team).busy_s};
    if (sheaf_comm_gather(run->comm, &own, run->facts, sizeof own, &run->error))
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
    if (sheaf_comm_share(run->comm, run->kernel.shared_bytes, fill_shared, &run->kernel, &run->shared, &run->error) ||
        open_team(run) || compute(run))
        return -1;
    return finish(run);
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
    struct run run = {.options = options, .began_s = sheaf_clock_s(), .lock.fd = -1, .results.fd = -1};
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
