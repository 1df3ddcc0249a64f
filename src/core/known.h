/*
 * known - fingerprints of files, taken once: a file with the path, inode, size and times of one whose fingerprint was
 * written down has the same content (R10).
 *
 * The time of the last change of the inode is one of them, which no program can set back. Of a file that was changed
 * within the last two seconds nothing is written down: it may be changed again in the same tick of the clock.
 */
#ifndef SHEAF_CORE_KNOWN_H
#define SHEAF_CORE_KNOWN_H

#include "core/error.h"
#include "core/hash.h"
#include "core/text.h"

struct known {
    char *before;              /* what an earlier run has written down, or NULL; owned */
    struct sheaf_string now;   /* what this one does: a line a file */
    struct sheaf_string paths; /* of all that were asked for, each on a line */
};

/* The fingerprint of a file's bytes, as sheaf_hash_file() has it. known: may be NULL, for none. */
int sheaf_known_hash(struct known *known, const char *path, char hash[SHEAF_HASH_BYTES], struct sheaf_error *error);

void sheaf_known_free(struct known *known);

#endif
