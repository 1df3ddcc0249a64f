/* Items that end the program: computed last and alone in the second run, given up in the third; and ends that no item is
   to blame for (R4). SHEAF_TEST_SLOW=1 takes each way of dying through each layout. */
#include "cli/program.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>

namespace {

const Words every_way = {"segv", "fpe", "abort", "overflow", "exit", "kill"};

class Poison : public Program {
  protected:
    static constexpr int n_items = 48;

    Poison() {
        std::vector<double> x;
        for (int i = 0; i < n_items; i++)
            x.push_back(i);
        write_x("in.csv", x);
        write_poison(5, "segv");
    }

    /* The item `at` ends the program; -1: none does. */
    void write_poison(int at, const std::string &how, int ms = 2, int block = 1) const {
        write_job("job.yaml", "csv: in.csv", "hostile:poison",
                  "params: {at: " + std::to_string(at) + ", how: " + how + ", ms: " + std::to_string(ms) +
                      ", block: " + std::to_string(block) + "}\n");
    }

    static Words arguments(const std::string &policy, const Words &more = {}) {
        Words words = {"run", "job.yaml", "-q", "--set", "schedule.policy=" + policy};
        words.insert(words.end(), more.begin(), more.end());
        return words;
    }

    /* One run that the poison ends; the launcher reports it in its own way. */
    Result die(const Layout &layout, const Words &words) const {
        Result result = sheaf(words, layout);
        EXPECT_FALSE(result.timed_out) << result;
        EXPECT_TRUE(result.exit > 2 && result.exit != 75) << result;
        return result;
    }

    /* Two runs die, three by SIGKILL, the next gives the item up; `crashed` are then the items of its block. */
    void expect_three_runs(const std::string &how, int at, const Layout &layout, const std::string &policy,
                           const Words &crashed) {
        SCOPED_TRACE(how + " at item " + std::to_string(at) + ", " + layout.name() + ", " + policy);
        unlink(path("job.h5").c_str());
        die(layout, arguments(policy));
        check({"slow", path("job.h5"), "any"});
        Result second = die(layout, arguments(policy));
        if (how != "kill") {
            EXPECT_EQ(count_of(second.err, " in the kernel, at item " + crashed[0]), 1) << second;
            EXPECT_EQ(count_of(second.err, "second time"), 1) << second;
        }
        if (how == "kill") /* it may have come from outside: once more */
            die(layout, arguments(policy));
        Result third = sheaf(arguments(policy), layout);
        EXPECT_EQ(third.exit, 1) << third;
        expect_given_up(crashed);
        EXPECT_EQ(sheaf(arguments(policy)).exit, 1) << "it is not tried again";
        expect_given_up(crashed);
    }

    void expect_given_up(const Words &crashed) {
        Words words = {"crashed", path("job.h5")};
        words.insert(words.end(), crashed.begin(), crashed.end());
        check(words);
        Result shown = sheaf({"show", "job.h5", "--where-failed", "--csv"});
        EXPECT_EQ(count_of(shown.out, "\n"), 1 + static_cast<int>(crashed.size())) << shown;
        for (const std::string &item : crashed)
            EXPECT_EQ(count_of(shown.out, "\n" + item + ",crashed,"), 1) << shown;
        EXPECT_EQ(count_of(shown.out, "died again when it was computed alone"), static_cast<int>(crashed.size()))
            << "says why\n"
            << shown;
        EXPECT_EQ(sheaf({"status", "job.h5", "--exit-code"}).exit, 1);
    }

