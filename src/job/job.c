#include "job/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "core/text.h"
#include "job/keys.h"
#include "job/stages.h"

static const int64_t most_count = 1000000000000000; /* offsets in the results file must fit 63 bits */

static const double usual_checkpoint_s = 60;

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof *(array)))

/* Moves a malloc'ed text into the job's arena. */
static const char *keep(struct job *job, char *text, struct sheaf_error *error) {
    const char *kept = text ? sheaf_arena_text(&job->document.arena, text, strlen(text)) : NULL;
    free(text);
    if (!kept)
        sheaf_fail_memory(error, "the job");
    return kept;
}

static int read_pairs(struct job *job, const struct yaml_node *map, int *n, struct job_pair **pairs,
                      struct sheaf_error *error) {
    *pairs = sheaf_arena_take(&job->document.arena, (size_t)map->n * sizeof **pairs);
    if (!*pairs)
        return sheaf_fail_memory(error, "the job");
    for (*n = 0; *n < map->n; ++*n)
        (*pairs)[*n] = (struct job_pair){map->key[*n]->text, map->value[*n]};
    return 0;
}

static int read_path(struct job *job, const struct yaml_node *node, const char *what, struct sheaf_error *error) {
    const char *path;
    if (sheaf_yaml_text(node, what, &path, error))
        return -1;
    job->items.path = sheaf_job_path(job, node, path);
    return job->items.path ? 0 : sheaf_fail_memory(error, "the job");
}

static int read_hdf5(struct job *job, const struct yaml_node *node, struct sheaf_error *error) {
    const char *dataset;
    if (sheaf_yaml_map(node, "items.hdf5", error) || sheaf_job_keys_check(node, "items.hdf5", "items.hdf5", 0, error))
        return -1;
    const struct yaml_node *file = sheaf_yaml_get(node, "file"), *fields = sheaf_yaml_get(node, "fields");
    if (!file || !fields)
        return sheaf_yaml_refuse(node, error, "items.hdf5 needs 'file' and 'fields': {file: F, fields: {x: /x}}");
    if (read_path(job, file, "items.hdf5.file", error) || sheaf_yaml_map(fields, "items.hdf5.fields", error) ||
        read_pairs(job, fields, &job->items.n_fields, &job->items.fields, error))
        return -1;
    if (fields->n == 0)
        return sheaf_yaml_refuse(fields, error, "items.hdf5.fields is empty; name at least one: {x: /x}");
    for (int i = 0; i < fields->n; i++)
        if (sheaf_yaml_text(fields->value[i], fields->key[i]->text, &dataset, error))
            return -1;
    return 0;
}

/* fields: [x, y], which keep their names */
static int read_names(struct job *job, const struct yaml_node *list, struct sheaf_error *error) {
    job->items.fields = sheaf_arena_take(&job->document.arena, (size_t)list->n * sizeof *job->items.fields);
    if (!job->items.fields)
        return sheaf_fail_memory(error, "the job");
    for (int i = 0; i < list->n; i++) {
        const char *name;
        if (sheaf_yaml_text(list->value[i], "items.results.fields", &name, error))
            return -1;
        job->items.fields[job->items.n_fields++] = (struct job_pair){name, list->value[i]};
    }
    return 0;
}

/* FILE:/STAGE */
static int split_stage(struct job *job, struct sheaf_error *error) {
    const char *path = job->items.path, *colon = NULL;
    for (const char *at = path; (at = strstr(at, ":/")) != NULL; at++)
        colon = at;
    if (!colon || !colon[2] || strchr(colon + 2, '/') || access(path, F_OK) == 0)
        return 0;
    job->items.group = colon + 2;
    job->items.path = sheaf_arena_text(&job->document.arena, path, (size_t)(colon - path));
    return job->items.path ? 0 : sheaf_fail_memory(error, "the job");
}

/* The file of the items, or the stage whose results are. */
static int read_results_of(struct job *job, const struct yaml_node *node, bool is_stage, struct sheaf_error *error) {
    if (!is_stage)
        return read_path(job, node, "items.results", error) || split_stage(job, error) ? -1 : 0;
    job->items.path = job->output;
    return sheaf_yaml_text(node, "items.stage", &job->items.stage, error);
}

