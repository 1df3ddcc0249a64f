// kernel/program/capture, kernel/command/extract and process/keeper, server: what a command is made of.
#include "unit/sheaf.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

extern "C" {
#define template template_ /* a word of C++ */
#include "kernel/program/capture.h"
#include "kernel/command/extract.h"
#include "kernel/command/workdir.h"
#undef template
#include "process/keeper.h"
#include "process/server.h"
}

using namespace unit;

namespace {

// ---------------------------------------------------------------------------------------------------------- extracting

// One output of a command, as a job file has it, looked for in a text.
struct Found {
    int rc;
    std::string error, text;
    std::vector<double> numbers;
    std::vector<int64_t> whole;
};

Found extract(const std::string &how, const std::string &text) {
    Job job("items: {count: 1}\ncommand: x\noutputs: {o: " + how + "}\n");
    Found found{job.rc, job.error.text(), "", std::vector<double>(8, 99), std::vector<int64_t>(8, 99)};
    extractor e{};
    Error error;
    sheaf_buffer buffer{};
    extract_source source{};
    if (job.rc)
        return found;
    const job_output &output = job.job.program.outputs[0];
    found.rc = sheaf_extractor_open(&e, &output, error);
    source.text = text.data();
    source.length = text.size();
    void *value = output.type == SHEAF_INT64 ? static_cast<void *>(found.whole.data()) : found.numbers.data();
    if (found.rc == 0)
        found.rc = sheaf_extract(&e, &source, value, &buffer, error);
    found.error = found.rc ? error.text() : "";
    found.text = std::string(buffer.data ? buffer.data : "", buffer.n_bytes);
    sheaf_extract_end(&source);
    sheaf_extractor_close(&e);
    sheaf_buffer_free(&buffer);
    return found;
}

double number(const std::string &how, const std::string &text) {
    Found found = extract(how, text);
    EXPECT_EQ(found.rc, 0) << found.error;
    return found.numbers[0];
}

TEST(CommandExtract, Json) {
    const std::string text =
        R"({"a": {"b": [1, {"c": 2.50}], "d.e": 4}, "n": NaN, "i": [-Infinity, Infinity, null], "t": true,)"
        R"( "s": "x\u00e9 NaN \"q\"", "big": 9007199254740993})";
    EXPECT_EQ(number("{json: a.b.1.c}", text), 2.5);
    EXPECT_EQ(number("{json: a.b.0}", text), 1);
    EXPECT_EQ(number("{json: a.d.e}", text), 4);
    EXPECT_TRUE(isnan(number("{json: n}", text)));
    EXPECT_EQ(number("{json: t}", text), 1);
    Found three = extract("{json: i, width: 3}", text);
    ASSERT_EQ(three.rc, 0) << three.error;
    EXPECT_EQ(three.numbers[0], -INFINITY);
    EXPECT_EQ(three.numbers[1], INFINITY);
    EXPECT_TRUE(isnan(three.numbers[2]));
    EXPECT_EQ(extract("{json: s, type: text}", text).text, "xé NaN \"q\"");
    EXPECT_EQ(extract("{json: a.b, type: text}", text).text, "[1,{\"c\":2.50}]") << "a number as it was written";
    EXPECT_EQ(extract("{json: big, type: int64}", text).whole[0], 9007199254740993);
    EXPECT_EQ(number("{json: y}", "step 1\nstep 2\n{\"y\": 3}\n\n"), 3) << "behind other lines";
    EXPECT_EQ(number("{json: '0'}", "[5]"), 5);
    for (const char *bad : {"{json: a.z}", "{json: a.b.2}", "{json: a.b.-1}", "{json: s}", "{json: a}", "{json: s.x}",
                            "{json: a.b, width: 3}", "{json: big, type: int64, width: 2}", "{json: n, type: int64}"}) {
        Found found = extract(bad, text);
        EXPECT_EQ(found.rc, -1) << bad;
        EXPECT_FALSE(found.error.empty());
    }
    for (const char *rubbish : {"", "no", "{", "{\"y\": }", "\xff\xfe", "[[[["})
        EXPECT_EQ(extract("{json: y}", rubbish).rc, -1) << rubbish;
}

