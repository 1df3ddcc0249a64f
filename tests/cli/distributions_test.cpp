/* Histograms and quantiles of all items together, which numpy works out. */
#include "cli/program.h"

namespace {

class Distributions : public Program {
  protected:
    void python(const std::string &text) const {
        Result result = run({SHEAF_PYTHON, "-c", "import h5py, numpy as np\n" + text});
        ASSERT_EQ(result.exit, 0) << result;
    }
};

/* Ties, NaN, infinities and values outside, of inputs, outputs and whole numbers: whatever the layout. */
TEST_F(Distributions, AreThoseOfNumpy) {
    python(
        "r = np.random.default_rng(5)\n"
        "x = np.concatenate([r.normal(0, 1, 6000), r.integers(-3, 4, 3000), [np.nan] * 500, [np.inf, -np.inf] * 50,\n"
        "                    np.ldexp(r.random(500) - 0.5, r.integers(-1000, 1000, 500))]); r.shuffle(x)\n"
        "f = h5py.File('x.h5', 'w'); f['x'] = x; f['n'] = r.integers(-9, 10, len(x))\n");
    write("job.yaml", "items: {hdf5: {file: x.h5, fields: {x: /x, n: /n}}}\nexpression: {y: x + 0}\n"
                      "reduce:\n"
                      "  h: {histogram: {of: y, edges: {linspace: [-3, 3, 61]}}}\n"
                      "  odd: {histogram: {of: y, edges: [-.5, 0, 1, 3, 100]}}\n"
                      "  log: {histogram: {of: abs(x), edges: {logspace: [-2, 2, 9]}}}\n"
                      "  geom: {histogram: {of: x, edges: {geomspace: [0.1, 10, 5]}, }, where: n > 0}\n"
                      "  whole: {histogram: {of: n, edges: [-5, 0, 3, 5]}}\n"
                      "  m: {max: n}\n"
                      "  q: {quantiles: {of: y, at: [.05, .123, .5, .77, .95]}}\n"
                      "  ends: {quantiles: {of: x, at: [0, 1]}}\n"
                      "  qn: {quantiles: {of: n, at: [.1, .5, .9]}, where: x > 0}\n"
                      "  none: {quantiles: {of: n, at: [.5]}, where: n > 100}\n"
                      "  empty: {histogram: {of: n, edges: [0, 1]}, where: n > 100}\n"
                      "  spoilt: {quantiles: {of: y, at: [.5]}, nan: propagate}\n");
    for (const Layout &layout : {Layout{0, 1}, Layout{0, 3}, Layout{2, 1}, Layout{2, 1, true}}) {
        SCOPED_TRACE(layout.name());
        Result result = run_job({"job.yaml", "--overwrite"}, layout);
        EXPECT_EQ(count_of(result.err, "  spoilt = nan (50 %) (9,600 values; 500 NaN)\n"), 1) << result;
        EXPECT_EQ(count_of(result.err, "  none = nan (50 %) (0 values)\n"), 1) << result;
        EXPECT_EQ(count_of(result.err, "  empty: 1 bin from 0 to 1, 0 values\n"), 1) << result;
        python(
            "f = h5py.File('job.h5'); s = h5py.File('x.h5'); x = s['x'][:]; n = s['n'][:]; g = x[~np.isnan(x)]\n"
            "for name, values, edges in [('h', g, np.linspace(-3, 3, 61)), ('odd', g, [-.5, 0, 1, 3, 100]),\n"
            "        ('log', abs(g), np.logspace(-2, 2, 9)), ('geom', x[(n > 0) & ~np.isnan(x)], np.geomspace(.1, 10, "
            "5)),\n"
            "        ('whole', n, [-5, 0, 3, 5])]:\n"
            "    e = np.array(edges, float)\n"
            "    want = np.histogram(values[np.isfinite(values)], e)[0]\n"
            "    assert f[name].dtype == np.int64 and (f[name][:] == want).all(), (name, f[name][:], want)\n"
            "    assert (f[name + '_bin_bounds'][:] == np.c_[e[:-1], e[1:]]).all(), name\n"
            "    assert np.allclose(f[name + '_bin'][:], (e[:-1] + e[1:]) / 2, rtol=1e-15), name\n"
            "    lost = 0 if name == 'whole' else np.isnan(x[n > 0] if name == 'geom' else x).sum()\n"
            "    counts = [len(values), lost, 0, (values < e[0]).sum(), (values > e[-1]).sum()]\n"
            "    assert f['sheaf/reductions'][name][0].tolist() == counts, (name, counts)\n"
            "assert (f['q'][:] == np.quantile(g, [.05, .123, .5, .77, .95])).all(), f['q'][:]\n"
            "assert f['q_quantile'][:].tolist() == [.05, .123, .5, .77, .95] and f['q'].dims[0].keys() == "
            "['q_quantile']\n"
            "assert f['ends'][:].tolist() == [-np.inf, np.inf]\n"
            "assert (f['qn'][:] == np.quantile(n[x > 0], [.1, .5, .9])).all(), f['qn'][:]\n"
            "assert np.isnan(f['none'][0]) and np.isnan(f['spoilt'][0]) and f['empty'][:].tolist() == [0]\n"
            "assert np.isnan(f['q'].attrs['_FillValue']) and '_FillValue' not in f['h'].attrs and f['m'][()] == 9\n"
            "assert f['sheaf/reductions/spoilt'][:].tolist() == [[9600, 500, 0]]\n");
    }
    EXPECT_EQ(sheaf({"verify", "job.h5"}).exit, 0);
    EXPECT_EQ(count_of(sheaf({"show", "job.h5", "--csv", "--head", "0"}).out, "item,status,x,n,y\n"), 1);
}

/* Axes that stay come first; more cells than are counted at a time, more items than a piece has; xarray reads all. */
TEST_F(Distributions, AlongSomeAxes) {
    write("job.yaml", "items: {grid: {a: {linspace: [1, 3, 3], unit: kg}, b: {range: [0, 30]}}, repeat: 4000}\n"
                      "expression: {y: \"sin(a * 1000 + b * 77 + repeat * repeat)\"}\n"
                      "reduce:\n"
                      "  h: {histogram: {of: y, edges: {linspace: [-1, 1, 11]}}, over: [repeat]}\n"
                      "  ha: {histogram: {of: a, edges: [0, 2, 3]}, over: [repeat, b]}\n"
                      "  hb: {histogram: {of: y, edges: {linspace: [-1, 1, 40001]}}, over: [a, repeat]}\n"
                      "  q: {quantiles: {of: y, at: {AT}}, over: repeat}\n"
                      "  qb: {quantiles: {of: y, at: [.25, .75]}, over: [a, b], where: \"a < 3\"}\n");
    shell("sed -i \"s/{AT}/[$(seq -s, 0.01 0.01 0.64)]/\" job.yaml");
    run_job({"job.yaml"}, {0, 2});
    python("f = h5py.File('job.h5'); y = f['y'][:]\n"
           "def counts(y, e): return np.apply_along_axis(lambda v: np.histogram(v, e)[0], -1, y)\n"
           "assert (f['h'][:] == counts(y, np.linspace(-1, 1, 11))).all() and f['h'].shape == (3, 30, 10)\n"
           "assert f['ha'][:].tolist() == [[120000, 0], [0, 120000], [0, 120000]]\n"
           "assert (f['hb'][:] == counts(y.transpose(1, 0, 2).reshape(30, -1), np.linspace(-1, 1, 40001))).all()\n"
           "p = f['q_quantile'][:]; assert len(p) == 64\n"
           "assert (f['q'][:] == np.moveaxis(np.quantile(y, p, axis=2), 0, 2)).all()\n"
           "assert (f['qb'][:] == np.quantile(y[:2].reshape(60, -1), [.25, .75], axis=0).T).all()\n"
           "assert (f['sheaf/reductions/h'][:] == [4000, 0, 0, 0, 0]).all() and f['ha_bin'].attrs['units'] == 'kg'\n"
           "assert [d.keys() for d in f['q'].dims] == [['a'], ['b'], ['q_quantile']]\n");
    if (run({SHEAF_PYTHON, "-c", "import xarray, h5netcdf, netCDF4"}).exit == 0)
        python("import xarray\n"
               "for engine in 'h5netcdf', 'netcdf4':\n"
               "    s = xarray.open_dataset('job.h5', engine=engine)\n"
               "    assert s.h.dims == ('a', 'b', 'h_bin') and s.q.dims == ('a', 'b', 'q_quantile')\n"
               "    assert (s.h.sum('h_bin') == 4000).all() and s.h.dtype == np.int64\n"
               "    assert s.h_bin.attrs['bounds'] == 'h_bin_bounds' and s.h_bin_bounds.dims[0] == 'h_bin'\n"
               "    assert (s.q.sel(q_quantile=.5) == np.quantile(s.y.values, .5, axis=2)).all()\n");
}

/* What is not done is counted; in the end, and after a kill, they are those of all. */
TEST_F(Distributions, InPartsAndAgain) {
    write("job.yaml", "items: {rows: [{x: 1}, {x: 2}, {x: 3}, {x: 4}]}\n"
                      "command: 'test {x} != 2 -o -e fixed && echo {x}'\n"
                      "outputs: {y: {column: 1, type: int64}}\n"
                      "reduce: {s: {sum: y}, h: {histogram: {of: y, edges: [2, 3, 4]}}, q: {quantiles: {of: y, at: "
                      "[0.5]}}}\n");
    Result part = run_job({"job.yaml", "--items", "0:3"}, {}, 1);
    EXPECT_EQ(count_of(part.err, "  s = 4 (2 values; 2 items are not done)\n"
                                 "  h: 2 bins from 2 to 4, 1 value, 1 below, 2 items are not done; most in [3, 4]: 1\n"
                                 "  q = 2 (50 %) (2 values; 2 items are not done)\n"),
              1)
        << part;
    Result rest = run_job({"job.yaml"}, {2, 1}, 1);
    EXPECT_EQ(count_of(rest.err, "  q = 3 (50 %) (3 values; 1 item is not done)\n"), 1) << rest;
    write("fixed", "");
    Result fixed = run_job({"job.yaml", "--retry-failed"}, {2, 1});
    const char *const all = "  s = 10 (4 values)\n"
                            "  h: 2 bins from 2 to 4, 3 values, 1 below; most in [3, 4]: 2\n"
                            "  q = 2.5 (50 %) (4 values)\n";
    EXPECT_EQ(count_of(fixed.err, all), 1) << fixed;
    EXPECT_EQ(count_of(sheaf({"status", "job.h5"}).out, all), 1);
    const std::string json = sheaf({"status", "job.h5", "--json"}).out;
    EXPECT_EQ(count_of(json, "{\"cells\": 1, \"name\": \"h\", \"bins\": 2, \"first_edge\": 2, \"last_edge\": 4, "
                             "\"below\": 1, \"above\": 0, \"values\": 4, \"nan\": 0, \"not_done\": 0}"),
              1)
        << json;
    EXPECT_EQ(count_of(json, "\"quantiles\": [{\"at\": 0.5, \"value\": 2.5}]"), 1) << json;
    /* killed when all rows were there and the results were not */
    python("f = h5py.File('job.h5', 'r+'); f['q'][:] = np.nan; f['h'][:] = -1; f['sheaf/reduced'][0] = 0\n");
    EXPECT_EQ(count_of(run_job({"job.yaml"}).err, all), 1);
    /* as they are before anything is computed */
    EXPECT_EQ(sheaf({"run", "job.yaml", "--recompute", "--items", "0:1", "-q"}).exit, 0);
    python(
        "f = h5py.File('job.h5'); assert f['h'][:].tolist() == [1, 2] and f['sheaf/reductions/h'][:].tolist() == [[4, "
        "0, 0, 1, 0]]\n");
}

/* Before items are computed there is no value. */
TEST_F(Distributions, AKilledRunLeavesNone) {
    write("job.yaml", "items: {count: 40}\ncommand: 'test {item} -lt 20 || sleep 1000; echo {item}'\n"
                      "outputs: {y: {column: 1}}\n"
                      "reduce: {h: {histogram: {of: y, edges: {linspace: [0, 40, 1001]}}}, q: {quantiles: {of: y, at: "
                      "[.1, .2]}}}\n");
    run_job({"job.yaml", "--items", "0:10"});
    python("f = h5py.File('job.h5'); assert f['h'][:].sum() == 10 and np.allclose(f['q'][:], [.9, 1.8])\n");
    const StatusPlace place = find_status(path("job.h5"));
    {
        Child child(command({"run", "job.yaml", "-q"}, {0, 2}), start());
        ASSERT_TRUE(wait_until([&] { return count_done(path("job.h5"), place) == 20; }));
        child.kill_all(SIGKILL);
        child.wait();
    }
    python("f = h5py.File('job.h5'); assert (f['h'][:] == -1).all() and np.isnan(f['q'][:]).all()\n"
           "assert f['h_bin'][0] == .02 and f['q_quantile'][:].tolist() == [.1, .2]\n"
           "assert not f['sheaf/reductions/h'][:].any()\n");
}

/* Others of the same rows: nothing is computed again, and nothing is left of those that were. */
TEST_F(Distributions, OthersOfTheSameRows) {
    const std::string job =
        "items: {grid: {x: [1, 2, 3], k: [1, 2]}}\ncommand: 'echo run >> calls; echo $(({x} * {k}))'\n"
        "outputs: {y: {column: 1}}\n";
    write("job.yaml", job);
    run_job({"job.yaml"}, {2, 1});
    const std::string calls = read("calls");
    write("job.yaml", job + "reduce: {h: {histogram: {of: y, edges: [0, 3, 6]}}}\n");
    Result first = run_job({"job.yaml"});
    EXPECT_EQ(count_of(first.err, "  h: 2 bins from 0 to 6, 6 values; most in [0, 3): 3\n"), 1) << first;
    write("job.yaml", job + "reduce: {h: {histogram: {of: y, edges: [0, 4, 6]}}, q: {quantiles: {of: y, at: [0, 1]}, "
                            "over: [k]}, m: {mean: y}}\n");
    EXPECT_EQ(count_of(sheaf({"check", "job.yaml"}).out, "other reductions are asked for than it has"), 1);
    Result second = run_job({"job.yaml"}, {2, 1});
    EXPECT_EQ(count_of(second.err, "  m = 3 (6 values)\n  h: 2 bins from 0 to 6, 6 values; most in [0, 4): 4\n"), 1)
        << second;
    python("f = h5py.File('job.h5'); assert f['q'][:].tolist() == [[1, 2], [2, 4], [3, 6]]\n"
           "assert f['h_bin_bounds'][:].tolist() == [[0, 4], [4, 6]] and f['h_bin'][:].tolist() == [2, 5]\n");
    EXPECT_EQ(count_of(run_job({"job.yaml"}).err, "nothing to do"), 1);
    /* two files: the same, and other bins */
    shell("cp job.h5 one.h5");
    EXPECT_EQ(sheaf({"diff", "job.h5", "one.h5"}).exit, 0);
    write("job.yaml", job + "reduce: {h: {histogram: {of: y, edges: [0, 5, 6]}}, m: {mean: y}}\n");
    run_job({"job.yaml"});
    Result differ = sheaf({"diff", "job.h5", "one.h5"});
    EXPECT_EQ(differ.exit, 1) << differ;
    EXPECT_EQ(count_of(differ.out, "other cells, and were not compared: h\n"), 1) << differ;
    write("job.yaml", job + "reduce: {m: {mean: y}}\n");
    run_job({"job.yaml"});
    python(
        "f = h5py.File('job.h5'); assert not [n for n in f if n in ('h', 'q') or n[:2] in ('h_', 'q_')] and "
        "sorted(f['sheaf/reductions']) == "
        "['m'], list(f)\n"
        "assert f['x'].attrs['REFERENCE_LIST'].size == sum(1 for n in f if n not in ('x', 'sheaf') and f[n].shape and "
        "f[n].dims[0].keys() == ['x'])\n");
    EXPECT_EQ(read("calls"), calls);
    EXPECT_EQ(sheaf({"verify", "job.h5"}).exit, 0);
}

/* In a stage: a later one takes quantiles as an array. */
TEST_F(Distributions, OfAStage) {
    write("job.yaml",
          "stages:\n"
          "- {name: one, items: {count: 101}, expression: {y: item / 10}, reduce: {q: {quantiles: {of: y, "
          "at: [.1, .5]}}, h: {histogram: {of: y, edges: [0, 5, 10]}}}}\n"
          "- {name: two, items: {count: 2}, shared: {q: {stage: one.q}, h: {stage: one.h}}, expression: {z: "
          "\"q[item] + 100 * h[item]\"}}\n");
    Result result = run_job({"job.yaml"}, {2, 1});
    python("f = h5py.File('job.h5'); assert f['one/q'][:].tolist() == [1, 5], f['one/q'][:]\n"
           "assert f['one/h'][:].tolist() == [50, 51] and f['two/z'][:].tolist() == [5001, 5105], f['two/z'][:]\n"
           "assert f['one/q'].dims[0].keys() == ['q_quantile'] and f['one/h_bin'].attrs['bounds'] == 'h_bin_bounds'\n");
    EXPECT_EQ(sheaf({"verify", "job.h5"}).exit, 0);
    EXPECT_EQ(count_of(run_job({"job.yaml"}).err, "  q = 1 (10 %), 5 (50 %) (101 values)\n"), 1);
}

TEST_F(Distributions, WhatCannotBeIsRefused) {
    const std::pair<const char *, const char *> wrong[] = {
        {"{h: {histogram: y}}",
         "w.yaml:3:25: reduce.h.histogram should be a map: {of: y, edges: {linspace: [0, 1, 11]}}"},
        {"{h: {histogram: {of: y}}}", "reduce.h.histogram.edges is missing"},
        {"{h: {histogram: {edges: [0, 1]}}}", "reduce.h.histogram.of is missing"},
        {"{h: {histogram: {of: y, edges: 3}}}", "reduce.h.histogram.edges should be a list of numbers, or a map"},
        {"{h: {histogram: {of: y, edges: [1]}}}",
         "reduce.h.histogram.edges are 1 numbers; there should be 2 to 1048577"},
        {"{h: {histogram: {of: y, edges: [1, 1]}}}", "reduce.h.histogram.edges should increase"},
        {"{h: {histogram: {of: y, edges: [1, a]}}}", "reduce.h.histogram.edges should list numbers; 'a' is none"},
        {"{h: {histogram: {of: y, edges: {linspace: [1, 0, 5]}}}}", "reduce.h.histogram.edges should increase"},
        {"{h: {histogram: {of: y, edges: {linspice: [1, 0, 5]}}}}", "did you mean 'linspace'?"},
        {"{h: {histogram: {of: y, edges: [1, 2]}, nan: propagate}}", "a histogram has no bin for what is no number"},
        {"{h: {histogram: {of: q, edges: [1, 2]}}}", "no field, param or function 'q'"},
        {"{q: {quantiles: {of: y, at: .5}}}", "reduce.q.quantiles.at should list probabilities: [0.05, 0.5, 0.95]"},
        {"{q: {quantiles: {of: y, at: [5]}}}",
         "w.yaml:3:38: reduce.q.quantiles.at should be probabilities from 0 to 1"},
        {"{q: {quantiles: {of: y, at: [.5, .5]}}}", "that increase; 5 % is 0.05"},
        {"{q: {quantiles: {of: y, at: []}}}", "reduce.q.quantiles.at has 0 probabilities; there should be 1 to 64"},
        {"{a: {histogram: {of: y, edges: [0, 1]}}, a_bin: {sum: y}}", "reduce.a: its dataset 'a_bin' is called as"},
        {"{n: {quantiles: {of: y, at: [0]}}}", "reduce.n: its dataset 'n_quantile' is called as something else is"},
    };
    for (const auto &[reduce, message] : wrong) {
        write("w.yaml", std::string("items: {grid: {x: [1, 2], n_quantile: [1, 2]}}\nexpression: {y: x}\nreduce: ") +
                            reduce + "\n");
        Result result = run_job({"w.yaml"}, {}, 2);
        EXPECT_EQ(count_of(result.err, message), 1) << reduce << "\n" << result;
        EXPECT_FALSE(exists(path("w.h5")));
    }
}

} // namespace
