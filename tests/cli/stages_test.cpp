/* Jobs with stages: what one takes from another, in which order they run, that nothing is computed twice, and kills. What
   the values should be is worked out by Python. */
#include "cli/program.h"

#include <unistd.h>

namespace {

class Stages : public Program {
  protected:
    void python(const std::string &text) const {
        Result result = run({SHEAF_PYTHON, "-c", "import h5py, numpy as np\n" + text});
        ASSERT_EQ(result.exit, 0) << result;
    }
    /* What `sheaf run` says of a job that it refuses. */
    std::string refusal(const std::string &job) const {
        write("job.yaml", job);
        Result result = sheaf({"run", "job.yaml", "-q"});
        EXPECT_EQ(result.exit, 2) << result;
        EXPECT_FALSE(exists(path("job.h5")));
        return result.err;
    }
    /* Each call of a stage's command adds a line to the file of its name. */
    int calls(const std::string &name) const {
        const std::string text = exists(path(name)) ? read(name) : "";
        return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
    }
    /* Items of stage one are three; the second uses each, and their mean. */
    static constexpr const char *counted =
        "output: c.h5\n"
        "stages:\n"
        "- name: one\n"
        "  items: {rows: [{x: 1}, {x: 2}, {x: 6}]}\n"
        "  command: 'echo >> one.calls; b=ba; test ! -e ${b}d -o {x} != 2 || exit 3; echo {x}0'\n"
        "  outputs: {y: {column: 1}}\n"
        "  reduce: {mean_y: {mean: y}}\n"
        "- name: two\n"
        "  items: {stage: one}\n"
        "  shared: {mu: {stage: one.mean_y}}\n"
        "  command: 'echo >> two.calls; echo {y}'\n"
        "  outputs: {z: {column: 1}}\n"
        "- name: three\n"
        "  items: {stage: {name: two, fields: {w: z}}}\n"
        "  expression: {v: w * factor}\n"
        "  params: {factor: 2}\n";
};

/* The example that everybody checks by hand. */
TEST_F(Stages, Squares) {
    for (const Layout &layout : {Layout{0, 1}, Layout{0, 3}, Layout{3, 1}, Layout{2, 2, true}}) {
        SCOPED_TRACE(layout.name());
        run_job({SHEAF_SOURCE_DIR "/jobs/squares.yaml", "--overwrite"}, layout);
        python("f = h5py.File('squares.h5')\n"
               "assert f['numbers/total'][()] == sum(range(10000)) == 49995000\n"
               "assert list(f['squares/y']) == [i * i + 49995000 for i in range(10)]\n"
               "assert (f['numbers/x'][:] == range(10000)).all() and (f['numbers/status'][:] == 1).all()\n"
               "assert list(f) == ['numbers', 'sheaf', 'squares'], list(f)\n");
        EXPECT_EQ(sheaf({"verify", "squares.h5"}).exit, 0);
    }
    Result again = sheaf({"run", SHEAF_SOURCE_DIR "/jobs/squares.yaml"});
    EXPECT_EQ(again.exit, 0);
    EXPECT_NE(again.err.find("numbers: 10,000 of 10,000 items done already; nothing to do"), std::string::npos)
        << again;
    EXPECT_NE(again.err.find("squares: 10 of 10 items done already; nothing to do"), std::string::npos) << again;
}

/* Features of many files, then a model that uses their mean. */
TEST_F(Stages, TwoStep) {
    Result copied = run({"cp", "-r", SHEAF_SOURCE_DIR "/jobs/twostep", "."});
    ASSERT_EQ(copied.exit, 0) << copied;
    ASSERT_EQ(run({"twostep/make_files.sh", "40"}).exit, 0);
    for (const Layout &layout : {Layout{0, 2}, Layout{2, 1}}) {
        SCOPED_TRACE(layout.name());
        run_job({"twostep/twostep.yaml", "--overwrite"}, layout);
        python("import glob\n"
               "d = np.array([np.loadtxt(n) for n in sorted(glob.glob('twostep/data/*.txt'))]); f = "
               "h5py.File('twostep.h5')\n"
               "assert d.shape == (40, 64)\n"
               "level, spread = d.mean(1), d.std(1)\n"
               "assert np.allclose(f['features/level'], level, rtol=1e-12), f['features/level'][:] - level\n"
               "assert np.allclose(f['model/spread'], spread, rtol=1e-9)\n"
               "assert np.allclose(f['model/score'], (level - level.mean()) / level.std(ddof=1), atol=1e-9)\n"
               "assert f['model/n_noisy'][()] == (spread > 2.15).sum()\n"
               "assert list(f['model/level']) == list(f['features/level'])\n");
    }
}

/* In whichever order they stand. */
TEST_F(Stages, RunInTheOrderOfWhatTheyTake) {
    write("job.yaml", "stages:\n"
                      "- {name: c, items: {stage: b}, expression: {z: y + 1}}\n"
                      "- {name: b, items: {stage: a}, shared: {s: {stage: a.s}}, expression: {y: x * s}}\n"
                      "- {name: a, items: {count: 4}, expression: {x: item}, reduce: {s: {sum: x}}}\n");
    run_job({"job.yaml"}, {2, 1});
    python("f = h5py.File('job.h5'); assert list(f['c/z']) == [1, 7, 13, 19], f['c/z'][:]\n"
           "assert list(f['c']) == ['sheaf', 'item', 'x', 'y', 'z', 'status'], list(f['c'])\n");
}

TEST_F(Stages, SlipsAreNamed) {
    const std::string circle = refusal("stages:\n"
                                       "- {name: a, items: {stage: b}, expression: {x: 1}}\n"
                                       "- {name: b, items: {count: 2}, shared: {s: {stage: c.s}}, expression: {y: s}}\n"
                                       "- {name: c, items: {stage: a}, expression: {z: 1}, reduce: {s: {sum: z}}}\n");
    EXPECT_NE(circle.find("job.yaml:4:"), std::string::npos) << circle;
    EXPECT_NE(circle.find("the stages go in a circle: 'a' needs 'b' needs 'c' needs 'a'"), std::string::npos) << circle;
    const struct {
        const char *job, *error;
    } slips[] = {
        {"stages:\n- {name: aa, items: {count: 2}, expression: {x: 1}}\n- {name: b, items: {stage: ab}, expression: "
         "{x: 1}}\n",
         "job.yaml:3:20: there is no stage 'ab'; did you mean 'aa'?"},
        {"stages:\n- {name: a, items: {count: 2}, expression: {x: item}, reduce: {total: {sum: x}}}\n"
         "- {name: b, items: {count: 2}, shared: {t: {stage: a.totl}}, expression: {y: t}}\n",
         "job.yaml:3:44: shared.t: stage 'a' has no output or reduction 'totl'; did you mean 'total'?"},
        {"stages:\n- {name: a, items: {count: 2}, expression: {x: 1}}\n- {name: a, items: {count: 2}, expression: {x: "
         "1}}\n",
         "job.yaml:3:10: two stages are called 'a'"},
        {"items: {count: 3}\nstages:\n- {name: a, items: {count: 2}, expression: {x: 1}}\n",
         "job.yaml:1:1: 'items' belongs to a stage"},
        {"stages:\n- {items: {count: 2}, expression: {x: 1}}\n", "job.yaml:2:3: the stage has no name"},
        {"stages:\n- {name: a/b, items: {count: 2}, expression: {x: 1}}\n", "the stage is called 'a/b'"},
        {"stages:\n- {name: \"a\\x07b\", items: {count: 2}, expression: {x: 1}}\n", "control characters"},
        {"stages:\n- {name: a, output: b.h5, items: {count: 2}, expression: {x: 1}}\n",
         "'output' belongs to the job, not to the stage 'a'"},
        {"stages:\n- {name: a, items: {count: 2}, expression: {x: 1}}\n- {name: b, items: {stage: a}, inputs: link, "
         "expression: {y: x}}\n",
         "job.yaml:3:40: inputs: link does not go with items: {stage: …}"},
        {"items: {stage: a}\nexpression: {x: 1}\n", "items.stage is for jobs with stages"},
        {"items: {count: 1}\nshared: {t: {stage: a.b}}\nexpression: {x: t}\n",
         "shared.t.stage is for jobs with stages"},
        {"stages: {name: a}\n", "stages should be a list of maps"},
        {"stages:\n- {name: a, items: {count: 2}, expresion: {x: 1}}\n", "did you mean 'expression'?"},
    };
    for (const auto &slip : slips) {
        const std::string said = refusal(slip.job);
        EXPECT_NE(said.find(slip.error), std::string::npos) << said << slip.error;
    }
    write("job.yaml", "stages:\n- {name: alpha, items: {count: 2}, expression: {x: 1}}\n");
    EXPECT_NE(sheaf({"run", "job.yaml", "--stage", "alfa"}).err.find("'alpha'"), std::string::npos);
    EXPECT_NE(sheaf({"run", "job.yaml", "--items", "0"}).err.find("--items: of which stage?"), std::string::npos);
    EXPECT_FALSE(exists(path("job.h5")));
}

/* What failed in one stage is skipped in those that take its items, and says why; mended, they are computed anew. */
TEST_F(Stages, WhatFailedUpstreamIsSkipped) {
    write("job.yaml", counted);
    write("bad", "");
    run_job({"job.yaml"}, {0, 1}, 1);
    python("f = h5py.File('c.h5')\n"
           "assert list(f['one/status']) == [1, 2, 1] and list(f['two/status']) == [1, 5, 1], f['two/status'][:]\n"
           "assert list(f['three/status']) == [1, 5, 1] and f['one/mean_y'][()] == 35\n");
    Result why = sheaf({"show", "c.h5:/two", "--where-failed", "--csv"});
    EXPECT_NE(why.out.find("item 1 failed in stage one: exit code 3"), std::string::npos) << why;
    EXPECT_EQ(calls("two.calls"), 2);
    ASSERT_EQ(unlink(path("bad").c_str()), 0);
    run_job({"job.yaml", "--retry-failed"}, {2, 1});
    python("f = h5py.File('c.h5')\n"
           "assert [list(f[s + '/status']) for s in ('one', 'two', 'three')] == [[1, 1, 1]] * 3\n"
           "assert list(f['three/v']) == [20, 40, 120] and f['one/mean_y'][()] == 30\n");
    EXPECT_EQ(calls("one.calls"), 4);
    EXPECT_EQ(calls("two.calls"), 5) << "the mean has changed, on which each of them depends";
}

/* A stage that is as it was is not computed again, and one that is another is refused by name. */
TEST_F(Stages, NothingIsComputedTwice) {
    write("job.yaml", counted);
    run_job({"job.yaml"}, {0, 1});
    run_job({"job.yaml"}, {2, 1});
    EXPECT_EQ(calls("one.calls"), 3);
    EXPECT_EQ(calls("two.calls"), 3);
    Result other = sheaf({"run", "job.yaml", "--set", "three.params.factor=3"});
    EXPECT_EQ(other.exit, 2) << other;
    EXPECT_NE(other.err.find("stage 'three': "), std::string::npos) << other;
    EXPECT_NE(other.err.find("--stage three"), std::string::npos) << other;
    python("assert list(h5py.File('c.h5')['three/v']) == [20, 40, 120]\n");
    run_job({"job.yaml", "--set", "three.params.factor=3", "--stage", "three", "--overwrite"}, {0, 1});
    python("assert list(h5py.File('c.h5')['three/v']) == [30, 60, 180]\n");
    run_job({"job.yaml", "--stage", "two", "--items", "1", "--recompute"}, {0, 1});
    EXPECT_EQ(calls("one.calls"), 3);
    EXPECT_EQ(calls("two.calls"), 4);
    EXPECT_EQ(sheaf({"verify", "c.h5"}).exit, 0);
}

/* One file for each of them would be easier; but it is one, and says of each how far it is. */
TEST_F(Stages, StatusShowAndVerify) {
    write("job.yaml", counted);
    run_job({"job.yaml", "--stage", "one"}, {0, 1});
    Result status = sheaf({"status", "c.h5"});
    EXPECT_EQ(status.out,
              "c.h5:/one: 3 items, 3 done\n  mean_y = 30 (3 values)\nc.h5:/two: not begun\nc.h5:/three: not "
              "begun\n");
    EXPECT_EQ(sheaf({"status", "c.h5", "--exit-code"}).exit, 75);
    run_job({"job.yaml"}, {0, 1});
    EXPECT_EQ(sheaf({"status", "c.h5", "--exit-code"}).exit, 0);
    Result json =
        run({SHEAF_PYTHON, "-c",
             "import json, subprocess\n"
             "s = json.loads(subprocess.check_output(['" SHEAF_PROGRAM "', 'status', '--json', 'c.h5']))\n"
             "assert [x['counts']['done'] for x in s['stages']] == [3, 3, 3] and s['exit_code'] == 0, s\n"
             "s = json.loads(subprocess.check_output(['" SHEAF_PROGRAM "', 'status', '--json', 'c.h5:/two']))\n"
             "assert s['n_items'] == 3\n"});
    EXPECT_EQ(json.exit, 0) << json;
    EXPECT_EQ(sheaf({"show", "c.h5:/three", "--fields", "v", "--csv"}).out,
              "item,status,v\n0,done,20\n1,done,40\n2,done,120\n");
    Result which = sheaf({"show", "c.h5"});
    EXPECT_EQ(which.exit, 2);
    EXPECT_NE(which.err.find("has the stages one, two, three; say which one, as in c.h5:/three"), std::string::npos);
    for (const char *command : {"show", "status", "verify", "pack"}) {
        Result four = sheaf({command, "c.h5:/four"});
        EXPECT_EQ(four.exit, 2) << four;
        EXPECT_NE(four.err.find("c.h5: has the stages one, two, three"), std::string::npos) << four;
        Result none = sheaf({command, "d:/none.h5"}); /* no stage */
        EXPECT_NE(none.err.find("d:/none.h5: cannot open"), std::string::npos) << none;
    }
    python("f = h5py.File('c.h5', 'r+'); f['two/z'][1] = 7\n");
    Result verified = sheaf({"verify", "c.h5"});
    EXPECT_EQ(verified.exit, 1) << verified;
    EXPECT_NE(verified.out.find("c.h5:/two: is not as it was written"), std::string::npos) << verified;
    EXPECT_NE(verified.out.find("--stage two --recompute --items 0:3"), std::string::npos) << verified;
    EXPECT_NE(verified.out.find("c.h5:/one: 3 items"), std::string::npos) << verified;
}

/* Items of two stages have the same numbers. */
TEST_F(Stages, KeepFilesOfTheirOwn) {
    write("job.yaml", "stages:\n"
                      "- {name: one, items: {count: 3}, command: 'echo one {item} > f.txt', keep: f.txt}\n"
                      "- {name: two, items: {count: 3}, command: 'echo two {item} > f.txt', keep: f.txt}\n"
                      "- {name: work, items: {count: 3}, command: 'pwd', workdir: remove}\n");
    for (const Layout &layout : {Layout{0, 2}, Layout{2, 1}}) {
        run_job({"job.yaml", "--overwrite"}, layout);
        for (const std::string stage : {"one", "two"})
            for (const std::string item : {"0", "1", "2"})
                EXPECT_EQ(read("job.d/" + stage + "/" + item + "/f.txt"), stage + " " + item + "\n");
        EXPECT_EQ(list_folder(path("job.d")), (Words{"one", "two"}));
    }
    run_job({"job.yaml", "-o", "none.h5", "--stage", "work"}, {0, 1});
    EXPECT_FALSE(exists(path("none.d")));
}

/* Each of them has a folder of the node's memory, one after the other. */
TEST_F(Stages, CommandsShareDataOfTheirOwn) {
    const char *npy =
        SHEAF_PYTHON " -c 'import numpy, os; d = os.environ[\"SHEAF_SHARED\"]; print(sorted(os.listdir(d)), "
                     "float(numpy.load(d + \"/k.npy\")))'\n  outputs: {t: {regex: \"(.+)\", type: text}}\n";
    const std::string command = std::string("  command: |\n    ") + npy;
    write("job.yaml", "stages:\n- name: one\n  items: {count: 2}\n  shared: {k: 7, j: 1}\n" + command +
                          "- name: two\n  items: {count: 2}\n  shared: {k: 8}\n" + command +
                          "- name: three\n  items: {count: 2}\n  shared: {k: 9}\n" + command);
    for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}}) {
        run_job({"job.yaml", "--overwrite"}, layout);
        python("f = h5py.File('job.h5')\n"
               "assert set(f['one/t'].asstr()) == {\"['j.npy', 'k.npy'] 7.0\"}, f['one/t'][:]\n"
               "assert set(f['two/t'].asstr()) == {\"['k.npy'] 8.0\"}, f['two/t'][:]\n"
               "assert set(f['three/t'].asstr()) == {\"['k.npy'] 9.0\"}, f['three/t'][:]\n");
    }
}

