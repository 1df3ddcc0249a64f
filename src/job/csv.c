#include "job/csv.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/hash.h"
#include "core/type.h"

enum { INDEX_STEP = 512, MOST_COLUMNS = 10000 };

/* One cell: length bytes at data, without the quotes around it. */
struct cell {
    const char *data;
    size_t length;
    bool escaped; /* holds "" for each " */
};

/* A place between two rows. */
struct place {
    size_t offset;
    int64_t line; /* from 1 */
    int64_t row;  /* from 0 */
};

/* What the scan found out about a column. */
struct column {
    bool integers;                 /* every cell so far is one, or empty */
    bool codes;                    /* some cell is a code */
    int64_t bad_row, bad_line;     /* the first cell that is no number, or -1 */
    int64_t empty_row, empty_line; /* the first empty cell, or -1 */
};

struct csv {
    struct sheaf_mapping file;
    bool plain; /* lines: no header, no commas, no quotes */
    int n_columns;
    struct cell *cells; /* [n_columns] the row parsed last */
    struct column *columns;
    struct place *index; /* [n_index] place of row k * INDEX_STEP */
    int64_t n_index;
    struct place next; /* where the last read ended */
};

/* --- rows ---------------------------------------------------------------------------------------------------------- */

static int broken(const struct items *items, int64_t line, struct sheaf_error *error, const char *what) {
    return sheaf_refuse(error, "%s:%" PRId64 ": %s", items->name, line, what);
}

/* Parses the cell at *offset and moves behind it, up to its comma or line end. */
static int parse_cell(const struct items *items, struct place *at, struct cell *cell, struct sheaf_error *error) {
    const struct csv *csv = items->self;
    const char *text = csv->file.data, *end = text + csv->file.n_bytes, *p = text + at->offset;
    *cell = (struct cell){.data = p};
    if (csv->plain || p == end || *p != '"') {
        while (p < end && *p != '\n' && (csv->plain || *p != ','))
            p++;
        cell->length = (size_t)(p - cell->data);
        if ((p == end || *p == '\n') && cell->length && cell->data[cell->length - 1] == '\r')
            cell->length--;
        at->offset = (size_t)(p - text);
        return 0;
    }
    int64_t opened = at->line;
    cell->data = ++p;
    for (;; p++) {
        if (p == end)
            return broken(items, opened, error, "a quote is opened here and never closed");
        at->line += *p == '\n';
        if (*p == '"') {
            if (p + 1 == end || p[1] != '"')
                break;
            cell->escaped = true;
            p++;
        }
    }
    cell->length = (size_t)(p - cell->data);
    p++;
    if (p < end && *p == '\r' && (p + 1 == end || p[1] == '\n'))
        p++;
    if (p < end && *p != ',' && *p != '\n')
        return broken(items, at->line, error,
                      "text follows a closing quote; a quote inside a quoted cell is written twice");
    at->offset = (size_t)(p - text);
    return 0;
}

/* Moves over blank lines; true at the end of the file. */
static bool at_end(const struct csv *csv, struct place *at) {
    const char *text = csv->file.data;
    while (!csv->plain && at->offset < csv->file.n_bytes) {
        size_t skip = text[at->offset] == '\n' ? 1 : 0;
        if (!skip && text[at->offset] == '\r' && at->offset + 1 < csv->file.n_bytes && text[at->offset + 1] == '\n')
            skip = 2;
        if (!skip)
            break;
        at->offset += skip;
        at->line++;
    }
    return at->offset >= csv->file.n_bytes;
}

