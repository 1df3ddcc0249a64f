// plan/partition: contiguous partitions that hold every pending block once; equal in number, or least in cost.
#include "unit/sheaf.h"

#include <algorithm>
#include <limits>
#include <numeric>

using namespace unit;

namespace {

std::vector<span> cut_static(Blocks &blocks, span window, int n_ranks) {
    std::vector<span> parts(static_cast<size_t>(n_ranks), span{-7, -7});
    Error error;
    EXPECT_EQ(sheaf_partition_static(&blocks.pending, window, n_ranks, parts.data(), error), 0) << error.text();
    return parts;
}

// One behind the other, nothing left out, all of the window.
void expect_tiling(const std::vector<span> &parts, span window) {
    int64_t at = window.first;
    for (const span &part : parts) {
        ASSERT_EQ(part.first, at);
        ASSERT_GE(part.n, 0);
        at += part.n;
    }
    ASSERT_EQ(at, window.first + window.n);
}

void expect_fair(const Blocks &blocks, const std::vector<span> &parts, span window) {
    expect_tiling(parts, window);
    int64_t least = std::numeric_limits<int64_t>::max(), most = 0, all = 0;
    for (const span &part : parts) {
        int64_t n = blocks.count(part);
        least = std::min(least, n);
        most = std::max(most, n);
        all += n;
    }
    ASSERT_LE(most - least, 1);
    ASSERT_EQ(all, blocks.count(window)) << "every pending block once";
}

} // namespace

// ---------------------------------------------------------------------------------------------------------- static

TEST(PartitionStatic, TenBlocksForThreeRanks) {
    Blocks blocks({{0, 10}});
    std::vector<span> parts = cut_static(blocks, {0, 10}, 3);
    expect_fair(blocks, parts, {0, 10});
}

TEST(PartitionStatic, IsFairForEveryPatternOfPendingBlocks) {
    std::mt19937 random(7);
    for (int i = 0; i < 500; i++) {
        std::vector<bool> flags(random() % 120);
        unsigned share = random() % 5;
        for (size_t b = 0; b < flags.size(); b++)
            flags[b] = random() % 4 < share;
        Blocks blocks(Blocks::runs_of(flags));
        blocks.longest = 1 + static_cast<int64_t>(random() % 9);
        int64_t n = static_cast<int64_t>(flags.size()), first = n ? static_cast<int64_t>(random()) % n : 0;
        span window = {first, n ? static_cast<int64_t>(random()) % (n - first) + 1 : 0};
        int n_ranks = 1 + static_cast<int>(random() % 12);
        expect_fair(blocks, cut_static(blocks, window, n_ranks), window);
    }
}

TEST(PartitionStatic, MoreRanksThanBlocks) {
    Blocks blocks({{0, 3}});
    std::vector<span> parts = cut_static(blocks, {0, 3}, 100);
    expect_fair(blocks, parts, {0, 3});
}

TEST(PartitionStatic, NothingToDo) {
    Blocks none({}), done({});
    expect_fair(none, cut_static(none, {0, 0}, 4), {0, 0});
    expect_fair(done, cut_static(done, {10, 50}, 4), {10, 50});
}

TEST(PartitionStatic, AWindowMayBeginAnywhere) {
    Blocks blocks({{0, 1000}});
    std::vector<span> parts = cut_static(blocks, {500, 7}, 2);
    expect_fair(blocks, parts, {500, 7});
}

// 2^40 blocks on 1,000 ranks: no overflow, and no step for each block.
TEST(PartitionStatic, HugeNumbersOfBlocksTakeFewQuestions) {
    int64_t n = int64_t{1} << 40, first = (int64_t{1} << 62) - n;
    Blocks blocks({{first, n / 3}, {first + n / 2, n / 2}});
    std::vector<span> parts = cut_static(blocks, {first, n}, 1000);
    expect_fair(blocks, parts, {first, n});
    EXPECT_LT(blocks.n_calls, 100);
}

TEST(PartitionStatic, AnErrorOfTheSourceIsHandedOn) {
    for (int at = 0; at < 4; at++) {
        Blocks blocks({{0, 5}, {10, 5}});
        blocks.fails_at = at;
        std::vector<span> parts(3);
        Error error;
        if (sheaf_partition_static(&blocks.pending, {0, 20}, 3, parts.data(), error) == 0)
            EXPECT_LE(blocks.n_calls, at);
        else
            EXPECT_EQ(error.text(), "the disk is gone");
    }
}

TEST(PendingCount, CountsAllRuns) {
    Blocks blocks({{2, 3}, {7, 1}, {10, 90}});
    for (int64_t longest : {1, 2, 1000}) {
        blocks.longest = longest;
        int64_t n = -1;
        Error error;
        ASSERT_EQ(sheaf_pending_count(&blocks.pending, 0, 100, &n, error), 0);
        EXPECT_EQ(n, 94);
        ASSERT_EQ(sheaf_pending_count(&blocks.pending, 3, 11, &n, error), 0);
        EXPECT_EQ(n, 4);
        ASSERT_EQ(sheaf_pending_count(&blocks.pending, 5, 5, &n, error), 0);
        EXPECT_EQ(n, 0);
    }
}

// -------------------------------------------------------------------------------------------------------- weighted

