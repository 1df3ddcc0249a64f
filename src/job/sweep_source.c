#include "job/sweep_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/hash.h"
#include "core/text.h"
#include "core/type.h"
#include "job/axes.h"

/* --- the functions of the source --------------------------------------------------------------------------------------------- */

/* Puts before a message where the job file says the values of a field, or one of them (-1: none). */
static int prefix_place(const struct sweep_field *field, int64_t i, struct sheaf_error *error) {
    const struct sweep_said *said = &field->said;
    if (!said->file)
        return -1;
    const struct sweep_place at = said->places && i >= 0 ? said->places[i] : said->place;
    const struct yaml_node node = {.file = said->file, .line = at.line, .column = at.column};
    return sheaf_yaml_prefix(&node, error);
}

static int sweep_check(struct items *items, int field, enum sheaf_type type, struct sheaf_error *error) {
    const struct sweep *sweep = items->sweep;
    struct sheaf_arena arena = {0};
    struct sheaf_text text = {"", 0};
    int64_t i;
    if (sheaf_sweep_fits(sweep, field, type, &i))
        return 0;
    if (sweep->fields[field].why_text)
        return sheaf_refuse(error, "%s makes '%s' a text, and the kernel reads it as %s", sweep->fields[field].why_text,
                            items->fields[field].name, sheaf_type_name(type));
    if (sweep->fields[field].draw && sweep->fields[field].n_values == 0)
        return sheaf_refuse(
                   error,
                   "%s: field '%s' is drawn as %s, and the kernel reads it as %s; integers: [0, 9] draws whole "
                   "numbers",
                   items->name, items->fields[field].name, sheaf_type_name(items->fields[field].type),
                   sheaf_type_name(type)) &&
               prefix_place(&sweep->fields[field], -1, error);
    sheaf_sweep_say(sweep, field, i, &text, &arena);
    sheaf_refuse(error, "%s: field '%s', value %" PRId64 ": '%.*s' is no %s, which the kernel reads", items->name,
                 items->fields[field].name, i, sheaf_text_precision(text.length), text.data, sheaf_type_name(type));
    sheaf_arena_free(&arena);
    return prefix_place(&sweep->fields[field], i, error);
}

static int sweep_read(struct items *items, int64_t first, int64_t n, void *const *columns, const enum sheaf_type *types,
                      struct sheaf_arena *arena, struct sheaf_error *error) {
    for (int f = 0; f < items->sweep->n_fields; f++)
        if (columns[f] && sheaf_sweep_items(items->sweep, f, types ? types[f] : (enum sheaf_type)items->fields[f].type,
                                            first, n, columns[f], arena))
            return sheaf_fail_memory(error, "the items");
    return 0;
}

/* Numbers need no arena. */
static int sweep_read_beside(const struct items *items, int64_t first, int64_t n, void *const *columns,
                             struct sheaf_error *error) {
    struct sheaf_arena arena = {0};
    int rc = 0;
    for (int f = 0; rc == 0 && f < items->sweep->n_fields; f++)
        if (columns[f])
            rc = sheaf_sweep_items(items->sweep, f, (enum sheaf_type)items->fields[f].type, first, n, columns[f],
                                   &arena);
    sheaf_arena_free(&arena);
    return rc ? sheaf_fail_memory(error, "the items") : 0;
}

static void sweep_close(struct items *items) {
    (void)items; /* all of it lives in the arena of the items */
}

const struct items_source sheaf_sweep_source = {
    .check = sweep_check, .read = sweep_read, .read_beside = sweep_read_beside, .close = sweep_close};

/* --- the identity ------------------------------------------------------------------------------------------------------ */

/* A name in quotes, those in it twice: it may have blanks, and whatever else an identity has between names. */
static void say_name(const char *name, struct sheaf_string *identity) {
    sheaf_string_add(identity, "'");
    for (; *name; name++)
        sheaf_string_add(identity, "%s%c", *name == '\'' ? "'" : "", *name);
    sheaf_string_add(identity, "'");
}

