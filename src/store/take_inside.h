/*
 * take_inside - what the files behind take_over.h share. Private to them.
 */
#ifndef SHEAF_STORE_TAKE_INSIDE_H
#define SHEAF_STORE_TAKE_INSIDE_H

#include "store/take_over.h"

enum { TAKE_WINDOW = 1 << 16 /* items at a time, at most */ };

/* Writes row from[i] of the donor as item first + i, for those of n where it is not -1; statuses[n] are those rows'. */
int sheaf_take_rows(const struct taking *taking, struct donor *donor, int64_t first, int64_t n, const int64_t *from,
                    const uint8_t *statuses, uint8_t origin, struct sheaf_error *error);

#endif
