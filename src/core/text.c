#include "core/text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int reserve(struct sheaf_string *string, size_t extra) {
    if (string->failed)
        return -1;
    size_t needed = string->length + extra + 1;
    if (needed <= string->capacity)
        return 0;
    size_t capacity = string->capacity ? string->capacity : 64;
    while (capacity < needed)
        capacity *= 2;
    char *data = realloc(string->data, capacity);
    if (!data) {
        string->failed = true;
        return -1;
    }
    string->data = data;
    string->capacity = capacity;
    return 0;
}

void sheaf_string_add(struct sheaf_string *string, const char *format, ...) {
    va_list values, again;
    va_start(values, format);
    va_copy(again, values);
    int n = vsnprintf(NULL, 0, format, values);
    va_end(values);
    if (n >= 0 && reserve(string, (size_t)n) == 0) {
        vsnprintf(string->data + string->length, (size_t)n + 1, format, again);
        string->length += (size_t)n;
    }
    va_end(again);
}

void sheaf_string_add_lines(struct sheaf_string *string, const char *text) {
    for (;;) {
        const size_t n = strcspn(text, "\n");
        sheaf_string_add(string, "%.*s", (int)n, text);
        text += n;
        if (!*text)
            return;
        sheaf_string_add(string, "\n" SHEAF_STRING_MORE);
        text++;
    }
}

void sheaf_string_free(struct sheaf_string *string) {
    if (!string)
        return;
    free(string->data);
    *string = (struct sheaf_string){0};
}

void sheaf_text_one_line(char *text) {
    size_t n = 0;
    for (; text[n]; n++)
        if ((unsigned char)text[n] < 0x20 || text[n] == 0x7f)
            text[n] = ' ';
    size_t start = n; /* where the last character begins */
    while (start > 0 && n - start < 4 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    unsigned char lead = start > 0 ? (unsigned char)text[start - 1] : 0;
    size_t wanted = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    if (n - start < wanted)
        text[n = start - 1] = '\0';
    for (size_t at = 0; (at += sheaf_text_valid(text + at, n - at)) < n; at++)
        text[at] = '?';
}

int sheaf_text_to_seconds(const char *text, double *wall_s) {
    static const char letters[] = "smhd";
    static const double units_s[] = {1, 60, 3600, 86400};
    size_t length = strlen(text);
    double part, sum = 0;
    if (strchr(text, ':')) { /* [HOURS:]MINUTES:SECONDS */
        int n_parts = 1;
        for (const char *colon; (colon = strchr(text, ':')) != NULL; text = colon + 1, n_parts++) {
            bool below_hours = n_parts > 1; /* minutes behind hours */
            if (n_parts > 2 || sheaf_text_to_double(text, (size_t)(colon - text), &part) || !(part >= 0) ||
                (below_hours && part >= 60))
                return -1;
            sum = 60 * (sum + part);
        }
        if (sheaf_text_to_double(text, strlen(text), &part) || !(part >= 0 && part < 60))
            return -1;
        *wall_s = sum + part;
    } else {
        const char *letter = length > 1 ? strchr(letters, text[length - 1]) : NULL;
        if (sheaf_text_to_double(text, length - (letter != NULL), &part))
            return -1;
        *wall_s = part * (letter ? units_s[letter - letters] : 1);
    }
    return *wall_s > 0 && *wall_s < 1e10 ? 0 : -1;
}

int sheaf_text_to_bytes(const char *text, int64_t *n_bytes) {
    static const char letters[] = "KMGT";
    size_t length = strlen(text);
    double value, unit = 1;
    if (length > 1 && (text[length - 1] == 'B' || text[length - 1] == 'b'))
        length--;
    const char *letter = length > 1 ? strchr(letters, toupper((unsigned char)text[length - 1])) : NULL;
    for (const char *l = letters; letter && l <= letter; l++)
        unit *= 1024;
    if (sheaf_text_to_double(text, length - (letter != NULL), &value) || !(value * unit >= 1 && value * unit < 9e18))
        return -1;
    *n_bytes = (int64_t)(value * unit);
    return 0;
}

const char *sheaf_text_count(int64_t value, char buffer[32]) {
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%lld", (long long)value);
    int out = 0;
    for (int i = 0; i < n; i++) {
        buffer[out++] = digits[i];
        if (digits[i] != '-' && i + 1 < n && (n - 1 - i) % 3 == 0)
            buffer[out++] = ',';
    }
    buffer[out] = '\0';
    return buffer;
}

const char *sheaf_text_duration(double wall_s, char buffer[32]) {
    if (!(wall_s >= 0) || wall_s > 1e12)
        snprintf(buffer, 32, "?");
    else if (wall_s < 0.01)
        snprintf(buffer, 32, "%.1f ms", wall_s * 1e3);
    else if (wall_s < 9.995)
        snprintf(buffer, 32, "%.2f s", wall_s);
    else if (wall_s < 59.95)
        snprintf(buffer, 32, "%.1f s", wall_s);
    else {
        long long s = (long long)(wall_s + 0.5);
        if (s < 3600)
            snprintf(buffer, 32, "%lld:%02lld", s / 60, s % 60);
        else if (s < 86400)
            snprintf(buffer, 32, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
        else
            snprintf(buffer, 32, "%lld d %02lld:%02lld", s / 86400, s / 3600 % 24, s / 60 % 60);
    }
    return buffer;
}

const char *sheaf_text_rate(double value, char buffer[32]) {
    static const char *const prefix[] = {"", " k", " M", " G", " T"};
    int step = 0;
    while (value >= 999.5 && step < 4) {
        value /= 1000;
        step++;
    }
    int decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    snprintf(buffer, 32, "%.*f%s", decimals, value, prefix[step]);
    return buffer;
}

const char *sheaf_text_double(double value, char buffer[32]) {
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buffer, 32, "%.*g", digits, value);
        if (strtod(buffer, NULL) == value)
            break;
    }
    if (isnan(value))
        snprintf(buffer, 32, "nan"); /* never "-nan" */
    return buffer;
}

