#include "job/source.h"

#include <inttypes.h>
#include <string.h>

#include "job/csv.h"
#include "job/files.h"
#include "job/grid.h"
#include "job/sample.h"

/* count: items without fields; every rank knows all there is to know about them. */
static int count_read(struct items *items, int64_t first, int64_t n, void *const *columns, const enum sheaf_type *types,
                      struct sheaf_arena *arena, struct sheaf_error *error) {
    (void)items, (void)first, (void)n, (void)columns, (void)types, (void)arena, (void)error;
    return 0;
}

static void count_close(struct items *items) {
    (void)items;
}

static const struct items_source count_source = {.read = count_read, .close = count_close};

int sheaf_items_open(struct items *items, const struct job *job, const struct axis_reader *hdf5,
                     struct sheaf_error *error) {
    *items = (struct items){0};
    items->name = sheaf_arena_text(&items->arena, job->items.path, strlen(job->items.path));
    if (!items->name)
        return sheaf_fail_memory(error, "items");
    switch (job->items.kind) {
    case JOB_CSV:
        return sheaf_csv_open(items, &job->items.table, error);
    case JOB_LINES:
        return sheaf_lines_open(items, error);
    case JOB_JSONL:
        return sheaf_jsonl_open(items, &job->items.table, error);
    case JOB_COUNT:
        items->source = &count_source;
        items->n_items = job->items.count;
        sheaf_string_add(&items->identity, "items: count %" PRId64 "\n", items->n_items);
        return 0;
    case JOB_GRID:
    case JOB_ZIP:
    case JOB_ROWS:
        return sheaf_grid_open(items, job, hdf5, error);
    case JOB_SAMPLE:
        return sheaf_sample_open(items, job, error);
    case JOB_FILES:
        return sheaf_files_open(items, job, error);
    case JOB_HDF5:
    case JOB_RESULTS:
        break; /* HDF5 has its home in store/ */
    }
    return sheaf_fail(error, "%s: not a source of this module", items->name);
}
