/* The table of messages of failed items. A message is written before its item, and an item's status after both: so a kill
   leaves slots whose item is pending. They are freed when the job goes on. */
#include <stdlib.h>

#include "core/file.h"
#include "store/results.h"

static int by_item(const void *a, const void *b) {
    const struct noted *x = a, *y = b;
    return x->item != y->item ? (x->item > y->item) - (x->item < y->item) : (x->slot > y->slot) - (x->slot < y->slot);
}

static int write_items(struct results *r, const int64_t *items, int64_t k, int64_t n, struct sheaf_error *error) {
    return sheaf_file_pwrite(r->fd, items + k, (size_t)n * sizeof *items,
                             r->sink.layout.failure_item_offset + k * (off_t)sizeof *items, r->path, error);
}

/* The slots in use, by item. */
static int64_t list_used(const struct results *r, const int64_t *items, struct noted *used) {
    int64_t n = 0;
    for (int64_t k = 0; k < r->sink.layout.most_failures; k++)
        if (items[k] >= 0)
            used[n++] = (struct noted){items[k], k};
    qsort(used, (size_t)n, sizeof *used, by_item);
    return n;
}

/* Frees slots of items that have neither failed nor were skipped, and all but the last of an item. */
static int drop(struct results *r, int64_t *items, struct noted *used, struct sheaf_error *error) {
    const int64_t n_used = list_used(r, items, used);
    int64_t n_dropped = 0;
    for (int64_t i = 0; i < n_used; i++) {
        uint8_t status = ITEM_PENDING;
        if (used[i].item < r->n_items &&
            sheaf_file_pread(r->fd, &status, 1, r->sink.layout.status_offset + used[i].item, r->path, error))
            return -1;
        if ((sheaf_status_failed(status) || status == ITEM_SKIPPED) &&
            (i + 1 == n_used || used[i + 1].item != used[i].item))
            continue;
        items[used[i].slot] = -1;
        n_dropped++;
    }
    return n_dropped ? write_items(r, items, 0, r->sink.layout.most_failures, error) : 0;
}

/* Moves a message into a free slot; in between it is in both. */
static int move(struct results *r, int64_t *items, int64_t from, int64_t to, struct sheaf_error *error) {
    char message[FAILURE_BYTES];
    const off_t at = r->sink.layout.failure_message_offset;
    if (sheaf_file_pread(r->fd, message, sizeof message, at + from * FAILURE_BYTES, r->path, error) ||
        sheaf_file_pwrite(r->fd, message, sizeof message, at + to * FAILURE_BYTES, r->path, error))
        return -1;
    items[to] = items[from];
    items[from] = -1;
    return write_items(r, items, to, 1, error) || write_items(r, items, from, 1, error) ? -1 : 0;
}

int sheaf_results_tidy_messages(struct results *r, struct sheaf_error *error) {
    const int64_t most = r->sink.layout.most_failures;
    int64_t n = 0, end = most, *items = malloc((size_t)most * sizeof *items);
    struct noted *used = malloc((size_t)most * sizeof *used);
    int rc = -1;
    if (!items || !used) {
        sheaf_fail_memory(error, "the table of errors");
        goto out;
    }
    if (sheaf_file_pread(r->fd, items, (size_t)most * sizeof *items, r->sink.layout.failure_item_offset, r->path,
                         error) ||
        drop(r, items, used, error))
        goto out;
    for (;;) {
        while (n < end && items[n] >= 0)
            n++;
        while (end > n && items[end - 1] < 0)
            end--;
        if (n == end)
            break;
        if (move(r, items, end - 1, n, error))
            goto out;
    }
    atomic_store(&r->sink.n_failures, n);
    r->sink.n_noted = list_used(r, items, used);
    free(r->noted);
    r->sink.noted = r->noted = used;
    used = NULL;
    rc = 0;
out:
    free(items);
    free(used);
    return rc;
}
