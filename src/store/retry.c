/* Makes items that failed pending again. */
#include <stdlib.h>

#include "core/file.h"
#include "store/layout.h"
#include "store/results.h"

static bool has_failed(uint8_t status) {
    return status == ITEM_FAILED || status == ITEM_TIMED_OUT || status == ITEM_CRASHED;
}

/* Keeps the messages of items outside [begin, end), which is where items are tried again; they move up. */
static int forget_messages(struct results *r, int64_t begin, int64_t end, struct sheaf_error *error) {
    struct row_sink *sink = &r->sink;
    const int64_t most = sink->most_failures;
    int64_t kept = 0, *items = malloc((size_t)most * sizeof *items);
    char message[FAILURE_BYTES];
    int rc = -1;
    if (!items)
        return sheaf_fail_memory(error, "the table of errors");
    if (sheaf_file_pread(r->fd, items, (size_t)most * sizeof *items, sink->failure_item_offset, r->path, error))
        goto out;
    for (int64_t k = 0; k < most && items[k] >= 0; k++) {
        if (items[k] >= begin && items[k] < end)
            continue;
        if (kept != k && (sheaf_file_pread(r->fd, message, sizeof message,
                                           sink->failure_message_offset + k * FAILURE_BYTES, r->path, error) ||
                          sheaf_file_pwrite(r->fd, message, sizeof message,
                                            sink->failure_message_offset + kept * FAILURE_BYTES, r->path, error)))
            goto out;
        items[kept++] = items[k];
    }
    for (int64_t k = kept; k < most; k++)
        items[k] = -1;
    atomic_store(&sink->n_failures, kept);
    rc = sheaf_file_pwrite(r->fd, items, (size_t)most * sizeof *items, sink->failure_item_offset, r->path, error);
out:
    free(items);
    return rc;
}

int sheaf_results_retry(struct results *r, int64_t begin, int64_t end, int64_t *n, struct sheaf_error *error) {
    uint8_t status[4096];
    *n = 0;
    if (forget_messages(r, begin, end, error))
        return -1;
    for (int64_t at = begin; at < end; at += (int64_t)sizeof status) {
        const size_t n_window = (size_t)(end - at < (int64_t)sizeof status ? end - at : (int64_t)sizeof status);
        bool any = false;
        if (sheaf_file_pread(r->fd, status, n_window, r->sink.status_offset + at, r->path, error))
            return -1;
        for (size_t i = 0; i < n_window; i++)
            if (has_failed(status[i])) {
                status[i] = ITEM_PENDING;
                any = true;
                ++*n;
            }
        if (any && sheaf_file_pwrite(r->fd, status, n_window, r->sink.status_offset + at, r->path, error))
            return -1;
    }
    return 0;
}
