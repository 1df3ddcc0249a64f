#include "store/reader.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "core/type.h"
#include "job/items.h"
#include "plan/journal_index.h"
#include "plan/row_sink.h"
#include "plan/status.h"
#include "store/h5.h"
#include "store/inputs.h"
#include "store/layout.h"

struct reader {
    const char *path;
    struct stat opened; /* the file at path, before it was opened */
    uint64_t token;
    bool trusts_unsafe;             /* plan/status.h */
    struct journal_index *journals; /* texts that are not yet packed; NULL until one is asked for */
    hid_t file, status;
    int64_t block;
    hid_t text; /* type of texts */
    int64_t n_items;
    int n_fields, most_fields; /* without those about items, which stand behind the others */
    int n_about;
    int32_t n_outputs;
    struct reader_field *fields; /* [n_fields + n_about] */
    hid_t *datasets;             /* [n_fields + n_about] */
    char **whole; /* [n_fields + n_about] all values of a field, once many scattered rows were asked for */
    char *identity, *files;
    struct sheaf_string left_out; /* inputs that are linked and not there, and why: a line each */
    int64_t n_failures;
    struct failure *failures; /* [n_failures], by item */
    struct sheaf_arena arena;
    struct sheaf_error *error; /* of the call under way, for HDF5's iteration */
};

/* --- fields -------------------------------------------------------------------------------------------------------- */

static bool is_output(const struct reader *r, const char *name) {
    char line[300];
    snprintf(line, sizeof line, "\noutput %.200s: ", name);
    return strstr(r->identity, line) != NULL;
}

static const char *take_text(struct reader *r, hid_t dataset, const char *attribute) {
    char *text = sheaf_h5_get_attribute_text(dataset, attribute);
    const char *kept = text ? sheaf_arena_text(&r->arena, text, strlen(text)) : NULL;
    free(text);
    return kept;
}

