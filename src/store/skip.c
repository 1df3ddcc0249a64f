/* Marks items as skipped that are left out, or whose inputs have no value: of a new results file, or that are computed again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "store/results_inside.h"

enum {
    WINDOW = 1 << 16,
    MESSAGES_MOST = 1000, /* the other rows of the table are for items that fail */
    LEFT_OUT = -1,
    LACKS = -2
};

struct skipping {
    struct results *results;
    struct items *items;
    int skips[WINDOW];   /* the field for which an item is, plus one; or LEFT_OUT, or LACKS: it has no values at all */
    uint8_t own[WINDOW]; /* whether one field has it skipped */
    struct skipped done; /* so far */
};

/* Which items of a window are skipped, and by the first field that makes it so. */
static int find(struct skipping *s, const int *fields, const struct sheaf_field *inputs, int n_fields, int64_t first,
                int64_t n, struct sheaf_error *error) {
    memset(s->skips, 0, (size_t)n * sizeof *s->skips);
    if (s->items->filter && s->items->filter->leave_out(s->items->filter, s->items, first, n, s->own, error))
        return -1;
    for (int64_t i = 0; s->items->filter && i < n; i++)
        s->skips[i] = s->own[i] ? LEFT_OUT : 0;
    if (s->items->source->lacks && s->items->source->lacks(s->items, first, n, s->own, error))
        return -1;
    for (int64_t i = 0; s->items->source->lacks && i < n; i++)
        s->skips[i] = s->own[i] ? LACKS : s->skips[i];
    for (int k = 0; s->items->source->skips && k < n_fields; k++) {
        if (fields[k] < 0)
            continue;
        if (s->items->source->skips(s->items, fields[k], inputs[k].type, first, n, s->own, error))
            return -1;
        for (int64_t i = 0; i < n; i++)
            if (s->own[i] && !s->skips[i])
                s->skips[i] = fields[k] + 1;
    }
    return 0;
}

static void say(const struct skipping *s, int64_t item, int why, char message[FAILURE_BYTES]) {
    memset(message, 0, FAILURE_BYTES);
    if (why == LACKS)
        s->items->source->say_lack(s->items, item, message, FAILURE_BYTES);
    else
        snprintf(message, FAILURE_BYTES, "%.120s:%.70s has no value in row %" PRId64, s->items->name,
                 s->items->links[why - 1], item);
}

/* The items first … first + n - 1, for the same reason. */
static int skip(struct skipping *s, int64_t first, int64_t n, int why, struct sheaf_error *error) {
    if (why == LEFT_OUT)
        return sheaf_results_skip_rows(s->results, first, n, error);
    for (int64_t at = first; at < first + n; at++) {
        char message[FAILURE_BYTES];
        if (s->done.n_without + at - first >= MESSAGES_MOST)
            return sheaf_results_skip_rows(s->results, at, first + n - at, error);
        say(s, at, why, message);
        if (!s->done.first[0])
            memcpy(s->done.first, message, sizeof s->done.first);
        if (sheaf_results_give_up(s->results, at, ITEM_SKIPPED, message, error))
            return -1;
    }
    return 0;
}

/* Those of a window that have no message, of a new file at once: they may be every other item. Others go the way of single
   ones. */
static int leave_out(struct skipping *s, int64_t first, int64_t n, struct sheaf_error *error) {
    const bool no_messages = s->done.n_without >= MESSAGES_MOST;
    int64_t n_out = 0, n_without = 0;
    if (!s->results->created)
        return 0;
    for (int64_t i = 0; i < n; i++) {
        const bool goes = s->skips[i] == LEFT_OUT || (s->skips[i] && no_messages);
        n_out += s->skips[i] == LEFT_OUT;
        n_without += goes && s->skips[i] != LEFT_OUT;
        s->own[i] = goes ? ITEM_SKIPPED : ITEM_PENDING;
        s->skips[i] = goes ? 0 : s->skips[i];
    }
    s->done.n_left_out += n_out;
    s->done.n_without += n_without;
    return n_out + n_without ? sheaf_results_mark_new(s->results, first, n, s->own, error) : 0;
}

/* Items of a window that are marked as skipped and have a value, as where a bit of their status has changed: pending. */
static int unskip(struct skipping *s, int64_t first, int64_t n, struct sheaf_error *error) {
    static const uint8_t pending = ITEM_PENDING;
    struct results *r = s->results;
    if (sheaf_file_pread(r->fd, s->own, (size_t)n, r->sink.layout.status_offset + first, r->path, error))
        return -1;
    for (int64_t i = 0; i < n; i++)
        if (s->own[i] == ITEM_SKIPPED && !s->skips[i] &&
            (sheaf_results_forget_sums(r, first + i, 1, true, error) || sheaf_results_sync_forgotten(r, error) ||
             sheaf_file_pwrite(r->fd, &pending, 1, r->sink.layout.status_offset + first + i, r->path, error)))
            return -1;
    r->seen = (struct span){0};
    return 0;
}

/* The next window of items that are asked for, from number `from` on. */
static struct span next_window(const struct results *r, const struct asked *asked, int64_t from) {
    struct span window = sheaf_asked_next(asked, from, r->n_items);
    window.n = window.n < WINDOW ? window.n : WINDOW;
    return window;
}

int sheaf_results_skip(struct results *r, const struct asked *asked, struct items *items, const int *fields,
                       const struct sheaf_field *inputs, int n_fields, struct skipped *skipped,
                       struct sheaf_error *error) {
    *skipped = (struct skipped){0};
    if (!items->source->skips && !items->source->lacks && !items->filter && !asked)
        return 0;
    struct skipping *s = calloc(1, sizeof *s);
    int rc = s ? 0 : sheaf_fail_memory(error, "the items");
    for (struct span w = {0}; rc == 0 && (w = next_window(r, asked, w.first + w.n)).n > 0;) {
        s->results = r;
        s->items = items;
        rc = find(s, fields, inputs, n_fields, w.first, w.n, error);
        if (rc == 0 && asked)
            rc = unskip(s, w.first, w.n, error);
        if (rc == 0)
            rc = leave_out(s, w.first, w.n, error);
        for (int64_t i = 0, end; rc == 0 && i < w.n; i = end) {
            for (end = i + 1; end < w.n && s->skips[end] == s->skips[i];)
                end++;
            if (s->skips[i]) {
                rc = skip(s, w.first + i, end - i, s->skips[i], error);
                *(s->skips[i] == LEFT_OUT ? &s->done.n_left_out : &s->done.n_without) += end - i;
            }
        }
    }
    if (s)
        *skipped = s->done;
    free(s);
    const bool any = skipped->n_left_out + skipped->n_without > 0;
    r->is_new = r->is_new && !any;
    r->sink.mixed = r->sink.mixed || (any && r->block > 1);
    if (rc == 0 && any && fdatasync(r->fd)) /* before the file gets its name: nobody skips them again */
        rc = sheaf_fail_errno(error, "%s: cannot sync", r->path);
    return rc || !any ? rc : sheaf_results_tidy_messages(r, error); /* those of this run stand behind them */
}
