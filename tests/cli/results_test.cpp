/* Items that are the results of an earlier job: its inputs and outputs are fields, its cube is the new one's, and what is not
   done there is skipped here. */
#include "cli/program.h"

namespace {

class Earlier : public Program {
  protected:
    Earlier() {
        write("list.yaml",
              "items: {rows: [{x: 1, name: a}, {x: 2, name: b c}, {x: 3, name: d}, {x: 4, name: e}]}\n"
              "command: 'test {x} != 3 || { echo no luck >&2; exit 5; }; echo {x} | awk \"{print \\$1 * 10}\"'\n"
              "outputs: {y: {column: 1}}\n");
        write("cube.yaml", "items: {grid: {mass: {linspace: [1, 4, 4], unit: kg}, model: [a, b], "
                           "q: {zip: {c: [1, 2, 3], d: [5, 6, 7]}}}}\n"
                           "expression: {y: mass * c + d, z: item}\n");
    }
    void python(const std::string &text) const {
        Result result = run({SHEAF_PYTHON, "-c", "import h5py, numpy as np\n" + text});
        ASSERT_EQ(result.exit, 0) << result;
    }
};

TEST_F(Earlier, FieldsOfAListAndWhatFailedThere) {
    run_job({"list.yaml"}, {}, 1);
    write("next.yaml", "items: {results: list.h5}\nexpression: {z: y + x}\n");
    for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}, Layout{2, 1, true}}) {
        SCOPED_TRACE(layout.name());
        Result result = run_job({"next.yaml", "--overwrite"}, layout);
        EXPECT_EQ(count_of(result.err, "sheaf: 1 item is skipped: item 2 failed in list.h5: exit code 5: no luck\n"), 1)
            << result;
        EXPECT_EQ(sheaf({"show", "next.h5", "--csv"}).out, "item,status,x,name,y,z\n0,done,1,a,10,11\n"
                                                           "1,done,2,b c,20,22\n2,skipped,3,d,nan,nan\n"
                                                           "3,done,4,e,40,44\n");
        EXPECT_EQ(sheaf({"verify", "next.h5"}).exit, 0);
    }
    write("third.yaml", "items: {results: next.h5, where: \"z > 12\"}\ncommand: [printf, \"%s\", \"{name}:{z}\"]\n");
    Result third = run_job({"third.yaml"}, {2, 1});
    EXPECT_EQ(count_of(third.err, "sheaf: 1 item is skipped: where 'z > 12' leaves them out\n"), 1) << third;
    EXPECT_EQ(
        count_of(third.err, "sheaf: 1 item is skipped: item 2 was skipped in next.h5: item 2 failed in list.h5: "), 1)
        << third;
    EXPECT_EQ(sheaf({"show", "third.h5", "--csv", "--fields", "name,stdout"}).out,
              "item,status,name,stdout\n0,skipped,a,\n1,done,b c,b c:22\n2,skipped,d,\n3,done,e,e:44\n");
}

/* The second cube has the axes, units and coordinates of the first, and its values beside its own. */
TEST_F(Earlier, ACubeStaysACube) {
    run_job({"cube.yaml"});
    write("next.yaml", "items: {results: cube.h5}\nexpression: {w: y + mass, v: d * y}\n");
    for (const Layout &layout : {Layout{0, 1}, Layout{0, 3}, Layout{2, 1}, Layout{4, 2}, Layout{3, 1, true}})
        for (const char *inputs : {"copy", "link"}) {
            SCOPED_TRACE(layout.name() + " " + inputs);
            Result result = run_job({"next.yaml", "--overwrite", "--set", std::string("inputs=") + inputs}, layout);
            python("a, b = h5py.File('cube.h5'), h5py.File('next.h5')\n"
                   "m, c, d = np.linspace(1, 4, 4)[:, None, None], np.array([1, 2, 3]), np.array([5, 6, 7])\n"
                   "y = np.broadcast_to(m * c + d, (4, 2, 3))\n"
                   "assert (b['y'][:] == y).all() and (b['w'][:] == y + m).all() and (b['v'][:] == d * y).all()\n"
                   "assert (b['z'][:].ravel() == np.arange(24)).all() and (b['status'][:] == 1).all()\n"
                   "for n in 'mass', 'model', 'c', 'd': assert (a[n][:] == b[n][:]).all(), n\n"
                   "assert b['mass'].attrs['units'] == 'kg' and b['w'].attrs['coordinates'] == 'c d'\n"
                   "assert [s.dims[0].keys() for s in (b['w'],)] == [['mass']], b['w'].dims[0].keys()\n"
                   "assert (b.get('y', getlink=True).__class__ is h5py.ExternalLink) == (" +
                   std::string(inputs == std::string("link") ? "True" : "False") + ")\n");
            EXPECT_EQ(sheaf({"verify", "next.h5"}).exit, 0);
            EXPECT_EQ(count_of(sheaf({"show", "next.h5", "--sel", "mass=4,model=b,q=2", "--csv"}).out, "19"), 1)
                << sheaf({"show", "next.h5", "--sel", "mass=4,model=b,q=2", "--csv"}).out;
            EXPECT_EQ(count_of(run_job({"next.yaml", "--set", std::string("inputs=") + inputs}).err, "nothing to do"),
                      1);
        }
}

