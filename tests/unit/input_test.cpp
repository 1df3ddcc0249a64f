// store/input: items from the datasets of an HDF5 file.
#include "unit/sheaf.h"

#include <limits>

using namespace unit;

namespace {

struct Writer {
    std::string path;
    hid_t file;
    explicit Writer(const std::string &name)
        : path(name), file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) {}
    ~Writer() { H5Fclose(file); }

    void put(const char *name, hid_t type, std::vector<hsize_t> shape, hid_t memory, const void *values,
             bool chunked = false) const {
        hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
        hid_t links = H5Pcreate(H5P_LINK_CREATE), creation = H5Pcreate(H5P_DATASET_CREATE);
        H5Pset_create_intermediate_group(links, 1);
        if (chunked) {
            std::vector<hsize_t> piece(shape.size(), 3);
            H5Pset_chunk(creation, static_cast<int>(piece.size()), piece.data());
            H5Pset_deflate(creation, 1);
        }
        hid_t dataset = H5Dcreate2(file, name, type, space, links, creation, H5P_DEFAULT);
        ASSERT_GE(dataset, 0) << name;
        if (values)
            ASSERT_GE(H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
        H5Dclose(dataset);
        H5Pclose(creation);
        H5Pclose(links);
        H5Sclose(space);
    }
    template <typename T>
    void put(const char *name, hid_t type, std::vector<hsize_t> shape, hid_t memory, const std::vector<T> &values,
             bool chunked = false) const {
        put(name, type, std::move(shape), memory, static_cast<const void *>(values.data()), chunked);
    }
};

// A file with datasets of many kinds, ten rows each.
struct Input {
    Folder folder;
    std::string path = folder / "in.h5";
    std::vector<double> d, r;
    std::vector<int64_t> n;

    Input() {
        Writer w(path);
        for (int i = 0; i < 10; i++) {
            d.push_back(i + 0.5);
            n.push_back(i * 20 - 3);
            for (int j = 0; j < 3; j++)
                r.push_back(100 * i + j);
        }
        hid_t D = H5T_NATIVE_DOUBLE, I = H5T_NATIVE_INT64;
        w.put("d", H5T_IEEE_F64LE, {10}, D, d);
        w.put("big", H5T_IEEE_F64BE, {10}, D, d);
        w.put("f", H5T_IEEE_F32LE, {10}, D, d);
        w.put("deep/er/r", H5T_IEEE_F64LE, {10, 3}, D, r);
        w.put("packed", H5T_IEEE_F64LE, {10, 3}, D, r, true);
        w.put("i64", H5T_STD_I64LE, {10}, I, n);
        w.put("i32", H5T_STD_I32BE, {10}, I, n);
        w.put("i16", H5T_STD_I16LE, {10}, I, n);
        w.put("u8", H5T_STD_U8LE, {10}, I, std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 254, 255});
        w.put("u32", H5T_STD_U32LE, {10}, I, std::vector<int64_t>{4294967295, 1, 2, 3, 4, 5, 6, 7, 8, 9});
        w.put("column", H5T_IEEE_F64LE, {10, 1}, D, d);
        w.put("nine", H5T_IEEE_F64LE, {9}, D, d);
        w.put("cube", H5T_IEEE_F64LE, {10, 3, 1}, D, r);
        w.put("scalar", H5T_IEEE_F64LE, {}, D, d);
        w.put("hollow", H5T_IEEE_F64LE, {10, 0}, D, static_cast<const void *>(nullptr));
        w.put("none", H5T_IEEE_F64LE, {0}, D, static_cast<const void *>(nullptr));
        hid_t text = H5Tcopy(H5T_C_S1);
        H5Tset_size(text, H5T_VARIABLE);
        w.put("text", text, {10}, text, static_cast<const void *>(nullptr));
        H5Tclose(text);
        hid_t pair = H5Tcreate(H5T_COMPOUND, 16);
        H5Tinsert(pair, "a", 0, D);
        H5Tinsert(pair, "b", 8, D);
        w.put("pair", pair, {10}, pair, static_cast<const void *>(nullptr));
        H5Tclose(pair);
    }
    std::string source(const std::string &fields) const {
        return "{hdf5: {file: " + path + ", fields: " + fields + "}}";
    }
    Job job(const std::string &fields) const { return Job("items: " + source(fields) + "\nkernel: any\n"); }
};

