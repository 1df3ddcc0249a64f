/* Ways on after a run: some items only, some again, and commands and formulas that were mended. */
#include "cli/program.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <sstream>

namespace {

class Forward : public Program {
  protected:
    /* The items that ran since this was asked last, sorted. */
    std::vector<int> ran() const {
        std::istringstream lines(exists(path("ran")) ? read("ran") : "");
        std::vector<int> items;
        for (int item; lines >> item;)
            items.push_back(item);
        write("ran", "");
        std::sort(items.begin(), items.end());
        return items;
    }
    /* in.csv: x is 0, 1, … */
    void write_numbers(int n) const {
        std::vector<double> x(static_cast<size_t>(n));
        std::iota(x.begin(), x.end(), 0);
        write_x("in.csv", x);
    }
    /* The first line of it. */
    std::string status() const {
        const std::string all = sheaf({"status", "job.h5"}).out;
        return all.substr(0, all.find('\n') + 1);
    }
    /* Each of these Python expressions must be true of a results file; `text` gives a field's texts. */
    void holds(const std::string &file, const Words &expressions) const {
        std::string script = "import h5py, numpy as np\nf = h5py.File('" + file + "', 'r')\nstatus = f['status'][:]\n" +
                             "def text(name): return [t.decode() for t in f[name][:]]\n";
        for (const std::string &e : expressions)
            script += "assert " + e + ", r\"\"\"" + e + " \"\"\"\n";
        write("holds.py", script);
        Result result = run({SHEAF_PYTHON, "holds.py"});
        EXPECT_EQ(result.exit, 0) << result;
    }
};

using Items = std::vector<int>;

/* ------------------------------------------------------------------------------------------------- items of a list */

TEST_F(Forward, OnlyTheItemsOfAListAreComputed) {
    write("job.yaml", "items: {count: 60}\ncommand: 'echo {item} >> \"$SHEAF_JOB_DIR/ran\"; echo {item}'\n");
    for (const Layout &layout : {Layout{0, 1}, Layout{3, 1}, Layout{2, 2, true}}) {
        SCOPED_TRACE(layout.name());
        Result result = run_job({"job.yaml", "--overwrite", "--items", "17,3,40:50,3"}, layout);
        EXPECT_EQ(count_of(result.err, "job: 12 of 12 items done\n"), 1) << result;
        EXPECT_EQ(ran(), (Items{3, 17, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49}));
        EXPECT_EQ(status(), "job.h5: 60 items, 48 pending, 12 done\n");
        run_job({"job.yaml", "--items", "45:53,0"}, layout);
        EXPECT_EQ(ran(), (Items{0, 50, 51, 52}));
    }
    Result beyond = run_job({"job.yaml", "--items", "3,60"}, {}, 2);
    EXPECT_EQ(count_of(beyond.err, "--items 60: the job has 60 items, 0 to 59"), 1) << beyond;
    EXPECT_EQ(ran(), Items{});
}

/* In blocks of many items, what was not asked for stays pending and what was done stays as it was. */
TEST_F(Forward, BlocksAreTakenInPart) {
    write_numbers(5000);
    write("job.yaml", "items: {csv: in.csv}\nexpression: {y: x * x}\n");
    for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}}) {
        SCOPED_TRACE(layout.name());
        run_job({"job.yaml", "--overwrite", "--items", "7,100:103,2500,4999"}, layout);
        holds("job.h5", {"list(np.nonzero(status == 1)[0]) == [7, 100, 101, 102, 2500, 4999]",
                         "list(f['y'][:][status == 1]) == [49, 10000, 10201, 10404, 6250000, 24990001]",
                         "np.isnan(f['y'][:][status == 0]).all()"});
    }
}

/* ------------------------------------------------------------------------------------------------------ once again */

