#include "app/loop.h"

#include <stdlib.h>
#include <string.h>

#include "app/outbox.h"
#include "app/rows_message.h"
#include "core/clock.h"
#include "core/interrupt.h"

enum tag {
    TAG_ASK = 1, /* to rank 0: int64 blocks wanted */
    TAG_CHUNK,   /* from rank 0: a packed input, without blocks at the end */
    TAG_ROWS,    /* to rank 0: finished rows */
    TAG_BYE,     /* to rank 0: the rank has sent its last row */
    TAG_END,     /* from rank 0: everybody has; nothing more will come */
    TAG_DRAIN,   /* to rank 0, and from it to all: begin no more items */
    TAG_FAULT,   /* to rank 0: a struct sheaf_error; the rank cannot go on */
};

enum { SEATS = 3, WORKER_SLOTS = 4 };              /* chunks in hand; messages under way from a rank but 0 */
static const double chunk_s = 0.05;                /* work of a chunk, for the whole team */
static const size_t chunk_bytes = (size_t)8 << 20; /* and its largest size */
static const double ship_s = 0.1;                  /* finished rows wait at most this long for their chunk to end */
static const double fault_s = 10;  /* rank 0 ends a run that another rank cannot go on with, within this time */
static const double leave_s = 0.5; /* for last rows to arrive; mpirun kills two seconds after TERM */
static const double nap_least_s = 20e-6, nap_most_s = 1e-3, nap_alone_s = 0.05;

_Static_assert((int)SEATS <= TEAM_CHUNKS, "a team takes every chunk in hand");

/* A place for a chunk. */
struct seat {
    enum { SEAT_FREE, SEAT_ASKED, SEAT_WORKING } state;
    struct chunk chunk;
    double shipped_s; /* when rows were sent last */
};

struct loop {
    const struct loop_setup *setup;
    struct comm_place place;
    struct seat seats[SEATS];
    struct outbox out;
    struct sheaf_buffer in;
    int64_t wanted;           /* blocks asked for last */
    bool asked;               /* an answer is due */
    bool no_more;             /* the partition is used up, or the run drains */
    bool draining;            /* the team begins no more grains */
    bool told;                /* rank 0 knows that we drain */
    bool bye;                 /* TAG_BYE is sent */
    bool end;                 /* TAG_END has come */
    int n_present;            /* rank 0: other ranks that have not said bye */
    int drain_told, end_told; /* rank 0: ranks below these have been sent TAG_DRAIN, TAG_END */
    struct failure *failures; /* [n_failures] not shipped yet */
    int64_t n_failures, most_failures;
    bool failed; /* the run is given up */
    struct sheaf_error error;
};

static bool is_first(const struct loop *loop) {
    return loop->place.rank == 0;
}

static void nap(struct loop *loop) {
    sheaf_team_wait(loop->setup->team, sheaf_team_events(loop->setup->team), nap_most_s);
}

/* --- shipping rows ------------------------------------------------------------------------------------------------- */

/* Sends the rows of blocks b … b + n - 1, with all messages of failed items so far. */
static int ship_blocks(struct loop *loop, struct seat *seat, int64_t b, int64_t n, bool *did) {
    int slot;
    if (sheaf_outbox_find(&loop->out, &slot, &loop->error))
        return -1;
    if (slot < 0)
        return 0;
    struct chunk *chunk = &seat->chunk;
    if (sheaf_team_failures(loop->setup->team, &loop->failures, &loop->n_failures, &loop->most_failures,
                            &loop->error) ||
        sheaf_rows_pack(&loop->out.buffers[slot], loop->setup->shape, chunk, b, n, loop->failures, loop->n_failures,
                        &loop->error))
        return -1;
    loop->n_failures = 0;
    for (int64_t i = b; i < b + n; i++)
        atomic_store_explicit(&chunk->finished[i], 2, memory_order_relaxed); /* shipped */
    *did = true;
    return sheaf_outbox_send(&loop->out, slot, 0, TAG_ROWS, &loop->error);
}

