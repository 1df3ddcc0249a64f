/*
 * cmd - the subcommands: each takes its own words and options (argv[0] is its name) and returns an exit code.
 */
#ifndef SHEAF_CMD_CMD_H
#define SHEAF_CMD_CMD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/options.h"
#include "core/text.h"

int sheaf_cmd_run(int argc, char **argv);
int sheaf_cmd_check(int argc, char **argv);
int sheaf_cmd_plan(int argc, char **argv);
int sheaf_cmd_show(int argc, char **argv);
int sheaf_cmd_plot(int argc, char **argv);
int sheaf_cmd_status(int argc, char **argv);
int sheaf_cmd_kernels(int argc, char **argv);
int sheaf_cmd_pack(int argc, char **argv);
int sheaf_cmd_diff(int argc, char **argv);
int sheaf_cmd_merge(int argc, char **argv);
int sheaf_cmd_verify(int argc, char **argv);
int sheaf_cmd_help(int argc, char **argv);

/* What a subcommand says of itself. */
struct cmd_usage {
    const char *line;    /* "sheaf show FILE [options]" */
    const char *summary; /* a sentence */
    int least_words, most_words;
};

/* Parses the options and checks the number of words. Returns -1 to go on, else the exit code: after --help, or after
   an error, which is then printed, unless `silent` (another rank says it). */
int sheaf_cmd_begin(const struct cmd_usage *usage, const struct sheaf_option *table, void *target, int argc,
                    char **argv, int *first_word, bool silent);

/* Tells on stderr that texts of a results file are lost. */
void sheaf_cmd_say_lost_texts(const char *path, int64_t n_items);

/* Adds a word as one would type it in a shell: in quotes where it needs some. */
void sheaf_cmd_quote(const char *word, struct sheaf_string *text);

/* Prints "sheaf: …" on stderr and gives the error's exit code. */
int sheaf_cmd_fail(const struct sheaf_error *error);

#endif
