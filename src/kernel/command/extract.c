#include "kernel/command/extract.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "kernel/command/column.h"
#include "kernel/program/json.h"

static const uint32_t most_steps = 10000000; /* of matching an expression: some never come to an end */

int sheaf_extractor_open(struct extractor *e, const struct job_output *output, struct sheaf_error *error) {
    *e = (struct extractor){.output = output};
    if (output->where != JOB_FROM_REGEX)
        return 0;
    int code;
    PCRE2_SIZE at;
    char why[256];
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context)
        return sheaf_fail_memory(error, "a regular expression");
    pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF); /* programs that show progress end lines by \r */
    e->code = pcre2_compile((PCRE2_SPTR)output->what, PCRE2_ZERO_TERMINATED, PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                            &code, &at, context);
    pcre2_compile_context_free(context);
    if (e->code)
        return 0;
    pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
    return sheaf_yaml_refuse(output->node, error, "outputs.%s.regex: '%s' is no regular expression: %s (character %zu)",
                             output->name, output->what, why, (size_t)at + 1);
}

void sheaf_extractor_close(struct extractor *e) {
    if (e->code)
        pcre2_code_free(e->code);
    e->code = NULL;
}

void sheaf_extract_end(struct extract_source *source) {
    sheaf_json_free(&source->json);
}

/* --- texts --------------------------------------------------------------------------------------------------------- */

/* A value that is written as text[length]. */
static int take_text(const struct job_output *output, const char *text, size_t length, void *value, int64_t w,
                     struct sheaf_buffer *found, struct sheaf_error *error) {
    if (output->type == SHEAF_TEXT) {
        if (sheaf_buffer_resize(found, length, error))
            return -1;
        if (length > 0)
            memcpy(found->data, text, length);
        return 0;
    }
    if (output->type == SHEAF_FLOAT64 ? sheaf_text_to_double(text, length, (double *)value + w) == 0
                                      : sheaf_text_to_int64(text, length, (int64_t *)value + w) == 0)
        return 0;
    return sheaf_refuse(error, "is '%.*s'; it should be %s%s", length < 60 ? (int)length : 60, text,
                        output->type == SHEAF_FLOAT64 ? "a number" : "a whole number",
                        sheaf_text_comma_hint(text, length));
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static bool ends_line(char c) {
    return c == '\n' || c == '\r';
}

/* The last line that has something but blanks, whole. */
static const char *last_line(const char *text, size_t length, size_t *n) {
    size_t end = length;
    while (end > 0 && (is_blank(text[end - 1]) || ends_line(text[end - 1])))
        end--;
    size_t first = end;
    while (first > 0 && !ends_line(text[first - 1]))
        first--;
    while (end > first && end < length && is_blank(text[end]))
        end++;
    *n = end - first;
    return text + first;
}

/* --- JSON ---------------------------------------------------------------------------------------------------------- */

/* The whole text, or, behind lines of something else, its last line. */
static const struct sheaf_json *read_json(struct extract_source *source) {
    struct sheaf_error ignored;
    size_t n;
    if (source->json.root)
        return &source->json;
    if (source->bad_json)
        return NULL;
    if (sheaf_json_read(&source->json, source->text, source->length, &source->why) == 0)
        return &source->json;
    const char *line = last_line(source->text, source->length, &n);
    if (n > 0 && n < source->length && sheaf_json_read(&source->json, line, n, &ignored) == 0)
        return &source->json;
    source->bad_json = true;
    return NULL;
}

static int from_json(const struct job_output *output, struct extract_source *source, void *value,
                     struct sheaf_buffer *found, struct sheaf_error *error) {
    const struct sheaf_json *json = read_json(source);
    if (!json)
        return source->length == 0 ? sheaf_refuse(error, "nothing was written")
                                   : sheaf_refuse(error, "no JSON was written: %.200s", source->why.text);
    const json_t *at = sheaf_json_find(json->root, output->what, error);
    return at ? sheaf_json_take(json, at, output, value, found, error) : -1;
}

/* --- regular expressions ------------------------------------------------------------------------------------------- */

/* The last match: programs print on their way, and what they come to at last. */
static int from_regex(const struct extractor *e, const struct extract_source *source, void *value,
                      struct sheaf_buffer *found, struct sheaf_error *error) {
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(e->code, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    int rc = -1, n = 0;
    size_t begin = 0, end = 0;
    bool any = false;
    if (!data || !context) {
        sheaf_fail_memory(error, "a regular expression");
        goto out;
    }
    pcre2_set_match_limit(context, most_steps);
    for (PCRE2_SIZE at = 0; at <= source->length; any = true) {
        n = pcre2_match(e->code, (PCRE2_SPTR)source->text, source->length, at, 0, data, context);
        if (n < 0)
            break;
        const PCRE2_SIZE *where = pcre2_get_ovector_pointer(data);
        const int group = n > 1 && where[2] != PCRE2_UNSET ? 1 : 0; /* "(a)|b" may match without it */
        begin = where[2 * group];
        end = where[2 * group + 1];
        at = where[1] > at ? where[1]
                           : at + (at + 1 < source->length && memcmp(source->text + at, "\r\n", 2) == 0 ? 2 : 1);
    }
    if (n != PCRE2_ERROR_NOMATCH && n < 0)
        sheaf_refuse(error, "the regular expression took too long to match");
    else if (!any)
        sheaf_refuse(error, "nothing matches '%.100s'", e->output->what);
    else
        rc = take_text(e->output, source->text + begin, end - begin, value, 0, found, error);
out:
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    return rc;
}

/* --- columns ------------------------------------------------------------------------------------------------------- */

/* The cells of the last `width` lines that are not empty. */
static int from_column(const struct job_output *output, const struct extract_source *source, void *value,
                       struct sheaf_buffer *found, struct sheaf_error *error) {
    size_t left = source->length;
    for (int64_t w = output->width - 1; w >= 0; w--) {
        size_t n, n_cell;
        const char *line = last_line(source->text, left, &n);
        if (n == 0)
            return sheaf_refuse(error, "%lld line%s with a column %lld should be there", (long long)output->width,
                                output->width > 1 ? "s" : "", (long long)output->column);
        const char *cell = sheaf_column_find(output, line, n, &n_cell, error);
        if (!cell || take_text(output, cell, n_cell, value, w, found, error))
            return -1;
        left = (size_t)(line - source->text);
    }
    return 0;
}

int sheaf_extract(const struct extractor *e, struct extract_source *source, void *value, struct sheaf_buffer *found,
                  struct sheaf_error *error) {
    switch (e->output->where) {
    case JOB_FROM_JSON:
        return from_json(e->output, source, value, found, error);
    case JOB_FROM_REGEX:
        return from_regex(e, source, value, found, error);
    case JOB_FROM_COLUMN:
        return from_column(e->output, source, value, found, error);
    }
    return -1;
}
