/* show, status and kernels: what people and other programs read. */
#include "cli/program.h"

#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

namespace {

class Show : public Program {
  protected:
    void make_results() const {
        std::string table = "name,x,group\n";
        const char *names[] = {"plain",     "\"comma, here\"", "\"a \"\"quote\"\"\"", "\"two\nlines\"", "Čapek", "",
                               "\" lead\"", "'single'"};
        for (int i = 0; i < 60; i++)
            table += std::string(names[i % 8]) + "," + std::to_string((i * 37 % 60) / 7.0) + "," +
                     std::to_string(i % 4) + "\n";
        write("in.csv", table);
        write_job("job.yaml", "csv: in.csv", "hostile:poke");
        run_job({"job.yaml"}, {2, 1});
    }

    void save(const std::string &name, const Words &arguments) const {
        Words words = {"show", "job.h5", "--csv"};
        words.insert(words.end(), arguments.begin(), arguments.end());
        Result result = sheaf(words);
        EXPECT_EQ(result.exit, 0) << result;
        EXPECT_EQ(result.err, "");
        write(name, result.out);
    }

    static size_t widest_line(const std::string &text) {
        size_t widest = 0;
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);) {
            auto starts = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
            widest = std::max(widest, static_cast<size_t>(std::count_if(line.begin(), line.end(), starts)));
        }
        return widest;
    }
};

TEST_F(Show, CsvRoundTrip) {
    make_results();
    save("table.csv", {});
    check({"csv_output", path("table.csv"), path("job.h5")});
}

/* As whole numbers: as float64 the first three of these are equal, and so would be their negatives. */
TEST_F(Show, SortsWholeNumbersExactly) {
    write("in.csv", "k\n9007199254740993\n9007199254740992\n9007199254740994\n-9223372036854775808\n"
                    "9223372036854775807\n9223372036854775806\n0\n");
    write("job.yaml", "items: {csv: in.csv}\nexpression: {y: k}\noutput: job.h5\n");
    run_job({"job.yaml"});
    save("up.csv", {"--sort", "k", "--fields", "k"});
    save("down.csv", {"--sort", "-k", "--fields", "k"});
    EXPECT_EQ(read("up.csv"), "item,status,k\n3,done,-9223372036854775808\n6,done,0\n1,done,9007199254740992\n"
                              "0,done,9007199254740993\n2,done,9007199254740994\n5,done,9223372036854775806\n"
                              "4,done,9223372036854775807\n");
    EXPECT_EQ(read("down.csv"), "item,status,k\n4,done,9223372036854775807\n5,done,9223372036854775806\n"
                                "2,done,9007199254740994\n0,done,9007199254740993\n1,done,9007199254740992\n6,done,0\n"
                                "3,done,-9223372036854775808\n");
}

TEST_F(Show, CsvRoundTripOfMoid) {
    run_job({SHEAF_SOURCE_DIR "/jobs/moid.yaml", "-o", "job.h5"});
    save("table.csv", {});
    check({"csv_output", path("table.csv"), path("job.h5")});
}

TEST_F(Show, Sorting) {
    make_results();
    const std::pair<std::string, std::string> fields[] = {{"x", "60"}, {"group", "60"}, {"f64", "7"}};
    for (const auto &[field, n] : fields) {
        save("up.csv", {"--sort", field, "--head", n});
        check({"sorted", path("up.csv"), path("job.h5"), field, "up", n});
        save("down.csv", {"--sort", "-" + field, "--head", n});
        check({"sorted", path("down.csv"), path("job.h5"), field, "down", n});
    }
    Result text = sheaf({"show", "job.h5", "--sort", "name"});
    EXPECT_EQ(text.exit, 2);
    EXPECT_EQ(count_of(text.err, "'name'"), 1) << text;
    Result wide = sheaf({"show", "job.h5", "--sort", "i64"});
    EXPECT_EQ(wide.exit, 2);
    EXPECT_EQ(count_of(wide.err, "'i64'"), 1) << wide;
}

/* Failed items have no value: they sort behind all others in both directions. */
TEST_F(Show, SortingPutsFailedLast) {
    write_x("in.csv", {3, -1, 2, 5, 9, 4});
    write_job("job.yaml", "csv: in.csv", "hostile:fails");
    run_job({"job.yaml"}, {}, 1);
    EXPECT_EQ(sheaf({"show", "job.h5", "--csv", "--sort", "y", "--fields", "y"}).out,
              "item,status,y\n2,done,2\n0,done,3\n5,done,4\n3,done,5\n4,done,9\n1,failed,nan\n");
    EXPECT_EQ(sheaf({"show", "job.h5", "--csv", "--sort", "-y", "--fields", "y", "--head", "2"}).out,
              "item,status,y\n4,done,9\n3,done,5\n");
}

