/* Jobs with `worker`: what goes to a process that is kept running and what comes back, whatever the layout; and what
   becomes of items, and of their neighbours, when a worker says no, talks nonsense, hangs or dies. */
#include "cli/program.h"

#include <signal.h>

#include <fstream>
#include <sstream>

namespace {

class Worker : public Program {
  protected:
    /* A job whose worker is this Python text; `more` holds its outputs. */
    void write_worker(const std::string &items, const std::string &python, const std::string &more) const {
        write("model.py", python);
        write("job.yaml",
              "items: {" + items + "}\nworker: [\"" SHEAF_PYTHON "\", \"" + path("model.py") + "\"]\n" + more);
    }

    /* Runs Python text that looks into results: `look(NAME)` gives an open file, `states` and `messages` of it. */
    void look(const std::string &python) const {
        write("look.py", "import csv, json, math, os, sys\n"
                         "os.environ['HDF5_USE_FILE_LOCKING'] = 'FALSE'\n"
                         "import h5py\n"
                         "import numpy as np\n"
                         "def states(f):\n"
                         "    names = f['status'].attrs['flag_meanings']\n"
                         "    names = names.decode() if isinstance(names, bytes) else names\n"
                         "    return [names.split()[s] for s in f['status'][:]]\n"
                         "def messages(f):\n"
                         "    notes = zip(f['sheaf/errors/item'][:], f['sheaf/errors/message'][:])\n"
                         "    return {int(i): bytes(m).split(b'\\0')[0].decode() for i, m in notes if i >= 0}\n"
                         "def texts(f, name):\n"
                         "    return list(f[name].asstr()[:])\n" +
                             python);
        Result result = run({SHEAF_PYTHON, "look.py"});
        EXPECT_EQ(result.exit, 0) << result;
    }

