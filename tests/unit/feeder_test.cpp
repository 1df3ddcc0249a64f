// app/feeder: when the next chunk is due, and what is asked for.
#include "unit/sheaf.h"

using namespace unit;

namespace {

const sheaf_field X = field("x", SHEAF_FLOAT64), Y = field("y", SHEAF_FLOAT64);

// Of blocks of 16 items whose one input is carried (128 bytes a block), or which have none.
chunk_shape make_shape(bool carries) {
    return {carries ? 1 : 0, &X, nullptr, nullptr, 1, &Y, 16, 1 << 30, 0, 0, false, nullptr};
}

// A feeder and its pool; blocks are "computed" by hand.
struct Feed {
    Pool pool;
    struct feeder feeder;
    chunk_shape shape;
    int64_t at = 0;

    Feed(int32_t n_threads, bool eager, size_t seat_bytes = 0, bool carries = false)
        : pool(seat_bytes, n_threads), shape(make_shape(carries)) {
        sheaf_feeder_open(&feeder, pool.get(), &shape, eager);
    }
    bool due() { return sheaf_feeder_due(&feeder); }
    struct handout_ask ask() const {
        return sheaf_feeder_ask(&feeder);
    }
    void post(int64_t n) {
        int seat = sheaf_pool_free_seat(pool.get());
        ASSERT_GE(seat, 0);
        sheaf_feeder_post(&feeder, seat, {at, n});
        at += n;
    }
    // Computes until `left` blocks are untaken.
    void compute(int64_t left, double block_s) {
        struct grain grain;
        while (sheaf_pool_untaken(pool.get()) > left && sheaf_pool_take(pool.get(), &grain))
            sheaf_pool_finish(pool.get(), &grain, static_cast<double>(grain.blocks.n) * block_s);
    }
};

} // namespace

TEST(Feeder, TheFirstChunkIsDueAtOnceAndIsABlockForEachThread) {
    for (bool eager : {false, true}) {
        Feed f(6, eager);
        EXPECT_TRUE(f.due());
        struct handout_ask ask = f.ask();
        EXPECT_EQ(ask.block_s, 0) << "unknown";
        EXPECT_EQ(ask.n_threads, 6);
        EXPECT_EQ(ask.n_hungry, 0);
        EXPECT_GE(ask.most, 6);
        EXPECT_LE(ask.most, 8 * 6) << "chunks grow eightfold at most";
    }
}

TEST(Feeder, WhileNothingIsKnownMoreIsDueWhenThreadsAreIdle) {
    Feed f(4, false);
    ASSERT_TRUE(f.due());
    f.post(4);
    EXPECT_FALSE(f.due());
    struct grain grain[4];
    for (struct grain &g : grain)
        ASSERT_TRUE(sheaf_pool_take(f.pool.get(), &g));
    EXPECT_FALSE(f.due()) << "all are at work, on blocks that may be long";
    f.pool->n_hungry = 1;
    EXPECT_TRUE(f.due());
    EXPECT_EQ(f.ask().n_hungry, 1);
}

// An own partition, or the only pool: nobody else could take the blocks, so it may have them early.
TEST(Feeder, EagerPoolsAskBeforeTheLastBlocksAreTaken) {
    Feed f(4, true);
    ASSERT_TRUE(f.due());
    f.post(4);
    EXPECT_FALSE(f.due());
    struct grain grain;
    ASSERT_TRUE(sheaf_pool_take(f.pool.get(), &grain));
    EXPECT_TRUE(f.due()) << "a block for each thread should be there";
}

TEST(Feeder, MoreIsDueWhenLessThanFiveMillisecondsAreLeft) {
    const struct {
        bool eager;
        double left_s;
    } cases[] = {{false, 5e-3}, {true, 25e-3}};
    for (const auto &c : cases)
        for (int32_t n_threads : {1, 8, 64})
            for (double block_s : {1e-6, 1e-5, 1e-4, 1e-3}) {
                auto low = static_cast<int64_t>(c.left_s / block_s * n_threads);
                Feed f(n_threads, c.eager);
                ASSERT_TRUE(f.due());
                f.post(1000);
                f.compute(0, block_s);
                ASSERT_TRUE(f.due()) << "nothing is left";
                EXPECT_NEAR(f.feeder.block_s, block_s, 0.01 * block_s);
                EXPECT_NEAR(static_cast<double>(f.pool->block_ns.load()), 1e9 * block_s, 10);
                f.post(4 * low + 100);
                EXPECT_FALSE(f.due()) << n_threads << " " << block_s;
                f.compute(low + low / 6 + 2, block_s); /* a grain, which is half a millisecond, may be beyond */
                EXPECT_FALSE(f.due()) << n_threads << " " << block_s;
                f.compute(low - low / 6 - 1, block_s);
                EXPECT_TRUE(f.due()) << n_threads << " " << block_s;
            }
}

