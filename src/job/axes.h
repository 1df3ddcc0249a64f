/*
 * axes - the values of an axis as a job file writes them: a list, linspace, logspace, geomspace, range, or
 * those of a file (axis_file.h).
 */
#ifndef SHEAF_JOB_AXES_H
#define SHEAF_JOB_AXES_H

#include "core/arena.h"
#include "core/error.h"
#include "job/axis_file.h"
#include "job/yaml.h"
#include "sweep/sweep.h"

/* Values of an axis that are held in memory. */
#define AXIS_VALUES_MOST INT64_C(100000000)

/* Reads a field and its values, *n of them, from a list or a map; `what` names the node ("items.grid.mass"). All of it lives
   in the arena. field->axis is left to the caller. */
int sheaf_axis_read(const struct axis_files *files, const struct yaml_node *node, const char *name, const char *what,
                    struct sheaf_arena *arena, struct sweep_field *field, int64_t *n, struct sheaf_error *error);

/* Reads numbers, values[*n], from a list or a map {linspace: …}, {logspace: …} or {geomspace: …}, whose keys are within `within`. */
int sheaf_axis_read_numbers(const struct yaml_node *node, const char *within, const char *what,
                            struct sheaf_arena *arena, const double **values, int64_t *n, struct sheaf_error *error);

/* Unit and long name of a field that a map describes. */
int sheaf_axis_read_about(const struct yaml_node *node, struct sweep_field *field, struct sheaf_arena *arena,
                          struct sheaf_error *error);

/* Remembers for messages where a job file says a field's values. */
int sheaf_axis_note_place(const struct yaml_node *node, struct sweep_field *field, struct sheaf_arena *arena,
                          struct sheaf_error *error);

/* The values of a field as n scalars of a list have them. */
int sheaf_axis_read_scalars(struct yaml_node *const *nodes, int64_t n, const char *name, const char *what,
                            struct sheaf_arena *arena, struct sweep_field *field, struct sheaf_error *error);

#endif
