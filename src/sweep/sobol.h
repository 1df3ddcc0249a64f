/*
 * sobol - points of Sobol's sequence in [0, 1), by their index alone, so that any rank computes any of them.
 *
 * Sobol, "On the distribution of points in a cube and the approximate evaluation of integrals", USSR Comput. Math. Math.
 * Phys. 7 (1967), with the direction numbers of Joe and Kuo, "Constructing Sobol sequences with better two-dimensional
 * projections", SIAM J. Sci. Comput. 30 (2008): their file new-joe-kuo-6, dimensions of degree 13 and less (joe_kuo.inc).
 * Point i is in the order of its binary digits; generators that follow the Gray code have it at the place whose code is i.
 */
#ifndef SHEAF_SWEEP_SOBOL_H
#define SHEAF_SWEEP_SOBOL_H

#include <stdint.h>

enum { SOBOL_BITS = 52, SOBOL_DIMENSIONS = 1111 };

/* The direction numbers of a dimension, from 0. */
void sheaf_sobol_directions(int dimension, uint64_t directions[SOBOL_BITS]);

/* Coordinate of point i, below 2^52, in 1 / 2^52. */
uint64_t sheaf_sobol_point(const uint64_t directions[SOBOL_BITS], uint64_t i);

/* Scrambles a coordinate: nested uniform scrambling, of which any sample of 2^k points stays as even as it was, and its means
   become unbiased. Owen, "Randomly permuted (t, m, s)-nets and (t, s)-sequences", 1995. Each digit is turned over or not as
   a random bit says that belongs to those before it, by Philox under the seed. */
uint64_t sheaf_sobol_scramble(uint64_t seed, int dimension, uint64_t point);

#endif
