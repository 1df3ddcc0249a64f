/* What became of the items, as the results file of a run has it: reading, those that are not safe, which are pending. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/boot.h"
#include "core/crew.h"
#include "core/file.h"
#include "store/results_inside.h"

/* --- reading ------------------------------------------------------------------------------------------------------- */

/* Into the window, as they are. */
static int read_bytes(struct results *r, int64_t first, int64_t n, struct sheaf_error *error) {
    r->seen = (struct span){0};
    return sheaf_file_pread(r->fd, r->window, (size_t)n, r->sink.layout.status_offset + first, r->path, error);
}

/* Into the window. Where rows are written an unsafe one is of this run. */
int sheaf_results_read_status(struct results *r, int64_t first, int64_t n, struct sheaf_error *error) {
    if (read_bytes(r, first, n, error))
        return -1;
    sheaf_status_judge((uint8_t *)r->window, n, !r->looks || r->sink.trusted);
    return 0;
}

/* What a run wrote that was killed: its texts, and its rows. */
static int make_safe(struct results *r, struct sheaf_error *error) {
    int rc = sheaf_journal_sync_all(r->path, r->token, error);
    if (rc == 0 && fdatasync(r->fd))
        rc = sheaf_fail_errno(error, "%s: cannot sync", r->path);
    if (rc)
        sheaf_row_sink_distrust(&r->sink);
    return rc;
}

/* Statuses that were written as unsafe: since the machine runs on, their rows are there and are made safe now; or it was
   started anew, and they are pending. */
int sheaf_results_judge_unsafe(struct results *r, struct sheaf_error *error) {
    char stored[BOOT_BYTES], own[BOOT_BYTES];
    bool synced = false;
    sheaf_boot_id(own);
    if (sheaf_file_pread(r->fd, stored, sizeof stored, r->sink.layout.boot_offset, r->path, error))
        return -1;
    r->sink.trusted = own[0] != '\0';
    r->power_failed = sheaf_boot_is_later(stored, own);
    const bool same = r->sink.trusted && memcmp(stored, own, sizeof own) == 0;
    for (int64_t at = 0; !r->created && at < r->n_items; at += RESULTS_WINDOW) {
        const int64_t n = r->n_items - at < RESULTS_WINDOW ? r->n_items - at : RESULTS_WINDOW;
        if (read_bytes(r, at, n, error) || (!same && sheaf_results_drop_doubtful_sums(r, at, n, error)))
            return -1;
        const int64_t n_unsafe = sheaf_status_judge((uint8_t *)r->window, n, same);
        if (n_unsafe == 0)
            continue;
        if (same && !synced && make_safe(r, error))
            return -1;
        synced = true;
        r->n_unsafe += same ? 0 : n_unsafe;
        if (sheaf_file_pwrite(r->fd, r->window, (size_t)n, r->sink.layout.status_offset + at, r->path, error))
            return -1;
    }
    return sheaf_file_pwrite(r->fd, own, sizeof own, r->sink.layout.boot_offset, r->path, error);
}

/* --- which blocks are pending -------------------------------------------------------------------------------------- */

/* Whether a block has a pending item that the sink takes, as far as the window read last reaches: items base …
   base + n_read - 1. */
static bool is_pending(const struct results *r, int64_t block, int64_t base, int64_t n_read) {
    int64_t first = block * r->block, end = first + r->block;
    first = first > base ? first : base;
    end = end < base + n_read ? end : base + n_read;
    for (struct span part = {first, 0};;) {
        part = sheaf_asked_next(r->sink.asked, part.first + part.n, end);
        if (part.n == 0)
            return false;
        if (memchr(r->window + (part.first - base), ITEM_PENDING, (size_t)part.n))
            return true;
    }
}

/* The first block from `block` on that has an item that the sink takes, or `end`. */
static int64_t next_asked(const struct results *r, int64_t block, int64_t end) {
    const struct span part = sheaf_asked_next(r->sink.asked, block * r->block, r->n_items);
    const int64_t next = part.n ? part.first / r->block : end;
    return next < end ? next : end;
}

/* A block larger than the window is asked for as a whole: any pending item makes it pending. */
static int large_block_pending(struct results *r, int64_t block, bool *pending, struct sheaf_error *error) {
    int64_t end = (block + 1) * r->block < r->n_items ? (block + 1) * r->block : r->n_items;
    *pending = false;
    for (int64_t at = block * r->block; !*pending && at < end; at += RESULTS_WINDOW) {
        int64_t n = end - at < RESULTS_WINDOW ? end - at : RESULTS_WINDOW;
        if (sheaf_results_read_status(r, at, n, error))
            return -1;
        *pending = is_pending(r, block, at, n);
    }
    return 0;
}

static int next_large(struct results *r, int64_t from, int64_t end, struct span *run, struct sheaf_error *error) {
    for (int64_t block = next_asked(r, from, end); block < end; block = next_asked(r, block + 1, end)) {
        bool pending = false;
        if (large_block_pending(r, block, &pending, error))
            return -1;
        if (pending) {
            *run = (struct span){block, 1};
            return 0;
        }
    }
    return 0;
}

