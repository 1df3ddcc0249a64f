#include "store/scalar.h"

#include "store/h5.h"
#include "store/missing.h"
#include "store/reach.h"

static int read_number(hid_t dataset, const struct missing *missing, const char *path, const char *name, double *value,
                       struct sheaf_error *error) {
    hid_t space = H5Dget_space(dataset);
    const enum sheaf_type type = sheaf_h5_classify(dataset);
    uint8_t gone = 0;
    int rc = 0;
    if (type == 0 || type == SHEAF_TEXT || H5Sget_simple_extent_npoints(space) != 1)
        rc = sheaf_refuse(error, "%s: '%s' is not a single number", path, name);
    else if (H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0)
        rc = sheaf_h5_fail(error, path, "read a number");
    else if (sheaf_missing_any(missing) && H5Sget_simple_extent_ndims(space) == 1)
        rc = sheaf_missing_values(missing, dataset, 0, 1, 1, &gone, error);
    H5Sclose(space);
    return gone ? sheaf_refuse(error, "%s: '%s' has no value, it is missing", path, name) : rc;
}

int sheaf_scalar_read(const char *path, const char *name, double *value, struct sheaf_error *error) {
    struct sheaf_arena arena = {0};
    struct missing missing = {0};
    struct reach reach = {.arena = &arena, .look = sheaf_missing_look, .context = &missing};
    bool is_local;
    struct interrupt_reading reading;
    sheaf_h5_watch(&reading, path);
    hid_t file = sheaf_reach_open(&reach, path, error), dataset = H5I_INVALID_HID;
    if (file >= 0)
        dataset = sheaf_reach_dataset(&reach, file, path, name, &is_local, error);
    int rc = dataset >= 0 ? read_number(dataset, &missing, path, name, value, error) : -1;
    if (dataset >= 0)
        H5Dclose(dataset);
    sheaf_h5_close_watched(file, &reading);
    sheaf_missing_close(&missing);
    sheaf_arena_free(&arena);
    return rc;
}
