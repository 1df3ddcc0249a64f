#include "app/again.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/type.h"
#include "plan/journal.h"
#include "store/identity.h"
#include "store/reader.h"
#include "store/verify.h"

enum { WINDOW = 64 }; /* items whose texts are in memory at a time */

/* One file that is filled from another. */
struct again {
    struct session *session;
    struct stage *stage;
    struct reader *reader;   /* the old one */
    struct results *results; /* the new one */
    const struct sheaf_field *outputs;
    int n_outputs;
    int *field;                    /* [n_outputs] where the old one has them, or -1 */
    bool *same;                    /* [n_outputs] whether its values hold */
    bool *wanted;                  /* [n_outputs] for the item under way */
    int exit_code, host, out, err; /* which outputs these are */
    double began_unix_s;           /* the first run of the old file */
    struct span_list changed;      /* items of it whose bytes are not those that were written */
    int64_t n_taken, n_failed;
};

/* The items under way. */
struct window {
    int64_t first, n;
    struct sheaf_arena arena;
    uint8_t *status, *attempts;
    bool *gone; /* [n] items that stay as they are, without their texts */
    float *seconds;
    void **values; /* [n_outputs][n], texts as const char * */
    struct sheaf_buffer records;
    struct failure *failures;
    int64_t n_failures;
};

/* What the kernel says of an item; the context comes first, so that its services find the rest. */
struct hearing {
    struct sheaf_context context;
    struct window *window;
    int64_t i; /* in the window */
    bool failed;
    char message[FAILURE_BYTES];
};

/* --- what the kernel says ------------------------------------------------------------------------------------------ */

static struct hearing *heard_by(const struct sheaf_context *context) {
    return context->engine;
}

static void emit_text(const struct sheaf_context *context, int64_t k, int output, const char *data, size_t length) {
    struct hearing *h = heard_by(context);
    const char **texts = h->window->values[output];
    char *kept = sheaf_arena_text(&h->window->arena, data, length);
    (void)k;
    h->failed = h->failed || !kept;
    texts[h->i] = kept ? kept : "";
}

SHEAF_PRINTF(4, 5)
static void end(const struct sheaf_context *context, int64_t k, int32_t outcome, const char *format, ...) {
    struct hearing *h = heard_by(context);
    va_list values;
    (void)k, (void)outcome;
    va_start(values, format);
    vsnprintf(h->message, sizeof h->message, format, values);
    va_end(values);
    sheaf_text_one_line(h->message);
    h->failed = true;
}

/* --- one item ------------------------------------------------------------------------------------------------------ */

static void *value_of(const struct again *a, const struct window *w, int o, int64_t i) {
    const size_t n = a->outputs[o].type == SHEAF_TEXT ? sizeof(char *) : sheaf_field_row_bytes(&a->outputs[o]);
    return (char *)w->values[o] + (size_t)i * n;
}

static void add_failure(struct window *w, int64_t i, const char *message) {
    struct failure *failure = &w->failures[w->n_failures++];
    failure->item = w->first + i;
    snprintf(failure->message, sizeof failure->message, "%s", message);
}

/* Whether the program ended well, so that its outputs were looked for. */
static bool ended_well(const struct again *a, const struct window *w, int64_t i) {
    int32_t code;
    memcpy(&code, value_of(a, w, a->exit_code, i), sizeof code);
    return code == 0 && (w->status[i] == ITEM_DONE || w->status[i] == ITEM_FAILED);
}

static int refuse(const struct again *a, int64_t item, const char *why) {
    return sheaf_refuse(&a->session->error,
                        "%s: outputs cannot be taken again from what was stored of item %" PRId64
                        ", which is done: %s; nothing was changed. Choose another place with -o, or start anew with "
                        "--overwrite",
                        a->stage->job->output, item, why);
}

/* Whether the texts of an item are gone, as with its OUT.d: the host's name is stored of every command. */
static bool lost_texts(const struct again *a, const struct window *w, int64_t i) {
    const char *host;
    memcpy(&host, value_of(a, w, a->host, i), sizeof host);
    return *host == '\0';
}

