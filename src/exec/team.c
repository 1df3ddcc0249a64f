#include "exec/team.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/interrupt.h"
#include "core/type.h"
#include "exec/team_inside.h"

enum { SPARE_MORE = 8 }; /* parcels kept for use, beyond one for each thread */

int sheaf_team_cores(void) {
    return omp_get_num_procs();
}

static void break_team(struct team *team, const struct sheaf_error *error) {
    pthread_mutex_lock(&team->lock);
    if (!team->broken)
        team->error = *error;
    team->broken = true;
    pthread_mutex_unlock(&team->lock);
    atomic_store(&team->stop, true);
    sheaf_team_raise_event(team);
}

int sheaf_team_checkpoint(struct team *team, struct sheaf_error *error) {
    return sheaf_team_checkpoint_late(team, 1, error);
}

/* Takes a grain, and wakes thread 0 when what is left gets low. None when a signal has come that thread 0 will see. */
static bool take_grain(struct team *team, struct grain *grain) {
    struct pool *pool = team->setup.pool;
    if (atomic_load(&team->drain) || atomic_load(&team->stop) || sheaf_interrupt_seen() != INTERRUPT_NONE ||
        !sheaf_pool_take(pool, grain))
        return false;
    int64_t left = sheaf_pool_untaken(pool), low = atomic_load_explicit(&pool->low, memory_order_relaxed);
    if (team->setup.leads && left < low && left + grain->blocks.n >= low)
        sheaf_team_raise_event(team);
    return true;
}

/* A thread that has finished its grain, or found none: thread 0 may wait for the last one. */
static void leave_grain(struct team *team) {
    bool last = atomic_fetch_sub(&team->n_busy, 1) == 1;
    if (last && (atomic_load(&team->drain) || atomic_load(&team->setup.pool->closed)))
        sheaf_team_raise_event(team);
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
        if (taken && sheaf_team_run_grain(team, hand, &grain, &error))
            break_team(team, &error);
        leave_grain(team);
        if (taken)
            continue;
        atomic_fetch_add(&pool->n_hungry, 1);
        if (team->setup.leads)
            sheaf_team_raise_event(team);
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

void sheaf_team_folded(const struct team *team, char *block) {
    for (int i = 0; i < team->n_hands; i++)
        sheaf_fold_merge(team->setup.fold, block, team->hands[i].fold.block);
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
    if (setup->fold && sheaf_fold_open(&hand->fold, setup->fold, error))
        return -1;
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
    sheaf_fold_close(&hand->fold);
    sheaf_thread_close(&hand->thread);
}

int sheaf_team_open(struct team **made, const struct team_setup *setup, struct sheaf_error *error) {
    struct team *team = calloc(1, sizeof *team);
    *made = team;
    if (!team)
        return sheaf_fail_memory(error, "the team");
    team->setup = *setup;
    team->checkpoint_us =
        (int64_t)(sheaf_clock_s() * 1e6) + sheaf_team_next_checkpoint_us(0, (int64_t)(setup->checkpoint_s * 1e6));
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
