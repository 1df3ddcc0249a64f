#include "kernel/program/json.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

void sheaf_json_start(void) {
    json_object_seed(0); /* or the first two threads would race for it */
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

/* Characters of a word or a number: outside of strings JSON has no others in a row. */
static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '+' || c == '-' || c == '.';
}

/* A copy of text[length] in which the n-th number is n, for the numbers to stay as they were written: jansson would
   refuse large ones, NaN and Infinity. NULL: there is no memory. */
static char *number_numbers(struct sheaf_json *json, const char *text, size_t length, size_t *n_bytes) {
    size_t n_words = 0, n = 0;
    for (size_t i = 0; i < length; i++)
        n_words += is_word(text[i]) && (i == 0 || !is_word(text[i - 1]));
    const size_t most = length + n_words * (size_t)snprintf(NULL, 0, "%zu", n_words);
    char *copy = malloc(most + 1), *to = copy;
    json->numbers = malloc((n_words + 1) * sizeof *json->numbers);
    bool inside = false;
    for (size_t i = 0; copy && json->numbers && i < length;) {
        size_t n_word = 0;
        while (!inside && i + n_word < length && is_word(text[i + n_word]))
            n_word++;
        if (n_word > 0 && sheaf_text_is_number(text + i, n_word)) {
            json->numbers[n] = (struct json_number){text + i, n_word};
            to += snprintf(to, most + 1 - (size_t)(to - copy), "%zu", n++);
            i += n_word;
            continue;
        }
        if (inside && text[i] == '\\' && i + 1 < length)
            *to++ = text[i++];
        else if (text[i] == '"')
            inside = !inside;
        for (n_word = n_word > 0 ? n_word : 1; n_word > 0; n_word--)
            *to++ = text[i++];
    }
    *n_bytes = copy ? (size_t)(to - copy) : 0;
    if (copy && json->numbers)
        return copy;
    free(copy);
    return NULL;
}

int sheaf_json_read(struct sheaf_json *json, const char *text, size_t length, struct sheaf_error *error) {
    json_error_t why;
    size_t n_bytes;
    *json = (struct sheaf_json){0};
    char *copy = number_numbers(json, text, length, &n_bytes);
    json->root = copy ? json_loadb(copy, n_bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why) : NULL;
    free(copy);
    if (json->root)
        return 0;
    sheaf_json_free(json);
    return copy ? sheaf_refuse(error, "%s (line %d)", why.text, why.line) : sheaf_fail_memory(error, "JSON");
}

void sheaf_json_free(struct sheaf_json *json) {
    json_decref(json->root);
    free(json->numbers);
    *json = (struct sheaf_json){0};
}

/* --- finding ------------------------------------------------------------------------------------------------------- */

static void say_keys(const json_t *object, const char *key, const char *path, struct sheaf_error *error) {
    const char *names[64], *name;
    char hint[256] = "";
    json_t *value;
    int n = 0;
    json_object_foreach((json_t *)(uintptr_t)object, name, value) if (n < 64) names[n++] = name;
    sheaf_text_suggest(key, names, n, true, hint, sizeof hint);
    sheaf_refuse(error, "there is no '%s'%s%s%s", key, strcmp(key, path) ? " of " : "", strcmp(key, path) ? path : "",
                 n ? hint : "");
}

json_t *sheaf_json_find(json_t *root, const char *path, struct sheaf_error *error) {
    json_t *at = root;
    for (const char *part = path; at && *part;) {
        size_t length = strcspn(part, ".");
        char key[256];
        int64_t index;
        if (json_is_object(at) && json_object_get(at, part)) /* a key with dots in it */
            return json_object_get(at, part);
        snprintf(key, sizeof key, "%.*s", (int)length, part);
        json_t *inner = json_is_object(at) && length < sizeof key ? json_object_get(at, key)
                        : json_is_array(at) && sheaf_text_to_int64(part, length, &index) == 0 && index >= 0
                            ? json_array_get(at, (size_t)index)
                            : NULL;
        if (!inner && json_is_object(at))
            say_keys(at, key, path, error);
        else if (!inner)
            sheaf_refuse(error, "there is no '%s' of %s", key, path);
        at = inner;
        part += length + (part[length] == '.');
    }
    return at;
}

/* --- taking -------------------------------------------------------------------------------------------------------- */

/* What it is, for a message: a number as it was written. */
static const char *kind_of(const struct sheaf_json *json, const json_t *value, char text[80]) {
    static const char *const names[] = {"an object", "an array", "a text", "a number",
                                        "a number",  "true",     "false",  "null"}; /* by json_typeof */
    if (!json_is_integer(value))
        return names[json_typeof(value)];
    const struct json_number number = json->numbers[json_integer_value(value)];
    snprintf(text, 80, "%.*s", number.length < 60 ? (int)number.length : 60, number.text);
    return text;
}

