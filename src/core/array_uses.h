/*
 * array_uses - which of the data that all items share a kernel has looked up, and under which names it looked in vain.
 *
 * Any thread notes.
 */
#ifndef SHEAF_CORE_ARRAY_USES_H
#define SHEAF_CORE_ARRAY_USES_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/arrays.h"

enum { USES_MISSED_MOST = 8, USES_NAME_BYTES = 208 };

/* Starts as {0}. */
struct array_uses {
    _Atomic(uint32_t) used; /* a bit for each array */
    struct {
        _Atomic(int) state;
        char name[USES_NAME_BYTES];
    } missed[USES_MISSED_MOST];
};

/* As sheaf_arrays_find; notes it in arrays->uses, where that is not NULL. */
const struct sheaf_array *sheaf_arrays_look_up(const struct arrays *arrays, const char *name);

/* The names that were looked up in vain, the first few: names[USES_MISSED_MOST], NULL where there is none. Borrowed. */
void sheaf_array_uses_missed(const struct array_uses *uses, const char **names);

#endif
