/*
 * random - streams of random numbers, one for each item of a job, that need no memory between them.
 *
 * Philox4x64-10 of the Random123 library: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
 * SC11. Number k of a stream is a word of the cipher of k / 4 under the key (seed, item), so a stream depends on these
 * two alone, and any item can be computed on any thread, today or after a restart. 2^64 numbers a stream.
 *
 * The streams are those of NumPy: numpy.random.Philox(key=[seed, item]), whose counter begins at 1. Changing anything
 * here changes the results of every job that uses random numbers.
 */
#ifndef SHEAF_CORE_RANDOM_H
#define SHEAF_CORE_RANDOM_H

#include <stdint.h>

#include <sheaf/kernel.h>

#include "core/error.h"

/* Begins the stream of an item at its first number. */
void sheaf_random_begin(struct sheaf_random *stream, uint64_t seed, uint64_t item);

/* The next n numbers of the stream into values[n], 64 random bits each; nothing if n < 1. The same numbers come however
   many are drawn at a time; bulk is faster. A stream belongs to one thread. */
void sheaf_random_bits(struct sheaf_random *stream, int64_t n, uint64_t *values);

/* The same numbers as doubles in [0, 1): the upper 53 bits of each, over 2^53. */
void sheaf_random_uniform(struct sheaf_random *stream, int64_t n, double *values);

/* The cipher itself, from which streams are made: values[n_blocks][4] for the counters from `counter` on, whose first
   word counts up and does not carry. */
void sheaf_random_philox(const uint64_t counter[4], const uint64_t key[2], int64_t n_blocks, uint64_t *values);

/* Numbers 4 * quarter … 4 * quarter + 3 of the streams of items first … first + n - 1: values[n][4]. */
void sheaf_random_of_items(uint64_t seed, uint64_t first, int64_t n, uint64_t quarter, uint64_t *values);

/* No stream: a number from the system, not 0, that nobody has drawn before, to tell things apart by. */
int sheaf_random_token(uint64_t *token, struct sheaf_error *error);

#endif
