/*
 * coordinates - values along the axes of a sweep, which are the inputs of its results file, and their sums: one for each
 * dataset, in the group COORDINATES under its name. Private to store/.
 */
#ifndef SHEAF_STORE_COORDINATES_H
#define SHEAF_STORE_COORDINATES_H

#include <hdf5.h>

#include "core/error.h"
#include "core/text.h"
#include "sweep/sweep.h"

/* Writes the values of a field into its dataset, which numbers have allocated, in the file at a path, or of texts of the type
   `text`. Side by side where they are numbers. */
int sheaf_coordinates_write(const struct sweep *sweep, int field, hid_t dataset, hid_t text, const char *path,
                            struct sheaf_error *error);

/* Puts the sum of a coordinate, as the dataset has it, into the file. -1 and no message where HDF5 refuses. */
int sheaf_coordinates_note(hid_t file, hid_t link_creation, hid_t dataset_creation, hid_t dataset, const char *name);

/* Whether a dataset at the root is one that was noted so: in one dimension its shape does not tell it from what has a value for
   each item. */
bool sheaf_coordinates_are_noted(hid_t file, const char *name);

/* Names the coordinates that are not those of their sums any more, or are gone: "mass, charge". */
void sheaf_coordinates_verify(hid_t file, struct sheaf_string *changed);

#endif
