/*
 * proof - that mapped inputs are those that results were computed from (R10), by hashes of segments of their bytes that are
 * taken by who reads them first, so that no pass of its own is needed.
 *
 * The values of a field lie in one piece of memory, and every 64 KB of them are a segment; or in tiles (core/tile.h), and
 * the stored bytes of each are one. The results file has a table of their hashes for each field, uint64 each; 0 says that
 * nobody has read the segment.
 * A thread that is about to compute rows hashes the segments that they lie in, unless that was done, and the hash is in the
 * table before a row is: so of a row that is done all that it was computed from has a hash. Before it is written the file is
 * looked at: it must be as it was when the run began, so two that hash the same segment write the same.
 */
#ifndef SHEAF_PLAN_PROOF_H
#define SHEAF_PLAN_PROOF_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include <sheaf/kernel.h>

#include "core/error.h"
#include "core/file.h"
#include "core/tile.h"

enum { PROOF_SEGMENT = 64 << 10 };

struct proof_field {
    const char *data; /* item 0's value, or the file that tiles lie in; borrowed; NULL: it is not read here */
    const struct sheaf_tiling *tiling; /* borrowed, or NULL: it lies in one piece */
    size_t row_bytes;
    int64_t n_bytes;
    int64_t n_segments;
    int64_t table; /* where the hashes of its segments lie in the results file */
    int64_t first; /* of its segments among those of all fields */
};

struct proof {
    int fd; /* of the results file, borrowed; */
    const char *path;
    const char *input;               /* the file of the values, */
    const struct sheaf_stamp *stamp; /* and how it was when the run began: a hash of other bytes is none */
    int n_fields;
    struct proof_field *fields;
    int64_t n_segments;
    _Atomic(uint64_t) *known; /* a bit a segment: its hash is in the table */
};

/* Rows of a field's table; tiling: NULL where it lies in one piece. */
int64_t sheaf_proof_segments(const struct sheaf_field *field, const struct sheaf_tiling *tiling, int64_t n_items);

/* Where the values of fields lie. */
struct proof_values {
    const char *const *data;                   /* [n_fields] NULL for those that are not read here */
    const struct sheaf_tiling *const *tilings; /* [n_fields] NULL for those in one piece */
};

/* Opens the tables[n_fields] in an open results file of fields whose values lie there, all borrowed but the two arrays.
   Release with sheaf_proof_close, also after an error. */
int sheaf_proof_open(struct proof *proof, const struct sheaf_field *fields, int n_fields, int64_t n_items, int fd,
                     const int64_t *tables, const char *path, struct proof_values values, struct sheaf_error *error);

/* To be called before anything is covered: from which file the values are, both borrowed. */
void sheaf_proof_set_input(struct proof *proof, const char *input, const struct sheaf_stamp *stamp);

/* Sees to it that everything has a hash that the values of n items lie in. Thread-safe. */
int sheaf_proof_cover(struct proof *proof, int64_t first_item, int64_t n, struct sheaf_error *error);

/* The same of all items, side by side. */
int sheaf_proof_cover_all(struct proof *proof, struct sheaf_error *error);

/* The first segment whose bytes are not those of its hash: *field is the field's number, and the items that have a part in it
   are *first_item … *first_item + *n - 1; *field is -1 where there is none. Side by side. */
int sheaf_proof_compare(struct proof *proof, int *field, int64_t *first_item, int64_t *n, struct sheaf_error *error);

void sheaf_proof_close(struct proof *proof);

#endif
