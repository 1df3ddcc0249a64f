/* How a run ends before its work does: it drains, leaves, or is given up. */
#include "app/loop_inside.h"
#include "core/clock.h"
#include "core/interrupt.h"

static const double fault_s = 10;  /* rank 0 ends a run that another rank cannot go on with, within this time */
static const double leave_s = 0.5; /* for last rows to arrive; mpirun kills the others when rank 0 has left */
/* The margin before a batch job's end: what the longest block took and a quarter more, and time to write and sync; a disk
   that took long for that takes as long for what is left, and again for the end of the file. */
static const double margin_factor = 1.25, margin_s = 5, flush_factor = 2;
static const double nap_hurried_s = 1e-3;

static void nap(struct loop *loop) {
    sheaf_team_wait(loop->setup->team, sheaf_team_events(loop->setup->team), nap_hurried_s);
}

void sheaf_loop_drain(struct loop *loop, enum loop_end why) {
    if (loop->draining)
        return;
    loop->draining = true;
    loop->why = why;
    sheaf_team_drain(loop->setup->team);
}

void sheaf_loop_give_up(struct loop *loop) {
    const struct sheaf_error error = loop->error; /* what follows may write another */
    bool sent = false, empty = false;
    loop->failed = true;
    sheaf_interrupt_arm_exit(false); /* from here on it is we who end the program */
    if (sheaf_loop_is_first(loop)) {
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
    if (*said || loop->setup->notes || sheaf_loop_is_first(loop))
        return 0;
    return sheaf_outbox_post(&loop->out, 0, TAG_LEFT, left, sizeof left, said, &loop->error);
}

void sheaf_loop_leave(struct loop *loop) {
    double until_s = sheaf_clock_s() + (sheaf_loop_is_first(loop) ? leave_s : 2 * leave_s);
    bool said = false;
    sheaf_loop_drain(loop, LOOP_SIGNAL);
    loop->setup->leaving(loop->setup->context); /* the launcher may not let us come to our end */
    for (; sheaf_clock_s() < until_s; nap(loop)) {
        bool did = false, empty = false, idle = sheaf_team_idle(loop->setup->team);
        if (sheaf_loop_receive(loop, &did) || (!sheaf_loop_is_first(loop) && sheaf_loop_ship_rows(loop, true, &did)) ||
            say_left(loop, &said) || sheaf_outbox_empty(&loop->out, &empty, &loop->error))
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
    double now_s = sheaf_clock_s(), longest_s = own.longest_s, flush_s = own.flush_s;
    if (setup->halt_failed > 0 && own.n_failed + setup->coordinator->counts.n_failed >= setup->halt_failed)
        return LOOP_HALT;
    if (setup->halt_hopeless && own.hopeless && loop->n_hopeless == loop->self.n_ranks - 1)
        return LOOP_HOPELESS;
    longest_s = longest_s > loop->longest_s ? longest_s : loop->longest_s;
    flush_s = flush_s > loop->flush_s ? flush_s : loop->flush_s;
    if (setup->stop_at_s > 0 && now_s >= setup->stop_at_s)
        return LOOP_STOP_AFTER;
    if (setup->batch_end_s > 0 &&
        now_s + margin_factor * longest_s + flush_factor * flush_s + margin_s >= setup->batch_end_s)
        return LOOP_BATCH_END;
    return LOOP_COMPLETE;
}

int sheaf_loop_look_for_drain(struct loop *loop) {
    enum loop_end end = sheaf_loop_is_first(loop) ? look_for_end(loop) : LOOP_COMPLETE;
    if (sheaf_interrupt_seen() == INTERRUPT_DRAIN)
        end = LOOP_SIGNAL;
    if (end != LOOP_COMPLETE)
        sheaf_loop_drain(loop, end);
    if (!loop->draining)
        return 0;
    if (!sheaf_loop_is_first(loop))
        return loop->told ? 0 : sheaf_outbox_post(&loop->out, 0, TAG_DRAIN, NULL, 0, &loop->told, &loop->error);
    bool sent = loop->n_present > 0; /* else all are through */
    for (; sent && loop->drain_told < loop->self.n_ranks; loop->drain_told += sent) {
        sent = loop->drain_told == 0;
        if (!sent && sheaf_outbox_post(&loop->out, loop->drain_told, TAG_DRAIN, NULL, 0, &sent, &loop->error))
            return -1;
    }
    return 0;
}
