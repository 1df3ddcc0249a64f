/* The results file of a stage: opened, or made aside, with what is said of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/again.h"
#include "app/collision.h"
#include "app/growing.h"
#include "app/reducing.h"
#include "app/reuse.h"
#include "app/stage.h"
#include "app/adding.h"
#include "app/suspicion.h"
#include "core/file.h"
#include "core/interrupt.h"
#include "core/type.h"
#include "store/input.h"

/* What differs from that with which the job was begun, where this is accepted. */
static void say_changes(struct session *session) {
    session->changed = session->results.changed;
    session->results.changed = (struct sheaf_string){0};
    if (session->changed.length && !session->options->quiet)
        fprintf(stderr, "sheaf: %s changed since %s was begun; what was done before stays as it is\n",
                session->changed.data, session->job.output);
}

/* What the job calls its fields otherwise, where the file keeps what it had. */
static void say_kept(const struct session *session) {
    const char *line = session->results.kept.failed ? NULL : session->results.kept.data, *end;
    for (; line && !session->options->quiet && (end = strchr(line, '\n')) != NULL; line = end + 1)
        fprintf(stderr, "sheaf: %s: %.*s\n", session->job.output, (int)(end - line), line);
}

/* Rows that were written just before the machine went down, or its disk failed. */
static void say_unsafe(const struct session *session) {
    char a[32];
    if (session->results.n_unsafe && !session->options->quiet)
        fprintf(stderr, "sheaf: %s item%s of %s %s not yet safe when the %s failed, and %s computed again\n",
                sheaf_text_count(session->results.n_unsafe, a), session->results.n_unsafe > 1 ? "s" : "",
                session->job.output, session->results.n_unsafe > 1 ? "were" : "was",
                session->results.power_failed ? "power" : "disk or the machine",
                session->results.n_unsafe > 1 ? "are" : "is");
}

/* While there is time to end the run and put the folder back. */
static void say_lost_texts(const struct stage *stage) {
    const struct session *session = stage->session;
    struct sheaf_string said = {0};
    sheaf_results_say_lost_texts(stage->job->output, stage->items.n_items, &said);
    if (session->results.lost_texts && !said.failed && !session->options->quiet)
        fprintf(stderr, "sheaf: %s\n", said.data);
    sheaf_string_free(&said);
}

static double input_bytes(const struct stage *stage) {
    double row_bytes = 0;
    for (int k = sheaf_items_n_along(&stage->items); k < stage->items.n_fields; k++)
        row_bytes += (double)sheaf_field_row_bytes(&stage->items.fields[k]);
    return row_bytes * (double)stage->items.n_items;
}

/* A field that is a row for each item and a text, or NULL: such are read through HDF5 in any case, and may have a fixed
   length. */
static const char *find_text(const struct items *items) {
    for (int k = sheaf_items_n_along(items); k < items->n_fields; k++)
        if (items->fields[k].type == SHEAF_TEXT)
            return items->fields[k].name;
    return NULL;
}

/* HDF5 inputs are copied where they are small: a results file with links is not whole without its inputs. */
static bool links_inputs(const struct stage *stage) {
    if (!sheaf_job_has_datasets(stage->job) || stage->job->inputs == JOB_INPUTS_COPY || find_text(&stage->items))
        return false;
    return stage->job->inputs == JOB_INPUTS_LINK || input_bytes(stage) > (double)SHEAF_INPUTS_SMALL;
}

/* What the results file will need. */
static void say_links(const struct stage *stage) {
    const struct session *session = stage->session;
    if (links_inputs(stage) && stage->job->inputs == JOB_INPUTS_AUTO && !session->options->quiet)
        fprintf(
            stderr,
            "sheaf: the inputs (%.0f MB) are linked in %s, which needs %s beside it; inputs: copy in the job copies "
            "them\n",
            input_bytes(stage) / 1e6, stage->job->output, stage->items.name);
    if (stage->job->inputs == JOB_INPUTS_LINK && sheaf_job_has_datasets(stage->job) && find_text(&stage->items) &&
        !session->options->quiet)
        fprintf(stderr, "sheaf: inputs: link does not go with texts ('%s'): the inputs are copied into %s\n",
                find_text(&stage->items), stage->job->output);
}

