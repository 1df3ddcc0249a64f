#include "exec/team.h"

#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/futex.h"
#include "core/type.h"
#include "exec/worker.h"

/* A grain is this much work where blocks are cheap, so that taking one and writing its rows cost next to nothing. */
static const double grain_s = 500e-6;

struct team {
    const struct binding *kernel;
    struct row_sink *sink;
    int n_threads;
    struct worker *workers; /* [n_threads] */

    pthread_mutex_t lock;             /* guards what follows, up to `events` */
    struct chunk *queue[TEAM_CHUNKS]; /* posted, not all taken */
    int n_queued;
    int64_t taken; /* blocks taken of queue[0] */
    int n_busy;    /* grains at work */
    bool drain;    /* no more grains are taken */
    bool stop;     /* threads leave at the next grain */
    bool broken;
    struct sheaf_error error; /* the first */
    struct team_counts counts;
    struct failure *failures; /* [n_failures] not yet shipped */
    int64_t n_failures, most_failures;

    _Atomic uint32_t events; /* futex of thread 0 */
    _Atomic uint32_t posts;  /* futex of the compute threads */
    pthread_mutex_t serial;  /* held around map where the kernel is not thread-safe */
};

/* A run of blocks of one chunk. */
struct grain {
    struct chunk *chunk;
    int64_t first, n;
};

int sheaf_team_cores(void) {
    return omp_get_num_procs();
}

static void raise_event(struct team *team) {
    atomic_fetch_add(&team->events, 1);
    sheaf_futex_wake(&team->events);
}

/* Takes the next grain; false when there is none now. Small near a chunk's end, so that threads end together. */
static bool take_grain(struct team *team, struct grain *grain) {
    bool taken = false;
    pthread_mutex_lock(&team->lock);
    if (team->n_queued && !team->stop && !team->drain) {
        struct chunk *chunk = team->queue[0];
        int64_t left = chunk->blocks.n - team->taken, n = left / (4 * team->n_threads);
        double block_s = team->counts.block_s;
        if (block_s * (double)n > grain_s)
            n = (int64_t)(grain_s / block_s);
        n = n < 1 ? 1 : n;
        *grain = (struct grain){chunk, team->taken, n};
        team->taken += n;
        if (team->taken == chunk->blocks.n) {
            team->n_queued--;
            memmove(team->queue, team->queue + 1, (size_t)team->n_queued * sizeof *team->queue);
            team->taken = 0;
        }
        team->n_busy++;
        taken = true;
    }
    pthread_mutex_unlock(&team->lock);
    return taken;
}

static void break_team(struct team *team, const struct sheaf_error *error) {
    pthread_mutex_lock(&team->lock);
    if (!team->broken)
        team->error = *error;
    team->broken = team->stop = true;
    pthread_mutex_unlock(&team->lock);
    raise_event(team);
}

/* Leaves the worker's failures for thread 0. Without memory the messages are lost, the statuses are not. */
static void hand_failures(struct team *team, struct worker *worker) {
    int64_t n = team->n_failures + worker->n_failures;
    if (n > team->most_failures) {
        struct failure *failures = realloc(team->failures, (size_t)(2 * n) * sizeof *failures);
        if (!failures)
            return;
        team->failures = failures;
        team->most_failures = 2 * n;
    }
    memcpy(team->failures + team->n_failures, worker->failures, (size_t)worker->n_failures * sizeof *worker->failures);
    team->n_failures = n;
}

/* Writes the grain's rows and counts them. */
static int write_grain(struct team *team, const struct grain *grain, const struct worker *worker,
                       struct team_counts *counts, struct sheaf_error *error) {
    struct chunk *chunk = grain->chunk;
    const struct binding *kernel = team->kernel;
    const void **columns = malloc((size_t)kernel->n_outputs * sizeof *columns);
    if (!columns)
        return sheaf_fail_memory(error, "writing rows");
    int64_t at = grain->first * kernel->block, n = grain->n * kernel->block;
    for (int c = 0; c < kernel->n_outputs; c++)
        columns[c] = (char *)chunk->out[c] + (size_t)at * sheaf_field_row_bytes(&kernel->outputs[c]);
    struct rows rows = {
        .first = chunk->first_item + at,
        .n = at + n < chunk->n_items ? n : chunk->n_items - at,
        .first_block = chunk->blocks.first + grain->first,
        .n_blocks = grain->n,
        .columns = columns,
        .status = chunk->status + at,
        .seconds = chunk->seconds + grain->first,
        .n_failures = worker->n_failures,
        .failures = worker->failures,
    };
    int rc = sheaf_row_sink_write(team->sink, &rows, error);
    sheaf_row_sink_count(team->sink, &rows, &counts->n_done, &counts->n_failed);
    free(columns);
    return rc;
}

/* Adds what the grain did to the team's counts and says that its blocks are final. */
static void finish_grain(struct team *team, const struct grain *grain, struct worker *worker,
                         const struct team_counts *did) {
    struct chunk *chunk = grain->chunk;
    struct team_counts *counts = &team->counts;
    double block_s = did->busy_s / (double)grain->n;
    pthread_mutex_lock(&team->lock);
    if (!team->sink && worker->n_failures)
        hand_failures(team, worker);
    counts->n_done += did->n_done;
    counts->n_failed += did->n_failed;
    counts->busy_s += did->busy_s;
    counts->block_s = counts->block_s > 0 ? 0.75 * counts->block_s + 0.25 * block_s : block_s;
    worker->n_failures = 0;
    for (int64_t b = grain->first; b < grain->first + grain->n; b++)
        atomic_store_explicit(&chunk->finished[b], 1, memory_order_release);
    bool last_of_chunk = atomic_fetch_sub(&chunk->n_unfinished, grain->n) == grain->n;
    team->n_busy--;
    bool drained = team->drain && team->n_busy == 0;
    pthread_mutex_unlock(&team->lock);
    if (last_of_chunk || drained)
        raise_event(team); /* the chunk is thread 0's again */
}

