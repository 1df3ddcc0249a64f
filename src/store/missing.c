#include "store/missing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "core/type.h"
#include "plan/status.h"
#include "store/h5.h"
#include "store/layout.h"
#include "store/texts.h"

static bool is_float(enum sheaf_type type) {
    return type == SHEAF_FLOAT64 || type == SHEAF_FLOAT32;
}

/* "FILE:PATH" of a dataset. */
static const char *place_of(hid_t dataset, char place[512]) {
    char file[300] = "", name[200] = "";
    H5Fget_name(dataset, file, sizeof file);
    H5Iget_name(dataset, name, sizeof name);
    snprintf(place, 512, "%s:%s", file, name);
    return place;
}

/* --- what its attributes say --------------------------------------------------------------------------------------- */

/* The numbers of an attribute, as floats and as integers: at most `most`. 0 if there is none, or it holds none. */
static int read_numbers(hid_t dataset, const char *name, int most, double *floats, int64_t *integers, bool *real) {
    if (H5Aexists(dataset, name) <= 0)
        return 0;
    hid_t attribute = H5Aopen(dataset, name, H5P_DEFAULT), type = H5Aget_type(attribute);
    hid_t space = H5Aget_space(attribute);
    const hssize_t n = H5Sget_simple_extent_npoints(space);
    const H5T_class_t class = H5Tget_class(type);
    *real = class == H5T_FLOAT;
    int found = 0;
    if ((class == H5T_FLOAT || class == H5T_INTEGER) && n > 0 && n <= most &&
        H5Aread(attribute, H5T_NATIVE_DOUBLE, floats) >= 0 && H5Aread(attribute, H5T_NATIVE_INT64, integers) >= 0)
        found = (int)n;
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
    H5Eclear2(H5E_DEFAULT);
    return found;
}

static void add_mark(struct missing *m, double value, int64_t integer) {
    if ((is_float(m->stored) && isnan(value)) || m->n_marks == MISSING_MARKS)
        return;
    m->floats[m->n_marks] = value;
    m->integers[m->n_marks++] = integer;
}

static void add_marks(struct missing *m, hid_t dataset, const char *name) {
    double floats[MISSING_MARKS];
    int64_t integers[MISSING_MARKS];
    bool real = false;
    const int n = read_numbers(dataset, name, MISSING_MARKS, floats, integers, &real);
    for (int i = 0; i < n; i++) {
        if (m->stored == SHEAF_FLOAT32)
            floats[i] = (double)(float)floats[i]; /* 1e20 is another number there */
        if (is_float(m->stored) || !real || floats[i] == (double)integers[i])
            add_mark(m, floats[i], integers[i]);
    }
}

static int refuse_packed(hid_t dataset, struct sheaf_error *error) {
    static const struct {
        const char *name;
        double usual;
    } attributes[] = {{"scale_factor", 1}, {"add_offset", 0}};
    double value[1];
    int64_t integer[1];
    bool real;
    char place[512], number[32];
    for (int i = 0; i < 2; i++)
        if (read_numbers(dataset, attributes[i].name, 1, value, integer, &real) && value[0] != attributes[i].usual)
            return sheaf_refuse(error,
                                "%s: is packed (%s is %s): the numbers in it are not its values; unpack it first, as "
                                "with ncpdq -U IN.nc OUT.nc",
                                place_of(dataset, place), attributes[i].name, sheaf_text_double(value[0], number));
    char *word = sheaf_h5_get_attribute_text(dataset, "_Unsigned");
    const bool hidden = word && strcmp(word, "true") == 0;
    free(word);
    return hidden ? sheaf_refuse(error,
                                 "%s: holds unsigned integers that are stored as signed ones (_Unsigned); write it as "
                                 "unsigned integers first",
                                 place_of(dataset, place))
                  : 0;
}

/* --- outputs of a results file ------------------------------------------------------------------------------------- */

/* Whether the dataset is an output of a results file. */
static bool is_output(hid_t dataset, hid_t file) {
    char name[256] = "", line[300];
    if (H5Iget_name(dataset, name, sizeof name) < 2 || strchr(name + 1, '/') ||
        H5Lexists(file, GROUP, H5P_DEFAULT) <= 0)
        return false;
    char *identity = sheaf_h5_get_dataset_text(file, IDENTITY_TEXT);
    snprintf(line, sizeof line, "\noutput %s: ", name + 1);
    const bool is = identity && strstr(identity, line);
    free(identity);
    H5Eclear2(H5E_DEFAULT);
    return is;
}

int sheaf_missing_items(const struct missing *m, int64_t first, int64_t n, uint8_t *not_done,
                        struct sheaf_error *error) {
    memset(not_done, 0, (size_t)n);
    if (!m->has_status || n == 0)
        return 0;
    if (sheaf_h5_read_rows(m->status, H5T_NATIVE_UINT8, first, n, 1, not_done))
        return sheaf_h5_fail(error, "the results file of items", "read the status");
    sheaf_status_judge(not_done, n, m->trusts_unsafe);
    for (int64_t i = 0; i < n; i++)
        not_done[i] = not_done[i] != ITEM_DONE;
    return 0;
}

