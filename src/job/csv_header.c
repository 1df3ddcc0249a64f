#include "job/csv_header.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "job/jsonl.h"

enum { MOST_COLUMNS = 10000 };

/* --- what divides the cells ---------------------------------------------------------------------------------------- */

/* The separator that a row shows: a comma if it has one outside of quotes, else a tab, else a semicolon. */
static char find_separator(const struct csv_text *text, struct csv_position at) {
    bool quoted = false, tab = false, semicolon = false;
    for (size_t i = at.offset; i < text->n_bytes && (quoted || text->data[i] != text->newline); i++) {
        const char c = text->data[i];
        quoted = quoted != (c == '"');
        if (c == ',' && !quoted)
            return ',';
        tab = tab || (c == '\t' && !quoted);
        semicolon = semicolon || (c == ';' && !quoted);
    }
    return tab ? '\t' : semicolon ? ';' : ',';
}

/* What the cells of a row look like. */
struct row_looks {
    int n_cells, n_numbers;
};

/* Looks at the row; false where it cannot be parsed. */
static bool look_at(const struct csv_text *text, struct csv_position at, struct row_looks *looks) {
    static const int most = MOST_COLUMNS + 1;
    struct csv_cell *cells = malloc((size_t)most * sizeof *cells);
    int64_t line = at.line;
    double value;
    *looks = (struct row_looks){0};
    bool good = cells && sheaf_csv_row(text, &at, cells, most, &looks->n_cells, NULL) == 0 && at.line == line + 1;
    for (int k = 0; good && k < looks->n_cells && k < most; k++) {
        const struct csv_cell bare = sheaf_csv_trim(cells[k]);
        looks->n_numbers += bare.length && sheaf_text_to_double(bare.data, bare.length, &value) == 0;
    }
    free(cells);
    return good;
}

static bool is_numbers(const struct row_looks *looks) {
    return looks->n_cells > 0 && looks->n_numbers == looks->n_cells;
}

/* Whether blanks divide the row into several numbers. */
static bool has_blank_numbers(const struct csv_text *text, struct csv_position at) {
    struct csv_text by_blanks = *text;
    struct row_looks looks;
    by_blanks.separator = JOB_BLANKS;
    return look_at(&by_blanks, at, &looks) && looks.n_cells > 1 && is_numbers(&looks);
}

/* The separator of a table whose first row that is no comment stands at `first`. */
static int choose_separator(struct csv_text *text, struct csv_position first, struct sheaf_error *error) {
    struct row_looks looks;
    struct csv_position next = first;
    text->separator = find_separator(text, first);
    if (!look_at(text, first, &looks) || looks.n_cells > 1)
        return 0;
    if (has_blank_numbers(text, first)) { /* they name no column */
        text->separator = JOB_BLANKS;
        return 0;
    }
    sheaf_csv_skip_line(text, &next);
    if (memchr(text->data + first.offset, ' ', next.offset - first.offset) && !sheaf_csv_at_end(text, &next) &&
        has_blank_numbers(text, next))
        return sheaf_csv_broken(text, first.line, error,
                                "names one column, and below it stand several numbers with blanks between them; add "
                                "separator: blanks to the items, or separator: comma if it is one column");
    return 0;
}

/* --- comments before the header ------------------------------------------------------------------------------------ */

/* The last comment before the header. */
struct comment {
    bool any;
    struct csv_position at; /* behind its mark and the blanks there */
    bool tight;             /* there were no blanks */
};

/* Moves over the comments before the first row; true at the end of the text. */
static bool pass_comments(struct csv_text *text, char mark, struct csv_position *at, struct comment *last) {
    *last = (struct comment){0};
    for (;;) {
        if (sheaf_csv_at_end(text, at))
            return true;
        if (text->data[at->offset] != mark)
            return false;
        last->any = true;
        last->at = *at;
        last->at.offset++;
        const size_t from = last->at.offset;
        sheaf_csv_skip_blanks(text, &last->at);
        last->tight = last->at.offset == from;
        sheaf_csv_skip_line(text, at);
    }
}

/* Whether there is one word in the rest of the line. */
static bool is_word(const struct csv_text *text, struct csv_position at) {
    struct csv_text by_blanks = *text;
    struct row_looks looks;
    by_blanks.separator = JOB_BLANKS;
    return look_at(&by_blanks, at, &looks) && looks.n_cells == 1;
}

/* Whether the comment names the columns, as numpy.savetxt and many others write it: *is. The row behind it, which looks
   like `first`, is then one of values. Where either could be meant, a row would be lost: that is refused. */
