#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/expression/formula_tokens.h"
#include "kernel/expression/formula_tree.h"

struct parser {
    struct tokens tokens;
    struct formulas *formulas;
    int nesting; /* how deep we are in the grammar */
    int n_nodes;
};

static const struct {
    const char *name;
    double value;
} constants[] = {{"pi", 3.14159265358979323846}, {"nan", NAN}, {"inf", INFINITY}};

enum { N_CONSTANTS = sizeof constants / sizeof *constants };

#define REFUSE(parser, at, ...) (sheaf_tokens_refuse(&(parser)->tokens, at, __VA_ARGS__), NULL)

static struct formula_node *parse_choice(struct parser *p);

/* --- nodes --------------------------------------------------------------------------------------------------------- */

/* Operators of one line lean on each other to the left without brackets. */
static int chain_of(enum node_kind kind) {
    switch ((int)kind) {
    case NODE_ADD:
    case NODE_SUBTRACT:
        return NODE_ADD;
    case NODE_MULTIPLY:
    case NODE_DIVIDE:
        return NODE_MULTIPLY;
    case NODE_AND:
    case NODE_OR:
        return (int)kind;
    default:
        return -1;
    }
}

static struct formula_node *no_memory(struct parser *p) {
    *p->tokens.at = 0;
    sheaf_fail_memory(p->tokens.error, "the formulas");
    return NULL;
}

static struct formula_node *make(struct parser *p, enum node_kind kind, struct formula_node *const *parts, int n) {
    struct sheaf_arena *arena = &p->formulas->arena;
    struct formula_node *node = sheaf_arena_take(arena, sizeof *node);
    if (++p->n_nodes > FORMULA_MOST_NODES)
        return REFUSE(p, p->tokens.token.begin, "the formula is too long; split it into several outputs");
    if (!node || !(node->parts = sheaf_arena_take(arena, (size_t)n * sizeof(struct formula_node *))))
        return no_memory(p);
    node->kind = kind;
    node->n = n;
    for (int k = 0; k < n; k++) {
        bool leans = k == 0 && chain_of(kind) >= 0 && chain_of(parts[0]->kind) == chain_of(kind);
        int depth = parts[k]->depth + (leans ? 0 : 1);
        node->parts[k] = parts[k];
        node->depth = depth > node->depth ? depth : node->depth;
    }
    if (n == 0)
        node->depth = 1;
    if (node->depth > FORMULA_MOST_DEPTH)
        return REFUSE(p, p->tokens.token.begin, "the formula is nested too deeply; split it into several outputs");
    return node;
}

static struct formula_node *make_leaf(struct parser *p, enum node_kind kind, int index, double number) {
    struct formula_node *node = make(p, kind, NULL, 0);
    if (node) {
        node->index = index;
        node->number = number;
    }
    return node;
}

/* A grammar rule is entered again inside itself; false: too often. */
static bool enter(struct parser *p) {
    if (++p->nesting <= FORMULA_MOST_NESTING)
        return true;
    sheaf_tokens_refuse(&p->tokens, p->tokens.token.begin,
                        "the formula is nested too deeply; split it into several outputs");
    return false;
}

/* --- names --------------------------------------------------------------------------------------------------------- */

/* The place of a number in list[*n], appended where it is not there yet; -1 if there is no memory. */
static int place_in(struct parser *p, int **list, int *n, int number) {
    for (int k = 0; k < *n; k++)
        if ((*list)[k] == number)
            return k;
    return sheaf_formulas_append(p->formulas, list, n, number);
}

