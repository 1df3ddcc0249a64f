/* Which part's row an item gets, and that row. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/type.h"
#include "store/merge_inside.h"

enum { ROWS_MOST = 1 << 15, ROWS_LEAST = 64, COLUMN_BYTES = 1 << 20, TEXT_ROWS = 64 };

/* Items first … first + n - 1. */
struct window {
    int64_t first, n;
    int owner[ROWS_MOST]; /* whose row it is to be */
    uint8_t status[ROWS_MOST], other[ROWS_MOST];
    uint64_t sums[ROWS_MOST], other_sums[ROWS_MOST]; /* of texts */
};

static int rank_of(uint8_t status) {
    return status == ITEM_DONE ? 3 : sheaf_status_failed(status) ? 2 : status == ITEM_SKIPPED ? 1 : 0;
}

/* --- columns ------------------------------------------------------------------------------------------------------- */

static int read_columns(struct merge *m, const struct window *w, int p, bool as_rows) {
    for (int k = 0; k < m->n_columns; k++) {
        struct merge_column *c = &m->columns[k];
        struct sheaf_buffer *to = as_rows ? &c->rows : &c->other;
        if (c->field.type == SHEAF_TEXT)
            continue;
        if (sheaf_buffer_resize(to, (size_t)w->n * sheaf_field_row_bytes(&c->field), m->error) ||
            sheaf_reader_range(m->parts[p].reader, m->parts[p].fields[k], w->first, w->n, to->data, NULL, m->error))
            return -1;
    }
    return 0;
}

static int read_sums(const struct merge *m, const struct window *w, int p, uint64_t *sums) {
    const struct merge_part *part = &m->parts[p];
    if (part->text_sums < 0)
        memset(sums, 0, (size_t)w->n * sizeof *sums);
    else if (sheaf_h5_read_rows(part->text_sums, H5T_NATIVE_UINT64, w->first, w->n, 1, sums))
        return sheaf_h5_fail_dataset(m->error, part->path, TEXT_SUMS);
    return 0;
}

static int refuse_item(const struct merge *m, int a, int b, int64_t item, const char *field) {
    return sheaf_refuse(m->error,
                        "item %" PRId64 " is done in %s and in %s, with another '%s' in each (sheaf diff shows both); "
                        "nothing was made. --first: the first file's counts",
                        item, m->parts[a].path, m->parts[b].path, field);
}

/* An item that is done in both, whose numbers are in the columns. */
static int compare_rows(const struct merge *m, const struct window *w, int64_t i, int p) {
    for (int k = 0; k < m->n_columns; k++) {
        const struct merge_column *c = &m->columns[k];
        const size_t n = sheaf_field_row_bytes(&c->field);
        if (c->must_agree && c->field.type != SHEAF_TEXT &&
            memcmp(c->rows.data + (size_t)i * n, c->other.data + (size_t)i * n, n) != 0)
            return refuse_item(m, w->owner[i], p, w->first + i, c->name);
    }
    return 0;
}

static int compare_texts(const struct merge *m, const struct window *w, int64_t i, int p) {
    for (int k = 0; k < m->n_columns; k++) {
        const struct merge_column *c = &m->columns[k];
        struct sheaf_arena arena = {0};
        const char *a, *b;
        if (!c->must_agree || c->field.type != SHEAF_TEXT)
            continue;
        int rc =
            sheaf_reader_range(m->parts[w->owner[i]].reader, m->parts[w->owner[i]].fields[k], w->first + i, 1, &a,
                               &arena, m->error) ||
                    sheaf_reader_range(m->parts[p].reader, m->parts[p].fields[k], w->first + i, 1, &b, &arena, m->error)
                ? -1
                : 0;
        if (rc == 0 && strcmp(a, b) != 0)
            rc = refuse_item(m, w->owner[i], p, w->first + i, c->name);
        sheaf_arena_free(&arena);
        if (rc)
            return -1;
    }
    return 0;
}

