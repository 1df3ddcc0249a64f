/* How long a job takes, by the times of some of its blocks; the numbers are worked out by hand. */
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

extern "C" {
#include "plan/forecast.h"
}

namespace {

std::vector<std::pair<int64_t, int64_t>> choose(int64_t n_items, int64_t block, int64_t n_pilot) {
    struct asked asked;
    std::vector<std::pair<int64_t, int64_t>> spans;
    EXPECT_EQ(sheaf_pilot_choose(&asked, n_items, block, n_pilot, nullptr), 0);
    for (int k = 0; k < asked.n; k++)
        spans.emplace_back(asked.spans[k].first, asked.spans[k].n);
    sheaf_asked_free(&asked);
    return spans;
}

TEST(Pilot, SpreadsOverTheJobWithBothEnds) {
    using Spans = std::vector<std::pair<int64_t, int64_t>>;
    EXPECT_EQ(choose(101, 1, 5), (Spans{{0, 1}, {25, 1}, {50, 1}, {75, 1}, {100, 1}}));
    EXPECT_EQ(choose(3, 1, 32), (Spans{{0, 3}})); /* all, in one piece */
    EXPECT_EQ(choose(1000, 1, 1), (Spans{{0, 1}}));
    EXPECT_EQ(choose(1050, 100, 3), (Spans{{0, 100}, {500, 100}, {1000, 50}})); /* whole blocks */
    EXPECT_EQ(choose(0, 1, 3), Spans{});
    const int64_t large = INT64_C(1) << 60;
    EXPECT_EQ(choose(large, 1, 100000).back(), std::make_pair(large - 1, INT64_C(1)));
}

TEST(Forecast, OfEqualBlocksIsExact) {
    const std::vector<double> seconds(32, 2.0);
    struct forecast f;
    ASSERT_EQ(sheaf_forecast(seconds.data(), 32, 100, 10, &f, nullptr), 0);
    EXPECT_NEAR(f.middle, 20, 1e-9);
    EXPECT_NEAR(f.low, 20, 1e-9);
    EXPECT_NEAR(f.high, 20 + 2 * 0.9, 1e-9); /* the last one begins when nine of ten cores are through */
    ASSERT_EQ(sheaf_forecast(seconds.data(), 32, 100, 1000, &f, nullptr), 0);
    EXPECT_NEAR(f.middle, 2, 1e-9); /* no more cores than blocks */
}

/* 999 of 1000 draws of 64 hold one that is seen 16 times of 64: the longest ends the job. */
TEST(Forecast, LongestBlockIsTheLeast) {
    std::vector<double> seconds(64, 1.0);
    for (int k = 0; k < 16; k++)
        seconds[static_cast<size_t>(4 * k)] = 500;
    struct forecast f;
    ASSERT_EQ(sheaf_forecast(seconds.data(), 64, 64, 64, &f, nullptr), 0);
    EXPECT_EQ(f.middle, 500);
    EXPECT_EQ(f.low, 500);
    EXPECT_GT(f.high, 500);
    /* mean 125.75 of 10,000 blocks on 10 cores; the standard error of the mean of 64 is 27 */
    ASSERT_EQ(sheaf_forecast(seconds.data(), 64, 10000, 10, &f, nullptr), 0);
    EXPECT_NEAR(f.middle, 125750, 10000);
    EXPECT_NEAR(f.low, 125750 - 1.645 * 27011, 8000);
    EXPECT_NEAR(f.high, 125750 + 1.645 * 27011 + 450, 8000);
}

TEST(Forecast, Quantiles) {
    std::vector<double> values = {5, 1, 4, 2, 3};
    sheaf_sort_doubles(values.data(), 5);
    EXPECT_EQ(sheaf_quantile(values.data(), 5, 0), 1);
    EXPECT_EQ(sheaf_quantile(values.data(), 5, 0.5), 3);
    EXPECT_EQ(sheaf_quantile(values.data(), 5, 1), 5);
    EXPECT_NEAR(sheaf_quantile(values.data(), 5, 0.95), 4.8, 1e-12);
}

} // namespace