static int take_double(const struct sheaf_json *json, const json_t *value, double *to) {
    const char *text = json_string_value(value);
    if (json_is_integer(value)) {
        const struct json_number number = json->numbers[json_integer_value(value)];
        return sheaf_text_to_double(number.text, number.length, to);
    }
    if (json_is_boolean(value))
        *to = json_is_true(value);
    else if (json_is_null(value))
        *to = NAN;
    else /* some write "NaN" */
        return text && sheaf_text_to_double(text, json_string_length(value), to) == 0 && !isfinite(*to) ? 0 : -1;
    return 0;
}

int sheaf_json_whole(const struct sheaf_json *json, const json_t *value, int64_t *whole) {
    if (json_is_boolean(value))
        *whole = json_is_true(value);
    if (!json_is_integer(value))
        return json_is_boolean(value) ? 0 : -1;
    const struct json_number number = json->numbers[json_integer_value(value)];
    return sheaf_text_to_int64(number.text, number.length, whole);
}

/* A string with quotes. */
static int add_quoted(struct sheaf_buffer *to, const json_t *string, struct sheaf_error *error) {
    char *text = json_dumps(string, JSON_ENCODE_ANY);
    const int rc = text ? sheaf_buffer_append(to, text, strlen(text), error) : sheaf_fail_memory(error, "a text");
    free(text);
    return rc;
}

/* Any value as JSON, numbers as they were written. */
static int add_value(struct sheaf_buffer *to, const struct sheaf_json *json, const json_t *value,
                     struct sheaf_error *error) {
    const bool object = json_is_object(value);
    if (json_is_integer(value)) {
        const struct json_number number = json->numbers[json_integer_value(value)];
        return sheaf_buffer_append(to, number.text, number.length, error);
    }
    if (!object && !json_is_array(value))
        return add_quoted(to, value, error); /* or true, false, null */
    const size_t n = object ? json_object_size(value) : json_array_size(value);
    void *at = object ? json_object_iter((json_t *)(uintptr_t)value) : NULL;
    if (sheaf_buffer_append(to, object ? "{" : "[", 1, error))
        return -1;
    for (size_t i = 0; i < n; i++) {
        json_t *key = object ? json_string(json_object_iter_key(at)) : NULL;
        const json_t *inner = object ? json_object_iter_value(at) : json_array_get(value, i);
        const int rc = (i > 0 && sheaf_buffer_append(to, ",", 1, error)) ||
                               (object && (add_quoted(to, key, error) || sheaf_buffer_append(to, ":", 1, error))) ||
                               add_value(to, json, inner, error)
                           ? -1
                           : 0;
        json_decref(key);
        if (rc)
            return -1;
        at = object ? json_object_iter_next((json_t *)(uintptr_t)value, at) : NULL;
    }
    return sheaf_buffer_append(to, object ? "}" : "]", 1, error);
}

static int take_text(const struct sheaf_json *json, const json_t *value, struct sheaf_buffer *found,
                     struct sheaf_error *error) {
    found->n_bytes = 0;
    return json_is_string(value)
               ? sheaf_buffer_append(found, json_string_value(value), json_string_length(value), error)
               : add_value(found, json, value, error);
}

static int take_one(const struct sheaf_json *json, const json_t *from, const struct job_output *output, void *value,
                    int64_t w, struct sheaf_error *error) {
    const bool is_float = output->type == SHEAF_FLOAT64;
    char text[80];
    if (is_float ? take_double(json, from, (double *)value + w) == 0
                 : sheaf_json_whole(json, from, (int64_t *)value + w) == 0)
        return 0;
    return sheaf_refuse(error, "is %s; it should be %s", kind_of(json, from, text),
                        is_float && json_is_integer(from) ? "a number that a float64 can hold"
                        : is_float                        ? "a number"
                                                          : "a whole number");
}

int sheaf_json_take(const struct sheaf_json *json, const json_t *from, const struct job_output *output, void *value,
                    struct sheaf_buffer *found, struct sheaf_error *error) {
    char text[80];
    if (output->type == SHEAF_TEXT)
        return take_text(json, from, found, error);
    if (output->width == 1)
        return take_one(json, from, output, value, 0, error);
    if (json_is_array(from) && json_array_size(from) != (size_t)output->width)
        return sheaf_refuse(error, "is an array of %zu; it should be one of %lld", json_array_size(from),
                            (long long)output->width);
    if (!json_is_array(from))
        return sheaf_refuse(error, "is %s; it should be an array of %lld", kind_of(json, from, text),
                            (long long)output->width);
    for (int64_t w = 0; w < output->width; w++)
        if (take_one(json, json_array_get(from, (size_t)w), output, value, w, error))
            return -1;
    return 0;
}
