/* How a results file comes into its place: a file that is not ours is never replaced, whoever is quicker and whatever the
   file system knows. */
#include "cli/program.h"

#include <signal.h>
#include <unistd.h>

#include <sstream>

namespace {

class Publish : public Program {
  protected:
    void SetUp() override {
        if (shell("LD_PRELOAD=" SHEAF_PLUGIN_DIR "/plain_disk.so " SHEAF_PROGRAM " --version").exit != 0)
            GTEST_SKIP() << "LD_PRELOAD does not work here (sanitizers?)";
        write_x("in.csv", {0.5, 1.5, 2.5, 3.5});
        write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: 0}\n");
    }

    Result run_on(const std::string &disk, const Words &more = {}, bool somebody_comes = false,
                  const Layout &layout = {}) const {
        Words words = {"run", "job.yaml"};
        words.insert(words.end(), more.begin(), more.end());
        Start how = start();
        how.env["LD_PRELOAD"] = SHEAF_PLUGIN_DIR "/plain_disk.so";
        how.env["SHEAF_DISK"] = disk;
        how.env["SHEAF_COMES"] = somebody_comes ? path("job.h5") : "";
        return Child(command(words, layout), how).wait();
    }

    void is_refused(const Result &result) const {
        EXPECT_EQ(result.exit, 3) << result;
        EXPECT_EQ(count_of(result.err, "job.h5: another file came there while the run began"), 1) << result;
        EXPECT_EQ(count_of(result.err, "-o"), 1) << result;
        EXPECT_EQ(read("job.h5"), "a stranger's\n");
        EXPECT_EQ(list_folder(folder_), (Words{"in.csv", "job.h5", "job.yaml"}));
        unlink(path("job.h5").c_str());
    }

    /* What --overwrite must not, and must, replace. */
    void is_kept(const std::string &name) const {
        SCOPED_TRACE(name);
        const std::string before = read(name);
        Result result = run_job({"job.yaml", "-o", name, "--overwrite"}, {}, 2);
        EXPECT_EQ(count_of(result.err, name + ": is "), 1) << result;
        EXPECT_EQ(count_of(result.err, "not overwritten; move it away"), 1) << result;
        EXPECT_TRUE(read(name) == before) << "it is gone";
    }

    const Words disks_ = {"all", "links", "renames"};
};

class OneAfterTheOther : public Program {};

TEST_F(Publish, OnEachDisk) {
    for (const std::string &disk : disks_) {
        SCOPED_TRACE(disk);
        EXPECT_EQ(run_on(disk).exit, 0);
        check({"slow", path("job.h5"), "all"});
        EXPECT_EQ(run_on(disk, {"--overwrite"}).exit, 0);
        check({"slow", path("job.h5"), "all"});
        EXPECT_EQ(list_folder(folder_), (Words{"in.csv", "job.h5", "job.yaml"}));
        unlink(path("job.h5").c_str());
    }
}

TEST_F(Publish, WhatComesMeanwhileStays) {
    for (const std::string &disk : disks_)
        for (const Words &more : {Words{}, Words{"--overwrite"}}) {
            SCOPED_TRACE(disk + (more.empty() ? "" : " --overwrite"));
            is_refused(run_on(disk, more, true));
        }
    is_refused(run_on("all", {}, true, {2, 1}));
}

/* It was looked at another file when it was said that this one may be replaced. */
TEST_F(Publish, WhatTookThePlaceOfTheOldResultsStays) {
    for (const std::string &disk : disks_) {
        SCOPED_TRACE(disk);
        run_job({"job.yaml"});
        is_refused(run_on(disk, {"--overwrite"}, true));
    }
}

/* Killed where it can only link, just when it had. */
TEST_F(Publish, ASecondNameGoesAway) {
    run_job({"job.yaml", "--items", "0:2"});
    ASSERT_EQ(link(path("job.h5").c_str(), path("job.h5.new").c_str()), 0);
    run_job({"job.yaml"});
    check({"slow", path("job.h5"), "all"});
    EXPECT_EQ(list_folder(folder_), (Words{"in.csv", "job.h5", "job.yaml"}));
}

