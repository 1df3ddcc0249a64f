#include "app/loop.h"

#include <stdlib.h>

#include "app/loop_inside.h"
#include "core/clock.h"
#include "core/interrupt.h"
#include "core/nap.h"

enum { OTHERS_SLOTS = 4 };                          /* messages under way from a rank but 0 */
static const size_t enough_bytes = (size_t)1 << 20; /* of rows, to send them at once; */
static const double ship_s = 0.1, count_s = 0.25;   /* else finished rows, and counts of them, wait this long */
static const double nap_alone_s = 0.05;

/* --- sending rows -------------------------------------------------------------------------------------------------- */

int sheaf_loop_ship_rows(struct loop *loop, bool now, bool *did) {
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
                                     now.longest_s, now.flush_s, now.hopeless - loop->counted.hopeless};
    bool sent = false, news = grown.n_done || grown.n_failed || grown.hopeless ||
                              now.longest_s > loop->counted.longest_s || now.flush_s > loop->counted.flush_s;
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

void sheaf_loop_seat_chunk(struct loop *loop, int seat) {
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
    sheaf_loop_seat_chunk(loop, seat);
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
        if (sheaf_loop_is_first(loop)
                ? ask_self(loop, seat)
                : sheaf_outbox_post(&loop->out, 0, TAG_ASK, &ask, sizeof ask, &sent, &loop->error))
            return -1;
        *did = true;
        if (!sheaf_loop_is_first(loop)) {
            loop->seat = sent ? seat : -1;
            return 0;
        }
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
    if (!sheaf_loop_is_first(loop))
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
        sheaf_loop_leave(loop);
    if (sheaf_team_broken(loop->setup->team, &loop->error) || sheaf_team_checkpoint(loop->setup->team, &loop->error) ||
        sheaf_loop_look_for_drain(loop) || sheaf_loop_receive(loop, did) || feed(loop, did))
        return -1;
    bool over = is_over(loop); /* before rows are collected: then these are the last */
    if (sheaf_loop_is_first(loop))
        show_progress(loop);
    else if (sheaf_loop_ship_rows(loop, over || loop->setup->hurries, did) || ship_counts(loop) ||
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
            sheaf_loop_give_up(loop);
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
    sheaf_outbox_open(&loop->out, setup->comm, sheaf_loop_is_first(loop) ? COMM_SLOTS : OTHERS_SLOTS);
    sheaf_feeder_open(&loop->feeder, setup->pool, setup->shape, setup->eager);
    int rc = sheaf_team_run(setup->team, talk, loop, &loop->error);
    if (rc) /* the threads were not to be had after all, and the others are at work */
        sheaf_loop_give_up(loop);
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
