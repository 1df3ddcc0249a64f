/* Makes a results file, aside: everything in it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "core/interrupt.h"
#include "core/type.h"
#include "job/job.h"
#include "store/copy.h"
#include "store/create_inside.h"
#include "store/dimensions.h"
#include "store/inputs.h"
#include "store/layout.h"
#include "store/proven.h"
#include "store/space.h"
#include "store/sums_file.h"

/* Datasets of this size begin at a page: writing whole pages is quicker. */
enum { LARGE = 1 << 16, PAGE = 4096 };

/* --- datasets ------------------------------------------------------------------------------------------------------ */

hid_t sheaf_create_dataset(struct creation *c, const char *name, hid_t type, int rank, const int64_t *shape) {
    hsize_t dims[EXTENT_MOST + 1];
    for (int d = 0; d < rank; d++)
        dims[d] = (hsize_t)shape[d];
    hid_t space = H5Screate_simple(rank, dims, NULL);
    hid_t creation = type == c->text ? c->text_creation : c->dataset_creation;
    hid_t dataset = H5Dcreate2(c->file, name, type, space, c->link_creation, creation, H5P_DEFAULT);
    H5Sclose(space);
    if (dataset < 0) {
        char what[300];
        snprintf(what, sizeof what, "create the dataset '%s'", name);
        sheaf_create_fail(c, what);
    }
    return dataset;
}

static int make_dimension(struct creation *c, const char *name, int64_t size) {
    return sheaf_dimension_make(c->file, c->link_creation, name, size) ? sheaf_create_fail(c, "create a dimension") : 0;
}

static int attach(struct creation *c, hid_t dataset, const char *dimension, unsigned index) {
    return sheaf_dimension_attach(c->file, dataset, dimension, index) ? sheaf_create_fail(c, "label a dimension") : 0;
}

static int describe(struct creation *c, hid_t dataset, const struct sheaf_field *field) {
    char fill[8];
    if ((field->unit && sheaf_h5_put_text(dataset, "units", field->unit)) ||
        (field->long_name && sheaf_h5_put_text(dataset, "long_name", field->long_name)))
        return sheaf_create_fail(c, "describe a field");
    if (field->type != SHEAF_FLOAT64 && field->type != SHEAF_FLOAT32)
        return 0; /* xarray would read integers that have one as float64, and lose digits */
    sheaf_type_fill(field->type, fill, 1);
    return sheaf_h5_put_values(dataset, "_FillValue", sheaf_h5_type(field->type), 1, fill)
               ? sheaf_create_fail(c, "describe a field")
               : 0;
}

static int make_item_dimensions(struct creation *c) {
    for (int d = 0; d < c->extent.n_dims; d++)
        if (make_dimension(c, c->extent.dims[d].name, c->extent.dims[d].size))
            return -1;
    return 0;
}

/* Names the dimensions of a dataset that has a value, or a row, for each item. */
static int attach_items(struct creation *c, hid_t dataset) {
    for (int d = 0; d < c->extent.n_dims; d++)
        if (attach(c, dataset, c->extent.dims[d].name, (unsigned)d))
            return -1;
    return 0;
}

/* The dataset of what has `width` values for each item: in the items' dimensions, and one of its own where these are several.
   Labelled in the former. */
static hid_t make_of_items(struct creation *c, const char *name, hid_t type, int64_t width) {
    int64_t shape[EXTENT_MOST + 1];
    int rank = 0;
    for (; rank < c->extent.n_dims; rank++)
        shape[rank] = c->extent.dims[rank].size;
    if (width > 1)
        shape[rank++] = width;
    hid_t dataset = sheaf_create_dataset(c, name, type, rank, shape);
    if (dataset >= 0 && attach_items(c, dataset)) {
        H5Dclose(dataset);
        return H5I_INVALID_HID;
    }
    return dataset;
}

/* The dimension of fields with several values an item, made when first needed: "values_3". */
static int attach_width(struct creation *c, hid_t dataset, int64_t width) {
    char name[64];
    snprintf(name, sizeof name, "values_%" PRId64, width);
    if (H5Lexists(c->file, name, H5P_DEFAULT) <= 0 && make_dimension(c, name, width))
        return -1;
    return attach(c, dataset, name, (unsigned)c->extent.n_dims);
}

