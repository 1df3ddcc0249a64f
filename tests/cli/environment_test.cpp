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
    for (Layout layout : {Layout{0, 2}, Layout{2, 1}, Layout{2, 1, true}}) {
        SCOPED_TRACE(layout.name());
        run_job({"job.yaml", "--overwrite", "--items", "0:10"});
        std::string words;
        for (const std::string &word : command({"run", "job.yaml"}, layout))
            words += shell_word(word) + " ";
        /* 2 MB: Open MPI's own files fit, the results do not. */
        Result result = shell((layout.ranks ? "ulimit -f 5000; exec " : "ulimit -f 2000; exec ") + words);
        expect_message(result, {"job.h5", "File too large", "run again"});
        check({"some_squares", path("job.h5")});
        check({"no_suspicion", path("job.h5")});
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
        how.deadline_s = 120; /* Open MPI's handler of SIGSEGV may hang */
        Result result = Child(command({"run", "job.yaml", "--overwrite"}, layout), how).wait();
        EXPECT_EQ(result.exit, 0) << result;
        check({"square_plus", path("job.h5"), "100"});
    }
}

/* Rank 1 alone may not write; the items that rank 0 is at meanwhile are not to blame. */
TEST_F(Environment, OneRankCannotWrite) {
    const int n_items = 20000;
    check({"make_input", path("in.h5"), std::to_string(n_items)});
    write_job("job.yaml", "hdf5: {file: in.h5, fields: {x: /x}}", "hostile:slow", "params: {ms: 1}\n");
    run_job({"job.yaml", "--items", "0:1"});
    /* y lies before the status; the limit is a little behind its middle, where rank 1's part begins. */
    const long limit_kb = (find_status(path("job.h5")).offset - 8L * n_items / 2 + 1000) / 1024;
    const std::string run = shell_word(SHEAF_PROGRAM) + " run job.yaml -q --threads 4 --set schedule.policy=static";
    Result result = shell("exec mpirun --oversubscribe --bind-to none -np 1 " + run + " : -np 1 bash -c 'ulimit -f " +
                          std::to_string(limit_kb) + "; exec " + run + "'");
    expect_message(result, {"rank 1: ", "job.h5", "File too large", "run again"});
    check({"no_suspicion", path("job.h5")});
    check({"slow", path("job.h5"), "some"});
}

/* An input that lies in HDF5 is mapped by all ranks of a node: what they had of it when it changes is not used. */
class MappedInput : public Environment {
  protected:
    static constexpr int n_items = 400;

    MappedInput() {
        check({"make_input", path("original.h5"), std::to_string(n_items)});
        shell("cp original.h5 in.h5");
        write_job("job.yaml", "hdf5: {file: in.h5, fields: {x: /x}}", "hostile:slow", "params: {ms: 10}\n");
    }

    /* `act` is for a shell, in the middle of a run. */
    void change(const Layout &layout, const std::string &policy, const std::string &act) {
        SCOPED_TRACE(layout.name() + ", " + policy + ", " + act);
        shell("rm -f job.h5; cat original.h5 >in.h5");
        const Words words = {"run", "job.yaml", "--set", "schedule.policy=" + policy};
        Child child(command(words, layout), start());
        ASSERT_TRUE(wait_for_done(child, path("job.h5"), 10));
        ASSERT_EQ(shell(act).exit, 0);
        Result result = child.wait();
        EXPECT_EQ(result.exit, 3) << result;
        EXPECT_GE(count_of(result.err, "in.h5: was changed while") + count_of(result.err, "an input file shrank"), 1)
            << result;
        ASSERT_TRUE(wait_until([&] { return child.processes().empty(); }));
        shell("cat original.h5 >in.h5");
        check({"slow", path("job.h5"), "some"});
        run_job({"job.yaml", "--set", "params.ms=10"}, {0, 16});
        check({"slow", path("job.h5"), "all"});
    }
};

TEST_F(MappedInput, Shrinks) {
    for (const Layout &layout : {Layout{0, 2}, Layout{2, 1}, Layout{2, 1, true}}) {
        change(layout, "static", "truncate -s 0 in.h5");
        change(layout, "dynamic", "truncate -s 2048 in.h5");
    }
}

TEST_F(MappedInput, IsModified) {
    for (const Layout &layout : {Layout{0, 2}, Layout{2, 1}, Layout{2, 1, true}}) {
        change(layout, "dynamic", "printf 12345678 | dd of=in.h5 bs=1 seek=3000 conv=notrunc");
        change(layout, "static", "cp in.h5 other.h5 && mv other.h5 in.h5");
    }
}

