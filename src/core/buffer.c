#include "core/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "core/type.h"

int sheaf_buffer_resize(struct sheaf_buffer *buffer, size_t n_bytes, struct sheaf_error *error) {
    if (n_bytes > buffer->capacity) {
        if (buffer->fixed)
            return sheaf_fail(error, "%zu bytes do not fit into the %zu that were planned for them", n_bytes,
                              buffer->capacity);
        /* A quarter more than asked, so that a slowly growing use does not move each time. */
        size_t capacity = sheaf_round_up(n_bytes + n_bytes / 4, SHEAF_ALIGN);
        char *data = capacity >= n_bytes ? aligned_alloc(SHEAF_ALIGN, capacity) : NULL;
        if (!data)
            return sheaf_fail(error, "no memory for %zu MB of items; use fewer threads a rank or more memory",
                              n_bytes >> 20);
        if (buffer->n_bytes)
            memcpy(data, buffer->data, buffer->n_bytes);
        free(buffer->data);
        buffer->data = data;
        buffer->capacity = capacity;
    }
    buffer->n_bytes = n_bytes;
    return 0;
}

int sheaf_buffer_append(struct sheaf_buffer *buffer, const char *data, size_t n_bytes, struct sheaf_error *error) {
    const size_t at = buffer->n_bytes;
    if (n_bytes == 0)
        return 0;
    if (at + n_bytes > buffer->capacity && sheaf_buffer_resize(buffer, 2 * (at + n_bytes) + 256, error))
        return -1;
    if (sheaf_buffer_resize(buffer, at + n_bytes, error))
        return -1;
    memcpy(buffer->data + at, data, n_bytes);
    return 0;
}

void sheaf_buffer_free(struct sheaf_buffer *buffer) {
    if (!buffer->fixed)
        free(buffer->data);
    *buffer = (struct sheaf_buffer){0};
}
