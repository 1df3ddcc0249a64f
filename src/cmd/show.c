/* sheaf show: rows of a results file as a table or CSV, or one item. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/cells.h"
#include "cmd/cmd.h"
#include "cmd/show_item.h"
#include "cmd/show_rows.h"
#include "cmd/slice.h"
#include "core/text.h"
#include "core/type.h"
#include "plan/row_sink.h"
#include "report/table.h"
#include "store/reader.h"

/* Rows read at a time, and where texts of any length are among them; how many are shown; most --field and --sel options. */
enum { ROWS = 8192, TEXT_ROWS = 64, DEFAULT_HEAD = 20, MOST_NAMED = 64, MOST_SELECTED = 64, MOST_UNIT = 16 };

struct show {
    const char *path, *sort, *fields;
    const char *named[MOST_NAMED]; /* [n_named] by --field */
    int n_named;
    const char *selected[MOST_SELECTED]; /* [n_selected] by --sel */
    int n_selected;
    int64_t item;                   /* -1: rows are shown */
    int64_t head;                   /* -1: the default */
    bool with_status, with_message; /* as columns */
    bool where_failed, csv, descending, head_by_default;

    struct reader *reader;
    const struct reader_field *all; /* [n_all] the job's fields, then [n_about] what is kept of items beside them */
    int n_all, n_about;
    int *chosen; /* [n_chosen] fields, in the order shown */
    int n_chosen;
    struct shown_rows found;
    struct sheaf_error error;
};

/* --- options ------------------------------------------------------------------------------------------------------- */

static int apply_sort(void *target, const char *value, struct sheaf_error *error) {
    struct show *show = target;
    (void)error;
    show->descending = value[0] == '-';
    show->sort = value + show->descending;
    return 0;
}

static int apply_head(void *target, const char *value, struct sheaf_error *error) {
    struct show *show = target;
    if (sheaf_text_to_int64(value, strlen(value), &show->head) || show->head < 0)
        return sheaf_refuse(error, "'%s' should be a number of rows; 0 means all", value);
    return 0;
}

static int apply_where_failed(void *target, const char *value, struct sheaf_error *error) {
    (void)value, (void)error;
    ((struct show *)target)->where_failed = true;
    return 0;
}

static int apply_csv(void *target, const char *value, struct sheaf_error *error) {
    (void)value, (void)error;
    ((struct show *)target)->csv = true;
    return 0;
}

static int apply_fields(void *target, const char *value, struct sheaf_error *error) {
    (void)error;
    ((struct show *)target)->fields = value;
    return 0;
}

static int apply_field(void *target, const char *value, struct sheaf_error *error) {
    struct show *show = target;
    if (show->n_named == MOST_NAMED)
        return sheaf_refuse(error, "--field can be given %d times; --fields takes any number of names", MOST_NAMED);
    show->named[show->n_named++] = value;
    return 0;
}

static int apply_sel(void *target, const char *value, struct sheaf_error *error) {
    struct show *show = target;
    if (show->n_selected == MOST_SELECTED)
        return sheaf_refuse(error, "--sel can be given %d times; it takes any number of AXIS=VALUE, with commas",
                            MOST_SELECTED);
    show->selected[show->n_selected++] = value;
    return 0;
}

static int apply_item(void *target, const char *value, struct sheaf_error *error) {
    struct show *show = target;
    if (sheaf_text_to_int64(value, strlen(value), &show->item) || show->item < 0)
        return sheaf_refuse(error, "--item %s: an item's index is 0 or more", value);
    return 0;
}

static const struct sheaf_option table[] = {
    {'i', "item", "N", "all fields of one item; with one --field only its value, a text just as it is", apply_item},
    {'s', "sort", "FIELD", "by a field, smallest first; -FIELD: largest first", apply_sort},
    {'n', "head", "N", "the first N rows (default 20, with --csv all); 0: all", apply_head},
    {'f', "fields", "A,B,…", "only these fields, in this order", apply_fields},
    {0, "field", "NAME", "only this field; may be given again for more", apply_field},
    {0, "sel", "AXIS=V,…", "of a grid, zip or sample only the items that have the value; of numbers the nearest",
     apply_sel},
    {0, "where-failed", NULL, "only items that failed, and why", apply_where_failed},
    {0, "csv", NULL, "comma-separated values with all digits", apply_csv},
    {0},
};

