/* The same job over other items: what was computed stays, the rest is computed, and nothing is thrown away. The programs
   write a line for each call; h5py tells what is in the files. */
#include "cli/program.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <sstream>

namespace {

class Growing : public Program {
  protected:
    /* A command that says x² and notes that it was called. */
    void write_command(const std::string &items, const std::string &more = "") const {
        write("job.yaml", "items: " + items +
                              "\ncommand: 'echo {x} >> ran; awk -v x={x} \"BEGIN { print x * x }\"'\n"
                              "outputs: {y: {column: 1}}\n" +
                              more);
    }
    void python(const std::string &lines) const {
        Result result = run({SHEAF_PYTHON, "-c",
                             "import h5py, numpy as np, os\n"
                             "f = h5py.File('job.h5'); y = f['y'][:]; status = f['status'][:]\n" +
                                 lines});
        EXPECT_EQ(result.exit, 0) << result;
    }
    void write_table(const std::vector<std::string> &rows) const {
        std::string text = "x\n";
        for (const std::string &row : rows)
            text += row + "\n";
        write("in.csv", text);
    }
    void whole(const std::string &name = "job.h5") const {
        Result result = sheaf({"verify", name});
        EXPECT_EQ(result.exit, 0) << result;
    }
    static int said(const Result &result, const std::string &text) { return count_of(result.err, "sheaf: " + text); }
};

TEST_F(Growing, RowsAppendedToATable) {
    for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}, Layout{3, 1, true}}) {
        SCOPED_TRACE(layout.name());
        write_command("{csv: in.csv}");
        write_table({"1.50", "2", "3"});
        run_job({"job.yaml", "--overwrite"}, layout);
        EXPECT_EQ(ran(), "1.50 2 3 ");
        write_table({"1.50", "2", "3", "4", "5"});
        Result look = sheaf({"check", "job.yaml"});
        EXPECT_EQ(count_of(look.out, "  3 of 5 items are those of job.h5; 2 are new\n"), 1) << look;
        EXPECT_EQ(count_of(look.out, "2 items were appended behind the 3 of before\n  2 pending, 3 done\n"), 1) << look;
        EXPECT_EQ(count_of(look.out, "a run would compute 2 items\n"), 1) << look;
        Result grown = run_job({"job.yaml"}, layout);
        EXPECT_EQ(said(grown, "3 of 5 items are those of job.h5; 2 are new\n"), 1) << grown;
        EXPECT_EQ(count_of(grown.err, "5 of 5 items done; 3 of them were there before this run"), 1) << grown;
        EXPECT_EQ(ran(), "4 5 ");
        python("assert (status == 1).all() and (y == f['x'][:] ** 2).all() and len(y) == 5\n"
               "assert [t.decode() for t in f['stdout'][:]] == ['2.25\\n', '4\\n', '9\\n', '16\\n', '25\\n']\n"
               "assert (f['attempts'][:] == 1).all() and (f['seconds'][:] > 0).all() if 'attempts' in f else True\n");
        whole();
        EXPECT_EQ(list_folder(folder_), (Words{"in.csv", "job.h5", "job.yaml"})) << "nothing was lost, or is left over";
        EXPECT_EQ(count_of(run_job({"job.yaml"}, layout).err, "nothing to do"), 1);
    }
}

/* More items than are compared at a time: some in their places, others in the opposite order. */
TEST_F(Growing, OfMoreItemsThanFitInAWindow) {
    ASSERT_EQ(shell("(echo x; seq 1 200000) > in.csv").exit, 0);
    write("job.yaml", "items: {csv: in.csv}\nexpression: {y: x * 2}\n");
    run_job({"job.yaml"}, {2, 1});
    ASSERT_EQ(shell("(echo x; seq 1 70000; echo -5; seq 200000 -1 70001) > in.csv").exit, 0);
    Result grown = run_job({"job.yaml"}, {0, 2});
    EXPECT_EQ(count_of(grown.err, "200,000 of 200,001 items are those of job.h5; 1 is new\n"), 1) << grown;
    EXPECT_EQ(count_of(grown.err, "200,000 of them were there before this run"), 1) << grown;
    python(
        "x = np.loadtxt('in.csv', skiprows=1); assert (y == 2 * x).all() and (status == 1).all() and len(y) == 200001\n"
        "assert not os.path.exists('job.before.h5')\n");
    EXPECT_EQ(sheaf({"verify", "job.h5"}).exit, 0);
}

