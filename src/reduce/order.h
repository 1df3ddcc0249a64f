/*
 * order - doubles as whole numbers of the same order, and what lies between two of them. Pure.
 */
#ifndef SHEAF_REDUCE_ORDER_H
#define SHEAF_REDUCE_ORDER_H

#include <stdint.h>

/* Keys of numbers are ordered as they are, infinities too; -0 has that of 0. Not of NaN. */
uint64_t sheaf_order_key(double x);
double sheaf_order_value(uint64_t key);

/* Where the quantile of a probability in [0, 1] lies among n >= 1 ordered values: between those of *rank and the next one, which it
   is *weight of the way to. (n - 1) p, as numpy.quantile's `linear`. */
void sheaf_order_place(double probability, int64_t n, int64_t *rank, double *weight);

/* That much of the way from a to b, a <= b: a itself at weight 0 and where they are equal, infinite ones too; else numpy's, which between an
   infinity and another value may be NaN,
   a + (b - a) w for w < 1/2 and b - (b - a) (1 - w). */
double sheaf_order_between(double a, double b, double weight);

#endif
