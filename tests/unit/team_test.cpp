// exec/team: every block once, whoever computes it, written or left to be sent; a broken sink or an early end stops it.
#include "unit/sheaf.h"

#include <cmath>
#include <memory>

using namespace unit;

namespace {

void call(void *context) {
    (*static_cast<std::function<void()> *>(context))();
}

// A kernel over x = index + 0.25, a team for it, and the rows that came out.
struct Team {
    Job job;
    Kernel kernel;
    chunk_shape shape;
    std::unique_ptr<Pool> pool;
    struct sheaf_buffer shared = {};
    struct team_setup setup = {};
    struct team *team = nullptr;
    std::function<double(int64_t)> x = [](int64_t i) { return static_cast<double>(i) + 0.25; };
    Error error;
    /* what thread 0 was given, by item and by block */
    std::vector<uint8_t> status;
    std::vector<int> seen;                      /* how often each block came */
    std::vector<std::string> outputs;           /* each column's bytes */
    std::vector<std::vector<std::string>> said; /* messages of each item */

    Team(const std::string &name, int64_t n_items, int n_threads, struct row_sink *sink = nullptr,
         const std::string &params = "{}", const std::function<void(struct team_setup &)> &change = {})
        : job("items: {csv: a.csv}\nkernel: " + (name == "square_plus" ? name : hostile(name)) + "\nparams: " + params +
              "\n"),
          kernel(job, {field("x", SHEAF_FLOAT64)}) {
        EXPECT_EQ(kernel.rc, 0) << kernel.error.text();
        shape = kernel.shape(n_items);
        pool = std::make_unique<Pool>(sheaf_chunk_most_bytes(&shape, std::min<int64_t>(n_blocks(), 500000)));
        EXPECT_EQ(sheaf_buffer_resize(&shared, kernel.binding.shared_bytes + 1, error), 0);
        memset(shared.data, 0, shared.n_bytes);
        if (kernel.binding.shared_bytes)
            EXPECT_EQ(sheaf_binding_prepare(&kernel.binding, shared.data, error), 0);
        setup.n_threads = n_threads;
        setup.kernel = &kernel.binding;
        setup.shape = &shape;
        setup.shared = kernel.binding.shared_bytes ? shared.data : nullptr;
        setup.pool = pool->get();
        setup.leads = true;
        setup.sink = sink;
        if (change)
            change(setup);
        EXPECT_EQ(sheaf_team_open(&team, &setup, error), 0) << error.text();
        EXPECT_EQ((*pool)->n_threads.load(), n_threads);
        status.assign(static_cast<size_t>(n_items), ITEM_PENDING);
        seen.assign(static_cast<size_t>(n_blocks()), 0);
        said.resize(static_cast<size_t>(n_items));
        for (int c = 0; c < shape.n_outputs; c++)
            outputs.emplace_back(static_cast<size_t>(n_items) * sheaf_field_row_bytes(&shape.outputs[c]), '\0');
    }
    ~Team() {
        sheaf_team_close(team);
        sheaf_buffer_free(&shared);
    }
    Team(const Team &) = delete;
    Team &operator=(const Team &) = delete;

    int64_t n_blocks() const { return (shape.n_items + shape.block - 1) / shape.block; }
    template <typename T> const T *out(int c) const { return reinterpret_cast<const T *>(outputs[c].data()); }

    int run(std::function<void()> talk) { return sheaf_team_run(team, call, &talk, error); }

    // For thread 0: lays out, fills and posts a chunk.
    void post(int seat, span blocks) {
        void *columns[1] = {};
        struct sheaf_buffer input = {};
        input.data = sheaf_pool_data(pool->get(), seat);
        input.capacity = (*pool)->seat_bytes;
        input.fixed = true;
        EXPECT_EQ(sheaf_chunk_layout(&input, &shape, blocks, columns, error), 0) << error.text();
        int64_t first, n;
        sheaf_chunk_items(&shape, blocks, &first, &n);
        for (int64_t i = 0; columns[0] && i < n; i++)
            static_cast<double *>(columns[0])[i] = x(first + i);
        EXPECT_EQ(sheaf_chunk_pack(&input, &shape, error), 0) << error.text();
        sheaf_pool_post(pool->get(), seat, blocks);
    }

