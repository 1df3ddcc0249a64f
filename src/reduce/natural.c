#include "reduce/natural.h"

#include <math.h>
#include <string.h>

enum { DIGIT_BITS = 32, MANTISSA_BITS = 53, LEAST_EXPONENT = -1074 };

static void trim(struct natural *a) {
    while (a->n > 0 && a->digits[a->n - 1] == 0)
        a->n--;
}

static void put(struct natural *a, uint64_t carry) {
    for (; carry && a->n < NATURAL_DIGITS; carry >>= DIGIT_BITS)
        a->digits[a->n++] = (uint32_t)carry;
}

void sheaf_natural_multiply(struct natural *a, uint64_t factor) {
    unsigned __int128 carry = 0;
    for (int k = 0; k < a->n; k++) {
        carry += (unsigned __int128)a->digits[k] * factor;
        a->digits[k] = (uint32_t)carry;
        carry >>= DIGIT_BITS;
    }
    put(a, (uint64_t)carry);
}

void sheaf_natural_square(struct natural *a) {
    struct natural square = {.n = 2 * a->n};
    for (int i = 0; i < a->n; i++) {
        uint64_t carry = 0;
        for (int k = 0; k < a->n; k++) {
            carry += (uint64_t)a->digits[i] * a->digits[k] + square.digits[i + k];
            square.digits[i + k] = (uint32_t)carry;
            carry >>= DIGIT_BITS;
        }
        square.digits[i + a->n] = (uint32_t)carry;
    }
    trim(&square);
    *a = square;
}

void sheaf_natural_subtract(struct natural *a, const struct natural *b) {
    int64_t borrow = 0;
    for (int k = 0; k < a->n; k++) {
        borrow += (int64_t)a->digits[k] - b->digits[k];
        a->digits[k] = (uint32_t)borrow;
        borrow >>= DIGIT_BITS;
    }
    trim(a);
}

void sheaf_natural_shift(struct natural *a, int digits) {
    memmove(a->digits + digits, a->digits, (size_t)a->n * sizeof *a->digits);
    memset(a->digits, 0, (size_t)digits * sizeof *a->digits);
    a->n += a->n ? digits : 0;
}

bool sheaf_natural_divide(struct natural *a, uint64_t divisor) {
    unsigned __int128 rest = 0;
    for (int k = a->n - 1; k >= 0; k--) {
        rest = rest << DIGIT_BITS | a->digits[k];
        a->digits[k] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    trim(a);
    return rest != 0;
}

static bool bit_of(const struct natural *a, int place) {
    return place >= 0 && a->digits[place / DIGIT_BITS] >> place % DIGIT_BITS & 1;
}

/* Whether any bit below a place is set. */
static bool any_below(const struct natural *a, int place) {
    for (int k = 0; k < a->n && k * DIGIT_BITS < place; k++) {
        const int n = place - k * DIGIT_BITS;
        if (a->digits[k] & (n >= DIGIT_BITS ? UINT32_MAX : (UINT32_C(1) << n) - 1))
            return true;
    }
    return false;
}

double sheaf_natural_round(const struct natural *a, int lowest, bool rest) {
    struct natural own = *a;
    trim(&own);
    if (own.n == 0)
        return 0;
    const int top = DIGIT_BITS * own.n - 1 - __builtin_clz(own.digits[own.n - 1]);
    int from = top - (MANTISSA_BITS - 1); /* the lowest place that the double has */
    if (from + lowest < LEAST_EXPONENT)
        from = LEAST_EXPONENT - lowest;
    uint64_t mantissa = 0;
    for (int place = top; place >= from; place--)
        mantissa = mantissa << 1 | bit_of(&own, place);
    const bool half = from > 0 && from - 1 <= top && bit_of(&own, from - 1);
    const bool more = rest || any_below(&own, from - 1);
    mantissa += half && (more || (mantissa & 1));
    return ldexp((double)mantissa, from + lowest);
}
