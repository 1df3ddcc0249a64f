#include "exec/team.h"

#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/futex.h"
#include "core/interrupt.h"
#include "core/type.h"
#include "exec/thread.h"

/* Rows that wait to be sent: threads pause when there are more. */
static const size_t most_waiting_bytes = (size_t)32 << 20;
static const int64_t first_checkpoint_us = 1000000;
enum { SPARE_MORE = 8 }; /* parcels kept for use, beyond one for each thread */
static const size_t worth_sending_bytes = (size_t)1 << 20;

/* A compute thread. */
struct hand {
    struct thread thread;
    struct parcel *parcel; /* it computes into */
    const void **columns;  /* [n_outputs] room for struct rows */
    struct flight flight;  /* its note of what it computes */
    int64_t n_failed;      /* its items, while none of the team's is done */
};

struct team {
    struct team_setup setup;
    int n_hands;
    struct hand *hands; /* [n_hands] */

    _Atomic(int32_t) n_busy;        /* threads that are at a grain, or look for one */
    _Atomic(bool) drain;            /* no more grains are taken */
    _Atomic(int64_t) checkpoint_us; /* when rows are to be synced next */
    _Atomic(int64_t) check_us;      /* when the input is to be looked at next */
    _Atomic(bool) stop;             /* threads leave at the next grain */

    pthread_mutex_t lock; /* guards what follows, up to `events` */
    struct parcel *ready, **ready_end, *spare;
    int n_spare;
    size_t waiting_bytes; /* of `ready` and of what thread 0 has taken and not given back */
    struct team_counts counts;
    bool any_done;  /* an item that a thread computed, */
    int n_hopeless; /* else the threads of which too many have failed */
    bool broken;
    struct sheaf_error error; /* the first */

    _Atomic(uint32_t) events; /* futex of thread 0 */
    _Atomic(uint32_t) room;   /* futex of threads that wait for parcels to leave */
    pthread_mutex_t serial;   /* held where the kernel is not thread-safe: in thread_open and _close, or in map too */
};

int sheaf_team_cores(void) {
    return omp_get_num_procs();
}

static void raise_event(struct team *team) {
    atomic_fetch_add(&team->events, 1);
    sheaf_futex_wake(&team->events);
}

static void break_team(struct team *team, const struct sheaf_error *error) {
    pthread_mutex_lock(&team->lock);
    if (!team->broken)
        team->error = *error;
    team->broken = true;
    pthread_mutex_unlock(&team->lock);
    atomic_store(&team->stop, true);
    raise_event(team);
}

/* --- rows ---------------------------------------------------------------------------------------------------------- */

/* Writes the rows of the hand's parcel and counts them. */
static int write_rows(struct team *team, struct hand *hand, struct sheaf_error *error) {
    struct rows rows;
    struct row_counts counts = {0};
    size_t n_bytes;
    sheaf_parcel_look(hand->parcel->data.data, team->setup.shape, hand->columns, &rows, &n_bytes);
    rows.n_failures = hand->thread.n_failures;
    rows.failures = hand->thread.failures;
    rows.texts = hand->thread.texts.data;
    rows.text_bytes = hand->thread.texts.n_bytes;
    if (sheaf_row_sink_write(team->setup.sink, &rows, &counts, error))
        return -1;
    pthread_mutex_lock(&team->lock);
    team->counts.n_done += counts.n_done;
    team->counts.n_failed += counts.n_failed;
    pthread_mutex_unlock(&team->lock);
    if (counts.n_failed && team->setup.tells_failures)
        raise_event(team);
    return 0;
}

