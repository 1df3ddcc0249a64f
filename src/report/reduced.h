/*
 * reduced - a reduction in a line, for summaries.
 */
#ifndef SHEAF_REPORT_REDUCED_H
#define SHEAF_REPORT_REDUCED_H

#include "core/text.h"
#include "reduce/reduction.h"

/* "  mean_y = 0.785 kg (1,000 values; 3 items are not done)", or how many cells there are. */
void sheaf_reduced_say(const struct reduced *reduced, struct sheaf_string *said);

#endif
