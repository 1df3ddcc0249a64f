/*
 * tiled - inputs whose chunks the threads read and inflate themselves (plan/tile_cache.h): every rank that opens the files
 * knows where these lie, from a table that is there once on each node.
 */
#ifndef SHEAF_APP_TILED_H
#define SHEAF_APP_TILED_H

#include "comm/comm.h"
#include "core/error.h"
#include "core/tile.h"
#include "plan/tile_cache.h"

/* How an input lies in tiles. Plain: it travels. */
struct tiled_place {
    struct sheaf_tiling tiling; /* its table is NULL while it travels; n_tiles is 0 where it does not lie so */
    int64_t first;              /* of its tiles in the table of all inputs */
    char dataset[256];          /* for messages; cut where it is longer */
};

/* Rank 0: that an input lies so, which is the next one in the table. */
void sheaf_tiled_describe(struct tiled_place *place, const struct sheaf_tiling *tiling, const char *dataset,
                          int64_t *n_tiles);

struct tiled {
    const struct sheaf_tile *table; /* of all inputs, in memory that ranks share; NULL: there are none */
    struct tiled_place *places;     /* [n_inputs] */
    struct tile_cache cache;        /* where this rank opens the files */
    bool open;
};

/* Gives all ranks the table: of n_tiles, of tilings[n_inputs] that rank 0 has, NULL where an input has none. Collective;
   agrees on the outcome. */
int sheaf_tiled_share(struct tiled *tiled, struct comm *comm, const struct sheaf_tiling *const *tilings, int n_inputs,
                      int64_t n_tiles, struct sheaf_error *error);

/* On a rank that has mapped the file: for its threads. Nothing where no place is tiled. places[n_inputs] is taken over, and
   released also after an error. */
int sheaf_tiled_open(struct tiled *tiled, struct tiled_place *places, int n_inputs, int n_threads, const char *path,
                     const char *file, struct sheaf_error *error);

/* The tiling of an input that the threads of this rank decode, or NULL. */
const struct sheaf_tiling *sheaf_tiled_find(const struct tiled *tiled, int input);

void sheaf_tiled_close(struct tiled *tiled);

#endif
