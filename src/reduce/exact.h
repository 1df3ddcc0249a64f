/*
 * exact - sums of doubles, and of their squares, without any rounding: in whatever order they are added and however partial
 * sums are merged, the sum is the same, and mean and variance are rounded once.
 *
 * The integer superaccumulators of Neal, "Fast exact summation using small and large superaccumulators", arXiv:1505.05571:
 * digits of 32 bits that lie in words of 64, so that carries are passed on only now and then. A square is a product of 106 bits,
 * which is added in two halves. What is no number is counted beside the digits: NaN makes NaN of all that follows, infinities
 * are themselves, or NaN where both are there. Up to 2^62 values. Plain structs that may be copied byte by byte.
 */
#ifndef SHEAF_REDUCE_EXACT_H
#define SHEAF_REDUCE_EXACT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    EXACT_SUM_DIGITS = 70,     /* from 2^-1088 on: beyond 2^62 times the largest double */
    EXACT_SQUARES_DIGITS = 136 /* from 2^-2176 on: the same of squares */
};

struct exact_sum {
    int64_t digits[EXACT_SUM_DIGITS];
    int32_t n_unpassed;                /* values that were added since carries were passed on */
    bool any_other;                    /* a value that is not -0 */
    int64_t n, n_nan, n_plus, n_minus; /* values; of them NaN, infinities */
};

struct exact_squares {
    int64_t digits[EXACT_SQUARES_DIGITS];
    int32_t n_unpassed;
};

/* Both start as {0}. */
void sheaf_exact_add(struct exact_sum *sum, double x);
/* Nothing of what is no finite number, which the sum beside it knows of. */
void sheaf_exact_add_square(struct exact_squares *squares, double x);

/* x[n] to the sum, and their squares to `squares` unless it is NULL: the same, faster. */
void sheaf_exact_add_many(struct exact_sum *sum, struct exact_squares *squares, const double *x, int64_t n);

/* A part of a sum of squares, which is finite. */
void sheaf_exact_add_to_squares(struct exact_squares *squares, double part);

void sheaf_exact_merge(struct exact_sum *sum, const struct exact_sum *other);
void sheaf_exact_merge_squares(struct exact_squares *squares, const struct exact_squares *other);

/* The sum, rounded to the nearest double, ties to even; beyond the largest an infinity, as IEEE 754 has it. Of no value 0, of
   zeros that are all negative -0. */
double sheaf_exact_sum(const struct exact_sum *sum);

/* The mean, rounded once; of no value NaN. */
double sheaf_exact_mean(const struct exact_sum *sum);

/* The sum of squares of the same values. */
double sheaf_exact_sum_of_squares(const struct exact_sum *sum, const struct exact_squares *squares);

/* (n Q - S²) / (n (n - ddof)) times 1 / divisor, rounded once: with ddof 1 and divisor 1 the sample variance, with divisor n the
   squared standard error of the mean. NaN where n <= ddof, or a value is no finite number. */
double sheaf_exact_variance(const struct exact_sum *sum, const struct exact_squares *squares, int64_t ddof,
                            int64_t divisor);

#endif
