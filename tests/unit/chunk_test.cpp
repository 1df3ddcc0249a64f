// plan/chunk and app/rows_message: what a chunk holds survives the journey, aligned and padded.
#include "unit/sheaf.h"

#include <algorithm>

using namespace unit;

namespace {

// Every type, several widths, and an optional field that is absent.
const sheaf_field INPUTS[] = {field("a", SHEAF_FLOAT64),  field("b", SHEAF_FLOAT32, 3), field(nullptr, SHEAF_INT32),
                              field("c", SHEAF_INT64, 2), field("t", SHEAF_TEXT),       field("d", SHEAF_INT32, 5),
                              field("e", SHEAF_UINT8),    field("u", SHEAF_TEXT, 2),    field(nullptr, SHEAF_TEXT)};
const sheaf_field OUTPUTS[] = {field("y", SHEAF_FLOAT64), field("z", SHEAF_UINT8, 3), field("w", SHEAF_INT32, 7)};
enum { N_INPUTS = 9, N_OUTPUTS = 3 };

chunk_shape make_shape(int64_t block, int64_t n_items) {
    return {N_INPUTS, INPUTS, N_OUTPUTS, OUTPUTS, block, n_items};
}

// A text for a place: some empty, some long, some with NUL bytes.
std::string text_of(int64_t item, int64_t place) {
    switch ((item + place) % 4) {
    case 0:
        return "";
    case 1:
        return std::string("a\0b", 3) + std::to_string(item);
    case 2:
        return std::string(static_cast<size_t>(item % 70), 'x');
    default:
        return "item " + std::to_string(item) + " €";
    }
}

// The byte at place k of an item's row of a numeric field.
unsigned char byte_of(int field, int64_t item, size_t k) {
    return static_cast<unsigned char>(31 * field + 7 * item + static_cast<int64_t>(k) + 1);
}

// Fills columns as laid out; texts point into `texts`, which must live until packed.
void fill(void **columns, int64_t first, int64_t n, std::vector<std::string> &texts) {
    texts.clear();
    texts.reserve(static_cast<size_t>(3 * n) + 1);
    for (int f = 0; f < N_INPUTS; f++) {
        if (!INPUTS[f].name)
            continue;
        size_t row = sheaf_field_row_bytes(&INPUTS[f]);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; INPUTS[f].type == SHEAF_TEXT && j < INPUTS[f].width; j++) {
                texts.push_back(text_of(first + i, f + j));
                static_cast<sheaf_text *>(columns[f])[i * INPUTS[f].width + j] = {texts.back().data(),
                                                                                  texts.back().size()};
            }
        for (int64_t i = 0; INPUTS[f].type != SHEAF_TEXT && i < n; i++)
            for (size_t k = 0; k < row; k++)
                static_cast<unsigned char *>(columns[f])[static_cast<size_t>(i) * row + k] = byte_of(f, first + i, k);
    }
}

void expect_input(const struct chunk &chunk, int f, int64_t item, int64_t place) {
    const sheaf_field &field = INPUTS[f];
    if (field.type == SHEAF_TEXT) {
        for (int64_t j = 0; j < field.width; j++) {
            const sheaf_text &t = static_cast<const sheaf_text *>(chunk.in[f])[place * field.width + j];
            ASSERT_EQ(std::string(t.data, t.length), text_of(item, f + j)) << "item " << item;
        }
        return;
    }
    size_t row = sheaf_field_row_bytes(&field);
    for (size_t k = 0; k < row; k++)
        ASSERT_EQ(static_cast<const unsigned char *>(chunk.in[f])[static_cast<size_t>(place) * row + k],
                  byte_of(f, item, k))
            << field.name << " of item " << item;
}

bool is_aligned(const void *p) {
    return reinterpret_cast<uintptr_t>(p) % 64 == 0;
}

} // namespace

struct Layout {
    int64_t block, n_items;
    span blocks;
};

void PrintTo(const Layout &l, std::ostream *out) {
    *out << l.n_items << " items in blocks of " << l.block << ", blocks " << l.blocks.first << " + " << l.blocks.n;
}

