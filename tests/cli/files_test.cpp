/* Items that are files: which they are Python's glob and os.stat say. */
#include "cli/program.h"

#include <csignal>

namespace {

class Files : public Program {
  protected:
    Files() {
        write("make.py",
              "import os\n"
              "for f in ['b.fits', 'a.fits', 'C.fits', 'x y.fits', 'é.fits', \"it's.fits\", '.hidden.fits',\n"
              "          'sub/1.fits', 'sub/deep/2.fits', 'sub/.no/3.fits', 'n1.txt', 'n2.txt', 'n10.txt',\n"
              "          'dir.fits/in.txt']:\n"
              "    os.makedirs(os.path.dirname('data/' + f) or '.', exist_ok=True)\n"
              "    open('data/' + f, 'w').write('x' * len(f))\n"
              "    os.utime('data/' + f, ns=(0, 1700000000123456789 + len(f)))\n"
              "os.symlink('a.fits', 'data/link.fits')\n"
              "os.mkdir('jobs')\n");
        EXPECT_EQ(run({SHEAF_PYTHON, "make.py"}).exit, 0);
        write("look.py", "import glob, h5py, os, sys\n"
                         "here = os.path.realpath('.')\n"
                         "found = {f for p in sys.argv[2:] for f in glob.glob(here + '/' + p, recursive=True)}\n"
                         "wanted = sorted((f for f in found if os.path.isfile(f)), key=os.fsencode)\n"
                         "f = h5py.File(sys.argv[1])\n"
                         "assert len(wanted) > 0 and f['file'].asstr()[:].tolist() == wanted, (f['file'][:], wanted)\n"
                         "assert f['name'].asstr()[:].tolist() == [os.path.basename(w) for w in wanted]\n"
                         "assert f['size'][:].tolist() == [os.stat(w).st_size for w in wanted]\n"
                         "assert f['modified'][:].tolist() == [os.stat(w).st_mtime_ns for w in wanted]\n");
    }

    static constexpr const char *job =
        "items: {files: \"../data/*.fits\"}\n"
        "command: [sh, -c, \"wc -c < {file}\"]\noutputs: {n: {column: 1, type: int64}}\n";

