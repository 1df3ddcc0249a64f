// plan/row_sink: bytes land at their offsets, what is outside the window is left alone, the status comes last.
#include <set>

#include "unit/sheaf.h"

#include <random>

using namespace unit;

namespace {

enum { N_ITEMS = 20, BLOCK = 5, MOST = 3 };

// A file laid out by hand: 64 bytes of head, a float64 column, an int32[2] column, seconds, status, failures.
struct Sink {
    Folder folder;
    std::string path;
    struct row_sink sink = {};
    row_column columns[2] = {{64, 8}, {64 + 8 * N_ITEMS, 8}};
    static constexpr size_t SECONDS = 64 + 16 * N_ITEMS, STATUS = SECONDS + 4 * 4, ITEM = STATUS + N_ITEMS;
    static constexpr size_t MESSAGE = ITEM + 8 * MOST, END = MESSAGE + FAILURE_BYTES * MOST;

    explicit Sink(int flags = O_RDWR) : path(folder.write("out.h5", std::string(END, '\xee'))) {
        sink.fd = open(path.c_str(), flags);
        sink.path = "out.h5";
        sink.layout.n_columns = 2;
        sink.layout.columns = columns;
        sink.layout.seconds_offset = SECONDS;
        sink.layout.status_offset = STATUS;
        sink.layout.failure_item_offset = ITEM;
        sink.layout.failure_message_offset = MESSAGE;
        sink.layout.most_failures = MOST;
    }
    ~Sink() {
        if (sink.fd >= 0)
            close(sink.fd);
    }

    void ask(std::vector<struct span> spans) {
        spans_ = std::move(spans);
        asked_ = {static_cast<int>(spans_.size()), spans_.data()};
        sink.asked = &asked_;
    }
    std::vector<struct span> spans_;
    struct asked asked_ = {};

    template <typename T> T at(size_t offset) const {
        T value;
        memcpy(&value, read_bytes(path).data() + offset, sizeof value);
        return value;
    }
    std::string status() const { return read_bytes(path).substr(STATUS, N_ITEMS); }
    bool untouched(size_t offset, size_t n) const {
        return read_bytes(path).substr(offset, n) == std::string(n, '\xee');
    }
};

// Rows first … first + n - 1 with values that tell their item.
struct Rows {
    std::vector<double> a;
    std::vector<int32_t> b;
    std::vector<uint8_t> status;
    std::vector<float> seconds;
    std::vector<struct failure> failures;
    const void *columns[2];
    struct rows rows = {};

    Rows(int64_t first, int64_t n) {
        for (int64_t i = first; i < first + n; i++) {
            a.push_back(static_cast<double>(i) + 0.5);
            b.push_back(static_cast<int32_t>(10 * i));
            b.push_back(static_cast<int32_t>(10 * i + 1));
            status.push_back(ITEM_DONE);
        }
        for (int64_t k = first / BLOCK; k < (first + n + BLOCK - 1) / BLOCK; k++)
            seconds.push_back(static_cast<float>(k) + 0.25F);
        rows.first = first;
        rows.n = n;
        rows.first_block = first / BLOCK;
        rows.n_blocks = static_cast<int64_t>(seconds.size());
    }

    void fail(int64_t item, const char *message) {
        struct failure failure = {item, {}};
        snprintf(failure.message, FAILURE_BYTES, "%s", message);
        failures.push_back(failure);
        if (item >= rows.first && item < rows.first + rows.n)
            status[static_cast<size_t>(item - rows.first)] = ITEM_FAILED;
    }

    const struct rows *get() {
        columns[0] = a.data();
        columns[1] = b.data();
        rows.columns = columns;
        rows.status = status.data();
        rows.seconds = seconds.data();
        rows.n_failures = static_cast<int64_t>(failures.size());
        rows.failures = failures.data();
        return &rows;
    }
};

} // namespace

