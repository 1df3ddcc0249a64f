/* SIGKILL at every single write, in turn: before it, in its middle, after it (plugins/crash_points.c does it). What
   kill_test.cpp meets by chance is met here for certain, in rank 0: on one node the others write rows only. With
   several ranks, where a run takes long, SHEAF_TEST_SLOW=1 takes each crash point; else there is one in a few. */
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

    /* Runs the job with a crash at call n; whether it crashed. Else it may end with 0, 1 or `other`. */
    bool crash(const std::string &how, int n, const Words &more = {}, const Layout &layout = {0, 1},
               int other = 0) const {
        Words words = {"run", "job.yaml", "-q"};
        words.insert(words.end(), more.begin(), more.end());
        words = command(words, layout);
        Start start_crashing = start();
        start_crashing.env["LD_PRELOAD"] = SHEAF_PLUGIN_DIR "/crash_points.so";
        start_crashing.env["SHEAF_CRASH_AT"] = std::to_string(n);
        start_crashing.env["SHEAF_CRASH_HOW"] = how;
        Result result = Child(words, start_crashing).wait();
        EXPECT_TRUE(result.exit == 137 || result.exit < 2 || result.exit == other) << result;
        return result.exit == 137;
    }

    /* No sum accuses what a killed run has left, or what the next one has made of it. */
    void verify(const std::string &name) const {
        Result result = sheaf({"verify", name});
        EXPECT_EQ(result.exit, 0) << result;
    }

    /* Before a call is much the same as after the one before it. */
    static Words hows() { return slow_tests() ? Words{"before", "half", "after"} : Words{"half", "after"}; }

    /* The crash points of one way: all, or every other one where the other way takes those between. */
    static int first_of(const std::string &how) { return slow_tests() || how == "half" ? 1 : 2; }
    static int step() { return slow_tests() ? 1 : 2; }

    /* Each crash point once, from an empty folder; the run that follows must end with `exit`. */
    void crash_everywhere(int exit) const {
        for (const std::string &how : hows()) {
            int n = first_of(how);
            for (; crash(how, n) && !HasFailure(); n += step()) {
                std::string name = "/" + how + std::to_string(1000 + n) + ".h5";
                if (exists(path("job.h5"))) {
                    verify("job.h5");
                    std::filesystem::copy_file(path("job.h5"), path("killed" + name));
                }
                run_job({"job.yaml", "-q"}, {0, 1}, exit);
                verify("job.h5");
                EXPECT_EQ(rename(path("job.h5").c_str(), path("finished" + name).c_str()), 0);
                Words left = {"finished", input_, "job.yaml", "killed"};
                if (input_.empty())
                    left.erase(left.begin() + 1);
                EXPECT_EQ(list_folder(folder_), left) << name;
            }
            EXPECT_GT(n, 40) << "too few writes were met";
            EXPECT_EQ(unlink(path("job.h5").c_str()), 0) << "of the run that was not killed";
        }
    }

    void copy(const std::string &from, const std::string &to) const {
        std::filesystem::copy_file(path(from), path(to), std::filesystem::copy_options::overwrite_existing);
    }

    /* A run that begins with first.h5 crashes everywhere; those that follow must come to an end where item 3 alone is
       given up, in two more runs at most, or three where it has not died before. */
    void crash_after(int other, int most_runs) {
        for (const std::string &how : hows()) {
            int n = first_of(how);
            for (;; n += step()) {
                const std::string name = how + std::to_string(1000 + n) + ".h5";
                copy("first.h5", "job.h5");
                if (!crash(how, n, {}, {0, 1}, other) || HasFailure())
                    break;
                verify("job.h5");
                copy("job.h5", "killed/" + name);
                int runs = 1;
                for (; sheaf({"run", "job.yaml", "-q"}, {0, 1}).exit != 1 && runs <= most_runs; runs++) {
                }
                EXPECT_LE(runs, most_runs) << name;
                verify("job.h5");
                ASSERT_EQ(rename(path("job.h5").c_str(), path("finished/" + name).c_str()), 0);
            }
            EXPECT_GT(n, 10) << "too few writes were met";
        }
        for (const auto &entry : std::filesystem::directory_iterator(path("killed")))
            killed_.push_back(entry.path());
        check(killed_);
        check({"crashed_folder", path("finished"), "3"});
    }

    std::string input_ = "in.csv"; /* beside the job file; may be empty */
    Words killed_ = {"slow_or_crashed"};
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

