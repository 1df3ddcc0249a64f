#include "app/feeder.h"

#include "core/type.h"

/* Ask when less work than this is left for each thread: before they run out, but late, since what a pool holds others
   cannot take. */
static const double low_s = 5e-3, low_eager_s = 25e-3;
/* Blocks that take longer are asked for when a thread is idle: the answer takes a millisecond, and a block that waits
   in one pool would be missed by another. */
static const double long_s = 0.1;
enum { GROWTH = 8 }; /* of chunks, while little is known */

void sheaf_feeder_open(struct feeder *feeder, struct pool *pool, const struct chunk_shape *shape, bool eager) {
    *feeder = (struct feeder){.pool = pool, .eager = eager, .most_blocks = INT64_MAX};
    size_t block_bytes = sheaf_chunk_block_bytes(shape);
    if (block_bytes) {
        feeder->most_blocks = (int64_t)((pool->seat_bytes - SHEAF_ALIGN) / block_bytes);
        feeder->most_blocks = feeder->most_blocks < 1 ? 1 : feeder->most_blocks;
    }
}

/* What a block costs, from all that was finished since it was found last. Not from fewer blocks than there are threads:
   of those begun together the quick ones are finished first. */
static void estimate(struct feeder *feeder) {
    struct pool *pool = feeder->pool;
    int64_t busy_ns = atomic_load(&pool->busy_ns), n = atomic_load(&pool->n_finished);
    if (n == feeder->n_finished || n - feeder->n_finished < atomic_load(&pool->n_threads))
        return;
    double block_s = 1e-9 * (double)(busy_ns - feeder->busy_ns) / (double)(n - feeder->n_finished);
    feeder->block_s = feeder->block_s > 0 ? 0.5 * feeder->block_s + 0.5 * block_s : block_s;
    feeder->block_s = feeder->block_s > 1e-9 ? feeder->block_s : 1e-9;
    feeder->busy_ns = busy_ns;
    feeder->n_finished = n;
    atomic_store(&pool->block_ns, (int64_t)(feeder->block_s * 1e9));
}

/* Blocks left at which the next chunk is due. */
static int64_t find_low(const struct feeder *feeder) {
    double n_threads = (double)atomic_load(&feeder->pool->n_threads);
    if (feeder->block_s == 0 || (!feeder->eager && feeder->block_s >= long_s))
        return feeder->eager ? (int64_t)n_threads : 0;
    double low = (feeder->eager ? low_eager_s : low_s) * n_threads / feeder->block_s + 1;
    return low < 1e15 ? (int64_t)low : INT64_C(1000000000000000);
}

bool sheaf_feeder_due(struct feeder *feeder) {
    struct pool *pool = feeder->pool;
    int64_t untaken = sheaf_pool_untaken(pool);
    if (atomic_load(&pool->closed))
        return false;
    if (atomic_load(&pool->alone))
        return atomic_load(&pool->n_safe) == atomic_load(&pool->posted); /* the next block may kill us */
    if (untaken >= atomic_load(&pool->low) && untaken > 0)
        return false;
    estimate(feeder);
    int64_t low = find_low(feeder);
    atomic_store(&pool->low, low);
    return untaken < low || atomic_load(&pool->posted) == 0 || (untaken == 0 && atomic_load(&pool->n_hungry) > 0);
}

struct handout_ask sheaf_feeder_ask(const struct feeder *feeder) {
    struct handout_ask ask = {
        .block_s = feeder->block_s,
        .n_threads = atomic_load(&feeder->pool->n_threads),
        .n_hungry = atomic_load(&feeder->pool->n_hungry),
        .most = feeder->most_blocks,
    };
    if (atomic_load(&feeder->pool->alone))
        ask.most = 1;
    int64_t grown = feeder->n_longest > 0 ? feeder->n_longest : ask.n_threads;
    if (grown < ask.most / GROWTH)
        ask.most = GROWTH * grown;
    return ask;
}

void sheaf_feeder_post(struct feeder *feeder, int seat, struct span blocks) {
    if (feeder->n_longest < blocks.n)
        feeder->n_longest = blocks.n;
    if (blocks.n > 0)
        sheaf_pool_post(feeder->pool, seat, blocks);
    else
        sheaf_pool_close(feeder->pool);
}
