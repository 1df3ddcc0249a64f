#include "store/earlier.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/text.h"
#include "core/type.h"
#include "plan/status.h"
#include "store/h5.h"
#include "store/lock.h"
#include "store/reader.h"

/* --- what lies along axes ------------------------------------------------------------------------------------------ */

/* Texts of the reader, as those of fields. */
static void *take_texts(const char *const *from, int64_t n, struct sheaf_arena *arena) {
    struct sheaf_text *texts = sheaf_arena_take(arena, (size_t)n * sizeof *texts);
    for (int64_t i = 0; texts && i < n; i++) {
        texts[i] = (struct sheaf_text){.length = strlen(from[i])};
        texts[i].data = sheaf_arena_text(arena, from[i], texts[i].length);
        if (!texts[i].data)
            return NULL;
    }
    return texts;
}

/* A field and its values along its axis. */
static int take_coordinates(struct earlier *e, int k, struct sweep_field *to, struct sheaf_arena *arena,
                            struct sheaf_error *error) {
    int n_fields;
    const struct reader_field *field = &sheaf_reader_fields(e->reader, &n_fields)[k];
    const enum sheaf_type type = (enum sheaf_type)field->field.type;
    const int64_t n = e->sweep->axes[field->axis].size;
    if (type != SHEAF_TEXT && type != SHEAF_FLOAT64 && type != SHEAF_INT64)
        return sheaf_fail(error, "the axis '%s' is of a type that Sheaf does not write; the file was changed",
                          field->field.name);
    const void *read = sheaf_reader_coordinates(e->reader, k, error);
    if (!read)
        return -1;
    void *values =
        type == SHEAF_TEXT ? take_texts(read, n, arena) : sheaf_arena_take(arena, (size_t)n * sheaf_type_bytes(type));
    if (!values)
        return sheaf_fail_memory(error, "the axes");
    if (type != SHEAF_TEXT)
        memcpy(values, read, (size_t)n * sheaf_type_bytes(type));
    *to = (struct sweep_field){.about = field->field, .axis = field->axis, .n_values = n, .values = values};
    return 0;
}

/* The axes of a cube with their coordinates. */
static int take_axes(struct earlier *e, const char *file, struct sheaf_arena *arena, struct sheaf_error *error) {
    const struct extent *extent = sheaf_reader_extent(e->reader);
    int n_fields;
    if (sheaf_reader_n_items(e->reader) == 0)
        return sheaf_refuse(error, "%s: an axis of its cube has no values", file);
    const struct reader_field *fields = sheaf_reader_fields(e->reader, &n_fields);
    struct sweep_field *along = sheaf_arena_take(arena, (size_t)n_fields * sizeof *along);
    e->sweep = sheaf_arena_take(arena, sizeof *e->sweep);
    if (!along || !e->sweep)
        return sheaf_fail_memory(error, "the axes");
    e->sweep->fields = along;
    for (; e->sweep->n_axes < extent->n_dims; e->sweep->n_axes++)
        e->sweep->axes[e->sweep->n_axes] = (struct sweep_axis){.name = extent->dims[e->sweep->n_axes].name,
                                                               .size = extent->dims[e->sweep->n_axes].size};
    for (int k = 0; k < n_fields; k++) {
        if (fields[k].axis < 0)
            continue;
        if (take_coordinates(e, k, &along[e->sweep->n_fields], arena, error))
            return -1;
        e->sweep->n_fields++;
    }
    return sheaf_sweep_measure(e->sweep, INT64_MAX) ? sheaf_fail(error, "the axes are too long") : 0;
}

/* --- which fields -------------------------------------------------------------------------------------------------- */

static int add_wanted(struct earlier *e, const char *name, const char *there, const struct yaml_node *node,
                      struct sheaf_arena *arena, struct sheaf_error *error) {
    const char *stage = e->stage;
    const size_t n_bytes = strlen(there) + (stage ? strlen(stage) : 0) + 3;
    char *path = sheaf_arena_take(arena, n_bytes);
    char *own = sheaf_arena_text(arena, name, strlen(name));
    if (!path || !own)
        return sheaf_fail_memory(error, "the fields");
    snprintf(path, n_bytes, "%s%s/%s", stage ? "/" : "", stage ? stage : "", there);
    e->fields[e->n_fields++] = (struct wanted_field){own, path, node};
    return 0;
}

