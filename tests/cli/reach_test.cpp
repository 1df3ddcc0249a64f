/* Inputs whose values lie in other files than the one that the job names: external links, virtual datasets, external
   storage. All of them are hashed and watched, and none may be missing. */
#include "cli/program.h"

#include <unistd.h>

namespace {

/* What reaches which file, and what that is called where it is named. */
struct Way {
    const char *dataset, *file;
};
const Way ways[] = {{"link", "sub/b.h5"},    {"soft", "sub/b.h5"},  {"far/x", "mid.h5"},
                    {"virtual", "sub/b.h5"}, {"twice", "sub/b.h5"}, {"stored", "raw.bin"}};

class Reach : public Program {
  protected:
    Reach() {
        write("make.py", R"(import h5py, numpy, os, sys
first, everything = int(sys.argv[1]), len(sys.argv) == 2
if not everything:
    os.makedirs(sys.argv[2], exist_ok=True)
    os.chdir(sys.argv[2])
x = numpy.arange(first, first + 300, dtype='f8')
os.makedirs('sub', exist_ok=True)
with h5py.File('sub/b.h5', 'w') as f:
    f['g/x'] = x
x.tofile('raw.bin')
with h5py.File('mid.h5', 'w') as f:
    f['deep'] = h5py.ExternalLink('sub/b.h5', '/g')
    f.attrs['first'] = first
if everything:
    with h5py.File('a.h5', 'w') as f:
        f['link'] = h5py.ExternalLink('sub/b.h5', '/g/x')
        f['far'] = h5py.ExternalLink('mid.h5', '/deep')
        f['soft'] = h5py.SoftLink('/far/x')
        for name, file, source in ('virtual', 'sub/b.h5', 'g/x'), ('twice', '.', 'virtual'):
            layout = h5py.VirtualLayout(shape=(300,), dtype='f8')
            layout[:] = h5py.VirtualSource(file, source, shape=(300,))
            f.create_virtual_dataset(name, layout)
        f.create_dataset('stored', shape=(300,), dtype='f8', external=[('raw.bin', 0, 2400)])
)");
    }
    void make(int first) const {
        Result result = run({SHEAF_PYTHON, "make.py", std::to_string(first)});
        ASSERT_EQ(result.exit, 0) << result;
    }
    /* The files that are reached with other numbers, as many bytes as before. */
    void prepare(int first) const {
        Result result = run({SHEAF_PYTHON, "make.py", std::to_string(first), "new"});
        ASSERT_EQ(result.exit, 0) << result;
    }
    void change() const {
        for (const char *file : {"mid.h5", "raw.bin", "sub/b.h5"})
            ASSERT_EQ(rename(path(std::string("new/") + file).c_str(), path(file).c_str()), 0);
    }
    void write_way(const Way &way) const {
        write_job("job.yaml", std::string("hdf5: {file: a.h5, fields: {x: ") + way.dataset + "}}", "hostile:slow",
                  "params: {ms: 5}\n");
    }
    /* Every row is 2 x + 1 of its own x. */
    void expect_rows(int first) const {
        Result rows = sheaf({"show", "job.h5", "--csv", "--fields", "y"});
        for (int i = 0; i < 300; i++) {
            std::string row = "\n" + std::to_string(i) + ",done," + std::to_string(2 * (first + i) + 1) + "\n";
            ASSERT_EQ(count_of(rows.out, row), 1) << row << rows;
        }
    }
};

TEST_F(Reach, AFileThatChangedBetweenRunsIsAnotherJob) {
    for (const Way &way : ways) {
        SCOPED_TRACE(way.dataset);
        make(1000);
        write_way(way);
        run_job({"job.yaml", "--overwrite", "--items", "0:10"});
        prepare(2000);
        change();
        Result result = run_job({"job.yaml"}, {}, 2);
        EXPECT_EQ(count_of(result.err, "job.h5: holds the results of another job: "), 1) << result;
        EXPECT_EQ(count_of(result.err, " is not what it was: item 0 has "), 1) << result;
        prepare(1000);
        change();
        run_job({"job.yaml"});
        expect_rows(1000);
    }
}

TEST_F(Reach, AFileThatChangesEndsTheRun) {
    for (const Way &way : ways) {
        SCOPED_TRACE(way.dataset);
        make(1000);
        prepare(2000);
        write_way(way);
        unlink(path("job.h5").c_str());
        Child child(command({"run", "job.yaml"}, {0, 1}), start());
        StatusPlace place;
        ASSERT_TRUE(wait_until([&] {
            if (place.offset < 0)
                place = find_status(path("job.h5"));
            return !child.running() || (place.offset >= 0 && count_done(path("job.h5"), place) >= 3);
        }));
        change();
        Result result = child.wait();
        EXPECT_EQ(result.exit, 3) << result;
        EXPECT_EQ(count_of(result.err, ": was changed while the run used it"), 1) << result;
        prepare(1000);
        change(); /* the old content again: it goes on, and all rows are of that */
        run_job({"job.yaml"}, {2, 1});
        expect_rows(1000);
    }
}

/* HDF5 would read fill values, or say that it does not know the reason. */
TEST_F(Reach, AFileThatIsMissingIsSaid) {
    for (const Way &way : ways) {
        SCOPED_TRACE(way.dataset);
        make(1000);
        write_way(way);
        unlink(path("job.h5").c_str());
        ASSERT_EQ(unlink(path(way.file).c_str()), 0);
        Result result = run_job({"job.yaml"}, {}, 2);
        EXPECT_EQ(count_of(result.err, "job.yaml:"), 1) << result;
        EXPECT_EQ(count_of(result.err, std::string("'") + way.file + "'"), 1) << result;
        EXPECT_FALSE(exists(path("job.h5")));
    }
}

TEST_F(Reach, ExternalStorageThatIsTooShortIsSaid) {
    make(1000);
    write_way({"stored", ""});
    ASSERT_EQ(truncate(path("raw.bin").c_str(), 2399), 0);
    Result result = run_job({"job.yaml"}, {}, 2);
    EXPECT_EQ(count_of(result.err, "raw.bin: is too short: "), 1) << result;
}

/* As HDF5 does: in HDF5_EXT_PREFIX, in the folder of the file that names another, and then in the current one. */
TEST_F(Reach, FilesAreFoundAsHdf5FindsThem) {
    make(1000);
    ASSERT_EQ(shell("mkdir -p away/in && mv a.h5 away/in && cp -r mid.h5 raw.bin sub away/in && rm -r mid.h5 sub").exit,
              0);
    for (const Way &way : ways) {
        SCOPED_TRACE(way.dataset);
        write_job("job.yaml", std::string("hdf5: {file: away/in/a.h5, fields: {x: ") + way.dataset + "}}",
                  "hostile:slow", "params: {ms: 0}\n");
        run_job({"job.yaml", "--overwrite"});
        expect_rows(1000);
    }
    write("one.py",
          "import h5py\nwith h5py.File('a.h5', 'w') as f: f['x'] = h5py.ExternalLink('/nowhere/b.h5', 'g/x')\n");
    ASSERT_EQ(run({SHEAF_PYTHON, "one.py"}).exit, 0);
    write_job("job.yaml", "hdf5: {file: a.h5, fields: {x: x}}", "hostile:slow", "params: {ms: 0}\n");
    run_job({"job.yaml", "--overwrite"}, {}, 2);
    Start start = this->start();
    start.env["HDF5_EXT_PREFIX"] = path("nothing") + ":" + path("away/in/sub");
    Child child(command({"run", "job.yaml", "--overwrite"}), start);
    EXPECT_EQ(child.wait().exit, 0);
    expect_rows(1000);
}

TEST_F(Reach, ASharedNumberIsNotAFillValue) {
    write("make.py", R"(import h5py
with h5py.File('b.h5', 'w') as f:
    f['x'] = [7.0]
with h5py.File('a.h5', 'w') as f:
    layout = h5py.VirtualLayout(shape=(1,), dtype='f8')
    layout[:] = h5py.VirtualSource('b.h5', 'x', shape=(1,))
    f.create_virtual_dataset('x', layout)
)");
    ASSERT_EQ(run({SHEAF_PYTHON, "make.py"}).exit, 0);
    write_x("in.csv", {1, 2});
    write("job.yaml", "items: {csv: in.csv}\nexpression: {y: k * x}\nshared: {k: {hdf5: \"a.h5:/x\"}}\n");
    run_job({"job.yaml"});
    EXPECT_EQ(sheaf({"show", "job.h5", "--csv", "--fields", "y"}).out, "item,status,y\n0,done,7\n1,done,14\n");
    unlink(path("b.h5").c_str());
    Result result = run_job({"job.yaml", "--overwrite"}, {}, 2);
    EXPECT_EQ(count_of(result.err, "'b.h5', is not there"), 1) << result;
}

} // namespace
