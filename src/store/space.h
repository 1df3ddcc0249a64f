/*
 * space - whether a results file has a place and room on its disk: asked before anything is written, and reserved before
 * anything is computed. Private to store/.
 */
#ifndef SHEAF_STORE_SPACE_H
#define SHEAF_STORE_SPACE_H

#include <stddef.h>

#include "core/error.h"
#include "store/results.h"

/* What an item takes in outputs and status, without texts. */
size_t sheaf_space_row_bytes(const struct results_plan *plan);

/* Makes an empty file at the path, or says why that cannot be, or that the disk has no room for what the plan needs. */
int sheaf_space_probe(const struct results_plan *plan, const char *path, struct sheaf_error *error);

/* Reserves every byte, so that a full disk is known now, and makes the file last. */
int sheaf_space_reserve(const char *path, struct sheaf_error *error);

#endif
