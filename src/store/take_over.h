/*
 * take_over - rows of other results files, whose inputs are the same to the byte, become rows of a new one, and are not computed
 * again.
 *
 * First rows at the same index, in one pass of both; then, where the kernel is pure, the others by the prints of their inputs,
 * wherever they are, in as many passes as bounded tables of them need. Memory has two bits for each item besides.
 */
#ifndef SHEAF_STORE_TAKE_OVER_H
#define SHEAF_STORE_TAKE_OVER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "store/donor.h"
#include "store/results.h"

/* A results file that is being made, or would be. */
struct taking {
    const struct results_plan *plan;
    struct results *to; /* NULL: it is only looked what would be taken over */
    uint8_t *taken;     /* a bit for each item: it has a row, */
    uint8_t *skipped;   /* or never gets one */
};

/* What came of one file. */
struct taken {
    bool comparable;  /* else nothing is known of its items, and none was taken */
    int64_t n_before; /* items that it has, */
    int64_t n_done;   /* and how many of them are done */
    int64_t n_same;   /* items of the plan that are some of its, */
    int64_t n_rows;   /* of which so many were taken over, */
    int64_t n_failed; /* some with the message of their failure */
    int64_t n_lost;   /* items that it has done and the plan has not */
};

/* What is to be taken over. */
struct take_rule {
    bool anywhere;  /* also rows at another index: for pure kernels */
    bool failed;    /* also those of items that failed */
    uint8_t origin; /* what the rows are marked with; 0: as they are marked there */
};

/* Nothing is taken yet; what `to` has as skipped stays so. Release with sheaf_taking_close, also after an error. */
int sheaf_taking_open(struct taking *taking, const struct results_plan *plan, struct results *to,
                      struct sheaf_error *error);
void sheaf_taking_close(struct taking *taking);

/* Takes rows of the file at a path, whose kernel's part must be that of the plan, for items that have none yet. */
int sheaf_take_over(struct taking *taking, const char *path, struct take_rule rule, struct taken *taken,
                    struct sheaf_error *error);

#endif
