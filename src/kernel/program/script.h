/*
 * script - where in a script for the shell a place lies, as far as quoting goes: what is around it decides how a
 * variable must be written there so that its value stays one word.
 *
 * It follows quotes, substitutions, comments and here-documents; it is no parser of the shell's grammar. A pattern of
 * `case` without its opening bracket inside $( … ) is the one thing that it takes for something else.
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
    SCRIPT_ARITHMETIC, /* inside $(( … )): a value is a part of a formula */
    SCRIPT_VERBATIM,   /* in a here-document whose end is quoted: the shell puts in nothing */
    SCRIPT_LOST        /* nested too deeply to tell */
};

/* A here-document that a line announces. */
struct script_document {
    char end[SCRIPT_END_BYTES];
    bool verbatim, tabs; /* its end is quoted; tabs before the end do not count */
};

/* Starts as {.begin = the script}. */
struct script {
    const char *begin;
    int depth;
    char around[SCRIPT_DEPTH]; /* [depth] what was opened and not yet closed */
    int n_documents;
    struct script_document documents[SCRIPT_DOCUMENTS];
    bool lost;
};

/* Steps over some characters at `at`, which follow all that was stepped over before; gives how many bytes, at least 1. */
size_t sheaf_script_step(struct script *script, const char *at);

enum script_place sheaf_script_place(const struct script *script);

#endif
