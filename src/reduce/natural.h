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

/* The digits times 2^(32 below), the lowest first; those from n on are undefined. What is done takes as long as there are digits
   that are not 0. */
struct natural {
    int n, below;
    uint32_t digits[NATURAL_DIGITS];
};

/* digits[n] of up to 32 bits each. */
void sheaf_natural_set(struct natural *a, const int64_t *digits, int n);

void sheaf_natural_multiply(struct natural *a, uint64_t factor);

/* a becomes a². */
void sheaf_natural_square(struct natural *a);

/* a becomes a - b, which is not more than a. */
void sheaf_natural_subtract(struct natural *a, const struct natural *b);

/* Gives a that many digits more, all 0, below those that it has. */
void sheaf_natural_refine(struct natural *a, int digits);

/* a becomes a / divisor, rounded down to its lowest digit; whether anything is left. */
bool sheaf_natural_divide(struct natural *a, uint64_t divisor);

/* a 2^lowest, and a little more where there is a rest, as the nearest double, ties to even. */
double sheaf_natural_round(const struct natural *a, int lowest, bool rest);

#endif
