#include "exec/thread.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/interrupt.h"
#include "core/random.h"
#include "core/text.h"
#include "core/type.h"
#include "kernel/services.h"
#include "plan/journal.h"

/* --- failing items ------------------------------------------------------------------------------------------------- */

SHEAF_PRINTF(2, 0) static void write_message(char message[FAILURE_BYTES], const char *format, va_list values) {
    memset(message, 0, FAILURE_BYTES);
    vsnprintf(message, FAILURE_BYTES, format, values);
    sheaf_text_one_line(message);
}

/* In a status, while the kernel is called: the item's outputs are as they shall be. */
#define OUTPUTS_SET 0x80
/* Likewise: the item stays pending. */
#define GIVEN_BACK 0x7f

/* Marks item k of the block; the first message stays. Without memory the message is lost, the status is not. */
static void fail_item(struct thread *t, int64_t k, int status, const char *message) {
    if (t->status[k] != ITEM_PENDING)
        return;
    t->status[k] = (uint8_t)status;
    t->some_failed = true;
    if (t->n_failures == t->most_failures) {
        int64_t most = t->most_failures ? 2 * t->most_failures : 64;
        struct failure *failures = realloc(t->failures, (size_t)most * sizeof *failures);
        if (!failures)
            return;
        t->failures = failures;
        t->most_failures = most;
    }
    struct failure *failure = &t->failures[t->n_failures++];
    failure->item = t->block.first + k;
    memcpy(failure->message, message, FAILURE_BYTES);
}

/* The service sheaf_context.fail. */
SHEAF_PRINTF(3, 4) static void fail(const struct sheaf_context *context, int64_t k, const char *format, ...) {
    struct thread *t = context->engine;
    char message[FAILURE_BYTES];
    va_list values;
    va_start(values, format);
    write_message(message, format, values);
    va_end(values);
    if (k >= 0 && k < t->block.n)
        fail_item(t, k, ITEM_FAILED, message);
    else if (k == SHEAF_WHOLE_BLOCK && message[0])
        memcpy(t->whole, message, FAILURE_BYTES);
    else if (k == SHEAF_WHOLE_BLOCK)
        snprintf(t->whole, sizeof t->whole, "the kernel failed the whole block without saying why");
    else
        snprintf(t->whole, sizeof t->whole, "the kernel failed item %lld of a block of %lld: a mistake in the kernel",
                 (long long)k, (long long)t->block.n);
}

/* The service sheaf_context.end. */
SHEAF_PRINTF(4, 5)
static void end(const struct sheaf_context *context, int64_t k, int32_t outcome, const char *format, ...) {
    struct thread *t = context->engine;
    char message[FAILURE_BYTES];
    va_list values;
    va_start(values, format);
    write_message(message, format, values);
    va_end(values);
    if (k >= 0 && k < t->block.n && outcome >= SHEAF_FAILED && outcome <= SHEAF_CRASHED)
        fail_item(t, k, outcome | OUTPUTS_SET, message);
    else
        fail(context, k, "%s", message);
}

/* The service sheaf_context.give_back. A message that the item has already got goes with the status it belongs to. */
static void give_back(const struct sheaf_context *context, int64_t k) {
    struct thread *t = context->engine;
    if (k != SHEAF_WHOLE_BLOCK && (k < 0 || k >= t->block.n)) {
        fail(context, k, "%s", "");
        return;
    }
    const int64_t from = k == SHEAF_WHOLE_BLOCK ? 0 : k, end = k == SHEAF_WHOLE_BLOCK ? t->block.n : k + 1;
    memset(t->status + from, GIVEN_BACK, (size_t)(end - from));
    t->some_failed = t->gave_back = true;
}

void sheaf_thread_did(const struct sheaf_context *context, int64_t n) {
    struct thread *t = context->engine;
    t->n_did = n;
}

/* Forgets messages, from number `from` on, of items that were given back after all. */
static void drop_messages(struct thread *t, int64_t from) {
    int64_t kept = from;
    for (int64_t i = from; i < t->n_failures; i++)
        if (t->status[t->failures[i].item - t->block.first] != GIVEN_BACK)
            t->failures[kept++] = t->failures[i];
    t->n_failures = kept;
}

/* Fills the outputs of items that have failed, unless the kernel has set them itself; from here on the status is that of
   the results file. */
