#include "core/decimal.h"

#include <float.h>
#include <string.h>

/* A power of ten that is exact times, or through, digits that are: one operation, which rounds correctly (Clinger 1990,
   "How to read floating point numbers accurately"). */
static bool round_once(const struct sheaf_decimal *d, double *value) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (d->digits >> 53 || d->exponent < -22 || d->exponent > 22)
        return false;
    const double digits = (double)d->digits;
    *value = d->exponent < 0 ? digits / powers[-d->exponent] : digits * powers[d->exponent];
    return true;
}

#if LDBL_MANT_DIG == 64
/* The same with the 64 bits of an 80-bit float, and rounded once more: that changes nothing unless what came first lies
   just between two doubles, where on which side of it the number is has been lost. It is so for one in 2,048. */
static bool round_twice(const struct sheaf_decimal *d, double *value) {
    static const long double powers[] = {1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,  1e7L,  1e8L,  1e9L,
                                         1e10L, 1e11L, 1e12L, 1e13L, 1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L,
                                         1e20L, 1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};
    enum { REST = 0x7ff, HALF = 0x400 }; /* the bits that a double has not */
    uint64_t bits;
    if (d->exponent < -27 || d->exponent > 27)
        return false;
    const long double digits = (long double)d->digits;
    const long double first = d->exponent < 0 ? digits / powers[-d->exponent] : digits * powers[d->exponent];
    memcpy(&bits, &first, sizeof bits);
    *value = (double)first;
    return (bits & REST) != HALF;
}
#else
static bool round_twice(const struct sheaf_decimal *d, double *value) {
    (void)d, (void)value;
    return false;
}
#endif

bool sheaf_decimal_value(const struct sheaf_decimal *d, double *value) {
    if (!round_once(d, value) && !round_twice(d, value))
        return false;
    *value = d->negative ? -*value : *value;
    return true;
}
