/* jobs/sheaf.sbatch on a real Slurm: the layout that was granted, time limits, crashes, lost nodes, wrong usage. */
#include "slurm/cluster.h"

namespace {

TEST_F(Slurm, TwoNodes) {
    run_job({SHEAF_SOURCE_DIR "/jobs/moid.yaml", "-o", "alone.h5"}, {0, 1});
    const std::string job_file = SHEAF_SOURCE_DIR "/jobs/moid.yaml";

    std::string job = submit({"-N2", "-n4"}, {job_file});
    EXPECT_EQ(end_of(job), "COMPLETED");
    EXPECT_EQ(count_of(log(job), "4 ranks x 1 thread on 2 nodes"), 1) << "what sheaf run says\n" << log(job);

    /* Threads, and another launcher. */
    job = submit({"-N2", "-n2", "-c2"}, {job_file, "-o", "threads.h5"});
    EXPECT_EQ(end_of(job), "COMPLETED");
    EXPECT_EQ(count_of(log(job), "2 ranks x 2 threads on 2 nodes"), 1) << log(job);
    job = submit({"-N2", "--ntasks-per-node=1", "-n2", "-c3"}, {job_file, "--output=srun.h5"},
                 {{"SHEAF_LAUNCHER", "srun --mpi=pmix"}});
    EXPECT_EQ(end_of(job), "COMPLETED");
    EXPECT_EQ(count_of(log(job), "2 ranks x 3 threads on 2 nodes"), 1) << log(job);

    check({"same", "moid,true_anomaly,earth_longitude", path("alone.h5"), path("moid.h5"), path("threads.h5"),
           path("srun.h5")});
}

/* Jobs long enough to be disturbed: 0.25 s an item, `n` of them; job.h5 as one undisturbed rank would make it. */
class SlurmSlow : public Slurm {
  protected:
    int n_items_ = 0;

    void write_slow(int n) {
        std::vector<double> x;
        for (int i = 0; i < n; i++)
            x.push_back(0.5 * i - 7);
        n_items_ = n;
        write_x("in.csv", x);
        write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: 250}\n");
    }

    /* All is done, with the right values, in so many runs or more, each of which added to it. */
    void expect_whole(int least_runs) const {
        check({"many_runs", path("job.h5"), std::to_string(least_runs), std::to_string(n_items_)});
        expect_right();
    }

    void expect_right() const {
        check({"slow", path("job.h5"), "all"});
        run_job({"job.yaml", "-o", "alone.h5"}, {0, 64});
        check({"same", "x,y", path("alone.h5"), path("job.h5")});
    }
};

/* Slurm looks at limits each 30 s only. A limit that is there from the start might be found over before the run has
   really begun, so it is shortened when some items are done: the signal comes then, or up to 30 s later. */
TEST_F(SlurmSlow, SlowALimitTooShort) {
    write_slow(640); /* 40 s on 4 ranks */
    std::string job = submit({"-N2", "-n4"}, {"job.yaml"});
    wait_for_items(job, "job.h5", 5);
    on_cluster({"scontrol", "update", "jobid=" + job, "TimeLimit=1"});
    wait_for_requeue(job, 1);
    on_cluster({"scontrol", "update", "jobid=" + job, "TimeLimit=10"});
    EXPECT_EQ(end_of(job), "COMPLETED");
    EXPECT_EQ(about(job, "ExitCode"), "0:0");
    EXPECT_EQ(count_of(log(job), "run 2: job.yaml to job.h5"), 1) << "one log for all runs\n" << log(job);
    expect_whole(2);
}

TEST_F(SlurmSlow, SlowALimitTooShortEachTime) {
    write_slow(2400); /* 150 s; a minute of limit, found over within 30 s */
    std::string job = submit({"-N2", "-n4", "--time=1"}, {"job.yaml", "--overwrite"});
    EXPECT_EQ(end_of(job, 600), "COMPLETED");
    expect_whole(4);
}

/* A run that does not stop in time is given up by Slurm: TERM, and KILL after KillWait. */
TEST_F(SlurmSlow, SlowTheTimeIsOver) {
    write_slow(1920); /* 120 s */
    std::string job = submit({"-N2", "-n4", "--time=1", "--signal=B:CONT@10"}, {"job.yaml"});
    wait_for_requeue(job, 1, 150);
    on_cluster({"scontrol", "update", "jobid=" + job, "TimeLimit=10"});
    EXPECT_EQ(end_of(job, 300), "COMPLETED");
    expect_whole(2);
}

/* Half the machine goes: the script notices before Slurm does. */
TEST_F(SlurmSlow, ANodeIsLost) {
    write_slow(160); /* 10 s on 4 ranks */
    std::string job = submit({"-N2", "-n4"}, {"job.yaml"});
    wait_for_items(job, "job.h5", 5);
    ASSERT_EQ(about(job, "BatchHost"), "node1") << "where the script runs";
    ASSERT_EQ(about(job, "NodeList"), "node[1-2]");
    cut_power("node2");
    EXPECT_EQ(end_of(job), "COMPLETED");
    EXPECT_EQ(about(job, "Restarts"), "1");
    EXPECT_EQ(about(job, "NodeList"), "node[1,3]");
    expect_whole(2);
}

