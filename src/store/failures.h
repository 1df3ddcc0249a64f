/*
 * failures - the messages of failed items, as readers see them.
 *
 * Private to store/.
 */
#ifndef SHEAF_STORE_FAILURES_H
#define SHEAF_STORE_FAILURES_H

#include <stdint.h>

#include "plan/row_sink.h"
#include "store/h5.h"

/* The table's rows in use, *n of them, by item: new memory in *failures, also after an error. */
int sheaf_failures_read(hid_t file, const char *path, struct failure **failures, int64_t *n, struct sheaf_error *error);

/* The message of an item among failures[n], or "". Borrowed. */
const char *sheaf_failures_find(const struct failure *failures, int64_t n, int64_t item);

#endif
