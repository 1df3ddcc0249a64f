/*
 * parcel - the rows of a grain while a thread computes them, in the form in which they travel.
 *
 * One contiguous buffer: head, seconds, output columns (64-byte aligned), status, attempts, messages of failed items, texts. A thread
 * computes straight into it; then it is written through the row sink or sent as it is. A message is parcels one behind
 * the other.
 */
#ifndef SHEAF_PLAN_PARCEL_H
#define SHEAF_PLAN_PARCEL_H

#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"
#include "plan/chunk.h"
#include "plan/row_sink.h"
#include "plan/span.h"

/* Starts as {0}; may be laid out again and again. */
struct parcel {
    struct parcel *next; /* for lists */
    size_t held_bytes;   /* that the team counts for it while it waits to be sent */
    struct sheaf_buffer data;
    struct span blocks;
    int64_t first_item, n_items;
    float *seconds;    /* [blocks.n] */
    uint8_t *status;   /* [n_items] enum item_status */
    uint8_t *attempts; /* [n_items] how often each was tried, 255 at most; NULL where the shape has none */
    int n_columns;     /* that `out` has room for */
    char **out;        /* [n_outputs] columns of the grain's items, padded; NULL for texts */
};

/* Bytes of a parcel of n_blocks without failures, for sizing. */
size_t sheaf_parcel_bytes(const struct chunk_shape *shape, int64_t n_blocks);

/* Makes the parcel ready for the blocks: all items pending, other contents undefined. */
int sheaf_parcel_layout(struct parcel *parcel, const struct chunk_shape *shape, struct span blocks,
                        struct sheaf_error *error);

/* Puts the messages of failed items in, and the texts of all (records of plan/journal.h), once. May move the buffer:
   `out`, `seconds` and `status` stay right. */
int sheaf_parcel_add_tail(struct parcel *parcel, const struct chunk_shape *shape, const struct failure *failures,
                          int64_t n_failures, const struct sheaf_buffer *texts, struct sheaf_error *error);

/* Points `rows` into the parcel at the front of data; columns[n_outputs] is the room for rows->columns. *n_bytes is how
   long the parcel is. */
void sheaf_parcel_look(const char *data, const struct chunk_shape *shape, const void **columns, struct rows *rows,
                       size_t *n_bytes);

/* The end of a message of parcels, behind the last one: messages may be longer than what was put in. */
int sheaf_parcel_seal(struct sheaf_buffer *message, struct sheaf_error *error);
bool sheaf_parcel_is_seal(const char *data);

void sheaf_parcel_free(struct parcel *parcel);

#endif
