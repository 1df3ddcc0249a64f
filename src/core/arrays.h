/*
 * arrays - data that all items share: arrays of numbers by their names.
 */
#ifndef SHEAF_CORE_ARRAYS_H
#define SHEAF_CORE_ARRAYS_H

#include <string.h>

#include <sheaf/kernel.h>

#include "core/type.h"

enum { ARRAYS_MOST = 32, ARRAY_DIMS_MOST = 8 };

struct array_uses;

/* Everything is borrowed. */
struct arrays {
    int n;
    const char *names[ARRAYS_MOST]; /* [n] */
    struct sheaf_array list[ARRAYS_MOST];
    struct array_uses *uses; /* what is looked up is noted there; or NULL */
};

/* The array of that name, or NULL; arrays may be NULL. */
static inline const struct sheaf_array *sheaf_arrays_find(const struct arrays *arrays, const char *name) {
    for (int k = 0; arrays && k < arrays->n; k++)
        if (strcmp(arrays->names[k], name) == 0)
            return &arrays->list[k];
    return NULL;
}

/* How many numbers an array has. */
static inline int64_t sheaf_array_count(const struct sheaf_array *array) {
    int64_t n = 1;
    for (int d = 0; d < array->n_dims; d++)
        n *= array->shape[d];
    return n;
}

/* Whether it is a number alone. */
static inline int sheaf_array_is_number(const struct sheaf_array *array) {
    return array->n_dims == 0 || (array->n_dims == 1 && array->shape[0] == 1);
}

/* Whether the numbers of an array of one dimension increase. */
static inline int sheaf_array_increases(const struct sheaf_array *array) {
    const enum sheaf_type type = (enum sheaf_type)array->type;
    const char *at = (const char *)array->data;
    for (int64_t i = 1; i < array->shape[0]; i++, at += sheaf_type_bytes(type))
        if (!(sheaf_type_to_double(type, at) < sheaf_type_to_double(type, at + sheaf_type_bytes(type))))
            return 0;
    return 1;
}

#endif