// Python: float(12345678901234567890), json.loads('1e400').
TEST(CommandExtract, NumbersOfJsonAreReadWhereTheyAreAskedFor) {
    const std::string text =
        R"({"id": 12345678901234567890, "far": [1e400, -1], "y": 0.5, "c": [nan, -inf, Inf, -NaN],)"
        R"( "s": "1.50", "n": "nan", "t": 0.10, "w": 3.0, "o": {"k\"": [true, null, 1E2, "x\n", {}]}})";
    EXPECT_EQ(number("{json: y}", text), 0.5) << "the others do not matter";
    EXPECT_EQ(number("{json: id}", text), 12345678901234567890.0);
    EXPECT_EQ(extract("{json: id, type: text}", text).text, "12345678901234567890");
    EXPECT_HAS(extract("{json: id, type: int64}", text).error, "is 12345678901234567890; it should be a whole number");
    EXPECT_HAS(extract("{json: far.0}", text).error, "is 1e400; it should be a number that a float64 can hold");
    EXPECT_HAS(extract("{json: s}", text).error, "is a text; it should be a number");
    EXPECT_TRUE(isnan(number("{json: n}", text)));
    Found four = extract("{json: c, width: 4}", text);
    ASSERT_EQ(four.rc, 0) << four.error;
    EXPECT_TRUE(isnan(four.numbers[0]) && isnan(four.numbers[3]));
    EXPECT_EQ(four.numbers[1], -INFINITY);
    EXPECT_EQ(four.numbers[2], INFINITY);
    EXPECT_EQ(extract("{json: t, type: text}", text).text, "0.10");
    EXPECT_EQ(extract("{json: w, type: int64}", text).whole[0], 3);
    EXPECT_EQ(extract("{json: o, type: text}", text).text, R"({"k\"":[true,null,1E2,"x\n",{}]})");
    for (const char *bad :
         {"{\"y\": 1 2}", "{\"y\": 1-2}", "{\"y\": 1_0}", "{\"y\": 0x10}", "{\"y\": 1\"a\"}", "{\"y\": truer}"})
        EXPECT_HAS(extract("{json: y}", bad).error, "no JSON was written") << bad;
}

TEST(CommandExtract, RegularExpressions) {
    const std::string text = "Cd = 0.5\nstep\nCd = 1.25e-3 m\nend\n";
    EXPECT_EQ(number("{regex: 'Cd = (\\S+)'}", text), 1.25e-3) << "the last match";
    EXPECT_EQ(number("{regex: '\\d+\\.\\d+$'}", text), 0.5) << "the whole match; $ is the end of a line";
    EXPECT_EQ(extract("{regex: '^(s.*)$', type: text}", text).text, "step");
    EXPECT_EQ(extract("{regex: 'x*', type: text}", text).text, "") << "empty matches come to an end";
    EXPECT_EQ(extract("{regex: '(none)|end', type: text}", text).text, "end") << "group 1 is not in the match";
    EXPECT_EQ(extract("{regex: '(none)|(en)d', type: text}", text).text, "end") << "nor here";
    EXPECT_EQ(extract("{regex: 'n(.)', type: text}", std::string("n\0n\0", 4)).text, std::string("\0", 1));
    EXPECT_HAS(extract("{regex: none}", text).error, "nothing matches");
    EXPECT_HAS(extract("{regex: end}", text).error, "'end'; it should be a number");
    EXPECT_HAS(extract("{regex: '(a+)+[bc]'}", std::string(5000, 'a')).error, "too long");
    EXPECT_HAS(extract("{regex: '(a'}", text).error, "sweep.yaml:3:");
}

TEST(CommandExtract, Columns) {
    EXPECT_EQ(number("{column: 2}", "1 2 3\n4   5 6 \r\n\n  \n"), 5);
    EXPECT_EQ(number("{column: 1}", "  7"), 7);
    EXPECT_EQ(extract("{column: 2, type: int64}", "1 -3e2").whole[0], -300);
    EXPECT_TRUE(isnan(number("{column: 1}", "nan")));
    Found lines = extract("{column: 2, width: 3}", "9 9\n1 10\n2 20\n\n3 30\n");
    ASSERT_EQ(lines.rc, 0) << lines.error;
    EXPECT_EQ(lines.numbers, (std::vector<double>{10, 20, 30, 99, 99, 99, 99, 99}));
    EXPECT_EQ(extract("{column: 1, width: 3}", "1\n2\n").rc, -1);
    for (const char *bad : {"", "\n\n", "1", "1,", "1,,2", "1 x"})
        EXPECT_EQ(extract("{column: 2}", bad).rc, -1) << bad;
    EXPECT_EQ(extract("{column: 2, type: int64}", "1 2.5").rc, -1);
}

