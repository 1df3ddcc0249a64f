#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "kernel/expression/formula_tree.h"

/* What every source begins with. min and max skip NaN, as fmin and fmax of <math.h> do. */
static const char prelude[] =
    "#define _DEFAULT_SOURCE\n"
    "#include <math.h>\n"
    "#include <stdint.h>\n"
    "\n"
    "static inline double sheaf_square(double x) { return x * x; }\n"
    "static inline double sheaf_cube(double x) { return x * x * x; }\n"
    "static inline double sheaf_fourth(double x) { return (x * x) * (x * x); }\n"
    "static inline double sheaf_min(double x, double y) { return y < x || isnan(x) ? y : x; }\n"
    "static inline double sheaf_max(double x, double y) { return y > x || isnan(x) ? y : x; }\n"
    "static inline double sheaf_uniform(double from, double to, double u) { return from + (to - from) * u; }\n"
    "static inline double sheaf_normal(double mean, double deviation, double z) { return mean + deviation * z; }\n"
    "static inline double sheaf_lgamma(double x) { int sign; return lgamma_r(x, &sign); }\n"
    "\n";

static const char *sign_of(enum node_kind kind) {
    static const char *const signs[] = {
        [NODE_NEGATE] = "-",         [NODE_NOT] = "!",    [NODE_ADD] = "+",         [NODE_SUBTRACT] = "-",
        [NODE_MULTIPLY] = "*",       [NODE_DIVIDE] = "/", [NODE_MODULO] = "%",      [NODE_POWER] = "^",
        [NODE_LESS] = "<",           [NODE_AND] = "&&",   [NODE_LESS_EQUAL] = "<=", [NODE_GREATER] = ">",
        [NODE_GREATER_EQUAL] = ">=", [NODE_EQUAL] = "==", [NODE_NOT_EQUAL] = "!=",  [NODE_OR] = "||",
    };
    return signs[kind];
}

/* --- canonical form ------------------------------------------------------------------------------------------------ */

static void print_node(const struct formulas *f, const struct formula_node *node, struct sheaf_string *to);

/* And the closing bracket. */
static void print_list(const struct formulas *f, const struct formula_node *node, const char *close,
                       struct sheaf_string *to) {
    for (int k = 0; k < node->n; k++) {
        if (k > 0)
            sheaf_string_add(to, ", ");
        print_node(f, node->parts[k], to);
    }
    sheaf_string_add(to, "%s", close);
}

static void print_parts(const struct formulas *f, const struct formula_node *node, struct sheaf_string *to) {
    print_list(f, node, ")", to);
}

static void print_node(const struct formulas *f, const struct formula_node *node, struct sheaf_string *to) {
    char number[32];
    switch (node->kind) {
    case NODE_NUMBER:
        sheaf_string_add(to, "%s", sheaf_text_double(node->number, number));
        break;
    case NODE_FIELD:
        sheaf_string_add(to, "%s", f->names.fields[f->inputs[node->index]].name);
        break;
    case NODE_PARAM:
        sheaf_string_add(to, "%s", f->names.params[node->index].name);
        break;
    case NODE_OUTPUT:
        sheaf_string_add(to, "%s", f->outputs[node->index]);
        break;
    case NODE_ITEM:
        sheaf_string_add(to, "item");
        break;
    case NODE_NEGATE:
    case NODE_NOT:
        sheaf_string_add(to, "(%s", sign_of(node->kind));
        print_parts(f, node, to);
        break;
    case NODE_CALL:
        sheaf_string_add(to, "%s(", sheaf_math_functions[node->index].name);
        print_parts(f, node, to);
        break;
    case NODE_USER:
        sheaf_string_add(to, "%s(", f->names.functions[f->used[node->index]].name);
        print_parts(f, node, to);
        break;
    case NODE_ELEMENT:
        sheaf_string_add(to, "%s[", f->names.arrays->names[f->arrays[node->index]]);
        print_list(f, node, "]", to);
        break;
    case NODE_INTERP:
        sheaf_string_add(to, "interp(");
        print_node(f, node->parts[0], to);
        sheaf_string_add(to, ", %s, %s)", f->names.arrays->names[f->arrays[node->index]],
                         f->names.arrays->names[f->arrays[node->second]]);
        break;
    case NODE_DRAW:
        sheaf_string_add(to, node->second == FORMULA_UNIFORM ? "uniform(" : "normal(");
        print_parts(f, node, to);
        break;
    default:
        sheaf_string_add(to, "(");
        print_node(f, node->parts[0], to);
        for (int k = 1; k < node->n; k++) {
            sheaf_string_add(to, " %s ", node->kind != NODE_CHOICE ? sign_of(node->kind) : k == 1 ? "?" : ":");
            print_node(f, node->parts[k], to);
        }
        sheaf_string_add(to, ")");
    }
}