TEST_F(Forward, ChosenItemsAreComputedAgain) {
    write("job.yaml", "items: {count: 10}\n"
                      "command: 'echo {item} >> \"$SHEAF_JOB_DIR/ran\"; cat \"$SHEAF_JOB_DIR\"/sa?; [ {item} != 4 ]'\n"
                      "outputs: {n: {regex: '(\\d+)'}}\n");
    for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}}) {
        SCOPED_TRACE(layout.name());
        write("say", "1");
        run_job({"job.yaml", "--overwrite"}, layout, 1);
        ran();
        write("say", "2");
        Result which = run_job({"job.yaml", "--recompute"}, layout, 2);
        EXPECT_EQ(count_of(which.err, "--recompute: of which items? --items"), 1) << which;
        EXPECT_EQ(ran(), Items{});
        Result result = run_job({"job.yaml", "--recompute", "--items", "2,4,7:9"}, layout, 1);
        EXPECT_EQ(count_of(result.err, "job: 3 of 4 items done, 1 failed\n"), 1) << result;
        EXPECT_EQ(ran(), (Items{2, 4, 7, 8}));
        holds("job.h5", {"list(status) == [1, 1, 1, 1, 2, 1, 1, 1, 1, 1]",
                         "text('stdout') == ['1', '1', '2', '1', '2', '1', '1', '2', '2', '1']",
                         "list(f['n'][[0, 2, 7, 9]]) == [1, 2, 2, 1]", "list(f['attempts'][:5]) == [1, 1, 2, 1, 2]",
                         "list(f['sheaf/errors/item'][:]) == [4] + [-1] * 9"});
    }
}

/* A run that was to compute items again is killed: what it did not come to is pending, and the next run computes it. */
TEST_F(Forward, ItemsThatWereToBeComputedAgainStayPending) {
    write("job.yaml",
          "items: {count: 6}\n"
          "command: 'echo {item} >> \"$SHEAF_JOB_DIR/ran\"; [ ! -e \"$SHEAF_JOB_DIR/slow\" ] || sleep 60'\n");
    run_job({"job.yaml"});
    ran();
    write("slow", "");
    Child child(command({"run", "job.yaml", "--recompute", "--items", "1,3:5"}, {0, 1}), start());
    ASSERT_TRUE(wait_until([&] { return exists(path("ran")) && !read("ran").empty(); }, 30));
    child.kill_all(SIGKILL);
    child.wait();
    EXPECT_EQ(ran(), Items{1});
    EXPECT_EQ(status(), "job.h5: 6 items, 3 pending, 3 done\n");
    unlink(path("slow").c_str());
    run_job({"job.yaml"});
    EXPECT_EQ(ran(), (Items{1, 3, 4}));
}

TEST_F(Forward, WhatToTypeToGoOnComputesNothingTwice) {
    write("job.yaml", "items: {count: 4}\ncommand: 'sleep 0.05'\n");
    run_job({"job.yaml"});
    Result again = run_job({"job.yaml", "--recompute", "--items", ":", "--stop-after", "0.000001s"}, {0, 1}, 75);
    EXPECT_EQ(count_of(again.err, "run the same command without --recompute again to compute the other 4"), 1) << again;
    Result anew = run_job({"job.yaml", "--overwrite", "--stop-after", "0.000001s"}, {0, 1}, 75);
    EXPECT_EQ(count_of(anew.err, "run the same command without --overwrite again to compute the other 4"), 1) << anew;
}

/* --------------------------------------------------------------------------------- commands and formulas, mended */

TEST_F(Forward, AMendedScriptComputesWhatFailed) {
    const std::string head = "items: {count: 6}\ncommand: |\n  echo {item} >> \"$SHEAF_JOB_DIR/ran\"\n";
    for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}}) {
        SCOPED_TRACE(layout.name());
        write("job.yaml", head + "  [ {item} != 3 ]\n  echo first\n  [ {item} != 3 ]\n");
        run_job({"job.yaml", "--overwrite"}, layout, 1);
        ran();
        write("job.yaml", head + "  [ {item} != 3 ]\n  echo second\n");
        Result refused = run_job({"job.yaml", "--retry-failed"}, layout, 2);
        EXPECT_EQ(count_of(refused.err, "it has 'echo first', this job has 'echo second'"), 1) << refused;
        EXPECT_EQ(count_of(refused.err, "--accept-changes keeps what is done and goes on"), 1) << refused;
        EXPECT_EQ(ran(), Items{});
        Result mended = run_job({"job.yaml", "--retry-failed", "--accept-changes"}, layout);
        EXPECT_EQ(count_of(mended.err, "sheaf: the command was changed since job.h5 was begun; what was done before "
                                       "stays as it is\n"),
                  1)
            << mended;
        EXPECT_EQ(count_of(mended.err, "; 5 of them were there before this run, computed before the command was "
                                       "changed\n"),
                  1)
            << mended;
        EXPECT_EQ(ran(), Items{3});
        holds("job.h5", {"text('stdout') == ['first\\n'] * 3 + ['second\\n'] + ['first\\n'] * 2"});
    }
}