/* A field's dataset of a type: [n_items], or [n_items][width]. */
static hid_t make_field_as(struct creation *c, const struct sheaf_field *field, hid_t type) {
    hid_t dataset = make_of_items(c, field->name, type, field->width);
    if (dataset >= 0 && field->width > 1 && attach_width(c, dataset, field->width)) {
        H5Dclose(dataset);
        return H5I_INVALID_HID;
    }
    return dataset;
}

static hid_t make_field(struct creation *c, const struct sheaf_field *field) {
    hid_t dataset = make_field_as(c, field, field->type == SHEAF_TEXT ? c->text : sheaf_h5_type(field->type));
    if (dataset >= 0 && describe(c, dataset, field)) {
        H5Dclose(dataset);
        return H5I_INVALID_HID;
    }
    return dataset;
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
    for (int k = 0; rc == 0 && k < items->n_fields; k++) {
        const struct sheaf_field *field = &items->fields[k];
        hid_t stored = H5Dget_type(sheaf_input_dataset(items, k)), type = H5Tcopy(stored); /* without its name there */
        hid_t dataset = make_field_as(c, field, type);
        H5Tclose(type);
        H5Tclose(stored);
        rc = dataset >= 0 ? sheaf_inputs_copy(items, k, dataset, c->error) : -1;
        if (dataset >= 0 && H5Dclose(dataset) < 0 && rc == 0)
            rc = sheaf_create_fail(c, "close an input field");
    }
    return rc;
}

static int make_inputs(struct creation *c) {
    const struct items *items = c->plan->items;
    if (!items->links)
        return copy_inputs(c);
    return c->plan->links_inputs ? sheaf_inputs_link(items, c->file, c->link_creation, c->error) : copy_datasets(c);
}

/* --- outputs and bookkeeping --------------------------------------------------------------------------------------- */

static int make_outputs(struct creation *c) {
    for (int k = 0; k < c->plan->n_outputs; k++) {
        hid_t dataset = make_field(c, &c->plan->outputs[k]);
        if (dataset < 0 || H5Dclose(dataset) < 0)
            return dataset < 0 ? -1 : sheaf_create_fail(c, "close an output field");
    }
    return 0;
}

/* A byte for each item, all zero at first. */
static hid_t make_bytes(struct creation *c, const char *name, const char *long_name) {
    hid_t dataset = make_of_items(c, name, H5T_NATIVE_UINT8, 1);
    if (dataset < 0 || sheaf_h5_put_text(dataset, "long_name", long_name) == 0)
        return dataset;
    sheaf_create_fail(c, "describe the items");
    H5Dclose(dataset);
    return H5I_INVALID_HID;
}

static int make_status(struct creation *c) {
    static const uint8_t values[] = {ITEM_PENDING, ITEM_DONE, ITEM_FAILED, ITEM_TIMED_OUT, ITEM_CRASHED, ITEM_SKIPPED};
    hid_t status = make_bytes(c, "status", "what became of the item");
    if (status < 0)
        return -1;
    int bad = sheaf_h5_put_values(status, "flag_values", H5T_NATIVE_UINT8, 6, values) ||
              sheaf_h5_put_text(status, "flag_meanings", "pending done failed timed_out crashed skipped");
    return H5Dclose(status) < 0 || bad ? sheaf_create_fail(c, "describe the status") : 0;
}

static int make_attempts(struct creation *c) {
    hid_t attempts = c->plan->attempts ? make_bytes(c, ATTEMPTS_NAME, "how often the item was tried") : H5I_INVALID_HID;
    if (attempts < 0)
        return c->plan->attempts ? -1 : 0;
    return H5Dclose(attempts) < 0 ? sheaf_create_fail(c, "close the attempts") : 0;
}

/* Beside the fields only where a block is an item: another dimension there would make a table of n_items × n_blocks rows
   of the file for who asks for one (xarray's to_dataframe). */
static int make_seconds(struct creation *c) {
    const bool of_items = c->plan->block == 1;
    int64_t n_blocks = (c->plan->items->n_items + c->plan->block - 1) / c->plan->block;
    if (!of_items && make_dimension(c, BLOCK_DIMENSION, n_blocks))
        return -1;
    hid_t seconds = of_items ? make_of_items(c, ITEM_SECONDS, H5T_NATIVE_FLOAT, 1)
                             : sheaf_create_dataset(c, BLOCK_SECONDS, H5T_NATIVE_FLOAT, 1, &n_blocks);
    if (seconds < 0)
        return -1;
    int rc = of_items ? 0 : attach(c, seconds, BLOCK_DIMENSION, 0);
    if (rc == 0 && (sheaf_h5_put_text(seconds, "units", "s") ||
                    sheaf_h5_put_text(seconds, "long_name", "time the kernel took for a block of items") ||
                    sheaf_h5_put_values(seconds, "items_per_block", H5T_NATIVE_INT64, 1, &c->plan->block)))
        rc = sheaf_create_fail(c, "describe the seconds");
    if (H5Dclose(seconds) < 0 && rc == 0)
        rc = sheaf_create_fail(c, "close the seconds");
    return rc;
}

