/*
 * axis_file - the values of an axis from a file: a column of a table, or a dataset of one dimension.
 */
#ifndef SHEAF_JOB_AXIS_FILE_H
#define SHEAF_JOB_AXIS_FILE_H

#include <stdint.h>

#include <sheaf/kernel.h>

#include "core/error.h"
#include "core/text.h"
#include "job/job.h"
#include "sweep/sweep.h"

/* Reads datasets of HDF5 files, which have their home in store/ (store/shared_input.h). */
struct axis_reader {
    int (*look)(const char *path, const char *name, struct sheaf_array *about, struct sheaf_string *files,
                struct sheaf_error *error);
    int (*read)(const char *path, const char *name, const struct sheaf_array *about, void *values,
                struct sheaf_error *error);
};

/* What is needed to find and read files. */
struct axis_files {
    const struct job *job;
    const struct axis_reader *hdf5; /* NULL: none can be read */
    struct sheaf_string *read;      /* gets a line for each file that values come from */
};

/* Fills the type and the values of a field, *n of them, from FILE:COLUMN; all of it lives in the arena. Numbers are kept as they
   are written too. */
int sheaf_axis_read_csv(const struct axis_files *files, const struct yaml_node *node, const char *what,
                        struct sheaf_arena *arena, struct sweep_field *field, int64_t *n, struct sheaf_error *error);

/* The same from FILE:/DATASET. */
int sheaf_axis_read_hdf5(const struct axis_files *files, const struct yaml_node *node, const char *what,
                         struct sheaf_arena *arena, struct sweep_field *field, int64_t *n, struct sheaf_error *error);

#endif