/* What is done keeps its bytes, whatever the formula is now. */
TEST_F(Forward, AMendedFormulaGoesOn) {
    write_numbers(3000);
    write("job.yaml", "items: {csv: in.csv}\nexpression: {y: x + 0.5}\n");
    run_job({"job.yaml", "--items", "0:1500"});
    write("job.yaml", "items: {csv: in.csv}\nexpression: {y: x + 0.25}\n");
    run_job({"job.yaml"}, {}, 2);
    Result result = run_job({"job.yaml", "--accept-changes"});
    EXPECT_EQ(count_of(result.err, "sheaf: the formula of y was changed since"), 1) << result;
    holds("job.h5", {"(f['y'][1500:] == np.arange(1500, 3000) + 0.25).all()",
                     "(f['y'][:1500] == np.arange(1500) + 0.5).all()", "(status == 1).all()"});
    run_job({"job.yaml", "--accept-changes", "--recompute", "--items", "10"});
    holds("job.h5", {"f['y'][9] == 9.5 and f['y'][10] == 10.25 and f['y'][11] == 11.5"});
}

/* ------------------------------------------------------------------------------------------- items that were changed */

TEST_F(Forward, WhatDiffersInATableIsSaidByRowAndColumn) {
    const std::string head = "name,x,n\n", anew = "; choose another place with -o, or start anew with --overwrite\n";
    write("in.csv", head + "a,1.5,1\nb,2.5,2\nc,,3\n\"d, e\",4,9007199254740993\n");
    write("job.yaml", "items: {csv: in.csv}\nexpression: {y: x * 2}\n");
    run_job({"job.yaml", "-q"});
    const std::pair<std::string, std::string> cases[] = {
        {head + "a,1.5,1\nb,2.75,2\nc,,3\n\"d, e\",4,9007199254740993\n", "item 1 has x = 2.75 and had 2.5" + anew},
        {head + "a,1.5,1\nb,2.5,2\nC,0,3\n\"d, e\",4,9007199254740992\n",
         "item 2 has name = 'C' and had 'c'; 2 of 4 items differ" + anew},
        {head + "a,1.5,1\nb,2.5,2\nc,,3\n\"d, e\",4,9007199254740992\n",
         "item 3 has n = 9007199254740992 and had 9007199254740993" + anew},
        {head + "a,1.5,1\nb,2.5,2\nc,,3\n\"d, e\",4,9007199254740993\nf,1,1\ng,1,1\n",
         "2 items were appended behind the 4 of before" + anew},
        {head + "z,1.5,1\nb,2.5,2\n", "item 0 has name = 'z' and had 'a'; the last 2 of 4 items are gone" + anew},
        {head + "a,1.50,1\nb,2.5,2\nc,,3\n\"d, e\",4,9007199254740993",
         "all values are as before, but they are written or ordered otherwise" + anew},
        {"name,x,n,m\na,1.5,1,1\n", "it has a column 'm' that was not there" + anew},
        {"name,x\na,1.5\n", "its column 'n' is gone" + anew},
    };
    for (const auto &[table, text] : cases) {
        write("in.csv", table);
        Result result = run_job({"job.yaml", "--accept-changes", "--set", "expression.y=x*3"}, {}, 2);
        const std::string file = result.err.find("/in.csv is not") == std::string::npos ? "in.csv" : path("in.csv");
        EXPECT_EQ(result.err,
                  "sheaf: job.h5: holds the results of another job: " + file + " is not what it was: " + text);
    }
    write("in.txt", "one\ntwo\nthree\n");
    write("lines.yaml", "items: {lines: in.txt}\ncommand: [echo, '{line}']\n");
    run_job({"lines.yaml", "-q"});
    write("in.txt", "one\nTwo\nthree\n");
    Result lines = run_job({"lines.yaml", "--set", "seed=2"}, {}, 2);
    EXPECT_EQ(count_of(lines.err, "item 1 has line = 'Two' and had 'two'; choose"), 1) << lines;
}

/* ------------------------------------------------------------------------------------------------------ sheaf check */

