/* Jobs whose kernel is a command: what arrives in it, what is found in what it writes, how it ends, and that nothing of
   it outlives the run. Expected values are those of the shell and of Python. */
#include "cli/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace {

class Command : public Program {
  protected:
    void write_command(const std::string &name, const std::string &items, const std::string &command,
                       const std::string &more = "") const {
        write(name, "name: job\nitems: {" + items + "}\ncommand: " + command + "\n" + more);
    }
    void write_program(const std::string &name, const std::string &text) const {
        write(name, text);
        EXPECT_EQ(chmod(path(name).c_str(), 0755), 0);
    }
    /* Python's word on the results file: f is the file, text(NAME) its texts, status and message by item. */
    void holds(const std::string &file, const Words &claims) const {
        Words words = {"holds", path(file)};
        words.insert(words.end(), claims.begin(), claims.end());
        check(words);
    }
    /* Processes that have the word in their command line. */
    static std::vector<pid_t> find(const std::string &word) {
        std::vector<pid_t> found;
        for (const auto &entry : std::filesystem::directory_iterator("/proc")) {
            std::string name = entry.path().filename();
            if (name.find_first_not_of("0123456789") != std::string::npos)
                continue;
            char line[4096];
            int fd = ::open((entry.path() / "cmdline").c_str(), O_RDONLY | O_CLOEXEC);
            ssize_t n = fd < 0 ? 0 : ::read(fd, line, sizeof line); /* it may end meanwhile */
            if (n > 0 && std::string(line, static_cast<size_t>(n)).find(word) != std::string::npos)
                found.push_back(std::stoi(name));
            if (fd >= 0)
                close(fd);
        }
        return found;
    }
    void expect_gone(const std::string &word) const {
        EXPECT_TRUE(wait_until([&] { return find(word).empty(); }, 10)) << word << " outlives the run";
        for (pid_t pid : find(word))
            kill(pid, SIGKILL);
    }
    /* A number of seconds to sleep that only this test uses. */
    std::string unique() const { return "7777." + std::to_string(getpid()) + std::to_string(n_unique++); }

  private:
    mutable int n_unique = 0;
};

/* --- what arrives -------------------------------------------------------------------------------------------------- */

TEST_F(Command, ValuesArriveAsTheyAre) {
    check({"make_nasty", path("in.csv")});
    write_program("show", "#!/bin/sh\nfor word; do printf '%s\\n@' \"$word\"; done\ncat\n");
    const std::string more = "stdin: \"<{s}|{n}|{item}|{q}>\"\nparams: {q: \"a 'b' $c\"";
    write_command("list.yaml", "csv: in.csv", R"(["./show", "{s}", "--a={s};{{s}} {x}", "{n}{item}{p}", "", "{q}"])",
                  more + ", p: 2.50}\n");
    run_job({"list.yaml"}, {0, 3});
    holds("job.h5",
          {"(status == 1).all()",
           R"(text("stdout") == [f"{s}\n@--a={s};{{s}} {x}\n@{n}{i}2.50\n@\n@a 'b' $c\n@<{s}|{n}|{i}|a 'b' $c>")"
           R"( for i, (s, n, x) in enumerate(zip(text("s"), f["n"][:], f["x"][:]))])"});
    write_command("script.yaml", "csv: in.csv",
                  "|\n"
                  R"x(
  # it's a comment
  ./show {s} "{s}" '{s}' a{s}"b" "$(printf '%s.' {s})" "`printf '%s.' {s}`" {q} </dev/null
  cat - /dev/fd/3 3<<EOF
  {s}
  EOF
)x",
                  more + "}\n");
    run_job({"script.yaml", "-o", "script.h5"}, {0, 3});
    holds("script.h5",
          {"(status == 1).all()",
           R"(text("stdout") == [f"{s}\n@{s}\n@{s}\n@a{s}b\n@{s}.\n@{s}.\n@a 'b' $c\n@<{s}|{n}|{i}|a 'b' $c>)"
           R"({s}\n" for i, (s, n) in enumerate(zip(text("s"), f["n"][:]))])"});
    EXPECT_FALSE(exists(path("PWNED"))) << "a value was executed";
    EXPECT_EQ(list_folder(folder_), (Words{"in.csv", "job.h5", "list.yaml", "script.h5", "script.yaml", "show"}));
}

/* The script of a list is read as one that stands alone, whatever shell it is for. */
TEST_F(Command, ScriptsOfLists) {
    check({"make_nasty", path("in.csv")});
    for (const char *words : {"sh, -c", "/bin/bash, -euo, pipefail, -c", "env, A=1, timeout, '60', dash, -ec"}) {
        write_command("job.yaml", "csv: in.csv",
                      "[" + std::string(words) + R"(, "printf '[%s]' {s} 'a{s}' \"$1\" {n}", x, "{s}"])");
        run_job({"job.yaml", "-q", "--overwrite"}, {0, 2});
        holds("job.h5", {"(status == 1).all()",
                         R"(text("stdout") == [f"[{s}][a{s}][{s}][{n}]" for s, n in zip(text("s"), f["n"][:])])"});
        EXPECT_FALSE(exists(path("PWNED"))) << "a value was executed";
    }
}

