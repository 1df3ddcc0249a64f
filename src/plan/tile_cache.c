#include "plan/tile_cache.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const int64_t thread_bytes = (int64_t)8 << 20; /* of decoded tiles, for each thread and field */

/* Tiles that are kept of a field: one for each thread, and two that were decoded ahead; of large ones fewer, but two. */
static int most_tiles(const struct sheaf_tiling *tiling, int n_threads) {
    const int64_t fit = n_threads * thread_bytes / tiling->n_bytes, most = n_threads + 2;
    return (int)(fit < 2 ? 2 : fit < most ? fit : most);
}

/* --- slots; the lock is held --------------------------------------------------------------------------------------- */

static struct tile_slot *find_tile(const struct tile_field *f, int64_t tile) {
    for (int i = 0; i < f->n_slots; i++)
        if (f->slots[i].state != TILE_NONE && f->slots[i].tile == tile)
            return &f->slots[i];
    return NULL;
}

/* The slot that nobody uses and was used least lately, or NULL. */
static struct tile_slot *find_room(const struct tile_field *f) {
    struct tile_slot *oldest = NULL;
    for (int i = 0; i < f->n_slots; i++) {
        struct tile_slot *s = &f->slots[i];
        if (s->state == TILE_NONE)
            return s;
        if (s->state == TILE_READY && s->n_users == 0 && (!oldest || s->used_at < oldest->used_at))
            oldest = s;
    }
    return oldest;
}

/* The first tile behind `tile` that nobody has begun, up to the one of item `end` - 1; -1: none is to be decoded now. */
static int64_t find_ahead(const struct tile_cache *c, const struct tile_field *f, int64_t tile, int64_t end) {
    const int64_t last = (end - 1) / f->tiling->rows, behind = tile + c->n_threads;
    for (int64_t t = tile + 1; t <= last && t <= behind; t++)
        if (!find_tile(f, t))
            return find_room(f) ? t : -1;
    return -1;
}

/* --- decoding ------------------------------------------------------------------------------------------------------ */

static int decode(const struct tile_cache *c, const struct tile_field *f, struct tile_slot *slot,
                  struct sheaf_tile_decoder *decoder, struct sheaf_error *error) {
    const struct sheaf_tiling *tiling = f->tiling;
    const struct sheaf_tile *tile = &tiling->tiles[slot->tile];
    if (!slot->values)
        slot->values = malloc(sheaf_tile_room(tiling));
    if (!slot->values)
        return sheaf_fail_memory(error, c->path);
    if (sheaf_tile_decode(decoder, tiling, tile, c->file + tile->offset, slot->values, error) == 0)
        return 0;
    const int64_t first = slot->tile * tiling->rows, end = first + tiling->rows;
    return sheaf_error_prefix(error, "%s:%s: the bytes of items %" PRId64 " to %" PRId64 " are damaged: ", c->path,
                              f->name, first, (end < tiling->n_items ? end : tiling->n_items) - 1);
}

/* Decodes a tile into a slot that is free. The lock is held, but not meanwhile. */
static int fill(struct tile_cache *c, struct tile_field *f, struct tile_slot *slot, int64_t tile,
                struct sheaf_tile_decoder *decoder, struct sheaf_error *error) {
    slot->tile = tile;
    slot->state = TILE_AT_WORK;
    pthread_mutex_unlock(&c->lock);
    const int rc = decode(c, f, slot, decoder, error);
    pthread_mutex_lock(&c->lock);
    slot->state = rc ? TILE_NONE : TILE_READY;
    slot->used_at = ++c->count;
    pthread_cond_broadcast(&c->changed);
    return rc;
}

