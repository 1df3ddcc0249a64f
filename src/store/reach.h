/*
 * reach - the files that the values of a dataset lie in: behind external links, in the sources of virtual datasets, in
 * external storage. HDF5 opens them without a word, and where one is missing may read fill values instead.
 *
 * Files are looked for as HDF5 does it; each is noted, with its stamp, before it is opened. Private to store/.
 */
#ifndef SHEAF_STORE_REACH_H
#define SHEAF_STORE_REACH_H

#include <stdbool.h>

#include <hdf5.h>

#include "core/arena.h"
#include "core/error.h"
#include "job/items.h"

struct reach {
    struct sheaf_arena *arena; /* owns what follows */
    int n_files, most_files;
    struct items_file *files; /* [n_files] each once, in the order in which they were met */
    /* Is shown each dataset that values come from: the one that was asked for, and sources of virtual datasets. May be
       NULL. -1 ends the search. */
    int (*look)(void *context, hid_t dataset, bool is_source, struct sheaf_error *error);
    void *context;
};

/* Opens a file and notes it. Negative after an error. */
hid_t sheaf_reach_open(struct reach *reach, const char *path, struct sheaf_error *error);

/* Opens the dataset at a path in a file that was opened from `file_path`, and notes every file that its values lie in.
   *is_local: it is in that file itself. Negative after an error: there is none, something is missing, or files cannot
   be told. */
hid_t sheaf_reach_dataset(struct reach *reach, hid_t file, const char *file_path, const char *path, bool *is_local,
                          struct sheaf_error *error);

#endif
