/* Reads what a job says of its command. */
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/file.h"
#include "kernel/command/command.h"
#include "kernel/program/json.h"
#include "kernel/program/words.h"
#include "kernel/command/workdir.h"

static const struct sheaf_field standard[N_STANDARD] = {
    [EXIT_CODE] = {"exit_code", SHEAF_INT32, 1, 0, NULL, "exit code of the command, 128 + signal if it was killed"},
    [SIGNAL] = {"signal", SHEAF_INT32, 1, 0, NULL, "signal that killed the command, or 0"},
    [USER_SECONDS] = {"user_seconds", SHEAF_FLOAT64, 1, 0, "s", "processor time of the command, outside the kernel"},
    [SYSTEM_SECONDS] = {"system_seconds", SHEAF_FLOAT64, 1, 0, "s", "processor time of the command, in the kernel"},
    [PEAK_RSS] = {"peak_rss", SHEAF_INT64, 1, 0, "byte", "most memory that the command had at a time"},
    [HOST] = {"host", SHEAF_TEXT, 1, 0, NULL, "where the command ran"},
    [STDOUT] = {"stdout", SHEAF_TEXT, 1, 0, NULL, "standard output of the command"},
    [STDERR] = {"stderr", SHEAF_TEXT, 1, 0, NULL, "standard error of the command"},
};

static void close_command(void *self) {
    struct command *c = self;
    for (int i = 0; i < HOST_MOST_THREADS; i++)
        sheaf_command_close_hand(c->hands[i]);
    for (int o = 0; c->extractors && o < c->n_outputs; o++)
        sheaf_extractor_close(&c->extractors[o]);
    if (c->job->program.workdir != JOB_WORKDIR_NONE && !c->host->only_looks)
        sheaf_workdir_tidy(c->host->folder);
    sheaf_arena_free(&c->arena);
    free(c);
}

static int open_command(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    const struct command *c = *self;
    for (int k = 0; k < c->n_inputs; k++)
        c->inputs[k].width = setup->inputs[k].width;
    shape->n_outputs = c->n_outputs + N_STANDARD;
    shape->outputs = c->outputs;
    shape->block = 1;
    return 0;
}

/* A list of words, each a template, or sh -c and a script. */
static int read_words(struct command *c, struct template_names *names, struct sheaf_error *error) {
    static const char *const shell[] = {"/bin/sh", "-c"};
    const struct yaml_node *node = c->job->kernel;
    const bool script = node->kind == YAML_SCALAR;
    c->n_words = script ? 3 : node->n;
    c->words = sheaf_arena_take(&c->arena, (size_t)c->n_words * sizeof *c->words);
    if (!c->words)
        return sheaf_fail_memory(error, "the words of a command");
    for (int i = 0; script && i < 2; i++) {
        struct yaml_node word = {.kind = YAML_SCALAR, .text = shell[i]};
        if (sheaf_template_read(&c->words[i], &word, names, error))
            return -1;
    }
    if (script)
        return sheaf_template_read_script(&c->words[2], &c->values, node, names, error);
    return sheaf_template_read_list(c->words, &c->values, node, names, error);
}

/* Whether a word is the name of a file that the program is to write. */
static bool is_written(const struct command *c, const char *word) {
    const char *name = strncmp(word, "./", 2) == 0 ? word + 2 : word;
    for (int s = 1; s < c->n_sources; s++)
        if (strcmp(c->source[s], name) == 0)
            return true;
    for (int i = 0; i < c->job->program.n_keep; i++)
        if (fnmatch(c->job->program.keep[i], name, FNM_PATHNAME | FNM_PERIOD) == 0)
            return true;
    return false;
}

/* A word without places, which may be made of several pieces; in the arena. */
static char *constant_text(struct command *c, const struct template *word) {
    size_t length = 0;
    for (int p = 0; p < word->n; p++)
        length += word->pieces[p].length;
    char *text = sheaf_arena_take(&c->arena, length + 1), *to = text;
    for (int p = 0; text && p < word->n; p++) {
        memcpy(to, word->pieces[p].text, word->pieces[p].length);
        to += word->pieces[p].length;
    }
    return text;
}

