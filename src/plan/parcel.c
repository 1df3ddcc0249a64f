#include "plan/parcel.h"

#include <stdlib.h>
#include <string.h>

#include "core/type.h"

struct head {
    struct span blocks; /* n = 0: a seal */
    int64_t n_failures;
};

/* Where the parts begin, one after the other, each aligned. */
struct parts {
    size_t seconds, columns, status, failures, end;
};

static size_t column_bytes(const struct sheaf_field *field, size_t n_padded) {
    return sheaf_round_up(n_padded * sheaf_field_row_bytes(field), SHEAF_ALIGN);
}

static struct parts find_parts(const struct chunk_shape *shape, struct span blocks, int64_t n_items,
                               int64_t n_failures) {
    struct parts at;
    at.seconds = SHEAF_ALIGN;
    at.columns = at.seconds + sheaf_round_up((size_t)blocks.n * sizeof(float), SHEAF_ALIGN);
    at.status = at.columns;
    for (int c = 0; c < shape->n_outputs; c++)
        at.status += column_bytes(&shape->outputs[c], sheaf_padded(n_items, shape->block));
    at.failures = at.status + sheaf_round_up((size_t)n_items, SHEAF_ALIGN);
    at.end = at.failures + sheaf_round_up((size_t)n_failures * sizeof(struct failure), SHEAF_ALIGN);
    return at;
}

size_t sheaf_parcel_bytes(const struct chunk_shape *shape, int64_t n_blocks) {
    return find_parts(shape, (struct span){0, n_blocks}, n_blocks * shape->block, 0).end;
}

static void point(struct parcel *parcel, const struct chunk_shape *shape) {
    struct parts at = find_parts(shape, parcel->blocks, parcel->n_items, 0);
    char *data = parcel->data.data, *column = data + at.columns;
    parcel->seconds = (float *)(void *)(data + at.seconds);
    parcel->status = (uint8_t *)data + at.status;
    for (int c = 0; c < shape->n_outputs; c++) {
        parcel->out[c] = column;
        column += column_bytes(&shape->outputs[c], sheaf_padded(parcel->n_items, shape->block));
    }
}

static void write_head(struct parcel *parcel) {
    struct head head = {parcel->blocks, parcel->n_failed};
    memset(parcel->data.data, 0, SHEAF_ALIGN);
    memcpy(parcel->data.data, &head, sizeof head);
}

int sheaf_parcel_layout(struct parcel *parcel, const struct chunk_shape *shape, struct span blocks,
                        struct sheaf_error *error) {
    if (parcel->n_columns < shape->n_outputs) {
        free(parcel->out);
        parcel->n_columns = 0;
        parcel->out = calloc((size_t)shape->n_outputs, sizeof *parcel->out);
        if (!parcel->out)
            return sheaf_fail_memory(error, "the rows");
        parcel->n_columns = shape->n_outputs;
    }
    parcel->blocks = blocks;
    parcel->n_failed = 0;
    sheaf_chunk_items(shape, blocks, &parcel->first_item, &parcel->n_items);
    parcel->data.n_bytes = 0;
    if (sheaf_buffer_resize(&parcel->data, find_parts(shape, blocks, parcel->n_items, 0).end, error))
        return -1;
    point(parcel, shape);
    write_head(parcel);
    memset(parcel->status, ITEM_PENDING, (size_t)parcel->n_items);
    return 0;
}

int sheaf_parcel_add_failures(struct parcel *parcel, const struct chunk_shape *shape, const struct failure *failures,
                              int64_t n_failures, struct sheaf_error *error) {
    struct parts at = find_parts(shape, parcel->blocks, parcel->n_items, n_failures);
    if (sheaf_buffer_resize(&parcel->data, at.end, error))
        return -1;
    if (n_failures > 0)
        memcpy(parcel->data.data + at.failures, failures, (size_t)n_failures * sizeof *failures);
    parcel->n_failed = n_failures;
    point(parcel, shape);
    write_head(parcel);
    return 0;
}

void sheaf_parcel_look(const char *data, const struct chunk_shape *shape, const void **columns, struct rows *rows,
                       size_t *n_bytes) {
    struct head head;
    memcpy(&head, data, sizeof head);
    *rows = (struct rows){.first_block = head.blocks.first, .n_blocks = head.blocks.n, .n_failures = head.n_failures};
    sheaf_chunk_items(shape, head.blocks, &rows->first, &rows->n);
    struct parts at = find_parts(shape, head.blocks, rows->n, head.n_failures);
    const char *column = data + at.columns;
    for (int c = 0; c < shape->n_outputs; c++) {
        columns[c] = column;
        column += column_bytes(&shape->outputs[c], sheaf_padded(rows->n, shape->block));
    }
    rows->columns = columns;
    rows->seconds = (const float *)(const void *)(data + at.seconds);
    rows->status = (const uint8_t *)data + at.status;
    rows->failures = (const struct failure *)(const void *)(data + at.failures);
    *n_bytes = at.end;
}

int sheaf_parcel_seal(struct sheaf_buffer *message, struct sheaf_error *error) {
    size_t at = message->n_bytes;
    if (sheaf_buffer_resize(message, at + SHEAF_ALIGN, error))
        return -1;
    memset(message->data + at, 0, SHEAF_ALIGN);
    return 0;
}

bool sheaf_parcel_is_seal(const char *data) {
    struct head head;
    memcpy(&head, data, sizeof head);
    return head.blocks.n == 0;
}

void sheaf_parcel_free(struct parcel *parcel) {
    sheaf_buffer_free(&parcel->data);
    free(parcel->out);
    *parcel = (struct parcel){0};
}
