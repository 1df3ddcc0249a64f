#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "job/job.h"

const char *sheaf_job_folder(const struct job *job, const struct yaml_node *node) {
    return strncmp(node->file, "--", 2) != 0 ? job->folder : "."; /* --set KEY=VALUE, and the like */
}

const char *sheaf_job_path(struct job *job, const struct yaml_node *node, const char *path) {
    char *joined = sheaf_path_join(sheaf_job_folder(job, node), path);
    const char *kept = joined ? sheaf_arena_text(&job->document.arena, joined, strlen(joined)) : NULL;
    free(joined);
    return kept;
}

int sheaf_job_split(const struct yaml_node *node, const char *what, bool is_hdf5, size_t *n_file, const char **within,
                    struct sheaf_error *error) {
    const char *text;
    if (sheaf_yaml_text(node, what, &text, error))
        return -1;
    const char *colon = is_hdf5 ? strstr(text, ":/") : strrchr(text, ':');
    if (!colon || colon == text || !colon[1])
        return sheaf_yaml_refuse(node, error, "%s is '%s'; it should be %s", what, text,
                                 is_hdf5 ? "FILE:/DATASET, such as t.h5:/total" : "FILE:COLUMN, such as t.csv:weight");
    *n_file = (size_t)(colon - text);
    *within = colon + 1;
    return 0;
}
