// plan/pool: each block is drawn once, whoever draws; grains lie inside a chunk; seats become free when all is finished.
#include "unit/sheaf.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <atomic>
#include <memory>
#include <thread>

using namespace unit;

namespace {

std::vector<struct grain> draw_all(const Pool &pool) {
    std::vector<struct grain> grains;
    struct grain grain;
    while (sheaf_pool_take(pool.get(), &grain))
        grains.push_back(grain);
    return grains;
}

// One that draws: keeps some grains and finishes them in any order, as slow and quick threads together do.
class Drawer {
  public:
    Drawer(struct pool *pool, unsigned seed, std::function<void(const struct grain &)> note)
        : pool_(pool), random_(seed), note_(std::move(note)) {}

    void run() {
        for (;;) {
            uint32_t posts = atomic_load(&pool_->posts);
            bool closed = atomic_load(&pool_->closed);
            struct grain grain;
            if (sheaf_pool_take(pool_, &grain)) {
                note_(grain);
                held_.push_back(grain);
                if (held_.size() > random_() % 6)
                    finish();
            } else if (!held_.empty()) {
                finish();
            } else if (closed) {
                return; /* seen before it looked: nothing came since */
            } else {
                sheaf_futex_wait(&pool_->posts, posts, -1);
            }
        }
    }

  private:
    void finish() {
        size_t k = random_() % held_.size();
        sheaf_pool_finish(pool_, &held_[k], 1e-6);
        held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(k));
    }

    struct pool *pool_;
    std::minstd_rand random_;
    std::function<void(const struct grain &)> note_;
    std::vector<struct grain> held_;
};

// A leader: posts blocks 0 … n - 1 in chunks of random sizes, with holes in their numbers, and closes.
// Each chunk's seat says in spans[seat] what lies there, before it is posted.
int64_t lead(struct pool *pool, int64_t n, span *spans, unsigned seed) {
    std::minstd_rand random(seed);
    int64_t at = 0, n_posted = 0;
    while (at < n) {
        int seat = sheaf_pool_free_seat(pool);
        if (seat < 0) {
            std::this_thread::yield();
            continue;
        }
        int64_t most = random() % 3 ? 20 : 3000, size = std::min<int64_t>(n - at, 1 + random() % most);
        spans[seat] = {at, size};
        sheaf_pool_post(pool, seat, spans[seat]);
        n_posted += size;
        at += size;
        if (random() % 4 == 0)
            at += random() % 5; /* done blocks in between */
        if (random() % 64 == 0)
            atomic_store(&pool->block_ns, static_cast<int64_t>(random() % 1000000));
    }
    sheaf_pool_close(pool);
    return n_posted;
}

} // namespace

TEST(Pool, IsEmptyAtFirst) {
    Pool pool(100, 4);
    struct grain grain;
    EXPECT_EQ(sheaf_pool_untaken(pool.get()), 0);
    EXPECT_FALSE(sheaf_pool_take(pool.get(), &grain));
    EXPECT_GE(sheaf_pool_free_seat(pool.get()), 0);
    EXPECT_FALSE(pool->closed.load());
    uint32_t posts = pool->posts.load();
    sheaf_pool_close(pool.get());
    EXPECT_TRUE(pool->closed.load());
    EXPECT_NE(pool->posts.load(), posts) << "sleepers would not wake";
    EXPECT_FALSE(sheaf_pool_take(pool.get(), &grain));
}

TEST(Pool, SeatsAreAlignedAndDoNotOverlap) {
    for (size_t seat_bytes : {size_t{0}, size_t{1}, size_t{64}, size_t{65}, size_t{100000}}) {
        Pool pool(seat_bytes);
        size_t all = sheaf_pool_bytes(seat_bytes);
        char *end = reinterpret_cast<char *>(pool.get()) + all, *last = reinterpret_cast<char *>(pool.get() + 1);
        EXPECT_GE(pool->seat_bytes, seat_bytes);
        for (int s = 0; s < pool->n_seats; s++) {
            char *data = sheaf_pool_data(pool.get(), s);
            EXPECT_TRUE(is_aligned(data));
            EXPECT_GE(data, last);
            last = data + pool->seat_bytes;
        }
        EXPECT_LE(last, end);
    }
}

