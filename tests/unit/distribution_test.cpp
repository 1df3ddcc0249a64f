// reduce/histogram, selection and sketch: how values are distributed, whatever their order and however parts are merged. The right
// values come from sorting, from a plain search of the edges, and from numpy 1.24 (written out).
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <random>

extern "C" {
#include "reduce/histogram.h"
#include "reduce/order.h"
#include "reduce/selection.h"
#include "reduce/sketch.h"
}
#include "unit/sheaf.h"

using namespace unit;

namespace {

using Values = std::vector<double>;
constexpr double NaN = std::numeric_limits<double>::quiet_NaN(), Inf = std::numeric_limits<double>::infinity();

Values shuffled(Values values, unsigned seed) {
    std::shuffle(values.begin(), values.end(), std::mt19937(seed));
    return values;
}

/* Of all sizes and signs, with ties and ends. */
Values many(unsigned seed, int n = 3000) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> part(-1, 1);
    Values values = {0.0, -0.0, Inf, -Inf, Inf, DBL_MAX, -DBL_MAX, DBL_TRUE_MIN, -DBL_TRUE_MIN, 1, 1, 1};
    for (int k = 0; k < n; k++)
        values.push_back(std::ldexp(part(random), static_cast<int>(random() % 600) - 300));
    return values;
}

/* --- histograms --- */

struct Counted {
    struct bins bins {};
    std::vector<int64_t> room; /* the state */
    explicit Counted(const Values &edges) {
        EXPECT_TRUE(sheaf_bins_begin(&bins, edges.data(), static_cast<int64_t>(edges.size()) - 1));
        room.resize(sheaf_histogram_bytes(&bins) / sizeof(int64_t));
    }
    struct histogram *state() {
        return reinterpret_cast<struct histogram *>(room.data());
    }
    void add(const Values &values) {
        for (double x : values)
            sheaf_histogram_add(&bins, state(), x);
    }
};

TEST(Histogram, HasTheConventionOfNumPy) {
    const Values edges = {0, 1, 2.5, 4};
    Counted h(edges);
    h.add({0, -0.0, 0.5, 1, 2.5, 4, 3.9, 4.1, -0.1, Inf, -Inf, NaN, std::nextafter(1, 0)});
    // numpy.histogram([0, -0, .5, 1, 2.5, 4, 3.9, 4.1, -.1, inf, -inf, nextafter(1, 0)], [0, 1, 2.5, 4])[0] = [4, 1, 3]
    EXPECT_EQ(h.room, (std::vector<int64_t>{12, 1, 2, 2, 4, 1, 3}));
    EXPECT_EQ(sheaf_histogram_fullest(&h.bins, h.state()), 0);
}

/* Each bin by comparing with its two edges, also at the edges and next to them, of even bins and others. */
TEST(Histogram, EdgesDecide) {
    std::mt19937_64 random(3);
    for (int n : {1, 2, 7, 100, 1000})
        for (int kind = 0; kind < 4; kind++) {
            Values edges;
            for (int k = 0; k <= n; k++)
                edges.push_back(kind == 0   ? -1 + 3.0 * k / n
                                : kind == 1 ? std::pow(10, -5 + 10.0 * k / n)
                                : kind == 2 ? 1e15 + k
                                            : (k == 0   ? -Inf
                                               : k == n ? Inf
                                                        : k));
            struct bins bins;
            ASSERT_TRUE(sheaf_bins_begin(&bins, edges.data(), n));
            Values values = many(static_cast<unsigned>(n), 300);
            for (double e : edges)
                values.insert(values.end(), {e, std::nextafter(e, -Inf), std::nextafter(e, Inf)});
            for (double x : values) {
                int64_t want = x < edges[0] ? -1 : n;
                for (int k = 0; k < n; k++)
                    if (edges[k] <= x && (x < edges[k + 1] || (k == n - 1 && x == edges[n])))
                        want = k;
                ASSERT_EQ(sheaf_bins_find(&bins, x), want) << x << " in " << n << " bins of kind " << kind;
            }
        }
}

