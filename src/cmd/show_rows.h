/*
 * show_rows - which items `sheaf show` prints, and in which order.
 */
#ifndef SHEAF_CMD_SHOW_ROWS_H
#define SHEAF_CMD_SHOW_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/slice.h"
#include "core/error.h"
#include "store/reader.h"

struct row_choice {
    struct reader *reader;
    const struct slice *slice; /* among these */
    int sort;                  /* the field to sort by; -1: as the items are */
    bool descending;
    bool where_failed; /* only those; where there are none, those that are skipped */
    int64_t head;      /* 0: all */
};

struct shown_rows {
    int64_t *rows;     /* [n_rows] items, in the order shown */
    uint8_t *statuses; /* [n_rows] theirs */
    int64_t n_rows, n_matching;
    int64_t n_hidden; /* skipped ones that are not among those that failed */
    bool unfinished;  /* some row is not done: the status is worth a column */
};

/* Fills *found, whose two lists are the caller's to free, also after an error. */
int sheaf_show_choose_rows(const struct row_choice *choice, struct shown_rows *found, struct sheaf_error *error);

#endif
