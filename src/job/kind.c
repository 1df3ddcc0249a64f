#include "job/kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arrays.h"
#include "core/text.h"
#include "job/job.h"
#include "job/keys.h"
#include "job/outputs.h"

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof *(array)))

enum { MOST_BATCH = 1000000, MOST_RETRIES = 100, MOST_GPUS = 1024 };
static const int64_t usual_capture_bytes = 1 << 20, most_capture_bytes = INT64_C(1) << 30;

static int read_size(const struct yaml_node *node, const char *what, int64_t most, int64_t *n_bytes,
                     struct sheaf_error *error) {
    const char *text;
    if (!node)
        return 0;
    if (sheaf_yaml_text(node, what, &text, error))
        return -1;
    if (sheaf_text_to_bytes(text, n_bytes) || *n_bytes > most)
        return sheaf_yaml_refuse(node, error, "%s is '%s'; it should be a size, such as 500M or 4G", what, text);
    return 0;
}

bool sheaf_job_stays_inside(const char *path) {
    for (const char *part = path;; part++) {
        const size_t length = strcspn(part, "/");
        const bool last = part[length] == '\0';
        if ((length == 2 && strncmp(part, "..", 2) == 0) || (last && length == 1 && *part == '.'))
            return false;
        part += length;
        if (last)
            return *path && *path != '/';
    }
}

int sheaf_job_check_inside(const struct yaml_node *node, const char *what, const char *path,
                           struct sheaf_error *error) {
    if (sheaf_job_stays_inside(path))
        return 0;
    return sheaf_yaml_refuse(node, error, "%s is '%s'; it should be a path inside the item's own folder", what, path);
}

/* --- commands and workers ------------------------------------------------------------------------------------------ */

/* A text, where {mass} without quotes is a map of one key without a value. */
static int check_text(const struct yaml_node *node, const char *what, struct sheaf_error *error) {
    const struct yaml_node *only = node->kind == YAML_MAP && node->n == 1 ? node->value[0] : NULL;
    const char *text = only ? node->key[0]->text : NULL;
    if (only && only->kind == YAML_SCALAR && !only->quoted && !only->text[0])
        return sheaf_yaml_refuse(node, error, "%s is a map; a placeholder needs quotes in YAML: \"{%s}\"", what, text);
    return sheaf_yaml_text(node, what, &text, error);
}

/* ["echo {mass} | cat"]. The disk is not asked, as other ranks may have another: a path may have blanks where nothing
   behind them looks like arguments. */
static int check_script(const struct yaml_node *word, struct sheaf_error *error) {
    const char *text = word->text, *blank = strpbrk(text, " \t\n");
    if (!blank || (memchr(text, '/', (size_t)(blank - text)) && !strpbrk(blank, "{|<>;&") && !strstr(blank, " -")))
        return 0;
    return sheaf_yaml_refuse(word, error, "there is no program '%s'; one string without [ ] is a script", text);
}

/* One string, which a shell runs, or a list of words. */
static int check_words(const struct yaml_node *node, const char *what, struct sheaf_error *error) {
    if (node->kind != YAML_LIST)
        return check_text(node, what, error);
    if (node->n == 0)
        return sheaf_yaml_refuse(node, error, "%s should be a list of words, or one string for the shell", what);
    for (int i = 0; i < node->n; i++) /* all but the first may be empty */
        if ((i == 0 || node->value[i]->kind != YAML_SCALAR) && check_text(node->value[i], what, error))
            return -1;
    return node->n == 1 ? check_script(node->value[0], error) : 0;
}

/* Patterns of what is kept of each item's folder. */
static int check_keep(const struct job_program *program, const struct yaml_node *node, struct sheaf_error *error) {
    for (int i = 0; i < program->n_keep; i++)
        if (sheaf_job_check_inside(node->kind == YAML_LIST ? node->value[i] : node, "keep", program->keep[i], error))
            return -1;
    return 0;
}

