/*
 * dimensions - names of dimensions, as netCDF-4 writes them: HDF5's dimension scales. One that has coordinates is the dataset
 * of these; another is of big-endian floats that take no space. Private to store/.
 */
#ifndef SHEAF_STORE_DIMENSIONS_H
#define SHEAF_STORE_DIMENSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <hdf5.h>

enum { DIMENSION_NAME = 256 };

/* All give -1 and no message where HDF5 refuses. The first makes a dimension without coordinates; the second makes one of
   their dataset. */
int sheaf_dimension_make(hid_t file, hid_t link_creation, const char *name, int64_t size);
int sheaf_dimension_is(hid_t dataset, const char *name);

/* Gives a dataset's dimension `index` the name of one that was made. */
int sheaf_dimension_attach(hid_t file, hid_t dataset, const char *dimension, unsigned index);

/* Takes the names from a dataset's dimensions again, before it is removed: their scales know of it. */
int sheaf_dimension_detach(hid_t file, hid_t dataset, int rank);

/* The name that a dataset's dimension was given. */
int sheaf_dimension_name(hid_t dataset, unsigned index, char name[DIMENSION_NAME]);

/* Whether a dimension has coordinates. */
bool sheaf_dimension_has_values(hid_t scale);

#endif
