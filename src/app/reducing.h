/*
 * reducing - the job's reductions: read with the job, worked out when a run ends from all rows that are done, by all cores of
 * rank 0. The sums are exact, so nothing depends on who computed what, and when.
 */
#ifndef SHEAF_APP_REDUCING_H
#define SHEAF_APP_REDUCING_H

#include "core/error.h"
#include "core/text.h"
#include "store/reductions.h"

struct reducing;
struct stage;

/* Reads and compiles the reductions of a stage whose items and kernel are open, and adds what they are to the identity of its
   kernel; nothing where there are none. Compiled for machines of that level. Rank 0. *reducing is to be closed in any case. */
int sheaf_reducing_open(struct reducing **reducing, struct stage *stage, int64_t level, struct sheaf_error *error);

/* How many there are, and what the results file has of them. NULL is none. */
int sheaf_reducing_fields(const struct reducing *reducing, const struct reduction_field **fields);

/* Before items are computed: no reduction has a value, so that a killed run leaves none of fewer rows than there are. */
int sheaf_reducing_clear(const struct reducing *reducing, struct sheaf_error *error);

/* Works all of them out where they are not, and writes them; `said` gets a line of each for the summary. `folded` has all items
   of the stage, in a block of app/folding.h; NULL: the rows are read. */
int sheaf_reducing_end(const struct reducing *reducing, const char *folded, struct sheaf_string *said,
                       struct sheaf_error *error);

void sheaf_reducing_close(struct reducing *reducing);

#endif