TEST(RowSink, BytesLandAtTheirOffsets) {
    Sink s;
    Rows rows(5, 10);
    Error error;
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, rows.get(), nullptr, error), 0) << error.text();
    EXPECT_TRUE(s.untouched(0, 64));
    for (int64_t i = 0; i < N_ITEMS; i++) {
        size_t k = static_cast<size_t>(i);
        bool written = i >= 5 && i < 15;
        if (!written) {
            EXPECT_TRUE(s.untouched(64 + 8 * k, 8));
            EXPECT_TRUE(s.untouched(64 + 8 * N_ITEMS + 8 * k, 8));
            EXPECT_TRUE(s.untouched(Sink::STATUS + k, 1));
        } else {
            EXPECT_EQ(s.at<double>(64 + 8 * k), static_cast<double>(i) + 0.5);
            EXPECT_EQ(s.at<int32_t>(64 + 8 * N_ITEMS + 8 * k), 10 * i);
            EXPECT_EQ(s.at<int32_t>(64 + 8 * N_ITEMS + 8 * k + 4), 10 * i + 1);
            EXPECT_EQ(s.at<uint8_t>(Sink::STATUS + k), ITEM_DONE);
        }
    }
    EXPECT_TRUE(s.untouched(Sink::SECONDS, 4));
    EXPECT_EQ(s.at<float>(Sink::SECONDS + 4), 1.25F);
    EXPECT_EQ(s.at<float>(Sink::SECONDS + 8), 2.25F);
    EXPECT_TRUE(s.untouched(Sink::SECONDS + 12, 4));
    EXPECT_TRUE(s.untouched(Sink::ITEM, Sink::END - Sink::ITEM));
}

// A block that was not begun, since the run was to end, keeps the seconds that it took before.
TEST(RowSink, SecondsOfABlockThatWasLeftStay) {
    Sink s;
    Rows rows(0, 15);
    Error error;
    rows.seconds[1] = 0;
    std::fill(rows.status.begin() + 5, rows.status.begin() + 10, ITEM_PENDING);
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, rows.get(), nullptr, error), 0) << error.text();
    EXPECT_EQ(s.at<float>(Sink::SECONDS), 0.25F);
    EXPECT_TRUE(s.untouched(Sink::SECONDS + 4, 4));
    EXPECT_EQ(s.at<float>(Sink::SECONDS + 8), 2.25F);
}

TEST(RowSink, ItemsOutsideTheWindowAreLeftAlone) {
    for (auto [begin, end] : {std::pair{7, 12}, {0, 6}, {14, 20}, {0, 5}, {15, 20}, {10, 10}}) {
        Sink s;
        s.ask({{begin, end - begin}});
        Rows rows(5, 10);
        Error error;
        ASSERT_EQ(sheaf_row_sink_write(&s.sink, rows.get(), nullptr, error), 0) << error.text();
        for (int i = 0; i < N_ITEMS; i++) {
            size_t k = static_cast<size_t>(i);
            if (i >= 5 && i < 15 && i >= begin && i < end) {
                EXPECT_EQ(s.at<double>(64 + 8 * k), i + 0.5);
                EXPECT_EQ(s.at<int32_t>(64 + 8 * N_ITEMS + 8 * k + 4), 10 * i + 1);
                EXPECT_EQ(s.at<uint8_t>(Sink::STATUS + k), ITEM_DONE);
            } else {
                EXPECT_TRUE(s.untouched(64 + 8 * k, 8)) << i;
                EXPECT_TRUE(s.untouched(64 + 8 * N_ITEMS + 8 * k, 8)) << i;
                EXPECT_TRUE(s.untouched(Sink::STATUS + k, 1)) << i;
            }
        }
    }
}

