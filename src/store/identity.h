/*
 * identity - whether a results file is of this job, and if not, what a person would say differs (R10).
 *
 * An identity is a text of lines "KEY: …"; of a file that a command names it has "file WORD: HASH", and of a plugin
 * "kernel: NAME VERSION plugin HASH". Texts of several lines go on in lines that begin with SHEAF_STRING_MORE. Nothing
 * here knows where the texts come from.
 */
#ifndef SHEAF_STORE_IDENTITY_H
#define SHEAF_STORE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/text.h"
#include "reduce/reduction.h"

/* Refuses the results file at `path`, whose identity is `stored`, if the job's is another, naming what differs and the
   remedies. Files that were not there when the stored one was written do not count: a command may have made them.
   accept: if only files, the plugin, or a command or formulas of the job were changed it is the same job, and `changed`
   gets which, with the verb: "./s.sh was"; free it with sheaf_string_free, also after an error. Thread-safe. */
int sheaf_identity_check(const char *path, const char *stored, const char *now, bool accept,
                         struct sheaf_string *changed, struct sheaf_error *error);

/* Whether two identities are of the same items: what these are, and the files that they reach, stands in the first lines. */
bool sheaf_identity_same_items(const char *a, const char *b);

/* Whether two identities differ in nothing but lines of these keys, "items: " or "param x: ", a line each. */
bool sheaf_identity_differs_in_keys(const char *stored, const char *now, const char *keys);

/* Whether two identities differ in nothing but outputs, where in what programs write these are found, and reductions. Files that were
   not there when `stored` was written do not count. */
bool sheaf_identity_differs_in_outputs(const char *stored, const char *now);

/* Whether an output is the same in both, and found in the same way. */
bool sheaf_identity_same_output(const char *stored, const char *now, const char *name);

/* The first output of `stored` that is found in a file and is none of `now`: new memory; NULL: there is none. */
char *sheaf_identity_dropped_output(const char *stored, const char *now);
/* The next line "output NAME: TYPE[WIDTH]" at or behind *at, which moves on; they are in the outputs' order. The name is
   borrowed, not terminated. False at the end. */
bool sheaf_identity_next_output(const char **at, const char **name, size_t *n_bytes);

/* Which of the outputs has that name, -1: none; and how many there are. */
int32_t sheaf_identity_find_output(const char *identity, const char *field);
int32_t sheaf_identity_n_outputs(const char *identity);

/* Whether an output is a trace of a command, stored of every one: its exit code, its standard error, …; what it wrote is none
   where the job looks for nothing in it. */
bool sheaf_identity_is_trace(const char *identity, const char *output);

/* Whether nothing but reductions differs, which are worked out from the rows; and if so what the identity becomes. */
bool sheaf_identity_differs_in_reductions(const char *stored, const char *now, struct sheaf_string *becomes);

/* The next reduction, as sheaf_identity_next_output. */
bool sheaf_identity_next_reduction(const char **at, const char **name, size_t *n_bytes);

/* What kind the reduction is whose name next_reduction gave; REDUCE_KINDS: of another version. */
enum reduction_kind sheaf_identity_reduction_kind(const char *name, size_t n_bytes);

/* Whether the job asks for a reduction of that name, or for one that has a dataset of that name (store/reductions.h). */
bool sheaf_identity_is_reduction(const char *identity, const char *name);

/* Whether the items are a sweep, whose fields are coordinates of the results. */
bool sheaf_identity_is_sweep(const char *identity);

#endif
