/*
 * sweep_source - a sweep as a source of items: whoever needs values works them out.
 */
#ifndef SHEAF_JOB_SWEEP_SOURCE_H
#define SHEAF_JOB_SWEEP_SOURCE_H

#include "job/items.h"
#include "job/job.h"

/* Offsets in the results file must fit 63 bits. */
#define SWEEP_ITEMS_MOST INT64_C(1000000000000000)

/* Adds the last axis, of replicas: `repeat: N`. */
int sheaf_sweep_repeat(struct items *items, struct sweep *sweep, const struct yaml_node *node,
                       struct sheaf_error *error);

/* The functions of items that are a sweep; of others they serve the fields that lie along axes (sheaf_items_n_along). */
extern const struct items_source sheaf_sweep_source;

/* Adds the bytes of texts of those fields to what the items have. */
void sheaf_sweep_measure_texts(struct items *items, const struct sweep *sweep);

/* Opens items whose sweep, with all of it but the strides and the number of items, is in their arena. Spellings of numbers are
   part of the identity where the kernel of the job may get them. */
int sheaf_sweep_open(struct items *items, struct sweep *sweep, const struct job *job, struct sheaf_error *error);

#endif