TEST_F(Earlier, XarrayReadsTheSecondCube) {
    if (run({SHEAF_PYTHON, "-c", "import xarray, h5netcdf, netCDF4"}).exit != 0)
        GTEST_SKIP() << "there is no xarray";
    run_job({"cube.yaml"});
    write("next.yaml", "items: {results: cube.h5}\nexpression: {w: y + mass}\n");
    run_job({"next.yaml"});
    python("import xarray\n"
           "for engine in 'h5netcdf', 'netcdf4':\n"
           "    s = xarray.open_dataset('next.h5', engine=engine)\n"
           "    assert s.w.dims == ('mass', 'model', 'q') and list(s.coords) == ['mass', 'model', 'c', 'd'], s\n"
           "    assert s.w.sel(mass=3, model='b').values.tolist() == [11, 15, 19]\n"
           "    assert (s.w == s.y + s.mass).all()\n");
}

/* Killed at many instants, it ends with the same bytes. */
TEST_F(Earlier, ResumesAndSaysWhenTheEarlierFileHasChanged) {
    run_job({"cube.yaml"});
    write("next.yaml", "items: {results: cube.h5}\nworker: 'while read -r l; do echo \"{\\\"n\\\": ${#l}}\"; done'\n"
                       "outputs: {n: {type: int64}}\n");
    run_job({"next.yaml", "-o", "whole.h5"}, {2, 1});
    run_job({"next.yaml", "--items", "0:5"}, {0, 1});
    run_job({"next.yaml", "--items", "11:20"}, {2, 1});
    run_job({"next.yaml"}, {3, 1});
    python("a, b = h5py.File('whole.h5'), h5py.File('next.h5')\n"
           "assert (a['n'][:] == b['n'][:]).all() and (b['status'][:] == 1).all() and a['n'].shape == (4, 2, 3)\n");
    run_job({"cube.yaml", "--set", "expression.y=mass", "--overwrite"});
    Result changed = run_job({"next.yaml"}, {}, 2);
    EXPECT_EQ(count_of(changed.err, "next.h5: holds the results of another job"), 1) << changed;
}

TEST_F(Earlier, SomeFieldsAndOtherNames) {
    run_job({"cube.yaml"});
    write("next.yaml", "items: {results: {file: cube.h5, fields: {y0: y}}}\nexpression: {y: y0 + 1}\n");
    run_job({"next.yaml"}, {2, 1});
    python("b = h5py.File('next.h5')\n"
           "assert (b['y'][:] == b['y0'][:] + 1).all() and b['y0'].shape == (4, 2, 3) and 'z' not in b and 'c' in b\n");
    write("list.yaml", "items: {results: {file: cube.h5, fields: [z, mass]}}\nexpression: {u: z * mass}\n");
    run_job({"list.yaml"});
    python("b = h5py.File('list.h5')\nassert 'y' not in b and b['z'].shape == (4, 2, 3) and b['mass'].shape == (4,)\n");
    const std::pair<const char *, const char *> wrong[] = {
        {"{file: cube.h5, fields: [zz]}", "items.results.fields: no field 'zz' in cube.h5; did you mean 'z'?"},
        {"{file: cube.h5, fields: {m: mass}}", "'mass' lies along an axis of the cube in cube.h5, and keeps its name"},
        {"{file: cube.h5, fields: {}}", "items.results.fields should be names, [x, y], or new names, {x0: x}"},
        {"{file: cube.h5, fields: [y, z, y]}", "items.results.fields: 'y' is there twice"},
        {"{file: cube.h5, fields: {mass: y}}",
         "items.results.fields: 'mass' is an axis of the cube, or lies along one"},
        {"{file: cube.h5, fields: {c: y}}", "items.results.fields: 'c' is an axis of the cube, or lies along one"},
        {"{file: cube.h5, fields: {q: y}}", "items.results.fields: 'q' is an axis of the cube, or lies along one"},
        {"{fields: [y]}", "items.results needs 'file'"},
        {"gone.h5", "gone.h5"},
        {"next.yaml", "next.yaml: is not an HDF5 file that can be read"},
    };
    for (const auto &[items, message] : wrong) {
        write("wrong.yaml", std::string("items: {results: ") + items + "}\nexpression: {u: 1}\n");
        Result result = run_job({"wrong.yaml"}, {}, 2);
        EXPECT_EQ(count_of(result.err, message), 1) << result;
        EXPECT_EQ(count_of(result.err, "wrong.yaml:1:"), 1) << result;
    }
    write("same.yaml", "items: {results: cube.h5}\nexpression: {y: z}\n");
    EXPECT_EQ(count_of(run_job({"same.yaml"}, {}, 2).err, "'y'"), 1);
    EXPECT_FALSE(exists(path("same.h5")));
}