static int read_workdir(struct job_program *program, const struct yaml_node *node, struct sheaf_error *error) {
    const char *text;
    bool needed = program->n_keep > 0;
    for (int i = 0; i < program->n_outputs; i++)
        needed = needed || program->outputs[i].file;
    program->workdir = needed ? JOB_WORKDIR_REMOVE : JOB_WORKDIR_NONE;
    if (!node)
        return 0;
    if (sheaf_yaml_text(node, "workdir", &text, error))
        return -1;
    program->workdir = strcmp(text, "keep") == 0 ? JOB_WORKDIR_KEEP : JOB_WORKDIR_REMOVE;
    if (program->workdir == JOB_WORKDIR_REMOVE && strcmp(text, "remove") != 0)
        return sheaf_yaml_refuse(node, error, "workdir is '%s'; it should be keep or remove", text);
    return 0;
}

/* A list of texts, or a single one. */
static int read_texts(struct job *job, const struct yaml_node *node, const char *what, int *n, const char ***texts,
                      struct sheaf_error *error) {
    if (!node)
        return 0;
    const bool list = node->kind == YAML_LIST;
    const int most = list ? node->n : 1;
    *texts = sheaf_arena_take(&job->document.arena, ((size_t)most + 1) * sizeof **texts);
    if (!*texts)
        return sheaf_fail_memory(error, "the job");
    for (*n = 0; *n < most; ++*n)
        if (sheaf_yaml_text(list ? node->value[*n] : node, what, &(*texts)[*n], error))
            return -1;
    return 0;
}

/* gpus: 2, or a list of devices. */
static int read_gpus(struct job *job, const struct yaml_node *node, struct sheaf_error *error) {
    struct job_program *program = &job->program;
    int64_t n;
    if (node && node->kind == YAML_LIST && (node->n < 1 || node->n > MOST_GPUS))
        return sheaf_yaml_refuse(node, error, "gpus has %d devices; it should be 1 to %d", node->n, MOST_GPUS);
    if (!node || node->kind == YAML_LIST)
        return read_texts(job, node, "gpus", &program->n_gpus, &program->gpus, error);
    if (sheaf_yaml_count(node, "gpus", &n, error))
        return -1;
    if (n < 1 || n > MOST_GPUS)
        return sheaf_yaml_refuse(node, error, "gpus is %lld; it should be 1 to %d, or a list of devices", (long long)n,
                                 MOST_GPUS);
    program->gpus = sheaf_arena_take(&job->document.arena, (size_t)n * sizeof *program->gpus);
    for (int i = 0; program->gpus && i < n; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", i);
        program->gpus[i] = sheaf_arena_text(&job->document.arena, number, strlen(number));
        if (!program->gpus[i])
            return sheaf_fail_memory(error, "the job");
    }
    program->n_gpus = (int)n;
    return program->gpus ? 0 : sheaf_fail_memory(error, "the job");
}

static int read_program(struct job *job, const struct yaml_node *root, struct sheaf_error *error) {
    struct job_program *program = &job->program;
    const struct yaml_node *batch = sheaf_yaml_get(root, "batch");
    program->capture_bytes = usual_capture_bytes;
    if (batch && sheaf_yaml_count(batch, "batch", &program->batch, error))
        return -1;
    if (batch && (program->batch < 1 || program->batch > MOST_BATCH))
        return sheaf_yaml_refuse(batch, error, "batch is %lld; it should be 1 to %d items a line",
                                 (long long)program->batch, MOST_BATCH);
    program->input = sheaf_yaml_get(root, "stdin");
    if (check_words(job->kernel, job->kind == JOB_COMMAND ? "command" : "worker", error) ||
        (program->input && check_text(program->input, "stdin", error)) ||
        sheaf_job_read_outputs(job, sheaf_yaml_get(root, "outputs"), error) ||
        read_texts(job, sheaf_yaml_get(root, "keep"), "keep", &program->n_keep, &program->keep, error) ||
        check_keep(program, sheaf_yaml_get(root, "keep"), error) ||
        read_workdir(program, sheaf_yaml_get(root, "workdir"), error) ||
        read_size(sheaf_yaml_get(root, "memory"), "memory", INT64_MAX, &program->memory_bytes, error) ||
        read_size(sheaf_yaml_get(root, "capture"), "capture", most_capture_bytes, &program->capture_bytes, error))
        return -1;
    return read_gpus(job, sheaf_yaml_get(root, "gpus"), error);
}

