/* R1a: what ends a run from outside blames no item. A signal that reaches every process of a run, programs of items among
   them, as scancel and a batch limit send it; keepers and servers that are killed; a run that is suspended. Afterwards
   nothing has failed, and the same command computes what is left, each item once. */
#include "cli/program.h"

#include <signal.h>
#include <unistd.h>

namespace {

/* A kind of kernel whose items take half a second, and say when they are at work. */
struct Kind {
    std::string name, kernel;
};

const Kind kinds[] = {
    {"command", "command: [\"./item.sh\", \"{x}\"]\noutputs: {y: {column: 1}}\n"},
    {"script",
     "command: 'touch \"$SHEAF_JOB_DIR\"/begun.{x}; sleep 0.5; echo $((2 * {x} + 1))'\noutputs: {y: {column: 1}}\n"},
    {"worker", "worker: [\"" SHEAF_PYTHON "\", \"worker.py\"]\noutputs: [y]\n"},
    {"isolate", "kernel: " SHEAF_PLUGIN_DIR "/hostile.so:slow\nparams: {ms: 500}\nisolate: true\n"},
};

class Outside : public Program {
  protected:
    static constexpr int n_items = 10;

    Outside() {
        std::vector<double> x;
        for (int i = 0; i < n_items; i++)
            x.push_back(i);
        write_x("in.csv", x);
        write("item.sh", "#!/bin/sh\ntouch begun.$1\nsleep 0.5\necho $((2 * $1 + 1))\n");
        write("worker.py", "import json, sys, time\n"
                           "for line in sys.stdin:\n"
                           "    x = json.loads(line)['x']\n"
                           "    open('begun.%g' % x, 'w').close()\n"
                           "    time.sleep(0.5)\n"
                           "    print(json.dumps({'y': 2 * x + 1}), flush=True)\n");
        EXPECT_EQ(shell("chmod +x item.sh").exit, 0);
    }

    void write_kind(const Kind &kind, const std::string &more = "") const {
        write("job.yaml", "items: {csv: in.csv}\nretries: 0\n" + kind.kernel + more);
    }

    /* A run, when two of its items are done and others are at work. */
    std::unique_ptr<Child> begin(const Layout &layout) const {
        Start how = start();
        how.env["SHEAF_TEST_MARK"] = folder_;
        how.env["SHEAF_JOB_DIR"] = "";
        auto child = std::make_unique<Child>(command({"run", "job.yaml", "-q"}, layout), how);
        EXPECT_TRUE(wait_for_done(*child, path("job.h5"), 2));
        return child;
    }

    std::vector<pid_t> processes(const std::string &name = "") const {
        std::vector<pid_t> found;
        for (pid_t pid : find_marked("SHEAF_TEST_MARK=" + folder_))
            if (name.empty() || name_of_process(pid) == name)
                found.push_back(pid);
        return found;
    }

    /* Nobody is blamed, and the same command goes on to the end. */
    void expect_blameless(const Layout &layout) {
        EXPECT_TRUE(wait_until([&] { return processes().empty(); }, 20)) << "something outlives the run";
        Result before = sheaf({"status", "job.h5"});
        EXPECT_EQ(count_of(before.out, "crashed") + count_of(before.out, "failed") + count_of(before.out, "timed out"),
                  0)
            << before;
        run_job({"job.yaml", "-q"}, layout);
        Result after = sheaf({"status", "job.h5"});
        EXPECT_EQ(count_of(after.out, "10 items, 10 done"), 1) << after;
        check({"odd", path("job.h5")});
        ASSERT_EQ(unlink(path("job.h5").c_str()), 0);
    }

