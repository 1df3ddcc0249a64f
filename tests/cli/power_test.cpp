/* The power fails: of what was not synced each page is there or not (plugins/power_cut.c). As after a kill, what is marked
   done is right, also for plain readers; the next run, on a machine that was started anew, loses nothing but what was not
   yet safe. */
#include "cli/program.h"

#include <sys/stat.h>
#include <unistd.h>

namespace {

class PowerCut : public Program {
  protected:
    void SetUp() override {
        if (shell("LD_PRELOAD=" SHEAF_PLUGIN_DIR "/power_cut.so " SHEAF_PROGRAM " --version").exit != 0)
            GTEST_SKIP() << "LD_PRELOAD does not work here (sanitizers?)";
        mkdir(path("disk").c_str(), 0777);
        start_machine();
        if (shell("case $(stat -f -c %T .) in tmpfs|ramfs) exit 1;; esac").exit != 0)
            GTEST_SKIP() << "on a file system in memory nothing survives a power cut";
    }

    void start_machine() {
        write("boot", "00000000-0000-0000-0000-" + std::to_string(100000000000 + n_boots_++) + "\n");
    }

    Start powered() const {
        Start how = start();
        how.env["LD_PRELOAD"] = SHEAF_PLUGIN_DIR "/power_cut.so";
        how.env["SHEAF_CUT"] = path("disk");
        how.env["SHEAF_BOOT"] = path("boot");
        return how;
    }

    Result sheaf_powered(const Words &words, const Layout &layout) const {
        return Child(command(words, layout), powered()).wait();
    }

    /* Begins, and cuts the power when so many items are done, and so many of them safe. */
    void cut_at(long n_done, long n_safe, const Layout &layout, const std::string &seed) {
        Child child(command({"run", "job.yaml", "-q"}, layout), powered());
        EXPECT_TRUE(wait_for_done(child, path("job.h5"), n_done));
        const StatusPlace place = find_status(path("job.h5"));
        EXPECT_TRUE(wait_until([&] { return count_safe(path("job.h5"), place) >= n_safe; }));
        child.kill_all(SIGKILL);
        child.wait();
        check({"power_cut", path("job.h5"), path("disk"), seed});
        start_machine();
        verify();
    }

    /* No sum accuses what is there. */
    void verify() const {
        Result result = sheaf_powered({"verify", "job.h5"}, {});
        EXPECT_EQ(result.exit, 0) << result;
    }

  private:
    int n_boots_ = 0;
};

/* Several cuts of one job, in which rows of a page are computed by different threads at different times. */
TEST_F(PowerCut, OfRows) {
    std::vector<double> x(600);
    for (size_t i = 0; i < x.size(); i++)
        x[i] = static_cast<double>(i) * 7;
    write_x("in.csv", x);
    write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: 20}\ncheckpoint: 1s\n");
    for (const Layout &layout : {Layout{0, 2}, Layout{2, 1}}) {
        for (int cut = 1; cut <= 3; cut++) {
            SCOPED_TRACE(layout.name() + ", cut " + std::to_string(cut));
            cut_at(180 * cut, 1, layout, std::to_string(cut));
            check({"safe", path("job.h5"), "slow"});
        }
        Result last = sheaf_powered({"run", "job.yaml"}, layout);
        EXPECT_EQ(last.exit, 0) << last;
        verify();
        verify();
        check({"slow", path("job.h5"), "all"});
        ASSERT_EQ(unlink(path("job.h5").c_str()), 0);
    }
}

/* Without a checkpoint nothing was synced: whatever there may be is not to be trusted, and that is said. */
TEST_F(PowerCut, WhatWasNeverSyncedIsPending) {
    write_x("in.csv", std::vector<double>(100, 3));
    write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: 20}\ncheckpoint: never\n");
    cut_at(20, 0, {0, 2}, "0");
    Result status = sheaf_powered({"status", "job.h5"}, {});
    EXPECT_EQ(count_of(status.out, "100 items, 100 pending"), 1) << status;
    Result last = sheaf_powered({"run", "job.yaml"}, {0, 2});
    EXPECT_EQ(last.exit, 0) << last;
    verify();
    EXPECT_EQ(count_of(last.err, "not yet safe when the power failed"), 1) << last;
    check({"slow", path("job.h5"), "all"});
}

