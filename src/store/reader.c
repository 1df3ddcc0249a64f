#include "store/reader_inside.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hdf5_hl.h>

#include "core/file.h"
#include "core/interrupt.h"
#include "core/type.h"
#include "job/items.h"
#include "plan/journal_index.h"
#include "plan/row_sink.h"
#include "plan/status.h"
#include "store/coordinates.h"
#include "store/dimensions.h"
#include "store/failures.h"
#include "store/h5.h"
#include "store/heap.h"
#include "store/identity.h"
#include "store/inputs.h"
#include "store/layout.h"
#include "store/run_table.h"
#include "store/stages.h"
#include "store/texts.h"

/* Those of layout 2 are always beside the fields. */
static hid_t open_seconds(hid_t file) {
    const bool beside = H5Lexists(file, ITEM_SECONDS, H5P_DEFAULT) > 0;
    return H5Dopen2(file, beside ? ITEM_SECONDS : BLOCK_SECONDS, H5P_DEFAULT);
}

/* --- fields -------------------------------------------------------------------------------------------------------- */

static const char *take_text(struct reader *r, hid_t dataset, const char *attribute) {
    char *text = sheaf_h5_get_attribute_text(dataset, attribute);
    const char *kept = text ? sheaf_arena_text(&r->arena, text, strlen(text)) : NULL;
    free(text);
    return kept;
}

static int add_field(struct reader *r, const char *name, hid_t dataset, int64_t width, int axis) {
    int k = r->n_fields + r->n_about;
    if (k == r->most_fields) {
        int most = r->most_fields ? 2 * r->most_fields : 16;
        struct reader_field *fields = realloc(r->fields, (size_t)most * sizeof *fields);
        r->fields = fields ? fields : r->fields;
        hid_t *datasets = realloc(r->datasets, (size_t)most * sizeof *datasets);
        r->datasets = datasets ? datasets : r->datasets;
        if (!fields || !datasets)
            return sheaf_fail_memory(r->error, "the fields");
        r->most_fields = most;
    }
    struct reader_field *f = &r->fields[k];
    *f = (struct reader_field){.output = sheaf_identity_find_output(r->identity, name), .axis = axis};
    f->is_output = f->output >= 0;
    r->n_outputs += f->is_output;
    f->field.name = sheaf_arena_text(&r->arena, name, strlen(name));
    f->field.type = sheaf_h5_classify(dataset);
    f->field.width = width;
    f->field.unit = take_text(r, dataset, "units");
    f->field.long_name = take_text(r, dataset, "long_name");
    if (!f->field.name)
        return sheaf_fail_memory(r->error, "the fields");
    r->datasets[k] = dataset;
    return 0;
}

/* An input that is linked must be what the results were computed from; another one would stand beside them as if it
   were. Negative: it is not, or is not there any more. */
static hid_t open_linked(struct reader *r, const char *name) {
    struct sheaf_error why;
    hid_t dataset = sheaf_inputs_open_linked(r->file, r->path, name, r->identity, &r->files, &why);
    H5Eclear2(H5E_DEFAULT);
    if (dataset < 0)
        sheaf_string_add(&r->left_out, "sheaf: '%s' is left out: %s\n", name, why.text);
    return dataset;
}

