/*
 * fuzz.h - what the fuzz targets share: claims that stop the fuzzer, and what is true of every refusal.
 *
 * tests/fuzz/run.sh builds each NAME_fuzz.c with libFuzzer, and says how to see a find again.
 */
#ifndef SHEAF_TESTS_FUZZ_H
#define SHEAF_TESTS_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stops the fuzzer, which then keeps the input, unless the claim is true; printf's format and values say what is
   wrong. */
#define claim(condition, ...)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not true: %s\n  ", __FILE__, __LINE__, #condition);                                \
            fprintf(stderr, __VA_ARGS__);                                                                              \
            fputc('\n', stderr);                                                                                       \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Bytes of the character of UTF-8 that text[length] begins with, 0 if it does not begin with one (Unicode 15, table
   3-7: no overlong forms, no surrogates, nothing beyond U+10FFFF). Written apart from core/text, to check it. */
static inline size_t character_bytes(const char *text, size_t length) {
    static const struct {
        unsigned char first, last, second_first, second_last, n;
    } rows[] = {{0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
                {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
                {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    const unsigned char *p = (const unsigned char *)text;
    for (size_t i = 0; length && i < sizeof rows / sizeof *rows; i++) {
        if (p[0] < rows[i].first || p[0] > rows[i].last)
            continue;
        if (rows[i].n > length || (rows[i].n > 1 && (p[1] < rows[i].second_first || p[1] > rows[i].second_last)))
            return 0;
        for (size_t k = 2; k < rows[i].n; k++)
            if ((p[k] & 0xc0) != 0x80)
                return 0;
        return rows[i].n;
    }
    return 0;
}

static inline bool is_utf8(const char *text, size_t length) {
    for (size_t n; length; text += n, length -= n)
        if ((n = character_bytes(text, length)) == 0)
            return false;
    return true;
}

/* Line ends as YAML knows them, at most: \n, \r, U+0085, U+2028, U+2029. */
static inline long count_lines(const char *text, size_t length) {
    long n = 1;
    for (size_t i = 0; i < length; i++)
        n += text[i] == '\n' || text[i] == '\r' || (i + 1 < length && memcmp(text + i, "\xc2\x85", 2) == 0) ||
             (i + 2 < length && memcmp(text + i, "\xe2\x80", 2) == 0 && (text[i + 2] & 0xfe) == (char)0xa8);
    return n;
}

/* A message: its exit code is the user's, its text one line of UTF-8 with something in it. */
static inline void check_message(const struct sheaf_error *error) {
    const char *end = memchr(error->text, '\0', sizeof error->text);
    claim(error->exit == SHEAF_EXIT_USAGE, "exit code %d: %.1023s", (int)error->exit, error->text);
    claim(end && end > error->text, "no text, or no end of it");
    for (const char *p = error->text; p < end; p++)
        claim((unsigned char)*p >= 0x20 && *p != 0x7f, "a control character at %td: %s", p - error->text, error->text);
    claim(is_utf8(error->text, (size_t)(end - error->text)), "not UTF-8: %s", error->text);
}

/* It begins with "NAME:LINE: ", or "NAME:LINE:COLUMN: " where `columns` is set, and the place lies in text[length] or
   just behind it: YAML's end is on a line of its own. */
static inline void check_place(const struct sheaf_error *error, const char *name, const char *text, size_t length,
                               bool columns) {
    size_t skip = strlen(name);
    char *end;
    claim(strncmp(error->text, name, skip) == 0 && error->text[skip] == ':', "no place: %s", error->text);
    long line = strtol(error->text + skip + 1, &end, 10), column = 1;
    claim(end > error->text + skip + 1 && *end == ':', "no line: %s", error->text);
    if (columns) {
        const char *from = end + 1;
        column = strtol(from, &end, 10);
        claim(end > from && *end == ':', "no column: %s", error->text);
    }
    claim(line >= 1 && line <= count_lines(text, length) + 1, "a text of %ld lines: %s", count_lines(text, length),
          error->text);
    claim(column >= 1 && (size_t)column <= length + 1, "a text of %zu bytes: %s", length, error->text);
}

#endif
