/*
 * input - items from an HDF5 file: 1-D and 2-D datasets of numbers, one row an item.
 */
#ifndef SHEAF_STORE_INPUT_H
#define SHEAF_STORE_INPUT_H

#include "core/known.h"
#include "job/items.h"
#include "job/job.h"

/* Inputs of more bytes are linked from the results file, where the job does not say otherwise. */
#define SHEAF_INPUTS_SMALL (INT64_C(64) << 20)

/* Opens the hdf5 items of a job. The struct is to be closed (sheaf_items_close) in every case.
   known: may be NULL. */
int sheaf_input_open(struct items *items, const struct job *job, struct known *known, struct sheaf_error *error);

#endif
