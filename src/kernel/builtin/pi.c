/*
 * pi - π by the Monte-Carlo method: the share of random points of the unit square that fall into the quarter circle.
 *
 * Built in, but written as a plugin would be: the smallest kernel that uses random numbers. Point p of an item is numbers
 * 2p and 2p + 1 of its stream.
 */
#include <sheaf/kernel.h>

#include <stdlib.h>

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof *(array)))

static const int64_t most_samples = 1000000000000000; /* 4 hits are then still an exact double */

static const struct sheaf_param params[] = {
    {"samples", SHEAF_INT64, "1000000", NULL, "random points of each item"},
};

enum output { HITS, PI, N_OUTPUTS };

static const struct sheaf_field outputs[N_OUTPUTS] = {
    {"hits", SHEAF_INT64, 1, 0, "1", "points with x squared plus y squared less than 1"},
    {"pi", SHEAF_FLOAT64, 1, 0, "1", "estimate of pi, 4 hits / samples"},
};

struct pi {
    int64_t samples;
};

static int pi_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    const int64_t samples = setup->params[0].integer;
    if (samples < 1 || samples > most_samples)
        return setup->refuse(setup, "params.samples is %lld; it should be 1 to %lld", (long long)samples,
                             (long long)most_samples);
    struct pi *pi = malloc(sizeof *pi);
    if (!pi)
        return setup->refuse(setup, "no memory for the kernel pi");
    pi->samples = samples;
    *self = pi;
    shape->n_outputs = N_OUTPUTS;
    shape->outputs = outputs;
    shape->block = 1; /* an item takes milliseconds */
    return 0;         /* no flags: the outputs depend on the item's index, through its random numbers */
}

/* How many of the next n points of the stream are in the circle. */
static int64_t count_hits(const struct sheaf_context *context, struct sheaf_random *stream, int64_t n) {
    enum { BATCH = 512 }; /* points: 8 KiB, a quarter of the first-level cache */
    double xy[2 * BATCH];
    int64_t hits = 0;
    for (int64_t at = 0; at < n; at += BATCH) {
        const int64_t m = n - at < BATCH ? n - at : BATCH;
        context->uniform(stream, 2 * m, xy);
        for (int64_t p = 0; p < m; p++)
            hits += xy[2 * p] * xy[2 * p] + xy[2 * p + 1] * xy[2 * p + 1] < 1;
    }
    return hits;
}

static int pi_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    const struct pi *pi = self;
    int64_t *hits = block->out[HITS];
    double *estimate = block->out[PI];
    for (int64_t k = 0; k < block->n; k++) {
        struct sheaf_random stream;
        context->random(context, k, &stream);
        hits[k] = count_hits(context, &stream, pi->samples);
        estimate[k] = (double)(4 * hits[k]) / (double)pi->samples;
    }
    return SHEAF_OK;
}

extern const struct sheaf_kernel sheaf_kernel_pi;
const struct sheaf_kernel sheaf_kernel_pi = {
    .head = SHEAF_KERNEL(pi),
    .version = "1",
    .summary = "estimates of pi from random points in a square",
    .n_params = COUNT_OF(params),
    .params = params,
    .open = pi_open,
    .close = free,
    .map = pi_map,
};