/* Ships the finished rows of a chunk, run by run; *left tells whether some had to stay for want of a slot. */
static int ship_finished(struct loop *loop, struct seat *seat, bool *did, bool *left) {
    struct chunk *chunk = &seat->chunk;
    seat->shipped_s = sheaf_clock_s();
    for (int64_t b = 0, n; b<chunk->blocks.n; b += n> 0 ? n : 1) {
        n = 0;
        while (b + n < chunk->blocks.n && atomic_load_explicit(&chunk->finished[b + n], memory_order_acquire) == 1)
            n++;
        bool shipped = false;
        if (n > 0 && ship_blocks(loop, seat, b, n, &shipped))
            return -1;
        *did = *did || shipped;
        *left = *left || (n > 0 && !shipped);
    }
    return 0;
}

/* Looks after a chunk at work: its rows go out now and then, its seat is free when nothing of it will come any more. */
static int look_after_chunk(struct loop *loop, struct seat *seat, bool *did) {
    bool over = atomic_load(&seat->chunk.n_unfinished) == 0 || (loop->draining && sheaf_team_idle(loop->setup->team));
    bool left = false;
    if (!is_first(loop)) { /* on rank 0 the threads write their rows themselves */
        if (!over && sheaf_clock_s() - seat->shipped_s < ship_s)
            return 0;
        if (ship_finished(loop, seat, did, &left))
            return -1;
    }
    if (over && !left) {
        seat->state = SEAT_FREE;
        *did = true;
    }
    return 0;
}

/* --- asking for chunks --------------------------------------------------------------------------------------------- */

/* Blocks for the next chunk: as many as keep the team busy for chunk_s, growing step by step while little is known. */
static int64_t choose_wanted(const struct loop *loop) {
    const struct loop_setup *setup = loop->setup;
    int64_t most = (int64_t)(chunk_bytes / sheaf_chunk_block_bytes(setup->shape)), n = 4 * setup->n_threads;
    double block_s = sheaf_team_counts(setup->team).block_s;
    if (block_s > 0) {
        double fit = chunk_s * setup->n_threads / block_s;
        n = fit < 8.0 * (double)loop->wanted ? (int64_t)fit : 8 * loop->wanted;
        n = n < setup->n_threads ? setup->n_threads : n;
    }
    most = most < 1 ? 1 : most;
    return n < most ? n : most;
}

/* The chunk's input is there: gives it to the team. */
static int seat_chunk(struct loop *loop, struct seat *seat) {
    seat->state = SEAT_FREE;
    if (sheaf_chunk_blocks(&seat->chunk.input).n == 0)
        loop->no_more = true;
    if (loop->no_more) /* or the run drains: the blocks stay pending */
        return 0;
    if (sheaf_chunk_unpack(&seat->chunk, loop->setup->shape, &loop->error))
        return -1;
    seat->state = SEAT_WORKING;
    seat->shipped_s = sheaf_clock_s();
    sheaf_team_post(loop->setup->team, &seat->chunk);
    return 0;
}

/* Asks for a chunk for a free seat; rank 0 answers itself. */
static int ask(struct loop *loop, struct seat *seat, bool *did) {
    int64_t wanted = choose_wanted(loop);
    if (is_first(loop)) {
        *did = true;
        loop->wanted = wanted;
        if (sheaf_coordinator_next(loop->setup->coordinator, 0, wanted, &seat->chunk.input, &loop->error))
            return -1;
        return seat_chunk(loop, seat);
    }
    bool sent = false;
    if (sheaf_outbox_post(&loop->out, 0, TAG_ASK, &wanted, sizeof wanted, &sent, &loop->error))
        return -1;
    if (sent) {
        *did = loop->asked = true;
        loop->wanted = wanted;
        seat->state = SEAT_ASKED;
    }
    return 0;
}

static int look_after_seats(struct loop *loop, bool *did) {
    for (int i = 0; i < SEATS; i++) {
        struct seat *seat = &loop->seats[i];
        if (seat->state == SEAT_WORKING && look_after_chunk(loop, seat, did))
            return -1;
        if (seat->state == SEAT_FREE && !loop->no_more && !loop->asked && ask(loop, seat, did))
            return -1;
    }
    return 0;
}

static bool all_free(const struct loop *loop) {
    for (int i = 0; i < SEATS; i++)
        if (loop->seats[i].state != SEAT_FREE)
            return false;
    return true;
}

/* --- receiving ----------------------------------------------------------------------------------------------------- */

