/*
 * slice - which cells of a results file's items are meant: of each of their dimensions all places, or some.
 *
 * `--sel mass=3,model=a` names values along axes; what it leaves is walked by strides, however many items there are.
 */
#ifndef SHEAF_CMD_SLICE_H
#define SHEAF_CMD_SLICE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "job/extent.h"
#include "store/reader.h"

struct slice_axis {
    int64_t n;
    int64_t *places; /* [n] in the order in which they are walked; NULL: all of them */
    bool is_chosen;  /* by --sel */
};

/* Starts with sheaf_slice_begin; its memory is released by sheaf_slice_free. */
struct slice {
    const struct extent *extent; /* borrowed from the reader */
    struct slice_axis axes[EXTENT_MOST];
    int64_t strides[EXTENT_MOST]; /* items from one place of a dimension to the next */
    int64_t n_cells;
};

/* All items of a file. */
void sheaf_slice_begin(struct slice *slice, const struct reader *reader);

/* Keeps the cells that have the values in "NAME=VALUE,…": of a field that varies along an axis, or of a dimension, the place.
   Of numbers the nearest; one that is not there is told of on stderr. */
int sheaf_slice_select(struct slice *slice, struct reader *reader, const char *path, const char *wanted,
                       struct sheaf_error *error);

/* Keeps of a dimension at most that many places, evenly spread from the first on; every *step-th. */
int sheaf_slice_thin(struct slice *slice, int dimension, int64_t most, int64_t *step, struct sheaf_error *error);

/* Keeps the first place of a dimension. */
int sheaf_slice_first(struct slice *slice, int dimension, struct sheaf_error *error);

/* items[n]: the cells first … first + n - 1, the last dimension fastest. */
void sheaf_slice_items(const struct slice *slice, int64_t first, int64_t n, int64_t *items);

/* The k-th place of a dimension. */
static inline int64_t sheaf_slice_place(const struct slice *slice, int dimension, int64_t k) {
    return slice->axes[dimension].places ? slice->axes[dimension].places[k] : k;
}

void sheaf_slice_free(struct slice *slice);

#endif
