/*
 * matching - the files whose paths match a pattern, as a shell would list them.
 *
 * `*`, `?` and `[…]` are as in a shell: none stands for a '/', or for the dot that a name begins with. `**` in place of a
 * name stands for any folders, or none; it does not follow links to folders. Folders that match are passed over; what cannot
 * be read is an error.
 */
#ifndef SHEAF_JOB_MATCHING_H
#define SHEAF_JOB_MATCHING_H

#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"

/* A file, and how it was when it was found. */
struct matching_file {
    const char *path; /* from the root */
    uint64_t device, inode;
    int64_t n_bytes, modified_ns; /* the latter since 1970 */
};

/* Starts as {.arena = where all of it lives}. */
struct matching {
    struct sheaf_arena *arena;
    int64_t n, room;
    struct matching_file *files; /* [n] */
};

/* Adds the files that match a pattern, which is seen from a folder; none is an error. */
int sheaf_matching_add(struct matching *matching, const char *folder, const char *pattern, struct sheaf_error *error);

/* Sorts them by the bytes of their paths, and keeps each once. */
void sheaf_matching_sort(struct matching *matching);

#endif
