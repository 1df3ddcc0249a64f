#include "sweep/sobol.h"

#include "core/random.h"
#include "sweep/draw.h"

enum { MOST_DEGREE = 13 };

/* A primitive polynomial, of its coefficients those between the first and the last, and the first direction numbers. */
struct joe_kuo {
    uint8_t degree;
    uint16_t coefficients;
    uint16_t m[MOST_DEGREE]; /* [degree] */
};

/* Of dimensions 1, 2, …; dimension 0 needs none. */
static const struct joe_kuo table[SOBOL_DIMENSIONS - 1] = {
#include "sweep/joe_kuo.inc"
};

void sheaf_sobol_directions(int dimension, uint64_t v[SOBOL_BITS]) {
    const struct joe_kuo *row = dimension > 0 ? &table[dimension - 1] : 0;
    const int s = row ? row->degree : SOBOL_BITS;
    for (int j = 0; j < SOBOL_BITS && j < s; j++)
        v[j] = (row ? (uint64_t)row->m[j] : 1) << (SOBOL_BITS - 1 - j);
    for (int j = s; j < SOBOL_BITS; j++) {
        v[j] = v[j - s] ^ (v[j - s] >> s);
        for (int k = 1; k < s; k++)
            v[j] ^= (row->coefficients >> (s - 1 - k)) & 1 ? v[j - k] : 0;
    }
}

uint64_t sheaf_sobol_point(const uint64_t v[SOBOL_BITS], uint64_t i) {
    uint64_t point = 0;
    for (int j = 0; i; j++, i >>= 1)
        point ^= i & 1 ? v[j] : 0;
    return point;
}

uint64_t sheaf_sobol_scramble(uint64_t seed, int dimension, uint64_t point) {
    enum { DIGITS = 8 }; /* at a time: 255 bits that belong to what is before any of them */
    const uint64_t key[2] = {seed, DRAW_KEY};
    uint64_t scrambled = 0;
    for (int done = 0; done < SOBOL_BITS; done += DIGITS) {
        const uint64_t before = done ? point >> (SOBOL_BITS - done) : 0;
        const uint64_t counter[4] = {before, (uint64_t)dimension, (uint64_t)done, DRAW_SCRAMBLING};
        uint64_t bits[4];
        sheaf_random_philox(counter, key, 1, bits);
        for (unsigned k = 0, node = 1; k < DIGITS && done + (int)k < SOBOL_BITS; k++) {
            const int place = SOBOL_BITS - 1 - done - (int)k;
            const uint64_t digit = point >> place & 1;
            scrambled |= (digit ^ (bits[node / 64] >> node % 64 & 1)) << place;
            node = 2 * node + (unsigned)digit;
        }
    }
    return scrambled;
}
