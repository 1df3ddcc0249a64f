// core/buffer, arena, type and hash: aligned memory that grows, fill values, fingerprints.
#include "unit/sheaf.h"

#include <cmath>
#include <fstream>
#include <iterator>
#include <set>

#include <xxhash.h>

using namespace unit;

// ---------------------------------------------------------------------------------------------------------- buffer

TEST(Buffer, IsAlignedForColumnsAndKeepsWhatItHeld) {
    struct sheaf_buffer buffer = {};
    Error error;
    std::string wanted;
    for (size_t n : {size_t{1}, size_t{63}, size_t{64}, size_t{65}, size_t{1000}, size_t{100000}, size_t{3000000}}) {
        ASSERT_EQ(sheaf_buffer_resize(&buffer, n, error), 0);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data) % 64, 0u);
        EXPECT_EQ(buffer.n_bytes, n);
        EXPECT_GE(buffer.capacity, n);
        ASSERT_EQ(std::string(buffer.data, wanted.size()), wanted);
        while (wanted.size() < n)
            wanted.push_back(static_cast<char>(wanted.size() * 7 + n));
        memcpy(buffer.data, wanted.data(), n);
    }
    sheaf_buffer_free(&buffer);
    EXPECT_EQ(buffer.data, nullptr);
    EXPECT_EQ(buffer.capacity, 0u);
}

TEST(Buffer, ShrinkingDoesNotMoveIt) {
    struct sheaf_buffer buffer = {};
    Error error;
    ASSERT_EQ(sheaf_buffer_resize(&buffer, 1000, error), 0);
    const char *data = buffer.data;
    ASSERT_EQ(sheaf_buffer_resize(&buffer, 10, error), 0);
    ASSERT_EQ(sheaf_buffer_resize(&buffer, 1000, error), 0);
    EXPECT_EQ(buffer.data, data);
    sheaf_buffer_free(&buffer);
}

TEST(Buffer, TooMuchIsAnErrorAndLeavesItUsable) {
    struct sheaf_buffer buffer = {};
    Error error;
    ASSERT_EQ(sheaf_buffer_resize(&buffer, 10, error), 0);
    memcpy(buffer.data, "123456789", 10);
    EXPECT_EQ(sheaf_buffer_resize(&buffer, SIZE_MAX, error), -1);
    EXPECT_EQ(error.error.exit, SHEAF_EXIT_ENVIRONMENT);
    EXPECT_HAS(error.text(), "no memory");
    EXPECT_EQ(sheaf_buffer_resize(&buffer, SIZE_MAX - 100, error), -1);
    EXPECT_STREQ(buffer.data, "123456789");
    EXPECT_EQ(buffer.n_bytes, 10u);
    sheaf_buffer_free(&buffer);
}

// ----------------------------------------------------------------------------------------------------------- arena

TEST(Arena, GivesZeroedAlignedPiecesThatNeverMoveOrOverlap) {
    struct sheaf_arena arena = {};
    std::mt19937 random(2);
    std::vector<std::pair<unsigned char *, size_t>> pieces;
    for (int i = 0; i < 3000; i++) {
        size_t n = i % 100 == 0 ? 40000 : random() % 200;
        auto *piece = static_cast<unsigned char *>(sheaf_arena_take(&arena, n));
        ASSERT_NE(piece, nullptr);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(piece) % alignof(max_align_t), 0u);
        for (size_t k = 0; k < n; k++)
            ASSERT_EQ(piece[k], 0);
        memset(piece, i % 251 + 1, n);
        pieces.push_back({piece, n});
    }
    for (size_t i = 0; i < pieces.size(); i++)
        for (size_t k = 0; k < pieces[i].second; k++)
            ASSERT_EQ(pieces[i].first[k], i % 251 + 1);
    sheaf_arena_free(&arena);
    EXPECT_NE(sheaf_arena_take(&arena, 1), nullptr) << "it can be used again";
    sheaf_arena_free(&arena);
}

TEST(Arena, TextsAreTerminatedCopies) {
    struct sheaf_arena arena = {};
    EXPECT_STREQ(sheaf_arena_text(&arena, "abcdef", 3), "abc");
    EXPECT_STREQ(sheaf_arena_text(&arena, nullptr, 0), "");
    char *text = sheaf_arena_text(&arena, "a\0b", 3);
    EXPECT_EQ(memcmp(text, "a\0b", 4), 0);
    sheaf_arena_free(&arena);
}

TEST(Arena, TooMuchGivesNothing) {
    struct sheaf_arena arena = {};
    EXPECT_EQ(sheaf_arena_take(&arena, SIZE_MAX), nullptr);
    EXPECT_EQ(sheaf_arena_take(&arena, SIZE_MAX - 8), nullptr);
    sheaf_arena_free(&arena);
}

// ------------------------------------------------------------------------------------------------------------ type

