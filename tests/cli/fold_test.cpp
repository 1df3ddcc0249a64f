/* What the threads put together as they compute is what the rows say: to the bit, for every layout and after a kill. */
#include "cli/program.h"

namespace {

class Fold : public Program {
  protected:
    std::string python(const std::string &text) const {
        Result result =
            run({SHEAF_PYTHON, "-c", "import h5py, math, numpy as np\nfrom fractions import Fraction as F\n" + text});
        EXPECT_EQ(result.exit, 0) << result;
        return result.out;
    }
    /* All reductions of a file, in hexadecimal. */
    std::string reductions(const std::string &file) const {
        return python(
            "f = h5py.File('" + file +
            "')\n"
            "for k in sorted(f['sheaf/reductions']):\n"
            "    print(k, np.ascontiguousarray(f[k][()]).tobytes().hex(), f['sheaf/reductions'][k][:].tolist())\n");
    }
};

constexpr const char *asked =
    "reduce: {s: {sum: y}, m: {mean: \"y * 3 - x\"}, v: {variance: y}, se: {standard_error: k}, lo: {min: y}, "
    "hi: {max: f}, at: {argmin: y}, n: {count: \"y > 0\"}, few: {mean: y, where: \"k % 3 == 1\"}, none: {mean: y, "
    "where: "
    "\"k < -7\"}, p: {sum: z, nan: propagate}, q: {sum: z}, fz: {mean: item}}\n";

/* Inputs of several types, values that cancel, NaN, a last block that is not full. */
TEST_F(Fold, IsWhatTheRowsSay) {
    python("r = np.random.default_rng(3); n = 30011\n"
           "x = np.ldexp(r.random(n) - 0.5, r.integers(-40, 40, n)); x[n // 2:] = -x[:n - n // 2]; r.shuffle(x)\n"
           "f = h5py.File('x.h5', 'w'); f['x'] = x; f['k'] = np.arange(n, dtype='i4') - 7\n"
           "f.create_dataset('f', data=r.random(n).astype('f4'), chunks=(4096,), compression='gzip')\n");
    write("job.yaml", std::string("items: {hdf5: {file: x.h5, fields: {x: /x, k: /k, f: /f}}}\n"
                                  "expression: {y: x + 0, z: \"k % 100 == 0 ? nan : x * 0.1\", w: k + f}\n") +
                          asked);
    std::string first;
    for (const Layout &layout : {Layout{0, 1}, Layout{0, 3}, Layout{2, 2}, Layout{4, 1}, Layout{2, 1, true}}) {
        SCOPED_TRACE(layout.name());
        run_job({"job.yaml", "--overwrite"}, layout);
        if (first.empty())
            first = reductions("job.h5");
        EXPECT_EQ(reductions("job.h5"), first);
    }
    python(
        "f, i = h5py.File('job.h5'), h5py.File('x.h5')\n"
        "x, k, g = (list(map(F, map(float, i[c][:]))) for c in 'xkf')\n"
        "n = len(x); s = sum(x); mean = lambda v: float(sum(v) / len(v))\n"
        "var = lambda v: (sum(a * a for a in v) * n - sum(v) ** 2) / (n * (n - 1))\n"
        "z = list(map(float, f['z'][:])); few = [a for a, b in zip(x, k) if math.fmod(b, 3) == 1]\n"
        "m3 = [F(float(a) * 3 - float(a)) for a in x]\n"
        "want = dict(s=float(s), m=mean(m3), v=float(var(x)), se=math.sqrt(float(var(k) / n)), lo=float(min(x)), "
        "hi=float(max(g)),\n"
        "            at=x.index(min(x)), n=sum(a > 0 for a in x), few=mean(few), q=float(sum(F(a) for a in z if a == "
        "a)),\n"
        "            fz=float(F(n - 1, 2)))\n"
        "got = {c: f[c][()] for c in want}\n"
        "assert got == want, (got, want)\n"
        "assert math.isnan(f['p'][()]) and math.isnan(f['none'][()])\n");
    /* the rows, read again */
    python("f = h5py.File('job.h5', 'r+'); f['sheaf/reduced'][0] = 0; f['s'][()] = 0\n");
    run_job({"job.yaml"});
    EXPECT_EQ(reductions("job.h5"), first);
}

/* A run that goes on reads the rows of the one before. */
TEST_F(Fold, IsTheSameAfterARunThatEndedEarly) {
    write("job.yaml", "items: {grid: {x: {linspace: [1, 300, 300]}}, repeat: 4}\nkernel: " SHEAF_PLUGIN_DIR
                      "/hostile.so:slow\nparams: {ms: 2}\nreduce: {s: {sum: y}, m: {mean: y, over: [repeat]}}\n");
    Result early = run_job({"job.yaml", "--stop-after", "0.5"}, {2, 1}, 75);
    EXPECT_EQ(count_of(early.err, "  s = "), 1) << early;
    run_job({"job.yaml"}, {2, 1});
    const std::string twice = reductions("job.h5");
    run_job({"job.yaml", "--overwrite"}, {0, 4});
    EXPECT_EQ(reductions("job.h5"), twice);
}

/* Items that fail, are tried again, or are left out of a reduction. */
TEST_F(Fold, WhatFailedIsCountedOnce) {
    write("job.yaml", "items: {rows: [{x: 1}, {x: 2}, {x: 3}, {x: 4}, {x: 5}]}\nretries: 2\n"
                      "command: 'test {x} != 2 && test {x} != 5 && echo {x}'\noutputs: {y: {column: 1}}\n"
                      "reduce: {s: {sum: y}, sx: {sum: x}, b: {argmax: y}}\n");
    for (const Layout &layout : {Layout{0, 2}, Layout{2, 1}}) {
        run_job({"job.yaml", "--overwrite"}, layout, 1);
        python("f = h5py.File('job.h5'); r = f['sheaf/reductions']\n"
               "assert (f['s'][()], f['sx'][()], f['b'][()]) == (8, 8, 3)\n"
               "assert all(r[c][:].ravel().tolist() == [3, 0, 2] for c in r), [r[c][:] for c in r]\n");
    }
}

} // namespace
