#include "job/axis_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/type.h"
#include "job/axes.h"
#include "job/csv.h"

/* FILE:WITHIN, taken apart; the file as seen from the current folder. */
struct place {
    char *file; /* owned */
    const char *within;
};

static int find_place(struct place *place, const struct axis_files *files, const struct yaml_node *node,
                      const char *what, bool is_hdf5, struct sheaf_error *error) {
    size_t n_file;
    if (sheaf_job_split(node, what, is_hdf5, &n_file, &place->within, error))
        return -1;
    char *file = strndup(node->text, n_file);
    place->file = file ? sheaf_path_join(sheaf_job_folder(files->job, node), file) : NULL;
    free(file);
    return place->file ? 0 : sheaf_fail_memory(error, what);
}

static int check_count(const struct yaml_node *node, const char *what, int64_t n, struct sheaf_error *error) {
    if (n < 1 || n > AXIS_VALUES_MOST)
        return sheaf_yaml_refuse(node, error, "%s has %" PRId64 " values; an axis has from 1 to %" PRId64, what, n,
                                 AXIS_VALUES_MOST);
    return 0;
}

/* A cell of a cube lies at a value: which is none, or -1. */
static int64_t find_none(const struct sweep_field *field, int64_t n) {
    for (int64_t i = 0; field->about.type == SHEAF_FLOAT64 && i < n; i++)
        if (isnan(((const double *)field->values)[i]))
            return i;
    return -1;
}

/* --- tables -------------------------------------------------------------------------------------------------------- */

/* A column as a type, into the arena. NULL after an error. */
static void *read_column(struct items *table, int column, enum sheaf_type type, struct sheaf_arena *arena,
                         struct sheaf_error *error) {
    struct sheaf_arena own = {0};
    void **columns = sheaf_arena_take(&own, (size_t)table->n_fields * sizeof *columns);
    enum sheaf_type *types = sheaf_arena_take(&own, (size_t)table->n_fields * sizeof *types);
    void *values = sheaf_arena_take(arena, (size_t)table->n_items * sheaf_type_bytes(type));
    int rc = columns && types && values ? 0 : sheaf_fail_memory(error, table->name);
    if (rc == 0) {
        columns[column] = values;
        types[column] = type;
        rc = sheaf_items_read_as(table, 0, table->n_items, columns, types, &own, error);
    }
    for (int64_t i = 0; rc == 0 && type == SHEAF_TEXT && i < table->n_items; i++) {
        struct sheaf_text *text = (struct sheaf_text *)values + i;
        text->data = sheaf_arena_text(arena, text->data ? text->data : "", text->length);
        if (!text->data)
            rc = sheaf_fail_memory(error, table->name);
    }
    sheaf_arena_free(&own);
    return rc ? NULL : values;
}

static int read_table(struct items *table, const char *name, struct sheaf_arena *arena, struct sweep_field *field,
                      struct sheaf_error *error) {
    static const struct job_table as_it_shows = {0};
    if (sheaf_csv_open(table, &as_it_shows, error))
        return -1;
    const int column = sheaf_items_find(table->fields, table->n_fields, name);
    if (column < 0)
        return sheaf_refuse(error, "%s: has no column '%s'", table->name, name);
    const enum sheaf_type type = (enum sheaf_type)table->fields[column].type;
    field->about = (struct sheaf_field){.type = type, .width = 1};
    field->values = read_column(table, column, type, arena, error);
    if (field->values && type != SHEAF_TEXT)
        field->written = read_column(table, column, SHEAF_TEXT, arena, error);
    if (!field->values || (type != SHEAF_TEXT && !field->written))
        return -1;
    const int64_t none = find_none(field, table->n_items);
    return none < 0
               ? 0
               : sheaf_refuse(error,
                              "%s:%" PRId64 ": row %" PRId64 ", column '%s': '%s' is no value that an axis could have",
                              table->name, sheaf_csv_line(table, none), none + 1, name, field->written[none].data);
}

/* "job.yaml:3:14: 't.csv:name'" */
static const char *say_place(const struct yaml_node *node, struct sheaf_arena *arena) {
    char said[400];
    snprintf(said, sizeof said, "%.150s:%d:%d: '%.150s'", node->file, node->line, node->column, node->text);
    return sheaf_arena_text(arena, said, strlen(said));
}

