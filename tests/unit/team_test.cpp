// exec/team: every block once, whoever computes it; a serial kernel alone; a broken sink or an early end stops it.
#include "unit/sheaf.h"

#include <cmath>
#include <memory>

using namespace unit;

namespace {

void call(void *context) {
    (*static_cast<std::function<void()> *>(context))();
}

// A kernel over x = index + 0.25, a team for it, and chunks that cover given blocks.
struct Team {
    Job job;
    Kernel kernel;
    chunk_shape shape;
    struct sheaf_buffer shared = {};
    struct team *team = nullptr;
    std::vector<std::unique_ptr<struct chunk>> chunks;
    Error error;

    Team(const std::string &name, int64_t n_items, int n_threads, struct row_sink *sink = nullptr,
         const std::string &params = "{}")
        : job("items: {csv: a.csv}\nkernel: " + (name == "square_plus" ? name : hostile(name)) + "\nparams: " + params +
              "\n"),
          kernel(job, {field("x", SHEAF_FLOAT64)}) {
        EXPECT_EQ(kernel.rc, 0) << kernel.error.text();
        shape = kernel.shape(n_items);
        EXPECT_EQ(sheaf_buffer_resize(&shared, kernel.binding.shared_bytes + 1, error), 0);
        memset(shared.data, 0, shared.n_bytes);
        if (kernel.binding.shared_bytes)
            EXPECT_EQ(sheaf_binding_prepare(&kernel.binding, shared.data, error), 0);
        EXPECT_EQ(sheaf_team_open(&team, n_threads, &kernel.binding,
                                  kernel.binding.shared_bytes ? shared.data : nullptr, sink, error),
                  0)
            << error.text();
    }
    ~Team() {
        sheaf_team_close(team);
        for (auto &chunk : chunks)
            sheaf_chunk_close(chunk.get());
        sheaf_buffer_free(&shared);
    }
    Team(const Team &) = delete;
    Team &operator=(const Team &) = delete;

    struct chunk *add(int64_t first_block, int64_t n_blocks) {
        chunks.push_back(std::make_unique<struct chunk>());
        struct chunk *chunk = chunks.back().get();
        void *columns[1] = {};
        EXPECT_EQ(sheaf_chunk_open(chunk, &shape, error), 0);
        EXPECT_EQ(sheaf_chunk_layout(&chunk->input, &shape, {first_block, n_blocks}, columns, error), 0);
        int64_t first, n;
        sheaf_chunk_items(&shape, {first_block, n_blocks}, &first, &n);
        for (int64_t i = 0; shape.n_inputs && i < n; i++)
            static_cast<double *>(columns[0])[i] = static_cast<double>(first + i) + 0.25;
        EXPECT_EQ(sheaf_chunk_pack(&chunk->input, &shape, error), 0);
        EXPECT_EQ(sheaf_chunk_unpack(chunk, &shape, error), 0);
        return chunk;
    }

    int run(std::function<void()> talk) { return sheaf_team_run(team, call, &talk, error); }

    // For thread 0: sleeps until a chunk is finished or the team is broken.
    void wait(const struct chunk *chunk) {
        for (;;) {
            uint32_t seen = sheaf_team_events(team);
            if (chunk->n_unfinished.load() == 0 || sheaf_team_broken(team, nullptr))
                return;
            sheaf_team_wait(team, seen, 60);
        }
    }

    // Posts everything, never more at a time than may be posted.
    int run_all() {
        return run([this] {
            size_t next = 0;
            for (size_t done = 0; done < chunks.size(); done++) {
                while (next < chunks.size() && next < done + TEAM_CHUNKS)
                    sheaf_team_post(team, chunks[next++].get());
                wait(chunks[done].get());
            }
        });
    }
};

class Threads : public testing::TestWithParam<int> {};

} // namespace