TEST(RowSink, OnlyTheItemsOfAListAreWrittenAndCounted) {
    Sink s;
    s.ask({{6, 1}, {8, 3}, {13, 1}, {17, 2}});
    Rows rows(5, 10);
    rows.fail(7, "not asked for");
    rows.fail(9, "asked for");
    Error error;
    struct row_counts counts = {};
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, rows.get(), &counts, error), 0) << error.text();
    const std::set<int> wanted = {6, 8, 9, 10, 13};
    for (int i = 0; i < N_ITEMS; i++) {
        const size_t k = static_cast<size_t>(i);
        EXPECT_EQ(s.untouched(64 + 8 * k, 8), !wanted.contains(i)) << i;
        EXPECT_EQ(s.untouched(64 + 8 * N_ITEMS + 8 * k, 8), !wanted.contains(i)) << i;
        EXPECT_EQ(s.untouched(Sink::STATUS + k, 1), !wanted.contains(i)) << i;
        if (wanted.contains(i)) {
            EXPECT_EQ(s.at<double>(64 + 8 * k), i + 0.5);
            EXPECT_EQ(s.at<uint8_t>(Sink::STATUS + k), i == 9 ? ITEM_FAILED : ITEM_DONE);
        }
    }
    EXPECT_EQ(s.sink.n_failures.load(), 1);
    EXPECT_EQ(s.at<int64_t>(Sink::ITEM), 9);
    EXPECT_EQ(counts.n_done, 4);
    EXPECT_EQ(counts.n_failed, 1);
}

TEST(RowSink, FailuresGoIntoTheTableUpToItsEnd) {
    Sink s;
    Rows rows(0, 10);
    for (int i = 0; i < 5; i++)
        rows.fail(2 * i, ("message " + std::to_string(i)).c_str());
    Error error;
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, rows.get(), nullptr, error), 0) << error.text();
    for (size_t k = 0; k < MOST; k++) {
        EXPECT_EQ(s.at<int64_t>(Sink::ITEM + 8 * k), static_cast<int64_t>(2 * k));
        EXPECT_EQ(std::string(read_bytes(s.path).data() + Sink::MESSAGE + FAILURE_BYTES * k),
                  "message " + std::to_string(k));
    }
    EXPECT_EQ(read_bytes(s.path).size(), +Sink::END) << "nothing behind the table";
    EXPECT_EQ(s.sink.n_failures.load(), 5) << "those without room are counted";
    for (int i = 0; i < 10; i++)
        EXPECT_EQ(s.status()[static_cast<size_t>(i)], i % 2 ? ITEM_DONE : ITEM_FAILED) << "the status tells of all";
}

TEST(RowSink, FailuresOutsideTheWindowAreNotRecorded) {
    Sink s;
    s.ask({{3, 3}});
    Rows rows(0, 10);
    rows.fail(2, "before");
    rows.fail(4, "inside");
    rows.fail(6, "behind");
    Error error;
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, rows.get(), nullptr, error), 0);
    EXPECT_EQ(s.sink.n_failures.load(), 1);
    EXPECT_EQ(s.at<int64_t>(Sink::ITEM), 4);
}

TEST(RowSink, LaterFailuresFollowEarlierOnes) {
    Sink s;
    Error error;
    Rows first(0, 5), second(5, 5);
    first.fail(1, "one");
    second.fail(7, "seven");
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, first.get(), nullptr, error), 0);
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, second.get(), nullptr, error), 0);
    EXPECT_EQ(s.at<int64_t>(Sink::ITEM), 1);
    EXPECT_EQ(s.at<int64_t>(Sink::ITEM + 8), 7);
}

TEST(RowSink, AFileThatCannotBeWrittenIsAnErrorThatNamesIt) {
    Sink readonly(O_RDONLY), closed;
    close(closed.sink.fd);
    closed.sink.fd = -1;
    for (Sink *s : {&readonly, &closed}) {
        Rows rows(0, 10);
        Error error;
        EXPECT_EQ(sheaf_row_sink_write(&s->sink, rows.get(), nullptr, error), -1);
        EXPECT_STARTS(error.text(), "out.h5: cannot write");
        EXPECT_EQ(error.error.exit, SHEAF_EXIT_ENVIRONMENT);
        EXPECT_TRUE(s->untouched(0, Sink::END));
    }
}

