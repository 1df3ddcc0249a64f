/* What is asked of all items together: sums, means, spreads and extremes, which Python works out with fractions. */
#include "cli/program.h"

#include <fcntl.h>
#include <unistd.h>

namespace {

class Reduce : public Program {
  protected:
    void python(const std::string &text) const {
        Result result = run({SHEAF_PYTHON, "-c",
                             "import h5py, math, statistics, numpy as np\n"
                             "from fractions import Fraction as F\n" +
                                 text});
        ASSERT_EQ(result.exit, 0) << result;
    }
    std::string value(const std::string &file, const std::string &name) const {
        Result result =
            run({SHEAF_PYTHON, "-c", "import h5py\nprint(repr(float(h5py.File('" + file + "')['" + name + "'][()])))"});
        return result.out;
    }
    static constexpr const char *grid =
        "items: {grid: {mass: {linspace: [1, 4, 4], unit: kg}, model: [a, b], q: {zip: {c: [1, 2, 3], d: [5, 6, 7]}}}, "
        "repeat: 3}\n"
        "expression: {y: mass * c + d + repeat, z: \"mass == 4 ? nan : y\"}\n";
};

/* Values of all sizes, which cancel: to the bit the rational numbers, whatever the layout. */
TEST_F(Reduce, IsTheRoundedRationalNumber) {
    python("r = np.random.default_rng(7)\n"
           "x = np.ldexp(r.random(5000) - 0.5, r.integers(-300, 300, 5000))\n"
           "x = np.concatenate([x, -x[:4000], r.normal(1e9, 1, 3000)]); r.shuffle(x)\n"
           "h5py.File('x.h5', 'w')['x'] = x\n");
    write("job.yaml", "items: {hdf5: {file: x.h5, fields: {x: /x}}}\nexpression: {y: x + 0}\n"
                      "reduce: {s: {sum: y}, m: {mean: x}, v: {variance: y}, sd: {std: y}, se: {standard_error: x}, "
                      "lo: {min: y}, hi: {max: y}, at: {argmin: y}, n: {count: \"y > 0\"}, few: {mean: y, where: "
                      "\"x > 1e9\"}}\n");
    for (const Layout &layout : {Layout{0, 1}, Layout{0, 3}, Layout{4, 1}, Layout{2, 1, true}}) {
        SCOPED_TRACE(layout.name());
        run_job({"job.yaml", "--overwrite"}, layout);
        python(
            "f, x = h5py.File('job.h5'), list(map(float, h5py.File('x.h5')['x'][:]))\n"
            "e, n = list(map(F, x)), len(x)\n"
            "s = sum(e); v = (sum(i * i for i in e) * n - s * s) / (n * (n - 1))\n"
            "got = {k: f[k][()] for k in ('s', 'm', 'v', 'sd', 'se', 'lo', 'hi', 'at', 'n', 'few')}\n"
            "few = [i for i in e if i > 10**9]\n"
            "want = dict(s=float(s), m=float(s / n), v=float(v), sd=math.sqrt(float(v)), se=math.sqrt(float(v / n)),\n"
            "            lo=min(x), hi=max(x), at=x.index(min(x)), n=sum(i > 0 for i in x),\n"
            "            few=float(sum(few) / len(few)))\n"
            "assert got == want, (got, want)\n");
    }
}

/* Axes that stay are those of the grid; units go along. */
TEST_F(Reduce, AlongSomeAxes) {
    write("job.yaml",
          std::string(grid) +
              "reduce: {over_rep: {mean: y, over: [repeat]}, sd: {std: y, over: repeat}, by_model: {max: y, "
              "over: [mass, q, repeat], where: c > 1}, m: {mean: mass}, first: {argmax: y, over: [model, "
              "repeat]}, outer: {sum: y, over: [mass, q]}}\n");
    for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}}) {
        run_job({"job.yaml", "--overwrite"}, layout);
        python("f = h5py.File('job.h5'); y = f['y'][:]; c = f['c'][:]\n"
               "assert (f['over_rep'][:] == y.mean(3)).all() and f['over_rep'].shape == (4, 2, 3)\n"
               "assert (f['sd'][:] == 1).all() and f['by_model'].shape == (2,)\n"
               "assert (f['by_model'][:] == y[:, :, c > 1].max((0, 2, 3))).all()\n"
               "assert (f['outer'][:] == y.sum((0, 2))).all() and f['outer'].shape == (2, 3)\n"
               "assert f['m'][()] == 2.5 and f['m'].shape == () and f['m'].attrs['units'] == 'kg'\n"
               "items = np.arange(72).reshape(y.shape)\n"
               "want = [[max((y[i, j, k, l], -items[i, j, k, l]) for j in range(2) for l in range(3))[1] for k in "
               "range(3)]\n"
               "        for i in range(4)]\n"
               "assert (f['first'][:] == -np.array(want)).all(), (f['first'][:], want)\n"
               "assert [s.dims[0].keys() for s in [f['over_rep']]] == [['mass']] and f['outer'].dims[0].keys() == "
               "['model']\n"
               "assert (f['sheaf/reductions/by_model'][:] == [24, 0, 0]).all(), f['sheaf/reductions/by_model'][:]\n");
    }
    EXPECT_EQ(sheaf({"show", "job.h5", "--csv", "--head", "1"}).out,
              "item,status,mass,model,c,d,repeat,y,z\n0,done,1,a,1,5,0,6,6\n");
    EXPECT_EQ(sheaf({"verify", "job.h5"}).exit, 0);
    if (run({SHEAF_PYTHON, "-c", "import xarray, h5netcdf, netCDF4"}).exit == 0)
        python("import xarray\n"
               "for engine in 'h5netcdf', 'netcdf4':\n"
               "    s = xarray.open_dataset('job.h5', engine=engine)\n"
               "    assert (s.over_rep == s.y.mean('repeat')).all() and s.over_rep.dims == ('mass', 'model', 'q')\n"
               "    assert (s.outer == s.y.sum(['mass', 'q'])).all() and list(s.coords) == ['mass', 'model', 'c', 'd', "
               "'repeat']\n");
}

