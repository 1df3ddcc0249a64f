/* Makes items pending again that were computed. */
#include <stdbool.h>
#include <unistd.h>

#include "core/file.h"
#include "store/layout.h"
#include "store/results.h"

static bool is_meant(enum results_again which, uint8_t status) {
    return which == RESULTS_ALL ? status != ITEM_PENDING && status != ITEM_SKIPPED : sheaf_status_failed(status);
}

/* Reads the statuses of a window of items, and what they are to be; true if one is to change. */
static int plan_window(struct results *r, int64_t first, size_t n, enum results_again which, uint8_t *status,
                       int64_t *n_meant, struct sheaf_error *error) {
    *n_meant = 0;
    if (sheaf_file_pread(r->fd, status, n, r->sink.layout.status_offset + first, r->path, error))
        return -1;
    for (size_t i = 0; i < n; i++)
        if (is_meant(which, status[i])) {
            status[i] = ITEM_PENDING;
            ++*n_meant;
        }
    return 0;
}

/* The items of a span: their sums are forgotten, or (`writes`) they are made pending. */
static int do_span(struct results *r, struct span span, enum results_again which, bool writes, int64_t *n,
                   struct sheaf_error *error) {
    uint8_t status[4096];
    const int64_t end = span.first + span.n;
    for (int64_t at = span.first, n_meant; at < end; at += (int64_t)sizeof status) {
        const size_t n_window = (size_t)(end - at < (int64_t)sizeof status ? end - at : (int64_t)sizeof status);
        if (plan_window(r, at, n_window, which, status, &n_meant, error))
            return -1;
        *n += n_meant;
        if (writes && n_meant &&
            sheaf_file_pwrite(r->fd, status, n_window, r->sink.layout.status_offset + at, r->path, error))
            return -1;
        if (!writes && n_meant && which != RESULTS_ALL &&
            sheaf_results_forget_sums(r, at, (int64_t)n_window, false, error))
            return -1;
    }
    return !writes && which == RESULTS_ALL ? sheaf_results_forget_sums(r, span.first, span.n, true, error) : 0;
}

static int do_all(struct results *r, const struct asked *asked, enum results_again which, bool writes, int64_t *n,
                  struct sheaf_error *error) {
    *n = 0;
    for (struct span part = {0}; (part = sheaf_asked_next(asked, part.first + part.n, r->n_items)).n > 0;)
        if (do_span(r, part, which, writes, n, error))
            return -1;
    return 0;
}

int sheaf_results_again(struct results *r, const struct asked *asked, enum results_again which, int64_t *n,
                        struct sheaf_error *error) {
    r->seen = (struct span){0};
    if (do_all(r, asked, which, false, n, error) || sheaf_results_sync_forgotten(r, error) ||
        do_all(r, asked, which, true, n, error))
        return -1;
    if (*n && fdatasync(r->fd)) /* or after a power cut a row that is half new could be one that is done */
        return sheaf_fail_errno(error, "%s: cannot sync", r->path);
    return sheaf_results_tidy_messages(r, error); /* last: until then their messages are of items that are pending */
}
