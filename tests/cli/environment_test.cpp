/* Full disks, limits, devices, readers: the environment fails with exit 3 and a message, and the file stays good. */
#include "cli/program.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

namespace {

class Environment : public Program {
  protected:
    /* One message of the environment's, on one line. */
    static void expect_message(const Result &result, const Words &parts) {
        EXPECT_EQ(result.exit, 3) << result;
        EXPECT_EQ(count_of(result.err, "sheaf: "), 1) << result;
        for (const std::string &part : parts)
            EXPECT_NE(result.err.find(part), std::string::npos) << "no '" << part << "' in\n" << result;
    }
};

class FullDisk : public Environment {
  protected:
    void SetUp() override {
        mkdir(path("small").c_str(), 0777);
        if (geteuid() != 0 || mount("none", path("small").c_str(), "tmpfs", 0, size_))
            GTEST_SKIP() << "needs root that may mount a tmpfs";
        mounted_ = true;
    }
    void TearDown() override {
        if (mounted_)
            umount2(path("small").c_str(), MNT_DETACH);
    }
    bool mounted_ = false;
    const char *size_ = "size=1m";
};

class SlowlyFullDisk : public FullDisk {
  protected:
    SlowlyFullDisk() { size_ = "size=8m"; }
};

TEST_F(FullDisk, IsKnownAtOnce) {
    write_job("job.yaml", "count: 1_000_000", "square_plus"); /* 8 MB of results */
    for (Layout layout : {Layout{0, 1}, Layout{2, 1}}) {
        Result result = sheaf({"run", "job.yaml", "-o", "small/out.h5"}, layout);
        expect_message(result, {"small/out.h5", "No space left on device"});
        EXPECT_EQ(list_folder(path("small")), Words{}) << "nothing is left half-made";
    }
    run_job({"job.yaml", "-o", "small/out.h5", "--set", "items.count=1000"});
    EXPECT_EQ(list_folder(path("small")), Words{"out.h5"});
}

/* With the space reserved, a disk that fills up afterwards does no harm. */
TEST_F(SlowlyFullDisk, AfterTheSpaceIsReserved) {
    write_job("job.yaml", "count: 10000", "square_plus");
    run_job({"job.yaml", "-o", "small/out.h5", "--items", "0:10"});
    shell("dd if=/dev/zero of=small/filler bs=4k count=4000");
    struct statfs about;
    ASSERT_EQ(statfs(path("small").c_str(), &about), 0);
    ASSERT_EQ(about.f_bavail, 0u) << "the disk is not full";
    run_job({"job.yaml", "-o", "small/out.h5"}, {2, 1});
    check({"square_plus", path("small/out.h5"), "10000"});
}

/* A CSV with text makes HDF5 itself write much; that may fail inside HDF5, which must not crash or leave anything. */
TEST_F(FullDisk, WhileHdf5Writes) {
    std::string table = "x,word\n";
    for (int i = 0; i < 20000; i++)
        table += std::to_string(i) + ",a word that is long enough to fill up a disk number " + std::to_string(i) + "\n";
    write("in.csv", table);
    write_job("job.yaml", "csv: in.csv", "square_plus");
    Result result = sheaf({"run", "job.yaml", "-o", "small/out.h5"}, {2, 1});
    expect_message(result, {"small/out.h5", "No space left on device"});
    EXPECT_EQ(list_folder(path("small")), Words{}) << "nothing is left half-made";
}

TEST_F(Environment, FileSizeLimitAtCreation) {
    write_job("job.yaml", "count: 1_000_000", "square_plus");
    Result result = shell("ulimit -f 100; exec " SHEAF_PROGRAM " run job.yaml");
    expect_message(result, {"job.h5", "File too large"});
    EXPECT_EQ(list_folder(folder_), Words{"job.yaml"}) << "nothing is left half-made";
}

/* The limit holds for writing rows as well: what is done stays done, and without the limit the job goes on. */
TEST_F(Environment, FileSizeLimitInTheMiddle) {
    write_job("job.yaml", "count: 1_000_000", "square_plus");
    for (Layout layout : {Layout{0, 2}, Layout{2, 1}}) {
        SCOPED_TRACE(layout.name());
        run_job({"job.yaml", "--overwrite", "--items", "0:10"});
        std::string words;
        for (const std::string &word : command({"run", "job.yaml"}, layout))
            words += shell_word(word) + " ";
        /* 2 MB: Open MPI's own files fit, the results do not. */
        Result result = shell((layout.ranks ? "ulimit -f 5000; exec " : "ulimit -f 2000; exec ") + words);
        expect_message(result, {"job.h5", "File too large", "run again"});
        check({"some_squares", path("job.h5")});
        run_job({"job.yaml"}, layout);
        check({"square_plus", path("job.h5"), "1000000"});
    }
}

/* A notebook that has the file open, with HDF5's lock, does not stop a run. */
TEST_F(Environment, ReaderWhileRunning) {
    write_job("job.yaml", "count: 100000", "square_plus");
    run_job({"job.yaml", "--items", "0:10"});
    Start how = start();
    how.with_stdin = true;
    Child reader({SHEAF_PYTHON, SHEAF_SOURCE_DIR "/tests/cli/check.py", "hold", path("job.h5")}, how);
    ASSERT_TRUE(wait_until([&] { return reader.out() == "open\n" || !reader.running(); }));
    ASSERT_TRUE(reader.running()) << reader.wait();
    run_job({"job.yaml"}, {2, 1});
    EXPECT_EQ(sheaf({"show", "job.h5"}).exit, 0);
    EXPECT_TRUE(reader.running());
    reader.close_stdin();
    Result result = reader.wait();
    EXPECT_EQ(result.exit, 0) << result;
    check({"square_plus", path("job.h5"), "100000"});
}

/* stdout that cannot be written is an error too. */
TEST_F(Environment, FullStdout) {
    write_job("job.yaml", "count: 100", "square_plus");
    run_job({"job.yaml"});
    for (std::string words : {"show job.h5", "show job.h5 --csv", "status job.h5", "kernels", "kernels moid"}) {
        Result result = shell(SHEAF_PROGRAM " " + words + " >/dev/full");
        EXPECT_EQ(result.exit, 3) << result;
        EXPECT_EQ(count_of(result.err, "No space left on device"), 1) << result;
    }
}

TEST_F(Environment, CutResultsFile) {
    write_job("job.yaml", "count: 100000", "square_plus");
    run_job({"job.yaml", "--items", "0:10"});
    ASSERT_EQ(truncate(path("job.h5").c_str(), 5000), 0);
    for (Words words : {Words{"run", "job.yaml"}, Words{"show", "job.h5"}, Words{"status", "job.h5"}}) {
        Result result = sheaf(words);
        EXPECT_TRUE(result.exit == 2 || result.exit == 3) << result;
        EXPECT_GE(count_of(result.err, "job.h5: "), 1) << result;
        EXPECT_EQ(count_of(result.err, "\n"), 1) << result;
    }
}

/* A damaged status or foreign bytes in it are found, not counted as something. */
TEST_F(Environment, DamagedStatus) {
    write_job("job.yaml", "count: 1000", "square_plus");
    run_job({"job.yaml", "--items", "0:10"});
    StatusPlace place = find_status(path("job.h5"));
    ASSERT_GT(place.offset, 0);
    std::string bytes = read("job.h5");
    bytes[static_cast<size_t>(place.offset) + 500] = 77;
    write("job.h5", bytes);
    Result result = sheaf({"run", "job.yaml"});
    EXPECT_EQ(result.exit, 3) << result;
    EXPECT_EQ(count_of(result.err, "item 500 "), 1) << result;
}

/* glibc fills what is freed: memory that is still write-protected then, as shared data were, is found for certain. With
   one rank Open MPI takes it from the heap, where else it comes to light now and then only. */
TEST_F(Environment, MemoryIsGivenBackWritable) {
    write_job("job.yaml", "count: 100", "square_plus");
    for (Layout layout : {Layout{0, 1}, Layout{1, 1}, Layout{2, 2}}) {
        SCOPED_TRACE(layout.name());
        Start how = start();
        how.env["MALLOC_PERTURB_"] = "85";
        how.deadline_s = 15; /* Open MPI's handler of SIGSEGV may hang */
        Result result = Child(command({"run", "job.yaml", "--overwrite"}, layout), how).wait();
        EXPECT_EQ(result.exit, 0) << result;
        check({"square_plus", path("job.h5"), "100"});
    }
}

/* A run leaves nothing of its own in /dev/shm or in the folders of jobs. */
TEST_F(Environment, LeavesNothing) {
    write_job("job.yaml", "count: 1000", "square_plus");
    run_job({"job.yaml"}, {3, 2});
    EXPECT_EQ(list_folder(folder_), (Words{"job.h5", "job.yaml"}));
}

} // namespace
