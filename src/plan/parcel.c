#include "plan/parcel.h"

#include <stdlib.h>
#include <string.h>

#include "core/type.h"

struct head {
    struct span blocks; /* n = 0: a seal */
    int64_t n_failures;
    size_t text_bytes;
};

/* Where the parts begin, one after the other, each aligned. */
struct parts {
    size_t seconds, columns, status, attempts, failures, texts, end;
};

static size_t column_bytes(const struct sheaf_field *field, size_t n_padded) {
    return field->type == SHEAF_TEXT ? 0 : sheaf_round_up(n_padded * sheaf_field_row_bytes(field), SHEAF_ALIGN);
}

static struct parts find_parts(const struct chunk_shape *shape, int64_t n_items, const struct head *head) {
    struct parts at;
    at.seconds = SHEAF_ALIGN;
    at.columns = at.seconds + sheaf_round_up((size_t)head->blocks.n * sizeof(float), SHEAF_ALIGN);
    at.status = at.columns;
    for (int c = 0; c < shape->n_outputs; c++)
        at.status += column_bytes(&shape->outputs[c], sheaf_padded(n_items, shape->block));
    at.attempts = at.status + sheaf_round_up((size_t)n_items, SHEAF_ALIGN);
    at.failures = at.attempts + (shape->attempts ? sheaf_round_up((size_t)n_items, SHEAF_ALIGN) : 0);
    at.texts = at.failures + sheaf_round_up((size_t)head->n_failures * sizeof(struct failure), SHEAF_ALIGN);
    at.end = at.texts + sheaf_round_up(head->text_bytes, SHEAF_ALIGN);
    return at;
}

size_t sheaf_parcel_bytes(const struct chunk_shape *shape, int64_t n_blocks) {
    const struct head head = {.blocks = {0, n_blocks}};
    return find_parts(shape, n_blocks * shape->block, &head).end;
}

static void point(struct parcel *parcel, const struct chunk_shape *shape) {
    const struct head head = {.blocks = parcel->blocks};
    struct parts at = find_parts(shape, parcel->n_items, &head);
    char *data = parcel->data.data, *column = data + at.columns;
    parcel->seconds = (float *)(void *)(data + at.seconds);
    parcel->status = (uint8_t *)data + at.status;
    parcel->attempts = shape->attempts ? (uint8_t *)data + at.attempts : NULL;
    for (int c = 0; c < shape->n_outputs; c++) {
        parcel->out[c] = shape->outputs[c].type == SHEAF_TEXT ? NULL : column;
        column += column_bytes(&shape->outputs[c], sheaf_padded(parcel->n_items, shape->block));
    }
}

static void write_head(struct parcel *parcel, const struct head *head) {
    memset(parcel->data.data, 0, SHEAF_ALIGN);
    memcpy(parcel->data.data, head, sizeof *head);
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
    const struct head head = {.blocks = blocks};
    parcel->blocks = blocks;
    sheaf_chunk_items(shape, blocks, &parcel->first_item, &parcel->n_items);
    parcel->data.n_bytes = 0;
    if (sheaf_buffer_resize(&parcel->data, find_parts(shape, parcel->n_items, &head).end, error))
        return -1;
    point(parcel, shape);
    write_head(parcel, &head);
    memset(parcel->status, ITEM_PENDING, (size_t)parcel->n_items);
    if (parcel->attempts)
        memset(parcel->attempts, 1, (size_t)parcel->n_items);
    return 0;
}

int sheaf_parcel_add_tail(struct parcel *parcel, const struct chunk_shape *shape, const struct failure *failures,
                          int64_t n_failures, const struct sheaf_buffer *texts, struct sheaf_error *error) {
    const struct head head = {parcel->blocks, n_failures, texts->n_bytes};
    struct parts at = find_parts(shape, parcel->n_items, &head);
    if (sheaf_buffer_resize(&parcel->data, at.end, error))
        return -1;
    if (n_failures > 0)
        memcpy(parcel->data.data + at.failures, failures, (size_t)n_failures * sizeof *failures);
    if (texts->n_bytes > 0)
        memcpy(parcel->data.data + at.texts, texts->data, texts->n_bytes);
    point(parcel, shape);
    write_head(parcel, &head);
    return 0;
}

void sheaf_parcel_look(const char *data, const struct chunk_shape *shape, const void **columns, struct rows *rows,
                       size_t *n_bytes) {
    struct head head;
    memcpy(&head, data, sizeof head);
    *rows = (struct rows){.first_block = head.blocks.first, .n_blocks = head.blocks.n, .n_failures = head.n_failures};
    sheaf_chunk_items(shape, head.blocks, &rows->first, &rows->n);
    struct parts at = find_parts(shape, rows->n, &head);
    const char *column = data + at.columns;
    for (int c = 0; c < shape->n_outputs; c++) {
        columns[c] = shape->outputs[c].type == SHEAF_TEXT ? NULL : column;
        column += column_bytes(&shape->outputs[c], sheaf_padded(rows->n, shape->block));
    }
    rows->columns = columns;
    rows->seconds = (const float *)(const void *)(data + at.seconds);
    rows->status = (const uint8_t *)data + at.status;
    rows->attempts = shape->attempts ? (const uint8_t *)data + at.attempts : NULL;
    rows->texts = data + at.texts;
    rows->text_bytes = head.text_bytes;
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