void sheaf_formulas_print(const struct formulas *f, int output, struct sheaf_string *to) {
    print_node(f, f->trees[output], to);
}

/* --- C ------------------------------------------------------------------------------------------------------------- */

static void write_value(const struct formula_node *node, struct sheaf_string *to);

/* Without printf's own forms of a double, which ask the locale for the point: 0x1921fb54442d18p-51. */
static void write_number(double number, struct sheaf_string *to) {
    int exponent;
    if (isnan(number)) {
        sheaf_string_add(to, "NAN");
        return;
    }
    const char *sign = signbit(number) ? "-" : "";
    if (isinf(number)) {
        sheaf_string_add(to, "(%sINFINITY)", sign);
        return;
    }
    double digits = ldexp(frexp(fabs(number), &exponent), 53);
    sheaf_string_add(to, "(%s0x%llxp%d)", sign, (unsigned long long)digits, exponent - 53);
}

static bool is_comparison(enum node_kind kind) {
    return kind >= NODE_LESS && kind <= NODE_NOT_EQUAL;
}

/* As a condition of C. A chain of && or || needs no brackets on the left. */
static void write_truth(const struct formula_node *node, struct sheaf_string *to) {
    const struct formula_node *left = node->n ? node->parts[0] : NULL;
    if (is_comparison(node->kind)) {
        write_value(left, to);
        sheaf_string_add(to, " %s ", sign_of(node->kind));
        write_value(node->parts[1], to);
    } else if (node->kind == NODE_AND || node->kind == NODE_OR) {
        bool chain = left->kind == node->kind;
        sheaf_string_add(to, chain ? "" : "(");
        write_truth(left, to);
        sheaf_string_add(to, "%s %s (", chain ? "" : ")", sign_of(node->kind));
        write_truth(node->parts[1], to);
        sheaf_string_add(to, ")");
    } else if (node->kind == NODE_NOT) {
        sheaf_string_add(to, "!(");
        write_truth(left, to);
        sheaf_string_add(to, ")");
    } else {
        write_value(node, to);
        sheaf_string_add(to, " != 0.0");
    }
}

static void write_call(const char *name, const char *first, const struct formula_node *node, struct sheaf_string *to) {
    sheaf_string_add(to, "%s(%s", name, first);
    for (int k = 0; k < node->n; k++) {
        if (k > 0 || *first)
            sheaf_string_add(to, ", ");
        write_value(node->parts[k], to);
    }
    sheaf_string_add(to, ")");
}

static void write_power(const struct formula_node *node, struct sheaf_string *to) {
    static const char *const products[] = {"sheaf_square", "sheaf_cube", "sheaf_fourth"};
    const struct formula_node *exponent = node->parts[1];
    double n = exponent->kind == NODE_NUMBER ? exponent->number : 0;
    if (n != 2 && n != 3 && n != 4) {
        write_call("pow", "", node, to);
        return;
    }
    sheaf_string_add(to, "%s(", products[(int)n - 2]); /* which a loop can be vectorised with, unlike pow */
    write_value(node->parts[0], to);
    sheaf_string_add(to, ")");
}

/* a + b - c and a * b / c; what stands on the left of the same line of operators goes without brackets. */
static void write_chain(const struct formula_node *node, bool within, struct sheaf_string *to) {
    const struct formula_node *left = node->parts[0];
    bool sum = node->kind == NODE_ADD || node->kind == NODE_SUBTRACT;
    bool leans = sum ? left->kind == NODE_ADD || left->kind == NODE_SUBTRACT
                     : left->kind == NODE_MULTIPLY || left->kind == NODE_DIVIDE;
    sheaf_string_add(to, within ? "" : "(");
    if (leans)
        write_chain(left, true, to);
    else
        write_value(left, to);
    sheaf_string_add(to, " %s ", sign_of(node->kind));
    write_value(node->parts[1], to);
    sheaf_string_add(to, within ? "" : ")");
}

static void write_choice(const struct formula_node *node, struct sheaf_string *to) {
    sheaf_string_add(to, "(");
    if (node->kind == NODE_CHOICE) {
        write_truth(node->parts[0], to);
        sheaf_string_add(to, " ? ");
        write_value(node->parts[1], to);
        sheaf_string_add(to, " : ");
        write_value(node->parts[2], to);
    } else {
        write_truth(node, to);
        sheaf_string_add(to, " ? 1.0 : 0.0");
    }
    sheaf_string_add(to, ")");
}

static void write_math(const struct formula_node *node, struct sheaf_string *to) {
    const struct math_function *function = &sheaf_math_functions[node->index];
    sheaf_string_add(to, function->is_class ? "(" : "");
    write_call(function->c, "", node, to);
    sheaf_string_add(to, function->is_class ? " ? 1.0 : 0.0)" : "");
}