/* The words that it says are those that run: a shell that gets them prints the same. */
TEST_F(Forward, CheckSaysTheWordsOfTheFirstItem) {
    write("in.csv", "name,x\nit's $HOME; *,1.5\nb,2\n");
    write("list.yaml", "items: {csv: in.csv}\ncommand: [printf, '[%s]', '{name}', 'a b', '', \"{x}\"]\n");
    write("script.yaml", "items: {csv: in.csv}\ncommand: |\n  printf '[%s]' {name} \"it's\"\n  printf {x}\n");
    for (const std::string &job : {std::string("list"), std::string("script")}) {
        Result result = sheaf({"check", job + ".yaml"});
        ASSERT_EQ(result.exit, 0) << result;
        const size_t from = result.out.find("  in "), line = result.out.find("\n", from) + 1;
        const std::string words = result.out.substr(line, result.out.find("\nresults: ", line) - line);
        Result ran = shell(words);
        EXPECT_EQ(ran.exit, 0) << ran;
        run_job({job + ".yaml", "-q"});
        write("out.py", "import h5py\nprint(h5py.File('" + job + ".h5')['stdout'][0].decode(), end='')\n");
        EXPECT_EQ(run({SHEAF_PYTHON, "out.py"}).out, ran.out) << words;
    }
}

TEST_F(Forward, CheckLeavesNothingAndSaysWhatARunWould) {
    write("in.csv", "name,x\na,1.5\nb,2\nc,3\n");
    write("job.yaml", "items: {csv: in.csv}\n"
                      "command: 'echo {item} >> \"$SHEAF_JOB_DIR/ran\"; [ {item} != 1 ]'\nworkdir: remove\n");
    const auto pending = [&](Words more) {
        Words words = {"check", "job.yaml", "--print", "pending"};
        words.insert(words.end(), more.begin(), more.end());
        Result result = sheaf(words);
        EXPECT_EQ(result.exit, 0) << result;
        return result.out;
    };
    Result first = sheaf({"check", "job.yaml"});
    EXPECT_EQ(first.exit, 0) << first;
    for (const char *part : {"items: csv in.csv, 3\n", "fields: name text, x float64\n", "/job.h5 (not there yet)\n",
                             "a run would compute 3 items\n", " are free\n"})
        EXPECT_EQ(count_of(first.out, part), 1) << part << first;
    EXPECT_EQ(list_folder(folder_), (Words{"in.csv", "job.yaml"}));
    EXPECT_EQ(pending({"--items", "0,2"}), "2\n");
    run_job({"job.yaml", "--items", "0:2"}, {}, 1);
    const Words there = list_folder(folder_);
    EXPECT_EQ(pending({}), "1\n");
    EXPECT_EQ(pending({"--retry-failed"}), "2\n");
    EXPECT_EQ(pending({"--recompute", "--items", "0:2"}), "2\n");
    EXPECT_EQ(pending({"--overwrite"}), "3\n");
    EXPECT_EQ(sheaf({"check", "job.yaml", "--print", "results", "-o", "a/b c.h5"}).out, "a/b c.h5\n");
    write("large.yaml", "items: {csv: nowhere.csv}\ncommand: [echo, '{x}']\n"); /* its items are not opened for that */
    EXPECT_EQ(sheaf({"check", "large.yaml", "--print", "results"}).out, "large.h5\n");
    EXPECT_EQ(unlink(path("large.yaml").c_str()), 0);
    Result other = sheaf({"check", "job.yaml", "--set", "seed=3"}),
           refused = sheaf({"run", "job.yaml", "--set", "seed=3"});
    EXPECT_EQ(other.exit, 2);
    EXPECT_EQ(other.err, refused.err);
    Result nowhere = sheaf({"check", "job.yaml", "-o", "no/job.h5"}),
           refusal = sheaf({"run", "job.yaml", "-o", "no/job.h5"});
    EXPECT_EQ(nowhere.exit, 2) << nowhere;
    EXPECT_EQ(nowhere.err, refusal.err);
    EXPECT_EQ(list_folder(folder_), there);
    EXPECT_EQ(status(), "job.h5: 3 items, 1 pending, 1 done, 1 failed\n");
    EXPECT_EQ(sheaf({"check", "job.yaml"}, {2, 1}).out, sheaf({"check", "job.yaml"}).out);
}

/* -------------------------------------------------------------------------------------------- outputs, taken again */

