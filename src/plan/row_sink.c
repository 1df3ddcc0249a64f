#include "plan/row_sink.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/boot.h"
#include "core/file.h"
#include "plan/text_sums.h"

static const size_t most_kept_bytes = (size_t)32 << 20;

static int by_item(const void *a, const void *b) {
    const struct noted *x = a, *y = b;
    return (x->item > y->item) - (x->item < y->item);
}

static _Atomic(int64_t) *counter(struct row_sink *sink) {
    return sink->node_failures ? sink->node_failures : &sink->n_failures;
}

bool sheaf_row_sink_expect_messages(struct row_sink *sink, int64_t n) {
    return atomic_fetch_add(counter(sink), n) < sink->layout.most_failures;
}

/* A block of which a part was done is computed again as a whole: an item of it may have a message already. */
static int write_failure(struct row_sink *sink, const struct failure *failure, struct sheaf_error *error) {
    const struct noted wanted = {failure->item, 0};
    const struct noted *found =
        sink->n_noted ? bsearch(&wanted, sink->noted, (size_t)sink->n_noted, sizeof wanted, by_item) : NULL;
    int64_t k = found ? found->slot : atomic_fetch_add(counter(sink), 1);
    if (k >= sink->layout.most_failures)
        return 0; /* the status still tells that it failed */
    if (sheaf_file_pwrite(sink->fd, failure->message, sizeof failure->message,
                          sink->layout.failure_message_offset + k * (off_t)sizeof failure->message, sink->path, error))
        return -1;
    return sheaf_file_pwrite(sink->fd, &failure->item, sizeof failure->item,
                             sink->layout.failure_item_offset + k * (off_t)sizeof failure->item, sink->path, error);
}

bool sheaf_row_sink_first_failure(struct row_sink *sink, struct failure *failure) {
    struct sheaf_error ignored;
    const int64_t k = sink->n_noted; /* behind those of earlier runs */
    if (k >= sink->layout.most_failures || atomic_load(counter(sink)) <= k)
        return false;
    return sheaf_file_pread(sink->fd, &failure->item, sizeof failure->item,
                            sink->layout.failure_item_offset + k * (off_t)sizeof failure->item, sink->path,
                            &ignored) == 0 &&
           failure->item >= 0 &&
           sheaf_file_pread(sink->fd, failure->message, sizeof failure->message,
                            sink->layout.failure_message_offset + k * (off_t)sizeof failure->message, sink->path,
                            &ignored) == 0;
}

/* Statuses of items first … first + n - 1, whose rows are written. */
static int write_statuses(struct row_sink *sink, int64_t first, int64_t n, const uint8_t *status,
                          struct sheaf_error *error) {
    uint8_t unsafe[1 << 15];
    if (sink->ledger && sink->waits)
        return sheaf_ledger_add(sink->ledger, first, n, status, error);
    if (!sink->ledger)
        return sheaf_file_pwrite(sink->fd, status, (size_t)n, sink->layout.status_offset + first, sink->path, error);
    for (int64_t at = 0; at < n; at += (int64_t)sizeof unsafe) {
        const size_t n_piece = n - at < (int64_t)sizeof unsafe ? (size_t)(n - at) : sizeof unsafe;
        sheaf_status_mark_unsafe(status + at, (int64_t)n_piece, unsafe);
        if (sheaf_file_pwrite(sink->fd, unsafe, n_piece, sink->layout.status_offset + first + at, sink->path, error))
            return -1;
    }
    return sheaf_ledger_add(sink->ledger, first, n, NULL, error);
}

int sheaf_row_sink_write_status(struct row_sink *sink, const struct rows *rows, struct sheaf_error *error) {
    const int64_t n = rows->n;
    for (int64_t k = 0; k < rows->n_failures; k++) {
        const int64_t i = rows->failures[k].item - rows->first;
        if (i >= 0 && i < n && rows->status[i] != ITEM_PENDING && write_failure(sink, &rows->failures[k], error))
            return -1;
    }
    for (int64_t at = 0, upto = 0; sheaf_status_run(rows->status, n, &at, &upto); at = upto)
        if (write_statuses(sink, rows->first + at, upto - at, rows->status + at, error))
            return -1;
    return 0;
}