std::string refusal(const Input &input, const std::string &fields) {
    Job job = input.job(fields);
    Items items(job);
    EXPECT_EQ(items.rc, -1) << fields;
    EXPECT_EQ(items.error.error.exit, SHEAF_EXIT_USAGE);
    return items.error.text();
}

template <typename T>
std::vector<T> read(Items &items, int field, int64_t first, int64_t n, const std::vector<sheaf_type> &types = {}) {
    std::vector<T> values(static_cast<size_t>(n * items.items.fields[field].width));
    std::vector<void *> columns(static_cast<size_t>(items.items.n_fields), nullptr);
    columns[static_cast<size_t>(field)] = values.data();
    EXPECT_EQ(sheaf_items_read_as(&items.items, first, n, columns.data(), types.empty() ? nullptr : types.data(),
                                  nullptr, items.error),
              0)
        << items.error.text();
    return values;
}

template <typename T> std::vector<T> part(const std::vector<T> &all, size_t first, size_t n) {
    return std::vector<T>(all.begin() + static_cast<ptrdiff_t>(first), all.begin() + static_cast<ptrdiff_t>(first + n));
}

} // namespace

TEST(Input, OneAndTwoDimensionsAreFields) {
    Input input;
    Job job = input.job("{x: d, pos: /deep/er/r, z: packed, c: column}");
    Items items(job);
    ASSERT_EQ(items.rc, 0) << items.error.text();
    EXPECT_EQ(items.items.n_items, 10);
    ASSERT_EQ(items.items.n_fields, 4);
    EXPECT_STREQ(items.items.fields[0].name, "x");
    EXPECT_EQ(items.items.fields[0].width, 1);
    EXPECT_STREQ(items.items.fields[1].name, "pos");
    EXPECT_EQ(items.items.fields[1].width, 3);
    EXPECT_EQ(items.items.fields[3].width, 1) << "a row of one value";
    EXPECT_EQ(read<double>(items, 0, 0, 10), input.d);
    EXPECT_EQ(read<double>(items, 0, 7, 3), part(input.d, 7, 3));
    EXPECT_EQ(read<double>(items, 1, 2, 5), part(input.r, 6, 15));
    EXPECT_EQ(read<double>(items, 2, 2, 5), part(input.r, 6, 15)) << "compressed";
    EXPECT_EQ(read<double>(items, 3, 9, 1), part(input.d, 9, 1));
    EXPECT_EQ(read<double>(items, 0, 3, 0), std::vector<double>{});
}

TEST(Input, TypesAreTheClosestOfOurs) {
    Input input;
    const std::pair<const char *, sheaf_type> cases[] = {
        {"d", SHEAF_FLOAT64}, {"big", SHEAF_FLOAT64}, {"f", SHEAF_FLOAT32}, {"i64", SHEAF_INT64},
        {"i32", SHEAF_INT32}, {"i16", SHEAF_INT32},   {"u8", SHEAF_UINT8},  {"u32", SHEAF_INT64}};
    for (const auto &[dataset, type] : cases) {
        Job job = input.job(std::string("{x: ") + dataset + "}");
        Items items(job);
        ASSERT_EQ(items.rc, 0) << items.error.text();
        EXPECT_EQ(items.items.fields[0].type, type) << dataset;
    }
    Job job = input.job("{a: i32, b: i16, c: u8, d: u32, e: big, f: f}");
    Items items(job);
    std::vector<int32_t> n32(input.n.begin(), input.n.end());
    EXPECT_EQ(read<int32_t>(items, 0, 0, 10), n32);
    EXPECT_EQ(read<int32_t>(items, 1, 0, 10), n32);
    EXPECT_EQ(read<uint8_t>(items, 2, 8, 2), (std::vector<uint8_t>{254, 255}));
    EXPECT_EQ(read<int64_t>(items, 3, 0, 2), (std::vector<int64_t>{4294967295, 1}));
    EXPECT_EQ(read<double>(items, 4, 0, 10), input.d);
    EXPECT_EQ(read<float>(items, 5, 0, 2), (std::vector<float>{0.5F, 1.5F}));
}