class ChunkLayout : public testing::TestWithParam<Layout> {};

TEST_P(ChunkLayout, EveryValueArrivesAlignedAndPadded) {
    const Layout &l = GetParam();
    chunk_shape shape = make_shape(l.block, l.n_items);
    struct chunk chunk;
    Error error;
    ASSERT_EQ(sheaf_chunk_open(&chunk, &shape, error), 0);
    for (int round = 0; round < 2; round++) { /* a chunk is used again and again */
        struct sheaf_buffer input = {};
        void *columns[N_INPUTS];
        ASSERT_EQ(sheaf_chunk_layout(&input, &shape, l.blocks, columns, error), 0) << error.text();
        int64_t first, n;
        sheaf_chunk_items(&shape, l.blocks, &first, &n);
        ASSERT_EQ(first, l.blocks.first * l.block);
        ASSERT_EQ(n, std::min((l.blocks.first + l.blocks.n) * l.block, l.n_items) - first);
        std::vector<std::string> texts;
        fill(columns, first, n, texts);
        ASSERT_EQ(sheaf_chunk_pack(&input, &shape, error), 0) << error.text();
        texts.clear(); /* nothing points there any more */
        EXPECT_EQ(sheaf_chunk_blocks(&input).first, l.blocks.first);
        EXPECT_EQ(sheaf_chunk_blocks(&input).n, l.blocks.n);

        /* The journey: the same bytes at another address. */
        ASSERT_EQ(sheaf_buffer_resize(&chunk.input, input.n_bytes, error), 0);
        memcpy(chunk.input.data, input.data, input.n_bytes);
        sheaf_buffer_free(&input);

        ASSERT_EQ(sheaf_chunk_unpack(&chunk, &shape, error), 0) << error.text();
        EXPECT_EQ(chunk.first_item, first);
        EXPECT_EQ(chunk.n_items, n);
        EXPECT_EQ(chunk.n_unfinished.load(), l.blocks.n);
        int64_t n_padded = l.block > 1 ? (n + 15) / 16 * 16 : n; /* <sheaf/kernel.h> */
        for (int f = 0; f < N_INPUTS; f++) {
            ASSERT_EQ(chunk.in[f] == nullptr, INPUTS[f].name == nullptr);
            if (!chunk.in[f])
                continue;
            EXPECT_TRUE(is_aligned(chunk.in[f]));
            for (int64_t i = 0; i < n_padded; i++)
                expect_input(chunk, f, first + std::min(i, n - 1), i);
        }
        for (int c = 0; c < N_OUTPUTS; c++) {
            EXPECT_TRUE(is_aligned(chunk.out[c]));
            memset(chunk.out[c], 0xab, static_cast<size_t>(n_padded) * sheaf_field_row_bytes(&OUTPUTS[c]));
        }
        for (int64_t b = 0; b < l.blocks.n; b++) {
            EXPECT_EQ(chunk.finished[b].load(), 0);
            chunk.seconds[b] = 1.5F;
        }
        for (int64_t i = 0; i < n; i++) {
            EXPECT_EQ(chunk.status[i], ITEM_PENDING) << "outputs and status must not share memory";
            chunk.status[i] = ITEM_DONE;
        }
    }
    sheaf_chunk_close(&chunk);
}

INSTANTIATE_TEST_SUITE_P(Layouts, ChunkLayout,
                         testing::Values(Layout{1, 1, {0, 1}}, Layout{1, 100, {17, 20}}, Layout{20, 100, {0, 5}},
                                         Layout{20, 107, {3, 3}}, Layout{7, 50, {7, 1}}, Layout{16, 64, {1, 2}},
                                         Layout{64, 64, {0, 1}}, Layout{64, 3, {0, 1}}, Layout{4096, 5000, {1, 1}},
                                         Layout{1000, 2500, {0, 3}}));

