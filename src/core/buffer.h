/*
 * buffer - memory that is reused and grows: 64-byte aligned, so that columns may lie in it.
 */
#ifndef SHEAF_CORE_BUFFER_H
#define SHEAF_CORE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

/* Starts as {0}. */
struct sheaf_buffer {
    char *data;
    size_t n_bytes; /* in use */
    size_t capacity;
    bool fixed; /* memory of somebody else's: it neither grows nor is released */
};

/* Makes n_bytes the size in use; the first bytes (up to the old size) are kept, the rest is undefined. */
int sheaf_buffer_resize(struct sheaf_buffer *buffer, size_t n_bytes, struct sheaf_error *error);

/* Puts data[n_bytes] behind what is in use, growing in large steps: texts are made of many pieces. */
int sheaf_buffer_append(struct sheaf_buffer *buffer, const char *data, size_t n_bytes, struct sheaf_error *error);
void sheaf_buffer_free(struct sheaf_buffer *buffer);

#endif
