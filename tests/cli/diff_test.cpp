/* sheaf diff: what it says of two files is what numpy says, whichever way items are paired. */
#include "cli/program.h"

namespace {

class Diff : public Program {
  protected:
    void make(const std::string &name, const std::string &items, const std::string &expression,
              const std::string &more = "") const {
        write(name + ".yaml",
              "items: " + items + "\nexpression: {" + expression + "}\noutput: " + name + ".h5\n" + more);
        run_job({name + ".yaml"}, {0, 1});
    }

    /* The exit code; the JSON must be what numpy finds. */
    Result compare(const std::string &a, const std::string &b, const std::string &keys, const Words &options = {},
                   const std::string &rtol = "0", const std::string &atol = "0") const {
        Words words = {"diff", a + ".h5", b + ".h5", "--json"};
        words.insert(words.end(), options.begin(), options.end());
        Result result = sheaf(words);
        write("said.json", result.out);
        check({"diff", path("said.json"), path(a + ".h5"), path(b + ".h5"), keys, rtol, atol});
        words.erase(words.begin() + 3);
        Result text = sheaf(words);
        EXPECT_EQ(text.exit, result.exit) << text;
        return text;
    }

    void copy(const std::string &from, const std::string &to) const {
        EXPECT_EQ(shell("cp " + from + ".h5 " + to + ".h5").exit, 0);
    }
};

TEST_F(Diff, ByIndex) {
    make("a", "{count: 70000}", "y: sin(item), z: item * 2");
    copy("a", "b");
    Result same = compare("a", "b", "");
    EXPECT_EQ(same.exit, 0) << same;
    EXPECT_NE(same.out.find("a.h5 and b.h5 are the same: 70,000 items"), std::string::npos) << same;
    check({"change", path("b.h5"), "y", "17", "v + 1e-9", "z",      "69999", "v + 3", "status", "9",  "2", "y",
           "40000",  "np.nan",     "z", "0",  "-v",       "status", "33",    "0",     "y",      "33", "99"});
    Result text = compare("a", "b", "");
    EXPECT_EQ(text.exit, 1);
    EXPECT_NE(text.out.find("status: 1 item done in a.h5 and pending in b.h5\n"), std::string::npos) << text;
    EXPECT_NE(text.out.find("z: 2 of 69,998 items differ\n  by up to 3: item 69999\n"), std::string::npos) << text;
    EXPECT_LT(text.out.find("\n0 "), text.out.find("\n9 ")) << text; /* the first ones, in order */
    EXPECT_LT(text.out.find("\n9 "), text.out.find("\n17 ")) << text;
    EXPECT_EQ(compare("a", "b", "", {"--rtol", "1e-8"}, "1e-8").exit, 1);
    EXPECT_EQ(compare("a", "b", "", {"--atol", "5", "--rtol", "1e-3"}, "1e-3", "5").exit, 1);
    EXPECT_EQ(compare("b", "b", "").exit, 0); /* NaN is NaN */
    EXPECT_EQ(sheaf({"diff", "-q", "a.h5", "b.h5"}).out, "");
}

/* Larger than any piece that is read, in another order, and with values that only one has. */
TEST_F(Diff, ByCoordinates) {
    make("a", "{grid: {mass: {linspace: [1, 300, 300]}, charge: [1, 2, 3, 5], n: {range: [0, 50]}}}",
         "y: mass * charge + n, z: n");
    make("b", "{grid: {n: {range: [2, 60]}, mass: {linspace: [5, 400, 396]}, charge: [5, 1, 4, 3]}}",
         "y: mass * charge + n * (1 + (mass > 290) * 1e-12), z: n");
    Result text = compare("a", "b", "mass,charge,n");
    EXPECT_EQ(text.exit, 1);
    EXPECT_NE(text.out.find("charge: 1 of 4 only in a.h5: 2\n"), std::string::npos) << text;
    EXPECT_NE(text.out.find("mass: 4 of 300 only in a.h5: 1, 2, 3, …\n"), std::string::npos) << text;
    EXPECT_EQ(compare("b", "a", "mass,charge,n").exit, 1);
    EXPECT_EQ(sheaf({"diff", "a.h5", "a.h5"}).exit, 0);
}

TEST_F(Diff, ByFields) {
    std::string a = "name,k\n", b = a;
    for (int i = 0; i < 9000; i++)
        a += "n" + std::to_string(i) + "," + std::to_string(i) + "\n";
    for (int i = 9500; i >= 10; i -= 1 + (i % 7 == 0))
        b += "n" + std::to_string(i) + "," + std::to_string(i + (i == 4001)) + "\n";
    write("a.csv", a);
    write("b.csv", b);
    make("a", "{csv: a.csv}", "y: k * k");
    make("b", "{csv: b.csv}", "y: k * k");
    Result text = compare("a", "b", "name", {"--by", "name"});
    EXPECT_EQ(text.exit, 1);
    EXPECT_NE(text.out.find("k: 1 of "), std::string::npos) << text;
    EXPECT_NE(text.out.find("item 4001 (name = n4001)"), std::string::npos) << text;
    compare("a", "b", "name,k", {"--by", "name,k"});
    compare("a", "b", "", {});
}

TEST_F(Diff, TextsThatAreNotPacked) {
    write("in.csv", "k\n1\n2\n3\n4\n");
    for (const std::string name : {"a", "b"})
        write(name + ".yaml",
              "items: {csv: in.csv}\ncommand: \"printf '%s' 'y = {k} text'; test {k} != 3\"\noutputs: {y: "
              "{regex: '= (.)'}, t: {regex: '(text)', type: text}}\noutput: " +
                  name + ".h5\n");
    run_job({"a.yaml"}, {0, 1}, 1);
    run_job({"b.yaml", "--items", "0:3"}, {0, 1}, 1);
    Result text = sheaf({"diff", "a.h5", "b.h5"}); /* HDF5 alone does not see those of b */
    EXPECT_EQ(text.exit, 1);
    EXPECT_NE(text.out.find("status: 1 item done in a.h5 and pending in b.h5\n"), std::string::npos) << text;
    EXPECT_NE(text.out.find("the same: k, y, t, exit_code"), std::string::npos) << text;
    run_job({"b.yaml"}, {0, 1}, 1);
    EXPECT_EQ(compare("a", "b", "").exit, 0);
}

TEST_F(Diff, Reductions) {
    const std::string reduce = "reduce: {total: {sum: y}, of_n: {mean: y, over: mass}}\n";
    make("a", "{grid: {mass: [1, 2, 3], n: [4, 5]}}", "y: mass * n", reduce);
    make("b", "{grid: {mass: [1, 2, 3], n: [4, 5]}}", "y: mass * n + (mass == 3 && n == 5)", reduce);
    Result text = sheaf({"diff", "a.h5", "b.h5"});
    EXPECT_EQ(text.exit, 1);
    EXPECT_NE(text.out.find("total: 1 of 1 value differs\n  by up to 1, relative 0.0182\n"), std::string::npos) << text;
    EXPECT_NE(text.out.find("of_n: 1 of 2 values differs\n  by up to 0.333, relative 0.0323\n"), std::string::npos)
        << text;
    EXPECT_NE(text.out.find("item 5 (mass = 3, n = 5)"), std::string::npos) << text;
    EXPECT_EQ(sheaf({"diff", "a.h5", "a.h5"}).exit, 0);
}

TEST_F(Diff, RefusesWhatCannotBePaired) {
    make("a", "{grid: {mass: [1, 2, 3], n: [4, 5]}}", "y: mass * n");
    make("b", "{count: 6}", "y: item");
    Result axes = sheaf({"diff", "a.h5", "b.h5"});
    EXPECT_EQ(axes.exit, 2);
    EXPECT_NE(axes.err.find("along mass, n, the second along item; name fields"), std::string::npos) << axes;
    EXPECT_EQ(sheaf({"diff", "a.h5", "b.h5", "--by", "item"}).exit, 1);
    for (const Words &wrong : std::vector<Words>{{"a.h5"},
                                                 {"a.h5", "no.h5"},
                                                 {"a.h5", "a.yaml"},
                                                 {"a.h5", "b.h5", "--by", "charge"},
                                                 {"b.h5", "b.h5", "--by", "y"},
                                                 {"b.h5", "b.h5", "-f", "x"},
                                                 {"b.h5", "b.h5", "--rtol", "-1"}}) {
        Words words = {"diff"};
        words.insert(words.end(), wrong.begin(), wrong.end());
        Result result = sheaf(words);
        EXPECT_EQ(result.exit, 2) << result;
        EXPECT_NE(result.err, "");
    }
}

} // namespace
