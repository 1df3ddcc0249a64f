#include "store/run_table.h"

#include <stdlib.h>

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
    {GROUP "/runs/reason", SHEAF_UINT8, 1, AT(reason), NULL,
     "why it ended: 0 broken off (or still running), 1 complete, 2 the items asked for are done, 3 interrupted"},
    {GROUP "/runs/host", SHEAF_UINT8, sizeof(((struct run_record *)NULL)->host), AT(host), NULL,
     "host of rank 0, UTF-8 bytes"},
};

static int write_run(struct results *r, const struct run_record *record, struct sheaf_error *error) {
    for (int k = 0; k < RUN_COLUMNS; k++) {
        const struct run_column *column = &sheaf_run_columns[k];
        size_t n_bytes = sheaf_type_bytes(column->type) * (size_t)column->width;
        if (sheaf_file_pwrite(r->fd, (const char *)record + column->at, n_bytes,
                              r->run_offsets[k] + r->run * (off_t)n_bytes, r->path, error))
            return -1;
    }
    return 0;
}

int sheaf_results_copy_runs(struct results *r, const char *from, struct sheaf_error *error) {
    hid_t file = H5Fopen(from, H5F_ACC_RDONLY, H5P_DEFAULT);
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
    return write_run(r, record, error);
}

int sheaf_results_end_run(struct results *r, const struct run_record *record, struct sheaf_error *error) {
    return write_run(r, record, error);
}
