/*
 * scale - where a value lies between two ends, evenly or by its logarithm, and where one expects ticks.
 */
#ifndef SHEAF_PLOT_SCALE_H
#define SHEAF_PLOT_SCALE_H

#include <stdbool.h>
#include <stdint.h>

#include "plot/plot.h"

struct scale {
    double low, high; /* the values at its ends; low < high, and both above 0 where it is logarithmic */
    double from, to;  /* their places in the picture */
    bool log, whole;
};

enum { TICKS_MOST = 32, TICK_LABEL = 64 };

struct tick {
    double value;
    char label[TICK_LABEL]; /* "" of a small one */
};

/* Takes ends that hold all of values[n] that are marked as such, or all where marks is NULL, with `margin` of the length beside
   them. */
void sheaf_scale_fit(struct scale *scale, const struct plot_axis *axis, const double *values, const uint8_t *marks,
                     int64_t n, double margin);

/* The place of a value. */
double sheaf_scale_at(const struct scale *scale, double value);

/* The value in the middle between two. */
double sheaf_scale_between(const struct scale *scale, double a, double b);

/* About as many ticks as are wanted, at most TICKS_MOST; 1, 2 or 5 times powers of ten apart, or at those. How many. */
int sheaf_scale_ticks(const struct scale *scale, int wanted, struct tick *ticks);

#endif
