#include "job/csv_column.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "core/text.h"

/* Those that pandas knows, but for nan, which is a float; R writes NA. */
static const char *const usual[] = {"NA",   "N/A",  "n/a",     "<NA>",   "#N/A",     "#NA",     "NULL",
                                    "null", "None", "-1.#IND", "1.#IND", "-1.#QNAN", "1.#QNAN", "#N/A N/A"};

static bool is_text(const struct csv_cell *cell, const char *text) {
    return strlen(text) == cell->length && memcmp(cell->data, text, cell->length) == 0;
}

/* One of the job's own, as it is written there or as the same number. */
static bool is_own(const struct job_table *table, const struct csv_cell *cell) {
    double value = NAN;
    for (int i = 0; i < table->n_missing; i++) {
        if (is_text(cell, table->missing[i]))
            return true;
        if (isnan(table->missing_number[i]))
            continue;
        if (isnan(value) && sheaf_text_to_double(cell->data, cell->length, &value))
            value = NAN;
        if (value == table->missing_number[i])
            return true;
    }
    return false;
}

static bool is_usual(const struct csv_cell *cell) {
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (is_text(cell, usual[i]))
            return true;
    return false;
}

bool sheaf_csv_is_missing(const struct job_table *table, const struct csv_cell *cell) {
    const struct csv_cell bare = sheaf_csv_trim(*cell);
    return bare.length == 0 || is_own(table, &bare) || is_usual(&bare);
}

/* A code is made of digits that a number would not keep: 007, or more than an int64 holds. */
enum looks { INTEGER, CODE, OTHER };

static enum looks looks_of(const struct csv_cell *bare) {
    const char *p = bare->data, *end = p + bare->length;
    int64_t value;
    const char *first = p += p < end && (*p == '-' || *p == '+');
    while (p < end && isdigit((unsigned char)*p))
        p++;
    if (p != end || p == first)
        return OTHER;
    if (end - first > 1 && *first == '0')
        return CODE;
    return end - first < 19 || sheaf_text_to_int64(bare->data, bare->length, &value) == 0 ? INTEGER : CODE;
}

/* Whether a float64 would be another number than a cell that is written as a whole one, perhaps with .0 behind it. */
static bool is_large(const struct csv_cell *bare) {
    const char *point = memchr(bare->data, '.', bare->length), *end = bare->data + bare->length;
    const struct csv_cell whole = {.data = bare->data, .length = (size_t)((point ? point : end) - bare->data)};
    int64_t value;
    for (const char *p = point; p && ++p < end;)
        if (*p != '0')
            return false;
    if (whole.length < 16 || looks_of(&whole) == OTHER)
        return false;
    if (sheaf_text_to_int64(whole.data, whole.length, &value))
        return true; /* beyond int64 */
    const double rounded = (double)value;
    return rounded >= 0x1p63 || (int64_t)rounded != value;
}

void sheaf_csv_look(struct csv_column *column, const struct job_table *table, const struct csv_cell *cell, int64_t row,
                    int64_t line) {
    double value;
    if (column->bad_row >= 0)
        return;
    const struct csv_cell bare = sheaf_csv_trim(*cell);
    const bool nothing = bare.length == 0 && !cell->is_text;
    if (nothing || is_own(table, &bare)) {
        column->absent = true;
        column->named = column->named || bare.length;
        return;
    }
    const enum looks looks = cell->is_text ? OTHER : looks_of(&bare);
    column->codes = column->codes || looks == CODE;
    column->large = column->large || is_large(&bare);
    if (cell->is_text) {
        column->bad_row = row;
        column->bad_line = line;
    } else if (looks != OTHER || sheaf_text_to_double(bare.data, bare.length, &value) == 0) {
        column->integers = column->integers && looks == INTEGER;
        column->numbers = true;
    } else if (is_usual(&bare)) {
        column->absent = column->named = true;
    } else {
        column->bad_row = row;
        column->bad_line = line;
    }
}

enum sheaf_type sheaf_csv_type(const struct csv_column *column) {
    if (column->bad_row >= 0 || column->codes || (column->named && !column->numbers))
        return SHEAF_TEXT;
    if (column->integers && !column->absent)
        return SHEAF_INT64;
    return column->large ? SHEAF_TEXT : SHEAF_FLOAT64;
}

static int float_value(const struct job_table *table, const struct csv_cell *cell, double *number) {
    if (table->n_missing == 0 && sheaf_text_to_double(cell->data, cell->length, number) == 0)
        return 0;
    const bool missing = sheaf_csv_is_missing(table, cell);
    if (missing)
        *number = NAN;
    return missing || sheaf_text_to_double(cell->data, cell->length, number) == 0 ? 0 : -1;
}

int sheaf_csv_convert(const struct job_table *table, const struct csv_cell *cell, enum sheaf_type type, void *to) {
    double number;
    int64_t whole;
    if (type == SHEAF_FLOAT64 || type == SHEAF_FLOAT32) {
        if (float_value(table, cell, &number))
            return -1;
        if (type == SHEAF_FLOAT64)
            *(double *)to = number;
        else
            *(float *)to = (float)number;
        return 0;
    }
    if ((table->n_missing && sheaf_csv_is_missing(table, cell)) ||
        sheaf_text_to_int64(cell->data, cell->length, &whole))
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
