/*
 * tiling - where the chunks of a dataset lie, so that threads can read them without HDF5 (core/tile.h). Private to store/.
 */
#ifndef SHEAF_STORE_TILING_H
#define SHEAF_STORE_TILING_H

#include <stdbool.h>
#include <stdint.h>

#include <hdf5.h>

#include <sheaf/kernel.h>

#include "core/tile.h"

/* Whether all values of a dataset, which lies in a file of n_bytes, are in tiles of its rows that threads can decode: their
   tables are then in *tiling, to be released with sheaf_tiling_free in any case. */
bool sheaf_tiling_find(hid_t dataset, const struct sheaf_field *field, int64_t n_items, int64_t n_bytes,
                       struct sheaf_tiling *tiling);

void sheaf_tiling_free(struct sheaf_tiling *tiling);

#endif
