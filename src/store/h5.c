#include "store/h5.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/boot.h"
#include "store/layout.h"

enum { REASON_BYTES = 512, MOST_TEXT_BYTES = 1 << 30, MOST_CPU_S = 60 };

void sheaf_h5_start(void) {
    static bool started;
    if (started)
        return;
    started = true;
    /* An open notebook must not block a run, nor a run a notebook; a lock file beside the results keeps runs apart. */
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
    H5dont_atexit(); /* its exit handler can crash after a failed write */
    H5open();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

hid_t sheaf_h5_open(const char *path) {
    struct stat about;
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode))
        return H5I_INVALID_HID;
    return H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
}

hid_t sheaf_h5_open_stage(const char *path, const char *stage) {
    hid_t file = sheaf_h5_open(path);
    if (file < 0 || !stage)
        return file;
    hid_t group = H5Lexists(file, stage, H5P_DEFAULT) > 0 ? H5Gopen2(file, stage, H5P_DEFAULT) : H5I_INVALID_HID;
    H5Fclose(file); /* it stays open as long as the group is */
    return group;
}

int sheaf_h5_close(hid_t place) {
    return (H5Iget_type(place) == H5I_GROUP ? H5Gclose(place) : H5Fclose(place)) < 0 ? -1 : 0;
}

void sheaf_h5_watch(struct interrupt_reading *reading, const char *path) {
    sheaf_h5_start();
    sheaf_interrupt_open_reading(reading, path, MOST_CPU_S, false);
    sheaf_interrupt_begin_reading(reading, "it");
}

hid_t sheaf_h5_open_watched(const char *path, const char *stage, struct interrupt_reading *reading) {
    sheaf_h5_watch(reading, path);
    return sheaf_h5_open_stage(path, stage);
}

int sheaf_h5_close_watched(hid_t file, struct interrupt_reading *reading) {
    int rc = file >= 0 ? sheaf_h5_close(file) : 0;
    if (rc == 0)
        H5Eclear2(H5E_DEFAULT);
    sheaf_interrupt_close_reading(reading);
    return rc;
}

/* Each entry overwrites the one before; the walk from the API downward ends at the innermost, which says most. */
static herr_t remember_reason(unsigned depth, const H5E_error2_t *entry, void *text) {
    (void)depth;
    snprintf(text, REASON_BYTES, "%s", entry->desc ? entry->desc : "unknown reason");
    return 0;
}

/* Of a failed system call HDF5 tells a page; what counts is "… error message = 'No space left on device', …". */
static void shorten(char *reason) {
    static const char mark[] = "error message = '";
    char *from = strstr(reason, mark);
    if (!from)
        return;
    from += sizeof mark - 1;
    size_t n = strcspn(from, "'");
    memmove(reason, from, n);
    reason[n] = '\0';
}

int sheaf_h5_fail(struct sheaf_error *error, const char *path, const char *what) {
    char reason[REASON_BYTES] = "it is not as Sheaf made it"; /* where HDF5 has nothing against it */
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, remember_reason, reason);
    shorten(reason);
    H5Eclear2(H5E_DEFAULT);
    return sheaf_fail(error, "%s: cannot %s: %s", path, what, reason);
}

int sheaf_h5_fail_dataset(struct sheaf_error *error, const char *path, const char *name) {
    char what[320];
    snprintf(what, sizeof what, "read the dataset '%.250s'", name);
    return sheaf_h5_fail(error, path, what);
}

hid_t sheaf_h5_type(int32_t type) {
    switch (type) {
    case SHEAF_FLOAT64:
        return H5T_NATIVE_DOUBLE;
    case SHEAF_FLOAT32:
        return H5T_NATIVE_FLOAT;
    case SHEAF_INT64:
        return H5T_NATIVE_INT64;
    case SHEAF_INT32:
        return H5T_NATIVE_INT32;
    case SHEAF_UINT8:
        return H5T_NATIVE_UINT8;
    case SHEAF_TEXT:
        break;
    }
    return H5I_INVALID_HID;
}

hid_t sheaf_h5_text_type(void) {
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type < 0 || H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0) {
        if (type >= 0)
            H5Tclose(type);
        return H5I_INVALID_HID;
    }
    return type;
}

