// plan/parcel: rows as they are computed and as they travel; several in a message, a seal behind them.
#include "unit/sheaf.h"

using namespace unit;

namespace {

const sheaf_field OUTPUTS[] = {field("y", SHEAF_FLOAT64), field("z", SHEAF_UINT8, 3), field("w", SHEAF_INT32, 7),
                               field("v", SHEAF_FLOAT32, 1000)};
enum { N_OUTPUTS = 4 };
const struct sheaf_buffer no_texts = {};

chunk_shape make_shape(int64_t block, int64_t n_items) {
    return {0, nullptr, nullptr, nullptr, N_OUTPUTS, OUTPUTS, block, n_items, 0, 0, false, nullptr};
}

unsigned char byte_of(int column, int64_t item, size_t k) {
    return static_cast<unsigned char>(31 * column + 7 * item + static_cast<int64_t>(k % 253) + 1);
}

// Fills a parcel as a worker would, padding and all.
void fill(const chunk_shape &shape, struct parcel *parcel) {
    int64_t n_padded = shape.block > 1 ? (parcel->n_items + 15) / 16 * 16 : parcel->n_items;
    for (int c = 0; c < N_OUTPUTS; c++) {
        ASSERT_TRUE(is_aligned(parcel->out[c]));
        size_t row = sheaf_field_row_bytes(&OUTPUTS[c]);
        memset(parcel->out[c], 0xab, static_cast<size_t>(n_padded) * row);
        for (int64_t i = 0; i < parcel->n_items; i++)
            for (size_t k = 0; k < row; k++)
                reinterpret_cast<unsigned char *>(parcel->out[c])[static_cast<size_t>(i) * row + k] =
                    byte_of(c, parcel->first_item + i, k);
    }
    for (int64_t i = 0; i < parcel->n_items; i++) {
        ASSERT_EQ(parcel->status[i], ITEM_PENDING) << "outputs and status must not share memory";
        parcel->status[i] = static_cast<uint8_t>(1 + (parcel->first_item + i) % 5);
    }
    for (int64_t b = 0; b < parcel->blocks.n; b++)
        parcel->seconds[b] = static_cast<float>(parcel->blocks.first + b) + 0.5F;
}

std::vector<struct failure> failures_of(int64_t n, int64_t first) {
    std::vector<struct failure> failures(static_cast<size_t>(n));
    for (size_t k = 0; k < failures.size(); k++) {
        failures[k].item = first + static_cast<int64_t>(1000 * k);
        memset(failures[k].message, static_cast<int>('a' + k), FAILURE_BYTES);
    }
    return failures;
}

void expect_rows(const chunk_shape &shape, const struct rows &rows, span blocks,
                 const std::vector<struct failure> &failures) {
    ASSERT_EQ(rows.first, blocks.first * shape.block);
    ASSERT_EQ(rows.n, std::min((blocks.first + blocks.n) * shape.block, shape.n_items) - rows.first);
    ASSERT_EQ(rows.first_block, blocks.first);
    ASSERT_EQ(rows.n_blocks, blocks.n);
    for (int c = 0; c < N_OUTPUTS; c++) {
        size_t row = sheaf_field_row_bytes(&OUTPUTS[c]);
        for (int64_t i = 0; i < rows.n; i++)
            for (size_t k = 0; k < row; k++)
                ASSERT_EQ(static_cast<const unsigned char *>(rows.columns[c])[static_cast<size_t>(i) * row + k],
                          byte_of(c, rows.first + i, k));
    }
    for (int64_t i = 0; i < rows.n; i++)
        ASSERT_EQ(rows.status[i], 1 + (rows.first + i) % 5);
    for (int64_t b = 0; b < blocks.n; b++)
        ASSERT_EQ(rows.seconds[b], static_cast<float>(blocks.first + b) + 0.5F);
    ASSERT_EQ(rows.n_failures, static_cast<int64_t>(failures.size()));
    for (size_t k = 0; k < failures.size(); k++) {
        ASSERT_EQ(rows.failures[k].item, failures[k].item);
        ASSERT_EQ(memcmp(rows.failures[k].message, failures[k].message, FAILURE_BYTES), 0);
    }
}

struct Layout {
    int64_t block, n_items;
    span blocks;
};

void PrintTo(const Layout &l, std::ostream *out) {
    *out << l.n_items << " items in blocks of " << l.block << ", blocks " << l.blocks.first << " + " << l.blocks.n;
}

class ParcelLayout : public testing::TestWithParam<Layout> {};

} // namespace

