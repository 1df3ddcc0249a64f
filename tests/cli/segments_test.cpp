/* HDF5 inputs that prove by their segments, as they are read, that they are what results were computed from. */
#include "cli/program.h"

namespace {

class Segments : public Program {
  protected:
    Segments() {
        write("make.py", R"(import h5py, numpy as np, sys
with h5py.File('in.h5', 'w') as f:
    f['x'] = np.arange(200000) / 7.0
    f['unused'] = np.arange(200000, dtype='i4')
)");
        must({SHEAF_PYTHON, "make.py"});
        write("job.yaml",
              "items: {hdf5: {file: in.h5, fields: {x: x, u: unused}}}\nkernel: square_plus\ninputs: link\n");
    }
    void must(const std::vector<std::string> &words) {
        Result result = run(words);
        ASSERT_EQ(result.exit, 0) << result;
    }
    /* Changes one number in place, as a program would that knows nothing of us. */
    void change(const std::string &field, int item) {
        must(
            {SHEAF_PYTHON, "-c",
             "import h5py\nwith h5py.File('in.h5', 'r+') as f: f['" + field + "'][" + std::to_string(item) + "] += 1"});
    }
    /* The bytes are the same, all that stat says is not. */
    void copy_input() { must({"sh", "-c", "cp in.h5 copy.h5 && mv copy.h5 in.h5"}); }
    std::string hashed() { /* of each field, how many of its segments have a hash, and how many there are */
        write("hashed.py", R"(import h5py
with h5py.File('job.h5') as f:
    for k in 'xu': t = f['sheaf/input_segments/' + k][:]; print((t != 0).sum(), len(t), end=' ')
)");
        return run({SHEAF_PYTHON, "hashed.py"}).out;
    }
    void expect_right() {
        write("right.py", R"(import h5py, numpy as np
x = np.arange(200000) / 7.0
with h5py.File('job.h5') as f:
    done = f['status'][:] == 1
    assert (f['y'][:][done] == (x * x + 49995000)[done]).all() and done.any()
)");
        must({SHEAF_PYTHON, "right.py"});
    }
};

/* 200,000 x 8 bytes are 25 segments of 64 KB, 200,000 x 4 bytes are 13. */
TEST_F(Segments, AllOfWhatIsReadHasAHash) {
    for (const Layout &layout : {Layout{0, 1}, Layout{0, 2}, Layout{2, 1}, Layout{3, 2}}) {
        run_job({"job.yaml", "--overwrite"}, layout);
        EXPECT_EQ(hashed(), "25 25 13 13 ");
        expect_right();
    }
    run_job({"job.yaml", "--overwrite", "--set", "transport=gather"}, {2, 1});
    EXPECT_EQ(hashed(), "25 25 13 13 ");
}

TEST_F(Segments, OfSomeItemsOnlyTheirs) {
    run_job({"job.yaml", "--items", "0:100"}, {0, 1}, 0);
    EXPECT_EQ(hashed(), "1 25 13 13 ") << "u is read by nobody, so it is hashed first";
    change("x", 150000);
    run_job({"job.yaml"});
    EXPECT_EQ(hashed(), "25 25 13 13 ") << "nothing was computed from what was changed";
}

/* A condition reads all values, and leaves out items whose segments no thread reads. */
TEST_F(Segments, AConditionReadsAll) {
    write("job.yaml", "items: {hdf5: {file: in.h5, fields: {x: x}}, where: \"x < 10000\"}\n"
                      "expression: {y: x*2}\ninputs: link\n");
    run_job({"job.yaml"});
    change("x", 150000);
    Result other = sheaf({"run", "job.yaml"});
    EXPECT_EQ(other.exit, 2) << other;
    EXPECT_EQ(count_of(other.err, "job.h5: holds the results of another job"), 1) << other;
}

TEST_F(Segments, TheSameBytesElsewhereAreTheSameJob) {
    run_job({"job.yaml", "--items", "0:100000"}, {0, 1}, 0);
    copy_input();
    Result result = run_job({"job.yaml"});
    EXPECT_EQ(count_of(result.err, "200,000 of 200,000 items done; 100,000 of them were there before this run"), 1)
        << result;
    expect_right();
    EXPECT_EQ(sheaf({"show", "job.h5", "--csv"}).out.substr(0, 17), "item,status,x,u,y");
}

TEST_F(Segments, AChangedValueIsRefusedAndNamed) {
    run_job({"job.yaml", "--items", "0:100000"}, {0, 1}, 0);
    change("x", 70000); /* of items 65536 to 73727 */
    for (const char *mode : {"run", "check"}) {
        Result result = sheaf({mode, "job.yaml"});
        EXPECT_EQ(result.exit, 2) << result;
        EXPECT_EQ(count_of(result.err,
                           "job.h5: was computed from other values: of 'x', items 65536 to 73727 of in.h5 are "
                           "not all what they were"),
                  1)
            << result;
        EXPECT_EQ(count_of(result.err, "--overwrite"), 1) << result;
    }
    Result shown = sheaf({"show", "job.h5", "--csv"});
    EXPECT_EQ(count_of(shown.err, "'x' is left out: "), 1) << shown;
    EXPECT_EQ(count_of(shown.out, "item,status,u,y"), 1) << shown;
    run_job({"job.yaml", "--overwrite"});
}

/* Also of a field that the kernel does not read: it stands beside the results. */
TEST_F(Segments, AFieldThatNobodyReads) {
    run_job({"job.yaml"});
    change("unused", 199999);
    Result result = sheaf({"run", "job.yaml"});
    EXPECT_EQ(result.exit, 2) << result;
    EXPECT_EQ(count_of(result.err, "of 'u', items 196608 to 199999 of in.h5"), 1) << result;
}

/* How the job says that inputs come into a new file is not part of what the job is. */
TEST_F(Segments, AFileGoesOnAsItWasBegun) {
    run_job({"job.yaml", "--items", "0:10"}, {0, 1}, 0);
    run_job({"job.yaml", "--set", "inputs=auto", "--items", "0:20"}, {0, 1}, 0);
    run_job({"job.yaml", "--set", "inputs=copy"});
    run_job({"job.yaml", "--overwrite", "--set", "inputs=copy", "--items", "0:10"}, {0, 1}, 0);
    run_job({"job.yaml"});
    expect_right();
}

/* Killed at every write in turn: of each row that is done the segment that it was computed from has its hash. */
TEST_F(Segments, AfterAKillNoRowIsWithoutItsHash) {
    Start start_crashing = start();
    start_crashing.env["LD_PRELOAD"] = SHEAF_PLUGIN_DIR "/crash_points.so";
    if (Child({SHEAF_PROGRAM, "--version"}, start_crashing).wait().exit != 0)
        GTEST_SKIP() << "LD_PRELOAD does not work here (sanitizers?)";
    must({"mkdir", "killed"});
    start_crashing.env["SHEAF_CRASH_HOW"] = "after";
    int n = 1;
    for (;; n++) {
        start_crashing.env["SHEAF_CRASH_AT"] = std::to_string(n);
        Result result = Child({SHEAF_PROGRAM, "run", "job.yaml", "-q", "-t", "2"}, start_crashing).wait();
        if (result.exit != 137)
            break;
        must({"sh", "-c", "[ ! -f job.h5 ] || mv job.h5 killed/" + std::to_string(1000 + n) + ".h5; rm -f job.h5*"});
    }
    EXPECT_GT(n, 60) << "too few writes were met";
    write("look.py", R"(import glob, h5py, numpy as np
some = whole = 0
for name in glob.glob('killed/*.h5'):
    with h5py.File(name) as f:
        done = np.flatnonzero(f['status'][:])
        assert (f['sheaf/input_segments/x'][:][done // 8192] != 0).all(), name
        some += 0 < len(done) < 200000; whole += len(done) == 200000
print('met rows that were done', some > 5)
)");
    Result looked = run({SHEAF_PYTHON, "look.py"});
    EXPECT_EQ(looked.out, "met rows that were done True\n") << looked;
}

} // namespace