int sheaf_row_sink_mark(const struct row_sink *sink, int rank, enum life life, struct sheaf_error *error) {
    const uint8_t mark = (uint8_t)life;
    return rank < LIVES_MOST
               ? sheaf_file_pwrite(sink->fd, &mark, 1, sink->layout.lives_offset + rank, sink->path, error)
               : 0;
}

void sheaf_row_sink_distrust(struct row_sink *sink) {
    static const char nobody[BOOT_BYTES];
    struct sheaf_error ignored;
    atomic_store(&sink->lost, true);
    if (sink->layout.boot_offset > 0)
        sheaf_file_pwrite(sink->fd, nobody, sizeof nobody, sink->layout.boot_offset, sink->path, &ignored);
}

int sheaf_row_sink_flush(struct row_sink *sink, struct sheaf_error *error) {
    struct sheaf_buffer taken = {0};
    int rc = 0;
    if (atomic_load(&sink->lost))
        return sheaf_fail(error, "%s: could not be synced; items that are not safe are computed again by the next run",
                          sink->path);
    if (sink->ledger)
        sheaf_ledger_take(sink->ledger, &taken); /* before anything is synced: their texts and rows are there by now */
    if (sink->journal)
        rc = sheaf_journal_sync(sink->journal, error);
    if (rc == 0 && fdatasync(sink->fd))
        rc = sheaf_fail_errno(error, "%s: cannot sync", sink->path);
    if (rc)
        sheaf_row_sink_distrust(sink);
    else if (!atomic_load(&sink->lost)) /* meanwhile, by another thread */
        rc = sheaf_ledger_write(&taken, sink->fd, sink->layout.status_offset, sink->path, error);
    sheaf_buffer_free(&taken);
    return rc;
}

bool sheaf_row_sink_is_full(const struct row_sink *sink) {
    return sink->waits && sink->ledger && sheaf_ledger_bytes(sink->ledger) > most_kept_bytes;
}

/* Adds to how often items begin … end - 1 were tried. */
static int write_attempts(struct row_sink *sink, const struct rows *rows, int64_t begin, int64_t end,
                          struct sheaf_error *error) {
    enum { PIECE = 4096 };
    uint8_t sums[PIECE];
    for (int64_t at = begin; at < end; at += PIECE) {
        const size_t n = (size_t)(end - at < PIECE ? end - at : PIECE);
        if (sheaf_file_pread(sink->fd, sums, n, sink->layout.attempts_offset + at, sink->path, error))
            return -1;
        for (size_t i = 0; i < n; i++) {
            int sum = sums[i] + rows->attempts[at - rows->first + (int64_t)i];
            sums[i] = (uint8_t)(sum < UINT8_MAX ? sum : UINT8_MAX);
        }
        if (sheaf_file_pwrite(sink->fd, sums, n, sink->layout.attempts_offset + at, sink->path, error))
            return -1;
    }
    return 0;
}

/* Has the kernel begin to bring to the disk what was just written, so that a sync has little left to do. What fails then is
   told by the sync. */
static void begin_writing(const struct row_sink *sink, off_t offset, size_t n_bytes) {
    static const size_t worth_it = 64 << 10;
    if (sink->writes_early && n_bytes >= worth_it)
        (void)sync_file_range(sink->fd, offset, (off_t)n_bytes, SYNC_FILE_RANGE_WRITE);
}

/* Rows of items begin … end - 1. */
static int write_values(struct row_sink *sink, const struct rows *rows, int64_t begin, int64_t end,
                        struct sheaf_error *error) {
    const size_t n = (size_t)(end - begin), skipped = (size_t)(begin - rows->first);
    for (int c = 0; c < sink->layout.n_columns; c++) {
        const size_t row = sink->layout.columns[c].row_bytes;
        const off_t offset = sink->layout.columns[c].offset + begin * (off_t)row;
        if (row == 0)
            continue;
        if (sheaf_file_pwrite(sink->fd, (const char *)rows->columns[c] + skipped * row, n * row, offset, sink->path,
                              error))
            return -1;
        begin_writing(sink, offset, n * row);
    }
    return rows->attempts && sink->layout.attempts_offset ? write_attempts(sink, rows, begin, end, error) : 0;
}

