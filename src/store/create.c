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
#include "store/create_inside.h"
#include "store/dimensions.h"
#include "store/layout.h"
#include "store/origins.h"
#include "store/prints.h"
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

/* --- what Sheaf keeps of items --------------------------------------------------------------------------------------- */

/* A byte for each item, all zero at first. */
static hid_t make_bytes(struct creation *c, const char *name, const char *long_name) {
    hid_t dataset = sheaf_create_of_items(c, name, H5T_NATIVE_UINT8);
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
    if (!of_items && sheaf_dimension_make(c->file, c->link_creation, BLOCK_DIMENSION, n_blocks))
        return sheaf_create_fail(c, "create a dimension");
    hid_t seconds = of_items ? sheaf_create_of_items(c, ITEM_SECONDS, H5T_NATIVE_FLOAT)
                             : sheaf_create_dataset(c, BLOCK_SECONDS, H5T_NATIVE_FLOAT, 1, &n_blocks);
    if (seconds < 0)
        return -1;
    int rc = of_items ? 0 : sheaf_dimension_attach(c->file, seconds, BLOCK_DIMENSION, 0);
    rc = rc ? sheaf_create_fail(c, "label a dimension") : 0;
    if (rc == 0 && (sheaf_h5_put_text(seconds, "units", "s") ||
                    sheaf_h5_put_text(seconds, "long_name", "time the kernel took for a block of items") ||
                    sheaf_h5_put_values(seconds, "items_per_block", H5T_NATIVE_INT64, 1, &c->plan->block)))
        rc = sheaf_create_fail(c, "describe the seconds");
    if (H5Dclose(seconds) < 0 && rc == 0)
        rc = sheaf_create_fail(c, "close the seconds");
    return rc;
}

int sheaf_create_stage(struct creation *c) {
    /* sums and hashes first, where numbers lie aligned, so that a kill leaves none that is written in part */
    if (sheaf_sums_make(c->file, c->link_creation, c->dataset_creation, c->plan))
        return sheaf_create_fail(c, "make the sums");
    if (sheaf_proven_make(c->plan->items, c->path, c->file, c->dataset_creation, c->link_creation, c->error))
        return -1;
    const bool bad = sheaf_create_fields(c) || make_status(c) || make_attempts(c) || make_seconds(c) ||
                     sheaf_origins_make(c) || sheaf_create_reductions(c) || sheaf_create_bookkeeping(c) ||
                     sheaf_prints_make(c);
    return bad ? -1 : 0;
}

/* --- the file ------------------------------------------------------------------------------------------------------ */

int sheaf_create_begin(struct creation *c) {
    const unsigned tracked = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    c->extent = sheaf_items_extent(c->plan->items);
    c->file = H5I_INVALID_HID;
    c->text = sheaf_h5_text_type();
    c->dataset_creation = H5Pcreate(H5P_DATASET_CREATE);
    c->text_creation = H5Pcreate(H5P_DATASET_CREATE);
    c->link_creation = H5Pcreate(H5P_LINK_CREATE);
    if (c->text < 0 || c->dataset_creation < 0 || c->text_creation < 0 || c->link_creation < 0 ||
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

void sheaf_create_end(struct creation *c) {
    H5Pclose(c->dataset_creation);
    H5Pclose(c->text_creation);
    H5Pclose(c->link_creation);
    H5Tclose(c->text);
    sheaf_string_free(&c->coordinates);
}

static hid_t make_file(struct creation *c) {
    const unsigned tracked = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    hid_t file_creation = H5Pcreate(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS), file = H5I_INVALID_HID;
    if (file_creation >= 0 && access >= 0 && H5Pset_alignment(access, LARGE, PAGE) >= 0 &&
        H5Pset_link_creation_order(file_creation, tracked) >= 0 &&
        H5Pset_attr_creation_order(file_creation, tracked) >= 0)
        file = H5Fcreate(c->path, H5F_ACC_TRUNC, file_creation, access);
    if (file < 0)
        sheaf_create_fail(c, "create the file");
    H5Pclose(file_creation);
    H5Pclose(access);
    return file;
}

hid_t sheaf_create_group(struct creation *c, hid_t file, const char *name) {
    const unsigned tracked = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    hid_t creation = H5Pcreate(H5P_GROUP_CREATE), group = H5I_INVALID_HID;
    if (creation >= 0 && H5Pset_link_creation_order(creation, tracked) >= 0 &&
        H5Pset_attr_creation_order(creation, tracked) >= 0)
        group = H5Gcreate2(file, name, c->link_creation, creation, H5P_DEFAULT);
    if (group < 0)
        sheaf_create_fail(c, "create the group of a stage");
    if (creation >= 0)
        H5Pclose(creation);
    return group;
}

/* What the file of a job with stages has of all of them. */
static int make_root(struct creation *c) {
    const int32_t version = LAYOUT_VERSION;
    if (sheaf_create_text(c, STAGES_TEXT, c->plan->stages) || sheaf_create_text(c, JOB_TEXT, c->plan->job_text))
        return -1;
    hid_t group = H5Gopen2(c->file, GROUP, H5P_DEFAULT);
    const int bad = group < 0 || sheaf_h5_put_values(group, "layout", H5T_NATIVE_INT32, 1, &version) ||
                    sheaf_h5_put_text(group, "version", PACKAGE_VERSION) ||
                    sheaf_h5_put_text(c->file, "title", c->plan->job_name) ||
                    sheaf_h5_put_text(c->file, "source", "Sheaf " PACKAGE_VERSION) ||
                    sheaf_h5_put_text(c->file, "Conventions", "CF-1.10");
    if (group >= 0)
        H5Gclose(group);
    return bad ? sheaf_create_fail(c, "write the bookkeeping") : 0;
}

static int make_first_stage(struct creation *c) {
    const hid_t file = c->file;
    c->file = sheaf_create_group(c, file, c->plan->stage);
    int rc = c->file >= 0 ? sheaf_create_stage(c) : -1;
    if (c->file >= 0 && H5Gclose(c->file) < 0 && rc == 0)
        rc = sheaf_create_fail(c, "close the group of a stage");
    c->file = file;
    return rc ? rc : make_root(c); /* sums first, which lie aligned then */
}

static int write_file(const struct results_plan *plan, const char *path, struct sheaf_error *error) {
    struct creation c = {.plan = plan, .path = path, .error = error};
    int rc = sheaf_create_begin(&c);
    if (rc == 0) {
        c.file = make_file(&c);
        rc = c.file < 0 ? -1 : plan->stage ? make_first_stage(&c) : sheaf_create_stage(&c);
    }
    if (c.file >= 0 && H5Fclose(c.file) < 0 && rc == 0)
        rc = sheaf_create_fail(&c, "close the file");
    sheaf_create_end(&c);
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
