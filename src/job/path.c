#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "job/job.h"

const char *sheaf_job_path(struct job *job, const struct yaml_node *node, const char *path) {
    const char *folder = strncmp(node->file, "--", 2) != 0 ? job->folder : "."; /* --set KEY=VALUE, and the like */
    char *joined = sheaf_path_join(folder, path);
    const char *kept = joined ? sheaf_arena_text(&job->document.arena, joined, strlen(joined)) : NULL;
    free(joined);
    return kept;
}
