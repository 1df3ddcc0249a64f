#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/adding.h"
#include "app/fields_message.h"
#include "app/messages.h"
#include "app/reducing.h"
#include "app/shared_data.h"
#include "app/stage.h"
#include "plan/forecast.h"
#include "app/sameness.h"
#include "core/file.h"
#include "exec/thread.h"
#include "job/source.h"
#include "kernel/expression/compile.h"
#include "kernel/expression/expression.h"
#include "plan/journal.h"
#include "store/input.h"
#include "store/shared_input.h"
#include "store/stages.h"

/* --- items and kernel ---------------------------------------------------------------------------------------------- */

/* What may be meant, but looks odd. */
static void say_warnings(const struct stage *stage) {
    const struct session *session = stage->session;
    const char *line = stage->items.warnings.data, *end;
    for (; line && !session->options->quiet && (end = strchr(line, '\n')) != NULL; line = end + 1)
        fprintf(stderr, "sheaf: %.*s\n", (int)(end - line), line);
}

static int look_at_axis(const char *path, const char *name, struct sheaf_array *about, struct sheaf_string *files,
                        struct sheaf_error *error) {
    return sheaf_shared_input_look(path, name, about, NULL, files, error);
}

/* Whether there is something that the run may go on with. */
static bool has_results(const struct job *job) {
    return job->stage ? sheaf_stages_has(job->output, job->stage) : access(job->output, F_OK) == 0;
}

/* Rank 0 opens the items and tells the others how many there are and which fields they have. */
static int open_items(struct stage *stage) {
    static const struct axis_reader axes = {look_at_axis, sheaf_shared_input_read};
    struct session *session = stage->session;
    struct sheaf_buffer fields = {0};
    int rc = 0;
    if (sheaf_session_is_first(session)) {
        if (!stage->replaces)
            session->known.before = sheaf_results_files(stage->job->output, stage->job->stage);
        session->known.goes_on = !stage->replaces && has_results(stage->job);
        rc = sheaf_stage_check_needs(stage->job, &session->error);
        if (rc == 0)
            rc = sheaf_job_has_datasets(stage->job)
                     ? sheaf_input_open(&stage->items, stage->job, &session->known, &session->error)
                     : sheaf_items_open(&stage->items, stage->job, &axes, &session->error);
        if (rc == 0)
            rc = sheaf_condition_open(&stage->condition, stage->job, &stage->items, session->server, &session->error);
        if (rc == 0)
            say_warnings(stage);
        if (rc == 0)
            rc = sheaf_fields_pack(&fields, &stage->items, &session->error);
    }
    rc = sheaf_session_agree(session, rc);
    if (rc == 0)
        rc = sheaf_comm_broadcast(session->comm, &fields, &session->error);
    if (rc == 0) {
        rc = sheaf_session_is_first(session) ? 0 : sheaf_fields_unpack(&fields, &stage->items, &session->error);
        rc = sheaf_session_agree(session, rc);
    }
    sheaf_buffer_free(&fields);
    return rc;
}

/* Which of the items are asked for; every rank knows. */
static int fit_asked(struct stage *stage) {
    struct session *session = stage->session;
    const struct run_options *o = session->options;
    int rc =
        o->recompute && o->items.n == 0
            ? sheaf_refuse(&session->error, "--recompute: of which items? --items 3,17,40:50 says so; for all of them "
                                            "there is --overwrite, which starts anew")
            : sheaf_asked_fit(&stage->asked, &o->items, stage->items.n_items, &session->error);
    stage->n_asked = sheaf_asked_count(&stage->asked);
    return sheaf_session_agree(session, rc);
}

/* Of the whole job some blocks, whose size the kernel knows. */
static int choose_pilot(struct stage *stage) {
    const int64_t n_pilot = stage->session->options->n_pilot;
    if (n_pilot == 0)
        return 0;
    sheaf_asked_free(&stage->asked);
    int rc =
        sheaf_pilot_choose(&stage->asked, stage->items.n_items, stage->kernel.block, n_pilot, &stage->session->error);
    stage->n_asked = sheaf_asked_count(&stage->asked);
    return sheaf_session_agree(stage->session, rc);
}

/* The items' values must be of the types the kernel reads. */
static int check_inputs(struct stage *stage) {
    struct session *session = stage->session;
    for (int k = 0; k < stage->kernel.n_inputs; k++)
        if (stage->kernel.field[k] >= 0 &&
            sheaf_items_check(&stage->items, stage->kernel.field[k], stage->kernel.inputs[k].type, &session->error))
            return -1;
    return 0;
}

/* A name is one thing: a kernel's param has one value for all items, whatever a field of that name says. */
static int check_params(const struct stage *stage) {
    struct session *session = stage->session;
    const struct sheaf_kernel *table = &stage->kernel.kernel.table;
    for (int p = 0; stage->job->kind == JOB_KERNEL && p < table->n_params; p++)
        if (sheaf_items_find(stage->items.fields, stage->items.n_fields, table->params[p].name) >= 0)
            return sheaf_yaml_refuse(
                stage->job->items.node, &session->error,
                "the items have a field '%s', and so is a param of kernel %s called, which has one "
                "value for all items; rename the field",
                table->params[p].name, table->head.name);
    return 0;
}

