/* SIGKILL at any moment: the file opens, each row that is marked done is right, and the next run goes on from there
   (R1). SHEAF_TEST_SLOW=1 repeats it hundreds of times. */
#include "cli/program.h"

#include <hdf5.h>

#include <random>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace {

class Kill : public Program {
  protected:
    static constexpr int n_items = 160;
    static constexpr Layout layout{2, 2};

    Kill() {
        std::vector<double> x;
        for (int i = 0; i < n_items; i++)
            x.push_back(0.75 * i - 20);
        write_x("in.csv", x);
        /* ~2 ms × 160 / 4 threads: long enough to be hit, also in the middle of a chunk. */
        write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: 4}\n");
        mkdir(path("killed").c_str(), 0777);
        mkdir(path("finished").c_str(), 0777);
        run_job({"job.yaml", "-o", "whole.h5"}, {0, 2});
        random_.seed(std::random_device{}());
    }

    /* No sum accuses what is right. */
    void verify() const {
        Result result = sheaf({"verify", "job.h5"});
        EXPECT_EQ(result.exit, 0) << result;
    }

    int random(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

    /* Waits for a moment: some number of items done, or, each third time, some time after the start, when the file may
       not even be there. */
    void wait_for_a_moment(Child &child, int round) {
        if (round % 3 == 2) {
            struct timespec pause = {0, 1000000L * random(500)};
            nanosleep(&pause, nullptr);
            return;
        }
        StatusPlace place;
        int wanted = 1 + random(n_items - 2);
        EXPECT_TRUE(wait_until([&] {
            if (place.offset < 0)
                place = find_status(path("job.h5"));
            return !child.running() || (place.offset >= 0 && count_done(path("job.h5"), place) >= wanted);
        }));
    }

    /* Starts a run, lets `hit` kill something at a random moment, looks, finishes, and compares. */
    void repeat(int n, const std::function<void(Child &, int round)> &hit) {
        int n_hit = 0;
        for (int round = 0; round < n && !HasFailure(); round++) {
            SCOPED_TRACE("round " + std::to_string(round));
            {
                Child child(command({"run", "job.yaml", "-q"}, layout), start());
                wait_for_a_moment(child, round);
                hit(child, round);
                Result result = child.wait();
                EXPECT_FALSE(result.timed_out) << result;
                EXPECT_TRUE(wait_until([&] { return child.processes().empty(); })) << "something outlives the run";
                n_hit += result.exit != 0;
            }
            std::string name = "/" + std::to_string(round) + ".h5";
            if (exists(path("job.h5"))) {
                verify();
                ASSERT_EQ(shell("cp job.h5 killed" + name).exit, 0);
            }
            Result again = run_job({"job.yaml"}, layout);
            verify();
            ASSERT_EQ(rename(path("job.h5").c_str(), path("finished" + name).c_str()), 0) << again;
            EXPECT_EQ(list_folder(folder_), (Words{"finished", "in.csv", "job.yaml", "killed", "whole.h5"}))
                << "after a run in order nothing is left of the killed one";
        }
        if (HasFailure())
            return;
        EXPECT_GT(n_hit, n / 3) << "most runs ended before they could be killed: nothing was tested";
        check({"killed", path("killed"), path("finished"), path("whole.h5")});
    }

    std::mt19937 random_;
};

TEST_F(Kill, Everything) {
    repeat(slow_tests() ? 200 : 10, [](Child &child, int) { child.kill_all(SIGKILL); });
}

TEST_F(Kill, OneRank) {
    repeat(slow_tests() ? 200 : 5, [this](Child &child, int) {
        std::vector<pid_t> ranks = child.processes("sheaf");
        if (!ranks.empty())
            kill(ranks[static_cast<size_t>(random(static_cast<int>(ranks.size())))], SIGKILL);
        else
            child.kill_all(SIGKILL);
    });
}