TEST(Input, ValuesComeAsTheTypeTheKernelReads) {
    Input input;
    Job job = input.job("{a: i32, b: f, c: i64, d: u8}");
    Items items(job);
    std::vector<sheaf_type> types;
    for (auto [field, type] : {std::pair{0, SHEAF_FLOAT64}, {1, SHEAF_FLOAT64}, {2, SHEAF_INT32}, {3, SHEAF_FLOAT32}}) {
        ASSERT_EQ(sheaf_items_check(&items.items, field, type, items.error), 0) << items.error.text();
        types.push_back(type);
    }
    EXPECT_EQ(read<double>(items, 0, 0, 10, types), std::vector<double>(input.n.begin(), input.n.end()));
    EXPECT_EQ(read<double>(items, 1, 0, 10, types), input.d);
    EXPECT_EQ(read<int32_t>(items, 2, 0, 10, types), std::vector<int32_t>(input.n.begin(), input.n.end()));
    EXPECT_EQ(read<float>(items, 3, 8, 2, types), (std::vector<float>{254, 255}));
    EXPECT_EQ(read<int32_t>(items, 0, 0, 2), std::vector<int32_t>(input.n.begin(), input.n.begin() + 2))
        << "the file's own type";
}

// As with a CSV: a value that the type cannot hold is an error, not another value.
TEST(Input, ValuesThatDoNotFitTheKernelsTypeAreRefused) {
    Folder folder;
    std::string path = folder / "in.h5";
    {
        Writer w(path);
        double nan = std::numeric_limits<double>::quiet_NaN();
        w.put("fraction", H5T_IEEE_F64LE, {3}, H5T_NATIVE_DOUBLE, std::vector<double>{1, 2.5, 3});
        w.put("nan", H5T_IEEE_F64LE, {3}, H5T_NATIVE_DOUBLE, std::vector<double>{1, nan, 3});
        w.put("huge", H5T_IEEE_F64LE, {3}, H5T_NATIVE_DOUBLE, std::vector<double>{1, 1e30, 3});
        w.put("i64", H5T_STD_I64LE, {3}, H5T_NATIVE_INT64, std::vector<int64_t>{1, int64_t{1} << 40, 3});
        w.put("i300", H5T_STD_I64LE, {3}, H5T_NATIVE_INT64, std::vector<int64_t>{1, 300, 3});
        w.put("negative", H5T_STD_I64LE, {3}, H5T_NATIVE_INT64, std::vector<int64_t>{1, -1, 3});
    }
    const std::pair<const char *, sheaf_type> cases[] = {{"fraction", SHEAF_INT64}, {"nan", SHEAF_INT64},
                                                         {"huge", SHEAF_INT64},     {"i64", SHEAF_INT32},
                                                         {"i300", SHEAF_UINT8},     {"negative", SHEAF_UINT8}};
    for (const auto &[dataset, type] : cases) {
        Job job("items: {hdf5: {file: " + path + ", fields: {x: " + dataset + "}}}\nkernel: any\n");
        Items items(job);
        ASSERT_EQ(items.rc, 0) << items.error.text();
        EXPECT_EQ(sheaf_items_check(&items.items, 0, type, items.error), -1) << dataset;
        EXPECT_EQ(items.error.text().find("rubbish"), std::string::npos);
    }
}

TEST(Input, UnsignedIntegersBeyond63BitsAreNotClipped) {
    Folder folder;
    std::string path = folder / "in.h5";
    {
        Writer w(path);
        w.put("u64", H5T_STD_U64LE, {3}, H5T_NATIVE_UINT64, std::vector<uint64_t>{1, UINT64_MAX - 5, 3});
    }
    Job job("items: {hdf5: {file: " + path + ", fields: {x: u64}}}\nkernel: any\n");
    Items items(job);
    if (items.rc || sheaf_items_check(&items.items, 0, SHEAF_INT64, items.error))
        return; /* refused */
    int64_t values[3];
    void *columns[] = {values};
    if (sheaf_items_read(&items.items, 0, 3, columns, nullptr, items.error) == 0)
        EXPECT_NE(values[1], INT64_MAX) << "another value than the file's, and nobody is told";
}

