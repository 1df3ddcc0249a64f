/*
 * identity - whether a results file is of this job, and if not, what a person would say differs (R10).
 *
 * An identity is a text of lines "KEY: …"; of a file that a command names it has "file WORD: HASH", and of a plugin
 * "kernel: NAME VERSION plugin HASH". Nothing here knows where the texts come from.
 */
#ifndef SHEAF_STORE_IDENTITY_H
#define SHEAF_STORE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/text.h"

/* Refuses the results file at `path`, whose identity is `stored`, if the job's is another, naming what differs and the
   remedies. Files that were not there when the stored one was written do not count: a command may have made them.
   accept: if only files or the plugin were changed it is the same job, and `changed` gets which, with the verb:
   "./s.sh was"; free it with sheaf_string_free, also after an error. Thread-safe. */
int sheaf_identity_check(const char *path, const char *stored, const char *now, bool accept,
                         struct sheaf_string *changed, struct sheaf_error *error);

/* The next line "output NAME: TYPE[WIDTH]" at or behind *at, which moves on; they are in the outputs' order. The name is
   borrowed, not terminated. False at the end. */
bool sheaf_identity_next_output(const char **at, const char **name, size_t *n_bytes);

/* Which of the outputs has that name, -1: none; and how many there are. */
int32_t sheaf_identity_find_output(const char *identity, const char *field);
int32_t sheaf_identity_n_outputs(const char *identity);

#endif