/* results: FILE, or {file: FILE, fields: …}; stage: NAME, or {name: NAME, fields: …} */
static int read_results(struct job *job, const struct yaml_node *node, bool is_stage, struct sheaf_error *error) {
    const char *what = is_stage ? "items.stage" : "items.results", *key = is_stage ? "name" : "file", *name;
    if (is_stage && !job->stage)
        return sheaf_yaml_refuse(node, error,
                                 "items.stage is for jobs with stages; of a results file it is items: {results: FILE}");
    if (node->kind == YAML_SCALAR)
        return read_results_of(job, node, is_stage, error);
    if (sheaf_yaml_map(node, what, error) || sheaf_job_keys_check(node, what, what, 0, error))
        return -1;
    const struct yaml_node *file = sheaf_yaml_get(node, key), *fields = sheaf_yaml_get(node, "fields");
    if (!file)
        return sheaf_yaml_refuse(node, error, "%s needs '%s': {%s: %s, fields: [x, y]}", what, key, key,
                                 is_stage ? "STAGE" : "earlier.h5");
    if (read_results_of(job, file, is_stage, error))
        return -1;
    if (fields && fields->n == 0)
        return sheaf_yaml_refuse(fields, error,
                                 "%s.fields should be names, [x, y], or new names, {x0: x}; without it all "
                                 "fields are taken",
                                 what);
    if (fields && fields->kind == YAML_LIST)
        return read_names(job, fields, error);
    if (fields && read_pairs(job, fields, &job->items.n_fields, &job->items.fields, error))
        return -1;
    for (int i = 0; fields && i < fields->n; i++)
        if (sheaf_yaml_text(fields->value[i], fields->key[i]->text, &name, error))
            return -1;
    return 0;
}

/* items: m.csv */
static int refuse_text(const struct yaml_node *node, struct sheaf_error *error) {
    const char *dot = strrchr(node->text, '.');
    int64_t count;
    if (sheaf_yaml_refuse_glued(node, error))
        return -1;
    if (sheaf_text_to_int64(node->text, strlen(node->text), &count) == 0)
        return sheaf_yaml_refuse(node, error, "items is '%s'; it should be a map, items: {count: %s}", node->text,
                                 node->text);
    if (dot && (strcmp(dot, ".h5") == 0 || strcmp(dot, ".hdf5") == 0))
        return sheaf_yaml_refuse(node, error,
                                 "items is '%s'; it should be a map, items: {results: %s} of a results file, and of "
                                 "others items: {hdf5: {file: %s, fields: {x: /x}}}",
                                 node->text, node->text, node->text);
    return sheaf_yaml_refuse(node, error, "items is '%s'; it should be a map, items: {%s: %s}", node->text,
                             dot && strcmp(dot, ".txt") == 0     ? "lines"
                             : dot && strcmp(dot, ".jsonl") == 0 ? "jsonl"
                                                                 : "csv",
                             node->text);
}

/* "grid|zip": whether the map has one of these keys. */
static bool has_one_of(const struct yaml_node *map, const char *names) {
    int n;
    for (const char *name; (name = sheaf_job_key_word(&names, &n)) != NULL;)
        for (int i = 0; i < map->n; i++)
            if (strlen(map->key[i]->text) == (size_t)n && strncmp(map->key[i]->text, name, (size_t)n) == 0)
                return true;
    return false;
}

/* "items.repeat goes with grid, zip or rows". NULL. */
static const struct yaml_node *refuse_alone(const struct yaml_node *node, const struct job_key *key,
                                            struct sheaf_error *error) {
    struct sheaf_string names = {0};
    int n = 0, next = 0;
    const char *at = key->needs, *name = sheaf_job_key_word(&at, &n);
    for (const char *then; name; name = then, n = next) {
        then = sheaf_job_key_word(&at, &next);
        sheaf_string_add(&names, "%s%.*s", names.length == 0 ? "" : then ? ", " : " or ", n, name);
    }
    sheaf_yaml_refuse(node, error, "items.%s goes with %s", key->name, names.failed ? "another key" : names.data);
    sheaf_string_free(&names);
    return NULL;
}

