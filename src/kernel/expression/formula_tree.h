/*
 * formula_tree - a formula as a tree; private to formula_parse.c, formula_names.c, formula_c.c and formula_functions.c.
 *
 * Depth is bounded by the parser, so that walking may recurse, and so is what a C compiler sees: a chain of one kind of
 * operator (a + b - c …) leans to the left and counts once, its length is bounded by MOST_NODES.
 */
#ifndef SHEAF_KERNEL_FORMULA_TREE_H
#define SHEAF_KERNEL_FORMULA_TREE_H

#include "kernel/expression/formula.h"

/* A level of the tree takes up to three of the grammar when it is written with all brackets. */
enum { FORMULA_MOST_DEPTH = 100, FORMULA_MOST_NESTING = 3 * FORMULA_MOST_DEPTH + 3, FORMULA_MOST_NODES = 4096 };

enum node_kind {
    NODE_NUMBER,
    NODE_FIELD,  /* index: in formulas.inputs */
    NODE_PARAM,  /* index: in names.params */
    NODE_OUTPUT, /* index: of an earlier output */
    NODE_ITEM,   /* the item's index */
    NODE_NEGATE,
    NODE_NOT,
    NODE_ADD,
    NODE_SUBTRACT,
    NODE_MULTIPLY,
    NODE_DIVIDE,
    NODE_MODULO,
    NODE_POWER,
    NODE_LESS,
    NODE_LESS_EQUAL,
    NODE_GREATER,
    NODE_GREATER_EQUAL,
    NODE_EQUAL,
    NODE_NOT_EQUAL,
    NODE_AND,
    NODE_OR,
    NODE_CHOICE,  /* a ? b : c */
    NODE_CALL,    /* index: in the functions of <math.h> */
    NODE_USER,    /* index: in formulas.used */
    NODE_ELEMENT, /* of an array, index: in formulas.arrays */
    NODE_INTERP,  /* index, second: likewise, the places and the values */
    NODE_DRAW,    /* index: of the draw, second: its law; no parts, or those that place and scale it */
};

struct formula_node {
    enum node_kind kind;
    int depth; /* 1 and more */
    int index, second;
    double number;
    int n;                       /* operands or arguments */
    struct formula_node **parts; /* [n] */
};

/* A function of <math.h>, or one that the written C has. `c` is its name there. Classifying functions give an int. */
struct math_function {
    const char *name, *c;
    int n_arguments;
    bool is_class;
};

extern const struct math_function sheaf_math_functions[];
extern const int sheaf_n_math_functions;

/* The index of a function, the same for synonyms, or -1. */
int sheaf_math_find(const char *name);

/* Where a name stands among those that formulas know, or -1; of a function that draws its law. */
int sheaf_formulas_find_output(const struct formulas *formulas, const char *name);
int sheaf_formulas_find_field(const struct formulas *formulas, const char *name);
int sheaf_formulas_find_param(const struct formulas *formulas, const char *name);
int sheaf_formulas_find_function(const struct formulas *formulas, const char *name);
int sheaf_formulas_find_array(const struct formulas *formulas, const char *name);
int sheaf_formulas_find_law(const char *name);

/* Appends a number to list[*n], which lies in the arena, and returns its place; -1: no memory. */
int sheaf_formulas_append(struct formulas *formulas, int **list, int *n, int number);

#endif
