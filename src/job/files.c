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

/* Whether a path is what the run writes for this results file, or lies in its folder of texts: OUT.h5, OUT.h5.lock and the
   like, OUT.d/. */
static bool is_written(const char *path, const char *output) {
    static const char *const endings[] = {"", ".lock", ".new", ".pack", ".kept"};
    const size_t n = strlen(output), n_stem = n > 3 && strcmp(output + n - 3, ".h5") == 0 ? n - 3 : n;
    if (strncmp(path, output, n_stem) == 0 && strncmp(path + n_stem, ".d/", 3) == 0)
        return true;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (strncmp(path, output, n) == 0 && strcmp(path + n, endings[i]) == 0)
            return true;
    return false;
}

/* The results file as paths of matching files are written, whether it is there or not. New memory, or NULL. */
static char *find_output(const char *output) {
    char *followed = sheaf_path_follow(output), *folder = followed ? sheaf_path_folder(followed) : NULL;
    char *real = folder ? realpath(folder, NULL) : NULL;
    const char *slash = followed ? strrchr(followed, '/') : NULL;
    char *found = real ? sheaf_path_join(real, slash ? slash + 1 : followed) : followed ? strdup(followed) : NULL;
    free(real);
    free(folder);
    free(followed);
    return found;
}

/* A pattern may match what an earlier run of the job has written: no item. */
static int leave_written_out(struct matching *matching, const struct job *job, struct sheaf_error *error) {
    struct stat about;
    const bool there = stat(job->output, &about) == 0;
    char *output = find_output(job->output);
    int64_t n = 0;
    if (!output)
        return sheaf_fail_memory(error, "a path");
    for (int64_t i = 0; i < matching->n; i++) {
        const struct matching_file *file = &matching->files[i];
        const bool same = there && file->device == (uint64_t)about.st_dev && file->inode == (uint64_t)about.st_ino;
        if (!same && !is_written(file->path, output))
            matching->files[n++] = *file;
    }
    matching->n = n;
    free(output);
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
static int match_all(struct matching *matching, const struct job *job, const struct yaml_node *node,
                     struct sheaf_error *error) {
    const bool list = node->kind == YAML_LIST;
    if (list && node->n == 0)
        return sheaf_yaml_refuse(node, error, "items.files is empty; it should be a pattern, or a list of them");
    for (int i = 0; i < (list ? node->n : 1); i++)
        if (match(matching, job, list ? node->value[i] : node, error))
            return -1;
    sheaf_matching_sort(matching);
    if (leave_written_out(matching, job, error))
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
    if (match_all(&matching, job, sheaf_yaml_get(node, "files"), error))
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
