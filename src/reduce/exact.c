#include "reduce/exact.h"

#include <math.h>
#include <string.h>

#include "reduce/natural.h"

enum {
    DIGIT_BITS = 32,
    SUM_LOWEST = -1088,     /* the exponent of the lowest digit */
    SQUARES_LOWEST = -2176, /* twice that */
    UNPASSED_MOST = 512     /* values whose digits of up to 53 bits fit in a word beside a carry */
};

#define DIGIT_MASK INT64_C(0xffffffff)

/* --- adding -------------------------------------------------------------------------------------------------------- */

/* m 2^e of a finite double, m with its sign. */
static int64_t take_apart(double x, int *exponent) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int field = (int)(bits >> 52 & 0x7ff);
    const int64_t fraction = (int64_t)(bits & ((UINT64_C(1) << 52) - 1));
    const int64_t m = field ? fraction | INT64_C(1) << 52 : fraction;
    *exponent = (field ? field : 1) - 1075;
    return bits >> 63 ? -m : m;
}

/* Passes carries on, so that each digit but the last is from 0 to 2^32 - 1; the last has the sign. */
static void pass_carries(int64_t *digits, int n) {
    int64_t carry = 0;
    for (int k = 0; k + 1 < n; k++) {
        const int64_t digit = digits[k] + carry;
        digits[k] = digit & DIGIT_MASK;
        carry = digit >> DIGIT_BITS; /* arithmetic: it rounds down */
    }
    digits[n - 1] += carry;
}

/* Adds m 2^shift, in units of the lowest digit; m has at most 53 bits. */
static void add_shifted(int64_t *digits, int64_t m, int shift) {
    const int k = shift / DIGIT_BITS, by = shift % DIGIT_BITS;
    const __int128 wide = (__int128)m * ((int64_t)1 << by); /* at most 85 bits */
    digits[k] += (int64_t)wide & DIGIT_MASK;
    digits[k + 1] += (int64_t)(wide >> DIGIT_BITS);
}

static void note(struct exact_sum *sum, double x) {
    sum->n_nan += isnan(x);
    sum->n_plus += isinf(x) && x > 0;
    sum->n_minus += isinf(x) && x < 0;
}

void sheaf_exact_add(struct exact_sum *sum, double x) {
    int exponent;
    sum->n++;
    if (!isfinite(x)) {
        note(sum, x);
        return;
    }
    sum->any_other = sum->any_other || x != 0 || !signbit(x);
    const int64_t m = take_apart(x, &exponent);
    add_shifted(sum->digits, m, exponent - SUM_LOWEST);
    if (++sum->n_unpassed == UNPASSED_MOST) {
        pass_carries(sum->digits, EXACT_SUM_DIGITS);
        sum->n_unpassed = 0;
    }
}

static void count_square(struct exact_squares *squares) {
    if (++squares->n_unpassed == UNPASSED_MOST / 2) {
        pass_carries(squares->digits, EXACT_SQUARES_DIGITS);
        squares->n_unpassed = 0;
    }
}

void sheaf_exact_add_to_squares(struct exact_squares *squares, double part) {
    int exponent;
    const int64_t m = take_apart(part, &exponent);
    add_shifted(squares->digits, m, exponent - SQUARES_LOWEST);
    count_square(squares);
}

void sheaf_exact_add_square(struct exact_squares *squares, double x) {
    enum { HALF = 53 };
    int exponent;
    if (!isfinite(x))
        return;
    const int64_t m = take_apart(x, &exponent);
    const unsigned __int128 square = (unsigned __int128)((__int128)m * m);
    const int shift = 2 * exponent - SQUARES_LOWEST;
    add_shifted(squares->digits, (int64_t)(square & ((UINT64_C(1) << HALF) - 1)), shift);
    add_shifted(squares->digits, (int64_t)(square >> HALF), shift + HALF);
    count_square(squares);
}

/* --- merging ------------------------------------------------------------------------------------------------------- */

static void merge(int64_t *digits, int32_t *n_unpassed, const int64_t *others, int n) {
    int64_t passed[EXACT_SQUARES_DIGITS];
    memcpy(passed, others, (size_t)n * sizeof *passed);
    pass_carries(passed, n);
    pass_carries(digits, n);
    for (int k = 0; k < n; k++)
        digits[k] += passed[k];
    pass_carries(digits, n);
    *n_unpassed = 0;
}

