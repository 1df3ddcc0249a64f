// store/pack: texts go from the journals into the results file, and whatever happens on the way none is lost.
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include "unit/sheaf.h"
#include "unit/texts.h"

using namespace unit;

namespace {

// HDF5's own exit handler can crash after a failed write (sheaf_h5_start); said before any test uses HDF5.
[[maybe_unused]] const herr_t no_exit_handler = H5dont_atexit();

std::vector<std::string> column(const Texts &texts, int output, int64_t n_items) {
    std::vector<std::string> list(static_cast<size_t>(n_items));
    for (const auto &[where, text] : texts)
        if (where.second == output)
            list[static_cast<size_t>(where.first)] = text;
    return list;
}

struct Pack : Store {
    explicit Pack(int64_t n_items, int64_t n_done = -1)
        : Store("{count: " + std::to_string(n_items) + "}", OUTPUTS, 1) {
        make();
        EXPECT_EQ(write(0, n_done < 0 ? n_items : n_done), 0) << error.text();
        close();
    }
    struct packed packed;
    int pack() { return sheaf_pack(path.c_str(), nullptr, &packed, error); }
    std::string journals() const { return folder / "out.d"; }
    void expect(const Texts &texts) {
        EXPECT_EQ(read_texts(path, "said"), column(texts, SAID, n_items()));
        EXPECT_EQ(read_texts(path, "log"), column(texts, LOG, n_items()));
    }
};

Texts some_texts(int64_t n_items) {
    Texts texts;
    for (int64_t i = 0; i < n_items; i++) {
        texts[{i, SAID}] = "item " + std::to_string(i) + " said:\n  größe €\n";
        if (i % 3)
            texts[{i, LOG}] = std::string(static_cast<size_t>(i * 7 % 1000), 'x');
    }
    return texts;
}

} // namespace

TEST(Pack, BringsTextsIntoTheFile) {
    Pack store(1000);
    Texts texts = some_texts(1000);
    store.expect({}); /* empty until they are packed */
    append(store.path, texts);
    store.expect({});
    ASSERT_EQ(store.pack(), 0) << store.error.text();
    store.expect(texts);
    int64_t n_bytes = 0;
    for (const auto &[where, text] : texts)
        n_bytes += static_cast<int64_t>(text.size());
    EXPECT_EQ(store.packed.n_texts, static_cast<int64_t>(texts.size()));
    EXPECT_EQ(store.packed.n_bytes, n_bytes);
    EXPECT_EQ(store.packed.n_dropped, 0);
    EXPECT_FALSE(std::filesystem::exists(store.journals()));
    EXPECT_FALSE(std::filesystem::exists(store.path + ".pack"));
    ASSERT_EQ(store.pack(), 0) << store.error.text();
    EXPECT_EQ(store.packed.n_texts, 0) << "there is nothing left to do";
    store.expect(texts);
}