/* Of blocks that were computed: one that was left, since the run is to end, keeps what it took before. */
static int write_seconds(struct row_sink *sink, const struct rows *rows, struct sheaf_error *error) {
    for (int64_t at = 0, upto; at < rows->n_blocks; at = upto) {
        const bool computed = rows->seconds[at] > 0;
        for (upto = at + 1; upto < rows->n_blocks && (rows->seconds[upto] > 0) == computed;)
            upto++;
        if (computed && sheaf_file_pwrite(sink->fd, rows->seconds + at, (size_t)(upto - at) * sizeof(float),
                                          sink->layout.seconds_offset + (rows->first_block + at) * (off_t)sizeof(float),
                                          sink->path, error))
            return -1;
    }
    return 0;
}

/* Records, and that there are such, so that it is seen when somebody has removed them. */
static int append(struct row_sink *sink, const char *records, size_t n_bytes, struct sheaf_error *error) {
    static const uint8_t mark = 1;
    if (sheaf_journal_append(sink->journal, records, n_bytes, error))
        return -1;
    if (atomic_load(&sink->told_texts))
        return 0;
    if (sheaf_file_pwrite(sink->fd, &mark, 1, sink->layout.texts_offset, sink->path, error))
        return -1;
    atomic_store(&sink->told_texts, true);
    return 0;
}

/* The texts of items that are to be written. */
static int write_texts(struct row_sink *sink, const struct rows *rows, bool all, struct sheaf_error *error) {
    struct sheaf_buffer kept = {0};
    struct journal_head head;
    int rc = 0;
    if (!rows->text_bytes || !sink->journal)
        return 0;
    if (all)
        return append(sink, rows->texts, rows->text_bytes, error);
    for (size_t at = 0, n; rc == 0 && at < rows->text_bytes; at += n) {
        memcpy(&head, rows->texts + at, sizeof head);
        n = sizeof head + head.n_bytes;
        if (rows->status[head.item - rows->first] == ITEM_PENDING)
            continue;
        const size_t end = kept.n_bytes;
        rc = sheaf_buffer_resize(&kept, end + n, error);
        if (rc == 0)
            memcpy(kept.data + end, rows->texts + at, n);
    }
    if (rc == 0 && kept.n_bytes)
        rc = append(sink, kept.data, kept.n_bytes, error);
    sheaf_buffer_free(&kept);
    return rc;
}

/* The sums of the texts of items that are to be written. */
static int write_text_sums(struct row_sink *sink, const struct rows *rows, struct sheaf_error *error) {
    uint64_t *sums = malloc((size_t)rows->n * sizeof *sums);
    int rc = sums ? sheaf_text_sums_make(rows->texts, rows->text_bytes, rows->first, rows->n, sink->layout.n_columns,
                                         sums, error)
                  : sheaf_fail_memory(error, "the sums of texts");
    for (int64_t at = 0, upto = 0; rc == 0 && sheaf_status_run(rows->status, rows->n, &at, &upto); at = upto)
        rc = sheaf_file_pwrite(sink->fd, sums + at, (size_t)(upto - at) * sizeof *sums,
                               sink->layout.text_sums_offset + (rows->first + at) * (off_t)sizeof *sums, sink->path,
                               error);
    free(sums);
    return rc;
}

/* Which items are to be written: *selected is a copy of the statuses in which the others are pending, or NULL for all; those
   that the file has as skipped are told by n_skipped, and marked as such in *selected. */
static int select_rows(const struct row_sink *sink, const struct rows *rows, uint8_t **selected, int64_t *n_skipped,
                       struct sheaf_error *error) {
    const int64_t end = rows->first + rows->n;
    const size_t n = (size_t)rows->n;
    uint8_t *before = NULL;
    int rc = 0;
    *selected = NULL;
    *n_skipped = 0;
    if (n == 0)
        return 0;
    if (!sink->mixed && sheaf_asked_next(sink->asked, rows->first, end).n == rows->n &&
        !memchr(rows->status, ITEM_PENDING, n))
        return 0;
    *selected = malloc(n);
    before = malloc(n);
    if (!*selected || !before) {
        rc = sheaf_fail_memory(error, "the rows of a block");
        goto out;
    }
    memcpy(*selected, rows->status, n);
    if (sink->mixed) {
        rc = sheaf_file_pread(sink->fd, before, n, sink->layout.status_offset + rows->first, sink->path, error);
        sheaf_status_judge(before, rows->n, sink->trusted);
    }
    for (int64_t i = 0; i < rows->n; i++)
        if (sheaf_asked_next(sink->asked, rows->first + i, rows->first + i + 1).n == 0 ||
            (sink->mixed && before[i] != ITEM_PENDING))
            (*selected)[i] = ITEM_PENDING;
    for (int64_t i = 0; rc == 0 && sink->mixed && i < rows->n; i++)
        if (before[i] == ITEM_SKIPPED) {
            (*selected)[i] = ITEM_SKIPPED;
            ++*n_skipped;
        }
out:
    free(before);
    return rc;
}