static int refuse_lost(const struct again *a, int64_t item) {
    return sheaf_refuse(&a->session->error,
                        "%s: outputs cannot be taken again of item %" PRId64
                        ", which is done: its standard output is gone (was %s removed?); nothing was changed. Put that "
                        "back, compute the item again with --recompute --items %" PRId64
                        ", choose another place with -o, or start anew with --overwrite",
                        a->stage->job->output, item, a->session->folder, item);
}

/* What is stored of an item would get a sum that says that it is right. */
static bool is_changed(const struct again *a, int64_t item) {
    for (int k = 0; k < a->changed.n_kept; k++)
        if (item >= a->changed.kept[k].first && item < a->changed.kept[k].first + a->changed.kept[k].n)
            return true;
    return false;
}

static int refuse_changed(const struct again *a) {
    struct sheaf_string items = {0};
    sheaf_span_list_say(&a->changed, SPANS_KEPT, ",", &items);
    sheaf_refuse(&a->session->error,
                 "%s: outputs cannot be taken again: what is stored has changed since it was written (sheaf verify "
                 "tells); nothing was changed now. Compute these items again with --recompute --items %s, choose "
                 "another place with -o, or start anew with --overwrite",
                 a->stage->job->output, items.data && !items.failed ? items.data : "");
    sheaf_string_free(&items);
    return -1;
}

static int find_changed(struct again *a, const char *path) {
    struct verified found;
    int rc = sheaf_verify(path, NULL, &found, &a->session->error);
    sheaf_span_list_join(&found.changed[SEGMENT_OUTPUTS], &found.changed_texts[SEGMENT_OUTPUTS], &a->changed);
    sheaf_verified_free(&found);
    return rc;
}

/* Lets the kernel find the outputs that are wanted; *lost: they are in files that are not there, and nothing is set. */
static int hear(struct again *a, struct window *w, int64_t i, struct hearing *hearing, bool *lost) {
    const struct kernel_entry *kernel = &a->stage->kernel.kernel;
    void **out = sheaf_arena_take(&w->arena, (size_t)a->n_outputs * sizeof *out);
    if (!out)
        return sheaf_fail_memory(&a->session->error, "outputs");
    for (int o = 0; o < a->n_outputs; o++)
        out[o] = a->outputs[o].type == SHEAF_TEXT ? NULL : value_of(a, w, o, i);
    const struct sheaf_block block = {.first = w->first + i, .n = 1, .out = out};
    *hearing = (struct hearing){.window = w, .i = i};
    hearing->context = (struct sheaf_context){
        .struct_size = sizeof hearing->context, .engine = hearing, .emit_text = emit_text, .end = end};
    struct kernel_written written = {.wanted = a->wanted, .since_unix_s = a->began_unix_s};
    memcpy(&written.text[0], value_of(a, w, a->out, i), sizeof(char *));
    memcpy(&written.text[1], value_of(a, w, a->err, i), sizeof(char *));
    int rc = kernel->again(kernel->made, &hearing->context, &block, &written, &a->session->error);
    *lost = written.lost;
    return rc;
}

/* All outputs, as in a run. */
static int take_all(struct again *a, struct window *w, int64_t i, struct hearing *hearing, bool *lost) {
    const int n_own = a->stage->job->program.n_outputs;
    for (int o = 0; o < n_own; o++)
        a->wanted[o] = true;
    return hear(a, w, i, hearing, lost);
}

/* Where that cannot be: of an item that is done only those that are not as before. */
static int take_changed(struct again *a, struct window *w, int64_t i, struct hearing *hearing) {
    bool lost;
    for (int o = 0; o < a->stage->job->program.n_outputs; o++)
        a->wanted[o] = !a->same[o];
    if (hear(a, w, i, hearing, &lost))
        return -1;
    if (lost)
        return refuse(a, w->first + i, "they are found in a file that was not kept");
    return hearing->failed ? refuse(a, w->first + i, hearing->message) : 0; /* the others' values would be lost */
}

