#include "job/csv_rows.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "job/jsonl.h"
#include "job/table.h"

int sheaf_csv_broken(const struct csv_text *text, int64_t line, struct sheaf_error *error, const char *what) {
    return sheaf_refuse(error, "%s:%" PRId64 ": %s", text->name, line, what);
}

/* Bytes of the line end that p stands at; 0: it stands at none. */
static inline size_t line_end(const struct csv_text *text, const char *p) {
    const char *end = text->data + text->n_bytes;
    if (*p == text->newline)
        return 1;
    if (*p != '\r')
        return 0;
    return p + 1 == end ? 1 : p[1] == '\n' ? 2 : 0;
}

static inline bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static inline bool is_separator(const struct csv_text *text, char c) {
    return c == text->separator || (c == '\t' && text->separator == JOB_BLANKS);
}

void sheaf_csv_skip_blanks(const struct csv_text *text, struct csv_position *at) {
    while (at->offset < text->n_bytes && is_blank(text->data[at->offset]))
        at->offset++;
}

void sheaf_csv_skip_line(const struct csv_text *text, struct csv_position *at) {
    const char *from = text->data + at->offset, *end = memchr(from, text->newline, text->n_bytes - at->offset);
    at->offset = end ? (size_t)(end - text->data) + 1 : text->n_bytes;
    at->line++;
}

bool sheaf_csv_at_end(const struct csv_text *text, struct csv_position *at) {
    while (!text->plain && at->offset < text->n_bytes) {
        struct csv_position behind = *at;
        if (text->separator == JOB_BLANKS || text->json)
            sheaf_csv_skip_blanks(text, &behind);
        if (text->comment && text->data[at->offset] == text->comment) {
            sheaf_csv_skip_line(text, at);
            continue;
        }
        size_t skip = behind.offset < text->n_bytes ? line_end(text, text->data + behind.offset) : 0;
        if (!skip && behind.offset < text->n_bytes)
            break;
        at->offset = behind.offset + skip;
        at->line += skip > 0;
    }
    return at->offset >= text->n_bytes;
}

/* Where the cell without quotes ends that begins at p. All bytes of a table pass through here. */
static const char *find_end(const struct csv_text *text, const char *p) {
    const char *const end = text->data + text->n_bytes;
    const char newline = text->newline, separator = text->plain ? newline : text->separator;
    const char other = separator == JOB_BLANKS ? '\t' : separator;
    while (p < end && *p != newline && *p != separator && *p != other && (*p != '\r' || !line_end(text, p)))
        p++;
    return p;
}

/* Parses a cell that is a short number, which then need not be read a second time; NULL where it is none. */
static const char *parse_decimal(const struct csv_text *text, const char *p, struct csv_cell *cell) {
    const char *end = text->data + text->n_bytes, *behind = sheaf_decimal_read(p, end, &cell->decimal);
    cell->is_decimal = behind && (behind == end || is_separator(text, *behind) || line_end(text, behind));
    return cell->is_decimal ? behind : NULL;
}

/* Parses the cell at *offset and moves behind it, up to its separator or line end. */
static int parse_cell(const struct csv_text *text, struct csv_position *at, struct csv_cell *cell,
                      struct sheaf_error *error) {
    const char *end = text->data + text->n_bytes, *p = text->data + at->offset;
    cell->data = p;
    cell->escaped = cell->is_decimal = cell->is_text = false;
    if (text->plain || p == end || *p != '"') {
        const char *behind = text->decimals ? parse_decimal(text, p, cell) : NULL;
        p = behind ? behind : find_end(text, p);
        cell->length = (size_t)(p - cell->data);
        at->offset = (size_t)(p - text->data);
        return 0;
    }
    int64_t opened = at->line;
    cell->data = ++p;
    for (;; p++) {
        if (p == end)
            return sheaf_csv_broken(text, opened, error, "a quote is opened here and never closed");
        at->line += *p == text->newline;
        if (*p == '"') {
            if (p + 1 == end || p[1] != '"')
                break;
            cell->escaped = true;
            p++;
        }
    }
    cell->length = (size_t)(p - cell->data);
    p++;
    if (p < end && !line_end(text, p) && !is_separator(text, *p))
        return sheaf_csv_broken(text, at->line, error,
                                "text follows a closing quote; a quote inside a quoted cell is written twice, and "
                                "where it is not commas that divide the cells, add separator: to the items");
    at->offset = (size_t)(p - text->data);
    return 0;
}

/* Parses the cells of a row as long as they are short numbers, which most rows of most tables are from end to end: *n of
   them. Whether the row has ended; else it goes on with the cell that is moved to. */
static bool parse_decimals(const struct csv_text *text, struct csv_position *at, struct csv_cell *cells, int n_most,
                           int *n) {
    const char *const end = text->data + text->n_bytes, *p = text->data + at->offset;
    const char separator = text->separator, newline = text->newline;
    bool ended = false;
    int k = 0;
    while (k < n_most && !ended) {
        struct csv_cell *cell = &cells[k];
        const char *behind = sheaf_decimal_read(p, end, &cell->decimal);
        if (!behind || behind == end || (*behind != separator && *behind != newline))
            break;
        cell->data = p;
        cell->length = (size_t)(behind - p);
        cell->escaped = cell->is_text = false;
        cell->is_decimal = true;
        k++;
        ended = *behind != separator;
        p = behind + 1;
    }
    *n = k;
    at->offset = (size_t)(p - text->data);
    at->line += ended;
    at->row += ended;
    return ended;
}

int sheaf_csv_row(const struct csv_text *text, struct csv_position *at, struct csv_cell *cells, int n_most, int *n,
                  struct sheaf_error *error) {
    const bool blanks = text->separator == JOB_BLANKS && !text->plain;
    *n = 0;
    if (text->json)
        return sheaf_jsonl_row(text, at, cells, n_most, n, error);
    if (text->decimals && !blanks && parse_decimals(text, at, cells, n_most, n))
        return 0;
    if (blanks)
        sheaf_csv_skip_blanks(text, at);
    for (;;) {
        struct csv_cell extra;
        if (parse_cell(text, at, *n < n_most ? &cells[*n] : &extra, error))
            return -1;
        ++*n;
        if (blanks)
            sheaf_csv_skip_blanks(text, at);
        size_t skip = at->offset < text->n_bytes ? line_end(text, text->data + at->offset) : 0;
        if (skip || at->offset >= text->n_bytes) {
            at->offset += skip;
            break;
        }
        at->offset += !blanks; /* the separator */
    }
    at->line++;
    at->row++;
    return 0;
}

struct csv_cell sheaf_csv_trim(struct csv_cell cell) {
    while (cell.length && isspace((unsigned char)*cell.data))
        cell.data++, cell.length--;
    while (cell.length && isspace((unsigned char)cell.data[cell.length - 1]))
        cell.length--;
    return cell;
}

static size_t unescape(const struct csv_cell *cell, char *to) {
    size_t n = 0;
    for (size_t i = 0; i < cell->length; i++) {
        to[n++] = cell->data[i];
        if (cell->data[i] == '"')
            i++;
    }
    return n;
}

char *sheaf_csv_copy(const struct csv_cell *cell, struct sheaf_arena *arena, size_t *length) {
    char *copy = sheaf_arena_text(arena, cell->data, cell->length);
    *length = cell->length;
    if (copy && cell->escaped) {
        *length = cell->is_text ? sheaf_jsonl_unescape(cell, copy) : unescape(cell, copy);
        copy[*length] = '\0';
    }
    return copy;
}