/* --- sums --------------------------------------------------------------------------------------------------------- */

enum { SUMS_PIECE = 64 /* in memory at a time */ };

/* Sums of segments that follow each other. */
static int put_sums(struct row_sink *sink, int64_t first, const uint64_t *sums, size_t n, struct sheaf_error *error) {
    const off_t at = sheaf_segment_sum_offset(&sink->layout.segments, SEGMENT_OUTPUTS, first);
    if (sink->ledger && sink->waits)
        return sheaf_ledger_add_bytes(sink->ledger, at, sums, n * sizeof *sums, error);
    return sheaf_file_pwrite(sink->fd, sums, n * sizeof *sums, at, sink->path, error);
}

static uint64_t sum_segment(const struct row_sink *sink, const struct rows *rows, struct span items) {
    const size_t n = (size_t)items.n, skipped = (size_t)(items.first - rows->first);
    uint64_t sum = sheaf_segment_add_statuses(0, rows->status + skipped, items.n);
    for (int c = 0; c < sink->layout.n_columns; c++) {
        const size_t row_bytes = sink->layout.columns[c].row_bytes;
        sum = sheaf_segment_add(sum, (const char *)rows->columns[c] + skipped * row_bytes, n * row_bytes);
    }
    return sheaf_segment_end(sum);
}

/* A sum that is still there accuses a segment that has changed since (store/results_sums.c), and stays: who writes some of its
   rows must not hide that. */
static int leave_accusing(const struct row_sink *sink, int64_t first, uint64_t *sums, size_t n,
                          struct sheaf_error *error) {
    uint64_t known[SUMS_PIECE];
    if (sheaf_file_pread(sink->fd, known, n * sizeof *known,
                         sheaf_segment_sum_offset(&sink->layout.segments, SEGMENT_OUTPUTS, first), sink->path, error))
        return -1;
    for (size_t k = 0; k < n; k++)
        sums[k] = known[k] ? known[k] : sums[k];
    return 0;
}

/* Of items first … first + n - 1, which were written, the segments that lie within them: nobody else writes a row of
   those. The others have none until the run ends. some: rows among them are as they were. */
static int write_sums(struct row_sink *sink, const struct rows *rows, int64_t first, int64_t n, bool some,
                      struct sheaf_error *error) {
    uint64_t sums[SUMS_PIECE];
    const struct span within = sheaf_segments_within(&sink->layout.segments, first, n);
    for (int64_t done = 0, n_piece; done < within.n; done += n_piece) {
        n_piece = within.n - done < SUMS_PIECE ? within.n - done : SUMS_PIECE;
        for (int64_t k = 0; k < n_piece; k++)
            sums[k] = sum_segment(sink, rows, sheaf_segment_items(&sink->layout.segments, within.first + done + k));
        if ((some && leave_accusing(sink, within.first + done, sums, (size_t)n_piece, error)) ||
            put_sums(sink, within.first + done, sums, (size_t)n_piece, error))
            return -1;
    }
    return 0;
}

/* --- rows of blocks in which items are skipped ---------------------------------------------------------------------- */

/* Puts in the place of the columns such in which the items that the file has as skipped are as they are there, so that what
   is computed among them is written at once. */
static int keep_values(const struct row_sink *sink, struct rows *rows, const uint8_t *selected,
                       struct sheaf_arena *arena, struct sheaf_error *error) {
    const void **columns = sheaf_arena_take(arena, ((size_t)sink->layout.n_columns + 1) * sizeof *columns);
    for (int c = 0; columns && c < sink->layout.n_columns; c++) {
        const size_t row = sink->layout.columns[c].row_bytes;
        const off_t offset = sink->layout.columns[c].offset + rows->first * (off_t)row;
        const char *computed = rows->columns[c];
        char *kept = sheaf_arena_take(arena, (size_t)rows->n * row);
        if (!kept)
            return sheaf_fail_memory(error, "the rows of a block");
        if (row && sheaf_file_pread(sink->fd, kept, (size_t)rows->n * row, offset, sink->path, error))
            return -1;
        for (int64_t i = 0; i < rows->n; i++)
            if (selected[i] != ITEM_SKIPPED)
                memcpy(kept + (size_t)i * row, computed + (size_t)i * row, row);
        columns[c] = kept;
    }
    rows->columns = columns;
    return columns ? 0 : sheaf_fail_memory(error, "the rows of a block");
}

