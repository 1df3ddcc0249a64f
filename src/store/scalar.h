/*
 * scalar - one number of an HDF5 file, for the data that all items share.
 */
#ifndef SHEAF_STORE_SCALAR_H
#define SHEAF_STORE_SCALAR_H

#include "core/error.h"

/* Reads a dataset of a single number. */
int sheaf_scalar_read(const char *path, const char *name, double *value, struct sheaf_error *error);

#endif