enum sheaf_type sheaf_h5_classify(hid_t dataset) {
    enum sheaf_type found = 0;
    hid_t type = H5Dget_type(dataset);
    if (type < 0)
        return found;
    size_t n_bytes = H5Tget_size(type);
    if (H5Tget_class(type) == H5T_FLOAT)
        found = n_bytes <= 4 ? SHEAF_FLOAT32 : SHEAF_FLOAT64;
    else if (H5Tget_class(type) == H5T_INTEGER && n_bytes == 1 && H5Tget_sign(type) == H5T_SGN_NONE)
        found = SHEAF_UINT8;
    else if (H5Tget_class(type) == H5T_INTEGER)
        found = n_bytes < 4 || (n_bytes == 4 && H5Tget_sign(type) == H5T_SGN_2) ? SHEAF_INT32 : SHEAF_INT64;
    else if (H5Tget_class(type) == H5T_ENUM && n_bytes == 1) /* bool, as h5py and others write it */
        found = SHEAF_UINT8;
    else if (H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) > 0)
        found = SHEAF_TEXT;
    H5Tclose(type);
    return found;
}

bool sheaf_h5_is_bool(hid_t dataset) {
    hid_t type = H5Dget_type(dataset);
    const bool is = type >= 0 && H5Tget_class(type) == H5T_ENUM && H5Tget_size(type) == 1;
    if (type >= 0)
        H5Tclose(type);
    return is;
}

const char *sheaf_h5_advise(hid_t dataset) {
    hid_t type = H5Dget_type(dataset);
    const bool is_complex = type >= 0 && H5Tget_class(type) == H5T_COMPOUND && H5Tget_nmembers(type) == 2 &&
                            H5Tget_member_class(type, 0) == H5T_FLOAT && H5Tget_member_class(type, 1) == H5T_FLOAT;
    if (type >= 0)
        H5Tclose(type);
    return is_complex ? "; of complex numbers save the real and the imaginary part as two datasets" : "";
}

/* The largest box that begins at value `at`, is not longer than `left` values and is not interrupted in their order: start[rank]
   and count[rank]. How many values it has. */
static int64_t find_box(int rank, const hsize_t *dims, int64_t at, int64_t left, hsize_t *start, hsize_t *count) {
    int64_t stride = 1;
    int d = rank - 1;
    for (int k = rank - 1; k >= 0; k--) {
        start[k] = (hsize_t)at % dims[k];
        at /= (int64_t)dims[k];
        count[k] = 1;
    }
    while (d > 0 && start[d] == 0 && stride * (int64_t)dims[d] <= left) {
        count[d] = dims[d];
        stride *= (int64_t)dims[d--];
    }
    const int64_t fit = left / stride, room = (int64_t)(dims[d] - start[d]);
    count[d] = (hsize_t)(fit < room ? fit : room);
    return (int64_t)count[d] * stride;
}

int sheaf_h5_select(hid_t space, int64_t first, int64_t n) {
    hsize_t dims[H5S_MAX_RANK], start[H5S_MAX_RANK], count[H5S_MAX_RANK];
    const int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    H5S_seloper_t how = H5S_SELECT_SET;
    if (rank < 1 || first < 0 || n < 0 || first + n > (int64_t)H5Sget_simple_extent_npoints(space))
        return -1;
    if (n == 0)
        return H5Sselect_none(space) < 0 ? -1 : 0;
    for (int64_t done = 0; done < n; how = H5S_SELECT_OR) {
        done += find_box(rank, dims, first + done, n - done, start, count);
        if (H5Sselect_hyperslab(space, how, start, NULL, count, NULL) < 0)
            return -1;
    }
    return 0;
}

/* Moves n values from first on between a dataset and memory. */
static int move_values(hid_t dataset, hid_t type, int64_t first, int64_t n, const void *from, void *to) {
    hsize_t count = (hsize_t)n;
    hid_t stored = H5Dget_space(dataset), memory = H5Screate_simple(1, &count, NULL);
    const bool bad =
        sheaf_h5_select(stored, first, n) || (from ? H5Dwrite(dataset, type, memory, stored, H5P_DEFAULT, from)
                                                   : H5Dread(dataset, type, memory, stored, H5P_DEFAULT, to)) < 0;
    H5Sclose(memory);
    H5Sclose(stored);
    return bad ? -1 : 0;
}

