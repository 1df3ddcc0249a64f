#include "app/loop.h"

#include <stdlib.h>
#include <string.h>

#include "app/feeder.h"
#include "app/freight.h"
#include "app/outbox.h"
#include "core/clock.h"
#include "core/interrupt.h"
#include "core/nap.h"
#include "core/type.h"

enum tag {
    TAG_ASK = 1, /* to rank 0: a struct chunk_ask */
    TAG_CHUNK,   /* from rank 0: a packed chunk, without blocks at the end */
    TAG_ROWS,    /* to rank 0: parcels of finished rows, and a seal */
    TAG_COUNTS,  /* to rank 0: a struct progress_message */
    TAG_BYE,     /* to rank 0: the rank has sent its last row */
    TAG_END,     /* from rank 0: everybody has; nothing more will come */
    TAG_LEFT,    /* to rank 0: int32[2] pool and its ranks; the sender has left, with nothing at work */
    TAG_DRAIN,   /* to rank 0, and from it to all: begin no more items */
    TAG_WARNING, /* to rank 0: char[WARNING_BYTES], what the kernel warns of */
    TAG_FAULT,   /* to rank 0: a struct sheaf_error; the rank cannot go on */
};

enum { WORKER_SLOTS = 4 };                          /* messages under way from a rank but 0 */
static const size_t enough_bytes = (size_t)1 << 20; /* of rows, to send them at once; */
static const double ship_s = 0.1, count_s = 0.25;   /* else finished rows, and counts of them, wait this long */
static const double fault_s = 10;  /* rank 0 ends a run that another rank cannot go on with, within this time */
static const double leave_s = 0.5; /* for last rows to arrive; mpirun kills the others when rank 0 has left */
/* The margin before a batch job's end: what the longest block took and a quarter more, and time to write and sync. */
static const double margin_factor = 1.25, margin_s = 5;
static const double nap_hurried_s = 1e-3, nap_alone_s = 0.05;

struct loop {
    const struct loop_setup *setup;
    struct comm_self self;
    struct feeder feeder;
    struct outbox out;
    struct sheaf_buffer in;
    struct freight rows;         /* to send */
    double shipped_s, counted_s; /* when rows, and counts, were sent last */
    struct team_counts counted;  /* that rank 0 knows of */
    int seat;                    /* that a chunk was asked for, or -1 */
    enum loop_end why;           /* it drains */
    double longest_s;            /* rank 0: that a block took, anywhere */
    bool draining;               /* the team begins no more grains */
    bool told;                   /* rank 0 knows that we drain */
    bool bye;                    /* TAG_BYE is sent */
    bool end;                    /* TAG_END has come */
    int n_present;               /* rank 0: other ranks that have not said bye, */
    int n_hopeless;              /* whose teams are hopeless */
    int drain_told, end_told;    /* rank 0: ranks below these have been sent TAG_DRAIN, TAG_END */
    bool failed;                 /* the run is given up */
    struct sheaf_error error;
};

/* What a rank tells of its progress. */
struct progress_message {
    int64_t n_done, n_failed; /* items whose rows it wrote itself, since the last message */
    double longest_s;         /* that a block took */
    int hopeless;             /* 1: its team has become so, -1: it is so no more */
};

static bool is_first(const struct loop *loop) {
    return loop->self.rank == 0;
}

static void nap(struct loop *loop) {
    sheaf_team_wait(loop->setup->team, sheaf_team_events(loop->setup->team), nap_hurried_s);
}

/* --- sending rows -------------------------------------------------------------------------------------------------- */

/* Sends rows: all that are there if `now`, else when it is worth it. */
static int ship_rows(struct loop *loop, bool now, bool *did) {
    sheaf_freight_collect(&loop->rows);
    now = now || loop->rows.n_bytes >= enough_bytes || sheaf_clock_s() - loop->shipped_s > ship_s;
    while (now && loop->rows.waiting) {
        int slot;
        if (sheaf_outbox_find(&loop->out, &slot, &loop->error))
            return -1;
        if (slot < 0)
            return 0;
        if (sheaf_freight_load(&loop->rows, &loop->out.buffers[slot], &loop->error) ||
            sheaf_outbox_send(&loop->out, slot, 0, TAG_ROWS, &loop->error))
            return -1;
        *did = true;
    }
    if (now)
        loop->shipped_s = sheaf_clock_s();
    return 0;
}

