/* Items that are drawn: what SciPy and Python's own statistics say of them. */
#include "cli/program.h"

namespace {

class Samples : public Program {
  protected:
    void draw(const std::string &name, const std::string &sample, const Layout &layout = {0, 2}) {
        write(name + ".yaml", "items: {sample: {" + sample + "}}\nexpression: {f: x0 + 1}\n");
        run_job({name + ".yaml"}, layout);
    }

    static constexpr const char *all = "x0: {uniform: [-1, 1], unit: m}, k: {loguniform: [1e-3, 10]}, "
                                       "y: {normal: [2, 0.5]}, n: {integers: [-3, 3]}, m: {choice: [a, \"b c\", d]}";
};

/* All dimensions that there are. */
TEST_F(Samples, SobolIsThatOfJoeAndKuo) {
    std::string fields;
    for (int d = 0; d < 1111; d++)
        fields += (d ? ", x" : "x") + std::to_string(d) + ": {uniform: [0, 1]}";
    draw("sobol", "count: 256, method: sobol, scramble: false, fields: {" + fields + "}");
    check({"sobol", path("sobol.h5"), "1111"});
    write("more.yaml", "items: {sample: {count: 256, method: sobol, fields: {" + fields +
                           ", last: {uniform: [0, 1]}}}}\nexpression: {f: x0}\n");
    Result more = sheaf({"run", "more.yaml"});
    EXPECT_EQ(more.exit, 2);
    EXPECT_EQ(count_of(more.err, "items.sample has 1112 fields; there are Sobol points of up to 1111 dimensions"), 1)
        << more;
}

/* One point in each nth part of each dimension, scrambled or not, and for any count. */
TEST_F(Samples, EveryPartHasItsPoint) {
    for (std::string count : {"1", "2", "3", "1000", "4097"})
        draw("latin" + count,
             "count: " + count + ", method: latin, fields: {x0: {uniform: [0, 1]}, x1: {uniform: [0, 1]}}");
    for (std::string scramble : {"true", "false"})
        draw("sobol" + scramble, "count: 8192, method: sobol, scramble: " + scramble +
                                     ", fields: {x0: {uniform: [0, 1]}, x1: {uniform: [0, 1]}}");
    check({"parts", path("latin1.h5"), path("latin2.h5"), path("latin3.h5"), path("latin1000.h5"), path("latin4097.h5"),
           path("soboltrue.h5"), path("sobolfalse.h5")});
}

/* A law is a function of the point: that of the uniform one gives the others. */
TEST_F(Samples, LawsAreThoseOfPython) {
    for (std::string method : {"random", "latin", "sobol"}) {
        for (std::string law : {"uniform: [0, 1]", "uniform: [-2, 5]", "loguniform: [1e-3, 10]", "normal: [2, 0.5]",
                                "integers: [-3, 3]", "choice: [10, 20.5, 30]"})
            draw(method + law.substr(0, law.find(':')) + (law[10] == '-' ? "2" : ""),
                 "count: 4096, method: " + method + ", fields: {x0: {" + law + "}}");
        check({"laws", path(method), "4096"});
    }
}

/* The mean of a smooth function: from random points its error falls with the root of their number, from scrambled ones nearly
   with the power 3/2. */
TEST_F(Samples, ScrambledPointsIntegrateBetter) {
    const std::string fields = "fields: {x0: {uniform: [0, 1]}, x1: {uniform: [0, 1]}, x2: {uniform: [0, 1]}}";
    for (std::string method : {"random", "sobol"})
        for (std::string count : {"256", "4096"}) {
            write(method + count + ".yaml", "items: {sample: {count: " + count + ", method: " + method + ", " + fields +
                                                "}}\nexpression: {f: exp(x0) * x1 * x2 * x2}\n");
            for (int seed = 0; seed < 12; seed++)
                run_job({method + count + ".yaml", "--set", "seed=" + std::to_string(seed), "-q", "-o",
                         method + count + "-" + std::to_string(seed) + ".h5"},
                        {0, 1});
        }
    check({"rates", path("random"), path("sobol"), "256", "4096", "12"});
}

/* How evenly they lie: as SciPy's do, in all dimensions and in one or two. */
TEST_F(Samples, SpreadAsThoseOfSciPy) {
    const int n_seeds = 12;
    for (std::string method : {"random", "latin", "sobol"}) {
        std::string fields;
        for (std::string name : {"x", "a", "b", "c", "d"})
            fields += (name == "x" ? "" : ", ") + name + ": {uniform: [0, 1]}";
        write(method + ".yaml", "items: {sample: {count: 1024, method: " + method + ", fields: {" + fields +
                                    "}}}\nkernel: square_plus\n");
        for (int seed = 0; seed < n_seeds; seed++)
            run_job({method + ".yaml", "-q", "--set", "seed=" + std::to_string(seed), "-o",
                     method + std::to_string(seed) + ".h5"},
                    {0, 1});
        check({"projections", method, path(method), std::to_string(n_seeds)});
        check({"discrepancy", method, path(method), std::to_string(n_seeds)});
    }
}

/* Whoever computes an item works its values out: the same for all layouts and kinds, and what the file says. */
TEST_F(Samples, AllLayoutsAndKinds) {
    const std::string items =
        std::string("items: {sample: {count: 300, method: latin, fields: {") + all + "}}, repeat: 2}\n";
    write("e.yaml", items + "expression: {f: x0 + k * y - n, r: repeat}\n");
    write("c.yaml", items + "command: [printf, \"%s\", \"{x0}|{k}|{y}|{n}|{m}|{repeat}\"]\n");
    for (std::string job : {"e", "c"}) {
        run_job({job + ".yaml", "-o", job + "0.h5"}, {0, 1});
        for (const Layout &layout : {Layout{0, 3}, Layout{2, 1}, Layout{3, 1, true}}) {
            SCOPED_TRACE(layout.name());
            run_job({job + ".yaml", "--overwrite"}, layout);
            check({"same", job == "e" ? "f,r,x0,k,y,n,m" : "stdout,x0,k,y,n,m", path(job + "0.h5"), path(job + ".h5")});
        }
        EXPECT_EQ(sheaf({"verify", job + ".h5"}).exit, 0);
    }
    check({"drawn", path("e.h5"), path("c.h5")});
    run_job({"e.yaml", "--overwrite", "--items", "5:100"}, {2, 1});
    run_job({"e.yaml"}, {0, 2});
    check({"same", "f,r", path("e0.h5"), path("e.h5")});
    EXPECT_EQ(sheaf({"run", "e.yaml", "--set", "seed=2"}).exit, 2) << "another seed draws other items";
}

TEST_F(Samples, WhatCannotBe) {
    const struct {
        std::string sample, said;
    } cases[] = {
        {"count: 10", "items.sample has no fields"},
        {"fields: {x: {uniform: [0, 1]}}", "items.sample has no count"},
        {"count: 0, fields: {x: {uniform: [0, 1]}}", "items.sample.count is 0; it should be from 1 to 10^15"},
        {"count: 9, method: halton, fields: {x: {uniform: [0, 1]}}", "unknown items.sample.method 'halton'"},
        {"count: 9, fields: {}", "items.sample.fields is empty"},
        {"count: 9, fields: {x: {uniform: [1, 0]}}", "x goes from 1 to 0; the first should be the smaller one"},
        {"count: 9, fields: {x: {uniform: [0, inf]}}", "'inf' is not a finite number"},
        {"count: 9, fields: {x: {uniform: [0]}}", "should be [FROM, TO]"},
        {"count: 9, fields: {x: {loguniform: [0, 1]}}", "both should be above zero"},
        {"count: 9, fields: {x: {normal: [0, -1]}}", "the standard deviation -1; it should be 0 or more"},
        {"count: 9, fields: {x: {integers: [0, 1.5]}}", "'1.5' is not a whole number"},
        {"count: 9, fields: {x: {integers: [0, 4503599627370496]}}", "has more than 2^52 values"},
        {"count: 9, fields: {x: {choice: []}}", "should list values: [a, b]"},
        {"count: 9, fields: {x: {uniform: [0, 1], normal: [0, 1]}}", "is drawn in 2 ways"},
        {"count: 9, fields: {x: 1}", "x is '1'; it should be a map"},
        {"count: 9, scramble: false, fields: {x: {uniform: [0, 1]}}", "items.sample.scramble goes with method: sobol"},
        {"count: 9, fields: {item: {uniform: [0, 1]}}", "which the results file needs for itself"},
        {"count: 9, fields: {x: {uniform: [0, 1]}, y: {uniform: [0, 1]}}", "the items have a field 'y'"},
        {"count: 9, fields: {x: {choice: [a, 1]}}", "makes 'x' a text, and the kernel reads it as float64"},
    };
    for (const auto &c : cases) {
        write("bad.yaml", "items: {sample: {" + c.sample + "}}\nexpression: {y: 2 * x}\n");
        Result bad = sheaf({"run", "bad.yaml"});
        EXPECT_EQ(bad.exit, 2) << c.sample;
        EXPECT_EQ(count_of(bad.err, c.said), 1) << c.said << "\n" << bad;
        EXPECT_GE(count_of(bad.err, "bad.yaml:"), 1) << bad;
        EXPECT_FALSE(exists(path("bad.h5")));
    }
    write("odd.yaml", "items: {sample: {count: 1000, method: sobol, fields: {x: {uniform: [0, 1]}}}}\n"
                      "expression: {y: 2 * x}\n");
    Result odd = run_job({"odd.yaml"}, {0, 1});
    EXPECT_EQ(count_of(odd.err, "1000 points of Sobol's are not spread as evenly as a power of two is: 512 or 1024"), 1)
        << odd;
}

} // namespace