/* --- limits -------------------------------------------------------------------------------------------------------- */

/* never, {failed: 5} or {failed: 10%}. */
static int read_halt(struct job_limits *limits, const struct yaml_node *node, struct sheaf_error *error) {
    const char *text;
    double share;
    limits->halt_said = node != NULL;
    if (!node || (node->kind == YAML_SCALAR && strcmp(node->text, "never") == 0))
        return 0;
    if (node->kind != YAML_MAP || node->n != 1)
        return sheaf_yaml_refuse(node, error, "halt should be never, {failed: 5} or {failed: 10%%}");
    if (sheaf_job_keys_check(node, "halt", "halt", 0, error) ||
        sheaf_yaml_text(node->value[0], "halt.failed", &text, error))
        return -1;
    size_t length = strlen(text);
    if (length > 1 && text[length - 1] == '%') {
        if (sheaf_text_to_double(text, length - 1, &share) || !(share > 0 && share <= 100))
            return sheaf_yaml_refuse(node->value[0], error,
                                     "halt.failed is '%s'; it should be above 0%% and up to 100%%", text);
        limits->halt_share = share / 100;
        return 0;
    }
    if (sheaf_text_to_int64(text, length, &limits->halt_failed) || limits->halt_failed < 1)
        return sheaf_yaml_refuse(node->value[0], error,
                                 "halt.failed is '%s'; it should be a number of items, or a percentage such as 10%%",
                                 text);
    return 0;
}

static int read_limits(struct job *job, const struct yaml_node *root, struct sheaf_error *error) {
    struct job_limits *limits = &job->limits;
    const struct yaml_node *retries = sheaf_yaml_get(root, "retries"), *timeout = sheaf_yaml_get(root, "timeout");
    const char *text;
    if (retries && sheaf_yaml_count(retries, "retries", &limits->retries, error))
        return -1;
    if (limits->retries > MOST_RETRIES)
        return sheaf_yaml_refuse(retries, error, "retries is %lld; it should be 0 to %d", (long long)limits->retries,
                                 MOST_RETRIES);
    if (sheaf_yaml_bool(sheaf_yaml_get(root, "isolate"), "isolate", &limits->isolate, error) ||
        read_halt(limits, sheaf_yaml_get(root, "halt"), error))
        return -1;
    if (!timeout)
        return 0;
    if (sheaf_yaml_text(timeout, "timeout", &text, error))
        return -1;
    if (sheaf_text_to_seconds(text, &limits->timeout_s))
        return sheaf_yaml_refuse(timeout, error, "timeout is '%s'; it should be a time, such as 90s, 30m or 2h", text);
    if (job->kind == JOB_EXPRESSION || (job->kind == JOB_KERNEL && !limits->isolate))
        return sheaf_yaml_refuse(timeout, error, "timeout: a kernel inside the program cannot be stopped; %s",
                                 job->kind == JOB_KERNEL ? "isolate: true runs it in a process of its own"
                                                         : "it goes with a command, a worker or isolate: true");
    return 0;
}

/* --- the kind ------------------------------------------------------------------------------------------------------ */

const char *const sheaf_job_kind_names[JOB_KINDS] = {
    [JOB_KERNEL] = "kernel", [JOB_EXPRESSION] = "expression", [JOB_COMMAND] = "command", [JOB_WORKER] = "worker"};

static int find_kind(struct job *job, const struct yaml_node *root, struct sheaf_error *error) {
    int n = 0;
    for (int i = 0; i < JOB_KINDS; i++) {
        const struct yaml_node *node = sheaf_yaml_get(root, sheaf_job_kind_names[i]);
        if (!node)
            continue;
        if (n++ > 0)
            return sheaf_yaml_refuse(node, error,
                                     "a job has one of kernel, expression, command and worker; this one has '%s' too",
                                     sheaf_job_kind_names[i]);
        job->kind = (enum job_kind)i;
        job->kernel = node;
    }
    if (n == 0)
        return sheaf_yaml_refuse(root, error,
                                 "'kernel' is missing; add kernel: NAME ('sheaf kernels' lists them) or "
                                 "kernel: ./my.so:NAME, or one of expression, command and worker");
    for (int k = 0; k < root->n; k++) {
        const struct job_key *key = sheaf_job_key_find("", root->key[k]->text);
        if (key && key->kinds && !(key->kinds & 1u << job->kind))
            return sheaf_yaml_refuse(root->value[k], error, "'%s' does not go with '%s'", key->name,
                                     sheaf_job_kind_names[job->kind]);
    }
    return 0;
}

