#include "kernel/binding.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/hash.h"
#include "core/type.h"
#include "job/items.h"
#include "kernel/command/command.h"
#include "kernel/expression/expression.h"
#include "kernel/isolate/isolate.h"
#include "kernel/services.h"
#include "kernel/worker/json_worker.h"

enum { MOST_OUTPUTS = 4096, MOST_BLOCK = 1 << 24 };
static const int64_t most_row_bytes = INT64_C(1) << 40;

static struct sheaf_setup make_setup(const struct binding *b, struct setup_listener *listener) {
    struct sheaf_setup setup = {
        .struct_size = sizeof(struct sheaf_setup),
        .params = b->params,
        .n_inputs = b->n_inputs,
        .inputs = b->inputs,
        .n_fields = b->n_fields,
        .fields = b->fields,
        .n_threads = b->n_threads,
        .arrays = b->arrays,
    };
    sheaf_setup_serve(&setup, listener);
    return setup;
}

/* --- which kernel -------------------------------------------------------------------------------------------------- */

/* "moid", or "PATH.so:NAME" with the path as sheaf_job_path has it. */
static int find_named(struct binding *b, struct job *job, struct sheaf_error *error) {
    const char *text = job->kernel->text, *colon = strrchr(text, ':');
    if (!colon && !strchr(text, '/'))
        return sheaf_registry_open(&b->kernel, NULL, text, error);
    if (!colon || colon == text || !colon[1])
        return sheaf_refuse(error, "'%s' is no kernel; a plugin is written PATH.so:NAME", text);
    const char *path = sheaf_arena_text(&b->arena, text, (size_t)(colon - text));
    path = path ? sheaf_job_path(job, job->kernel, path) : NULL;
    return path ? sheaf_registry_open(&b->kernel, path, colon + 1, error) : sheaf_fail_memory(error, "the kernel");
}

static int find_kernel(struct binding *b, struct job *job, const struct kernel_host *host, struct sheaf_error *error) {
    switch (job->kind) {
    case JOB_KERNEL:
        return find_named(b, job, error) ? sheaf_yaml_prefix(job->kernel, error) : 0;
    case JOB_EXPRESSION:
        return sheaf_expression_make(&b->kernel, job, b->fields, b->n_fields, host ? host->arrays : NULL,
                                     &b->made_identity, error);
    case JOB_COMMAND:
        return sheaf_command_make(&b->kernel, job, b->fields, b->n_fields, host, &b->made_identity, error);
    case JOB_WORKER:
        return sheaf_json_worker_make(&b->kernel, job, b->fields, b->n_fields, host, &b->made_identity, error);
    }
    return sheaf_refuse(error, "an unknown kind of kernel");
}

/* What the table says of its params and inputs must make sense. */
static int check_table(const struct sheaf_kernel *t, struct sheaf_error *error) {
    for (int k = 0; k < t->n_params; k++) {
        const struct sheaf_param *param = &t->params[k];
        bool known = param->type == SHEAF_FLOAT64 || param->type == SHEAF_INT64 || param->type == SHEAF_TEXT ||
                     param->type == SHEAF_FILE;
        if (!param->name || !known)
            return sheaf_refuse(error,
                                "kernel %s: its param %d has no name, or is neither float64, int64, text nor file",
                                t->head.name, k);
    }
    for (int k = 0; k < t->n_inputs; k++)
        if (!t->inputs[k].name || !sheaf_type_bytes(t->inputs[k].type) || t->inputs[k].width < 0)
            return sheaf_refuse(error, "kernel %s: its input %d has no name, type or width", t->head.name, k);
    for (int k = 0; k < t->n_inputs; k++) {
        char what[300];
        snprintf(what, sizeof what, "kernel %s: its input '%.128s'", t->head.name, t->inputs[k].name);
        if (sheaf_registry_check_flags(t->inputs[k].flags, SHEAF_OPTIONAL, what, error))
            return -1;
    }
    return 0;
}