static int make_content(struct creation *c) {
    /* sums and hashes first, where numbers lie aligned, so that a kill leaves none that is written in part */
    if (sheaf_sums_make(c->file, c->link_creation, c->dataset_creation, c->plan))
        return sheaf_create_fail(c, "make the sums");
    if (sheaf_proven_make(c->plan->items, c->path, c->file, c->dataset_creation, c->link_creation, c->error))
        return -1;
    const bool bad = make_item_dimensions(c) || make_inputs(c) || make_outputs(c) || make_status(c) ||
                     make_attempts(c) || make_seconds(c) || sheaf_create_bookkeeping(c);
    return bad ? -1 : 0;
}

/* --- the file ------------------------------------------------------------------------------------------------------ */

static int set_up(struct creation *c, hid_t file_creation, hid_t access) {
    const unsigned tracked = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    if (c->text < 0 || file_creation < 0 || access < 0 || H5Pset_alignment(access, LARGE, PAGE) < 0 ||
        c->dataset_creation < 0 || c->text_creation < 0 || c->link_creation < 0 ||
        H5Pset_link_creation_order(file_creation, tracked) < 0 ||
        H5Pset_attr_creation_order(file_creation, tracked) < 0 ||
        H5Pset_attr_creation_order(c->dataset_creation, tracked) < 0 ||
        H5Pset_attr_creation_order(c->text_creation, tracked) < 0 ||
        H5Pset_layout(c->dataset_creation, H5D_CONTIGUOUS) < 0 ||
        H5Pset_alloc_time(c->dataset_creation, H5D_ALLOC_TIME_EARLY) < 0 ||
        H5Pset_fill_time(c->dataset_creation, H5D_FILL_TIME_NEVER) < 0 ||
        H5Pset_create_intermediate_group(c->link_creation, 1) < 0 ||
        H5Pset_char_encoding(c->link_creation, H5T_CSET_UTF8) < 0)
        return sheaf_create_fail(c, "set up");
    return 0;
}

static int write_file(const struct results_plan *plan, const char *path, struct sheaf_error *error) {
    struct creation c = {.plan = plan,
                         .extent = sheaf_extent_of_list(plan->items->n_items),
                         .path = path,
                         .file = H5I_INVALID_HID,
                         .error = error};
    int rc = -1;
    c.text = sheaf_h5_text_type();
    hid_t file_creation = H5Pcreate(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
    c.dataset_creation = H5Pcreate(H5P_DATASET_CREATE);
    c.text_creation = H5Pcreate(H5P_DATASET_CREATE);
    c.link_creation = H5Pcreate(H5P_LINK_CREATE);
    if (set_up(&c, file_creation, access))
        goto out;
    c.file = H5Fcreate(path, H5F_ACC_TRUNC, file_creation, access);
    if (c.file < 0)
        sheaf_create_fail(&c, "create the file");
    else
        rc = make_content(&c);
out:
    if (c.file >= 0 && H5Fclose(c.file) < 0 && rc == 0)
        rc = sheaf_create_fail(&c, "close the file");
    H5Pclose(file_creation);
    H5Pclose(access);
    H5Pclose(c.dataset_creation);
    H5Pclose(c.text_creation);
    H5Pclose(c.link_creation);
    H5Tclose(c.text);
    return rc;
}

int sheaf_results_create(const struct results_plan *plan, struct sheaf_error *error) {
    sheaf_h5_start();
    char *aside = sheaf_path_with(plan->path, SUFFIX_NEW);
    if (!aside)
        return sheaf_fail_memory(error, "a path");
    int rc = sheaf_space_probe(plan, aside, error);
    if (rc == 0 && (write_file(plan, aside, error) || sheaf_space_reserve(aside, error))) {
        unlink(aside);
        sheaf_interrupt_forget(aside);
        rc = -1;
    }
    free(aside);
    return rc;
}
