/*
 * create_inside - what the files that make a results file share: create.c (the file), create_fields.c (what has values for
 * each item, and the dimensions of these), create_tables.c (the tables in /sheaf). Private to them.
 */
#ifndef SHEAF_STORE_CREATE_INSIDE_H
#define SHEAF_STORE_CREATE_INSIDE_H

#include <hdf5.h>

#include "job/extent.h"
#include "store/h5.h"
#include "store/results.h"

/* A file that is being made. */
struct creation {
    const struct results_plan *plan;
    struct extent extent;   /* of the items */
    const char *path;       /* the temporary name */
    hid_t file;             /* or the group of a stage, which stands for it */
    hid_t text;             /* type of variable-length UTF-8 */
    hid_t dataset_creation; /* contiguous, allocated at once, never filled */
    hid_t text_creation;    /* for texts, which HDF5 insists on filling */
    hid_t link_creation;    /* makes groups on the way; names are UTF-8 */
    struct sheaf_string
        coordinates; /* names of those that are not their dimension's: "x y", as netCDF's convention has it */
    struct sheaf_error *error;
};

/* The types and property lists of a creation whose plan, path and error are set; the latter to be closed in every case. */
int sheaf_create_begin(struct creation *c);
void sheaf_create_end(struct creation *c);

/* Says what HDF5 would not do; gives -1. */
static inline int sheaf_create_fail(const struct creation *c, const char *what) {
    return sheaf_h5_fail(c->error, c->path, what);
}

/* Everything of a stage, into the file or its group. */
int sheaf_create_stage(struct creation *c);

/* The group of a stage in an open file; negative after an error. */
hid_t sheaf_create_group(struct creation *c, hid_t file, const char *name);

/* A dataset of a shape[rank], with the groups on the way; negative after an error. */
hid_t sheaf_create_dataset(struct creation *c, const char *name, hid_t type, int rank, const int64_t *shape);

/* The dimensions of the items and their coordinates, and all fields. */
int sheaf_create_fields(struct creation *c);

/* Names a dimension of `width` values, made when first needed: "values_3". */
int sheaf_create_attach_width(struct creation *c, hid_t dataset, int64_t width, unsigned index);

/* The reductions: store/reductions.h. */
int sheaf_create_reductions(struct creation *c);

/* A text as a dataset of bytes. */
int sheaf_create_text(struct creation *c, const char *name, const char *text);

/* The dataset of what has a value for each item; negative after an error. */
hid_t sheaf_create_of_items(struct creation *c, const char *name, hid_t type);

/* Everything in /sheaf but what the sums have, and what the file says of itself. */
int sheaf_create_bookkeeping(struct creation *c);

#endif
