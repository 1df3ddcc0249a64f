#include "job/outputs.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "job/job.h"
#include "job/keys.h"

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof *(array)))

enum { MOST_COLUMN = 1000000 };
static const int64_t most_width = INT64_C(1) << 30;

static int read_type(const struct yaml_node *node, const char *what, enum sheaf_type *type, struct sheaf_error *error) {
    static const char *const names[] = {"float64", "int64", "text"};
    static const enum sheaf_type types[] = {SHEAF_FLOAT64, SHEAF_INT64, SHEAF_TEXT};
    int index;
    if (sheaf_yaml_word(node, what, names, COUNT_OF(names), &index, error))
        return -1;
    *type = types[index];
    return 0;
}

/* type, width and unit, which the outputs of commands and workers have alike. */
static int read_field(struct job_output *output, const struct yaml_node *map, struct sheaf_error *error) {
    const struct yaml_node *width = sheaf_yaml_get(map, "width"), *unit = sheaf_yaml_get(map, "unit");
    char what[300];
    snprintf(what, sizeof what, "outputs.%.200s.type", output->name);
    output->width = 1;
    if (read_type(sheaf_yaml_get(map, "type"), what, &output->type, error))
        return -1;
    snprintf(what, sizeof what, "outputs.%.200s.width", output->name);
    if (width && sheaf_yaml_count(width, what, &output->width, error))
        return -1;
    if (output->width < 1 || output->width > most_width)
        return sheaf_yaml_refuse(width, error, "%s should be at least 1", what);
    if (output->width > 1 && output->type == SHEAF_TEXT)
        return sheaf_yaml_refuse(width, error, "%s: a text has no width", what);
    snprintf(what, sizeof what, "outputs.%.200s.unit", output->name);
    return unit ? sheaf_yaml_text(unit, what, &output->unit, error) : 0;
}

/* What divides columns: a word, or the character itself. */
static int read_separator(struct job_output *output, const struct yaml_node *node, struct sheaf_error *error) {
    const char *text;
    char what[300];
    if (!node)
        return 0;
    snprintf(what, sizeof what, "outputs.%.200s.separator", output->name);
    if (output->where != JOB_FROM_COLUMN)
        return sheaf_yaml_refuse(node, error, "%s goes with column", what);
    if (sheaf_yaml_text(node, what, &text, error))
        return -1;
    output->separator = sheaf_job_separator_called(text);
    if (!output->separator && text[0] && !text[1] && (strchr("\t ", *text) || ispunct((unsigned char)*text)))
        output->separator = *text;
    if (output->separator)
        return 0;
    return sheaf_yaml_refuse(node, error,
                             "%s is '%s'; it should be comma, tab, semicolon, blanks (any number of them), or one "
                             "character, such as \"|\"",
                             what, text);
}

/* Where a command's output is found: exactly one of json, regex and column. */
static int read_where(struct job_output *output, const struct yaml_node *map, struct sheaf_error *error) {
    static const char *const names[] = {"json", "regex", "column"}; /* as in enum job_where */
    const struct yaml_node *found = NULL, *file = sheaf_yaml_get(map, "file");
    char what[300];
    int n = 0;
    for (int i = 0; i < COUNT_OF(names); i++) {
        const struct yaml_node *node = sheaf_yaml_get(map, names[i]);
        if (!node)
            continue;
        found = node;
        output->where = (enum job_where)i;
        n++;
    }
    if (n != 1)
        return sheaf_yaml_refuse(map, error, "outputs.%s needs exactly one of json, regex and column: {json: energy}",
                                 output->name);
    snprintf(what, sizeof what, "outputs.%.200s.%s", output->name, names[output->where]);
    if (sheaf_yaml_text(found, what, &output->what, error))
        return -1;
    if (output->where == JOB_FROM_COLUMN && (sheaf_yaml_count(found, what, &output->column, error)))
        return -1;
    if (output->where == JOB_FROM_COLUMN && (output->column < 1 || output->column > MOST_COLUMN))
        return sheaf_yaml_refuse(found, error, "%s is %lld; columns are counted from 1", what,
                                 (long long)output->column);
    if (read_separator(output, sheaf_yaml_get(map, "separator"), error))
        return -1;
    snprintf(what, sizeof what, "outputs.%.200s.file", output->name);
    if (file &&
        (sheaf_yaml_text(file, what, &output->file, error) || sheaf_job_check_inside(file, what, output->file, error)))
        return -1;
    if (output->where != JOB_FROM_REGEX || output->width == 1)
        return 0;
    return sheaf_yaml_refuse(map, error, "outputs.%s: a regex gives one value, not %lld", output->name,
                             (long long)output->width);
}

/* What is stored of every command has names of its own. */
static int check_standard(const struct job_output *output, const struct yaml_node *node, struct sheaf_error *error) {
    static const char *const standard[] = {"exit_code", "signal", "user_seconds", "system_seconds",
                                           "peak_rss",  "host",   "stdout",       "stderr"};
    for (int i = 0; i < COUNT_OF(standard); i++)
        if (strcmp(output->name, standard[i]) == 0)
            return sheaf_yaml_refuse(node, error, "outputs.%s: '%s' is stored of every command; choose another name",
                                     output->name, output->name);
    return 0;
}

static int read_output(const struct job *job, struct job_output *output, struct sheaf_error *error) {
    const bool command = job->kind == JOB_COMMAND;
    char what[300];
    snprintf(what, sizeof what, "outputs.%.200s", output->name);
    if (!command && output->node->kind == YAML_SCALAR) {
        output->width = 1;
        return read_type(output->node, what, &output->type, error);
    }
    if (sheaf_yaml_map(output->node, what, error) ||
        sheaf_job_keys_check(output->node, what, "outputs.*", 1u << job->kind, error) ||
        read_field(output, output->node, error))
        return -1;
    return command ? read_where(output, output->node, error) : 0;
}

/* outputs: {NAME: …}, or for a worker [NAME, …]. */
int sheaf_job_read_outputs(struct job *job, const struct yaml_node *node, struct sheaf_error *error) {
    struct job_program *program = &job->program;
    if (!node && job->kind != JOB_WORKER)
        return 0;
    if (!node)
        return sheaf_yaml_refuse(job->kernel, error,
                                 "a worker needs 'outputs', the fields it answers with: outputs: [y, z]");
    const bool list = job->kind == JOB_WORKER && node->kind == YAML_LIST;
    if (!list && sheaf_yaml_map(node, "outputs", error))
        return -1;
    if (job->kind == JOB_WORKER && node->n == 0)
        return sheaf_yaml_refuse(node, error, "outputs is empty; name at least one field");
    program->outputs = sheaf_arena_take(&job->document.arena, ((size_t)node->n + 1) * sizeof *program->outputs);
    if (!program->outputs)
        return sheaf_fail_memory(error, "the job");
    for (int i = 0; i < node->n; i++) {
        struct job_output *output = &program->outputs[i];
        *output = (struct job_output){.node = node->value[i], .type = SHEAF_FLOAT64, .width = 1};
        if (list ? sheaf_yaml_text(output->node, "an output", &output->name, error) : 0)
            return -1;
        for (int k = 0; list && k < i; k++)
            if (strcmp(output->name, program->outputs[k].name) == 0)
                return sheaf_yaml_refuse(output->node, error, "'%s' stands here a second time; remove one",
                                         output->name);
        if (!list)
            output->name = node->key[i]->text;
        if ((job->kind == JOB_COMMAND && check_standard(output, node->key[i], error)) ||
            (!list && read_output(job, output, error)))
            return -1;
        program->n_outputs = i + 1;
    }
    return 0;
}
