/*
 * extent - the dimensions of items: the items of a stage in the order of their indices are its cells, the last dimension
 * fastest. What lies at an item's index in one dimension lies there in several too; only who names dimensions (store/create)
 * and reads them need know.
 */
#ifndef SHEAF_JOB_EXTENT_H
#define SHEAF_JOB_EXTENT_H

#include <stdint.h>

enum { EXTENT_MOST = 8 /* dimensions */ };

struct dimension {
    const char *name;
    int64_t size;
};

struct extent {
    int n_dims;
    struct dimension dims[EXTENT_MOST]; /* [n_dims] */
};

/* Items one behind the other. */
static inline struct extent sheaf_extent_of_list(int64_t n_items) {
    return (struct extent){1, {{"item", n_items}}};
}

#endif
