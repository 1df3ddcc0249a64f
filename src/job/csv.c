#include "job/csv.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/gunzip.h"
#include "core/hash.h"
#include "core/text.h"
#include "core/type.h"
#include "job/csv_column.h"
#include "job/csv_encoding.h"
#include "job/csv_header.h"
#include "job/csv_rows.h"
#include "job/csv_scan.h"
#include "job/jsonl.h"

static const int64_t near_rows = 512; /* parsing them is quicker than looking for a row */

struct csv {
    struct sheaf_mapping file, inflated; /* the latter of a compressed one */
    struct csv_text text;
    struct jsonl_keys keys;   /* of JSON Lines */
    struct csv_position rows; /* where the first begins */
    int n_columns;
    const struct job_table *table;
    struct csv_cell *cells; /* [n_columns] the row parsed last */
    struct csv_scan scan;
    struct csv_position next; /* where the last read ended */
};

/* --- rows --------------------------------------------------------------------------------------------- */

/* Parses a row into csv->cells and moves behind it. */
static int parse_row(struct csv *csv, struct csv_position *at, struct sheaf_error *error) {
    return sheaf_csv_whole_row(&csv->text, at, csv->cells, csv->n_columns, error);
}

static int scan(struct items *items, struct sheaf_error *error) {
    struct csv *csv = items->self;
    csv->next = csv->rows;
    if (sheaf_csv_scan(&csv->scan, &csv->text, csv->table, csv->n_columns, csv->rows, CSV_PIECE_BYTES, error))
        return -1;
    items->n_items = csv->scan.n_rows;
    items->most_text_bytes = csv->scan.most_row_bytes;
    items->all_text_bytes = csv->text.n_bytes;
    return 0;
}

/* --- values -------------------------------------------------------------------------------------------------------- */

/* Whether the cell is a number but for its decimal comma. */
static bool has_decimal_comma(const struct csv_cell *cell) {
    char text[40];
    double value;
    if (cell->length >= sizeof text || !memchr(cell->data, ',', cell->length))
        return false;
    memcpy(text, cell->data, cell->length);
    *(char *)memchr(text, ',', cell->length) = '.';
    return sheaf_text_to_double(text, cell->length, &value) == 0;
}

/* Why a cell cannot be a number of the type, where more can be said; else "". */
static const char *why_not(const struct csv *csv, const struct csv_cell *cell) {
    if (has_decimal_comma(cell))
        return " (numbers are written with a decimal point)";
    if (cell->is_text)
        return " (it is a text, in quotes)";
    if (csv->text.json && cell->length == 0)
        return " (null is allowed only where the kernel takes a float)";
    if (!sheaf_csv_is_missing(csv->table, cell))
        return "";
    return sheaf_csv_trim(*cell).length ? " (a cell without a value is allowed only where the kernel takes a float)"
                                        : " (an empty cell is allowed only where the kernel takes a float)";
}

static int bad_value(const struct items *items, int field, enum sheaf_type type, const struct csv_cell *cell,
                     int64_t row, int64_t line, struct sheaf_error *error) {
    static const char *const wanted[] = {[SHEAF_FLOAT64] = "a number",
                                         [SHEAF_FLOAT32] = "a number",
                                         [SHEAF_INT64] = "a whole number",
                                         [SHEAF_INT32] = "a whole number of 32 bits",
                                         [SHEAF_UINT8] = "a whole number from 0 to 255"};
    int shown = (int)sheaf_text_valid(cell->data, cell->length > 40 ? 40 : cell->length); /* no half character */
    return sheaf_refuse(error, "%s:%" PRId64 ": row %" PRId64 " (item %" PRId64 "), column '%s': '%.*s' is not %s%s",
                        items->name, line, row + 1, row, items->fields[field].name, shown, cell->data, wanted[type],
                        why_not(items->self, cell));
}

