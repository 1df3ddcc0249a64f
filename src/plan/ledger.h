/*
 * ledger - statuses that wait until their rows are on disk.
 *
 * Servers and caches of network file systems reorder writes: after a power cut a status could be there and its row not.
 * So statuses are kept here until the rows have been synced. Thread-safe.
 */
#ifndef SHEAF_PLAN_LEDGER_H
#define SHEAF_PLAN_LEDGER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"

struct ledger;

int sheaf_ledger_open(struct ledger **ledger, struct sheaf_error *error);
void sheaf_ledger_close(struct ledger *ledger);

/* Keeps status[n] of items first … first + n - 1, which is copied. */
int sheaf_ledger_add(struct ledger *ledger, int64_t first, int64_t n, const uint8_t *status, struct sheaf_error *error);

/* How much waits. */
size_t sheaf_ledger_bytes(struct ledger *ledger);

/* Syncs the file, then writes what was kept before that at status_offset. */
int sheaf_ledger_flush(struct ledger *ledger, int fd, off_t status_offset, const char *path, struct sheaf_error *error);

#endif
