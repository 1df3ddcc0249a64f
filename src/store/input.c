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
#include "job/sweep_source.h"
#include "store/earlier.h"
#include "store/h5.h"
#include "store/input_identity.h"
#include "store/input_texts.h"
#include "store/inputs.h"
#include "store/missing.h"
#include "store/reach.h"
#include "store/tiling.h"

struct input {
    struct interrupt_reading reading;
    hid_t file;
    struct reach reach;
    struct earlier earlier; /* of a results file; else empty */
    int n_datasets;
    struct input_field {
        hid_t dataset;
        bool is_local; /* in the file itself, not behind a link to another */
        struct missing missing;
        bool tiling_known;          /* it was looked for, */
        struct sheaf_tiling tiling; /* and found where it has tiles */
    } * fields;                     /* [n_datasets] those behind the fields that lie along axes */
};

/* Of a field that does not lie along an axis. */
static struct input_field *own_of(const struct items *items, int field) {
    return &((struct input *)items->self)->fields[field - sheaf_items_n_along(items)];
}

static bool is_along(const struct items *items, int field) {
    return field < sheaf_items_n_along(items);
}

/* Rows of a field to read at a time: about a megabyte. */
static int64_t window_rows(const struct sheaf_field *field, int64_t n_items) {
    int64_t most = (INT64_C(1) << 17) / field->width;
    most = most < 1 ? 1 : most;
    return most < n_items ? most : n_items > 0 ? n_items : 1;
}