/* Standard input is code where a shell is all that reads it. */
TEST_F(Command, WhatReadsItsInput) {
    write("in.csv", "s,n\n$(touch PWNED),1\n\"a  'b'\",2\n");
    const std::pair<const char *, const char *> jobs[] = {
        {"sh\nstdin: 'echo {n}'", "f'{n}\\n'"},
        {"[bash, -s, '{s}']\nstdin: 'printf \"%s {n}\" \"$1\"'", "f'{s} {n}'"},
        {"'cat | sh -c cat | cat'\nstdin: '{s}'", "s"},
        {"[sh, -c, 'x=$(cat); printf %s \"$x\"']\nstdin: '{s}'", "s"},
        {"[python3, -c, 'import sys; print(sys.stdin.read())']\nstdin: 'a{s}'", "f'a{s}\\n'"},
    };
    for (const auto &[command, wanted] : jobs) {
        write_command("job.yaml", "csv: in.csv", std::string(command) + "\n");
        run_job({"job.yaml", "-q", "--overwrite"});
        holds("job.h5", {"(status == 1).all()", std::string("text('stdout') == [") + wanted +
                                                    " for s, n in (('$(touch PWNED)', 1), (\"a  'b'\", 2))]"});
    }
    EXPECT_FALSE(exists(path("PWNED"))) << "a value was executed";
}

/* --- what is found ------------------------------------------------------------------------------------------------- */

TEST_F(Command, OutputsAreFound) {
    write("model.py", R"(import json, os, sys
i = int(sys.argv[1])
assert os.listdir(".") == [], os.listdir(".")
assert open(sys.argv[2]).read() == "beside the job file"
os.makedirs("plots/deep")
open("plots/deep/a.png", "w").write(str(i))
open("run.log", "w").write(f"log {i}\n")
with open("table.txt", "w") as table:
    for k in range(5):
        print(k, i + k / 8, -i * k, file=table)
json.dump({"a": {"b": [0, {"c": i / 8}]}, "v": [i, float("nan"), float("-inf")], "n": 2**53 + i, "s": f"é {i}"}, open("o.json", "w"))
print("Cd = 99")
print(f"Cd = {i / 3!r}", "warm up" * 1000)
print(json.dumps({"last": i * i}))
if i == 2:
    os.remove("o.json")
if i == 4:
    print("the end")
)");
    write("data.txt", "beside the job file");
    write_command("job.yaml", "count: 5",
                  "[" SHEAF_PYTHON ", \"{job_dir}/model.py\", \"{item}\", \"{job_dir}/data.txt\"]", R"(outputs:
  c: {file: o.json, json: a.b.1.c, unit: kg}
  v: {file: o.json, json: v, width: 3}
  n: {file: o.json, json: n, type: int64}
  s: {file: o.json, json: s, type: text}
  all: {file: o.json, json: a, type: text}
  cd: {regex: 'Cd = (\S+)'}
  t: {file: table.txt, column: 2, width: 3}
  k: {file: table.txt, column: 3, type: int64}
  last: {json: last}
keep: ["*.log", "plots/*/*.png"]
)");
    run_job({"job.yaml"}, {0, 2}, 1);
    holds("job.h5",
          {"list(status) == [1, 1, 2, 1, 2]", "'o.json' in message[2] and 'JSON' in message[4]",
           "np.array_equal(f['c'][:], [0, .125, np.nan, .375, np.nan], equal_nan=True) and units('c') == 'kg'",
           "np.array_equal(f['v'][3], [3, np.nan, -np.inf], equal_nan=True) and f['n'][3] == 2**53 + 3",
           "text('s')[:4] == ['é 0', 'é 1', '', 'é 3'] and json.loads(text('all')[1]) == {'b': [0, {'c': .125}]}",
           "f['cd'][1] == 1 / 3 and (f['t'][3] == [3.25, 3.375, 3.5]).all() and f['k'][3] == -12 and f['last'][3] == 9",
           "(f['exit_code'][:] == 0).all() and text('stdout')[4].endswith('the end\\n')"});
    EXPECT_EQ(list_folder(path("job.d")), (Words{"0", "1", "2", "3", "4"}));
    for (std::string item : {"0", "2", "4"}) {
        EXPECT_EQ(read("job.d/" + item + "/run.log"), "log " + item + "\n");
        EXPECT_EQ(read("job.d/" + item + "/plots/deep/a.png"), item);
        EXPECT_EQ(list_folder(path("job.d/" + item)), (Words{"plots", "run.log"}));
    }
    EXPECT_EQ(sheaf({"show", "job.h5", "--item", "1", "--field", "s"}).out, "é 1");
    write_command("kept.yaml", "count: 2", "'pwd; echo x > own; test -e \"$SHEAF_JOB_DIR/model.py\"'",
                  "workdir: keep\n");
    run_job({"kept.yaml", "-o", "a b [c]"}, {0, 2});
    holds("a b [c]", {"[s.strip() for s in text('stdout')] == [os.path.dirname(os.path.realpath(f.filename)) + f'/a b "
                      "[c].d/work/{i}' for i in range(2)]"});
    EXPECT_EQ(list_folder(path("a b [c].d/work/1")), Words{"own"});
}

/* Where items have folders of their own, a file of the job is named with its folder. What a command makes may be called
   like one that lies beside the job file: each item has its own. */
