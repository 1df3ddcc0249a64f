// plan/proof: hashes of the segments that rows lie in, and what they find out later.
#include "unit/sheaf.h"

#include <fcntl.h>
#include <unistd.h>

#include <random>

using namespace unit;

namespace {

// Two fields of n items, and the tables of their hashes in a file.
struct Proven {
    std::vector<double> x;
    std::vector<int32_t> w; /* three an item */
    std::vector<struct sheaf_field> fields;
    std::vector<int64_t> tables;
    Folder folder;
    std::string path = folder / "table";
    int fd;
    int64_t n;

    explicit Proven(int64_t n_items, unsigned seed = 1) : n(n_items) {
        std::mt19937_64 random(seed);
        x.resize(static_cast<size_t>(n));
        w.resize(static_cast<size_t>(3 * n));
        for (double &value : x)
            value = static_cast<double>(random());
        for (int32_t &value : w)
            value = static_cast<int32_t>(random());
        fields = {field("x", SHEAF_FLOAT64), field("w", SHEAF_INT32, 3)};
        tables = {64, 64 + 8 * sheaf_proof_segments(fields.data(), nullptr, n)};
        fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
        EXPECT_GE(fd, 0);
        EXPECT_EQ(ftruncate(fd, tables[1] + 8 * sheaf_proof_segments(&fields[1], nullptr, n)), 0);
    }
    ~Proven() { close(fd); }
    std::vector<uint64_t> table(int k) const {
        std::vector<uint64_t> hashes(
            static_cast<size_t>(sheaf_proof_segments(&fields[static_cast<size_t>(k)], nullptr, n)));
        EXPECT_EQ(pread(fd, hashes.data(), 8 * hashes.size(), tables[static_cast<size_t>(k)]),
                  static_cast<ssize_t>(8 * hashes.size()));
        return hashes;
    }
};

// One process that has it open.
struct Open {
    struct proof proof = {};
    struct sheaf_error error = {};
    struct sheaf_stamp stamp = {};
    std::string input;
    explicit Open(const Proven &p, bool with_w = true) {
        const char *data[] = {reinterpret_cast<const char *>(p.x.data()),
                              with_w ? reinterpret_cast<const char *>(p.w.data()) : nullptr};
        const struct sheaf_tiling *const tilings[] = {nullptr, nullptr};
        EXPECT_EQ(sheaf_proof_open(&proof, p.fields.data(), 2, p.n, p.fd, p.tables.data(), p.path.c_str(),
                                   {data, tilings}, &error),
                  0)
            << error.text;
        input = p.folder.write("input", "x");
        EXPECT_EQ(sheaf_stamp_take(&stamp, input.c_str(), &error), 0) << error.text;
        sheaf_proof_set_input(&proof, input.c_str(), &stamp);
    }
    ~Open() { sheaf_proof_close(&proof); }
    void cover(int64_t first, int64_t n) { EXPECT_EQ(sheaf_proof_cover(&proof, first, n, &error), 0) << error.text; }
    // The field that differs, -1: none; and the items among which one does.
    int compare(int64_t *first, int64_t *n) {
        int k = -2;
        EXPECT_EQ(sheaf_proof_compare(&proof, &k, first, n, &error), 0) << error.text;
        return k;
    }
};

TEST(Proof, ASegmentIs64KilobytesAndTheLastMayBeShorter) {
    struct sheaf_field x = field("x", SHEAF_FLOAT64), w = field("w", SHEAF_INT32, 3);
    EXPECT_EQ(sheaf_proof_segments(&x, nullptr, 0), 0);
    EXPECT_EQ(sheaf_proof_segments(&x, nullptr, 1), 1);
    EXPECT_EQ(sheaf_proof_segments(&x, nullptr, 8192), 1);
    EXPECT_EQ(sheaf_proof_segments(&x, nullptr, 8193), 2);
    EXPECT_EQ(sheaf_proof_segments(&w, nullptr, 5462), 2) << "65,544 bytes";
}

// Of rows 8191 and 8192 the first segment has one, the second the other.
TEST(Proof, WhatRowsLieInIsHashedAndNothingElse) {
    Proven p(40000);
    {
        Open open(p);
        open.cover(8191, 1);
        EXPECT_NE(p.table(0)[0], 0U);
        EXPECT_EQ(p.table(0)[1], 0U);
        open.cover(8192, 1);
        EXPECT_NE(p.table(0)[1], 0U);
        EXPECT_EQ(p.table(0)[2], 0U);
    }
    Open again(p); /* a later run knows them */
    EXPECT_EQ(atomic_load(&again.proof.known[0]) & 7, 3U);
    again.cover(0, 40000);
    for (int k : {0, 1})
        for (uint64_t hash : p.table(k))
            EXPECT_NE(hash, 0U);
}

// Whoever takes them, in whatever order: the same table.
TEST(Proof, TheSameHashesForEveryOrder) {
    Proven p(50000), q(50000), r(50000);
    std::mt19937 random(7);
    Open a(p), b(q), c(r);
    a.cover(0, 50000);
    EXPECT_EQ(sheaf_proof_cover_all(&b.proof, &b.error), 0);
    for (int64_t at = 0; at < 50000; at += 100)
        c.cover(static_cast<int64_t>(random() % 49900), 100);
    for (int64_t at = 0; at < 50000; at += 77)
        c.cover(at, std::min<int64_t>(77, 50000 - at));
    for (int k : {0, 1}) {
        EXPECT_EQ(p.table(k), q.table(k));
        EXPECT_EQ(p.table(k), r.table(k));
    }
}

// A byte that was changed is found exactly where its segment was read, and lies in the items that are named.
TEST(Proof, AChangedByteIsFoundWhereItWasRead) {
    std::mt19937_64 random(3);
    for (int trial = 0; trial < 300; trial++) {
        Proven p(30000 + static_cast<int64_t>(random() % 3000), static_cast<unsigned>(trial));
        const auto from = static_cast<int64_t>(random() % static_cast<uint64_t>(p.n));
        const auto n_read = static_cast<int64_t>(random() % static_cast<uint64_t>(p.n - from)) + 1;
        Open(p).cover(from, n_read);
        const bool in_w = random() % 2 != 0;
        const int64_t row = in_w ? 12 : 8, item = static_cast<int64_t>(random() % static_cast<uint64_t>(p.n));
        char *byte = (in_w ? reinterpret_cast<char *>(p.w.data()) : reinterpret_cast<char *>(p.x.data())) + item * row +
                     static_cast<int64_t>(random() % static_cast<uint64_t>(row));
        *byte = static_cast<char>(*byte ^ (1 << random() % 8));
        const int64_t at =
            (byte - (in_w ? reinterpret_cast<char *>(p.w.data()) : reinterpret_cast<char *>(p.x.data()))) / 65536;
        const bool was_read = at >= from * row / 65536 && at <= ((from + n_read) * row - 1) / 65536;
        int64_t first = -1, n = -1;
        Open later(p);
        ASSERT_EQ(later.compare(&first, &n), was_read ? static_cast<int>(in_w) : -1) << trial;
        if (was_read) {
            EXPECT_LE(first, item);
            EXPECT_GT(first + n, item);
            EXPECT_LE(n, 65536 / row + 2);
        }
    }
}

TEST(Proof, OfSeveralTheFirstIsNamed) {
    Proven p(60000);
    Open(p).cover(0, 60000);
    p.x[50000] = 1;
    p.x[20000] = 1;
    int64_t first, n;
    EXPECT_EQ(Open(p).compare(&first, &n), 0);
    EXPECT_EQ(first, 16384);
    EXPECT_EQ(n, 8192);
}

// What was hashed of a file that is not as it was any more comes into no table.
TEST(Proof, NoHashOfAFileThatWasChanged) {
    Proven p(30000);
    Open open(p);
    open.cover(0, 1);
    p.folder.write("input", "changed");
    EXPECT_EQ(sheaf_proof_cover(&open.proof, 20000, 1, &open.error), -1);
    EXPECT_NE(std::string(open.error.text).find("input"), std::string::npos) << open.error.text;
    EXPECT_EQ(sheaf_proof_cover_all(&open.proof, &open.error), -1);
    EXPECT_NE(p.table(0)[0], 0U);
    EXPECT_EQ(p.table(0)[20000 * 8 / 65536], 0U);
}

// A field that is not read here takes part in nothing.
TEST(Proof, AFieldThatIsNotRead) {
    Proven p(30000);
    Open half(p, false);
    half.cover(0, 30000);
    for (uint64_t hash : p.table(1))
        EXPECT_EQ(hash, 0U);
    p.w[0]++;
    int64_t first, n;
    EXPECT_EQ(half.compare(&first, &n), -1);
}

} // namespace
