#include "plan/chunk.h"

#include <stdlib.h>
#include <string.h>

#include "core/type.h"

/* What a packed input begins with; columns begin at the next multiple of SHEAF_ALIGN. */
struct head {
    struct span blocks;
};

static size_t column_bytes(const struct sheaf_field *field, size_t n_padded) {
    return field->name ? sheaf_round_up(n_padded * sheaf_field_row_bytes(field), SHEAF_ALIGN) : 0;
}

static size_t columns_bytes(const struct sheaf_field *fields, int n_fields, size_t n_padded) {
    size_t n_bytes = 0;
    for (int k = 0; k < n_fields; k++)
        n_bytes += column_bytes(&fields[k], n_padded);
    return n_bytes;
}

/* Points columns[n_fields] at what lies at `data` one column after the other. */
static void point_columns(const struct sheaf_field *fields, int n_fields, size_t n_padded, char *data, void **columns) {
    for (int k = 0; k < n_fields; k++) {
        columns[k] = fields[k].name ? data : NULL;
        data += column_bytes(&fields[k], n_padded);
    }
}

size_t sheaf_chunk_block_bytes(const struct chunk_shape *shape) {
    size_t n_padded = sheaf_padded(shape->block, shape->block);
    return columns_bytes(shape->inputs, shape->n_inputs, n_padded) +
           columns_bytes(shape->outputs, shape->n_outputs, n_padded) + (size_t)shape->block + sizeof(float) + 1;
}

void sheaf_chunk_items(const struct chunk_shape *shape, struct span blocks, int64_t *first_item, int64_t *n_items) {
    int64_t end = (blocks.first + blocks.n) * shape->block;
    *first_item = blocks.first * shape->block;
    *n_items = (end < shape->n_items ? end : shape->n_items) - *first_item;
    *n_items = blocks.n > 0 ? *n_items : 0; /* no blocks may begin anywhere, also beyond the end */
}

int sheaf_chunk_layout(struct sheaf_buffer *input, const struct chunk_shape *shape, struct span blocks, void **columns,
                       struct sheaf_error *error) {
    int64_t first_item, n_items;
    sheaf_chunk_items(shape, blocks, &first_item, &n_items);
    size_t n_padded = sheaf_padded(n_items, shape->block);
    input->n_bytes = 0; /* nothing to keep */
    if (sheaf_buffer_resize(input, SHEAF_ALIGN + columns_bytes(shape->inputs, shape->n_inputs, n_padded), error))
        return -1;
    memset(input->data, 0, SHEAF_ALIGN);
    memcpy(input->data, &(struct head){blocks}, sizeof(struct head));
    point_columns(shape->inputs, shape->n_inputs, n_padded, input->data + SHEAF_ALIGN, columns);
    return 0;
}

/* Repeats the last item up to the padded length. */
static void pad_column(void *column, size_t row_bytes, int64_t n_items, size_t n_padded) {
    for (size_t k = (size_t)n_items; k < n_padded; k++)
        memcpy((char *)column + k * row_bytes, (char *)column + ((size_t)n_items - 1) * row_bytes, row_bytes);
}

/* Appends the bytes of a text column, whose values then hold offsets from the buffer's start instead of pointers. */
static int pack_texts(struct sheaf_buffer *input, size_t column_at, int64_t n_texts, struct sheaf_error *error) {
    size_t n_bytes = 0, at = input->n_bytes;
    const struct sheaf_text *texts = (const struct sheaf_text *)(const void *)(input->data + column_at);
    for (int64_t i = 0; i < n_texts; i++)
        n_bytes += texts[i].length;
    if (sheaf_buffer_resize(input, sheaf_round_up(at + n_bytes, SHEAF_ALIGN), error))
        return -1;
    struct sheaf_text *moved = (struct sheaf_text *)(void *)(input->data + column_at);
    for (int64_t i = 0; i < n_texts; i++) {
        if (moved[i].length)
            memcpy(input->data + at, moved[i].data, moved[i].length);
        moved[i].data = (const char *)(uintptr_t)at;
        at += moved[i].length;
    }
    memset(input->data + at, 0, input->n_bytes - at);
    return 0;
}