/* Leaves the hand's parcel for thread 0, and gives the hand another. Waits while too much is on its way. */
static int hand_over(struct team *team, struct hand *hand, struct sheaf_error *error) {
    const struct thread *thread = &hand->thread;
    if ((thread->n_failures || thread->texts.n_bytes) &&
        sheaf_parcel_add_tail(hand->parcel, team->setup.shape, thread->failures, thread->n_failures, &thread->texts,
                              error))
        return -1;
    hand->parcel->next = NULL;
    pthread_mutex_lock(&team->lock);
    *team->ready_end = hand->parcel;
    team->ready_end = &hand->parcel->next;
    hand->parcel->held_bytes = hand->parcel->data.n_bytes;
    team->waiting_bytes += hand->parcel->held_bytes;
    bool worth = team->waiting_bytes >= worth_sending_bytes || (thread->n_failures && team->setup.tells_failures);
    hand->parcel = team->spare;
    if (hand->parcel) {
        team->spare = hand->parcel->next;
        team->n_spare--;
    }
    pthread_mutex_unlock(&team->lock);
    if (worth)
        raise_event(team);
    if (!hand->parcel)
        hand->parcel = calloc(1, sizeof *hand->parcel);
    return hand->parcel ? 0 : sheaf_fail_memory(error, "the rows");
}

static void wait_for_room(struct team *team) {
    for (;;) {
        uint32_t seen = atomic_load(&team->room);
        pthread_mutex_lock(&team->lock);
        bool full = team->waiting_bytes > most_waiting_bytes;
        pthread_mutex_unlock(&team->lock);
        if (!full || atomic_load(&team->stop))
            return;
        sheaf_futex_wait(&team->room, seen, -1);
    }
}

/* When to sync again after that took so long: soon, so that what is done is seen to be safe, but for a twentieth of one
   thread's time at most; and no later than the job wants. */
static int64_t next_checkpoint_us(int64_t took_us, int64_t every_us) {
    const int64_t pause_us = 20 * took_us > first_checkpoint_us ? 20 * took_us : first_checkpoint_us;
    return pause_us < every_us ? pause_us : every_us;
}

/* Syncs when it is due by at least late_s; one thread does. */
static int checkpoint(struct team *team, double late_s, struct sheaf_error *error) {
    struct row_sink *sink = team->setup.sink;
    const int64_t every_us = (int64_t)(team->setup.checkpoint_s * 1e6);
    if (!sink)
        return 0;
    int64_t now = (int64_t)(sheaf_clock_s() * 1e6), due = atomic_load(&team->checkpoint_us);
    bool is_due = every_us > 0 && now >= due + (int64_t)(late_s * 1e6);
    if (is_due && atomic_compare_exchange_strong(&team->checkpoint_us, &due, now + every_us)) {
        const int rc = sheaf_row_sink_flush(sink, error);
        const int64_t end = (int64_t)(sheaf_clock_s() * 1e6), pause = next_checkpoint_us(end - now, every_us);
        atomic_store(&team->checkpoint_us, end + pause);
        return rc;
    }
    return sheaf_row_sink_is_full(sink) ? sheaf_row_sink_flush(sink, error) : 0;
}

int sheaf_team_checkpoint(struct team *team, struct sheaf_error *error) {
    return checkpoint(team, 1, error);
}

/* --- grains -------------------------------------------------------------------------------------------------------- */

/* The values that were computed from a mapped file are used only if it was not changed meanwhile. */
static int check_input(struct team *team, struct sheaf_error *error) {
    const struct team_setup *setup = &team->setup;
    if (!setup->input)
        return 0;
    if (setup->check_s > 0) {
        int64_t now = (int64_t)(sheaf_clock_s() * 1e6), due = atomic_load(&team->check_us);
        if (now < due || !atomic_compare_exchange_strong(&team->check_us, &due, now + (int64_t)(setup->check_s * 1e6)))
            return 0;
    }
    return sheaf_stamp_check(setup->stamp, setup->input, error);
}

/* Rows of blocks that were computed alone: the next one may begin when nothing that it does can cost them. */
static int make_safe(struct team *team, int64_t n_blocks, struct sheaf_error *error) {
    if (sheaf_row_sink_flush(team->setup.sink, error))
        return -1;
    atomic_fetch_add(&team->setup.pool->n_safe, n_blocks);
    if (team->setup.leads)
        raise_event(team);
    return 0;
}

/* Looks how the items of a grain have ended, as long as none of the team's is done. The lock is held. */
static void look_for_hope(struct team *team, struct hand *hand) {
    const struct parcel *parcel = hand->parcel;
    const int64_t most = team->setup.hopeless_failed, had_failed = hand->n_failed;
    for (int64_t k = 0; k < parcel->n_items && !team->any_done; k++) {
        team->any_done = parcel->status[k] == ITEM_DONE;
        hand->n_failed += sheaf_status_failed(parcel->status[k]);
    }
    team->n_hopeless += had_failed < most && hand->n_failed >= most;
    team->counts.hopeless = !team->any_done && team->n_hopeless == team->n_hands;
}