/* What is pending, not yet packed or not yet summed is no value. */
TEST_F(Stages, NothingIsTakenOfAStageThatIsNotThrough) {
    write("job.yaml", "stages:\n"
                      "- name: one\n"
                      "  items: {count: 4}\n"
                      "  command: 'echo t{item}'\n"
                      "  outputs: {y: {regex: 't(.*)'}, t: {regex: '(t.*)', type: text}}\n"
                      "  reduce: {m: {mean: y}}\n"
                      "- {name: two, items: {count: 1}, shared: {y: {stage: one.y}}, expression: {z: 'y[3]'}}\n"
                      "- {name: three, items: {count: 1}, shared: {m: {stage: one.m}}, expression: {z: m}}\n"
                      "- {name: four, items: {stage: one}, command: 'echo {t}', outputs: {z: {regex: 't(.*)'}}}\n");
    const auto refuse = [&](const Words &stages, const std::string &why) {
        for (const std::string &stage : stages) {
            const std::string said = "stage '" + stage + "' takes from stage 'one': " + why +
                                     "; run that to its end first, with --stage one or without --stage";
            for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}}) {
                Result result = Child(command({"run", "job.yaml", "--stage", stage}, layout), start()).wait();
                EXPECT_EQ(result.exit, 2) << result;
                EXPECT_NE(result.err.find(said), std::string::npos) << result << said;
            }
            Result pending = sheaf({"check", "job.yaml", "--stage", stage, "--print", "pending"});
            EXPECT_EQ(pending.exit, 2) << pending;
            Result check = sheaf({"check", "job.yaml"});
            EXPECT_EQ(check.exit, 0) << check;
            EXPECT_NE(check.out.find(said), std::string::npos) << check;
        }
    };
    refuse({"two", "three", "four"}, "it is not computed yet");
    EXPECT_FALSE(exists(path("job.h5")));
    run_job({"job.yaml", "--stage", "one", "--items", "0:3"}, {0, 1});
    ASSERT_EQ(run({"cp", "-r", "job.d", "kept"}).exit, 0);
    refuse({"two", "three", "four"}, "1 of its 4 items are pending");
    run_job({"job.yaml", "--stage", "one"}, {0, 1});
    EXPECT_FALSE(exists(path("job.d")));
    ASSERT_EQ(rename(path("kept").c_str(), path("job.d").c_str()), 0); /* as after a kill */
    python("h5py.File('job.h5', 'r+')['one/sheaf/texts'][0] = 1\n");
    refuse({"two", "three", "four"}, "its texts are not in the file yet");
    run_job({"job.yaml", "--stage", "one"}, {0, 1});
    python("h5py.File('job.h5', 'r+')['one/sheaf/reduced'][0] = 0\n");
    refuse({"two", "three", "four"}, "its reductions are not made yet");
    run_job({"job.yaml"}, {0, 1});
    python("f = h5py.File('job.h5')\n"
           "assert f['two/z'][0] == 3 and f['three/z'][0] == 1.5 and list(f['four/z']) == [0, 1, 2, 3]\n");
}

