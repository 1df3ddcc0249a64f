#include "store/take_over.h"

#include <stdlib.h>
#include <string.h>

#include "store/print_table.h"
#include "store/results_inside.h"
#include "store/take_inside.h"

/* One file and the items. */
struct match {
    struct taking *taking;
    struct donor donor;
    struct take_rule rule;
    struct taken *counts;
    uint8_t *known;    /* a bit for each of the donor's items: it is that of the same index */
    int64_t n_unknown; /* of those that could be taken */
    int64_t window;
    struct print *prints, *own; /* [window] of the items, and of the donor's */
    uint8_t *status;            /* [window] of the donor's */
    int64_t *from;              /* [window] */
    uint8_t *statuses;          /* [window] of the rows that are taken */
    struct sheaf_error *error;
};

static bool has_bit(const uint8_t *bits, int64_t i) {
    return bits[i >> 3] & (1 << (i & 7));
}

static void set_bit(uint8_t *bits, int64_t i) {
    bits[i >> 3] |= (uint8_t)(1 << (i & 7));
}

static bool may_take(const struct match *m, uint8_t status) {
    return status == ITEM_DONE || (m->rule.failed && sheaf_status_failed(status));
}

/* --- a window of items --------------------------------------------------------------------------------------------- */

static void begin_window(struct match *m, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        m->from[i] = -1;
        m->statuses[i] = ITEM_PENDING;
    }
}

/* Item first + i gets the donor's row. */
static void take(struct match *m, int64_t first, int64_t i, int64_t row, uint8_t status) {
    m->from[i] = row;
    m->statuses[i] = status;
    set_bit(m->taking->taken, first + i);
    m->counts->n_rows++;
    m->counts->n_failed += status != ITEM_DONE;
}

static int write_window(struct match *m, int64_t first, int64_t n) {
    return m->taking->to
               ? sheaf_take_rows(m->taking, &m->donor, first, n, m->from, m->statuses, m->rule.origin, m->error)
               : 0;
}

/* --- at the same index --------------------------------------------------------------------------------------------- */

/* Item i of the donor, with the status that it has there. */
static void judge(struct match *m, int64_t first, int64_t i, bool same) {
    const struct taking *taking = m->taking;
    const uint8_t status = m->status[i];
    m->counts->n_done += status == ITEM_DONE;
    if (!same) {
        m->n_unknown += may_take(m, status);
        m->counts->n_lost += status == ITEM_DONE;
        return;
    }
    set_bit(m->known, first + i);
    m->counts->n_same++;
    if (has_bit(taking->skipped, first + i))
        m->counts->n_lost += status == ITEM_DONE;
    else if (may_take(m, status) && !has_bit(taking->taken, first + i))
        take(m, first, i, first + i, status);
}

static int match_in_place(struct match *m) {
    const int64_t n_items = m->taking->plan->items->n_items;
    for (int64_t at = 0, n; at < m->donor.n_items; at += n) {
        n = m->donor.n_items - at < m->window ? m->donor.n_items - at : m->window;
        const int64_t n_both = n_items <= at ? 0 : n_items - at < n ? n_items - at : n;
        begin_window(m, n);
        if (sheaf_donor_statuses(&m->donor, at, n, m->status, m->error) ||
            sheaf_donor_prints(&m->donor, at, n, m->own, m->error) ||
            (n_both && sheaf_prints_read(m->taking->plan, at, n_both, m->prints, m->error)))
            return -1;
        for (int64_t i = 0; i < n; i++)
            judge(m, at, i, i < n_both && sheaf_prints_equal(&m->prints[i], &m->own[i]));
        if (n_both && write_window(m, at, n_both))
            return -1;
    }
    return 0;
}

/* --- anywhere ------------------------------------------------------------------------------------------------------ */

/* The donor's items that are not those of the same index, of one part. */
static int fill_table(struct match *m, struct print_table *table, int64_t part) {
    sheaf_print_table_clear(table);
    for (int64_t at = 0, n; at < m->donor.n_items; at += n) {
        n = m->donor.n_items - at < m->window ? m->donor.n_items - at : m->window;
        if (sheaf_donor_statuses(&m->donor, at, n, m->status, m->error) ||
            sheaf_donor_prints(&m->donor, at, n, m->own, m->error))
            return -1;
        for (int64_t i = 0; i < n; i++)
            if (may_take(m, m->status[i]) && !has_bit(m->known, at + i) &&
                sheaf_print_table_part(table, &m->own[i]) == part)
                sheaf_print_table_add(table, &m->own[i], at + i, m->status[i]);
    }
    return 0;
}

static int look_up(struct match *m, struct print_table *table, int64_t part) {
    struct taking *taking = m->taking;
    const int64_t n_items = taking->plan->items->n_items;
    for (int64_t at = 0, n; at < n_items; at += n) {
        n = n_items - at < m->window ? n_items - at : m->window;
        begin_window(m, n);
        if (sheaf_prints_read(taking->plan, at, n, m->prints, m->error))
            return -1;
        for (int64_t i = 0; i < n; i++) {
            struct print_entry *entry =
                has_bit(taking->skipped, at + i) || sheaf_print_table_part(table, &m->prints[i]) != part
                    ? NULL
                    : sheaf_print_table_find(table, &m->prints[i]);
            if (!entry)
                continue;
            entry->found = true;
            if (has_bit(taking->taken, at + i))
                continue;
            take(m, at, i, entry->item, entry->status);
            m->counts->n_same += at + i >= m->donor.n_items || !has_bit(m->known, at + i); /* else it is counted */
        }
        if (write_window(m, at, n))
            return -1;
    }
    return 0;
}

