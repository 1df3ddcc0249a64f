/*
 * outside - that a signal came from outside to one of the processes of a rank: itself, its server, its keepers.
 *
 * A batch system or a terminal sends TERM, INT, HUP or USR1 to all processes of a run at once, programs of items among
 * them. These know nothing of each other; so each notes what it hears in memory that all of them share. With the
 * requests of interrupt.h this is the only global state.
 */
#ifndef SHEAF_CORE_OUTSIDE_H
#define SHEAF_CORE_OUTSIDE_H

#include <stdbool.h>

#include "core/error.h"

/* Makes the memory, before the processes that are to share it are forked. */
int sheaf_outside_open(struct sheaf_error *error);

/* From now on this process notes the signals that come to programs from outside (TERM, INT, HUP, QUIT, USR1, USR2), and
   goes on; or ignores them. */
void sheaf_outside_listen(void);
void sheaf_outside_ignore(void);

/* Notes one: for handlers of other modules. Async-signal-safe. */
void sheaf_outside_note(int number);

/* Whether it is one that asks a program to end at once: TERM, INT, HUP, QUIT. */
bool sheaf_outside_is_end(int number);

/* When one came last, on sheaf_clock_s: to any of the processes; to this one; or one that asks for the end at once.
   0: never. */
double sheaf_outside_heard_s(void);
double sheaf_outside_heard_end_s(void);
double sheaf_outside_own_s(void);
double sheaf_outside_own_end_s(void);

#endif
