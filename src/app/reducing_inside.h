/*
 * reducing_inside - what the files of reducing share: reducing.c reads what is asked, reducing_rows.c goes through the rows. Private
 * to them.
 */
#ifndef SHEAF_APP_REDUCING_INSIDE_H
#define SHEAF_APP_REDUCING_INSIDE_H

#include <pthread.h>

#include "app/reducing.h"
#include "app/stage.h"
#include "job/reductions.h"
#include "kernel/expression/row_formulas.h"

/* One of them. */
struct reduction {
    const struct job_reduction *asked;
    int of, where;                /* formulas; where -1: none */
    int64_t strides[EXTENT_MOST]; /* [field.n_dims] cells from one value of a dimension to the next */
    size_t state_bytes;           /* of a cell: how many items are not done, then reduce/reduction.h's */
};

struct reducing {
    struct stage *stage;
    struct row_formulas rows;
    int n;
    struct reduction *list;         /* [n] */
    struct reduction_field *fields; /* [n] */
    enum sheaf_type *types;         /* [n_fields] of the items, as formulas read them: float64 */
    struct sheaf_arena arena;
};

/* Adds what is asked of some reductions from all rows, and writes them. */
int sheaf_reducing_rows(const struct reducing *reducing, struct sheaf_error *error);

/* The value of the only cell of a reduction, once it was written. */
int sheaf_reducing_read(const struct reducing *reducing, int k, struct reduced *value, struct sheaf_error *error);

#endif
