/*
 * extract - typed values out of what a program wrote: JSON, a regular expression (PCRE2), a column.
 */
#ifndef SHEAF_KERNEL_EXTRACT_H
#define SHEAF_KERNEL_EXTRACT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buffer.h"
#include "core/error.h"
#include "job/kind.h"
#include "kernel/program/json.h"

/* One output, ready to be found. */
struct extractor {
    const struct job_output *output; /* borrowed */
    void *code;                      /* of a regular expression */
};

/* Refuses an expression that is none, with its place. Release with sheaf_extractor_close. */
int sheaf_extractor_open(struct extractor *extractor, const struct job_output *output, struct sheaf_error *error);
void sheaf_extractor_close(struct extractor *extractor);

/* What a program wrote: its standard output or a file. Starts with text and length; JSON is read once. */
struct extract_source {
    const char *text;
    size_t length;
    struct sheaf_json json;
    bool bad_json;
    struct sheaf_error why; /* it is no JSON */
};
void sheaf_extract_end(struct extract_source *source);

/* Finds the output: numbers into value[width], a text into found. -1: *error says what is wrong, without the output's
   name. Thread-safe. */
int sheaf_extract(const struct extractor *extractor, struct extract_source *source, void *value,
                  struct sheaf_buffer *found, struct sheaf_error *error);

#endif
