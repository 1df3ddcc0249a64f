/* Makes items that failed pending again. */
#include <unistd.h>

#include "core/file.h"
#include "store/layout.h"
#include "store/results.h"

int sheaf_results_retry(struct results *r, int64_t begin, int64_t end, int64_t *n, struct sheaf_error *error) {
    uint8_t status[4096];
    *n = 0;
    for (int64_t at = begin; at < end; at += (int64_t)sizeof status) {
        const size_t n_window = (size_t)(end - at < (int64_t)sizeof status ? end - at : (int64_t)sizeof status);
        bool any = false;
        if (sheaf_file_pread(r->fd, status, n_window, r->sink.status_offset + at, r->path, error))
            return -1;
        for (size_t i = 0; i < n_window; i++)
            if (sheaf_status_failed(status[i])) {
                status[i] = ITEM_PENDING;
                any = true;
                ++*n;
            }
        if (any && sheaf_file_pwrite(r->fd, status, n_window, r->sink.status_offset + at, r->path, error))
            return -1;
    }
    if (*n && fdatasync(r->fd)) /* or a power cut may leave the old status on a new row */
        return sheaf_fail_errno(error, "%s: cannot sync", r->path);
    return sheaf_results_tidy_messages(r, error); /* last: until then their messages are of items that are pending */
}