/* The ranks outlive mpirun by up to a second; repeat() waits until they are gone. */
TEST_F(Kill, TheLauncherAlone) {
    repeat(slow_tests() ? 200 : 5, [](Child &child, int) { kill(child.pid(), SIGKILL); });
}

/* Many kills of short runs: all rows of a run are in the file within some 50 ms, and the kill is at a random moment of
   that. Two in ten are of several ranks, whose start takes most of the time. */
class QuickKill : public Kill {
  protected:
    static constexpr int n_quick = 64;

    QuickKill() {
        unlink(path("in.csv").c_str());
        unlink(path("job.yaml").c_str());
        unlink(path("whole.h5").c_str());
        check({"make_input", path("in.h5"), std::to_string(n_quick)});
        write_job("job.yaml", "hdf5: {file: in.h5, fields: {x: /x}}", "hostile:slow", "params: {ms: 1}\n");
        run_job({"job.yaml", "-o", "whole.h5", "-q"}, {0, 4});
    }

    /* A moment: some number of items done, or some time after the start. */
    void wait_for_any(Child &child, int round) {
        if (round % 2) {
            wait_for_done(child, path("job.h5"), 1 + random(n_quick - 1));
            return;
        }
        struct timespec pause = {0, 100000L * random(round % 10 < 2 ? 4000 : 600)};
        nanosleep(&pause, nullptr);
    }
};

TEST_F(QuickKill, ManyTimes) {
    const int n = slow_tests() ? 3000 : 100;
    int n_hit = 0;
    for (int round = 0; round < n && !HasFailure(); round++) {
        SCOPED_TRACE("round " + std::to_string(round));
        const bool several = round % 10 < 2;
        const Layout killed = several ? Layout{2, 1, round % 20 < 10} : Layout{0, 1 + round % 3};
        const std::string policy = round % 4 < 2 ? "dynamic" : "static";
        const std::string name = "/" + std::to_string(round) + ".h5";
        {
            Child child(command({"run", "job.yaml", "-q", "--set", "schedule.policy=" + policy}, killed), start());
            wait_for_any(child, round);
            child.kill_all(SIGKILL);
            n_hit += child.wait().exit != 0;
            ASSERT_TRUE(wait_until([&] { return child.processes().empty(); })) << "something outlives the run";
        }
        if (exists(path("job.h5")))
            ASSERT_EQ(shell("cp job.h5 killed" + name).exit, 0);
        run_job({"job.yaml", "-q"}, {0, 8});
        ASSERT_EQ(rename(path("job.h5").c_str(), path("finished" + name).c_str()), 0);
        EXPECT_EQ(list_folder(folder_), (Words{"finished", "in.h5", "job.yaml", "killed", "whole.h5"}));
    }
    EXPECT_GT(n_hit, n / 2) << "most runs ended before they could be killed: little was tested";
    check({"killed", path("killed"), path("finished"), path("whole.h5")});
}

/* Killed again and again, the run gets on each time and the end is the same. */
TEST_F(Kill, AgainAndAgain) {
    for (int round = 0; round < (slow_tests() ? 20 : 4); round++) {
        StatusPlace place = find_status(path("job.h5"));
        long before = place.offset < 0 ? 0 : count_done(path("job.h5"), place);
        Child child(command({"run", "job.yaml", "-q"}, round % 2 ? layout : Layout{0, 2}), start());
        EXPECT_TRUE(wait_until([&] {
            place = place.offset < 0 ? find_status(path("job.h5")) : place;
            return !child.running() || (place.offset >= 0 && count_done(path("job.h5"), place) >= before + 20);
        }));
        child.kill_all(SIGKILL);
        child.wait();
        ASSERT_TRUE(wait_until([&] { return child.processes().empty(); }));
        check({"slow", path("job.h5"), "any"});
    }
    run_job({"job.yaml"}, layout);
    check({"same", "x,y", path("whole.h5"), path("job.h5")});
}

