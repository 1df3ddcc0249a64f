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
    struct interrupt_reading reading;
    hid_t file = sheaf_h5_open_watched(path, &reading);
    int rc = file < 0 ? sheaf_h5_fail(error, path, "open the file") : 0;
    uint64_t token = rc ? 0 : sheaf_h5_get_token(file);
    sheaf_h5_close_watched(file, &reading);
    return rc ? rc : sheaf_journal_remove(path, token, true, error);
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
