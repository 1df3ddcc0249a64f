/*
 * sums_file - the tables of sums in a results file: makes them, and finds where they and the columns lie that they are
 * of. Private to store/.
 */
#ifndef SHEAF_STORE_SUMS_FILE_H
#define SHEAF_STORE_SUMS_FILE_H

#include "store/h5.h"
#include "store/results.h"
#include "store/sums.h"

/* Makes the tables, all unknown. -1 and no message where HDF5 refuses. */
int sheaf_sums_make(hid_t file, hid_t link_creation, hid_t dataset_creation, const struct results_plan *plan);

/* Input columns are the datasets of the file itself at its root that were made before the first output. Where the file has
   no sums there are none in `sums`, and no error. Release with sheaf_sums_free, also after an error. */
int sheaf_sums_find(struct sums *sums, hid_t file, const char *path, const char *identity, struct sheaf_error *error);

#endif
