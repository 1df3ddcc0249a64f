// store/reader and store/results: outputs that are texts, before and after they are packed.
#include "unit/sheaf.h"
#include "unit/texts.h"

using namespace unit;

namespace {

struct Reader {
    struct reader *reader = nullptr;
    Error error;
    std::string path;
    explicit Reader(const std::string &file) : path(file) {
        EXPECT_EQ(sheaf_reader_open(&reader, path.c_str(), error), 0) << error.text();
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
    // The texts of these items; a list with the error in it if they cannot be read.
    std::vector<std::string> texts(const std::string &name, const std::vector<int64_t> &items) {
        std::vector<const char *> values(items.size() + 1);
        std::vector<std::string> list;
        struct sheaf_arena arena = {};
        if (sheaf_reader_values(reader, find(name), items.data(), static_cast<int64_t>(items.size()), values.data(),
                                &arena, error))
            list = {error.text()};
        else
            list.assign(values.begin(), values.end() - 1);
        sheaf_arena_free(&arena);
        return list;
    }
};

struct Spoken : Store {
    explicit Spoken(int64_t n_items = 10) : Store("{count: " + std::to_string(n_items) + "}", OUTPUTS, 1) {
        make();
        EXPECT_EQ(write(0, n_items), 0) << error.text();
        close();
    }
};

using Strings = std::vector<std::string>;

} // namespace

TEST(UnpackedTexts, AreReadAsIfTheyWerePacked) {
    Spoken store;
    append(store.path, {{{2, SAID}, "old"}, {{3, SAID}, "größe\n"}, {{3, LOG}, "a log"}});
    struct packed packed;
    ASSERT_EQ(sheaf_pack(store.path.c_str(), nullptr, &packed, store.error), 0) << store.error.text();
    append(store.path, {{{2, SAID}, "new"}, {{5, SAID}, std::string(100000, 'x')}});
    for (bool journals : {true, false}) {
        Reader r(store.path);
        EXPECT_EQ(r.texts("said", {0, 1, 2, 3, 4, 5}),
                  (Strings{"", "", "new", "größe\n", "", std::string(100000, 'x')}));
        EXPECT_EQ(r.texts("said", {5, 2, 9}), (Strings{std::string(100000, 'x'), "new", ""}));
        EXPECT_EQ(r.texts("log", {2, 3}), (Strings{"", "a log"}));
        if (journals)
            ASSERT_EQ(sheaf_pack(store.path.c_str(), nullptr, &packed, store.error), 0) << store.error.text();
    }
}

TEST(UnpackedTexts, OfManyScatteredItems) {
    const int64_t n = 2000;
    Spoken store(n);
    Texts texts;
    for (int64_t i = 0; i < n; i++)
        texts[{i, LOG}] = "log " + std::to_string(i);
    append(store.path, texts);
    std::vector<int64_t> items;
    Strings wanted;
    for (int64_t k = 0; k < n; k++) {
        items.push_back(k * 777 % n);
        wanted.push_back("log " + std::to_string(items.back()));
    }
    EXPECT_EQ(Reader(store.path).texts("log", items), wanted);
}

TEST(UnpackedTexts, PackedWhileSomebodyReads) {
    Spoken store;
    append(store.path, {{{2, SAID}, "text"}});
    Reader early(store.path), late(store.path);
    EXPECT_EQ(early.texts("said", {2}), Strings{"text"});
    struct packed packed;
    ASSERT_EQ(sheaf_pack(store.path.c_str(), nullptr, &packed, store.error), 0) << store.error.text();
    EXPECT_EQ(early.texts("said", {2}), Strings{"text"}) << "a journal that is open stays readable";
    EXPECT_EQ(late.texts("said", {2}),
              Strings{store.path + ": was replaced while it was read, as when its texts are packed; look again"});
    EXPECT_EQ(late.texts("log", {2}).at(0), late.error.text()) << "and it says so again";
}

TEST(UnpackedTexts, AreOnlyForOutputs) {
    Spoken store;
    Reader r(store.path);
    int n = 0;
    const struct reader_field *fields = sheaf_reader_fields(r.reader, &n);
    ASSERT_EQ(n, 4);
    for (int k = 0; k < n; k++)
        EXPECT_EQ(fields[k].output, k);
    Store inputs("{csv: FOLDER/t.csv}", OUTPUTS, 1,
                 [](const Folder &folder) { folder.write("t.csv", "name\nAda\nBob\n"); });
    inputs.make();
    append(inputs.path, {{{0, 0}, "would be the first output"}});
    Reader named(inputs.path);
    EXPECT_EQ(named.texts("name", {0, 1}), (Strings{"Ada", "Bob"}));
}

TEST(Results, TextsTakeNoFillValueAndOthersDo) {
    Store store("{count: 3}", OUTPUTS, 1);
    store.make();
    ASSERT_EQ(sheaf_results_fill_pending(&store.results, store.error), 0) << store.error.text();
    ASSERT_EQ(sheaf_results_give_up(&store.results, 1, ITEM_CRASHED, "why", store.error), 0) << store.error.text();
    store.close();
    Reader r(store.path);
    double y[3] = {};
    ASSERT_EQ(sheaf_reader_range(r.reader, r.find("y"), 0, 3, y, nullptr, r.error), 0);
    for (double value : y)
        EXPECT_TRUE(std::isnan(value));
    EXPECT_EQ(r.texts("said", {0, 1, 2}), (Strings{"", "", ""}));
}

TEST(Results, AttemptsAreKeptWhereAsked) {
    Store store("{count: 1000}", OUTPUTS, 1);
    store.make();
    EXPECT_EQ(store.results.attempts_offset, 0);
    EXPECT_NE(store.results.token, 0u);
    uint64_t token = store.results.token;
    store.plan.attempts = true;
    store.make();
    ASSERT_GT(store.results.attempts_offset, 0);
    EXPECT_NE(store.results.token, token) << "each file has its own";
    const uint8_t tried = 3;
    ASSERT_EQ(pwrite(store.results.fd, &tried, 1, store.results.attempts_offset + 999), 1);
    store.plan.attempts = false; /* retries are no part of the identity: the next run may ask for none */
    ASSERT_EQ(store.open(), 0);
    EXPECT_GT(store.results.attempts_offset, 0);
    store.close();
    std::string script =
        store.folder.write("check.py", "import h5py, sys\n"
                                       "with h5py.File(sys.argv[1]) as f:\n"
                                       "    a = f['attempts']\n"
                                       "    assert a.dtype == 'u1' and a.shape == (1000,) and a[999] == 3\n"
                                       "    assert not a[:999].any() and a.dims[0][0].name == '/item'\n"
                                       "    assert a.attrs['long_name'] == 'how often the item was tried'\n");
    EXPECT_EQ(
        system((std::string("HDF5_USE_FILE_LOCKING=FALSE " SHEAF_PYTHON " ") + script + " " + store.path).c_str()), 0);
    int n = 0;
    Reader r(store.path);
    sheaf_reader_fields(r.reader, &n);
    EXPECT_EQ(n, 4) << "no field of the job";
}

TEST(Results, AFileOfAnOlderVersionHasNoToken) {
    Store store("{count: 3}", OUTPUTS, 1);
    store.make();
    store.close();
    hid_t file = H5Fopen(store.path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    ASSERT_GE(H5Adelete_by_name(file, "/sheaf", "token", H5P_DEFAULT), 0);
    ASSERT_GE(H5Fclose(file), 0);
    ASSERT_EQ(store.open(), 0) << store.error.text();
    EXPECT_EQ(store.results.token, 0u);
    store.close();
    EXPECT_EQ(Reader(store.path).texts("said", {0, 1, 2}), (Strings{"", "", ""}));
    struct packed packed;
    EXPECT_EQ(sheaf_pack(store.path.c_str(), nullptr, &packed, store.error), 0) << store.error.text();
    EXPECT_EQ(packed.n_texts, 0);
}