static bool reads_axis(const struct stage *stage, int axis) {
    for (int k = 0; k < stage->kernel.n_inputs; k++)
        if (stage->kernel.field[k] >= 0 && stage->items.sweep->fields[stage->kernel.field[k]].axis == axis)
            return true;
    return false;
}

/* Nor may an output be called like a dimension of its own, which need not be that of a field. */
static int check_axes(const struct stage *stage) {
    struct session *session = stage->session;
    const struct sweep *sweep = stage->items.sweep;
    for (int a = 0; a < sweep->n_axes; a++)
        if (sheaf_items_find(stage->kernel.outputs, stage->kernel.n_outputs, sweep->axes[a].name) >= 0)
            return sheaf_yaml_refuse(
                stage->job->items.node, &session->error,
                "the items have an axis '%s', and there is an output of that name; rename one of them",
                sweep->axes[a].name);
    return 0;
}

/* The fields of an axis of which the kernel reads none. */
static void say_unread(const struct sweep *sweep, int axis) {
    struct sheaf_string names = {0};
    int n = 0;
    for (int f = 0; f < sweep->n_fields; f++)
        if (sweep->fields[f].axis == axis && ++n)
            sheaf_string_add(&names, "%s'%s'", names.length ? ", " : "", sweep->fields[f].about.name);
    if (!names.failed && names.data)
        fprintf(stderr, "sheaf: nothing reads %s of the items: what differs in %s alone is computed from the same\n",
                names.data, n > 1 ? "them" : "it");
    sheaf_string_free(&names);
}

/* What the kernel makes of a sweep. */
static int check_sweep(const struct stage *stage) {
    const struct session *session = stage->session;
    const struct sweep *sweep = stage->items.sweep;
    if (!sweep)
        return 0;
    for (int a = 0; sheaf_items_are_generated(&stage->items) && a < sweep->n_axes && !session->options->quiet; a++)
        if (!reads_axis(stage, a) && strcmp(sweep->axes[a].name, "repeat") != 0 && sweep->axes[a].size > 1)
            say_unread(sweep, a);
    return check_axes(stage) || check_params(stage) ? -1 : 0;
}

/* For which instructions formulas are compiled that all ranks compute: those of the least capable machine. On rank 0. */
static int find_level(struct stage *stage, int64_t *least) {
    struct session *session = stage->session;
    int64_t level = sheaf_cpu_level(), *levels = calloc((size_t)session->self.n_ranks, sizeof *levels);
    int rc = sheaf_session_agree(session, levels ? 0 : sheaf_fail_memory(&session->error, "the ranks"));
    if (rc == 0)
        rc = sheaf_comm_gather(session->comm, &level, levels, sizeof level, &session->error);
    *least = level;
    for (int k = 0; rc == 0 && sheaf_session_is_first(session) && k < session->self.n_ranks; k++)
        *least = levels[k] < *least ? levels[k] : *least;
    free(levels);
    return rc;
}

/* Rank 0 compiles the formulas and sends the object to all. */
static int compile_expression(struct stage *stage) {
    struct session *session = stage->session;
    struct sheaf_buffer object = {0};
    int64_t level;
    if (find_level(stage, &level))
        return -1;
    int rc = sheaf_session_is_first(session)
                 ? sheaf_expression_compile(&stage->kernel.kernel, session->server, level, &object, &session->error)
                 : 0;
    rc = sheaf_session_agree(session, rc);
    if (rc == 0)
        rc = sheaf_comm_broadcast(session->comm, &object, &session->error);
    if (rc == 0)
        rc = sheaf_session_agree(session, sheaf_expression_load(&stage->kernel.kernel, &object, &session->error));
    sheaf_buffer_free(&object);
    return rc;
}

/* OUT.d, and in it what belongs to items of the stage: those of another one have the same numbers. */
static int find_folder(struct stage *stage) {
    struct session *session = stage->session;
    const char *name = stage->job->stage;
    if (!session->folder) {
        char *folder = sheaf_journal_folder(stage->job->output);
        session->folder = folder ? sheaf_path_absolute(folder) : NULL;
        free(folder);
    }
    if (session->folder)
        sheaf_string_add(&stage->folder, "%s%s%s", session->folder, name ? "/" : "", name ? name : "");
    return session->folder && !stage->folder.failed ? 0 : sheaf_fail_memory(&session->error, "a path");
}

/* What kernels get that are made for the job. */
static int open_host(struct stage *stage) {
    struct session *session = stage->session;
    if (find_folder(stage))
        return -1;
    session->n_threads =
        sheaf_ranks_choose_threads(session->options->n_threads, sheaf_team_cores(), session->self.n_local_ranks);
    stage->host = (struct kernel_host){.is_first = sheaf_session_is_first(session),
                                       .only_looks = session->only_looks,
                                       .server = session->server,
                                       .folder = stage->folder.data,
                                       .arrays = &stage->arrays,
                                       .shared_folder = stage->shared_folder,
                                       .known = &session->known,
                                       .n_threads = session->n_threads,
                                       .warnings = &session->warnings,
                                       .did = sheaf_thread_did};
    return 0;
}