    // Takes the parcels that wait, notes their rows and gives them back. How many bytes there were.
    size_t collect() {
        size_t n_bytes = 0, sum = 0;
        struct parcel *parcels = sheaf_team_parcels(team, &n_bytes);
        for (const struct parcel *p = parcels; p; p = p->next) {
            std::vector<const void *> columns(static_cast<size_t>(shape.n_outputs));
            struct rows rows;
            size_t length = 0;
            sheaf_parcel_look(p->data.data, &shape, columns.data(), &rows, &length);
            EXPECT_EQ(length, p->data.n_bytes);
            sum += length;
            for (int64_t b = 0; b < rows.n_blocks; b++)
                seen[static_cast<size_t>(rows.first_block + b)]++;
            for (int64_t i = 0; i < rows.n; i++)
                status[static_cast<size_t>(rows.first + i)] = rows.status[i];
            for (int c = 0; c < shape.n_outputs; c++) {
                size_t row = sheaf_field_row_bytes(&shape.outputs[c]);
                memcpy(outputs[static_cast<size_t>(c)].data() + static_cast<size_t>(rows.first) * row, columns[c],
                       static_cast<size_t>(rows.n) * row);
            }
            for (int64_t k = 0; k < rows.n_failures; k++)
                said[static_cast<size_t>(rows.failures[k].item)].push_back(rows.failures[k].message);
        }
        EXPECT_EQ(n_bytes, sum);
        sheaf_team_return(team, parcels);
        return n_bytes;
    }

    bool broken() { return sheaf_team_broken(team, nullptr); }

    // For thread 0: posts all of the chunks and ends when their last row is there. It sleeps until the team has news,
    // so an event that is missed shows as a test that hangs.
    void feed(const std::vector<span> &chunks, const std::function<void()> &look = {}) {
        size_t next = 0;
        while (!broken()) {
            uint32_t seen_events = sheaf_team_events(team);
            while (next < chunks.size() && sheaf_pool_free_seat(pool->get()) >= 0)
                post(sheaf_pool_free_seat(pool->get()), chunks[next++]);
            if (next == chunks.size() && !(*pool)->closed.load())
                sheaf_pool_close(pool->get());
            bool over = (*pool)->closed.load() && sheaf_pool_untaken(pool->get()) == 0 && sheaf_team_idle(team);
            collect();
            if (look)
                look();
            if (over || broken())
                return;
            sheaf_team_wait(team, seen_events, 600);
        }
    }
    int run_all(const std::vector<span> &chunks) {
        return run([&] { feed(chunks); });
    }
    int run_all() { return run_all({{0, n_blocks()}}); }

    int64_t count(int times) const { return std::count(seen.begin(), seen.end(), times); }
};

class Threads : public testing::TestWithParam<int> {};

std::vector<span> cut(int64_t n_blocks, int64_t step) {
    std::vector<span> chunks;
    for (int64_t b = 0; b < n_blocks; b += step)
        chunks.push_back({b, std::min(step, n_blocks - b)});
    return chunks;
}

// A results file for rows of 'poke', 'fails' and so on.
const std::vector<sheaf_field> POKE = {field("f64", SHEAF_FLOAT64), field("f32", SHEAF_FLOAT32, 2),
                                       field("i64", SHEAF_INT64, 3), field("i32", SHEAF_INT32, 4),
                                       field("u8", SHEAF_UINT8, 5)};

struct Reader {
    struct reader *reader = nullptr;
    explicit Reader(Store &store) {
        Error error;
        EXPECT_EQ(store.close(), 0);
        EXPECT_EQ(sheaf_reader_open(&reader, store.path.c_str(), error), 0) << error.text();
    }
    ~Reader() { sheaf_reader_close(reader); }
    std::vector<uint8_t> status(int64_t n) {
        std::vector<uint8_t> all(static_cast<size_t>(n));
        Error error;
        EXPECT_EQ(sheaf_reader_status(reader, 0, n, all.data(), error), 0);
        return all;
    }
    template <typename T> std::vector<T> column(int c, int64_t n, int64_t width = 1) {
        std::vector<T> all(static_cast<size_t>(n * width));
        Error error;
        EXPECT_EQ(sheaf_reader_range(reader, c, 0, n, all.data(), nullptr, error), 0);
        return all;
    }
};

} // namespace

// ------------------------------------------------------------------------------------------------- rows to be sent