// A block that waits in one pool would be missed by another.
TEST(Feeder, LongBlocksAreDueOnlyWhenAThreadIsIdle) {
    Feed f(4, false);
    ASSERT_TRUE(f.due());
    f.post(4);
    f.compute(0, 0.5);
    EXPECT_FALSE(f.due()) << "nobody is hungry yet";
    f.pool->n_hungry = 2;
    ASSERT_TRUE(f.due());
    EXPECT_EQ(f.ask().n_hungry, 2);
    EXPECT_NEAR(f.ask().block_s, 0.5, 1e-6);
    f.post(2);
    EXPECT_FALSE(f.due()) << "two blocks are on their way to them";
}

TEST(Feeder, TheEstimateFollowsCostsThatChange) {
    Feed f(1, false);
    ASSERT_TRUE(f.due());
    f.post(10);
    f.compute(0, 1e-3);
    ASSERT_TRUE(f.due());
    for (int i = 0; i < 12; i++) {
        f.post(10);
        f.compute(0, 4e-3);
        ASSERT_TRUE(f.due());
    }
    EXPECT_NEAR(f.ask().block_s, 4e-3, 1e-5);
    f.post(10);
    f.compute(0, 0); /* a clock that sees nothing */
    ASSERT_TRUE(f.due());
    EXPECT_GT(f.ask().block_s, 0) << "unknown would be something else";
}

TEST(Feeder, ChunksGrowEightfoldAtMost) {
    Feed f(4, true);
    ASSERT_TRUE(f.due());
    int64_t last = 4;
    for (int i = 0; i < 8; i++) {
        EXPECT_GE(f.ask().most, last);
        EXPECT_LE(f.ask().most, 8 * last);
        last = f.ask().most;
        f.post(last);
        f.compute(0, 1e-9);
        ASSERT_TRUE(f.due());
    }
    EXPECT_GT(last, 4 * 8 * 8 * 8) << "but they do grow";
}

// In a run that goes on, done blocks may leave a chunk of a single block between long ones.
TEST(Feeder, AShortChunkDoesNotMakeTheNextOnesShort) {
    Feed f(64, true);
    ASSERT_TRUE(f.due());
    f.post(400);
    f.compute(0, 1e-9);
    ASSERT_TRUE(f.due());
    int64_t before = f.ask().most;
    f.post(1);
    f.compute(0, 1e-9);
    ASSERT_TRUE(f.due());
    EXPECT_GE(f.ask().most, before);
}

TEST(Feeder, AChunkIsNeverLargerThanItsSeat) {
    for (size_t seat_bytes : {size_t{64} + 128, size_t{64} + 128 * 10, size_t{10000}, size_t{1} << 20}) {
        Feed f(4, true, seat_bytes, true);
        struct sheaf_buffer input = {};
        void *columns[1];
        Error error;
        for (int i = 0; i < 20; i++) {
            int64_t most = f.ask().most;
            ASSERT_GE(most, 1);
            ASSERT_EQ(sheaf_chunk_layout(&input, &f.shape, {0, most}, columns, error), 0);
            ASSERT_LE(input.n_bytes, f.pool->seat_bytes);
            f.post(most);
            f.compute(0, 1e-9);
        }
        EXPECT_GT(input.n_bytes, f.pool->seat_bytes / 2) << "and in the end it fills it";
        sheaf_buffer_free(&input);
    }
    Feed tiny(4, true, 64, true); /* texts may need all of a seat: still a block */
    EXPECT_EQ(tiny.ask().most, 1);
}

TEST(Feeder, NoBlocksCloseThePool) {
    Feed f(2, false);
    ASSERT_TRUE(f.due());
    f.post(2);
    f.compute(0, 1e-3);
    ASSERT_TRUE(f.due());
    f.post(0);
    EXPECT_TRUE(f.pool->closed.load());
    f.pool->n_hungry = 2;
    EXPECT_FALSE(f.due()) << "there is nothing more to ask for";
}
