/*
 * donor - another results file, of which rows are taken over: by number, without a copy of the whole in memory.
 *
 * What lies in it in one piece is mapped; texts, and what was compressed, are read through the reader. Rows whose bytes are not
 * those that were written (store/verify.h) are as if they were pending. The file is only read. Private to store/ and its users.
 */
#ifndef SHEAF_STORE_DONOR_H
#define SHEAF_STORE_DONOR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/file.h"
#include "plan/span_list.h"
#include "store/prints.h"
#include "store/reader.h"

/* A dataset with a row for each item, or block. */
struct donor_column {
    int field; /* of the reader; -1: the file has none */
    size_t row_bytes;
    const char *rows; /* where it is mapped; NULL: it is read */
};

struct donor {
    const char *path; /* borrowed */
    struct reader *reader;
    struct sheaf_mapping mapping;
    int64_t n_items, block;
    int n_prints;                /* fields that count, */
    struct print_field *printed; /* [n_prints] of the reader, with the type that the kernel takes */
    const struct print *kept;    /* [n_items] the prints that the file has, mapped; or NULL */
    int n_outputs;
    const struct sheaf_field *outputs; /* [n_outputs] of the plan; borrowed */
    struct donor_column *columns;      /* [n_outputs] */
    struct donor_column seconds, attempts;
    const uint8_t *origin; /* [n_items], mapped; or NULL */
    bool has_texts;
    bool comparable; /* the inputs of its items can be known */
    struct span_list damaged;
};

/* Opens the file at a path, whose kernel's part is that of the plan. Release with sheaf_donor_close, also after an error. */
int sheaf_donor_open(struct donor *donor, const char *path, const struct results_plan *plan, struct sheaf_error *error);
void sheaf_donor_close(struct donor *donor);

/* prints[n] and statuses of rows first … first + n - 1; status of those that are not what was written: pending. */
int sheaf_donor_prints(struct donor *donor, int64_t first, int64_t n, struct print *prints, struct sheaf_error *error);
int sheaf_donor_statuses(struct donor *donor, int64_t first, int64_t n, uint8_t *status, struct sheaf_error *error);

/* Rows from[n] of a column into rows[n]. */
int sheaf_donor_rows(struct donor *donor, const struct donor_column *column, const int64_t *from, int64_t n, void *rows,
                     struct sheaf_arena *arena, struct sheaf_error *error);

#endif
