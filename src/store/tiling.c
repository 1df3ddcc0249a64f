#include "store/tiling.h"

#include <stdlib.h>
#include <string.h>

#include "core/type.h"

/* What is kept of a dataset with smaller chunks, or the memory that its threads have for larger ones, would be too much;
   one thread reads these through HDF5. */
static const int64_t most_tile_bytes = INT64_C(16) << 20; /* netCDF's own choice, too */
static const int64_t few_tiles = INT64_C(1) << 16;
static const int64_t least_tile_bytes = 4096; /* where there are more */

/* Some versions of HDF5 have no function for all chunks, and go through all up to the one that they are asked for. */
#if H5_VERSION_GE(1, 12, 3) || (H5_VERSION_GE(1, 10, 10) && !H5_VERSION_GE(1, 11, 0))
#define HAS_CHUNK_ITER
#else
static const int64_t most_looked_up = 10000; /* a second */
#endif

/* --- how the rows are cut and filtered ----------------------------------------------------------------------------- */

/* Whether the chunks have whole rows, none of which begins elsewhere than its values. */
static bool find_rows(hid_t creation, const struct sheaf_field *field, int64_t n_items, struct sheaf_tiling *tiling) {
    hsize_t dims[2] = {0, 1};
    unsigned options = 0;
    const int rank = H5Pget_chunk(creation, 2, dims);
    if (rank < 1 || rank > 2 || dims[1] != (hsize_t)field->width || n_items == 0)
        return false;
    if (H5Pget_chunk_opts(creation, &options) < 0 || options) /* a last chunk without filters */
        return false;
    tiling->n_items = n_items;
    tiling->rows = (int64_t)dims[0];
    tiling->n_tiles = (n_items + tiling->rows - 1) / tiling->rows;
    tiling->n_bytes = tiling->rows * (int64_t)sheaf_field_row_bytes(field);
    return tiling->n_bytes <= most_tile_bytes && (tiling->n_tiles <= few_tiles || tiling->n_bytes >= least_tile_bytes);
}

static bool find_filter(hid_t creation, unsigned i, struct sheaf_tiling *tiling) {
    unsigned flags = 0, values[8] = {0}, config = 0;
    size_t n_values = sizeof values / sizeof *values;
    const H5Z_filter_t filter = H5Pget_filter2(creation, i, &flags, &n_values, values, 0, NULL, &config);
    int32_t kind = 0;
    if (filter == H5Z_FILTER_SHUFFLE && n_values == 1 && values[0] > 0) {
        kind = SHEAF_SHUFFLE;
        tiling->element = values[0];
    } else if (filter == H5Z_FILTER_DEFLATE) {
        kind = SHEAF_DEFLATE;
    } else if (filter == H5Z_FILTER_FLETCHER32) {
        kind = SHEAF_FLETCHER32;
    }
    for (unsigned k = 0; k < i; k++)
        if (tiling->filters[k] == kind)
            return false;
    tiling->filters[i] = kind;
    return kind != 0;
}

static bool find_filters(hid_t creation, struct sheaf_tiling *tiling) {
    tiling->n_filters = H5Pget_nfilters(creation);
    tiling->element = 1;
    bool known = tiling->n_filters >= 0 && tiling->n_filters <= SHEAF_TILE_FILTERS;
    for (int i = 0; known && i < tiling->n_filters; i++)
        known = find_filter(creation, (unsigned)i, tiling);
    return known;
}

/* --- where they lie ------------------------------------------------------------------------------------------------ */

static bool look_up(hid_t dataset, int64_t rows, int64_t i, struct sheaf_tile *tile) {
    const hsize_t first[2] = {(hsize_t)(i * rows), 0};
    unsigned skipped = 0;
    haddr_t at = HADDR_UNDEF;
    hsize_t n_bytes = 0;
    if (H5Dget_chunk_info_by_coord(dataset, first, &skipped, &at, &n_bytes) < 0 || at == HADDR_UNDEF ||
        at > INT64_MAX || n_bytes > UINT32_MAX)
        return false; /* one that was never written has no place */
    *tile = (struct sheaf_tile){(int64_t)at, (uint32_t)n_bytes, skipped};
    return true;
}

#ifdef HAS_CHUNK_ITER
struct visit {
    struct sheaf_tile *tiles;
    const struct sheaf_tiling *tiling;
};

static int visit(const hsize_t *first, unsigned skipped, haddr_t at, hsize_t n_bytes, void *context) {
    const struct visit *v = context;
    const int64_t i = (int64_t)first[0] / v->tiling->rows;
    if (i < v->tiling->n_tiles && at <= INT64_MAX && n_bytes <= UINT32_MAX)
        v->tiles[i] = (struct sheaf_tile){(int64_t)at, (uint32_t)n_bytes, skipped};
    return H5_ITER_CONT;
}

static bool find_all(hid_t dataset, const struct sheaf_tiling *tiling, struct sheaf_tile *tiles) {
    struct visit v = {tiles, tiling};
    struct sheaf_tile last;
    const int64_t i = tiling->n_tiles - 1;
    return H5Dchunk_iter(dataset, H5P_DEFAULT, visit, &v) >= 0 && look_up(dataset, tiling->rows, i, &last) &&
           last.offset == tiles[i].offset;
}
#else
static bool find_all(hid_t dataset, const struct sheaf_tiling *tiling, struct sheaf_tile *tiles) {
    for (int64_t i = 0; i < tiling->n_tiles; i++)
        if (tiling->n_tiles > most_looked_up || !look_up(dataset, tiling->rows, i, &tiles[i]))
            return false;
    return true;
}
#endif

static bool find_tiles(hid_t dataset, int64_t n_bytes, struct sheaf_tiling *tiling) {
    struct sheaf_tile *tiles = calloc((size_t)tiling->n_tiles, sizeof *tiles);
    tiling->tiles = tiles;
    if (!tiles || !find_all(dataset, tiling, tiles))
        return false;
    for (int64_t i = 0; i < tiling->n_tiles; i++)
        if (tiles[i].n_bytes == 0 || tiles[i].offset > n_bytes - tiles[i].n_bytes)
            return false;
    return true;
}

/* Addresses count from behind a block of the user's own, which not all versions of HDF5 add. */
static bool begins_at_0(hid_t dataset) {
    hsize_t n_bytes = 1;
    hid_t file = H5Iget_file_id(dataset), creation = file >= 0 ? H5Fget_create_plist(file) : H5I_INVALID_HID;
    if (creation < 0 || H5Pget_userblock(creation, &n_bytes) < 0)
        n_bytes = 1;
    if (creation >= 0)
        H5Pclose(creation);
    if (file >= 0)
        H5Fclose(file);
    return n_bytes == 0;
}

bool sheaf_tiling_find(hid_t dataset, const struct sheaf_field *field, int64_t n_items, int64_t n_bytes,
                       struct sheaf_tiling *tiling) {
    *tiling = (struct sheaf_tiling){0};
    hid_t creation = H5Dget_create_plist(dataset);
    const bool found = creation >= 0 && H5Pget_layout(creation) == H5D_CHUNKED && begins_at_0(dataset) &&
                       find_rows(creation, field, n_items, tiling) && find_filters(creation, tiling) &&
                       find_tiles(dataset, n_bytes, tiling);
    H5Eclear2(H5E_DEFAULT);
    if (creation >= 0)
        H5Pclose(creation);
    return found;
}

void sheaf_tiling_free(struct sheaf_tiling *tiling) {
    free((struct sheaf_tile *)(uintptr_t)tiling->tiles);
    *tiling = (struct sheaf_tiling){0};
}
