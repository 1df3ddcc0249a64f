/* Puts a results file that was made aside into place. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/file.h"
#include "core/interrupt.h"
#include "plan/journal.h"
#include "store/h5.h"
#include "store/layout.h"
#include "store/results.h"

const char *const sheaf_results_beside[] = {SUFFIX_LOCK, SUFFIX_NEW, SUFFIX_PACK, NULL};

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
    sheaf_h5_start();
    hid_t file = sheaf_h5_open(path);
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
    sheaf_interrupt_forget(aside);
    if (rc == 0)
        rc = remove_journals(path, error);
    free(aside);
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
