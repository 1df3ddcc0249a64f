#include "store/input.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/type.h"
#include "store/h5.h"

struct input {
    struct interrupt_reading reading;
    hid_t file;
    int n_datasets;
    hid_t *datasets; /* [n_datasets] */
};

/* Rows of a field to read at a time: about a megabyte. */
static int64_t window_rows(const struct sheaf_field *field, int64_t n_items) {
    int64_t most = (INT64_C(1) << 17) / field->width;
    most = most < 1 ? 1 : most;
    return most < n_items ? most : n_items > 0 ? n_items : 1;
}

/* Reads rows first … first + n - 1 of a dataset as the memory type. */
static int read_rows(const struct items *items, hid_t dataset, hid_t type, int64_t first, int64_t n, int64_t width,
                     void *values, struct sheaf_error *error) {
    struct input *input = items->self;
    hsize_t start[2] = {(hsize_t)first, 0}, count[2] = {(hsize_t)n, (hsize_t)width};
    sheaf_interrupt_begin_reading(&input->reading, "it");
    hid_t from = H5Dget_space(dataset);
    hid_t to = H5Screate_simple(H5Sget_simple_extent_ndims(from), count, NULL);
    int bad = H5Sselect_hyperslab(from, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ||
              H5Dread(dataset, type, to, from, H5P_DEFAULT, values) < 0;
    H5Sclose(to);
    H5Sclose(from);
    sheaf_interrupt_end_reading(&input->reading);
    return bad ? sheaf_h5_fail(error, items->name, "read a field") : 0;
}

static bool is_unsigned_64(hid_t dataset) {
    hid_t type = H5Dget_type(dataset);
    bool is = H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) == 8 && H5Tget_sign(type) == H5T_SGN_NONE;
    H5Tclose(type);
    return is;
}

/* Sheaf has no uint64: HDF5 would clip what is beyond int64 without a word. */
static int check_unsigned(const struct items *items, hid_t dataset, const struct yaml_node *node, int64_t n_items,
                          const struct sheaf_field *field, struct sheaf_error *error) {
    const int64_t rows = window_rows(field, n_items);
    uint64_t *values = malloc((size_t)(rows * field->width) * sizeof *values);
    int rc = values ? 0 : sheaf_fail_memory(error, items->name);
    for (int64_t first = 0; rc == 0 && first < n_items; first += rows) {
        int64_t n = n_items - first < rows ? n_items - first : rows;
        rc = read_rows(items, dataset, H5T_NATIVE_UINT64, first, n, field->width, values, error);
        for (int64_t i = 0; rc == 0 && i < n * field->width; i++)
            if (values[i] > INT64_MAX)
                rc =
                    sheaf_yaml_refuse(node, error, "%s:%s: item %" PRId64 " is %" PRIu64 "; integers go up to 2^63 - 1",
                                      items->name, node->text, first + i / field->width, values[i]);
    }
    free(values);
    return rc;
}

/* Rank and shape of a dataset that can be a field: rows, and values a row. */
static int look_at(const struct items *items, hid_t dataset, const struct yaml_node *node, int64_t *n_items,
                   struct sheaf_field *field, struct sheaf_error *error) {
    hsize_t dims[H5S_MAX_RANK] = {0};
    hid_t space = H5Dget_space(dataset);
    int rank = space >= 0 ? H5Sget_simple_extent_dims(space, dims, NULL) : -1;
    if (space >= 0)
        H5Sclose(space);
    field->type = sheaf_h5_classify(dataset);
    if (field->type == 0 || field->type == SHEAF_TEXT)
        return sheaf_yaml_refuse(node, error, "%s:%s: holds neither floats nor integers of up to 64 bits", items->name,
                                 node->text);
    if (rank < 1 || rank > 2)
        return sheaf_yaml_refuse(node, error,
                                 "%s:%s: has %d dimensions; a field has one (a value an item) or two "
                                 "(a row an item)",
                                 items->name, node->text, rank < 0 ? 0 : rank);
    if (rank == 2 && dims[1] == 0)
        return sheaf_yaml_refuse(node, error, "%s:%s: its rows are empty", items->name, node->text);
    *n_items = (int64_t)dims[0];
    field->width = rank == 2 ? (int64_t)dims[1] : 1;
    return is_unsigned_64(dataset) ? check_unsigned(items, dataset, node, *n_items, field, error) : 0;
}

/* Opens a dataset with a cache for two of its chunks: HDF5's own holds a megabyte, and a larger compressed chunk would be
   unpacked anew for every read from it. Negative if there is none. */
