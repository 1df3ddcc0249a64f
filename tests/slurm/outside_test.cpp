/* R1a on a real Slurm: whatever ends a run of programs from outside, to whichever of its processes, blames no item, and
   the next run computes what is left. tests/cli/outside_test.cpp has the same without Slurm. */
#include <unistd.h>

#include <algorithm>

#include "slurm/cluster.h"

namespace {

/* Kinds of items, each in a process of its own; those from 20 on wait for a gate that stays closed until a test opens it,
   and programs say that they do. */
const char wait_at_gate[] = "[ $1 -lt 20 ] || : >at.$SLURM_JOB_ID.$1\n"
                            "while [ $1 -ge 20 ] && [ ! -e \"$SHEAF_TEST_GATE\" ]; do sleep 0.1; done";
const std::map<std::string, std::string> kinds = {
    {"command", "command: [\"./item.sh\", \"{x}\"]\noutputs: {y: {column: 1}}\n"},
    {"worker", "worker: [\"" SHEAF_PYTHON "\", \"worker.py\"]\noutputs: [y]\n"},
    {"isolate", "kernel: " SHEAF_PLUGIN_DIR "/hostile.so:slow\nisolate: true\n"},
};

class SlurmOutside : public Slurm {
  protected:
    static constexpr int n_items = 30, n_quick = 20;

    void SetUp() override {
        Slurm::SetUp();
        if (IsSkipped() || HasFatalFailure())
            return;
        std::vector<double> x;
        for (int i = 0; i < n_items; i++)
            x.push_back(i);
        write_x("in.csv", x);
        write("item.sh", std::string("#!/bin/sh\n") + wait_at_gate + "\necho $((2 * $1 + 1))\n");
        write("worker.py", "import json, os, sys, time\n"
                           "for line in sys.stdin:\n"
                           "    x = json.loads(line)['x']\n"
                           "    if x >= 20: open('at.%s.%g' % (os.environ['SLURM_JOB_ID'], x), 'w').close()\n"
                           "    while x >= 20 and not os.path.exists(os.environ['SHEAF_TEST_GATE']):\n"
                           "        time.sleep(0.1)\n"
                           "    print(json.dumps({'y': 2 * x + 1}), flush=True)\n");
        ASSERT_EQ(shell("chmod +x item.sh").exit, 0);
        for (const auto &[kind, kernel] : kinds)
            for (const std::string launcher : {"mpirun", "srun"}) {
                runs_.push_back({kind + "_" + launcher, launcher == "srun" ? "srun --mpi=pmix" : ""});
                write(runs_.back().name + ".yaml", "items: {csv: in.csv}\nretries: 0\n" + kernel);
            }
    }

    struct Run {
        std::string name, launcher, job = "";
        std::string file() const { return name + ".yaml"; }
        std::string results() const { return name + ".h5"; }
    };
    std::vector<Run> runs_;

    /* Whose name has this in it. */
    std::vector<Run> runs_of(const std::string &part) const {
        std::vector<Run> some;
        for (const Run &run : runs_)
            if (run.name.find(part) != std::string::npos)
                some.push_back(run);
        return some;
    }

    void submit_run(Run &run, const Words &more = {}) const {
        Words options = {"-N2", "-n2"};
        options.insert(options.end(), more.begin(), more.end());
        run.job = submit(options, {run.file()}, {{"SHEAF_LAUNCHER", run.launcher}, {"SHEAF_TEST_GATE", path("gate")}});
    }

    /* Until a program of it waits. One rank may have all that is left, which looked quick, or each its part. */
    void wait_for_gate(const Run &run) const {
        wait_for_items(run.job, run.results(), n_quick);
        const std::string prefix = "at." + run.job + ".";
        EXPECT_TRUE(wait_until([&] {
            const Words names = list_folder(folder_);
            return run.name.find("isolate") == 0 ||
                   std::any_of(names.begin(), names.end(),
                               [&](const std::string &name) { return name.compare(0, prefix.size(), prefix) == 0; });
        })) << run.name;
    }

    /* Until what is done outlasts a power cut of the node that writes it. */
    void wait_until_safe(const Run &run) const {
        const StatusPlace place = find_status(path(run.results()));
        EXPECT_TRUE(wait_until([&] { return count_safe(path(run.results()), place) >= n_quick; })) << run.name;
    }

    /* All side by side. */
    void begin(const Words &options = {}) {
        for (Run &run : runs_)
            submit_run(run, options);
        for (const Run &run : runs_)
            wait_for_gate(run);
    }

    void open_gate() const { write("gate", ""); }

