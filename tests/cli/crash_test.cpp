/* SIGKILL at every single write, in turn: before it, in its middle, after it (plugins/crash_points.c does it). What
   kill_test.cpp meets by chance is met here for certain; one rank, since only rank 0 writes. */
#include "cli/program.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace {

class CrashPoints : public Program {
  protected:
    void SetUp() override {
        if (shell("LD_PRELOAD=" SHEAF_PLUGIN_DIR "/crash_points.so " SHEAF_PROGRAM " --version").exit != 0)
            GTEST_SKIP() << "LD_PRELOAD does not work here (sanitizers?)";
        mkdir(path("killed").c_str(), 0777);
        mkdir(path("finished").c_str(), 0777);
    }

    /* Runs the job with a crash at call n; whether it crashed. */
    bool crash(const std::string &how, int n, const Words &more = {}) const {
        Words words = command({"run", "job.yaml", "-q", "--threads", "1"});
        words.insert(words.end(), more.begin(), more.end());
        Start start_crashing = start();
        start_crashing.env["LD_PRELOAD"] = SHEAF_PLUGIN_DIR "/crash_points.so";
        start_crashing.env["SHEAF_CRASH_AT"] = std::to_string(n);
        start_crashing.env["SHEAF_CRASH_HOW"] = how;
        Result result = Child(words, start_crashing).wait();
        EXPECT_TRUE(result.exit == 137 || result.exit < 2) << result;
        return result.exit == 137;
    }

    /* Each crash point once, from an empty folder; the run that follows must end with `exit`. */
    void crash_everywhere(int exit) const {
        for (std::string how : {"before", "half", "after"}) {
            int n = 1;
            for (; crash(how, n) && !HasFailure(); n++) {
                std::string name = "/" + how + std::to_string(1000 + n) + ".h5";
                if (exists(path("job.h5")))
                    std::filesystem::copy_file(path("job.h5"), path("killed" + name));
                run_job({"job.yaml", "-q"}, {0, 1}, exit);
                EXPECT_EQ(rename(path("job.h5").c_str(), path("finished" + name).c_str()), 0);
                EXPECT_EQ(list_folder(folder_), (Words{"finished", "in.csv", "job.yaml", "killed"})) << name;
            }
            EXPECT_GT(n, 40) << "too few writes were met";
            EXPECT_EQ(unlink(path("job.h5").c_str()), 0) << "of the run that was not killed";
        }
    }
};

TEST_F(CrashPoints, OfAJob) {
    write_x("in.csv", {0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5});
    write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: 0}\n");
    crash_everywhere(0);
    if (HasFailure())
        return;
    run_job({"job.yaml", "-o", "whole.h5"});
    check({"killed", path("killed"), path("finished"), path("whole.h5")});
}

TEST_F(CrashPoints, OfAJobWithFailures) {
    write_x("in.csv", {1, -1, 3, 4, /**/ 5, 13, 7, 8, /**/ 9, 10});
    write_job("job.yaml", "csv: in.csv", "hostile:fails");
    crash_everywhere(1);
    if (!HasFailure())
        check({"killed_fails", path("killed"), path("finished")});
}

/* The crash hits a run that goes on from another: what was done before is not lost. */
TEST_F(CrashPoints, OfASecondRun) {
    write_x("in.csv", {0.5, 1.5, 2.5, 3.5, 4.5, 5.5});
    write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: 0}\n");
    run_job({"job.yaml", "--items", "0:3"});
    ASSERT_EQ(rename(path("job.h5").c_str(), path("first.h5").c_str()), 0);
    for (std::string how : {"before", "half", "after"})
        for (int n = 1;; n++) {
            std::string name = how + std::to_string(1000 + n) + ".h5";
            std::filesystem::copy_file(path("first.h5"), path("job.h5"),
                                       std::filesystem::copy_options::overwrite_existing);
            if (!crash(how, n) || HasFailure())
                break;
            std::filesystem::copy_file(path("job.h5"), path("killed/" + name));
            run_job({"job.yaml", "-q"}, {0, 1});
            ASSERT_EQ(rename(path("job.h5").c_str(), path("finished/" + name).c_str()), 0);
        }
    run_job({"job.yaml", "-o", "whole.h5"});
    check({"killed", path("killed"), path("finished"), path("whole.h5"), "3"});
}

/* --overwrite is all or nothing: the old results or the new ones are there, never neither. */
TEST_F(CrashPoints, OfAnOverwrite) {
    write_x("in.csv", {0.5, 1.5, 2.5});
    write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: 0}\n");
    run_job({"job.yaml"});
    int n = 1;
    for (; crash("before", n, {"--overwrite"}) && !HasFailure(); n++) {
        ASSERT_TRUE(exists(path("job.h5"))) << "neither the old results nor new ones";
        std::filesystem::copy_file(path("job.h5"), path("killed/" + std::to_string(n) + ".h5"));
        if (n % 8) /* else it goes on from what there is */
            run_job({"job.yaml", "-q", "--overwrite"});
    }
    EXPECT_GT(n, 20);
    check({"slow_folder", path("killed")});
    run_job({"job.yaml"});
    check({"slow", path("job.h5"), "all"});
}

} // namespace