/* Sees to it that the window has the statuses of a block and of some behind it. Where it has them from the call before, they
   may have changed since, but only those of blocks that were handed out, which nobody asks for again. */
static int see_block(struct results *r, int64_t block, struct sheaf_error *error) {
    const int64_t base = block * r->block, most = RESULTS_WINDOW / r->block * r->block;
    const int64_t n = r->n_items - base < most ? r->n_items - base : most;
    const int64_t seen_end = r->seen.first + r->seen.n;
    const int64_t block_end = base + r->block < r->n_items ? base + r->block : r->n_items;
    if (base >= r->seen.first && block_end <= seen_end)
        return 0;
    if (sheaf_results_read_status(r, base, n, error))
        return -1;
    r->seen = (struct span){base, n};
    return 0;
}

static int next_pending(void *self, int64_t from, int64_t end, struct span *run, struct sheaf_error *error) {
    struct results *r = self;
    *run = (struct span){from, 0};
    if (r->is_new) { /* who asks has not handed out these blocks, so none of them is done */
        run->n = end - from;
        return 0;
    }
    if (r->block > RESULTS_WINDOW)
        return next_large(r, from, end, run, error);
    for (int64_t at = next_asked(r, from, end); at < end && run->n == 0; at = next_asked(r, at, end)) {
        if (see_block(r, at, error))
            return -1;
        const struct span *seen = &r->seen;
        const int64_t seen_end = (seen->first + seen->n + r->block - 1) / r->block; /* the last may be cut */
        const int64_t upto = seen_end < end ? seen_end : end;
        while (at < upto && !is_pending(r, at, seen->first, seen->n))
            at++;
        for (run->first = at; at < upto && is_pending(r, at, seen->first, seen->n); at++)
            run->n++;
    }
    return 0;
}

struct pending sheaf_results_pending(struct results *r) {
    return (struct pending){r, next_pending};
}

/* --- counting ------------------------------------------------------------------------------------------------------ */

enum { COUNTED = 1 << 20 /* items that a thread counts at a time */ };

struct count {
    const struct results *results;
    const struct asked *asked;
    _Atomic(int64_t) counts[ITEM_SKIPPED + 1];
    _Atomic(int64_t) bad; /* an item whose status means nothing; INT64_MAX: none */
    _Atomic(bool) failed;
};

static int count_span(struct count *c, struct span span, char *window, int64_t *counts) {
    const struct results *r = c->results;
    struct sheaf_error ignored;
    for (int64_t at = span.first, n; at < span.first + span.n; at += n) {
        n = span.first + span.n - at < RESULTS_WINDOW ? span.first + span.n - at : RESULTS_WINDOW;
        if (sheaf_file_pread(r->fd, window, (size_t)n, r->sink.layout.status_offset + at, r->path, &ignored))
            return -1;
        sheaf_status_judge((uint8_t *)window, n, !r->looks || r->sink.trusted);
        const int64_t bad = sheaf_status_count((const uint8_t *)window, n, counts);
        if (bad >= 0) {
            int64_t before = atomic_load(&c->bad);
            while (at + bad < before && !atomic_compare_exchange_weak(&c->bad, &before, at + bad)) {
            }
            return 0;
        }
    }
    return 0;
}

static void count_piece(void *context, int64_t i) {
    struct count *c = context;
    const int64_t begin = i * COUNTED, rest = c->results->n_items - begin,
                  end = begin + (rest < COUNTED ? rest : COUNTED);
    int64_t counts[ITEM_SKIPPED + 1] = {0};
    char *window = malloc(RESULTS_WINDOW);
    int rc = window ? 0 : -1;
    for (struct span part = {begin, 0}; rc == 0 && (part = sheaf_asked_next(c->asked, part.first + part.n, end)).n > 0;)
        rc = count_span(c, part, window, counts);
    free(window);
    for (int s = 0; s <= ITEM_SKIPPED; s++)
        atomic_fetch_add(&c->counts[s], counts[s]);
    if (rc)
        atomic_store(&c->failed, true);
}

int sheaf_results_count(struct results *r, const struct asked *asked, int64_t *counts, struct sheaf_error *error) {
    struct count c = {.results = r, .asked = asked, .bad = INT64_MAX};
    sheaf_crew_do((r->n_items + COUNTED - 1) / COUNTED, count_piece, &c);
    const int64_t bad = atomic_load(&c.bad);
    for (int s = 0; s <= ITEM_SKIPPED; s++)
        counts[s] = atomic_load(&c.counts[s]);
    if (atomic_load(&c.failed))
        return sheaf_fail(error, "%s: what became of the items cannot be read", r->path);
    if (bad == INT64_MAX)
        return 0;
    uint8_t status = 0;
    if (sheaf_file_pread(r->fd, &status, 1, r->sink.layout.status_offset + bad, r->path, error))
        return -1;
    return sheaf_fail(error,
                      "%s: item %" PRId64 " has status %d, which means nothing: the file is damaged; the job with "
                      "--recompute --items %" PRId64 " computes that item again",
                      r->path, bad, status, bad);
}