/* What somebody has put into the results file is not thrown away either. */
TEST_F(Growing, WhatElseWasInTheFileIsKept) {
    write("in.csv", "x\n1\n2\n");
    write("job.yaml", "items: {csv: in.csv}\nexpression: {y: x * 2}\n");
    run_job({"job.yaml"}, {0, 1});
    Result put = run({SHEAF_PYTHON, "-c", "import h5py; h5py.File('job.h5', 'r+')['mine'] = [7, 8]"});
    ASSERT_EQ(put.exit, 0) << put;
    write("in.csv", "x\n1\n2\n3\n");
    run_job({"job.yaml"}, {0, 1});
    write("in.csv", "x\n1\n2\n3\n4\n");
    run_job({"job.yaml"}, {0, 1});
    Result kept = run({SHEAF_PYTHON, "-c",
                       "import h5py; assert list(h5py.File('job.before.h5')['mine']) == [7, 8]\n"
                       "assert list(h5py.File('job.h5')['y']) == [2, 4, 6, 8]"});
    EXPECT_EQ(kept.exit, 0) << kept;
    EXPECT_FALSE(exists(path("job.before2.h5")));
}

/* A file that was not finished, with an item that failed: that one stays so, with its message. */
TEST_F(Growing, WhatIsPendingAndWhatFailed) {
    write("job.yaml", "items: {csv: in.csv}\ncommand: 'echo {x} >> ran; test {x} != 2 && echo {x}'\n"
                      "outputs: {y: {column: 1}}\n");
    write_table({"1", "2", "3", "4"});
    run_job({"job.yaml", "--items", "0:3"}, {}, 1);
    EXPECT_EQ(ran(), "1 2 3 ");
    write_table({"1", "2", "3", "4", "5"});
    Result grown = run_job({"job.yaml"}, {2, 1}, 1);
    EXPECT_EQ(said(grown, "4 of 5 items are those of job.h5, where 3 have results; 1 is new\n"), 1) << grown;
    EXPECT_EQ(ran(), "4 5 ");
    EXPECT_EQ(count_of(sheaf({"show", "job.h5", "--where-failed"}).out, "exit code 1"), 1);
    python("assert (status == [1, 2, 1, 1, 1]).all()\n");
    run_job({"job.yaml", "--retry-failed"}, {}, 1);
    EXPECT_EQ(ran(), "2 ");
}

/* What is not asked for any more stays beside, with its texts, and never in the place of an older one. */
TEST_F(Growing, NothingIsThrownAway) {
    write_command("{csv: in.csv}");
    write_table({"1", "2", "3"});
    run_job({"job.yaml", "--items", "0:2"});
    write_table({"1", "7", "3"});
    Result grown = run_job({"job.yaml"});
    EXPECT_EQ(said(grown, "2 of 3 items are those of job.h5, where 1 has results; 1 is new; of 1 that is not among "
                          "them the results are kept in job.before.h5\n"),
              1)
        << grown;
    EXPECT_EQ(ran(), "1 2 3 7 ");
    python("assert (status == 1).all() and (y == [1, 49, 9]).all()\n"
           "b = h5py.File('job.before.h5')\n"
           "assert (b['status'][:] == [1, 1, 0]).all() and (b['y'][:2] == [1, 4]).all()\n"
           "assert b['stdout'][1].decode() == '4\\n'\n");
    write_table({"1", "3"});
    run_job({"job.yaml"});
    EXPECT_EQ(ran(), "3 ") << "a command may look at the index";
    python("assert (y == [1, 9]).all() and (h5py.File('job.before2.h5')['y'][:] == [1, 49, 9]).all()\n");
    whole("job.before.h5");
    whole("job.before2.h5");
    whole();
    EXPECT_EQ(list_folder(folder_), (Words{"in.csv", "job.before.h5", "job.before2.h5", "job.h5", "job.yaml"}));
}

