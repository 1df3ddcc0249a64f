#include "plan/pool.h"

#include <string.h>

#include "core/futex.h"
#include "core/type.h"

static const int64_t usual_grain_ns = 250000; /* taking a grain and writing its rows then cost next to nothing */

static const size_t seats_bytes = (size_t)32 << 20;
enum { LEAST_SEATS = 4 };

static int32_t count_seats(size_t seat_bytes) {
    size_t n = seat_bytes > 0 ? seats_bytes / seat_bytes : POOL_SEATS;
    return (int32_t)(n < LEAST_SEATS ? LEAST_SEATS : n < POOL_SEATS ? n : POOL_SEATS);
}

size_t sheaf_pool_bytes(size_t seat_bytes) {
    size_t each = sheaf_round_up(seat_bytes, SHEAF_ALIGN);
    return sheaf_round_up(sizeof(struct pool), SHEAF_ALIGN) + (size_t)count_seats(each) * each;
}

void sheaf_pool_open(struct pool *pool, size_t seat_bytes) {
    memset(pool, 0, sizeof *pool);
    pool->seat_bytes = sheaf_round_up(seat_bytes, SHEAF_ALIGN);
    pool->n_seats = count_seats(pool->seat_bytes);
    pool->grain_ns = usual_grain_ns;
}

char *sheaf_pool_data(struct pool *pool, int seat) {
    return (char *)pool + sheaf_round_up(sizeof *pool, SHEAF_ALIGN) + (size_t)seat * pool->seat_bytes;
}

int sheaf_pool_free_seat(const struct pool *pool) {
    for (int s = 0; s < pool->n_seats; s++)
        if (atomic_load_explicit(&pool->seats[s].n_unfinished, memory_order_acquire) == 0)
            return s;
    return -1;
}

void sheaf_pool_post(struct pool *pool, int seat, struct span blocks) {
    struct pool_seat *s = &pool->seats[seat];
    int64_t base = atomic_load_explicit(&pool->posted, memory_order_relaxed);
    atomic_store_explicit(&s->base, base, memory_order_relaxed);
    atomic_store_explicit(&s->first, blocks.first, memory_order_relaxed);
    atomic_store_explicit(&s->n_unfinished, blocks.n, memory_order_relaxed);
    atomic_store_explicit(&s->n, blocks.n, memory_order_release); /* behind `base`: see find_seat */
    atomic_store_explicit(&pool->posted, base + blocks.n, memory_order_release);
    sheaf_pool_wake(pool);
}

void sheaf_pool_close(struct pool *pool) {
    atomic_store(&pool->closed, true);
    sheaf_pool_wake(pool);
}

int64_t sheaf_pool_untaken(const struct pool *pool) {
    int64_t next = atomic_load(&pool->next); /* before `posted`, which is never behind it */
    return atomic_load(&pool->posted) - next;
}

/* The seat with a position; -1 if it was taken meanwhile. A seat that is just being filled anew may show its old base
   with its new n: whoever sees the new n then sees that the base has changed. */
static int find_seat(struct pool *pool, int64_t position, int64_t *base, int64_t *n) {
    int hint = atomic_load_explicit(&pool->hint, memory_order_relaxed);
    for (int k = 0; k < pool->n_seats; k++) {
        int s = hint + k < pool->n_seats ? hint + k : hint + k - pool->n_seats;
        const struct pool_seat *seat = &pool->seats[s];
        *base = atomic_load_explicit(&seat->base, memory_order_acquire);
        *n = atomic_load_explicit(&seat->n, memory_order_acquire);
        if (position >= *base && position - *base < *n &&
            atomic_load_explicit(&seat->base, memory_order_relaxed) == *base) {
            if (k > 0)
                atomic_store_explicit(&pool->hint, s, memory_order_relaxed);
            return s;
        }
    }
    return -1;
}

/* Blocks of a grain: small near the end of what is there, so that threads end together. */
static int64_t grain_blocks(const struct pool *pool, int64_t untaken) {
    int64_t block_ns = atomic_load_explicit(&pool->block_ns, memory_order_relaxed);
    int32_t n_threads = atomic_load_explicit(&pool->n_threads, memory_order_relaxed);
    int64_t n = untaken / (4 * (n_threads > 0 ? n_threads : 1));
    if (block_ns > 0 && n > pool->grain_ns / block_ns)
        n = pool->grain_ns / block_ns;
    if (pool->most_grain > 0 && n > pool->most_grain)
        n = pool->most_grain;
    return n < 1 ? 1 : n;
}

bool sheaf_pool_take(struct pool *pool, struct grain *grain) {
    int64_t next = atomic_load_explicit(&pool->next, memory_order_acquire);
    for (;;) {
        int64_t posted = atomic_load_explicit(&pool->posted, memory_order_acquire);
        if (next >= posted)
            return false;
        int64_t base, n_posted;
        int s = find_seat(pool, next, &base, &n_posted);
        if (s < 0) {
            next = atomic_load_explicit(&pool->next, memory_order_acquire);
            continue;
        }
        int64_t at = next - base, n = grain_blocks(pool, posted - next);
        n = n < n_posted - at ? n : n_posted - at;
        int64_t first = atomic_load_explicit(&pool->seats[s].first, memory_order_relaxed);
        *grain = (struct grain){s, {first + at, n}};
        /* Success means that nobody took the block in between, so its chunk was in the seat all the time. */
        if (atomic_compare_exchange_weak_explicit(&pool->next, &next, next + n, memory_order_acq_rel,
                                                  memory_order_acquire))
            return true;
    }
}

bool sheaf_pool_finish(struct pool *pool, const struct grain *grain, double busy_s) {
    struct pool_seat *seat = &pool->seats[grain->seat];
    atomic_fetch_add_explicit(&pool->busy_ns, (int64_t)(busy_s * 1e9), memory_order_relaxed);
    atomic_fetch_add_explicit(&pool->n_finished, grain->blocks.n, memory_order_relaxed);
    return atomic_fetch_sub_explicit(&seat->n_unfinished, grain->blocks.n, memory_order_acq_rel) == grain->blocks.n;
}

void sheaf_pool_wake(struct pool *pool) {
    atomic_fetch_add(&pool->posts, 1);
    sheaf_futex_wake(&pool->posts);
}
