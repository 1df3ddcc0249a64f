// exec/worker: what a kernel is promised, and what becomes of items that fail; with the hostile kernels.
#include "unit/sheaf.h"

#include <cmath>

using namespace unit;

namespace {

// One hostile kernel at work on x[n], by a single worker, block by block.
struct Work {
    Job job;
    Kernel kernel;
    chunk_shape shape;
    struct chunk chunk;
    struct worker worker;
    struct sheaf_buffer shared = {};
    std::vector<std::string> words;
    Error error;

    explicit Work(const std::string &name, const std::vector<double> &x, int64_t first_block = 0, int64_t n_blocks = -1)
        : Work(name, {field("x", SHEAF_FLOAT64)}, static_cast<int64_t>(x.size()), first_block, n_blocks,
               [&](void *column, int64_t first, int64_t n) {
                   memcpy(column, x.data() + first, static_cast<size_t>(n) * sizeof(double));
               }) {}

    Work(const std::string &name, const std::vector<sheaf_field> &fields, int64_t n_items, int64_t first_block,
         int64_t n_blocks, const std::function<void(void *, int64_t, int64_t)> &fill)
        : job("items: {csv: a.csv}\nkernel: " + hostile(name) + "\n"), kernel(job, fields) {
        EXPECT_EQ(kernel.rc, 0) << kernel.error.text();
        shape = kernel.shape(n_items);
        if (n_blocks < 0)
            n_blocks = (n_items + shape.block - 1) / shape.block - first_block;
        EXPECT_EQ(sheaf_chunk_open(&chunk, &shape, error), 0);
        void *columns[1] = {};
        EXPECT_EQ(sheaf_chunk_layout(&chunk.input, &shape, {first_block, n_blocks}, columns, error), 0);
        int64_t first, n;
        sheaf_chunk_items(&shape, {first_block, n_blocks}, &first, &n);
        if (shape.n_inputs)
            fill(columns[0], first, n);
        EXPECT_EQ(sheaf_chunk_pack(&chunk.input, &shape, error), 0);
        EXPECT_EQ(sheaf_chunk_unpack(&chunk, &shape, error), 0);
        const void *memory = nullptr;
        if (kernel.binding.shared_bytes) {
            EXPECT_EQ(sheaf_buffer_resize(&shared, kernel.binding.shared_bytes, error), 0);
            memset(shared.data, 0, shared.n_bytes);
            EXPECT_EQ(sheaf_binding_prepare(&kernel.binding, shared.data, error), 0) << error.text();
            memory = shared.data;
        }
        EXPECT_EQ(sheaf_worker_open(&worker, &kernel.binding, memory, error), 0) << error.text();
    }
    ~Work() {
        sheaf_worker_close(&worker);
        sheaf_chunk_close(&chunk);
        sheaf_buffer_free(&shared);
    }
    Work(const Work &) = delete;
    Work &operator=(const Work &) = delete;