class Again : public Forward {
  protected:
    /* A command that notes its items and writes a, b, and c (not for item 5) with something long between; item 3 fails. */
    void write_command(const std::string &outputs, const std::string &more = "") const {
        write("job.yaml", "items: {count: 14}\ncommand: |\n  echo {item} >> \"$SHEAF_JOB_DIR/ran\"\n"
                          "  echo a = {item}.5\n  echo '{\"v\": {\"w\": '{item}'}}' > out.json\n"
                          "  [ {item} != 6 ] || head -c 5000 /dev/zero | tr '\\0' x\n"
                          "  [ {item} != 6 ] || echo\n  echo b = {item}\n"
                          "  [ {item} != 3 ] || exit 4\n  [ {item} = 5 ] || echo \"c = ok{item} µ\"\n"
                          "  echo warning >&2\nworkdir: remove\ncapture: 2K\noutputs:\n" +
                              outputs + more);
    }
    /* What was taken again is what a new run gives, but for times. */
    void expect_as_anew() const {
        Result anew = sheaf({"run", "job.yaml", "-o", "anew.h5", "--overwrite", "-q"});
        ran();
        write("same.py", R"(import h5py, numpy as np
a, b = h5py.File('job.h5'), h5py.File('anew.h5')
assert list(a) == list(b), (list(a), list(b))
for name in a:
    if isinstance(a[name], h5py.Group) or name in ('user_seconds', 'system_seconds', 'peak_rss', 'seconds', 'block'): continue
    x, y = a[name][:], b[name][:]
    assert x.dtype == y.dtype and (x.tobytes() == y.tobytes() if x.dtype != object else list(x) == list(y)), (name, x, y)
def messages(f):
    e = f['sheaf/errors']
    return sorted((int(i), bytes(m).rstrip(b'\0')) for i, m in zip(e['item'][:], e['message'][:]) if i >= 0)
assert messages(a) == messages(b), (messages(a), messages(b))
def text(f, name): return f[name].asstr()[()] if f[name].dtype == object else bytes(f[name][()])
assert text(a, 'sheaf/identity') == text(b, 'sheaf/identity')
)");
        Result same = run({SHEAF_PYTHON, "same.py"});
        EXPECT_EQ(same.exit, 0) << same << anew;
    }
};

TEST_F(Again, MendedExpressionsAreAppliedToWhatWasStored) {
    const std::string before = "  e: {regex: 'a = (\\d)'}\n  c: {regex: 'c = (\\S+)', type: text}\n";
    const std::string mended[] = {
        "  e: {regex: 'a = (\\S+)'}\n  c: {regex: 'c = (\\S+)', type: text}\n",           /* another expression */
        "  e: {regex: 'a = (\\S+)', unit: m}\n  n: {regex: 'b = (\\d+)', type: int64}\n", /* one more, one less */
        "  c: {regex: 'c = (.*)', type: text}\n  e: {column: 3, type: text}\n",           /* another type and order */
        "  e: {regex: 'a = (\\d)'}\n  c: {regex: 'c = (\\S+)', type: text}\n  z: {json: v}\n", /* finds nothing at all */
    };
    for (const std::string &outputs : mended)
        for (const Words &first : {Words{}, Words{"--items", "0:10"}}) {
            SCOPED_TRACE(outputs);
            write_command(before);
            Words words = {"job.yaml", "--overwrite"};
            words.insert(words.end(), first.begin(), first.end());
            run_job(words, {}, 1);
            ran();
            write_command(outputs);
            Result result = sheaf({"run", "job.yaml"}, first.empty() ? Layout{2, 1} : Layout{0, 1});
            EXPECT_EQ(result.exit, 1) << result;
            EXPECT_EQ(count_of(result.err, "were taken again from what was stored"), 1) << result;
            EXPECT_EQ(ran(), first.empty() ? Items{} : (Items{10, 11, 12, 13}));
            expect_as_anew();
            Result more = run_job({"job.yaml"}, {}, 1);
            EXPECT_EQ(count_of(more.err, "taken again"), 0) << more;
        }
}

