// reduce/exact: sums without rounding, whatever the order and however they are merged. Values are worked out by hand;
// tests/cli/reduce_test.cpp compares with Python's fractions.
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <random>

extern "C" {
#include "reduce/exact.h"
#include "reduce/natural.h"
}
#include "unit/sheaf.h"

using namespace unit;

namespace {

struct Sums {
    struct exact_sum sum = {};
    struct exact_squares squares = {};
    Sums() = default;
    explicit Sums(const std::vector<double> &values) {
        for (double x : values)
            add(x);
    }
    void add(double x) {
        sheaf_exact_add(&sum, x);
        sheaf_exact_add_square(&squares, x);
    }
    void merge(const Sums &other) {
        sheaf_exact_merge(&sum, &other.sum);
        sheaf_exact_merge_squares(&squares, &other.squares);
    }
    double total() const { return sheaf_exact_sum(&sum); }
    double mean() const { return sheaf_exact_mean(&sum); }
    double variance() const { return sheaf_exact_variance(&sum, &squares, 1, 1); }
    double sum_of_squares() const { return sheaf_exact_sum_of_squares(&sum, &squares); }
};

} // namespace

TEST(Exact, WhatCancelsLeavesWhatIsSmall) {
    EXPECT_EQ(Sums({1e308, 1, -1e308}).total(), 1);
    EXPECT_EQ(Sums({DBL_MAX, DBL_MAX, -DBL_MAX, 3}).total(), DBL_MAX);
    EXPECT_EQ(Sums({DBL_MAX, DBL_MAX, -DBL_MAX, -DBL_MAX, 5e-324}).total(), 5e-324);
    EXPECT_EQ(Sums({-1e16, 1, 1, 1e16, -3}).total(), -1);
    EXPECT_EQ(Sums({1e16, 1, -1e16}).mean(), 1.0 / 3);
}

TEST(Exact, IsRoundedOnceTiesToEven) {
    EXPECT_EQ(Sums({0x1p53, 1}).total(), 0x1p53);
    EXPECT_EQ(Sums({0x1p53, 1, 0x1p-60}).total(), 0x1p53 + 2) << "a little more than half";
    EXPECT_EQ(Sums({0x1p53 + 2, 1}).total(), 0x1p53 + 4);
    EXPECT_EQ(Sums({-0x1p53, -1, -0x1p-1074}).total(), -0x1p53 - 2);
    EXPECT_EQ(Sums(std::vector<double>(10, 0.1)).total(), 1) << "the sum of ten doubles next to 0.1 is next to 1";
    EXPECT_EQ(Sums({5e-324, 0, 0}).mean(), 0);
    EXPECT_EQ(Sums({5e-324, 5e-324, 0}).mean(), 5e-324);
    EXPECT_EQ(Sums({5e-324, 0}).mean(), 0) << "half of the least, to even";
}

TEST(Exact, ZerosAndWhatIsNoNumber) {
    EXPECT_EQ(Sums().total(), 0);
    EXPECT_FALSE(std::signbit(Sums().total()));
    EXPECT_TRUE(std::isnan(Sums().mean()));
    EXPECT_TRUE(std::signbit(Sums({-0.0, -0.0}).total()));
    EXPECT_FALSE(std::signbit(Sums({-0.0, 0.0}).total()));
    EXPECT_FALSE(std::signbit(Sums({-1, 1}).total()));
    EXPECT_EQ(Sums({INFINITY, 1}).total(), INFINITY);
    EXPECT_EQ(Sums({-INFINITY, 1e308}).mean(), -INFINITY);
    EXPECT_TRUE(std::isnan(Sums({INFINITY, -INFINITY}).total()));
    EXPECT_TRUE(std::isnan(Sums({NAN, 1}).total()));
    EXPECT_TRUE(std::isnan(Sums({INFINITY, 1}).variance()));
    EXPECT_EQ(Sums({-INFINITY, 1}).sum_of_squares(), INFINITY);
    EXPECT_EQ(Sums({DBL_MAX, DBL_MAX}).total(), INFINITY) << "overflows, as one rounding would";
    EXPECT_EQ(Sums({DBL_MAX, DBL_MAX}).mean(), DBL_MAX) << "and does not on its way";
}