// A block that takes long keeps its seat. Few seats for large chunks, but never so few that nothing is prefetched.
TEST(Pool, HasManySeatsAsLongAsTheyAreSmall) {
    EXPECT_EQ(Pool(0)->n_seats, POOL_SEATS);
    EXPECT_EQ(Pool(size_t{512} << 10)->n_seats, POOL_SEATS);
    EXPECT_GE(Pool(size_t{1} << 20)->n_seats, POOL_SEATS / 2);
    EXPECT_GE(POOL_SEATS, 64);
    for (size_t seat_bytes : {size_t{1} << 21, size_t{10} << 20, size_t{100} << 20}) {
        size_t all = sheaf_pool_bytes(seat_bytes);
        EXPECT_GE(all, 4 * seat_bytes);
        EXPECT_LE(all, std::max(4 * seat_bytes, size_t{32} << 20) + sizeof(struct pool) + 64);
    }
}

TEST(Pool, PostingWakesAndCounts) {
    Pool pool(0, 1);
    uint32_t posts = pool->posts.load();
    sheaf_pool_post(pool.get(), sheaf_pool_free_seat(pool.get()), {100, 7});
    EXPECT_NE(pool->posts.load(), posts);
    EXPECT_EQ(sheaf_pool_untaken(pool.get()), 7);
    sheaf_pool_post(pool.get(), sheaf_pool_free_seat(pool.get()), {200, 5});
    EXPECT_EQ(sheaf_pool_untaken(pool.get()), 12);
    struct grain grain;
    ASSERT_TRUE(sheaf_pool_take(pool.get(), &grain));
    EXPECT_EQ(grain.blocks.first, 100);
    EXPECT_EQ(sheaf_pool_untaken(pool.get()), 12 - grain.blocks.n);
}

TEST(Pool, ASeatIsFreeOnlyWhenAllOfItsBlocksAreFinished) {
    Pool pool(0, 1);
    for (int s = 0; s < pool->n_seats; s++) {
        int seat = sheaf_pool_free_seat(pool.get());
        ASSERT_GE(seat, 0);
        sheaf_pool_post(pool.get(), seat, {100 * s, 10});
    }
    EXPECT_EQ(sheaf_pool_free_seat(pool.get()), -1);
    std::vector<struct grain> grains = draw_all(pool);
    EXPECT_EQ(sheaf_pool_untaken(pool.get()), 0);
    EXPECT_EQ(sheaf_pool_free_seat(pool.get()), -1) << "taken is not finished";
    std::shuffle(grains.begin(), grains.end(), std::minstd_rand(5));
    std::vector<int64_t> left(POOL_SEATS, 10);
    int64_t finished = 0;
    for (const struct grain &grain : grains) {
        left[static_cast<size_t>(grain.seat)] -= grain.blocks.n;
        bool was_full = sheaf_pool_free_seat(pool.get()) < 0;
        EXPECT_EQ(sheaf_pool_finish(pool.get(), &grain, 0.25), left[static_cast<size_t>(grain.seat)] == 0);
        EXPECT_EQ(pool->n_finished.load(), finished += grain.blocks.n);
        if (was_full && left[static_cast<size_t>(grain.seat)] == 0)
            EXPECT_EQ(sheaf_pool_free_seat(pool.get()), grain.seat);
    }
    EXPECT_EQ(pool->busy_ns.load(), 250000000 * static_cast<int64_t>(grains.size()));
}

