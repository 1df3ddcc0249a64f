/*
 * shared_input - a dataset of an HDF5 file as data that all items share.
 */
#ifndef SHEAF_STORE_SHARED_INPUT_H
#define SHEAF_STORE_SHARED_INPUT_H

#include <stdbool.h>

#include <sheaf/kernel.h>

#include "core/error.h"
#include "core/text.h"

/* What a dataset of numbers is: its type and shape; *is_bool (may be NULL): its uint8 are bool. Adds a line to *files for each
   file that its values lie in. */
int sheaf_shared_input_look(const char *path, const char *name, struct sheaf_array *about, bool *is_bool,
                            struct sheaf_string *files, struct sheaf_error *error);

/* Its numbers into values, in C's order; it must still be what it was. */
int sheaf_shared_input_read(const char *path, const char *name, const struct sheaf_array *about, void *values,
                            struct sheaf_error *error);

#endif
