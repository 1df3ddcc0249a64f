/* Where a results file may be made, and how one that was made aside comes into its place. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/interrupt.h"
#include "plan/journal.h"
#include "store/h5.h"
#include "store/layout.h"
#include "store/results.h"

const char *const sheaf_results_beside[] = {SUFFIX_LOCK, SUFFIX_NEW, SUFFIX_PACK, NULL};

int sheaf_results_may_be(const char *path, struct sheaf_error *error) {
    struct stat about;
    if (stat(path, &about) || S_ISREG(about.st_mode))
        return 0;
    return sheaf_refuse(error, "%s: is %s, where no results file can be; choose another place with -o", path,
                        S_ISDIR(about.st_mode)    ? "a folder"
                        : S_ISFIFO(about.st_mode) ? "a pipe"
                        : S_ISSOCK(about.st_mode) ? "a socket"
                                                  : "a device");
}

/* Of Sheaf, or what a run left that was killed while it made the file: nothing, or names without what they name. */
static bool is_ours(hid_t file) {
    H5G_info_t root;
    H5O_info_t first;
    if (H5Lexists(file, GROUP, H5P_DEFAULT) != 0)
        return true;
    return H5Gget_info_by_name(file, "/", &root, H5P_DEFAULT) < 0 || root.nlinks == 0 ||
           H5Oget_info_by_idx2(file, "/", H5_INDEX_NAME, H5_ITER_INC, 0, &first, H5O_INFO_BASIC, H5P_DEFAULT) < 0;
}

int sheaf_results_may_replace(const char *path, struct sheaf_error *error) {
    static const char signature[] = "\211HDF\r\n\032\n";
    static const char cleared[8]; /* of one that was emptied while a run wrote it */
    char head[8] = "";
    sheaf_h5_start();
    if (access(path, F_OK))
        return 0;
    struct interrupt_reading reading;
    hid_t file = sheaf_h5_open_watched(path, &reading);
    const bool opened = file >= 0, ours = opened && is_ours(file);
    sheaf_h5_close_watched(file, &reading);
    H5Eclear2(H5E_DEFAULT);
    if (ours)
        return 0;
    if (!opened) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, head, sizeof head) : -1;
        if (fd >= 0)
            close(fd);
        if (n == 0 || (n == (ssize_t)sizeof head &&
                       (memcmp(head, signature, sizeof head) == 0 || memcmp(head, cleared, sizeof head) == 0)))
            return 0;
    }
    return sheaf_refuse(error,
                        "%s: is not a results file of Sheaf and is not overwritten; move it away or choose "
                        "another place with -o",
                        path);
}

int sheaf_results_may_make(const char *path, struct sheaf_error *error) {
    static const char *const made[] = {SUFFIX_NEW, SUFFIX_PACK};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof made / sizeof *made; i++) {
        char *aside = sheaf_path_with(path, made[i]);
        rc = !aside ? sheaf_fail_memory(error, "a path")
             : sheaf_results_may_be(aside, error) || sheaf_results_may_replace(aside, error) ? -1
                                                                                             : 0;
        free(aside);
    }
    return rc;
}

/* Removes the texts of the results file that was replaced, which nobody will ask for. */
static int remove_journals(const char *path, struct sheaf_error *error) {
    struct interrupt_reading reading;
    hid_t file = sheaf_h5_open_watched(path, &reading);
    int rc = file < 0 ? sheaf_h5_fail(error, path, "open the file") : 0;
    uint64_t token = rc ? 0 : sheaf_h5_get_token(file);
    sheaf_h5_close_watched(file, &reading);
    return rc ? rc : sheaf_journal_remove(path, token, true, error);
}

int sheaf_results_publish(const char *path, struct sheaf_string *said, struct sheaf_error *error) {
    struct sheaf_error after;
    char *aside = sheaf_path_with(path, SUFFIX_NEW);
    if (!aside)
        return sheaf_fail_memory(error, "a path");
    int rc = rename(aside, path) ? sheaf_fail_errno(error, "%s: cannot rename it to %s", aside, path) : 0;
    sheaf_interrupt_forget(aside);
    free(aside);
    /* Until the rename lasts, a power cut may bring back the old file, which has its texts in the old journals. */
    if (rc == 0 && (sheaf_file_sync_folder(path, &after) || remove_journals(path, &after)))
        sheaf_string_add(said, "%s; %s is in its place all the same", after.text, path);
    return rc;
}

void sheaf_results_discard(const char *path) {
    char *aside = sheaf_path_with(path, SUFFIX_NEW);
    if (aside) {
        unlink(aside);
        sheaf_interrupt_forget(aside);
    }
    free(aside);
}