static int is_header(const struct csv_text *text, const struct job_table *table, const struct comment *comment,
                     struct csv_position at, const struct row_looks *first, bool *is, struct sheaf_error *error) {
    struct row_looks looks;
    *is = false;
    if (!comment->any || !look_at(text, comment->at, &looks) || looks.n_cells != first->n_cells)
        return 0;
    const bool plausible = looks.n_cells > 1 || is_word(text, comment->at);
    *is = is_numbers(first) || (!table->comment && plausible && first->n_numbers > 0 && comment->tight);
    if (*is || table->comment || !plausible)
        return 0;
    return sheaf_refuse(error,
                        "%s:%" PRId64 ": which line names the columns, this one behind its '#' or line %" PRId64
                        "? If this one, remove the '#'; if not, add comment: \"#\" to the items",
                        text->name, comment->at.line, at.line);
}

/* --- the header ---------------------------------------------------------------------------------------------------- */

static void find_newline(struct csv_text *text) {
    text->newline = '\n';
    if (text->n_bytes && !memchr(text->data, '\n', text->n_bytes) && memchr(text->data, '\r', text->n_bytes))
        text->newline = '\r';
}

static struct csv_position find_start(const struct csv_text *text) {
    struct csv_position at = {.line = 1};
    if (text->n_bytes >= 3 && memcmp(text->data, "\xef\xbb\xbf", 3) == 0)
        at.offset = 3; /* a byte order mark, from a spreadsheet */
    return at;
}

int sheaf_csv_find_header(struct csv_text *text, const struct job_table *table, struct csv_header *header,
                          struct items *items, struct sheaf_error *error) {
    struct csv_position at = find_start(text);
    struct csv_cell none;
    struct comment comment;
    struct row_looks looks;
    bool commented = false;
    find_newline(text);
    *header = (struct csv_header){.names = at, .rows = at, .n_columns = 1};
    if (text->plain)
        return 0;
    text->separator = table->separator ? table->separator : ',';
    if (pass_comments(text, table->comment ? table->comment : '#', &at, &comment))
        return sheaf_csv_broken(text, 1, error, "is empty; its first line should name the columns");
    if (!table->separator && choose_separator(text, at, error))
        return -1;
    header->names = header->rows = at;
    if (sheaf_csv_row(text, &header->rows, &none, 0, &header->n_columns, error))
        return -1;
    if (header->n_columns > MOST_COLUMNS)
        return sheaf_csv_broken(text, at.line, error, "has more than 10,000 columns; is it a comma-separated table?");
    if (look_at(text, at, &looks) && is_header(text, table, &comment, at, &looks, &commented, error))
        return -1;
    if (commented) {
        header->names = comment.at;
        header->rows = at;
    } else if (is_numbers(&looks)) {
        sheaf_string_add(&items->warnings,
                         "%s:%" PRId64 ": is taken for the names of the columns, but holds only numbers; if it is the "
                         "first row of values, put a line of names before it\n",
                         text->name, at.line);
    }
    header->rows.row = 0;
    text->comment = table->comment;
    return 0;
}

/* --- names --------------------------------------------------------------------------------------------------------- */

/* "earlier_NAME", or with a number where that is taken. */
static char *free_name(struct items *items, const char *name) {
    char text[64];
    for (int n = 1;; n++) {
        snprintf(text, sizeof text, n > 1 ? "earlier_%s_%d" : "earlier_%s", name, n);
        if (sheaf_items_find(items->fields, items->n_fields, text) < 0)
            return sheaf_arena_text(&items->arena, text, strlen(text));
    }
}

/* What `sheaf show --csv` writes begins with item and status, which the results of the next job need for themselves. */
static int rename_earlier(struct items *items, struct sheaf_error *error) {
    struct sheaf_field *fields = items->fields;
    if (items->n_fields < 2 || strcmp(fields[0].name, "item") != 0 || strcmp(fields[1].name, "status") != 0)
        return 0;
    for (int k = 0; k < 2; k++) {
        const char *name = free_name(items, fields[k].name);
        if (!name)
            return sheaf_fail_memory(error, items->name);
        sheaf_string_add(&items->warnings, "%s: its column '%s', of an earlier job, is the field '%s'\n", items->name,
                         fields[k].name, name);
        fields[k].name = name;
    }
    return 0;
}

