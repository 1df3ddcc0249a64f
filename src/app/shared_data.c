#include "app/shared_data.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/stage.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/node_folder.h"
#include "core/npy.h"
#include "core/type.h"
#include "job/csv.h"
#include "store/shared_input.h"

/* An array while rank 0 loads it. */
struct loading {
    const struct job_shared *shared;
    struct sheaf_array about;
    bool is_bool;              /* its uint8 are */
    struct sheaf_mapping file; /* of npy */
    struct items table;        /* of csv, */
    struct job_table written;  /* and how it is written: as the file shows */
    int column;
    struct sheaf_string *files; /* gets a line for each file that is read */
};

/* --- rank 0 -------------------------------------------------------------------------------------------------------- */

static int look_at_npy(struct loading *l, struct sheaf_error *error) {
    if (sheaf_mapping_open(&l->file, l->shared->file, error) ||
        sheaf_npy_read(l->shared->file, l->file.data, l->file.n_bytes, &l->about, error))
        return -1;
    l->is_bool = sheaf_npy_is_bool(l->file.data, l->file.n_bytes);
    return 0;
}

static int look_at_csv(struct loading *l, struct sheaf_error *error) {
    const char *path = l->shared->file, *name = l->shared->dataset;
    l->table.name = sheaf_arena_text(&l->table.arena, path, strlen(path));
    if (!l->table.name)
        return sheaf_fail_memory(error, path);
    if (sheaf_csv_open(&l->table, &l->written, error))
        return -1;
    l->column = sheaf_items_find(l->table.fields, l->table.n_fields, name);
    if (l->column < 0)
        return sheaf_refuse(error, "%s: has no column '%s'", path, name);
    const enum sheaf_type type = (enum sheaf_type)l->table.fields[l->column].type;
    if (type == SHEAF_TEXT) { /* says which value is no number */
        sheaf_items_check(&l->table, l->column, SHEAF_FLOAT64, error);
        return -1;
    }
    l->about = (struct sheaf_array){.type = (int32_t)type, .n_dims = 1, .shape = {l->table.n_items}};
    return 0;
}

/* What it is, and how large. */
static int look(struct loading *l, struct sheaf_error *error) {
    switch (l->shared->source) {
    case SHARED_NUMBER:
        l->about.type = l->shared->is_whole ? SHEAF_INT64 : SHEAF_FLOAT64;
        return 0;
    case SHARED_HDF5:
        return sheaf_shared_input_look(l->shared->file, l->shared->dataset, &l->about, &l->is_bool, l->files, error);
    case SHARED_NPY:
        return look_at_npy(l, error);
    case SHARED_CSV:
        return look_at_csv(l, error);
    }
    return -1;
}

static int read_csv(struct loading *l, void *values, struct sheaf_error *error) {
    struct sheaf_arena arena = {0};
    void **columns = sheaf_arena_take(&arena, (size_t)l->table.n_fields * sizeof *columns);
    int rc = columns ? 0 : sheaf_fail_memory(error, l->shared->file);
    if (columns)
        columns[l->column] = values;
    if (rc == 0)
        rc = sheaf_items_read(&l->table, 0, l->table.n_items, columns, &arena, error);
    sheaf_arena_free(&arena);
    return rc;
}

/* The whole .npy file. */
static int fill(void *context, void *memory, struct sheaf_error *error) {
    struct loading *l = context;
    char header[NPY_HEADER_BYTES];
    const size_t n_header = sheaf_npy_write_header(&l->about, l->is_bool, header);
    char *values = (char *)memory + n_header;
    memcpy(memory, header, n_header);
    switch (l->shared->source) {
    case SHARED_NUMBER:
        if (l->shared->is_whole)
            memcpy(values, &l->shared->whole, sizeof l->shared->whole);
        else
            memcpy(values, &l->shared->value, sizeof l->shared->value);
        return 0;
    case SHARED_HDF5:
        return sheaf_shared_input_read(l->shared->file, l->shared->dataset, &l->about, values, error);
    case SHARED_NPY:
        memcpy(values, l->about.data,
               (size_t)sheaf_array_count(&l->about) * sheaf_type_bytes((enum sheaf_type)l->about.type));
        return 0;
    case SHARED_CSV:
        return read_csv(l, values, error);
    }
    return -1;
}

