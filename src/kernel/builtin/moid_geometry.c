/*
 * moid_geometry.c - the minimum orbit intersection distance (MOID) by exclusion.
 *
 * Let P(E) run over the orbit, E its eccentric anomaly, Q(u) over Earth's, and D(E) = min over u of |P(E) - Q(u)|. The
 * MOID is the least D(E). The stationary points of |P - Q| are roots of a trigonometric polynomial of degree 8
 * (Kholshevnikov & Vassiliev 1999), as many as four of them are minima (Gronchi 2005), and a scan of fixed density
 * followed by descent (Wiśniowski & Rickman 2013) can miss the right one. Here every piece of the orbit is either
 * searched or proved to hold nothing:
 *
 * 1. The point of Earth's ellipse nearest to P(E) is found by a monotone Newton iteration, as in Eberly, "Distance from
 *    a point to an ellipse, an ellipsoid, or a hyperellipsoid" (2013), for the reciprocal form of the equation that
 *    trust-region methods use (Hebden 1973; Moré & Sorensen 1983), which is linear for a circle.
 * 2. A scan and a descent (Newton's method for f = D²/2) give an upper bound, `best`.
 * 3. Suppose a local minimum D* < best at E*, with Q(u*) nearest. For any constant c, as D is a minimum over u,
 *        f(E) <= F(E) = |P(E) - Q(u* + c (E - E*))|² / 2,    F(E*) = f(E*),  F'(E*) = 0,
 *    hence D(E)² <= D*² + M (E - E*)² where M bounds F'' between E* and E. So, one sample D(E) proves that there is no
 *    minimum below `best` within sqrt((D² - best²) / M) of E. It is Pythagoras' theorem: the shortest segment is
 *    perpendicular to the orbit. What this leaves of a gap is halved, until no gap is left.
 *
 * Step 3 is a second-order form of the covering by Lipschitz cones of Piyavskii (1972) and Shubert (1972); as its
 * radius is proportional to the distance from a minimum, few samples are needed near one. c = du/dE at the sample,
 * which makes F'' the true f'' there, keeps M small even where the two orbits run side by side.
 *
 * For the algebraic ways to the same result see Gronchi (2005), Hedo, Ruíz & Peláez (2018), Baluev & Mikryukov (2019).
 *
 *     Baluev & Mikryukov 2019, Astronomy and Computing 27, 11. Gronchi 2005, Celest. Mech. Dyn. Astron. 93, 295.
 *     Eberly 2013, www.geometrictools.com. Hebden 1973, AERE Harwell report TP 515. Hedo, Ruíz & Peláez 2018, MNRAS
 *     479, 3288. Kholshevnikov & Vassiliev 1999, Celest. Mech. Dyn. Astron. 75, 75. Moré & Sorensen 1983, SIAM J. Sci.
 *     Stat. Comput. 4, 553. Piyavskii 1972, USSR Comput. Math. Math. Phys. 12(4), 57. Shubert 1972, SIAM J. Numer.
 *     Anal. 9, 379. Wiśniowski & Rickman 2013, Acta Astron. 63, 293.
 */
#include "kernel/builtin/moid_geometry.h"

#include <math.h>
#include <stdbool.h>

static const double PI = 3.14159265358979323846;

/* A minimum that is lower than the one at hand by less than this may be missed. */
static const double TOLERANCE_AU = 1e-10;
static const double TOLERANCE_RELATIVE = 1e-14;

/* ---------------------------------------------------------------------------------------------------- vectors */

struct vector {
    double x, y, z;
};

