// plan/journal: texts are appended, found again whatever was cut or damaged, and never mistaken for another file's.
#include "unit/sheaf.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

using namespace unit;

namespace {

const uint64_t OWN_TOKEN = 0x0123456789abcdef;
const size_t HEAD = 32; /* bytes of a record's head */

using Texts = std::map<std::pair<int64_t, int>, std::string>;

struct Records {
    struct sheaf_buffer buffer = {};
    ~Records() { sheaf_buffer_free(&buffer); }
    Records() = default;
    Records(const Records &) = delete;
    Records &operator=(const Records &) = delete;

    Records &put(int64_t item, int output, const std::string &text) {
        Error error;
        EXPECT_EQ(sheaf_journal_put(&buffer, item, output, text.data(), text.size(), error), 0) << error.text();
        return *this;
    }
    std::string bytes() const { return {buffer.data, buffer.n_bytes}; }
};

struct Writer {
    struct journal *journal = nullptr;
    Error error;
    explicit Writer(const std::string &path, uint64_t token = OWN_TOKEN) {
        EXPECT_EQ(sheaf_journal_open(&journal, path.c_str(), token, {}, error), 0) << error.text();
    }
    ~Writer() { EXPECT_EQ(sheaf_journal_close(journal, error), 0) << error.text(); }
    Writer(const Writer &) = delete;
    Writer &operator=(const Writer &) = delete;

    int append(const Records &records) {
        return sheaf_journal_append(journal, records.buffer.data, records.buffer.n_bytes, error);
    }
    void put(int64_t item, int output, const std::string &text) {
        Records records;
        records.put(item, output, text);
        EXPECT_EQ(append(records), 0) << error.text();
    }
};

// What a reader finds for items [first, end).
struct Found {
    Texts texts;
    int64_t n_dropped = -1, n_files = -1;
    int rc;
    Error error;

    explicit Found(const std::string &path, uint64_t token = OWN_TOKEN, int64_t first = 0, int64_t end = INT64_MAX) {
        struct journal_index *index = nullptr;
        rc = sheaf_journal_index_open(&index, path.c_str(), token, error) ||
                     sheaf_journal_index_scan(index, first, end, error)
                 ? -1
                 : 0;
        int64_t n = 0;
        const struct journal_entry *entries = rc ? nullptr : sheaf_journal_index_entries(index, &n);
        for (int64_t k = 0; k < n; k++) {
            std::string text(static_cast<size_t>(entries[k].n_bytes), '?');
            EXPECT_EQ(sheaf_journal_index_read(index, &entries[k], text.data(), error), 0) << error.text();
            EXPECT_TRUE(texts.insert({{entries[k].item, entries[k].output}, text}).second) << "one record a text";
            EXPECT_EQ(sheaf_journal_index_find(index, entries[k].item, entries[k].output), &entries[k]);
        }
        if (index) {
            n_dropped = sheaf_journal_index_dropped(index);
            n_files = sheaf_journal_index_files(index);
            EXPECT_EQ(sheaf_journal_index_find(index, 123456789, 0), nullptr);
        }
        sheaf_journal_index_close(index);
    }
};

// The text as it comes out of a journal.
std::string cleaned(const std::string &text) {
    return Records().put(0, 0, text).bytes().substr(HEAD);
}

} // namespace

// ----------------------------------------------------------------------------------------------------------- texts

TEST(JournalText, KeepsWhatIsUtf8) {
    for (const std::string &text : {std::string(), std::string("plain\n\ttext\x7f\x01"), std::string("größe €"),
                                    std::string("\U0010ffff\ud7ff\ue000\u0800\u0080\U00010000")})
        EXPECT_EQ(cleaned(text), text);
}