/* The folder of the results goes away, or may not be written any more: the open file is used to the end. */
TEST_F(MappedInput, OutputFolderMoves) {
    for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}, Layout{2, 1, true}}) {
        SCOPED_TRACE(layout.name());
        shell("rm -rf there elsewhere; mkdir there");
        Child child(command({"run", "job.yaml", "-o", "there/out.h5"}, layout), start());
        ASSERT_TRUE(wait_for_done(child, path("there/out.h5"), 10));
        ASSERT_EQ(shell("mv there elsewhere").exit, 0);
        Result result = child.wait();
        EXPECT_TRUE(result.exit == 0 || result.exit == 3) << result;
        check({"slow", path("elsewhere/out.h5"), result.exit == 0 ? "all" : "any"});
        run_job({"job.yaml", "-o", "elsewhere/out.h5"}, {0, 16});
        check({"slow", path("elsewhere/out.h5"), "all"});
    }
}

TEST_F(MappedInput, OutputFolderBecomesReadOnly) {
    mkdir(path("there").c_str(), 0777);
    if (geteuid() != 0 || mount("none", path("there").c_str(), "tmpfs", 0, "size=16m"))
        GTEST_SKIP() << "needs root that may mount a tmpfs";
    for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}, Layout{2, 1, true}}) {
        SCOPED_TRACE(layout.name());
        unlink(path("there/out.h5").c_str());
        Child child(command({"run", "job.yaml", "-o", "there/out.h5"}, layout), start());
        EXPECT_TRUE(wait_for_done(child, path("there/out.h5"), 10));
        EXPECT_EQ(chmod(path("there").c_str(), 0555), 0); /* not that it stops root */
        Result result = child.wait();
        EXPECT_EQ(result.exit, 0) << result;
        check({"slow", path("there/out.h5"), "all"});
        EXPECT_EQ(chmod(path("there").c_str(), 0777), 0);
        /* A read-only mount does. */
        EXPECT_EQ(mount("none", path("there").c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr), 0);
        Result refused = sheaf({"run", "job.yaml", "-o", "there/out.h5", "--overwrite"}, layout);
        EXPECT_EQ(refused.exit, 3) << refused;
        EXPECT_EQ(count_of(refused.err, "sheaf: there/out.h5"), 1) << refused;
        EXPECT_EQ(count_of(refused.err, "Read-only file system"), 1) << refused;
        EXPECT_EQ(sheaf({"show", "there/out.h5"}).exit, 0);
        EXPECT_EQ(mount("none", path("there").c_str(), "tmpfs", MS_REMOUNT, nullptr), 0);
    }
    umount2(path("there").c_str(), MNT_DETACH);
}

/* Rank 1 sees another disk than rank 0 where the input and the results lie: empty, or with files of the same names. */
class TwoDisks : public Environment {
  protected:
    static constexpr int n_items = 2000;

    void SetUp() override {
        if (shell("unshare -m mount -t tmpfs none /mnt").exit != 0)
            GTEST_SKIP() << "needs root that may mount in a namespace of its own";
        mkdir(path("disk").c_str(), 0777);
        mkdir(path("other").c_str(), 0777);
        check({"make_input", path("disk/in.h5"), std::to_string(n_items)});
        shell("cp disk/in.h5 other/in.h5; cp disk/in.h5 other/out.h5");
        write("job.yaml", "items: {hdf5: {file: disk/in.h5, fields: {x: /x}}}\nkernel: square_plus\n");
    }

    /* `before` is for a shell, in rank 1's world. */
    Result run_apart(const std::string &transport, const std::string &before, bool apart) {
        const std::string run =
            shell_word(SHEAF_PROGRAM) + " run job.yaml -o disk/out.h5 --overwrite --set transport=" + transport;
        return shell(std::string(apart ? "export SHEAF_RANKS_PER_NODE=1; " : "") +
                     "exec mpirun --oversubscribe --bind-to none -np 1 " + run + " : -np 1 unshare -m bash -c " +
                     shell_word("mount -t tmpfs none disk; " + before + "; exec " + run));
    }
};

TEST_F(TwoDisks, AutoGathersThen) {
    for (std::string before : {"true", "cp other/* disk"})
        for (bool apart : {false, true}) {
            SCOPED_TRACE(before + (apart ? ", apart" : ""));
            Result result = run_apart("auto", before, apart);
            EXPECT_EQ(result.exit, 0) << result;
            EXPECT_EQ(count_of(result.err, "transport gather ("), 1) << result;
            check({"square_plus_hdf5", path("disk/out.h5"), path("disk/in.h5"), "x", "10000"});
        }
}

