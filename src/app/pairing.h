/*
 * pairing - which item of one results file is which of another: by the coordinates of their axes, by fields that tell them
 * apart, or by index.
 *
 * Items are paired along each axis alone, so a cube takes as much memory as its axes are long. By fields, or where items are
 * one axis with other values in each file, it is 8 bytes for each item, and 24 while they are paired.
 */
#ifndef SHEAF_APP_PAIRING_H
#define SHEAF_APP_PAIRING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "store/reader.h"

enum { PAIRING_KEYS = 32, PAIRING_TOLD = 3 };

/* Places of one axis. */
struct pairing_axis {
    const char *name; /* of the dimension of A; borrowed from its reader */
    int64_t n_a, n_b; /* how many each has, */
    int64_t n_both;   /* and those that both have */
    int64_t n_shared; /* places of B whose values stand before in it, too: they are paired in order */
    int64_t *place;   /* [n_a] the place in B, -1: none; NULL: the same one, as far as B has it */
    int64_t stride_b; /* items of B from one place to the next */
    int n_keys;       /* fields whose values say which place is which; 0: its number does */
    int key_a[PAIRING_KEYS], key_b[PAIRING_KEYS];
    int64_t only_a[PAIRING_TOLD], only_b[PAIRING_TOLD]; /* the first that the other has not */
};

struct pairing {
    bool by_axes; /* else there is one axis, of all items */
    bool is_same; /* every item has the same index in both, as far as both have it */
    int n_axes;
    struct pairing_axis axes[EXTENT_MOST];
    int64_t n_a, n_b, n_both; /* items */
};

/* by: names of fields with commas between, "item" for the index; NULL: axes where there are such. Refuses files whose axes are
   not the same ones, and fields that one of them has not. Release with sheaf_pairing_free, also after an error. */
int sheaf_pair(struct pairing *pairing, struct reader *a, struct reader *b, const char *by, struct sheaf_error *error);
void sheaf_pairing_free(struct pairing *pairing);

/* items[n]: which of B are items first … first + n - 1 of A; -1: none. */
void sheaf_pairing_find(const struct pairing *pairing, int64_t first, int64_t n, int64_t *items);

/* The field of that name, or -1. */
int sheaf_pairing_field(const struct reader *reader, const char *name);

#endif