TEST(JournalText, ReplacesWhatIsNot) {
    const std::string bad = "\xef\xbf\xbd"; /* U+FFFD */
    EXPECT_EQ(cleaned(std::string("a\0b\0", 4)), "a\xe2\x90\x80"
                                                 "b\xe2\x90\x80");
    EXPECT_EQ(cleaned("\x80"), bad);
    EXPECT_EQ(cleaned("x\xffy"), "x" + bad + "y");
    EXPECT_EQ(cleaned("\xe2\x82"), bad) << "a character that is cut is one";
    EXPECT_EQ(cleaned("\xf0\x9f\x92z"), bad + "z");
    EXPECT_EQ(cleaned("\xc0\xaf"), bad + bad) << "overlong";
    EXPECT_EQ(cleaned("\xe0\x80\x80"), bad + bad + bad) << "overlong";
    EXPECT_EQ(cleaned("\xed\xa0\x80"), bad + bad + bad) << "a surrogate";
    EXPECT_EQ(cleaned("\xf4\x90\x80\x80"), bad + bad + bad + bad) << "beyond U+10FFFF";
    EXPECT_EQ(cleaned("0123456\xff"
                      "0123456789\xc3"),
              "0123456" + bad + "0123456789" + bad);
}

// Python's decoder is the judge of every text of one and two bytes, all that is near the borders, and random ones.
TEST(JournalText, IsWhatPythonMakesOfIt) {
    std::vector<std::string> texts;
    for (int a = 0; a < 256; a++)
        for (int b = 0; b < 256; b++)
            texts.push_back({static_cast<char>(a), static_cast<char>(b)});
    std::mt19937 random(3);
    const std::string near =
        std::string("\0a\x7f\x80\x8f\x90\x9f\xa0\xbf\xc1\xc2\xdf\xe0\xe1\xec\xed\xee\xef\xf0\xf1\xf3"
                    "\xf4\xf5\xff",
                    24);
    for (int k = 0; k < 20000; k++) {
        std::string text(1 + random() % 20, 'x');
        for (char &c : text)
            c = random() % 3 ? near[random() % near.size()] : c;
        texts.push_back(text);
    }
    Folder folder;
    std::string in, out;
    for (const std::string &text : texts) {
        std::string clean = cleaned(text);
        uint32_t sizes[2] = {static_cast<uint32_t>(text.size()), static_cast<uint32_t>(clean.size())};
        in.append(reinterpret_cast<char *>(sizes), sizeof sizes).append(text).append(clean);
    }
    folder.write("in", in);
    std::string program = "import struct, sys\n"
                          "data, at, n = open(sys.argv[1], 'rb').read(), 0, 0\n"
                          "while at < len(data):\n"
                          "    a, b = struct.unpack_from('=II', data, at)\n"
                          "    text, clean = data[at + 8:at + 8 + a], data[at + 8 + a:at + 8 + a + b]\n"
                          "    wanted = text.decode('utf-8', 'replace').replace('\\0', '\\u2400').encode()\n"
                          "    if clean != wanted: sys.exit(f'{text!r} became {clean!r}, not {wanted!r}')\n"
                          "    at, n = at + 8 + a + b, n + 1\n"
                          "sys.exit(n != int(sys.argv[2]))\n";
    std::string script = folder.write("check.py", program);
    EXPECT_EQ(system((std::string(SHEAF_PYTHON " ") + script + " " + folder / "in" + " " + std::to_string(texts.size()))
                         .c_str()),
              0);
}

// ------------------------------------------------------------------------------------------------- writing and finding

TEST(Journal, MakesNoFileBeforeTheFirstRecord) {
    Folder folder;
    std::string path = folder / "out.h5";
    {
        Writer writer(path);
        EXPECT_EQ(sheaf_journal_append(writer.journal, "", 0, writer.error), 0);
        EXPECT_EQ(sheaf_journal_sync(writer.journal, writer.error), 0) << writer.error.text();
        EXPECT_FALSE(std::filesystem::exists(folder / "out.d"));
        writer.put(3, 1, "hello");
        EXPECT_TRUE(std::filesystem::exists(folder / "out.d/0123456789abcdef.0001.texts"));
        EXPECT_EQ(sheaf_journal_sync(writer.journal, writer.error), 0) << writer.error.text();
    }
    Found found(path);
    EXPECT_EQ(found.texts, (Texts{{{3, 1}, "hello"}}));
    EXPECT_EQ(found.n_dropped, 0);
}

