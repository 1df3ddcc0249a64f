#include "store/texts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "plan/journal.h"
#include "store/layout.h"
#include "store/results.h"

/* How many journals of this file there are up to a number, and the highest; what cannot be looked at may be there. */
static int64_t count_journals(const char *path, uint64_t token, uint64_t upto, uint64_t *highest) {
    struct journal_file *files = NULL;
    struct sheaf_error ignored;
    size_t n_files = 0;
    int64_t n = 0;
    char *folder = sheaf_journal_folder(path);
    const bool known = folder && sheaf_journal_list(folder, &files, &n_files, &ignored) == 0;
    *highest = 0;
    for (size_t k = 0; known && k < n_files; k++)
        if (files[k].token == token && files[k].number <= upto) {
            *highest = files[k].number > *highest ? files[k].number : *highest;
            n++;
        }
    free(files);
    free(folder);
    return known ? n : INT64_MAX;
}

static bool any_journal(const char *path, uint64_t token) {
    uint64_t highest;
    return count_journals(path, token, UINT64_MAX, &highest) > 0;
}

/* --- for HDF5 ------------------------------------------------------------------------------------------------------ */

/* The marks of a file; false where it has none, as older ones. */
static bool read_marks(hid_t file, uint8_t marks[TEXTS_MARKS]) {
    if (H5Lexists(file, TEXTS, H5P_DEFAULT) <= 0)
        return false;
    hid_t dataset = H5Dopen2(file, TEXTS, H5P_DEFAULT);
    hid_t space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
    const bool read = space >= 0 && H5Sget_simple_extent_npoints(space) == TEXTS_MARKS &&
                      H5Dread(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, marks) >= 0;
    if (space >= 0)
        H5Sclose(space);
    if (dataset >= 0)
        H5Dclose(dataset);
    H5Eclear2(H5E_DEFAULT);
    return read;
}

bool sheaf_texts_are_lost(hid_t file, const char *path, uint64_t token) {
    uint8_t marks[TEXTS_MARKS] = {0};
    return read_marks(file, marks) &&
           (marks[TEXTS_LOST] == 1 || (marks[TEXTS_BESIDE] == 1 && !any_journal(path, token)));
}

bool sheaf_texts_are_beside(hid_t file, const char *path, uint64_t token) {
    uint8_t marks[TEXTS_MARKS] = {0};
    return read_marks(file, marks) && marks[TEXTS_BESIDE] == 1 && any_journal(path, token);
}

bool sheaf_texts_are_packed(hid_t file, const char *path, uint64_t token) {
    uint8_t marks[TEXTS_MARKS] = {0};
    return read_marks(file, marks) ? marks[TEXTS_LOST] == 0 && marks[TEXTS_BESIDE] == 0 : !any_journal(path, token);
}

int sheaf_texts_mark_packed(hid_t file, bool lost) {
    const uint8_t marks[TEXTS_MARKS] = {[TEXTS_LOST] = lost};
    if (H5Lexists(file, TEXTS, H5P_DEFAULT) <= 0)
        return 0;
    hid_t dataset = H5Dopen2(file, TEXTS, H5P_DEFAULT);
    const bool bad = dataset < 0 || H5Dwrite(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, marks) < 0;
    return (dataset >= 0 && H5Dclose(dataset) < 0) || bad ? -1 : 0;
}

void sheaf_results_say_lost_texts(const char *path, int64_t n_items, struct sheaf_string *said) {
    char *folder = sheaf_journal_folder(path);
    sheaf_string_add(
        said,
        "texts (standard output and the like) of items in %s are lost: they were in %s, which was removed, "
        "or left behind when the file was moved. Put it back; or the job with --recompute --items 0:%" PRId64
        " computes all again",
        path, folder ? folder : "the folder beside it", n_items);
    free(folder);
}

/* --- for a run ----------------------------------------------------------------------------------------------------- */

/* There will be, or are, other texts beside the file. */
static int remember_loss(struct results *r, struct sheaf_error *error) {
    static const uint8_t lost = 1;
    r->lost_texts = true;
    return sheaf_file_pwrite(r->fd, &lost, 1, r->sink.layout.texts_offset + TEXTS_LOST, r->path, error);
}

int sheaf_results_judge_texts(struct results *r, struct sheaf_error *error) {
    uint8_t marks[TEXTS_MARKS];
    if (sheaf_file_pread(r->fd, marks, sizeof marks, r->sink.layout.texts_offset, r->path, error))
        return -1;
    r->lost_texts = marks[TEXTS_LOST] == 1;
    r->n_journals = count_journals(r->path, r->token, UINT64_MAX, &r->last_journal);
    return r->lost_texts || marks[TEXTS_BESIDE] == 0 || r->n_journals > 0 ? 0 : remember_loss(r, error);
}

int sheaf_results_check_texts(struct results *r, struct sheaf_error *error) {
    uint64_t highest;
    if (r->lost_texts || count_journals(r->path, r->token, r->last_journal, &highest) >= r->n_journals)
        return 0;
    return remember_loss(r, error);
}

int sheaf_results_forget_texts(struct results *r, struct sheaf_error *error) {
    static const uint8_t marks[TEXTS_MARKS];
    r->lost_texts = false;
    return sheaf_file_pwrite(r->fd, marks, sizeof marks, r->sink.layout.texts_offset, r->path, error);
}
