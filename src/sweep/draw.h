/*
 * draw - values of a sample: functions of the seed and the index, so that any rank works out any of them.
 *
 * A draw is one dimension of a sample. Its points are whole numbers below 2^53, of which a law makes values: random ones by
 * Philox, those of a Latin hypercube, or Sobol's (sobol.h). A Latin hypercube of n points has one in each nth part of every
 * dimension: McKay, Beckman and Conover, "A comparison of three methods for selecting values of input variables", Technometrics
 * 21 (1979); which part a point has is a permutation of the indices that needs no memory, by a Feistel network whose values are
 * walked until one is below n (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002).
 */
#ifndef SHEAF_SWEEP_DRAW_H
#define SHEAF_SWEEP_DRAW_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/kernel.h>

#include "sweep/sobol.h"

/* The second word of Philox's key, which no item's stream has; and what of a dimension is drawn, the last word of the
   counter. */
#define DRAW_KEY (UINT64_C(1) << 63)
enum { DRAW_RANDOM_POINTS, DRAW_PERMUTATION, DRAW_WITHIN, DRAW_SCRAMBLING };

enum draw_method { DRAW_RANDOM, DRAW_LATIN, DRAW_SOBOL };
enum draw_law { DRAW_UNIFORM, DRAW_LOGUNIFORM, DRAW_NORMAL, DRAW_INTEGERS, DRAW_CHOICE };

/* Plain bytes, which may lie in memory that processes share. */
struct draw {
    int32_t method, law; /* enum draw_method, enum draw_law */
    int32_t dimension;   /* from 0 */
    bool scrambles;      /* of Sobol's */
    uint64_t seed;
    int64_t count;             /* points of the sample */
    double a, b;               /* uniform, loguniform: from, to; normal: mean, standard deviation */
    int64_t low;               /* integers: the least, */
    int64_t n_values;          /* and how many; choice: how many */
    uint64_t keys[SOBOL_BITS]; /* sheaf_draw_begin */
};

/* Works out what all points of the draw share. */
void sheaf_draw_begin(struct draw *draw);

/* Points first … first + n - 1, below 2^53. */
void sheaf_draw_points(const struct draw *draw, int64_t first, int64_t n, uint64_t *points);

/* Their values as a numeric type that they fit; not of a choice. */
void sheaf_draw_numbers(const struct draw *draw, enum sheaf_type type, int64_t first, int64_t n, void *values);

/* Which of the n_values a choice takes. */
void sheaf_draw_choices(const struct draw *draw, int64_t first, int64_t n, int64_t *choices);

/* The point of the standard normal distribution below which it is with the probability (k + 1/2) / 2^53: algorithm AS 241
   (PPND16) of Wichura, "The percentage points of the normal distribution", Applied Statistics 37 (1988). */
double sheaf_draw_normal(uint64_t k);

#endif