/* --- names that stand in the job file ------------------------------------------------------------------------------ */

/* The names of a program's params and outputs are the user's own: another than a field's can be chosen. */
static int check_names(const struct binding *b, const struct job *job, struct sheaf_error *error) {
    const struct yaml_node *outputs = sheaf_yaml_get(job->document.root, "outputs");
    if (job->kind != JOB_COMMAND && job->kind != JOB_WORKER)
        return 0;
    for (int i = 0; i < job->n_params; i++)
        if (sheaf_items_find(b->fields, b->n_fields, job->params[i].name) >= 0)
            return sheaf_yaml_refuse(job->params[i].node, error, "'%s' is a field and a param; rename the param",
                                     job->params[i].name);
    for (int k = 0; k < job->program.n_outputs; k++) {
        const struct yaml_node *place = outputs->kind == YAML_MAP ? outputs->key[k] : outputs->value[k];
        const char *name = job->program.outputs[k].name;
        if (sheaf_items_check_name(name, "an output", error))
            return sheaf_yaml_prefix(place, error);
        if (sheaf_items_find(b->fields, b->n_fields, name) >= 0)
            return sheaf_yaml_refuse(
                place, error, "outputs.%s is called '%s' like a field of the items; rename the output", name, name);
    }
    return 0;
}

/* --- params -------------------------------------------------------------------------------------------------------- */

static const char *wanted(int32_t type) {
    return type == SHEAF_FLOAT64 ? "a number" : type == SHEAF_INT64 ? "a whole number" : "a text";
}

/* Reads text as the param's type; -1 if it is something else. */
static int read_value(struct binding *b, const struct sheaf_param *param, const char *text, union sheaf_value *value) {
    switch (param->type) {
    case SHEAF_FLOAT64:
        return sheaf_text_to_double(text, strlen(text), &value->number);
    case SHEAF_INT64:
        return sheaf_text_to_int64(text, strlen(text), &value->integer);
    case SHEAF_TEXT:
    case SHEAF_FILE: /* see read_file */
        value->text = sheaf_arena_text(&b->arena, text, strlen(text));
        return value->text ? 0 : -1;
    default:
        return -1;
    }
}

/* What a file must be: there, and to be read. */
static int check_file(const struct sheaf_param *param, const char *path, struct sheaf_error *error) {
    struct stat about;
    if (stat(path, &about))
        return sheaf_refuse(error, "params.%s: there is no file %s: %s", param->name, path, strerror(errno));
    if (!S_ISREG(about.st_mode))
        return sheaf_refuse(error, "params.%s: %s is no file, but a folder or the like", param->name, path);
    if (access(path, R_OK))
        return sheaf_refuse(error, "params.%s: cannot read %s: %s", param->name, path, strerror(errno));
    return 0;
}

/* A file that a param names, seen from where the name stands; rank 0 looks at it. No name is no file, if that is the
   default. */
static int read_file(struct job *job, const struct kernel_host *host, const struct sheaf_param *param,
                     const struct yaml_node *node, struct param_file *file, union sheaf_value *value,
                     struct sheaf_error *error) {
    if (!*value->text && param->initial && !*param->initial)
        return 0;
    file->word = value->text;
    file->path = value->text = sheaf_job_path(job, node, value->text);
    if (!file->path)
        return sheaf_fail_memory(error, "a path");
    if (host && !host->is_first)
        return 0;
    if (!*file->word)
        return sheaf_yaml_refuse(node, error, "params.%s is ''; it should be a file", param->name);
    if (check_file(param, file->path, error) || sheaf_stamp_take(&file->stamp, file->path, error) ||
        sheaf_known_hash(host ? host->known : NULL, file->path, file->hash, error))
        return sheaf_yaml_prefix(node, error);
    return 0;
}

