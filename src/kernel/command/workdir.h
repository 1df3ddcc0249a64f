/*
 * workdir - the folder of an item, OUT.d/work/ITEM, empty when its command begins; and what is kept of it.
 */
#ifndef SHEAF_KERNEL_WORKDIR_H
#define SHEAF_KERNEL_WORKDIR_H

#include <stdint.h>

#include "core/error.h"

/* Where a folder is that cannot be removed. */
struct sheaf_aside {
    char path[4096];
};

/* Makes an empty folder for the item below `folder` (OUT.d). *path is new memory. One that is there and cannot be removed
   is moved aside, to a name that is put into `aside`, which else is empty. */
int sheaf_workdir_make(const char *folder, int64_t item, char **path, struct sheaf_aside *aside,
                       struct sheaf_error *error);

/* Moves what matches one of patterns[n] (as glob, seen from the item's folder) to folder/ITEM/, in place of
   what an earlier attempt has left there; `aside` as above. */
int sheaf_workdir_keep(const char *folder, int64_t item, const char *path, const char *const *patterns, int n,
                       struct sheaf_aside *aside, struct sheaf_error *error);

/* Removes a folder with all that is in it. */
int sheaf_workdir_remove(const char *path, struct sheaf_error *error);

/* Removes folder/work and the folder itself if there is nothing in them. */
void sheaf_workdir_tidy(const char *folder);

#endif