/* Files count too, if they were kept; if not, what they gave stays where it can, and nothing is lost. */
TEST_F(Again, FilesThatWereKept) {
    const std::string w = "  w: {json: v.w, file: out.json}\n", typo = "  w: {json: v.x, file: out.json}\n";
    const std::string e = "  e: {regex: 'b = (\\S+)'}\n", keep = "keep: ['*.json']\n";
    const auto items = [&](const std::string &outputs, const std::string &more) {
        write_command(outputs, more);
        std::string text = read("job.yaml");
        text.erase(text.find("  [ {item} != 3 ]"), std::string("  [ {item} != 3 ] || exit 4\n").size());
        if (!more.empty())
            text.erase(text.find("workdir: remove\n"), std::string("workdir: remove\n").size());
        write("job.yaml", text);
    };
    items(typo, keep);
    run_job({"job.yaml"}, {}, 1);
    EXPECT_EQ(ran().size(), 14u);
    items(w + e, keep);
    run_job({"job.yaml"});
    EXPECT_EQ(ran(), Items{});
    holds("job.h5", {"list(f['w'][:]) == list(range(14))", "list(f['e'][:]) == list(range(14))"});

    items(w, ""); /* the files of before are still there, and are another job's */
    run_job({"job.yaml", "--overwrite"});
    ran();
    items(w + e, ""); /* what was found stays */
    run_job({"job.yaml"});
    holds("job.h5", {"list(f['w'][:]) == list(range(14))", "list(f['e'][:]) == list(range(14))"});
    const std::string bytes = read("job.h5");
    const std::pair<std::string, std::string> refused[] = {
        {typo + e, "found in a file that was not kept"},
        {w + "  e: {regex: 'q = (\\S+)'}\n", "nothing matches"},
        {e, "has the output 'w', which was found in a file and which this job has not"},
    };
    for (const auto &[outputs, why] : refused) {
        items(outputs, "");
        Result result = run_job({"job.yaml"}, {}, 2);
        EXPECT_EQ(count_of(result.err, why), 1) << result;
        EXPECT_TRUE(read("job.h5") == bytes);
    }
    EXPECT_EQ(ran(), Items{});
    for (const std::string &name : list_folder(folder_))
        EXPECT_NE(name, "job.h5.new");
}

/* Texts lie beside the file while items are pending: without them what was found once is not thrown away. */
TEST_F(Again, TextsThatAreGone) {
    const auto job = [&](const std::string &expression) {
        write("job.yaml", "items: {count: 6}\ncommand: 'echo {item} >> \"$SHEAF_JOB_DIR/ran\"; echo a = {item} b = "
                          "{item}1; [ {item} != 1 ]'\noutputs: {e: {regex: '" +
                              expression + "'}}\n");
    };
    job("a = (\\d+)");
    run_job({"job.yaml", "--items", "0:4"}, {}, 1);
    ran();
    ASSERT_EQ(shell("rm -r job.d").exit, 0);
    const std::string bytes = read("job.h5");
    job("b = (\\d+)");
    for (const Words &more : {Words{}, Words{"--recompute", "--items", "2,3"}}) { /* item 0 is not among these */
        Words words = {"job.yaml"};
        words.insert(words.end(), more.begin(), more.end());
        Result result = run_job(words, {}, 2);
        EXPECT_EQ(count_of(result.err, "of item 0, which is done: its standard output is gone"), 1) << result;
        EXPECT_EQ(count_of(result.err, "--recompute --items 0, "), 1) << result;
        EXPECT_TRUE(read("job.h5") == bytes);
    }
    EXPECT_EQ(ran(), Items{});
    run_job({"job.yaml", "--recompute", "--items", "0,2:4"});
    EXPECT_EQ(ran(), (Items{0, 2, 3}));
    run_job({"job.yaml"}, {}, 1);
    holds("job.h5", {"list(status) == [1, 2, 1, 1, 1, 1]", "list(f['e'][[0, 2, 3, 4, 5]]) == [1, 21, 31, 41, 51]",
                     "text('stdout')[2] == 'a = 2 b = 21\\n'"});
    Result verified = sheaf({"verify", "job.h5"});
    EXPECT_EQ(verified.exit, 1) << "item 1 has failed, and its texts are gone for good\n" << verified;
    EXPECT_EQ(count_of(verified.out, "--recompute --items 1\n"), 1) << verified;
}

/* A progress line that was cut is one in the store, too. */
TEST_F(Again, LinesThatEndInCarriageReturns) {
    const auto job = [&](const std::string &expression) {
        write("job.yaml", "items: {count: 2}\ncommand: 'for i in $(seq 1000 1999); do printf \"n $i m $i\\r\"; "
                          "done'\ncapture: 1K\noutputs: {e: {regex: '" +
                              expression + "'}}\n");
    };
    job("n (\\d+) m \\d+");
    run_job({"job.yaml"});
    job("n \\d+ m (\\d+)");
    run_job({"job.yaml"});
    holds("job.h5", {"list(status) == [1, 1]", "list(f['e'][:]) == [1999, 1999]"});
}

