/*
 * power_cut.c - no kernel: for LD_PRELOAD, so that a test can play a power cut. What a disk is sure to hold of a file is
 * what the file held when it was last synced; of each page that was written since, either version may be there. With
 *   SHEAF_CUT=FOLDER    each fsync and fdatasync of a regular file first copies it to FOLDER/INODE
 *   SHEAF_BOOT=FILE     the number of this start of the machine is read from there: after a cut it is another
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(NAME) ((__typeof__(&NAME))dlsym(RTLD_NEXT, #NAME))

static void copy(int from, int to) {
    char piece[1 << 16];
    off_t at = 0;
    for (ssize_t n; (n = pread(from, piece, sizeof piece, at)) > 0; at += n)
        if (pwrite(to, piece, (size_t)n, at) != n)
            abort();
}

/* Opens it for reading, whatever it was opened for. */
static int open_again(int fd) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return REAL(open)(path, O_RDONLY | O_CLOEXEC);
}

static void keep(int fd) {
    const char *folder = getenv("SHEAF_CUT");
    struct stat about;
    char path[4096], aside[4200];
    if (folder == NULL || fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))
        return;
    int lock = REAL(open)(folder, O_RDONLY | O_CLOEXEC);
    flock(lock, LOCK_EX); /* or an older copy could take the place of a newer one */
    snprintf(path, sizeof path, "%s/%llu", folder, (unsigned long long)about.st_ino);
    snprintf(aside, sizeof aside, "%s.new", path);
    int from = open_again(fd), to = REAL(open)(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (lock < 0 || from < 0 || to < 0)
        abort();
    copy(from, to);
    close(from);
    close(to);
    if (rename(aside, path) != 0)
        abort();
    close(lock);
}

__attribute__((visibility("default"))) int fsync(int fd) {
    keep(fd);
    return REAL(fsync)(fd);
}

__attribute__((visibility("default"))) int fdatasync(int fd) {
    keep(fd);
    return REAL(fdatasync)(fd);
}

static const char *instead_of(const char *path) {
    const char *boot = getenv("SHEAF_BOOT");
    return boot != NULL && strcmp(path, "/proc/sys/kernel/random/boot_id") == 0 ? boot : path;
}

static int mode_of(int flags, va_list more) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
}

#define OPEN(NAME)                                                                                                     \
    __attribute__((visibility("default"))) int NAME(const char *path, int flags, ...) {                                \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        const int mode = mode_of(flags, more);                                                                         \
        va_end(more);                                                                                                  \
        return REAL(NAME)(instead_of(path), flags, mode);                                                              \
    }

OPEN(open)
OPEN(open64)
