/*
 * print_table - a part of the prints of a file's items, by which others are found, in bounded memory: all prints fall into
 * parts by their bits, and who has seen one part empties the table for the next. Pure. Private to store/.
 */
#ifndef SHEAF_STORE_PRINT_TABLE_H
#define SHEAF_STORE_PRINT_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "store/prints.h"

struct print_entry {
    struct print print;
    int64_t item;   /* the first that has it; -1: the place is free */
    int64_t n_done; /* how many have that are done, */
    uint8_t status; /* what became of the item, */
    bool found;     /* and whether somebody asked for it */
};

struct print_table {
    int64_t n_slots, n_used; /* a power of two */
    struct print_entry *entries;
    int64_t n_parts;
};

/* For n prints, in as many parts as are needed. Release with sheaf_print_table_close. */
int sheaf_print_table_open(struct print_table *table, int64_t n, struct sheaf_error *error);
void sheaf_print_table_close(struct print_table *table);

void sheaf_print_table_clear(struct print_table *table);

/* Which part a print is in, 0 … n_parts - 1. */
static inline int64_t sheaf_print_table_part(const struct print_table *table, const struct print *print) {
    return (int64_t)(print->words[1] % (uint64_t)table->n_parts);
}

/* Takes the print of an item, unless the table is full; and finds who has it, or NULL. */
void sheaf_print_table_add(struct print_table *table, const struct print *print, int64_t item, uint8_t status);
struct print_entry *sheaf_print_table_find(struct print_table *table, const struct print *print);

/* How many items that are done have prints that somebody asked for. */
int64_t sheaf_print_table_count_found(const struct print_table *table);

#endif
