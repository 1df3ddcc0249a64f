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
static void fail_item(struct thread *w, int64_t k, int status, const char *message) {
    if (w->status[k] != ITEM_PENDING)
        return;
    w->status[k] = (uint8_t)status;
    w->some_failed = true;
    if (w->n_failures == w->most_failures) {
        int64_t most = w->most_failures ? 2 * w->most_failures : 64;
        struct failure *failures = realloc(w->failures, (size_t)most * sizeof *failures);
        if (!failures)
            return;
        w->failures = failures;
        w->most_failures = most;
    }
    struct failure *failure = &w->failures[w->n_failures++];
    failure->item = w->block.first + k;
    memcpy(failure->message, message, FAILURE_BYTES);
}

/* The service sheaf_context.fail. */
SHEAF_PRINTF(3, 4) static void fail(const struct sheaf_context *context, int64_t k, const char *format, ...) {
    struct thread *w = context->engine;
    char message[FAILURE_BYTES];
    va_list values;
    va_start(values, format);
    write_message(message, format, values);
    va_end(values);
    if (k >= 0 && k < w->block.n)
        fail_item(w, k, ITEM_FAILED, message);
    else if (k == SHEAF_WHOLE_BLOCK && message[0])
        memcpy(w->whole, message, FAILURE_BYTES);
    else if (k == SHEAF_WHOLE_BLOCK)
        snprintf(w->whole, sizeof w->whole, "the kernel failed the whole block without saying why");
    else
        snprintf(w->whole, sizeof w->whole, "the kernel failed item %lld of a block of %lld: a mistake in the kernel",
                 (long long)k, (long long)w->block.n);
}

/* The service sheaf_context.end. */
SHEAF_PRINTF(4, 5)
static void end(const struct sheaf_context *context, int64_t k, int32_t outcome, const char *format, ...) {
    struct thread *w = context->engine;
    char message[FAILURE_BYTES];
    va_list values;
    va_start(values, format);
    write_message(message, format, values);
    va_end(values);
    if (k >= 0 && k < w->block.n && outcome >= SHEAF_FAILED && outcome <= SHEAF_CRASHED)
        fail_item(w, k, outcome | OUTPUTS_SET, message);
    else
        fail(context, k, "%s", message);
}

/* The service sheaf_context.give_back. A message that the item has already got goes with the status it belongs to. */
static void give_back(const struct sheaf_context *context, int64_t k) {
    struct thread *w = context->engine;
    if (k != SHEAF_WHOLE_BLOCK && (k < 0 || k >= w->block.n)) {
        fail(context, k, "%s", "");
        return;
    }
    const int64_t from = k == SHEAF_WHOLE_BLOCK ? 0 : k, end = k == SHEAF_WHOLE_BLOCK ? w->block.n : k + 1;
    memset(w->status + from, GIVEN_BACK, (size_t)(end - from));
    w->some_failed = w->gave_back = true;
}

void sheaf_thread_did(const struct sheaf_context *context, int64_t n) {
    struct thread *w = context->engine;
    w->n_did = n;
}

/* Forgets messages, from number `from` on, of items that were given back after all. */
static void drop_messages(struct thread *w, int64_t from) {
    int64_t kept = from;
    for (int64_t i = from; i < w->n_failures; i++)
        if (w->status[w->failures[i].item - w->block.first] != GIVEN_BACK)
            w->failures[kept++] = w->failures[i];
    w->n_failures = kept;
}

/* Fills the outputs of items that have failed, unless the kernel has set them itself; from here on the status is that of
   the results file. */
static void finish_statuses(struct thread *w) {
    for (int64_t k = 0; k < w->block.n; k++) {
        if (w->status[k] == GIVEN_BACK) {
            w->status[k] = ITEM_PENDING;
            continue;
        }
        bool fill = w->status[k] != ITEM_PENDING && !(w->status[k] & OUTPUTS_SET);
        for (int c = 0; fill && c < w->kernel->n_outputs; c++) {
            const struct sheaf_field *field = &w->kernel->outputs[c];
            if (w->out[c])
                sheaf_type_fill(field->type, (char *)w->out[c] + (size_t)k * sheaf_field_row_bytes(field),
                                field->width);
        }
        w->status[k] = w->status[k] == ITEM_PENDING ? ITEM_DONE : w->status[k] & ~OUTPUTS_SET & 0xff;
    }
}

