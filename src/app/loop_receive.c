/* Messages that come in while a run computes. */
#include <string.h>

#include "app/loop_inside.h"
#include "core/type.h"

/* Rank 0: answers a rank that asks. A slot is known to be free. */
static int answer(struct loop *loop, int rank) {
    int slot;
    struct chunk_ask ask;
    struct span none = {0, 0};
    memcpy(&ask, loop->in.data, sizeof ask);
    if (sheaf_outbox_find(&loop->out, &slot, &loop->error) || slot < 0)
        return -1;
    struct sheaf_buffer *chunk = &loop->out.buffers[slot];
    if (loop->draining) { /* nothing for anybody */
        chunk->n_bytes = 0;
        if (sheaf_buffer_resize(chunk, SHEAF_ALIGN, &loop->error))
            return -1;
        sheaf_chunk_write_blocks(chunk->data, none);
    } else if (sheaf_coordinator_next(loop->setup->coordinator, &ask, chunk, &loop->error)) {
        return -1;
    }
    return sheaf_outbox_send(&loop->out, slot, rank, TAG_CHUNK, &loop->error);
}

/* Takes a chunk into the seat that waits for it. */
static int accept_chunk(struct loop *loop, size_t n_bytes) {
    struct pool *pool = loop->setup->pool;
    int seat = loop->seat;
    if (seat < 0 || n_bytes > pool->seat_bytes)
        return sheaf_fail(&loop->error, "a chunk of %zu bytes came that was not asked for", n_bytes);
    if (sheaf_comm_take(loop->setup->comm, sheaf_pool_data(pool, seat), &loop->error))
        return -1;
    loop->seat = -1;
    sheaf_loop_seat_chunk(loop, seat);
    return 0;
}

static void take_counts(struct loop *loop) {
    struct progress_message grown;
    memcpy(&grown, loop->in.data, sizeof grown);
    loop->n_hopeless += grown.hopeless;
    loop->setup->coordinator->counts.n_done += grown.n_done;
    loop->setup->coordinator->counts.n_failed += grown.n_failed;
    loop->longest_s = grown.longest_s > loop->longest_s ? grown.longest_s : loop->longest_s;
    loop->flush_s = grown.flush_s > loop->flush_s ? grown.flush_s : loop->flush_s;
}

static int take_left(struct loop *loop, int from) {
    int32_t left[2];
    memcpy(left, loop->in.data, sizeof left);
    return sheaf_row_sink_mark(loop->setup->coordinator->sink, from, LIFE_LEFT, &loop->error) ||
                   sheaf_coordinator_left(loop->setup->coordinator, left[0], left[1], &loop->error)
               ? -1
               : 0;
}

/* Rank 0: rows of another rank. Those of blocks that are computed alone are safe before the next one is handed out. */
static int take_rows(struct loop *loop) {
    struct coordinator *c = loop->setup->coordinator;
    struct pool *pool = loop->setup->pool; /* alone, blocks are for this one only */
    const int64_t n_before = c->n_blocks;
    if (sheaf_coordinator_take(c, &loop->in, &loop->error))
        return -1;
    if (!atomic_load(&pool->alone))
        return 0;
    if (sheaf_row_sink_flush(c->sink, &loop->error))
        return -1;
    atomic_fetch_add(&pool->n_safe, c->n_blocks - n_before);
    return 0;
}

static int dispatch(struct loop *loop, int from, int tag) {
    switch (tag) {
    case TAG_ASK:
        return answer(loop, from);
    case TAG_ROWS:
        return take_rows(loop);
    case TAG_COUNTS:
        take_counts(loop);
        return 0;
    case TAG_BYE:
        loop->n_present--;
        return 0;
    case TAG_LEFT:
        return take_left(loop, from);
    case TAG_WARNING:
        sheaf_warnings_add(loop->setup->warnings, loop->in.data, strnlen(loop->in.data, WARNING_BYTES));
        return 0;
    case TAG_END:
        loop->end = true;
        return 0;
    case TAG_DRAIN:
        sheaf_loop_drain(loop, LOOP_SIGNAL);
        return 0;
    case TAG_FAULT:
        memcpy(&loop->error, loop->in.data, sizeof loop->error);
        return sheaf_error_prefix(&loop->error, "rank %d: ", from);
    default:
        return sheaf_fail(&loop->error, "an unknown message (%d) came from rank %d", tag, from);
    }
}

/* Takes one message, if one has come. */
static int receive_one(struct loop *loop, bool *got) {
    int from = 0, tag = 0;
    size_t n_bytes = 0;
    if (sheaf_comm_look(loop->setup->comm, got, &from, &tag, &n_bytes, &loop->error))
        return -1;
    if (!*got)
        return 0;
    if (tag == TAG_CHUNK)
        return accept_chunk(loop, n_bytes);
    loop->in.n_bytes = 0;
    if (sheaf_buffer_resize(&loop->in, n_bytes, &loop->error) ||
        sheaf_comm_take(loop->setup->comm, loop->in.data, &loop->error))
        return -1;
    return dispatch(loop, from, tag);
}

int sheaf_loop_receive(struct loop *loop, bool *did) {
    bool got = loop->self.n_ranks > 1;
    for (int n = 0; got && n < COMM_SLOTS; n++) {
        int slot;
        if (sheaf_outbox_find(&loop->out, &slot, &loop->error))
            return -1;
        if (slot < 0)
            return 0;
        if (receive_one(loop, &got))
            return -1;
        *did = *did || got;
    }
    return 0;
}
