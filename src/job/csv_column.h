/*
 * csv_column - what the cells of a column are, and their values.
 */
#ifndef SHEAF_JOB_CSV_COLUMN_H
#define SHEAF_JOB_CSV_COLUMN_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/kernel.h>

#include "job/csv_rows.h"
#include "job/table.h"

/* What a scan finds out about a column. */
struct csv_column {
    bool integers;             /* every cell so far is a whole number, or has no value */
    bool numbers;              /* some cell is a number */
    bool codes;                /* some cell is a code */
    bool large;                /* some whole number is one that a float64 would not keep */
    bool absent;               /* some cell has no value, */
    bool named;                /* and says so: NA */
    int64_t bad_row, bad_line; /* the first cell that is neither a number nor without a value, or -1 */
};

/* Whether a cell has no value: it is blank, or one of the texts that say so. A cell that is a number may be one of the
   job's own, such as -999, only. */
bool sheaf_csv_is_missing(const struct job_table *table, const struct csv_cell *cell);

/* What one more cell says about its column, which begins as {.integers = true, .bad_row = -1}. */
void sheaf_csv_note(struct csv_column *column, const struct job_table *table, const struct csv_cell *cell, int64_t row,
                    int64_t line);

/* The type that keeps all that is written: int64 or float64 where that is all cells' value, else text. */
enum sheaf_type sheaf_csv_type(const struct csv_column *column);

/* The value of a cell as a number of the type; -1 where it is none. */
int sheaf_csv_number(const struct job_table *table, const struct csv_cell *cell, enum sheaf_type type, void *to);

#endif
