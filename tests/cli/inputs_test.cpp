/* HDF5 inputs in a results file: copied, or linked and looked at before they are shown. */
#include "cli/program.h"

#include <sys/stat.h>
#include <unistd.h>

namespace {

class Inputs : public Program {
  protected:
    Inputs() {
        write("job.yaml", "items: {hdf5: {file: in.h5, fields: {x: i, r: deep/r}}}\nkernel: square_plus\n");
        make(3);
    }
    void make(int third) const {
        write("a.py", R"(import h5py, numpy as np, sys
with h5py.File('in.h5', 'w') as f:
    f['i'] = np.array([1, -9, int(sys.argv[1]), 32767], '>i2'); f['i'].attrs['units'] = 'km'
    f['deep/r'] = np.arange(12.0).reshape(4, 3); f['deep/r'].attrs['names'] = ['a', 'bb']
    f['deep/r'].dims[0].label = 'z'
    f.create_dataset('large', (4, 2500000), 'f8', compression='gzip', chunks=(1, 2500000))
)");
        Result result = run({SHEAF_PYTHON, "a.py", std::to_string(third)});
        ASSERT_EQ(result.exit, 0) << result;
    }
    off_t size(const std::string &name) const {
        struct stat about = {};
        EXPECT_EQ(stat(path(name).c_str(), &about), 0);
        return about.st_size;
    }
    std::string fields(const std::string &file) const {
        Result shown = sheaf({"show", file, "--csv"});
        return shown.out.substr(0, shown.out.find('\n')) + "\n" + shown.err;
    }
};

/* A copy is of the type and with the attributes of what was copied, and needs no other file. */
TEST_F(Inputs, SmallOnesAreCopied) {
    for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}}) {
        Result result = run_job({"job.yaml", "--overwrite"}, layout);
        EXPECT_EQ(count_of(result.err, "linked"), 0) << result;
    }
    ASSERT_EQ(mkdir(path("away").c_str(), 0755), 0);
    ASSERT_EQ(rename(path("job.h5").c_str(), path("away/job.h5").c_str()), 0);
    unlink(path("in.h5").c_str());
    write("look.py", R"(import h5py, numpy as np
with h5py.File('away/job.h5') as f:
    assert f['x'].dtype == '>i2' and f['x'].attrs['units'] == 'km' and list(f['x']) == [1, -9, 3, 32767], f['x'][:]
    assert f['x'].dims[0][0].name == f['y'].dims[0][0].name == '/item'
    assert (f['r'][:] == np.arange(12.0).reshape(4, 3)).all() and f['r'].dims[1][0].name == '/values_3'
    assert list(f['r'].attrs['names']) == ['a', 'bb'] and '_FillValue' not in f['r'].attrs
    assert all(not isinstance(f.get(name, getlink=True), h5py.ExternalLink) for name in f)
)");
    Result looked = run({SHEAF_PYTHON, "look.py"});
    EXPECT_EQ(looked.exit, 0) << looked;
    EXPECT_EQ(fields("away/job.h5"), "item,status,x,r[0],r[1],r[2],y\n");
}

TEST_F(Inputs, LinkedOnesAreShownOnlyIfTheyAreTheSame) {
    run_job({"job.yaml", "--set", "inputs=link"});
    EXPECT_EQ(fields("job.h5"), "item,status,x,r[0],r[1],r[2],y\n");
    run_job({"job.yaml"}); /* it is not part of what the job is */
    ASSERT_EQ(shell("mkdir away && mv job.h5 in.h5 away").exit, 0);
    EXPECT_EQ(fields("away/job.h5"), "item,status,x,r[0],r[1],r[2],y\n") << "both were moved";
    make(4); /* another of that name where it was */
    Result shown = sheaf({"show", "away/job.h5", "--csv"});
    EXPECT_EQ(shown.out.substr(0, 14), "item,status,y\n") << shown;
    EXPECT_EQ(count_of(shown.err, "sheaf: 'x' is left out: " + path("in.h5") +
                                      ": is not the input that away/job.h5 was computed from\n"),
              1)
        << shown;
    EXPECT_EQ(count_of(shown.err, "\n"), 2) << shown;
    ASSERT_EQ(shell("rm in.h5 away/in.h5").exit, 0);
    shown = sheaf({"show", "away/job.h5"});
    EXPECT_EQ(shown.exit, 0);
    EXPECT_EQ(count_of(shown.err,
                       "sheaf: 'r' is left out: away/job.h5: links to '" + path("in.h5") + "', which is not there"),
              1)
        << shown;
    EXPECT_EQ(sheaf({"status", "away/job.h5"}).out, "away/job.h5: 4 items, 4 done\n");
}

TEST_F(Inputs, LargeOnesAreLinkedUnlessTheJobSaysOtherwise) {
    const char *more = "items.hdf5.fields.large=large";
    Result result = run_job({"job.yaml", "--set", more});
    EXPECT_EQ(count_of(result.err,
                       "sheaf: the inputs (80 MB) are linked in job.h5, which needs in.h5 beside it; inputs: "
                       "copy in the job copies them\n"),
              1)
        << result;
    EXPECT_LT(size("job.h5"), 5000000);
    run_job({"job.yaml", "--set", more, "--set", "inputs=copy", "--overwrite"});
    EXPECT_GT(size("job.h5"), 80000000);
    write("csv.yaml", "items: {csv: in.csv}\nkernel: square_plus\ninputs: link\n");
    EXPECT_EQ(count_of(run_job({"csv.yaml"}, {}, 2).err, "csv.yaml:3:9: inputs: link goes with items: {hdf5"), 1);
}

/* Texts lie in no file as a kernel reads them: they are copied, and that is said where the job asks for links. */
TEST_F(Inputs, TextsAreCopiedAndThatIsSaid) {
    EXPECT_EQ(run({SHEAF_PYTHON, "-c",
                   "import h5py; f = h5py.File('t.h5', 'w'); f['x'] = [1.5, 2, 3]; f['name'] = ['a', 'b c', 'é']"})
                  .exit,
              0);
    const std::string said =
        "sheaf: inputs: link does not go with texts ('name'): the inputs are copied into t-out.h5\n";
    const std::string job = "items: {hdf5: {file: t.h5, fields: {x: /x, name: /name}}}\nkernel: square_plus\n";
    write("t.yaml", job + "inputs: link\n");
    EXPECT_EQ(count_of(run_job({"t.yaml", "-o", "t-out.h5"}, {2, 1}).err, said), 1);
    EXPECT_EQ(count_of(run_job({"t.yaml", "-o", "t-out.h5", "--overwrite", "-q"}).err, "link"), 0);
    write("auto.yaml", job);
    EXPECT_EQ(count_of(run_job({"auto.yaml", "-o", "auto.h5"}).err, "link"), 0) << "nobody has asked for links";
    Result copied = run({SHEAF_PYTHON, "-c",
                         "import h5py; f = h5py.File('t-out.h5')\n"
                         "assert isinstance(f.get('x', getlink=True), h5py.HardLink)\n"
                         "assert isinstance(f.get('name', getlink=True), h5py.HardLink)\n"
                         "assert list(f['name'].asstr()[:]) == ['a', 'b c', 'é'] and list(f['x'][:]) == [1.5, 2, 3]"});
    EXPECT_EQ(copied.exit, 0) << copied;
}

} // namespace
