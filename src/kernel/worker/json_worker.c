#include "kernel/worker/json_worker.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/type.h"
#include "kernel/worker/conversation.h"
#include "kernel/program/json.h"
#include "kernel/worker/json_line.h"
#include "kernel/program/words.h"

enum { MOST_LINE = 1 << 28, SETTINGS = 5 };

/* A thread's worker, kept from call to call. */
struct hand {
    struct conversation talk;
    struct sheaf_buffer lines; /* what it is to be asked in this call */
    struct sheaf_buffer found; /* a text value */
    bool has_answered;         /* since it was started */
};

struct json_worker {
    const struct job *job;
    const struct kernel_host *host;
    struct sheaf_arena arena;
    int n_inputs;
    struct sheaf_field *inputs;
    int n_outputs;
    struct sheaf_field *outputs;
    int n_words;
    const char **words;
    const char *folder;
    bool sets_threads;
    struct hand *hands[HOST_MOST_THREADS];
};

/* One call of map. */
struct call {
    const struct json_worker *w;
    const struct sheaf_context *context;
    const struct sheaf_block *block;
    struct hand *hand;
    int64_t next;         /* the first item without an answer: a line begins with it */
    int64_t single_until; /* items before this one have a line of their own: the worker died at a line of several */
    size_t written;       /* bytes of the lines */
    double since_s;       /* when the item at `next` could begin */
    bool out_of_step;     /* what it answers cannot be told apart any more: it must be replaced */
    int64_t surely;       /* items before this one are answered by the first line from this worker, or another's */
    bool trusting;        /* an answer since then did not say which item it is for */
};

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
    if (program->n_gpus)
        snprintf(texts[n++], sizeof texts[0], "CUDA_VISIBLE_DEVICES=%s", program->gpus[slot % program->n_gpus]);
    for (int i = 0; i < n; i++)
        settings[i] = texts[i];
    return n;
}

/* Items of the line that begins with item k. */
static int64_t count_line(const struct call *call, int64_t k) {
    const int64_t batch = call->w->job->program.batch, left = call->block->n - k;
    return k < call->single_until || batch == 0 ? 1 : batch < left ? batch : left;
}

