#include "cmd/plot_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/type.h"
#include "plan/row_sink.h"

enum { WINDOW = 8192, NAMES_MOST = 40 /* different texts along an axis of a scatter plot */ };

static bool is_whole(const struct sheaf_field *f) {
    return f->type == SHEAF_INT64 || f->type == SHEAF_INT32 || f->type == SHEAF_UINT8;
}

static void *take(struct plot_view *v, int64_t n, size_t n_bytes, struct sheaf_error *error) {
    void *memory = sheaf_arena_take(&v->arena, (size_t)n * n_bytes + 1);
    if (!memory)
        sheaf_fail_memory(error, "the picture");
    return memory;
}

/* --- values along an axis of a cube -------------------------------------------------------------------------------- */

/* Values at places of a dimension in ascending order, and where each was. */
struct placed {
    double value;
    int64_t k;
};

static int compare(const void *a, const void *b) {
    const struct placed *x = a, *y = b;
    if (x->value < y->value || x->value > y->value)
        return x->value < y->value ? -1 : 1;
    return (x->k > y->k) - (x->k < y->k);
}

/* From one to the next by the same factor, which a scale by logarithms makes even. */
static bool is_geometric(const double *values, int64_t n) {
    if (n < 3 || !(values[0] > 0) || !isfinite(values[n - 1]))
        return false;
    const double factor = values[1] / values[0];
    for (int64_t i = 2; i < n; i++)
        if (fabs(values[i] / values[i - 1] - factor) > 1e-6 * factor)
            return false;
    return factor > 1 && values[n - 1] / values[0] >= 4;
}

/* What a place is called, where they are texts, or numbers that do not ascend. */
static int name_places(struct plot_view *v, int over, struct plot_axis *axis, struct sheaf_error *error) {
    const int d = v->over[over].dimension;
    const char **names = take(v, axis->n, sizeof *names, error);
    double *values = take(v, axis->n, sizeof *values, error);
    if (!names || !values)
        return -1;
    for (int64_t k = 0; k < axis->n; k++) {
        values[k] = (double)k;
        names[k] = sheaf_view_name_place(v, d, v->over[over].field, sheaf_slice_place(&v->slice, d, k), error);
        if (!names[k])
            return -1;
    }
    axis->names = names;
    axis->n_names = axis->n;
    axis->values = values;
    return 0;
}

/* The numbers along an axis; rank[k] is where the k-th stands among them. */
static int sort_numbers(struct plot_view *v, int over, struct plot_axis *axis, int64_t *rank,
                        struct sheaf_error *error) {
    const int d = v->over[over].dimension, field = v->over[over].field;
    struct placed *placed = take(v, axis->n, sizeof *placed, error);
    double *values = take(v, axis->n, sizeof *values, error);
    int64_t *items = take(v, axis->n, sizeof *items, error);
    if (!placed || !values || !items)
        return -1;
    for (int64_t k = 0; k < axis->n; k++) {
        values[k] = (double)sheaf_slice_place(&v->slice, d, k);
        items[k] = v->slice.strides[d] * sheaf_slice_place(&v->slice, d, k);
    }
    if (field >= 0 && sheaf_view_numbers(v, field, 0, items, NULL, axis->n, values, error))
        return -1;
    bool distinct = true;
    for (int64_t k = 0; k < axis->n; k++) {
        placed[k] = (struct placed){values[k], k};
        distinct = distinct && isfinite(values[k]);
    }
    if (distinct)
        qsort(placed, (size_t)axis->n, sizeof *placed, compare);
    for (int64_t i = 1; i < axis->n; i++)
        distinct = distinct && placed[i - 1].value < placed[i].value;
    if (!distinct)
        return name_places(v, over, axis, error);
    for (int64_t i = 0; i < axis->n; i++) {
        rank[placed[i].k] = i;
        values[i] = placed[i].value;
    }
    axis->values = values;
    return 0;
}