/* Only what is not there is made. */
TEST_F(Publish, WhereNobodyCanSee) {
    ASSERT_EQ(symlink("loop", path("loop").c_str()), 0);
    for (std::string word : {"run", "check"})
        for (const Words &more : {Words{}, Words{"--overwrite"}}) {
            Words words = {word, "job.yaml", "-o", "loop"};
            words.insert(words.end(), more.begin(), more.end());
            Result result = sheaf(words);
            EXPECT_EQ(result.exit, 3) << result;
            EXPECT_EQ(count_of(result.err, "loop: cannot see whether it is there"), 1) << result;
        }
    EXPECT_EQ(list_folder(folder_), (Words{"in.csv", "job.yaml", "loop"}));
    EXPECT_EQ(shell("readlink loop").out, "loop\n");
}

TEST_F(Publish, OverwriteKeepsWhatIsNotOurs) {
    check({"make_foreign", path("foreign.h5")});
    ASSERT_EQ(shell("head -c 1000 foreign.h5 > cut.h5").exit, 0);
    check({"make_empty", path("empty.h5")});
    write("zeros.bin", std::string(800, '\0'));
    for (std::string name : {"foreign.h5", "cut.h5", "empty.h5", "zeros.bin"})
        is_kept(name);
}

TEST_F(Publish, OverwriteReplacesOursAlsoIfItIsDamaged) {
    run_job({"job.yaml"});
    ASSERT_EQ(shell("head -c 3000 job.h5 > cut.h5; cp job.h5 hit.h5; printf '\\377\\377\\377\\377' | "
                    "dd of=hit.h5 bs=1 seek=9 conv=notrunc; : > empty.h5")
                  .exit,
              0);
    for (std::string name : {"cut.h5", "hit.h5", "empty.h5"}) {
        SCOPED_TRACE(name);
        run_job({"job.yaml", "-o", name, "--overwrite"});
        check({"slow", path(name), "all"});
    }
}

/* The programs of a run that was ended may go on for some seconds: the next one waits for them. Each item writes into a log
   when it begins and when it ends, also if it is asked to end, for which it takes a second. */
TEST_F(OneAfterTheOther, ProgramsNeverOverlap) {
    write("item.sh", "exec 2> /dev/null # where the shell says what became of sleep, and nobody reads it then\n"
                     "log=log.$1\n"
                     "trap 'sleep 1; echo end $$ >> $log; exit 0' TERM\n"
                     "echo begin $$ >> $log\n"
                     "[ -e second ] || until false; do sleep 0.02; done\n"
                     "echo end $$ >> $log\n");
    write("job.yaml", "items: {count: 2}\ncommand: [sh, item.sh, \"{item}\"]\n");
    for (const Layout &layout : {Layout{0, 2}, Layout{2, 1}}) {
        SCOPED_TRACE(layout.name());
        Start how = start();
        how.env["SHEAF_TEST_MARK"] = folder_;
        Child first(command({"run", "job.yaml"}, layout), how);
        EXPECT_TRUE(wait_until([&] { return exists(path("log.0")) && exists(path("log.1")); }));
        kill(first.pid(), SIGTERM);
        Result ended = first.wait();
        EXPECT_NE(ended.exit, 0) << ended;
        write("second", "");
        Result next = run_job({"job.yaml"}, layout);
        EXPECT_TRUE(wait_until([&] { return find_marked("SHEAF_TEST_MARK=" + folder_).empty(); }));
        for (std::string log : {"log.0", "log.1"}) {
            std::string open;
            int n = 0;
            std::istringstream lines(read(log));
            for (std::string what, who; lines >> what >> who; n++) {
                EXPECT_EQ(what == "begin" ? "" : who, open) << read(log) << next;
                open = what == "begin" ? who : "";
            }
            EXPECT_EQ(n, 4) << read(log);
        }
        EXPECT_EQ(sheaf({"status", "job.h5"}).out, "job.h5: 2 items, 2 done\n");
        EXPECT_FALSE(exists(path("job.h5.lock")));
        shell("rm -rf job.* log.* second");
        write("job.yaml", "items: {count: 2}\ncommand: [sh, item.sh, \"{item}\"]\n");
    }
}

} // namespace