/* Parses a row into cells[n_columns] and moves behind it. */
static int parse_row(const struct items *items, struct place *at, struct cell *cells, int n_columns,
                     struct sheaf_error *error) {
    const struct csv *csv = items->self;
    const char *text = csv->file.data;
    int64_t line = at->line;
    int n = 0;
    for (;;) {
        struct cell extra;
        if (parse_cell(items, at, n < n_columns ? &cells[n] : &extra, error))
            return -1;
        n++;
        if (at->offset >= csv->file.n_bytes || text[at->offset] == '\n')
            break;
        at->offset++; /* the comma */
    }
    if (at->offset < csv->file.n_bytes)
        at->offset++;
    at->line++;
    at->row++;
    if (n != n_columns)
        return sheaf_refuse(error, "%s:%" PRId64 ": has %d cell%s where the header has %d", items->name, line, n,
                            n == 1 ? "" : "s", n_columns);
    return 0;
}

/* --- the header and the scan --------------------------------------------------------------------------------------- */

static size_t unescape(const struct cell *cell, char *to) {
    size_t n = 0;
    for (size_t i = 0; i < cell->length; i++) {
        to[n++] = cell->data[i];
        if (cell->data[i] == '"')
            i++;
    }
    return n;
}

/* A terminated copy of the cell in the arena, or NULL. */
static char *cell_text(const struct cell *cell, struct sheaf_arena *arena, size_t *length) {
    char *copy = sheaf_arena_text(arena, cell->data, cell->length);
    *length = cell->length;
    if (copy && cell->escaped) {
        *length = unescape(cell, copy);
        copy[*length] = '\0';
    }
    return copy;
}

static int count_header(const struct items *items, struct place at, int *n_columns, struct sheaf_error *error) {
    const struct csv *csv = items->self;
    struct cell cell;
    for (*n_columns = 1;; ++*n_columns, at.offset++) {
        if (parse_cell(items, &at, &cell, error))
            return -1;
        if (at.offset >= csv->file.n_bytes || csv->file.data[at.offset] == '\n')
            return 0;
        if (*n_columns == MOST_COLUMNS)
            return broken(items, 1, error, "has more than 10,000 columns; is it a comma-separated table?");
    }
}

static int add_field(struct items *items, const char *name, int64_t line, struct sheaf_error *error) {
    char what[256];
    int k = items->n_fields;
    snprintf(what, sizeof what, "%s:%" PRId64 ": column %d", items->name, line, k + 1);
    if (sheaf_items_check_name(name, what, error))
        return -1;
    if (sheaf_items_find(items->fields, k, name) >= 0)
        return sheaf_refuse(error, "%s is called '%s' like an earlier one; rename one", what, name);
    items->fields[k] = (struct sheaf_field){.name = name, .type = SHEAF_TEXT, .width = 1};
    items->n_fields++;
    return 0;
}

static int read_header(struct items *items, struct place *at, struct sheaf_error *error) {
    struct csv *csv = items->self;
    if (csv->file.n_bytes >= 3 && memcmp(csv->file.data, "\xef\xbb\xbf", 3) == 0)
        at->offset = 3; /* a byte order mark, from a spreadsheet */
    if (!csv->plain && at_end(csv, at))
        return broken(items, 1, error, "is empty; its first line should name the columns");
    if (!csv->plain && count_header(items, *at, &csv->n_columns, error))
        return -1;
    csv->cells = calloc((size_t)csv->n_columns, sizeof *csv->cells);
    csv->columns = calloc((size_t)csv->n_columns, sizeof *csv->columns);
    items->fields = sheaf_arena_take(&items->arena, (size_t)csv->n_columns * sizeof *items->fields);
    if (!csv->cells || !csv->columns || !items->fields)
        return sheaf_fail_memory(error, items->name);
    int64_t line = at->line;
    if (csv->plain)
        return add_field(items, "line", 1, error);
    if (parse_row(items, at, csv->cells, csv->n_columns, error))
        return -1;
    const struct cell *only = &csv->cells[0];
    if (csv->n_columns == 1 && (memchr(only->data, ';', only->length) || memchr(only->data, '\t', only->length)))
        return broken(items, line, error,
                      "has one column with ';' or tabs in its name; separate the columns by commas");
    for (int k = 0; k < csv->n_columns; k++) {
        size_t length;
        struct cell cell = csv->cells[k];
        while (cell.length && isspace((unsigned char)*cell.data))
            cell.data++, cell.length--;
        while (cell.length && isspace((unsigned char)cell.data[cell.length - 1]))
            cell.length--;
        const char *name = cell_text(&cell, &items->arena, &length);
        if (!name)
            return sheaf_fail_memory(error, items->name);
        if (add_field(items, name, line, error))
            return -1;
    }
    at->row = 0;
    return 0;
}