// As awk -F and cut -f divide lines.
TEST(CommandExtract, WhatDividesALine) {
    EXPECT_EQ(number("{column: 3}", "a\t\t5\n"), 5) << "an empty cell of tabs";
    EXPECT_EQ(extract("{column: 2, type: text}", "a\t\t5\n").text, "");
    EXPECT_EQ(extract("{column: 3, type: text}", "a\tb\t\n").rc, 0) << "at the end";
    EXPECT_EQ(number("{column: 2}", "\t7\n"), 7) << "at the beginning";
    EXPECT_EQ(extract("{column: 2, type: text}", "x\ttwo words, and a comma \t7\n").text, "two words, and a comma");
    EXPECT_HAS(extract("{column: 2}", "a\t\t5\n").error, "''; it should be a number");
    EXPECT_HAS(extract("{column: 4}", "a\t\t5\n").error, "no column 4, divided by tabs");
    EXPECT_EQ(number("{column: 3}", "x, 2 ,3"), 3) << "at commas, where there are some";
    EXPECT_EQ(extract("{column: 2, type: text}", "x,,3").text, "");
    EXPECT_EQ(number("{column: 4}", "step 3, energy 1.5"), 1.5) << "the comma of a sentence";
    EXPECT_EQ(number("{column: 2}", "New York, 8.4"), 8.4) << "a name of two words";
    EXPECT_EQ(number("{column: 3}", "St. Gallen (CH, SG), 8, 2.1"), 8);
}

TEST(CommandExtract, LinesThatMayBeMeantInTwoWays) {
    for (const char *line : {"1,5", " -1,5\n", "0,25e-3"})
        for (const char *how : {"{column: 1}", "{column: 1, type: text}", "{column: 2, type: int64}"})
            EXPECT_HAS(extract(how, line).error, "two columns, or a number with a decimal comma") << line;
    EXPECT_HAS(extract("{column: 3}", "a b, 2 ,3").error, "divided by commas, or by blanks");
    EXPECT_HAS(extract("{column: 1, type: text}", "a b, 2").error, "divided by commas, or by blanks");
    EXPECT_HAS(extract("{column: 1}", "2,5 1,5").error, "'2,5'; it should be a number; numbers have a decimal point");
    EXPECT_HAS(extract("{column: 1}", "2,5;1,5").error, "'2,5;1,5'; it should be a number");
    EXPECT_HAS(extract("{regex: 'E = (\\S+)'}", "E = 1,5").error, "'1,5'; it should be a number; numbers have");
    EXPECT_EQ(extract("{column: 1, type: text, separator: comma}", "a b, 2").text, "a b");
    EXPECT_EQ(number("{column: 2, separator: ','}", "1,5"), 5);
    EXPECT_EQ(number("{column: 2, separator: blanks}", "a\t\t 5"), 5);
    EXPECT_EQ(number("{column: 3, separator: blanks}", "a b, 2 ,3"), 2);
    EXPECT_EQ(number("{column: 2, separator: '|'}", "1 | 2|3"), 2);
    EXPECT_EQ(number("{column: 2, separator: tab}", "1 5\t2"), 2);
    EXPECT_EQ(number("{column: 2, separator: \"\\t\"}", "1 5\t2"), 2);
    EXPECT_EQ(number("{column: 2, separator: semicolon}", "1,5;2.5"), 2.5);
    EXPECT_HAS(extract("{column: 1, separator: semicolon}", "1,5;2.5").error, "decimal point");
    EXPECT_HAS(extract("{column: 2, separator: '|'}", "1,5").error, "no column 2, divided by '|'");
    EXPECT_HAS(extract("{column: 2, separator: xx}", "1,5").error, "outputs.o.separator is 'xx'; it should be comma");
    EXPECT_HAS(extract("{json: a, separator: comma}", "{}").error, "outputs.o.separator goes with column");
}

