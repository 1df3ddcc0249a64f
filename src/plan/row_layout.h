/*
 * row_layout - where in a results file the rows of a stage belong: offsets, and what lies there. Plain: it travels to other
 * ranks as it is, its columns behind it. What is open, and what is to be written, is the sink's (plan/row_sink.h).
 */
#ifndef SHEAF_PLAN_ROW_LAYOUT_H
#define SHEAF_PLAN_ROW_LAYOUT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "plan/segments.h"

/* An output field. */
struct row_column {
    off_t offset;     /* of item 0 in the file */
    size_t row_bytes; /* 0: a text, which goes to the journal */
};

struct row_layout {
    int n_columns;
    struct row_column *columns;                        /* [n_columns] */
    off_t status_offset;                               /* uint8, one for each item */
    off_t attempts_offset;                             /* uint8, one for each item; 0: there are none */
    off_t seconds_offset;                              /* float32, one for each block */
    off_t failure_item_offset, failure_message_offset; /* the table of errors; messages beyond its rows are dropped: */
    int64_t most_failures;
    off_t flights_offset;     /* plan/flight.h; */
    off_t lives_offset;       /* uint8[LIVES_MOST], a mark for each rank */
    off_t texts_offset;       /* uint8, 1 once there are texts in a journal */
    off_t text_sums_offset;   /* uint64, one for each item, plan/text_sums.h; 0: there are none */
    off_t boot_offset;        /* core/boot.h, of the machine whose unsafe statuses count; 0: not kept */
    struct segments segments; /* plan/segments.h */
};

#endif