/* Options that must not undo what the first run has done; a limit of requeues. */
TEST_F(SlurmSlow, Requeues) {
    write_slow(64);
    write("job.yaml", read("job.yaml") + "output: 'mine.h5'  # not job.h5\n");
    std::string job = submit({"-n4"}, {"job.yaml", "--overwrite"}, {{"SHEAF_MOST_REQUEUES", "1"}});
    for (int run = 1; run <= 2; run++) {
        wait_for_items(job, "mine.h5", 8 * run);
        on_cluster({"scancel", "--batch", "--signal=USR1", job});
        if (run == 1)
            wait_for_requeue(job, 1);
    }
    EXPECT_EQ(end_of(job), "FAILED");
    EXPECT_EQ(about(job, "ExitCode"), "75:0");
    EXPECT_EQ(count_of(log(job), "SHEAF_MOST_REQUEUES allows no more"), 1) << log(job);
    check({"slow", path("mine.h5"), "some"});
    job = submit({"-n4"}, {"job.yaml"});
    EXPECT_EQ(end_of(job), "COMPLETED");
    check({"slow", path("mine.h5"), "all"});
    check({"many_runs", path("mine.h5"), "3", "64"});
    EXPECT_FALSE(exists(path("job.h5")));
}

/* With the machine that the script runs on, the script goes too: Slurm brings the job back. */
TEST_F(SlurmSlow, SlowTheFirstNodeIsLost) {
    write_slow(160);
    std::string job = submit({"-N2", "-n4"}, {"job.yaml"});
    wait_for_items(job, "job.h5", 5);
    ASSERT_EQ(about(job, "BatchHost"), "node1");
    cut_power("node1");
    EXPECT_EQ(end_of(job), "COMPLETED");
    EXPECT_EQ(about(job, "Restarts"), "1");
    expect_right();
}

TEST_F(SlurmSlow, Cancelled) {
    write_slow(640);
    std::string job = submit({"-N2", "-n4"}, {"job.yaml"});
    wait_for_items(job, "job.h5", 5);
    on_cluster({"scancel", job});
    EXPECT_EQ(end_of(job), "CANCELLED");
    EXPECT_TRUE(wait_until([&] { return on_cluster({"squeue", "-h", "-o", "%T"}).out.empty(); })) << log(job);
    EXPECT_EQ(about(job, "Restarts"), "0") << log(job);
    EXPECT_EQ(about(job, "JobState"), "CANCELLED");
    check({"slow", path("job.h5"), "some"});
}

TEST_F(Slurm, NothingFinished) {
    write_job("job.yaml", "count: 10", SHEAF_PLUGIN_DIR "/crashes.so:crashes");
    std::string job = submit({"-n2"}, {"job.yaml"});
    EXPECT_EQ(end_of(job), "FAILED");
    EXPECT_EQ(about(job, "Restarts"), "0");
    EXPECT_NE(about(job, "ExitCode"), "0:0");
    EXPECT_EQ(count_of(log(job), "this run finished no item"), 1) << log(job);

    /* What an earlier job has finished is not taken for a result of a run that could not even start. */
    write_job("good.yaml", "count: 10", "square_plus");
    run_job({"good.yaml", "-o", "good.h5"});
    job = submit({"-n2"}, {"good.yaml", "-o", "good.h5", "--overwrite"},
                 {{"SHEAF_LAUNCHER", "false"}, {"SHEAF_START_PAUSE", "0"}});
    EXPECT_EQ(end_of(job), "FAILED");
    EXPECT_EQ(about(job, "ExitCode"), "1:0");
    EXPECT_EQ(about(job, "Restarts"), "2") << "the launcher gets more than one chance\n" << log(job);
    EXPECT_EQ(count_of(log(job), "false could not start the run, three times in each of 3 attempts"), 1) << log(job);
}

/* The codes of sheaf that are final: nothing to requeue. */
TEST_F(Slurm, FailedItemsAreAnEnd) {
    write_x("in.csv", {1, -1, 2, -1});
    write_job("job.yaml", "csv: in.csv", "hostile:fails");
    std::string job = submit({"-n2"}, {"job.yaml"});
    EXPECT_EQ(end_of(job), "FAILED");
    EXPECT_EQ(about(job, "ExitCode"), "1:0") << log(job);
    EXPECT_EQ(sheaf({"status", "job.h5", "--exit-code"}).exit, 1);
}

TEST_F(Slurm, WrongUsage) {
    write_job("job.yaml", "count: 10", "square_plus");
    write_job("bad.yaml", "count: 10", "square_plus", "kernels: 2\n");
    struct {
        Words arguments;
        std::string says;
        std::map<std::string, std::string> env;
    } cases[] = {
        {{}, "no job file is given: sbatch sheaf.sbatch job.yaml", {}},
        {{"-o", "x.h5"}, "the job file comes first", {}},
        {{"nowhere.yaml"}, "there is no job file nowhere.yaml", {}},
        {{"bad.yaml"}, "bad.yaml:4:1: unknown key 'kernels'", {}},
        {{"job.yaml"}, "there is no /nowhere/sheaf on node", {{"SHEAF", "/nowhere/sheaf"}}},
        {{"job.yaml"}, "there is no nowhere on node", {{"SHEAF_LAUNCHER", "nowhere -n 2"}}},
    };
    Words jobs;
    for (const auto &c : cases)
        jobs.push_back(submit({"-n2"}, c.arguments, c.env));
    for (size_t i = 0; i < jobs.size(); i++) {
        EXPECT_EQ(end_of(jobs[i]), "FAILED");
        EXPECT_EQ(about(jobs[i], "ExitCode"), "2:0");
        EXPECT_EQ(count_of(log(jobs[i]), cases[i].says), 1) << log(jobs[i]);
    }
    Result result = run({"bash", SHEAF_SOURCE_DIR "/jobs/sheaf.sbatch", "job.yaml"});
    EXPECT_EQ(result.exit, 2) << result;
    EXPECT_EQ(count_of(result.err, "sbatch sheaf.sbatch job.yaml"), 1) << result;
    EXPECT_FALSE(exists(path("job.h5")));
}

} // namespace