TEST_F(Command, FilesBesideTheJob) {
    write_program("work", "#!/bin/sh\ncat \"$1\" >>\"$2\"; echo $SHEAF_ITEM >>\"$2\"\n");
    write("in.txt", "from in.txt\n");
    write("result.dat", "stale\n");
    write("a.log", "stale\n");
    const std::string run = "[./work, \"{job_dir}/in.txt\", ";
    write_command("job.yaml", "count: 3", run + "result.dat]", "outputs: {n: {file: result.dat, column: 1}}\n");
    run_job({"job.yaml", "-q"}, {0, 2});
    holds("job.h5", {"(status == 1).all() and list(f['n'][:]) == [0, 1, 2]"});
    EXPECT_EQ(read("result.dat"), "stale\n");
    write_command("keep.yaml", "count: 3", run + "./a.log]", "keep: [\"*.log\"]\n");
    run_job({"keep.yaml", "-q", "-o", "keep.h5"}, {0, 2});
    EXPECT_EQ(read("keep.d/2/a.log"), "from in.txt\n2\n");
    EXPECT_EQ(read("a.log"), "stale\n");
    for (const std::string word : {"a.log", "./a.log", "in.txt"}) {
        write_command("bad.yaml", "count: 3", run + word + "]", "workdir: remove\n");
        Result result = run_job({"bad.yaml", "-q"}, {}, 2);
        EXPECT_EQ(count_of(result.err, "bad.yaml:3:" + std::to_string(10 + run.size()) + ": '" + word +
                                           "' is a file beside the job file"),
                  1)
            << result;
        EXPECT_EQ(count_of(result.err, "{job_dir}/" + word.substr(word[0] == '.' ? 2 : 0) + " for it"), 1) << result;
    }
    write_command("bad.yaml", "count: 3", run + "a.log]", ""); /* in the job file's folder */
    run_job({"bad.yaml", "-q", "-o", "plain.h5"});
    EXPECT_EQ(count_of(read("a.log"), "from in.txt"), 3);
    EXPECT_FALSE(exists(path("plain.d")));
}

/* A file that is named with the job's folder belongs to what the job is, in scripts too. */
TEST_F(Command, FilesOfScriptsAreNoticed) {
    for (const char *command :
         {"'cat {job_dir}/in.txt'", "'cat \"$SHEAF_JOB_DIR\"/in.txt'", "'cat \"${SHEAF_JOB_DIR}/in.txt\"'",
          "[cat, \"{job_dir}/in.txt\"]", "[bash, -c, 'cat {job_dir}/in.txt']"}) {
        write("in.txt", "1");
        write_command("job.yaml", "count: 4", command, "workdir: remove\n");
        run_job({"job.yaml", "-q", "--items", "0:2", "--overwrite"});
        write("in.txt", "2");
        Result result = run_job({"job.yaml", "-q"}, {}, 2);
        EXPECT_EQ(count_of(result.err, "'in.txt' was changed since"), 1) << command << "\n" << result;
        run_job({"job.yaml", "-q", "--accept-changes"});
        holds("job.h5", {"text('stdout') == ['1', '1', '2', '2']"});
    }
}

/* --- how it ends --------------------------------------------------------------------------------------------------- */

/* Of a long output the last match counts, which is in the end that is kept; what was half left out counts for nothing. */
TEST_F(Command, LongOutput) {
    write("say.py", "import sys\n"
                    "print('Cd = 1')\n"
                    "for n in range(100000): print('noise', n)\n"
                    "print('{\"v\": 3}' if sys.argv[1] == '1' else 'Cd = 2')\n");
    write_command("job.yaml", "count: 2", "[" SHEAF_PYTHON ", say.py, \"{item}\"]",
                  "capture: 1K\noutputs: {n: {regex: 'noise (\\d+)'}, cd: {regex: 'Cd = (\\S+)'}}\n");
    run_job({"job.yaml", "-q"}, {0, 2}, 1);
    holds("job.h5", {"list(f['status'][:]) == [1, 2]", "f['n'][0] == 99999 and f['cd'][0] == 2",
                     "'nothing matches' in message[1]", "text('stdout')[0].startswith('Cd = 1\\nnoise 0\\n')",
                     "'bytes left out]' in text('stdout')[0]"});
}

/* What a command writes may be there, or be changed, when the job goes on; what it is made of may not. */
TEST_F(Command, FilesOfTheJob) {
    write("in.txt", "1");
    write_command("job.yaml", "count: 4", "[sh, -c, 'cat in.txt >out.txt; exit 0', x, in.txt, out.txt]");
    run_job({"job.yaml", "-q", "--items", "0:2"}, {0, 1});
    EXPECT_TRUE(exists(path("out.txt")));
    run_job({"job.yaml", "-q"}, {0, 1});
    write("in.txt", "2");
    Result result = run(command({"run", "job.yaml"}));
    EXPECT_EQ(result.exit, 2) << result;
    EXPECT_EQ(count_of(result.err, "'in.txt' was changed since"), 1) << result;
}