static void finish_statuses(struct thread *t) {
    for (int64_t k = 0; k < t->block.n; k++) {
        if (t->status[k] == GIVEN_BACK) {
            t->status[k] = ITEM_PENDING;
            continue;
        }
        bool fill = t->status[k] != ITEM_PENDING && !(t->status[k] & OUTPUTS_SET);
        for (int c = 0; fill && c < t->kernel->n_outputs; c++) {
            const struct sheaf_field *field = &t->kernel->outputs[c];
            if (t->out[c])
                sheaf_type_fill(field->type, (char *)t->out[c] + (size_t)k * sheaf_field_row_bytes(field),
                                field->width);
        }
        t->status[k] = t->status[k] == ITEM_PENDING ? ITEM_DONE : t->status[k] & ~OUTPUTS_SET & 0xff;
    }
}

/* --- texts --------------------------------------------------------------------------------------------------------- */

/* The service sheaf_context.emit_text. */
static void emit_text(const struct sheaf_context *context, int64_t k, int32_t output, const char *data, size_t length) {
    struct thread *t = context->engine;
    struct sheaf_error ignored;
    if (k < 0 || k >= t->block.n || output < 0 || output >= t->kernel->n_outputs ||
        t->kernel->outputs[output].type != SHEAF_TEXT)
        fail(context, SHEAF_WHOLE_BLOCK,
             "the kernel gave a text for item %lld of a block of %lld, output %d: a mistake in the kernel",
             (long long)k, (long long)t->block.n, output);
    else if (sheaf_journal_put(&t->texts, t->block.first + k, output, data, length, &ignored))
        t->lost_text = true;
}

/* --- the run around the kernel ------------------------------------------------------------------------------------- */

/* The service sheaf_context.should_stop. */
static int32_t should_stop(const struct sheaf_context *context) {
    const struct thread *t = context->engine;
    return (t->drains && atomic_load_explicit(t->drains, memory_order_relaxed)) ||
           sheaf_interrupt_seen() != INTERRUPT_NONE;
}

/* The service sheaf_context.warn. */
SHEAF_PRINTF(2, 3) static void warn(const struct sheaf_context *context, const char *format, ...) {
    const struct thread *t = context->engine;
    va_list values;
    va_start(values, format);
    sheaf_warnings_format(t->kernel->warnings, format, values);
    va_end(values);
}

/* --- random numbers ----------------------------------------------------------------------------------------------- */

/* The service sheaf_context.random. */
static void begin_random(const struct sheaf_context *context, int64_t k, struct sheaf_random *stream) {
    const struct thread *t = context->engine;
    if (k < 0 || k >= t->block.n_padded)
        fail(context, SHEAF_WHOLE_BLOCK,
             "the kernel drew random numbers for item %lld of a block of %lld: a mistake in the kernel", (long long)k,
             (long long)t->block.n);
    sheaf_random_begin(stream, (uint64_t)t->kernel->seed, (uint64_t)t->block.first + (uint64_t)k);
}

/* --- one block ----------------------------------------------------------------------------------------------------- */

static bool aligned(const void *data) {
    return (uintptr_t)data % SHEAF_ALIGN == 0;
}

/* Where a block lies: item `at` of the chunk, item `to` of the parcel. */
struct location {
    const struct chunk *chunk;
    struct parcel *parcel;
    int64_t at, to;
};

static const char *input_at(const struct thread *t, const struct location *location, int c) {
    const size_t row = sheaf_field_row_bytes(&t->shape->inputs[c]);
    if (sheaf_chunk_decodes(t->shape, c))
        return t->fetched.columns[c] + (size_t)(t->block.first - t->fetched.first_item) * row;
    return t->columns[c] ? (const char *)t->columns[c] + (size_t)location->at * row : NULL;
}

static char *output_at(const struct thread *t, const struct location *location, int c) {
    char *column = location->parcel->out[c];
    return column ? column + (size_t)location->to * sheaf_field_row_bytes(&t->shape->outputs[c]) : NULL;
}

/* Whether the column of n_items that the block is in has room for its padding: it is the last, and begins where the
   column's own padding, which is that of the whole, ends no earlier. */
static bool room_behind(const struct thread *t, int64_t at, int64_t n_items) {
    return at + t->block.n == n_items && at + t->block.n_padded <= (int64_t)sheaf_padded(n_items, t->shape->block);
}

/* Whether an input may be used where it lies: it lies somewhere, aligned, padded if the block is, and no text, whose values
   have offsets there in place of pointers. */
static bool usable(const struct thread *t, const struct location *location, int c) {
    const char *at = input_at(t, location, c);
    bool whole = t->block.n == t->block.n_padded;
    bool padded = whole || (sheaf_chunk_carries(t->shape, c) && room_behind(t, location->at, location->chunk->n_items));
    return !sheaf_generated_has(t->shape->generated, c) &&
           (!at || (padded && aligned(at) && t->shape->inputs[c].type != SHEAF_TEXT));
}

