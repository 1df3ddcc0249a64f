#include "cmd/each_stage.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "store/stages.h"

/* One of the lines. */
static int visit_line(const char *path, const char *line, size_t n_line, int k, int n,
                      int (*visit)(const struct cmd_stage *stage, void *context), void *context,
                      struct sheaf_error *error) {
    struct sheaf_string address = {0};
    char *name = strndup(line, n_line);
    sheaf_string_add(&address, "%s:/%.*s", path, (int)n_line, line);
    const int rc =
        !name || address.failed
            ? sheaf_fail_memory(error, path)
            : visit(&(struct cmd_stage){address.data, path, name, sheaf_stages_has(path, name), k, n}, context);
    sheaf_string_free(&address);
    free(name);
    return rc;
}

int sheaf_cmd_each_stage(const char *word, int (*visit)(const struct cmd_stage *stage, void *context), void *context,
                         struct sheaf_error *error) {
    char *path;
    const char *stage;
    if (sheaf_stages_split(word, &path, &stage))
        return sheaf_fail_memory(error, word);
    char *stages = stage ? NULL : sheaf_stages_list(path);
    int rc = 0, n = 0, k = 0;
    if (!stages)
        rc = visit(&(struct cmd_stage){word, path, stage, true, 0, 1}, context);
    for (const char *at = stages; at && *at; at++)
        n += *at == '\n';
    for (const char *at = stages, *end; rc == 0 && at && (end = strchr(at, '\n')) != NULL; at = end + 1)
        rc = visit_line(path, at, (size_t)(end - at), k++, n, visit, context, error);
    free(stages);
    free(path);
    return rc;
}
