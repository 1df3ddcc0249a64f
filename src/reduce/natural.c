#include "reduce/natural.h"

#include <math.h>
#include <string.h>

enum { DIGIT_BITS = 32, MANTISSA_BITS = 53, LEAST_EXPONENT = -1074 };

static void trim(struct natural *a) {
    while (a->n > 0 && a->digits[a->n - 1] == 0)
        a->n--;
}

void sheaf_natural_set(struct natural *a, const int64_t *digits, int n) {
    int low = 0;
    while (n > 0 && digits[n - 1] == 0)
        n--;
    while (low < n && digits[low] == 0)
        low++;
    a->n = n - low;
    a->below = low;
    for (int k = low; k < n; k++)
        a->digits[k - low] = (uint32_t)digits[k];
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
    struct natural square;
    square.n = 2 * a->n;
    square.below = 2 * a->below;
    memset(square.digits, 0, (size_t)square.n * sizeof *square.digits);
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

void sheaf_natural_refine(struct natural *a, int digits) {
    memmove(a->digits + digits, a->digits, (size_t)a->n * sizeof *a->digits);
    memset(a->digits, 0, (size_t)digits * sizeof *a->digits);
    a->n += a->n ? digits : 0;
    a->below -= digits;
}

void sheaf_natural_subtract(struct natural *a, const struct natural *b) {
    int64_t borrow = 0;
    if (b->n && b->below < a->below)
        sheaf_natural_refine(a, a->below - b->below);
    for (int k = 0; k < a->n; k++) {
        const int of_b = k + a->below - b->below;
        borrow += (int64_t)a->digits[k] - (of_b >= 0 && of_b < b->n ? b->digits[of_b] : 0);
        a->digits[k] = (uint32_t)borrow;
        borrow >>= DIGIT_BITS;
    }
    trim(a);
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
    int n = a->n;
    while (n > 0 && a->digits[n - 1] == 0)
        n--;
    if (n == 0)
        return 0;
    const int unit = lowest + DIGIT_BITS * a->below; /* exponent of the lowest digit that is there */
    const int top = DIGIT_BITS * n - 1 - __builtin_clz(a->digits[n - 1]);
    int from = top - (MANTISSA_BITS - 1); /* the lowest place that the double has */
    if (from + unit < LEAST_EXPONENT)
        from = LEAST_EXPONENT - unit;
    uint64_t mantissa = 0;
    for (int place = top; place >= from; place--)
        mantissa = mantissa << 1 | bit_of(a, place);
    const bool half = from - 1 <= top && bit_of(a, from - 1);
    const bool more = rest || any_below(a, from - 1);
    mantissa += half && (more || (mantissa & 1));
    return ldexp((double)mantissa, from + unit);
}
