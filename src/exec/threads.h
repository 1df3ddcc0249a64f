/*
 * threads - whether the threads of a team can be had, before OpenMP is asked for them: it ends the program where one
 * cannot be started, and the other ranks would wait for this one.
 */
#ifndef SHEAF_EXEC_THREADS_H
#define SHEAF_EXEC_THREADS_H

#include "core/error.h"

/* Starts so many threads besides the calling one, all there at once, and ends them. */
int sheaf_threads_try(int n_threads, struct sheaf_error *error);

#endif
