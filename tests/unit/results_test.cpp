// store: a results file is created whole, takes rows, is found again, and refuses what is not its own.
#include "unit/sheaf.h"

#include <cmath>
#include <map>

using namespace unit;

namespace {

const std::vector<sheaf_field> EVERY_TYPE = {field("f64", SHEAF_FLOAT64, 1, "au", "a distance"),
                                             field("f32", SHEAF_FLOAT32, 3), field("i64", SHEAF_INT64),
                                             field("i32", SHEAF_INT32, 2), field("u8", SHEAF_UINT8, 5)};

// A file as HDF5 itself sees it.
struct File {
    hid_t file;
    explicit File(const std::string &path) : file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT)) {}
    ~File() {
        if (file >= 0)
            H5Fclose(file);
    }

    template <typename T> std::vector<T> read(const char *name, hid_t type) const {
        hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(dataset);
        std::vector<T> values(static_cast<size_t>(H5Sget_simple_extent_npoints(space)));
        EXPECT_GE(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0) << name;
        H5Sclose(space);
        H5Dclose(dataset);
        return values;
    }
    std::vector<hsize_t> shape(const char *name) const {
        hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(dataset);
        std::vector<hsize_t> dims(static_cast<size_t>(H5Sget_simple_extent_ndims(space)));
        H5Sget_simple_extent_dims(space, dims.data(), nullptr);
        H5Sclose(space);
        H5Dclose(dataset);
        return dims;
    }
    std::string attribute(const char *object, const char *name) const {
        char *text = nullptr;
        if (H5Aexists_by_name(file, object, name, H5P_DEFAULT) <= 0)
            return "(none)";
        hid_t attribute = H5Aopen_by_name(file, object, name, H5P_DEFAULT, H5P_DEFAULT), type = H5Aget_type(attribute);
        H5Aread(attribute, type, &text);
        std::string copy = text ? text : "(null)";
        H5free_memory(text);
        H5Tclose(type);
        H5Aclose(attribute);
        return copy;
    }
    bool labelled(const char *dataset, const char *scale, unsigned dimension) const {
        hid_t d = H5Dopen2(file, dataset, H5P_DEFAULT), s = H5Dopen2(file, scale, H5P_DEFAULT);
        bool is = H5DSis_attached(d, s, dimension) > 0;
        H5Dclose(d);
        H5Dclose(s);
        return is;
    }
    std::vector<std::string> names() const {
        std::vector<std::string> list;
        H5Literate(
            file, H5_INDEX_CRT_ORDER, H5_ITER_INC, nullptr,
            [](hid_t, const char *name, const H5L_info_t *, void *to) {
                static_cast<std::vector<std::string> *>(to)->push_back(name);
                return herr_t{0};
            },
            &list);
        return list;
    }
};

Store make_csv(const std::string &csv, std::vector<sheaf_field> outputs, int64_t block) {
    return Store("{csv: FOLDER/t.csv}", std::move(outputs), block,
                 [&](const Folder &folder) { folder.write("t.csv", csv); });
}

} // namespace

// -------------------------------------------------------------------------------------------------------- creation

