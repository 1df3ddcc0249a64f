#include "sweep/draw.h"

#include <math.h>
#include <stddef.h>

#include "core/random.h"

enum { BATCH = 64, ROUNDS = 8, POINT_BITS = 53 };

__extension__ typedef unsigned __int128 wide;

/* --- points -------------------------------------------------------------------------------------------------------- */

/* Words first … first + n - 1 of what Philox has for a dimension; n is at most BATCH. */
static void draw_words(const struct draw *d, uint64_t purpose, int64_t first, int64_t n, uint64_t *words) {
    const uint64_t key[2] = {d->seed, DRAW_KEY};
    const uint64_t counter[4] = {(uint64_t)first / 4, (uint64_t)d->dimension, 0, purpose};
    uint64_t blocks[BATCH + 8];
    sheaf_random_philox(counter, key, (first % 4 + n + 3) / 4, blocks);
    for (int64_t i = 0; i < n; i++)
        words[i] = blocks[first % 4 + i];
}

/* SplitMix64's finalizer: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014. */
static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* The part of a dimension that point i has. */
static uint64_t permute(const struct draw *d, uint64_t i) {
    int half = 1;
    while (half < 32 && (UINT64_C(1) << 2 * half) < (uint64_t)d->count)
        half++;
    const uint64_t mask = (UINT64_C(1) << half) - 1;
    do {
        uint64_t left = i >> half, right = i & mask;
        for (int round = 0; round < ROUNDS; round++) {
            const uint64_t next = left ^ (mix(right ^ d->keys[round]) & mask);
            left = right;
            right = next;
        }
        i = left << half | right;
    } while (i >= (uint64_t)d->count);
    return i;
}

/* Point `within`, of 2^53, of part p of n. */
static uint64_t place(uint64_t p, uint64_t within, uint64_t n) {
    const wide from = (((wide)p << POINT_BITS) + within + n - 1) / n,
               next = (((wide)(p + 1) << POINT_BITS) + n - 1) / n;
    return (uint64_t)(from < next ? from : next - 1);
}

void sheaf_draw_begin(struct draw *d) {
    if (d->method == DRAW_SOBOL)
        sheaf_sobol_directions(d->dimension, d->keys);
    else if (d->method == DRAW_LATIN)
        draw_words(d, DRAW_PERMUTATION, 0, ROUNDS, d->keys);
}

static uint64_t sobol_point(const struct draw *d, uint64_t i) {
    const uint64_t point = sheaf_sobol_point(d->keys, i);
    return (d->scrambles ? sheaf_sobol_scramble(d->seed, d->dimension, point) : point) << (POINT_BITS - SOBOL_BITS);
}

/* At most BATCH. */
static void draw_points(const struct draw *d, int64_t first, int64_t n, uint64_t *points) {
    if (d->method != DRAW_SOBOL)
        draw_words(d, d->method == DRAW_LATIN ? DRAW_WITHIN : DRAW_RANDOM_POINTS, first, n, points);
    for (int64_t i = 0; i < n; i++) {
        const uint64_t index = (uint64_t)(first + i);
        points[i] = d->method == DRAW_SOBOL   ? sobol_point(d, index)
                    : d->method == DRAW_LATIN ? place(permute(d, index), points[i] >> 11, (uint64_t)d->count)
                                              : points[i] >> 11;
    }
}

void sheaf_draw_points(const struct draw *d, int64_t first, int64_t n, uint64_t *points) {
    for (int64_t at = 0; at < n; at += BATCH)
        draw_points(d, first + at, n - at < BATCH ? n - at : BATCH, points + at);
}

/* --- laws ---------------------------------------------------------------------------------------------------------- */

/* c[0] + c[1] x + … + c[7] x^7 */
static double polynomial(const double c[8], double x) {
    double sum = c[7];
    for (int k = 6; k >= 0; k--)
        sum = sum * x + c[k];
    return sum;
}

