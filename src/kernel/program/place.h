/*
 * place - what a brace in a text begins: a place for a value, {mass (kg)}; one that was meant to be and is none, {masss};
 * or braces that are what they are, of scripts, awk and JSON.
 */
#ifndef SHEAF_KERNEL_PLACE_H
#define SHEAF_KERNEL_PLACE_H

#include <stddef.h>

enum place_kind {
    PLACE_NONE,
    PLACE_NAME,    /* {NAME} with a name that is known */
    PLACE_ESCAPED, /* {{ … }} stands for { … }, which would be one of the others */
    PLACE_WRONG    /* looks like a place and is none */
};

/* `at` begins with n_bytes of it; text[length] is what stands in the braces. */
struct place {
    enum place_kind kind;
    size_t n_bytes;
    const char *text;
    size_t length;
};

/* Looks at `at`, in a text that starts at `begin`. known[n_known] are the names. */
struct place sheaf_place_find(const char *begin, const char *at, const char *const *known, int n_known);

#endif
