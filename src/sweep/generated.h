/*
 * generated - inputs that travel to nobody: any rank works them out from an item's index.
 *
 * What it takes is one block of plain bytes, the same for all threads of a node: for each input of the kernel how often it
 * changes, and the values that it takes, in the type that the kernel reads.
 */
#ifndef SHEAF_SWEEP_GENERATED_H
#define SHEAF_SWEEP_GENERATED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/kernel.h>

#include "core/error.h"
#include "sweep/sweep.h"

/* An input of width 1: item i has value i / stride % n_values of those that lie at `offset` of the block, or value
   i / stride of the draw. */
struct generated {
    int64_t stride; /* 0: the input is not generated */
    int64_t n_values, offset;
    int64_t draw; /* where it lies in the block; 0: values are listed */
};

/* How the inputs of a kernel come from a sweep: inputs[n_inputs], of which input k is its field[k], or none of its fields
   where that is no index of one, or numbers that are drawn and wanted as text, which somebody must write. */
struct generated_setup {
    const struct sweep *sweep;
    int n_inputs;
    const struct sheaf_field *inputs;
    const int *field;
};

/* Bytes of the block, which sheaf_generated_make fills. */
int sheaf_generated_measure(const struct generated_setup *setup, size_t *n_bytes, struct sheaf_error *error);
int sheaf_generated_make(const struct generated_setup *setup, void *block, struct sheaf_error *error);

/* Whether input k is in the block; NULL: none is. */
static inline bool sheaf_generated_has(const void *block, int k) {
    return block && ((const struct generated *)block)[k].stride > 0;
}

/* The values of input k, which is one of the block, for items first … first + n - 1. */
void sheaf_generated_fill(const void *block, int k, enum sheaf_type type, int64_t first, int64_t n, void *to);

#endif
