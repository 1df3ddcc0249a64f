/* Kernels in Fortran, as a user has them: the installed module, gfortran. Skipped where that is not. */
#include "cli/program.h"

namespace {

const char open_results[] = "import csv, os, sys\n"
                            "os.environ['HDF5_USE_FILE_LOCKING'] = 'FALSE'\n"
                            "import h5py\n"
                            "import numpy as np\n";

class Fortran : public Program {
  protected:
    void SetUp() override {
        if (shell("command -v gfortran").exit != 0)
            GTEST_SKIP() << "gfortran is not here: kernels in Fortran are not tested";
    }
    void look(const std::string &python) const {
        write("look.py", open_results + python);
        Result result = run({SHEAF_PYTHON, "look.py"});
        EXPECT_EQ(result.exit, 0) << result;
    }
};

/* The example, against the solution of the differential equation. */
TEST_F(Fortran, TheExampleWithTheInstalledModule) {
    Result install = shell("make -C " + shell_word(SHEAF_BUILD_DIR) + " install DESTDIR=" + path("root"));
    ASSERT_EQ(install.exit, 0) << install;
    std::string module = shell("find root -name sheaf_kernel.f90").out;
    ASSERT_EQ(count_of(module, "/include/sheaf/sheaf_kernel.f90\n"), 1) << module;
    std::string prefix = path(module.substr(0, module.find("/include/sheaf/")));
    ASSERT_EQ(shell("cp -r " SHEAF_SOURCE_DIR "/jobs/plugin-fortran here && rm -f here/*.so here/*.mod").exit, 0);
    Result make = shell("make -C here FFLAGS='-O2 -Wall -Wextra -Werror' SHEAF_PREFIX=" + shell_word(prefix));
    ASSERT_EQ(make.exit, 0) << make;
    shell("echo 'unphysical,1,-0.5,1' >> here/oscillator.csv");
    Result run = shell("cd here && mpirun --oversubscribe -np 2 " SHEAF_PROGRAM " run oscillator.yaml");
    EXPECT_EQ(count_of(run.err, "oscillator: 7 of 8 items done, 1 failed"), 1) << run;
    look(
        "f = h5py.File('here/oscillator.h5')\n"
        "rows = list(csv.DictReader(open('here/oscillator.csv')))\n"
        "assert list(f['status'][:]) == [1] * 7 + [2], f['status'][:]\n"
        "for i, row in enumerate(rows[:-1]):\n"
        "    w, d, t = (float(row[key]) for key in ('frequency', 'damping', 'time'))\n"
        "    r = np.sqrt(complex(d * d - 1)) * w\n"
        "    decay = np.exp(-d * w * t)\n"
        "    sinh_over_r = np.sinh(r * t) / r if abs(r) > 0 else t\n" /* x = e^-dwt (cosh rt + dw sinh(rt) / r) */
        "    x = (decay * (np.cosh(r * t) + d * w * sinh_over_r)).real\n"
        "    v = (-decay * w * w * sinh_over_r).real\n"
        "    assert np.allclose(f['state'][i], [x, v], rtol=0, atol=1e-5 * max(w, 1)), (row, f['state'][i], x, v)\n"
        "assert f['swings'][4] == 30 and f['swings'][1] == 0\n" /* sign changes of cos at 1/2, 3/2 … of 30 half turns */
        "said = bytes(f['sheaf/errors/message'][0]).rstrip(b'\\0').decode()\n"
        "assert said == 'damping is -0.500000: it must not be negative', said\n");
    Result refused = shell("cd here && " SHEAF_PROGRAM " run oscillator.yaml -o no.h5 --set params.steps=0");
    EXPECT_EQ(refused.exit, 2) << refused;
    EXPECT_EQ(count_of(refused.err, "kernel oscillator: steps must be above zero"), 1) << refused;
}

/* Every procedure of the module, also in a child. */
TEST_F(Fortran, Services) {
    Result built =
        shell("gfortran -std=f2008 -fPIC -frecursive -shared -Wall -Wextra -Werror -o services.so " SHEAF_SOURCE_DIR
              "/include/sheaf/sheaf_kernel.f90 " SHEAF_SOURCE_DIR "/tests/plugins/services.f90");
    ASSERT_EQ(built.exit, 0) << built;
    write("in.csv", "word\nzero\none\ntwo\nthree\nfour\nfive\nsix\n");
    write("table.txt", "2.5\n");
    for (const std::string isolate : {"", "isolate: true\n"}) {
        write("job.yaml",
              "items: {csv: in.csv}\nkernel: ./services.so:services\nseed: 7\nparams: {table: table.txt}\n" + isolate);
        Result result = sheaf({"run", "job.yaml", "--overwrite"}, {0, 2});
        EXPECT_EQ(result.exit, 75) << result; /* item 5 is pending */
        for (const char *warning : {"opened in Fortran", "mapped in Fortran"})
            EXPECT_EQ(count_of(result.err, std::string("warning of kernel services: ") + warning + "\n"), 1) << result;
        look("f = h5py.File('job.h5')\n"
             "assert list(f['status'][:]) == [1, 1, 2, 3, 1, 0, 1], f['status'][:]\n"
             "for i in (0, 1, 3, 4, 6):\n"
             "    u = np.random.Generator(np.random.Philox(key=[7, i])).random(3)\n"
             "    assert (f['u'][i] == u).all(), (i, f['u'][i], u)\n"
             "    assert f['z'][i] == np.float32(2.5 * 1.5), f['z'][i]\n"
             "said = sorted(bytes(m).rstrip(b'\\0').decode() for m in f['sheaf/errors/message'][:2])\n"
             "assert said == ['three', 'two'], said\n");
        Result text = sheaf({"show", "job.h5", "--item", "4", "--field", "said"});
        EXPECT_EQ(text.out, "four, factor of 3 items") << text;
    }
}

} // namespace
