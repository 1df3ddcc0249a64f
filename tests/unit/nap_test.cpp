// core/nap: quick at first, and later next to nothing of a core and of the time.
#include "unit/sheaf.h"

TEST(Nap, IsShortAtFirstAndNeverLong) {
    struct sheaf_nap nap = {};
    EXPECT_DOUBLE_EQ(sheaf_nap_next(&nap), 20e-6);
    EXPECT_DOUBLE_EQ(sheaf_nap_next(&nap), 40e-6);
    double most = 0;
    for (int i = 0; i < 100000; i++)
        most = std::max(most, sheaf_nap_next(&nap));
    EXPECT_DOUBLE_EQ(most, 40e-3);
    nap = {};
    EXPECT_DOUBLE_EQ(sheaf_nap_next(&nap), 20e-6) << "something has happened";
}

// Whatever comes after t seconds is seen at most a millisecond, or 1 %, later; and an hour takes few looks.
TEST(Nap, CostsAHundredthOfWhatWasWaited) {
    struct sheaf_nap nap = {};
    double at = 0;
    int64_t n = 0;
    for (; at < 3600; n++) {
        const double length = sheaf_nap_next(&nap);
        EXPECT_LE(length, std::max(1e-3, 0.01 * at + 1e-9));
        at += length;
    }
    EXPECT_LT(n, 3600 * 30);
}
