/* isolate: true - what a kernel does to its process is an item's own fate, and all else is as without. */
#include "cli/program.h"

#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace {

class Isolate : public Program {
  protected:
    static constexpr int n_items = 24;

    Isolate() {
        std::vector<double> x;
        for (int i = 0; i < n_items; i++)
            x.push_back(i);
        write_x("in.csv", x);
    }

    /* Cheap items, of which threads take thousands at a time: x = 0 … 999, time and again, and a word. */
    void write_many(int n) const {
        std::string table = "x,word\n";
        for (int i = 0; i < n; i++)
            table += std::to_string(i % 1000) + "," + (i % 7 ? "w" + std::to_string(i) : "") + "\n";
        write("in.csv", table);
    }

    void write_isolated(const std::string &how, int at, const std::string &more = "", const std::string &params = "",
                        bool isolate = true) const {
        write_job("job.yaml", "csv: in.csv", SHEAF_PLUGIN_DIR "/isolated.so:isolated",
                  "params: {how: " + how + ", at: " + std::to_string(at) + params + "}\n" +
                      (isolate ? "isolate: true\n" : "") + more);
    }

    /* One run, in which these items, and no others, end as `outcome` with a message that has this text in it. */
    void expect_ended(const Layout &layout, const std::string &outcome, const std::string &message, const Words &items,
                      const Words &more = {}) const {
        SCOPED_TRACE(layout.name() + ", " + outcome + ", " + message);
        Words words = {"job.yaml", "-q", "--overwrite"};
        words.insert(words.end(), more.begin(), more.end());
        run_job(words, layout, 1);
        words = {"ended", path("job.h5"), outcome, message};
        words.insert(words.end(), items.begin(), items.end());
        check(words);
    }
};

TEST_F(Isolate, EveryWay) {
    const std::string how[][3] = {{"segv", "crashed", "killed by signal 11 (Segmentation fault)"},
                                  {"abort", "crashed", "killed by signal 6 (Aborted)"},
                                  {"overflow", "crashed", "killed by signal 11 (Segmentation fault)"},
                                  {"kill", "crashed", "killed by signal 9 (Killed)"},
                                  {"exit", "crashed", "ended with exit code 0"}};
    for (const auto &way : how) {
        write_job("job.yaml", "csv: in.csv", "hostile:poison",
                  "params: {ms: 0, at: 5, how: " + way[0] + "}\nisolate: true\n");
        expect_ended({0, 2}, way[1], way[2], {"5"});
    }
    write_isolated("exit", 0);
    expect_ended({0, 1}, "crashed", "ended with exit code 7", {"0"});
    write_isolated("orphan", 23);
    expect_ended({0, 1}, "crashed", "killed by signal 11", {"23"});
    write_isolated("closed", 7);
    expect_ended({0, 1}, "crashed", "killed by signal 9", {"7"});
}

TEST_F(Isolate, EveryLayout) {
    write_isolated("segv", 5);
    for (Layout layout : {Layout{2, 2}, Layout{2, 2, true}})
        expect_ended(layout, "crashed", "killed by signal 11", {"5"});
    write_isolated("segv", 21, "", ", block: 5");
    expect_ended({0, 1}, "crashed", "with the block of 4 items", {"20", "21", "22", "23"});
}

TEST_F(Isolate, Timeout) {
    write_isolated("loop", 3, "timeout: 2s\n");
    expect_ended({0, 2}, "timed_out", "took longer than 2 s", {"3"});
}

/* What map returns is the kernel's own, whatever number it is: it says nothing of how many items were computed. */
TEST_F(Isolate, AnyReturn) {
    for (const std::string code : {"-1", "-2000", "-2016", "-9999", "-2147483648"})
        for (const std::string block : {"1", "6"}) {
            write_isolated("returns", 8, "", ", code: " + code + ", block: " + block);
            expect_ended({0, 2}, "failed", code == "-1" ? "without saying why" : "it returned " + code,
                         block == "1" ? Words{"8"} : Words{"6", "7", "8", "9", "10", "11"});
        }
}

/* An item that was given back stays pending, and so does nothing else; the next run takes it up. */
TEST_F(Isolate, GivenBack) {
    for (bool isolate : {false, true})
        for (const std::string block : {"1", "6"}) {
            SCOPED_TRACE(block + (isolate ? ", isolated" : ""));
            write_isolated("back", 8, "retries: 2\n", ", block: " + block, isolate);
            for (int run = 1; run <= 2; run++) {
                run_job({"job.yaml", "-q", run == 1 ? "--overwrite" : "--quiet"}, {0, 2}, 75);
                Result status = sheaf({"status", "job.h5"});
                EXPECT_EQ(count_of(status.out, "24 items, 1 pending, 23 done"), 1) << status;
            }
            Result shown = sheaf({"show", "job.h5", "--csv", "--fields", "x,y"});
            EXPECT_EQ(count_of(shown.out, "8,pending,8,\n"), 1) << shown;
            EXPECT_EQ(count_of(shown.out, "9,done,9,19\n"), 1) << shown;
        }
}

