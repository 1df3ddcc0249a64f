/*
 * tile_cache - the tiles (core/tile.h) that the threads of a rank have decoded last, so that one is decoded once though
 * several take rows of it.
 *
 * Tiles are often larger than what a thread takes at a time. Who needs one that another thread is at work on decodes one of
 * those that come next meanwhile, and waits only where there is none. Memory is some tiles a field, whatever the number of
 * items: see most_tiles().
 */
#ifndef SHEAF_PLAN_TILE_CACHE_H
#define SHEAF_PLAN_TILE_CACHE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/tile.h"

enum tile_state { TILE_NONE, TILE_AT_WORK, TILE_READY };

struct tile_slot {
    int64_t tile;
    enum tile_state state;
    int n_users;      /* threads that copy from it */
    uint64_t used_at; /* the cache's count then */
    char *values;     /* NULL: none yet */
};

struct tile_field {
    const struct sheaf_tiling *tiling; /* borrowed; NULL: the field is none of the cache's */
    const char *name;                  /* of the dataset, borrowed */
    size_t row_bytes;
    int n_slots;
    struct tile_slot *slots;
};

struct tile_cache {
    const char *path; /* of the file, */
    const char *file; /* and its bytes; both borrowed */
    int n_threads, n_fields;
    struct tile_field *fields;
    pthread_mutex_t lock; /* guards the slots but for their values */
    pthread_cond_t changed;
    uint64_t count; /* of slots taken */
};

/* What is cached of a field. */
struct tile_source {
    const struct sheaf_tiling *tiling;
    const char *name;
};

/* sources[n_fields]; tiling is NULL for fields that are none of the cache's. */
int sheaf_tile_cache_open(struct tile_cache *cache, const struct tile_source *sources, int n_fields, int n_threads,
                          const char *path, const char *file, struct sheaf_error *error);

/* Copies the rows of items first … first + n - 1 to `to`. Items up to `end` may be decoded ahead: somebody will want them
   soon. Thread-safe; `decoder` is the thread's own. Damaged bytes are an error that names file, dataset and items. */
int sheaf_tile_cache_read(struct tile_cache *cache, int field, struct sheaf_tile_decoder *decoder, int64_t first,
                          int64_t n, int64_t end, char *to, struct sheaf_error *error);

/* The largest tile of all fields: its rows, and bytes of its values. */
void sheaf_tile_cache_largest(const struct tile_cache *cache, int64_t *rows, int64_t *n_bytes);

/* Also of one that was not opened, but is {0}. */
void sheaf_tile_cache_close(struct tile_cache *cache);

#endif