TEST(Pool, AGrainLiesInsideOneChunk) {
    std::mt19937 random(2);
    for (int round = 0; round < 500; round++) {
        Pool pool(0, 1 + static_cast<int32_t>(random() % 3));
        span spans[POOL_SEATS] = {};
        int64_t at = 0, n = 0;
        for (int s = 0; s < pool->n_seats; s++) { /* chunks side by side, which could tempt to join them */
            int seat = sheaf_pool_free_seat(pool.get());
            spans[seat] = {at, 1 + static_cast<int64_t>(random() % 50)};
            sheaf_pool_post(pool.get(), seat, spans[seat]);
            at += spans[seat].n;
            n += spans[seat].n;
        }
        int64_t next = 0;
        for (const struct grain &grain : draw_all(pool)) {
            ASSERT_EQ(grain.blocks.first, next) << "in their order";
            ASSERT_GE(grain.blocks.n, 1);
            ASSERT_GE(grain.blocks.first, spans[grain.seat].first);
            ASSERT_LE(grain.blocks.first + grain.blocks.n, spans[grain.seat].first + spans[grain.seat].n);
            next += grain.blocks.n;
        }
        ASSERT_EQ(next, n);
    }
}

TEST(Pool, GrainsAreAQuarterOfAMillisecondByTheEstimate) {
    for (int64_t block_ns : {1, 10, 999, 100000, 250001, 499999, 500001, 1000000000}) {
        Pool pool(0, 8);
        sheaf_pool_post(pool.get(), 0, {0, int64_t{1} << 40});
        pool->block_ns = block_ns;
        struct grain grain;
        ASSERT_TRUE(sheaf_pool_take(pool.get(), &grain));
        if (block_ns > 250000)
            EXPECT_EQ(grain.blocks.n, 1);
        else
            EXPECT_LE(grain.blocks.n * block_ns, 250000) << block_ns;
        EXPECT_GT((grain.blocks.n + 1) * block_ns, 250000) << "no smaller than that";
    }
}

// Whatever is known, no thread takes so much that the others end long before it.
TEST(Pool, GrainsShrinkTowardsTheEnd) {
    for (int32_t n_threads : {1, 2, 64, 1000}) {
        Pool pool(0, n_threads);
        int64_t left = 100000, last = INT64_MAX;
        sheaf_pool_post(pool.get(), 0, {0, left});
        for (const struct grain &grain : draw_all(pool)) {
            ASSERT_LE(grain.blocks.n, std::max<int64_t>(1, left / (4 * n_threads))) << "a quarter of an equal share";
            ASSERT_LE(grain.blocks.n, last);
            last = grain.blocks.n;
            left -= grain.blocks.n;
        }
        EXPECT_EQ(left, 0);
        EXPECT_EQ(last, 1);
    }
}

TEST(Pool, PositionsMayGrowFar) {
    Pool pool(0, 2);
    int64_t n = int64_t{1} << 58; /* nothing lists blocks one by one */
    for (int round = 0; round < 20; round++) {
        int seat = sheaf_pool_free_seat(pool.get());
        ASSERT_GE(seat, 0);
        sheaf_pool_post(pool.get(), seat, {round, n});
        int64_t got = 0;
        for (const struct grain &grain : draw_all(pool)) {
            ASSERT_EQ(grain.seat, seat);
            ASSERT_EQ(grain.blocks.first, round + got);
            got += grain.blocks.n;
            sheaf_pool_finish(pool.get(), &grain, 0);
        }
        ASSERT_EQ(got, n);
    }
}

