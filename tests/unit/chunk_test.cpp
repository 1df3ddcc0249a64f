// plan/chunk: what a chunk holds survives the journey, aligned and padded; what is mapped stays where it is.
#include "unit/sheaf.h"

#include <deque>
#include <memory>

using namespace unit;

namespace {

// Every type, several widths, and an optional field that is absent.
const sheaf_field INPUTS[] = {field("a", SHEAF_FLOAT64),  field("b", SHEAF_FLOAT32, 3), field(nullptr, SHEAF_INT32),
                              field("c", SHEAF_INT64, 2), field("t", SHEAF_TEXT),       field("d", SHEAF_INT32, 5),
                              field("e", SHEAF_UINT8),    field("u", SHEAF_TEXT, 2),    field(nullptr, SHEAF_TEXT)};
const sheaf_field OUTPUTS[] = {field("y", SHEAF_FLOAT64), field("z", SHEAF_UINT8, 3), field("w", SHEAF_INT32, 7)};
enum { N_INPUTS = 9, N_OUTPUTS = 3 };

chunk_shape make_shape(int64_t block, int64_t n_items, const char *const *mapped = nullptr) {
    return {N_INPUTS, INPUTS, mapped, nullptr, N_OUTPUTS, OUTPUTS, block, n_items, 300, SIZE_MAX, false, nullptr};
}

// A text for a place: some empty, some long, some with NUL bytes; at most 100 bytes.
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

void fill_numbers(int f, void *column, int64_t first, int64_t n) {
    size_t row = sheaf_field_row_bytes(&INPUTS[f]);
    for (int64_t i = 0; i < n; i++)
        for (size_t k = 0; k < row; k++)
            static_cast<unsigned char *>(column)[static_cast<size_t>(i) * row + k] = byte_of(f, first + i, k);
}

// Fills the columns that are there; texts point into `texts`, which must live until packed.
void fill(void **columns, int64_t first, int64_t n, std::deque<std::string> &texts) {
    for (int f = 0; f < N_INPUTS; f++) {
        if (!columns[f])
            continue;
        if (INPUTS[f].type != SHEAF_TEXT) {
            fill_numbers(f, columns[f], first, n);
            continue;
        }
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < INPUTS[f].width; j++) {
                texts.push_back(text_of(first + i, f + j));
                static_cast<sheaf_text *>(columns[f])[i * INPUTS[f].width + j] = {texts.back().data(),
                                                                                  texts.back().size()};
            }
    }
}

// Column f as a thread sees it: place `place` holds `item`.
void expect_input(const char *data, const void *in, int f, int64_t item, int64_t place) {
    const sheaf_field &field = INPUTS[f];
    if (field.type == SHEAF_TEXT) {
        for (int64_t j = 0; j < field.width; j++) {
            const sheaf_text &t = static_cast<const sheaf_text *>(in)[place * field.width + j];
            ASSERT_EQ(std::string(data + reinterpret_cast<uintptr_t>(t.data), t.length), text_of(item, f + j))
                << "item " << item;
        }
        return;
    }
    size_t row = sheaf_field_row_bytes(&field);
    for (size_t k = 0; k < row; k++)
        ASSERT_EQ(static_cast<const unsigned char *>(in)[static_cast<size_t>(place) * row + k], byte_of(f, item, k))
            << field.name << " of item " << item;
}

// The bytes at another address, with nothing behind them: a read beyond the end is seen by the sanitizers.
struct Arrived {
    std::unique_ptr<Aligned> memory;
    size_t n_bytes;
    explicit Arrived(const struct sheaf_buffer &sent)
        : memory(std::make_unique<Aligned>(sent.n_bytes)), n_bytes(sent.n_bytes) {
        memcpy(memory->get(), sent.data, n_bytes);
    }
    const char *data() const { return memory->get(); }
};

