/*
 * run_table - the columns of /sheaf/runs: one row for each run of the job, in struct run_record's order.
 */
#ifndef SHEAF_STORE_RUN_TABLE_H
#define SHEAF_STORE_RUN_TABLE_H

#include <stddef.h>

#include <sheaf/kernel.h>

#include "store/h5.h"
#include "store/results.h"

struct run_column {
    const char *path;
    enum sheaf_type type;
    int64_t width;
    size_t at; /* offset in struct run_record */
    const char *unit, *long_name;
};

/* The last row in use of the file's table; all zero where there is none. */
int sheaf_run_table_last(hid_t file, const char *path, struct run_record *run, struct sheaf_error *error);

extern const struct run_column sheaf_run_columns[RUN_COLUMNS];

#endif