/* Whether the axis is to be by logarithms; a wish that cannot be is refused. */
static int choose_log(const char *path, struct plot_axis *axis, bool log, bool even, struct sheaf_error *error) {
    axis->log = log || (!even && !axis->names && is_geometric(axis->values, axis->n));
    if (log && axis->names)
        return sheaf_refuse(error, "%s: --log: '%s' has names along its axis, not numbers", path, axis->label);
    if (log && axis->n > 0 && !(axis->values[0] > 0))
        return sheaf_refuse(error, "%s: --log: '%s' has values that are not above 0", path, axis->label);
    return 0;
}

static int read_axis(struct plot_view *v, int over, struct plot_axis *axis, int64_t **rank, struct sheaf_error *error) {
    const int d = v->over[over].dimension, field = v->over[over].field;
    axis->n = v->slice.axes[d].n;
    axis->label = field >= 0 ? sheaf_view_label(v, field, 0) : v->slice.extent->dims[d].name;
    axis->whole = field < 0 || is_whole(&v->fields[field].field);
    *rank = take(v, axis->n, sizeof **rank, error);
    if (!*rank || !axis->label)
        return -1;
    for (int64_t k = 0; k < axis->n; k++)
        (*rank)[k] = k;
    return field >= 0 && v->fields[field].field.type == SHEAF_TEXT ? name_places(v, over, axis, error)
                                                                   : sort_numbers(v, over, axis, *rank, error);
}

/* --- values of cells ----------------------------------------------------------------------------------------------- */

static uint8_t mark_of(const struct plot_view *v, uint8_t status, double value) {
    if (isfinite(value))
        return PLOT_VALUE;
    if (!v->fields[v->field].is_output)
        return PLOT_NONE;
    return status == ITEM_PENDING        ? PLOT_PENDING
           : sheaf_status_failed(status) ? PLOT_FAILED
           : status == ITEM_SKIPPED      ? PLOT_SKIPPED
                                         : PLOT_NONE;
}

/* A window of cells: their values, and what becomes of each. */
struct window {
    int64_t items[WINDOW];
    uint8_t statuses[WINDOW];
    double numbers[WINDOW];
};

static int read_window(struct plot_view *v, int64_t first, int64_t n, struct window *w, struct sheaf_error *error) {
    sheaf_slice_items(&v->slice, first, n, w->items);
    if (sheaf_reader_statuses(v->reader, w->items, n, w->statuses, error))
        return -1;
    return sheaf_view_numbers(v, v->field, v->component, w->items, w->statuses, n, w->numbers, error);
}

/* Where a cell is drawn: rank[1] is NULL where there is one axis. */
static int64_t place_of(const struct plot_view *v, const struct plot *plot, int64_t *const *rank, int64_t cell) {
    const int64_t nx = plot->x.n, ny = plot->y.n;
    if (v->n_over < 2)
        return rank[0][cell];
    const bool x_is_last = v->over[0].dimension > v->over[1].dimension;
    const int64_t x = x_is_last ? cell % nx : cell / ny, y = x_is_last ? cell / nx : cell % ny;
    return rank[1][y] * nx + rank[0][x];
}

static int read_cells(struct plot_view *v, struct plot *plot, int64_t *const *rank, struct sheaf_error *error) {
    const int64_t n_cells = v->slice.n_cells;
    double *values = take(v, n_cells, sizeof *values, error);
    uint8_t *marks = take(v, n_cells, sizeof *marks, error);
    struct window *w = take(v, 1, sizeof *w, error);
    if (!values || !marks || !w)
        return -1;
    for (int64_t first = 0; first < n_cells; first += WINDOW) {
        const int64_t n = n_cells - first < WINDOW ? n_cells - first : WINDOW;
        if (read_window(v, first, n, w, error))
            return -1;
        for (int64_t i = 0; i < n; i++) {
            const int64_t at = rank ? place_of(v, plot, rank, first + i) : first + i;
            values[at] = w->numbers[i];
            marks[at] = mark_of(v, w->statuses[i], w->numbers[i]);
        }
    }
    plot->values = values;
    plot->marks = marks;
    return 0;
}

