/* Inputs without a value: items that were not done in the results file they come from, and what other files mark as
   missing. */
#include "cli/program.h"

namespace {

class Missing : public Program {
  protected:
    void python(const std::string &text) const {
        write("a.py", "import h5py, numpy as np\n" + text);
        Result result = run({SHEAF_PYTHON, "a.py"});
        ASSERT_EQ(result.exit, 0) << result;
    }
    /* 10 x for all x but 3, whose item fails. */
    void make_results(const Words &more = {}) const {
        write_x("x.csv", {0, 1, 2, 3, 4, 5, 6, 7});
        write("first.yaml", R"(items: {csv: x.csv}
command: '[ {x} != 3 ] && echo $(({x} * 10))'
outputs:
  n: {regex: '(\d+)', type: int64}
  r: {regex: '(\d+)'}
)");
        Words words = {"run", "first.yaml", "-q"};
        words.insert(words.end(), more.begin(), more.end());
        sheaf(words);
    }
    /* y = 2 x + 1 of a dataset. */
    void write_second(const std::string &file, const std::string &dataset) const {
        write("second.yaml", "items: {hdf5: {file: " + file + ", fields: {x: " + dataset +
                                 "}}}\ncommand: 'echo $((2 * {x} + 1))'\noutputs:\n  y: {regex: '(\\S+)'}\n");
    }
    std::string rows(const std::string &fields = "y") const {
        return sheaf({"show", "second.h5", "--csv", "--fields", fields}).out;
    }
};

TEST_F(Missing, ItemsThatWereNotDoneAreSkipped) {
    make_results({"--items", "0:6"});
    for (const char *dataset : {"n", "r"})
        for (const Layout &layout : {Layout{0, 2}, Layout{2, 1}}) {
            SCOPED_TRACE(dataset + layout.name());
            write_second("first.h5", dataset);
            Result result = run_job({"second.yaml", "--overwrite"}, layout);
            EXPECT_EQ(count_of(result.err, std::string("sheaf: 3 items are skipped: the first since first.h5:") +
                                               dataset + " has no value in row 3\n"),
                      1)
                << result;
            EXPECT_EQ(count_of(result.err, "second: 5 of 8 items done, 3 skipped\n"), 1) << result;
            EXPECT_EQ(rows(), "item,status,y\n0,done,1\n1,done,21\n2,done,41\n3,skipped,nan\n4,done,81\n5,done,101\n"
                              "6,skipped,nan\n7,skipped,nan\n");
            EXPECT_EQ(count_of(sheaf({"show", "second.h5", "--where-failed"}).out, "has no value in row 7"), 1);
            EXPECT_EQ(sheaf({"status", "second.h5", "--exit-code"}).exit, 0);
            Result again = run_job({"second.yaml", "--retry-failed"}, layout);
            EXPECT_EQ(count_of(again.err, "nothing to do"), 1) << again;
        }
    make_results(); /* to its end: these are other items */
    Result result = run_job({"second.yaml"});
    EXPECT_EQ(count_of(result.err, "6 of 8 items are those of second.h5, where 5 have results; 2 are new"), 1)
        << result;
    write_second("first.h5", "x"); /* an input there, which all items have */
    run_job({"second.yaml", "--overwrite"});
    EXPECT_EQ(count_of(rows(), ",done,"), 8) << rows();
}

/* A block is computed as a whole; those of its items that were skipped stay so. */
TEST_F(Missing, SkippedItemsOfABlockStaySkipped) {
    make_results();
    for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}, Layout{2, 1, true}}) {
        SCOPED_TRACE(layout.name());
        write("second.yaml", "items: {hdf5: {file: first.h5, fields: {n: n}}}\nexpression: {y: 2 * n}\n");
        Result result = run_job({"second.yaml", "--overwrite"}, layout);
        EXPECT_EQ(count_of(result.err, "second: 7 of 8 items done, 1 skipped\n"), 1) << result;
        EXPECT_EQ(rows(), "item,status,y\n0,done,0\n1,done,20\n2,done,40\n3,skipped,nan\n4,done,80\n5,done,100\n"
                          "6,done,120\n7,done,140\n");
    }
}

