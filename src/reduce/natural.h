/*
 * natural - natural numbers of up to some thousand bits, for the last step of exact sums: products, quotients, one rounding.
 */
#ifndef SHEAF_REDUCE_NATURAL_H
#define SHEAF_REDUCE_NATURAL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    NATURAL_DIGITS = 160, /* of 32 bits */
    NATURAL_GUARD = 8 /* digits that a quotient has below those of its dividend: more than three divisors and 54 bits */
};

/* The lowest digit first; those from n on are 0. */
struct natural {
    int n;
    uint32_t digits[NATURAL_DIGITS];
};

void sheaf_natural_multiply(struct natural *a, uint64_t factor);

/* a becomes a². */
void sheaf_natural_square(struct natural *a);

/* a becomes a - b, which is not more than a. */
void sheaf_natural_subtract(struct natural *a, const struct natural *b);

/* a becomes a 2^(32 digits). */
void sheaf_natural_shift(struct natural *a, int digits);

/* a becomes a / divisor, rounded down; whether anything is left. */
bool sheaf_natural_divide(struct natural *a, uint64_t divisor);

/* a 2^lowest, and a little more where there is a rest, as the nearest double, ties to even. */
double sheaf_natural_round(const struct natural *a, int lowest, bool rest);

#endif
