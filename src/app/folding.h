/*
 * folding - reductions put together by the threads as they compute: each has sums of its own, a rank merges those of its
 * threads, and rank 0 those of the ranks. They are exact, so they are those of the rows.
 *
 * That each item is in them once is known by counting: a run that begins with all items pending, and ends with none, has
 * computed each at least once; if as many were folded as there are items, it was once. Where it was not, or may not be, rows are
 * read again in the end (app/reducing).
 */
#ifndef SHEAF_APP_FOLDING_H
#define SHEAF_APP_FOLDING_H

#include <stdbool.h>

#include "core/buffer.h"
#include "kernel/expression/row_formulas.h"
#include "plan/fold.h"

struct stage;

/* Of a rank. Starts as {0}. */
struct folding {
    bool is_on;
    struct fold_plan plan;
    struct row_formulas rows; /* loaded, where another rank has compiled them */
    struct sheaf_buffer message;
    char *block; /* on rank 0, in the end: what all ranks have folded */
};

/* Decides whether the threads fold, and gives all ranks what they need for that. Collective. */
int sheaf_folding_open(struct stage *stage);

/* What the threads of all ranks have folded, to rank 0. Collective. */
int sheaf_folding_gather(struct stage *stage);

/* That, if it is all items of the stage, of which none is pending any more; else NULL. Rank 0. */
const char *sheaf_folding_whole(const struct stage *stage);

void sheaf_folding_close(struct folding *folding);

#endif