// One long text among short ones does not make room for as many long ones.
TEST(ChunkBounds, AllTextsTogetherAreTheLimit) {
    const sheaf_field text = {"line", SHEAF_TEXT, 1, 0, nullptr, nullptr};
    const sheaf_field y = {"y", SHEAF_FLOAT64, 1, 0, nullptr, nullptr};
    const size_t long_text = size_t{20} << 20, all = long_text + 1000;
    chunk_shape shape = {1, &text, nullptr, nullptr, 1, &y, 333, 3001, long_text, all, false, nullptr};
    size_t fixed = sheaf_chunk_block_bytes(&shape);
    EXPECT_GE(sheaf_chunk_most_bytes(&shape, 1), fixed + all);
    EXPECT_LE(sheaf_chunk_most_bytes(&shape, 1), fixed + all + 4096);
    shape.all_text_bytes = SIZE_MAX;
    EXPECT_GE(sheaf_chunk_most_bytes(&shape, 2), 2 * (fixed + 333 * long_text));
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
    struct sheaf_buffer input = {};
    Error error;
    for (int round = 0; round < 2; round++) { /* a buffer is used again and again */
        void *columns[N_INPUTS];
        ASSERT_EQ(sheaf_chunk_layout(&input, &shape, l.blocks, columns, error), 0) << error.text();
        int64_t first, n;
        sheaf_chunk_items(&shape, l.blocks, &first, &n);
        ASSERT_EQ(first, l.blocks.first * l.block);
        ASSERT_EQ(n, std::min((l.blocks.first + l.blocks.n) * l.block, l.n_items) - first);
        for (int f = 0; f < N_INPUTS; f++)
            ASSERT_EQ(columns[f] == nullptr, INPUTS[f].name == nullptr);
        std::deque<std::string> texts;
        fill(columns, first, n, texts);
        size_t announced = sheaf_chunk_packed_bytes(&input, &shape);
        ASSERT_EQ(sheaf_chunk_pack(&input, &shape, error), 0) << error.text();
        EXPECT_EQ(input.n_bytes, announced);
        EXPECT_LE(input.n_bytes, sheaf_chunk_most_bytes(&shape, l.blocks.n));
        texts.clear(); /* nothing points there any more */
        EXPECT_EQ(sheaf_chunk_blocks(input.data).first, l.blocks.first);
        EXPECT_EQ(sheaf_chunk_blocks(input.data).n, l.blocks.n);

        Arrived arrived(input);
        memset(input.data, 0xee, input.n_bytes);
        struct chunk chunk;
        const void *in[N_INPUTS];
        sheaf_chunk_look(&chunk, &shape, arrived.data(), in);
        EXPECT_EQ(chunk.data, arrived.data());
        EXPECT_EQ(chunk.blocks.first, l.blocks.first);
        EXPECT_EQ(chunk.blocks.n, l.blocks.n);
        EXPECT_EQ(chunk.first_item, first);
        EXPECT_EQ(chunk.n_items, n);
        int64_t n_padded = l.block > 1 ? (n + 15) / 16 * 16 : n; /* <sheaf/kernel.h> */
        for (int f = 0; f < N_INPUTS; f++) {
            ASSERT_EQ(in[f] == nullptr, INPUTS[f].name == nullptr);
            if (!in[f])
                continue;
            EXPECT_TRUE(is_aligned(in[f]));
            for (int64_t i = 0; i < n_padded; i++)
                expect_input(arrived.data(), in[f], f, first + std::min(i, n - 1), i);
        }
    }
    sheaf_buffer_free(&input);
}