TEST(Type, SizesAndNames) {
    const struct {
        sheaf_type type;
        size_t n_bytes;
        const char *name;
    } cases[] = {{SHEAF_FLOAT64, 8, "float64"}, {SHEAF_FLOAT32, 4, "float32"},
                 {SHEAF_INT64, 8, "int64"},     {SHEAF_INT32, 4, "int32"},
                 {SHEAF_UINT8, 1, "uint8"},     {SHEAF_TEXT, sizeof(sheaf_text), "text"}};
    for (const auto &c : cases) {
        EXPECT_EQ(sheaf_type_bytes(c.type), c.n_bytes);
        EXPECT_STREQ(sheaf_type_name(c.type), c.name);
        sheaf_field three = field("x", c.type, 3);
        EXPECT_EQ(sheaf_field_row_bytes(&three), 3 * c.n_bytes);
    }
    for (int none : {0, 7, -1, 1000})
        EXPECT_EQ(sheaf_type_bytes(static_cast<sheaf_type>(none)), 0u) << none;
}

// https://docs.unidata.ucar.edu/netcdf-c/current/netcdf_8h.html: NC_FILL_INT64, NC_FILL_INT, NC_FILL_UBYTE. Floats are
// NaN by rule R1.
TEST(Type, FillValuesAreNaNAndNetcdfsDefaults) {
    double f64[3] = {};
    float f32[3] = {};
    int64_t i64[3] = {};
    int32_t i32[3] = {};
    uint8_t u8[4] = {};
    sheaf_type_fill(SHEAF_FLOAT64, f64, 3);
    sheaf_type_fill(SHEAF_FLOAT32, f32, 3);
    sheaf_type_fill(SHEAF_INT64, i64, 3);
    sheaf_type_fill(SHEAF_INT32, i32, 3);
    sheaf_type_fill(SHEAF_UINT8, u8, 3);
    for (int i = 0; i < 3; i++) {
        EXPECT_TRUE(std::isnan(f64[i]));
        EXPECT_TRUE(std::isnan(f32[i]));
        EXPECT_EQ(i64[i], -9223372036854775806LL);
        EXPECT_EQ(i32[i], -2147483647);
        EXPECT_EQ(u8[i], 255);
    }
    EXPECT_EQ(u8[3], 0) << "one too many";
}

TEST(Type, ValuesAsDoublesForSorting) {
    double f64 = -2.5;
    float f32 = 0.5F;
    int64_t i64 = -3;
    int32_t i32 = INT32_MIN;
    uint8_t u8 = 200;
    EXPECT_EQ(sheaf_type_to_double(SHEAF_FLOAT64, &f64), -2.5);
    EXPECT_EQ(sheaf_type_to_double(SHEAF_FLOAT32, &f32), 0.5);
    EXPECT_EQ(sheaf_type_to_double(SHEAF_INT64, &i64), -3);
    EXPECT_EQ(sheaf_type_to_double(SHEAF_INT32, &i32), -2147483648.0);
    EXPECT_EQ(sheaf_type_to_double(SHEAF_UINT8, &u8), 200);
}

TEST(Type, RoundingUp) {
    EXPECT_EQ(sheaf_round_up(0, 16), 0u);
    EXPECT_EQ(sheaf_round_up(1, 16), 16u);
    EXPECT_EQ(sheaf_round_up(16, 16), 16u);
    EXPECT_EQ(sheaf_round_up(17, 16), 32u);
}

// ------------------------------------------------------------------------------------------------------------ hash

namespace {

std::string hash_of(const std::string &bytes) {
    char hash[SHEAF_HASH_BYTES];
    sheaf_hash_bytes(bytes.data(), bytes.size(), hash);
    return hash;
}

} // namespace

TEST(Hash, IsThatOfXxh3) {
    /* XXH128 of nothing, from xxHash's own specification of test vectors (XXH3_128bits, seed 0, length 0). */
    EXPECT_EQ(hash_of(""), "99aa06d3014798d86001c324468d497f");
}

TEST(Hash, SameBytesSameHashAndEachBitCounts) {
    std::string bytes = "some bytes of a file";
    std::set<std::string> seen{hash_of(bytes)};
    EXPECT_EQ(hash_of(bytes), hash_of(std::string(bytes)));
    for (size_t bit = 0; bit < 8 * bytes.size(); bit++) {
        std::string other = bytes;
        other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << bit % 8));
        seen.insert(hash_of(other));
    }
    EXPECT_EQ(seen.size(), 8 * bytes.size() + 1);
    EXPECT_EQ(hash_of(bytes).size(), 32u);
    EXPECT_EQ(hash_of(bytes).find_first_not_of("0123456789abcdef"), std::string::npos);
}

TEST(Hash, OfAFileIsThatOfItsBytes) {
    Folder folder;
    std::mt19937 random(3);
    for (size_t n : {size_t{0}, size_t{1}, size_t{240}, size_t{241}, size_t{65536}, size_t{1 << 20}, size_t{3000001}}) {
        std::string bytes(n, '\0');
        for (char &c : bytes)
            c = static_cast<char>(random());
        char hash[SHEAF_HASH_BYTES];
        Error error;
        ASSERT_EQ(sheaf_hash_file(folder.write("f", bytes).c_str(), hash, error), 0) << error.text();
        EXPECT_EQ(hash, hash_of(bytes)) << n;
    }
}