TEST(Journal, LiesBesideTheResultsFile) {
    Folder folder;
    auto place = [](const std::string &path) {
        char *name = sheaf_journal_folder(path.c_str());
        std::string copy = name;
        free(name);
        return copy;
    };
    EXPECT_EQ(place("a/out.h5"), "a/out.d");
    EXPECT_EQ(place("out"), "out.d");
    EXPECT_EQ(place("out.hdf5"), "out.hdf5.d");
    EXPECT_EQ(place("a/.h5"), "a/.h5.d") << "a name has something before its ending";
    std::filesystem::create_directory(folder / "data");
    std::filesystem::create_symlink("data/real.h5", folder / "link");
    EXPECT_EQ(place(folder / "link"), folder / "data/real.d");
}

TEST(Journal, LaterRecordsAndFilesCount) {
    Folder folder;
    std::string path = folder / "out.h5";
    {
        Writer first(path);
        first.put(1, 0, "one");
        first.put(2, 0, "two");
        Writer second(path); /* at the same time, with a file of its own */
        second.put(2, 0, "two of the second file");
        first.put(2, 0, "two again");
        first.put(1, 0, "");
        first.put(1, 1, "another output");
    }
    Found found(path);
    EXPECT_EQ(found.n_files, 2);
    EXPECT_EQ(found.texts, (Texts{{{1, 0}, ""}, {{1, 1}, "another output"}, {{2, 0}, "two of the second file"}}));
    EXPECT_EQ(Found(path, OWN_TOKEN, 2, 3).texts, (Texts{{{2, 0}, "two of the second file"}}));
    EXPECT_EQ(Found(path, OWN_TOKEN, 3, 9).texts, Texts{});
}

TEST(Journal, OfAnotherFileIsNotSeen) {
    Folder folder;
    std::string path = folder / "out.h5";
    {
        Writer(path, 7).put(1, 0, "another file's");
        Writer(path).put(1, 0, "ours");
    }
    for (const char *name : {"0123456789abcdef.1.texts", "0123456789ABCDEF.0001.texts", "0123456789abcdef.0001.texts~",
                             "0123456789abcdef.00x1.texts", "log.txt"})
        folder.write(std::string("out.d/") + name, "no journal");
    EXPECT_EQ(Found(path).n_files, 1);
    EXPECT_EQ(Found(path).texts, (Texts{{{1, 0}, "ours"}}));
    EXPECT_EQ(Found(path, 7).texts, (Texts{{{1, 0}, "another file's"}}));
    EXPECT_EQ(Found(path, 8).texts, Texts{});
    Error error;
    EXPECT_EQ(sheaf_journal_remove(path.c_str(), OWN_TOKEN, true, error), 0);
    EXPECT_EQ(Found(path, 7).n_files, 0) << "those of others are removed";
    EXPECT_EQ(Found(path).n_files, 1);
    EXPECT_EQ(sheaf_journal_remove(path.c_str(), OWN_TOKEN, false, error), 0);
    EXPECT_EQ(Found(path).n_files, 0);
    EXPECT_TRUE(std::filesystem::exists(folder / "out.d/log.txt")) << "nothing else is touched";
}

TEST(Journal, OfANeighbourInTheSameFolderStays) {
    Folder folder;
    Writer(folder / "out", 7).put(1, 0, "of `out`, whose folder is out.d too");
    folder.write("out", "");
    Error error;
    EXPECT_EQ(sheaf_journal_remove((folder / "out.h5").c_str(), OWN_TOKEN, true, error), 0);
    EXPECT_EQ(Found(folder / "out", 7).n_files, 1);
    EXPECT_EQ(sheaf_journal_remove((folder / "out").c_str(), 7, false, error), 0);
    EXPECT_FALSE(std::filesystem::exists(folder / "out.d")) << "an empty folder goes";
}

