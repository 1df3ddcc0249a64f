/*
 * coordinator - rank 0's part in a run: gives out chunks with their field data, and takes finished rows in.
 *
 * Knows no MPI: the loop carries its answers. Used by one thread.
 */
#ifndef SHEAF_APP_COORDINATOR_H
#define SHEAF_APP_COORDINATOR_H

#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"
#include "job/items.h"
#include "kernel/binding.h"
#include "plan/chunk.h"
#include "plan/flight.h"
#include "plan/handout.h"
#include "plan/row_sink.h"
#include "report/progress.h"

/* All pointers are borrowed. */
struct coordinator {
    struct handout *handout;
    struct items *items;
    const struct binding *kernel;
    const struct chunk_shape *carrying; /* chunks for ranks that do not map the input carry every field */
    const struct chunk_shape *mapping;  /* for those that do: only the fields that are not mapped */
    struct row_sink *sink;
    struct flight flight; /* row 0 of the notes that rank 0 takes, and their parties' number */
    off_t flights_end;
    int32_t *rows;             /* [n_pools][POOL_SEATS] which of these a seat has, from 1; 0: none yet */
    int32_t n_rows;            /* given to seats */
    int32_t *n_left;           /* [n_pools] ranks that have left */
    struct warnings *warnings; /* of the kernel, to be said */
    struct progress *progress;
    int64_t n_blocks;         /* whose rows have come */
    struct row_counts counts; /* items that other ranks told of, by their rows or by count */
    bool failure_said;        /* why the first item failed */
};

/* What a pool's leader asks. */
struct chunk_ask {
    struct handout_ask handout;
    int32_t pool, seat; /* for which the chunk is */
    int32_t maps;       /* whether it maps the input */
    int32_t notes;      /* whether its threads note what they compute; else rank 0 notes the chunk */
    size_t most_bytes;  /* that the chunk may have */
};

/* Puts the next blocks for a pool into the buffer with their field data, packed (plan/chunk.h); no blocks when there is
   no more work for it. */
int sheaf_coordinator_next(struct coordinator *coordinator, const struct chunk_ask *ask, struct sheaf_buffer *input,
                           struct sheaf_error *error);

/* One of n_ranks of a pool whose chunks rank 0 notes has left in order, with nothing at work any more: when all have,
   the notes are void. */
int sheaf_coordinator_left(struct coordinator *coordinator, int32_t pool, int32_t n_ranks, struct sheaf_error *error);

/* Writes the rows of a message of parcels into the results file. */
int sheaf_coordinator_take(struct coordinator *coordinator, const struct sheaf_buffer *rows, struct sheaf_error *error);

/* Shows how far the run is, with the items of rank 0's own threads; once, why the first one failed. */
void sheaf_coordinator_show(struct coordinator *coordinator, int64_t n_own_done, int64_t n_own_failed);

/* Says what the kernel has warned of since the last time. */
void sheaf_coordinator_warn(struct coordinator *coordinator);

#endif