static int store_cell(const struct items *items, int field, const struct csv_cell *from, enum sheaf_type type, void *to,
                      struct sheaf_arena *arena) {
    const struct csv *csv = items->self;
    struct sheaf_text *text = to;
    if (type != SHEAF_TEXT)
        return sheaf_csv_number(csv->table, from, type, to);
    struct csv_cell cell = *from;
    if (items->fields[field].type != SHEAF_TEXT) /* blanks around a number say nothing */
        cell = sheaf_csv_trim(cell);
    *text = (struct sheaf_text){cell.data, cell.length};
    if (cell.escaped)
        text->data = sheaf_csv_copy(&cell, arena, &text->length);
    return text->data || text->length == 0 ? 0 : -1;
}

/* Rows that are asked for: where their values go, and as what. */
struct reading {
    const struct items *items;
    int64_t first, n;
    void *const *columns;
    const enum sheaf_type *types; /* or NULL: the fields' own */
    struct sheaf_arena *arena;    /* of texts */
};

static enum sheaf_type type_of(const struct reading *r, int field) {
    return r->types ? r->types[field] : r->items->fields[field].type;
}

/* Rows first … end - 1 of them, from a place that is not behind the first; moves behind the last. */
static int read_rows(const struct reading *r, struct csv_position *at, int64_t first, int64_t end,
                     struct csv_cell *cells, struct sheaf_error *error) {
    const struct csv *csv = r->items->self;
    while (at->row < end) {
        const int64_t row = at->row;
        if (sheaf_csv_at_end(&csv->text, at))
            return sheaf_fail(error, "%s: changed while it was read", r->items->name);
        const int64_t line = at->line;
        if (sheaf_csv_whole_row(&csv->text, at, cells, csv->n_columns, error))
            return -1;
        for (int k = 0; row >= first && k < csv->n_columns; k++) {
            if (!r->columns[k])
                continue;
            const enum sheaf_type type = type_of(r, k);
            char *to = (char *)r->columns[k] + (size_t)(row - r->first) * sheaf_type_bytes(type);
            if (store_cell(r->items, k, &cells[k], type, to, r->arena))
                return type == SHEAF_TEXT ? sheaf_fail_memory(error, r->items->name)
                                          : bad_value(r->items, k, type, &cells[k], row, line, error);
        }
    }
    return 0;
}

static int csv_read_beside(const struct items *items, int64_t first, int64_t n, void *const *columns,
                           struct sheaf_error *error) {
    const struct csv *csv = items->self;
    const struct reading r = {.items = items, .first = first, .n = n, .columns = columns};
    struct csv_position at = sheaf_csv_scan_find(&csv->scan, first);
    struct csv_cell *cells = calloc((size_t)csv->n_columns, sizeof *cells);
    int rc = cells ? read_rows(&r, &at, first, first + n, cells, error) : sheaf_fail_memory(error, items->name);
    free(cells);
    return rc;
}

static int csv_read(struct items *items, int64_t first, int64_t n, void *const *columns, const enum sheaf_type *types,
                    struct sheaf_arena *arena, struct sheaf_error *error) {
    struct csv *csv = items->self;
    struct reading r = {.items = items, .first = first, .n = n, .columns = columns, .types = types, .arena = arena};
    if (n == 0)
        return 0;
    struct csv_position at = csv->next;
    if (at.row > first || first - at.row > near_rows)
        at = sheaf_csv_scan_find(&csv->scan, first);
    if (read_rows(&r, &at, first, first + n, csv->cells, error))
        return -1;
    csv->next = at;
    return 0;
}

/* Reads the row of a cell that does not fit, for its text. */
static int refuse_cell(struct items *items, int field, enum sheaf_type type, int64_t row, struct sheaf_error *error) {
    struct csv *csv = items->self;
    struct csv_position at = sheaf_csv_scan_find(&csv->scan, row);
    for (;;) {
        sheaf_csv_at_end(&csv->text, &at);
        struct csv_position before = at;
        if (parse_row(csv, &at, error))
            return -1;
        if (before.row == row)
            return bad_value(items, field, type, &csv->cells[field], row, before.line, error);
    }
}