/* Exit code, standard error and the like of every command are no results, unless the job looks for nothing. */
TEST_F(Earlier, TracesOfCommandsAreLeftOut) {
    write("bare.yaml", "items: {rows: [{x: 1}, {x: 2}]}\ncommand: [printf, \"<%s>\", \"{x}\"]\n");
    run_job({"bare.yaml"});
    write("next.yaml", "items: {results: bare.h5}\ncommand: [printf, \"%s\", \"{stdout}\"]\n");
    EXPECT_GE(count_of(run_job({"next.yaml"}, {}, 2).err, "'stdout'"), 1) << "two of one name";
    write("next.yaml", "items: {results: {file: bare.h5, fields: {said: stdout, x: x}}}\n"
                       "command: [printf, \"%s\", \"{said}{x}\"]\n");
    run_job({"next.yaml"});
    EXPECT_EQ(sheaf({"show", "next.h5", "--csv", "--fields", "x,said,stdout"}).out,
              "item,status,x,said,stdout\n0,done,1,<1>,<1>1\n1,done,2,<2>,<2>2\n");
    Result check = sheaf({"check", "next.yaml"});
    EXPECT_EQ(count_of(check.out, "items: results of bare.h5, 2\n"), 1) << check;
}

/* What is pending there is told; its texts are not in the file yet, and would be read as empty ones. */
TEST_F(Earlier, WhatIsPendingThere) {
    run_job({"list.yaml", "--items", "0:2"});
    write("next.yaml", "items: {results: list.h5}\nexpression: {z: y + x}\n");
    Result result = run_job({"next.yaml"}, {}, 2);
    EXPECT_EQ(
        count_of(result.err, "next.yaml:1:8: list.h5: 2 of its 4 items are pending; run its job to the end first"), 1)
        << result;
    EXPECT_FALSE(exists(path("next.h5")));
    write("text.yaml", "items: {hdf5: {file: list.h5, fields: {stdout: /stdout}}}\nexpression: {z: 1}\n");
    EXPECT_EQ(count_of(run_job({"text.yaml"}, {}, 2).err, "is text that is not packed into the file yet"), 1);
    run_job({"list.yaml"}, {}, 1);
    run_job({"text.yaml"});
    EXPECT_EQ(count_of(sheaf({"show", "text.h5", "--csv", "--fields", "stdout"}).out, "\"20\n\""), 1)
        << sheaf({"show", "text.h5", "--csv", "--fields", "stdout"}).out;
}

