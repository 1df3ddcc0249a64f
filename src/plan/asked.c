#include "plan/asked.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

/* --- reading a list ------------------------------------------------------------------------------------------------ */

/* "17" or "40:50", as text[length]. */
static int read_span(const char *text, size_t length, struct span *span) {
    const char *colon = memchr(text, ':', length);
    const size_t before = colon ? (size_t)(colon - text) : length, after = colon ? length - before - 1 : 0;
    int64_t first = 0, end = INT64_MAX;
    if ((before || !colon) && sheaf_text_to_int64(text, before, &first))
        return -1;
    if (after && sheaf_text_to_int64(colon + 1, after, &end))
        return -1;
    end = colon || first == INT64_MAX ? end : first + 1;
    *span = (struct span){first, first < end ? end - first : 0};
    return first >= 0 && first < end ? 0 : -1;
}

static int by_first(const void *a, const void *b) {
    const struct span *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* Sorts, and makes one of spans that touch. */
static void tidy(struct asked *asked) {
    int n = 0;
    qsort(asked->spans, (size_t)asked->n, sizeof *asked->spans, by_first);
    for (int i = 0; i < asked->n; i++) {
        const struct span *span = &asked->spans[i];
        struct span *last = n ? &asked->spans[n - 1] : NULL;
        if (!last || span->first > last->first + last->n)
            asked->spans[n++] = *span;
        else if (span->first + span->n > last->first + last->n)
            last->n = span->first + span->n - last->first;
    }
    asked->n = n;
}

int sheaf_asked_read(struct asked *asked, const char *text, struct sheaf_error *error) {
    int most = 1;
    for (const char *comma = strchr(text, ','); comma; comma = strchr(comma + 1, ','))
        most++;
    *asked = (struct asked){.spans = calloc((size_t)most, sizeof *asked->spans)};
    if (!asked->spans)
        return sheaf_fail_memory(error, "the list of items");
    for (const char *at = text;; at++) {
        const size_t length = strcspn(at, ",");
        if (read_span(at, length, &asked->spans[asked->n++]))
            return sheaf_refuse(error,
                                "'%.*s' should be items, such as 0:10 for the first ten, or 3,17,40:50 for item 3, "
                                "item 17 and items 40 to 49",
                                length < 60 ? (int)length : 60, at);
        at += length;
        if (!*at)
            break;
    }
    tidy(asked);
    return 0;
}

/* --- for a job ----------------------------------------------------------------------------------------------------- */

int sheaf_asked_fit(struct asked *asked, const struct asked *of, int64_t n_items, struct sheaf_error *error) {
    const bool all = of->n == 0;
    *asked = (struct asked){.spans = calloc((size_t)of->n + 1, sizeof *asked->spans)};
    if (!asked->spans)
        return sheaf_fail_memory(error, "the list of items");
    if (!all && n_items == 0)
        return sheaf_refuse(error, "--items: the job has no items");
    for (int i = 0; i < of->n; i++) {
        struct span span = of->spans[i];
        if (span.first >= n_items)
            return sheaf_refuse(error, "--items %" PRId64 "%s: the job has %" PRId64 " items, 0 to %" PRId64,
                                span.first, span.n > 1 ? ":…" : "", n_items, n_items - 1);
        span.n = span.n < n_items - span.first ? span.n : n_items - span.first;
        asked->spans[asked->n++] = span;
    }
    if (all && n_items > 0)
        asked->spans[asked->n++] = (struct span){0, n_items};
    return 0;
}

void sheaf_asked_free(struct asked *asked) {
    free(asked->spans);
    *asked = (struct asked){0};
}

/* --- looking at it ------------------------------------------------------------------------------------------------- */

struct span sheaf_asked_next(const struct asked *asked, int64_t from, int64_t end) {
    if (!asked)
        return (struct span){from, end > from ? end - from : 0};
    int low = 0, high = asked->n; /* the first span that ends behind `from` */
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (asked->spans[middle].first + asked->spans[middle].n <= from)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == asked->n || asked->spans[low].first >= end)
        return (struct span){end, 0};
    const struct span span = asked->spans[low];
    const int64_t first = span.first > from ? span.first : from;
    const int64_t upto = span.first + span.n < end ? span.first + span.n : end;
    return (struct span){first, upto > first ? upto - first : 0};
}

int64_t sheaf_asked_count(const struct asked *asked) {
    int64_t n = 0;
    for (int i = 0; i < asked->n; i++)
        n += asked->spans[i].n;
    return n;
}

struct span sheaf_asked_hull(const struct asked *asked) {
    if (asked->n == 0)
        return (struct span){0, 0};
    const struct span *last = &asked->spans[asked->n - 1];
    return (struct span){asked->spans[0].first, last->first + last->n - asked->spans[0].first};
}
