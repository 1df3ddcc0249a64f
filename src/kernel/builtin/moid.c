/*
 * moid.c - the built-in kernel `moid`: the minimum distance between the orbit of an asteroid and that of Earth, and
 * where on the two orbits it is. Fields, units and checks; the geometry is in moid_geometry.c.
 */
#include <sheaf/kernel.h>

#include <math.h>
#include <stdlib.h>

#include "kernel/builtin/moid_geometry.h"

static const double DEG = 3.14159265358979323846 / 180;

/* Beyond this the squares of distances would overflow. */
static const double A_MAX_AU = 1e100;

static const int64_t SAMPLES_MIN = 1, SAMPLES_MAX = 100000;

enum input { A, E, INCLINATION, NODE, PERIHELION, N_INPUTS };

static const struct sheaf_field inputs[N_INPUTS] = {
    {"a_au", SHEAF_FLOAT64, 1, 0, "au", "semi-major axis"},
    {"e", SHEAF_FLOAT64, 1, 0, "1", "eccentricity"},
    {"i_deg", SHEAF_FLOAT64, 1, 0, "deg", "inclination to the ecliptic of J2000"},
    {"node_deg", SHEAF_FLOAT64, 1, 0, "deg", "longitude of the ascending node"},
    {"peri_deg", SHEAF_FLOAT64, 1, 0, "deg", "argument of perihelion"},
};

enum output { MOID, TRUE_ANOMALY, EARTH_LONGITUDE, N_OUTPUTS };

static const struct sheaf_field outputs[N_OUTPUTS] = {
    {"moid", SHEAF_FLOAT64, 1, 0, "au", "minimum distance between the orbit and that of Earth"},
    {"true_anomaly", SHEAF_FLOAT64, 1, 0, "deg", "true anomaly on the orbit where it is nearest to that of Earth"},
    {"earth_longitude", SHEAF_FLOAT64, 1, 0, "deg",
     "heliocentric ecliptic longitude on Earth's orbit where it is nearest"},
};

static const struct sheaf_param params[] = {
    {"samples", SHEAF_INT64, "8", NULL, "points of each orbit the search starts from; sets the time, not the result"},
};

struct moid {
    int64_t samples;
};

static int moid_open(const struct sheaf_setup *setup, struct sheaf_shape *shape, void **self) {
    const int64_t samples = setup->params[0].integer;
    if (samples < SAMPLES_MIN || samples > SAMPLES_MAX)
        return setup->refuse(setup, "params.samples is %lld; it must be from %lld to %lld", (long long)samples,
                             (long long)SAMPLES_MIN, (long long)SAMPLES_MAX);

    struct moid *moid = malloc(sizeof *moid);
    if (!moid)
        return setup->refuse(setup, "no memory for the kernel moid");
    moid->samples = samples;
    *self = moid;

    shape->n_outputs = N_OUTPUTS;
    shape->outputs = outputs;
    shape->block = 16; /* an orbit takes some 5 µs, a block some 80 µs: long beside the cost of handing it out, short
                          beside that of waiting for the last one */
    shape->flags = SHEAF_PURE;
    return 0;
}

static size_t moid_shared_bytes(const void *self) {
    (void)self;
    return sizeof(struct sheaf_moid_earth);
}

static int moid_prepare(const void *self, const struct sheaf_setup *setup, void *memory) {
    (void)self;
    (void)setup;
    sheaf_moid_earth_init(memory);
    return 0;
}

/* Whether the elements are those of an ellipse; if not, marks item k as failed. */
static int check_elements(const struct sheaf_context *context, int64_t k, const double value[N_INPUTS]) {
    for (int j = 0; j < N_INPUTS; j++)
        if (!isfinite(value[j])) {
            context->fail(context, k, "%s is %g; it must be a finite number", inputs[j].name, value[j]);
            return 0;
        }
    if (value[E] < 0 || value[E] >= 1) {
        context->fail(context, k, "e is %.17g; the kernel moid takes elliptic orbits only, 0 <= e < 1", value[E]);
        return 0;
    }
    if (value[A] <= 0 || value[A] > A_MAX_AU) {
        context->fail(context, k, "a_au is %g; it must be greater than 0 and at most %g", value[A], A_MAX_AU);
        return 0;
    }
    return 1;
}

/* An angle in degrees, in [0, 360). */
static double degrees(double angle_rad) {
    double angle_deg = fmod(angle_rad / DEG, 360);
    if (angle_deg <= 0)
        angle_deg += 360;
    return angle_deg < 360 ? angle_deg : 0; /* 0, -0 and -1e-20, which + 360 is 360 */
}

static int moid_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block) {
    const struct moid *moid = self;
    double *distance_au = block->out[MOID];
    double *true_anomaly_deg = block->out[TRUE_ANOMALY];
    double *earth_longitude_deg = block->out[EARTH_LONGITUDE];

    for (int64_t k = 0; k < block->n; k++) {
        double value[N_INPUTS];
        for (int j = 0; j < N_INPUTS; j++)
            value[j] = ((const double *)block->in[j])[k];
        if (!check_elements(context, k, value))
            continue;

        const struct sheaf_moid_elements elements = {
            .a_au = value[A],
            .e = value[E],
            .inclination_rad = value[INCLINATION] * DEG,
            .node_rad = value[NODE] * DEG,
            .perihelion_rad = value[PERIHELION] * DEG,
        };
        const struct sheaf_moid found = sheaf_moid_find(context->shared, &elements, moid->samples);
        distance_au[k] = found.distance_au;
        true_anomaly_deg[k] = degrees(found.true_anomaly_rad);
        earth_longitude_deg[k] = degrees(found.earth_longitude_rad);
    }
    return SHEAF_OK;
}

extern const struct sheaf_kernel sheaf_kernel_moid;
const struct sheaf_kernel sheaf_kernel_moid = {
    .head = SHEAF_KERNEL(moid),
    .version = "1",
    .summary = "minimum distance between the orbit of an asteroid or comet and that of Earth",
    .n_params = sizeof params / sizeof *params,
    .params = params,
    .n_inputs = N_INPUTS,
    .inputs = inputs,
    .open = moid_open,
    .close = free,
    .shared_bytes = moid_shared_bytes,
    .prepare = moid_prepare,
    .map = moid_map,
};