TEST_P(Threads, EveryBlockOfSeveralChunksComesOutOnce) {
    int64_t n_items = 1005;
    Team t("uneven", n_items, GetParam());
    ASSERT_EQ(t.shape.block, 7);
    ASSERT_EQ(t.run_all(cut(t.n_blocks(), 20)), 0) << t.error.text();
    EXPECT_EQ(t.count(1), t.n_blocks());
    for (int64_t i = 0; i < n_items; i++) {
        const double *y = t.out<double>(0) + 3 * i;
        ASSERT_EQ(t.status[static_cast<size_t>(i)], ITEM_DONE);
        ASSERT_EQ(y[0], static_cast<double>(i) + 0.25 + static_cast<double>(i / 7 * 7));
        ASSERT_EQ(y[1], static_cast<double>(i % 7));
        ASSERT_EQ(y[2], static_cast<double>(i));
    }
    EXPECT_FALSE(t.broken());
    struct team_counts counts = sheaf_team_counts(t.team);
    EXPECT_EQ(counts.n_done, 0) << "nothing went through a sink";
    EXPECT_GT(counts.busy_s, 0);
    EXPECT_NEAR(counts.busy_s, 1e-9 * static_cast<double>((*t.pool)->busy_ns.load()), 1e-6 * 1005);
    EXPECT_EQ((*t.pool)->n_finished.load(), t.n_blocks());
}

TEST_P(Threads, FailuresTravelWithTheirRows) {
    Team t("poke", 400, GetParam());
    t.x = [](int64_t i) { return i % 3 == 0 ? 1e9 + static_cast<double>(i) : static_cast<double>(i) + 0.25; };
    ASSERT_EQ(t.run_all(cut(20, 3)), 0) << t.error.text();
    EXPECT_EQ(t.count(1), 20);
    for (size_t i = 0; i < 400; i++) {
        EXPECT_EQ(t.status[i], i % 3 ? ITEM_DONE : ITEM_FAILED);
        ASSERT_EQ(t.said[i].size(), i % 3 ? 0u : 1u) << "item " << i;
        if (i % 3 == 0)
            EXPECT_STARTS(t.said[i][0], "x is 1e+09");
    }
}

TEST_P(Threads, ASerialKernelNeverOverlaps) {
    Team t("impure_serial", 24, GetParam());
    ASSERT_TRUE(t.kernel.binding.serial);
    ASSERT_EQ(t.run_all({{0, 10}, {10, 14}}), 0) << t.error.text();
    for (int64_t i = 0; i < 24; i++) {
        EXPECT_EQ(t.status[static_cast<size_t>(i)], ITEM_DONE) << "two calls overlapped";
        EXPECT_EQ(t.out<double>(0)[i], static_cast<double>(i));
    }
}

TEST_P(Threads, SharedDataIsTheSameForAll) {
    Team t("shared_check", 40, GetParam());
    ASSERT_EQ(t.run_all(), 0);
    EXPECT_EQ(std::count(t.status.begin(), t.status.end(), ITEM_DONE), 40);
}

// Thread 0 sleeps while others compute; an event between looking and sleeping must wake it.
TEST_P(Threads, NoEventIsMissed) {
    Team t("nan", 3000, GetParam());
    ASSERT_EQ(t.run_all(cut(3000, 1)), 0);
    EXPECT_EQ(t.count(1), 3000);
}

// Threads pause when too much waits to be sent, and go on when it is gone.
TEST_P(Threads, ATeamThatPausedGoesOnWhenItsRowsAreTaken) {
    const int64_t n = 400000;
    const size_t most = size_t{32} << 20;
    Team t("nan", n, GetParam());
    (*t.pool)->block_ns = 600000; /* a block a grain: many small parcels */
    size_t each = sheaf_parcel_bytes(&t.shape, 1);
    ASSERT_GT(static_cast<size_t>(n) * each, most + (most >> 2)) << "or the limit is not reached";
    ASSERT_EQ(t.run([&] {
        t.post(0, {0, n});
        sheaf_pool_close(t.pool->get());
        while (static_cast<size_t>((*t.pool)->n_finished.load()) * each <= most) /* until they must pause */
            sheaf_team_wait(t.team, sheaf_team_events(t.team), 1e-3);
        t.feed({});
    }),
              0);
    EXPECT_EQ(t.count(1), n);
}

