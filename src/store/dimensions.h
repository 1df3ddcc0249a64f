/*
 * dimensions - names of dimensions, as netCDF-4 writes those that have no coordinates: a scale of big-endian floats that
 * takes no space. Private to store/.
 */
#ifndef SHEAF_STORE_DIMENSIONS_H
#define SHEAF_STORE_DIMENSIONS_H

#include <stdint.h>

#include <hdf5.h>

/* Both give -1 and no message where HDF5 refuses. */
int sheaf_dimension_make(hid_t file, hid_t link_creation, const char *name, int64_t size);

/* Gives a dataset's dimension `index` the name of one that was made. */
int sheaf_dimension_attach(hid_t file, hid_t dataset, const char *dimension, unsigned index);

#endif
