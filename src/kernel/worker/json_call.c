#include "kernel/worker/json_call.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/outside.h"
#include "core/text.h"
#include "core/type.h"
#include "kernel/program/json.h"

int64_t sheaf_json_call_count(const struct call *call, int64_t k) {
    const int64_t batch = call->w->job->program.batch, left = call->block->n - k;
    return k < call->single_until || batch == 0 ? 1 : batch < left ? batch : left;
}

/* The place of an item's value of output number o; NULL for a text. */
static void *value_at(const struct call *call, int64_t k, int o) {
    char *column = call->block->out[o];
    return column ? column + (size_t)k * sheaf_field_row_bytes(&call->w->outputs[o]) : NULL;
}

void sheaf_json_call_fail_item(const struct call *call, int64_t k, enum sheaf_outcome outcome, const char *message) {
    const struct json_worker *w = call->w;
    for (int o = 0; o < w->n_outputs; o++)
        if (call->block->out[o])
            sheaf_type_fill(w->outputs[o].type, value_at(call, k, o), w->outputs[o].width);
    call->context->end(call->context, k, (int32_t)outcome, "%s", message);
}

void sheaf_json_call_fail(struct call *call, enum sheaf_outcome outcome, const char *format, ...) {
    char message[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(message, sizeof message, format, values);
    va_end(values);
    for (int64_t n = sheaf_json_call_count(call, call->next); n > 0; n--)
        sheaf_json_call_fail_item(call, call->next++, outcome, message);
}

void sheaf_json_call_give_back(struct call *call) {
    for (int64_t n = sheaf_json_call_count(call, call->next); n > 0; n--)
        call->context->give_back(call->context, call->next++);
}

/* What an answer says of item number i of its line under a key: an element where lines have arrays of n. NULL and *error:
   nothing that can be used. */
static const json_t *look_up(const struct call *call, const struct sheaf_json *answer, const char *key, int64_t i,
                             int64_t n, struct sheaf_error *error) {
    const json_t *json = json_object_get(answer->root, key);
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
static int take_outputs(const struct call *call, const struct sheaf_json *answer, int64_t i, int64_t n,
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
        if (now && sheaf_json_take(answer, json, output, value_at(call, k, o), found, error))
            return sheaf_error_prefix(error, "outputs.%s ", output->name);
        if (now && output->type == SHEAF_TEXT)
            call->context->emit_text(call->context, k, o, found->data, found->n_bytes);
    }
    return 0;
}

/* Whether an answer says that an item failed: "error" is a text then, which is put into `why`. For a line of several it
   may be an array, with null for those that did not. What else "error" may be, false or 0, many programs always write. */
static bool says_error(const struct call *call, const struct sheaf_json *answer, int64_t i, char why[512]) {
    const json_t *json = json_object_get(answer->root, "error");
    if (json_is_array(json) && call->w->job->program.batch > 0)
        json = json_array_get(json, (size_t)i);
    const size_t length = json_string_length(json);
    snprintf(why, 512, "%.*s", (int)(length < 500 ? length : 500), length ? json_string_value(json) : "");
    return length > 0;
}

/* The answer, which is an object, for the items of the line at `next`. */
static void take_object(struct call *call, const struct sheaf_json *answer, const char *line, int shown) {
    const int64_t n = sheaf_json_call_count(call, call->next);
    for (int64_t i = 0; i < n; i++) {
        struct sheaf_error error = {0};
        char why[1400];
        if (says_error(call, answer, i, why)) {
            if (sheaf_outside_heard_end_s() >= call->asked_s) /* it may be its KeyboardInterrupt */
                call->context->give_back(call->context, call->next + i);
            sheaf_json_call_fail_item(call, call->next + i, SHEAF_FAILED, why);
        } else if (take_outputs(call, answer, i, n, &error)) {
            snprintf(why, sizeof why, "%s: '%.*s'", error.text, shown, line);
            sheaf_json_call_fail_item(call, call->next + i, SHEAF_FAILED, why);
        }
    }
    call->next += n;
}

/* Whether an answer is for an item, as far as it says so. */
static bool is_for(struct call *call, const struct sheaf_json *answer, int64_t item) {
    const json_t *json = json_object_get(answer->root, "item");
    json = json_is_array(json) ? json_array_get(json, 0) : json;
    int64_t said = -1;
    const bool says = json_is_integer(json);
    call->trusting |= !says;
    return !says || (sheaf_json_whole(answer, json, &said) == 0 && said == item);
}

/* Before the first answer: what a library prints when it is loaded, or a worker that writes something else. It has been
   asked one line only, so whatever object comes next is the answer to that. */
static void pass_over(struct call *call, const char *line, size_t length, const char *why) {
    struct hand *h = call->hand;
    struct odd_line *odd = &h->odd;
    odd->n++;
    snprintf(odd->last, sizeof odd->last, "%.*s", length < sizeof odd->last ? (int)length : (int)sizeof odd->last,
             line);
    snprintf(odd->why, sizeof odd->why, "%.79s", why);
    sheaf_text_one_line(odd->last);
    const double now_s = sheaf_stopwatch_look(&h->watch);
    if (sheaf_conversation_look(&h->talk))
        call->since_s = now_s;
    if (h->talk.begun)
        odd->since_s = now_s;
    if (odd->last[0] && !h->told)
        call->context->warn(call->context, "a worker wrote '%s' before its first answer, which is passed over",
                            odd->last);
    h->told |= odd->last[0] != '\0';
}

void sheaf_json_call_fail_odd(struct call *call) {
    const struct odd_line *odd = &call->hand->odd;
    call->hand->babbles = true;
    if (odd->why[0])
        sheaf_json_call_fail(call, SHEAF_FAILED, "the worker answered '%s', which is no JSON object: %s", odd->last,
                             odd->why);
    else
        sheaf_json_call_fail(call, SHEAF_FAILED,
                             "the worker answered '%s', which is no JSON object; it should be like {\"%s\": 1.5}",
                             odd->last, call->w->outputs[0].name);
}

void sheaf_json_call_take(struct call *call, const char *line, size_t length) {
    struct sheaf_error error = {0};
    const int shown = length < 150 ? (int)length : 150;
    struct sheaf_json answer;
    const bool object = sheaf_json_read(&answer, line, length, &error) == 0 && json_is_object(answer.root);
    if (!object && !call->hand->has_answered && call->hand->talk.running) {
        pass_over(call, line, length, error.text);
        sheaf_json_free(&answer);
        return;
    }
    if (!object) {
        call->out_of_step = true;
        sheaf_json_call_fail(call, SHEAF_FAILED, "the worker answered '%.*s', which is no JSON object%s%s", shown, line,
                             error.text[0] ? ": " : "", error.text);
    } else if (!is_for(call, &answer, call->block->first + call->next)) {
        call->out_of_step = true;
        sheaf_json_call_fail(call, SHEAF_FAILED,
                             "the worker answered for another item, '%.*s': answers come in the order of the "
                             "questions",
                             shown, line);
    } else {
        take_object(call, &answer, line, shown);
    }
    sheaf_json_free(&answer);
    call->hand->has_answered |= object;
    call->hand->chats |= object && call->hand->odd.since_s > 0;
    call->since_s = sheaf_stopwatch_look(&call->hand->watch);
}

bool sheaf_json_call_is_surplus(const struct call *call) {
    const struct sheaf_buffer *said = &call->hand->talk.answer;
    struct sheaf_error ignored;
    const char *end = said->n_bytes ? memchr(said->data, '\n', said->n_bytes) : NULL;
    struct sheaf_json json;
    if (!end)
        return false;
    const bool is =
        sheaf_json_read(&json, said->data, (size_t)(end - said->data), &ignored) == 0 && json_is_object(json.root);
    sheaf_json_free(&json);
    return is;
}

void sheaf_json_call_take_all(struct call *call) {
    struct sheaf_buffer *answer = &call->hand->talk.answer;
    size_t at = 0;
    while (call->next < call->block->n && !call->out_of_step && at < answer->n_bytes) {
        const char *end = memchr(answer->data + at, '\n', answer->n_bytes - at);
        if (!end)
            break;
        const size_t length = (size_t)(end - answer->data) - at;
        sheaf_json_call_take(call, answer->data + at, length);
        at += length + 1;
    }
    if (at > 0)
        memmove(answer->data, answer->data + at, answer->n_bytes - at);
    answer->n_bytes -= at;
}
