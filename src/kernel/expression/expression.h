/*
 * expression - the formulas of a job as a kernel like any other.
 *
 * Its life on every rank: make (reads the formulas, loads the user's libraries), then load with the object that rank 0
 * compiled, then map. Knows job files and formulas; that the object travels between ranks is the caller's.
 */
#ifndef SHEAF_KERNEL_EXPRESSION_H
#define SHEAF_KERNEL_EXPRESSION_H

#include <stdint.h>

#include "core/arrays.h"
#include "core/buffer.h"
#include "core/error.h"
#include "core/text.h"
#include "job/job.h"
#include "kernel/registry.h"
#include "process/server.h"

/* Makes entry->table and entry->made from the job's formulas, for items with fields[n_fields] and arrays that they share
   (borrowed; NULL: none), and appends to the identity
   what they compute. What was made is released by the table's close, also after an error. Errors name their place in
   the job file. */
int sheaf_expression_make(struct kernel_entry *entry, struct job *job, const struct sheaf_field *fields, int n_fields,
                          const struct arrays *arrays, struct sheaf_string *identity, struct sheaf_error *error);

/* Compiles the formulas for machines of a level (see sheaf_cpu_level) into *object; the server starts the
   compiler. */
int sheaf_expression_compile(const struct kernel_entry *entry, struct server *server, int64_t level,
                             struct sheaf_buffer *object, struct sheaf_error *error);

/* Loads the object that sheaf_expression_compile made, here or on another machine; before the first map. */
int sheaf_expression_load(struct kernel_entry *entry, const struct sheaf_buffer *object, struct sheaf_error *error);

#endif