TEST(Chunk, BlocksAtTheEndHaveFewerItems) {
    chunk_shape shape = make_shape(100, 250);
    const struct {
        span blocks;
        int64_t first, n;
    } cases[] = {{{0, 1}, 0, 100}, {{0, 3}, 0, 250}, {{2, 1}, 200, 50}, {{1, 2}, 100, 150}, {{1, 0}, 100, 0}};
    for (const auto &c : cases) {
        int64_t first = -1, n = -1;
        sheaf_chunk_items(&shape, c.blocks, &first, &n);
        EXPECT_EQ(first, c.first);
        EXPECT_EQ(n, c.n);
    }
}

// "No more work" is said with no blocks behind the last one, where the last block may be short.
TEST(Chunk, NoBlocksAnywhereIsNoItems) {
    for (int64_t block : {int64_t{1}, int64_t{4}, int64_t{4096}, int64_t{1} << 24}) {
        chunk_shape shape = make_shape(block, 10);
        int64_t n_blocks = (10 + block - 1) / block;
        for (int64_t at : {int64_t{0}, n_blocks}) {
            struct sheaf_buffer input = {};
            void *columns[N_INPUTS];
            int64_t first, n = -1;
            Error error;
            sheaf_chunk_items(&shape, {at, 0}, &first, &n);
            EXPECT_EQ(n, 0) << "block " << block << " at " << at;
            ASSERT_EQ(sheaf_chunk_layout(&input, &shape, {at, 0}, columns, error), 0) << error.text();
            EXPECT_EQ(sheaf_chunk_blocks(&input).n, 0);
            EXPECT_LT(input.n_bytes, 10000u);
            sheaf_buffer_free(&input);
        }
    }
}

TEST(Chunk, IndicesNear2To40DoNotOverflow) {
    int64_t n_items = (int64_t{1} << 40) + 3;
    chunk_shape shape = make_shape(4096, n_items);
    int64_t first, n;
    span last = {int64_t{1} << 28, 1};
    sheaf_chunk_items(&shape, last, &first, &n);
    EXPECT_EQ(first, int64_t{1} << 40);
    EXPECT_EQ(n, 3);
}

TEST(Chunk, TheSizeOfABlockCoversWhatItTakes) {
    chunk_shape shape = make_shape(64, 64 * 100);
    size_t numbers = 64 * (8 + 12 + 16 + 20 + 1 + sizeof(sheaf_text) * 3 + 8 + 3 + 28) + 64 + 4;
    EXPECT_GE(sheaf_chunk_block_bytes(&shape), numbers);
    EXPECT_LT(sheaf_chunk_block_bytes(&shape), numbers + 12 * 64 + 64);
}

TEST(Chunk, ShapesWithoutInputs) {
    sheaf_field y = field("y", SHEAF_FLOAT64);
    chunk_shape shape = {0, nullptr, 1, &y, 10, 25};
    struct chunk chunk;
    Error error;
    ASSERT_EQ(sheaf_chunk_open(&chunk, &shape, error), 0);
    ASSERT_EQ(sheaf_chunk_layout(&chunk.input, &shape, {1, 2}, nullptr, error), 0);
    ASSERT_EQ(sheaf_chunk_pack(&chunk.input, &shape, error), 0);
    ASSERT_EQ(sheaf_chunk_unpack(&chunk, &shape, error), 0);
    EXPECT_EQ(chunk.first_item, 10);
    EXPECT_EQ(chunk.n_items, 15);
    EXPECT_TRUE(is_aligned(chunk.out[0]));
    sheaf_chunk_close(&chunk);
}

TEST(Chunk, CanBeClosedUnused) {
    chunk_shape shape = make_shape(1, 1);
    struct chunk chunk;
    Error error;
    ASSERT_EQ(sheaf_chunk_open(&chunk, &shape, error), 0);
    sheaf_chunk_close(&chunk);
}

// ---------------------------------------------------------------------------------------------------- rows_message

class RowsMessage : public testing::TestWithParam<Layout> {};

