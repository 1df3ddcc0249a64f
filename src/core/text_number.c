/* Numbers as people and programs write them, read strictly. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/decimal.h"
#include "core/text.h"

enum { MOST_DIGITS = 800 }; /* halfway between two doubles lies no number of more than 767 */

static const int64_t most_exponent = INT64_C(1000000000000000); /* larger ones say nothing else */

/* A number as it was written: digits × 10^exponent. */
struct decimal {
    bool negative;
    int n; /* digits, without zeros in front; 0: it is zero */
    char digits[MOST_DIGITS + 2];
    int64_t exponent;
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static void trim(const char **text, size_t *length) {
    while (*length && isspace((unsigned char)**text))
        ++*text, --*length;
    while (*length && isspace((unsigned char)(*text)[*length - 1]))
        --*length;
}

/* Takes a digit; of those that are too many only that there was one but 0. */
static void take_digit(struct decimal *d, char digit, bool behind_point) {
    const bool fits = d->n < MOST_DIGITS;
    if (!fits && digit != '0' && d->n == MOST_DIGITS) {
        d->digits[d->n++] = '1';
        d->exponent--;
    }
    if (fits && (d->n > 0 || digit != '0'))
        d->digits[d->n++] = digit;
    d->exponent += (fits ? 0 : 1) - (behind_point ? 1 : 0);
}

/* The exponent that p[0..end) is as a whole: e5, E+05, and behind a point D+01 or the -304 for which Fortran leaves out
   its letter. */
static int read_exponent(const char *p, const char *end, bool point, int64_t *exponent) {
    const bool letter = p < end && (*p == 'e' || *p == 'E' || (point && (*p == 'd' || *p == 'D')));
    p += letter;
    const bool sign = p < end && (*p == '-' || *p == '+'), negative = sign && *p == '-';
    p += sign;
    const bool fortran = point && sign && end - p == 3 && *p != '0';
    int64_t value = 0;
    if (p == end || !(letter || fortran))
        return -1;
    for (; p < end && is_digit(*p); p++)
        value = value < most_exponent ? 10 * value + (*p - '0') : value;
    *exponent += negative ? -value : value;
    return p == end ? 0 : -1;
}

/* Reads text[length], which has no blanks around; '_' may stand between digits where `group` is set. */
static int read_decimal(const char *text, size_t length, bool group, struct decimal *d) {
    const char *p = text, *end = text + length;
    bool point = false, any = false;
    d->negative = p < end && *p == '-';
    d->n = 0;
    d->exponent = 0;
    for (p += p < end && (*p == '-' || *p == '+'); p < end; p++) {
        if (*p == '.' && !point)
            point = true;
        else if (is_digit(*p))
            take_digit(d, *p, point), any = true;
        else if (!(group && *p == '_' && p > text && is_digit(p[-1]) && p + 1 < end && is_digit(p[1])))
            break;
    }
    return !any || (p < end && read_exponent(p, end, point, &d->exponent)) ? -1 : 0;
}

/* nan, inf and infinity. */
static bool read_word(const char *text, size_t length, double *value) {
    static const struct {
        const char *word;
        double value;
    } words[] = {{"nan", NAN}, {"inf", INFINITY}, {"infinity", INFINITY}};
    const bool sign = length > 0 && (*text == '-' || *text == '+'), negative = sign && *text == '-';
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (length - sign == strlen(words[i].word) && strncasecmp(text + sign, words[i].word, length - sign) == 0) {
            *value = negative ? -words[i].value : words[i].value;
            return true;
        }
    return false;
}

int sheaf_text_to_double(const char *text, size_t length, double *value) {
    struct decimal d;
    struct sheaf_decimal short_one; /* most are, and strtod takes ten times as long */
    if (sheaf_decimal_read(text, text + length, &short_one) == text + length && sheaf_decimal_value(&short_one, value))
        return 0;
    trim(&text, &length);
    if (read_word(text, length, value))
        return 0;
    if (read_decimal(text, length, false, &d))
        return -1;
    d.digits[d.n] = '\0';
    char canonical[MOST_DIGITS + 40];
    snprintf(canonical, sizeof canonical, "%s%se%lld", d.negative ? "-" : "", d.n ? d.digits : "0",
             (long long)(d.n ? d.exponent : 0));
    *value = strtod(canonical, NULL);
    return isinf(*value) ? -1 : 0;
}

bool sheaf_text_is_number(const char *text, size_t length) {
    struct decimal d;
    double value;
    trim(&text, &length);
    return read_word(text, length, &value) || read_decimal(text, length, false, &d) == 0;
}

int sheaf_text_to_int64(const char *text, size_t length, int64_t *value) {
    const uint64_t most = INT64_MAX;
    struct decimal d;
    uint64_t whole = 0;
    trim(&text, &length);
    if (read_decimal(text, length, true, &d))
        return -1;
    for (; d.n > 0 && d.digits[d.n - 1] == '0'; d.n--)
        d.exponent++;
    if (d.n == 0)
        d.exponent = 0;
    if (d.exponent < 0 || d.n + d.exponent > 19) /* a uint64 holds 19 digits */
        return -1;
    for (int i = 0; i < d.n + (int)d.exponent; i++)
        whole = 10 * whole + (i < d.n ? (uint64_t)(d.digits[i] - '0') : 0);
    if (whole > most + d.negative)
        return -1;
    *value = whole > most ? INT64_MIN : d.negative ? -(int64_t)whole : (int64_t)whole;
    return 0;
}

const char *sheaf_text_comma_hint(const char *text, size_t length) {
    struct decimal d;
    trim(&text, &length);
    const char *comma = length ? memchr(text, ',', length) : NULL;
    const size_t before = comma ? (size_t)(comma - text) : 0, behind = comma ? length - before - 1 : 0;
    if (!comma || !behind || !is_digit(comma[1]) || read_decimal(text, before, false, &d) ||
        memchr(text, '.', before) || read_decimal(comma + 1, behind, false, &d) || memchr(comma, '.', behind + 1))
        return "";
    return "; numbers have a decimal point, not a comma (LC_NUMERIC=C)";
}
