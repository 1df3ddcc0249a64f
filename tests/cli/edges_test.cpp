/* Few items, none, some of them, again: what a run does at the edges, and how runs of one job follow each other. */
#include "cli/program.h"

#include <numeric>
#include <signal.h>

namespace {

class Edges : public Program {
  protected:
    /* A job of n items of the kernel `slow`: y = 2 x + 1. */
    void write_slow(int n, int ms = 0) const {
        std::vector<double> x(static_cast<size_t>(n));
        std::iota(x.begin(), x.end(), 0.5);
        write_x("in.csv", x);
        write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: " + std::to_string(ms) + "}\n");
    }

    /* What a run in order leaves: nothing but the results. */
    void expect_tidy(const Words &wanted) const { EXPECT_EQ(list_folder(folder_), wanted); }
};

TEST_F(Edges, MoreRanksThanItems) {
    write_slow(3);
    run_job({"job.yaml"}, {4, 2});
    check({"slow", path("job.h5"), "all"});
    check({"runs", path("job.h5"), "3"});
    expect_tidy({"in.csv", "job.h5", "job.yaml"});
}

TEST_F(Edges, OneItem) {
    write_slow(1);
    for (Layout layout : {Layout{0, 1}, Layout{0, 4}, Layout{1, 1}, Layout{3, 2}}) {
        SCOPED_TRACE(layout.name());
        Result result = run_job({"job.yaml", "--overwrite"}, layout);
        EXPECT_EQ(count_of(result.err, "1 of 1 item done"), 1) << result;
        check({"slow", path("job.h5"), "all"});
    }
}

TEST_F(Edges, NoItems) {
    write("in.csv", "x,word\n");
    write_job("header.yaml", "csv: in.csv", "hostile:uneven");
    write_job("zero.yaml", "count: 0", "square_plus");
    write_job("cost.yaml", "csv: in.csv", "hostile:slow", "schedule: {policy: weighted, cost: x}\n");
    for (std::string name : {"header", "zero", "cost"})
        for (Layout layout : {Layout{0, 1}, Layout{3, 2}}) {
            SCOPED_TRACE(name + " " + layout.name());
            run_job({name + ".yaml", "-o", name + ".h5"}, layout);
            run_job({name + ".yaml", "-o", name + ".h5"}, layout); /* and again */
            check({"empty", path(name + ".h5"), "y"});
            Result status = sheaf({"status", name + ".h5", "--exit-code"});
            EXPECT_EQ(status.exit, 0) << status;
            EXPECT_EQ(status.out, name + ".h5: 0 items, 0 done\n");
            EXPECT_EQ(sheaf({"show", name + ".h5"}).exit, 0);
            EXPECT_EQ(count_of(sheaf({"show", name + ".h5", "--csv"}).out, "\n"), 1) << "the header alone";
        }
}

TEST_F(Edges, ItemsOfAnEmptyJob) {
    write_job("zero.yaml", "count: 0", "square_plus");
    Result result = sheaf({"run", "zero.yaml", "--items", "0:10"});
    EXPECT_EQ(count_of(result.err, "-1"), 0) << "there is no item -1\n" << result;
}

/* Every length of the last block, for a kernel with an input and blocks larger than the padding. */
TEST_F(Edges, LastBlockOfAnyLength) {
    for (int n : {1, 15, 16, 17, 19, 20, 21, 23, 24, 25, 40, 41}) {
        SCOPED_TRACE(n);
        std::vector<double> x(static_cast<size_t>(n), 2.5);
        write_x("in.csv", x);
        write_job("job.yaml", "csv: in.csv", "hostile:poke"); /* blocks of 20 */
        run_job({"job.yaml", "--overwrite"}, {0, 2});
        write_job("square.yaml", "csv: in.csv", "square_plus"); /* blocks of 4096 */
        run_job({"square.yaml", "--overwrite", "-o", "square.h5"}, {0, 2});
        if (HasFailure())
            return;
    }
    check({"poke", path("job.h5")});
    run_job({"square.yaml", "--overwrite", "-o", "square.h5"}, {2, 1});
}

TEST_F(Edges, SomeItemsThenTheRest) {
    write_slow(50);
    run_job({"job.yaml", "-o", "whole.h5"}, {0, 1});
    Result first = run_job({"job.yaml", "--items", "0:10"}, {2, 1});
    EXPECT_EQ(count_of(first.err, "10 of 10 items done"), 1) << first;
    check({"items", path("job.h5"), "0", "10"});
    Result status = sheaf({"status", "job.h5", "--exit-code"});
    EXPECT_EQ(status.exit, 75) << status;
    EXPECT_EQ(status.out.find("job.h5: 50 items, 40 pending, 10 done\n"), 0u) << status;
    Result rest = run_job({"job.yaml"}, {3, 1});
    EXPECT_EQ(count_of(rest.err, "50 of 50 items done"), 1) << rest;
    EXPECT_EQ(count_of(rest.err, "10 of them"), 1) << rest;
    check({"same", "x,y", path("whole.h5"), path("job.h5")});
    check({"slow", path("job.h5"), "all"});
    check({"runs", path("job.h5"), "10", "40"});
    expect_tidy({"in.csv", "job.h5", "job.yaml", "whole.h5"});
}

