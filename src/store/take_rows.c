/* Rows of a donor are written into a results file that is being made. */
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/type.h"
#include "plan/journal.h"
#include "store/take_inside.h"

enum { TEXTS_WINDOW = 64 /* items whose texts are in memory at a time */ };

/* Items first … first + n - 1, some of which are taken. */
struct piece {
    const struct taking *taking;
    struct donor *donor;
    int64_t first, n;
    const uint8_t *status; /* [n] pending: not taken */
    int64_t n_rows;
    int64_t *at, *from; /* [n_rows] which of them, and of which row of the donor */
    void **columns;     /* [n_outputs][n] */
    struct failure *failures;
    int64_t n_failures;
    struct sheaf_buffer records; /* of texts */
    struct sheaf_arena arena;
    struct sheaf_error *error;
};

/* Rows of a donor's column at their places among n. */
static void *take_column(struct piece *p, const struct donor_column *column, size_t row_bytes) {
    char *placed = sheaf_arena_take(&p->arena, (size_t)p->n * row_bytes + 1);
    char *rows = sheaf_arena_take(&p->arena, (size_t)p->n_rows * row_bytes + 1);
    if (!placed || !rows) {
        sheaf_fail_memory(p->error, p->donor->path);
        return NULL;
    }
    if (sheaf_donor_rows(p->donor, column, p->from, p->n_rows, rows, &p->arena, p->error))
        return NULL;
    for (int64_t i = 0, run; i < p->n_rows; i += run) {
        for (run = 1; i + run < p->n_rows && p->at[i + run] == p->at[i] + run;)
            run++;
        memcpy(placed + (size_t)p->at[i] * row_bytes, rows + (size_t)i * row_bytes, (size_t)run * row_bytes);
    }
    return placed;
}

static int put_texts(struct piece *p, int output, const char *const *texts) {
    for (int64_t k = 0; k < p->n_rows; k++) {
        const char *text = texts[p->at[k]];
        if (*text && sheaf_journal_put(&p->records, p->first + p->at[k], output, text, strlen(text), p->error))
            return -1;
    }
    return 0;
}

static int take_outputs(struct piece *p) {
    const struct donor *d = p->donor;
    p->columns = sheaf_arena_take(&p->arena, ((size_t)d->n_outputs + 1) * sizeof *p->columns);
    for (int o = 0; p->columns && o < d->n_outputs; o++) {
        const bool is_text = d->outputs[o].type == SHEAF_TEXT;
        p->columns[o] =
            take_column(p, &d->columns[o], is_text ? sizeof(char *) : sheaf_field_row_bytes(&d->outputs[o]));
        if (!p->columns[o] || (is_text && put_texts(p, o, (const char *const *)p->columns[o])))
            return -1;
    }
    return p->columns ? 0 : sheaf_fail_memory(p->error, d->path);
}

/* The messages of those that have failed. */
static int take_messages(struct piece *p) {
    p->failures = sheaf_arena_take(&p->arena, (size_t)p->n_rows * sizeof *p->failures + 1);
    if (!p->failures)
        return sheaf_fail_memory(p->error, p->donor->path);
    for (int64_t k = 0; k < p->n_rows; k++) {
        const char *message =
            p->status[p->at[k]] == ITEM_DONE ? "" : sheaf_reader_message(p->donor->reader, p->from[k]);
        if (!*message)
            continue;
        struct failure *failure = &p->failures[p->n_failures++];
        failure->item = p->first + p->at[k];
        strncpy(failure->message, message, sizeof failure->message - 1);
    }
    return 0;
}

/* The seconds of blocks first … first + n - 1: of an item its own; of several that of the block which they were in, where they
   are at the same index, else 0, which leaves it unknown. */