static hid_t open_dataset(hid_t file, const char *path) {
    static const size_t most_cache_bytes = (size_t)64 << 20;
    hsize_t dims[H5S_MAX_RANK] = {0};
    size_t n_bytes = 2;
    hid_t dataset = H5Dopen2(file, path, H5P_DEFAULT);
    hid_t creation = dataset >= 0 ? H5Dget_create_plist(dataset) : H5I_INVALID_HID;
    if (creation < 0 || H5Pget_layout(creation) != H5D_CHUNKED)
        goto out;
    hid_t type = H5Dget_type(dataset), access = H5Pcreate(H5P_DATASET_ACCESS);
    int rank = H5Pget_chunk(creation, H5S_MAX_RANK, dims);
    n_bytes *= type >= 0 ? H5Tget_size(type) : 8;
    for (int k = 0; k < rank; k++)
        n_bytes *= (size_t)dims[k];
    n_bytes = n_bytes < most_cache_bytes ? n_bytes : most_cache_bytes;
    if (access >= 0 && n_bytes > ((size_t)1 << 20) &&
        H5Pset_chunk_cache(access, 521, n_bytes, H5D_CHUNK_CACHE_W0_DEFAULT) >= 0) {
        H5Dclose(dataset);
        dataset = H5Dopen2(file, path, access);
    }
    H5Pclose(access);
    H5Tclose(type);
out:
    if (creation >= 0)
        H5Pclose(creation);
    return dataset;
}

static int open_field(struct items *items, const struct job *job, int k, struct sheaf_error *error) {
    struct input *input = items->self;
    const struct yaml_node *node = job->items.fields[k].node;
    struct sheaf_field *field = &items->fields[k];
    char what[300];
    int64_t n_items = 0;
    snprintf(what, sizeof what, "%s:%d: the field", job->file, node->line);
    if (sheaf_items_check_name(job->items.fields[k].name, what, error))
        return -1;
    field->name = sheaf_arena_text(&items->arena, job->items.fields[k].name, strlen(job->items.fields[k].name));
    char *link = sheaf_arena_text(&items->arena, node->text, strlen(node->text));
    if (!field->name || !link)
        return sheaf_fail_memory(error, items->name);
    ((const char **)(uintptr_t)items->links)[k] = link;
    hid_t dataset = open_dataset(input->file, node->text);
    if (dataset < 0) {
        H5Eclear2(H5E_DEFAULT);
        return sheaf_yaml_refuse(node, error, "%s: has no dataset '%s'", items->name, node->text);
    }
    input->datasets[input->n_datasets++] = dataset;
    if (look_at(items, dataset, node, &n_items, field, error))
        return -1;
    if (k > 0 && n_items != items->n_items)
        return sheaf_yaml_refuse(node, error,
                                 "%s:%s: has %" PRId64 " rows, '%s' has %" PRId64 "; all fields need the same",
                                 items->name, node->text, n_items, items->fields[0].name, items->n_items);
    items->n_items = n_items;
    items->n_fields = k + 1;
    return 0;
}

/* Whether every value of one type is one of the other, or is rounded to one of its floats. */
static bool always_fits(enum sheaf_type from, enum sheaf_type to) {
    static const int ranks[] = {[SHEAF_UINT8] = 1, [SHEAF_INT32] = 2, [SHEAF_INT64] = 3};
    if (to == SHEAF_FLOAT64 || to == SHEAF_FLOAT32)
        return true;
    return from != SHEAF_FLOAT64 && from != SHEAF_FLOAT32 && ranks[from] <= ranks[to];
}

static bool fits(double value, enum sheaf_type type) {
    static const double least[] = {[SHEAF_INT64] = -0x1p63, [SHEAF_INT32] = -0x1p31, [SHEAF_UINT8] = 0};
    static const double behind[] = {[SHEAF_INT64] = 0x1p63, [SHEAF_INT32] = 0x1p31, [SHEAF_UINT8] = 256};
    return value == floor(value) && value >= least[type] && value < behind[type];
}

/* Looks at every value of a field, read as double: what a double rounds is far beyond 32 bits, so the answer is right. */
static int check_values(struct items *items, int field, enum sheaf_type type, struct sheaf_error *error) {
    struct sheaf_field *f = &items->fields[field];
    const int64_t rows = window_rows(f, items->n_items);
    int rc = -1;
    char number[32];
    void **columns = calloc((size_t)items->n_fields, sizeof *columns);
    double *values = columns ? columns[field] = malloc((size_t)(rows * f->width) * sizeof *values) : NULL;
    if (!values) {
        sheaf_fail_memory(error, items->name);
        goto out;
    }
    f->type = SHEAF_FLOAT64;
    for (int64_t first = 0; first < items->n_items; first += rows) {
        int64_t n = items->n_items - first < rows ? items->n_items - first : rows;
        if (items->source->read(items, first, n, columns, NULL, error))
            goto out;
        for (int64_t i = 0; i < n * f->width; i++)
            if (!fits(values[i], type)) {
                sheaf_refuse(error, "%s:%s: item %" PRId64 " is %s; the kernel takes '%s' as %s", items->name,
                             items->links[field], first + i / f->width, sheaf_text_double(values[i], number), f->name,
                             sheaf_type_name(type));
                goto out;
            }
    }
    rc = 0;
out:
    free(values);
    free(columns);
    return rc;
}