TEST(ResultsFile, HoldsEverythingFromTheStart) {
    Store store = make_csv("x,name,n\n1.5,a,7\n-2,größe,8\n,\"b,c\",9\n4,,10\n5,e,11\n", EVERY_TYPE, 2);
    ASSERT_EQ(store.create(), 0) << store.error.text();
    EXPECT_FALSE(std::filesystem::exists(store.path + ".new")) << "nothing is left aside";
    File f(store.path);
    ASSERT_GE(f.file, 0);
    EXPECT_EQ(f.shape("f64"), (std::vector<hsize_t>{5}));
    EXPECT_EQ(f.shape("f32"), (std::vector<hsize_t>{5, 3}));
    EXPECT_EQ(f.shape("u8"), (std::vector<hsize_t>{5, 5}));
    EXPECT_EQ(f.shape("status"), (std::vector<hsize_t>{5}));
    EXPECT_EQ(f.shape("/sheaf/seconds"), (std::vector<hsize_t>{3})) << "one for each block";
    EXPECT_EQ(f.read<uint8_t>("status", H5T_NATIVE_UINT8), (std::vector<uint8_t>(5, ITEM_PENDING)));

    std::vector<double> x = f.read<double>("x", H5T_NATIVE_DOUBLE);
    EXPECT_EQ(x[0], 1.5);
    EXPECT_EQ(x[1], -2);
    EXPECT_TRUE(std::isnan(x[2]));
    EXPECT_EQ(f.read<int64_t>("n", H5T_NATIVE_INT64), (std::vector<int64_t>{7, 8, 9, 10, 11}));

    EXPECT_EQ(f.attribute("f64", "units"), "au");
    EXPECT_EQ(f.attribute("f64", "long_name"), "a distance");
    EXPECT_EQ(f.attribute("i64", "units"), "(none)");
    EXPECT_EQ(f.attribute("status", "flag_meanings"), "pending done failed timed_out crashed skipped");
    EXPECT_EQ(f.attribute("/", "title"), "the job");
    EXPECT_STARTS(f.attribute("/", "Conventions"), "CF-");
    EXPECT_TRUE(f.labelled("f64", "item", 0));
    EXPECT_TRUE(f.labelled("x", "item", 0));
    EXPECT_TRUE(f.labelled("status", "item", 0));
    EXPECT_TRUE(f.labelled("f32", "values_3", 1));
    EXPECT_TRUE(f.labelled("/sheaf/seconds", "/sheaf/block", 0));
    EXPECT_EQ(f.names(), (std::vector<std::string>{"sheaf", "item", "x", "name", "n", "f64", "f32", "values_3", "i64",
                                                   "i32", "values_2", "u8", "values_5", "status"}))
        << "one dimension for all that stands beside the items";
}