static void close_loading(struct loading *l) {
    sheaf_mapping_close(&l->file);
    sheaf_items_close(&l->table);
}

/* --- all ranks ----------------------------------------------------------------------------------------------------- */

/* A folder on each node, where processes that are not ranks need one: its path on all ranks of the node. */
static int make_folder(struct stage *stage) {
    struct session *session = stage->session;
    const bool is_needed =
        stage->job->kind == JOB_COMMAND || stage->job->kind == JOB_WORKER || stage->job->limits.isolate;
    int rc = 0, fd = -1;
    if (!is_needed || session->only_looks)
        return 0;
    if (session->self.node_rank == 0) {
        fd = sheaf_node_folder_make(stage->shared_folder, &session->error);
        rc = fd >= 0 ? sheaf_server_hold_folder(session->server, fd, stage->shared_folder, &session->error) : -1;
        if (fd >= 0)
            close(fd);
        stage->holds_folder = rc == 0;
    }
    if (sheaf_session_agree(session, rc))
        return -1;
    return sheaf_comm_broadcast_node(session->comm, stage->shared_folder, sizeof stage->shared_folder, &session->error);
}

void sheaf_shared_data_close(struct stage *stage) {
    if (stage->holds_folder)
        sheaf_node_folder_remove(stage->shared_folder);
    stage->holds_folder = false;
}

static int open_one(struct stage *stage, struct job_shared *shared, struct sheaf_array *array) {
    struct session *session = stage->session;
    struct loading l = {.shared = shared, .files = &session->known.paths};
    char file[NODE_FOLDER_BYTES + 256];
    snprintf(file, sizeof file, "%s/%s.npy", stage->shared_folder, shared->name);
    const struct comm_region region = {shared->name, COMM_STAGE, stage->shared_folder[0] ? file : NULL};
    const void *memory = NULL;
    int rc = sheaf_session_is_first(session) ? look(&l, &session->error) : 0;
    if (rc)
        sheaf_yaml_prefix(shared->node, &session->error);
    int64_t n_bytes = rc == 0 && sheaf_session_is_first(session) ? (int64_t)sheaf_npy_bytes(&l.about) : 0;
    rc = sheaf_session_agree(session, rc);
    if (rc == 0)
        rc = sheaf_comm_broadcast_value(session->comm, &n_bytes, &session->error);
    if (rc == 0)
        rc = sheaf_comm_share(session->comm, region, (size_t)n_bytes, fill, &l, &memory, &session->error);
    close_loading(&l);
    if (rc == 0)
        rc =
            sheaf_session_agree(session, sheaf_npy_read(shared->name, memory, (size_t)n_bytes, array, &session->error));
    if (rc == 0 && sheaf_array_is_number(array))
        shared->value = sheaf_type_to_double((enum sheaf_type)array->type, array->data);
    return rc;
}

int sheaf_shared_data_open(struct stage *stage) {
    struct job *job = stage->job;
    if (job->n_shared && make_folder(stage))
        return -1;
    for (int k = 0; k < job->n_shared; k++) {
        if (open_one(stage, &job->shared[k], &stage->arrays.list[k]))
            return -1;
        stage->arrays.names[k] = job->shared[k].name;
        stage->arrays.n++;
    }
    stage->arrays.uses = &stage->uses;
    return 0;
}

/* --- what becomes of them ------------------------------------------------------------------------------------------ */

