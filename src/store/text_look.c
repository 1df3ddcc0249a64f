#include "store/text_look.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/crew.h"
#include "core/file.h"
#include "plan/journal.h"
#include "plan/status.h"
#include "plan/text_sums.h"
#include "store/collection.h"

enum { BATCH = 4096 /* items that a thread looks at at a time */ };

int sheaf_text_expect(const struct text_look *look, int64_t first, int64_t n, struct text_expected *expected,
                      struct sheaf_error *error) {
    uint8_t status[BATCH];
    uint64_t sums[BATCH];
    for (int64_t at = 0; at < n; at += BATCH) {
        const size_t n_batch = (size_t)(n - at < BATCH ? n - at : BATCH);
        if (sheaf_file_pread(look->fd, status, n_batch, look->sums->status_offset + first + at, look->path, error) ||
            sheaf_file_pread(look->fd, sums, n_batch * sizeof *sums,
                             look->sums->text_sums_offset[look->part] + (first + at) * (off_t)sizeof *sums, look->path,
                             error))
            return -1;
        sheaf_status_judge(status, (int64_t)n_batch, look->trusts_unsafe);
        for (size_t i = 0; i < n_batch; i++)
            expected[at + (int64_t)i] = (struct text_expected){status[i], sums[i]};
    }
    return 0;
}

/* --- one text ------------------------------------------------------------------------------------------------------ */

/* Where a thread is. */
struct looking {
    const struct text_look *look;
    struct heap heap;
    char *piece; /* [JOURNAL_PIECE], once it is needed */
    struct sheaf_error *error;
};

/* n_bytes of the file at the offset, at most JOURNAL_PIECE. */
static const char *fetch(struct looking *l, off_t offset, size_t n_bytes) {
    if (n_bytes <= HEAP_WINDOW)
        return sheaf_heap_fetch(&l->heap, (uint64_t)offset, n_bytes, l->error);
    if (!l->piece)
        l->piece = malloc(JOURNAL_PIECE);
    if (!l->piece)
        sheaf_fail_memory(l->error, "a text");
    return l->piece && sheaf_file_pread(l->look->fd, l->piece, n_bytes, offset, l->look->path, l->error) == 0 ? l->piece
                                                                                                              : NULL;
}

/* Adds a text of the file to an item's sum; *is_there: what is referred to. */
static int add_packed(struct looking *l, const struct text_column *column, int64_t value, struct heap_reference r,
                      uint64_t *sum, bool *is_there) {
    off_t offset = 0;
    *is_there = true;
    if (r.n_bytes == 0 && r.address == 0 && r.number == 0)
        return 0;
    if (sheaf_heap_find(&l->heap, r, &offset, is_there, l->error))
        return -1;
    if (!*is_there || r.n_bytes == 0)
        return 0;
    uint64_t checksum = sheaf_text_sum_begin(value, column->output, r.n_bytes);
    for (size_t at = 0, n; at < r.n_bytes; at += n) {
        n = r.n_bytes - at < JOURNAL_PIECE ? r.n_bytes - at : JOURNAL_PIECE;
        const char *bytes = fetch(l, offset + (off_t)at, n);
        if (!bytes)
            return -1;
        checksum = sheaf_text_sum_add(checksum, bytes, n);
    }
    *sum += checksum;
    return 0;
}

/* --- items --------------------------------------------------------------------------------------------------------- */

/* Items first … first + n - 1, at most BATCH: the sum so far of each, whether what it refers to is not there, and whether a
   text was not read. */
struct items_seen {
    int64_t first, n;
    bool skips[BATCH], broken[BATCH], passed[BATCH];
    uint64_t sums[BATCH];
};

/* The journals' entries of a batch, from which one after the other is taken. */
struct entries {
    const struct journal_entry *next;
    int64_t n;
};

/* That of an item and an output, which stands behind those taken before; or NULL. */
static const struct journal_entry *take_entry(struct entries *entries, int64_t item, int32_t output) {
    for (; entries->n > 0; entries->next++, entries->n--) {
        const struct journal_entry *e = entries->next;
        if (e->item == item && e->output == output)
            return e;
        if (e->item > item || (e->item == item && e->output > output))
            break;
    }
    return NULL;
}

/* Adds an item's texts in a column as the file has them, by references[width]. */
static int add_references(struct looking *l, const struct text_column *column, int64_t i, const char *references,
                          struct items_seen *seen) {
    for (int64_t k = 0; k < column->width; k++) {
        const struct heap_reference r = sheaf_heap_reference(references + k * HEAP_REFERENCE);
        bool is_there = true;
        if (l->look->passes_packed)
            seen->passed[i] = seen->passed[i] || r.n_bytes > 0;
        else if (add_packed(l, column, (seen->first + i) * column->width + k, r, &seen->sums[i], &is_there))
            return -1;
        seen->broken[i] = seen->broken[i] || !is_there;
    }
    return 0;
}

