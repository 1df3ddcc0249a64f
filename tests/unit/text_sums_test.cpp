// plan/text_sums and store/collection: what an item's texts add up to, and where HDF5 has put them; plan/span_list.
#include "unit/sheaf.h"
#include "unit/texts.h"

using namespace unit;

namespace {

struct Records {
    struct sheaf_buffer bytes = {};
    Error error;
    ~Records() { sheaf_buffer_free(&bytes); }
    // Puts a record, and gives the checksum that is in its head.
    uint64_t put(int64_t item, int output, const std::string &text) {
        const size_t at = bytes.n_bytes;
        uint64_t checksum;
        EXPECT_EQ(sheaf_journal_put(&bytes, item, output, text.data(), text.size(), error), 0);
        memcpy(&checksum, bytes.data + at + 8, sizeof checksum);
        return checksum;
    }
    std::vector<uint64_t> sums(int64_t first, int64_t n) {
        std::vector<uint64_t> list(static_cast<size_t>(n), 99);
        EXPECT_EQ(sheaf_text_sums_make(bytes.data, bytes.n_bytes, first, n, 4, list.data(), error), 0);
        return list;
    }
};

using Sums = std::vector<uint64_t>;

std::string say(const struct span_list &list, int most = SPANS_KEPT) {
    struct sheaf_string said = {};
    sheaf_span_list_say(&list, most, ",", &said);
    std::string text = said.data ? said.data : "";
    sheaf_string_free(&said);
    return text;
}

struct span_list list_of(const std::vector<struct span> &spans) {
    struct span_list list = {};
    for (struct span span : spans)
        sheaf_span_list_add(&list, span);
    return list;
}

} // namespace

TEST(TextSums, AreThoseOfTheRecordsThatCount) {
    Records r;
    EXPECT_EQ(r.sums(5, 2), (Sums{1, 1})) << "no texts, which is known";
    const uint64_t a = r.put(7, LOG, "a log"), b = r.put(6, SAID, "said");
    r.put(5, SAID, "");
    r.put(8, SAID, "a first attempt");
    const uint64_t c = r.put(7, SAID, "said"), d = r.put(8, SAID, "the last one");
    r.put(9, LOG, "a first attempt");
    r.put(9, LOG, "");
    EXPECT_NE(b, c) << "the item is in it";
    EXPECT_EQ(r.sums(5, 6), (Sums{1, b, a + c, d, 1, 1}));
}

// xxhsum -H3 says that of a head: ff 53 74 00, output 1, 0 for the checksum, item 2, no bytes.
TEST(TextSums, ATextIsXxh3) {
    EXPECT_EQ(sheaf_text_sum_begin(2, 1, 0), 0x563b43dccc304bf2U);
    Records r;
    const std::string text(JOURNAL_PIECE + 5, 'x');
    const uint64_t checksum = r.put(2, 1, text);
    uint64_t sum = sheaf_text_sum_begin(2, 1, text.size());
    sum = sheaf_text_sum_add(sum, text.data(), JOURNAL_PIECE);
    EXPECT_EQ(sheaf_text_sum_add(sum, text.data() + JOURNAL_PIECE, 5), checksum);
    EXPECT_EQ(sheaf_text_sum_end(0), 1u);
}

TEST(SpanList, KeepsWhatDoesNotTouch) {
    struct span_list list = list_of({{0, 1}, {1, 2}, {5, 1}, {7, 3}});
    EXPECT_EQ(say(list), "0:3,5,7:10");
    EXPECT_EQ(say(list, 2), "0:3,5");
    EXPECT_EQ(list.n, 3);
    EXPECT_EQ(list.n_items, 7);
    for (int64_t i = 10; i < 1000; i++)
        sheaf_span_list_add(&list, {2 * i, 1});
    EXPECT_EQ(list.n, 993);
    EXPECT_EQ(list.n_kept, SPANS_KEPT);
    EXPECT_EQ(list.kept[SPANS_KEPT - 1].first + list.kept[SPANS_KEPT - 1].n, 1999) << "to the end of all";
}