struct results_plan sheaf_stage_plan(struct stage *stage) {
    struct session *session = stage->session;
    const struct reduction_field *reductions;
    const int n_reductions = sheaf_reducing_fields(stage->reducing, &reductions);
    return (struct results_plan){
        .n_reductions = n_reductions,
        .reductions = reductions,
        .path = session->output,
        .job_name = stage->job->name,
        .job_text = session->text.data,
        .arguments = session->options->arguments,
        .kernel = stage->kernel.kernel.table.head.name,
        .identity = stage->identity.data,
        .files = session->known.now.data,
        .items = &stage->items,
        .links_inputs = links_inputs(stage),
        .n_outputs = stage->kernel.n_outputs,
        .outputs = stage->kernel.outputs,
        .block = stage->kernel.block,
        .seed = stage->job->seed,
        .attempts = stage->carrying.attempts,
        .accept_changes = session->options->accept_changes,
        .n_inputs = stage->kernel.n_inputs,
        .inputs = stage->kernel.inputs,
        .input_fields = stage->kernel.field,
        .pure = stage->kernel.pure,
        .origins = stage->origins,
        .stage = stage->job->stage,
        .stages = session->stages.data,
    };
}

/* why: of all of them, or of the first. */
static void say_skipped(int64_t n, const char *why, bool is_first) {
    char count[32];
    if (n > 0)
        fprintf(stderr, "sheaf: %s item%s skipped: %s%s\n", sheaf_text_count(n, count), n == 1 ? " is" : "s are",
                is_first && n > 1 ? "the first since " : "", why);
}

/* Items that have no values, or are left out: of a new results file, or of those that are computed again. */
static int skip_items(struct stage *stage, const struct asked *asked) {
    struct session *session = stage->session;
    struct skipped skipped;
    char left_out[300];
    if (sheaf_results_skip(&session->results, asked, &stage->items, stage->kernel.field, stage->kernel.inputs,
                           stage->kernel.n_inputs, &skipped, &session->error))
        return -1;
    if (asked || session->options->quiet)
        return 0;
    snprintf(left_out, sizeof left_out, "where '%.200s' leaves them out",
             stage->items.filter ? stage->items.filter->text : "");
    say_skipped(skipped.n_left_out, left_out, false);
    say_skipped(skipped.n_without, skipped.first, true);
    return 0;
}

/* Items that were computed and are to be computed again. */
static int choose_again(struct stage *stage) {
    struct session *session = stage->session;
    const struct run_options *o = session->options;
    int64_t n;
    if (!o->retry_failed && !o->recompute)
        return 0;
    if (o->recompute && skip_items(stage, &stage->asked))
        return -1;
    if (sheaf_reducing_clear(stage->reducing, &session->error) ||
        sheaf_results_again(&session->results, &stage->asked, o->recompute ? RESULTS_ALL : RESULTS_FAILED, &n,
                            &session->error))
        return -1;
    const bool all = o->recompute && sheaf_asked_next(&stage->asked, 0, stage->items.n_items).n == stage->items.n_items;
    return all ? sheaf_results_forget_texts(&session->results, &session->error) : 0;
}

static int check_collision(struct stage *stage) {
    struct session *session = stage->session;
    const struct collision collision = {
        .output = session->output,
        .folder = session->folder,
        .replaces = sheaf_stage_replaces_file(stage),
        .job_file = session->options->job_file,
        .job = stage->job,
        .kernel = &stage->kernel,
        .items = &stage->items,
        .known = &session->known,
    };
    return sheaf_collision_check(&collision, &session->error);
}

static void say_waiting(const char *path) {
    fprintf(stderr, "sheaf: %s: waiting for programs of the run before to end\n", path);
}

/* A job that asks for other reductions of the same rows gets them: none is computed again. */
static int ask_anew(struct session *session, const struct results_plan *plan) {
    bool changed;
    if (sheaf_results_ask_anew(plan, &changed, &session->error))
        return -1;
    if (!changed)
        return 0;
    if (!session->options->quiet)
        fprintf(stderr, "sheaf: other reductions are asked for than when %s was begun: they are made from its rows\n",
                session->job.output);
    return sheaf_results_find(plan->path, &session->found, &session->error);
}

/* Nobody else makes or writes the file from now on. */
static int take_lock(struct stage *stage, const char *path) {
    struct session *session = stage->session;
    struct sheaf_error *error = &session->error;
    session->lock.waits = session->options->quiet ? NULL : say_waiting;
    if (sheaf_results_find(path, &session->found, error) || check_collision(stage) ||
        sheaf_results_may_make(path, error))
        return -1;
    if (session->lock.fd >= 0) /* since the first stage */
        return 0;
    if (sheaf_lock_take(&session->lock, path, error) || sheaf_results_find(path, &session->found, error))
        return -1;
    sheaf_results_tidy(path);
    return 0;
}