// A million blocks, eight threads, small and large chunks, grains that end in any order, seats used again at once.
TEST(Pool, ManyThreadsDrawEachBlockOnce) {
    enum { N_THREADS = 8 };
    const int64_t n = 1000000;
    Pool pool(0, N_THREADS);
    std::unique_ptr<std::atomic<uint8_t>[]> taken(new std::atomic<uint8_t>[static_cast<size_t>(n)]());
    span spans[POOL_SEATS] = {};
    std::atomic<int64_t> n_outside{0}, n_taken{0};
    auto note = [&](const struct grain &grain) {
        /* The seat is not filled anew before the grain is finished, so this is no race. */
        const span &chunk = spans[grain.seat];
        if (grain.blocks.n < 1 || grain.blocks.first < chunk.first ||
            grain.blocks.first + grain.blocks.n > chunk.first + chunk.n) {
            n_outside++;
            return;
        }
        for (int64_t b = grain.blocks.first; b < grain.blocks.first + grain.blocks.n; b++)
            taken[static_cast<size_t>(b)]++;
        n_taken += grain.blocks.n;
    };
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < N_THREADS; i++)
        threads.emplace_back([&, i] { Drawer(pool.get(), 100 + i, note).run(); });
    int64_t n_posted = lead(pool.get(), n, spans, 1);
    for (std::thread &thread : threads)
        thread.join();
    EXPECT_EQ(n_outside.load(), 0) << "a grain has blocks of another chunk";
    int64_t n_twice = 0;
    for (int64_t b = 0; b < n; b++)
        n_twice += taken[static_cast<size_t>(b)] > 1;
    EXPECT_EQ(n_twice, 0);
    EXPECT_EQ(n_taken.load(), n_posted);
    EXPECT_EQ(pool->n_finished.load(), n_posted);
    EXPECT_EQ(sheaf_pool_untaken(pool.get()), 0);
    for (int s = 0; s < pool->n_seats; s++)
        EXPECT_EQ(pool->seats[s].n_unfinished.load(), 0);
}

// As the ranks of a node do: processes that share nothing but the memory.
TEST(Pool, ProcessesThatShareItDrawEachBlockOnce) {
    const int64_t n = 300000;
    const size_t pool_bytes = sheaf_round_up(sheaf_pool_bytes(64), 4096), all = pool_bytes + static_cast<size_t>(n);
    void *memory = mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    auto *pool = static_cast<struct pool *>(memory);
    auto *taken = reinterpret_cast<std::atomic<uint8_t> *>(static_cast<char *>(memory) + pool_bytes);
    sheaf_pool_open(pool, 64);
    pool->n_threads = 2;
    std::vector<pid_t> children;
    for (unsigned i = 0; i < 2; i++) {
        pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            alarm(100); /* should the parent be gone */
            bool wrong = false;
            Drawer(pool, 200 + i, [&](const struct grain &grain) {
                const char *data = sheaf_pool_data(pool, grain.seat);
                span chunk;
                memcpy(&chunk, data, sizeof chunk); /* what the leader wrote is seen */
                wrong = wrong || grain.blocks.first < chunk.first ||
                        grain.blocks.first + grain.blocks.n > chunk.first + chunk.n;
                for (int64_t b = grain.blocks.first; b < grain.blocks.first + grain.blocks.n; b++)
                    taken[b]++;
            }).run();
            _exit(wrong ? 1 : 0);
        }
        children.push_back(child);
    }
    std::minstd_rand random(9);
    for (int64_t at = 0; at < n;) {
        int seat = sheaf_pool_free_seat(pool);
        if (seat < 0) {
            std::this_thread::yield();
            continue;
        }
        span chunk = {at, std::min<int64_t>(n - at, 1 + random() % 500)};
        memcpy(sheaf_pool_data(pool, seat), &chunk, sizeof chunk);
        sheaf_pool_post(pool, seat, chunk);
        at += chunk.n;
    }
    sheaf_pool_close(pool);
    for (pid_t child : children) {
        int status = -1;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "a grain outside its chunk, or worse";
    }
    int64_t n_wrong = 0;
    for (int64_t b = 0; b < n; b++)
        n_wrong += taken[b] != 1;
    EXPECT_EQ(n_wrong, 0);
    EXPECT_EQ(pool->n_finished.load(), n);
    munmap(memory, all);
}