/* An item that ends its process may be tried again; what the attempts before have said is forgotten. */
TEST_F(Isolate, Retries) {
    write_isolated("segv", 5, "retries: 3\n", ", until: 2");
    run_job({"job.yaml", "-q"}, {0, 2});
    check({"isolated", path("job.h5"), "5", "3"});
    write_isolated("segv", 5, "retries: 1\n", ", until: 2");
    expect_ended({0, 2}, "crashed", "killed by signal 11", {"5"});
    check({"attempts", path("job.h5"), "5", "2"});
}

/* As above, where the ones that end the process are among many that are computed together. */
TEST_F(Isolate, AmongMany) {
    write_many(12000);
    Words ended;
    for (int i = 0; i < 12; i++)
        ended.push_back(std::to_string(1000 * i + 321));
    write_isolated("segv", 321);
    expect_ended({0, 2}, "crashed", "killed by signal 11", ended);
    write_isolated("exit", 321, "retries: 1\n", ", until: 1");
    run_job({"job.yaml", "-q", "--overwrite"}, {0, 2});
    check({"isolated", path("job.h5"), "321", "2"});
    write_isolated("loop", 321, "timeout: 2s\nhalt: {failed: 1}\n");
    Result halted = run_job({"job.yaml", "--overwrite"}, {0, 1}, 1);
    EXPECT_EQ(count_of(halted.err, "ended early since too many items failed"), 1) << halted;
}

/* The file of a job that is not isolated goes on isolated, and the other way round. */
TEST_F(Isolate, Resume) {
    for (bool first : {false, true}) {
        write_isolated("segv", -1, "", "", first);
        run_job({"job.yaml", "-q", "--overwrite", "--items", "0:10"});
        write_isolated("segv", -1, "", "", !first);
        Result rest = run_job({"job.yaml"});
        EXPECT_EQ(count_of(rest.err, "24 of 24 items done"), 1) << rest;
        check({"isolated", path("job.h5")});
    }
}

/* All that a kernel sees and gives is as it is in the run's own process. */
TEST_F(Isolate, SameBytes) {
    struct {
        std::string kernel, items, more, fields;
        int exit;
    } jobs[] = {
        {"square_plus", "count: 20000", "", "y", 0},
        {"pi", "count: 20", "params: {samples: 500}\nseed: 9\n", "hits,pi", 0},
        {"moid", "csv: " SHEAF_SOURCE_DIR "/data/asteroids.csv", "", "moid,true_anomaly,earth_longitude", 0},
        {"hostile:poke", "csv: in.csv", "", "f64,f32,i64,i32,u8", 0},
        {"hostile:shared_check", "csv: in.csv", "", "y", 0},
        {"hostile:impure_serial", "count: 20", "", "y", 0},
        {"hostile:draws", "count: 50", "params: {block: 7}\n", "u,raw", 0},
        {"hostile:line_in", "lines: words.txt", "", "length,checksum", 0},
        {"hostile:draws", "count: 500", "params: {slip: 1}\nhalt: never\n", "u,raw", 1},
        {SHEAF_PLUGIN_DIR "/isolated.so:isolated", "csv: many.csv", "", "y,said,word", 0},
        {SHEAF_PLUGIN_DIR "/isolated.so:isolated", "csv: many.csv", "params: {how: returns, at: 8}\n", "y,said", 1},
        {SHEAF_PLUGIN_DIR "/isolated.so:isolated", "csv: many.csv", "params: {how: blames, at: 8}\n", "y,said", 1},
        {"hostile:fails", "csv: bad.csv", "", "y", 1},
        {SHEAF_PLUGIN_DIR "/texts.so:says", "count: 120", "", "y,v,said,log", 1},
    };
    write("words.txt", "one\n\nthree and more\nf\xc3\xbcnf\nsix\nseven\n" + std::string(100000, 'x') + "\n");
    write_many(5000);
    ASSERT_EQ(rename(path("in.csv").c_str(), path("many.csv").c_str()), 0);
    write_x("in.csv", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21});
    write_x("bad.csv", {0.5, 1, -1, 3, /**/ 13, 5, 6, 7, /**/ 8, 14, 10, 11, /**/ 12, 97, 16, 99});
    Words files = {"same_but_attempts"};
    for (const auto &job : jobs) {
        SCOPED_TRACE(job.kernel);
        const std::string number = std::to_string(files.size()), plain = "plain" + number + ".h5",
                          isolated = "isolated" + number + ".h5";
        write_job("job.yaml", job.items, job.kernel, job.more);
        run_job({"job.yaml", "-q", "-o", plain}, {0, 1}, job.exit);
        write_job("job.yaml", job.items, job.kernel, job.more + "isolate: true\n");
        run_job({"job.yaml", "-q", "-o", isolated}, {0, 2}, job.exit);
        files.insert(files.end(), {path(plain), path(isolated), job.fields});
    }
    check(files);
}

