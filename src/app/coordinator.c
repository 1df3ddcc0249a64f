#include "app/coordinator.h"

#include <stdlib.h>
#include <string.h>

#include "app/rows_message.h"

/* Reads the items' values for the kernel's inputs straight to where the chunk has them. */
static int read_inputs(struct coordinator *c, struct span blocks, void *const *inputs, struct sheaf_arena *texts,
                       struct sheaf_error *error) {
    int64_t first, n;
    void **columns = sheaf_arena_take(texts, (size_t)c->items->n_fields * sizeof *columns);
    if (!columns)
        return sheaf_fail_memory(error, "reading items");
    for (int k = 0; k < c->kernel->n_inputs; k++)
        if (c->kernel->field[k] >= 0)
            columns[c->kernel->field[k]] = inputs[k];
    sheaf_chunk_items(c->shape, blocks, &first, &n);
    return sheaf_items_read(c->items, first, n, columns, texts, error);
}

int sheaf_coordinator_next(struct coordinator *c, int rank, int64_t wanted, struct sheaf_buffer *input,
                           struct sheaf_error *error) {
    struct span blocks;
    struct sheaf_arena arena = {0};
    int rc = -1;
    void **inputs = sheaf_arena_take(&arena, (size_t)c->kernel->n_inputs * sizeof *inputs);
    if (!inputs) {
        sheaf_fail_memory(error, "reading items");
        goto out;
    }
    if (sheaf_handout_next(c->handout, rank, wanted, &blocks, error) ||
        sheaf_chunk_layout(input, c->shape, blocks, inputs, error))
        goto out;
    if (blocks.n > 0 && (read_inputs(c, blocks, inputs, &arena, error) || sheaf_chunk_pack(input, c->shape, error)))
        goto out;
    rc = 0;
out:
    sheaf_arena_free(&arena);
    return rc;
}

int sheaf_coordinator_take(struct coordinator *c, const struct sheaf_buffer *message, struct sheaf_error *error) {
    struct rows rows;
    const void **columns = malloc((size_t)c->shape->n_outputs * sizeof *columns);
    if (!columns)
        return sheaf_fail_memory(error, "taking rows");
    sheaf_rows_unpack(message, c->shape, columns, &rows);
    int rc = sheaf_row_sink_write(c->sink, &rows, error);
    if (rc == 0)
        sheaf_row_sink_count(c->sink, &rows, &c->n_done, &c->n_failed);
    free(columns);
    return rc;
}
