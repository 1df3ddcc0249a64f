/*
 * table - rows of text cells, lined up for reading or as CSV.
 *
 * Knows nothing of files: the caller fills the cells.
 */
#ifndef SHEAF_REPORT_TABLE_H
#define SHEAF_REPORT_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/arena.h"

struct table_column {
    const char *head;
    bool is_text;       /* to the left; numbers stand to the right */
    bool is_whole;      /* a text that is shown whole, whatever the width, such as a message */
    const char **cells; /* [n_rows] */
    bool may_shrink;    /* a text that gets narrower where the line has no room for results behind it */
    bool keeps_end;     /* of a text that is cut the end is shown, as of a path; whole where there is room */
    bool is_result;
};

/* Writes the leading columns that fit into a line of n_columns characters (0: no limit), at least one; what a text has too
   much is replaced by "…". Returns how many columns were written. */
int sheaf_table_write(FILE *out, const struct table_column *columns, int n_table_columns, int64_t n_rows,
                      int n_columns);

/* Writes a record of CSV: quoted where needed, ended by a newline. */
void sheaf_table_csv(FILE *out, const char *const *cells, int n_cells);

/* Texts of values[n] for a column that is to be read by people: the same number of decimals, about 7 digits, without
   zeros that all of them end with. Returns
   cells[n] in the arena, or NULL if there is no memory. */
const char **sheaf_table_numbers(const double *values, int64_t n, struct sheaf_arena *arena);

#endif
