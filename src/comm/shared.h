/*
 * shared - memory that the processes of a node have in common, by a name in /dev/shm that goes away at once.
 *
 * Each step is one process's own and can fail for it alone, so that ranks agree after each: nobody waits in the middle of
 * one for somebody who could not. Knows no MPI.
 */
#ifndef SHEAF_COMM_SHARED_H
#define SHEAF_COMM_SHARED_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

enum { SHARED_NAME_BYTES = 64 };

/* Starts as {0}. */
struct shared {
    void *pages; /* of n_bytes, from a page on; NULL: none */
    size_t n_bytes;
    char name[SHARED_NAME_BYTES]; /* while others may look for it; else "" */
    int fd;                       /* holds the name while it is there (core/node_name.h) */
};

/* Memory of this process alone. */
int sheaf_shared_alone(struct shared *shared, size_t n_bytes, struct sheaf_error *error);

/* Makes memory, all zero, that others find by shared->name. Where it `reserves`, there is room for all of it from now on; else
   pages are taken when they are first written, and who finds no room then dies of SIGBUS. */
int sheaf_shared_make(struct shared *shared, size_t n_bytes, bool reserves, struct sheaf_error *error);

/* Says that there is no room for so much, and what can be done. Returns -1. */
int sheaf_shared_no_room(size_t n_bytes, struct sheaf_error *error);

/* Removes the memory of runs that were killed before it had lost its name. */
void sheaf_shared_sweep(void);

/* Finds what another process of this node has made. */
int sheaf_shared_find(struct shared *shared, const char *name, size_t n_bytes, struct sheaf_error *error);

/* Gives memory that was made another name in /dev/shm, which stays. */
int sheaf_shared_link(const struct shared *shared, const char *path, struct sheaf_error *error);

/* Nobody finds it any more; who has it keeps it. */
void sheaf_shared_unname(struct shared *shared);

/* For a process that will not read it any more. */
void sheaf_shared_close(struct shared *shared);

#endif
