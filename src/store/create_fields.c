/* What has values for each item of a results file that is being made: the fields, and the dimensions with their coordinates. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/type.h"
#include "store/coordinates.h"
#include "store/copy.h"
#include "store/create_inside.h"
#include "store/dimensions.h"
#include "store/inputs.h"

/* --- datasets ------------------------------------------------------------------------------------------------------ */

static int make_dimension(struct creation *c, const char *name, int64_t size) {
    return sheaf_dimension_make(c->file, c->link_creation, name, size) ? sheaf_create_fail(c, "create a dimension") : 0;
}

static int attach(struct creation *c, hid_t dataset, const char *dimension, unsigned index) {
    return sheaf_dimension_attach(c->file, dataset, dimension, index) ? sheaf_create_fail(c, "label a dimension") : 0;
}

/* What a field is: its unit, its long name. */
static int describe(struct creation *c, hid_t dataset, const struct sheaf_field *field) {
    return (field->unit && sheaf_h5_put_text(dataset, "units", field->unit)) ||
                   (field->long_name && sheaf_h5_put_text(dataset, "long_name", field->long_name))
               ? sheaf_create_fail(c, "describe a field")
               : 0;
}

/* Which value says that there is none. Floats alone have one: xarray would read integers that have one as float64, and lose
   digits. */
static int mark_missing(struct creation *c, hid_t dataset, const struct sheaf_field *field) {
    char fill[8];
    if (field->type != SHEAF_FLOAT64 && field->type != SHEAF_FLOAT32)
        return 0;
    sheaf_type_fill(field->type, fill, 1);
    return sheaf_h5_put_values(dataset, "_FillValue", sheaf_h5_type(field->type), 1, fill)
               ? sheaf_create_fail(c, "describe a field")
               : 0;
}

/* Names the dimensions of a dataset that has a value, or a row, for each item. */
static int attach_items(struct creation *c, hid_t dataset) {
    for (int d = 0; d < c->extent.n_dims; d++)
        if (attach(c, dataset, c->extent.dims[d].name, (unsigned)d))
            return -1;
    return 0;
}

/* The dataset of what has `width` values for each item, labelled in the items' dimensions. */
static hid_t make_of_items(struct creation *c, const char *name, hid_t type, int64_t width) {
    int64_t shape[EXTENT_MOST + 1];
    const int rank = sheaf_extent_shape(&c->extent, width, shape);
    hid_t dataset = sheaf_create_dataset(c, name, type, rank, shape);
    if (dataset >= 0 && attach_items(c, dataset)) {
        H5Dclose(dataset);
        return H5I_INVALID_HID;
    }
    return dataset;
}

hid_t sheaf_create_of_items(struct creation *c, const char *name, hid_t type) {
    return make_of_items(c, name, type, 1);
}

int sheaf_create_attach_width(struct creation *c, hid_t dataset, int64_t width, unsigned index) {
    char name[64];
    snprintf(name, sizeof name, "values_%" PRId64, width);
    if (H5Lexists(c->file, name, H5P_DEFAULT) <= 0 && make_dimension(c, name, width))
        return -1;
    return attach(c, dataset, name, index);
}

/* A field's dataset of a type: [n_items], or [n_items][width]. */
static hid_t make_field_as(struct creation *c, const struct sheaf_field *field, hid_t type) {
    hid_t dataset = make_of_items(c, field->name, type, field->width);
    if (dataset >= 0 && field->width > 1 &&
        sheaf_create_attach_width(c, dataset, field->width, (unsigned)c->extent.n_dims)) {
        H5Dclose(dataset);
        return H5I_INVALID_HID;
    }
    return dataset;
}

static hid_t make_field(struct creation *c, const struct sheaf_field *field) {
    hid_t dataset = make_field_as(c, field, field->type == SHEAF_TEXT ? c->text : sheaf_h5_type(field->type));
    if (dataset >= 0 && (describe(c, dataset, field) || mark_missing(c, dataset, field))) {
        H5Dclose(dataset);
        return H5I_INVALID_HID;
    }
    return dataset;
}

/* --- coordinates --------------------------------------------------------------------------------------------------- */

/* The values of a field along its axis, which has a dimension: that of its own name, or one that was made. */
static int make_coordinate(struct creation *c, const struct sweep *sweep, int f) {
    const struct sweep_field *field = &sweep->fields[f];
    const struct dimension *dim = &c->extent.dims[field->axis];
    const bool is_text = field->about.type == SHEAF_TEXT, is_axis = strcmp(field->about.name, dim->name) == 0;
    hid_t dataset =
        sheaf_create_dataset(c, field->about.name, is_text ? c->text : sheaf_h5_type(field->about.type), 1, &dim->size);
    if (dataset < 0)
        return -1;
    int rc = is_axis ? sheaf_dimension_is(dataset, dim->name) : attach(c, dataset, dim->name, 0);
    if (rc == 0)
        rc = describe(c, dataset, &field->about);
    if (rc == 0)
        rc = sheaf_coordinates_write(sweep, f, dataset, c->text, c->path, c->error);
    if (rc == 0 && sheaf_coordinates_note(c->file, c->link_creation, c->dataset_creation, dataset, field->about.name))
        rc = sheaf_create_fail(c, "sum an axis");
    if (rc == 0 && !is_axis && !strpbrk(field->about.name, " \t"))
        sheaf_string_add(&c->coordinates, "%s%s", c->coordinates.length ? " " : "", field->about.name);
    return H5Dclose(dataset) < 0 && rc == 0 ? sheaf_create_fail(c, "close an axis") : rc;
}

