#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* What is no file that can be read again: a later run must find the same bytes. */
static int refuse_kind(const char *path, mode_t mode, struct sheaf_error *error) {
    if (S_ISFIFO(mode) || S_ISSOCK(mode) || S_ISCHR(mode))
        return sheaf_refuse(error,
                            "%s: is a %s, not a regular file, and could not be read again; write what comes from it "
                            "into a file first",
                            path,
                            S_ISFIFO(mode)   ? "pipe"
                            : S_ISSOCK(mode) ? "socket"
                                             : "device");
    return sheaf_refuse(error, "%s: is not a regular file", path);
}

/* Opens a regular file for reading and gives its size. */
static int open_regular(const char *path, size_t *n_bytes, struct sheaf_error *error) {
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer would block */
    if (fd < 0) {
        sheaf_refuse(error, "%s: cannot open: %s", path, strerror(errno));
        return -1;
    }
    if (fstat(fd, &about)) {
        sheaf_fail_errno(error, "%s: cannot stat", path);
    } else if (!S_ISREG(about.st_mode)) {
        refuse_kind(path, about.st_mode, error);
    } else {
        *n_bytes = (size_t)about.st_size;
        return fd;
    }
    close(fd);
    return -1;
}

/* Reads a file to its end into new memory, terminated: the kernel gives files of /proc and /sys no size. Other empty
   files are empty here too. */
