/*
 * input_identity - what items of HDF5 files are: by a hash of all bytes that they lie in, or by what they are but for their values,
 * which then prove themselves as they are read. Private to store/.
 */
#ifndef SHEAF_STORE_INPUT_IDENTITY_H
#define SHEAF_STORE_INPUT_IDENTITY_H

#include "core/known.h"
#include "job/items.h"
#include "job/job.h"

/* Adds it to the items, whose fields are open, and sets in_segments. kind: "hdf5", "results"; known: may be NULL. */
int sheaf_input_identify(struct items *items, const struct job *job, const char *kind, struct known *known,
                         struct sheaf_error *error);

#endif
