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
    STEP = 8,        /* values that a loop takes at a time */
    PAIRS = STEP / 2,
    ROUNDS = 3, /* of two parts each: together 252 bits */
    MOST_EXPONENT = 1000,
    SQUARES_EXPONENT = 480 /* squares of values between 2^-480 and 2^480 are sums of two doubles */
};

/* Plain vectors: of a compiler for any machine, two doubles. */
typedef double pair __attribute__((vector_size(16)));
typedef int64_t bits __attribute__((vector_size(16)));

struct parts {
    int n;
    double sums[2 * ROUNDS];
};

static pair take(const double *from) {
    pair p;
    memcpy(&p, from, sizeof p);
    return p;
}

/* The largest size of x[n], n a multiple of STEP; infinity where one is NaN. */
static double find_size(const double *x, int n) {
    const bits mask = {INT64_MAX, INT64_MAX};
    pair most[PAIRS] = {{0}};
    bits other = {0};
    for (int i = 0; i < n; i += STEP)
        for (int k = 0; k < PAIRS; k++) {
            const pair p = (pair)((bits)take(x + i + 2 * k) & mask);
            const bits larger = p > most[k];
            other |= p != p;
            most[k] = (pair)(((bits)p & larger) | ((bits)most[k] & ~larger));
        }
    double size = other[0] | other[1] ? INFINITY : 0;
    for (int k = 0; k < 2 * PAIRS; k++)
        size = most[k / 2][k % 2] > size ? most[k / 2][k % 2] : size;
    return size;
}

/* Cuts two parts off x[n]; rest[n] is what is left, and may be x itself. Whether anything is. */
static bool cut(const double *x, double *rest, int n, double high, double low, double sums[2]) {
    const pair above = {high, high}, below = {low, low};
    pair first[PAIRS] = {{0}}, second[PAIRS] = {{0}};
    bits any = {0};
    for (int i = 0; i < n; i += STEP)
        for (int k = 0; k < PAIRS; k++) {
            const pair p = take(x + i + 2 * k), q = (above + p) - above, left = p - q;
            const pair r = (below + left) - below, end = left - r;
            first[k] += q;
            second[k] += r;
            any |= end != 0;
            memcpy(rest + i + 2 * k, &end, sizeof end);
        }
    sums[0] = sums[1] = 0;
    for (int k = 0; k < 2 * PAIRS; k++) {
        sums[0] += first[k / 2][k % 2];
        sums[1] += second[k / 2][k % 2];
    }
    return any[0] | any[1];
}

/* x[n], n at most PIECE and a multiple of STEP, all below 2^exponent in size, as a few doubles that have the same sum; false:
   there are too many magnitudes. */
static bool part(const double *x, int n, int exponent, struct parts *parts) {
    double rest[PIECE];
    for (parts->n = 0; parts->n < 2 * ROUNDS; parts->n += 2) {
        const double high = ldexp(1, exponent + PIECE_BITS), low = ldexp(high, PIECE_BITS - DBL_MANT_DIG);
        if (!cut(parts->n ? rest : x, rest, n, high, low, parts->sums + parts->n)) {
            parts->n += 2;
            return true;
        }
        exponent += 2 * (PIECE_BITS - DBL_MANT_DIG);
    }
    return false;
}

/* A piece of n values; false: not in this way. */
static bool add_piece(struct exact_sum *sum, const double *x, int n, double size) {
    struct parts parts;
    int exponent;
    frexp(size, &exponent);
    if (!(size > 0) || !(size < INFINITY) || exponent > MOST_EXPONENT || !part(x, n, exponent, &parts))
        return false;
    const int64_t before = sum->n;
    for (int k = 0; k < parts.n; k++)
        sheaf_exact_add(sum, parts.sums[k]);
    sum->any_other = true;
    sum->n = before + n;
    return true;
}

/* x² as a sum of two doubles (Dekker), for x of such a size; false: some value has another. */
static bool square(const double *x, int n, double *high, double *low) {
    const pair splitter = {134217729, 134217729}, least = {0x1p-960, 0x1p-960};
    bits other = {0};
    for (int i = 0; i < n; i += 2) {
        const pair p = take(x + i), h = p * p, c = splitter * p, a = c - (c - p), b = p - a;
        const pair l = ((a * a - h) + 2 * a * b) + b * b;
        other |= (p != 0) & (h < least);
        memcpy(high + i, &h, sizeof h);
        memcpy(low + i, &l, sizeof l);
    }
    return !(other[0] | other[1]);
}

static bool add_squares_piece(struct exact_squares *squares, const double *x, int n, double size) {
    double high[PIECE], low[PIECE];
    struct parts parts[2];
    int exponent;
    frexp(size, &exponent);
    if (!(size > 0) || !(size < INFINITY) || exponent > SQUARES_EXPONENT || !square(x, n, high, low) ||
        !part(high, n, 2 * exponent, &parts[0]) || !part(low, n, 2 * exponent - DBL_MANT_DIG, &parts[1]))
        return false;
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < parts[i].n; k++)
            sheaf_exact_add_to_squares(squares, parts[i].sums[k]);
    return true;
}

void sheaf_exact_add_many(struct exact_sum *sum, struct exact_squares *squares, const double *x, int64_t n) {
    for (int64_t at = 0, n_piece; at < n; at += n_piece) {
        n_piece = n - at < STEP ? n - at : n - at < PIECE ? (n - at) / STEP * STEP : PIECE;
        const bool many = n_piece >= STEP;
        const double size = many ? find_size(x + at, (int)n_piece) : 0;
        const bool added = many && add_piece(sum, x + at, (int)n_piece, size);
        const bool squared = !squares || (many && add_squares_piece(squares, x + at, (int)n_piece, size));
        for (int64_t i = at; !added && i < at + n_piece; i++)
            sheaf_exact_add(sum, x[i]);
        for (int64_t i = at; !squared && i < at + n_piece; i++)
            sheaf_exact_add_square(squares, x[i]);
    }
}