// As Python's re finds them when text is read with universal newlines.
TEST(CommandExtract, CarriageReturnsEndLines) {
    const std::string progress = "E = 1\rE = 2\rE = 3\nE = 4\r\nE = 5\rdone\r\n";
    EXPECT_EQ(number("{regex: '^E = (\\S+)'}", progress), 5);
    EXPECT_EQ(number("{regex: '^E = (\\S+)$'}", "x\rE = 1\r\n\r\n"), 1);
    EXPECT_EQ(number("{regex: '^E = (.*)$'}", "E = 1\rE = 2\r"), 2) << ". is no end of a line";
    EXPECT_EQ(extract("{regex: '^', type: text}", "\r\n\r\n").rc, 0);
    EXPECT_EQ(number("{column: 3}", progress.substr(0, 17)), 3);
    EXPECT_EQ(number("{column: 1}", "1\r2\r3\r\r"), 3);
    EXPECT_EQ(extract("{column: 1, width: 3}", "9\r1\r\n2\n3").numbers[1], 2);
    EXPECT_EQ(number("{json: y}", "10%\r20%\r{\"y\": 3}\r\n"), 3);
}

TEST(CommandExtract, NumbersOfFortran) {
    EXPECT_EQ(number("{column: 2}", "  x  -0.15000D+02"), -15);
    EXPECT_EQ(number("{regex: 'E=\\s*(\\S+)'}", "E=  5.687-304"), 5.687e-304);
    EXPECT_EQ(extract("{column: 1, type: int64}", "1.5D+01").whole[0], 15);
    EXPECT_EQ(number("{column: 1}", "3." + std::string(100, '0')), 3);
}

// ----------------------------------------------------------------------------------------------------------- capturing

std::string captured(size_t most, const std::string &text, size_t piece) {
    capture c{};
    Error error;
    c.most = most;
    for (int round = 0; round < 2; round++) { /* it is used again and again */
        sheaf_capture_begin(&c);
        for (size_t at = 0; at < text.size(); at += piece)
            EXPECT_EQ(sheaf_capture_add(&c, text.data() + at, std::min(piece, text.size() - at), error), 0);
        EXPECT_EQ(sheaf_capture_finish(&c, error), 0);
        EXPECT_EQ(c.n_bytes, text.size());
    }
    std::string kept(c.text.data, c.text.n_bytes - 1);
    EXPECT_EQ(c.text.data[kept.size()], '\0');
    sheaf_capture_free(&c);
    return kept;
}

// Its beginning, its end, and between them how much is missing.
std::string cut(size_t most, const std::string &text) {
    const size_t front = most / 2, back = most - front;
    if (text.size() <= most)
        return text;
    return text.substr(0, front) + "\n[sheaf: " + std::to_string(text.size() - most) + " bytes left out]\n" +
           text.substr(text.size() - back);
}

TEST(CommandCapture, TheBeginningAndTheEnd) {
    std::string all(5000, 0);
    std::mt19937 random(5);
    for (char &c : all)
        c = static_cast<char>(random());
    for (size_t most : {1, 2, 3, 10, 11, 64, 1000, 4999})
        for (size_t n :
             {size_t{0}, size_t{1}, most - 1, most, most + 1, 2 * most, 2 * most + 1, 3 * most + 7, all.size()})
            for (size_t piece : {size_t{1}, size_t{7}, most, most + 1, all.size()}) {
                const std::string text = all.substr(0, n);
                EXPECT_EQ(captured(most, text, piece), cut(most, text)) << most << " " << n << " " << piece;
            }
}

// ------------------------------------------------------------------------------------------------------------- keepers

// A keeper of a server of its own.
class CommandKeeper : public testing::Test {
  protected:
    CommandKeeper() {
        EXPECT_EQ(sheaf_server_start(&server_, error), 0) << error.text();
        EXPECT_EQ(sheaf_keeper_open(&keeper_, server_, error), 0) << error.text();
        null_ = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (capture &c : captures_)
            c.most = 1 << 20;
    }
    ~CommandKeeper() override {
        sheaf_keeper_close(&keeper_);
        sheaf_server_stop(server_);
        close(null_);
        for (capture &c : captures_)
            sheaf_capture_free(&c);
    }