/* What a grain is computed from: that it is hashed first also brings it close to the core. */
static int prove(const struct team_setup *setup, const struct grain *grain, struct sheaf_error *error) {
    int64_t first, n;
    sheaf_chunk_items(setup->shape, grain->blocks, &first, &n);
    return sheaf_proof_cover(setup->proof, first, n, error);
}

static int run_grain(struct team *team, struct hand *hand, const struct grain *grain, struct sheaf_error *error) {
    const struct team_setup *setup = &team->setup;
    double busy_s = -hand->thread.busy_s;
    if (!hand->thread.entered && sheaf_thread_enter(&hand->thread, &team->serial, error))
        return -1;
    hand->thread.n_failures = 0;
    hand->thread.texts.n_bytes = 0;
    if (setup->proof && prove(setup, grain, error))
        return -1;
    hand->flight.note.flags = atomic_load(&setup->pool->alone) ? FLIGHT_ALONE : 0;
    if (sheaf_flight_note(&hand->flight, grain->blocks, setup->sink ? setup->sink->path : "", error) ||
        sheaf_thread_grain(&hand->thread, sheaf_pool_data(setup->pool, grain->seat), grain->blocks, hand->parcel,
                           setup->kernel->serial ? &team->serial : NULL, error))
        return -1;
    busy_s += hand->thread.busy_s;
    if (sheaf_pool_finish(setup->pool, grain, busy_s) && setup->leads)
        raise_event(team);
    pthread_mutex_lock(&team->lock);
    team->counts.busy_s += busy_s;
    if (hand->thread.longest_s > team->counts.longest_s)
        team->counts.longest_s = hand->thread.longest_s;
    if (!team->any_done)
        look_for_hope(team, hand);
    pthread_mutex_unlock(&team->lock);
    if (check_input(team, error))
        return -1;
    if (setup->sink && !(setup->sends_failures && hand->thread.n_failures)) {
        if (write_rows(team, hand, error))
            return -1;
        return hand->flight.note.flags & FLIGHT_ALONE ? make_safe(team, grain->blocks.n, error)
                                                      : checkpoint(team, 0, error);
    }
    if (hand_over(team, hand, error))
        return -1;
    wait_for_room(team);
    return 0;
}

/* Takes a grain, and wakes thread 0 when what is left gets low. None when a signal has come that thread 0 will see. */
static bool take_grain(struct team *team, struct grain *grain) {
    struct pool *pool = team->setup.pool;
    if (atomic_load(&team->drain) || atomic_load(&team->stop) || sheaf_interrupt_seen() != INTERRUPT_NONE ||
        !sheaf_pool_take(pool, grain))
        return false;
    int64_t left = sheaf_pool_untaken(pool), low = atomic_load_explicit(&pool->low, memory_order_relaxed);
    if (team->setup.leads && left < low && left + grain->blocks.n >= low)
        raise_event(team);
    return true;
}

/* A thread that has finished its grain, or found none: thread 0 may wait for the last one. */
static void leave_grain(struct team *team) {
    bool last = atomic_fetch_sub(&team->n_busy, 1) == 1;
    if (last && (atomic_load(&team->drain) || atomic_load(&team->setup.pool->closed)))
        raise_event(team);
}

/* The kernel has crashed in this thread. */
static void tell_crash(void *context, const char *what) {
    struct hand *hand = context;
    const struct sheaf_block *block = &hand->thread.block;
    if (hand->thread.at_door) { /* no item is to blame */
        sheaf_interrupt_say("\nsheaf: ");
        sheaf_interrupt_say(what);
        sheaf_interrupt_say(" in thread_open or thread_close of the kernel; finished items are safe\n");
        return;
    }
    sheaf_flight_crashed(&hand->flight, hand->thread.at_block);
    sheaf_interrupt_say("\nsheaf: ");
    sheaf_interrupt_say(what);
    sheaf_interrupt_say(" in the kernel, at item ");
    sheaf_interrupt_say_number(block->first);
    if (block->n > 1) {
        sheaf_interrupt_say(" to ");
        sheaf_interrupt_say_number(block->first + block->n - 1);
    }
    sheaf_interrupt_say(hand->flight.fd >= 0 && (hand->flight.note.flags & FLIGHT_ALONE)
                            ? "; finished items are safe. It is the second time: run again, and it is given up\n"
                            : "; finished items are safe. Run again to go on, with this last; with isolate: true in "
                              "the job file a crash takes only its own item\n");
}