static int refuse_unknown(const struct earlier *e, const struct job_pair *wanted, const char *file,
                          struct sheaf_error *error) {
    char line[300];
    snprintf(line, sizeof line, "sheaf: '%.250s' is left out: ", wanted->node->text);
    const char *why = strstr(sheaf_reader_left_out(e->reader), line);
    if (why)
        return sheaf_yaml_refuse(wanted->node, error, "items.results.fields: %.*s; put it back",
                                 (int)(strcspn(why, "\n") - strlen("sheaf: ")), why + strlen("sheaf: "));
    int n_fields;
    const struct reader_field *fields = sheaf_reader_fields(e->reader, &n_fields);
    const char **names = malloc(((size_t)n_fields + 1) * sizeof *names);
    char hint[512];
    if (!names)
        return sheaf_fail_memory(error, "the fields");
    for (int k = 0; k < n_fields; k++)
        names[k] = fields[k].field.name;
    sheaf_yaml_refuse(wanted->node, error, "items.results.fields: no field '%s' in %s%s", wanted->node->text, file,
                      sheaf_text_suggest(wanted->node->text, names, n_fields, true, hint, sizeof hint));
    free(names);
    return -1;
}

/* One field that the job names. Coordinates of a cube are there in any case. */
static int take_named(struct earlier *e, const struct job_pair *wanted, const char *file, struct sheaf_arena *arena,
                      struct sheaf_error *error) {
    int n_fields;
    const struct reader_field *fields = sheaf_reader_fields(e->reader, &n_fields);
    for (int k = 0; k < n_fields; k++) {
        if (strcmp(fields[k].field.name, wanted->node->text) != 0)
            continue;
        if (!e->sweep || fields[k].axis < 0)
            return add_wanted(e, wanted->name, wanted->node->text, wanted->node, arena, error);
        return strcmp(wanted->name, wanted->node->text) == 0
                   ? 0
                   : sheaf_yaml_refuse(wanted->node, error,
                                       "items.results.fields: '%s' lies along an axis of the cube in %s, and keeps its "
                                       "name",
                                       wanted->node->text, file);
    }
    return refuse_unknown(e, wanted, file, error);
}

/* Whether it is the name of an axis, or of what lies along one. */
static bool is_of_axes(const struct sweep *sweep, const char *name) {
    for (int f = 0; sweep && f < sweep->n_fields; f++)
        if (strcmp(sweep->fields[f].about.name, name) == 0)
            return true;
    for (int a = 0; sweep && a < sweep->n_axes; a++)
        if (strcmp(sweep->axes[a].name, name) == 0)
            return true;
    return false;
}

/* The job may name two alike. */
static int check_names(const struct earlier *e, struct sheaf_error *error) {
    for (int k = 0; k < e->n_fields; k++) {
        const struct wanted_field *own = &e->fields[k];
        if (is_of_axes(e->sweep, own->name))
            return sheaf_yaml_refuse(own->node, error,
                                     "items.results.fields: '%s' is an axis of the cube, or lies along one; choose "
                                     "another name",
                                     own->name);
        for (int i = 0; i < k; i++)
            if (strcmp(e->fields[i].name, own->name) == 0)
                return sheaf_yaml_refuse(own->node, error, "items.results.fields: '%s' is there twice", own->name);
    }
    return 0;
}

static int find_fields(struct earlier *e, const struct job *job, struct items *items, struct sheaf_error *error) {
    int n_fields;
    const struct reader_field *fields = sheaf_reader_fields(e->reader, &n_fields);
    const size_t most = (size_t)(job->items.n_fields > n_fields ? job->items.n_fields : n_fields);
    e->fields = sheaf_arena_take(&items->arena, (most + 1) * sizeof *e->fields);
    if (!e->fields)
        return sheaf_fail_memory(error, "the fields");
    for (int k = 0; k < job->items.n_fields; k++)
        if (take_named(e, &job->items.fields[k], items->name, &items->arena, error))
            return -1;
    for (int k = 0; job->items.n_fields == 0 && k < n_fields; k++)
        if ((!e->sweep || fields[k].axis < 0) && !sheaf_reader_is_trace(e->reader, k) &&
            add_wanted(e, fields[k].field.name, fields[k].field.name, job->items.node, &items->arena, error))
            return -1;
    return check_names(e, error);
}

/* --- what became of the items -------------------------------------------------------------------------------------- */

/* A later run would not look at them again. */
static int refuse_unfinished(const struct earlier *e, const struct job *job, const struct items *items,
                             struct sheaf_error *error) {
    char text[READER_LACKS_BYTES];
    const char *lacks;
    if (sheaf_reader_lacks(e->reader, false, &lacks, text, error))
        return -1;
    return lacks ? sheaf_yaml_refuse(job->items.node, error, "%s: %s; run its job to the end first", items->name, lacks)
                 : 0;
}

