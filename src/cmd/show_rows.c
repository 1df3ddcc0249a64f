#include "cmd/show_rows.h"

#include <stdlib.h>

#include "cmd/sort_key.h"
#include "core/type.h"
#include "plan/row_sink.h"

enum { ROWS = 8192 }; /* looked at at a time */

/* The rows that are kept so far. */
struct keys {
    struct sort_key *rows;
    int64_t n, room;
    bool failed_only; /* and no skipped ones */
};

/* Whether the row has a value to sort by. */
static bool has_value(const struct reader_field *field, bool is_about, uint8_t status) {
    return !field->is_output || status == ITEM_DONE || (is_about && status != ITEM_PENDING);
}

static struct sort_key *add_key(struct keys *keys, struct sheaf_error *error) {
    if (keys->n == keys->room) {
        const int64_t more = keys->room ? 2 * keys->room : ROWS;
        struct sort_key *grown = realloc(keys->rows, (size_t)more * sizeof *grown);
        if (!grown) {
            sheaf_fail_memory(error, "so many rows; use --head");
            return NULL;
        }
        keys->rows = grown;
        keys->room = more;
    }
    return &keys->rows[keys->n++];
}

/* Adds those of items[n] that are asked for, with their sort keys. */
static int collect(const struct row_choice *choice, const int64_t *items, int64_t n, struct keys *found,
                   struct sheaf_error *error) {
    static uint8_t status[ROWS];
    static double values[ROWS]; /* large enough for any numeric type */
    const int sort = choice->sort;
    int n_fields;
    const struct reader_field *fields = sheaf_reader_fields(choice->reader, &n_fields);
    if (sheaf_reader_statuses(choice->reader, items, n, status, error) ||
        (sort >= 0 && sheaf_reader_values(choice->reader, sort, items, n, values, NULL, error)))
        return -1;
    const enum sheaf_type type = sort >= 0 ? fields[sort].field.type : SHEAF_FLOAT64;
    for (int64_t i = 0; i < n; i++) {
        if (choice->where_failed && (status[i] <= ITEM_DONE || (found->failed_only && status[i] == ITEM_SKIPPED)))
            continue;
        struct sort_key *row = add_key(found, error);
        if (!row)
            return -1;
        *row = (struct sort_key){.item = items[i], .status = status[i]};
        if (sort >= 0 && has_value(&fields[sort], sort >= n_fields, status[i]))
            sheaf_sort_key_set(row, type, (char *)values + (size_t)i * sheaf_type_bytes(type), choice->descending);
        else if (sort >= 0)
            sheaf_sort_key_none(row);
    }
    return 0;
}

/* Once more than twice the wanted rows are held, only the best are kept. */
static void prune(const struct row_choice *choice, struct keys *found) {
    if (choice->head <= 0 || found->n <= 2 * choice->head)
        return;
    if (choice->sort >= 0)
        qsort(found->rows, (size_t)found->n, sizeof *found->rows, sheaf_sort_key_compare);
    found->n = choice->head;
}

static int look_through(const struct row_choice *choice, struct keys *found, int64_t *n_matching,
                        struct sheaf_error *error) {
    static int64_t items[ROWS];
    const int64_t n_cells = choice->slice->n_cells;
    const bool all = choice->sort < 0 && !choice->where_failed; /* the first ones will do */
    for (int64_t first = 0; first < n_cells; first += ROWS) {
        const int64_t n = n_cells - first < ROWS ? n_cells - first : ROWS, before = found->n;
        sheaf_slice_items(choice->slice, first, n, items);
        if (collect(choice, items, n, found, error))
            return -1;
        *n_matching += found->n - before;
        prune(choice, found);
        if (all && choice->head > 0 && found->n >= choice->head)
            break;
    }
    *n_matching = all ? n_cells : *n_matching;
    return 0;
}

/* Items that failed are not looked for among very many that a condition leaves out. */
static int find_failed(const struct row_choice *choice, bool *any, int64_t *n_skipped, struct sheaf_error *error) {
    static int64_t items[ROWS];
    static uint8_t status[ROWS];
    const int64_t n_cells = choice->slice->n_cells;
    for (int64_t first = 0; first < n_cells; first += ROWS) {
        const int64_t n = n_cells - first < ROWS ? n_cells - first : ROWS;
        sheaf_slice_items(choice->slice, first, n, items);
        if (sheaf_reader_statuses(choice->reader, items, n, status, error))
            return -1;
        for (int64_t i = 0; i < n; i++) {
            *any = *any || sheaf_status_failed(status[i]);
            *n_skipped += status[i] == ITEM_SKIPPED;
        }
    }
    return 0;
}

int sheaf_show_choose_rows(const struct row_choice *choice, struct shown_rows *found, struct sheaf_error *error) {
    struct keys keys = {0};
    int64_t n_skipped = 0;
    int rc = -1;
    if (choice->where_failed && find_failed(choice, &keys.failed_only, &n_skipped, error))
        goto out;
    found->n_hidden = keys.failed_only ? n_skipped : 0;
    if (look_through(choice, &keys, &found->n_matching, error))
        goto out;
    if (choice->sort >= 0)
        qsort(keys.rows, (size_t)keys.n, sizeof *keys.rows, sheaf_sort_key_compare);
    found->n_rows = choice->head > 0 && choice->head < keys.n ? choice->head : keys.n;
    found->rows = malloc((size_t)found->n_rows * sizeof *found->rows + 1);
    found->statuses = malloc((size_t)found->n_rows + 1);
    if (!found->rows || !found->statuses) {
        sheaf_fail_memory(error, "the rows");
        goto out;
    }
    for (int64_t i = 0; i < found->n_rows; i++) {
        found->rows[i] = keys.rows[i].item;
        found->statuses[i] = keys.rows[i].status;
        found->unfinished = found->unfinished || keys.rows[i].status != ITEM_DONE;
    }
    rc = 0;
out:
    free(keys.rows);
    return rc;
}
