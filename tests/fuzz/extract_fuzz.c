/*
 * extract_fuzz - values out of what a program wrote, as bytes that any program may write.
 *
 * An input is a line "WHERE WHAT", such as "json a.b.0", "regex Cd = (\S+)", "column 2" or "cell,2", where a comma
 * divides columns, and below it the output. The
 * value is taken as each type. Besides: what is refused has a message; a text of a regular expression or a column is a
 * part of the output; a number is what its text says; a whole number is the float; empty lines behind, JSON's lines of
 * something else before, and \r in place of \n change nothing; a cell is what lies between the separators before and
 * behind it.
 */
#include <math.h>

#include "fuzz.h"

#include "job/kind.h"
#include "kernel/command/extract.h"
#include "kernel/program/json.h"

enum { N_TYPES = 3 };
static const enum sheaf_type types[N_TYPES] = {SHEAF_TEXT, SHEAF_FLOAT64, SHEAF_INT64};

struct value {
    int rc;
    union {
        double number;
        int64_t whole;
    };
    struct sheaf_buffer text;
};

/* Text[length] is copied to memory of just this size, so that a byte read behind it is seen. */
static struct value extract(const struct job_output *output, const char *text, size_t length) {
    struct value v = {0};
    struct sheaf_error error = {0};
    struct extractor extractor;
    struct extract_source source = {.text = malloc(length ? length : 1), .length = length};
    memcpy((char *)(uintptr_t)source.text, text, length);
    claim(sheaf_extractor_open(&extractor, output, &error) == 0, "%s", error.text);
    v.rc = sheaf_extract(&extractor, &source, &v.whole, &v.text, &error);
    if (v.rc)
        check_message(&error);
    sheaf_extract_end(&source);
    sheaf_extractor_close(&extractor);
    free((char *)(uintptr_t)source.text);
    return v;
}

static bool same_value(const struct value *a, const struct value *b, enum sheaf_type type) {
    if (a->rc || b->rc)
        return a->rc == b->rc;
    if (type == SHEAF_TEXT)
        return a->text.n_bytes == b->text.n_bytes &&
               (a->text.n_bytes == 0 || memcmp(a->text.data, b->text.data, a->text.n_bytes) == 0);
    return type == SHEAF_INT64 ? a->whole == b->whole
                               : a->number == b->number || (isnan(a->number) && isnan(b->number));
}

/* The output with something before and behind it. */
static void check_same(const struct job_output *output, const struct value *wanted, const char *before,
                       const char *text, size_t length, const char *behind) {
    size_t n_before = strlen(before), n = n_before + length + strlen(behind);
    char *longer = malloc(n + 1);
    memcpy(longer, before, n_before);
    memcpy(longer + n_before, text, length);
    strcpy(longer + n_before + length, behind);
    struct value got = extract(output, longer, n);
    claim(same_value(&got, wanted, output->type), "type %d: another value with '%s' before and '%s' behind",
          (int)output->type, before, behind);
    sheaf_buffer_free(&got.text);
    free(longer);
}

static void check_number(const struct job_output *output, const struct value *text, const struct value *number,
                         const struct value *whole) {
    const bool unsure = output->where == JOB_FROM_COLUMN && !output->separator; /* its type tells which cell is meant */
    char *written = strndup(text->text.data ? text->text.data : "", text->text.n_bytes), *end;
    claim(number->rc || text->rc == 0 || unsure, "a number without a text");
    bool grouped = strchr(written, '_'); /* 1_000 is a whole number, but not a float */
    claim(whole->rc || number->rc == 0 || grouped || unsure, "a whole number that is no number: %s", written);
    for (char *d = written; *d; d++) /* Fortran's exponents are not strtod's */
        *d = *d == 'D' || *d == 'd' ? 'e' : *d;
    double wanted = strtod(written, &end);
    if (number->rc == 0 && text->rc == 0 && end > written && !strchr(written, '"') &&
        end[strspn(end, " \t\r\n")] == '\0')
        claim(number->number == wanted || (isnan(number->number) && isnan(wanted)), "'%s' is %.17g", written,
              number->number);
    if (whole->rc == 0 && number->rc == 0 && !grouped && !unsure)
        claim((double)whole->whole == number->number, "%lld is %.17g", (long long)whole->whole, number->number);
    free(written);
}

