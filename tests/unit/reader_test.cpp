// store/reader: fields, rows, statuses and messages of a results file, in any order, also while it is written.
#include "unit/sheaf.h"

#include <cmath>

using namespace unit;

namespace {

struct Reader {
    struct reader *reader = nullptr;
    Error error;
    int rc;
    explicit Reader(const std::string &path) : path_(path), rc_path_(path_.c_str()) {
        rc = sheaf_reader_open(&reader, rc_path_, error);
    }
    ~Reader() { sheaf_reader_close(reader); }
    Reader(const Reader &) = delete;
    Reader &operator=(const Reader &) = delete;

    int find(const std::string &name) const {
        int n = 0;
        const struct reader_field *fields = sheaf_reader_fields(reader, &n);
        for (int k = 0; k < n; k++)
            if (fields[k].field.name == name)
                return k;
        return -1;
    }

  private:
    std::string path_;
    const char *rc_path_;
};

// 2,000 items with a number and a text, and two outputs; all but the last block written, each seventh item failed.
struct Written {
    Store store;
    Written()
        : store("{csv: FOLDER/t.csv}", {field("y", SHEAF_FLOAT64, 1, "au", "a distance"), field("v", SHEAF_INT32, 3)},
                100, [](const Folder &folder) {
                    std::string csv = "x,name\n";
                    for (int i = 0; i < 2000; i++)
                        csv += std::to_string(i) + ".5,\"name " + std::to_string(i) + (i % 5 ? "\"\n" : " €\"\n");
                    folder.write("t.csv", csv);
                }) {
        store.make();
        EXPECT_EQ(store.write(0, 19, [](int64_t i) { return i % 7 == 0; }), 0) << store.error.text();
    }
    static std::string name(int64_t i) { return "name " + std::to_string(i) + (i % 5 ? "" : " €"); }
};

} // namespace

TEST(Reader, ListsInputsThenOutputs) {
    Written written;
    Reader r(written.store.path); /* while it is open for writing */
    ASSERT_EQ(r.rc, 0) << r.error.text();
    EXPECT_EQ(sheaf_reader_n_items(r.reader), 2000);
    int n = 0;
    const struct reader_field *fields = sheaf_reader_fields(r.reader, &n);
    ASSERT_EQ(n, 4) << "status, seconds and dimensions are no fields";
    const struct {
        const char *name;
        sheaf_type type;
        int64_t width;
        bool is_output;
    } wanted[] = {{"x", SHEAF_FLOAT64, 1, false},
                  {"name", SHEAF_TEXT, 1, false},
                  {"y", SHEAF_FLOAT64, 1, true},
                  {"v", SHEAF_INT32, 3, true}};
    for (int k = 0; k < 4; k++) {
        EXPECT_STREQ(fields[k].field.name, wanted[k].name);
        EXPECT_EQ(fields[k].field.type, wanted[k].type);
        EXPECT_EQ(fields[k].field.width, wanted[k].width);
        EXPECT_EQ(fields[k].is_output, wanted[k].is_output);
    }
    EXPECT_STREQ(fields[2].field.unit, "au");
    EXPECT_STREQ(fields[2].field.long_name, "a distance");
    EXPECT_EQ(fields[3].field.unit, nullptr);
}

TEST(Reader, GivesRangesOfValues) {
    Written written;
    Reader r(written.store.path);
    ASSERT_EQ(r.rc, 0) << r.error.text();
    struct sheaf_arena arena = {};
    for (auto [first, n] : {std::pair{0, 2000}, {1234, 56}, {1999, 1}, {7, 0}}) {
        size_t count = static_cast<size_t>(n);
        std::vector<double> x(count + 1, -1);
        std::vector<int32_t> v(3 * count + 1, -1);
        std::vector<const char *> names(count + 1, nullptr);
        ASSERT_EQ(sheaf_reader_range(r.reader, r.find("x"), first, n, x.data(), &arena, r.error), 0);
        ASSERT_EQ(sheaf_reader_range(r.reader, r.find("v"), first, n, v.data(), &arena, r.error), 0);
        ASSERT_EQ(sheaf_reader_range(r.reader, r.find("name"), first, n, names.data(), &arena, r.error), 0);
        for (int64_t k = 0; k < n; k++) {
            int64_t i = first + k;
            size_t at = static_cast<size_t>(k);
            ASSERT_EQ(x[at], static_cast<double>(i) + 0.5);
            ASSERT_EQ(names[at], Written::name(i));
            for (int64_t j = 0; j < 3 && i < 1900; j++)
                ASSERT_EQ(v[3 * at + static_cast<size_t>(j)], Store::value(1, i, j));
        }
        EXPECT_EQ(x[count], -1);
        EXPECT_EQ(v[3 * count], -1);
    }
    sheaf_arena_free(&arena);
}

