/*
 * chunk - the blocks that are handed to a rank or a node at a time, with the field data that goes with them.
 *
 * A chunk is one contiguous buffer that can travel as a message, or lie in memory that ranks share, as it is: a head, a
 * column for each input field that it carries (64-byte aligned, padded by repeating the last item), the bytes of texts
 * behind. Fields that a rank has mapped in place, whose tiles it decodes, or that it works out itself, are not carried. The rank that reads the items lays it out, fills and
 * packs it; a rank that computes only looks at it.
 */
#ifndef SHEAF_PLAN_CHUNK_H
#define SHEAF_PLAN_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/kernel.h>

#include "core/buffer.h"
#include "core/error.h"
#include "plan/span.h"
#include "plan/tile_cache.h"
#include "sweep/generated.h"

/* What all chunks of a stage have in common; borrowed from the kernel's binding. */
struct chunk_shape {
    int n_inputs;
    const struct sheaf_field *inputs; /* [n_inputs] .name is NULL for an absent optional one */
    const char *const *mapped;        /* [n_inputs] where item 0 of a field lies that is mapped in place, or NULL where
                                         it is not; NULL: nothing is mapped */
    const void *generated; /* sweep/generated.h: inputs that are worked out from an item's index; NULL: none is */
    int n_outputs;
    const struct sheaf_field *outputs; /* [n_outputs] */
    int64_t block;                     /* items of a block */
    int64_t n_items;                   /* items of the stage; its last block may have fewer */
    size_t most_text_bytes;            /* the texts of one item together have no more bytes than this, */
    size_t all_text_bytes;             /* those of all items no more than this */
    bool attempts;                     /* rows tell how often items were tried */
    struct tile_cache *tiles;          /* of inputs that threads decode; NULL: of none */
};

/* Whether chunks carry the values of input k. */
bool sheaf_chunk_carries(const struct chunk_shape *shape, int k);

/* Whether the values of input k are decoded by the threads. */
bool sheaf_chunk_decodes(const struct chunk_shape *shape, int k);

/* Bytes that a block's inputs take in a chunk, texts not counted; 0 where nothing is carried. */
size_t sheaf_chunk_block_bytes(const struct chunk_shape *shape);

/* Bytes that hold a chunk of n_blocks, texts counted as large as they may be. */
size_t sheaf_chunk_most_bytes(const struct chunk_shape *shape, int64_t n_blocks);

/* The items of a run of blocks. */
void sheaf_chunk_items(const struct chunk_shape *shape, struct span blocks, int64_t *first_item, int64_t *n_items);

/* Lays out `input` for the blocks; columns[n_inputs] is where the caller puts the values (NULL where not carried). */
int sheaf_chunk_layout(struct sheaf_buffer *input, const struct chunk_shape *shape, struct span blocks, void **columns,
                       struct sheaf_error *error);

/* Bytes that the chunk will have when packed. */
size_t sheaf_chunk_packed_bytes(const struct sheaf_buffer *input, const struct chunk_shape *shape);

/* Pads the columns and moves the bytes of texts behind them: `input` is then ready to travel. */
int sheaf_chunk_pack(struct sheaf_buffer *input, const struct chunk_shape *shape, struct sheaf_error *error);

/* Writes the head alone, for a chunk without blocks: data[SHEAF_ALIGN]. */
void sheaf_chunk_write_blocks(char *data, struct span blocks);

/* The blocks of a chunk; n = 0 says that there is no more work. */
struct span sheaf_chunk_blocks(const char *data);

/* A packed chunk as a thread looks at it. Nothing is written: many processes may look at once. */
struct chunk {
    const char *data;
    struct span blocks;
    int64_t first_item, n_items;
};

/* Points `chunk` at packed data, and in[n_inputs] at the columns from the chunk's first item on: NULL where an input is
   absent or decoded. The values of a text column that is carried have offsets from `data` in place of pointers. */
void sheaf_chunk_look(struct chunk *chunk, const struct chunk_shape *shape, const char *data, const void **in);

#endif
