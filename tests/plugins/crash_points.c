/*
 * crash_points.c - no kernel: for LD_PRELOAD, so that a test can kill a run at each of its writes in turn. Counts the
 * calls that change files (write, pwrite, copy_file_range, rename, renameat2, fsync, fdatasync, ftruncate, fallocate,
 * unlink; not on sockets and the like, which MPI uses), in the process called `sheaf` (not mpirun) that is rank 0 and has
 *   SHEAF_CRASH_AT=N       SIGKILL at call N, counted from 1
 *   SHEAF_CRASH_HOW=       before: nothing of it is done; half: the first half of the bytes is written; after: all is
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long calls;

static bool is_meant(void) {
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    return (rank == NULL || strcmp(rank, "0") == 0) && strcmp(program_invocation_short_name, "sheaf") == 0;
}

static bool is_file(int fd) {
    struct stat about;
    return fd > 2 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

/* Which part of this call is to be done before the end: 'b', 'h', 'a', or 0 to live on. */
static char fate(void) {
    const char *at = getenv("SHEAF_CRASH_AT"), *how = getenv("SHEAF_CRASH_HOW");
    if (at == NULL || !is_meant() || atomic_fetch_add(&calls, 1) + 1 != atol(at))
        return 0;
    return how != NULL ? *how : 'b';
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

#define REAL(NAME) ((__typeof__(&NAME))dlsym(RTLD_NEXT, #NAME))

/* A call that is done or not. */
#define WHOLE(RESULT, NAME, PARAMETERS, ARGUMENTS)                                                                     \
    __attribute__((visibility("default"))) RESULT NAME PARAMETERS {                                                    \
        char end = fate();                                                                                             \
        if (end == 'b' || end == 'h')                                                                                  \
            die();                                                                                                     \
        RESULT result = REAL(NAME) ARGUMENTS;                                                                          \
        if (end != 0)                                                                                                  \
            die();                                                                                                     \
        return result;                                                                                                 \
    }

/* A call that may be done in part. */
#define BYTES(NAME, PARAMETERS, WHOLE_ARGUMENTS, HALF_ARGUMENTS)                                                       \
    __attribute__((visibility("default"))) ssize_t NAME PARAMETERS {                                                   \
        char end = is_file(fd) ? fate() : '\0';                                                                        \
        if (end == 'b')                                                                                                \
            die();                                                                                                     \
        ssize_t result = end == 'h' ? REAL(NAME) HALF_ARGUMENTS : REAL(NAME) WHOLE_ARGUMENTS;                          \
        if (end != 0)                                                                                                  \
            die();                                                                                                     \
        return result;                                                                                                 \
    }

/* Half of n bytes; a kill leaves a number of eight bytes as it was or as it is to be, where those lie in one page. */
static size_t half(size_t n) {
    return n % 8 == 0 ? n / 16 * 8 : n / 2;
}

BYTES(write, (int fd, const void *data, size_t n), (fd, data, n), (fd, data, half(n)))
BYTES(pwrite, (int fd, const void *data, size_t n, off_t at), (fd, data, n, at), (fd, data, half(n), at))
BYTES(pwrite64, (int fd, const void *data, size_t n, off64_t at), (fd, data, n, at), (fd, data, half(n), at))
BYTES(copy_file_range, (int fd, off64_t *from, int to, off64_t *at, size_t n, unsigned flags),
      (fd, from, to, at, n, flags), (fd, from, to, at, half(n), flags))
WHOLE(int, rename, (const char *from, const char *to), (from, to))
WHOLE(int, renameat2, (int from_folder, const char *from, int to_folder, const char *to, unsigned flags),
      (from_folder, from, to_folder, to, flags))
WHOLE(int, unlink, (const char *path), (path))
WHOLE(int, fsync, (int fd), (fd))
WHOLE(int, fdatasync, (int fd), (fd))
WHOLE(int, ftruncate, (int fd, off_t size), (fd, size))
WHOLE(int, ftruncate64, (int fd, off64_t size), (fd, size))
WHOLE(int, fallocate, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n))
WHOLE(int, fallocate64, (int fd, int mode, off64_t at, off64_t n), (fd, mode, at, n))
