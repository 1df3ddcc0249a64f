/*
 * text_look - whether the texts of items, in a results file and in the journals beside it, are those that were computed:
 * by the sum that each item has (plan/text_sums.h).
 *
 * Needs no HDF5, on which damage of its heap is hard.
 */
#ifndef SHEAF_STORE_TEXT_LOOK_H
#define SHEAF_STORE_TEXT_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "plan/journal_index.h"
#include "store/sums.h"

enum text_verdict { TEXTS_AS_WRITTEN, TEXTS_PENDING, TEXTS_UNKNOWN, TEXTS_CHANGED };

struct text_look {
    const struct sums *sums;
    enum segment_part part;
    int fd;
    const char *path;
    bool trusts_unsafe;                   /* plan/status.h */
    bool passes_packed;                   /* texts in the file are not read: who has such may be TEXTS_UNKNOWN */
    const struct journal_index *journals; /* scanned for these items, after their statuses were read; or NULL */
};

/* What an item's texts are taken for, before the journals are looked at. */
struct text_expected {
    uint8_t status; /* judged */
    uint64_t sum;
};

/* Reads that of items first … first + n - 1. */
int sheaf_text_expect(const struct text_look *look, int64_t first, int64_t n, struct text_expected *expected,
                      struct sheaf_error *error);

/* verdicts[n] of them (enum text_verdict), side by side. */
int sheaf_text_look(const struct text_look *look, int64_t first, int64_t n, const struct text_expected *expected,
                    uint8_t *verdicts, struct sheaf_error *error);

/* Writes the sums of copies of inputs, as they lie in a file that was just made. */
int sheaf_text_sum_inputs(const struct sums *sums, int fd, const char *path, struct sheaf_error *error);

#endif
