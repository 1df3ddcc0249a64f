/*
 * csv_encoding - that a table or list is UTF-8 text, without a NUL.
 */
#ifndef SHEAF_JOB_CSV_ENCODING_H
#define SHEAF_JOB_CSV_ENCODING_H

#include "core/error.h"
#include "job/csv_rows.h"

/* Refuses another text with its first line that is not so, and what may help. Pieces of so many bytes are looked at side
   by side. */
int sheaf_csv_check_encoding(const struct csv_text *text, size_t piece_bytes, struct sheaf_error *error);

#endif
