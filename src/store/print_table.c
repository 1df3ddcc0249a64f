#include "store/print_table.h"

#include <stdlib.h>

#include "plan/status.h"

enum { MOST_SLOTS = 1 << 22, LEAST_SLOTS = 1 << 4 };

int sheaf_print_table_open(struct print_table *t, int64_t n, struct sheaf_error *error) {
    *t = (struct print_table){.n_slots = LEAST_SLOTS};
    while (t->n_slots < MOST_SLOTS && t->n_slots < 2 * n)
        t->n_slots *= 2;
    t->n_parts = n / (t->n_slots / 2) + 1;
    t->entries = malloc((size_t)t->n_slots * sizeof *t->entries);
    return t->entries ? 0 : sheaf_fail_memory(error, "comparing items");
}

void sheaf_print_table_close(struct print_table *t) {
    free(t->entries);
    t->entries = NULL;
}

void sheaf_print_table_clear(struct print_table *t) {
    t->n_used = 0;
    for (int64_t k = 0; k < t->n_slots; k++)
        t->entries[k].item = -1;
}

/* The print's place, or the free one where it belongs. */
static struct print_entry *find_place(struct print_table *t, const struct print *print) {
    const uint64_t mask = (uint64_t)t->n_slots - 1;
    uint64_t at = print->words[0] & mask;
    while (t->entries[at].item >= 0 && !sheaf_prints_equal(&t->entries[at].print, print))
        at = (at + 1) & mask;
    return &t->entries[at];
}

void sheaf_print_table_add(struct print_table *t, const struct print *print, int64_t item, uint8_t status) {
    struct print_entry *place = find_place(t, print);
    if (place->item < 0 && t->n_used == t->n_slots / 8 * 7)
        return;
    if (place->item < 0) {
        *place = (struct print_entry){.print = *print, .item = item, .status = status};
        t->n_used++;
    } else if (place->status != ITEM_DONE && status == ITEM_DONE) { /* what is done is worth more */
        place->item = item;
        place->status = status;
    }
    place->n_done += status == ITEM_DONE;
}

int64_t sheaf_print_table_count_found(const struct print_table *t) {
    int64_t n = 0;
    for (int64_t k = 0; k < t->n_slots; k++)
        n += t->entries[k].item >= 0 && t->entries[k].found ? t->entries[k].n_done : 0;
    return n;
}

struct print_entry *sheaf_print_table_find(struct print_table *t, const struct print *print) {
    struct print_entry *place = find_place(t, print);
    return place->item >= 0 ? place : NULL;
}
