/* Jobs whose program or files were changed between runs: what is said, and what --accept-changes computes. */
#include "cli/program.h"

#include <sys/stat.h>

#include <algorithm>
#include <sstream>

namespace {

class Changed : public Program {
  protected:
    /* A program that notes each item it is called for, and fails those for which `fails` holds. */
    void write_script(const std::string &fails) const {
        write("s.sh", "#!/bin/sh\necho $1 >> ran\n! " + fails + "\n");
        EXPECT_EQ(chmod(path("s.sh").c_str(), 0755), 0);
    }
    void write_command(const std::string &more = "") const {
        write("job.yaml", "items: {count: 20}\ncommand: [./s.sh, \"{item}\"]\n" + more);
    }
    /* The items that ran since this was asked last, sorted. */
    std::vector<int> ran() const {
        std::istringstream lines(exists(path("ran")) ? read("ran") : "");
        std::vector<int> items;
        for (int item; lines >> item;)
            items.push_back(item);
        write("ran", "");
        std::sort(items.begin(), items.end());
        return items;
    }
    std::string status() const { return sheaf({"status", "job.h5"}).out; }
};

const std::string NOTICE = "sheaf: ./s.sh was changed since job.h5 was begun; what was done before stays as it is\n";
const std::vector<int> NONE, FAILED = {0, 10},
                             ALL = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19};

TEST_F(Changed, AMendedScriptComputesWhatFailed) {
    for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}}) {
        SCOPED_TRACE(layout.name());
        write_command();
        write_script("[ $(($1 % 10)) = 0 ]");
        run_job({"job.yaml", "--overwrite"}, layout, 1);
        EXPECT_EQ(ran(), ALL);
        write_script("false");
        Result refused = run_job({"job.yaml", "--retry-failed"}, layout, 2);
        EXPECT_EQ(count_of(refused.err, "sheaf: job.h5: holds the results of another job: './s.sh' was changed since; "
                                        "--accept-changes keeps what is done and goes on, -o chooses another place, "
                                        "--overwrite starts anew\n"),
                  1)
            << refused;
        EXPECT_EQ(ran(), NONE);
        Result other = run_job({"job.yaml", "--accept-changes", "--set", "seed=3"}, layout, 2);
        EXPECT_EQ(count_of(other.err, "it has 'seed: 1', this job has 'seed: 3'; choose"), 1) << other;
        EXPECT_EQ(count_of(other.err, "accept-changes"), 0) << "it is no remedy\n" << other;
        EXPECT_EQ(ran(), NONE);
        Result mended = run_job({"job.yaml", "--retry-failed", "--accept-changes"}, layout);
        EXPECT_EQ(count_of(mended.err, NOTICE), 1) << mended;
        EXPECT_EQ(ran(), FAILED);
        EXPECT_EQ(status(), "job.h5: 20 items, 20 done\n");
    }
    run_job({"job.yaml"}, {}, 2); /* the file keeps what it was begun with */
    Result quiet = run_job({"job.yaml", "--accept-changes", "-q"});
    EXPECT_EQ(quiet.err, "");
    write_script("[ $(($1 % 10)) = 0 ]"); /* as it was */
    Result same = run_job({"job.yaml", "--accept-changes"});
    EXPECT_EQ(count_of(same.err, "was changed"), 0) << same;
    EXPECT_EQ(ran(), NONE);
}

/* Pending items, without --retry-failed, are computed by the new script. */
TEST_F(Changed, PendingItemsGoOn) {
    write_command();
    write_script("false");
    run_job({"job.yaml", "--items", "0:15", "--accept-changes"});
    EXPECT_EQ(ran().size(), 15u);
    write_script("[ $1 = 17 ]");
    run_job({"job.yaml", "--accept-changes"}, {2, 1}, 1);
    EXPECT_EQ(ran(), (std::vector<int>{15, 16, 17, 18, 19}));
    EXPECT_EQ(status(), "job.h5: 20 items, 19 done, 1 failed\n");
}

TEST_F(Changed, WhatElseDiffersIsRefused) {
    write_command("params: {q: 1}\nstdin: '{q}'\n");
    write_script("false");
    run_job({"job.yaml"});
    EXPECT_EQ(ran(), ALL);
    write_script("true");
    const std::pair<Words, std::string> cases[] = {
        {{"--set", "params.q=2"}, "it has 'param q: '1'', this job has 'param q: '2''"},
        {{"--set", "seed=7"}, "it has 'seed: 1', this job has 'seed: 7'"},
    };
    for (const auto &[arguments, text] : cases) {
        Words words = {"job.yaml", "--accept-changes", "--retry-failed"};
        words.insert(words.end(), arguments.begin(), arguments.end());
        Result result = run_job(words, {}, 2);
        EXPECT_EQ(count_of(result.err, text + "; choose another place with -o"), 1) << result;
    }
    EXPECT_EQ(ran(), NONE);
    EXPECT_EQ(status(), "job.h5: 20 items, 20 done\n");
}

