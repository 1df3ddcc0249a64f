#include "store/coordinates.h"
#include "store/sums_file.h"

#include <hdf5_hl.h>
#include <stdlib.h>
#include <string.h>

#include "store/identity.h"
#include "store/layout.h"
#include "store/space.h"

/* --- making -------------------------------------------------------------------------------------------------------- */

static hid_t make_table(hid_t file, hid_t link_creation, hid_t dataset_creation, const char *name, int rank,
                        const hsize_t *shape, const char *long_name) {
    hid_t space = H5Screate_simple(rank, shape, NULL);
    hid_t dataset = H5Dcreate2(file, name, H5T_NATIVE_UINT64, space, link_creation, dataset_creation, H5P_DEFAULT);
    H5Sclose(space);
    if (dataset >= 0 && sheaf_h5_put_text(dataset, "long_name", long_name)) {
        H5Dclose(dataset);
        return H5I_INVALID_HID;
    }
    return dataset;
}

static int make_text_sums(hid_t file, hid_t link_creation, hid_t dataset_creation, const struct results_plan *plan) {
    const hsize_t n_items = (hsize_t)plan->items->n_items;
    bool any[SEGMENT_PARTS] = {false};
    for (int k = 0; k < plan->n_outputs; k++)
        any[SEGMENT_OUTPUTS] = any[SEGMENT_OUTPUTS] || plan->outputs[k].type == SHEAF_TEXT;
    for (int k = 0; k < plan->items->n_fields && sheaf_results_copies_inputs(plan); k++)
        any[SEGMENT_INPUTS] = any[SEGMENT_INPUTS] || plan->items->fields[k].type == SHEAF_TEXT;
    for (int part = 0; part < SEGMENT_PARTS; part++) {
        if (!any[part])
            continue;
        hid_t table = make_table(file, link_creation, dataset_creation,
                                 part == SEGMENT_OUTPUTS ? TEXT_SUMS : INPUT_TEXT_SUMS, 1, &n_items,
                                 part == SEGMENT_OUTPUTS ? "sum of each item's texts, by XXH3; 0: not known"
                                                         : "sum of each item's inputs that are texts, by XXH3");
        if (table < 0 || H5Dclose(table) < 0)
            return -1;
    }
    return 0;
}

int sheaf_sums_make(hid_t file, hid_t link_creation, hid_t dataset_creation, const struct results_plan *plan) {
    static const uint64_t turn = 1;
    const int64_t n_items = plan->items->n_items, size = sheaf_segment_size(sheaf_space_row_bytes(plan));
    const hsize_t shape[2] = {SEGMENT_PARTS, (hsize_t)sheaf_segment_count(n_items, size)}, one = 1;
    hid_t sums = make_table(file, link_creation, dataset_creation, SUMS, 2, shape,
                            "XXH3 of each segment of items: its inputs; its outputs and statuses; 0: not known");
    hid_t turns = make_table(file, link_creation, dataset_creation, SUMS_TURN, 1, &one,
                             "odd while a run writes this file, or when it died; even when it has ended in order");
    int rc = sums >= 0 && turns >= 0 && sheaf_h5_put_values(sums, SUMS_SIZE, H5T_NATIVE_INT64, 1, &size) == 0 &&
                     H5Dwrite(turns, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &turn) >= 0
                 ? 0
                 : -1;
    if (sums >= 0 && H5Dclose(sums) < 0)
        rc = -1;
    if (turns >= 0 && H5Dclose(turns) < 0)
        rc = -1;
    return rc ? rc : make_text_sums(file, link_creation, dataset_creation, plan);
}

/* --- finding ------------------------------------------------------------------------------------------------------- */

struct finding {
    struct sums *sums;
    const char *path, *identity;
    bool of_sweep;              /* inputs are coordinates; older files have copies of them */
    int n_dims;                 /* of the items: */
    hsize_t dims[H5S_MAX_RANK]; /* [n_dims] */
    int n_outputs;              /* seen so far */
    struct sheaf_error *error;
};