static struct formula_node *refuse_name(struct parser *p, size_t at, const char *name, bool called) {
    static const char *const others[] = {"interp", "normal", "uniform"};
    const struct formulas *f = p->formulas;
    const char *usual = called                   ? ""
                        : strcmp(name, "e") == 0 ? "; Euler's number is exp(1)"
                        : strcmp(name, "i") == 0 ? "; the item's index is item"
                                                 : ""; /* of other languages; a table may lack its column */
    size_t most = (size_t)(f->names.n_fields + f->names.n_params + f->names.n_functions + f->n_outputs);
    const char **names = malloc((most + (size_t)sheaf_n_math_functions + N_CONSTANTS + 4) * sizeof *names);
    char hint[400];
    int n = 0, n_values;
    if (!names)
        return no_memory(p);
    for (int k = 0; k < f->names.n_fields; k++)
        names[n++] = f->names.fields[k].name;
    for (int k = 0; k < f->names.n_params; k++)
        names[n++] = f->names.params[k].name;
    for (int k = 0; k < f->n_outputs; k++)
        names[n++] = f->outputs[k];
    names[n++] = "item";
    n_values = n;
    for (int k = 0; k < N_CONSTANTS; k++)
        names[n++] = constants[k].name;
    int n_before = called ? n : 0;
    for (int k = 0; k < f->names.n_functions; k++)
        names[n++] = f->names.functions[k].name;
    for (int k = 0; k < sheaf_n_math_functions; k++)
        names[n++] = sheaf_math_functions[k].name;
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        names[n++] = others[k];
    sheaf_text_suggest(name, names + n_before, n - n_before, false, hint, sizeof hint);
    if ((!*hint || *usual) && !called)
        sheaf_text_suggest(name, names, n_values, true, hint, sizeof hint);
    free(names);
    return called ? REFUSE(p, at, "no function '%s'%s", name, hint)
                  : REFUSE(p, at, "no field, param or function '%s'%s%s", name, usual, hint);
}

static struct formula_node *field_node(struct parser *p, size_t at, const char *name, int k) {
    struct formulas *f = p->formulas;
    const struct formula_field *field = &f->names.fields[k];
    if (sheaf_formulas_find_param(f, name) >= 0)
        return REFUSE(p, at, "'%s' is a field and a param; rename the param", name);
    if (field->refusal)
        return REFUSE(p, at, "field '%s' %s", name, field->refusal);
    int index = place_in(p, &f->inputs, &f->n_inputs, k);
    return index < 0 ? no_memory(p) : make_leaf(p, NODE_FIELD, index, 0);
}

/* What a name without '(' stands for: an earlier output, a field, a param, a constant. */
static struct formula_node *name_node(struct parser *p, size_t at, const char *name) {
    struct formulas *f = p->formulas;
    int k;
    if ((k = sheaf_formulas_find_output(f, name)) >= 0)
        return make_leaf(p, NODE_OUTPUT, k, 0);
    if ((k = sheaf_formulas_find_field(f, name)) >= 0)
        return field_node(p, at, name, k);
    if ((k = sheaf_formulas_find_param(f, name)) >= 0)
        return place_in(p, &f->params, &f->n_params, k) < 0 ? no_memory(p)
                                                            : make_leaf(p, NODE_PARAM, k, f->names.params[k].value);
    for (k = 0; k < N_CONSTANTS; k++)
        if (strcmp(constants[k].name, name) == 0)
            return make_leaf(p, NODE_NUMBER, 0, constants[k].value);
    if (strcmp(name, "item") == 0) {
        f->uses_index = true;
        return make_leaf(p, NODE_ITEM, 0, 0);
    }
    if (sheaf_formulas_find_array(f, name) >= 0)
        return REFUSE(p, at, "'%s' is an array; write %s[i], or interp(x, xs, ys)", name, name);
    if (sheaf_formulas_find_function(f, name) >= 0 || sheaf_math_find(name) >= 0 || sheaf_formulas_find_law(name) >= 0)
        return REFUSE(p, at, "'%s' is a function; write %s(…)", name, name);
    return refuse_name(p, at, name, false);
}

/* --- calls --------------------------------------------------------------------------------------------------------- */

static int go_on(struct parser *p) {
    return sheaf_tokens_next(&p->tokens);
}

