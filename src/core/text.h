/*
 * text - strings that grow, numbers read strictly and written for people, and the closest known name.
 */
#ifndef SHEAF_CORE_TEXT_H
#define SHEAF_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A string that grows. Starts as {0}; `data` is NULL or terminated. Free with sheaf_string_free. */
struct sheaf_string {
    char *data;
    size_t length;
    size_t capacity;
    bool failed; /* memory ran out: what was appended since is lost; check once at the end */
};

void sheaf_string_add(struct sheaf_string *string, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds a text that may have several lines: all but the first begin with SHEAF_STRING_MORE then, so that they are not
   taken for lines of the text that it is put into. */
#define SHEAF_STRING_MORE "  "
void sheaf_string_add_lines(struct sheaf_string *string, const char *text);
void sheaf_string_free(struct sheaf_string *string);

/* Makes one line of UTF-8 of a text, in place: control characters become spaces, a character that was cut at the end is
   dropped, other bytes that are not UTF-8 become '?'. */
void sheaf_text_one_line(char *text);

/* Read the whole of text[length] (blanks around are allowed) as a number. Return 0, or -1 if it is anything else or
   does not fit. There may be any number of digits. A float may be "nan", "inf" or "infinity" in any case, and have an
   exponent as Fortran writes it, 1.5D+01 and 5.687-304, where it has a point. An integer may be written as 1e6, 2.0 or
   1_000_000 too, and is exact. */
int sheaf_text_to_double(const char *text, size_t length, double *value);
int sheaf_text_to_int64(const char *text, size_t length, int64_t *value);

/* Whether it is written as a float, be it one that none holds: 1e999. */
bool sheaf_text_is_number(const char *text, size_t length);

/* What to say of text[length] where a number should be and a comma stands for its point, or "". */
const char *sheaf_text_comma_hint(const char *text, size_t length);

/* 7099 as "7,099". Returns `buffer`. */
const char *sheaf_text_count(int64_t value, char buffer[32]);

/* Seconds as "0.21 s", "3:07", "2:04:59", "4 d 02:10". Returns `buffer`. */
const char *sheaf_text_duration(double wall_s, char buffer[32]);

/* Reads "90", "90s", "30m", "2h", "1d" or "1:30:00" as seconds. Returns 0, or -1 if it is anything else or not more
   than 0. */
int sheaf_text_to_seconds(const char *text, double *wall_s);

/* Reads "4096", "500K", "4G" or "1.5GB" (powers of 1024) as bytes. Returns 0, or -1 if it is anything else or not more
   than 0. */
int sheaf_text_to_bytes(const char *text, int64_t *n_bytes);

/* A rate with three digits and k, M or G: "1.25 M". Returns `buffer`. */
const char *sheaf_text_rate(double value, char buffer[32]);

/* A double as the shortest decimal that reads back as the same value (17 digits at most). Returns `buffer`. */
const char *sheaf_text_double(double value, char buffer[32]);

/* The offset of the first byte that is not UTF-8, or `length`. */
size_t sheaf_text_valid(const char *text, size_t length);

/* A length as the precision of "%.*s"; what is longer than a message may be is cut there in any case. */
static inline int sheaf_text_precision(size_t length) {
    return length < 4096 ? (int)length : 4096;
}

/* Bytes of the first n_characters of a UTF-8 text, or of all of it if it is shorter. */
size_t sheaf_text_prefix(const char *text, size_t n_characters);

/* Terminal columns that UTF-8 text[length] takes, counting one for each character. */
size_t sheaf_text_columns(const char *text, size_t length);

/* The index of the name closest to `wanted` (Damerau-Levenshtein distance, at most a third of its length, and at
   least 1), or -1 if none is close. NULL names are skipped. */
int sheaf_text_closest(const char *wanted, const char *const *names, int n_names);

/* "; did you mean 'moid'?" for the closest name, else "" or, where `list` is set, "; there is 'a', 'b'".
   Returns `buffer`. */
const char *sheaf_text_suggest(const char *wanted, const char *const *names, int n_names, bool list, char *buffer,
                               size_t buffer_bytes);

/* True for [A-Za-z_][A-Za-z0-9_]*. */
bool sheaf_text_is_name(const char *text);

/* What makes a word a plural: "" of one, else "s". */
static inline const char *sheaf_text_plural(int64_t n) {
    return n == 1 ? "" : "s";
}

#endif
