/*
 * csv - items from a text file: comma-separated values with a header (RFC 4180: quotes, "" inside them, CRLF), or
 * plain lines.
 *
 * The file is mapped and scanned once: rows are counted, every INDEX_STEP-th is remembered, cells are counted, column
 * types are found (int64, else float64, else text; text for codes such as 007) and the bytes are fingerprinted. Values are parsed when asked for,
 * so memory does not grow with the rows. Blank lines of a CSV are skipped; an empty cell is NaN for floats.
 */
#ifndef SHEAF_JOB_CSV_H
#define SHEAF_JOB_CSV_H

#include "core/error.h"
#include "job/items.h"

/* Fills items->source, self, n_items, fields and identity from the file; items->name is its path. */
int sheaf_csv_open(struct items *items, struct sheaf_error *error);

/* The same for plain lines: one text field `line`. */
int sheaf_lines_open(struct items *items, struct sheaf_error *error);

#endif
