/*
 * asked - which items a run was asked for: all, or those of a list such as "3,17,40:50".
 *
 * A sorted list of spans that neither touch nor overlap; the same on every rank. Memory grows with the words of the list,
 * not with the items. Pure.
 */
#ifndef SHEAF_PLAN_ASKED_H
#define SHEAF_PLAN_ASKED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "plan/span.h"

struct asked {
    int n;
    struct span *spans; /* [n] of items, in order */
};

/* Reads a list of items: INDEX, FIRST:END (END is not included; either may be left out), with commas between. Release
   with sheaf_asked_free, also after an error. */
int sheaf_asked_read(struct asked *asked, const char *text, struct sheaf_error *error);

/* `of`, or all where it is empty, for a job of n_items; refuses an item that the job has not. An END beyond the last is
   cut off. Release with sheaf_asked_free, also after an error. */
int sheaf_asked_fit(struct asked *asked, const struct asked *of, int64_t n_items, struct sheaf_error *error);

void sheaf_asked_free(struct asked *asked);

/* The first items of [from, end) that are asked for and follow each other; n = 0: none are. `asked` NULL: all are. */
struct span sheaf_asked_next(const struct asked *asked, int64_t from, int64_t end);

/* How many, and from the first to the last, others between included. */
int64_t sheaf_asked_count(const struct asked *asked);
struct span sheaf_asked_hull(const struct asked *asked);

#endif