// Fields that lie in a mapped file do not travel, and are seen from the chunk's first item on.
TEST_P(ChunkLayout, WhatIsMappedIsNotCarried) {
    const Layout &l = GetParam();
    std::vector<std::unique_ptr<char[]>> files;
    for (unsigned which = 0; which < 8; which++) { /* every choice of three fields */
        const char *mapped[N_INPUTS] = {};
        const int fields[] = {0, 3, 5};
        for (unsigned k = 0; k < 3; k++) {
            if (!(which >> k & 1))
                continue;
            size_t n_bytes = static_cast<size_t>(l.n_items) * sheaf_field_row_bytes(&INPUTS[fields[k]]);
            files.push_back(std::make_unique<char[]>(n_bytes + 8));
            fill_numbers(fields[k], files.back().get() + 8, 0, l.n_items); /* as in a file: anywhere */
            mapped[fields[k]] = files.back().get() + 8;
        }
        chunk_shape shape = make_shape(l.block, l.n_items, mapped), whole = make_shape(l.block, l.n_items);
        struct sheaf_buffer input = {};
        void *columns[N_INPUTS];
        int64_t first, n;
        Error error;
        ASSERT_EQ(sheaf_chunk_layout(&input, &shape, l.blocks, columns, error), 0) << error.text();
        sheaf_chunk_items(&shape, l.blocks, &first, &n);
        for (int f = 0; f < N_INPUTS; f++) {
            ASSERT_EQ(columns[f] != nullptr, INPUTS[f].name && !mapped[f]);
            ASSERT_EQ(sheaf_chunk_carries(&shape, f), INPUTS[f].name && !mapped[f]);
        }
        std::deque<std::string> texts;
        fill(columns, first, n, texts);
        size_t announced = sheaf_chunk_packed_bytes(&input, &shape);
        ASSERT_EQ(sheaf_chunk_pack(&input, &shape, error), 0) << error.text();
        EXPECT_EQ(input.n_bytes, announced);
        EXPECT_LE(input.n_bytes, sheaf_chunk_most_bytes(&shape, l.blocks.n));
        if (which)
            EXPECT_LT(sheaf_chunk_block_bytes(&shape), sheaf_chunk_block_bytes(&whole));
        Arrived arrived(input);
        sheaf_buffer_free(&input);
        struct chunk chunk;
        const void *in[N_INPUTS];
        sheaf_chunk_look(&chunk, &shape, arrived.data(), in);
        for (int f = 0; f < N_INPUTS; f++)
            for (int64_t i = 0; in[f] && i < n; i++)
                expect_input(arrived.data(), in[f], f, first + i, i);
        for (int f = 0; f < N_INPUTS; f++) {
            if (mapped[f])
                EXPECT_EQ(in[f], mapped[f] + static_cast<size_t>(first) * sheaf_field_row_bytes(&INPUTS[f]));
            ASSERT_EQ(in[f] == nullptr, INPUTS[f].name == nullptr);
        }
    }
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
            EXPECT_EQ(sheaf_chunk_blocks(input.data).n, 0);
            EXPECT_LT(input.n_bytes, 10000u);
            sheaf_buffer_free(&input);
        }
    }
    Aligned head(SHEAF_ALIGN);
    sheaf_chunk_write_blocks(head.get(), {12, 0});
    EXPECT_EQ(sheaf_chunk_blocks(head.get()).n, 0);
    sheaf_chunk_write_blocks(head.get(), {int64_t{1} << 50, int64_t{1} << 40});
    EXPECT_EQ(sheaf_chunk_blocks(head.get()).first, int64_t{1} << 50);
    EXPECT_EQ(sheaf_chunk_blocks(head.get()).n, int64_t{1} << 40);
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
    size_t numbers = 64 * (8 + 12 + 16 + 20 + 1 + sizeof(sheaf_text) * 3);
    EXPECT_GE(sheaf_chunk_block_bytes(&shape), numbers);
    EXPECT_LT(sheaf_chunk_block_bytes(&shape), numbers + N_INPUTS * 64) << "outputs are not in it";
    const char *mapped[N_INPUTS] = {"", "", nullptr, "", nullptr, "", "", nullptr, nullptr};
    chunk_shape texts = make_shape(64, 64 * 100, mapped);
    EXPECT_EQ(sheaf_chunk_block_bytes(&texts), 64 * sizeof(sheaf_text) * 3);
}