/* Whether an output may be written where it will lie. */
static bool writable(const struct thread *t, const struct location *location, int c) {
    bool whole = t->block.n == t->block.n_padded;
    char *at = output_at(t, location, c);
    return !at || (aligned(at) && (whole || room_behind(t, location->to, location->parcel->n_items)));
}

static size_t staged_bytes(const struct thread *t, const struct sheaf_field *field) {
    return sheaf_round_up((size_t)t->block.n_padded * sheaf_field_row_bytes(field), SHEAF_ALIGN);
}

/* Puts an input, padded, into private memory: copied, or worked out where it lies nowhere. */
static void stage_input(const struct thread *t, const struct location *location, int c, char *to) {
    const struct sheaf_field *field = &t->shape->inputs[c];
    const bool generated = sheaf_generated_has(t->shape->generated, c);
    size_t row = sheaf_field_row_bytes(field), n = (size_t)t->block.n;
    if (generated)
        sheaf_generated_fill(t->shape->generated, c, (enum sheaf_type)field->type, t->block.first, t->block.n, to);
    else
        memcpy(to, input_at(t, location, c), n * row);
    for (size_t k = n; k < (size_t)t->block.n_padded; k++)
        memcpy(to + k * row, to + (n - 1) * row, row);
    struct sheaf_text *texts = (struct sheaf_text *)(void *)to;
    for (size_t k = 0; !generated && field->type == SHEAF_TEXT && k < (size_t)(t->block.n_padded * field->width); k++)
        texts[k].data = location->chunk->data + (uintptr_t)texts[k].data;
}

/* Points the kernel at its columns, in place or staged. */
static int point_columns(struct thread *t, const struct location *location, struct sheaf_error *error) {
    const struct chunk_shape *shape = t->shape;
    size_t n_bytes = 0;
    for (int c = 0; c < shape->n_inputs; c++)
        n_bytes += usable(t, location, c) ? 0 : staged_bytes(t, &shape->inputs[c]);
    for (int c = 0; c < shape->n_outputs; c++)
        n_bytes += writable(t, location, c) ? 0 : staged_bytes(t, &shape->outputs[c]);
    t->staging.n_bytes = 0;
    if (n_bytes && sheaf_buffer_resize(&t->staging, n_bytes, error))
        return -1;
    char *to = t->staging.data;
    for (int c = 0; c < shape->n_inputs; c++) {
        t->in[c] = input_at(t, location, c);
        if (usable(t, location, c))
            continue;
        stage_input(t, location, c, to);
        t->in[c] = to;
        to += staged_bytes(t, &shape->inputs[c]);
    }
    for (int c = 0; c < shape->n_outputs; c++) {
        bool direct = writable(t, location, c);
        t->out[c] = direct ? output_at(t, location, c) : to;
        to += direct ? 0 : staged_bytes(t, &shape->outputs[c]);
    }
    return 0;
}

static void unstage_outputs(const struct thread *t, const struct location *location) {
    for (int c = 0; c < t->shape->n_outputs; c++)
        if (t->out[c] != output_at(t, location, c))
            memcpy(output_at(t, location, c), t->out[c],
                   (size_t)t->block.n * sheaf_field_row_bytes(&t->shape->outputs[c]));
}

/* What an item said when it was tried before is not its text now: an empty one comes first, and later ones win. */
static void forget_texts(struct thread *t) {
    for (int64_t k = 0; k < t->block.n; k++)
        for (int o = 0; o < t->kernel->n_outputs; o++)
            if (t->kernel->outputs[o].type == SHEAF_TEXT)
                emit_text(&t->context, k, o, "", 0);
}

/* Why the block failed of which the kernel has said no more than this. */
static void say_result(struct thread *t, int32_t result) {
    if (result == SHEAF_BLOCK_FAILED || result == SHEAF_BROKEN)
        snprintf(t->whole, sizeof t->whole, "the kernel failed the whole block without saying why");
    else
        snprintf(t->whole, sizeof t->whole,
                 "the kernel failed the whole block (it returned %d, which is none of enum sheaf_result)", result);
}

