/*
 * fetch - the input rows of a grain that a compute thread decodes itself (plan/tile_cache.h).
 */
#ifndef SHEAF_EXEC_FETCH_H
#define SHEAF_EXEC_FETCH_H

#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"
#include "core/tile.h"
#include "plan/chunk.h"

/* A thread's own. Starts as {0}. */
struct fetched {
    struct sheaf_tile_decoder decoder;
    struct sheaf_buffer rows;
    const char **columns; /* [n_inputs] rows of the grain's items; NULL where the input is not decoded */
    int64_t first_item;
};

/* Decodes the rows of a grain's blocks, which are of a chunk. What is damaged is an error. */
int sheaf_fetch(struct fetched *fetched, const struct chunk_shape *shape, struct span chunk, struct span blocks,
                struct sheaf_error *error);

void sheaf_fetch_close(struct fetched *fetched);

#endif
