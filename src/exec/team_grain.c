/* What a compute thread does with a grain. */
#include <stdlib.h>

#include "core/clock.h"
#include "core/type.h"
#include "exec/team_inside.h"

/* Rows that wait to be sent: threads pause when there are more. */
static const size_t most_waiting_bytes = (size_t)32 << 20;
static const size_t worth_sending_bytes = (size_t)1 << 20;
static const int64_t first_checkpoint_us = 1000000;

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
        sheaf_team_raise_event(team);
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
        sheaf_team_raise_event(team);
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
int64_t sheaf_team_next_checkpoint_us(int64_t took_us, int64_t every_us) {
    const int64_t pause_us = 20 * took_us > first_checkpoint_us ? 20 * took_us : first_checkpoint_us;
    return pause_us < every_us ? pause_us : every_us;
}

static void note_flush(struct team *team, double took_s) {
    pthread_mutex_lock(&team->lock);
    team->counts.flush_s = took_s > team->counts.flush_s ? took_s : team->counts.flush_s;
    pthread_mutex_unlock(&team->lock);
}

/* Syncs when it is due by at least late_s; one thread does. */
int sheaf_team_checkpoint_late(struct team *team, double late_s, struct sheaf_error *error) {
    struct row_sink *sink = team->setup.sink;
    const int64_t every_us = (int64_t)(team->setup.checkpoint_s * 1e6);
    if (!sink)
        return 0;
    int64_t now = (int64_t)(sheaf_clock_s() * 1e6), due = atomic_load(&team->checkpoint_us);
    bool is_due = every_us > 0 && now >= due + (int64_t)(late_s * 1e6);
    if (is_due && atomic_compare_exchange_strong(&team->checkpoint_us, &due, now + every_us)) {
        const int rc = sheaf_row_sink_flush(sink, error);
        const int64_t end = (int64_t)(sheaf_clock_s() * 1e6),
                      pause = sheaf_team_next_checkpoint_us(end - now, every_us);
        note_flush(team, (double)(end - now) * 1e-6);
        atomic_store(&team->checkpoint_us, end + pause);
        return rc;
    }
    return sheaf_row_sink_is_full(sink) ? sheaf_row_sink_flush(sink, error) : 0;
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
        sheaf_team_raise_event(team);
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

/* Decodes what inputs of a grain are to be. That the file was changed says it better than bytes that seem damaged. */
static int fetch(const struct team *team, struct hand *hand, const char *chunk, const struct grain *grain,
                 struct sheaf_error *error) {
    const struct team_setup *setup = &team->setup;
    struct sheaf_error change;
    if (sheaf_fetch(&hand->thread.fetched, setup->shape, sheaf_chunk_blocks(chunk), grain->blocks, error) == 0)
        return 0;
    if (setup->input && sheaf_stamp_check(setup->stamp, setup->input, &change) && error)
        *error = change;
    return -1;
}

/* What a grain is computed from: that it is hashed first also brings it close to the core. */
static int prove(const struct team_setup *setup, const struct grain *grain, struct sheaf_error *error) {
    int64_t first, n;
    sheaf_chunk_items(setup->shape, grain->blocks, &first, &n);
    return sheaf_proof_cover(setup->proof, first, n, error);
}

/* Whether the hand's rows go to rank 0. */
static bool is_sent(const struct team_setup *setup, const struct hand *hand) {
    const int64_t n_messages = hand->thread.n_failures;
    if (!setup->sink)
        return true;
    if (n_messages == 0 || setup->messages == MESSAGES_WRITTEN)
        return false;
    return setup->messages == MESSAGES_SENT || sheaf_row_sink_expect_messages(setup->sink, n_messages);
}

int sheaf_team_run_grain(struct team *team, struct hand *hand, const struct grain *grain, struct sheaf_error *error) {
    const struct team_setup *setup = &team->setup;
    double busy_s = -hand->thread.busy_s;
    if (!hand->thread.entered && sheaf_thread_enter(&hand->thread, &team->serial, error))
        return -1;
    hand->thread.n_failures = 0;
    hand->thread.texts.n_bytes = 0;
    const char *chunk = sheaf_pool_data(setup->pool, grain->seat);
    if (fetch(team, hand, chunk, grain, error)) /* before it is hashed: damaged bytes get no hash */
        return -1;
    if (setup->proof && prove(setup, grain, error))
        return -1;
    hand->flight.note.flags = atomic_load(&setup->pool->alone) ? FLIGHT_ALONE : 0;
    if (sheaf_flight_note(&hand->flight, grain->blocks, setup->sink ? setup->sink->path : "", error) ||
        sheaf_thread_grain(&hand->thread, chunk, grain->blocks, hand->parcel,
                           setup->kernel->serial ? &team->serial : NULL, error))
        return -1;
    busy_s += hand->thread.busy_s;
    if (setup->fold)
        sheaf_thread_fold(&hand->thread, &hand->fold, chunk, hand->parcel);
    if (sheaf_pool_finish(setup->pool, grain, busy_s) && setup->leads)
        sheaf_team_raise_event(team);
    pthread_mutex_lock(&team->lock);
    team->counts.busy_s += busy_s;
    if (hand->thread.longest_s > team->counts.longest_s)
        team->counts.longest_s = hand->thread.longest_s;
    if (!team->any_done)
        look_for_hope(team, hand);
    pthread_mutex_unlock(&team->lock);
    if (check_input(team, error))
        return -1;
    if (!is_sent(setup, hand)) {
        if (write_rows(team, hand, error))
            return -1;
        return hand->flight.note.flags & FLIGHT_ALONE ? make_safe(team, grain->blocks.n, error)
                                                      : sheaf_team_checkpoint_late(team, 0, error);
    }
    if (hand_over(team, hand, error))
        return -1;
    wait_for_room(team);
    return 0;
}