TEST_P(ParcelLayout, CarriesRowsOfSomeBlocksAndTheirFailures) {
    const Layout &l = GetParam();
    chunk_shape shape = make_shape(l.block, l.n_items);
    struct parcel parcel = {};
    Error error;
    for (int64_t b = 0; b < l.blocks.n; b++)
        for (int64_t m = 1; b + m <= l.blocks.n; m++) { /* one parcel, laid out again and again */
            span blocks = {l.blocks.first + b, m};
            ASSERT_EQ(sheaf_parcel_layout(&parcel, &shape, blocks, error), 0) << error.text();
            ASSERT_EQ(parcel.first_item, blocks.first * l.block);
            ASSERT_LE(parcel.data.n_bytes, sheaf_parcel_bytes(&shape, m)) << "the last block may be shorter";
            fill(shape, &parcel);
            std::vector<struct failure> failures = failures_of(b % 3, b);
            if (!failures.empty()) {
                ASSERT_EQ(sheaf_parcel_add_tail(&parcel, &shape, failures.data(), static_cast<int64_t>(failures.size()),
                                                &no_texts, error),
                          0);
                ASSERT_EQ(parcel.status[0], 1 + parcel.first_item % 5) << "still right";
                ASSERT_EQ(parcel.seconds[m - 1], static_cast<float>(blocks.first + m - 1) + 0.5F);
                ASSERT_EQ(reinterpret_cast<unsigned char *>(parcel.out[2])[0], byte_of(2, parcel.first_item, 0));
            }
            ASSERT_EQ(parcel.data.n_bytes % SHEAF_ALIGN, 0u) << "the next one behind it is aligned too";
            Aligned arrived(parcel.data.n_bytes);
            memcpy(arrived.get(), parcel.data.data, parcel.data.n_bytes);
            const void *columns[N_OUTPUTS];
            struct rows rows;
            size_t n_bytes = 0;
            ASSERT_FALSE(sheaf_parcel_is_seal(arrived.get()));
            sheaf_parcel_look(arrived.get(), &shape, columns, &rows, &n_bytes);
            ASSERT_EQ(n_bytes, parcel.data.n_bytes);
            expect_rows(shape, rows, blocks, failures);
        }
    sheaf_parcel_free(&parcel);
}

INSTANTIATE_TEST_SUITE_P(Layouts, ParcelLayout,
                         testing::Values(Layout{1, 30, {11, 10}}, Layout{1, 1, {0, 1}}, Layout{16, 160, {2, 4}},
                                         Layout{20, 107, {3, 3}}, Layout{7, 50, {2, 6}}, Layout{64, 3, {0, 1}},
                                         Layout{64, 640, {8, 2}}, Layout{100, 250, {0, 3}}));

// What a kernel writes into the padding must not reach what lies behind.
TEST(Parcel, ColumnsSecondsAndStatusDoNotOverlap) {
    for (int64_t block : {1, 2, 15, 16, 17, 64})
        for (int64_t n_blocks = 1; n_blocks < 5; n_blocks++) {
            chunk_shape shape = make_shape(block, 1000);
            struct parcel parcel = {};
            Error error;
            ASSERT_EQ(sheaf_parcel_layout(&parcel, &shape, {1, n_blocks}, error), 0);
            int64_t n_padded = block > 1 ? (n_blocks * block + 15) / 16 * 16 : n_blocks;
            std::vector<std::pair<const char *, size_t>> parts = {
                {reinterpret_cast<char *>(parcel.seconds), static_cast<size_t>(n_blocks) * sizeof(float)},
                {reinterpret_cast<char *>(parcel.status), static_cast<size_t>(parcel.n_items)}};
            for (int c = 0; c < N_OUTPUTS; c++)
                parts.emplace_back(parcel.out[c], static_cast<size_t>(n_padded) * sheaf_field_row_bytes(&OUTPUTS[c]));
            std::sort(parts.begin(), parts.end());
            EXPECT_GE(parts[0].first, parcel.data.data + sizeof(struct span) + sizeof(int64_t)) << "the head";
            for (size_t k = 0; k + 1 < parts.size(); k++)
                EXPECT_LE(parts[k].first + parts[k].second, parts[k + 1].first);
            EXPECT_LE(parts.back().first + parts.back().second, parcel.data.data + parcel.data.n_bytes);
            sheaf_parcel_free(&parcel);
        }
}