int sheaf_h5_read_rows(hid_t dataset, hid_t type, int64_t first, int64_t n, int64_t width, void *values) {
    return move_values(dataset, type, first * width, n * width, NULL, values);
}

int sheaf_h5_write_rows(hid_t dataset, hid_t type, int64_t first, int64_t n, int64_t width, const void *values) {
    return move_values(dataset, type, first * width, n * width, values, NULL);
}

/* Moves the values at[n] of a dataset: from memory, or into it. */
static int move_these(hid_t dataset, hid_t type, const int64_t *at, int64_t n, const void *from, void *to) {
    hsize_t dims[H5S_MAX_RANK], count = (hsize_t)n;
    hid_t stored = H5Dget_space(dataset), memory = H5Screate_simple(1, &count, NULL);
    const int rank = H5Sget_simple_extent_dims(stored, dims, NULL);
    hsize_t *places = rank > 0 && n > 0 ? malloc((size_t)n * (size_t)rank * sizeof *places) : NULL;
    bool bad = n > 0 && !places, adjacent = true;
    for (int64_t i = 0; places && i < n; i++) {
        hsize_t rest = (hsize_t)at[i];
        adjacent = adjacent && at[i] - at[0] == i;
        for (int d = rank - 1; d >= 0; rest /= dims[d--])
            places[i * rank + d] = rest % dims[d];
    }
    if (places)
        bad = (adjacent ? sheaf_h5_select(stored, at[0], n)
                        : H5Sselect_elements(stored, H5S_SELECT_SET, (size_t)n, places)) < 0 ||
              (from ? H5Dwrite(dataset, type, memory, stored, H5P_DEFAULT, from)
                    : H5Dread(dataset, type, memory, stored, H5P_DEFAULT, to)) < 0;
    free(places);
    H5Sclose(memory);
    H5Sclose(stored);
    return bad ? -1 : 0;
}

int sheaf_h5_write_these(hid_t dataset, hid_t type, const int64_t *at, int64_t n, const void *values) {
    return move_these(dataset, type, at, n, values, NULL);
}

int sheaf_h5_read_these(hid_t dataset, hid_t type, const int64_t *at, int64_t n, void *values) {
    return move_these(dataset, type, at, n, NULL, values);
}

/* The product of dimensions; 0 where it is beyond 63 bits. */
static int64_t multiply(const hsize_t *dims, int n) {
    hsize_t product = 1;
    for (int d = 0; d < n; d++)
        product = product <= INT64_MAX / (dims[d] + 1) ? product * dims[d] : 0;
    return (int64_t)product;
}

int64_t sheaf_h5_width(hid_t dataset, int n_dims, int64_t *n_rows) {
    hsize_t dims[H5S_MAX_RANK] = {0};
    hid_t space = H5Dget_space(dataset);
    const int rank = space >= 0 ? H5Sget_simple_extent_dims(space, dims, NULL) : -1;
    if (space >= 0)
        H5Sclose(space);
    *n_rows = rank >= n_dims ? multiply(dims, n_dims) : 0;
    return rank >= n_dims ? multiply(dims + n_dims, rank - n_dims) : -1;
}

int64_t sheaf_h5_count(hid_t dataset) {
    hid_t space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
    const int64_t n = space >= 0 && H5Sget_simple_extent_ndims(space) > 0 ? H5Sget_simple_extent_npoints(space) : -1;
    if (space >= 0)
        H5Sclose(space);
    return n;
}

bool sheaf_h5_has_shape(hid_t dataset, int rank, const int64_t *shape) {
    hsize_t dims[H5S_MAX_RANK] = {0};
    hid_t space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
    bool has =
        space >= 0 && H5Sget_simple_extent_ndims(space) == rank && H5Sget_simple_extent_dims(space, dims, NULL) == rank;
    for (int d = 0; d < rank; d++)
        has = has && dims[d] == (hsize_t)shape[d];
    if (space >= 0)
        H5Sclose(space);
    return has;
}

int sheaf_h5_put_text(hid_t object, const char *name, const char *text) {
    hid_t type = sheaf_h5_text_type(), space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    int rc = attribute >= 0 && H5Awrite(attribute, type, &text) >= 0 ? 0 : -1;
    if (attribute >= 0 && H5Aclose(attribute) < 0)
        rc = -1;
    H5Sclose(space);
    H5Tclose(type);
    return rc;
}

