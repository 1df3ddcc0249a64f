/*
 * proven - whether inputs that are proven by hashes of their segments (plan/proof.h) are still what results were computed
 * from. Private to store/.
 */
#ifndef SHEAF_STORE_PROVEN_H
#define SHEAF_STORE_PROVEN_H

#include <stdbool.h>
#include <stdint.h>

#include <hdf5.h>

#include "core/error.h"
#include "job/items.h"

/* Makes the tables in a results file that is being made, where items are in segments: no hash is known yet. */
int sheaf_proven_make(const struct items *items, const char *path, hid_t file, hid_t dataset_creation,
                      hid_t link_creation, struct sheaf_error *error);

/* Refuses items of which the open results file has other hashes at tables[n_fields], and names the first that may differ. */
int sheaf_proven_check(const char *results, int fd, const struct items *items, const int64_t *tables,
                       struct sheaf_error *error);

/* Whether an input that the results file `file` at a path links to as `name` is proven so. */
bool sheaf_proven_is(hid_t file, const char *name);

/* The same as above for such an input, which was opened from the file `input`. `files` is core/known.h's, or NULL. */
int sheaf_proven_check_linked(hid_t file, const char *path, const char *name, hid_t dataset, const char *input,
                              const char *files, struct sheaf_error *error);

#endif
