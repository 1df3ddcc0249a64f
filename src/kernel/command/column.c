#include "kernel/command/column.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

struct cell {
    const char *text; /* NULL: there is none */
    size_t length;
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* A blank that may stand around a cell. */
static bool is_padding(char c, char separator) {
    return is_blank(c) && (c != separator || separator == JOB_BLANKS);
}

/* The cell that begins at *at; *at is then where the next one does, or behind the line. */
static struct cell take_cell(const char *line, size_t length, char separator, size_t *at) {
    while (*at < length && is_padding(line[*at], separator))
        ++*at;
    const size_t first = *at;
    size_t end = first;
    while (end < length && (separator == JOB_BLANKS ? !is_blank(line[end]) : line[end] != separator))
        end++;
    *at = end + 1;
    while (end > first && is_blank(line[end - 1]))
        end--;
    return (struct cell){line + first, end - first};
}

static struct cell find_cell(const char *line, size_t length, char separator, int64_t column) {
    struct cell cell = {0};
    size_t at = 0;
    while (separator == JOB_BLANKS && length > 0 && is_blank(line[length - 1]))
        length--;
    for (int64_t c = 0; c < column; c++) {
        if (at > length)
            return (struct cell){0};
        cell = take_cell(line, length, separator, &at);
    }
    return cell;
}

/* What the commas of a line may be. */
enum commas {
    NOTHING,  /* there are none, or they belong to numbers or sentences */
    DIVIDERS, /* a,b, c */
    EITHER,   /* there are blanks between them: a table with names, or a sentence */
    A_POINT   /* 1,5 */
};

static enum commas judge_commas(const char *line, size_t length) {
    bool any = false, blanks = false, digits = false; /* blanks inside of a cell; digits on both sides of a comma */
    bool inside = false;                              /* of a cell: some of its text was there */
    if (*sheaf_text_comma_hint(line, length))
        return A_POINT;
    for (size_t i = 0; i < length; i++) {
        const bool comma = line[i] == ',', blank = is_blank(line[i]), was_blank = i > 0 && is_blank(line[i - 1]);
        any |= comma;
        digits |= comma && i > 0 && isdigit((unsigned char)line[i - 1]) && i + 1 < length &&
                  isdigit((unsigned char)line[i + 1]);
        blanks |= inside && was_blank && !blank && !comma;
        inside = !comma && (inside || !blank);
    }
    if (!any || memchr(line, ';', length) || (blanks && digits))
        return NOTHING;
    return blanks ? EITHER : DIVIDERS;
}

static bool is_value(const struct cell *cell, enum sheaf_type type) {
    double number;
    int64_t whole;
    return cell->text && (type == SHEAF_TEXT    ? true
                          : type == SHEAF_INT64 ? sheaf_text_to_int64(cell->text, cell->length, &whole) == 0
                                                : sheaf_text_to_double(cell->text, cell->length, &number) == 0);
}

static int refuse_both(const char *line, size_t length, const char *meanings, struct sheaf_error *error) {
    return sheaf_refuse(error, "the line '%.*s' %s; say separator: comma or another one",
                        length < 40 ? (int)length : 40, line, meanings);
}

/* The cell of a line of which the job does not say what divides it. */
static int choose_cell(const struct job_output *output, const char *line, size_t length, struct cell *cell,
                       char *separator, struct sheaf_error *error) {
    const bool tabs = memchr(line, '\t', length);
    const enum commas commas = tabs ? NOTHING : judge_commas(line, length);
    if (commas == A_POINT)
        return refuse_both(line, length, "is two columns, or a number with a decimal comma (LC_NUMERIC=C has points)",
                           error);
    *separator = tabs ? '\t' : commas == DIVIDERS ? ',' : JOB_BLANKS;
    *cell = find_cell(line, length, *separator, output->column);
    if (commas != EITHER)
        return 0;
    const struct cell other = find_cell(line, length, ',', output->column);
    if (!is_value(&other, output->type))
        return 0;
    if (is_value(cell, output->type))
        return refuse_both(line, length, "is divided by commas, or by blanks", error);
    *separator = ',';
    *cell = other;
    return 0;
}

static const char *name_separator(char separator, char text[8]) {
    snprintf(text, 8, "'%c'", separator);
    return separator == '\t' ? "tabs" : separator == JOB_BLANKS ? "blanks" : separator == ',' ? "commas" : text;
}

const char *sheaf_column_find(const struct job_output *output, const char *line, size_t length, size_t *n,
                              struct sheaf_error *error) {
    struct cell cell = {0};
    char separator = output->separator, text[8];
    if (separator)
        cell = find_cell(line, length, separator, output->column);
    else if (choose_cell(output, line, length, &cell, &separator, error))
        return NULL;
    if (!cell.text)
        sheaf_refuse(error, "the line '%.*s' has no column %lld, divided by %s%s", length < 60 ? (int)length : 60, line,
                     (long long)output->column, name_separator(separator, text),
                     output->separator ? "" : "; 'separator' says what else divides it");
    *n = cell.length;
    return cell.text;
}