/* Rows that are in the file, marked done or not: their block has its seconds. */
long count_written(const std::string &path) {
    if (find_status(path).offset < 0)
        return 0;
    hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    const char *name = H5Lexists(file, "seconds", H5P_DEFAULT) > 0 ? "seconds" : "/sheaf/seconds";
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t space = H5Dget_space(dataset);
    std::vector<float> seconds(static_cast<size_t>(H5Sget_simple_extent_npoints(space)));
    herr_t rc = H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, seconds.data());
    H5Sclose(space);
    H5Dclose(dataset);
    H5Fclose(file);
    return rc < 0 ? 0 : std::count_if(seconds.begin(), seconds.end(), [](float s) { return s > 0; });
}

/* Ended early in order (R8): exit 75, the file is true and tidy, the same command goes on. */
class EndedEarly : public Kill {
  protected:
    EndedEarly() { write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: 50}\n"); }

    void wait_for_some(Child &child) {
        StatusPlace place;
        EXPECT_TRUE(wait_until([&] {
            place = place.offset < 0 ? find_status(path("job.h5")) : place;
            return !child.running() || (place.offset >= 0 && count_done(path("job.h5"), place) >= 10);
        }));
    }

    /* Runs with ever more time, until an item was done in it: on a busy machine it takes long to begin. */
    std::unique_ptr<Child> run_for(int seconds, const std::function<std::unique_ptr<Child>(int)> &begin,
                                   Result &result) {
        for (;; seconds += 2) {
            std::unique_ptr<Child> child = begin(seconds);
            result = child->wait();
            const StatusPlace place = find_status(path("job.h5"));
            if (result.exit != 75 || seconds > 60 || (place.offset >= 0 && count_done(path("job.h5"), place) > 0))
                return child;
            unlink(path("job.h5").c_str());
        }
    }

    void expect_resumable(Child &child) {
        EXPECT_TRUE(wait_until([&] { return child.processes().empty(); })) << "something outlives the run";
        check({"slow", path("job.h5"), "some"});
        EXPECT_EQ(sheaf({"status", "job.h5", "--exit-code"}).exit, 75);
        run_job({"job.yaml"}, {2, 8});
        check({"same", "x,y", path("whole.h5"), path("job.h5")});
        EXPECT_EQ(list_folder(folder_), (Words{"finished", "in.csv", "job.h5", "job.yaml", "killed", "whole.h5"}));
        EXPECT_EQ(unlink(path("job.h5").c_str()), 0);
    }
};

TEST_F(EndedEarly, ByASignal) {
    for (int signal : {SIGUSR1, SIGTERM, SIGINT})
        for (int ranks : slow_tests() ? std::vector<int>{0, 1, 2, 3} : std::vector<int>{0, 3}) {
            SCOPED_TRACE(strsignal(signal) + (", ranks " + std::to_string(ranks)));
            Child child(command({"run", "job.yaml", "-q"}, {ranks, 1}), start());
            wait_for_some(child);
            kill(child.pid(), signal);
            Result result = child.wait();
            EXPECT_FALSE(result.timed_out) << result;
            if (ranks == 0 || signal == SIGUSR1) {
                EXPECT_EQ(result.exit, 75) << result;
            } else {
                EXPECT_NE(result.exit, 0) << "mpirun has its own codes\n" << result;
            }
            expect_resumable(child);
        }
}

/* While the other rank writes rows that are not safe from a power cut yet, its end is in the table of runs. */
TEST_F(EndedEarly, BySignallingTheFirstRank) {
    Child child(command({"run", "job.yaml", "-q"}, {2, 1}), start());
    wait_for_some(child);
    const std::vector<pid_t> ranks = child.processes("sheaf");
    for (pid_t pid : find_marked("OMPI_COMM_WORLD_RANK=0"))
        if (std::find(ranks.begin(), ranks.end(), pid) != ranks.end())
            kill(pid, SIGTERM);
    Result result = child.wait();
    EXPECT_EQ(count_of(result.err, "sheaf: interrupted; finished items are in job.h5"), 1) << result;
    check({"runs", path("job.h5"), "-1"});
    expect_resumable(child);
}

