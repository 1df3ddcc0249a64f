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

/* A reduction as the file has it. */
struct reduction_field {
    struct sheaf_field about; /* float64 or int64 */
    int n_dims;
    int dims[EXTENT_MOST]; /* [n_dims] dimensions of the items that it has, too */
    int64_t n_cells;
    const char *cell_methods; /* as the CF conventions have it: "repeat: mean" */
};

/* Where it lies. */
struct reduction_place {
    off_t values, counts;
};

#endif
