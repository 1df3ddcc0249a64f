#include "kernel/command/workdir.h"

#include <errno.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "job/kind.h"

enum { OPEN_FOLDERS = 16 }; /* that nftw may have open */

/* Makes the folders of a path up to its last '/'. */
static int make_parents(char *path, struct sheaf_error *error) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int bad = mkdir(path, 0777) && errno != EEXIST;
        if (bad)
            sheaf_fail_errno(error, "%s: cannot make the folder", path);
        *slash = '/';
        if (bad)
            return -1;
    }
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where) {
    (void)status, (void)kind, (void)where;
    return remove(path) && errno != ENOENT ? -1 : 0;
}

/* Gives us the right to remove what is in a folder: programs write-protect what they made, for instance `go mod`. Ends
   the walk at one that could not be read, since what is in it comes only in the next. */
static int unlock_entry(const char *path, const struct stat *status, int kind, struct FTW *where) {
    (void)where;
    if (kind != FTW_D && kind != FTW_DNR)
        return 0;
    const bool closed = (status->st_mode & 0700) != 0700;
    return closed && chmod(path, 0700) == 0 ? 1 : 0;
}

int sheaf_workdir_remove(const char *path, struct sheaf_error *error) {
    const int how = FTW_PHYS;
    if (nftw(path, remove_entry, OPEN_FOLDERS, how | FTW_DEPTH) == 0 || errno == ENOENT)
        return 0;
    while (nftw(path, unlock_entry, OPEN_FOLDERS, how) > 0) {
    }
    if (nftw(path, remove_entry, OPEN_FOLDERS, how | FTW_DEPTH) && errno != ENOENT)
        return sheaf_fail_errno(error, "%s: cannot remove the item's folder", path);
    return 0;
}

/* Removes a folder, or moves it where it is not in the way: a file of another user, or one on NFS that is still open,
   must not end the run. */
static int clear_away(const char *path, struct sheaf_aside *aside, struct sheaf_error *error) {
    if (sheaf_workdir_remove(path, error) == 0)
        return 0;
    for (int n = 1; n < 1000; n++) {
        int length = snprintf(aside->path, sizeof aside->path, "%s.left%d", path, n);
        if (length < (int)sizeof aside->path && access(aside->path, F_OK) && rename(path, aside->path) == 0)
            return 0;
    }
    aside->path[0] = '\0';
    return -1;
}

int sheaf_workdir_make(const char *folder, int64_t item, char **path, struct sheaf_aside *aside,
                       struct sheaf_error *error) {
    *path = NULL;
    aside->path[0] = '\0';
    if (asprintf(path, "%s/work/%lld/", folder, (long long)item) < 0) {
        *path = NULL;
        return sheaf_fail_memory(error, "a path");
    }
    size_t length = strlen(*path);
    if (make_parents(*path, error))
        return -1;
    (*path)[length - 1] = '\0';
    /* It may be left over from a run that was killed, or from the last attempt. */
    if (rmdir(*path) && clear_away(*path, aside, error))
        return -1;
    return mkdir(*path, 0777) ? sheaf_fail_errno(error, "%s: cannot make the item's folder", *path) : 0;
}

/* The pattern seen from the folder, whose own characters mean themselves. */
static char *join_pattern(const char *path, const char *pattern) {
    struct sheaf_string joined = {0};
    for (const char *p = path; *p; p++)
        sheaf_string_add(&joined, strchr("*?[]\\", *p) ? "\\%c" : "%c", *p);
    sheaf_string_add(&joined, "/%s", pattern);
    if (joined.failed)
        sheaf_string_free(&joined);
    return joined.data;
}

/* Moves one file or folder; `name` is how it is called from the item's folder. */
static int move(const char *from, const char *folder, int64_t item, const char *name, struct sheaf_error *error) {
    char *to;
    int rc = -1;
    if (asprintf(&to, "%s/%lld/%s", folder, (long long)item, name) < 0)
        return sheaf_fail_memory(error, "a path");
    if (make_parents(to, error))
        goto out;
    if (rename(from, to) && errno != ENOENT) { /* a folder that is there from an earlier attempt is in the way */
        struct sheaf_error ignored;
        sheaf_workdir_remove(to, &ignored);
        if (rename(from, to)) {
            sheaf_fail_errno(error, "%s: cannot move it to %s", from, to);
            goto out;
        }
    }
    rc = 0;
out:
    free(to);
    return rc;
}

int sheaf_workdir_keep(const char *folder, int64_t item, const char *path, const char *const *patterns, int n,
                       struct sheaf_aside *aside, struct sheaf_error *error) {
    char *kept;
    aside->path[0] = '\0';
    if (asprintf(&kept, "%s/%lld", folder, (long long)item) < 0)
        return sheaf_fail_memory(error, "a path");
    int rc = n ? clear_away(kept, aside, error) : 0; /* of an earlier attempt, or job */
    free(kept);
    for (int i = 0; rc == 0 && i < n; i++) {
        glob_t found = {0};
        char *pattern = join_pattern(path, patterns[i]);
        if (!pattern)
            return sheaf_fail_memory(error, "a pattern");
        if (glob(pattern, GLOB_NOSORT, NULL, &found) == GLOB_NOSPACE)
            rc = sheaf_fail_memory(error, "the files to keep");
        for (size_t f = 0; rc == 0 && f < found.gl_pathc; f++) {
            const char *name = found.gl_pathv[f] + strlen(path) + 1;
            if (sheaf_job_stays_inside(name)) /* .* finds .. too */
                rc = move(found.gl_pathv[f], folder, item, name, error);
        }
        globfree(&found);
        free(pattern);
    }
    return rc;
}

void sheaf_workdir_tidy(const char *folder) {
    char *work;
    if (asprintf(&work, "%s/work", folder) < 0)
        return;
    rmdir(work);
    free(work);
    rmdir(folder);
}
