#include "cmd/run_words.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"

static int add_override(struct run_words *words, const char *path, const char *value, struct sheaf_error *error) {
    int n = words->options.n_overrides;
    if (n == MOST_OVERRIDES)
        return sheaf_refuse(error, "more than %d settings; put them into the job file", MOST_OVERRIDES);
    words->overrides[n] = (struct job_override){path, value};
    words->options.n_overrides++;
    return 0;
}

static int apply_set(void *target, const char *value, struct sheaf_error *error) {
    struct run_words *words = target;
    const char *equals = strchr(value, '=');
    if (!equals || equals == value)
        return sheaf_refuse(error, "'%s' should be KEY=VALUE, such as params.samples=360", value);
    char *path = strndup(value, (size_t)(equals - value));
    if (!path)
        return sheaf_fail_memory(error, "the options");
    if (add_override(words, path, equals + 1, error)) {
        free(path);
        return -1;
    }
    words->copies[words->options.n_overrides - 1] = path;
    return 0;
}

/* A path is no YAML: it is handed on in quotes. */
static int apply_output(void *target, const char *value, struct sheaf_error *error) {
    struct run_words *words = target;
    struct sheaf_string quoted = {0};
    sheaf_string_add(&quoted, "'");
    for (const char *p = value; *p; p++)
        sheaf_string_add(&quoted, *p == '\'' ? "''" : "%c", *p);
    sheaf_string_add(&quoted, "'");
    if (quoted.failed || add_override(words, "output", quoted.data, error)) {
        sheaf_string_free(&quoted);
        return -1;
    }
    words->copies[words->options.n_overrides - 1] = quoted.data;
    return 0;
}

static int apply_threads(void *target, const char *value, struct sheaf_error *error) {
    struct run_words *words = target;
    int64_t n;
    if (sheaf_text_to_int64(value, strlen(value), &n) || n < 1 || n > 4096)
        return sheaf_refuse(error, "'%s' should be a number of threads, 1 to 4096", value);
    words->options.n_threads = (int)n;
    return 0;
}

static int apply_items(void *target, const char *value, struct sheaf_error *error) {
    struct asked *items = &((struct run_words *)target)->options.items;
    sheaf_asked_free(items); /* the last one counts */
    return sheaf_asked_read(items, value, error);
}

static int apply_stop_after(void *target, const char *value, struct sheaf_error *error) {
    struct run_words *words = target;
    if (sheaf_text_to_seconds(value, &words->options.stop_after_s))
        return sheaf_refuse(error, "'%s' should be a time, such as 90s, 30m, 2h or 1:30:00", value);
    return 0;
}

static int apply_stage(void *target, const char *value, struct sheaf_error *error) {
    (void)error;
    ((struct run_words *)target)->options.stage = value;
    return 0;
}

static int apply_overwrite(void *target, const char *value, struct sheaf_error *error) {
    (void)value, (void)error;
    ((struct run_words *)target)->options.overwrite = true;
    return 0;
}

static int apply_recompute(void *target, const char *value, struct sheaf_error *error) {
    (void)value, (void)error;
    ((struct run_words *)target)->options.recompute = true;
    return 0;
}

static int apply_retry_failed(void *target, const char *value, struct sheaf_error *error) {
    (void)value, (void)error;
    ((struct run_words *)target)->options.retry_failed = true;
    return 0;
}

static int apply_accept_changes(void *target, const char *value, struct sheaf_error *error) {
    (void)value, (void)error;
    ((struct run_words *)target)->options.accept_changes = true;
    return 0;
}

static int apply_durable(void *target, const char *value, struct sheaf_error *error) {
    (void)value, (void)error;
    ((struct run_words *)target)->options.durable = true;
    return 0;
}

static int apply_quiet(void *target, const char *value, struct sheaf_error *error) {
    (void)value, (void)error;
    ((struct run_words *)target)->options.quiet = true;
    return 0;
}

const struct sheaf_option sheaf_run_options[] = {
    {'o', "output", "FILE", "write the results there instead of where the job says", apply_output},
    {'s', "set", "KEY=VALUE", "change a setting of the job: --set params.samples=360", apply_set},
    {'t', "threads", "N", "compute threads of a rank (default: its share of the cores)", apply_threads},
    {'i', "items", "LIST", "compute only some items: --items 0:10, --items 3,17,40:50", apply_items},
    {0, "stage", "NAME", "of a job with stages only this one", apply_stage},
    {0, "stop-after", "TIME", "begin no more items after 90s, 30m, 2h; run again to go on", apply_stop_after},
    {0, "retry-failed", NULL, "compute items again that failed, timed out or crashed", apply_retry_failed},
    {0, "recompute", NULL, "compute the items of --items again, also those that are done", apply_recompute},
    {0, "accept-changes", NULL, "go on with changed programs or files; what is done stays", apply_accept_changes},
    {0, "overwrite", NULL, "start anew where the results file exists", apply_overwrite},
    {0, "durable", NULL, "mark items done only when a power cut cannot undo it", apply_durable},
    {'q', "quiet", NULL, "no progress and no summary", apply_quiet},
    {0},
};

void sheaf_run_words_free(struct run_words *words) {
    sheaf_asked_free(&words->options.items);
    for (int i = 0; i < words->options.n_overrides; i++)
        free(words->copies[i]);
}