TEST_F(Command, EveryEnd) {
    const std::string s = unique(), forever = "while :; do sleep 0.02; done";
    const Words lines = {"echo fine",
                         "echo out; echo first >&2; echo ' last words ' >&2; echo >&2; exit 3",
                         "kill -9 $$",
                         "kill -SEGV $$",
                         "trap 'echo asked; exit 0' TERM; sleep " + s + " & wait",
                         "trap '' TERM; sleep " + s + " & setsid sleep " + s + " & " + forever,
                         "printf 'a\\000b\\377\\303c'",
                         "sleep " + s + " & setsid sleep " + s + " & (setsid sh -c 'sleep " + s +
                             "; true' &); echo left",
                         "head -c 50000000 /dev/zero | tr '\\000' x; echo end",
                         "kill -STOP $$",
                         "no-such-program",
                         "exec >&- 2>&-; exit 0",
                         "exit 130",
                         "printf 'a\\033[1m\\tb\\377c\\r\\n' >&2; exit 1"};
    std::string text;
    for (const std::string &line : lines)
        text += line + "\n";
    write("in.txt", text);
    write_command("job.yaml", "lines: in.txt", R"([sh, -c, "{line}"])", "timeout: 1s\ncapture: 1K\n");
    Result result = run({SHEAF_PYTHON, "-c",
                         "import resource, subprocess, sys\nr = subprocess.run(sys.argv[1:])\n"
                         "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\nsys.exit(r.returncode)",
                         SHEAF_PROGRAM, "run", "job.yaml", "--threads", "4"});
    EXPECT_EQ(result.exit, 1) << result;
    EXPECT_LT(atol(result.out.c_str()), 100000 /* KB */) << "50 MB were kept";
    holds("job.h5",
          {"list(status) == [1, 2, 4, 4, 3, 3, 1, 1, 1, 3, 2, 1, 2, 2]",
           "list(f['exit_code'][:]) == [0, 3, 137, 139, 0, 137, 0, 0, 0, 143, 127, 0, 130, 1]",
           "list(f['signal'][:]) == [0, 0, 9, 11, 0, 9, 0, 0, 0, 15, 0, 0, 0, 0]",
           "message[1] == 'exit code 3:  last words'",
           "'signal 9' in message[2] and 'signal 11' in message[3] and '1 s' in message[4] and 'longer' in message[9]",
           "text('stdout')[:5] == ['fine\\n', 'out\\n', '', '', 'asked\\n'] and text('stdout')[7] == 'left\\n'",
           "text('stderr')[1] == 'first\\n last words \\n\\n'", "text('stdout')[6] == 'a\\u2400b\\ufffd\\ufffdc'",
           "text('stdout')[8] == 'x' * 512 + '\\n[sheaf: 49998980 bytes left out]\\n' + 'x' * 508 + 'end\\n'",
           "message[13] == 'exit code 1: a [1m b?c'", "set(text('host')) == {os.uname().nodename}",
           "(f['peak_rss'][:2] > 100000).all()", "(f['user_seconds'][:] >= 0).all() and (f['seconds'][:] > 0).all()",
           "(f['attempts'][:] == 1).all()"});
    expect_gone(s);
    /* a program that is made of a field fails the item */
    write_program("prog0", "#!/bin/sh\necho $0\n");
    write("prog1", "#!/bin/sh\n");
    write_command("made.yaml", "count: 3", R"(["./prog{item}"])");
    run_job({"made.yaml", "-o", "made.h5"}, {0, 2}, 1);
    holds("made.h5", {"list(f['exit_code'][:]) == [0, 126, 127]", "list(status) == [1, 2, 2]",
                      "message[1] == 'cannot run ./prog1: Permission denied'",
                      "message[2] == 'cannot run ./prog2: No such file or directory'"});
}

/* A large file is read for its fingerprint once: what was written down of it then is believed as long as it is as it
   was. So a fingerprint that is forged shows. */
TEST_F(Command, FilesThatAreUnchangedAreNotReadAgain) {
    const std::string file = SHEAF_SOURCE_DIR "/README.md"; /* older than two seconds */
    write("in.h5.py", "import h5py\nwith h5py.File('in.h5', 'w') as f: f['x'] = [1., 2.]\n");
    ASSERT_EQ(run({SHEAF_PYTHON, "in.h5.py"}).exit, 0);
    write_command("job.yaml", "hdf5: {file: in.h5, fields: {x: /x}}", "[wc, -c, '" + file + "']");
    for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}}) {
        run_job({"job.yaml", "--overwrite"}, layout);
        run_job({"job.yaml"}, layout);
        write("forge.py", "import h5py\n"
                          "with h5py.File('job.h5', 'r+') as f:\n"
                          "    lines = f['sheaf/files'][:].tobytes().decode().splitlines()\n"
                          "    lines = [line for line in lines if not line.endswith(' in.h5')] # if it is old enough\n"
                          "    assert len(lines) == 2, lines # of wc and of the file\n"
                          "    assert lines[1].endswith(' " +
                              file +
                              "')\n"
                              "    forged = lines[0] + '\\n' + 'a' * 32 + lines[1][32:] + '\\n'\n"
                              "    f['sheaf/files'][:] = list(forged.encode().ljust(len(f['sheaf/files']), b'\\n'))\n");
        ASSERT_EQ(run({SHEAF_PYTHON, "forge.py"}).exit, 0);
        Result result = sheaf({"run", "job.yaml"}, layout);
        EXPECT_EQ(result.exit, 2) << result;
        EXPECT_EQ(count_of(result.err, "'" + file + "' was changed since"), 1) << result;
    }
}

/* On a busy machine the program's end and its deadline may both have passed when its keeper gets to look. */
TEST_F(Command, EndsInTimeHoweverLateThatIsSeen) {
    write_command("job.yaml", "count: 1", "'echo $PPID > pid; mv pid begun; sleep 0.2'", "timeout: 1s\n");
    Child child(command({"run", "job.yaml", "-q"}, {0, 1}), start());
    ASSERT_TRUE(wait_until([&] { return exists(path("begun")); }, 20));
    const pid_t keeper = std::stoi(read("begun"));
    kill(keeper, SIGSTOP);
    usleep(1500000); /* longer than the timeout */
    kill(keeper, SIGCONT);
    Result result = child.wait();
    EXPECT_EQ(result.exit, 0) << result;
    holds("job.h5", {"list(status) == [1]", "f['attempts'][0] == 1"});
}

