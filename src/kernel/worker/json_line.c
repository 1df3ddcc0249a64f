#include "kernel/worker/json_line.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/random.h"
#include "core/text.h"
#include "core/type.h"
#include "job/items.h"
#include "kernel/program/template.h"

static int add(struct sheaf_buffer *to, const char *text, struct sheaf_error *error) {
    return sheaf_template_append(to, text, strlen(text), error);
}

/* A JSON string. */
static int add_string(struct sheaf_buffer *to, const char *text, size_t length, struct sheaf_error *error) {
    char escaped[8];
    size_t from = 0, valid = 0;
    if (add(to, "\"", error))
        return -1;
    for (size_t i = 0; i < length;) {
        if (i >= valid)
            valid = i + sheaf_text_valid(text + i, length - i);
        while (i < valid && (unsigned char)text[i] >= ' ' && text[i] != '"' && text[i] != '\\')
            i++;
        if (i == length)
            break;
        if (i < valid)
            snprintf(escaped, sizeof escaped,
                     text[i] == '"'    ? "\\\""
                     : text[i] == '\\' ? "\\\\"
                                       : "\\u%04x",
                     (unsigned char)text[i]);
        else
            snprintf(escaped, sizeof escaped, "\xef\xbf\xbd"); /* U+FFFD */
        if (sheaf_template_append(to, text + from, i - from, error) || add(to, escaped, error))
            return -1;
        from = ++i;
    }
    return sheaf_template_append(to, text + from, length - from, error) || add(to, "\"", error) ? -1 : 0;
}

static int add_value(struct sheaf_buffer *to, int32_t type, const char *at, struct sheaf_error *error) {
    char text[40];
    struct sheaf_text value;
    switch (type) {
    case SHEAF_FLOAT64:
    case SHEAF_FLOAT32: {
        double number = sheaf_type_to_double(type, at);
        if (!isfinite(number))
            return add(to, "null", error);
        sheaf_text_double(number, text);
        return add(to, text, error) || (strpbrk(text, ".e") ? 0 : add(to, ".0", error)) ? -1 : 0;
    }
    case SHEAF_INT64:
        snprintf(text, sizeof text, "%" PRId64, *(const int64_t *)(const void *)at);
        return add(to, text, error);
    case SHEAF_INT32:
        snprintf(text, sizeof text, "%" PRId32, *(const int32_t *)(const void *)at);
        return add(to, text, error);
    case SHEAF_UINT8:
        snprintf(text, sizeof text, "%u", (unsigned)*(const uint8_t *)at);
        return add(to, text, error);
    case SHEAF_TEXT:
        memcpy(&value, at, sizeof value);
        return add_string(to, value.data, value.length, error);
    }
    return -1;
}

/* The values of one item. */
static int add_values(struct sheaf_buffer *to, const struct sheaf_field *field, const char *column, int64_t k,
                      struct sheaf_error *error) {
    const char *at = column + (size_t)k * sheaf_field_row_bytes(field);
    if (field->width == 1)
        return add_value(to, field->type, at, error);
    for (int64_t w = 0; w < field->width; w++, at += sheaf_type_bytes(field->type))
        if (add(to, w ? ", " : "[", error) || add_value(to, field->type, at, error))
            return -1;
    return add(to, "]", error);
}

static int add_field(struct sheaf_buffer *to, const struct sheaf_field *field, const char *column, int64_t k, int64_t n,
                     struct sheaf_error *error) {
    if (add(to, ", ", error) || add_string(to, field->name, strlen(field->name), error) || add(to, ": ", error))
        return -1;
    if (n == 0)
        return add_values(to, field, column, k, error);
    for (int64_t i = 0; i < n; i++)
        if (add(to, i ? ", " : "[", error) || add_values(to, field, column, k + i, error))
            return -1;
    return add(to, "]", error);
}

static int add_index(struct sheaf_buffer *to, int64_t first, int64_t n, struct sheaf_error *error) {
    char text[48];
    snprintf(text, sizeof text, n ? "{\"item\": [%" PRId64 : "{\"item\": %" PRId64, first);
    if (add(to, text, error))
        return -1;
    for (int64_t i = 1; i < n; i++) {
        snprintf(text, sizeof text, ", %" PRId64, first + i);
        if (add(to, text, error))
            return -1;
    }
    return n ? add(to, "]", error) : 0;
}

