#include "core/range_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int sheaf_range_lock(int fd, off_t at, off_t n) {
    return fcntl(fd, F_OFD_SETLK, &(struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = n});
}

void sheaf_range_unlock(int fd, off_t at, off_t n) {
    fcntl(fd, F_OFD_SETLK, &(struct flock){.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = n});
}

bool sheaf_range_is_locked(int fd, off_t at, off_t n) {
    struct flock other = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = n};
    return fcntl(fd, F_OFD_GETLK, &other) == 0 && other.l_type != F_UNLCK;
}

bool sheaf_range_is_at(int fd, const char *path) {
    struct stat held, named;
    return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino &&
           held.st_dev == named.st_dev;
}

void sheaf_range_leave(int fd, const char *path) {
    sheaf_range_unlock(fd, 0, 0); /* first: of several that leave at once one must find the others gone */
    for (bool again = true; again && sheaf_range_lock(fd, 1, 0) == 0;) {
        const bool held = sheaf_range_is_locked(fd, 0, 1);
        if (!held && sheaf_range_is_at(fd, path))
            unlink(path); /* nobody can have got all of it meanwhile */
        sheaf_range_unlock(fd, 1, 0);
        again = held && !sheaf_range_is_locked(fd, 0, 1); /* who had it left just now, and found us in the way */
    }
    close(fd);
}