/* Where items have folders of their own, the program is seen from the job file's all the same. */
static int anchor_program(struct command *c, struct sheaf_error *error) {
    struct template *word = &c->words[0];
    if (c->job->kernel->kind != YAML_LIST || c->job->program.workdir == JOB_WORKDIR_NONE || !word->constant)
        return 0;
    const char *text = constant_text(c, word);
    if (text && (*text == '/' || !strchr(text, '/')))
        return 0;
    char *file = text ? sheaf_path_join(c->folder, text) : NULL;
    const char *kept = file ? sheaf_arena_text(&c->arena, file, strlen(file)) : NULL;
    free(file);
    if (!kept)
        return sheaf_fail_memory(error, "the words of a command");
    word->pieces[0] = (struct template_piece){.text = kept, .length = strlen(kept)};
    word->n = 1;
    return 0;
}

/* A word that names a file beside the job file says nothing of it in an item's folder, and may as well name one that the
   program makes there, of which an old one lies beside the job file. */
static int refuse_beside(struct command *c, int i, struct sheaf_error *error) {
    const char *word = constant_text(c, &c->words[i]);
    if (!word)
        return sheaf_fail_memory(error, "the words of a command");
    char *file = *word != '/' && !is_written(c, word) ? sheaf_words_find(word, c->folder, false) : NULL;
    if (!file)
        return 0;
    free(file);
    const char *name = strncmp(word, "./", 2) == 0 ? word + 2 : word;
    return sheaf_yaml_refuse(
        c->job->kernel->value[i], error,
        "'%s' is a file beside the job file, but each item runs in a folder of its own; write "
        "{job_dir}/%s for it, or, for a file that the command makes, name it in keep or remove the "
        "old one",
        word, name);
}

static int check_words(struct command *c, struct sheaf_error *error) {
    const bool own_folder = c->job->kernel->kind == YAML_LIST && c->job->program.workdir != JOB_WORKDIR_NONE;
    for (int i = 1; i < c->n_words && own_folder; i++)
        if (c->words[i].constant && c->words[i].n > 0 && refuse_beside(c, i, error))
            return -1;
    return 0;
}

/* The places where outputs are found: each file once. */
static int read_sources(struct command *c, struct sheaf_error *error) {
    const struct job_program *program = &c->job->program;
    const size_t n = (size_t)program->n_outputs + 1;
    c->source = sheaf_arena_take(&c->arena, n * sizeof *c->source);
    c->source_of = sheaf_arena_take(&c->arena, n * sizeof *c->source_of);
    c->extractors = sheaf_arena_take(&c->arena, n * sizeof *c->extractors);
    if (!c->source || !c->source_of || !c->extractors)
        return sheaf_fail_memory(error, "the outputs");
    c->n_sources = 1;
    for (int o = 0; o < program->n_outputs; o++) {
        const char *file = program->outputs[o].file;
        int s = file ? 1 : 0;
        while (s > 0 && s < c->n_sources && strcmp(c->source[s], file) != 0)
            s++;
        c->source[s] = file;
        c->source_of[o] = s;
        c->n_sources = s < c->n_sources ? c->n_sources : s + 1;
        if (sheaf_extractor_open(&c->extractors[o], &program->outputs[o], error))
            return -1;
        c->n_outputs = o + 1;
    }
    return 0;
}

static int list_outputs(struct command *c, struct sheaf_error *error) {
    const struct job_program *program = &c->job->program;
    c->outputs = sheaf_arena_take(&c->arena, ((size_t)program->n_outputs + N_STANDARD) * sizeof *c->outputs);
    if (!c->outputs)
        return sheaf_fail_memory(error, "the outputs");
    for (int o = 0; o < program->n_outputs; o++) {
        const struct job_output *from = &program->outputs[o];
        c->outputs[o] =
            (struct sheaf_field){.name = from->name, .type = from->type, .width = from->width, .unit = from->unit};
    }
    memcpy(c->outputs + program->n_outputs, standard, sizeof standard);
    return 0;
}

