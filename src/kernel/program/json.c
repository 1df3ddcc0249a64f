#include "kernel/program/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

void sheaf_json_start(void) {
    json_object_seed(0); /* or the first two threads would race for it */
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

/* The words that are no JSON but are written all the same. */
static size_t find_odd_number(const char *at, size_t length) {
    static const char *const words[] = {"NaN", "-NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);
        if (n <= length && memcmp(at, words[i], n) == 0)
            return n;
    }
    return 0;
}

/* A copy of text[length] in which they are strings; NULL: there are none, or no memory. */
static char *quote_odd_numbers(const char *text, size_t length, size_t *n_bytes) {
    char *copy = malloc(2 * length + 1), *to = copy;
    bool inside = false, any = false;
    for (size_t i = 0; copy && i < length;) {
        size_t odd = inside ? 0 : find_odd_number(text + i, length - i);
        if (odd) {
            *to++ = '"';
            memcpy(to, text + i, odd);
            to += odd;
            *to++ = '"';
            i += odd;
            any = true;
            continue;
        }
        if (inside && text[i] == '\\' && i + 1 < length)
            *to++ = text[i++];
        else if (text[i] == '"')
            inside = !inside;
        *to++ = text[i++];
    }
    *n_bytes = (size_t)(to - copy);
    if (!any) {
        free(copy);
        return NULL;
    }
    return copy;
}

json_t *sheaf_json_read(const char *text, size_t length, struct sheaf_error *error) {
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_error_t why;
    json_t *json = json_loadb(text, length, flags, &why);
    if (!json) {
        size_t n_bytes;
        char *quoted = quote_odd_numbers(text, length, &n_bytes);
        if (quoted)
            json = json_loadb(quoted, n_bytes, flags, &why);
        free(quoted);
    }
    if (!json)
        sheaf_refuse(error, "%s (line %d, column %d)", why.text, why.line, why.column);
    return json;
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

static const char *kind_of(const json_t *json) {
    static const char *const names[] = {"an object", "an array", "a text", "a number",
                                        "a number",  "true",     "false",  "null"}; /* by json_typeof */
    return names[json_typeof(json)];
}

static int take_double(const json_t *json, double *value) {
    const char *text = json_string_value(json);
    if (json_is_number(json))
        *value = json_number_value(json);
    else if (json_is_boolean(json))
        *value = json_is_true(json);
    else if (json_is_null(json))
        *value = NAN;
    else
        return text && find_odd_number(text, strlen(text)) == strlen(text) && text[0]
                   ? sheaf_text_to_double(text, strlen(text), value)
                   : -1;
    return 0;
}

static int take_int64(const json_t *json, int64_t *value) {
    double number = json_number_value(json);
    if (json_is_integer(json))
        *value = json_integer_value(json);
    else if (json_is_boolean(json))
        *value = json_is_true(json);
    else if (json_is_real(json) && number == floor(number) && fabs(number) < 9e15)
        *value = (int64_t)number;
    else
        return -1;
    return 0;
}

static int take_text(const json_t *json, struct sheaf_buffer *found, struct sheaf_error *error) {
    char *dumped = json_is_string(json) ? NULL : json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    const char *text = dumped ? dumped : json_string_value(json);
    const size_t length = dumped ? strlen(dumped) : json_string_length(json);
    int rc = text ? sheaf_buffer_resize(found, length, error) : sheaf_fail_memory(error, "a text");
    if (rc == 0 && length > 0)
        memcpy(found->data, text, length);
    free(dumped);
    return rc;
}

static int take_one(const json_t *json, const struct job_output *output, void *value, int64_t w,
                    struct sheaf_error *error) {
    const bool is_float = output->type == SHEAF_FLOAT64;
    if (is_float ? take_double(json, (double *)value + w) == 0 : take_int64(json, (int64_t *)value + w) == 0)
        return 0;
    return sheaf_refuse(error, "is %s; it should be %s", kind_of(json), is_float ? "a number" : "a whole number");
}

int sheaf_json_take(const json_t *json, const struct job_output *output, void *value, struct sheaf_buffer *found,
                    struct sheaf_error *error) {
    if (output->type == SHEAF_TEXT)
        return take_text(json, found, error);
    if (output->width == 1)
        return take_one(json, output, value, 0, error);
    if (json_is_array(json) && json_array_size(json) != (size_t)output->width)
        return sheaf_refuse(error, "is an array of %zu; it should be one of %lld", json_array_size(json),
                            (long long)output->width);
    if (!json_is_array(json))
        return sheaf_refuse(error, "is %s; it should be an array of %lld", kind_of(json), (long long)output->width);
    for (int64_t w = 0; w < output->width; w++)
        if (take_one(json_array_get(json, (size_t)w), output, value, w, error))
            return -1;
    return 0;
}