/* FILE:/DATASET or FILE:COLUMN */
static int read_within(struct job *job, struct job_shared *shared, const struct yaml_node *node, const char *what,
                       struct sheaf_error *error) {
    size_t n_file;
    if (sheaf_job_split(node, what, shared->source == SHARED_HDF5, &n_file, &shared->dataset, error))
        return -1;
    char *file = sheaf_arena_text(&job->document.arena, node->text, n_file);
    shared->file = file ? sheaf_job_path(job, node, file) : NULL;
    return shared->file ? 0 : sheaf_fail_memory(error, "the job");
}

static int read_number(struct job_shared *shared, const char *what, struct sheaf_error *error) {
    const struct yaml_node *node = shared->node;
    const size_t length = strlen(node->text);
    if (node->quoted || sheaf_text_to_double(node->text, length, &shared->value))
        return sheaf_yaml_refuse(node, error,
                                 "%s is '%s'; it should be a number, or {hdf5: FILE:/DATASET}, {csv: FILE:COLUMN} or "
                                 "{npy: FILE}",
                                 what, node->text);
    shared->is_whole = sheaf_text_to_int64(node->text, length, &shared->whole) == 0;
    return 0;
}

/* STAGE.FIELD: a dataset of the results file that this job writes. */
static int read_of_stage(struct job *job, struct job_shared *shared, const struct yaml_node *node, const char *what,
                         struct sheaf_error *error) {
    const char *text, *dot;
    if (!job->stage)
        return sheaf_yaml_refuse(node, error, "%s.stage is for jobs with stages", what);
    if (sheaf_yaml_text(node, what, &text, error))
        return -1;
    dot = strchr(text, '.');
    if (!dot || dot == text || !dot[1] || strchr(text, '/'))
        return sheaf_yaml_refuse(node, error, "%s is '%s'; it should be STAGE.NAME, a field or a reduction of a stage",
                                 what, text);
    char *path = sheaf_arena_take(&job->document.arena, strlen(text) + 2);
    shared->stage = sheaf_arena_text(&job->document.arena, text, (size_t)(dot - text));
    if (!path || !shared->stage)
        return sheaf_fail_memory(error, "the job");
    snprintf(path, strlen(text) + 2, "/%s/%s", shared->stage, dot + 1);
    shared->source = SHARED_HDF5;
    shared->file = job->output;
    shared->dataset = path;
    return 0;
}

static int read_one_shared(struct job *job, struct job_shared *shared, struct sheaf_error *error) {
    static const char *const sources[] = {NULL, "hdf5", "csv", "npy"}; /* as in enum shared_source */
    const struct yaml_node *node = NULL;
    const char *text;
    char what[300];
    int n = 0;
    snprintf(what, sizeof what, "shared.%.200s", shared->name);
    if (strchr(shared->name, '/') || shared->name[0] == '.' || strlen(shared->name) > 200)
        return sheaf_yaml_refuse(shared->node, error, "%s: a name has no '/', no '.' in front and at most 200 bytes",
                                 what);
    if (shared->node->kind == YAML_SCALAR)
        return read_number(shared, what, error);
    if (sheaf_yaml_map(shared->node, what, error) || sheaf_job_keys_check(shared->node, what, "shared.*", 0, error))
        return -1;
    const struct yaml_node *stage = sheaf_yaml_get(shared->node, "stage");
    if (stage && shared->node->n == 1)
        return read_of_stage(job, shared, stage, what, error);
    for (int k = SHARED_HDF5; k <= SHARED_NPY; k++) {
        const struct yaml_node *value = sheaf_yaml_get(shared->node, sources[k]);
        node = value ? value : node;
        shared->source = value ? (enum shared_source)k : shared->source;
        n += value != NULL;
    }
    if (n != 1 || stage)
        return sheaf_yaml_refuse(
            shared->node, error,
            "%s has %d sources; it takes exactly one of {hdf5: FILE:/DATASET}, {csv: FILE:COLUMN}, "
            "{npy: FILE} and {stage: STAGE.NAME}",
            what, n + (stage != NULL));
    if (shared->source != SHARED_NPY)
        return read_within(job, shared, node, what, error);
    if (sheaf_yaml_text(node, what, &text, error))
        return -1;
    shared->file = sheaf_job_path(job, node, text);
    return shared->file ? 0 : sheaf_fail_memory(error, "the job");
}

