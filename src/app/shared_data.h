/*
 * shared_data - what all items of a job share (`shared:`): loaded by rank 0, once in the memory of each node, and in the
 * identity. Programs and isolated kernels find each as the file NAME.npy in a folder of the node, which is that memory.
 */
#ifndef SHEAF_APP_SHARED_DATA_H
#define SHEAF_APP_SHARED_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/text.h"

struct stage;

/* Loads the arrays into stage->arrays, on every rank. Those that are numbers for formulas are their value in the job as well.
   Collective; agrees on the outcome. */
int sheaf_shared_data_open(struct stage *stage);

/* Gives up the folder, when the programs have ended. */
void sheaf_shared_data_close(struct stage *stage);

/* Warns of those that nothing has looked up, but for programs, whose business that is; `used` has a bit for each that was.
   only_slips: only of those that are called nearly like what a kernel looked for in vain. Rank 0. */
void sheaf_shared_data_say_unused(struct stage *stage, uint32_t used, bool only_slips);

/* Tells what they are, for people: a line each. Rank 0. */
void sheaf_shared_data_tell(const struct stage *stage, struct sheaf_string *text);

/* Adds what they are to an identity. Rank 0. */
int sheaf_shared_data_identify(const struct stage *stage, struct sheaf_string *identity, struct sheaf_error *error);

#endif
