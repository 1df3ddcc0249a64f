#include "report/table.h"

#include <math.h>
#include <string.h>

#include "report/width.h"

enum {
    WIDEST_TEXT = 48,
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
        w = column->is_text && !column->is_whole && w > WIDEST_TEXT ? WIDEST_TEXT : w;
        width = w > width ? w : width;
    }
    return width;
}

/* A cell: as much of a UTF-8 text as fits, control characters as spaces; "…" takes the place of the last character where
   it is cut. */
static void write_cell(FILE *out, const char *text, int width, bool left, bool last) {
    const bool cut = sheaf_width_of(text) > width;
    int used;
    const size_t n_bytes = sheaf_width_cut(text, cut ? width - 1 : width, &used);
    const int padding = width - used - cut;
    if (!left)
        fprintf(out, "%*s", padding, "");
    for (size_t i = 0; i < n_bytes; i++)
        fputc((unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i], out);
    if (cut)
        fputs("…", out);
    if (left && !last)
        fprintf(out, "%*s", padding, "");
    if (!last)
        fprintf(out, "%*s", GAP, "");
}

int sheaf_table_write(FILE *out, const struct table_column *columns, int n_table_columns, int64_t n_rows,
                      int n_columns) {
    int widths[MOST_SHOWN], n_shown = 0, used = 0;
    for (; n_shown < n_table_columns && n_shown < MOST_SHOWN; n_shown++) {
        widths[n_shown] = column_width(&columns[n_shown], n_rows);
        used += widths[n_shown] + (n_shown ? GAP : 0);
        if (n_columns && n_shown && used > n_columns && !columns[n_shown].is_whole)
            break;
    }
    for (int c = 0; c < n_shown; c++)
        write_cell(out, columns[c].head, widths[c], columns[c].is_text, c + 1 == n_shown);
    fputc('\n', out);
    for (int64_t i = 0; i < n_rows; i++) {
        for (int c = 0; c < n_shown; c++)
            write_cell(out, columns[c].cells[i], widths[c], columns[c].is_text, c + 1 == n_shown);
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
