/*
 * options - command-line options as a table: parsing, help and hints for misspelt names (over getopt_long).
 */
#ifndef SHEAF_CORE_OPTIONS_H
#define SHEAF_CORE_OPTIONS_H

#include <stdbool.h>

#include "core/error.h"

/* One option. A table ends with {0}. */
struct sheaf_option {
    char letter;       /* 0: none */
    const char *name;  /* without "--" */
    const char *value; /* what its value is called in the help, or NULL if it takes none */
    const char *help;
    /* Stores the value (NULL if it takes none) into the command's own struct. */
    int (*apply)(void *target, const char *value, struct sheaf_error *error);
};

/* Applies argv[1…]; options and other words may be mixed, and `--` ends the options. The words are moved to the end
   of argv, the first of them at argv[*first_word]. `--help` sets *help and stops. */
int sheaf_options_parse(const struct sheaf_option *table, void *target, int argc, char **argv, int *first_word,
                        bool *help, struct sheaf_error *error);

/* Prints a line for each option to stdout. */
void sheaf_options_help(const struct sheaf_option *table);

#endif