void sheaf_exact_merge(struct exact_sum *sum, const struct exact_sum *other) {
    merge(sum->digits, &sum->n_unpassed, other->digits, EXACT_SUM_DIGITS);
    sum->any_other = sum->any_other || other->any_other;
    sum->n += other->n;
    sum->n_nan += other->n_nan;
    sum->n_plus += other->n_plus;
    sum->n_minus += other->n_minus;
}

void sheaf_exact_merge_squares(struct exact_squares *squares, const struct exact_squares *other) {
    merge(squares->digits, &squares->n_unpassed, other->digits, EXACT_SQUARES_DIGITS);
}

/* --- rounding ------------------------------------------------------------------------------------------------------ */

/* The digits as sign and size. True: negative. */
static bool take_size(const int64_t *digits, int n, struct natural *size) {
    int64_t passed[EXACT_SQUARES_DIGITS + 1];
    memcpy(passed, digits, (size_t)n * sizeof *passed);
    pass_carries(passed, n);
    const bool negative = passed[n - 1] < 0;
    for (int k = 0; negative && k < n; k++)
        passed[k] = -passed[k];
    if (negative)
        pass_carries(passed, n);
    passed[n] = passed[n - 1] >> DIGIT_BITS;
    passed[n - 1] &= DIGIT_MASK;
    sheaf_natural_set(size, passed, n + 1);
    return negative;
}

/* What values that are no finite numbers make of a sum; false: there is none. */
static bool is_decided(const struct exact_sum *sum, double *value) {
    if (sum->n_nan == 0 && sum->n_plus == 0 && sum->n_minus == 0)
        return false;
    *value = sum->n_nan || (sum->n_plus && sum->n_minus) ? NAN : sum->n_plus ? INFINITY : -INFINITY;
    return true;
}

/* The sum over a divisor. */
static double round_quotient(const struct exact_sum *sum, int64_t divisor) {
    struct natural size;
    double value;
    if (is_decided(sum, &value))
        return value;
    const bool negative = take_size(sum->digits, EXACT_SUM_DIGITS, &size);
    sheaf_natural_refine(&size, NATURAL_GUARD);
    const bool rest = sheaf_natural_divide(&size, (uint64_t)divisor);
    value = sheaf_natural_round(&size, SUM_LOWEST, rest);
    return negative || (sum->n > 0 && !sum->any_other) ? -value : value;
}

double sheaf_exact_sum(const struct exact_sum *sum) {
    return round_quotient(sum, 1);
}

double sheaf_exact_mean(const struct exact_sum *sum) {
    return sum->n > 0 ? round_quotient(sum, sum->n) : NAN;
}

double sheaf_exact_sum_of_squares(const struct exact_sum *sum, const struct exact_squares *squares) {
    struct natural size;
    if (sum->n_nan)
        return NAN;
    if (sum->n_plus || sum->n_minus)
        return INFINITY;
    take_size(squares->digits, EXACT_SQUARES_DIGITS, &size);
    return sheaf_natural_round(&size, SQUARES_LOWEST, false);
}

double sheaf_exact_variance(const struct exact_sum *sum, const struct exact_squares *squares, int64_t ddof,
                            int64_t divisor) {
    struct natural numerator, square;
    double value;
    if (sum->n <= ddof || is_decided(sum, &value))
        return NAN;
    take_size(squares->digits, EXACT_SQUARES_DIGITS, &numerator);
    take_size(sum->digits, EXACT_SUM_DIGITS, &square);
    sheaf_natural_multiply(&numerator, (uint64_t)sum->n);
    sheaf_natural_square(&square);
    sheaf_natural_subtract(&numerator, &square);
    sheaf_natural_refine(&numerator, NATURAL_GUARD);
    bool rest = sheaf_natural_divide(&numerator, (uint64_t)sum->n);
    rest |= sheaf_natural_divide(&numerator, (uint64_t)(sum->n - ddof));
    rest |= sheaf_natural_divide(&numerator, (uint64_t)divisor);
    return sheaf_natural_round(&numerator, SQUARES_LOWEST, rest);
}
