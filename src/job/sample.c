#include "job/sample.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "job/axes.h"
#include "job/keys.h"
#include "job/sweep_source.h"

enum { MOST_WHAT = 300 };

/* What is being read. */
struct sample {
    struct items *items;
    struct sweep *sweep;
    struct draw common; /* what all fields have alike */
    struct sheaf_error *error;
};

/* --- laws ---------------------------------------------------------------------------------------------------------- */

/* How each is written. */
static const struct {
    const char *name, *usage;
} laws[] = {[DRAW_UNIFORM] = {"uniform", "[FROM, TO]"},
            [DRAW_LOGUNIFORM] = {"loguniform", "[FROM, TO]"},
            [DRAW_NORMAL] = {"normal", "[MEAN, STANDARD DEVIATION]"},
            [DRAW_INTEGERS] = {"integers", "[LEAST, MOST]"},
            [DRAW_CHOICE] = {"choice", "[VALUE, …]"}};
enum { N_LAWS = sizeof laws / sizeof *laws };

static const char *text_of(const struct yaml_node *node) {
    return node->kind == YAML_SCALAR ? node->text : "a list or map";
}

static int read_pair(const struct sample *s, const struct yaml_node *node, const char *what, struct draw *draw) {
    double *const pair[2] = {&draw->a, &draw->b};
    const char *usage = laws[draw->law].usage;
    if (node->kind != YAML_LIST || node->n != 2)
        return sheaf_yaml_refuse(node, s->error, "%s should be %s", what, usage);
    for (int i = 0; i < 2; i++) {
        const struct yaml_node *value = node->value[i];
        if (value->kind != YAML_SCALAR || sheaf_text_to_double(value->text, strlen(value->text), pair[i]) ||
            !isfinite(*pair[i]))
            return sheaf_yaml_refuse(value, s->error, "%s should be %s; '%s' is not a finite number", what, usage,
                                     text_of(value));
    }
    if (draw->law == DRAW_NORMAL)
        return draw->b >= 0 ? 0
                            : sheaf_yaml_refuse(node->value[1], s->error,
                                                "%s has the standard deviation %s; it should be 0 or more", what,
                                                node->value[1]->text);
    if (!(draw->a <= draw->b) || !isfinite(draw->b - draw->a))
        return sheaf_yaml_refuse(node, s->error, "%s goes from %s to %s; the first should be the smaller one", what,
                                 node->value[0]->text, node->value[1]->text);
    return draw->law == DRAW_LOGUNIFORM && !(draw->a > 0 && isfinite(draw->b / draw->a))
               ? sheaf_yaml_refuse(node, s->error, "%s goes from %s to %s; both should be above zero", what,
                                   node->value[0]->text, node->value[1]->text)
               : 0;
}

/* Both ends are among them. */
static int read_integers(const struct sample *s, const struct yaml_node *node, const char *what, struct draw *draw) {
    int64_t high = 0, *const pair[2] = {&draw->low, &high};
    if (node->kind != YAML_LIST || node->n != 2)
        return sheaf_yaml_refuse(node, s->error, "%s should be %s", what, laws[DRAW_INTEGERS].usage);
    for (int i = 0; i < 2; i++)
        if (node->value[i]->kind != YAML_SCALAR ||
            sheaf_text_to_int64(node->value[i]->text, strlen(node->value[i]->text), pair[i]))
            return sheaf_yaml_refuse(node->value[i], s->error, "%s should be %s; '%s' is not a whole number", what,
                                     laws[DRAW_INTEGERS].usage, text_of(node->value[i]));
    if (draw->low > high)
        return sheaf_yaml_refuse(node, s->error, "%s goes from %s to %s; the first should be the smaller one", what,
                                 node->value[0]->text, node->value[1]->text);
    if ((uint64_t)high - (uint64_t)draw->low >= UINT64_C(1) << 52)
        return sheaf_yaml_refuse(node, s->error, "%s has more than 2^52 values, which cannot all be drawn alike", what);
    draw->n_values = high - draw->low + 1;
    return 0;
}

static int read_choice(const struct sample *s, const struct yaml_node *node, const char *what, const char *name,
                       struct sweep_field *field, struct draw *draw) {
    if (node->kind != YAML_LIST || node->n == 0)
        return sheaf_yaml_refuse(node, s->error, "%s should list values: [a, b]", what);
    if (sheaf_axis_read_scalars(node->value, node->n, name, what, &s->items->arena, field, s->error))
        return -1;
    draw->n_values = field->n_values = node->n;
    return 0;
}

/* --- fields -------------------------------------------------------------------------------------------------------- */

/* The one key that says how values are drawn. NULL after an error. */
static const struct yaml_node *find_law(const struct sample *s, const struct yaml_node *node, const char *what,
                                        int32_t *law) {
    const struct yaml_node *found = NULL;
    int n = 0;
    if (sheaf_yaml_map(node, what, s->error) || sheaf_job_keys_check(node, what, "items.sample.fields.*", 0, s->error))
        return NULL;
    for (int i = 0; i < N_LAWS; i++) {
        const struct yaml_node *value = sheaf_yaml_get(node, laws[i].name);
        if (value) {
            found = value;
            *law = i;
            n++;
        }
    }
    if (n == 1)
        return found;
    sheaf_yaml_refuse(node, s->error,
                      "%s is drawn in %d ways; it takes exactly one of uniform, loguniform, normal, integers, choice",
                      what, n);
    return NULL;
}

