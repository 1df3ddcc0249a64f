/* sheaf plot: pictures.py reads them by their ticks and colour bars, and compares with what numpy finds in the results file. */
#include "cli/program.h"

namespace {

class Plots : public Program {
  protected:
    /* A cube of which items failed, are skipped, and (with `items`) are pending. */
    void make_cube(const std::string &axes, const std::string &items = "") const {
        write("worker.py", "import sys, json, math\n"
                           "for line in sys.stdin:\n"
                           "    d = json.loads(line)\n"
                           "    m, r = d['mass'], d['rate']\n"
                           "    bad = abs(m - 3 - r / 20) < 0.5\n"
                           "    y = {'error': 'no'} if bad else {'y': math.sin(m) * math.exp(-r / 20) + 1.5}\n"
                           "    print(json.dumps(y), flush=True)\n");
        write("cube.yaml", "items: {grid: {" + axes + "}, where: 'mass < 9 || rate < 10'}\nworker: [" + SHEAF_PYTHON +
                               ", worker.py]\noutputs: {y: {type: float64, unit: J}}\n");
        Words words = {"run", "cube.yaml"};
        if (!items.empty())
            words.insert(words.end(), {"--items", items});
        Result made = sheaf(words);
        EXPECT_TRUE(made.exit == 1 || made.exit == 75) << made;
    }

    /* Draws picture.svg. */
    Result plot(const Words &words, int exit = 0) const {
        Words line = {"plot"};
        line.insert(line.end(), words.begin(), words.end());
        line.insert(line.end(), {"-o", "picture.svg"});
        Result drawn = sheaf(line);
        EXPECT_EQ(drawn.exit, exit) << drawn;
        return drawn;
    }

    /* pictures.py must agree; `log` are the axes that should be logarithmic. */
    void compare(const Words &arguments, const std::string &log = "") const {
        Words words = {SHEAF_PYTHON, SHEAF_SOURCE_DIR "/tests/cli/pictures.py"};
        words.insert(words.end(), arguments.begin(), arguments.end());
        Start how = start();
        how.env["PYTHONDONTWRITEBYTECODE"] = "1";
        how.env["LOG"] = log;
        Result result = Child(words, how).wait();
        EXPECT_EQ(result.exit, 0) << result;
    }

    void refuse(const Words &words, const std::string &message) const {
        Result refused = plot(words, 2);
        EXPECT_EQ(count_of(refused.err, message), 1) << message << "\n" << refused;
        EXPECT_FALSE(exists(path("picture.svg")));
    }