static void take_row(struct merge *m, struct window *w, int64_t i, int p) {
    for (int k = 0; k < m->n_columns; k++) {
        struct merge_column *c = &m->columns[k];
        const size_t n = sheaf_field_row_bytes(&c->field);
        if (c->field.type == SHEAF_TEXT)
            continue;
        memcpy(c->rows.data + (size_t)i * n, c->other.data + (size_t)i * n, n);
        c->changed = true;
    }
    w->owner[i] = p;
    w->status[i] = w->other[i];
    w->sums[i] = w->other_sums[i];
}

/* What a part has that those before it have not. */
static int take_part(struct merge *m, struct window *w, int p) {
    bool any = false;
    if (sheaf_reader_status(m->parts[p].reader, w->first, w->n, w->other, m->error))
        return -1;
    for (int64_t i = 0; i < w->n && !any; i++)
        any = w->other[i] == ITEM_DONE || rank_of(w->other[i]) > rank_of(w->status[i]);
    if (!any)
        return 0;
    if (read_columns(m, w, p, false) || (m->any_text && read_sums(m, w, p, w->other_sums)))
        return -1;
    for (int64_t i = 0; i < w->n; i++) {
        const bool both = w->status[i] == ITEM_DONE && w->other[i] == ITEM_DONE;
        if (both && !m->plan->first_counts && (compare_rows(m, w, i, p) || compare_texts(m, w, i, p)))
            return -1;
        m->merged->n_both += both;
        if (rank_of(w->other[i]) > rank_of(w->status[i]))
            take_row(m, w, i, p);
    }
    return 0;
}

/* --- what goes with them ------------------------------------------------------------------------------------------- */

/* Items first … first + n - 1 of the window, whose texts are in memory. */
static int put_piece(struct merge *m, const struct window *w, int64_t first, int64_t n, struct sheaf_buffer *records,
                     struct sheaf_arena *arena) {
    for (int k = 0; k < m->n_columns; k++) {
        if (m->columns[k].field.type != SHEAF_TEXT)
            continue;
        for (int64_t i = first, run; i < first + n; i += run) {
            const char *texts[TEXT_ROWS];
            const int p = w->owner[i];
            for (run = 1; i + run < first + n && w->owner[i + run] == p;)
                run++;
            if (p == 0 && m->parts[0].is_packed) /* they are in the copy */
                continue;
            if (sheaf_reader_range(m->parts[p].reader, m->parts[p].fields[k], w->first + i, run, texts, arena,
                                   m->error))
                return -1;
            for (int64_t j = 0; j < run; j++) { /* also empty ones: they may be in the place of others */
                const bool any = *texts[j] || p > 0;
                m->n_texts += any;
                if (any && w->status[i + j] != ITEM_PENDING && w->status[i + j] != ITEM_SKIPPED &&
                    sheaf_journal_put(records, w->first + i + j, (int32_t)k, texts[j], strlen(texts[j]), m->error))
                    return -1;
            }
        }
    }
    return 0;
}

static int put_texts(struct merge *m, const struct window *w) {
    int rc = 0;
    for (int64_t first = 0, n; m->any_text && first < w->n && rc == 0; first += n) {
        struct sheaf_buffer records = {0};
        struct sheaf_arena arena = {0};
        n = w->n - first < TEXT_ROWS ? w->n - first : TEXT_ROWS;
        rc = put_piece(m, w, first, n, &records, &arena);
        if (rc == 0 && records.n_bytes)
            rc = sheaf_journal_append(m->journal, records.data, records.n_bytes, m->error);
        sheaf_buffer_free(&records);
        sheaf_arena_free(&arena);
    }
    return rc;
}

static void note_failures(struct merge *m, const struct window *w) {
    for (int64_t i = 0; i < w->n && m->n_failures < m->most_failures; i++) {
        const char *message = w->status[i] == ITEM_DONE || w->status[i] == ITEM_PENDING
                                  ? ""
                                  : sheaf_reader_message(m->parts[w->owner[i]].reader, w->first + i);
        if (!*message)
            continue;
        struct failure *failure = &m->failures[m->n_failures++];
        *failure = (struct failure){.item = w->first + i};
        strncpy(failure->message, message, sizeof failure->message - 1);
    }
}

