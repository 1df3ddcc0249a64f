#include "core/decimal.h"

#include <float.h>

const double sheaf_decimal_powers[DECIMAL_EXACT_POWER + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

#if LDBL_MANT_DIG == 64
/* Rounded to these, and then once more: that changes nothing unless what came first lies just between two doubles, where on
   which side of it the number is has been lost. It is so for one in 2,048. */
bool sheaf_decimal_round_twice(const struct sheaf_decimal *d, double *value) {
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
    *value = d->negative ? -(double)first : (double)first;
    return (bits & REST) != HALF;
}
#else
bool sheaf_decimal_round_twice(const struct sheaf_decimal *d, double *value) {
    (void)d, (void)value;
    return false;
}
#endif
