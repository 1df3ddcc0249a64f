/* The reader's reductions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/identity.h"
#include "store/layout.h"
#include "store/reader_inside.h"

static bool are_there(const struct reader *r) {
    uint8_t mark = 0;
    hid_t dataset =
        H5Lexists(r->file, REDUCED, H5P_DEFAULT) > 0 ? H5Dopen2(r->file, REDUCED, H5P_DEFAULT) : H5I_INVALID_HID;
    const bool read =
        sheaf_h5_count(dataset) == 1 && H5Dread(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, &mark) >= 0;
    if (dataset >= 0)
        H5Dclose(dataset);
    return read && mark == 1;
}

/* How many values a dataset has, also one without dimensions. */
static int64_t count_cells(hid_t dataset) {
    hid_t space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
    const int64_t n = space >= 0 ? (int64_t)H5Sget_simple_extent_npoints(space) : -1;
    if (space >= 0)
        H5Sclose(space);
    return n;
}

static int read_one(struct reader *r, const char *name, struct reduced *reduced, struct sheaf_error *error) {
    char path[300];
    snprintf(path, sizeof path, REDUCTIONS "/%s", name);
    hid_t values = H5Dopen2(r->file, name, H5P_DEFAULT), counts = H5Dopen2(r->file, path, H5P_DEFAULT);
    *reduced = (struct reduced){.name = name, .n_cells = count_cells(values)};
    reduced->is_whole = reduced->n_cells >= 0 && sheaf_h5_classify(values) == SHEAF_INT64;
    bool good = reduced->n_cells >= 0 && counts >= 0;
    if (good && reduced->n_cells == 1)
        good = count_cells(counts) == REDUCED_COUNTS &&
               H5Dread(values, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &reduced->number) >= 0 &&
               H5Dread(values, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &reduced->whole) >= 0 &&
               H5Dread(counts, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, reduced->counts) >= 0;
    char *unit = values >= 0 ? sheaf_h5_get_attribute_text(values, "units") : NULL;
    reduced->unit = unit ? sheaf_arena_text(&r->arena, unit, strlen(unit)) : NULL;
    free(unit);
    if (values >= 0)
        H5Dclose(values);
    if (counts >= 0)
        H5Dclose(counts);
    return good ? 0 : sheaf_h5_fail_dataset(error, r->path, name);
}

bool sheaf_reader_are_reduced(const struct reader *r) {
    return H5Lexists(r->file, REDUCED, H5P_DEFAULT) <= 0 || are_there(r);
}

int sheaf_reader_reductions(struct reader *r, const struct reduced **reductions, int *n, struct sheaf_error *error) {
    const char *at = r->identity, *name;
    size_t n_bytes;
    int most = 0, rc = 0;
    *n = 0;
    *reductions = NULL;
    sheaf_reader_begin(r, REDUCED);
    if (are_there(r))
        while (sheaf_identity_next_reduction(&at, &name, &n_bytes))
            most++;
    struct reduced *list = sheaf_arena_take(&r->arena, ((size_t)most + 1) * sizeof *list);
    for (at = r->identity; rc == 0 && list && *n < most; ++*n) {
        sheaf_identity_next_reduction(&at, &name, &n_bytes);
        const char *own = sheaf_arena_text(&r->arena, name, n_bytes);
        sheaf_reader_begin(r, own ? own : REDUCED);
        rc = own ? read_one(r, own, &list[*n], error) : sheaf_fail_memory(error, "the reductions");
    }
    sheaf_interrupt_end_reading(&r->reading);
    H5Eclear2(H5E_DEFAULT);
    *reductions = list;
    return list ? rc : sheaf_fail_memory(error, "the reductions");
}

int sheaf_reader_cells(struct reader *r, const char *reduction, bool whole, void *values, struct sheaf_error *error) {
    sheaf_reader_begin(r, reduction);
    hid_t dataset = H5Dopen2(r->file, reduction, H5P_DEFAULT);
    const bool good = dataset >= 0 && H5Dread(dataset, whole ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL,
                                              H5P_DEFAULT, values) >= 0;
    if (dataset >= 0)
        H5Dclose(dataset);
    sheaf_interrupt_end_reading(&r->reading);
    return good ? 0 : sheaf_h5_fail_dataset(error, r->path, reduction);
}
