/*
 * kind - what a job says of how its items are computed: a kernel, formulas, a command or a kept-running worker, and
 * what holds for all of them: retries, limits, isolation.
 *
 * Checks here need the text of the file alone. Everything lives in the job's arena.
 */
#ifndef SHEAF_JOB_KIND_H
#define SHEAF_JOB_KIND_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/kernel.h>

#include "core/error.h"
#include "job/yaml.h"

enum job_kind { JOB_KERNEL, JOB_EXPRESSION, JOB_COMMAND, JOB_WORKER };
enum { JOB_KINDS = 4 };
extern const char *const sheaf_job_kind_names[JOB_KINDS]; /* the keys that say so */

/* Where a value is found in what a program wrote. */
enum job_where { JOB_FROM_JSON, JOB_FROM_REGEX, JOB_FROM_COLUMN };

/* Stands for any number of blanks and tabs between two columns. */
#define JOB_BLANKS ' '

/* An output field of a command or a worker. */
struct job_output {
    const char *name;
    const struct yaml_node *node;
    enum sheaf_type type; /* SHEAF_FLOAT64, SHEAF_INT64 or SHEAF_TEXT */
    int64_t width;
    const char *unit;     /* or NULL */
    enum job_where where; /* commands only, as what follows */
    const char *file;     /* in the item's folder; NULL: standard output */
    const char *what;     /* json: a dotted path; regex: the expression */
    int64_t column;       /* from 1 */
    char separator;       /* that divides columns, or JOB_BLANKS; 0: as the line shows */
};

enum job_workdir { JOB_WORKDIR_NONE, JOB_WORKDIR_REMOVE, JOB_WORKDIR_KEEP };

/* What a command or a worker needs besides its words. */
struct job_program {
    int n_outputs;
    struct job_output *outputs;
    const struct yaml_node *input; /* a scalar: template of the standard input, or NULL */
    enum job_workdir workdir;
    int n_keep;
    const char **keep;     /* [n_keep] patterns of files to keep */
    int64_t memory_bytes;  /* an item needs; 0: not said */
    int n_gpus;            /* items that may run at once on a node for their sake; 0: not said */
    const char **gpus;     /* [n_gpus] the device that each of them gets */
    int64_t batch;         /* worker: items of a line, which then has arrays; 0: one item, as it is */
    int64_t capture_bytes; /* of standard output, and of standard error, are stored */
};

/* Data that all items share, by its name. */
enum shared_source { SHARED_NUMBER, SHARED_HDF5, SHARED_CSV, SHARED_NPY };
struct job_shared {
    const char *name;
    const struct yaml_node *node;
    enum shared_source source;
    const char *file;    /* seen from the current folder; NULL of a number */
    const char *dataset; /* of hdf5; of csv the column */
    const char *stage;   /* of hdf5: it is of this stage of the job; else NULL */
    bool is_whole;       /* of a number: it is, and is int64 */
    int64_t whole;
    double value; /* of a number, and of a file's single one once it is read */
};

/* For every kind. */
struct job_limits {
    int64_t retries;
    double timeout_s;    /* an item; 0: none */
    int64_t halt_failed; /* end the run when so many items have failed; 0: never */
    double halt_share;   /* or so large a part of the items it had to compute; 0: never */
    bool halt_said;      /* the job says when, or never; else a run in which nothing succeeds ends, too */
    bool isolate;
};

struct job;

/* Reads job->kind, job->kernel (the node that says how), job->program and job->limits, and expression's settings. */
int sheaf_job_read_kind(struct job *job, const struct yaml_node *root, struct sheaf_error *error);

/* Whether a path, seen from a folder, names something in it: it is neither absolute nor has it "..". */
bool sheaf_job_stays_inside(const char *path);

/* Refuses, with its place, a path that does not: `what` names its key. */
int sheaf_job_check_inside(const struct yaml_node *node, const char *what, const char *path, struct sheaf_error *error);

#endif