/* More rows than are held at a time, and a head that cuts. */
TEST_F(Show, SortingManyRows) {
    std::string table = "x\n";
    for (int i = 0; i < 30000; i++)
        table += std::to_string((i * 7919L) % 30011) + "\n";
    write("in.csv", table);
    write_job("job.yaml", "csv: in.csv", "square_plus");
    run_job({"job.yaml"});
    for (std::string direction : {"up", "down"}) {
        save("table.csv", {"--sort", direction == "up" ? "y" : "-y", "--head", "25"});
        check({"sorted", path("table.csv"), path("job.h5"), "y", direction, "25"});
    }
    save("table.csv", {"--sort", "x"});
    check({"sorted", path("table.csv"), path("job.h5"), "x", "up", "30000"});
}

TEST_F(Show, Head) {
    make_results();
    auto rows = [&](const Words &more) {
        Words words = {"show", "job.h5"};
        words.insert(words.end(), more.begin(), more.end());
        Result result = sheaf(words);
        EXPECT_EQ(result.exit, 0) << result;
        return count_of(result.out, "\n") - 1;
    };
    EXPECT_EQ(rows({}), 20);
    EXPECT_EQ(rows({"--head", "3"}), 3);
    EXPECT_EQ(rows({"-n", "0"}), 60);
    EXPECT_EQ(rows({"-n", "1000"}), 60);
    Result result = sheaf({"show", "job.h5"});
    EXPECT_EQ(count_of(result.err, "40 more rows"), 1) << result;
}

TEST_F(Show, Fields) {
    make_results();
    Result result = sheaf({"show", "job.h5", "--csv", "--fields", "u8,name", "--head", "2"});
    EXPECT_EQ(result.out, "item,status,u8[0],u8[1],u8[2],u8[3],u8[4],name\n0,done,0,1,2,3,4,plain\n"
                          "1,done,50,51,52,53,54,\"comma, here\"\n")
        << "x = 37/7 there\n"
        << result;
    result = sheaf({"show", "job.h5", "--fields", "nam"});
    EXPECT_EQ(result.exit, 2);
    EXPECT_EQ(count_of(result.err, "no field 'nam'; did you mean 'name'?"), 1) << result;
    result = sheaf({"show", "job.h5", "--sort", "grop"});
    EXPECT_EQ(count_of(result.err, "no field 'grop'; did you mean 'group'?"), 1) << result;
    for (std::string nothing : {"", ",", "name,,x"}) {
        result = sheaf({"show", "job.h5", "--fields", nothing});
        EXPECT_TRUE(result.exit == 0 || result.exit == 2) << result;
    }
}

TEST_F(Show, WidthOfTheTable) {
    make_results();
    for (int columns : {40, 80, 200}) {
        Result result = shell("COLUMNS=" + std::to_string(columns) + " " SHEAF_PROGRAM " show job.h5");
        EXPECT_LE(widest_line(result.out), static_cast<size_t>(columns)) << result;
        EXPECT_EQ(result.exit, 0);
    }
    Result narrow = shell("COLUMNS=60 " SHEAF_PROGRAM " show job.h5");
    EXPECT_EQ(count_of(narrow.err, "more columns"), 1) << "what is missing is told\n" << narrow;
    Result wide = shell("COLUMNS=1000 " SHEAF_PROGRAM " show job.h5");
    EXPECT_EQ(count_of(wide.err, "more column"), 0) << wide;
    Result odd = shell("COLUMNS=-7 " SHEAF_PROGRAM " show job.h5");
    EXPECT_EQ(odd.exit, 0) << odd;
}

/* On a terminal its width counts, not what COLUMNS says. */
TEST_F(Show, OnATerminal) {
    make_results();
    struct winsize size = {};
    size.ws_col = 70;
    size.ws_row = 50;
    int terminal = -1;
    std::string program = SHEAF_PROGRAM, file = path("job.h5");
    pid_t pid = forkpty(&terminal, nullptr, nullptr, &size);
    if (pid == 0) {
        setenv("COLUMNS", "500", 1);
        execl(program.c_str(), "sheaf", "show", file.c_str(), nullptr);
        _exit(127);
    }
    if (pid < 0)
        GTEST_SKIP() << "there are no pseudo-terminals here: " << strerror(errno);
    std::string text;
    char buffer[4096];
    for (ssize_t n; (n = ::read(terminal, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR);)
        text.append(buffer, static_cast<size_t>(n > 0 ? n : 0));
    int status = 0;
    waitpid(pid, &status, 0);
    close(terminal);
    EXPECT_EQ(status, 0) << text;
    std::string table;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (line.rfind('(', 0) != 0) /* the remarks go to stderr, which is the terminal too */
            table += line.substr(0, line.find('\r')) + "\n";
    EXPECT_GE(count_of(table, "\n"), 21) << text;
    EXPECT_LE(widest_line(table), 70u) << text;
    EXPECT_GT(widest_line(table), 30u) << text;
}

/* A pipe that is closed early is no reason to complain. */
TEST_F(Show, IntoHead) {
    write_job("job.yaml", "count: 200000", "square_plus");
    run_job({"job.yaml"});
    Result result = shell(SHEAF_PROGRAM " show job.h5 --csv | head -n 3");
    EXPECT_EQ(result.out, "item,status,y\n0,done,49995000\n1,done,49995001\n") << result; /* 9999·10000/2 */
    EXPECT_EQ(result.err, "");
}

/* While a run writes, show and status tell what is there, and nothing about what is not. */
TEST_F(Show, WhileARunWrites) {
    std::vector<double> x;
    for (int i = 0; i < 400; i++)
        x.push_back(i + 0.5);
    write_x("in.csv", x);
    write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: 50}\n");
    Child child(command({"run", "job.yaml", "-q"}, {2, 1}), start());
    StatusPlace place;
    ASSERT_TRUE(wait_until([&] {
        place = place.offset < 0 ? find_status(path("job.h5")) : place;
        return place.offset >= 0 && count_done(path("job.h5"), place) >= 5;
    }));
    Result status = sheaf({"status", "job.h5", "--exit-code"});
    Result table = sheaf({"show", "job.h5", "--head", "0"});
    Result csv = sheaf({"show", "job.h5", "--csv"});
    Result sorted = sheaf({"show", "job.h5", "--sort", "-y", "--head", "3"});
    ASSERT_TRUE(child.running()) << "the test is too slow to test anything";
    child.kill_all(SIGKILL);
    child.wait();
    EXPECT_EQ(status.exit, 75) << status;
    EXPECT_EQ(count_of(status.out, " pending"), 1) << status;
    EXPECT_EQ(table.exit, 0) << table;
    EXPECT_EQ(count_of(table.out, "\n"), 401);
    EXPECT_GT(count_of(table.out, "pending"), 100);
    EXPECT_EQ(count_of(sorted.out, "pending"), 0) << "what has no value is not the largest\n" << sorted;
    write("table.csv", csv.out);
    check({"pending_cells", path("table.csv"), "y"});
}