TEST(SpanList, Join) {
    const struct span_list a = list_of({{0, 4}, {10, 10}, {40, 1}}), b = list_of({{2, 3}, {12, 3}, {20, 5}, {41, 1}});
    struct span_list both;
    sheaf_span_list_join(&a, &b, &both);
    EXPECT_EQ(say(both), "0:5,10:25,40:42");
    sheaf_span_list_join(&b, &a, &both);
    EXPECT_EQ(say(both), "0:5,10:25,40:42");
    const struct span_list none = {};
    sheaf_span_list_join(&none, &none, &both);
    EXPECT_EQ(both.n, 0);
}

namespace {

// A file of texts as HDF5 writes it.
struct Heap {
    Folder folder;
    std::string path = folder / "texts.h5";
    std::vector<std::string> texts;
    off_t offset = 0;

    Heap() {
        for (int i = 0; i < 300; i++)
            texts.push_back(
                std::string(static_cast<size_t>(i % 50 == 7 ? 10000 : i % 37), static_cast<char>('a' + i % 26)));
        std::vector<const char *> values;
        for (const std::string &text : texts)
            values.push_back(text.c_str());
        const hsize_t n = texts.size();
        hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &n, nullptr);
        H5Tset_size(type, H5T_VARIABLE);
        hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        hid_t dataset = H5Dcreate2(file, "t", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        EXPECT_GE(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
        offset = static_cast<off_t>(H5Dget_offset(dataset));
        H5Dclose(dataset);
        H5Fclose(file);
        H5Sclose(space);
        H5Tclose(type);
    }

    // Which texts are found as they are; all that is found lies in the file.
    int count_found(const std::string &bytes) {
        struct heap heap;
        Error error;
        int n = 0;
        std::ofstream(path, std::ios::binary) << bytes;
        int fd = open(path.c_str(), O_RDONLY);
        EXPECT_EQ(sheaf_heap_open(&heap, fd, path.c_str(), error), 0) << error.text();
        for (size_t i = 0; i < texts.size(); i++) {
            const struct heap_reference r = sheaf_heap_reference(bytes.data() + static_cast<size_t>(offset) + 16 * i);
            off_t at = 0;
            bool found = false;
            EXPECT_EQ(sheaf_heap_find(&heap, r, &at, &found, error), 0) << error.text();
            if (!found)
                continue;
            EXPECT_LE(static_cast<size_t>(at) + r.n_bytes, bytes.size());
            n += bytes.substr(static_cast<size_t>(at), r.n_bytes) == texts[i];
        }
        sheaf_heap_close(&heap);
        close(fd);
        return n;
    }
};

} // namespace

TEST(Heap, TextsAreWhereHdf5HasPutThem) {
    Heap heap;
    EXPECT_EQ(heap.count_found(read_bytes(heap.path)), 300);
}

TEST(Heap, AnyByteMayBeAnother) {
    Heap heap;
    const std::string good = read_bytes(heap.path);
    std::mt19937 random(std::random_device{}());
    const size_t head = good.find("GCOL");
    for (int round = 0; round < 1500 && !testing::Test::HasFailure(); round++) {
        std::string bytes = good;
        const size_t at = round % 3 == 0   ? head + random() % 64
                          : round % 3 == 1 ? static_cast<size_t>(heap.offset) + random() % (300 * 16)
                                           : random() % good.size();
        bytes[at] = static_cast<char>(random());
        EXPECT_LE(heap.count_found(bytes), 300) << at;
    }
    for (size_t n : {head + 8, head + 40, good.size() - 1}) /* cut */
        EXPECT_LT(heap.count_found(good.substr(0, n)), 300);
}

// HDF5 crashes on a collection that is said to be larger than what it holds.
TEST(Heap, ACollectionIsAsLargeAsWhatItHolds) {
    Heap heap;
    const std::string good = read_bytes(heap.path) + std::string(1 << 20, '\0'); // there is room behind it
    const size_t head = good.find("GCOL");
    uint64_t size = 0;
    memcpy(&size, good.data() + head + 8, sizeof size);
    const int n_before = heap.count_found(good);
    for (int64_t more : {8, 16, 4096, 524288}) {
        std::string bytes = good;
        const uint64_t other = size + static_cast<uint64_t>(more);
        memcpy(bytes.data() + head + 8, &other, sizeof other);
        EXPECT_LT(heap.count_found(bytes), n_before) << more;
    }
}
