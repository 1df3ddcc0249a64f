/*
 * npy - files of one array as numpy.save writes them: a header, and the numbers in C's order. What is shared on a node lies
 * there so (NEP 1, https://numpy.org/neps/nep-0001-npy-format.html).
 */
#ifndef SHEAF_CORE_NPY_H
#define SHEAF_CORE_NPY_H

#include <stdbool.h>
#include <stddef.h>

#include <sheaf/kernel.h>

#include "core/error.h"

enum { NPY_HEADER_BYTES = 256 /* of those that are written, at most; a multiple of 64 */ };

/* Writes the header of an array: how many bytes it has, a multiple of 64. is_bool: its uint8 are bool, for numpy. */
size_t sheaf_npy_write_header(const struct sheaf_array *array, bool is_bool, char header[NPY_HEADER_BYTES]);

/* Bytes of a whole file. */
size_t sheaf_npy_bytes(const struct sheaf_array *array);

/* Whether a file's numbers are bool. */
bool sheaf_npy_is_bool(const void *bytes, size_t n_bytes);

/* Reads the header of bytes[n_bytes], which are a whole file: array->data points behind it. Refuses what is no such file, is cut
   short, or has numbers that nothing here takes; `path` is for messages. Numbers of type bool are uint8. */
int sheaf_npy_read(const char *path, const void *bytes, size_t n_bytes, struct sheaf_array *array,
                   struct sheaf_error *error);

#endif
