#include "exec/fetch.h"

#include <stdlib.h>

#include "core/type.h"

static size_t column_bytes(const struct chunk_shape *shape, int k, int64_t n) {
    return sheaf_chunk_decodes(shape, k)
               ? sheaf_round_up((size_t)n * sheaf_field_row_bytes(&shape->inputs[k]), SHEAF_ALIGN)
               : 0;
}

/* Makes room for the columns. */
static int lay_out(struct fetched *f, const struct chunk_shape *shape, int64_t n, struct sheaf_error *error) {
    size_t n_bytes = 0;
    for (int k = 0; k < shape->n_inputs; k++)
        n_bytes += column_bytes(shape, k, n);
    if (!f->columns)
        f->columns = calloc((size_t)shape->n_inputs + 1, sizeof *f->columns);
    if (!f->columns)
        return sheaf_fail_memory(error, "the inputs");
    f->rows.n_bytes = 0; /* nothing to keep */
    return sheaf_buffer_resize(&f->rows, n_bytes, error);
}

int sheaf_fetch(struct fetched *f, const struct chunk_shape *shape, struct span chunk, struct span blocks,
                struct sheaf_error *error) {
    int64_t n, chunk_first, chunk_n;
    if (!shape->tiles)
        return 0;
    sheaf_chunk_items(shape, blocks, &f->first_item, &n);
    sheaf_chunk_items(shape, chunk, &chunk_first, &chunk_n);
    if (lay_out(f, shape, n, error))
        return -1;
    char *at = f->rows.data;
    for (int k = 0; k < shape->n_inputs; k++) {
        if (!sheaf_chunk_decodes(shape, k))
            continue;
        if (sheaf_tile_cache_read(shape->tiles, k, &f->decoder, f->first_item, n, chunk_first + chunk_n, at, error))
            return -1;
        f->columns[k] = at;
        at += column_bytes(shape, k, n);
    }
    return 0;
}

void sheaf_fetch_close(struct fetched *f) {
    sheaf_tile_close(&f->decoder);
    sheaf_buffer_free(&f->rows);
    free(f->columns);
    f->columns = NULL;
}
