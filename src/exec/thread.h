/*
 * thread - one compute thread's private memory, and how it runs the kernel on one block.
 *
 * Knows nothing of other threads. A block's columns are used where they lie, in the chunk, the mapped input and the
 * parcel, if they are aligned and padded there, and through private copies if not, so a kernel always sees what
 * <sheaf/kernel.h> promises.
 */
#ifndef SHEAF_EXEC_THREAD_H
#define SHEAF_EXEC_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"
#include "kernel/binding.h"
#include "plan/chunk.h"
#include "plan/fold.h"
#include "exec/fetch.h"
#include "plan/parcel.h"

struct thread {
    const struct binding *kernel;
    const struct chunk_shape *shape;
    const _Atomic(bool) *drains; /* the run is to end; borrowed, or NULL */
    bool entered;                /* sheaf_thread_enter was called in this thread, */
    bool at_door;                /* or it, or sheaf_thread_leave, is at work */
    struct sheaf_context context;
    struct sheaf_buffer scratch, staging;
    struct sheaf_buffer texts; /* since the caller last took them: records of plan/journal.h */
    struct fetched fetched; /* inputs of the grain that the thread has decoded: by the caller, before it is computed */
    const void **in, **columns; /* [n_inputs] as the kernel sees them; as the chunk has them */
    void **out;                 /* [n_outputs] */
    struct failure *failures;   /* [n_failures] since the caller last took them */
    int64_t n_failures, most_failures;
    double longest_s; /* that the kernel took for a block */
    double busy_s;    /* inside the kernel, in all */
    /* The block at work (or blocks, where the kernel takes many), for context.fail and for a crash. */
    int64_t at_block;
    struct sheaf_block block;
    uint8_t *status;  /* while the kernel is called: pending, or what it said, with OUTPUTS_SET */
    bool broken;      /* the kernel said SHEAF_BROKEN; `whole` says why */
    bool lost_text;   /* no memory for a text */
    bool some_failed; /* of its items, or were given back, */
    bool gave_back;   /* as some were */
    int64_t n_did;    /* of many blocks: how many the kernel says that it has computed; -1: it has not said so */
    char whole[FAILURE_BYTES]; /* message for the whole block */
};

int sheaf_thread_open(struct thread *thread, const struct binding *kernel, const struct chunk_shape *shape,
                      const void *shared, struct sheaf_error *error);

/* In the thread that computes, before its first grain and after its last: what the kernel has for the thread alone. `door`
   is locked meanwhile. */
int sheaf_thread_enter(struct thread *thread, pthread_mutex_t *door, struct sheaf_error *error);
void sheaf_thread_leave(struct thread *thread, pthread_mutex_t *door);

/* Computes the blocks of a grain, which lie in a packed chunk, into a parcel: outputs, seconds and status of its items
   are then there, the messages of those that failed in thread->failures, and texts in thread->texts. Items that failed are
   tried again as often as the job says. `serial` is locked around each call of the
   kernel unless it is NULL. Only a lack of memory is an error. */
int sheaf_thread_grain(struct thread *thread, const char *chunk_data, struct span blocks, struct parcel *parcel,
                       pthread_mutex_t *serial, struct sheaf_error *error);

/* Folds the items of a grain that was computed, and is through: while its columns are near, and the chunk is there. */
void sheaf_thread_fold(const struct thread *thread, struct fold *fold, const char *chunk_data,
                       const struct parcel *parcel);

/* For kernels that are made for a job: kernel_host.did. */
void sheaf_thread_did(const struct sheaf_context *context, int64_t n);

void sheaf_thread_close(struct thread *thread);

#endif