/* One axis stays one, with its coordinates and what lies beside them. */
TEST_F(Earlier, OneAxisStaysOne) {
    write("one.yaml", "items: {grid: {T: {linspace: [280, 300, 5], unit: K}}}\nexpression: {p: T * 2}\n");
    write("zip.yaml", "items: {zip: {T: [1, 2, 3], P: [7, 8, 9], who: [a, b c, d]}}\nexpression: {p: T * P}\n");
    for (const char *name : {"one", "zip"}) {
        SCOPED_TRACE(name);
        run_job({std::string(name) + ".yaml"});
        write("next.yaml",
              std::string("items: {results: {file: ") + name + ".h5, fields: [p]}}\nexpression: {q: p + T}\n");
        for (const Layout &layout : {Layout{0, 2}, Layout{2, 1}}) {
            run_job({"next.yaml", "--overwrite"}, layout);
            python(std::string("a, b = h5py.File('") + name +
                   ".h5'), h5py.File('next.h5')\n"
                   "for n in set(a) - {'sheaf', 'p', 'status', 'item'}: assert (a[n][:] == b[n][:]).all(), n\n"
                   "assert (b['q'][:] == a['p'][:] + a['T'][:]).all() and (b['p'][:] == a['p'][:]).all()\n"
                   "assert b['q'].dims[0].keys() == a['p'].dims[0].keys()\n"
                   "assert b['q'].attrs.get('coordinates') == a['p'].attrs.get('coordinates')\n"
                   "assert b['T'].attrs.get('units') == a['T'].attrs.get('units')\n");
            EXPECT_EQ(sheaf({"verify", "next.h5"}).exit, 0);
        }
        write("third.yaml", "items: {results: next.h5}\nexpression: {r: q - p}\n");
        run_job({"third.yaml", "--overwrite"});
        python(std::string("a, b = h5py.File('") + name +
               ".h5'), h5py.File('third.h5')\nassert (b['r'][:] == a['T'][:]).all() and 'q' in b\n");
    }
    EXPECT_EQ(sheaf({"show", "third.h5", "--csv", "--head", "1"}).out,
              "item,status,T,P,who,p,q,r\n0,done,1,7,a,7,8,1\n");
    run_job({"one.yaml", "-o", "zip.h5", "--overwrite"});
    write("next.yaml", "items: {results: zip.h5}\nexpression: {q: p + 1}\n");
    run_job({"next.yaml", "--overwrite"});
    EXPECT_EQ(count_of(sheaf({"show", "next.h5", "--sel", "T=290", "--csv"}).out, "581"), 1);
}

/* What counts are values and what is done: the earlier job may be run again. */
TEST_F(Earlier, TheSameValuesComputedAgainAreTheSame) {
    run_job({"list.yaml"}, {}, 1);
    write("next.yaml", "items: {results: list.h5}\nexpression: {z: y + x}\n");
    run_job({"next.yaml"});
    run_job({"list.yaml", "--retry-failed"}, {}, 1);
    EXPECT_EQ(count_of(run_job({"next.yaml"}).err, "nothing to do"), 1);
    run_job({"list.yaml", "--recompute", "--items", "0"});
    run_job({"list.yaml", "--overwrite"}, {2, 1}, 1);
    EXPECT_EQ(count_of(run_job({"next.yaml"}).err, "nothing to do"), 1);
    write("list.yaml", "items: {rows: [{x: 1, name: a}, {x: 2, name: b c}, {x: 3, name: d}, {x: 4, name: e}]}\n"
                       "command: 'echo {x} | awk \"{print \\$1 * 10}\"'\noutputs: {y: {column: 1}}\n");
    run_job({"list.yaml", "--overwrite"});
    EXPECT_EQ(count_of(run_job({"next.yaml"}).err, "3 of 4 items are those of next.h5; 1 is new"), 1)
        << "item 2 is done now";
}

/* An item that failed is another thing than one whose value is 0. */
TEST_F(Earlier, AZeroIsNotNothing) {
    const std::string job = "items: {rows: [{x: 1}, {x: 2}]}\ncommand: '";
    write("zero.yaml", job + "test {x} = 2 && echo 0'\noutputs: {y: {column: 1, type: int64}}\n");
    run_job({"zero.yaml"}, {}, 1);
    write("next.yaml", "items: {results: zero.h5}\nexpression: {z: y + 1}\n");
    run_job({"next.yaml"});
    write("zero.yaml", job + "echo 0'\noutputs: {y: {column: 1, type: int64}}\n");
    run_job({"zero.yaml", "--overwrite"});
    EXPECT_EQ(count_of(run_job({"next.yaml"}).err, "1 of 2 items are those of next.h5; 1 is new"), 1);
}

TEST_F(Earlier, AFileThatARunIsWritingIsRefused) {
    write("slow.yaml", "items: {count: 4}\ncommand: 'test {item} = 0 || sleep 1000; echo {item}'\n"
                       "outputs: {y: {column: 1}}\n");
    write("next.yaml", "items: {results: slow.h5}\nexpression: {z: y}\n");
    Child child(command({"run", "slow.yaml", "-q"}, {0, 1}), start());
    ASSERT_TRUE(wait_until([&] { return exists(path("slow.h5")); }));
    Result result = run_job({"next.yaml"}, {}, 2);
    EXPECT_EQ(count_of(result.err, "next.yaml:1:8: slow.h5: a run (process "), 1) << result;
    EXPECT_FALSE(exists(path("next.h5")));
    child.kill_all(SIGKILL);
    child.wait();
    EXPECT_EQ(count_of(run_job({"next.yaml"}, {}, 2).err, "of its 4 items are pending"), 1);
}

