/*
 * diff - what `sheaf diff` found, as JSON. Private to cmd/diff*.c.
 */
#ifndef SHEAF_CMD_DIFF_H
#define SHEAF_CMD_DIFF_H

#include "app/comparison.h"

void sheaf_diff_print_json(const struct comparison *comparison);

#endif
