/*
 * merge - results files of one job, each of which has some of its rows, become one file.
 *
 * That is a copy of the first part, made aside, with the rows, texts and messages of the others, and takes its name when it is
 * whole. The parts are only read.
 */
#ifndef SHEAF_STORE_MERGE_H
#define SHEAF_STORE_MERGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/text.h"
#include "plan/status.h"

struct merge_plan {
    const char *path;         /* of the new file */
    const char *const *parts; /* [n_parts] */
    int n_parts;
    bool first_counts; /* where two have other values of one item, those of the first count; else that is refused */
    bool overwrite;    /* a results file that is there is replaced */
};

struct merged {
    int64_t n_items, counts[ITEM_SKIPPED + 1]; /* by status */
    int64_t *n_rows;                           /* [n_parts] rows that each has given */
    int64_t n_both;                            /* rows that were done in several, and are the same */
    bool has_reductions;                       /* which are not made yet */
    struct sheaf_string said;                  /* what failed when the file was in its place */
};

/* Refuses parts that are not of one job, are being written, have lost texts or changed bytes, and an item that is done in two
   with other outputs. The caller holds the lock of the new file. Release with sheaf_merged_free, also after an error. */
int sheaf_merge(const struct merge_plan *plan, struct merged *merged, struct sheaf_error *error);
void sheaf_merged_free(struct merged *merged);

#endif