// What python makes of it, and that everything else stays at its place: the file takes rows as before.
TEST(Pack, LeavesEverythingElseWhereItWas) {
    Pack store(500, 300);
    Texts texts = some_texts(300);
    append(store.path, texts);
    ASSERT_EQ(store.open(), 0) << store.error.text();
    EXPECT_EQ(store.results.token, token_of(store.path));
    auto places = [&] {
        const struct row_sink &sink = store.results.sink;
        return std::vector<off_t>{sink.layout.columns[0].offset,   sink.layout.columns[2].offset,
                                  sink.layout.status_offset,       sink.layout.seconds_offset,
                                  sink.layout.failure_item_offset, sink.layout.flights_offset,
                                  store.results.run_offsets[0]};
    };
    std::vector<off_t> before = places();
    EXPECT_EQ(store.results.sink.layout.columns[SAID].row_bytes, 0u) << "a text has no column";
    store.close();
    std::filesystem::permissions(store.path, std::filesystem::perms(0640));
    ASSERT_EQ(store.pack(), 0) << store.error.text();
    EXPECT_EQ(std::filesystem::status(store.path).permissions(), std::filesystem::perms(0640));
    ASSERT_EQ(store.open(), 0) << store.error.text();
    EXPECT_EQ(places(), before);
    Texts more = some_texts(500);
    more.erase(more.begin(), more.lower_bound({300, 0}));
    append(store.path, more);
    ASSERT_EQ(store.write(300, 200), 0) << store.error.text();
    ASSERT_EQ(store.close(), 0);
    ASSERT_EQ(store.pack(), 0) << store.error.text();
    store.expect(some_texts(500));
    std::string script = store.folder.write(
        "check.py", "import h5py, sys\n"
                    "with h5py.File(sys.argv[1]) as f:\n"
                    "    said, log = f['said'].asstr()[:], f['log'].asstr()[:]\n"
                    "    assert h5py.check_string_dtype(f['said'].dtype).encoding == 'utf-8'\n"
                    "    assert f['said'].attrs['long_name'] == 'what it said'\n"
                    "    assert f['said'].dims[0][0].name == '/item'\n"
                    "    assert (f['status'][:] == 1).all()\n"
                    "    for i in range(500):\n"
                    "        assert said[i] == f'item {i} said:\\n  größe €\\n', i\n"
                    "        assert log[i] == ('x' * (i * 7 % 1000) if i % 3 else ''), i\n"
                    "        assert f['y'][i] == 17 * i % 251, i\n"
                    "        assert (f['v'][i] == [(17 * i + 10 + j) % 251 for j in range(3)]).all(), i\n");
    EXPECT_EQ(
        system((std::string("HDF5_USE_FILE_LOCKING=FALSE " SHEAF_PYTHON " ") + script + " " + store.path).c_str()), 0);
}

TEST(Pack, PackedTextsSurviveTheNextPack) {
    Pack store(100, 100);
    Texts texts = some_texts(100);
    append(store.path, texts);
    ASSERT_EQ(store.pack(), 0) << store.error.text();
    Texts again = {{{7, SAID}, "computed again"}, {{8, SAID}, ""}, {{8, LOG}, std::string(100000, 'y')}};
    append(store.path, again);
    ASSERT_EQ(store.pack(), 0) << store.error.text();
    for (const auto &[where, text] : again)
        texts[where] = text;
    store.expect(texts);
    EXPECT_EQ(store.packed.n_texts, 3);
}

TEST(Pack, TextsOfPendingItemsAreNotPacked) {
    Pack store(10, 4);
    append(store.path, some_texts(10)); /* killed between the texts and the status of items 4 … 9 */
    ASSERT_EQ(store.pack(), 0) << store.error.text();
    store.expect(some_texts(4));
    Pack pending(10, 0);
    append(pending.path, some_texts(10));
    std::string before = read_bytes(pending.path);
    ASSERT_EQ(pending.pack(), 0) << pending.error.text();
    EXPECT_EQ(pending.packed.n_texts, 0);
    EXPECT_EQ(read_bytes(pending.path), before);
    EXPECT_FALSE(std::filesystem::exists(pending.journals()));
    EXPECT_FALSE(std::filesystem::exists(pending.path + ".pack"));
}

TEST(Pack, RecordsThatMakeNoSenseAreLeftOut) {
    Pack store(5);
    append(store.path, {{{1, SAID}, "good"}, {{1, 0}, "not a text"}, {{1, 4}, "no output"}, {{5, SAID}, "no item"}});
    ASSERT_EQ(store.pack(), 0) << store.error.text();
    store.expect({{{1, SAID}, "good"}});
    EXPECT_EQ(store.packed.n_texts, 1);
}

TEST(Pack, DamagedRecordsAreCounted) {
    Pack store(5);
    append(store.path, {{{1, SAID}, "first"}, {{2, SAID}, "second"}, {{3, SAID}, "third"}});
    for (const auto &file : std::filesystem::directory_iterator(store.journals())) {
        std::string bytes = read_bytes(file.path());
        bytes[bytes.find("second")] = 'S';
        std::ofstream(file.path(), std::ios::binary) << bytes;
    }
    ASSERT_EQ(store.pack(), 0) << store.error.text();
    store.expect({{{1, SAID}, "first"}, {{3, SAID}, "third"}});
    EXPECT_EQ(store.packed.n_dropped, 1);
}