static int read_cube(struct plot_view *v, const struct plot_wish *log, const struct plot_wish *even, struct plot *plot,
                     struct sheaf_error *error) {
    int64_t *rank[VIEW_OVER_MOST] = {0};
    plot->y.n = 1;
    if (read_axis(v, 0, &plot->x, &rank[0], error) || (v->n_over > 1 && read_axis(v, 1, &plot->y, &rank[1], error)) ||
        choose_log(v->path, &plot->x, log->x, even->x, error) ||
        (v->kind == VIEW_HEAT && choose_log(v->path, &plot->y, log->y, even->y, error)))
        return -1;
    return read_cells(v, plot, rank, error);
}

/* Lines have names, of numbers too. */
static int name_lines(struct plot_view *v, struct plot_axis *axis, struct sheaf_error *error) {
    if (axis->names) {
        axis->values = NULL;
        return 0;
    }
    const char **names = take(v, axis->n, sizeof *names, error);
    for (int64_t k = 0; names && k < axis->n; k++) {
        char text[32];
        snprintf(text, sizeof text, "%.6g", axis->values[k]);
        if (!(names[k] = sheaf_arena_text(&v->arena, text, strlen(text))))
            return sheaf_fail_memory(error, "the picture");
    }
    axis->names = names;
    axis->n_names = axis->n;
    return names ? 0 : -1;
}

/* --- points -------------------------------------------------------------------------------------------------------- */

/* Which of the axis's names a text is; a new one is added. -1: too many. */
static int64_t find_name(struct plot_axis *axis, const char **names, const char *text) {
    for (int64_t k = 0; k < axis->n_names; k++)
        if (strcmp(names[k], text) == 0)
            return k;
    if (axis->n_names == NAMES_MOST)
        return -1;
    names[axis->n_names] = text;
    return axis->n_names++;
}

static int read_names(struct plot_view *v, int field, struct plot_axis *axis, double *values,
                      struct sheaf_error *error) {
    const char **names = take(v, NAMES_MOST, sizeof *names, error);
    int64_t item;
    axis->names = names;
    for (int64_t i = 0; names && i < axis->n; i++) {
        const char *text;
        sheaf_slice_items(&v->slice, i, 1, &item);
        if (sheaf_reader_values(v->reader, field, &item, 1, &text, &v->arena, error))
            return -1;
        const int64_t k = find_name(axis, names, text);
        if (k < 0)
            return sheaf_refuse(error, "%s: --over %s: has more than %d different texts", v->path,
                                v->fields[field].field.name, NAMES_MOST);
        values[i] = (double)k;
    }
    return names ? 0 : -1;
}

/* Values of a field at all points, some at a time; without a field, places of the dimension. */
static int read_numbers(struct plot_view *v, int over, int64_t n_points, double *values, struct sheaf_error *error) {
    const int d = v->over[over].dimension, field = v->over[over].field;
    struct window *w = take(v, 1, sizeof *w, error);
    if (!w)
        return -1;
    for (int64_t first = 0; first < n_points; first += WINDOW) {
        const int64_t n = n_points - first < WINDOW ? n_points - first : WINDOW;
        sheaf_slice_items(&v->slice, first, n, w->items);
        for (int64_t i = 0; i < n; i++)
            values[first + i] = (double)(w->items[i] / v->slice.strides[d] % v->slice.extent->dims[d].size);
        if (field >= 0 && (sheaf_reader_statuses(v->reader, w->items, n, w->statuses, error) ||
                           sheaf_view_numbers(v, field, 0, w->items, w->statuses, n, values + first, error)))
            return -1;
    }
    return 0;
}

static int read_along(struct plot_view *v, int over, struct plot_axis *axis, struct sheaf_error *error) {
    const int d = v->over[over].dimension, field = v->over[over].field;
    axis->n = v->slice.n_cells;
    axis->label = field >= 0 ? sheaf_view_label(v, field, 0) : v->slice.extent->dims[d].name;
    axis->whole = field < 0 || is_whole(&v->fields[field].field);
    axis->values = take(v, axis->n, sizeof *axis->values, error);
    if (!axis->values || !axis->label)
        return -1;
    return field >= 0 && v->fields[field].field.type == SHEAF_TEXT
               ? read_names(v, field, axis, axis->values, error)
               : read_numbers(v, over, axis->n, axis->values, error);
}

