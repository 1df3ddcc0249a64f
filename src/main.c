/* main - finds the subcommand and returns its exit code. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "core/text.h"

static const struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} subcommands[] = {
    {"run", sheaf_cmd_run, "compute every item of a job (under mpirun, srun, or alone)"},
    {"check", sheaf_cmd_check, "what a run would do, without doing it"},
    {"plan", sheaf_cmd_plan, "how long a job takes on so many cores, by a pilot of some items"},
    {"status", sheaf_cmd_status, "how many items of a results file are done"},
    {"show", sheaf_cmd_show, "print a results file as a table or CSV"},
    {"diff", sheaf_cmd_diff, "whether two results files are the same, and where not"},
    {"merge", sheaf_cmd_merge, "put results files of one job, each with some rows, into one"},
    {"plot", sheaf_cmd_plot, "draw a field of a results file"},
    {"pack", sheaf_cmd_pack, "bring texts from the folder beside a results file into it"},
    {"verify", sheaf_cmd_verify, "whether a results file's bytes are those that were written"},
    {"kernels", sheaf_cmd_kernels, "what kernels there are, and what they read and give"},
    {"help", sheaf_cmd_help, "what may stand in a job file"},
};
enum { N = sizeof subcommands / sizeof *subcommands };

static void print_help(void) {
    printf("usage: sheaf SUBCOMMAND …\n\n");
    for (int i = 0; i < N; i++)
        printf("  %-10s %s\n", subcommands[i].name, subcommands[i].summary);
    printf("\nmpirun -np 4 sheaf run job.yaml    applies the job's kernel to all its items on four ranks\n"
           "sheaf SUBCOMMAND --help            tells more; see also sheaf(1)\n");
}

static int refuse(const char *word) {
    const char *names[N];
    char hint[128];
    for (int i = 0; i < N; i++)
        names[i] = subcommands[i].name;
    fprintf(stderr, "sheaf: unknown subcommand '%s'%s\n", word,
            sheaf_text_suggest(word, names, N, true, hint, sizeof hint));
    return SHEAF_EXIT_USAGE;
}

/* What a subcommand printed must have arrived. */
static int check_stdout(int code) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "sheaf: cannot write to the standard output: %s\n", strerror(errno));
    return SHEAF_EXIT_ENVIRONMENT;
}

static const struct subcommand *find(const char *name) {
    for (int i = 0; i < N; i++)
        if (strcmp(name, subcommands[i].name) == 0)
            return &subcommands[i];
    return NULL;
}

/* `sheaf help run` is `sheaf run --help`. */
static void turn_help(int argc, char **argv) {
    static char option[] = "--help";
    if (argc != 3 || strcmp(argv[1], "help") != 0 || !find(argv[2]))
        return;
    argv[1] = argv[2];
    argv[2] = option;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: sheaf SUBCOMMAND … (sheaf --help tells more)\n");
        return SHEAF_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("sheaf %s\n", PACKAGE_VERSION);
        return SHEAF_EXIT_DONE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || (strcmp(argv[1], "help") == 0 && argc == 2)) {
        print_help();
        return SHEAF_EXIT_DONE;
    }
    turn_help(argc, argv);
    const struct subcommand *subcommand = find(argv[1]);
    return subcommand ? check_stdout(subcommand->run(argc - 1, argv + 1)) : refuse(argv[1]);
}
