/*
 * failing_calls.c - no kernel: for LD_PRELOAD, so that a test can let each call of a run fail in turn. SHEAF_FAIL is
 * NAME:N:RANK: in the rank RANK the N-th call of NAME that the program itself makes (not a library for it) fails, and the
 * file that SHEAF_FAILED names is made. With SHEAF_FAIL_HOW=stop the process stops (SIGSTOP) before the call, which then
 * takes place. Of MPI's functions the call does not take place, as if it failed in this rank
 * alone, before the others could know.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static char name[64];
static long wanted;
static int stops;  /* instead of failing, */
static pid_t rank; /* and only in this process, not in what it forks */
static _Atomic(long) n_calls;
static uintptr_t first, end; /* the program's own code */

__attribute__((constructor)) static void read_environment(void) {
    const char *fail = getenv("SHEAF_FAIL"), *number = getenv("OMPI_COMM_WORLD_RANK");
    const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR);
    const char *colon = fail ? strchr(fail, ':') : NULL, *last = fail ? strrchr(fail, ':') : NULL;
    uintptr_t base = 0;
    if (strcmp(program_invocation_short_name, "sheaf") != 0) /* nor mpirun */
        return;
    if (!colon || last == colon || strcmp(number ? number : "0", last + 1) != 0 ||
        (size_t)(colon - fail) >= sizeof name)
        return;
    for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++)
        if (headers[i].p_type == PT_PHDR)
            base = (uintptr_t)headers - headers[i].p_vaddr;
    for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++)
        if (headers[i].p_type == PT_LOAD && (headers[i].p_flags & PF_X)) {
            first = base + headers[i].p_vaddr;
            end = first + headers[i].p_memsz;
        }
    stops = getenv("SHEAF_FAIL_HOW") != NULL;
    rank = getpid();
    wanted = strtol(colon + 1, NULL, 10);
    memcpy(name, fail, (size_t)(colon - fail));
}

/* Whether this call, from `caller`, is the one. */
static int is_the_one(const char *called, const void *caller) {
    if (wanted == 0 || strcmp(called, name) != 0 || (uintptr_t)caller < first || (uintptr_t)caller >= end)
        return 0;
    if ((stops && getpid() != rank) || atomic_fetch_add(&n_calls, 1) + 1 != wanted)
        return 0;
    const char *mark = getenv("SHEAF_FAILED");
    int fd = mark ? creat(mark, 0600) : -1;
    if (fd >= 0)
        close(fd);
    if (!stops)
        return 1;
    kill(getpid(), SIGSTOP);
    return 0;
}

static void *next(const char *called) {
    return dlsym(RTLD_NEXT, called);
}

#define FAILS(called) is_the_one(called, __builtin_return_address(0))

