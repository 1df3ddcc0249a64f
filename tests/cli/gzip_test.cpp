/* Tables that gzip has compressed: the same items as those of the table itself, which gzip and Python's gzip have compressed. */
#include "cli/program.h"

namespace {

class Gzip : public Program {
  protected:
    Gzip() {
        write("make.py",
              "import gzip, json, random\n"
              "random.seed(3)\n"
              "rows = [(i, random.random() * 10**random.randint(-9, 9), f'n {i % 77}') for i in range(60000)]\n"
              "text = 'n,x,name\\n' + ''.join(f'{n},{x!r},\"{s}\"\\n' for n, x, s in rows)\n"
              "open('t.csv', 'w').write(text)\n"
              "open('t.csv.gz', 'wb').write(gzip.compress(text.encode()))\n"
              "half = len(text) // 2\n" /* as bgzip and pigz write them, and with padding */
              "open('parts', 'wb').write(gzip.compress(text[:half].encode()) + gzip.compress(b'') +\n"
              "                          gzip.compress(text[half:].encode(), 1) + bytes(512))\n"
              "lines = ''.join(json.dumps({'n': n, 'x': x, 'name': s}) + '\\n' for n, x, s in rows)\n"
              "open('t.jsonl', 'w').write(lines)\n"
              "open('l.txt', 'w').write('a\\nb\\n\\nc')\n");
        EXPECT_EQ(run({SHEAF_PYTHON, "make.py"}).exit, 0);
        EXPECT_EQ(shell("gzip -k t.jsonl l.txt").exit, 0);
    }
};

TEST_F(Gzip, TheSameItems) {
    const std::string rest = "\nexpression: {y: n * x}\n";
    write("t.yaml", "items: {csv: t.csv}" + rest);
    run_job({"t.yaml"}, {0, 2});
    for (std::string items : {"csv: t.csv.gz", "csv: parts", "jsonl: t.jsonl.gz"}) {
        write("z.yaml", "items: {" + items + "}" + rest);
        for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}, Layout{3, 1, true}}) {
            SCOPED_TRACE(items + layout.name());
            run_job({"z.yaml", "--overwrite"}, layout);
            check({"same", "y,n,x,name", path("t.h5"), path("z.h5")});
        }
        EXPECT_EQ(sheaf({"verify", "z.h5"}).exit, 0);
    }
    for (std::string file : {"l.txt", "l.txt.gz"}) {
        write("l.yaml", "items: {lines: " + file + "}\ncommand: [printf, \"<%s>\", \"{line}\"]\n");
        run_job({"l.yaml", "-o", file + ".h5"}, {2, 1});
    }
    check({"same", "line,stdout", path("l.txt.h5"), path("l.txt.gz.h5")});
}

/* The identity is that of the file as it lies. */
TEST_F(Gzip, GoOnAndChange) {
    write("z.yaml", "items: {csv: t.csv.gz}\nexpression: {y: n * x}\n");
    write("t.yaml", "items: {csv: t.csv}\nexpression: {y: n * x}\n");
    run_job({"t.yaml"}, {0, 2});
    run_job({"z.yaml", "--items", "1000:40000"}, {2, 1});
    run_job({"z.yaml"}, {0, 2});
    check({"same", "y,n,x,name", path("t.h5"), path("z.h5")});
    EXPECT_EQ(count_of(run_job({"z.yaml"}, {0, 1}).err, "nothing to do"), 1);
    EXPECT_EQ(shell("sed 's/^5,.*$/5,1.5,\"five\"/' t.csv | gzip >t.csv.gz").exit, 0);
    EXPECT_EQ(count_of(sheaf({"check", "z.yaml"}).out, "t.csv.gz is not what it was: item 5 has x = 1.5 and had "), 1);
    Result other = run_job({"z.yaml"}, {0, 1});
    EXPECT_EQ(count_of(other.err, "59,999 of 60,000 items are those of z.h5; 1 is new"), 1) << other;
}

TEST_F(Gzip, CutOrDamaged) {
    const struct {
        std::string make, said;
    } cases[] = {
        {"head -c 100000 t.csv.gz", "bad: is compressed, and ends early; get or make it anew"},
        {"head -c 5 t.csv.gz", "bad: is compressed, and ends early"},
        {"head -c -1 t.csv.gz", "bad: is compressed, and ends early"},
        {"(cat t.csv.gz; head -c 40 t.csv.gz)", "bad: is compressed, and ends early"},
        {"(cat t.csv.gz; echo more)", "bad: is compressed, and damaged"},
        {"(head -c 1000 t.csv.gz; printf 'zzzzzzzzzzzzzzzz'; tail -c +1017 t.csv.gz)",
         "bad: is compressed, and damaged"},
        {"(head -c -8 t.csv.gz; printf '\\0\\0\\0\\0\\0\\0\\0\\0')", "bad: is compressed, and damaged"},
        {"(printf '' | gzip)", "bad:1: is empty"},
        {"(gzip -c t.csv.gz)", "bad:1: is no text but compressed by gzip; decompress it first"},
        {"printf '\\375' && printf 7zXZ12", "bad:1: is no text but compressed by xz; decompress it first"},
        {"(printf 'x\\n1\\nq\\n' | gzip)", "bad:3: row 2 (item 1), column 'x': 'q' is not a number"},
    };
    write("bad.yaml", "items: {csv: bad}\nexpression: {y: 2 * x}\n");
    for (const auto &c : cases) {
        EXPECT_EQ(shell("{ " + c.make + "; } >bad").exit, 0);
        Result bad = sheaf({"run", "bad.yaml"});
        EXPECT_EQ(bad.exit, 2) << c.make;
        EXPECT_EQ(count_of(bad.err, c.said), 1) << c.said << bad;
        EXPECT_FALSE(exists(path("bad.h5")));
    }
}

} // namespace
