// plan/handout: every pending block once and no done one, from partitions or from one range; chunks of the ruled size.
#include "unit/sheaf.h"

#include <cmath>

using namespace unit;

namespace {

struct Handout {
    struct handout handout;
    Error error;
    explicit Handout(const Blocks &blocks, const std::vector<span> &parts) {
        EXPECT_EQ(sheaf_handout_open_partitions(&handout, &blocks.pending, parts.data(), static_cast<int>(parts.size()),
                                                error),
                  0);
    }
    Handout(const Blocks &blocks, span window, int n_pools) {
        EXPECT_EQ(sheaf_handout_open_dynamic(&handout, &blocks.pending, window, n_pools, error), 0) << error.text();
    }
    ~Handout() { sheaf_handout_close(&handout); }
    Handout(const Handout &) = delete;
    Handout &operator=(const Handout &) = delete;

    span next(int pool, const struct handout_ask &ask) {
        span blocks = {-1, -1};
        EXPECT_EQ(sheaf_handout_next(&handout, pool, &ask, &blocks, error), 0) << error.text();
        return blocks;
    }
};

// Asks for `n` blocks, whatever the rule: costs are such that it would give more.
struct handout_ask want(int64_t n) {
    return {1e-9, 1 << 20, 0, n};
}

struct handout_ask random_ask(std::mt19937 &random) {
    const double costs[] = {0, 1e-7, 1e-5, 1e-3, 0.1, 10};
    struct handout_ask ask = {costs[random() % 6], 1 + static_cast<int64_t>(random() % 64), 0,
                              1 + static_cast<int64_t>(random() % 20)};
    ask.n_hungry = static_cast<int64_t>(random()) % (ask.n_threads + 1);
    return ask;
}

std::vector<bool> random_flags(std::mt19937 &random) {
    std::vector<bool> flags(1 + random() % 150);
    unsigned share = random() % 5;
    for (size_t b = 0; b < flags.size(); b++)
        flags[b] = random() % 4 < share;
    return flags;
}

std::vector<span> cut_static(const Blocks &blocks, span window, int n_pools) {
    std::vector<span> parts(static_cast<size_t>(n_pools));
    Error error;
    EXPECT_EQ(sheaf_partition_static(&blocks.pending, window, n_pools, parts.data(), error), 0);
    return parts;
}

} // namespace

// ------------------------------------------------------------------------------------------------- which blocks

TEST(Handout, GivesEveryPendingBlockOnceAndNoDoneOne) {
    std::mt19937 random(11);
    for (int i = 0; i < 1000; i++) {
        std::vector<bool> flags = random_flags(random);
        Blocks blocks(Blocks::runs_of(flags));
        blocks.longest = 1 + static_cast<int64_t>(random() % 20);
        int n_pools = 1 + static_cast<int>(random() % 5);
        auto n = static_cast<int64_t>(flags.size()), first = static_cast<int64_t>(random()) % n;
        span window = {first, 1 + static_cast<int64_t>(random()) % (n - first)};
        bool dynamic = i % 2;
        std::vector<span> parts =
            dynamic ? std::vector<span>(static_cast<size_t>(n_pools), window) : cut_static(blocks, window, n_pools);
        Handout h = dynamic ? Handout(blocks, window, n_pools) : Handout(blocks, parts);
        std::vector<int> given(flags.size(), 0);
        std::vector<bool> through(static_cast<size_t>(n_pools), false);
        for (int n_through = 0; n_through < n_pools;) {
            auto pool = static_cast<size_t>(random()) % static_cast<size_t>(n_pools);
            struct handout_ask ask = random_ask(random);
            span got = h.next(static_cast<int>(pool), ask);
            ASSERT_GE(got.n, 0);
            ASSERT_LE(got.n, ask.most);
            if (got.n > 0 && random() % 4 == 0) { /* as when the texts of a chunk are too long for it */
                int64_t kept = 1 + static_cast<int64_t>(random()) % got.n;
                sheaf_handout_put_back(&h.handout, static_cast<int>(pool), got, kept);
                got.n = kept;
            }
            ASSERT_FALSE(through[pool] && got.n > 0) << "it had said that there is no more";
            if (got.n == 0 && !through[pool]) {
                through[pool] = true;
                n_through++;
            }
            for (int64_t b = got.first; b < got.first + got.n; b++) {
                ASSERT_GE(b, parts[pool].first);
                ASSERT_LT(b, parts[pool].first + parts[pool].n);
                given[static_cast<size_t>(b)]++;
            }
        }
        for (int64_t b = 0; b < n; b++)
            ASSERT_EQ(given[static_cast<size_t>(b)],
                      flags[static_cast<size_t>(b)] && b >= window.first && b < window.first + window.n ? 1 : 0)
                << b;
    }
}