    void run() {
        for (int64_t b = 0; b < chunk.blocks.n; b++)
            ASSERT_EQ(sheaf_worker_block(&worker, &chunk, b, error), 0) << error.text();
    }
    std::string statuses() const {
        std::string text;
        for (int64_t i = 0; i < chunk.n_items; i++)
            text += "PDFTCS"[chunk.status[i]];
        return text;
    }
    const double *y() const { return static_cast<const double *>(chunk.out[0]); }
    std::string message(int64_t item) const {
        std::string all;
        for (int64_t k = 0; k < worker.n_failures; k++)
            if (worker.failures[k].item == item)
                all += worker.failures[k].message;
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
    EXPECT_EQ(work.worker.n_failures, 0);
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
    EXPECT_EQ(work.worker.n_failures, 3);
    EXPECT_EQ(work.worker.failures[0].item, 1);
    EXPECT_EQ(work.worker.failures[1].item, 7);
    EXPECT_EQ(work.worker.failures[2].item, 8);
}

TEST(Worker, AnEndlessMessageBecomesOneShortLine) {
    Work work("fails", {-1});
    work.run();
    std::string text = work.message(0);
    EXPECT_STARTS(text, "100%s of %n nothing next line");
    EXPECT_LT(text.size(), size_t{FAILURE_BYTES});
    for (char c : text)
        EXPECT_GE(static_cast<unsigned char>(c), 0x20);
    const struct failure &failure = work.worker.failures[0];
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
    EXPECT_EQ(work.worker.n_failures, 4);
}

TEST(Worker, AWholeBlockCanFailWithoutAMessage) {
    Work work("fails", {14, 2, 3, 4, 5});
    work.run();
    EXPECT_EQ(work.statuses(), "FFFFD");
    EXPECT_HAS(work.message(0), "the whole block");
    EXPECT_HAS(work.message(3), "-1");
}

TEST(Worker, AnItemsOwnMessageStaysWhenTheBlockFails) {
    Work work("fails", {1, -2, 13, 4});
    work.run();
    EXPECT_EQ(work.statuses(), "FFFF");
    EXPECT_STARTS(work.message(1), "100%s of");
    EXPECT_EQ(work.message(0), "item 2 is unlucky");
    EXPECT_EQ(work.worker.n_failures, 4) << "one message an item";
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
class WorkerPromises : public testing::TestWithParam<std::pair<int, int>> {};

TEST_P(WorkerPromises, HoldInPlaceAndInPrivateCopies) {
    auto [n_items, first_block] = GetParam();
    std::vector<double> x = numbers(static_cast<size_t>(n_items));
    Work work("poke", x, first_block);
    ASSERT_EQ(work.shape.block, 20);
    work.run();
    EXPECT_EQ(work.statuses(), std::string(static_cast<size_t>(work.chunk.n_items), 'D'))
        << work.message(20 * first_block);
    for (int64_t k = 0; k < work.chunk.n_items; k++) {
        int64_t i = work.chunk.first_item + k;
        ASSERT_EQ(static_cast<double *>(work.chunk.out[0])[k], x[static_cast<size_t>(i)]);
        for (int j = 0; j < 2; j++)
            ASSERT_EQ(static_cast<float *>(work.chunk.out[1])[2 * k + j], static_cast<float>(10 * i + j));
        for (int j = 0; j < 3; j++)
            ASSERT_EQ(static_cast<int64_t *>(work.chunk.out[2])[3 * k + j], 10 * i + j);
        for (int j = 0; j < 4; j++)
            ASSERT_EQ(static_cast<int32_t *>(work.chunk.out[3])[4 * k + j], 10 * i + j);
        for (int j = 0; j < 5; j++)
            ASSERT_EQ(static_cast<uint8_t *>(work.chunk.out[4])[5 * k + j], (10 * i + j) & 255);
    }
}

INSTANTIATE_TEST_SUITE_P(Sizes, WorkerPromises,
                         testing::Values(std::pair(1, 0), std::pair(15, 0), std::pair(16, 0), std::pair(17, 0),
                                         std::pair(20, 0), std::pair(21, 0), std::pair(40, 0), std::pair(57, 0),
                                         std::pair(320, 0), std::pair(57, 1), std::pair(57, 2), std::pair(339, 3)));

TEST(WorkerPromises, FailedItemsOfEveryTypeGetTheirFillValue) {
    std::vector<double> x = numbers(45);
    x[2] = x[25] = x[44] = 1e9; /* refused by poke */
    Work work("poke", x);
    work.run();
    for (int64_t i : {2, 25, 44}) {
        EXPECT_EQ(work.chunk.status[i], ITEM_FAILED);
        EXPECT_HAS(work.message(i), "x is 1e+09");
        EXPECT_TRUE(std::isnan(static_cast<double *>(work.chunk.out[0])[i]));
        EXPECT_TRUE(std::isnan(static_cast<float *>(work.chunk.out[1])[2 * i + 1]));
        EXPECT_EQ(static_cast<int64_t *>(work.chunk.out[2])[3 * i + 2], -9223372036854775806LL);
        EXPECT_EQ(static_cast<int32_t *>(work.chunk.out[3])[4 * i + 3], -2147483647);
        EXPECT_EQ(static_cast<uint8_t *>(work.chunk.out[4])[5 * i + 4], 255);
    }
    EXPECT_EQ(work.worker.n_failures, 3);
    EXPECT_EQ(static_cast<int64_t *>(work.chunk.out[2])[3 * 24 + 2], 242) << "neighbours keep their values";
    EXPECT_EQ(static_cast<int64_t *>(work.chunk.out[2])[3 * 26], 260);
}

TEST(Worker, BlocksHaveTheirBoundariesWhateverTheChunk) {
    std::vector<double> x = numbers(50);
    Work all("uneven", x), part("uneven", x, 3, 2);
    all.run();
    part.run();
    EXPECT_EQ(part.chunk.first_item, 21);
    for (int64_t k = 0; k < part.chunk.n_items; k++) {
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

TEST(Worker, TextsArriveInPlaceAndInPrivateCopies) {
    std::vector<std::string> words = {"a", "", "größe", std::string("x\0y", 3), std::string(500, 'z'), "last", "one"};
    Work work("text_in", {field("word", SHEAF_TEXT)}, 7, 0, 3, [&](void *column, int64_t first, int64_t n) {
        for (int64_t i = 0; i < n; i++)
            static_cast<sheaf_text *>(column)[i] = {words[static_cast<size_t>(first + i)].data(),
                                                    words[static_cast<size_t>(first + i)].size()};
    });
    work.run();
    EXPECT_EQ(work.statuses(), "DDDDDDD");
    for (size_t i = 0; i < words.size(); i++) {
        uint32_t hash = 2166136261u; /* FNV-1a */
        for (unsigned char c : words[i])
            hash = (hash ^ c) * 16777619u;
        EXPECT_EQ(static_cast<int64_t *>(work.chunk.out[0])[i], static_cast<int64_t>(words[i].size()));
        EXPECT_EQ(static_cast<int64_t *>(work.chunk.out[1])[i], static_cast<int64_t>(hash));
    }
}

TEST(Worker, SecondsAreNotedForEachBlock) {
    Work work("poke", numbers(100));
    for (int64_t b = 0; b < 5; b++)
        work.chunk.seconds[b] = -1;
    work.run();
    double sum = 0;
    for (int64_t b = 0; b < 5; b++) {
        EXPECT_GE(work.chunk.seconds[b], 0);
        sum += static_cast<double>(work.chunk.seconds[b]);
    }
    EXPECT_NEAR(work.worker.busy_s, sum, 1e-6 + 1e-6 * sum);
}
