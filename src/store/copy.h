/*
 * copy - the values of the items into their datasets in a results file that is being made.
 *
 * Numbers that several threads may read at a time are written by these at the datasets' own offsets; all else goes
 * through HDF5, in windows. Private to store/.
 */
#ifndef SHEAF_STORE_COPY_H
#define SHEAF_STORE_COPY_H

#include <hdf5.h>

#include "core/error.h"
#include "job/items.h"

/* Fills datasets[n_fields], which are contiguous and allocated, or texts of the type `text`, in the file at a path. */
int sheaf_copy_items(struct items *items, const hid_t *datasets, hid_t text, const char *path,
                     struct sheaf_error *error);

#endif