/* Cells are what cut -d and awk -F find in the last line. */
static void check_cell(const struct job_output *output, const struct value *cell, const char *text, size_t length) {
    const char *line = text;
    size_t n = length;
    int64_t c = 1;
    while (n > 0 && strchr(" \t\r\n", text[n - 1]) && text[n - 1])
        n--;
    for (size_t i = 0; i < n; i++)
        line = text[i] == '\n' || text[i] == '\r' ? text + i + 1 : line;
    while (n < length && (text[n] == ' ' || text[n] == '\t') && n > (size_t)(line - text))
        n++;
    for (const char *next; c < output->column; c++, line = next + 1)
        if (!(next = memchr(line, output->separator, (size_t)(text + n - line))))
            break;
    claim((c == output->column && n > 0) == (cell->rc == 0), "column %lld is there or not", (long long)output->column);
    if (cell->rc)
        return;
    const char *end = memchr(line, output->separator, (size_t)(text + n - line));
    end = end ? end : text + n;
    while (line < end && (*line == ' ' || *line == '\t'))
        line++;
    while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    claim(cell->text.n_bytes == (size_t)(end - line) &&
              (end == line || memcmp(cell->text.data, line, cell->text.n_bytes) == 0),
          "another cell than '%.*s'", (int)(end - line), line);
}

/* The output with \r for \n. */
static void check_returns(const struct job_output *output, const struct value *wanted, const char *text,
                          size_t length) {
    char *other = malloc(length + 1);
    for (size_t i = 0; i < length; i++)
        other[i] = text[i] == '\n' ? '\r' : text[i];
    if (!memmem(text, length, "\r", 1)) {
        other[length] = '\0';
        check_same(output, wanted, "", other, length, "");
    }
    free(other);
}

static void check_output(struct job_output *output, const char *text, size_t length) {
    struct value values[N_TYPES];
    for (int t = 0; t < N_TYPES; t++) {
        output->type = types[t];
        values[t] = extract(output, text, length);
        if (output->where == JOB_FROM_COLUMN)
            check_same(output, &values[t], "", text, length, "\n \r\n\n");
        if (output->where == JOB_FROM_COLUMN)
            check_returns(output, &values[t], text, length);
        if (output->separator && types[t] == SHEAF_TEXT)
            check_cell(output, &values[t], text, length);
        if (output->where == JOB_FROM_JSON && values[t].rc == 0 && !memchr(text, '\n', length))
            check_same(output, &values[t], "begin: 1\n\n", text, length, "\n");
    }
    if (values[0].rc == 0 && values[0].text.n_bytes && output->where != JOB_FROM_JSON)
        claim(memmem(text, length, values[0].text.data, values[0].text.n_bytes), "a text that was not written");
    check_number(output, &values[0], &values[1], &values[2]);
    for (int t = 0; t < N_TYPES; t++)
        sheaf_buffer_free(&values[t].text);
}

/* False: the line asks for nothing that a job file may ask for. `line` is changed, and lives as long as the output. */
static bool read_line(char *line, struct job_output *output, const struct yaml_node *node) {
    static const char *const names[] = {"json ", "regex ", "column "}; /* as in enum job_where */
    *output = (struct job_output){.name = "y", .node = node, .width = 1};
    if (strncmp(line, "cell", 4) == 0 && line[4] && strchr("\t,;|", line[4])) {
        output->separator = line[4];
        output->where = JOB_FROM_COLUMN;
        output->what = line + 5;
        output->column = strtol(line + 5, NULL, 10);
        return output->column >= 1 && output->column <= 1000000;
    }
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(names[i]);
        if (strncmp(line, names[i], n) != 0)
            continue;
        output->where = (enum job_where)i;
        output->what = line + n;
        output->column = i == JOB_FROM_COLUMN ? strtol(line + n, NULL, 10) : 0;
        return i == JOB_FROM_COLUMN ? output->column >= 1 && output->column <= 1000000 : line[n] != '\0';
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct yaml_node node = {
        .kind = YAML_SCALAR, .file = "fuzz.yaml", .line = 1, .column = 1, .text = "y"};
    struct job_output output;
    struct extractor extractor;
    struct sheaf_error error = {0};
    const char *text = memchr(data, '\n', size);
    if (!text)
        return -1;
    sheaf_json_start();
    size_t n_line = (size_t)(text - (const char *)data);
    char *line = strndup((const char *)data, n_line);
    bool asked = is_utf8(line, strlen(line)) && read_line(line, &output, &node);
    if (asked && sheaf_extractor_open(&extractor, &output, &error)) {
        check_message(&error);
        check_place(&error, "fuzz.yaml", "y", 1, true);
    } else if (asked) {
        sheaf_extractor_close(&extractor);
        check_output(&output, text + 1, size - n_line - 1);
    }
    free(line);
    return asked ? 0 : -1; /* -1: not worth keeping */
}
