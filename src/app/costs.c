#include "app/costs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/type.h"
#include "plan/partition.h"
#include "plan/row_sink.h"
#include "store/reader.h"

enum { MOST_UNITS = 1 << 20, ROWS = 8192 };

struct costs {
    const struct job *job;
    struct items *items;
    const struct chunk_shape *shape;
    struct span window;
    int64_t unit;  /* blocks */
    double *cost;  /* [n_units] */
    double *value; /* [ROWS] of items */
    /* from a field of the items */
    int field;
    struct sheaf_buffer column; /* [ROWS] of the field */
    void **columns;             /* [n_fields], all NULL but the field's */
    /* from an earlier results file */
    struct reader *earlier;
    double mean;     /* of the items that were computed there */
    uint8_t *status; /* [ROWS] */
    float *seconds;  /* [ROWS + 1] */
};

/* --- from a field -------------------------------------------------------------------------------------------------- */

static int find_field(struct costs *c, struct sheaf_error *error) {
    const struct items *items = c->items;
    const char *name = c->job->cost->text;
    c->field = sheaf_items_find(items->fields, items->n_fields, name);
    if (c->field < 0)
        return sheaf_items_no_field(items, c->job->cost, "schedule.cost", name, error);
    if (items->fields[c->field].type == SHEAF_TEXT || items->fields[c->field].width != 1)
        return sheaf_yaml_refuse(c->job->cost, error,
                                 "field '%s' is text or has several values an item; a cost is one number an item",
                                 name);
    return 0;
}

static int open_field(struct costs *c, struct sheaf_error *error) {
    if (find_field(c, error))
        return -1;
    c->columns = calloc((size_t)c->items->n_fields, sizeof *c->columns);
    if (!c->columns)
        return sheaf_fail_memory(error, "the costs");
    if (sheaf_buffer_resize(&c->column, ROWS * sheaf_type_bytes(c->items->fields[c->field].type), error))
        return -1;
    c->columns[c->field] = c->column.data;
    return 0;
}

static int read_field(struct costs *c, int64_t first, int64_t n, struct sheaf_error *error) {
    struct sheaf_arena arena = {0};
    const struct sheaf_field *field = &c->items->fields[c->field];
    int rc = sheaf_items_read(c->items, first, n, c->columns, &arena, error);
    sheaf_arena_free(&arena);
    for (int64_t i = 0; rc == 0 && i < n; i++)
        c->value[i] = sheaf_type_to_double(field->type, c->column.data + (size_t)i * sheaf_type_bytes(field->type));
    return rc;
}

/* --- from an earlier run ------------------------------------------------------------------------------------------- */

/* What the items took there: a block's seconds in equal parts; the mean where an item was not computed. */
static int read_earlier(struct costs *c, int64_t first, int64_t n, struct sheaf_error *error) {
    int64_t block = sheaf_reader_block(c->earlier), n_items = c->items->n_items;
    int64_t first_block = first / block, last_block = (first + n - 1) / block;
    if (sheaf_reader_status(c->earlier, first, n, c->status, error) ||
        sheaf_reader_seconds(c->earlier, first_block, last_block - first_block + 1, c->seconds, error))
        return -1;
    for (int64_t i = 0; i < n; i++) {
        int64_t b = (first + i) / block, left = n_items - b * block;
        double cost = (double)c->seconds[b - first_block] / (double)(left < block ? left : block);
        bool computed = c->status[i] != ITEM_PENDING && cost >= 0 && cost < 1e9;
        c->value[i] = computed ? cost : c->mean >= 0 ? c->mean : -1;
    }
    return 0;
}

/* The mean over what was computed; with mean < 0, read_earlier marks what was not. */
static int find_mean(struct costs *c, struct sheaf_error *error) {
    double sum = 0;
    int64_t n_computed = 0;
    c->mean = -1;
    for (int64_t first = 0; first < c->items->n_items; first += ROWS) {
        int64_t n = c->items->n_items - first < ROWS ? c->items->n_items - first : ROWS;
        if (read_earlier(c, first, n, error))
            return -1;
        for (int64_t i = 0; i < n; i++)
            if (c->value[i] >= 0) {
                sum += c->value[i];
                n_computed++;
            }
    }
    c->mean = n_computed ? sum / (double)n_computed : 1;
    return 0;
}

static int open_earlier(struct costs *c, struct sheaf_error *error) {
    c->status = malloc(ROWS * sizeof *c->status);
    c->seconds = malloc((ROWS + 1) * sizeof *c->seconds);
    if (!c->status || !c->seconds)
        return sheaf_fail_memory(error, "the costs");
    if (sheaf_reader_open_statuses(&c->earlier, c->job->cost_file, error))
        return sheaf_yaml_prefix(c->job->cost, error);
    if (sheaf_reader_n_items(c->earlier) != c->items->n_items)
        return sheaf_yaml_refuse(c->job->cost, error,
                                 "%s has %" PRId64 " items, this job has %" PRId64 "; costs need the same items",
                                 c->job->cost_file, sheaf_reader_n_items(c->earlier), c->items->n_items);
    return find_mean(c, error);
}

/* --- both ---------------------------------------------------------------------------------------------------------- */

/* Adds the costs of items first … first + n - 1 to their units. */
static int add_rows(struct costs *c, int64_t first, int64_t n, struct sheaf_error *error) {
    if (c->earlier ? read_earlier(c, first, n, error) : read_field(c, first, n, error))
        return -1;
    for (int64_t i = 0; i < n; i++) {
        double cost = c->value[i];
        if (!(cost >= 0 && cost < 1e300)) {
            char number[32];
            return sheaf_yaml_refuse(c->job->cost, error,
                                     "item %" PRId64 " of %s has the cost %s; it should be 0 or more, and below 1e300",
                                     first + i, c->items->name, sheaf_text_double(cost, number));
        }
        c->cost[((first + i) / c->shape->block - c->window.first) / c->unit] += cost;
    }
    return 0;
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
    struct costs c = {.job = job, .items = items, .shape = shape, .window = window, .unit = window.n / MOST_UNITS + 1};
    int rc = -1;
    int64_t n_units = (window.n + c.unit - 1) / c.unit;
    c.cost = calloc((size_t)n_units + 1, sizeof *c.cost);
    c.value = malloc(ROWS * sizeof *c.value);
    if (!c.cost || !c.value) {
        sheaf_fail_memory(error, "the costs");
        goto out;
    }
    if (job->cost_file ? open_earlier(&c, error) : open_field(&c, error))
        goto out;
    rc = add_pending(&c, pending, error);
    if (rc == 0)
        rc = sheaf_partition_weighted(c.cost, n_units, c.unit, window, n_ranks, partitions, error);
out:
    sheaf_buffer_free(&c.column);
    sheaf_reader_close(c.earlier);
    free(c.cost);
    free(c.value);
    free(c.columns);
    free(c.status);
    free(c.seconds);
    return rc;
}

int sheaf_costs_check(const struct job *job, const struct items *items, struct sheaf_error *error) {
    struct costs c = {.job = job, .items = (struct items *)(uintptr_t)items};
    return job->cost && !job->cost_file ? find_field(&c, error) : 0;
}
