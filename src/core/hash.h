/*
 * hash - 128-bit fingerprints (XXH3, xxHash library) as 32 hexadecimal digits: of texts and of whole files.
 */
#ifndef SHEAF_CORE_HASH_H
#define SHEAF_CORE_HASH_H

#include <stddef.h>

#include "core/error.h"

#define SHEAF_HASH_BYTES 33

/* Fingerprint of data[n_bytes]. */
void sheaf_hash_bytes(const void *data, size_t n_bytes, char hash[SHEAF_HASH_BYTES]);

/* Fingerprint of a file's bytes. */
int sheaf_hash_file(const char *path, char hash[SHEAF_HASH_BYTES], struct sheaf_error *error);

#endif