static void compute(struct team *team, struct hand *hand) {
    struct pool *pool = team->setup.pool;
    struct grain grain;
    struct sheaf_error error = {0};
    if (sheaf_interrupt_enter_kernels(tell_crash, hand)) {
        sheaf_fail_memory(&error, "a thread");
        break_team(team, &error);
        return;
    }
    while (!atomic_load(&team->stop)) {
        uint32_t seen = atomic_load(&pool->posts);
        atomic_fetch_add(&team->n_busy, 1); /* before it looks: see sheaf_team_idle */
        bool taken = take_grain(team, &grain);
        if (taken && run_grain(team, hand, &grain, &error))
            break_team(team, &error);
        leave_grain(team);
        if (taken)
            continue;
        atomic_fetch_add(&pool->n_hungry, 1);
        if (team->setup.leads)
            raise_event(team);
        if (!atomic_load(&team->stop))
            sheaf_futex_wait(&pool->posts, seen, -1);
        atomic_fetch_sub(&pool->n_hungry, 1);
    }
    sheaf_thread_leave(&hand->thread, &team->serial);
    sheaf_interrupt_leave_kernels();
}

static void stop_team(struct team *team) {
    atomic_store(&team->stop, true);
    sheaf_pool_wake(team->setup.pool);
    atomic_fetch_add(&team->room, 1);
    sheaf_futex_wake(&team->room);
}

int sheaf_team_run(struct team *team, void (*talk)(void *context), void *context, struct sheaf_error *error) {
    int granted = 0;
    atomic_store(&team->stop, false);
    omp_set_dynamic(0);
#pragma omp parallel num_threads(team->n_hands + 1) default(none) shared(team, talk, context, granted)
    {
        if (omp_get_thread_num() > 0) {
            compute(team, &team->hands[omp_get_thread_num() - 1]);
        } else {
            granted = omp_get_num_threads();
            if (granted == team->n_hands + 1)
                talk(context);
            stop_team(team);
        }
    }
    if (granted != team->n_hands + 1)
        return sheaf_fail(error, "OpenMP gave %d threads of %d; unset OMP_THREAD_LIMIT or ask for fewer (--threads)",
                          granted - 1, team->n_hands);
    return 0;
}

static void free_parcels(struct parcel *parcels) {
    while (parcels) {
        struct parcel *next = parcels->next;
        sheaf_parcel_free(parcels);
        free(parcels);
        parcels = next;
    }
}

/* --- for thread 0 -------------------------------------------------------------------------------------------------- */

void sheaf_team_drain(struct team *team) {
    atomic_store(&team->drain, true);
}

bool sheaf_team_idle(struct team *team) {
    return atomic_load(&team->n_busy) == 0;
}

struct parcel *sheaf_team_parcels(struct team *team, size_t *n_bytes) {
    *n_bytes = 0;
    pthread_mutex_lock(&team->lock);
    struct parcel *parcels = team->ready;
    team->ready = NULL;
    team->ready_end = &team->ready;
    pthread_mutex_unlock(&team->lock);
    for (const struct parcel *p = parcels; p; p = p->next)
        *n_bytes += p->held_bytes;
    return parcels;
}

void sheaf_team_return(struct team *team, struct parcel *parcels) {
    struct parcel *surplus = NULL;
    pthread_mutex_lock(&team->lock);
    while (parcels) {
        struct parcel *next = parcels->next;
        bool keep = team->n_spare < team->n_hands + SPARE_MORE;
        struct parcel **list = keep ? &team->spare : &surplus;
        team->n_spare += keep;
        team->waiting_bytes -= parcels->held_bytes;
        parcels->next = *list;
        *list = parcels;
        parcels = next;
    }
    pthread_mutex_unlock(&team->lock);
    free_parcels(surplus); /* many small ones would become many large ones */
    atomic_fetch_add(&team->room, 1);
    sheaf_futex_wake(&team->room);
}