TEST_F(EndedEarly, ByStopAfter) {
    for (int ranks : {0, 2}) {
        SCOPED_TRACE(ranks);
        Result result;
        const std::unique_ptr<Child> child = run_for(
            1,
            [&](int seconds) {
                const std::string after = std::to_string(seconds) + "s";
                return std::make_unique<Child>(command({"run", "job.yaml", "--stop-after", after}, {ranks, 1}),
                                               start());
            },
            result);
        EXPECT_EQ(result.exit, 75) << result;
        EXPECT_GE(count_of(result.err, "again"), 1) << "says how to go on\n" << result;
        expect_resumable(*child);
    }
    run_job({"job.yaml", "--stop-after", "1h"}, {2, 8});
    for (std::string bad : {"", "soon", "-5s", "0x1m", "5 parsecs"}) {
        Result result = run_job({"job.yaml", "--stop-after", bad}, {}, 2);
        EXPECT_EQ(count_of(result.err, "--stop-after"), 1) << result;
    }
}

/* The end of the batch job, when Slurm says it: less time than the longest item and a margin, and none is begun. */
TEST_F(EndedEarly, BeforeTheBatchJob) {
    for (int ranks : {0, 2}) {
        SCOPED_TRACE(ranks);
        Result result;
        const std::unique_ptr<Child> child = run_for(
            7,
            [&](int seconds) {
                Start how = start();
                how.env["SLURM_JOB_END_TIME"] = std::to_string(time(nullptr) + seconds);
                return std::make_unique<Child>(command({"run", "job.yaml"}, {ranks, 1}), how);
            },
            result);
        EXPECT_EQ(result.exit, 75) << result;
        EXPECT_EQ(count_of(result.err, "ended early before the batch job is"), 1) << result;
        expect_resumable(*child);
    }
    for (const std::string &said : Words{"soon", "", "0", "-1", "1", std::to_string(time(nullptr) - 100),
                                         std::to_string(time(nullptr) + 36000)}) {
        SCOPED_TRACE("'" + said + "'");
        setenv("SLURM_JOB_END_TIME", said.c_str(), 1);
        run_job({"job.yaml", "--overwrite"}, {0, 8});
        unsetenv("SLURM_JOB_END_TIME");
    }
}

/* --durable: an item is marked done only when its row was synced, at checkpoints. */
TEST_F(EndedEarly, DurablyByAKill) {
    for (int ranks : {0, 2}) {
        SCOPED_TRACE(ranks);
        /* without a checkpoint before the kill nothing is marked, */
        Child never(command({"run", "job.yaml", "-q", "--durable", "--set", "checkpoint=never"}, {ranks, 1}), start());
        StatusPlace place;
        EXPECT_TRUE(wait_until([&] {
            place = place.offset < 0 ? find_status(path("job.h5")) : place;
            return !never.running() || (place.offset >= 0 && count_written(path("job.h5")) >= 20);
        }));
        never.kill_all(SIGKILL);
        never.wait();
        ASSERT_TRUE(wait_until([&] { return never.processes().empty(); }));
        EXPECT_EQ(count_done(path("job.h5"), place), 0);
        /* with one there are some, and right; TERM writes what was finished */
        for (int signal : {SIGKILL, SIGTERM}) {
            Child often(command({"run", "job.yaml", "-q", "--durable", "--set", "checkpoint=1s"}, {ranks, 1}), start());
            wait_for_some(often);
            if (signal == SIGKILL)
                often.kill_all(signal);
            else
                kill(often.pid(), signal);
            often.wait();
            ASSERT_TRUE(wait_until([&] { return often.processes().empty(); }));
            check({"slow", path("job.h5"), "some"});
        }
        run_job({"job.yaml"}, {2, 8});
        check({"same", "x,y", path("whole.h5"), path("job.h5")});
        EXPECT_EQ(unlink(path("job.h5").c_str()), 0);
    }
}

} // namespace