TEST_P(Threads, EveryBlockOfSeveralChunksIsComputed) {
    int64_t n_items = 1005;
    Team t("uneven", n_items, GetParam());
    ASSERT_EQ(t.shape.block, 7);
    int64_t n_blocks = (n_items + 6) / 7;
    for (int64_t b = 0; b < n_blocks; b += 20)
        t.add(b, std::min<int64_t>(20, n_blocks - b));
    ASSERT_EQ(t.run_all(), 0) << t.error.text();
    int64_t n_seen = 0;
    for (const auto &chunk : t.chunks) {
        EXPECT_EQ(chunk->n_unfinished.load(), 0);
        for (int64_t b = 0; b < chunk->blocks.n; b++) {
            EXPECT_EQ(chunk->finished[b].load(), 1);
            EXPECT_GE(chunk->seconds[b], 0);
        }
        for (int64_t k = 0; k < chunk->n_items; k++, n_seen++) {
            int64_t i = chunk->first_item + k;
            const double *y = static_cast<double *>(chunk->out[0]) + 3 * k;
            ASSERT_EQ(chunk->status[k], ITEM_DONE);
            ASSERT_EQ(y[0], static_cast<double>(i) + 0.25 + static_cast<double>(i / 7 * 7));
            ASSERT_EQ(y[1], static_cast<double>(i % 7));
            ASSERT_EQ(y[2], static_cast<double>(i));
        }
    }
    EXPECT_EQ(n_seen, n_items);
    EXPECT_FALSE(sheaf_team_broken(t.team, nullptr));
    struct team_counts counts = sheaf_team_counts(t.team);
    EXPECT_EQ(counts.n_done, 0) << "nothing went through a sink";
    EXPECT_GT(counts.busy_s, 0);
}

TEST_P(Threads, RowsGoThroughTheSink) {
    Store store("{count: 100}",
                {field("f64", SHEAF_FLOAT64), field("f32", SHEAF_FLOAT32, 2), field("i64", SHEAF_INT64, 3),
                 field("i32", SHEAF_INT32, 4), field("u8", SHEAF_UINT8, 5)},
                20);
    store.make();
    Team t("poke", 100, GetParam(), &store.results.sink);
    t.add(0, 2);
    t.add(2, 1);
    t.add(3, 2);
    ASSERT_EQ(t.run_all(), 0) << t.error.text();
    EXPECT_EQ(sheaf_team_counts(t.team).n_done, 100);
    EXPECT_EQ(sheaf_team_counts(t.team).n_failed, 0);
    ASSERT_EQ(store.close(), 0);
    struct reader *reader = nullptr;
    Error error;
    ASSERT_EQ(sheaf_reader_open(&reader, store.path.c_str(), error), 0) << error.text();
    std::vector<uint8_t> status(100), u8(500);
    std::vector<double> f64(100);
    ASSERT_EQ(sheaf_reader_status(reader, 0, 100, status.data(), error), 0);
    ASSERT_EQ(sheaf_reader_range(reader, 0, 0, 100, f64.data(), nullptr, error), 0);
    ASSERT_EQ(sheaf_reader_range(reader, 4, 0, 100, u8.data(), nullptr, error), 0);
    for (size_t i = 0; i < 100; i++) {
        EXPECT_EQ(status[i], ITEM_DONE);
        EXPECT_EQ(f64[i], static_cast<double>(i) + 0.25);
        EXPECT_EQ(u8[5 * i + 4], (10 * i + 4) & 255);
    }
    sheaf_reader_close(reader);
}

TEST_P(Threads, ASerialKernelNeverOverlaps) {
    Team t("impure_serial", 24, GetParam());
    ASSERT_TRUE(t.kernel.binding.serial);
    t.add(0, 10);
    t.add(10, 14);
    ASSERT_EQ(t.run_all(), 0) << t.error.text();
    for (const auto &chunk : t.chunks)
        for (int64_t k = 0; k < chunk->n_items; k++) {
            EXPECT_EQ(chunk->status[k], ITEM_DONE) << "two calls overlapped";
            EXPECT_EQ(static_cast<double *>(chunk->out[0])[k], static_cast<double>(chunk->first_item + k));
        }
}

TEST_P(Threads, SharedDataIsTheSameForAll) {
    Team t("shared_check", 40, GetParam());
    t.add(0, 40);
    ASSERT_EQ(t.run_all(), 0);
    for (int64_t k = 0; k < 40; k++)
        EXPECT_EQ(t.chunks[0]->status[k], ITEM_DONE);
}