/* Why the first item failed is said while others still run, once, and in the summary. */
TEST_F(Command, SaysAtOnceWhyItemsFail) {
    write_command("job.yaml", "count: 3",
                  "'if [ {item} = 0 ]; then echo no licence >&2; exit 3; fi; [ {item} = 1 ] || exec sleep 4; exit 5'");
    for (const Layout &layout : {Layout{0, 2}, Layout{2, 1}}) {
        Child child(command({"run", "job.yaml", "--overwrite"}, layout), start());
        ASSERT_TRUE(wait_until([&] { return child.err().find(" failed: ") != std::string::npos; }, 20));
        EXPECT_TRUE(child.running()) << "it is said before the end";
        Result result = child.wait();
        EXPECT_EQ(result.exit, 1) << result;
        const int n = count_of(result.err, "job: item 0 failed: exit code 3: no licence\n") +
                      count_of(result.err, "job: item 1 failed: exit code 5\n");
        const int n_summed = count_of(result.err, "  first failure: item 0: exit code 3: no licence\n") +
                             count_of(result.err, "  first failure: item 1: exit code 5\n");
        EXPECT_EQ(n, 1) << result;
        EXPECT_EQ(n_summed, 1) << result;
        EXPECT_EQ(count_of(result.err, ", 2 failed\n"), 1) << result;
    }
}

/* What an attempt keeps takes the place of what one before, or another job, has kept. */
TEST_F(Command, KeepsTheFilesOfTheLastAttempt) {
    write_command("job.yaml", "count: 2", "'touch \"try$SHEAF_ATTEMPT.txt\"; [ \"$SHEAF_ATTEMPT\" = 3 ]'",
                  "keep: [\"*.txt\"]\nretries: 2\n");
    run_job({"job.yaml", "-q"});
    EXPECT_EQ(list_folder(path("job.d/0")), Words{"try3.txt"});
    EXPECT_EQ(list_folder(path("job.d/1")), Words{"try3.txt"});
}

/* A folder that cannot be removed does not end the run: it is left, or moved aside, and that is said. */
TEST_F(Command, LeavesFoldersThatCannotBeRemoved) {
    write_command("job.yaml", "count: 3", "'ls; echo $SHEAF_ATTEMPT >stuck{item}.txt; [ {item} != 1 ]'",
                  "keep: [\"s*1.txt\"]\n");
    setenv("LD_PRELOAD", SHEAF_PLUGIN_DIR "/stuck.so", 1);
    Result first = run_job({"job.yaml"}, {0, 1}, 1);
    Result second = run_job({"job.yaml", "--retry-failed", "--set", "retries=1"}, {0, 1}, 1);
    unsetenv("LD_PRELOAD");
    holds("job.h5", {"list(status) == [1, 2, 1]", "text('stdout') == ['', '', '']"});
    for (const char *item : {"0", "2"})
        EXPECT_EQ(count_of(first.err, std::string("job.d/work/") + item + ": cannot remove the item's folder"), 1)
            << first;
    EXPECT_EQ(count_of(first.err, "cannot"), 2) << first;
    EXPECT_EQ(count_of(second.err, "a folder of item 1 cannot be removed; it is now "), 2) << second;
    EXPECT_EQ(read("job.d/1/stuck1.txt"), "2\n");
    EXPECT_EQ(read("job.d/1.left1/stuck1.txt") + read("job.d/1.left2/stuck1.txt"), "1\n1\n");
    EXPECT_EQ(list_folder(path("job.d/work")), (Words{"0", "2"}));
}

/* --- environment, attempts, layouts -------------------------------------------------------------------------------- */

TEST_F(Command, TheSameForEveryLayout) {
    /* Two at once with one slot would meet in its folder. */
    write_program("look", R"(#!/bin/sh
mkdir "busy.$SHEAF_SLOT" || exit 9
echo "$SHEAF_SEED $SHEAF_ATTEMPT $CUDA_VISIBLE_DEVICES $SHEAF_SLOT $OMP_NUM_THREADS" >> "seen.$SHEAF_ITEM"
echo "$SHEAF_ITEM $SHEAF_SEED $SHEAF_JOB_DIR $PWD"
env | grep -E '^(OMPI_|PMIX_|PMI_|PRTE_|OPAL_|ORTE_|HFI_NO|IPATH_NO)' | grep -v ALLOW_RUN
sleep 0.01
rmdir "busy.$SHEAF_SLOT"
[ $((SHEAF_ITEM % 3)) != 1 ] || [ "$SHEAF_ATTEMPT" = 2 ]
)");
    write_command("job.yaml", "count: 30", "./look", "gpus: [a, b, c, d, e, f]\nretries: 2\nseed: 42\n");
    for (const Layout &layout : {Layout{0, 1}, Layout{0, 3}, Layout{2, 1}, Layout{3, 2}, Layout{3, 2, true}}) {
        SCOPED_TRACE(layout.name());
        const std::string n = std::to_string(std::max(layout.ranks, 1) * layout.threads);
        if (layout.apart) /* pretended nodes have slots of the same numbers */
            EXPECT_EQ(shell("sed -i /busy/d look").exit, 0);
        run_job({"job.yaml", "--overwrite"}, layout);
        holds("job.h5", {"(status == 1).all() and (f['attempts'][:] == 1 + (np.arange(30) % 3 == 1)).all()",
                         "text('stdout') == [f'{i} {seed(42, i)} {os.getcwd()} {os.getcwd()}\\n' for i in range(30)]",
                         "all(seen(i) == [(str(seed(42, i)), str(a + 1)) for a in range(1 + (i % 3 == 1))] for i in "
                         "range(30))",
                         "slots() <= {('abcdef'[k], str(k), '1') for k in range(" + n + ")}"});
        shell("rm -f seen.*");
    }
    EXPECT_EQ(list_folder(folder_), (Words{"job.h5", "job.yaml", "look"}));
    /* a command that is itself an MPI program */
    write_command("mpi.yaml", "count: 1",
                  "'mpirun --oversubscribe -np 2 sh -c \"echo \\$OMPI_COMM_WORLD_SIZE \\$SHEAF_ITEM\"'");
    run_job({"mpi.yaml", "-o", "mpi.h5"}, {2, 1});
    holds("mpi.h5", {"text('stdout') == ['2 0\\n2 0\\n']"});
}

