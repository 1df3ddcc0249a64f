#include "cmd/plot_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cells.h"
#include "core/type.h"
#include "plan/row_sink.h"

enum {
    LINES_MOST = 8,      /* along a short axis: lines, else a heat map */
    LINE_POINTS = 10000, /* more are thinned out */
    HEAT_CELLS = 1000,   /* a side */
    SCATTER_POINTS = 20000,
};

/* --- fields -------------------------------------------------------------------------------------------------------- */

static int find_field(const struct plot_view *v, const char *name, size_t length) {
    for (int k = 0; k < v->n_all; k++)
        if (strlen(v->fields[k].field.name) == length && memcmp(v->fields[k].field.name, name, length) == 0)
            return k;
    return -1;
}

/* Fields that can be drawn, or only those along axes. */
static int refuse_name(const struct plot_view *v, const char *what, const char *name, bool axes,
                       struct sheaf_error *error) {
    char hint[512] = "";
    const char **names = calloc((size_t)v->n_all + 1, sizeof *names);
    for (int k = 0; names && k < v->n_all; k++)
        if (axes ? v->fields[k].axis >= 0 : v->fields[k].field.type != SHEAF_TEXT)
            names[k] = v->fields[k].field.name;
    sheaf_refuse(error, "%s: no %s '%s'%s", v->path, what, name,
                 names ? sheaf_text_suggest(name, names, v->n_all, true, hint, sizeof hint) : "");
    free(names);
    return -1;
}

/* "y", or "v[2]". */
static int choose_field(struct plot_view *v, const char *word, struct sheaf_error *error) {
    const size_t length = strlen(word);
    const char *bracket = strrchr(word, '[');
    v->field = find_field(v, word, length);
    const bool indexed = v->field < 0 && bracket && word[length - 1] == ']';
    if (indexed)
        v->field = find_field(v, word, (size_t)(bracket - word));
    if (v->field < 0)
        return refuse_name(v, "field", word, false, error);
    const struct sheaf_field *f = &v->fields[v->field].field;
    if (f->type == SHEAF_TEXT)
        return sheaf_refuse(error, "%s: '%s' is a text; plot draws numbers", v->path, f->name);
    if (f->width > 1 && !indexed)
        return sheaf_refuse(error, "%s: '%s' has %lld values an item; name one of them: '%s[0]' to '%s[%lld]'", v->path,
                            f->name, (long long)f->width, f->name, f->name, (long long)f->width - 1);
    if (indexed && (sheaf_text_to_int64(bracket + 1, length - (size_t)(bracket - word) - 2, &v->component) ||
                    v->component < 0 || v->component >= f->width))
        return sheaf_refuse(error, "%s: '%s' has no value '%s': they are [0] to [%lld]", v->path, f->name, bracket,
                            (long long)f->width - 1);
    return 0;
}

const char *sheaf_view_label(struct plot_view *v, int field, int64_t component) {
    const struct sheaf_field *f = &v->fields[field].field;
    char label[512], index[32] = "";
    if (f->width > 1)
        snprintf(index, sizeof index, "[%lld]", (long long)component);
    const bool has_unit = f->unit && *f->unit;
    snprintf(label, sizeof label, "%.400s%s%s%s%s", f->long_name && *f->long_name ? f->long_name : f->name, index,
             has_unit ? " [" : "", has_unit ? f->unit : "", has_unit ? "]" : "");
    label[sheaf_text_valid(label, strlen(label))] = '\0';
    return sheaf_arena_text(&v->arena, label, strlen(label));
}

const char *sheaf_view_name_place(struct plot_view *v, int dimension, int field, int64_t place,
                                  struct sheaf_error *error) {
    char text[64];
    union {
        const char *text;
        int64_t whole;
        double number;
    } value = {0};
    if (field >= 0 && sheaf_reader_along(v->reader, field, place, 1, &value, &v->arena, error))
        return NULL;
    const enum sheaf_type type = field >= 0 ? v->fields[field].field.type : 0;
    if (field >= 0 && (type == SHEAF_FLOAT64 || type == SHEAF_FLOAT32)) {
        snprintf(text, sizeof text, "%.6g", sheaf_type_to_double(type, &value));
    } else if (field >= 0) {
        const char *cell = sheaf_cell_exact(type, (const char *)&value, &v->arena);
        if (!cell)
            sheaf_fail_memory(error, "a label");
        return cell;
    } else {
        snprintf(text, sizeof text, "%s %lld", v->slice.extent->dims[dimension].name, (long long)place);
    }
    const char *kept = sheaf_arena_text(&v->arena, text, strlen(text));
    if (!kept)
        sheaf_fail_memory(error, "a label");
    return kept;
}

