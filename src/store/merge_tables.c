/* What a merged file has besides rows: messages, runs, marks, hashes of inputs, sums. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/boot.h"
#include "core/type.h"
#include "plan/flight.h"
#include "reduce/reduction.h"
#include "store/identity.h"
#include "store/merge_inside.h"
#include "store/run_table.h"
#include "store/sums_file.h"
#include "store/texts.h"

static int fail(const struct merge *m, const char *name) {
    return sheaf_h5_fail_dataset(m->error, m->aside, name);
}

/* All of a dataset, whose values are n_bytes of the type in memory, or is written so. */
static int write_all(const struct merge *m, hid_t file, const char *name, hid_t type, const void *values) {
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    const bool good = dataset >= 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
    if (dataset >= 0)
        H5Dclose(dataset);
    return good ? 0 : fail(m, name);
}

static int64_t count(hid_t file, const char *name) {
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
    const int64_t n = space >= 0 ? (int64_t)H5Sget_simple_extent_npoints(space) : -1;
    if (space >= 0)
        H5Sclose(space);
    if (dataset >= 0)
        H5Dclose(dataset);
    return n;
}

/* New memory; NULL after an error. */
static void *read_all(const struct merge *m, hid_t file, const char *path, const char *name, hid_t type) {
    const int64_t n = count(file, name);
    hid_t dataset = n >= 0 ? H5Dopen2(file, name, H5P_DEFAULT) : H5I_INVALID_HID;
    void *values = n >= 0 ? malloc((size_t)n * H5Tget_size(type) + 1) : NULL;
    if (!values || dataset < 0 || H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
        sheaf_h5_fail_dataset(m->error, path, name);
        free(values);
        values = NULL;
    }
    if (dataset >= 0)
        H5Dclose(dataset);
    return values;
}

static int write_zeros(const struct merge *m, hid_t file, const char *name) {
    const int64_t n = count(file, name);
    int64_t *zeros = n >= 0 ? calloc((size_t)n + 1, sizeof *zeros) : NULL;
    int rc = zeros ? write_all(m, file, name, H5T_NATIVE_INT64, zeros) : fail(m, name);
    free(zeros);
    return rc;
}

/* --- messages ------------------------------------------------------------------------------------------------------ */

static int write_messages(const struct merge *m, hid_t file) {
    const size_t n = (size_t)m->most_failures;
    int64_t *items = malloc(n * sizeof *items);
    char *messages = calloc(n, FAILURE_BYTES);
    int rc = items && messages ? 0 : sheaf_fail_memory(m->error, "the messages");
    for (int64_t i = 0; rc == 0 && i < m->most_failures; i++) {
        const bool used = i < m->n_failures;
        items[i] = used ? m->failures[i].item : -1;
        if (used)
            memcpy(messages + i * FAILURE_BYTES, m->failures[i].message, FAILURE_BYTES);
    }
    if (rc == 0)
        rc = write_all(m, file, ERROR_ITEM, H5T_NATIVE_INT64, items) ||
                     write_all(m, file, ERROR_MESSAGE, H5T_NATIVE_UINT8, messages)
                 ? -1
                 : 0;
    free(items);
    free(messages);
    return rc;
}

/* --- runs ---------------------------------------------------------------------------------------------------------- */

/* Where a run stands. */
struct run_place {
    double start;
    int part;
    int64_t row;
};

static int compare_runs(const void *a, const void *b) {
    const struct run_place *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return x->part != y->part ? x->part - y->part : (x->row > y->row) - (x->row < y->row);
}

/* All runs of all parts, by when they began. New memory. */
static struct run_place *list_runs(const struct merge *m, int *n) {
    struct run_place *places = calloc((size_t)m->plan->n_parts * RUNS_MOST, sizeof *places);
    *n = 0;
    for (int p = 0; places && p < m->plan->n_parts; p++) {
        double *starts = read_all(m, m->parts[p].file, m->parts[p].path, sheaf_run_columns[0].path, H5T_NATIVE_DOUBLE);
        for (int64_t row = 0; starts && row < RUNS_MOST; row++)
            if (starts[row] > 0)
                places[(*n)++] = (struct run_place){starts[row], p, row};
        if (!starts) {
            free(places);
            return NULL;
        }
        free(starts);
    }
    if (places)
        qsort(places, (size_t)*n, sizeof *places, compare_runs);
    return places;
}