/* The messages of the others. */
static int drop_messages(struct rows *rows, const uint8_t *selected, struct sheaf_arena *arena,
                         struct sheaf_error *error) {
    struct failure *kept = sheaf_arena_take(arena, (size_t)rows->n_failures * sizeof *kept);
    int64_t n = 0;
    if (!kept)
        return sheaf_fail_memory(error, "the rows of a block");
    for (int64_t k = 0; k < rows->n_failures; k++) {
        const int64_t i = rows->failures[k].item - rows->first;
        if (i >= 0 && i < rows->n && selected[i] != ITEM_SKIPPED)
            kept[n++] = rows->failures[k];
    }
    rows->failures = kept;
    rows->n_failures = n;
    return 0;
}

static int keep_skipped(const struct row_sink *sink, struct rows *rows, const uint8_t *selected,
                        struct sheaf_arena *arena, struct sheaf_error *error) {
    return keep_values(sink, rows, selected, arena, error) || drop_messages(rows, selected, arena, error) ? -1 : 0;
}

/* Texts and attempts are of each item: there what is computed is written run by run. */
static void pass_over_skipped(uint8_t *selected, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        selected[i] = selected[i] == ITEM_SKIPPED ? ITEM_PENDING : selected[i];
}

static bool any_computed(const uint8_t *selected, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (selected[i] != ITEM_SKIPPED && selected[i] != ITEM_PENDING)
            return true;
    return false;
}

static void count(const uint8_t *status, int64_t n, struct row_counts *to) {
    int64_t counts[ITEM_SKIPPED + 1] = {0};
    sheaf_status_count(status, n, counts);
    to->n_done += counts[ITEM_DONE];
    to->n_failed += n - counts[ITEM_DONE] - counts[ITEM_PENDING] - counts[ITEM_SKIPPED];
}

/* Values, texts, then the status. all: of every item, as they were computed; keeps: skipped ones are as they were. */
static int write_rows(struct row_sink *sink, const struct rows *rows, bool all, bool keeps, struct sheaf_error *error) {
    bool any = false;
    for (int64_t at = 0, upto = 0; sheaf_status_run(rows->status, rows->n, &at, &upto); at = upto) {
        if (write_values(sink, rows, rows->first + at, rows->first + upto, error))
            return -1;
        any = true;
    }
    if (!any)
        return 0;
    if (write_seconds(sink, rows, error) || write_texts(sink, rows, all, error) ||
        (sink->layout.text_sums_offset && write_text_sums(sink, rows, error)) ||
        sheaf_row_sink_write_status(sink, rows, error))
        return -1;
    for (int64_t at = 0, upto = 0; sink->layout.segments.size && sheaf_status_run(rows->status, rows->n, &at, &upto);
         at = upto)
        if (write_sums(sink, rows, rows->first + at, upto - at, keeps, error))
            return -1;
    return 0;
}

int sheaf_row_sink_write(struct row_sink *sink, const struct rows *rows, struct row_counts *counts,
                         struct sheaf_error *error) {
    struct rows wanted = *rows;
    struct sheaf_arena arena = {0};
    uint8_t *selected;
    int64_t n_skipped;
    int rc = select_rows(sink, rows, &selected, &n_skipped, error);
    const bool plain = !sink->layout.text_sums_offset && !rows->text_bytes && !sink->layout.attempts_offset;
    const bool keeps = n_skipped && plain;
    if (rc || (n_skipped && !any_computed(selected, rows->n)))
        goto out;
    if (keeps) {
        rc = keep_skipped(sink, &wanted, selected, &arena, error);
    } else if (n_skipped) {
        pass_over_skipped(selected, rows->n);
    }
    wanted.status = selected ? selected : rows->status;
    rc = rc ? rc : write_rows(sink, &wanted, !selected, keeps, error);
    if (rc == 0 && counts)
        count(wanted.status, rows->n, counts);
out:
    sheaf_arena_free(&arena);
    free(selected);
    return rc;
}
