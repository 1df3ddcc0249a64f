/*
 * jsonl_fuzz - JSON Lines, as bytes that anybody may have written.
 *
 * A refusal names a line of the file; what is opened has texts of UTF-8 within the bounds that it promises, the same in pieces.
 * Of a single line Jansson says whether it is an object without anything nested, and what its values are.
 */
#include <jansson.h>
#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#include "job/csv.h"

static const char *write_file(const uint8_t *data, size_t size) {
    static char path[32];
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    claim(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size, "no memory");
    return path;
}

/* Items first … first + n - 1 of all fields as texts: cells[n_fields][n]. */
static struct sheaf_text *read_texts(struct items *items, int64_t first, int64_t n, struct sheaf_arena *arena) {
    struct sheaf_error error = {0};
    const size_t n_fields = (size_t)items->n_fields;
    struct sheaf_text *cells = sheaf_arena_take(arena, n_fields * (size_t)n * sizeof *cells);
    void **columns = sheaf_arena_take(arena, n_fields * sizeof *columns);
    enum sheaf_type *types = sheaf_arena_take(arena, n_fields * sizeof *types);
    for (size_t k = 0; k < n_fields; k++) {
        columns[k] = cells + k * (size_t)n;
        types[k] = SHEAF_TEXT;
    }
    claim(sheaf_items_read_as(items, first, n, columns, types, arena, &error) == 0, "%s", error.text);
    return cells;
}

static bool same(const struct sheaf_text *a, const char *text, size_t length) {
    return a->length == length && (length == 0 || memcmp(a->data, text, length) == 0);
}

static void check_texts(struct items *items) {
    struct sheaf_arena arena = {0};
    const int64_t n = items->n_items;
    const struct sheaf_text *all = read_texts(items, 0, n, &arena);
    for (int64_t i = 0; i < n; i++) {
        const struct sheaf_text *one = read_texts(items, i, 1, &arena);
        size_t sum = 0;
        for (int k = 0; k < items->n_fields; k++) {
            const struct sheaf_text *cell = &all[k * n + i];
            claim(same(cell, one[k].data, one[k].length), "item %lld, field %d differs by itself", (long long)i, k);
            claim(is_utf8(cell->data, cell->length) && (!cell->length || !memchr(cell->data, 0, cell->length)),
                  "item %lld, field %d is no text", (long long)i, k);
            sum += cell->length;
        }
        claim(sum <= items->most_text_bytes, "item %lld has %zu bytes", (long long)i, sum);
    }
    sheaf_arena_free(&arena);
}

/* --- what Jansson says --------------------------------------------------------------------------------------------- */

static bool is_flat(json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) if (json_is_object(value) || json_is_array(value)) return false;
    return true;
}

static void check_cell(const struct sheaf_text *cell, json_t *value) {
    char *text = strndup(cell->data ? cell->data : "", cell->length);
    if (json_is_string(value))
        claim(same(cell, json_string_value(value), json_string_length(value)), "'%s' is another text", text);
    else if (json_is_number(value))
        claim(strtod(text, NULL) == json_number_value(value), "'%s' is not %g", text, json_number_value(value));
    else
        claim(strcmp(text, json_is_true(value) ? "true" : json_is_false(value) ? "false" : "") == 0, "'%s'", text);
    free(text);
}

/* Of one line; items is NULL where it was refused. */
static void compare(const char *line, size_t length, struct items *items, const char *why) {
    json_error_t error;
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
    const bool beyond = !object && json_error_code(&error) == json_error_numeric_overflow;
    if (!items) {
        const bool plain = json_is_object(object) && json_object_size(object) > 0 && is_flat(object);
        claim(!plain || strstr(why, ":1: key "), "refused: %s", why); /* a name that no field may have */
    } else if (!beyond && !memmem(line, length, "NaN", 3) && !memmem(line, length, "Infinity", 8)) {
        struct sheaf_arena arena = {0};
        claim(json_is_object(object) && is_flat(object), "taken; Jansson says: %s", error.text);
        claim(items->n_items == 1 && (size_t)items->n_fields == json_object_size(object), "%d fields", items->n_fields);
        const struct sheaf_text *cells = read_texts(items, 0, 1, &arena);
        for (int k = 0; k < items->n_fields; k++) {
            json_t *value = json_object_get(object, items->fields[k].name);
            if (value) /* blanks around a name are dropped */
                check_cell(&cells[k], value);
        }
        sheaf_arena_free(&arena);
    }
    json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct job_table nothing = {0};
    const char *text = (const char *)data, *path = write_file(data, size);
    struct sheaf_error error = {0};
    struct items items = {.name = path};
    const bool is_text = size < 3 || (memcmp(data, "\x1f\x8b", 2) != 0 && memcmp(data, "\xef\xbb\xbf", 3) != 0);
    const bool opened = sheaf_jsonl_open(&items, &nothing, &error) == 0;
    if (opened) {
        check_texts(&items);
    } else {
        check_message(&error);
        claim(strncmp(error.text, path, strlen(path)) == 0, "no file: %s", error.text);
    }
    if (is_text && size && !memchr(text, '\n', size))
        compare(text, size, opened ? &items : NULL, error.text);
    sheaf_items_close(&items);
    return 0;
}
