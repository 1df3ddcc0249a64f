/*
 * reductions - results of all items together in a results file: NAME, of the axes that stay, and how many values are in each.
 */
#ifndef SHEAF_STORE_REDUCTIONS_H
#define SHEAF_STORE_REDUCTIONS_H

#include <stdint.h>
#include <sys/types.h>

#include <sheaf/kernel.h>

#include "job/extent.h"
#include "reduce/reduction.h"

/* Distributions have one more dimension, which is a dataset beside them of its coordinates: the middles of bins, with a dataset of
   their edges, two each, or the probabilities. They are called by the name of the reduction and one of these. */
#define REDUCTION_BINS "_bin"
#define REDUCTION_BOUNDS "_bin_bounds"
#define REDUCTION_QUANTILES "_quantile"

/* A reduction as the file has it. */
struct reduction_field {
    struct sheaf_field about; /* float64 or int64; width: results of a cell */
    enum reduction_kind kind;
    const double *marks;      /* of a distribution: [width + 1] edges, [width] probabilities */
    const char *unit_of_bins; /* or NULL */
    int n_dims;
    int dims[EXTENT_MOST]; /* [n_dims] dimensions of the items that it has, too */
    int64_t n_cells;
    const char *cell_methods; /* as the CF conventions have it: "repeat: mean" */
};

/* Where it lies; [n_cells][width] values, [n_cells][n_counts] counts. */
struct reduction_place {
    off_t values, counts;
    int64_t width, n_counts;
};

/* The dimensions of its values: the cells', and of a distribution its own; gives how many there are. */
int sheaf_reduction_shape(const struct reduction_field *field, const struct extent *extent,
                          int64_t shape[EXTENT_MOST + 1]);

#endif