/* On the machine that goes on running a kill loses none of them. */
TEST_F(PowerCut, AKillIsNone) {
    write_x("in.csv", std::vector<double>(100, 3));
    write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: 20}\ncheckpoint: never\n");
    Child child(command({"run", "job.yaml", "-q"}, {0, 2}), powered());
    EXPECT_TRUE(wait_for_done(child, path("job.h5"), 20));
    child.kill_all(SIGKILL);
    child.wait();
    Result last = sheaf_powered({"run", "job.yaml"}, {0, 2});
    EXPECT_EQ(last.exit, 0) << last;
    verify();
    EXPECT_EQ(count_of(last.err, "were there before this run"), 1) << last;
    EXPECT_EQ(count_of(last.err, "power"), 0) << last;
}

TEST_F(PowerCut, OfTexts) {
    write_x("in.csv", std::vector<double>(400, 2.5));
    write("job.yaml", "items: {csv: in.csv}\ncommand: [\"sh\", \"-c\", 'sleep 0.01; echo item $SHEAF_ITEM']\n"
                      "checkpoint: 1s\n");
    for (int cut = 1; cut <= 2; cut++) {
        cut_at(120 * cut, 1, {0, 2}, std::to_string(cut));
        check({"safe", path("job.h5"), "echoed"});
    }
    Result last = sheaf_powered({"run", "job.yaml"}, {0, 2});
    EXPECT_EQ(last.exit, 0) << last;
    verify();
    check({"echoed", path("job.h5")});
}

/* Somebody packs on another machine, where what is not safe does not count: where it would, it has no texts any more. */
TEST_F(PowerCut, TextsPackedOnAnotherMachine) {
    write_x("in.csv", std::vector<double>(100, 2.5));
    write("job.yaml", "items: {csv: in.csv}\ncommand: [\"sh\", \"-c\", 'sleep 0.01; echo item $SHEAF_ITEM']\n"
                      "checkpoint: never\n");
    Child child(command({"run", "job.yaml", "-q"}, {0, 2}), powered());
    EXPECT_TRUE(wait_for_done(child, path("job.h5"), 20));
    child.kill_all(SIGKILL);
    child.wait();
    ASSERT_EQ(shell("mv boot here").exit, 0);
    start_machine();
    Result packed = sheaf_powered({"pack", "job.h5"}, {});
    EXPECT_EQ(packed.exit, 0) << packed;
    ASSERT_EQ(shell("mv here boot").exit, 0);
    Result last = sheaf_powered({"run", "job.yaml"}, {0, 2});
    EXPECT_EQ(last.exit, 0) << last;
    verify();
    check({"echoed", path("job.h5")});
}

/* A sync that fails says so once, and what the kernel keeps in memory is not what the disk has: rows that were not yet safe
   are computed again, whatever later syncs say. */
TEST_F(PowerCut, ADiskThatFails) {
    write_x("in.csv", std::vector<double>(300, 3));
    write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: 20}\ncheckpoint: 1s\n");
    for (const Layout &layout : {Layout{0, 2}, Layout{2, 1}}) {
        SCOPED_TRACE(layout.name());
        Start how = start();
        how.env["SHEAF_FAIL"] = "fdatasync:1:0";
        how.env["SHEAF_FAILED"] = path("failed");
        how.env["LD_PRELOAD"] = SHEAF_PLUGIN_DIR "/failing_calls.so";
        Result first = Child(command({"run", "job.yaml"}, layout), how).wait();
        ASSERT_TRUE(exists(path("failed"))) << first;
        EXPECT_EQ(first.exit, 3) << first;
        EXPECT_EQ(count_of(first.err, "job.h5: cannot sync"), 1) << first;
        check({"untrusted", path("job.h5")});
        if (layout.ranks == 0) { /* the other rank's disk is well */
            EXPECT_EQ(count_of(sheaf({"status", "job.h5"}).out, "300 items, 300 pending"), 1);
        }
        Result next = run_job({"job.yaml"}, layout);
        EXPECT_EQ(count_of(next.err, "were not yet safe when the disk or the machine failed"), 1) << next;
        check({"slow", path("job.h5"), "all"});
        shell("rm job.h5 failed");
    }
}

} // namespace