/* Leaves out the points that have no place. */
static void drop_points(struct plot_axis *x, struct plot_axis *y, double *values, uint8_t *marks) {
    int64_t n = 0;
    double *at_x = x->values, *at_y = y->values;
    for (int64_t i = 0; i < x->n; i++) {
        const bool has_x = isfinite(at_x[i]) && (!x->log || at_x[i] > 0);
        const bool has_y = y->n == 0 || (isfinite(at_y[i]) && (!y->log || at_y[i] > 0));
        if (!has_x || !has_y)
            continue;
        at_x[n] = at_x[i];
        if (y->n)
            at_y[n] = at_y[i];
        values[n] = values[i];
        marks[n++] = marks[i];
    }
    if (n < x->n)
        fprintf(stderr, "sheaf: %lld items are not drawn: they have no value that could be drawn over\n",
                (long long)(x->n - n));
    x->n = n;
    y->n = y->n ? n : 0;
}

static int read_points(struct plot_view *v, const struct plot_wish *log, struct plot *plot, struct sheaf_error *error) {
    if (read_along(v, 0, &plot->x, error) || (v->n_over > 1 && read_along(v, 1, &plot->y, error)) ||
        read_cells(v, plot, NULL, error))
        return -1;
    plot->x.log = log->x;
    plot->y.log = log->y && v->n_over > 1;
    if ((plot->x.log && plot->x.names) || (plot->y.log && plot->y.names))
        return sheaf_refuse(error, "%s: --log: there are names along the axis, not numbers", v->path);
    drop_points(&plot->x, &plot->y, plot->values, plot->marks);
    if (plot->x.n == 0)
        return sheaf_refuse(error, "%s: no item has a value of '%s' that could be drawn over", v->path, plot->x.label);
    return 0;
}

/* --- all of it ----------------------------------------------------------------------------------------------------- */

/* Values that are not above 0 have no logarithm. */
static void drop_values(struct plot *plot, int64_t n) {
    uint8_t *marks = plot->marks;
    int64_t n_dropped = 0;
    for (int64_t i = 0; i < n && plot->value.log; i++)
        if (marks[i] == PLOT_VALUE && !(plot->values[i] > 0)) {
            marks[i] = PLOT_NONE;
            n_dropped++;
        }
    if (n_dropped)
        fprintf(stderr, "sheaf: %lld values are not drawn: they are not above 0, and their axis is logarithmic\n",
                (long long)n_dropped);
}

int sheaf_plot_read(struct plot_view *v, const struct plot_wish *log, const struct plot_wish *even, struct plot *plot,
                    struct sheaf_error *error) {
    const bool points = v->kind == VIEW_SCATTER;
    const bool upright = v->kind == VIEW_LINES || (points && v->n_over == 1); /* the value is the vertical axis */
    plot->value.label = sheaf_view_label(v, v->field, v->component);
    plot->value.whole = is_whole(&v->fields[v->field].field);
    plot->value.log = upright ? log->y || log->value : log->value;
    plot->subtitle = v->notes.data ? v->notes.data : "";
    if (!plot->value.label || v->notes.failed)
        return sheaf_fail_memory(error, "the picture");
    if (points ? read_points(v, log, plot, error) : read_cube(v, log, even, plot, error))
        return -1;
    const int64_t n = points ? plot->x.n : plot->x.n * plot->y.n;
    drop_values(plot, n);
    if (n == 0 || !memchr(plot->marks, PLOT_VALUE, (size_t)n))
        fprintf(stderr, "sheaf: %s: there is no value to draw\n", v->fields[v->field].field.name);
    return v->kind == VIEW_LINES && v->n_over > 1 ? name_lines(v, &plot->y, error) : 0;
}