/* Rows that are there no more are asked otherwise. */
TEST_F(Stages, OtherReductionsOfOtherItems) {
    write("a.csv", "x\n1\n2\n");
    write("job.yaml", "stages:\n"
                      "- {name: one, items: {csv: a.csv}, expression: {y: 2 * x}}\n"
                      "- {name: two, items: {stage: one}, expression: {z: y + 1}, reduce: {m: {mean: z}}}\n");
    run_job({"job.yaml"}, {0, 1});
    write("a.csv", "x\n1\n2\n4\n");
    run_job({"job.yaml", "--stage", "one", "--overwrite"}, {0, 1});
    Result anew = sheaf({"run", "job.yaml", "--set", "two.reduce.m={max: z}"});
    EXPECT_EQ(anew.exit, 0) << anew;
    EXPECT_NE(anew.err.find("stage 'two' is computed anew"), std::string::npos) << anew;
    python("f = h5py.File('job.h5'); assert list(f['two/z']) == [3, 5, 9] and f['two/m'][()] == 9\n");
    Result other = sheaf({"run", "job.yaml", "--set", "two.reduce.m={min: z}"});
    EXPECT_EQ(other.err.find("is computed anew"), std::string::npos) << other;
    python("f = h5py.File('job.h5'); assert f['two/m'][()] == 3\n");
}

