#include "job/jsonl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

enum { MOST_KEYS = 10000 };

/* One line, as far as it is read. */
struct line {
    const struct csv_text *text;
    int64_t number;
    const char *p, *end;
    struct sheaf_error *error;
};

static int refuse(const struct line *l, const char *what) {
    return sheaf_csv_broken(l->text, l->number, l->error, what);
}

/* What is no JSON, and where: from its first byte on. */
static int refuse_here(const struct line *l, const char *wanted) {
    enum { SHOWN = 20 };
    if (l->p == l->end)
        return sheaf_refuse(l->error, "%s:%" PRId64 ": ends where %s should be", l->text->name, l->number, wanted);
    const size_t left = (size_t)(l->end - l->p), n = sheaf_text_valid(l->p, left < SHOWN ? left : SHOWN);
    return sheaf_refuse(l->error, "%s:%" PRId64 ": '%.*s' stands where %s should be", l->text->name, l->number, (int)n,
                        l->p, wanted);
}

static void skip_blanks(struct line *l) {
    while (l->p < l->end && (*l->p == ' ' || *l->p == '\t' || *l->p == '\r'))
        l->p++;
}

/* Moves over a character, and the blanks before it. */
static bool take(struct line *l, char c) {
    skip_blanks(l);
    if (l->p == l->end || *l->p != c)
        return false;
    l->p++;
    return true;
}

/* --- texts ------------------------------------------------------------------------------------------------------------- */

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The code of the \uXXXX at p, or -1. */
static int read_code(const char *p, const char *end) {
    int code = 0;
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    for (int k = 2; k < 6; k++) {
        const int digit = hex_digit(p[k]);
        if (digit < 0)
            return -1;
        code = 16 * code + digit;
    }
    return code;
}

/* The character of one \uXXXX or, beyond 16 bits, of two at p; how many bytes these are, or 0 for none that a text may have. */
static size_t read_character(const char *p, const char *end, uint32_t *character) {
    const int high = read_code(p, end);
    *character = (uint32_t)high;
    if (high <= 0 || (high >= 0xdc00 && high < 0xe000))
        return 0;
    if (high < 0xd800 || high >= 0xe000)
        return 6;
    const int low = read_code(p + 6, end);
    *character = 0x10000u + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
    return low >= 0xdc00 && low < 0xe000 ? 12 : 0;
}

static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";

/* Moves over what stands for one character behind a backslash. */
static int take_escape(struct line *l) {
    uint32_t character;
    const bool simple = l->end - l->p > 1 && l->p[1] && strchr(escapes, l->p[1]);
    const size_t n = simple ? 2 : read_character(l->p, l->end, &character);
    if (n == 0)
        return refuse_here(l, "a character of a text");
    l->p += n;
    return 0;
}

/* The text whose first quote was taken. */
static int take_text(struct line *l, struct csv_cell *cell) {
    *cell = (struct csv_cell){.data = l->p, .is_text = true};
    while (l->p < l->end && *l->p != '"') {
        if ((unsigned char)*l->p < 0x20)
            return refuse(l, "has a control character in a text, which JSON writes with a backslash");
        cell->escaped = cell->escaped || *l->p == '\\';
        if (*l->p != '\\')
            l->p++;
        else if (take_escape(l))
            return -1;
    }
    cell->length = (size_t)(l->p - cell->data);
    return l->p++ < l->end ? 0 : refuse(l, "has a text that does not end; an object stands on one line");
}

/* Writes a character as UTF-8. */
static size_t write_character(uint32_t c, char *to) {
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    const size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {[2] = 0xc0, [3] = 0xe0, [4] = 0xf0};
    for (size_t k = n - 1; k > 0; k--, c >>= 6)
        to[k] = (char)(0x80 | (c & 0x3f));
    to[0] = (char)(first[n] | c);
    return n;
}

size_t sheaf_jsonl_unescape(const struct csv_cell *cell, char *to) {
    const char *p = cell->data, *end = p + cell->length;
    uint32_t character;
    size_t n = 0;
    while (p < end) {
        if (*p != '\\') {
            to[n++] = *p++;
        } else if (p[1] == 'u') {
            p += read_character(p, end, &character);
            n += write_character(character, to + n);
        } else {
            to[n++] = meant[strchr(escapes, p[1]) - escapes];
            p += 2;
        }
    }
    return n;
}

/* --- other values -------------------------------------------------------------------------------------------------------- */

static size_t count_digits(const char *p, const char *end) {
    const char *from = p;
    while (p < end && sheaf_decimal_is_digit(*p))
        p++;
    return (size_t)(p - from);
}