/* Few numbers are their own identity, which people can read: as they are written where the
   kernel may get them so. */
static void say_numbers(const struct sweep *sweep, int f, bool as_written, struct sheaf_string *identity) {
    const int64_t n = sweep->fields[f].n_values;
    for (int64_t i = 0; i < n; i++) {
        char number[40];
        const struct sheaf_text *written = as_written ? sweep->fields[f].written : NULL;
        if (written) {
            sheaf_string_add(identity, "%s%s", i ? " " : "", written[i].data);
            continue;
        }
        if (sweep->fields[f].about.type == SHEAF_INT64)
            snprintf(number, sizeof number, "%" PRId64, ((const int64_t *)sweep->fields[f].values)[i]);
        else
            sheaf_text_double(((const double *)sweep->fields[f].values)[i], number);
        sheaf_string_add(identity, "%s%s", i ? " " : "", number);
    }
}

/* A hash of all values; of texts that of their own hashes. */
static int say_hash(const struct sweep *sweep, int f, bool as_written, struct sheaf_string *identity) {
    const struct sweep_field *field = &sweep->fields[f];
    const int64_t n = field->n_values;
    const struct sheaf_text *texts = field->about.type == SHEAF_TEXT ? field->values
                                     : as_written                    ? field->written
                                                                     : NULL;
    struct sheaf_string hashes = {0};
    char hash[SHEAF_HASH_BYTES];
    for (int64_t i = 0; texts && i < n; i++) {
        sheaf_hash_bytes(texts[i].data, texts[i].length, hash);
        sheaf_string_add(&hashes, "%s\n", hash);
    }
    if (texts)
        sheaf_hash_bytes(hashes.data, hashes.length, hash);
    else
        sheaf_hash_bytes(field->values, (size_t)n * sheaf_type_bytes(field->about.type), hash);
    sheaf_string_add(identity, "%" PRId64 " values, %s", n, hash);
    const bool failed = hashes.failed;
    sheaf_string_free(&hashes);
    return failed ? -1 : 0;
}

/* How a field is drawn; the seed is elsewhere. */
static void say_draw(const struct draw *draw, struct sheaf_string *identity) {
    static const char *const methods[] = {"random", "latin", "sobol"};
    static const char *const laws[] = {"uniform", "loguniform", "normal", "integers", "choice"};
    char a[32], b[32];
    sheaf_string_add(identity, "%s%s of %" PRId64 ", dimension %d, %s", methods[draw->method],
                     draw->method == DRAW_SOBOL && !draw->scrambles ? " as it is" : "", draw->count, draw->dimension,
                     laws[draw->law]);
    if (draw->law == DRAW_INTEGERS)
        sheaf_string_add(identity, " %" PRId64 " %" PRId64, draw->low, draw->low + draw->n_values - 1);
    else if (draw->law != DRAW_CHOICE)
        sheaf_string_add(identity, " %s %s", sheaf_text_double(draw->a, a), sheaf_text_double(draw->b, b));
    sheaf_string_add(identity, "; ");
}

static int identify(struct items *items, const struct sweep *sweep, bool as_written, struct sheaf_error *error) {
    enum { FEW = 12 };
    struct sheaf_string *identity = &items->identity;
    sheaf_string_add(identity, "items: grid");
    for (int a = 0; a < sweep->n_axes; a++) {
        sheaf_string_add(identity, "%s ", a ? " x" : "");
        say_name(sweep->axes[a].name, identity);
        sheaf_string_add(identity, " %" PRId64, sweep->axes[a].size);
    }
    sheaf_string_add(identity, "\n");
    for (int f = 0; f < sweep->n_fields; f++) {
        const struct sweep_field *field = &sweep->fields[f];
        sheaf_string_add(identity, "items have ");
        say_name(field->about.name, identity);
        sheaf_string_add(identity, ": %s along axis %d, ", sheaf_type_name(field->about.type), field->axis);
        if (field->draw)
            say_draw(field->draw, identity);
        if (field->about.type != SHEAF_TEXT && field->n_values <= FEW)
            say_numbers(sweep, f, as_written, identity);
        else if (say_hash(sweep, f, as_written, identity))
            return sheaf_fail_memory(error, "the axes");
        sheaf_string_add(identity, "\n");
    }
    return identity->failed ? sheaf_fail_memory(error, "the axes") : 0;
}

