#include "app/tiled.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sheaf_tiled_describe(struct tiled_place *place, const struct sheaf_tiling *tiling, const char *dataset,
                          int64_t *n_tiles) {
    *place = (struct tiled_place){.tiling = *tiling, .first = *n_tiles};
    place->tiling.tiles = NULL;
    snprintf(place->dataset, sizeof place->dataset, "%s", dataset);
    *n_tiles += tiling->n_tiles;
}

/* What rank 0 knows. */
struct known_tilings {
    const struct sheaf_tiling *const *tilings;
    int n_inputs;
};

static int fill(void *context, void *memory, struct sheaf_error *error) {
    const struct known_tilings *known = context;
    struct sheaf_tile *to = memory;
    (void)error;
    for (int k = 0; k < known->n_inputs; k++) {
        const struct sheaf_tiling *tiling = known->tilings[k];
        if (!tiling)
            continue;
        memcpy(to, tiling->tiles, (size_t)tiling->n_tiles * sizeof *to);
        to += tiling->n_tiles;
    }
    return 0;
}

int sheaf_tiled_share(struct tiled *t, struct comm *comm, const struct sheaf_tiling *const *tilings, int n_inputs,
                      int64_t n_tiles, struct sheaf_error *error) {
    struct known_tilings known = {tilings, n_inputs};
    const void *memory = NULL;
    if (sheaf_comm_share(comm, (struct comm_region){"where the chunks of the input lie", COMM_STAGE, NULL},
                         (size_t)n_tiles * sizeof *t->table, fill, &known, &memory, error))
        return -1;
    t->table = memory;
    return 0;
}

int sheaf_tiled_open(struct tiled *t, struct tiled_place *places, int n_inputs, int n_threads, const char *path,
                     const char *file, struct sheaf_error *error) {
    t->places = places;
    if (!t->table)
        return 0;
    struct tile_source *sources = calloc((size_t)n_inputs + 1, sizeof *sources);
    if (!sources)
        return sheaf_fail_memory(error, path);
    for (int k = 0; k < n_inputs; k++) {
        if (places[k].tiling.n_tiles == 0)
            continue;
        places[k].tiling.tiles = t->table + places[k].first;
        sources[k] = (struct tile_source){&places[k].tiling, places[k].dataset};
    }
    int rc = sheaf_tile_cache_open(&t->cache, sources, n_inputs, n_threads, path, file, error);
    t->open = rc == 0;
    free(sources);
    return rc;
}

const struct sheaf_tiling *sheaf_tiled_find(const struct tiled *t, int input) {
    return t->open ? t->cache.fields[input].tiling : NULL;
}

void sheaf_tiled_close(struct tiled *t) {
    sheaf_tile_cache_close(&t->cache);
    free(t->places);
    *t = (struct tiled){.table = t->table};
}