static int read_shared(struct job *job, const struct yaml_node *map, struct sheaf_error *error) {
    if (!map)
        return 0;
    if (sheaf_yaml_map(map, "shared", error))
        return -1;
    if (map->n > ARRAYS_MOST)
        return sheaf_yaml_refuse(map, error, "shared has %d entries; at most %d are possible", map->n, ARRAYS_MOST);
    job->shared = sheaf_arena_take(&job->document.arena, ((size_t)map->n + 1) * sizeof *job->shared);
    if (!job->shared)
        return sheaf_fail_memory(error, "the job");
    for (; job->n_shared < map->n; job->n_shared++) {
        struct job_shared *shared = &job->shared[job->n_shared];
        *shared = (struct job_shared){.name = map->key[job->n_shared]->text, .node = map->value[job->n_shared]};
        if (strcmp(shared->name, "item") == 0)
            return sheaf_yaml_refuse(shared->node, error, "shared.item: 'item' is the index of an item; rename it");
        for (int k = 0; k < job->n_params; k++)
            if (strcmp(job->params[k].name, shared->name) == 0)
                return sheaf_yaml_refuse(shared->node, error, "'%s' is in params and in shared; rename one",
                                         shared->name);
        if (read_one_shared(job, shared, error))
            return -1;
    }
    return 0;
}

static int read_expression(struct job *job, const struct yaml_node *root, struct sheaf_error *error) {
    const char *text;
    job->compiler = NULL;
    job->functions = sheaf_yaml_get(root, "functions");
    const struct yaml_node *compiler = sheaf_yaml_get(root, "compiler");
    if (sheaf_yaml_map(job->kernel, "expression", error) ||
        (job->functions && sheaf_yaml_map(job->functions, "functions", error)) ||
        (compiler && sheaf_yaml_text(compiler, "compiler", &job->compiler, error)) ||
        sheaf_yaml_bool(sheaf_yaml_get(root, "fast_math"), "fast_math", &job->fast_math, error))
        return -1;
    if (job->kernel->n == 0)
        return sheaf_yaml_refuse(job->kernel, error, "expression is empty; it should be {y: x*x + 1}");
    for (int i = 0; i < job->kernel->n; i++) {
        const struct yaml_node *key = job->kernel->key[i], *node = job->kernel->value[i];
        char what[160];
        snprintf(what, sizeof what, "expression.%.100s", key->text);
        const bool empty = node->kind == YAML_SCALAR && !node->text[0];
        if (empty && sheaf_yaml_refuse_glued(key, error))
            return -1;
        if (empty)
            return sheaf_yaml_refuse(key, error,
                                     "%s has no formula; one that begins with ! needs quotes, and within {…} so does "
                                     "one with commas",
                                     what);
        if (sheaf_yaml_text(node, what, &text, error))
            return -1;
    }
    return 0;
}

int sheaf_job_read_kind(struct job *job, const struct yaml_node *root, struct sheaf_error *error) {
    const char *text;
    if (find_kind(job, root, error) || read_limits(job, root, error) ||
        read_shared(job, sheaf_yaml_get(root, "shared"), error))
        return -1;
    switch (job->kind) {
    case JOB_EXPRESSION:
        return read_expression(job, root, error);
    case JOB_COMMAND:
    case JOB_WORKER:
        return read_program(job, root, error);
    case JOB_KERNEL:
        break;
    }
    return sheaf_yaml_text(job->kernel, "kernel", &text, error);
}