TEST(Exact, Variance) {
    EXPECT_EQ(Sums({2, 4, 4, 4, 5, 5, 7, 9}).variance(), 32.0 / 7);
    EXPECT_EQ(Sums({1e15 + 1, 1e15 + 2, 1e15 + 3}).variance(), 1);
    EXPECT_EQ(Sums({7, 7, 7}).variance(), 0);
    EXPECT_TRUE(std::isnan(Sums({7}).variance()));
    EXPECT_EQ(Sums({DBL_MAX, -DBL_MAX}).variance(), INFINITY);
    EXPECT_EQ(Sums({1e-200, 3e-200}).variance(), 0) << "2e-400";
    EXPECT_EQ(Sums({3, 4}).sum_of_squares(), 25);
    EXPECT_EQ(Sums({1e-170, 1e-170}).sum_of_squares(), 0);
    EXPECT_EQ(Sums({0x1p-537, 0x1p-537}).sum_of_squares(), 0x1p-1073);
    const Sums s({2, 4, 4, 4, 5, 5, 7, 9});
    EXPECT_EQ(sheaf_exact_variance(&s.sum, &s.squares, 0, 1), 4) << "of a population";
    EXPECT_EQ(sheaf_exact_variance(&s.sum, &s.squares, 1, 8), 4.0 / 7) << "over n";
}

// Many values of all sizes, so that carries pass through all digits.
TEST(Exact, AnyOrderAndAnyPartsGiveTheSameBits) {
    std::mt19937_64 random(1);
    std::vector<double> values;
    for (int i = 0; i < 20000; i++)
        values.push_back(std::ldexp(static_cast<double>(random() >> 11) * (i % 2 ? 1 : -1),
                                    static_cast<int>(random() % 1900) - 1074));
    const Sums all(values);
    for (int trial = 0; trial < 5; trial++) {
        std::shuffle(values.begin(), values.end(), random);
        Sums merged;
        for (size_t at = 0, n; at < values.size(); at += n) {
            n = std::min<size_t>(1 + random() % 3000, values.size() - at);
            merged.merge(Sums({values.begin() + static_cast<long>(at), values.begin() + static_cast<long>(at + n)}));
        }
        EXPECT_EQ(merged.total(), all.total());
        EXPECT_EQ(merged.mean(), all.mean());
        EXPECT_EQ(merged.variance(), all.variance());
        EXPECT_EQ(merged.sum.n, 20000);
    }
    Sums none = all;
    for (double x : values)
        none.add(-x);
    EXPECT_EQ(none.total(), 0) << "nothing is lost of any";
}

/* Thousands at a time: what is added one by one, and what is known by hand. */
TEST(Exact, ManyAtATimeAreTheSame) {
    std::mt19937_64 random(5);
    std::uniform_real_distribution<double> unit(0, 1);
    for (int spread : {0, 3, 60, 300, 2000}) { // magnitudes, in powers of two
        for (int shift : {-1060, -600, 0, 470, 1020}) {
            std::vector<double> values;
            for (int k = 0; k < 2500; k++) {
                const double x = std::ldexp(unit(random) - 0.5, std::min(shift + int(unit(random) * spread), 1023));
                values.push_back(k % 97 == 0 ? -0.0 : x);
            }
            Sums one(values), many;
            sheaf_exact_add_many(&many.sum, &many.squares, values.data(), int64_t(values.size()));
            EXPECT_EQ(many.total(), one.total()) << spread << " " << shift;
            EXPECT_EQ(many.sum_of_squares(), one.sum_of_squares()) << spread << " " << shift;
            EXPECT_EQ(std::memcmp(&many.sum.n, &one.sum.n, sizeof(int64_t) * 4), 0);
        }
    }
    std::vector<double> values(4099, 0.1); // 0.1 is 3602879701896397 / 2^55
    values[1000] = 1e300;
    values[4098] = -1e300;
    Sums many;
    sheaf_exact_add_many(&many.sum, &many.squares, values.data(), 4099);
    EXPECT_EQ(many.total(), double(4097 * 3602879701896397.0L * 0x1p-55L));
    std::vector<double> zeros(1024, -0.0), odd(1024, 1);
    Sums none, mixed;
    sheaf_exact_add_many(&none.sum, nullptr, zeros.data(), 1024);
    EXPECT_TRUE(std::signbit(none.total())) << "zeros that are all negative";
    odd[7] = NAN;
    odd[8] = INFINITY;
    sheaf_exact_add_many(&mixed.sum, &mixed.squares, odd.data(), 1024);
    EXPECT_EQ(mixed.sum.n_nan, 1);
    EXPECT_EQ(mixed.sum.n_plus, 1);
}
