#include "store/differences.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/type.h"
#include "job/files.h"
#include "store/reader.h"

enum { WINDOW = 4096, CELL = 64 };

/* The comparison of one results file with one table. */
struct comparison {
    struct reader *reader;
    struct items *items;
    int *stored;      /* [items->n_fields] the field in the file, or -1 */
    int64_t n_before; /* items of the file */
    int64_t n_differ; /* of those that both have */
    int64_t item;     /* the first of them, and what it has where: */
    const char *field;
    char before[CELL], now[CELL];
};

/* --- columns ------------------------------------------------------------------------------------------------------- */

/* Says which column one of both has not; true if there is one. */
static bool say_column(const struct comparison *c, const struct reader_field *fields, int n_fields,
                       struct sheaf_string *text) {
    const struct items *items = c->items;
    for (int k = 0; k < items->n_fields; k++)
        if (c->stored[k] < 0) {
            sheaf_string_add(text, "it has a column '%s' that was not there", items->fields[k].name);
            return true;
        }
    for (int k = 0; k < n_fields; k++)
        if (!fields[k].is_output && sheaf_items_find(items->fields, items->n_fields, fields[k].field.name) < 0) {
            sheaf_string_add(text, "its column '%s' is gone", fields[k].field.name);
            return true;
        }
    return false;
}

static int find_columns(struct comparison *c, const struct reader_field *fields, int n_fields) {
    c->stored = calloc((size_t)c->items->n_fields + 1, sizeof *c->stored);
    for (int k = 0; c->stored && k < c->items->n_fields; k++) {
        c->stored[k] = -1;
        for (int i = 0; i < n_fields; i++)
            if (!fields[i].is_output && strcmp(fields[i].field.name, c->items->fields[k].name) == 0 &&
                fields[i].field.width == c->items->fields[k].width)
                c->stored[k] = i;
    }
    return c->stored ? 0 : -1;
}

/* --- values -------------------------------------------------------------------------------------------------------- */

/* Value i of a column, as text; texts of items are terminated before. */
static void write_cell(enum sheaf_type type, const void *column, int64_t i, char cell[CELL]) {
    char buffer[32];
    const char *value =
        (const char *)column + (size_t)i * (type == SHEAF_TEXT ? sizeof(char *) : sheaf_type_bytes(type));
    int64_t whole;
    if (type == SHEAF_TEXT)
        snprintf(cell, CELL, "'%.50s'", ((const char *const *)column)[i]);
    else if (type == SHEAF_INT64)
        memcpy(&whole, value, sizeof whole), snprintf(cell, CELL, "%" PRId64, whole);
    else
        snprintf(cell, CELL, "%s", sheaf_text_double(sheaf_type_to_double(type, value), buffer));
}

/* A number that was read as text, or the other way round, is the same if it is written so. */
static bool is_same(enum sheaf_type type, const void *now, enum sheaf_type stored, const void *before, int64_t i) {
    char a[CELL], b[CELL];
    if (type == SHEAF_TEXT && stored == SHEAF_TEXT)
        return strcmp(((const char *const *)now)[i], ((const char *const *)before)[i]) == 0;
    if (type == stored &&
        memcmp((const char *)now + (size_t)i * sheaf_type_bytes(type),
               (const char *)before + (size_t)i * sheaf_type_bytes(type), sheaf_type_bytes(type)) == 0)
        return true;
    write_cell(type, now, i, a);
    write_cell(stored, before, i, b);
    const size_t n = strlen(a), m = strlen(b);
    return strcmp(a, b) == 0 || (n == m + 2 && strncmp(a + 1, b, m) == 0) || (m == n + 2 && strncmp(b + 1, a, n) == 0);
}

/* Terminated copies of texts, as the reader gives them; in place of the texts. */
static const char **terminate(const struct sheaf_text *texts, int64_t n, struct sheaf_arena *arena) {
    const char **copies = sheaf_arena_take(arena, (size_t)n * sizeof *copies);
    for (int64_t i = 0; copies && i < n; i++) {
        copies[i] = sheaf_arena_text(arena, texts[i].data, texts[i].length);
        if (!copies[i])
            return NULL;
    }
    return copies;
}