/* Whether it is a number as JSON writes it. */
static bool is_number(const char *p, const char *end) {
    p += p < end && *p == '-';
    const size_t whole = count_digits(p, end);
    if (whole == 0 || (whole > 1 && *p == '0'))
        return false;
    p += whole;
    if (p < end && *p == '.') {
        const size_t part = count_digits(p + 1, end);
        if (part == 0)
            return false;
        p += 1 + part;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        const size_t exponent = count_digits(p, end);
        if (exponent == 0)
            return false;
        p += exponent;
    }
    return p == end;
}

static bool is_word(const struct csv_cell *cell, const char *word) {
    return cell->length == strlen(word) && memcmp(cell->data, word, cell->length) == 0;
}

/* Whether a number or a word ends before it. */
static bool is_end(char c) {
    switch (c) {
    case ' ':
    case '\t':
    case '\r':
    case ',':
    case '}':
    case ']':
    case '{':
    case '[':
    case '"':
    case ':':
        return true;
    default:
        return false;
    }
}

/* A number or a word. */
static int take_word(struct line *l, struct csv_cell *cell) {
    static const char *const words[] = {"true", "false", "null", "NaN", "Infinity", "-Infinity"};
    enum { N_WORDS = sizeof words / sizeof *words, NOTHING = 2 };
    const char *from = l->p, *end = from;
    while (end < l->end && !is_end(*end))
        end++;
    *cell = (struct csv_cell){.data = from, .length = (size_t)(end - from)};
    int k = 0;
    if (!is_number(from, end)) {
        while (k < N_WORDS && !is_word(cell, words[k]))
            k++;
        if (k == N_WORDS)
            return refuse_here(l, "a value");
        cell->length = k == NOTHING ? 0 : cell->length;
    } else {
        cell->is_decimal = sheaf_decimal_read(from, l->end, &cell->decimal) == end;
    }
    l->p = end;
    return 0;
}

static int take_value(struct line *l, const struct csv_cell *key, struct csv_cell *cell) {
    enum { SHOWN = 60 };
    skip_blanks(l);
    if (l->p < l->end && (*l->p == '{' || *l->p == '['))
        return sheaf_refuse(l->error,
                            "%s:%" PRId64 ": '%.*s' has %s; a field has one text, number, true, false or null in each "
                            "line, so give what is inside keys of its own",
                            l->text->name, l->number,
                            (int)sheaf_text_valid(key->data, key->length < SHOWN ? key->length : SHOWN), key->data,
                            *l->p == '{' ? "an object" : "a list");
    return take(l, '"') ? take_text(l, cell) : take_word(l, cell);
}

/* --- lines ------------------------------------------------------------------------------------------------------------- */

/* Stands behind the brace of the line at a place, which moves to the next line. */
static int begin_line(struct line *l, const struct csv_text *text, struct csv_position *at, struct sheaf_error *error) {
    const char *from = text->data + at->offset, *end = memchr(from, text->newline, text->n_bytes - at->offset);
    *l = (struct line){.text = text, .number = at->line, .p = from, .error = error};
    l->end = end ? end : text->data + text->n_bytes;
    at->offset = (size_t)(l->end - text->data) + (end != NULL);
    at->line++;
    at->row++;
    if (take(l, '{'))
        return 0;
    return refuse(l, l->p < l->end && *l->p == '['
                         ? "is a list; JSON Lines have an object on each line (jq -c '.[]' makes such of a list)"
                         : "is no JSON object; each line should be one: {\"x\": 1, \"name\": \"a\"}");
}

/* The next key and its value: 1, or 0 behind the last. */
static int take_pair(struct line *l, bool first, struct csv_cell *key, struct csv_cell *value) {
    if (take(l, '}')) {
        skip_blanks(l);
        return l->p == l->end ? 0 : refuse_here(l, "the end of the line");
    }
    if (!first && !take(l, ','))
        return refuse_here(l, "a comma or }");
    if (!take(l, '"'))
        return refuse_here(l, "a key in double quotes");
    if (take_text(l, key))
        return -1;
    if (!take(l, ':'))
        return refuse_here(l, "a colon");
    return take_value(l, key, value) ? -1 : 1;
}

/* --- keys -------------------------------------------------------------------------------------------------------------- */