/* What an unused one may have been meant to be called: names that formulas use, or that a plugin looked for in vain. */
static const char **list_wanted(const struct stage *stage, int *n) {
    const struct job *job = stage->job;
    const struct binding *kernel = &stage->kernel;
    const char **names = calloc((size_t)(USES_MISSED_MOST + kernel->n_inputs + job->n_params), sizeof *names);
    *n = 0;
    if (!names)
        return NULL;
    sheaf_array_uses_missed(&stage->uses, names);
    *n = USES_MISSED_MOST;
    for (int k = 0; k < kernel->n_inputs && job->kind == JOB_EXPRESSION; k++)
        names[(*n)++] = kernel->inputs[k].name;
    for (int k = 0; k < job->n_params && job->kind == JOB_EXPRESSION; k++)
        names[(*n)++] = job->params[k].name;
    return names;
}

void sheaf_shared_data_say_unused(struct stage *stage, uint32_t used, bool only_slips) {
    const struct session *session = stage->session;
    const struct job *job = stage->job;
    if (job->kind == JOB_COMMAND || job->kind == JOB_WORKER || session->options->quiet)
        return;
    int n = 0;
    const char **wanted = list_wanted(stage, &n);
    for (int k = 0; k < job->n_shared; k++) {
        const uint32_t bit = UINT32_C(1) << k;
        char hint[300] = "";
        struct sheaf_error said = {0};
        sheaf_text_suggest(job->shared[k].name, wanted, n, false, hint, sizeof hint);
        if (((used | stage->unused_said) & bit) || (only_slips && !hint[0]))
            continue;
        sheaf_yaml_refuse(job->shared[k].node, &said, "%s '%s' of shared%s",
                          job->kind == JOB_EXPRESSION ? "no formula uses" : "the kernel does not look up",
                          job->shared[k].name, hint);
        fprintf(stderr, "sheaf: %s\n", said.text);
        stage->unused_said |= bit;
    }
    free(wanted);
}

/* "t.h5:/table" */
static void tell_source(const struct job_shared *shared, struct sheaf_string *text) {
    if (shared->source == SHARED_NUMBER)
        sheaf_string_add(text, "the job file");
    else
        sheaf_string_add(text, "%s%s%s", shared->file, shared->dataset ? ":" : "",
                         shared->dataset ? shared->dataset : "");
}

void sheaf_shared_data_tell(const struct stage *stage, struct sheaf_string *text) {
    for (int k = 0; k < stage->arrays.n; k++) {
        const struct sheaf_array *array = &stage->arrays.list[k];
        const enum sheaf_type type = (enum sheaf_type)array->type;
        char bytes[32];
        sheaf_string_add(text, "%s%s %s", k ? "  " : "shared:\n  ", stage->arrays.names[k], sheaf_type_name(type));
        for (int d = 0; d < array->n_dims; d++)
            sheaf_string_add(text, "%s%" PRId64, d ? ", " : "[", array->shape[d]);
        sheaf_string_add(text, "%s, %s bytes, from ", array->n_dims ? "]" : "",
                         sheaf_text_count(sheaf_array_count(array) * (int64_t)sheaf_type_bytes(type), bytes));
        tell_source(&stage->job->shared[k], text);
        sheaf_string_add(text, "\n");
    }
}

int sheaf_shared_data_identify(const struct stage *stage, struct sheaf_string *identity, struct sheaf_error *error) {
    for (int k = 0; k < stage->arrays.n; k++) {
        const struct sheaf_array *array = &stage->arrays.list[k];
        char hash[SHEAF_HASH_BYTES];
        if (stage->job->kind == JOB_EXPRESSION && sheaf_array_is_number(array))
            continue; /* the formulas that read it have it in theirs */
        sheaf_hash_bytes(array->data, (size_t)sheaf_array_count(array) * sheaf_type_bytes((enum sheaf_type)array->type),
                         hash);
        sheaf_string_add(identity, "shared %s: %s[", stage->arrays.names[k],
                         sheaf_type_name((enum sheaf_type)array->type));
        for (int d = 0; d < array->n_dims; d++)
            sheaf_string_add(identity, "%s%" PRId64, d ? ", " : "", array->shape[d]);
        sheaf_string_add(identity, "] %s\n", hash);
    }
    return identity->failed ? sheaf_fail_memory(error, "the job's identity") : 0;
}
