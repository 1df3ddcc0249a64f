#include "store/coordinates.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/crew.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/type.h"
#include "store/h5.h"
#include "store/layout.h"

enum { PIECE = 1 << 16 /* values in memory at a time */ };

static int64_t piece_of(int64_t n, int64_t first) {
    return n - first < PIECE ? n - first : PIECE;
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

struct writing {
    const struct sweep *sweep;
    int field;
    int fd;
    off_t offset; /* of the dataset */
    const char *path;
    atomic_bool failed;
};

static int write_numbers(const struct writing *w, int64_t first, int64_t n, struct sheaf_error *error) {
    const enum sheaf_type type = w->sweep->fields[w->field].about.type;
    const size_t value_bytes = sheaf_type_bytes(type);
    struct sheaf_arena arena = {0};
    void *values = sheaf_arena_take(&arena, (size_t)n * value_bytes);
    int rc = values && sheaf_sweep_convert(w->sweep, w->field, type, first, n, values, &arena) == 0
                 ? sheaf_file_pwrite(w->fd, values, (size_t)n * value_bytes, w->offset + first * (off_t)value_bytes,
                                     w->path, error)
                 : sheaf_fail_memory(error, "the axes");
    sheaf_arena_free(&arena);
    return rc;
}

static int64_t size_of(const struct sweep *sweep, int field) {
    return sweep->axes[sweep->fields[field].axis].size;
}

static void try_piece(void *context, int64_t k) {
    struct writing *w = context;
    struct sheaf_error ignored;
    if (!atomic_load(&w->failed) &&
        write_numbers(w, k * PIECE, piece_of(size_of(w->sweep, w->field), k * PIECE), &ignored))
        atomic_store(&w->failed, true);
}

static int write_side_by_side(struct writing *w, struct sheaf_error *error) {
    const int64_t n = size_of(w->sweep, w->field);
    int rc = 0;
    w->fd = open(w->path, O_WRONLY | O_CLOEXEC);
    if (w->fd < 0)
        return sheaf_fail_errno(error, "%s: cannot open for writing", w->path);
    sheaf_crew_do((n + PIECE - 1) / PIECE, try_piece, w);
    for (int64_t first = 0; rc == 0 && atomic_load(&w->failed) && first < n; first += PIECE)
        rc = write_numbers(w, first, piece_of(n, first), error); /* says what is wrong */
    if (close(w->fd) && rc == 0)
        rc = sheaf_fail_errno(error, "%s: cannot close", w->path);
    return rc;
}

/* HDF5 wants them terminated. */
static int write_texts(const struct sweep *sweep, int field, hid_t dataset, hid_t text, int64_t first, int64_t n) {
    struct sheaf_arena arena = {0};
    struct sheaf_text *values = sheaf_arena_take(&arena, (size_t)n * sizeof *values);
    const char **copies = sheaf_arena_take(&arena, (size_t)n * sizeof *copies);
    int rc = values && copies ? sheaf_sweep_convert(sweep, field, SHEAF_TEXT, first, n, values, &arena) : -1;
    for (int64_t i = 0; rc == 0 && i < n; i++) {
        copies[i] = sheaf_arena_text(&arena, values[i].data, values[i].length);
        rc = copies[i] ? 0 : -1;
    }
    rc = rc ? rc : sheaf_h5_write_rows(dataset, text, first, n, 1, copies);
    sheaf_arena_free(&arena);
    return rc;
}

int sheaf_coordinates_write(const struct sweep *sweep, int field, hid_t dataset, hid_t text, const char *path,
                            struct sheaf_error *error) {
    const int64_t n = size_of(sweep, field);
    if (sweep->fields[field].about.type == SHEAF_TEXT) {
        for (int64_t first = 0; first < n; first += PIECE)
            if (write_texts(sweep, field, dataset, text, first, piece_of(n, first)))
                return sheaf_h5_fail(error, path, "write an axis");
        return 0;
    }
    const haddr_t at = H5Dget_offset(dataset);
    struct writing w = {.sweep = sweep, .field = field, .path = path, .offset = (off_t)at};
    return at == HADDR_UNDEF ? sheaf_h5_fail(error, path, "find an axis") : write_side_by_side(&w, error);
}

/* --- sums ---------------------------------------------------------------------------------------------------------- */

/* Of texts each one's length and bytes count. */
static uint64_t sum_texts(uint64_t sum, char *const *texts, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        sum = sheaf_hash_word(texts[i] ? texts[i] : "", texts[i] ? strlen(texts[i]) : 0, sum + 1);
    return sum;
}

/* Adds n values, for which there is room in `values`. */
static int add_values(hid_t dataset, enum sheaf_type type, hid_t memory, int64_t first, int64_t n, void *values,
                      uint64_t *sum) {
    if (sheaf_h5_read_rows(dataset, memory, first, n, 1, values))
        return -1;
    *sum = type == SHEAF_TEXT ? sum_texts(*sum, values, n)
                              : sheaf_hash_word(values, (size_t)n * sheaf_type_bytes(type), *sum + (uint64_t)type);
    for (int64_t i = 0; type == SHEAF_TEXT && i < n; i++)
        H5free_memory(((char **)values)[i]);
    return 0;
}

static int sum_dataset(hid_t dataset, uint64_t *sum) {
    const int64_t n = sheaf_h5_count(dataset);
    const enum sheaf_type type = sheaf_h5_classify(dataset);
    hid_t memory = type == SHEAF_TEXT ? sheaf_h5_text_type() : sheaf_h5_type(type);
    void *values = n >= 0 && memory >= 0 ? calloc(PIECE, sizeof(char *) > 8 ? sizeof(char *) : 8) : NULL;
    int rc = values ? 0 : -1;
    *sum = 0;
    for (int64_t first = 0; rc == 0 && first < n; first += PIECE)
        rc = add_values(dataset, type, memory, first, piece_of(n, first), values, sum);
    if (type == SHEAF_TEXT && memory >= 0)
        H5Tclose(memory);
    free(values);
    return rc;
}

int sheaf_coordinates_note(hid_t file, hid_t link_creation, hid_t dataset_creation, hid_t dataset, const char *name) {
    char path[300];
    const hsize_t one = 1;
    uint64_t sum;
    if (sum_dataset(dataset, &sum))
        return -1;
    snprintf(path, sizeof path, COORDINATES "/%s", name);
    hid_t space = H5Screate_simple(1, &one, NULL);
    hid_t noted = H5Dcreate2(file, path, H5T_NATIVE_UINT64, space, link_creation, dataset_creation, H5P_DEFAULT);
    H5Sclose(space);
    int rc = noted >= 0 && H5Dwrite(noted, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &sum) >= 0 ? 0 : -1;
    return noted >= 0 && H5Dclose(noted) < 0 ? -1 : rc;
}

bool sheaf_coordinates_are_noted(hid_t file, const char *name) {
    char path[300];
    snprintf(path, sizeof path, COORDINATES "/%s", name);
    return H5Lexists(file, COORDINATES, H5P_DEFAULT) > 0 && H5Lexists(file, path, H5P_DEFAULT) > 0;
}

/* What is looked at, and what has changed. */
struct noting {
    hid_t file;
    struct sheaf_string *said;
};

static bool is_as_noted(hid_t file, hid_t group, const char *name) {
    uint64_t sum = 0, noted = 0;
    hid_t note = H5Dopen2(group, name, H5P_DEFAULT), dataset = H5Dopen2(file, name, H5P_DEFAULT);
    const bool is = sheaf_h5_count(note) == 1 &&
                    H5Dread(note, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &noted) >= 0 && dataset >= 0 &&
                    sum_dataset(dataset, &sum) == 0 && sum == noted;
    if (dataset >= 0)
        H5Dclose(dataset);
    if (note >= 0)
        H5Dclose(note);
    H5Eclear2(H5E_DEFAULT);
    return is;
}

static herr_t look_at(hid_t group, const char *name, const H5L_info_t *link, void *context) {
    const struct noting *noting = context;
    (void)link;
    if (!is_as_noted(noting->file, group, name))
        sheaf_string_add(noting->said, "%s%s", noting->said->length ? ", " : "", name);
    return 0;
}

void sheaf_coordinates_verify(hid_t file, struct sheaf_string *changed) {
    hid_t group =
        H5Lexists(file, COORDINATES, H5P_DEFAULT) > 0 ? H5Gopen2(file, COORDINATES, H5P_DEFAULT) : H5I_INVALID_HID;
    if (group < 0)
        return;
    struct noting noting = {file, changed};
    if (H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, look_at, &noting) < 0)
        sheaf_string_add(changed, "%s", changed->length ? ", …" : "all");
    H5Gclose(group);
    H5Eclear2(H5E_DEFAULT);
}