static int add_field(struct reader *r, const char *name, hid_t dataset, int64_t width) {
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
    *f = (struct reader_field){.is_output = is_output(r, name), .output = -1};
    if (f->is_output)
        f->output = r->n_outputs++;
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

/* A dataset, or, negative, none. An input that is linked must be what the results were computed from; another one would
   stand beside them as if it were. */
static hid_t open_field(struct reader *r, hid_t file, const char *name, const H5L_info_t *info) {
    struct sheaf_error why;
    hid_t dataset = info->type == H5L_TYPE_EXTERNAL
                        ? sheaf_inputs_open_linked(file, r->path, name, r->identity, &r->files, &why)
                        : H5Dopen2(file, name, H5P_DEFAULT);
    H5Eclear2(H5E_DEFAULT);
    if (dataset < 0 && info->type == H5L_TYPE_EXTERNAL)
        sheaf_string_add(&r->left_out, "sheaf: '%s' is left out: %s\n", name, why.text);
    return dataset;
}

/* Takes what has a row for each item; the file's own datasets, dimensions and groups are passed over. */
static herr_t visit_link(hid_t file, const char *name, const H5L_info_t *info, void *context) {
    struct reader *r = context;
    hsize_t dims[H5S_MAX_RANK] = {0};
    struct sheaf_error reserved;
    if (sheaf_items_check_name(name, "", &reserved))
        return 0;
    hid_t dataset = open_field(r, file, name, info);
    if (dataset < 0)
        return 0;
    hid_t space = H5Dget_space(dataset);
    int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    H5Sclose(space);
    bool fits = (rank == 1 || rank == 2) && dims[0] == (hsize_t)r->n_items && sheaf_h5_classify(dataset) != 0;
    int rc = fits ? add_field(r, name, dataset, rank == 2 ? (int64_t)dims[1] : 1) : -1;
    if (rc)
        H5Dclose(dataset);
    else
        r->n_fields++;
    return fits && rc ? -1 : 0;
}

static int find_fields(struct reader *r) {
    /* By creation order; a file made otherwise has no index of it. */
    if (H5Literate(r->file, H5_INDEX_CRT_ORDER, H5_ITER_INC, NULL, visit_link, r) >= 0)
        return 0;
    return r->error->text[0] ? -1 : sheaf_h5_fail(r->error, r->path, "list the fields");
}

/* What the file keeps of an item that is neither input nor output; takes the dataset. */
static int add_about(struct reader *r, const char *name, hid_t dataset) {
    if (add_field(r, name, dataset, 1)) {
        H5Dclose(dataset);
        return -1;
    }
    r->fields[r->n_fields + r->n_about++].is_output = true;
    return 0;
}

/* The seconds of blocks, how many items those have, and the attempts if they are kept. */
static int find_about(struct reader *r) {
    hid_t seconds = H5Dopen2(r->file, "seconds", H5P_DEFAULT);
    hid_t attribute = seconds >= 0 ? H5Aopen(seconds, "items_per_block", H5P_DEFAULT) : H5I_INVALID_HID;
    bool fits = attribute >= 0 && H5Aread(attribute, H5T_NATIVE_INT64, &r->block) >= 0 && r->block >= 1;
    if (attribute >= 0)
        H5Aclose(attribute);
    if (!fits) {
        if (seconds >= 0)
            H5Dclose(seconds);
        return sheaf_h5_fail(r->error, r->path, "find the seconds of its blocks");
    }
    if (add_about(r, "seconds", seconds))
        return -1;
    if (H5Lexists(r->file, ATTEMPTS_NAME, H5P_DEFAULT) <= 0)
        return 0;
    hid_t attempts = H5Dopen2(r->file, ATTEMPTS_NAME, H5P_DEFAULT);
    return attempts < 0 ? sheaf_h5_fail(r->error, r->path, "find the attempts") : add_about(r, ATTEMPTS_NAME, attempts);
}

/* --- messages of failed items -------------------------------------------------------------------------------------- */

static int by_item(const void *a, const void *b) {
    int64_t x = ((const struct failure *)a)->item, y = ((const struct failure *)b)->item;
    return (x > y) - (x < y);
}

static int read_failures(struct reader *r) {
    hsize_t most = 0;
    int rc = -1;
    int64_t *items = NULL;
    char *messages = NULL;
    hid_t item = H5Dopen2(r->file, ERROR_ITEM, H5P_DEFAULT), message = H5Dopen2(r->file, ERROR_MESSAGE, H5P_DEFAULT);
    hid_t space = item >= 0 ? H5Dget_space(item) : H5I_INVALID_HID;
    if (message < 0 || space < 0 || H5Sget_simple_extent_dims(space, &most, NULL) != 1)
        goto out;
    items = malloc(most * sizeof *items);
    messages = malloc(most * FAILURE_BYTES);
    r->failures = malloc(most * sizeof *r->failures);
    if (!items || !messages || !r->failures)
        goto out;
    if (H5Dread(item, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, items) < 0 ||
        H5Dread(message, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, messages) < 0)
        goto out;
    for (hsize_t k = 0; k < most; k++) {
        if (items[k] < 0)
            continue;
        struct failure *failure = &r->failures[r->n_failures++];
        failure->item = items[k];
        memcpy(failure->message, messages + k * FAILURE_BYTES, FAILURE_BYTES);
        failure->message[FAILURE_BYTES - 1] = '\0';
    }
    qsort(r->failures, (size_t)r->n_failures, sizeof *r->failures, by_item);
    rc = 0;
out:
    if (space >= 0)
        H5Sclose(space);
    if (item >= 0)
        H5Dclose(item);
    if (message >= 0)
        H5Dclose(message);
    free(items);
    free(messages);
    return rc ? sheaf_h5_fail(r->error, r->path, "read the table of errors") : 0;
}

const char *sheaf_reader_message(struct reader *r, int64_t item) {
    struct failure wanted = {.item = item};
    if (!r->n_failures)
        return "";
    const struct failure *found = bsearch(&wanted, r->failures, (size_t)r->n_failures, sizeof *r->failures, by_item);
    return found ? found->message : "";
}

/* --- opening ------------------------------------------------------------------------------------------------------- */

static int look_inside(struct reader *r) {
    hsize_t n_items = 0;
    r->identity = sheaf_h5_get_dataset_text(r->file, IDENTITY_TEXT);
    r->status = H5Dopen2(r->file, "status", H5P_DEFAULT);
    hid_t space = r->status >= 0 ? H5Dget_space(r->status) : H5I_INVALID_HID;
    bool fits = r->identity && space >= 0 && H5Sget_simple_extent_dims(space, &n_items, NULL) == 1;
    if (space >= 0)
        H5Sclose(space);
    if (!fits) {
        H5Eclear2(H5E_DEFAULT);
        return sheaf_refuse(r->error, "%s: is not a results file of Sheaf", r->path);
    }
    r->n_items = (int64_t)n_items;
    r->token = sheaf_h5_get_token(r->file);
    r->files = sheaf_h5_get_dataset_text(r->file, FILES_TEXT);
    r->trusts_unsafe = sheaf_h5_trusts_unsafe(r->file);
    return find_fields(r) || find_about(r) || read_failures(r) ? -1 : 0;
}

int sheaf_reader_open(struct reader **made, const char *path, struct sheaf_error *error) {
    struct sheaf_error own = {0};
    struct reader *r = calloc(1, sizeof *r);
    *made = r;
    if (!r)
        return sheaf_fail_memory(error, path);
    r->file = r->status = H5I_INVALID_HID;
    r->path = path;
    r->error = &own;
    sheaf_h5_start();
    r->text = sheaf_h5_text_type();
    int probe = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* says why better than HDF5; a pipe would block */
    if (probe < 0)
        return sheaf_refuse(error, "%s: cannot open: %m", path);
    fstat(probe, &r->opened);
    close(probe);
    r->file = sheaf_h5_open(path);
    if (r->file < 0) {
        H5Eclear2(H5E_DEFAULT);
        return sheaf_refuse(error, "%s: is not an HDF5 file that can be read", path);
    }
    int rc = look_inside(r);
    if (rc && error)
        *error = own;
    r->error = NULL;
    return rc;
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
    if (r->file >= 0)
        H5Fclose(r->file);
    if (r->text >= 0)
        H5Tclose(r->text);
    free(r->whole);
    free(r->fields);
    free(r->datasets);
    free(r->identity);
    free(r->files);
    sheaf_string_free(&r->left_out);
    free(r->failures);
    sheaf_journal_index_close(r->journals);
    sheaf_arena_free(&r->arena);
    free(r);
}

const char *sheaf_reader_left_out(const struct reader *r) {
    return r->left_out.data ? r->left_out.data : "";
}

int64_t sheaf_reader_n_items(const struct reader *r) {
    return r->n_items;
}

const struct reader_field *sheaf_reader_fields(const struct reader *r, int *n_fields) {
    *n_fields = r->n_fields;
    return r->fields;
}

int sheaf_reader_n_about(const struct reader *r) {
    return r->n_about;
}

/* --- texts that are not yet packed ------------------------------------------------------------------------------- */

/* Looks for them once. They may be packed at this moment; then neither the file as it was opened nor the journals have
   them. */
static int find_unpacked(struct reader *r, struct sheaf_error *error) {
    struct stat now;
    if (sheaf_journal_index_open(&r->journals, r->path, r->token, error) ||
        sheaf_journal_index_scan(r->journals, 0, r->n_items, error))
        return -1;
    if (stat(r->path, &now) || now.st_ino != r->opened.st_ino || now.st_dev != r->opened.st_dev)
        return sheaf_fail(error, "%s: was replaced while it was read, as when its texts are packed; look again",
                          r->path);
    return 0;
}

/* Puts texts of the journals in the place of those that HDF5 gave. */
static int merge_unpacked(struct reader *r, int32_t output, int64_t first, int64_t n, const char **texts,
                          struct sheaf_arena *arena, struct sheaf_error *error) {
    if (r->token == 0)
        return 0;
    if (!r->journals && find_unpacked(r, error)) {
        sheaf_journal_index_close(r->journals);
        r->journals = NULL;
        return -1;
    }
    for (int64_t i = 0; i < n; i++) {
        const struct journal_entry *entry = sheaf_journal_index_find(r->journals, first + i, output);
        if (!entry)
            continue;
        char *text = sheaf_arena_take(arena, (size_t)entry->n_bytes + 1); /* zeroed: it is terminated */
        if (!text)
            return sheaf_fail_memory(error, "texts");
        if (sheaf_journal_index_read(r->journals, entry, text, error))
            return -1;
        texts[i] = text;
    }
    return 0;
}

/* --- values -------------------------------------------------------------------------------------------------------- */

static int read_rows(struct reader *r, hid_t dataset, hid_t type, int64_t first, int64_t n, int64_t width, void *to,
                     struct sheaf_error *error) {
    hsize_t start[2] = {(hsize_t)first, 0}, count[2] = {(hsize_t)n, (hsize_t)width};
    if (n == 0)
        return 0;
    hid_t from = H5Dget_space(dataset), room = H5Screate_simple(H5Sget_simple_extent_ndims(from), count, NULL);
    int bad = H5Sselect_hyperslab(from, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ||
              H5Dread(dataset, type, room, from, H5P_DEFAULT, to) < 0;
    H5Sclose(room);
    H5Sclose(from);
    return bad ? sheaf_h5_fail(error, r->path, "read a field") : 0;
}

/* Moves the strings that HDF5 gave into the arena. */
static int keep_texts(char **texts, int64_t n, struct sheaf_arena *arena, struct sheaf_error *error) {
    int rc = 0;
    for (int64_t i = 0; i < n; i++) {
        char *text = texts[i], *kept = sheaf_arena_text(arena, text ? text : "", text ? strlen(text) : 0);
        H5free_memory(text);
        texts[i] = kept;
        rc = kept ? rc : sheaf_fail_memory(error, "texts");
    }
    return rc;
}

/* For items first … first + n - 1 the seconds of their blocks: as many as there are blocks are read to the end of
   `values`, and spread from there. */
static int spread_seconds(struct reader *r, int64_t first, int64_t n, float *values, struct sheaf_error *error) {
    if (n == 0)
        return 0;
    int64_t from = first / r->block, n_blocks = (first + n - 1) / r->block - from + 1;
    float *read = values + n - n_blocks;
    if (sheaf_reader_seconds(r, from, n_blocks, read, error))
        return -1;
    for (int64_t i = 0; i < n; i++) /* block b's value stands at or behind the items that it is spread to */
        values[i] = read[(first + i) / r->block - from];
    return 0;
}

int sheaf_reader_range(struct reader *r, int field, int64_t first, int64_t n, void *values, struct sheaf_arena *arena,
                       struct sheaf_error *error) {
    const struct sheaf_field *f = &r->fields[field].field;
    const int32_t output = r->fields[field].output;
    if (field == r->n_fields)
        return spread_seconds(r, first, n, values, error);
    if (f->type != SHEAF_TEXT)
        return read_rows(r, r->datasets[field], sheaf_h5_type(f->type), first, n, f->width, values, error);
    if (read_rows(r, r->datasets[field], r->text, first, n, f->width, values, error) ||
        keep_texts(values, n * f->width, arena, error))
        return -1;
    return output >= 0 ? merge_unpacked(r, output, first, n, values, arena, error) : 0;
}

/* Bytes of one item's values as the reader gives them. */
static size_t row_bytes(const struct sheaf_field *f) {
    return (f->type == SHEAF_TEXT ? sizeof(char *) : sheaf_type_bytes(f->type)) * (size_t)f->width;
}

static int read_whole(struct reader *r, int field, struct sheaf_error *error) {
    const struct sheaf_field *f = &r->fields[field].field;
    if (!r->whole)
        r->whole = calloc((size_t)(r->n_fields + r->n_about), sizeof *r->whole);
    char *all = r->whole ? malloc((size_t)r->n_items * row_bytes(f) + 1) : NULL;
    if (!all)
        return sheaf_fail_memory(error, "a field");
    if (sheaf_reader_range(r, field, 0, r->n_items, all, &r->arena, error)) {
        free(all);
        return -1;
    }
    r->whole[field] = all;
    return 0;
}

int sheaf_reader_values(struct reader *r, int field, const int64_t *items, int64_t n, void *values,
                        struct sheaf_arena *arena, struct sheaf_error *error) {
    enum { SCATTERED = 512 }; /* reading so many rows one by one costs more than reading all */
    const struct sheaf_field *f = &r->fields[field].field;
    const bool is_long = f->type == SHEAF_TEXT && r->fields[field].output >= 0; /* all of it may not fit in memory */
    bool contiguous = true;
    for (int64_t i = 1; i < n && contiguous; i++)
        contiguous = items[i] == items[0] + i;
    if (n > 0 && contiguous)
        return sheaf_reader_range(r, field, items[0], n, values, arena, error);
    if (n > SCATTERED && !is_long && !(r->whole && r->whole[field]) && read_whole(r, field, error))
        return -1;
    for (int64_t i = 0; i < n; i++) {
        char *to = (char *)values + (size_t)i * row_bytes(f);
        if (r->whole && r->whole[field])
            memcpy(to, r->whole[field] + (size_t)items[i] * row_bytes(f), row_bytes(f));
        else if (sheaf_reader_range(r, field, items[i], 1, to, arena, error))
            return -1;
    }
    return 0;
}

int sheaf_reader_status(struct reader *r, int64_t first, int64_t n, uint8_t *status, struct sheaf_error *error) {
    if (read_rows(r, r->status, H5T_NATIVE_UINT8, first, n, 1, status, error))
        return -1;
    sheaf_status_judge(status, n, r->trusts_unsafe);
    return 0;
}

int64_t sheaf_reader_block(const struct reader *r) {
    return r->block;
}

int sheaf_reader_seconds(struct reader *r, int64_t first, int64_t n, float *seconds, struct sheaf_error *error) {
    return read_rows(r, r->datasets[r->n_fields], H5T_NATIVE_FLOAT, first, n, 1, seconds, error);
}
