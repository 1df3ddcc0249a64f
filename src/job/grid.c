#include "job/grid.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "core/text.h"
#include "core/type.h"
#include "job/axes.h"
#include "job/keys.h"

static const int64_t most_items = 1000000000000000; /* offsets in the results file must fit 63 bits */

enum { MOST_WHAT = 300 }; /* bytes of a node's name in messages */

/* What is being read. */
struct grid {
    struct items *items;
    struct sweep *sweep;
    struct sweep_field *fields; /* [n_most] the sweep's, while it grows */
    int n_most;
    struct sheaf_error *error;
};

/* --- the source of items --------------------------------------------------------------------------------------------- */

static int grid_check(struct items *items, int field, enum sheaf_type type, struct sheaf_error *error) {
    const struct sweep *sweep = items->self;
    struct sheaf_arena arena = {0};
    struct sheaf_text text = {"", 0};
    int64_t i;
    if (sheaf_sweep_fits(sweep, field, type, &i))
        return 0;
    if (sweep->fields[field].why_text)
        return sheaf_refuse(error, "%s makes '%s' a text, and the kernel reads it as %s", sweep->fields[field].why_text,
                            items->fields[field].name, sheaf_type_name(type));
    sheaf_sweep_convert(sweep, field, SHEAF_TEXT, i, 1, &text, &arena);
    sheaf_refuse(error, "%s: field '%s', value %" PRId64 ": '%.*s' is no %s", items->name, items->fields[field].name, i,
                 sheaf_text_precision(text.length), text.data, sheaf_type_name(type));
    sheaf_arena_free(&arena);
    return -1;
}

/* Of the fields' own types. */
static int grid_read_beside(const struct items *items, int64_t first, int64_t n, void *const *columns,
                            struct sheaf_error *error) {
    const struct sweep *sweep = items->self;
    (void)error;
    for (int f = 0; f < items->n_fields; f++) {
        const struct sweep_field *field = &sweep->fields[f];
        const struct sweep_axis *axis = &sweep->axes[field->axis];
        if (columns[f])
            sheaf_sweep_spread(field->values, sheaf_type_bytes(field->about.type), axis->size, axis->stride, first, n,
                               columns[f]);
    }
    return 0;
}

static int grid_read(struct items *items, int64_t first, int64_t n, void *const *columns, const enum sheaf_type *types,
                     struct sheaf_arena *arena, struct sheaf_error *error) {
    const struct sweep *sweep = items->self;
    if (!types)
        return grid_read_beside(items, first, n, columns, error);
    for (int f = 0; f < items->n_fields; f++) {
        const enum sheaf_type type = types[f];
        char *to = columns[f];
        for (int64_t i = 0; to && i < n; i++, to += sheaf_type_bytes(type))
            if (sheaf_sweep_convert(sweep, f, type, sheaf_sweep_index(sweep, f, first + i), 1, to, arena))
                return sheaf_fail_memory(error, "the items");
    }
    return 0;
}

static void grid_close(struct items *items) {
    (void)items; /* all of it lives in the arena of the items */
}

static const struct items_source grid_source = {
    .check = grid_check, .read = grid_read, .read_beside = grid_read_beside, .close = grid_close};

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
    if (check_name(g, key, name, what) || sheaf_axis_read(node, name, what, &g->items->arena, &field, &n, g->error))
        return -1;
    if (axis->size && axis->size != n)
        return sheaf_yaml_refuse(node, g->error,
                                 "%s has %" PRId64 " values, and the fields before it in %s have %" PRId64
                                 "; fields side by side have equally many",
                                 what, n, within, axis->size);
    axis->size = n;
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

/* The last axis: 0, 1, …, which no other field depends on. */
static int read_repeat(struct grid *g, const struct yaml_node *node) {
    int64_t n;
    if (sheaf_yaml_count(node, "items.repeat", &n, g->error))
        return -1;
    if (n < 1 || n > AXIS_VALUES_MOST)
        return sheaf_yaml_refuse(node, g->error, "items.repeat is %" PRId64 "; it should be from 1 to %" PRId64, n,
                                 AXIS_VALUES_MOST);
    if (check_name(g, node, "repeat", "items.repeat") || begin_axis(g, node, "repeat"))
        return -1;
    int64_t *values = sheaf_arena_take(&g->items->arena, (size_t)n * sizeof *values);
    if (!values)
        return sheaf_fail_memory(g->error, "the axes");
    for (int64_t i = 0; i < n; i++)
        values[i] = i;
    g->sweep->axes[g->sweep->n_axes - 1].size = n;
    return add_field(g, &(struct sweep_field){.about = {.name = "repeat", .type = SHEAF_INT64, .width = 1},
                                              .axis = g->sweep->n_axes - 1,
                                              .values = values});
}

/* A name in quotes, those in it twice: it may have blanks, and whatever else an identity has between names. */
static void say_name(const char *name, struct sheaf_string *identity) {
    sheaf_string_add(identity, "'");
    for (; *name; name++)
        sheaf_string_add(identity, "%s%c", *name == '\'' ? "'" : "", *name);
    sheaf_string_add(identity, "'");
}

/* Few numbers are their own identity, which people can read: as they are written where the
   kernel may get them so. */