static bool is_blank(const struct cell *cell) {
    for (size_t i = 0; i < cell->length; i++)
        if (!isspace((unsigned char)cell->data[i]))
            return false;
    return true;
}

/* A code is made of digits that a number would not keep: 007, or more than an int64 holds. */
enum looks { INTEGER, CODE, OTHER };

static enum looks looks_of(const struct cell *cell) {
    const char *p = cell->data, *end = p + cell->length;
    int64_t value;
    while (p < end && isspace((unsigned char)*p))
        p++;
    while (end > p && isspace((unsigned char)end[-1]))
        end--;
    const char *first = p += p < end && (*p == '-' || *p == '+');
    while (p < end && isdigit((unsigned char)*p))
        p++;
    if (p != end || p == first)
        return OTHER;
    if (end - first > 1 && *first == '0')
        return CODE;
    return end - first < 19 || sheaf_text_to_int64(cell->data, cell->length, &value) == 0 ? INTEGER : CODE;
}

/* What one more cell says about its column. */
static void note_cell(struct column *column, const struct cell *cell, int64_t row, int64_t line) {
    double value;
    if (column->bad_row >= 0 && column->empty_row >= 0)
        return;
    if (is_blank(cell)) {
        if (column->empty_row < 0)
            column->empty_row = row, column->empty_line = line;
    } else if (column->bad_row < 0) {
        const enum looks looks = looks_of(cell);
        if (looks == INTEGER)
            return;
        column->integers = false;
        column->codes = column->codes || looks == CODE;
        if (looks == OTHER && sheaf_text_to_double(cell->data, cell->length, &value))
            column->bad_row = row, column->bad_line = line;
    }
}

static int remember(struct csv *csv, const struct place *at) {
    int64_t k = at->row / INDEX_STEP;
    if ((k & (k - 1)) == 0) { /* a power of two: the room is used up */
        struct place *index = realloc(csv->index, (size_t)(k ? 2 * k : 1) * sizeof *index);
        if (!index)
            return -1;
        csv->index = index;
    }
    csv->index[k] = *at;
    csv->n_index = k + 1;
    return 0;
}

static int scan(struct items *items, struct place at, struct sheaf_error *error) {
    struct csv *csv = items->self;
    for (int k = 0; k < csv->n_columns; k++)
        csv->columns[k] = (struct column){.integers = true, .bad_row = -1, .empty_row = -1};
    csv->next = at;
    while (!at_end(csv, &at)) {
        int64_t line = at.line, row = at.row;
        size_t begin = at.offset;
        if (row % INDEX_STEP == 0 && remember(csv, &at))
            return sheaf_fail_memory(error, items->name);
        if (parse_row(items, &at, csv->cells, csv->n_columns, error))
            return -1;
        if (at.offset - begin > items->most_text_bytes)
            items->most_text_bytes = at.offset - begin;
        for (int k = 0; !csv->plain && k < csv->n_columns; k++)
            note_cell(&csv->columns[k], &csv->cells[k], row, line);
    }
    items->n_items = at.row;
    items->all_text_bytes = csv->file.n_bytes;
    for (int k = 0; !csv->plain && k < csv->n_columns; k++) {
        const struct column *c = &csv->columns[k];
        if (c->bad_row < 0 && !c->codes)
            items->fields[k].type = c->integers && c->empty_row < 0 ? SHEAF_INT64 : SHEAF_FLOAT64;
    }
    return 0;
}

/* --- values -------------------------------------------------------------------------------------------------------- */

