#include "app/collision.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/file.h"
#include "store/results.h"

static bool is_same_file(const char *a, const char *b) {
    struct stat about_a, about_b;
    return stat(a, &about_a) == 0 && stat(b, &about_b) == 0 && about_a.st_dev == about_b.st_dev &&
           about_a.st_ino == about_b.st_ino;
}

static bool lies_in(const char *file, const char *folder) {
    char *real_file = realpath(file, NULL), *real_folder = realpath(folder, NULL);
    const size_t n = real_folder ? strlen(real_folder) : 0;
    const bool inside = real_file && n && strncmp(real_file, real_folder, n) == 0 && real_file[n] == '/';
    free(real_file);
    free(real_folder);
    return inside;
}

/* One file that the job names; what: "the job's items". */
static int check_file(const struct collision *c, const char *file, const char *what, struct sheaf_error *error) {
    if (!file)
        return 0;
    if (c->replaces && is_same_file(file, c->output))
        return sheaf_refuse(error,
                            "%s: is %s, and --overwrite would replace it by the results; choose another place for them "
                            "with -o",
                            file, what);
    if (lies_in(file, c->folder))
        return sheaf_refuse(error, "%s: is %s, and lies in %s, where this run writes and removes files; move it away",
                            file, what, c->folder);
    for (int k = 0; sheaf_results_beside[k]; k++) {
        char *beside = sheaf_path_with(c->output, sheaf_results_beside[k]);
        const bool same = beside && is_same_file(file, beside);
        const int rc = !beside ? sheaf_fail_memory(error, "a path")
                       : same  ? sheaf_refuse(error,
                                              "%s: is %s, and the run would write over it: %s is a name that it uses "
                                               "itself; rename it, or choose another place for the results with -o",
                                              file, what, beside)
                               : 0;
        free(beside);
        if (rc)
            return -1;
    }
    return 0;
}

/* A param that is a file's name, as seen from the job file. */
static int check_param(const struct collision *c, const struct yaml_node *value, struct sheaf_error *error) {
    if (value->kind != YAML_SCALAR || !value->text[0])
        return 0;
    const char *path = sheaf_job_path(c->job, value, value->text);
    return path ? check_file(c, path, "a file that a param of the job names", error)
                : sheaf_fail_memory(error, "a path");
}

/* The library of a function that formulas call. */
static int check_library(const struct collision *c, const struct yaml_node *function, struct sheaf_error *error) {
    const struct yaml_node *library = function->kind == YAML_MAP ? sheaf_yaml_get(function, "library") : NULL;
    const char *path = library && library->kind == YAML_SCALAR ? sheaf_job_path(c->job, library, library->text) : NULL;
    return check_file(c, path, "a library of the job's functions", error);
}

/* A file on each line. */
static int check_lines(const struct collision *c, const char *lines, const char *what, struct sheaf_error *error) {
    for (const char *at = lines; at && *at;) {
        const size_t n = strcspn(at, "\n");
        char *file = strndup(at, n);
        const int rc = file ? check_file(c, file, what, error) : sheaf_fail_memory(error, "a path");
        free(file);
        if (rc)
            return -1;
        at += n + (at[n] == '\n');
    }
    return 0;
}

int sheaf_collision_check(const struct collision *c, struct sheaf_error *error) {
    const struct job *job = c->job;
    if (check_file(c, c->job_file, "the job file", error) ||
        check_file(c, job->items.kind == JOB_COUNT || sheaf_job_lists_items(job) ? NULL : job->items.path,
                   "the job's items", error) ||
        check_file(c, job->cost_file, "what the job takes costs from", error) ||
        check_file(c, c->kernel->kernel.path, "the job's plugin", error))
        return -1;
    for (int k = 0; k < job->n_shared; k++)
        if (check_file(c, job->shared[k].file, "a file of the job's shared data", error))
            return -1;
    for (int k = 0; job->functions && k < job->functions->n; k++)
        if (check_library(c, job->functions->value[k], error))
            return -1;
    for (int k = 0; k < job->n_params; k++)
        if (check_param(c, job->params[k].node, error))
            return -1;
    if (c->items->files.failed || c->known->paths.failed)
        return sheaf_fail_memory(error, "a path");
    return check_lines(c, c->items->files.data, "a file of the job's axes", error) ||
                   check_lines(c, c->known->paths.data, "a file that the job names", error)
               ? -1
               : 0;
}
