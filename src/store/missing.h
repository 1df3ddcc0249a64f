/*
 * missing - which values of a dataset are none: those that stand for a missing one (`_FillValue`, `missing_value`), and
 * outputs of a results file whose item is not done there. Private to store/.
 *
 * Missing floats are read as NaN, also where they are stored as integers; where the kernel takes integers, and for items
 * that were not done, there is nothing to read, and the item is skipped.
 */
#ifndef SHEAF_STORE_MISSING_H
#define SHEAF_STORE_MISSING_H

#include <stdbool.h>
#include <stdint.h>

#include <hdf5.h>

#include <sheaf/kernel.h>

#include "core/error.h"

enum { MISSING_MARKS = 32 };

struct missing {
    enum sheaf_type stored; /* the closest of our types for the dataset's own */
    int n_marks;            /* values that stand for none, of floats or of integers; NaN needs no mark */
    double floats[MISSING_MARKS];
    int64_t integers[MISSING_MARKS];
    bool has_status;    /* it is an output of a results file in which not all items are done */
    hid_t status;       /* theirs, if so */
    bool trusts_unsafe; /* plan/status.h */
};

/* Looks at a dataset, or at a source of it where it is virtual: what stands for no value? Refuses one whose numbers are
   not its values (scale_factor). Starts as {0}; to be closed in every case. For reach.h. */
int sheaf_missing_look(void *missing, hid_t dataset, bool is_source, struct sheaf_error *error);
void sheaf_missing_close(struct missing *missing);

/* Of a results file itself: keeps its status where not all items are done. Starts as {0}. */
int sheaf_missing_open_status(struct missing *missing, hid_t file, struct sheaf_error *error);

static inline bool sheaf_missing_any(const struct missing *missing) {
    return missing->n_marks > 0 || missing->has_status;
}

/* Which of the items first … first + n - 1 are not done in the results file: not_done[n]. */
int sheaf_missing_items(const struct missing *missing, int64_t first, int64_t n, uint8_t *not_done,
                        struct sheaf_error *error);

/* Which values of these rows are none, for either reason: gone[n][width]. */
int sheaf_missing_values(const struct missing *missing, hid_t dataset, int64_t first, int64_t n, int64_t width,
                         uint8_t *gone, struct sheaf_error *error);

#endif
