#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/collision.h"
#include "app/again.h"
#include "app/fields_message.h"
#include "app/run.h"
#include "app/sameness.h"
#include "app/suspicion.h"
#include "core/file.h"
#include "core/interrupt.h"
#include "core/type.h"
#include "exec/thread.h"
#include "job/source.h"
#include "kernel/expression/compile.h"
#include "kernel/expression/expression.h"
#include "plan/journal.h"
#include "store/input.h"
#include "store/scalar.h"

enum { MOST_JOB_BYTES = 16 << 20 };

/* --- reading the job ------------------------------------------------------------------------------------------------ */

/* Rank 0 reads the file, all parse it: the others need no shared disk. */
int sheaf_run_read(struct run *run) {
    const struct run_options *o = run->options;
    char *text = NULL;
    size_t n_bytes = 0;
    int rc = 0;
    if (sheaf_same_call(run))
        return -1;
    if (sheaf_run_is_first(run)) {
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

/* What may be meant, but looks odd. */
static void say_warnings(const struct run *run) {
    const char *line = run->items.warnings.data, *end;
    for (; line && !run->options->quiet && (end = strchr(line, '\n')) != NULL; line = end + 1)
        fprintf(stderr, "sheaf: %.*s\n", (int)(end - line), line);
}

/* Rank 0 opens the items and tells the others how many there are and which fields they have. */
static int open_items(struct run *run) {
    struct sheaf_buffer fields = {0};
    int rc = 0;
    if (sheaf_run_is_first(run)) {
        run->known.before = run->options->overwrite ? NULL : sheaf_results_files(run->job.output);
        rc = run->job.items.kind == JOB_HDF5 ? sheaf_input_open(&run->items, &run->job, &run->known, &run->error)
                                             : sheaf_items_open(&run->items, &run->job, &run->error);
        if (rc == 0)
            say_warnings(run);
        if (rc == 0)
            rc = sheaf_fields_pack(&fields, &run->items, &run->error);
    }
    rc = sheaf_comm_agree(run->comm, rc, &run->error);
    if (rc == 0)
        rc = sheaf_comm_broadcast(run->comm, &fields, &run->error);
    if (rc == 0) {
        rc = sheaf_run_is_first(run) ? 0 : sheaf_fields_unpack(&fields, &run->items, &run->error);
        rc = sheaf_comm_agree(run->comm, rc, &run->error);
    }
    sheaf_buffer_free(&fields);
    return rc;
}

/* Which of the items are asked for; every rank knows. */
static int fit_asked(struct run *run) {
    const struct run_options *o = run->options;
    int rc = o->recompute && o->items.n == 0
                 ? sheaf_refuse(&run->error, "--recompute: of which items? --items 3,17,40:50 says so; for all of them "
                                             "there is --overwrite, which starts anew")
                 : sheaf_asked_fit(&run->asked, &o->items, run->items.n_items, &run->error);
    run->n_asked = sheaf_asked_count(&run->asked);
    return sheaf_comm_agree(run->comm, rc, &run->error);
}

/* The items' values must be of the types the kernel reads. */
static int check_inputs(struct run *run) {
    for (int k = 0; k < run->kernel.n_inputs; k++)
        if (run->kernel.field[k] >= 0 &&
            sheaf_items_check(&run->items, run->kernel.field[k], run->kernel.inputs[k].type, &run->error))
            return -1;
    return 0;
}

/* Rank 0 reads the numbers that all items share, and tells the others. */
static int open_shared_numbers(struct run *run) {
    int rc = 0;
    for (int k = 0; k < run->job.n_shared; k++) {
        struct job_shared *shared = &run->job.shared[k];
        int64_t bits = 0;
        if (sheaf_run_is_first(run)) {
            rc = sheaf_scalar_read(shared->file, shared->dataset, &shared->value, &run->error);
            rc = rc ? sheaf_yaml_prefix(shared->node, &run->error) : 0;
            memcpy(&bits, &shared->value, sizeof bits);
        }
        if (sheaf_comm_agree(run->comm, rc, &run->error) || sheaf_comm_broadcast_value(run->comm, &bits, &run->error))
            return -1;
        memcpy(&shared->value, &bits, sizeof bits);
    }
    return 0;
}

/* Rank 0 compiles the formulas for the least capable machine and sends the object to all. */
static int compile_expression(struct run *run) {
    int64_t level = sheaf_cpu_level(), *levels = calloc((size_t)run->self.n_ranks, sizeof *levels);
    struct sheaf_buffer object = {0};
    int rc = levels ? 0 : sheaf_fail_memory(&run->error, "the ranks");
    if (sheaf_comm_agree(run->comm, rc, &run->error) ||
        sheaf_comm_gather(run->comm, &level, levels, sizeof level, &run->error)) {
        free(levels);
        return -1;
    }
    if (sheaf_run_is_first(run)) {
        for (int k = 0; k < run->self.n_ranks; k++)
            level = levels[k] < level ? levels[k] : level;
        rc = sheaf_expression_compile(&run->kernel.kernel, run->server, level, &object, &run->error);
    }
    rc = sheaf_comm_agree(run->comm, rc, &run->error);
    if (rc == 0)
        rc = sheaf_comm_broadcast(run->comm, &object, &run->error);
    if (rc == 0)
        rc = sheaf_comm_agree(run->comm, sheaf_expression_load(&run->kernel.kernel, &object, &run->error), &run->error);
    sheaf_buffer_free(&object);
    free(levels);
    return rc;
}

/* What kernels get that are made for the job. */
static int open_host(struct run *run) {
    char *folder = sheaf_journal_folder(run->job.output);
    run->folder = folder ? sheaf_path_absolute(folder) : NULL;
    free(folder);
    run->n_threads = sheaf_ranks_choose_threads(run->options->n_threads, sheaf_team_cores(), run->self.n_local_ranks);
    run->host = (struct kernel_host){.is_first = sheaf_run_is_first(run),
                                     .only_looks = run->only_looks,
                                     .server = run->server,
                                     .folder = run->folder,
                                     .known = &run->known,
                                     .n_threads = run->n_threads,
                                     .warnings = &run->warnings,
                                     .did = sheaf_thread_did};
    return run->folder ? 0 : sheaf_fail_memory(&run->error, "a path");
}

static int open_kernel(struct run *run) {
    if (open_shared_numbers(run))
        return -1;
    int rc = open_host(run);
    if (rc == 0)
        rc = sheaf_binding_open(&run->kernel, &run->job, run->items.fields, run->items.n_fields, &run->host,
                                &run->error);
    if (rc == 0 && sheaf_run_is_first(run))
        rc = check_inputs(run);
    rc = sheaf_comm_agree(run->comm, rc, &run->error);
    rc = rc ? rc : sheaf_same_kernel(run);
    if (rc == 0 && run->job.kind == JOB_EXPRESSION)
        rc = compile_expression(run);
    if (!sheaf_run_uses_processes(run)) {
        sheaf_server_stop(run->server);
        run->server = NULL;
    }
    if (rc)
        return -1;
    run->carrying = (struct chunk_shape){
        .n_inputs = run->kernel.n_inputs,
        .inputs = run->kernel.inputs,
        .n_outputs = run->kernel.n_outputs,
        .outputs = run->kernel.outputs,
        .block = run->kernel.block,
        .n_items = run->items.n_items,
        .all_text_bytes = run->items.all_text_bytes,
        .most_text_bytes = run->items.most_text_bytes,
        .attempts = sheaf_run_uses_processes(run) || run->job.limits.retries > 0,
    };
    return 0;
}

/* --- the results file ---------------------------------------------------------------------------------------------- */

/* What differs from that with which the job was begun, where this is accepted. */
static void say_changes(struct run *run) {
    run->changed = run->results.changed;
    run->results.changed = (struct sheaf_string){0};
    if (run->changed.length && !run->options->quiet)
        fprintf(stderr, "sheaf: %s changed since %s was begun; what was done before stays as it is\n",
                run->changed.data, run->job.output);
}

/* Rows that were written just before the machine went down, or its disk failed. */
static void say_unsafe(const struct run *run) {
    char a[32];
    if (run->results.n_unsafe && !run->options->quiet)
        fprintf(stderr, "sheaf: %s item%s of %s %s not yet safe when the %s failed, and %s computed again\n",
                sheaf_text_count(run->results.n_unsafe, a), run->results.n_unsafe > 1 ? "s" : "", run->job.output,
                run->results.n_unsafe > 1 ? "were" : "was", run->results.power_failed ? "power" : "disk or the machine",
                run->results.n_unsafe > 1 ? "are" : "is");
}

/* While there is time to end the run and put the folder back. */
static void say_lost_texts(const struct run *run) {
    struct sheaf_string said = {0};
    sheaf_results_say_lost_texts(run->job.output, run->items.n_items, &said);
    if (run->results.lost_texts && !said.failed && !run->options->quiet)
        fprintf(stderr, "sheaf: %s\n", said.data);
    sheaf_string_free(&said);
}

static double input_bytes(const struct run *run) {
    double row_bytes = 0;
    for (int k = 0; k < run->items.n_fields; k++)
        row_bytes += (double)sheaf_field_row_bytes(&run->items.fields[k]);
    return row_bytes * (double)run->items.n_items;
}

/* HDF5 inputs are copied where they are small: a results file with links is not whole without its inputs. */
static bool links_inputs(const struct run *run) {
    static const double small_bytes = 64 << 20;
    if (run->job.items.kind != JOB_HDF5 || run->job.inputs == JOB_INPUTS_COPY)
        return false;
    return run->job.inputs == JOB_INPUTS_LINK || input_bytes(run) > small_bytes;
}

/* What the results file will need. */
static void say_links(const struct run *run) {
    if (links_inputs(run) && run->job.inputs == JOB_INPUTS_AUTO && !run->options->quiet)
        fprintf(
            stderr,
            "sheaf: the inputs (%.0f MB) are linked in %s, which needs %s beside it; inputs: copy in the job copies "
            "them\n",
            input_bytes(run) / 1e6, run->job.output, run->items.name);
}

struct results_plan sheaf_run_plan(struct run *run) {
    return (struct results_plan){
        .path = run->output,
        .job_name = run->job.name,
        .job_text = run->text.data,
        .arguments = run->options->arguments,
        .kernel = run->kernel.kernel.table.head.name,
        .identity = run->identity.data,
        .files = run->known.now.data,
        .items = &run->items,
        .links_inputs = links_inputs(run),
        .n_outputs = run->kernel.n_outputs,
        .outputs = run->kernel.outputs,
        .block = run->kernel.block,
        .seed = run->job.seed,
        .attempts = run->carrying.attempts,
        .accept_changes = run->options->accept_changes,
    };
}

/* Items whose inputs have no value: of a new results file, or of those that are computed again. */
static int skip_items(struct run *run, const struct asked *asked) {
    char first[FAILURE_BYTES] = "", count[32];
    int64_t n = 0;
    if (sheaf_results_skip(&run->results, asked, &run->items, run->kernel.field, run->kernel.inputs,
                           run->kernel.n_inputs, &n, first, &run->error))
        return -1;
    if (n > 0 && !asked && !run->options->quiet)
        fprintf(stderr, "sheaf: %s item%s %s: %s\n", sheaf_text_count(n, count), n == 1 ? "" : "s",
                n == 1 ? "is skipped" : "are skipped", first);
    return 0;
}

/* Items that were computed and are to be computed again. */
static int choose_again(struct run *run) {
    const struct run_options *o = run->options;
    int64_t n;
    if (!o->retry_failed && !o->recompute)
        return 0;
    if (o->recompute && skip_items(run, &run->asked))
        return -1;
    if (sheaf_results_again(&run->results, &run->asked, o->recompute ? RESULTS_ALL : RESULTS_FAILED, &n, &run->error))
        return -1;
    const bool all = o->recompute && sheaf_asked_next(&run->asked, 0, run->items.n_items).n == run->items.n_items;
    return all ? sheaf_results_forget_texts(&run->results, &run->error) : 0;
}

static int check_collision(struct run *run) {
    const struct collision collision = {
        .output = run->output,
        .folder = run->folder,
        .replaces = run->options->overwrite,
        .job_file = run->options->job_file,
        .job = &run->job,
        .kernel = &run->kernel,
        .known = &run->known,
    };
    return sheaf_collision_check(&collision, &run->error);
}

static void say_waiting(const char *path) {
    fprintf(stderr, "sheaf: %s: waiting for programs of the run before to end\n", path);
}

/* Opens the results of this job, or makes the file where there is none. */
static int open_results(struct run *run) {
    struct sheaf_error *error = &run->error;
    struct results_plan plan = sheaf_run_plan(run);
    run->lock.waits = run->options->quiet ? NULL : say_waiting;
    if (sheaf_results_find(plan.path, &run->found, error) || check_collision(run) ||
        sheaf_results_may_make(plan.path, error) || sheaf_lock_take(&run->lock, plan.path, error) ||
        sheaf_results_find(plan.path, &run->found, error)) /* again: nobody else makes one now */
        return -1;
    sheaf_results_tidy(plan.path);
    bool create = run->options->overwrite || !run->found.there;
    if (!create && sheaf_again_is_due(run, &plan) && sheaf_again_take(run, &plan))
        return -1;
    if (create && (sheaf_results_may_replace(plan.path, error) || sheaf_results_create(&plan, error)))
        return -1;
    run->created = create;
    if (create)
        say_links(run);
    if (sheaf_results_open(&run->results, &plan, create, error))
        return -1;
    say_changes(run);
    say_unsafe(run);
    if (create && skip_items(run, NULL))
        return -1;
    if (!create && choose_again(run))
        return -1;
    say_lost_texts(run);
    run->pending = sheaf_results_pending(&run->results);
    if (sheaf_suspicion_open(&run->suspects, &run->results, &run->pending, error))
        return -1;
    run->results.sink.asked = &run->asked;
    run->results.is_new = run->results.is_new && sheaf_run_is_whole(run);
    run->before[ITEM_PENDING] = run->n_asked;
    return run->results.is_new ? 0 : sheaf_results_count(&run->results, &run->asked, run->before, error);
}

/* What makes the job another than others, and where its results really lie. */
static int identify(struct run *run) {
    sheaf_string_add(&run->identity, "%s%sseed: %" PRId64 "\n", run->items.identity.data, run->kernel.identity.data,
                     run->job.seed);
    if (run->identity.failed)
        return sheaf_fail_memory(&run->error, "the job's identity");
    run->output = sheaf_path_follow(run->job.output); /* one lock for a file, whatever names lead to it */
    return run->output ? 0 : sheaf_fail_memory(&run->error, "a path");
}

int sheaf_run_look(struct run *run) {
    if (sheaf_run_read(run) || open_items(run) || fit_asked(run) || open_kernel(run))
        return -1;
    return sheaf_comm_agree(run->comm, sheaf_run_is_first(run) ? identify(run) : 0, &run->error);
}

/* Programs may live longer than the ranks: each server holds a lock of its own until they have ended. */
static int lend_lock(struct run *run) {
    const size_t n_bytes = sizeof run->lock.holder;
    struct sheaf_buffer holder = {0};
    char *path = NULL;
    int rc = sheaf_run_is_first(run) ? sheaf_buffer_resize(&holder, n_bytes, &run->error) : 0;
    if (rc == 0 && sheaf_run_is_first(run))
        memcpy(holder.data, run->lock.holder, n_bytes);
    rc = sheaf_comm_agree(run->comm, rc, &run->error);
    if (rc == 0)
        rc = sheaf_comm_broadcast(run->comm, &holder, &run->error);
    if (rc == 0) {
        int fd = sheaf_lock_open_for_server(run->job.output, holder.data, run->self.rank, &path);
        rc = fd >= 0 ? sheaf_server_hold(run->server, fd, path, &run->error) : 0;
        if (fd >= 0)
            close(fd);
        if (fd >= 0 && rc == 0 && sheaf_run_is_first(run))
            sheaf_interrupt_forget(run->lock.path); /* the server removes it */
        rc = sheaf_comm_agree(run->comm, rc, &run->error);
    }
    free(path);
    sheaf_buffer_free(&holder);
    return rc;
}

int sheaf_run_open(struct run *run) {
    if (sheaf_run_look(run) ||
        sheaf_comm_agree(run->comm, sheaf_run_is_first(run) ? open_results(run) : 0, &run->error))
        return -1;
    return sheaf_run_uses_processes(run) ? lend_lock(run) : 0;
}

int sheaf_run_publish_file(const char *path, const struct results_found *before, struct sheaf_error *error) {
    struct sheaf_string said = {0};
    int rc = sheaf_results_publish(path, before, &said, error);
    if (said.length)
        fprintf(stderr, "sheaf: %s\n", said.data);
    sheaf_string_free(&said);
    return rc;
}

int sheaf_run_publish(struct run *run) {
    if (run->created && sheaf_run_publish_file(run->output, &run->found, &run->error))
        return -1;
    run->created = run->results.created = false;
    return 0;
}