TEST_F(Show, StatusCodes) {
    write_x("in.csv", {1, 2, -1, 4, /**/ 5, 6});
    write_job("job.yaml", "csv: in.csv", "hostile:fails");
    auto code = [&] { return sheaf({"status", "job.h5", "--exit-code"}).exit; };
    run_job({"job.yaml", "--items", "0:2"});
    EXPECT_EQ(code(), 75);
    run_job({"job.yaml", "--items", "0:4"}, {}, 1);
    EXPECT_EQ(code(), 75) << "pending goes before failed: run again";
    run_job({"job.yaml"}, {}, 1);
    EXPECT_EQ(code(), 1);
    EXPECT_EQ(sheaf({"status", "job.h5"}).exit, 0) << "without --exit-code the question is answered, that is all";
    write_x("in.csv", {1, 2});
    run_job({"job.yaml", "--overwrite"});
    EXPECT_EQ(code(), 0);
    EXPECT_EQ(sheaf({"status", "job.h5"}).out, "job.h5: 2 items, 2 done\n");
}

TEST_F(Show, Kernels) {
    Result list = sheaf({"kernels"});
    EXPECT_EQ(list.exit, 0);
    EXPECT_EQ(count_of("\n" + list.out, "\nmoid "), 1) << list;
    EXPECT_EQ(count_of("\n" + list.out, "\nsquare_plus "), 1) << list;
    Result moid = sheaf({"kernels", "moid"});
    for (std::string word : {"a_au", "e ", "i_deg", "node_deg", "peri_deg", "samples", "moid", "true_anomaly", "au"})
        EXPECT_GE(count_of(moid.out, word), 1) << word << "\n" << moid;
    Result plugin = sheaf({"kernels", SHEAF_PLUGIN_DIR "/hostile.so:uneven"});
    EXPECT_EQ(plugin.exit, 0) << plugin;
    EXPECT_EQ(count_of(plugin.out, "float64[3]"), 1) << plugin;
    EXPECT_EQ(count_of(plugin.out, "default 20"), 1) << plugin;
    for (std::string name : {"wrong_abi", "small_struct", "nosuch"}) {
        Result refused = sheaf({"kernels", std::string(SHEAF_PLUGIN_DIR "/hostile.so:") + name});
        EXPECT_EQ(refused.exit, 2) << refused;
        EXPECT_GE(count_of(refused.err, name), 1) << refused;
    }
    /* Wrong declarations are told, or at least not listed as if they were right. */
    for (std::string name : {"bad_width", "null_name", "no_outputs", "refuses", "twice"}) {
        Result odd = sheaf({"kernels", std::string(SHEAF_PLUGIN_DIR "/hostile.so:") + name});
        EXPECT_TRUE(odd.exit == 0 || odd.exit == 2) << odd;
        EXPECT_EQ(count_of(odd.out, "(null)"), 0) << odd;
        EXPECT_EQ(count_of(odd.out, "float64[any]"), 0) << odd;
    }
}

/* PATH.so:NAME is a path, as in a job file: no search through the system's folders. */
TEST_F(Show, KernelsOfAPluginHere) {
    ASSERT_EQ(shell("cp " SHEAF_PLUGIN_DIR "/hostile.so own.so").exit, 0);
    EXPECT_EQ(sheaf({"kernels", "./own.so:slow"}).exit, 0);
    Result here = sheaf({"kernels", "own.so:slow"});
    EXPECT_EQ(here.exit, 0) << here;
}

} // namespace