static int read_rows(const struct items *items, hid_t dataset, hid_t type, int64_t first, int64_t n, int64_t width,
                     void *values, struct sheaf_error *error) {
    struct input *input = items->self;
    sheaf_interrupt_begin_reading(&input->reading, "it");
    int bad = sheaf_h5_read_rows(dataset, type, first, n, width, values);
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
static int check_unsigned(const struct items *items, hid_t dataset, const struct wanted_field *wanted, int64_t n_items,
                          const struct sheaf_field *field, struct sheaf_error *error) {
    const int64_t rows = window_rows(field, n_items);
    uint64_t *values = malloc((size_t)(rows * field->width) * sizeof *values);
    int rc = values ? 0 : sheaf_fail_memory(error, items->name);
    for (int64_t first = 0; rc == 0 && first < n_items; first += rows) {
        int64_t n = n_items - first < rows ? n_items - first : rows;
        rc = read_rows(items, dataset, H5T_NATIVE_UINT64, first, n, field->width, values, error);
        for (int64_t i = 0; rc == 0 && i < n * field->width; i++)
            if (values[i] > INT64_MAX)
                rc = sheaf_yaml_refuse(wanted->node, error,
                                       "%s:%s: item %" PRId64 " is %" PRIu64 "; integers go up to 2^63 - 1",
                                       items->name, wanted->dataset, first + i / field->width, values[i]);
    }
    free(values);
    return rc;
}

/* Bytes of the texts of a field. */
static int measure_texts(struct items *items, hid_t dataset, int64_t n_items, struct sheaf_error *error) {
    size_t most, all;
    if (sheaf_input_measure_texts(dataset, n_items, &most, &all))
        return sheaf_h5_fail(error, items->name, "read a field");
    items->most_text_bytes += most;
    items->all_text_bytes += all;
    return 0;
}

/* Rank and shape of a dataset that can be a field: rows, and values a row. */
static int look_at(const struct items *items, hid_t dataset, const struct wanted_field *wanted, int64_t *n_items,
                   struct sheaf_field *field, struct sheaf_error *error) {
    const struct yaml_node *node = wanted->node;
    const int64_t width = sheaf_h5_width(dataset, items->sweep ? items->sweep->n_axes : 1, n_items);
    const bool is_text = sheaf_input_is_text(dataset);
    field->type = is_text ? SHEAF_TEXT : sheaf_h5_classify(dataset);
    field->width = width;
    if (field->type == 0)
        return sheaf_yaml_refuse(node, error, "%s:%s: holds neither text, floats nor integers of up to 64 bits%s",
                                 items->name, wanted->dataset, sheaf_h5_advise(dataset));
    if (width < 0)
        return sheaf_yaml_refuse(
            node, error,
            "%s:%s: has 0 dimensions; a field has one (a value an item) or more (a row, or a slab, "
            "an item)",
            items->name, wanted->dataset);
    if (width == 0)
        return sheaf_yaml_refuse(node, error, "%s:%s: its rows are empty", items->name, wanted->dataset);
    if (is_text && width > 1)
        return sheaf_yaml_refuse(node, error, "%s:%s: has several texts an item; a field of text has one", items->name,
                                 wanted->dataset);
    return is_unsigned_64(dataset) ? check_unsigned(items, dataset, wanted, *n_items, field, error) : 0;
}

static int open_field(struct items *items, const struct job *job, const struct wanted_field *wanted,
                      struct sheaf_error *error) {
    struct input *input = items->self;
    const int k = items->n_fields;
    struct sheaf_field *field = &items->fields[k];
    char what[300];
    int64_t n_items = 0;
    snprintf(what, sizeof what, "%s:%d: the field", job->file, wanted->node->line);
    if (sheaf_items_check_name(wanted->name, what, error))
        return -1;
    field->name = sheaf_arena_text(&items->arena, wanted->name, strlen(wanted->name));
    char *link = sheaf_arena_text(&items->arena, wanted->dataset, strlen(wanted->dataset));
    if (!field->name || !link)
        return sheaf_fail_memory(error, items->name);
    ((const char **)(uintptr_t)items->links)[k] = link;
    struct input_field *own = &input->fields[input->n_datasets];
    input->reach.context = &own->missing;
    own->dataset = sheaf_reach_dataset(&input->reach, input->file, items->name, wanted->dataset, &own->is_local, error);
    if (own->dataset < 0) {
        sheaf_missing_close(&own->missing);
        return sheaf_yaml_prefix(wanted->node, error);
    }
    input->n_datasets++;
    if (look_at(items, own->dataset, wanted, &n_items, field, error))
        return -1;
    if ((k > 0 || input->earlier.reader) && n_items != items->n_items)
        return sheaf_yaml_refuse(
            wanted->node, error, "%s:%s: has %" PRId64 " rows, %s%s%s has %" PRId64 "; all fields need the same",
            items->name, wanted->dataset, n_items, input->earlier.reader ? "the status" : "'",
            input->earlier.reader ? "" : items->fields[0].name, input->earlier.reader ? "" : "'", items->n_items);
    items->n_items = n_items;
    items->n_fields = k + 1;
    return field->type == SHEAF_TEXT ? measure_texts(items, own->dataset, n_items, error) : 0;
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
    const struct sheaf_field *f = &items->fields[field];
    const struct input_field *own = own_of(items, field);
    const int64_t rows = window_rows(f, items->n_items);
    int rc = -1;
    char number[32];
    double *values = malloc((size_t)(rows * f->width) * sizeof *values);
    uint8_t *gone = malloc((size_t)(rows * f->width));
    if (!values || !gone) {
        sheaf_fail_memory(error, items->name);
        goto out;
    }
    for (int64_t first = 0; first < items->n_items; first += rows) {
        int64_t n = items->n_items - first < rows ? items->n_items - first : rows;
        if (read_rows(items, own->dataset, H5T_NATIVE_DOUBLE, first, n, f->width, values, error) ||
            sheaf_missing_values(&own->missing, own->dataset, first, n, f->width, gone, error))
            goto out;
        for (int64_t i = 0; i < n * f->width; i++)
            if (!gone[i] && !fits(values[i], type)) {
                sheaf_refuse(error, "%s:%s: item %" PRId64 " is %s; the kernel takes '%s' as %s", items->name,
                             items->links[field], first + i / f->width, sheaf_text_double(values[i], number), f->name,
                             sheaf_type_name(type));
                goto out;
            }
    }
    rc = 0;
out:
    free(gone);
    free(values);
    return rc;
}

/* HDF5 converts while reading. */
static int input_check(struct items *items, int field, enum sheaf_type type, struct sheaf_error *error) {
    const struct sheaf_field *f = &items->fields[field];
    if (is_along(items, field))
        return sheaf_sweep_source.check(items, field, type, error);
    if (type == SHEAF_TEXT || f->type == SHEAF_TEXT)
        return sheaf_refuse(error, "%s: field '%s' holds %s, the kernel wants %s", items->name, f->name,
                            type == SHEAF_TEXT ? "numbers" : "text", type == SHEAF_TEXT ? "text" : "numbers");
    return always_fits(f->type, type) ? 0 : check_values(items, field, type, error);
}

static bool is_float(enum sheaf_type type) {
    return type == SHEAF_FLOAT64 || type == SHEAF_FLOAT32;
}

/* Takes what is missing out of values that were read as `type`: NaN, or 0 for integers, whose items are skipped. */
static int blank(const struct items *items, int k, enum sheaf_type type, int64_t first, int64_t n, char *values,
                 struct sheaf_error *error) {
    const struct input_field *own = own_of(items, k);
    const struct sheaf_field *field = &items->fields[k];
    const size_t n_bytes = sheaf_type_bytes(type);
    uint8_t *gone = malloc((size_t)(n * field->width) + 1);
    int rc = gone ? sheaf_missing_values(&own->missing, own->dataset, first, n, field->width, gone, error)
                  : sheaf_fail_memory(error, items->name);
    for (int64_t i = 0; rc == 0 && i < n * field->width; i++)
        if (gone[i] && is_float(type))
            sheaf_type_fill(type, values + (size_t)i * n_bytes, 1);
        else if (gone[i])
            memset(values + (size_t)i * n_bytes, 0, n_bytes);
    free(gone);
    return rc;
}

static int input_read(struct items *items, int64_t first, int64_t n, void *const *columns, const enum sheaf_type *types,
                      struct sheaf_arena *arena, struct sheaf_error *error) {
    struct input *input = items->self;
    if (items->sweep && sheaf_sweep_source.read(items, first, n, columns, types, arena, error))
        return -1;
    for (int k = sheaf_items_n_along(items); k < items->n_fields; k++) {
        if (!columns[k])
            continue;
        const struct input_field *own = own_of(items, k);
        if (items->fields[k].type == SHEAF_TEXT) {
            sheaf_interrupt_begin_reading(&input->reading, "it");
            const int rc = sheaf_input_read_texts(own->dataset, first, n, columns[k], arena);
            sheaf_interrupt_end_reading(&input->reading);
            if (rc)
                return sheaf_h5_fail(error, items->name, "read a field");
            continue;
        }
        const enum sheaf_type type = types ? types[k] : items->fields[k].type;
        const bool blanks =
            sheaf_missing_any(&own->missing) && (types || is_float(type)); /* a copy is as it is there */
        if (read_rows(items, own->dataset, sheaf_h5_type(type), first, n, items->fields[k].width, columns[k], error) ||
            (blanks && blank(items, k, type, first, n, columns[k], error)))
            return -1;
    }
    return 0;
}

/* Items that have not all values of a field: not done in the results file that it is an output of, or, where integers
   are wanted, missing. */
static int input_skips(const struct items *items, int k, enum sheaf_type type, int64_t first, int64_t n, uint8_t *skips,
                       struct sheaf_error *error) {
    if (is_along(items, k)) {
        memset(skips, 0, (size_t)n);
        return 0;
    }
    const struct input_field *own = own_of(items, k);
    const struct sheaf_field *field = &items->fields[k];
    if (is_float(type) || own->missing.n_marks == 0)
        return sheaf_missing_items(&own->missing, first, n, skips, error);
    uint8_t *gone = malloc((size_t)(n * field->width) + 1);
    int rc = gone ? sheaf_missing_values(&own->missing, own->dataset, first, n, field->width, gone, error)
                  : sheaf_fail_memory(error, items->name);
    for (int64_t i = 0; rc == 0 && i < n; i++)
        skips[i] = memchr(gone + i * field->width, 1, (size_t)field->width) != NULL;
    free(gone);
    return rc;
}

/* Items of an earlier job that are not done there. */
static int input_lacks(const struct items *items, int64_t first, int64_t n, uint8_t *lacks, struct sheaf_error *error) {
    return sheaf_missing_items(&((const struct input *)items->self)->earlier.undone, first, n, lacks, error);
}

static void input_say_lack(const struct items *items, int64_t item, char *text, size_t most) {
    sheaf_earlier_say(&((const struct input *)items->self)->earlier, items->name, item, text, most);
}

struct interrupt_reading *sheaf_input_reading(const struct items *items) {
    struct input *input = items->self;
    return &input->reading;
}

hid_t sheaf_input_dataset(const struct items *items, int field) {
    return own_of(items, field)->dataset;
}

/* Whether a field's values lie in the file itself, in that layout, as values of the type, none of which is missing. */
static bool lies_plain(const struct input_field *own, H5D_layout_t layout, enum sheaf_type as) {
    if (as == SHEAF_TEXT)
        return false;
    hid_t creation = H5Dget_create_plist(own->dataset), type = H5Dget_type(own->dataset);
    const bool plain = own->is_local && !sheaf_missing_any(&own->missing) && creation >= 0 && type >= 0 &&
                       H5Pget_layout(creation) == layout && H5Pget_external_count(creation) == 0 &&
                       H5Tequal(type, sheaf_h5_type(as)) > 0;
    H5Eclear2(H5E_DEFAULT);
    if (type >= 0)
        H5Tclose(type);
    if (creation >= 0)
        H5Pclose(creation);
    return plain;
}

static int64_t input_offset(const struct items *items, int field, enum sheaf_type as) {
    if (is_along(items, field))
        return -1;
    const struct input_field *own = own_of(items, field);
    const int64_t n_bytes = items->n_items * items->fields[field].width * (int64_t)sheaf_type_bytes(as);
    if (!lies_plain(own, H5D_CONTIGUOUS, as))
        return -1;
    const haddr_t at = H5Dget_offset(own->dataset);
    H5Eclear2(H5E_DEFAULT); /* a dataset that was never written has no offset */
    return at != HADDR_UNDEF && at <= INT64_MAX && (int64_t)at <= items->stamp.n_bytes - n_bytes ? (int64_t)at : -1;
}

static const struct sheaf_tiling *input_tiling(const struct items *items, int field, enum sheaf_type as) {
    struct input *input = items->self;
    struct input_field *own = is_along(items, field) ? NULL : own_of(items, field);
    if (!own || items->fields[field].type != (int32_t)as || !lies_plain(own, H5D_CHUNKED, as))
        return NULL;
    if (!own->tiling_known) {
        sheaf_interrupt_begin_reading(&input->reading, "it");
        if (!sheaf_tiling_find(own->dataset, &items->fields[field], items->n_items, items->stamp.n_bytes, &own->tiling))
            sheaf_tiling_free(&own->tiling);
        sheaf_interrupt_end_reading(&input->reading);
        own->tiling_known = true;
    }
    return own->tiling.tiles ? &own->tiling : NULL;
}

static void input_close(struct items *items) {
    struct input *input = items->self;
    if (!input)
        return;
    for (int k = 0; k < input->n_datasets; k++) {
        sheaf_tiling_free(&input->fields[k].tiling);
        sheaf_missing_close(&input->fields[k].missing);
        H5Dclose(input->fields[k].dataset);
    }
    sheaf_h5_close_watched(input->file, &input->reading);
    sheaf_earlier_close(&input->earlier);
    free(input->fields);
    free(input);
    items->self = NULL;
}

static const struct items_source source = {
    .check = input_check, .read = input_read, .offset = input_offset, .tiling = input_tiling, .close = input_close};

/* Where a field may have rows without a value. */
static const struct items_source gaps_source = {.check = input_check,
                                                .read = input_read,
                                                .skips = input_skips,
                                                .offset = input_offset,
                                                .tiling = input_tiling,
                                                .close = input_close};

/* Of a results file where not all items are done. */
static const struct items_source undone_source = {.check = input_check,
                                                  .read = input_read,
                                                  .lacks = input_lacks,
                                                  .say_lack = input_say_lack,
                                                  .skips = input_skips,
                                                  .offset = input_offset,
                                                  .tiling = input_tiling,
                                                  .close = input_close};

/* Of a stage of the very file that the results go to, which changes all the time: what is read of it stays, since its items are
   through. */
static const struct items_source stage_source = {.check = input_check,
                                                 .read = input_read,
                                                 .lacks = input_lacks,
                                                 .say_lack = input_say_lack,
                                                 .skips = input_skips,
                                                 .close = input_close};

/* The fields that the job asks for, [*n]: datasets that it names, or those of a results file. */
static int find_wanted(struct items *items, const struct job *job, struct wanted_field **wanted, int *n,
                       struct sheaf_error *error) {
    struct earlier *earlier = &((struct input *)items->self)->earlier;
    if (job->items.kind == JOB_RESULTS) {
        if (sheaf_earlier_open(earlier, job, items, error))
            return -1;
        items->sweep = earlier->sweep;
        *wanted = earlier->fields;
        *n = earlier->n_fields;
        return 0;
    }
    *wanted = sheaf_arena_take(&items->arena, (size_t)job->items.n_fields * sizeof **wanted);
    for (*n = 0; *wanted && *n < job->items.n_fields; ++*n)
        (*wanted)[*n] = (struct wanted_field){job->items.fields[*n].name, job->items.fields[*n].node->text,
                                              job->items.fields[*n].node};
    return *wanted ? 0 : sheaf_fail_memory(error, "the items");
}

/* Room for so many fields behind those that lie along axes, which are put there. */
static int make_fields(struct items *items, int n, struct sheaf_error *error) {
    struct input *input = items->self;
    const size_t n_along = (size_t)sheaf_items_n_along(items), n_fields = n_along + (size_t)n;
    items->fields = sheaf_arena_take(&items->arena, n_fields * sizeof *items->fields);
    items->links = sheaf_arena_take(&items->arena, n_fields * sizeof *items->links);
    input->fields = calloc((size_t)n + 1, sizeof *input->fields);
    if (!items->fields || !items->links || !input->fields)
        return sheaf_fail_memory(error, "the items");
    for (size_t k = 0; k < n_along; k++)
        items->fields[k] = items->sweep->fields[k].about;
    items->n_fields = (int)n_along;
    if (items->sweep)
        sheaf_sweep_measure_texts(items, items->sweep);
    return 0;
}

static int open_fields(struct items *items, const struct job *job, const struct wanted_field *wanted, int n,
                       struct sheaf_error *error) {
    struct input *input = items->self;
    for (int k = 0; k < n; k++) {
        if (open_field(items, job, &wanted[k], error))
            return -1;
        if (input->earlier.reader) /* its items are looked at as a whole */
            sheaf_missing_close(&input->fields[k].missing);
        if (sheaf_missing_any(&input->fields[k].missing))
            items->source = &gaps_source;
    }
    if (input->earlier.undone.has_status)
        items->source = &undone_source;
    if (items->of_stage)
        items->source = &stage_source;
    return 0;
}

int sheaf_input_open(struct items *items, const struct job *job, struct known *known, struct sheaf_error *error) {
    struct wanted_field *wanted;
    struct sheaf_stamp before = {0};
    int n_wanted;
    *items = (struct items){.source = &source, .of_stage = job->items.stage != NULL};
    sheaf_h5_start();
    items->name = sheaf_arena_text(&items->arena, job->items.path, strlen(job->items.path));
    struct input *input = items->self = calloc(1, sizeof *input);
    if (!items->name || !input)
        return sheaf_fail_memory(error, "the items");
    input->file = H5I_INVALID_HID;
    input->reach.arena = &items->arena;
    input->reach.look = sheaf_missing_look;
    if (job->items.kind == JOB_RESULTS && sheaf_stamp_take(&before, items->name, error))
        return sheaf_yaml_prefix(job->items.node, error);
    if (find_wanted(items, job, &wanted, &n_wanted, error) || make_fields(items, n_wanted, error))
        return -1;
    sheaf_h5_watch(&input->reading, items->name);
    input->file = sheaf_reach_open(&input->reach, items->name, error);
    if (input->file < 0 || open_fields(items, job, wanted, n_wanted, error))
        return -1;
    if (!items->of_stage)
        items->stamp = input->reach.files[0].stamp;
    items->others = input->reach.files + 1;
    items->n_others = input->reach.n_files - 1;
    sheaf_interrupt_end_reading(&input->reading);
    if (before.inode && !items->of_stage &&
        sheaf_stamp_check(&before, items->name, error)) /* its statuses were read before the stamp was taken */
        return -1;
    return sheaf_input_identify(items, job,
                                items->of_stage         ? "stage"
                                : input->earlier.reader ? "results"
                                                        : "hdf5",
                                known, error);
}
