/*
 * extent - the dimensions of items: the items of a stage in the order of their indices are its cells, the last dimension
 * fastest. What lies at an item's index in one dimension lies there in several too; only who names dimensions (store/create)
 * and reads them need know.
 */
#ifndef SHEAF_JOB_EXTENT_H
#define SHEAF_JOB_EXTENT_H

#include <stdint.h>

enum { EXTENT_MOST = 31 /* dimensions: HDF5 has 32, and an output may have one of its own */ };

struct dimension {
    const char *name;
    int64_t size;
};

struct extent {
    int n_dims;
    struct dimension dims[EXTENT_MOST]; /* [n_dims] */
};

/* The shape of what has `width` values for each item: the items' dimensions, and one of its own where these are several.
   How many dimensions that are. */
static inline int sheaf_extent_shape(const struct extent *extent, int64_t width, int64_t shape[EXTENT_MOST + 1]) {
    int rank = 0;
    for (; rank < extent->n_dims; rank++)
        shape[rank] = extent->dims[rank].size;
    if (width > 1)
        shape[rank++] = width;
    return rank;
}

#endif
