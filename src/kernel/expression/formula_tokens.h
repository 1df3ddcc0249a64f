/*
 * formula_tokens - a formula's text cut into numbers, names and operators; private to the parser.
 */
#ifndef SHEAF_KERNEL_FORMULA_TOKENS_H
#define SHEAF_KERNEL_FORMULA_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

enum token_kind {
    TOKEN_END,
    TOKEN_NUMBER,
    TOKEN_NAME,     /* with letters of any script; `…` holds a name with any characters */
    TOKEN_OPERATOR, /* and brackets, commas */
};

struct token {
    enum token_kind kind;
    size_t begin;      /* where it begins */
    size_t at, length; /* a name: its bytes, without the ` around */
    double number;
    const char *sign; /* an operator, spelled out: "<=" */
};

/* A text that is read token by token. Whoever refuses sets *at. */
struct tokens {
    const char *text;
    size_t length;
    size_t next;        /* where the next token is looked for */
    struct token token; /* the one at hand */
    size_t n;           /* how many there were, the end apart */
    size_t *at;
    struct sheaf_error *error;
};

/* Goes on to the next token. Returns 0, or -1 for what cannot stand in a formula. */
int sheaf_tokens_next(struct tokens *tokens);

/* Whether the token at hand is this operator. */
bool sheaf_tokens_is(const struct tokens *tokens, const char *sign);

/* Says what is wrong at a byte of the text. Returns -1. */
int sheaf_tokens_refuse(const struct tokens *tokens, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