static int match_anywhere(struct match *m) {
    struct print_table table;
    int rc = sheaf_print_table_open(&table, m->n_unknown, m->error);
    for (int64_t part = 0; rc == 0 && part < table.n_parts; part++) {
        rc = fill_table(m, &table, part) || look_up(m, &table, part) ? -1 : 0;
        m->counts->n_lost -= rc == 0 ? sheaf_print_table_count_found(&table) : 0;
    }
    sheaf_print_table_close(&table);
    return rc;
}

/* --- a file -------------------------------------------------------------------------------------------------------- */

static int take_all(struct match *m) {
    m->window = sheaf_items_window(m->taking->plan->items);
    m->window = m->window < TAKE_WINDOW ? m->window : TAKE_WINDOW;
    const size_t n = (size_t)m->window;
    m->known = calloc((size_t)m->donor.n_items / 8 + 1, 1);
    m->prints = malloc(n * sizeof *m->prints);
    m->own = malloc(n * sizeof *m->own);
    m->status = malloc(n);
    m->from = malloc(n * sizeof *m->from);
    m->statuses = malloc(n);
    if (!m->known || !m->prints || !m->own || !m->status || !m->from || !m->statuses)
        return sheaf_fail_memory(m->error, "comparing items");
    return match_in_place(m) || (m->rule.anywhere && m->n_unknown && match_anywhere(m)) ? -1 : 0;
}

/* Texts go to a journal, which is there while rows are taken. */
static int take_with_journal(struct match *m) {
    struct results *to = m->taking->to;
    struct sheaf_error ignored;
    if (!to || !m->donor.has_texts)
        return take_all(m);
    int rc = sheaf_journal_open(&to->sink.journal, to->path, to->token, (struct journal_numbers){0}, m->error);
    rc = rc ? rc : take_all(m);
    rc = rc == 0 && m->counts->n_rows ? sheaf_journal_sync(to->sink.journal, m->error) : rc;
    if (sheaf_journal_close(to->sink.journal, rc ? &ignored : m->error))
        rc = -1;
    to->sink.journal = NULL;
    return rc;
}

int sheaf_take_over(struct taking *taking, const char *path, struct take_rule rule, struct taken *taken,
                    struct sheaf_error *error) {
    struct match m = {.taking = taking, .rule = rule, .counts = taken, .error = error};
    *taken = (struct taken){0};
    int rc = sheaf_donor_open(&m.donor, path, taking->plan, error);
    taken->comparable = rc == 0 && m.donor.comparable;
    taken->n_before = m.donor.n_items;
    if (taken->comparable)
        rc = take_with_journal(&m);
    if (taking->to && taken->n_rows)
        taking->to->is_new = false;
    free(m.known);
    free(m.prints);
    free(m.own);
    free(m.status);
    free(m.from);
    free(m.statuses);
    sheaf_donor_close(&m.donor);
    return rc;
}

/* What the file that is being made has as skipped. */
static int find_skipped(struct taking *t, struct sheaf_error *error) {
    const int64_t n_items = t->plan->items->n_items;
    for (int64_t at = 0, n; at < n_items; at += n) {
        n = n_items - at < RESULTS_WINDOW ? n_items - at : RESULTS_WINDOW;
        if (sheaf_results_read_status(t->to, at, n, error))
            return -1;
        for (int64_t i = 0; i < n; i++)
            if (t->to->window[i] != ITEM_PENDING)
                set_bit(t->skipped, at + i);
    }
    return 0;
}

/* What would be skipped, where no file is made: what the condition leaves out. */
static int find_left_out(struct taking *t, struct sheaf_error *error) {
    struct items *items = t->plan->items;
    const struct items_filter *filter = items->filter;
    uint8_t *left_out = malloc(TAKE_WINDOW);
    int rc = left_out ? 0 : sheaf_fail_memory(error, "the condition");
    for (int64_t at = 0, n; rc == 0 && filter && at < items->n_items; at += n) {
        n = items->n_items - at < TAKE_WINDOW ? items->n_items - at : TAKE_WINDOW;
        rc = filter->leave_out(filter, items, at, n, left_out, error);
        for (int64_t i = 0; rc == 0 && i < n; i++)
            if (left_out[i])
                set_bit(t->skipped, at + i);
    }
    free(left_out);
    return rc;
}

int sheaf_taking_open(struct taking *t, const struct results_plan *plan, struct results *to,
                      struct sheaf_error *error) {
    const size_t n_bytes = (size_t)plan->items->n_items / 8 + 1;
    *t = (struct taking){.plan = plan, .to = to, .taken = calloc(n_bytes, 1), .skipped = calloc(n_bytes, 1)};
    if (!t->taken || !t->skipped)
        return sheaf_fail_memory(error, "comparing items");
    if (to) /* blocks in which rows were taken over are computed as a whole, where an item is pending */
        to->sink.mixed = to->sink.mixed || to->block > 1;
    if (to)
        to->sink.layout.attempts_offset = to->attempts_offset;
    return to ? find_skipped(t, error) : find_left_out(t, error);
}

void sheaf_taking_close(struct taking *t) {
    free(t->taken);
    free(t->skipped);
    t->taken = t->skipped = NULL;
}
