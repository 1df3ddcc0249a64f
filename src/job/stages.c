#include "job/stages.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "core/text.h"
#include "job/keys.h"

enum { STAGES_MOST = 64, STAGE_NAME_MOST = 100 };

/* --- what each is -------------------------------------------------------------------------------------------------- */

/* What a job with stages says of all of them; all else stands in a stage. */
static int check_top(const struct yaml_node *root, struct sheaf_error *error) {
    static const char *const keys[] = {"stages", "name", "output", "seed", "transport", "checkpoint"};
    for (int i = 0; i < root->n; i++) {
        bool may = false;
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            may = may || strcmp(root->key[i]->text, keys[k]) == 0;
        if (!may)
            return sheaf_yaml_refuse(
                root->key[i], error,
                "'%s' belongs to a stage: beside 'stages' stand only name, output, seed, transport "
                "and checkpoint",
                root->key[i]->text);
    }
    return 0;
}

/* Names groups of the results file, and parts of addresses. */
static int check_name(const struct job *job, const struct yaml_node *node, const char *name,
                      struct sheaf_error *error) {
    if (!name[0] || strlen(name) > STAGE_NAME_MOST || strpbrk(name, "/:. \t\n") || strcmp(name, "sheaf") == 0)
        return sheaf_yaml_refuse(node, error,
                                 "the stage is called '%s'; a name has 1 to %d characters, none of '/', ':', '.' and "
                                 "blanks, and is not 'sheaf'",
                                 name, STAGE_NAME_MOST);
    for (int k = 0; k < job->n_stages; k++)
        if (strcmp(job->stages[k].stage, name) == 0)
            return sheaf_yaml_refuse(node, error, "two stages are called '%s'", name);
    return 0;
}

static int read_stage(struct job *job, const struct yaml_node *list, int k, const struct job_source_text *from,
                      struct sheaf_error *error) {
    const struct yaml_node *node = list->value[k], *name = node->kind == YAML_MAP ? sheaf_yaml_get(node, "name") : NULL;
    const char *text;
    if (node->kind != YAML_MAP)
        return sheaf_yaml_refuse(node, error, "a stage should be a map: {name: NAME, items: …, expression: …}");
    if (!name)
        return sheaf_yaml_refuse(node, error, "the stage has no name; add name: NAME");
    if (sheaf_yaml_text(name, "name", &text, error) || check_name(job, name, text, error))
        return -1;
    for (int i = 0; i < node->n; i++)
        if (strcmp(node->key[i]->text, "output") == 0 || strcmp(node->key[i]->text, "stages") == 0)
            return sheaf_yaml_refuse(node->key[i], error, "'%s' belongs to the job, not to the stage '%s'",
                                     node->key[i]->text, text);
    struct job *stage = &job->stages[job->n_stages++];
    return sheaf_job_parse_stage(stage, job, k, from, error);
}

/* Random numbers of an item of one stage are not those of the item of that number in another. */
static void give_seed(struct job *stage) {
    if (!sheaf_yaml_get(stage->document.root, "seed"))
        stage->seed = (int64_t)((sheaf_hash_word(stage->stage, strlen(stage->stage), (uint64_t)stage->seed)) >> 2);
}

/* --- in which order ------------------------------------------------------------------------------------------------ */

static struct job *find(const struct job *job, const char *name) {
    for (int k = 0; k < job->n_stages; k++)
        if (strcmp(job->stages[k].stage, name) == 0)
            return &job->stages[k];
    return NULL;
}

static int refuse_unknown(const struct job *job, const struct yaml_node *node, const char *name,
                          struct sheaf_error *error) {
    const char *names[STAGES_MOST];
    char hint[300];
    for (int k = 0; k < job->n_stages; k++)
        names[k] = job->stages[k].stage;
    return sheaf_yaml_refuse(node, error, "there is no stage '%s'%s", name,
                             sheaf_text_suggest(name, names, job->n_stages, true, hint, sizeof hint));
}

/* The stages that one takes from: list[1 + n_shared] and where it says so. */
static int list_needs(const struct job *stage, const char **names, const struct yaml_node **nodes) {
    int n = 0;
    if (stage->items.stage) {
        names[n] = stage->items.stage;
        nodes[n++] = stage->items.node;
    }
    for (int k = 0; k < stage->n_shared; k++)
        if (stage->shared[k].stage) {
            names[n] = stage->shared[k].stage;
            nodes[n++] = stage->shared[k].node;
        }
    return n;
}

enum { NOT_SEEN, UNDER_WAY, PLACED };

struct ordering {
    const struct job *job;
    int state[STAGES_MOST];
    int path[STAGES_MOST], n_path; /* from one to the next that it takes from */
    int order[STAGES_MOST], n;
};

static int refuse_cycle(const struct ordering *o, int again, const struct yaml_node *node, struct sheaf_error *error) {
    struct sheaf_string said = {0};
    int from = 0;
    while (o->path[from] != again)
        from++;
    for (int i = from; i < o->n_path; i++)
        sheaf_string_add(&said, "'%s' needs ", o->job->stages[o->path[i]].stage);
    sheaf_yaml_refuse(node, error, "the stages go in a circle: %s'%s'", said.failed ? "" : said.data,
                      o->job->stages[again].stage);
    sheaf_string_free(&said);
    return -1;
}

