#include "app/rows_message.h"

#include <string.h>

#include "core/type.h"

struct head {
    struct span blocks;
    int64_t n_failures;
};

/* Where the parts begin, one after the other, each aligned: head, failures, seconds, columns, status. */
struct parts {
    size_t failures, seconds, columns, status, end;
};

static size_t column_bytes(const struct sheaf_field *field, int64_t n_items) {
    return sheaf_round_up((size_t)n_items * sheaf_field_row_bytes(field), SHEAF_ALIGN);
}

static struct parts find_parts(const struct chunk_shape *shape, const struct head *head, int64_t n_items) {
    struct parts at;
    at.failures = SHEAF_ALIGN;
    at.seconds = at.failures + sheaf_round_up((size_t)head->n_failures * sizeof(struct failure), SHEAF_ALIGN);
    at.columns = at.seconds + sheaf_round_up((size_t)head->blocks.n * sizeof(float), SHEAF_ALIGN);
    at.status = at.columns;
    for (int c = 0; c < shape->n_outputs; c++)
        at.status += column_bytes(&shape->outputs[c], n_items);
    at.end = at.status + (size_t)n_items;
    return at;
}

int sheaf_rows_pack(struct sheaf_buffer *buffer, const struct chunk_shape *shape, const struct chunk *chunk, int64_t b,
                    int64_t n, const struct failure *failures, int64_t n_failures, struct sheaf_error *error) {
    struct head head = {{chunk->blocks.first + b, n}, n_failures};
    int64_t first_item, n_items;
    sheaf_chunk_items(shape, head.blocks, &first_item, &n_items);
    struct parts at = find_parts(shape, &head, n_items);
    size_t skipped = (size_t)(first_item - chunk->first_item);
    buffer->n_bytes = 0;
    if (sheaf_buffer_resize(buffer, at.end, error))
        return -1;
    memcpy(buffer->data, &head, sizeof head);
    if (n_failures)
        memcpy(buffer->data + at.failures, failures, (size_t)n_failures * sizeof *failures);
    memcpy(buffer->data + at.seconds, chunk->seconds + b, (size_t)n * sizeof(float));
    char *to = buffer->data + at.columns;
    for (int c = 0; c < shape->n_outputs; c++) {
        size_t row_bytes = sheaf_field_row_bytes(&shape->outputs[c]);
        memcpy(to, (const char *)chunk->out[c] + skipped * row_bytes, (size_t)n_items * row_bytes);
        to += column_bytes(&shape->outputs[c], n_items);
    }
    memcpy(buffer->data + at.status, chunk->status + skipped, (size_t)n_items);
    return 0;
}

void sheaf_rows_unpack(const struct sheaf_buffer *buffer, const struct chunk_shape *shape, const void **columns,
                       struct rows *rows) {
    struct head head;
    memcpy(&head, buffer->data, sizeof head);
    *rows = (struct rows){.first_block = head.blocks.first, .n_blocks = head.blocks.n, .n_failures = head.n_failures};
    sheaf_chunk_items(shape, head.blocks, &rows->first, &rows->n);
    struct parts at = find_parts(shape, &head, rows->n);
    const char *from = buffer->data + at.columns;
    for (int c = 0; c < shape->n_outputs; c++) {
        columns[c] = from;
        from += column_bytes(&shape->outputs[c], rows->n);
    }
    rows->columns = columns;
    rows->failures = (const struct failure *)(const void *)(buffer->data + at.failures);
    rows->seconds = (const float *)(const void *)(buffer->data + at.seconds);
    rows->status = (const uint8_t *)(buffer->data + at.status);
}
