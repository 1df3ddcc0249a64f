/*
 * status - what becomes of an item, a byte in the results file.
 *
 * Rows are written before their status, so a kill leaves no status without its row. A power cut can: the kernel writes
 * pages to the disk as it likes. So a status is first written with a bit that says so, and without it once the row has
 * been synced. Such a status counts while the machine runs on which it was written; when that has been started anew, the
 * item is pending (R1).
 */
#ifndef SHEAF_PLAN_STATUS_H
#define SHEAF_PLAN_STATUS_H

#include <stdbool.h>
#include <stdint.h>

/* The values of the dataset `status`. */
enum item_status {
    ITEM_PENDING = 0,
    ITEM_DONE = 1,
    ITEM_FAILED = 2,
    ITEM_TIMED_OUT = 3,
    ITEM_CRASHED = 4,
    ITEM_SKIPPED = 5,
};

/* Set in a status: its row is written, and not yet safe from a power cut. */
#define ITEM_UNSAFE 0x80

static inline bool sheaf_status_failed(uint8_t status) {
    return status == ITEM_FAILED || status == ITEM_TIMED_OUT || status == ITEM_CRASHED;
}

/* Whether one of them has the bit. */
bool sheaf_status_any_unsafe(const uint8_t *status, int64_t n);

/* Takes the bit from each status where it is set; where what is unsafe is not to be trusted such an item is pending. Gives
   how many had it. For everybody who reads statuses from a file. */
int64_t sheaf_status_judge(uint8_t *status, int64_t n, bool trusted);

/* unsafe[n]: the statuses with the bit set in each but those of skipped items, which stand there as they are: nobody would skip
   one again that a power cut made pending. */
void sheaf_status_mark_unsafe(const uint8_t *status, int64_t n, uint8_t *unsafe);

/* Finds the next run of items that are not pending, from number *at on: *at … *upto - 1. False: there is none. */
bool sheaf_status_run(const uint8_t *status, int64_t n, int64_t *at, int64_t *upto);

/* Adds how often each status occurs to counts[ITEM_SKIPPED + 1]. Gives the index of the first byte that is none, or -1. */
int64_t sheaf_status_count(const uint8_t *status, int64_t n, int64_t *counts);

#endif