static int close_bracket(struct parser *p, size_t opened, const char *close) {
    if (sheaf_tokens_is(&p->tokens, close))
        return go_on(p);
    size_t at = p->tokens.token.begin;
    const char open = *close == ')' ? '(' : '[';
    if (p->tokens.token.kind == TOKEN_END)
        return sheaf_tokens_refuse(&p->tokens, at, "'%s' is missing for the '%c' at character %zu", close, open,
                                   sheaf_text_columns(p->tokens.text, opened) + 1);
    if (sheaf_tokens_is(&p->tokens, ","))
        return sheaf_tokens_refuse(&p->tokens, at, "unexpected ','; the '(' before is no call of a function");
    return sheaf_tokens_refuse(&p->tokens, at, "an operator or '%s' is missing here; a product is written a * b",
                               close);
}

/* The arguments and the closing bracket; the opening one is at hand. Returns how many, or -1. */
static int parse_arguments(struct parser *p, const char *close, struct formula_node **arguments) {
    int n = 0;
    size_t opened = p->tokens.token.begin;
    if (go_on(p))
        return -1;
    if (sheaf_tokens_is(&p->tokens, close))
        return go_on(p) ? -1 : 0;
    for (;;) {
        if (n == FORMULA_MOST_ARGUMENTS)
            return sheaf_tokens_refuse(&p->tokens, p->tokens.token.begin, "too many arguments; at most %d are possible",
                                       FORMULA_MOST_ARGUMENTS);
        if (!(arguments[n++] = parse_choice(p)))
            return -1;
        if (!sheaf_tokens_is(&p->tokens, ","))
            return close_bracket(p, opened, close) ? -1 : n;
        if (go_on(p))
            return -1;
    }
}

/* t[i, j]; '[' is at hand. */
static struct formula_node *parse_element(struct parser *p, size_t at, const char *name) {
    struct formula_node *indices[FORMULA_MOST_ARGUMENTS], *node;
    struct formulas *f = p->formulas;
    const int k = sheaf_formulas_find_array(f, name), n_dims = k < 0 ? 0 : f->names.arrays->list[k].n_dims;
    if (k < 0)
        return REFUSE(p, at, "'%s' is no array that the job shares", name);
    const int n = parse_arguments(p, "]", indices);
    if (n < 0)
        return NULL;
    if (n != n_dims)
        return REFUSE(p, at, "%s has %d dimension%s; here are %d indices", name, n_dims, n_dims == 1 ? "" : "s", n);
    if (!(node = make(p, NODE_ELEMENT, indices, n)))
        return NULL;
    node->index = place_in(p, &f->arrays, &f->n_arrays, k);
    return node->index < 0 ? no_memory(p) : node;
}

/* ", NAME": a list of numbers, its place among the arrays that are used; -1 after an error. */
static int parse_list(struct parser *p) {
    struct formulas *f = p->formulas;
    const char *name = NULL;
    if (!sheaf_tokens_is(&p->tokens, ",") || go_on(p) == 0)
        name = p->tokens.token.kind == TOKEN_NAME
                   ? sheaf_arena_text(&f->arena, p->tokens.text + p->tokens.token.at, p->tokens.token.length)
                   : NULL;
    const int k = name ? sheaf_formulas_find_array(f, name) : -1;
    if (k < 0 || f->names.arrays->list[k].n_dims != 1 || f->names.arrays->list[k].shape[0] < 1)
        return sheaf_tokens_refuse(&p->tokens, p->tokens.token.begin,
                                   "interp(x, xs, ys) takes two arrays of one dimension that the job shares, by name");
    return go_on(p) ? -1 : place_in(p, &f->arrays, &f->n_arrays, k);
}

/* interp(x, xs, ys); '(' is at hand. */
static struct formula_node *parse_interp(struct parser *p, size_t at) {
    const size_t opened = p->tokens.token.begin;
    struct formulas *f = p->formulas;
    struct formula_node *x = go_on(p) ? NULL : parse_choice(p), *node;
    const int xs = x ? parse_list(p) : -1, ys = xs < 0 ? -1 : parse_list(p);
    if (ys < 0 || close_bracket(p, opened, ")") || !(node = make(p, NODE_INTERP, &x, 1)))
        return NULL;
    const struct sheaf_array *places = &f->names.arrays->list[f->arrays[xs]];
    if (places->shape[0] != f->names.arrays->list[f->arrays[ys]].shape[0])
        return REFUSE(p, at, "the arrays of interp have different lengths");
    if (!sheaf_array_increases(places))
        return REFUSE(p, at, "the places of interp, %s, do not increase", f->names.arrays->names[f->arrays[xs]]);
    node->index = xs;
    node->second = ys;
    return node;
}

