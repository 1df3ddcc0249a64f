/*
 * decimal - numbers as most tables have them, such as -12.5 or 3.25e-07, read in one go where they stand.
 *
 * What is read here is read exactly as core/text.h does, and never otherwise: what is longer, or written in another way,
 * is left to that.
 */
#ifndef SHEAF_CORE_DECIMAL_H
#define SHEAF_CORE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ±digits × 10^exponent. */
struct sheaf_decimal {
    uint64_t digits;
    int32_t exponent;
    int32_t n_before; /* bytes in front of the point, or of the exponent, or all */
    bool negative;
    bool whole; /* digits alone, without a point and an exponent */
};

enum {
    DECIMAL_MOST_DIGITS = 19,   /* so many fit 64 bits, whatever they are */
    DECIMAL_MOST_EXPONENT = 999 /* as it is written */
};

static inline bool sheaf_decimal_is_digit(char c) {
    return (unsigned char)(c - '0') < 10;
}

/* Takes the digits from p on; returns what is behind them. */
static inline const char *sheaf_decimal_digits(const char *p, const char *end, uint64_t *digits) {
    uint64_t n = *digits;
    for (; p < end && sheaf_decimal_is_digit(*p); p++)
        n = 10 * n + (uint64_t)(*p - '0');
    *digits = n;
    return p;
}

/* Whether eight bytes, read as they stand, are digits; and their value. Byte for byte side by side (Lemire 2021, "Number
   parsing at a gigabyte per second"), where the first byte is the lowest. */
static inline bool sheaf_decimal_are_digits(uint64_t bytes) {
    const uint64_t high = UINT64_C(0xf0f0f0f0f0f0f0f0), above_nine = UINT64_C(0x0606060606060606);
    return ((bytes & high) | (((bytes + above_nine) & high) >> 4)) == UINT64_C(0x3333333333333333);
}

static inline uint64_t sheaf_decimal_eight(uint64_t bytes) {
    const uint64_t every_fourth = UINT64_C(0x000000ff000000ff);
    bytes -= UINT64_C(0x3030303030303030);
    bytes = 10 * bytes + (bytes >> 8); /* pairs, in every other byte */
    return ((bytes & every_fourth) * UINT64_C(0x000f424000000064) +
            ((bytes >> 16) & every_fourth) * UINT64_C(0x0000271000000001)) >>
           32;
}

/* The same as sheaf_decimal_digits, quicker where there are many. */
static inline const char *sheaf_decimal_many_digits(const char *p, const char *end, uint64_t *digits) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (uint64_t bytes; end - p >= 8 && sheaf_decimal_is_digit(*p); p += 8) {
        memcpy(&bytes, p, sizeof bytes);
        if (!sheaf_decimal_are_digits(bytes))
            break;
        *digits = 100000000 * *digits + sheaf_decimal_eight(bytes);
    }
#endif
    return sheaf_decimal_digits(p, end, digits);
}

/* An exponent from p on, where p is its e; returns p where there is none. */
static inline const char *sheaf_decimal_exponent(const char *p, const char *end, int32_t *exponent) {
    const char *q = p + 1;
    const bool negative = q < end && *q == '-';
    uint64_t value = 0;
    q += q < end && (*q == '-' || *q == '+');
    const char *behind = sheaf_decimal_digits(q, end - q > 4 ? q + 4 : end, &value);
    if (behind == q || value > DECIMAL_MOST_EXPONENT)
        return p;
    *exponent += negative ? -(int32_t)value : (int32_t)value;
    return behind;
}

/* Digits behind the zeros in front. */
static inline long sheaf_decimal_count(const char *p, const char *end) {
    while (p < end && (*p == '0' || *p == '.'))
        p++;
    long n = 0;
    for (; p < end; p++)
        n += *p != '.';
    return n;
}

/* Reads the number that begins at p, as far as it goes; returns what is behind it, or NULL where none begins, or one with
   too many digits. */
__attribute__((always_inline)) static inline const char *sheaf_decimal_read(const char *p, const char *end,
                                                                            struct sheaf_decimal *d) {
    const char *const begin = p;
    d->digits = 0;
    d->exponent = 0;
    d->negative = p < end && *p == '-';
    p += p < end && (*p == '-' || *p == '+');
    const char *const first = p;
    p = sheaf_decimal_digits(p, end, &d->digits);
    long n = p - first;
    d->n_before = (int32_t)(p - begin);
    d->whole = true;
    if (p < end && *p == '.') {
        const char *const behind = sheaf_decimal_many_digits(p + 1, end, &d->digits);
        d->exponent = (int32_t) - (behind - p - 1);
        n += behind - p - 1;
        p = behind;
        d->whole = false;
    }
    if (n == 0 ||
        (n > DECIMAL_MOST_DIGITS && (p - first > 1000 || sheaf_decimal_count(first, p) > DECIMAL_MOST_DIGITS)))
        return NULL;
    if (p < end && (*p == 'e' || *p == 'E')) {
        const char *const behind = sheaf_decimal_exponent(p, end, &d->exponent);
        d->whole = d->whole && behind == p;
        p = behind;
    }
    return p;
}

/* The powers of ten that a double has exactly. */
enum { DECIMAL_EXACT_POWER = 22 };
extern const double sheaf_decimal_powers[DECIMAL_EXACT_POWER + 1];

/* With the 64 bits of an 80-bit float, where there is one. */
bool sheaf_decimal_round_twice(const struct sheaf_decimal *decimal, double *value);

/* Its value, correctly rounded; false where that takes more than one operation. A power of ten that is exact times, or
   through, digits that are: that rounds correctly (Clinger 1990, "How to read floating point numbers accurately"). */
static inline bool sheaf_decimal_value(const struct sheaf_decimal *d, double *value) {
    if (d->digits >> 53 || d->exponent < -DECIMAL_EXACT_POWER || d->exponent > DECIMAL_EXACT_POWER)
        return sheaf_decimal_round_twice(d, value);
    const double digits = d->negative ? -(double)(int64_t)d->digits : (double)(int64_t)d->digits;
    *value = d->exponent < 0 ? digits / sheaf_decimal_powers[-d->exponent] : digits * sheaf_decimal_powers[d->exponent];
    return true;
}

#endif
