#include "store/scalar.h"

#include "core/file.h"
#include "store/h5.h"

static int read_number(hid_t file, const char *path, const char *name, double *value, struct sheaf_error *error) {
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0) {
        H5Eclear2(H5E_DEFAULT);
        return sheaf_refuse(error, "%s: has no dataset '%s'", path, name);
    }
    hid_t space = H5Dget_space(dataset);
    const enum sheaf_type type = sheaf_h5_classify(dataset);
    int rc = 0;
    if (type == 0 || type == SHEAF_TEXT || H5Sget_simple_extent_npoints(space) != 1)
        rc = sheaf_refuse(error, "%s: '%s' is not a single number", path, name);
    else if (H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0)
        rc = sheaf_h5_fail(error, path, "read a number");
    H5Sclose(space);
    H5Dclose(dataset);
    return rc;
}

int sheaf_scalar_read(const char *path, const char *dataset, double *value, struct sheaf_error *error) {
    struct interrupt_reading reading;
    if (sheaf_file_check_regular(path, error))
        return -1;
    hid_t file = sheaf_h5_open_watched(path, &reading);
    int rc = file >= 0 ? read_number(file, path, dataset, value, error)
                       : sheaf_refuse(error, "%s: is not an HDF5 file that can be read", path);
    sheaf_h5_close_watched(file, &reading);
    return rc;
}