/* --- texts --------------------------------------------------------------------------------------------------------- */

/* The service sheaf_context.emit_text. */
static void emit_text(const struct sheaf_context *context, int64_t k, int32_t output, const char *data, size_t length) {
    struct thread *w = context->engine;
    struct sheaf_error ignored;
    if (k < 0 || k >= w->block.n || output < 0 || output >= w->kernel->n_outputs ||
        w->kernel->outputs[output].type != SHEAF_TEXT)
        fail(context, SHEAF_WHOLE_BLOCK,
             "the kernel gave a text for item %lld of a block of %lld, output %d: a mistake in the kernel",
             (long long)k, (long long)w->block.n, output);
    else if (sheaf_journal_put(&w->texts, w->block.first + k, output, data, length, &ignored))
        w->lost_text = true;
}

/* --- the run around the kernel ------------------------------------------------------------------------------------- */

/* The service sheaf_context.should_stop. */
static int32_t should_stop(const struct sheaf_context *context) {
    const struct thread *w = context->engine;
    return (w->drains && atomic_load_explicit(w->drains, memory_order_relaxed)) ||
           sheaf_interrupt_seen() != INTERRUPT_NONE;
}

/* The service sheaf_context.warn. */
SHEAF_PRINTF(2, 3) static void warn(const struct sheaf_context *context, const char *format, ...) {
    const struct thread *w = context->engine;
    va_list values;
    va_start(values, format);
    sheaf_warnings_format(w->kernel->warnings, format, values);
    va_end(values);
}

/* --- random numbers ----------------------------------------------------------------------------------------------- */

