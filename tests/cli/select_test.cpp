/* show --sel: the cells of a grid, or items of a zip, that have a value; Python chooses the same from the table of all items. */
#include "cli/program.h"

namespace {

class Select : public Program {
  protected:
    Select() {
        write("grid.yaml", "items: {grid: {mass: {linspace: [1, 10, 19], unit: kg}, charge: [3, -1, 2],\n"
                           "               place: {zip: {site: [a, \"b, c\", a], lat: [0.1, -7, 0.25]}}}, repeat: 2}\n"
                           "expression: {y: mass * charge + lat}\n");
        run_job({"grid.yaml"});
        all = sheaf({"show", "grid.h5", "--csv"}).out;
        write("all.csv", all);
        write("where.py", "import csv, sys\n"
                          "rows = list(csv.reader(open('all.csv', newline='')))\n"
                          "head, out = rows[0], csv.writer(sys.stdout, lineterminator='\\n')\n"
                          "out.writerow(head)\n"
                          "for row in rows[1:]:\n"
                          "    r = {k: v if k == 'site' or k == 'status' else float(v) for k, v in zip(head, row)}\n"
                          "    if eval(sys.argv[1]): out.writerow(row)\n");
    }

    /* These words choose what Python's condition chooses, and say that on stderr. */
    void compare(const Words &words, const std::string &condition, const std::string &said = "") const {
        SCOPED_TRACE(condition);
        Words line = {"show", "grid.h5", "--csv"};
        for (const std::string &word : words) {
            line.push_back("--sel");
            line.push_back(word);
        }
        Result chosen = sheaf(line), expected = run({SHEAF_PYTHON, "where.py", condition});
        ASSERT_EQ(expected.exit, 0) << expected;
        ASSERT_EQ(chosen.exit, 0) << chosen;
        EXPECT_GT(count_of(expected.out, "\n"), 1) << "nothing is chosen";
        EXPECT_EQ(chosen.out, expected.out);
        EXPECT_EQ(chosen.err, said);
    }

    void refuse(const Words &words, const std::string &message) const {
        Result refused = sheaf(words);
        EXPECT_EQ(refused.exit, 2) << refused;
        EXPECT_EQ(count_of(refused.err, message), 1) << message << "\n" << refused;
    }