/* Which of the stages it is, and how to have that one alone anew. */
static int fail_stage(struct stage *stage) {
    struct sheaf_error *error = &stage->session->error;
    const char *name = stage->job->stage;
    const size_t n = strlen(error->text);
    if (!name)
        return -1;
    snprintf(error->text + n, sizeof error->text - n, " (with --stage %s: this stage alone)", name);
    return sheaf_error_prefix(error, "stage '%s': ", name);
}

/* Opens the results of this job, or makes the file where there is none. */
static int open_results(struct stage *stage) {
    struct session *session = stage->session;
    struct sheaf_error *error = &session->error;
    struct results_plan plan = sheaf_stage_plan(stage);
    if (take_lock(stage, plan.path))
        return -1;
    bool create = (stage->replaces && !plan.stage) || !session->found.there;
    if (!create && plan.stage && sheaf_stage_add(stage, &plan, &create))
        return -1;
    if (!create && !plan.added && ask_anew(session, &plan))
        return -1;
    if (!create && sheaf_again_is_due(stage, &plan) && sheaf_again_take(stage, &plan))
        return -1;
    bool reuses_more;
    if (sheaf_reuse_origins(stage, create ? NULL : plan.path, &stage->origins, &reuses_more, error))
        return -1;
    plan.origins = stage->origins;
    if (!create && sheaf_growing_is_due(&plan, reuses_more) && sheaf_growing_do(stage, &plan))
        return -1;
    if (create && (sheaf_results_may_replace(plan.path, error) || sheaf_results_create(&plan, error)))
        return -1;
    session->created = create;
    if (create)
        say_links(stage);
    if (sheaf_results_open(&session->results, &plan, create, error))
        return fail_stage(stage);
    say_changes(session);
    say_kept(session);
    say_unsafe(session);
    if (session->results.created && (skip_items(stage, NULL) || sheaf_reuse_fill(stage, &plan)))
        return -1;
    if (plan.added && sheaf_results_sync(&session->results, error)) /* before a run is known to have begun */
        return -1;
    if (!session->results.created && choose_again(stage))
        return -1;
    say_lost_texts(stage);
    stage->pending = sheaf_results_pending(&session->results);
    if (sheaf_suspicion_open(&stage->suspects, &session->results, &stage->pending, error))
        return -1;
    session->results.sink.asked = &stage->asked;
    session->results.is_new = session->results.is_new && sheaf_stage_is_whole(stage);
    stage->before[ITEM_PENDING] = stage->n_asked;
    return session->results.is_new ? 0 : sheaf_results_count(&session->results, &stage->asked, stage->before, error);
}

/* Programs may live longer than the ranks: each server holds a lock of its own until they have ended. */
static int lend_lock(struct session *session) {
    const size_t n_bytes = sizeof session->lock.holder;
    struct sheaf_buffer holder = {0};
    char *path = NULL;
    session->lent = true;
    int rc = sheaf_session_is_first(session) ? sheaf_buffer_resize(&holder, n_bytes, &session->error) : 0;
    if (rc == 0 && sheaf_session_is_first(session))
        memcpy(holder.data, session->lock.holder, n_bytes);
    rc = sheaf_session_agree(session, rc);
    if (rc == 0)
        rc = sheaf_comm_broadcast(session->comm, &holder, &session->error);
    if (rc == 0) {
        int fd = sheaf_lock_open_for_server(session->job.output, holder.data, session->self.rank, &path);
        rc = fd >= 0 ? sheaf_server_hold(session->server, fd, path, &session->error) : 0;
        if (fd >= 0)
            close(fd);
        if (fd >= 0 && rc == 0 && sheaf_session_is_first(session))
            sheaf_interrupt_forget(session->lock.path); /* the server removes it */
        rc = sheaf_session_agree(session, rc);
    }
    free(path);
    sheaf_buffer_free(&holder);
    return rc;
}

int sheaf_stage_open_results(struct stage *stage) {
    struct session *session = stage->session;
    int rc = sheaf_session_is_first(session) ? open_results(stage) : 0;
    if (sheaf_session_agree(session, rc))
        return -1;
    return sheaf_stage_uses_processes(stage) && !session->lent ? lend_lock(session) : 0;
}