TEST(RowSink, ARowIsNotMarkedDoneWhenItsValuesCouldNotBeWritten) {
    Sink s;
    s.columns[1].offset = (1 << 20) - 24; /* three rows fit before the disk is full; the status would too */
    Rows rows(0, 10);
    Error error;
    int rc;
    {
        FullDisk full(1 << 20);
        rc = sheaf_row_sink_write(&s.sink, rows.get(), nullptr, error);
    }
    EXPECT_EQ(rc, -1);
    EXPECT_HAS(error.text(), "out.h5: cannot write");
    EXPECT_HAS(error.text(), "too large");
    EXPECT_TRUE(s.untouched(Sink::STATUS, N_ITEMS));
}

TEST(RowSink, CountsWhatIsInsideTheWindow) {
    Sink s;
    s.ask({{2, 7}});
    Rows rows(0, 10);
    rows.fail(0, "outside");
    rows.fail(3, "inside");
    rows.status[4] = ITEM_TIMED_OUT;
    rows.status[5] = ITEM_CRASHED;
    struct row_counts counts = {100, 10};
    Error error;
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, rows.get(), &counts, error), 0) << error.text();
    EXPECT_EQ(counts.n_done, 100 + 4);
    EXPECT_EQ(counts.n_failed, 10 + 3);
}

// Items 0 … 4 and 10 … 14 were done, or failed, before; some of them have a status that is not yet safe.
TEST(RowSink, WhatWasDoneBeforeKeepsEveryByte) {
    for (bool trusted : {true, false}) {
        Sink s;
        Error error;
        std::string before(N_ITEMS, ITEM_PENDING);
        before.replace(0, 5, std::string{ITEM_DONE, ITEM_FAILED, ITEM_DONE, ITEM_CRASHED, ITEM_DONE});
        before[10] = before[14] = static_cast<char>(ITEM_DONE | ITEM_UNSAFE);
        ASSERT_EQ(pwrite(s.sink.fd, before.data(), before.size(), Sink::STATUS), N_ITEMS);
        s.sink.mixed = true;
        s.sink.trusted = trusted;
        Rows rows(0, 20);
        rows.fail(0, "was done before");
        rows.fail(7, "was pending");
        rows.status[8] = ITEM_PENDING; // given back
        struct row_counts counts = {};
        ASSERT_EQ(sheaf_row_sink_write(&s.sink, rows.get(), &counts, error), 0) << error.text();
        std::string after = before;
        for (size_t i = 5; i < N_ITEMS; i++) {
            const bool kept = i == 8 || ((i == 10 || i == 14) && trusted);
            after[i] = kept ? before[i] : static_cast<char>(i == 7 ? ITEM_FAILED : ITEM_DONE);
            EXPECT_EQ(s.untouched(64 + 8 * i, 8), kept) << i;
            EXPECT_EQ(s.untouched(64 + 8 * N_ITEMS + 8 * i, 8), kept) << i;
        }
        EXPECT_EQ(s.status(), after);
        EXPECT_TRUE(s.untouched(64, 5 * 8));
        EXPECT_EQ(s.at<int64_t>(Sink::ITEM), 7) << "the message of an item that was done is not kept";
        EXPECT_TRUE(s.untouched(Sink::ITEM + 8, 8));
        EXPECT_EQ(counts.n_failed, 1);
        EXPECT_EQ(counts.n_done, trusted ? 11 : 13);
    }
}

TEST(RowSink, StatusValuesAreThoseOfTheFormat) {
    EXPECT_EQ(ITEM_PENDING, 0);
    EXPECT_EQ(ITEM_DONE, 1);
    EXPECT_EQ(ITEM_FAILED, 2);
    EXPECT_EQ(ITEM_TIMED_OUT, 3);
    EXPECT_EQ(ITEM_CRASHED, 4);
    EXPECT_EQ(ITEM_SKIPPED, 5);
}

