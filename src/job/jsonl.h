/*
 * jsonl - the text of a table as JSON Lines: an object on each line, all with the keys of the first, in any order.
 *
 * A value is a text, a number, true, false or null. Each row becomes cells as those of other tables (job/csv_rows.h): numbers,
 * true and false as they are written; null as one without anything in it. NaN and ±Infinity are taken too, which Python writes.
 */
#ifndef SHEAF_JOB_JSONL_H
#define SHEAF_JOB_JSONL_H

#include "core/arena.h"
#include "core/error.h"
#include "job/csv_rows.h"

/* The keys of each row, of which the cells stand in the first. */
struct jsonl_keys {
    int n;
    struct csv_cell *cells; /* [n] */
    const char **names;     /* [n] */
};

/* Finds the first row and its keys, and fills in what divides the text; all in the arena. text->json is set to them. */
int sheaf_jsonl_find_keys(struct csv_text *text, struct jsonl_keys *keys, struct csv_position *rows,
                          struct sheaf_arena *arena, struct sheaf_error *error);

/* As sheaf_csv_row: the cells are in the order of the keys. */
int sheaf_jsonl_row(const struct csv_text *text, struct csv_position *at, struct csv_cell *cells, int n_most, int *n,
                    struct sheaf_error *error);

/* Writes a text with its escapes as what they stand for; how many bytes that are, no more than it has. */
size_t sheaf_jsonl_unescape(const struct csv_cell *cell, char *to);

#endif
