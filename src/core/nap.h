/*
 * nap - how long to sleep between two looks at what wakes nobody when it happens, such as a message.
 *
 * Naps double from 20 µs up to 1 ms, and beyond that last a hundredth of the time in which nothing has happened, 40 ms at
 * the most: what comes late comes 1 % later, and who waits for an hour takes next to nothing of a core.
 */
#ifndef SHEAF_CORE_NAP_H
#define SHEAF_CORE_NAP_H

/* Starts as {0}, and again whenever something has happened. */
struct sheaf_nap {
    double last_s, idle_s;
};

/* The length of the next one, in seconds. */
static inline double sheaf_nap_next(struct sheaf_nap *nap) {
    const double least_s = 20e-6, usual_s = 1e-3, most_s = 40e-3;
    double most = nap->idle_s / 100;
    most = most < usual_s ? usual_s : most > most_s ? most_s : most;
    nap->last_s = 2 * nap->last_s;
    nap->last_s = nap->last_s < least_s ? least_s : nap->last_s > most ? most : nap->last_s;
    nap->idle_s += nap->last_s;
    return nap->last_s;
}

#endif
