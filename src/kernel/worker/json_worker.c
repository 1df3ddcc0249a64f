#include "kernel/worker/json_worker.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/interrupt.h"
#include "core/stopwatch.h"
#include "kernel/program/json.h"
#include "kernel/worker/json_call.h"
#include "process/blame.h"
#include "kernel/worker/json_line.h"
#include "kernel/program/words.h"

enum {
    MOST_LINE = 1 << 28,
    SETTINGS = 6,
    START_S = 60, /* where the timeout of an item is shorter: importing a library over a network disk takes long */
    BEGIN_MS = 20
};
static const double odd_s = 1,
                    odd_again_s = 0.1; /* that a worker has for its answer when it has written something else */
static const double mute_s = 10;       /* without a first answer, until that is said */

/* --- starting ------------------------------------------------------------------------------------------------------ */

/* The worker's environment, besides ours. */
static int write_settings(const struct call *call, char texts[SETTINGS][4200], const char *settings[SETTINGS]) {
    const struct job_program *program = &call->w->job->program;
    const int slot = call->context->slot;
    int n = 0;
    snprintf(texts[n++], sizeof texts[0], "SHEAF_SLOT=%d", slot);
    snprintf(texts[n++], sizeof texts[0], "SHEAF_JOB_DIR=%s", call->w->folder);
    snprintf(texts[n++], sizeof texts[0], "PYTHONUNBUFFERED=1"); /* or answers stay in its buffer */
    if (call->w->sets_threads)
        snprintf(texts[n++], sizeof texts[0], "OMP_NUM_THREADS=1");
    if (call->w->host->shared_folder && *call->w->host->shared_folder)
        snprintf(texts[n++], sizeof texts[0], "SHEAF_SHARED=%s", call->w->host->shared_folder);
    if (program->n_gpus)
        snprintf(texts[n++], sizeof texts[0], "CUDA_VISIBLE_DEVICES=%s", program->gpus[slot % program->n_gpus]);
    for (int i = 0; i < n; i++)
        settings[i] = texts[i];
    return n;
}

/* Lines for all items without an answer. */
static int write_questions(struct call *call, struct sheaf_error *error) {
    const struct json_worker *w = call->w;
    struct sheaf_buffer *lines = &call->hand->lines;
    lines->n_bytes = call->written = 0;
    for (int64_t k = call->next, n; k < call->block->n; k += n) {
        n = sheaf_json_call_count(call, k);
        if (sheaf_json_line_write(lines, w->job, w->n_inputs, w->inputs, call->block, k, w->job->program.batch ? n : 0,
                                  error))
            return -1;
    }
    call->since_s = sheaf_stopwatch_look(&call->hand->watch);
    call->asked_s = sheaf_clock_s();
    call->surely = call->next + sheaf_json_call_count(call, call->next);
    call->out_of_step = call->trusting = false;
    return 0;
}

/* Starts a worker that is asked from the item at `next` on. */
static int start(struct call *call, struct sheaf_error *error) {
    char texts[SETTINGS][4200];
    const char *settings[SETTINGS];
    struct program program = {.n_words = call->w->n_words,
                              .words = call->w->words,
                              .n_settings = write_settings(call, texts, settings),
                              .settings = settings,
                              .folder = call->w->folder};
    if (write_questions(call, error))
        return -1;
    call->hand->has_answered = false;
    call->hand->odd = (struct odd_line){0};
    return sheaf_conversation_start(&call->hand->talk, call->w->host->server, &program, error);
}

/* --- talking ------------------------------------------------------------------------------------------------------- */

/* The worker has ended, or was killed, at a line of several items: they are asked one by one. */
static bool narrow(struct call *call) {
    const int64_t n = sheaf_json_call_count(call, call->next);
    if (n > 1)
        call->single_until = call->next + n;
    return n > 1;
}

