#include <string.h>

#include "kernel/expression/formula_tree.h"

/* The real functions of C99's <math.h> whose arguments are all doubles, with synonyms. Those written sheaf_… are
   defined in formula_c.c: min and max so that a loop is vectorised, lgamma because that of the library writes a global
   variable. */
const struct math_function sheaf_math_functions[] = {
    {"abs", "fabs", 1, false},
    {"acos", "acos", 1, false},
    {"acosh", "acosh", 1, false},
    {"asin", "asin", 1, false},
    {"asinh", "asinh", 1, false},
    {"atan", "atan", 1, false},
    {"atan2", "atan2", 2, false},
    {"atanh", "atanh", 1, false},
    {"cbrt", "cbrt", 1, false},
    {"ceil", "ceil", 1, false},
    {"copysign", "copysign", 2, false},
    {"cos", "cos", 1, false},
    {"cosh", "cosh", 1, false},
    {"erf", "erf", 1, false},
    {"erfc", "erfc", 1, false},
    {"exp", "exp", 1, false},
    {"exp2", "exp2", 1, false},
    {"expm1", "expm1", 1, false},
    {"fabs", "fabs", 1, false},
    {"fdim", "fdim", 2, false},
    {"floor", "floor", 1, false},
    {"fma", "fma", 3, false},
    {"fmax", "sheaf_max", 2, false},
    {"fmin", "sheaf_min", 2, false},
    {"fmod", "fmod", 2, false},
    {"hypot", "hypot", 2, false},
    {"isfinite", "isfinite", 1, true},
    {"isinf", "isinf", 1, true},
    {"isnan", "isnan", 1, true},
    {"lgamma", "sheaf_lgamma", 1, false},
    {"log", "log", 1, false},
    {"log10", "log10", 1, false},
    {"log1p", "log1p", 1, false},
    {"log2", "log2", 1, false},
    {"logb", "logb", 1, false},
    {"max", "sheaf_max", 2, false},
    {"min", "sheaf_min", 2, false},
    {"nearbyint", "nearbyint", 1, false},
    {"nextafter", "nextafter", 2, false},
    {"pow", "pow", 2, false},
    {"remainder", "remainder", 2, false},
    {"rint", "rint", 1, false},
    {"round", "round", 1, false},
    {"signbit", "signbit", 1, true},
    {"sin", "sin", 1, false},
    {"sinh", "sinh", 1, false},
    {"sqrt", "sqrt", 1, false},
    {"tan", "tan", 1, false},
    {"tanh", "tanh", 1, false},
    {"tgamma", "tgamma", 1, false},
    {"trunc", "trunc", 1, false},
};

const int sheaf_n_math_functions = (int)(sizeof sheaf_math_functions / sizeof *sheaf_math_functions);

int sheaf_math_find(const char *name) {
    for (int k = 0; k < sheaf_n_math_functions; k++)
        if (strcmp(sheaf_math_functions[k].name, name) == 0)
            for (int first = 0;; first++)
                if (strcmp(sheaf_math_functions[first].c, sheaf_math_functions[k].c) == 0)
                    return first;
    return -1;
}
