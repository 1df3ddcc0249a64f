/* jobs/sheaf.sbatch where the launcher cannot start the run, as srun while a node comes back: a scontrol of our own in
   place of Slurm's. tests/slurm has the real one. */
#include "cli/program.h"

#include <signal.h>
#include <sys/stat.h>

namespace {

class Script : public Program {
  protected:
    Script() {
        mkdir(path("bin").c_str(), 0777);
        write_program("bin/scontrol",
                      "case $1 in show) echo 'JobState=RUNNING Reason=None' ;; requeue) touch requeued ;; esac");
        write("in.csv", "v\n1\n2\n3\n");
        write("job.yaml", "items: {csv: in.csv}\nexpression: {y: v}\n");
        write("other.yaml", "items: {csv: in.csv}\nexpression: {y: -v}\n");
    }

    void write_program(const std::string &name, const std::string &script) {
        write(name, "#!/bin/sh\n" + script + "\n");
        EXPECT_EQ(chmod(path(name).c_str(), 0755), 0);
    }

    /* A run of the batch script with this launcher, which Slurm has brought back `restarts` times; ended when it has gone
       back into the queue. */
    Result batch(const std::string &launcher, int restarts, const Words &more = {}) {
        write_program("launcher", launcher);
        shell("rm -f requeued");
        Start how = start();
        how.env["PATH"] = path("bin") + ":" + getenv("PATH");
        how.env["SLURM_JOB_ID"] = "7";
        how.env["SLURM_RESTART_COUNT"] = restarts ? std::to_string(restarts) : "";
        how.env["SHEAF"] = SHEAF_PROGRAM;
        how.env["SHEAF_LAUNCHER"] = "./launcher";
        how.env["SHEAF_START_PAUSE"] = "0";
        Words words = {"bash", SHEAF_SOURCE_DIR "/jobs/sheaf.sbatch", "job.yaml"};
        words.insert(words.end(), more.begin(), more.end());
        Child child(words, how);
        EXPECT_TRUE(wait_until([&] { return !child.running() || exists(path("requeued")); }, 60));
        child.kill_all(SIGTERM);
        child.kill_all(SIGKILL);
        return child.wait();
    }
};

TEST_F(Script, AnotherTryStartsTheRun) {
    Result result = batch("echo x >> tries; [ $(wc -l < tries) -ge 3 ] && exec \"$@\"; exit 1", 0);
    EXPECT_EQ(result.exit, 0) << result;
    EXPECT_EQ(count_of(result.err, "could not start the run (exit code 1)"), 2) << result;
    EXPECT_EQ(sheaf({"status", "job.h5"}).out, "job.h5: 3 items, 3 done\n");
    EXPECT_FALSE(exists(path("job.h5.starts")));
}

TEST_F(Script, GoesBackIntoTheQueueThen) {
    for (int restarts : {0, 1}) {
        Result result = batch("exit 213", restarts);
        EXPECT_TRUE(exists(path("requeued"))) << result;
        EXPECT_EQ(count_of(result.err, "could not start the run (exit code 213)"), 3) << result;
        EXPECT_EQ(count_of(result.err, "finished no item"), 0) << result;
    }
    Result last = batch("exit 213", 2);
    EXPECT_EQ(last.exit, 213) << last;
    EXPECT_FALSE(exists(path("requeued"))) << last;
    EXPECT_EQ(count_of(last.err, "three times in each of 3 attempts"), 1) << last;
    EXPECT_FALSE(exists(path("job.h5.starts")));
    EXPECT_EQ(batch("exec \"$@\"", 3).exit, 0);
}

/* Before anything was finished, too: what Slurm brings back by itself has not left the queue. */
TEST_F(Script, LeavesLostNodesToSlurm) {
    write_program("bin/scontrol", "echo 'JobState=NODE_FAIL Reason=NodeDown'");
    Result result = batch("touch job.h5; exit 205", 0);
    EXPECT_EQ(result.exit, 205) << result;
    EXPECT_EQ(count_of(result.err, "Slurm says NODE_FAIL NodeDown: left to Slurm"), 1) << result;
    EXPECT_EQ(count_of(result.err, "not in the queue any more"), 0) << result;
}

/* --overwrite is for the first run that begins. */
TEST_F(Script, OverwritesWhenItBegins) {
    run_job({"other.yaml", "-o", "job.h5"});
    batch("exit 1", 0, {"--overwrite"});
    EXPECT_TRUE(exists(path("requeued")));
    Result result = batch("exec \"$@\"", 1, {"--overwrite"});
    EXPECT_EQ(result.exit, 0) << result;
    EXPECT_EQ(sheaf({"show", "job.h5", "--csv", "--fields", "y"}).out, "item,status,y\n0,done,1\n1,done,2\n2,done,3\n");
    run_job({"other.yaml", "-o", "job.h5", "--overwrite"});
    EXPECT_EQ(batch("exec \"$@\"", 1, {"--overwrite"}).exit, 2) << "an earlier run has begun: nothing is thrown away";
}

/* So is --retry-failed: what failed then has failed. */
TEST_F(Script, RetriesWhenItBegins) {
    write("job.yaml", "items: {csv: in.csv}\noutputs: {y: {column: 1}}\nretries: 0\n"
                      "command: 'echo {v} >> \"$SHEAF_JOB_DIR\"/tried; [ {v} != 2 ] && echo 1'\n");
    run_job({"job.yaml"}, {0, 1}, 1);
    EXPECT_EQ(read("tried"), "1\n2\n3\n");
    EXPECT_EQ(batch("exec \"$@\"", 0, {"--retry-failed"}).exit, 1);
    EXPECT_EQ(read("tried"), "1\n2\n3\n2\n");
    EXPECT_EQ(batch("exec \"$@\"", 1, {"--retry-failed"}).exit, 1);
    EXPECT_EQ(read("tried"), "1\n2\n3\n2\n") << "the job came back, which is no reason to try it again";
    batch("exit 213", 0, {"--retry-failed"});
    EXPECT_EQ(batch("exec \"$@\"", 1, {"--retry-failed"}).exit, 1);
    EXPECT_EQ(read("tried"), "1\n2\n3\n2\n2\n") << "the run before did not begin";
}

/* Only Sheaf knows what a job file says. */
TEST_F(Script, WhereTheResultsGo) {
    const std::string job = "{items: {csv: in.csv}, expression: {y: v}, \"output\": 'mine.h5'}\n";
    struct {
        std::string job;
        Words options;
        std::string results;
    } cases[] = {
        {job, {}, "mine.h5"},
        {"%YAML 1.2\n---\n" + job, {"--set", "output=third.h5"}, "third.h5"},
        {job, {"--out", "fourth.h5"}, "fourth.h5"},
    };
    for (const auto &c : cases) {
        write("job.yaml", c.job);
        Result result = batch("kill -9 $$", 0, c.options);
        EXPECT_EQ(count_of(result.err, "job.yaml to " + c.results + ","), 1) << result;
        EXPECT_TRUE(exists(path(c.results + ".starts"))) << "the file that is looked at\n" << result;
        EXPECT_EQ(batch("exec \"$@\"", 1, c.options).exit, 0);
        EXPECT_TRUE(exists(path(c.results)));
        EXPECT_FALSE(exists(path("job.h5")));
    }
    write("job.yaml", job + "more: 1\n");
    Result result = batch("touch launched", 0);
    EXPECT_EQ(result.exit, 2) << result;
    EXPECT_FALSE(exists(path("launched")));
}

/* A run that began and was broken off before it finished an item would do no better. */
TEST_F(Script, ARunThatBeginsIsNoFailedStart) {
    write("job.yaml", "items: {csv: in.csv}\nkernel: " SHEAF_PLUGIN_DIR "/crashes.so:crashes\n");
    Result result = batch("exec \"$@\"", 0);
    EXPECT_FALSE(exists(path("requeued"))) << result;
    EXPECT_EQ(count_of(result.err, "finished no item"), 1) << result;
}

} // namespace