/* No item was computed, or was to be, so there is nothing that another job could spoil. */
TEST_F(Stages, OfWhichNothingWasComputedAreMadeAnew) {
    write("job.yaml",
          "stages:\n"
          "- {name: one, items: {count: 2}, expression: {x: item}}\n"
          "- {name: two, items: {grid: {p: [1, 2]}, where: p > 5}, expression: {z: p}, reduce: {n: {count: z}}}\n");
    run_job({"job.yaml"}, {0, 1});
    python("assert list(h5py.File('job.h5')['two/status']) == [5, 5]\n");
    run_job({"job.yaml", "--set", "two.expression.z=3*p", "--set", "two.items.where=p > 1"}, {2, 1});
    python("f = h5py.File('job.h5'); assert list(f['two/status']) == [5, 1] and f['two/z'][1] == 6\n");
    Result other = sheaf({"run", "job.yaml"});
    EXPECT_EQ(other.exit, 2) << other;
}

/* Stages and plain jobs do not go into each other's files. */
TEST_F(Stages, FilesOfPlainJobsStay) {
    write("job.yaml", counted);
    write("plain.yaml", "output: c.h5\nitems: {count: 3}\nexpression: {x: item}\n");
    run_job({"plain.yaml"}, {0, 1});
    for (const char *what : {"run", "check"}) {
        Result result = sheaf({what, "job.yaml"});
        EXPECT_EQ(result.exit, 2) << result;
        EXPECT_NE(result.err.find("which has no stages"), std::string::npos) << result;
    }
    python("assert list(h5py.File('c.h5')['x']) == [0, 1, 2]\n");
    run_job({"job.yaml", "--overwrite"}, {0, 1});
    EXPECT_NE(sheaf({"run", "plain.yaml"}).err.find("holds the results of a job with stages"), std::string::npos);
    run_job({"plain.yaml", "--overwrite"}, {0, 1});
    python("assert list(h5py.File('c.h5')['x']) == [0, 1, 2] and 'one' not in h5py.File('c.h5')\n");
}

