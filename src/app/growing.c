#include "app/growing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/reuse.h"
#include "core/file.h"
#include "plan/journal.h"
#include "store/kernel_part.h"
#include "store/pack.h"

/* The old file, under the name that it keeps. */
struct before {
    char *path; /* NULL: it need not be kept */
    bool made;  /* by this run */
};

bool sheaf_growing_is_due(const struct results_plan *plan, bool reuses_more) {
    char *stored = plan->stage ? NULL : sheaf_results_identity(plan->path, NULL);
    const bool due = stored && (reuses_more || sheaf_items_part_differs(stored, plan->identity)) &&
                     sheaf_kernel_part_same(stored, plan->identity, plan->pure);
    free(stored);
    return due;
}

/* Where nothing would be kept of what is done there, it is another job. */
static bool grows(const struct taken *taken) {
    return taken->comparable && (taken->n_rows > 0 || taken->n_done == 0);
}

static struct take_rule rule_of(const struct results_plan *plan) {
    return (struct take_rule){.anywhere = plan->pure, .failed = true};
}

int sheaf_growing_look(struct stage *stage, const struct results_plan *plan, bool from_old, struct taken *taken,
                       bool *does, int64_t *n_reused, struct sheaf_string *said) {
    struct sheaf_error *error = &stage->session->error;
    struct taking taking;
    int rc = sheaf_taking_open(&taking, plan, NULL, error);
    if (rc == 0 && from_old)
        rc = sheaf_take_over(&taking, plan->path, rule_of(plan), taken, error);
    *does = rc == 0 && from_old && grows(taken);
    if (rc == 0 && (*does || !from_old))
        rc = sheaf_reuse_take(stage, &taking, said, n_reused, error);
    sheaf_taking_close(&taking);
    return rc;
}

/* --- the old file -------------------------------------------------------------------------------------------------- */

/* "sweep.before.h5", "sweep.before2.h5"; new memory. */
static char *name_before(const char *path, int k) {
    struct sheaf_string name = {0};
    const size_t n = strlen(path);
    const bool has_ending = n > 3 && strcmp(path + n - 3, ".h5") == 0;
    sheaf_string_add(&name, "%.*s.before", (int)(has_ending ? n - 3 : n), path);
    if (k > 1)
        sheaf_string_add(&name, "%d", k);
    sheaf_string_add(&name, "%s", has_ending ? ".h5" : "");
    if (name.failed)
        sheaf_string_free(&name);
    return name.data;
}

/* A copy that lasts, whole or not at all. */
static int copy_whole(const char *path, const char *name, struct sheaf_error *error) {
    char *part = sheaf_path_with(name, ".part");
    if (!part)
        return sheaf_fail_memory(error, "a path");
    unlink(part); /* what a killed run has left */
    int rc = sheaf_file_copy(path, part, error);
    const int fd = rc ? -1 : open(part, O_RDWR | O_CLOEXEC);
    if (rc == 0 && (fd < 0 || fsync(fd)))
        rc = sheaf_fail_errno(error, "%s: cannot sync", part);
    if (fd >= 0)
        close(fd);
    if (rc == 0 && sheaf_file_rename_new(part, name))
        rc = sheaf_fail_errno(error, "%s: cannot rename it to %s", part, name);
    if (rc)
        unlink(part);
    free(part);
    return rc;
}

/* Gives the file a second name, or copies it where it cannot have one; *taken: something else has that name. */
static int give_name(const char *path, const char *name, struct before *before, bool *taken,
                     struct sheaf_error *error) {
    struct sheaf_stamp stamp;
    *taken = false;
    before->made = true;
    if (link(path, name) == 0)
        return 0;
    if (errno == EEXIST) {
        if (sheaf_stamp_take(&stamp, path, error))
            return -1;
        before->made = false;
        *taken = !sheaf_stamp_names(&stamp, name); /* else a run was killed that gave it */
        return 0;
    }
    return access(name, F_OK) == 0 ? (*taken = true, 0) : copy_whole(path, name, error);
}

/* With its texts in it, since those beside it go with the name that it loses. */
static int keep_old(struct session *session, struct before *before) {
    enum { MOST_NAMES = 1000 };
    struct packed packed = {0};
    const char *path = session->output;
    if (sheaf_pack(path, NULL, &packed, &session->error) || sheaf_results_find(path, &session->found, &session->error))
        return -1;
    for (int k = 1; k < MOST_NAMES; k++) {
        bool taken;
        before->path = name_before(path, k);
        if (!before->path)
            return sheaf_fail_memory(&session->error, "a path");
        if (give_name(path, before->path, before, &taken, &session->error))
            return -1;
        if (!taken)
            return sheaf_file_sync_folder(before->path, &session->error);
        free(before->path);
        before->path = NULL;
    }
    return sheaf_refuse(&session->error, "%s: too many of its older versions are kept beside it; move them away", path);
}

