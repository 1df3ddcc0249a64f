/*
 * file - whole files and paths: read, map, write at an offset, sync, resolve.
 */
#ifndef SHEAF_CORE_FILE_H
#define SHEAF_CORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"

/* A file mapped for reading. Starts as {0}. */
struct sheaf_mapping {
    const char *data; /* NULL for an empty file */
    size_t n_bytes;
};

int sheaf_mapping_open(struct sheaf_mapping *mapping, const char *path, struct sheaf_error *error);
void sheaf_mapping_close(struct sheaf_mapping *mapping);

/* The whole of a file as terminated text in *text, to be freed by the caller; refuses more than most_bytes. */
int sheaf_file_read(const char *path, size_t most_bytes, char **text, size_t *n_bytes, struct sheaf_error *error);

/* Reads or writes exactly n_bytes at the offset, however many calls it takes; `path` names the file in messages.
   Thread-safe. A read beyond the end is an error. */
int sheaf_file_pread(int fd, void *data, size_t n_bytes, off_t offset, const char *path, struct sheaf_error *error);
int sheaf_file_pwrite(int fd, const void *data, size_t n_bytes, off_t offset, const char *path,
                      struct sheaf_error *error);

/* Copies the bytes and mode of an open file to another, which is empty; `path` names it in messages. */
int sheaf_file_copy_open(int from, int to, const char *path, struct sheaf_error *error);
/* Refuses what cannot be opened for reading or is no regular file: opening a pipe may block for ever. */
int sheaf_file_check_regular(const char *path, struct sheaf_error *error);

/* Copies a file's bytes and mode to `to`, which is made or replaced; shares the bytes where the file system can. */
int sheaf_file_copy(const char *from, const char *to, struct sheaf_error *error);

/* Gives a file of this folder another name in it, unless something has that name: then -1 and errno EEXIST. In one step
   where the file system can; a kill may leave both names where it can only link, and where it can do neither somebody may
   still be first between a look and the rename. */
int sheaf_file_rename_new(const char *from, const char *to);

/* fsync of the folder that holds the path, so that a rename in it lasts. */
int sheaf_file_sync_folder(const char *path, struct sheaf_error *error);

/* Which state of a file we saw: another inode, size or time of change means that it was changed. */
struct sheaf_stamp {
    uint64_t device, inode;
    int64_t n_bytes, changed_s, changed_ns;
};

int sheaf_stamp_take(struct sheaf_stamp *stamp, const char *path, struct sheaf_error *error);

/* The same of an open file. */
int sheaf_stamp_open(struct sheaf_stamp *stamp, int fd, const char *path, struct sheaf_error *error);

/* Whether the path leads to the file itself, whatever was written to it since. */
bool sheaf_stamp_names(const struct sheaf_stamp *stamp, const char *path);

/* Refuses a file that is no longer as it was. */
int sheaf_stamp_check(const struct sheaf_stamp *stamp, const char *path, struct sheaf_error *error);

/* Whether two nodes see the same file: the device has another number on each. */
bool sheaf_stamp_same(const struct sheaf_stamp *a, const struct sheaf_stamp *b);

/* What kind of file system a file lies on: of this node alone, one that all nodes of a cluster write coherently (Lustre,
   GPFS, BeeGFS, CephFS, …), or one whose servers and caches reorder writes (NFS, SMB, FUSE, …). */
enum sheaf_disk { DISK_LOCAL, DISK_CLUSTER, DISK_NETWORK };
enum sheaf_disk sheaf_disk_of(const char *path);
enum sheaf_disk sheaf_disk_of_open(int fd);

/* Whether it is in memory alone, and gone with the power anyway (tmpfs). */
bool sheaf_disk_forgets(int fd);

/* Where a path leads when symbolic links at its end are followed, also to a file that is not there yet. New memory, or
   NULL. */
char *sheaf_path_follow(const char *path);

/* `path` seen from `folder`: path itself if it is absolute or the folder is ".". New memory, or NULL. */
char *sheaf_path_join(const char *folder, const char *path);

/* `path` seen from the root. New memory, or NULL. */
char *sheaf_path_absolute(const char *path);

/* The folder a path lies in, "." where it names none. New memory, or NULL. */
char *sheaf_path_folder(const char *path);

/* path + suffix. New memory, or NULL. */
char *sheaf_path_with(const char *path, const char *suffix);

#endif