    std::string place(const std::string &name) const {
        return run({SHEAF_PYTHON, "-c", "import os; print(os.path.realpath('" + name + "'), end='')"}).out;
    }
};

TEST_F(Files, AreThoseThatPythonFinds) {
    for (std::string pattern :
         {"data/*.fits", "data/n?.txt", "data/n[13-9]*.txt", "data/*", "*/*.txt", "data/**/*.fits", "**/*.fits",
          "data/sub/**", "data/**/deep/*", "data/a.fits", "da*/s*/1.fits"}) {
        write("p.yaml", "items: {files: \"" + pattern + "\"}\nexpression: {y: 2 * size}\n");
        run_job({"p.yaml", "--overwrite"}, {0, 1});
        Result look = run({SHEAF_PYTHON, "look.py", "p.h5", pattern});
        EXPECT_EQ(look.exit, 0) << pattern << look;
    }
    write("l.yaml", "items: {files: [\"data/n*\", \"data/?.fits\", \"data/*1*\"]}\nexpression: {y: 2 * size}\n");
    run_job({"l.yaml"}, {2, 1});
    Result list = run({SHEAF_PYTHON, "look.py", "l.h5", "data/n*", "data/?.fits", "data/*1*"});
    EXPECT_EQ(list.exit, 0) << list;
}

/* Long paths give way to what was computed, and are seen from their ends; where there is room, and in a CSV, whole. */
TEST_F(Files, AreShownBesideTheirResults) {
    const std::string deep = "data/" + std::string(60, 'd') + "/night-03.fits", path = place(deep);
    ASSERT_EQ(shell("mkdir -p \"$(dirname " + deep + ")\" && printf 12345 > " + deep).exit, 0);
    write("s.yaml", "items: {files: [\"" + deep + "\", data/a.fits]}\nexpression: {y: 2 * size}\n");
    run_job({"s.yaml"});
    Result narrow = shell("COLUMNS=80 " SHEAF_PROGRAM " show s.h5");
    std::string head = narrow.out.substr(0, narrow.out.find('\n'));
    EXPECT_EQ(head.substr(head.size() - 4), "   y") << narrow;
    EXPECT_EQ(count_of(narrow.out, "/night-03.fits  "), 1) << narrow;
    EXPECT_EQ(count_of(narrow.out, "…"), 2) << narrow;
    EXPECT_EQ(narrow.err, "");
    EXPECT_EQ(count_of(shell("COLUMNS=1000 " SHEAF_PROGRAM " show s.h5").out, path), 1);
    EXPECT_EQ(count_of(sheaf({"show", "s.h5", "--csv"}).out, path), 1);
}

/* A path is seen from the job file, and opens the file wherever a program runs. */
TEST_F(Files, ProgramsOpenThem) {
    write("jobs/c.yaml", std::string(job) + "workdir: remove\n");
    write("jobs/w.yaml",
          "items: {files: \"../data/*.fits\", repeat: 3}\n"
          "worker: [" SHEAF_PYTHON ", -c, \"import json, os, sys\\nfor line in sys.stdin:\\n    "
          "d = json.loads(line)\\n    print(json.dumps({'n': len(open(d['file']).read()) + d['repeat']}),"
          " flush=True)\"]\noutputs: {n: {type: int64}}\n");
    write("jobs/k.yaml", "items: {files: \"../data/*.fits\", rename: {size: x, name: label}}\nkernel: square_plus\n");
    for (std::string name : {"c", "w", "k"}) {
        run_job({"jobs/" + name + ".yaml", "-o", name + "0.h5"}, {0, 2});
        for (const Layout &layout : {Layout{2, 1}, Layout{3, 2}, Layout{2, 1, true}}) {
            SCOPED_TRACE(name + layout.name());
            run_job({"jobs/" + name + ".yaml", "--overwrite"}, layout);
            check({"same", name == "k" ? "y,file,label,x,modified" : "n,file,name,size,modified", path(name + "0.h5"),
                   path(name + ".h5")});
        }
        EXPECT_EQ(sheaf({"verify", name + ".h5"}).exit, 0);
    }
    run_job({"jobs/w.yaml", "--overwrite", "--set", "items.where=size != 6 && repeat < 2"}, {2, 1});
    Result values = run({SHEAF_PYTHON, "-c",
                         "import h5py, os, numpy as np\n"
                         "c, w, k = (h5py.File(f + '.h5') for f in 'cwk')\n"
                         "size = np.array([os.stat(f).st_size for f in c['file'].asstr()[:]])\n"
                         "assert len(size) == 7 and (c['n'][:] == size).all()\n"
                         "done = w['status'][:] == 1; r = np.arange(3)\n"
                         "assert (done == ((size != 6)[:, None] & (r < 2))).all() and done.any() and not done.all()\n"
                         "assert (w['n'][:] == size[:, None] + r)[done].all()\n"
                         "y = k['y'][:] - size.astype(float) ** 2; assert abs(y - y[0]).max() < 1e-9\n"});
    EXPECT_EQ(values.exit, 0) << values;
}

/* From wherever it is run, and after a kill; what the run itself has written is no item. */
TEST_F(Files, GoOn) {
    write("data/slow.yaml", "items: {files: \"**\"}\ncommand: [sh, -c, \"sleep 0.2; wc -c < {file}\"]\n"
                            "outputs: {n: {column: 1, type: int64}}\n");
    Start here = start();
    here.folder = path("data");
    {
        Child child(command({"run", "slow.yaml"}, {0, 1}), here);
        EXPECT_TRUE(wait_for_done(child, path("data/slow.h5"), 2));
        child.kill_all(SIGKILL);
        child.wait();
    }
    Result on = run_job({"data/slow.yaml", "-o", "data/slow.h5"}, {2, 1});
    EXPECT_EQ(count_of(on.err, "14 of 14 items done"), 1) << on;
    Result look = run({SHEAF_PYTHON, "look.py", "data/slow.h5", "data/**/*.fits", "data/**/*.txt", "data/slow.yaml"});
    EXPECT_EQ(look.exit, 0) << look;
    EXPECT_EQ(count_of(run_job({"data/slow.yaml", "-o", "data/slow.h5"}, {2, 1}).err, "nothing to do"), 1);
}

/* A pattern that matches all that a run writes, by whatever way, before and after it did: the same items each time, and what is
   left out is said. */
TEST_F(Files, WhatTheRunWritesIsNoItem) {
    EXPECT_EQ(shell("mkdir -p s/real s/real/deep.d; ln -s real s/way; printf 12 > s/real/a.h5; printf 1 > s/real/b.h5; "
                    "printf 123 > s/real/deep.d/c.h5; printf 4 > s/real/out.h5.note")
                  .exit,
              0);
    write("s/job.yaml", "items: {files: [\"*/*.h5*\", \"*/*.d/*\"]}\n"
                        "command: [sh, -c, \"wc -c < {file}\"]\noutputs: {n: {column: 1, type: int64}}\n");
    const std::string items = "item,status,name,n\n0,done,a.h5,2\n1,done,b.h5,1\n2,done,c.h5,3\n3,done,out.h5.note,1\n"
                              "4,done,a.h5,2\n5,done,b.h5,1\n6,done,c.h5,3\n7,done,out.h5.note,1\n";
    const Words again = {"s/job.yaml", "-o", "s/way/out.h5"};
    Result part = run_job({"s/job.yaml", "-o", "s/way/out.h5", "--items", "0:3"}, {2, 1});
    EXPECT_EQ(count_of(part.err, "items.files"), 0) << part;
    EXPECT_TRUE(exists(path("s/real/out.d"))) << "texts wait in it\n" << part;
    write("s/real/out.h5.lock", "");
    write("s/real/out.h5.new", "");
    Result on = run_job(again, {2, 1});
    EXPECT_EQ(count_of(on.err, "8 of 8 items done; 3 of them were there before"), 1) << on;
    EXPECT_EQ(count_of(on.err, "sheaf: items.files: '" + place("s/real") + "/out.d/"), 1) << on;
    EXPECT_EQ(count_of(on.err, " more match, and are no items: the run itself writes them\n"), 1) << on;
    EXPECT_EQ(count_of(run_job({"s/job.yaml", "-o", "s/real/out.h5"}, {0, 1}).err, "nothing to do"), 1);
    EXPECT_EQ(sheaf({"show", "s/real/out.h5", "--csv", "--fields", "name,n"}).out, items);
    run_job({"s/job.yaml", "-o", "s/real/out.h5", "--overwrite"}, {2, 1});
    EXPECT_EQ(sheaf({"show", "s/real/out.h5", "--csv", "--fields", "name,n"}).out, items);
    Result one =
        run_job({"s/job.yaml", "-o", "s/real/out.h5", "--overwrite", "--set", "items.files=s/real/*.h5"}, {0, 1});
    EXPECT_EQ(count_of(one.err, "items.files: '" + place("s/real") +
                                    "/out.h5' matches, and is no item: the run itself writes it\n"),
              1)
        << one;
    Result none = sheaf({"run", "s/job.yaml", "-o", "s/real/out.h5", "--set", "items.files=s/real/out.h5"});
    EXPECT_EQ(none.exit, 2);
    EXPECT_EQ(count_of(none.err, "no file matches but those that the run itself writes"), 1) << none;
}

TEST_F(Files, SayWhatHasChanged) {
    write("jobs/c.yaml", job);
    const struct {
        std::string change, said;
    } cases[] = {
        {"open('data/a.fits', 'a').write('1234')", "'" + place("data/a.fits") + "' has 10 bytes and had 6, "},
        {"os.utime('data/b.fits', ns=(0, 5))", "not what they were: '" + place("data/b.fits") + "' was written since;"},
        {"os.remove('data/C.fits')", "not what they were: '" + place("data/C.fits") + "' is gone;"},
        {"open('data/0.fits', 'w')", "not what they were: '" + place("data") + "/0.fits' is new;"},
        {"[open(f'data/z{i}.fits', 'w') for i in range(5)]", "z2.fits' is new and 2 more;"},
    };
    for (const auto &c : cases) {
        run_job({"jobs/c.yaml", "--overwrite"}, {0, 2});
        EXPECT_EQ(run({SHEAF_PYTHON, "-c", "import os; " + c.change}).exit, 0);
        Result other = sheaf({"run", "jobs/c.yaml", "--set", "seed=2"});
        EXPECT_EQ(other.exit, 2);
        EXPECT_EQ(count_of(other.err, "holds the results of another job"), 1) << other;
        EXPECT_EQ(count_of(other.err, c.said), 1) << c.said << other;
    }
    run_job({"jobs/c.yaml", "--overwrite"}, {0, 2});
    Result repeat = sheaf({"run", "jobs/c.yaml", "--set", "items.repeat=2", "--set", "seed=2"});
    EXPECT_EQ(repeat.exit, 2);
    EXPECT_EQ(count_of(repeat.err, "another job"), 1) << repeat;
}

/* While the run is at work nothing can be refused any more. */
TEST_F(Files, ChangedByTheRunItself) {
    write("jobs/c.yaml", "items: {files: \"../data/?.fits\"}\ncommand: [sh, -c, \"echo 1 >> {file}\"]\n");
    Result odd = run_job({"jobs/c.yaml"}, {2, 1});
    EXPECT_EQ(count_of(odd.err, "changed while the run used it: " + place("data/C.fits") + ", " + place("data/a.fits") +
                                    ", " + place("data/b.fits")),
              1)
        << odd;
}

TEST_F(Files, WhatCannotBe) {
    const struct {
        std::string items, said;
    } cases[] = {
        {"files: \"data/*.nope\"", "items.files: no file matches 'data/*.nope'; looked in " + place("data")},
        {"files: \"nowhere/*.fits\"", "no file matches 'nowhere/*.fits': " + place(".") + "/nowhere is not there"},
        {"files: \"data/nowhere/deep/a.fits\"", "': " + place("data") + "/nowhere is not there"},
        {"files: \"/nowhere/*\"", "': /nowhere is not there"},
        {"files: \"data/a.fits/*\"", "': " + place("data/a.fits") + " is no folder"},
        {"files: \"~/*.fits\"", "/~ is not there; ~ is not expanded: write the whole path of the folder"},
        {"files: \"$HOME/*.fits\"", "; a variable is not expanded: write its value"},
        {"files: \"data/{a,b}.fits\"", "; {a,b} is not expanded: give a list of patterns"},
        {"files: \"data/dir*\"", "looked in " + place("data") + ", where folders do, which are passed over"},
        {"files: [\"data/a.fits\", \"data/q*\"]", "no file matches 'data/q*'"},
        {"files: []", "items.files is empty; it should be a pattern, or a list of them"},
        {"files: {a: 1}", "items.files is a map; it should be one text"},
        {"files: \"data/*\", csv: t.csv", "items has 2 sources"},
        {"files: \"data/*\", separator: tab", "items.separator goes with csv"},
        {"files: \"data/*\", rename: {path: f}", "no field 'path'; files have file, name, size and modified"},
        {"files: \"data/*\", rename: {name: file}", "two fields are called 'file'"},
        {"files: \"data/*\", rename: {name: status}", "which the results file needs for itself"},
        {"files: \"dangling*\"", place(".") + "/dangling: cannot open: No such file or directory"},
        {"files: \"pip*\"", place(".") + "/pipe: is a pipe, not a regular file"},
        {"files: \"bad*\"", ": its name is not UTF-8 text; rename it"},
        {"files: \"bad.h5\"", "no file matches"},
    };
    EXPECT_EQ(shell("ln -s nothing dangling; mkfifo pipe; touch \"$(printf 'bad\\377')\"").exit, 0);
    for (const auto &c : cases) {
        write("bad.yaml", "items: {" + c.items + "}\nexpression: {y: 2 * size}\n");
        Result bad = sheaf({"run", "bad.yaml"});
        EXPECT_EQ(bad.exit, 2) << c.items;
        EXPECT_EQ(count_of(bad.err, c.said), 1) << c.said << bad;
        EXPECT_EQ(count_of(bad.err, "bad.yaml:1:"), 1) << bad;
        EXPECT_FALSE(exists(path("bad.h5")));
    }
    if (geteuid() != 0) {
        EXPECT_EQ(shell("chmod 0 data/a.fits; chmod 0 data/sub").exit, 0);
        write("no.yaml", "items: {files: \"data/*.fits\"}\nexpression: {y: size}\n");
        Result file = sheaf({"run", "no.yaml"}),
               folder = sheaf({"run", "no.yaml", "--set", "items.files=data/*/*.fits"});
        EXPECT_EQ(count_of(file.err, "a.fits: cannot open: Permission denied"), 1) << file;
        EXPECT_EQ(count_of(folder.err, "sub: cannot list the folder: Permission denied"), 1) << folder;
        EXPECT_EQ(shell("chmod 755 data/sub").exit, 0);
    }
}

} // namespace
