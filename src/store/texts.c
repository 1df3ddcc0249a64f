#include "store/texts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "plan/journal_index.h"
#include "store/layout.h"
#include "store/results.h"

/* Whether any journal of this file is there; what cannot be looked at may be. */
static bool any_journal(const char *path, uint64_t token) {
    struct journal_index *journals = NULL;
    struct sheaf_error ignored;
    const bool any =
        sheaf_journal_index_open(&journals, path, token, &ignored) != 0 || sheaf_journal_index_files(journals) > 0;
    sheaf_journal_index_close(journals);
    return any;
}

/* --- for HDF5 ------------------------------------------------------------------------------------------------------ */

bool sheaf_texts_are_lost(hid_t file, const char *path, uint64_t token) {
    uint8_t marks[TEXTS_MARKS] = {0};
    if (H5Lexists(file, TEXTS, H5P_DEFAULT) <= 0) /* older files have none */
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
    return read && (marks[TEXTS_LOST] == 1 || (marks[TEXTS_BESIDE] == 1 && !any_journal(path, token)));
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

int sheaf_results_settle_texts(struct results *r, struct sheaf_error *error) {
    uint8_t marks[TEXTS_MARKS];
    if (sheaf_file_pread(r->fd, marks, sizeof marks, r->sink.texts_offset, r->path, error))
        return -1;
    r->lost_texts = marks[TEXTS_LOST] == 1;
    if (r->lost_texts || marks[TEXTS_BESIDE] == 0 || any_journal(r->path, r->token))
        return 0;
    /* This run will have texts of its own beside the file: what is lost must be remembered. */
    marks[TEXTS_LOST] = r->lost_texts = true;
    return sheaf_file_pwrite(r->fd, marks, sizeof marks, r->sink.texts_offset, r->path, error);
}

int sheaf_results_forget_texts(struct results *r, struct sheaf_error *error) {
    static const uint8_t marks[TEXTS_MARKS];
    r->lost_texts = false;
    return sheaf_file_pwrite(r->fd, marks, sizeof marks, r->sink.texts_offset, r->path, error);
}
