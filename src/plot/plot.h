/*
 * plot - pictures of numbers, as SVG: lines, heat maps, scatter plots.
 *
 * Pure: the caller hands over arrays, and what they are called. Knows no results files.
 */
#ifndef SHEAF_PLOT_PLOT_H
#define SHEAF_PLOT_PLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/error.h"

/* What there is of a value. */
enum plot_mark {
    PLOT_NONE, /* nothing to draw: left blank */
    PLOT_VALUE,
    PLOT_PENDING,
    PLOT_FAILED,
    PLOT_SKIPPED, /* not to be computed */
};

struct plot_axis {
    const char *label; /* with its unit */
    bool log;
    bool whole;               /* whole numbers: no ticks in between */
    int64_t n;                /* of the values along it */
    double *values;           /* [n]; of names, which one: 0, 1, … */
    const char *const *names; /* [n_names]; NULL: the values are numbers */
    int64_t n_names;
};

struct plot {
    const char *title, *subtitle; /* the second may be "" */
    struct plot_axis x, y;
    struct plot_axis value; /* what is drawn; its n is 0 */
    double *values;         /* finite where the mark says that there is one */
    uint8_t *marks;         /* enum plot_mark */
};

/* All write a whole SVG; that it arrived is for the caller to check. -1: no memory. */

/* values[y.n][x.n] are y.n lines; what each is called is in y.names, and y.values are given where these are numbers, which
   ascend. With one line there is no y.names. x ascends. */
int sheaf_plot_lines(FILE *out, const struct plot *plot, struct sheaf_error *error);

/* values[y.n][x.n] are cells, whose middles are at x and y, which ascend strictly. */
int sheaf_plot_heat(FILE *out, const struct plot *plot, struct sheaf_error *error);

/* values[x.n] are points over x; or, where there are as many of y, points at x and y, in colours. */
int sheaf_plot_scatter(FILE *out, const struct plot *plot, struct sheaf_error *error);

#endif
