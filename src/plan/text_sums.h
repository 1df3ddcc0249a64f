/*
 * text_sums - the sum of an item's texts, by which one is found that changed or is gone.
 *
 * It is the sum of the checksums that the records of its texts have in their journal (journal.h), without those of empty
 * texts, which need no record; 0: not known. It is a column of the row: written before the status, so that a done item has
 * that of the texts that were computed, whatever becomes of these on their way into the results file. Pure and thread-safe.
 */
#ifndef SHEAF_PLAN_TEXT_SUMS_H
#define SHEAF_PLAN_TEXT_SUMS_H

#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/* sums[n] of items first … first + n - 1, as records[n_bytes] leave their texts: of several of one text the last counts.
   n_outputs: fields that a record may be of. */
int sheaf_text_sums_make(const char *records, size_t n_bytes, int64_t first, int64_t n, int n_outputs, uint64_t *sums,
                         struct sheaf_error *error);

/* What one text of n_bytes adds to a sum, which begins as 0: begin, and then add for its pieces of JOURNAL_PIECE bytes. */
uint64_t sheaf_text_sum_begin(int64_t item, int32_t output, uint64_t n_bytes);
uint64_t sheaf_text_sum_add(uint64_t checksum, const char *piece, size_t n_bytes);

/* The sum when all is added: never 0. */
uint64_t sheaf_text_sum_end(uint64_t sum);

#endif
