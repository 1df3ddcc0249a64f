#include "kernel/expression/formula_tokens.h"

#include <stdarg.h>
#include <string.h>

#include "core/text.h"

/* Longer ones first. */
static const char *const signs[] = {"<=", ">=", "==", "!=", "&&", "||", "+", "-", "*", "/", "%", "^",
                                    "<",  ">",  "!",  "?",  ":",  "(",  ")", ",", "[", "]", NULL};

/* What people write instead. */
static const struct {
    const char *wrong, *right;
} slips[] = {
    {"**", "^ for a power"},
    {"===", "== to compare"},
    {"=<", "<="},
    {"=>", ">="},
    {"<>", "!="},
    {"&", "&& for 'and'"},
    {"|", "|| for 'or'; abs(…) is the absolute value"},
    {"~", "! for 'not'"},
    {"=", "== to compare"},
    {"{", "( )"},
    {"}", "( )"},
    {"\xe2\x88\x92", "-"},         /* − */
    {"\xe2\x80\x93", "-"},         /* – */
    {"\xc3\x97", "*"},             /* × */
    {"\xc2\xb7", "*"},             /* · */
    {"\xe2\x8b\x85", "*"},         /* ⋅ */
    {"\xc3\xb7", "/"},             /* ÷ */
    {"\xc2\xb2", "^2"},            /* ² */
    {"\xc2\xb3", "^3"},            /* ³ */
    {"\xe2\x88\x9a", "sqrt( )"},   /* √ */
    {"\xe2\x89\xa4", "<="},        /* ≤ */
    {"\xe2\x89\xa5", ">="},        /* ≥ */
    {"\xe2\x89\xa0", "!="},        /* ≠ */
    {"\xe2\x80\x99", "plain ' '"}, /* ’ */
    {"\xc2\xa0", "a plain blank"}, /* no-break space */
};

int sheaf_tokens_refuse(const struct tokens *tokens, size_t at, const char *format, ...) {
    va_list values;
    va_start(values, format);
    sheaf_vrefuse(tokens->error, format, values);
    va_end(values);
    *tokens->at = at;
    return -1;
}

bool sheaf_tokens_is(const struct tokens *tokens, const char *sign) {
    return tokens->token.kind == TOKEN_OPERATOR && strcmp(tokens->token.sign, sign) == 0;
}

static bool begins(const struct tokens *t, size_t at, const char *word) {
    size_t n = strlen(word);
    return t->length - at >= n && memcmp(t->text + at, word, n) == 0;
}

/* Without ctype.h, which asks the locale. */
static bool is_digit(const struct tokens *t, size_t at) {
    return at < t->length && t->text[at] >= '0' && t->text[at] <= '9';
}

static const char *slip_at(const struct tokens *t, size_t at, size_t *length) {
    for (size_t k = 0; k < sizeof slips / sizeof *slips; k++)
        if (begins(t, at, slips[k].wrong)) {
            *length = strlen(slips[k].wrong);
            return slips[k].right;
        }
    return NULL;
}

/* Bytes of a letter, or of a digit where that may stand; 0 if there is none. Every character beyond ASCII that is no
   slip counts as a letter. */
static size_t letter_at(const struct tokens *t, size_t at, bool digits) {
    if (at >= t->length)
        return 0;
    unsigned char c = (unsigned char)t->text[at];
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (digits && is_digit(t, at));
    size_t length;
    if (slip_at(t, at, &length))
        return 0;
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    return at + n <= t->length && sheaf_text_valid(t->text + at, n) == n ? n : 0;
}

static size_t name_end(const struct tokens *t, size_t at) {
    for (size_t n; (n = letter_at(t, at, true)) > 0;)
        at += n;
    return at;
}