// Seats of a pool are as large as this says: a chunk that does not fit is an error in the middle of a run.
TEST(Chunk, MostBytesIsAnUpperBoundForAnyTexts) {
    std::mt19937 random(3);
    sheaf_field inputs[] = {field("t", SHEAF_TEXT), field("e", SHEAF_UINT8), field("u", SHEAF_TEXT, 2)};
    for (int round = 0; round < 300; round++) {
        int64_t block = 1 + static_cast<int64_t>(random() % 40), n_items = 1 + static_cast<int64_t>(random() % 200);
        int64_t all = (n_items + block - 1) / block;
        span blocks = {static_cast<int64_t>(random()) % all, 0};
        blocks.n = 1 + static_cast<int64_t>(random()) % (all - blocks.first);
        size_t most = random() % 50;
        chunk_shape shape = {3,     inputs,  nullptr, nullptr,  N_OUTPUTS, OUTPUTS,
                             block, n_items, most,    SIZE_MAX, false,     nullptr};
        size_t bound = sheaf_chunk_most_bytes(&shape, blocks.n);
        Aligned seat(bound);
        struct sheaf_buffer input = {};
        input.data = seat.get();
        input.capacity = bound;
        input.fixed = true;
        void *columns[3];
        int64_t first, n;
        Error error;
        ASSERT_EQ(sheaf_chunk_layout(&input, &shape, blocks, columns, error), 0) << error.text();
        sheaf_chunk_items(&shape, blocks, &first, &n);
        std::deque<std::string> texts;
        for (int64_t i = 0; i < n; i++) {
            size_t left = most; /* in any way over the three texts, sometimes all of it */
            for (sheaf_text *text :
                 {static_cast<sheaf_text *>(columns[0]) + i, static_cast<sheaf_text *>(columns[2]) + 2 * i,
                  static_cast<sheaf_text *>(columns[2]) + 2 * i + 1}) {
                size_t length = round % 3 == 0 ? left : random() % (left + 1);
                left -= length;
                texts.emplace_back(length, static_cast<char>('a' + i % 26));
                *text = {texts.back().data(), length};
            }
            static_cast<uint8_t *>(columns[1])[i] = static_cast<uint8_t>(i);
        }
        size_t announced = sheaf_chunk_packed_bytes(&input, &shape);
        ASSERT_LE(announced, bound);
        ASSERT_EQ(sheaf_chunk_pack(&input, &shape, error), 0) << error.text();
        ASSERT_EQ(input.n_bytes, announced);
        ASSERT_EQ(input.data, seat.get()) << "it stays in its seat";
        const void *in[3];
        struct chunk chunk;
        sheaf_chunk_look(&chunk, &shape, input.data, in);
        size_t k = 0;
        for (int64_t i = 0; i < n; i++)
            for (const sheaf_text *text :
                 {static_cast<const sheaf_text *>(in[0]) + i, static_cast<const sheaf_text *>(in[2]) + 2 * i,
                  static_cast<const sheaf_text *>(in[2]) + 2 * i + 1})
                ASSERT_EQ(std::string(input.data + reinterpret_cast<uintptr_t>(text->data), text->length), texts[k++]);
    }
}

TEST(Chunk, ShapesWithoutInputs) {
    sheaf_field y = field("y", SHEAF_FLOAT64);
    chunk_shape shape = {0, nullptr, nullptr, nullptr, 1, &y, 10, 25, 0, 0, false, nullptr};
    struct sheaf_buffer input = {};
    struct chunk chunk;
    Error error;
    EXPECT_EQ(sheaf_chunk_block_bytes(&shape), 0u);
    ASSERT_EQ(sheaf_chunk_layout(&input, &shape, {1, 2}, nullptr, error), 0);
    EXPECT_LE(sheaf_chunk_packed_bytes(&input, &shape), sheaf_chunk_most_bytes(&shape, 2));
    ASSERT_EQ(sheaf_chunk_pack(&input, &shape, error), 0);
    sheaf_chunk_look(&chunk, &shape, input.data, nullptr);
    EXPECT_EQ(chunk.first_item, 10);
    EXPECT_EQ(chunk.n_items, 15);
    sheaf_buffer_free(&input);
}
