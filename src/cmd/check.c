/* sheaf check: the options of sheaf run; says what that would do. */
#include <stdio.h>
#include <string.h>

#include "app/check.h"
#include "cmd/cmd.h"
#include "cmd/run_words.h"
#include "comm/comm.h"

static const struct cmd_usage usage = {
    "sheaf check JOB.yaml [options of sheaf run]",
    "Says what sheaf run would do: items and fields, the words of the first item, what is done and what would be\n"
    "computed, where the results go and whether they fit. Computes nothing, and leaves no file behind.",
    1, 1};

/* The words of a run, and what to print; the options of a run find theirs first. */
struct check_words {
    struct run_words run;
    enum check_print print;
};

static int apply_print(void *target, const char *value, struct sheaf_error *error) {
    static const char *const names[] = {
        [CHECK_RESULTS] = "results", [CHECK_ITEMS] = "items", [CHECK_PENDING] = "pending"};
    for (int i = CHECK_RESULTS; i <= CHECK_PENDING; i++)
        if (strcmp(value, names[i]) == 0) {
            ((struct check_words *)target)->print = (enum check_print)i;
            return 0;
        }
    return sheaf_refuse(error, "'%s' should be results, items or pending", value);
}

/* The options of a run, and one more. */
static const struct sheaf_option *list_options(struct sheaf_option options[RUN_OPTIONS_MOST]) {
    int n = 0;
    for (; n < RUN_OPTIONS_MOST - 2 && sheaf_run_options[n].name; n++)
        options[n] = sheaf_run_options[n];
    options[n++] = (struct sheaf_option){
        0, "print", "WHAT", "one value alone, for scripts: results (their file), items, pending (to be computed)",
        apply_print};
    options[n] = (struct sheaf_option){0};
    return options;
}

int sheaf_cmd_check(int argc, char **argv) {
    struct check_words words = {0};
    struct sheaf_option options[RUN_OPTIONS_MOST];
    int first_word = 0;
    int code = sheaf_cmd_begin(&usage, list_options(options), &words, argc, argv, &first_word, !sheaf_comm_is_first());
    if (code < 0) {
        words.run.options.overrides = words.run.overrides;
        words.run.options.job_file = argv[first_word];
        words.run.options.arguments = "";
        code = sheaf_check(&words.run.options, words.print);
    } else if (code == SHEAF_EXIT_USAGE)
        sheaf_pipeline_refuse();
    sheaf_run_words_free(&words.run);
    return code;
}
