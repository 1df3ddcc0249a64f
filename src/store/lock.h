/*
 * lock - one run at a time on a results file: an exclusive lock on a file beside it (R1).
 *
 * Never on the results file itself, where an open notebook would be in the way. The kernel drops the lock when the
 * process ends, however it ends. Programs that a run has started may go on for some seconds: so the process servers of
 * its ranks hold other bytes of the file, until these have ended. Byte 0 is the run's, 1 + r is rank r's server's, and
 * who begins needs all.
 */
#ifndef SHEAF_STORE_LOCK_H
#define SHEAF_STORE_LOCK_H

#include <stdbool.h>

#include "core/error.h"

#define LOCK_HOLDER_BYTES 128

struct lock {
    int fd;                                  /* -1 while not held */
    char *path;                              /* RESULTS.lock */
    char holder[LOCK_HOLDER_BYTES];          /* what the file says */
    void (*waits)(const char *results_path); /* is told once if programs of an earlier run are waited for; or NULL */
};

/* Takes the lock or refuses, saying which process holds it; waits some seconds for programs of an earlier run. Starts as
   {.fd = -1}. */
int sheaf_lock_take(struct lock *lock, const char *results_path, struct sheaf_error *error);

/* The same for somebody who can do no other than `remedy` when a run holds it: "wait for it". */
int sheaf_lock_take_or(struct lock *lock, const char *results_path, const char *remedy, struct sheaf_error *error);

/* Opens the lock file of a run, whose content is `holder`, and locks the byte of this rank's server there. -1: it is not
   seen here, or cannot be locked, and no error: nobody waits for this rank's programs then. *path is new memory, what it
   is called here. */
int sheaf_lock_open_for_server(const char *results_path, const char *holder, int rank, char **path);

/* Who holds a lock; pid 0 where that is not known. */
struct lock_holder {
    long pid;
    char host[64];
};

/* Whether a run, or a pack, holds the lock of a results file, as far as the disk's locks reach; it is not in the way of
   one that begins. */
bool sheaf_lock_is_held(const char *results_path, struct lock_holder *holder);

/* Gives the lock up, and removes the lock file unless programs of the run have not ended yet: then their server does. */
void sheaf_lock_release(struct lock *lock);

#endif
