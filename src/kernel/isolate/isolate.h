/*
 * isolate - a kernel in processes of its own, so that one that crashes, ends or hangs takes only its block with it.
 *
 * The rank opens the kernel as always, for its shape, and has its blocks computed by one child process a thread. A child
 * is a fork of the keeper (process/keeper.h) and opens the kernel again, from an image of what the rank's was opened with;
 * isolate_order.c. It sees a block's columns in memory that it shares with the thread, and what it says of items, and its
 * texts, come back through its socket as notes; isolate_child.c. The thread tells the engine so as if the kernel had;
 * isolate.c. Isolation is no part of a job's identity.
 *
 * Going there and back costs much more than a small item. So kernels that take one item at a time get many at once
 * (SHEAF_MANY), which the child computes one after the other, as long as nothing is the matter and little time has passed;
 * the rest goes back to the engine (kernel_host.did), which has the next item computed alone. If the child dies, the item at
 * work is to blame, and another child computes those before it once more.
 */
#ifndef SHEAF_KERNEL_ISOLATE_H
#define SHEAF_KERNEL_ISOLATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/kernel.h>

#include "core/buffer.h"
#include "core/error.h"
#include "core/file.h"
#include "core/type.h"
#include "kernel/host.h"
#include "kernel/registry.h"

/* Puts the isolated kernel in place of the one that was found; `name` is what the registry found it by. The host is
   borrowed. timeout_s: for a block; 0: none. After an error the entry is as it was. */
int sheaf_isolate_wrap(struct kernel_entry *entry, const char *name, const struct kernel_host *host, int64_t seed,
                       double timeout_s, struct sheaf_error *error);

/* --- between the files --------------------------------------------------------------------------------------------- */

/* How a child is to open the kernel. Its image, which follows it in memory, has offsets from it in place of pointers. */
struct isolate_order {
    size_t n_bytes; /* of the image */
    const char *path, *name;
    struct sheaf_stamp stamp; /* of the shared object at path, if there is one */
    struct sheaf_setup setup;
    int n_params, n_outputs;
    const struct sheaf_stamp *files; /* [n_params] of files that params name */
    int64_t seed;
    int n_arrays;
    const char **arrays;            /* [n_arrays] names of what items share, */
    const char *array_folder;       /* and where they are, as NAME.npy */
    size_t shared_at, shared_bytes; /* where the shared data lie behind the image */
};

/* Writes the image of an order, whose pointers are good, to an empty buffer; `params` of the table says what its values
   are. */
int sheaf_isolate_pack(struct sheaf_buffer *image, const struct isolate_order *order, const struct sheaf_param *params,
                       struct sheaf_error *error);

/* Finds the kernel of an image in memory[…], and makes its pointers good. */
int sheaf_isolate_unpack(char *memory, struct kernel_entry *entry, struct isolate_order **order,
                         struct sheaf_error *error);

/* What lies at the beginning of a block's memory; columns follow. */
struct isolate_block {
    _Atomic(uint64_t) begun; /* number of the request that the child has begun with */
    int64_t first, n, n_padded;
    int32_t thread, slot, attempt;
    int32_t many;              /* n items, one at a time */
    _Atomic(int32_t) stop;     /* what should_stop says; set while the block is computed, too */
    _Atomic(int64_t) computes; /* of these: the one that is computed */
    int64_t at[];              /* [n_inputs + n_outputs] where columns begin; 0: there is none */
};

/* From one item to the next in a column: where they are computed one at a time each is aligned. */
static inline size_t sheaf_isolate_stride(const struct sheaf_field *field, bool many) {
    const size_t row = sheaf_field_row_bytes(field);
    return many ? sheaf_round_up(row, SHEAF_ALIGN) : row;
}

/* To the child: compute what lies in the block's memory, which has n_bytes by now. */
struct isolate_request {
    uint64_t number; /* from 1 */
    size_t n_bytes;
};

/* To the child, first of all: which thread it computes for. */
struct isolate_birth {
    int32_t thread, slot;
};

/* From the child: once when the kernel is open, or not (`result` is not 0, and the notes are the message), and to each
   request. */
struct isolate_answer {
    int32_t result; /* of map */
    int32_t lost;   /* there was no memory for the notes */
    int64_t n_done; /* of many items: the first so many are computed, and nothing is the matter with them */
    size_t n_bytes; /* of notes, which follow */
};

/* What map said: the call of a service of struct sheaf_context, and the bytes of the text that follow. */
enum isolate_service { ISOLATE_FAIL, ISOLATE_END, ISOLATE_TEXT, ISOLATE_RANDOM, ISOLATE_GIVE_BACK, ISOLATE_WARNING };
struct isolate_note {
    int32_t service;
    int32_t detail; /* the outcome, or the output */
    int64_t k;
    size_t n_bytes;
};

/* Descriptors that a child gets: its socket, the image with the shared data behind it, the memory of blocks. */
enum { ISOLATE_SOCKET, ISOLATE_IMAGE, ISOLATE_MEMORY };

/* The life of a child, until the other side closes the socket. */
void sheaf_isolate_child(const int *fds);

#endif
