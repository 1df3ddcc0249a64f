/*
 * h5 - what the files of this room share about HDF5: start-up, error texts, types, attributes.
 *
 * Private to store/: the only header that names HDF5's types.
 */
#ifndef SHEAF_STORE_H5_H
#define SHEAF_STORE_H5_H

#include <stdbool.h>
#include <stdint.h>

#include <hdf5.h>

#include <sheaf/kernel.h>

#include "core/error.h"

/* To be called before anything else of HDF5: its own printing, exit handler and file locking are switched off. */
void sheaf_h5_start(void);

/* "PATH: cannot WHAT: " and HDF5's innermost reason. Always returns -1. */
int sheaf_h5_fail(struct sheaf_error *error, const char *path, const char *what);

/* Memory type of a numeric field, or of a variable-length UTF-8 text; the latter is new each time and to be closed. */
hid_t sheaf_h5_type(int32_t type);
hid_t sheaf_h5_text_type(void);

/* The closest of our types for a dataset's own, 0 if there is none. */
enum sheaf_type sheaf_h5_classify(hid_t dataset);

/* Reads rows first … first + n - 1 of a dataset of one or two dimensions as the memory type; -1 and no message where HDF5
   refuses. */
int sheaf_h5_read_rows(hid_t dataset, hid_t type, int64_t first, int64_t n, int64_t width, void *values);

/* Attributes on an object; -1 and no message where HDF5 refuses. */
int sheaf_h5_put_text(hid_t object, const char *name, const char *text);
int sheaf_h5_put_values(hid_t object, const char *name, hid_t type, int n, const void *values);

/* A scalar text, dataset or attribute of a group, as new memory; NULL if it is not there. */
char *sheaf_h5_get_dataset_text(hid_t file, const char *path);
char *sheaf_h5_get_attribute_text(hid_t object, const char *name);

/* Whether the unsafe statuses (plan/status.h) of a results file count: it was written by this machine since it was
   started. */
bool sheaf_h5_trusts_unsafe(hid_t file);

/* The token of a results file; 0 where it has none, as those of older versions. */
uint64_t sheaf_h5_get_token(hid_t file);

#endif