int sheaf_chunk_pack(struct sheaf_buffer *input, const struct chunk_shape *shape, struct sheaf_error *error) {
    int64_t first_item, n_items;
    sheaf_chunk_items(shape, sheaf_chunk_blocks(input), &first_item, &n_items);
    size_t at = SHEAF_ALIGN, n_padded = sheaf_padded(n_items, shape->block);
    for (int k = 0; k < shape->n_inputs; k++) {
        const struct sheaf_field *field = &shape->inputs[k];
        if (field->name && field->type == SHEAF_TEXT && pack_texts(input, at, n_items * field->width, error))
            return -1;
        if (field->name)
            pad_column(input->data + at, sheaf_field_row_bytes(field), n_items, n_padded);
        at += column_bytes(field, n_padded);
    }
    return 0;
}

struct span sheaf_chunk_blocks(const struct sheaf_buffer *input) {
    struct head head;
    memcpy(&head, input->data, sizeof head);
    return head.blocks;
}

int sheaf_chunk_open(struct chunk *chunk, const struct chunk_shape *shape, struct sheaf_error *error) {
    memset(chunk, 0, sizeof *chunk);
    chunk->in = calloc((size_t)shape->n_inputs + 1, sizeof *chunk->in);
    chunk->out = calloc((size_t)shape->n_outputs + 1, sizeof *chunk->out);
    return chunk->in && chunk->out ? 0 : sheaf_fail_memory(error, "a chunk");
}

int sheaf_chunk_unpack(struct chunk *chunk, const struct chunk_shape *shape, struct sheaf_error *error) {
    chunk->blocks = sheaf_chunk_blocks(&chunk->input);
    sheaf_chunk_items(shape, chunk->blocks, &chunk->first_item, &chunk->n_items);
    size_t n_items = (size_t)chunk->n_items, n_blocks = (size_t)chunk->blocks.n;
    size_t n_padded = sheaf_padded(chunk->n_items, shape->block);
    point_columns(shape->inputs, shape->n_inputs, n_padded, chunk->input.data + SHEAF_ALIGN, (void **)chunk->in);
    for (int k = 0; k < shape->n_inputs; k++) {
        struct sheaf_text *texts = (struct sheaf_text *)(uintptr_t)chunk->in[k];
        size_t n_texts = n_padded * (size_t)shape->inputs[k].width;
        for (size_t i = 0; texts && shape->inputs[k].type == SHEAF_TEXT && i < n_texts; i++)
            texts[i].data = chunk->input.data + (uintptr_t)texts[i].data;
    }
    size_t columns = columns_bytes(shape->outputs, shape->n_outputs, n_padded);
    chunk->output.n_bytes = 0;
    if (sheaf_buffer_resize(&chunk->output, columns + n_blocks * (sizeof(float) + 1) + n_items, error))
        return -1;
    point_columns(shape->outputs, shape->n_outputs, n_padded, chunk->output.data, chunk->out);
    chunk->seconds = (float *)(void *)(chunk->output.data + columns);
    chunk->status = (uint8_t *)(chunk->seconds + n_blocks);
    chunk->finished = (_Atomic uint8_t *)(chunk->status + n_items);
    memset(chunk->status, ITEM_PENDING, n_items);
    for (size_t b = 0; b < n_blocks; b++)
        atomic_init(&chunk->finished[b], 0);
    atomic_init(&chunk->n_unfinished, chunk->blocks.n);
    return 0;
}

void sheaf_chunk_close(struct chunk *chunk) {
    sheaf_buffer_free(&chunk->input);
    sheaf_buffer_free(&chunk->output);
    free(chunk->in);
    free(chunk->out);
    chunk->in = NULL;
    chunk->out = NULL;
}
