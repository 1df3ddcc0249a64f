/* Puts a results file that was made aside into place. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/file.h"
#include "plan/journal.h"
#include "store/h5.h"
#include "store/layout.h"
#include "store/results.h"

/* Removes the texts of the results file that was replaced, which nobody will ask for. */
static int remove_journals(const char *path, struct sheaf_error *error) {
    sheaf_h5_start();
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0)
        return sheaf_h5_fail(error, path, "open the file");
    uint64_t token = sheaf_h5_get_token(file);
    H5Fclose(file);
    return sheaf_journal_remove(path, token, true, error);
}

int sheaf_results_publish(const char *path, struct sheaf_error *error) {
    char *aside = sheaf_path_with(path, SUFFIX_NEW);
    if (!aside)
        return sheaf_fail_memory(error, "a path");
    int rc = rename(aside, path) ? sheaf_fail_errno(error, "%s: cannot rename it to %s", aside, path)
                                 : sheaf_file_sync_folder(path, error);
    if (rc == 0)
        rc = remove_journals(path, error);
    free(aside);
    return rc;
}

void sheaf_results_discard(const char *path) {
    char *aside = sheaf_path_with(path, SUFFIX_NEW);
    if (aside)
        unlink(aside);
    free(aside);
}