// Behind the fields stand the seconds of each item's block; attempts only where they are kept.
TEST(Reader, SpreadsTheSecondsOfBlocks) {
    Written written;
    written.store.close();
    std::vector<float> seconds;
    for (int b = 0; b < 20; b++)
        seconds.push_back(static_cast<float>(b) + 0.25F);
    hid_t file = H5Fopen(written.store.path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t dataset = H5Dopen2(file, "/sheaf/seconds", H5P_DEFAULT);
    ASSERT_GE(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, seconds.data()), 0);
    H5Dclose(dataset);
    H5Fclose(file);

    Reader r(written.store.path);
    ASSERT_EQ(r.rc, 0) << r.error.text();
    int n_fields = 0;
    const struct reader_field *fields = sheaf_reader_fields(r.reader, &n_fields);
    ASSERT_EQ(sheaf_reader_n_about(r.reader), 1);
    EXPECT_STREQ(fields[n_fields].field.name, "seconds");
    EXPECT_STREQ(fields[n_fields].field.unit, "s");
    for (auto [first, n] : {std::pair{0, 2000}, {150, 300}, {99, 2}, {101, 98}, {1999, 1}, {7, 0}}) {
        std::vector<float> values(static_cast<size_t>(n) + 1, -1);
        ASSERT_EQ(sheaf_reader_range(r.reader, n_fields, first, n, values.data(), nullptr, r.error), 0);
        for (int k = 0; k < n; k++)
            ASSERT_EQ(values[static_cast<size_t>(k)], seconds[static_cast<size_t>((first + k) / 100)]) << first + k;
        EXPECT_EQ(values[static_cast<size_t>(n)], -1);
    }
}

TEST(Reader, GivesScatteredRowsFewOrMany) {
    Written written;
    Reader r(written.store.path);
    std::mt19937 random(14);
    for (size_t n : {size_t{1}, size_t{2}, size_t{10}, size_t{511}, size_t{513}, size_t{1500}, size_t{3}}) {
        std::vector<int64_t> items(n);
        for (int64_t &i : items)
            i = static_cast<int64_t>(random() % 1900);
        struct sheaf_arena arena = {};
        std::vector<double> y(n);
        std::vector<int32_t> v(3 * n);
        std::vector<const char *> names(n);
        int64_t count = static_cast<int64_t>(n);
        ASSERT_EQ(sheaf_reader_values(r.reader, r.find("y"), items.data(), count, y.data(), &arena, r.error), 0);
        ASSERT_EQ(sheaf_reader_values(r.reader, r.find("v"), items.data(), count, v.data(), &arena, r.error), 0);
        ASSERT_EQ(sheaf_reader_values(r.reader, r.find("name"), items.data(), count, names.data(), &arena, r.error), 0);
        for (size_t k = 0; k < n; k++) {
            ASSERT_EQ(y[k], static_cast<double>(Store::value(0, items[k], 0)));
            ASSERT_EQ(v[3 * k + 2], Store::value(1, items[k], 2));
            ASSERT_EQ(names[k], Written::name(items[k]));
        }
        sheaf_arena_free(&arena);
    }
}

TEST(Reader, GivesContiguousRowsInTheOrderAskedFor) {
    Written written;
    Reader r(written.store.path);
    int64_t up[] = {5, 6, 7}, down[] = {7, 6, 5};
    double x[3];
    ASSERT_EQ(sheaf_reader_values(r.reader, r.find("x"), up, 3, x, nullptr, r.error), 0);
    EXPECT_EQ(x[0], 5.5);
    EXPECT_EQ(x[2], 7.5);
    ASSERT_EQ(sheaf_reader_values(r.reader, r.find("x"), down, 3, x, nullptr, r.error), 0);
    EXPECT_EQ(x[0], 7.5);
    EXPECT_EQ(x[2], 5.5);
    EXPECT_EQ(sheaf_reader_values(r.reader, r.find("x"), nullptr, 0, x, nullptr, r.error), 0);
}