/* A cube, its means along an axis as data of another cube, and texts; read by xarray, where it is. */
TEST_F(Stages, CubesAndTexts) {
    write("job.yaml", "stages:\n"
                      "- name: grid\n"
                      "  items: {grid: {a: [1, 2, 3], b: [10, 20]}, repeat: 2}\n"
                      "  expression: {y: a * b + repeat}\n"
                      "  reduce: {m: {mean: y, over: [b, repeat]}}\n"
                      "- name: words\n"
                      "  items: {stage: grid}\n"
                      "  command: 'echo a{a}b{b}'\n"
                      "  outputs: {t: {regex: '(a.*)', type: text}}\n"
                      "- name: use\n"
                      "  items: {stage: {name: grid, fields: [y]}}\n"
                      "  shared: {m: {stage: grid.m}}\n"
                      "  expression: {d: 'y - m[a - 1]'}\n");
    for (const Layout &layout : {Layout{0, 2}, Layout{3, 1}}) {
        run_job({"job.yaml", "--overwrite"}, layout);
        python("f = h5py.File('job.h5'); a, b, r = np.meshgrid([1, 2, 3], [10, 20], [0, 1], indexing='ij')\n"
               "y = a * b + r; assert (f['grid/y'][:] == y).all() and list(f['grid/m']) == [15.5, 30.5, 45.5]\n"
               "assert (f['use/d'][:] == y - y.mean((1, 2))[:, None, None]).all() and f['use/d'].shape == (3, 2, 2)\n"
               "assert f['words/t'].asstr()[2, 1, 0] == 'a3b20' and list(f['words/a']) == [1, 2, 3]\n");
    }
    EXPECT_EQ(sheaf({"verify", "job.h5"}).exit, 0);
    EXPECT_EQ(sheaf({"pack", "job.h5"}).exit, 0);
    if (run({SHEAF_PYTHON, "-c", "import xarray, h5netcdf, netCDF4"}).exit == 0)
        python("import xarray\n"
               "for engine in 'h5netcdf', 'netcdf4':\n"
               "    s = xarray.open_dataset('job.h5', engine=engine, group='use')\n"
               "    assert s.d.dims == ('a', 'b', 'repeat') and s.d.sel(a=2, b=20, repeat=1) == 41 - 30.5\n");
}

