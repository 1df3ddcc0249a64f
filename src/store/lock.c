#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file.h"
#include "core/interrupt.h"
#include "core/range_lock.h"
#include "store/layout.h"

enum { THE_RUN = 0 }; /* its byte of the lock file */

static const double most_wait_s = 8; /* for programs: TERM, two seconds, KILL, and what they leave behind */
static const double unsaid_s = 0.3;  /* so long is nothing said of it */

/* Whether a file is one of ours, or new: nothing else is locked and emptied. */
static bool is_lock_file(int fd) {
    static const char word[] = "process ";
    char head[sizeof word] = "";
    struct stat about;
    if (fstat(fd, &about) || !S_ISREG(about.st_mode))
        return false;
    return about.st_size == 0 || (pread(fd, head, sizeof word - 1, 0) > 0 && strcmp(head, word) == 0);
}

static const char *read_holder(int fd, char holder[LOCK_HOLDER_BYTES]) {
    ssize_t n = pread(fd, holder, LOCK_HOLDER_BYTES - 1, 0);
    holder[n > 0 ? n : 0] = '\0';
    return holder[0] ? holder : "process unknown";
}

static void write_holder(int fd, const char *path, char holder[LOCK_HOLDER_BYTES]) {
    char host[64] = "";
    gethostname(host, sizeof host - 1);
    int n = snprintf(holder, LOCK_HOLDER_BYTES, "process %ld on %s", (long)getpid(), host);
    if (ftruncate(fd, 0) || pwrite(fd, holder, (size_t)n, 0) != n ||
        (sheaf_disk_of(path) != DISK_LOCAL && fdatasync(fd))) /* or other nodes do not see it yet */
        return;                                               /* only for a friendlier message, and for servers there */
}

int sheaf_lock_take(struct lock *lock, const char *results_path, struct sheaf_error *error) {
    return sheaf_lock_take_or(lock, results_path, "wait for it, or choose another place with -o", error);
}

/* Opens the lock file, which is made where there is none. */
static int open_file(const char *path, const char *results_path, struct sheaf_error *error) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return sheaf_refuse(error, "%s: its folder is not there; make it, or choose another place with -o",
                            results_path);
    if (fd < 0)
        return sheaf_fail_errno(error, "%s: cannot create the lock file; is the folder writable?", path);
    if (is_lock_file(fd))
        return fd;
    close(fd);
    return sheaf_refuse(error,
                        "%s: is there and is no lock file of Sheaf, which would go by that name; move it away, or "
                        "choose another place with -o",
                        path);
}

enum taking { TAKEN, HELD_BY_RUN, HELD_BY_PROGRAMS, GONE, CANNOT };

static enum taking try(int fd, const char *path) {
    if (sheaf_range_lock(fd, 0, 0) == 0) {
        sheaf_range_unlock(fd, THE_RUN + 1, 0); /* our servers' */
        return sheaf_range_is_at(fd, path) ? TAKEN : GONE;
    }
    if (errno != EAGAIN && errno != EACCES)
        return CANNOT;
    return sheaf_range_is_locked(fd, THE_RUN, 1) ? HELD_BY_RUN : HELD_BY_PROGRAMS;
}

/* Tries until it is clear, and while only programs are in the way for some seconds, which their end takes at most. Gives
   the descriptor. */
static int take(struct lock *lock, const char *results_path, enum taking *taking, struct sheaf_error *error) {
    const struct timespec pause = {0, 20000000};
    const double from_s = sheaf_clock_s();
    for (bool told = false;;) {
        int fd = open_file(lock->path, results_path, error);
        const double waited_s = sheaf_clock_s() - from_s;
        *taking = fd < 0 ? CANNOT : try(fd, lock->path);
        if (fd < 0 || (*taking != GONE && (*taking != HELD_BY_PROGRAMS || waited_s > most_wait_s)))
            return fd;
        close(fd);
        if (*taking == GONE)
            continue;
        if (!told && waited_s > unsaid_s && lock->waits)
            lock->waits(results_path);
        told = told || waited_s > unsaid_s;
        nanosleep(&pause, NULL);
    }
}

int sheaf_lock_take_or(struct lock *lock, const char *results_path, const char *remedy, struct sheaf_error *error) {
    enum taking taking;
    lock->fd = -1;
    lock->path = sheaf_path_with(results_path, SUFFIX_LOCK);
    if (!lock->path)
        return sheaf_fail_memory(error, "a path");
    int fd = take(lock, results_path, &taking, error);
    if (fd < 0)
        return -1;
    if (taking == TAKEN) {
        sheaf_interrupt_remove(lock->path);
        lock->fd = fd;
        write_holder(fd, lock->path, lock->holder);
        return 0;
    }
    if (taking == CANNOT)
        sheaf_fail_errno(error, "%s: cannot lock", lock->path);
    else if (taking == HELD_BY_RUN)
        sheaf_refuse(error, "%s: another run is writing it (%s); %s", results_path, read_holder(fd, lock->holder),
                     remedy);
    else
        sheaf_refuse(error,
                     "%s: programs of the run before (%s) have not ended yet; wait for them, or choose another place "
                     "with -o",
                     results_path, read_holder(fd, lock->holder));
    close(fd);
    return -1;
}

int sheaf_lock_open_for_server(const char *results_path, const char *holder, int rank, char **path) {
    char there[LOCK_HOLDER_BYTES];
    char *target = sheaf_path_follow(results_path), *name = target ? sheaf_path_with(target, SUFFIX_LOCK) : NULL;
    *path = name ? sheaf_path_absolute(name) : NULL;
    free(target);
    free(name);
    int fd = *path ? open(*path, O_RDWR | O_CLOEXEC | O_NONBLOCK) : -1;
    if (fd < 0)
        return -1;
    if (is_lock_file(fd) && strcmp(read_holder(fd, there), holder) == 0 &&
        sheaf_range_lock(fd, THE_RUN + 1 + rank, 1) == 0)
        return fd;
    close(fd);
    return -1;
}

bool sheaf_lock_is_held(const char *results_path, struct lock_holder *holder) {
    char text[LOCK_HOLDER_BYTES] = "";
    char *target = sheaf_path_follow(results_path), *path = target ? sheaf_path_with(target, SUFFIX_LOCK) : NULL;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    const bool held = fd >= 0 && sheaf_range_is_locked(fd, THE_RUN, 1);
    *holder = (struct lock_holder){0};
    if (held && sscanf(read_holder(fd, text), "process %ld on %63[^\n]", &holder->pid, holder->host) != 2)
        *holder = (struct lock_holder){0};
    if (fd >= 0)
        close(fd);
    free(path);
    free(target);
    return held;
}

void sheaf_lock_release(struct lock *lock) {
    if (lock->fd >= 0) {
        sheaf_interrupt_forget(lock->path);
        sheaf_range_leave(lock->fd, lock->path);
    }
    free(lock->path);
    *lock = (struct lock){.fd = -1};
}