    static std::string describe(const Kind &kind, const Layout &layout, const std::string &what) {
        return kind.name + ", " + layout.name() + ", " + what;
    }
};

TEST_F(Outside, SignalToAll) {
    for (const Kind &kind : kinds)
        for (int signal :
             slow_tests() ? std::vector<int>{SIGTERM, SIGINT, SIGHUP, SIGUSR1} : std::vector<int>{SIGTERM, SIGUSR1})
            for (const Layout &layout : {Layout{0, 2}, Layout{2, 1}}) {
                if (!slow_tests() && (signal == SIGTERM) != (layout.ranks > 0))
                    continue;
                SCOPED_TRACE(describe(kind, layout, strsignal(signal)));
                write_kind(kind);
                auto child = begin(layout);
                for (pid_t pid : processes())
                    if (pid != child->pid() || layout.ranks == 0)
                        kill(pid, signal);
                if (layout.ranks > 0)
                    kill(child->pid(), signal); /* the launcher, too */
                child->wait();
                expect_blameless(layout);
            }
}

/* So many quick items that many are taken at a time; then each thread is at one that waits. After the signal nobody begins
   another, so the run ends though they would all wait. */
TEST_F(Outside, NothingIsBegunAfterTheSignal) {
    std::vector<double> x;
    for (int i = 0; i < 400; i++)
        x.push_back(i);
    write_x("in.csv", x);
    write("item.sh", "#!/bin/sh\n"
                     "if [ $1 -ge 300 ]; then touch begun.$1; until [ -e gate ]; do sleep 0.1; done; fi\n"
                     "echo $((2 * $1 + 1))\n");
    write("worker.py", "import json, os, sys, time\n"
                       "for line in sys.stdin:\n"
                       "    x = json.loads(line)['x']\n"
                       "    if x >= 300: open('begun.%g' % x, 'w').close()\n"
                       "    while x >= 300 and not os.path.exists('gate'): time.sleep(0.1)\n"
                       "    print(json.dumps({'y': 2 * x + 1}), flush=True)\n");
    const auto n_begun = [this] { return shell("ls begun.* 2>/dev/null | wc -l").out; };
    for (const Kind &kind : {kinds[0], kinds[2]})
        for (const Layout &layout : {Layout{0, 2}, Layout{2, 1}}) {
            SCOPED_TRACE(kind.name + ", " + layout.name());
            write_kind(kind);
            Start how = start();
            how.env["SHEAF_TEST_MARK"] = folder_;
            how.deadline_s = 120;
            Child child(command({"run", "job.yaml", "-q"}, layout), how);
            ASSERT_TRUE(wait_until([&] { return n_begun() == "2\n"; }));
            for (pid_t pid : processes())
                if (pid != child.pid() || layout.ranks == 0)
                    kill(pid, SIGUSR1);
            EXPECT_EQ(child.wait().exit, 75);
            EXPECT_EQ(n_begun(), "2\n");
            write("gate", "");
            run_job({"job.yaml", "-q"}, layout);
            Result after = sheaf({"status", "job.h5"});
            EXPECT_EQ(count_of(after.out, "400 items, 400 done"), 1) << after;
            check({"odd", path("job.h5")});
            ASSERT_EQ(shell("rm begun.* gate job.h5").exit, 0);
        }
}

/* As a node's loss does it, or a batch system after its grace time: one process after the other, programs first. */
TEST_F(Outside, KillOfAll) {
    for (const Kind &kind : kinds) {
        SCOPED_TRACE(kind.name);
        write_kind(kind);
        auto child = begin({0, 2});
        std::vector<pid_t> all = processes();
        for (auto pid = all.rbegin(); pid != all.rend(); ++pid)
            kill(*pid, SIGKILL);
        child->wait();
        expect_blameless({0, 2});
    }
}

/* Without its keepers or its server the run may end early, and blames nobody. */
TEST_F(Outside, KeepersAndServers) {
    for (const Kind &kind : kinds)
        for (const std::string name : {"sheaf-keeper", "sheaf-server"}) {
            SCOPED_TRACE(kind.name + ", " + name);
            write_kind(kind);
            auto child = begin({0, 2});
            EXPECT_GE(processes(name).size(), 1u);
            for (pid_t pid : processes(name))
                kill(pid, SIGKILL);
            Result result = child->wait();
            EXPECT_TRUE(result.exit == 75 || result.exit == 3 || result.exit == 0) << result;
            expect_blameless({0, 2});
        }
}

/* Suspended for longer than an item may take: that was not the item's time. */
TEST_F(Outside, Suspension) {
    for (const Kind &kind : kinds) {
        SCOPED_TRACE(kind.name);
        write_kind(kind, "timeout: 3s\n");
        auto child = begin({0, 2});
        const std::vector<pid_t> all = processes();
        for (pid_t pid : all)
            kill(pid, SIGSTOP);
        wait_until([] { return false; }, 5); /* what is waited for is the time itself */
        for (pid_t pid : all)
            kill(pid, SIGCONT);
        EXPECT_EQ(child->wait().exit, 0);
        expect_blameless({0, 2});
    }
}

/* A program that a signal ends by itself is to blame for it, as ever. */
TEST_F(Outside, ItsOwnSignalIsItsOwn) {
    for (const std::string signal : {"TERM", "KILL", "USR1"}) {
        write("job.yaml", "items: {csv: in.csv}\ncommand: 'if [ {x} = 4 ]; then kill -" + signal +
                              " $$; fi; echo $((2 * {x} + 1))'\noutputs: {y: {column: 1}}\n");
        run_job({"job.yaml", "-q", "--overwrite"}, {0, 2}, 1);
        check({"ended", path("job.h5"), "crashed", "killed by signal", "4"});
    }
}

} // namespace