/* Tells rank 0 how far we are, for the progress it shows and the margin it keeps. */
static int ship_counts(struct loop *loop) {
    struct team_counts now = sheaf_team_counts(loop->setup->team);
    struct progress_message grown = {now.n_done - loop->counted.n_done, now.n_failed - loop->counted.n_failed,
                                     now.longest_s, now.hopeless - loop->counted.hopeless};
    bool sent = false,
         news = grown.n_done || grown.n_failed || grown.hopeless || now.longest_s > loop->counted.longest_s;
    if (!news || sheaf_clock_s() - loop->counted_s < count_s)
        return 0;
    if (sheaf_outbox_post(&loop->out, 0, TAG_COUNTS, &grown, sizeof grown, &sent, &loop->error))
        return -1;
    if (sent) {
        loop->counted = now;
        loop->counted_s = sheaf_clock_s();
    }
    return 0;
}

/* --- asking for chunks --------------------------------------------------------------------------------------------- */

/* The chunk of a seat is there. */
static void seat_chunk(struct loop *loop, int seat) {
    if (!loop->draining) /* else its blocks stay pending */
        sheaf_feeder_post(&loop->feeder, seat, sheaf_chunk_blocks(sheaf_pool_data(loop->setup->pool, seat)));
}

static struct chunk_ask make_ask(const struct loop *loop, int seat) {
    return (struct chunk_ask){
        .handout = sheaf_feeder_ask(&loop->feeder),
        .pool = loop->setup->pool_index,
        .seat = seat,
        .maps = loop->setup->maps,
        .notes = loop->setup->notes,
        .most_bytes = loop->setup->pool->seat_bytes,
    };
}

/* Rank 0 answers itself, straight into the seat. */
static int ask_self(struct loop *loop, int seat) {
    struct pool *pool = loop->setup->pool;
    struct chunk_ask ask = make_ask(loop, seat);
    struct sheaf_buffer input = {.data = sheaf_pool_data(pool, seat), .capacity = pool->seat_bytes, .fixed = true};
    if (sheaf_coordinator_next(loop->setup->coordinator, &ask, &input, &loop->error))
        return -1;
    seat_chunk(loop, seat);
    return 0;
}

/* Asks for chunks for the pool, one at a time. */
static int feed(struct loop *loop, bool *did) {
    while (loop->setup->leads && !loop->draining && loop->seat < 0 && sheaf_feeder_due(&loop->feeder)) {
        int seat = sheaf_pool_free_seat(loop->setup->pool);
        if (seat < 0)
            return 0;
        bool sent = false;
        struct chunk_ask ask = make_ask(loop, seat);
        if (is_first(loop) ? ask_self(loop, seat)
                           : sheaf_outbox_post(&loop->out, 0, TAG_ASK, &ask, sizeof ask, &sent, &loop->error))
            return -1;
        *did = true;
        if (!is_first(loop)) {
            loop->seat = sent ? seat : -1;
            return 0;
        }
    }
    return 0;
}

/* --- receiving ----------------------------------------------------------------------------------------------------- */

static void begin_drain(struct loop *loop, enum loop_end why) {
    if (loop->draining)
        return;
    loop->draining = true;
    loop->why = why;
    sheaf_team_drain(loop->setup->team);
}

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
    seat_chunk(loop, seat);
    return 0;
}

