#include "reduce/order.h"

#include <math.h>
#include <string.h>

static const uint64_t sign = UINT64_C(1) << 63;

uint64_t sheaf_order_key(double x) {
    uint64_t bits;
    x += 0.0; /* of -0 it makes 0 */
    memcpy(&bits, &x, sizeof bits);
    return bits & sign ? ~bits : bits | sign;
}

double sheaf_order_value(uint64_t key) {
    const uint64_t bits = key & sign ? key & ~sign : ~key;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

void sheaf_order_place(double probability, int64_t n, int64_t *rank, double *weight) {
    const double place = (double)(n - 1) * probability;
    *rank = (int64_t)floor(place);
    if (*rank > n - 1) /* the number of values may be rounded up */
        *rank = n - 1;
    *weight = *rank == n - 1 ? 0 : place - floor(place);
}

double sheaf_order_between(double a, double b, double weight) {
    if (a == b || weight == 0)
        return a;
    return weight < 0.5 ? a + (b - a) * weight : b - (b - a) * (1 - weight);
}
