/*
 * tile - a chunk of an HDF5 dataset, as HDF5 calls it: rows that lie in the file by themselves, filtered. Filters are undone
 * here by any thread, without HDF5, which only one thread may call.
 */
#ifndef SHEAF_CORE_TILE_H
#define SHEAF_CORE_TILE_H

#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"

enum sheaf_filter { SHEAF_SHUFFLE = 1, SHEAF_DEFLATE, SHEAF_FLETCHER32 };
enum { SHEAF_TILE_FILTERS = 3 };

/* Where a tile lies in the file. */
struct sheaf_tile {
    int64_t offset;
    uint32_t n_bytes;
    uint32_t skipped; /* bit i: filter i was not applied */
};

/* How the rows of a dataset lie in tiles. Plain but for the table, which ranks may share. */
struct sheaf_tiling {
    int64_t n_items;
    int64_t rows; /* of a tile; of the last one fewer may count, but it has as many */
    int64_t n_tiles;
    int64_t n_bytes; /* of a tile's values */
    int32_t n_filters;
    int32_t filters[SHEAF_TILE_FILTERS]; /* enum sheaf_filter, each once at most, as they were applied */
    int64_t element;                     /* bytes of what shuffle takes as one value */
    const struct sheaf_tile *tiles;      /* [n_tiles] */
};

/* What a thread has for undoing filters. Starts as {0}. */
struct sheaf_tile_decoder {
    void *stream; /* zlib's */
    struct sheaf_buffer scratch;
};

/* Bytes that sheaf_tile_decode may write, a little more than the values. */
size_t sheaf_tile_room(const struct sheaf_tiling *tiling);

/* The values of a tile of which these are the stored bytes, into values[sheaf_tile_room()]. What is damaged is an error that
   says how, but not where. */
int sheaf_tile_decode(struct sheaf_tile_decoder *decoder, const struct sheaf_tiling *tiling,
                      const struct sheaf_tile *tile, const char *stored, char *values, struct sheaf_error *error);

void sheaf_tile_close(struct sheaf_tile_decoder *decoder);

#endif