static void begin_drain(struct loop *loop) {
    if (loop->draining)
        return;
    loop->draining = loop->no_more = true;
    sheaf_team_drain(loop->setup->team);
}

/* Rank 0: answers a rank that asks. A slot is known to be free. */
static int answer(struct loop *loop, int rank) {
    int slot;
    int64_t wanted = 0; /* a run that drains has nothing for anybody */
    if (!loop->draining)
        memcpy(&wanted, loop->in.data, sizeof wanted);
    if (sheaf_outbox_find(&loop->out, &slot, &loop->error) || slot < 0 ||
        sheaf_coordinator_next(loop->setup->coordinator, rank, wanted, &loop->out.buffers[slot], &loop->error))
        return -1;
    return sheaf_outbox_send(&loop->out, slot, rank, TAG_CHUNK, &loop->error);
}

/* Puts the message just received into the seat that waits for it. */
static int accept_chunk(struct loop *loop) {
    for (int i = 0; i < SEATS; i++) {
        struct seat *seat = &loop->seats[i];
        if (seat->state != SEAT_ASKED)
            continue;
        struct sheaf_buffer received = loop->in;
        loop->in = seat->chunk.input;
        seat->chunk.input = received;
        loop->asked = false;
        return seat_chunk(loop, seat);
    }
    return sheaf_fail(&loop->error, "a chunk came that nobody asked for");
}

static int dispatch(struct loop *loop, int from, int tag) {
    switch (tag) {
    case TAG_ASK:
        return answer(loop, from);
    case TAG_CHUNK:
        return accept_chunk(loop);
    case TAG_ROWS:
        return sheaf_coordinator_take(loop->setup->coordinator, &loop->in, &loop->error);
    case TAG_BYE:
        loop->n_present--;
        return 0;
    case TAG_END:
        loop->end = true;
        return 0;
    case TAG_DRAIN:
        begin_drain(loop);
        return 0;
    case TAG_FAULT:
        memcpy(&loop->error, loop->in.data, sizeof loop->error);
        return sheaf_error_prefix(&loop->error, "rank %d: ", from);
    default:
        return sheaf_fail(&loop->error, "an unknown message (%d) came from rank %d", tag, from);
    }
}

