/* What h5py and xarray find in a results file. */
#include "cli/program.h"

namespace {

class Labels : public Program {};

TEST_F(Labels, Moid) {
    run_job({SHEAF_SOURCE_DIR "/jobs/moid.yaml"}, {2, 1});
    check({"moid_labels", path("moid.h5"), SHEAF_SOURCE_DIR "/jobs/moid.yaml"});
    check({"csv_columns", path("moid.h5"), SHEAF_SOURCE_DIR "/data/asteroids.csv"});
    check({"types", path("moid.h5"), "name=str", "class=str", "epoch_mjd=int64", "a_au=float64",
           "mean_anomaly_deg=float64", "status=uint8", "moid=float64"});
    check({"runs", path("moid.h5"), "7099"});
    check({"xarray", path("moid.h5")});
}

TEST_F(Labels, ColumnsOfACsv) {
    write("in.csv", "\xef\xbb\xbfx,whole,gap,word,late, padded ,sparse\r\n"
                    "1,7,1.5,\"a, \"\"b\"\"\",1,1e3,\r\n"
                    "2,-8,,élan,2,2,\r\n"
                    "\r\n"
                    "3,9007199254740993,nan,\"two\nlines\",2.5,-inf,\r\n");
    write_job("job.yaml", "csv: in.csv", "hostile:slow");
    run_job({"job.yaml"}, {2, 1});
    check({"types", path("job.h5"), "whole=int64", "gap=float64", "word=str", "late=float64", "padded=float64",
           "sparse=float64", "x=int64"}); /* whatever the kernel takes */
    Result rows = sheaf({"show", "job.h5", "--csv", "--fields", "whole,gap,word,late,padded,sparse,y"});
    EXPECT_EQ(rows.out, "item,status,whole,gap,word,late,padded,sparse,y\n"
                        "0,done,7,1.5,\"a, \"\"b\"\"\",1,1000,nan,3\n"
                        "1,done,-8,nan,élan,2,2,nan,5\n"
                        "2,done,9007199254740993,nan,\"two\nlines\",2.5,-inf,nan,7\n")
        << rows;
}

/* A column named like a dimension that Sheaf makes: refused with the remedy, or kept and shown like any other. */
TEST_F(Labels, ColumnsNamedLikeDimensions) {
    for (std::string name : {"values_3", "values_4", "values_x"}) {
        SCOPED_TRACE(name);
        write("in.csv", "x," + name + "\n1,41\n2,42\n");
        write_job("job.yaml", "csv: in.csv", "hostile:uneven"); /* an output of width 3 */
        Result result = sheaf({"run", "job.yaml", "--overwrite"});
        if (result.exit == 2) {
            EXPECT_EQ(count_of(result.err, "in.csv:1: column 2"), 1) << result;
            EXPECT_EQ(count_of(result.err, "; rename it"), 1) << result;
        } else {
            EXPECT_EQ(result.exit, 0) << result;
            EXPECT_EQ(sheaf({"show", "job.h5", "--csv", "--fields", name}).out,
                      "item,status," + name + "\n0,done,41\n1,done,42\n");
        }
    }
}

TEST_F(Labels, ReservedColumnsAreRefused) {
    for (std::string name : {"item", "block", "status", "seconds", "attempts", "origin", "sheaf", "a/b", "."}) {
        write("in.csv", "x," + name + "\n1,2\n");
        write_job("job.yaml", "csv: in.csv", "hostile:slow");
        Result result = sheaf({"run", "job.yaml"});
        EXPECT_EQ(result.exit, 2) << result;
        EXPECT_EQ(count_of(result.err, "in.csv:1: column 2"), 1) << result;
        EXPECT_FALSE(exists(path("job.h5")));
    }
}

TEST_F(Labels, ItemsOfHdf5MayBeLinked) {
    check({"make_input", path("in.h5"), "48"});
    write_job("job.yaml", "hdf5: {file: in.h5, fields: {x: x, k: /deep/k, w: w}}", "hostile:slow", "inputs: link\n");
    run_job({"job.yaml"}, {2, 1});
    check({"linked", path("job.h5"), path("in.h5")});
    ASSERT_EQ(rename(path("in.h5").c_str(), path("gone.h5").c_str()), 0);
    Result rows = sheaf({"show", "job.h5", "--csv", "--head", "1"});
    EXPECT_EQ(rows.out, "item,status,y\n0,done,-99\n") << "2 * -50 + 1, also without the inputs\n" << rows;
}

/* More runs than a person makes; the table is bounded. */
TEST_F(Labels, OneRowARun) {
    write_job("job.yaml", "count: 4096", "square_plus");
    Words counts = {"runs", path("job.h5")};
    for (int k = 0; k < 5; k++) {
        run_job({"job.yaml", "--items", std::to_string(10 * k) + ":" + std::to_string(10 * k + 5)});
        counts.push_back("5");
    }
    check(counts);
}

} // namespace
