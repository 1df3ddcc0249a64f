/*
 * feeder - when a pool needs its next chunk, and how large: what its leader goes by.
 *
 * Pure arithmetic over the pool's counters; no messages.
 */
#ifndef SHEAF_APP_FEEDER_H
#define SHEAF_APP_FEEDER_H

#include <stdbool.h>
#include <stdint.h>

#include "plan/chunk.h"
#include "plan/handout.h"
#include "plan/pool.h"

struct feeder {
    struct pool *pool;
    bool eager;                  /* chunks are for this pool in any case: ask early */
    int64_t most_blocks;         /* that fit into a seat */
    int64_t n_longest;           /* blocks of the longest chunk so far */
    int64_t busy_ns, n_finished; /* of the pool, when the estimate was made */
    double block_s;              /* the estimate; 0: none yet */
};

void sheaf_feeder_open(struct feeder *feeder, struct pool *pool, const struct chunk_shape *shape, bool eager);

/* Whether the next chunk should be asked for now; brings the estimate up to date. */
bool sheaf_feeder_due(struct feeder *feeder);

/* What to ask. */
struct handout_ask sheaf_feeder_ask(const struct feeder *feeder);

/* A chunk has come: lets the threads draw from it, or closes the pool if it has no blocks. */
void sheaf_feeder_post(struct feeder *feeder, int seat, struct span blocks);

#endif