static void take_counts(struct loop *loop) {
    struct progress_message grown;
    memcpy(&grown, loop->in.data, sizeof grown);
    loop->n_hopeless += grown.hopeless;
    loop->setup->coordinator->counts.n_done += grown.n_done;
    loop->setup->coordinator->counts.n_failed += grown.n_failed;
    loop->longest_s = grown.longest_s > loop->longest_s ? grown.longest_s : loop->longest_s;
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
        begin_drain(loop, LOOP_SIGNAL);
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

/* Takes what has come in, as long as there is a slot for an answer; not for ever, since the own team waits too. */
static int receive(struct loop *loop, bool *did) {
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

/* --- ending early -------------------------------------------------------------------------------------------------- */

/* The run cannot go on: rank 0 reports it at once and ends the run; another rank tells rank 0 and waits for that. */
static void give_up(struct loop *loop) {
    const struct sheaf_error error = loop->error; /* what follows may write another */
    bool sent = false, empty = false;
    loop->failed = true;
    sheaf_interrupt_arm_exit(false); /* from here on it is we who end the program */
    if (is_first(loop)) {
        loop->setup->give_up(loop->setup->context, &error);
        return;
    }
    for (double until_s = sheaf_clock_s() + fault_s; sheaf_clock_s() < until_s; nap(loop)) {
        if (!sent && sheaf_outbox_post(&loop->out, 0, TAG_FAULT, &error, sizeof error, &sent, &loop->error))
            break;
        if (sheaf_outbox_empty(&loop->out, &empty, &loop->error)) /* keeps MPI going */
            break;
    }
    loop->setup->give_up(loop->setup->context, &error); /* rank 0 does not answer */
}

/* Tells rank 0 that what it noted of our pool was not the end of us. */
static int say_left(struct loop *loop, bool *said) {
    int32_t left[2] = {loop->setup->pool_index, loop->setup->n_pool_ranks};
    if (*said || loop->setup->notes || is_first(loop))
        return 0;
    return sheaf_outbox_post(&loop->out, 0, TAG_LEFT, left, sizeof left, said, &loop->error);
}

/* TERM, INT or HUP: lets finished rows arrive, for a short while, and leaves; rank 0 before the others, since the
   launcher kills all when one is gone. */
static void leave(struct loop *loop) {
    double until_s = sheaf_clock_s() + (is_first(loop) ? leave_s : 2 * leave_s);
    bool said = false;
    begin_drain(loop, LOOP_SIGNAL);
    loop->setup->leaving(loop->setup->context); /* the launcher may not let us come to our end */
    for (; sheaf_clock_s() < until_s; nap(loop)) {
        bool did = false, empty = false, idle = sheaf_team_idle(loop->setup->team);
        if (receive(loop, &did) || (!is_first(loop) && ship_rows(loop, true, &did)) || say_left(loop, &said) ||
            sheaf_outbox_empty(&loop->out, &empty, &loop->error))
            break;
        if (loop->self.n_ranks == 1 && idle)
            break;
    }
    loop->setup->leave(loop->setup->context);
}

/* Rank 0: whether it is time to stop, by the clock or since too many items have failed. */
static enum loop_end look_for_end(const struct loop *loop) {
    const struct loop_setup *setup = loop->setup;
    const struct team_counts own = sheaf_team_counts(setup->team);
    double now_s = sheaf_clock_s(), longest_s = own.longest_s;
    if (setup->halt_failed > 0 && own.n_failed + setup->coordinator->counts.n_failed >= setup->halt_failed)
        return LOOP_HALT;
    if (setup->halt_hopeless && own.hopeless && loop->n_hopeless == loop->self.n_ranks - 1)
        return LOOP_HOPELESS;
    longest_s = longest_s > loop->longest_s ? longest_s : loop->longest_s;
    if (setup->stop_at_s > 0 && now_s >= setup->stop_at_s)
        return LOOP_STOP_AFTER;
    if (setup->batch_end_s > 0 && now_s + margin_factor * longest_s + margin_s >= setup->batch_end_s)
        return LOOP_BATCH_END;
    return LOOP_COMPLETE;
}

/* Looks whether the run is to drain, and passes it on: other ranks tell rank 0, rank 0 tells all. */
static int look_for_drain(struct loop *loop) {
    enum loop_end end = is_first(loop) ? look_for_end(loop) : LOOP_COMPLETE;
    if (sheaf_interrupt_seen() == INTERRUPT_DRAIN)
        end = LOOP_SIGNAL;
    if (end != LOOP_COMPLETE)
        begin_drain(loop, end);
    if (!loop->draining)
        return 0;
    if (!is_first(loop))
        return loop->told ? 0 : sheaf_outbox_post(&loop->out, 0, TAG_DRAIN, NULL, 0, &loop->told, &loop->error);
    bool sent = loop->n_present > 0; /* else all are through */
    for (; sent && loop->drain_told < loop->self.n_ranks; loop->drain_told += sent) {
        sent = loop->drain_told == 0;
        if (!sent && sheaf_outbox_post(&loop->out, loop->drain_told, TAG_DRAIN, NULL, 0, &sent, &loop->error))
            return -1;
    }
    return 0;
}

/* --- the loop ------------------------------------------------------------------------------------------------------ */

/* Whether no thread of this rank will begin a grain any more, and none is at one. */
static bool is_over(const struct loop *loop) {
    struct pool *pool = loop->setup->pool;
    bool used_up = atomic_load(&pool->closed) && sheaf_pool_untaken(pool) == 0;
    return (loop->draining || used_up) && sheaf_team_idle(loop->setup->team);
}

/* A rank that is through says bye; when all have, rank 0 ends the run for them. */
static int say_bye(struct loop *loop) {
    if (!is_first(loop))
        return loop->bye ? 0 : sheaf_outbox_post(&loop->out, 0, TAG_BYE, NULL, 0, &loop->bye, &loop->error);
    bool sent = loop->n_present == 0;
    while (sent && loop->end_told < loop->self.n_ranks) {
        sent = loop->end_told == 0;
        if (!sent && sheaf_outbox_post(&loop->out, loop->end_told, TAG_END, NULL, 0, &sent, &loop->error))
            return -1;
        loop->end_told += sent;
    }
    loop->end = loop->end_told == loop->self.n_ranks;
    return 0;
}

static void show_progress(struct loop *loop) {
    struct team_counts own = sheaf_team_counts(loop->setup->team);
    sheaf_coordinator_show(loop->setup->coordinator, own.n_done, own.n_failed);
}

/* One look around; *did tells whether there was anything to do. */
static int look_around(struct loop *loop, bool *did) {
    if (sheaf_interrupt_seen() == INTERRUPT_LEAVE)
        leave(loop);
    if (sheaf_team_broken(loop->setup->team, &loop->error) || sheaf_team_checkpoint(loop->setup->team, &loop->error) ||
        look_for_drain(loop) || receive(loop, did) || feed(loop, did))
        return -1;
    bool over = is_over(loop); /* before rows are collected: then these are the last */
    if (is_first(loop))
        show_progress(loop);
    else if (ship_rows(loop, over || loop->setup->hurries, did) || ship_counts(loop) ||
             sheaf_outbox_post_warnings(&loop->out, TAG_WARNING, loop->setup->warnings, &loop->error))
        return -1;
    return over && loop->seat < 0 && !loop->rows.waiting && !atomic_load(&loop->setup->warnings->news) ? say_bye(loop)
                                                                                                       : 0;
}

/* Thread 0's whole run. */
static void talk(void *context) {
    struct loop *loop = context;
    struct team *team = loop->setup->team;
    struct sheaf_nap nap = {0};
    for (bool empty = false; !(loop->end && empty);) {
        bool did = false;
        uint32_t seen = sheaf_team_events(team);
        if (look_around(loop, &did) || sheaf_outbox_empty(&loop->out, &empty, &loop->error)) {
            give_up(loop);
            return;
        }
        if (did)
            nap = (struct sheaf_nap){0};
        else if (!(loop->end && empty))
            sheaf_team_wait(team, seen, loop->self.n_ranks > 1 ? sheaf_nap_next(&nap) : nap_alone_s);
    }
}

int sheaf_loop_run(const struct loop_setup *setup, enum loop_end *end, struct sheaf_error *error) {
    struct loop *loop = calloc(1, sizeof *loop);
    if (sheaf_comm_agree(setup->comm, loop ? 0 : sheaf_fail_memory(error, "the run"), error)) {
        free(loop);
        return -1;
    }
    loop->setup = setup;
    loop->self = sheaf_comm_self(setup->comm);
    loop->seat = -1;
    loop->counted = sheaf_team_counts(setup->team); /* of an earlier loop */
    sheaf_freight_open(&loop->rows, setup->team);
    loop->n_present = loop->self.n_ranks - 1;
    sheaf_outbox_open(&loop->out, setup->comm, is_first(loop) ? COMM_SLOTS : WORKER_SLOTS);
    sheaf_feeder_open(&loop->feeder, setup->pool, setup->shape, setup->eager);
    int rc = sheaf_team_run(setup->team, talk, loop, &loop->error);
    if (rc) /* the threads were not to be had after all, and the others are at work */
        give_up(loop);
    if (loop->failed) {
        *error = loop->error;
        rc = -1;
    }
    *end = loop->why;
    sheaf_freight_close(&loop->rows);
    sheaf_outbox_close(&loop->out);
    sheaf_buffer_free(&loop->in);
    free(loop);
    return rc;
}