int sheaf_h5_put_values(hid_t object, const char *name, hid_t type, int n, const void *values) {
    hsize_t size = (hsize_t)n;
    hid_t space = H5Screate_simple(1, &size, NULL);
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    int rc = attribute >= 0 && H5Awrite(attribute, type, values) >= 0 ? 0 : -1;
    if (attribute >= 0 && H5Aclose(attribute) < 0)
        rc = -1;
    H5Sclose(space);
    return rc;
}

/* Bytes of the dataset, as new text; NULL if that is not what it holds. */
static char *read_bytes(hid_t dataset, hid_t space) {
    hsize_t n_bytes = 0;
    char *text = NULL;
    if (H5Sget_simple_extent_ndims(space) == 1 && H5Sget_simple_extent_dims(space, &n_bytes, NULL) == 1 &&
        n_bytes <= MOST_TEXT_BYTES)
        text = calloc(n_bytes + 1, 1);
    if (text && H5Dread(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) < 0) {
        free(text);
        text = NULL;
    }
    return text;
}

/* A variable-length text, as files of layout 2 have them. */
static char *read_string(hid_t dataset, hid_t space) {
    char *text = NULL, *kept = NULL;
    hid_t type = sheaf_h5_text_type();
    if (H5Sget_simple_extent_type(space) == H5S_SCALAR &&
        H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &text) >= 0 && text) {
        kept = strdup(text);
        H5free_memory(text);
    }
    H5Tclose(type);
    return kept;
}

char *sheaf_h5_get_dataset_text(hid_t file, const char *path) {
    hid_t dataset = H5Dopen2(file, path, H5P_DEFAULT);
    hid_t space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
    enum sheaf_type type = space >= 0 ? sheaf_h5_classify(dataset) : 0;
    char *text = type == SHEAF_UINT8  ? read_bytes(dataset, space)
                 : type == SHEAF_TEXT ? read_string(dataset, space)
                                      : NULL;
    if (space >= 0)
        H5Sclose(space);
    if (dataset >= 0)
        H5Dclose(dataset);
    return text;
}

char *sheaf_h5_get_attribute_text(hid_t object, const char *name) {
    char *text = NULL, *kept = NULL;
    if (H5Aexists(object, name) <= 0)
        return NULL;
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    hid_t type = attribute >= 0 ? H5Aget_type(attribute) : H5I_INVALID_HID;
    if (type >= 0 && H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) > 0 &&
        H5Aread(attribute, type, &text) >= 0 && text) {
        kept = strdup(text);
        H5free_memory(text);
    }
    if (type >= 0)
        H5Tclose(type);
    if (attribute >= 0)
        H5Aclose(attribute);
    return kept;
}

bool sheaf_h5_trusts_unsafe(hid_t file) {
    char stored[BOOT_BYTES] = "", own[BOOT_BYTES];
    sheaf_boot_id(own);
    hid_t dataset = H5Dopen2(file, BOOT, H5P_DEFAULT);
    hid_t space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
    bool read = space >= 0 && H5Sget_simple_extent_npoints(space) == BOOT_BYTES &&
                H5Dread(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, stored) >= 0;
    if (space >= 0)
        H5Sclose(space);
    if (dataset >= 0)
        H5Dclose(dataset);
    H5Eclear2(H5E_DEFAULT); /* older files have none, and no such status */
    return read && own[0] != '\0' && memcmp(stored, own, sizeof own) == 0;
}

int32_t sheaf_h5_get_layout(hid_t file) {
    int32_t layout = 0;
    hid_t attribute = H5Aopen_by_name(file, GROUP, "layout", H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0 || H5Aread(attribute, H5T_NATIVE_INT32, &layout) < 0) {
        H5Eclear2(H5E_DEFAULT);
        layout = 0;
    }
    if (attribute >= 0)
        H5Aclose(attribute);
    return layout;
}

uint64_t sheaf_h5_get_token(hid_t file) {
    uint64_t token = 0;
    hid_t attribute = H5Aopen_by_name(file, GROUP, TOKEN_NAME, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0 || H5Aread(attribute, H5T_NATIVE_UINT64, &token) < 0) {
        H5Eclear2(H5E_DEFAULT);
        token = 0;
    }
    if (attribute >= 0)
        H5Aclose(attribute);
    return token;
}