TEST_P(Threads, NoMoreWaitsThanTheLimit) {
    const int64_t n = 400000;
    const size_t most = size_t{32} << 20;
    Team t("nan", n, GetParam());
    (*t.pool)->block_ns = 600000;
    size_t each = sheaf_parcel_bytes(&t.shape, 1), waited = 0;
    ASSERT_EQ(t.run([&] {
        t.post(0, {0, n});
        sheaf_pool_close(t.pool->get());
        while (static_cast<size_t>((*t.pool)->n_finished.load()) * each <= most)
            sheaf_team_wait(t.team, sheaf_team_events(t.team), 1e-3);
        sheaf_team_wait(t.team, sheaf_team_events(t.team), 0.05);
        size_t n_bytes = 0;
        struct parcel *parcels = sheaf_team_parcels(t.team, &n_bytes);
        waited = n_bytes;
        sheaf_team_wait(t.team, sheaf_team_events(t.team), 0.05); /* what was taken still counts until it is back */
        struct parcel *more = sheaf_team_parcels(t.team, &n_bytes);
        waited += n_bytes;
        sheaf_team_return(t.team, more);
        sheaf_team_return(t.team, parcels);
    }),
              0);
    EXPECT_LE(waited, most + 2 * static_cast<size_t>(GetParam()) * each) << "a parcel for each thread may be beyond";
}

// ------------------------------------------------------------------------------------------- rows that are written

TEST_P(Threads, RowsGoThroughTheSink) {
    Store store("{count: 100}", POKE, 20);
    store.make();
    Team t("poke", 100, GetParam(), &store.results.sink);
    ASSERT_EQ(t.run_all({{0, 2}, {2, 1}, {3, 2}}), 0) << t.error.text();
    EXPECT_EQ(sheaf_team_counts(t.team).n_done, 100);
    EXPECT_EQ(sheaf_team_counts(t.team).n_failed, 0);
    EXPECT_EQ(t.count(0), 5) << "nothing is left to be sent";
    Reader r(store);
    std::vector<uint8_t> status = r.status(100), u8 = r.column<uint8_t>(4, 100, 5);
    std::vector<double> f64 = r.column<double>(0, 100);
    for (size_t i = 0; i < 100; i++) {
        EXPECT_EQ(status[i], ITEM_DONE);
        EXPECT_EQ(f64[i], static_cast<double>(i) + 0.25);
        EXPECT_EQ(u8[5 * i + 4], (10 * i + 4) & 255);
    }
}

TEST_P(Threads, FailuresAreCountedAndRecordedThroughTheSink) {
    Store store("{count: 20}", {field("y", SHEAF_FLOAT64)}, 4);
    store.make();
    Team t("fails", 20, GetParam(), &store.results.sink);
    t.x = [](int64_t i) { return i == 2 ? -1 : i == 9 ? 13 : static_cast<double>(i) + 0.25; }; /* 9: all of 8 to 11 */
    ASSERT_EQ(t.run_all(), 0);
    EXPECT_EQ(sheaf_team_counts(t.team).n_done, 15);
    EXPECT_EQ(sheaf_team_counts(t.team).n_failed, 5);
    EXPECT_EQ(t.count(0), 5);
    Reader r(store);
    std::vector<uint8_t> status = r.status(20);
    std::vector<double> y = r.column<double>(0, 20);
    for (int i = 0; i < 20; i++) {
        bool failed = i == 2 || (i >= 8 && i < 12);
        EXPECT_EQ(status[static_cast<size_t>(i)], failed ? ITEM_FAILED : ITEM_DONE);
        EXPECT_EQ(std::isnan(y[static_cast<size_t>(i)]), failed);
        EXPECT_EQ(std::string(sheaf_reader_message(r.reader, i)).empty(), !failed);
    }
    EXPECT_STREQ(sheaf_reader_message(r.reader, 8), "item 9 is unlucky");
}

