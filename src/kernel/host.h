/*
 * host - what kernels that are made for a job (expression, command, worker, isolated) get from the program around them.
 */
#ifndef SHEAF_KERNEL_HOST_H
#define SHEAF_KERNEL_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/kernel.h>

#include "core/arrays.h"
#include "core/known.h"
#include "core/warnings.h"
#include "process/server.h"

enum { HOST_MOST_THREADS = 4096 }; /* compute threads of a process */

/* Everything is borrowed and outlives the binding. */
struct kernel_host {
    bool is_first;               /* rank 0: where files of the job are looked at */
    bool only_looks;             /* nothing will be computed, and nothing may be written */
    struct server *server;       /* for processes */
    const char *folder;          /* OUT.d or OUT.d/STAGE, for what belongs to items and is not in the results file */
    const struct arrays *arrays; /* that all items share, */
    const char *shared_folder;   /* and where other processes find them, as NAME.npy; "": nowhere */
    struct known *known;         /* fingerprints of files, on rank 0 */
    int n_threads;               /* that compute, of this rank */
    struct warnings *warnings;   /* of the kernel, for people */
    /* For map, when it was given many blocks (SHEAF_MANY): the first n alone are computed, and the next one is to be
       computed by itself. */
    void (*did)(const struct sheaf_context *context, int64_t n);
};

#endif