TEST(Pack, TakesLargeTexts) {
    Pack store(60);
    Texts texts;
    for (int64_t i = 0; i < 60; i += 2)
        texts[{i, LOG}] = std::string(5000000, static_cast<char>('a' + i % 26));
    append(store.path, texts);
    ASSERT_EQ(store.pack(), 0) << store.error.text();
    EXPECT_EQ(store.packed.n_bytes, 30 * 5000000);
    EXPECT_LT(std::filesystem::file_size(store.path), 160'000'000u) << "little more than the texts";
    EXPECT_TRUE(read_texts(store.path, "log") == column(texts, LOG, 60));
}

TEST(Pack, AFileThatALinkLeadsTo) {
    Pack store(5);
    append(store.path, {{{1, SAID}, "text"}});
    std::string link = store.folder / "link.h5";
    std::filesystem::create_symlink("out.h5", link);
    ASSERT_EQ(sheaf_pack(link.c_str(), nullptr, &store.packed, store.error), 0) << store.error.text();
    EXPECT_TRUE(std::filesystem::is_symlink(link));
    store.expect({{{1, SAID}, "text"}});
}

namespace {

// HDF5 loses what it could not write when closing fails; the leak is not ours.
struct HdfMayLeak {
#ifdef __SANITIZE_ADDRESS__
    HdfMayLeak() {
        __lsan_disable();
    }
    ~HdfMayLeak() {
        __lsan_enable();
    }
#endif
};

} // namespace

TEST(Pack, AFullDiskLosesNothing) {
    Pack store(200);
    Texts texts = some_texts(200);
    texts[{0, LOG}] = std::string(3000000, 'z');
    append(store.path, texts);
    std::string before = read_bytes(store.path);
    for (size_t room : {before.size() / 2, before.size() + 1000, before.size() + 100000, before.size() + 2900000}) {
        FullDisk full(room);
        [[maybe_unused]] HdfMayLeak leaks;
        EXPECT_EQ(store.pack(), -1) << room;
        EXPECT_EQ(store.error.error.exit, SHEAF_EXIT_ENVIRONMENT);
        EXPECT_HAS(store.error.text(), "File too large");
        EXPECT_HAS(store.error.text(), "nothing is lost");
        EXPECT_HAS(store.error.text(), "sheaf pack " + store.path);
        EXPECT_FALSE(std::filesystem::exists(store.path + ".pack"));
    }
    EXPECT_TRUE(read_bytes(store.path) == before);
    ASSERT_EQ(store.pack(), 0) << store.error.text();
    store.expect(texts);
}

TEST(Pack, WhatIsNoResultsFileIsRefused) {
    Folder folder;
    struct packed packed;
    Error error;
    EXPECT_EQ(sheaf_pack((folder / "none.h5").c_str(), nullptr, &packed, error), -1);
    EXPECT_HAS(error.text(), "none.h5: cannot open");
    EXPECT_EQ(sheaf_pack(folder.write("a.h5", "text").c_str(), nullptr, &packed, error), -1);
    EXPECT_HAS(error.text(), "a.h5: is not a results file of Sheaf");
    EXPECT_EQ(error.error.exit, SHEAF_EXIT_USAGE);
}

TEST(Publish, RemovesTheJournalsOfTheFileThatWasReplaced) {
    Pack store(5);
    append(store.path, {{{1, SAID}, "old"}});
    std::ofstream(store.journals() + "/log.txt") << "a user's";
    ASSERT_EQ(store.create(), 0) << store.error.text();
    EXPECT_TRUE(std::filesystem::exists(store.journals() + "/log.txt"));
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(store.journals()), {}), 1);
    append(store.path, {{{1, SAID}, "new"}});
    ASSERT_EQ(store.open(), 0) << store.error.text();
    store.set_status({1, 1, 1, 1, 1});
    store.close();
    ASSERT_EQ(store.pack(), 0) << store.error.text();
    store.expect({{{1, SAID}, "new"}});
}