/* The name of column k: what the job says, what the file says, or pandas' name for one without. */
static const char *find_name(const struct job_table *table, const struct csv_cell *cell, int k,
                             struct sheaf_arena *arena) {
    char unnamed[32];
    size_t length;
    const struct csv_cell bare = sheaf_csv_trim(*cell);
    const char *name = sheaf_csv_copy(&bare, arena, &length);
    if (name && length == 0) {
        snprintf(unnamed, sizeof unnamed, "Unnamed: %d", k);
        name = sheaf_arena_text(arena, unnamed, strlen(unnamed));
    }
    for (int r = 0; name && r < table->n_renames; r++)
        if (strcmp(table->renames[r].name, name) == 0)
            return table->renames[r].node->text;
    return name;
}

/* Says how a column gets another name, where its own can be written down. Always returns -1. */
static int advise_rename(const char *name, struct sheaf_error *error) {
    char why[SHEAF_ERROR_BYTES];
    bool plain = strlen(name) <= 200;
    for (const char *p = name; *p; p++)
        plain = plain && (unsigned char)*p >= ' ' && *p != 0x7f && *p != '"' && *p != '\\';
    if (!plain || !error)
        return -1;
    snprintf(why, sizeof why, "%s", error->text);
    return sheaf_refuse(error, "%s (rename: {\"%s\": …} in items)", why, name);
}

static int check_names(const struct csv_text *text, const struct items *items, int64_t line,
                       struct sheaf_error *error) {
    for (int k = 0; k < items->n_fields; k++) {
        char what[256];
        const char *name = items->fields[k].name;
        snprintf(what, sizeof what, "%s:%" PRId64 ": %s %d", items->name, line, text->json ? "key" : "column", k + 1);
        if (sheaf_items_check_name(name, what, error))
            return advise_rename(name, error);
        if (sheaf_items_find(items->fields, k, name) >= 0)
            return sheaf_refuse(error, "%s is called '%s' like an earlier one; rename one", what, name);
    }
    return 0;
}

/* What is renamed must be there: a typing error would go unnoticed. */
static int check_renames(const struct csv_text *text, const struct job_table *table, struct csv_cell *cells,
                         const struct items *items, struct sheaf_error *error) {
    struct sheaf_arena arena = {0};
    const struct job_table plain = {0};
    const char **names = sheaf_arena_take(&arena, ((size_t)items->n_fields + 1) * sizeof *names);
    char hint[512];
    int rc = names ? 0 : sheaf_fail_memory(error, text->name);
    for (int k = 0; rc == 0 && k < items->n_fields; k++) {
        names[k] = find_name(&plain, &cells[k], k, &arena);
        rc = names[k] ? 0 : sheaf_fail_memory(error, text->name);
    }
    for (int r = 0; rc == 0 && r < table->n_renames; r++) {
        bool found = false;
        for (int k = 0; k < items->n_fields; k++)
            found = found || strcmp(names[k], table->renames[r].name) == 0;
        if (!found)
            rc = sheaf_yaml_refuse(
                table->renames[r].node, error, "items.rename: no column '%s' in %s%s", table->renames[r].name,
                text->name,
                sheaf_text_suggest(table->renames[r].name, names, items->n_fields, true, hint, sizeof hint));
    }
    sheaf_arena_free(&arena);
    return rc;
}

static int read_name_cells(const struct csv_text *text, struct csv_position at, struct csv_cell *cells, int n_columns,
                           struct sheaf_error *error) {
    int n;
    if (!text->json)
        return sheaf_csv_row(text, &at, cells, n_columns, &n, error);
    memcpy(cells, text->json->cells, (size_t)n_columns * sizeof *cells);
    return 0;
}

int sheaf_csv_read_names(const struct csv_text *text, const struct job_table *table, const struct csv_header *header,
                         struct csv_cell *cells, struct items *items, struct sheaf_error *error) {
    items->fields = sheaf_arena_take(&items->arena, (size_t)header->n_columns * sizeof *items->fields);
    if (!items->fields)
        return sheaf_fail_memory(error, items->name);
    if (!text->plain && read_name_cells(text, header->names, cells, header->n_columns, error))
        return -1;
    for (int k = 0; k < header->n_columns; k++) {
        const char *name = text->plain ? "line" : find_name(table, &cells[k], k, &items->arena);
        if (!name)
            return sheaf_fail_memory(error, items->name);
        items->fields[k] = (struct sheaf_field){.name = name, .type = SHEAF_TEXT, .width = 1};
        items->n_fields = k + 1;
    }
    if (text->plain)
        return 0;
    return check_renames(text, table, cells, items, error) || rename_earlier(items, error) ||
                   check_names(text, items, header->names.line, error)
               ? -1
               : 0;
}
