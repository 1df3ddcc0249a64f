/* sheaf run: options to run_options, then the pipeline. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/pipeline.h"
#include "cmd/cmd.h"
#include "cmd/run_words.h"
#include "comm/comm.h"
#include "core/interrupt.h"
#include "core/text.h"

static const struct cmd_usage usage = {
    "[mpirun -np N] sheaf run JOB.yaml [options]",
    "Computes every item of a job that is not done yet and gathers the results into one HDF5 file.", 1, 1};

/* How the program was called, for the record. */
static void join_arguments(int argc, char **argv, struct sheaf_string *text) {
    sheaf_string_add(text, "sheaf");
    for (int i = 0; i < argc; i++) {
        sheaf_string_add(text, " ");
        sheaf_cmd_quote(argv[i], text);
    }
}

int sheaf_cmd_run(int argc, char **argv) {
    struct run_words words = {0};
    struct sheaf_string arguments = {0};
    int first_word = 0;
    sheaf_interrupt_watch_drain();
    sheaf_interrupt_leave_at_once(sheaf_comm_is_first());
    join_arguments(argc, argv, &arguments);
    int code = sheaf_cmd_begin(&usage, sheaf_run_options, &words, argc, argv, &first_word, !sheaf_comm_is_first());
    if (code < 0) {
        words.options.overrides = words.overrides;
        words.options.job_file = argv[first_word];
        words.options.arguments = arguments.data ? arguments.data : "";
        code = sheaf_pipeline_run(&words.options);
    } else if (code == SHEAF_EXIT_USAGE)
        sheaf_pipeline_refuse();
    sheaf_run_words_free(&words);
    sheaf_string_free(&arguments);
    return code;
}