/* The service sheaf_context.random. */
static void begin_random(const struct sheaf_context *context, int64_t k, struct sheaf_random *stream) {
    const struct thread *w = context->engine;
    if (k < 0 || k >= w->block.n_padded)
        fail(context, SHEAF_WHOLE_BLOCK,
             "the kernel drew random numbers for item %lld of a block of %lld: a mistake in the kernel", (long long)k,
             (long long)w->block.n);
    sheaf_random_begin(stream, (uint64_t)w->kernel->seed, (uint64_t)w->block.first + (uint64_t)k);
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

static const char *input_at(const struct thread *w, const struct location *location, int c) {
    const char *column = w->columns[c];
    return column ? column + (size_t)location->at * sheaf_field_row_bytes(&w->shape->inputs[c]) : NULL;
}

static char *output_at(const struct thread *w, const struct location *location, int c) {
    char *column = location->parcel->out[c];
    return column ? column + (size_t)location->to * sheaf_field_row_bytes(&w->shape->outputs[c]) : NULL;
}

/* Whether the column of n_items that the block is in has room for its padding: it is the last, and begins where the
   column's own padding, which is that of the whole, ends no earlier. */
static bool room_behind(const struct thread *w, int64_t at, int64_t n_items) {
    return at + w->block.n == n_items && at + w->block.n_padded <= (int64_t)sheaf_padded(n_items, w->shape->block);
}

/* Whether an input may be used where it lies: aligned, padded if the block is, and no text, whose values have offsets
   there in place of pointers. */
static bool usable(const struct thread *w, const struct location *location, int c) {
    const char *at = input_at(w, location, c);
    bool whole = w->block.n == w->block.n_padded;
    bool padded = whole || (sheaf_chunk_carries(w->shape, c) && room_behind(w, location->at, location->chunk->n_items));
    return !at || (padded && aligned(at) && w->shape->inputs[c].type != SHEAF_TEXT);
}

/* Whether an output may be written where it will lie. */
static bool writable(const struct thread *w, const struct location *location, int c) {
    bool whole = w->block.n == w->block.n_padded;
    char *at = output_at(w, location, c);
    return !at || (aligned(at) && (whole || room_behind(w, location->to, location->parcel->n_items)));
}

static size_t staged_bytes(const struct thread *w, const struct sheaf_field *field) {
    return sheaf_round_up((size_t)w->block.n_padded * sheaf_field_row_bytes(field), SHEAF_ALIGN);
}

/* Copies an input, padded, to private memory. */
static void stage_input(const struct thread *w, const struct location *location, int c, char *to) {
    const struct sheaf_field *field = &w->shape->inputs[c];
    size_t row = sheaf_field_row_bytes(field), n = (size_t)w->block.n;
    memcpy(to, input_at(w, location, c), n * row);
    for (size_t k = n; k < (size_t)w->block.n_padded; k++)
        memcpy(to + k * row, to + (n - 1) * row, row);
    struct sheaf_text *texts = (struct sheaf_text *)(void *)to;
    for (size_t k = 0; field->type == SHEAF_TEXT && k < (size_t)(w->block.n_padded * field->width); k++)
        texts[k].data = location->chunk->data + (uintptr_t)texts[k].data;
}

/* Points the kernel at its columns, in place or staged. */
static int point_columns(struct thread *w, const struct location *location, struct sheaf_error *error) {
    const struct chunk_shape *shape = w->shape;
    size_t n_bytes = 0;
    for (int c = 0; c < shape->n_inputs; c++)
        n_bytes += usable(w, location, c) ? 0 : staged_bytes(w, &shape->inputs[c]);
    for (int c = 0; c < shape->n_outputs; c++)
        n_bytes += writable(w, location, c) ? 0 : staged_bytes(w, &shape->outputs[c]);
    w->staging.n_bytes = 0;
    if (n_bytes && sheaf_buffer_resize(&w->staging, n_bytes, error))
        return -1;
    char *to = w->staging.data;
    for (int c = 0; c < shape->n_inputs; c++) {
        w->in[c] = input_at(w, location, c);
        if (usable(w, location, c))
            continue;
        stage_input(w, location, c, to);
        w->in[c] = to;
        to += staged_bytes(w, &shape->inputs[c]);
    }
    for (int c = 0; c < shape->n_outputs; c++) {
        bool direct = writable(w, location, c);
        w->out[c] = direct ? output_at(w, location, c) : to;
        to += direct ? 0 : staged_bytes(w, &shape->outputs[c]);
    }
    return 0;
}

static void unstage_outputs(const struct thread *w, const struct location *location) {
    for (int c = 0; c < w->shape->n_outputs; c++)
        if (w->out[c] != output_at(w, location, c))
            memcpy(output_at(w, location, c), w->out[c],
                   (size_t)w->block.n * sheaf_field_row_bytes(&w->shape->outputs[c]));
}

/* What an item said when it was tried before is not its text now: an empty one comes first, and later ones win. */
static void forget_texts(struct thread *w) {
    for (int64_t k = 0; k < w->block.n; k++)
        for (int o = 0; o < w->kernel->n_outputs; o++)
            if (w->kernel->outputs[o].type == SHEAF_TEXT)
                emit_text(&w->context, k, o, "", 0);
}

/* Why the block failed of which the kernel has said no more than this. */
static void say_result(struct thread *w, int32_t result) {
    if (result == SHEAF_BLOCK_FAILED || result == SHEAF_BROKEN)
        snprintf(w->whole, sizeof w->whole, "the kernel failed the whole block without saying why");
    else
        snprintf(w->whole, sizeof w->whole,
                 "the kernel failed the whole block (it returned %d, which is none of enum sheaf_result)", result);
}

/* Calls the kernel and turns what it said into the status of each item. */
static void call(struct thread *w) {
    if (w->kernel->has_texts && (w->context.attempt > 1 || w->kernel->again))
        forget_texts(w);
    const int64_t n_failures = w->n_failures;
    w->whole[0] = '\0';
    w->some_failed = w->gave_back = false;
    w->n_did = -1;
    memset(w->status, ITEM_PENDING, (size_t)w->block.n);
    int rc = w->kernel->kernel.table.map(w->kernel->self, &w->context, &w->block);
    if (w->n_did >= 0 && w->n_did <= w->block.n) /* of many */
        w->block.n = w->n_did;
    w->broken = rc == SHEAF_BROKEN;
    if (rc != SHEAF_OK && !w->whole[0])
        say_result(w, rc);
    for (int64_t k = 0; w->whole[0] && k < w->block.n; k++)
        fail_item(w, k, ITEM_FAILED, w->whole);
    if (w->gave_back)
        drop_messages(w, n_failures);
    if (w->some_failed)
        finish_statuses(w);
    else
        memset(w->status, ITEM_DONE, (size_t)w->block.n);
}

static void give_back_failed(struct thread *w) {
    for (int64_t k = 0; k < w->block.n; k++)
        if (w->status[k] != ITEM_DONE)
            w->status[k] = ITEM_PENDING;
}

/* Calls, from a certain attempt on, until no item fails or the job wants no more; but only once where several blocks are
   computed at a time. */
static void call_again(struct thread *w, int attempt, int64_t n_blocks) {
    const int64_t n_failures = w->n_failures, last = n_blocks == 1 ? 1 + w->kernel->retries : attempt;
    for (w->context.attempt = attempt;; w->context.attempt++) {
        call(w);
        if (!w->some_failed || w->broken || w->context.attempt >= last)
            return;
        w->n_failures = n_failures; /* only the last attempt's messages count */
        if (w->gave_back) {         /* nothing is tried now: who has failed has attempts left, in a later run */
            give_back_failed(w);
            return;
        }
    }
}

/* Of many blocks fewer may be computed: w->block.n says how many. */
static int run_blocks(struct thread *w, const struct chunk *chunk, struct span blocks, struct parcel *parcel,
                      int attempt, pthread_mutex_t *serial, struct sheaf_error *error) {
    int64_t first = blocks.first * w->shape->block, left = w->shape->n_items - first, n = blocks.n * w->shape->block;
    struct location location = {chunk, parcel, first - chunk->first_item, first - parcel->first_item};
    w->at_block = blocks.first;
    w->block.first = first;
    w->block.n = left < n ? left : n;
    w->block.n_padded = (int64_t)sheaf_padded(w->block.n, w->shape->block);
    w->status = parcel->status + location.to;
    if (point_columns(w, &location, error))
        return -1;
    if (serial)
        pthread_mutex_lock(serial);
    double began_s = sheaf_clock_s();
    call_again(w, attempt, blocks.n);
    blocks.n = w->kernel->many ? w->block.n : 1;
    double busy_s = sheaf_clock_s() - began_s, took_s = blocks.n > 0 ? busy_s / (double)blocks.n : 0;
    if (serial)
        pthread_mutex_unlock(serial);
    w->busy_s += busy_s;
    w->longest_s = took_s > w->longest_s ? took_s : w->longest_s;
    for (int64_t b = 0; b < blocks.n; b++)
        parcel->seconds[blocks.first + b - parcel->blocks.first] = (float)took_s;
    for (int64_t k = 0; parcel->attempts && k < w->block.n; k++)
        parcel->attempts[location.to + k] = w->status[k] == ITEM_PENDING ? 0 : (uint8_t)w->context.attempt;
    unstage_outputs(w, &location);
    if (w->broken)
        return sheaf_fail(error, "%s", w->whole);
    return w->lost_text ? sheaf_fail_memory(error, "the texts of an item") : 0;
}

/* Those of blocks that were computed together in which the item failed, by themselves: their second attempt; but the first
   where the kernel failed all of them at once, since which items are together is no item's fault. */
static int run_failed(struct thread *w, const struct chunk *chunk, struct span blocks, struct parcel *parcel,
                      pthread_mutex_t *serial, struct sheaf_error *error) {
    const int attempt = w->whole[0] ? 1 : 2;
    for (int64_t b = blocks.first; b < blocks.first + blocks.n; b++)
        if (sheaf_status_failed(parcel->status[b - parcel->first_item]) &&
            run_blocks(w, chunk, (struct span){b, 1}, parcel, attempt, serial, error))
            return -1;
    return 0;
}

/* Blocks from `first` on are not begun, since the run is to stop: their items stay pending. */
static void leave_blocks(const struct thread *w, struct parcel *parcel, int64_t first) {
    const int64_t to = first - parcel->blocks.first, item = first * w->shape->block - parcel->first_item;
    memset(parcel->seconds + to, 0, (size_t)(parcel->blocks.n - to) * sizeof *parcel->seconds);
    memset(parcel->status + item, ITEM_PENDING, (size_t)(parcel->n_items - item));
    if (parcel->attempts)
        memset(parcel->attempts + item, 0, (size_t)(parcel->n_items - item));
}

/* All blocks at a time, and then those with an item that failed by themselves; likewise the one before which the kernel
   stopped, and what follows it. */
static int run_many(struct thread *w, const struct chunk *chunk, struct parcel *parcel, pthread_mutex_t *serial,
                    struct sheaf_error *error) {
    struct span left = parcel->blocks;
    for (bool alone = left.n == 1; left.n > 0;) {
        const int64_t n_failures = w->n_failures;
        const struct span blocks = {left.first, alone ? 1 : left.n};
        if (run_blocks(w, chunk, blocks, parcel, 1, serial, error))
            return -1;
        const int64_t n_done = w->block.n;
        if (!alone && w->n_failures > n_failures && (w->kernel->retries > 0 || w->whole[0])) {
            w->n_failures = n_failures;
            if (run_failed(w, chunk, (struct span){left.first, n_done}, parcel, serial, error))
                return -1;
        }
        left = (struct span){left.first + n_done, left.n - n_done};
        alone = !alone || left.n == 1;
        if (left.n > 0 && should_stop(&w->context)) {
            leave_blocks(w, parcel, left.first);
            return 0;
        }
    }
    return 0;
}

int sheaf_thread_grain(struct thread *w, const char *chunk_data, struct span blocks, struct parcel *parcel,
                       pthread_mutex_t *serial, struct sheaf_error *error) {
    struct chunk chunk;
    sheaf_chunk_look(&chunk, w->shape, chunk_data, w->columns);
    if (sheaf_parcel_layout(parcel, w->shape, blocks, error))
        return -1;
    if (w->kernel->many)
        return run_many(w, &chunk, parcel, serial, error);
    for (int64_t b = blocks.first; b < blocks.first + blocks.n; b++) {
        if (b > blocks.first && should_stop(&w->context)) {
            leave_blocks(w, parcel, b);
            break;
        }
        if (run_blocks(w, &chunk, (struct span){b, 1}, parcel, 1, serial, error))
            return -1;
    }
    return 0;
}

int sheaf_thread_open(struct thread *w, const struct binding *kernel, const struct chunk_shape *shape,
                      const void *shared, struct sheaf_error *error) {
    *w = (struct thread){.kernel = kernel, .shape = shape};
    w->columns = calloc((size_t)kernel->n_inputs + 1, sizeof *w->columns);
    w->in = calloc((size_t)kernel->n_inputs + 1, sizeof *w->in);
    w->out = calloc((size_t)kernel->n_outputs + 1, sizeof *w->out);
    if (!w->in || !w->columns || !w->out)
        return sheaf_fail_memory(error, "a thread");
    if (kernel->scratch_bytes && sheaf_buffer_resize(&w->scratch, kernel->scratch_bytes, error))
        return -1;
    w->context = (struct sheaf_context){
        .struct_size = sizeof(struct sheaf_context),
        .shared = shared,
        .shared_bytes = kernel->shared_bytes,
        .scratch = w->scratch.data,
        .fail = fail,
        .engine = w,
        .random = begin_random,
        .emit_text = emit_text,
        .end = end,
        .attempt = 1,
        .give_back = give_back,
        .should_stop = should_stop,
        .warn = warn,
    };
    sheaf_context_serve(&w->context);
    w->block = (struct sheaf_block){.struct_size = sizeof(struct sheaf_block), .in = w->in, .out = w->out};
    return 0;
}

int sheaf_thread_enter(struct thread *w, pthread_mutex_t *door, struct sheaf_error *error) {
    w->at_door = true;
    pthread_mutex_lock(door);
    const int rc = sheaf_binding_thread_open(w->kernel, w->context.thread, w->context.slot, w->context.shared,
                                             &w->context.thread_self, error);
    pthread_mutex_unlock(door);
    w->entered = rc == 0;
    w->at_door = false;
    return rc;
}

void sheaf_thread_leave(struct thread *w, pthread_mutex_t *door) {
    if (!w->entered)
        return;
    w->at_door = true;
    pthread_mutex_lock(door);
    sheaf_binding_thread_close(w->kernel, w->context.thread_self);
    pthread_mutex_unlock(door);
    w->context.thread_self = NULL;
    w->entered = w->at_door = false;
}

void sheaf_thread_close(struct thread *w) {
    sheaf_buffer_free(&w->scratch);
    sheaf_buffer_free(&w->staging);
    sheaf_buffer_free(&w->texts);
    free(w->in);
    free(w->columns);
    free(w->out);
    free(w->failures);
    *w = (struct thread){0};
}
