/* The ready jobs in jobs/: all of them run, from anywhere, and give the right values. And the same small model as users
   have it - Python, C, awk - as commands and as workers. */
#include "cli/program.h"

namespace {

const char compare[] = "import csv, json, math, os, subprocess, sys\n"
                       "os.environ['HDF5_USE_FILE_LOCKING'] = 'FALSE'\n"
                       "import h5py\n"
                       "import numpy as np\n"
                       "TABLE = '" SHEAF_SOURCE_DIR "/data/asteroids.csv'\n";

class Examples : public Program {
  protected:
    /* Runs jobs/NAME, then Python text that looks into f, its results, all of which must be done. */
    void run_example(const std::string &name, const std::string &results, const std::string &python) const {
        run_job({SHEAF_SOURCE_DIR "/jobs/" + name}, {2, 1});
        look(results, python);
    }
    void look(const std::string &results, const std::string &python) const {
        write("look.py", compare + std::string("f = h5py.File('") + results + "')\n" +
                             "assert (f['status'][:] == 1).all(), np.unique(f['status'][:], return_counts=True)\n" +
                             python);
        Result result = run({SHEAF_PYTHON, "look.py"});
        EXPECT_EQ(result.exit, 0) << result;
    }
};

/* Each job file has its test here, or where it is named. */
TEST_F(Examples, AllHaveATest) {
    const Words elsewhere = {"expression.yaml", "moid.yaml", "plugin-example", "squares.yaml"},
                here = {"commands.yaml",    "files.yaml", "ishigami.yaml", "pi.yaml",
                        "square_plus.yaml", "sweep-ode",  "worker-python", "worker-shell"};
    for (const std::string &name : list_folder(SHEAF_SOURCE_DIR "/jobs")) {
        if (!name.ends_with(".yaml") && !name.starts_with("worker") && !name.starts_with("sweep") &&
            !name.ends_with("example"))
            continue;
        EXPECT_TRUE(std::count(elsewhere.begin(), elsewhere.end(), name) + std::count(here.begin(), here.end(), name))
            << name;
    }
}

TEST_F(Examples, Pi) {
    run_job({SHEAF_SOURCE_DIR "/jobs/pi.yaml", "--set", "params.samples=2000"}, {2, 1});
    check({"pi", path("pi.h5"), "1", "2000"});
}

/* Where solutions stay bounded is known from the characteristic values of Mathieu's functions. */
TEST_F(Examples, SweepOde) {
    run_job({SHEAF_SOURCE_DIR "/jobs/sweep-ode/mathieu.yaml", "--set", "items.grid.a.linspace=[-2, 8, 26]", "--set",
             "items.grid.q.linspace=[0, 5, 11]"},
            {2, 1});
    look("mathieu.h5", "assert f['growth'].shape == (26, 11) and f['growth'].dims[1][0].name == '/q'\n"
                       "try:\n"
                       "    from scipy.special import mathieu_a, mathieu_b\n"
                       "except ImportError:\n"
                       "    sys.exit()\n"
                       "a, q, stable = f['a'][:][:, None], f['q'][:], np.zeros((26, 11), bool)\n"
                       "for r in range(6):\n"
                       "    stable |= (a >= mathieu_a(r, q)) & (a <= mathieu_b(r + 1, q))\n"
                       "assert (stable == (f['growth'][:] == 0)).all() and 50 < stable.sum() < 250\n");
}

TEST_F(Examples, Ishigami) {
    run_example("ishigami.yaml", "ishigami.h5",
                "x1, x2, x3, y = (f[name][:] for name in ('x1', 'x2', 'x3', 'y'))\n"
                "assert np.abs(y - (np.sin(x1) + 7 * np.sin(x2)**2 + 0.1 * x3**4 * np.sin(x1))).max() < 1e-12\n"
                "assert abs(y.mean() - 3.5) < 1e-3 and len(y) == 16384\n"
                "import math\n"
                "assert f['mean_y'][()] == math.fsum(y) / 16384 and abs(f['var_y'][()] / y.var(ddof=1) - 1) < 1e-12\n"
                "assert abs(y.var() - (49 / 8 + 0.1 * np.pi**4 / 5 + 0.01 * np.pi**8 / 18 + 0.5)) < 0.02\n");
}

TEST_F(Examples, Files) {
    run_example("files.yaml", "files.h5",
                "import glob\n"
                "paths = sorted(glob.glob('" SHEAF_SOURCE_DIR "/jobs/*.yaml'))\n"
                "assert [os.path.realpath(p) for p in f['file'].asstr()[:]] == [os.path.realpath(p) for p in paths]\n"
                "assert list(f['lines'][:]) == [open(p, 'rb').read().count(b'\\n') for p in paths]\n"
                "assert list(f['bytes'][:]) == [os.path.getsize(p) for p in paths]\n");
}

TEST_F(Examples, SquarePlus) {
    run_job({SHEAF_SOURCE_DIR "/jobs/square_plus.yaml"}, {2, 1});
    check({"square_plus", path("square_plus.h5"), "100000"});
}

TEST_F(Examples, Commands) {
    run_example("commands.yaml", "commands.h5",
                "k = np.arange(100)\n"
                "assert (f['energy'][:] == 3 * k * k).all() and f['energy'].attrs['units'] in ('J', b'J')\n"
                "assert list(f['stdout'].asstr()[:]) == ['item %d: energy = %d\\n' % (i, 3 * i * i) for i in k]\n");
    Result shown = sheaf({"show", "commands.h5", "--item", "17", "--field", "stdout"});
    EXPECT_EQ(shown.out, "item 17: energy = 867\n") << shown;
    /* as by hand, as the comment says */
    const std::string text = read_file(SHEAF_SOURCE_DIR "/jobs/commands.yaml");
    const size_t at = text.find("for x in");
    ASSERT_NE(at, std::string::npos);
    Result by_hand = shell(text.substr(at, text.find('\n', at) - at));
    EXPECT_EQ(by_hand.exit, 0) << by_hand;
    EXPECT_EQ(count_of(read("log.txt"), "item 17: energy = 867\n"), 1);
}

TEST_F(Examples, WorkerInPython) {
    run_example("worker-python/model.yaml", "model.h5",
                "rows = list(csv.DictReader(open(TABLE, encoding='utf-8')))\n"
                "a = np.array([float(r['a_au']) for r in rows])\n"
                "e = np.array([float(r['e']) for r in rows])\n"
                "around = np.linspace(0, 2 * np.pi, 100, endpoint=False)\n"
                "mean = 278.6 / np.sqrt(a) * np.sqrt(1 - e[:, None] * np.cos(around)).mean(axis=1)\n"
                "assert len(a) == 7099 and np.allclose(f['mean'][:], mean, rtol=1e-12)\n"
                "assert np.allclose(f['hottest'][:], 278.6 / np.sqrt(a * (1 - e)), rtol=1e-12)\n");
}

TEST_F(Examples, WorkerInShell) {
    run_example("worker-shell/model.yaml", "collatz.h5",
                "def steps(n):\n"
                "    return 0 if n == 1 else 1 + steps(3 * n + 1 if n % 2 else n // 2)\n"
                "wanted = np.array([steps(k + 1) for k in range(1000)])\n"
                "assert (f['start'][:] == np.arange(1, 1001)).all() and (f['steps'][:] == wanted).all()\n"
                "assert list(f['verdict'].asstr()[:]) == ['long' if n > 100 else 'short' for n in wanted]\n");
}

/* The orbits of asteroids, by programs that a user could have: each prints the aphelion of what it is told. */
TEST_F(Examples, ModelsAsTheyAre) {
    write("model.py", "import json, sys\n"
                      "if len(sys.argv) > 1:\n"
                      "    a, e = map(float, sys.argv[1:])\n"
                      "    print('aphelion = %.17g au' % (a * (1 + e)))\n"
                      "else:\n"
                      "    for line in sys.stdin:\n"
                      "        q = json.loads(line)\n"
                      "        print(json.dumps({'aphelion': q['a_au'] * (1 + q['e'])}))\n");
    write("model.c", "#include <stdio.h>\n"
                     "#include <stdlib.h>\n"
                     "#include <string.h>\n"
                     "int main(int n, char **words) {\n"
                     "    char line[4096];\n"
                     "    if (n == 3)\n"
                     "        return printf(\"aphelion = %.17g au\\n\", atof(words[1]) * (1 + atof(words[2]))) < 0;\n"
                     "    while (fgets(line, sizeof line, stdin)) {\n"
                     "        double a = atof(strstr(line, \"\\\"a_au\\\": \") + 8);\n"
                     "        double e = atof(strstr(line, \"\\\"e\\\": \") + 5);\n"
                     "        printf(\"{\\\"aphelion\\\": %.17g}\\n\", a * (1 + e));\n"
                     "        fflush(stdout);\n"
                     "    }\n"
                     "    return 0;\n"
                     "}\n");
    Result built = shell(SHEAF_PLAIN_CC " -ffp-contract=off -o model model.c");
    ASSERT_EQ(built.exit, 0) << built;
    /* awk reads ahead from a pipe, so a shell hands it the lines one by one */
    write("model.sh", "while read -r line; do\n"
                      "    echo \"$line\" | awk -F '\"a_au\": |\"e\": ' '{ split($2, a, \",\"); split($3, e, \",\");\n"
                      "        printf \"{\\\"aphelion\\\": %.17g}\\n\", a[1] * (1 + e[1]) }'\n"
                      "done\n");
    const std::pair<const char *, const char *> models[] = {
        {"command", "[\"" SHEAF_PYTHON "\", model.py, '{a_au}', '{e}']"},
        {"command", "[./model, '{a_au}', '{e}']"},
        {"command", "[awk, -v, 'a={a_au}', -v, 'e={e}', 'BEGIN { printf \"aphelion = %.17g au\\n\", a * (1 + e) }']"},
        {"worker", "[\"" SHEAF_PYTHON "\", model.py]"},
        {"worker", "./model"},
        {"worker", "[sh, model.sh]"}};
    for (const auto &[kind, words] : models) {
        SCOPED_TRACE(std::string(kind) + ": " + words);
        const std::string outputs =
            kind == std::string("command") ? "{aphelion: {regex: 'aphelion = (\\S+)', unit: au}}" : "[aphelion]";
        write("job.yaml", std::string("items: {csv: " SHEAF_SOURCE_DIR "/data/asteroids.csv}\n") + kind + ": " + words +
                              "\noutputs: " + outputs + "\n");
        run_job({"job.yaml", "-q", "--overwrite", "--items", "0:30"}, {0, 2});
        write("look.py",
              compare + std::string("f = h5py.File('job.h5')\n"
                                    "a, e = f['a_au'][:30], f['e'][:30]\n"
                                    "assert (f['status'][:30] == 1).all()\n"
                                    "assert (f['aphelion'][:30] == a * (1 + e)).all(), f['aphelion'][:30]\n"));
        Result result = run({SHEAF_PYTHON, "look.py"});
        EXPECT_EQ(result.exit, 0) << result;
    }
}

} // namespace
