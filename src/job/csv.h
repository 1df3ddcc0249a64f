/*
 * csv - items from a text file: a table with a header (csv_rows, csv_header), JSON Lines, or plain lines.
 *
 * The file is mapped and scanned once: rows are counted, every INDEX_STEP-th is remembered, cells are counted, column
 * types are found (csv_column) and the bytes are fingerprinted. Values are parsed when asked for, so memory does not
 * grow with the rows. Blank lines of a CSV are skipped; a cell without a value is NaN for floats. Any column can be read
 * as text, which is what stands in the file.
 * A file that gzip has compressed lies in memory as it was before.
 */
#ifndef SHEAF_JOB_CSV_H
#define SHEAF_JOB_CSV_H

#include "core/error.h"
#include "job/items.h"
#include "job/table.h"

/* Fills items->source, self, n_items, fields and identity from the file; items->name is its path. The table must outlive the items. */
int sheaf_csv_open(struct items *items, const struct job_table *table, struct sheaf_error *error);

/* On which line of the file a row is, from 1; -1: it cannot be read. */
int64_t sheaf_csv_line(struct items *items, int64_t row);

/* The same for JSON Lines (job/jsonl.h). */
int sheaf_jsonl_open(struct items *items, const struct job_table *table, struct sheaf_error *error);

/* The same for plain lines: one text field `line`. */
int sheaf_lines_open(struct items *items, struct sheaf_error *error);

#endif
