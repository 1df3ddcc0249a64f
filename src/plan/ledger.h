/*
 * ledger - statuses that wait until their rows are on disk.
 *
 * After a power cut a status could be there and its row not. Where a file system belongs to this machine a status is
 * written at once, as unsafe (plan/status.h), and the ledger knows of which items; where servers and caches reorder
 * writes, the statuses themselves wait here, and the sums of segments behind them. Thread-safe.
 */
#ifndef SHEAF_PLAN_LEDGER_H
#define SHEAF_PLAN_LEDGER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/buffer.h"
#include "core/error.h"

struct ledger;

int sheaf_ledger_open(struct ledger **ledger, struct sheaf_error *error);
void sheaf_ledger_close(struct ledger *ledger);

/* Keeps status[n] of items first … first + n - 1, which is copied; NULL: they are in the file, as unsafe. */
int sheaf_ledger_add(struct ledger *ledger, int64_t first, int64_t n, const uint8_t *status, struct sheaf_error *error);

/* Keeps bytes[n] that belong at an offset of the file, behind what was added before; copied. */
int sheaf_ledger_add_bytes(struct ledger *ledger, off_t offset, const void *bytes, size_t n, struct sheaf_error *error);

/* How much waits. */
size_t sheaf_ledger_bytes(struct ledger *ledger);

/* Takes out what was kept: `taken` is empty before, and then the caller's. What is taken before rows are synced may be
   written after. */
void sheaf_ledger_take(struct ledger *ledger, struct sheaf_buffer *taken);

/* Writes at status_offset what was taken, whose rows are safe by now. */
int sheaf_ledger_write(struct sheaf_buffer *taken, int fd, off_t status_offset, const char *path,
                       struct sheaf_error *error);

#endif
