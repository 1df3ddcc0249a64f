#include "app/coordinator.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/type.h"
#include "plan/parcel.h"
#include "plan/pool.h"

static const double long_run_s = 2; /* after which it is said at once why the first item failed */

/* Reads the items' values for the kernel's inputs straight to where the chunk has them. */
static int read_inputs(struct coordinator *c, struct span blocks, void *const *inputs, struct sheaf_arena *texts,
                       struct sheaf_error *error) {
    int64_t first, n;
    void **columns = sheaf_arena_take(texts, (size_t)c->items->n_fields * sizeof *columns);
    enum sheaf_type *types = sheaf_arena_take(texts, (size_t)c->items->n_fields * sizeof *types);
    if (!columns || !types)
        return sheaf_fail_memory(error, "reading items");
    for (int k = 0; k < c->kernel->n_inputs; k++)
        if (c->kernel->field[k] >= 0) {
            columns[c->kernel->field[k]] = inputs[k];
            types[c->kernel->field[k]] = c->kernel->inputs[k].type;
        }
    sheaf_chunk_items(c->carrying, blocks, &first, &n);
    return sheaf_items_read_as(c->items, first, n, columns, types, texts, error);
}

/* Lays out and fills a chunk; with *fits false, and not packed, where its texts make it larger than it may be. */
static int fill_chunk(struct coordinator *c, const struct chunk_shape *shape, struct span blocks, size_t most_bytes,
                      struct sheaf_buffer *input, bool *fits, struct sheaf_error *error) {
    struct sheaf_arena arena = {0};
    int rc = -1;
    void **inputs = sheaf_arena_take(&arena, (size_t)c->kernel->n_inputs * sizeof *inputs);
    if (!inputs) {
        sheaf_fail_memory(error, "reading items");
        goto out;
    }
    if (sheaf_chunk_layout(input, shape, blocks, inputs, error))
        goto out;
    *fits = true;
    if (blocks.n > 0 && input->n_bytes > SHEAF_ALIGN) {
        if (read_inputs(c, blocks, inputs, &arena, error))
            goto out;
        *fits = blocks.n == 1 || sheaf_chunk_packed_bytes(input, shape) <= most_bytes;
        if (*fits && sheaf_chunk_pack(input, shape, error))
            goto out;
    }
    rc = 0;
out:
    sheaf_arena_free(&arena);
    return rc;
}

/* Notes that a chunk is in flight, or, without blocks, that a seat is empty. Few seats are used: they get rows as they
   come. */
static int note(struct coordinator *c, int32_t pool, int32_t seat, struct span blocks, struct sheaf_error *error) {
    int32_t *row = &c->rows[pool * POOL_SEATS + seat];
    struct flight flight = c->flight;
    if (*row == 0 && blocks.n > 0)
        *row = ++c->n_rows;
    flight.offset += (*row - 1) * (off_t)sizeof flight.note;
    flight.note.party = FLIGHT_POOLS + pool;
    if (*row == 0 || flight.offset >= c->flights_end)
        return 0;
    return sheaf_flight_note(&flight, blocks, c->sink->path, error);
}

int sheaf_coordinator_left(struct coordinator *c, int32_t pool, int32_t n_ranks, struct sheaf_error *error) {
    if (++c->n_left[pool] < n_ranks)
        return 0;
    for (int32_t seat = 0; seat < POOL_SEATS; seat++)
        if (note(c, pool, seat, (struct span){0, 0}, error))
            return -1;
    return 0;
}

int sheaf_coordinator_next(struct coordinator *c, const struct chunk_ask *ask, struct sheaf_buffer *input,
                           struct sheaf_error *error) {
    const struct chunk_shape *shape = ask->maps ? c->mapping : c->carrying;
    struct span blocks;
    bool fits = false;
    if (sheaf_handout_next(c->handout, ask->pool, &ask->handout, &blocks, error))
        return -1;
    for (;;) {
        if (fill_chunk(c, shape, blocks, ask->most_bytes, input, &fits, error))
            return -1;
        if (fits)
            return blocks.n && !ask->notes ? note(c, ask->pool, ask->seat, blocks, error) : 0;
        sheaf_handout_put_back(c->handout, ask->pool, blocks, blocks.n / 2);
        blocks.n /= 2;
    }
}

int sheaf_coordinator_take(struct coordinator *c, const struct sheaf_buffer *message, struct sheaf_error *error) {
    struct rows rows;
    size_t n_bytes;
    int rc = 0;
    const void **columns = malloc((size_t)c->carrying->n_outputs * sizeof *columns);
    if (!columns)
        return sheaf_fail_memory(error, "taking rows");
    for (const char *at = message->data; rc == 0 && !sheaf_parcel_is_seal(at); at += n_bytes) {
        sheaf_parcel_look(at, c->carrying, columns, &rows, &n_bytes);
        rc = sheaf_row_sink_write(c->sink, &rows, &c->counts, error);
        c->n_blocks += rows.n_blocks;
    }
    free(columns);
    return rc;
}

void sheaf_coordinator_warn(struct coordinator *c) {
    char warning[WARNING_BYTES];
    while (sheaf_warnings_take(c->warnings, warning))
        sheaf_progress_say_warning(c->progress, c->kernel->kernel.table.head.name, warning);
}

void sheaf_coordinator_show(struct coordinator *c, int64_t n_own_done, int64_t n_own_failed) {
    const int64_t n_failed = n_own_failed + c->counts.n_failed;
    struct failure first;
    sheaf_coordinator_warn(c);
    sheaf_progress_show(c->progress, n_own_done + c->counts.n_done, n_failed);
    if (n_failed == 0 || c->failure_said || sheaf_clock_s() < c->progress->began_s + long_run_s)
        return;
    if (!sheaf_row_sink_first_failure(c->sink, &first)) /* another rank is about to write it */
        return;
    c->failure_said = true;
    sheaf_progress_say_failure(c->progress, first.item, first.message);
}
