/*
 * chunk - the blocks a rank has in hand at a time: their input columns, and room for what comes out.
 *
 * The input is one contiguous buffer that can travel as a message as it is: a head, a column for each input field
 * (64-byte aligned, padded by repeating the last item), the bytes of texts behind. The rank that reads the items
 * lays it out, fills it and packs it; the rank that computes unpacks it, whether it travelled or not.
 */
#ifndef SHEAF_PLAN_CHUNK_H
#define SHEAF_PLAN_CHUNK_H

#include <stdatomic.h>
#include <stdint.h>

#include <sheaf/kernel.h>

#include "core/buffer.h"
#include "core/error.h"
#include "plan/row_sink.h"
#include "plan/span.h"

/* What all chunks of a stage have in common; borrowed from the kernel's binding. */
struct chunk_shape {
    int n_inputs;
    const struct sheaf_field *inputs; /* [n_inputs] .name is NULL for an absent optional one */
    int n_outputs;
    const struct sheaf_field *outputs; /* [n_outputs] */
    int64_t block;                     /* items of a block */
    int64_t n_items;                   /* items of the stage; its last block may have fewer */
};

struct chunk {
    struct span blocks;
    int64_t first_item, n_items;
    struct sheaf_buffer input;     /* as it travels */
    struct sheaf_buffer output;    /* columns, seconds, status, finished */
    const void **in;               /* [n_inputs] columns in `input`, or NULL */
    void **out;                    /* [n_outputs] columns in `output`, each [n_items][width] */
    float *seconds;                /* [blocks.n] */
    uint8_t *status;               /* [n_items] enum item_status */
    _Atomic(uint8_t) *finished;    /* [blocks.n] set when a block's rows are final */
    _Atomic(int64_t) n_unfinished; /* blocks */
};

/* Bytes that one block takes in a chunk, for sizing; texts not counted. */
size_t sheaf_chunk_block_bytes(const struct chunk_shape *shape);

/* The items of a run of blocks. */
void sheaf_chunk_items(const struct chunk_shape *shape, struct span blocks, int64_t *first_item, int64_t *n_items);

/* Lays out `input` for the blocks; columns[n_inputs] is where the caller puts the values (NULL where absent). */
int sheaf_chunk_layout(struct sheaf_buffer *input, const struct chunk_shape *shape, struct span blocks, void **columns,
                       struct sheaf_error *error);

/* Pads the columns and moves the bytes of texts behind them: `input` is then ready to travel. */
int sheaf_chunk_pack(struct sheaf_buffer *input, const struct chunk_shape *shape, struct sheaf_error *error);

/* The blocks a packed input holds; n = 0 says that there is no more work. */
struct span sheaf_chunk_blocks(const struct sheaf_buffer *input);

/* Empty chunk for use with a shape; sheaf_chunk_close releases it. */
int sheaf_chunk_open(struct chunk *chunk, const struct chunk_shape *shape, struct sheaf_error *error);

/* Makes chunk->input, packed, ready for computing: all blocks unfinished, all items pending. */
int sheaf_chunk_unpack(struct chunk *chunk, const struct chunk_shape *shape, struct sheaf_error *error);

void sheaf_chunk_close(struct chunk *chunk);

#endif