int sheaf_view_numbers(struct plot_view *v, int field, int64_t component, const int64_t *items, const uint8_t *statuses,
                       int64_t n, double *numbers, struct sheaf_error *error) {
    const struct sheaf_field *f = &v->fields[field].field;
    const size_t n_bytes = sheaf_type_bytes(f->type), row = n_bytes * (size_t)f->width;
    int n_fields;
    sheaf_reader_fields(v->reader, &n_fields);
    char *values = malloc((size_t)n * row + 1);
    int rc = values ? sheaf_reader_values(v->reader, field, items, n, values, &v->arena, error)
                    : sheaf_fail_memory(error, "the values");
    for (int64_t i = 0; i < n && rc == 0; i++) {
        const bool has = !v->fields[field].is_output || statuses[i] == ITEM_DONE ||
                         (field >= n_fields && statuses[i] != ITEM_PENDING);
        numbers[i] = has ? sheaf_type_to_double(f->type, values + (size_t)i * row + (size_t)component * n_bytes) : NAN;
    }
    free(values);
    return rc;
}

/* --- items that are a list ----------------------------------------------------------------------------------------- */

/* Their first dimension has no values of its own to go by; others are repeats of each. */
static bool is_list(const struct plot_view *v) {
    return strcmp(v->slice.extent->dims[0].name, "item") == 0 &&
           (v->slice.extent->n_dims == 1 || v->slice.axes[0].n > 1);
}

/* Whether it is the name of a dimension behind the first, or of a field along one. */
static bool is_of_cube(const struct plot_view *v, const char *name) {
    const int field = find_field(v, name, strlen(name));
    bool is = field >= 0 && v->fields[field].axis > 0;
    for (int d = 1; d < v->slice.extent->n_dims && !is; d++)
        is = strcmp(v->slice.extent->dims[d].name, name) == 0;
    return is;
}

/* The first input that is a number; where there is none, the items as they come. */
static int first_input(const struct plot_view *v) {
    for (int k = 0; k < v->n_all; k++)
        if (!v->fields[k].is_output && v->fields[k].field.type != SHEAF_TEXT && v->fields[k].field.width == 1 &&
            k != v->field)
            return k;
    return -1;
}

static int choose_list(struct plot_view *v, char *const *names, struct sheaf_error *error) {
    v->kind = VIEW_SCATTER;
    for (int k = 0; k < v->n_over; k++) {
        v->over[k].field = find_field(v, names[k], strlen(names[k]));
        if (v->over[k].field < 0 && strcmp(names[k], v->slice.extent->dims[0].name) == 0)
            continue;
        if (v->over[k].field < 0)
            return refuse_name(v, "field", names[k], false, error);
        const struct reader_field *about = &v->fields[v->over[k].field];
        if (about->field.width > 1 || (about->field.type == SHEAF_TEXT && about->is_output))
            return sheaf_refuse(error, "--over %s: should have one number an item, or a text of the inputs", names[k]);
    }
    if (v->n_over == 0) {
        v->n_over = 1;
        v->over[0].field = first_input(v);
    }
    return 0;
}

/* --- cells of a cube ----------------------------------------------------------------------------------------------- */

/* The field that stands for a dimension: of its name, else the first of numbers, else the first; -1: none varies along it. */
static int field_along(const struct plot_view *v, int dimension) {
    int found = -1;
    for (int k = 0; k < v->n_all; k++) {
        if (v->fields[k].axis != dimension)
            continue;
        if (strcmp(v->fields[k].field.name, v->slice.extent->dims[dimension].name) == 0)
            return k;
        const bool better = found < 0 || (v->fields[found].field.type == SHEAF_TEXT && //
                                          v->fields[k].field.type != SHEAF_TEXT);
        found = better ? k : found;
    }
    return found;
}

