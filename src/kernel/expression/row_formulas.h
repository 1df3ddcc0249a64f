/*
 * row_formulas - formulas of the fields of items, compiled, for what is asked of rows beside the kernel: a condition, a reduction.
 */
#ifndef SHEAF_KERNEL_ROW_FORMULAS_H
#define SHEAF_KERNEL_ROW_FORMULAS_H

#include <stdint.h>

#include "core/error.h"
#include "job/job.h"
#include "kernel/expression/formula.h"
#include "kernel/library.h"
#include "process/server.h"

enum { ROW_FORMULAS_BATCH = 4096 /* rows that are computed at a time, at most */ };

/* Starts as {0}; to be closed in every case. Formula k reads the fields formulas.inputs[n_inputs], all as float64. */
struct row_formulas {
    struct formulas formulas;
    struct sheaf_buffer bytes;   /* compiled, */
    struct sheaf_library object; /* and loaded */
    void (*compute)(int64_t first, int64_t n, const double *const *in, double *const *out,
                    void (*const *functions)(void), const void *const *arrays);
    struct sheaf_arena arena;
};

/* What formulas may name: fields[n_fields] of items, of which those that hold several values or text are refused where they are
   used. */
int sheaf_row_formulas_list(struct row_formulas *rows, const struct sheaf_field *const *fields, int n_fields,
                            struct sheaf_error *error);

/* Reads a node's text as the next formula; `what` names the node. */
int sheaf_row_formulas_add(struct row_formulas *rows, const struct yaml_node *node, const char *what,
                           struct sheaf_error *error);

/* Compiles all of them for machines of a level (compile.h), and loads them; `what` they are, for messages. */
int sheaf_row_formulas_compile(struct row_formulas *rows, const struct job *job, struct server *server, int64_t level,
                               const char *what, struct sheaf_error *error);

/* Loads what another rank has compiled, its rows->bytes: then they can be computed, and no more is known of them. */
int sheaf_row_formulas_load(struct row_formulas *rows, const struct sheaf_buffer *bytes, const char *what,
                            struct sheaf_error *error);

/* Columns for n rows, in the arena: in[n_inputs] to be filled and out[n_outputs]. -1: no memory. */
int sheaf_row_formulas_columns(const struct row_formulas *rows, int64_t n, double ***in, double ***out,
                               struct sheaf_arena *arena);

/* Computes rows first … first + n - 1 from such columns; by any number of threads at a time. */
void sheaf_row_formulas_compute(const struct row_formulas *rows, int64_t first, int64_t n, double *const *in,
                                double *const *out);

void sheaf_row_formulas_close(struct row_formulas *rows);

#endif
