/* A signal at any moment of a run, also before the first item and while the results are closed and packed: it leaves in
   order, with exit code 75 and a line, and nothing half-made stays behind. */
#include "cli/program.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

class Interrupted : public Program {
  protected:
    void SetUp() override {
        if (shell("LD_PRELOAD=" SHEAF_PLUGIN_DIR "/failing_calls.so " SHEAF_PROGRAM " --version").exit != 0)
            GTEST_SKIP() << "LD_PRELOAD does not work here (sanitizers?)";
        write("in.csv", "v\n1\n2\n3\n4\n5\n6\n");
        write("job.yaml", "items: {csv: in.csv}\ncommand: [echo, \"{v}\"]\n");
    }

    /* Stops rank 0 just before its n-th call, sends it the signal, and lets it go on. Whether there is such a call. */
    bool interrupt(const std::string &call, int n, int signal, int ranks) {
        SCOPED_TRACE(call + ", call " + std::to_string(n) + ", " + strsignal(signal) + ", ranks " +
                     std::to_string(ranks));
        shell("rm -rf job.h5* job.d failed");
        Start how = start();
        how.env["SHEAF_FAIL"] = call + ":" + std::to_string(n) + ":0";
        how.env["SHEAF_FAIL_HOW"] = "stop";
        how.env["SHEAF_FAILED"] = path("failed");
        how.env["LD_PRELOAD"] = SHEAF_PLUGIN_DIR "/failing_calls.so";
        Child child(command({"run", "job.yaml"}, {ranks, 1}), how);
        pid_t stopped = 0;
        EXPECT_TRUE(wait_until([&] { return !child.running() || (stopped = child.find_stopped("sheaf")) > 0; }, 60));
        if (!stopped)
            return false;
        kill(stopped, signal);
        kill(stopped, SIGCONT);
        Result result = child.wait();
        EXPECT_FALSE(result.timed_out) << result;
        EXPECT_TRUE(result.exit == 75 || (signal == SIGUSR1 && result.exit == 0)) << result;
        EXPECT_EQ(count_of(result.err, "interrupted") + count_of(result.err, "ended early") + (result.exit == 0), 1)
            << result;
        EXPECT_TRUE(wait_until([&] { return child.processes("sheaf").empty(); }));
        EXPECT_TRUE(wait_until([&] { return find_marked("SHEAF_FAILED=" + path("failed")).empty(); }))
            << "the server removes the lock";
        for (const std::string &name : list_folder(folder_))
            EXPECT_TRUE(name == "job.h5" || name == "job.d" || name == "in.csv" || name == "job.yaml" ||
                        name == "failed")
                << name << " stays behind\n"
                << result;
        run_job({"job.yaml"});
        EXPECT_EQ(sheaf({"show", "job.h5", "--csv", "--fields", "v,stdout"}).out,
                  "item,status,v,stdout\n0,done,1,\"1\n\"\n1,done,2,\"2\n\"\n2,done,3,\"3\n\"\n3,done,4,\"4\n\"\n"
                  "4,done,5,\"5\n\"\n5,done,6,\"6\n\"\n");
        return true;
    }

    void interrupt_each(const Words &calls, int signal, int ranks, int step = 1) {
        for (const std::string &call : calls)
            for (int n = 1; !HasFailure() && interrupt(call, n, signal, ranks); n += slow_tests() ? 1 : step) {
            }
    }
};

/* The server is made, the job read, the file made and put in place, items computed, the file closed, copied, packed. */
TEST_F(Interrupted, ByTermAlone) {
    interrupt_each({"fork", "open", "fsync", "renameat2", "rename", "copy_file_range"}, SIGTERM, 0);
    interrupt_each({"pread", "pwrite"}, SIGTERM, 0, 7);
}

TEST_F(Interrupted, ByOthersAlone) {
    interrupt_each({"renameat2", "rename", "copy_file_range"}, SIGHUP, 0);
    interrupt_each({"renameat2", "rename", "copy_file_range"}, SIGINT, 0);
    interrupt_each({"fsync", "renameat2", "rename", "copy_file_range"}, SIGUSR1, 0);
}

TEST_F(Interrupted, AmongRanks) {
    interrupt_each({"renameat2", "rename", "copy_file_range"}, SIGTERM, 2);
    interrupt_each({"renameat2", "rename", "copy_file_range"}, SIGUSR1, 2);
}

/* USR1 while texts are packed: the next run packs them. */
TEST_F(Interrupted, Packing) {
    interrupt("copy_file_range", 1, SIGUSR1, 0);
    EXPECT_FALSE(HasFailure());
}

} // namespace
