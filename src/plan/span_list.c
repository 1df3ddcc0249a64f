#include "plan/span_list.h"

#include <inttypes.h>
#include <stdbool.h>

void sheaf_span_list_add(struct span_list *list, struct span items) {
    struct span *last = list->n_kept ? &list->kept[list->n_kept - 1] : NULL;
    const bool touches = last && last->first + last->n == items.first;
    list->n_items += items.n;
    if (!touches)
        list->n++;
    if (touches || list->n_kept == SPANS_KEPT)
        last->n = items.first + items.n - last->first;
    else
        list->kept[list->n_kept++] = items;
}

void sheaf_span_list_join(const struct span_list *a, const struct span_list *b, struct span_list *both) {
    int64_t end = 0; /* of what is in it */
    *both = (struct span_list){0};
    for (int i = 0, j = 0; i < a->n_kept || j < b->n_kept;) {
        const bool is_a = j == b->n_kept || (i < a->n_kept && a->kept[i].first < b->kept[j].first);
        struct span next = is_a ? a->kept[i++] : b->kept[j++];
        const int64_t next_end = next.first + next.n;
        next.first = next.first > end ? next.first : end;
        next.n = next_end - next.first;
        if (next.n <= 0)
            continue;
        sheaf_span_list_add(both, next);
        end = next_end;
    }
}

void sheaf_span_list_say(const struct span_list *list, int most, const char *between, struct sheaf_string *said) {
    for (int i = 0; i < list->n_kept && i < most; i++) {
        const struct span items = list->kept[i];
        sheaf_string_add(said, "%s%" PRId64, i ? between : "", items.first);
        if (items.n > 1)
            sheaf_string_add(said, ":%" PRId64, items.first + items.n);
    }
}
