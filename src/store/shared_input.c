#include "store/shared_input.h"

#include <string.h>

#include "core/arrays.h"
#include "core/interrupt.h"
#include "store/h5.h"
#include "store/missing.h"
#include "store/reach.h"

static int describe(hid_t dataset, const char *path, const char *name, struct sheaf_array *about,
                    struct sheaf_error *error) {
    hsize_t dims[H5S_MAX_RANK];
    const enum sheaf_type type = sheaf_h5_classify(dataset);
    hid_t space = H5Dget_space(dataset);
    const int rank = H5Sget_simple_extent_type(space) == H5S_NULL ? -1 : H5Sget_simple_extent_dims(space, dims, NULL);
    H5Sclose(space);
    if (type == 0 || type == SHEAF_TEXT || rank < 0)
        return sheaf_refuse(error, "%s: '%s' is no array of numbers%s", path, name, sheaf_h5_advise(dataset));
    if (rank > ARRAY_DIMS_MOST)
        return sheaf_refuse(error, "%s: '%s' has %d dimensions; at most %d are possible", path, name, rank,
                            ARRAY_DIMS_MOST);
    *about = (struct sheaf_array){.type = (int32_t)type, .n_dims = rank};
    hsize_t all = 1;
    for (int d = 0; d < rank; d++) {
        if (dims[d] > INT64_MAX || (dims[d] > 0 && all > INT64_MAX / 16 / dims[d]))
            return sheaf_refuse(error, "%s: '%s' has more numbers than any memory", path, name);
        about->shape[d] = (int64_t)dims[d];
        all *= dims[d];
    }
    return 0;
}

static int read_values(hid_t dataset, const struct missing *missing, const char *path, const char *name,
                       const struct sheaf_array *about, void *values, struct sheaf_error *error) {
    struct sheaf_array now;
    uint8_t gone = 0;
    if (describe(dataset, path, name, &now, error))
        return -1;
    if (now.type != about->type || now.n_dims != about->n_dims || memcmp(now.shape, about->shape, sizeof now.shape))
        return sheaf_fail(error, "%s: '%s' was changed while it was read", path, name);
    if (sheaf_array_count(about) > 0 &&
        H5Dread(dataset, sheaf_h5_type(about->type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        return sheaf_h5_fail(error, path, "read shared data");
    if (sheaf_missing_any(missing) && about->n_dims == 1 && about->shape[0] == 1 &&
        sheaf_missing_values(missing, dataset, 0, 1, 1, &gone, error))
        return -1;
    return gone ? sheaf_refuse(error, "%s: '%s' has no value, it is missing", path, name) : 0;
}

/* Looks, or where values is not NULL reads. */
static int visit(const char *path, const char *name, struct sheaf_array *about, bool *is_bool,
                 struct sheaf_string *files, void *values, struct sheaf_error *error) {
    struct sheaf_arena arena = {0};
    struct missing missing = {0};
    struct reach reach = {.arena = &arena, .look = sheaf_missing_look, .context = &missing};
    bool is_local;
    struct interrupt_reading reading;
    sheaf_h5_watch(&reading, path);
    hid_t file = sheaf_reach_open(&reach, path, error), dataset = H5I_INVALID_HID;
    if (file >= 0)
        dataset = sheaf_reach_dataset(&reach, file, path, name, &is_local, error);
    int rc = dataset < 0 ? -1
             : values    ? read_values(dataset, &missing, path, name, about, values, error)
                         : describe(dataset, path, name, about, error);
    if (rc == 0 && is_bool)
        *is_bool = sheaf_h5_is_bool(dataset);
    for (int i = 0; rc == 0 && files && i < reach.n_files; i++)
        sheaf_string_add(files, "%s\n", reach.files[i].path);
    if (dataset >= 0)
        H5Dclose(dataset);
    sheaf_h5_close_watched(file, &reading);
    sheaf_missing_close(&missing);
    sheaf_arena_free(&arena);
    return rc;
}

int sheaf_shared_input_look(const char *path, const char *name, struct sheaf_array *about, bool *is_bool,
                            struct sheaf_string *files, struct sheaf_error *error) {
    return visit(path, name, about, is_bool, files, NULL, error);
}

int sheaf_shared_input_read(const char *path, const char *name, const struct sheaf_array *about, void *values,
                            struct sheaf_error *error) {
    struct sheaf_array copy = *about;
    return visit(path, name, &copy, NULL, NULL, values, error);
}