int sheaf_binding_check_files(const struct binding *b, struct sheaf_error *error) {
    for (int i = 0; b->files && i < b->kernel.table.n_params; i++)
        if (b->files[i].hash[0] && sheaf_stamp_check(&b->files[i].stamp, b->files[i].path, error))
            return -1;
    return 0;
}

static int check_param_names(const struct sheaf_kernel *t, const struct job *job, struct sheaf_error *error) {
    const char **names = malloc(((size_t)t->n_params + 1) * sizeof *names);
    int rc = 0;
    if (!names)
        return sheaf_fail_memory(error, "the params");
    for (int k = 0; k < t->n_params; k++)
        names[k] = t->params[k].name;
    for (int i = 0; rc == 0 && i < job->n_params; i++) {
        const char *name = job->params[i].name;
        char hint[512];
        bool known = false;
        for (int k = 0; k < t->n_params; k++)
            known = known || strcmp(name, names[k]) == 0;
        if (!known)
            rc = sheaf_yaml_refuse(job->params[i].node, error, "kernel %s has no param '%s'%s", t->head.name, name,
                                   t->n_params ? sheaf_text_suggest(name, names, t->n_params, true, hint, sizeof hint)
                                               : "; it takes none");
    }
    free(names);
    return rc;
}

static int read_params(struct binding *b, struct job *job, const struct kernel_host *host, struct sheaf_error *error) {
    const struct sheaf_kernel *t = &b->kernel.table;
    if (b->kernel.made)
        return 0; /* it has read them itself */
    b->params = sheaf_arena_take(&b->arena, (size_t)t->n_params * sizeof *b->params);
    b->files = sheaf_arena_take(&b->arena, (size_t)t->n_params * sizeof *b->files);
    if (!b->params || !b->files)
        return sheaf_fail_memory(error, "the params");
    if (check_param_names(t, job, error))
        return -1;
    for (int k = 0; k < t->n_params; k++) {
        const struct sheaf_param *param = &t->params[k];
        const struct yaml_node *node = NULL;
        for (int i = 0; i < job->n_params; i++)
            if (strcmp(job->params[i].name, param->name) == 0)
                node = job->params[i].node;
        const char *text = node ? node->text : param->initial;
        if (!text)
            return sheaf_yaml_refuse(job->kernel, error, "kernel %s needs the param '%s'; add params: {%s: …}",
                                     t->head.name, param->name, param->name);
        const struct yaml_node *where = node ? node : job->kernel;
        const bool is_text = param->type == SHEAF_TEXT || param->type == SHEAF_FILE;
        if ((node && node->quoted && !is_text) || read_value(b, param, text, &b->params[k]))
            return sheaf_yaml_refuse(where, error, "params.%s is '%s'; it should be %s", param->name, text,
                                     wanted(param->type));
        if (param->type == SHEAF_FILE && read_file(job, host, param, where, &b->files[k], &b->params[k], error))
            return -1;
    }
    return 0;
}

/* --- inputs and outputs -------------------------------------------------------------------------------------------- */

static int missing_field(const struct binding *b, const struct job *job, const char *name, struct sheaf_error *error) {
    const char **names = malloc(((size_t)b->n_fields + 1) * sizeof *names);
    char hint[512] = "; the items have no fields at all";
    if (!names)
        return sheaf_fail_memory(error, "the fields");
    for (int i = 0; i < b->n_fields; i++)
        names[i] = b->fields[i].name;
    if (b->n_fields)
        sheaf_text_suggest(name, names, b->n_fields, true, hint, sizeof hint);
    free(names);
    return sheaf_yaml_refuse(job->items.node, error, "no field '%s' in %s, which kernel %s reads%s", name,
                             job->items.path, b->kernel.table.head.name, hint);
}