static int place(struct ordering *o, int k, struct sheaf_error *error) {
    const struct job *stage = &o->job->stages[k];
    const char **names = calloc((size_t)stage->n_shared + 1, sizeof *names);
    const struct yaml_node **nodes = calloc((size_t)stage->n_shared + 1, sizeof *nodes);
    int rc = names && nodes ? 0 : sheaf_fail_memory(error, "the stages");
    const int n = rc ? 0 : list_needs(stage, names, nodes);
    o->state[k] = UNDER_WAY;
    o->path[o->n_path++] = k;
    for (int i = 0; rc == 0 && i < n; i++) {
        const struct job *needed = find(o->job, names[i]);
        const int at = needed ? (int)(needed - o->job->stages) : -1;
        rc = !needed                     ? refuse_unknown(o->job, nodes[i], names[i], error)
             : o->state[at] == UNDER_WAY ? refuse_cycle(o, at, nodes[i], error)
             : o->state[at] == NOT_SEEN  ? place(o, at, error)
                                         : 0;
    }
    o->n_path--;
    o->state[k] = PLACED;
    o->order[o->n++] = k;
    free(names);
    free(nodes);
    return rc;
}

/* As they stand, but each behind those that it takes from. */
static int put_in_order(struct job *job, struct sheaf_error *error) {
    struct ordering o = {.job = job};
    for (int k = 0; k < job->n_stages; k++)
        if (o.state[k] == NOT_SEEN && place(&o, k, error))
            return -1;
    struct job *sorted = sheaf_arena_take(&job->document.arena, (size_t)job->n_stages * sizeof *sorted);
    if (!sorted)
        return sheaf_fail_memory(error, "the stages");
    for (int k = 0; k < job->n_stages; k++)
        sorted[k] = job->stages[o.order[k]];
    job->stages = sorted;
    return 0;
}

/* --- what they share ----------------------------------------------------------------------------------------------- */

/* What a stage is known to have: reductions, and outputs where the job names them; names[*n], to be freed. */
static const char **list_names(const struct job *stage, int *n) {
    const struct yaml_node *formulas = stage->kind == JOB_EXPRESSION ? stage->kernel : NULL;
    const int most = stage->n_reductions + stage->program.n_outputs + (formulas ? formulas->n : 0);
    const char **names = calloc((size_t)most + 1, sizeof *names);
    *n = 0;
    for (int k = 0; names && k < stage->n_reductions; k++)
        names[(*n)++] = stage->reductions[k].name;
    for (int k = 0; names && k < stage->program.n_outputs; k++)
        names[(*n)++] = stage->program.outputs[k].name;
    for (int k = 0; names && formulas && k < formulas->n; k++)
        names[(*n)++] = formulas->key[k]->text;
    return names;
}

/* A slip is found before anything is computed. What a kernel gives is known when it is opened, and what of a command is stored
   has names of its own. */
static int check_shared(const struct job *job, const struct job_shared *shared, struct sheaf_error *error) {
    const struct job *stage = find(job, shared->stage);
    const char *name = strrchr(shared->dataset, '/') + 1;
    char hint[300];
    int n = 0;
    const char **names = list_names(stage, &n);
    bool there = !names || stage->kind == JOB_KERNEL;
    for (int k = 0; !there && k < n; k++)
        there = strcmp(names[k], name) == 0;
    if (!there && stage->kind == JOB_COMMAND)
        there = sheaf_text_closest(name, names, n) < 0;
    const int rc =
        there ? 0
              : sheaf_yaml_refuse(shared->node, error, "shared.%s: stage '%s' has no output or reduction '%s'%s",
                                  shared->name, shared->stage, name,
                                  sheaf_text_suggest(name, names, n, true, hint, sizeof hint));
    free(names);
    return rc;
}

int sheaf_job_read_stages(struct job *job, const struct yaml_node *stages, const struct job_source_text *from,
                          struct sheaf_error *error) {
    if (check_top(job->document.root, error))
        return -1;
    if (stages->kind != YAML_LIST || stages->n == 0)
        return sheaf_yaml_refuse(stages, error,
                                 "stages should be a list of maps, each with name, items and what computes them");
    if (stages->n > STAGES_MOST)
        return sheaf_yaml_refuse(stages, error, "there are %d stages; at most %d are possible", stages->n, STAGES_MOST);
    job->stages = sheaf_arena_take(&job->document.arena, (size_t)stages->n * sizeof *job->stages);
    if (!job->stages)
        return sheaf_fail_memory(error, "the stages");
    for (int k = 0; k < stages->n; k++)
        if (read_stage(job, stages, k, from, error))
            return -1;
    for (int k = 0; k < job->n_stages; k++)
        give_seed(&job->stages[k]);
    if (put_in_order(job, error))
        return -1;
    for (int k = 0; k < job->n_stages; k++)
        for (int i = 0; i < job->stages[k].n_shared; i++)
            if (job->stages[k].shared[i].stage && check_shared(job, &job->stages[k].shared[i], error))
                return -1;
    return 0;
}