// A rank that writes its rows itself leaves those with messages to rank 0, which keeps the table of errors.
TEST_P(Threads, BlocksWithFailuresAreSentWhereOneRankKeepsTheMessages) {
    Store store("{count: 40}", {field("y", SHEAF_FLOAT64)}, 4);
    store.make();
    Team t("fails", 40, GetParam(), &store.results.sink, "{}",
           [](struct team_setup &setup) { setup.messages = MESSAGES_SENT; });
    (*t.pool)->block_ns = 600000; /* a block a grain */
    t.x = [](int64_t i) { return i == 2 || i == 30 ? -1 : i == 9 ? 13 : static_cast<double>(i) + 0.25; };
    ASSERT_EQ(t.run_all(), 0);
    EXPECT_EQ(sheaf_team_counts(t.team).n_done, 28);
    EXPECT_EQ(sheaf_team_counts(t.team).n_failed, 0) << "whoever writes them counts them";
    EXPECT_EQ(store.results.sink.n_failures.load(), 0) << "no row of the table is used here";
    for (int64_t b = 0; b < 10; b++)
        EXPECT_EQ(t.seen[static_cast<size_t>(b)], b == 0 || b == 2 || b == 7 ? 1 : 0);
    EXPECT_EQ(t.said[9][0], "item 9 is unlucky");
    EXPECT_EQ(t.out<double>(0)[3], 3.25) << "all rows of the block came";
    Reader r(store);
    std::vector<uint8_t> status = r.status(40);
    for (int64_t i = 0; i < 40; i++)
        EXPECT_EQ(status[static_cast<size_t>(i)], i / 4 == 0 || i / 4 == 2 || i / 4 == 7 ? ITEM_PENDING : ITEM_DONE);
}

// Once the table is full there is nothing that the other rank could keep of them.
TEST_P(Threads, BlocksWithFailuresAreWrittenWhenTheTableIsFull) {
    Store store("{count: 40}", {field("y", SHEAF_FLOAT64)}, 4);
    store.make();
    store.results.sink.layout.most_failures = 3;
    Team t("fails", 40, GetParam(), &store.results.sink, "{}",
           [](struct team_setup &setup) { setup.messages = MESSAGES_SENT_FIRST; });
    (*t.pool)->block_ns = 600000; /* a block a grain */
    t.x = [](int64_t i) { return i % 4 == 1 ? -1 : static_cast<double>(i) + 0.25; };
    ASSERT_EQ(t.run_all(), 0);
    EXPECT_EQ(sheaf_team_counts(t.team).n_failed, 7) << "of ten blocks three were sent";
    Reader r(store);
    std::vector<uint8_t> status = r.status(40);
    int n_sent = 0;
    for (size_t b = 0; b < 10; b++) {
        n_sent += t.seen[b];
        for (size_t k = 0; k < 4; k++)
            EXPECT_EQ(status[4 * b + k], t.seen[b] ? ITEM_PENDING : k == 1 ? ITEM_FAILED : ITEM_DONE) << b;
    }
    EXPECT_EQ(n_sent, 3);
}

TEST_P(Threads, ASinkThatCannotBeWrittenBreaksTheTeam) {
    Store store("{count: 1000}", {field("y", SHEAF_FLOAT64)}, 1);
    store.make();
    int fd = store.results.sink.fd;
    store.results.sink.fd = open("/dev/null", O_RDONLY);
    {
        Team t("nan", 1000, GetParam(), &store.results.sink);
        ASSERT_EQ(t.run_all(cut(1000, 100)), 0);
        Error error;
        EXPECT_TRUE(sheaf_team_broken(t.team, error));
        EXPECT_HAS(error.text(), "cannot write");
        EXPECT_EQ(error.error.exit, SHEAF_EXIT_ENVIRONMENT);
        EXPECT_EQ(sheaf_team_counts(t.team).n_done, 0) << "what was not written is not done";
    }
    close(store.results.sink.fd);
    store.results.sink.fd = fd;
}

// ---------------------------------------------------------------------------------- inputs that change under way

namespace {

// A file that stands for a mapped input, and its stamp when the run began.
struct Input {
    Folder folder;
    std::string path = folder.write("in.h5", "what was mapped");
    struct sheaf_stamp stamp;
    Input() {
        Error error;
        EXPECT_EQ(sheaf_stamp_take(&stamp, path.c_str(), error), 0);
    }
    void change() const { folder.write("in.h5", "something else, and longer"); }
};

} // namespace