static int add_column(struct looking *l, const struct text_column *column, struct items_seen *seen) {
    const size_t row_bytes = (size_t)column->width * HEAP_REFERENCE, n_bytes = (size_t)seen->n * row_bytes;
    struct entries entries = {0};
    char *references = column->offset ? malloc(n_bytes) : NULL;
    int rc = column->offset && !references ? sheaf_fail_memory(l->error, "texts") : 0;
    if (l->look->journals)
        entries.next = sheaf_journal_index_from(l->look->journals, seen->first, &entries.n);
    if (rc == 0 && references)
        rc = sheaf_file_pread(l->look->fd, references, n_bytes, column->offset + seen->first * (off_t)row_bytes,
                              l->look->path, l->error);
    for (int64_t i = 0; rc == 0 && i < seen->n; i++) {
        const struct journal_entry *entry = take_entry(&entries, seen->first + i, column->output);
        if (seen->skips[i])
            continue;
        if (entry)
            seen->sums[i] += entry->n_bytes ? entry->checksum : 0;
        else if (references)
            rc = add_references(l, column, i, references + (size_t)i * row_bytes, seen);
    }
    free(references);
    return rc;
}

static int see(struct looking *l, struct items_seen *seen) {
    const struct sums *sums = l->look->sums;
    for (int c = 0; c < sums->n_texts[l->look->part]; c++)
        if (add_column(l, &sums->texts[l->look->part][c], seen))
            return -1;
    for (int64_t i = 0; i < seen->n; i++)
        seen->sums[i] = sheaf_text_sum_end(seen->sums[i]);
    return 0;
}

/* --- side by side -------------------------------------------------------------------------------------------------- */

struct sweep {
    const struct text_look *look;
    int64_t first, n;
    const struct text_expected *expected; /* [n], or NULL: sums are written */
    uint8_t *verdicts;                    /* [n] */
    pthread_mutex_t lock;                 /* of what failed first: */
    bool failed;
    struct sheaf_error *error;
};

static enum text_verdict judge(const struct text_expected *expected, uint64_t sum, bool broken, bool passed) {
    if (passed)
        return TEXTS_UNKNOWN;
    if (expected->sum == 0) /* nobody gave an item texts that was given up */
        return expected->status == ITEM_DONE ? TEXTS_CHANGED : TEXTS_UNKNOWN;
    return broken || sum != expected->sum ? TEXTS_CHANGED : TEXTS_AS_WRITTEN;
}

static int do_batch(struct sweep *s, int64_t at, struct looking *l, struct items_seen *seen) {
    const struct text_look *look = s->look;
    *seen = (struct items_seen){.first = s->first + at, .n = s->n - at < BATCH ? s->n - at : BATCH};
    for (int64_t i = 0; s->expected && look->part == SEGMENT_OUTPUTS && i < seen->n; i++)
        seen->skips[i] = s->expected[at + i].status == ITEM_PENDING;
    if (see(l, seen))
        return -1;
    if (!s->expected)
        return sheaf_file_pwrite(look->fd, seen->sums, (size_t)seen->n * sizeof *seen->sums,
                                 look->sums->text_sums_offset[look->part] + seen->first * (off_t)sizeof *seen->sums,
                                 look->path, l->error);
    for (int64_t i = 0; i < seen->n; i++)
        s->verdicts[at + i] =
            (uint8_t)(seen->skips[i] ? TEXTS_PENDING
                                     : judge(&s->expected[at + i], seen->sums[i], seen->broken[i], seen->passed[i]));
    return 0;
}

static void try_batch(void *context, int64_t k) {
    struct sweep *s = context;
    struct sheaf_error error;
    struct looking l = {.look = s->look, .error = &error};
    struct items_seen *seen = malloc(sizeof *seen);
    int rc = seen ? sheaf_heap_open(&l.heap, s->look->fd, s->look->path, &error) : sheaf_fail_memory(&error, "texts");
    if (rc == 0)
        rc = do_batch(s, k * BATCH, &l, seen);
    sheaf_heap_close(&l.heap);
    free(l.piece);
    free(seen);
    if (rc == 0)
        return;
    pthread_mutex_lock(&s->lock);
    if (!s->failed && s->error)
        *s->error = error;
    s->failed = true;
    pthread_mutex_unlock(&s->lock);
}

static int sweep(struct sweep *s) {
    pthread_mutex_init(&s->lock, NULL);
    sheaf_crew_do((s->n + BATCH - 1) / BATCH, try_batch, s);
    pthread_mutex_destroy(&s->lock);
    return s->failed ? -1 : 0;
}

int sheaf_text_look(const struct text_look *look, int64_t first, int64_t n, const struct text_expected *expected,
                    uint8_t *verdicts, struct sheaf_error *error) {
    struct sweep s = {.look = look, .first = first, .n = n, .expected = expected, .verdicts = verdicts, .error = error};
    return sweep(&s);
}

int sheaf_text_sum_inputs(const struct sums *sums, int fd, const char *path, struct sheaf_error *error) {
    const struct text_look look = {.sums = sums, .part = SEGMENT_INPUTS, .fd = fd, .path = path};
    struct sweep s = {.look = &look, .n = sums->segments.n_items, .error = error};
    return sums->text_sums_offset[SEGMENT_INPUTS] && !sums->moved_texts ? sweep(&s) : 0;
}
