/*
 * origins - from which file the row of each item was taken over: the variable `origin` of a results file. Private to store/.
 */
#ifndef SHEAF_STORE_ORIGINS_H
#define SHEAF_STORE_ORIGINS_H

struct creation;

/* Makes it in a results file that is being made, where plan->origins names such files. */
int sheaf_origins_make(struct creation *c);

#endif
