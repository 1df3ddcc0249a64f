/*
 * moid_geometry.h - the minimum distance between an elliptic heliocentric orbit and Earth's orbit.
 *
 * Pure geometry: knows nothing of kernels, fields or units other than astronomical units and radians. All functions
 * are thread-safe and keep no state. The method is described at the head of moid_geometry.c.
 */
#ifndef SHEAF_KERNEL_MOID_GEOMETRY_H
#define SHEAF_KERNEL_MOID_GEOMETRY_H

#include <stdint.h>

/* Earth's orbit and what is derived from it once. Its frame: the origin at the centre of the ellipse, x towards
   perihelion, z towards the ecliptic north pole. Holds no pointers, so that it may be copied between processes. */
struct sheaf_moid_earth {
    double a_au;           /* semi-major axis */
    double b_au;           /* semi-minor axis */
    double perihelion_rad; /* ecliptic longitude of perihelion */
    double sun_x_au;       /* the Sun, a focus, is at (sun_x, 0, 0) */
    double aphelion_au;    /* greatest distance from the Sun */
    double c2_au2;         /* a² - b², the square of the distance from the centre to a focus */
    double evolute_au;     /* every centre of curvature is within this distance of the centre of the ellipse */
    double curvature_au;   /* greatest radius of curvature */
};

/* Keplerian elements of an ellipse, referred to the ecliptic and equinox of J2000: a > 0, 0 <= e < 1. */
struct sheaf_moid_elements {
    double a_au, e, inclination_rad, node_rad, perihelion_rad;
};

/* The nearest pair of points. */
struct sheaf_moid {
    double distance_au;
    double true_anomaly_rad;    /* of the point on the given orbit, any turn */
    double earth_longitude_rad; /* heliocentric ecliptic longitude of the point on Earth's orbit, any turn */
};

/* Fills in Earth's orbit (J2000 mean elements). */
void sheaf_moid_earth_init(struct sheaf_moid_earth *earth);

/* Finds the global minimum of the distance, to 2e-10 au (plus 2e-14 of the distance itself). `n_samples` >= 1 is the
   number of points the search starts from; it changes the time taken, not what is found. */
struct sheaf_moid sheaf_moid_find(const struct sheaf_moid_earth *earth, const struct sheaf_moid_elements *elements,
                                  int64_t n_samples);

#endif
