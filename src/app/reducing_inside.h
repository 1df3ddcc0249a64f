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
    int n, n_folded;                /* the first n_folded may be folded (app/folding); distributions come behind them */
    struct job_reduction *asked;    /* [n] */
    struct fold_one *list;          /* [n] */
    struct reduction_field *fields; /* [n] */
    enum sheaf_type *types;         /* [n_fields] of the items, as formulas read them: float64 */
    struct sheaf_arena arena;
};

/* Writes the results of items that were folded as they were computed. */
int sheaf_reducing_take(const struct reducing *reducing, const char *block, struct sheaf_error *error);

/* Adds what is asked of some reductions from all rows, and writes them. */
int sheaf_reducing_rows(const struct reducing *reducing, struct sheaf_error *error);

/* Adds distributions, of which values are not folded, from all rows, and writes them. */
int sheaf_reducing_distributions(const struct reducing *reducing, struct sheaf_error *error);

/* A passing through all rows: of reductions [first, first + n) the cells `begin` … `end` - 1, cut to those that they have. */
struct pass {
    const struct reducing *r;
    int first, n;
    int64_t begin, end;
    const void *own;                             /* of who passes */
    size_t (*bytes)(const struct pass *, int k); /* of states of those cells of a reduction, which start as zeros */
    void (*add)(const struct pass *, int k, char *states, int64_t first, int64_t n, const uint8_t *status,
                const double *of, const double *where); /* of a batch, what formulas give; where may be NULL */
    void (*merge)(const struct pass *, int k, char *states, const char *others);
    char **states; /* [n] */
};

/* Goes through the rows: pieces side by side, with states of their own that are merged to pass->states, in the arena. */
int sheaf_reducing_pass(struct pass *pass, struct sheaf_arena *arena, struct sheaf_error *error);

/* The last cell of a reduction that passes, and one; how many pass. */
int64_t sheaf_reducing_last(const struct pass *pass, int k);
int64_t sheaf_reducing_cells(const struct pass *pass, int k);

/* Writes the results of n cells of a reduction, from `begin` on, of which these are the states. */
int sheaf_reducing_write(const struct reducing *reducing, int k, int64_t begin, int64_t n, const char *states,
                         struct sheaf_error *error);

/* The results of the only cell of a reduction, once they were written, with room for those of a distribution in the arena. */
int sheaf_reducing_read(const struct reducing *reducing, int k, struct reduced *value, struct sheaf_arena *arena,
                        struct sheaf_error *error);

#endif
