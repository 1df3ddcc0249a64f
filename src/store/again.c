/* Makes items pending again that were computed. */
#include <unistd.h>

#include "core/file.h"
#include "store/layout.h"
#include "store/results.h"

static bool is_meant(enum results_again which, uint8_t status) {
    return which == RESULTS_ALL ? status != ITEM_PENDING && status != ITEM_SKIPPED : sheaf_status_failed(status);
}

static int make_pending(struct results *r, struct span span, enum results_again which, int64_t *n,
                        struct sheaf_error *error) {
    uint8_t status[4096];
    const int64_t end = span.first + span.n;
    for (int64_t at = span.first; at < end; at += (int64_t)sizeof status) {
        const size_t n_window = (size_t)(end - at < (int64_t)sizeof status ? end - at : (int64_t)sizeof status);
        bool any = false;
        if (sheaf_file_pread(r->fd, status, n_window, r->sink.status_offset + at, r->path, error))
            return -1;
        for (size_t i = 0; i < n_window; i++)
            if (is_meant(which, status[i])) {
                status[i] = ITEM_PENDING;
                any = true;
                ++*n;
            }
        if (any && sheaf_file_pwrite(r->fd, status, n_window, r->sink.status_offset + at, r->path, error))
            return -1;
    }
    return 0;
}

int sheaf_results_again(struct results *r, const struct asked *asked, enum results_again which, int64_t *n,
                        struct sheaf_error *error) {
    *n = 0;
    r->seen = (struct span){0};
    for (struct span part = {0}; (part = sheaf_asked_next(asked, part.first + part.n, r->n_items)).n > 0;)
        if (make_pending(r, part, which, n, error))
            return -1;
    if (*n && fdatasync(r->fd)) /* or after a power cut a row that is half new could be one that is done */
        return sheaf_fail_errno(error, "%s: cannot sync", r->path);
    return sheaf_results_tidy_messages(r, error); /* last: until then their messages are of items that are pending */
}
