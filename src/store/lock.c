#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/interrupt.h"
#include "store/layout.h"

/* Whether a file is one of ours, or new: nothing else is locked and emptied. */
static bool is_lock_file(int fd) {
    static const char word[] = "process ";
    char head[sizeof word] = "";
    struct stat about;
    if (fstat(fd, &about) || !S_ISREG(about.st_mode))
        return false;
    return about.st_size == 0 || (pread(fd, head, sizeof word - 1, 0) > 0 && strcmp(head, word) == 0);
}

/* Another run may have removed the file between our open and our lock; then we hold a lock on nothing. */
static int is_current(int fd, const char *path) {
    struct stat held, named;
    return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino &&
           held.st_dev == named.st_dev;
}

static int refuse_held(int fd, const char *results_path, const char *remedy, struct sheaf_error *error) {
    char holder[128] = "";
    ssize_t n = pread(fd, holder, sizeof holder - 1, 0);
    holder[n > 0 ? n : 0] = '\0';
    return sheaf_refuse(error, "%s: another run is writing it (%s); %s", results_path,
                        holder[0] ? holder : "process unknown", remedy);
}

static void write_holder(int fd) {
    char host[64] = "", holder[128];
    gethostname(host, sizeof host - 1);
    int n = snprintf(holder, sizeof holder, "process %ld on %s", (long)getpid(), host);
    if (ftruncate(fd, 0) || pwrite(fd, holder, (size_t)n, 0) != n)
        return; /* only for a friendlier message */
}

int sheaf_lock_take(struct lock *lock, const char *results_path, struct sheaf_error *error) {
    return sheaf_lock_take_or(lock, results_path, "wait for it, or choose another place with -o", error);
}

int sheaf_lock_take_or(struct lock *lock, const char *results_path, const char *remedy, struct sheaf_error *error) {
    lock->fd = -1;
    lock->path = sheaf_path_with(results_path, SUFFIX_LOCK);
    if (!lock->path)
        return sheaf_fail_memory(error, "a path");
    for (;;) {
        int fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
            return sheaf_refuse(error, "%s: its folder is not there; make it, or choose another place with -o",
                                results_path);
        if (fd < 0)
            return sheaf_fail_errno(error, "%s: cannot create the lock file; is the folder writable?", lock->path);
        if (!is_lock_file(fd)) {
            close(fd);
            return sheaf_refuse(error,
                                "%s: is there and is no lock file of Sheaf, which would go by that name; move it "
                                "away, or choose another place with -o",
                                lock->path);
        }
        if (fcntl(fd, F_OFD_SETLK, &(struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET})) {
            int rc = errno == EAGAIN || errno == EACCES ? refuse_held(fd, results_path, remedy, error)
                                                        : sheaf_fail_errno(error, "%s: cannot lock", lock->path);
            close(fd);
            return rc;
        }
        if (is_current(fd, lock->path)) {
            sheaf_interrupt_remove(lock->path);
            lock->fd = fd;
            write_holder(fd);
            return 0;
        }
        close(fd);
    }
}

bool sheaf_lock_is_held(const char *results_path, struct lock_holder *holder) {
    char text[128] = "";
    struct flock other = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    char *target = sheaf_path_follow(results_path), *path = target ? sheaf_path_with(target, ".lock") : NULL;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    const bool held = fd >= 0 && fcntl(fd, F_OFD_GETLK, &other) == 0 && other.l_type != F_UNLCK;
    *holder = (struct lock_holder){0};
    if (held && pread(fd, text, sizeof text - 1, 0) > 0 &&
        sscanf(text, "process %ld on %63[^\n]", &holder->pid, holder->host) != 2)
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
        if (is_current(lock->fd, lock->path)) /* else it is another run's */
            unlink(lock->path);
        close(lock->fd);
    }
    free(lock->path);
    *lock = (struct lock){.fd = -1};
}