    std::string all;
};

TEST_F(Select, ValuesAlongAxes) {
    compare({"mass=3"}, "r['mass'] == 3");
    compare({"charge=-1,mass=5.5"}, "r['charge'] == -1 and r['mass'] == 5.5");
    compare({"charge=2, mass = 5.5 "}, "r['charge'] == 2 and r['mass'] == 5.5");
    compare({"charge=2", "repeat=1"}, "r['charge'] == 2 and r['repeat'] == 1");
    compare({"site=a"}, "r['site'] == 'a'");
    compare({"site=b, c,mass=10"}, "r['site'] == 'b, c' and r['mass'] == 10");
    compare({"site=a,lat=0.25"}, "r['lat'] == 0.25");
    compare({"place=1,mass=2"}, "r['lat'] == -7 and r['mass'] == 2");
}

/* Of two that are equally near, the first. */
TEST_F(Select, TheNearest) {
    compare({"mass=3.1"}, "r['mass'] == 3", "sheaf: mass: 3 is nearest to 3.1\n");
    compare({"mass=3.25"}, "r['mass'] == 3", "sheaf: mass: 3 is nearest to 3.25\n");
    compare({"mass=-1e300,lat=0"}, "r['mass'] == 1 and r['lat'] == 0.1",
            "sheaf: mass: 1 is nearest to -1e300\nsheaf: lat: 0.1 is nearest to 0\n");
    compare({"charge=0"}, "r['charge'] == -1", "sheaf: charge: -1 is nearest to 0\n");
}

/* Columns in front of the fields; blanks behind commas. */
TEST_F(Select, FieldsAndWhatStandsBeforeThem) {
    EXPECT_EQ(sheaf({"show", "grid.h5", "--fields", "status", "--head", "2"}).out,
              "item  status\n   0  done\n   1  done\n");
    EXPECT_EQ(sheaf({"show", "grid.h5", "--fields", "item, charge", "--head", "1"}).out,
              "item  charge\n   0       3\n");
    EXPECT_EQ(sheaf({"show", "grid.h5", "--fields", "message", "--csv", "--head", "1"}).out,
              "item,status,message\n0,done,\n");
}

/* Together with what else chooses and orders rows. */
TEST_F(Select, WithOtherOptions) {
    Result best = sheaf({"show", "grid.h5", "--sel", "charge=3,repeat=0", "--sort", "-y", "--head", "2", "--csv",
                         "--fields", "mass,lat,y"});
    EXPECT_EQ(best.out, "item,status,mass,lat,y\n328,done,10,0.25,30.25\n324,done,10,0.1,30.1\n") << best;
    Result rows = sheaf({"show", "grid.h5", "--sel", "charge=3", "--head", "1"});
    EXPECT_EQ(count_of(rows.out, "\n"), 2) << rows;
    Result failed = sheaf({"show", "grid.h5", "--sel", "charge=3", "--where-failed"});
    EXPECT_EQ(failed.err, "no item of these failed\n") << failed;
}

TEST_F(Select, FailedOnes) {
    write("f.yaml", "items: {grid: {a: [1, 2, 3], b: [1, 2]}}\n"
                    "command: 'test {a}{b} != 21 && test {a}{b} != 32'\n");
    EXPECT_EQ(sheaf({"run", "f.yaml"}).exit, 1);
    Result one = sheaf({"show", "f.h5", "--where-failed", "--sel", "b=2", "--csv", "--fields", "a,b"});
    EXPECT_EQ(count_of(one.out, "\n5,failed,"), 1) << one;
    EXPECT_EQ(count_of(one.out, "\n"), 2) << one;
}

/* One dimension, where fields may have the same value at several items, and whole numbers that no double tells apart. */
TEST_F(Select, ItemsOfAZip) {
    write("zip.yaml", "items: {zip: {k: [9007199254740993, 9007199254740992, 5, 5], s: [p, q, p, q]}}\n"
                      "expression: {y: k}\n");
    run_job({"zip.yaml"});
    auto chosen = [&](const std::string &words) {
        return sheaf({"show", "zip.h5", "--csv", "--fields", "k,s", "--sel", words}).out;
    };
    EXPECT_EQ(chosen("k=5"), "item,status,k,s\n2,done,5,p\n3,done,5,q\n");
    EXPECT_EQ(chosen("k=5,s=q"), "item,status,k,s\n3,done,5,q\n");
    EXPECT_EQ(chosen("k=9007199254740992"), "item,status,k,s\n1,done,9007199254740992,q\n");
    EXPECT_EQ(chosen("item=2"), "item,status,k,s\n2,done,5,p\n");
}

TEST_F(Select, WhatCannotBe) {
    refuse({"show", "grid.h5", "--sel", "mas=3"}, "grid.h5: --sel: no axis 'mas'; did you mean 'mass'?");
    refuse({"show", "grid.h5", "--sel", "y=3"},
           "--sel: 'y' is of each item, and no axis; axes are 'mass', 'charge', 'site', 'lat', 'repeat', 'place'");
    refuse({"show", "grid.h5", "--sel", "seconds=3"}, "'seconds' is of each item, and no axis; axes are 'mass'");
    refuse({"show", "grid.h5", "--sel", "site=north"}, "no 'north' along the axis of 'site'; there is 'a', 'b, c'");
    refuse({"show", "grid.h5", "--sel", "mass=heavy"}, "--sel mass=heavy: 'heavy' should be a number");
    refuse({"show", "grid.h5", "--sel", "mass=nan"}, "'nan' should be a number");
    refuse({"show", "grid.h5", "--sel", "mass"}, "--sel mass: should be AXIS=VALUE");
    refuse({"show", "grid.h5", "--sel", "place=3"}, "its places are 0 to 2");
    refuse({"show", "grid.h5", "--sel", "site=a,lat=-7"}, "no item has all that --sel asks for");
    refuse({"show", "grid.h5", "--sel", "mass=3", "--item", "2"}, "--item shows one item");
    write("in.csv", "x\n1\n2\n");
    write("csv.yaml", "items: {csv: in.csv}\nexpression: {y: x}\n");
    run_job({"csv.yaml"});
    refuse({"show", "csv.h5", "--sel", "x=1"}, "csv.h5: --sel is for items that have axes");
}

} // namespace
