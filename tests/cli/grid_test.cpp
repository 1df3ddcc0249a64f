/* Items that the job file lists: a grid, fields side by side, rows. Whoever computes an item works its inputs out; the results
   are those of a table of the same items, which Python makes. */
#include "cli/program.h"

namespace {

class Grids : public Program {
  protected:
    Grids() {
        write("table.py", "import csv, itertools\n"
                          "with open('table.csv', 'w', newline='') as f:\n"
                          "    w = csv.writer(f)\n"
                          "    w.writerow(['mass', 'charge', 'site', 'lat', 'repeat'])\n"
                          "    for m, c, (s, l), r in itertools.product([1, 2.5, 4], range(-40, 45, 5),\n"
                          "                                            [('a', 0.1), ('b c', -7)], range(5)):\n"
                          "        w.writerow([m, c, s, l, r])\n");
        EXPECT_EQ(run({SHEAF_PYTHON, "table.py"}).exit, 0);
    }

    static constexpr const char *grid =
        "items: {grid: {mass: {linspace: [1, 4, 3], unit: kg}, charge: {range: [-40, 45, 5]}, "
        "place: {zip: {site: [a, \"b c\"], lat: [0.1, -7]}}}, repeat: 5}\n";
    static constexpr const char *table = "items: {csv: table.csv}\n";

