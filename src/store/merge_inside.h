/*
 * merge_inside - what the files of merge share: merge.c checks the parts and publishes, merge_rows.c takes rows, merge_tables.c
 * all that is not a row. Private to them.
 */
#ifndef SHEAF_STORE_MERGE_INSIDE_H
#define SHEAF_STORE_MERGE_INSIDE_H

#include <sys/types.h>

#include "core/buffer.h"
#include "core/file.h"
#include "plan/journal.h"
#include "plan/row_sink.h"
#include "store/h5.h"
#include "store/layout.h"
#include "store/merge.h"
#include "store/reader.h"

struct merge_part {
    const char *path;
    struct sheaf_stamp stamp; /* as it was when it was looked at */
    struct reader *reader;
    struct interrupt_reading reading;
    hid_t file, text_sums; /* what the reader does not tell; the latter negative: there are none */
    char *identity;
    bool is_packed; /* no texts lie beside it */
    int *fields;    /* [n_columns] where the reader has them; -1: nowhere */
};

/* What has a value for each item. */
struct merge_column {
    const char *name;
    struct sheaf_field field;
    bool is_output;
    bool must_agree;                 /* between parts: an output that does not tell of the machine */
    off_t offset;                    /* in the new file; 0: a text */
    struct sheaf_buffer rows, other; /* of the window: as they will be, and of the part under way */
    bool changed;
};

struct merge {
    const struct merge_plan *plan;
    struct merged *merged;
    struct merge_part *parts; /* [n_parts] */
    int64_t n_items, block;
    char *aside;
    int fd; /* of the new file */
    uint64_t token;
    int n_columns;
    struct merge_column *columns; /* [n_columns] outputs, attempts, and seconds where a block is an item */
    off_t status_offset, seconds_offset, sums_offset; /* of blocks of several items: seconds; 0: texts have no sums */
    bool any_text;
    struct journal *journal; /* its texts */
    int64_t n_texts;
    struct failure *failures; /* [n_failures] of most_failures */
    int64_t n_failures, most_failures;
    struct sheaf_error *error;
};

/* The new file, of which nothing is known but that it is a copy of the first part: gets a number of its own, and is looked at
   for where columns lie. */
int sheaf_merge_begin(struct merge *merge);

/* All rows, and with them texts; m->failures are filled. */
int sheaf_merge_rows(struct merge *merge);

/* Messages, runs, marks, hashes of inputs; and sums, when nothing is written any more. */
int sheaf_merge_tables(struct merge *merge);
int sheaf_merge_sums(struct merge *merge);

#endif