/* Inputs that the earlier file links to must be what it was computed from. */
TEST_F(Earlier, LinkedInputsOfTheEarlierFile) {
    python("f = h5py.File('in.h5', 'w'); f['x'] = np.arange(1000.0)\n");
    write("first.yaml", "items: {hdf5: {file: in.h5, fields: {x: /x}}}\nexpression: {y: x + 1}\ninputs: link\n");
    run_job({"first.yaml"});
    write("next.yaml", "items: {results: first.h5}\nexpression: {z: x + y}\n");
    run_job({"next.yaml"}, {2, 1});
    python("b = h5py.File('next.h5')\nassert (b['z'][:] == 2 * np.arange(1000.0) + 1).all()\n");
    python("f = h5py.File('in.h5', 'r+'); f['x'][7] = 0\n");
    Result changed = run_job({"next.yaml", "-o", "other.h5"}, {}, 2);
    EXPECT_EQ(count_of(changed.err, "take only other fields: {file: FILE, fields: [x, y]}"), 1) << changed;
    write("only.yaml", "items: {results: {file: first.h5, fields: [y]}}\nexpression: {z: y}\n");
    run_job({"only.yaml"});
    write("gone.yaml", "items: {results: {file: first.h5, fields: [x]}}\nexpression: {z: x}\n");
    EXPECT_EQ(count_of(run_job({"gone.yaml"}, {}, 2).err, "items.results.fields: 'x' is left out: "), 1);
}

/* A coordinate of a netCDF file is a dimension scale there, and a field like others where it is linked. */
TEST_F(Earlier, ALinkedCoordinateIsAField) {
    write("axis.yaml", "items: {grid: {x: [1, 2, 4]}}\nexpression: {y: x * 2}\n");
    run_job({"axis.yaml"});
    write("next.yaml", "items: {results: axis.h5}\nexpression: {w: x + y}\ninputs: link\n");
    run_job({"next.yaml"});
    EXPECT_EQ(sheaf({"show", "next.h5", "--csv"}).out,
              "item,status,x,y,w\n0,done,1,2,3\n1,done,2,4,6\n2,done,4,8,12\n");
    write("third.yaml", "items: {results: next.h5}\nexpression: {v: w - x}\n");
    run_job({"third.yaml"});
    EXPECT_EQ(sheaf({"show", "third.h5", "--csv", "--fields", "x,v"}).out,
              "item,status,x,v\n0,done,1,2\n1,done,2,4\n2,done,4,8\n");
}

/* Beyond the first 1,000, which have a message, they are marked as a whole. */
TEST_F(Earlier, EveryOtherItemIsLackingThere) {
    write("half.yaml", "items: {count: 200000, where: \"item % 2 == 1 || item > 150000\"}\nexpression: {y: item}\n");
    run_job({"half.yaml"});
    write("next.yaml", "items: {results: half.h5, where: \"y > 99\"}\nexpression: {z: y + 1}\n");
    Result result = run_job({"next.yaml"}, {2, 1});
    EXPECT_EQ(count_of(result.err, "sheaf: 75,001 items are skipped: the first since item 0 was skipped in half.h5"), 1)
        << result;
    EXPECT_EQ(count_of(result.err, "sheaf: 50 items are skipped: where 'y > 99' leaves them out\n"), 1) << result;
    python("b, i = h5py.File('next.h5'), np.arange(200000)\n"
           "done = ((i % 2 == 1) | (i > 150000)) & (i > 99)\n"
           "assert (b['status'][:] == np.where(done, 1, 5)).all()\n"
           "assert (b['z'][:][done] == i[done] + 1).all() and np.isnan(b['z'][:][~done]).all()\n");
    EXPECT_EQ(sheaf({"verify", "next.h5"}).exit, 0);
}

/* The earlier file stays open, and is not to blame for what else crashes. */
TEST_F(Earlier, ACrashOfAKernelIsNotDamageOfTheEarlierFile) {
    run_job({"cube.yaml"});
    write("next.yaml", "items: {results: cube.h5}\nkernel: " SHEAF_PLUGIN_DIR "/crashes.so:crashes_early\n");
    Result result = sheaf({"run", "next.yaml"});
    EXPECT_NE(result.exit, 0) << result;
    EXPECT_EQ(count_of(result.err, "damaged"), 0) << result;
    EXPECT_EQ(count_of(result.err, "cube.h5"), 0) << result;
}

} // namespace
