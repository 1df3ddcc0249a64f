/* Items that the job file lists: a grid, fields side by side, rows. Whoever computes an item works its inputs out; the results
   are those of a table of the same items, which Python makes. */
#include "cli/program.h"

#include <sstream>

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
        for (const Layout &layout : {Layout{0, 1}, Layout{0, 3}, Layout{2, 1}, Layout{4, 2}, Layout{3, 1, true}}) {
            SCOPED_TRACE(layout.name());
            run_job({"grid.yaml", "--overwrite"}, layout);
            check({"same_items", "table.h5", "grid.h5", fields});
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
             "import h5py, numpy as np; x = np.linspace(-1, 1, 25)[:, None]; "
             "y, i = (h5py.File(f)['y'][:] for f in ('x.h5', 'i.h5')); d = y - x * x; "
             "assert y.shape == (25, 2) and (y == i).all() and abs(d - d[0, 0]).max() < 1e-15 * abs(d[0, 0])"});
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
    Result refused = sheaf({"run", "grid.yaml", "--set", "expression.y=mass + charge"});
    EXPECT_EQ(refused.exit, 2);
    EXPECT_EQ(count_of(refused.err, "another job"), 1) << refused;
    EXPECT_EQ(count_of(refused.err, "item 170 has mass = 3 and had 2.5; 340 of 510 items differ"), 1)
        << "which field, and how\n"
        << refused;
    EXPECT_EQ(count_of(run_job({"grid.yaml"}).err, "170 of 510 items are those of grid.h5; 340 are new"), 1)
        << "of the same formula those are kept that are still asked for";
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

/* repeat and where belong beside the grid; an axis may be called so. */
TEST_F(Grids, KeysOneLevelTooDeep) {
    const struct {
        std::string items, said;
    } cases[] = {
        {"grid: {x: [1, 2], repeat: 3}",
         ":1:27: 'repeat' stands too deep, in items.grid; it belongs beside grid, under items"},
        {"grid: {x: [1, 2], where: \"x > 1\"}",
         "'where' stands too deep, in items.grid; it belongs beside grid, under"},
        {"grid: {x: {linspace: [0, 1, 3], repeat: 2}}",
         "'repeat' stands too deep, in items.grid.x; it belongs beside grid"},
        {"grid: {p: {zip: {x: [1, 2], repeat: 3}}}",
         "'repeat' stands too deep, in items.grid.p; it belongs beside grid"},
        {"zip: {x: [1, 2], repeat: 3}", "'repeat' stands too deep, in items.zip; it belongs beside zip, under items"},
        {"sample: {count: 4, repeat: 2, fields: {x: {uniform: [0, 1]}}}",
         "in items.sample; it belongs beside sample, under"},
        {"sample: {count: 4, fields: {x: {uniform: [0, 1]}, where: x}}",
         "in items.sample.fields; it belongs beside sample"},
    };
    for (const auto &c : cases) {
        write("bad.yaml", "items: {" + c.items + "}\nexpression: {y: x}\n");
        Result bad = sheaf({"check", "bad.yaml"});
        EXPECT_EQ(bad.exit, 2) << bad;
        EXPECT_EQ(count_of(bad.err, c.said), 1) << c.said << "\n" << bad;
    }
    write("axis.yaml", "items: {grid: {x: [1, 2], where: [3, 4]}}\nexpression: {y: x + where}\n");
    run_job({"axis.yaml"});
}

