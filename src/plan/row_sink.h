/*
 * row_sink - writes finished rows into the results file by pwrite: output fields, seconds, attempts, texts (to the
 * journal) and their sums, failure messages, and the status last, so that a row marked done always has its values (R1); and behind it
 * the sums of the segments that were written as a whole.
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
#include "plan/flight.h"
#include "plan/journal.h"
#include "plan/ledger.h"
#include "plan/row_layout.h"
#include "plan/status.h"

#define FAILURE_BYTES 240

/* Why an item failed: a row of the table of errors. */
struct failure {
    int64_t item;
    char message[FAILURE_BYTES]; /* one line, filled up with NUL */
};

/* Which row of the table of errors an item has. */
struct noted {
    int64_t item, slot;
};

/* An open results file that rows are written to. */
struct row_sink {
    struct row_layout layout;
    int fd;
    const char *path;
    struct journal *journal;         /* of texts; NULL where the job has none */
    struct ledger *ledger;           /* of statuses whose rows are not synced yet; NULL: nothing need be synced */
    atomic_bool told_texts;          /* that mark was set by this process */
    bool writes_early;               /* the kernel is to bring rows to the disk while others are computed */
    bool waits;                      /* these statuses wait there; else they are written at once, as unsafe */
    bool mixed;                      /* blocks may have items that were done before, which stay as they are */
    bool trusted;                    /* of a status in the file that is unsafe */
    _Atomic(bool) lost;              /* a sync has failed: nothing is made safe any more */
    const struct asked *asked;       /* other items are not written (`--items`); NULL: all are */
    _Atomic(int64_t) n_failures;     /* rows of the table of errors that are used, and wanted beyond; */
    _Atomic(int64_t) *node_failures; /* what counts instead, where ranks of a node write; or NULL */
    const struct noted *noted;       /* [n_noted] rows of earlier runs, by item: one that fails again keeps its row */
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

/* The first message that this run has written, if there is one that can be read. */
bool sheaf_row_sink_first_failure(struct row_sink *sink, struct failure *failure);

/* How many items were written, and how they ended. */
struct row_counts {
    int64_t n_done, n_failed;
};

/* Writes the rows of items that are through and that were pending: one that was not computed, is outside the window or
   was done before keeps every byte. Adds what it wrote to *counts, which may be NULL. */
int sheaf_row_sink_write(struct row_sink *sink, const struct rows *rows, struct row_counts *counts,
                         struct sheaf_error *error);

/* Counts messages that another rank is to write: true until the table of errors is full, by what this node knows. */
bool sheaf_row_sink_expect_messages(struct row_sink *sink, int64_t n);

/* Marks a rank, where there is a mark for it. */
int sheaf_row_sink_mark(const struct row_sink *sink, int rank, enum life life, struct sheaf_error *error);

/* Makes all rows written before last a power cut, and then writes the statuses that waited for that. */
int sheaf_row_sink_flush(struct row_sink *sink, struct sheaf_error *error);

/* A sync has failed: rows may be lost, although they can be read as long as this machine keeps them in memory, and the
   next sync will not say so again. No status is made safe any more, and those that are not yet are pending for the next
   run. */
void sheaf_row_sink_distrust(struct row_sink *sink);

/* Whether too many statuses wait. */
bool sheaf_row_sink_is_full(const struct row_sink *sink);

/* The last part of it: messages of failed items, then the status, of all rows. */
int sheaf_row_sink_write_status(struct row_sink *sink, const struct rows *rows, struct sheaf_error *error);

#endif