TEST(Parcel, SeveralInAMessageComeOutInTheirOrder) {
    chunk_shape shape = make_shape(20, 107);
    const span all[] = {{0, 2}, {5, 1}, {3, 2}, {2, 1}}; /* the last block is short */
    for (size_t spare : {size_t{0}, size_t{1000}}) {     /* a message may be longer than what was put in */
        struct sheaf_buffer message = {};
        Error error;
        for (size_t k = 0; k < 4; k++) {
            struct parcel parcel = {};
            std::vector<struct failure> failures = failures_of(static_cast<int64_t>(k) % 3, static_cast<int64_t>(k));
            ASSERT_EQ(sheaf_parcel_layout(&parcel, &shape, all[k], error), 0);
            fill(shape, &parcel);
            ASSERT_EQ(sheaf_parcel_add_tail(&parcel, &shape, failures.data(), static_cast<int64_t>(failures.size()),
                                            &no_texts, error),
                      0);
            size_t at = message.n_bytes;
            ASSERT_EQ(sheaf_buffer_resize(&message, at + parcel.data.n_bytes, error), 0);
            memcpy(message.data + at, parcel.data.data, parcel.data.n_bytes);
            sheaf_parcel_free(&parcel);
        }
        ASSERT_EQ(sheaf_parcel_seal(&message, error), 0);
        Aligned arrived(message.n_bytes + spare);
        memcpy(arrived.get(), message.data, message.n_bytes);
        const char *at = arrived.get();
        for (size_t k = 0; k < 4; k++) {
            const void *columns[N_OUTPUTS];
            struct rows rows;
            size_t n_bytes = 0;
            ASSERT_FALSE(sheaf_parcel_is_seal(at)) << k;
            sheaf_parcel_look(at, &shape, columns, &rows, &n_bytes);
            expect_rows(shape, rows, all[k], failures_of(static_cast<int64_t>(k) % 3, static_cast<int64_t>(k)));
            at += n_bytes;
        }
        EXPECT_TRUE(sheaf_parcel_is_seal(at));
        EXPECT_LE(at, arrived.get() + message.n_bytes - SHEAF_ALIGN);
        sheaf_buffer_free(&message);
    }
}

TEST(Parcel, AMessageOfNothingIsASeal) {
    struct sheaf_buffer message = {};
    Error error;
    ASSERT_EQ(sheaf_parcel_seal(&message, error), 0);
    EXPECT_TRUE(sheaf_parcel_is_seal(message.data));
    sheaf_buffer_free(&message);
}

// A parcel may have been used with a stage of other outputs.
TEST(Parcel, MayBeLaidOutForAnotherShape) {
    chunk_shape few = make_shape(4, 100), many = make_shape(4, 100);
    few.n_outputs = 1;
    struct parcel parcel = {};
    Error error;
    for (const chunk_shape *shape : {&few, &many, &few, &many}) {
        ASSERT_EQ(sheaf_parcel_layout(&parcel, shape, {3, 5}, error), 0);
        for (int c = 0; c < shape->n_outputs; c++)
            EXPECT_TRUE(is_aligned(parcel.out[c]));
        EXPECT_EQ(parcel.n_items, 20);
    }
    sheaf_parcel_free(&parcel);
    sheaf_parcel_free(&parcel); /* again is harmless */
}
