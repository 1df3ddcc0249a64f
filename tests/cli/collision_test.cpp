/* What a run reads is never what it writes: inputs that are the output's file, or go by a name that a run uses itself;
   outputs that are no regular file. */
#include "cli/program.h"

#include <sys/stat.h>
#include <unistd.h>

namespace {

class Collision : public Program {
  protected:
    /* a.h5, a results file with the fields v, y and x = v + 1, of which jobs take their items. */
    Collision() {
        write("in.csv", "v\n1\n2\n3\n4\n5\n");
        write("first.yaml", "items: {csv: in.csv}\nexpression: {y: v, x: v + 1}\n");
        run_job({"first.yaml", "-o", "a.h5"});
        before_ = read("a.h5");
    }

    /* The run is refused in a line that names the file and --output, and nothing is touched. */
    void expect_refused(const Words &arguments, const std::string &named,
                        const std::vector<Layout> &layouts = {{}, {2, 1}}) {
        const Words folder = list_folder(folder_);
        for (const Layout &layout : layouts) {
            Words words = {"run"};
            words.insert(words.end(), arguments.begin(), arguments.end());
            Result result = sheaf(words, layout);
            EXPECT_EQ(result.exit, 2) << result;
            EXPECT_EQ(count_of(result.err, "sheaf: "), 1) << result;
            EXPECT_EQ(count_of(result.err, named + ": is "), 1) << result;
            EXPECT_TRUE(read("a.h5") == before_) << "the input is as it was\n" << result;
            EXPECT_EQ(list_folder(folder_), folder) << "nothing was made or removed\n" << result;
        }
    }

