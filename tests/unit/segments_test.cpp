// plan/segments: which items a segment has, and what changes a sum.
#include "unit/sheaf.h"

using namespace unit;

namespace {

struct segments of(int64_t n_items, int64_t size) {
    return {n_items, size, sheaf_segment_count(n_items, size), 1000};
}

std::pair<int64_t, int64_t> pair(struct span span) {
    return {span.first, span.n};
}

using Pair = std::pair<int64_t, int64_t>;

} // namespace

TEST(Segments, SixteenKilobytesOfRows) {
    EXPECT_EQ(sheaf_segment_size(1), 16384);
    EXPECT_EQ(sheaf_segment_size(8), 2048);
    EXPECT_EQ(sheaf_segment_size(9), 2048);
    EXPECT_EQ(sheaf_segment_size(17), 1024);
    EXPECT_EQ(sheaf_segment_size(16383), 2);
    EXPECT_EQ(sheaf_segment_size(16384), 1);
    EXPECT_EQ(sheaf_segment_size(1 << 30), 1);
}

TEST(Segments, TheLastOneIsCut) {
    const struct segments s = of(10, 4);
    EXPECT_EQ(s.n, 3);
    EXPECT_EQ(pair(sheaf_segment_items(&s, 0)), (Pair{0, 4}));
    EXPECT_EQ(pair(sheaf_segment_items(&s, 2)), (Pair{8, 2}));
    EXPECT_EQ(sheaf_segment_count(0, 4), 0);
    EXPECT_EQ(sheaf_segment_count(8, 4), 2);
    EXPECT_EQ(sheaf_segment_count(INT64_MAX, 2), INT64_MAX / 2 + 1);
}

TEST(Segments, OffsetsOfSums) {
    const struct segments s = of(10, 4);
    EXPECT_EQ(sheaf_segment_sum_offset(&s, SEGMENT_INPUTS, 0), 1000);
    EXPECT_EQ(sheaf_segment_sum_offset(&s, SEGMENT_INPUTS, 2), 1016);
    EXPECT_EQ(sheaf_segment_sum_offset(&s, SEGMENT_OUTPUTS, 0), 1024);
    EXPECT_EQ(sheaf_segment_sum_offset(&s, SEGMENT_OUTPUTS, 2), 1040);
}

TEST(Segments, WithinAndTouching) {
    const struct segments s = of(10, 4);
    for (int64_t first = 0; first < 10; first++)
        for (int64_t n = 1; first + n <= 10; n++) { // item by item
            int64_t within = 0, touching = 0;
            for (int64_t k = 0; k < 3; k++) {
                int64_t begin = 4 * k, end = k == 2 ? 10 : begin + 4;
                within += begin >= first && end <= first + n;
                touching += begin < first + n && end > first;
            }
            EXPECT_EQ(sheaf_segments_within(&s, first, n).n, within) << first << "+" << n;
            EXPECT_EQ(sheaf_segments_touching(&s, first, n).n, touching) << first << "+" << n;
        }
    EXPECT_EQ(pair(sheaf_segments_within(&s, 3, 7)), (Pair{1, 2}));
    EXPECT_EQ(pair(sheaf_segments_touching(&s, 3, 2)), (Pair{0, 2}));
    EXPECT_EQ(sheaf_segments_touching(&s, 3, 0).n, 0);
}

// xxhsum -H3 says the same of these bytes.
TEST(Segments, ASumIsXxh3) {
    EXPECT_EQ(sheaf_segment_add(0, "abc", 3), 0x78af5f94892f3950U);
    EXPECT_EQ(sheaf_segment_add(7, "", 0), 7U);
}

TEST(Segments, PiecesAddUp) {
    std::string bytes(3 * SEGMENT_PIECE + 5, '\0');
    for (size_t i = 0; i < bytes.size(); i++)
        bytes[i] = static_cast<char>(i * i % 251);
    uint64_t sum = 9;
    for (size_t at = 0; at < bytes.size(); at += SEGMENT_PIECE)
        sum = sheaf_segment_add(sum, &bytes[at], std::min<size_t>(SEGMENT_PIECE, bytes.size() - at));
    EXPECT_EQ(sheaf_segment_add(9, bytes.data(), bytes.size()), sum);
    for (size_t at : {size_t{0}, size_t{SEGMENT_PIECE}, bytes.size() - 1}) {
        bytes[at] = static_cast<char>(bytes[at] ^ 1);
        EXPECT_NE(sheaf_segment_add(9, bytes.data(), bytes.size()), sum);
        bytes[at] = static_cast<char>(bytes[at] ^ 1);
    }
}

TEST(Segments, StatusesAreTakenAsSafe) {
    std::vector<uint8_t> status(10000, ITEM_DONE), unsafe(10000, ITEM_DONE | ITEM_UNSAFE);
    const uint64_t sum = sheaf_segment_add_statuses(0, status.data(), 10000);
    EXPECT_EQ(sheaf_segment_add_statuses(0, unsafe.data(), 10000), sum);
    status[9999] = ITEM_FAILED;
    EXPECT_NE(sheaf_segment_add_statuses(0, status.data(), 10000), sum);
}

TEST(Segments, NoSumIsZero) {
    EXPECT_EQ(sheaf_segment_end(0), 1U);
    EXPECT_EQ(sheaf_segment_end(5), 5U);
}