/* The worker has ended while items wait: the first of them is what it ended at. -1: it never ran. */
static int lament(struct call *call, struct sheaf_error *error) {
    struct hand *h = call->hand;
    struct conversation *c = &h->talk;
    char words[256];
    sheaf_conversation_end(c, false);
    if (c->end.step != START_OK && c->end.step != START_LOST)
        return sheaf_fail(error, "cannot %s%s: %s",
                          c->end.step == START_FOLDER ? "enter the folder " : "run the worker ",
                          c->end.step == START_FOLDER ? call->w->folder : call->w->words[0], strerror(c->end.error));
    if (sheaf_blame_is_outside(&c->end)) {
        sheaf_json_call_give_back(call);
        return 0;
    }
    if (c->answer.n_bytes > 0) { /* a line without its end */
        sheaf_json_call_take(call, c->answer.data, c->answer.n_bytes);
        return 0;
    }
    const bool asked_to = c->leave_s > 0; /* it had written something else before it answered */
    const bool retired = c->end.step == START_OK && (c->end.status == 0 || asked_to) && h->has_answered;
    if (retired || narrow(call)) /* to be asked anew */
        return 0;
    sheaf_conversation_last_words(c, words);
    if (c->mute && WIFSIGNALED(c->end.status) && WTERMSIG(c->end.status) == SIGKILL) /* by us */
        sheaf_json_call_fail(call, SHEAF_FAILED, "the worker closed its standard output without an answer%s", words);
    else if (WIFSIGNALED(c->end.status))
        sheaf_json_call_fail(call, SHEAF_CRASHED, "the worker was killed by signal %d (%s)%s", WTERMSIG(c->end.status),
                             strsignal(WTERMSIG(c->end.status)), words);
    else if (h->odd.n > 0 && !h->has_answered && c->end.status == 0)
        sheaf_json_call_fail_odd(call);
    else
        sheaf_json_call_fail(call, SHEAF_FAILED, "the worker ended with exit code %d and no answer%s",
                             WEXITSTATUS(c->end.status), words);
    return 0;
}

/* Seconds that the line at `next` may take; for a worker that has not begun to read, until it does. 0: as it likes. */
static double limit_s(const struct call *call) {
    const double own_s = call->w->job->limits.timeout_s * (double)sheaf_json_call_count(call, call->next);
    return own_s > 0 && own_s < START_S && !call->hand->talk.begun ? START_S : own_s;
}

/* Milliseconds that the line at `next` has left, or -1; fewer where it is to be seen when the worker begins. */
static int time_left(struct call *call) {
    struct conversation *c = &call->hand->talk;
    const double now_s = sheaf_stopwatch_look(&call->hand->watch);
    if (sheaf_conversation_look(c))
        call->since_s = now_s;
    const double most_s = limit_s(call), left_s = call->since_s + most_s - now_s;
    const int most_ms = c->begun ? (int)(STOPWATCH_LOOK_S * 1e3) : BEGIN_MS;
    if (most_s <= 0)
        return call->hand->has_answered ? -1 : c->begun ? 5 * BEGIN_MS : BEGIN_MS;
    return left_s <= 0 ? 0 : left_s * 1e3 < most_ms ? (int)(left_s * 1e3) + 1 : most_ms;
}

/* The line at `next` has taken too long. */
static void give_up(struct call *call) {
    const bool begun = call->hand->talk.begun;
    const double most_s = limit_s(call);
    sheaf_conversation_end(&call->hand->talk, true);
    if (!begun)
        sheaf_json_call_fail(call, SHEAF_TIMED_OUT, "the worker did not begin to read what it is asked within %g s",
                             most_s);
    else if (!narrow(call))
        sheaf_json_call_fail(call, SHEAF_TIMED_OUT, "took longer than %g s%s", call->w->job->limits.timeout_s,
                             call->hand->has_answered ? ""
                             : call->hand->odd.n > 0  ? "; what it has written is no JSON object"
                                                      : "; it has answered nothing yet: does it end lines, and flush?");
}

/* Looks after a worker that has not answered yet. One that has written something else may wait for the next question: its
   input ends, after which it answers what it was asked, or ends. One that is mute is told of, and a run that is to end
   does not wait for it. */
static void look_after(struct call *call) {
    struct hand *h = call->hand;
    struct conversation *c = &h->talk;
    const double now_s = sheaf_stopwatch_look(&h->watch);
    if (h->odd.since_s > 0 && !h->chats && c->to >= 0 && now_s - h->odd.since_s > (h->babbles ? odd_again_s : odd_s))
        sheaf_conversation_leave(c);
    if (!c->begun || now_s - call->since_s < mute_s)
        return;
    call->context->warn(call->context,
                        "a worker has begun %g s ago and not answered yet: if items do not take so long, does it end "
                        "its lines, and flush?",
                        mute_s);
    if (!call->context->should_stop(call->context))
        return;
    sheaf_conversation_end(c, true);
    while (call->next < call->block->n)
        sheaf_json_call_give_back(call);
}

/* Bytes of the questions that it may get: a new worker the first one only, until it has answered. */
static size_t may_ask(const struct hand *h) {
    const char *end = h->has_answered ? NULL : memchr(h->lines.data, '\n', h->lines.n_bytes);
    return h->talk.to < 0 ? 0 : end ? (size_t)(end - h->lines.data) + 1 : h->lines.n_bytes;
}