TEST_F(Command, HowManyAtOnce) {
    write_command("job.yaml", "count: 12", "'echo $SHEAF_SLOT; sleep 0.02'", "memory: 400M\n");
    setenv("SLURM_MEM_PER_NODE", "1000", 1);
    run_job({"job.yaml"}, {0, 6});
    holds("job.h5", {"set(text('stdout')) == {'0\\n', '1\\n'}"});
    Result three = run_job({"job.yaml", "-o", "three.h5"}, {3, 1}, 2);
    EXPECT_EQ(count_of(three.err, "2 items may run at once"), 1) << three;
    Result none = run_job({"job.yaml", "--set", "memory=1001M", "-o", "none.h5"}, {0, 2}, 2);
    EXPECT_EQ(count_of(none.err, "memory: an item needs 1001 MB"), 1) << none;
    unsetenv("SLURM_MEM_PER_NODE");
    Result files =
        shell("ulimit -S -n 64; exec " SHEAF_PROGRAM " run job.yaml -o files.h5 --set memory=1M --threads 24");
    EXPECT_EQ(files.exit, 0) << "more descriptors than it was given at first\n" << files;
    EXPECT_FALSE(exists(path("none.h5")));
}

/* 3,000 lines of progress and one result, in the middle, at the end, or in JSON: what is kept of them may lack it. */
TEST_F(Command, WhatWasNotKeptIsSaidToBeLost) {
    write_program("work", "#!/usr/bin/env python3\n"
                          "import sys\n"
                          "for k in range(3000):\n"
                          "    sys.stdout.write('step %05d%s' % (k, sys.argv[2].encode().decode('unicode_escape')))\n"
                          "    if k == int(sys.argv[1]): sys.stdout.write('E = 7\\n')\n");
    write("in.csv", "at,end\n1500,\\n\n2999,\\n\n2999,\\r\n0,\\r\n");
    write_command("job.yaml", "csv: in.csv", "[./work, \"{at}\", \"{end}\"]",
                  "outputs: {E: {regex: '^E = (\\S+)'}}\ncapture: 4K\n");
    run_job({"job.yaml", "-q"}, {0, 1}, 1);
    holds("job.h5", {"list(status) == [2, 1, 1, 2]", "list(f['E'][1:3]) == [7, 7]", "sorted(message) == [0, 3]",
                     "all('in the end of standard output (capture: 33006 keeps all of it): nothing matches' in m "
                     "for m in message.values())"});
    run_job({"job.yaml", "-q", "-o", "all.h5", "--set", "capture=33006"}, {0, 1});
}

/* --- failing, halting, trying again -------------------------------------------------------------------------------- */

TEST_F(Command, HaltsGoesOnAndTriesAgain) {
    write_command("job.yaml", "count: 40",
                  "'echo {item} >> ran; sleep 0.02; test -e $SHEAF_JOB_DIR/fixed || test $(({item} % 2)) = 0'",
                  "halt: {failed: 3}\n");
    for (int round = 0, n_pending = 40; round < 20 && n_pending > 0; round++) {
        Result result = run_job({"job.yaml"}, {0, 2}, 1);
        const StatusPlace place = find_status(path("job.h5"));
        const std::string bytes = read("job.h5").substr(static_cast<size_t>(place.offset), 40);
        const int left = static_cast<int>(std::count(bytes.begin(), bytes.end(), 0));
        EXPECT_LT(left, n_pending) << "each run gets on";
        EXPECT_GT(left, round == 0 ? 0 : -1) << "the first halts\n" << result;
        n_pending = left;
    }
    holds("job.h5", {"list(status) == [1, 2] * 20", "sorted(message) == list(range(1, 40, 2))"});
    EXPECT_EQ(count_of(read("ran"), "\n"), 40) << "no item was tried twice";
    run_job({"job.yaml"}, {0, 2}, 1);
    EXPECT_EQ(count_of(read("ran"), "\n"), 40) << "there was nothing to do";
    write("fixed", "");
    run_job({"job.yaml", "--retry-failed"}, {2, 1});
    EXPECT_EQ(count_of(read("ran"), "\n"), 60);
    holds("job.h5", {"(status == 1).all()", "not message", "list(f['attempts'][:]) == [1, 2] * 20"});
    EXPECT_EQ(sheaf({"show", "job.h5", "--csv", "--sort", "-attempts", "--fields", "attempts", "--head", "3"}).out,
              "item,status,attempts\n1,done,2\n3,done,2\n5,done,2\n");
    run_job({"job.yaml", "--retry-failed"}, {0, 2});
    EXPECT_EQ(count_of(read("ran"), "\n"), 60);
    unlink(path("fixed").c_str());
    run_job({"job.yaml", "--overwrite", "--set", "halt={failed: 25%}"}, {0, 2}, 1);
    holds("job.h5", {"(status == 2).sum() >= 10 and (status == 0).any()"});
}