TEST(Journal, TakesLargeAndManyTexts) {
    Folder folder;
    std::string path = folder / "out.h5";
    std::mt19937 random(5);
    Texts wanted;
    {
        Writer writer(path);
        for (int64_t item = 0; item < 3; item++) { /* around the size of a piece, and far beyond */
            for (size_t n : {size_t{1 << 20} - 1, size_t{1 << 20}, (size_t{1} << 20) + 1, size_t{5000000}}) {
                std::string text(n, 'a');
                for (size_t k = 0; k < n; k += 1 + random() % 64)
                    text[k] = static_cast<char>('a' + random() % 26);
                int output = static_cast<int>(wanted.size() % 4);
                wanted[{item, output}] = text;
                writer.put(item, output, text);
            }
        }
        Records many;
        for (int64_t item = 3; item < 100000; item++)
            wanted[{item, 0}] = "text " + std::to_string(item), many.put(item, 0, wanted[{item, 0}]);
        EXPECT_EQ(writer.append(many), 0);
    }
    Found found(path);
    EXPECT_EQ(found.n_dropped, 0);
    EXPECT_TRUE(found.texts == wanted);
    Texts part(wanted.lower_bound({2, 0}), wanted.lower_bound({50, 0}));
    EXPECT_TRUE(Found(path, OWN_TOKEN, 2, 50).texts == part);
}

TEST(Journal, IsAppendedToByManyThreads) {
    Folder folder;
    std::string path = folder / "out.h5";
    Texts wanted;
    {
        Writer writers[2] = {Writer(path), Writer(path)};
        std::vector<std::thread> threads;
        for (int t = 0; t < 8; t++) {
            for (int64_t k = 0; k < 200; k++)
                wanted[{t * 1000 + k, 0}] = std::string(static_cast<size_t>(k), static_cast<char>('a' + t));
            threads.emplace_back([&, t] {
                for (int64_t k = 0; k < 200; k++)
                    writers[t % 2].put(t * 1000 + k, 0,
                                       std::string(static_cast<size_t>(k), static_cast<char>('a' + t)));
            });
        }
        for (std::thread &thread : threads)
            thread.join();
    }
    Found found(path);
    EXPECT_EQ(found.n_dropped, 0);
    EXPECT_EQ(found.n_files, 2);
    EXPECT_TRUE(found.texts == wanted);
}

TEST(Journal, TakesManyFiles) {
    Folder folder;
    std::string path = folder / "out.h5";
    Texts wanted;
    for (int k = 0; k < 50; k++) { /* more than are kept open; text k lies in file k, all of text 99 do */
        Writer writer(path);
        writer.put(k, 0, std::to_string(k));
        writer.put(99, 0, "last of " + std::to_string(k));
        wanted[{k, 0}] = std::to_string(k);
    }
    wanted[{99, 0}] = "last of 49";
    EXPECT_EQ(Found(path).texts, wanted);
}

TEST(Journal, NumbersGoOnBehindTheHighest) {
    Folder folder;
    std::string path = folder / "out.h5", first = folder / "out.d/0123456789abcdef.0001.texts";
    Writer(path).put(1, 0, "old");
    Writer(path).put(1, 0, "newer");
    std::filesystem::rename(first, folder / "out.d/0123456789abcdef.9999.texts");
    Writer(path).put(1, 0, "newest");
    EXPECT_TRUE(std::filesystem::exists(folder / "out.d/0123456789abcdef.10000.texts"));
    EXPECT_EQ(Found(path).texts, (Texts{{{1, 0}, "newest"}}));
}

// ------------------------------------------------------------------------------------------------------------- damage

TEST(JournalDamage, CutAtAnyByte) {
    Folder folder;
    std::string path = folder / "out.h5", file = folder / "out.d/0123456789abcdef.0001.texts";
    std::vector<std::string> texts = {"first", "", "größe", std::string(100, 'x')};
    std::vector<size_t> ends; /* of the records */
    Records records;
    for (size_t k = 0; k < texts.size(); k++) {
        records.put(static_cast<int64_t>(k), 0, texts[k]);
        ends.push_back(records.buffer.n_bytes);
    }
    std::string whole = records.bytes();
    std::filesystem::create_directory(folder / "out.d");
    for (size_t n = 0; n <= whole.size(); n++) {
        std::ofstream(file, std::ios::binary | std::ios::trunc) << whole.substr(0, n);
        Texts wanted;
        for (size_t k = 0; k < texts.size(); k++)
            if (ends[k] <= n)
                wanted[{static_cast<int64_t>(k), 0}] = texts[k];
        Found found(path);
        ASSERT_EQ(found.rc, 0) << found.error.text();
        ASSERT_EQ(found.texts, wanted) << "cut at " << n;
        ASSERT_EQ(found.n_dropped, 0) << "a torn end is nothing to talk about";
    }
}

