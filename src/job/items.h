/*
 * items - the items of a job as columns: how many there are, which fields they have, and the values of any range.
 *
 * One struct for every source. A source is a small table of functions: csv and lines in csv.c, count in source.c, hdf5
 * in store/; grid, zip and rows in grid.c. Only the rank that reads the items opens them; the others learn the fields by message.
 */
#ifndef SHEAF_JOB_ITEMS_H
#define SHEAF_JOB_ITEMS_H

#include <stdint.h>

#include <sheaf/kernel.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "core/tile.h"
#include "job/extent.h"
#include "job/matching.h"
#include "job/yaml.h"
#include "sweep/sweep.h"

struct items;

/* What a source of items does. All but read_beside are called by one thread at a time. */
struct items_source {
    /* Whether the field's values can be read as `type`; refuses with the place of the first value that cannot. */
    int (*check)(struct items *items, int field, enum sheaf_type type, struct sheaf_error *error);
    /* Fills columns[field][n][width] for the fields whose column is not NULL, with values of types[field], or of the
       field's own type where types is NULL. Text points into the source or into the arena and lives as long as both. */
    int (*read)(struct items *items, int64_t first, int64_t n, void *const *columns, const enum sheaf_type *types,
                struct sheaf_arena *arena, struct sheaf_error *error);
    /* The same of numbers alone, in the fields' own types, by any number of threads at a time; NULL where one must do it. */
    int (*read_beside)(const struct items *items, int64_t first, int64_t n, void *const *columns,
                       struct sheaf_error *error);
    /* Which of the items first … first + n - 1 have no values at all, whatever the kernel takes: lacks[n]; and why one of
       them has none. NULL where all have. */
    int (*lacks)(const struct items *items, int64_t first, int64_t n, uint8_t *lacks, struct sheaf_error *error);
    void (*say_lack)(const struct items *items, int64_t item, char *text, size_t most);
    /* Which of the items first … first + n - 1 have no value that the kernel could take from the field as `type`:
       skips[n]. NULL where all have. */
    int (*skips)(const struct items *items, int field, enum sheaf_type type, int64_t first, int64_t n, uint8_t *skips,
                 struct sheaf_error *error);
    /* Where the field's values lie in the file `name` as values of `type`, [n_items][width] in one piece, so that they
       may be mapped; -1: nowhere. NULL where no field ever does. */
    int64_t (*offset)(const struct items *items, int field, enum sheaf_type type);
    /* How the field's values lie in the file `name` in tiles of values of `type`, borrowed from the items; NULL: they do
       not. NULL where no field ever does. */
    const struct sheaf_tiling *(*tiling)(const struct items *items, int field, enum sheaf_type type);
    void (*close)(struct items *items);
};

/* Items that are left out: a cell of a cube stays where it is, and is skipped. */
struct items_filter {
    const void *self;
    const char *text; /* what it is, for people */
    /* Which of the items first … first + n - 1 are: left_out[n]. */
    int (*leave_out)(const struct items_filter *filter, struct items *items, int64_t first, int64_t n,
                     uint8_t *left_out, struct sheaf_error *error);
};

/* A file that values come from, and how it was before it was read. */
struct items_file {
    const char *path;
    struct sheaf_stamp stamp;
};

struct items {
    const struct items_source *source;
    void *self;       /* the source's own */
    const char *name; /* for messages: "data/asteroids.csv" */
    int64_t n_items;
    int n_fields;
    struct sheaf_field *fields; /* [n_fields], in the arena; the types are the source's own */
    const char *const *links;   /* [n_fields] for hdf5: the dataset a field lives in; else NULL */
    bool of_stage;              /* they lie in the very file that the results go to */
    size_t all_text_bytes;      /* the texts of all items together have no more; */
    size_t most_text_bytes;     /* all texts of an item together have no more */
    struct sheaf_stamp stamp;   /* of the file `name`, taken before it was read; all zero where there is none */
    int n_others; /* files that fields of hdf5 lie in too: behind links, sources of virtual datasets, … */
    const struct items_file *others;     /* [n_others] */
    int64_t n_matched;                   /* files that are items themselves */
    const struct matching_file *matched; /* [n_matched] */
    /* What the values are is proven by hashes that are taken as they are read (plan/proof.h), not by the identity; all
       fields then lie in the file `name`, in one piece or in tiles. */
    bool in_segments;
    /* The axes of the items, and the first fields, which lie along them: any rank can work these out. NULL: a list, whose
       fields are all read. */
    const struct sweep *sweep;
    const struct items_filter *filter; /* borrowed; NULL: none is left out */
    struct sheaf_string identity;      /* canonical text: what these items are, with a fingerprint of their content */
    struct sheaf_string files;         /* lines: those that values of axes come from */
    struct sheaf_string warnings;      /* lines: what may be meant as it is, but looks odd */
    struct sheaf_arena arena;          /* owns names and fields */
};

/* See struct items_source. `read` gives values of the fields' own types, `read_as` of types[n_fields], which were
   checked; closing releases everything. Reading fails if a file was changed since it was opened: its values would not
   be those of the identity. */
int sheaf_items_check(struct items *items, int field, enum sheaf_type type, struct sheaf_error *error);
int sheaf_items_read(struct items *items, int64_t first, int64_t n, void *const *columns, struct sheaf_arena *arena,
                     struct sheaf_error *error);
int sheaf_items_read_as(struct items *items, int64_t first, int64_t n, void *const *columns,
                        const enum sheaf_type *types, struct sheaf_arena *arena, struct sheaf_error *error);
int64_t sheaf_items_offset(const struct items *items, int field, enum sheaf_type type);
const struct sheaf_tiling *sheaf_items_tiling(const struct items *items, int field, enum sheaf_type type);
void sheaf_items_close(struct items *items);

/* Refuses items of which a file was changed since it was opened. */
int sheaf_items_unchanged(const struct items *items, struct sheaf_error *error);

/* The dimensions of the items: the axes of a sweep, or one. Names are borrowed from the items. */
struct extent sheaf_items_extent(const struct items *items);

/* How many fields, the first ones, lie along an axis; the others have a value for each item. */
static inline int sheaf_items_n_along(const struct items *items) {
    return items->sweep ? items->sweep->n_fields : 0;
}

/* Whether nothing of the items is read: all is worked out. */
static inline bool sheaf_items_are_generated(const struct items *items) {
    return items->sweep && items->sweep->n_fields == items->n_fields;
}

/* The index of a field, or -1. */
int sheaf_items_find(const struct sheaf_field *fields, int n_fields, const char *name);

/* Refuses a name of a field that there is not, with the closest one; `what` is the key that has it. Returns -1. */
int sheaf_items_no_field(const struct items *items, const struct yaml_node *node, const char *what, const char *name,
                         struct sheaf_error *error);

/* Refuses a field name that HDF5 or the results file cannot take: empty, with '/' or control characters, or one of
   its own (status, seconds, …). `what` says what is named: "asteroids.csv: column 3". */
int sheaf_items_check_name(const char *name, const char *what, struct sheaf_error *error);

/* How many rows to read at a time, for who reads all: numbers are read side by side where there are many; of texts fewer
   are in memory. */
int64_t sheaf_items_window(const struct items *items);

#endif