/* uniform(), uniform(from, to), normal(), normal(mean, deviation); '(' is at hand. */
static struct formula_node *parse_draw(struct parser *p, size_t at, const char *name, int law) {
    struct formula_node *arguments[FORMULA_MOST_ARGUMENTS], *node;
    if (!p->formulas->names.draws)
        return REFUSE(p, at, "%s(…) draws a number, which only formulas of 'expression' do; give it an output there",
                      name);
    if (p->formulas->n_draws == FORMULA_MOST_DRAWS)
        return REFUSE(p, at, "the formulas draw more than %d numbers for an item; let more items draw fewer",
                      FORMULA_MOST_DRAWS);
    /* Its number is that of the call, before those of its arguments. */
    const int index = sheaf_formulas_append(p->formulas, &p->formulas->laws, &p->formulas->n_draws, law);
    const int n = index < 0 ? 0 : parse_arguments(p, ")", arguments);
    if (index < 0)
        return no_memory(p);
    if (n < 0)
        return NULL;
    if (n != 0 && n != 2)
        return REFUSE(p, at, "%s takes no arguments or two, %s(%s); here %s %d", name, name,
                      law == FORMULA_UNIFORM ? "from, to" : "mean, deviation", n == 1 ? "is" : "are", n);
    if (!(node = make(p, NODE_DRAW, arguments, n)))
        return NULL;
    node->index = index;
    node->second = law;
    return node;
}

static struct formula_node *parse_call(struct parser *p, size_t at, const char *name) {
    struct formula_node *arguments[FORMULA_MOST_ARGUMENTS], *node;
    struct formulas *f = p->formulas;
    int user = sheaf_formulas_find_function(f, name), math = sheaf_math_find(name);
    if (user < 0 && strcmp(name, "interp") == 0)
        return parse_interp(p, at);
    if (user < 0 && sheaf_formulas_find_law(name) >= 0)
        return parse_draw(p, at, name, sheaf_formulas_find_law(name));
    if (user < 0 && math < 0) {
        if (sheaf_formulas_find_array(f, name) >= 0)
            return REFUSE(p, at, "'%s' is an array; write %s[…]", name, name);
        bool value = sheaf_formulas_find_output(f, name) >= 0 || sheaf_formulas_find_field(f, name) >= 0 ||
                     sheaf_formulas_find_param(f, name) >= 0;
        return value ? REFUSE(p, at, "'%s' is no function; a product is written %s * (…)", name, name)
                     : refuse_name(p, at, name, true);
    }
    int wanted = user >= 0 ? f->names.functions[user].n_arguments : sheaf_math_functions[math].n_arguments;
    int n = parse_arguments(p, ")", arguments);
    if (n < 0)
        return NULL;
    if (n != wanted)
        return REFUSE(p, at, "%s takes %d argument%s; here are %d", name, wanted, wanted == 1 ? "" : "s", n);
    if (!(node = make(p, user >= 0 ? NODE_USER : NODE_CALL, arguments, n)))
        return NULL;
    node->index = user >= 0 ? place_in(p, &f->used, &f->n_used, user) : math;
    return node->index < 0 ? no_memory(p) : node;
}

/* --- the grammar --------------------------------------------------------------------------------------------------- */