// ----------------------------------------------------------------- statuses that wait until their rows are safe

// On a disk of this machine a status is there at once, and says that its row is not safe yet.
TEST(Ledger, StatusesAreUnsafeUntilTheFlush) {
    Sink s;
    Error error;
    ASSERT_EQ(sheaf_ledger_open(&s.sink.ledger, error), 0);
    Rows first(0, 5), second(10, 10);
    second.fail(12, "no");
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, first.get(), nullptr, error), 0) << error.text();
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, second.get(), nullptr, error), 0) << error.text();
    EXPECT_EQ(s.status(), std::string(5, '\x81') + std::string(5, '\xee') + "\x81\x81\x82" + std::string(7, '\x81'));
    ASSERT_EQ(sheaf_row_sink_flush(&s.sink, error), 0) << error.text();
    EXPECT_EQ(s.status(), std::string(5, '\1') + std::string(5, '\xee') + "\1\1\2" + std::string(7, '\1'));
    sheaf_ledger_close(s.sink.ledger);
}

TEST(Status, WhatIsUnsafeCountsWhereItIsTrusted) {
    const std::vector<uint8_t> stored = {0, 1, 0x81, 0x82, 2, 0x85, 0};
    std::vector<uint8_t> status = stored;
    EXPECT_EQ(sheaf_status_judge(status.data(), 7, true), 3);
    EXPECT_EQ(status, (std::vector<uint8_t>{0, 1, 1, 2, 2, 5, 0}));
    status = stored;
    EXPECT_EQ(sheaf_status_judge(status.data(), 7, false), 3);
    EXPECT_EQ(status, (std::vector<uint8_t>{0, 1, 0, 0, 2, 0, 0}));
    EXPECT_EQ(sheaf_status_judge(status.data(), 7, false), 0);
}

// Eight are looked at at a time: any length, and wherever they begin.
TEST(Status, AsOneByOne) {
    std::mt19937 random(5);
    for (int trial = 0; trial < 2000; trial++) {
        const size_t from = random() % 9, n = random() % 70;
        std::vector<uint8_t> status(from + n), marked(n), expected_safe(n), expected_pending(n);
        int64_t n_unsafe = 0;
        for (uint8_t &s : status)
            s = static_cast<uint8_t>((random() % 6) | (random() % 2 ? 0x80 : 0));
        for (size_t i = 0; i < n; i++) {
            const uint8_t s = status[from + i];
            n_unsafe += s >= 0x80;
            expected_safe[i] = s % 0x80;
            expected_pending[i] = s >= 0x80 ? 0 : s;
        }
        sheaf_status_mark_unsafe(status.data() + from, static_cast<int64_t>(n), marked.data());
        for (size_t i = 0; i < n; i++)
            ASSERT_EQ(marked[i], status[from + i] == ITEM_SKIPPED ? ITEM_SKIPPED : expected_safe[i] + 0x80);
        std::vector<uint8_t> copy = status;
        ASSERT_EQ(sheaf_status_judge(copy.data() + from, static_cast<int64_t>(n), true), n_unsafe);
        ASSERT_TRUE(std::equal(expected_safe.begin(), expected_safe.end(), copy.begin() + static_cast<long>(from)));
        copy = status;
        ASSERT_EQ(sheaf_status_judge(copy.data() + from, static_cast<int64_t>(n), false), n_unsafe);
        ASSERT_TRUE(
            std::equal(expected_pending.begin(), expected_pending.end(), copy.begin() + static_cast<long>(from)));
    }
}

