#include "sweep/axis.h"

#include <math.h>

void sheaf_axis_linspace(double first, double last, int64_t n, double *values) {
    const double step = n > 1 ? (last - first) / (double)(n - 1) : 0;
    const int by_share = step == 0; /* the step is too small for a double, as it is between neighbours near zero */
    for (int64_t i = 0; i < n; i++)
        values[i] = by_share && n > 1 ? (double)i / (double)(n - 1) * (last - first) + first : (double)i * step + first;
    if (n > 1)
        values[n - 1] = last;
}

void sheaf_axis_logspace(double first, double last, int64_t n, double *values) {
    sheaf_axis_linspace(first, last, n, values);
    for (int64_t i = 0; i < n; i++)
        values[i] = pow(10, values[i]);
}

void sheaf_axis_geomspace(double first, double last, int64_t n, double *values) {
    const double sign = first < 0 ? -1 : 1;
    sheaf_axis_logspace(log10(sign * first), log10(sign * last), n, values);
    for (int64_t i = 0; i < n; i++)
        values[i] *= sign;
    if (n > 0)
        values[0] = first;
    if (n > 1)
        values[n - 1] = last;
}

int64_t sheaf_axis_count(double begin, double end, double step) {
    const double n = ceil((end - begin) / step);
    return step == 0 || !(n <= 0x1p53) ? -1 : n > 0 ? (int64_t)n : 0;
}

void sheaf_axis_range(double begin, double step, int64_t n, double *values) {
    const double next = begin + step; /* numpy goes on by the difference of the first two */
    for (int64_t i = 0; i < n; i++)
        values[i] = i == 0 ? begin : begin + (double)i * (next - begin);
}
