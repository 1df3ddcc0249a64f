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

/* What a cell that is a short number says without another look. False: it takes one. */
static inline bool sheaf_csv_note_decimal(struct csv_column *column, const struct csv_cell *cell) {
    enum { SHORT = 15 }; /* no such number is a code for its length, or one that a float64 would not keep */
    const struct sheaf_decimal *d = &cell->decimal;
    if (d->n_before > SHORT || d->exponent > 280)
        return false;
    const size_t sign = *cell->data == '-' || *cell->data == '+';
    const bool code = d->whole && cell->length > sign + 1 && cell->data[sign] == '0';
    column->codes = column->codes || code;
    column->integers = column->integers && d->whole && !code;
    column->numbers = true;
    return true;
}

/* The same of any cell. */
void sheaf_csv_look(struct csv_column *column, const struct job_table *table, const struct csv_cell *cell, int64_t row,
                    int64_t line);

/* What one more cell says about its column, which begins as {.integers = true, .bad_row = -1}. */
static inline void sheaf_csv_note(struct csv_column *column, const struct job_table *table, const struct csv_cell *cell,
                                  int64_t row, int64_t line) {
    const bool may_be_short = cell->is_decimal && table->n_missing == 0 && column->bad_row < 0;
    if (!may_be_short || !sheaf_csv_note_decimal(column, cell))
        sheaf_csv_look(column, table, cell, row, line);
}

/* The type that keeps all that is written: int64 or float64 where that is all cells' value, else text. */
enum sheaf_type sheaf_csv_type(const struct csv_column *column);

/* The value of a short number; false where it takes more to find it. */
static inline bool sheaf_csv_decimal(const struct sheaf_decimal *d, enum sheaf_type type, void *to) {
    if (type == SHEAF_FLOAT64)
        return sheaf_decimal_value(d, (double *)to);
    if (type != SHEAF_INT64 || !d->whole || d->digits > INT64_MAX)
        return false;
    *(int64_t *)to = d->negative ? -(int64_t)d->digits : (int64_t)d->digits;
    return true;
}

/* The same of any cell; -1 where it is none. */
int sheaf_csv_convert(const struct job_table *table, const struct csv_cell *cell, enum sheaf_type type, void *to);

/* The value of a cell as a number of the type; -1 where it is none. */
static inline int sheaf_csv_number(const struct job_table *table, const struct csv_cell *cell, enum sheaf_type type,
                                   void *to) {
    const bool is_short = cell->is_decimal && table->n_missing == 0 && sheaf_csv_decimal(&cell->decimal, type, to);
    return is_short ? 0 : sheaf_csv_convert(table, cell, type, to);
}

#endif