int sheaf_team_clear_notes(struct team *team, struct sheaf_error *error) {
    int rc = 0;
    for (int i = 0; rc == 0 && i < team->n_hands; i++) {
        struct flight flight = team->hands[i].flight;
        rc = sheaf_flight_note(&flight, (struct span){0, 0}, team->setup.sink ? team->setup.sink->path : "", error);
    }
    return rc;
}

struct team_counts sheaf_team_counts(struct team *team) {
    pthread_mutex_lock(&team->lock);
    struct team_counts counts = team->counts;
    pthread_mutex_unlock(&team->lock);
    return counts;
}

bool sheaf_team_broken(struct team *team, struct sheaf_error *error) {
    pthread_mutex_lock(&team->lock);
    bool broken = team->broken;
    if (broken && error)
        *error = team->error;
    pthread_mutex_unlock(&team->lock);
    return broken;
}

uint32_t sheaf_team_events(struct team *team) {
    return atomic_load(&team->events);
}

void sheaf_team_wait(struct team *team, uint32_t seen, double timeout_s) {
    sheaf_futex_wait(&team->events, seen, timeout_s);
}

/* --- opening and closing ------------------------------------------------------------------------------------------- */

/* Hand number i has row i of those that the team may write. */
static void open_flight(struct flight *flight, const struct team_setup *setup, int i) {
    *flight = setup->flight;
    flight->offset += i * (off_t)sizeof flight->note;
    flight->row += flight->row ? i : 0;
    if (!setup->sink || flight->offset >= setup->flights_end)
        flight->fd = -1;
}

static int open_hand(struct hand *hand, const struct team_setup *setup, int i, const _Atomic(bool) *drains,
                     struct sheaf_error *error) {
    open_flight(&hand->flight, setup, i);
    hand->parcel = calloc(1, sizeof *hand->parcel);
    hand->columns = calloc((size_t)setup->shape->n_outputs + 1, sizeof *hand->columns);
    if (!hand->parcel || !hand->columns)
        return sheaf_fail_memory(error, "the team");
    if (sheaf_thread_open(&hand->thread, setup->kernel, setup->shape, setup->shared, error))
        return -1;
    hand->thread.context.thread = i;
    hand->thread.context.slot = setup->first_slot + i;
    hand->thread.drains = drains;
    return 0;
}

static void close_hand(struct hand *hand) {
    if (hand->parcel)
        hand->parcel->next = NULL;
    free_parcels(hand->parcel);
    free(hand->columns);
    sheaf_thread_close(&hand->thread);
}

int sheaf_team_open(struct team **made, const struct team_setup *setup, struct sheaf_error *error) {
    struct team *team = calloc(1, sizeof *team);
    *made = team;
    if (!team)
        return sheaf_fail_memory(error, "the team");
    team->setup = *setup;
    team->checkpoint_us =
        (int64_t)(sheaf_clock_s() * 1e6) + next_checkpoint_us(0, (int64_t)(setup->checkpoint_s * 1e6));
    team->ready_end = &team->ready;
    pthread_mutex_init(&team->lock, NULL);
    pthread_mutex_init(&team->serial, NULL);
    team->hands = calloc((size_t)setup->n_threads, sizeof *team->hands);
    if (!team->hands)
        return sheaf_fail_memory(error, "the team");
    for (; team->n_hands < setup->n_threads; team->n_hands++)
        if (open_hand(&team->hands[team->n_hands], setup, team->n_hands, &team->drain, error)) {
            close_hand(&team->hands[team->n_hands]);
            return -1;
        }
    atomic_fetch_add(&setup->pool->n_threads, setup->n_threads);
    return 0;
}

void sheaf_team_close(struct team *team) {
    if (!team)
        return;
    for (int i = 0; i < team->n_hands; i++)
        close_hand(&team->hands[i]);
    free(team->hands);
    free_parcels(team->ready);
    free_parcels(team->spare);
    pthread_mutex_destroy(&team->lock);
    pthread_mutex_destroy(&team->serial);
    free(team);
}