namespace {

std::vector<span> cut_weighted(const std::vector<double> &cost, int64_t unit, span window, int n_ranks) {
    std::vector<span> parts(static_cast<size_t>(n_ranks), span{-7, -7});
    Error error;
    EXPECT_EQ(sheaf_partition_weighted(cost.data(), static_cast<int64_t>(cost.size()), unit, window, n_ranks,
                                       parts.data(), error),
              0);
    return parts;
}

double largest(const std::vector<double> &cost, int64_t unit, span window, const std::vector<span> &parts) {
    double most = 0;
    for (const span &part : parts) {
        double sum = 0;
        int64_t end = part.first + part.n - window.first;
        EXPECT_TRUE((part.first - window.first) % unit == 0 || part.n == 0) << "a unit is never cut";
        for (int64_t u = (part.first - window.first + unit - 1) / unit; u * unit < end; u++)
            sum += cost[static_cast<size_t>(u)];
        most = std::max(most, sum);
    }
    return most;
}

// The best that contiguous parts can do, by dynamic programming over every cut.
double best(const std::vector<double> &cost, int n_ranks) {
    size_t n = cost.size();
    std::vector<double> sum(n + 1, 0), least(n + 1, 0);
    for (size_t i = 0; i < n; i++)
        sum[i + 1] = sum[i] + cost[i];
    least = sum;
    for (int r = 1; r < n_ranks; r++) {
        std::vector<double> next = least;
        for (size_t end = 0; end <= n; end++)
            for (size_t at = 0; at <= end; at++)
                next[end] = std::min(next[end], std::max(least[at], sum[end] - sum[at]));
        least = next;
    }
    return least[n];
}

} // namespace

TEST(PartitionWeighted, IsTheBestThereIs) {
    std::mt19937 random(8);
    for (int i = 0; i < 2000; i++) {
        std::vector<double> cost(1 + random() % 12);
        for (double &c : cost)
            c = random() % 3 == 0 ? 0 : random() % 100; /* whole numbers: sums are exact */
        int n_ranks = 1 + static_cast<int>(random() % 6);
        span window = {static_cast<int64_t>(random() % 50), static_cast<int64_t>(cost.size())};
        std::vector<span> parts = cut_weighted(cost, 1, window, n_ranks);
        expect_tiling(parts, window);
        ASSERT_EQ(largest(cost, 1, window, parts), best(cost, n_ranks));
    }
}

TEST(PartitionWeighted, IsTheBestThereIsInUnitsOfBlocks) {
    std::mt19937 random(9);
    for (int i = 0; i < 1000; i++) {
        int64_t unit = 1 + static_cast<int64_t>(random() % 5), n_units = 1 + static_cast<int64_t>(random() % 10);
        std::vector<double> cost(static_cast<size_t>(n_units));
        for (double &c : cost)
            c = random() % 50;
        int n_ranks = 1 + static_cast<int>(random() % 5);
        span window = {100, (n_units - 1) * unit + 1 + static_cast<int64_t>(random()) % unit}; /* the last is shorter */
        std::vector<span> parts = cut_weighted(cost, unit, window, n_ranks);
        expect_tiling(parts, window);
        ASSERT_EQ(largest(cost, unit, window, parts), best(cost, n_ranks));
    }
}

TEST(PartitionWeighted, OneHugeItemStandsAlone) {
    std::vector<double> cost(100, 1);
    cost[50] = 1000;
    std::vector<span> parts = cut_weighted(cost, 1, {0, 100}, 3);
    expect_tiling(parts, {0, 100});
    EXPECT_EQ(largest(cost, 1, {0, 100}, parts), 1000);
}

TEST(PartitionWeighted, BrokenCostsAreBalancedToo) {
    std::mt19937 random(10);
    std::vector<double> cost(100000);
    double all = 0, most = 0;
    for (double &c : cost) {
        c = std::exponential_distribution<double>()(random);
        all += c;
        most = std::max(most, c);
    }
    for (int n_ranks : {1, 2, 7, 64, 1000}) {
        span window = {12345, 100000};
        std::vector<span> parts = cut_weighted(cost, 1, window, n_ranks);
        expect_tiling(parts, window);
        double reached = largest(cost, 1, window, parts);
        EXPECT_GE(reached, all / n_ranks * (1 - 1e-12));
        EXPECT_LE(reached, (all / n_ranks + most) * (1 + 1e-12)) << "a cut is at most one unit off the mean";
    }
}

TEST(PartitionWeighted, CostsOfAnySizeAreFine) {
    for (double scale : {1e-300, 5e-324, 1e-9, 1.0, 1e290}) {
        std::vector<double> cost = {3 * scale, 1 * scale, 4 * scale, 1 * scale, 5 * scale};
        std::vector<span> parts = cut_weighted(cost, 1, {0, 5}, 2);
        expect_tiling(parts, {0, 5});
        EXPECT_EQ(largest(cost, 1, {0, 5}, parts), 8 * scale) << scale;
    }
}

TEST(PartitionWeighted, NoUnitsAndMoreRanksThanUnits) {
    expect_tiling(cut_weighted({}, 1, {5, 0}, 3), {5, 0});
    std::vector<span> parts = cut_weighted({2, 3}, 1, {5, 2}, 10);
    expect_tiling(parts, {5, 2});
    EXPECT_EQ(largest({2, 3}, 1, {5, 2}, parts), 3);
}

TEST(PartitionWeighted, ZeroCostsStillCoverTheWindow) {
    expect_tiling(cut_weighted(std::vector<double>(50, 0), 1, {0, 50}, 4), {0, 50});
    expect_tiling(cut_weighted({0, 0, 7, 0, 0}, 1, {0, 5}, 4), {0, 5});
}
