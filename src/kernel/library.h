/*
 * library - shared objects: loaded from a file or from bytes in memory, and what is found in them.
 */
#ifndef SHEAF_KERNEL_LIBRARY_H
#define SHEAF_KERNEL_LIBRARY_H

#include "core/buffer.h"
#include "core/error.h"

/* Starts as {0}. */
struct sheaf_library {
    void *handle; /* NULL: not loaded */
    int memory;   /* descriptor of what was loaded from bytes; only then it is open */
    bool from_bytes;
};

/* Loads a file; "cannot load WHAT: …" if that fails. */
int sheaf_library_open(struct sheaf_library *library, const char *path, const char *what, struct sheaf_error *error);

/* Loads bytes, which need no place on a disk. */
int sheaf_library_load(struct sheaf_library *library, const struct sheaf_buffer *bytes, const char *what,
                       struct sheaf_error *error);

/* The address of a symbol, or NULL. */
void *sheaf_library_find(const struct sheaf_library *library, const char *symbol);

void sheaf_library_close(struct sheaf_library *library);

#endif