/* Mistakes in params and inputs are refused in the same words. */
TEST_F(Isolate, Refusals) {
    for (std::string more : {"params: {mood: dark}\n", "params: {mod: 1}\n"}) {
        std::string said[2];
        for (int isolate : {0, 1}) {
            write_job("job.yaml", "csv: in.csv", "hostile:refuses",
                      (isolate ? "isolate: true\n" : "isolate: false\n") + more);
            said[isolate] = run_job({"job.yaml"}, {}, 2).err;
        }
        EXPECT_EQ(said[0], said[1]);
        EXPECT_NE(said[0], "");
    }
    write_isolated("opening", 5);
    Result result = run_job({"job.yaml"}, {0, 2}, 3);
    EXPECT_EQ(count_of(result.err, "killed by signal 11 (Segmentation fault) when it opened the kernel"), 1) << result;
}

/* A batch system that signals all processes of a run means the run: no item ends by it. */
TEST_F(Isolate, SignalsToAll) {
    Start marked = start();
    marked.env["SHEAF_TEST_MARK"] = folder_;
    write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: 30}\nisolate: true\n");
    Child child(command({"run", "job.yaml", "-q"}, {0, 1}), marked);
    EXPECT_TRUE(wait_for_done(child, path("job.h5"), 2));
    int n = 0;
    for (pid_t pid : find_marked("SHEAF_TEST_MARK=" + folder_))
        if (name_of_process(pid) == "sheaf-kernel")
            for (int signal : {SIGUSR1, SIGTERM, SIGINT, SIGHUP})
                n += kill(pid, signal) == 0;
    EXPECT_EQ(n, 4);
    EXPECT_EQ(child.wait().exit, 0);
    check({"slow", path("job.h5"), "all"});
}

/* A run that is killed while a kernel never comes back: nothing outlives it, also what the kernel has begun. */
TEST_F(Isolate, NothingSurvives) {
    Start marked = start();
    marked.env["SHEAF_TEST_MARK"] = folder_;
    const std::string mark = "SHEAF_TEST_MARK=" + folder_;
    for (Layout layout : {Layout{0, 2}, Layout{2, 1}}) {
        write_isolated("loop", 3);
        unlink(path("job.h5").c_str());
        Child child(command({"run", "job.yaml", "-q"}, layout), marked);
        EXPECT_TRUE(wait_for_done(child, path("job.h5"), n_items - 1));
        EXPECT_GE(find_marked(mark).size(), 4u) << "the run, its server, a keeper and a child";
        for (pid_t pid : child.processes("sheaf"))
            kill(pid, SIGKILL);
        child.wait();
        EXPECT_TRUE(wait_until([&] { return find_marked(mark).empty(); })) << layout.name();
    }
    write_isolated("orphan", 3);
    Child child(command({"run", "job.yaml", "-q", "--overwrite"}, {0, 1}), marked);
    EXPECT_EQ(child.wait().exit, 1);
    EXPECT_TRUE(wait_until([&] { return find_marked(mark).empty(); })) << "after a run that ended";
}

/* A child that does not come back from close is killed, and the run ends. */
TEST_F(Isolate, CloseThatHangs) {
    write_isolated("closing", -1);
    for (const Layout &layout : {Layout{0, 2}, Layout{2, 1}}) {
        Result result = run_job({"job.yaml", "--overwrite"}, layout);
        EXPECT_EQ(count_of(result.err, "close or thread_close took longer than 3 s"), layout.ranks ? 2 : 1) << result;
        EXPECT_EQ(count_of(result.err, "24 of 24 items done"), 1) << result;
    }
    write_isolated("no", -1);
    Result result = run_job({"job.yaml", "--overwrite"});
    EXPECT_EQ(count_of(result.err, "close"), 0) << result;
}

} // namespace
