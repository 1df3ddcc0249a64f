/*
 * spin.c - kernels that take a known time, for tests/bench/engine. One shared object; knows the public header only.
 *
 *   spin   takes cost_s seconds an item (no time at all where the items have no such field), and says when and where:
 *          start_s and end_s on the machine's monotonic clock, which all its processes share, and the thread's id.
 *          So how well a job was scheduled can be read from its results.
 *            work: sleep   sleeps. Other load on the machine hardly changes what is measured; neither does what the
 *                          engine itself takes from the cores, since sleeping threads leave them free.
 *            work: burn    computes until the thread has used that much CPU time: for idle machines, where it shows
 *                          what threads and engine take from each other.
 *   noop   does nothing and gives one byte an item: what remains is the engine.
 *
 * Blocks are of one item. Results depend on the clock, so the promise of the same bytes does not hold for `spin`.
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <sheaf/kernel.h>

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof *(array)))

static const struct sheaf_param params[] = {
    {"work", SHEAF_TEXT, "sleep", NULL, "sleep, or burn CPU time"},
};

static const struct sheaf_field inputs[] = {
    {"cost_s", SHEAF_FLOAT64, 1, SHEAF_OPTIONAL, "s", "time to take"},
};

static const struct sheaf_field spin_outputs[] = {
    {"start_s", SHEAF_FLOAT64, 1, 0, "s", "when the item began, by CLOCK_MONOTONIC"},
    {"end_s", SHEAF_FLOAT64, 1, 0, "s", "when it ended"},
    {"thread", SHEAF_INT64, 1, 0, NULL, "id of the thread that computed it"},
};

static const struct sheaf_field noop_outputs[] = {
    {"nothing", SHEAF_UINT8, 1, 0, NULL, "zero"},
};

static char burning; /* its address is the `self` that burns; NULL sleeps */

static int spin_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    const char *work = setup->params[0].text;
    bool burn = strcmp(work, "burn") == 0;
    if (!burn && strcmp(work, "sleep") != 0)
        return setup->refuse(setup, "params.work is '%s'; it should be sleep or burn", work);
    *self = burn ? &burning : NULL;
    shape->n_outputs = COUNT_OF(spin_outputs);
    shape->outputs = spin_outputs;
    return 0;
}

static double now_s(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The kernel usually adds 50 µs to a sleep, to wake several at once; that would be much of an item here. The thread is
   the engine's, so it gets its own slack back. */
static void sleep_until(double until_s) {
    struct timespec t = {.tv_sec = (time_t)until_s};
    t.tv_nsec = (long)((until_s - (double)t.tv_sec) * 1e9);
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0) {
    }
    prctl(PR_SET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL);
}

static int64_t thread_id(void) {
    static _Thread_local int64_t id; /* a system call, too slow for every item of no cost */
    if (id == 0)
        id = (int64_t)syscall(SYS_gettid);
    return id;
}

static int spin_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    (void)context;
    const double *cost_s = block->in[0];
    double *start_s = block->out[0], *end_s = block->out[1];
    int64_t *thread = block->out[2];
    for (int64_t k = 0; k < block->n; k++) {
        thread[k] = thread_id();
        start_s[k] = now_s(CLOCK_MONOTONIC);
        if (cost_s && self) {
            double until_s = now_s(CLOCK_THREAD_CPUTIME_ID) + cost_s[k];
            while (now_s(CLOCK_THREAD_CPUTIME_ID) < until_s) {
            }
        } else if (cost_s) {
            sleep_until(start_s[k] + cost_s[k]);
        }
        end_s[k] = now_s(CLOCK_MONOTONIC);
    }
    return 0;
}

static int noop_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    (void)setup;
    (void)self;
    shape->n_outputs = COUNT_OF(noop_outputs);
    shape->outputs = noop_outputs;
    return 0;
}

static int noop_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    (void)self;
    (void)context;
    memset(block->out[0], 0, (size_t)block->n);
    return 0;
}

SHEAF_EXPORT const struct sheaf_kernel sheaf_kernel_spin = {
    .head = SHEAF_KERNEL(spin),
    .version = "1",
    .summary = "takes cost_s seconds and says when",
    .n_params = COUNT_OF(params),
    .params = params,
    .n_inputs = COUNT_OF(inputs),
    .inputs = inputs,
    .open = spin_open,
    .map = spin_map,
};

SHEAF_EXPORT const struct sheaf_kernel sheaf_kernel_noop = {
    .head = SHEAF_KERNEL(noop),
    .version = "1",
    .summary = "does nothing",
    .open = noop_open,
    .map = noop_map,
};
