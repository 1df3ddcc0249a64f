/*
 * template - a text with places for values: "--mass {mass}", "{item}", "{job_dir}/mesh.txt"; "{{mass}}" stands for {mass}
 * itself.
 *
 * Names are fields of the items and params of the job, whose values are put in when the template is read. In a text for
 * the shell a place becomes a variable, "$SHEAF_VALUE_1", quoted as its surroundings need it, and the value goes into
 * the environment: the shell does not read it as a part of the script, whatever is in it. Where the shell hands it to a
 * program that reads code (another shell, ssh, python -c), only numbers and plain words may stand.
 */
#ifndef SHEAF_KERNEL_TEMPLATE_H
#define SHEAF_KERNEL_TEMPLATE_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/kernel.h>

#include "core/arena.h"
#include "core/buffer.h"
#include "core/error.h"
#include "job/job.h"

/* What names may stand for, and which fields are used: these become the inputs of the kernel. */
struct template_names {
    const struct job *job;
    const char *job_dir; /* the job file's folder */
    int n_fields;
    const struct sheaf_field *fields;
    int n_used;
    int *used;       /* [n_used, room for n_fields] index of the field that input number k is */
    bool *has_param; /* [job->n_params] whether the param is used, too */
    int n_known;
    const char **known; /* [n_known] all names; made when first needed */
    struct sheaf_arena *arena;
};

enum template_kind { TEMPLATE_TEXT, TEMPLATE_ITEM, TEMPLATE_FIELD };

struct template_piece {
    enum template_kind kind;
    const char *text; /* TEMPLATE_TEXT */
    size_t length;
    int input;        /* TEMPLATE_FIELD */
    const char *name; /* of a place; NULL: what stands in the template itself */
};

struct template {
    int n;
    struct template_piece *pieces; /* [n] in the arena of its names */
    bool constant;                 /* there is no place for a field or the item in it */
};

/* Reads a scalar. */
int sheaf_template_read(struct template *t, const struct yaml_node *node, struct template_names *names,
                        struct sheaf_error *error);

/* Reads the words of a list, words[node->n]. The one behind `sh -c` is read as a script, with its values in `values`, as
   below. Texts are refused in what another program reads as code, unless they are all of it. */
int sheaf_template_read_list(struct template *words, struct template *values, const struct yaml_node *node,
                             struct template_names *names, struct sheaf_error *error);

/* Reads the standard input of a command, whose node it gets: a shell or the like reads it as code. */
int sheaf_template_read_input(struct template *t, const struct yaml_node *node, const struct yaml_node *command,
                              struct template_names *names, struct sheaf_error *error);

/* Reads a script for the shell; its pieces are texts alone, and values[*n_values] of new pieces are what the variables
   SHEAF_VALUE_1, … hold. Texts are refused where they would be read as code. */
int sheaf_template_read_script(struct template *t, struct template *values, const struct yaml_node *node,
                               struct template_names *names, struct sheaf_error *error);

/* The number of an input for a field, which is added to those used. */
int sheaf_template_use(struct template_names *names, int field);

/* Appends the value of piece number p for item k of a block. inputs[n_inputs] describe block->in. */
int sheaf_template_write_piece(const struct template *t, int p, const struct sheaf_field *inputs,
                               const struct sheaf_block *block, int64_t k, struct sheaf_buffer *to,
                               struct sheaf_error *error);

/* Appends the whole of it, not terminated. */
int sheaf_template_write(const struct template *t, const struct sheaf_field *inputs, const struct sheaf_block *block,
                         int64_t k, struct sheaf_buffer *to, struct sheaf_error *error);

/* Appends data[n_bytes]. */
int sheaf_template_append(struct sheaf_buffer *to, const char *data, size_t n_bytes, struct sheaf_error *error);

#endif