/* With nothing in common it is another job; so it is with another kernel, whatever the items are. */
TEST_F(Growing, WhatIsAnotherJob) {
    write_command("{csv: in.csv}");
    write_table({"1", "2"});
    run_job({"job.yaml"});
    EXPECT_EQ(ran(), "1 2 ");
    const std::string before = read("job.h5");
    write_table({"8", "9", "10"});
    Result other = run_job({"job.yaml"}, {2, 1}, 2);
    EXPECT_EQ(count_of(other.err, "holds the results of another job"), 1) << other;
    write_table({"1", "2", "3"});
    Result kernel = run_job({"job.yaml", "--set", "seed=2"}, {}, 2);
    EXPECT_EQ(count_of(kernel.err, "holds the results of another job"), 1) << kernel;
    EXPECT_EQ(ran(), "");
    EXPECT_TRUE(read("job.h5") == before);
    EXPECT_EQ(list_folder(folder_), (Words{"in.csv", "job.h5", "job.yaml"}));
    run_job({"job.yaml", "--overwrite"});
    EXPECT_EQ(ran(), "1 2 3 ") << "all of it, when that is asked for";
}

/* Values of formulas are found wherever they are: an inner axis with more values, rows inserted, moved, taken out. */
TEST_F(Growing, PureKernelsFindRowsByTheirContent) {
    write("job.yaml", "items: {grid: {a: [1, 2, 3], b: [10, 20]}}\nexpression: {y: a * b}\n");
    run_job({"job.yaml"});
    write("job.yaml", "items: {grid: {a: [1, 2, 3, 4], b: [10, 15, 20]}}\nexpression: {y: a * b}\n");
    Result grown = run_job({"job.yaml"}, {2, 1});
    EXPECT_EQ(said(grown, "6 of 12 items are those of job.h5; 6 are new\n"), 1) << grown;
    python("assert (y == np.outer([1, 2, 3, 4], [10, 15, 20])).all() and (status == 1).all()\n");
    whole();
    EXPECT_FALSE(exists(path("job.before.h5")));
}

/* An item that is pending where it was, and done elsewhere, is one item. */
TEST_F(Growing, AnItemIsCountedOnce) {
    write("job.yaml", "items: {csv: in.csv}\nexpression: {y: x * 2}\n");
    write_table({"1", "2", "1"});
    run_job({"job.yaml", "--items", "2"});
    write_table({"1", "3"});
    Result grown = run_job({"job.yaml"});
    EXPECT_EQ(said(grown, "1 of 2 items are those of job.h5; 1 is new\n"), 1) << grown;
    python("assert (y == [2, 6]).all() and (status == 1).all()\n");
}

/* A condition that leaves out more: those are not said to be computed. */
TEST_F(Growing, AStricterCondition) {
    const auto write_where = [&](const std::string &where) {
        write("job.yaml", "items: {csv: in.csv, where: '" + where + "'}\nexpression: {y: x * 2}\n");
    };
    write_table({"1", "2", "3", "4"});
    write_where("x > 1");
    run_job({"job.yaml"});
    write_where("x > 2");
    Result look = sheaf({"check", "job.yaml"});
    EXPECT_EQ(count_of(look.out, "  2 done, 2 skipped\na run would compute 0 items\n"), 1) << look;
    EXPECT_EQ(count_of(look.out, "  results of 1 that is not among them would be kept beside\n"), 1) << look;
    run_job({"job.yaml"});
    python("assert (status == [5, 5, 1, 1]).all() and (y[2:] == [6, 8]).all()\n"
           "assert (h5py.File('job.before.h5')['y'][1:] == [4, 6, 8]).all()\n");
}