static const struct cmd_usage usage = {
    "sheaf show FILE [options]", "Prints the rows of a results file, or one item, also while a run writes it.", 1, 1};

/* --- choosing fields ----------------------------------------------------------------------------------------------- */

static int look_for_field(const struct show *show, const char *name) {
    for (int k = 0; k < show->n_all + show->n_about; k++)
        if (strcmp(show->all[k].field.name, name) == 0)
            return k;
    return -1;
}

static int find_field(struct show *show, const char *name) {
    const int n = show->n_all + show->n_about, found = look_for_field(show, name);
    if (found >= 0)
        return found;
    char hint[512];
    const char **names = calloc((size_t)n + 1, sizeof *names);
    for (int k = 0; names && k < n; k++)
        names[k] = show->all[k].field.name;
    sheaf_refuse(&show->error, "%s: no field '%s'%s", show->path, name,
                 names ? sheaf_text_suggest(name, names, n, true, hint, sizeof hint) : "");
    free(names);
    return -1;
}

/* Columns that are no fields, and stand in front: the item is always there. */
static bool choose_lead(struct show *show, const char *name) {
    const bool is_status = strcmp(name, "status") == 0, is_message = strcmp(name, "message") == 0;
    show->with_status = show->with_status || is_status;
    show->with_message = show->with_message || is_message;
    return is_status || is_message || strcmp(name, "item") == 0;
}

static int choose(struct show *show, const char *name) {
    if (look_for_field(show, name) < 0) {
        name += strspn(name, " "); /* behind a comma */
        if (show->item < 0 && choose_lead(show, name))
            return 0;
    }
    int k = find_field(show, name);
    if (k < 0)
        return -1;
    if (show->n_chosen > show->n_all + show->n_about)
        return sheaf_refuse(&show->error, "more fields are named than there are");
    show->chosen[show->n_chosen++] = k;
    return 0;
}

static int choose_named(struct show *show) {
    char *list = strdup(show->fields ? show->fields : ""), *state = NULL;
    int rc = list ? 0 : sheaf_fail_memory(&show->error, "the fields");
    for (char *name = rc ? NULL : strtok_r(list, ",", &state); name && rc == 0; name = strtok_r(NULL, ",", &state))
        rc = choose(show, name);
    for (int k = 0; k < show->n_named && rc == 0; k++)
        rc = choose(show, show->named[k]);
    free(list);
    return rc;
}

/* In a CSV and of one item the file's order; in a table first what tells items apart (all inputs of a grid, else a text), then
   what was computed, then the other inputs. Of one item also what is kept of it beside them. */
static int choose_fields(struct show *show) {
    show->chosen = calloc((size_t)(show->n_all + show->n_about) + 2, sizeof *show->chosen);
    if (!show->chosen)
        return sheaf_fail_memory(&show->error, "the fields");
    if (show->fields || show->n_named)
        return choose_named(show);
    int label = -1;
    bool ordered = show->csv || show->item >= 0 || sheaf_reader_is_sweep(show->reader);
    for (int k = 0; k < show->n_all && label < 0 && !ordered; k++)
        if (show->all[k].field.type == SHEAF_TEXT && !show->all[k].is_output)
            label = show->chosen[show->n_chosen++] = k;
    for (int k = 0; k < show->n_all; k++)
        if (show->all[k].is_output && !ordered)
            show->chosen[show->n_chosen++] = k;
    for (int k = 0; k < show->n_all; k++)
        if (k != label && (ordered || !show->all[k].is_output))
            show->chosen[show->n_chosen++] = k;
    bool own_block = sheaf_reader_block(show->reader) == 1; /* else its seconds are of other items too */
    for (int k = show->n_all + !own_block; k < show->n_all + show->n_about && show->item >= 0; k++)
        show->chosen[show->n_chosen++] = k;
    return 0;
}

static int find_sort(struct show *show, int *sort) {
    *sort = -1;
    if (!show->sort)
        return 0;
    *sort = find_field(show, show->sort);
    if (*sort < 0)
        return -1;
    const struct sheaf_field *f = &show->all[*sort].field;
    return f->type == SHEAF_TEXT || f->width > 1
               ? sheaf_refuse(&show->error, "cannot sort by '%s': it holds no single number an item", show->sort)
               : 0;
}

