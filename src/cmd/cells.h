/*
 * cells - values of a results file as text, for what `sheaf show` prints.
 */
#ifndef SHEAF_CMD_CELLS_H
#define SHEAF_CMD_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/kernel.h>

#include "core/arena.h"

/* Bytes of one value as the reader gives it: of a text, a pointer to it. */
size_t sheaf_cell_bytes(enum sheaf_type type);

/* One value with all its digits; a text as it is, borrowed. NULL if there is no memory. */
const char *sheaf_cell_exact(enum sheaf_type type, const char *value, struct sheaf_arena *arena);

/* The first line of a text that is not blank, with "…" where there is more. NULL if there is no memory. */
const char *sheaf_cell_line(const char *text, struct sheaf_arena *arena);

/* "done", … of enum item_status. */
const char *sheaf_cell_status(uint8_t status);

/* Whether it is what rows of integers have that have no value: netCDF's fill value, which nobody wants to read. */
bool sheaf_cell_is_fill(enum sheaf_type type, const void *value);

#endif
