#include "store/proven.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/file.h"
#include "core/known.h"
#include "core/type.h"
#include "plan/proof.h"
#include "store/h5.h"
#include "store/layout.h"
#include "store/tiling.h"

/* --- making the tables ---------------------------------------------------------------------------------------------- */

static int make_table(const struct sheaf_field *field, const struct sheaf_tiling *tiling, int64_t n_items, hid_t file,
                      hid_t dataset_creation, hid_t link_creation) {
    char name[300];
    const hsize_t n = (hsize_t)sheaf_proof_segments(field, tiling, n_items);
    snprintf(name, sizeof name, PROOF "%s", field->name);
    hid_t space = H5Screate_simple(1, &n, NULL);
    hid_t table = H5Dcreate2(file, name, H5T_NATIVE_UINT64, space, link_creation, dataset_creation, H5P_DEFAULT);
    int bad = table < 0 || sheaf_h5_put_text(table, "long_name",
                                             tiling ? "XXH3 of each chunk as it is stored, 0 where not yet read"
                                                    : "XXH3 of each 64 KB of the values, 0 where not yet read");
    H5Sclose(space);
    if (table >= 0 && H5Dclose(table) < 0)
        bad = 1;
    return bad ? -1 : 0;
}

int sheaf_proven_make(const struct items *items, const char *path, hid_t file, hid_t dataset_creation,
                      hid_t link_creation, struct sheaf_error *error) {
    for (int k = 0; items->in_segments && k < items->n_fields; k++)
        if (make_table(&items->fields[k], sheaf_items_tiling(items, k, (enum sheaf_type)items->fields[k].type),
                       items->n_items, file, dataset_creation, link_creation))
            return sheaf_h5_fail(error, path, "make the hashes of the inputs");
    return 0;
}

/* --- comparing ----------------------------------------------------------------------------------------------------- */

/* The values of fields in a file, at offsets in it, and what the results file has of them. */
struct claim {
    const char *results, *input;
    int fd; /* of the results file */
    const struct sheaf_field *fields;
    int n_fields;
    int64_t n_items;
    const int64_t *tables;
    const int64_t *offsets;                    /* -1 for those that lie nowhere, or in tiles */
    const struct sheaf_tiling *const *tilings; /* NULL for the others */
};

/* Whether a field lies in the file as it must, so that its bytes can be compared. */
static bool lies_there(const struct claim *c, int k, const struct sheaf_mapping *mapping) {
    const int64_t n_bytes = c->n_items * (int64_t)sheaf_field_row_bytes(&c->fields[k]);
    return c->tilings[k] || (c->offsets[k] >= 0 && c->offsets[k] + n_bytes <= (int64_t)mapping->n_bytes);
}

static int refuse(const struct claim *c, int field, int64_t first, int64_t n, struct sheaf_error *error) {
    return sheaf_refuse(error,
                        "%s: was computed from other values: of '%s', items %" PRId64 " to %" PRId64
                        " of %s are not all what they were (and perhaps others behind them); choose another place with "
                        "-o, or start anew with --overwrite",
                        c->results, c->fields[field].name, first, first + n - 1, c->input);
}

static int check(const struct claim *c, struct sheaf_error *error) {
    struct sheaf_mapping mapping = {0};
    struct proof proof = {0};
    int field = -1;
    int64_t first = 0, n = 0;
    const char **data = calloc((size_t)c->n_fields + 1, sizeof *data);
    int rc = data ? sheaf_mapping_open(&mapping, c->input, error) : sheaf_fail_memory(error, "the inputs");
    for (int k = 0; rc == 0 && k < c->n_fields; k++) {
        if (!lies_there(c, k, &mapping))
            rc = sheaf_refuse(error, "%s: '%s' does not lie in it as it did when %s was begun", c->input,
                              c->fields[k].name, c->results);
        else
            data[k] = mapping.data + (c->tilings[k] ? 0 : c->offsets[k]);
    }
    if (rc == 0)
        rc = sheaf_proof_open(&proof, c->fields, c->n_fields, c->n_items, c->fd, c->tables, c->results,
                              (struct proof_values){data, c->tilings}, error);
    if (rc == 0)
        rc = sheaf_proof_compare(&proof, &field, &first, &n, error);
    if (rc == 0 && field >= 0)
        rc = refuse(c, field, first, n, error);
    sheaf_proof_close(&proof);
    sheaf_mapping_close(&mapping);
    free(data);
    return rc;
}

