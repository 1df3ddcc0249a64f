#include "job/csv_scan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/crew.h"

enum { INDEX_STEP = 512 };

/* What was found in a piece, told from its first row on: rows and lines of it are counted from there. */
struct piece {
    struct csv_position first,
        behind;          /* its first row, and the first row that is not its own; or the end of the text */
    size_t begins, ends; /* rows that begin at an offset between these are its own */
    struct csv_scan found;
    int64_t index_room;
    bool failed; /* a row is broken, or there is no memory */
};

struct pieces {
    const struct csv_text *text;
    const struct job_table *table;
    int n_columns;
    int64_t n;
    struct piece *all; /* [n] */
};

static int refuse_row(const struct csv_text *text, const struct csv_position *at, int n, int n_columns,
                      struct sheaf_error *error) {
    const bool hash = at->offset < text->n_bytes && text->data[at->offset] == '#';
    return sheaf_refuse(error, "%s:%" PRId64 ": has %d cell%s where the header has %d%s", text->name, at->line, n,
                        n == 1 ? "" : "s", n_columns,
                        hash ? "; if it is a comment, add comment: \"#\" to the items"
                        : at->row == 0 && n == n_columns + 1
                            ? "; the header must name the column of row names too (R: write.csv, or col.names = NA)"
                            : "");
}

int sheaf_csv_whole_row(const struct csv_text *text, struct csv_position *at, struct csv_cell *cells, int n_columns,
                        struct sheaf_error *error) {
    const struct csv_position before = *at;
    int n;
    if (sheaf_csv_row(text, at, cells, n_columns, &n, error))
        return -1;
    return n == n_columns ? 0 : refuse_row(text, &before, n, n_columns, error);
}

/* --- one piece ----------------------------------------------------------------------------------------------------- */

static int remember(struct piece *piece, const struct csv_position *at) {
    struct csv_scan *found = &piece->found;
    if (found->n_index == piece->index_room) {
        const int64_t room = piece->index_room ? 2 * piece->index_room : 16;
        struct csv_position *index = realloc(found->index, (size_t)room * sizeof *index);
        if (!index)
            return -1;
        found->index = index;
        piece->index_room = room;
    }
    found->index[found->n_index++] = *at;
    return 0;
}

/* Looks through the rows of a piece from a place on; rows and lines are counted from what that place says. */
static int look_through(const struct pieces *p, const struct csv_text *text, struct piece *piece,
                        struct csv_position at, struct sheaf_error *error) {
    struct csv_scan *found = &piece->found;
    struct csv_cell *cells = calloc((size_t)p->n_columns + 1, sizeof *cells);
    int rc = cells && found->columns ? 0 : sheaf_fail_memory(error, text->name);
    found->n_index = found->n_rows = 0;
    found->most_row_bytes = 0;
    for (int k = 0; found->columns && k < p->n_columns; k++)
        found->columns[k] = (struct csv_column){.integers = true, .bad_row = -1};
    bool end = sheaf_csv_at_end(text, &at);
    piece->first = at;
    for (; rc == 0 && !end && at.offset < piece->ends; end = sheaf_csv_at_end(text, &at)) {
        const struct csv_position row = at;
        if (found->n_rows % INDEX_STEP == 0 && remember(piece, &at))
            rc = sheaf_fail_memory(error, text->name);
        if (rc == 0)
            rc = sheaf_csv_whole_row(text, &at, cells, p->n_columns, error);
        if (at.offset - row.offset > found->most_row_bytes)
            found->most_row_bytes = at.offset - row.offset;
        for (int k = 0; rc == 0 && !text->plain && k < p->n_columns; k++)
            sheaf_csv_note(&found->columns[k], p->table, &cells[k], row.row, row.line);
        found->n_rows++;
    }
    piece->behind = at;
    free(cells);
    return rc;
}

/* Piece k, from where a row may begin; the first one from where the rows begin. What looks like a row from inside of quotes
   may have no end, so a piece sees no further than to the end of the next one. */
static void look_ahead(void *context, int64_t k) {
    const struct pieces *p = context;
    struct piece *piece = &p->all[k];
    struct csv_text seen = *p->text;
    struct sheaf_error ignored;
    struct csv_position at = {.offset = piece->begins};
    const size_t most = 2 * piece->ends - piece->begins;
    seen.n_bytes = most < seen.n_bytes ? most : seen.n_bytes;
    if (k > 0 && seen.data[at.offset - 1] != seen.newline)
        sheaf_csv_skip_line(&seen, &at);
    at.line = at.row = 0;
    piece->failed = at.offset >= piece->ends || look_through(p, &seen, piece, at, &ignored) ||
                    (piece->behind.offset >= seen.n_bytes && seen.n_bytes < p->text->n_bytes);
}

/* --- all of them --------------------------------------------------------------------------------------------------- */

