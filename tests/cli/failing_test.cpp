/* A failing item is data (R4): it has a status and a message, the others go on, the exit code is 1. */
#include "cli/program.h"

#include <sstream>

namespace {

class Failing : public Program {
  protected:
    /* Blocks of 4: an item of the first fails, all of the second, all of the third without a word, none after that. */
    void write_fails() const {
        write_x("in.csv", {0.5, 1, -1, 3, /**/ 13, 5, 6, 7, /**/ 8, 14, 10, 11, /**/ 12, 15, 16});
        write_job("job.yaml", "csv: in.csv", "hostile:fails");
    }

    /* The line of `show --where-failed` for an item. */
    static std::string line_of(const std::string &table, int item) {
        std::istringstream lines(table);
        for (std::string line; std::getline(lines, line);)
            if (std::atoi(line.c_str()) == item && line.find("failed") != std::string::npos)
                return line;
        return "";
    }
};

TEST_F(Failing, ItemsAndBlocks) {
    write_fails();
    for (Layout layout : {Layout{0, 1}, Layout{0, 2}, Layout{1, 1}, Layout{3, 2}}) {
        SCOPED_TRACE(layout.name());
        Result result = run_job({"job.yaml", "--overwrite"}, layout, 1);
        EXPECT_EQ(count_of(result.err, "6 of 15 items done, 9 failed"), 1) << result;
        EXPECT_EQ(count_of(result.err, "sheaf show job.h5 --where-failed"), 1) << "says where to look\n" << result;
        check({"failed", path("job.h5"), "y", "2", "4", "5", "6", "7", "8", "9", "10", "11"});
        check({"fails_values", path("job.h5")});
    }
    EXPECT_EQ(run_job({"job.yaml"}, {2, 1}, 1).exit, 1) << "also when there is nothing left to do";
    check({"failed", path("job.h5"), "y", "2", "4", "5", "6", "7", "8", "9", "10", "11"});
    Result status = sheaf({"status", "job.h5", "--exit-code"});
    EXPECT_EQ(status.exit, 1);
    EXPECT_EQ(status.out, "job.h5: 15 items, 6 done, 9 failed\n");
    EXPECT_EQ(sheaf({"status", "job.h5"}).exit, 0);
}

TEST_F(Failing, Messages) {
    write_fails();
    run_job({"job.yaml"}, {2, 2}, 1);
    Result table = sheaf({"show", "job.h5", "--where-failed"});
    EXPECT_EQ(table.exit, 0);
    EXPECT_EQ(count_of(table.out, "\n"), 10) << "a head and nine rows: a message is one line\n" << table;
    std::string percent = line_of(table.out, 2), unlucky = line_of(table.out, 5), silent = line_of(table.out, 9);
    const std::string before = "   2  failed  ";
    EXPECT_EQ(percent.rfind(before + "100%s of %n nothing next line", 0), 0u) << table;
    EXPECT_LE(percent.size(), before.size() + 239) << "shown whole, as it is kept: 239 bytes of the 10,000\n" << table;
    EXPECT_GT(percent.size(), before.size() + 230) << table;
    EXPECT_EQ(count_of(unlucky, "item 4 is unlucky"), 1) << table;
    EXPECT_EQ(count_of(silent, "whole block"), 1) << table;
    for (char c : percent)
        EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20) << "a control character";

    table = sheaf({"show", "job.h5", "--where-failed", "--csv"});
    check({"messages", path("job.h5")});
    write("table.csv", table.out);
    check({"where_failed", path("table.csv"), "2,4,5,6,7,8,9,10,11"});
}

/* Whoever computes an item writes its message; on other nodes until the table is full. */
TEST_F(Failing, MoreMessagesThanTheTableHolds) {
    std::vector<double> x; /* of three blocks, one fails, one has an item that does, one is done */
    for (int block = 0; block < 15000; block++)
        for (int k = 0; k < 4; k++)
            x.push_back(k ? 1 : block % 3 == 0 ? 13 : block % 3 == 1 ? -1 : 2);
    write_x("in.csv", x);
    write("look.py",
          "import h5py, sys\n"
          "f = h5py.File(sys.argv[1])\n"
          "fails = {4 * b + k for b in range(15000) for k in range(4) if b % 3 == 0 or (b % 3 == 1 and k == 0)}\n"
          "assert set((f['status'][:] == 2).nonzero()[0]) == fails and (f['status'][:] != 0).all()\n"
          "items = f['sheaf/errors/item'][:]\n"
          "assert len(items) == 10000 and len(set(items)) == 10000 and set(items) <= fails\n"
          "for item, said in zip(items, f['sheaf/errors/message'][:]):\n"
          "    said = bytes(said)\n"
          "    want = b'item %d is unlucky' % (item // 4 * 4) if item // 4 % 3 == 0 else b'100%s of %n'\n"
          "    assert said.startswith(want), (item, said)\n");
    for (const Layout &layout : {Layout{0, 2}, Layout{3, 1}, Layout{3, 2, true}}) {
        SCOPED_TRACE(layout.name());
        write_job("job.yaml", "csv: in.csv", "hostile:fails", layout.apart ? "transport: direct\n" : "");
        Result result = run_job({"job.yaml", "--overwrite"}, layout, 1);
        EXPECT_EQ(count_of(result.err, "  messages of 10,000 of the failed items are kept\n"), 1) << result;
        Result looked = run({SHEAF_PYTHON, path("look.py"), path("job.h5")});
        EXPECT_EQ(looked.exit, 0) << looked;
    }
}

/* A block is computed as a whole, and has messages of items that were not asked for: these take no rows of the table. Each
   of two nodes sees more of them than that has. */
