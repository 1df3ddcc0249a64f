/* Whether a run of its job would change what a results file has. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "plan/status.h"
#include "store/layout.h"
#include "store/reader_inside.h"
#include "store/texts.h"

static int count_pending(struct reader *r, int64_t *n_pending, struct sheaf_error *error) {
    uint8_t *status = malloc(ROWS);
    const int64_t n_items = sheaf_reader_n_items(r);
    int rc = status ? 0 : sheaf_fail_memory(error, r->path);
    *n_pending = 0;
    for (int64_t at = 0; rc == 0 && at < n_items; at += ROWS) {
        const int64_t n = n_items - at < ROWS ? n_items - at : ROWS;
        rc = sheaf_reader_status(r, at, n, status, error);
        for (int64_t i = 0; rc == 0 && i < n; i++)
            *n_pending += status[i] == ITEM_PENDING;
    }
    free(status);
    return rc;
}

int sheaf_reader_lacks(struct reader *r, bool reductions, const char **lacks, char text[READER_LACKS_BYTES],
                       struct sheaf_error *error) {
    int64_t n_pending;
    *lacks = NULL;
    if (count_pending(r, &n_pending, error))
        return -1;
    sheaf_reader_begin(r, GROUP);
    if (n_pending) {
        snprintf(text, READER_LACKS_BYTES, "%" PRId64 " of its %" PRId64 " items are pending", n_pending,
                 sheaf_reader_n_items(r));
        *lacks = text;
    } else if (sheaf_texts_are_beside(r->file, r->path, r->token)) {
        *lacks = "its texts are not in the file yet";
    } else if (reductions && !sheaf_reader_are_reduced(r)) {
        *lacks = "its reductions are not made yet";
    }
    sheaf_interrupt_end_reading(&r->reading);
    return 0;
}