bool sheaf_json_line_has_seed(const struct job *job, int n_inputs, const struct sheaf_field *inputs) {
    bool taken = sheaf_items_find(inputs, n_inputs, "seed") >= 0;
    for (int p = 0; p < job->n_params; p++)
        taken = taken || strcmp(job->params[p].name, "seed") == 0;
    return job->has_seed && !taken;
}

/* The item's first random number, as much of it as a double holds: there are readers of JSON that have no other numbers. */
static int add_seed(struct sheaf_buffer *to, int64_t seed, int64_t item, struct sheaf_error *error) {
    struct sheaf_random stream;
    uint64_t bits;
    char text[24];
    sheaf_random_begin(&stream, (uint64_t)seed, (uint64_t)item);
    sheaf_random_bits(&stream, 1, &bits);
    snprintf(text, sizeof text, "%" PRIu64, bits >> 11);
    return add(to, text, error);
}

static int add_seeds(struct sheaf_buffer *to, int64_t seed, int64_t first, int64_t n, struct sheaf_error *error) {
    if (add(to, n ? ", \"seed\": [" : ", \"seed\": ", error) || add_seed(to, seed, first, error))
        return -1;
    for (int64_t i = 1; i < n; i++)
        if (add(to, ", ", error) || add_seed(to, seed, first + i, error))
            return -1;
    return n ? add(to, "]", error) : 0;
}

/* Moves over digits; whether there were any. */
static bool skip_digits(const char **at) {
    const size_t n = strspn(*at, "0123456789");
    *at += n;
    return n > 0;
}

/* Whether the text is a number as JSON has them (RFC 8259), which it then may be as it stands. */
static bool is_json_number(const char *text) {
    const char *at = text + (*text == '-');
    if (*at == '0')
        at++;
    else if (!skip_digits(&at))
        return false;
    if (*at == '.' && (at++, !skip_digits(&at)))
        return false;
    if (*at == 'e' || *at == 'E') {
        at += at[1] == '+' || at[1] == '-' ? 2 : 1;
        if (!skip_digits(&at))
            return false;
    }
    return !*at;
}

/* A param as a number, where it is written as one, or a text. */
static int add_param(struct sheaf_buffer *to, const struct job_pair *param, struct sheaf_error *error) {
    const char *text = param->node->text;
    double number;
    int64_t integer;
    if (add(to, ", ", error) || add_string(to, param->name, strlen(param->name), error) || add(to, ": ", error))
        return -1;
    if (!param->node->quoted && is_json_number(text))
        return add(to, text, error); /* all digits of it */
    if (!param->node->quoted && sheaf_text_to_int64(text, strlen(text), &integer) == 0)
        return add_value(to, SHEAF_INT64, (const char *)&integer, error);
    if (!param->node->quoted && sheaf_text_to_double(text, strlen(text), &number) == 0)
        return add_value(to, SHEAF_FLOAT64, (const char *)&number, error);
    if (!param->node->quoted && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        return add(to, text, error);
    return add_string(to, text, strlen(text), error);
}

int sheaf_json_line_write(struct sheaf_buffer *to, const struct job *job, int n_inputs,
                          const struct sheaf_field *inputs, const struct sheaf_block *block, int64_t k, int64_t n,
                          struct sheaf_error *error) {
    if (add_index(to, block->first + k, n, error) ||
        (sheaf_json_line_has_seed(job, n_inputs, inputs) && add_seeds(to, job->seed, block->first + k, n, error)))
        return -1;
    for (int f = 0; f < n_inputs; f++)
        if (add_field(to, &inputs[f], block->in[f], k, n, error))
            return -1;
    for (int p = 0; p < job->n_params; p++)
        if (add_param(to, &job->params[p], error))
            return -1;
    return add(to, "}\n", error);
}

int sheaf_json_line_check(const struct job *job, struct sheaf_error *error) {
    for (int p = 0; p < job->n_params; p++)
        if (strcmp(job->params[p].name, "item") == 0)
            return sheaf_yaml_refuse(job->params[p].node, error,
                                     "params.item: 'item' is the item's index in what a worker gets; rename the param");
    for (int o = 0; o < job->program.n_outputs; o++)
        if (strcmp(job->program.outputs[o].name, "error") == 0)
            return sheaf_yaml_refuse(
                job->program.outputs[o].node, error,
                "outputs.error: 'error' is how a worker says that an item failed; rename the output");
    return 0;
}
