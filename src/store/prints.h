/*
 * prints - what the inputs of an item are, in 128 bits: by these rows of two results files are known to be of the same values.
 *
 * A print is of the bytes that the kernel takes, in its order. Of numbers it is made anew from the values that a results file has;
 * texts are not kept there as the kernel took them ("1.50" is 1.5), so where it takes some the file has the prints themselves.
 * Of files that are items size and time of change count too, whatever the kernel takes. Private to store/.
 */
#ifndef SHEAF_STORE_PRINTS_H
#define SHEAF_STORE_PRINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/results.h"

struct creation;

struct print {
    uint64_t words[2];
};

static inline bool sheaf_prints_equal(const struct print *a, const struct print *b) {
    return a->words[0] == b->words[0] && a->words[1] == b->words[1];
}

/* A field of the items that counts, and the type in which it does. */
struct print_field {
    int field;
    enum sheaf_type type;
};

/* Those that count, *n of them: new memory, or NULL. */
struct print_field *sheaf_prints_fields(const struct results_plan *plan, int *n);

/* Whether the results file keeps the prints, as some are of texts. */
bool sheaf_prints_are_kept(const struct results_plan *plan);

/* prints[n] of columns[n_fields], of these types, each at the first of n rows of width values; texts are struct sheaf_text. */
int sheaf_prints_of(const struct print_field *fields, int n_fields, const int64_t *widths, const void *const *columns,
                    int64_t n, struct print *prints, struct sheaf_error *error);

/* prints[n] of items first … first + n - 1, which are read; n ≤ sheaf_items_window. */
int sheaf_prints_read(const struct results_plan *plan, int64_t first, int64_t n, struct print *prints,
                      struct sheaf_error *error);

/* Makes their dataset in a results file that is being made, where it keeps them. */
int sheaf_prints_make(struct creation *c);

#endif