TEST(Handout, SaysAgainThatThereIsNoMore) {
    Blocks blocks({{0, 4}});
    for (bool dynamic : {false, true}) {
        Handout h = dynamic ? Handout(blocks, {0, 4}, 1) : Handout(blocks, {{0, 4}});
        EXPECT_EQ(h.next(0, want(3)).n, 3);
        EXPECT_EQ(h.next(0, want(3)).n, 1);
        for (int i = 0; i < 3; i++)
            EXPECT_EQ(h.next(0, want(3)).n, 0);
    }
}

TEST(Handout, NothingPendingIsNothingToGive) {
    Blocks none({});
    for (span window : {span{0, 0}, span{5, 100}}) {
        Handout dynamic(none, window, 3), own(none, {window});
        EXPECT_EQ(dynamic.next(2, want(10)).n, 0);
        EXPECT_EQ(own.next(0, want(10)).n, 0);
    }
}

// The source may cut a run short; a chunk does not end there.
TEST(Handout, RunsThatAdjoinAreJoined) {
    Blocks blocks({{3, 40}, {50, 2}, {60, 5}});
    for (int64_t longest : {1, 3, 7, 100})
        for (bool dynamic : {false, true}) {
            blocks.longest = longest;
            Handout h = dynamic ? Handout(blocks, {0, 100}, 1) : Handout(blocks, {{0, 100}});
            const span wanted[] = {{3, 25}, {28, 15}, {50, 2}, {60, 5}, {0, 0}};
            for (const span &w : wanted) {
                span got = h.next(0, want(25));
                EXPECT_EQ(got.n, w.n);
                if (w.n)
                    EXPECT_EQ(got.first, w.first);
            }
        }
}

TEST(Handout, PutBackCanBeRepeated) {
    Blocks blocks({{0, 100}});
    for (bool dynamic : {false, true}) {
        Handout h = dynamic ? Handout(blocks, {0, 100}, 1) : Handout(blocks, {{0, 100}});
        span got = h.next(0, want(64));
        for (int64_t kept = 32; kept >= 1; kept /= 2) {
            sheaf_handout_put_back(&h.handout, 0, got, kept);
            got.n = kept;
        }
        int64_t at = 1;
        while ((got = h.next(0, want(10))).n > 0) {
            EXPECT_EQ(got.first, at);
            at += got.n;
        }
        EXPECT_EQ(at, 100);
    }
}

TEST(Handout, BlocksThatAreDoneMeanwhileAreNotGivenAgain) {
    for (bool dynamic : {false, true}) {
        Blocks blocks({{0, 10}});
        Handout h = dynamic ? Handout(blocks, {0, 10}, 1) : Handout(blocks, {{0, 10}});
        EXPECT_EQ(h.next(0, want(4)).n, 4);
        blocks.runs = {{7, 3}}; /* 4 to 6 are done by now */
        span got = h.next(0, want(4));
        EXPECT_EQ(got.first, 7);
        EXPECT_EQ(got.n, 3);
    }
}

TEST(Handout, APartitionIsNotTakenByOthers) {
    Blocks blocks({{0, 100}});
    Handout h(blocks, {{0, 10}, {10, 0}, {10, 90}});
    EXPECT_EQ(h.next(1, want(50)).n, 0);
    span got = h.next(2, want(50));
    EXPECT_EQ(got.first, 10);
    EXPECT_EQ(h.next(0, want(50)).n, 10);
    EXPECT_EQ(h.next(0, want(50)).n, 0);
}