/* 4 threads, of which each has 20 items that fail before the run ends by itself. */
TEST_F(Command, ARunInWhichNothingSucceedsEnds) {
    write_command("job.yaml", "count: 500", "'echo {item} >> ran; ls | grep -q ^fixe || exit 3'");
    for (const Layout &layout : {Layout{0, 4}, Layout{2, 2}, Layout{2, 2, true}}) {
        SCOPED_TRACE(layout.name());
        write("ran", "");
        Result result = run_job({"job.yaml", "--overwrite", "--set", "items.count=20000"}, layout, 1);
        EXPECT_EQ(count_of(result.err, "ended early since no item is done, and 20 or more of each thread failed (halt: "
                                       "never goes on)"),
                  1)
            << result;
        const long n_ran = count_of(read("ran"), "\n");
        EXPECT_GE(n_ran, 80);
        EXPECT_LT(n_ran, 20000);
        holds("job.h5", {"(status == 2).sum() == " + std::to_string(n_ran),
                         "(status == 0).sum() == " + std::to_string(20000 - n_ran)});
    }
    write("fixed", "");
    run_job({"job.yaml", "--overwrite", "--items", "499:500"}, {0, 4});
    unlink(path("fixed").c_str());
    write("ran", "");
    run_job({"job.yaml", "--retry-failed"}, {0, 4}, 1); /* an item is done: what fails is no reason to end */
    EXPECT_EQ(count_of(read("ran"), "\n"), 499);
    run_job({"job.yaml", "--overwrite", "--set", "halt=never"}, {0, 4}, 1);
    holds("job.h5", {"(status == 2).all()"});
}

/* --- kills --------------------------------------------------------------------------------------------------------- */

TEST_F(Command, NothingOutlivesAKill) {
    const std::string s = unique();
    write_program("work", "#!/bin/sh\nsetsid sleep " + s + " &\nsleep 0.03\necho item $2\necho $2 > o.txt\n");
    write_command("job.yaml", "count: 60", "[./work, \"" + s + "\", \"{item}\"]",
                  "outputs: {y: {file: o.txt, column: 1}}\n");
    const std::vector<std::pair<Layout, bool>> kills = {{{0, 3}, false}, {{2, 2}, false}, {{2, 1, true}, true}};
    for (const auto &[layout, launcher] : kills) {
        SCOPED_TRACE(layout.name() + (launcher ? ", the launcher" : ", a rank"));
        Child child(command({"run", "job.yaml", "-q"}, layout), start());
        ASSERT_TRUE(wait_for_done(child, path("job.h5"), 10)) << child.wait();
        std::vector<pid_t> ranks = child.processes("sheaf");
        ASSERT_FALSE(ranks.empty());
        kill(launcher ? child.pid() : ranks.back(), SIGKILL);
        EXPECT_NE(child.wait().exit, 0);
        EXPECT_TRUE(wait_until([&] { return child.processes().empty(); })) << "something outlives the run";
        expect_gone(s);
        run_job({"job.yaml"}, layout);
        expect_gone(s);
        holds("job.h5", {"(status == 1).all()", "text('stdout') == [f'item {i}\\n' for i in range(60)]",
                         "(f['y'][:] == np.arange(60)).all()"});
        EXPECT_EQ(list_folder(folder_), (Words{"job.h5", "job.yaml", "work"})) << "journals and folders are gone";
        EXPECT_EQ(unlink(path("job.h5").c_str()), 0);
    }
}

/* A command cannot bring a run down: however often runs are killed, none is suspected of it. */
TEST_F(Command, NoneIsToBlameForAKill) {
    const std::string s = unique();
    write_command("job.yaml", "count: 4", "[sleep, \"" + s + "\"]");
    for (const Layout &layout : {Layout{0, 2}, Layout{2, 1, true}}) {
        SCOPED_TRACE(layout.name());
        for (int n = 0; n < 2; n++) {
            Child child(command({"run", "job.yaml", "-q"}, layout), start());
            EXPECT_TRUE(wait_until([&] { return find(s).size() == 2; })) << "two at work";
            kill(child.processes("sheaf").back(), SIGKILL);
            EXPECT_NE(child.wait().exit, 0);
            expect_gone(s);
        }
        holds("job.h5", {"not f['sheaf/in_flight'][:].any()", "not f['sheaf/suspects'][:].any()", "not status.any()"});
        EXPECT_EQ(unlink(path("job.h5").c_str()), 0);
    }
}

/* --- job files ----------------------------------------------------------------------------------------------------- */

