/* sheaf diff: whether two results files are the same, and where not. */
#include "cmd/diff.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cells.h"
#include "cmd/cmd.h"
#include "core/text.h"
#include "core/type.h"
#include "report/table.h"

enum { DEFAULT_HEAD = 10, LABELS_MOST = 4, HEAD_MOST = 10000 };

struct diff {
    struct comparison comparison;
    bool json, quiet;
};

/* --- options ------------------------------------------------------------------------------------------------------- */

static int read_tolerance(const char *name, const char *value, double *to, struct sheaf_error *error) {
    if (sheaf_text_to_double(value, strlen(value), to) || !(*to >= 0) || isinf(*to))
        return sheaf_refuse(error, "--%s %s: should be a number of at least 0", name, value);
    return 0;
}

static int apply_rtol(void *target, const char *value, struct sheaf_error *error) {
    return read_tolerance("rtol", value, &((struct diff *)target)->comparison.rtol, error);
}

static int apply_atol(void *target, const char *value, struct sheaf_error *error) {
    return read_tolerance("atol", value, &((struct diff *)target)->comparison.atol, error);
}

static int apply_fields(void *target, const char *value, struct sheaf_error *error) {
    (void)error;
    ((struct diff *)target)->comparison.fields = value;
    return 0;
}

static int apply_by(void *target, const char *value, struct sheaf_error *error) {
    (void)error;
    ((struct diff *)target)->comparison.by = value;
    return 0;
}

static int apply_head(void *target, const char *value, struct sheaf_error *error) {
    int64_t *head = &((struct diff *)target)->comparison.n_shown_most;
    if (sheaf_text_to_int64(value, strlen(value), head) || *head < 0 || *head > HEAD_MOST)
        return sheaf_refuse(error, "'%s' should be a number of differences, at most %d", value, HEAD_MOST);
    return 0;
}

static int apply_json(void *target, const char *value, struct sheaf_error *error) {
    (void)value, (void)error;
    ((struct diff *)target)->json = true;
    return 0;
}

static int apply_quiet(void *target, const char *value, struct sheaf_error *error) {
    (void)value, (void)error;
    ((struct diff *)target)->quiet = true;
    return 0;
}

static const struct sheaf_option table[] = {
    {0, "rtol", "X", "numbers are the same up to X times the larger one", apply_rtol},
    {0, "atol", "X", "numbers are the same up to X; with --rtol up to the sum of both", apply_atol},
    {'f', "fields", "A,B,…", "compare only these fields, and the statuses", apply_fields},
    {0, "by", "A,B,…", "inputs that say which item is which; item: its index", apply_by},
    {'n', "head", "N", "show the first N differences (default 10)", apply_head},
    {0, "json", NULL, "one JSON object, for scripts; sheaf(1) tells its keys", apply_json},
    {'q', "quiet", NULL, "say nothing; the exit code tells", apply_quiet},
    {0},
};

static const struct cmd_usage usage = {
    "sheaf diff FILE FILE [options]",
    "Compares two results files, also while runs write them. Items of a grid, zip, rows or sample are\n"
    "those with the same coordinates, others those with the same index. Exit code 0: nothing differs, 1: something "
    "does.",
    2, 2};

/* --- words --------------------------------------------------------------------------------------------------------- */

/* "1.2e-09": how much, not which; people look at the first digits. */
static const char *say_gap(double gap, char text[32]) {
    snprintf(text, 32, "%.3g", gap);
    return text;
}

/* One value of a field of one file's item; NULL where there is no memory, or it cannot be read. */
static const char *value_of(struct reader *reader, int field, int64_t item, int64_t at, struct sheaf_arena *arena) {
    int n_fields;
    const struct sheaf_field *f = &sheaf_reader_fields(reader, &n_fields)[field].field;
    const size_t n_bytes = sheaf_cell_bytes((enum sheaf_type)f->type);
    char *values = sheaf_arena_take(arena, n_bytes * (size_t)f->width);
    if (!values || sheaf_reader_range(reader, field, item, 1, values, arena, NULL))
        return NULL;
    const char *text = sheaf_cell_exact((enum sheaf_type)f->type, values + (size_t)at * n_bytes, arena);
    return text && f->type == SHEAF_TEXT ? sheaf_cell_line(text, arena) : text;
}

