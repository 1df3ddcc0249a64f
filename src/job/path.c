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
