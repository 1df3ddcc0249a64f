/*
 * plain_disk.c - no kernel: for LD_PRELOAD, so that a test can play a file system that knows less, and somebody who is
 * quick. With
 *   SHEAF_DISK=links     renameat2 is not known (as on NFS); =renames: nor are hard links possible (as on exFAT)
 *   SHEAF_COMES=FILE     where the program reserves the space of a file (fallocate, after it has looked what is there and
 *                        before it puts the new file in place) a stranger's file takes this name
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REAL(NAME) ((__typeof__(&NAME))dlsym(RTLD_NEXT, #NAME))

static int disk_is(const char *name) {
    const char *disk = getenv("SHEAF_DISK");
    return disk != NULL && strcmp(disk, name) == 0;
}

__attribute__((visibility("default"))) int renameat2(int from_folder, const char *from, int to_folder, const char *to,
                                                     unsigned flags) {
    if (disk_is("links") || disk_is("renames")) {
        errno = EINVAL;
        return -1;
    }
    return REAL(renameat2)(from_folder, from, to_folder, to, flags);
}

__attribute__((visibility("default"))) int link(const char *from, const char *to) {
    if (disk_is("renames")) {
        errno = EPERM;
        return -1;
    }
    return REAL(link)(from, to);
}

static void come(void) {
    static const char words[] = "a stranger's\n";
    const char *path = getenv("SHEAF_COMES");
    char aside[4096];
    if (path == NULL || strcmp(program_invocation_short_name, "sheaf") != 0)
        return;
    snprintf(aside, sizeof aside, "%s.strange", path);
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, words, sizeof words - 1) < 0 || close(fd) != 0 || rename(aside, path) != 0)
        abort();
}

__attribute__((visibility("default"))) int fallocate(int fd, int mode, off_t at, off_t n) {
    come();
    return REAL(fallocate)(fd, mode, at, n);
}

__attribute__((visibility("default"))) int fallocate64(int fd, int mode, off64_t at, off64_t n) {
    come();
    return REAL(fallocate64)(fd, mode, at, n);
}