TEST_F(Missing, FillValuesAreNanOrSkipped) {
    python(R"(
with h5py.File('in.h5', 'w') as f:
    f['i'] = np.array([1, -999, 3, 32767], 'i2'); f['i'].attrs['_FillValue'] = np.array([-999], 'i2')
    f['i'].attrs['missing_value'] = np.array([32767.0])
    f['f'] = np.array([1, 1e20, 3, np.nan], 'f4'); f['f'].attrs['missing_value'] = 1e20
    f['d'] = np.array([1, 2, -1, 3.0]); f['d'].attrs['_FillValue'] = -1.0
    f['text'] = np.array([1, 2, 3, 4.0]); f['text'].attrs['missing_value'] = 'none'
    for name, source in ('v', 'i'), ('w', 'd'):
        layout = h5py.VirtualLayout(shape=(4,), dtype=f[source].dtype)
        layout[:] = h5py.VirtualSource('.', source, shape=(4,))
        f.create_virtual_dataset(name, layout)
)");
    const std::pair<const char *, const char *> cases[] = {
        {"i", "item,status,y\n0,done,3\n1,skipped,nan\n2,done,7\n3,skipped,nan\n"},
        {"v", "item,status,y\n0,done,3\n1,skipped,nan\n2,done,7\n3,skipped,nan\n"},
    };
    for (const auto &[dataset, expected] : cases) {
        SCOPED_TRACE(dataset);
        write_second("in.h5", dataset);
        run_job({"second.yaml", "--overwrite"});
        EXPECT_EQ(rows(), expected);
    }
    /* A kernel of floats has NaN for what is missing, of integers too. */
    const std::pair<const char *, const char *> floats[] = {
        {"i", "item,status,y\n0,done,3\n1,done,nan\n2,done,7\n3,done,nan\n"},
        {"v", "item,status,y\n0,done,3\n1,done,nan\n2,done,7\n3,done,nan\n"},
        {"f", "item,status,y\n0,done,3\n1,done,nan\n2,done,7\n3,done,nan\n"},
        {"d", "item,status,y\n0,done,3\n1,done,5\n2,done,nan\n3,done,7\n"},
        {"w", "item,status,y\n0,done,3\n1,done,5\n2,done,nan\n3,done,7\n"},
        {"text", "item,status,y\n0,done,3\n1,done,5\n2,done,7\n3,done,9\n"},
    };
    for (const auto &[dataset, expected] : floats)
        for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}}) {
            SCOPED_TRACE(dataset + layout.name());
            write_job("second.yaml", std::string("hdf5: {file: in.h5, fields: {x: ") + dataset + "}}", "hostile:slow",
                      "params: {ms: 0}\n");
            run_job({"second.yaml", "-o", "second.h5", "--overwrite"}, layout);
            EXPECT_EQ(rows(), expected);
        }
}

/* Of a virtual dataset over results files only the values tell; NaN is one of floats. */
TEST_F(Missing, ResultsFilesBehindVirtualDatasets) {
    make_results();
    python(R"(
with h5py.File('all.h5', 'w') as f:
    layout = h5py.VirtualLayout(shape=(16,), dtype='i8')
    for k in 0, 1:
        layout[8 * k:8 * k + 8] = h5py.VirtualSource('first.h5', 'n', shape=(8,))
    f.create_virtual_dataset('n', layout)
    f['far'] = h5py.ExternalLink('first.h5', 'n')
)");
    write_second("all.h5", "n");
    Result result = run_job({"second.yaml"});
    EXPECT_EQ(count_of(rows(), ",done,"), 14) << result;
    EXPECT_EQ(count_of(rows(), "\n3,skipped,nan\n"), 1) << rows();
    EXPECT_EQ(count_of(rows(), "\n11,skipped,nan\n"), 1) << rows();
    EXPECT_EQ(count_of(rows(), "\n10,done,41\n"), 1) << rows();
    write_second("all.h5", "far");
    run_job({"second.yaml", "--overwrite"});
    EXPECT_EQ(count_of(rows(), "\n3,skipped,nan\n"), 1) << rows();
    EXPECT_EQ(count_of(rows(), ",done,"), 7) << rows();
}

TEST_F(Missing, PackedNumbersAreRefused) {
    python(R"(
with h5py.File('in.h5', 'w') as f:
    f['p'] = np.array([1, 2], 'i2'); f['p'].attrs['scale_factor'] = 0.01
    f['o'] = np.array([1, 2], 'i2'); f['o'].attrs['add_offset'] = np.array([5], 'f4')
    f['u'] = np.array([1, -2], 'i1'); f['u'].attrs['_Unsigned'] = 'true'
    f['plain'] = np.array([1, 2], 'i2'); f['plain'].attrs['scale_factor'] = 1.0; f['plain'].attrs['add_offset'] = 0.0
)");
    const std::pair<const char *, const char *> cases[] = {
        {"p", "in.h5:/p: is packed (scale_factor is 0.01)"},
        {"o", "in.h5:/o: is packed (add_offset is 5)"},
        {"u", "in.h5:/u: holds unsigned integers that are stored as signed ones"},
    };
    for (const auto &[dataset, message] : cases) {
        write_second("in.h5", dataset);
        Result result = run_job({"second.yaml"}, {}, 2);
        EXPECT_EQ(count_of(result.err, message), 1) << result;
    }
    write_second("in.h5", "plain");
    run_job({"second.yaml"});
    EXPECT_EQ(rows(), "item,status,y\n0,done,3\n1,done,5\n");
}

TEST_F(Missing, ASharedNumberThatIsMissingIsRefused) {
    python(R"(
with h5py.File('in.h5', 'w') as f:
    f['k'] = [-1.0]; f['k'].attrs['_FillValue'] = -1.0
)");
    write_x("x.csv", {1});
    write("job.yaml", "items: {csv: x.csv}\nexpression: {y: k * x}\nshared: {k: {hdf5: \"in.h5:/k\"}}\n");
    Result result = run_job({"job.yaml"}, {}, 2);
    EXPECT_EQ(count_of(result.err, "in.h5: '/k' has no value, it is missing"), 1) << result;
}

} // namespace
