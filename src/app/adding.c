#include "app/adding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/identity.h"
#include "store/stages.h"

/* The lines of a stage's identity that tell what other stages have given it. */
static void list_given(const struct job *job, struct sheaf_string *keys) {
    if (job->items.stage)
        sheaf_string_add(keys, "items: stage \n");
    for (int k = 0; k < job->n_shared; k++)
        if (job->shared[k].stage)
            sheaf_string_add(keys, "shared %s: \nparam %s: \narray %s: \n", job->shared[k].name, job->shared[k].name,
                             job->shared[k].name);
}

const char *sheaf_stage_lacks(const struct job *job) {
    if (job->items.stage && !sheaf_stages_has(job->output, job->items.stage))
        return job->items.stage;
    for (int k = 0; k < job->n_shared; k++)
        if (job->shared[k].stage && !sheaf_stages_has(job->output, job->shared[k].stage))
            return job->shared[k].stage;
    return NULL;
}

bool sheaf_stage_is_outdated(const struct stage *stage, const struct results_plan *plan) {
    struct sheaf_string keys = {0};
    char *stored = sheaf_results_identity(plan->path, plan->stage);
    sheaf_string_add(&keys, "%s", "");
    list_given(stage->job, &keys);
    const bool is = stored && !keys.failed && sheaf_identity_differs_in_keys(stored, plan->identity, keys.data);
    sheaf_string_free(&keys);
    free(stored);
    return is;
}

static int add(struct stage *stage, struct results_plan *plan) {
    struct session *session = stage->session;
    plan->added = true;
    return sheaf_stages_add(plan, &session->error) || sheaf_results_find(plan->path, &session->found, &session->error)
               ? -1
               : 0;
}

int sheaf_stage_add(struct stage *stage, struct results_plan *plan, bool *create) {
    struct session *session = stage->session;
    char *stages = sheaf_stages_list(plan->path);
    const bool has_stages = stages != NULL;
    free(stages);
    *create = stage->replaces && (!has_stages || !session->options->stage);
    if (*create)
        return 0;
    if (!has_stages)
        return sheaf_refuse(&session->error,
                            "%s: holds the results of another job, which has no stages; choose another place with -o, "
                            "or start anew with --overwrite",
                            plan->path);
    if (!sheaf_stages_has(plan->path, plan->stage) || stage->replaces)
        return add(stage, plan);
    if (sheaf_stage_is_outdated(stage, plan)) {
        if (!session->options->quiet)
            fprintf(stderr, "sheaf: stage '%s' is computed anew: what it takes from other stages has changed\n",
                    plan->stage);
        return add(stage, plan);
    }
    plan->added = sheaf_stages_is_new(plan->path, plan->stage);
    return 0;
}
