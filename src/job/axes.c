#include "job/axes.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "core/type.h"
#include "job/keys.h"
#include "sweep/axis.h"

/* --- lists --------------------------------------------------------------------------------------------------------- */

/* Whether a whole number is beyond what a float64 keeps. */
static bool is_large(const char *text) {
    int64_t whole;
    return sheaf_text_to_int64(text, strlen(text), &whole) || llabs(whole) > INT64_C(1) << 53;
}

/* What a value is by itself: a code such as 007 is a text. */
static enum sheaf_type type_of(const struct yaml_node *node) {
    const char *text = node->text;
    const size_t length = strlen(text), sign = text[0] == '-' || text[0] == '+';
    const bool digits = strspn(text + sign, "0123456789") + sign == length;
    double value;
    int64_t whole;
    if (node->quoted || sheaf_text_to_double(text, length, &value) ||
        (digits && length > sign + 1 && text[sign] == '0'))
        return SHEAF_TEXT;
    if (!digits)
        return SHEAF_FLOAT64;
    return sheaf_text_to_int64(text, length, &whole) ? SHEAF_TEXT : SHEAF_INT64;
}

/* The type that holds what all of them say: whole numbers, numbers, or text, and then the first value due to which. A large
   whole number among floats would lose digits. */
static enum sheaf_type find_type(struct yaml_node *const *nodes, int64_t n, int64_t *odd) {
    enum sheaf_type type = SHEAF_INT64;
    int64_t large = -1;
    for (*odd = 0; *odd < n; ++*odd) {
        const enum sheaf_type own = type_of(nodes[*odd]);
        if (own == SHEAF_TEXT)
            return SHEAF_TEXT;
        type = own == SHEAF_FLOAT64 ? own : type;
        if (own == SHEAF_INT64 && large < 0 && is_large(nodes[*odd]->text))
            large = *odd;
    }
    *odd = large;
    return type == SHEAF_FLOAT64 && large >= 0 ? SHEAF_TEXT : type;
}

/* "job.yaml:3:14: 'abc'" */
static const char *say_odd(const struct yaml_node *node, struct sheaf_arena *arena) {
    char said[400];
    snprintf(said, sizeof said, "%.150s:%d:%d: '%.150s'%s", node->file, node->line, node->column, node->text,
             node->quoted ? " in quotes" : "");
    return sheaf_arena_text(arena, said, strlen(said));
}