/* Bytes of the character that text[length] begins with, or 0. The shortest form only, no halves of surrogate pairs and
   nothing beyond U+10FFFF (RFC 3629): readers such as Python's refuse the others. */
static size_t character_bytes(const char *text, size_t length) {
    unsigned char lead = (unsigned char)text[0];
    if (lead < 0x80)
        return 1;
    size_t n = lead >= 0xf5 ? 0 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
    if (n == 0 || n > length)
        return 0;
    for (size_t i = 1; i < n; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 0;
    unsigned char second = (unsigned char)text[1];
    bool wrong = (lead == 0xe0 && second < 0xa0) || (lead == 0xed && second >= 0xa0) ||
                 (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second >= 0x90);
    return wrong ? 0 : n;
}

size_t sheaf_text_valid(const char *text, size_t length) {
    size_t at = 0;
    for (size_t n; at < length; at += n) {
        uint64_t eight; /* mostly all ASCII */
        for (; at + sizeof eight <= length; at += sizeof eight) {
            memcpy(&eight, text + at, sizeof eight);
            if (eight & UINT64_C(0x8080808080808080))
                break;
        }
        if (at == length || (n = character_bytes(text + at, length - at)) == 0)
            break;
    }
    return at;
}

size_t sheaf_text_prefix(const char *text, size_t n_characters) {
    size_t n_bytes = 0;
    for (size_t seen = 0; text[n_bytes]; n_bytes++) {
        seen += ((unsigned char)text[n_bytes] & 0xc0) != 0x80;
        if (seen > n_characters)
            break;
    }
    return n_bytes;
}

size_t sheaf_text_columns(const char *text, size_t length) {
    size_t columns = 0;
    for (size_t i = 0; i < length; i++)
        columns += ((unsigned char)text[i] & 0xc0) != 0x80;
    return columns;
}

/* Damerau-Levenshtein distance (restricted: adjacent transpositions), case folded; names longer than 63 are cut. */
static int distance(const char *a, const char *b) {
    enum { MOST = 64 };
    int n = (int)strnlen(a, MOST - 1), m = (int)strnlen(b, MOST - 1);
    int rows[3][MOST];
    int *before = rows[0], *last = rows[1], *row = rows[2];
    for (int j = 0; j <= m; j++)
        before[j] = last[j] = j;
    for (int i = 1; i <= n; i++) {
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            int best = last[j - 1] + (x != y);
            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            bool swapped =
                i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) && y == tolower((unsigned char)a[i - 2]);
            if (swapped && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
        int *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[m];
}

int sheaf_text_closest(const char *wanted, const char *const *names, int n_names) {
    int limit = (int)strlen(wanted) / 3, closest = -1;
    if (limit < 1)
        limit = 1;
    for (int i = 0; i < n_names; i++) {
        if (!names[i])
            continue;
        int d = distance(wanted, names[i]);
        if (d <= limit) {
            limit = d - 1;
            closest = i;
        }
    }
    return closest;
}

const char *sheaf_text_suggest(const char *wanted, const char *const *names, int n_names, bool list, char *buffer,
                               size_t buffer_bytes) {
    buffer[0] = '\0';
    int closest = sheaf_text_closest(wanted, names, n_names);
    if (closest >= 0) {
        snprintf(buffer, buffer_bytes, "; did you mean '%s'?", names[closest]);
        return buffer;
    }
    if (!list)
        return buffer;
    size_t used = 0;
    bool first = true;
    for (int i = 0; i < n_names; i++) {
        if (!names[i])
            continue;
        int n = snprintf(buffer + used, buffer_bytes - used, first ? "; there is '%s'" : ", '%s'", names[i]);
        if (n < 0 || (size_t)n >= buffer_bytes - used) {
            buffer[used] = '\0';
            break;
        }
        used += (size_t)n;
        first = false;
    }
    return buffer;
}

bool sheaf_text_is_name(const char *text) {
    if (!isalpha((unsigned char)*text) && *text != '_')
        return false;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && *text != '_')
            return false;
    return true;
}