TEST(Reader, TellsWhatBecameOfItems) {
    Written written;
    Reader r(written.store.path);
    std::vector<uint8_t> status(2000);
    ASSERT_EQ(sheaf_reader_status(r.reader, 0, 2000, status.data(), r.error), 0);
    for (int64_t i = 0; i < 2000; i++) {
        uint8_t wanted = i >= 1900 ? ITEM_PENDING : i % 7 ? ITEM_DONE : ITEM_FAILED;
        ASSERT_EQ(status[static_cast<size_t>(i)], wanted) << i;
        std::string message = wanted == ITEM_FAILED ? "item " + std::to_string(i) + " failed" : "";
        ASSERT_EQ(sheaf_reader_message(r.reader, i), message);
    }
    uint8_t one;
    ASSERT_EQ(sheaf_reader_status(r.reader, 14, 1, &one, r.error), 0);
    EXPECT_EQ(one, ITEM_FAILED);
    EXPECT_STREQ(sheaf_reader_message(r.reader, -1), "");
    EXPECT_STREQ(sheaf_reader_message(r.reader, 100000), "");
}

TEST(Reader, AFullTableOfErrorsIsReadToItsEnd) {
    Store store("{count: 12000}", {field("y", SHEAF_FLOAT64)}, 1000);
    store.make();
    ASSERT_EQ(store.write(0, 12, [](int64_t) { return true; }), 0) << store.error.text();
    Reader r(store.path);
    ASSERT_EQ(r.rc, 0) << r.error.text();
    EXPECT_STREQ(sheaf_reader_message(r.reader, 0), "item 0 failed");
    EXPECT_STREQ(sheaf_reader_message(r.reader, ERRORS_MOST - 1), "item 9999 failed");
    EXPECT_STREQ(sheaf_reader_message(r.reader, ERRORS_MOST), "") << "beyond the table";
}

TEST(Reader, DimensionsAreNoFieldsHoweverManyItemsThereAre) {
    for (int n : {1, 2, 3, 4}) {
        Store store("{count: " + std::to_string(n) + "}", {field("v", SHEAF_INT32, 3), field("w", SHEAF_INT32, 2)}, 1);
        store.make();
        Reader r(store.path);
        ASSERT_EQ(r.rc, 0) << r.error.text();
        int n_fields = 0;
        sheaf_reader_fields(r.reader, &n_fields);
        EXPECT_EQ(n_fields, 2) << n << " items";
    }
}

TEST(Reader, ReadsAFileWithoutItems) {
    Store store("{count: 0}", {field("y", SHEAF_FLOAT64)}, 4);
    store.make();
    Reader r(store.path);
    ASSERT_EQ(r.rc, 0) << r.error.text();
    EXPECT_EQ(sheaf_reader_n_items(r.reader), 0);
    EXPECT_EQ(sheaf_reader_range(r.reader, 0, 0, 0, nullptr, nullptr, r.error), 0);
    EXPECT_EQ(sheaf_reader_status(r.reader, 0, 0, nullptr, r.error), 0);
}

TEST(Reader, AnythingElseIsRefused) {
    Folder folder;
    hid_t file = H5Fcreate((folder / "foreign.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    const std::pair<std::string, const char *> cases[] = {
        {folder / "none.h5", "cannot open: No such file"},
        {folder.write("text.h5", "just text"), "not an HDF5 file"},
        {folder.write("empty.h5", ""), "not an HDF5 file"},
        {folder / "foreign.h5", "not a results file of Sheaf"},
    };
    for (const auto &[path, what] : cases) {
        Reader r(path);
        EXPECT_EQ(r.rc, -1);
        EXPECT_STARTS(r.error.text(), path + ": ");
        EXPECT_HAS(r.error.text(), what);
        EXPECT_EQ(r.error.error.exit, SHEAF_EXIT_USAGE);
    }
}