/* Nothing, as YAML writes it. */
static bool says_nothing(const char *text) {
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

static int refuse_value(const struct yaml_node *node, const char *what, struct sheaf_error *error) {
    return node->kind == YAML_SCALAR
               ? sheaf_yaml_refuse(node, error,
                                   "%s has a value that says nothing (%s); a text of that kind needs quotes", what,
                                   node->text[0] ? node->text : "it is empty")
               : sheaf_yaml_refuse(node, error, "%s should list values; this is a %s", what,
                                   node->kind == YAML_MAP ? "map" : "list");
}

int sheaf_axis_note_place(const struct yaml_node *node, struct sweep_field *field, struct sheaf_arena *arena,
                          struct sheaf_error *error) {
    field->said.file = sheaf_arena_text(arena, node->file, strlen(node->file));
    field->said.place = (struct sweep_place){node->line, node->column};
    return field->said.file ? 0 : sheaf_fail_memory(error, "the axes");
}

int sheaf_axis_read_scalars(struct yaml_node *const *nodes, int64_t n, const char *name, const char *what,
                            struct sheaf_arena *arena, struct sweep_field *field, struct sheaf_error *error) {
    for (int64_t i = 0; i < n; i++)
        if (nodes[i]->kind != YAML_SCALAR || (!nodes[i]->quoted && says_nothing(nodes[i]->text)))
            return refuse_value(nodes[i], what, error);
    int64_t odd;
    const enum sheaf_type type = find_type(nodes, n, &odd);
    const char *why = type == SHEAF_TEXT ? say_odd(nodes[odd], arena) : NULL;
    if (type == SHEAF_TEXT && !why)
        return sheaf_fail_memory(error, what);
    struct sheaf_text *written = sheaf_arena_take(arena, (size_t)n * sizeof *written);
    struct sweep_place *places = sheaf_arena_take(arena, (size_t)n * sizeof *places);
    char *values = sheaf_arena_take(arena, (size_t)n * sizeof(int64_t));
    if (!written || !places || !values)
        return sheaf_fail_memory(error, what);
    for (int64_t i = 0; i < n; i++) {
        const size_t length = strlen(nodes[i]->text);
        places[i] = (struct sweep_place){nodes[i]->line, nodes[i]->column};
        written[i] = (struct sheaf_text){sheaf_arena_text(arena, nodes[i]->text, length), length};
        if (!written[i].data)
            return sheaf_fail_memory(error, what);
        if (type == SHEAF_INT64)
            sheaf_text_to_int64(nodes[i]->text, length, (int64_t *)(void *)values + i);
        else if (type == SHEAF_FLOAT64)
            sheaf_text_to_double(nodes[i]->text, length, (double *)(void *)values + i);
    }
    *field = (struct sweep_field){.about = {.name = name, .type = type, .width = 1},
                                  .values = type == SHEAF_TEXT ? (const void *)written : values,
                                  .written = type == SHEAF_TEXT ? NULL : written,
                                  .said.places = places,
                                  .why_text = why};
    return n > 0 ? sheaf_axis_note_place(nodes[0], field, arena, error) : 0;
}

/* --- numbers that are worked out ----------------------------------------------------------------------------------- */

/* The numbers of a list that has n_least to n_most. */
static int read_numbers(const struct yaml_node *node, const char *what, int n_least, int n_most, double numbers[3],
                        struct sheaf_error *error) {
    const char *usage =
        n_most == 3 && n_least == 3 ? "[FIRST, LAST, HOW MANY]" : "[END], [BEGIN, END] or [BEGIN, END, STEP]";
    if (node->kind != YAML_LIST || node->n < n_least || node->n > n_most)
        return sheaf_yaml_refuse(node, error, "%s should be %s", what, usage);
    for (int i = 0; i < node->n; i++) {
        const struct yaml_node *value = node->value[i];
        if (value->kind != YAML_SCALAR || sheaf_text_to_double(value->text, strlen(value->text), &numbers[i]) ||
            !isfinite(numbers[i]))
            return sheaf_yaml_refuse(value, error, "%s should be %s; '%s' is not a finite number", what, usage,
                                     value->kind == YAML_SCALAR ? value->text : "a list or map");
    }
    return 0;
}

static int refuse_size(const struct yaml_node *node, const char *what, struct sheaf_error *error) {
    return sheaf_yaml_refuse(node, error, "%s has more than %" PRId64 " values, which an axis holds at most", what,
                             AXIS_VALUES_MOST);
}

static double *take(struct sheaf_arena *arena, int64_t n, struct sweep_field *field, const char *what,
                    struct sheaf_error *error) {
    double *values = sheaf_arena_take(arena, (size_t)n * sizeof *values);
    *field = (struct sweep_field){.about = {.type = SHEAF_FLOAT64, .width = 1}, .values = values};
    if (!values)
        sheaf_fail_memory(error, what);
    return values;
}

enum spacing { LINSPACE, LOGSPACE, GEOMSPACE };

static int read_spacing(const struct yaml_node *node, enum spacing spacing, const char *what, struct sheaf_arena *arena,
                        struct sweep_field *field, int64_t *n, struct sheaf_error *error) {
    double numbers[3];
    if (read_numbers(node, what, 3, 3, numbers, error))
        return -1;
    if (!(numbers[2] >= 1) || rint(numbers[2]) != numbers[2])
        return sheaf_yaml_refuse(node->value[2], error, "%s: '%s' values; it should be a whole number, at least 1",
                                 what, node->value[2]->text);
    if (numbers[2] > (double)AXIS_VALUES_MOST)
        return refuse_size(node, what, error);
    if (spacing == GEOMSPACE && !((numbers[0] > 0 && numbers[1] > 0) || (numbers[0] < 0 && numbers[1] < 0)))
        return sheaf_yaml_refuse(node, error,
                                 "%s goes from %s to %s; both should be above zero, or both below: a ratio leads "
                                 "from one to the other",
                                 what, node->value[0]->text, node->value[1]->text);
    *n = (int64_t)numbers[2];
    double *values = take(arena, *n, field, what, error);
    if (!values)
        return -1;
    switch (spacing) {
    case LINSPACE:
        sheaf_axis_linspace(numbers[0], numbers[1], *n, values);
        break;
    case LOGSPACE:
        sheaf_axis_logspace(numbers[0], numbers[1], *n, values);
        break;
    case GEOMSPACE:
        sheaf_axis_geomspace(numbers[0], numbers[1], *n, values);
        break;
    }
    for (int64_t i = 0; i < *n; i++)
        if (!isfinite(values[i]))
            return sheaf_yaml_refuse(node, error, "%s: value %" PRId64 " is beyond what a number can hold%s", what, i,
                                     spacing == LOGSPACE ? ": it is a power of ten; geomspace takes the ends themselves"
                                                         : "");
    return 0;
}

/* Whole numbers stay such. */
static int read_range(const struct yaml_node *node, const char *what, struct sheaf_arena *arena,
                      struct sweep_field *field, int64_t *n, struct sheaf_error *error) {
    double numbers[3] = {0, 0, 1};
    if (read_numbers(node, what, 1, 3, numbers, error))
        return -1;
    bool whole = true;
    for (int i = 0; i < node->n; i++)
        whole = whole && rint(numbers[i]) == numbers[i] && fabs(numbers[i]) < 0x1p53;
    if (node->n == 1) {
        numbers[1] = numbers[0];
        numbers[0] = 0;
    }
    *n = sheaf_axis_count(numbers[0], numbers[1], numbers[2]);
    if (numbers[2] == 0)
        return sheaf_yaml_refuse(node, error, "%s has a step of 0; no step leads to its end", what);
    if (*n == 0)
        return sheaf_yaml_refuse(node, error, "%s has no value: its end is not among them, as in Python", what);
    if (*n < 0 || *n > AXIS_VALUES_MOST)
        return refuse_size(node, what, error);
    double *values = take(arena, *n, field, what, error);
    if (!values)
        return -1;
    if (!whole) {
        sheaf_axis_range(numbers[0], numbers[2], *n, values);
        return 0;
    }
    field->about.type = SHEAF_INT64;
    for (int64_t i = 0; i < *n; i++) { /* none is beyond 2^53, and so none of the steps from the first to it 2^54 */
        const int64_t value = (int64_t)numbers[0] + i * (int64_t)numbers[2];
        memcpy(values + i, &value, sizeof value);
    }
    return 0;
}

/* --- an axis ------------------------------------------------------------------------------------------------------- */

static int read_list(const struct yaml_node *node, const char *name, const char *what, struct sheaf_arena *arena,
                     struct sweep_field *field, int64_t *n, struct sheaf_error *error) {
    if (node->kind != YAML_LIST)
        return sheaf_yaml_refuse(node, error, "%s should be a list of values, or a map: {linspace: [0, 1, 11]}", what);
    if (node->n == 0)
        return sheaf_yaml_refuse(node, error, "%s is empty; it should have at least one value", what);
    *n = node->n;
    return sheaf_axis_read_scalars(node->value, node->n, name, what, arena, field, error);
}

/* Ways to give values behind those of enum spacing. */
enum { RANGE = 3, VALUES, CSV, HDF5, N_WAYS };

/* The one key of the map that gives values. NULL after an error. */
static const struct yaml_node *find_values(const struct yaml_node *node, const char *what, int *which,
                                           struct sheaf_error *error) {
    static const char *const ways[] = {"linspace", "logspace", "geomspace", "range", "values", "csv", "hdf5"};
    const struct yaml_node *found = NULL;
    int n = 0;
    if (sheaf_job_keys_check(node, what, "items.grid.*", 0, error))
        return NULL;
    for (int i = 0; i < N_WAYS; i++) {
        const struct yaml_node *value = sheaf_yaml_get(node, ways[i]);
        if (value) {
            found = value;
            *which = i;
            n++;
        }
    }
    if (n != 1) {
        sheaf_yaml_refuse(node, error,
                          "%s has values in %d ways; it takes exactly one of linspace, logspace, geomspace, range, "
                          "values, csv, hdf5",
                          what, n);
        return NULL;
    }
    return found;
}

int sheaf_axis_read_about(const struct yaml_node *node, struct sweep_field *field, struct sheaf_arena *arena,
                          struct sheaf_error *error) {
    const char *texts[2] = {NULL, NULL};
    static const char *const keys[] = {"unit", "long_name"};
    for (int i = 0; i < 2; i++) {
        const struct yaml_node *value = sheaf_yaml_get(node, keys[i]);
        const char *text;
        if (!value)
            continue;
        if (sheaf_yaml_text(value, keys[i], &text, error))
            return -1;
        texts[i] = sheaf_arena_text(arena, text, strlen(text));
        if (!texts[i])
            return sheaf_fail_memory(error, "the axes");
    }
    field->about.unit = texts[0];
    field->about.long_name = texts[1];
    return 0;
}

int sheaf_axis_read(const struct axis_files *files, const struct yaml_node *node, const char *name, const char *what,
                    struct sheaf_arena *arena, struct sweep_field *field, int64_t *n, struct sheaf_error *error) {
    int which = 0;
    if (node->kind != YAML_MAP)
        return read_list(node, name, what, arena, field, n, error);
    const struct yaml_node *values = find_values(node, what, &which, error);
    if (!values)
        return -1;
    int rc = which == VALUES  ? read_list(values, name, what, arena, field, n, error)
             : which == CSV   ? sheaf_axis_read_csv(files, values, what, arena, field, n, error)
             : which == HDF5  ? sheaf_axis_read_hdf5(files, values, what, arena, field, n, error)
             : which == RANGE ? read_range(values, what, arena, field, n, error)
                              : read_spacing(values, (enum spacing)which, what, arena, field, n, error);
    field->about.name = name;
    return rc || sheaf_axis_note_place(values, field, arena, error) || sheaf_axis_read_about(node, field, arena, error)
               ? -1
               : 0;
}

/* --- numbers alone ------------------------------------------------------------------------------------------------- */

static int read_list_of_numbers(const struct yaml_node *node, const char *what, struct sheaf_arena *arena,
                                const double **values, int64_t *n, struct sheaf_error *error) {
    double *list = sheaf_arena_take(arena, ((size_t)node->n + 1) * sizeof *list);
    if (!list)
        return sheaf_fail_memory(error, what);
    for (*n = 0; *n < node->n; ++*n) {
        const struct yaml_node *value = node->value[*n];
        if (value->kind != YAML_SCALAR || sheaf_text_to_double(value->text, strlen(value->text), &list[*n]))
            return sheaf_yaml_refuse(value, error, "%s should list numbers; '%s' is none", what,
                                     value->kind == YAML_SCALAR ? value->text : "a list or map");
    }
    *values = list;
    return 0;
}

int sheaf_axis_read_numbers(const struct yaml_node *node, const char *within, const char *what,
                            struct sheaf_arena *arena, const double **values, int64_t *n, struct sheaf_error *error) {
    static const char *const spacings[] = {"linspace", "logspace", "geomspace"};
    struct sweep_field field;
    if (node->kind == YAML_LIST)
        return read_list_of_numbers(node, what, arena, values, n, error);
    if (node->kind != YAML_MAP)
        return sheaf_yaml_refuse(node, error, "%s should be a list of numbers, or a map: {linspace: [0, 1, 11]}", what);
    if (sheaf_job_keys_check(node, what, within, 0, error))
        return -1;
    if (node->n != 1)
        return sheaf_yaml_refuse(node, error,
                                 "%s has values in %d ways; it takes exactly one of linspace, logspace, "
                                 "geomspace",
                                 what, node->n);
    for (int k = 0; k < 3; k++)
        if (strcmp(node->key[0]->text, spacings[k]) == 0 &&
            read_spacing(node->value[0], (enum spacing)k, what, arena, &field, n, error))
            return -1;
    *values = field.values;
    return 0;
}