static int bind_inputs(struct binding *b, const struct job *job, struct sheaf_error *error) {
    const struct sheaf_kernel *t = &b->kernel.table;
    b->inputs = sheaf_arena_take(&b->arena, (size_t)t->n_inputs * sizeof *b->inputs);
    b->field = sheaf_arena_take(&b->arena, (size_t)t->n_inputs * sizeof *b->field);
    if (!b->inputs || !b->field)
        return sheaf_fail_memory(error, "the inputs");
    for (int k = 0; k < t->n_inputs; k++) {
        const struct sheaf_field *input = &t->inputs[k];
        b->inputs[k] = *input;
        b->field[k] = sheaf_items_find(b->fields, b->n_fields, input->name);
        if (b->field[k] < 0 && !(input->flags & SHEAF_OPTIONAL))
            return missing_field(b, job, input->name, error);
        if (b->field[k] < 0) {
            b->inputs[k].name = NULL;
            continue;
        }
        int64_t width = b->fields[b->field[k]].width;
        if (input->width && input->width != width)
            return sheaf_yaml_refuse(job->items.node, error,
                                     "field '%s' has %" PRId64 " values an item; kernel %s takes %" PRId64, input->name,
                                     width, t->head.name, input->width);
        if (input->type == SHEAF_TEXT && b->fields[b->field[k]].type != SHEAF_TEXT && sheaf_job_has_datasets(job))
            return sheaf_yaml_refuse(job->items.node, error, "field '%s' holds numbers; kernel %s takes text",
                                     input->name, t->head.name);
        b->inputs[k].width = width;
    }
    b->n_inputs = t->n_inputs;
    return 0;
}

static int check_output(const struct binding *b, int k, struct sheaf_error *error) {
    const struct sheaf_field *f = &b->outputs[k];
    char what[300];
    snprintf(what, sizeof what, "kernel %s: its output %d", b->kernel.table.head.name, k);
    if (sheaf_items_check_name(f->name, what, error))
        return -1;
    if (sheaf_items_find(b->outputs, k, f->name) >= 0)
        return sheaf_refuse(error, "%s is called '%s' like an earlier one", what, f->name);
    if (sheaf_items_find(b->fields, b->n_fields, f->name) >= 0)
        return sheaf_refuse(error,
                            "%s is called '%s' like a field of the items; rename the field (of a csv: rename: {'%s': "
                            "…} in items; of results: fields: {NEW: '%s'})",
                            what, f->name, f->name, f->name);
    if (sheaf_registry_check_flags(f->flags, 0, what, error))
        return -1;
    if (!sheaf_type_bytes(f->type))
        return sheaf_refuse(error, "%s, '%s', has an unknown type, %d", what, f->name, f->type);
    if (f->type == SHEAF_TEXT && f->width != 1)
        return sheaf_refuse(error, "%s, '%s', is a text; its width should be 1", what, f->name);
    if (f->width < 1 || f->width > most_row_bytes / 8)
        return sheaf_refuse(error, "%s, '%s', has a width of %" PRId64 " values an item; it should be at least 1", what,
                            f->name, f->width);
    return 0;
}

static const char *copy_text(struct binding *b, const char *text) {
    return text ? sheaf_arena_text(&b->arena, text, strlen(text)) : NULL;
}

static int take_outputs(struct binding *b, const struct sheaf_shape *shape, struct sheaf_error *error) {
    const char *name = b->kernel.table.head.name;
    int64_t row_bytes = 0;
    if (shape->n_outputs < 1 || shape->n_outputs > MOST_OUTPUTS || !shape->outputs)
        return sheaf_refuse(error, "kernel %s: declares %d outputs; it should be 1 to %d", name, shape->n_outputs,
                            MOST_OUTPUTS);
    b->outputs = sheaf_arena_take(&b->arena, (size_t)shape->n_outputs * sizeof *b->outputs);
    if (!b->outputs)
        return sheaf_fail_memory(error, "the outputs");
    for (int k = 0; k < shape->n_outputs; k++) {
        struct sheaf_field *f = &b->outputs[k];
        *f = shape->outputs[k];
        f->name = copy_text(b, f->name);
        f->unit = copy_text(b, f->unit);
        f->long_name = copy_text(b, f->long_name);
        if (check_output(b, k, error))
            return -1;
        b->n_outputs = k + 1;
        b->has_texts = b->has_texts || f->type == SHEAF_TEXT;
        row_bytes += (int64_t)sheaf_field_row_bytes(f);
        if (row_bytes > most_row_bytes / b->block)
            return sheaf_refuse(error, "kernel %s: a block of its outputs takes more than a TB", name);
    }
    return 0;
}