static int take_item(struct again *a, struct window *w, int64_t i) {
    const char *message = sheaf_reader_message(a->reader, w->first + i);
    const uint8_t before = w->status[i];
    struct hearing hearing;
    bool lost = false;
    const bool looked_for = ended_well(a, w, i), gone = lost_texts(a, w, i);
    if (gone && before == ITEM_DONE)
        return refuse_lost(a, w->first + i);
    if (!gone && is_changed(a, w->first + i))
        return refuse_changed(a);
    if (looked_for && !gone && take_all(a, w, i, &hearing, &lost))
        return -1;
    if (!looked_for || ((gone || lost) && before != ITEM_DONE)) { /* stays as it is */
        if (before != ITEM_DONE && *message)
            add_failure(w, i, message);
        w->gone[i] = gone && before != ITEM_SKIPPED; /* which never had any */
        return 0;
    }
    if (lost && take_changed(a, w, i, &hearing))
        return -1;
    w->status[i] = hearing.failed ? ITEM_FAILED : ITEM_DONE;
    if (hearing.failed)
        add_failure(w, i, hearing.message);
    a->n_taken++;
    a->n_failed += hearing.failed;
    return 0;
}

/* --- a window of items --------------------------------------------------------------------------------------------- */

static int read_window(struct again *a, struct window *w) {
    struct sheaf_error *error = &a->session->error;
    int n_fields;
    sheaf_reader_fields(a->reader, &n_fields);
    w->status = sheaf_arena_take(&w->arena, (size_t)w->n);
    w->attempts = sheaf_arena_take(&w->arena, (size_t)w->n);
    w->gone = sheaf_arena_take(&w->arena, (size_t)w->n * sizeof *w->gone);
    w->seconds = sheaf_arena_take(&w->arena, (size_t)w->n * sizeof *w->seconds);
    w->failures = sheaf_arena_take(&w->arena, (size_t)w->n * sizeof *w->failures);
    w->values = sheaf_arena_take(&w->arena, (size_t)a->n_outputs * sizeof *w->values);
    if (!w->status || !w->attempts || !w->gone || !w->seconds || !w->failures || !w->values)
        return sheaf_fail_memory(error, "outputs");
    if (sheaf_reader_status(a->reader, w->first, w->n, w->status, error) ||
        sheaf_reader_seconds(a->reader, w->first, w->n, w->seconds, error) ||
        (sheaf_reader_n_about(a->reader) > 1 &&
         sheaf_reader_range(a->reader, n_fields + 1, w->first, w->n, w->attempts, &w->arena, error)))
        return -1;
    for (int o = 0; o < a->n_outputs; o++) {
        const struct sheaf_field *field = &a->outputs[o];
        const bool text = field->type == SHEAF_TEXT;
        const size_t n_bytes = text ? sizeof(char *) : sheaf_field_row_bytes(field);
        const char **texts = w->values[o] = sheaf_arena_take(&w->arena, (size_t)w->n * n_bytes);
        if (!texts)
            return sheaf_fail_memory(error, "outputs");
        for (int64_t i = 0; text && i < w->n; i++)
            texts[i] = "";
        if (!text)
            sheaf_type_fill(field->type, w->values[o], w->n * field->width);
        if (a->field[o] >= 0 && a->same[o] &&
            sheaf_reader_range(a->reader, a->field[o], w->first, w->n, w->values[o], &w->arena, error))
            return -1;
    }
    return 0;
}

static int put_texts(struct again *a, struct window *w, int64_t i) {
    for (int o = 0; o < a->n_outputs; o++) {
        const char *text;
        if (a->outputs[o].type != SHEAF_TEXT)
            continue;
        memcpy(&text, value_of(a, w, o, i), sizeof text);
        if (*text && sheaf_journal_put(&w->records, w->first + i, o, text, strlen(text), &a->session->error))
            return -1;
    }
    return 0;
}

