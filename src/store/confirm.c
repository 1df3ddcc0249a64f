/* Before anything is said of a results file: it is still where it was, and its rows are not thrown away. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "store/results.h"

enum { MOST_KEPT = 99 };

/* Whether the content is still ours: somebody may have emptied the file, or copied another one over it. */
static bool is_whole(const struct results *r) {
    static const char signature[] = "\211HDF\r\n\032\n";
    struct sheaf_error ignored;
    char head[sizeof signature - 1];
    double mark = 0;
    if (sheaf_file_pread(r->fd, head, sizeof head, 0, r->path, &ignored) || memcmp(head, signature, sizeof head) != 0)
        return false;
    return r->mark == 0 ||
           (sheaf_file_pread(r->fd, &mark, sizeof mark, sheaf_results_run_offset(r), r->path, &ignored) == 0 &&
            mark == r->mark);
}

/* The name that an open file has by now: new memory, or NULL where it has none. A server's name for a file that was
   removed while it is open (.nfs…) is none. */
static char *find_name(int fd, const struct sheaf_stamp *stamp) {
    char link[64], name[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, sizeof name - 1);
    if (n < 0)
        return NULL;
    name[n] = '\0';
    const char *base = strrchr(name, '/');
    const bool removed = base && strncmp(base, "/.nfs", 5) == 0;
    return !removed && sheaf_stamp_names(stamp, name) ? strdup(name) : NULL;
}

/* Makes a file beside that has nobody's name: "OUT.h5.kept". The descriptor, or -1; *path is new memory. */
static int make_kept(const char *results, char **path, struct sheaf_error *error) {
    *path = NULL;
    for (int n = 1; n <= MOST_KEPT; n++) {
        char suffix[32];
        snprintf(suffix, sizeof suffix, n > 1 ? ".kept%d" : ".kept", n);
        free(*path);
        *path = sheaf_path_with(results, suffix);
        if (!*path)
            return sheaf_fail_memory(error, "a path");
        int fd = open(*path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd >= 0 ? fd : sheaf_fail_errno(error, "%s: cannot create it", *path);
    }
    return sheaf_fail(error, "%s.kept, and all names like it, are there already", results);
}

/* Copies the open file while threads may write rows: with the statuses that were there before, whose rows are whole. */
static int copy_rows(const struct results *r, int to, const char *path, struct sheaf_error *error) {
    uint8_t *status = malloc((size_t)r->n_items + 1);
    int rc = status ? sheaf_file_pread(r->fd, status, (size_t)r->n_items, r->sink.layout.status_offset, r->path, error)
                    : sheaf_fail_memory(error, "the statuses");
    if (rc == 0)
        rc = sheaf_file_copy_open(r->fd, to, path, error);
    if (rc == 0)
        rc = sheaf_file_pwrite(to, status, (size_t)r->n_items, r->sink.layout.status_offset, path, error);
    free(status);
    return rc;
}

/* Writes the open file, which has no name any more, to a new one, and goes on with that one unless threads are at work:
   a row could be here and its status there. */
static int write_again(struct results *r, bool at_work, char **kept, struct sheaf_error *error) {
    char *folder = sheaf_path_folder(r->path);
    if (folder)
        mkdir(folder, 0777); /* it may have been removed with all that was in it */
    free(folder);
    int fd = make_kept(r->path, kept, error);
    int rc = fd < 0 ? -1 : copy_rows(r, fd, *kept, error);
    if (rc == 0 && fsync(fd))
        rc = sheaf_fail_errno(error, "%s: cannot sync", *kept);
    if (rc && fd >= 0)
        unlink(*kept);
    if (rc == 0 && !at_work && dup3(fd, r->fd, O_CLOEXEC) < 0)
        rc = sheaf_fail_errno(error, "%s: cannot go on with it", *kept);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int bring_back(struct results *r, bool at_work, struct sheaf_string *said, struct sheaf_error *error) {
    char *kept = NULL;
    int rc = write_again(r, at_work, &kept, error);
    if (rc) {
        sheaf_error_prefix(error, "%s: was removed while the run wrote it, and could not be written again: ", r->path);
    } else if (sheaf_file_rename_new(kept, r->path) == 0) {
        rc = at_work ? 0 : sheaf_stamp_open(&r->stamp, r->fd, r->path, error);
        sheaf_string_add(said, "%s: was removed while the run wrote it, and is written again", r->path);
    } else {
        rc =
            sheaf_fail(error,
                       "%s: is another file now, this run's was removed; what it has computed is in %s: move the other "
                       "file away, rename this one to %s and run again to go on",
                       r->path, kept, r->path);
    }
    free(kept);
    return rc;
}

int sheaf_results_confirm(struct results *r, bool at_work, struct sheaf_string *said, struct sheaf_error *error) {
    if (r->fd < 0 || r->aside) /* not yet where anybody would look */
        return 0;
    if (!is_whole(r))
        return sheaf_fail(
            error,
            "%s: was emptied or written over while the run used it, and what was computed is lost with it; "
            "remove it and run again to start anew",
            r->path);
    if (sheaf_stamp_names(&r->stamp, r->path))
        return 0;
    char *name = find_name(r->fd, &r->stamp);
    if (!name)
        return bring_back(r, at_work, said, error);
    sheaf_fail(error,
               "%s: was renamed while the run wrote it; what was computed is in %s: rename it back and run again to go "
               "on",
               r->path, name);
    free(name);
    return -1;
}
