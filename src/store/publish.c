/* Where a results file may be made, and how one that was made aside comes into its place. */
#include <errno.h>
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
#include "store/identity.h"
#include "store/layout.h"
#include "store/results.h"
#include "store/stages.h"

const char *const sheaf_results_beside[] = {SUFFIX_LOCK, SUFFIX_NEW, SUFFIX_PACK, NULL};

int sheaf_results_find(const char *path, struct results_found *found, struct sheaf_error *error) {
    struct stat about;
    *found = (struct results_found){0};
    if (stat(path, &about)) {
        if (errno == ENOTDIR)
            return sheaf_refuse(error, "%s: its folder is not there; make it, or choose another place with -o", path);
        return errno == ENOENT
                   ? 0
                   : sheaf_fail_errno(error, "%s: cannot see whether it is there (-o chooses another place)", path);
    }
    found->there = true;
    if (S_ISREG(about.st_mode))
        return sheaf_stamp_take(&found->stamp, path, error);
    return sheaf_refuse(error, "%s: is %s, where no results file can be; choose another place with -o", path,
                        S_ISDIR(about.st_mode)    ? "a folder"
                        : S_ISFIFO(about.st_mode) ? "a pipe"
                        : S_ISSOCK(about.st_mode) ? "a socket"
                                                  : "a device");
}

/* --- whose a file is ------------------------------------------------------------------------------------------------ */

/* part: has our group, as others may who call something so or have copied it; wreck: what may be left of a file that HDF5
   was writing, and of whoever's. */
enum whose { OURS, PART, WRECK, FOREIGN };

/* Whether all is there that belongs to the identity in our group. */
static bool is_whole(hid_t file) {
    if (H5Lexists(file, STAGES_TEXT, H5P_DEFAULT) > 0)
        return true;
    char *identity =
        H5Lexists(file, IDENTITY_TEXT, H5P_DEFAULT) > 0 ? sheaf_h5_get_dataset_text(file, IDENTITY_TEXT) : NULL;
    bool whole = identity && H5Lexists(file, "status", H5P_DEFAULT) > 0;
    const char *at = identity, *from;
    size_t n_bytes;
    while (whole && sheaf_identity_next_output(&at, &from, &n_bytes)) {
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)n_bytes, from);
        whole = H5Lexists(file, name, H5P_DEFAULT) > 0;
    }
    free(identity);
    return whole;
}

/* Of a file that HDF5 opens. A wreck has nothing in it, or names without what they name. */
static enum whose judge_opened(hid_t file) {
    H5G_info_t root;
    H5O_info_t first;
    const htri_t has_group = H5Lexists(file, GROUP, H5P_DEFAULT);
    if (has_group > 0)
        return is_whole(file) ? OURS : PART;
    return has_group < 0 || H5Gget_info_by_name(file, "/", &root, H5P_DEFAULT) < 0 || root.nlinks == 0 ||
                   H5Oget_info_by_idx2(file, "/", H5_INDEX_NAME, H5_ITER_INC, 0, &first, H5O_INFO_BASIC, H5P_DEFAULT) <
                       0
               ? WRECK
               : FOREIGN;
}

/* By its bytes, of a file that HDF5 does not open. A damaged file of ours still has a link that is called as our group is,
   as HDF5 writes it: which one it is of the group, in eight bytes, how long the name is, and the name. */
static enum whose judge_bytes(int fd) {
    enum { HEAD = 1 << 20 };
    static const char signature[] = "\211HDF\r\n\032\n", link[] = "\0\0\0\0\0\0\0\005sheaf";
    static const char cleared[8]; /* of one that was emptied while it was written */
    char *head = malloc(HEAD);
    ssize_t n = head ? pread(fd, head, HEAD, 0) : -1;
    enum whose whose = FOREIGN;
    if (n == 0)
        whose = OURS; /* nobody's */
    else if (n >= (ssize_t)sizeof cleared && memcmp(head, signature, sizeof cleared) == 0)
        whose = memmem(head, (size_t)n, link, sizeof link - 1) ? OURS : WRECK;
    else if (n >= (ssize_t)sizeof cleared && memcmp(head, cleared, sizeof cleared) == 0)
        whose = WRECK;
    free(head);
    return whose;
}

static int judge(const char *path, enum whose *whose, struct sheaf_error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return sheaf_fail_errno(error, "%s: cannot open", path);
    struct interrupt_reading reading;
    sheaf_h5_start();
    hid_t file = sheaf_h5_open_watched(path, NULL, &reading);
    *whose = file >= 0 ? judge_opened(file) : WRECK;
    sheaf_h5_close_watched(file, &reading);
    H5Eclear2(H5E_DEFAULT);
    if (*whose == WRECK)
        *whose = judge_bytes(fd);
    close(fd);
    return 0;
}

/* Refuses what is somebody's data; a wreck may go where only we write. */
static int check_whose(const char *path, bool wrecks_are_ours, struct sheaf_error *error) {
    static const char *const why[] = {
        [PART] = "is not a results file of Sheaf",
        [WRECK] = "is damaged or empty, and cannot be known as a results file of Sheaf",
        [FOREIGN] = "is not a results file of Sheaf",
    };
    struct results_found found;
    enum whose whose = OURS;
    if (sheaf_results_find(path, &found, error) || (found.there && judge(path, &whose, error)))
        return -1;
    if (whose == OURS || (whose != FOREIGN && wrecks_are_ours))
        return 0;
    return sheaf_refuse(error, "%s: %s and is not overwritten; move it away or choose another place with -o", path,
                        why[whose]);
}

