/*
 * segments - fixed spans of items of a results file, and the sums by which bytes that changed are found.
 *
 * A segment's two sums are of its input columns as the file stores them, and of its statuses and output columns; 0: not
 * known. Each is XXH3 over the columns' bytes, one column after the other, in pieces of SEGMENT_PIECE bytes whose seed is
 * the sum so far. Texts of any length are in neither (text_sums.h). Pure and thread-safe.
 */
#ifndef SHEAF_PLAN_SEGMENTS_H
#define SHEAF_PLAN_SEGMENTS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "plan/span.h"

enum { SEGMENT_PIECE = 256 << 10, SEGMENT_MOST = 1 << 16 /* items */ };

enum segment_part { SEGMENT_INPUTS, SEGMENT_OUTPUTS, SEGMENT_PARTS };

/* Those of a file, and where their sums lie in it. */
struct segments {
    int64_t n_items; /* of the file */
    int64_t size;    /* items of a segment; 0: the file has no sums */
    int64_t n;
    off_t sums_offset; /* uint64 [SEGMENT_PARTS][n] */
};

/* Items of a segment: a power of two with about 16 KB of rows, at most SEGMENT_MOST. row_bytes: of an item's outputs and
   status. */
int64_t sheaf_segment_size(size_t row_bytes);
int64_t sheaf_segment_count(int64_t n_items, int64_t size);

/* Which items a segment has, the last one fewer; where a sum lies in the file. */
struct span sheaf_segment_items(const struct segments *segments, int64_t segment);
off_t sheaf_segment_sum_offset(const struct segments *segments, enum segment_part part, int64_t segment);

/* The segments that lie within items first … first + n - 1 as a whole, and those that have one of them. */
struct span sheaf_segments_within(const struct segments *segments, int64_t first, int64_t n);
struct span sheaf_segments_touching(const struct segments *segments, int64_t first, int64_t n);

/* Adds a column's bytes, or a part of them that begins at a multiple of SEGMENT_PIECE, to a sum, which begins as 0; and,
   first, the statuses of a segment, taken as safe; n ≤ SEGMENT_MOST. */
uint64_t sheaf_segment_add(uint64_t sum, const void *bytes, size_t n_bytes);
uint64_t sheaf_segment_add_statuses(uint64_t sum, const uint8_t *status, int64_t n);

/* The sum when all is added: never 0. */
uint64_t sheaf_segment_end(uint64_t sum);

#endif