/* Calls the kernel and turns what it said into the status of each item. */
static void call(struct thread *t) {
    if (t->kernel->has_texts && (t->context.attempt > 1 || t->kernel->again))
        forget_texts(t);
    const int64_t n_failures = t->n_failures;
    t->whole[0] = '\0';
    t->some_failed = t->gave_back = false;
    t->n_did = -1;
    memset(t->status, ITEM_PENDING, (size_t)t->block.n);
    int rc = t->kernel->kernel.table.map(t->kernel->self, &t->context, &t->block);
    if (t->n_did >= 0 && t->n_did <= t->block.n) /* of many */
        t->block.n = t->n_did;
    t->broken = rc == SHEAF_BROKEN;
    if (rc != SHEAF_OK && !t->whole[0])
        say_result(t, rc);
    for (int64_t k = 0; t->whole[0] && k < t->block.n; k++)
        fail_item(t, k, ITEM_FAILED, t->whole);
    if (t->gave_back)
        drop_messages(t, n_failures);
    if (t->some_failed)
        finish_statuses(t);
    else
        memset(t->status, ITEM_DONE, (size_t)t->block.n);
}

static void give_back_failed(struct thread *t) {
    for (int64_t k = 0; k < t->block.n; k++)
        if (t->status[k] != ITEM_DONE)
            t->status[k] = ITEM_PENDING;
}

/* Calls, from a certain attempt on, until no item fails or the job wants no more; but only once where several blocks are
   computed at a time. */
static void call_again(struct thread *t, int attempt, int64_t n_blocks) {
    const int64_t n_failures = t->n_failures, last = n_blocks == 1 ? 1 + t->kernel->retries : attempt;
    for (t->context.attempt = attempt;; t->context.attempt++) {
        call(t);
        if (!t->some_failed || t->broken || t->context.attempt >= last)
            return;
        t->n_failures = n_failures; /* only the last attempt's messages count */
        if (t->gave_back) {         /* nothing is tried now: who has failed has attempts left, in a later run */
            give_back_failed(t);
            return;
        }
    }
}

/* Of many blocks fewer may be computed: t->block.n says how many. */
static int run_blocks(struct thread *t, const struct chunk *chunk, struct span blocks, struct parcel *parcel,
                      int attempt, pthread_mutex_t *serial, struct sheaf_error *error) {
    int64_t first = blocks.first * t->shape->block, left = t->shape->n_items - first, n = blocks.n * t->shape->block;
    struct location location = {chunk, parcel, first - chunk->first_item, first - parcel->first_item};
    t->at_block = blocks.first;
    t->block.first = first;
    t->block.n = left < n ? left : n;
    t->block.n_padded = (int64_t)sheaf_padded(t->block.n, t->shape->block);
    t->status = parcel->status + location.to;
    if (point_columns(t, &location, error))
        return -1;
    if (serial)
        pthread_mutex_lock(serial);
    double began_s = sheaf_clock_s();
    call_again(t, attempt, blocks.n);
    blocks.n = t->kernel->many ? t->block.n : 1;
    double busy_s = sheaf_clock_s() - began_s, took_s = blocks.n > 0 ? busy_s / (double)blocks.n : 0;
    if (serial)
        pthread_mutex_unlock(serial);
    t->busy_s += busy_s;
    t->longest_s = took_s > t->longest_s ? took_s : t->longest_s;
    for (int64_t b = 0; b < blocks.n; b++)
        parcel->seconds[blocks.first + b - parcel->blocks.first] = (float)took_s;
    for (int64_t k = 0; parcel->attempts && k < t->block.n; k++)
        parcel->attempts[location.to + k] = t->status[k] == ITEM_PENDING ? 0 : (uint8_t)t->context.attempt;
    unstage_outputs(t, &location);
    if (t->broken)
        return sheaf_fail(error, "%s", t->whole);
    return t->lost_text ? sheaf_fail_memory(error, "the texts of an item") : 0;
}

/* Those of blocks that were computed together in which the item failed, by themselves: their second attempt; but the first
   where the kernel failed all of them at once, since which items are together is no item's fault. */
static int run_failed(struct thread *t, const struct chunk *chunk, struct span blocks, struct parcel *parcel,
                      pthread_mutex_t *serial, struct sheaf_error *error) {
    const int attempt = t->whole[0] ? 1 : 2;
    for (int64_t b = blocks.first; b < blocks.first + blocks.n; b++)
        if (sheaf_status_failed(parcel->status[b - parcel->first_item]) &&
            run_blocks(t, chunk, (struct span){b, 1}, parcel, attempt, serial, error))
            return -1;
    return 0;
}

/* Blocks from `first` on are not begun, since the run is to stop: their items stay pending. */
static void leave_blocks(const struct thread *t, struct parcel *parcel, int64_t first) {
    const int64_t to = first - parcel->blocks.first, item = first * t->shape->block - parcel->first_item;
    memset(parcel->seconds + to, 0, (size_t)(parcel->blocks.n - to) * sizeof *parcel->seconds);
    memset(parcel->status + item, ITEM_PENDING, (size_t)(parcel->n_items - item));
    if (parcel->attempts)
        memset(parcel->attempts + item, 0, (size_t)(parcel->n_items - item));
}