/* A cube, of which cells without a value are NaN at any moment. */
TEST_F(CrashPoints, OfAGrid) {
    write_job("job.yaml", "grid: {x: {linspace: [1, 4, 4]}, label: [a, b]}", "hostile:slow", "params: {ms: 0}\n");
    input_.clear();
    crash_everywhere(0);
    if (HasFailure())
        return;
    run_job({"job.yaml", "-o", "whole.h5"});
    check({"killed", path("killed"), path("finished"), path("whole.h5")});
}

/* Stages come into the file one after the other, in a copy of it each; what is done in one of them is right at any moment. */
TEST_F(CrashPoints, OfStages) {
    write("job.yaml",
          "stages:\n"
          "- {name: one, items: {count: 6}, expression: {y: item * item}, reduce: {s: {sum: y}}}\n"
          "- {name: two, items: {stage: one}, command: 'echo {y}', outputs: {z: {column: 1}, t: {regex: "
          "'(.*[0-9])', type: text}}}\n"
          "- {name: three, items: {stage: {name: two, fields: [z]}}, shared: {s: {stage: one.s}}, expression: "
          "{v: z + s}}\n");
    input_.clear();
    run_job({"job.yaml", "-q"}); /* formulas are compiled */
    EXPECT_EQ(unlink(path("job.h5").c_str()), 0);
    for (const std::string &how : hows()) {
        int n = first_of(how);
        for (; crash(how, n) && !HasFailure(); n += slow_tests() ? 1 : 31) {
            const std::string name = "/" + how + std::to_string(1000 + n) + ".h5";
            if (exists(path("job.h5"))) {
                verify("job.h5");
                copy("job.h5", "killed" + name);
            }
            run_job({"job.yaml", "-q"}, {0, 1});
            verify("job.h5");
            EXPECT_EQ(rename(path("job.h5").c_str(), path("finished" + name).c_str()), 0);
            EXPECT_EQ(list_folder(folder_), (Words{"finished", "job.yaml", "killed"})) << name;
        }
        EXPECT_GT(n, 200) << "too few writes were met";
        EXPECT_EQ(unlink(path("job.h5").c_str()), 0);
    }
    Result result = run({SHEAF_PYTHON, "-c",
                         "import glob, h5py\n"
                         "want = {'one/y': [i * i for i in range(6)], 'two/z': [i * i for i in range(6)],\n"
                         "        'three/v': [i * i + 55 for i in range(6)]}\n"
                         "n_done = set()\n"
                         "for name in glob.glob('killed/*') + glob.glob('finished/*'):\n"
                         "    f, n = h5py.File(name), 0\n"
                         "    for key, values in want.items():\n"
                         "        stage = f.get(key.split('/')[0])\n"
                         "        if stage is None: continue\n"
                         "        for i, s in enumerate(stage['status'][:]):\n"
                         "            assert s in (0, 1, 129), (name, key, i, s)\n"
                         "            assert s == 0 or f[key][i] == values[i], (name, key, i, f[key][i])\n"
                         "            n += s != 0\n"
                         "    if n and f['one/sheaf/reduced'][0]: assert f['one/s'][()] == 55, name\n"
                         "    if name.startswith('finished'):\n"
                         "        assert n == 18 and list(f['two/t'].asstr()) == [str(i * i) for i in range(6)], name\n"
                         "    n_done.add(n)\n"
                         "assert n_done >= {0, 6, 12, 18}, n_done\n"});
    EXPECT_EQ(result.exit, 0) << result;
}

/* The input is mapped, and not copied. */
TEST_F(CrashPoints, OfAJobFromHdf5) {
    input_ = "in.h5";
    check({"make_input", path("in.h5"), "7"});
    write_job("job.yaml", "hdf5: {file: in.h5, fields: {x: /x}}", "hostile:slow", "params: {ms: 0}\n");
    crash_everywhere(0);
    if (HasFailure())
        return;
    run_job({"job.yaml", "-o", "whole.h5"});
    check({"killed", path("killed"), path("finished"), path("whole.h5")});
}

