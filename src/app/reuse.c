#include "app/reuse.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "store/kernel_part.h"
#include "store/lock.h"

enum { MOST_FILES = 255 }; /* which one is a byte of each item */

/* --- which files --------------------------------------------------------------------------------------------------- */

/* The number of a line of a text, from 1; 0: it has none such. */
static int find_line(const char *lines, const char *line) {
    const size_t n = strlen(line);
    int k = 1;
    for (const char *at = lines; at && *at; at += strcspn(at, "\n"), at += *at == '\n', k++)
        if (strncmp(at, line, n) == 0 && (at[n] == '\n' || at[n] == '\0'))
            return k;
    return 0;
}

static int count_lines(const char *lines) {
    int n = 0;
    for (; *lines; lines++)
        n += *lines == '\n';
    return n;
}

int sheaf_reuse_origins(const struct stage *stage, const char *path, char **origins, bool *is_more,
                        struct sheaf_error *error) {
    const struct job *job = stage->job;
    struct sheaf_string lines = {0};
    char *before = path ? sheaf_results_origins(path) : NULL;
    *is_more = false;
    if (before)
        sheaf_string_add(&lines, "%s", before);
    for (int k = 0; k < job->n_reuse; k++) {
        const char *name = job->reuse[k].node->text;
        if (find_line(lines.data, name))
            continue;
        *is_more = true;
        sheaf_string_add(&lines, "%s\n", name);
    }
    free(before);
    if (lines.failed || (lines.data && count_lines(lines.data) > MOST_FILES)) {
        const bool failed = lines.failed;
        sheaf_string_free(&lines);
        return failed ? sheaf_fail_memory(error, "the files that rows are from")
                      : sheaf_refuse(error, "reuse: rows of one results file are from %d others at most", MOST_FILES);
    }
    *origins = lines.data;
    return 0;
}

/* It is there, is not the one that is written, and nobody writes it now. */
static int check_file(const struct stage *stage, const struct job_reuse *file, struct sheaf_error *error) {
    struct sheaf_stamp stamp;
    struct lock_holder holder = {0};
    char *path = sheaf_path_follow(file->path);
    if (!path || sheaf_stamp_take(&stamp, path, error)) {
        free(path);
        return path ? sheaf_yaml_prefix(file->node, error) : sheaf_fail_memory(error, "a path");
    }
    const bool own = sheaf_stamp_names(&stamp, stage->session->output), held = sheaf_lock_is_held(path, &holder);
    free(path);
    if (own)
        return sheaf_yaml_refuse(file->node, error, "reuse: %s is the results file of this run itself",
                                 file->node->text);
    if (held)
        return sheaf_yaml_refuse(file->node, error, "reuse: a run is writing %s; wait until it has ended",
                                 file->node->text);
    return 0;
}

/* --- its rows ------------------------------------------------------------------------------------------------------ */

static void say(const char *name, const struct taken *taken, int64_t n_items, struct sheaf_string *said) {
    char a[32], b[32];
    if (taken->comparable)
        sheaf_string_add(said, "reuse: %s of %s items are taken over from %s\n", sheaf_text_count(taken->n_rows, a),
                         sheaf_text_count(n_items, b), name);
    else
        sheaf_string_add(said, "reuse: nothing is taken over from %s: it does not tell what its inputs were\n", name);
}

static int take_file(const struct stage *stage, struct taking *taking, const struct job_reuse *file,
                     struct sheaf_string *said, int64_t *n_rows, struct sheaf_error *error) {
    const struct results_plan *plan = taking->plan;
    const char *name = file->node->text;
    struct taken taken = {0};
    if (check_file(stage, file, error))
        return -1;
    char *identity = sheaf_results_identity(file->path, NULL);
    if (!identity)
        return sheaf_yaml_refuse(file->node, error, "reuse: %s is not a results file of Sheaf", name);
    int rc = 0;
    if (sheaf_kernel_part_same(identity, plan->identity, plan->pure)) {
        const int origin = find_line(plan->origins, name);
        const struct take_rule rule = {.anywhere = plan->pure, .origin = (uint8_t)origin};
        rc = sheaf_take_over(taking, file->path, rule, &taken, error);
        if (rc == 0)
            say(name, &taken, plan->items->n_items, said);
    } else {
        sheaf_string_add(said, "reuse: nothing is taken over from %s: ", name);
        sheaf_kernel_part_say(identity, plan->identity, said);
        sheaf_string_add(said, "\n");
    }
    *n_rows += taken.n_rows;
    free(identity);
    return rc;
}

int sheaf_reuse_take(struct stage *stage, struct taking *taking, struct sheaf_string *said, int64_t *n_rows,
                     struct sheaf_error *error) {
    const struct job *job = stage->job;
    *n_rows = 0;
    for (int k = 0; k < job->n_reuse; k++)
        if (take_file(stage, taking, &job->reuse[k], said, n_rows, error))
            return -1;
    return said->failed ? sheaf_fail_memory(error, "a message") : 0;
}

void sheaf_reuse_say(const struct session *session, const struct sheaf_string *said) {
    const char *line = session->options->quiet || said->failed ? NULL : said->data, *end;
    for (; line && (end = strchr(line, '\n')) != NULL; line = end + 1)
        fprintf(stderr, "sheaf: %.*s\n", (int)(end - line), line);
}

int sheaf_reuse_fill(struct stage *stage, const struct results_plan *plan) {
    struct session *session = stage->session;
    struct sheaf_string said = {0};
    struct taking taking;
    int64_t n_rows;
    if (stage->job->n_reuse == 0)
        return 0;
    int rc = sheaf_taking_open(&taking, plan, &session->results, &session->error);
    rc = rc ? rc : sheaf_reuse_take(stage, &taking, &said, &n_rows, &session->error);
    if (rc == 0 && n_rows > 0) /* before the file has its name */
        rc = sheaf_results_sync(&session->results, &session->error);
    if (rc == 0)
        sheaf_reuse_say(session, &said);
    sheaf_taking_close(&taking);
    sheaf_string_free(&said);
    return rc;
}