static int take_shape(struct binding *b, const struct sheaf_shape *shape, struct sheaf_error *error) {
    char what[300];
    snprintf(what, sizeof what, "kernel %s: its shape", b->kernel.table.head.name);
    if (sheaf_registry_check_flags(shape->flags, SHEAF_PURE | SHEAF_SERIAL | SHEAF_MANY, what, error))
        return -1;
    b->block = shape->block ? shape->block : 1;
    if (b->block < 1 || b->block > MOST_BLOCK)
        return sheaf_refuse(error, "kernel %s: declares blocks of %" PRId64 " items; it should be 1 to %d",
                            b->kernel.table.head.name, b->block, MOST_BLOCK);
    if (take_outputs(b, shape, error))
        return -1;
    b->many = (shape->flags & SHEAF_MANY) != 0 && b->block == 1;
    b->pure = (shape->flags & SHEAF_PURE) != 0;
    b->serial = (shape->flags & SHEAF_SERIAL) != 0;
    b->scratch_bytes = shape->scratch_bytes;
    if (b->kernel.table.shared_bytes)
        b->shared_bytes = b->kernel.table.shared_bytes(b->self);
    return 0;
}

/* --- identity ------------------------------------------------------------------------------------------------------ */

static void add_value(struct sheaf_string *to, const struct sheaf_param *param, const union sheaf_value *value,
                      const struct param_file *file) {
    char buffer[32];
    if (param->type == SHEAF_INT64)
        sheaf_string_add(to, "param %s: %" PRId64 "\n", param->name, value->integer);
    else if (param->type == SHEAF_FLOAT64)
        sheaf_string_add(to, "param %s: %s\n", param->name, sheaf_text_double(value->number, buffer));
    else
        sheaf_string_add(to, "param %s: '%s'\n", param->name, file->word ? file->word : value->text);
    if (param->type == SHEAF_FILE && file->hash[0])
        sheaf_string_add(to, "file %s: %s\n", file->word, file->hash);
}

static int write_identity(struct binding *b, struct sheaf_error *error) {
    const struct sheaf_kernel *t = &b->kernel.table;
    char hash[SHEAF_HASH_BYTES] = "";
    if (b->kernel.path && sheaf_hash_file(b->kernel.path, hash, error))
        return -1;
    sheaf_string_add(&b->identity, "kernel: %s %s%s%s\n", t->head.name, t->version, *hash ? " plugin " : "", hash);
    for (int k = 0; k < t->n_params; k++)
        add_value(&b->identity, &t->params[k], &b->params[k], &b->files[k]);
    for (int k = 0; k < b->n_inputs; k++)
        if (b->inputs[k].name)
            sheaf_string_add(&b->identity, "input %s: %s[%" PRId64 "]\n", b->inputs[k].name,
                             sheaf_type_name(b->inputs[k].type), b->inputs[k].width);
    for (int k = 0; k < b->n_outputs; k++)
        sheaf_string_add(&b->identity, "output %s: %s[%" PRId64 "]\n", b->outputs[k].name,
                         sheaf_type_name(b->outputs[k].type), b->outputs[k].width);
    sheaf_string_add(&b->identity, "block: %" PRId64 "\n%s", b->block,
                     b->made_identity.data ? b->made_identity.data : "");
    return b->identity.failed ? sheaf_fail_memory(error, "the job's identity") : 0;
}

/* --- opening and closing ------------------------------------------------------------------------------------------- */