int64_t sheaf_csv_line(struct items *items, int64_t row) {
    struct csv *csv = items->self;
    struct csv_position at = sheaf_csv_scan_find(&csv->scan, row);
    struct sheaf_error ignored;
    for (;;) {
        if (sheaf_csv_at_end(&csv->text, &at))
            return -1;
        if (at.row == row)
            return at.line;
        if (parse_row(csv, &at, &ignored))
            return -1;
    }
}

/* Every value of a column must fit an integer type; floats were checked by the scan. */
static int check_integers(struct items *items, int field, enum sheaf_type type, struct sheaf_error *error) {
    struct csv *csv = items->self;
    int64_t value;
    struct csv_position at = csv->rows;
    while (at.row < items->n_items) {
        sheaf_csv_at_end(&csv->text, &at);
        struct csv_position before = at;
        if (parse_row(csv, &at, error))
            return -1;
        if (sheaf_csv_number(csv->table, &csv->cells[field], type, &value))
            return bad_value(items, field, type, &csv->cells[field], before.row, before.line, error);
    }
    return 0;
}

static int csv_check(struct items *items, int field, enum sheaf_type type, struct sheaf_error *error) {
    const struct csv *csv = items->self;
    if (type == SHEAF_TEXT)
        return 0;
    if (csv->text.plain)
        return sheaf_refuse(error, "%s: a line is text; the kernel wants '%s' as %s", items->name,
                            items->fields[field].name, sheaf_type_name(type));
    const struct csv_column *column = &csv->scan.columns[field];
    if (column->bad_row >= 0)
        return refuse_cell(items, field, type, column->bad_row, error);
    const bool fits =
        type == SHEAF_FLOAT64 || type == SHEAF_FLOAT32 || (type == SHEAF_INT64 && column->integers && !column->absent);
    return fits ? 0 : check_integers(items, field, type, error);
}

static void csv_close(struct items *items) {
    struct csv *csv = items->self;
    if (!csv)
        return;
    sheaf_mapping_close(&csv->file);
    sheaf_mapping_close(&csv->inflated);
    free(csv->cells);
    sheaf_csv_scan_free(&csv->scan);
    free(csv);
    items->self = NULL;
}

static const struct items_source source = {
    .check = csv_check, .read = csv_read, .read_beside = csv_read_beside, .close = csv_close};

/* --- opening ------------------------------------------------------------------------------------------------------- */

/* The fields' types: those that keep what is written, or those that the job says. */
static int choose_types(struct items *items, struct sheaf_error *error) {
    const struct csv *csv = items->self;
    const struct job_table *table = csv->table;
    for (int k = 0; !csv->text.plain && k < items->n_fields; k++)
        items->fields[k].type = sheaf_csv_type(&csv->scan.columns[k]);
    for (int t = 0; t < table->n_types; t++) {
        const int k = sheaf_items_find(items->fields, items->n_fields, table->types[t].name);
        if (k < 0)
            return sheaf_items_no_field(items, table->types[t].node, "items.types", table->types[t].name, error);
        if (items->fields[k].type == table->type_of[t])
            continue;
        if (csv_check(items, k, table->type_of[t], error))
            return -1;
        items->fields[k].type = table->type_of[t];
        sheaf_string_add(&items->identity, "type %s: %s\n", table->types[t].name, sheaf_type_name(table->type_of[t]));
    }
    return 0;
}