    void start(const std::vector<const char *> &words, double timeout_s = 0, const char *dir = nullptr) {
        static const char *const settings[] = {"SHEAF_ITEM=5", "HOME=/here"};
        program_ = {static_cast<int>(words.size()), words.data(), 2, settings, dir, timeout_s,
                    {null_, null_, null_},          nullptr};
        ASSERT_EQ(sheaf_keeper_start(&keeper_, &program_, error), 0) << error.text();
    }
    program_end end() {
        program_end end{};
        sheaf_keeper_end(&keeper_, &end);
        return end;
    }
    program_end run(const std::vector<const char *> &words, double timeout_s = 0, const char *dir = nullptr) {
        static const char *const settings[] = {"SHEAF_ITEM=5", "HOME=/here"};
        program_end end{};
        program_ = {static_cast<int>(words.size()), words.data(), 2, settings, dir, timeout_s,
                    {null_, null_, null_},          nullptr};
        EXPECT_EQ(sheaf_capture_run(&keeper_, &program_, captures_, &end, error), 0) << error.text();
        return end;
    }
    std::string said(int which = 0) const { return std::string(captures_[which].text.data); }

    // Processes with this word among their arguments.
    static std::vector<pid_t> find(const std::string &word) {
        std::vector<pid_t> found;
        for (const auto &entry : std::filesystem::directory_iterator("/proc")) {
            std::string name = entry.path().filename();
            if (name.find_first_not_of("0123456789") != std::string::npos)
                continue;
            char line[4096];
            int fd = ::open((entry.path() / "cmdline").c_str(), O_RDONLY | O_CLOEXEC);
            ssize_t n = fd < 0 ? 0 : read(fd, line, sizeof line); /* it may end meanwhile */
            if (n > 0 && std::string(line, static_cast<size_t>(n)).find(word) != std::string::npos)
                found.push_back(std::stoi(name));
            if (fd >= 0)
                close(fd);
        }
        return found;
    }
    static bool wait_for(const std::function<bool()> &holds) {
        const timespec pause = {0, 1000000};
        for (int i = 0; i < 20000; i++) {
            if (holds())
                return true;
            nanosleep(&pause, nullptr);
        }
        return false;
    }
    // A number of seconds to sleep that nobody else uses.
    static std::string unique(int n) { return std::to_string(70000 + n) + "." + std::to_string(getpid()); }

    Error error;
    server *server_ = nullptr;
    keeper keeper_ = {-1, {}};
    capture captures_[2]{};
    program program_{};
    int null_ = -1;
};

TEST_F(CommandKeeper, HowProgramsEnd) {
    program_end e = run({"sh", "-c", "echo $SHEAF_ITEM $HOME $0; echo no >&2; exit 3", "a b"});
    EXPECT_EQ(e.step, START_OK);
    EXPECT_EQ(WEXITSTATUS(e.status), 3);
    EXPECT_EQ(said(), "5 /here a b\n");
    EXPECT_EQ(said(1), "no\n");
    EXPECT_GT(e.peak_rss, 100000);
    e = run({"sh", "-c", "kill -SEGV $$"});
    EXPECT_TRUE(WIFSIGNALED(e.status));
    EXPECT_EQ(WTERMSIG(e.status), SIGSEGV);
    EXPECT_FALSE(e.timed_out);
    EXPECT_EQ(said(), "");
    for (int i = 0; i < 50; i++)
        EXPECT_EQ(WEXITSTATUS(run({"true"}).status), 0);
}