/* Rank 0 dies while another rank computes, too: on this node, writing its rows itself, or on another, sending them. */
TEST_F(CrashPoints, OfTwoRanks) {
    std::vector<double> x;
    for (int i = 0; i < 24; i++)
        x.push_back(i + 0.5);
    write_x("in.csv", x);
    write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: 0}\nschedule: {policy: dynamic}\n");
    run_job({"job.yaml", "-o", "whole.h5"});
    const int step = slow_tests() ? 1 : 72;
    int n_crashed = 0;
    for (bool apart : {true, false})
        for (std::string how : {"before", "half", "after"}) {
            bool crashed = true;
            for (int n = 1 + 7 * n_crashed % step; crashed && !HasFailure(); n += step) {
                const std::string name = how + std::to_string(1000 + n) + (apart ? "apart.h5" : ".h5");
                SCOPED_TRACE(name);
                crashed = crash(how, n, {}, {2, 1, apart});
                n_crashed += crashed;
                if (crashed && exists(path("job.h5")))
                    copy("job.h5", "killed/" + name);
                run_job({"job.yaml", "-q"}, n % 2 ? Layout{0, 1} : Layout{2, 1, apart});
                ASSERT_EQ(rename(path("job.h5").c_str(), path("finished/" + name).c_str()), 0);
            }
        }
    EXPECT_GT(n_crashed, slow_tests() ? 200 : 5);
    check({"killed", path("killed"), path("finished"), path("whole.h5")});
}

/* The run after a crash, which takes the suspect last and alone and dies of it. */
TEST_F(CrashPoints, OfARunAfterACrash) {
    write_x("in.csv", {0, 1, 2, 3, 4, 5, 6});
    write_job("job.yaml", "csv: in.csv", "hostile:poison", "params: {ms: 0, at: 3}\n");
    run_job({"job.yaml"}, {0, 1}, 139);
    ASSERT_EQ(rename(path("job.h5").c_str(), path("first.h5").c_str()), 0);
    crash_after(139, 3);
}

/* The run that gives up what has died alone. */
TEST_F(CrashPoints, OfARunThatGivesUp) {
    write_x("in.csv", {0, 1, 2, 3, 4, 5, 6});
    write_job("job.yaml", "csv: in.csv", "hostile:poison", "params: {ms: 0, at: 3}\n");
    run_job({"job.yaml"}, {0, 1}, 139);
    run_job({"job.yaml"}, {0, 1}, 139);
    ASSERT_EQ(rename(path("job.h5").c_str(), path("first.h5").c_str()), 0);
    crash_after(1, 2);
}

TEST_F(CrashPoints, OfAJobWithFailures) {
    write_x("in.csv", {1, -1, 3, 4, /**/ 5, 13, 7, 8, /**/ 9, 10});
    write_job("job.yaml", "csv: in.csv", "hostile:fails");
    crash_everywhere(1);
    if (!HasFailure())
        check({"killed_fails", path("killed"), path("finished")});
}

/* Messages of items that are tried again are dropped, and others move up. */
TEST_F(CrashPoints, OfItemsThatAreTriedAgain) {
    write_x("in.csv", {2e6, 3e6, 4e6, 5e6, 6e6, 7e6, 8e6, 9e6});
    write_job("job.yaml", "csv: in.csv", "hostile:poke");
    run_job({"job.yaml", "-o", "first.h5"}, {0, 1}, 1);
    for (const std::string &how : hows()) {
        int n = 1;
        for (;; n++) {
            const std::string name = how + std::to_string(1000 + n) + ".h5";
            copy("first.h5", "job.h5");
            if (!crash(how, n, {"--retry-failed", "--items", "1:4"}) || HasFailure())
                break;
            copy("job.h5", "killed/" + name);
            run_job({"job.yaml", "-q"}, {0, 1}, 1);
            ASSERT_EQ(rename(path("job.h5").c_str(), path("finished/" + name).c_str()), 0);
        }
        EXPECT_GT(n, 15) << "too few writes were met";
    }
    check({"killed_retries", path("killed"), path("finished")});
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