int sheaf_results_may_replace(const char *path, struct sheaf_error *error) {
    return check_whose(path, false, error);
}

int sheaf_results_may_make(const char *path, struct sheaf_error *error) {
    static const char *const made[] = {SUFFIX_NEW, SUFFIX_PACK};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof made / sizeof *made; i++) {
        char *aside = sheaf_path_with(path, made[i]);
        rc = !aside ? sheaf_fail_memory(error, "a path") : check_whose(aside, true, error);
        free(aside);
    }
    return rc;
}

static uint64_t token_in(const char *path, const char *stage) {
    struct interrupt_reading reading;
    if (access(path, R_OK))
        return 0;
    hid_t file = sheaf_h5_open_watched(path, stage, &reading);
    const uint64_t token = file >= 0 ? sheaf_h5_get_token(file) : 0;
    sheaf_h5_close_watched(file, &reading);
    return token;
}

/* The number that a results file's journals bear, of one with stages those of the first that is there: a new one has no other.
   0 if it cannot be read. */
static uint64_t token_of(const char *path) {
    char *stages = sheaf_stages_list(path);
    uint64_t token = stages ? 0 : token_in(path, NULL);
    for (char *at = stages, *end; token == 0 && at && (end = strchr(at, '\n')) != NULL; at = end + 1) {
        *end = '\0';
        token = token_in(path, at);
    }
    free(stages);
    return token;
}

/* Removes the texts of the results file that was replaced, which nobody will ask for. */
static int remove_journals(const char *path, struct sheaf_error *error) {
    const uint64_t token = token_of(path);
    return token ? sheaf_journal_remove(path, token, true, error) : sheaf_h5_fail(error, path, "open the file");
}

/* What was found may be replaced, and nothing else. */
static int put_in_place(const char *aside, const char *path, const struct results_found *before,
                        struct sheaf_error *error) {
    const bool replaces = before->there && sheaf_stamp_names(&before->stamp, path);
    if ((replaces ? rename(aside, path) : sheaf_file_rename_new(aside, path)) == 0)
        return 0;
    if (errno != EEXIST)
        return sheaf_fail_errno(error, "%s: cannot rename it to %s", aside, path);
    return sheaf_fail(error,
                      "%s: another file came there while the run began, and is not replaced; move it away or choose "
                      "another place with -o",
                      path);
}

int sheaf_results_publish(const char *path, const struct results_found *before, struct sheaf_string *said,
                          struct sheaf_error *error) {
    struct sheaf_error after;
    char *aside = sheaf_path_with(path, SUFFIX_NEW);
    if (!aside)
        return sheaf_fail_memory(error, "a path");
    int rc = put_in_place(aside, path, before, error);
    sheaf_interrupt_forget(aside);
    free(aside);
    /* Until the rename lasts, a power cut may bring back the old file, which has its texts in the old journals. Where none
       was replaced they may be those of one that was moved away, whose owner brings them after it. */
    if (rc == 0 && (sheaf_file_sync_folder(path, &after) || (before->there && remove_journals(path, &after))))
        sheaf_string_add(said, "%s; %s is in its place all the same", after.text, path);
    return rc;
}

/* Links and attributes at the root of a file; negative where it cannot be read. */
static int64_t count_things(const char *path) {
    struct interrupt_reading reading;
    H5O_info_t info;
    H5G_info_t group;
    hid_t file = sheaf_h5_open_watched(path, NULL, &reading);
    const bool read = file >= 0 && H5Oget_info_by_name2(file, ".", &info, H5O_INFO_NUM_ATTRS, H5P_DEFAULT) >= 0 &&
                      H5Gget_info(file, &group) >= 0;
    sheaf_h5_close_watched(file, &reading);
    H5Eclear2(H5E_DEFAULT);
    return read ? (int64_t)info.num_attrs + (int64_t)group.nlinks : -1;
}

bool sheaf_results_have_more(const char *path) {
    char *aside = sheaf_path_with(path, SUFFIX_NEW);
    const bool have = !aside || count_things(path) > count_things(aside);
    free(aside);
    return have;
}

void sheaf_results_tidy(const char *path) {
    enum whose whose = FOREIGN;
    struct results_found found;
    struct sheaf_error ignored;
    char *aside = sheaf_path_with(path, SUFFIX_NEW);
    if (aside && sheaf_results_find(aside, &found, &ignored) == 0 && found.there &&
        judge(aside, &whose, &ignored) == 0 && whose == OURS) {
        const uint64_t token = token_of(aside), current = token_of(path);
        /* It has texts only where a file that is there was to be replaced. With none there they may be those of one that was
           moved away, of which this is a copy; with the same number it is the file itself, by a second name. */
        if (token && current && token != current)
            sheaf_journal_remove(path, token, false, &ignored);
        unlink(aside);
    }
    free(aside);
}

void sheaf_results_discard(const char *path) {
    char *aside = sheaf_path_with(path, SUFFIX_NEW);
    if (aside) {
        unlink(aside);
        sheaf_interrupt_forget(aside);
    }
    free(aside);
}
