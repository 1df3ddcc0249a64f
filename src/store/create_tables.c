/* The tables and texts of a results file that is being made, and what it says of itself. */
#include <stdlib.h>
#include <string.h>

#include "core/boot.h"
#include "core/hash.h"
#include "core/random.h"
#include "plan/flight.h"
#include "store/create_inside.h"
#include "store/labels.h"
#include "store/layout.h"
#include "store/run_table.h"
#include "store/texts.h"

int sheaf_create_text(struct creation *c, const char *name, const char *text) {
    const int64_t n_bytes = (int64_t)strlen(text);
    hid_t dataset = sheaf_create_dataset(c, name, H5T_NATIVE_UINT8, 1, &n_bytes);
    if (dataset < 0)
        return -1;
    const bool bad = H5Dwrite(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) < 0;
    return H5Dclose(dataset) < 0 || bad ? sheaf_create_fail(c, "write a text") : 0;
}

static int make_labels(struct creation *c) {
    struct sheaf_string text = {0};
    sheaf_labels_list(c->plan, &text);
    int rc = text.failed ? sheaf_fail_memory(c->error, "the units") : 0;
    if (rc == 0 && text.length)
        rc = sheaf_create_text(c, LABELS_TEXT, text.data);
    sheaf_string_free(&text);
    return rc;
}

/* The table of errors: all slots marked unused. */
static int make_errors(struct creation *c) {
    int64_t n_items = c->plan->items->n_items, most = n_items < ERRORS_MOST ? n_items : ERRORS_MOST;
    int64_t shape[2] = {most > 0 ? most : 1, FAILURE_BYTES};
    int64_t *unused = malloc((size_t)shape[0] * sizeof *unused);
    int rc = -1;
    hid_t item = sheaf_create_dataset(c, ERROR_ITEM, H5T_NATIVE_INT64, 1, shape);
    hid_t message = sheaf_create_dataset(c, ERROR_MESSAGE, H5T_NATIVE_UINT8, 2, shape);
    if (!unused) {
        sheaf_fail_memory(c->error, "the table of errors");
    } else if (item >= 0 && message >= 0) {
        for (int64_t i = 0; i < shape[0]; i++)
            unused[i] = -1;
        rc = H5Dwrite(item, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, unused) >= 0
                 ? 0
                 : sheaf_create_fail(c, "write the table of errors");
    }
    if (item >= 0)
        H5Dclose(item);
    if (message >= 0)
        H5Dclose(message);
    free(unused);
    return rc;
}

static int make_runs(struct creation *c) {
    int64_t shape[2] = {RUNS_MOST, 0};
    for (int k = 0; k < RUN_COLUMNS; k++) {
        const struct run_column *column = &sheaf_run_columns[k];
        shape[1] = column->width;
        hid_t dataset =
            sheaf_create_dataset(c, column->path, sheaf_h5_type(column->type), column->width > 1 ? 2 : 1, shape);
        if (dataset < 0)
            return -1;
        int rc = 0;
        if ((column->unit && sheaf_h5_put_text(dataset, "units", column->unit)) ||
            sheaf_h5_put_text(dataset, "long_name", column->long_name))
            rc = sheaf_create_fail(c, "describe the table of runs");
        if (H5Dclose(dataset) < 0 || rc)
            return rc ? rc : sheaf_create_fail(c, "close the table of runs");
    }
    return 0;
}

/* A table of int64, all zero. */
static int make_zeros(struct creation *c, const char *name, int64_t n, int64_t width, const char *long_name) {
    int64_t shape[2] = {n, width};
    int64_t *zeros = calloc((size_t)(n * width), sizeof *zeros);
    hid_t dataset = sheaf_create_dataset(c, name, H5T_NATIVE_INT64, 2, shape);
    int rc = -1;
    if (!zeros)
        sheaf_fail_memory(c->error, name);
    else if (dataset >= 0 && (H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros) < 0 ||
                              sheaf_h5_put_text(dataset, "long_name", long_name)))
        sheaf_create_fail(c, "write a table");
    else
        rc = dataset >= 0 ? 0 : -1;
    if (dataset >= 0)
        H5Dclose(dataset);
    free(zeros);
    return rc;
}