/* What is no number is left out or spoils all, as the job says; what is not done is counted. */
TEST_F(Reduce, WhatIsNoNumberAndWhatIsNotDone) {
    write("job.yaml", std::string(grid) + "reduce: {mz: {mean: z}, mp: {mean: z, nan: propagate}, sp: {argmin: z, nan: "
                                          "propagate}}\n");
    Result result = run_job({"job.yaml"});
    EXPECT_EQ(count_of(result.err, "  mz = 11 (54 values; 18 NaN)\n"), 1) << result;
    EXPECT_EQ(count_of(result.err, "  mp = nan (54 values; 18 NaN)\n"), 1) << result;
    EXPECT_EQ(count_of(result.err, "  sp = -1 (54 values; 18 NaN)\n"), 1) << result;
    write("fail.yaml", "items: {rows: [{x: 1}, {x: 2}, {x: 3}]}\ncommand: 'test {x} != 2 && echo {x}'\n"
                       "outputs: {y: {column: 1}}\nreduce: {s: {sum: y}, sx: {sum: x}}\n");
    Result failed = run_job({"fail.yaml"}, {2, 1}, 1);
    EXPECT_EQ(count_of(failed.err, "  s = 4 (2 values; 1 item is not done)\n"), 1) << failed;
    EXPECT_EQ(count_of(failed.err, "  sx = 4 (2 values; 1 item is not done)\n"), 1) << failed;
    write("out.yaml",
          "items: {grid: {x: [1, 2, 3, 4]}, where: \"x > 2\"}\nexpression: {y: x}\nreduce: {s: {sum: y}}\n");
    Result out = run_job({"out.yaml"});
    EXPECT_EQ(count_of(out.err, "  s = 7 (2 values)\n"), 1) << out;
    write("none.yaml",
          "items: {count: 0}\nexpression: {y: item}\nreduce: {s: {sum: y}, m: {mean: y}, b: {argmax: y}, n: "
          "{count: y}}\n");
    Result none = run_job({"none.yaml"});
    EXPECT_EQ(count_of(none.err, "  s = 0 (0 values)\n  m = nan (0 values)\n  b = -1 (0 values)\n  n = 0 (0 values)\n"),
              1)
        << none;
}

