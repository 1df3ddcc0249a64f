#include "app/loop.h"

#include <stdlib.h>
#include <string.h>

#include "app/rows_message.h"
#include "core/clock.h"

enum tag {
    TAG_ASK = 1, /* to rank 0: int64 blocks wanted */
    TAG_CHUNK,   /* from rank 0: a packed input, without blocks at the end */
    TAG_ROWS,    /* to rank 0: finished rows */
    TAG_FAULT,   /* to rank 0: a struct sheaf_error; the rank cannot go on */
    TAG_BYE,     /* to rank 0: the rank has sent its last row */
};

enum { SEATS = 3, WORKER_SLOTS = 4 };              /* chunks in hand; messages under way from a rank but 0 */
static const double chunk_s = 0.05;                /* work of a chunk, for the whole team */
static const size_t chunk_bytes = (size_t)8 << 20; /* and its largest size */
static const double ship_s = 0.1;                  /* finished rows wait at most this long for their chunk to end */
static const double fault_s = 10; /* rank 0 ends a run that another rank cannot go on with, within this time */
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
    struct sheaf_buffer out[COMM_SLOTS], in;
    int n_slots;
    int64_t wanted;           /* blocks asked for last */
    bool asked;               /* an answer is due */
    bool no_more;             /* the partition is used up */
    bool bye;                 /* TAG_BYE is sent */
    int n_present;            /* rank 0: other ranks that have not said bye */
    struct failure *failures; /* [n_failures] not shipped yet */
    int64_t n_failures, most_failures;
    bool failed; /* the run is given up */
    struct sheaf_error error;
};

/* --- failing ------------------------------------------------------------------------------------------------------- */

static int find_slot(struct loop *loop, int *slot);
static bool all_sent(struct loop *loop);

/* Tells rank 0 what is wrong and waits for it to end the run. */
static int send_fault(struct loop *loop) {
    struct sheaf_error ignored;
    int slot = -1;
    while (slot < 0) {
        if (find_slot(loop, &slot))
            return -1;
        if (slot < 0)
            sheaf_team_wait(loop->setup->team, sheaf_team_events(loop->setup->team), nap_most_s);
    }
    if (sheaf_buffer_resize(&loop->out[slot], sizeof loop->error, &ignored))
        return -1;
    memcpy(loop->out[slot].data, &loop->error, sizeof loop->error);
    return sheaf_comm_send(loop->setup->comm, slot, 0, TAG_FAULT, &loop->out[slot], &ignored);
}

/* The run cannot go on: rank 0 reports it at once and ends the run; another rank tells rank 0 and waits for that. */
static void give_up(struct loop *loop) {
    loop->failed = true;
    if (loop->place.rank == 0) {
        loop->setup->give_up(loop->setup->context, &loop->error);
        return;
    }
    struct sheaf_error error = loop->error; /* find_slot may write another */
    if (send_fault(loop))
        sheaf_comm_abort(loop->setup->comm, (int)error.exit);
    for (double deadline_s = sheaf_clock_s() + fault_s; sheaf_clock_s() < deadline_s; all_sent(loop))
        sheaf_team_wait(loop->setup->team, sheaf_team_events(loop->setup->team), nap_most_s);
    sheaf_comm_abort(loop->setup->comm, (int)error.exit); /* rank 0 does not answer */
}

/* --- sending ------------------------------------------------------------------------------------------------------- */

/* A slot whose message has left, or -1 in *slot. */
static int find_slot(struct loop *loop, int *slot) {
    *slot = -1;
    for (int i = 0; i < loop->n_slots && *slot < 0; i++) {
        bool sent = false;
        if (sheaf_comm_sent(loop->setup->comm, i, &sent, &loop->error))
            return -1;
        if (sent)
            *slot = i;
    }
    return 0;
}

static bool all_sent(struct loop *loop) {
    bool sent = true;
    for (int i = 0; i < loop->n_slots && sent; i++)
        if (sheaf_comm_sent(loop->setup->comm, i, &sent, &loop->error))
            return true; /* it never will be */
    return sent;
}

/* Sends one number to rank 0; *did tells whether there was a slot. */
static int send_number(struct loop *loop, int tag, int64_t number, bool *did) {
    int slot;
    if (find_slot(loop, &slot))
        return -1;
    if (slot < 0)
        return 0;
    if (sheaf_buffer_resize(&loop->out[slot], sizeof number, &loop->error))
        return -1;
    memcpy(loop->out[slot].data, &number, sizeof number);
    *did = true;
    return sheaf_comm_send(loop->setup->comm, slot, 0, tag, &loop->out[slot], &loop->error);
}

/* Sends the rows of blocks b … b + n - 1, with all messages of failed items so far. */
static int ship_blocks(struct loop *loop, struct seat *seat, int64_t b, int64_t n, bool *did) {
    int slot;
    if (find_slot(loop, &slot))
        return -1;
    if (slot < 0)
        return 0;
    struct chunk *chunk = &seat->chunk;
    if (sheaf_team_failures(loop->setup->team, &loop->failures, &loop->n_failures, &loop->most_failures,
                            &loop->error) ||
        sheaf_rows_pack(&loop->out[slot], loop->setup->shape, chunk, b, n, loop->failures, loop->n_failures,
                        &loop->error))
        return -1;
    loop->n_failures = 0;
    for (int64_t i = b; i < b + n; i++)
        atomic_store_explicit(&chunk->finished[i], 2, memory_order_relaxed); /* shipped */
    *did = true;
    return sheaf_comm_send(loop->setup->comm, slot, 0, TAG_ROWS, &loop->out[slot], &loop->error);
}

