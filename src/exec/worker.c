#include "exec/worker.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/random.h"
#include "core/text.h"
#include "core/type.h"

/* --- failing items ------------------------------------------------------------------------------------------------- */

SHEAF_PRINTF(2, 0) static void write_message(char message[FAILURE_BYTES], const char *format, va_list values) {
    memset(message, 0, FAILURE_BYTES);
    vsnprintf(message, FAILURE_BYTES, format, values);
    sheaf_text_one_line(message);
}

/* Marks item k of the block; the first message stays. Without memory the message is lost, the status is not. */
static void fail_item(struct worker *w, int64_t k, const char *message) {
    if (w->status[k] == ITEM_FAILED)
        return;
    w->status[k] = ITEM_FAILED;
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
    struct worker *w = context->engine;
    char message[FAILURE_BYTES];
    va_list values;
    va_start(values, format);
    write_message(message, format, values);
    va_end(values);
    if (k >= 0 && k < w->block.n)
        fail_item(w, k, message);
    else if (k == SHEAF_WHOLE_BLOCK)
        memcpy(w->whole, message, FAILURE_BYTES);
    else
        snprintf(w->whole, sizeof w->whole, "the kernel failed item %lld of a block of %lld: a mistake in the kernel",
                 (long long)k, (long long)w->block.n);
}

static void fill_failed(const struct worker *w, void *const *out) {
    for (int64_t k = 0; k < w->block.n; k++)
        for (int c = 0; w->status[k] == ITEM_FAILED && c < w->kernel->n_outputs; c++) {
            const struct sheaf_field *field = &w->kernel->outputs[c];
            sheaf_type_fill(field->type, (char *)out[c] + (size_t)k * sheaf_field_row_bytes(field), field->width);
        }
}

/* --- random numbers ----------------------------------------------------------------------------------------------- */

