/* Inputs that a results file links to: whether they are still what the results were computed from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/known.h"
#include "store/inputs.h"
#include "store/proven.h"
#include "store/reach.h"

/* Whether the identity has the fingerprint of a file. */
static int check_file(const char *path, const char *identity, struct known *known, const char *results,
                      struct sheaf_error *error) {
    char hash[SHEAF_HASH_BYTES], line[SHEAF_HASH_BYTES + 8];
    if (sheaf_known_hash(known, path, hash, error))
        return -1;
    snprintf(line, sizeof line, " %s\n", hash);
    return strstr(identity, line) ? 0
                                  : sheaf_fail(error, "%s: is not the input that %s was computed from", path, results);
}

hid_t sheaf_inputs_open_linked(hid_t file, const char *path, const char *name, const char *identity, char **files,
                               struct sheaf_error *error) {
    struct sheaf_arena arena = {0};
    struct reach reach = {.arena = &arena};
    struct known known = {.before = *files ? strdup(*files) : NULL};
    bool is_local;
    hid_t dataset = sheaf_reach_dataset(&reach, file, path, name, &is_local, error);
    int rc = 0;
    if (dataset >= 0 && sheaf_proven_is(file, name) && reach.n_files == 1)
        rc = sheaf_proven_check_linked(file, path, name, dataset, reach.files[0].path, *files, error);
    else
        for (int i = 0; rc == 0 && dataset >= 0 && i < reach.n_files; i++)
            rc = check_file(reach.files[i].path, identity, &known, path, error);
    if (rc && dataset >= 0) {
        H5Dclose(dataset);
        dataset = H5I_INVALID_HID;
    }
    if (known.now.length) { /* the next input needs not read them again */
        free(*files);
        *files = known.now.data;
        known.now = (struct sheaf_string){0};
    }
    sheaf_known_free(&known);
    sheaf_arena_free(&arena);
    return dataset;
}