/* What a command keeps lies where its rank sees the results file. */
TEST_F(TwoDisks, FilesThatAreKeptThereAreSaid) {
    write("job.yaml", "items: {count: 40}\ncommand: 'echo {item} >o.txt'\nkeep: [o.txt]\n");
    Result two = run_apart("auto", "true", true);
    EXPECT_EQ(two.exit, 0) << two;
    EXPECT_EQ(count_of(two.err, "1 of 2 ranks do not see "), 1) << two;
    EXPECT_EQ(count_of(two.err, "disk/out.d: files that are kept there stay on the disks of their nodes"), 1) << two;
    Result one = run_job({"job.yaml", "-o", "disk/out.h5", "--overwrite"}, {2, 1, true});
    EXPECT_EQ(count_of(one.err, "ranks do not see"), 0) << one;
}

TEST_F(TwoDisks, DirectIsRefused) {
    for (std::string before : {"true", "cp other/* disk"})
        for (bool apart : {false, true}) {
            SCOPED_TRACE(before + (apart ? ", apart" : ""));
            Result result = run_apart("direct", before, apart);
            EXPECT_TRUE(result.exit == 2 || result.exit == 3) << result;
            EXPECT_EQ(count_of(result.err, "sheaf: "), 1) << result;
            EXPECT_EQ(count_of(result.err, "disk/in.h5: "), 1) << result;
            EXPECT_EQ(list_folder(path("disk")), Words{"in.h5"}) << "nothing is left half-made\n" << result;
        }
}

/* Memory that ranks share lies in /dev/shm, which is small in containers. */
class SharedMemory : public Environment {
  protected:
    /* A run whose /dev/shm, and where Open MPI takes shared memory from, is of that size. */
    Result run_with(const std::string &size, const std::string &policy) {
        std::string words = "mount -t tmpfs -o size=" + size + " none /dev/shm || exit 99; mkdir /tmp/ompi-$$; ";
        words += "export TMPDIR=/tmp/ompi-$$ OMPI_MCA_btl_vader_backing_directory=/tmp/ompi-$$; ";
        words += "export OMPI_MCA_osc_sm_backing_directory=/dev/shm; ";
        for (const std::string &word :
             command({"run", "job.yaml", "--overwrite", "--set", "schedule.policy=" + policy}, {2, 1}))
            words += shell_word(word) + " ";
        Start how = start();
        return Child({"unshare", "-m", "bash", "-c", words + "; code=$?; rm -rf /tmp/ompi-$$; exit $code"}, how).wait();
    }
};

TEST_F(SharedMemory, IsTiny) {
    std::string table = "x\n";
    for (int i = 0; i < 200000; i++)
        table += std::to_string(i) + ".5\n";
    write("in.csv", table);
    write_job("job.yaml", "csv: in.csv", "square_plus");
    Result result = run_with("64m", "dynamic");
    if (result.exit == 99 || count_of(result.err, "unshare"))
        GTEST_SKIP() << "needs root that may mount in a namespace of its own";
    EXPECT_EQ(result.exit, 0) << "a container's usual size\n" << result;
    result = run_with("4m", "static");
    EXPECT_EQ(result.exit, 0) << "ranks share nothing large\n" << result;
}

TEST_F(SharedMemory, IsTooSmall) {
    std::string table = "x\n";
    for (int i = 0; i < 200000; i++)
        table += std::to_string(i) + ".5\n";
    write("in.csv", table);
    write_job("job.yaml", "csv: in.csv", "square_plus");
    for (std::string policy : {"dynamic", "auto"}) {
        Result result = run_with("4m", policy);
        EXPECT_FALSE(result.timed_out) << result;
        EXPECT_TRUE(result.exit == 0 || result.exit == 3) << "falls back, or says why not\n" << result;
        EXPECT_TRUE(result.exit == 0 || count_of(result.err, "/dev/shm") >= 1) << result;
    }
}

/* A run leaves nothing of its own in /dev/shm or in the folders of jobs. */
TEST_F(Environment, LeavesNothing) {
    write_job("job.yaml", "count: 1000", "square_plus");
    run_job({"job.yaml"}, {3, 2});
    EXPECT_EQ(list_folder(folder_), (Words{"job.h5", "job.yaml"}));
}

/* Nothing is done for each item before it is known that there is room for them. */
TEST_F(Environment, ADiskThatIsTooSmallForSoManyItems) {
    write("big.yaml", "items: {count: 1000000000000000}\nkernel: pi\n");
    Result result = run_job({"big.yaml"}, {}, 3);
    EXPECT_EQ(
        count_of(result.err, "sheaf: big.h5: cannot reserve 21015625000 MB for the results: No space left on device ("),
        1)
        << result;
    EXPECT_EQ(list_folder(folder_), (Words{"big.yaml"}));
}

} // namespace