/* All blocks at a time, and then those with an item that failed by themselves; likewise the one before which the kernel
   stopped, and what follows it. */
static int run_many(struct thread *t, const struct chunk *chunk, struct parcel *parcel, pthread_mutex_t *serial,
                    struct sheaf_error *error) {
    struct span left = parcel->blocks;
    for (bool alone = left.n == 1; left.n > 0;) {
        const int64_t n_failures = t->n_failures;
        const struct span blocks = {left.first, alone ? 1 : left.n};
        if (run_blocks(t, chunk, blocks, parcel, 1, serial, error))
            return -1;
        const int64_t n_done = t->block.n;
        if (!alone && t->n_failures > n_failures && (t->kernel->retries > 0 || t->whole[0])) {
            t->n_failures = n_failures;
            if (run_failed(t, chunk, (struct span){left.first, n_done}, parcel, serial, error))
                return -1;
        }
        left = (struct span){left.first + n_done, left.n - n_done};
        alone = !alone || left.n == 1;
        if (left.n > 0 && should_stop(&t->context)) {
            leave_blocks(t, parcel, left.first);
            return 0;
        }
    }
    return 0;
}

int sheaf_thread_grain(struct thread *t, const char *chunk_data, struct span blocks, struct parcel *parcel,
                       pthread_mutex_t *serial, struct sheaf_error *error) {
    struct chunk chunk;
    sheaf_chunk_look(&chunk, t->shape, chunk_data, t->columns);
    if (sheaf_parcel_layout(parcel, t->shape, blocks, error))
        return -1;
    if (t->kernel->many)
        return run_many(t, &chunk, parcel, serial, error);
    for (int64_t b = blocks.first; b < blocks.first + blocks.n; b++) {
        if (b > blocks.first && should_stop(&t->context)) {
            leave_blocks(t, parcel, b);
            break;
        }
        if (run_blocks(t, &chunk, (struct span){b, 1}, parcel, 1, serial, error))
            return -1;
    }
    return 0;
}

int sheaf_thread_open(struct thread *t, const struct binding *kernel, const struct chunk_shape *shape,
                      const void *shared, struct sheaf_error *error) {
    *t = (struct thread){.kernel = kernel, .shape = shape};
    t->columns = calloc((size_t)kernel->n_inputs + 1, sizeof *t->columns);
    t->in = calloc((size_t)kernel->n_inputs + 1, sizeof *t->in);
    t->out = calloc((size_t)kernel->n_outputs + 1, sizeof *t->out);
    if (!t->in || !t->columns || !t->out)
        return sheaf_fail_memory(error, "a thread");
    if (kernel->scratch_bytes && sheaf_buffer_resize(&t->scratch, kernel->scratch_bytes, error))
        return -1;
    t->context = (struct sheaf_context){
        .struct_size = sizeof(struct sheaf_context),
        .shared = shared,
        .shared_bytes = kernel->shared_bytes,
        .scratch = t->scratch.data,
        .fail = fail,
        .engine = t,
        .random = begin_random,
        .emit_text = emit_text,
        .end = end,
        .attempt = 1,
        .give_back = give_back,
        .should_stop = should_stop,
        .warn = warn,
    };
    sheaf_context_serve(&t->context, kernel->arrays);
    t->block = (struct sheaf_block){.struct_size = sizeof(struct sheaf_block), .in = t->in, .out = t->out};
    return 0;
}

int sheaf_thread_enter(struct thread *t, pthread_mutex_t *door, struct sheaf_error *error) {
    t->at_door = true;
    pthread_mutex_lock(door);
    const int rc = sheaf_binding_thread_open(t->kernel, t->context.thread, t->context.slot, t->context.shared,
                                             &t->context.thread_self, error);
    pthread_mutex_unlock(door);
    t->entered = rc == 0;
    t->at_door = false;
    return rc;
}

void sheaf_thread_leave(struct thread *t, pthread_mutex_t *door) {
    if (!t->entered)
        return;
    t->at_door = true;
    pthread_mutex_lock(door);
    sheaf_binding_thread_close(t->kernel, t->context.thread_self);
    pthread_mutex_unlock(door);
    t->context.thread_self = NULL;
    t->entered = t->at_door = false;
}

void sheaf_thread_close(struct thread *t) {
    sheaf_fetch_close(&t->fetched);
    sheaf_buffer_free(&t->scratch);
    sheaf_buffer_free(&t->staging);
    sheaf_buffer_free(&t->texts);
    free(t->in);
    free(t->columns);
    free(t->out);
    free(t->failures);
    *t = (struct thread){0};
}
