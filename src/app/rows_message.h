/*
 * rows_message - finished rows as one message: what a rank without the results file sends to rank 0.
 */
#ifndef SHEAF_APP_ROWS_MESSAGE_H
#define SHEAF_APP_ROWS_MESSAGE_H

#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"
#include "plan/chunk.h"
#include "plan/row_sink.h"

/* Copies the rows of blocks b … b + n - 1 of the chunk, and failures[n_failures], into the buffer. */
int sheaf_rows_pack(struct sheaf_buffer *buffer, const struct chunk_shape *shape, const struct chunk *chunk, int64_t b,
                    int64_t n, const struct failure *failures, int64_t n_failures, struct sheaf_error *error);

/* Points `rows` into the buffer; columns[n_outputs] is the room for rows->columns. */
void sheaf_rows_unpack(const struct sheaf_buffer *buffer, const struct chunk_shape *shape, const void **columns,
                       struct rows *rows);

#endif
