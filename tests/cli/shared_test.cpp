/* Data that all items share: read from files of others' making, and found by every kind of kernel; once on a node. */
#include "cli/program.h"

#include <signal.h>

#include <algorithm>
#include <fstream>

namespace {

class Shared : public Program {
  protected:
    Shared() {
        write("make.py", "import numpy as np, h5py\n"
                         "rng = np.random.default_rng(7)\n"
                         "np.save('a.npy', np.arange(12.).reshape(3, 4))\n"
                         "np.save('flags.npy', np.array([True, False, True]))\n"
                         "np.save('xs.npy', np.sort(rng.random(50)))\n"
                         "with h5py.File('t.h5', 'w') as f:\n"
                         "    f['ys'] = rng.random(50).astype('f4')\n"
                         "    f['total'] = 3.5\n"
                         "    f.create_dataset('cube', data=np.arange(24).reshape(2, 3, 4), chunks=(1, 2, 3), "
                         "compression='gzip')\n"
                         "open('w.csv', 'w').write('name,weight\\na,1.5\\nb,2\\n')\n");
        EXPECT_EQ(run({SHEAF_PYTHON, "make.py"}).exit, 0);
    }

    static constexpr const char *shared =
        "shared: {a: {npy: a.npy}, flags: {npy: flags.npy}, xs: {npy: xs.npy}, ys: {hdf5: \"t.h5:/ys\"}, "
        "cube: {hdf5: \"t.h5:/cube\"}, total: {hdf5: \"t.h5:/total\"}, w: {csv: \"w.csv:weight\"}, k: 5}\n";

    std::string line_of(const std::string &name) const {
        std::string text = read(name);
        return text.substr(0, text.find('\n'));
    }

