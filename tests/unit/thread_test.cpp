// exec/thread: what a kernel is promised, and what becomes of items that fail; with the hostile kernels.
#include "unit/sheaf.h"

#include <cmath>

using namespace unit;

namespace {

// One hostile kernel at work on x[n], by a single thread: a packed chunk of some blocks, computed grain by grain.
struct Work {
    Job job;
    Kernel kernel;
    chunk_shape shape;
    const char *mapped[1] = {nullptr};
    std::vector<char> file; /* as if mapped */
    struct sheaf_buffer input = {};
    span blocks;
    struct parcel parcel = {};
    struct thread thread;
    struct sheaf_buffer shared = {};
    Error error;

    // `offset` >= 0: x is not carried but lies in a mapped file, so many bytes behind an aligned place.
    explicit Work(const std::string &name, const std::vector<double> &x, int64_t first_block = 0, int64_t n_blocks = -1,
                  int offset = -1)
        : Work(
              name, {field("x", SHEAF_FLOAT64)}, static_cast<int64_t>(x.size()), first_block, n_blocks,
              [&](void *column, int64_t first, int64_t n) {
                  memcpy(column, x.data() + first, static_cast<size_t>(n) * sizeof(double));
              },
              offset) {}

    Work(const std::string &name, const std::vector<sheaf_field> &fields, int64_t n_items, int64_t first_block,
         int64_t n_blocks, const std::function<void(void *, int64_t, int64_t)> &fill, int offset = -1)
        : job("items: {csv: a.csv}\nkernel: " + hostile(name) + "\n"), kernel(job, fields) {
        EXPECT_EQ(kernel.rc, 0) << kernel.error.text();
        shape = kernel.shape(n_items);
        if (offset >= 0) {
            file.resize(static_cast<size_t>(n_items) * sizeof(double) + 2 * SHEAF_ALIGN);
            auto start = reinterpret_cast<uintptr_t>(file.data());
            char *at = file.data() + (SHEAF_ALIGN - start % SHEAF_ALIGN) % SHEAF_ALIGN + static_cast<size_t>(offset);
            fill(at, 0, n_items);
            mapped[0] = at;
            shape.mapped = mapped;
        }
        if (n_blocks < 0)
            n_blocks = (n_items + shape.block - 1) / shape.block - first_block;
        blocks = {first_block, n_blocks};
        void *columns[1] = {};
        EXPECT_EQ(sheaf_chunk_layout(&input, &shape, blocks, columns, error), 0);
        int64_t first, n;
        sheaf_chunk_items(&shape, blocks, &first, &n);
        if (columns[0])
            fill(columns[0], first, n);
        EXPECT_EQ(sheaf_chunk_pack(&input, &shape, error), 0);
        const void *memory = nullptr;
        if (kernel.binding.shared_bytes) {
            EXPECT_EQ(sheaf_buffer_resize(&shared, kernel.binding.shared_bytes, error), 0);
            memset(shared.data, 0, shared.n_bytes);
            EXPECT_EQ(sheaf_binding_prepare(&kernel.binding, shared.data, error), 0) << error.text();
            memory = shared.data;
        }
        EXPECT_EQ(sheaf_thread_open(&thread, &kernel.binding, &shape, memory, error), 0) << error.text();
    }
    ~Work() {
        sheaf_thread_close(&thread);
        sheaf_parcel_free(&parcel);
        sheaf_buffer_free(&input);
        sheaf_buffer_free(&shared);
    }
    Work(const Work &) = delete;
    Work &operator=(const Work &) = delete;