/* What is gone stays known as such: no text has that sum. */
static int say_gone(struct again *a, const struct window *w) {
    static const uint64_t none = UINT64_MAX;
    const struct row_sink *sink = &a->results->sink;
    for (int64_t i = 0; i < w->n; i++)
        if (w->gone[i] && sheaf_file_pwrite(sink->fd, &none, sizeof none,
                                            sink->layout.text_sums_offset + (w->first + i) * (off_t)sizeof none,
                                            sink->path, &a->session->error))
            return -1;
    return 0;
}

static int write_window(struct again *a, struct window *w) {
    const void **columns = sheaf_arena_take(&w->arena, (size_t)a->n_outputs * sizeof *columns);
    if (!columns)
        return sheaf_fail_memory(&a->session->error, "outputs");
    for (int o = 0; o < a->n_outputs; o++)
        columns[o] = w->values[o];
    const struct rows rows = {.first = w->first,
                              .n = w->n,
                              .first_block = w->first,
                              .n_blocks = w->n,
                              .columns = columns,
                              .status = w->status,
                              .seconds = w->seconds,
                              .n_failures = w->n_failures,
                              .failures = w->failures,
                              .attempts = w->attempts,
                              .text_bytes = w->records.n_bytes,
                              .texts = w->records.data};
    return sheaf_row_sink_write(&a->results->sink, &rows, NULL, &a->session->error) || say_gone(a, w) ? -1 : 0;
}

/* Items that are computed again anyway, of which nothing needs to be found. */
static void leave_recomputed(const struct again *a, struct window *w) {
    for (int64_t i = 0; a->session->options->recompute && i < w->n; i++)
        if (sheaf_asked_next(&a->stage->asked, w->first + i, w->first + i + 1).n > 0)
            w->status[i] = ITEM_PENDING;
}

static int take_window(struct again *a, int64_t first, int64_t n) {
    struct window w = {.first = first, .n = n};
    int rc = read_window(a, &w);
    if (rc == 0)
        leave_recomputed(a, &w);
    for (int64_t i = 0; rc == 0 && i < n; i++)
        if (w.status[i] != ITEM_PENDING)
            rc = take_item(a, &w, i) || put_texts(a, &w, i) ? -1 : 0;
    if (rc == 0)
        rc = write_window(a, &w);
    sheaf_buffer_free(&w.records);
    sheaf_arena_free(&w.arena);
    return rc;
}

/* --- a file -------------------------------------------------------------------------------------------------------- */

/* Which fields of the old file the outputs are, and whether they hold as they are. */
static int find_outputs(struct again *a, const char *stored, const char *now) {
    int n_fields;
    const struct reader_field *fields = sheaf_reader_fields(a->reader, &n_fields);
    const int n_own = a->stage->job->program.n_outputs;
    char *dropped = sheaf_identity_dropped_output(stored, now);
    if (dropped) {
        sheaf_refuse(
            &a->session->error,
            "%s: has the output '%s', which was found in a file and which this job has not: its values would be "
            "lost; keep it, choose another place with -o, or start anew with --overwrite",
            a->stage->job->output, dropped);
        free(dropped);
        return -1;
    }
    a->exit_code = a->host = a->out = a->err = -1;
    for (int o = 0; o < a->n_outputs; o++) {
        const char *name = a->outputs[o].name;
        a->field[o] = -1;
        for (int k = 0; k < n_fields; k++)
            if (fields[k].is_output && strcmp(fields[k].field.name, name) == 0)
                a->field[o] = k;
        a->same[o] = a->field[o] >= 0 && (o >= n_own || sheaf_identity_same_output(stored, now, name));
        a->exit_code = o >= n_own && strcmp(name, "exit_code") == 0 ? o : a->exit_code;
        a->host = o >= n_own && strcmp(name, "host") == 0 ? o : a->host;
        a->out = o >= n_own && strcmp(name, "stdout") == 0 ? o : a->out;
        a->err = o >= n_own && strcmp(name, "stderr") == 0 ? o : a->err;
        if (o >= n_own && a->field[o] < 0)
            return sheaf_fail(&a->session->error, "%s: has no field '%s'; the file was changed", a->stage->job->output,
                              name);
    }
    return 0;
}

