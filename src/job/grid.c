#include "job/grid.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "core/type.h"
#include "job/axes.h"
#include "job/keys.h"
#include "job/sweep_source.h"

enum { MOST_WHAT = 300 }; /* bytes of a node's name in messages */

/* What is being read. */
struct grid {
    struct items *items;
    struct axis_files files;
    struct sweep *sweep;
    struct sweep_field *fields; /* [n_most] the sweep's, while it grows */
    int n_most;
    struct sheaf_error *error;
};

/* --- axes from the job file ------------------------------------------------------------------------------------------ */

/* Whether a field may be called so; others have their names already. */
static int check_name(struct grid *g, const struct yaml_node *node, const char *name, const char *what) {
    if (sheaf_items_check_name(name, what, g->error))
        return sheaf_yaml_prefix(node, g->error);
    for (int f = 0; f < g->sweep->n_fields; f++)
        if (strcmp(g->fields[f].about.name, name) == 0)
            return sheaf_yaml_refuse(node, g->error, "%s: there is a field '%s' already", what, name);
    return 0;
}

static int add_field(struct grid *g, const struct sweep_field *field) {
    if (g->sweep->n_fields == g->n_most) {
        const int n_most = g->n_most ? 2 * g->n_most : 8;
        struct sweep_field *fields = sheaf_arena_take(&g->items->arena, (size_t)n_most * sizeof *fields);
        if (!fields)
            return sheaf_fail_memory(g->error, "the axes");
        if (g->n_most)
            memcpy(fields, g->fields, (size_t)g->n_most * sizeof *fields);
        g->sweep->fields = g->fields = fields;
        g->n_most = n_most;
    }
    g->fields[g->sweep->n_fields++] = *field;
    return 0;
}

/* An axis without a size yet. */
static int begin_axis(struct grid *g, const struct yaml_node *node, const char *name) {
    if (g->sweep->n_axes == SWEEP_AXES_MOST)
        return sheaf_yaml_refuse(node, g->error, "a grid has at most %d axes", SWEEP_AXES_MOST);
    g->sweep->axes[g->sweep->n_axes++] = (struct sweep_axis){.name = name};
    return 0;
}

/* A field along the axis that was begun last; `node` has its values. */
static int read_field(struct grid *g, const struct yaml_node *key, const struct yaml_node *node, const char *within) {
    struct sweep_axis *axis = &g->sweep->axes[g->sweep->n_axes - 1];
    struct sweep_field field = {0};
    char what[MOST_WHAT];
    int64_t n = 0;
    const char *name = sheaf_arena_text(&g->items->arena, key->text, strlen(key->text));
    snprintf(what, sizeof what, "%.200s.%.60s", within, key->text);
    if (!name)
        return sheaf_fail_memory(g->error, "the axes");
    if (node->kind == YAML_SCALAR && sheaf_job_key_refuse_deep(key, within, g->error))
        return -1;
    if (check_name(g, key, name, what) ||
        sheaf_axis_read(&g->files, node, name, what, &g->items->arena, &field, &n, g->error))
        return -1;
    if (axis->size && axis->size != n)
        return sheaf_yaml_refuse(node, g->error,
                                 "%s has %" PRId64 " values, and the fields before it in %s have %" PRId64
                                 "; fields side by side have equally many",
                                 what, n, within, axis->size);
    axis->size = field.n_values = n;
    field.axis = g->sweep->n_axes - 1;
    return add_field(g, &field);
}

/* Fields that vary together along one axis. */
static int read_zip(struct grid *g, const struct yaml_node *node, const char *what) {
    if (sheaf_yaml_map(node, what, g->error))
        return -1;
    if (node->n == 0)
        return sheaf_yaml_refuse(node, g->error, "%s is empty; name at least one field: {x: [1, 2]}", what);
    for (int k = 0; k < node->n; k++)
        if (read_field(g, node->key[k], node->value[k], what))
            return -1;
    return 0;
}

/* NAME: values, or NAME: {zip: fields} */
static int read_axis(struct grid *g, const struct yaml_node *key, const struct yaml_node *node) {
    const struct yaml_node *zip = node->kind == YAML_MAP ? sheaf_yaml_get(node, "zip") : NULL;
    char what[MOST_WHAT];
    const char *name = sheaf_arena_text(&g->items->arena, key->text, strlen(key->text));
    snprintf(what, sizeof what, "items.grid.%.200s", key->text);
    if (!name)
        return sheaf_fail_memory(g->error, "the axes");
    if (sheaf_items_check_name(name, what, g->error))
        return sheaf_yaml_prefix(key, g->error);
    if (begin_axis(g, key, name))
        return -1;
    if (!zip)
        return read_field(g, key, node, "items.grid");
    if (node->n > 1)
        return sheaf_yaml_refuse(node, g->error, "%s: zip stands alone; a unit belongs to one of its fields", what);
    return read_zip(g, zip, what);
}