// Names are relative, so that a stage's tree may lie in a group of a file as well as at its root.
TEST(ResultsFile, ATreeIsTheSameInAGroup) {
    Store store("{count: 3}", EVERY_TYPE, 3);
    store.make();
    const std::string other = store.folder / "stages.h5";
    File f(store.path);
    hid_t file = H5Fcreate(other.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(H5Ocopy(f.file, "/", file, "features", H5P_DEFAULT, H5P_DEFAULT), 0);
    hid_t tree = H5Gopen2(file, "features", H5P_DEFAULT);
    ASSERT_GE(tree, 0);
    EXPECT_EQ(sheaf_h5_get_layout(tree), LAYOUT_VERSION);
    EXPECT_EQ(sheaf_h5_get_token(tree), store.results.token);
    char *identity = sheaf_h5_get_dataset_text(tree, IDENTITY_TEXT);
    EXPECT_EQ(identity ? std::string(identity) : "", store.identity);
    free(identity);
    struct failure *failures = nullptr;
    int64_t n = -1;
    Error error;
    EXPECT_EQ(sheaf_failures_read(tree, other.c_str(), &failures, &n, error), 0) << error.text();
    EXPECT_EQ(n, 0);
    free(failures);
    H5Gclose(tree);
    H5Fclose(file);
}

TEST(ResultsFile, HoldsTheSeed) {
    Store store("{count: 10}", EVERY_TYPE, 3);
    store.plan.seed = INT64_MAX - 1;
    ASSERT_EQ(store.create(), 0) << store.error.text();
    File f(store.path);
    int64_t seed = 0;
    hid_t attribute = H5Aopen_by_name(f.file, "/sheaf", "seed", H5P_DEFAULT, H5P_DEFAULT);
    ASSERT_GE(attribute, 0);
    EXPECT_GE(H5Aread(attribute, H5T_NATIVE_INT64, &seed), 0);
    H5Aclose(attribute);
    EXPECT_EQ(seed, INT64_MAX - 1);
}

TEST(ResultsFile, OutputsLieInOnePieceWithTheirFillValue) {
    Store store("{count: 10}", EVERY_TYPE, 3);
    ASSERT_EQ(store.create(), 0) << store.error.text();
    File f(store.path);
    for (const sheaf_field &field : EVERY_TYPE) {
        hid_t dataset = H5Dopen2(f.file, field.name, H5P_DEFAULT), properties = H5Dget_create_plist(dataset);
        EXPECT_EQ(H5Pget_layout(properties), H5D_CONTIGUOUS) << field.name;
        EXPECT_NE(H5Dget_offset(dataset), HADDR_UNDEF) << field.name;
        char wanted[8] = {}, fill[8] = {};
        const bool is_float = field.type == SHEAF_FLOAT64 || field.type == SHEAF_FLOAT32;
        EXPECT_EQ(H5Aexists(dataset, "_FillValue") > 0, is_float) << field.name << ": xarray makes floats of integers";
        if (!is_float) {
            H5Pclose(properties);
            H5Dclose(dataset);
            continue;
        }
        hid_t attribute = H5Aopen(dataset, "_FillValue", H5P_DEFAULT), type = H5Aget_type(attribute);
        sheaf_type_fill(field.type, wanted, 1);
        ASSERT_EQ(H5Tget_size(type), sheaf_type_bytes(field.type)) << "the dataset's own type";
        H5Aread(attribute, type, fill);
        EXPECT_EQ(memcmp(fill, wanted, sheaf_type_bytes(field.type)), 0) << field.name;
        H5Tclose(type);
        H5Aclose(attribute);
        H5Pclose(properties);
        H5Dclose(dataset);
    }
}

TEST(ResultsFile, TextColumnsAreCopied) {
    std::string csv = "t\nplain\n\"two\nlines\"\n\"\"\ngröße\n\"say \"\"hi\"\"\"\n";
    std::vector<std::string> wanted = {"plain", "two\nlines", "", "größe", "say \"hi\""};
    for (int i = 0; i < 10000; i++) { /* more than are copied at a time */
        csv += "row " + std::to_string(i) + "\n";
        wanted.push_back("row " + std::to_string(i));
    }
    Store store = make_csv(csv, {field("y", SHEAF_FLOAT64)}, 1);
    ASSERT_EQ(store.create(), 0) << store.error.text();
    File f(store.path);
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    std::vector<char *> texts = f.read<char *>("t", type);
    ASSERT_EQ(texts.size(), wanted.size());
    for (size_t i = 0; i < texts.size(); i++) {
        ASSERT_EQ(std::string(texts[i] ? texts[i] : ""), wanted[i]);
        H5free_memory(texts[i]);
    }
    H5Tclose(type);
}

TEST(ResultsFile, NamesOfFieldsAreUtf8) {
    Store store = make_csv("größe\n1\n", {field("µ", SHEAF_FLOAT64)}, 1);
    ASSERT_EQ(store.create(), 0) << store.error.text();
    File f(store.path);
    for (const char *name : {"größe", "µ"}) {
        H5L_info_t about;
        ASSERT_GE(H5Lget_info(f.file, name, &about, H5P_DEFAULT), 0) << name;
        EXPECT_EQ(about.cset, H5T_CSET_UTF8) << name;
    }
}

TEST(ResultsFile, AFolderThatIsNotThereIsAnError) {
    Store store("{count: 10}", {field("y", SHEAF_FLOAT64)}, 1);
    std::string path = store.folder / "none/out.h5";
    store.plan.path = path.c_str();
    EXPECT_EQ(store.create(), -1);
    EXPECT_STARTS(store.error.text(), path);
    EXPECT_HAS(store.error.text(), "No such file");
    EXPECT_HAS(store.error.text(), "-o");
}

TEST(ResultsFile, BadItemsLeaveNothingBehind) {
    Store store = make_csv("x\n1\n2\n", {field("y", SHEAF_FLOAT64)}, 1);
    std::ofstream(store.folder / "t.csv") << "x\n"; /* cut while in use: the mapping ends early */
    std::filesystem::resize_file(store.folder / "t.csv", 4096);
    store.items.items.n_items = 10; /* more than there are */
    EXPECT_EQ(store.create(), -1);
    EXPECT_FALSE(std::filesystem::exists(store.path));
    EXPECT_FALSE(std::filesystem::exists(store.path + ".new"));
}

// ------------------------------------------------------------------------------------------------------------ rows

TEST(ResultsFile, RowsAreThereForHdf5) {
    Store store("{count: 101}", EVERY_TYPE, 10);
    store.make();
    ASSERT_EQ(store.write(0, 1), 0) << store.error.text();
    ASSERT_EQ(store.write(5, 6, [](int64_t i) { return i == 77; }), 0) << store.error.text();
    ASSERT_EQ(store.close(), 0);
    File f(store.path);
    std::vector<uint8_t> status = f.read<uint8_t>("status", H5T_NATIVE_UINT8);
    std::vector<double> f64 = f.read<double>("f64", H5T_NATIVE_DOUBLE);
    std::vector<float> f32 = f.read<float>("f32", H5T_NATIVE_FLOAT),
                       seconds = f.read<float>("/sheaf/seconds", H5T_NATIVE_FLOAT);
    std::vector<int64_t> i64 = f.read<int64_t>("i64", H5T_NATIVE_INT64);
    std::vector<int32_t> i32 = f.read<int32_t>("i32", H5T_NATIVE_INT32);
    std::vector<uint8_t> u8 = f.read<uint8_t>("u8", H5T_NATIVE_UINT8);
    for (int64_t i = 0; i < 101; i++) {
        size_t k = static_cast<size_t>(i);
        bool written = i < 10 || i >= 50;
        ASSERT_EQ(status[k], !written ? ITEM_PENDING : i == 77 ? ITEM_FAILED : ITEM_DONE) << i;
        if (!written)
            continue;
        ASSERT_EQ(f64[k], static_cast<double>(Store::value(0, i, 0)));
        for (int64_t j = 0; j < 3; j++)
            ASSERT_EQ(f32[3 * k + static_cast<size_t>(j)], static_cast<float>(Store::value(1, i, j)));
        ASSERT_EQ(i64[k], Store::value(2, i, 0));
        for (int64_t j = 0; j < 2; j++)
            ASSERT_EQ(i32[2 * k + static_cast<size_t>(j)], Store::value(3, i, j));
        for (int64_t j = 0; j < 5; j++)
            ASSERT_EQ(u8[5 * k + static_cast<size_t>(j)], Store::value(4, i, j));
        ASSERT_EQ(seconds[k / 10], 0.5F);
    }
}

TEST(ResultsFile, IsFoundAgainWithItsRowsAndFailures) {
    Store store("{count: 30}", {field("y", SHEAF_FLOAT64)}, 5);
    store.make();
    ASSERT_EQ(store.write(1, 2, [](int64_t i) { return i % 5 == 0; }), 0);
    ASSERT_EQ(store.open(), 0) << store.error.text();
    int64_t counts[ITEM_SKIPPED + 1];
    ASSERT_EQ(sheaf_results_count(&store.results, nullptr, counts, store.error), 0);
    EXPECT_EQ(counts[ITEM_PENDING], 20);
    EXPECT_EQ(counts[ITEM_DONE], 8);
    EXPECT_EQ(counts[ITEM_FAILED], 2);
    EXPECT_EQ(store.results.sink.n_failures.load(), 2) << "new messages go behind the old ones";
    ASSERT_EQ(store.write(0, 1, [](int64_t i) { return i == 3; }), 0);
    ASSERT_EQ(store.close(), 0);
    File f(store.path);
    std::vector<int64_t> items = f.read<int64_t>(ERROR_ITEM, H5T_NATIVE_INT64);
    EXPECT_EQ(items[0], 5);
    EXPECT_EQ(items[1], 10);
    EXPECT_EQ(items[2], 3);
    EXPECT_EQ(items[3], -1);
}

// What other ranks have written and not yet synced counts in the run that does: when it is asked to leave, rank 0 counts.
TEST(ResultsCount, UnsafeStatusesOfThisRun) {
    Store store("{count: 6}", {field("y", SHEAF_FLOAT64)}, 1);
    store.make();
    store.set_status({0x81, 1, 0x82, 0, 0x84, 0});
    int64_t counts[ITEM_SKIPPED + 1];
    ASSERT_EQ(sheaf_results_count(&store.results, nullptr, counts, store.error), 0) << store.error.text();
    EXPECT_EQ(std::vector<int64_t>(counts, counts + 6), (std::vector<int64_t>{2, 2, 1, 0, 1, 0}));
    struct pending pending = sheaf_results_pending(&store.results);
    struct span run;
    ASSERT_EQ(pending.next(pending.self, 0, 6, &run, store.error), 0);
    EXPECT_EQ(run.first, 3);
    EXPECT_EQ(run.n, 1);
}

TEST(ResultsFile, NoItemsAndOneItem) {
    for (int n : {0, 1}) {
        Store store("{count: " + std::to_string(n) + "}", EVERY_TYPE, 4096);
        store.make();
        int64_t counts[ITEM_SKIPPED + 1];
        ASSERT_EQ(sheaf_results_count(&store.results, nullptr, counts, store.error), 0);
        EXPECT_EQ(counts[ITEM_PENDING], n);
        struct pending pending = sheaf_results_pending(&store.results);
        struct span run = {-1, -1};
        ASSERT_EQ(pending.next(pending.self, 0, n, &run, store.error), 0);
        EXPECT_EQ(run.n, n);
        ASSERT_EQ(sheaf_results_fill_pending(&store.results, store.error), 0) << store.error.text();
        if (n)
            ASSERT_EQ(store.write(0, 1), 0);
        ASSERT_EQ(store.open(), 0) << store.error.text();
        ASSERT_EQ(sheaf_results_count(&store.results, nullptr, counts, store.error), 0);
        EXPECT_EQ(counts[ITEM_DONE], n);
    }
}

TEST(ResultsFile, PendingRowsOfEveryTypeAreFilledAndNoOthers) {
    Store store("{count: 5000}", EVERY_TYPE, 7);
    store.make();
    ASSERT_EQ(store.write(0, 1), 0);
    ASSERT_EQ(store.write(3, 100, [](int64_t i) { return i == 30; }), 0);
    ASSERT_EQ(store.write(714, 1), 0); /* the last block */
    ASSERT_EQ(sheaf_results_fill_pending(&store.results, store.error), 0) << store.error.text();
    ASSERT_EQ(store.close(), 0);
    File f(store.path);
    std::vector<double> f64 = f.read<double>("f64", H5T_NATIVE_DOUBLE);
    std::vector<float> f32 = f.read<float>("f32", H5T_NATIVE_FLOAT);
    std::vector<int64_t> i64 = f.read<int64_t>("i64", H5T_NATIVE_INT64);
    std::vector<int32_t> i32 = f.read<int32_t>("i32", H5T_NATIVE_INT32);
    std::vector<uint8_t> u8 = f.read<uint8_t>("u8", H5T_NATIVE_UINT8),
                         status = f.read<uint8_t>("status", H5T_NATIVE_UINT8);
    for (int64_t i = 0; i < 5000; i++) {
        size_t k = static_cast<size_t>(i);
        if (status[k] != ITEM_PENDING) {
            ASSERT_EQ(f64[k], static_cast<double>(Store::value(0, i, 0))) << i;
            ASSERT_EQ(u8[5 * k + 4], Store::value(4, i, 4)) << i;
            continue;
        }
        ASSERT_TRUE(std::isnan(f64[k])) << i;
        ASSERT_EQ(i64[k], -9223372036854775806LL);
        for (size_t j = 0; j < 5; j++) {
            ASSERT_TRUE(std::isnan(f32[3 * k + j % 3])) << i;
            ASSERT_EQ(i32[2 * k + j % 2], -2147483647);
            ASSERT_EQ(u8[5 * k + j], 255);
        }
    }
    EXPECT_EQ(std::count(status.begin(), status.end(), ITEM_PENDING), 5000 - 7 - 700 - 2);
}

TEST(ResultsFile, PendingRowsAreFilledBeyondOneWindow) {
    Store store("{count: 150000}", {field("y", SHEAF_FLOAT64, 2)}, 1000);
    store.make();
    ASSERT_EQ(store.write(60, 10), 0);
    ASSERT_EQ(sheaf_results_fill_pending(&store.results, store.error), 0);
    ASSERT_EQ(store.close(), 0);
    File f(store.path);
    std::vector<double> y = f.read<double>("y", H5T_NATIVE_DOUBLE);
    for (size_t k = 0; k < y.size(); k++)
        ASSERT_EQ(std::isnan(y[k]), k < 120000 || k >= 140000) << k;
}

// --------------------------------------------------------------------------------------------------------- pending

class PendingBlocks : public testing::TestWithParam<int> {};

// The blocks with a pending item, as an independent look at the statuses finds them, for windows of every kind.
TEST_P(PendingBlocks, AreThoseWithAPendingItemInTheWindow) {
    int64_t n_items = 200003, block = GetParam();
    Store store("{count: 200003}", {field("y", SHEAF_UINT8)}, block);
    store.make();
    std::mt19937 random(12);
    struct pending pending = sheaf_results_pending(&store.results);
    for (int round = 0; round < 12; round++) {
        std::vector<uint8_t> status(static_cast<size_t>(n_items), ITEM_DONE);
        if (round == 0)
            status.assign(status.size(), ITEM_PENDING);
        for (int i = 0; round > 1 && i < 1 << round; i++) /* some runs of pending items, ever more of them */
            for (size_t at = random() % status.size(), n = random() % 3000 / static_cast<unsigned>(round); n > 0; n--)
                status[std::min(at + n, status.size() - 1)] = ITEM_PENDING;
        if (round == 1) /* around the places where a window of the file ends */
            for (size_t at : {65535, 65536, 131071, 131072, 200002})
                status[at] = ITEM_PENDING;
        store.set_status(status);
        store.results.seen = {};        /* as of a file that is opened */
        std::vector<struct span> spans; /* asked for: all, from one on, or several parts of some size */
        for (int64_t at = round % 3 ? static_cast<int64_t>(random()) % n_items : 0; at < n_items;) {
            const int64_t n = round % 3 == 2 ? static_cast<int64_t>(random()) % 1000 + 1 : n_items;
            spans.push_back({at, std::min(n, n_items - at)});
            at += n + 1 + static_cast<int64_t>(random()) % 100000;
        }
        const struct asked asked = {static_cast<int>(spans.size()), spans.data()};
        store.results.sink.asked = &asked;

        std::vector<bool> wanted(static_cast<size_t>(store.n_blocks()), false), found = wanted;
        for (const struct span &span : spans)
            for (int64_t i = span.first; i < span.first + span.n; i++)
                if (status[static_cast<size_t>(i)] == ITEM_PENDING)
                    wanted[static_cast<size_t>(i / block)] = true;
        for (int64_t at = 0; at < store.n_blocks();) {
            struct span run = {-1, -1};
            ASSERT_EQ(pending.next(pending.self, at, store.n_blocks(), &run, store.error), 0) << store.error.text();
            if (run.n == 0)
                break;
            ASSERT_GE(run.first, at);
            ASSERT_LE(run.first + run.n, store.n_blocks());
            for (int64_t b = run.first; b < run.first + run.n; b++)
                found[static_cast<size_t>(b)] = true;
            at = run.first + run.n;
        }
        ASSERT_TRUE(found == wanted) << "round " << round;
    }
}

INSTANTIATE_TEST_SUITE_P(Sizes, PendingBlocks, testing::Values(1, 7, 4096, 65536, 65537, 100000, 1000000));

TEST(PendingBlocks, AskingForAPartStaysInIt) {
    Store store("{count: 1000}", {field("y", SHEAF_UINT8)}, 10);
    store.make();
    struct pending pending = sheaf_results_pending(&store.results);
    struct span run;
    ASSERT_EQ(pending.next(pending.self, 30, 40, &run, store.error), 0);
    EXPECT_EQ(run.first, 30);
    EXPECT_EQ(run.n, 10);
    ASSERT_EQ(pending.next(pending.self, 40, 40, &run, store.error), 0);
    EXPECT_EQ(run.n, 0);
}

// What was seen of the statuses is not believed when they have changed by our own doing.
TEST(PendingBlocks, AnItemThatWasGivenUpIsNone) {
    Store store("{count: 1000}", {field("y", SHEAF_UINT8)}, 10);
    store.make();
    struct pending pending = sheaf_results_pending(&store.results);
    struct span run;
    int64_t n;
    ASSERT_EQ(pending.next(pending.self, 0, 100, &run, store.error), 0);
    EXPECT_EQ(run.n, 100);
    for (int64_t item = 500; item < 510; item++)
        ASSERT_EQ(sheaf_results_give_up(&store.results, item, ITEM_CRASHED, "why", store.error), 0);
    ASSERT_EQ(sheaf_results_skip_rows(&store.results, 990, 10, store.error), 0);
    ASSERT_EQ(pending.next(pending.self, 0, 100, &run, store.error), 0);
    EXPECT_EQ(run.n, 50);
    ASSERT_EQ(pending.next(pending.self, 50, 100, &run, store.error), 0);
    EXPECT_EQ(run.first, 51);
    EXPECT_EQ(run.n, 48);
    ASSERT_EQ(pending.next(pending.self, 99, 100, &run, store.error), 0);
    EXPECT_EQ(run.n, 0);
    ASSERT_EQ(sheaf_results_again(&store.results, nullptr, RESULTS_FAILED, &n, store.error), 0);
    EXPECT_EQ(n, 10);
    ASSERT_EQ(pending.next(pending.self, 0, 100, &run, store.error), 0);
    EXPECT_EQ(run.n, 99);
}

TEST(ResultsCount, CountsEveryStatusAcrossWindows) {
    Store store("{count: 200003}", {field("y", SHEAF_UINT8)}, 10);
    store.make();
    std::vector<uint8_t> status(200003);
    std::mt19937 random(13);
    struct span parts[] = {{65000, 67000}, {140000, 1}, {200000, 3}};
    const struct asked asked = {3, parts}, none = {};
    std::map<int, int64_t> all, part;
    for (size_t i = 0; i < status.size(); i++) {
        status[i] = static_cast<uint8_t>(random() % 6);
        all[status[i]]++;
        part[status[i]] += (i >= 65000 && i < 132000) || i == 140000 || i >= 200000;
        if (status[i] != ITEM_PENDING && random() % 4 == 0)
            status[i] |= ITEM_UNSAFE; /* what another rank has just written */
    }
    store.set_status(status);
    int64_t counts[ITEM_SKIPPED + 1];
    ASSERT_EQ(sheaf_results_count(&store.results, nullptr, counts, store.error), 0);
    for (int s = 0; s <= ITEM_SKIPPED; s++)
        EXPECT_EQ(counts[s], all[s]);
    ASSERT_EQ(sheaf_results_count(&store.results, &asked, counts, store.error), 0);
    for (int s = 0; s <= ITEM_SKIPPED; s++)
        EXPECT_EQ(counts[s], part[s]);
    ASSERT_EQ(sheaf_results_count(&store.results, &none, counts, store.error), 0);
    EXPECT_EQ(counts[ITEM_DONE], 0);
}

TEST(ResultsCount, AStatusThatCannotBeIsNamed) {
    Store store("{count: 100}", {field("y", SHEAF_UINT8)}, 10);
    store.make();
    std::vector<uint8_t> status(100, ITEM_DONE);
    status[42] = 77;
    store.set_status(status);
    int64_t counts[ITEM_SKIPPED + 1];
    EXPECT_EQ(sheaf_results_count(&store.results, nullptr, counts, store.error), -1);
    EXPECT_STARTS(store.error.text(), store.path + ": item 42 has status 77");
}
