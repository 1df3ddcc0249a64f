/* Jobs with `expression`: right values, the same bytes whatever the layout, the user's own functions, and what happens
   where there is no compiler. */
#include "cli/program.h"

#include <unistd.h>

namespace {

class Expression : public Program {
  protected:
    /* A shared object from C text. */
    void make_library(const std::string &name, const std::string &text) {
        write(name + ".c", text);
        Result built = shell(SHEAF_PLAIN_CC " -shared -fPIC -o " + name + ".so " + name + ".c");
        ASSERT_EQ(built.exit, 0) << built;
    }

    /* Refused with one line that holds all of `parts`, and nothing is written. */
    void refused(const Words &words, const Words &parts) {
        Words names = list_folder(folder_);
        Result result = run(words);
        EXPECT_EQ(result.exit, 2) << result;
        EXPECT_EQ(count_of(result.err, "sheaf: "), 1) << result;
        for (const std::string &part : parts)
            EXPECT_GE(count_of(result.err, part), 1) << part << " in\n" << result;
        EXPECT_EQ(list_folder(folder_), names);
    }

    /* The fields have the same bytes on all these layouts; 0.h5 stays. */
    void same_everywhere(const std::string &job, const std::string &fields,
                         const std::vector<Layout> &layouts = {{0, 1}, {3, 2, true}}) {
        Words same = {"same", fields, path("0.h5")};
        int n = 0;
        for (const Layout &layout : layouts) {
            std::string out = std::to_string(n++) + ".h5";
            SCOPED_TRACE(layout.name());
            run_job({job, "-o", out, "-q"}, layout);
            same.push_back(path(out));
        }
        check(same);
    }
};

const char formulas[] = "expression:\n"
                        "  y: x * x + total\n"
                        "  wave: sin(x) * exp(-abs(x) / 20) + y^0.3\n"
                        "  r: sqrt(x^2 + y^2) / 3\n"
                        "  part: \"x > 0 && x < 30 ? x / 3 : -item\"\n"
                        "params: {total: 5}\n";

TEST_F(Expression, Example) {
    run_job({SHEAF_SOURCE_DIR "/jobs/expression.yaml"}, {2, 1});
    check({"orbits", path("orbits.h5")});
}

TEST_F(Expression, OfACount) {
    write("job.yaml",
          "items: {count: 50_001}\nexpression: {y: item * item + total, z: y / 7 - sqrt(item)}\nparams: {total: 5}\n");
    same_everywhere("job.yaml", "y,z");
    check({"expression_count", path("0.h5"), "50001"});
}

TEST_F(Expression, OfACsv) {
    std::string table = "name,x\n";
    for (int k = 0; k < 9000; k++)
        table += "n," + std::to_string(0.25 * (k * 13 % 1003) - 100) + "\n";
    write("in.csv", table);
    write("job.yaml", std::string("items: {csv: in.csv}\n") + formulas);
    same_everywhere("job.yaml", "y,wave,r,part",
                    {{0, 1}, {0, 2}, {1, 1}, {1, 2}, {2, 1}, {3, 2}, {2, 1, true}, {3, 2, true}});
    check({"expression", path("0.h5"), "x"});
}

TEST_F(Expression, OfHdf5) {
    check({"make_input", path("in.h5"), "9000"});
    write("job.yaml", std::string("items: {hdf5: {file: in.h5, fields: {x: /x, k: deep/k}}}\n") + formulas);
    same_everywhere("job.yaml", "y,wave,r,part");
    check({"expression", path("0.h5"), "x"});
}

/* Numbers that were computed before, by anybody, and that all items share. */
TEST_F(Expression, SharedNumbers) {
    write("make.py", "import h5py\n"
                     "with h5py.File('t.h5', 'w') as f:\n"
                     "    f['deep/total'] = 49995000\n"
                     "    f['one'] = [0.1]\n"
                     "    f['many'] = [1, 2]\n"
                     "    f['word'] = 'a'\n");
    ASSERT_EQ(run({SHEAF_PYTHON, "make.py"}).exit, 0);
    const std::string job = "items: {count: 3}\nexpression: {y: item * item + total, z: one / 3}\n";
    write("job.yaml", job + "shared: {total: {hdf5: t.h5:/deep/total}, one: {hdf5: t.h5:/one}}\n");
    same_everywhere("job.yaml", "y,z");
    write("look.py", "import h5py\n"
                     "f = h5py.File('0.h5')\n"
                     "assert list(f['y'][:]) == [49995000., 49995001., 49995004.], f['y'][:]\n"
                     "assert list(f['z'][:]) == 3 * [0.1 / 3], f['z'][:]\n");
    Result looked = run({SHEAF_PYTHON, "look.py"});
    EXPECT_EQ(looked.exit, 0) << looked;
    for (const char *wrong : {"/deep", "/word", "/none"}) {
        write("bad.yaml", job + "shared: {total: {hdf5: t.h5:" + wrong + "}, one: {hdf5: t.h5:/one}}\n");
        refused(command({"run", "bad.yaml"}), {"bad.yaml:3:", "t.h5: ", wrong});
    }
    write("many.yaml", job + "shared: {total: {hdf5: t.h5:/many}, one: {hdf5: t.h5:/one}}\n");
    refused(command({"run", "many.yaml"}), {"many.yaml:2:", "'total' is an array; write total[i]"});
}

TEST_F(Expression, FunctionsOfTheUser) {
    make_library("phys", "double drag(double v, double rho) { return v * v * rho / 2; }\n"
                         "double f_drag_(double *v, double *rho) { return *v * *v * *rho / 2; }\n");
    write("job.yaml",
          "items: {count: 5000}\n"
          "functions:\n"
          "  drag: {library: ./phys.so, arguments: 2}\n"
          "  fortran: {library: phys.so, arguments: 2, symbol: f_drag, by_reference: true}\n"
          "expression: {a: \"drag(item, 3)\", b: \"fortran(item, 3)\", c: \"item > 0 ? drag(b, 1 / item) : 0\"}\n");
    same_everywhere("job.yaml", "a,b,c");
    check({"expression_functions", path("0.h5")});
    run_job({"job.yaml", "-o", "0.h5", "-q"});
    make_library("phys", "double drag(double v, double rho) { return v * rho; }\n"
                         "double f_drag_(double *v, double *rho) { return *v * *rho; }\n");
    refused({SHEAF_PROGRAM, "run", "job.yaml", "-o", "0.h5"}, {"0.h5: ", "function drag: "});
    unlink(path("phys.so").c_str());
    refused({SHEAF_PROGRAM, "run", "job.yaml"}, {"job.yaml:3:9: functions.drag: cannot load the library: ", "phys.so"});
}

TEST_F(Expression, MistakesAreNamedOnce) {
    write("job.yaml", "items: {count: 10}\nexpression:\n  y: item*item + totl\nparams: {total: 5}\n");
    for (int ranks : {0, 2})
        refused(command({"run", "job.yaml"}, {ranks, 0}),
                {"job.yaml:3:18: expression.y: no field, param or function 'totl'; did you mean 'total'?"});
    write("in.csv", "name,x\nCeres,1\n");
    write("job.yaml", "items: {csv: in.csv}\nexpression: {y: x + name}\n");
    refused({SHEAF_PROGRAM, "run", "job.yaml"}, {"in.csv:2", "'Ceres' is not a number"});
}

TEST_F(Expression, AnotherFormulaIsAnotherJob) {
    write("job.yaml", "items: {count: 10}\nexpression: {y: item * 2}\n");
    run_job({"job.yaml", "-q"});
    run_job({"job.yaml", "-q", "--set", "expression.y=2 * 1.0 * (item) / 1", "-o", "other.h5"});
    run_job({"job.yaml", "-q", "--set", "expression.y=(item*2.0)"});
    refused({SHEAF_PROGRAM, "run", "job.yaml", "--set", "expression.y=2 * item"}, {"job.h5: ", "formula y: "});
}

/* Rank 0 alone needs a compiler, and leaves nothing behind. */
TEST_F(Expression, Compiler) {
    write("job.yaml", "items: {count: 10_000}\nexpression: {y: item * item + 5, z: y / 7 - sqrt(item)}\n");
    Words without = {"env", "-u", "CC", "PATH=/nowhere"}, words = without;
    words.insert(words.end(), {SHEAF_PROGRAM, "run", "job.yaml"});
    refused(words, {"job.yaml:2:13: no C compiler is found (CC, cc, gcc, clang)", "compiler: "});
    Words both = command({"run", "job.yaml", "-q"}, {1, 1, true});
    both.push_back(":");
    both.insert(both.end(), {"-np", "1"});
    both.insert(both.end(), without.begin(), without.end());
    both.insert(both.end(), {SHEAF_PROGRAM, "run", "job.yaml", "-q", "--threads", "1"});
    Result result = run(both);
    EXPECT_EQ(result.exit, 0) << result;
    check({"expression_count", path("job.h5"), "10000"});

    ASSERT_EQ(shell("mkdir empty").exit, 0);
    EXPECT_EQ(shell("TMPDIR=$PWD/empty " SHEAF_PROGRAM " run job.yaml -q -o again.h5").exit, 0);
    EXPECT_EQ(list_folder(path("empty")), Words{});
    refused({SHEAF_PROGRAM, "run", "job.yaml", "-o", "b.h5", "--set", "compiler=no-such-cc"},
            {"the compiler 'no-such-cc' is not found in PATH"});
    write("mine", "#!/bin/sh\ntouch mine.ran\nexec " SHEAF_PLAIN_CC " \"$@\"\n");
    ASSERT_EQ(shell("chmod +x mine").exit, 0);
    run_job({"job.yaml", "-q", "-o", "c.h5", "--set", "compiler=./mine", "--set", "fast_math=true"});
    EXPECT_TRUE(exists(path("mine.ran")));
    check({"same", "y", path("job.h5"), path("c.h5")}); /* whole numbers are exact in any way */
}

/* What was compiled once is taken again, unless it is not what was kept, or somebody else could have put it there. */
class ObjectCache : public Program {
  protected:
    void SetUp() override {
        write("cc.sh", "#!/bin/sh\necho >> " + path("calls") + "\nexec " SHEAF_PLAIN_CC " \"$@\"\n");
        ASSERT_EQ(shell("chmod +x cc.sh; ls -l cc.sh").exit, 0);
        if (shell("./cc.sh --version").exit != 0)
            GTEST_SKIP() << "there is no compiler";
        how_ = start();
        how_.env["XDG_CACHE_HOME"] = path("cache");
    }