/* Everything that the job says of the command. */
static int read_command(struct command *c, const struct sheaf_field *fields, int n_fields, struct sheaf_error *error) {
    struct template_names names = {
        .job = c->job, .job_dir = c->folder, .n_fields = n_fields, .fields = fields, .arena = &c->arena};
    names.used = sheaf_arena_take(&c->arena, ((size_t)n_fields + 1) * sizeof *names.used);
    if (!names.used)
        return sheaf_fail_memory(error, "the fields");
    if (read_sources(c, error) || list_outputs(c, error) || read_words(c, &names, error) ||
        (c->job->program.input &&
         sheaf_template_read_input(&c->input, c->job->program.input, c->job->kernel, &names, error)) ||
        anchor_program(c, error))
        return -1;
    for (int i = 0; i < c->job->n_params; i++)
        if (!names.has_param[i])
            return sheaf_job_refuse_param(c->job, i, "neither the command nor stdin has it in braces", error);
    c->n_inputs = names.n_used;
    c->inputs = sheaf_arena_take(&c->arena, ((size_t)names.n_used + 1) * sizeof *c->inputs);
    if (!c->inputs)
        return sheaf_fail_memory(error, "the fields");
    for (int k = 0; k < names.n_used; k++) {
        c->inputs[k] = fields[names.used[k]];
        c->inputs[k].flags = 0;
        if (c->job->items.kind == JOB_CSV || c->job->items.kind == JOB_JSONL || sheaf_job_lists_items(c->job))
            c->inputs[k].type = SHEAF_TEXT; /* as it stands in the file: 0.10 and 1E2 */
    }
    return 0;
}

static int identify(const struct command *c, struct sheaf_string *identity, struct sheaf_error *error) {
    const struct job_program *program = &c->job->program;
    static const char *const where[] = {"json", "regex", "column"};
    static const char *const workdirs[] = {"none", "own", "own"};
    if (sheaf_words_identify(c->job->kernel, "command", c->folder, c->host->known, identity, error))
        return -1;
    for (int o = 0; o < program->n_outputs; o++) {
        const struct job_output *output = &program->outputs[o];
        sheaf_string_add(identity, "from %s: %s '", output->name, where[output->where]);
        sheaf_string_add_lines(identity, output->what);
        sheaf_string_add(identity, "'");
        if (output->separator)
            sheaf_string_add(identity, " divided by '%c'", output->separator);
        sheaf_string_add(identity, " of '%s'\n", output->file ? output->file : "stdout");
    }
    for (int i = 0; i < c->job->n_params; i++)
        sheaf_words_identify_text("param ", c->job->params[i].name, c->job->params[i].node->text, identity);
    if (program->input)
        sheaf_words_identify_text("stdin", "", program->input->text, identity);
    sheaf_string_add(identity, "folder: %s\ncapture: %" PRId64 "\n", workdirs[program->workdir],
                     program->capture_bytes);
    return identity->failed ? sheaf_fail_memory(error, "the job's identity") : 0;
}

/* A thread has up to eight descriptors, and often no more than 1,024 are open unless one asks. The programs keep the
   limit that there was: their server is older. */
static void raise_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* What is known to be started must be there. */
static int check_program(struct command *c, struct sheaf_error *error) {
    if (!c->words[0].constant || c->job->kernel->kind != YAML_LIST)
        return 0;
    const char *word = constant_text(c, &c->words[0]);
    return word ? sheaf_words_check(c->job->kernel->value[0], word, c->folder, error)
                : sheaf_fail_memory(error, "the words of a command");
}

int sheaf_command_make(struct kernel_entry *entry, struct job *job, const struct sheaf_field *fields, int n_fields,
                       const struct kernel_host *host, struct sheaf_string *identity, struct sheaf_error *error) {
    struct command *c = calloc(1, sizeof *c);
    if (!c)
        return sheaf_fail_memory(error, "the command");
    c->job = job;
    c->host = host;
    c->sets_threads = !getenv("OMP_NUM_THREADS");
    gethostname(c->here, sizeof c->here - 1);
    *entry = (struct kernel_entry){.made = c,
                                   .tell = sheaf_command_tell,
                                   .again = sheaf_command_again,
                                   .table = {.head = SHEAF_KERNEL(command),
                                             .version = "1",
                                             .open = open_command,
                                             .close = close_command,
                                             .map = sheaf_command_map}};
    sheaf_json_start();
    raise_limit();
    c->folder = sheaf_words_folder(job, &c->arena);
    if (!c->folder)
        return sheaf_fail_memory(error, "the command");
    if (read_command(c, fields, n_fields, error))
        return -1;
    entry->table.n_inputs = c->n_inputs;
    entry->table.inputs = c->inputs;
    if (!host->is_first)
        return 0;
    return check_program(c, error) || check_words(c, error) ? -1 : identify(c, identity, error);
}
