/*
 * Many values at a time: the same sums as those of reduce/exact.c, several times as fast.
 *
 * Of values below 2^e in size, the parts that are multiples of some power of two are cut off and summed as doubles, without
 * any error, since that sum has few enough bits; then the next parts of what is left (Rump, Ogita and Oishi, "Accurate
 * floating-point summation I", doi:10.1137/050645671: ExtractVector). Only the few sums of parts go into the digits. What that
 * does not suit (infinities, values near the largest, far too many magnitudes at a time) is added one by one.
 */
#include "reduce/exact.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum {
    PIECE = 1024,
    PIECE_BITS = 11, /* PIECE + 2 <= 2^PIECE_BITS */
    ROWS = 4,        /* of lanes that a loop takes at a time: additions take longer than they must be apart */
    ROUNDS = 3,      /* of two parts each: together 252 bits */
    MOST_EXPONENT = 1000,
    SQUARES_EXPONENT = 480 /* squares of values between 2^-480 and 2^480 are sums of two doubles */
};

struct parts {
    int n;
    double sums[2 * ROUNDS];
};

/* Once for any machine, with vectors of two doubles, and once for one with AVX2, of four: vectors that a machine does not have are
   slow. */
#define LANES 2
#define NAME(name) name##_2
#define ANYWHERE
#include "reduce/exact_lanes.inc"
#undef LANES
#undef NAME
#undef ANYWHERE

#ifdef __x86_64__
#define LANES 4
#define NAME(name) name##_4
#define ANYWHERE __attribute__((target("avx2")))
#include "reduce/exact_lanes.inc"
#endif

void sheaf_exact_add_many(struct exact_sum *sum, struct exact_squares *squares, const double *x, int64_t n) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) {
        add_many_4(sum, squares, x, n);
        return;
    }
#endif
    add_many_2(sum, squares, x, n);
}
