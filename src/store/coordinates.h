/*
 * coordinates - sums of the coordinates of a results file, which are its inputs where these are a sweep: one for each
 * dataset, in the group COORDINATES under its name. Private to store/.
 */
#ifndef SHEAF_STORE_COORDINATES_H
#define SHEAF_STORE_COORDINATES_H

#include <hdf5.h>

#include "core/text.h"

/* Puts the sum of a coordinate, as the dataset has it, into the file. -1 and no message where HDF5 refuses. */
int sheaf_coordinates_note(hid_t file, hid_t link_creation, hid_t dataset_creation, hid_t dataset, const char *name);

/* Names the coordinates that are not those of their sums any more, or are gone: "mass, charge". */
void sheaf_coordinates_verify(hid_t file, struct sheaf_string *changed);

#endif
