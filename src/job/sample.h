/*
 * sample - items that are drawn: `sample: {count: N, method: sobol, fields: {x: {uniform: [0, 1]}}}`.
 */
#ifndef SHEAF_JOB_SAMPLE_H
#define SHEAF_JOB_SAMPLE_H

#include "job/items.h"
#include "job/job.h"

int sheaf_sample_open(struct items *items, const struct job *job, struct sheaf_error *error);

#endif
