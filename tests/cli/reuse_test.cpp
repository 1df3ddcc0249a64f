/* Rows of other results files that a job names: taken over where kernel and inputs are the same, never computed again. The
   program writes a line for each call. */
#include "cli/program.h"

#include <unistd.h>

namespace {

class Reuse : public Program {
  protected:
    void SetUp() override {
        write_job("a", {"1.0", "2", "3", "4"});
        run_job({"a.yaml"}, {}, 1);
        EXPECT_EQ(ran(), "1.0 2 3 4 ");
    }
    /* A command that says x², fails for 3, and notes that it was called. */
    void write_job(const std::string &name, const Words &rows, const std::string &more = "") const {
        std::string text = "x\n";
        for (const std::string &row : rows)
            text += row + "\n";
        write(name + ".csv", text);
        write(name + ".yaml", "items: {csv: " + name +
                                  ".csv}\ncommand: 'echo {x} >> ran; test {x} != 3 && awk -v x={x} \"BEGIN { print "
                                  "x * x }\"'\noutputs: {y: {column: 1}}\n" +
                                  more);
    }
    void python(const std::string &lines) const {
        Result result = run({SHEAF_PYTHON, "-c", "import h5py, numpy as np\nf = h5py.File('b.h5')\n" + lines});
        EXPECT_EQ(result.exit, 0) << result;
    }
};

/* Those that failed never; a text that is written otherwise is another input; the earlier file keeps every byte. */
TEST_F(Reuse, RowsThatAreTheSame) {
    const std::string before = read("a.h5");
    for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}}) {
        SCOPED_TRACE(layout.name());
        write_job("b", {"1", "2", "3", "4", "5"}, "reuse: a.h5\n");
        Result look = sheaf({"check", "b.yaml", "--overwrite"});
        EXPECT_EQ(count_of(look.out, "reuse: 2 of 5 items are taken over from a.h5"), 1) << look;
        EXPECT_EQ(count_of(look.out, "a run would compute 3 items"), 1) << look;
        Result result = run_job({"b.yaml", "--overwrite"}, layout, 1);
        EXPECT_EQ(count_of(result.err, "sheaf: reuse: 2 of 5 items are taken over from a.h5\n"), 1) << result;
        EXPECT_EQ(ran(), "1 3 5 ");
        python("assert (f['origin'][:] == [0, 1, 0, 1, 0]).all() and (f['status'][:] == [1, 1, 2, 1, 1]).all()\n"
               "assert (f['y'][:][[0, 1, 3, 4]] == [1, 4, 16, 25]).all()\n"
               "assert f['stdout'][3].decode() == '16\\n'\n"
               "assert f['origin'].attrs['flag_meanings'] == 'computed_here a.h5'\n"
               "assert list(f['origin'].attrs['flag_values']) == [0, 1]\n");
        EXPECT_EQ(sheaf({"verify", "b.h5"}).exit, 0);
    }
    EXPECT_TRUE(read("a.h5") == before);
}

/* A job that is under way gets the rows of a file that it names later, and keeps where all of them are from. */
TEST_F(Reuse, FilesThatAreNamedLater) {
    write_job("c", {"9", "8", "7", "5"});
    run_job({"c.yaml"});
    write_job("b", {"1.0", "2", "3", "5"});
    run_job({"b.yaml", "--items", "2"}, {}, 1);
    ran();
    write_job("b", {"1.0", "2", "3", "5"}, "reuse: [a.h5]\n");
    run_job({"b.yaml", "--items", "2"}, {}, 1);
    EXPECT_EQ(ran(), "");
    python("assert (f['origin'][:] == [1, 1, 0, 0]).all() and (f['status'][:] == [1, 1, 2, 0]).all()\n");
    write_job("b", {"1.0", "2", "3", "5", "6"}, "reuse: [c.h5]\n");
    run_job({"b.yaml"}, {2, 1}, 1);
    EXPECT_EQ(ran(), "6 ");
    python("assert (f['origin'][:] == [1, 1, 0, 2, 0]).all()\n"
           "assert f['origin'].attrs['flag_meanings'] == 'computed_here a.h5 c.h5'\n");
}

/* Pure kernels: wherever the rows are; of several files the first that has one counts. */
TEST_F(Reuse, AnywhereOfPureKernels) {
    write("1.yaml", "items: {grid: {x: {range: [0, 1000]}}}\nexpression: {y: x * 2}\n");
    write("2.yaml", "items: {grid: {x: {range: [2000, 500, -1]}}}\nexpression: {y: x * 2}\n");
    write("b.yaml", "items: {grid: {x: {range: [1, 3000]}}}\nexpression: {y: 2 * x}\nreuse: [1.h5, 2.h5]\n");
    run_job({"1.yaml"});
    run_job({"2.yaml"});
    Result other = run_job({"b.yaml"});
    EXPECT_EQ(count_of(other.err, "reuse: nothing is taken over from 1.h5: it has 'formula y: (x * 2)', this job has "
                                  "'formula y: (2 * x)'"),
              1)
        << other;
    run_job({"b.yaml", "--overwrite", "--set", "expression.y=x * 2"}, {2, 1});
    python("x = np.arange(1, 3000)\n"
           "assert (f['y'][:] == 2 * x).all() and (f['status'][:] == 1).all()\n"
           "assert (f['origin'][:] == np.where(x < 1000, 1, np.where(x <= 2000, 2, 0))).all()\n");
    EXPECT_EQ(sheaf({"verify", "b.h5"}).exit, 0);
}

TEST_F(Reuse, WhatCannotBe) {
    write("none.h5", "no results\n");
    const std::pair<std::string, std::string> cases[] = {
        {"reuse: lost.h5\n", "b.yaml:4:8: lost.h5: cannot open"},
        {"reuse: [none.h5]\n", "b.yaml:4:9: reuse: none.h5 is not a results file of Sheaf"},
        {"reuse: {a: b}\n", "reuse"},
    };
    for (const auto &[line, text] : cases) {
        write_job("b", {"1"}, line);
        Result result = run_job({"b.yaml"}, {2, 1}, 2);
        EXPECT_EQ(count_of(result.err, text) > 0, true) << text << result;
        EXPECT_FALSE(exists(path("b.h5")));
    }
    write_job("a", {"1.0"}, "reuse: a.h5\n");
    const std::string before = read("a.h5");
    Result own = run_job({"a.yaml", "--overwrite"}, {}, 2);
    EXPECT_EQ(count_of(own.err, "a.h5 is the results file of this run itself"), 1) << own;
    EXPECT_TRUE(read("a.h5") == before);
}

} // namespace