TEST_F(Growing, ADoubledSample) {
    write("job.yaml", "items: {sample: {count: 512, method: sobol, fields: {a: {uniform: [0, 1]}}}}\n"
                      "expression: {y: a ^ 2}\n");
    run_job({"job.yaml"});
    Result grown = run_job({"job.yaml", "--set", "items.sample.count=1024"});
    EXPECT_EQ(said(grown, "512 of 1,024 items are those of job.h5; 512 are new\n"), 1) << grown;
    python("assert np.allclose(y, f['a'][:] ** 2, rtol=1e-15) and len(y) == 1024 and (status == 1).all()\n");
}

TEST_F(Growing, ALongerDataset) {
    write("job.yaml", "items: {hdf5: {file: in.h5, fields: {x: x, n: n}}}\nexpression: {y: x + n}\n");
    const auto make = [&](int n) {
        EXPECT_EQ(run({SHEAF_PYTHON, "-c",
                       "import h5py, numpy as np; f = h5py.File('in.h5', 'w'); i = np.arange(" + std::to_string(n) +
                           ")\nf['x'] = i / 3; f['n'] = (i * i).astype('i4')"})
                      .exit,
                  0);
    };
    make(5000);
    run_job({"job.yaml"});
    make(6000);
    Result grown = run_job({"job.yaml"}, {2, 1});
    EXPECT_EQ(said(grown, "5,000 of 6,000 items are those of job.h5; 1,000 are new\n"), 1) << grown;
    python("i = np.arange(6000); assert (y == i / 3 + i * i).all() and (status == 1).all()\n");
}

/* One mended file of many. */
TEST_F(Growing, AMendedFile) {
    shell("mkdir data; for i in $(seq 30); do echo $i > data/$i.txt; done");
    write("job.yaml", "items: {files: 'data/*.txt'}\ncommand: 'cat {file} >> ran; cat {file}'\n"
                      "outputs: {y: {column: 1}}\n");
    run_job({"job.yaml"});
    EXPECT_EQ(count_of(ran(), " "), 30);
    write("data/17.txt", "170\n");
    Result grown = run_job({"job.yaml"});
    EXPECT_EQ(said(grown, "29 of 30 items are those of job.h5; 1 is new"), 1) << grown;
    EXPECT_EQ(ran(), "170 ");
    python("assert sorted(y) == sorted([i for i in range(1, 31) if i != 17] + [170])\n");
}

/* Kernels that draw random numbers, or use the index: a row holds at its own index alone. */
TEST_F(Growing, TheIndexCounts) {
    write("job.yaml", "items: {csv: in.csv}\nexpression: {y: x + item}\n");
    write_table({"1", "2", "3"});
    run_job({"job.yaml"});
    write_table({"1", "3", "2", "9"});
    Result grown = run_job({"job.yaml"});
    EXPECT_EQ(said(grown, "1 of 4 items are those of job.h5; 3 are new; of 2 that are not among them the results are "
                          "kept in job.before.h5\n"),
              1)
        << grown;
    python("assert (y == [1, 4, 4, 12]).all()\n");
}

/* Bytes that were changed are not taken over as if they were right. */
TEST_F(Growing, DamagedRowsAreComputedAgain) {
    write_command("{csv: in.csv}");
    write_table({"1", "2", "3"});
    run_job({"job.yaml"});
    EXPECT_EQ(ran(), "1 2 3 ");
    EXPECT_EQ(run({SHEAF_PYTHON, "-c", "import h5py; h5py.File('job.h5', 'r+')['y'][1] = 5"}).exit, 0);
    write_table({"1", "2", "3", "4"});
    run_job({"job.yaml"});
    python("assert (y == [1, 4, 9, 16]).all()\n");
    whole();
}