TEST_P(Threads, AnInputThatChangesBreaksTheTeamBeforeItsValuesAreUsed) {
    Input input;
    Store store("{count: 2000}", {field("y", SHEAF_FLOAT64)}, 1);
    store.make();
    Team t("slow", 2000, GetParam(), &store.results.sink, "{ms: 1}", [&](struct team_setup &setup) {
        setup.input = input.path.c_str();
        setup.stamp = &input.stamp;
    });
    int64_t most_done = -1;
    ASSERT_EQ(t.run([&] {
        t.post(0, {0, 2000});
        while (sheaf_team_counts(t.team).n_done < 5)
            sheaf_team_wait(t.team, sheaf_team_events(t.team), 1e-3);
        input.change();
        most_done = (*t.pool)->n_finished.load(); /* a grain that was finished may have been looked at before */
        while (!t.broken())
            sheaf_team_wait(t.team, sheaf_team_events(t.team), 1e-3);
    }),
              0);
    Error error;
    ASSERT_TRUE(sheaf_team_broken(t.team, error));
    EXPECT_STARTS(error.text(), input.path + ": was changed while the run used it");
    EXPECT_EQ(error.error.exit, SHEAF_EXIT_ENVIRONMENT);
    EXPECT_LE(sheaf_team_counts(t.team).n_done, most_done);
    Reader r(store);
    std::vector<uint8_t> status = r.status(2000);
    EXPECT_EQ(std::count(status.begin(), status.end(), ITEM_DONE), sheaf_team_counts(t.team).n_done);
}

TEST_P(Threads, AnInputOnAServerIsLookedAtNowAndThen) {
    Input input;
    Team t("nan", 1000, GetParam(), nullptr, "{}", [&](struct team_setup &setup) {
        setup.input = input.path.c_str();
        setup.stamp = &input.stamp;
        setup.check_s = 3600; /* after the first grain, and in an hour */
    });
    ASSERT_EQ(t.run([&] {
        t.post(0, {0, 10});
        while ((*t.pool)->n_finished.load() < 10 || !sheaf_team_idle(t.team))
            sheaf_team_wait(t.team, sheaf_team_events(t.team), 1e-3);
        input.change();
        t.feed({{10, 990}});
    }),
              0);
    EXPECT_FALSE(t.broken());
    EXPECT_EQ(t.count(1), 1000);
}

// ------------------------------------------------------------------------------------------------- ending early

TEST_P(Threads, TheTeamStopsWhenThreadZeroLeaves) {
    Team t("slow", 2000, GetParam(), nullptr, "{ms: 1}");
    ASSERT_EQ(t.run([&] { t.post(0, {0, 2000}); }), 0);
    t.collect(); /* no thread is at work any more */
    EXPECT_GT(t.count(0), 0);
    EXPECT_EQ(t.count(0) + t.count(1), 2000);
    EXPECT_EQ(t.count(1), (*t.pool)->n_finished.load()) << "no grain is half finished";
    for (int64_t i = 0; i < 2000; i++)
        if (t.seen[static_cast<size_t>(i)])
            EXPECT_EQ(t.out<double>(0)[i], 2 * (static_cast<double>(i) + 0.25) + 1);
}

TEST_P(Threads, DrainingFinishesGrainsAndBeginsNoMore) {
    Team t("slow", 2000, GetParam(), nullptr, "{ms: 1}");
    ASSERT_EQ(t.run([&] {
        t.post(0, {0, 2000});
        while ((*t.pool)->n_finished.load() == 0)
            sheaf_team_wait(t.team, sheaf_team_events(t.team), 1e-3);
        sheaf_team_drain(t.team);
        for (;;) {
            uint32_t seen = sheaf_team_events(t.team);
            if (sheaf_team_idle(t.team))
                break;
            sheaf_team_wait(t.team, seen, 600);
        }
        t.collect();
        int64_t untaken = sheaf_pool_untaken(t.pool->get());
        EXPECT_GT(untaken, 0);
        EXPECT_EQ(t.count(1) + untaken, 2000) << "idle means that no grain is at work";
        sheaf_pool_post(t.pool->get(), sheaf_pool_free_seat(t.pool->get()), {0, 1}); /* also of new chunks */
        EXPECT_EQ(sheaf_pool_untaken(t.pool->get()), untaken + 1);
    }),
              0);
    int64_t before = t.count(1);
    t.collect();
    EXPECT_EQ(t.count(1), before);
    EXPECT_EQ(t.count(0) + t.count(1), 2000);
}

TEST_P(Threads, DrainingWithNothingToDoIsIdle) {
    Team t("nan", 10, GetParam());
    ASSERT_EQ(t.run([&] {
        sheaf_team_drain(t.team);
        for (;;) {
            uint32_t seen = sheaf_team_events(t.team);
            if (sheaf_team_idle(t.team))
                break;
            sheaf_team_wait(t.team, seen, 600);
        }
    }),
              0);
}

TEST_P(Threads, NothingToDoEnds) {
    Team t("nan", 10, GetParam());
    bool talked = false;
    ASSERT_EQ(t.run([&] { talked = true; }), 0);
    EXPECT_TRUE(talked);
    Team closed("nan", 10, GetParam());
    ASSERT_EQ(closed.run_all(std::vector<span>{}), 0);
    EXPECT_EQ(closed.count(0), 10);
}