    void run(span grain) {
        ASSERT_EQ(sheaf_thread_grain(&thread, input.data, grain, &parcel, nullptr, error), 0) << error.text();
    }
    void run() { run(blocks); }
    std::string statuses() const {
        std::string text;
        for (int64_t i = 0; i < parcel.n_items; i++)
            text += "PDFTCS"[parcel.status[i]];
        return text;
    }
    template <typename T> const T *out(int c) const { return reinterpret_cast<const T *>(parcel.out[c]); }
    const double *y() const { return out<double>(0); }
    std::string message(int64_t item) const {
        std::string all;
        for (int64_t k = 0; k < thread.n_failures; k++)
            if (thread.failures[k].item == item)
                all += thread.failures[k].message;
        return all;
    }
    // Outputs and statuses of the grain, as bytes.
    std::string bytes() const {
        std::string all = statuses();
        for (int c = 0; c < shape.n_outputs; c++)
            all.append(parcel.out[c], static_cast<size_t>(parcel.n_items) * sheaf_field_row_bytes(&shape.outputs[c]));
        return all;
    }
};

std::vector<double> numbers(size_t n) {
    std::vector<double> x(n);
    for (size_t i = 0; i < n; i++)
        x[i] = static_cast<double>(i) + 0.25;
    return x;
}

} // namespace

TEST(Worker, NaNIsAResultLikeAnyOther) {
    Work work("nan", {1, 2, 3});
    work.run();
    EXPECT_EQ(work.statuses(), "DDD");
    EXPECT_EQ(work.thread.n_failures, 0);
    for (int i = 0; i < 3; i++)
        EXPECT_TRUE(std::isnan(work.y()[i]));
}

TEST(Worker, AFailingItemIsItsOwn) {
    Work work("fails", {1, -1, 3, 4, 5, 6, 7, -8, -9});
    work.run();
    EXPECT_EQ(work.statuses(), "DFDDDDDFF");
    for (int i = 0; i < 9; i++) {
        if (i == 1 || i >= 7)
            EXPECT_TRUE(std::isnan(work.y()[i])) << "the fill value";
        else
            EXPECT_GT(work.y()[i], 0);
    }
    EXPECT_EQ(work.thread.n_failures, 3);
    EXPECT_EQ(work.thread.failures[0].item, 1);
    EXPECT_EQ(work.thread.failures[1].item, 7);
    EXPECT_EQ(work.thread.failures[2].item, 8);
}

TEST(Worker, AnEndlessMessageBecomesOneShortLine) {
    Work work("fails", {-1});
    work.run();
    std::string text = work.message(0);
    EXPECT_STARTS(text, "100%s of %n nothing next line");
    EXPECT_LT(text.size(), size_t{FAILURE_BYTES});
    for (char c : text)
        EXPECT_GE(static_cast<unsigned char>(c), 0x20);
    const struct failure &failure = work.thread.failures[0];
    for (size_t k = text.size(); k < FAILURE_BYTES; k++)
        EXPECT_EQ(failure.message[k], '\0') << "filled up with NUL";
}

TEST(Worker, AWholeBlockCanFailWithAMessage) {
    Work work("fails", {1, 2, 3, 4, 5, 13, 7, 8, 9});
    work.run();
    EXPECT_EQ(work.statuses(), "DDDDFFFFD");
    for (int64_t i = 4; i < 8; i++) {
        EXPECT_EQ(work.message(i), "item 5 is unlucky");
        EXPECT_TRUE(std::isnan(work.y()[i]));
    }
    EXPECT_EQ(work.thread.n_failures, 4);
}

TEST(Worker, AWholeBlockCanFailWithoutAMessage) {
    Work work("fails", {14, 2, 3, 4, 5});
    work.run();
    EXPECT_EQ(work.statuses(), "FFFFD");
    EXPECT_HAS(work.message(0), "the whole block");
    EXPECT_HAS(work.message(3), "failed the whole block without saying why");
}

TEST(Worker, AWholeBlockCanFailWithAnEmptyMessage) {
    Work work("fails", {97, 2, 3, 4, 5});
    work.run();
    EXPECT_EQ(work.statuses(), "FFFFD");
    EXPECT_HAS(work.message(3), "the whole block");
}

