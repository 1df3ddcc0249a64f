#include "store/dimensions.h"

#include <hdf5_hl.h>
#include <inttypes.h>
#include <stdio.h>

int sheaf_dimension_make(hid_t file, hid_t link_creation, const char *name, int64_t size) {
    char label[128];
    int rc = -1;
    hsize_t dims = (hsize_t)size;
    snprintf(label, sizeof label, "This is a netCDF dimension but not a netCDF variable.%10" PRId64, size);
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, &dims, NULL);
    hid_t dataset = H5I_INVALID_HID;
    if (creation < 0 || H5Pset_attr_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) < 0)
        goto out;
    dataset = H5Dcreate2(file, name, H5T_IEEE_F32BE, space, link_creation, creation, H5P_DEFAULT);
    if (dataset >= 0 && H5DSset_scale(dataset, label) >= 0)
        rc = 0;
out:
    if (dataset >= 0)
        H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(space);
    return rc;
}

int sheaf_dimension_attach(hid_t file, hid_t dataset, const char *dimension, unsigned index) {
    hid_t scale = H5Dopen2(file, dimension, H5P_DEFAULT);
    int rc = scale >= 0 && H5DSattach_scale(dataset, scale, index) >= 0 ? 0 : -1;
    if (scale >= 0)
        H5Dclose(scale);
    return rc;
}
