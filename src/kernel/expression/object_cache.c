#include "kernel/expression/object_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/text.h"

enum { KEPT_MOST = 256, OBJECT_MOST = 64 << 20 };
static const char suffix[] = ".object";

/* --- the folder ---------------------------------------------------------------------------------------------------- */

/* Ours, and nobody else may write there. */
static bool is_private(const struct stat *about) {
    return about->st_uid == geteuid() && (about->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Where it is, or would be; new memory, or NULL. */
static char *folder_path(void) {
    struct sheaf_string path = {0};
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache == '/') /* others are to be ignored, says the XDG specification */
        sheaf_string_add(&path, "%s/sheaf", cache);
    else if (home && *home == '/')
        sheaf_string_add(&path, "%s/.cache/sheaf", home);
    if (path.failed)
        sheaf_string_free(&path);
    return path.data;
}

/* Makes the folder, and the one it is in, where they are missing. */
static void make_folder(char *path) {
    char *slash = strrchr(path, '/');
    *slash = '\0';
    mkdir(path, 0700);
    *slash = '/';
    mkdir(path, 0700);
}

/* The open folder; -1 if there is none that can be relied on. */
static int open_folder(bool make) {
    struct stat about;
    char *path = folder_path();
    if (path && make)
        make_folder(path);
    int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    free(path);
    if (fd < 0 || (fstat(fd, &about) == 0 && is_private(&about)))
        return fd;
    close(fd);
    return -1;
}

static void name_of(const char name[SHEAF_HASH_BYTES], char file[64]) {
    snprintf(file, 64, "%s%s", name, suffix);
}

/* --- objects ------------------------------------------------------------------------------------------------------- */

/* The file's bytes: the object, and behind it the hash of its name and of itself. */
static void seal(const char name[SHEAF_HASH_BYTES], const char *object, size_t n_bytes, uint64_t *mark) {
    *mark = sheaf_hash_word(object, n_bytes, sheaf_hash_word(name, SHEAF_HASH_BYTES - 1, 0));
}

static bool take(int fd, const char name[SHEAF_HASH_BYTES], struct sheaf_buffer *object) {
    struct stat about;
    struct sheaf_error ignored;
    uint64_t mark = 0, stored;
    if (fstat(fd, &about) || !S_ISREG(about.st_mode) || !is_private(&about) || about.st_size <= (off_t)sizeof mark ||
        about.st_size > OBJECT_MOST)
        return false;
    const size_t n = (size_t)about.st_size - sizeof mark;
    if (sheaf_buffer_resize(object, n + sizeof mark, &ignored) ||
        sheaf_file_pread(fd, object->data, n + sizeof mark, 0, "", &ignored))
        return false;
    memcpy(&stored, object->data + n, sizeof stored);
    seal(name, object->data, n, &mark);
    return mark == stored && sheaf_buffer_resize(object, n, &ignored) == 0;
}

bool sheaf_object_cache_get(const char name[SHEAF_HASH_BYTES], struct sheaf_buffer *object) {
    char file[64];
    name_of(name, file);
    int folder = open_folder(false);
    int fd = folder >= 0 ? openat(folder, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    const bool found = fd >= 0 && take(fd, name, object);
    if (found)
        futimens(fd, NULL); /* was used; where that is not allowed it may go earlier */
    if (fd >= 0)
        close(fd);
    if (folder >= 0)
        close(folder);
    return found;
}

/* --- not too many -------------------------------------------------------------------------------------------------- */

struct kept {
    char file[64];
    struct timespec used;
};

static int by_use(const void *a, const void *b) {
    const struct kept *x = a, *y = b;
    if (x->used.tv_sec != y->used.tv_sec)
        return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
    return (x->used.tv_nsec > y->used.tv_nsec) - (x->used.tv_nsec < y->used.tv_nsec);
}

/* Removes the half that was not used for longest, when there are too many; also what a run left that was killed here. */
static void prune(int folder) {
    struct kept *all = malloc(2 * KEPT_MOST * sizeof *all);
    struct stat about;
    size_t n = 0;
    int copy = dup(folder);
    DIR *listing = copy >= 0 ? fdopendir(copy) : NULL;
    for (struct dirent *entry; all && listing && n < 2 * KEPT_MOST && (entry = readdir(listing));)
        if (entry->d_name[0] != '.' && strlen(entry->d_name) < sizeof all->file &&
            fstatat(folder, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) == 0) {
            snprintf(all[n].file, sizeof all[n].file, "%s", entry->d_name);
            all[n++].used = about.st_mtim;
        }
    if (n > KEPT_MOST) {
        qsort(all, n, sizeof *all, by_use);
        for (size_t k = 0; k < n - KEPT_MOST / 2; k++)
            unlinkat(folder, all[k].file, 0);
    }
    if (listing)
        closedir(listing);
    else if (copy >= 0)
        close(copy);
    free(all);
}

/* Whole or not at all: under a name of its own first. */
static bool write_object(int folder, const char *aside, const char name[SHEAF_HASH_BYTES],
                         const struct sheaf_buffer *object) {
    struct sheaf_error ignored;
    uint64_t mark;
    seal(name, object->data, object->n_bytes, &mark);
    int fd = openat(folder, aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool written = fd >= 0 && sheaf_file_pwrite(fd, object->data, object->n_bytes, 0, aside, &ignored) == 0 &&
                   sheaf_file_pwrite(fd, &mark, sizeof mark, (off_t)object->n_bytes, aside, &ignored) == 0;
    if (fd >= 0 && close(fd))
        written = false;
    return written;
}

void sheaf_object_cache_put(const char name[SHEAF_HASH_BYTES], const struct sheaf_buffer *object) {
    char file[64], aside[80];
    name_of(name, file);
    snprintf(aside, sizeof aside, "%.40s.%ld", file, (long)getpid());
    int folder = open_folder(true);
    if (folder < 0)
        return;
    if (!write_object(folder, aside, name, object) || renameat(folder, aside, folder, file))
        unlinkat(folder, aside, 0);
    prune(folder);
    close(folder);
}