static int choose_rows(struct show *show) {
    struct slice slice = {0};
    struct row_choice choice = {show->reader, &slice, -1, show->descending, show->where_failed, show->head};
    int rc = find_sort(show, &choice.sort);
    if (rc == 0)
        sheaf_slice_begin(&slice, show->reader);
    for (int i = 0; i < show->n_selected && rc == 0; i++)
        rc = sheaf_slice_select(&slice, show->reader, show->path, show->selected[i], &show->error);
    if (rc == 0)
        rc = sheaf_show_choose_rows(&choice, &show->found, &show->error);
    sheaf_slice_free(&slice);
    return rc;
}

/* --- cells --------------------------------------------------------------------------------------------------------- */

static bool is_long_text(const struct reader_field *field) {
    return field->is_output && field->field.type == SHEAF_TEXT;
}

static void *too_many(struct show *show) {
    sheaf_fail_memory(&show->error, "so many rows; use --head");
    return NULL;
}

/* cells[n] of a text output in a table: first lines, so that little of the texts is in memory at a time. */
static int line_cells(struct show *show, int field, int64_t at, int64_t n, const char **cells,
                      struct sheaf_arena *arena) {
    const char *texts[TEXT_ROWS];
    for (int64_t from = 0; from < n; from += TEXT_ROWS) {
        struct sheaf_arena own = {0};
        int64_t m = n - from < TEXT_ROWS ? n - from : TEXT_ROWS;
        int rc = sheaf_reader_values(show->reader, field, show->found.rows + at + from, m, texts, &own, &show->error);
        for (int64_t i = 0; rc == 0 && i < m; i++) {
            bool empty = show->found.statuses[at + from + i] == ITEM_PENDING;
            cells[from + i] = sheaf_cell_line(empty ? "" : texts[i], arena);
            rc = cells[from + i] ? 0 : sheaf_fail_memory(&show->error, "so many rows; use --head");
        }
        sheaf_arena_free(&own);
        if (rc)
            return -1;
    }
    return 0;
}

/* cells[width][n] of a field for the n rows shown from `at` on; for people (few digits) or exact. An output that is
   pending is an empty cell. NULL after an error. */
static const char **field_cells(struct show *show, int field, int64_t at, int64_t n, struct sheaf_arena *arena) {
    const struct sheaf_field *f = &show->all[field].field;
    size_t value_bytes = sheaf_cell_bytes(f->type);
    int64_t n_cells = n * f->width;
    char *values = sheaf_arena_take(arena, (size_t)n_cells * value_bytes);
    const char **cells = sheaf_arena_take(arena, (size_t)n_cells * sizeof *cells);
    double *numbers = sheaf_arena_take(arena, (size_t)n * sizeof *numbers);
    if (!values || !cells || !numbers)
        return too_many(show);
    if (is_long_text(&show->all[field]) && f->width == 1 && !show->csv)
        return line_cells(show, field, at, n, cells, arena) ? NULL : cells;
    if (sheaf_reader_values(show->reader, field, show->found.rows + at, n, values, arena, &show->error))
        return NULL;
    const bool is_output = show->all[field].is_output;
    bool rounded = !show->csv && (f->type == SHEAF_FLOAT64 || f->type == SHEAF_FLOAT32);
    for (int64_t w = 0; w < f->width; w++) {
        for (int64_t i = 0; i < n; i++) {
            const char *value = values + (size_t)(i * f->width + w) * value_bytes;
            const uint8_t status = show->found.statuses[at + i];
            bool empty =
                is_output && (status == ITEM_PENDING || (status != ITEM_DONE && sheaf_cell_is_fill(f->type, value)));
            numbers[i] = rounded && !empty ? sheaf_type_to_double(f->type, value) : NAN;
            cells[w * n + i] = empty ? "" : rounded ? NULL : sheaf_cell_exact(f->type, value, arena);
        }
        const char **column = rounded ? sheaf_table_numbers(numbers, n, arena) : NULL;
        for (int64_t i = 0; i < n; i++) {
            if (column && !cells[w * n + i])
                cells[w * n + i] = column[i];
            if (!cells[w * n + i])
                return too_many(show);
        }
    }
    return cells;
}