/* --- the new file -------------------------------------------------------------------------------------------------- */

static int fill(struct stage *stage, const struct results_plan *plan, struct results *results, struct taken *taken,
                struct sheaf_string *said) {
    struct sheaf_error *error = &stage->session->error;
    struct skipped skipped;
    int64_t n_reused;
    struct taking taking = {0};
    int rc = sheaf_results_skip(results, NULL, plan->items, plan->input_fields, plan->inputs, plan->n_inputs, &skipped,
                                error) ||
                     sheaf_results_copy_runs(results, plan->path, error) ||
                     sheaf_taking_open(&taking, plan, results, error)
                 ? -1
                 : 0;
    rc = rc ? rc : sheaf_take_over(&taking, plan->path, rule_of(plan), taken, error);
    if (rc == 0 && grows(taken))
        rc = sheaf_reuse_take(stage, &taking, said, &n_reused, error);
    sheaf_taking_close(&taking);
    return rc ? rc : sheaf_results_end_turn(results, error);
}

/* Makes it aside; *token: of its texts. */
static int make(struct stage *stage, const struct results_plan *plan, struct taken *taken, uint64_t *token,
                struct sheaf_string *said) {
    struct sheaf_error *error = &stage->session->error, ignored;
    struct results results = {.fd = -1};
    int rc = sheaf_results_create(plan, error);
    if (rc == 0) {
        rc = sheaf_results_open(&results, plan, true, error) || fill(stage, plan, &results, taken, said) ? -1 : 0;
        *token = results.token;
        if (sheaf_results_close(&results, rc ? &ignored : error))
            rc = -1;
    }
    return rc;
}

void sheaf_growing_say(const char *path, int64_t n_items, const struct taken *taken, struct sheaf_string *said) {
    char a[32], b[32], c[32];
    const int64_t n_new = n_items - taken->n_same;
    sheaf_string_add(said, "%s of %s items are those of %s", sheaf_text_count(taken->n_same, a),
                     sheaf_text_count(n_items, b), path);
    if (taken->n_rows < taken->n_same)
        sheaf_string_add(said, ", where %s %s results", sheaf_text_count(taken->n_rows, c),
                         taken->n_rows == 1 ? "has" : "have");
    if (n_new)
        sheaf_string_add(said, "; %s %s new", sheaf_text_count(n_new, c), n_new == 1 ? "is" : "are");
}

static void say(const struct session *session, const struct results_plan *plan, const struct taken *taken,
                const char *before) {
    struct sheaf_string said = {0};
    char count[32];
    if (session->options->quiet)
        return;
    sheaf_growing_say(session->job.output, plan->items->n_items, taken, &said);
    if (before && taken->n_lost == 0)
        sheaf_string_add(&said, "; what else was in the file is kept in %s", before);
    else if (before)
        sheaf_string_add(&said, "; of %s that %s not among them the results are kept in %s",
                         sheaf_text_count(taken->n_lost, count), taken->n_lost == 1 ? "is" : "are", before);
    if (!said.failed)
        fprintf(stderr, "sheaf: %s\n", said.data);
    sheaf_string_free(&said);
}

int sheaf_growing_do(struct stage *stage, const struct results_plan *plan) {
    struct session *session = stage->session;
    struct sheaf_error ignored;
    struct before before = {0};
    struct taken taken = {0};
    struct sheaf_string reused = {0};
    uint64_t token = 0;
    int rc = make(stage, plan, &taken, &token, &reused);
    const bool does = rc == 0 && grows(&taken);
    if (does && (taken.n_lost > 0 || sheaf_results_have_more(plan->path)))
        rc = keep_old(session, &before);
    if (does && rc == 0)
        rc = sheaf_session_publish_file(plan->path, &session->found, &session->error);
    if (does && rc == 0) {
        say(session, plan, &taken, before.path);
        sheaf_reuse_say(session, &reused);
        rc = sheaf_results_find(plan->path, &session->found, &session->error);
    } else {
        sheaf_results_discard(plan->path);
        if (token)
            sheaf_journal_remove(plan->path, token, false, &ignored);
        if (before.made)
            unlink(before.path);
    }
    free(before.path);
    sheaf_string_free(&reused);
    return rc;
}