/* Opens a link's dataset; *dataset is negative where it is passed over: a group, or an input that is elsewhere. */
static int open_link(struct reader *r, const char *name, hid_t *dataset) {
    H5L_info_t link;
    H5O_info_t object;
    *dataset = H5I_INVALID_HID;
    if (H5Lget_info(r->file, name, &link, H5P_DEFAULT) < 0)
        return sheaf_h5_fail_dataset(r->error, r->path, name);
    if (link.type == H5L_TYPE_HARD) {
        if (H5Oget_info_by_name2(r->file, name, &object, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
            return sheaf_h5_fail_dataset(r->error, r->path, name);
        if (object.type != H5O_TYPE_DATASET)
            return 0;
    }
    *dataset = link.type == H5L_TYPE_EXTERNAL ? open_linked(r, name) : H5Dopen2(r->file, name, H5P_DEFAULT);
    if (*dataset < 0 && link.type == H5L_TYPE_HARD)
        return sheaf_h5_fail_dataset(r->error, r->path, name);
    H5Eclear2(H5E_DEFAULT);
    return 0;
}

/* The axis of the items along which the coordinates in a dataset lie, or -1. */
static int find_axis(const struct reader *r, const char *name, hid_t dataset) {
    char dimension[DIMENSION_NAME];
    snprintf(dimension, sizeof dimension, "%.250s", name);
    if (H5DSis_scale(dataset) > 0 ? !sheaf_dimension_has_values(dataset)
                                  : sheaf_dimension_name(dataset, 0, dimension) != 0)
        return -1;
    for (int d = 0; d < r->extent.n_dims; d++)
        if (strcmp(r->extent.dims[d].name, dimension) == 0)
            return sheaf_h5_has_shape(dataset, 1, &r->extent.dims[d].size) ? d : -1;
    return -1;
}

/* How many values for each item a dataset has, 0 where it has none: it has the items' dimensions, and maybe more. */
static int64_t find_width(const struct reader *r, hid_t dataset) {
    hsize_t dims[H5S_MAX_RANK], width = 1;
    hid_t space = H5Dget_space(dataset);
    const int rank = space >= 0 ? H5Sget_simple_extent_dims(space, dims, NULL) : -1;
    if (space >= 0)
        H5Sclose(space);
    for (int d = 0; d < r->extent.n_dims; d++)
        if (rank < r->extent.n_dims || dims[d] != (hsize_t)r->extent.dims[d].size)
            return 0;
    for (int d = r->extent.n_dims; d < rank && width <= MOST_WIDTH; d++)
        width = dims[d] <= MOST_WIDTH ? width * dims[d] : MOST_WIDTH + 1;
    return width <= MOST_WIDTH ? (int64_t)width : 0;
}

/* Takes what has a row for each item, and coordinates; the file's own datasets, dimensions and groups are passed over. */
static herr_t visit_link(hid_t file, const char *name, const H5L_info_t *info, void *context) {
    struct reader *r = context;
    struct sheaf_error reserved;
    hid_t dataset = H5I_INVALID_HID;
    (void)file, (void)info;
    if (sheaf_items_check_name(name, "", &reserved) || sheaf_identity_is_reduction(r->identity, name))
        return 0;
    sheaf_reader_begin(r, name);
    if (open_link(r, name, &dataset))
        return -1;
    if (dataset < 0)
        return 0;
    const bool is_output = sheaf_identity_find_output(r->identity, name) >= 0;
    const bool may_be = r->has_coordinates && r->extent.n_dims == 1 ? sheaf_coordinates_are_noted(r->file, name)
                                                                    : sheaf_reader_is_sweep(r) && !is_output;
    const int axis = may_be ? find_axis(r, name, dataset) : -1;
    const bool is_dimension = axis < 0 && H5DSis_scale(dataset) > 0 && !sheaf_dimension_has_values(dataset);
    const int64_t width = axis >= 0 ? 1 : is_dimension ? 0 : find_width(r, dataset);
    const bool fits = width > 0 && sheaf_h5_classify(dataset) != 0;
    int rc = fits ? add_field(r, name, dataset, width, axis) : -1;
    if (rc)
        H5Dclose(dataset);
    else
        r->n_fields++;
    return fits && rc ? -1 : 0;
}

/* Damage may have made of an output what is none. */
static int check_outputs(struct reader *r) {
    const int32_t n = sheaf_identity_n_outputs(r->identity);
    if (n == r->n_outputs)
        return 0;
    return sheaf_fail(r->error, "%s: has %" PRId32 " of its %" PRId32 " output fields; the file is damaged", r->path,
                      r->n_outputs, n);
}

static int list_fields(struct reader *r) {
    /* By creation order; a file made otherwise has no index of it. */
    sheaf_reader_begin(r, "/");
    if (H5Literate(r->file, H5_INDEX_CRT_ORDER, H5_ITER_INC, NULL, visit_link, r) >= 0)
        return check_outputs(r);
    return r->error->text[0] ? -1 : sheaf_h5_fail(r->error, r->path, "list the fields");
}

/* What the file keeps of an item that is neither input nor output; takes the dataset. */
static int add_about(struct reader *r, const char *name, hid_t dataset, int64_t n_rows) {
    const bool fits = sheaf_h5_count(dataset) == n_rows && sheaf_h5_classify(dataset);
    if (!fits || add_field(r, name, dataset, 1, -1)) {
        if (dataset >= 0)
            H5Dclose(dataset);
        return fits ? -1 : sheaf_h5_fail_dataset(r->error, r->path, name);
    }
    r->fields[r->n_fields + r->n_about++].is_output = true;
    return 0;
}

/* The seconds of blocks, and the attempts if they are kept. */
static int list_about(struct reader *r) {
    sheaf_reader_begin(r, "seconds");
    if (add_about(r, "seconds", open_seconds(r->file), (r->n_items + r->block - 1) / r->block))
        return -1;
    sheaf_reader_begin(r, ATTEMPTS_NAME);
    if (H5Lexists(r->file, ATTEMPTS_NAME, H5P_DEFAULT) <= 0)
        return 0;
    return add_about(r, ATTEMPTS_NAME, H5Dopen2(r->file, ATTEMPTS_NAME, H5P_DEFAULT), r->n_items);
}

/* --- opening ------------------------------------------------------------------------------------------------------- */

/* The dimensions of the items: those of the status. */
static int find_extent(struct reader *r) {
    hsize_t dims[H5S_MAX_RANK];
    hid_t space = H5Dget_space(r->status);
    const int rank = space >= 0 ? H5Sget_simple_extent_dims(space, dims, NULL) : -1;
    const int64_t most = INT64_MAX / MOST_WIDTH;
    if (space >= 0)
        H5Sclose(space);
    r->n_items = 1;
    r->extent.n_dims = rank;
    for (int d = 0; d < rank && rank <= EXTENT_MOST; d++) {
        if (dims[d] > (hsize_t)(r->n_items > 0 ? most / r->n_items : most))
            return -1;
        r->extent.dims[d] = (struct dimension){"", (int64_t)dims[d]};
        r->n_items *= (int64_t)dims[d];
    }
    return rank >= 1 && rank <= EXTENT_MOST ? 0 : -1;
}

/* Their names, which HDF5 keeps in a heap: who only wants statuses has these also where it is damaged. */
static int name_dimensions(struct reader *r) {
    char name[DIMENSION_NAME];
    for (int d = 0; d < r->extent.n_dims; d++) {
        if (sheaf_dimension_name(r->status, (unsigned)d, name))
            continue;
        r->extent.dims[d].name = sheaf_arena_text(&r->arena, name, strlen(name));
        if (!r->extent.dims[d].name)
            return sheaf_fail_memory(r->error, r->path);
    }
    return 0;
}

static int find_status(struct reader *r) {
    sheaf_reader_begin(r, "status");
    r->status = H5Dopen2(r->file, "status", H5P_DEFAULT);
    if (r->status < 0 || find_extent(r))
        return sheaf_h5_fail_dataset(r->error, r->path, "status");
    r->trusts_unsafe = sheaf_h5_trusts_unsafe(r->file);
    return 0;
}

/* How many items a block has, and the seconds. */
static int find_block(struct reader *r) {
    sheaf_reader_begin(r, "seconds");
    r->seconds = open_seconds(r->file);
    hid_t attribute = r->seconds >= 0 ? H5Aopen(r->seconds, "items_per_block", H5P_DEFAULT) : H5I_INVALID_HID;
    const bool fits = attribute >= 0 && H5Aread(attribute, H5T_NATIVE_INT64, &r->block) >= 0 && r->block >= 1;
    if (attribute >= 0)
        H5Aclose(attribute);
    return fits ? 0 : sheaf_h5_fail_dataset(r->error, r->path, "seconds");
}

static char *find_stages(struct reader *r) {
    return H5Lexists(r->file, GROUP, H5P_DEFAULT) > 0 && H5Lexists(r->file, STAGES_TEXT, H5P_DEFAULT) > 0
               ? sheaf_h5_get_dataset_text(r->file, STAGES_TEXT)
               : NULL;
}

static int look_inside(struct reader *r) {
    sheaf_reader_begin(r, GROUP);
    char *stages = r->stage ? NULL : find_stages(r);
    if (stages) {
        sheaf_stages_refuse(r->path, stages, r->error);
        free(stages);
        return -1;
    }
    if (H5Lexists(r->file, GROUP, H5P_DEFAULT) == 0 || H5Lexists(r->file, IDENTITY_TEXT, H5P_DEFAULT) == 0)
        return sheaf_refuse(r->error, "%s: is not a results file of Sheaf", r->path);
    const int32_t layout = sheaf_h5_get_layout(r->file);
    if (layout > LAYOUT_VERSION)
        return sheaf_refuse(r->error,
                            "%s: was made by a newer version of Sheaf (layout %" PRId32 ", this one knows %d)", r->path,
                            layout, LAYOUT_VERSION);
    sheaf_reader_begin(r, IDENTITY_TEXT);
    r->identity = sheaf_h5_get_dataset_text(r->file, IDENTITY_TEXT);
    if (!r->identity)
        return sheaf_h5_fail_dataset(r->error, r->path, IDENTITY_TEXT);
    r->token = sheaf_h5_get_token(r->file);
    return find_status(r) || find_block(r) ? -1 : 0;
}

/* It is no HDF5 file, or has no such stage. */
static int refuse_file(struct reader *r) {
    char *stages = r->stage ? sheaf_stages_list(r->path) : NULL;
    H5Eclear2(H5E_DEFAULT);
    if (stages)
        sheaf_stages_refuse(r->path, stages, r->error);
    else
        sheaf_refuse(r->error, r->stage ? "%s: has no stages" : "%s: is not an HDF5 file that can be read", r->path);
    free(stages);
    return -1;
}

static int open_file(struct reader *r) {
    struct sheaf_stamp opened;
    if (sheaf_file_check_regular(r->path, r->error) || sheaf_stamp_take(&opened, r->path, r->error))
        return -1;
    r->device = opened.device;
    r->inode = opened.inode;
    sheaf_h5_start();
    sheaf_interrupt_open_reading(&r->reading, r->path, MOST_CPU_S, true);
    sheaf_reader_begin(r, "/");
    r->text = sheaf_h5_text_type();
    r->fd = open(r->path, O_RDONLY | O_CLOEXEC);
    r->file = sheaf_h5_open_stage(r->path, r->stage);
    if (r->file < 0)
        return refuse_file(r);
    return look_inside(r);
}

int sheaf_reader_open_statuses(struct reader **made, const char *path, struct sheaf_error *error) {
    struct reader *r = calloc(1, sizeof *r);
    *made = r;
    if (!r)
        return sheaf_fail_memory(error, path);
    r->file = r->status = r->seconds = r->text = H5I_INVALID_HID;
    r->fd = -1;
    if (sheaf_stages_split(path, &r->path, &r->stage))
        return sheaf_fail_memory(error, path);
    r->error = error;
    int rc = open_file(r);
    sheaf_interrupt_end_reading(&r->reading);
    r->error = NULL;
    return rc;
}

static int list_contents(struct reader *r) {
    sheaf_reader_begin(r, FILES_TEXT);
    r->files = sheaf_h5_get_dataset_text(r->file, FILES_TEXT);
    H5Eclear2(H5E_DEFAULT); /* there may be none */
    sheaf_reader_begin(r, "status");
    r->has_coordinates = H5Lexists(r->file, COORDINATES, H5P_DEFAULT) > 0;
    if (name_dimensions(r) || list_fields(r) || list_about(r))
        return -1;
    sheaf_reader_begin(r, ERROR_MESSAGE);
    return sheaf_failures_read(r->file, r->path, &r->failures, &r->n_failures, r->error);
}

int sheaf_reader_open(struct reader **made, const char *path, struct sheaf_error *error) {
    struct sheaf_error own = {0};
    if (sheaf_reader_open_statuses(made, path, error))
        return -1;
    struct reader *r = *made;
    r->error = &own;
    int rc = list_contents(r);
    sheaf_interrupt_end_reading(&r->reading);
    if (rc && error)
        *error = own;
    r->error = NULL;
    return rc;
}

const char *sheaf_reader_message(struct reader *r, int64_t item) {
    return sheaf_failures_find(r->failures, r->n_failures, item);
}

const char *sheaf_reader_condition(struct reader *r) {
    static const char key[] = "\nwhere: ";
    const char *at = strstr(r->identity, key);
    if (!r->condition && at)
        r->condition = sheaf_arena_text(&r->arena, at + 1, strcspn(at + 1, "\n"));
    return r->condition ? r->condition : "";
}

void sheaf_reader_rest(struct reader *r) {
    r->reading.lasting = false;
    sheaf_interrupt_end_reading(&r->reading);
}

void sheaf_reader_close(struct reader *r) {
    if (!r)
        return;
    for (int k = 0; k < r->n_fields + r->n_about; k++) {
        H5Dclose(r->datasets[k]);
        if (r->whole)
            free(r->whole[k]);
    }
    if (r->status >= 0)
        H5Dclose(r->status);
    if (r->seconds >= 0)
        H5Dclose(r->seconds);
    if (r->file >= 0)
        sheaf_h5_close(r->file);
    if (r->fd >= 0)
        close(r->fd);
    if (r->text >= 0)
        H5Tclose(r->text);
    free(r->path);
    free(r->whole);
    free(r->fields);
    free(r->datasets);
    free(r->identity);
    free(r->files);
    sheaf_string_free(&r->left_out);
    free(r->failures);
    sheaf_journal_index_close(r->journals);
    sheaf_arena_free(&r->arena);
    sheaf_interrupt_close_reading(&r->reading);
    free(r);
}

bool sheaf_reader_texts_are_lost(struct reader *r) {
    struct stat now;
    sheaf_reader_begin(r, TEXTS);
    const bool lost = sheaf_texts_are_lost(r->file, r->path, r->token);
    sheaf_interrupt_end_reading(&r->reading);
    /* packed at this moment, they are in neither place */
    return lost && stat(r->path, &now) == 0 && now.st_ino == r->inode && now.st_dev == r->device;
}

const char *sheaf_reader_left_out(const struct reader *r) {
    return r->left_out.data ? r->left_out.data : "";
}

int64_t sheaf_reader_n_items(const struct reader *r) {
    return r->n_items;
}

const struct extent *sheaf_reader_extent(const struct reader *r) {
    return &r->extent;
}

const struct reader_field *sheaf_reader_fields(const struct reader *r, int *n_fields) {
    *n_fields = r->n_fields;
    return r->fields;
}

bool sheaf_reader_is_copy(const struct reader *r, int field) {
    H5L_info_t info;
    return H5Lget_info(r->file, r->fields[field].field.name, &info, H5P_DEFAULT) >= 0 && info.type == H5L_TYPE_HARD;
}

int sheaf_reader_n_about(const struct reader *r) {
    return r->n_about;
}

bool sheaf_reader_is_trace(const struct reader *r, int field) {
    return sheaf_identity_is_trace(r->identity, r->fields[field].field.name);
}

bool sheaf_reader_is_sweep(const struct reader *r) {
    return sheaf_identity_is_sweep(r->identity) || r->extent.n_dims > 1 || r->has_coordinates;
}