/* The inputs by which people know an item: those that pair it, its coordinates, a text, or the first ones. */
static int choose_labels(const struct comparison *c, int labels[LABELS_MOST]) {
    int n_fields, n = 0;
    const struct reader_field *fields = sheaf_reader_fields(c->readers[0], &n_fields);
    for (int d = 0; d < c->pairing.n_axes; d++)
        for (int k = 0; k < c->pairing.axes[d].n_keys && n < LABELS_MOST; k++)
            labels[n++] = c->pairing.axes[d].key_a[k];
    for (int k = 0; k < n_fields && n == 0; k++)
        if (!fields[k].is_output && fields[k].field.type == SHEAF_TEXT)
            labels[n++] = k;
    for (int k = 0; k < n_fields && n < 2 && !(n && fields[labels[0]].field.type == SHEAF_TEXT); k++)
        if (!fields[k].is_output && fields[k].field.width == 1 && !c->pairing.axes[0].n_keys)
            labels[n++] = k;
    return n;
}

/* "17 (mass = 0.3, charge = 1)" */
static const char *name_item(const struct comparison *c, int64_t item, struct sheaf_arena *arena) {
    int labels[LABELS_MOST], n_fields;
    const int n = choose_labels(c, labels);
    const struct reader_field *fields = sheaf_reader_fields(c->readers[0], &n_fields);
    struct sheaf_string said = {0};
    sheaf_string_add(&said, "%" PRId64, item);
    for (int k = 0; k < n; k++) {
        const char *value = value_of(c->readers[0], labels[k], item, 0, arena);
        sheaf_string_add(&said, "%s%s = %s", k ? ", " : " (", fields[labels[k]].field.name, value ? value : "?");
    }
    sheaf_string_add(&said, "%s", n ? ")" : "");
    const char *kept = said.failed ? NULL : sheaf_arena_text(arena, said.data, said.length);
    sheaf_string_free(&said);
    return kept ? kept : "?";
}

/* --- which items --------------------------------------------------------------------------------------------------- */

/* "mass: 3 of 53 only in b.h5: 0.3, 0.4, 0.5" */
static void print_alone(const struct comparison *c, const struct pairing_axis *axis, int side) {
    const int64_t n = side ? axis->n_b : axis->n_a, n_alone = n - axis->n_both;
    const int64_t *places = side ? axis->only_b : axis->only_a;
    struct sheaf_arena arena = {0};
    char count[32], all[32];
    if (n_alone == 0)
        return;
    printf("  %s: %s of %s only in %s", axis->name, sheaf_text_count(n_alone, count), sheaf_text_count(n, all),
           c->paths[side]);
    for (int64_t i = 0; i < PAIRING_TOLD && i < n_alone; i++) {
        printf("%s", i ? ", " : ": ");
        for (int k = 0; k < axis->n_keys; k++) {
            const int field = side ? axis->key_b[k] : axis->key_a[k];
            int64_t item = places[i]; /* the first one at that place of the axis */
            int n_fields;
            const struct reader_field *f = &sheaf_reader_fields(c->readers[side], &n_fields)[field];
            const struct extent *extent = sheaf_reader_extent(c->readers[side]);
            for (int d = f->axis + 1; f->axis >= 0 && d < extent->n_dims; d++)
                item *= extent->dims[d].size;
            const char *value = value_of(c->readers[side], field, item, 0, &arena);
            printf("%s%s", k ? " " : "", value ? value : "?");
        }
        if (axis->n_keys == 0)
            printf("%" PRId64, places[i]);
    }
    printf("%s\n", n_alone > PAIRING_TOLD ? ", …" : "");
    sheaf_arena_free(&arena);
}