static int open_reductions(struct stage *stage) {
    struct session *session = stage->session;
    int64_t level;
    if (find_level(stage, &level))
        return -1;
    return sheaf_session_agree(session, sheaf_session_is_first(session)
                                            ? sheaf_reducing_open(&stage->reducing, stage, level, &session->error)
                                            : 0);
}

static int open_kernel(struct stage *stage) {
    struct session *session = stage->session;
    if (sheaf_shared_data_open(stage))
        return -1;
    int rc = open_host(stage);
    if (rc == 0)
        rc = sheaf_binding_open(&stage->kernel, stage->job, stage->items.fields, stage->items.n_fields, &stage->host,
                                &session->error);
    if (rc == 0 && sheaf_session_is_first(session))
        rc = check_inputs(stage) || check_sweep(stage) ? -1 : 0;
    if (rc == 0 && sheaf_session_is_first(session)) /* of a plugin all is known when it has computed */
        sheaf_shared_data_say_unused(stage, atomic_load(&stage->uses.used), stage->job->kind == JOB_KERNEL);
    rc = sheaf_session_agree(session, rc);
    rc = rc ? rc : sheaf_same_kernel(stage);
    if (rc == 0 && stage->job->kind == JOB_EXPRESSION)
        rc = compile_expression(stage);
    if (rc == 0 && stage->job->n_reductions > 0)
        rc = open_reductions(stage);
    if (stage->is_last && !sheaf_stage_uses_processes(stage) && !session->lent) {
        sheaf_server_stop(session->server);
        session->server = NULL;
    }
    if (rc)
        return -1;
    stage->carrying = (struct chunk_shape){
        .n_inputs = stage->kernel.n_inputs,
        .inputs = stage->kernel.inputs,
        .n_outputs = stage->kernel.n_outputs,
        .outputs = stage->kernel.outputs,
        .block = stage->kernel.block,
        .n_items = stage->items.n_items,
        .all_text_bytes = stage->items.all_text_bytes,
        .most_text_bytes = stage->items.most_text_bytes,
        .attempts = sheaf_stage_uses_processes(stage) || stage->job->limits.retries > 0,
    };
    return 0;
}

/* What makes the job another than others, and where its results really lie. */
static int identify(struct stage *stage) {
    struct session *session = stage->session;
    sheaf_string_add(&stage->identity, "%s%s", stage->items.identity.data, stage->kernel.identity.data);
    if (sheaf_shared_data_identify(stage, &stage->identity, &session->error))
        return -1;
    sheaf_string_add(&stage->identity, "seed: %" PRId64 "\n", stage->job->seed);
    if (stage->identity.failed)
        return sheaf_fail_memory(&session->error, "the job's identity");
    if (!session->output)
        session->output = sheaf_path_follow(stage->job->output); /* one lock for a file, whatever names lead to it */
    return session->output ? 0 : sheaf_fail_memory(&session->error, "a path");
}

int sheaf_stage_look(struct stage *stage) {
    struct session *session = stage->session;
    if (open_items(stage))
        return -1;
    if (fit_asked(stage))
        return -1;
    if (open_kernel(stage))
        return -1;
    if (choose_pilot(stage))
        return -1;
    return sheaf_session_agree(session, sheaf_session_is_first(session) ? identify(stage) : 0);
}

/* --- the end ------------------------------------------------------------------------------------------------------- */

/* What comes of that is said by each rank itself: the run is over. */
static void close_kernel(struct stage *stage) {
    struct warnings *warnings = &stage->session->warnings;
    char text[WARNING_BYTES];
    while (sheaf_warnings_take(warnings, text)) { /* of a run that failed: that is what is to be said */
    }
    sheaf_binding_close(&stage->kernel);
    while (sheaf_warnings_take(warnings, text))
        fprintf(stderr, "sheaf: warning of the kernel: %s\n", text);
}

void sheaf_stage_close(struct stage *stage) {
    struct sheaf_error ignored;
    sheaf_team_close(stage->team);
    sheaf_schedule_close(&stage->schedule);
    sheaf_transport_close(&stage->transport, &ignored);
    close_kernel(stage);
    if (stage->folder.length && stage->job->stage && !stage->session->only_looks)
        rmdir(stage->session->folder); /* as long as anything is in it, it stays */
    sheaf_shared_data_close(stage);
    sheaf_messages_unshare(sheaf_session_is_first(stage->session) ? &stage->session->results.sink : NULL);
    sheaf_comm_end_stage(stage->session->comm);
    sheaf_items_close(&stage->items);
    sheaf_condition_close(stage->condition);
    sheaf_folding_close(&stage->folding);
    sheaf_reducing_close(stage->reducing);
    sheaf_asked_free(&stage->asked);
    sheaf_string_free(&stage->identity);
    free(stage->origins);
    sheaf_string_free(&stage->address);
    sheaf_string_free(&stage->folder);
    sheaf_string_free(&stage->reduced);
}