/* A slot with the tile, which stays until it is released. NULL: it cannot be decoded. */
static struct tile_slot *hold(struct tile_cache *c, struct tile_field *f, int64_t tile, int64_t end,
                              struct sheaf_tile_decoder *decoder, struct sheaf_error *error) {
    struct tile_slot *slot = NULL;
    struct sheaf_error ignored; /* who needs what was decoded ahead will hear of it */
    int rc = 0;
    bool looks_ahead = true;
    pthread_mutex_lock(&c->lock);
    while (rc == 0 && !((slot = find_tile(f, tile)) && slot->state == TILE_READY)) {
        struct tile_slot *room = find_room(f);
        const int64_t ahead = slot && looks_ahead ? find_ahead(c, f, tile, end) : -1;
        if (!slot && room)
            rc = fill(c, f, room, tile, decoder, error);
        else if (ahead >= 0)
            looks_ahead = fill(c, f, room, ahead, decoder, &ignored) == 0;
        else
            pthread_cond_wait(&c->changed, &c->lock);
    }
    if (rc == 0) {
        slot->n_users++;
        slot->used_at = ++c->count;
    }
    pthread_mutex_unlock(&c->lock);
    return rc ? NULL : slot;
}

static void release(struct tile_cache *c, struct tile_slot *slot) {
    pthread_mutex_lock(&c->lock);
    if (--slot->n_users == 0)
        pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

int sheaf_tile_cache_read(struct tile_cache *c, int field, struct sheaf_tile_decoder *decoder, int64_t first, int64_t n,
                          int64_t end, char *to, struct sheaf_error *error) {
    struct tile_field *f = &c->fields[field];
    const int64_t rows = f->tiling->rows, behind = first + n;
    for (int64_t at = first, some; at < behind; at += some) {
        const int64_t tile = at / rows, left = (tile + 1) * rows - at;
        some = left < behind - at ? left : behind - at;
        struct tile_slot *slot = hold(c, f, tile, end, decoder, error);
        if (!slot)
            return -1;
        memcpy(to, slot->values + (size_t)(at - tile * rows) * f->row_bytes, (size_t)some * f->row_bytes);
        release(c, slot);
        to += (size_t)some * f->row_bytes;
    }
    return 0;
}

/* --- opening ------------------------------------------------------------------------------------------------------- */

int sheaf_tile_cache_open(struct tile_cache *c, const struct tile_source *sources, int n_fields, int n_threads,
                          const char *path, const char *file, struct sheaf_error *error) {
    *c = (struct tile_cache){.path = path, .file = file, .n_threads = n_threads, .n_fields = n_fields};
    c->fields = calloc((size_t)n_fields + 1, sizeof *c->fields);
    if (!c->fields)
        return sheaf_fail_memory(error, path);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    for (int k = 0; k < n_fields; k++) {
        struct tile_field *f = &c->fields[k];
        f->tiling = sources[k].tiling;
        f->name = sources[k].name;
        if (!f->tiling)
            continue;
        f->row_bytes = (size_t)(f->tiling->n_bytes / f->tiling->rows);
        f->n_slots = most_tiles(f->tiling, n_threads);
        f->slots = calloc((size_t)f->n_slots, sizeof *f->slots);
        if (!f->slots)
            return sheaf_fail_memory(error, path);
    }
    return 0;
}

void sheaf_tile_cache_largest(const struct tile_cache *c, int64_t *rows, int64_t *n_bytes) {
    *rows = *n_bytes = 0;
    for (int k = 0; k < c->n_fields; k++) {
        const struct sheaf_tiling *tiling = c->fields[k].tiling;
        if (tiling && tiling->n_bytes > *n_bytes) {
            *rows = tiling->rows;
            *n_bytes = tiling->n_bytes;
        }
    }
}

void sheaf_tile_cache_close(struct tile_cache *c) {
    if (!c->fields)
        return;
    for (int k = 0; k < c->n_fields; k++) {
        for (int i = 0; c->fields[k].slots && i < c->fields[k].n_slots; i++)
            free(c->fields[k].slots[i].values);
        free(c->fields[k].slots);
    }
    free(c->fields);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->changed);
    c->fields = NULL;
}