/* The shape of a dataset, dims[*rank], and where it lies; refuses one that has no place. */
static int find_place(hid_t file, const char *path, const char *name, hsize_t dims[H5S_MAX_RANK], int *rank,
                      off_t *offset, struct sheaf_error *error) {
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
    *rank = space >= 0 ? H5Sget_simple_extent_dims(space, dims, NULL) : -1;
    const haddr_t at = *rank > 0 ? H5Dget_offset(dataset) : HADDR_UNDEF;
    const bool is_empty = *rank > 0 && H5Sget_simple_extent_npoints(space) == 0;
    *offset = is_empty ? 0 : (off_t)at;
    if (space >= 0)
        H5Sclose(space);
    if (dataset >= 0)
        H5Dclose(dataset);
    return is_empty || at != HADDR_UNDEF ? 0 : sheaf_h5_fail_dataset(error, path, name);
}

/* The same of a table of so many rows. */
static int find_table(hid_t file, const char *path, const char *name, int64_t n_rows, off_t *offset,
                      struct sheaf_error *error) {
    hsize_t dims[H5S_MAX_RANK];
    int rank;
    if (find_place(file, path, name, dims, &rank, offset, error))
        return -1;
    return rank == 1 && dims[0] == (hsize_t)n_rows ? 0 : sheaf_h5_fail_dataset(error, path, name);
}

static int add_column(struct finding *f, enum segment_part part, struct row_column column) {
    const int n = f->sums->n_columns[part];
    struct row_column *more = realloc(f->sums->columns[part], (size_t)(n + 1) * sizeof *more);
    if (!more)
        return sheaf_fail_memory(f->error, "the fields");
    f->sums->columns[part] = more;
    more[f->sums->n_columns[part]++] = column;
    return 0;
}

/* Takes a field of texts of any length. One that was never written lies nowhere. */
static int take_texts(struct finding *f, hid_t dataset, enum segment_part part, int32_t output, int64_t width) {
    const int n = f->sums->n_texts[part];
    const haddr_t at = H5Dget_offset(dataset);
    hid_t creation = H5Dget_create_plist(dataset);
    f->sums->moved_texts = f->sums->moved_texts || creation < 0 || H5Pget_layout(creation) != H5D_CONTIGUOUS;
    if (creation >= 0)
        H5Pclose(creation);
    H5Eclear2(H5E_DEFAULT);
    struct text_column *more = realloc(f->sums->texts[part], (size_t)(n + 1) * sizeof *more);
    if (!more)
        return sheaf_fail_memory(f->error, "the fields");
    f->sums->texts[part] = more;
    more[f->sums->n_texts[part]++] =
        (struct text_column){output < 0 ? n : output, width, at == HADDR_UNDEF ? 0 : (off_t)at};
    return 0;
}

/* Whether a dataset has the items' dimensions, and maybe more. */
static bool is_of_items(const struct finding *f, const hsize_t *dims, int rank) {
    bool is = rank >= f->n_dims;
    for (int d = 0; is && d < f->n_dims; d++)
        is = dims[d] == f->dims[d];
    return is;
}

/* Takes a field's dataset, if it has a row of bytes, or texts, for each item. output: -1 of an input. */
static int take_field(struct finding *f, hid_t dataset, const char *name, int32_t output) {
    const enum segment_part part = output >= 0 ? SEGMENT_OUTPUTS : SEGMENT_INPUTS;
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    hsize_t dims[H5S_MAX_RANK] = {0};
    const int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    const int64_t n_items = f->sums->segments.n_items;
    const bool of_items = is_of_items(f, dims, rank) && H5DSis_scale(dataset) <= 0;
    const bool is_text = H5Tis_variable_str(type) > 0, is_field = of_items && H5Tdetect_class(type, H5T_VLEN) <= 0;
    const size_t width = of_items && n_items ? (size_t)H5Sget_simple_extent_npoints(space) / (size_t)n_items : 0;
    const size_t row_bytes = is_field && !is_text ? width * H5Tget_size(type) : 0;
    const haddr_t at = H5Dget_offset(dataset);
    H5Sclose(space);
    H5Tclose(type);
    H5Eclear2(H5E_DEFAULT);
    if (is_text && width)
        return take_texts(f, dataset, part, output, (int64_t)width);
    if (row_bytes == 0)
        return 0;
    if (at == HADDR_UNDEF && part == SEGMENT_INPUTS) {
        f->sums->moved_inputs = true;
        return 0;
    }
    if (at == HADDR_UNDEF)
        return sheaf_fail(f->error, "%s: the dataset '%s' is not stored in one piece; the file was repacked", f->path,
                          name);
    return add_column(f, part, (struct row_column){(off_t)at, row_bytes});
}

