/*
 * hash_wide - XXH3 for this processor: libraries are built for the least one, on which it takes several times as long.
 *
 * Private to core/hash.c.
 */
#ifndef SHEAF_CORE_HASH_WIDE_H
#define SHEAF_CORE_HASH_WIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether this processor has what the others need; they give what the library's functions do. */
bool sheaf_hash_wide_can(void);
uint64_t sheaf_hash_wide_word(const void *data, size_t n_bytes, uint64_t seed);

#endif