/* The standard number, or sheaf_uniform(from, to, number), sheaf_normal(mean, deviation, number). */
static void write_draw(const struct formula_node *node, struct sheaf_string *to) {
    if (node->n) {
        sheaf_string_add(to, node->second == FORMULA_UNIFORM ? "sheaf_uniform(" : "sheaf_normal(");
        write_value(node->parts[0], to);
        sheaf_string_add(to, ", ");
        write_value(node->parts[1], to);
        sheaf_string_add(to, ", draw%d[k])", node->index);
    } else {
        sheaf_string_add(to, "draw%d[k]", node->index);
    }
}

/* A double; what is no single word or call stands in brackets. */
static void write_value(const struct formula_node *node, struct sheaf_string *to) {
    char name[32], function[32];
    switch (node->kind) {
    case NODE_NUMBER:
    case NODE_PARAM:
        write_number(node->number, to);
        break;
    case NODE_FIELD:
        sheaf_string_add(to, "in%d[k]", node->index);
        break;
    case NODE_OUTPUT:
        sheaf_string_add(to, "value%d", node->index);
        break;
    case NODE_ITEM:
        sheaf_string_add(to, "item");
        break;
    case NODE_NEGATE:
        sheaf_string_add(to, "(-");
        write_value(node->parts[0], to);
        sheaf_string_add(to, ")");
        break;
    case NODE_ADD:
    case NODE_SUBTRACT:
    case NODE_MULTIPLY:
    case NODE_DIVIDE:
        write_chain(node, false, to);
        break;
    case NODE_MODULO:
        write_call("fmod", "", node, to);
        break;
    case NODE_POWER:
        write_power(node, to);
        break;
    case NODE_CALL:
        write_math(node, to);
        break;
    case NODE_USER:
        snprintf(name, sizeof name, "call%d", node->index);
        snprintf(function, sizeof function, "function%d", node->index);
        write_call(name, function, node, to);
        break;
    case NODE_ELEMENT:
        snprintf(name, sizeof name, "element%d", node->index);
        snprintf(function, sizeof function, "array%d", node->index);
        write_call(name, function, node, to);
        break;
    case NODE_INTERP:
        snprintf(name, sizeof name, "interp%d_%d", node->index, node->second);
        snprintf(function, sizeof function, "array%d, array%d", node->index, node->second);
        write_call(name, function, node, to);
        break;
    case NODE_DRAW:
        write_draw(node, to);
        break;
    default:
        write_choice(node, to);
    }
}

/* --- arrays ---------------------------------------------------------------------------------------------------------- */

static const char *type_of(const struct sheaf_array *array) {
    switch ((enum sheaf_type)array->type) {
    case SHEAF_FLOAT32:
        return "float";
    case SHEAF_INT64:
        return "int64_t";
    case SHEAF_INT32:
        return "int32_t";
    case SHEAF_UINT8:
        return "uint8_t";
    default:
        return "double";
    }
}

/* An element by its indices; NaN where there is none. */
static void write_element(const struct sheaf_array *a, int k, struct sheaf_string *to) {
    sheaf_string_add(to, "static inline double element%d(const %s *t", k, type_of(a));
    for (int d = 0; d < a->n_dims; d++)
        sheaf_string_add(to, ", double i%d", d);
    sheaf_string_add(to, ") {\n    if (!(1");
    for (int d = 0; d < a->n_dims; d++)
        sheaf_string_add(to, " && i%d >= 0 && i%d < (double)INT64_C(%" PRId64 ") && i%d == floor(i%d)", d, d,
                         a->shape[d], d, d);
    sheaf_string_add(to, "))\n        return NAN;\n    int64_t at = 0;\n");
    for (int d = 0; d < a->n_dims; d++)
        sheaf_string_add(to, "    at = at * INT64_C(%" PRId64 ") + (int64_t)i%d;\n", a->shape[d], d);
    sheaf_string_add(to, "    return (double)t[at];\n}\n\n");
}

/* numpy.interp's arithmetic: the place by halving, then the slope from its left; from its right where that is no number, as
   beside an infinite value. */
