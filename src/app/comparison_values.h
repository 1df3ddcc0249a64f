/*
 * comparison_values - how much two values differ. Pure; private to comparison.c.
 */
#ifndef SHEAF_APP_COMPARISON_VALUES_H
#define SHEAF_APP_COMPARISON_VALUES_H

#include <stdbool.h>
#include <stdint.h>

struct tolerance {
    double rtol, atol; /* both 0: the same bits */
};

struct gap {
    bool differs, only_nan;
    double size, relative; /* where both are numbers */
};

/* Of two numbers of these types (core/type.h). */
struct gap sheaf_value_gap(struct tolerance tolerance, int32_t type_a, const void *a, int32_t type_b, const void *b);

#endif
