#include "app/adding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/identity.h"
#include "store/reader.h"
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

/* Whether one that a stage takes from is through; else why not. */
static int check_need(const struct job *job, const char *name, struct sheaf_error *error) {
    char text[READER_LACKS_BYTES];
    const char *lacks = "it is not computed yet";
    struct sheaf_string address = {0};
    struct reader *reader = NULL;
    int rc = 0;
    if (sheaf_stages_has(job->output, name)) {
        sheaf_string_add(&address, "%s:/%s", job->output, name);
        rc = address.failed ? sheaf_fail_memory(error, job->output)
                            : sheaf_reader_open_statuses(&reader, address.data, error);
        rc = rc || sheaf_reader_lacks(reader, true, &lacks, text, error) ? -1 : 0;
        sheaf_reader_close(reader);
        sheaf_string_free(&address);
    }
    return rc == 0 && lacks ? sheaf_refuse(error,
                                           "stage '%s' takes from stage '%s': %s; run that to its end "
                                           "first, with --stage %s or without --stage",
                                           job->stage, name, lacks, name)
                            : rc;
}

int sheaf_stage_check_needs(const struct job *job, struct sheaf_error *error) {
    if (job->items.stage && check_need(job, job->items.stage, error))
        return -1;
    for (int k = 0; k < job->n_shared; k++)
        if (job->shared[k].stage && check_need(job, job->shared[k].stage, error))
            return -1;
    return 0;
}

bool sheaf_stage_is_outdated(const struct stage *stage, const struct results_plan *plan) {
    static const char reductions[] = "reduce \n";
    struct sheaf_string keys = {0};
    char *stored = sheaf_results_identity(plan->path, plan->stage);
    sheaf_string_add(&keys, "%s", "");
    list_given(stage->job, &keys);
    sheaf_string_add(&keys, "%s", reductions); /* other ones are made in any case */
    const bool is = stored && !keys.failed && sheaf_identity_differs_in_keys(stored, plan->identity, keys.data) &&
                    !sheaf_identity_differs_in_keys(stored, plan->identity, reductions);
    sheaf_string_free(&keys);
    free(stored);
    return is;
}

static bool has_stages(const char *path) {
    char *stages = sheaf_stages_list(path);
    free(stages);
    return stages != NULL;
}

bool sheaf_stage_replaces_file(const struct stage *stage) {
    const struct session *session = stage->session;
    const bool is_one = stage->job->stage && session->options->stage && has_stages(session->output);
    return stage->replaces && !is_one;
}

int sheaf_stage_check_file(struct stage *stage) {
    struct session *session = stage->session;
    return has_stages(session->output)
               ? 0
               : sheaf_refuse(
                     &session->error,
                     "%s: holds the results of another job, which has no stages; choose another place with -o, "
                     "or start anew with --overwrite",
                     session->output);
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
    *create = sheaf_stage_replaces_file(stage);
    if (*create)
        return 0;
    if (sheaf_stage_check_file(stage))
        return -1;
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
