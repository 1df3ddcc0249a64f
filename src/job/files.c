#include "job/files.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/file.h"
#include "core/type.h"
#include "job/axes.h"
#include "job/sweep_source.h"

/* --- what the run writes --------------------------------------------------------------------------------------------- */

/* What the run writes for a results file OUT.h5, whether it is there or not: itself, OUT.h5.lock and the like, and what lies in
   OUT.d. */
struct written {
    char *path;         /* of the results file, links followed, */
    const char *name;   /* its last part, */
    size_t n_stem;      /* and how much of that names the folder of texts too */
    struct stat folder; /* where it lies */
    bool folder_there;
    struct stat results;
    bool results_there;
};

static int find_written(struct written *w, const char *output, struct sheaf_error *error) {
    char *path = sheaf_path_follow(output), *folder = path ? sheaf_path_folder(path) : NULL;
    *w = (struct written){.path = path};
    if (!folder) {
        free(path);
        w->path = NULL;
        return sheaf_fail_memory(error, "a path");
    }
    const char *slash = strrchr(path, '/');
    w->name = slash ? slash + 1 : path;
    const size_t n = strlen(w->name);
    w->n_stem = n > 3 && strcmp(w->name + n - 3, ".h5") == 0 ? n - 3 : n;
    w->folder_there = stat(folder, &w->folder) == 0;
    w->results_there = stat(path, &w->results) == 0;
    free(folder);
    return 0;
}

/* Whether the first n bytes of a path are the folder where the results lie, whatever links lead there. */
static bool is_folder(const struct written *w, const char *path, size_t n) {
    char *folder = strndup(path, n > 0 ? n : 1);
    struct stat about;
    const bool is = folder && w->folder_there && stat(folder, &about) == 0 && about.st_dev == w->folder.st_dev &&
                    about.st_ino == w->folder.st_ino;
    free(folder);
    return is;
}