/* The one source of the items: the value of its key. NULL after an error. */
static const struct yaml_node *find_source(struct job *job, const struct yaml_node *node, struct sheaf_error *error) {
    /* as in enum job_source; a stage is one of results */
    static const char *const sources[] = {"csv",  "lines", "count", "hdf5",   "results", "jsonl",
                                          "grid", "zip",   "rows",  "sample", "files",   "stage"};
    const struct yaml_node *source = NULL;
    int n = 0;
    if (sheaf_yaml_map(node, "items", error))
        return NULL;
    const struct yaml_node *file = sheaf_yaml_get(node, "hdf5"); /* a slip: its fields then stand beside it */
    if (file && file->kind == YAML_SCALAR && file->text[0]) {
        sheaf_yaml_refuse(file, error,
                          "items.hdf5 is '%s'; it should be a map, items: {hdf5: {file: %s, fields: {x: /x}}}",
                          file->text, file->text);
        return NULL;
    }
    if (sheaf_job_keys_check(node, "items", "items", 0, error))
        return NULL;
    for (int i = 0; i < COUNT_OF(sources); i++) {
        const struct yaml_node *value = sheaf_yaml_get(node, sources[i]);
        if (!value)
            continue;
        job->items.kind = i < COUNT_OF(sources) - 1 ? (enum job_source)i : JOB_RESULTS;
        source = value;
        n++;
    }
    if (n != 1) {
        sheaf_yaml_refuse(
            node, error,
            "items has %d sources; it takes exactly one of csv, lines, count, hdf5, results, jsonl, grid, zip, rows, "
            "sample, files, stage",
            n);
        return NULL;
    }
    for (int i = 0; i < node->n; i++) {
        const struct job_key *key = sheaf_job_key_find("items", node->key[i]->text);
        if (key && key->needs && !has_one_of(node, key->needs)) {
            return refuse_alone(node->value[i], key, error);
        }
    }
    return source;
}

static int read_items(struct job *job, const struct yaml_node *node, struct sheaf_error *error) {
    if (!node)
        return sheaf_yaml_refuse(job->document.root, error,
                                 "'items' is missing; add one of items: {csv: FILE}, {lines: FILE}, {count: N}, "
                                 "{hdf5: {file: FILE, fields: {x: /x}}}, {grid: {x: [1, 2], y: [3, 4]}}");
    job->items.node = node;
    if (node->kind == YAML_SCALAR && node->text[0])
        return refuse_text(node, error);
    const struct yaml_node *source = find_source(job, node, error);
    if (!source)
        return -1;
    job->items.path = "items";
    switch (job->items.kind) {
    case JOB_CSV:
    case JOB_JSONL:
        return read_path(job, source, job->items.kind == JOB_CSV ? "items.csv" : "items.jsonl", error) ||
                       sheaf_job_read_table(&job->items.table, node, &job->document.arena, error)
                   ? -1
                   : 0;
    case JOB_LINES:
        return read_path(job, source, "items.lines", error);
    case JOB_COUNT:
        if (sheaf_yaml_count(source, "items.count", &job->items.count, error))
            return -1;
        return job->items.count > most_count ? sheaf_yaml_refuse(source, error, "items.count is beyond 10^15") : 0;
    case JOB_HDF5:
        return read_hdf5(job, source, error);
    case JOB_RESULTS:
        return read_results(job, source, sheaf_yaml_get(node, "stage") == source, error);
    case JOB_FILES: /* job/files.h */
        return sheaf_job_read_table(&job->items.table, node, &job->document.arena, error);
    case JOB_GRID: /* job/grid.h */
    case JOB_ZIP:
    case JOB_ROWS:
    case JOB_SAMPLE: /* job/sample.h */
        return 0;
    }
    return -1;
}

