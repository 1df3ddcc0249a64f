/* Rows without a value: those that are pending when a run ends, and items that are given up. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crew.h"
#include "core/file.h"
#include "core/type.h"
#include "store/results_inside.h"

/* Fills rows [first, first + n) of every output; `fill` is room for RESULTS_WINDOW bytes. */
static int fill_rows(struct results *r, int64_t first, int64_t n, char *fill, struct sheaf_error *error) {
    for (int k = 0; k < r->n_outputs; k++) {
        const struct row_column *column = &r->sink.layout.columns[k];
        const struct sheaf_field *field = &r->outputs[k];
        if (column->row_bytes == 0) /* a text */
            continue;
        int64_t n_values = n * field->width, value_bytes = (int64_t)sheaf_type_bytes(field->type);
        off_t at = column->offset + first * (off_t)column->row_bytes;
        int64_t most = RESULTS_WINDOW / value_bytes;
        sheaf_type_fill(field->type, fill, n_values < most ? n_values : most);
        for (int64_t done = 0; done < n_values; done += most) {
            int64_t piece = n_values - done < most ? n_values - done : most;
            if (sheaf_file_pwrite(r->fd, fill, (size_t)(piece * value_bytes), at + done * value_bytes, r->path, error))
                return -1;
        }
    }
    return 0;
}

/* Fills the pending rows of the window of status read last: items base … base + n - 1. */
static int fill_window(struct results *r, int64_t base, int64_t n, char *fill, struct sheaf_error *error) {
    for (int64_t from = 0, upto; from < n; from = upto) {
        const char *first = memchr(r->window + from, ITEM_PENDING, (size_t)(n - from));
        if (!first)
            break;
        from = first - r->window;
        for (upto = from; upto < n && r->window[upto] == ITEM_PENDING;)
            upto++;
        if (fill_rows(r, base + from, upto - from, fill, error))
            return -1;
    }
    return 0;
}

int sheaf_results_fill_pending(struct results *r, struct sheaf_error *error) {
    char *fill = malloc(RESULTS_WINDOW);
    int rc = fill ? 0 : sheaf_fail_memory(error, "fill values");
    for (int64_t at = 0; rc == 0 && at < r->n_items; at += RESULTS_WINDOW) {
        int64_t n = r->n_items - at < RESULTS_WINDOW ? r->n_items - at : RESULTS_WINDOW;
        rc = sheaf_results_read_status(r, at, n, error);
        if (rc == 0)
            rc = fill_window(r, at, n, fill, error);
    }
    free(fill);
    return rc;
}

/* --- those of a new file --------------------------------------------------------------------------------------------- */

struct filling {
    struct results *r;
    atomic_bool failed;
};

static int fill_piece(struct results *r, int64_t piece, struct sheaf_error *error) {
    const int64_t first = piece * RESULTS_WINDOW, left = r->n_items - first;
    char *fill = malloc(RESULTS_WINDOW);
    int rc = fill ? fill_rows(r, first, left < RESULTS_WINDOW ? left : RESULTS_WINDOW, fill, error)
                  : sheaf_fail_memory(error, "fill values");
    free(fill);
    return rc;
}

static void try_piece(void *context, int64_t piece) {
    struct filling *f = context;
    struct sheaf_error ignored;
    if (!atomic_load(&f->failed) && fill_piece(f->r, piece, &ignored))
        atomic_store(&f->failed, true);
}

int sheaf_results_fill_new(struct results *r, struct sheaf_error *error) {
    struct filling f = {.r = r};
    const int64_t n_pieces = (r->n_items + RESULTS_WINDOW - 1) / RESULTS_WINDOW;
    int rc = 0;
    sheaf_crew_do(n_pieces, try_piece, &f);
    for (int64_t k = 0; rc == 0 && atomic_load(&f.failed) && k < n_pieces; k++)
        rc = fill_piece(r, k, error); /* says what is wrong */
    return rc;
}

/* --- items that are given up --------------------------------------------------------------------------------------- */

int sheaf_results_mark_new(struct results *r, int64_t first, int64_t n, const uint8_t *statuses,
                           struct sheaf_error *error) {
    char *fill = malloc(RESULTS_WINDOW);
    int rc = fill ? fill_rows(r, first, n, fill, error) : sheaf_fail_memory(error, "fill values");
    free(fill);
    r->seen = (struct span){0};
    return rc ? rc
              : sheaf_file_pwrite(r->fd, statuses, (size_t)n, r->sink.layout.status_offset + first, r->path, error);
}

/* Texts of items that are given up are none of theirs: what a run has left that was killed. */
static int forget_text_sums(struct results *r, int64_t first, int64_t n, struct sheaf_error *error) {
    static const uint64_t unknown[512];
    const int64_t most = sizeof unknown / sizeof *unknown;
    const off_t at = r->sink.layout.text_sums_offset;
    for (int64_t done = 0, piece; at && done < n; done += piece) {
        piece = n - done < most ? n - done : most;
        if (sheaf_file_pwrite(r->fd, unknown, (size_t)piece * sizeof *unknown,
                              at + (first + done) * (off_t)sizeof *unknown, r->path, error))
            return -1;
    }
    return 0;
}

int sheaf_results_give_up(struct results *r, int64_t item, uint8_t status, const char *message,
                          struct sheaf_error *error) {
    struct failure failure = {.item = item};
    const struct rows rows = {
        .first = item, .n = 1, .status = &status, .n_failures = 1, .failures = &failure}; /* values are filled below */
    char *fill = malloc(RESULTS_WINDOW);
    if (!fill)
        return sheaf_fail_memory(error, "fill values");
    snprintf(failure.message, sizeof failure.message, "%s", message);
    r->seen = (struct span){0};
    int rc = sheaf_results_forget_sums(r, item, 1, true, error) || sheaf_results_sync_forgotten(r, error) ? -1 : 0;
    if (rc == 0)
        rc = fill_rows(r, item, 1, fill, error) || forget_text_sums(r, item, 1, error) ? -1 : 0;
    if (rc == 0)
        rc = sheaf_row_sink_write_status(&r->sink, &rows, error);
    free(fill);
    return rc;
}

int sheaf_results_skip_rows(struct results *r, int64_t first, int64_t n, struct sheaf_error *error) {
    char *fill = malloc(RESULTS_WINDOW);
    int rc = fill ? 0 : sheaf_fail_memory(error, "fill values");
    if (rc == 0)
        rc = sheaf_results_forget_sums(r, first, n, true, error) || sheaf_results_sync_forgotten(r, error) ||
                     fill_rows(r, first, n, fill, error) || forget_text_sums(r, first, n, error)
                 ? -1
                 : 0;
    r->seen = (struct span){0};
    if (rc == 0)
        memset(fill, ITEM_SKIPPED, RESULTS_WINDOW);
    for (int64_t at = 0; rc == 0 && at < n; at += RESULTS_WINDOW) {
        const int64_t piece = n - at < RESULTS_WINDOW ? n - at : RESULTS_WINDOW;
        rc = sheaf_file_pwrite(r->fd, fill, (size_t)piece, r->sink.layout.status_offset + first + at, r->path, error);
    }
    free(fill);
    return rc;
}