static herr_t visit_link(hid_t file, const char *name, const H5L_info_t *info, void *context) {
    struct finding *f = context;
    H5O_info_t object;
    const int32_t output = sheaf_identity_find_output(f->identity, name);
    const bool is_output = output >= 0;
    if (info->type != H5L_TYPE_HARD ||
        (!is_output && (f->of_sweep || f->n_outputs > 0 || sheaf_coordinates_are_noted(file, name) ||
                        sheaf_identity_is_reduction(f->identity, name))))
        return 0;
    if (H5Oget_info_by_name2(file, name, &object, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
        return sheaf_h5_fail_dataset(f->error, f->path, name);
    if (object.type != H5O_TYPE_DATASET)
        return 0;
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0)
        return sheaf_h5_fail_dataset(f->error, f->path, name);
    int rc = take_field(f, dataset, name, output);
    f->n_outputs += is_output;
    H5Dclose(dataset);
    return rc;
}

/* The sums themselves, and of how many items their segments are. */
static int find_sums(struct finding *f, hid_t file) {
    struct sums *sums = f->sums;
    struct segments *s = &sums->segments;
    hsize_t shape[H5S_MAX_RANK];
    int rank;
    if (find_place(file, f->path, "status", f->dims, &f->n_dims, &sums->status_offset, f->error) ||
        find_place(file, f->path, SUMS, shape, &rank, &s->sums_offset, f->error) ||
        find_table(file, f->path, SUMS_TURN, 1, &sums->turn_offset, f->error))
        return -1;
    hid_t attribute = H5Aopen_by_name(file, SUMS, SUMS_SIZE, H5P_DEFAULT, H5P_DEFAULT);
    const bool read = attribute >= 0 && H5Aread(attribute, H5T_NATIVE_INT64, &s->size) >= 0;
    if (attribute >= 0)
        H5Aclose(attribute);
    hsize_t n_items = 1;
    for (int d = 0; d < f->n_dims; d++)
        n_items *= f->dims[d];
    s->n_items = (int64_t)n_items;
    s->n = rank == 2 && shape[0] == SEGMENT_PARTS ? (int64_t)shape[1] : -1;
    return read && s->n_items >= 0 && s->size >= 1 && s->size <= SEGMENT_MOST &&
                   s->n == sheaf_segment_count(s->n_items, s->size)
               ? 0
               : sheaf_h5_fail_dataset(f->error, f->path, SUMS);
}

/* Those of texts, where there are such. */
static int find_text_sums(const struct finding *f, hid_t file) {
    static const char *const names[] = {[SEGMENT_INPUTS] = INPUT_TEXT_SUMS, [SEGMENT_OUTPUTS] = TEXT_SUMS};
    for (int part = 0; part < SEGMENT_PARTS; part++)
        if (H5Lexists(file, names[part], H5P_DEFAULT) > 0 &&
            find_table(file, f->path, names[part], f->sums->segments.n_items, &f->sums->text_sums_offset[part],
                       f->error))
            return -1;
    return 0;
}

int sheaf_sums_find(struct sums *sums, hid_t file, const char *path, const char *identity, struct sheaf_error *error) {
    struct sheaf_error own = {0};
    struct finding f = {.sums = sums, .path = path, .identity = identity, .error = &own};
    *sums = (struct sums){0};
    if (H5Lexists(file, SUMS, H5P_DEFAULT) <= 0)
        return 0; /* made by an older version */
    f.of_sweep = sheaf_identity_is_sweep(identity) && sheaf_h5_get_layout(file) >= LAYOUT_CUBES;
    const bool bad = find_sums(&f, file) || find_text_sums(&f, file);
    if (!bad && H5Literate(file, H5_INDEX_CRT_ORDER, H5_ITER_INC, NULL, visit_link, &f) >= 0) {
        sums->n_columns[SEGMENT_INPUTS] = sums->moved_inputs ? 0 : sums->n_columns[SEGMENT_INPUTS];
        return 0;
    }
    if (!own.text[0])
        return sheaf_h5_fail(error, path, "list the fields");
    if (error)
        *error = own;
    return -1;
}