    static std::vector<Layout> layouts() { return {Layout{0, 1}, Layout{4, 1}, Layout{0, 3}, Layout{2, 1, true}}; }
};

TEST_F(Shared, FormulasReadElementsAndInterpolate) {
    write("job.yaml", std::string("items: {grid: {i: [-1, 0, 1, 2, 0.5, 3, nan], x: {linspace: [-0.5, 1.5, 101]}}}\n") +
                          shared +
                          "expression: {e: \"a[i, 2]\", n: \"interp(x, xs, ys)\", s: \"total * k + w[1]\", "
                          "c: \"cube[1, i, 3]\", f: \"flags[i]\"}\n");
    write("look.py",
          "import h5py, numpy as np, sys\n"
          "f = h5py.File('job.h5'); xs = np.load('xs.npy'); t = h5py.File('t.h5')\n"
          "x, a, nan = f['x'][:], np.load('a.npy'), np.nan\n"
          "def is_(name, wanted): assert np.array_equal(f[name][:, 0], wanted, equal_nan=True), f[name][:, 0]\n"
          "assert (f['n'][0] == np.interp(x, xs, t['ys'][:])).all()\n"
          "is_('e', [nan, *a[:, 2], nan, nan, nan])\n"
          "is_('c', [nan, *t['cube'][1, :, 3], nan, nan, nan])\n"
          "is_('f', [nan, 1, 0, 1, nan, nan, nan])\n"
          "assert (f['s'][:] == 3.5 * 5 + 2).all()\n");
    for (const Layout &layout : layouts()) {
        SCOPED_TRACE(layout.name());
        run_job({"job.yaml", "--overwrite"}, layout);
        Result look = run({SHEAF_PYTHON, "look.py"});
        EXPECT_EQ(look.exit, 0) << look;
    }
}

TEST_F(Shared, FormulasThatCannotBe) {
    const struct {
        std::string formula, said;
    } cases[] = {{"a[i]", "a has 2 dimensions; here are 1 indices"},
                 {"a[i, 2", "']' is missing for the '[' at character 2"},
                 {"q[1]", "'q' is no array that the job shares"},
                 {"a + 1", "'a' is an array; write a[i]"},
                 {"interp(i, ys, xs)", "the places of interp, ys, do not increase"},
                 {"interp(i, a, ys)", "takes two arrays of one dimension"},
                 {"interp(i, xs)", "takes two arrays of one dimension"},
                 {"interp(i, xs, w)", "the arrays of interp have different lengths"}};
    for (const auto &c : cases) {
        write("bad.yaml",
              std::string("items: {grid: {i: [0, 1]}}\n") + shared + "expression:\n  y: \"" + c.formula + "\"\n");
        Result bad = sheaf({"run", "bad.yaml"});
        EXPECT_EQ(bad.exit, 2) << c.formula;
        EXPECT_EQ(count_of(bad.err, "bad.yaml:4:"), 1) << bad;
        EXPECT_EQ(count_of(bad.err, c.said), 1) << c.said << "\n" << bad;
    }
}

/* numpy goes from the right where the slope from the left is none. */
TEST_F(Shared, InterpolationBesideInfiniteValues) {
    write("job.yaml", "items: {grid: {x: [-1, 0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6]}}\n"
                      "shared: {px: {npy: px.npy}, py: {npy: py.npy}}\n"
                      "expression: {y: \"interp(x, px, py)\"}\n");
    Result made = run({SHEAF_PYTHON, "-c",
                       "import numpy as np; np.save('px.npy', np.arange(6.))\n"
                       "np.save('py.npy', np.array([-np.inf, 0, np.inf, np.inf, np.nan, 1]))"});
    ASSERT_EQ(made.exit, 0) << made;
    run_job({"job.yaml"});
    Result look = run({SHEAF_PYTHON, "-c",
                       "import h5py, numpy as np; f = h5py.File('job.h5')\n"
                       "wanted = np.interp(f['x'][:], np.load('px.npy'), np.load('py.npy'))\n"
                       "assert wanted[2] == -np.inf and wanted[6] == np.inf\n"
                       "assert np.array_equal(f['y'][:], wanted, equal_nan=True), f['y'][:]"});
    EXPECT_EQ(look.exit, 0) << look;
}

/* An array of one number is a number, and an array too. */
TEST_F(Shared, OneNumberByItsIndexIsTheJobs) {
    for (std::string formula : {"one[0] * i", "interp(i, one, one)", "one * i"}) {
        SCOPED_TRACE(formula);
        auto save = [this](const std::string &value) {
            Result made = run({SHEAF_PYTHON, "-c", "import numpy as np; np.save('one.npy', [" + value + "])"});
            ASSERT_EQ(made.exit, 0) << made;
        };
        write("job.yaml",
              "items: {grid: {i: [0, 1, 2]}}\nshared: {one: {npy: one.npy}}\nexpression: {y: \"" + formula + "\"}\n");
        save("2.0");
        run_job({"job.yaml", "--overwrite", "--items", "0:2"}, {0, 1}, 0);
        save("3.0");
        Result other = sheaf({"run", "job.yaml"});
        EXPECT_EQ(other.exit, 2) << other;
        EXPECT_EQ(count_of(other.err, "one: 2', this job has"), 1) << other;
        save("2.0");
        run_job({"job.yaml"});
    }
}

/* Chunks that were never written take no space, so a file may have any shape. */
TEST_F(Shared, MoreNumbersThanThereCanBe) {
    Result made = run({SHEAF_PYTHON, "-c",
                       "import h5py\nwith h5py.File('vast.h5', 'w') as f:\n"
                       "    for name, shape in dict(a=(2**32, 2**32), b=(2**31, 2**30), c=(0, 2**62)).items():\n"
                       "        f.create_dataset(name, shape, 'f8', maxshape=(None, None), chunks=(64, 64))"});
    ASSERT_EQ(made.exit, 0) << made;
    for (std::string name : {"a", "b", "c"}) {
        write("job.yaml", "items: {grid: {i: [0, 4000000000]}}\nshared: {t: {hdf5: \"vast.h5:/" + name +
                              "\"}}\nexpression: {y: \"t[i, i]\"}\n");
        Result result = sheaf({"run", "job.yaml", "--overwrite"});
        EXPECT_EQ(result.exit, name == "c" ? 0 : 2) << result;
        EXPECT_EQ(count_of(result.err, "job.yaml:2:13: vast.h5: '/" + name + "' has more numbers than any memory"),
                  name == "c" ? 0 : 1)
            << result;
    }
}

/* By name, type and shape; isolated too. */
TEST_F(Shared, PluginsFindThem) {
    write("finds.c",
          "#include <sheaf/kernel.h>\n"
          "static const struct sheaf_field in[] = {{.name = \"i\", .type = SHEAF_INT64, .width = 1}};\n"
          "static const struct sheaf_field out[] = {{.name = \"y\", .type = SHEAF_FLOAT64, .width = 1}};\n"
          "static int32_t open_(const struct sheaf_setup *s, struct sheaf_shape *shape, void **self) {\n"
          "    struct sheaf_array a;\n"
          "    (void)self;\n"
          "    if (s->find_shared(s, \"none\", &a) || !s->find_shared(s, \"a\", &a) || a.n_dims != 2 || a.shape[0] != "
          "3 ||\n"
          "        a.shape[1] != 4 || a.type != SHEAF_FLOAT64 || (uintptr_t)a.data % 64)\n"
          "        return s->refuse(s, \"the array a is not what it was\");\n"
          "    shape->outputs = out;\n"
          "    shape->n_outputs = 1;\n"
          "    shape->block = 2;\n"
          "    return 0;\n"
          "}\n"
          "static int32_t map(const void *self, const struct sheaf_context *c, const struct sheaf_block *b) {\n"
          "    struct sheaf_array a, cube, k;\n"
          "    (void)self;\n"
          "    if (!c->find_shared(c, \"a\", &a) || !c->find_shared(c, \"cube\", &cube) || !c->find_shared(c, \"k\", "
          "&k) ||\n"
          "        cube.type != SHEAF_INT64 || cube.n_dims != 3 || k.n_dims != 0 || c->find_shared(c, \"none\", &a))\n"
          "        return SHEAF_BLOCK_FAILED;\n"
          "    for (int64_t j = 0; j < b->n; j++) {\n"
          "        const int64_t i = ((const int64_t *)b->in[0])[j];\n"
          "        ((double *)b->out[0])[j] = ((const double *)a.data)[i] + 100. * (double)((const int64_t "
          "*)cube.data)[i] +\n"
          "                                   10000. * (double)*(const int64_t *)k.data;\n"
          "    }\n"
          "    return SHEAF_OK;\n"
          "}\n"
          "const struct sheaf_kernel sheaf_kernel_finds = {.head = SHEAF_KERNEL(finds), .version = \"1\", .summary = "
          "\"finds\",\n"
          "    .n_inputs = 1, .inputs = in, .open = open_, .map = map};\n");
    Result built = shell("cc -shared -fPIC -Wall -Werror -I" SHEAF_SOURCE_DIR "/include finds.c -o finds.so");
    ASSERT_EQ(built.exit, 0) << built;
    const std::string job = std::string("items: {grid: {i: {range: [12]}}}\n") + shared + "kernel: ./finds.so:finds\n";
    write("plain.yaml", job);
    write("alone.yaml", job + "isolate: true\n");
    for (std::string name : {"plain", "alone"})
        for (const Layout &layout : layouts()) {
            SCOPED_TRACE(name + ", " + layout.name());
            run_job({name + ".yaml", "--overwrite"}, layout);
            Result look = run({SHEAF_PYTHON, "-c",
                               "import h5py, numpy as np; i = np.arange(12)\n"
                               "assert (h5py.File('" +
                                   name + ".h5')['y'][:] == i + 100 * i + 50000).all()"});
            EXPECT_EQ(look.exit, 0) << look;
        }
}

/* As files that numpy maps, on each node; and they are gone afterwards, also when the run is killed. */
TEST_F(Shared, ProgramsMapThem) {
    const std::string items = std::string("items: {grid: {i: [0, 1, 2]}}\n") + shared;
    write("look.py",
          "import os, sys, json, numpy as np\n"
          "def load(name): return np.load(os.environ['SHEAF_SHARED'] + f'/{name}.npy', mmap_mode='r')\n"
          "a, cube, k, w, flags, ys = map(load, ('a', 'cube', 'k', 'w', 'flags', 'ys'))\n"
          "assert os.stat(os.environ['SHEAF_SHARED'] + '/a.npy').st_mode & 0o777 == 0o400, 'one could write there'\n"
          "assert a.shape == (3, 4) and cube.shape == (2, 3, 4) and cube.dtype == np.int64 and ys.dtype == 'f4' and "
          "flags.dtype == bool\n"
          "def row(i): return a[i].sum() + 100 * int(cube[1, i, 0]) + 1e4 * int(k) + w[1] + 1e6 * int(flags[i])\n"
          "if len(sys.argv) > 1:\n"
          "    print(json.dumps({'y': row(int(sys.argv[1]))}))\n"
          "else:\n"
          "    for line in sys.stdin: print(json.dumps({'y': row(json.loads(line)['i'])}), flush=True)\n");
    write("c.yaml", items + "command: [" SHEAF_PYTHON ", \"{job_dir}/look.py\", \"{i}\"]\noutputs: {y: {json: y}}\n");
    write("w.yaml", items + "worker: [" SHEAF_PYTHON ", look.py]\noutputs: {y: {type: float64}}\n");
    for (std::string name : {"c", "w"})
        for (const Layout &layout : layouts()) {
            SCOPED_TRACE(name + ", " + layout.name());
            run_job({name + ".yaml", "--overwrite"}, layout);
            Result look = run({SHEAF_PYTHON, "-c",
                               "import h5py; y = list(h5py.File('" + name +
                                   ".h5')['y'][:])\n"
                                   "assert y == [1051208.0, 51624.0, 1052040.0], y"});
            EXPECT_EQ(look.exit, 0) << look;
        }
    /* What nobody is left to remove the next run removes; and its own goes with it, however it ends. Other tests run beside this
       one, and have folders of theirs. */
    const std::string left = "/dev/shm/sheaf-node-of-a-test";
    ASSERT_EQ(shell("mkdir -p -m 700 " + left + " && touch " + left + "/a.npy").exit, 0);
    write("quick.yaml", items + "command: [sh, -c, \"echo $SHEAF_SHARED > {job_dir}/where\"]\n");
    write("slow.yaml", items + "command: [sh, -c, \"echo $SHEAF_SHARED > {job_dir}/begun; sleep 100\"]\n");
    run_job({"quick.yaml"}, {2, 1});
    const std::string own = line_of("where");
    EXPECT_EQ(own.rfind("/dev/shm/sheaf-node-", 0), 0u) << own;
    EXPECT_FALSE(exists(own)) << own;
    EXPECT_FALSE(exists(left));
    Child child(command({"run", "slow.yaml"}), start());
    EXPECT_TRUE(wait_until([&] { return exists(path("begun")) && !read("begun").empty(); }));
    const std::string killed = line_of("begun");
    EXPECT_TRUE(exists(killed)) << killed;
    kill(child.pid(), SIGKILL);
    child.wait();
    EXPECT_TRUE(wait_until([&] { return !exists(killed); })) << "the server of the run removes it";
}

/* An entry that nothing uses is most likely a slip, and is said; programs read what they like. */
TEST_F(Shared, WhatNothingUses) {
    write("f.yaml", "items: {grid: {i: [0, 1], total: [1, 2]}}\nshared:\n  a: {npy: a.npy}\n  totl: 5\n  k: 3\n"
                    "  xs: {npy: xs.npy}\nexpression: {y: \"a[i, 2] * k + total\"}\n");
    const std::string said = "sheaf: f.yaml:4:9: no formula uses 'totl' of shared; did you mean 'total'?\n"
                             "sheaf: f.yaml:6:7: no formula uses 'xs' of shared\n";
    Result check = sheaf({"check", "f.yaml"});
    EXPECT_EQ(check.err, said);
    EXPECT_NE(check.out.find("shared:\n  a float64[3, 4], 96 bytes, from a.npy\n  totl int64, 8 bytes, from the job "
                             "file\n  k int64, 8 bytes, from the job file\n  xs float64[50], 400 bytes, from xs.npy\n"),
              std::string::npos)
        << check;
    Result ran = sheaf({"run", "f.yaml"});
    EXPECT_EQ(count_of(ran.err, said), 1) << ran;
    EXPECT_EQ(sheaf({"run", "f.yaml", "--quiet", "--overwrite"}).err, "");
    write("w.yaml",
          std::string("items: {grid: {i: [0]}}\n") + shared + "command: [\"true\"]\noutputs: {y: {exit_code: true}}\n");
    EXPECT_EQ(count_of(sheaf({"run", "w.yaml"}).err, "of shared"), 0);
}

/* What a plugin takes shows when it has computed; a name that it looks for in vain, before. */
TEST_F(Shared, WhatAPluginDoesNotLookUp) {
    write("takes.c",
          "#include <sheaf/kernel.h>\n"
          "static const struct sheaf_field out[] = {{.name = \"y\", .type = SHEAF_FLOAT64, .width = 1}};\n"
          "static int32_t open_(const struct sheaf_setup *s, struct sheaf_shape *shape, void **self) {\n"
          "    struct sheaf_array a;\n"
          "    (void)self;\n"
          "    s->find_shared(s, \"weights\", &a);\n"
          "    shape->outputs = out;\n"
          "    shape->n_outputs = 1;\n"
          "    return 0;\n"
          "}\n"
          "static int32_t map(const void *self, const struct sheaf_context *c, const struct sheaf_block *b) {\n"
          "    struct sheaf_array a;\n"
          "    (void)self;\n"
          "    ((double *)b->out[0])[0] = c->find_shared(c, b->first % 2 ? \"one\" : \"other\", &a);\n"
          "    return SHEAF_OK;\n"
          "}\n"
          "const struct sheaf_kernel sheaf_kernel_takes = {.head = SHEAF_KERNEL(takes), .version = \"1\", .summary = "
          "\"takes\",\n"
          "    .open = open_, .map = map};\n");
    Result built = shell("cc -shared -fPIC -Wall -Werror -I" SHEAF_SOURCE_DIR "/include takes.c -o takes.so");
    ASSERT_EQ(built.exit, 0) << built;
    write("job.yaml", "items: {count: 64}\nkernel: ./takes.so:takes\nshared:\n  one: 1\n  wieghts: 2\n  other: 3\n"
                      "  rest: 4\n");
    const std::string slip =
        "sheaf: job.yaml:5:12: the kernel does not look up 'wieghts' of shared; did you mean 'weights'?\n";
    EXPECT_EQ(sheaf({"check", "job.yaml"}).err, slip);
    for (const Layout &layout : {Layout{0, 1}, Layout{4, 1}, Layout{2, 1, true}}) {
        SCOPED_TRACE(layout.name());
        Result ran = run_job({"job.yaml", "--overwrite"}, layout);
        EXPECT_EQ(count_of(ran.err, slip), 1) << ran;
        EXPECT_EQ(count_of(ran.err, "sheaf: job.yaml:7:9: the kernel does not look up 'rest' of shared\n"), 1) << ran;
        EXPECT_EQ(count_of(ran.err, "of shared"), 2) << ran;
    }
}

TEST_F(Shared, AnotherFileIsAnotherJob) {
    write("job.yaml", std::string("items: {grid: {i: [0, 1]}}\n") + shared + "expression: {y: \"a[i, 0]\"}\n");
    run_job({"job.yaml"}, {0, 1});
    run_job({"job.yaml"}, {2, 1});
    EXPECT_EQ(
        run({SHEAF_PYTHON, "-c", "import numpy as np; a = np.load('a.npy'); a[2, 3] += 1; np.save('a.npy', a)"}).exit,
        0);
    Result other = sheaf({"run", "job.yaml"});
    EXPECT_EQ(other.exit, 2);
    EXPECT_EQ(count_of(other.err, "shared a: float64[3, 4]"), 2) << "was, and is\n" << other;
}

TEST_F(Shared, FilesThatCannotBe) {
    write("bad.py", "import numpy as np\n"
                    "a = np.arange(6.).reshape(2, 3)\n"
                    "np.save('fortran.npy', np.asfortranarray(a)); np.save('complex.npy', a * 1j)\n"
                    "np.save('text.npy', np.array(['a']))\n"
                    "np.save('big.npy', a.astype('>f8')); np.save('deep.npy', np.zeros((1,) * 9))\n"
                    "open('cut.npy', 'wb').write(open('a.npy', 'rb').read()[:-1])\n"
                    "open('no.npy', 'wb').write(b'hello')\n");
    ASSERT_EQ(run({SHEAF_PYTHON, "bad.py"}).exit, 0);
    const struct {
        std::string value, said;
    } cases[] = {
        {"{npy: none.npy}", "none.npy: "},
        {"{npy: fortran.npy}", "is in Fortran's order; save it with numpy.ascontiguousarray(a)"},
        {"{npy: complex.npy}", "holds complex numbers, of type '<c16'; save their parts as two arrays: a.real.copy()"},
        {"{npy: text.npy}", "holds values of type '<U1'; it should be numbers"},
        {"{npy: big.npy}", "holds values of type '>f8'"},
        {"{npy: deep.npy}", "has more than 8 dimensions"},
        {"{npy: cut.npy}", "is cut short"},
        {"{npy: no.npy}", "is no file of numpy.save"},
        {"{csv: w.csv}", "it should be FILE:COLUMN"},
        {"{csv: \"w.csv:wieght\"}", "w.csv: has no column 'wieght'"},
        {"{csv: \"w.csv:name\"}", "column 'name': 'a' is not a number"},
        {"{hdf5: \"t.h5:/none\"}", "t.h5"},
        {"{hdf5: t.h5}", "it should be FILE:/DATASET"},
        {"{hdf5: \"t.h5:/ys\", npy: a.npy}", "has 2 sources"},
        {"word", "it should be a number, or {hdf5: FILE:/DATASET}"},
        {"[1, 2]", "should be a map"}};
    for (const auto &c : cases) {
        write("bad.yaml", "items: {count: 2}\nshared: {q: " + c.value + "}\nexpression: {y: item}\n");
        for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}}) {
            if (layout.ranks && &c != cases) /* one after the other */
                continue;
            Result bad = run(command({"run", "bad.yaml"}, layout));
            EXPECT_EQ(bad.exit, 2) << c.value;
            EXPECT_EQ(count_of(bad.err, "bad.yaml:2:"), 1) << bad;
            EXPECT_EQ(count_of(bad.err, c.said), 1) << c.said << "\n" << bad;
        }
    }
}