static float *take_seconds(struct piece *p, int64_t first, int64_t n) {
    float *seconds = sheaf_arena_take(&p->arena, (size_t)n * sizeof *seconds);
    const int64_t block = p->donor->block;
    if (!seconds) {
        sheaf_fail_memory(p->error, p->donor->path);
        return NULL;
    }
    if (block == 1)
        return take_column(p, &p->donor->seconds, sizeof(float));
    for (int64_t k = 0; k < p->n_rows; k++) {
        const int64_t b = p->from[k] / block;
        if (p->from[k] == p->first + p->at[k] && !(seconds[b - first] > 0) &&
            sheaf_reader_seconds(p->donor->reader, b, 1, &seconds[b - first], p->error))
            return NULL;
    }
    return seconds;
}

static uint8_t *take_attempts(struct piece *p) {
    if (p->donor->attempts.field >= 0)
        return take_column(p, &p->donor->attempts, 1);
    uint8_t *once = sheaf_arena_take(&p->arena, (size_t)p->n);
    if (once)
        memset(once, 1, (size_t)p->n);
    else
        sheaf_fail_memory(p->error, p->donor->path);
    return once;
}

/* From which file they are. */
static int put_origins(struct piece *p, uint8_t origin) {
    const struct results *to = p->taking->to;
    uint8_t *marks = sheaf_arena_take(&p->arena, (size_t)p->n);
    const off_t at = to->origin_offset + p->first;
    if (!marks)
        return sheaf_fail_memory(p->error, p->donor->path);
    if (sheaf_file_pread(to->fd, marks, (size_t)p->n, at, to->path, p->error))
        return -1;
    for (int64_t k = 0; k < p->n_rows; k++)
        marks[p->at[k]] = origin ? origin : p->donor->origin ? p->donor->origin[p->from[k]] : 0;
    return sheaf_file_pwrite(to->fd, marks, (size_t)p->n, at, to->path, p->error);
}

static int write_piece(struct piece *p, uint8_t origin) {
    struct results *to = p->taking->to;
    const int64_t block = to->block, first_block = p->first / block;
    const int64_t n_blocks = (p->first + p->n - 1) / block - first_block + 1;
    if (take_outputs(p) || take_messages(p))
        return -1;
    const float *seconds = take_seconds(p, first_block, n_blocks);
    const uint8_t *attempts = take_attempts(p);
    if (!seconds || !attempts || (to->origin_offset && put_origins(p, origin)))
        return -1;
    const struct rows rows = {.first = p->first,
                              .n = p->n,
                              .first_block = first_block,
                              .n_blocks = n_blocks,
                              .columns = (const void *const *)p->columns,
                              .status = p->status,
                              .seconds = seconds,
                              .n_failures = p->n_failures,
                              .failures = p->failures,
                              .attempts = attempts,
                              .text_bytes = p->records.n_bytes,
                              .texts = p->records.data};
    return sheaf_row_sink_write(&to->sink, &rows, NULL, p->error);
}

static int take_piece(struct piece *p, const int64_t *from, uint8_t origin) {
    p->at = sheaf_arena_take(&p->arena, (size_t)p->n * sizeof *p->at);
    p->from = sheaf_arena_take(&p->arena, (size_t)p->n * sizeof *p->from);
    if (!p->at || !p->from)
        return sheaf_fail_memory(p->error, p->donor->path);
    for (int64_t i = 0; i < p->n; i++)
        if (from[i] >= 0) {
            p->at[p->n_rows] = i;
            p->from[p->n_rows++] = from[i];
        }
    return p->n_rows ? write_piece(p, origin) : 0;
}

int sheaf_take_rows(const struct taking *taking, struct donor *donor, int64_t first, int64_t n, const int64_t *from,
                    const uint8_t *statuses, uint8_t origin, struct sheaf_error *error) {
    int rc = 0;
    for (int64_t at = 0, n_piece; rc == 0 && at < n; at += n_piece) {
        n_piece = donor->has_texts && n - at > TEXTS_WINDOW ? TEXTS_WINDOW : n - at;
        struct piece piece = {.taking = taking,
                              .donor = donor,
                              .first = first + at,
                              .n = n_piece,
                              .status = statuses + at,
                              .error = error};
        rc = take_piece(&piece, from + at, origin);
        sheaf_buffer_free(&piece.records);
        sheaf_arena_free(&piece.arena);
    }
    return rc;
}