static double dot(struct vector a, struct vector b) {
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

/* s a + t b */
static struct vector combine(double s, struct vector a, double t, struct vector b) {
    return (struct vector){s * a.x + t * b.x, s * a.y + t * b.y, s * a.z + t * b.z};
}

static double length(struct vector a) {
    return sqrt(dot(a, a));
}

/* ------------------------------------------------------------------------------------------------------ Earth */

void sheaf_moid_earth_init(struct sheaf_moid_earth *earth) {
    /* J2000 mean elements: Standish et al., in Explanatory Supplement to the Astronomical Almanac (1992), table 5.8.1.
       The inclination, 0.00005 degrees, is taken as 0. */
    const double a = 1.00000011, e = 0.01671022, perihelion_deg = 102.94719;
    const double b = a * sqrt((1 - e) * (1 + e));

    earth->a_au = a;
    earth->b_au = b;
    earth->perihelion_rad = perihelion_deg * (PI / 180);
    earth->sun_x_au = a * e;
    earth->aphelion_au = a * (1 + e);
    earth->c2_au2 = a * e * a * e;
    earth->evolute_au = a * e * a * e / b; /* its farthest cusp */
    earth->curvature_au = a * a / b;
}

/* Finds the eccentric anomaly u of the point of Earth's ellipse nearest to (x, y), which lies at (a cos u, b sin u).
 *
 * In the first quadrant (a cos u, b sin u) = (a² x / (s + c²), b² y / s), where s > 0 makes cos² u + sin² u = 1. With
 * n(s) the square root of the left side, 1/n is concave and increases, so Newton's method for 1/n = 1 climbs from any
 * s with n >= 1 and never passes the root. The start is exact but for c² = 0.0003 au²; a step or two is the rule. */
static void nearest_on_earth(const struct sheaf_moid_earth *earth, double x, double y, double *cos_u, double *sin_u) {
    /* The floor spares a division of 0 by 0 on the major axis, where the nearest points are two between the foci. */
    const double ax = earth->a_au * fabs(x), by = earth->b_au * fmax(fabs(y), 1e-30), c2 = earth->c2_au2;
    double s = fmax(sqrt(ax * ax + by * by) - c2, by);
    double cosine = 0, sine = 0, n = 1;

    for (int i = 0; i < 60; i++) {
        cosine = ax / (s + c2);
        sine = by / s;
        const double n2 = cosine * cosine + sine * sine;
        n = sqrt(n2);
        const double step = (n - 1) * n2 / (cosine * cosine / (s + c2) + sine * sine / s);
        if (step <= 1e-8 * s) /* u is better by another factor c², D² by the square of that */
            break;
        s += step;
    }
    *cos_u = copysign(cosine / n, x);
    *sin_u = copysign(sine / n, y);
}

/* ------------------------------------------------------------------------------------------------- the orbit */

struct orbit {
    const struct sheaf_moid_earth *earth;
    double a, b, e, q;               /* semi-axes, eccentricity, perihelion distance */
    struct vector perihelion, ahead; /* unit vectors to perihelion and 90 degrees on, in Earth's frame */
};

/* One point of the orbit and the point of Earth's orbit nearest to it; primes are derivatives by E and u. */
struct sample {
    double E;
    double cos_u, sin_u;
    double to_centre;             /* distance of P, projected on Earth's plane, from the centre of Earth's ellipse */
    double D2;                    /* |P - Q|² */
    struct vector PQ;             /* P - Q */
    struct vector P1, P2, Q1, Q2; /* P', P'', Q', Q'' */
    double slope;                 /* f' = (P - Q)·P', by the envelope theorem; f = D²/2 */
    double curvature;             /* f'' */
    double rate;                  /* du/dE */
};

static struct orbit orbit_of(const struct sheaf_moid_earth *earth, const struct sheaf_moid_elements *elements) {
    const double node = elements->node_rad - earth->perihelion_rad;
    const double co = cos(node), so = sin(node);
    const double ci = cos(elements->inclination_rad), si = sin(elements->inclination_rad);
    const double cw = cos(elements->perihelion_rad), sw = sin(elements->perihelion_rad);
    const double a = elements->a_au, e = elements->e;

    return (struct orbit){
        .earth = earth,
        .a = a,
        .b = a * sqrt((1 - e) * (1 + e)), /* as 1 - e² can lose half of its digits near e = 1 */
        .e = e,
        .q = a * (1 - e),
        .perihelion = {co * cw - so * sw * ci, so * cw + co * sw * ci, sw * si},
        .ahead = {-co * sw - so * cw * ci, -so * sw + co * cw * ci, cw * si},
    };
}

static struct sample sample_at(const struct orbit *orbit, double E) {
    const struct sheaf_moid_earth *earth = orbit->earth;
    const double a = orbit->a, b = orbit->b;
    /* Half angles: no small difference of large numbers near perihelion, however large a is. */
    const double sh = sin(E / 2), ch = cos(E / 2);
    const double sin_E = 2 * sh * ch, cos_E = (ch - sh) * (ch + sh);
    struct sample at = {.E = E};

    struct vector P = combine(orbit->q - 2 * a * sh * sh, orbit->perihelion, b * sin_E, orbit->ahead);
    P.x += earth->sun_x_au;
    at.P1 = combine(-a * sin_E, orbit->perihelion, b * cos_E, orbit->ahead);
    at.P2 = combine(-a * cos_E, orbit->perihelion, -b * sin_E, orbit->ahead);

    nearest_on_earth(earth, P.x, P.y, &at.cos_u, &at.sin_u);
    at.Q1 = (struct vector){-earth->a_au * at.sin_u, earth->b_au * at.cos_u, 0};
    at.Q2 = (struct vector){-earth->a_au * at.cos_u, -earth->b_au * at.sin_u, 0};
    at.PQ = combine(1, P, 1, at.Q2); /* Q = -Q'' */
    at.D2 = dot(at.PQ, at.PQ);
    at.to_centre = sqrt(P.x * P.x + P.y * P.y);

    const double P1_Q1 = dot(at.P1, at.Q1);
    at.slope = dot(at.PQ, at.P1);
    at.rate = P1_Q1 / (dot(at.Q1, at.Q1) - dot(at.PQ, at.Q2));
    at.curvature = dot(at.P1, at.P1) + dot(at.PQ, at.P2) - at.rate * P1_Q1;
    return at;
}

/* The eccentric anomaly beyond which the orbit is farther from the Sun than `r_au`, or π. */
static double anomaly_at_distance(const struct orbit *orbit, double r_au) {
    /* r = q + 2 a e sin²(E/2) */
    const double above = fmax(r_au - orbit->q, 0), span = 2 * orbit->a * orbit->e;
    return above < span ? 2 * asin(sqrt(above / span)) : PI;
}

/* Newton's method for a minimum of f from `at`, never uphill; `width` limits its steps. */
static struct sample descend(const struct orbit *orbit, struct sample at, double width) {
    for (int i = 0; i < 40; i++) {
        const bool convex = at.curvature > 0 && fabs(at.slope) < at.curvature * width;
        const double step = convex ? -at.slope / at.curvature : -copysign(width, at.slope);
        const bool last = convex && at.slope * at.slope <= at.curvature * (1e-26 + 1e-17 * at.D2);
        const struct sample next = sample_at(orbit, at.E + step);
        if (next.D2 <= at.D2)
            at = next;
        else
            width = fabs(step) / 4;
        if (last)
            break;
    }
    return at;
}

/* ------------------------------------------------------------------------------------------------- exclusion */

/* An upper bound of |u* - v|, u* the anomaly of the point nearest to P(E*), v = u0 + c (E* - E0) its estimate.
 *
 * The nearest point moves by at most R / (distance to its centre of curvature) as much as P does, R the radius of
 * curvature, as long as P stays clear of the evolute: from the sample to P(E*), or, as Q(v) is nearest to itself, from
 * Q(v) to P(E*). P_moves and Q_moves bound |P(E*) - P(E0)| and |Q(v) - Q(u0)|, `apart` |P(E*) - Q(v)|. */
static double anomaly_shift(const struct sheaf_moid_earth *earth, const struct sample *at, double P_moves,
                            double Q_moves, double apart) {
    const double room_P = at->to_centre - P_moves - earth->evolute_au;
    const double room_Q = earth->b_au - apart - earth->evolute_au;
    double chord = 2 * earth->b_au;
    if (room_P > 0)
        chord = fmin(chord, P_moves * earth->curvature_au / room_P + Q_moves);
    if (room_Q > 0)
        chord = fmin(chord, apart * earth->curvature_au / room_Q);
    /* chord >= 2 b sin(shift/2), and asin(t) <= t + (π/2 - 1) t³ on [0, 1] */
    const double t = chord / (2 * earth->b_au);
    return 2 * (t + (PI / 2 - 1) * t * t * t);
}

/* An upper bound of F'' for a minimum below `best` anywhere within `h` of the sample; see the head of this file. */
static double curvature_bound(const struct orbit *orbit, const struct sample *at, double h, double best) {
    const struct sheaf_moid_earth *earth = orbit->earth;
    const double speed = length(at->P1);
    /* P'' = centre of the ellipse - P, so it changes by no more than P moves. */
    const double top_speed = fmin(orbit->a, speed + orbit->a * h);
    const double P_moves = top_speed * h;

    /* c = 0: Q rests at the nearest point to the minimum, which is within `best` of P(E*), wherever that is. */
    const double top_P2 = fmin(orbit->a, length(at->P2) + P_moves);
    const double resting = top_speed * top_speed + (best + P_moves) * top_P2;

    /* c = du/dE: Q goes along with P. Compare P(E) - Q(u* + c (E - E*)) with G(E) = P(E) - Q(u0 + c (E - E0)), E0 and
       u0 at the sample, whose derivatives are known there; Q differs by a constant anomaly between the two. */
    const double c = fabs(at->rate), r = earth->a_au;
    const struct vector first = combine(1, at->P1, -at->rate, at->Q1), second = combine(1, at->P2, -c * c, at->Q2);
    const double G = sqrt(at->D2), G1 = length(first), G2 = length(second), G3 = top_speed + c * c * c * r;
    const double G_moves = h * (G1 + h * (G2 / 2 + h * G3 / 6));
    const double shift = anomaly_shift(earth, at, P_moves, c * r * h, G + G_moves);
    const double change1 = h * (G2 + h * G3 / 2) + c * r * shift; /* of P' - c Q' */
    const double change2 = h * G3 + c * c * r * shift;            /* of P'' - c² Q'' */
    const double change0 = G_moves + r * shift;                   /* of P - Q */
    const double moving = at->curvature + (2 * G1 + change1) * change1 + G * change2 + change0 * (G2 + change2);
    return fmin(resting, moving); /* `moving` may be NaN where du/dE is infinite, on the evolute: fmin ignores it */
}

struct gap {
    double from, to; /* eccentric anomalies */
};

/* The search so far. */
struct search {
    const struct orbit *orbit;
    struct sample nearest; /* a local minimum, the lowest found */
    double best;           /* its distance */
};

static double tolerance(double distance) {
    return TOLERANCE_AU + TOLERANCE_RELATIVE * distance;
}

/* Takes `at`, a sample lower than all before it, down to its minimum. */
static void improve(struct search *search, const struct sample *at, double width) {
    search->nearest = descend(search->orbit, *at, width);
    search->best = sqrt(search->nearest.D2);
}

/* Samples the middle of a gap and writes what that does not exclude to parts[2]; returns how many parts these are. */
static int narrow(struct search *search, struct gap gap, struct gap parts[2]) {
    const double middle = gap.from + (gap.to - gap.from) / 2, h = (gap.to - gap.from) / 2;
    if (middle <= gap.from || middle >= gap.to)
        return 0;

    const struct sample at = sample_at(search->orbit, middle);
    if (sqrt(at.D2) < search->best - tolerance(search->best))
        improve(search, &at, h);

    const double target = fmax(search->best - tolerance(search->best), 0);
    const double M = curvature_bound(search->orbit, &at, h, search->best);
    const double excess = at.D2 - target * target;
    if (M <= 0 || excess >= M * h * h)
        return 0;
    const double radius = sqrt(fmax(excess, 0) / M);
    parts[0] = (struct gap){gap.from, middle - radius};
    parts[1] = (struct gap){middle + radius, gap.to};
    return 2;
}

/* Searches one gap and all that is left of it. A level halves the width and leaves one gap on the stack; as the
   tolerance keeps the radius of exclusion above some 1e-11 of the searched arc, 40 levels are not reached. */
static void search_gap(struct search *search, struct gap whole) {
    enum { STACK = 64 };
    struct gap stack[STACK];
    int n = 0;

    stack[n++] = whole;
    while (n > 0 && n + 2 <= STACK && search->best > TOLERANCE_AU) {
        const struct gap gap = stack[--n];
        n += narrow(search, gap, &stack[n]);
    }
}

struct sheaf_moid sheaf_moid_find(const struct sheaf_moid_earth *earth, const struct sheaf_moid_elements *elements,
                                  int64_t n_samples) {
    const struct orbit orbit = orbit_of(earth, elements);
    struct search search = {.orbit = &orbit, .nearest = sample_at(&orbit, 0)};
    const double n = (double)n_samples;

    /* Nothing is nearer than `best` where the Sun is farther than Earth's aphelion plus `best`. */
    search.best = sqrt(search.nearest.D2);
    double limit = anomaly_at_distance(&orbit, earth->aphelion_au + search.best + tolerance(search.best));
    double width = 2 * limit / n;
    for (int64_t k = 0; k < n_samples; k++) {
        const struct sample at = sample_at(&orbit, -limit + ((double)k + 0.5) * width);
        if (at.D2 < search.nearest.D2)
            search.nearest = at;
    }
    improve(&search, &search.nearest, width);

    limit = anomaly_at_distance(&orbit, earth->aphelion_au + search.best + tolerance(search.best));
    width = 2 * limit / n;
    for (int64_t k = 0; k < n_samples; k++)
        search_gap(&search, (struct gap){-limit + (double)k * width, -limit + (double)(k + 1) * width});

    const struct sample *at = &search.nearest;
    return (struct sheaf_moid){
        .distance_au = search.best,
        .true_anomaly_rad = 2 * atan2(sqrt(1 + orbit.e) * sin(at->E / 2), sqrt(1 - orbit.e) * cos(at->E / 2)),
        .earth_longitude_rad =
            earth->perihelion_rad + atan2(earth->b_au * at->sin_u, earth->a_au * at->cos_u - earth->sun_x_au),
    };
}