TEST(Worker, AnItemsOwnMessageStaysWhenTheBlockFails) {
    Work work("fails", {1, -2, 13, 4});
    work.run();
    EXPECT_EQ(work.statuses(), "FFFF");
    EXPECT_STARTS(work.message(1), "100%s of");
    EXPECT_EQ(work.message(0), "item 2 is unlucky");
    EXPECT_EQ(work.thread.n_failures, 4) << "one message an item";
}

TEST(Worker, FailingRowsThatDoNotExistFailsTheBlockAsAMistake) {
    Work work("fails", {1, 99, 3, 4, 5});
    work.run();
    EXPECT_EQ(work.statuses(), "FFFFD");
    for (int64_t i = 0; i < 4; i++)
        EXPECT_HAS(work.message(i), "a mistake in the kernel");
}

TEST(Worker, ABlockDoesNotInheritTheLastOnesMessage) {
    Work work("fails", {13, 2, 3, 4, 14, 6, 7, 8});
    work.run();
    EXPECT_EQ(work.message(0), "item 0 is unlucky");
    EXPECT_HAS(work.message(4), "the whole block");
}

TEST(Worker, ABlockComputedAgainForgetsWhatWas) {
    Work work("fails", {1, -1, 3});
    work.run();
    EXPECT_EQ(work.statuses(), "DFD");
    work.run();
    EXPECT_EQ(work.statuses(), "DFD");
    EXPECT_EQ(work.message(1).size(), 2 * (FAILURE_BYTES - 1u)) << "a message each time";
}

// poke fails its items when alignment, padding, scratch or memory are not as <sheaf/kernel.h> promises.
struct Promise {
    int n_items, first_block;
    int offset; /* -1: carried; else mapped, so many bytes off */
};

void PrintTo(const Promise &p, std::ostream *out) {
    *out << p.n_items << " items from block " << p.first_block << ", offset " << p.offset;
}

class WorkerPromises : public testing::TestWithParam<Promise> {};

TEST_P(WorkerPromises, HoldInPlaceAndInPrivateCopies) {
    const Promise &p = GetParam();
    std::vector<double> x = numbers(static_cast<size_t>(p.n_items));
    Work work("poke", x, p.first_block, -1, p.offset);
    ASSERT_EQ(work.shape.block, 20);
    int64_t n_seen = 0;
    for (int64_t b = 0; b < work.blocks.n;) { /* grains of 1, 2, 3, … blocks, in one parcel after the other */
        span grain = {work.blocks.first + b, std::min(b + 1, work.blocks.n - b)};
        work.run(grain);
        b += grain.n;
        EXPECT_EQ(work.parcel.first_item, 20 * grain.first);
        EXPECT_EQ(work.statuses(), std::string(static_cast<size_t>(work.parcel.n_items), 'D'))
            << work.message(20 * grain.first);
        for (int64_t k = 0; k < work.parcel.n_items; k++, n_seen++) {
            int64_t i = work.parcel.first_item + k;
            ASSERT_EQ(work.y()[k], x[static_cast<size_t>(i)]);
            for (int j = 0; j < 2; j++)
                ASSERT_EQ(work.out<float>(1)[2 * k + j], static_cast<float>(10 * i + j));
            for (int j = 0; j < 3; j++)
                ASSERT_EQ(work.out<int64_t>(2)[3 * k + j], 10 * i + j);
            for (int j = 0; j < 4; j++)
                ASSERT_EQ(work.out<int32_t>(3)[4 * k + j], 10 * i + j);
            for (int j = 0; j < 5; j++)
                ASSERT_EQ(work.out<uint8_t>(4)[5 * k + j], (10 * i + j) & 255);
        }
    }
    EXPECT_EQ(n_seen, p.n_items - 20 * p.first_block);
}