TEST(Histogram, PartsAddUp) {
    const Values values = many(5), edges = {-1e10, -1, 0, 1e-3, 1, 1e10};
    Counted whole(edges), merged(edges);
    whole.add(shuffled(values, 1));
    for (size_t at = 0; at < values.size(); at += 500) {
        Counted part(edges);
        part.add(Values(values.begin() + static_cast<long>(at),
                        values.begin() + static_cast<long>(std::min(at + 500, values.size()))));
        sheaf_histogram_merge(&merged.bins, merged.state(), part.state());
    }
    EXPECT_EQ(whole.room, merged.room);
}

TEST(Histogram, EdgesMustIncrease) {
    struct bins bins;
    EXPECT_FALSE(sheaf_bins_begin(&bins, Values{0, 1, 1}.data(), 2));
    EXPECT_FALSE(sheaf_bins_begin(&bins, Values{0, NaN, 2}.data(), 2));
    EXPECT_FALSE(sheaf_bins_begin(&bins, Values{1, 0}.data(), 1));
}

/* --- quantiles --- */

/* The values in parts, whose counts are merged. */
Values select(const Values &values, const Values &probabilities) {
    const int n = static_cast<int>(probabilities.size());
    std::vector<struct selection_target> room(3 * probabilities.size());
    struct selection s;
    int n_passes = 0;
    for (sheaf_selection_begin(&s, n, probabilities.data(), room.data()); !sheaf_selection_is_done(&s); n_passes++) {
        std::vector<int64_t> counts(static_cast<size_t>(s.n_counts)), part(counts.size());
        for (size_t i = 0; i < values.size(); i++)
            sheaf_selection_add(&s, i % 2 ? part.data() : counts.data(), values[i]);
        for (size_t i = 0; i < counts.size(); i++)
            counts[i] += part[i];
        sheaf_selection_narrow(&s, counts.data());
    }
    EXPECT_LE(n_passes, 5);
    Values found;
    for (int k = 0; k < n; k++)
        found.push_back(sheaf_selection_quantile(&s, k));
    return found;
}

/* numpy's definition, from sorted values. */
double quantile_of(const Values &sorted, double p) {
    const double place = static_cast<double>(sorted.size() - 1) * p, w = place - std::floor(place);
    const size_t k = static_cast<size_t>(place);
    const double a = sorted[k], b = sorted[std::min(k + 1, sorted.size() - 1)];
    return a == b || w == 0 ? a : w < 0.5 ? a + (b - a) * w : b - (b - a) * (1 - w);
}

const Values probabilities = {0.5, 0, 1, 0.05, 0.95, 0.5, 1 / 3.0, 0.999, 1e-9};

TEST(Quantiles, AreThoseOfNumPy) {
    // numpy.quantile([3, 1, 2, 10], [0, .1, .25, .5, .9, 1]) and of [0.1, 0.2, 0.7]
    EXPECT_EQ(select({3, 1, 2, 10}, {0, 0.1, 0.25, 0.5, 0.9, 1}),
              (Values{1.0, 1.3, 1.75, 2.5, 7.900000000000001, 10.0}));
    EXPECT_EQ(select({0.7, 0.1, 0.2}, {0.3, 0.6}), (Values{0.16, 0.3}));
}

TEST(Quantiles, AreExactOrderStatistics) {
    for (unsigned seed = 1; seed < 6; seed++) {
        Values values = many(seed, seed == 5 ? 20 : 3000), sorted = values;
        std::sort(sorted.begin(), sorted.end());
        const Values found = select(shuffled(values, seed), probabilities);
        for (size_t k = 0; k < probabilities.size(); k++) {
            const double want = quantile_of(sorted, probabilities[k]);
            EXPECT_TRUE(found[k] == want || (std::isnan(found[k]) && std::isnan(want))) << found[k] << " for " << want;
        }
    }
}