// The leader asks for more when threads are hungry or little is left: it must be told of both.
TEST_P(Threads, ThreadZeroIsWokenWhenLittleIsLeftAndWhenThreadsAreHungry) {
    Team t("slow", 200, GetParam(), nullptr, "{ms: 1}");
    ASSERT_EQ(t.run([&] {
        (*t.pool)->low = 50;
        (*t.pool)->block_ns = 1000000;
        t.post(0, {0, 100});
        for (;;) {
            uint32_t seen = sheaf_team_events(t.team);
            if (sheaf_pool_untaken(t.pool->get()) < 50)
                break;
            sheaf_team_wait(t.team, seen, 600);
        }
        for (;;) {
            uint32_t seen = sheaf_team_events(t.team);
            if ((*t.pool)->n_hungry.load() == GetParam())
                break;
            sheaf_team_wait(t.team, seen, 600);
        }
        EXPECT_EQ((*t.pool)->n_finished.load(), 100);
        t.feed({{100, 100}});
    }),
              0);
    EXPECT_EQ(t.count(1), 200);
}

INSTANTIATE_TEST_SUITE_P(Team, Threads, testing::Values(1, 2, 8));

TEST(TeamResults, AreTheSameBytesForEveryNumberOfThreads) {
    std::vector<std::string> all;
    for (int n_threads : {1, 2, 8}) {
        Team t("square_plus", 20000, n_threads);
        ASSERT_EQ(t.run_all(cut(t.n_blocks(), n_threads)), 0);
        EXPECT_EQ(t.count(1), t.n_blocks());
        all.push_back(t.outputs[0]);
    }
    EXPECT_EQ(all[0], all[1]);
    EXPECT_EQ(all[0], all[2]);
}

// Two teams, as two ranks of a node, draw from one pool; only one of them leads.
TEST(TeamResults, TwoTeamsShareAPool) {
    Team leader("uneven", 7000, 2);
    Team other("uneven", 7000, 2, nullptr, "{}", [&](struct team_setup &setup) { setup.leads = false; });
    struct team_setup setup = leader.setup;
    setup.leads = false;
    struct team *second = nullptr;
    Error error;
    sheaf_team_close(other.team);
    other.team = nullptr;
    ASSERT_EQ(sheaf_team_open(&second, &setup, error), 0);
    other.team = second;
    EXPECT_EQ((*leader.pool)->n_threads.load(), 4);
    std::atomic<bool> over{false};
    pthread_t thread;
    std::function<void()> follow = [&] {
        EXPECT_EQ(other.run([&] {
            while (!over.load()) {
                other.collect();
                sheaf_team_wait(second, sheaf_team_events(second), 1e-3);
            }
        }),
                  0);
    };
    ASSERT_EQ(pthread_create(
                  &thread, nullptr,
                  [](void *context) -> void * {
                      call(context);
                      return nullptr;
                  },
                  &follow),
              0);
    EXPECT_EQ(leader.run([&] {
        leader.feed(cut(1000, 100));
        while ((*leader.pool)->n_finished.load() < 1000) /* the other team's last grains */
            sheaf_team_wait(leader.team, sheaf_team_events(leader.team), 1e-3);
    }),
              0);
    over = true;
    pthread_join(thread, nullptr);
    other.collect();
    for (size_t b = 0; b < 1000; b++)
        ASSERT_EQ(leader.seen[b] + other.seen[b], 1) << b;
}

TEST(TeamMemory, MoreScratchThanThereIsIsAnError) {
    Job job("items: {csv: a.csv}\nkernel: " + hostile("nan") + "\n");
    Kernel kernel(job, {field("x", SHEAF_FLOAT64)});
    kernel.binding.scratch_bytes = SIZE_MAX - 100;
    chunk_shape shape = kernel.shape(10);
    Pool pool;
    struct team_setup setup = {};
    setup.n_threads = 2;
    setup.kernel = &kernel.binding;
    setup.shape = &shape;
    setup.pool = pool.get();
    struct team *team = nullptr;
    Error error;
    EXPECT_EQ(sheaf_team_open(&team, &setup, error), -1);
    EXPECT_HAS(error.text(), "no memory");
    sheaf_team_close(team);
    sheaf_team_close(nullptr);
}