int sheaf_missing_open_status(struct missing *m, hid_t file, struct sheaf_error *error) {
    enum { ROWS = 65536 };
    char place[512];
    uint8_t *not_done = malloc(ROWS);
    m->status = H5Dopen2(file, "status", H5P_DEFAULT);
    hid_t space = m->status >= 0 ? H5Dget_space(m->status) : H5I_INVALID_HID;
    const int64_t n_items = space >= 0 ? (int64_t)H5Sget_simple_extent_npoints(space) : -1;
    bool all = true;
    m->has_status = m->status >= 0;
    m->trusts_unsafe = sheaf_h5_trusts_unsafe(file);
    int rc = not_done && n_items >= 0 ? 0 : sheaf_h5_fail(error, place_of(file, place), "read the status");
    for (int64_t at = 0; rc == 0 && all && at < n_items; at += ROWS) {
        const int64_t n = n_items - at < ROWS ? n_items - at : ROWS;
        rc = sheaf_missing_items(m, at, n, not_done, error);
        all = rc == 0 && !memchr(not_done, 1, (size_t)n);
    }
    if (space >= 0)
        H5Sclose(space);
    if (all && m->has_status)
        sheaf_missing_close(m);
    free(not_done);
    return rc;
}

/* Texts that are not yet in the file would be read as empty ones. */
static int refuse_unpacked(hid_t dataset, hid_t file, struct sheaf_error *error) {
    char place[512], path[4096] = "";
    H5Fget_name(file, path, sizeof path);
    if (sheaf_h5_classify(dataset) != SHEAF_TEXT || sheaf_texts_are_packed(file, path, sheaf_h5_get_token(file)))
        return 0;
    return sheaf_refuse(
        error,
        "%s: is text that is not packed into the file yet, since items are pending there, or a run was "
        "killed, or it is lost (sheaf status tells); run its job to the end first, or leave this field out",
        place_of(dataset, place));
}

void sheaf_missing_close(struct missing *m) {
    if (m->has_status)
        H5Dclose(m->status);
    m->has_status = false;
}

/* --- looking ------------------------------------------------------------------------------------------------------- */

int sheaf_missing_look(void *missing, hid_t dataset, bool is_source, struct sheaf_error *error) {
    struct missing *m = missing;
    int64_t fill[1] = {0};
    if (refuse_packed(dataset, error))
        return -1;
    if (!is_source)
        m->stored = sheaf_h5_classify(dataset);
    hid_t file = H5Iget_file_id(dataset);
    int rc = 0;
    if (!is_output(dataset, file)) {
        add_marks(m, dataset, "_FillValue");
        add_marks(m, dataset, "missing_value");
    } else if (!is_source) {
        rc = refuse_unpacked(dataset, file, error) ? -1 : sheaf_missing_open_status(m, file, error);
    } else if (sheaf_h5_classify(dataset) == SHEAF_INT64) { /* which of them are done its rows do not tell */
        sheaf_type_fill(SHEAF_INT64, fill, 1);
        add_mark(m, (double)fill[0], fill[0]);
    } else if (sheaf_h5_classify(dataset) == SHEAF_INT32) {
        int32_t narrow[1];
        sheaf_type_fill(SHEAF_INT32, narrow, 1);
        add_mark(m, narrow[0], narrow[0]);
    }
    H5Fclose(file);
    return rc;
}

/* --- values -------------------------------------------------------------------------------------------------------- */

/* Which of the values, as they are stored, are marks. */
static void compare(const struct missing *m, const void *values, int64_t n, uint8_t *gone) {
    const double *floats = values;
    const int64_t *integers = values;
    for (int k = 0; k < m->n_marks; k++)
        for (int64_t i = 0; i < n; i++)
            gone[i] |= is_float(m->stored) ? floats[i] == m->floats[k] : integers[i] == m->integers[k];
}

int sheaf_missing_values(const struct missing *m, hid_t dataset, int64_t first, int64_t n, int64_t width, uint8_t *gone,
                         struct sheaf_error *error) {
    char place[512];
    if (sheaf_missing_items(m, first, n, gone, error))
        return -1;
    for (int64_t i = n - 1; i >= 0; i--) /* from items to values */
        memset(gone + i * width, gone[i], (size_t)width);
    if (m->n_marks == 0)
        return 0;
    void *values = malloc((size_t)(n * width) * sizeof(double) + 1);
    int rc = values ? 0 : sheaf_fail_memory(error, place_of(dataset, place));
    if (rc == 0 && sheaf_h5_read_rows(dataset, is_float(m->stored) ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64, first, n,
                                      width, values))
        rc = sheaf_h5_fail(error, place_of(dataset, place), "read a field");
    if (rc == 0)
        compare(m, values, n * width, gone);
    free(values);
    return rc;
}