/* "moid [au]" in a table, "moid" in a CSV; with "[2]" for the third of several values. */
static const char *column_head(const struct show *show, int field, int64_t w, struct sheaf_arena *arena) {
    const struct sheaf_field *f = &show->all[field].field;
    char head[512], index[32] = "";
    if (f->width > 1)
        snprintf(index, sizeof index, "[%lld]", (long long)w);
    bool unit = f->unit && f->unit[0] && strlen(f->unit) <= MOST_UNIT && !show->csv;
    snprintf(head, sizeof head, "%s%s%s%s%s", f->name, index, unit ? " [" : "", unit ? f->unit : "", unit ? "]" : "");
    return sheaf_arena_text(arena, head, strlen(head));
}

/* Writes the columns that are no fields: the item, status and message where they matter. Returns how many, or -1. */
static int lead_columns(struct show *show, int64_t at, int64_t n, struct table_column *columns,
                        struct sheaf_arena *arena) {
    const char **items = sheaf_arena_take(arena, 3 * (size_t)n * sizeof *items);
    const char **statuses = items + n, **messages = items + 2 * n;
    bool full = !items;
    for (int64_t i = 0; i < n && !full; i++) {
        items[i] = sheaf_cell_exact(SHEAF_INT64, (const char *)&show->found.rows[at + i], arena);
        statuses[i] = sheaf_cell_status(show->found.statuses[at + i]);
        messages[i] = sheaf_reader_message(show->reader, show->found.rows[at + i]);
        if (!*messages[i] && show->found.statuses[at + i] == ITEM_SKIPPED)
            messages[i] = sheaf_reader_condition(show->reader);
        full = !items[i];
    }
    if (full)
        return sheaf_fail_memory(&show->error, "so many rows; use --head");
    int k = 0;
    columns[k++] = (struct table_column){.head = "item", .cells = items};
    if (show->where_failed || show->found.unfinished || show->csv || show->with_status)
        columns[k++] = (struct table_column){.head = "status", .is_text = true, .cells = statuses};
    if (show->where_failed || show->with_message)
        columns[k++] = (struct table_column){.head = "message", .is_text = true, .is_whole = true, .cells = messages};
    return k;
}

/* Their ends tell them apart. */
static bool are_paths(const char *const *cells, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (!strchr(cells[i], '/'))
            return false;
    return n > 0;
}

/* All columns of the n rows shown from `at` on. NULL after an error. */
static struct table_column *make_columns(struct show *show, int64_t at, int64_t n, int *n_columns,
                                         struct sheaf_arena *arena) {
    int64_t most = 3;
    for (int c = 0; c < show->n_chosen; c++)
        most += show->all[show->chosen[c]].field.width;
    struct table_column *columns = sheaf_arena_take(arena, (size_t)most * sizeof *columns);
    if (!columns)
        return too_many(show);
    int k = lead_columns(show, at, n, columns, arena);
    if (k < 0)
        return NULL;
    for (int c = 0; c < show->n_chosen; c++) {
        const struct sheaf_field *f = &show->all[show->chosen[c]].field;
        const char **cells = field_cells(show, show->chosen[c], at, n, arena);
        if (!cells)
            return NULL;
        for (int64_t w = 0; w < f->width; w++) {
            const char *head = column_head(show, show->chosen[c], w, arena);
            columns[k] = (struct table_column){.head = head ? head : f->name, .cells = cells + w * n};
            columns[k].is_text = f->type == SHEAF_TEXT;
            columns[k].is_result = show->all[show->chosen[c]].is_output;
            columns[k].may_shrink = columns[k].is_text && !columns[k].is_result;
            columns[k].keeps_end = columns[k].may_shrink && are_paths(columns[k].cells, n);
            k++;
        }
    }
    *n_columns = k;
    return columns;
}

/* --- output -------------------------------------------------------------------------------------------------------- */

static int line_columns(void) {
    struct winsize size;
    const char *variable = getenv("COLUMNS");
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return variable && atoi(variable) > 0 ? atoi(variable) : 120;
}