/* Lines for all items without an answer. */
static int write_questions(struct call *call, struct sheaf_error *error) {
    const struct json_worker *w = call->w;
    struct sheaf_buffer *lines = &call->hand->lines;
    lines->n_bytes = call->written = 0;
    for (int64_t k = call->next, n; k < call->block->n; k += n) {
        n = count_line(call, k);
        if (sheaf_json_line_write(lines, w->job, w->n_inputs, w->inputs, call->block, k, w->job->program.batch ? n : 0,
                                  error))
            return -1;
    }
    call->since_s = sheaf_clock_s();
    call->surely = call->next + count_line(call, call->next);
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
    return sheaf_conversation_start(&call->hand->talk, call->w->host->server, &program, error);
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

/* The place of an item's value of output number o; NULL for a text. */
static void *value_at(const struct call *call, int64_t k, int o) {
    char *column = call->block->out[o];
    return column ? column + (size_t)k * sheaf_field_row_bytes(&call->w->outputs[o]) : NULL;
}

/* Ends an item that failed: all its outputs have the fill value. */
static void fail_item(const struct call *call, int64_t k, enum sheaf_outcome outcome, const char *message) {
    const struct json_worker *w = call->w;
    for (int o = 0; o < w->n_outputs; o++)
        if (call->block->out[o])
            sheaf_type_fill(w->outputs[o].type, value_at(call, k, o), w->outputs[o].width);
    call->context->end(call->context, k, outcome, "%s", message);
}

/* Ends all items of the line at `next`. */
SHEAF_PRINTF(3, 4) static void fail_line(struct call *call, enum sheaf_outcome outcome, const char *format, ...) {
    char message[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(message, sizeof message, format, values);
    va_end(values);
    for (int64_t n = count_line(call, call->next); n > 0; n--)
        fail_item(call, call->next++, outcome, message);
}

/* What an answer says of item number i of its line under a key: an element where lines have arrays of n. NULL and *error:
   nothing that can be used. */
static const json_t *look_up(const struct call *call, const json_t *answer, const char *key, int64_t i, int64_t n,
                             struct sheaf_error *error) {
    const json_t *json = json_object_get(answer, key);
    if (!json)
        sheaf_refuse(error, "the answer has no '%s'", key);
    if (!json || call->w->job->program.batch == 0)
        return json;
    if (json_is_array(json) && json_array_size(json) == (size_t)n)
        return json_array_get(json, (size_t)i);
    sheaf_refuse(error, "'%s' should be an array with a value for each of the %lld items asked for", key, (long long)n);
    return NULL;
}

/* The outputs of item number i of a line. -1: *error says which is not right. */
static int take_outputs(const struct call *call, const json_t *answer, int64_t i, int64_t n,
                        struct sheaf_error *error) {
    const struct json_worker *w = call->w;
    struct sheaf_buffer *found = &call->hand->found;
    const int64_t k = call->next + i;
    for (int step = 0; step < 2 * w->n_outputs; step++) { /* texts last: an item that fails has none */
        const int o = step % w->n_outputs;
        const bool now = (w->outputs[o].type == SHEAF_TEXT) == (step >= w->n_outputs);
        const struct job_output *output = &w->job->program.outputs[o];
        const json_t *json = look_up(call, answer, output->name, i, n, error);
        found->n_bytes = 0;
        if (!json)
            return -1;
        if (now && sheaf_json_take(json, output, value_at(call, k, o), found, error))
            return sheaf_error_prefix(error, "outputs.%s ", output->name);
        if (now && output->type == SHEAF_TEXT)
            call->context->emit_text(call->context, k, o, found->data, found->n_bytes);
    }
    return 0;
}

/* Whether an answer says that an item failed; `why` is then its message. For a line of several it may be an array, with
   null for those that did not. */
static bool says_error(struct call *call, const json_t *answer, int64_t i, char why[512]) {
    const json_t *json = json_object_get(answer, "error");
    struct sheaf_buffer *found = &call->hand->found;
    struct sheaf_error ignored;
    if (json_is_array(json) && call->w->job->program.batch > 0)
        json = json_array_get(json, (size_t)i);
    if (!json || json_is_null(json))
        return false;
    found->n_bytes = 0;
    if (sheaf_json_take(json, &(struct job_output){.type = SHEAF_TEXT}, NULL, found, &ignored))
        found->n_bytes = 0;
    snprintf(why, 512, "%.*s", (int)(found->n_bytes < 500 ? found->n_bytes : 500), found->n_bytes ? found->data : "");
    return true;
}

/* The answer, which is an object, for the items of the line at `next`. */
static void take_object(struct call *call, const json_t *answer, const char *line, int shown) {
    const int64_t n = count_line(call, call->next);
    for (int64_t i = 0; i < n; i++) {
        struct sheaf_error error = {0};
        char why[1400];
        if (says_error(call, answer, i, why)) {
            fail_item(call, call->next + i, SHEAF_FAILED, why);
        } else if (take_outputs(call, answer, i, n, &error)) {
            snprintf(why, sizeof why, "%s: '%.*s'", error.text, shown, line);
            fail_item(call, call->next + i, SHEAF_FAILED, why);
        }
    }
    call->next += n;
}

/* Which item an answer is for, if it says so. */
static bool is_for(struct call *call, const json_t *answer, int64_t item) {
    const json_t *json = json_object_get(answer, "item");
    json = json_is_array(json) ? json_array_get(json, 0) : json;
    call->trusting |= !json_is_integer(json);
    return !json_is_integer(json) || json_integer_value(json) == item;
}

/* The answer to the line at `next`. */
static void take_answer(struct call *call, const char *line, size_t length) {
    struct sheaf_error error = {0};
    const int shown = length < 150 ? (int)length : 150;
    json_t *answer = sheaf_json_read(line, length, &error);
    if (!json_is_object(answer)) {
        call->out_of_step = true;
        fail_line(call, SHEAF_FAILED, "the worker answered '%.*s', which is no JSON object%s%s", shown, line,
                  error.text[0] ? ": " : "", error.text);
    } else if (!is_for(call, answer, call->block->first + call->next)) {
        call->out_of_step = true;
        fail_line(call, SHEAF_FAILED,
                  "the worker answered for another item, '%.*s': answers come in the order of the "
                  "questions",
                  shown, line);
    } else {
        take_object(call, answer, line, shown);
    }
    json_decref(answer);
    call->hand->has_answered = true;
    call->since_s = sheaf_clock_s();
}

/* Takes the whole lines that have come; behind the last item's answer there should be none. */
static void take_answers(struct call *call) {
    struct sheaf_buffer *answer = &call->hand->talk.answer;
    size_t at = 0;
    while (call->next < call->block->n && !call->out_of_step && at < answer->n_bytes) {
        const char *end = memchr(answer->data + at, '\n', answer->n_bytes - at);
        if (!end)
            break;
        const size_t length = (size_t)(end - answer->data) - at;
        take_answer(call, answer->data + at, length);
        at += length + 1;
    }
    if (at > 0)
        memmove(answer->data, answer->data + at, answer->n_bytes - at);
    answer->n_bytes -= at;
}

/* --- talking ------------------------------------------------------------------------------------------------------- */

static void write_lines(struct call *call) {
    struct hand *h = call->hand;
    struct conversation *c = &h->talk;
    ssize_t n = write(c->to, h->lines.data + call->written, h->lines.n_bytes - call->written);
    if (n > 0)
        call->written += (size_t)n;
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        call->written = h->lines.n_bytes; /* it does not listen any more; that it has ended will be seen */
}

/* The worker has ended, or was killed, at a line of several items: they are asked one by one. */
static bool narrow(struct call *call) {
    const int64_t n = count_line(call, call->next);
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
    if (c->answer.n_bytes > 0) { /* a line without its end */
        take_answer(call, c->answer.data, c->answer.n_bytes);
        return 0;
    }
    const bool retired = c->end.step == START_OK && c->end.status == 0 && h->has_answered; /* to be asked anew */
    if (retired || narrow(call))
        return 0;
    sheaf_conversation_last_words(c, words);
    if (c->mute)
        fail_line(call, SHEAF_FAILED, "the worker closed its standard output without an answer%s", words);
    else if (c->end.step == START_LOST)
        fail_line(call, SHEAF_CRASHED, "the process that watched the worker was killed");
    else if (WIFSIGNALED(c->end.status))
        fail_line(call, SHEAF_CRASHED, "the worker was killed by signal %d (%s)%s", WTERMSIG(c->end.status),
                  strsignal(WTERMSIG(c->end.status)), words);
    else
        fail_line(call, SHEAF_FAILED, "the worker ended with exit code %d and no answer%s", WEXITSTATUS(c->end.status),
                  words);
    return 0;
}

/* Milliseconds that the line at `next` has left, or -1. */
static int time_left(const struct call *call) {
    const double limit_s = call->w->job->limits.timeout_s * (double)count_line(call, call->next);
    if (limit_s <= 0)
        return -1;
    double left_s = call->since_s + limit_s - sheaf_clock_s();
    return left_s <= 0 ? 0 : left_s < 1e6 ? (int)(left_s * 1e3) + 1 : 1000000000;
}

/* Writes what it takes, and reads what it gives, once. */
static int talk(struct call *call, struct sheaf_error *error) {
    struct hand *h = call->hand;
    struct conversation *c = &h->talk;
    const bool asks = call->written < h->lines.n_bytes;
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
        write_lines(call);
    if ((polls[0].revents || ended) && sheaf_conversation_read(c, error))
        return -1;
    take_answers(call);
    if (call->next >= call->block->n || call->out_of_step)
        return 0;
    if (ended)
        return lament(call, error);
    if (c->answer.n_bytes > MOST_LINE || (left >= 0 && time_left(call) == 0)) {
        const bool long_line = c->answer.n_bytes > MOST_LINE;
        sheaf_conversation_end(c, true);
        if (long_line)
            fail_line(call, SHEAF_FAILED, "the worker's answer is longer than %d MB", MOST_LINE >> 20);
        else if (!narrow(call))
            fail_line(call, SHEAF_TIMED_OUT, "took longer than %g s", call->w->job->limits.timeout_s);
    }
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
        fail_item(call, k, SHEAF_FAILED,
                  "the worker answered more than it was asked; with \"item\" in its answers it "
                  "would be known which are meant");
    sheaf_conversation_end(c, true);
}

static int run_items(struct call *call, struct sheaf_error *error) {
    struct conversation *c = &call->hand->talk;
    if (c->running && (sheaf_conversation_read(c, error) || c->answer.n_bytes > 0 || c->from < 0))
        sheaf_conversation_end(c, true); /* it has ended, or said what it was not asked */
    if (c->running && write_questions(call, error))
        return -1;
    while (call->next < call->block->n) {
        if (!c->running && start(call, error))
            return -1;
        if (talk(call, error))
            return -1;
        if (call->out_of_step)
            sheaf_conversation_end(c, true);
    }
    if (c->running && c->answer.n_bytes > 0)
        distrust(call);
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
    if (sheaf_words_identify(w->job->kernel, "worker", w->folder, identity, error))
        return -1;
    for (int i = 0; i < w->job->n_params; i++)
        sheaf_string_add(identity, "param %s: '%s'\n", w->job->params[i].name, w->job->params[i].node->text);
    return identity->failed ? sheaf_fail_memory(error, "the job's identity") : 0;
}

int sheaf_json_worker_make(struct kernel_entry *entry, struct job *job, const struct sheaf_field *fields, int n_fields,
                           const struct kernel_host *host, struct sheaf_string *identity, struct sheaf_error *error) {
    struct json_worker *w = calloc(1, sizeof *w);
    if (!w)
        return sheaf_fail_memory(error, "the worker");
    w->job = job;
    w->host = host;
    w->sets_threads = !getenv("OMP_NUM_THREADS");
    *entry = (struct kernel_entry){.made = w,
                                   .table = {.abi = SHEAF_KERNEL_ABI,
                                             .struct_size = sizeof(struct sheaf_kernel),
                                             .name = "worker",
                                             .version = "1",
                                             .open = open_worker,
                                             .close = close_worker,
                                             .map = map}};
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
