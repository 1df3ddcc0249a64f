/*
 * reuse - rows of results files that the job names (`reuse:`) are taken over into a new or growing one.
 *
 * Of the same kernel, params and shared data, and with inputs that are the same to the byte; those of items that failed never.
 * The earlier files are only read. Where nothing of one can be taken it is said why, and the run goes on: to compute again is
 * never wrong.
 */
#ifndef SHEAF_APP_REUSE_H
#define SHEAF_APP_REUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "app/stage.h"
#include "store/take_over.h"

/* The files that rows of the results may be from, a line each: those of the results file that is there (path NULL: none is), and those that the job
   names; new memory, or NULL for none. *is_more: the job names one that the file does not know. Rank 0. */
int sheaf_reuse_origins(const struct stage *stage, const char *path, char **origins, bool *is_more,
                        struct sheaf_error *error);

/* Takes what there is for items that have no row yet, of each file in turn; *said gets a line for each, *n_rows how many rows in
   all. Rank 0. */
int sheaf_reuse_take(struct stage *stage, struct taking *taking, struct sheaf_string *said, int64_t *n_rows,
                     struct sheaf_error *error);

/* Into the results file that is being made. Rank 0. */
int sheaf_reuse_fill(struct stage *stage, const struct results_plan *plan);

/* Says such lines on stderr, each after "sheaf: ". */
void sheaf_reuse_say(const struct session *session, const struct sheaf_string *said);

#endif