TEST(Quantiles, OfFewValues) {
    for (double x : {0.0, -0.0, 1.0, Inf, -Inf, DBL_TRUE_MIN, -DBL_MAX}) {
        for (size_t n : {1, 2, 1000})
            for (double found : select(Values(n, x), probabilities))
                EXPECT_EQ(found, x);
    }
    EXPECT_EQ(select({-Inf, 1, Inf}, {0, 0.5, 1}), (Values{-Inf, 1, Inf}));
    for (double found : select({}, probabilities))
        EXPECT_TRUE(std::isnan(found));
    EXPECT_EQ(select({9007199254740993.0, -9007199254740992.0}, {0, 1}),
              (Values{-9007199254740992.0, 9007199254740992.0}));
}

TEST(Order, KeysHaveTheOrderOfNumbers) {
    Values sorted = many(9);
    std::sort(sorted.begin(), sorted.end());
    for (size_t k = 0; k + 1 < sorted.size(); k++) {
        EXPECT_EQ(sheaf_order_key(sorted[k]) < sheaf_order_key(sorted[k + 1]), sorted[k] < sorted[k + 1]);
        EXPECT_EQ(sheaf_order_value(sheaf_order_key(sorted[k])), sorted[k]);
    }
}

/* --- sketches --- */

struct Sketch {
    struct sketch s {};
    Error error;
    Sketch() = default;
    explicit Sketch(const Values &values) {
        for (double x : values)
            EXPECT_EQ(sheaf_sketch_add(&s, x, error), 0);
    }
    ~Sketch() { sheaf_sketch_free(&s); }
    Sketch(const Sketch &) = delete;
    Sketch &operator=(const Sketch &) = delete;
};

TEST(Sketch, IsNear) {
    for (unsigned seed = 1; seed < 5; seed++) {
        Values values = many(seed), sorted = values;
        std::sort(sorted.begin(), sorted.end());
        Sketch sketch(shuffled(values, seed));
        for (size_t k = 0; k < sorted.size(); k += 7) {
            const double p = static_cast<double>(k) / static_cast<double>(sorted.size() - 1);
            const size_t at = static_cast<size_t>(static_cast<double>(sorted.size() - 1) * p);
            const double found = sheaf_sketch_quantile(&sketch.s, p), a = sorted[at],
                         b = sorted[std::min(at + 1, sorted.size() - 1)];
            const double off = 0x1p-9 * std::max(std::fabs(a), std::fabs(b)) + 0x1p-1030;
            EXPECT_TRUE(found == a || (found >= a - off && found <= b + off)) << found << " for " << a << " … " << b;
        }
        EXPECT_EQ(sheaf_sketch_quantile(&sketch.s, 0), sorted.front());
        EXPECT_EQ(sheaf_sketch_quantile(&sketch.s, 1), sorted.back());
    }
}

TEST(Sketch, PartsGiveTheSame) {
    const Values values = many(2);
    Sketch whole(values), merged, left(Values(values.rbegin(), values.rbegin() + 1000)),
        right(Values(values.rbegin() + 1000, values.rend())), none, nan(Values{NaN, NaN});
    for (Sketch *part : {&right, &none, &left, &nan})
        EXPECT_EQ(sheaf_sketch_merge(&merged.s, &part->s, merged.error), 0);
    for (double p : {0.0, 0.05, 0.25, 0.5, 1 / 3.0, 0.75, 0.95}) /* none between an infinity and a number */
        EXPECT_EQ(sheaf_sketch_quantile(&whole.s, p), sheaf_sketch_quantile(&merged.s, p));
    EXPECT_EQ(merged.s.n, whole.s.n);
    EXPECT_EQ(merged.s.n_nan, 2);
    EXPECT_TRUE(std::isnan(sheaf_sketch_quantile(&nan.s, 0.5)));
}

TEST(Sketch, OneValueIsExact) {
    for (double x : {0.0, 1.37, -1e300, Inf, -Inf, DBL_TRUE_MIN}) {
        Sketch sketch(Values{x, x, x});
        EXPECT_EQ(sheaf_sketch_quantile(&sketch.s, 0.3), x);
    }
}

} // namespace
