/*
 * object_cache - compiled formulas of earlier runs, in $XDG_CACHE_HOME/sheaf (or ~/.cache/sheaf): the compiler takes
 * most of the time that a small job needs to start.
 *
 * What is there is run as code, so a folder or a file in which somebody else could write counts for nothing, and what is
 * not what was written is not taken. Nothing here is an error: without a cache formulas are compiled.
 */
#ifndef SHEAF_KERNEL_OBJECT_CACHE_H
#define SHEAF_KERNEL_OBJECT_CACHE_H

#include <stdbool.h>

#include "core/buffer.h"
#include "core/hash.h"

/* The object of that name, which says all that it was made from, into *object. False if there is none. */
bool sheaf_object_cache_get(const char name[SHEAF_HASH_BYTES], struct sheaf_buffer *object);

/* Keeps one under a name. The ones that were used last are kept, some hundred. */
void sheaf_object_cache_put(const char name[SHEAF_HASH_BYTES], const struct sheaf_buffer *object);

#endif