TEST(Handout, AnErrorOfTheSourceIsHandedOn) {
    Blocks blocks({{0, 10}});
    Handout own(blocks, {{0, 10}}), dynamic(blocks, {0, 10}, 1);
    blocks.fails_at = blocks.n_calls;
    span got;
    struct handout_ask ask = want(4);
    Error error;
    EXPECT_EQ(sheaf_handout_next(&own.handout, 0, &ask, &got, error), -1);
    EXPECT_EQ(error.text(), "the disk is gone");
    blocks.fails_at = blocks.n_calls;
    EXPECT_EQ(sheaf_handout_next(&dynamic.handout, 0, &ask, &got, error), -1);
    blocks.fails_at = blocks.n_calls;
    struct handout handout;
    EXPECT_EQ(sheaf_handout_open_dynamic(&handout, &blocks.pending, {0, 10}, 2, error), -1);
    sheaf_handout_close(&handout);
}

// No step for each block: a million ranks' worth of blocks is given in as many questions as there are chunks.
TEST(Handout, HugeNumbersOfBlocksTakeFewQuestions) {
    int64_t n = int64_t{1} << 40;
    Blocks blocks({{0, n}});
    Handout h(blocks, {0, n}, 1000);
    int64_t at = 0;
    for (int i = 0; i < 1000; i++) {
        span got = h.next(i, {1e-6, 64, 0, INT64_MAX});
        EXPECT_EQ(got.first, at);
        at += got.n;
    }
    EXPECT_LT(blocks.n_calls, 2100);
}

// ------------------------------------------------------------------------------------------------- how many blocks

TEST(HandoutChoose, KeepsItsPromises) {
    std::mt19937_64 random(12);
    std::uniform_real_distribution<double> exponent(0, 13), cost(-8, 2);
    for (int i = 0; i < 100000; i++) {
        auto n_left = static_cast<int64_t>(std::pow(10, exponent(random)));
        int n_pools = 1 + static_cast<int>(random() % (i % 2 ? 4 : 1000));
        struct handout_ask ask = {std::pow(10, cost(random)), 1 + static_cast<int64_t>(random() % 128), 0, INT64_MAX};
        ask.n_hungry = static_cast<int64_t>(random() % static_cast<uint64_t>(ask.n_threads + 1));
        auto n = static_cast<double>(sheaf_handout_choose(n_left, n_pools, &ask));
        auto n_threads = static_cast<double>(ask.n_threads);
        double share = static_cast<double>(n_left) / n_pools, blocks_1ms = 1e-3 * n_threads / ask.block_s;
        double most_s = n_pools == 1 ? 20e-3 : std::max({5e-3, std::min(ask.block_s, 20e-3), 20e-6 * n_pools});
        double hungry = std::min(static_cast<double>(ask.n_hungry), share);
        ASSERT_GE(n, 1);
        ASSERT_LE(n, std::max({1.0, hungry, 1e3 * most_s * blocks_1ms * (1 + 1e-12)}))
            << "5 ms of work, or a block for each, or what keeps rank 0 idle";
        ASSERT_GE(n, std::floor(hungry * (1 - 1e-12))) << "what idle threads could begin at once";
        if (n_pools > 1) {
            ASSERT_LE(n, std::max({1.0, hungry, share / 4}) * (1 + 1e-12)) << "a quarter of the share";
            if (blocks_1ms <= share / 8)
                ASSERT_LE(n, std::max({1.0, hungry, share / 8}) * (1 + 1e-12))
                    << "an eighth, where that is work enough";
            ASSERT_GE(n, std::floor(std::min({blocks_1ms, share / 4}) * (1 - 1e-12))) << "a millisecond of work";
        }
        struct handout_ask bounded = ask;
        bounded.most = 1 + static_cast<int64_t>(random() % 1000);
        ASSERT_EQ(sheaf_handout_choose(n_left, n_pools, &bounded), std::min(static_cast<int64_t>(n), bounded.most));
    }
}