    /* Lets a run get some items done, kills everything that belongs to it, and looks. */
    void kill_all_of(const Layout &layout, const std::string &policy, long n_done) {
        Child child(command(arguments(policy), layout), start());
        EXPECT_TRUE(wait_for_done(child, path("job.h5"), n_done));
        child.kill_all(SIGKILL);
        child.wait();
        ASSERT_TRUE(wait_until([&] { return child.processes().empty(); }));
        check({"slow", path("job.h5"), "some"});
    }
};

TEST_F(Poison, EveryWayAlone) {
    for (const std::string &how : every_way)
        for (int at : {0, 5}) {
            write_poison(at, how);
            expect_three_runs(how, at, {0, 2}, "static", {std::to_string(at)});
        }
    write_poison(5, "segv");
    expect_three_runs("segv", 5, {0, 1}, "dynamic", {"5"});
}

/* Static: the first half of the items is rank 0's, so that each rank dies once. */
TEST_F(Poison, TwoRanks) {
    for (const std::string &how : slow_tests() ? every_way : Words{"segv", "kill"})
        for (int at : {3, 40}) {
            if (!slow_tests() && (how == "segv") != (at == 40))
                continue;
            write_poison(at, how);
            expect_three_runs(how, at, {2, 2}, "static", {std::to_string(at)});
        }
    for (const std::string &how : slow_tests() ? every_way : Words{"exit"}) {
        write_poison(20, how);
        expect_three_runs(how, 20, {2, 1}, "dynamic", {"20"});
    }
}

/* A rank on another node takes no notes itself; rank 0 notes what it was given. */
TEST_F(Poison, TwoRanksApart) {
    for (const std::string &how : slow_tests() ? every_way : Words{"kill"}) {
        write_poison(40, how);
        expect_three_runs(how, 40, {2, 2, true}, "static", {"40"});
    }
    for (const std::string &how : slow_tests() ? every_way : Words{"overflow"}) {
        write_poison(3, how);
        if (how != "kill") /* see KillOfTheFirstRankApart */
            expect_three_runs(how, 3, {2, 1, true}, "static", {"3"});
        write_poison(47, how);
        if (how != "kill")
            expect_three_runs(how, 47, {2, 2, true}, "dynamic", {"47"});
    }
}

/* With rank 0 gone nobody is left who could say that the other nodes are well: it looks like a power cut, and only the
   second time counts. So it takes a run more, but comes to an end. */
TEST_F(Poison, KillOfTheFirstRankApart) {
    write_poison(3, "kill");
    int runs = 0, exit = -1;
    while (exit != 1 && runs < 6 && !HasFailure()) {
        Result result = sheaf(arguments("static"), {2, 1, true});
        exit = result.exit;
        EXPECT_NE(exit, 0) << result;
        runs++;
    }
    EXPECT_GE(runs, 4);
    EXPECT_LE(runs, 5);
    expect_given_up({"3"});
}

/* The whole block is given up, and no other; the last one is short. */
TEST_F(Poison, Blocks) {
    write_poison(22, "segv", 1, 5);
    expect_three_runs("segv", 22, {0, 2}, "static", {"20", "21", "22", "23", "24"});
    write_poison(47, "kill", 1, 5);
    expect_three_runs("kill", 47, {0, 2}, "static", {"45", "46", "47"});
    write_poison(22, "fpe", 1, 5);
    expect_three_runs("fpe", 22, {2, 1, true}, "dynamic", {"20", "21", "22", "23", "24"});
}

/* Cheap items: threads take thousands of blocks at a time, and none of them is known to be the one. Once more blocks are
   suspect than the table holds, each run dies of the same item: not yet solved. */
TEST_F(Poison, InALargeGrain) {
    std::vector<double> x;
    for (int i = 0; i < 1500000; i++)
        x.push_back(i);
    write_x("in.csv", x);
    write_poison(1200000, "kill", 0);
    int runs = 1;
    while (sheaf(arguments("static"), {0, 2}).exit != 1 && runs < 6)
        runs++;
    EXPECT_EQ(runs, 4) << "dies, dies alone twice, is given up";
    expect_given_up({"1200000"});
}

/* Two of them: each is found, one after the other. */
TEST_F(Poison, TwoPoisonousItems) {
    std::vector<double> x;
    for (int i = 0; i < n_items; i++)
        x.push_back(i == 30 ? 5 : i);
    write_x("in.csv", x);
    for (std::string how : {"segv", "kill"}) {
        SCOPED_TRACE(how);
        unlink(path("job.h5").c_str());
        write_poison(5, how, 1);
        int runs = 1;
        for (; sheaf(arguments("static"), {0, 2}).exit != 1 && runs < 9; runs++)
            check({"slow_or_crashed", path("job.h5")});
        EXPECT_LE(runs, how == "kill" ? 7 : 5) << "each of the two dies twice, or three times, at most";
        expect_given_up({"5", "30"});
    }
}

/* What lies outside the window is not touched, and not forgotten. */
TEST_F(Poison, Windows) {
    die({0, 2}, arguments("static"));
    Result outside = sheaf(arguments("static", {"--items", "10:20"}), {0, 2});
    EXPECT_EQ(outside.exit, 0) << "the poison is not in the window\n" << outside;
    outside = sheaf(arguments("static", {"--items", "20:30"}), {2, 1});
    EXPECT_EQ(outside.exit, 0) << outside;
    check({"slow", path("job.h5"), "some"});
    die({0, 2}, arguments("static", {"--items", "0:10"}));
    Result inside = sheaf(arguments("static", {"--items", "0:10"}), {0, 2});
    EXPECT_EQ(inside.exit, 1) << inside;
    Result rest = sheaf(arguments("static"), {0, 2});
    EXPECT_EQ(rest.exit, 1) << rest;
    expect_given_up({"5"});
}

/* A power cut, or kill -9 of everything: hours of long items must not be repeated one at a time. */
TEST_F(Poison, KilledFromOutside) {
    for (Layout layout : {Layout{2, 2}, Layout{2, 2, true}})
        for (std::string policy : {"static", "dynamic"}) {
            SCOPED_TRACE(layout.name() + ", " + policy);
            unlink(path("job.h5").c_str());
            write_poison(-1, "segv", 30);
            kill_all_of(layout, policy, 6);
            kill_all_of(layout, policy, 24);
            check({"none_alone", path("job.h5")});
            Result last = sheaf(arguments(policy), layout);
            EXPECT_EQ(last.exit, 0) << last;
            check({"none_alone", path("job.h5")});
            check({"slow", path("job.h5"), "all"});
        }
}

/* One process that dies is the same as one that is killed: its items come last, but nothing is given up while others are
   there to be computed. */
TEST_F(Poison, KilledFromOutsideAlone) {
    write_poison(-1, "segv", 20);
    kill_all_of({0, 2}, "static", 6);
    kill_all_of({0, 2}, "static", 16);
    kill_all_of({0, 1}, "static", 24);
    EXPECT_EQ(sheaf(arguments("static"), {0, 4}).exit, 0);
    check({"slow", path("job.h5"), "all"});
}

/* Ends in order, also in the middle of items that take longer than anybody waits. */
TEST_F(Poison, EndsInOrderLeaveNoSuspicion) {
    std::vector<Layout> layouts = {{0, 2}, {2, 1}, {2, 1, true}};
    if (slow_tests())
        layouts.insert(layouts.end(), {{1, 1}, {3, 2}, {3, 1, true}});
    for (int signal : {SIGUSR1, SIGTERM, SIGINT})
        for (const Layout &layout : layouts)
            for (std::string policy : {"static", "dynamic"}) {
                if (!slow_tests() && (policy == "static") != (signal == SIGTERM))
                    continue;
                SCOPED_TRACE(strsignal(signal) + (", " + layout.name()) + ", " + policy);
                unlink(path("job.h5").c_str());
                write_poison(-1, "segv", signal == SIGUSR1 ? 100 : 3000);
                Child child(command(arguments(policy), layout), start());
                ASSERT_TRUE(wait_until(
                    [&] { return count_in_flight(path("job.h5")) >= std::max(1, layout.ranks) || !child.running(); }));
                kill(child.pid(), signal);
                Result result = child.wait();
                EXPECT_FALSE(result.timed_out) << result;
                EXPECT_NE(result.exit, 0) << result;
                ASSERT_TRUE(wait_until([&] { return child.processes().empty(); }));
                check({"no_suspicion", path("job.h5")});
            }
}

} // namespace
