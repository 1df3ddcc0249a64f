/* What a formula may name, and lists of what it does. */
#include <string.h>

#include "kernel/expression/formula_tree.h"

int sheaf_formulas_append(struct formulas *f, int **list, int *n, int number) {
    if ((*n & (*n - 1)) == 0) { /* full: its room is always a power of two */
        int *longer = sheaf_arena_take(&f->arena, 2 * ((size_t)*n + 1) * sizeof *longer);
        if (!longer)
            return -1;
        if (*n)
            memcpy(longer, *list, (size_t)*n * sizeof *longer);
        *list = longer;
    }
    (*list)[*n] = number;
    return (*n)++;
}

int sheaf_formulas_find_output(const struct formulas *f, const char *name) {
    for (int k = 0; k < f->n_outputs; k++)
        if (strcmp(f->outputs[k], name) == 0)
            return k;
    return -1;
}

int sheaf_formulas_find_field(const struct formulas *f, const char *name) {
    for (int k = 0; k < f->names.n_fields; k++)
        if (strcmp(f->names.fields[k].name, name) == 0)
            return k;
    return -1;
}

int sheaf_formulas_find_param(const struct formulas *f, const char *name) {
    for (int k = 0; k < f->names.n_params; k++)
        if (strcmp(f->names.params[k].name, name) == 0)
            return k;
    return -1;
}

int sheaf_formulas_find_function(const struct formulas *f, const char *name) {
    for (int k = 0; k < f->names.n_functions; k++)
        if (strcmp(f->names.functions[k].name, name) == 0)
            return k;
    return -1;
}

int sheaf_formulas_find_array(const struct formulas *f, const char *name) {
    const struct sheaf_array *found = sheaf_arrays_find(f->names.arrays, name);
    return found ? (int)(found - f->names.arrays->list) : -1;
}

int sheaf_formulas_find_law(const char *name) {
    return strcmp(name, "uniform") == 0 ? FORMULA_UNIFORM : strcmp(name, "normal") == 0 ? FORMULA_NORMAL : -1;
}