static void print_pairing(const struct comparison *c) {
    const struct pairing *p = &c->pairing;
    char a[32], b[32], both[32];
    if (p->n_a != p->n_b || p->n_both != p->n_a)
        printf("%s has %s item%s, %s has %s; both have %s of them\n", c->paths[0], sheaf_text_count(p->n_a, a),
               sheaf_text_plural(p->n_a), c->paths[1], sheaf_text_count(p->n_b, b), sheaf_text_count(p->n_both, both));
    for (int d = 0; d < p->n_axes; d++) {
        print_alone(c, &p->axes[d], 0);
        print_alone(c, &p->axes[d], 1);
        if (p->axes[d].n_shared)
            printf("  %s: %s of %s have the same values as one before; such are compared in their order\n",
                   p->axes[d].name, sheaf_text_count(p->axes[d].n_shared, a), sheaf_text_count(p->axes[d].n_b, b));
    }
}

static void print_statuses(const struct comparison *c) {
    char count[32];
    for (int a = 0; a <= ITEM_SKIPPED; a++)
        for (int b = 0; b <= ITEM_SKIPPED; b++)
            if (a != b && c->statuses[a][b])
                printf("status: %s item%s %s in %s and %s in %s\n", sheaf_text_count(c->statuses[a][b], count),
                       sheaf_text_plural(c->statuses[a][b]), sheaf_cell_status((uint8_t)a), c->paths[0],
                       sheaf_cell_status((uint8_t)b), c->paths[1]);
    if (c->n_messages)
        printf("messages of %s failed item%s differ\n", sheaf_text_count(c->n_messages, count),
               sheaf_text_plural(c->n_messages));
}

/* --- which fields -------------------------------------------------------------------------------------------------- */

static void print_types(const struct comparison *c) {
    for (int s = 0; s < 2; s++)
        if (c->only[s].length)
            printf("only in %s: %s\n", c->paths[s], c->only[s].data);
    if (c->types.length)
        printf("%s", c->types.data);
    if (c->apart.length)
        printf("reductions that have other cells, and were not compared: %s\n", c->apart.data);
}

static void print_compared(const struct comparison *c, const struct compared *f, bool is_reduction) {
    char differ[32], all[32], gap[32], relative[32], nan[32];
    struct sheaf_arena arena = {0};
    printf("%s: %s of %s %s%s differ%s", f->name, sheaf_text_count(f->n_differ, differ),
           sheaf_text_count(f->n_compared, all), is_reduction ? "value" : "item", sheaf_text_plural(f->n_compared),
           f->n_differ == 1 ? "s" : "");
    if (f->n_only_nan)
        printf(", %s value%s NaN in one of both only", sheaf_text_count(f->n_only_nan, nan),
               f->n_only_nan == 1 ? " is" : "s are");
    printf("\n");
    if (f->at >= 0 && is_reduction)
        printf("  by up to %s, relative %s\n", say_gap(f->largest, gap), say_gap(f->largest_relative, relative));
    if (f->at >= 0 && !is_reduction) {
        printf("  by up to %s: item %s\n", say_gap(f->largest, gap), name_item(c, f->at, &arena));
        printf("  relative up to %s: item %s\n", say_gap(f->largest_relative, relative),
               name_item(c, f->at_relative, &arena));
    }
    sheaf_arena_free(&arena);
}

static void print_fields(const struct comparison *c) {
    const char *before = "the same: ";
    for (int k = 0; k < c->n_fields + c->n_reductions; k++)
        if (c->compared[k].n_differ)
            print_compared(c, &c->compared[k], k >= c->n_fields);
    for (int k = 0; k < c->n_fields + c->n_reductions; k++)
        if (!c->compared[k].n_differ) {
            printf("%s%s", before, c->compared[k].name);
            before = ", ";
        }
    printf("%s", strcmp(before, ", ") == 0 ? "\n" : "");
}

/* --- the first items ----------------------------------------------------------------------------------------------- */

static const char *shown_value(struct comparison *c, const struct shown_difference *shown, int side,
                               struct sheaf_arena *arena) {
    const int64_t item = side ? shown->item_b : shown->item_a;
    uint8_t status = 0;
    if (shown->field == COMPARED_MESSAGE)
        return sheaf_reader_message(c->readers[side], item);
    if (shown->field == COMPARED_STATUS)
        return sheaf_reader_status(c->readers[side], item, 1, &status, NULL) ? "?" : sheaf_cell_status(status);
    const struct compared *f = &c->compared[shown->field];
    const char *value = value_of(c->readers[side], side ? f->b : f->a, item, shown->value, arena);
    return value ? value : "?";
}