int sheaf_axis_read_csv(const struct axis_files *files, const struct yaml_node *node, const char *what,
                        struct sheaf_arena *arena, struct sweep_field *field, int64_t *n, struct sheaf_error *error) {
    struct place place = {0};
    if (find_place(&place, files, node, what, false, error))
        return -1;
    struct items table = {.name = place.file};
    sheaf_string_add(files->read, "%s\n", place.file);
    *field = (struct sweep_field){0};
    int rc = read_table(&table, place.within, arena, field, error) ? sheaf_yaml_prefix(node, error) : 0;
    *n = table.n_items;
    if (rc == 0)
        rc = check_count(node, what, *n, error);
    if (rc == 0 && field->about.type == SHEAF_TEXT)
        field->why_text = say_place(node, arena);
    sheaf_items_close(&table);
    free(place.file);
    return rc;
}

/* --- datasets ------------------------------------------------------------------------------------------------------ */

/* Numbers of any type as those of an axis, which are whole or not. */
static void widen(const struct sheaf_array *from, int64_t n, enum sheaf_type type, void *to) {
    const enum sheaf_type own = (enum sheaf_type)from->type;
    const char *values = from->data;
    for (int64_t i = 0; i < n; i++, values += sheaf_type_bytes(own)) {
        if (own == SHEAF_INT64)
            memcpy((int64_t *)to + i, values, sizeof(int64_t));
        else if (type == SHEAF_INT64)
            ((int64_t *)to)[i] = (int64_t)sheaf_type_to_double(own, values);
        else
            ((double *)to)[i] = sheaf_type_to_double(own, values);
    }
}

static int read_dataset(const struct axis_files *files, const struct place *place, const char *what,
                        struct sheaf_arena *arena, struct sweep_field *field, int64_t *n, struct sheaf_error *error) {
    struct sheaf_array array = {0};
    struct sheaf_arena own = {0};
    if (files->hdf5->look(place->file, place->within, &array, files->read, error))
        return -1;
    if (array.n_dims != 1)
        return sheaf_refuse(error, "%s: '%s' has %d dimensions; the values of an axis have one", place->file,
                            place->within, array.n_dims);
    *n = array.shape[0];
    if (*n < 1 || *n > AXIS_VALUES_MOST)
        return 0; /* the caller says so */
    const bool real = array.type == SHEAF_FLOAT64 || array.type == SHEAF_FLOAT32;
    const enum sheaf_type type = real ? SHEAF_FLOAT64 : SHEAF_INT64;
    void *read = sheaf_arena_take(&own, (size_t)*n * sheaf_type_bytes((enum sheaf_type)array.type));
    void *values = sheaf_arena_take(arena, (size_t)*n * sheaf_type_bytes(type));
    int rc = read && values ? files->hdf5->read(place->file, place->within, &array, read, error)
                            : sheaf_fail_memory(error, what);
    array.data = read;
    if (rc == 0)
        widen(&array, *n, type, values);
    *field = (struct sweep_field){.about = {.type = type, .width = 1}, .values = values};
    sheaf_arena_free(&own);
    return rc;
}

int sheaf_axis_read_hdf5(const struct axis_files *files, const struct yaml_node *node, const char *what,
                         struct sheaf_arena *arena, struct sweep_field *field, int64_t *n, struct sheaf_error *error) {
    struct place place = {0};
    if (!files->hdf5)
        return sheaf_yaml_refuse(node, error, "%s: HDF5 files cannot be read here", what);
    if (find_place(&place, files, node, what, true, error))
        return -1;
    int rc = read_dataset(files, &place, what, arena, field, n, error) ? sheaf_yaml_prefix(node, error) : 0;
    if (rc == 0)
        rc = check_count(node, what, *n, error);
    const int64_t none = rc == 0 ? find_none(field, *n) : -1;
    if (none >= 0)
        rc = sheaf_yaml_refuse(node, error, "%s: value %" PRId64 " (the first is 0) is none, or no number", what, none);
    free(place.file);
    return rc;
}