TEST_P(Threads, FailuresWaitForThreadZeroWhereThereIsNoSink) {
    Team t("poke", 400, GetParam());
    struct chunk *chunk = t.add(0, 20);
    double *x = static_cast<double *>(const_cast<void *>(chunk->in[0]));
    for (int i = 0; i < 400; i += 3)
        x[i] = 1e9 + i; /* refused, with its value */
    ASSERT_EQ(t.run_all(), 0);
    struct failure *failures = nullptr;
    int64_t n = 0, most = 0;
    ASSERT_EQ(sheaf_team_failures(t.team, &failures, &n, &most, t.error), 0);
    ASSERT_EQ(n, 134);
    std::vector<int> seen(400, 0);
    for (int64_t k = 0; k < n; k++) {
        seen[static_cast<size_t>(failures[k].item)]++;
        EXPECT_STARTS(failures[k].message, "x is 1e+09");
    }
    for (size_t i = 0; i < 400; i++)
        EXPECT_EQ(seen[i], i % 3 == 0 ? 1 : 0);
    ASSERT_EQ(sheaf_team_failures(t.team, &failures, &n, &most, t.error), 0);
    EXPECT_EQ(n, 134) << "each message once";
    free(failures);
}

TEST_P(Threads, FailuresAreCountedAndRecordedThroughTheSink) {
    Store store("{count: 20}", {field("y", SHEAF_FLOAT64)}, 4);
    store.make();
    Team t("fails", 20, GetParam(), &store.results.sink);
    struct chunk *chunk = t.add(0, 5);
    double *x = static_cast<double *>(const_cast<void *>(chunk->in[0]));
    x[2] = -1;
    x[9] = 13; /* all of its block: 8 to 11 */
    ASSERT_EQ(t.run_all(), 0);
    EXPECT_EQ(sheaf_team_counts(t.team).n_done, 15);
    EXPECT_EQ(sheaf_team_counts(t.team).n_failed, 5);
    ASSERT_EQ(store.close(), 0);
    struct reader *reader = nullptr;
    Error error;
    ASSERT_EQ(sheaf_reader_open(&reader, store.path.c_str(), error), 0) << error.text();
    uint8_t status[20];
    double y[20];
    ASSERT_EQ(sheaf_reader_status(reader, 0, 20, status, error), 0);
    ASSERT_EQ(sheaf_reader_range(reader, 0, 0, 20, y, nullptr, error), 0);
    for (int i = 0; i < 20; i++) {
        bool failed = i == 2 || (i >= 8 && i < 12);
        EXPECT_EQ(status[i], failed ? ITEM_FAILED : ITEM_DONE);
        EXPECT_EQ(std::isnan(y[i]), failed);
        EXPECT_EQ(std::string(sheaf_reader_message(reader, i)).empty(), !failed);
    }
    EXPECT_STREQ(sheaf_reader_message(reader, 8), "item 9 is unlucky");
    sheaf_reader_close(reader);
}

TEST_P(Threads, ASinkThatCannotBeWrittenBreaksTheTeam) {
    Store store("{count: 1000}", {field("y", SHEAF_FLOAT64)}, 1);
    store.make();
    int fd = store.results.sink.fd;
    store.results.sink.fd = open(store.path.c_str(), O_RDONLY);
    Team t("nan", 1000, GetParam(), &store.results.sink);
    t.add(0, 500);
    t.add(500, 500);
    ASSERT_EQ(t.run_all(), 0) << "it ends by itself";
    Error why;
    ASSERT_TRUE(sheaf_team_broken(t.team, why));
    EXPECT_STARTS(why.text(), store.path + ": cannot write");
    EXPECT_EQ(why.error.exit, SHEAF_EXIT_ENVIRONMENT);
    EXPECT_GT(t.chunks[0]->n_unfinished.load(), 0) << "what was not written is not finished";
    close(store.results.sink.fd);
    store.results.sink.fd = fd;
}