TEST_F(Failing, MessagesOfTheItemsThatAreAskedFor) {
    std::vector<double> x(36000, -1);
    write_x("in.csv", x);
    write_job("job.yaml", "csv: in.csv", "hostile:fails", "transport: direct\nhalt: never\n");
    std::string items = "1";
    for (int i = 5; i < 36000; i += 4)
        items += "," + std::to_string(i);
    for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}, Layout{2, 1, true}}) {
        SCOPED_TRACE(layout.name());
        run_job({"job.yaml", "--overwrite", "--items", items}, layout, 1);
        Result n = run({SHEAF_PYTHON, "-c",
                        "import h5py; i = h5py.File('job.h5')['sheaf/errors/item'][:]; i = sorted(i[i >= 0]); "
                        "print(i == list(range(1, 36000, 4)))"});
        EXPECT_EQ(n.out, "True\n") << n;
    }
}

/* Messages of an earlier run keep their rows of the table, whichever rank computes the rest of their blocks. */
TEST_F(Failing, MessagesOfEarlierRunsAreKept) {
    write_fails();
    for (const Layout &layout : {Layout{3, 1}, Layout{3, 1, true}}) {
        SCOPED_TRACE(layout.name());
        run_job({"job.yaml", "--overwrite", "--items", "0:6"}, {0, 1}, 1);
        run_job({"job.yaml"}, layout, 1);
        check({"fails_values", path("job.h5")});
        check({"messages", path("job.h5")});
        Result items = run({SHEAF_PYTHON, "-c",
                            "import h5py; i = list(h5py.File('job.h5')['sheaf/errors/item'][:]); "
                            "print(i[:3], sorted(i[3:]))"});
        EXPECT_EQ(items.out, "[2, 4, 5] [-1, -1, -1, -1, -1, -1, 6, 7, 8, 9, 10, 11]\n") << items;
    }
}

/* fail() for rows that do not exist is the kernel's bug; it must not hit items of other blocks, or memory. */
TEST_F(Failing, RowsThatDoNotExist) {
    write_x("in.csv", {1, 2, 3, 4, /**/ 5, 99, 7, 8, /**/ 9, 10, 11, 12});
    write_job("job.yaml", "csv: in.csv", "hostile:fails");
    Result result = sheaf({"run", "job.yaml"}, {2, 1});
    EXPECT_TRUE(result.exit == 0 || result.exit == 1) << result;
    check({"only_block", path("job.h5"), "4", "8"});
}

TEST_F(Failing, NanIsAValue) {
    write_x("in.csv", {1, 2});
    write_job("job.yaml", "csv: in.csv", "hostile:nan");
    run_job({"job.yaml"}, {2, 1});
    EXPECT_EQ(sheaf({"show", "job.h5", "--csv"}).out, "item,status,x,y\n0,done,1,nan\n1,done,2,nan\n");
    Result failed = sheaf({"show", "job.h5", "--where-failed"});
    EXPECT_EQ(failed.exit, 0) << failed;
    EXPECT_EQ(failed.out, "") << failed;
    EXPECT_EQ(failed.err, "no item failed\n") << failed;
    EXPECT_EQ(sheaf({"show", "job.h5", "--where-failed", "--csv"}).out, "item,status,message,x,y\n");
}

/* More failures than the table of messages holds: all have a status, the first have a message, the rest are told. */
TEST_F(Failing, MoreThanTheTableHolds) {
    write_x("in.csv", std::vector<double>(10100, -1));
    write_job("job.yaml", "csv: in.csv", "hostile:fails");
    Result result = run_job({"job.yaml", "--set", "halt=never"}, {2, 2}, 1);
    EXPECT_EQ(count_of(result.err, "0 of 10,100 items done, 10,100 failed"), 1) << result;
    EXPECT_EQ(sheaf({"status", "job.h5"}).out, "job.h5: 10,100 items, 0 done, 10,100 failed\n");
    EXPECT_EQ(count_of(sheaf({"show", "job.h5", "--where-failed", "--csv"}).out, "\n"), 10101);
}

TEST_F(Failing, BadRowsOfMoid) {
    write("in.csv", "name,a_au,e,i_deg,node_deg,peri_deg\n"
                    "good,2.5,0.1,10,20,30\n"
                    "parabola,2.5,1,10,20,30\n"
                    "hyperbola,-2.5,1.2,10,20,30\n"
                    "negative e,2.5,-0.01,10,20,30\n"
                    "zero a,0,0.1,10,20,30\n"
                    "negative a,-2.5,0.1,10,20,30\n"
                    "no a,,0.1,10,20,30\n"
                    "no angle,2.5,0.1,10,,30\n"
                    "nan e,2.5,nan,10,20,30\n"
                    "infinite a,inf,0.1,10,20,30\n"
                    "circle,2.5,0,10,20,30\n"
                    "nearly a parabola,100,0.9999,170,20,30\n"
                    "tiny,0.01,0.5,0,0,0\n");
    write("job.yaml", "items: {csv: in.csv}\nkernel: moid\n");
    for (Layout layout : {Layout{0, 1}, Layout{2, 1}}) {
        SCOPED_TRACE(layout.name());
        run_job({"job.yaml", "--overwrite"}, layout, 1);
        for (std::string field : {"moid", "true_anomaly", "earth_longitude"})
            check({"failed", path("job.h5"), field, "1", "2", "3", "4", "5", "6", "7", "8", "9"});
    }
    Result table = sheaf({"show", "job.h5", "--where-failed", "--csv"});
    write("table.csv", table.out);
    check({"where_failed", path("table.csv"), "1,2,3,4,5,6,7,8,9"});
}

} // namespace