static int make_flights(struct creation *c) {
    return make_zeros(c, IN_FLIGHT, FLIGHTS_MOST, FLIGHT_WIDTH,
                      "blocks at work while a run lasts, or when it died: first, number, party, flags") ||
                   make_zeros(c, SUSPECTS, SUSPECTS_MOST, SUSPECT_WIDTH,
                              "blocks at work when a run died: first, number, doubt (2: computed last and alone, 100: "
                              "given up)")
               ? -1
               : 0;
}

/* A table of bytes. */
static int put_bytes(struct creation *c, const char *name, const void *bytes, int64_t n, const char *long_name) {
    hid_t dataset = sheaf_create_dataset(c, name, H5T_NATIVE_UINT8, 1, &n);
    if (dataset < 0)
        return -1;
    int rc = H5Dwrite(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) < 0 ||
                     sheaf_h5_put_text(dataset, "long_name", long_name)
                 ? sheaf_create_fail(c, "write a table")
                 : 0;
    return H5Dclose(dataset) < 0 && rc == 0 ? sheaf_create_fail(c, "close a dataset") : rc;
}

/* Marks of ranks, of the machine, and of texts. */
static int make_marks(struct creation *c) {
    static const uint8_t no_lives[LIVES_MOST], no_texts[TEXTS_MARKS];
    char id[BOOT_BYTES];
    sheaf_boot_id(id);
    return put_bytes(c, LIVES, no_lives, LIVES_MOST,
                     "ranks while a run lasts, or when it died: 1 at work, 2 left in order") ||
                   put_bytes(c, BOOT, id, BOOT_BYTES,
                             "start of the machine on which a status with 128 added to it counts: its row is written, "
                             "and not yet safe from a power cut") ||
                   put_bytes(c, TEXTS, no_texts, TEXTS_MARKS,
                             "texts of items: 1 if some are in the folder beside this file; 1 if some are lost")
               ? -1
               : 0;
}

int sheaf_create_bookkeeping(struct creation *c) {
    const struct results_plan *plan = c->plan;
    uint64_t token;
    char hash[SHEAF_HASH_BYTES];
    int32_t version = LAYOUT_VERSION;
    sheaf_hash_bytes(plan->identity, strlen(plan->identity), hash);
    if (sheaf_create_text(c, ARGUMENTS_TEXT, plan->arguments) || sheaf_create_text(c, JOB_TEXT, plan->job_text) ||
        sheaf_create_text(c, IDENTITY_TEXT, plan->identity) || make_labels(c) ||
        (plan->files && *plan->files && sheaf_create_text(c, FILES_TEXT, plan->files)) || make_errors(c) ||
        make_runs(c) || make_flights(c) || make_marks(c) || sheaf_random_token(&token, c->error))
        return -1;
    hid_t group = H5Gopen2(c->file, GROUP, H5P_DEFAULT);
    int bad = group < 0 || sheaf_h5_put_values(group, "layout", H5T_NATIVE_INT32, 1, &version) ||
              sheaf_h5_put_values(group, "block", H5T_NATIVE_INT64, 1, &plan->block) ||
              sheaf_h5_put_values(group, "seed", H5T_NATIVE_INT64, 1, &plan->seed) ||
              sheaf_h5_put_values(group, TOKEN_NAME, H5T_NATIVE_UINT64, 1, &token) ||
              sheaf_h5_put_text(group, "version", PACKAGE_VERSION) || sheaf_h5_put_text(group, "identity", hash) ||
              sheaf_h5_put_text(group, "kernel", plan->kernel) ||
              sheaf_h5_put_text(group, "arguments", plan->arguments) ||
              sheaf_h5_put_text(c->file, "title", plan->job_name) ||
              sheaf_h5_put_text(c->file, "source", "Sheaf " PACKAGE_VERSION) ||
              sheaf_h5_put_text(c->file, "Conventions", "CF-1.10");
    if (group >= 0)
        H5Gclose(group);
    return bad ? sheaf_create_fail(c, "write the bookkeeping") : 0;
}