/* Writes what it takes, and reads what it gives, once. */
static int talk(struct call *call, struct sheaf_error *error) {
    struct hand *h = call->hand;
    struct conversation *c = &h->talk;
    const size_t n_bytes = may_ask(h);
    const bool asks = call->written < n_bytes;
    struct pollfd polls[4] = {{.fd = c->from, .events = POLLIN},
                              {.fd = c->err, .events = POLLIN},
                              {.fd = asks ? c->to : -1, .events = POLLOUT},
                              {.fd = c->keeper.fd, .events = POLLIN}};
    int left = time_left(call);
    if (poll(polls, 4, left) < 0 && errno != EINTR)
        return sheaf_fail_errno(error, "cannot wait for a worker");
    const bool ended = polls[3].revents != 0;
    if (polls[1].revents)
        sheaf_conversation_hear(c);
    if (asks && polls[2].revents)
        call->written += sheaf_conversation_write(c, h->lines.data + call->written, n_bytes - call->written);
    if ((polls[0].revents || ended) && sheaf_conversation_read(c, error))
        return -1;
    sheaf_json_call_take_all(call);
    if (call->next >= call->block->n || call->out_of_step)
        return 0;
    if (ended)
        return lament(call, error);
    if (c->answer.n_bytes > MOST_LINE) {
        sheaf_conversation_end(c, true);
        sheaf_json_call_fail(call, SHEAF_FAILED, "the worker's answer is longer than %d MB", MOST_LINE >> 20);
    } else if (left >= 0 && time_left(call) == 0)
        give_up(call);
    else if (!h->has_answered)
        look_after(call);
    return 0;
}

/* --- map ----------------------------------------------------------------------------------------------------------- */

static struct hand *find_hand(const struct json_worker *w, int thread, struct sheaf_error *error) {
    struct hand **place = (struct hand **)(uintptr_t)&w->hands[thread]; /* each thread has its own */
    if (*place)
        return *place;
    struct hand *h = *place = calloc(1, sizeof *h);
    if (!h) {
        sheaf_fail_memory(error, "a thread");
        return NULL;
    }
    sheaf_conversation_init(&h->talk);
    return h;
}

/* The worker has said more than it was asked: nobody knows where, and behind that place answers are for other items. */
static void distrust(struct call *call) {
    struct conversation *c = &call->hand->talk;
    for (int64_t k = call->surely; call->trusting && k < call->block->n; k++)
        sheaf_json_call_fail_item(call, k, SHEAF_FAILED,
                                  "the worker answered more than it was asked; with \"item\" in its answers it "
                                  "would be known which are meant");
    sheaf_conversation_end(c, true);
}

static int run_items(struct call *call, struct sheaf_error *error) {
    struct conversation *c = &call->hand->talk;
    if (c->running && sheaf_conversation_read(c, error))
        return -1;
    if (c->running && call->hand->trusted_n > 0 && sheaf_json_call_is_surplus(call))
        return sheaf_fail(
            error,
            "the worker answered more than it was asked, and since its answers do not say which \"item\" they "
            "are for, those of items %" PRId64 " to %" PRId64
            " may be of others; mend it, and have them computed again with --recompute --items",
            call->hand->trusted_first, call->hand->trusted_first + call->hand->trusted_n - 1);
    if (c->running && (c->answer.n_bytes > 0 || c->from < 0 || c->to < 0))
        sheaf_conversation_end(c, true); /* it has ended, or said what it was not asked */
    if (c->running && write_questions(call, error))
        return -1;
    while (call->next < call->block->n) {
        if (sheaf_interrupt_seen() == INTERRUPT_LEAVE || /* the run ends: what has no answer gets none, */
            (!c->running && call->context->should_stop(call->context))) { /* and no worker is started for more */
            sheaf_json_call_give_back(call);
            continue;
        }
        if (!c->running && start(call, error))
            return -1;
        if (talk(call, error))
            return -1;
        if (call->out_of_step)
            sheaf_conversation_end(c, true);
    }
    if (c->running && c->answer.n_bytes > 0)
        distrust(call);
    call->hand->trusted_first = call->block->first;
    call->hand->trusted_n = c->running && call->trusting ? call->block->n : 0;
    return 0;
}

static int map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    struct sheaf_error error = {0};
    struct call call = {.w = self, .context = context, .block = block};
    call.hand = find_hand(call.w, context->thread, &error);
    if (call.hand && run_items(&call, &error) == 0)
        return 0;
    context->fail(context, SHEAF_WHOLE_BLOCK, "%s", error.text);
    return SHEAF_BROKEN;
}

/* --- making -------------------------------------------------------------------------------------------------------- */

