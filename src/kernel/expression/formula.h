/*
 * formula - formulas such as `sqrt(x^2 + z^2)` read, checked, and written as C.
 *
 * Pure: knows nothing of job files, ranks or compilers. All values are doubles. A text may hold any bytes and is
 * bounded in length and depth; nothing of it gets into the C, where names become in0, f1 and so on and numbers are
 * written anew.
 *
 *     t[i], t[i, j]     interp(x, xs, ys)     of arrays that all items share
 *     c ? a : b     ||     &&     < <= > >= == !=     + -     * / %     -a +a !a     ^
 *
 * from the loosest to the tightest. ^ is a power and % is fmod. `-x^2` is `-(x^2)`, `2^-1` and `a^b^c` are `a^(b^c)`.
 * uniform() and normal() are numbers drawn for the item, uniform(a, b) and normal(mean, deviation) made from such.
 * An element of an array at an index that is not whole, or that it has not, is NaN; interp(x, xs, ys) is linear between points
 * and as at the nearest end outside, as numpy.interp is. Comparisons and logic give 1 or 0; as a condition everything but 0 is true, NaN too. Comparisons do not chain.
 */
#ifndef SHEAF_KERNEL_FORMULA_H
#define SHEAF_KERNEL_FORMULA_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/arrays.h"
#include "core/error.h"
#include "core/text.h"

enum {
    FORMULA_MOST_BYTES = 65536,
    FORMULA_MOST_ARGUMENTS = 16,
    FORMULA_MOST_OUTPUTS = 1024,
    FORMULA_MOST_DRAWS = 4096
};

/* What a formula may name, besides the functions of <math.h>, the earlier outputs, pi, nan, inf and item. */
struct formula_field {
    const char *name;
    const char *refusal; /* NULL, or why a formula cannot use it: "holds text" */
};
struct formula_param {
    const char *name;
    double value;
};
struct formula_function {
    const char *name;
    int n_arguments;
    bool by_reference; /* the arguments are passed as pointers */
};
struct formula_names {
    int n_fields;
    const struct formula_field *fields; /* [n_fields] */
    int n_params;
    const struct formula_param *params; /* [n_params] */
    int n_functions;
    const struct formula_function *functions; /* [n_functions] */
    const struct arrays *arrays;              /* NULL: there are none */
    bool draws;                               /* uniform() and normal() may be called */
};

/* Random numbers of an item's own: each call in the text is another. */
enum formula_law { FORMULA_UNIFORM, FORMULA_NORMAL };

/* The formulas of one expression, in order. Starts as {.names = …}, whose arrays must outlive it. Release with
   sheaf_formulas_free. */
struct formulas {
    struct formula_names names;
    int n_outputs;
    const char **outputs; /* [n_outputs] their names */
    int n_inputs;
    int *inputs; /* [n_inputs] the fields that are used, by index, in the order of their first use */
    int n_params;
    int *params; /* [n_params] the params that are used, likewise */
    int n_used;
    int *used; /* [n_used] the user's functions that are called, likewise */
    int n_arrays;
    int *arrays;     /* [n_arrays] the arrays that are used, likewise */
    bool uses_index; /* of the item */
    int n_draws;
    int *
        laws; /* [n_draws] enum formula_law of the random numbers, in the order of their calls: draw k is number k of an item's stream */

    struct formula_node **trees; /* [n_outputs] */
    struct sheaf_arena arena;
};

/* Reads text[length] as the formula of the next output, whose name is copied. On failure the error says what is wrong
   and *at is the byte of the text where. */
int sheaf_formulas_add(struct formulas *formulas, const char *output, const char *text, size_t length, size_t *at,
                       struct sheaf_error *error);

/* Appends a formula in canonical form, the same for two texts that mean the same up to blanks, parentheses, synonyms
   and the writing of numbers. Params appear by name. */
void sheaf_formulas_print(const struct formulas *formulas, int output, struct sheaf_string *to);

/* Appends C11 source of

       void sheaf_expression(int64_t first, int64_t n, const double *const *in, double *const *out,
                             void (*const *functions)(void), const void *const *arrays);

   which computes out[n_outputs][n] for items first … first + n - 1 from in[n_inputs + n_draws][n], the fields and behind them
   standard random numbers, with functions[n_used] and the numbers of arrays[n_arrays]. n is a multiple of 16, columns are 64-byte aligned and do not overlap. */
void sheaf_formulas_write_c(const struct formulas *formulas, struct sheaf_string *to);

void sheaf_formulas_free(struct formulas *formulas);

#endif