static bool is_numeric(const struct plot_view *v, int dimension) {
    const int field = field_along(v, dimension);
    return field < 0 || v->fields[field].field.type != SHEAF_TEXT;
}

static void set_over(struct plot_view *v, int k, int dimension) {
    v->over[k].dimension = dimension;
    v->over[k].field = field_along(v, dimension);
}

/* The axes that are longest, of which the first is drawn over. */
static int over_longest(struct plot_view *v, struct sheaf_error *error) {
    int a = -1, b = -1;
    for (int d = 0; d < v->slice.extent->n_dims; d++) {
        const int64_t n = v->slice.axes[d].n;
        if (n > 1 && (a < 0 || n > v->slice.axes[a].n)) {
            b = a;
            a = d;
        } else if (n > 1 && (b < 0 || n > v->slice.axes[b].n)) {
            b = d;
        }
    }
    if (a < 0)
        return sheaf_refuse(error, "%s: no axis is left to draw '%s' over; sheaf show prints a value", v->path,
                            v->fields[v->field].field.name);
    v->n_over = b < 0 ? 1 : 2;
    v->kind = b < 0 || v->slice.axes[b].n <= LINES_MOST ? VIEW_LINES : VIEW_HEAT;
    const bool swap = v->kind == VIEW_HEAT
                          ? b < a
                          : b >= 0 && v->slice.axes[a].n <= LINES_MOST && !is_numeric(v, a) && is_numeric(v, b);
    set_over(v, 0, swap ? b : a);
    if (b >= 0)
        set_over(v, 1, swap ? a : b);
    return 0;
}

/* Lines for the values of the first other axis that is short. */
static void add_lines(struct plot_view *v) {
    v->kind = VIEW_LINES;
    for (int d = 0; d < v->slice.extent->n_dims && v->n_over < 2; d++)
        if (d != v->over[0].dimension && v->slice.axes[d].n > 1 && v->slice.axes[d].n <= LINES_MOST) {
            set_over(v, 1, d);
            v->n_over = 2;
        }
}

static int choose_cube(struct plot_view *v, char *const *names, struct sheaf_error *error) {
    if (v->n_over == 0)
        return over_longest(v, error);
    for (int k = 0; k < v->n_over; k++) {
        const int field = find_field(v, names[k], strlen(names[k]));
        int dimension = field >= 0 ? v->fields[field].axis : -1;
        for (int d = 0; d < v->slice.extent->n_dims && field < 0; d++)
            dimension = strcmp(v->slice.extent->dims[d].name, names[k]) == 0 ? d : dimension;
        if (dimension < 0)
            return refuse_name(v, "axis", names[k], true, error);
        set_over(v, k, dimension);
        v->over[k].field = field >= 0 ? field : v->over[k].field;
    }
    const bool same = v->n_over == 2 && v->over[0].dimension == v->over[1].dimension;
    if (same && v->over[0].field == v->over[1].field)
        return sheaf_refuse(error, "--over %s,%s: is the same twice", names[0], names[1]);
    v->kind = same ? VIEW_SCATTER : VIEW_HEAT; /* fields that vary together have pairs of values, no cells */
    if (v->n_over == 1)
        add_lines(v);
    return 0;
}

/* --- which cells --------------------------------------------------------------------------------------------------- */

static bool is_drawn_over(const struct plot_view *v, int dimension) {
    for (int k = 0; k < v->n_over; k++)
        if (v->over[k].dimension == dimension)
            return true;
    return false;
}

/* An axis that is not drawn over is at one value: that of --sel, or else its first. */
static int settle_axis(struct plot_view *v, int d, struct sheaf_error *error) {
    const int64_t n = v->slice.axes[d].n;
    const int field = field_along(v, d);
    const char *name = field >= 0 ? v->fields[field].field.name : v->slice.extent->dims[d].name;
    if (v->slice.extent->dims[d].size == 1)
        return 0;
    if (n > 1 && sheaf_slice_first(&v->slice, d, error))
        return -1;
    const char *value = sheaf_view_name_place(v, d, field, sheaf_slice_place(&v->slice, d, 0), error);
    if (!value)
        return -1;
    if (n > 1)
        fprintf(stderr, "sheaf: %s: drawn for the first of %lld, %s; --sel %s=… chooses another\n", name, (long long)n,
                value, name);
    sheaf_string_add(&v->notes, "%s%s = %s", v->notes.length ? ", " : "", name, value);
    if (n > 1)
        sheaf_string_add(&v->notes, " (first of %lld)", (long long)n);
    return 0;
}