/* The service sheaf_context.random. */
static void begin_random(const struct sheaf_context *context, int64_t k, struct sheaf_random *stream) {
    const struct worker *w = context->engine;
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

/* Whether all columns may be used where they lie: aligned, and padded or free to be padded behind the block. */
static bool in_place(const struct worker *w, const struct chunk *chunk, int64_t at) {
    bool padded = w->block.n == w->block.n_padded || at + w->block.n == chunk->n_items;
    for (int c = 0; padded && c < w->kernel->n_inputs; c++)
        padded = !chunk->in[c] ||
                 aligned((const char *)chunk->in[c] + (size_t)at * sheaf_field_row_bytes(&w->kernel->inputs[c]));
    for (int c = 0; padded && c < w->kernel->n_outputs; c++)
        padded = aligned((char *)chunk->out[c] + (size_t)at * sheaf_field_row_bytes(&w->kernel->outputs[c]));
    return padded;
}

static void point_in_place(struct worker *w, const struct chunk *chunk, int64_t at) {
    for (int c = 0; c < w->kernel->n_inputs; c++)
        w->in[c] = chunk->in[c] ? (const char *)chunk->in[c] + (size_t)at * sheaf_field_row_bytes(&w->kernel->inputs[c])
                                : NULL;
    for (int c = 0; c < w->kernel->n_outputs; c++)
        w->out[c] = (char *)chunk->out[c] + (size_t)at * sheaf_field_row_bytes(&w->kernel->outputs[c]);
}

/* Copies the block's inputs, padded, into private memory and points the outputs there too. */
static int stage_in(struct worker *w, const struct chunk *chunk, int64_t at, struct sheaf_error *error) {
    size_t n = (size_t)w->block.n, n_padded = (size_t)w->block.n_padded, n_bytes = 0;
    const struct binding *kernel = w->kernel;
    for (int c = 0; c < kernel->n_inputs; c++)
        n_bytes += sheaf_round_up(n_padded * sheaf_field_row_bytes(&kernel->inputs[c]), SHEAF_ALIGN);
    for (int c = 0; c < kernel->n_outputs; c++)
        n_bytes += sheaf_round_up(n_padded * sheaf_field_row_bytes(&kernel->outputs[c]), SHEAF_ALIGN);
    w->staging.n_bytes = 0;
    if (sheaf_buffer_resize(&w->staging, n_bytes, error))
        return -1;
    char *to = w->staging.data;
    for (int c = 0; c < kernel->n_inputs; c++) {
        size_t row = sheaf_field_row_bytes(&kernel->inputs[c]);
        w->in[c] = NULL;
        if (!chunk->in[c])
            continue;
        memcpy(to, (const char *)chunk->in[c] + (size_t)at * row, n * row);
        for (size_t k = n; k < n_padded; k++)
            memcpy(to + k * row, to + (n - 1) * row, row);
        w->in[c] = to;
        to += sheaf_round_up(n_padded * row, SHEAF_ALIGN);
    }
    for (int c = 0; c < kernel->n_outputs; c++) {
        w->out[c] = to;
        to += sheaf_round_up(n_padded * sheaf_field_row_bytes(&kernel->outputs[c]), SHEAF_ALIGN);
    }
    return 0;
}

static void stage_out(const struct worker *w, struct chunk *chunk, int64_t at) {
    for (int c = 0; c < w->kernel->n_outputs; c++) {
        size_t row = sheaf_field_row_bytes(&w->kernel->outputs[c]);
        memcpy((char *)chunk->out[c] + (size_t)at * row, w->out[c], (size_t)w->block.n * row);
    }
}

/* Calls the kernel and turns what it said into the status of each item. */
static void call(struct worker *w) {
    w->whole[0] = '\0';
    int rc = w->kernel->kernel.table.map(w->kernel->self, &w->context, &w->block);
    if (rc != 0 && !w->whole[0])
        snprintf(w->whole, sizeof w->whole, "the kernel failed the whole block (it returned %d)", rc);
    for (int64_t k = 0; w->whole[0] && k < w->block.n; k++)
        fail_item(w, k, w->whole);
    for (int64_t k = 0; k < w->block.n; k++)
        if (w->status[k] != ITEM_FAILED)
            w->status[k] = ITEM_DONE;
}

int sheaf_worker_block(struct worker *w, struct chunk *chunk, int64_t b, struct sheaf_error *error) {
    int64_t at = b * w->kernel->block, left = chunk->n_items - at;
    w->block.first = chunk->first_item + at;
    w->block.n = left < w->kernel->block ? left : w->kernel->block;
    w->block.n_padded = (int64_t)sheaf_padded(w->block.n, w->kernel->block);
    w->status = chunk->status + at;
    bool staged = !in_place(w, chunk, at);
    if (!staged)
        point_in_place(w, chunk, at);
    else if (stage_in(w, chunk, at, error))
        return -1;
    memset(w->status, ITEM_PENDING, (size_t)w->block.n);
    double began_s = sheaf_clock_s();
    call(w);
    double took_s = sheaf_clock_s() - began_s;
    w->busy_s += took_s;
    chunk->seconds[b] = (float)took_s;
    fill_failed(w, w->out);
    if (staged)
        stage_out(w, chunk, at);
    return 0;
}

int sheaf_worker_open(struct worker *w, const struct binding *kernel, const void *shared, struct sheaf_error *error) {
    *w = (struct worker){.kernel = kernel};
    w->in = calloc((size_t)kernel->n_inputs + 1, sizeof *w->in);
    w->out = calloc((size_t)kernel->n_outputs + 1, sizeof *w->out);
    if (!w->in || !w->out)
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
        .uniform = sheaf_random_uniform,
        .bits = sheaf_random_bits,
    };
    w->block = (struct sheaf_block){.struct_size = sizeof(struct sheaf_block), .in = w->in, .out = w->out};
    return 0;
}

void sheaf_worker_close(struct worker *w) {
    sheaf_buffer_free(&w->scratch);
    sheaf_buffer_free(&w->staging);
    free(w->in);
    free(w->out);
    free(w->failures);
    *w = (struct worker){0};
}
