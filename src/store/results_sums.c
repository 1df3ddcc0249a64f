/* The sums of a results file while runs write it: which of them no longer count, and how they are completed. */
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "store/results_inside.h"
#include "store/text_look.h"

enum { BATCH = 1 << 10 /* sums in memory at a time */ };

/* --- the turn ------------------------------------------------------------------------------------------------------ */

static int write_turn(struct results *r, uint64_t turn, struct sheaf_error *error) {
    r->turn = turn;
    return sheaf_file_pwrite(r->fd, &turn, sizeof turn, r->sums.turn_offset, r->path, error);
}

/* The turn of this run, before it forgets the first sum. */
static int begin_turn(struct results *r, struct sheaf_error *error) {
    if (r->turn_begun)
        return 0;
    r->turn_begun = r->sums_unsynced = true;
    return write_turn(r, r->turn + 1 + r->turn % 2, error);
}

int sheaf_results_open_sums(struct results *r, struct sheaf_error *error) {
    if (r->sums.segments.size == 0)
        return 0;
    r->turn_begun = r->created;
    return sheaf_file_pread(r->fd, &r->turn, sizeof r->turn, r->sums.turn_offset, r->path, error) ||
                   (r->created && (sheaf_sums_complete(&r->sums, r->fd, r->path, SEGMENT_INPUTS, error) ||
                                   sheaf_text_sum_inputs(&r->sums, r->fd, r->path, error)))
               ? -1
               : 0;
}

int sheaf_results_prove_inputs(struct results *r, const struct items *items, struct sheaf_error *error) {
    int64_t n_differ = 0, n_unknown = 0;
    bool any = false;
    for (int k = 0; k < items->n_fields; k++)
        any = any || r->inputs[k] >= 0;
    if (!any || r->created)
        return 0;
    if (r->sums.segments.size && !r->sums.moved_inputs &&
        sheaf_sums_compare(&r->sums, r->fd, r->path, SEGMENT_INPUTS, &n_differ, &n_unknown, error))
        return -1;
    r->inputs_changed = n_differ > 0;
    if (r->sums.segments.size && !r->sums.moved_inputs && n_differ == 0 && n_unknown == 0)
        return 0;
    for (int k = 0; k < items->n_fields; k++)
        r->inputs[k] = -1;
    return 0;
}

int sheaf_results_end_turn(struct results *r, struct sheaf_error *error) {
    if (r->sums.segments.size == 0)
        return 0;
    if (sheaf_sums_complete(&r->sums, r->fd, r->path, SEGMENT_INPUTS, error) ||
        sheaf_sums_complete(&r->sums, r->fd, r->path, SEGMENT_OUTPUTS, error))
        return -1;
    if (r->turn % 2 == 0) /* this run had nothing to do; if sums were lost they are there again */
        return 0;
    if (sheaf_results_sync(r, error))
        return -1;
    r->turn_begun = false;
    return write_turn(r, r->turn + 1, error);
}

/* --- forgetting ---------------------------------------------------------------------------------------------------- */

/* Whether a segment's bytes are still those of its sum. One that is zeroed without that would have a sum of changed bytes
   when it gets one anew. */
static int is_as_it_was(struct results *r, int64_t segment, uint64_t known, bool *is, struct sheaf_error *error) {
    struct segment_seen seen;
    if (sheaf_sums_see(&r->sums, r->fd, r->path, SEGMENT_OUTPUTS, segment, false, r->piece, &seen, error))
        return -1;
    const struct span items = sheaf_segment_items(&r->sums.segments, segment);
    *is = seen.sum == known;
    if (!*is && r->first_changed.n == 0)
        r->first_changed = items;
    r->more_changed = r->more_changed || (!*is && items.first != r->first_changed.first);
    return 0;
}

/* Segments first … first + n - 1, at most BATCH; those whose items are all within `anew` are not looked at. */
static int forget_batch(struct results *r, int64_t first, int64_t n, struct span anew, struct sheaf_error *error) {
    const off_t at = sheaf_segment_sum_offset(&r->sums.segments, SEGMENT_OUTPUTS, first);
    uint64_t sums[BATCH];
    bool any = false;
    if (sheaf_file_pread(r->fd, sums, (size_t)n * sizeof *sums, at, r->path, error))
        return -1;
    for (int64_t k = 0; k < n; k++) {
        const struct span items = sheaf_segment_items(&r->sums.segments, first + k);
        bool drop = items.first >= anew.first && items.first + items.n <= anew.first + anew.n;
        if (!sums[k])
            continue;
        if (!drop && is_as_it_was(r, first + k, sums[k], &drop, error))
            return -1;
        any = any || drop;
        sums[k] = drop ? 0 : sums[k];
    }
    if (!any)
        return 0;
    r->sums_unsynced = true;
    return begin_turn(r, error) ? -1 : sheaf_file_pwrite(r->fd, sums, (size_t)n * sizeof *sums, at, r->path, error);
}

