/* The reductions of a results file that is being made: there is no value yet. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/type.h"
#include "store/create_inside.h"
#include "store/dimensions.h"
#include "store/layout.h"

enum { PIECE = 1024 /* cells that are written at a time: there may be as many as items */ };

/* The piece of values again and again, n of them in all. */
static int repeat(hid_t dataset, hid_t type, const void *piece, int64_t n_of_piece, int64_t n) {
    for (int64_t at = 0, m; at < n; at += m) {
        m = n - at < n_of_piece ? n - at : n_of_piece;
        if (sheaf_h5_write_rows(dataset, type, at, m, 1, piece))
            return -1;
    }
    return 0;
}

/* NaN, or -1, in each cell. */
static int write_none(struct creation *c, const struct reduction_field *field, hid_t dataset) {
    const enum sheaf_type type = (enum sheaf_type)field->about.type;
    double numbers[PIECE];
    int64_t whole[PIECE];
    sheaf_type_fill(SHEAF_FLOAT64, numbers, PIECE);
    for (int i = 0; i < PIECE; i++)
        whole[i] = -1;
    const void *none = type == SHEAF_INT64 ? (const void *)whole : (const void *)numbers;
    const bool bad =
        field->n_dims == 0 && field->about.width == 1 && !sheaf_reduction_is_distribution(field->kind) /* no rows */
            ? H5Dwrite(dataset, sheaf_h5_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, none) < 0
            : repeat(dataset, sheaf_h5_type(type), none, PIECE, field->n_cells * field->about.width) != 0;
    return bad ? sheaf_create_fail(c, "write a reduction") : 0;
}

static int describe(const struct creation *c, const struct reduction_field *field, hid_t dataset) {
    double none;
    sheaf_type_fill(SHEAF_FLOAT64, &none, 1);
    const bool bad =
        (field->about.unit && sheaf_h5_put_text(dataset, "units", field->about.unit)) ||
        (field->about.long_name && sheaf_h5_put_text(dataset, "long_name", field->about.long_name)) ||
        sheaf_h5_put_text(dataset, "cell_methods", field->cell_methods) ||
        (field->about.type == SHEAF_FLOAT64 && sheaf_h5_put_values(dataset, "_FillValue", H5T_NATIVE_DOUBLE, 1, &none));
    return bad ? sheaf_create_fail(c, "describe a reduction") : 0;
}

/* --- distributions ------------------------------------------------------------------------------------------------- */

int sheaf_reduction_shape(const struct reduction_field *field, const struct extent *extent,
                          int64_t shape[EXTENT_MOST + 1]) {
    for (int d = 0; d < field->n_dims; d++)
        shape[d] = extent->dims[field->dims[d]].size;
    shape[field->n_dims] = field->about.width;
    return field->n_dims + sheaf_reduction_is_distribution(field->kind);
}

static const char *name_marks(const struct reduction_field *field, char name[DIMENSION_NAME]) {
    snprintf(name, DIMENSION_NAME, "%.200s%s", field->about.name,
             field->kind == REDUCE_HISTOGRAM ? REDUCTION_BINS : REDUCTION_QUANTILES);
    return name;
}

/* The dimension of a distribution, with its coordinates. */
static int make_marks(struct creation *c, const struct reduction_field *field, const double *values) {
    const bool is_histogram = field->kind == REDUCE_HISTOGRAM;
    char name[DIMENSION_NAME], bounds[DIMENSION_NAME];
    name_marks(field, name);
    snprintf(bounds, sizeof bounds, "%.200s%s", field->about.name, REDUCTION_BOUNDS);
    hid_t dataset = sheaf_create_dataset(c, name, H5T_NATIVE_DOUBLE, 1, &field->about.width);
    if (dataset < 0)
        return -1;
    const char *unit = is_histogram ? field->unit_of_bins : "1";
    const bool bad = sheaf_dimension_is(dataset, name) || (unit && sheaf_h5_put_text(dataset, "units", unit)) ||
                     sheaf_h5_put_text(dataset, "long_name", is_histogram ? "middle of the bin" : "probability") ||
                     (is_histogram && sheaf_h5_put_text(dataset, "bounds", bounds)) ||
                     H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0;
    return H5Dclose(dataset) < 0 || bad ? sheaf_create_fail(c, "write the dimension of a reduction") : 0;
}