TEST(HandoutChoose, ALonePoolGetsTwentyMillisecondsOfWork) {
    for (int64_t n_threads : {1, 4, 64})
        for (double block_s : {1e-6, 1e-4, 1e-3})
            for (int64_t n_left : {int64_t{10}, int64_t{1000000}}) {
                struct handout_ask ask = {block_s, n_threads, 0, INT64_MAX};
                EXPECT_NEAR(static_cast<double>(sheaf_handout_choose(n_left, 1, &ask)),
                            20e-3 * static_cast<double>(n_threads) / block_s, 1.001);
            }
}

// What it has in hand no other can take.
TEST(HandoutChoose, OneOfSeveralGetsFiveMillisecondsOfWorkOrABlockForEachThread) {
    const struct {
        double block_s;
        int n_pools;
        double n; /* for each of 8 threads */
    } cases[] = {{1e-6, 2, 5000}, {1e-3, 2, 5},   {8e-3, 2, 1},     {19e-3, 2, 1},    {40e-3, 2, 0.5},
                 {1, 2, 0.125},   {1e-3, 200, 5}, {1e-3, 1000, 20}, {1e-3, 5000, 100}};
    for (const auto &c : cases) {
        struct handout_ask ask = {c.block_s, 8, 0, INT64_MAX};
        EXPECT_NEAR(static_cast<double>(sheaf_handout_choose(int64_t{1} << 50, c.n_pools, &ask)), 8 * c.n, 1.001)
            << c.block_s << " s, " << c.n_pools << " pools";
    }
}

TEST(HandoutChoose, WhileNothingIsKnownItIsABlockForEachThread) {
    struct handout_ask ask = {0, 16, 0, INT64_MAX};
    EXPECT_EQ(sheaf_handout_choose(1000000, 4, &ask), 16);
    EXPECT_EQ(sheaf_handout_choose(1000000, 1, &ask), 16);
}

TEST(HandoutChoose, ChunksShrinkTowardsTheEnd) {
    for (double block_s : {1e-6, 1e-4, 1e-2}) {
        struct handout_ask ask = {block_s, 8, 0, INT64_MAX};
        int64_t left = 10000000, last = INT64_MAX, n_chunks = 0;
        while (left > 0) {
            int64_t n = std::min(sheaf_handout_choose(left, 16, &ask), left);
            ASSERT_LE(n, last);
            last = n;
            left -= n;
            n_chunks++;
        }
        EXPECT_EQ(last, 1);
        EXPECT_LT(n_chunks, block_s < 1e-3 ? 30000 : 10000001);
    }
}

TEST(HandoutChoose, ManyIdleThreadsShareWhatIsLeft) {
    struct handout_ask ask = {10, 64, 64, INT64_MAX};
    EXPECT_EQ(sheaf_handout_choose(1000000, 4, &ask), 64) << "one for each";
    EXPECT_EQ(sheaf_handout_choose(40, 4, &ask), 10) << "others are hungry too";
    EXPECT_EQ(sheaf_handout_choose(3, 4, &ask), 1);
}

// Blocks from an own partition: nobody else waits for them.
TEST(HandoutChoose, PartitionsAreGivenInFiftyMilliseconds) {
    Blocks blocks({{0, int64_t{1} << 40}});
    for (double block_s : {1e-6, 1e-3, 1.0}) {
        Handout h(blocks, {{0, int64_t{1} << 40}});
        int64_t n = h.next(0, {block_s, 8, 0, INT64_MAX}).n;
        EXPECT_GE(n, 8) << "no thread is left out";
        EXPECT_NEAR(static_cast<double>(n), std::max(8.0, 50e-3 * 8 / block_s), 1.001);
        EXPECT_EQ(h.next(0, {block_s, 8, 0, 5}).n, std::min<int64_t>(5, n)) << "but what it can take";
    }
    Handout h(blocks, {{0, int64_t{1} << 40}});
    EXPECT_EQ(h.next(0, {0, 8, 0, INT64_MAX}).n, 32) << "a few for each, while nothing is known";
}
