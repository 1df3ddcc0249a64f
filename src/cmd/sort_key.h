/*
 * sort_key - by what `sheaf show --sort` puts rows in order: whole numbers with all their digits.
 */
#ifndef SHEAF_CMD_SORT_KEY_H
#define SHEAF_CMD_SORT_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/kernel.h>

/* A row; {.item, .status} is one without an order of its own. */
struct sort_key {
    double value;  /* NaN: there is none */
    int64_t whole; /* of an int64, which a double may not hold; the double is 0 then */
    int64_t item;
    uint8_t status;
};

/* Takes a value of a numeric type; or says that there is none. */
void sheaf_sort_key_set(struct sort_key *key, enum sheaf_type type, const void *value, bool descending);
void sheaf_sort_key_none(struct sort_key *key);

/* For qsort: smallest first (largest where they were set so), by item among equals, what is no number last. */
int sheaf_sort_key_compare(const void *a, const void *b);

#endif