/* Tables edited at random: always what computing anew gives. */
TEST_F(Growing, EditedAtRandom) {
    std::mt19937 random(slow_tests() ? std::random_device{}() : 12u);
    const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
    write("job.yaml", "items: {csv: in.csv}\nexpression: {y: x * 3 + 1}\n");
    std::vector<std::string> rows;
    for (int i = 0; i < 300; i++)
        rows.push_back(std::to_string(below(1000)));
    const int rounds = slow_tests() ? 200 : 12;
    for (int round = 0; round < rounds; round++) {
        for (size_t k = below(6); k > 0; k--)
            switch (below(5)) {
            case 0:
                rows.push_back(std::to_string(below(1000)) + ".5");
                break;
            case 1:
                rows.insert(rows.begin() + static_cast<long>(below(rows.size())), std::to_string(below(1000)));
                break;
            case 2:
                rows.erase(rows.begin() + static_cast<long>(below(rows.size() / 2)), rows.end() - 150);
                break;
            case 3:
                rows[below(rows.size())] = "-0.25";
                break;
            default:
                std::shuffle(rows.begin() + static_cast<long>(below(rows.size())), rows.end(), random);
            }
        while (rows.size() < 300)
            rows.push_back(std::to_string(below(5000)));
        write_table(rows);
        run_job({"job.yaml", "-q"}, round % 3 == 2 ? Layout{2, 1} : Layout{0, 2});
        run_job({"job.yaml", "-q", "-o", "anew.h5", "--overwrite"});
        python("g = h5py.File('anew.h5')\n"
               "assert (f['x'][:] == g['x'][:]).all() and (y == g['y'][:]).all() and (status == 1).all()\n"
               "assert (f['x'][:] * 3 + 1 == y).all()\n");
        whole();
    }
}

/* Killed at any moment of it: the old file, or the new one, and the next run has all rows right. */
TEST_F(Growing, KilledAtAnyMoment) {
    std::mt19937 random(std::random_device{}());
    write_command("{csv: in.csv}");
    std::vector<std::string> few, many;
    for (int i = 0; i < 200; i++)
        (i < 150 ? few : many).push_back(std::to_string(i));
    many.insert(many.begin(), few.begin(), few.end());
    many[3] = "1000";
    write_table(few);
    run_job({"job.yaml", "-q"});
    ASSERT_EQ(count_of(ran(), " "), 150);
    shell("cp job.h5 old.h5");
    write_table(many);
    for (int round = 0; round < (slow_tests() ? 300 : 8); round++) {
        shell("cp old.h5 job.h5; rm -rf job.d job.before*.h5");
        {
            Child child(command({"run", "job.yaml", "-q"}, round % 2 ? Layout{2, 1} : Layout{}), start());
            usleep(static_cast<useconds_t>(random() % 150000));
            child.kill_all(SIGKILL);
            child.wait();
        }
        python("n = len(y); assert n in (150, 200)\n"
               "x = np.array([i if i != 3 or n == 150 else 1000 for i in range(n)])\n"
               "assert ((y == x * x) | (status & 127 != 1)).all() and (f['x'][:] == x).all()\n"
               "done = (status & 127 == 1).sum(); assert done >= 149, done\n");
        run_job({"job.yaml", "-q"});
        python("x = np.arange(200); x[3] = 1000; assert (y == x * x).all() and (status == 1).all()\n"
               "assert [int(t) for t in f['stdout'][:]] == list(x * x)\n"
               "assert (h5py.File('job.before.h5')['y'][:] == np.arange(150) ** 2).all()\n");
        whole();
        EXPECT_EQ(list_folder(folder_), (Words{"in.csv", "job.before.h5", "job.h5", "job.yaml", "old.h5", "ran"}));
    }
}

} // namespace