static void write_interp(const struct sheaf_array *xs, const struct sheaf_array *ys, int k, int l,
                         struct sheaf_string *to) {
    sheaf_string_add(to,
                     "static inline double interp%d_%d(const %s *xs, const %s *ys, double x) {\n"
                     "    int64_t low = 0, high = INT64_C(%" PRId64 ") - 1;\n"
                     "    if (isnan(x))\n        return x;\n"
                     "    if (x <= (double)xs[0])\n        return (double)ys[0];\n"
                     "    if (x >= (double)xs[high])\n        return (double)ys[high];\n"
                     "    while (high - low > 1) {\n"
                     "        const int64_t middle = low + (high - low) / 2;\n"
                     "        if (x >= (double)xs[middle])\n            low = middle;\n"
                     "        else\n            high = middle;\n    }\n"
                     "    const double at = (double)xs[low], from = (double)ys[low], to = (double)ys[high];\n"
                     "    if (x == at)\n        return from;\n"
                     "    const double slope = (to - from) / ((double)xs[high] - at), left = slope * (x - at) + from;\n"
                     "    if (!isnan(left))\n        return left;\n"
                     "    const double right = slope * (x - (double)xs[high]) + to;\n"
                     "    return isnan(right) && from == to ? from : right;\n}\n\n",
                     k, l, type_of(xs), type_of(ys), xs->shape[0]);
}

static bool uses_interp(const struct formula_node *node, int k, int l) {
    bool uses = node->kind == NODE_INTERP && node->index == k && node->second == l;
    for (int i = 0; i < node->n && !uses; i++)
        uses = uses_interp(node->parts[i], k, l);
    return uses;
}

/* What reads the arrays that are used. */
static void write_arrays(const struct formulas *f, struct sheaf_string *to) {
    for (int k = 0; k < f->n_arrays; k++) {
        const struct sheaf_array *a = &f->names.arrays->list[f->arrays[k]];
        write_element(a, k, to);
        for (int l = 0; l < f->n_arrays; l++) {
            bool uses = false;
            for (int i = 0; i < f->n_outputs; i++)
                uses = uses || uses_interp(f->trees[i], k, l);
            if (uses)
                write_interp(a, &f->names.arrays->list[f->arrays[l]], k, l, to);
        }
    }
}

/* --- all of it ------------------------------------------------------------------------------------------------------- */

/* The type of a user's function, and how it is called. */
static void write_user(const struct formula_function *function, int k, struct sheaf_string *to) {
    sheaf_string_add(to, "typedef double (*sheaf_user%d)(", k);
    for (int a = 0; a < function->n_arguments; a++)
        sheaf_string_add(to, "%s%s", a ? ", " : "", function->by_reference ? "const double *" : "double");
    sheaf_string_add(to, "%s);\nstatic inline double call%d(sheaf_user%d function", function->n_arguments ? "" : "void",
                     k, k);
    for (int a = 0; a < function->n_arguments; a++)
        sheaf_string_add(to, ", double a%d", a);
    sheaf_string_add(to, ") { return function(");
    for (int a = 0; a < function->n_arguments; a++)
        sheaf_string_add(to, "%s%sa%d", a ? ", " : "", function->by_reference ? "&" : "", a);
    sheaf_string_add(to, "); }\n\n");
}

void sheaf_formulas_write_c(const struct formulas *f, struct sheaf_string *to) {
    sheaf_string_add(to, "%s", prelude);
    for (int k = 0; k < f->n_used; k++)
        write_user(&f->names.functions[f->used[k]], k, to);
    write_arrays(f, to);
    sheaf_string_add(to, "void sheaf_expression(int64_t first, int64_t n, const double *const *in, "
                         "double *const *out, void (*const *functions)(void), const void *const *arrays) {\n");
    for (int k = 0; k < f->n_inputs; k++)
        sheaf_string_add(to, "    const double *restrict in%d = __builtin_assume_aligned(in[%d], 64);\n", k, k);
    for (int k = 0; k < f->n_draws; k++)
        sheaf_string_add(to, "    const double *restrict draw%d = __builtin_assume_aligned(in[%d], 64);\n", k,
                         f->n_inputs + k);
    for (int k = 0; k < f->n_outputs; k++)
        sheaf_string_add(to, "    double *restrict out%d = __builtin_assume_aligned(out[%d], 64);\n", k, k);
    for (int k = 0; k < f->n_used; k++)
        sheaf_string_add(to, "    const sheaf_user%d function%d = (sheaf_user%d)functions[%d];\n", k, k, k, k);
    for (int k = 0; k < f->n_arrays; k++)
        sheaf_string_add(to, "    const %s *array%d = arrays[%d];\n", type_of(&f->names.arrays->list[f->arrays[k]]), k,
                         k);
    sheaf_string_add(to, "    const int count = (int)n;\n"
                         "    if (count %% 16)\n"
                         "        __builtin_unreachable();\n"
                         "    for (int k = 0; k < count; k++) {\n");
    if (f->uses_index)
        sheaf_string_add(to, "        const double item = (double)first + (double)k;\n");
    for (int k = 0; k < f->n_outputs; k++) {
        sheaf_string_add(to, "        const double value%d = ", k);
        write_value(f->trees[k], to);
        sheaf_string_add(to, ";\n        out%d[k] = value%d;\n", k, k);
    }
    sheaf_string_add(to, "    }\n}\n");
}
