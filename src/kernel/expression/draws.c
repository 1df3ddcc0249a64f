#include "kernel/expression/draws.h"

#include "core/random.h"
#include "sweep/draw.h"

enum {
    PADDING = 16,
    MOST = 4096,       /* items at a time */
    NUMBERS = 1 << 14, /* at a time, about: they stay in the second-level cache */
    WORDS = 4,         /* of a cipher's block */
    SOME = 64          /* items whose words lie in the first-level cache */
};

static int64_t batch_of(const struct formulas *f) {
    const int64_t n = NUMBERS / f->n_draws / PADDING * PADDING;
    return n < PADDING ? PADDING : n > MOST ? MOST : n;
}

static size_t number_bytes(const struct formulas *f) {
    return (size_t)f->n_draws * (size_t)batch_of(f) * sizeof(double);
}

size_t sheaf_draws_bytes(const struct formulas *f) {
    const size_t n_columns = (size_t)f->n_inputs + (size_t)f->n_draws + (size_t)f->n_outputs;
    return f->n_draws == 0 ? 0 : number_bytes(f) + n_columns * sizeof(double *);
}

void sheaf_draws_begin(struct draws *d, const struct formulas *f, uint64_t seed, void *scratch) {
    void *behind = (char *)scratch + number_bytes(f);
    *d = (struct draws){.formulas = f, .seed = seed, .batch = batch_of(f), .numbers = scratch, .in = behind};
    d->out = (double **)(d->in + f->n_inputs + f->n_draws);
}

/* Word `word` of each block as numbers of a law. */
static void take_numbers(enum formula_law law, const uint64_t *words, int word, int64_t n, double *to) {
    if (law == FORMULA_UNIFORM)
        for (int64_t i = 0; i < n; i++)
            to[i] = (double)(int64_t)(words[WORDS * i + word] >> 11) * 0x1p-53;
    else
        for (int64_t i = 0; i < n; i++)
            to[i] = sheaf_draw_normal(words[WORDS * i + word] >> 11);
}

/* For at most SOME items, the first being `first`, which are from `at` on in the columns. */
static void draw_some(const struct draws *d, int64_t first, int64_t at, int64_t n) {
    const struct formulas *f = d->formulas;
    uint64_t words[SOME * WORDS];
    for (int k = 0; k < f->n_draws; k++) {
        if (k % WORDS == 0)
            sheaf_random_of_items(d->seed, (uint64_t)first, n, (uint64_t)(k / WORDS), words);
        take_numbers((enum formula_law)f->laws[k], words, k % WORDS, n, d->numbers + k * d->batch + at);
    }
}

void sheaf_draws_next(struct draws *d, const double *const *in, double *const *out, int64_t first, int64_t at,
                      int64_t n) {
    const struct formulas *f = d->formulas;
    for (int64_t i = 0; i < n; i += SOME)
        draw_some(d, first + at + i, i, n - i < SOME ? n - i : SOME);
    for (int k = 0; k < f->n_inputs; k++)
        d->in[k] = in[k] + at;
    for (int k = 0; k < f->n_draws; k++)
        d->in[f->n_inputs + k] = d->numbers + k * d->batch;
    for (int k = 0; k < f->n_outputs; k++)
        d->out[k] = out[k] + at;
}