static int read_field(const struct sample *s, const struct yaml_node *key, const struct yaml_node *node,
                      struct sweep_field *field) {
    char what[MOST_WHAT];
    struct draw *draw = sheaf_arena_take(&s->items->arena, sizeof *draw);
    const char *name = sheaf_arena_text(&s->items->arena, key->text, strlen(key->text));
    if (!draw || !name)
        return sheaf_fail_memory(s->error, "the sample");
    *draw = s->common;
    snprintf(what, sizeof what, "items.sample.fields.%.200s", key->text);
    if (node->kind == YAML_SCALAR && sheaf_job_key_refuse_deep(key, "items.sample.fields", s->error))
        return -1;
    if (sheaf_items_check_name(name, what, s->error))
        return sheaf_yaml_prefix(key, s->error);
    const struct yaml_node *law = find_law(s, node, what, &draw->law);
    if (!law)
        return -1;
    draw->dimension = (int32_t)(field - s->sweep->fields);
    int rc = draw->law == DRAW_INTEGERS ? read_integers(s, law, what, draw)
             : draw->law == DRAW_CHOICE ? read_choice(s, law, what, name, field, draw)
                                        : read_pair(s, law, what, draw);
    if (rc)
        return -1;
    sheaf_draw_begin(draw);
    field->draw = draw;
    field->about.name = name;
    field->about.width = 1;
    if (draw->law != DRAW_CHOICE)
        field->about.type = draw->law == DRAW_INTEGERS ? SHEAF_INT64 : SHEAF_FLOAT64;
    return sheaf_axis_note_place(law, field, &s->items->arena, s->error) ||
                   sheaf_axis_read_about(node, field, &s->items->arena, s->error)
               ? -1
               : 0;
}

static int read_fields(struct sample *s, const struct yaml_node *node) {
    if (sheaf_yaml_map(node, "items.sample.fields", s->error))
        return -1;
    if (node->n == 0)
        return sheaf_yaml_refuse(node, s->error,
                                 "items.sample.fields is empty; name at least one: {x: {uniform: [0, 1]}}");
    if (s->common.method == DRAW_SOBOL && node->n > SOBOL_DIMENSIONS)
        return sheaf_yaml_refuse(node, s->error,
                                 "items.sample has %d fields; there are Sobol points of up to %d dimensions", node->n,
                                 SOBOL_DIMENSIONS);
    struct sweep_field *fields = sheaf_arena_take(&s->items->arena, (size_t)node->n * sizeof *fields);
    if (!fields)
        return sheaf_fail_memory(s->error, "the sample");
    s->sweep->fields = fields;
    s->sweep->n_fields = node->n;
    for (int k = 0; k < node->n; k++)
        if (read_field(s, node->key[k], node->value[k], &fields[k]))
            return -1;
    return 0;
}

/* --- all of it ----------------------------------------------------------------------------------------------------- */

/* The word is one of those that the key has, in the order of enum draw_method. */
static int read_method(struct sample *s, const struct yaml_node *node) {
    static const char *const methods[] = {"random", "latin", "sobol"};
    const struct yaml_node *method = sheaf_yaml_get(node, "method"), *scramble = sheaf_yaml_get(node, "scramble");
    int word = 0;
    if (sheaf_yaml_word(method, "items.sample.method", methods, 3, &word, s->error))
        return -1;
    s->common.method = word;
    s->common.scrambles = true;
    if (scramble && s->common.method != DRAW_SOBOL)
        return sheaf_yaml_refuse(scramble, s->error, "items.sample.scramble goes with method: sobol");
    return sheaf_yaml_bool(scramble, "items.sample.scramble", &s->common.scrambles, s->error);
}

static int read_count(struct sample *s, const struct yaml_node *node) {
    const struct yaml_node *count = sheaf_yaml_get(node, "count");
    int64_t *n = &s->common.count;
    if (!count)
        return sheaf_yaml_refuse(node, s->error, "items.sample has no count: how many items are drawn");
    if (sheaf_yaml_count(count, "items.sample.count", n, s->error))
        return -1;
    if (*n < 1 || *n > SWEEP_ITEMS_MOST)
        return sheaf_yaml_refuse(count, s->error, "items.sample.count is %" PRId64 "; it should be from 1 to 10^15",
                                 *n);
    if (s->common.method == DRAW_SOBOL && (*n & (*n - 1)) != 0) {
        int64_t below = 1;
        while (2 * below < *n)
            below *= 2;
        sheaf_string_add(&s->items->warnings,
                         "%" PRId64 " points of Sobol's are not spread as evenly as a power of two is: %" PRId64
                         " or %" PRId64 "\n",
                         *n, below, 2 * below);
    }
    return 0;
}

int sheaf_sample_open(struct items *items, const struct job *job, struct sheaf_error *error) {
    const struct yaml_node *node = sheaf_yaml_get(job->items.node, "sample");
    const struct yaml_node *repeat = sheaf_yaml_get(job->items.node, "repeat");
    struct sample s = {.items = items, .common.seed = (uint64_t)job->seed, .error = error};
    s.sweep = sheaf_arena_take(&items->arena, sizeof(struct sweep));
    if (!s.sweep)
        return sheaf_fail_memory(error, "the sample");
    if (sheaf_yaml_map(node, "items.sample", error) ||
        sheaf_job_keys_check(node, "items.sample", "items.sample", 0, error) || read_method(&s, node) ||
        read_count(&s, node))
        return -1;
    const struct yaml_node *fields = sheaf_yaml_get(node, "fields");
    if (!fields)
        return sheaf_yaml_refuse(node, error, "items.sample has no fields: {fields: {x: {uniform: [0, 1]}}}");
    s.sweep->axes[s.sweep->n_axes++] = (struct sweep_axis){.name = "item", .size = s.common.count};
    if (read_fields(&s, fields) || (repeat && sheaf_sweep_repeat(items, s.sweep, repeat, error)))
        return -1;
    return sheaf_sweep_open(items, s.sweep, job, error);
}
