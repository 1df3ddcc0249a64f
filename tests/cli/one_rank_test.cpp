/* A call that fails in one rank alone (R5): memory, files, threads, MPI. No rank waits for ever for one that could not: the
   run ends by itself, says why once, and what it had marked done is right. SHEAF_TEST_SLOW=1 lets every call fail. */
#include "cli/program.h"

#include <sys/stat.h>
#include <unistd.h>

namespace {

class OneRank : public Program {
  protected:
    static constexpr int n_items = 40;

    void SetUp() override {
        if (shell("LD_PRELOAD=" SHEAF_PLUGIN_DIR "/failing_calls.so " SHEAF_PROGRAM " --version").exit != 0)
            GTEST_SKIP() << "LD_PRELOAD does not work here (sanitizers?)";
        check({"make_input", path("in.h5"), std::to_string(n_items)});
        write_job("job.yaml", "hdf5: {file: in.h5, fields: {x: /x}}", "hostile:slow", "params: {ms: 1}\n");
    }

    /* Whether the call took place at all. */
    bool fail(const std::string &call, int n, int rank, bool apart) {
        SCOPED_TRACE(call + ", call " + std::to_string(n) + " of rank " + std::to_string(rank) +
                     (apart ? ", apart" : ""));
        shell("rm -f job.h5* failed");
        Words words = command({"run", "job.yaml", "-q"}, {2, 2, apart});
        Start how = start();
        how.env["SHEAF_FAIL"] = call + ":" + std::to_string(n) + ":" + std::to_string(rank);
        how.env["SHEAF_FAILED"] = path("failed");
        how.env["LD_PRELOAD"] = SHEAF_PLUGIN_DIR "/failing_calls.so";
        Child child(words, how);
        Result result = child.wait();
        EXPECT_FALSE(result.timed_out) << "somebody waits for ever\n" << result;
        EXPECT_TRUE(wait_until([&] { return child.processes("sheaf").empty(); })) << "something outlives the run";
        if (result.exit == 0) { /* it did without */
            check({"slow", path("job.h5"), "all"});
        } else {
            const int n_left = count_of(result.err, "sheaf: interrupted"); /* the other was sent away */
            EXPECT_EQ(count_of(result.err, "sheaf: ") - n_left, 1) << "said once\n" << result;
            if (exists(path("job.h5")))
                check({"slow", path("job.h5"), "any"});
        }
        return exists(path("failed"));
    }

    /* Lets calls of each of these fail, one in each run: all, or a growing number of them apart. */
    void fail_each(const Words &calls, int step) {
        for (const std::string &call : calls)
            for (int rank : {0, 1}) {
                bool more = true;
                for (int n = 1; more && !HasFailure(); n = slow_tests() ? n + 1 : n * step + 1)
                    more = fail(call, n, rank, n % 2 == 0);
                if (HasFailure())
                    return;
            }
    }
};

TEST_F(OneRank, CannotHaveMemory) {
    fail_each({"malloc", "calloc", "realloc", "mmap"}, 12);
}

TEST_F(OneRank, CannotHaveFiles) {
    fail_each({"open", "shm_open", "ftruncate", "socketpair", "pread"}, 7);
}

TEST_F(OneRank, CannotWrite) {
    fail_each({"pwrite", "fsync", "renameat2"}, 9);
}

TEST_F(OneRank, CannotStartAThreadOrProcess) {
    fail_each({"pthread_create", "fork"}, 1);
}

TEST_F(OneRank, IsLeftByMpi) {
    fail_each({"MPI_Comm_split_type", "MPI_Comm_split", "MPI_Bcast", "MPI_Type_contiguous", "MPI_Type_commit",
               "MPI_Iallreduce", "MPI_Ibcast", "MPI_Igather", "MPI_Iscatter", "MPI_Test", "MPI_Isend", "MPI_Improbe",
               "MPI_Mrecv"},
              16);
}

/* Fewer and fewer files that a process may have open: at some number MPI itself, and at another the run, cannot go on. */
TEST_F(OneRank, FewDescriptors) {
    for (int n = 64; n >= 8; n -= slow_tests() ? 1 : 7) {
        SCOPED_TRACE(n);
        shell("rm -f job.h5*");
        const std::string run = shell_word(SHEAF_PROGRAM) + " run job.yaml -q --threads 1";
        Start how = start();
        Child child({"mpirun", "--oversubscribe", "--bind-to", "none", "-np", "2", "bash", "-c",
                     "ulimit -n " + std::to_string(n) + "; exec " + run},
                    how);
        Result result = child.wait();
        EXPECT_FALSE(result.timed_out) << "somebody waits for ever\n" << result;
        if (result.exit == 0)
            check({"slow", path("job.h5"), "all"});
    }
}

} // namespace
