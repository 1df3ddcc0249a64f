#include "app/comparison_values.h"

#include <math.h>
#include <string.h>

#include <sheaf/kernel.h>

#include "core/type.h"

/* Without what a double loses of large ones. */
static double gap_of_integers(const void *a, const void *b) {
    int64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (double)(x > y ? (uint64_t)x - (uint64_t)y : (uint64_t)y - (uint64_t)x);
}

struct gap sheaf_value_gap(struct tolerance tolerance, int32_t type_a, const void *a, int32_t type_b, const void *b) {
    const double x = sheaf_type_to_double(type_a, a), y = sheaf_type_to_double(type_b, b);
    const bool same_type = type_a == type_b, exact = tolerance.rtol == 0 && tolerance.atol == 0;
    struct gap gap = {0};
    if (isnan(x) || isnan(y)) {
        gap.differs = gap.only_nan = !isnan(x) || !isnan(y);
        return gap;
    }
    const double larger = fmax(fabs(x), fabs(y));
    const bool whole = type_a == SHEAF_INT64 && type_b == SHEAF_INT64;
    gap.size = whole ? gap_of_integers(a, b) : x == y ? 0 : fabs(x - y);
    gap.relative = gap.size > 0 ? gap.size / larger : 0;
    if (isinf(gap.size) && isinf(larger))
        gap.relative = INFINITY;
    if (exact && same_type)
        gap.differs = memcmp(a, b, sheaf_type_bytes(type_a)) != 0;
    else
        gap.differs = gap.size > 0 && !(gap.size <= tolerance.atol + tolerance.rtol * larger && isfinite(gap.size));
    return gap;
}