TEST_P(RowsMessage, CarriesRowsOfSomeBlocksAndTheirFailures) {
    const Layout &l = GetParam();
    chunk_shape shape = make_shape(l.block, l.n_items);
    struct chunk chunk;
    Error error;
    void *columns[N_INPUTS];
    std::vector<std::string> texts;
    int64_t first, n;
    ASSERT_EQ(sheaf_chunk_open(&chunk, &shape, error), 0);
    ASSERT_EQ(sheaf_chunk_layout(&chunk.input, &shape, l.blocks, columns, error), 0);
    sheaf_chunk_items(&shape, l.blocks, &first, &n);
    fill(columns, first, n, texts);
    ASSERT_EQ(sheaf_chunk_pack(&chunk.input, &shape, error), 0);
    ASSERT_EQ(sheaf_chunk_unpack(&chunk, &shape, error), 0);
    for (int c = 0; c < N_OUTPUTS; c++) {
        size_t row = sheaf_field_row_bytes(&OUTPUTS[c]);
        for (int64_t i = 0; i < n; i++)
            for (size_t k = 0; k < row; k++)
                static_cast<unsigned char *>(chunk.out[c])[static_cast<size_t>(i) * row + k] = byte_of(c, first + i, k);
    }
    for (int64_t i = 0; i < n; i++)
        chunk.status[i] = static_cast<uint8_t>(1 + i % 5);
    for (int64_t b = 0; b < l.blocks.n; b++)
        chunk.seconds[b] = static_cast<float>(b) + 0.5F;

    for (int64_t b = 0; b < l.blocks.n; b++)
        for (int64_t m = 1; b + m <= l.blocks.n; m++) {
            std::vector<struct failure> failures(static_cast<size_t>(b % 3));
            for (size_t k = 0; k < failures.size(); k++) {
                failures[k].item = static_cast<int64_t>(1000 * k) + b;
                memset(failures[k].message, static_cast<int>('a' + k), FAILURE_BYTES);
            }
            struct sheaf_buffer message = {}, arrived = {};
            ASSERT_EQ(sheaf_rows_pack(&message, &shape, &chunk, b, m, failures.data(),
                                      static_cast<int64_t>(failures.size()), error),
                      0);
            ASSERT_EQ(sheaf_buffer_resize(&arrived, message.n_bytes, error), 0);
            memcpy(arrived.data, message.data, message.n_bytes);
            sheaf_buffer_free(&message);
            const void *out[N_OUTPUTS];
            struct rows rows;
            sheaf_rows_unpack(&arrived, &shape, out, &rows);
            EXPECT_EQ(rows.first, first + b * l.block);
            EXPECT_EQ(rows.n, std::min(first + (b + m) * l.block, first + n) - rows.first);
            EXPECT_EQ(rows.first_block, l.blocks.first + b);
            EXPECT_EQ(rows.n_blocks, m);
            for (int c = 0; c < N_OUTPUTS; c++) {
                size_t row = sheaf_field_row_bytes(&OUTPUTS[c]);
                for (int64_t i = 0; i < rows.n; i++)
                    for (size_t k = 0; k < row; k++)
                        ASSERT_EQ(static_cast<const unsigned char *>(rows.columns[c])[static_cast<size_t>(i) * row + k],
                                  byte_of(c, rows.first + i, k));
            }
            for (int64_t i = 0; i < rows.n; i++)
                ASSERT_EQ(rows.status[i], 1 + (rows.first + i - first) % 5);
            for (int64_t k = 0; k < m; k++)
                ASSERT_EQ(rows.seconds[k], static_cast<float>(b + k) + 0.5F);
            ASSERT_EQ(rows.n_failures, static_cast<int64_t>(failures.size()));
            for (size_t k = 0; k < failures.size(); k++) {
                EXPECT_EQ(rows.failures[k].item, failures[k].item);
                EXPECT_EQ(memcmp(rows.failures[k].message, failures[k].message, FAILURE_BYTES), 0);
            }
            sheaf_buffer_free(&arrived);
        }
    sheaf_chunk_close(&chunk);
}

INSTANTIATE_TEST_SUITE_P(Layouts, RowsMessage,
                         testing::Values(Layout{1, 30, {11, 10}}, Layout{20, 107, {3, 3}}, Layout{7, 50, {2, 6}},
                                         Layout{64, 3, {0, 1}}, Layout{1000, 2500, {0, 3}}));
