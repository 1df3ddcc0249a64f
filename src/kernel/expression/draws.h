/*
 * draws - the random numbers that formulas draw, some items at a time: draw k of an item is number k of its stream (core/random).
 */
#ifndef SHEAF_KERNEL_DRAWS_H
#define SHEAF_KERNEL_DRAWS_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/expression/formula.h"

struct draws {
    const struct formulas *formulas;
    uint64_t seed;
    int64_t batch;     /* items at a time, at most; a multiple of 16 */
    double *numbers;   /* [n_draws][batch] */
    const double **in; /* [n_inputs + n_draws] what the compiled function takes */
    double **out;      /* [n_outputs] */
};

/* How many bytes of scratch draws take; none where there are none. */
size_t sheaf_draws_bytes(const struct formulas *formulas);

/* Starts with scratch of that size, 64-byte aligned. */
void sheaf_draws_begin(struct draws *draws, const struct formulas *formulas, uint64_t seed, void *scratch);

/* Draws for n items from `at` on of a block whose first item is `first`, and points draws->in and draws->out to them, and to their
   place in the columns in[n_inputs] and out[n_outputs] of the block. Both at and n are multiples of 16. */
void sheaf_draws_next(struct draws *draws, const double *const *in, double *const *out, int64_t first, int64_t at,
                      int64_t n);

#endif
