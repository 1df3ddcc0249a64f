/*
 * json_line - an item as one line of JSON: {"item": 17, "mass": 1.5, "name": "Ceres", "r": [1.0, 2.0]}; or several, in
 * arrays: {"item": [17, 18], "mass": [1.5, 0.1], …}.
 */
#ifndef SHEAF_KERNEL_JSON_LINE_H
#define SHEAF_KERNEL_JSON_LINE_H

#include <stdbool.h>

#include <sheaf/kernel.h>

#include "core/buffer.h"
#include "core/error.h"
#include "job/job.h"

/* Appends a line, with its end: index, inputs[n_inputs] by name, and the job's params, which are never in arrays; a field of
   the same name wins. The item's own seed, where it has one, is below 2^53. It is for
   item k of a block, or, where n > 0, for items k … k + n - 1 in arrays.
   NaN and infinite numbers are null; bytes of texts that are no UTF-8 become U+FFFD. */
int sheaf_json_line_write(struct sheaf_buffer *to, const struct job *job, int n_inputs,
                          const struct sheaf_field *inputs, const struct sheaf_block *block, int64_t k, int64_t n,
                          struct sheaf_error *error);

/* Whether lines have the item's own seed: the job says one, and no field and no param takes the name. */
bool sheaf_json_line_has_seed(const struct job *job, int n_inputs, const struct sheaf_field *inputs);

/* Refuses names of params and outputs that mean something else in questions and answers. */
int sheaf_json_line_check(const struct job *job, struct sheaf_error *error);

#endif