static int read_params(struct job *job, const struct yaml_node *node, struct sheaf_error *error) {
    if (!node)
        return 0;
    if (sheaf_yaml_map(node, "params", error) || read_pairs(job, node, &job->n_params, &job->params, error))
        return -1;
    for (int i = 0; i < node->n; i++)
        if (node->value[i]->kind != YAML_SCALAR)
            return sheaf_yaml_refuse(node->value[i], error, "params.%s should be a single value", node->key[i]->text);
    return 0;
}

static int read_seed(struct job *job, const struct yaml_node *node, struct sheaf_error *error) {
    job->seed = 1;
    job->has_seed = node != NULL;
    return node ? sheaf_yaml_count(node, "seed", &job->seed, error) : 0;
}

/* cost: FIELD, or {from: FILE} */
static int read_cost(struct job *job, const struct yaml_node *cost, struct sheaf_error *error) {
    const char *text;
    if (!cost || cost->kind == YAML_SCALAR)
        return cost ? sheaf_yaml_text(cost, "schedule.cost", &text, error) : 0;
    if (sheaf_yaml_map(cost, "schedule.cost", error) ||
        sheaf_job_keys_check(cost, "schedule.cost", "schedule.cost", 0, error))
        return -1;
    if (cost->n != 1)
        return sheaf_yaml_refuse(cost, error, "schedule.cost is empty; it should be a field, or {from: earlier.h5}");
    if (sheaf_yaml_text(cost->value[0], "schedule.cost.from", &text, error))
        return -1;
    job->cost_file = sheaf_job_path(job, cost->value[0], text);
    return job->cost_file ? 0 : sheaf_fail_memory(error, "the job");
}

static int read_schedule(struct job *job, const struct yaml_node *node, struct sheaf_error *error) {
    static const char *const policies[] = {"auto", "static", "weighted", "dynamic"}; /* as in enum job_policy */
    int policy;
    if (!node)
        return 0;
    if (sheaf_yaml_map(node, "schedule", error) || sheaf_job_keys_check(node, "schedule", "schedule", 0, error) ||
        sheaf_yaml_word(sheaf_yaml_get(node, "policy"), "schedule.policy", policies, COUNT_OF(policies), &policy,
                        error))
        return -1;
    job->policy = (enum job_policy)policy;
    job->cost = sheaf_yaml_get(node, "cost");
    if (job->policy == JOB_WEIGHTED && !job->cost)
        return sheaf_yaml_refuse(node, error,
                                 "schedule.policy weighted needs to know what an item costs; add cost: FIELD, or "
                                 "cost: {from: earlier.h5}");
    if ((job->policy == JOB_STATIC || job->policy == JOB_DYNAMIC) && job->cost)
        return sheaf_yaml_refuse(job->cost, error, "schedule.cost goes with policy: weighted or auto");
    return read_cost(job, job->cost, error);
}

static int read_transport(struct job *job, const struct yaml_node *node, const struct yaml_node *checkpoint,
                          struct sheaf_error *error) {
    static const char *const transports[] = {"auto", "gather", "direct"}; /* as in enum job_transport */
    const char *text;
    int transport;
    if (sheaf_yaml_word(node, "transport", transports, COUNT_OF(transports), &transport, error))
        return -1;
    job->transport = (enum job_transport)transport;
    job->checkpoint_s = usual_checkpoint_s;
    if (!checkpoint)
        return 0;
    if (sheaf_yaml_text(checkpoint, "checkpoint", &text, error))
        return -1;
    if (strcmp(text, "never") == 0)
        job->checkpoint_s = 0;
    else if (sheaf_text_to_seconds(text, &job->checkpoint_s) || job->checkpoint_s <= 0)
        return sheaf_yaml_refuse(checkpoint, error,
                                 "checkpoint is '%s'; it should be a time, such as 60s or 5m, or "
                                 "never",
                                 text);
    return 0;
}

