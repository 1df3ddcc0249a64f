/*
 * reducing_inside - what the files of reducing share: reducing.c reads what is asked, reducing_rows.c goes through the rows, reducing_cells.c
 * writes what comes of it. Private to them.
 */
#ifndef SHEAF_APP_REDUCING_INSIDE_H
#define SHEAF_APP_REDUCING_INSIDE_H

#include <pthread.h>

#include "app/reducing.h"
#include "app/stage.h"
#include "job/reductions.h"
#include "kernel/expression/row_formulas.h"
#include "plan/fold.h"

struct reducing {
    struct stage *stage;
    struct row_formulas rows;
    int n;
    const struct job_reduction *asked; /* [n] */
    struct fold_one *list;             /* [n] */
    struct reduction_field *fields;    /* [n] */
    enum sheaf_type *types;            /* [n_fields] of the items, as formulas read them: float64 */
    struct sheaf_arena arena;
};

/* Writes the results of items that were folded as they were computed. */
int sheaf_reducing_take(const struct reducing *reducing, const char *block, struct sheaf_error *error);

/* Adds what is asked of some reductions from all rows, and writes them. */
int sheaf_reducing_rows(const struct reducing *reducing, struct sheaf_error *error);

/* Writes the results of n cells of a reduction, from `begin` on, of which these are the states. */
int sheaf_reducing_write(const struct reducing *reducing, int k, int64_t begin, int64_t n, const char *states,
                         struct sheaf_error *error);

/* The value of the only cell of a reduction, once it was written. */
int sheaf_reducing_read(const struct reducing *reducing, int k, struct reduced *value, struct sheaf_error *error);

#endif
