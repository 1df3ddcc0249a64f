#include "app/costs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/type.h"
#include "plan/partition.h"

enum { MOST_UNITS = 1 << 20, ROWS = 8192 };

struct costs {
    const struct job *job;
    struct items *items;
    const struct chunk_shape *shape;
    struct span window;
    int field;                  /* of the items, with the cost */
    int64_t unit;               /* blocks */
    double *cost;               /* [n_units] */
    struct sheaf_buffer column; /* [ROWS] of the field */
    void **columns;             /* [n_fields], all NULL but the field's */
};

static int find_field(struct costs *c, struct sheaf_error *error) {
    const struct items *items = c->items;
    const char *name = c->job->cost->text;
    char hint[512];
    c->field = sheaf_items_find(items->fields, items->n_fields, name);
    if (c->field < 0) {
        const char **names = malloc(((size_t)items->n_fields + 1) * sizeof *names);
        if (!names)
            return sheaf_fail_memory(error, "the costs");
        for (int k = 0; k < items->n_fields; k++)
            names[k] = items->fields[k].name;
        sheaf_yaml_refuse(c->job->cost, error, "no field '%s' in %s to take costs from%s", name, items->name,
                          sheaf_text_suggest(name, names, items->n_fields, true, hint, sizeof hint));
        free(names);
        return -1;
    }
    if (items->fields[c->field].type == SHEAF_TEXT || items->fields[c->field].width != 1)
        return sheaf_yaml_refuse(c->job->cost, error,
                                 "field '%s' is text or has several values an item; a cost is one number an item",
                                 name);
    return 0;
}

/* Adds the costs of items first … first + n - 1 to their units. */
static int add_rows(struct costs *c, int64_t first, int64_t n, struct sheaf_error *error) {
    struct sheaf_arena arena = {0};
    const struct sheaf_field *field = &c->items->fields[c->field];
    int rc = sheaf_items_read(c->items, first, n, c->columns, &arena, error);
    for (int64_t i = 0; rc == 0 && i < n; i++) {
        double cost = sheaf_type_to_double(field->type, c->column.data + (size_t)i * sheaf_type_bytes(field->type));
        if (!(cost >= 0 && cost < 1e300)) {
            char number[32];
            rc = sheaf_yaml_refuse(c->job->cost, error,
                                   "item %" PRId64 " of %s has the cost %s; it should be 0 or more, and below 1e300",
                                   first + i, c->items->name, sheaf_text_double(cost, number));
        } else {
            int64_t block = (first + i) / c->shape->block - c->window.first;
            c->cost[block / c->unit] += cost;
        }
    }
    sheaf_arena_free(&arena);
    return rc;
}

static int add_pending(struct costs *c, const struct pending *pending, struct sheaf_error *error) {
    struct span run;
    int64_t end = c->window.first + c->window.n;
    for (int64_t at = c->window.first; at < end; at = run.first + run.n) {
        int64_t first, n;
        if (pending->next(pending->self, at, end, &run, error))
            return -1;
        if (run.n == 0)
            break;
        sheaf_chunk_items(c->shape, run, &first, &n);
        for (int64_t done = 0; done < n; done += ROWS)
            if (add_rows(c, first + done, n - done < ROWS ? n - done : ROWS, error))
                return -1;
    }
    return 0;
}

int sheaf_costs_partition(const struct job *job, struct items *items, const struct pending *pending,
                          const struct chunk_shape *shape, struct span window, int n_ranks, struct span *partitions,
                          struct sheaf_error *error) {
    struct costs c = {.job = job, .items = items, .shape = shape, .window = window};
    int rc = -1;
    if (find_field(&c, error))
        return -1;
    c.unit = window.n / MOST_UNITS + 1;
    int64_t n_units = (window.n + c.unit - 1) / c.unit;
    c.cost = calloc((size_t)n_units + 1, sizeof *c.cost);
    c.columns = calloc((size_t)items->n_fields, sizeof *c.columns);
    if (!c.cost || !c.columns) {
        sheaf_fail_memory(error, "the costs");
        goto out;
    }
    if (sheaf_buffer_resize(&c.column, ROWS * sheaf_type_bytes(items->fields[c.field].type), error))
        goto out;
    c.columns[c.field] = c.column.data;
    rc = add_pending(&c, pending, error);
    if (rc == 0)
        rc = sheaf_partition_weighted(c.cost, n_units, c.unit, window, n_ranks, partitions, error);
out:
    sheaf_buffer_free(&c.column);
    free(c.cost);
    free(c.columns);
    return rc;
}