static int parse_value(const struct cell *cell, enum sheaf_type type, void *to) {
    double number = NAN;
    int64_t whole = 0;
    if (type == SHEAF_FLOAT64 || type == SHEAF_FLOAT32) {
        if (!is_blank(cell) && sheaf_text_to_double(cell->data, cell->length, &number))
            return -1;
        if (type == SHEAF_FLOAT64)
            *(double *)to = number;
        else
            *(float *)to = (float)number;
        return 0;
    }
    if (sheaf_text_to_int64(cell->data, cell->length, &whole))
        return -1;
    if (type == SHEAF_INT64)
        *(int64_t *)to = whole;
    else if (type == SHEAF_INT32 && whole >= INT32_MIN && whole <= INT32_MAX)
        *(int32_t *)to = (int32_t)whole;
    else if (type == SHEAF_UINT8 && whole >= 0 && whole <= UINT8_MAX)
        *(uint8_t *)to = (uint8_t)whole;
    else
        return -1;
    return 0;
}

static int bad_value(const struct items *items, int field, const struct cell *cell, int64_t row, int64_t line,
                     struct sheaf_error *error) {
    static const char *const wanted[] = {[SHEAF_FLOAT64] = "a number",
                                         [SHEAF_FLOAT32] = "a number",
                                         [SHEAF_INT64] = "a whole number",
                                         [SHEAF_INT32] = "a whole number of 32 bits",
                                         [SHEAF_UINT8] = "a whole number from 0 to 255"};
    const struct sheaf_field *f = &items->fields[field];
    int shown = (int)sheaf_text_valid(cell->data, cell->length > 40 ? 40 : cell->length); /* no half character */
    return sheaf_refuse(error, "%s:%" PRId64 ": row %" PRId64 " (item %" PRId64 "), column '%s': '%.*s' is not %s%s",
                        items->name, line, row + 1, row, f->name, shown, cell->data, wanted[f->type],
                        is_blank(cell) ? " (an empty cell is allowed only where the kernel takes a float)" : "");
}

static int store_cell(const struct items *items, int field, const struct cell *cell, void *to,
                      struct sheaf_arena *arena) {
    if (items->fields[field].type != SHEAF_TEXT)
        return parse_value(cell, items->fields[field].type, to);
    struct sheaf_text *text = to;
    *text = (struct sheaf_text){cell->data, cell->length};
    if (cell->escaped)
        text->data = cell_text(cell, arena, &text->length);
    return text->data || text->length == 0 ? 0 : -1;
}

static int csv_read(struct items *items, int64_t first, int64_t n, void *const *columns, struct sheaf_arena *arena,
                    struct sheaf_error *error) {
    struct csv *csv = items->self;
    if (n == 0)
        return 0;
    struct place at = csv->next;
    if (at.row > first || first / INDEX_STEP > at.row / INDEX_STEP)
        at = csv->index[first / INDEX_STEP];
    while (at.row < first + n) {
        int64_t row = at.row, line;
        if (at_end(csv, &at))
            return sheaf_fail(error, "%s: changed while it was read", items->name);
        line = at.line;
        if (parse_row(items, &at, csv->cells, csv->n_columns, error))
            return -1;
        for (int k = 0; row >= first && k < items->n_fields; k++) {
            if (!columns[k])
                continue;
            char *to = (char *)columns[k] + (size_t)(row - first) * sheaf_type_bytes(items->fields[k].type);
            if (store_cell(items, k, &csv->cells[k], to, arena))
                return bad_value(items, k, &csv->cells[k], row, line, error);
        }
    }
    csv->next = at;
    return 0;
}

/* Reads the row of a cell that does not fit, for its text. */
static int refuse_cell(struct items *items, int field, int64_t row, struct sheaf_error *error) {
    struct csv *csv = items->self;
    struct place at = csv->index[row / INDEX_STEP];
    for (;;) {
        at_end(csv, &at);
        struct place before = at;
        if (parse_row(items, &at, csv->cells, csv->n_columns, error))
            return -1;
        if (before.row == row)
            return bad_value(items, field, &csv->cells[field], row, before.line, error);
    }
}

