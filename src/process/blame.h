/*
 * blame - whether the end of a program is its own doing, or that of somebody who ended the run (R1a).
 */
#ifndef SHEAF_PROCESS_BLAME_H
#define SHEAF_PROCESS_BLAME_H

#include <stdbool.h>

#include "process/keeper.h"

/* Whether nobody can say that the program is to blame for how it ended:
   - its keeper was killed;
   - it died by a signal that also comes from outside (TERM, INT, HUP, QUIT, USR1, USR2, KILL), and since it began one came
     to the rank, its server or a keeper: this is waited for, a moment;
   - it ended otherwise than well after one came to its keeper, or after the run was asked to leave; of one that asks for
     the end at once, however it ended: who knows what a script does whose program was killed.
   One that was stopped since its time was up is to blame. Thread-safe. */
bool sheaf_blame_is_outside(const struct program_end *end);

#endif