static int write_run_column(const struct merge *m, hid_t file, const struct run_column *column,
                            const struct run_place *runs, int n) {
    const size_t n_bytes = sheaf_type_bytes(column->type) * (size_t)column->width;
    char *all = calloc(RUNS_MOST, n_bytes);
    int rc = all ? 0 : sheaf_fail_memory(m->error, "the table of runs");
    for (int p = 0; rc == 0 && p < m->plan->n_parts; p++) {
        char *own = read_all(m, m->parts[p].file, m->parts[p].path, column->path, sheaf_h5_type(column->type));
        for (int k = 0; own && k < n && k < RUNS_MOST; k++)
            if (runs[k].part == p)
                memcpy(all + (size_t)k * n_bytes, own + (size_t)runs[k].row * n_bytes, n_bytes);
        rc = own ? 0 : -1;
        free(own);
    }
    if (rc == 0)
        rc = write_all(m, file, column->path, sheaf_h5_type(column->type), all);
    free(all);
    return rc;
}

static int write_runs(const struct merge *m, hid_t file) {
    int n, rc = 0;
    struct run_place *runs = list_runs(m, &n);
    if (!runs)
        return m->error->text[0] ? -1 : sheaf_fail_memory(m->error, "the table of runs");
    for (int k = 0; k < RUN_COLUMNS && rc == 0; k++)
        rc = write_run_column(m, file, &sheaf_run_columns[k], runs, n);
    free(runs);
    return rc;
}

/* --- marks --------------------------------------------------------------------------------------------------------- */

/* Nothing is at work, all is safe, and texts lie beside the file where some were put there. */
static int write_marks(const struct merge *m, hid_t file) {
    const uint8_t texts[TEXTS_MARKS] = {[TEXTS_BESIDE] = m->n_texts > 0};
    char boot[BOOT_BYTES];
    sheaf_boot_id(boot);
    return write_zeros(m, file, IN_FLIGHT) || write_zeros(m, file, LIVES) || write_zeros(m, file, SUSPECTS) ||
                   write_all(m, file, BOOT, H5T_NATIVE_UINT8, boot) ||
                   write_all(m, file, TEXTS, H5T_NATIVE_UINT8, texts)
               ? -1
               : 0;
}

static int clear_reduction(const struct merge *m, hid_t file, const char *name) {
    char counts[300];
    const int64_t n = count(file, name);
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    const bool whole = sheaf_h5_classify(dataset) == SHEAF_INT64;
    double *none = n >= 0 ? malloc((size_t)n * sizeof *none + 1) : NULL;
    if (dataset >= 0)
        H5Dclose(dataset);
    if (none)
        sheaf_type_fill(SHEAF_FLOAT64, none, n);
    if (none && whole)
        memset(none, 0xff, (size_t)n * sizeof *none); /* -1 */
    int rc = none ? write_all(m, file, name, whole ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE, none) : fail(m, name);
    free(none);
    snprintf(counts, sizeof counts, REDUCTIONS "/%.250s", name);
    return rc ? rc : write_zeros(m, file, counts);
}

/* They are those of other rows; the next run makes them. */
static int clear_reductions(const struct merge *m, hid_t file) {
    const char *at = m->parts[0].identity, *from;
    size_t n_bytes;
    while (sheaf_identity_next_reduction(&at, &from, &n_bytes)) {
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)n_bytes, from);
        m->merged->has_reductions = true;
        if (clear_reduction(m, file, name))
            return -1;
    }
    return H5Lexists(file, REDUCED, H5P_DEFAULT) > 0 ? write_zeros(m, file, REDUCED) : 0;
}

/* --- hashes of inputs ---------------------------------------------------------------------------------------------- */