/* The bytes of the file as it lies, and what else settles the values; no more, so that what says the same is the same job. */
static int identify(struct items *items, struct sheaf_error *error) {
    const struct csv *csv = items->self;
    const struct job_table *table = csv->table;
    char hash[SHEAF_HASH_BYTES];
    if (sheaf_hash_data(items->name, csv->file.data, csv->file.n_bytes, hash, error))
        return -1;
    sheaf_string_add(&items->identity, "items: %s %" PRId64 " %s\n",
                     csv->text.plain  ? "lines"
                     : csv->text.json ? "jsonl"
                                      : "csv",
                     items->n_items, hash);
    if (!csv->text.plain && !csv->text.json && csv->text.separator != ',')
        sheaf_string_add(&items->identity, "separator: '%c'\n", csv->text.separator);
    if (table->comment)
        sheaf_string_add(&items->identity, "comment: '%c'\n", table->comment);
    for (int i = 0; i < table->n_missing; i++)
        sheaf_string_add(&items->identity, "missing: '%s'\n", table->missing[i]);
    for (int r = 0; r < table->n_renames; r++)
        sheaf_string_add(&items->identity, "rename '%s': '%s'\n", table->renames[r].name, table->renames[r].node->text);
    return 0;
}

static int open_file(struct items *items, struct csv *csv, struct sheaf_error *error) {
    if (sheaf_stamp_take(&items->stamp, items->name, error) || sheaf_mapping_open(&csv->file, items->name, error))
        return -1;
    if (csv->file.n_bytes && !items->stamp.n_bytes) /* of /proc: what was read is kept, whatever becomes of it */
        items->stamp = (struct sheaf_stamp){0};
    const bool compressed = sheaf_gunzip_is_due(&csv->file);
    if (compressed && sheaf_gunzip(&csv->inflated, &csv->file, items->name, error))
        return -1;
    const struct sheaf_mapping *text = compressed ? &csv->inflated : &csv->file;
    csv->text.name = items->name;
    csv->text.data = text->data;
    csv->text.n_bytes = text->n_bytes;
    return sheaf_csv_check_encoding(&csv->text, CSV_PIECE_BYTES, error);
}

enum form { TABLE, LINES, JSON_LINES };

/* Where the names stand and the rows begin. */
static int find_head(struct csv *csv, enum form form, struct csv_header *header, struct items *items,
                     struct sheaf_error *error) {
    if (form != JSON_LINES)
        return sheaf_csv_find_header(&csv->text, csv->table, header, items, error);
    *header = (struct csv_header){0};
    if (sheaf_jsonl_find_keys(&csv->text, &csv->keys, &header->rows, &items->arena, error))
        return -1;
    header->names = header->rows;
    header->n_columns = csv->keys.n;
    return 0;
}

static int open_text(struct items *items, enum form form, const struct job_table *table, struct sheaf_error *error) {
    struct csv_header header;
    struct csv *csv = calloc(1, sizeof *csv);
    if (!csv)
        return sheaf_fail_memory(error, items->name);
    items->source = &source;
    items->self = csv;
    csv->text.plain = form == LINES;
    csv->table = table;
    if (open_file(items, csv, error) || find_head(csv, form, &header, items, error))
        return -1;
    csv->text.decimals = form == TABLE && !strchr("+-.eE0123456789", csv->text.separator);
    csv->n_columns = header.n_columns;
    csv->rows = header.rows;
    csv->cells = calloc((size_t)csv->n_columns, sizeof *csv->cells);
    if (!csv->cells)
        return sheaf_fail_memory(error, items->name);
    if (sheaf_csv_read_names(&csv->text, table, &header, csv->cells, items, error) || scan(items, error))
        return -1;
    return identify(items, error) || choose_types(items, error) ? -1 : 0;
}

int sheaf_csv_open(struct items *items, const struct job_table *table, struct sheaf_error *error) {
    return open_text(items, TABLE, table, error);
}

int sheaf_jsonl_open(struct items *items, const struct job_table *table, struct sheaf_error *error) {
    return open_text(items, JSON_LINES, table, error);
}

int sheaf_lines_open(struct items *items, struct sheaf_error *error) {
    static const struct job_table none = {0};
    return open_text(items, LINES, &none, error);
}