static bool is_beside(const struct written *w, const char *name) {
    static const char *const endings[] = {"", ".lock", ".new", ".pack", ".kept"};
    const size_t n = strlen(w->name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (strncmp(name, w->name, n) == 0 && strcmp(name + n, endings[i]) == 0)
            return true;
    return false;
}

static bool is_written(const struct written *w, const struct matching_file *file) {
    const char *slash = strrchr(file->path, '/');
    if (w->results_there && file->device == (uint64_t)w->results.st_dev && file->inode == (uint64_t)w->results.st_ino)
        return true;
    if (is_beside(w, slash + 1) && is_folder(w, file->path, (size_t)(slash - file->path)))
        return true;
    for (const char *at = file->path; at < slash; at = strchr(at + 1, '/'))
        if (strncmp(at + 1, w->name, w->n_stem) == 0 && strncmp(at + 1 + w->n_stem, ".d/", 3) == 0 &&
            is_folder(w, file->path, (size_t)(at - file->path)))
            return true;
    return false;
}

/* A pattern may match what an earlier run of the job has written, or what this one is about to replace: no item. */
static int leave_written_out(struct items *items, struct matching *matching, const struct job *job,
                             struct sheaf_error *error) {
    struct written written;
    int64_t n = 0;
    if (find_written(&written, job->output, error))
        return -1;
    const char *first = NULL;
    for (int64_t i = 0; i < matching->n; i++)
        if (!is_written(&written, &matching->files[i]))
            matching->files[n++] = matching->files[i];
        else if (!first)
            first = matching->files[i].path;
    if (matching->n - n == 1)
        sheaf_string_add(&items->warnings, "items.files: '%s' matches, and is no item: the run itself writes it\n",
                         first);
    else if (matching->n > n)
        sheaf_string_add(&items->warnings,
                         "items.files: '%s' and %" PRId64 " more match, and are no items: the run itself writes them\n",
                         first, matching->n - n - 1);
    matching->n = n;
    free(written.path);
    return 0;
}

/* --- patterns -------------------------------------------------------------------------------------------------------- */

static int match(struct matching *matching, const struct job *job, const struct yaml_node *node,
                 struct sheaf_error *error) {
    const char *pattern;
    if (sheaf_yaml_text(node, "items.files", &pattern, error))
        return -1;
    return sheaf_matching_add(matching, sheaf_job_folder(job, node), pattern, error)
               ? sheaf_error_prefix(error, "items.files: ") && sheaf_yaml_prefix(node, error)
               : 0;
}

/* One pattern, or a list of them. */
static int match_all(struct items *items, struct matching *matching, const struct job *job,
                     const struct yaml_node *node, struct sheaf_error *error) {
    const bool list = node->kind == YAML_LIST;
    if (list && node->n == 0)
        return sheaf_yaml_refuse(node, error, "items.files is empty; it should be a pattern, or a list of them");
    for (int i = 0; i < (list ? node->n : 1); i++)
        if (match(matching, job, list ? node->value[i] : node, error))
            return -1;
    sheaf_matching_sort(matching);
    if (leave_written_out(items, matching, job, error))
        return -1;
    return matching->n > 0
               ? 0
               : sheaf_yaml_refuse(node, error, "items.files: no file matches but those that the run itself writes");
}

/* --- fields ---------------------------------------------------------------------------------------------------------- */

enum { PATH = FILES_PATH, NAME, SIZE = FILES_SIZE, MODIFIED = FILES_MODIFIED, N_FIELDS };

static const struct sheaf_field described[] = {
    [PATH] = {.name = "file", .type = SHEAF_TEXT, .width = 1},
    [NAME] = {.name = "name", .type = SHEAF_TEXT, .width = 1},
    [SIZE] = {.name = "size", .type = SHEAF_INT64, .width = 1, .unit = "bytes"},
    [MODIFIED] = {.name = "modified", .type = SHEAF_INT64, .width = 1, .unit = "nanoseconds since 1970-01-01"},
};

static struct sheaf_text as_text(const char *text) {
    return (struct sheaf_text){text, strlen(text)};
}

static int fill(struct sweep_field *fields, const struct matching *matching, struct sheaf_error *error) {
    void *values[N_FIELDS];
    for (int k = 0; k < N_FIELDS; k++) {
        values[k] = sheaf_arena_take(matching->arena, (size_t)matching->n * sheaf_type_bytes(described[k].type));
        if (!values[k])
            return sheaf_fail_memory(error, "the files");
        fields[k] = (struct sweep_field){.about = described[k], .n_values = matching->n, .values = values[k]};
    }
    for (int64_t i = 0; i < matching->n; i++) {
        const struct matching_file *file = &matching->files[i];
        ((struct sheaf_text *)values[PATH])[i] = as_text(file->path);
        ((struct sheaf_text *)values[NAME])[i] = as_text(strrchr(file->path, '/') + 1);
        ((int64_t *)values[SIZE])[i] = file->n_bytes;
        ((int64_t *)values[MODIFIED])[i] = file->modified_ns;
    }
    return 0;
}

/* A param or an output may be called like a field that is there anyway. */
static int rename_fields(struct items *items, struct sweep_field *fields, const struct job_table *table,
                         struct sheaf_error *error) {
    for (int r = 0; r < table->n_renames; r++) {
        const struct job_pair *rename = &table->renames[r];
        int k = 0;
        while (k < N_FIELDS && strcmp(described[k].name, rename->name) != 0)
            k++;
        if (k == N_FIELDS)
            return sheaf_yaml_refuse(rename->node, error,
                                     "items.rename: no field '%s'; files have file, name, size and modified",
                                     rename->name);
        const char *text = rename->node->text;
        if (sheaf_items_check_name(text, "items.rename", error))
            return sheaf_yaml_prefix(rename->node, error);
        fields[k].about.name = sheaf_arena_text(&items->arena, text, strlen(text));
        if (!fields[k].about.name)
            return sheaf_fail_memory(error, "the files");
    }
    for (int k = 1; k < N_FIELDS; k++)
        for (int other = 0; other < k; other++)
            if (strcmp(fields[k].about.name, fields[other].about.name) == 0)
                return sheaf_yaml_refuse(table->renames[0].node, error, "items.rename: two fields are called '%s'",
                                         fields[k].about.name);
    return 0;
}

/* --- all of it --------------------------------------------------------------------------------------------------------- */

int sheaf_files_open(struct items *items, const struct job *job, struct sheaf_error *error) {
    const struct yaml_node *node = job->items.node, *repeat = sheaf_yaml_get(node, "repeat");
    struct matching matching = {.arena = &items->arena};
    struct sweep *sweep = sheaf_arena_take(&items->arena, sizeof *sweep);
    struct sweep_field *fields = sheaf_arena_take(&items->arena, N_FIELDS * sizeof *fields);
    if (!sweep || !fields)
        return sheaf_fail_memory(error, "the files");
    if (match_all(items, &matching, job, sheaf_yaml_get(node, "files"), error))
        return -1;
    if (matching.n > AXIS_VALUES_MOST)
        return sheaf_yaml_refuse(node, error, "items.files: %" PRId64 " files match; there may be %" PRId64, matching.n,
                                 AXIS_VALUES_MOST);
    items->n_matched = matching.n;
    items->matched = matching.files;
    sweep->axes[sweep->n_axes++] = (struct sweep_axis){.name = "item", .size = matching.n};
    sweep->n_fields = N_FIELDS;
    sweep->fields = fields;
    if (fill(fields, &matching, error) || rename_fields(items, fields, &job->items.table, error) ||
        (repeat && sheaf_sweep_repeat(items, sweep, repeat, error)))
        return -1;
    return sheaf_sweep_open(items, sweep, job, error);
}

void sheaf_files_say_changed(const struct items *items, struct sheaf_string *said) {
    enum { SHOWN = 3 };
    int64_t n = 0;
    for (int64_t i = 0; i < items->n_matched; i++) {
        const struct matching_file *file = &items->matched[i];
        struct stat about;
        if (stat(file->path, &about) == 0 && (int64_t)about.st_size == file->n_bytes &&
            (int64_t)about.st_mtim.tv_sec * 1000000000 + (int64_t)about.st_mtim.tv_nsec == file->modified_ns)
            continue;
        if (n++ < SHOWN)
            sheaf_string_add(said, "%s%s", said->length ? ", " : "", file->path);
    }
    if (n > SHOWN)
        sheaf_string_add(said, " and %" PRId64 " more", n - SHOWN);
}