/* Ships the finished rows of a chunk, run by run; frees the seat when all are on their way. */
static int ship_chunk(struct loop *loop, struct seat *seat, bool *did) {
    struct chunk *chunk = &seat->chunk;
    bool complete = atomic_load(&chunk->n_unfinished) == 0, waits = false;
    double now_s = sheaf_clock_s();
    if (!complete && now_s - seat->shipped_s < ship_s)
        return 0;
    seat->shipped_s = now_s;
    for (int64_t b = 0; b < chunk->blocks.n;) {
        int64_t n = 0;
        while (b + n < chunk->blocks.n && atomic_load_explicit(&chunk->finished[b + n], memory_order_acquire) == 1)
            n++;
        bool shipped = n == 0;
        if (n > 0 && ship_blocks(loop, seat, b, n, &shipped))
            return -1;
        *did = *did || (n > 0 && shipped);
        waits = waits || !shipped;
        b += n > 0 ? n : 1;
    }
    if (complete && !waits)
        seat->state = SEAT_FREE;
    return 0;
}

/* --- asking -------------------------------------------------------------------------------------------------------- */

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
    if (sheaf_chunk_blocks(&seat->chunk.input).n == 0) {
        seat->state = SEAT_FREE;
        loop->no_more = true;
        return 0;
    }
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
    if (loop->setup->coordinator) {
        *did = true;
        loop->wanted = wanted;
        if (sheaf_coordinator_next(loop->setup->coordinator, 0, wanted, &seat->chunk.input, &loop->error))
            return -1;
        return seat_chunk(loop, seat);
    }
    bool sent = false;
    if (send_number(loop, TAG_ASK, wanted, &sent))
        return -1;
    if (sent) {
        *did = loop->asked = true;
        loop->wanted = wanted;
        seat->state = SEAT_ASKED;
    }
    return 0;
}

/* --- receiving ----------------------------------------------------------------------------------------------------- */

/* Rank 0: answers a rank that asks. A slot is known to be free. */
static int answer(struct loop *loop, int rank) {
    int slot;
    int64_t wanted;
    memcpy(&wanted, loop->in.data, sizeof wanted);
    if (find_slot(loop, &slot) || slot < 0 ||
        sheaf_coordinator_next(loop->setup->coordinator, rank, wanted, &loop->out[slot], &loop->error))
        return -1;
    return sheaf_comm_send(loop->setup->comm, slot, rank, TAG_CHUNK, &loop->out[slot], &loop->error);
}

/* Puts the message just received into the seat that waits for it. */
static int accept(struct loop *loop) {
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
        return accept(loop);
    case TAG_ROWS:
        return sheaf_coordinator_take(loop->setup->coordinator, &loop->in, &loop->error);
    case TAG_FAULT:
        memcpy(&loop->error, loop->in.data, sizeof loop->error);
        return sheaf_error_prefix(&loop->error, "rank %d: ", from);
    case TAG_BYE:
        loop->n_present--;
        return 0;
    default:
        return sheaf_fail(&loop->error, "an unknown message (%d) came from rank %d", tag, from);
    }
}

/* Takes what has come in, as long as there is a slot for an answer; not for ever, since the own team waits too. */
static int receive(struct loop *loop, bool *did) {
    bool got = loop->place.n_ranks > 1;
    for (int n = 0; got && n < COMM_SLOTS; n++) {
        int from = 0, tag = 0, slot;
        if (find_slot(loop, &slot))
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

/* --- the loop ------------------------------------------------------------------------------------------------------ */

static int look_after_seats(struct loop *loop, bool *did) {
    for (int i = 0; i < SEATS; i++) {
        struct seat *seat = &loop->seats[i];
        if (seat->state == SEAT_WORKING && loop->setup->coordinator) {
            if (atomic_load(&seat->chunk.n_unfinished) == 0) { /* its rows are written */
                seat->state = SEAT_FREE;
                *did = true;
            }
        } else if (seat->state == SEAT_WORKING && ship_chunk(loop, seat, did)) {
            return -1;
        }
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

/* One look around; *did tells whether there was anything to do. */
static int look_around(struct loop *loop, bool *did) {
    const struct loop_setup *setup = loop->setup;
    if (sheaf_team_broken(setup->team, &loop->error) || receive(loop, did) || look_after_seats(loop, did))
        return -1;
    bool idle = loop->no_more && all_free(loop);
    if (idle && loop->place.rank > 0 && !loop->bye && send_number(loop, TAG_BYE, 0, &loop->bye))
        return -1;
    if (setup->coordinator) {
        struct team_counts own = sheaf_team_counts(setup->team);
        sheaf_progress_show(setup->coordinator->progress, own.n_done + setup->coordinator->n_done,
                            own.n_failed + setup->coordinator->n_failed);
    }
    return 0;
}

static bool finished(struct loop *loop) {
    bool own = loop->no_more && all_free(loop) && (loop->place.rank == 0 ? loop->n_present == 0 : loop->bye);
    return own && all_sent(loop);
}

/* Thread 0's whole run. */
static void talk(void *context) {
    struct loop *loop = context;
    struct team *team = loop->setup->team;
    double nap_s = nap_least_s;
    while (!finished(loop)) {
        bool did = false;
        uint32_t seen = sheaf_team_events(team);
        if (look_around(loop, &did)) {
            give_up(loop);
            break;
        }
        nap_s = did ? nap_least_s : nap_s * 2 < nap_most_s ? nap_s * 2 : nap_most_s;
        if (!did)
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
    loop->n_slots = loop->place.rank == 0 ? COMM_SLOTS : WORKER_SLOTS;
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
    for (int i = 0; i < COMM_SLOTS; i++)
        sheaf_buffer_free(&loop->out[i]);
    sheaf_buffer_free(&loop->in);
    free(loop->failures);
    free(loop);
    return rc;
}
