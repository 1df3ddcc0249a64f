/*
 * fields_message - how many items there are and which fields they have, as one message: what rank 0, which alone opens
 * the items, tells the others.
 */
#ifndef SHEAF_APP_FIELDS_MESSAGE_H
#define SHEAF_APP_FIELDS_MESSAGE_H

#include "core/buffer.h"
#include "core/error.h"
#include "job/items.h"

int sheaf_fields_pack(struct sheaf_buffer *buffer, const struct items *items, struct sheaf_error *error);

/* Fills items->n_items, n_fields and fields; the rest of the struct is zero before. Release with sheaf_items_close. */
int sheaf_fields_unpack(const struct sheaf_buffer *buffer, struct items *items, struct sheaf_error *error);

#endif