static void say_numbers(const struct sweep *sweep, int f, bool as_written, struct sheaf_string *identity) {
    const int64_t n = sweep->axes[sweep->fields[f].axis].size;
    for (int64_t i = 0; i < n; i++) {
        char number[40];
        const struct sheaf_text *written = as_written ? sweep->fields[f].written : NULL;
        if (written) {
            sheaf_string_add(identity, "%s%s", i ? " " : "", written[i].data);
            continue;
        }
        if (sweep->fields[f].about.type == SHEAF_INT64)
            snprintf(number, sizeof number, "%" PRId64, ((const int64_t *)sweep->fields[f].values)[i]);
        else
            sheaf_text_double(((const double *)sweep->fields[f].values)[i], number);
        sheaf_string_add(identity, "%s%s", i ? " " : "", number);
    }
}

/* A hash of all values; of texts that of their own hashes. */
static int say_hash(const struct sweep *sweep, int f, bool as_written, struct sheaf_string *identity) {
    const struct sweep_field *field = &sweep->fields[f];
    const int64_t n = sweep->axes[field->axis].size;
    const struct sheaf_text *texts = field->about.type == SHEAF_TEXT ? field->values
                                     : as_written                    ? field->written
                                                                     : NULL;
    struct sheaf_string hashes = {0};
    char hash[SHEAF_HASH_BYTES];
    for (int64_t i = 0; texts && i < n; i++) {
        sheaf_hash_bytes(texts[i].data, texts[i].length, hash);
        sheaf_string_add(&hashes, "%s\n", hash);
    }
    if (texts)
        sheaf_hash_bytes(hashes.data, hashes.length, hash);
    else
        sheaf_hash_bytes(field->values, (size_t)n * sheaf_type_bytes(field->about.type), hash);
    sheaf_string_add(identity, "%" PRId64 " values, %s", n, hash);
    const bool failed = hashes.failed;
    sheaf_string_free(&hashes);
    return failed ? -1 : 0;
}

static int identify(const struct grid *g, bool as_written) {
    enum { FEW = 12 };
    const struct sweep *sweep = g->sweep;
    struct sheaf_string *identity = &g->items->identity;
    sheaf_string_add(identity, "items: grid");
    for (int a = 0; a < sweep->n_axes; a++) {
        sheaf_string_add(identity, "%s ", a ? " x" : "");
        say_name(sweep->axes[a].name, identity);
        sheaf_string_add(identity, " %" PRId64, sweep->axes[a].size);
    }
    sheaf_string_add(identity, "\n");
    for (int f = 0; f < sweep->n_fields; f++) {
        const struct sweep_field *field = &sweep->fields[f];
        sheaf_string_add(identity, "items have ");
        say_name(field->about.name, identity);
        sheaf_string_add(identity, ": %s along axis %d, ", sheaf_type_name(field->about.type), field->axis);
        if (field->about.type != SHEAF_TEXT && sweep->axes[field->axis].size <= FEW)
            say_numbers(sweep, f, as_written, identity);
        else if (say_hash(sweep, f, as_written, identity))
            return sheaf_fail_memory(g->error, "the axes");
        sheaf_string_add(identity, "\n");
    }
    return identity->failed ? sheaf_fail_memory(g->error, "the axes") : 0;
}

/* Bytes of the texts of an item, and of all, at most. */
static void measure_texts(struct items *items, const struct sweep *sweep) {
    for (int f = 0; f < sweep->n_fields; f++) {
        const struct sheaf_text *texts = sweep->fields[f].about.type == SHEAF_TEXT ? sweep->fields[f].values : NULL;
        size_t most = 0;
        for (int64_t i = 0; texts && i < sweep->axes[sweep->fields[f].axis].size; i++)
            most = texts[i].length > most ? texts[i].length : most;
        items->most_text_bytes += most;
    }
    items->all_text_bytes = items->most_text_bytes * (size_t)sweep->n_items;
}

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

static int fill_items(struct grid *g, const struct yaml_node *node, bool as_written) {
    struct items *items = g->items;
    const struct sweep *sweep = g->sweep;
    if (check_axes(g, node))
        return -1;
    if (sheaf_sweep_measure(g->sweep, most_items))
        return sheaf_yaml_refuse(node, g->error, "items: the grid has more than 10^15 items");
    items->fields = sheaf_arena_take(&items->arena, (size_t)sweep->n_fields * sizeof *items->fields);
    if (!items->fields)
        return sheaf_fail_memory(g->error, "the fields");
    for (int f = 0; f < sweep->n_fields; f++)
        items->fields[f] = sweep->fields[f].about;
    items->source = &grid_source;
    items->self = g->sweep;
    items->sweep = g->sweep;
    items->n_items = sweep->n_items;
    items->n_fields = sweep->n_fields;
    measure_texts(items, sweep);
    return identify(g, as_written);
}

int sheaf_grid_open(struct items *items, const struct job *job, struct sheaf_error *error) {
    const struct yaml_node *node = job->items.node;
    const struct yaml_node *grid = sheaf_yaml_get(node, "grid"), *zip = sheaf_yaml_get(node, "zip");
    const struct yaml_node *repeat = sheaf_yaml_get(node, "repeat");
    struct grid g = {.items = items, .sweep = sheaf_arena_take(&items->arena, sizeof(struct sweep)), .error = error};
    if (!g.sweep)
        return sheaf_fail_memory(error, "the axes");
    int rc = grid  ? read_grid(&g, grid)
             : zip ? begin_axis(&g, zip, "item") || read_zip(&g, zip, "items.zip")
                   : read_rows(&g, sheaf_yaml_get(node, "rows"));
    if (rc || (repeat && read_repeat(&g, repeat)))
        return -1;
    return fill_items(&g, node, job->kind == JOB_COMMAND || job->kind == JOB_KERNEL);
}
