/*
 * hash - fingerprints by XXH3 (xxHash library): 128 bits as 32 hexadecimal digits, of texts and of whole files; 64 bits
 * as a number, to check what was written.
 */
#ifndef SHEAF_CORE_HASH_H
#define SHEAF_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

#define SHEAF_HASH_BYTES 33

/* Fingerprint of data[n_bytes]. */
void sheaf_hash_bytes(const void *data, size_t n_bytes, char hash[SHEAF_HASH_BYTES]);

/* Short fingerprint of data[n_bytes]; with that of what comes before as the seed, one of both. */
uint64_t sheaf_hash_word(const void *data, size_t n_bytes, uint64_t seed);

/* 128 bits of data[n_bytes], by which values are told apart. Thread-safe. */
void sheaf_hash_print(const void *data, size_t n_bytes, uint64_t print[2]);

/* Large data are hashed in segments of this size, side by side by as many threads as there are cores: their fingerprint is
   the hash of those of the segments, in order, and of how many bytes there are; of one segment, that of its bytes. */
#define SHEAF_HASH_SEGMENT (INT64_C(8) << 20)

/* Fingerprint of data[n_bytes] in memory, which is that of a file with these bytes. `name` is for messages. */
int sheaf_hash_data(const char *name, const void *data, size_t n_bytes, char hash[SHEAF_HASH_BYTES],
                    struct sheaf_error *error);

/* Fingerprint of a file's bytes. */
int sheaf_hash_file(const char *path, char hash[SHEAF_HASH_BYTES], struct sheaf_error *error);

#endif