static int thin_axis(struct plot_view *v, int d, int64_t most, struct sheaf_error *error) {
    char of[32], every[32];
    int64_t step;
    const int64_t n = v->slice.axes[d].n;
    if (sheaf_slice_thin(&v->slice, d, most, &step, error))
        return -1;
    if (step == 1)
        return 0;
    const char *name = v->slice.extent->dims[d].name;
    sheaf_text_count(n, of);
    sheaf_text_count(step, every);
    fprintf(stderr, "sheaf: %s: one of every %s is drawn of its %s values\n", name, every, of);
    sheaf_string_add(&v->notes, "%s%s: one of every %s", v->notes.length ? ", " : "", name, every);
    return 0;
}

/* Of a list all that is left is drawn: of repeats all, as long as there is room. */
static int choose_points(struct plot_view *v, struct sheaf_error *error) {
    int64_t room = SCATTER_POINTS;
    for (int d = v->slice.extent->n_dims - 1; d >= 0; d--) {
        if (thin_axis(v, d, room, error))
            return -1;
        room = room / v->slice.axes[d].n > 0 ? room / v->slice.axes[d].n : 1;
    }
    return 0;
}

static int choose_cells(struct plot_view *v, bool all, struct sheaf_error *error) {
    if (all)
        return choose_points(v, error);
    for (int d = 0; d < v->slice.extent->n_dims; d++)
        if (!is_drawn_over(v, d) && settle_axis(v, d, error))
            return -1;
    for (int k = 0; k < v->n_over; k++)
        if (thin_axis(v, v->over[k].dimension,
                      v->kind == VIEW_HEAT      ? HEAT_CELLS
                      : v->kind == VIEW_SCATTER ? SCATTER_POINTS
                      : k == 0                  ? LINE_POINTS
                                                : LINES_MOST,
                      error))
            return -1;
    return 0;
}

/* --- all of it ----------------------------------------------------------------------------------------------------- */

int sheaf_view_choose(struct plot_view *v, const char *field, const char *over, const char *const *selected,
                      int n_selected, struct sheaf_error *error) {
    char *names = strdup(over ? over : ""), *state = NULL, *parts[VIEW_OVER_MOST + 1];
    int rc = names ? 0 : sheaf_fail_memory(error, "--over"), n = 0;
    for (char *name = rc ? NULL : strtok_r(names, ",", &state); name && n <= VIEW_OVER_MOST;
         name = strtok_r(NULL, ",", &state))
        parts[n++] = name;
    if (rc == 0 && (n > VIEW_OVER_MOST || (over && n == 0)))
        rc = sheaf_refuse(error, "--over %s: should be one axis or two: X or X,Y", over);
    v->n_over = n;
    v->fields = sheaf_reader_fields(v->reader, &v->n_all);
    v->n_all += sheaf_reader_n_about(v->reader);
    sheaf_slice_begin(&v->slice, v->reader);
    if (rc == 0 && v->slice.n_cells == 0)
        rc = sheaf_refuse(error, "%s: has no items", v->path);
    if (rc == 0)
        rc = choose_field(v, field, error);
    for (int i = 0; i < n_selected && rc == 0; i++)
        rc = sheaf_slice_select(&v->slice, v->reader, v->path, selected[i], error);
    bool as_list = rc == 0 && is_list(v);
    for (int k = 0; k < v->n_over && as_list; k++)
        as_list = !is_of_cube(v, parts[k]);
    if (rc == 0)
        rc = as_list ? choose_list(v, parts, error) : choose_cube(v, parts, error);
    if (rc == 0)
        rc = choose_cells(v, as_list, error);
    free(names);
    return rc;
}

void sheaf_view_free(struct plot_view *v) {
    sheaf_slice_free(&v->slice);
    sheaf_string_free(&v->notes);
    sheaf_arena_free(&v->arena);
}
