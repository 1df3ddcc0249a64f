/* A results file that is removed, renamed, replaced or emptied while a run writes it: what is said of it is true, and rows
   are kept as long as their file is open. */
#include "cli/program.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <numeric>

namespace {

class Replaced : public Program {
  protected:
    static constexpr int n_items = 120;

    Replaced() {
        std::vector<double> x(n_items);
        std::iota(x.begin(), x.end(), 0.5);
        write_x("in.csv", x);
        write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: 10}\n"); /* y = 2 x + 1 */
        write("other.yaml", "items: {csv: in.csv}\nexpression: {y: -x}\n");
        run_job({"other.yaml", "-o", "other.h5"});
    }

    /* Starts a run that waits at some item until something has been done; or, for a signal, takes its time. */
    Start gated(int signal = 0) const {
        Start how = start();
        unlink(path("go").c_str());
        if (!signal)
            how.env["SHEAF_TEST_GATE"] = path("go");
        return how;
    }

    /* Lets a run get under way, does something in a shell, and gives what becomes of the run. */
    Result during(const Layout &layout, const std::string &act, const Words &more = {}, int signal = 0) {
        Words words = {"run", "job.yaml"};
        words.insert(words.end(), more.begin(), more.end());
        Child child(command(words, layout), gated(signal));
        EXPECT_TRUE(wait_for_done(child, path("job.h5"), 10));
        if (signal)
            child.kill_all(SIGSTOP);
        Result acted = shell(act);
        if (signal)
            child.kill_all(SIGCONT);
        EXPECT_EQ(acted.exit, 0) << acted;
        if (signal)
            kill(child.pid(), signal);
        write("go", "");
        Result result = child.wait();
        unlink(path("go").c_str());
        EXPECT_FALSE(result.timed_out) << result;
        EXPECT_TRUE(wait_until([&] { return child.processes().empty(); }));
        return result;
    }

    static std::vector<Layout> layouts() { return {Layout{0, 2}, Layout{2, 1}, Layout{2, 1, true}}; }
};

TEST_F(Replaced, RemovedIsWrittenAgain) {
    for (const Layout &layout : layouts())
        for (std::string lock : {"", " job.h5.lock"}) {
            SCOPED_TRACE(layout.name() + lock);
            Result result = during(layout, "rm job.h5" + lock);
            EXPECT_EQ(result.exit, 0) << result;
            EXPECT_EQ(count_of(result.err, "job.h5: was removed while the run wrote it, and is written again"), 1)
                << result;
            check({"slow", path("job.h5"), "all"});
            EXPECT_EQ(list_folder(folder_), (Words{"in.csv", "job.h5", "job.yaml", "other.h5", "other.yaml"}));
            unlink(path("job.h5").c_str());
        }
}

TEST_F(Replaced, RemovedWithItsFolder) {
    write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: 10}\noutput: there/out.h5\n");
    mkdir(path("there").c_str(), 0777);
    Child child(command({"run", "job.yaml"}, {2, 1}), gated());
    EXPECT_TRUE(wait_for_done(child, path("there/out.h5"), 10));
    EXPECT_EQ(shell("rm -r there").exit, 0);
    write("go", "");
    Result result = child.wait();
    EXPECT_EQ(result.exit, 0) << result;
    check({"slow", path("there/out.h5"), "all"});
}

/* Ended early, the rows so far are there and the same command goes on. */
TEST_F(Replaced, RemovedBeforeAnEarlyEnd) {
    write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: 60}\n");
    for (int signal : {SIGUSR1, SIGTERM})
        for (const Layout &layout : layouts()) {
            SCOPED_TRACE(layout.name() + ", " + strsignal(signal));
            Result result = during(layout, "rm job.h5", {}, signal);
            if (signal == SIGUSR1 || layout.ranks == 0) {
                EXPECT_EQ(result.exit, 75) << result;
            }
            EXPECT_EQ(count_of(result.err, "is written again"), 1) << result;
            check({"slow", path("job.h5"), "some"});
            run_job({"job.yaml"}, {0, 8});
            check({"slow", path("job.h5"), "all"});
            unlink(path("job.h5").c_str());
        }
}

