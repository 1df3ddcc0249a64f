#include "store/run_table.h"

#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/type.h"
#include "store/h5.h"
#include "store/layout.h"

#define AT(member) offsetof(struct run_record, member)

const struct run_column sheaf_run_columns[RUN_COLUMNS] = {
    {GROUP "/runs/start", SHEAF_FLOAT64, 1, AT(start_unix_s), "seconds since 1970-01-01 00:00:00 UTC",
     "when the run began; 0 in unused rows"},
    {GROUP "/runs/end", SHEAF_FLOAT64, 1, AT(end_unix_s), "seconds since 1970-01-01 00:00:00 UTC",
     "when the run ended; 0 if it was broken off"},
    {GROUP "/runs/ranks", SHEAF_INT32, 1, AT(n_ranks), NULL, "MPI ranks"},
    {GROUP "/runs/threads", SHEAF_INT32, 1, AT(n_threads), NULL, "compute threads of a rank"},
    {GROUP "/runs/nodes", SHEAF_INT32, 1, AT(n_nodes), NULL, "nodes"},
    {GROUP "/runs/items", SHEAF_INT64, 1, AT(n_items), NULL, "items computed in the run"},
    {GROUP "/runs/before", SHEAF_INT64, 1, AT(n_before), NULL, "items of the file that were not pending when it began"},
    {GROUP "/runs/wanted", SHEAF_INT64, 1, AT(n_wanted), NULL, "pending items that it was to compute"},
    {GROUP "/runs/reason", SHEAF_UINT8, 1, AT(reason), NULL,
     "why it ended: 0 broken off (or still running), 1 complete, 2 the items asked for are done, 3 interrupted"},
    {GROUP "/runs/host", SHEAF_UINT8, sizeof(((struct run_record *)NULL)->host), AT(host), NULL,
     "host of rank 0, UTF-8 bytes"},
};

/* The row from a column on. */
static int write_run(struct results *r, const struct run_record *record, int first, struct sheaf_error *error) {
    for (int k = first; k < RUN_COLUMNS; k++) {
        const struct run_column *column = &sheaf_run_columns[k];
        size_t n_bytes = sheaf_type_bytes(column->type) * (size_t)column->width;
        if (sheaf_file_pwrite(r->fd, (const char *)record + column->at, n_bytes,
                              r->run_offsets[k] + r->run * (off_t)n_bytes, r->path, error))
            return -1;
    }
    return 0;
}

int sheaf_results_copy_runs(struct results *r, const char *from, struct sheaf_error *error) {
    hid_t file = sheaf_h5_open(from);
    int rc = file >= 0 ? 0 : sheaf_h5_fail(error, from, "open the file");
    for (int k = 0; rc == 0 && k < RUN_COLUMNS; k++) {
        const struct run_column *column = &sheaf_run_columns[k];
        const size_t n_bytes = RUNS_MOST * sheaf_type_bytes(column->type) * (size_t)column->width;
        char *rows = malloc(n_bytes);
        hid_t dataset = H5Dopen2(file, column->path, H5P_DEFAULT);
        if (!rows)
            rc = sheaf_fail_memory(error, "the table of runs");
        else if (dataset < 0 || H5Dread(dataset, sheaf_h5_type(column->type), H5S_ALL, H5S_ALL, H5P_DEFAULT, rows) < 0)
            rc = sheaf_h5_fail(error, from, "read the table of runs");
        else
            rc = sheaf_file_pwrite(r->fd, rows, n_bytes, r->run_offsets[k], r->path, error);
        if (dataset >= 0)
            H5Dclose(dataset);
        free(rows);
    }
    if (file >= 0)
        H5Fclose(file);
    return rc;
}

int sheaf_results_begin_run(struct results *r, const struct run_record *record, struct sheaf_error *error) {
    double starts[RUNS_MOST];
    if (sheaf_file_pread(r->fd, starts, sizeof starts, r->run_offsets[0], r->path, error))
        return -1;
    r->run = 0;
    while (r->run < RUNS_MOST - 1 && starts[r->run] > 0)
        r->run++;
    r->mark = record->start_unix_s;
    return write_run(r, record, 0, error);
}

int sheaf_results_end_run(struct results *r, const struct run_record *record, struct sheaf_error *error) {
    return write_run(r, record, 1, error); /* when it began is the mark of a file that is still ours */
}

static hssize_t n_rows(hid_t dataset) {
    hid_t space = H5Dget_space(dataset);
    const hssize_t n = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
    if (space >= 0)
        H5Sclose(space);
    return n;
}

/* Reads a row of a column; negative where it has none. */
static herr_t read_cell(hid_t dataset, const struct run_column *column, int64_t row, void *to) {
    const int rank = column->width > 1 ? 2 : 1;
    const hsize_t start[2] = {(hsize_t)row, 0}, count[2] = {1, (hsize_t)column->width};
    hid_t from = H5Dget_space(dataset), room = H5Screate_simple(rank, count, NULL);
    const bool fits = H5Sget_simple_extent_ndims(from) == rank &&
                      H5Sselect_hyperslab(from, H5S_SELECT_SET, start, NULL, count, NULL) >= 0;
    const herr_t rc = fits ? H5Dread(dataset, sheaf_h5_type(column->type), room, from, H5P_DEFAULT, to) : -1;
    H5Sclose(room);
    H5Sclose(from);
    return rc;
}

int sheaf_run_table_last(hid_t file, const char *path, struct run_record *run, struct sheaf_error *error) {
    const bool counts = H5Lexists(file, GROUP "/runs/before", H5P_DEFAULT) > 0; /* since layout 3 */
    double starts[RUNS_MOST] = {0};
    int64_t row = RUNS_MOST - 1;
    int rc = 0;
    *run = (struct run_record){0};
    for (int k = 0; k < RUN_COLUMNS && rc == 0 && row >= 0; k++) {
        const struct run_column *column = &sheaf_run_columns[k];
        const bool is_count = column->at == AT(n_before) || column->at == AT(n_wanted);
        if (is_count && !counts) {
            run->n_before = run->n_wanted = -1;
            continue;
        }
        hid_t dataset = H5Dopen2(file, column->path, H5P_DEFAULT);
        if (k == 0 && dataset >= 0 && n_rows(dataset) == RUNS_MOST &&
            H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, starts) >= 0)
            while (row >= 0 && !(starts[row] > 0))
                row--;
        if (dataset < 0 || (row >= 0 && read_cell(dataset, column, row, (char *)run + column->at) < 0))
            rc = sheaf_h5_fail_dataset(error, path, column->path);
        if (dataset >= 0)
            H5Dclose(dataset);
    }
    run->host[sizeof run->host - 1] = '\0';
    return rc;
}