TEST(JournalDamage, AnyByteFlipped) {
    Folder folder;
    std::string path = folder / "out.h5", file = folder / "out.d/0123456789abcdef.0001.texts";
    std::vector<std::string> texts = {"first", "", "größe", std::string(100, 'x')};
    std::vector<size_t> ends;
    Records records;
    for (size_t k = 0; k < texts.size(); k++) {
        records.put(static_cast<int64_t>(k), 0, texts[k]);
        ends.push_back(records.buffer.n_bytes);
    }
    std::filesystem::create_directory(folder / "out.d");
    for (size_t at = 0; at < records.buffer.n_bytes; at++) {
        for (int bit : {0, 3, 7}) {
            std::string bytes = records.bytes();
            bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
            std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
            Texts wanted;
            bool last = false;
            for (size_t k = 0, begin = 0; k < texts.size(); begin = ends[k++]) {
                if (at < begin || at >= ends[k])
                    wanted[{static_cast<int64_t>(k), 0}] = texts[k];
                else
                    last = k + 1 == texts.size();
            }
            Found found(path);
            ASSERT_EQ(found.texts, wanted) << "byte " << at << ", bit " << bit;
            ASSERT_EQ(found.n_dropped, last ? 0 : 1) << "byte " << at << ", bit " << bit;
        }
    }
}

TEST(JournalDamage, InALargeTextHidesNoOther) {
    Folder folder;
    std::string path = folder / "out.h5", file = folder / "out.d/0123456789abcdef.0001.texts";
    Records inner, records;
    inner.put(5, 0, "a record inside a text is none");
    records.put(0, 0, "before").put(1, 0, inner.bytes() + std::string(3 << 20, 'x')).put(2, 0, "behind");
    std::string bytes = records.bytes();
    bytes[HEAD + 6 + HEAD + 2000000] = 'y';
    std::filesystem::create_directory(folder / "out.d");
    folder.write("out.d/0123456789abcdef.0001.texts", bytes);
    Found found(path);
    EXPECT_EQ(found.texts, (Texts{{{0, 0}, "before"}, {{2, 0}, "behind"}}));
    EXPECT_EQ(found.n_dropped, 1);
}

TEST(JournalDamage, ZerosAtTheEndAreATornEnd) { /* as a file system may leave after a power cut */
    Folder folder;
    std::filesystem::create_directory(folder / "out.d");
    folder.write("out.d/0123456789abcdef.0001.texts", Records().put(0, 0, "whole").bytes() + std::string(5000, '\0'));
    Found found(folder / "out.h5");
    EXPECT_EQ(found.texts, (Texts{{{0, 0}, "whole"}}));
    EXPECT_EQ(found.n_dropped, 0);
}

// ------------------------------------------------------------------------------------------------------------- errors

TEST(JournalErrors, AFullDiskEndsIt) {
    Folder folder;
    std::string path = folder / "out.h5";
    Writer writer(path);
    writer.put(0, 0, "fits");
    Records large;
    large.put(1, 0, std::string(20000, 'x'));
    {
        FullDisk full(10000);
        EXPECT_EQ(writer.append(large), -1);
        EXPECT_EQ(writer.error.error.exit, SHEAF_EXIT_ENVIRONMENT);
        EXPECT_HAS(writer.error.text(), "out.d/0123456789abcdef.0001.texts: cannot write");
        EXPECT_HAS(writer.error.text(), "File too large");
    }
    Records small;
    small.put(2, 0, "would hide behind the torn one");
    EXPECT_EQ(writer.append(small), -1);
    EXPECT_HAS(writer.error.text(), "an earlier write failed");
    EXPECT_EQ(Found(path).texts, (Texts{{{0, 0}, "fits"}}));
}

