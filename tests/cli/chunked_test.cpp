/* HDF5 inputs in chunks, compressed, which the threads read and inflate themselves. */
#include "cli/program.h"

namespace {

/* x: float64 in chunks of 7,000, shuffled and deflated; u: integers, which a formula takes converted; w: in one piece. */
class Chunked : public Program {
  protected:
    Chunked() {
        write("make.py", R"(import h5py, numpy as np
n = 200000
with h5py.File('in.h5', 'w') as f:
    f.create_dataset('x', data=np.arange(n) % 1000 / 8.0, chunks=(7000,), shuffle=True, compression=4)
    f.create_dataset('summed', data=np.arange(n) % 777 / 2.0, chunks=(4096,), compression=1, fletcher32=True)
    f.create_dataset('u', data=np.arange(n, dtype='i4'), chunks=(5000,), compression=9)
    f['w'] = np.arange(n) / 4.0
)");
        must({SHEAF_PYTHON, "make.py"});
        write("job.yaml", "items: {hdf5: {file: in.h5, fields: {x: x, s: summed, u: u, w: w}}}\n"
                          "expression: {y: x + 2 * s + 3 * u + 5 * w}\ninputs: link\n");
        write("right.py", R"(import h5py, numpy as np, sys
with h5py.File('in.h5') as f: x, s, u, w = (f[k][:] for k in ('x', 'summed', 'u', 'w'))
with h5py.File('job.h5') as f:
    done = f['status'][:] == 1
    assert (f['y'][:][done] == (x + 2 * s + 3.0 * u + 5 * w)[done]).all()
    print(done.sum())
)");
        write("hashed.py", R"(import h5py
with h5py.File('job.h5') as f:
    for k in 'xsuw': t = f['sheaf/input_segments/' + k][:]; print((t != 0).sum(), len(t), end=' ')
)");
        /* The byte in the middle of a chunk. */
        write("damage.py", R"(import h5py, sys
name, chunk = sys.argv[1], int(sys.argv[2])
with h5py.File('in.h5') as f:
    d = f[name]
    place = d.id.get_chunk_info(chunk)
with open('in.h5', 'r+b') as f:
    f.seek(place.byte_offset + place.size // 2)
    byte = f.read(1)[0]
    f.seek(-1, 1)
    f.write(bytes([byte ^ 0x41]))
)");
    }
    void must(const Words &words) {
        Result result = run(words);
        ASSERT_EQ(result.exit, 0) << result;
    }
    void python(const std::string &code) { must({SHEAF_PYTHON, "-c", "import h5py, numpy as np\n" + code}); }
    std::string n_right() { /* how many items are done, all of them rightly */
        Result result = run({SHEAF_PYTHON, "right.py"});
        EXPECT_EQ(result.exit, 0) << result;
        return result.out;
    }
    std::string hashed() { return run({SHEAF_PYTHON, "hashed.py"}).out; }
};

/* 29 chunks of 7,000, 49 of 4,096, 40 of 5,000, and 1,600,000 bytes in pieces of 64 KB. */
TEST_F(Chunked, TheSameOnEveryLayout) {
    const struct {
        Layout layout;
        const char *more;
    } runs[] = {{{0, 1}, "schedule.policy=static"},       {{0, 3}, "schedule.policy=dynamic"},
                {{2, 1}, "schedule.policy=static"},       {{2, 2}, "schedule.policy=dynamic"},
                {{4, 1}, "schedule.policy=dynamic"},      {{2, 1}, "transport=gather"},
                {{3, 1, true}, "schedule.policy=static"}, {{3, 1, true}, "schedule.policy=dynamic"}};
    for (const auto &one : runs) {
        SCOPED_TRACE(one.layout.name() + " " + one.more);
        run_job({"job.yaml", "--overwrite", "--set", one.more}, one.layout);
        EXPECT_EQ(n_right(), "200000\n");
        EXPECT_EQ(hashed(), "29 29 49 49 40 40 25 25 ");
    }
}

/* Only what rows were computed from has a hash, and u, which threads do not read. */
TEST_F(Chunked, OfSomeItemsOnlyTheirChunks) {
    run_job({"job.yaml", "--items", "20000:20010"}, {0, 2}, 0);
    EXPECT_EQ(hashed(), "1 29 1 49 40 40 1 25 ");
    run_job({"job.yaml", "--stop-after", "0.000001s"}, {0, 1}, 75);
    run_job({"job.yaml"}, {2, 1});
    EXPECT_EQ(n_right(), "200000\n");
    Result verified = sheaf({"verify", "job.h5"});
    EXPECT_EQ(verified.exit, 0) << verified;
}

TEST_F(Chunked, TheSameBytesElsewhereAreTheSameJob) {
    run_job({"job.yaml", "--items", "0:100000"}, {0, 1}, 0);
    must({"sh", "-c", "cp in.h5 copy.h5 && mv copy.h5 in.h5"});
    Result result = run_job({"job.yaml"});
    EXPECT_EQ(count_of(result.err, "200,000 of 200,000 items done; 100,000 of them were there before this run"), 1)
        << result;
    EXPECT_EQ(n_right(), "200000\n");
    EXPECT_EQ(sheaf({"show", "job.h5", "--csv"}).out.substr(0, 21), "item,status,x,s,u,w,y");
}

TEST_F(Chunked, AChangedValueIsRefusedAndNamed) {
    run_job({"job.yaml", "--items", "0:100000"}, {0, 1}, 0);
    python("with h5py.File('in.h5', 'r+') as f: f['x'][70000] += 1");
    for (const char *mode : {"run", "check"}) {
        Result result = sheaf({mode, "job.yaml"});
        EXPECT_EQ(result.exit, 2) << result;
        EXPECT_EQ(count_of(result.err,
                           "job.h5: was computed from other values: of 'x', items 70000 to 76999 of in.h5 are not all "
                           "what they were"),
                  1)
            << result;
    }
    Result shown = sheaf({"show", "job.h5", "--csv"});
    EXPECT_EQ(count_of(shown.err, "'x' is left out: "), 1) << shown;
    EXPECT_EQ(count_of(shown.out, "item,status,s,u,w,y"), 1) << shown;
}

/* What was not computed from may change: of the last chunk, which is not full, nobody has used a value. */
TEST_F(Chunked, AChangeWhereNothingWasComputedFrom) {
    run_job({"job.yaml", "--items", "0:100000"}, {0, 1}, 0);
    python("with h5py.File('in.h5', 'r+') as f: f['x'][199999] += 1");
    run_job({"job.yaml"}, {0, 2});
    EXPECT_EQ(n_right(), "200000\n");
    EXPECT_EQ(hashed(), "29 29 49 49 40 40 25 25 ");
}

TEST_F(Chunked, OtherChunksAreAnotherInput) {
    run_job({"job.yaml", "--items", "0:100000"}, {0, 1}, 0);
    for (const char *how : {"chunks=(3500,), compression=4", "chunks=(7000,), compression=4", ""}) {
        python("with h5py.File('in.h5', 'r+') as f:\n    x = f['x'][:]\n    del f['x']\n"
               "    f.create_dataset('x', data=x, " +
               std::string(how) + ")");
        Result result = sheaf({"run", "job.yaml"});
        EXPECT_EQ(result.exit, 2) << how << result;
        EXPECT_EQ(count_of(result.err, "--overwrite"), 1) << result;
    }
    run_job({"job.yaml", "--overwrite"});
    EXPECT_EQ(n_right(), "200000\n");
}

/* No row is computed from it, and the good file goes on where the damaged one ended. */
TEST_F(Chunked, ADamagedChunkEndsTheRunAndIsNamed) {
    must({"cp", "in.h5", "good.h5"});
    struct {
        const char *dataset, *said;
        int chunk;
    } const cases[] = {
        {"x", "in.h5:x: the bytes of items 35000 to 41999 are damaged: zlib cannot inflate them", 5},
        {"summed", "in.h5:summed: the bytes of items 40960 to 45055 are damaged: their checksum (fletcher32) is wrong",
         10}};
    for (const auto &c : cases)
        for (const Layout &layout : {Layout{0, 2}, Layout{2, 1}}) {
            SCOPED_TRACE(c.dataset + layout.name());
            must({SHEAF_PYTHON, "damage.py", c.dataset, std::to_string(c.chunk)});
            Result result = sheaf({"run", "job.yaml", "--overwrite"}, layout);
            if (layout.ranks == 0)
                EXPECT_EQ(result.exit, 3) << result;
            EXPECT_NE(result.exit, 0);
            EXPECT_GE(count_of(result.err, c.said), 1) << result;
            must({"cp", "good.h5", "in.h5"});
            EXPECT_NE(n_right(), "200000\n") << "what is done is right";
            run_job({"job.yaml"}, layout);
            EXPECT_EQ(n_right(), "200000\n");
        }
}

/* Where programs compute, inputs have one hash, and threads inflate nonetheless. */
TEST_F(Chunked, ProgramsTakeThemToo) {
    write("command.yaml", "items: {hdf5: {file: few.h5, fields: {x: x, v: v}}}\ncommand: [echo, '{x} {v}']\n"
                          "outputs: {y: {regex: '^([^ ]+) '}, last: {regex: '([^,]+)$'}}\ninputs: link\n");
    python("with h5py.File('few.h5', 'w') as f:\n"
           "    f.create_dataset('x', data=np.arange(40) / 8.0, chunks=(7,), shuffle=True, compression=4)\n"
           "    f.create_dataset('v', data=np.arange(120.0).reshape(40, 3), chunks=(16, 3), compression=1, "
           "fletcher32=True)");
    run_job({"command.yaml"}, {0, 2});
    python("with h5py.File('command.h5') as f:\n"
           "    assert (f['y'][:] == np.arange(40) / 8.0).all()\n"
           "    assert (f['last'][:] == np.arange(2.0, 120, 3)).all()");
}

/* Killed at every third write in turn: of each row that is done the chunk that it was computed from has its hash. */
TEST_F(Chunked, AfterAKillNoRowIsWithoutItsHash) {
    Start start_crashing = start();
    start_crashing.env["LD_PRELOAD"] = SHEAF_PLUGIN_DIR "/crash_points.so";
    if (Child({SHEAF_PROGRAM, "--version"}, start_crashing).wait().exit != 0)
        GTEST_SKIP() << "LD_PRELOAD does not work here (sanitizers?)";
    write("x.yaml", "items: {hdf5: {file: in.h5, fields: {x: x}}}\nkernel: square_plus\ninputs: link\n");
    must({"mkdir", "killed"});
    start_crashing.env["SHEAF_CRASH_HOW"] = "after";
    int n = 1;
    for (;; n += 3) {
        start_crashing.env["SHEAF_CRASH_AT"] = std::to_string(n);
        Result result = Child({SHEAF_PROGRAM, "run", "x.yaml", "-q", "-t", "2"}, start_crashing).wait();
        if (result.exit != 137)
            break;
        must({"sh", "-c", "[ ! -f x.h5 ] || mv x.h5 killed/" + std::to_string(1000 + n) + ".h5; rm -f x.h5*"});
    }
    EXPECT_GT(n, 60) << "too few writes were met";
    write("look.py", R"(import glob, h5py, numpy as np
some = 0
for name in glob.glob('killed/*.h5'):
    with h5py.File(name) as f:
        done = np.flatnonzero(f['status'][:])
        assert (f['sheaf/input_segments/x'][:][done // 7000] != 0).all(), name
        some += 0 < len(done) < 200000
print('met rows that were done', some > 5)
)");
    Result looked = run({SHEAF_PYTHON, "look.py"});
    EXPECT_EQ(looked.out, "met rows that were done True\n") << looked;
}

} // namespace