    Start how_;

    /* How often the compiler ran for it; and the values must be right. */
    int run_formula(const std::string &formula, double at_3, const std::string &more = "") {
        write("calls", "");
        write("job.yaml", "items: {count: 5}\ncompiler: ./cc.sh\nexpression: {y: " + formula + "}\n" + more);
        Child child({SHEAF_PROGRAM, "run", "job.yaml", "-q", "--overwrite"}, how_);
        Result result = child.wait();
        EXPECT_EQ(result.exit, 0) << result;
        Result shown = sheaf({"show", "job.h5", "--csv", "--fields", "y"});
        EXPECT_NE(shown.out.find("\n3,done," + std::to_string(static_cast<int>(at_3)) + "\n"), std::string::npos)
            << shown;
        return count_of(read("calls"), "\n");
    }

    /* The only object that there is. */
    std::string object() {
        Words objects = list_folder(path("cache/sheaf"));
        EXPECT_EQ(objects.size(), 1u);
        return path("cache/sheaf/") + (objects.empty() ? "" : objects[0]);
    }
};

TEST_F(ObjectCache, TheSameFormulaIsCompiledOnce) {
    EXPECT_EQ(run_formula("100*item + 7", 307), 1);
    EXPECT_EQ(run_formula("100*item + 7", 307), 0);
    EXPECT_EQ(run_formula("100*item + 8", 308), 1);
    EXPECT_EQ(run_formula("100*item + 7", 307, "fast_math: true\n"), 1);
    EXPECT_EQ(run_formula("100*item + 7", 307), 0);
    ASSERT_EQ(shell("echo '# another' >> cc.sh").exit, 0);
    EXPECT_EQ(run_formula("100*item + 7", 307), 1) << "another compiler";
}

TEST_F(ObjectCache, WhatIsNotWhatWasKeptIsNotRun) {
    ASSERT_EQ(run_formula("100*item + 7", 307), 1);
    const std::string kept = object(), bytes = read_file(kept);
    for (size_t at : {size_t{0}, bytes.size() / 2, bytes.size() - 1}) {
        std::string other = bytes;
        other[at] = static_cast<char>(other[at] ^ 1);
        write_file(kept, other);
        EXPECT_EQ(run_formula("100*item + 7", 307), 1) << at;
        EXPECT_EQ(run_formula("100*item + 7", 307), 0) << "it is right again";
    }
    for (size_t n : {size_t{0}, size_t{5}, bytes.size() - 1}) { /* as a kill, or a full disk, leaves it */
        write_file(kept, bytes.substr(0, n));
        EXPECT_EQ(run_formula("100*item + 7", 307), 1) << n;
    }
}

TEST_F(ObjectCache, WhereOthersMayWriteNothingIsBelieved) {
    ASSERT_EQ(run_formula("100*item + 7", 307), 1);
    const std::string kept = object();
    ASSERT_EQ(chmod(kept.c_str(), 0622), 0);
    EXPECT_EQ(run_formula("100*item + 7", 307), 1);
    EXPECT_EQ(run_formula("100*item + 7", 307), 0);
    ASSERT_EQ(chmod(path("cache/sheaf").c_str(), 0777), 0);
    EXPECT_EQ(run_formula("100*item + 7", 307), 1);
    EXPECT_EQ(run_formula("100*item + 7", 307), 1);
    ASSERT_EQ(chmod(path("cache/sheaf").c_str(), 0700), 0);
    ASSERT_EQ(shell("mv cache/sheaf elsewhere; ln -s ../elsewhere cache/sheaf").exit, 0);
    EXPECT_EQ(run_formula("100*item + 7", 307), 1) << "a link";
    how_.env["XDG_CACHE_HOME"] = path("cc.sh");
    EXPECT_EQ(run_formula("100*item + 7", 307), 1) << "a file";
}

TEST_F(ObjectCache, DoesNotGrowForEver) {
    ASSERT_EQ(run_formula("100*item + 7", 307), 1);
    const std::string kept = object();
    for (int i = 0; i < 400; i++)
        write("cache/sheaf/old" + std::to_string(i), "x");
    ASSERT_EQ(shell("touch -d 2001-01-01 cache/sheaf/old*").exit, 0);
    EXPECT_EQ(run_formula("100*item + 8", 308), 1);
    EXPECT_LE(list_folder(path("cache/sheaf")).size(), 256u);
    EXPECT_TRUE(exists(kept)) << "it was used later than others";
    EXPECT_EQ(run_formula("100*item + 8", 308), 0);
}

} // namespace