TEST(JournalErrors, AFolderThatCannotBeMade) {
    Folder folder;
    folder.write("file", "");
    Records records;
    records.put(0, 0, "text");
    Writer nowhere(folder / "file/out.h5");
    EXPECT_EQ(nowhere.append(records), -1);
    EXPECT_HAS(nowhere.error.text(), "file/out.d: cannot make the folder");
    folder.write("other.d", "not a folder");
    Writer blocked(folder / "other.h5");
    EXPECT_EQ(blocked.append(records), -1);
    EXPECT_HAS(blocked.error.text(), "Not a directory");
    EXPECT_EQ(blocked.error.error.exit, SHEAF_EXIT_ENVIRONMENT);
    EXPECT_EQ(Found(folder / "other.h5").n_files, 0) << "and there are no journals in it";
}

TEST(JournalErrors, AFolderThatIsReadOnly) {
    Folder folder;
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
    std::filesystem::create_directory(folder / "out.d");
    std::filesystem::permissions(folder / "out.d", std::filesystem::perms(0555));
    Records records;
    records.put(0, 0, "text");
    {
        Writer writer(folder / "out.h5");
        bool root = geteuid() == 0; /* who may write everywhere */
        if (root)
            ASSERT_EQ(seteuid(65534), 0);
        int rc = writer.append(records);
        if (root)
            ASSERT_EQ(seteuid(0), 0);
        EXPECT_EQ(rc, -1);
        EXPECT_HAS(writer.error.text(), "out.d/0123456789abcdef.0001.texts: cannot create it");
        EXPECT_HAS(writer.error.text(), "Permission denied");
    }
    EXPECT_EQ(Found(folder / "out.h5").n_files, 0);
    std::filesystem::permissions(folder / "out.d", std::filesystem::perms(0755));
}

// Window by window, from one index, the same texts are found as at once: journals nearly in order, out of order, with
// records of an item far apart, and with damaged bytes on the way.
TEST(JournalIndex, WindowsTogetherHaveAll) {
    Folder folder;
    const std::string path = folder / "out.h5";
    const int64_t n_items = 3000;
    std::mt19937 random(21);
    for (int journal = 0; journal < 3; journal++) {
        Writer writer(path);
        for (int64_t k = 0; k < (journal == 2 ? 200 : 2000); k++) {
            const int64_t item = journal == 0   ? k
                                 : journal == 1 ? 1000 + k / 2 + static_cast<int64_t>(random() % 40)
                                                : static_cast<int64_t>(random() % n_items);
            std::string text(random() % 4000, static_cast<char>('a' + random() % 26));
            text += std::to_string(random());
            writer.put(item, static_cast<int>(random() % 2), text);
        }
    }
    for (const auto &file : std::filesystem::directory_iterator(folder / "out.d")) { /* some records damaged */
        std::string bytes = read_bytes(file.path());
        for (size_t k = 0; k <= bytes.size() >> 18; k++)
            bytes[random() % bytes.size()] ^= 1;
        std::ofstream(file.path()) << bytes;
    }
    const Found whole(path);
    ASSERT_EQ(whole.rc, 0);
    ASSERT_GT(whole.n_dropped, 0);
    struct journal_index *index = nullptr;
    Error error;
    ASSERT_EQ(sheaf_journal_index_open(&index, path.c_str(), OWN_TOKEN, error), 0);
    Texts found;
    for (int64_t first = 0; first < n_items; first++) { /* also where a stretch begins and ends */
        ASSERT_EQ(sheaf_journal_index_scan(index, first, first + 1, error), 0) << error.text();
        EXPECT_EQ(sheaf_journal_index_dropped(index), whole.n_dropped);
        int64_t n;
        const struct journal_entry *entries = sheaf_journal_index_entries(index, &n);
        for (int64_t k = 0; k < n; k++) {
            ASSERT_TRUE(entries[k].item >= first && entries[k].item < first + 1);
            std::string text(static_cast<size_t>(entries[k].n_bytes), '?');
            ASSERT_EQ(sheaf_journal_index_read(index, &entries[k], text.data(), error), 0);
            found[{entries[k].item, entries[k].output}] = text;
        }
    }
    sheaf_journal_index_close(index);
    EXPECT_TRUE(found == whole.texts);
}