/* inputs: copy or link. Only datasets can be linked. */
static int read_inputs(struct job *job, const struct yaml_node *node, struct sheaf_error *error) {
    static const char *const ways[] = {"auto", "copy", "link"}; /* as in enum job_inputs */
    int way;
    if (sheaf_yaml_word(node, "inputs", ways, COUNT_OF(ways), &way, error))
        return -1;
    job->inputs = (enum job_inputs)way;
    if (job->inputs == JOB_INPUTS_LINK && job->items.stage)
        return sheaf_yaml_refuse(
            node, error, "inputs: link does not go with items: {stage: …}, which are in the results file itself");
    /* readers of netCDF do not follow links to datasets that have dimensions of another file */
    if (job->inputs == JOB_INPUTS_AUTO && job->items.kind == JOB_RESULTS)
        job->inputs = JOB_INPUTS_COPY;
    if (job->inputs == JOB_INPUTS_LINK && !sheaf_job_has_datasets(job))
        return sheaf_yaml_refuse(node, error,
                                 "inputs: link goes with items: {hdf5: …} and {results: …}; all others are copied");
    return 0;
}

/* reuse: a results file, or a list of them. */
static int read_reuse(struct job *job, const struct yaml_node *node, struct sheaf_error *error) {
    if (!node)
        return 0;
    if (job->stage)
        return sheaf_yaml_refuse(node, error, "reuse is for jobs without stages");
    const bool list = node->kind == YAML_LIST;
    const int n = list ? node->n : 1;
    job->reuse = sheaf_arena_take(&job->document.arena, ((size_t)n + 1) * sizeof *job->reuse);
    if (!job->reuse)
        return sheaf_fail_memory(error, "the job");
    for (; job->n_reuse < n; job->n_reuse++) {
        const struct yaml_node *one = list ? node->value[job->n_reuse] : node;
        const char *path;
        if (sheaf_yaml_text(one, "reuse", &path, error))
            return -1;
        job->reuse[job->n_reuse] = (struct job_reuse){sheaf_job_path(job, one, path), one};
        if (!job->reuse[job->n_reuse].path)
            return sheaf_fail_memory(error, "the job");
    }
    return 0;
}

/* The job's name and output: as written, else from the file's name. */
static int read_name(struct job *job, const struct yaml_node *root, struct sheaf_error *error) {
    const struct yaml_node *name = sheaf_yaml_get(root, "name"), *output = sheaf_yaml_get(root, "output");
    if (name) {
        if (sheaf_yaml_text(name, "name", &job->name, error))
            return -1;
        if (strchr(job->name, '/') || job->name[0] == '.')
            return sheaf_yaml_refuse(name, error, "name is '%s'; it should be a word that can name a file", job->name);
    } else {
        const char *slash = strrchr(job->file, '/'), *base = slash ? slash + 1 : job->file;
        size_t length = strcspn(base, ".");
        job->name = keep(job, strndup(length ? base : "job", length ? length : 3), error);
        if (!job->name)
            return -1;
    }
    if (output && output->kind != YAML_SCALAR)
        return sheaf_yaml_refuse(output, error,
                                 "output is a %s; it should be one text, the results file; did you mean 'outputs'?",
                                 output->kind == YAML_MAP ? "map" : "list");
    if (output)
        return sheaf_yaml_text(output, "output", &job->output, error);
    job->output = keep(job, sheaf_path_with(job->name, ".h5"), error);
    return job->output ? 0 : -1;
}

/* What a stage does not say itself the job may say for all. */
static const struct yaml_node *find_key(const struct yaml_node *root, const struct yaml_node *top, const char *key) {
    const struct yaml_node *own = sheaf_yaml_get(root, key);
    return own || !top ? own : sheaf_yaml_get(top, key);
}

/* top: of a stage the job that it stands in, else NULL. */
static int read_job(struct job *job, const struct yaml_node *top, struct sheaf_error *error) {
    const struct yaml_node *root = job->document.root;
    if (sheaf_job_keys_check(root, job->stage, "", 0, error) || read_items(job, sheaf_yaml_get(root, "items"), error) ||
        read_params(job, sheaf_yaml_get(root, "params"), error) ||
        read_reuse(job, sheaf_yaml_get(root, "reuse"), error) ||
        sheaf_job_read_reductions(sheaf_yaml_get(root, "reduce"), &job->document.arena, &job->reductions,
                                  &job->n_reductions, error) ||
        read_schedule(job, sheaf_yaml_get(root, "schedule"), error) ||
        read_transport(job, find_key(root, top, "transport"), find_key(root, top, "checkpoint"), error) ||
        read_inputs(job, sheaf_yaml_get(root, "inputs"), error) || read_seed(job, find_key(root, top, "seed"), error))
        return -1;
    return sheaf_job_read_kind(job, root, error);
}

