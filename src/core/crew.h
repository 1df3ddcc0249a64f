/*
 * crew - the same work on many pieces, side by side, by this thread and as many others as there are cores for them.
 *
 * For what is done before the threads of a run are there. Where no thread can be had, this one does it all.
 */
#ifndef SHEAF_CORE_CREW_H
#define SHEAF_CORE_CREW_H

#include <stdint.h>

/* Calls work(context, k) once for each k below n, in any order and from any thread; returns when all are done. */
void sheaf_crew_do(int64_t n, void (*work)(void *context, int64_t k), void *context);

#endif
