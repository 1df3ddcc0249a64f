/*
 * inputs - how HDF5 inputs come into a results file, and whether those that are linked are still what they were. Private to
 * store/.
 */
#ifndef SHEAF_STORE_INPUTS_H
#define SHEAF_STORE_INPUTS_H

#include <hdf5.h>

#include "core/error.h"
#include "core/interrupt.h"
#include "job/items.h"

/* The dataset of a field, borrowed from the items. */
hid_t sheaf_input_dataset(const struct items *items, int field);

/* The watch over the file that they lie in, borrowed: what is read of it is read between its begin and end. */
struct interrupt_reading *sheaf_input_reading(const struct items *items);

/* Copies a field's values and what its attributes say of them to a dataset of its type and shape. */
int sheaf_inputs_copy(const struct items *items, int field, hid_t to, struct sheaf_error *error);

/* Makes an external link to each field. */
int sheaf_inputs_link(const struct items *items, hid_t file, hid_t link_creation, struct sheaf_error *error);

/* Opens an input that a results file links to. Negative, and why, if it is not there, or is not what the results were
   computed from: `identity` has the fingerprints, and *files, which may be NULL and is
   kept up to date, those that need no reading (core/known.h). */
hid_t sheaf_inputs_open_linked(hid_t file, const char *path, const char *name, const char *identity, char **files,
                               struct sheaf_error *error);

#endif
