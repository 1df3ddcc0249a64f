/*
 * known - fingerprints of files, taken once: a file with the path, inode, size and times of one whose fingerprint was
 * written down has the same content (R10).
 *
 * The time of the last change of the inode is one of them, which no program can set back. Of a file that was changed
 * within the last two seconds nothing is written down: it may be changed again in the same tick of the clock.
 */
#ifndef SHEAF_CORE_KNOWN_H
#define SHEAF_CORE_KNOWN_H

#include <stdbool.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/text.h"

struct known {
    bool goes_on;              /* there was an earlier run; */
    char *before;              /* what an earlier run has written down, or NULL; owned */
    struct sheaf_string now;   /* what this one does: a line a file */
    struct sheaf_string paths; /* of all that were asked for, each on a line */
    struct sheaf_string used;  /* a line like those for each file that is used until the run ends */
};

/* The fingerprint of a file's bytes, as sheaf_hash_file() has it. known: may be NULL, for none. */
int sheaf_known_hash(struct known *known, const char *path, char hash[SHEAF_HASH_BYTES], struct sheaf_error *error);

/* Instead of a fingerprint, for a file whose content is proven by hashes of its segments (plan/proof.h): remembers how it is
   now. known: not NULL. */
int sheaf_known_add(struct known *known, const char *path, struct sheaf_error *error);

/* Whether an earlier run has remembered some file so, whichever and however it was. */
bool sheaf_known_any_added(const char *before);

/* Whether this is such a file, and still as it was then. */
bool sheaf_known_is_same(const char *before, const char *path);

/* Remembers that a file whose fingerprint was just taken is used until the run ends, as a program is. Of one that cannot be
   described nothing is remembered. */
void sheaf_known_use(struct known *known, const char *path, const char hash[SHEAF_HASH_BYTES]);

/* Tells which of these have other bytes now, or none: "a, b"; nothing where all are the same. */
void sheaf_known_say_changed(const struct known *known, struct sheaf_string *said);

void sheaf_known_free(struct known *known);

#endif