static int write_table(struct show *show) {
    struct sheaf_arena arena = {0};
    char a[32];
    int n_columns = 0, rc = -1;
    struct table_column *columns = make_columns(show, 0, show->found.n_rows, &n_columns, &arena);
    if (columns) {
        int n_shown = sheaf_table_write(stdout, columns, n_columns, show->found.n_rows,
                                        show->fields || show->n_named ? 0 : line_columns());
        fflush(stdout);
        if (show->found.n_rows < show->found.n_matching && show->head_by_default)
            fprintf(stderr, "(%s more rows: --head N, or --head 0 for all)\n",
                    sheaf_text_count(show->found.n_matching - show->found.n_rows, a));
        if (show->found.n_hidden)
            fprintf(stderr, "(%s skipped items are not among them: --fields status shows all)\n",
                    sheaf_text_count(show->found.n_hidden, a));
        if (n_shown < n_columns)
            fprintf(stderr, "(%d more column%s, from '%s' on: a wider terminal, --fields or --csv)\n",
                    n_columns - n_shown, n_columns - n_shown == 1 ? "" : "s", columns[n_shown].head);
        rc = 0;
    }
    sheaf_arena_free(&arena);
    return rc;
}

static int write_csv(struct show *show) {
    int64_t most = ROWS;
    for (int c = 0; c < show->n_chosen; c++)
        most = is_long_text(&show->all[show->chosen[c]]) ? TEXT_ROWS : most;
    for (int64_t at = 0; at < show->found.n_rows || at == 0; at += most) {
        struct sheaf_arena arena = {0};
        int n_columns = 0;
        int64_t n = show->found.n_rows - at < most ? show->found.n_rows - at : most;
        struct table_column *columns = make_columns(show, at, n, &n_columns, &arena);
        const char **cells = columns ? sheaf_arena_take(&arena, (size_t)n_columns * sizeof *cells) : NULL;
        for (int64_t i = at == 0 ? -1 : 0; cells && i < n; i++) {
            for (int c = 0; c < n_columns; c++)
                cells[c] = i < 0 ? columns[c].head : columns[c].cells[i];
            sheaf_table_csv(stdout, cells, n_columns);
        }
        bool bad = !cells;
        sheaf_arena_free(&arena);
        if (bad)
            return -1;
    }
    return 0;
}

static int show_item(struct show *show) {
    const struct show_item item = {show->reader,   show->path,
                                   show->item,     show->chosen,
                                   show->n_chosen, (show->fields || show->n_named) && show->n_chosen == 1};
    if (show->sort || show->where_failed || show->csv || show->n_selected || !show->head_by_default)
        return sheaf_refuse(&show->error,
                            "--item shows one item: --sort, --head, --sel, --where-failed and --csv are for rows");
    return sheaf_show_item(&item, &show->error);
}

static int show_rows(struct show *show) {
    if (choose_fields(show))
        return -1;
    if (show->item >= 0)
        return show_item(show);
    if (choose_rows(show))
        return -1;
    if (show->where_failed && show->found.n_rows == 0 && !show->csv) {
        fprintf(stderr, show->n_selected ? "no item of these failed\n" : "no item failed\n");
        return 0;
    }
    return show->csv ? write_csv(show) : write_table(show);
}

int sheaf_cmd_show(int argc, char **argv) {
    struct show show = {.head = -1, .item = -1};
    int first_word = 0, code = sheaf_cmd_begin(&usage, table, &show, argc, argv, &first_word, false);
    if (code >= 0)
        return code;
    show.path = argv[first_word];
    if ((show.head_by_default = show.head < 0))
        show.head = show.csv ? 0 : DEFAULT_HEAD;
    int rc = sheaf_reader_open(&show.reader, show.path, &show.error);
    if (rc == 0) {
        fputs(sheaf_reader_left_out(show.reader), stderr);
        if (sheaf_reader_texts_are_lost(show.reader))
            sheaf_cmd_say_lost_texts(show.path, sheaf_reader_n_items(show.reader));
        show.all = sheaf_reader_fields(show.reader, &show.n_all);
        show.n_about = sheaf_reader_n_about(show.reader);
        rc = show_rows(&show);
    }
    sheaf_reader_close(show.reader);
    free(show.chosen);
    free(show.found.rows);
    free(show.found.statuses);
    return rc ? sheaf_cmd_fail(&show.error) : SHEAF_EXIT_DONE;
}