/* What is counted from the piece's first row, counted from that of the text. */
static void move_to(struct piece *piece, const struct csv_position *first, int n_columns) {
    const int64_t lines = first->line - piece->first.line, rows = first->row - piece->first.row;
    for (int64_t i = 0; i < piece->found.n_index; i++) {
        piece->found.index[i].line += lines;
        piece->found.index[i].row += rows;
    }
    for (int k = 0; k < n_columns; k++)
        if (piece->found.columns[k].bad_row >= 0) {
            piece->found.columns[k].bad_row += rows;
            piece->found.columns[k].bad_line += lines;
        }
    piece->behind.line += lines;
    piece->behind.row += rows;
    piece->first = *first;
}

/* What one part of a column says, and one that comes behind it. */
static void add_column(struct csv_column *column, const struct csv_column *next) {
    if (column->bad_row >= 0)
        return;
    column->integers = column->integers && next->integers;
    column->numbers = column->numbers || next->numbers;
    column->codes = column->codes || next->codes;
    column->large = column->large || next->large;
    column->absent = column->absent || next->absent;
    column->named = column->named || next->named;
    column->bad_row = next->bad_row;
    column->bad_line = next->bad_line;
}

static int add_piece(struct csv_scan *scan, const struct piece *piece, int n_columns, int64_t *room,
                     struct sheaf_error *error) {
    const struct csv_scan *found = &piece->found;
    if (scan->n_index + found->n_index > *room) {
        *room = 2 * (scan->n_index + found->n_index);
        struct csv_position *index = realloc(scan->index, (size_t)*room * sizeof *index);
        if (!index)
            return sheaf_fail_memory(error, "the rows of a table");
        scan->index = index;
    }
    if (found->n_index)
        memcpy(scan->index + scan->n_index, found->index, (size_t)found->n_index * sizeof *found->index);
    scan->n_index += found->n_index;
    scan->n_rows += found->n_rows;
    if (found->most_row_bytes > scan->most_row_bytes)
        scan->most_row_bytes = found->most_row_bytes;
    for (int k = 0; k < n_columns; k++)
        add_column(&scan->columns[k], &found->columns[k]);
    return 0;
}

/* Puts the pieces together, in order: each begins where the one before it ended. */
static int join(struct csv_scan *scan, const struct pieces *p, struct csv_position from, struct sheaf_error *error) {
    struct csv_position at = from;
    int64_t room = 0;
    for (int64_t k = 0; k < p->n; k++) {
        struct piece *piece = &p->all[k];
        const bool end = sheaf_csv_at_end(p->text, &at);
        if (end || at.offset >= piece->ends)
            continue; /* it lies in a row of the one before */
        if (!piece->failed && piece->first.offset == at.offset)
            move_to(piece, &at, p->n_columns);
        else if (look_through(p, p->text, piece, at, error))
            return -1;
        if (add_piece(scan, piece, p->n_columns, &room, error))
            return -1;
        at = piece->behind;
    }
    return 0;
}

static int cut(struct pieces *p, struct csv_position from, size_t piece_bytes, struct sheaf_error *error) {
    const size_t n_bytes = p->text->n_bytes - from.offset;
    p->n = (int64_t)(n_bytes / piece_bytes + (n_bytes % piece_bytes != 0));
    p->all = calloc((size_t)p->n + 1, sizeof *p->all);
    if (!p->all)
        return sheaf_fail_memory(error, "a table");
    for (int64_t k = 0; k < p->n; k++) {
        struct piece *piece = &p->all[k];
        piece->begins = from.offset + (size_t)k * piece_bytes;
        piece->ends = k + 1 < p->n ? piece->begins + piece_bytes : p->text->n_bytes;
        piece->found.columns = calloc((size_t)p->n_columns + 1, sizeof *piece->found.columns);
    }
    return 0;
}

int sheaf_csv_scan(struct csv_scan *scan, const struct csv_text *text, const struct job_table *table, int n_columns,
                   struct csv_position from, size_t piece_bytes, struct sheaf_error *error) {
    struct pieces p = {.text = text, .table = table, .n_columns = n_columns};
    *scan = (struct csv_scan){.columns = calloc((size_t)n_columns + 1, sizeof *scan->columns)};
    int rc = scan->columns ? cut(&p, from, piece_bytes, error) : sheaf_fail_memory(error, "a table");
    for (int k = 0; rc == 0 && k < n_columns; k++)
        scan->columns[k] = (struct csv_column){.integers = true, .bad_row = -1};
    if (rc == 0) {
        sheaf_crew_do(p.n, look_ahead, &p);
        rc = join(scan, &p, from, error);
    }
    for (int64_t k = 0; p.all && k < p.n; k++)
        sheaf_csv_scan_free(&p.all[k].found);
    free(p.all);
    return rc;
}

void sheaf_csv_scan_free(struct csv_scan *scan) {
    free(scan->columns);
    free(scan->index);
    *scan = (struct csv_scan){0};
}

struct csv_position sheaf_csv_scan_find(const struct csv_scan *scan, int64_t row) {
    int64_t first = 0, end = scan->n_index;
    while (end - first > 1) {
        const int64_t middle = first + (end - first) / 2;
        if (scan->index[middle].row <= row)
            first = middle;
        else
            end = middle;
    }
    return scan->index[first];
}
