/*
 * binding - a kernel opened for a job: its parameters read, its inputs found among the items' fields, its outputs
 * checked. What the engine knows of a kernel.
 */
#ifndef SHEAF_KERNEL_BINDING_H
#define SHEAF_KERNEL_BINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/kernel.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/text.h"
#include "job/job.h"
#include "kernel/host.h"
#include "kernel/registry.h"

/* A file that a param names. */
struct param_file {
    const char *word, *path;     /* as the job has it, and seen from the current folder; NULL: there is none */
    struct sheaf_stamp stamp;    /* on rank 0, as is */
    char hash[SHEAF_HASH_BYTES]; /* its fingerprint; elsewhere "" */
};

struct binding {
    struct kernel_entry kernel;
    void *self;                /* the kernel's own */
    bool opened;               /* open succeeded: close it */
    union sheaf_value *params; /* [kernel.table.n_params] */
    int n_inputs;
    struct sheaf_field *inputs; /* [n_inputs] as the kernel reads them; .name is NULL where an optional is absent */
    int *field;                 /* [n_inputs] index among the items' fields, or -1 */
    int n_outputs;
    struct sheaf_field *outputs; /* [n_outputs] copies */
    int64_t block;               /* items of a block */
    size_t scratch_bytes;        /* of each thread */
    size_t shared_bytes;
    bool serial;                   /* map is not thread-safe */
    bool pure;                     /* what an item gives depends on its inputs alone: SHEAF_PURE */
    bool many;                     /* map takes several blocks at a time */
    bool again;                    /* items may have been computed, or begun, by an earlier run */
    bool has_texts;                /* some outputs are texts */
    int64_t retries;               /* an item that failed is tried so many times more */
    int64_t seed;                  /* of the job's random numbers */
    int n_threads;                 /* that compute, of this rank */
    struct warnings *warnings;     /* of the kernel, for people; borrowed, or NULL */
    const struct arrays *arrays;   /* that all items share; borrowed, or NULL */
    const struct yaml_node *place; /* where the job names the kernel; borrowed */
    int n_fields;
    const struct sheaf_field *fields;  /* [n_fields] of the items; borrowed */
    struct param_file *files;          /* [kernel.table.n_params] */
    struct sheaf_string made_identity; /* the part of it that a kernel made for the job adds */
    struct sheaf_string identity;      /* canonical text of kernel, params, outputs and block */
    struct sheaf_arena arena;
};

/* Opens the job's kernel for items with fields[n_fields], which must outlive the binding, as must the host (NULL will do
   for kernels of the job's `kernel` that are not isolated). Every rank does so and gets the same; what files hold goes into the identity on rank
   0 alone. Release with sheaf_binding_close, also after an error. */
int sheaf_binding_open(struct binding *binding, struct job *job, const struct sheaf_field *fields, int n_fields,
                       const struct kernel_host *host, struct sheaf_error *error);

/* Lets the kernel compute its shared data into memory[shared_bytes], zeroed before. */
int sheaf_binding_prepare(const struct binding *binding, void *memory, struct sheaf_error *error);

/* Lets the kernel make what the calling thread, which computes, has for itself; shared[shared_bytes] are its shared data. */
int sheaf_binding_thread_open(const struct binding *binding, int thread, int slot, const void *shared,
                              void **thread_self, struct sheaf_error *error);
void sheaf_binding_thread_close(const struct binding *binding, void *thread_self);

/* Whether files that params name are as they were when their content went into the identity; on rank 0. */
int sheaf_binding_check_files(const struct binding *binding, struct sheaf_error *error);

void sheaf_binding_close(struct binding *binding);

#endif
