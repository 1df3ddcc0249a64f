/* The reader's reductions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/identity.h"
#include "store/layout.h"
#include "store/reader_inside.h"
#include "store/reductions.h"

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

/* The values of a dataset of so many, in the arena; NULL: it is another, or there is no memory. */
static void *read_all(struct reader *r, const char *name, hid_t type, int64_t n) {
    hid_t dataset = H5Dopen2(r->file, name, H5P_DEFAULT);
    void *values = dataset >= 0 && count_cells(dataset) == n ? sheaf_arena_take(&r->arena, (size_t)n * 8) : NULL;
    if (values && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        values = NULL;
    if (dataset >= 0)
        H5Dclose(dataset);
    return values;
}

static const char *take_unit(struct reader *r, hid_t dataset) {
    char *unit = dataset >= 0 ? sheaf_h5_get_attribute_text(dataset, "units") : NULL;
    const char *kept = unit ? sheaf_arena_text(&r->arena, unit, strlen(unit)) : NULL;
    free(unit);
    return kept;
}

/* How many results a cell has: the values along the dimension of a distribution; and the unit of bins. */
static void look_at_dimension(struct reader *r, struct reduced *reduced) {
    char name[320];
    reduced->width = 1;
    if (!sheaf_reduction_is_distribution(reduced->kind))
        return;
    snprintf(name, sizeof name, "%s%s", reduced->name,
             reduced->kind == REDUCE_HISTOGRAM ? REDUCTION_BINS : REDUCTION_QUANTILES);
    hid_t dataset = H5Dopen2(r->file, name, H5P_DEFAULT);
    reduced->width = sheaf_h5_count(dataset);
    if (reduced->kind == REDUCE_HISTOGRAM)
        reduced->unit = take_unit(r, dataset);
    if (dataset >= 0)
        H5Dclose(dataset);
}

/* The edges of bins, from the two of each; or the probabilities. */
static bool read_marks(struct reader *r, struct reduced *reduced) {
    const bool is_histogram = reduced->kind == REDUCE_HISTOGRAM;
    const int64_t n = reduced->width;
    char name[320];
    if (!sheaf_reduction_is_distribution(reduced->kind))
        return true;
    snprintf(name, sizeof name, "%s%s", reduced->name, is_histogram ? REDUCTION_BOUNDS : REDUCTION_QUANTILES);
    double *marks = read_all(r, name, H5T_NATIVE_DOUBLE, is_histogram ? 2 * n : n);
    for (int64_t k = 0; marks && is_histogram && k < n; k++) {
        const double right = marks[2 * k + 1];
        marks[k] = marks[2 * k];
        marks[k + 1] = k + 1 < n ? marks[k + 1] : right;
    }
    reduced->marks = marks;
    return marks != NULL;
}

/* The results of the only cell. */
static bool read_results(struct reader *r, struct reduced *reduced) {
    char path[320];
    snprintf(path, sizeof path, REDUCTIONS "/%s", reduced->name);
    const int n_counts = sheaf_reduction_n_counts(reduced->kind);
    reduced->numbers = read_all(r, reduced->name, H5T_NATIVE_DOUBLE, reduced->width);
    reduced->wholes = read_all(r, reduced->name, H5T_NATIVE_INT64, reduced->width);
    const int64_t *counts = read_all(r, path, H5T_NATIVE_INT64, n_counts);
    if (!reduced->numbers || !reduced->wholes || !counts)
        return false;
    memcpy(reduced->counts, counts, (size_t)n_counts * sizeof *counts);
    reduced->number = reduced->numbers[0];
    reduced->whole = reduced->wholes[0];
    return true;
}

static int read_one(struct reader *r, const char *name, enum reduction_kind kind, struct reduced *reduced,
                    struct sheaf_error *error) {
    hid_t values = H5Dopen2(r->file, name, H5P_DEFAULT);
    const int64_t n_values = count_cells(values);
    *reduced = (struct reduced){.name = name, .kind = kind};
    reduced->is_whole = n_values >= 0 && sheaf_h5_classify(values) == SHEAF_INT64;
    reduced->unit = take_unit(r, values);
    if (values >= 0)
        H5Dclose(values);
    look_at_dimension(r, reduced);
    bool good = n_values >= 0 && reduced->width > 0 && n_values % reduced->width == 0 && read_marks(r, reduced);
    reduced->n_cells = good ? n_values / reduced->width : 0;
    good = good && (reduced->n_cells != 1 || read_results(r, reduced));
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
        const enum reduction_kind kind = sheaf_identity_reduction_kind(name, n_bytes);
        const char *own = sheaf_arena_text(&r->arena, name, n_bytes);
        sheaf_reader_begin(r, own ? own : REDUCED);
        rc = own ? read_one(r, own, kind, &list[*n], error) : sheaf_fail_memory(error, "the reductions");
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