static int read_grid(struct grid *g, const struct yaml_node *node) {
    if (sheaf_yaml_map(node, "items.grid", g->error))
        return -1;
    if (node->n == 0)
        return sheaf_yaml_refuse(node, g->error, "items.grid is empty; name at least one axis: {x: [1, 2]}");
    for (int k = 0; k < node->n; k++)
        if (read_axis(g, node->key[k], node->value[k]))
            return -1;
    return 0;
}

/* --- rows -------------------------------------------------------------------------------------------------------------- */

/* The values of a field, a node for each row. */
static int read_column(struct grid *g, const struct yaml_node *rows, const struct yaml_node *key,
                       struct yaml_node **nodes) {
    struct sweep_field field = {0};
    char what[MOST_WHAT];
    const char *name = sheaf_arena_text(&g->items->arena, key->text, strlen(key->text));
    snprintf(what, sizeof what, "items.rows: field %.200s", key->text);
    if (!name)
        return sheaf_fail_memory(g->error, "the rows");
    if (check_name(g, key, name, what))
        return -1;
    for (int r = 0; r < rows->n; r++) {
        nodes[r] = sheaf_yaml_get(rows->value[r], key->text);
        if (!nodes[r])
            return sheaf_yaml_refuse(rows->value[r], g->error, "items.rows: row %d has no '%s', which the first has", r,
                                     key->text);
    }
    if (sheaf_axis_read_scalars(nodes, rows->n, name, what, &g->items->arena, &field, g->error))
        return -1;
    field.n_values = rows->n;
    return add_field(g, &field);
}

static int check_rows(struct grid *g, const struct yaml_node *rows) {
    static const char usage[] = "items.rows should be a list of rows: [{x: 1, y: 2}, {x: 3, y: 4}]";
    if (rows->kind != YAML_LIST || rows->n == 0)
        return sheaf_yaml_refuse(rows, g->error, "%s", usage);
    for (int r = 0; r < rows->n; r++) {
        const struct yaml_node *row = rows->value[r];
        if (row->kind != YAML_MAP || row->n == 0)
            return sheaf_yaml_refuse(row, g->error, "%s", usage);
        for (int k = 0; k < row->n; k++)
            if (!sheaf_yaml_get(rows->value[0], row->key[k]->text))
                return sheaf_yaml_refuse(row->key[k], g->error,
                                         "items.rows: row %d has '%s', which the first does not have", r,
                                         row->key[k]->text);
    }
    return 0;
}

static int read_rows(struct grid *g, const struct yaml_node *rows) {
    if (check_rows(g, rows) || begin_axis(g, rows, "item"))
        return -1;
    g->sweep->axes[0].size = rows->n;
    struct yaml_node **nodes = malloc((size_t)rows->n * sizeof(struct yaml_node *));
    int rc = nodes ? 0 : sheaf_fail_memory(g->error, "the rows");
    for (int k = 0; rc == 0 && k < rows->value[0]->n; k++)
        rc = read_column(g, rows, rows->value[0]->key[k], nodes);
    free(nodes);
    return rc;
}

/* --- all of it --------------------------------------------------------------------------------------------------------- */

/* A name is one dimension: that of an axis may only be a field's along it. */
static int check_axes(const struct grid *g, const struct yaml_node *node) {
    const struct sweep *sweep = g->sweep;
    for (int a = 0; a < sweep->n_axes; a++) {
        for (int f = 0; f < sweep->n_fields; f++)
            if (sweep->fields[f].axis != a && strcmp(sweep->fields[f].about.name, sweep->axes[a].name) == 0)
                return sheaf_yaml_refuse(node, g->error, "items.grid.%s.%s: there is an axis '%s' already",
                                         sweep->axes[sweep->fields[f].axis].name, sweep->axes[a].name,
                                         sweep->axes[a].name);
        for (int b = 0; b < a; b++)
            if (strcmp(sweep->axes[a].name, sweep->axes[b].name) == 0)
                return sheaf_yaml_refuse(node, g->error, "items: there is an axis '%s' already", sweep->axes[a].name);
    }
    return 0;
}

int sheaf_grid_open(struct items *items, const struct job *job, const struct axis_reader *hdf5,
                    struct sheaf_error *error) {
    const struct yaml_node *node = job->items.node;
    const struct yaml_node *grid = sheaf_yaml_get(node, "grid"), *zip = sheaf_yaml_get(node, "zip");
    const struct yaml_node *repeat = sheaf_yaml_get(node, "repeat");
    struct grid g = {.items = items,
                     .files = {job, hdf5, &items->files},
                     .sweep = sheaf_arena_take(&items->arena, sizeof(struct sweep)),
                     .error = error};
    if (!g.sweep)
        return sheaf_fail_memory(error, "the axes");
    int rc = grid  ? read_grid(&g, grid)
             : zip ? begin_axis(&g, zip, "item") || read_zip(&g, zip, "items.zip")
                   : read_rows(&g, sheaf_yaml_get(node, "rows"));
    if (rc || (repeat && sheaf_sweep_repeat(items, g.sweep, repeat, error)))
        return -1;
    return check_axes(&g, node) ? -1 : sheaf_sweep_open(items, g.sweep, job, error);
}