TEST(Ledger, StatusesComeWithTheFlush) {
    Sink s;
    Error error;
    s.sink.waits = true;
    ASSERT_EQ(sheaf_ledger_open(&s.sink.ledger, error), 0);
    Rows first(0, 5), second(10, 10);
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, first.get(), nullptr, error), 0) << error.text();
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, second.get(), nullptr, error), 0) << error.text();
    EXPECT_DOUBLE_EQ(s.at<double>(64 + 8 * 10), 10.5) << "rows are written at once";
    EXPECT_TRUE(s.untouched(Sink::STATUS, N_ITEMS)) << "and not marked done";
    ASSERT_EQ(sheaf_row_sink_flush(&s.sink, error), 0) << error.text();
    EXPECT_EQ(s.status(), std::string(5, '\1') + std::string(5, '\xee') + std::string(10, '\1'));
    EXPECT_EQ(sheaf_ledger_bytes(s.sink.ledger), 0u);
    sheaf_ledger_close(s.sink.ledger);
}

// The kernel says once that it could not write, and keeps as clean what it could not.
TEST(Ledger, ASyncThatFailedIsNotForgotten) {
    int ends[2];
    Error error;
    Sink s;
    s.sink.layout.boot_offset = 64 + 8 * N_ITEMS; // where this file has room
    static_assert(16 * N_ITEMS >= BOOT_BYTES);
    ASSERT_EQ(pipe2(ends, O_NONBLOCK), 0);
    ASSERT_EQ(sheaf_ledger_open(&s.sink.ledger, error), 0);
    Rows before(0, 5), after(10, 5);
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, before.get(), nullptr, error), 0) << error.text();
    std::swap(s.sink.fd, ends[1]);
    EXPECT_EQ(sheaf_row_sink_flush(&s.sink, error), -1);
    std::swap(s.sink.fd, ends[1]);
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, after.get(), nullptr, error), 0) << error.text();
    EXPECT_EQ(sheaf_row_sink_flush(&s.sink, error), -1) << "this sync itself would succeed";
    EXPECT_HAS(error.text(), "out.h5: could not be synced");
    EXPECT_EQ(s.status(),
              std::string(5, '\x81') + std::string(5, '\xee') + std::string(5, '\x81') + std::string(5, '\xee'));
    sheaf_row_sink_distrust(&s.sink);
    EXPECT_EQ(read_bytes(s.path).substr(static_cast<size_t>(s.sink.layout.boot_offset), BOOT_BYTES),
              std::string(BOOT_BYTES, '\0'));
    sheaf_ledger_close(s.sink.ledger);
    close(ends[0]);
    close(ends[1]);
}

// A descriptor that takes writes and cannot be synced: a pipe.
TEST(Ledger, NothingIsMarkedDoneWhenItsRowsCouldNotBeSynced) {
    int ends[2];
    Error error;
    const uint8_t done[3] = {1, 1, 1};
    Sink s;
    s.sink.waits = true;
    ASSERT_EQ(pipe2(ends, O_NONBLOCK), 0);
    ASSERT_EQ(sheaf_ledger_open(&s.sink.ledger, error), 0);
    ASSERT_EQ(sheaf_ledger_add(s.sink.ledger, 0, 3, done, error), 0);
    std::swap(s.sink.fd, ends[1]);
    EXPECT_EQ(sheaf_row_sink_flush(&s.sink, error), -1);
    EXPECT_HAS(error.text(), "out.h5: cannot sync");
    char byte;
    EXPECT_EQ(read(ends[0], &byte, 1), -1) << "nothing was written";
    std::swap(s.sink.fd, ends[1]);
    sheaf_ledger_close(s.sink.ledger);
    close(ends[0]);
    close(ends[1]);
}

TEST(Ledger, IsFullBeforeItTakesMuchMemory) {
    Sink s;
    Error error;
    std::vector<uint8_t> done(1 << 20, ITEM_DONE);
    s.sink.waits = true;
    ASSERT_EQ(sheaf_ledger_open(&s.sink.ledger, error), 0);
    int n = 0;
    for (; !sheaf_row_sink_is_full(&s.sink) && n < 100; n++)
        ASSERT_EQ(sheaf_ledger_add(s.sink.ledger, n, 1 << 20, done.data(), error), 0);
    EXPECT_GT(n, 8);
    EXPECT_LT(n, 70);
    sheaf_ledger_close(s.sink.ledger);
}