static int fill(struct again *a, const char *stored, const struct results_plan *plan) {
    struct sheaf_error *error = &a->session->error;
    struct results *results = a->results;
    const int64_t n_items = results->n_items;
    a->field = calloc((size_t)a->n_outputs, sizeof *a->field);
    a->same = calloc((size_t)a->n_outputs, sizeof *a->same);
    a->wanted = calloc((size_t)a->n_outputs, sizeof *a->wanted);
    if (!a->field || !a->same || !a->wanted)
        return sheaf_fail_memory(error, "outputs");
    results->sink.layout.attempts_offset = results->attempts_offset;
    if (find_outputs(a, stored, plan->identity) || sheaf_results_copy_runs(results, plan->path, error) ||
        sheaf_file_pread(results->fd, &a->began_unix_s, sizeof a->began_unix_s, results->run_offsets[0], plan->path,
                         error) ||
        sheaf_journal_open(&results->sink.journal, plan->path, results->token, (struct journal_numbers){0}, error))
        return -1;
    for (int64_t at = 0; at < n_items; at += WINDOW)
        if (take_window(a, at, n_items - at < WINDOW ? n_items - at : WINDOW))
            return -1;
    return sheaf_row_sink_flush(&results->sink, error);
}

static void say(const struct again *a) {
    if (a->session->options->quiet)
        return;
    fprintf(stderr,
            "sheaf: outputs are found otherwise than when %s was begun: those of %" PRId64
            " items were taken again from what was stored",
            a->stage->job->output, a->n_taken);
    if (a->n_failed)
        fprintf(stderr, ", %" PRId64 " of which failed", a->n_failed);
    fprintf(stderr, "; nothing was run\n");
}

bool sheaf_again_is_due(const struct stage *stage, const struct results_plan *plan) {
    char *stored = stage->kernel.kernel.again && !plan->stage ? sheaf_results_identity(plan->path, NULL) : NULL;
    struct sheaf_string becomes = {0};
    const bool due = stored && sheaf_identity_differs_in_outputs(stored, plan->identity) &&
                     !sheaf_identity_differs_in_reductions(stored, plan->identity, &becomes);
    sheaf_string_free(&becomes);
    free(stored);
    return due;
}

int sheaf_again_take(struct stage *stage, const struct results_plan *plan) {
    struct session *session = stage->session;
    struct sheaf_error ignored;
    struct results results = {.fd = -1};
    struct again a = {.session = session,
                      .stage = stage,
                      .results = &results,
                      .outputs = stage->kernel.outputs,
                      .n_outputs = stage->kernel.n_outputs};
    char *stored = sheaf_results_identity(plan->path, NULL);
    int rc = stored ? 0 : sheaf_fail_memory(&session->error, "the job's identity");
    if (rc == 0)
        rc = find_changed(&a, plan->path) || sheaf_reader_open(&a.reader, plan->path, &session->error) ||
                     sheaf_results_create(plan, &session->error)
                 ? -1
                 : 0;
    if (rc == 0) {
        rc = sheaf_results_open(&results, plan, true, &session->error) || fill(&a, stored, plan) ? -1 : 0;
        const uint64_t token = results.token;
        if (sheaf_journal_close(results.sink.journal, rc ? &ignored : &session->error) ||
            sheaf_results_close(&results, rc ? &ignored : &session->error))
            rc = -1;
        if (rc || sheaf_session_publish_file(plan->path, &session->found, &session->error)) {
            rc = -1;
            sheaf_results_discard(plan->path);
            sheaf_journal_remove(plan->path, token, false, &ignored);
        } else {
            say(&a);
        }
    }
    sheaf_reader_close(a.reader);
    free(stored);
    free(a.field);
    free(a.same);
    free(a.wanted);
    return rc;
}
