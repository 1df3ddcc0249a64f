// store: whose a file is, the table of runs, and the lock.
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include "unit/sheaf.h"

#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include "process/server.h"
}

using namespace unit;

namespace {

// HDF5's own exit handler can crash after a failed write (sheaf_h5_start); said before any test uses HDF5.
[[maybe_unused]] const herr_t no_exit_handler = H5dont_atexit();

const std::vector<sheaf_field> Y = {field("y", SHEAF_FLOAT64)};

std::string refusal(Store &store) {
    EXPECT_EQ(store.open(), -1);
    std::string text = store.error.text();
    EXPECT_STARTS(text, store.path + ": ");
    store.close();
    return text.substr(std::min(text.size(), store.path.size()));
}

// An HDF5 file of somebody else's.
void make_foreign(const std::string &path) {
    hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hsize_t dims = 3;
    hid_t space = H5Screate_simple(1, &dims, nullptr);
    hid_t dataset = H5Dcreate2(file, "status", H5T_NATIVE_UINT8, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dclose(dataset);
    H5Sclose(space);
    H5Fclose(file);
}

} // namespace

TEST(ResultsOpen, AnotherJobsFileIsRefusedNamingTheDifference) {
    Store store("{count: 100}", Y, 10);
    ASSERT_EQ(store.create(), 0);
    std::string other = store.identity;
    other.replace(other.find("param n: 1"), 10, "param n: 2");
    store.plan.identity = other.c_str();
    std::string text = refusal(store);
    EXPECT_HAS(text, "another job");
    EXPECT_HAS(text, "'param n: 1'");
    EXPECT_HAS(text, "'param n: 2'");
    EXPECT_HAS(text, "-o");
    EXPECT_HAS(text, "--overwrite");
    EXPECT_EQ(store.error.error.exit, SHEAF_EXIT_USAGE);
    store.plan.identity = store.identity.c_str();
    EXPECT_EQ(store.open(), 0) << "and is untouched: " << store.error.text();
}

TEST(ResultsOpen, TheFirstDifferenceIsNamedWhereverItIs) {
    const std::pair<std::string, std::string> cases[] = {
        {"items: count 100\nkernel: any 1\n", "items: count 101\nkernel: any 1\n"},
        {"a\nb\n", "a\nc\n"},
        {"a\nb\n", "a\nb\nlonger\n"},
        {"a\nb\nlonger\n", "a\nb\n"},
        {"", "something\n"},
    };
    for (const auto &[there, now] : cases) {
        Store store("{count: 100}", Y, 10);
        store.plan.identity = there.c_str();
        ASSERT_EQ(store.create(), 0);
        store.plan.identity = now.c_str();
        EXPECT_HAS(refusal(store), "another job");
        store.plan.identity = there.c_str();
        EXPECT_EQ(store.open(), 0) << store.error.text();
    }
}

namespace {

const std::string H(32, '0'), I = std::string(31, '0') + "f"; // fingerprints
const std::string PLACES = "; choose another place with -o, or start anew with --overwrite";
const std::string KEEPS = " changed since; --accept-changes keeps what is done and goes on, -o chooses another place, "
                          "--overwrite starts anew";

struct Judged {
    int rc;
    std::string text; // what is refused; or what was changed
};

Judged judge(const std::string &stored, const std::string &now, bool accept = false) {
    Error error;
    struct sheaf_string changed = {};
    const int rc = sheaf_identity_check("out.h5", stored.c_str(), now.c_str(), accept, &changed, error);
    std::string text = rc ? error.text() : changed.data ? changed.data : "";
    const std::string start = "out.h5: holds the results of another job: ";
    if (rc) {
        EXPECT_STARTS(text, start);
        EXPECT_EQ(error.error.exit, SHEAF_EXIT_USAGE);
        text = text.substr(std::min(text.size(), start.size()));
    }
    sheaf_string_free(&changed);
    return {rc, text};
}

} // namespace

// Never the option's matter.
TEST(Identity, WhatDiffersIsSaidAsAPersonWould) {
    const struct {
        std::string stored, now, text;
    } cases[] = {
        {"a: 1\nb: 2\nc: 3\n", "a: 1\nb: 5\nc: 3\n", "it has 'b: 2', this job has 'b: 5'"},
        {"a: 1\nc: 3\n", "a: 1\nparam q: '3'\nc: 3\n", "this job has 'param q: '3'', which it has not"},
        {"a: 1\nparam q: '3'\nc: 3\n", "a: 1\nc: 3\n", "it has 'param q: '3'', which this job has not"},
        {"param p: 1\nparam q: 3\n", "param q: 4\nparam p: 1\n", "it has 'param q: 3', this job has 'param q: 4'"},
        {"param p: 1\nc: 3\n", "param q: 1\nc: 3\n", "it has 'param p: 1', which this job has not"},
        {"output a: x\noutput b: y\n", "output b: y\noutput a: x\n",
         "it has 'output a: x' where this job has 'output b: y'"},
        {"a: 1\n\n", "a: 1\n\na: 1\n", "it has '' where this job has 'a: 1'"},
        {"\na: 1\n", "\na: 1\n\n", "it has '' where this job has ''"},
        {"run: sh -c 'a\n  b 1\n'\n", "run: sh -c 'a\n  b 2\n'\n", "it has 'b 1', this job has 'b 2'"},
        {"run: sh -c 'a\n  b'\nc: 1\n", "run: sh -c 'a\n  b\n  d'\nc: 1\n", "it has 'b'', this job has 'b'"},
        {"kernel: k 1 plugin " + H + "\n", "kernel: k 2 plugin " + I + "\n",
         "it has 'kernel: k 1 plugin', this job has 'kernel: k 2 plugin'"},
        {"kernel: k 1\n", "kernel: k 1 plugin " + I + "\n", "it has 'kernel: k 1', this job has 'kernel: k 1 plugin'"},
        {"file a: " + H + "\nparam p: 1\n", "file a: " + I + "\nparam p: 2\n",
         "it has 'param p: 1', this job has 'param p: 2'"},
        {"items: csv 3 " + H + "\n", "items: csv 3 " + I + "\n",
         "it has 'items: csv 3 " + H + "', this job has 'items: csv 3 " + I + "'"},
        {"file a: 1\n", "file a: 2\n", "it has 'file a: 1', this job has 'file a: 2'"}, // a script's line
        {"file a: x" + H + "\n", "file a: x" + I + "\n",
         "it has 'file a: x" + H + "', this job has 'file a: x" + I + "'"},
    };
    for (const auto &c : cases)
        for (bool accept : {false, true}) {
            const Judged judged = judge(c.stored, c.now, accept);
            EXPECT_EQ(judged.rc, -1) << c.stored << c.now;
            EXPECT_EQ(judged.text, c.text + PLACES);
        }
}

// What the job itself has for a program is accepted too, and said by what it is.
TEST(Identity, MendedProgramsMayBeAccepted) {
    const std::string file = "file s: " + H + "\n", other = "file t: " + H + "\n";
    const struct {
        std::string stored, now, refused, accepted;
    } cases[] = {
        {"command: sh -c 'a'\n", "command: sh -c 'b'\n",
         "it has 'command: sh -c 'a'', this job has 'command: sh -c 'b''", "the command was"},
        {"command: sh -c 'a\n  b\n  seed: 1'\n", "command: sh -c 'a\n  c\n  seed: 1'\n", "it has 'b', this job has 'c'",
         "the command was"},
        {"worker: 'a'\n" + file, "worker: 'b'\n" + other, "it has 'worker: 'a'', this job has 'worker: 'b''",
         "the worker was"},
        {"input x: float64[1]\nformula y: x\nformula z: 1\n", "formula y: 2\nformula z: 1\n",
         "it has 'input x: float64[1]', which this job has not", "the formula of y was"},
        {"formula y: x\nformula z: 1\n", "formula y: 2\nformula z: 3\n",
         "it has 'formula y: x', this job has 'formula y: 2'", "the formula of y, the formula of z were"},
        {"command: 's'\n" + file, "command: 's' '-v'\nfile s: " + I + "\n",
         "it has 'command: 's'', this job has 'command: 's' '-v''", "the command, s were"},
        {"stdin: 'a'\n", "stdin: 'b'\n", "it has 'stdin: 'a'', this job has 'stdin: 'b''", "stdin was"},
    };
    for (const auto &c : cases) {
        const Judged refused = judge(c.stored, c.now), accepted = judge(c.stored, c.now, true);
        EXPECT_EQ(refused.rc, -1);
        EXPECT_HAS(refused.text, "--accept-changes keeps");
        EXPECT_STARTS(refused.text, c.refused);
        EXPECT_EQ(accepted.rc, 0) << accepted.text;
        EXPECT_EQ(accepted.text, c.accepted);
        const Judged more = judge(c.stored + "seed: 1\n", c.now + "seed: 2\n", true);
        EXPECT_EQ(more.rc, -1);
        EXPECT_EQ(more.text, "it has 'seed: 1', this job has 'seed: 2'" + PLACES);
    }
    // a script's lines are no lines of the identity
    EXPECT_EQ(judge("command: sh -c 'a\n  seed: 1'\nseed: 1\n", "command: sh -c 'a'\nseed: 2\n", true).rc, -1);
}

TEST(Identity, ChangedFilesMayBeAccepted) {
    const auto file = [](const std::string &name, const std::string &hash) {
        return "file " + name + ": " + hash + "\n";
    };
    const struct {
        std::string stored, now, quoted, plain;
    } cases[] = {
        {file("./s.sh", H), file("./s.sh", I), "'./s.sh' was", "./s.sh was"},
        {file("a:b", H) + file("a:c", H), file("a:b", H) + file("a:c", I), "'a:c' was", "a:c was"},
        {file("s", H) + file("s", H), file("s", I) + file("s", I), "'s' was", "s was"},
        {file("s", H) + file("t u", H), file("s", I) + file("t u", I), "'s', 't u' were", "s, t u were"},
        {file("a", H) + file("b", H) + file("c", H) + file("d", H) + file("e", H),
         file("a", I) + file("b", I) + file("c", I) + file("d", I) + file("e", I), "'a', 'b', 'c' and 2 more were",
         "a, b, c and 2 more were"},
        {file("s", H) + "n: 1\n", "n: 1\n", "'s' (which is gone) was", "s (which is gone) was"},
        {"kernel: k 1 plugin " + H + "\n", "kernel: k 1 plugin " + I + "\n", "the plugin was", "the plugin was"},
        {"kernel: k 1 plugin " + H + "\n" + file("s", H), "kernel: k 1 plugin " + I + "\n" + file("s", I),
         "the plugin, 's' were", "the plugin, s were"},
        {file("s", H), file("s", H) + file("s", I), "a file was", "a file was"}, // a program, and beside the job file
    };
    for (const auto &c : cases) {
        const Judged refused = judge(c.stored, c.now), accepted = judge(c.stored, c.now, true);
        EXPECT_EQ(refused.rc, -1) << c.stored << c.now;
        EXPECT_EQ(refused.text, c.quoted + KEEPS);
        EXPECT_EQ(accepted.rc, 0) << c.stored << c.now << accepted.text;
        EXPECT_EQ(accepted.text, c.plain);
    }
}

TEST(Identity, FilesThatWereNotThereDoNotCount) {
    const std::string stored = "file a:b: " + H + "\nn: 1\n";
    for (const std::string &now : {stored, stored + "file out: " + I + "\n", "file a:c: " + I + "\n" + stored})
        for (bool accept : {false, true}) {
            const Judged judged = judge(stored, now, accept);
            EXPECT_EQ(judged.rc, 0) << now << judged.text;
            EXPECT_EQ(judged.text, "") << "nothing was changed";
        }
    EXPECT_EQ(judge("n: 1\n", "file out: " + I + "\nn: 2\n").text, "it has 'n: 1', this job has 'n: 2'" + PLACES);
}

TEST(Identity, OfALongLineTheDifferenceIsShown) {
    std::string much, text;
    for (int i = 0; i < 500; i++)
        much += "é";
    text = judge("p: " + much + "1" + much + "\n", "p: " + much + "2" + much + "\n").text;
    EXPECT_HAS(text, "é1é");
    EXPECT_HAS(text, "é2é");
    EXPECT_HAS(text, PLACES);
    EXPECT_EQ(text.find('?'), std::string::npos) << "no character is cut: " << text;
    text = judge("p: 1\n", "p: " + much + "\n").text;
    EXPECT_STARTS(text, "it has 'p: 1', this job has 'p: éé");
    EXPECT_HAS(text, "…'" + PLACES);
}

// The file's own identity stays as it is.
TEST(ResultsOpen, ChangedFilesAreAcceptedWhereThePlanDoes) {
    Store store("{count: 100}", Y, 10);
    const std::string now = store.identity + "file s: " + I + "\n";
    store.identity += "file s: " + H + "\n";
    store.plan.identity = store.identity.c_str();
    ASSERT_EQ(store.create(), 0);
    for (int round = 0; round < 2; round++) {
        store.plan.identity = now.c_str();
        store.plan.accept_changes = false;
        EXPECT_HAS(refusal(store), "'s' was changed since");
        store.plan.accept_changes = true;
        ASSERT_EQ(store.open(), 0) << store.error.text();
        EXPECT_STREQ(store.results.changed.data, "s was");
    }
    store.plan.identity = store.identity.c_str();
    ASSERT_EQ(store.open(), 0) << store.error.text();
    EXPECT_EQ(store.results.changed.length, 0u);
}

TEST(ResultsOpen, WhatIsNoResultsFileIsRefused) {
    Store store("{count: 100}", Y, 10);
    store.folder.write("out.h5", "just text, and more of it than a signature has\n");
    EXPECT_HAS(refusal(store), "not an HDF5 file");
    store.folder.write("out.h5", "");
    EXPECT_HAS(refusal(store), "not an HDF5 file");
    make_foreign(store.path);
    EXPECT_HAS(refusal(store), "not a results file of Sheaf");
    std::filesystem::remove(store.path);
    std::filesystem::create_directory(store.path);
    EXPECT_HAS(refusal(store), "not a regular file");
}

TEST(ResultsOpen, ATruncatedFileIsRefused) {
    Store store("{count: 10000}", Y, 10);
    ASSERT_EQ(store.create(), 0);
    std::string bytes = read_bytes(store.path);
    for (size_t n : {bytes.size() - 1, bytes.size() / 2, size_t{1000}, size_t{100}, size_t{9}}) {
        store.folder.write("out.h5", bytes.substr(0, n));
        std::string text = refusal(store);
        EXPECT_HAS(text, "move it away");
    }
}

TEST(ResultsOpen, AFileOfAnotherShapeIsRefused) {
    Store store("{count: 100}", Y, 10);
    ASSERT_EQ(store.create(), 0);
    store.items.items.n_items = 101; /* the identity does not tell */
    EXPECT_HAS(refusal(store), "another shape");
    store.items.items.n_items = 100;
    store.plan.block = 20;
    EXPECT_HAS(refusal(store), "'sheaf/seconds' has another shape");
    store.plan.block = 10;
    store.outputs[0].width = 2;
    EXPECT_HAS(refusal(store), "'y'");
}

// What repacking tools and curious users do.
TEST(ResultsOpen, AFileThatWasRepackedOrLacksADatasetIsRefused) {
    Store store("{count: 100}", Y, 10);
    ASSERT_EQ(store.create(), 0);
    hid_t file = H5Fopen(store.path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    hsize_t dims = 100, piece = 10;
    hid_t space = H5Screate_simple(1, &dims, nullptr), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 1, &piece);
    H5Ldelete(file, "y", H5P_DEFAULT);
    H5Dclose(H5Dcreate2(file, "y", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pclose(creation);
    H5Sclose(space);
    H5Fclose(file);
    EXPECT_HAS(refusal(store), "'y' is not stored in one piece");

    file = H5Fopen(store.path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    H5Ldelete(file, "y", H5P_DEFAULT);
    H5Fclose(file);
    std::string text = refusal(store);
    EXPECT_HAS(text, "y");
    EXPECT_EQ(text.find("cannot y:"), std::string::npos) << text;
}

TEST(ResultsOpen, AFileThatMayNotBeWrittenIsAnError) {
    if (geteuid() == 0)
        GTEST_SKIP() << "root may write anything";
    Store store("{count: 100}", Y, 10);
    ASSERT_EQ(store.create(), 0);
    std::filesystem::permissions(store.path, std::filesystem::perms::owner_read);
    EXPECT_HAS(refusal(store), "cannot open for writing");
}

TEST(ResultsMayReplace, OnlyItsOwn) {
    Store store("{count: 100}", Y, 10);
    auto may = [&] { return sheaf_results_may_replace(store.path.c_str(), store.error) == 0; };
    EXPECT_TRUE(may()) << "nothing is there";
    ASSERT_EQ(store.create(), 0);
    EXPECT_TRUE(may()) << "a results file";
    std::filesystem::resize_file(store.path, 3000);
    EXPECT_TRUE(may()) << "damaged, and still known as ours";
    store.folder.write("out.h5", "");
    EXPECT_TRUE(may()) << "empty";
    store.folder.write("out.h5", std::string(64, '\0'));
    EXPECT_FALSE(may()) << "a matrix of zeros";
    EXPECT_HAS(store.error.text(), "cannot be known as a results file of Sheaf and is not overwritten");
    store.folder.write("out.h5", "my thesis\n");
    EXPECT_FALSE(may());
    EXPECT_STARTS(store.error.text(), store.path + ": is not a results file of Sheaf and is not overwritten");
    make_foreign(store.path);
    EXPECT_FALSE(may()) << "somebody's data";
    EXPECT_EQ(store.error.error.exit, SHEAF_EXIT_USAGE);
    std::filesystem::resize_file(store.path, 1000);
    EXPECT_FALSE(may()) << "and damaged";
}

// Others may call something as we do, or keep a copy of what we have written.
TEST(ResultsMayReplace, NotWhatOthersCallAsWeDo) {
    Store ours("{count: 100}", Y, 10), store("{count: 100}", Y, 10);
    ASSERT_EQ(ours.create(), 0);
    hid_t from = H5Fopen(ours.path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    for (int kind = 0; kind < 3; kind++) {
        SCOPED_TRACE(kind);
        make_foreign(store.path);
        hid_t file = H5Fopen(store.path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), space = H5Screate(H5S_SCALAR);
        if (kind == 0)
            H5Gclose(H5Gcreate2(file, "sheaf", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        else if (kind == 1)
            for (const char *name : {"sheaf", "status"})
                H5Dclose(H5Dcreate2(file, name, H5T_NATIVE_INT, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        else
            ASSERT_GE(H5Ocopy(from, "sheaf", file, "sheaf", H5P_DEFAULT, H5P_DEFAULT), 0);
        H5Sclose(space);
        H5Fclose(file);
        EXPECT_EQ(sheaf_results_may_replace(store.path.c_str(), store.error), -1);
        EXPECT_HAS(store.error.text(), "is not overwritten");
    }
    H5Fclose(from);
}

// What a killed run has left beside may be replaced, whatever HDF5 made of it; not what is somebody's.
TEST(ResultsMayReplace, WrecksAside) {
    Store store("{count: 100}", Y, 10);
    auto may = [&] { return sheaf_results_may_make(store.path.c_str(), store.error) == 0; };
    for (const std::string name : {"out.h5.new", "out.h5.pack"}) {
        H5Fclose(H5Fcreate((store.folder / name).c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
        EXPECT_TRUE(may()) << "nothing in it yet";
        for (std::string bytes :
             {std::string(), std::string(800, '\0'), std::string("\211HDF\r\n\032\n and no more")}) {
            store.folder.write(name, bytes);
            EXPECT_TRUE(may()) << bytes.size();
        }
        make_foreign(store.folder / name);
        EXPECT_FALSE(may()) << "somebody's data";
        store.folder.write(name, "notes of mine\n");
        EXPECT_FALSE(may());
        std::filesystem::remove(store.folder / name);
    }
}

TEST(ResultsCreate, ReplacesAFileAndForgetsItsRows) {
    Store store("{count: 100}", Y, 10);
    store.make();
    ASSERT_EQ(store.write(0, 10), 0);
    store.make();
    int64_t counts[ITEM_SKIPPED + 1];
    ASSERT_EQ(sheaf_results_count(&store.results, nullptr, counts, store.error), 0);
    EXPECT_EQ(counts[ITEM_PENDING], 100);
    EXPECT_EQ(store.results.sink.n_failures.load(), 0);
}

TEST(ResultsCreate, UntilItIsPublishedNothingIsReplaced) {
    Store store("{count: 100}", Y, 10);
    store.make();
    ASSERT_EQ(store.write(0, 10), 0);
    ASSERT_EQ(store.close(), 0);
    std::string before = read_bytes(store.path);
    ASSERT_EQ(sheaf_results_create(&store.plan, store.error), 0) << store.error.text();
    EXPECT_EQ(read_bytes(store.path), before);
    sheaf_results_discard(store.path.c_str());
    EXPECT_EQ(read_bytes(store.path), before);
    EXPECT_FALSE(std::filesystem::exists(store.path + ".new"));
    sheaf_results_discard(store.path.c_str()); /* again: nothing is there */
    EXPECT_EQ(store.publish(), -1) << "nothing to publish";
    EXPECT_EQ(read_bytes(store.path), before);
}

TEST(ResultsCreate, RowsMayBeWrittenBeforeAndAfterPublishing) {
    Store store("{count: 100}", Y, 10);
    ASSERT_EQ(sheaf_results_create(&store.plan, store.error), 0) << store.error.text();
    ASSERT_EQ(sheaf_results_open(&store.results, &store.plan, true, store.error), 0) << store.error.text();
    EXPECT_EQ(store.write(0, 2), 0);
    ASSERT_EQ(store.publish(), 0) << store.error.text();
    EXPECT_EQ(store.write(2, 2), 0) << "the descriptor follows the file";
    ASSERT_EQ(sheaf_results_close(&store.results, store.error), 0);
    ASSERT_EQ(store.open(), 0) << store.error.text();
    int64_t counts[ITEM_SKIPPED + 1];
    ASSERT_EQ(sheaf_results_count(&store.results, nullptr, counts, store.error), 0);
    EXPECT_EQ(counts[ITEM_DONE], 40);
}

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

TEST(ResultsCreate, AFullDiskIsSaidAndLeavesNothing) {
    Store store("{count: 1000000}", Y, 10);
    int rc;
    {
        FullDisk full(1 << 20);
        [[maybe_unused]] HdfMayLeak leak;
        rc = store.create();
    }
    EXPECT_EQ(rc, -1);
    EXPECT_STARTS(store.error.text(), store.path);
    EXPECT_HAS(store.error.text(), "too large");
    EXPECT_EQ(store.error.error.exit, SHEAF_EXIT_ENVIRONMENT);
    EXPECT_FALSE(std::filesystem::exists(store.path));
    EXPECT_FALSE(std::filesystem::exists(store.path + ".new"));
    EXPECT_EQ(store.create(), 0) << "with room again: " << store.error.text();
    EXPECT_EQ(store.open(), 0) << store.error.text();
}

TEST(ResultsCreate, ALeftoverOfACrashIsNoObstacle) {
    Store store("{count: 100}", Y, 10);
    store.folder.write("out.h5.new", "half a file");
    ASSERT_EQ(store.create(), 0) << store.error.text();
    EXPECT_EQ(store.open(), 0);
    EXPECT_FALSE(std::filesystem::exists(store.path + ".new"));
}

// ---------------------------------------------------------------------------------------------------- table of runs

namespace {

struct run_record record(double start, double end, int64_t n_items, uint8_t reason, const char *host) {
    struct run_record r = {start, end, 3, 2, 1, n_items, 7, 90, reason, {}};
    snprintf(r.host, sizeof r.host, "%s", host);
    return r;
}

std::vector<double> column(const std::string &path, const char *name, size_t width = 1) {
    hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), dataset = H5Dopen2(file, name, H5P_DEFAULT);
    std::vector<double> values(RUNS_MOST * width);
    EXPECT_GE(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
    H5Dclose(dataset);
    H5Fclose(file);
    return values;
}

} // namespace

TEST(RunTable, HasARowForEachRun) {
    Store store("{count: 100}", Y, 10);
    store.make();
    struct run_record first = record(1000, 0, 0, RUN_BROKEN_OFF, "here");
    ASSERT_EQ(sheaf_results_begin_run(&store.results, &first, store.error), 0) << store.error.text();
    ASSERT_EQ(store.open(), 0) << "killed, and started again";
    struct run_record second = record(2000, 0, 0, RUN_BROKEN_OFF, "there");
    ASSERT_EQ(sheaf_results_begin_run(&store.results, &second, store.error), 0);
    second = record(2000, 2500, 60, RUN_COMPLETE, "there");
    ASSERT_EQ(sheaf_results_end_run(&store.results, &second, store.error), 0);
    ASSERT_EQ(store.close(), 0);
    auto three = [&](const char *name) {
        std::vector<double> all = column(store.path, name);
        return std::vector<double>(all.begin(), all.begin() + 3);
    };
    EXPECT_EQ(three(GROUP "/runs/start"), (std::vector<double>{1000, 2000, 0}));
    EXPECT_EQ(three(GROUP "/runs/end"), (std::vector<double>{0, 2500, 0}));
    EXPECT_EQ(three(GROUP "/runs/ranks"), (std::vector<double>{3, 3, 0}));
    EXPECT_EQ(three(GROUP "/runs/threads"), (std::vector<double>{2, 2, 0}));
    EXPECT_EQ(three(GROUP "/runs/items"), (std::vector<double>{0, 60, 0}));
    EXPECT_EQ(three(GROUP "/runs/before"), (std::vector<double>{7, 7, 0}));
    EXPECT_EQ(three(GROUP "/runs/wanted"), (std::vector<double>{90, 90, 0}));
    EXPECT_EQ(three(GROUP "/runs/reason"), (std::vector<double>{RUN_BROKEN_OFF, RUN_COMPLETE, 0}));
    std::vector<double> hosts = column(store.path, GROUP "/runs/host", 64);
    EXPECT_EQ(hosts[0], 'h');
    EXPECT_EQ(hosts[64], 't');
    EXPECT_EQ(hosts[64 + 5], 0);
}

TEST(RunTable, LaterRunsShareTheLastRow) {
    Store store("{count: 100}", Y, 10);
    store.make();
    for (int i = 1; i <= RUNS_MOST + 5; i++) {
        struct run_record run = record(i, 0, 0, RUN_BROKEN_OFF, "host");
        ASSERT_EQ(sheaf_results_begin_run(&store.results, &run, store.error), 0);
    }
    ASSERT_EQ(store.close(), 0);
    std::vector<double> starts = column(store.path, GROUP "/runs/start");
    EXPECT_EQ(starts[0], 1);
    EXPECT_EQ(starts[RUNS_MOST - 2], RUNS_MOST - 1);
    EXPECT_EQ(starts[RUNS_MOST - 1], RUNS_MOST + 5);
    EXPECT_EQ(store.open(), 0) << "nothing was written beyond the table: " << store.error.text();
}

// ------------------------------------------------------------------------------------------------------------ lock

namespace {

struct lock no_lock() {
    struct lock lock = {};
    lock.fd = -1;
    return lock;
}

int server_byte = -1; // the descriptor that has the lock of a server
int n_waits = 0;

} // namespace

// Programs of a run that has ended: the next one waits for their end, and says so.
TEST(Lock, WaitsForProgramsOfTheRunBefore) {
    Folder folder;
    Error error;
    std::string path = folder / "out.h5";
    struct lock first = no_lock(), second = no_lock();
    ASSERT_EQ(sheaf_lock_take(&first, path.c_str(), error), 0) << error.text();
    char *name = nullptr;
    EXPECT_EQ(sheaf_lock_open_for_server(path.c_str(), "process 1 on elsewhere", 0, &name), -1) << "another run's";
    free(name);
    server_byte = sheaf_lock_open_for_server(path.c_str(), first.holder, 0, &name);
    ASSERT_GE(server_byte, 0);
    EXPECT_EQ(name, path + ".lock");
    free(name);
    EXPECT_EQ(sheaf_lock_open_for_server(path.c_str(), first.holder, 0, &name), -1) << "rank 0 has one server";
    free(name);
    EXPECT_EQ(sheaf_lock_take(&second, path.c_str(), error), -1);
    EXPECT_HAS(error.text(), "another run is writing it");
    sheaf_lock_release(&second);
    sheaf_lock_release(&first);
    struct lock_holder holder;
    EXPECT_FALSE(sheaf_lock_is_held(path.c_str(), &holder)) << "no run";
    EXPECT_TRUE(std::filesystem::exists(path + ".lock")) << "it would keep nobody out any more";
    second.waits = [](const char *) {
        n_waits++;
        close(server_byte);
    };
    ASSERT_EQ(sheaf_lock_take(&second, path.c_str(), error), 0) << error.text();
    EXPECT_EQ(n_waits, 1);
    EXPECT_TRUE(sheaf_lock_is_held(path.c_str(), &holder));
    EXPECT_EQ(holder.pid, getpid());
    sheaf_lock_release(&second);
    EXPECT_FALSE(std::filesystem::exists(path + ".lock"));
}

// The server gives the lock up when its program has gone and nothing is left that it forked, and tidies up then.
TEST(Lock, IsHeldByTheServerUntilAllHaveEnded) {
    Folder folder;
    Error error;
    std::string path = folder / "out.h5";
    struct lock lock = no_lock();
    ASSERT_EQ(sheaf_lock_take(&lock, path.c_str(), error), 0) << error.text();
    struct server *server;
    ASSERT_EQ(sheaf_server_start(&server, error), 0) << error.text();
    char *name = nullptr;
    int fd = sheaf_lock_open_for_server(path.c_str(), lock.holder, 0, &name);
    ASSERT_GE(fd, 0);
    EXPECT_EQ(sheaf_server_hold(server, fd, name, error), 0) << error.text();
    close(fd);
    free(name);
    int socket;
    ASSERT_EQ(sheaf_server_fork(
                  server,
                  [](int end) {
                      char byte;
                      if (read(end, &byte, 1) == 1)
                          pause();
                  },
                  &socket, error),
              0);
    sheaf_lock_release(&lock);
    EXPECT_TRUE(std::filesystem::exists(path + ".lock"));
    close(socket);
    sheaf_server_stop(server); // waits for it
    EXPECT_FALSE(std::filesystem::exists(path + ".lock"));
}

TEST(Lock, KeepsASecondRunOutAndNamesTheFirst) {
    Folder folder;
    std::string path = folder / "out.h5";
    struct lock first = no_lock(), second = no_lock();
    Error error;
    ASSERT_EQ(sheaf_lock_take(&first, path.c_str(), error), 0) << error.text();
    EXPECT_TRUE(std::filesystem::exists(path + ".lock"));
    EXPECT_EQ(sheaf_lock_take(&second, path.c_str(), error), -1);
    EXPECT_STARTS(error.text(), path + ": another run is writing it");
    EXPECT_HAS(error.text(), "process " + std::to_string(getpid()) + " on ");
    EXPECT_EQ(error.error.exit, SHEAF_EXIT_USAGE);
    sheaf_lock_release(&second);
    EXPECT_TRUE(std::filesystem::exists(path + ".lock")) << "who was refused must not remove it";
    sheaf_lock_release(&first);
    EXPECT_FALSE(std::filesystem::exists(path + ".lock"));
    ASSERT_EQ(sheaf_lock_take(&second, path.c_str(), error), 0) << error.text();
    sheaf_lock_release(&second);
    sheaf_lock_release(&second); /* again: nothing happens */
}

TEST(Lock, OtherFilesHaveTheirOwn) {
    Folder folder;
    struct lock a = no_lock(), b = no_lock();
    Error error;
    EXPECT_EQ(sheaf_lock_take(&a, (folder / "a.h5").c_str(), error), 0);
    EXPECT_EQ(sheaf_lock_take(&b, (folder / "b.h5").c_str(), error), 0);
    sheaf_lock_release(&a);
    sheaf_lock_release(&b);
}

TEST(Lock, TheFileOfADeadProcessIsNoObstacle) {
    Folder folder;
    std::string path = folder / "out.h5";
    pid_t child = fork();
    if (child == 0) { /* takes the lock and dies without releasing it */
        struct lock lock = no_lock();
        _exit(sheaf_lock_take(&lock, path.c_str(), nullptr) == 0 ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    ASSERT_TRUE(std::filesystem::exists(path + ".lock"));
    struct lock lock = no_lock();
    Error error;
    EXPECT_EQ(sheaf_lock_take(&lock, path.c_str(), error), 0) << error.text();
    EXPECT_HAS(read_bytes(path + ".lock"), std::to_string(getpid()));
    EXPECT_EQ(read_bytes(path + ".lock").find(std::to_string(child) + " "), std::string::npos);
    sheaf_lock_release(&lock);
}

TEST(Lock, AFolderThatIsNotThereIsAnErrorThatNamesTheFile) {
    struct lock lock = no_lock();
    Error error;
    EXPECT_EQ(sheaf_lock_take(&lock, "/nowhere/out.h5", error), -1);
    EXPECT_HAS(error.text(), "/nowhere/out.h5");
    EXPECT_HAS(error.text(), "folder");
    sheaf_lock_release(&lock);
}

TEST(Lock, DoesNotTouchTheResultsFile) {
    Folder folder;
    std::string path = folder.write("out.h5", "bytes");
    struct lock lock = no_lock();
    Error error;
    ASSERT_EQ(sheaf_lock_take(&lock, path.c_str(), error), 0);
    EXPECT_EQ(read_bytes(path), "bytes");
    sheaf_lock_release(&lock);
    EXPECT_EQ(read_bytes(path), "bytes");
}