/* Values that the kernel cannot take: where they are written. */
TEST_F(Grids, ValuesThatAreNoWholeNumbers) {
    write("whole.c",
          "#include <sheaf/kernel.h>\n"
          "static const struct sheaf_field in[] = {{.name = \"i\", .type = SHEAF_INT64, .width = 1}};\n"
          "static const struct sheaf_field out[] = {{.name = \"y\", .type = SHEAF_INT64, .width = 1}};\n"
          "static int32_t open_(const struct sheaf_setup *s, struct sheaf_shape *shape, void **self) {\n"
          "    (void)s, (void)self;\n"
          "    shape->outputs = out;\n"
          "    shape->n_outputs = 1;\n"
          "    return 0;\n"
          "}\n"
          "static int32_t map(const void *self, const struct sheaf_context *c, const struct sheaf_block *b) {\n"
          "    (void)self, (void)c;\n"
          "    *(int64_t *)b->out[0] = *(const int64_t *)b->in[0];\n"
          "    return SHEAF_OK;\n"
          "}\n"
          "const struct sheaf_kernel sheaf_kernel_whole = {.head = SHEAF_KERNEL(whole), .version = \"1\", "
          ".summary = \"copies\",\n    .n_inputs = 1, .inputs = in, .open = open_, .map = map};\n");
    Result built = shell("cc -shared -fPIC -Wall -Werror -I" SHEAF_SOURCE_DIR "/include whole.c -o whole.so");
    ASSERT_EQ(built.exit, 0) << built;
    const struct {
        std::string items, said;
    } cases[] = {
        {"grid: {i: [1, 2,\n  1.5]}",
         "bad.yaml:2:3: items: field 'i', value 2: '1.5' is no int64, which the kernel reads"},
        {"grid: {i: {linspace: [0, 1, 3]}}", "bad.yaml:1:30: items: field 'i', value 1: '0.5' is no int64"},
        {"rows: [{i: 1},\n  {i: 2.5}]", "bad.yaml:2:7: items: field 'i', value 1: '2.5' is no int64"},
        {"sample: {count: 4, fields: {i: {choice: [1, 1.5]}}}",
         "bad.yaml:1:53: items: field 'i', value 1: '1.5' is no"},
        {"sample: {count: 4, fields: {i: {uniform: [1, 2]}}}", "bad.yaml:1:50: items: field 'i' is drawn as float64"},
    };
    for (const auto &c : cases) {
        write("bad.yaml", "items: {" + c.items + "}\nkernel: ./whole.so:whole\n");
        Result bad = sheaf({"check", "bad.yaml"});
        EXPECT_EQ(bad.exit, 2) << bad;
        EXPECT_EQ(count_of(bad.err, c.said), 1) << c.said << "\n" << bad;
    }
    Result set = sheaf({"check", "bad.yaml", "--set", "items={grid: {i: [1, 1.5]}}"});
    EXPECT_EQ(count_of(set.err, "--set items: items: field 'i', value 1: '1.5' is no int64"), 1) << set;
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
    write("zip.yaml", "items: {zip: {a: [1, 2], b: [3, 4]}}\nexpression: {y: item}\n");
    EXPECT_EQ(sheaf({"check", "zip.yaml"}).err,
              "sheaf: nothing reads 'a', 'b' of the items: what differs in them alone is computed from the same\n");
}