static void close_worker(void *self) {
    struct json_worker *w = self;
    for (int i = 0; i < HOST_MOST_THREADS; i++)
        if (w->hands[i])
            sheaf_conversation_leave(&w->hands[i]->talk);
    for (int i = 0; i < HOST_MOST_THREADS; i++) {
        struct hand *h = w->hands[i];
        if (!h)
            continue;
        sheaf_conversation_close(&h->talk);
        sheaf_buffer_free(&h->lines);
        sheaf_buffer_free(&h->found);
        free(h);
    }
    sheaf_arena_free(&w->arena);
    free(w);
}

static int open_worker(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    const struct json_worker *w = *self;
    (void)setup;
    shape->n_outputs = w->n_outputs;
    shape->outputs = w->outputs;
    shape->block = 1;
    shape->flags = SHEAF_MANY;
    return 0;
}

/* All fields of the items go to the worker. */
static int read_fields(struct json_worker *w, const struct sheaf_field *fields, int n_fields,
                       struct sheaf_error *error) {
    const struct job_program *program = &w->job->program;
    w->inputs = sheaf_arena_take(&w->arena, ((size_t)n_fields + 1) * sizeof *w->inputs);
    w->outputs = sheaf_arena_take(&w->arena, ((size_t)program->n_outputs + 1) * sizeof *w->outputs);
    if (!w->words || !w->inputs || !w->outputs)
        return sheaf_fail_memory(error, "the worker");
    for (w->n_inputs = 0; w->n_inputs < n_fields; w->n_inputs++) {
        w->inputs[w->n_inputs] = fields[w->n_inputs];
        w->inputs[w->n_inputs].flags = 0;
    }
    for (w->n_outputs = 0; w->n_outputs < program->n_outputs; w->n_outputs++) {
        const struct job_output *from = &program->outputs[w->n_outputs];
        w->outputs[w->n_outputs] =
            (struct sheaf_field){.name = from->name, .type = from->type, .width = from->width, .unit = from->unit};
    }
    return 0;
}

static int identify(const struct json_worker *w, struct sheaf_string *identity, struct sheaf_error *error) {
    if (sheaf_words_identify(w->job->kernel, "worker", w->folder, w->host->known, identity, error))
        return -1;
    for (int i = 0; i < w->job->n_params; i++)
        sheaf_words_identify_text("param ", w->job->params[i].name, w->job->params[i].node->text, identity);
    if (sheaf_json_line_has_seed(w->job, w->n_inputs, w->inputs)) /* and so may give other answers than without */
        sheaf_string_add(identity, "worker: has seed\n");
    return identity->failed ? sheaf_fail_memory(error, "the job's identity") : 0;
}

/* The worker's words, and the first line that it gets. */
static int tell(const void *made, const struct sheaf_block *block, struct sheaf_string *text,
                struct sheaf_error *error) {
    const struct json_worker *w = made;
    struct sheaf_buffer line = {0};
    sheaf_string_add(text, "  a worker for each thread, in %s:\n ", w->folder);
    for (int i = 0; i < w->n_words; i++) {
        sheaf_string_add(text, " ");
        sheaf_words_quote(w->words[i], strlen(w->words[i]), text);
    }
    int rc =
        sheaf_json_line_write(&line, w->job, w->n_inputs, w->inputs, block, 0, w->job->program.batch ? 1 : 0, error);
    if (rc == 0)
        sheaf_string_add(text, "\n  it reads\n  %.*s", (int)line.n_bytes, line.data);
    sheaf_buffer_free(&line);
    return rc;
}

int sheaf_json_worker_make(struct kernel_entry *entry, struct job *job, const struct sheaf_field *fields, int n_fields,
                           const struct kernel_host *host, struct sheaf_string *identity, struct sheaf_error *error) {
    struct json_worker *w = calloc(1, sizeof *w);
    if (!w)
        return sheaf_fail_memory(error, "the worker");
    w->job = job;
    w->host = host;
    w->sets_threads = !getenv("OMP_NUM_THREADS");
    *entry = (struct kernel_entry){
        .made = w,
        .tell = tell,
        .table = {
            .head = SHEAF_KERNEL(worker), .version = "1", .open = open_worker, .close = close_worker, .map = map}};
    sheaf_json_start();
    w->folder = sheaf_words_folder(job, &w->arena);
    if (!w->folder)
        return sheaf_fail_memory(error, "the worker");
    w->words = sheaf_words_plain(job->kernel, &w->arena, &w->n_words);
    if (read_fields(w, fields, n_fields, error) || sheaf_json_line_check(job, error))
        return -1;
    entry->table.n_inputs = w->n_inputs;
    entry->table.inputs = w->inputs;
    if (!host->is_first)
        return 0;
    if (job->kernel->kind == YAML_LIST && sheaf_words_check(job->kernel->value[0], w->words[0], w->folder, error))
        return -1;
    return identify(w, identity, error);
}