/* Those along an axis: the one that names the dimension first. */
static int make_axis(struct creation *c, const struct sweep *sweep, int axis) {
    const char *name = c->extent.dims[axis].name;
    int own = -1;
    for (int f = 0; f < sweep->n_fields; f++)
        if (sweep->fields[f].axis == axis && strcmp(sweep->fields[f].about.name, name) == 0)
            own = f;
    if (own >= 0 ? make_coordinate(c, sweep, own) : make_dimension(c, name, c->extent.dims[axis].size))
        return -1;
    for (int f = 0; f < sweep->n_fields; f++)
        if (sweep->fields[f].axis == axis && f != own && make_coordinate(c, sweep, f))
            return -1;
    return 0;
}

static int make_dimensions(struct creation *c) {
    const struct sweep *sweep = c->plan->items->sweep;
    for (int d = 0; d < c->extent.n_dims; d++)
        if (sweep ? make_axis(c, sweep, d) : make_dimension(c, c->extent.dims[d].name, c->extent.dims[d].size))
            return -1;
    return c->coordinates.failed ? sheaf_fail_memory(c->error, "the axes") : 0;
}

/* Names those that lie beside the axes, for readers. */
static int put_coordinates(struct creation *c, hid_t dataset) {
    return c->coordinates.length ? sheaf_h5_put_text(dataset, "coordinates", c->coordinates.data) : 0;
}

/* --- input fields -------------------------------------------------------------------------------------------------- */

/* Copies all input fields. */
static int copy_inputs(struct creation *c) {
    struct items *items = c->plan->items;
    hid_t *datasets = calloc((size_t)items->n_fields + 1, sizeof *datasets);
    int rc = datasets ? 0 : sheaf_fail_memory(c->error, "copying the items"), made = 0;
    while (rc == 0 && made < items->n_fields) {
        datasets[made] = make_field(c, &items->fields[made]);
        rc = datasets[made] < 0 ? -1 : 0;
        made += rc == 0;
    }
    if (rc == 0)
        rc = sheaf_copy_items(items, datasets, c->text, c->path, c->error);
    for (int k = 0; k < made; k++)
        if (H5Dclose(datasets[k]) < 0 && rc == 0)
            rc = sheaf_create_fail(c, "close an input field");
    free(datasets);
    return rc;
}

/* Copies the datasets that are the items' fields, of whatever type they are. */
static int copy_datasets(struct creation *c) {
    const struct items *items = c->plan->items;
    int rc = 0;
    for (int k = sheaf_items_n_along(items); rc == 0 && k < items->n_fields; k++) {
        const struct sheaf_field *field = &items->fields[k];
        const bool is_text = field->type == SHEAF_TEXT, is_bool = sheaf_h5_is_bool(sheaf_input_dataset(items, k));
        hid_t stored = H5Dget_type(sheaf_input_dataset(items, k));
        hid_t type = is_text   ? c->text
                     : is_bool ? H5Tcopy(H5T_NATIVE_UINT8) /* netCDF passes over what it does not know */
                               : H5Tcopy(stored);          /* without its name there */
        hid_t dataset = make_field_as(c, field, type);
        if (!is_text)
            H5Tclose(type);
        H5Tclose(stored);
        rc = dataset >= 0 ? sheaf_inputs_copy(items, k, dataset, c->error) || put_coordinates(c, dataset) : -1;
        if (dataset >= 0 && H5Dclose(dataset) < 0 && rc == 0)
            rc = sheaf_create_fail(c, "close an input field");
    }
    return rc;
}

static int make_inputs(struct creation *c) {
    const struct items *items = c->plan->items;
    if (sheaf_items_are_generated(items)) /* they are the coordinates */
        return 0;
    if (!items->links)
        return copy_inputs(c);
    return c->plan->links_inputs ? sheaf_inputs_link(items, c->file, c->link_creation, c->error) : copy_datasets(c);
}

/* --- all of them ---------------------------------------------------------------------------------------------------- */

static int make_outputs(struct creation *c) {
    for (int k = 0; k < c->plan->n_outputs; k++) {
        hid_t dataset = make_field(c, &c->plan->outputs[k]);
        if (dataset < 0)
            return -1;
        const bool bad = put_coordinates(c, dataset) != 0;
        if (H5Dclose(dataset) < 0 || bad)
            return sheaf_create_fail(c, "describe an output field");
    }
    return 0;
}

int sheaf_create_fields(struct creation *c) {
    return make_dimensions(c) || make_inputs(c) || make_outputs(c) ? -1 : 0;
}
