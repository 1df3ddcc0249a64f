/*
 * span_list - which items something is said of: spans in order, as many as one wants to read.
 */
#ifndef SHEAF_PLAN_SPAN_LIST_H
#define SHEAF_PLAN_SPAN_LIST_H

#include <stdint.h>

#include "core/text.h"
#include "plan/span.h"

/* Spans of items in order, which do not touch; of more than are kept, the last one reaches to the end of all. Starts as
   {0}. */
enum { SPANS_KEPT = 100 };
struct span_list {
    int64_t n, n_items; /* spans, and items in them, in all */
    int n_kept;
    struct span kept[SPANS_KEPT];
};

/* Adds items that stand behind those of the list. */
void sheaf_span_list_add(struct span_list *list, struct span items);

/* All that is kept of two lists, as another. */
void sheaf_span_list_join(const struct span_list *a, const struct span_list *b, struct span_list *both);

/* Says the first spans that are kept, at most `most`, as `--items` takes them. */
void sheaf_span_list_say(const struct span_list *list, int most, const char *between, struct sheaf_string *said);

#endif
