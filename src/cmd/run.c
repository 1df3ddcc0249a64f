/* sheaf run: options to run_options, then the pipeline. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/pipeline.h"
#include "cmd/cmd.h"
#include "comm/comm.h"
#include "core/text.h"

enum { MOST_OVERRIDES = 64 };

struct run_words {
    struct run_options options;
    struct job_override overrides[MOST_OVERRIDES];
    char *copies[MOST_OVERRIDES]; /* owns what the overrides point into */
};

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

static const struct sheaf_option table[] = {
    {'o', "output", "FILE", "write the results there instead of where the job says", apply_output},
    {'s', "set", "KEY=VALUE", "change a setting of the job: --set params.samples=360", apply_set},
    {'t', "threads", "N", "compute threads of a rank (default: its share of the cores)", apply_threads},
    {'i', "items", "LIST", "compute only some items: --items 0:10, --items 3,17,40:50", apply_items},
    {0, "stop-after", "TIME", "begin no more items after 90s, 30m, 2h; run again to go on", apply_stop_after},
    {0, "retry-failed", NULL, "compute items again that failed, timed out or crashed", apply_retry_failed},
    {0, "recompute", NULL, "compute the items of --items again, also those that are done", apply_recompute},
    {0, "accept-changes", NULL, "go on with changed programs or files; what is done stays", apply_accept_changes},
    {0, "overwrite", NULL, "start anew where the results file exists", apply_overwrite},
    {0, "durable", NULL, "mark items done only when a power cut cannot undo it", apply_durable},
    {'q', "quiet", NULL, "no progress and no summary", apply_quiet},
    {0},
};

static const struct cmd_usage usage = {
    "[mpirun -np N] sheaf run JOB.yaml [options]",
    "Computes every item of a job that is not done yet and gathers the results into one HDF5 file.", 1, 1};

/* How the program was called, for the record. */
static void join_arguments(int argc, char **argv, struct sheaf_string *text) {
    sheaf_string_add(text, "sheaf");
    for (int i = 0; i < argc; i++)
        sheaf_string_add(text, " %s", argv[i]);
}

int sheaf_cmd_run(int argc, char **argv) {
    struct run_words words = {0};
    struct sheaf_string arguments = {0};
    int first_word = 0;
    join_arguments(argc, argv, &arguments);
    int code = sheaf_cmd_begin(&usage, table, &words, argc, argv, &first_word, !sheaf_comm_is_first());
    if (code < 0) {
        words.options.overrides = words.overrides;
        words.options.job_file = argv[first_word];
        words.options.arguments = arguments.data ? arguments.data : "";
        code = sheaf_pipeline_run(&words.options);
    } else if (code == SHEAF_EXIT_USAGE)
        sheaf_pipeline_refuse();
    sheaf_asked_free(&words.options.items);
    for (int i = 0; i < words.options.n_overrides; i++)
        free(words.copies[i]);
    sheaf_string_free(&arguments);
    return code;
}