/* Whatever fails, before the new file is in its place or after, the texts of the one that is there are there. */
TEST_F(Again, FailingCallsLoseNoTexts) {
    if (shell("LD_PRELOAD=" SHEAF_PLUGIN_DIR "/failing_calls.so " SHEAF_PROGRAM " --version").exit != 0)
        GTEST_SKIP() << "LD_PRELOAD does not work here (sanitizers?)";
    const auto job = [&](const std::string &expression) {
        write("job.yaml", "items: {count: 5}\ncommand: [echo, 'a = {item} b = {item}1']\noutputs: {e: {regex: '" +
                              expression + "'}}\n");
    };
    job("a = (\\d+)");
    run_job({"job.yaml", "-q", "--items", "0:4"});
    ASSERT_EQ(shell("mkdir first; mv job.h5 job.d first").exit, 0);
    job("b = (\\d+)");
    int n_renamed = 0;
    for (int n = 1;; n++) {
        SCOPED_TRACE(n);
        ASSERT_EQ(shell("rm -rf job.h5 job.d failed; cp -r first/* .").exit, 0);
        Start how = start();
        how.env["SHEAF_FAIL"] = "fsync:" + std::to_string(n) + ":0";
        how.env["SHEAF_FAILED"] = path("failed");
        how.env["LD_PRELOAD"] = SHEAF_PLUGIN_DIR "/failing_calls.so";
        Result result = Child(command({"run", "job.yaml", "--items", "0"}, {0, 1}), how).wait();
        Result shown = sheaf({"show", "job.h5", "--csv", "--fields", "e,stdout"});
        ASSERT_EQ(count_of(shown.out, "a = "), 4) << shown << result;
        n_renamed += count_of(result.err, "is in its place all the same");
        if (!exists(path("failed")))
            break;
        EXPECT_EQ(result.exit == 0 || result.exit == 3, true) << result;
    }
    EXPECT_EQ(n_renamed, 1);
    EXPECT_EQ(sheaf({"show", "job.h5", "--csv", "--fields", "e"}).out, "item,status,e\n0,done,1\n1,done,11\n2,done,21\n"
                                                                       "3,done,31\n4,pending,\n");
}

/* Killed at any moment, the file is the old one or the new one. */
TEST_F(Again, AKillLeavesAWholeFile) {
    write("job.yaml",
          "items: {count: 300}\ncommand: [echo, 'a = {item} b = {item}1']\noutputs: {e: {regex: 'a = (\\d+)'}}\n");
    write("other.yaml",
          "items: {count: 300}\ncommand: [echo, 'a = {item} b = {item}1']\noutputs: {e: {regex: 'b = (\\d+)'}}\n");
    run_job({"job.yaml", "-q", "--items", "0:290"});
    std::mt19937 random(3);
    for (int round = 0; round < 20; round++) {
        const std::string job = round % 2 ? "job.yaml" : "other.yaml";
        Child child(command({"run", job, "-o", "job.h5", "-q", "--stop-after", "0.000001s"}, {0, 1}), start());
        wait_until([&] { return !child.running() || exists(path("job.h5.new")); }, 20);
        usleep(static_cast<useconds_t>(random() % 60000));
        child.kill_all(SIGKILL);
        child.wait();
        holds("job.h5", {"((status == 1) == (np.arange(300) < 290)).all()",
                         "(b\"regex 'b\" in bytes(f['sheaf/identity'][()])) == (f['e'][7] == 71)",
                         "list(f['e'][:290]) == [int(str(i) + '1' * int(f['e'][7] == 71)) for i in range(290)]"});
        Result shown = sheaf({"show", "job.h5", "--csv", "--fields", "e,stdout"});
        ASSERT_EQ(shown.exit, 0) << shown;
        EXPECT_EQ(count_of(shown.out, "a = "), 290);
    }
    run_job({"job.yaml", "-o", "job.h5"}); /* one of the two makes the file anew, over what a kill left half made */
    run_job({"other.yaml", "-o", "job.h5"});
    holds("job.h5", {"list(f['e'][:]) == [int(str(i) + '1') for i in range(300)]",
                     "text('stdout') == [f'a = {i} b = {i}1\\n' for i in range(300)]"});
    EXPECT_EQ(list_folder(folder_), (Words{"holds.py", "job.h5", "job.yaml", "other.yaml"}));
}

} // namespace