int sheaf_proven_check(const char *results, int fd, const struct items *items, const int64_t *tables,
                       struct sheaf_error *error) {
    int64_t *offsets = calloc((size_t)items->n_fields, sizeof *offsets);
    const struct sheaf_tiling **tilings = calloc((size_t)items->n_fields, sizeof *tilings);
    int rc = offsets && tilings ? 0 : sheaf_fail_memory(error, "the inputs");
    for (int k = 0; rc == 0 && k < items->n_fields; k++) {
        offsets[k] = sheaf_items_offset(items, k, (enum sheaf_type)items->fields[k].type);
        tilings[k] = sheaf_items_tiling(items, k, (enum sheaf_type)items->fields[k].type);
    }
    const struct claim claim = {results,        items->name, fd,      items->fields, items->n_fields,
                                items->n_items, tables,      offsets, tilings};
    if (rc == 0)
        rc = check(&claim, error);
    free(tilings);
    free(offsets);
    return rc ? rc : sheaf_items_unchanged(items, error);
}

/* --- what a results file links to ---------------------------------------------------------------------------------- */

static hid_t open_table(hid_t file, const char *name) {
    char path[300];
    hid_t table = H5I_INVALID_HID;
    snprintf(path, sizeof path, PROOF "%s", name);
    if (H5Lexists(file, GROUP, H5P_DEFAULT) > 0 && H5Lexists(file, PROOF_GROUP, H5P_DEFAULT) > 0 &&
        H5Lexists(file, path, H5P_DEFAULT) > 0)
        table = H5Dopen2(file, path, H5P_DEFAULT);
    H5Eclear2(H5E_DEFAULT);
    return table;
}

bool sheaf_proven_is(hid_t file, const char *name) {
    hid_t table = open_table(file, name);
    if (table >= 0)
        H5Dclose(table);
    return table >= 0;
}

/* A dataset as a field, and where it lies. */
struct linked {
    struct sheaf_field field;
    int64_t n_items;
    int64_t offset;             /* -1: nowhere in one piece */
    struct sheaf_tiling tiling; /* without tiles: it has none */
};

/* The table must have as many rows as the dataset has segments. */
static bool describe(hid_t dataset, hid_t table, const char *input, struct linked *linked) {
    struct sheaf_field *field = &linked->field;
    struct sheaf_stamp stamp = {0};
    const int64_t n_segments = sheaf_h5_count(table);
    const haddr_t at = H5Dget_offset(dataset);
    field->type = sheaf_h5_classify(dataset);
    field->width = sheaf_h5_width(dataset, 1, &linked->n_items);
    linked->offset = at == HADDR_UNDEF ? -1 : (int64_t)at;
    H5Eclear2(H5E_DEFAULT);
    if (field->width < 1 || !field->type || field->type == SHEAF_TEXT || sheaf_stamp_take(&stamp, input, NULL))
        return false;
    const bool tiled =
        linked->offset < 0 && sheaf_tiling_find(dataset, field, linked->n_items, stamp.n_bytes, &linked->tiling);
    return (int64_t)sheaf_proof_segments(field, tiled ? &linked->tiling : NULL, linked->n_items) == n_segments;
}

int sheaf_proven_check_linked(hid_t file, const char *path, const char *name, hid_t dataset, const char *input,
                              const char *files, struct sheaf_error *error) {
    struct linked linked = {.field = {.name = name}, .offset = -1};
    if (sheaf_known_is_same(files, input))
        return 0;
    hid_t table = open_table(file, name);
    const haddr_t at = table >= 0 ? H5Dget_offset(table) : HADDR_UNDEF;
    const bool fits = table >= 0 && at != HADDR_UNDEF && describe(dataset, table, input, &linked);
    if (table >= 0)
        H5Dclose(table);
    const int64_t tables = (int64_t)at;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const struct sheaf_tiling *tiling = linked.tiling.tiles ? &linked.tiling : NULL;
    const struct claim claim = {path, input, fd, &linked.field, 1, linked.n_items, &tables, &linked.offset, &tiling};
    int rc = !fits    ? sheaf_fail(error, "%s: is not the input that %s was computed from", input, path)
             : fd < 0 ? sheaf_fail_errno(error, "%s: cannot open", path)
                      : check(&claim, error);
    if (fd >= 0)
        close(fd);
    sheaf_tiling_free(&linked.tiling);
    return rc;
}
