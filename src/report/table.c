#include "report/table.h"

#include <math.h>
#include <string.h>

#include "report/width.h"

enum {
    WIDEST_TEXT = 48,
    NARROWEST_TEXT = 16, /* that is shrunk */
    GAP = 2,
    MOST_SHOWN = 512,
    DIGITS = 7,       /* of the largest number in a column */
    LEAST_DIGITS = 3, /* of the smallest */
    MOST_DIGITS = 12  /* all in all, or it is written in powers of ten */
};

static int column_width(const struct table_column *column, int64_t n_rows) {
    int width = sheaf_width_of(column->head);
    for (int64_t i = 0; i < n_rows; i++) {
        int w = sheaf_width_of(column->cells[i]);
        w = column->is_text && !column->is_whole && !column->keeps_end && w > WIDEST_TEXT ? WIDEST_TEXT : w;
        width = w > width ? w : width;
    }
    return width;
}

/* Makes texts narrower, the widest first, but none than `least`, until the first n columns fit into a line. */
static void shrink(const struct table_column *columns, int n, int n_columns, int least, int *widths) {
    int over = -n_columns - GAP, whole = 0;
    for (int c = 0; c < n; c++) {
        over += widths[c] + GAP;
        whole += columns[c].is_whole ? widths[c] : 0;
    }
    if (whole > n_columns) /* there is no room for others in any case */
        return;
    for (int widest = 0; over > 0 && widest >= 0; over--) {
        widest = -1;
        for (int c = 0; c < n; c++)
            if (columns[c].may_shrink && widths[c] > least && widths[c] > sheaf_width_of(columns[c].head) &&
                (widest < 0 || widths[c] > widths[widest]))
                widest = c;
        if (widest >= 0)
            widths[widest]--;
    }
}

/* How wide the columns are: all of it, unless there is no room for others, or at last for results. */
static void choose_widths(const struct table_column *columns, int n, int64_t n_rows, int n_columns, int *widths) {
    int n_results = 0;
    for (int c = 0; c < n; c++) {
        widths[c] = column_width(&columns[c], n_rows);
        n_results = columns[c].is_result ? c + 1 : n_results;
    }
    if (n_columns) {
        shrink(columns, n, n_columns, WIDEST_TEXT, widths);
        shrink(columns, n_results, n_columns, NARROWEST_TEXT, widths);
    }
}

/* The end of a text that takes at most n_columns, *used of them. */
static const char *end_of(const char *text, int n_columns, int *used) {
    const int all = sheaf_width_of(text);
    size_t n_left = sheaf_width_cut(text, all - n_columns, used);
    if (*used < all - n_columns) /* a wide character lies across */
        n_left = sheaf_width_cut(text, all - n_columns + 1, used);
    *used = all - *used;
    return text + n_left;
}

/* A cell: as much of a UTF-8 text as fits, control characters as spaces; "…" takes the place of what is cut off. */
static void write_cell(FILE *out, const char *text, int width, const struct table_column *column, bool last) {
    const bool cut = sheaf_width_of(text) > width, at_end = cut && column->keeps_end;
    int used;
    const char *from = at_end ? end_of(text, width - 1, &used) : text;
    const size_t n_bytes = at_end ? strlen(from) : sheaf_width_cut(text, cut ? width - 1 : width, &used);
    const int padding = width - used - cut;
    if (!column->is_text)
        fprintf(out, "%*s", padding, "");
    if (at_end)
        fputs("…", out);
    for (size_t i = 0; i < n_bytes; i++)
        fputc((unsigned char)from[i] < 0x20 || from[i] == 0x7f ? ' ' : from[i], out);
    if (cut && !at_end)
        fputs("…", out);
    if (column->is_text && !last)
        fprintf(out, "%*s", padding, "");
    if (!last)
        fprintf(out, "%*s", GAP, "");
}

