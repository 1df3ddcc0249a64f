#include "store/dimensions.h"

#include <hdf5_hl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NO_VALUES "This is a netCDF dimension but not a netCDF variable."

int sheaf_dimension_make(hid_t file, hid_t link_creation, const char *name, int64_t size) {
    char label[128];
    int rc = -1;
    hsize_t dims = (hsize_t)size;
    snprintf(label, sizeof label, NO_VALUES "%10" PRId64, size);
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

int sheaf_dimension_is(hid_t dataset, const char *name) {
    return H5DSset_scale(dataset, name) < 0 ? -1 : 0;
}

bool sheaf_dimension_has_values(hid_t scale) {
    char label[sizeof NO_VALUES] = "";
    return H5DSget_scale_name(scale, label, sizeof label) < 0 || strncmp(label, NO_VALUES, sizeof NO_VALUES - 1) != 0;
}

/* Remembers the name of the first scale, and stops. */
static herr_t take_name(hid_t dataset, unsigned index, hid_t scale, void *name) {
    (void)dataset, (void)index;
    return H5Iget_name(scale, name, DIMENSION_NAME) > 0 ? 1 : -1;
}

int sheaf_dimension_name(hid_t dataset, unsigned index, char name[DIMENSION_NAME]) {
    int at = 0;
    const char *slash;
    if (H5DSiterate_scales(dataset, index, &at, take_name, name) <= 0 || !(slash = strrchr(name, '/')))
        return -1;
    memmove(name, slash + 1, strlen(slash)); /* with its end */
    return 0;
}

int sheaf_dimension_detach(hid_t file, hid_t dataset, int rank) {
    for (int d = 0; d < rank; d++) {
        char name[DIMENSION_NAME];
        if (sheaf_dimension_name(dataset, (unsigned)d, name))
            continue;
        hid_t scale = H5Dopen2(file, name, H5P_DEFAULT);
        const bool bad = scale < 0 || H5DSdetach_scale(dataset, scale, (unsigned)d) < 0;
        if (scale >= 0)
            H5Dclose(scale);
        if (bad)
            return -1;
    }
    return 0;
}

int sheaf_dimension_attach(hid_t file, hid_t dataset, const char *dimension, unsigned index) {
    hid_t scale = H5Dopen2(file, dimension, H5P_DEFAULT);
    int rc = scale >= 0 && H5DSattach_scale(dataset, scale, index) >= 0 ? 0 : -1;
    if (scale >= 0)
        H5Dclose(scale);
    return rc;
}
