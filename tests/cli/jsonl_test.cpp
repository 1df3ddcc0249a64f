/* Items from JSON Lines: what they hold Python's json says. */
#include "cli/program.h"

namespace {

class JsonLines : public Program {
  protected:
    /* t.jsonl: 2,000 lines, the keys in any order, written with escapes where `escaped` says so. */
    JsonLines() {
        write("make.py",
              "import json, random\n"
              "random.seed(7)\n"
              "with open('t.jsonl', 'w', encoding='utf-8') as f:\n"
              "    for i in range(2000):\n"
              "        d = {'n': i * 7 - 3000, 'x': random.choice([i / 7, -1e-300, 5, None, 1e22]),\n"
              "             'name': random.choice(['a', '', 'q\"\\\\/', 'tab\\t\\n', 'é', '😀', '12', ' b ', 'NA']),\n"
              "             'big': 2**60 + i, 'mixed': random.choice([1, 'one', True, None, 2.5]),\n"
              "             'a.b/c'.replace('/', '_'): i % 3 == 0, 'none': None}\n"
              "        keys = list(d)\n"
              "        if i: random.shuffle(keys)\n"
              "        f.write(json.dumps({k: d[k] for k in keys}, ensure_ascii=i % 2 == 0,\n"
              "                           separators=random.choice([None, (',', ':'), (' ,\\t', ' : ')])) +\n"
              "                random.choice(['\\n', '\\r\\n', '\\n\\n', ' \\n']))\n");
        EXPECT_EQ(run({SHEAF_PYTHON, "make.py"}).exit, 0);
        write("look.py",
              "import h5py, json, math, sys\n"
              "rows = [json.loads(l) for l in open('t.jsonl', encoding='utf-8') if l.strip()]\n"
              "f = h5py.File(sys.argv[1])\n"
              "def text(v): return '' if v is None else v if isinstance(v, str) else json.dumps(v)\n"
              "for name, kind in {'n': 'i8', 'x': 'f8', 'big': 'i8', 'none': 'f8', 'name': 'O', 'mixed': 'O',\n"
              "                   'a.b_c': 'O'}.items():\n"
              "    assert f[name].dtype == kind, (name, f[name].dtype)\n"
              "    found = f[name].asstr()[:].tolist() if kind == 'O' else f[name][:].tolist()\n"
              "    for v, r in zip(found, rows):\n"
              "        w = r[name]\n"
              "        if kind == 'O': assert v == text(w), (name, v, w)\n"
              "        elif w is None: assert math.isnan(v)\n"
              "        else: assert v == w, (name, v, w)\n"
              "    assert len(found) == len(rows) == 2000\n");
    }
};

TEST_F(JsonLines, EveryKindAndLayout) {
    write("e.yaml", "items: {jsonl: t.jsonl}\nexpression: {y: n + 2 * x}\n");
    write("c.yaml", "items: {jsonl: t.jsonl, where: \"item % 20 == 0\"}\n"
                    "command: [printf, \"%s|\", \"{n}\", \"{x}\", \"{name}\", \"{mixed}\", \"{big}\"]\n");
    write("w.yaml",
          "items: {jsonl: t.jsonl}\n"
          "worker: [" SHEAF_PYTHON ", -c, \"import json, sys\\nfor line in sys.stdin:\\n    d = json.loads(line)\\n"
          "    print(json.dumps({'t': json.dumps([d['n'], d['x'], d['name'], d['mixed'], d['big']])}), "
          "flush=True)\"]\noutputs: {t: {type: text}}\n");
    write("k.yaml", "items: {jsonl: t.jsonl, rename: {n: m, x: x0, big: x}}\nkernel: square_plus\nisolate: true\n");
    for (std::string job : {"e", "w", "k"}) {
        run_job({job + ".yaml", "-o", job + "0.h5"}, {0, 2});
        for (const Layout &layout : {Layout{2, 1}, Layout{3, 2, true}}) {
            SCOPED_TRACE(job + layout.name());
            run_job({job + ".yaml", "--overwrite"}, layout);
            check({"same",
                   job == "e"   ? "y,n,x,name,big,mixed,none"
                   : job == "w" ? "t,name,a.b_c"
                                : "y,m,x0,x",
                   path(job + "0.h5"), path(job + ".h5")});
        }
        EXPECT_EQ(sheaf({"verify", job + ".h5"}).exit, 0);
    }
    run_job({"c.yaml", "--items", "0:900"}, {2, 1});
    run_job({"c.yaml"}, {0, 2});
    for (std::string job : {"e", "w", "c"})
        EXPECT_EQ(run({SHEAF_PYTHON, "look.py", job + ".h5"}).exit, 0) << run({SHEAF_PYTHON, "look.py", job + ".h5"});
    Result values =
        run({SHEAF_PYTHON, "-c",
             "import h5py, json, math, numpy as np\n"
             "lines = [l for l in open('t.jsonl', encoding='utf-8') if l.strip()]\n"
             "rows = [json.loads(l) for l in lines]\n"
             "raw = [json.loads(l, parse_float=str, parse_int=str) for l in lines]\n" /* as they are written */
             "def text(v): return '' if v is None else v if isinstance(v, str) else json.dumps(v)\n"
             "y = h5py.File('e.h5')['y'][:]\n"
             "x = np.array([np.nan if r['x'] is None else r['x'] for r in rows], float)\n"
             "assert np.array_equal(y, [r['n'] for r in rows] + 2 * x, equal_nan=True)\n"
             "c = h5py.File('c.h5'); out = c['stdout'].asstr()[:]\n"
             "for i, r in enumerate(raw):\n"
             "    want = ''.join(text(r[k]) + '|' for k in ['n', 'x', 'name', 'mixed', 'big'])\n"
             "    assert c['status'][i] == (5 if i % 20 else 1) and (i % 20 or out[i] == want), (i, out[i], want)\n"
             "t = h5py.File('w.h5')['t'].asstr()[:]\n"
             "for v, r in zip(t, rows):\n"
             "    n, x, name, mixed, big = json.loads(v)\n"
             "    assert (n, name, mixed, big) == (r['n'], r['name'], text(r['mixed']), r['big']), (v, r)\n"
             "    assert x == r['x'] or (r['x'] is None and (x is None or math.isnan(x))), (v, r)\n"});
    EXPECT_EQ(values.exit, 0) << values;
}

/* What no formula reads may change. */
TEST_F(JsonLines, WhatIsInAnotherFile) {
    write("j.jsonl", "{\"x\": 1, \"name\": \"a\"}\n{\"x\": 2, \"name\": \"b\"}\n");
    write("j.yaml", "items: {jsonl: j.jsonl}\nexpression: {y: 2 * x}\n");
    run_job({"j.yaml", "--items", "0"}, {0, 1});
    run_job({"j.yaml"}, {2, 1});
    write("j.jsonl", "{\"x\": 1, \"name\": \"a\"}\n{\"x\": 2, \"name\": \"c\"}\n");
    Result other = run_job({"j.yaml"}, {0, 1});
    EXPECT_EQ(count_of(other.err, "2 of 2 items are those of j.h5"), 1) << other;
    EXPECT_EQ(sheaf({"show", "j.h5", "--csv", "--fields", "name,y"}).out,
              "item,status,name,y\n0,done,a,2\n1,done,c,4\n");
    write("j.jsonl", "{\"x\": 1.5, \"name\": \"a\"}");
    EXPECT_EQ(
        count_of(sheaf({"check", "j.yaml", "-o", "k.h5"}).out, "items: jsonl j.jsonl, 1\nfields: x float64, name text"),
        1);
}

TEST_F(JsonLines, WhatIsNone) {
    const struct {
        std::string lines, said;
    } cases[] = {
        {"", ":1: is empty; each line should be a JSON object"},
        {"\n  \n", ":1: is empty"},
        {"[{\"x\": 1}]\n", ":1: is a list; JSON Lines have an object on each line (jq -c '.[]'"},
        {"x,y\n1,2\n", ":1: is no JSON object; each line should be one"},
        {"{}\n", ":1: has no key"},
        {"{\"x\": 1}\n\n{\"x\": [1, 2]}\n", ":3: 'x' has a list; a field has one"},
        {"{\"x\": {\"a\": 1}}\n", ":1: 'x' has an object"},
        {"{\"x\": 1}\n{\"x\": 1, \"y\": 2}\n", ":2: has the key 'y', which the first line does not have"},
        {"{\"x\": 1, \"y\": 2}\n{\"x\": 1}\n", ":2: has no 'y', which the first line has (null says nothing)"},
        {"{\"x\": 1, \"x\": 2}\n", ":1: has the key 'x' twice"},
        {"{\"x\": 1}\n{\"\\u0078\": 1, \"x\": 2}\n", ":2: has the key 'x' twice"},
        {"{\"x\": 1", ":1: ends where a comma or } should be"},
        {"{\"x\": 1}, \n", ":1: ', ' stands where the end of the line should be"},
        {"{\"x\" 1}\n", ":1: '1}' stands where a colon should be"},
        {"{x: 1}\n", ":1: 'x: 1}' stands where a key in double quotes should be"},
        {"{\"x\": 1,}\n", ":1: '}' stands where a key in double quotes should be"},
        {"{\"x\": 1 \"y\": 2}\n", ":1: '\"y\": 2}' stands where a comma or } should be"},
        {"{\"x\": 01}\n", ":1: '01}' stands where a value should be"},
        {"{\"x\": .5}\n", "stands where a value should be"},
        {"{\"x\": 1.}\n", "stands where a value should be"},
        {"{\"x\": 1e}\n", "stands where a value should be"},
        {"{\"x\": +1}\n", "stands where a value should be"},
        {"{\"x\": None}\n", "'None}' stands where a value should be"},
        {"{\"x\": }\n", "'}' stands where a value should be"},
        {"{\"x\": \"a}\n", ":1: has a text that does not end; an object stands on one line"},
        {"{\"x\": \"a\tb\"}\n", ":1: has a control character in a text"},
        {"{\"x\": \"\\q\"}\n", "'\\q\"}' stands where a character of a text should be"},
        {"{\"x\": \"\\ud800\"}\n", "stands where a character of a text should be"},
        {"{\"x\": \"\\u0000\"}\n", "stands where a character of a text should be"},
        {"{\"x\": \"\\u12\"}\n", "stands where a character of a text should be"},
        {"{\"x\": \"\xff\"}\n", ":1: is not UTF-8 text"},
        {"{\"status\": 1}\n", ":1: key 1 is called 'status'"},
        {"{\"x\": 1}\n{\"x\": \"1\"}\n",
         ":2: row 2 (item 1), column 'x': '1' is not a number (it is a text, in quotes)"},
        {"{\"x\": true}\n", "'true' is not a number"},
    };
    for (const auto &c : cases) {
        write("bad.jsonl", c.lines);
        write("bad.yaml", "items: {jsonl: bad.jsonl}\nexpression: {y: 2 * x}\n");
        Result bad = sheaf({"run", "bad.yaml"});
        EXPECT_EQ(bad.exit, 2) << c.lines;
        EXPECT_EQ(count_of(bad.err, c.said), 1) << c.said << bad;
        EXPECT_EQ(count_of(bad.err, "bad.jsonl:"), 1) << bad;
        EXPECT_FALSE(exists(path("bad.h5")));
    }
    write("int.jsonl", "{\"x\": 1}\n{\"x\": null}\n");
    write("int.yaml", "items: {jsonl: int.jsonl, types: {x: int64}}\nexpression: {y: x}\n");
    Result null = sheaf({"run", "int.yaml"});
    EXPECT_EQ(
        count_of(null.err, "int.jsonl:2: row 2 (item 1), column 'x': '' is not a whole number (null is allowed only"),
        1)
        << null;
    EXPECT_EQ(count_of(sheaf({"run", "int.yaml", "--set", "items.separator=tab"}).err, "items.separator goes with csv"),
              1);
    EXPECT_EQ(count_of(sheaf({"run", "int.yaml", "--set", "items=t.jsonl"}).err, "items: {jsonl: t.jsonl}"), 1);
}

} // namespace
