/*
 * axis - values along an axis, as numpy gives them: linspace, logspace, geomspace and arange.
 */
#ifndef SHEAF_SWEEP_AXIS_H
#define SHEAF_SWEEP_AXIS_H

#include <stdint.h>

/* n values from `first` to `last`, both among them (the first alone where n is 1), in equal steps: the bits that
   numpy.linspace gives. */
void sheaf_axis_linspace(double first, double last, int64_t n, double *values);

/* 10 to the power of those. */
void sheaf_axis_logspace(double first, double last, int64_t n, double *values);

/* n values from `first` to `last` in equal ratios; both must be on one side of zero. */
void sheaf_axis_geomspace(double first, double last, int64_t n, double *values);

/* How many values begin, begin + step, … are before `end` (numpy.arange's rule, ceil((end - begin) / step)), and these;
   -1 where there are more than 2^53 or step is 0. */
int64_t sheaf_axis_count(double begin, double end, double step);
void sheaf_axis_range(double begin, double step, int64_t n, double *values);

#endif