TEST_F(CommandKeeper, WhatCannotBeStarted) {
    Folder folder;
    const std::string plain = folder.write("plain", "#!/bin/sh\n"), lost = folder.write("lost", "#!/no/where\n");
    chmod(lost.c_str(), 0755);
    struct {
        std::vector<const char *> words;
        const char *dir;
        int step, error;
    } cases[] = {{{"/no/such"}, nullptr, START_EXEC, ENOENT},
                 {{"no-such-program"}, nullptr, START_EXEC, ENOENT},
                 {{plain.c_str()}, nullptr, START_EXEC, EACCES},
                 {{lost.c_str()}, nullptr, START_EXEC, ENOENT},
                 {{folder.path().c_str()}, nullptr, START_EXEC, EACCES},
                 {{"true"}, "/no/such", START_FOLDER, ENOENT},
                 {{"true"}, plain.c_str(), START_FOLDER, ENOTDIR}};
    for (const auto &c : cases) {
        program_end e = run(c.words, 0, c.dir);
        EXPECT_EQ(e.step, c.step) << c.words[0];
        EXPECT_EQ(e.error, c.error) << c.words[0];
    }
    const std::string huge(300000, 'x');
    program_end e = run({"true", huge.c_str()});
    EXPECT_EQ(e.step, START_EXEC);
    EXPECT_EQ(e.error, E2BIG);
    EXPECT_EQ(run({"pwd"}, 0, "/usr").step, START_OK) << "the keeper lives on";
    EXPECT_EQ(said(), "/usr\n");
}

TEST_F(CommandKeeper, TimeoutsAndWhatIsLeftBehind) {
    const std::string s = unique(1);
    program_end e = run({"sh", "-c", ("trap 'echo bye; exit 0' TERM; sleep " + s + " & wait").c_str()}, 0.3);
    EXPECT_TRUE(e.timed_out);
    EXPECT_EQ(said(), "bye\n") << "TERM first";
    EXPECT_TRUE(find(s).empty()) << "its child is gone with it";
    e = run(
        {"sh", "-c", ("trap '' TERM; sleep " + s + " & setsid sleep " + s + " & while :; do sleep 0.01; done").c_str()},
        0.2);
    EXPECT_TRUE(e.timed_out);
    EXPECT_EQ(WTERMSIG(e.status), SIGKILL) << "then KILL";
    EXPECT_TRUE(find(s).empty());
    e = run({"sh", "-c", "kill -STOP $$"}, 0.2);
    EXPECT_TRUE(e.timed_out);
    EXPECT_EQ(WTERMSIG(e.status), SIGTERM) << "what is stopped hears it too";
    e = run(
        {"sh", "-c",
         ("sleep " + s + " & setsid sleep " + s + " & (setsid sh -c 'sleep " + s + " & sleep " + s + "' &) ; echo out")
             .c_str()});
    EXPECT_EQ(WEXITSTATUS(e.status), 0);
    EXPECT_FALSE(e.timed_out);
    EXPECT_EQ(said(), "out\n");
    EXPECT_TRUE(find(s).empty()) << "what it left behind is killed";
}

TEST_F(CommandKeeper, StopAndLoss) {
    const std::string s = unique(2);
    start({"sleep", s.c_str()});
    sheaf_keeper_stop(&keeper_, 5);
    program_end e = end();
    EXPECT_EQ(WTERMSIG(e.status), SIGTERM);
    EXPECT_FALSE(e.timed_out);
    start({"sleep", s.c_str()});
    sheaf_keeper_stop(&keeper_, 0);
    EXPECT_EQ(WTERMSIG(end().status), SIGKILL);
    EXPECT_EQ(WEXITSTATUS(run({"true"}).status), 0);
    sheaf_keeper_stop(&keeper_, 0); /* too late */
    EXPECT_EQ(WEXITSTATUS(run({"sh", "-c", "exit 4"}).status), 4);
    start({"sleep", s.c_str()});
    ASSERT_TRUE(wait_for([&] { return find(s).size() == 1; }));
    sheaf_keeper_close(&keeper_);
    EXPECT_TRUE(wait_for([&] { return find(s).empty(); })) << "the program of a thread that has gone";
    ASSERT_EQ(sheaf_keeper_open(&keeper_, server_, error), 0);
    e = run({"sh", "-c", "kill -9 $PPID; sleep 100"});
    EXPECT_EQ(e.step, START_LOST);
    EXPECT_EQ(keeper_.fd, -1);
    ASSERT_EQ(sheaf_keeper_open(&keeper_, server_, error), 0) << "another takes its place";
    EXPECT_EQ(WEXITSTATUS(run({"sh", "-c", "exit 5"}).status), 5);
}

