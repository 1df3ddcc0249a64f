#include "app/outbox.h"

#include <string.h>

void sheaf_outbox_open(struct outbox *outbox, struct comm *comm, int n_slots) {
    *outbox = (struct outbox){.comm = comm, .n_slots = n_slots};
}

void sheaf_outbox_close(struct outbox *outbox) {
    for (int i = 0; i < COMM_SLOTS; i++)
        sheaf_buffer_free(&outbox->buffers[i]);
}

int sheaf_outbox_find(struct outbox *outbox, int *slot, struct sheaf_error *error) {
    *slot = -1;
    for (int i = 0; i < outbox->n_slots && *slot < 0; i++) {
        bool sent = false;
        if (sheaf_comm_sent(outbox->comm, i, &sent, error))
            return -1;
        if (sent)
            *slot = i;
    }
    return 0;
}

int sheaf_outbox_send(struct outbox *outbox, int slot, int to, int tag, struct sheaf_error *error) {
    return sheaf_comm_send(outbox->comm, slot, to, tag, &outbox->buffers[slot], error);
}

int sheaf_outbox_post(struct outbox *outbox, int to, int tag, const void *data, size_t n_bytes, bool *did,
                      struct sheaf_error *error) {
    int slot;
    if (sheaf_outbox_find(outbox, &slot, error))
        return -1;
    if (slot < 0)
        return 0;
    if (sheaf_buffer_resize(&outbox->buffers[slot], n_bytes, error))
        return -1;
    if (n_bytes)
        memcpy(outbox->buffers[slot].data, data, n_bytes);
    *did = true;
    return sheaf_outbox_send(outbox, slot, to, tag, error);
}

int sheaf_outbox_post_warnings(struct outbox *outbox, int tag, struct warnings *warnings, struct sheaf_error *error) {
    char text[WARNING_BYTES];
    for (bool sent = true; sent && sheaf_warnings_look(warnings, text);) {
        sent = false;
        if (sheaf_outbox_post(outbox, 0, tag, text, sizeof text, &sent, error))
            return -1;
        if (sent)
            sheaf_warnings_take(warnings, text);
    }
    return 0;
}

int sheaf_outbox_empty(struct outbox *outbox, bool *empty, struct sheaf_error *error) {
    *empty = true;
    for (int i = 0; i < outbox->n_slots && *empty; i++)
        if (sheaf_comm_sent(outbox->comm, i, empty, error))
            return -1;
    return 0;
}
