/*
 * script - where in a script for the shell a place lies: what is around it decides how a variable must be written there
 * so that its value stays one word, and which command it belongs to.
 *
 * It follows quotes, substitutions, comments, here-documents and what ends a command; it is no parser of the shell's
 * grammar. A pattern of `case` without its opening bracket inside $( … ) is the one thing that it takes for something
 * else.
 */
#ifndef SHEAF_KERNEL_SCRIPT_H
#define SHEAF_KERNEL_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

enum { SCRIPT_DEPTH = 64, SCRIPT_DOCUMENTS = 8, SCRIPT_END_BYTES = 64 };

enum script_place {
    SCRIPT_PLAIN,      /* outside quotes: a value would be split into words */
    SCRIPT_DOUBLE,     /* inside "…", or as there: a here-document */
    SCRIPT_SINGLE,     /* inside '…' */
    SCRIPT_ANSI,       /* inside $'…' */
    SCRIPT_ARITHMETIC, /* inside $(( … )), (( … )) and the like: a value is a part of a formula */
    SCRIPT_VERBATIM,   /* in a here-document whose end is quoted: the shell puts in nothing */
    SCRIPT_LOST        /* nested too deeply to tell */
};

/* A here-document that a line announces. */
struct script_document {
    char end[SCRIPT_END_BYTES];
    bool verbatim, tabs;      /* its end is quoted; tabs before the end do not count */
    const char *command, *at; /* the command that reads it, and where in it << stands */
};

/* Starts as {.begin = the script}. */
struct script {
    const char *begin;
    int depth;
    char around[SCRIPT_DEPTH]; /* [depth] what was opened and not yet closed */
    const char
        *from[SCRIPT_DEPTH + 1]; /* [depth + 1] where the command at work, or what was opened, begins; NULL: `begin` */
    int n_documents;
    struct script_document documents[SCRIPT_DOCUMENTS];
    bool lost;
};

/* Steps over some characters at `at`, which follow all that was stepped over before; gives how many bytes, at least 1. */
size_t sheaf_script_step(struct script *script, const char *at);

/* What is around `at`, which all that was stepped over ends at. */
enum script_place sheaf_script_place(const struct script *script, const char *at);

/* The command that a place lies in, and with *level counted down from the depth, those around it whose words it is a
   part of: where it begins, or NULL if there is none any more. *end is where its words end as far as they are known. */
const char *sheaf_script_command(const struct script *script, int *level, const char *at, const char **end);

#endif
