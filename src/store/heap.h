/*
 * heap - whether variable-length texts arrived as the dataset refers to them: of a damaged heap HDF5 gives empty ones
 * without a word.
 *
 * Private to store/.
 */
#ifndef SHEAF_STORE_HEAP_H
#define SHEAF_STORE_HEAP_H

#include <stdint.h>

#include "store/h5.h"

/* Of the values first … first + n - 1 of a dataset of texts, counted over its rows, in the file open as fd. Returns 0, or
   -1 and no message if a length differs; 0 too where the dataset does not lie in that file in one piece. */
int sheaf_heap_check(int fd, const char *path, hid_t dataset, int64_t first, int64_t n, char *const *texts);

#endif