/* In parts they are those of what is done; in the end, and after a kill, those of all. */
TEST_F(Reduce, InPartsAndAfterAKill) {
    write("job.yaml", "items: {count: 3000}\nkernel: " SHEAF_PLUGIN_DIR "/hostile.so:slow\nparams: {ms: 1}\n");
    write("x.csv", "x\n1\n2\n3\n4\n5\n6\n7\n8\n");
    write("part.yaml", "items: {csv: x.csv}\nexpression: {y: x * x}\nreduce: {s: {sum: y}}\n");
    Result part = run_job({"part.yaml", "--items", "0:3"});
    EXPECT_EQ(count_of(part.err, "  s = 14 (3 values; 5 items are not done)\n"), 1) << part;
    Result rest = run_job({"part.yaml"}, {2, 1});
    EXPECT_EQ(count_of(rest.err, "  s = 204 (8 values)\n"), 1) << rest;
    Result again = run_job({"part.yaml"});
    EXPECT_EQ(count_of(again.err, "nothing to do\n  s = 204 (8 values)\n"), 1) << again;
    EXPECT_EQ(count_of(sheaf({"status", "part.h5"}).out, "  s = 204 (8 values)\n"), 1);
    EXPECT_EQ(count_of(sheaf({"status", "part.h5", "--json"}).out,
                       "\"reductions\": [{\"cells\": 1, \"name\": \"s\", \"value\": 204, \"values\": 8, \"nan\": 0, "
                       "\"not_done\": 0}]"),
              1);
    /* killed when all rows were there and the sums were not */
    python("f = h5py.File('part.h5', 'r+'); f['s'][()] = np.nan; f['sheaf/reduced'][0] = 0\n");
    Result killed = run_job({"part.yaml"});
    EXPECT_EQ(count_of(killed.err, "nothing to do\n  s = 204 (8 values)\n"), 1) << killed;
    EXPECT_EQ(value("part.h5", "s"), "204.0\n");
}

/* While items are computed no reduction has a value, so a killed run leaves none of fewer rows than there are. */
TEST_F(Reduce, AKilledRunLeavesNoValueOfFewerRows) {
    write("job.yaml", "items: {count: 40}\ncommand: 'test {item} -lt 20 || sleep 1000; echo {item}'\n"
                      "outputs: {y: {column: 1}}\nreduce: {s: {sum: y}}\n");
    run_job({"job.yaml", "--items", "0:10"});
    EXPECT_EQ(value("job.h5", "s"), "45.0\n");
    const StatusPlace place = find_status(path("job.h5"));
    {
        Child child(command({"run", "job.yaml", "-q"}, {0, 2}), start());
        ASSERT_TRUE(wait_until([&] { return count_done(path("job.h5"), place) == 20; }));
        child.kill_all(SIGKILL);
        child.wait();
    }
    EXPECT_EQ(value("job.h5", "s"), "nan\n");
    EXPECT_EQ(count_of(sheaf({"status", "job.h5"}).out, "s ="), 0);
    Result rest = run_job({"job.yaml", "--items", "0:20"});
    EXPECT_EQ(count_of(rest.err, "  s = 190 (20 values; 20 items are not done)\n"), 1) << rest;
}

/* Other reductions of the same rows: nothing is computed again, and the file is whole. */
TEST_F(Reduce, OtherReductionsOfTheSameRows) {
    const std::string job =
        "items: {grid: {x: [1, 2, 3], k: [1, 2]}}\ncommand: 'echo run >> calls; echo $(({x} * {k}))'\n"
        "outputs: {y: {column: 1}}\n";
    write("job.yaml", job);
    run_job({"job.yaml"}, {2, 1});
    const std::string calls = read("calls");
    write("job.yaml", job + "reduce: {s: {sum: y}, by_x: {mean: y, over: [k]}}\n");
    EXPECT_EQ(count_of(sheaf({"check", "job.yaml"}).out, "other reductions are asked for than it has"), 1);
    Result first = run_job({"job.yaml"}, {2, 1});
    EXPECT_EQ(count_of(first.err, "sheaf: other reductions are asked for than when job.h5 was begun"), 1) << first;
    EXPECT_EQ(count_of(first.err, "  s = 18 (6 values)\n"), 1) << first;
    python("f = h5py.File('job.h5'); assert f['by_x'][:].tolist() == [1.5, 3, 4.5] and f['by_x'].dims[0].keys() == "
           "['x']\n"
           "assert bytes(f['sheaf/job'][:]) == open('job.yaml', 'rb').read()\n");
    write("job.yaml", job + "reduce: {by_x: {max: y, over: [k]}}\n");
    run_job({"job.yaml"});
    python(
        "f = h5py.File('job.h5'); assert f['by_x'][:].tolist() == [2, 4, 6] and 's' not in f\n"
        "assert f['x'].attrs['REFERENCE_LIST'].size == sum(1 for n in f if n not in ('x', 'sheaf') and f[n].shape and "
        "f[n].dims[0].keys() == ['x'])\n");
    write("job.yaml", job);
    run_job({"job.yaml"});
    python("f = h5py.File('job.h5'); assert 'by_x' not in f and 'reduced' not in f['sheaf']\n");
    EXPECT_EQ(read("calls"), calls);
    EXPECT_EQ(sheaf({"verify", "job.h5"}).exit, 0);
    EXPECT_EQ(count_of(sheaf({"show", "job.h5", "--csv", "--fields", "y,stdout"}).out, "5,done,6,\"6\n\""), 1);
    /* outputs and reductions at once: nothing is run either */
    write("job.yaml", "items: {grid: {x: [1, 2, 3], k: [1, 2]}}\ncommand: 'echo run >> calls; echo $(({x} * {k}))'\n"
                      "outputs: {y: {column: 1}, t: {regex: '(\\d+)'}}\nreduce: {s: {sum: t}}\n");
    EXPECT_EQ(count_of(run_job({"job.yaml"}).err, "  s = 18 (6 values)\n"), 1);
    EXPECT_EQ(read("calls"), calls);
}