    static constexpr const char *two =
        "mass: {linspace: [1, 10, 13], unit: kg}, rate: {logspace: [-2, 2, 9], unit: 1/s}";
};

TEST_F(Plots, OneLine) {
    make_cube(two);
    Result said = plot({"cube.h5", "y", "--sel", "rate=3"});
    EXPECT_EQ(said.err, "sheaf: rate: 3.1622776601683795 is nearest to 3\n");
    EXPECT_EQ(said.out, "picture.svg\n");
    compare({"lines", "picture.svg", "cube.h5", "y", "mass", ":,5"});
    compare({"texts", "picture.svg", "title=cube: y – 102 of 111 items done", "subtitle=rate = 3.16228",
             "x-axis.label=mass [kg]", "y-axis.label=y [J]", "x-axis.ticks=2 4 6 8 10"});
    plot({"cube.h5", "y", "--over", "rate", "--sel", "mass=1"});
    compare({"lines", "picture.svg", "cube.h5", "y", "rate", "0,:"}, "x");
    compare({"texts", "picture.svg", "x-axis.ticks=0.01 0.1 1 10 100"});
    plot({"cube.h5", "y", "--over", "rate", "--sel", "mass=1", "--linear", "x", "--log", "y"});
    compare({"lines", "picture.svg", "cube.h5", "y", "rate", "0,:"}, "y");
}

TEST_F(Plots, LineWithPending) {
    make_cube(two, "0:77");
    plot({"cube.h5", "y", "--sel", "rate=0.01"});
    compare({"lines", "picture.svg", "cube.h5", "y", "mass", ":,0"});
}

TEST_F(Plots, SeveralLines) {
    make_cube("rate: [1, 3, 5], mass: {linspace: [1, 10, 24], unit: kg}", "0:60");
    Result said = plot({"cube.h5", "y"});
    EXPECT_EQ(said.err, "");
    compare({"lines", "picture.svg", "cube.h5", "y", "mass"});
    compare({"texts", "picture.svg", "legend=rate 5 3 1"});
}

TEST_F(Plots, HeatMap) {
    make_cube(two, "0:80");
    plot({"cube.h5", "y"});
    compare({"heat", "picture.svg", "cube.h5", "y", "mass", "rate"}, "y");
    compare({"texts", "picture.svg", "x-axis.label=mass [kg]", "y-axis.label=rate [1/s]", "bar.label=y [J]"});
    plot({"cube.h5", "y", "--over", "rate,mass", "--log", "value"});
    compare({"heat", "picture.svg", "cube.h5", "y", "rate", "mass"}, "xc");
    plot({"cube.h5", "y", "--linear", "y"});
    compare({"heat", "picture.svg", "cube.h5", "y", "mass", "rate"}, "uneven");
}

/* Axes in another order than they are in the file, of unlike steps, of texts, and fields that share one. */
TEST_F(Plots, Axes) {
    write("a.yaml", "items: {grid: {a: [3, 1, 2, 2.5], p: {zip: {s: [x, \"<y & z>\", w], l: [7, 4.5, 5]}}, "
                    "n: {range: [10, 31]}}}\nexpression: {y: a * n + l}\n");
    run_job({"a.yaml"});
    Result said = plot({"a.h5", "y"});
    EXPECT_EQ(said.err, "sheaf: l: drawn for the first of 3, 7; --sel l=… chooses another\n");
    compare({"texts", "picture.svg", "subtitle=l = 7 (first of 3)", "legend=a 3 2.5 2 1", "title=a: y"});
    plot({"a.h5", "y", "--over", "a", "--sel", "n=12,s=<y & z>"});
    compare({"lines", "picture.svg", "a.h5", "y", "a", ":,1,2"});
    compare({"texts", "picture.svg", "subtitle=l = 4.5, n = 12"});
    plot({"a.h5", "y", "--over", "a,l", "--sel", "n=11"});
    compare({"heat", "picture.svg", "a.h5", "y", "a", "l", ":,:,1"});
    plot({"a.h5", "y", "--over", "s,n", "--sel", "a=2"});
    compare({"heat", "picture.svg", "a.h5", "y", "s", "n", "2"});
    plot({"a.h5", "y", "--over", "p,n", "--sel", "a=2"});
    compare({"texts", "picture.svg", "x-axis.label=l", "y-axis.label=n", "subtitle=a = 2"});
}

TEST_F(Plots, PointsOfASample) {
    write("worker.py", "import sys, json\n"
                       "for line in sys.stdin:\n"
                       "    d = json.loads(line)\n"
                       "    bad = d['x'] > 0.8 and d['k'] > 1\n"
                       "    print(json.dumps({'error': 'no'} if bad else {'y': d['x'] ** 2 + d['k']}), flush=True)\n");
    write("s.yaml", "items: {sample: {count: 128, method: latin, fields: {m: {choice: [red, blue]}, "
                    "x: {uniform: [0, 1], unit: m}, k: {loguniform: [0.01, 100]}}}}\nworker: [" +
                        std::string(SHEAF_PYTHON) + ", worker.py]\noutputs: {y: {type: float64}}\n");
    run_job({"s.yaml", "--items", "0:100"}, {}, 1);
    plot({"s.h5", "y"});
    compare({"scatter", "picture.svg", "s.h5", "y", "x"});
    compare({"texts", "picture.svg", "x-axis.label=x [m]", "y-axis.label=y"});
    plot({"s.h5", "y", "--over", "k", "--log", "x,y"});
    compare({"scatter", "picture.svg", "s.h5", "y", "k"}, "xy");
    plot({"s.h5", "y", "--over", "x,k", "--log", "y"});
    compare({"scatter", "picture.svg", "s.h5", "y", "x", "k"}, "y");
    plot({"s.h5", "y", "--over", "m"});
    compare({"texts", "picture.svg", "x-axis.label=m"});
}

/* Replicas of a sample are points too, above each other; what is left out has a place. */
TEST_F(Plots, PointsOfASampleWithRepeat) {
    write("r.yaml", "items: {sample: {count: 64, fields: {x: {uniform: [0, 1]}, k: {uniform: [1, 3]}}}, repeat: 3, "
                    "where: x < 0.8}\nexpression: {y: x + 0.1 * repeat, e: y * k}\n");
    run_job({"r.yaml", "--items", "0:120"});
    plot({"r.h5", "y"});
    compare({"scatter", "picture.svg", "r.h5", "y", "x"});
    plot({"r.h5", "y", "--over", "x,k", "--sel", "repeat=1"});
    compare({"scatter", "picture.svg", "r.h5", "y", "x", "k", ":,1"});
    plot({"r.h5", "e", "--over", "y"});
    compare({"texts", "picture.svg", "x-axis.label=y", "y-axis.label=e"});
    plot({"r.h5", "y", "--over", "item"});
    compare({"texts", "picture.svg", "x-axis.ticks=0 10 20 30 40 50 60"});
    plot({"r.h5", "y", "--over", "repeat,x"});
    compare({"heat", "picture.svg", "r.h5", "y", "repeat", "x"}, "uneven");
}

/* Fields of one axis of a grid have pairs of values. */
TEST_F(Plots, PointsOfFieldsThatVaryTogether) {
    write("z.yaml", "items: {grid: {a: [1, 2], p: {zip: {u: [1, 5, 2, 7, 3], v: [3, 1, 4, 1.5, 5]}}}, where: u < 7}\n"
                    "expression: {y: u * v + a}\n");
    run_job({"z.yaml", "--items", "0:8"});
    plot({"z.h5", "y", "--over", "u,v", "--sel", "a=2"});
    compare({"scatter", "picture.svg", "z.h5", "y", "u", "v", "1"});
    Result said = plot({"z.h5", "y", "--over", "v,u"});
    EXPECT_EQ(said.err, "sheaf: a: drawn for the first of 2, 1; --sel a=… chooses another\n");
    compare({"scatter", "picture.svg", "z.h5", "y", "v", "u", "0"});
}

TEST_F(Plots, PointsOfATable) {
    write("in.csv", "name,u,v\na,1,5\nb,2.5,-1\nc,-3,2\n");
    write("t.yaml", "items: {csv: in.csv}\nexpression: {y: u * v, w: exp(y)}\n");
    run_job({"t.yaml"});
    plot({"t.h5", "y"});
    compare({"scatter", "picture.svg", "t.h5", "y", "u"});
    plot({"t.h5", "w", "--over", "y"});
    compare({"scatter", "picture.svg", "t.h5", "w", "y"});
}

/* Items without fields. */
TEST_F(Plots, PointsOfACount) {
    write("c.yaml", "items: {count: 40}\nkernel: pi\nparams: {samples: 10}\n");
    run_job({"c.yaml"});
    plot({"c.h5", "pi"});
    compare({"texts", "picture.svg", "x-axis.label=item", "x-axis.ticks=0 10 20 30 40"});
}

/* More cells than a picture has room for: every so many, and of those alike one. */
TEST_F(Plots, ManyCells) {
    write("b.yaml", "items: {grid: {a: {linspace: [0, 1, 1500]}, b: {range: [0, 1001]}}}\n"
                    "expression: {y: floor(4 * a), z: sin(1e5 * a * a + b)}\n");
    run_job({"b.yaml"});
    Result said = plot({"b.h5", "y"});
    EXPECT_EQ(said.err, "sheaf: a: one of every 2 is drawn of its 1,500 values\n"
                        "sheaf: b: one of every 2 is drawn of its 1,001 values\n");
    compare({"texts", "picture.svg", "subtitle=a: one of every 2, b: one of every 2"});
    compare({"size", "picture.svg", "200000", "2600"});
    plot({"b.h5", "z"});
    compare({"size", "picture.svg", "15000000", "375750"});
    write("l.yaml", "items: {grid: {a: {linspace: [0, 1, 30001]}}}\nexpression: {y: a}\n");
    run_job({"l.yaml"});
    EXPECT_EQ(plot({"l.h5", "y"}).err, "sheaf: a: one of every 4 is drawn of its 30,001 values\n");
}

/* Nothing to draw yet; a value alone; values that are all the same, or no numbers. */
TEST_F(Plots, Edges) {
    write("e.yaml", "items: {grid: {a: [5], b: [7, 8]}}\nexpression: {y: 3 + 0 * a, z: a / (a - 5), k: floor(b)}\n");
    run_job({"e.yaml"});
    plot({"e.h5", "y"});
    compare({"lines", "picture.svg", "e.h5", "y", "b", "0,:"});
    plot({"e.h5", "y", "--over", "a,b"});
    compare({"heat", "picture.svg", "e.h5", "y", "a", "b"});
    EXPECT_EQ(plot({"e.h5", "z"}).err, "sheaf: z: there is no value to draw\n");
    plot({"e.h5", "seconds", "--over", "b"});
    compare({"texts", "picture.svg", "x-axis.label=b"});
    run_job({"e.yaml", "-o", "p.h5", "--items", "0"});
    EXPECT_EQ(plot({"p.h5", "y", "--over", "a", "--sel", "b=8"}).err, "sheaf: y: there is no value to draw\n");
    compare({"texts", "picture.svg", "title=p: y – 1 of 2 items done", "subtitle=b = 8"});
    Result out = sheaf({"plot", "e.h5", "y", "-o", "-"});
    EXPECT_EQ(count_of(out.out, "</svg>\n"), 1) << out;
    EXPECT_EQ(sheaf({"plot", "e.h5", "y"}).out, "e-y.svg\n");
    EXPECT_TRUE(exists(path("e-y.svg")));
}

TEST_F(Plots, WhatCannotBe) {
    write("a.yaml", "items: {grid: {a: [1, 2], p: {zip: {s: [x, y], l: [1, -2]}}}}\nexpression: {energy: a, t: l}\n");
    run_job({"a.yaml"});
    refuse({"a.h5", "enrgy"}, "a.h5: no field 'enrgy'; did you mean 'energy'?");
    refuse({"a.h5", "s"}, "a.h5: 's' is a text; plot draws numbers");
    refuse({"a.h5", "energy[1]"}, "'energy' has no value '[1]': they are [0] to [0]");
    refuse({"a.h5", "energy", "--over", "t"}, "a.h5: no axis 't'; did you mean 'a'?");
    refuse({"a.h5", "energy", "--over", "l,l"}, "--over l,l: is the same twice");
    refuse({"a.h5", "energy", "--over", "a,s,l"}, "--over a,s,l: should be one axis or two");
    refuse({"a.h5", "energy", "--sel", "b=1"}, "a.h5: --sel: no axis 'b'");
    refuse({"a.h5", "energy", "--sel", "a=1,s=x"}, "no axis is left to draw 'energy' over");
    refuse({"a.h5", "energy", "--over", "l", "--log", "x"}, "--log: 'l' has values that are not above 0");
    refuse({"a.h5", "energy", "--over", "s", "--log", "x"}, "--log: 's' has names along its axis");
    refuse({"a.h5", "energy", "--log", "z"}, "should be x, y or value");
    refuse({"nosuch.h5", "energy"}, "nosuch.h5");
    Result pdf = sheaf({"plot", "a.h5", "energy", "-o", "a.pdf"});
    EXPECT_EQ(count_of(pdf.err, "-o a.pdf: should end with .svg or .png"), 1) << pdf;
    Result nowhere = sheaf({"plot", "a.h5", "energy", "-o", "nowhere/a.svg"});
    EXPECT_EQ(nowhere.exit, 3);
    EXPECT_EQ(count_of(nowhere.err, "nowhere/a.svg: cannot write: No such file"), 1) << nowhere;
}

/* Several values an item. */
TEST_F(Plots, OneOfSeveralValues) {
    write("v.yaml", "items: {grid: {a: [1, 2, 4]}}\n"
                    "worker: 'while read -r l; do echo \"{\\\"v\\\": [1, 2]}\"; done'\n"
                    "outputs: {v: {width: 2, type: float64}}\n");
    run_job({"v.yaml"});
    refuse({"v.h5", "v"}, "'v' has 2 values an item; name one of them: 'v[0]' to 'v[1]'");
    plot({"v.h5", "v[1]"});
    compare({"texts", "picture.svg", "y-axis.label=v[1]", "title=v: v[1]"});
}

/* By another program, which is looked for in PATH. */
TEST_F(Plots, Png) {
    write("a.yaml", "items: {grid: {a: [1, 2, 4]}}\nexpression: {y: a}\n");
    run_job({"a.yaml"});
    Result none = shell("PATH=/nowhere " SHEAF_PROGRAM " plot a.h5 y -o a.png");
    EXPECT_EQ(none.exit, 2);
    EXPECT_EQ(count_of(none.err, "a.png: a PNG needs the program rsvg-convert (Debian: librsvg2-bin) or inkscape"), 1)
        << none;
    write("rsvg-convert", "#!/bin/sh\necho \"$@\" >words\nexec cat >a.png\n");
    Result made = shell("chmod +x rsvg-convert && PATH=\"$PWD:$PATH\" " SHEAF_PROGRAM " plot a.h5 y -o a.png");
    EXPECT_EQ(made.exit, 0) << made;
    EXPECT_EQ(read("words"), "--zoom 2 --output a.png\n");
    EXPECT_EQ(sheaf({"plot", "a.h5", "y"}).exit, 0);
    EXPECT_EQ(read("a.png"), read("a-y.svg"));
    write("rsvg-convert", "#!/bin/sh\nexit 3\n");
    Result bad = shell("PATH=\"$PWD:$PATH\" " SHEAF_PROGRAM " plot a.h5 y -o a.png");
    EXPECT_EQ(bad.exit, 3);
    EXPECT_EQ(count_of(bad.err, "a.png: rsvg-convert did not make it"), 1) << bad;
    if (shell("command -v rsvg-convert").exit != 0)
        return;
    EXPECT_EQ(sheaf({"plot", "a.h5", "y", "-o", "real.png"}).exit, 0);
    compare({"png", "real.png", "1280", "848"});
}

} // namespace