/* Of each segment that one part has read, its hash; two must have the same. */
static int merge_proof(const struct merge *m, hid_t file, const char *name) {
    char path[320];
    snprintf(path, sizeof path, PROOF "%.250s", name);
    const int64_t n = count(file, path);
    uint64_t *all = read_all(m, file, m->aside, path, H5T_NATIVE_UINT64);
    int rc = all ? 0 : -1;
    for (int p = 1; rc == 0 && p < m->plan->n_parts; p++) {
        uint64_t *own = count(m->parts[p].file, path) == n
                            ? read_all(m, m->parts[p].file, m->parts[p].path, path, H5T_NATIVE_UINT64)
                            : NULL;
        rc = own ? 0 : sheaf_fail(m->error, "%s: has other hashes of the input '%s'", m->parts[p].path, name);
        for (int64_t i = 0; rc == 0 && i < n; i++) {
            if (all[i] && own[i] && all[i] != own[i])
                rc = sheaf_refuse(m->error, "%s and %s were computed from different values of '%s'; nothing was made",
                                  m->parts[0].path, m->parts[p].path, name);
            all[i] = all[i] ? all[i] : own[i];
        }
        free(own);
    }
    if (rc == 0)
        rc = write_all(m, file, path, H5T_NATIVE_UINT64, all);
    free(all);
    return rc;
}

static int merge_proofs(const struct merge *m, hid_t file) {
    H5G_info_t group;
    if (H5Lexists(file, PROOF_GROUP, H5P_DEFAULT) <= 0)
        return 0;
    if (H5Gget_info_by_name(file, PROOF_GROUP, &group, H5P_DEFAULT) < 0)
        return fail(m, PROOF_GROUP);
    for (hsize_t k = 0; k < group.nlinks; k++) {
        char name[256];
        if (H5Lget_name_by_idx(file, PROOF_GROUP, H5_INDEX_NAME, H5_ITER_INC, k, name, sizeof name, H5P_DEFAULT) < 0)
            return fail(m, PROOF_GROUP);
        if (merge_proof(m, file, name))
            return -1;
    }
    return 0;
}

int sheaf_merge_tables(struct merge *m) {
    hid_t file = H5Fopen(m->aside, H5F_ACC_RDWR, H5P_DEFAULT);
    int rc = file >= 0 ? 0 : sheaf_h5_fail(m->error, m->aside, "open the new file");
    if (rc == 0)
        rc = write_messages(m, file) || write_runs(m, file) || write_marks(m, file) || clear_reductions(m, file) ||
                     merge_proofs(m, file)
                 ? -1
                 : 0;
    if (file >= 0 && H5Fclose(file) < 0 && rc == 0)
        rc = sheaf_h5_fail(m->error, m->aside, "close the new file");
    return rc;
}

/* --- sums ---------------------------------------------------------------------------------------------------------- */

/* The turn becomes even when all else lasts. */
static int write_sums(const struct merge *m, const struct sums *sums) {
    const uint64_t none[512] = {0};
    uint64_t turn;
    if (sheaf_file_pread(m->fd, &turn, sizeof turn, sums->turn_offset, m->aside, m->error))
        return -1;
    for (int64_t k = 0, n; k < sums->segments.n; k += n) {
        n = sums->segments.n - k < 512 ? sums->segments.n - k : 512;
        if (sheaf_file_pwrite(m->fd, none, (size_t)n * sizeof *none,
                              sheaf_segment_sum_offset(&sums->segments, SEGMENT_OUTPUTS, k), m->aside, m->error))
            return -1;
    }
    if (sheaf_sums_complete(sums, m->fd, m->aside, SEGMENT_INPUTS, m->error) ||
        sheaf_sums_complete(sums, m->fd, m->aside, SEGMENT_OUTPUTS, m->error))
        return -1;
    if (fdatasync(m->fd))
        return sheaf_fail_errno(m->error, "%s: cannot sync", m->aside);
    turn += 2 - turn % 2;
    return sheaf_file_pwrite(m->fd, &turn, sizeof turn, sums->turn_offset, m->aside, m->error);
}

int sheaf_merge_sums(struct merge *m) {
    struct sums sums = {0};
    hid_t file = sheaf_h5_open(m->aside);
    int rc = file >= 0 ? sheaf_sums_find(&sums, file, m->aside, m->parts[0].identity, m->error)
                       : sheaf_h5_fail(m->error, m->aside, "open the new file");
    if (file >= 0)
        H5Fclose(file);
    if (rc == 0 && sums.segments.size)
        rc = write_sums(m, &sums);
    sheaf_sums_free(&sums);
    return rc;
}
