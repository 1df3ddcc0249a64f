/*
 * comparison - two results files item by item: statuses, fields, messages, reductions.
 *
 * Reads both side by side in windows, so memory does not grow with the items but by what pairing.h says, and, where the items of
 * the second file stand in quite another order, by its numbers. Runs may be at work on both.
 */
#ifndef SHEAF_APP_COMPARISON_H
#define SHEAF_APP_COMPARISON_H

#include <stdbool.h>
#include <stdint.h>

#include "app/pairing.h"
#include "core/error.h"
#include "core/text.h"
#include "plan/status.h"
#include "store/reader.h"

/* A field, or a reduction, of both. Numbers differ where they are not the same bits; NaN is NaN. With a tolerance, where
   |a - b| > atol + rtol max(|a|, |b|). */
struct compared {
    const char *name; /* borrowed from the first reader, */
    struct sheaf_field in_a, in_b;
    int a, b; /* and which field it is in both; -1: a reduction */
    bool is_output;
    int64_t n_compared, n_differ; /* items; of outputs those that have the same status in both and are not pending */
    int64_t n_only_nan;           /* values that are NaN in one of both alone */
    double largest, largest_relative; /* |a - b|, and that over max(|a|, |b|) */
    int64_t at, at_relative;          /* items of A; -1: none */
};

enum { COMPARED_STATUS = -1, COMPARED_MESSAGE = -2 };

/* Something that differs, to be shown: which of an item's values. */
struct shown_difference {
    int field; /* number in comparison.fields, or COMPARED_… */
    int64_t item_a, item_b, value;
};

struct comparison {
    const char *paths[2];
    const char *fields; /* names with commas between; NULL: all that do not tell of the machine */
    const char *by;     /* pairing.h */
    double rtol, atol;
    int64_t n_shown_most;

    struct reader *readers[2];
    struct pairing pairing;
    int n_fields, n_reductions;
    struct compared *compared;   /* [n_fields] and behind them [n_reductions] */
    struct sheaf_string only[2]; /* fields and reductions that only one has: "x, y" */
    struct sheaf_string types;   /* "x is float32 and float64", a line each */
    struct sheaf_string apart;   /* reductions that are not compared, as they have other cells: "x, y" */
    int64_t statuses[ITEM_SKIPPED + 1][ITEM_SKIPPED + 1]; /* how many items have which in A and which in B */
    int64_t n_same_status;                                /* items */
    int64_t n_messages;             /* that differ, of items that failed in both in the same way */
    int64_t n_differ;               /* items of which a field, the status or the message differs */
    struct shown_difference *shown; /* [n_shown] the first ones */
    int64_t n_shown, *n_shown_of;   /* while it is compared: of each field, and what else is compared */
};

/* Compares the files of `paths` as the first members say. Release with sheaf_comparison_free, also after an error. */
int sheaf_compare(struct comparison *comparison, struct sheaf_error *error);

/* Whether nothing differs. */
bool sheaf_comparison_is_same(const struct comparison *comparison);
void sheaf_comparison_free(struct comparison *comparison);

#endif