TEST_F(Changed, APluginThatWasCompiledAnew) {
    ASSERT_EQ(shell("cp " SHEAF_PLUGIN_DIR "/hostile.so own.so").exit, 0);
    write_x("in.csv", {1, 2, 3});
    write("job.yaml", "items: {csv: in.csv}\nkernel: own.so:slow\n");
    run_job({"job.yaml", "--items", "0:1"});
    ASSERT_EQ(shell("echo >> own.so").exit, 0); /* still one that can be loaded */
    Result refused = run_job({"job.yaml"}, {}, 2);
    EXPECT_EQ(count_of(refused.err, "another job: the plugin was changed since; --accept-changes keeps"), 1) << refused;
    Result result = run_job({"job.yaml", "--accept-changes"}, {2, 1});
    EXPECT_EQ(count_of(result.err, "sheaf: the plugin was changed since job.h5 was begun; "), 1) << result;
    check({"slow", path("job.h5"), "all"});
}

/* A program that is mended while a run uses it: some items are of the old one, and nobody could tell which. */
TEST_F(Changed, AProgramUnderTheRunIsTold) {
    const struct {
        std::string act;
        int said;
    } cases[] = {
        {"echo '# another' >> item.sh", 1}, {"touch item.sh", 0}, {"cp item.sh a; mv a item.sh", 0}, {"true", 0}};
    for (const auto &c : cases) {
        SCOPED_TRACE(c.act);
        write("item.sh", "[ $1 -ne 3 ] || { " + c.act + "; }\necho $1\n");
        write("job.yaml", "items: {count: 6}\ncommand: [sh, item.sh, '{item}']\noutputs: {y: {column: 1}}\n");
        Result result = run_job({"job.yaml", "-q", "--overwrite", "--threads", "1"});
        EXPECT_EQ(count_of(result.err, "changed while the run used it: "), c.said) << result;
        EXPECT_EQ(count_of(result.err, "item.sh. Items in job.h5 may be of the old one or of the new one"), c.said)
            << result;
    }
}

/* Units and long names are for people alone: the file keeps them, and that is said, until they are changed there. */
TEST_F(Changed, UnitsThatTheFileKeeps) {
    const auto job = [&](const std::string &x, const std::string &z, const std::string &y) {
        write("u.yaml", "items: {grid: {x: {linspace: [1, 2, 2]" + x + "}, z: {range: [4]" + z +
                            "}}}\ncommand: 'echo {x}{z}'\noutputs: {y: {column: 1" + y + "}}\n");
    };
    const std::string end = "in the file, or --overwrite starts anew\n";
    const std::string
        x = "the unit of 'x' stays 'kg', though the job says 'g' now; h5py can change the attribute 'units' ",
        z = "the long name of 'z' stays none, though the job says 'charge' now; h5py can change the "
            "attribute 'long_name' ",
        y = "the unit of 'y' stays 'm', though the job says none now; h5py can change the attribute 'units' ";
    job(", unit: kg", "", ", unit: m");
    run_job({"u.yaml", "--items", "0:3"}, {0, 1});
    EXPECT_EQ(run_job({"u.yaml", "--items", "3"}, {0, 1}).err.find("stays"), std::string::npos);
    job(", unit: g", ", long_name: charge", "");
    Result look = sheaf({"check", "u.yaml"}), again = run_job({"u.yaml", "--items", "4"}, {2, 1});
    for (const std::string &said : {x, z, y}) {
        EXPECT_EQ(count_of(look.out, "\n  " + said + end), 1) << look;
        EXPECT_EQ(count_of(again.err, "sheaf: u.h5: " + said + end), 1) << again;
    }
    EXPECT_EQ(run_job({"u.yaml", "-q"}, {0, 1}).err, "");
    Result mended =
        run({SHEAF_PYTHON, "-c",
             "import h5py; f = h5py.File('u.h5', 'r+')\n"
             "assert f['x'].attrs['units'] == 'kg' and f['y'].attrs['units'] == 'm'\n"
             "f['x'].attrs['units'] = 'g'; f['z'].attrs['long_name'] = 'charge'; del f['y'].attrs['units']"});
    EXPECT_EQ(mended.exit, 0) << mended;
    Result last = run_job({"u.yaml", "--recompute", "--items", "7"}, {0, 1});
    EXPECT_EQ(last.err.find("stays"), std::string::npos) << last;
    EXPECT_EQ(sheaf({"verify", "u.h5"}).exit, 0);
    EXPECT_EQ(
        sheaf({"show", "u.h5", "--csv", "--fields", "y"}).out,
        "item,status,y\n0,done,10\n1,done,11\n2,done,12\n3,done,13\n4,done,20\n5,done,21\n6,done,22\n7,done,23\n");
}

} // namespace