/* Its own status; the file is open in the reader too. */
static int look_at_items(struct earlier *e, const struct job *job, struct items *items, struct sheaf_error *error) {
    hid_t file = sheaf_h5_open_stage(items->name, e->stage);
    if (file < 0)
        return sheaf_h5_fail(error, items->name, "open the file");
    int rc = sheaf_missing_open_status(&e->undone, file, error);
    sheaf_h5_close(file);
    return rc ? rc : refuse_unfinished(e, job, items, error);
}

void sheaf_earlier_say(const struct earlier *e, const char *name, int64_t item, char *text, size_t most) {
    static const char *const what[] = {
        [ITEM_PENDING] = "is pending",  [ITEM_DONE] = "is done",    [ITEM_FAILED] = "failed",
        [ITEM_TIMED_OUT] = "timed out", [ITEM_CRASHED] = "crashed", [ITEM_SKIPPED] = "was skipped"};
    struct sheaf_error ignored;
    uint8_t status = ITEM_FAILED;
    if (sheaf_reader_status(e->reader, item, 1, &status, &ignored) || status > ITEM_SKIPPED)
        status = ITEM_FAILED;
    const char *why = sheaf_reader_message(e->reader, item);
    if (status == ITEM_SKIPPED && !why[0])
        why = sheaf_reader_condition(e->reader);
    snprintf(text, most, "item %" PRId64 " %s in %s%.100s%s%s", item, what[status], e->stage ? "stage " : "",
             e->stage ? e->stage : name, why[0] ? ": " : "", why);
    text[sheaf_text_valid(text, strlen(text))] = '\0';
}

/* --- opening ------------------------------------------------------------------------------------------------------- */

/* Inputs that it links to and that are not what they were. */
static int refuse_left_out(const struct earlier *e, const struct job *job, struct sheaf_error *error) {
    const char *why = sheaf_reader_left_out(e->reader);
    const size_t n = strcspn(why, "\n");
    static const char mark[] = "sheaf: ";
    if (n < sizeof mark || job->items.n_fields > 0)
        return 0;
    return sheaf_yaml_refuse(
        job->items.node, error,
        "items.results: %.*s; put it back, or take only other fields: {file: FILE, fields: [x, y]}",
        (int)(n - sizeof mark + 1), why + sizeof mark - 1);
}

/* A cube, or one axis of as many values as may be in memory: a sample may have very many. */
static bool has_axes(const struct earlier *e) {
    enum { ONE_AXIS_MOST = 1 << 20 };
    const int64_t n = sheaf_reader_n_items(e->reader);
    return sheaf_reader_is_sweep(e->reader) &&
           (sheaf_reader_extent(e->reader)->n_dims > 1 || (n > 0 && n <= ONE_AXIS_MOST));
}

/* What a run writes is not what it will be. */
static int refuse_live(const struct job *job, const struct items *items, struct sheaf_error *error) {
    struct lock_holder holder = {0};
    char *path = sheaf_path_follow(items->name), who[128] = "";
    const bool held = path && sheaf_lock_is_held(path, &holder);
    free(path);
    if (held && holder.pid)
        snprintf(who, sizeof who, " (process %ld on %s)", holder.pid, holder.host);
    return held ? sheaf_yaml_refuse(job->items.node, error, "%s: a run%s is writing it; wait until it has ended",
                                    items->name, who)
                : 0;
}

int sheaf_earlier_open(struct earlier *e, const struct job *job, struct items *items, struct sheaf_error *error) {
    struct sheaf_string address = {0};
    e->stage = job->items.stage ? job->items.stage : job->items.group;
    if (!job->items.stage && refuse_live(job, items, error)) /* of a stage the run is our own */
        return -1;
    sheaf_string_add(&address, "%s%s%s", items->name, e->stage ? ":/" : "", e->stage ? e->stage : "");
    const int rc =
        address.failed ? sheaf_fail_memory(error, items->name) : sheaf_reader_open(&e->reader, address.data, error);
    sheaf_string_free(&address);
    if (rc)
        return sheaf_yaml_prefix(job->items.node, error);
    items->n_items = sheaf_reader_n_items(e->reader);
    if (refuse_left_out(e, job, error) || (has_axes(e) && take_axes(e, items->name, &items->arena, error)) ||
        find_fields(e, job, items, error))
        return -1;
    sheaf_reader_rest(e->reader);
    return look_at_items(e, job, items, error);
}

void sheaf_earlier_close(struct earlier *e) {
    sheaf_missing_close(&e->undone);
    sheaf_reader_close(e->reader);
    *e = (struct earlier){0};
}
