/*
 * square_plus - y = x² + total, with total = 0 + 1 + … + 9999 computed once: the smallest kernel with a pre-computation.
 *
 * Built in, but written as a plugin would be. Items without a field x (`items: {count: N}`) use their index.
 */
#include <sheaf/kernel.h>

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof *(array)))

static const struct sheaf_param params[] = {
    {"terms", SHEAF_INT64, "10000", NULL, "the total is the sum of 0 … terms - 1"},
};

static const struct sheaf_field inputs[] = {
    {"x", SHEAF_FLOAT64, 1, SHEAF_OPTIONAL, NULL, "the item's index where the items have no field x"},
};

static const struct sheaf_field outputs[] = {
    {"y", SHEAF_FLOAT64, 1, 0, NULL, "x squared plus the shared total"},
};

static int open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    static const int64_t most_terms = 1000000000;
    if (setup->params[0].integer < 0 || setup->params[0].integer > most_terms)
        return setup->refuse(setup, "params.terms is %lld; it should be 0 to %lld", (long long)setup->params[0].integer,
                             (long long)most_terms);
    if (!setup->inputs[0].name && setup->n_fields > 0) /* more likely a slip than a wish for the index */
        return setup->refuse(setup, "the items have no field 'x'; name one so, or use items without fields (count: N)");
    *self = NULL; /* nothing to remember between calls */
    shape->n_outputs = COUNT_OF(outputs);
    shape->outputs = outputs;
    shape->block = 4096; /* some µs of work: 32 KiB in and out, so a block stays in the first-level caches */
    shape->flags = setup->inputs[0].name ? SHEAF_PURE : 0;
    return 0;
}

static size_t shared_bytes(const void *self) {
    (void)self;
    return sizeof(double);
}

/* The loop is the point: a pre-computation that runs once in the job, not once an item. */
static int prepare(const void *self, const struct sheaf_setup *setup, void *memory) {
    (void)self;
    int64_t total = 0;
    for (int64_t i = 0; i < setup->params[0].integer; i++)
        total += i;
    *(double *)memory = (double)total;
    return 0;
}

static int map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    (void)self;
    const double *x = block->in[0], total = *(const double *)context->shared;
    double *restrict y = block->out[0];
    if (x) {
        for (int64_t k = 0; k < block->n_padded; k++)
            y[k] = x[k] * x[k] + total;
    } else {
        for (int64_t k = 0; k < block->n; k++)
            y[k] = (double)(block->first + k) * (double)(block->first + k) + total;
    }
    return SHEAF_OK;
}

const struct sheaf_kernel sheaf_kernel_square_plus = {
    .head = SHEAF_KERNEL(square_plus),
    .version = "1",
    .summary = "y = x² + total, with total = 0 + 1 + … + 9999 computed once",
    .n_params = COUNT_OF(params),
    .params = params,
    .n_inputs = COUNT_OF(inputs),
    .inputs = inputs,
    .open = open,
    .shared_bytes = shared_bytes,
    .prepare = prepare,
    .map = map,
};