/* One copy on a node, whatever the number of ranks: what their memory adds up to, each page divided by who has it. */
TEST_F(Shared, OnceOnANode) {
    const long array_mb = 160;
    ASSERT_EQ(run({SHEAF_PYTHON, "-c", "import numpy as np; np.save('large.npy', np.arange(20e6))"}).exit, 0);
    write("job.yaml",
          "items: {grid: {x: {range: [400]}}}\nkernel: " SHEAF_PLUGIN_DIR "/hostile.so:slow\nparams: {ms: 100}\n");
    write("with.yaml", read("job.yaml") + "shared: {large: {npy: large.npy}}\n");
    long mb[2];
    for (int k = 0; k < 2; k++) {
        const std::string name = k ? "with" : "job";
        Child child(command({"run", name + ".yaml", "-q"}, {4, 1}), start());
        StatusPlace place;
        EXPECT_TRUE(wait_until([&] {
            if (place.offset < 0)
                place = find_status(path(name + ".h5"));
            return !child.running() || (place.offset >= 0 && count_done(path(name + ".h5"), place) >= 8);
        }));
        mb[k] = 0;
        for (pid_t pid : child.processes("sheaf")) {
            std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
            std::string word;
            for (long kb; file >> word;)
                if (word == "Pss:" && file >> kb)
                    mb[k] += kb / 1024;
        }
        EXPECT_TRUE(child.running());
        kill(child.pid(), SIGTERM);
        child.wait();
    }
    EXPECT_GT(mb[1] - mb[0], array_mb / 2) << mb[0] << ", " << mb[1];
    EXPECT_LT(mb[1] - mb[0], array_mb * 3 / 2) << mb[0] << ", " << mb[1];
}

} // namespace
