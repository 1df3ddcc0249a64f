/*
 * reader_inside - what the files of the reader share: reader.c opens, reader_values.c reads values. Private to them.
 */
#ifndef SHEAF_STORE_READER_INSIDE_H
#define SHEAF_STORE_READER_INSIDE_H

#include <stdio.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/text.h"
#include "plan/journal_index.h"
#include "plan/row_sink.h"
#include "store/h5.h"
#include "store/reader.h"

/* CPU seconds that HDF5 may take for what is read at a time: some thousand rows. */
enum { MOST_CPU_S = 5, ROWS = 8192, MOST_WIDTH = 1 << 28 /* of a field */ };

struct reader {
    char *path;        /* of the file, */
    const char *stage; /* and which of its stages; NULL: a plain job, whose tree is at the root */
    struct interrupt_reading reading;
    char what[300];         /* is read */
    uint64_t device, inode; /* of the file at path, before it was opened */
    uint64_t token;
    bool trusts_unsafe;             /* plan/status.h */
    struct journal_index *journals; /* texts that are not yet packed; NULL until one is asked for */
    int fd;
    hid_t file, status, seconds;
    int64_t block;
    hid_t text; /* type of texts */
    int64_t n_items;
    struct extent extent;      /* of them; names are in the arena */
    bool has_coordinates;      /* noted as such (store/coordinates.h) */
    int n_fields, most_fields; /* without those about items, which stand behind the others */
    int n_about;
    int32_t n_outputs;
    struct reader_field *fields; /* [n_fields + n_about] */
    hid_t *datasets;             /* [n_fields + n_about] */
    char **
        whole; /* [n_fields + n_about] all values of a field, once many scattered rows, or coordinates, were asked for */
    char *identity, *files;
    const char *condition;        /* once it was asked for */
    struct sheaf_string left_out; /* inputs that are linked and not there, and why: a line each */
    int64_t n_failures;
    struct failure *failures; /* [n_failures], by item */
    struct sheaf_arena arena;
    struct sheaf_error *error; /* of the call under way, for HDF5's iteration */
};

/* From now on a crash is due to that dataset, or group. */
static inline void sheaf_reader_begin(struct reader *r, const char *name) {
    snprintf(r->what, sizeof r->what, "the dataset '%.250s'", name);
    sheaf_interrupt_begin_reading(&r->reading, r->what);
}

/* Whether the reductions, if there are any, are those of the rows that are there. While reading has begun. */
bool sheaf_reader_are_reduced(const struct reader *reader);

#endif
