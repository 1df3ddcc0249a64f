/*
 * fold - items put together as they are computed, or as rows are read: the values of formulas of their columns go into the
 * states of reductions, of the cells that the items belong to.
 *
 * A plan is plain but for the address of the compiled formulas, so that each rank makes the same from a message. Sums of one
 * plan are a block of plain bytes, which may be merged in any order.
 */
#ifndef SHEAF_PLAN_FOLD_H
#define SHEAF_PLAN_FOLD_H

#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"
#include "job/extent.h"

enum { FOLD_BATCH = 1024 /* items that are folded at a time */ };

/* An axis that stays: item / below % size is the place along it, and `stride` cells lie from one to the next. */
struct fold_axis {
    int64_t below, size, stride;
};

/* One reduction. The state of a cell is how many of its items failed or are pending, then that of reduce/reduction.h. */
struct fold_one {
    int32_t kind;
    int32_t of, where; /* formulas; where -1: none */
    int32_t n_axes;
    int64_t n_cells;
    size_t state_bytes;
    struct fold_axis axes[EXTENT_MOST]; /* [n_axes] the last one fastest */
};

typedef void fold_compute(int64_t first, int64_t n, const double *const *in, double *const *out,
                          void (*const *functions)(void), const void *const *arrays);

struct fold_plan {
    int n;
    const struct fold_one *list; /* [n] */
    int n_inputs, n_outputs;     /* of the formulas */
    const int32_t *inputs;       /* [n_inputs] input k of the kernel, or its output -1 - k */
    fold_compute *compute;
};

/* Values of an item's field, one each. */
struct fold_column {
    int32_t type;
    const void *values;
};

/* What a thread has folded. Starts as {0}. */
struct fold {
    const struct fold_plan *plan;
    char *block;                 /* of sheaf_fold_bytes: how many items, then the states */
    double **raw;                /* [n_inputs][FOLD_BATCH] for the caller: values that lie nowhere, of any type */
    struct fold_column *columns; /* [n_inputs] likewise */
    double **room;               /* [n_inputs][FOLD_BATCH] */
    const double **in;           /* [n_inputs] */
    double **out;                /* [n_outputs][FOLD_BATCH] */
    struct sheaf_arena arena;
};

/* The bytes of all states, and of the number of items before them. */
size_t sheaf_fold_bytes(const struct fold_plan *plan);

/* How many items are in a block, and the states of reduction k: [n_cells][state_bytes]. */
int64_t sheaf_fold_count(const char *block);
const char *sheaf_fold_states(const struct fold_plan *plan, const char *block, int k);

/* Adds the items of another block. */
void sheaf_fold_merge(const struct fold_plan *plan, char *block, const char *other);

int sheaf_fold_open(struct fold *fold, const struct fold_plan *plan, struct sheaf_error *error);

/* Adds items first … first + n - 1, at most FOLD_BATCH, that are through: columns[n_inputs] are their values. Doubles must be
   rounded as usual (<fenv.h>). */
void sheaf_fold_add(struct fold *fold, int64_t first, int64_t n, const uint8_t *status,
                    const struct fold_column *columns);

void sheaf_fold_close(struct fold *fold);

/* For who has the formulas' values: adds items first … first + n - 1 to states of cells begin … end - 1. `where` may be NULL. */
void sheaf_fold_values(const struct fold_one *one, char *states, int64_t begin, int64_t end, int64_t first, int64_t n,
                       const uint8_t *status, const double *of, const double *where);

/* The cell of an item; and how many of the next `most` items, this one among them, are of the same, at least. */
int64_t sheaf_fold_cell(const struct fold_one *one, int64_t item);
int64_t sheaf_fold_run(const struct fold_one *one, int64_t item, int64_t most);

/* Merges the states of n cells. */
void sheaf_fold_merge_cells(const struct fold_one *one, char *states, const char *others, int64_t n);

#endif