/* Takes what has come in, as long as there is a slot for an answer; not for ever, since the own team waits too. */
static int receive(struct loop *loop, bool *did) {
    bool got = loop->place.n_ranks > 1;
    for (int n = 0; got && n < COMM_SLOTS; n++) {
        int from = 0, tag = 0, slot;
        if (sheaf_outbox_find(&loop->out, &slot, &loop->error))
            return -1;
        if (slot < 0)
            return 0;
        if (sheaf_comm_receive(loop->setup->comm, &got, &from, &tag, &loop->in, &loop->error) ||
            (got && dispatch(loop, from, tag)))
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
    sheaf_comm_abort(loop->setup->comm, (int)error.exit); /* rank 0 does not answer */
}

/* TERM, INT or HUP: lets finished rows arrive, for a short while, and leaves; rank 0 before the others, since the
   launcher kills all when one is gone. */
static void leave(struct loop *loop) {
    double until_s = sheaf_clock_s() + (is_first(loop) ? leave_s : 2 * leave_s);
    begin_drain(loop);
    for (; sheaf_clock_s() < until_s; nap(loop)) {
        bool did = false, left = false, empty = false;
        if (receive(loop, &did))
            break;
        for (int i = 0; i < SEATS && !is_first(loop); i++)
            if (loop->seats[i].state == SEAT_WORKING && ship_finished(loop, &loop->seats[i], &did, &left))
                break;
        if (sheaf_outbox_empty(&loop->out, &empty, &loop->error))
            break;
        if (loop->place.n_ranks == 1 && sheaf_team_idle(loop->setup->team))
            break;
    }
    loop->setup->leave(loop->setup->context);
}

/* Looks whether the run is to drain, and passes it on: other ranks tell rank 0, rank 0 tells all. */
static int look_for_drain(struct loop *loop) {
    const struct loop_setup *setup = loop->setup;
    bool late = is_first(loop) && setup->stop_at_s > 0 && sheaf_clock_s() >= setup->stop_at_s;
    if (late || sheaf_interrupt_seen() == INTERRUPT_DRAIN)
        begin_drain(loop);
    if (!loop->draining)
        return 0;
    if (!is_first(loop))
        return loop->told ? 0 : sheaf_outbox_post(&loop->out, 0, TAG_DRAIN, NULL, 0, &loop->told, &loop->error);
    bool sent = loop->n_present > 0; /* else all are through */
    for (; sent && loop->drain_told < loop->place.n_ranks; loop->drain_told += sent) {
        sent = loop->drain_told == 0;
        if (!sent && sheaf_outbox_post(&loop->out, loop->drain_told, TAG_DRAIN, NULL, 0, &sent, &loop->error))
            return -1;
    }
    return 0;
}

/* --- the loop ------------------------------------------------------------------------------------------------------ */

/* A rank that is through says bye; when all have, rank 0 ends the run for them. */
static int say_bye(struct loop *loop) {
    if (!loop->no_more || loop->asked || !all_free(loop))
        return 0;
    if (!is_first(loop))
        return loop->bye ? 0 : sheaf_outbox_post(&loop->out, 0, TAG_BYE, NULL, 0, &loop->bye, &loop->error);
    bool sent = loop->n_present == 0;
    while (sent && loop->end_told < loop->place.n_ranks) {
        sent = loop->end_told == 0;
        if (!sent && sheaf_outbox_post(&loop->out, loop->end_told, TAG_END, NULL, 0, &sent, &loop->error))
            return -1;
        loop->end_told += sent;
    }
    loop->end = loop->end_told == loop->place.n_ranks;
    return 0;
}

/* One look around; *did tells whether there was anything to do. */
static int look_around(struct loop *loop, bool *did) {
    const struct loop_setup *setup = loop->setup;
    if (sheaf_interrupt_seen() == INTERRUPT_LEAVE)
        leave(loop);
    if (sheaf_team_broken(setup->team, &loop->error) || look_for_drain(loop) || receive(loop, did) ||
        look_after_seats(loop, did) || say_bye(loop))
        return -1;
    if (is_first(loop)) {
        struct team_counts own = sheaf_team_counts(setup->team);
        sheaf_progress_show(setup->coordinator->progress, own.n_done + setup->coordinator->n_done,
                            own.n_failed + setup->coordinator->n_failed);
    }
    return 0;
}

/* Thread 0's whole run. */
static void talk(void *context) {
    struct loop *loop = context;
    struct team *team = loop->setup->team;
    double nap_s = nap_least_s;
    for (bool empty = false; !(loop->end && empty);) {
        bool did = false;
        uint32_t seen = sheaf_team_events(team);
        if (look_around(loop, &did) || sheaf_outbox_empty(&loop->out, &empty, &loop->error)) {
            give_up(loop);
            return;
        }
        nap_s = did ? nap_least_s : nap_s * 2 < nap_most_s ? nap_s * 2 : nap_most_s;
        if (!did && !(loop->end && empty))
            sheaf_team_wait(team, seen, loop->place.n_ranks > 1 ? nap_s : nap_alone_s);
    }
}

int sheaf_loop_run(const struct loop_setup *setup, struct sheaf_error *error) {
    int rc = -1;
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return sheaf_fail_memory(error, "the run");
    loop->setup = setup;
    loop->place = sheaf_comm_place(setup->comm);
    sheaf_outbox_open(&loop->out, setup->comm, is_first(loop) ? COMM_SLOTS : WORKER_SLOTS);
    loop->n_present = loop->place.n_ranks - 1;
    loop->no_more = setup->n_blocks == 0;
    loop->wanted = 1;
    for (int i = 0; i < SEATS; i++)
        if (sheaf_chunk_open(&loop->seats[i].chunk, setup->shape, error))
            goto out;
    rc = sheaf_team_run(setup->team, talk, loop, error);
    if (rc == 0 && loop->failed) {
        *error = loop->error;
        rc = -1;
    }
out:
    for (int i = 0; i < SEATS; i++)
        sheaf_chunk_close(&loop->seats[i].chunk);
    sheaf_outbox_close(&loop->out);
    sheaf_buffer_free(&loop->in);
    free(loop->failures);
    free(loop);
    return rc;
}
