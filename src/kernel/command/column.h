/*
 * column - the cell of a line that an output is: what divides the line, and where it may be divided in two ways.
 */
#ifndef SHEAF_KERNEL_COLUMN_H
#define SHEAF_KERNEL_COLUMN_H

#include <stddef.h>

#include "core/error.h"
#include "job/kind.h"

/* The cell number output->column of line[length], *n bytes without the blanks around them. Where the job does not say what
   divides the line, tabs do if it has any, else commas if there are no blanks between them but beside them, else
   blanks. NULL: there is no such cell, or commas and blanks give two values, or it may be one number with a decimal comma;
   *error says so. */
const char *sheaf_column_find(const struct job_output *output, const char *line, size_t length, size_t *n,
                              struct sheaf_error *error);

#endif