int sheaf_table_write(FILE *out, const struct table_column *columns, int n_table_columns, int64_t n_rows,
                      int n_columns) {
    int widths[MOST_SHOWN], n_shown = 0, used = 0;
    n_table_columns = n_table_columns < MOST_SHOWN ? n_table_columns : MOST_SHOWN;
    choose_widths(columns, n_table_columns, n_rows, n_columns, widths);
    for (; n_shown < n_table_columns; n_shown++) {
        used += widths[n_shown] + (n_shown ? GAP : 0);
        if (n_columns && n_shown && used > n_columns && !columns[n_shown].is_whole)
            break;
    }
    for (int c = 0; c < n_shown; c++)
        write_cell(out, columns[c].head, widths[c], &columns[c], c + 1 == n_shown);
    fputc('\n', out);
    for (int64_t i = 0; i < n_rows; i++) {
        for (int c = 0; c < n_shown; c++)
            write_cell(out, columns[c].cells[i], widths[c], &columns[c], c + 1 == n_shown);
        fputc('\n', out);
    }
    return n_shown;
}

void sheaf_table_csv(FILE *out, const char *const *cells, int n_cells) {
    for (int c = 0; c < n_cells; c++) {
        if (c)
            fputc(',', out);
        bool blank_line = n_cells == 1 && cells[c][0] == '\0'; /* which readers would pass over */
        if (!blank_line && !strpbrk(cells[c], ",\"\r\n")) {
            fputs(cells[c], out);
            continue;
        }
        fputc('"', out);
        for (const char *p = cells[c]; *p; p++) {
            if (*p == '"')
                fputc('"', out);
            fputc(*p, out);
        }
        fputc('"', out);
    }
    fputc('\n', out);
}

/* Zeros at the end of a decimal that stands for nothing more precise. */
static size_t trailing_zeros(const char *text) {
    size_t length = strlen(text), n = 0;
    while (n < length && text[length - 1 - n] == '0')
        n++;
    return n;
}

/* How to write a column: with as many decimals as give its largest value 7 digits, and more where its smallest would have
   fewer than 3; or in powers of ten. */
static bool choose_fixed(const double *values, int64_t n, int *decimals) {
    double least = INFINITY, most = 0;
    bool integers = true;
    for (int64_t i = 0; i < n; i++) {
        double size = fabs(values[i]);
        if (!isfinite(size) || size == 0)
            continue;
        integers = integers && size == floor(size);
        least = size < least ? size : least;
        most = size > most ? size : most;
    }
    int whole = most >= 1 ? (int)floor(log10(most)) + 1 : 1;
    integers = integers && most < 1e15;
    bool fixed = most == 0 || integers || (most < 1e7 && least >= 1e-4);
    if (fixed && !integers && most > 0) {
        const int needed = LEAST_DIGITS - 1 - (int)floor(log10(least));
        *decimals = whole < DIGITS ? DIGITS - whole : 0;
        *decimals = needed > *decimals ? needed : *decimals;
        fixed = whole + *decimals <= MOST_DIGITS;
    } else {
        *decimals = 0;
    }
    *decimals = fixed ? *decimals : DIGITS - 1;
    return fixed;
}

const char **sheaf_table_numbers(const double *values, int64_t n, struct sheaf_arena *arena) {
    char buffer[64];
    int decimals;
    bool fixed = choose_fixed(values, n, &decimals);
    size_t spare = (size_t)decimals; /* zeros that all of them end with */
    for (int64_t i = 0; i < n && spare > 0 && fixed; i++) {
        snprintf(buffer, sizeof buffer, "%.*f", decimals, values[i]);
        if (isfinite(values[i]) && trailing_zeros(buffer) < spare)
            spare = trailing_zeros(buffer);
    }
    decimals -= fixed ? (int)spare : 0;
    const char **cells = sheaf_arena_take(arena, (size_t)n * sizeof *cells);
    for (int64_t i = 0; cells && i < n; i++) {
        if (isnan(values[i]))
            snprintf(buffer, sizeof buffer, "nan");
        else
            snprintf(buffer, sizeof buffer, fixed ? "%.*f" : "%.*e", decimals, values[i]);
        cells[i] = sheaf_arena_text(arena, buffer, strlen(buffer));
        if (!cells[i])
            return NULL;
    }
    return cells;
}