/* Bytes of the texts of an item, and of all, at most: of texts, and of numbers that are drawn and may be wanted as such. */
void sheaf_sweep_measure_texts(struct items *items, const struct sweep *sweep) {
    enum { NUMBER = 26 };
    for (int f = 0; f < sweep->n_fields; f++) {
        const struct sweep_field *field = &sweep->fields[f];
        const struct sheaf_text *texts = field->about.type == SHEAF_TEXT ? field->values : NULL;
        size_t most = field->draw && !field->n_values ? NUMBER : 0;
        for (int64_t i = 0; texts && i < field->n_values; i++)
            most = texts[i].length > most ? texts[i].length : most;
        items->most_text_bytes += most;
    }
    items->all_text_bytes += items->most_text_bytes * (size_t)sweep->n_items;
}

/* The last axis: 0, 1, …, which no other field depends on. */
int sheaf_sweep_repeat(struct items *items, struct sweep *sweep, const struct yaml_node *node,
                       struct sheaf_error *error) {
    int64_t n;
    if (sheaf_yaml_count(node, "items.repeat", &n, error))
        return -1;
    if (n < 1 || n > AXIS_VALUES_MOST)
        return sheaf_yaml_refuse(node, error, "items.repeat is %" PRId64 "; it should be from 1 to %" PRId64, n,
                                 AXIS_VALUES_MOST);
    for (int f = 0; f < sweep->n_fields; f++)
        if (strcmp(sweep->fields[f].about.name, "repeat") == 0)
            return sheaf_yaml_refuse(node, error, "items.repeat: there is a field 'repeat' already");
    if (sweep->n_axes == SWEEP_AXES_MOST)
        return sheaf_yaml_refuse(node, error, "a grid has at most %d axes", SWEEP_AXES_MOST);
    struct sweep_field *fields = sheaf_arena_take(&items->arena, ((size_t)sweep->n_fields + 1) * sizeof *fields);
    int64_t *values = sheaf_arena_take(&items->arena, (size_t)n * sizeof *values);
    if (!fields || !values)
        return sheaf_fail_memory(error, "the axes");
    memcpy(fields, sweep->fields, (size_t)sweep->n_fields * sizeof *fields);
    for (int64_t i = 0; i < n; i++)
        values[i] = i;
    fields[sweep->n_fields++] = (struct sweep_field){.about = {.name = "repeat", .type = SHEAF_INT64, .width = 1},
                                                     .axis = sweep->n_axes,
                                                     .n_values = n,
                                                     .values = values};
    sweep->axes[sweep->n_axes++] = (struct sweep_axis){.name = "repeat", .size = n};
    sweep->fields = fields;
    return 0;
}

int sheaf_sweep_open(struct items *items, struct sweep *sweep, const struct job *job, struct sheaf_error *error) {
    if (sheaf_sweep_measure(sweep, SWEEP_ITEMS_MOST))
        return sheaf_yaml_refuse(job->items.node, error, "items: the grid has more than 10^15 items");
    items->fields = sheaf_arena_take(&items->arena, (size_t)sweep->n_fields * sizeof *items->fields);
    if (!items->fields)
        return sheaf_fail_memory(error, "the fields");
    for (int f = 0; f < sweep->n_fields; f++)
        items->fields[f] = sweep->fields[f].about;
    items->source = &sheaf_sweep_source;
    items->sweep = sweep;
    items->n_items = sweep->n_items;
    items->n_fields = sweep->n_fields;
    sheaf_sweep_measure_texts(items, sweep);
    return identify(items, sweep, job->kind == JOB_COMMAND || job->kind == JOB_KERNEL, error);
}