/* Items first … first + n - 1 of one field; differs[n] is set where they do. */
static int compare_field(struct comparison *c, int k, const void *read, int64_t first, int64_t n, bool *differs,
                         struct sheaf_arena *arena) {
    int n_fields;
    struct sheaf_error ignored;
    const struct sheaf_field *field = &c->items->fields[k];
    const struct reader_field *stored = &sheaf_reader_fields(c->reader, &n_fields)[c->stored[k]];
    const int64_t n_values = n * field->width;
    const void *now = field->type == SHEAF_TEXT ? terminate(read, n_values, arena) : read;
    void *before = sheaf_arena_take(arena, (size_t)n_values * sizeof(char *));
    if (!now || !before || sheaf_reader_range(c->reader, c->stored[k], first, n, before, arena, &ignored))
        return -1;
    for (int64_t i = 0; i < n_values; i++) {
        const int64_t item = first + i / field->width;
        if (is_same(field->type, now, stored->field.type, before, i))
            continue;
        differs[item - first] = true;
        if (c->field && c->item <= item)
            continue;
        c->item = item;
        c->field = field->name;
        write_cell(stored->field.type, before, i, c->before);
        write_cell(field->type, now, i, c->now);
    }
    return 0;
}

static int compare_window(struct comparison *c, int64_t first, int64_t n) {
    struct items *items = c->items;
    struct sheaf_arena arena = {0};
    struct sheaf_error ignored;
    bool *differs = sheaf_arena_take(&arena, (size_t)n * sizeof *differs);
    void **read = sheaf_arena_take(&arena, ((size_t)items->n_fields + 1) * sizeof *read);
    int rc = differs && read ? 0 : -1;
    for (int k = 0; rc == 0 && k < items->n_fields; k++) {
        read[k] = sheaf_arena_take(&arena, (size_t)n * sheaf_field_row_bytes(&items->fields[k]));
        rc = read[k] ? 0 : -1;
    }
    if (rc == 0)
        rc = sheaf_items_read(items, first, n, read, &arena, &ignored);
    for (int k = 0; rc == 0 && k < items->n_fields; k++)
        rc = compare_field(c, k, read[k], first, n, differs, &arena);
    for (int64_t i = 0; rc == 0 && i < n; i++)
        c->n_differ += differs[i];
    sheaf_arena_free(&arena);
    return rc;
}

/* --- items that are files ------------------------------------------------------------------------------------------ */

/* What has become of one of them; before or now is negative where it was not there. */
struct file_change {
    const char *path;
    int64_t bytes_before, bytes_now;
};

static void say_file(const struct file_change *change, int64_t n_said, struct sheaf_string *text) {
    enum { SHOWN = 3 };
    if (n_said >= SHOWN)
        return;
    sheaf_string_add(text, "%s'%.200s' ", n_said ? ", " : "", change->path);
    if (change->bytes_before < 0)
        sheaf_string_add(text, "is new");
    else if (change->bytes_now < 0)
        sheaf_string_add(text, "is gone");
    else if (change->bytes_before != change->bytes_now)
        sheaf_string_add(text, "has %" PRId64 " bytes and had %" PRId64, change->bytes_now, change->bytes_before);
    else
        sheaf_string_add(text, "was written since");
}

/* Files that are new, gone or changed: how many. Both lists are sorted. */
static int64_t say_files(const struct matching_file *now, int64_t n_now, const char *const *paths, const int64_t *bytes,
                         const int64_t *modified, int64_t n_before, struct sheaf_string *text) {
    int64_t n = 0;
    for (int64_t i = 0, k = 0; i < n_now || k < n_before;) {
        const int order = i == n_now ? 1 : k == n_before ? -1 : strcmp(now[i].path, paths[k]);
        const struct file_change change = {.path = order <= 0 ? now[i].path : paths[k],
                                           .bytes_before = order >= 0 ? bytes[k] : -1,
                                           .bytes_now = order <= 0 ? now[i].n_bytes : -1};
        if (order != 0 || bytes[k] != now[i].n_bytes || modified[k] != now[i].modified_ns)
            say_file(&change, n++, text);
        i += order <= 0;
        k += order >= 0;
    }
    if (n > 3)
        sheaf_string_add(text, " and %" PRId64 " more", n - 3);
    return n;
}