TEST_F(CommandKeeper, NothingOfTheLauncherIsLeft) {
    sheaf_keeper_close(&keeper_);
    sheaf_server_stop(server_);
    setenv("OMPI_COMM_WORLD_RANK", "0", 1);
    setenv("PMIX_NAMESPACE", "x", 1);
    unsetenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"); /* as may be set where tests run as root */
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("SHEAF_TEST_KEPT", "yes", 1);
    ASSERT_EQ(sheaf_server_start(&server_, error), 0);
    for (const char *name : {"OMPI_COMM_WORLD_RANK", "PMIX_NAMESPACE", "OMPI_ALLOW_RUN_AS_ROOT", "SHEAF_TEST_KEPT"})
        unsetenv(name);
    ASSERT_EQ(sheaf_keeper_open(&keeper_, server_, error), 0);
    run({"sh", "-c", "env | grep -E '^(OMPI|PMIX|SHEAF_TEST_KEPT)' | sort; ls /proc/self/fd | wc -l"});
    EXPECT_EQ(said(), "OMPI_ALLOW_RUN_AS_ROOT=1\nSHEAF_TEST_KEPT=yes\n4\n")
        << "and no descriptors but 0, 1, 2 and ls's";
}

// ------------------------------------------------------------------------------------------------------- item's folder

TEST(CommandWorkdir, KeepsWhatIsInsideAndRemovesAll) {
    Folder folder;
    Error error;
    char *path = nullptr;
    sheaf_aside aside{};
    const std::string out = folder / "o[u]t.d";
    const bool root = geteuid() == 0; /* to whom nothing is locked */
    if (root && (chown(folder.path().c_str(), 65534, 65534) || seteuid(65534)))
        GTEST_FAIL() << "cannot be nobody";
    std::filesystem::create_directory(out);
    std::ofstream(out + "/precious") << "x";
    for (int round = 0; round < 2; round++) { /* an earlier attempt left files */
        ASSERT_EQ(sheaf_workdir_make(out.c_str(), 5, &path, &aside, error), 0) << error.text();
        EXPECT_EQ(std::string(path), out + "/work/5");
        EXPECT_TRUE(std::filesystem::is_empty(path));
        std::filesystem::create_directories(std::string(path) + "/sub/deep");
        for (const char *name : {"/.hidden", "/a.png", "/sub/b.png", "/rest"})
            std::ofstream(path + std::string(name)) << round;
        if (round == 0)
            free(path);
    }
    const char *patterns[] = {"*.png", ".*", "sub", "none"};
    ASSERT_EQ(sheaf_workdir_keep(out.c_str(), 5, path, patterns, 4, &aside, error), 0) << error.text();
    for (const char *name : {"/precious", "/5/.hidden", "/5/a.png", "/5/sub/b.png", "/work/5/rest"})
        EXPECT_TRUE(std::filesystem::exists(out + name)) << name;
    std::ofstream(path + std::string("/c.png")) << "next";
    ASSERT_EQ(sheaf_workdir_keep(out.c_str(), 5, path, patterns, 4, &aside, error), 0) << "the next attempt";
    for (const char *name : {"/precious", "/5/c.png", "/work/5/rest"})
        EXPECT_TRUE(std::filesystem::exists(out + name)) << name;
    for (const char *name : {"/5/.hidden", "/5/a.png", "/5/sub"})
        EXPECT_FALSE(std::filesystem::exists(out + name)) << name << " of the attempt before";
    chmod((std::string(path) + "/rest").c_str(), 0);
    std::filesystem::create_directories(std::string(path) + "/locked/in/side");
    std::ofstream(path + std::string("/locked/in/side/file")) << "x";
    for (const char *name : {"/locked/in/side", "/locked/in", "/locked"})
        chmod((path + std::string(name)).c_str(), 0);
    ASSERT_EQ(sheaf_workdir_remove(path, error), 0) << error.text();
    ASSERT_EQ(sheaf_workdir_remove(path, error), 0) << "it is not there any more";
    sheaf_workdir_tidy(out.c_str());
    EXPECT_FALSE(std::filesystem::exists(out + "/work"));
    EXPECT_TRUE(std::filesystem::exists(out + "/precious"));
    free(path);
    if (root)
        EXPECT_EQ(seteuid(0), 0);
}

} // namespace