/* A stage of a file is what another job goes on from, too. */
TEST_F(Stages, AreItemsOfOtherJobs) {
    write("job.yaml", counted);
    write("bad", "");
    run_job({"job.yaml"}, {0, 1}, 1);
    write("next.yaml", "items: {results: 'c.h5:/two'}\nexpression: {q: z + x}\n");
    run_job({"next.yaml"}, {2, 1});
    python("f = h5py.File('next.h5'); assert list(f['status']) == [1, 5, 1] and f['q'][0] == 11 and f['q'][2] == 66\n");
    EXPECT_NE(
        sheaf({"run", "next.yaml", "--set", "items.results='c.h5:/to'"}).err.find("has the stages one, two, three"),
        std::string::npos);
}

/* Random numbers of the items of one stage are not those of another. */
TEST_F(Stages, DrawNumbersOfTheirOwn) {
    write("job.yaml", "seed: 5\nstages:\n"
                      "- {name: a, items: {sample: {count: 9, fields: {x: {uniform: [0, 1]}}}}, expression: {y: x}}\n"
                      "- {name: b, items: {sample: {count: 9, fields: {x: {uniform: [0, 1]}}}}, expression: {y: x}}\n"
                      "- {name: c, seed: 5, items: {sample: {count: 9, fields: {x: {uniform: [0, 1]}}}}, expression: "
                      "{y: x}}\n");
    write("plain.yaml", "seed: 5\nitems: {sample: {count: 9, fields: {x: {uniform: [0, 1]}}}}\nexpression: {y: x}\n");
    run_job({"job.yaml"}, {0, 1});
    run_job({"plain.yaml"}, {0, 1});
    python("f, p = h5py.File('job.h5'), h5py.File('plain.h5')\n"
           "assert not set(f['a/y']) & set(f['b/y']) and list(f['c/y']) == list(p['y'])\n");
}

} // namespace
