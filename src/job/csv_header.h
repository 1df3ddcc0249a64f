/*
 * csv_header - where the names of a table's columns stand, what divides its cells, and the fields that they make.
 */
#ifndef SHEAF_JOB_CSV_HEADER_H
#define SHEAF_JOB_CSV_HEADER_H

#include "core/error.h"
#include "job/csv_rows.h"
#include "job/items.h"
#include "job/table.h"

/* What stands at the head of a table. */
struct csv_header {
    struct csv_position names; /* the row of names; it may stand behind a '#' */
    struct csv_position rows;  /* where the rows begin, or what stands before them */
    int n_columns;
};

/* Finds the header and fills in what divides the text: newline, separator and comment. What is odd and may be meant so
   goes to items->warnings. */
int sheaf_csv_find_header(struct csv_text *text, const struct job_table *table, struct csv_header *header,
                          struct items *items, struct sheaf_error *error);

/* Makes items->fields, all text, from cells[n_columns] of room. */
int sheaf_csv_read_names(const struct csv_text *text, const struct job_table *table, const struct csv_header *header,
                         struct csv_cell *cells, struct items *items, struct sheaf_error *error);

#endif