/* The window cuts blocks of 7 in two; both halves must come out as if computed at once. */
TEST_F(Edges, ItemsThatCutBlocks) {
    std::vector<double> x(100);
    std::iota(x.begin(), x.end(), 0.25);
    write_x("in.csv", x);
    write_job("job.yaml", "csv: in.csv", "hostile:uneven");
    run_job({"job.yaml", "-o", "whole.h5"}, {0, 1});
    for (std::string items : {"5:9", "40:41", "95:", ":3", "8:60"})
        run_job({"job.yaml", "--items", items}, {2, 1});
    Result status = sheaf({"status", "job.h5"});
    EXPECT_EQ(status.out.find("job.h5: 100 items, 37 pending, 63 done\n"), 0u) << "5…59, 0…2 and 95…99";
    run_job({"job.yaml"}, {2, 2});
    check({"same", "x,y", path("whole.h5"), path("job.h5")});
    check({"uneven", path("job.h5")});
}

TEST_F(Edges, CompletedJobIsNotComputedAgain) {
    write_slow(20);
    run_job({"job.yaml"});
    /* Someone changes a row: a run that computed it again would put the right value back. */
    check({"spoil", path("job.h5"), "7"});
    for (Layout layout : {Layout{0, 2}, Layout{2, 1}}) {
        Result again = run_job({"job.yaml"}, layout);
        EXPECT_EQ(count_of(again.err, "20 of 20 items done"), 1) << again;
    }
    check({"spoilt", path("job.h5"), "7"});
    run_job({"job.yaml", "--overwrite"});
    check({"slow", path("job.h5"), "all"});
}

TEST_F(Edges, SettingsFromTheCommandLine) {
    write("job.yaml", "items: {count: 100}\nkernel: square_plus\n");
    run_job({"job.yaml", "--set", "params.terms=3", "-o", "three.h5"}); /* 0 + 1 + 2 */
    Result rows = sheaf({"show", "three.h5", "--csv", "--head", "3"});
    EXPECT_EQ(rows.out, "item,status,y\n0,done,3\n1,done,4\n2,done,7\n") << rows;
    run_job({"job.yaml", "-s", "items.count=5", "-s", "params={terms: 2}", "-t", "1", "-o", "five.h5"});
    rows = sheaf({"show", "five.h5", "--csv"});
    EXPECT_EQ(rows.out, "item,status,y\n0,done,1\n1,done,2\n2,done,5\n3,done,10\n4,done,17\n") << rows;
    run_job({"job.yaml", "--set", "name=renamed"});
    EXPECT_TRUE(exists(path("renamed.h5")));
    run_job({"job.yaml", "--output", "odd 'name' {x}: y.h5"});
    EXPECT_TRUE(exists(path("odd 'name' {x}: y.h5")));
    run_job({"job.yaml"});
    EXPECT_TRUE(exists(path("job.h5"))) << "a job without a name has its file's";
    run_job({"job.yaml", "--set", "output=set.h5"});
    EXPECT_TRUE(exists(path("set.h5")));
}

/* Paths in a job file start at the job file, those on the command line and the output at the current folder. */
TEST_F(Edges, PathsOfAJobElsewhere) {
    ASSERT_EQ(shell("mkdir there && cp " SHEAF_PLUGIN_DIR "/hostile.so there/own.so").exit, 0);
    write("there/in.csv", "x\n1\n2\n");
    write("here.csv", "x\n5\n");
    write("there/job.yaml", "items: {csv: in.csv}\nkernel: own.so:slow\n");
    run_job({"there/job.yaml"}, {2, 1});
    check({"slow", path("job.h5"), "all"});
    run_job({"there/job.yaml", "--set", "items={csv: here.csv}", "-o", "here.h5"});
    EXPECT_EQ(sheaf({"status", "here.h5"}).out, "here.h5: 1 item, 1 done\n");
    EXPECT_EQ(list_folder(path("there")), (Words{"in.csv", "job.yaml", "own.so"}));
}

TEST_F(Edges, Overwrite) {
    write_slow(5);
    run_job({"job.yaml"});
    write_slow(8);
    Result refused = run_job({"job.yaml", "--set", "params.ms=1"}, {}, 2);
    EXPECT_EQ(count_of(refused.err, "--overwrite"), 1) << refused;
    run_job({"job.yaml", "--overwrite"}, {2, 1});
    EXPECT_EQ(sheaf({"status", "job.h5"}).out, "job.h5: 8 items, 8 done\n");
    check({"runs", path("job.h5"), "8"});
    expect_tidy({"in.csv", "job.h5", "job.yaml"});
}

TEST_F(Edges, RefusedOverwriteKeepsTheOldResults) {
    write_slow(5);
    run_job({"job.yaml"});
    write("job.yaml", read("job.yaml") + "schedule: {policy: weighted, cost: nosuch}\n");
    run_job({"job.yaml", "--overwrite"}, {}, 2);
    EXPECT_EQ(sheaf({"status", "job.h5"}).out, "job.h5: 5 items, 5 done\n") << "a refused job destroys nothing";
}