TEST_F(Command, WhatIsRefused) {
    write("in.csv", "s,x\na,1\n");
    write("plain", "#!/bin/sh\n");
    const std::vector<std::pair<std::string, std::string>> bad = {
        {"[]", "job.yaml:3:10: command should be a list"},
        {"[[a]]", "job.yaml:3:11:"},
        {"{a: b}", "job.yaml:3:10:"},
        {"''", "job.yaml:3:10:"},
        {"['']", "job.yaml:3:11: command is empty"},
        {"[no-such-program, x]", "there is no program 'no-such-program'"},
        {"[./no-such]", "there is no program './no-such'"},
        {"[./plain]", "chmod +x"},
        {"['{p}']\nparams: {p: no-such}", "there is no program 'no-such'"},
        {"[echo, '{mass}']", "no field or param 'mass'"},
        {"echo {xx}", "did you mean 'x'"},
        {"echo $(( {s} ))", "a text cannot stand"},
        {"echo {x} {mass}\nparams: {mass: 1, mas: 2}",
         "job.yaml:4:24: params.mas: neither the command nor stdin has it in braces; did you mean 'mass'?"},
        {"[echo, '{x}']\nparams: {y: 1}", "job.yaml:4:13: params.y: neither"},
        {"[echo, '{x }']", "{x }: no field or param 'x '; did you mean 'x'?; {{x }} stands for itself"},
        {"[sudo, sh, -c, 'echo {s}']", "job.yaml:3:25: {s}: a text cannot stand where sh reads code"},
        {"[bash, -c, 'eval \"echo {s}\"']", "job.yaml:3:21: {s}: a text cannot stand where eval reads code"},
        {"[ssh, host, ./sim, '{s}']", "where ssh reads code"},
        {"[env, python3, -c, 'f(\"{s}\")']", "python3 -c '… sys.argv[1] …' {s}"},
        {"sh -c 'echo {s}'", "give it as an argument: sh -c '… \"$1\" …' sh {s}"},
        {"[bash]\nstdin: 'echo {s}'", "job.yaml:4:8: {s}: a text cannot stand where bash reads code"},
        {"[env, ssh, host, sh, -e]\nstdin: 'echo {s}'", "where ssh reads code"},
        {"[sh, -c, 'cd /; python3 -']\nstdin: 'print(\"{s}\")'", "where python reads code"},
        {"'true; sh -e || true'\nstdin: 'echo {s}'", "where sh reads code"},
        {"[sh, -c, 'echo {xx}']", "did you mean 'x'"},
        {"'true'\nstdin: '{y}'", "job.yaml:4:8: {y}"},
        {"'true'\nstdin: [a]", "job.yaml:4:8:"},
        {"'true'\nkeep: ['../x']", "job.yaml:4:8: keep is '../x'"},
        {"'true'\nkeep: /tmp/x", "job.yaml:4:7: keep is '/tmp/x'"},
        {"'true'\nkeep: [a/../../b]", "keep"},
        {"'true'\nkeep: ['']", "keep is empty"},
        {"'true'\nworkdir: maybe", "keep or remove"},
        {"'true'\noutputs: {y: {file: /etc/passwd, column: 1}}", "outputs.y.file"},
        {"'true'\noutputs: {y: {file: ../a, column: 1}}", "outputs.y.file"},
        {"'true'\noutputs: {stdout: {column: 1}}", "job.yaml:4:11: outputs.stdout"},
        {"'true'\noutputs: {y: {column: 1}, exit_code: {column: 1}}", "job.yaml:4:27: outputs.exit_code"},
        {"'true'\noutputs: {status: {column: 1}}", "'status'"},
        {"'true'\noutputs: {x: {column: 1}}", "'x' like a field"},
        {"'true'\noutputs: {y: {}}", "exactly one of json, regex and column"},
        {"'true'\noutputs: {y: {json: a, column: 1}}", "exactly one"},
        {"'true'\noutputs: {y: {column: 0}}", "counted from 1"},
        {"'true'\noutputs: {y: {regex: '('}}", "no regular expression"},
        {"'true'\noutputs: {y: {regex: a, width: 2}}", "one value"},
        {"'true'\noutputs: {y: {json: a, type: float}}", "float64"},
        {"'true'\noutputs: [y]", "should be a map"},
        {"'true'\ngpus: 0", "gpus is 0"},
        {"'true'\ngpus: []", "gpus has 0 devices"},
        {"'true'\ngpus: 1.5", "gpus"},
        {"'true'\nmemory: lots", "memory"},
        {"'true'\nmemory: -1G", "memory"},
        {"'true'\nmemory: 1e40", "memory"},
        {"'true'\ncapture: 0", "capture"},
        {"'true'\ncapture: 2G", "capture"},
        {"'true'\ntimeout: 0", "timeout"},
        {"'true'\ntimeout: soon", "timeout"},
        {"'true'\nretries: 101", "retries"},
        {"'true'\nretries: -1", "retries"},
        {"'true'\nhalt: {failed: 0}", "halt.failed"},
        {"'true'\nhalt: {failed: 101%}", "halt.failed"},
        {"'true'\nhalt: 3", "halt"},
        {"'true'\nisolate: true", "isolate"},
        {"'true'\nkernel: pi", "one of kernel, expression, command and worker"}};
    for (const auto &[command, said] : bad) {
        write_command("job.yaml", "csv: in.csv", command);
        Result result = run_job({"job.yaml"}, {}, 2);
        EXPECT_GE(count_of(result.err, said), 1) << command << "\n" << result;
        EXPECT_EQ(count_of(result.err, "\n"), 1) << "one line\n" << result;
    }
    EXPECT_EQ(list_folder(folder_), (Words{"in.csv", "job.yaml", "plain"})) << "nothing was made";
}

} // namespace
