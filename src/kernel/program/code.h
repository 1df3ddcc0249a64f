/*
 * code - which words of a command some program reads as code: the one behind `bash -c` or `python3 -c`, all that `ssh
 * HOST` is given, or the standard input of a shell. A text from a table must not stand there.
 *
 * It knows programs by their names and goes by their options. It is a net for what is easily overlooked, no proof: a
 * program that is not known here may do with its arguments what it likes.
 */
#ifndef SHEAF_KERNEL_CODE_H
#define SHEAF_KERNEL_CODE_H

#include <stdbool.h>
#include <stddef.h>

struct code_reader;

enum code_role {
    CODE_NONE,   /* no code */
    CODE_SCRIPT, /* a script of a shell that has the environment which the command was given */
    CODE_OTHER   /* code of something else */
};

/* What is known of a command after its first words. Starts as {0}. */
struct code_words {
    const struct code_reader *reader; /* whose words these are, or the last that was found; NULL: none */
    int state;
    bool elsewhere;  /* what is started has another environment */
    bool wants_code; /* an option said that code comes */
    bool has_code;   /* it came */
    bool after_sign; /* the last word makes the next one a formula */
    bool input_next; /* the next word is standard input */
    int n_skipped;   /* words to come are arguments of options */
    int n_rest;      /* words of code that came, of those that are all code */
    bool rest_reads; /* they are a shell or the like that has no code yet */
};

/* The next word, without its quotes, or of the last one what comes before the place in question: its role. */
enum code_role sheaf_code_step(struct code_words *code, const char *word);

/* Whether the command reads its standard input as code. */
bool sheaf_code_reads_input(const struct code_words *code);

/* Whether a value that is the whole of a word is all of the code, so that running it must be meant. */
bool sheaf_code_begins(const struct code_words *code);

/* Whether a word compares numbers, as -eq does. */
bool sheaf_code_compares(const char *word);

/* What reads the code, and how it is given a value instead: a sentence in which @ stands for the value. */
const char *sheaf_code_name(const struct code_words *code);
const char *sheaf_code_way(const struct code_words *code);

#endif
