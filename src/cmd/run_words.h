/*
 * run_words - the options of `sheaf run`, which `sheaf check` takes as well.
 */
#ifndef SHEAF_CMD_RUN_WORDS_H
#define SHEAF_CMD_RUN_WORDS_H

#include "app/pipeline.h"
#include "core/options.h"

enum { MOST_OVERRIDES = 64, RUN_OPTIONS_MOST = 24 };

/* Starts as {0}; options.overrides is to be set to `overrides` when all are read. */
struct run_words {
    struct run_options options;
    struct job_override overrides[MOST_OVERRIDES];
    char *copies[MOST_OVERRIDES]; /* owns what the overrides point into */
};

/* A table of fewer than RUN_OPTIONS_MOST options for a struct run_words. */
extern const struct sheaf_option sheaf_run_options[];

void sheaf_run_words_free(struct run_words *words);

#endif
