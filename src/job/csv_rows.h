/*
 * csv_rows - the text of a table, cut into rows and cells (RFC 4180: quotes, "" inside them, CRLF; or JSON
 * Lines, job/jsonl.h), or plain lines.
 */
#ifndef SHEAF_JOB_CSV_ROWS_H
#define SHEAF_JOB_CSV_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/decimal.h"
#include "core/error.h"

struct jsonl_keys;

/* A text and how it is divided. */
struct csv_text {
    const char *name; /* for messages */
    const char *data;
    size_t n_bytes;
    bool plain;     /* lines: no header, no separators, no quotes */
    char newline;   /* '\n', or '\r' where there is no other */
    char separator; /* JOB_BLANKS: any number of blanks and tabs */
    char comment;   /* rows that begin with it are passed over; 0: none */
    bool decimals;  /* look for short numbers in cells: the separator is nothing that a number has in it */
    const struct jsonl_keys *json; /* JSON Lines, with these keys; NULL: a table or plain lines */
};

/* One cell: length bytes at data, without the quotes around it. */
struct csv_cell {
    const char *data;
    size_t length;
    bool escaped;    /* holds "" for each ", or the escapes of JSON */
    bool is_text;    /* in quotes, in JSON Lines: no number, whatever it looks like */
    bool is_decimal; /* it is this number, from its first byte to its last */
    struct sheaf_decimal decimal;
};

/* A place between two rows. */
struct csv_position {
    size_t offset;
    int64_t line; /* from 1 */
    int64_t row;  /* from 0 */
};

/* Refuses with the file and a line. Always returns -1. */
int sheaf_csv_broken(const struct csv_text *text, int64_t line, struct sheaf_error *error, const char *what);

/* Moves over blank lines and comments; true at the end of the text. */
bool sheaf_csv_at_end(const struct csv_text *text, struct csv_position *at);

/* Moves behind the line that is begun, whatever is in it. */
void sheaf_csv_skip_line(const struct csv_text *text, struct csv_position *at);

/* Moves over blanks of a line. */
void sheaf_csv_skip_blanks(const struct csv_text *text, struct csv_position *at);

/* Parses a row and moves behind it: the first n_most cells go to cells[n_most], and *n is how many there are. */
int sheaf_csv_row(const struct csv_text *text, struct csv_position *at, struct csv_cell *cells, int n_most, int *n,
                  struct sheaf_error *error);

/* The cell without the blanks around it. */
struct csv_cell sheaf_csv_trim(struct csv_cell cell);

/* A terminated copy of the cell in the arena, or NULL. */
char *sheaf_csv_copy(const struct csv_cell *cell, struct sheaf_arena *arena, size_t *length);

#endif
