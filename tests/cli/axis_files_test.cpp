/* Axes whose values lie in files: the cube is that of the same values written out. */
#include "cli/program.h"

namespace {

class AxisFiles : public Program {
  protected:
    AxisFiles() {
        write("make.py",
              "import h5py, numpy as np, os\n"
              "os.makedirs('jobs', exist_ok=True)\n"
              "open('a.csv', 'w').write('mass,site,n,gap\\n0.10,a,1,1\\n2.5,\"b, c\",-7,\\n1e1,007,3,2\\n')\n"
              "f = h5py.File('t.h5', 'w')\n"
              "f['time'] = np.array([0.5, 1 / 3, -2.0, 1e300])\n"
              "f['f4'] = np.array([0.1, 7], 'f4'); f['i2'] = np.array([-3, 300], '>i2')\n"
              "f['i8'] = np.array([2**60 + 1, -2**60])\n"
              "f['two'] = np.zeros((2, 2)); f['one'] = 5.0; f['nan'] = np.array([1, np.nan])\n"
              "f['text'] = ['a', 'b']; f['none'] = np.zeros(0)\n");
        EXPECT_EQ(run({SHEAF_PYTHON, "make.py"}).exit, 0);
    }
};

TEST_F(AxisFiles, AreThoseWrittenOut) {
    const struct {
        std::string kernel, fields;
    } kernels[] = {{"expression: {y: mass * t + n, z: big}\n", "y,z"},
                   {"command: [printf, \"%s|\", \"{mass}\", \"{site}\", \"{t}\", \"{n}\", \"{big}\"]\n", "stdout"},
                   {"worker: 'while read -r line; do echo \"{\\\"l\\\": ${#line}}\"; done'\n"
                    "outputs: {l: {type: int64}}\n",
                    "l"}};
    for (const auto &k : kernels) {
        write("written.yaml",
              "items: {grid: {mass: [0.10, 2.5, 1e1], place: {zip: {site: [a, \"b, c\", \"007\"], n: [1, -7, 3]}}, "
              "t: [0.5, 0.3333333333333333, -2.0, 1e300], big: [1152921504606846977, -1152921504606846976]}}\n" +
                  k.kernel);
        write("jobs/file.yaml",
              "items: {grid: {mass: {csv: \"../a.csv:mass\", unit: kg}, place: {zip: {site: {csv: \"../a.csv:site\"}, "
              "n: {csv: \"../a.csv:n\"}}}, t: {hdf5: \"../t.h5:/time\"}, big: {hdf5: \"../t.h5:/i8\"}}}\n" +
                  k.kernel);
        const std::string t = k.fields == "stdout" ? "mass,site,n,big" : k.fields + ",mass,site,n,t,big";
        run_job({"written.yaml", "--overwrite"}, {0, 2});
        for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}, Layout{3, 1, true}}) {
            SCOPED_TRACE(k.fields + layout.name());
            run_job({"jobs/file.yaml", "--overwrite"}, layout);
            check({"same", t, path("written.h5"), path("file.h5")});
        }
    }
    Result shape = run({SHEAF_PYTHON, "-c",
                        "import h5py, numpy as np; f = h5py.File('file.h5')\n"
                        "assert f['l'].shape == (3, 3, 4, 2) and f['mass'].attrs['units'] == 'kg'\n"});
    EXPECT_EQ(shape.exit, 0) << shape;
}

/* Numbers of other types, and the identity: the values alone. */
TEST_F(AxisFiles, ValuesAreTheIdentity) {
    write("f.yaml", "items: {grid: {x: {hdf5: \"t.h5:/f4\"}, i: {hdf5: \"t.h5:/i2\"}, n: {csv: \"a.csv:n\"}}}\n"
                    "expression: {y: x * i + n}\n");
    run_job({"f.yaml", "--items", "3:7"}, {0, 1});
    write("a.csv", "other,n\n5,1\n6,-7\n7,3\n");
    run_job({"f.yaml"}, {2, 1});
    Result values = run({SHEAF_PYTHON, "-c",
                         "import h5py, numpy as np; f = h5py.File('f.h5')\n"
                         "x, i, n = np.array([0.1, 7], 'f4').astype(float), np.array([-3, 300]), np.array([1, -7, 3])\n"
                         "assert f['i'].dtype == 'i8' and (f['x'][:] == x).all() and (f['i'][:] == i).all()\n"
                         "y = x[:, None, None] * i[:, None] + n\n"
                         "assert np.allclose(f['y'][:], y, rtol=1e-15)\n"});
    EXPECT_EQ(values.exit, 0) << values;
    write("a.csv", "other,n\n5,1\n6,-7\n7,4\n");
    Result other = sheaf({"run", "f.yaml", "--set", "expression.y=x + i + n"});
    EXPECT_EQ(other.exit, 2);
    EXPECT_EQ(count_of(other.err, "item 2 has n = 4 and had 3"), 1) << other;
}

TEST_F(AxisFiles, WhatCannotBe) {
    const struct {
        std::string axis, said;
    } cases[] = {
        {"{csv: a.csv}", "items.grid.x is 'a.csv'; it should be FILE:COLUMN"},
        {"{csv: \"a.csv:mas\"}", "a.csv: has no column 'mas'"},
        {"{csv: \"b.csv:x\"}", "b.csv: cannot open: No such file or directory"},
        {"{csv: \"a.csv:gap\"}", "a.csv:3: row 2, column 'gap': '' is no value"},
        {"{csv: \"g.csv:x\"}", "g.csv:5: row 2, column 'x': 'NA' is no value that an axis could have"},
        {"{csv: \"a.csv:site\"}", "'a.csv:site' makes 'x' a text, and the kernel reads it as float64"},
        {"{csv: \"a.csv:n\", hdf5: \"t.h5:/time\"}", "has values in 2 ways"},
        {"{hdf5: t.h5}", "items.grid.x is 't.h5'; it should be FILE:/DATASET"},
        {"{hdf5: \"t.h5:/no\"}", "no"},
        {"{hdf5: \"u.h5:/no\"}", "u.h5"},
        {"{hdf5: \"t.h5:/two\"}", "t.h5: '/two' has 2 dimensions; the values of an axis have one"},
        {"{hdf5: \"t.h5:/one\"}", "t.h5: '/one' has 0 dimensions"},
        {"{hdf5: \"t.h5:/nan\"}", "value 1 (the first is 0) is none"},
        {"{hdf5: \"t.h5:/text\"}", "'/text'"},
        {"{hdf5: \"c.h5:/c\"}", "'/c' is no array of numbers; of complex numbers save the real and the imaginary part"},
        {"{hdf5: \"t.h5:/none\"}", "items.grid.x has 0 values; an axis has from 1 to 100000000"},
    };
    Result made = run({SHEAF_PYTHON, "-c", "import h5py; h5py.File('c.h5', 'w')['c'] = [1j, 2]"});
    ASSERT_EQ(made.exit, 0) << made;
    write("g.csv", "x,name\n1,\"a\nb\"\n\nNA,c\n");
    for (const auto &c : cases) {
        write("bad.yaml", "items: {grid: {x: " + c.axis + "}}\nexpression: {y: 2 * x}\n");
        Result bad = sheaf({"run", "bad.yaml"});
        EXPECT_EQ(bad.exit, 2) << c.axis << bad;
        EXPECT_GE(count_of(bad.err, c.said), 1) << c.said << bad;
        EXPECT_EQ(count_of(bad.err, "bad.yaml:1:"), 1) << bad;
        EXPECT_FALSE(exists(path("bad.h5")));
    }
}

} // namespace