namespace {

// The same with room for sums of segments of four items behind.
struct SumSink : Sink {
    enum { SIZE = 4, N = N_ITEMS / SIZE };
    SumSink() {
        sink.layout.segments = {N_ITEMS, SIZE, N, END};
        EXPECT_EQ(ftruncate(sink.fd, END + 16 * N), 0);
    }
    uint64_t sum(int k) const { return at<uint64_t>(END + 8 * static_cast<size_t>(N + k)); }
    // Of what is in the file, in the order: statuses, a, b.
    uint64_t wanted(int k) const {
        const size_t first = SIZE * static_cast<size_t>(k);
        const std::string bytes = read_bytes(path);
        uint64_t sum = sheaf_segment_add(0, bytes.data() + STATUS + first, SIZE);
        sum = sheaf_segment_add(sum, bytes.data() + 64 + 8 * first, 8 * SIZE);
        return sheaf_segment_add(sum, bytes.data() + 64 + 8 * N_ITEMS + 8 * first, 8 * SIZE);
    }
    void expect(std::set<int> known) const {
        for (int k = 0; k < N; k++)
            EXPECT_EQ(sum(k), known.count(k) ? wanted(k) : 0U) << "segment " << k;
        EXPECT_EQ(read_bytes(path).substr(END, 8 * N), std::string(8 * N, '\0')) << "those of inputs";
    }
};

} // namespace

TEST(RowSinkSums, OfSegmentsThatWereWrittenAsAWhole) {
    SumSink s;
    Error error;
    Rows rows(5, 10); // 5 … 14
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, rows.get(), nullptr, error), 0) << error.text();
    s.expect({2});
    Rows last(15, 5);
    last.fail(16, "no");
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, last.get(), nullptr, error), 0) << error.text();
    s.expect({2, 4});
}

TEST(RowSinkSums, NotWhereAnItemIsLeft) {
    SumSink s;
    Error error;
    Rows rows(0, 20);
    rows.status[6] = ITEM_PENDING;
    s.ask({{0, 15}, {16, 4}});
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, rows.get(), nullptr, error), 0) << error.text();
    s.expect({0, 2, 4});
}

TEST(RowSinkSums, WaitWithTheStatusesTheyAreOf) {
    SumSink s;
    Error error;
    Rows rows(0, 10);
    s.sink.waits = true;
    ASSERT_EQ(sheaf_ledger_open(&s.sink.ledger, error), 0);
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, rows.get(), nullptr, error), 0) << error.text();
    s.expect({});
    ASSERT_EQ(sheaf_row_sink_flush(&s.sink, error), 0) << error.text();
    s.expect({0, 1});
    sheaf_ledger_close(s.sink.ledger);
}

TEST(RowSinkSums, AreOfSafeStatuses) {
    SumSink s;
    Error error;
    Rows rows(0, 10);
    ASSERT_EQ(sheaf_ledger_open(&s.sink.ledger, error), 0);
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, rows.get(), nullptr, error), 0) << error.text();
    EXPECT_EQ(s.status().substr(0, 10), std::string(10, '\x81'));
    ASSERT_EQ(sheaf_row_sink_flush(&s.sink, error), 0) << error.text();
    s.expect({0, 1});
    sheaf_ledger_close(s.sink.ledger);
}