/* Of blocks of several items: the time of one of those that computed it. */
static int take_seconds(struct merge *m, const struct window *w) {
    float seconds[ROWS_LEAST * 4], other[ROWS_LEAST * 4];
    const int64_t end = (w->first + w->n - 1) / m->block + 1;
    for (int64_t b = w->first / m->block, n; b < end; b += n) {
        n = end - b < ROWS_LEAST * 4 ? end - b : ROWS_LEAST * 4;
        if (sheaf_reader_seconds(m->parts[0].reader, b, n, seconds, m->error))
            return -1;
        for (int p = 1; p < m->plan->n_parts; p++) {
            if (sheaf_reader_seconds(m->parts[p].reader, b, n, other, m->error))
                return -1;
            for (int64_t i = 0; i < n; i++)
                seconds[i] = seconds[i] > 0 ? seconds[i] : other[i];
        }
        if (sheaf_file_pwrite(m->fd, seconds, (size_t)n * sizeof *seconds,
                              m->seconds_offset + b * (off_t)sizeof *seconds, m->aside, m->error))
            return -1;
    }
    return 0;
}

/* --- a window ------------------------------------------------------------------------------------------------------ */

/* A run that was killed leaves anything in rows that are pending. */
static void fill_pending(struct merge *m, const struct window *w) {
    for (int k = 0; k < m->n_columns; k++) {
        struct merge_column *c = &m->columns[k];
        const size_t n = sheaf_field_row_bytes(&c->field);
        for (int64_t i = 0; c->is_output && c->field.type != SHEAF_TEXT && i < w->n; i++)
            if (w->status[i] == ITEM_PENDING) {
                sheaf_type_fill(c->field.type, c->rows.data + (size_t)i * n, c->field.width);
                c->changed = true;
            }
    }
}

static int write_window(struct merge *m, const struct window *w) {
    for (int k = 0; k < m->n_columns; k++) {
        struct merge_column *c = &m->columns[k];
        if (c->changed &&
            sheaf_file_pwrite(m->fd, c->rows.data, c->rows.n_bytes,
                              c->offset + w->first * (off_t)sheaf_field_row_bytes(&c->field), m->aside, m->error))
            return -1;
        c->changed = false;
    }
    if (m->sums_offset && sheaf_file_pwrite(m->fd, w->sums, (size_t)w->n * sizeof *w->sums,
                                            m->sums_offset + w->first * (off_t)sizeof *w->sums, m->aside, m->error))
        return -1;
    if (m->block > 1 && take_seconds(m, w))
        return -1;
    return sheaf_file_pwrite(m->fd, w->status, (size_t)w->n, m->status_offset + w->first, m->aside, m->error);
}

static int merge_window(struct merge *m, struct window *w) {
    memset(w->owner, 0, sizeof w->owner);
    if (sheaf_reader_status(m->parts[0].reader, w->first, w->n, w->status, m->error) || read_columns(m, w, 0, true) ||
        (m->any_text && read_sums(m, w, 0, w->sums)))
        return -1;
    for (int p = 1; p < m->plan->n_parts; p++)
        if (take_part(m, w, p))
            return -1;
    fill_pending(m, w);
    note_failures(m, w);
    for (int64_t i = 0; i < w->n; i++)
        m->merged->n_rows[w->owner[i]] += w->status[i] != ITEM_PENDING && w->status[i] != ITEM_SKIPPED;
    sheaf_status_count(w->status, w->n, m->merged->counts);
    return put_texts(m, w) || write_window(m, w) ? -1 : 0;
}

int sheaf_merge_rows(struct merge *m) {
    struct window *w = calloc(1, sizeof *w);
    size_t most = 1;
    for (int k = 0; k < m->n_columns; k++) {
        const size_t n = m->columns[k].field.type == SHEAF_TEXT ? 1 : sheaf_field_row_bytes(&m->columns[k].field);
        most = n > most ? n : most;
    }
    int64_t step = COLUMN_BYTES / (int64_t)most;
    step = step < ROWS_LEAST ? ROWS_LEAST : step > ROWS_MOST ? ROWS_MOST : step;
    int rc = w ? 0 : sheaf_fail_memory(m->error, "merging");
    for (int64_t first = 0; rc == 0 && first < m->n_items; first += w->n) {
        w->first = first;
        w->n = m->n_items - first < step ? m->n_items - first : step;
        rc = merge_window(m, w);
    }
    free(w);
    return rc;
}