int sheaf_results_forget_sums(struct results *r, int64_t first, int64_t n, bool anew, struct sheaf_error *error) {
    if (r->sums.segments.size == 0 || r->created) /* a new file has none yet */
        return 0;
    const struct span touching = sheaf_segments_touching(&r->sums.segments, first, n);
    const struct span written = anew ? (struct span){first, n} : (struct span){0};
    for (int64_t done = 0, n_batch; done < touching.n; done += n_batch) {
        n_batch = touching.n - done < BATCH ? touching.n - done : BATCH;
        if (forget_batch(r, touching.first + done, n_batch, written, error))
            return -1;
    }
    return 0;
}

int sheaf_results_sync_forgotten(struct results *r, struct sheaf_error *error) {
    if (r->sums_unsynced && fdatasync(r->fd))
        return sheaf_fail_errno(error, "%s: cannot sync", r->path);
    r->sums_unsynced = false;
    return 0;
}

/* --- of items that are pending ------------------------------------------------------------------------------------- */

enum pending_part { NONE, SOME, ALL };

/* How many items of a segment are, by the window of statuses that begins at item `base`. */
static enum pending_part find_pending(const struct results *r, struct span items, int64_t base) {
    const uint8_t *status = (const uint8_t *)r->window + (items.first - base);
    if (!memchr(status, ITEM_PENDING, (size_t)items.n))
        return NONE;
    for (int64_t i = 0; i < items.n; i++)
        if (status[i] != ITEM_PENDING)
            return SOME;
    return ALL;
}

/* Segments of the window that follow each other and are alike are forgotten together. */
static int forget_window(struct results *r, int64_t base, int64_t n, struct sheaf_error *error) {
    const struct span within = sheaf_segments_touching(&r->sums.segments, base, n);
    struct span run = {0};
    enum pending_part part = NONE;
    for (int64_t k = within.first; k <= within.first + within.n; k++) {
        const bool is_end = k == within.first + within.n;
        const struct span items = is_end ? (struct span){0} : sheaf_segment_items(&r->sums.segments, k);
        const enum pending_part own = is_end ? NONE : find_pending(r, items, base);
        if (part != NONE && own != part && sheaf_results_forget_sums(r, run.first, run.n, part == ALL, error))
            return -1;
        if (own != part)
            run = (struct span){items.first, 0};
        part = own;
        run.n += items.n;
    }
    return 0;
}

int sheaf_results_forget_pending(struct results *r, struct sheaf_error *error) {
    if (r->sums.segments.size == 0 || r->created)
        return 0;
    if (begin_turn(r, error))
        return -1;
    for (int64_t at = 0, n; at < r->n_items; at += n) {
        n = r->n_items - at < RESULTS_WINDOW ? r->n_items - at : RESULTS_WINDOW;
        if (sheaf_results_read_status(r, at, n, error) || forget_window(r, at, n, error))
            return -1;
    }
    return sheaf_results_sync_forgotten(r, error);
}

int sheaf_results_drop_doubtful_sums(struct results *r, int64_t base, int64_t n, struct sheaf_error *error) {
    static const uint64_t unknown;
    if (r->sums.segments.size == 0 || r->turn % 2 == 0)
        return 0;
    const struct span within = sheaf_segments_touching(&r->sums.segments, base, n);
    for (int64_t k = within.first; k < within.first + within.n; k++) {
        const struct span items = sheaf_segment_items(&r->sums.segments, k);
        const uint8_t *status = (const uint8_t *)r->window + (items.first - base);
        bool doubtful = false;
        for (int64_t i = 0; i < items.n; i++)
            doubtful = doubtful || status[i] == ITEM_PENDING || (status[i] & ITEM_UNSAFE);
        if (doubtful &&
            sheaf_file_pwrite(r->fd, &unknown, sizeof unknown,
                              sheaf_segment_sum_offset(&r->sums.segments, SEGMENT_OUTPUTS, k), r->path, error))
            return -1;
    }
    return 0;
}