static int input_convert(struct items *items, int field, enum sheaf_type type, struct sheaf_error *error) {
    struct sheaf_field *f = &items->fields[field];
    if (type == SHEAF_TEXT)
        return sheaf_refuse(error, "%s: field '%s' holds numbers, the kernel wants text", items->name, f->name);
    if (!always_fits(f->type, type) && check_values(items, field, type, error))
        return -1;
    f->type = type; /* HDF5 converts while reading */
    return 0;
}

static int input_read(struct items *items, int64_t first, int64_t n, void *const *columns, struct sheaf_arena *arena,
                      struct sheaf_error *error) {
    const struct input *input = items->self;
    (void)arena;
    for (int k = 0; k < items->n_fields; k++) {
        if (!columns[k])
            continue;
        if (read_rows(items, input->datasets[k], sheaf_h5_type(items->fields[k].type), first, n, items->fields[k].width,
                      columns[k], error))
            return -1;
    }
    return 0;
}

/* Whether a dataset lies in the file that was opened, not in another one behind an external link. */
static bool is_local(const struct input *input, hid_t dataset) {
    char here[4096] = "", there[4096] = "";
    hid_t file = H5Iget_file_id(dataset);
    bool is = file >= 0 && H5Fget_name(input->file, here, sizeof here) > 0 &&
              H5Fget_name(file, there, sizeof there) > 0 && strcmp(here, there) == 0;
    if (file >= 0)
        H5Fclose(file);
    return is;
}

static int64_t input_place(const struct items *items, int field) {
    const struct input *input = items->self;
    const struct sheaf_field *f = &items->fields[field];
    hid_t dataset = input->datasets[field];
    hid_t creation = H5Dget_create_plist(dataset), type = H5Dget_type(dataset);
    int64_t place = -1, n_bytes = items->n_items * (int64_t)sheaf_field_row_bytes(f);
    bool plain = creation >= 0 && type >= 0 && H5Pget_layout(creation) == H5D_CONTIGUOUS &&
                 H5Pget_external_count(creation) == 0 && H5Tequal(type, sheaf_h5_type(f->type)) > 0;
    if (plain && is_local(input, dataset)) {
        haddr_t at = H5Dget_offset(dataset);
        if (at != HADDR_UNDEF && at <= INT64_MAX && (int64_t)at <= items->stamp.n_bytes - n_bytes)
            place = (int64_t)at;
    }
    H5Eclear2(H5E_DEFAULT); /* a dataset that was never written has no offset */
    if (type >= 0)
        H5Tclose(type);
    if (creation >= 0)
        H5Pclose(creation);
    return place;
}

static void input_close(struct items *items) {
    struct input *input = items->self;
    if (!input)
        return;
    for (int k = 0; k < input->n_datasets; k++)
        H5Dclose(input->datasets[k]);
    sheaf_h5_close_watched(input->file, &input->reading);
    free(input->datasets);
    free(input);
    items->self = NULL;
}

static const struct items_source source = {
    .convert = input_convert, .read = input_read, .place = input_place, .close = input_close};

/* What the items are: the file's bytes and which datasets are which fields. */
static int write_identity(struct items *items, struct known *known, struct sheaf_error *error) {
    char hash[SHEAF_HASH_BYTES];
    if (sheaf_known_hash(known, items->name, hash, error))
        return -1;
    sheaf_string_add(&items->identity, "items: hdf5 %" PRId64 " %s\n", items->n_items, hash);
    for (int k = 0; k < items->n_fields; k++)
        sheaf_string_add(&items->identity, "field %s: %s\n", items->fields[k].name, items->links[k]);
    return items->identity.failed ? sheaf_fail_memory(error, items->name) : 0;
}

int sheaf_input_open(struct items *items, const struct job *job, struct known *known, struct sheaf_error *error) {
    size_t n_fields = (size_t)job->items.n_fields;
    *items = (struct items){.source = &source};
    sheaf_h5_start();
    items->name = sheaf_arena_text(&items->arena, job->items.path, strlen(job->items.path));
    items->fields = sheaf_arena_take(&items->arena, n_fields * sizeof *items->fields);
    items->links = sheaf_arena_take(&items->arena, n_fields * sizeof *items->links);
    struct input *input = items->self = calloc(1, sizeof *input);
    if (!items->name || !items->fields || !items->links || !input)
        return sheaf_fail_memory(error, "the items");
    input->file = H5I_INVALID_HID;
    input->datasets = calloc(n_fields, sizeof *input->datasets);
    if (!input->datasets)
        return sheaf_fail_memory(error, "the items");
    if (sheaf_file_check_regular(items->name, error) || sheaf_stamp_take(&items->stamp, items->name, error))
        return -1;
    input->file = sheaf_h5_open_watched(items->name, &input->reading);
    if (input->file < 0) {
        H5Eclear2(H5E_DEFAULT);
        return sheaf_refuse(error, "%s: is not an HDF5 file that can be read", items->name);
    }
    for (int k = 0; k < job->items.n_fields; k++)
        if (open_field(items, job, k, error))
            return -1;
    sheaf_interrupt_end_reading(&input->reading);
    return write_identity(items, known, error);
}