/* Every value of a column must fit an integer type; floats were checked by the scan. */
static int check_integers(struct items *items, int field, struct sheaf_error *error) {
    const struct csv *csv = items->self;
    int64_t value;
    struct place at = csv->n_index ? csv->index[0] : csv->next;
    while (at.row < items->n_items) {
        at_end(csv, &at);
        struct place before = at;
        if (parse_row(items, &at, csv->cells, csv->n_columns, error))
            return -1;
        if (parse_value(&csv->cells[field], items->fields[field].type, &value))
            return bad_value(items, field, &csv->cells[field], before.row, before.line, error);
    }
    return 0;
}

static int csv_convert(struct items *items, int field, enum sheaf_type type, struct sheaf_error *error) {
    const struct csv *csv = items->self;
    struct sheaf_field *f = &items->fields[field];
    enum sheaf_type was = f->type;
    f->type = type;
    if (type == SHEAF_TEXT)
        return 0;
    if (csv->plain)
        return sheaf_refuse(error, "%s: a line is text; the kernel wants '%s' as %s", items->name, f->name,
                            sheaf_type_name(type));
    if (csv->columns[field].bad_row >= 0)
        return refuse_cell(items, field, csv->columns[field].bad_row, error);
    bool is_float = type == SHEAF_FLOAT64 || type == SHEAF_FLOAT32;
    return is_float || (type == SHEAF_INT64 && was == SHEAF_INT64) ? 0 : check_integers(items, field, error);
}

static void csv_close(struct items *items) {
    struct csv *csv = items->self;
    if (!csv)
        return;
    sheaf_mapping_close(&csv->file);
    free(csv->cells);
    free(csv->columns);
    free(csv->index);
    free(csv);
    items->self = NULL;
}

static const struct items_source source = {.convert = csv_convert, .read = csv_read, .close = csv_close};

/* Results are read as UTF-8, where one other byte spoils a whole column. */
static int check_text(const struct items *items, struct sheaf_error *error) {
    const struct csv *csv = items->self;
    const char *text = csv->file.data;
    size_t n_bytes = csv->file.n_bytes, valid = text ? sheaf_text_valid(text, n_bytes) : n_bytes;
    const char *nul = text ? memchr(text, '\0', valid) : NULL;
    size_t bad = nul ? (size_t)(nul - text) : valid;
    int64_t line = 1;
    if (bad == n_bytes)
        return 0;
    for (size_t i = 0; i < bad; i++)
        line += text[i] == '\n';
    return broken(items, line, error,
                  nul ? "holds a NUL byte; remove it" : "is not UTF-8 text; save it so (iconv -f latin1 -t utf-8)");
}

static int open_text(struct items *items, bool plain, struct sheaf_error *error) {
    char hash[SHEAF_HASH_BYTES];
    struct place at = {.line = 1};
    struct csv *csv = calloc(1, sizeof *csv);
    if (!csv)
        return sheaf_fail_memory(error, items->name);
    items->source = &source;
    items->self = csv;
    csv->plain = plain;
    csv->n_columns = 1;
    if (sheaf_stamp_take(&items->stamp, items->name, error) || sheaf_mapping_open(&csv->file, items->name, error) ||
        check_text(items, error))
        return -1;
    if (read_header(items, &at, error) || scan(items, at, error))
        return -1;
    sheaf_hash_bytes(csv->file.data, csv->file.n_bytes, hash);
    sheaf_string_add(&items->identity, "items: %s %" PRId64 " %s\n", plain ? "lines" : "csv", items->n_items, hash);
    return 0;
}

int sheaf_csv_open(struct items *items, struct sheaf_error *error) {
    return open_text(items, false, error);
}

int sheaf_lines_open(struct items *items, struct sheaf_error *error) {
    return open_text(items, true, error);
}
