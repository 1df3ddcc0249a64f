/*
 * reductions - what a job asks of all its items together: `reduce: {mean_y: {mean: y}}`.
 */
#ifndef SHEAF_JOB_REDUCTIONS_H
#define SHEAF_JOB_REDUCTIONS_H

#include <stdbool.h>

#include "core/arena.h"
#include "core/error.h"
#include "job/yaml.h"
#include "reduce/reduction.h"

enum { REDUCTIONS_MOST = 256, QUANTILES_MOST = 64 };

struct job_reduction {
    const char *name;
    const struct yaml_node *node; /* the map that says it */
    enum reduction_kind kind;
    const struct yaml_node *of;    /* the formula of its values */
    const struct yaml_node *where; /* which items count; NULL: all */
    const struct yaml_node *over;  /* the axes along which values are put together; NULL: all */
    bool propagates;               /* one NaN makes NaN of all */
    const double *marks; /* [n_marks] of a histogram the edges of its bins, of quantiles their probabilities */
    int64_t n_marks;
};

/* Reads the value of `reduce`, which may be NULL: reductions[*n], in the arena. */
int sheaf_job_read_reductions(const struct yaml_node *map, struct sheaf_arena *arena, struct job_reduction **reductions,
                              int *n, struct sheaf_error *error);

#endif