static int run_grain(struct team *team, struct worker *worker, const struct grain *grain, struct sheaf_error *error) {
    struct team_counts did = {.busy_s = -worker->busy_s};
    for (int64_t b = grain->first; b < grain->first + grain->n; b++) {
        if (team->kernel->serial)
            pthread_mutex_lock(&team->serial);
        int rc = sheaf_worker_block(worker, grain->chunk, b, error);
        if (team->kernel->serial)
            pthread_mutex_unlock(&team->serial);
        if (rc)
            return -1;
    }
    did.busy_s += worker->busy_s;
    if (team->sink && write_grain(team, grain, worker, &did, error))
        return -1;
    finish_grain(team, grain, worker, &did);
    return 0;
}

static bool stopped(struct team *team) {
    pthread_mutex_lock(&team->lock);
    bool stop = team->stop;
    pthread_mutex_unlock(&team->lock);
    return stop;
}

static void compute(struct team *team, struct worker *worker) {
    struct grain grain;
    struct sheaf_error error = {0};
    for (;;) {
        uint32_t seen = atomic_load(&team->posts);
        if (take_grain(team, &grain)) {
            if (run_grain(team, worker, &grain, &error))
                break_team(team, &error);
        } else if (stopped(team)) {
            return;
        } else {
            sheaf_futex_wait(&team->posts, seen, -1);
        }
    }
}

static void stop_team(struct team *team) {
    pthread_mutex_lock(&team->lock);
    team->stop = true;
    pthread_mutex_unlock(&team->lock);
    atomic_fetch_add(&team->posts, 1);
    sheaf_futex_wake(&team->posts);
}

int sheaf_team_run(struct team *team, void (*talk)(void *context), void *context, struct sheaf_error *error) {
    int granted = 0;
    omp_set_dynamic(0);
#pragma omp parallel num_threads(team->n_threads + 1) default(none) shared(team, talk, context, granted)
    {
        if (omp_get_thread_num() > 0) {
            compute(team, &team->workers[omp_get_thread_num() - 1]);
        } else {
            granted = omp_get_num_threads();
            if (granted == team->n_threads + 1)
                talk(context);
            stop_team(team);
        }
    }
    if (granted != team->n_threads + 1)
        return sheaf_fail(error, "OpenMP gave %d threads of %d; unset OMP_THREAD_LIMIT or ask for fewer (--threads)",
                          granted - 1, team->n_threads);
    return 0;
}

void sheaf_team_post(struct team *team, struct chunk *chunk) {
    pthread_mutex_lock(&team->lock);
    team->queue[team->n_queued++] = chunk;
    pthread_mutex_unlock(&team->lock);
    atomic_fetch_add(&team->posts, 1);
    sheaf_futex_wake(&team->posts);
}

void sheaf_team_drain(struct team *team) {
    pthread_mutex_lock(&team->lock);
    team->drain = true;
    pthread_mutex_unlock(&team->lock);
}

bool sheaf_team_idle(struct team *team) {
    pthread_mutex_lock(&team->lock);
    bool idle = team->drain && team->n_busy == 0;
    pthread_mutex_unlock(&team->lock);
    return idle;
}

int sheaf_team_failures(struct team *team, struct failure **failures, int64_t *n, int64_t *most,
                        struct sheaf_error *error) {
    int rc = 0;
    pthread_mutex_lock(&team->lock);
    if (team->n_failures && *n + team->n_failures > *most) {
        int64_t wanted = *n + team->n_failures;
        struct failure *grown = realloc(*failures, (size_t)wanted * sizeof *grown);
        if (grown) {
            *failures = grown;
            *most = wanted;
        } else {
            rc = sheaf_fail_memory(error, "messages of failed items");
        }
    }
    if (rc == 0 && team->n_failures) {
        memcpy(*failures + *n, team->failures, (size_t)team->n_failures * sizeof **failures);
        *n += team->n_failures;
        team->n_failures = 0;
    }
    pthread_mutex_unlock(&team->lock);
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

int sheaf_team_open(struct team **made, int n_threads, const struct binding *kernel, const void *shared,
                    struct row_sink *sink, struct sheaf_error *error) {
    struct team *team = calloc(1, sizeof *team);
    *made = team;
    if (!team)
        return sheaf_fail_memory(error, "the team");
    team->kernel = kernel;
    team->sink = sink;
    pthread_mutex_init(&team->lock, NULL);
    pthread_mutex_init(&team->serial, NULL);
    team->workers = calloc((size_t)n_threads, sizeof *team->workers);
    if (!team->workers)
        return sheaf_fail_memory(error, "the team");
    for (; team->n_threads < n_threads; team->n_threads++)
        if (sheaf_worker_open(&team->workers[team->n_threads], kernel, shared, error)) {
            sheaf_worker_close(&team->workers[team->n_threads]);
            return -1;
        }
    return 0;
}

void sheaf_team_close(struct team *team) {
    if (!team)
        return;
    for (int i = 0; i < team->n_threads; i++)
        sheaf_worker_close(&team->workers[i]);
    free(team->workers);
    free(team->failures);
    pthread_mutex_destroy(&team->lock);
    pthread_mutex_destroy(&team->serial);
    free(team);
}