// Every other item was skipped: its row, status and message stay, and what is computed among them is summed with it.
TEST(RowSinkSums, WithSkippedItemsAsTheyAreInTheFile) {
    for (bool ledger : {false, true}) {
        SumSink s;
        Error error;
        std::string before(N_ITEMS, ITEM_PENDING);
        for (size_t i = 0; i < N_ITEMS; i += 2)
            before[i] = ITEM_SKIPPED;
        before[9] = ITEM_DONE; // of an earlier run, which no row is written over
        ASSERT_EQ(pwrite(s.sink.fd, before.data(), before.size(), Sink::STATUS), N_ITEMS);
        s.sink.mixed = true;
        if (ledger) {
            ASSERT_EQ(sheaf_ledger_open(&s.sink.ledger, error), 0);
        }
        Rows rows(0, 20);
        rows.fail(4, "of a skipped one");
        rows.fail(7, "of one that was computed");
        struct row_counts counts = {};
        ASSERT_EQ(sheaf_row_sink_write(&s.sink, rows.get(), &counts, error), 0) << error.text();
        for (size_t i = 0; i < N_ITEMS; i++) {
            const bool computed = i % 2 == 1 && i != 9;
            const int wanted = computed ? (i == 7 ? ITEM_FAILED : ITEM_DONE) | (ledger ? ITEM_UNSAFE : 0) : before[i];
            EXPECT_EQ(s.at<uint8_t>(Sink::STATUS + i), wanted) << i;
            EXPECT_EQ(s.untouched(64 + 8 * i, 8), !computed) << i;
            EXPECT_EQ(s.untouched(64 + 8 * N_ITEMS + 8 * i, 8), !computed) << i;
            if (computed) {
                EXPECT_EQ(s.at<double>(64 + 8 * i), static_cast<double>(i) + 0.5);
                EXPECT_EQ(s.at<int32_t>(64 + 8 * N_ITEMS + 8 * i), static_cast<int32_t>(10 * i));
            }
        }
        EXPECT_EQ(s.at<int64_t>(Sink::ITEM), 7);
        EXPECT_TRUE(s.untouched(Sink::ITEM + 8, 8)) << "a skipped item has no message of its own";
        EXPECT_EQ(counts.n_done, 8);
        EXPECT_EQ(counts.n_failed, 1);
        if (ledger) {
            ASSERT_EQ(sheaf_row_sink_flush(&s.sink, error), 0) << error.text();
            sheaf_ledger_close(s.sink.ledger);
        }
        s.expect({0, 1, 3, 4}); // not where an item was done before
    }
}

// A sum that is there accuses: some row of that segment has changed, which may be one that stays.
TEST(RowSinkSums, ASumThatAccusesStaysWhereSkippedItemsDo) {
    SumSink s;
    Error error;
    std::string before(N_ITEMS, ITEM_PENDING);
    before[1] = before[5] = ITEM_SKIPPED;
    const uint64_t accusing = 4711;
    ASSERT_EQ(pwrite(s.sink.fd, before.data(), before.size(), Sink::STATUS), N_ITEMS);
    ASSERT_EQ(pwrite(s.sink.fd, &accusing, 8, SumSink::END + 8 * (SumSink::N + 1)), 8);
    s.sink.mixed = true;
    Rows rows(0, 20);
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, rows.get(), nullptr, error), 0) << error.text();
    EXPECT_EQ(s.sum(1), accusing);
    EXPECT_EQ(s.sum(0), s.wanted(0));
    EXPECT_EQ(s.sum(2), s.wanted(2));
}

TEST(RowSink, ABlockWithoutAnythingToComputeIsLeftAlone) {
    Sink s;
    Error error;
    const std::string before(N_ITEMS, ITEM_SKIPPED);
    ASSERT_EQ(pwrite(s.sink.fd, before.data(), before.size(), Sink::STATUS), N_ITEMS);
    s.sink.mixed = true;
    Rows rows(5, 5);
    ASSERT_EQ(sheaf_row_sink_write(&s.sink, rows.get(), nullptr, error), 0) << error.text();
    EXPECT_EQ(s.status(), before);
    EXPECT_TRUE(s.untouched(64, 16 * N_ITEMS + 16));
}