    /* The fields of both are equal, byte for byte, for all layouts. */
    void compare(const std::string &kernel, const std::string &fields) const {
        write("table.yaml", table + kernel);
        write("grid.yaml", grid + kernel);
        run_job({"table.yaml", "-o", "table.h5"}, {0, 2});
        write("same.py", "import h5py, sys\n"
                         "a, b = h5py.File('table.h5'), h5py.File('grid.h5')\n"
                         "for name in sys.argv[1].split(',') + ['status', 'mass', 'charge', 'lat', 'site', 'repeat']:\n"
                         "    x, y = a[name][:], b[name][:]\n"
                         "    assert len(x) == 510 and (x == y).all(), name\n"
                         "    assert x.dtype == y.dtype, (name, x.dtype, y.dtype)\n"
                         "assert b['mass'].attrs['units'] == 'kg'\n");
        for (const Layout &layout : {Layout{0, 1}, Layout{0, 3}, Layout{2, 1}, Layout{4, 2}, Layout{3, 1, true}}) {
            SCOPED_TRACE(layout.name());
            run_job({"grid.yaml", "--overwrite"}, layout);
            Result same = run({SHEAF_PYTHON, "same.py", fields});
            EXPECT_EQ(same.exit, 0) << same;
        }
    }
};

TEST_F(Grids, Expression) {
    compare("expression: {y: mass * charge + lat, z: exp(-mass) * repeat}\n", "y,z");
}

TEST_F(Grids, Command) {
    compare("command: [printf, \"%s\", \"{mass}|{charge}|{site}|{lat}|{repeat}|{item}\"]\n", "stdout");
}

TEST_F(Grids, Worker) {
    compare("worker: 'while read -r line; do echo \"{\\\"n\\\": ${#line}}\"; done'\noutputs: {n: {type: int64}}\n",
            "n");
}

/* Blocks of one item, texts among the inputs, and a process of its own. */
TEST_F(Grids, PluginAndIsolation) {
    write("x.yaml", "items: {grid: {x: {linspace: [-1, 1, 25]}, cost: [1, 2]}}\nkernel: square_plus\n");
    write("i.yaml", "items: {grid: {x: {linspace: [-1, 1, 25]}, cost: [1, 2]}}\nkernel: square_plus\nisolate: true\n");
    run_job({"x.yaml"}, {0, 1});
    run_job({"i.yaml"}, {2, 1});
    Result same =
        run({SHEAF_PYTHON, "-c",
             "import h5py, numpy as np; x = np.repeat(np.linspace(-1, 1, 25), 2); "
             "y, i = (h5py.File(f)['y'][:] for f in ('x.h5', 'i.h5')); "
             "assert (y == i).all() and len(set(y - x * x)) == 1 or abs(y - x * x - (y - x * x)[0]).max() < 1e-15"});
    EXPECT_EQ(same.exit, 0) << same;
}

/* Interrupted, gone on with, changed, weighted; some items only. */
TEST_F(Grids, GoOn) {
    write("grid.yaml",
          std::string(grid) + "expression: {y: mass * charge}\nschedule: {policy: weighted, cost: mass}\n");
    run_job({"grid.yaml", "--items", "17:333"}, {2, 1});
    EXPECT_EQ(sheaf({"status", "grid.h5"}).out,
              "grid.h5: 510 items, 194 pending, 316 done\n  no run is at work on it; run the job again to go on\n");
    run_job({"grid.yaml"}, {3, 1});
    EXPECT_EQ(sheaf({"status", "grid.h5"}).out, "grid.h5: 510 items, 510 done\n");
    EXPECT_EQ(sheaf({"verify", "grid.h5"}).exit, 0);
    std::string changed = read("grid.yaml");
    changed.replace(changed.find("[1, 4, 3]"), 9, "[1, 5, 3]");
    write("grid.yaml", changed);
    Result refused = sheaf({"run", "grid.yaml"});
    EXPECT_EQ(refused.exit, 2);
    EXPECT_EQ(count_of(refused.err, "another job"), 1) << refused;
    EXPECT_EQ(count_of(refused.err, "item 170 has mass = 3 and had 2.5; 340 of 510 items differ"), 1)
        << "which field, and how\n"
        << refused;
}

TEST_F(Grids, WhatCannotBe) {
    write("word.yaml", "items: {grid: {x: [1, two]}}\nkernel: square_plus\n");
    Result word = sheaf({"run", "word.yaml"});
    EXPECT_EQ(word.exit, 2);
    EXPECT_EQ(count_of(word.err, "word.yaml:1:23: 'two' makes 'x' a text, and the kernel reads it as float64"), 1)
        << word;
    EXPECT_FALSE(exists(path("word.h5")));
    write("name.yaml", "items: {grid: {y: [1, 2]}}\nexpression: {y: 2 * y}\n");
    Result name = sheaf({"run", "name.yaml"});
    EXPECT_EQ(name.exit, 2);
    EXPECT_EQ(count_of(name.err, "the items have a field 'y'"), 1) << name;
    Result look = sheaf({"check", "word.yaml", "--set", "items.grid.x=[1,2]"});
    EXPECT_EQ(look.exit, 0) << look;
    EXPECT_EQ(count_of(look.out, "items: grid x[2], 2\n"), 1) << look;
}

/* What nobody would mean. */
TEST_F(Grids, AnAxisThatNothingReads) {
    write("param.yaml", "items: {grid: {samples: [10, 20]}, repeat: 2}\nkernel: pi\n");
    Result param = sheaf({"run", "param.yaml"});
    EXPECT_EQ(param.exit, 2);
    EXPECT_EQ(count_of(param.err, "the items have a field 'samples', and so is a param of kernel pi called"), 1)
        << param;
    write("unread.yaml", "items: {grid: {x: [1, 2], z: [3, 4], one: [5]}, repeat: 2}\nexpression: {y: 2 * x}\n");
    Result unread = run_job({"unread.yaml"}, {2, 1});
    EXPECT_EQ(count_of(unread.err, "nothing reads 'z' of the items"), 1) << unread;
    EXPECT_EQ(count_of(unread.err, "nothing reads"), 1) << "no replica, and no axis of one value\n" << unread;
}

/* Who gets numbers as they are written computes other rows from another spelling; a formula does not. */
TEST_F(Grids, SpellingCountsForWhoGetsIt) {
    write("c.yaml", "items: {grid: {x: [0.5, 1]}}\ncommand: [echo, \"{x}\"]\n");
    write("k.yaml", "items: {grid: {x: [0.5, 1]}}\nkernel: square_plus\n");
    write("f.yaml", "items: {grid: {x: [0.5, 1]}}\nexpression: {y: 2 * x}\n");
    for (std::string job : {"c", "k", "f"}) {
        run_job({job + ".yaml", "--items", "0:1"}, {0, 1});
        EXPECT_EQ(sheaf({"run", job + ".yaml", "--set", "items.grid.x=[5e-1, 1.00]"}).exit, job == "f" ? 0 : 2) << job;
    }
}

/* Names may have anything in them: no two grids of which one is written like the other. */
TEST_F(Grids, NamesDoNotMakeTwoGridsOne) {
    write("a.yaml",
          "items: {grid: {\"Z\": {zip: {p: [1, 2], \"X' along axis 0\": [3, 4]}}, \"Y\": {zip: {q: [5, 6]}}}}\n"
          "expression: {y: p * q}\n");
    write("b.yaml",
          "items: {grid: {\"Z\": {zip: {p: [1, 2]}}, \"Y\": {zip: {\"X' along axis 0\": [3, 4], q: [5, 6]}}}}\n"
          "expression: {y: p * q}\n");
    run_job({"a.yaml", "-o", "x.h5"}, {0, 1});
    EXPECT_EQ(sheaf({"run", "b.yaml", "-o", "x.h5"}).exit, 2);
}

/* Axes come first, and of more failures than there are messages it is said that some have none. */
TEST_F(Grids, AreShownByTheirAxes) {
    write("c.yaml", "items: {grid: {x: {range: [10]}, name: [a, b]}}\ncommand: [echo, \"{x}\"]\n");
    run_job({"c.yaml"}, {0, 2});
    EXPECT_EQ(count_of(sheaf({"show", "c.h5", "--head", "1"}).out, "item  x  name  exit_code"), 1)
        << sheaf({"show", "c.h5", "--head", "1"});
}

} // namespace