/* p: in (0, 1/2] */
static double lower_normal(double p) {
    static const double a[8] = {3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3,
                                1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
                                3.3430575583588128105e+4, 2.5090809287301226727e+3};
    static const double b[8] = {1,
                                4.2313330701600911252e+1,
                                6.8718700749205790830e+2,
                                5.3941960214247511077e+3,
                                2.1213794301586595867e+4,
                                3.9307895800092710610e+4,
                                2.8729085735721942674e+4,
                                5.2264952788528545610e+3};
    static const double c[8] = {1.42343711074968357734e0,  4.63033784615654529590e0, 5.76949722146069140550e0,
                                3.64784832476320460504e0,  1.27045825245236838258e0, 2.41780725177450611770e-1,
                                2.27238449892691845833e-2, 7.74545014278341407640e-4};
    static const double d[8] = {1,
                                2.05319162663775882187e0,
                                1.67638483018380384940e0,
                                6.89767334985100004550e-1,
                                1.48103976427480074590e-1,
                                1.51986665636164571966e-2,
                                5.47593808499534494600e-4,
                                1.05075007164441684324e-9};
    static const double e[8] = {6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
                                2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                2.71155556874348757815e-5, 2.01033439929228813265e-7};
    static const double f[8] = {1,
                                5.99832206555887937690e-1,
                                1.36929880922735805310e-1,
                                1.48753612908506148525e-2,
                                7.86869131145613259100e-4,
                                1.84631831751005468180e-5,
                                1.42151175831644588870e-7,
                                2.04426310338993978564e-15};
    const double q = p - 0.5;
    if (fabs(q) <= 0.425) {
        const double r = 0.180625 - q * q;
        return q * polynomial(a, r) / polynomial(b, r);
    }
    const double r = sqrt(-log(p));
    return r <= 5 ? -polynomial(c, r - 1.6) / polynomial(d, r - 1.6) : -polynomial(e, r - 5) / polynomial(f, r - 5);
}

/* From the nearer end, where k + 1/2 has no rounding. */
double sheaf_draw_normal(uint64_t k) {
    const uint64_t all = UINT64_C(1) << POINT_BITS;
    const bool upper = k >= all / 2;
    const double value = lower_normal(((double)(upper ? all - 1 - k : k) + 0.5) * 0x1p-53);
    return upper ? -value : value;
}

static double to_float(const struct draw *d, uint64_t point) {
    const double u = (double)(int64_t)point * 0x1p-53;
    double value;
    switch ((enum draw_law)d->law) {
    case DRAW_UNIFORM:
        value = d->a + (d->b - d->a) * u;
        return value < d->b || d->a == d->b ? value : nextafter(d->b, d->a); /* the sum may be rounded up */
    case DRAW_LOGUNIFORM:
        value = d->a * exp(log(d->b / d->a) * u);
        return value > d->b ? d->b : value;
    case DRAW_NORMAL:
        return d->a + d->b * sheaf_draw_normal(point);
    case DRAW_INTEGERS:
    case DRAW_CHOICE:
        break;
    }
    return 0;
}

/* Which of n equal parts of [0, 1) a point is in. */
static int64_t part_of(uint64_t point, int64_t n) {
    return (int64_t)((wide)point * (wide)n >> POINT_BITS);
}

static void put(enum sheaf_type type, double real, int64_t whole, bool is_whole, void *values, int64_t i) {
    switch (type) {
    case SHEAF_FLOAT64:
        ((double *)values)[i] = is_whole ? (double)whole : real;
        return;
    case SHEAF_FLOAT32:
        ((float *)values)[i] = is_whole ? (float)whole : (float)real;
        return;
    case SHEAF_INT64:
        ((int64_t *)values)[i] = whole;
        return;
    case SHEAF_INT32:
        ((int32_t *)values)[i] = (int32_t)whole;
        return;
    case SHEAF_UINT8:
        ((uint8_t *)values)[i] = (uint8_t)whole;
        return;
    case SHEAF_TEXT:
    case SHEAF_NO_TYPE:
    case SHEAF_FILE:
        return;
    }
}

void sheaf_draw_numbers(const struct draw *d, enum sheaf_type type, int64_t first, int64_t n, void *values) {
    const bool is_whole = d->law == DRAW_INTEGERS;
    uint64_t points[BATCH];
    for (int64_t at = 0; at < n; at += BATCH) {
        const int64_t m = n - at < BATCH ? n - at : BATCH;
        draw_points(d, first + at, m, points);
        for (int64_t i = 0; i < m; i++)
            put(type, is_whole ? 0 : to_float(d, points[i]), is_whole ? d->low + part_of(points[i], d->n_values) : 0,
                is_whole, values, at + i);
    }
}

void sheaf_draw_choices(const struct draw *d, int64_t first, int64_t n, int64_t *choices) {
    uint64_t points[BATCH];
    for (int64_t at = 0; at < n; at += BATCH) {
        const int64_t m = n - at < BATCH ? n - at : BATCH;
        draw_points(d, first + at, m, points);
        for (int64_t i = 0; i < m; i++)
            choices[at + i] = part_of(points[i], d->n_values);
    }
}