static struct formula_node *parse_primary(struct parser *p) {
    struct token token = p->tokens.token;
    if (token.kind == TOKEN_NUMBER)
        return go_on(p) ? NULL : make_leaf(p, NODE_NUMBER, 0, token.number);
    if (token.kind == TOKEN_NAME) {
        char *name = sheaf_arena_text(&p->formulas->arena, p->tokens.text + token.at, token.length);
        if (!name)
            return no_memory(p);
        if (go_on(p))
            return NULL;
        return sheaf_tokens_is(&p->tokens, "(")   ? parse_call(p, token.begin, name)
               : sheaf_tokens_is(&p->tokens, "[") ? parse_element(p, token.begin, name)
                                                  : name_node(p, token.begin, name);
    }
    if (sheaf_tokens_is(&p->tokens, "(")) {
        struct formula_node *inner = go_on(p) ? NULL : parse_choice(p);
        return inner && close_bracket(p, token.begin, ")") == 0 ? inner : NULL;
    }
    if (token.kind == TOKEN_END)
        return p->tokens.n == 0 ? REFUSE(p, token.begin, "the formula is empty")
                                : REFUSE(p, token.begin, "a value is missing at the end");
    return REFUSE(p, token.begin, "a value is missing before '%s'", token.sign);
}

static struct formula_node *parse_unary(struct parser *p);

static struct formula_node *parse_power(struct parser *p) {
    struct formula_node *parts[2] = {parse_primary(p), NULL};
    if (!parts[0] || !sheaf_tokens_is(&p->tokens, "^"))
        return parts[0];
    if (go_on(p) || !(parts[1] = parse_unary(p)))
        return NULL;
    return make(p, NODE_POWER, parts, 2);
}

static struct formula_node *parse_unary(struct parser *p) {
    struct formula_node *node;
    bool minus = sheaf_tokens_is(&p->tokens, "-"), no = sheaf_tokens_is(&p->tokens, "!");
    if (!enter(p))
        return NULL;
    if (!minus && !no && !sheaf_tokens_is(&p->tokens, "+")) {
        node = parse_power(p);
    } else {
        node = go_on(p) ? NULL : parse_unary(p);
        if (node && (minus || no))
            node = make(p, minus ? NODE_NEGATE : NODE_NOT, &node, 1);
    }
    p->nesting--;
    return node;
}

static const struct binary {
    const char *sign;
    enum node_kind kind;
    int level; /* the higher, the tighter */
} binaries[] = {
    {"||", NODE_OR, 1},     {"&&", NODE_AND, 2},           {"<", NODE_LESS, 3},     {"<=", NODE_LESS_EQUAL, 3},
    {">", NODE_GREATER, 3}, {">=", NODE_GREATER_EQUAL, 3}, {"==", NODE_EQUAL, 3},   {"!=", NODE_NOT_EQUAL, 3},
    {"+", NODE_ADD, 4},     {"-", NODE_SUBTRACT, 4},       {"*", NODE_MULTIPLY, 5}, {"/", NODE_DIVIDE, 5},
    {"%", NODE_MODULO, 5},
};

enum { COMPARISONS = 3 };

static const struct binary *binary_at(const struct parser *p) {
    for (size_t k = 0; k < sizeof binaries / sizeof *binaries; k++)
        if (sheaf_tokens_is(&p->tokens, binaries[k].sign))
            return &binaries[k];
    return NULL;
}

/* Precedence climbing: operators of at least this level. */
static struct formula_node *parse_binary(struct parser *p, int least) {
    struct formula_node *parts[2] = {parse_unary(p), NULL};
    const struct binary *op, *before = NULL;
    while (parts[0] && (op = binary_at(p)) && op->level >= least) {
        if (before && before->level == COMPARISONS && op->level == COMPARISONS)
            return REFUSE(p, p->tokens.token.begin, "comparisons do not chain; write a %s b && b %s c, or use brackets",
                          before->sign, op->sign);
        if (go_on(p) || !(parts[1] = parse_binary(p, op->level + 1)))
            return NULL;
        parts[0] = make(p, op->kind, parts, 2);
        before = op;
    }
    return parts[0];
}

