#include "job/items.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/type.h"
#include "job/csv.h"
#include "job/job.h"

/* count: items without fields; every rank knows all there is to know about them. */
static int count_read(struct items *items, int64_t first, int64_t n, void *const *columns, struct sheaf_arena *arena,
                      struct sheaf_error *error) {
    (void)items, (void)first, (void)n, (void)columns, (void)arena, (void)error;
    return 0;
}

static void count_close(struct items *items) {
    (void)items;
}

static const struct items_source count_source = {NULL, count_read, count_close};

int sheaf_items_open(struct items *items, const struct job *job, struct sheaf_error *error) {
    *items = (struct items){0};
    items->name = sheaf_arena_text(&items->arena, job->items.path, strlen(job->items.path));
    if (!items->name)
        return sheaf_fail_memory(error, "items");
    switch (job->items.kind) {
    case JOB_CSV:
        return sheaf_csv_open(items, error);
    case JOB_LINES:
        return sheaf_lines_open(items, error);
    case JOB_COUNT:
        items->source = &count_source;
        items->n_items = job->items.count;
        sheaf_string_add(&items->identity, "items: count %" PRId64 "\n", items->n_items);
        return 0;
    case JOB_HDF5:
        break; /* HDF5 has its home in store/ */
    }
    return sheaf_fail(error, "%s: not a source of this module", items->name);
}

int sheaf_items_convert(struct items *items, int field, enum sheaf_type type, struct sheaf_error *error) {
    if (items->fields[field].type == type)
        return 0;
    return items->source->convert(items, field, type, error);
}

int sheaf_items_read(struct items *items, int64_t first, int64_t n, void *const *columns, struct sheaf_arena *arena,
                     struct sheaf_error *error) {
    return items->source->read(items, first, n, columns, arena, error);
}

void sheaf_items_close(struct items *items) {
    if (items->source)
        items->source->close(items);
    items->source = NULL;
    sheaf_string_free(&items->identity);
    sheaf_arena_free(&items->arena);
}

int sheaf_items_find(const struct sheaf_field *fields, int n_fields, const char *name) {
    for (int i = 0; i < n_fields; i++)
        if (strcmp(fields[i].name, name) == 0)
            return i;
    return -1;
}

int sheaf_items_check_name(const char *name, const char *what, struct sheaf_error *error) {
    static const char *const reserved[] = {"item", "block", "origin", "status", "seconds", "attempts", "sheaf"};
    if (!name || name[0] == '\0')
        return sheaf_refuse(error, "%s has no name", what);
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcmp(name, reserved[i]) == 0)
            return sheaf_refuse(error, "%s is called '%s', which the results file needs for itself; rename it", what,
                                name);
    if (strcmp(name, ".") == 0 || strchr(name, '/') || strlen(name) > 200)
        return sheaf_refuse(error, "%s is called '%.60s'; a name has no '/' and at most 200 characters", what, name);
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return sheaf_refuse(error, "%s has a control character in its name", what);
    return 0;
}