static const char *shown_name(const struct comparison *c, const struct shown_difference *shown,
                              struct sheaf_arena *arena) {
    char name[300];
    if (shown->field < 0)
        return shown->field == COMPARED_STATUS ? "status" : "message";
    const struct compared *f = &c->compared[shown->field];
    if (f->in_a.width == 1)
        return f->name;
    snprintf(name, sizeof name, "%.250s[%" PRId64 "]", f->name, shown->value);
    const char *kept = sheaf_arena_text(arena, name, strlen(name));
    return kept ? kept : f->name;
}

static int print_first(struct comparison *c, struct sheaf_error *error) {
    struct sheaf_arena arena = {0};
    const size_t n = (size_t)c->n_shown;
    struct table_column columns[] = {{.head = "item", .is_text = true},
                                     {.head = "field", .is_text = true},
                                     {.head = c->paths[0], .is_result = true},
                                     {.head = c->paths[1], .is_result = true}};
    enum { N = sizeof columns / sizeof *columns };
    bool lacks = false;
    if (n == 0)
        return 0;
    for (int k = 0; k < N; k++) {
        columns[k].cells = sheaf_arena_take(&arena, n * sizeof *columns[k].cells);
        lacks = lacks || !columns[k].cells;
    }
    for (size_t i = 0; i < n && !lacks; i++) {
        columns[0].cells[i] = name_item(c, c->shown[i].item_a, &arena);
        columns[1].cells[i] = shown_name(c, &c->shown[i], &arena);
        columns[2].cells[i] = shown_value(c, &c->shown[i], 0, &arena);
        columns[3].cells[i] = shown_value(c, &c->shown[i], 1, &arena);
    }
    if (!lacks) {
        printf("\n");
        sheaf_table_write(stdout, columns, N, (int64_t)n, 0);
    }
    sheaf_arena_free(&arena);
    return lacks ? sheaf_fail_memory(error, "what differs") : 0;
}

static int print_all(struct comparison *c, struct sheaf_error *error) {
    char differ[32], both[32];
    const bool same = sheaf_comparison_is_same(c);
    const int64_t n_pending = c->statuses[ITEM_PENDING][ITEM_PENDING];
    print_pairing(c);
    print_statuses(c);
    print_types(c);
    print_fields(c);
    if (n_pending)
        printf("%s item%s pending in both\n", sheaf_text_count(n_pending, both), n_pending == 1 ? " is" : "s are");
    if (print_first(c, error))
        return -1;
    if (same)
        printf("%s and %s are the same%s: %s item%s\n", c->paths[0], c->paths[1],
               c->rtol > 0 || c->atol > 0 ? " within the tolerance" : "", sheaf_text_count(c->pairing.n_both, both),
               sheaf_text_plural(c->pairing.n_both));
    else
        printf("%s%s of %s items that both have differ\n", c->n_shown ? "\n" : "",
               sheaf_text_count(c->n_differ, differ), sheaf_text_count(c->pairing.n_both, both));
    return 0;
}

static int compare(struct diff *diff, struct sheaf_error *error) {
    struct comparison *c = &diff->comparison;
    if (sheaf_compare(c, error))
        return -1;
    for (int s = 0; s < 2; s++)
        fputs(sheaf_reader_left_out(c->readers[s]), stderr);
    if (diff->json)
        sheaf_diff_print_json(c);
    else if (!diff->quiet)
        return print_all(c, error);
    return 0;
}

int sheaf_cmd_diff(int argc, char **argv) {
    struct sheaf_error error = {0};
    struct diff diff = {.comparison = {.n_shown_most = DEFAULT_HEAD}};
    int first_word = 0, code = sheaf_cmd_begin(&usage, table, &diff, argc, argv, &first_word, false);
    if (code >= 0)
        return code;
    diff.comparison.paths[0] = argv[first_word];
    diff.comparison.paths[1] = argv[first_word + 1];
    if (compare(&diff, &error))
        code = sheaf_cmd_fail(&error);
    else
        code = sheaf_comparison_is_same(&diff.comparison) ? SHEAF_EXIT_DONE : SHEAF_EXIT_FAILED;
    sheaf_comparison_free(&diff.comparison);
    return code;
}
