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
#include "core/interrupt.h"

/* To be called before anything else of HDF5: its own printing, exit handler and file locking are switched off. */
void sheaf_h5_start(void);

/* Opens a file for reading; invalid if that cannot be, and at once for what is no regular file: a pipe would block. */
hid_t sheaf_h5_open(const char *path);
/* Opens a stage of a results file for reading, which stands for the file: its group, or the file itself where `stage` is
   NULL. Closed, as a file is, with sheaf_h5_close. */
hid_t sheaf_h5_open_stage(const char *path, const char *stage);
int sheaf_h5_close(hid_t place);

/* Opens a file for reading that may be damaged, which core/interrupt is to say until it is closed. Closing takes a negative
   one too, and forgets HDF5's errors. */
void sheaf_h5_watch(struct interrupt_reading *reading, const char *path);
hid_t sheaf_h5_open_watched(const char *path, const char *stage, struct interrupt_reading *reading);
int sheaf_h5_close_watched(hid_t file, struct interrupt_reading *reading);

/* "PATH: cannot WHAT: " and HDF5's innermost reason. Always returns -1. */
int sheaf_h5_fail(struct sheaf_error *error, const char *path, const char *what);

/* "PATH: cannot read the dataset 'NAME': …", for what should be there. Always returns -1. */
int sheaf_h5_fail_dataset(struct sheaf_error *error, const char *path, const char *name);

/* Memory type of a numeric field, or of a variable-length UTF-8 text; the latter is new each time and to be closed. */
hid_t sheaf_h5_type(int32_t type);
hid_t sheaf_h5_text_type(void);

/* The closest of our types for a dataset's own, 0 if there is none. */
enum sheaf_type sheaf_h5_classify(hid_t dataset);

/* Selects values first … first + n - 1 of a dataspace of any number of dimensions, in the order in which they lie: the last
   dimension fastest. -1: there are not so many. */
int sheaf_h5_select(hid_t space, int64_t first, int64_t n);

/* Whether a dataset holds bool, as h5py and others write it: an enumeration in a byte. */
bool sheaf_h5_is_bool(hid_t dataset);

/* What to do about a dataset that holds none of our types, "; …", where more can be said: of complex numbers, which h5py and
   others write as pairs of floats. */
const char *sheaf_h5_advise(hid_t dataset);

/* Reads or writes rows first … first + n - 1, of `width` values each, of a dataset in that order, as the memory type; -1 and
   no message where HDF5 refuses. */
int sheaf_h5_read_rows(hid_t dataset, hid_t type, int64_t first, int64_t n, int64_t width, void *values);
int sheaf_h5_write_rows(hid_t dataset, hid_t type, int64_t first, int64_t n, int64_t width, const void *values);

/* Reads or writes n values at places of their own in that order. */
int sheaf_h5_read_these(hid_t dataset, hid_t type, const int64_t *at, int64_t n, void *values);
int sheaf_h5_write_these(hid_t dataset, hid_t type, const int64_t *at, int64_t n, const void *values);

/* How many values a row of a dataset has, where its first n_dims dimensions are those of the rows; 0: these are empty; -1: it
   has not so many. */
int64_t sheaf_h5_width(hid_t dataset, int n_dims, int64_t *n_rows);

/* How many values a dataset of one or more dimensions has; -1 where it is invalid, or something else. */
int64_t sheaf_h5_count(hid_t dataset);

/* Whether a dataset has these dimensions, shape[rank]; not where it is invalid. */
bool sheaf_h5_has_shape(hid_t dataset, int rank, const int64_t *shape);

/* Attributes on an object; -1 and no message where HDF5 refuses. */
int sheaf_h5_put_text(hid_t object, const char *name, const char *text);
int sheaf_h5_put_values(hid_t object, const char *name, hid_t type, int n, const void *values);

/* A text, a dataset of bytes (of layout 2: a string) or an attribute of a group, as new memory; NULL if it is not there. */
char *sheaf_h5_get_dataset_text(hid_t file, const char *path);
char *sheaf_h5_get_attribute_text(hid_t object, const char *name);

/* Whether the unsafe statuses (plan/status.h) of a results file count: it was written by this machine since it was
   started. */
bool sheaf_h5_trusts_unsafe(hid_t file);
/* How a results file is laid out (LAYOUT_VERSION); 0 where it does not say. */
int32_t sheaf_h5_get_layout(hid_t file);

/* The token of a results file; 0 where it has none, as those of older versions. */
uint64_t sheaf_h5_get_token(hid_t file);

#endif