/* Puts the kernel into processes of its own; the same in everything else. */
static int isolate(struct binding *b, const struct job *job, const struct kernel_host *host,
                   struct sheaf_error *error) {
    const char *colon = strrchr(job->kernel->text, ':');
    return sheaf_isolate_wrap(&b->kernel, colon ? colon + 1 : job->kernel->text, host, b->seed, job->limits.timeout_s,
                              error);
}

int sheaf_binding_open(struct binding *b, struct job *job, const struct sheaf_field *fields, int n_fields,
                       const struct kernel_host *host, struct sheaf_error *error) {
    struct sheaf_error own = {0};
    *b = (struct binding){.place = job->kernel,
                          .fields = fields,
                          .n_fields = n_fields,
                          .seed = job->seed,
                          .retries = job->limits.retries,
                          .n_threads = host ? host->n_threads : 1,
                          .warnings = host ? host->warnings : NULL,
                          .arrays = host ? host->arrays : NULL};
    if (check_names(b, job, error) || find_kernel(b, job, host, error))
        return -1;
    if (check_table(&b->kernel.table, error))
        return sheaf_yaml_prefix(job->kernel, error);
    const struct sheaf_kernel *t = &b->kernel.table;
    if (read_params(b, job, host, error) || bind_inputs(b, job, error))
        return -1;
    if (job->limits.isolate && isolate(b, job, host, error))
        return -1;
    struct setup_listener listener = {&own, b->warnings};
    struct sheaf_setup setup = make_setup(b, &listener);
    struct sheaf_shape shape = {.struct_size = sizeof shape};
    b->self = b->kernel.made;
    if (t->open(&setup, &shape, &b->self))
        return sheaf_yaml_refuse(job->kernel, error, "kernel %s: %s", t->head.name,
                                 own.text[0] ? own.text : "refused to open and did not say why");
    b->opened = true;
    if (take_shape(b, &shape, error))
        return sheaf_yaml_prefix(job->kernel, error);
    return write_identity(b, error);
}

int sheaf_binding_prepare(const struct binding *b, void *memory, struct sheaf_error *error) {
    struct sheaf_error own = {0};
    struct setup_listener listener = {&own, b->warnings};
    struct sheaf_setup setup = make_setup(b, &listener);
    if (b->kernel.table.prepare(b->self, &setup, memory) == 0)
        return 0;
    return sheaf_yaml_refuse(b->place, error, "kernel %s: cannot prepare its shared data: %s",
                             b->kernel.table.head.name, own.text[0] ? own.text : "it did not say why");
}

int sheaf_binding_thread_open(const struct binding *b, int thread, int slot, const void *shared, void **thread_self,
                              struct sheaf_error *error) {
    const struct sheaf_kernel *t = &b->kernel.table;
    struct sheaf_error own = {0};
    struct setup_listener listener = {&own, b->warnings};
    struct sheaf_setup setup = make_setup(b, &listener);
    setup.thread = thread;
    setup.slot = slot;
    setup.shared = shared;
    setup.shared_bytes = b->shared_bytes;
    if (!t->thread_open || t->thread_open(b->self, &setup, thread_self) == 0)
        return 0;
    return sheaf_fail(error, "kernel %s, in a thread of its own: %s", t->head.name,
                      own.text[0] ? own.text : "thread_open refused and did not say why");
}

void sheaf_binding_thread_close(const struct binding *b, void *thread_self) {
    if (b->kernel.table.thread_close)
        b->kernel.table.thread_close(b->self, thread_self);
}

void sheaf_binding_close(struct binding *b) {
    if (!b)
        return;
    if ((b->opened || b->kernel.made) && b->kernel.table.close)
        b->kernel.table.close(b->opened ? b->self : b->kernel.made);
    sheaf_registry_close(&b->kernel);
    sheaf_string_free(&b->identity);
    sheaf_string_free(&b->made_identity);
    sheaf_arena_free(&b->arena);
    *b = (struct binding){0};
}