/* Whether it is said which files are others now than those that the results are of. */
static bool say_matched(const struct comparison *c, const struct reader_field *fields, struct sheaf_string *text) {
    static const int which[] = {FILES_PATH, FILES_SIZE, FILES_MODIFIED};
    static const enum sheaf_type types[] = {SHEAF_TEXT, SHEAF_INT64, SHEAF_INT64};
    const void *values[3];
    struct sheaf_error ignored;
    struct sheaf_string said = {0};
    for (int k = 0; k < 3; k++) {
        const int stored = c->stored[which[k]];
        if (fields[stored].axis != 0 || fields[stored].field.type != types[k])
            return false;
        values[k] = sheaf_reader_coordinates(c->reader, stored, &ignored);
        if (!values[k])
            return false;
    }
    const int64_t n_differ = say_files(c->items->matched, c->items->n_matched, values[0], values[1], values[2],
                                       sheaf_reader_extent(c->reader)->dims[0].size, &said);
    if (n_differ > 0 && !said.failed)
        sheaf_string_add(text, "%s", said.data);
    sheaf_string_free(&said);
    return n_differ > 0;
}

/* --- the message --------------------------------------------------------------------------------------------------- */

/* ", and 20 were appended to the 100 that it had" */
static void say_number(const struct comparison *c, const char *before, struct sheaf_string *text) {
    const int64_t n = c->items->n_items - c->n_before;
    if (n > 0)
        sheaf_string_add(text, "%s%" PRId64 " item%s behind the %" PRId64 " of before", before, n,
                         n > 1 ? "s were appended" : " was appended", c->n_before);
    else if (n < 0)
        sheaf_string_add(text, "%sthe last %" PRId64 " of %" PRId64 " items %s gone", before, -n, c->n_before,
                         n < -1 ? "are" : "is");
}

static void say_rows(const struct comparison *c, struct sheaf_string *text) {
    const int64_t n_both = c->items->n_items < c->n_before ? c->items->n_items : c->n_before;
    if (c->n_differ > 0) {
        sheaf_string_add(text, "item %" PRId64 " has %s = %s and had %s", c->item, c->field, c->now, c->before);
        if (c->n_differ > 1)
            sheaf_string_add(text, "; %" PRId64 " of %" PRId64 " items differ", c->n_differ, n_both);
        say_number(c, "; ", text);
    } else if (c->items->n_items != c->n_before) {
        say_number(c, "", text);
    } else {
        sheaf_string_add(text, "all values are as before, but they are written or ordered otherwise");
    }
    sheaf_string_add(text, "; choose another place with -o, or start anew with --overwrite");
}

/* Whether the file has its own copies of its inputs: links lead to what is there now. */
static bool has_copies(struct reader *reader, const struct reader_field *fields, int n_fields) {
    for (int k = 0; k < n_fields; k++)
        if (!fields[k].is_output && !sheaf_reader_is_copy(reader, k))
            return false;
    return true;
}

static int say(struct comparison *c, struct sheaf_string *text) {
    int n_fields;
    const struct reader_field *fields = sheaf_reader_fields(c->reader, &n_fields);
    c->n_before = sheaf_reader_n_items(c->reader);
    if (*sheaf_reader_left_out(c->reader) || !has_copies(c->reader, fields, n_fields) ||
        find_columns(c, fields, n_fields))
        return -1;
    const int64_t n_both = c->items->n_items < c->n_before ? c->items->n_items : c->n_before;
    if (c->items->n_matched)
        sheaf_string_add(text, "the files are not what they were: ");
    else
        sheaf_string_add(text, "%s is not what it was: ", c->items->name);
    if (say_column(c, fields, n_fields, text)) {
        sheaf_string_add(text, "; choose another place with -o, or start anew with --overwrite");
        return 0;
    }
    if (c->items->n_matched && say_matched(c, fields, text)) {
        sheaf_string_add(text, "; choose another place with -o, or start anew with --overwrite");
        return 0;
    }
    for (int64_t at = 0; at < n_both; at += WINDOW)
        if (compare_window(c, at, n_both - at < WINDOW ? n_both - at : WINDOW))
            return -1;
    say_rows(c, text);
    return 0;
}

void sheaf_differences_say(const char *path, struct items *items, struct sheaf_string *text) {
    struct comparison c = {.items = items};
    struct sheaf_error ignored;
    if (items->n_fields == 0) /* items that are only counted */
        return;
    if (sheaf_reader_open(&c.reader, path, &ignored) || say(&c, text))
        sheaf_string_free(text);
    free(c.stored);
    sheaf_reader_close(c.reader);
}
