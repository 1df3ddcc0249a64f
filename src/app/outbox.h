/*
 * outbox - the messages of a rank that are under way: buffers that are reused once a message has left.
 */
#ifndef SHEAF_APP_OUTBOX_H
#define SHEAF_APP_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/comm.h"
#include "core/buffer.h"
#include "core/error.h"
#include "core/warnings.h"

struct outbox {
    struct comm *comm;
    int n_slots; /* messages under way at a time, 1 … COMM_SLOTS */
    struct sheaf_buffer buffers[COMM_SLOTS];
};

void sheaf_outbox_open(struct outbox *outbox, struct comm *comm, int n_slots);
void sheaf_outbox_close(struct outbox *outbox);

/* A slot that is free, -1 in *slot if there is none now. Fill outbox->buffers[slot], then send it. */
int sheaf_outbox_find(struct outbox *outbox, int *slot, struct sheaf_error *error);
int sheaf_outbox_send(struct outbox *outbox, int slot, int to, int tag, struct sheaf_error *error);

/* Sends n_bytes, if there is a slot now: *did becomes true then, and stays as it is else. */
int sheaf_outbox_post(struct outbox *outbox, int to, int tag, const void *data, size_t n_bytes, bool *did,
                      struct sheaf_error *error);

/* Sends warnings that were not taken yet to rank 0, as far as there are slots now. */
int sheaf_outbox_post_warnings(struct outbox *outbox, int tag, struct warnings *warnings, struct sheaf_error *error);

/* Whether nothing is under way. */
int sheaf_outbox_empty(struct outbox *outbox, bool *empty, struct sheaf_error *error);

#endif