TEST_P(Threads, TheTeamStopsWhenThreadZeroLeaves) {
    Team t("slow", 2000, GetParam(), nullptr, "{ms: 1}");
    struct chunk *chunk = t.add(0, 2000);
    ASSERT_EQ(t.run([&] { sheaf_team_post(t.team, chunk); }), 0);
    EXPECT_GT(chunk->n_unfinished.load(), 0);
    int64_t n_finished = 0;
    for (int64_t b = 0; b < 2000; b++) {
        n_finished += chunk->finished[b].load();
        if (chunk->finished[b].load())
            EXPECT_EQ(static_cast<double *>(chunk->out[0])[b], 2 * (static_cast<double>(b) + 0.25) + 1);
    }
    EXPECT_EQ(n_finished + chunk->n_unfinished.load(), 2000) << "no grain is half finished";
}

TEST_P(Threads, DrainingFinishesGrainsAndBeginsNoMore) {
    Team t("slow", 2000, GetParam(), nullptr, "{ms: 1}");
    struct chunk *chunk = t.add(0, 2000);
    ASSERT_EQ(t.run([&] {
        EXPECT_FALSE(sheaf_team_idle(t.team)) << "not asked to yet";
        sheaf_team_post(t.team, chunk);
        sheaf_team_drain(t.team);
        for (;;) {
            uint32_t seen = sheaf_team_events(t.team);
            if (sheaf_team_idle(t.team))
                break;
            sheaf_team_wait(t.team, seen, 60);
        }
        int64_t left = chunk->n_unfinished.load();
        EXPECT_GT(left, 0);
        int64_t n_finished = 0;
        for (int64_t b = 0; b < 2000; b++)
            n_finished += chunk->finished[b].load();
        EXPECT_EQ(n_finished + left, 2000) << "idle means that no grain is at work";
    }),
              0);
}

TEST_P(Threads, DrainingWithNothingToDoIsIdleAtOnce) {
    Team t("nan", 10, GetParam());
    ASSERT_EQ(t.run([&] {
        sheaf_team_drain(t.team);
        EXPECT_TRUE(sheaf_team_idle(t.team));
    }),
              0);
}

TEST_P(Threads, NothingToDoEnds) {
    Team t("nan", 10, GetParam());
    bool talked = false;
    ASSERT_EQ(t.run([&] { talked = true; }), 0);
    EXPECT_TRUE(talked);
}

// Thread 0 sleeps while others compute; an event between looking and sleeping must wake it.
TEST_P(Threads, NoEventIsMissed) {
    Team t("nan", 3000, GetParam());
    for (int64_t b = 0; b < 3000; b++)
        t.add(b, 1);
    ASSERT_EQ(t.run([&] {
        for (auto &chunk : t.chunks) {
            sheaf_team_post(t.team, chunk.get());
            t.wait(chunk.get());
        }
    }),
              0);
    for (const auto &chunk : t.chunks)
        ASSERT_EQ(chunk->n_unfinished.load(), 0);
}

INSTANTIATE_TEST_SUITE_P(Team, Threads, testing::Values(1, 2, 4));

TEST(TeamResults, AreTheSameBytesForEveryNumberOfThreads) {
    std::vector<std::string> all;
    for (int n_threads : {1, 2, 4}) {
        Team t("square_plus", 20000, n_threads);
        t.add(0, 5);
        ASSERT_EQ(t.run_all(), 0);
        all.emplace_back(static_cast<char *>(t.chunks[0]->out[0]), 20000 * sizeof(double));
    }
    EXPECT_EQ(all[0], all[1]);
    EXPECT_EQ(all[0], all[2]);
}

TEST(TeamMemory, MoreScratchThanThereIsIsAnError) {
    Job job("items: {csv: a.csv}\nkernel: " + hostile("nan") + "\n");
    Kernel kernel(job, {field("x", SHEAF_FLOAT64)});
    kernel.binding.scratch_bytes = SIZE_MAX - 100;
    struct team *team = nullptr;
    Error error;
    EXPECT_EQ(sheaf_team_open(&team, 2, &kernel.binding, nullptr, nullptr, error), -1);
    EXPECT_HAS(error.text(), "no memory");
    sheaf_team_close(team);
    sheaf_team_close(nullptr);
}
