/*
 * warnings - what kernels want people to know: distinct lines, a few of them, each said once.
 *
 * Any thread adds; one takes, and shows. Lines that come when WARNINGS_MOST are there are dropped, and one says so.
 */
#ifndef SHEAF_CORE_WARNINGS_H
#define SHEAF_CORE_WARNINGS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { WARNING_BYTES = 240, WARNINGS_MOST = 16 };

/* Starts as WARNINGS_NONE. */
struct warnings {
    pthread_mutex_t lock; /* guards what follows */
    int n, n_taken;
    char text[WARNINGS_MOST + 1][WARNING_BYTES]; /* [n] the last one says that there were more */
    _Atomic(bool) full;                          /* no more are kept */
    _Atomic(bool) news;                          /* there are some to take */
};
#define WARNINGS_NONE                                                                                                  \
    { .lock = PTHREAD_MUTEX_INITIALIZER }

/* Adds text[length] as one line, cut at the end where it is too long, unless it is there already. */
void sheaf_warnings_add(struct warnings *warnings, const char *text, size_t length);

/* The next line that was not taken yet; false: there is none. */
bool sheaf_warnings_look(struct warnings *warnings, char text[WARNING_BYTES]);
bool sheaf_warnings_take(struct warnings *warnings, char text[WARNING_BYTES]);

#endif