/* Of large ones the hash is that of a table of hashes, as xxHash itself gives them; also where segments end. */
TEST(Hash, OfALargeFileIsThatOfItsSegments) {
    Folder folder;
    const size_t segment = SHEAF_HASH_SEGMENT;
    std::mt19937_64 random(4);
    for (size_t n : {segment, segment + 1, 3 * segment, 3 * segment + 12345}) {
        std::string bytes(n, '\0'), table;
        for (size_t i = 0; i < n; i += 97)
            bytes[i] = static_cast<char>(random());
        const auto put = [&](XXH128_hash_t hash) {
            XXH128_canonical_t canonical;
            XXH128_canonicalFromHash(&canonical, hash);
            table.append(reinterpret_cast<const char *>(&canonical), sizeof canonical);
        };
        for (size_t at = 0; at < n; at += segment)
            put(XXH3_128bits(bytes.data() + at, std::min(segment, n - at)));
        put({n, 0});
        const std::string expected = hash_of(n > segment ? table : bytes);
        char hash[SHEAF_HASH_BYTES];
        Error error;
        const std::string path = folder.write("f", bytes);
        ASSERT_EQ(sheaf_hash_file(path.c_str(), hash, error), 0) << error.text();
        EXPECT_EQ(hash, expected) << n;
        ASSERT_EQ(sheaf_hash_data("f", bytes.data(), n, hash, error), 0);
        EXPECT_EQ(hash, expected) << n;
    }
}

/* Files without a size have bytes all the same. */
TEST(Hash, OfAFileThatSaysNoSize) {
    char hash[SHEAF_HASH_BYTES];
    Error error;
    std::ifstream file("/proc/version");
    const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    ASSERT_FALSE(bytes.empty());
    ASSERT_EQ(sheaf_hash_file("/proc/version", hash, error), 0);
    EXPECT_EQ(hash, hash_of(bytes));
}

// A file that was written down is not read again: the fingerprint that is made up here is believed; with anything else
// in the line the file is read.
TEST(Known, AnUnchangedFileIsNotReadAgain) {
    const std::string path = SHEAF_SOURCE_DIR "/src/main.c", made_up(32, 'a');
    char hash[SHEAF_HASH_BYTES], read[SHEAF_HASH_BYTES];
    Error error;
    ASSERT_EQ(sheaf_hash_file(path.c_str(), read, error), 0);
    struct known first = {};
    ASSERT_EQ(sheaf_known_hash(&first, path.c_str(), hash, error), 0);
    EXPECT_STREQ(hash, read);
    ASSERT_NE(first.now.data, nullptr) << "it was not changed just now";
    const std::string line = first.now.data;
    ASSERT_EQ(line.substr(0, 33), std::string(read) + " ");
    ASSERT_EQ(line.back(), '\n');

    auto hash_with = [&](const std::string &before) {
        struct known later = {};
        later.before = strdup(before.c_str());
        EXPECT_EQ(sheaf_known_hash(&later, path.c_str(), hash, error), 0);
        EXPECT_EQ(std::string(later.now.data), hash + line.substr(32)) << "it is handed on";
        sheaf_known_free(&later);
        return std::string(hash);
    };
    const std::string forged = made_up + line.substr(32);
    EXPECT_EQ(hash_with(forged), made_up);
    EXPECT_EQ(hash_with(read + std::string(" 1 2 3 4.5 6.7 other\n") + forged), made_up);
    for (size_t k = 33; k + 1 < forged.size(); k++)
        if (forged[k] != ' ') {
            std::string other = forged;
            other[k] = other[k] == '1' ? '2' : '1';
            EXPECT_EQ(hash_with(other), read) << other;
        }
    for (const std::string &other : {forged.substr(0, forged.size() - 1), forged.substr(1), "x" + forged, std::string(),
                                     std::string("\n\n"), std::string("g") + forged.substr(1)})
        EXPECT_EQ(hash_with(other), read) << other;
    sheaf_known_free(&first);
}

TEST(Known, AFileThatWasJustChangedIsNotWrittenDown) {
    Folder folder;
    Error error;
    char hash[SHEAF_HASH_BYTES];
    struct known known = {};
    ASSERT_EQ(sheaf_known_hash(&known, folder.write("f", "abc").c_str(), hash, error), 0);
    EXPECT_EQ(hash, hash_of("abc"));
    EXPECT_EQ(known.now.data, nullptr);
    EXPECT_EQ(sheaf_known_hash(&known, "/nowhere/f", hash, error), -1);
    EXPECT_HAS(error.text(), "/nowhere/f");
    sheaf_known_free(&known);
}

TEST(Hash, OfAFileThatIsNotThereIsAnErrorThatNamesIt) {
    char hash[SHEAF_HASH_BYTES];
    Error error;
    EXPECT_EQ(sheaf_hash_file("/nowhere/f", hash, error), -1);
    EXPECT_HAS(error.text(), "/nowhere/f");
    EXPECT_HAS(error.text(), "No such file");
}
