/*
 * reader - a results file for looking at, also while a run writes it: fields, rows, status, messages.
 *
 * Texts that are not yet packed are taken from their journals, as if they were. Reads only, takes no lock, needs no MPI.
 * One thread at a time.
 */
#ifndef SHEAF_STORE_READER_H
#define SHEAF_STORE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/kernel.h>

#include "core/arena.h"
#include "core/error.h"
#include "job/extent.h"
#include "reduce/reduction.h"

struct reader;
struct run_record; /* store/results.h */

struct reader_field {
    struct sheaf_field field; /* name, type, width, unit, long_name */
    bool is_output;           /* without a value while the item is pending */
    int32_t output;           /* which of the outputs; -1: it is an input */
    int axis; /* the dimension of the items along which it varies alone; -1: it has values for each item */
};

/* Opens a results file; refuses anything else. A damaged one is an error, or ends the process with a message and exit
   code 3 where HDF5 crashes on it or comes to no end, also later while it is read. */
int sheaf_reader_open(struct reader **reader, const char *path, struct sheaf_error *error);

/* The same for who only wants to know statuses and seconds; there are no fields and messages then. */
int sheaf_reader_open_statuses(struct reader **reader, const char *path, struct sheaf_error *error);
void sheaf_reader_close(struct reader *reader);

/* From now on a crash between reads is not due to the file: for who keeps it open while other things are done. */
void sheaf_reader_rest(struct reader *reader);

/* Inputs that are linked and cannot be shown, and why: a line each, for stderr. Borrowed. */
const char *sheaf_reader_left_out(const struct reader *reader);

/* Whether texts of items that are done are gone (store/texts.h tells how to say so). */
bool sheaf_reader_texts_are_lost(struct reader *reader);

int64_t sheaf_reader_n_items(const struct reader *reader);

/* The dimensions of the items; names are borrowed, and "" where only statuses are wanted. */
const struct extent *sheaf_reader_extent(const struct reader *reader);

/* The fields in the file's order: inputs, then outputs. Borrowed. Behind these n_fields stand n_about more, which Sheaf
   itself keeps of items and which are read in the same way: first `seconds` (float32, of the item's block) and, in some
   files, `attempts` (uint8). */
const struct reader_field *sheaf_reader_fields(const struct reader *reader, int *n_fields);
/* Whether the file has the values of a field itself, and does not link to those of another. */
bool sheaf_reader_is_copy(const struct reader *reader, int field);

/* Whether a field is a trace of a command (store/identity.h), which nobody asked for. */
bool sheaf_reader_is_trace(const struct reader *reader, int field);
int sheaf_reader_n_about(const struct reader *reader);

/* Whether the items are a sweep, or have its cube: fields are coordinates, which tell them apart. */
bool sheaf_reader_is_sweep(const struct reader *reader);

/* The values of a field along its axis, as sheaf_reader_range gives them. Borrowed; NULL after an error. */
const void *sheaf_reader_coordinates(struct reader *reader, int field, struct sheaf_error *error);

/* Some of them: places first … first + n - 1 of the axis. */
int sheaf_reader_along(struct reader *reader, int field, int64_t first, int64_t n, void *values,
                       struct sheaf_arena *arena, struct sheaf_error *error);

/* The values of a field for items[n]: values[n][width] of the field's type, texts as terminated strings
   (values is const char *[n]) in the arena. All texts of them are in memory at once. */
int sheaf_reader_values(struct reader *reader, int field, const int64_t *items, int64_t n, void *values,
                        struct sheaf_arena *arena, struct sheaf_error *error);

/* The same for a range of items. */
int sheaf_reader_range(struct reader *reader, int field, int64_t first, int64_t n, void *values,
                       struct sheaf_arena *arena, struct sheaf_error *error);

/* Status (enum item_status) of items first … first + n - 1. */
int sheaf_reader_status(struct reader *reader, int64_t first, int64_t n, uint8_t *status, struct sheaf_error *error);

/* Of items[n]. */
int sheaf_reader_statuses(struct reader *reader, const int64_t *items, int64_t n, uint8_t *status,
                          struct sheaf_error *error);

/* The last run that the file has a record of; start_unix_s is 0 where there is none. Of files of layout 2 n_before is -1. */
int sheaf_reader_last_run(struct reader *reader, struct run_record *run, struct sheaf_error *error);

/* Items of a block, and the seconds that blocks first … first + n - 1 took; those of a block that was never computed are
   undefined. */
int64_t sheaf_reader_block(const struct reader *reader);
int sheaf_reader_seconds(struct reader *reader, int64_t first, int64_t n, float *seconds, struct sheaf_error *error);

/* The reductions of all items together, *n of them; none where they are not those of the rows that are there, as while a run is at
   work. Of statuses alone, too. Borrowed. */
int sheaf_reader_reductions(struct reader *reader, const struct reduced **reductions, int *n,
                            struct sheaf_error *error);

/* All values of a reduction, [n_cells][width] float64, or int64 where it is `whole`. */
int sheaf_reader_cells(struct reader *reader, const char *reduction, bool whole, void *values,
                       struct sheaf_error *error);

/* What a run of its job has still to put into the file, "3 of its 4 items are pending", or NULL: who reads all of it now has what
   it will be, with its reductions where they are asked for. Of statuses alone, too. *lacks may be in `text`. */
enum { READER_LACKS_BYTES = 100 };
int sheaf_reader_lacks(struct reader *reader, bool reductions, const char **lacks, char text[READER_LACKS_BYTES],
                       struct sheaf_error *error);

/* Why an item failed, or "" where nothing is recorded. Borrowed. */
const char *sheaf_reader_message(struct reader *reader, int64_t item);

/* The condition of the job, of which items that are skipped have no message: "where: (x > 2)"; "" if it has none. Borrowed. */
const char *sheaf_reader_condition(struct reader *reader);

#endif
