#include "app/session.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/sameness.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/interrupt.h"
#include "store/pack.h"

enum { MOST_JOB_BYTES = 16 << 20 };

/* --- beginning and end ---------------------------------------------------------------------------------------------- */

int sheaf_session_start(struct session *session, const struct run_options *options) {
    *session = (struct session){
        .options = options, .began_s = sheaf_clock_s(), .lock.fd = -1, .results.fd = -1, .warnings = WARNINGS_NONE};
    struct sheaf_error ignored;
    int rc = sheaf_server_start(&session->server, &session->error); /* while we are small, and have one thread */
    sheaf_interrupt_guard();
    signal(SIGPIPE, SIG_IGN); /* a worker that does not listen, or `sheaf run … | head`, is no reason to die */
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow shows as an error of pwrite */
    sheaf_results_start();
    if (sheaf_comm_open(&session->comm, rc ? &ignored : &session->error))
        rc = -1;
    if (session->comm)
        session->self = sheaf_comm_self(session->comm);
    return session->comm && sheaf_session_agree(session, rc) == 0 ? 0 : -1;
}

void sheaf_session_next(struct session *session) {
    struct sheaf_error ignored;
    sheaf_results_close(&session->results, &ignored);
    sheaf_string_free(&session->changed);
    sheaf_known_free(&session->known);
    session->known = (struct known){0};
    session->results = (struct results){.fd = -1};
    session->found = (struct results_found){0};
    session->created = false;
    session->end_why = LOOP_COMPLETE;
    session->error = (struct sheaf_error){0};
}

void sheaf_session_close(struct session *session) {
    struct sheaf_error ignored;
    sheaf_results_close(&session->results, &ignored);
    sheaf_server_stop(session->server);
    sheaf_lock_release(&session->lock); /* when no program is at work any more */
    sheaf_job_free(&session->job);
    sheaf_string_free(&session->changed);
    sheaf_string_free(&session->stages);
    sheaf_known_free(&session->known);
    sheaf_buffer_free(&session->text);
    free(session->facts);
    free(session->folder);
    free(session->output);
    sheaf_comm_close(session->comm);
}

/* --- reading the job ------------------------------------------------------------------------------------------------ */

/* Options that go with stages. */
static int check_options(struct session *session) {
    const struct run_options *o = session->options;
    const struct job *job = &session->job;
    const char *names[64];
    char hint[300];
    int n = 0;
    if (session->stages.failed)
        return sheaf_fail_memory(&session->error, "the stages");
    if (job->n_stages && o->items.n && !o->stage)
        return sheaf_refuse(&session->error, "--items: of which stage? --stage NAME says so");
    for (; n < job->n_stages && n < (int)(sizeof names / sizeof *names); n++) {
        names[n] = job->stages[n].stage;
        if (o->stage && strcmp(names[n], o->stage) == 0)
            return 0;
    }
    if (!o->stage)
        return 0;
    return sheaf_refuse(&session->error, "--stage %s: %s%s", o->stage,
                        n ? "the job has no stage of that name" : "the job has no stages",
                        n ? sheaf_text_suggest(o->stage, names, n, true, hint, sizeof hint) : "");
}

/* Rank 0 reads the file, all parse it: the others need no shared disk. */
int sheaf_session_read(struct session *session) {
    const struct run_options *o = session->options;
    char *text = NULL;
    size_t n_bytes = 0;
    int rc = 0;
    if (sheaf_same_call(session))
        return -1;
    if (sheaf_session_is_first(session)) {
        rc = sheaf_file_read(o->job_file, MOST_JOB_BYTES, &text, &n_bytes, &session->error);
        if (rc == 0)
            rc = sheaf_buffer_resize(&session->text, n_bytes + 1, &session->error);
        if (rc == 0)
            memcpy(session->text.data, text, n_bytes + 1);
        free(text);
    }
    if (sheaf_session_agree(session, rc))
        return -1;
    if (sheaf_comm_broadcast(session->comm, &session->text, &session->error))
        return -1;
    rc = sheaf_job_parse(&session->job, o->job_file, session->text.data, session->text.n_bytes - 1, o->overrides,
                         o->n_overrides, &session->error);
    for (int k = 0; rc == 0 && k < session->job.n_stages; k++)
        sheaf_string_add(&session->stages, "%s\n", session->job.stages[k].stage);
    return sheaf_session_agree(session, rc ? rc : check_options(session));
}

/* --- the results file ----------------------------------------------------------------------------------------------- */

int sheaf_session_publish_file(const char *path, const struct results_found *before, struct sheaf_error *error) {
    struct sheaf_string said = {0};
    int rc = sheaf_results_publish(path, before, &said, error);
    if (said.length)
        fprintf(stderr, "sheaf: %s\n", said.data);
    sheaf_string_free(&said);
    return rc;
}

int sheaf_session_publish(struct session *session) {
    if (session->created && sheaf_session_publish_file(session->output, &session->found, &session->error))
        return -1;
    session->created = session->results.created = session->results.aside = false;
    return 0;
}

int sheaf_session_confirm(struct session *session, bool at_work, struct sheaf_error *error) {
    struct sheaf_string said = {0};
    int rc = sheaf_results_confirm(&session->results, at_work, &said, error);
    if (said.length)
        fprintf(stderr, "sheaf: %s\n", said.data);
    sheaf_string_free(&said);
    return rc;
}

/* It may take long, and is begun anew by the next run. */
static int pack(struct session *session, const char *stage, struct packed *packed) {
    sheaf_interrupt_leave_on_drain();
    int rc = sheaf_pack(session->output, stage, packed, &session->error);
    sheaf_interrupt_unleave_on_drain();
    return rc;
}

/* What has no sum yet is read again for it, for which there is no time before the end of a batch job: the next run does. */
static int end_turn(struct session *session) {
    return session->end_why == LOOP_BATCH_END ? 0 : sheaf_results_end_turn(&session->results, &session->error);
}

/* Also where all else is quiet. */
static void say_lacking(const struct session *session, const struct packed *packed) {
    struct sheaf_string said = {0};
    sheaf_packed_say_lacking(session->output, packed, &said);
    if (said.length)
        fprintf(stderr, "sheaf: %s\n", said.data);
    sheaf_string_free(&said);
}

int sheaf_session_seal(struct session *session, const char *stage, bool complete) {
    struct packed packed = {0};
    if (end_turn(session) || sheaf_session_confirm(session, false, &session->error) ||
        (complete && pack(session, stage, &packed)))
        return -1;
    say_lacking(session, &packed);
    if (packed.file.inode && !sheaf_stamp_names(&packed.file, session->output))
        return sheaf_fail(&session->error, "%s: was removed or renamed just when the run ended", session->output);
    return sheaf_results_close(&session->results, &session->error);
}

void sheaf_session_report(const struct sheaf_error *error) {
    fprintf(stderr, "sheaf: %s\n", error->text);
}