static int read_unsized(int fd, const char *path, size_t most_bytes, char **text, size_t *n_bytes,
                        struct sheaf_error *error) {
    enum { STEP = 65536 };
    size_t room = 0;
    *text = NULL;
    for (*n_bytes = 0;;) {
        if (*n_bytes + 1 >= room) {
            char *grown = realloc(*text, room += room ? room : STEP);
            if (!grown)
                return sheaf_fail_memory(error, path);
            *text = grown;
        }
        ssize_t n = read(fd, *text + *n_bytes, room - *n_bytes - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sheaf_fail_errno(error, "%s: cannot read", path);
        if (n == 0)
            break;
        *n_bytes += (size_t)n;
        if (*n_bytes > most_bytes)
            return sheaf_refuse(error, "%s: is larger than %zu bytes", path, most_bytes);
    }
    (*text)[*n_bytes] = '\0';
    return 0;
}

/* Such a file as a mapping of its own. */
static int map_unsized(struct sheaf_mapping *mapping, int fd, const char *path, struct sheaf_error *error) {
    static const size_t most_bytes = (size_t)1 << 30;
    char *text;
    size_t n_bytes;
    int rc = read_unsized(fd, path, most_bytes, &text, &n_bytes, error);
    if (rc == 0 && n_bytes) {
        void *data = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (data == MAP_FAILED) {
            rc = sheaf_fail_errno(error, "%s: cannot map", path);
        } else {
            memcpy(data, text, n_bytes);
            *mapping = (struct sheaf_mapping){data, n_bytes};
        }
    }
    free(text);
    return rc;
}

int sheaf_file_check_regular(const char *path, struct sheaf_error *error) {
    size_t n_bytes = 0;
    int fd = open_regular(path, &n_bytes, error);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : 0;
}

int sheaf_mapping_open(struct sheaf_mapping *mapping, const char *path, struct sheaf_error *error) {
    size_t n_bytes = 0;
    *mapping = (struct sheaf_mapping){0};
    int fd = open_regular(path, &n_bytes, error);
    if (fd < 0)
        return -1;
    int rc = 0;
    if (n_bytes) {
        void *data = mmap(NULL, n_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            rc = sheaf_fail_errno(error, "%s: cannot map", path);
        else
            *mapping = (struct sheaf_mapping){data, n_bytes};
    } else {
        rc = map_unsized(mapping, fd, path, error);
    }
    close(fd);
    return rc;
}

void sheaf_mapping_close(struct sheaf_mapping *mapping) {
    if (mapping->data)
        munmap((void *)(uintptr_t)mapping->data, mapping->n_bytes);
    *mapping = (struct sheaf_mapping){0};
}

int sheaf_file_read(const char *path, size_t most_bytes, char **text, size_t *n_bytes, struct sheaf_error *error) {
    size_t size = 0;
    *text = NULL;
    int fd = open_regular(path, &size, error);
    if (fd < 0)
        return -1;
    int rc = -1;
    if (size == 0) {
        rc = read_unsized(fd, path, most_bytes, text, n_bytes, error);
        goto out;
    }
    if (size > most_bytes) {
        sheaf_refuse(error, "%s: is larger than %zu bytes", path, most_bytes);
        goto out;
    }
    *text = malloc(size + 1);
    if (!*text) {
        sheaf_fail_memory(error, path);
        goto out;
    }
    if (sheaf_file_pread(fd, *text, size, 0, path, error))
        goto out;
    (*text)[size] = '\0';
    *n_bytes = size;
    rc = 0;
out:
    if (rc) {
        free(*text);
        *text = NULL;
    }
    close(fd);
    return rc;
}

int sheaf_file_pread(int fd, void *data, size_t n_bytes, off_t offset, const char *path, struct sheaf_error *error) {
    char *to = data;
    while (n_bytes) {
        ssize_t n = pread(fd, to, n_bytes, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sheaf_fail_errno(error, "%s: cannot read", path);
        if (n == 0)
            return sheaf_fail(error, "%s: ends early; it was cut while in use", path);
        to += n;
        n_bytes -= (size_t)n;
        offset += n;
    }
    return 0;
}

int sheaf_file_pwrite(int fd, const void *data, size_t n_bytes, off_t offset, const char *path,
                      struct sheaf_error *error) {
    const char *from = data;
    while (n_bytes) {
        /* A full disk shows as a short write first; the next call then says why. */
        ssize_t n = pwrite(fd, from, n_bytes, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return sheaf_fail_errno(error, "%s: cannot write (what is marked done is safe; run again to go on)", path);
        from += n;
        n_bytes -= (size_t)n;
        offset += n;
    }
    return 0;
}

/* Copies what is left behind *offset through memory, for file systems that cannot do it themselves. */
static int copy_by_hand(int from, int to, off_t *offset, const char *path, struct sheaf_error *error) {
    enum { PIECE = 1 << 20 };
    char *piece = malloc(PIECE);
    int rc = piece ? 0 : sheaf_fail_memory(error, path);
    while (rc == 0) {
        ssize_t n = pread(from, piece, PIECE, *offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            rc = n ? sheaf_fail_errno(error, "%s: cannot read", path) : 0;
            break;
        }
        for (ssize_t done = 0, m; rc == 0 && done<n; done += m> 0 ? m : 0) {
            m = pwrite(to, piece + done, (size_t)(n - done), *offset + done);
            if (m < 0 && errno != EINTR)
                rc = sheaf_fail_errno(error, "%s: cannot copy", path);
        }
        *offset += n;
    }
    free(piece);
    return rc;
}

int sheaf_file_copy_open(int from, int to, const char *path, struct sheaf_error *error) {
    struct stat about;
    off_t offset = 0;
    if (fstat(from, &about) || fchmod(to, about.st_mode & 07777))
        return sheaf_fail_errno(error, "%s: cannot copy", path);
    while (offset < about.st_size) {
        off_t to_offset = offset;
        ssize_t n = copy_file_range(from, &offset, to, &to_offset, (size_t)(about.st_size - offset), 0);
        if (n < 0 && (errno == ENOSPC || errno == EFBIG || errno == EDQUOT || errno == EIO))
            return sheaf_fail_errno(error, "%s: cannot copy", path);
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return copy_by_hand(from, to, &offset, path, error);
    }
    return 0;
}

int sheaf_file_copy(const char *from, const char *to, struct sheaf_error *error) {
    int source = open(from, O_RDONLY | O_CLOEXEC);
    if (source < 0)
        return sheaf_fail_errno(error, "%s: cannot open", from);
    int target = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int rc = target < 0 ? sheaf_fail_errno(error, "%s: cannot create it", to)
                        : sheaf_file_copy_open(source, target, from, error);
    if (target >= 0 && close(target) && rc == 0)
        rc = sheaf_fail_errno(error, "%s: cannot close", to);
    close(source);
    return rc;
}

/* Where nothing but a plain rename is possible. */
static int rename_if_free(const char *from, const char *to) {
    struct stat about;
    if (lstat(to, &about) == 0)
        errno = EEXIST;
    return errno == ENOENT ? rename(from, to) : -1;
}

static bool is_one_file(const char *a, const char *b) {
    struct stat about_a, about_b;
    return lstat(a, &about_a) == 0 && lstat(b, &about_b) == 0 && about_a.st_dev == about_b.st_dev &&
           about_a.st_ino == about_b.st_ino;
}

int sheaf_file_rename_new(const char *from, const char *to) {
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS && errno != EPERM && errno != EOPNOTSUPP)
        return -1;
    if (link(from, to)) {
        if (errno != EEXIST)
            return rename_if_free(from, to);
        if (!is_one_file(from, to)) { /* else a server did it, and its answer was lost */
            errno = EEXIST;
            return -1;
        }
    }
    unlink(from); /* what is left of it is a second name */
    return 0;
}

int sheaf_file_sync_folder(const char *path, struct sheaf_error *error) {
    char *folder = sheaf_path_folder(path);
    if (!folder)
        return sheaf_fail_memory(error, "a path");
    int rc = 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (fsync(fd) && errno != EINVAL))
        rc = sheaf_fail_errno(error, "%s: cannot sync the folder", folder);
    if (fd >= 0)
        close(fd);
    free(folder);
    return rc;
}

static struct sheaf_stamp make_stamp(const struct stat *about) {
    return (struct sheaf_stamp){
        .device = (uint64_t)about->st_dev,
        .inode = (uint64_t)about->st_ino,
        .n_bytes = (int64_t)about->st_size,
        .changed_s = (int64_t)about->st_mtim.tv_sec,
        .changed_ns = (int64_t)about->st_mtim.tv_nsec,
    };
}

bool sheaf_stamp_same(const struct sheaf_stamp *a, const struct sheaf_stamp *b) {
    return a->inode == b->inode && a->n_bytes == b->n_bytes && a->changed_s == b->changed_s &&
           a->changed_ns == b->changed_ns;
}

int sheaf_stamp_take(struct sheaf_stamp *stamp, const char *path, struct sheaf_error *error) {
    struct stat about;
    if (stat(path, &about))
        return sheaf_refuse(error, "%s: cannot open: %s", path, strerror(errno));
    *stamp = make_stamp(&about);
    return 0;
}

int sheaf_stamp_open(struct sheaf_stamp *stamp, int fd, const char *path, struct sheaf_error *error) {
    struct stat about;
    if (fstat(fd, &about))
        return sheaf_fail_errno(error, "%s: cannot stat", path);
    *stamp = make_stamp(&about);
    return 0;
}

bool sheaf_stamp_names(const struct sheaf_stamp *stamp, const char *path) {
    struct stat about;
    return stat(path, &about) == 0 && (uint64_t)about.st_dev == stamp->device && (uint64_t)about.st_ino == stamp->inode;
}

int sheaf_stamp_check(const struct sheaf_stamp *stamp, const char *path, struct sheaf_error *error) {
    struct sheaf_stamp now;
    if (sheaf_stamp_take(&now, path, error) == 0 && now.device == stamp->device && sheaf_stamp_same(&now, stamp))
        return 0;
    return sheaf_fail(error,
                      "%s: was changed while the run used it; what is marked done was computed from the old "
                      "content, so put that back to go on, or start anew with --overwrite",
                      path);
}

static enum sheaf_disk classify_disk(const struct statfs *about) {
    /* statfs(2) and linux/magic.h; those of Lustre, GPFS, BeeGFS, OrangeFS and PanFS from their own sources */
    static const unsigned long cluster[] = {
        0x0BD00BD0, 0x47504653, 0x19830326, 0x20030528, 0xAAD7AAEA, 0x00C36400 /* Ceph */, 0x7461636F /* OCFS2 */,
        0x01161970 /* GFS2 */};
    static const unsigned long network[] = {0x6969 /* NFS */,      0x517B /* SMB */,    0xFE534D42 /* SMB2 */,
                                            0xFF534D42 /* CIFS */, 0x01021997 /* 9P */, 0x5346414F /* AFS */,
                                            0x73757245 /* Coda */, 0x65735546 /* FUSE */};
    unsigned long type = (unsigned long)about->f_type & 0xFFFFFFFF;
    for (size_t i = 0; i < sizeof cluster / sizeof *cluster; i++)
        if (type == cluster[i])
            return DISK_CLUSTER;
    for (size_t i = 0; i < sizeof network / sizeof *network; i++)
        if (type == network[i])
            return DISK_NETWORK;
    return DISK_LOCAL;
}

enum sheaf_disk sheaf_disk_of(const char *path) {
    struct statfs about;
    return statfs(path, &about) ? DISK_LOCAL : classify_disk(&about);
}

enum sheaf_disk sheaf_disk_of_open(int fd) {
    struct statfs about;
    return fstatfs(fd, &about) ? DISK_LOCAL : classify_disk(&about);
}

bool sheaf_disk_forgets(int fd) {
    struct statfs about;
    return fstatfs(fd, &about) == 0 && ((unsigned long)about.f_type == 0x01021994 /* tmpfs */ ||
                                        (unsigned long)about.f_type == 0x858458F6 /* ramfs */);
}

char *sheaf_path_follow(const char *path) {
    char target[4096];
    char *at = strdup(path);
    for (int n = 0; at && n < 40; n++) { /* as many as the kernel follows */
        ssize_t length = readlink(at, target, sizeof target - 1);
        if (length < 0)
            break; /* no link */
        target[length] = '\0';
        char *folder = sheaf_path_folder(at);
        char *next = folder ? sheaf_path_join(folder, target) : NULL;
        free(folder);
        free(at);
        at = next;
    }
    return at;
}

char *sheaf_path_join(const char *folder, const char *path) {
    if (path[0] == '/' || strcmp(folder, ".") == 0)
        return strdup(path);
    size_t n_bytes = strlen(folder) + strlen(path) + 2;
    char *joined = malloc(n_bytes);
    if (joined)
        snprintf(joined, n_bytes, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", path);
    return joined;
}

char *sheaf_path_absolute(const char *path) {
    char *here = getcwd(NULL, 0);
    char *joined = here ? sheaf_path_join(here, path) : NULL;
    free(here);
    return joined;
}

char *sheaf_path_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

char *sheaf_path_with(const char *path, const char *suffix) {
    size_t n_bytes = strlen(path) + strlen(suffix) + 1;
    char *joined = malloc(n_bytes);
    if (joined)
        snprintf(joined, n_bytes, "%s%s", path, suffix);
    return joined;
}