    void start_anew() const {
        EXPECT_EQ(unlink(path("gate").c_str()), 0);
        for (const Run &run : runs_)
            EXPECT_EQ(unlink(path(run.results()).c_str()), 0);
    }

    /* What was done is done, and all else is left to do. */
    void expect_blameless(const std::string &part = "") const {
        for (const Run &run : runs_of(part)) {
            Result status = sheaf({"status", run.results()});
            EXPECT_EQ(count_of(status.out, "30 items, 10 pending, 20 done\n"), 1) << status << log(run.job);
        }
    }

    void expect_whole() const {
        for (const Run &run : runs_) {
            EXPECT_EQ(end_of(run.job), "COMPLETED") << run.name;
            Result status = sheaf({"status", run.results()});
            EXPECT_EQ(count_of(status.out, "30 items, 30 done\n"), 1) << status << log(run.job);
            check({"odd", path(run.results())});
        }
    }

    void expect_requeued(const std::string &part = "") const {
        for (const Run &run : runs_of(part))
            wait_for_requeue(run.job, 1, 100);
    }
};

TEST_F(SlurmOutside, Cancelled) {
    begin();
    for (const Run &run : runs_)
        on_cluster({"scancel", run.job});
    for (const Run &run : runs_)
        EXPECT_EQ(end_of(run.job), "CANCELLED") << run.name;
    EXPECT_TRUE(wait_until([&] { return on_cluster({"squeue", "-h", "-o", "%T"}).out.empty(); }));
    expect_blameless();
    open_gate();
    for (Run &run : runs_)
        submit_run(run);
    expect_whole();
}

/* srun hands it to all that runs, programs of items too; mpirun to what it has on other nodes. Kernels and programs that
   did not get it finish their items. */
TEST_F(SlurmOutside, SignalToDrain) {
    begin();
    for (const Run &run : runs_)
        on_cluster({"scancel", "--signal=USR1", run.job});
    for (const std::string name : {"command_srun", "worker_srun"}) {
        expect_requeued(name);
        expect_blameless(name);
    }
    open_gate();
    expect_whole();
}

/* Longer than an item may take: that time is nobody's. */
TEST_F(SlurmOutside, Suspended) {
    for (Run &run : runs_) {
        write(run.file(), read(run.file()) + "timeout: 10s\n");
        submit_run(run);
        wait_for_gate(run);
        on_cluster({"scontrol", "suspend", run.job});
        EXPECT_EQ(about(run.job, "JobState"), "SUSPENDED");
    }
    wait_until([] { return false; }, 12); /* what is waited for is the time itself */
    open_gate();
    for (const Run &run : runs_)
        on_cluster({"scontrol", "resume", run.job});
    expect_whole();
    for (const Run &run : runs_)
        EXPECT_EQ(about(run.job, "Restarts"), "0") << log(run.job);
}

TEST_F(SlurmOutside, SlowSignalToEnd) {
    for (const Words &signal :
         std::vector<Words>{{"--signal=TERM"}, {"--signal=INT"}, {"--signal=HUP"}, {"--full", "--signal=TERM"}}) {
        SCOPED_TRACE(signal.back());
        begin();
        for (const Run &run : runs_) {
            Words words = {"scancel", run.job};
            words.insert(words.begin() + 1, signal.begin(), signal.end());
            on_cluster(words);
        }
        expect_requeued();
        expect_blameless();
        open_gate();
        expect_whole();
        start_anew();
    }
}

/* TERM to all, and KILL after a while; nothing of it was announced. Slurm looks at limits each 30 s. */
TEST_F(SlurmOutside, SlowTimeLimit) {
    begin({"--signal=B:CONT@10"});
    for (const Run &run : runs_)
        on_cluster({"scontrol", "update", "jobid=" + run.job, "EndTime=now"});
    expect_requeued();
    for (const Run &run : runs_)
        on_cluster({"scontrol", "update", "jobid=" + run.job, "TimeLimit=10"});
    expect_blameless();
    open_gate();
    expect_whole();
}

/* mpirun notices at once, srun when Slurm gives the node up. */
TEST_F(SlurmOutside, PowerCut) {
    begin();
    cut_power("node2");
    expect_requeued();
    expect_blameless();
    open_gate();
    expect_whole();
}

TEST_F(SlurmOutside, SlowPowerCutOfTheScript) {
    begin();
    for (const Run &run : runs_)
        wait_until_safe(run);
    cut_power("node1");
    expect_requeued();
    expect_blameless();
    open_gate();
    expect_whole();
}

} // namespace
