/*
 * job - what a job file asks for, as a checked struct.
 *
 * Checks here need the text of the file alone; whether a kernel exists and its fields fit the items is seen when they
 * are opened. Unknown keys are errors. Paths of inputs are seen from the job file's folder, the output from the current
 * one.
 */
#ifndef SHEAF_JOB_JOB_H
#define SHEAF_JOB_JOB_H

#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "job/kind.h"
#include "job/reductions.h"
#include "job/table.h"
#include "job/yaml.h"

enum job_source {
    JOB_CSV,
    JOB_LINES,
    JOB_COUNT,
    JOB_HDF5,
    JOB_RESULTS,
    JOB_JSONL,
    JOB_GRID,
    JOB_ZIP,
    JOB_ROWS,
    JOB_SAMPLE,
    JOB_FILES
};
enum job_policy { JOB_AUTO, JOB_STATIC, JOB_WEIGHTED, JOB_DYNAMIC };
enum job_inputs { JOB_INPUTS_AUTO, JOB_INPUTS_COPY, JOB_INPUTS_LINK };
enum job_transport { JOB_TRANSPORT_AUTO, JOB_GATHER, JOB_DIRECT };

/* A results file that the job names. */
struct job_reuse {
    const char *path; /* seen from the current folder */
    const struct yaml_node *node;
};

/* Everything but `text` lives in the document's arena. */
struct job {
    struct yaml_document document;
    const char *file;   /* the job file, for messages */
    const char *folder; /* where it lies */
    const char *name;   /* "moid"; by default the file's name without its ending */
    const char *output; /* the results file; by default NAME.h5 */
    struct {
        enum job_source kind;
        const struct yaml_node *node;
        const char *path; /* csv, lines, hdf5, results, jsonl: the file, seen from the current folder; else: "items" */
        struct job_table table; /* csv, jsonl, files */
        int64_t count;
        int n_fields;            /* hdf5, results: of which none are all */
        struct job_pair *fields; /* hdf5: field name, node with the dataset's path; results: with the name there */
        const char *stage;       /* results: of this stage of the job, in its own results file; else NULL */
        const char *group;       /* results: of this stage of another job's file; else NULL */
    } items;
    enum job_kind kind;
    const struct yaml_node
        *kernel;                /* what says how items are computed: the value of kernel (a scalar: a built-in's name
                                       or PATH.so:NAME), expression (a map), command or worker (a scalar or a list) */
    struct job_program program; /* of a command or a worker */
    const struct yaml_node *functions; /* expression: a map, or NULL */
    int n_shared;
    struct job_shared *shared; /* [n_shared] */
    const char *compiler;      /* expression: as written, or NULL */
    bool fast_math;            /* expression */
    struct job_limits limits;
    int n_params;
    struct job_pair *params;
    int n_reductions;
    struct job_reduction *reductions; /* [n_reductions] */
    int n_reuse;
    struct job_reuse *reuse; /* [n_reuse] results files whose rows are taken over */
    bool has_seed;           /* the file says `seed` */
    int64_t seed;            /* of random numbers, 0 or more; by default 1 */
    enum job_policy policy;
    const struct yaml_node *cost; /* auto, weighted: a scalar with the field's name, or the map {from: FILE}, or NULL */
    const char *cost_file;        /* of the latter, seen from the current folder; else NULL */
    enum job_transport transport;
    enum job_inputs inputs; /* hdf5, results: how fields come into the results file */
    double checkpoint_s;    /* sync this often; 0: only at the end */
    const char *stage;      /* of a job with stages: which one this is; else NULL, */
    int n_stages;
    struct job
        *stages; /* [n_stages] and what each is, in the order in which they run; of the job itself, which then has
                           nothing else but file, folder, name and output */
};

/* Whether the items lie in datasets of an HDF5 file, which is opened in store/. */
static inline bool sheaf_job_has_datasets(const struct job *job) {
    return job->items.kind == JOB_HDF5 || job->items.kind == JOB_RESULTS;
}

/* Whether the items are a sweep (sweep/sweep.h), which no file lists. */
static inline bool sheaf_job_lists_items(const struct job *job) {
    return job->items.kind >= JOB_GRID;
}

/* A value of the command line that takes the place of one in the file: path "params.samples", value "360". */
struct job_override {
    const char *path, *value;
};

/* The folder that a path is seen from which a node names: the job file's, or of one on the command line that where the user
   stands. Borrowed. */
const char *sheaf_job_folder(const struct job *job, const struct yaml_node *node);

/* A path that a node names, seen from the current folder: one in the job file is seen from the file's folder, one on
   the command line from where the user stands. In the job's arena; NULL if there is no memory. */
const char *sheaf_job_path(struct job *job, const struct yaml_node *node, const char *path);

/* Takes FILE:/DATASET, or FILE:COLUMN, apart: the first n_file bytes of the node's text are the file, what is within it is
   borrowed from the node. `what` names the node in messages. */
int sheaf_job_split(const struct yaml_node *node, const char *what, bool is_hdf5, size_t *n_file, const char **within,
                    struct sheaf_error *error);

/* Refuses a param that nothing uses, most likely a slip in its name; `why` says so. Gives -1. */
int sheaf_job_refuse_param(const struct job *job, int param, const char *why, struct sheaf_error *error);

/* Makes the job from text[length] of `file`, overrides applied. Release with sheaf_job_free, also after an error. */
int sheaf_job_parse(struct job *job, const char *file, const char *text, size_t length,
                    const struct job_override *overrides, int n_overrides, struct sheaf_error *error);
void sheaf_job_free(struct job *job);

/* The same for a stage, the kth of the list in the text of `whole`; for job/stages. */
struct job_source_text;
int sheaf_job_parse_stage(struct job *stage, const struct job *whole, int k, const struct job_source_text *from,
                          struct sheaf_error *error);

#endif