TEST_F(Reduce, WhatCannotBeIsRefused) {
    const std::pair<const char *, const char *> wrong[] = {
        {"{m: y}", "w.yaml:3:13: reduce.m should be a map that says what becomes of which values: {mean: y}"},
        {"{m: {mean: y, sum: y}}", "reduce.m says 2 things; it takes exactly one of sum, mean,"},
        {"{m: {where: y}}", "reduce.m says 0 things"},
        {"{m: {meen: y}}", "did you mean 'mean'?"},
        {"{m: {mean: q}}", "w.yaml:3:20: reduce.m.mean, character 1: no field, param or function 'q'"},
        {"{m: {mean: name}}", "'name' holds text; this takes numbers"},
        {"{m: {mean: y, over: k}}", "reduce.m.over: the items have no axis 'k'; there is x, name"},
        {"{m: {mean: y, over: {k: 1}}}", "reduce.m.over should be an axis of the grid, or a list of axes"},
        {"{m: {mean: y, nan: skip}}", "unknown reduce.m.nan 'skip'; there is 'omit', 'propagate'"},
        {"{\"y: m\": {mean: y}}", "reduce.y: m: the name of a reduction has no ': '; rename it"},
        {"{y: {mean: y}}", "reduce.y: a field, an output or an axis is called so; choose another name"},
        {"{x: {mean: y}}", "reduce.x: a field, an output or an axis is called so"},
        {"{status: {mean: y}}", "'status', which the results file needs for itself"},
        {"[m]", "reduce is a list; it should be a map"},
    };
    for (const auto &[reduce, message] : wrong) {
        write("w.yaml",
              std::string("items: {grid: {x: [1, 2], name: [a, b]}}\nexpression: {y: x}\nreduce: ") + reduce + "\n");
        Result result = run_job({"w.yaml"}, {}, 2);
        EXPECT_EQ(count_of(result.err, message), 1) << reduce << "\n" << result;
        EXPECT_FALSE(exists(path("w.h5")));
    }
}

/* More cells than are summed at a time, along axes of each place; texts and tables as inputs. */
TEST_F(Reduce, ManyCells) {
    write("job.yaml", "items: {grid: {a: {range: [0, 40]}, b: {range: [0, 300]}, c: {range: [0, 9]}}}\n"
                      "expression: {y: sin(a + 2*b) * c}\n"
                      "reduce: {ab: {std: y, over: c}, ac: {std: y, over: b}, bc: {mean: y, over: a}, n: {count: \"y > "
                      "0\", over: [a, c]}}\n");
    run_job({"job.yaml"}, {0, 2});
    python("f = h5py.File('job.h5'); y = f['y'][:]\n"
           "for name, axis in ('ab', 2), ('ac', 1):\n"
           "    assert np.allclose(f[name][:], y.std(axis, ddof=1), rtol=1e-13, atol=1e-13), name\n"
           "assert np.allclose(f['bc'][:], y.mean(0), rtol=1e-13, atol=1e-15)\n"
           "assert (f['n'][:] == (y > 0).sum((0, 2))).all()\n"
           "assert f['bc'][17, 3] == float(sum(map(F, map(float, y[:, 17, 3]))) / 40)\n"
           "for k, n in dict(ab=9, ac=300, bc=40, n=360).items():\n"
           "    assert (f['sheaf/reductions'][k][:, 0] == n).all() and not f['sheaf/reductions'][k][:, 1:].any()\n");
}

} // namespace
