#include "app/freight.h"

#include <string.h>

static const size_t large_bytes = (size_t)256 << 10; /* a parcel that becomes a message without being copied */

void sheaf_freight_open(struct freight *f, struct team *team) {
    *f = (struct freight){.team = team, .end = &f->waiting};
}

void sheaf_freight_close(struct freight *f) {
    sheaf_team_return(f->team, f->waiting);
    sheaf_freight_open(f, f->team);
}

void sheaf_freight_collect(struct freight *f) {
    size_t n_bytes;
    *f->end = sheaf_team_parcels(f->team, &n_bytes);
    f->n_bytes += n_bytes;
    while (*f->end)
        f->end = &(*f->end)->next;
}

/* Takes the first n parcels, which have gone into a message, from the list. */
static void drop_sent(struct freight *f, int n) {
    struct parcel *sent = f->waiting, *last = sent;
    for (int i = 0;; i++, last = last->next) {
        f->n_bytes -= last->held_bytes;
        if (i == n - 1)
            break;
    }
    f->waiting = last->next;
    if (!f->waiting)
        f->end = &f->waiting;
    last->next = NULL;
    sheaf_team_return(f->team, sent);
}

int sheaf_freight_load(struct freight *f, struct sheaf_buffer *message, struct sheaf_error *error) {
    struct parcel *parcel = f->waiting;
    int n = 0;
    message->n_bytes = 0;
    if (parcel->data.n_bytes >= large_bytes) {
        struct sheaf_buffer swapped = *message;
        *message = parcel->data;
        parcel->data = swapped;
        n = 1;
    }
    for (; parcel && message->n_bytes < large_bytes; parcel = parcel->next, n++) {
        size_t at = message->n_bytes;
        if (sheaf_buffer_resize(message, at + parcel->data.n_bytes, error))
            return -1;
        memcpy(message->data + at, parcel->data.data, parcel->data.n_bytes);
    }
    drop_sent(f, n);
    return sheaf_parcel_seal(message, error);
}
