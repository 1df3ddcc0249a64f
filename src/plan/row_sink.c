#include "plan/row_sink.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"

static const size_t most_kept_bytes = (size_t)32 << 20;

static int by_item(const void *a, const void *b) {
    const struct noted *x = a, *y = b;
    return (x->item > y->item) - (x->item < y->item);
}

/* A block of which a part was done is computed again as a whole: an item of it may have a message already. */
static int write_failure(struct row_sink *sink, const struct failure *failure, struct sheaf_error *error) {
    const struct noted wanted = {failure->item, 0};
    const struct noted *found =
        sink->n_noted ? bsearch(&wanted, sink->noted, (size_t)sink->n_noted, sizeof wanted, by_item) : NULL;
    int64_t k = found ? found->slot : atomic_fetch_add(&sink->n_failures, 1);
    if (k >= sink->most_failures)
        return 0; /* the status still tells that it failed */
    if (sheaf_file_pwrite(sink->fd, failure->message, sizeof failure->message,
                          sink->failure_message_offset + k * (off_t)sizeof failure->message, sink->path, error))
        return -1;
    return sheaf_file_pwrite(sink->fd, &failure->item, sizeof failure->item,
                             sink->failure_item_offset + k * (off_t)sizeof failure->item, sink->path, error);
}

bool sheaf_row_sink_first_failure(const struct row_sink *sink, struct failure *failure) {
    struct sheaf_error ignored;
    const int64_t k = sink->n_noted; /* behind those of earlier runs */
    if (k >= sink->most_failures || atomic_load(&sink->n_failures) <= k)
        return false;
    return sheaf_file_pread(sink->fd, &failure->item, sizeof failure->item,
                            sink->failure_item_offset + k * (off_t)sizeof failure->item, sink->path, &ignored) == 0 &&
           failure->item >= 0 &&
           sheaf_file_pread(sink->fd, failure->message, sizeof failure->message,
                            sink->failure_message_offset + k * (off_t)sizeof failure->message, sink->path,
                            &ignored) == 0;
}

/* Steps through the parts of the rows that the sink takes: items that follow each other. False behind the last. */
static bool next_part(const struct row_sink *sink, const struct rows *rows, struct span *part) {
    const int64_t from = part->n ? part->first + part->n : rows->first;
    *part = sheaf_asked_next(sink->asked, from, rows->first + rows->n);
    return part->n > 0;
}

static int write_status(struct row_sink *sink, const struct rows *rows, struct span part, struct sheaf_error *error) {
    const uint8_t *status = rows->status + (part.first - rows->first);
    if (sink->ledger)
        return sheaf_ledger_add(sink->ledger, part.first, part.n, status, error);
    return sheaf_file_pwrite(sink->fd, status, (size_t)part.n, sink->status_offset + part.first, sink->path, error);
}

int sheaf_row_sink_write_status(struct row_sink *sink, const struct rows *rows, struct sheaf_error *error) {
    for (int64_t k = 0; k < rows->n_failures; k++)
        if (sheaf_asked_next(sink->asked, rows->failures[k].item, rows->failures[k].item + 1).n &&
            write_failure(sink, &rows->failures[k], error))
            return -1;
    for (struct span part = {0}; next_part(sink, rows, &part);)
        if (write_status(sink, rows, part, error))
            return -1;
    return 0;
}

int sheaf_row_sink_flush(struct row_sink *sink, struct sheaf_error *error) {
    if (sink->journal && sheaf_journal_sync(sink->journal, error))
        return -1;
    if (sink->ledger)
        return sheaf_ledger_flush(sink->ledger, sink->fd, sink->status_offset, sink->path, error);
    return fdatasync(sink->fd) ? sheaf_fail_errno(error, "%s: cannot sync", sink->path) : 0;
}

bool sheaf_row_sink_is_full(const struct row_sink *sink) {
    return sink->ledger && sheaf_ledger_bytes(sink->ledger) > most_kept_bytes;
}

/* Adds to how often items were tried. */
static int write_attempts(struct row_sink *sink, const struct rows *rows, struct span part, struct sheaf_error *error) {
    enum { PIECE = 4096 };
    uint8_t sums[PIECE];
    const int64_t end = part.first + part.n;
    for (int64_t at = part.first; at < end; at += PIECE) {
        const size_t n = (size_t)(end - at < PIECE ? end - at : PIECE);
        if (sheaf_file_pread(sink->fd, sums, n, sink->attempts_offset + at, sink->path, error))
            return -1;
        for (size_t i = 0; i < n; i++) {
            int sum = sums[i] + rows->attempts[at - rows->first + (int64_t)i];
            sums[i] = (uint8_t)(sum < UINT8_MAX ? sum : UINT8_MAX);
        }
        if (sheaf_file_pwrite(sink->fd, sums, n, sink->attempts_offset + at, sink->path, error))
            return -1;
    }
    return 0;
}

/* Values and attempts of a part of the rows. */
static int write_part(struct row_sink *sink, const struct rows *rows, struct span part, struct sheaf_error *error) {
    const size_t n = (size_t)part.n, skipped = (size_t)(part.first - rows->first);
    for (int c = 0; c < sink->n_columns; c++) {
        const struct row_column *column = &sink->columns[c];
        if (column->row_bytes &&
            sheaf_file_pwrite(sink->fd, (const char *)rows->columns[c] + skipped * column->row_bytes,
                              n * column->row_bytes, column->offset + part.first * (off_t)column->row_bytes, sink->path,
                              error))
            return -1;
    }
    return rows->attempts && sink->attempts_offset ? write_attempts(sink, rows, part, error) : 0;
}

int sheaf_row_sink_write(struct row_sink *sink, const struct rows *rows, struct sheaf_error *error) {
    bool any = false;
    for (struct span part = {0}; next_part(sink, rows, &part); any = true)
        if (write_part(sink, rows, part, error))
            return -1;
    if (!any)
        return 0;
    if (sheaf_file_pwrite(sink->fd, rows->seconds, (size_t)rows->n_blocks * sizeof(float),
                          sink->seconds_offset + rows->first_block * (off_t)sizeof(float), sink->path, error))
        return -1;
    if (rows->text_bytes && sink->journal && sheaf_journal_append(sink->journal, rows->texts, rows->text_bytes, error))
        return -1;
    return sheaf_row_sink_write_status(sink, rows, error);
}

int64_t sheaf_status_count(const uint8_t *status, int64_t n, int64_t *counts) {
    if (n > 0 && status[0] <= ITEM_SKIPPED && memcmp(status, status + 1, (size_t)n - 1) == 0) {
        counts[status[0]] += n; /* all alike, as they mostly are */
        return -1;
    }
    for (int64_t i = 0; i < n; i++) {
        if (status[i] > ITEM_SKIPPED)
            return i;
        counts[status[i]]++;
    }
    return -1;
}

void sheaf_row_sink_count(const struct row_sink *sink, const struct rows *rows, int64_t *n_done, int64_t *n_failed) {
    int64_t counts[ITEM_SKIPPED + 1] = {0}, n = 0;
    for (struct span part = {0}; next_part(sink, rows, &part); n += part.n)
        sheaf_status_count(rows->status + (part.first - rows->first), part.n, counts);
    *n_done += counts[ITEM_DONE];
    *n_failed += n - counts[ITEM_DONE] - counts[ITEM_PENDING];
}
