#include "plan/chunk.h"

#include <string.h>

#include "core/type.h"

/* What a chunk begins with; columns begin at the next multiple of SHEAF_ALIGN. */
struct head {
    struct span blocks;
};

bool sheaf_chunk_decodes(const struct chunk_shape *shape, int k) {
    return shape->tiles && shape->tiles->fields[k].tiling;
}

bool sheaf_chunk_carries(const struct chunk_shape *shape, int k) {
    return shape->inputs[k].name && !(shape->mapped && shape->mapped[k]) && !sheaf_chunk_decodes(shape, k) &&
           !sheaf_generated_has(shape->generated, k);
}

static size_t column_bytes(const struct chunk_shape *shape, int k, size_t n_padded) {
    if (!sheaf_chunk_carries(shape, k))
        return 0;
    return sheaf_round_up(n_padded * sheaf_field_row_bytes(&shape->inputs[k]), SHEAF_ALIGN);
}

static size_t columns_bytes(const struct chunk_shape *shape, size_t n_padded) {
    size_t n_bytes = 0;
    for (int k = 0; k < shape->n_inputs; k++)
        n_bytes += column_bytes(shape, k, n_padded);
    return n_bytes;
}

size_t sheaf_chunk_block_bytes(const struct chunk_shape *shape) {
    return columns_bytes(shape, sheaf_padded(shape->block, shape->block));
}

static bool carries_text(const struct chunk_shape *shape) {
    for (int k = 0; k < shape->n_inputs; k++)
        if (sheaf_chunk_carries(shape, k) && shape->inputs[k].type == SHEAF_TEXT)
            return true;
    return false;
}

size_t sheaf_chunk_most_bytes(const struct chunk_shape *shape, int64_t n_blocks) {
    size_t n_bytes = SHEAF_ALIGN + (size_t)n_blocks * sheaf_chunk_block_bytes(shape);
    if (carries_text(shape)) {
        double wanted = (double)n_blocks * (double)shape->block * (double)shape->most_text_bytes;
        size_t most = wanted < (double)shape->all_text_bytes ? (size_t)wanted : shape->all_text_bytes;
        n_bytes += sheaf_round_up(most, SHEAF_ALIGN);
    }
    return n_bytes;
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
    if (sheaf_buffer_resize(input, SHEAF_ALIGN + columns_bytes(shape, n_padded), error))
        return -1;
    sheaf_chunk_write_blocks(input->data, blocks);
    char *at = input->data + SHEAF_ALIGN;
    for (int k = 0; k < shape->n_inputs; k++) {
        columns[k] = sheaf_chunk_carries(shape, k) ? at : NULL;
        at += column_bytes(shape, k, n_padded);
    }
    return 0;
}

/* Repeats the last item up to the padded length. */
static void pad_column(void *column, size_t row_bytes, int64_t n_items, size_t n_padded) {
    for (size_t k = (size_t)n_items; k < n_padded; k++)
        memcpy((char *)column + k * row_bytes, (char *)column + ((size_t)n_items - 1) * row_bytes, row_bytes);
}

/* Bytes of n_texts at a place of the chunk, none of which is packed yet. */
static size_t text_bytes(const struct sheaf_buffer *input, size_t column_at, int64_t n_texts) {
    const struct sheaf_text *texts = (const struct sheaf_text *)(const void *)(input->data + column_at);
    size_t n_bytes = 0;
    for (int64_t i = 0; i < n_texts; i++)
        n_bytes += texts[i].length;
    return n_bytes;
}

/* Appends the bytes of a text column, whose values then hold offsets from the chunk's start instead of pointers. */
static int pack_texts(struct sheaf_buffer *input, size_t column_at, int64_t n_texts, struct sheaf_error *error) {
    size_t at = input->n_bytes, n_bytes = text_bytes(input, column_at, n_texts);
    if (sheaf_buffer_resize(input, at + n_bytes, error))
        return -1;
    struct sheaf_text *texts = (struct sheaf_text *)(void *)(input->data + column_at);
    for (int64_t i = 0; i < n_texts; i++) {
        if (texts[i].length)
            memcpy(input->data + at, texts[i].data, texts[i].length);
        texts[i].data = (const char *)(uintptr_t)at;
        at += texts[i].length;
    }
    return 0;
}

size_t sheaf_chunk_packed_bytes(const struct sheaf_buffer *input, const struct chunk_shape *shape) {
    int64_t first_item, n_items;
    sheaf_chunk_items(shape, sheaf_chunk_blocks(input->data), &first_item, &n_items);
    size_t at = SHEAF_ALIGN, n_bytes = input->n_bytes, n_padded = sheaf_padded(n_items, shape->block);
    for (int k = 0; k < shape->n_inputs; k++) {
        if (sheaf_chunk_carries(shape, k) && shape->inputs[k].type == SHEAF_TEXT)
            n_bytes += text_bytes(input, at, n_items * shape->inputs[k].width);
        at += column_bytes(shape, k, n_padded);
    }
    return n_bytes;
}

int sheaf_chunk_pack(struct sheaf_buffer *input, const struct chunk_shape *shape, struct sheaf_error *error) {
    int64_t first_item, n_items;
    sheaf_chunk_items(shape, sheaf_chunk_blocks(input->data), &first_item, &n_items);
    size_t at = SHEAF_ALIGN, n_padded = sheaf_padded(n_items, shape->block);
    for (int k = 0; k < shape->n_inputs; k++) {
        const struct sheaf_field *field = &shape->inputs[k];
        if (!sheaf_chunk_carries(shape, k))
            continue;
        if (field->type == SHEAF_TEXT && pack_texts(input, at, n_items * field->width, error))
            return -1;
        pad_column(input->data + at, sheaf_field_row_bytes(field), n_items, n_padded);
        at += column_bytes(shape, k, n_padded);
    }
    return 0;
}

void sheaf_chunk_write_blocks(char *data, struct span blocks) {
    memset(data, 0, SHEAF_ALIGN);
    memcpy(data, &(struct head){blocks}, sizeof(struct head));
}

struct span sheaf_chunk_blocks(const char *data) {
    struct head head;
    memcpy(&head, data, sizeof head);
    return head.blocks;
}

void sheaf_chunk_look(struct chunk *chunk, const struct chunk_shape *shape, const char *data, const void **in) {
    *chunk = (struct chunk){.data = data, .blocks = sheaf_chunk_blocks(data)};
    sheaf_chunk_items(shape, chunk->blocks, &chunk->first_item, &chunk->n_items);
    size_t n_padded = sheaf_padded(chunk->n_items, shape->block), at = SHEAF_ALIGN;
    for (int k = 0; k < shape->n_inputs; k++) {
        in[k] = NULL;
        if (sheaf_chunk_carries(shape, k))
            in[k] = data + at;
        else if (shape->mapped && shape->mapped[k])
            in[k] = shape->mapped[k] + (size_t)chunk->first_item * sheaf_field_row_bytes(&shape->inputs[k]);
        at += column_bytes(shape, k, n_padded);
    }
}