    std::string before_;
};

TEST_F(Collision, OverwriteKeepsTheItems) {
    write("job.yaml", "items: {hdf5: {file: a.h5, fields: {x: /x}}}\nexpression: {z: 2 * x}\n");
    expect_refused({"job.yaml", "-o", "a.h5", "--overwrite"}, "a.h5");
    ASSERT_EQ(symlink("a.h5", path("link.h5").c_str()), 0);
    ASSERT_EQ(link(path("a.h5").c_str(), path("hard.h5").c_str()), 0);
    expect_refused({"job.yaml", "-o", "link.h5", "--overwrite"}, "a.h5");
    expect_refused({"job.yaml", "-o", "hard.h5", "--overwrite"}, "a.h5");
    write("through.yaml", "items: {hdf5: {file: link.h5, fields: {x: /x}}}\nexpression: {z: 2 * x}\n");
    expect_refused({"through.yaml", "-o", "a.h5", "--overwrite"}, "link.h5");
    run_job({"job.yaml", "-o", "other.h5", "--overwrite"});
}

TEST_F(Collision, OverwriteKeepsWhateverTheJobNames) {
    write("costs.yaml", "items: {csv: in.csv}\nexpression: {z: v}\nschedule: {policy: weighted, cost: {from: a.h5}}\n");
    expect_refused({"costs.yaml", "-o", "a.h5", "--overwrite"}, "a.h5");
    ASSERT_EQ(shell(SHEAF_PYTHON " -c 'import h5py; h5py.File(\"a.h5\", \"r+\")[\"n\"] = 3.0'").exit, 0);
    before_ = read("a.h5");
    write("shared.yaml", "items: {csv: in.csv}\nshared: {n: {hdf5: a.h5:/n}}\nexpression: {z: n * v}\n");
    expect_refused({"shared.yaml", "-o", "a.h5", "--overwrite"}, "a.h5");
    write("word.yaml", "items: {count: 3}\ncommand: [cat, a.h5]\n");
    expect_refused({"word.yaml", "-o", "a.h5", "--overwrite"}, path("a.h5"));
    write("param.yaml", "items: {csv: in.csv}\ncommand: \"cat {table}\"\nparams: {table: a.h5}\n");
    expect_refused({"param.yaml", "-o", "a.h5", "--overwrite"}, "a.h5");
    write("worker.yaml", "items: {count: 3}\nworker: [cat, a.h5]\noutputs: {y: float64}\n");
    expect_refused({"worker.yaml", "-o", "a.h5", "--overwrite"}, path("a.h5"));
}

/* Axes have their values from files too, and what is named may lead elsewhere. */
TEST_F(Collision, OverwriteKeepsTheFilesOfAxes) {
    EXPECT_EQ(shell("mkdir out.d; printf 'v\\n1\\n' > out.d/in.csv; cp out.d/in.csv out.h5.lock").exit, 0);
    EXPECT_EQ(run({SHEAF_PYTHON, "-c",
                   "import h5py; f = h5py.File('linked.h5', 'w'); f['there'] = h5py.ExternalLink('a.h5', '/x')\n"
                   "v = h5py.VirtualLayout((5,), 'f8'); v[:] = h5py.VirtualSource('a.h5', 'x', (5,))\n"
                   "f.create_virtual_dataset('mapped', v)"})
                  .exit,
              0);
    const std::string end = "}}\nexpression: {z: p * q}\n";
    write("axis.yaml", "items: {grid: {q: {hdf5: \"a.h5:/x\"}, p: [1, 2]" + end);
    expect_refused({"axis.yaml", "-o", "a.h5", "--overwrite"}, "a.h5");
    write("zip.yaml", "items: {zip: {q: {hdf5: \"a.h5:/x\"}, p: [1, 2, 3, 4, 5]" + end);
    expect_refused({"zip.yaml", "-o", "a.h5", "--overwrite"}, "a.h5", {{}});
    for (std::string name : {"there", "mapped"}) {
        write("linked.yaml", "items: {grid: {p: [1, 2], q: {hdf5: \"linked.h5:/" + name + "\"}" + end);
        expect_refused({"linked.yaml", "-o", "a.h5", "--overwrite"}, "a.h5", {{}});
        write("shared.yaml",
              "items: {csv: in.csv}\nshared: {n: {hdf5: linked.h5:/" + name + "}}\nexpression: {z: \"n[0] * v\"}\n");
        expect_refused({"shared.yaml", "-o", "a.h5", "--overwrite"}, "a.h5", {{}});
    }
    for (std::string name : {"out.d/in.csv", "out.h5.lock"}) {
        write("table.yaml", "items: {grid: {p: [1, 2], q: {csv: \"" + name + ":v\"}" + end);
        expect_refused({"table.yaml", "-o", "out.h5"}, name, {{}});
    }
    run_job({"table.yaml", "-o", "other.h5"});
}

/* The lock is emptied, a new results file and a packed one are made under names of their own: without --overwrite too. */
TEST_F(Collision, NamesThatARunUsesItself) {
    for (std::string name : {"out.h5.lock", "out.h5.new", "out.h5.pack"}) {
        SCOPED_TRACE(name);
        write(name, "x\n1\n2\n");
        write("job.yaml", "items: {csv: " + name + "}\nexpression: {z: x}\n");
        expect_refused({"job.yaml", "-o", "out.h5"}, name);
        EXPECT_EQ(read(name), "x\n1\n2\n");
        unlink(path(name).c_str());
    }
    write("out.h5.new", "items: {csv: in.csv}\nexpression: {z: v}\n"); /* the job file itself */
    expect_refused({"out.h5.new", "-o", "out.h5"}, "out.h5.new");
    ASSERT_EQ(shell("rm out.h5.new; mkdir out.d; printf 'x\\n1\\n' > out.d/in.csv").exit, 0);
    write("job.yaml", "items: {csv: out.d/in.csv}\nexpression: {z: x}\n");
    expect_refused({"job.yaml", "-o", "out.h5"}, "out.d/in.csv");
}

/* A stranger's files that have such a name are not lost either. */
TEST_F(Collision, StrangersFilesOfSuchNames) {
    write("job.yaml", "items: {csv: in.csv}\nexpression: {z: v}\n");
    for (std::string name : {"job.h5.lock", "job.h5.new", "job.h5.pack"}) {
        SCOPED_TRACE(name);
        write(name, "notes of mine\n");
        Result result = run_job({"job.yaml"}, {}, 2);
        EXPECT_EQ(count_of(result.err, name + ": is "), 1) << result;
        EXPECT_EQ(read(name), "notes of mine\n");
        unlink(path(name).c_str());
    }
    ASSERT_EQ(symlink("a.h5", path("job.h5.new").c_str()), 0)
        << "a results file, which may be replaced, but not this one";
    run_job({"job.yaml"});
    EXPECT_TRUE(read("a.h5") == before_);
}

/* They block whoever opens them, or swallow what is written. */
TEST_F(Collision, OutputsThatAreNoFile) {
    write("job.yaml", "items: {csv: in.csv}\nexpression: {z: v}\n");
    ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
    ASSERT_EQ(mkdir(path("folder").c_str(), 0700), 0);
    ASSERT_EQ(symlink("pipe", path("link").c_str()), 0);
    for (std::string name : {"pipe", "link", "folder", "/dev/null", "/dev/full"})
        for (std::string more : {"-q", "--overwrite"}) {
            Result result = run_job({"job.yaml", "-o", name, more}, {}, 2);
            EXPECT_FALSE(result.timed_out) << result;
            EXPECT_EQ(count_of(result.err, "no results file can be"), 1) << result;
        }
    write("in.yaml", "items: {hdf5: {file: pipe, fields: {x: /x}}}\nexpression: {z: x}\n");
    EXPECT_EQ(count_of(run_job({"in.yaml"}, {}, 2).err, "pipe"), 1);
    for (std::string word : {"show", "status", "pack"}) {
        Result result = sheaf({word, "pipe"});
        EXPECT_FALSE(result.timed_out) << result;
        EXPECT_EQ(result.exit, 2) << result;
    }
    for (std::string name : {"pipe.lock", "job.h5.lock"})
        ASSERT_EQ(mkfifo(path(name).c_str(), 0600), 0);
    Result result = run_job({"job.yaml"}, {}, 2);
    EXPECT_EQ(count_of(result.err, "job.h5.lock"), 1) << result;
}

} // namespace
