/*
 * pendulum.c - a kernel to copy from: the exact period of a pendulum of any amplitude.
 *
 *     T = 2π √(L/g) / agm(1, cos(θ/2))
 *
 * L is its length, θ the greatest angle from the vertical, agm the arithmetic-geometric mean (Gauss 1799; in this form
 * Carvalhaes and Suppes, "Approximations for the period of the simple pendulum based on the arithmetic-geometric
 * mean", American Journal of Physics 76, 1150, 2008). A kernel needs sheaf/kernel.h and nothing else of Sheaf; `make`
 * builds it, pendulum.yaml runs it, `sheaf kernels ./pendulum.so:pendulum` shows what it takes and gives.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include <sheaf/kernel.h>

static const double pi = 3.14159265358979323846;

/* What map reads: columns LENGTH and AMPLITUDE, in this order in block->in. */
enum { LENGTH, AMPLITUDE, N_INPUTS };
static const struct sheaf_field inputs[N_INPUTS] = {
    [LENGTH] = {.name = "length", .type = SHEAF_FLOAT64, .width = 1, .unit = "m", .long_name = "length"},
    [AMPLITUDE] = {.name = "amplitude",
                   .type = SHEAF_FLOAT64,
                   .width = 1,
                   .unit = "deg",
                   .long_name = "greatest angle from the vertical"},
};

/* What it writes. */
enum { PERIOD, STRETCH, N_OUTPUTS };
static const struct sheaf_field outputs[N_OUTPUTS] = {
    [PERIOD] = {.name = "period", .type = SHEAF_FLOAT64, .width = 1, .unit = "s", .long_name = "period"},
    [STRETCH] = {.name = "stretch",
                 .type = SHEAF_FLOAT64,
                 .width = 1,
                 .unit = "1",
                 .long_name = "period over that of a small swing"},
};

/* What the job may set under `params:`. */
enum { G, N_PARAMS };
static const struct sheaf_param params[N_PARAMS] = {
    [G] = {.name = "g",
           .type = SHEAF_FLOAT64,
           .initial = "9.80665",
           .unit = "m s-2",
           .help = "gravitational acceleration"},
};

/* What open works out once and every call of map reads: it belongs to one job in one process. */
struct pendulum {
    double g; /* m s-2 */
};

static int pendulum_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    double g = setup->params[G].number;
    if (!(g > 0 && isfinite(g))) /* the `!` catches NaN too */
        return setup->refuse(setup, "g is %g m s-2: it must be above zero", g);

    struct pendulum *pendulum = malloc(sizeof *pendulum);
    if (pendulum == NULL)
        return setup->refuse(setup, "no memory");
    pendulum->g = g;
    *self = pendulum;

    shape->n_outputs = N_OUTPUTS;
    shape->outputs = outputs;
    shape->block = 1024;       /* an item takes well under a microsecond: let many share the cost of a call */
    shape->flags = SHEAF_PURE; /* the same inputs give the same outputs, whichever item they are */
    return 0;
}

static void pendulum_close(void *self) {
    free(self);
}

/* The arithmetic-geometric mean of 1 and b, 0 < b <= 1. The digits double with each step: sixteen are more than any
   double b needs, and the bound keeps rounding from making the loop endless. */
static double agm_with_one(double b) {
    double a = 1;
    for (int step = 0; step < 16 && a - b > 4 * DBL_EPSILON * a; step++) {
        double mean = 0.5 * (a + b);
        b = sqrt(a * b);
        a = mean;
    }
    return 0.5 * (a + b);
}

static int pendulum_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    const struct pendulum *pendulum = self;
    const double *length = block->in[LENGTH];
    const double *amplitude = block->in[AMPLITUDE];
    double *period = block->out[PERIOD];
    double *stretch = block->out[STRETCH];

    for (int64_t k = 0; k < block->n; k++) {
        /* A bad item is the item's own affair: say what is wrong with it, and go on. */
        if (!(length[k] > 0 && isfinite(length[k]))) {
            context->fail(context, k, "length is %g m: it must be above zero", length[k]);
            continue;
        }
        if (!(fabs(amplitude[k]) < 180)) {
            context->fail(context, k, "amplitude is %g deg: it must be between -180 and 180", amplitude[k]);
            continue;
        }
        stretch[k] = 1 / agm_with_one(cos(amplitude[k] * (pi / 360)));
        period[k] = 2 * pi * sqrt(length[k] / pendulum->g) * stretch[k];
    }
    return SHEAF_OK;
}

/* The one symbol Sheaf looks for: `kernel: ./pendulum.so:pendulum` asks for sheaf_kernel_pendulum. */
SHEAF_EXPORT const struct sheaf_kernel sheaf_kernel_pendulum = {
    .head = SHEAF_KERNEL(pendulum),
    .version = "1",
    .summary = "exact period of a pendulum of any amplitude",
    .n_params = N_PARAMS,
    .params = params,
    .n_inputs = N_INPUTS,
    .inputs = inputs,
    .open = pendulum_open,
    .close = pendulum_close,
    .map = pendulum_map,
};