int sheaf_job_refuse_param(const struct job *job, int param, const char *why, struct sheaf_error *error) {
    const char **others = malloc(((size_t)job->n_params + 1) * sizeof *others);
    char hint[256];
    if (!others)
        return sheaf_fail_memory(error, "the params");
    for (int i = 0; i < job->n_params; i++)
        others[i] = i == param ? NULL : job->params[i].name;
    sheaf_text_suggest(job->params[param].name, others, job->n_params, false, hint, sizeof hint);
    free(others);
    return sheaf_yaml_refuse(job->params[param].node, error, "params.%s: %s%s", job->params[param].name, why, hint);
}

/* --set model.params.x=1 is for the stage 'model'. */
static int apply_override(struct job *job, const struct job_override *override, struct sheaf_error *error) {
    struct yaml_node *root = job->document.root;
    const struct yaml_node *stages = sheaf_yaml_get(root, "stages");
    const char *path = override->path;
    const size_t n = strcspn(path, ".");
    char origin[128];
    snprintf(origin, sizeof origin, "--set %.*s", (int)sheaf_text_valid(path, strnlen(path, 100)), path);
    for (int k = 0; stages && stages->kind == YAML_LIST && path[n] && k < stages->n; k++) {
        const struct yaml_node *name =
            stages->value[k]->kind == YAML_MAP ? sheaf_yaml_get(stages->value[k], "name") : NULL;
        if (!name || name->kind != YAML_SCALAR || strlen(name->text) != n || strncmp(name->text, path, n) != 0)
            continue;
        job->document.root = stages->value[k];
        const int rc = sheaf_yaml_set(&job->document, path + n + 1, override->value, origin, error);
        job->document.root = root;
        return rc;
    }
    return sheaf_yaml_set(&job->document, path, override->value, origin, error);
}

/* The tree of the text, with what the command line changes. */
static int read_tree(struct job *job, const struct job_source_text *from, struct sheaf_error *error) {
    *job = (struct job){0};
    if (sheaf_yaml_parse(&job->document, from->file, from->text, from->length, error))
        return -1;
    job->file = sheaf_arena_text(&job->document.arena, from->file, strlen(from->file));
    job->folder = keep(job, sheaf_path_folder(from->file), error);
    if (!job->file || !job->folder)
        return sheaf_fail_memory(error, from->file);
    if (sheaf_yaml_map(job->document.root, "a job", error))
        return -1;
    for (int i = 0; i < from->n_overrides; i++)
        if (apply_override(job, &from->overrides[i], error))
            return -1;
    return 0;
}

int sheaf_job_parse_stage(struct job *stage, const struct job *whole, int k, const struct job_source_text *from,
                          struct sheaf_error *error) {
    if (read_tree(stage, from, error))
        return -1;
    const struct yaml_node *top = stage->document.root;
    stage->document.root = sheaf_yaml_get(top, "stages")->value[k];
    stage->stage = sheaf_yaml_get(stage->document.root, "name")->text;
    stage->name = stage->stage;
    stage->output = whole->output;
    return read_job(stage, top, error);
}

int sheaf_job_parse(struct job *job, const char *file, const char *text, size_t length,
                    const struct job_override *overrides, int n_overrides, struct sheaf_error *error) {
    const struct job_source_text from = {file, text, length, overrides, n_overrides};
    if (read_tree(job, &from, error))
        return -1;
    const struct yaml_node *root = job->document.root, *stages = sheaf_yaml_get(root, "stages");
    if (read_name(job, root, error))
        return -1;
    return stages ? sheaf_job_read_stages(job, stages, &from, error) : read_job(job, NULL, error);
}

void sheaf_job_free(struct job *job) {
    for (int k = 0; job && k < job->n_stages; k++)
        sheaf_yaml_free(&job->stages[k].document);
    if (job)
        sheaf_yaml_free(&job->document);
}