static bool is_key(const struct jsonl_keys *keys, int k, const struct csv_cell *key) {
    const struct csv_cell *own = &keys->cells[k];
    if (key->length == own->length && memcmp(key->data, own->data, key->length) == 0)
        return true;
    if (!key->escaped && !own->escaped)
        return false;
    char *text = malloc(key->length + 1); /* one of both is written otherwise */
    const size_t n = text ? sheaf_jsonl_unescape(key, text) : 0;
    const bool same = text && n == strlen(keys->names[k]) && memcmp(text, keys->names[k], n) == 0;
    free(text);
    return same;
}

/* Which key it is, most likely `next`; -1: none. */
static int find_key(const struct jsonl_keys *keys, int next, const struct csv_cell *key) {
    if (next < keys->n && is_key(keys, next, key))
        return next;
    for (int k = 0; k < keys->n; k++)
        if (is_key(keys, k, key))
            return k;
    return -1;
}

static int refuse_key(const struct line *l, const char *has, const char *name, size_t length, const char *why) {
    const int n = (int)sheaf_text_valid(name, length < 60 ? length : 60);
    return sheaf_refuse(l->error, "%s:%" PRId64 ": has %s '%.*s'%s", l->text->name, l->number, has, n, name, why);
}

static int add_key(struct jsonl_keys *keys, const struct line *l, const struct csv_cell *key,
                   struct sheaf_arena *arena) {
    size_t length;
    if (find_key(keys, keys->n, key) >= 0)
        return refuse_key(l, "the key", key->data, key->length, " twice");
    if (keys->n == MOST_KEYS)
        return refuse(l, "has more than 10,000 keys");
    if ((keys->n & (keys->n - 1)) == 0) { /* there is room for a power of two */
        const size_t room = keys->n ? 2 * (size_t)keys->n : 1;
        struct csv_cell *cells = sheaf_arena_take(arena, room * sizeof *cells);
        const char **names = sheaf_arena_take(arena, room * sizeof *names);
        if (!cells || !names)
            return sheaf_fail_memory(l->error, l->text->name);
        for (int k = 0; k < keys->n; k++) {
            cells[k] = keys->cells[k];
            names[k] = keys->names[k];
        }
        keys->cells = cells;
        keys->names = names;
    }
    keys->cells[keys->n] = *key;
    keys->names[keys->n] = sheaf_csv_copy(key, arena, &length);
    return keys->names[keys->n++] ? 0 : sheaf_fail_memory(l->error, l->text->name);
}

int sheaf_jsonl_find_keys(struct csv_text *text, struct jsonl_keys *keys, struct csv_position *rows,
                          struct sheaf_arena *arena, struct sheaf_error *error) {
    struct line l;
    struct csv_cell key, value;
    int more = 1;
    text->newline = '\n';
    text->json = keys;
    *keys = (struct jsonl_keys){0};
    *rows = (struct csv_position){.line = 1};
    if (text->n_bytes >= 3 && memcmp(text->data, "\xef\xbb\xbf", 3) == 0)
        rows->offset = 3; /* a byte order mark */
    if (sheaf_csv_at_end(text, rows))
        return sheaf_csv_broken(text, 1, error, "is empty; each line should be a JSON object");
    struct csv_position at = *rows;
    if (begin_line(&l, text, &at, error))
        return -1;
    while ((more = take_pair(&l, keys->n == 0, &key, &value)) > 0)
        if (add_key(keys, &l, &key, arena))
            return -1;
    if (more == 0 && keys->n == 0)
        return refuse(&l, "has no key; the keys of the first line are the fields");
    return more;
}

int sheaf_jsonl_row(const struct csv_text *text, struct csv_position *at, struct csv_cell *cells, int n_most, int *n,
                    struct sheaf_error *error) {
    const struct jsonl_keys *keys = text->json;
    struct line l;
    struct csv_cell key, value;
    int more = 0;
    *n = 0;
    if (begin_line(&l, text, at, error))
        return -1;
    for (int k = 0; k < n_most; k++)
        cells[k].data = NULL;
    for (int next = 0; (more = take_pair(&l, *n == 0, &key, &value)) > 0; ++*n) {
        const int k = find_key(keys, next, &key);
        if (k < 0 || k >= n_most)
            return refuse_key(&l, "the key", key.data, key.length,
                              ", which the first line does not have; all have its keys");
        if (cells[k].data)
            return refuse_key(&l, "the key", key.data, key.length, " twice");
        cells[k] = value;
        next = k + 1;
    }
    for (int k = 0; more == 0 && *n < keys->n && k < n_most; k++)
        if (!cells[k].data)
            return refuse_key(&l, "no", keys->names[k], strlen(keys->names[k]),
                              ", which the first line has (null says nothing)");
    return more;
}
