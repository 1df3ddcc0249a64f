#include "store/sums.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/crew.h"
#include "core/file.h"

void sheaf_sums_free(struct sums *sums) {
    for (int part = 0; part < SEGMENT_PARTS; part++) {
        free(sums->columns[part]);
        free(sums->texts[part]);
    }
    *sums = (struct sums){0};
}

size_t sheaf_sums_row_bytes(const struct sums *sums, enum segment_part part) {
    size_t n_bytes = part == SEGMENT_OUTPUTS; /* the status */
    for (int c = 0; c < sums->n_columns[part]; c++)
        n_bytes += sums->columns[part][c].row_bytes;
    return n_bytes;
}

/* --- one segment --------------------------------------------------------------------------------------------------- */

static int add_column(const struct row_column *column, struct span items, int fd, const char *path, char *room,
                      uint64_t *sum, struct sheaf_error *error) {
    const int64_t n_bytes = items.n * (int64_t)column->row_bytes;
    const off_t begin = column->offset + items.first * (off_t)column->row_bytes;
    for (int64_t at = 0, n; at < n_bytes; at += n) {
        n = n_bytes - at < SEGMENT_PIECE ? n_bytes - at : SEGMENT_PIECE;
        if (sheaf_file_pread(fd, room, (size_t)n, begin + at, path, error))
            return -1;
        *sum = sheaf_segment_add(*sum, room, (size_t)n);
    }
    return 0;
}

static int add_statuses(const struct sums *sums, struct span items, int fd, const char *path, char *room,
                        struct segment_seen *seen, struct sheaf_error *error) {
    const uint8_t *status = (const uint8_t *)room;
    if (sheaf_file_pread(fd, room, (size_t)items.n, sums->status_offset + items.first, path, error))
        return -1;
    seen->pending = memchr(status, ITEM_PENDING, (size_t)items.n) != NULL;
    seen->unsafe = sheaf_status_any_unsafe(status, items.n);
    seen->blank = seen->pending && memcmp(status, status + 1, (size_t)items.n - 1) == 0;
    seen->sum = sheaf_segment_add_statuses(seen->sum, status, items.n);
    return 0;
}

int sheaf_sums_see(const struct sums *sums, int fd, const char *path, enum segment_part part, int64_t segment,
                   bool passes_blank, char *room, struct segment_seen *seen, struct sheaf_error *error) {
    const struct span items = sheaf_segment_items(&sums->segments, segment);
    *seen = (struct segment_seen){0};
    if (part == SEGMENT_OUTPUTS && add_statuses(sums, items, fd, path, room, seen, error))
        return -1;
    if (passes_blank && seen->blank) {
        seen->sum = 0;
        return 0;
    }
    for (int c = 0; c < sums->n_columns[part]; c++)
        if (add_column(&sums->columns[part][c], items, fd, path, room, &seen->sum, error))
            return -1;
    seen->sum = sheaf_segment_end(seen->sum);
    return 0;
}

/* --- all, side by side --------------------------------------------------------------------------------------------- */

enum { BATCH = 64 }; /* segments whose sums are read, and written, at a time */

struct sweep {
    const struct sums *sums;
    int fd;
    const char *path;
    enum segment_part part;
    /* Does segments first … first + n - 1, which have known[n]. */
    int (*work)(struct sweep *sweep, int64_t first, int64_t n, uint64_t *known, char *room, struct sheaf_error *error);
    _Atomic(int64_t) n_differ, n_unknown;
    pthread_mutex_t lock; /* of what failed first: */
    bool failed;
    struct sheaf_error *error;
};

static void sweep_batch(void *context, int64_t k) {
    struct sweep *s = context;
    const int64_t first = k * BATCH, left = s->sums->segments.n - first, n = left < BATCH ? left : BATCH;
    const off_t at = sheaf_segment_sum_offset(&s->sums->segments, s->part, first);
    uint64_t known[BATCH];
    struct sheaf_error error;
    char *room = malloc(SEGMENT_PIECE);
    int rc = room ? sheaf_file_pread(s->fd, known, (size_t)n * sizeof *known, at, s->path, &error)
                  : sheaf_fail_memory(&error, "the sums of the results");
    if (rc == 0)
        rc = s->work(s, first, n, known, room, &error);
    free(room);
    if (rc == 0)
        return;
    pthread_mutex_lock(&s->lock);
    if (!s->failed && s->error)
        *s->error = error;
    s->failed = true;
    pthread_mutex_unlock(&s->lock);
}

static int sweep_all(struct sweep *s) {
    if (s->sums->segments.size == 0 || sheaf_sums_row_bytes(s->sums, s->part) == 0) /* nothing to sum */
        return 0;
    pthread_mutex_init(&s->lock, NULL);
    sheaf_crew_do((s->sums->segments.n + BATCH - 1) / BATCH, sweep_batch, s);
    pthread_mutex_destroy(&s->lock);
    return s->failed ? -1 : 0;
}

static int complete(struct sweep *s, int64_t first, int64_t n, uint64_t *known, char *room, struct sheaf_error *error) {
    struct segment_seen seen;
    bool any = false;
    for (int64_t k = 0; k < n; k++) {
        if (known[k])
            continue;
        if (sheaf_sums_see(s->sums, s->fd, s->path, s->part, first + k, true, room, &seen, error))
            return -1;
        known[k] = seen.sum;
        any = any || seen.sum;
    }
    return any ? sheaf_file_pwrite(s->fd, known, (size_t)n * sizeof *known,
                                   sheaf_segment_sum_offset(&s->sums->segments, s->part, first), s->path, error)
               : 0;
}

int sheaf_sums_complete(const struct sums *sums, int fd, const char *path, enum segment_part part,
                        struct sheaf_error *error) {
    struct sweep sweep = {.sums = sums, .fd = fd, .path = path, .part = part, .work = complete, .error = error};
    return sweep_all(&sweep);
}

static int compare(struct sweep *s, int64_t first, int64_t n, uint64_t *known, char *room, struct sheaf_error *error) {
    struct segment_seen seen;
    for (int64_t k = 0; k < n; k++) {
        if (known[k] == 0) {
            atomic_fetch_add(&s->n_unknown, 1);
            continue;
        }
        if (sheaf_sums_see(s->sums, s->fd, s->path, s->part, first + k, false, room, &seen, error))
            return -1;
        atomic_fetch_add(&s->n_differ, seen.sum != known[k]);
    }
    return 0;
}

int sheaf_sums_compare(const struct sums *sums, int fd, const char *path, enum segment_part part, int64_t *n_differ,
                       int64_t *n_unknown, struct sheaf_error *error) {
    struct sweep sweep = {.sums = sums, .fd = fd, .path = path, .part = part, .work = compare, .error = error};
    int rc = sweep_all(&sweep);
    *n_differ = atomic_load(&sweep.n_differ);
    *n_unknown = atomic_load(&sweep.n_unknown);
    return rc;
}
