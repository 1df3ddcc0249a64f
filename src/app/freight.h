/*
 * freight - finished rows that are to be sent: a list of the team's parcels, and messages made of them.
 */
#ifndef SHEAF_APP_FREIGHT_H
#define SHEAF_APP_FREIGHT_H

#include <stddef.h>

#include "core/buffer.h"
#include "core/error.h"
#include "exec/team.h"

struct freight {
    struct team *team; /* whose parcels they are; borrowed */
    struct parcel *waiting, **end;
    size_t n_bytes; /* of those that wait */
};

void sheaf_freight_open(struct freight *freight, struct team *team);

/* Gives parcels that were not sent back to the team. */
void sheaf_freight_close(struct freight *freight);

/* Takes the team's finished parcels to the end of the list. */
void sheaf_freight_collect(struct freight *freight);

/* Moves parcels from the front of the list into a message, and seals it: a large one as it is, by giving it the message's
   old buffer, or copies of small ones. */
int sheaf_freight_load(struct freight *freight, struct sheaf_buffer *message, struct sheaf_error *error);

#endif
