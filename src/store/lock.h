/*
 * lock - one run at a time on a results file: an exclusive lock on a file beside it (R1).
 *
 * Never on the results file itself, where an open notebook would be in the way. The kernel drops the lock when the
 * process ends, however it ends.
 */
#ifndef SHEAF_STORE_LOCK_H
#define SHEAF_STORE_LOCK_H

#include <stdbool.h>

#include "core/error.h"

struct lock {
    int fd;     /* -1 while not held */
    char *path; /* RESULTS.lock */
};

/* Takes the lock or refuses, saying which process holds it. Starts as {.fd = -1}. */
int sheaf_lock_take(struct lock *lock, const char *results_path, struct sheaf_error *error);

/* The same for somebody who can do no other than `remedy` when a run holds it: "wait for it". */
int sheaf_lock_take_or(struct lock *lock, const char *results_path, const char *remedy, struct sheaf_error *error);

/* Who holds a lock; pid 0 where that is not known. */
struct lock_holder {
    long pid;
    char host[64];
};

/* Whether a run, or a pack, holds the lock of a results file, as far as the disk's locks reach; it is not in the way of
   one that begins. */
bool sheaf_lock_is_held(const char *results_path, struct lock_holder *holder);

/* Removes the lock file and gives the lock up. */
void sheaf_lock_release(struct lock *lock);

#endif
