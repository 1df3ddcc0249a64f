#include "kernel/program/place.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* --- names --------------------------------------------------------------------------------------------------------- */

static bool is_name_byte(char c) {
    return isalnum((unsigned char)c) || c == '_' || ((unsigned char)c & 0x80);
}

/* The length of the known name that stands at `text` before a brace, of several the longest; or 0. */
static size_t find_known(const char *text, const char *const *known, int n_known) {
    size_t longest = 0;
    for (int i = 0; i < n_known; i++) {
        const size_t length = strlen(known[i]);
        if (length > longest && strncmp(text, known[i], length) == 0 && text[length] == '}')
            longest = length;
    }
    return longest;
}

/* Whether two names are the same but for case, blanks and signs. */
static bool is_alike(const char *a, size_t a_length, const char *b, size_t b_length) {
    const char *a_end = a + a_length, *b_end = b + b_length;
    size_t n = 0;
    for (;; a++, b++, n++) {
        while (a < a_end && !is_name_byte(*a))
            a++;
        while (b < b_end && !is_name_byte(*b))
            b++;
        if (a == a_end || b == b_end)
            return n > 0 && a == a_end && b == b_end;
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
            return false;
    }
}

/* The length of a plain name at the beginning of text[length]: "mass" of "mass (kg)". */
static size_t plain_length(const char *text, size_t length) {
    size_t n = 0;
    if (length == 0 || !is_name_byte(*text) || isdigit((unsigned char)*text))
        return 0;
    while (n < length && (is_name_byte(text[n]) || text[n] == '-' || text[n] == '.'))
        n++;
    return n;
}

/* --- braces that are no places ------------------------------------------------------------------------------------- */

/* {print}, which awk has: statements of a single word. */
static bool is_statement(const char *text, size_t length) {
    static const char *const words[] = {"print", "next", "nextfile", "exit", "getline", "return", "break", "continue"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == length && strncmp(words[i], text, length) == 0)
            return true;
    return false;
}

/* The byte before `at` that is no blank, or 0; *left is where it stands. */
static char before(const char *begin, const char *at, const char **left) {
    while (at > begin && strchr(" \t\n", at[-1]))
        at--;
    *left = at > begin ? at - 1 : begin;
    return at > begin ? at[-1] : '\0';
}

/* An empty object of JSON: behind "key":, or in a list. */
static bool is_json(const char *begin, const char *at) {
    const char *left;
    const char c = before(begin, at, &left);
    if (c == ':')
        return strchr("\"'", before(begin, left, &left)) && left > begin;
    if (c == ',')
        return strchr("}]", before(begin, left, &left)) && left > begin;
    return c == '[';
}

/* How often, behind a part of a regular expression: [0-9]{4}. */
static bool is_count(const char *begin, const char *at) {
    return at > begin && strchr("])", at[-1]);
}

/* --- places -------------------------------------------------------------------------------------------------------- */

/* What is not written like a name, but is how other programs write places: {}, {1}, {.}. */
static bool is_foreign(const char *begin, const char *at, const char *text, size_t length) {
    if (length == 0)
        return !is_json(begin, at);
    if (strspn(text, "0123456789") == length)
        return !is_count(begin, at);
    return strspn(text, "./#%") == length && length <= 2;
}

/* Whether text[length], which is in braces and no known name, was meant to be one. */
static bool is_wrong(const char *text, size_t length, const char *const *known, int n_known) {
    const char *name = text + strspn(text, " \t");
    if (length == 0 || memchr(text, ',', length) || memchr(text, '$', length))
        return false; /* {a,b} of a shell, {n[$1]} of awk */
    const size_t plain = plain_length(name, length - (size_t)(name - text));
    const char *rest = name + plain + strspn(name + plain, " \t");
    if (plain > 0 && *rest == '}')
        return true;
    const char last = text[length - 1];
    const bool has_more = plain > 0 && ((*rest == '(' && last == ')') || (*rest == '[' && last == ']'));
    for (int i = 0; i < n_known; i++) {
        const size_t known_length = strlen(known[i]), known_plain = plain_length(known[i], known_length);
        if (known_plain < known_length && is_alike(text, length, known[i], known_length))
            return true; /* {T °c} */
        if (has_more && is_alike(name, plain, known[i], known_plain))
            return true; /* {x[0]}, {mass (lb)} */
    }
    return false;
}

/* {NAME}, or what was meant to be that; statements of awk count as well. */
static struct place find_single(const char *begin, const char *at, const char *const *known, int n_known) {
    const size_t n = find_known(at + 1, known, n_known);
    if (n > 0)
        return (struct place){PLACE_NAME, n + 2, at + 1, n};
    const size_t length = strcspn(at + 1, "{}\n");
    if (at[1 + length] == '}' && (is_foreign(begin, at, at + 1, length) || is_wrong(at + 1, length, known, n_known)))
        return (struct place){PLACE_WRONG, length + 2, at + 1, length};
    return (struct place){.kind = PLACE_NONE};
}

struct place sheaf_place_find(const char *begin, const char *at, const char *const *known, int n_known) {
    struct place place = {.kind = PLACE_NONE};
    if (at[0] != '{')
        return place;
    if (at[1] == '{') {
        struct place inner = find_single(begin, at + 1, known, n_known);
        if (inner.kind != PLACE_NONE && at[1 + inner.n_bytes] == '}')
            return (struct place){PLACE_ESCAPED, inner.n_bytes + 2, inner.text, inner.length};
        return place;
    }
    place = find_single(begin, at, known, n_known);
    const size_t blanks = place.kind == PLACE_WRONG ? strspn(place.text, " \t") : 0;
    size_t length = place.length;
    while (place.kind == PLACE_WRONG && length > blanks && strchr(" \t", place.text[length - 1]))
        length--;
    if (place.kind == PLACE_WRONG && is_statement(place.text + blanks, length - blanks))
        place.kind = PLACE_NONE;
    return place;
}