TEST(Input, NumbersAreNoTexts) {
    Input input;
    Job job = input.job("{x: d}");
    Items items(job);
    EXPECT_EQ(sheaf_items_check(&items.items, 0, SHEAF_TEXT, items.error), -1);
    EXPECT_HAS(items.error.text(), "'x' holds numbers");
}

TEST(Input, NoRowsAreNoItems) {
    Input input;
    Job job = input.job("{x: none}");
    Items items(job);
    ASSERT_EQ(items.rc, 0) << items.error.text();
    EXPECT_EQ(items.items.n_items, 0);
}

TEST(Input, WhatCannotBeAFieldIsNamedWithItsPlace) {
    Input input;
    const struct {
        const char *fields, *what;
    } cases[] = {{"{x: nowhere}", "has no dataset 'nowhere'"},
                 {"{x: deep}", "has no dataset 'deep'"},
                 {"{x: d, y: nine}", ":nine: has 9 rows, 'x' has 10"},
                 {"{x: scalar}", ":scalar: has 0 dimensions"},
                 {"{x: hollow}", ":hollow: its rows are empty"},
                 {"{x: pair}", ":pair: holds neither text, floats nor integers"}};
    for (const auto &c : cases) {
        std::string text = refusal(input, c.fields);
        EXPECT_STARTS(text, "sweep.yaml:1:");
        EXPECT_HAS(text, input.path);
        EXPECT_HAS(text, c.what);
    }
    EXPECT_HAS(refusal(input, "{status: d}"), "'status', which the results file needs");
    EXPECT_STARTS(refusal(input, "{status: d}"), "sweep.yaml:1:");
}

TEST(Input, AFileThatIsMissingOrNoHdf5IsNamed) {
    Folder folder;
    for (const std::string &path : {folder / "none.h5", folder.write("text.h5", "just text")}) {
        Job job("items: {hdf5: {file: " + path + ", fields: {x: /x}}}\nkernel: any\n");
        Items items(job);
        EXPECT_EQ(items.rc, -1);
        EXPECT_STARTS(items.error.text(), path + ": ");
        EXPECT_EQ(items.error.error.exit, SHEAF_EXIT_USAGE);
    }
}

TEST(Input, TheIdentityFollowsBytesAndFields) {
    Input a, b;
    auto identity = [](const Input &input, const char *fields) {
        Job job = input.job(fields);
        Items items(job);
        return std::string(items.items.identity.data);
    };
    std::string plain = identity(a, "{x: d}");
    EXPECT_NE(plain, identity(a, "{x: big}"));
    EXPECT_NE(plain, identity(a, "{y: d}"));
    EXPECT_EQ(plain.find(a.path), std::string::npos);
    std::filesystem::copy_file(a.path, b.path, std::filesystem::copy_options::overwrite_existing);
    EXPECT_EQ(plain, identity(b, "{x: d}"));
}

TEST(Input, ResultsLinkTheInputInsteadOfCopyingIt) {
    Input input;
    Store store(input.source("{x: d, pos: /deep/er/r}"), {field("y", SHEAF_FLOAT64)}, 4);
    store.plan.links_inputs = true;
    store.make();
    ASSERT_EQ(store.write(0, 3), 0) << store.error.text();
    ASSERT_EQ(store.close(), 0);
    struct reader *reader = nullptr;
    Error error;
    ASSERT_EQ(sheaf_reader_open(&reader, store.path.c_str(), error), 0) << error.text();
    int n_fields = 0;
    const struct reader_field *fields = sheaf_reader_fields(reader, &n_fields);
    ASSERT_EQ(n_fields, 3);
    EXPECT_STREQ(fields[1].field.name, "pos");
    EXPECT_EQ(fields[1].field.width, 3);
    EXPECT_FALSE(fields[1].is_output);
    std::vector<double> r(30);
    ASSERT_EQ(sheaf_reader_range(reader, 1, 0, 10, r.data(), nullptr, error), 0) << error.text();
    EXPECT_EQ(r, input.r);
    sheaf_reader_close(reader);

    std::filesystem::remove(input.path);
    ASSERT_EQ(sheaf_reader_open(&reader, store.path.c_str(), error), 0) << "the results stay readable without it";
    sheaf_reader_fields(reader, &n_fields);
    EXPECT_EQ(n_fields, 1);
    sheaf_reader_close(reader);
}