static struct formula_node *parse_choice(struct parser *p) {
    struct formula_node *parts[3] = {NULL}, *node = NULL;
    if (!enter(p))
        return NULL;
    parts[0] = parse_binary(p, 1);
    if (!parts[0] || !sheaf_tokens_is(&p->tokens, "?")) {
        node = parts[0];
    } else if (go_on(p) == 0 && (parts[1] = parse_choice(p))) {
        if (!sheaf_tokens_is(&p->tokens, ":"))
            sheaf_tokens_refuse(&p->tokens, p->tokens.token.begin,
                                "':' is missing; a choice is written condition ? a : b");
        else if (go_on(p) == 0 && (parts[2] = parse_choice(p)))
            node = make(p, NODE_CHOICE, parts, 3);
    }
    p->nesting--;
    return node;
}

/* What follows a whole formula should be its end. */
static int check_end(struct parser *p) {
    static const char *const words[][2] = {{"and", "&&"}, {"or", "||"}, {"not", "!"}, {"if", "condition ? a : b"}};
    const struct token *token = &p->tokens.token;
    if (token->kind == TOKEN_END)
        return 0;
    if (sheaf_tokens_is(&p->tokens, ")"))
        return sheaf_tokens_refuse(&p->tokens, token->begin, "this ')' has no '('");
    if (token->kind == TOKEN_OPERATOR && !sheaf_tokens_is(&p->tokens, "("))
        return sheaf_tokens_refuse(&p->tokens, token->begin, "unexpected '%s'", token->sign);
    for (size_t k = 0; token->kind == TOKEN_NAME && k < sizeof words / sizeof *words; k++)
        if (strlen(words[k][0]) == token->length && !memcmp(p->tokens.text + token->at, words[k][0], token->length))
            return sheaf_tokens_refuse(&p->tokens, token->begin, "unexpected '%s'; write %s", words[k][0], words[k][1]);
    return sheaf_tokens_refuse(&p->tokens, token->begin, "an operator is missing here; a product is written a * b");
}

static int check_output(struct parser *p, const char *name) {
    struct formulas *f = p->formulas;
    if (sheaf_formulas_find_output(f, name) >= 0)
        return sheaf_tokens_refuse(&p->tokens, 0, "there is an earlier output of this name");
    if (sheaf_formulas_find_param(f, name) >= 0)
        return sheaf_tokens_refuse(&p->tokens, 0, "there is a param of this name; rename one of them");
    if (f->n_outputs == FORMULA_MOST_OUTPUTS)
        return sheaf_tokens_refuse(&p->tokens, 0, "there are more than %d formulas", FORMULA_MOST_OUTPUTS);
    if (p->tokens.length > FORMULA_MOST_BYTES)
        return sheaf_tokens_refuse(&p->tokens, 0, "the formula is too long; split it into several outputs");
    return 0;
}

int sheaf_formulas_add(struct formulas *f, const char *output, const char *text, size_t length, size_t *at,
                       struct sheaf_error *error) {
    struct parser p = {.formulas = f, .tokens = {.text = text, .length = length, .at = at, .error = error}};
    size_t n = (size_t)f->n_outputs;
    *at = 0;
    if (check_output(&p, output) || go_on(&p))
        return -1;
    struct formula_node *tree = parse_choice(&p);
    if (!tree || check_end(&p))
        return -1;
    const char **outputs = sheaf_arena_take(&f->arena, (n + 1) * sizeof *outputs);
    struct formula_node **trees = sheaf_arena_take(&f->arena, (n + 1) * sizeof(struct formula_node *));
    const char *name = sheaf_arena_text(&f->arena, output, strlen(output));
    if (!outputs || !trees || !name)
        return sheaf_fail_memory(error, "the formulas");
    if (n) {
        memcpy(outputs, f->outputs, n * sizeof *outputs);
        memcpy(trees, f->trees, n * sizeof(struct formula_node *));
    }
    outputs[n] = name;
    trees[n] = tree;
    f->outputs = outputs;
    f->trees = trees;
    f->n_outputs++;
    return 0;
}

void sheaf_formulas_free(struct formulas *f) {
    if (f)
        sheaf_arena_free(&f->arena);
}