/* Who gets numbers as they are written computes other rows from another spelling; a formula does not. */
TEST_F(Grids, SpellingCountsForWhoGetsIt) {
    write("c.yaml", "items: {grid: {x: [0.5, 1]}}\ncommand: [echo, \"{x}\"]\n");
    write("k.yaml", "items: {grid: {x: [0.5, 1]}}\nkernel: square_plus\n");
    write("f.yaml", "items: {grid: {x: [0.5, 1]}}\nexpression: {y: 2 * x}\n");
    for (std::string job : {"c", "k", "f"}) {
        run_job({job + ".yaml", "--items", "0:1"}, {0, 1});
        EXPECT_EQ(sheaf({"run", job + ".yaml", "--set", "items.grid.x=[5e-1, 1.00]"}).exit, job == "c" ? 2 : 0) << job;
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
    run_job({"b.yaml", "-o", "x.h5"}, {0, 1});
    run_job({"b.yaml", "-o", "fresh.h5"}, {0, 1});
    Result same =
        run({SHEAF_PYTHON, "-c",
             "import h5py; a, b = h5py.File('x.h5'), h5py.File('fresh.h5')\n"
             "assert (a['y'][:] == b['y'][:]).all() and a['y'].shape == b['y'].shape and list(a) == list(b)"});
    EXPECT_EQ(same.exit, 0) << same;
}

/* Axes come first, and of more failures than there are messages it is said that some have none. */
TEST_F(Grids, AreShownByTheirAxes) {
    write("c.yaml", "items: {grid: {x: {range: [10]}, name: [a, b]}}\ncommand: [echo, \"{x}\"]\n");
    run_job({"c.yaml"}, {0, 2});
    EXPECT_EQ(count_of(sheaf({"show", "c.h5", "--head", "1"}).out, "item  x  name  exit_code"), 1)
        << sheaf({"show", "c.h5", "--head", "1"});
}

/* --- the cube ------------------------------------------------------------------------------------------------------ */

class Cubes : public Program {
  protected:
    static constexpr const char *job =
        "items: {grid: {mass: {linspace: [1, 10, 4], unit: kg}, n: [3, 5], model: [a, \"b c\"], "
        "place: {zip: {lat: [1.5, -2], site: [x, \"y z\"]}}}, repeat: 2}\n"
        "expression: {y: mass * n + lat}\n";
};

TEST_F(Cubes, XarrayOpensThem) {
    write("cube.yaml", job);
    run_job({"cube.yaml", "--items", "0:40"}, {2, 2});
    check({"cube", path("cube.h5")});
}

TEST_F(Cubes, FieldsSideBySideAreCoordinates) {
    write("zip.yaml", "items: {zip: {x: [1.5, 2, 4], label: [a, b, c]}}\nexpression: {y: 2 * x}\n");
    write("rows.yaml", "items: {rows: [{x: 1.5, label: a}, {x: 2, label: b}, {x: 4, label: c}]}\n"
                       "expression: {y: 2 * x}\n");
    for (std::string name : {"zip", "rows"}) {
        run_job({name + ".yaml"}, {2, 1});
        check({"listed", path(name + ".h5")});
        EXPECT_EQ(sheaf({"show", name + ".h5"}).out, "item    x  label  y\n"
                                                     "   0  1.5  a      3\n"
                                                     "   1  2.0  b      4\n"
                                                     "   2  4.0  c      8\n");
    }
}

/* HDF5 has 32 dimensions: 31 axes, and one of an output. */
TEST_F(Cubes, AsManyAxesAsThereCanBe) {
    std::string axes = "{a0: [1, 2, 3]";
    for (int k = 1; k < 31; k++)
        axes += ", a" + std::to_string(k) + ": [" + std::to_string(k) + "]";
    write("many.yaml", "items: {grid: " + axes + "}}\nkernel: hostile:uneven\n");
    write("more.yaml", "items: {grid: " + axes + ", last: [1]}}\nexpression: {y: a0}\n");
    write("formula.yaml", "items: {grid: " + axes + "}}\nexpression: {y: a0 * a30}\n");
    run_job({"formula.yaml"}, {2, 1});
    EXPECT_EQ(run({SHEAF_PYTHON, "-c",
                   "import h5py; f = h5py.File('formula.h5'); assert f['y'].shape == (3,) + 30 * (1,); "
                   "assert list(f['y'][:].reshape(-1)) == [30, 60, 90] and f['status'].ndim == 31"})
                  .exit,
              0);
    Result refused = sheaf({"run", "more.yaml"});
    EXPECT_EQ(refused.exit, 2);
    EXPECT_EQ(count_of(refused.err, "a grid has at most 31 axes"), 1) << refused;
}

/* An axis that has the name of an output, or of what the file keeps itself. */
TEST_F(Cubes, NamesThatAreTaken) {
    write("own.yaml", "items: {grid: {y: {zip: {a: [1, 2]}}}}\nexpression: {y: 2 * a}\n");
    Result own = sheaf({"run", "own.yaml"});
    EXPECT_EQ(own.exit, 2);
    EXPECT_EQ(count_of(own.err, "the items have an axis 'y'"), 1) << own;
    write("other.yaml", "items: {grid: {p: {zip: {a: [1, 2]}}, q: {zip: {p: [1, 2]}}}}\nexpression: {y: 2 * a}\n");
    Result other = sheaf({"run", "other.yaml"});
    EXPECT_EQ(other.exit, 2);
    EXPECT_EQ(count_of(other.err, "there is an axis 'p' already"), 1) << other;
    write("kept.yaml", "items: {grid: {seconds: [1, 2]}}\nexpression: {y: 2 * seconds}\n");
    Result kept = sheaf({"run", "kept.yaml"});
    EXPECT_EQ(kept.exit, 2);
    EXPECT_EQ(count_of(kept.err, "which the results file needs for itself"), 1) << kept;
}

/* Coordinates have sums as well. */
TEST_F(Cubes, VerifyNamesAChangedAxis) {
    write("cube.yaml", job);
    run_job({"cube.yaml"}, {0, 2});
    EXPECT_EQ(sheaf({"verify", "cube.h5"}).exit, 0);
    for (std::string change : {"f['mass'][2] = 7.5", "f['site'][0] = 'q'"}) {
        EXPECT_EQ(run({SHEAF_PYTHON, "-c", "import h5py; f = h5py.File('cube.h5', 'r+'); " + change}).exit, 0);
        Result found = sheaf({"verify", "cube.h5"});
        EXPECT_EQ(found.exit, 1) << found;
        EXPECT_EQ(
            count_of(found.out, change[3] == 'm' ? "coordinates changed: mass\n" : "coordinates changed: mass, site\n"),
            1)
            << found;
    }
    run_job({"cube.yaml", "--overwrite"}, {0, 2});
    EXPECT_EQ(sheaf({"verify", "cube.h5"}).exit, 0);
}

/* Texts come into their cells when they are packed, whether all of an axis or some of it. */
/* Before layout 5 the items of a grid lay one behind the other, with copies of their inputs. */
TEST_F(Cubes, FilesOfOlderVersions) {
    write("old.py", "import h5py\n"
                    "with h5py.File('grid.h5', 'r+') as f: f['sheaf'].attrs['layout'] = 4\n"
                    "with h5py.File('list.h5', 'r+') as f:\n"
                    "    f['sheaf'].attrs['layout'] = 4\n"
                    "    said = f['sheaf/identity'][:].tobytes().decode().split('\\n')\n"
                    "    said[0] = \"items: grid 'x' 3\".ljust(len(said[0]))\n"
                    "    f['sheaf/identity'][:] = bytearray('\\n'.join(said).encode())\n");
    write("t.csv", "x\n1\n2\n3\n");
    write("grid.yaml", "items: {grid: {x: [1, 2], z: [3, 4]}}\nexpression: {y: x*z}\n");
    write("list.yaml", "items: {csv: t.csv}\nexpression: {y: x*2}\n");
    run_job({"grid.yaml"});
    run_job({"list.yaml"});
    Result old = run({SHEAF_PYTHON, "old.py"});
    ASSERT_EQ(old.exit, 0) << old;
    Result refused = sheaf({"run", "grid.yaml"});
    EXPECT_EQ(refused.exit, 2) << refused;
    EXPECT_EQ(count_of(refused.err, "grid.h5: was begun by an older version of Sheaf"), 1) << refused;
    EXPECT_EQ(sheaf({"verify", "list.h5"}).exit, 0);
    Result changed = run({SHEAF_PYTHON, "-c", "import h5py\nwith h5py.File('list.h5', 'r+') as f: f['x'][1] = 7"});
    ASSERT_EQ(changed.exit, 0) << changed;
    Result found = sheaf({"verify", "list.h5"});
    EXPECT_EQ(count_of(found.out, "copied inputs changed"), 1) << found;
}

TEST_F(Cubes, Texts) {
    write("t.yaml", "items: {grid: {a: {range: [7]}, b: [x, y, z]}, repeat: 2}\n"
                    "command: [sh, -c, \"test {a} -ne 3 && echo {a}{b}{repeat}\"]\n");
    run_job({"t.yaml", "--items", "0,3:9,20:23,38"}, {2, 1}, 1);
    run_job({"t.yaml"}, {0, 2}, 1);
    Result texts = run({SHEAF_PYTHON, "-c",
                        "import h5py; t = h5py.File('t.h5')['stdout'].asstr()[:]; assert t.shape == (7, 3, 2)\n"
                        "for i in range(7):\n"
                        "  for j, b in enumerate('xyz'):\n"
                        "    for k in range(2):\n"
                        "      assert t[i, j, k] == ('' if i == 3 else f'{i}{b}{k}\\n'), (i, j, k, t[i, j, k])\n"});
    EXPECT_EQ(texts.exit, 0) << texts;
    EXPECT_EQ(sheaf({"verify", "t.h5"}).exit, 0);
    EXPECT_EQ(
        count_of(sheaf({"show", "t.h5", "--csv", "--fields", "a,b,repeat,stdout"}).out, "17,done,2,z,1,\"2z1\n\""), 1)
        << sheaf({"show", "t.h5", "--csv"});
}

/* Rows are read some thousand at a time: what is read begins and ends anywhere in the planes of a cube. */
TEST_F(Cubes, AreReadInPieces) {
    write("job.yaml", "items: {grid: {a: {range: [7]}, b: {range: [40]}, c: {range: [61]}}}\n"
                      "expression: {y: 10000 * a + 100 * b + c}\n");
    run_job({"job.yaml"}, {0, 2});
    Result shown = sheaf({"show", "job.h5", "--csv", "--fields", "a,b,c,y"});
    std::istringstream lines(shown.out);
    std::string line;
    ASSERT_TRUE(std::getline(lines, line) && line == "item,status,a,b,c,y") << line;
    for (int item = 0; item < 7 * 40 * 61; item++) {
        const int a = item / (40 * 61), b = item / 61 % 40, c = item % 61;
        std::ostringstream wanted;
        wanted << item << ",done," << a << "," << b << "," << c << "," << 10000 * a + 100 * b + c;
        ASSERT_TRUE(std::getline(lines, line)) << item;
        ASSERT_EQ(line, wanted.str());
    }
}

/* --- where ------------------------------------------------------------------------------------------------------- */

/* Cells that are left out keep their place, for every source and layout, and when a run goes on. */
TEST_F(Grids, WhereLeavesItemsOut) {
    write("w.yaml", std::string("items: {") + std::string(grid).substr(8, std::string(grid).rfind('}') - 8) +
                        ", where: \"mass * 10 > charge && repeat != 2\"}\nexpression: {y: mass + charge}\n");
    write("look.py", "import h5py, numpy as np\n"
                     "f = h5py.File('w.h5'); y, s = f['y'][:], f['status'][:]\n"
                     "m, c, _, r = np.meshgrid(f['mass'], f['charge'], [0, 1], f['repeat'], indexing='ij')\n"
                     "kept = (m * 10 > c) & (r != 2)\n"
                     "assert (s == np.where(kept, 1, 5)).all() and 100 < kept.sum() < 410\n"
                     "assert np.isnan(y[~kept]).all() and (y[kept] == (m + c)[kept]).all()\n");
    for (const Layout &layout : {Layout{0, 1}, Layout{3, 2}, Layout{2, 1, true}}) {
        run_job({"w.yaml", "--items", "100:300", "--overwrite"}, layout);
        run_job({"w.yaml"}, layout);
        Result look = run({SHEAF_PYTHON, "look.py"});
        EXPECT_EQ(look.exit, 0) << look;
        EXPECT_EQ(sheaf({"verify", "w.h5"}).exit, 0);
    }
    EXPECT_EQ(count_of(sheaf({"show", "w.h5", "--where-failed", "--head", "1"}).out, "where: (((mass * 10) > charge)"),
              1);
    EXPECT_EQ(count_of(sheaf({"check", "w.yaml", "--overwrite"}).out, "a run would compute 510 items"), 0);
    run_job({"w.yaml", "--recompute", "--items", "0:510"}, {0, 2});
    EXPECT_EQ(run({SHEAF_PYTHON, "look.py"}).exit, 0) << "computed again";
    Result other = run_job({"w.yaml", "--set", "items.where=mass > 1"}, {0, 2});
    EXPECT_EQ(count_of(other.err, "the results are kept in w.before.h5"), 1) << other;
    Result look = run({SHEAF_PYTHON, "-c",
                       "import h5py, numpy as np; f = h5py.File('w.h5')\n"
                       "m, c, _, r = np.meshgrid(f['mass'], f['charge'], [0, 1], f['repeat'], indexing='ij')\n"
                       "assert (f['status'][:] == np.where(m > 1, 1, 5)).all()\n"
                       "assert (f['y'][:][m > 1] == (m + c)[m > 1]).all() and np.isnan(f['y'][:][m <= 1]).all()"});
    EXPECT_EQ(look.exit, 0) << look;
}

/* What was never run has no texts that could be gone. */
TEST_F(Grids, OutputsTakenAgainOfWhatIsLeftOut) {
    const std::string job = "items: {grid: {a: [1, 2, 3], b: [x, y]}, where: \"a != 2\"}\n"
                            "command: \"echo '{\\\"v\\\": {a}}'\"\n";
    write("job.yaml", job + "outputs: {v: {json: v}}\n");
    run_job({"job.yaml"});
    write("job.yaml", job + "outputs: {v: {json: v}, w: {json: v}}\n");
    Result again = run_job({"job.yaml"});
    EXPECT_EQ(count_of(again.err, "those of 4 items were taken again"), 1) << again;
    EXPECT_EQ(count_of(again.err, "texts of"), 0) << again;
    EXPECT_EQ(sheaf({"verify", "job.h5"}).exit, 0);
    EXPECT_EQ(sheaf({"show", "job.h5", "--csv", "--fields", "a,w"}).out,
              "item,status,a,w\n0,done,1,1\n1,done,1,1\n2,skipped,2,nan\n3,skipped,2,nan\n4,done,3,3\n5,done,3,3\n");
}

TEST_F(Grids, WhereOfOtherSources) {
    write("t.csv", "x,name\n1,a\n,b\n3,c\n4,d\n");
    write("csv.yaml", "items: {csv: t.csv, where: \"x != 3\"}\ncommand: [echo, \"{name}\"]\n");
    write("count.yaml", "items: {count: 100000, where: \"item % 3 == 0\"}\nexpression: {y: item}\n");
    check({"make_input", path("in.h5"), "7"});
    write("hdf5.yaml", "items: {hdf5: {file: in.h5, fields: {x: /x}}, where: \"x > 2\"}\nexpression: {y: 2 * x}\n");
    for (std::string job : {"csv", "count", "hdf5"})
        run_job({job + ".yaml"}, {2, 1});
    EXPECT_EQ(run({SHEAF_PYTHON, "-c",
                   "import h5py, numpy as np\n"
                   "s = h5py.File('csv.h5')['status'][:]; assert list(s) == [1, 1, 5, 1], s\n"
                   "f = h5py.File('count.h5'); i = np.arange(100000)\n"
                   "assert (f['status'][:] == np.where(i % 3, 5, 1)).all() and (f['y'][::3] == i[::3]).all()\n"
                   "f = h5py.File('hdf5.h5'); x = f['x'][:]\n"
                   "assert (f['status'][:] == np.where(x > 2, 1, 5)).all() and len(set(f['status'][:])) == 2\n"})
                  .exit,
              0);
    for (std::string where : {"nome > 2", "name > 2", "x >", "3 4"}) {
        Result refused = sheaf({"run", "csv.yaml", "--overwrite", "--set", "items.where=" + where});
        EXPECT_EQ(refused.exit, 2) << where;
        EXPECT_EQ(count_of(refused.err, "items.where, character "), 1) << refused;
    }
}

/* What failed is found among very many that a condition leaves out. */
TEST_F(Grids, FailuresComeBeforeWhatIsLeftOut) {
    write("w.yaml", "items: {count: 100, where: \"item > 40\"}\ncommand: 'test {item} != 77'\n");
    run_job({"w.yaml"}, {}, 1);
    Result shown = sheaf({"show", "w.h5", "--where-failed"});
    EXPECT_EQ(count_of(shown.out, "\n"), 2) << shown;
    EXPECT_EQ(count_of(shown.out, "  77  failed"), 1) << shown;
    EXPECT_EQ(count_of(shown.err, "(41 skipped items are not among them: --fields status shows all)"), 1) << shown;
    EXPECT_EQ(count_of(sheaf({"show", "w.h5", "--where-failed", "--csv"}).out, "\n"), 2);
}

} // namespace
