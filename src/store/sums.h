/*
 * sums - what a results file says of its own bytes: the sums of its segments (plan/segments.h) and its turn.
 *
 * The turn is a number that grows: odd while a run writes the file, and after one that was killed; even when a run has
 * ended in order and everything lasts. So who reads sums, rows and sums again between two looks at it knows whether all
 * of that belongs together, and a sum is only trusted after a power cut where it was safe before.
 *
 * Needs no HDF5: plain offsets, which sums_find.h finds. Reading is thread-safe.
 */
#ifndef SHEAF_STORE_SUMS_H
#define SHEAF_STORE_SUMS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"
#include "plan/row_sink.h"
#include "plan/segments.h"

/* A field of texts: how many values an item has, and where the dataset's references lie (store/collection.h). */
struct text_column {
    int32_t output; /* its number among the outputs, or of an input among inputs that are texts */
    int64_t width;
    off_t offset; /* 0: never written, so that all are empty */
};

struct sums {
    bool moved_texts;         /* a field of texts is not stored as it was made: texts cannot be summed */
    bool moved_inputs;        /* an input is not stored in one piece any more: the inputs cannot be summed */
    struct segments segments; /* size 0: the file has none */
    off_t turn_offset;        /* uint64 */
    off_t status_offset;
    int n_columns[SEGMENT_PARTS];
    struct row_column *columns[SEGMENT_PARTS]; /* in the file's order */
    off_t text_sums_offset[SEGMENT_PARTS];     /* uint64, one for each item, plan/text_sums.h; 0: there are none */
    int n_texts[SEGMENT_PARTS];
    struct text_column *texts[SEGMENT_PARTS]; /* in the file's order */
};

void sheaf_sums_free(struct sums *sums);

/* Bytes of an item that a part's sums are of. */
size_t sheaf_sums_row_bytes(const struct sums *sums, enum segment_part part);

/* A segment as it is in the file. */
struct segment_seen {
    uint64_t sum;
    bool pending, unsafe; /* of the outputs: whether an item is; */
    bool blank;           /* whether all are pending */
};

/* Reads a part of a segment; `room` is for SEGMENT_PIECE bytes. passes_blank: one whose items are all pending has the sum
   0, and its rows are not read. */
int sheaf_sums_see(const struct sums *sums, int fd, const char *path, enum segment_part part, int64_t segment,
                   bool passes_blank, char *room, struct segment_seen *seen, struct sheaf_error *error);

/* How many segments' bytes are not those of their sums any more, and how many have none, side by side. */
int sheaf_sums_compare(const struct sums *sums, int fd, const char *path, enum segment_part part, int64_t *n_differ,
                       int64_t *n_unknown, struct sheaf_error *error);

/* Sums all segments that have no sum and an item that is not pending, side by side. */
int sheaf_sums_complete(const struct sums *sums, int fd, const char *path, enum segment_part part,
                        struct sheaf_error *error);

#endif
