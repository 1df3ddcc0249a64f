#include "core/random.h"

#include <Random123/philox.h>
#include <sys/random.h>

enum { WORDS = 4, ROUNDS = 10, BATCH = 64 };

void sheaf_random_philox(const uint64_t counter[WORDS], const uint64_t key[2], int64_t n_blocks, uint64_t *values) {
    philox4x64_ctr_t at = {{counter[0], counter[1], counter[2], counter[3]}};
    const philox4x64_key_t fixed_key = {{key[0], key[1]}};
    for (int64_t i = 0; i < n_blocks; i++, at.v[0]++) {
        const philox4x64_ctr_t block = philox4x64_R(ROUNDS, at, fixed_key);
        for (int j = 0; j < WORDS; j++)
            values[WORDS * i + j] = block.v[j];
    }
}

void sheaf_random_begin(struct sheaf_random *stream, uint64_t seed, uint64_t item) {
    *stream = (struct sheaf_random){.key = {seed, item}};
}

/* What is left of the block at hand: values[at] on, as far as n; returns how far. */
static int64_t take_rest(struct sheaf_random *stream, int64_t at, int64_t n, uint64_t *values) {
    while (at < n && stream->n_drawn % WORDS != 0)
        values[at++] = stream->block[stream->n_drawn++ % WORDS];
    return at;
}

/* n_blocks blocks of the stream, which is at the end of a block. Counters begin at 1, as NumPy's do. */
static void take_blocks(struct sheaf_random *stream, int64_t n_blocks, uint64_t *values) {
    const uint64_t counter[WORDS] = {1 + stream->n_drawn / WORDS};
    sheaf_random_philox(counter, stream->key, n_blocks, values);
}

void sheaf_random_bits(struct sheaf_random *stream, int64_t n, uint64_t *values) {
    int64_t at = take_rest(stream, 0, n, values), n_blocks = (n - at) / WORDS;
    if (n_blocks > 0) {
        take_blocks(stream, n_blocks, values + at);
        stream->n_drawn += (uint64_t)(WORDS * n_blocks);
        at += WORDS * n_blocks;
    }
    if (at < n) {
        take_blocks(stream, 1, stream->block);
        values[at++] = stream->block[0];
        stream->n_drawn++;
        take_rest(stream, at, n, values);
    }
}

void sheaf_random_uniform(struct sheaf_random *stream, int64_t n, double *values) {
    uint64_t
        bits[BATCH]; /* a second pass over what is in the first-level cache costs less than a second loop to keep */
    for (int64_t at = 0; at < n; at += BATCH) {
        const int64_t m = n - at < BATCH ? n - at : BATCH;
        sheaf_random_bits(stream, m, bits);
        for (int64_t j = 0; j < m; j++)
            values[at + j] = (double)(int64_t)(bits[j] >> 11) * 0x1p-53; /* signed: one instruction on x86-64 */
    }
}

void sheaf_random_of_items(uint64_t seed, uint64_t first, int64_t n, uint64_t quarter, uint64_t *values) {
    const philox4x64_ctr_t at = {{1 + quarter, 0, 0, 0}};
    for (int64_t i = 0; i < n; i++) {
        const philox4x64_key_t key = {{seed, first + (uint64_t)i}};
        const philox4x64_ctr_t block = philox4x64_R(ROUNDS, at, key);
        for (int j = 0; j < WORDS; j++)
            values[WORDS * i + j] = block.v[j];
    }
}

int sheaf_random_token(uint64_t *token, struct sheaf_error *error) {
    do
        if (getrandom(token, sizeof *token, 0) != (ssize_t)sizeof *token)
            return sheaf_fail_errno(error, "cannot draw a random number");
    while (*token == 0);
    return 0;
}