/* A system call or a function of libc: TYPE NAME(ARGUMENTS), failing with the value and errno. */
#define CALL(type, called, failure, reason, parameters, arguments)                                                     \
    __attribute__((visibility("default"))) type called parameters;                                                     \
    type called parameters {                                                                                           \
        static type(*real) parameters;                                                                                 \
        if (FAILS(#called)) {                                                                                          \
            errno = reason;                                                                                            \
            return failure;                                                                                            \
        }                                                                                                              \
        if (!real)                                                                                                     \
            *(void **)&real = next(#called);                                                                           \
        return real arguments;                                                                                         \
    }

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);

/* dlsym itself takes memory. */
__attribute__((visibility("default"))) void *malloc(size_t n) {
    return FAILS("malloc") ? NULL : __libc_malloc(n);
}
__attribute__((visibility("default"))) void *calloc(size_t n, size_t size) {
    return FAILS("calloc") ? NULL : __libc_calloc(n, size);
}
__attribute__((visibility("default"))) void *realloc(void *old, size_t n) {
    return FAILS("realloc") ? NULL : __libc_realloc(old, n);
}

__attribute__((visibility("default"))) int open(const char *path, int flags, ...) {
    static int (*real)(const char *, int, ...);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if (FAILS("open")) {
        errno = EMFILE;
        return -1;
    }
    if (!real)
        *(void **)&real = next("open");
    return real(path, flags, mode);
}

CALL(int, shm_open, -1, EMFILE, (const char *path, int flags, mode_t mode), (path, flags, mode))
CALL(int, memfd_create, -1, EMFILE, (const char *path, unsigned flags), (path, flags))
CALL(int, ftruncate, -1, ENOSPC, (int fd, off_t size), (fd, size))
CALL(int, rename, -1, EIO, (const char *from, const char *to), (from, to))
CALL(int, renameat2, -1, EIO, (int from_folder, const char *from, int to_folder, const char *to, unsigned flags),
     (from_folder, from, to_folder, to, flags))
CALL(ssize_t, copy_file_range, -1, EIO, (int from, off_t *at, int to, off_t *at_to, size_t n, unsigned flags),
     (from, at, to, at_to, n, flags))
CALL(int, fsync, -1, EIO, (int fd), (fd))
CALL(int, fdatasync, -1, EIO, (int fd), (fd))
CALL(int, socketpair, -1, EMFILE, (int domain, int type, int protocol, int fds[2]), (domain, type, protocol, fds))
CALL(int, pipe2, -1, EMFILE, (int fds[2], int flags), (fds, flags))
CALL(pid_t, fork, -1, EAGAIN, (void), ())
CALL(void *, mmap, MAP_FAILED, ENOMEM, (void *at, size_t n, int may, int flags, int fd, off_t from),
     (at, n, may, flags, fd, from))
CALL(ssize_t, pread, -1, EIO, (int fd, void *to, size_t n, off_t from), (fd, to, n, from))
CALL(ssize_t, pwrite, -1, ENOSPC, (int fd, const void *from, size_t n, off_t at), (fd, from, n, at))
CALL(void *, dlopen, NULL, ENOMEM, (const char *path, int flags), (path, flags))
CALL(int, pthread_create, EAGAIN, EAGAIN,
     (pthread_t * thread, const pthread_attr_t *how, void *(*run)(void *), void *with), (thread, how, run, with))

/* MPI: handles are pointers in Open MPI. MPI_ERR_OTHER is 16 there. */
#define MPI(called, parameters, arguments) CALL(int, called, 16, EIO, parameters, arguments)
typedef void *h; /* a handle, a buffer, a place for a result */
MPI(MPI_Comm_dup, (h comm, h to), (comm, to))
MPI(MPI_Comm_split_type, (h comm, int type, int key, h info, h to), (comm, type, key, info, to))
MPI(MPI_Comm_split, (h comm, int color, int key, h to), (comm, color, key, to))
MPI(MPI_Bcast, (h data, int n, h type, int root, h comm), (data, n, type, root, comm))
MPI(MPI_Ibcast, (h data, int n, h type, int root, h comm, h request), (data, n, type, root, comm, request))
MPI(MPI_Iallreduce, (h from, h to, int n, h type, h how, h comm, h request), (from, to, n, type, how, comm, request))
MPI(MPI_Igather, (h from, int n, h type, h to, int n_to, h type_to, int root, h comm, h request),
    (from, n, type, to, n_to, type_to, root, comm, request))
MPI(MPI_Iscatter, (h from, int n, h type, h to, int n_to, h type_to, int root, h comm, h request),
    (from, n, type, to, n_to, type_to, root, comm, request))
MPI(MPI_Ibarrier, (h comm, h request), (comm, request))
MPI(MPI_Test, (h request, int *done, h status), (request, done, status))
MPI(MPI_Type_contiguous, (int n, h type, h to), (n, type, to))
MPI(MPI_Type_commit, (h type), (type))
MPI(MPI_Isend, (h data, int n, h type, int to, int tag, h comm, h request), (data, n, type, to, tag, comm, request))
MPI(MPI_Improbe, (int from, int tag, h comm, int *found, h message, h status),
    (from, tag, comm, found, message, status))
MPI(MPI_Mrecv, (h data, int n, h type, h message, h status), (data, n, type, message, status))