INSTANTIATE_TEST_SUITE_P(Sizes, WorkerPromises, testing::ValuesIn([] {
                             std::vector<Promise> all;
                             for (int offset : {-1, 0, 8, 56})
                                 for (auto [n, first] : {std::pair(1, 0),
                                                         {15, 0},
                                                         {16, 0},
                                                         {17, 0},
                                                         {20, 0},
                                                         {21, 0},
                                                         {40, 0},
                                                         {57, 0},
                                                         {320, 0},
                                                         {57, 1},
                                                         {57, 2},
                                                         {339, 3}})
                                     all.push_back({n, first, offset});
                             return all;
                         }()));

// The same bytes whether an input is carried or mapped, aligned or not, and however the chunk is cut into grains.
TEST(WorkerPromises, ResultsAreTheSameInPlaceAndStaged) {
    for (const char *name : {"poke", "uneven", "fails"}) {
        std::vector<double> x = numbers(97);
        x[3] = -1;
        x[50] = 1e9;
        x[70] = 13;
        Work carried(name, x);
        carried.run();
        for (int offset : {0, 8, 16, 40}) {
            Work mapped(name, x, 0, -1, offset);
            EXPECT_EQ(sheaf_chunk_block_bytes(&mapped.shape), 0u);
            mapped.run();
            EXPECT_EQ(mapped.bytes(), carried.bytes()) << name << " at " << offset;
        }
        for (int64_t step : {1, 2, 3}) {
            std::string status, columns;
            Work pieces(name, x, 0, -1, 8);
            for (int64_t b = 0; b < pieces.blocks.n; b += step) {
                pieces.run({b, std::min(step, pieces.blocks.n - b)});
                status += pieces.statuses();
                columns.append(pieces.parcel.out[0], static_cast<size_t>(pieces.parcel.n_items) *
                                                         sheaf_field_row_bytes(&pieces.shape.outputs[0]));
            }
            EXPECT_EQ(status + columns, carried.bytes().substr(0, status.size() + columns.size())) << name;
        }
    }
}

TEST(WorkerPromises, TheMappedInputIsNotWritten) {
    std::vector<double> x = numbers(57);
    for (int offset : {0, 8}) {
        Work work("poke", x, 0, -1, offset);
        std::vector<char> before = work.file;
        work.run();
        EXPECT_EQ(work.file, before);
    }
}

TEST(WorkerPromises, FailedItemsOfEveryTypeGetTheirFillValue) {
    std::vector<double> x = numbers(45);
    x[2] = x[25] = x[44] = 1e9; /* refused by poke */
    Work work("poke", x);
    work.run();
    for (int64_t i : {2, 25, 44}) {
        EXPECT_EQ(work.parcel.status[i], ITEM_FAILED);
        EXPECT_HAS(work.message(i), "x is 1e+09");
        EXPECT_TRUE(std::isnan(work.out<double>(0)[i]));
        EXPECT_TRUE(std::isnan(work.out<float>(1)[2 * i + 1]));
        EXPECT_EQ(work.out<int64_t>(2)[3 * i + 2], -9223372036854775806LL);
        EXPECT_EQ(work.out<int32_t>(3)[4 * i + 3], -2147483647);
        EXPECT_EQ(work.out<uint8_t>(4)[5 * i + 4], 255);
    }
    EXPECT_EQ(work.thread.n_failures, 3);
    EXPECT_EQ(work.out<int64_t>(2)[3 * 24 + 2], 242) << "neighbours keep their values";
    EXPECT_EQ(work.out<int64_t>(2)[3 * 26], 260);
}

TEST(Worker, BlocksHaveTheirBoundariesWhateverTheChunk) {
    std::vector<double> x = numbers(50);
    Work all("uneven", x), part("uneven", x, 3, 2);
    all.run();
    part.run();
    EXPECT_EQ(part.parcel.first_item, 21);
    for (int64_t k = 0; k < part.parcel.n_items; k++) {
        int64_t i = 21 + k, first = i / 7 * 7;
        const double *y = part.y() + 3 * k;
        EXPECT_EQ(y[0], x[static_cast<size_t>(i)] + static_cast<double>(first));
        EXPECT_EQ(y[1], static_cast<double>(i - first));
        EXPECT_EQ(y[2], static_cast<double>(i));
        EXPECT_EQ(memcmp(y, all.y() + 3 * i, 24), 0);
    }
}

