/*
 * worker - one compute thread's private memory, and how it runs the kernel on one block.
 *
 * Knows nothing of other threads. A block is computed in place where its columns are aligned and padded in the chunk,
 * and through private copies where they are not, so a kernel always sees what <sheaf/kernel.h> promises.
 */
#ifndef SHEAF_EXEC_WORKER_H
#define SHEAF_EXEC_WORKER_H

#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"
#include "kernel/binding.h"
#include "plan/chunk.h"

struct worker {
    const struct binding *kernel;
    struct sheaf_context context;
    struct sheaf_buffer scratch, staging;
    const void **in;          /* [n_inputs] as the kernel sees them */
    void **out;               /* [n_outputs] */
    struct failure *failures; /* [n_failures] since the caller last took them */
    int64_t n_failures, most_failures;
    double busy_s; /* inside the kernel, in all */
    /* The block at work, for context.fail. */
    struct sheaf_block block;
    uint8_t *status;
    char whole[FAILURE_BYTES]; /* message for the whole block */
};

int sheaf_worker_open(struct worker *worker, const struct binding *kernel, const void *shared,
                      struct sheaf_error *error);

/* Computes block `b` (0 … chunk->blocks.n - 1) of the chunk: outputs, seconds and status of its items are then in the
   chunk, and the messages of those that failed in worker->failures. Only a lack of memory is an error. */
int sheaf_worker_block(struct worker *worker, struct chunk *chunk, int64_t b, struct sheaf_error *error);

void sheaf_worker_close(struct worker *worker);

#endif