static int take_number(struct tokens *t) {
    size_t begin = t->next, at = begin;
    while (is_digit(t, at))
        at++;
    if (at < t->length && t->text[at] == '.')
        at++;
    while (is_digit(t, at))
        at++;
    if (at < t->length && (t->text[at] == 'e' || t->text[at] == 'E')) {
        size_t digits = at + 1;
        if (digits < t->length && (t->text[digits] == '-' || t->text[digits] == '+'))
            digits++;
        if (is_digit(t, digits))
            at = digits;
        while (is_digit(t, at))
            at++;
    }
    size_t name = name_end(t, at);
    int shown = name - begin < 60 ? (int)(name - begin) : 60;
    if (name > at || (at < t->length && t->text[at] == '.'))
        return sheaf_tokens_refuse(t, begin, "'%.*s' is no number%s", name > at ? shown : shown + 1, t->text + begin,
                                   name > at ? "; a product is written 2 * x" : "");
    if (sheaf_text_to_double(t->text + begin, at - begin, &t->token.number))
        return sheaf_tokens_refuse(t, begin, "the number '%.*s%s' does not fit a double", shown, t->text + begin,
                                   shown == 60 ? "…" : "");
    t->token.kind = TOKEN_NUMBER;
    t->token.length = at - begin;
    t->next = at;
    return 0;
}

static int take_quoted(struct tokens *t) {
    size_t begin = t->next;
    const char *end = memchr(t->text + begin + 1, '`', t->length - begin - 1);
    if (!end)
        return sheaf_tokens_refuse(t, begin, "the name that begins here with ` does not end with one");
    t->token.kind = TOKEN_NAME;
    t->token.at = begin + 1;
    t->token.length = (size_t)(end - t->text) - begin - 1;
    if (memchr(t->text + begin, '\0', t->token.length + 1) ||
        sheaf_text_valid(t->text + begin + 1, t->token.length) < t->token.length)
        return sheaf_tokens_refuse(t, begin, "the name between ` and ` is not UTF-8 text");
    t->next = begin + t->token.length + 2;
    return 0;
}

static int refuse_character(struct tokens *t) {
    size_t at = t->next, length;
    unsigned char c = (unsigned char)t->text[at];
    const char *close = c == '{' ? memchr(t->text + at, '}', t->length - at) : NULL;
    if (close) /* as in the words of a command */
        return sheaf_tokens_refuse(t, at,
                                   "unexpected '{'; a field or param stands here without braces, and between ` if "
                                   "its name has other characters than letters, digits and _: `%.*s`",
                                   (int)(close - t->text - (ptrdiff_t)at) - 1, t->text + at + 1);
    const char *right = slip_at(t, at, &length);
    if (right)
        return sheaf_tokens_refuse(t, at, "unexpected '%.*s'; write %s", (int)length, t->text + at, right);
    if (c == '"' || c == '\'')
        return sheaf_tokens_refuse(t, at,
                                   "unexpected %c; a formula has no texts, and a name with other characters "
                                   "than letters and digits is written `so`",
                                   c);
    if (c > ' ' && c < 0x7f)
        return sheaf_tokens_refuse(t, at, "unexpected character '%c'", c);
    return sheaf_tokens_refuse(t, at, "unexpected byte 0x%02x; %s", c,
                               c >= 0x80 ? "it is not UTF-8 text" : "remove it");
}

int sheaf_tokens_next(struct tokens *t) {
    while (t->next < t->length && strchr(" \t\r\n", t->text[t->next]) && t->text[t->next])
        t->next++;
    size_t at = t->next, length;
    t->token = (struct token){.kind = TOKEN_END, .at = at, .begin = at};
    if (at == t->length)
        return 0;
    t->n++;
    if (is_digit(t, at) || (t->text[at] == '.' && is_digit(t, at + 1)))
        return take_number(t);
    if (t->text[at] == '`')
        return take_quoted(t);
    if (letter_at(t, at, false)) {
        t->token.kind = TOKEN_NAME;
        t->next = name_end(t, at);
        t->token.length = t->next - at;
        return 0;
    }
    bool pair = begins(t, at, "&&") || begins(t, at, "||") || (begins(t, at, "==") && !begins(t, at, "==="));
    if (!pair && slip_at(t, at, &length))
        return refuse_character(t);
    for (int k = 0; signs[k]; k++)
        if (begins(t, at, signs[k])) {
            t->token.kind = TOKEN_OPERATOR;
            t->token.sign = signs[k];
            t->token.length = strlen(signs[k]);
            t->next = at + t->token.length;
            return 0;
        }
    return refuse_character(t);
}
