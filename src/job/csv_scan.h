/*
 * csv_scan - looks through all rows of a table once: how many there are, where they are, what their columns hold.
 *
 * Pieces of the text are looked through side by side. Where a row begins cannot be seen from the middle of a text, since
 * lines may end inside quotes: so each piece is begun behind a line end, and what was found there counts only if the piece
 * before it ended at just that row. Else it is looked through again, from where it really begins.
 */
#ifndef SHEAF_JOB_CSV_SCAN_H
#define SHEAF_JOB_CSV_SCAN_H

#include "job/csv_column.h"
#include "job/csv_rows.h"

#define CSV_PIECE_BYTES ((size_t)4 << 20)

struct csv_scan {
    int64_t n_rows;
    size_t most_row_bytes;
    struct csv_column *columns; /* [n_columns] */
    struct csv_position *index; /* [n_index] places of some rows, the first among them, not far apart */
    int64_t n_index;
};

/* Parses the row at a place into cells[n_columns] and moves behind it; refuses one with another number of cells. */
int sheaf_csv_whole_row(const struct csv_text *text, struct csv_position *at, struct csv_cell *cells, int n_columns,
                        struct sheaf_error *error);

/* Looks through the rows from `from` on, in pieces of so many bytes. The first row that is broken is refused. Release
   with sheaf_csv_scan_free, also after an error. */
int sheaf_csv_scan(struct csv_scan *scan, const struct csv_text *text, const struct job_table *table, int n_columns,
                   struct csv_position from, size_t piece_bytes, struct sheaf_error *error);
void sheaf_csv_scan_free(struct csv_scan *scan);

/* The last place in the index that is not behind a row. */
struct csv_position sheaf_csv_scan_find(const struct csv_scan *scan, int64_t row);

#endif