TEST_F(Replaced, RenamedIsFound) {
    for (const Layout &layout : layouts()) {
        SCOPED_TRACE(layout.name());
        Result result = during(layout, "mv job.h5 moved.h5");
        EXPECT_EQ(result.exit, 3) << result;
        EXPECT_EQ(count_of(result.err, "what was computed is in " + path("moved.h5")), 1) << result;
        EXPECT_EQ(count_of(result.err, "items done"), 0) << "nothing is claimed of job.h5\n" << result;
        EXPECT_FALSE(exists(path("job.h5")));
        check({"slow", path("moved.h5"), "all"});
        unlink(path("moved.h5").c_str());
    }
}

/* By another file, with `mv` or `rm` and `cp`, or by another run's whose first lock was removed with it. */
TEST_F(Replaced, ByAnotherFile) {
    for (const Layout &layout : layouts())
        for (std::string act : {"cp other.h5 o.h5; mv o.h5 job.h5", "rm job.h5; cp other.h5 job.h5",
                                "rm job.h5*; " SHEAF_PROGRAM " run other.yaml -o job.h5"}) {
            SCOPED_TRACE(layout.name() + ", " + act);
            Result result = during(layout, act);
            EXPECT_EQ(result.exit, 3) << result;
            EXPECT_EQ(count_of(result.err, "job.h5: is another file now"), 1) << result;
            EXPECT_EQ(count_of(result.err, "120 of 120 items done, "), 0) << result;
            check({"same", "x,y", path("other.h5"), path("job.h5")});
            check({"slow", path("job.h5.kept"), "all"});
            ASSERT_EQ(shell("mv job.h5.kept job.h5").exit, 0);
            run_job({"job.yaml"});
            check({"slow", path("job.h5"), "all"});
            unlink(path("job.h5").c_str());
        }
    write("job.h5.kept", "of an earlier time");
    during({0, 2}, "cp other.h5 o.h5; mv o.h5 job.h5");
    EXPECT_EQ(read("job.h5.kept"), "of an earlier time");
    check({"slow", path("job.h5.kept2"), "all"});
}

/* Its rows are gone; nobody is told of an input file, and the way on is there. */
TEST_F(Replaced, EmptiedOrWrittenOver) {
    for (const Layout &layout : layouts())
        for (std::string act : {"truncate -s 0 job.h5", ": > job.h5", "cat other.h5 > job.h5"}) {
            SCOPED_TRACE(layout.name() + ", " + act);
            Result result = during(layout, act);
            EXPECT_EQ(result.exit, 3) << result;
            EXPECT_GE(count_of(result.err, "was emptied"), 1) << result;
            EXPECT_EQ(count_of(result.err, "an input file shrank"), 0) << result;
            EXPECT_EQ(count_of(result.err, "items done"), 0) << result;
            EXPECT_GE(count_of(result.err, "remove it and run again"), 1) << result;
            ASSERT_EQ(unlink(path("job.h5").c_str()), 0);
            run_job({"job.yaml"}, {0, 8});
            check({"slow", path("job.h5"), "all"});
            unlink(path("job.h5").c_str());
        }
}

/* With texts, which are packed into what is written again, and wait in the folder where it is elsewhere. */
TEST_F(Replaced, Texts) {
    write("job.yaml", "items: {csv: in.csv}\ncommand: \"[ {item} -lt 20 ] || until [ -e $SHEAF_TEST_GATE ]; do sleep "
                      "0.1; done; echo {x}\"\n");
    for (std::string act : {"rm job.h5", "mv job.h5 moved.h5", "cp other.h5 o.h5; mv o.h5 job.h5"}) {
        SCOPED_TRACE(act);
        Result result = during({2, 2}, act);
        EXPECT_EQ(result.exit, act == "rm job.h5" ? 0 : 3) << result;
        if (act != "rm job.h5") {
            ASSERT_EQ(shell("rm -f job.h5; mv job.h5.kept job.h5 || mv moved.h5 job.h5").exit, 0);
            run_job({"job.yaml"});
        }
        Result rows = sheaf({"show", "job.h5", "--csv", "--fields", "stdout"});
        for (int i = 0; i < n_items; i++)
            EXPECT_EQ(count_of(rows.out, "\n" + std::to_string(i) + ",done,\"" + std::to_string(i) + ".5\n\"\n"), 1)
                << i;
        EXPECT_FALSE(exists(path("job.d"))) << "all are packed";
        unlink(path("job.h5").c_str());
    }
}

} // namespace
