#include "app/sameness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "core/hash.h"

/* Compares what each rank has with what rank 0 has; those with nothing claim nothing. `what` is said of the first that
   differs. */
static int compare(struct session *session, const char *text, const char *what, int rc) {
    uint64_t own = text && *text ? sheaf_hash_word(text, strlen(text), 0) : 0, *all = NULL;
    if (sheaf_session_is_first(session)) {
        all = calloc((size_t)session->self.n_ranks, sizeof *all);
        rc = rc || all ? rc : sheaf_fail_memory(&session->error, "the ranks");
    }
    rc = sheaf_session_agree(session, rc);
    if (rc == 0)
        rc = sheaf_comm_gather(session->comm, &own, all, sizeof own, &session->error);
    for (int r = 1; rc == 0 && all && r < session->self.n_ranks; r++)
        if (all[r] && all[r] != own)
            rc = sheaf_refuse(&session->error, "rank %d %s", r, what);
    free(all);
    return sheaf_session_agree(session, rc);
}

int sheaf_same_call(struct session *session) {
    struct sheaf_string values = {0};
    sheaf_string_add(&values, "values:");
    for (int i = 0; i < session->options->n_overrides; i++)
        sheaf_string_add(&values, "\n%s=%s", session->options->overrides[i].path, session->options->overrides[i].value);
    const int rc = values.failed ? sheaf_fail_memory(&session->error, "the command line") : 0;
    const int differs =
        compare(session, PACKAGE_VERSION,
                "is of another version than rank 0, which is " PACKAGE_VERSION "; start the same sheaf everywhere",
                0) ||
        compare(session, values.data, "was called with other values for the job (--set, -o) than rank 0", rc);
    sheaf_string_free(&values);
    return differs ? -1 : 0;
}

/* What the kernel is, but for files on rank 0 only. Programs, whose words come from rank 0, have nothing of the kind. */
static void describe_kernel(const struct stage *stage, struct sheaf_string *text) {
    const char *at = stage->kernel.identity.data;
    if (stage->job->kind != JOB_KERNEL && stage->job->kind != JOB_EXPRESSION)
        return;
    for (size_t n; at && *at; at += n) {
        n = strcspn(at, "\n");
        n += at[n] == '\n';
        if (strncmp(at, "file ", 5) != 0)
            sheaf_string_add(text, "%.*s", (int)n, at);
    }
}

/* What this node has of a file: its fingerprint, or nothing where another rank of it looks, it is not there, or cannot
   but be what rank 0 has. */
static int look_at_file(const struct session *session, const struct param_file *file, char hash[SHEAF_HASH_BYTES],
                        struct sheaf_error *error) {
    hash[0] = '\0';
    if (sheaf_session_is_first(session))
        memcpy(hash, file->hash, SHEAF_HASH_BYTES);
    else if (session->self.node_rank == 0 && access(file->path, R_OK) == 0 && sheaf_disk_of(file->path) == DISK_LOCAL)
        return sheaf_hash_file(file->path, hash, error);
    return 0;
}

int sheaf_same_kernel(struct stage *stage) {
    struct session *session = stage->session;
    struct sheaf_string text = {0};
    const int n_params = stage->kernel.files ? stage->kernel.kernel.table.n_params : 0;
    describe_kernel(stage, &text);
    int rc = text.failed ? sheaf_fail_memory(&session->error, "the kernel") : 0;
    rc = compare(session, text.data,
                 "has opened another kernel than rank 0; its file should be the same on all nodes, and the libraries "
                 "that formulas use",
                 rc);
    sheaf_string_free(&text);
    for (int i = 0; rc == 0 && i < n_params; i++) {
        const struct param_file *file = &stage->kernel.files[i];
        char hash[SHEAF_HASH_BYTES], what[512];
        if (!file->path)
            continue;
        snprintf(what, sizeof what, "sees another file %.200s, which params.%.100s names, than rank 0", file->path,
                 stage->kernel.kernel.table.params[i].name);
        rc = look_at_file(session, file, hash, &session->error);
        rc = compare(session, hash, what, rc);
    }
    return rc;
}