    /* Processes that were started with a word that holds this text. */
    static int count_processes(const std::string &text) {
        int n = 0;
        for (const std::string &name : list_folder("/proc")) {
            std::ifstream file("/proc/" + name + "/cmdline");
            std::ostringstream words;
            words << file.rdbuf(); /* nothing where the process has just ended */
            n += isdigit(name[0]) && count_of(words.str(), text) > 0;
        }
        return n;
    }
};

/* Answers with the question itself, and with some of it. */
const char mirror[] = "import json, sys\n"
                      "for line in sys.stdin:\n"
                      "    q = json.loads(line)\n"
                      "    print(json.dumps({'heard': line, 'says': q['label'], 'same': q['big'],\n"
                      "                      'v': [q['x'], None if q['x'] is None else q['x'] * 2, q['item']]}))\n";
const char mirror_outputs[] = "outputs: {heard: text, says: text, same: int64, v: {width: 3, unit: m}}\n";

TEST_F(Worker, FieldsOfACsvAndParamsOnEveryLayout) {
    std::string table = "label,x,big,note\n";
    const std::string labels[] = {"plain",
                                  "\"a \"\"quote\"\", comma\"",
                                  "\"two\nlines\tand a tab\"",
                                  "größe 星 🜨",
                                  "\"back\\slash\"",
                                  "nothing else",
                                  "",
                                  "\"\x01\x1f\x7f\""};
    const std::string numbers[] = {"0.1", "-3", "1e-310", "", "12345678.9", "nan", "inf"};
    for (int k = 0; k < 150; k++)
        table += labels[k % 8] + "," + numbers[k % 7] + "," +
                 (k % 5 ? std::to_string(k)
                  : k   ? "-9223372036854775808"
                        : "9223372036854775807") +
                 ",n\n";
    write("in.csv", table);
    write_worker("csv: in.csv", mirror,
                 mirror_outputs +
                     std::string("params: {n: 12, huge: 9007199254740993, half: .5, word: café, quoted: '12', "
                                 "yes: true, says: 'a \"b\" \\', tiny: 1e-300}\n"));
    std::string names;
    int n = 0;
    const std::vector<Layout> layouts = {{0, 1}, {1, 1}, {1, 3}, {2, 1}, {3, 2}, {2, 2, true}};
    for (const Layout &layout : layouts) {
        SCOPED_TRACE(layout.name());
        const std::string out = std::to_string(n++) + ".h5";
        run_job({"job.yaml", "-q", "-o", out}, layout);
        names += "'" + out + "', ";
    }
    look(
        "rows = list(csv.DictReader(open('in.csv', encoding='utf-8', errors='replace', newline='')))\n"
        "params = dict(n=12, huge=9007199254740993, half=.5, word='café', quoted='12', yes=True, says='a \"b\" \\\\',\n"
        "              tiny=1e-300)\n"
        "def number(cell):\n"
        "    return float(cell) if cell and math.isfinite(float(cell)) else None\n"
        "for name in [" +
        names +
        "]:\n"
        "    with h5py.File(name) as f:\n"
        "        assert states(f) == ['done'] * len(rows), (name, states(f))\n"
        "        heard, label = texts(f, 'heard'), texts(f, 'says')\n"
        "        for k, row in enumerate(rows):\n"
        "            q = json.loads(heard[k])\n"
        "            x = number(row['x'])\n"
        "            assert q == dict(item=k, label=row['label'], x=x, big=int(row['big']), note='n', **params), (q, "
        "row)\n"
        "            assert [type(q[n]) for n in ('big', 'n', 'half')] == [int, int, float], q\n"
        "            assert x is None or type(q['x']) is float, q\n"
        "            assert label[k] == row['label'] and f['same'][k] == int(row['big']), (k, label[k])\n"
        "            v = [math.nan if x is None else x, math.nan if x is None else 2 * x, k]\n"
        "            assert np.array_equal(f['v'][k], v, equal_nan=True), (k, f['v'][k])\n");
}

TEST_F(Worker, FieldsOfHdf5) {
    look("with h5py.File('in.h5', 'w') as f:\n"
         "    f['r'] = np.array([[1, math.nan, math.inf], [-0.0, 1e300, -math.inf], [.1, 2**53, 1e-300]])\n"
         "    f['f'] = np.array([.1, 3e38, math.nan], 'f4')\n"
         "    f['b'] = np.array([0, 255, 7], 'u1')\n"
         "    f['i'] = np.array([-2**31, 0, 2**31 - 1], 'i4')\n"
         "    f['l'] = np.array([[-2**63, 2**63 - 1], [0, 1], [2, 2**53 + 1]], 'i8')\n");
    write_worker("hdf5: {file: in.h5, fields: {r: /r, f: /f, b: /b, i: /i, l: /l}}",
                 "import json, sys\n"
                 "for line in sys.stdin:\n"
                 "    q = json.loads(line)\n"
                 "    print(json.dumps({'heard': line, 'last': q['l'][1], 'nan': float('nan'), 'same': q['r'],\n"
                 "                      'far': [float('inf'), -float('inf')], 'list': q['l'], 'truth': True}))\n",
                 "outputs: {heard: text, last: int64, nan: float64, same: {width: 3}, far: {width: 2},\n"
                 "          list: {type: int64, width: 2}, truth: int64}\n");
    run_job({"job.yaml", "-q"});
    look("with h5py.File('job.h5') as f, h5py.File('in.h5') as s:\n"
         "    def plain(v):\n"
         "        v = v.tolist() if isinstance(v, (np.ndarray, np.generic)) else v\n"
         "        return [plain(x) for x in v] if isinstance(v, list) else v if math.isfinite(v) else None\n"
         "    for k, heard in enumerate(texts(f, 'heard')):\n"
         "        q = json.loads(heard)\n"
         "        assert np.float32(q['f'] if q['f'] is not None else 0) == np.nan_to_num(s['f'][k]), q\n"
         "        del q['f']\n"
         "        assert q == dict(item=k, **{n: plain(s[n][k]) for n in 'rbil'}), (q, k)\n"
         "    assert (f['last'][:] == s['l'][:, 1]).all() and (f['list'][:] == s['l'][:]).all()\n"
         "    assert np.isnan(f['nan'][:]).all() and (f['far'][:] == [math.inf, -math.inf]).all()\n"
         "    finite = np.isfinite(s['r'][:])\n"
         "    assert (f['same'][:][finite] == s['r'][:][finite]).all() and np.isnan(f['same'][:][~finite]).all()\n"
         "    assert (f['truth'][:] == 1).all()\n");
}

/* Every third item or so does something else than to answer well. */
const char naughty[] =
    "import json, os, signal, sys, time\n"
    "def say(text):\n"
    "    os.write(1, text.encode())\n"
    "for line in sys.stdin:\n"
    "    q = json.loads(line)\n"
    "    does, item = q['does'], q['item']\n"
    "    good = json.dumps({'y': item * item, 's': 'item %d' % item, 'n': -item, 'v': [item, 1]})\n"
    "    if does == 'good': print(good)\n"
    "    elif does == 'null error': print(json.dumps({**json.loads(good), 'error': None, 'item': item}))\n"
    "    elif does == 'error': print(json.dumps({'error': 'no orbit: \\n ellipse « 3', 'y': 1}))\n"
    "    elif does == 'error object': print(json.dumps({'error': {'code': 7}}))\n"
    "    elif does == 'no error': print(json.dumps({**json.loads(good), 'error': item % 2 == 2}))\n"
    "    elif does == 'empty error': print(json.dumps({**json.loads(good), 'error': ''}))\n"
    "    elif does == 'error code': print(json.dumps({**json.loads(good), 'error': 0}))\n"
    "    elif does == 'far': print(good[:-1] + ', \"id\": 12345678901234567890, \"z\": 1e400, \"w\": nan}')\n"
    "    elif does == 'missing': print(json.dumps({'y': 1, 's': 'a', 'v': [1, 2]}))\n"
    "    elif does == 'text': print(json.dumps({'y': '1', 's': 'a', 'n': 1, 'v': [1, 2]}))\n"
    "    elif does == 'half': print(json.dumps({'y': 1, 's': 'a', 'n': 1.5, 'v': [1, 2]}))\n"
    "    elif does == 'null': print(json.dumps({'y': 1, 's': 'a', 'n': None, 'v': [1, 2]}))\n"
    "    elif does == 'short': print(json.dumps({'y': 1, 's': 'a', 'n': 1, 'v': [1]}))\n"
    "    elif does == 'scalar': print(json.dumps({'y': 1, 's': 'a', 'n': 1, 'v': 1}))\n"
    "    elif does == 'too large': print('{\"y\": 1, \"s\": \"a\", \"n\": 99999999999999999999, \"v\": [1, 2]}')\n"
    "    elif does == 'number text': print(json.dumps({'y': True, 's': 3, 'n': 2.0, 'v': [None, 1]}))\n"
    "    elif does == 'rubbish': print('loading model ...')\n"
    "    elif does == 'bytes': os.write(1, b'\\xff\\x00\\x01\\n')\n"
    "    elif does == 'latin1': os.write(1, b'{\"y\": 1, \"s\": \"caf\\xe9\", \"n\": 1, \"v\": [1, 2]}\\n')\n"
    "    elif does == 'array': print('[1, 2]')\n"
    "    elif does == 'empty': print()\n"
    "    elif does == 'deep': print('[' * 100000)\n"
    "    elif does == 'other item': print(json.dumps({**json.loads(good), 'item': item + 1}))\n"
    "    elif does == 'no newline': say(good); sys.exit(3)\n"
    "    elif does == 'half a line': say(good[:20]); sys.exit(3)\n"
    "    elif does == 'slow line': [say(c) for c in good + '\\n']\n"
    "    elif does == 'windows': say(good + '\\r\\n')\n"
    "    elif does == 'exit': sys.exit(4)\n"
    "    elif does == 'exit 0': sys.exit(0)\n"
    "    elif does == 'raise': raise ValueError('e = %g is no ellipse' % 1.5)\n"
    "    elif does == 'segv': os.kill(os.getpid(), signal.SIGSEGV)\n"
    "    elif does == 'kill': sys.stderr.write('out of memory\\n'); os.kill(os.getpid(), signal.SIGKILL)\n"
    "    elif does == 'hang': signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)\n"
    "    elif does == 'close out': sys.stderr.write('good bye\\n'); os.close(1); time.sleep(1000)\n"
    "    elif does == 'retire': say(good + '\\n'); os.close(0); sys.exit(0)\n"
    "    elif does == 'child': (os.fork() or time.sleep(1000)); os.kill(os.getpid(), signal.SIGSEGV)\n"
    "    else: sys.exit('? ' + does)\n";

/* What each of them leads to: a state and a part of the message; "" is done. */
const struct Deed {
    const char *does, *state, *message; /* no state: done, with the values of a good answer */
} deeds[] = {
    {"good", "", ""},
    {"null error", "", ""},
    {"error", "failed", "no orbit: "},
    {"error object", "failed", "the answer has no 'y': '{\"error\": {\"code\": 7}}'"},
    {"no error", "", ""},
    {"empty error", "", ""},
    {"error code", "", ""},
    {"far", "", ""},
    {"missing", "failed", "the answer has no 'n'"},
    {"text", "failed", "outputs.y is a text; it should be a number"},
    {"half", "failed", "outputs.n is 1.5; it should be a whole number"},
    {"null", "failed", "outputs.n is null; it should be a whole number"},
    {"short", "failed", "outputs.v is an array of 1; it should be one of 2"},
    {"scalar", "failed", "outputs.v is 1; it should be an array of 2"},
    {"too large", "failed", "outputs.n is 99999999999999999999; it should be a whole number"},
    {"number text", "done", ""},
    {"rubbish", "failed", "the worker answered 'loading model ...', which is no JSON object"},
    {"bytes", "failed", "which is no JSON object"},
    {"latin1", "failed", "which is no JSON object: unable to decode byte 0xe9"},
    {"array", "failed", "the worker answered '[1, 2]', which is no JSON object"},
    {"empty", "failed", "the worker answered '', which is no JSON object"},
    {"deep", "failed", "which is no JSON object"},
    {"other item", "failed", "answers come in the order of the questions"},
    {"no newline", "", ""},
    {"half a line", "failed", "which is no JSON object"},
    {"slow line", "", ""},
    {"windows", "", ""},
    {"exit", "failed", "exit code 4"},
    {"exit 0", "failed", "exit code 0 and no answer"},
    {"raise", "failed", "exit code 1 and no answer: ValueError: e = 1.5 is no ellipse"},
    {"segv", "crashed", "signal 11"},
    {"kill", "crashed", "signal 9 (Killed): out of memory"},
    {"child", "crashed", "signal 11"},
    {"hang", "timed_out", "took longer than 6 s"},
    {"close out", "failed", "the worker closed its standard output without an answer: good bye"},
    {"retire", "", ""},
};

TEST_F(Worker, OnlyTheItemThatItIsAtFails) {
    std::string table = "does\n", wanted = "wanted = [";
    for (const Deed &deed : deeds) {
        table += std::string("good\n") + deed.does + "\ngood\n";
        wanted += std::string("('good', '', ''), ('") + deed.does + "', '" + deed.state + "', r\"\"\"" + deed.message +
                  "\"\"\"), ('good', '', ''),\n    ";
    }
    write("in.csv", table);
    write_worker("csv: in.csv", naughty, "timeout: 6s\noutputs: {y: float64, s: text, n: int64, v: {width: 2}}\n");
    run_job({"job.yaml", "-q"}, {2, 2, true}, 1);
    look(wanted +
         "]\n"
         "with h5py.File('job.h5') as f:\n"
         "    said, status, s = messages(f), states(f), texts(f, 's')\n"
         "    for k, (does, state, part) in enumerate(wanted):\n"
         "        row = (does, status[k], said.get(k), f['y'][k], s[k], f['n'][k], list(f['v'][k]))\n"
         "        assert status[k] == (state or 'done') and part in said.get(k, ''), (k, row)\n"
         "        if not state:\n"
         "            assert row[2:] == (None, k * k, 'item %d' % k, -k, [k, 1]), (k, row)\n"
         "        elif state == 'done':\n"
         "            assert row[3:6] == (1, '3', 2) and np.isnan(row[6][0]) and row[6][1] == 1, (k, row)\n"
         "        else:\n"
         "            assert np.isnan(row[3]) and np.isnan(row[6]).all() and row[5] < -2**62 and not row[4], (k, "
         "row)\n"
         "    assert (f['attempts'][:] == 1).all()\n");
    EXPECT_TRUE(wait_until([&] { return count_processes(path("model.py")) == 0; })) << "processes are left";
}

/* From some item on each answer comes twice, all in one piece: what is done is right. */
TEST_F(Worker, AnswersMoreThanItIsAsked) {
    for (const char *item : {"", "'item': item, "}) {
        write_worker("count: 600",
                     std::string("import json, os, sys\n"
                                 "while True:\n"
                                 "    asked = os.read(0, 1000000).decode().splitlines()\n"
                                 "    items = [json.loads(line)['item'] for line in asked]\n"
                                 "    said = [json.dumps({") +
                         item +
                         "'y': item}) + '\\n' for item in items]\n"
                         "    if not asked: break\n"
                         "    os.write(1, ''.join(answer * (1 + (500 < k <= 510)) for k, answer in zip(items, "
                         "said)).encode())\n",
                     "outputs: [y]\n");
        sheaf({"run", "job.yaml", "-q", "--overwrite", "--threads", "1"});
        look("with h5py.File('job.h5') as f:\n"
             "    state, said = states(f), messages(f)\n"
             "    wrong = [(k, f['y'][k]) for k in range(600) if state[k] == 'done' and f['y'][k] != k]\n"
             "    assert not wrong and state.count('done') > 100, (wrong, state)\n"
             "    assert all('more than it was asked' in m or 'order of the questions' in m for m in said.values())\n");
    }
}

/* A line that is no answer fails the item it may belong to; the answers behind it are not taken for other items. */
TEST_F(Worker, NoiseBetweenAnswers) {
    write("model.py", "import json, sys\n"
                      "for line in sys.stdin:\n"
                      "    i = json.loads(line)['item']\n"
                      "    if i % 50 == 3: print('converged')\n"
                      "    print(json.dumps({'y': i}))\n");
    write("job.yaml", "items: {count: 400}\nworker: [" SHEAF_PYTHON ", model.py]\noutputs: [y]\n");
    run_job({"job.yaml", "-q"}, {0, 2}, 1);
    write("look.py", "import h5py, numpy as np\n"
                     "f = h5py.File('job.h5')\n"
                     "i, status, y = np.arange(400), f['status'][:], f['y'][:]\n"
                     "assert (y[status == 1] == i[status == 1]).all(), y\n"
                     "assert list(i[status != 1]) == list(range(3, 400, 50)), i[status != 1]\n");
    Result result = run({SHEAF_PYTHON, "look.py"});
    EXPECT_EQ(result.exit, 0) << result;
}

TEST_F(Worker, SeveralItemsALine) {
    std::string table = "x,does\n";
    for (int k = 0; k < 200; k++)
        table += std::to_string(k * 0.5) + "," +
                 (k == 40   ? "die"
                  : k == 41 ? "exit"
                  : k == 90 ? "refuse"
                            : "answer") +
                 "\n";
    write("in.csv", table);
    write_worker("csv: in.csv",
                 "import json, os, signal, sys\n"
                 "for line in sys.stdin:\n"
                 "    q = json.loads(line)\n"
                 "    assert len(q['item']) == len(q['x']) == len(q['does']) <= 7 and q['total'] == 5\n"
                 "    if 'die' in q['does']: os.kill(os.getpid(), signal.SIGSEGV)\n"
                 "    if 'exit' in q['does']: sys.exit('enough')\n"
                 "    print(json.dumps({'item': q['item'], 'y': [x * x + 5 for x in q['x']],\n"
                 "                      'v': [[x, k] for x, k in zip(q['x'], q['item'])],\n"
                 "                      's': ['%g' % x for x in q['x']],\n"
                 "                      'error': ['no' if d == 'refuse' else None for d in q['does']]}))\n",
                 "batch: 7\nparams: {total: 5}\noutputs: {y: float64, v: {width: 2}, s: text}\n");
    run_job({"job.yaml", "-q"}, {2, 2, true}, 1);
    look("with h5py.File('job.h5') as f:\n"
         "    bad = {40: 'crashed', 41: 'failed', 90: 'failed'}\n"
         "    state, said, s, x = states(f), messages(f), texts(f, 's'), f['x'][:]\n"
         "    assert state == [bad.get(k, 'done') for k in range(200)], state\n"
         "    assert 'signal 11' in said[40] and said[41].endswith('enough') and said[90] == 'no', said\n"
         "    good = [k for k in range(200) if k not in bad]\n"
         "    assert (f['y'][:][good] == x[good] ** 2 + 5).all() and np.isnan(f['y'][:][list(bad)]).all()\n"
         "    assert (f['v'][:][good] == np.stack([x[good], good], axis=1)).all()\n"
         "    assert all(s[k] == '%g' % x[k] for k in good) and not any(s[k] for k in bad)\n");
}

/* A number of the item's own where the job says `seed`, one by one and in arrays; nothing where it does not, or where the name is
   taken. */
TEST_F(Worker, AnItemHasASeed) {
    const std::string model = "import json, sys\n"
                              "for line in sys.stdin:\n"
                              "    q = json.loads(line)\n"
                              "    s = q.get('seed', [-1] * len(q['item']) if isinstance(q['item'], list) else -1)\n"
                              "    print(json.dumps({'item': q['item'], 's': s}))\n";
    const std::string outputs = "outputs: {s: int64}\n";
    write_worker("count: 100", model, outputs);
    run_job({"job.yaml", "-o", "none.h5"});
    run_job({"job.yaml", "-o", "one.h5", "--set", "seed=7"}, {0, 1});
    run_job({"job.yaml", "-o", "other.h5", "--set", "seed=7"}, {2, 2});
    run_job({"job.yaml", "-o", "many.h5", "--set", "seed=7", "--set", "batch=7"});
    run_job({"job.yaml", "-o", "first.h5", "--set", "seed=1"});
    Result refused = sheaf({"run", "job.yaml", "-o", "none.h5", "--set", "seed=1"}); /* whose answers may be others */
    EXPECT_EQ(refused.exit, 2) << refused;
    write_worker("rows: [{seed: 3}, {seed: 4}]", model, outputs);
    run_job({"job.yaml", "-o", "field.h5", "--set", "seed=7"});
    look("s = {k: list(h5py.File(k + '.h5')['s'][:]) for k in ('none', 'one', 'other', 'many', 'first', 'field')}\n"
         "bits = lambda seed, k: int(np.random.Philox(key=[seed, k]).random_raw())\n"
         "assert s['none'] == [-1] * 100 and s['field'] == [3, 4]\n"
         "assert s['one'] == s['other'] == s['many'] == [bits(7, k) >> 11 for k in range(100)]\n"
         "assert s['first'] == [bits(1, k) >> 11 for k in range(100)]\n");
}

TEST_F(Worker, LongAnswersAndMuchNoise) {
    write_worker("count: 6",
                 "import json, os, sys\n"
                 "for line in sys.stdin:\n"
                 "    item = json.loads(line)['item']\n"
                 "    if item == 2: [os.write(2, b'noise' * 20000 + b'\\n') for _ in range(60)]\n"
                 "    if item == 4: sys.exit('the last of it')\n"
                 "    print(json.dumps({'s': str(item) * (5000000 if item == 3 else 10)}))\n",
                 "outputs: {s: text}\nparams: {long: " + std::string(300000, 'p') + "}\n");
    run_job({"job.yaml", "-q"}, {0, 1}, 1);
    look("with h5py.File('job.h5') as f:\n"
         "    assert messages(f) == {4: 'the worker ended with exit code 1 and no answer: the last of it'}, "
         "messages(f)\n"
         "    wanted = [str(k) * (5000000 if k == 3 else 10) if k != 4 else '' for k in range(6)]\n"
         "    assert texts(f, 's') == wanted\n");
}

TEST_F(Worker, OneForEachThreadIsKept) {
    write_worker("count: 300",
                 "import json, os, sys, time\n"
                 "here = os.environ['SHEAF_JOB_DIR']\n"
                 "with open('started', 'a') as f: f.write('%d\\n' % os.getpid())\n"
                 "until = time.time() + 60\n"
                 "while len(open('started').readlines()) < 4 and time.time() < until: time.sleep(.005)\n"
                 "names = ('OMPI_', 'PMIX_', 'PMI_', 'PRTE_', 'OPAL_', 'ORTE_')\n"
                 "odd = [n for n in os.environ if n.startswith(names) and not n.startswith('OMPI_ALLOW_RUN_AS_ROOT')]\n"
                 "n = 0\n"
                 "for line in sys.stdin:\n"
                 "    n += 1\n"
                 "    say = [os.path.samefile(here, '.'), odd, os.environ['OMP_NUM_THREADS']]\n"
                 "    print(json.dumps({'pid': os.getpid(), 'n': n, 'slot': int(os.environ['SHEAF_SLOT']),\n"
                 "                      'say': json.dumps(say)}))\n"
                 "open('bye.%d' % os.getpid(), 'w').write(str(n))\n",
                 "outputs: {pid: int64, n: int64, slot: int64, say: text}\n");
    run_job({"job.yaml", "-q"}, {2, 2});
    look("started = sorted(map(int, open('started').read().split()))\n"
         "assert len(started) == 4, started\n"
         "with h5py.File('job.h5') as f:\n"
         "    pid, n, slot = f['pid'][:], f['n'][:], f['slot'][:]\n"
         "    assert sorted(set(pid)) == started and states(f) == ['done'] * 300\n"
         "    for p in started:\n"
         "        mine = n[pid == p]\n"
         "        assert sorted(mine) == list(range(1, len(mine) + 1)), (p, mine)\n"
         "        assert int(open('bye.%d' % p).read()) == len(mine)\n"
         "        assert len(set(slot[pid == p])) == 1\n"
         "    assert sorted({(slot[pid == p][0]) for p in started}) == [0, 1, 2, 3]\n"
         "    assert set(texts(f, 'say')) == {'[true, [], \"1\"]'}, set(texts(f, 'say'))\n");
}

TEST_F(Worker, IsTriedAgain) {
    write_worker("count: 20",
                 "import json, os, signal, sys, time\n"
                 "for line in sys.stdin:\n"
                 "    item = json.loads(line)['item']\n"
                 "    first = not os.path.exists('tried.%d' % item)\n"
                 "    open('tried.%d' % item, 'w').close()\n"
                 "    if item == 3 and first: os.kill(os.getpid(), signal.SIGSEGV)\n"
                 "    if item == 5 and first: sys.exit(1)\n"
                 "    if item == 7 and first: time.sleep(1000)\n"
                 "    if item == 9: print('{\"error\": \"never\"}')\n"
                 "    elif item == 11 and first: print('{\"error\": \"at first\"}')\n"
                 "    else: print('{\"y\": %d}' % (item * 3))\n",
                 "outputs: [y]\nretries: 2\ntimeout: 2s\n");
    run_job({"job.yaml", "-q"}, {0, 1}, 1);
    look("with h5py.File('job.h5') as f:\n"
         "    assert messages(f) == {9: 'never'}, messages(f)\n"
         "    assert states(f) == ['failed' if k == 9 else 'done' for k in range(20)]\n"
         "    assert list(f['attempts'][:]) == [{3: 2, 5: 2, 7: 2, 9: 3, 11: 2}.get(k, 1) for k in range(20)]\n"
         "    assert all(f['y'][k] == 3 * k for k in range(20) if k != 9)\n");
}

/* What a model imports may take longer than an item: its time begins when it reads. */
TEST_F(Worker, StartsSlowly) {
    write_worker("count: 10",
                 "import json, sys, time\n"
                 "time.sleep(2.5)\n"
                 "for line in sys.stdin:\n"
                 "    item = json.loads(line)['item']\n"
                 "    if item == 4: time.sleep(1000)\n"
                 "    print('{\"y\": %d}' % item)\n",
                 "outputs: [y]\ntimeout: 1.5s\n");
    run_job({"job.yaml", "-q"}, {0, 1}, 1);
    look("with h5py.File('job.h5') as f:\n"
         "    assert messages(f) == {4: 'took longer than 1.5 s'}, messages(f)\n"
         "    assert all(f['y'][k] == k for k in range(10) if k != 4)\n"
         "    assert f['seconds'][4] > 1.4, f['seconds'][4]\n");
}

/* Its output has ended, and how it died is told late. */
TEST_F(Worker, DiesAndItsKeeperIsLate) {
    write_worker("count: 2",
                 "import os, signal, sys, time\n"
                 "for line in sys.stdin:\n"
                 "    with open('pid', 'w') as f: f.write(str(os.getppid()))\n"
                 "    os.rename('pid', 'begun')\n"
                 "    while not os.path.exists('go'): time.sleep(0.01)\n"
                 "    os.kill(os.getpid(), signal.SIGSEGV)\n",
                 "outputs: [y]\n");
    Child child(command({"run", "job.yaml", "-q"}, {0, 1}), start());
    ASSERT_TRUE(wait_until([&] { return exists(path("begun")); }, 20));
    const pid_t keeper = std::stoi(read("begun"));
    kill(keeper, SIGSTOP);
    write("go", "");
    usleep(1500000); /* longer than a worker has whose output has ended */
    kill(keeper, SIGCONT);
    Result result = child.wait();
    EXPECT_EQ(result.exit, 1) << result;
    look("with h5py.File('job.h5') as f:\n"
         "    assert states(f) == ['crashed'] * 2, (states(f), messages(f))\n"
         "    assert all(m.startswith('the worker was killed by signal 11') for m in messages(f).values())\n");
}

/* The usual mistakes of who writes a first worker. */
TEST_F(Worker, ThatHasAnsweredNothingIsAskedAboutItsLines) {
    for (std::string answer : {"sys.stdout.write('{\"y\": 1}'); sys.stdout.flush()", "pass"}) {
        write_worker("count: 1", "import sys, time\nfor line in sys.stdin:\n    " + answer + "\n    time.sleep(1000)\n",
                     "outputs: [y]\ntimeout: 1s\n");
        run_job({"job.yaml", "-q", "--overwrite"}, {0, 1}, 1);
        look("with h5py.File('job.h5') as f:\n"
             "    assert messages(f) == {0: 'took longer than 1 s; it has answered nothing yet: does it end lines, and "
             "flush?'}, messages(f)\n");
    }
}

/* Libraries greet when they are loaded, or at the first item; answers do not say which item they are for. */
TEST_F(Worker, MayPrintBeforeItsFirstAnswer) {
    for (const char *slow : {"0", "1.5"}) {
        write_worker("count: 60",
                     std::string("import json, sys, time\n"
                                 "print('Loading model.\\n\\n[1, 2]\\n3.5')\n"
                                 "for n, line in enumerate(sys.stdin):\n"
                                 "    item = json.loads(line)['item']\n"
                                 "    if n == 0: print('device: cpu'); time.sleep(") +
                         slow +
                         ")\n"
                         "    print(json.dumps({'y': item * 3}))\n",
                     "outputs: [y]\n");
        Result result = run_job({"job.yaml", "--overwrite"}, {2, 2});
        EXPECT_GE(count_of(result.err, "a worker wrote 'Loading model.' before its first answer"), 1) << result;
        look("with h5py.File('job.h5') as f:\n"
             "    assert states(f) == ['done'] * 60, (states(f), messages(f))\n"
             "    assert (f['y'][:] == 3 * np.arange(60)).all()\n");
    }
}

TEST_F(Worker, WhoseAnswersAreNoneEndsTheRun) {
    write_worker("count: 3000", "import json, sys\nfor line in sys.stdin: print(json.loads(line)['item'] / 8)\n",
                 "outputs: [y]\n");
    Result result = run_job({"job.yaml"}, {0, 2}, 1);
    EXPECT_EQ(count_of(result.err, "ended early since no item is done"), 1) << result;
    EXPECT_GE(count_of(result.err, ", which is no JSON object; it should be like {\"y\": 1.5}"), 1) << result;
    look("with h5py.File('job.h5') as f:\n"
         "    assert states(f).count('failed') + states(f).count('pending') == 3000\n"
         "    assert states(f).count('failed') >= 40 and states(f).count('pending') > 0\n");
}

/* It is said, and a run that is to end does not wait for it. */
TEST_F(Worker, ThatNeverFlushesIsToldOf) {
    write_worker("count: 10",
                 "import os, sys\n"
                 "out = os.fdopen(1, 'w', 100000)\n"
                 "for line in sys.stdin: out.write('{\"y\": 1}\\n'); open('answered', 'w')\n",
                 "outputs: [y]\n");
    Child child(command({"run", "job.yaml"}, {0, 2}), start());
    ASSERT_TRUE(wait_until([&] { return !child.running() || exists(path("answered")); }));
    kill(child.pid(), SIGUSR1);
    Result result = child.wait();
    EXPECT_EQ(result.exit, 75) << result;
    EXPECT_EQ(count_of(result.err, "does it end its lines, and flush?"), 1) << result;
    look("with h5py.File('job.h5') as f:\n"
         "    assert states(f) == ['pending'] * 10, (states(f), messages(f))\n");
}

TEST_F(Worker, NeverStarts) {
    if (!slow_tests())
        GTEST_SKIP() << "takes a minute; SHEAF_TEST_SLOW=1";
    write("job.yaml", "items: {count: 1}\nworker: [sleep, 1000]\noutputs: [y]\ntimeout: 1s\n");
    run_job({"job.yaml", "-q"}, {0, 1}, 1);
    look("with h5py.File('job.h5') as f:\n"
         "    assert states(f) == ['timed_out']\n"
         "    assert set(messages(f).values()) == {'the worker did not begin to read what it is asked within 60 s'}\n");
}

TEST_F(Worker, ThatCannotBeStarted) {
    for (int ranks : {0, 2}) {
        write("job.yaml", "items: {count: 3}\nworker: [no-such-model]\noutputs: [y]\n");
        Result result = sheaf({"run", "job.yaml"}, {ranks, 0});
        EXPECT_EQ(result.exit, 2) << result;
        EXPECT_EQ(count_of(result.err, "job.yaml:2:10: there is no program 'no-such-model' in PATH"), 1) << result;
        EXPECT_FALSE(exists(path("job.h5")));
    }
    write("model", "#!/no/such/interpreter\n");
    ASSERT_EQ(shell("chmod +x model").exit, 0);
    write("job.yaml", "items: {count: 3}\nworker: [./model]\noutputs: [y]\n");
    Result result = sheaf({"run", "job.yaml"});
    EXPECT_EQ(result.exit, 3) << result;
    EXPECT_GE(count_of(result.err, "cannot run the worker ./model: No such file"), 1) << result;
    write("job.yaml", "items: {count: 3}\nworker: no-such-model\noutputs: [y]\n"); /* the shell says so */
    result = run_job({"job.yaml", "-q", "--overwrite"}, {}, 1);
    EXPECT_EQ(count_of(sheaf({"show", "job.h5", "--where-failed"}).out, "exit code 127"), 3);
}

TEST_F(Worker, NamesThatMeanTwoThings) {
    write("in.csv", "x\n5\n");
    const std::pair<const char *, const char *> mistakes[] = {
        {"outputs: [y]\nparams: {item: 3}\n", "job.yaml:4:16: params.item: "},
        {"outputs: [y, error]\n", "job.yaml:3:14: outputs.error: "},
        {"outputs: {error: text}\n", "outputs.error: "},
        {"outputs: [x]\n", "like a field of the items"}};
    for (const auto &[rest, message] : mistakes) {
        write("job.yaml", std::string("items: {csv: in.csv}\nworker: [cat]\n") + rest);
        Result result = sheaf({"run", "job.yaml"});
        EXPECT_EQ(result.exit, 2) << result;
        EXPECT_EQ(count_of(result.err, message), 1) << message << " in\n" << result;
        EXPECT_FALSE(exists(path("job.h5")));
    }
}

/* The job can be run again, and no process of the first run is left. */
TEST_F(Worker, DiesWithItsRank) {
    write_worker("count: 60",
                 "import json, os, signal, sys, time\n"
                 "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
                 "for line in sys.stdin:\n"
                 "    item = json.loads(line)['item']\n"
                 "    time.sleep(.01)\n"
                 "    print(json.dumps({'y': item * 2, 's': 'said %d' % item}))\n"
                 "if os.path.exists('stubborn'): time.sleep(1000)\n",
                 "outputs: {y: float64, s: text}\n");
    write("stubborn", ""); /* its workers do not end when they should */
    for (const Layout &layout : {Layout{0, 2}, Layout{2, 1}}) {
        SCOPED_TRACE(layout.name());
        Child child(command({"run", "job.yaml", "-q"}, layout), start());
        ASSERT_TRUE(wait_for_done(child, path("job.h5"), 10));
        EXPECT_GE(count_processes(path("model.py")), 1);
        pid_t rank = child.pid();
        for (pid_t pid : child.processes("sheaf")) /* one that mpirun started */
            if (count_of(read_file("/proc/" + std::to_string(pid) + "/status"),
                         "PPid:\t" + std::to_string(child.pid()) + "\n"))
                rank = pid;
        ASSERT_EQ(rank == child.pid(), layout.ranks == 0);
        kill(rank, SIGKILL);
        child.wait();
        EXPECT_TRUE(wait_until([&] { return count_processes(path("model.py")) == 0; })) << "workers are left";
        run_job({"job.yaml", "-q"}, layout);
        look("with h5py.File('job.h5') as f:\n"
             "    assert states(f) == ['done'] * 60\n"
             "    assert (f['y'][:] == 2 * np.arange(60)).all()\n"
             "    assert texts(f, 's') == ['said %d' % k for k in range(60)]\n");
        EXPECT_EQ(count_processes(path("model.py")), 0);
        unlink(path("job.h5").c_str());
        unlink(path("stubborn").c_str());
    }
}

} // namespace