/* Comments, the output's name, schedule and threads are not part of a job's identity; params are, and inputs tell which
   items those in the file are. */
TEST_F(Edges, WhatMakesAJobAnother) {
    write_slow(12);
    run_job({"job.yaml", "--items", "0:2"});
    write("job.yaml", "# a comment\n" + read("job.yaml") + "schedule: {policy: weighted, cost: x}\n");
    run_job({"job.yaml", "--items", "2:4", "--threads", "3"});
    EXPECT_EQ(sheaf({"status", "job.h5"}).out, "job.h5: 12 items, 8 pending, 4 done\n"
                                               "  no run is at work on it; run the job again to go on\n");
    Result other = run_job({"job.yaml", "--set", "params.ms=1"}, {}, 2);
    EXPECT_EQ(count_of(other.err, "ms"), 2) << "names what differs, on both sides\n" << other;
    EXPECT_EQ(sheaf({"status", "job.h5"}).out, "job.h5: 12 items, 8 pending, 4 done\n"
                                               "  no run is at work on it; run the job again to go on\n");
    write("in.csv", read("in.csv") + "4\n");
    other = run_job({"job.yaml"});
    EXPECT_EQ(count_of(other.err, "12 of 13 items are those of job.h5, where 4 have results; 1 is new"), 1) << other;
    EXPECT_EQ(sheaf({"status", "job.h5"}).out, "job.h5: 13 items, 13 done\n");
}

TEST_F(Edges, AnotherSeedIsAnotherJob) {
    write("job.yaml", "items: {count: 40}\nkernel: pi\nparams: {samples: 1000}\n");
    run_job({"job.yaml", "--items", "0:10"});
    Result other = run_job({"job.yaml", "--set", "seed=2"}, {}, 2);
    EXPECT_EQ(count_of(other.err, "'seed: 1'"), 1) << other;
    EXPECT_EQ(count_of(other.err, "'seed: 2'"), 1) << other;
    run_job({"job.yaml", "--set", "seed=1"});
    check({"pi", path("job.h5"), "1", "1000"});
    run_job({"job.yaml", "--set", "seed=2", "-o", "other.h5"});
    check({"pi", path("other.h5"), "2", "1000"});
    other = run_job({"job.yaml", "-o", "no.h5", "--set", "seed=-1"}, {}, 2);
    EXPECT_EQ(count_of(other.err, "seed is '-1'; it should be a whole number, 0 or more"), 1) << other;
}

TEST_F(Edges, TwoRunsAtOnce) {
    write_slow(80, 100);
    Child first(command({"run", "job.yaml"}, {2, 1}), start());
    StatusPlace place;
    ASSERT_TRUE(wait_until([&] {
        place = place.offset < 0 ? find_status(path("job.h5")) : place;
        return place.offset >= 0 && count_done(path("job.h5"), place) > 0;
    }));
    std::vector<pid_t> ranks = first.processes("sheaf");
    for (Layout layout : {Layout{0, 1}, Layout{2, 1}}) {
        Result second = run_job({"job.yaml"}, layout, 2);
        bool named = false;
        for (pid_t pid : ranks)
            named = named || second.err.find(std::to_string(pid)) != std::string::npos;
        EXPECT_TRUE(named) << "the refusal names the run that writes\n" << second;
        EXPECT_EQ(count_of(second.err, "another run is writing it"), 1) << second;
    }
    Result overwrite = run_job({"job.yaml", "--overwrite"}, {}, 2);
    EXPECT_EQ(count_of(overwrite.err, "another run is writing it"), 1) << overwrite;
    EXPECT_TRUE(first.running()) << "the test is too slow to test anything";
    Result result = first.wait();
    EXPECT_EQ(result.exit, 0) << result;
    check({"slow", path("job.h5"), "all"});
    check({"runs", path("job.h5"), "80"});
    expect_tidy({"in.csv", "job.h5", "job.yaml"});
}

TEST_F(Edges, Quiet) {
    write_slow(5);
    Result result = run_job({"job.yaml", "--quiet"}, {2, 1});
    EXPECT_EQ(result.err + result.out, "");
}

/* lines: one item a line, as text. */
TEST_F(Edges, Lines) {
    write("words.txt", "one\ntwo, three\n\n\"four\"\r\nlast");
    write("job.yaml", "items: {lines: words.txt}\nkernel: " SHEAF_PLUGIN_DIR "/hostile.so:line_in\n");
    run_job({"job.yaml"}, {2, 1});
    Result rows = sheaf({"show", "job.h5", "--csv", "--fields", "line,length"});
    EXPECT_EQ(rows.out, "item,status,line,length\n0,done,one,3\n1,done,\"two, three\",10\n2,done,,0\n"
                        "3,done,\"\"\"four\"\"\",6\n4,done,last,4\n")
        << rows;
}

} // namespace
