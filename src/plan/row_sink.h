/*
 * row_sink - writes finished rows into the results file by pwrite: output fields, seconds, attempts, texts (to the
 * journal), failure messages, and the status last, so that a row marked done always has its values (R1).
 *
 * A plain struct of a descriptor and offsets that store/ fills; needs no HDF5. Writing is thread-safe.
 */
#ifndef SHEAF_PLAN_ROW_SINK_H
#define SHEAF_PLAN_ROW_SINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"
#include "plan/asked.h"
#include "plan/journal.h"
#include "plan/ledger.h"

/* What becomes of an item; the values of the dataset `status`. */
enum item_status {
    ITEM_PENDING = 0,
    ITEM_DONE = 1,
    ITEM_FAILED = 2,
    ITEM_TIMED_OUT = 3,
    ITEM_CRASHED = 4,
    ITEM_SKIPPED = 5,
};

#define FAILURE_BYTES 240

/* Why an item failed: a row of the table of errors. */
struct failure {
    int64_t item;
    char message[FAILURE_BYTES]; /* one line, filled up with NUL */
};

struct row_column {
    off_t offset;     /* of item 0 in the file */
    size_t row_bytes; /* 0: a text, which goes to the journal */
};

/* Which row of the table of errors an item has. */
struct noted {
    int64_t item, slot;
};

struct row_sink {
    int fd;
    const char *path;
    int n_columns;
    struct row_column *columns; /* [n_columns] output fields */
    off_t seconds_offset;       /* float32, one for each block */
    off_t flights_offset;       /* plan/flight.h */
    off_t status_offset;        /* uint8, one for each item */
    off_t attempts_offset;      /* uint8, one for each item; 0: there are none */
    struct journal *journal;    /* of texts; NULL where the job has none */
    struct ledger *ledger;      /* keeps statuses until rows are synced; NULL: they are written at once */
    const struct asked *asked;  /* other items are not written (`--items`); NULL: all are */
    off_t failure_item_offset, failure_message_offset;
    int64_t most_failures;       /* rows of the table of errors; messages beyond are dropped */
    _Atomic(int64_t) n_failures; /* rows used, and wanted beyond */
    const struct noted *noted;   /* [n_noted] rows of earlier runs, by item: one that fails again keeps its row */
    int64_t n_noted;
};

/* Finished items first … first + n - 1: whole blocks. */
struct rows {
    int64_t first, n;
    int64_t first_block, n_blocks;
    const void *const *columns; /* [n_columns] each at the first item */
    const uint8_t *status;      /* [n] */
    const float *seconds;       /* [n_blocks] */
    int64_t n_failures;
    const struct failure *failures; /* [n_failures] */
    const uint8_t *attempts;        /* [n] in this run, or NULL */
    size_t text_bytes;
    const char *texts; /* [text_bytes] records of plan/journal.h */
};

static inline bool sheaf_status_failed(uint8_t status) {
    return status == ITEM_FAILED || status == ITEM_TIMED_OUT || status == ITEM_CRASHED;
}

/* The first message that this run has written, if there is one that can be read. */
bool sheaf_row_sink_first_failure(const struct row_sink *sink, struct failure *failure);

/* Adds how often each status occurs to counts[ITEM_SKIPPED + 1]. Gives the index of the first byte that is none, or -1. */
int64_t sheaf_status_count(const uint8_t *status, int64_t n, int64_t *counts);

/* Adds how many of the rows that the sink takes are done, and how many failed in some way. */
void sheaf_row_sink_count(const struct row_sink *sink, const struct rows *rows, int64_t *n_done, int64_t *n_failed);

int sheaf_row_sink_write(struct row_sink *sink, const struct rows *rows, struct sheaf_error *error);

/* Makes all rows written before last a power cut, and then writes the statuses that waited for that. */
int sheaf_row_sink_flush(struct row_sink *sink, struct sheaf_error *error);

/* Whether too many statuses wait. */
bool sheaf_row_sink_is_full(const struct row_sink *sink);

/* The last part of it: messages of failed items, then the status. */
int sheaf_row_sink_write_status(struct row_sink *sink, const struct rows *rows, struct sheaf_error *error);

#endif
