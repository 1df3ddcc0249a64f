#include "app/comparison.h"

#include <stdlib.h>
#include <string.h>

#include "app/comparison_values.h"
#include "core/buffer.h"
#include "core/type.h"

/* Pairs at a time: of a column at most so many bytes; of texts of any length, fewer. */
enum { PAIRS_MOST = 1 << 15, PAIRS_LEAST = 64, COLUMN_BYTES = 1 << 20, TEXT_PAIRS = 256, SPREAD = 4 };

/* The items under way. */
struct window {
    int64_t n;                     /* pairs */
    int64_t items[2][PAIRS_MOST];  /* [n] */
    int64_t matches[PAIRS_MOST];   /* of a span of A */
    uint8_t status[2][PAIRS_MOST]; /* [n] */
    bool same_status[PAIRS_MOST];  /* and not pending: outputs can be compared */
    bool differs[PAIRS_MOST];      /* so far */
    int64_t n_same_status;
    struct sheaf_buffer columns[2], hulls[2]; /* values as the reader gives them */
};

static size_t row_bytes(const struct sheaf_field *f) {
    return (f->type == SHEAF_TEXT ? sizeof(char *) : sheaf_type_bytes(f->type)) * (size_t)f->width;
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

/* Items, or (field: COMPARED_STATUS) their statuses, that follow each other. */
static int read_span(struct reader *reader, int field, int64_t first, int64_t n, void *values,
                     struct sheaf_arena *arena, struct sheaf_error *error) {
    return field == COMPARED_STATUS ? sheaf_reader_status(reader, first, n, values, error)
                                    : sheaf_reader_range(reader, field, first, n, values, arena, error);
}

/* values[n] of items[n]. Where these lie near each other, all between are read. */
static int read_items(struct reader *reader, int field, const int64_t *items, int64_t n, size_t n_bytes, char *values,
                      struct sheaf_buffer *hull, struct sheaf_arena *arena, struct sheaf_error *error) {
    if (n == 0)
        return 0;
    int64_t low = items[0], high = items[0];
    bool rises = true;
    for (int64_t i = 1; i < n; i++) {
        rises = rises && items[i] == items[0] + i;
        low = items[i] < low ? items[i] : low;
        high = items[i] > high ? items[i] : high;
    }
    if (rises)
        return read_span(reader, field, items[0], n, values, arena, error);
    if (high - low >= SPREAD * n)
        return field == COMPARED_STATUS ? sheaf_reader_statuses(reader, items, n, (uint8_t *)values, error)
                                        : sheaf_reader_values(reader, field, items, n, values, arena, error);
    if (sheaf_buffer_resize(hull, (size_t)(high - low + 1) * n_bytes, error) ||
        read_span(reader, field, low, high - low + 1, hull->data, arena, error))
        return -1;
    for (int64_t i = 0; i < n; i++)
        memcpy(values + (size_t)i * n_bytes, hull->data + (size_t)(items[i] - low) * n_bytes, n_bytes);
    return 0;
}

/* Pairs first … first + n - 1 of the window, of both files. */
static int read_both(struct comparison *c, struct window *w, const struct compared *f, int64_t first, int64_t n,
                     struct sheaf_arena *arena, struct sheaf_error *error) {
    for (int s = 0; s < 2; s++) {
        const size_t n_bytes = row_bytes(s ? &f->in_b : &f->in_a);
        if (sheaf_buffer_resize(&w->columns[s], (size_t)n * n_bytes, error) ||
            read_items(c->readers[s], s ? f->b : f->a, w->items[s] + first, n, n_bytes, w->columns[s].data,
                       &w->hulls[s], arena, error))
            return -1;
    }
    return 0;
}

/* --- comparing ----------------------------------------------------------------------------------------------------- */

/* The first of each field; which are the first of all is known in the end. */
static void show(struct comparison *c, const struct window *w, int field, int64_t i, int64_t value) {
    int64_t *n = &c->n_shown_of[field - COMPARED_MESSAGE];
    if (*n < c->n_shown_most && ++*n)
        c->shown[c->n_shown++] = (struct shown_difference){field, w->items[0][i], w->items[1][i], value};
}

static void note_gap(struct compared *f, struct gap gap, int64_t item) {
    f->n_only_nan += gap.only_nan;
    if (gap.only_nan)
        return;
    if (f->at < 0 || gap.size > f->largest) {
        f->largest = gap.size;
        f->at = item;
    }
    if (f->at_relative < 0 || gap.relative > f->largest_relative) {
        f->largest_relative = gap.relative;
        f->at_relative = item;
    }
}

/* Whether one item's numbers differ; *at: the first that does. */
static bool compare_numbers(const struct comparison *c, struct compared *f, const char *a, const char *b, int64_t item,
                            int64_t *at) {
    const struct tolerance tolerance = {c->rtol, c->atol};
    const size_t step_a = sheaf_type_bytes(f->in_a.type), step_b = sheaf_type_bytes(f->in_b.type);
    bool any = false;
    for (int64_t v = 0; v < f->in_a.width; v++, a += step_a, b += step_b) {
        const struct gap gap = sheaf_value_gap(tolerance, f->in_a.type, a, f->in_b.type, b);
        if (gap.differs) {
            note_gap(f, gap, item);
            *at = any ? *at : v;
            any = true;
        }
    }
    return any;
}

static bool compare_texts(const struct compared *f, const char *a, const char *b, int64_t *at) {
    for (int64_t v = 0; v < f->in_a.width; v++) {
        const char *x, *y;
        memcpy(&x, a + (size_t)v * sizeof x, sizeof x);
        memcpy(&y, b + (size_t)v * sizeof y, sizeof y);
        if (strcmp(x, y) != 0) {
            *at = v;
            return true;
        }
    }
    return false;
}

/* Pairs first … first + n - 1, whose values lie in the columns. */
static void compare_columns(struct comparison *c, struct window *w, int k, int64_t first, int64_t n) {
    struct compared *f = &c->compared[k];
    const size_t bytes_a = row_bytes(&f->in_a), bytes_b = row_bytes(&f->in_b);
    const char *a = w->columns[0].data, *b = w->columns[1].data;
    const bool is_text = f->in_a.type == SHEAF_TEXT;
    f->n_compared += f->is_output ? 0 : n;
    if (!is_text && f->in_a.type == f->in_b.type && memcmp(a, b, (size_t)n * bytes_a) == 0)
        return;
    for (int64_t i = first; i < first + n; i++, a += bytes_a, b += bytes_b) {
        int64_t at = 0;
        if ((f->is_output && !w->same_status[i]) ||
            !(is_text ? compare_texts(f, a, b, &at) : compare_numbers(c, f, a, b, w->items[0][i], &at)))
            continue;
        f->n_differ++;
        w->differs[i] = true;
        show(c, w, k, i, at);
    }
}

static int compare_field(struct comparison *c, struct window *w, int k, struct sheaf_error *error) {
    struct compared *f = &c->compared[k];
    const int64_t step = f->in_a.type == SHEAF_TEXT ? TEXT_PAIRS : w->n;
    int rc = 0;
    if (f->is_output)
        f->n_compared += w->n_same_status;
    for (int64_t first = 0, n; first < w->n && rc == 0; first += n) {
        struct sheaf_arena arena = {0};
        n = w->n - first < step ? w->n - first : step;
        rc = read_both(c, w, f, first, n, &arena, error);
        if (rc == 0)
            compare_columns(c, w, k, first, n);
        sheaf_arena_free(&arena);
    }
    return rc;
}

static int compare_statuses(struct comparison *c, struct window *w, struct sheaf_error *error) {
    for (int s = 0; s < 2; s++)
        if (read_items(c->readers[s], COMPARED_STATUS, w->items[s], w->n, 1, (char *)w->status[s], &w->hulls[s], NULL,
                       error))
            return -1;
    w->n_same_status = 0;
    for (int64_t i = 0; i < w->n; i++) {
        const uint8_t a = w->status[0][i] <= ITEM_SKIPPED ? w->status[0][i] : ITEM_PENDING,
                      b = w->status[1][i] <= ITEM_SKIPPED ? w->status[1][i] : ITEM_PENDING;
        c->statuses[a][b]++;
        w->differs[i] = a != b;
        w->same_status[i] = a == b && a != ITEM_PENDING;
        w->n_same_status += w->same_status[i];
        if (a != b)
            show(c, w, COMPARED_STATUS, i, 0);
        if (a == b && sheaf_status_failed(a) &&
            strcmp(sheaf_reader_message(c->readers[0], w->items[0][i]),
                   sheaf_reader_message(c->readers[1], w->items[1][i])) != 0) {
            c->n_messages++;
            w->differs[i] = true;
            show(c, w, COMPARED_MESSAGE, i, 0);
        }
    }
    c->n_same_status += w->n_same_status;
    return 0;
}

/* Items first … first + n - 1 of A with those of B. */
static int compare_window(struct comparison *c, struct window *w, int64_t first, int64_t n, struct sheaf_error *error) {
    w->n = 0;
    sheaf_pairing_find(&c->pairing, first, n, w->matches);
    for (int64_t i = 0; i < n; i++)
        if (w->matches[i] >= 0) {
            w->items[0][w->n] = first + i;
            w->items[1][w->n++] = w->matches[i];
        }
    if (compare_statuses(c, w, error))
        return -1;
    for (int k = 0; k < c->n_fields; k++)
        if (compare_field(c, w, k, error))
            return -1;
    for (int64_t i = 0; i < w->n; i++)
        c->n_differ += w->differs[i];
    return 0;
}

static int compare_items(struct comparison *c, struct sheaf_error *error) {
    struct window *w = calloc(1, sizeof *w);
    size_t most = 1;
    for (int k = 0; k < c->n_fields; k++) {
        const size_t a = row_bytes(&c->compared[k].in_a), b = row_bytes(&c->compared[k].in_b);
        most = a > most ? a : most;
        most = b > most ? b : most;
    }
    int64_t step = COLUMN_BYTES / (int64_t)most;
    step = step < PAIRS_LEAST ? PAIRS_LEAST : step > PAIRS_MOST ? PAIRS_MOST : step;
    int rc = w ? 0 : sheaf_fail_memory(error, "comparing");
    for (int64_t first = 0, n; rc == 0 && first < c->pairing.n_a; first += n) {
        n = c->pairing.n_a - first < step ? c->pairing.n_a - first : step;
        rc = compare_window(c, w, first, n, error);
    }
    for (int s = 0; w && s < 2; s++) {
        sheaf_buffer_free(&w->columns[s]);
        sheaf_buffer_free(&w->hulls[s]);
    }
    free(w);
    return rc;
}

/* --- reductions ---------------------------------------------------------------------------------------------------- */

static int compare_cells(struct comparison *c, struct compared *f, int64_t n, struct sheaf_error *error) {
    char *values[2];
    int rc = 0;
    for (int s = 0; s < 2; s++) {
        values[s] = malloc((size_t)n * sizeof(double) + 1);
        if (rc == 0)
            rc = !values[s] ? sheaf_fail_memory(error, "the reductions")
                            : sheaf_reader_cells(c->readers[s], f->name, (s ? &f->in_b : &f->in_a)->type == SHEAF_INT64,
                                                 values[s], error);
    }
    for (int64_t i = 0, at = 0; rc == 0 && i < n; i++)
        f->n_differ += compare_numbers(c, f, values[0] + (size_t)i * sizeof(double),
                                       values[1] + (size_t)i * sizeof(double), i, &at);
    f->n_compared = n;
    free(values[0]);
    free(values[1]);
    return rc;
}

static const struct reduced *find_reduced(const struct reduced *list, int n, const char *name) {
    for (int k = 0; k < n; k++)
        if (strcmp(list[k].name, name) == 0)
            return &list[k];
    return NULL;
}

static void add_name(struct sheaf_string *names, const char *name) {
    sheaf_string_add(names, "%s%s", names->length ? ", " : "", name);
}

/* Whether what is called so in both has the same bins, or probabilities. */
static bool have_same_marks(const struct reduced *a, const struct reduced *b) {
    const int64_t n = a->width + (a->kind == REDUCE_HISTOGRAM);
    const bool is_one = sheaf_reduction_is_distribution(a->kind), is_other = sheaf_reduction_is_distribution(b->kind);
    if (!is_one && !is_other)
        return true;
    bool same = a->kind == b->kind && a->width == b->width;
    for (int64_t k = 0; same && k < n; k++)
        same = a->marks[k] == b->marks[k];
    return same;
}

static struct compared compared_reduction(const struct reduced *a, const struct reduced *b) {
    return (struct compared){.name = a->name,
                             .in_a = {.name = a->name, .type = a->is_whole ? SHEAF_INT64 : SHEAF_FLOAT64, .width = 1},
                             .in_b = {.name = b->name, .type = b->is_whole ? SHEAF_INT64 : SHEAF_FLOAT64, .width = 1},
                             .a = -1,
                             .b = -1,
                             .at = -1,
                             .at_relative = -1};
}

static int compare_reductions(struct comparison *c, struct sheaf_error *error) {
    const struct reduced *lists[2];
    int n[2];
    if (sheaf_reader_reductions(c->readers[0], &lists[0], &n[0], error) ||
        sheaf_reader_reductions(c->readers[1], &lists[1], &n[1], error))
        return -1;
    struct compared *more = realloc(c->compared, (size_t)(c->n_fields + n[0] + 1) * sizeof *more);
    if (!more)
        return sheaf_fail_memory(error, "the reductions");
    c->compared = more;
    for (int k = 0; k < n[1]; k++)
        if (!find_reduced(lists[0], n[0], lists[1][k].name))
            add_name(&c->only[1], lists[1][k].name);
    for (int k = 0; k < n[0]; k++) {
        const struct reduced *a = &lists[0][k], *b = find_reduced(lists[1], n[1], a->name);
        if (!b) {
            add_name(&c->only[0], a->name);
            continue;
        }
        if (!have_same_marks(a, b) || a->n_cells != b->n_cells ||
            (a->n_cells > 1 && (!c->pairing.is_same || c->pairing.n_a != c->pairing.n_b))) {
            add_name(&c->apart, a->name);
            continue;
        }
        struct compared *f = &c->compared[c->n_fields + c->n_reductions++];
        *f = compared_reduction(a, b);
        if (compare_cells(c, f, a->n_cells * a->width, error))
            return -1;
    }
    return 0;
}

/* --- which fields -------------------------------------------------------------------------------------------------- */

/* What tells of the machine is never the same. */
static bool is_of_machine(const struct reader *reader, int field, const char *name) {
    return sheaf_reader_is_trace(reader, field) && strcmp(name, "exit_code") != 0 && strcmp(name, "stdout") != 0 &&
           strcmp(name, "stderr") != 0;
}

static int refuse_field(const struct comparison *c, int side, const char *name, struct sheaf_error *error) {
    int n_fields;
    const struct reader_field *fields = sheaf_reader_fields(c->readers[side], &n_fields);
    const int n = n_fields + sheaf_reader_n_about(c->readers[side]);
    const char **names = calloc((size_t)n + 1, sizeof *names);
    char hint[512];
    for (int k = 0; names && k < n; k++)
        names[k] = fields[k].field.name;
    sheaf_refuse(error, "%s: no field '%s'%s", c->paths[side], name,
                 names ? sheaf_text_suggest(name, names, n, true, hint, sizeof hint) : "");
    free(names);
    return -1;
}

/* Fields a and b of both files, which have one name. */
static void add_field(struct comparison *c, int a, int b) {
    int n;
    const struct reader_field *of_a = &sheaf_reader_fields(c->readers[0], &n)[a],
                              *of_b = &sheaf_reader_fields(c->readers[1], &n)[b];
    const struct sheaf_field *fa = &of_a->field, *fb = &of_b->field;
    if (fa->type != fb->type || fa->width != fb->width)
        sheaf_string_add(&c->types, "%s is %s[%lld] in the first file and %s[%lld] in the second\n", fa->name,
                         sheaf_type_name(fa->type), (long long)fa->width, sheaf_type_name(fb->type),
                         (long long)fb->width);
    if ((fa->type == SHEAF_TEXT) != (fb->type == SHEAF_TEXT) || fa->width != fb->width)
        return;
    c->compared[c->n_fields++] = (struct compared){.name = fa->name,
                                                   .in_a = *fa,
                                                   .in_b = *fb,
                                                   .a = a,
                                                   .b = b,
                                                   .is_output = of_a->is_output || of_b->is_output,
                                                   .at = -1,
                                                   .at_relative = -1};
}

static int choose_named(struct comparison *c, struct sheaf_error *error) {
    char *list = strdup(c->fields), *state = NULL;
    int rc = list ? 0 : sheaf_fail_memory(error, "the fields"), n_fields;
    sheaf_reader_fields(c->readers[0], &n_fields);
    for (char *name = rc ? NULL : strtok_r(list, ", ", &state); name && rc == 0; name = strtok_r(NULL, ", ", &state)) {
        const int a = sheaf_pairing_field(c->readers[0], name), b = sheaf_pairing_field(c->readers[1], name);
        if (a < 0 || b < 0)
            rc = refuse_field(c, a < 0 ? 0 : 1, name, error);
        else if (c->n_fields == n_fields + sheaf_reader_n_about(c->readers[0]))
            rc = sheaf_refuse(error, "more fields are named than there are");
        else
            add_field(c, a, b);
    }
    free(list);
    return rc;
}

static bool is_key(const struct pairing *p, int field) {
    for (int d = 0; d < p->n_axes; d++)
        for (int k = 0; k < p->axes[d].n_keys; k++)
            if (p->axes[d].key_a[k] == field)
                return true;
    return false;
}

/* All but those that say which item is which: these are the same where it is. */
static int choose_all(struct comparison *c) {
    for (int s = 0; s < 2; s++) {
        int n_fields;
        const struct reader_field *fields = sheaf_reader_fields(c->readers[s], &n_fields);
        for (int k = 0; k < n_fields; k++) {
            const char *name = fields[k].field.name;
            const int other = sheaf_pairing_field(c->readers[!s], name);
            if (is_of_machine(c->readers[s], k, name))
                continue;
            if (other < 0)
                add_name(&c->only[s], name);
            else if (s == 0 && !is_key(&c->pairing, k))
                add_field(c, k, other);
        }
    }
    return 0;
}

static int choose_fields(struct comparison *c, struct sheaf_error *error) {
    int n_fields;
    sheaf_reader_fields(c->readers[0], &n_fields);
    c->compared = calloc((size_t)(n_fields + sheaf_reader_n_about(c->readers[0])) + 1, sizeof *c->compared);
    const size_t most = (size_t)(n_fields + sheaf_reader_n_about(c->readers[0]) - COMPARED_MESSAGE);
    c->shown = calloc((size_t)c->n_shown_most * most + 1, sizeof *c->shown);
    c->n_shown_of = calloc(most, sizeof *c->n_shown_of);
    if (!c->compared || !c->shown || !c->n_shown_of)
        return sheaf_fail_memory(error, "the fields");
    return c->fields ? choose_named(c, error) : choose_all(c);
}

static int compare_shown(const void *a, const void *b) {
    const struct shown_difference *x = a, *y = b;
    return x->item_a != y->item_a ? (x->item_a > y->item_a) - (x->item_a < y->item_a) : x->field - y->field;
}

static void keep_first(struct comparison *c) {
    qsort(c->shown, (size_t)c->n_shown, sizeof *c->shown, compare_shown);
    c->n_shown = c->n_shown < c->n_shown_most ? c->n_shown : c->n_shown_most;
}

/* --- all of it ----------------------------------------------------------------------------------------------------- */

int sheaf_compare(struct comparison *c, struct sheaf_error *error) {
    for (int s = 0; s < 2; s++)
        if (sheaf_reader_open(&c->readers[s], c->paths[s], error))
            return -1;
    if (sheaf_pair(&c->pairing, c->readers[0], c->readers[1], c->by, error) || choose_fields(c, error) ||
        compare_items(c, error) || (!c->fields && compare_reductions(c, error)))
        return -1;
    keep_first(c);
    return c->only[0].failed || c->only[1].failed || c->types.failed || c->apart.failed
               ? sheaf_fail_memory(error, "comparing")
               : 0;
}

bool sheaf_comparison_is_same(const struct comparison *c) {
    const bool tolerant = c->rtol > 0 || c->atol > 0;
    bool same = c->n_differ == 0 && c->pairing.n_both == c->pairing.n_a && c->pairing.n_both == c->pairing.n_b &&
                !c->only[0].length && !c->only[1].length && !c->apart.length && (tolerant || !c->types.length);
    for (int k = 0; k < c->n_reductions; k++)
        same = same && c->compared[c->n_fields + k].n_differ == 0;
    return same;
}

void sheaf_comparison_free(struct comparison *c) {
    sheaf_pairing_free(&c->pairing);
    for (int s = 1; s >= 0; s--) {
        sheaf_reader_close(c->readers[s]);
        sheaf_string_free(&c->only[s]);
    }
    sheaf_string_free(&c->types);
    sheaf_string_free(&c->apart);
    free(c->compared);
    free(c->shown);
    free(c->n_shown_of);
}