TEST(Worker, SharedDataArrivesWhole) {
    Work work("shared_check", {1, 2, 3});
    work.run();
    EXPECT_EQ(work.statuses(), "DDD") << work.message(0);
}

TEST(Worker, KernelsWithoutInputGetTheIndex) {
    Work work("impure_serial", {}, 9, 4, 3, [](void *, int64_t, int64_t) {});
    EXPECT_TRUE(work.kernel.binding.serial);
    work.run();
    EXPECT_EQ(work.statuses(), "DDD");
    EXPECT_EQ(work.y()[0], 4);
    EXPECT_EQ(work.y()[2], 6);
}

TEST(Worker, TextsArriveWhateverTheChunkAndTheGrain) {
    std::vector<std::string> words = {"a", "", "größe", std::string("x\0y", 3), std::string(500, 'z'), "last", "one"};
    auto fill = [&](void *column, int64_t first, int64_t n) {
        for (int64_t i = 0; i < n; i++)
            static_cast<sheaf_text *>(column)[i] = {words[static_cast<size_t>(first + i)].data(),
                                                    words[static_cast<size_t>(first + i)].size()};
    };
    for (span blocks : {span{0, 3}, span{1, 2}, span{2, 1}})
        for (int64_t step : {1, 3}) {
            Work work("text_in", {field("word", SHEAF_TEXT)}, 7, blocks.first, blocks.n, fill);
            for (int64_t b = 0; b < blocks.n; b += step) {
                work.run({blocks.first + b, std::min(step, blocks.n - b)});
                EXPECT_EQ(work.statuses(), std::string(static_cast<size_t>(work.parcel.n_items), 'D'));
                for (int64_t k = 0; k < work.parcel.n_items; k++) {
                    const std::string &word = words[static_cast<size_t>(work.parcel.first_item + k)];
                    uint32_t hash = 2166136261u; /* FNV-1a */
                    for (unsigned char c : word)
                        hash = (hash ^ c) * 16777619u;
                    EXPECT_EQ(work.out<int64_t>(0)[k], static_cast<int64_t>(word.size()));
                    EXPECT_EQ(work.out<int64_t>(1)[k], static_cast<int64_t>(hash));
                }
            }
        }
}

// Many processes look at one chunk at once: looking must not change it.
TEST(Worker, TheChunkIsNotWritten) {
    std::vector<std::string> words = {"a", "", "b", "ccc", "dd"};
    Work texts("text_in", {field("word", SHEAF_TEXT)}, 5, 0, 2, [&](void *column, int64_t first, int64_t n) {
        for (int64_t i = 0; i < n; i++)
            static_cast<sheaf_text *>(column)[i] = {words[static_cast<size_t>(first + i)].data(),
                                                    words[static_cast<size_t>(first + i)].size()};
    });
    Work values("poke", numbers(57));
    for (Work *work : {&texts, &values}) {
        std::string before(work->input.data, work->input.n_bytes);
        work->run();
        work->run();
        EXPECT_EQ(std::string(work->input.data, work->input.n_bytes), before);
    }
}

TEST(Worker, SecondsAreNotedForEachBlock) {
    Work work("poke", numbers(100));
    work.run();
    for (int64_t b = 0; b < 5; b++)
        work.parcel.seconds[b] = -1; /* the memory of the next time */
    double before_s = work.thread.busy_s, sum = 0;
    work.run();
    for (int64_t b = 0; b < 5; b++) {
        EXPECT_GE(work.parcel.seconds[b], 0);
        sum += static_cast<double>(work.parcel.seconds[b]);
    }
    EXPECT_NEAR(work.thread.busy_s - before_s, sum, 1e-6 + 1e-6 * sum);
}