/* The edges of each bin, as the CF conventions have them. */
static int make_bounds(struct creation *c, const struct reduction_field *field, const double *edges) {
    char name[DIMENSION_NAME], bins[DIMENSION_NAME];
    const int64_t shape[2] = {field->about.width, 2};
    snprintf(name, sizeof name, "%.200s%s", field->about.name, REDUCTION_BOUNDS);
    hid_t dataset = sheaf_create_dataset(c, name, H5T_NATIVE_DOUBLE, 2, shape);
    if (dataset < 0)
        return -1;
    int rc = sheaf_dimension_attach(c->file, dataset, name_marks(field, bins), 0) ||
                     H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, edges) < 0
                 ? sheaf_create_fail(c, "write the edges of a reduction")
                 : sheaf_create_attach_width(c, dataset, 2, 1);
    return H5Dclose(dataset) < 0 && rc == 0 ? sheaf_create_fail(c, "close a reduction") : rc;
}

static int make_bins(struct creation *c, const struct reduction_field *field) {
    const int64_t n = field->about.width;
    double *middles = malloc(3 * (size_t)n * sizeof *middles);
    if (!middles)
        return sheaf_fail_memory(c->error, "the reductions");
    double *edges = middles + n;
    for (int64_t k = 0; k < n; k++) {
        edges[2 * k] = field->marks[k];
        edges[2 * k + 1] = field->marks[k + 1];
        middles[k] = field->marks[k] / 2 + field->marks[k + 1] / 2; /* their sum may be too large */
    }
    int rc = make_marks(c, field, middles) || make_bounds(c, field, edges) ? -1 : 0;
    free(middles);
    return rc;
}

static int make_dimension(struct creation *c, const struct reduction_field *field) {
    return field->kind == REDUCE_HISTOGRAM   ? make_bins(c, field)
           : field->kind == REDUCE_QUANTILES ? make_marks(c, field, field->marks)
                                             : 0;
}

/* --- all of them --------------------------------------------------------------------------------------------------- */

static int make_values(struct creation *c, const struct reduction_field *field) {
    int64_t shape[EXTENT_MOST + 1];
    char marks[DIMENSION_NAME];
    const int rank = sheaf_reduction_shape(field, &c->extent, shape);
    hid_t dataset = sheaf_create_dataset(c, field->about.name, sheaf_h5_type(field->about.type), rank, shape);
    if (dataset < 0)
        return -1;
    int rc = describe(c, field, dataset);
    if (rc == 0 && rank > field->n_dims &&
        sheaf_dimension_attach(c->file, dataset, name_marks(field, marks), (unsigned)field->n_dims))
        rc = sheaf_create_fail(c, "label a dimension");
    for (int d = 0; rc == 0 && d < field->n_dims; d++)
        if (sheaf_dimension_attach(c->file, dataset, c->extent.dims[field->dims[d]].name, (unsigned)d))
            rc = sheaf_create_fail(c, "label a dimension");
    rc = rc ? rc : write_none(c, field, dataset);
    return H5Dclose(dataset) < 0 && rc == 0 ? sheaf_create_fail(c, "close a reduction") : rc;
}

static int make_counts(struct creation *c, const struct reduction_field *field) {
    char name[300];
    const int64_t shape[2] = {field->n_cells, sheaf_reduction_n_counts(field->kind)};
    snprintf(name, sizeof name, REDUCTIONS "/%s", field->about.name);
    hid_t dataset = sheaf_create_dataset(c, name, H5T_NATIVE_INT64, 2, shape);
    if (dataset < 0)
        return -1;
    static const int64_t zeros[PIECE * REDUCED_COUNTS];
    int rc = 0;
    if (repeat(dataset, H5T_NATIVE_INT64, zeros, PIECE * REDUCED_COUNTS, shape[0] * shape[1]) ||
        sheaf_h5_put_text(dataset, "long_name",
                          field->kind == REDUCE_HISTOGRAM
                              ? "values that went in, values that are no number, items that failed or are pending, "
                                "values below the first bin, values above the last one"
                              : "values that went in, values that are no number, items that failed or are pending"))
        rc = sheaf_create_fail(c, "write the counts of a reduction");
    return H5Dclose(dataset) < 0 && rc == 0 ? sheaf_create_fail(c, "close a reduction") : rc;
}

/* They are not worked out. */
static int make_mark(struct creation *c) {
    static const uint8_t none = 0;
    const int64_t one = 1;
    hid_t dataset = sheaf_create_dataset(c, REDUCED, H5T_NATIVE_UINT8, 1, &one);
    if (dataset < 0)
        return -1;
    const bool bad = H5Dwrite(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, &none) < 0;
    return H5Dclose(dataset) < 0 || bad ? sheaf_create_fail(c, "mark the reductions") : 0;
}

int sheaf_create_reductions(struct creation *c) {
    if (c->plan->n_reductions && make_mark(c))
        return -1;
    for (int k = 0; k < c->plan->n_reductions; k++)
        if (make_dimension(c, &c->plan->reductions[k]) || make_values(c, &c->plan->reductions[k]) ||
            make_counts(c, &c->plan->reductions[k]))
            return -1;
    return 0;
}
