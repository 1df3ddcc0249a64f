/*
 * table - what a job says of how a CSV file is written: the keys beside `csv` in items.
 *
 * What is not said is found in the file. Everything lives in the job's arena.
 */
#ifndef SHEAF_JOB_TABLE_H
#define SHEAF_JOB_TABLE_H

#include <sheaf/kernel.h>

#include "core/arena.h"
#include "core/error.h"
#include "job/yaml.h"

/* A name and what the job says of it. */
struct job_pair {
    const char *name;
    const struct yaml_node *node;
};

/* Stands for any number of blanks and tabs between two cells. */
#define JOB_BLANKS ' '

struct job_table {
    char separator;         /* 0: as the header shows */
    char comment;           /* lines that begin with it are passed over; 0: only those before the header, with '#' */
    int n_missing;          /* texts of cells without a value, besides the usual ones */
    const char **missing;   /* [n_missing] */
    double *missing_number; /* [n_missing] the same as a number, or NaN */
    int n_types;
    struct job_pair *types;         /* [n_types] a field's name, and */
    const enum sheaf_type *type_of; /* [n_types] the type that it is to have */
    int n_renames;
    struct job_pair *renames; /* [n_renames] a column's name in the file, and a scalar with the field's name */
};

/* What divides cells, or columns of what a program wrote, by its name (comma, tab, semicolon, blanks): the character; 0
   if no such name is known. */
char sheaf_job_separator_called(const char *name);

/* Reads them from the map `items`. */
int sheaf_job_read_table(struct job_table *table, const struct yaml_node *items, struct sheaf_arena *arena,
                         struct sheaf_error *error);

#endif
