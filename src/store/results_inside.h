/*
 * results_inside - what the files behind results.h share: the window through which statuses are read. Private to them.
 */
#ifndef SHEAF_STORE_RESULTS_INSIDE_H
#define SHEAF_STORE_RESULTS_INSIDE_H

#include "store/results.h"

enum { RESULTS_WINDOW = 1 << 16 }; /* items whose status is in memory at a time */

/* Statuses of items first … first + n - 1, at most RESULTS_WINDOW, into results->window. */
int sheaf_results_read_status(struct results *results, int64_t first, int64_t n, struct sheaf_error *error);

/* The copies of inputs are only used where their sums say that they are what was written: else no field has one. */
int sheaf_results_prove_inputs(struct results *results, const struct items *items, struct sheaf_error *error);

/* When the file is opened: the turn; and of one that was just made the sums of inputs. */
int sheaf_results_open_sums(struct results *results, struct sheaf_error *error);

/* When the file is opened, and the machine went down or its disk failed while a run wrote it, for the window of statuses
   read last, of items first … first + n - 1, as they are: sums of those that are pending or not safe may be there without
   what they are of. */
int sheaf_results_drop_doubtful_sums(struct results *results, int64_t first, int64_t n, struct sheaf_error *error);

/* When the file is opened: statuses that were written as unsafe (plan/status.h) count and are made safe, or are pending,
   if the machine was started anew since. */
int sheaf_results_judge_unsafe(struct results *results, struct sheaf_error *error);

/* Fills all rows of a new file, side by side: a cube is looked at while it is computed, by readers that know no status. */
int sheaf_results_fill_new(struct results *results, struct sheaf_error *error);

/* Of a new file: items first … first + n - 1, at most RESULTS_WINDOW, have no values and these statuses[n]. */
int sheaf_results_mark_new(struct results *results, int64_t first, int64_t n, const uint8_t *statuses,
                           struct sheaf_error *error);

#endif
