/*
 * type - the types of <sheaf/kernel.h>: their sizes, names and fill values.
 */
#ifndef SHEAF_CORE_TYPE_H
#define SHEAF_CORE_TYPE_H

#include <stddef.h>
#include <stdint.h>

#include <sheaf/kernel.h>

/* Columns begin on this boundary (<sheaf/kernel.h>). */
#define SHEAF_ALIGN 64

/* `type` is an enum sheaf_type everywhere. Bytes of one value; 0 for something that is not a type. */
size_t sheaf_type_bytes(int32_t type);

/* "float64", … for messages and identities. */
const char *sheaf_type_name(int32_t type);

/* Bytes of one item of the field: width values. */
size_t sheaf_field_row_bytes(const struct sheaf_field *field);

/* Writes the fill value (NaN; netCDF's default for integers) n_values times; not for text. */
void sheaf_type_fill(int32_t type, void *values, int64_t n_values);

/* One value as a double, for sorting and comparing; not for text. */
double sheaf_type_to_double(int32_t type, const void *value);

/* values[n] of it, at any address, likewise. */
void sheaf_type_to_doubles(int32_t type, const void *values, int64_t n, double *to);

/* n rounded up to a multiple of `step`. */
static inline size_t sheaf_round_up(size_t n, size_t step) {
    return (n + step - 1) / step * step;
}

/* Rows of a column that holds n items of a kernel with the given block size: a multiple of 16, so that a vector loop
   needs no tail; but as they are for kernels that take one item at a time, whose items may be of any size. */
static inline size_t sheaf_padded(int64_t n_items, int64_t block) {
    return block > 1 ? sheaf_round_up((size_t)n_items, 16) : (size_t)n_items;
}

#endif
