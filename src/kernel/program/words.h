/*
 * words - the words of a program as the job has them: which files they name, and their fingerprints.
 */
#ifndef SHEAF_KERNEL_WORDS_H
#define SHEAF_KERNEL_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/known.h"
#include "core/text.h"
#include "job/job.h"

/* The absolute path of the folder that the job file lies in, in the arena; the current one where it is not seen from here.
   NULL: no memory. */
const char *sheaf_words_folder(const struct job *job, struct sheaf_arena *arena);

/* The *n words of a program that has no placeholders; a single text is a script for sh -c. In the arena; NULL: no
   memory. */
const char **sheaf_words_plain(const struct yaml_node *node, struct sheaf_arena *arena, int *n);

/* The file that a word names: seen from the folder or, for the first word of a program without '/', in PATH. New memory, or
   NULL if there is none. */
char *sheaf_words_find(const char *word, const char *folder, bool is_program);

/* Refuses a program that is not there or cannot be run; for rank 0. */
int sheaf_words_check(const struct yaml_node *node, const char *word, const char *folder, struct sheaf_error *error);

/* Adds the words of a list, or of a script, and the fingerprints of files that they name. `what` is the key of the
   job. */
int sheaf_words_identify(const struct yaml_node *node, const char *what, const char *folder, struct known *known,
                         struct sheaf_string *identity, struct sheaf_error *error);

/* Adds text[length] as one word for a shell, in quotes where it needs them. */
void sheaf_words_quote(const char *text, size_t length, struct sheaf_string *to);

/* Adds the line "KEYNAME: 'TEXT'". */
void sheaf_words_identify_text(const char *key, const char *name, const char *text, struct sheaf_string *identity);

#endif
