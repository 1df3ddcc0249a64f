/* HDF5 inputs as others write them: text of any and of a fixed length, bool, float16, big-endian, unsigned, and slabs. What a
   job reads from them is what h5py does. */
#include "cli/program.h"

namespace {

class Hdf5Types : public Program {
  protected:
    Hdf5Types() {
        write("make.py",
              "import h5py, numpy as np\n"
              "with h5py.File('in.h5', 'w') as f:\n"
              "    n = 60; i = np.arange(n)\n"
              "    f['any'] = np.array([f'name {k}é' if k % 7 else '' for k in i], dtype=h5py.string_dtype())\n"
              "    f['fixed'] = np.array([f'n{k}' for k in i], dtype='S6')\n"
              "    t = h5py.h5t.FORTRAN_S1.copy(); t.set_size(5)\n"
              "    d = h5py.h5d.create(f.id, b'padded', t, h5py.h5s.create_simple((n,)))\n"
              "    d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([f'p{k}'.ljust(5) for k in i], dtype='S5'), mtype=t)\n"
              "    f['ok'] = i % 3 == 0\n"
              "    f['u64'] = i.astype('u8') * 10**15\n"
              "    f['half'] = (i / 4).astype('f2')\n"
              "    f['be'] = (i * 1.5).astype('>f8')\n"
              "    f['short'] = i.astype('>i2')\n"
              "    f['slab'] = np.arange(n * 6.).reshape(n, 2, 3)\n"
              "    f.create_dataset('tiles', data=np.arange(n * 6).reshape(n, 3, 2), chunks=(7, 3, 2), compression=4)\n"
              "    f['texts'] = np.array([['a', 'b']] * n, dtype='S1')\n");
        EXPECT_EQ(run({SHEAF_PYTHON, "make.py"}).exit, 0);
    }

    void look(const std::string &python) const {
        Result result = run({SHEAF_PYTHON, "-c",
                             "import h5py, numpy as np\nf, t = h5py.File('job.h5'), h5py.File('in.h5')\n" + python});
        EXPECT_EQ(result.exit, 0) << result;
    }

    static std::vector<Layout> layouts() { return {Layout{0, 1}, Layout{3, 1}, Layout{2, 1, true}}; }
};

TEST_F(Hdf5Types, TextsForCommands) {
    write("job.yaml", "items: {hdf5: {file: in.h5, fields: {any: /any, fixed: /fixed, padded: /padded, ok: /ok}}}\n"
                      "command: [printf, \"%s\", \"{any}|{fixed}|{padded}|{ok}\"]\n");
    for (const Layout &layout : layouts()) {
        run_job({"job.yaml", "--overwrite"}, layout);
        look("s = f['stdout'].asstr()[:]\n"
             "for i in range(60):\n"
             "    assert s[i] == '%s|n%d|p%d|%d' % (t['any'].asstr()[i], i, i, i % 3 == 0), (i, s[i])\n"
             "assert list(f['padded'].asstr()[:]) == ['p%d' % i for i in range(60)]\n"
             "assert (f['any'].asstr()[:] == t['any'].asstr()[:]).all()\n");
        EXPECT_EQ(sheaf({"verify", "job.h5"}).exit, 0);
    }
    EXPECT_EQ(count_of(sheaf({"show", "job.h5", "--item", "8", "--fields", "any,fixed"}).out, "name 8é"), 1);
    /* and they are the items of a next job */
    write("next.yaml",
          "items: {hdf5: {file: job.h5, fields: {said: /stdout}}}\ncommand: [printf, \"%s\", \"<{said}>\"]\n");
    run_job({"next.yaml"}, {2, 1});
    EXPECT_EQ(run({SHEAF_PYTHON, "-c",
                   "import h5py; a = h5py.File('job.h5')['stdout'].asstr()[:]; "
                   "assert (h5py.File('next.h5')['stdout'].asstr()[:] == '<' + a + '>').all()"})
                  .exit,
              0);
}

TEST_F(Hdf5Types, NumbersForFormulas) {
    write("job.yaml",
          "items: {hdf5: {file: in.h5, fields: {ok: /ok, u64: /u64, half: /half, be: /be, short: /short}}}\n"
          "expression: {y: ok + half + be + short, z: u64}\n");
    for (const Layout &layout : layouts()) {
        run_job({"job.yaml", "--overwrite"}, layout);
        look("assert (f['y'][:] == t['ok'][:].astype(float) + t['half'][:].astype(float) + t['be'][:] + "
             "t['short'][:]).all()\n"
             "assert (f['z'][:] == t['u64'][:].astype(float)).all()\n"
             "assert f['ok'].dtype == 'u1' and (f['ok'][:] == t['ok'][:]).all(), 'netCDF knows no bool'\n");
    }
}

/* All that stands behind the first index is an item's, as one row; copied, or where it lies. */
TEST_F(Hdf5Types, SlabsForWorkers) {
    write("job.yaml", "items: {hdf5: {file: in.h5, fields: {slab: /slab, tiles: /tiles}}}\n"
                      "worker: [" SHEAF_PYTHON ", sums.py]\noutputs: {y: {type: float64}}\n");
    write("sums.py", "import sys, json\n"
                     "for line in sys.stdin:\n"
                     "    item = json.loads(line)\n"
                     "    print(json.dumps({'y': sum(item['slab']) + 1000 * item['tiles'][5]}), flush=True)\n");
    for (std::string inputs : {"copy", "link"})
        for (const Layout &layout : layouts()) {
            run_job({"job.yaml", "--overwrite", "--set", "inputs=" + inputs}, layout);
            look("s, i = t['slab'][:].reshape(60, 6), t['tiles'][:].reshape(60, 6)\n"
                 "assert (f['y'][:] == s.sum(axis=1) + 1000 * i[:, 5]).all()\n"
                 "assert (f['slab'][:].reshape(60, 6) == s).all() and (f['tiles'][:].reshape(60, 6) == i).all()\n");
            EXPECT_EQ(count_of(sheaf({"show", "job.h5", "--csv", "--head", "2"}).out, "slab[5],tiles[0]"), 1)
                << sheaf({"show", "job.h5", "--csv"});
        }
}

TEST_F(Hdf5Types, WhatCannotBe) {
    write("formula.yaml", "items: {hdf5: {file: in.h5, fields: {x: /any}}}\nexpression: {y: x}\n");
    EXPECT_EQ(sheaf({"run", "formula.yaml"}).exit, 2);
    write("kernel.yaml", "items: {hdf5: {file: in.h5, fields: {x: /any}}}\nkernel: square_plus\n");
    Result kernel = sheaf({"run", "kernel.yaml"});
    EXPECT_EQ(kernel.exit, 2);
    EXPECT_EQ(count_of(kernel.err, "field 'x' holds text, the kernel wants numbers"), 1) << kernel;
    write("texts.yaml", "items: {hdf5: {file: in.h5, fields: {x: /texts}}}\ncommand: [echo, \"{x}\"]\n");
    Result texts = sheaf({"run", "texts.yaml"});
    EXPECT_EQ(texts.exit, 2);
    EXPECT_EQ(count_of(texts.err, "in.h5:/texts: has several texts an item; a field of text has one"), 1) << texts;
}

} // namespace
