/* What users get wrong: one message that names the place and the remedy, exit 2, nothing written; the same under mpirun,
   where it is printed once. */
#include "cli/program.h"

#include "unit/sheaf.h"

#include <sstream>

#include <sys/stat.h>
#include <unistd.h>

namespace {

class Errors : public Program {
  protected:
    Errors() {
        write_x("in.csv", {1, 2, 3});
        write("good.yaml", "items: {csv: in.csv}\nkernel: square_plus\n");
    }

    /* `sheaf run` with these arguments is refused, alone and under mpirun, with a message that holds all of `parts`;
       no file appears or changes. mpirun takes a second to end after an error, so not each goes through it. */
    void refused(const Words &arguments, const Words &parts, int exit = 2) {
        bool also_mpirun = slow_tests() || n_refused_++ % 6 == 0;
        for (int ranks : also_mpirun ? std::vector<int>{0, 3} : std::vector<int>{0}) {
            Words names = list_folder(folder_), words = {"run"};
            words.insert(words.end(), arguments.begin(), arguments.end());
            Result result = sheaf(words, {ranks, 0});
            EXPECT_EQ(result.exit, exit) << result;
            EXPECT_EQ(result.out, "") << result;
            int messages = 0;
            std::istringstream lines(result.err);
            for (std::string line; std::getline(lines, line);)
                if (line.rfind("sheaf: ", 0) == 0 || line.rfind("sheaf run: ", 0) == 0) {
                    messages++;
                    for (const std::string &part : parts)
                        EXPECT_NE(line.find(part), std::string::npos) << "no '" << part << "' in\n" << result;
                }
            EXPECT_EQ(messages, 1) << "one message, one line, printed once\n" << result;
            if (ranks == 0) {
                EXPECT_EQ(count_of(result.err, "\n"), 1) << result;
            }
            EXPECT_EQ(list_folder(folder_), names) << "nothing is written\n" << result;
        }
    }

    void refused_job(const std::string &text, const Words &parts) {
        write("job.yaml", text);
        refused({"job.yaml"}, parts);
    }

  private:
    int n_refused_ = 0;
};

TEST_F(Errors, JobFile) {
    refused({"missing.yaml"}, {"missing.yaml: ", "No such file"});
    refused({"."}, {".: ", "regular file"});
    refused_job("", {"job.yaml"});
    refused_job("item: {csv: in.csv}\nkernel: moid\n", {"job.yaml:1:1: ", "'item'", "did you mean 'items'?"});
    refused_job("items: {csv: in.csv}\nkernel: square_plus\nschedule: {polices: static}\n",
                {"job.yaml:3:12: ", "'polices'", "did you mean 'policy'?"});
    refused_job("items: {csv: in.csv}\nkernel: squareplus\n",
                {"job.yaml:2:9: ", "unknown kernel 'squareplus'", "did you mean 'square_plus'?"});
    refused_job("items: {csv: in.csv}\n", {"job.yaml", "'kernel' is missing"});
    refused_job("kernel: moid\n", {"job.yaml", "'items' is missing"});
    refused_job("items: {csv: in.csv, count: 3}\nkernel: moid\n", {"job.yaml:1:", "one of"});
    refused_job("items: {count: -3}\nkernel: square_plus\n", {"job.yaml:1:16: ", "-3"});
    refused_job("items: {count: many}\nkernel: square_plus\n", {"job.yaml:1:16: ", "many"});
    refused_job("items: {count: 1.5}\nkernel: square_plus\n", {"job.yaml:1:16: ", "1.5"});
    refused_job("items: {count: 3\nkernel: square_plus\n", {"job.yaml:2:"});
    refused_job("items: {count: 3}\nitems: {count: 4}\nkernel: square_plus\n", {"job.yaml:2:1: ", "items"});
    refused_job("items: {count: 3}\nkernel: square_plus\nparams: {term: 3}\n",
                {"job.yaml:3:", "'term'", "did you mean 'terms'?"});
    refused_job("items: {count: 3}\nkernel: square_plus\nparams: {terms: ten}\n", {"job.yaml:3:17: ", "ten", "number"});
    refused_job("items: {count: 3}\nkernel: square_plus\nparams: {terms: [1, 2]}\n", {"job.yaml:3:17: ", "terms"});
    refused_job("items: {count: 3}\nkernel: square_plus\ntransport: dirct\n",
                {"job.yaml:3:12: ", "'dirct'", "did you mean 'direct'?"});
    refused_job("items: {count: 3}\nkernel: square_plus\ntransport: carrier pigeon\n",
                {"job.yaml:3:12: ", "'carrier pigeon'", "'auto', 'gather', 'direct'"});
    refused_job("items: {count: 3}\nkernel: square_plus\ntransport: [direct]\n", {"job.yaml:3:12: ", "transport"});
    refused_job("items: {count: 3}\nkernel: square_plus\ntransprt: direct\n",
                {"job.yaml:3:1: ", "'transprt'", "did you mean 'transport'?"});
    refused_job("items: {count: 3}\nkernel: square_plus\nschedule: dynamic\n", {"job.yaml:3:11: ", "map"});
    refused_job("items: {count: 3}\nkernel: square_plus\nschedule: {policy: fastest}\n",
                {"job.yaml:3:20: ", "'fastest'", "'auto', 'static', 'weighted', 'dynamic'"});
    refused_job("items: {count: 3}\nkernel: square_plus\nschedule: {policy: dynamik}\n",
                {"job.yaml:3:20: ", "'dynamik'"});
    refused_job("items: {csv: in.csv}\nkernel: square_plus\nschedule: {policy: weighted}\n", {"job.yaml:3:", "cost"});
}

TEST_F(Errors, CostsThatAreNone) {
    refused_job("items: {csv: in.csv}\nkernel: square_plus\nschedule: {policy: weighted, cost: y}\n",
                {"job.yaml:3:36: ", "'y'", "'x'"});
    refused_job("items: {count: 4}\nkernel: square_plus\nschedule: {policy: weighted, cost: x}\n",
                {"job.yaml:3:36: ", "'x'"});
    write("in.csv", "x,cost\n1,2\n2,-7\n");
    refused_job("items: {csv: in.csv}\nkernel: square_plus\nschedule: {policy: weighted, cost: cost}\n",
                {"job.yaml:3:36: ", "in.csv", "-7"});
    write("in.csv", "x,cost\n1,2\n2,\n");
    refused_job("items: {csv: in.csv}\nkernel: square_plus\nschedule: {policy: weighted, cost: cost}\n",
                {"job.yaml:3:36: ", "in.csv"});
    write("in.csv", "x,cost\n1,cheap\n2,3\n");
    refused_job("items: {csv: in.csv}\nkernel: square_plus\nschedule: {policy: weighted, cost: cost}\n",
                {"job.yaml:3:36: ", "'cost'"});
}

TEST_F(Errors, Csv) {
    refused_job("items: {csv: missing.csv}\nkernel: moid\n", {"missing.csv: ", "No such file"});
    refused_job("items: {csv: in.csv}\nkernel: moid\n", {"job.yaml:1:8: ", "'a_au'", "in.csv", "'x'"});
    write("in.csv", "");
    refused_job("items: {csv: in.csv}\nkernel: square_plus\n", {"in.csv:1: ", "empty"});
    write("in.csv", "x,y\n1,2\n3\n");
    refused_job("items: {csv: in.csv}\nkernel: square_plus\n", {"in.csv:3: ", "1 cell", "2"});
    write("in.csv", "x,z\n1,2\n3,\"4\n5,6\n");
    refused_job("items: {csv: in.csv}\nkernel: square_plus\n", {"in.csv:3: ", "quote"});
    write("in.csv", "x,x\n1,2\n");
    refused_job("items: {csv: in.csv}\nkernel: square_plus\n", {"in.csv:1: ", "column 2", "'x'"});
    write("in.csv", "x,y\n1,2\n");
    refused_job("items: {csv: in.csv}\nkernel: square_plus\n", {"'y'", "rename"});
}

/* What every command gives has names that cannot be changed: there the column is renamed. */
TEST_F(Errors, NamesOfColumnsInPrograms) {
    write("in.csv", "x,y,host\n1,2,here\n");
    refused_job("items: {csv: in.csv}\ncommand: echo {x}\n", {"job.yaml:2:10: ", "'host'", "rename the field"});
    refused_job("items: {csv: in.csv}\ncommand: echo {x}\noutputs: {y: {column: 1}}\n",
                {"job.yaml:3:11: ", "'y'", "rename the output"});
    refused_job("items: {csv: in.csv}\nworker: cat\noutputs: [z]\nparams: {y: 3}\n",
                {"job.yaml:4:13: ", "'y'", "rename the param"});
}

TEST_F(Errors, BadNumberInRow4711) {
    std::string table = "name,x\n";
    for (int row = 1; row <= 6000; row++)
        table += "\"n, " + std::to_string(row) + "\"," + (row == 4711 ? "1.2.3" : std::to_string(row)) + "\n";
    write("in.csv", table);
    refused_job("items: {csv: in.csv}\nkernel: square_plus\n",
                {"in.csv:4712: ", "row 4711", "column 'x'", "'1.2.3'", "number"});
}

TEST_F(Errors, EmptyCellsWhereTheyCannotBe) {
    check({"make_input", path("in.h5"), "5"});
    refused_job("items: {hdf5: {file: in.h5, fields: {x: /nosuch}}}\nkernel: square_plus\n",
                {"job.yaml:1:", "in.h5", "'/nosuch'"});
    refused_job("items: {hdf5: {file: missing.h5, fields: {x: /x}}}\nkernel: square_plus\n",
                {"missing.h5: ", "No such file"});
    refused_job("items: {hdf5: {file: in.csv, fields: {x: /x}}}\nkernel: square_plus\n", {"in.csv: ", "HDF5"});
    refused_job("items: {hdf5: {file: in.h5, fields: {x: /w}}}\nkernel: square_plus\n", {"job.yaml:1:", "'x'", "2"});
    refused_job("items: {hdf5: {file: in.h5}}\nkernel: square_plus\n", {"job.yaml:1:", "'fields'"});
}

TEST_F(Errors, OutputOfAnotherJob) {
    run_job({"good.yaml", "-o", "out.h5"});
    std::string before = read("out.h5");
    refused({"good.yaml", "-o", "out.h5", "--set", "params.terms=7"}, {"out.h5: ", "terms: 10000", "terms: 7", "-o"});
    write("other.yaml", "items: {count: 3}\nkernel: square_plus\n");
    refused({"other.yaml", "-o", "out.h5"}, {"out.h5: ", "csv", "count", "--overwrite"});
    EXPECT_TRUE(read("out.h5") == before);
}

/* A file that is not ours is left alone, and nobody is told to overwrite it. */
TEST_F(Errors, ForeignOutput) {
    check({"make_foreign", path("foreign.h5")});
    write("notes.txt", "do not lose this\n");
    write("empty", "");
    for (std::string name : {"foreign.h5", "notes.txt", "empty", "in.csv", "good.yaml"}) {
        SCOPED_TRACE(name);
        std::string before = read(name);
        refused({"good.yaml", "-o", name}, {name + ": exists"});
        EXPECT_TRUE(read(name) == before);
    }
}

/* --overwrite replaces results, not the job, its inputs, or what never was a results file. */
TEST_F(Errors, OverwriteOfWhatIsNoResultsFile) {
    write("notes.txt", "do not lose this\n");
    check({"make_input", path("in.h5"), "5"});
    write("hdf5.yaml", "items: {hdf5: {file: in.h5, fields: {x: /x}}}\nkernel: square_plus\n");
    for (Words words : {Words{"good.yaml", "notes.txt"}, Words{"good.yaml", "in.csv"}, Words{"good.yaml", "good.yaml"},
                        Words{"hdf5.yaml", "in.h5"}}) {
        SCOPED_TRACE(words[1]);
        std::string before = read(words[1]);
        Result result = sheaf({"run", words[0], "-o", words[1], "--overwrite"});
        EXPECT_EQ(result.exit, 2) << result;
        EXPECT_TRUE(read(words[1]) == before) << words[1] << " is gone";
        write(words[1], before);
    }
}

TEST_F(Errors, OutputThatIsNoFile) {
    ASSERT_EQ(mkdir(path("folder").c_str(), 0777), 0);
    refused({"good.yaml", "-o", "folder"}, {"folder: "});
    refused({"good.yaml", "-o", ""}, {"output"});
    for (std::string device : {"/dev/null", "/dev/full"})
        refused({"good.yaml", "-o", device}, {device + ": "});
    EXPECT_FALSE(exists("/dev/null.lock") || exists("/dev/full.lock") || exists("/dev/null.new"));
    EXPECT_EQ(sheaf({"run", "good.yaml", "-o", "folder", "--overwrite"}).exit, 2);
    EXPECT_EQ(list_folder(path("folder")), Words{});
}

TEST_F(Errors, OutputFolder) {
    refused({"good.yaml", "-o", "nosuch/out.h5"}, {"nosuch/out.h5", "folder"});
    refused({"good.yaml", "-o", "in.csv/out.h5"}, {"in.csv/out.h5"});
}

TEST_F(Errors, ReadOnlyFolder) {
    if (geteuid() == 0)
        GTEST_SKIP() << "root may write everywhere";
    ASSERT_EQ(mkdir(path("closed").c_str(), 0555), 0);
    refused({"good.yaml", "-o", "closed/out.h5"}, {"closed/out.h5", "writable"}, 3);
}

TEST_F(Errors, Plugins) {
    refused_job("items: {count: 3}\nkernel: ./nosuch.so:slow\n", {"job.yaml:2:9: ", "./nosuch.so", "No such file"});
    refused_job("items: {count: 3}\nkernel: in.csv:slow\n", {"job.yaml:2:9: ", "in.csv"});
    refused_job("items: {count: 3}\nkernel: ./in.so\n", {"job.yaml:2:9: ", "PATH.so:NAME"});
    refused_job("items: {count: 3}\nkernel: " SHEAF_PLUGIN_DIR "/hostile.so:nosuch\n",
                {"job.yaml:2:9: ", "hostile.so", "sheaf_kernel_nosuch"});
    refused_job("items: {count: 3}\nkernel: " SHEAF_PLUGIN_DIR "/hostile.so:../x\n", {"job.yaml:2:9: ", "'../x'"});
    refused_job("items: {count: 3}\nkernel: " SHEAF_PLUGIN_DIR "/hostile.so:slow\n", {"job.yaml:1:8: ", "'x'"});
}

TEST_F(Errors, RefusedKernels) {
    const std::pair<const char *, Words> kernels[] = {
        {"bad_width", {"bad_width", "'y'", "width", "0"}},
        {"negative_width", {"negative_width", "'y'", "width", "-3"}},
        {"no_outputs", {"no_outputs", "0 outputs"}},
        {"twice", {"twice", "'y'"}},
        {"reserved", {"reserved", "'status'"}},
        {"bad_name", {"bad_name", "'a/b'"}},
        {"null_name", {"null_name", "no name"}},
        {"huge_block", {"huge_block", "block"}},
        {"wrong_abi", {"wrong_abi", "999", "compile"}},
        {"small_struct", {"small_struct", "struct_size"}},
        {"refuses", {"refuses", "mood is sour: only cheerful jobs are taken"}},
        {"refuses_silently", {"refuses_silently"}},
        {"bad_prepare", {"bad_prepare", "the table of 64 entries cannot be computed"}},
    };
    for (const auto &[name, parts] : kernels) {
        SCOPED_TRACE(name);
        write_job("job.yaml", "count: 3", std::string("hostile:") + name);
        refused({"job.yaml"}, parts);
    }
}

/* Every message of a refused kernel says in which job file the kernel is named. */
TEST_F(Errors, RefusedKernelsNameTheJobFile) {
    for (std::string name : {"bad_width", "no_outputs", "reserved", "huge_block", "bad_prepare", "refuses"}) {
        write_job("job.yaml", "count: 3", "hostile:" + name);
        Result result = sheaf({"run", "job.yaml"});
        EXPECT_EQ(count_of(result.err, "job.yaml:3:9: "), 1) << result;
    }
}

TEST_F(Errors, Options) {
    refused({"good.yaml", "--items", "5"}, {"--items 5: the job has 3 items"});
    refused({"good.yaml", "--items", "5;6"}, {"--items", "'5;6'", "0:10", "3,17,40:50"});
    refused({"good.yaml", "--recompute"}, {"--recompute", "--items 3,17,40:50"});
    refused({"good.yaml", "--items", "2:1"}, {"--items", "'2:1'"});
    refused({"good.yaml", "--items", "1:1"}, {"--items", "'1:1'"});
    refused({"good.yaml", "--items", "a:b"}, {"--items", "'a:b'"});
    refused({"good.yaml", "--items", "-1:2"}, {"--items", "'-1:2'"});
    refused({"good.yaml", "--items", ""}, {"--items"});
    refused({"good.yaml", "--items", "3:"}, {"--items", "3 items"});
    refused({"good.yaml", "--threads", "0"}, {"--threads", "'0'"});
    refused({"good.yaml", "--threads", "-2"}, {"--threads", "'-2'"});
    refused({"good.yaml", "--threads", "two"}, {"--threads", "'two'"});
    refused({"good.yaml", "--threads", "99999999999999999999"}, {"--threads"});
    refused({"good.yaml", "--threads"}, {"--threads", "value"});
    refused({"good.yaml", "--set", "params.term=3"}, {"--set params.term", "did you mean 'terms'?"});
    refused({"good.yaml", "--set", "param.terms=3"}, {"--set", "'param'", "did you mean 'params'?"});
    refused({"good.yaml", "--set", "params.terms"}, {"--set", "KEY=VALUE"});
    refused({"good.yaml", "--set", "=3"}, {"--set", "KEY=VALUE"});
    refused({"good.yaml", "--set", "params.terms="}, {"--set params.terms"});
    refused({"good.yaml", "--set", "params.terms=[1"}, {"--set params.terms"});
    refused({"good.yaml", "--set", "kernel.name=x"}, {"--set", "kernel"});
    refused({"good.yaml", "--overwrit3"}, {"'--overwrit3'", "did you mean --overwrite?"});
}

/* Usage errors of every subcommand: exit 2, something on stderr that says how, nothing on stdout. */
TEST_F(Errors, Usage) {
    const std::pair<Words, Words> cases[] = {
        {{}, {"usage: sheaf", "--help"}},
        {{"foo"}, {"'foo'", "run", "show"}},
        {{"rum"}, {"'rum'", "did you mean 'run'?"}},
        {{"--foo"}, {"'--foo'"}},
        {{"run"}, {"usage: ", "JOB.yaml"}},
        {{"run", "a.yaml", "b.yaml"}, {"usage: ", "JOB.yaml"}},
        {{"show"}, {"usage: ", "FILE"}},
        {{"show", "a", "b"}, {"usage: ", "FILE"}},
        {{"show", "nofile"}, {"nofile: ", "No such file"}},
        {{"show", "in.csv"}, {"in.csv: ", "not an HDF5 file"}},
        {{"show", "."}, {".: "}},
        {{"show", "--colour", "x"}, {"'--colour'"}},
        {{"status"}, {"usage: ", "FILE"}},
        {{"status", "nofile"}, {"nofile: ", "No such file"}},
        {{"status", "in.csv"}, {"in.csv: ", "not an HDF5 file"}},
        {{"status", "--exit-cod", "nofile"}, {"nofile"}}, /* getopt takes unambiguous beginnings */
        {{"kernels", "nosuch"}, {"'nosuch'", "'moid'"}},
        {{"kernels", "moi"}, {"'moi'", "did you mean 'moid'?"}},
        {{"kernels", "a", "b"}, {"usage: "}},
        {{"kernels", "./nosuch.so:x"}, {"./nosuch.so", "No such file"}},
    };
    for (const auto &[words, parts] : cases) {
        Result result = sheaf(words);
        EXPECT_EQ(result.exit, 2) << result;
        EXPECT_EQ(result.out, "") << result;
        EXPECT_EQ(count_of(result.err, "\n"), 1) << result;
        for (const std::string &part : parts)
            EXPECT_NE(result.err.find(part), std::string::npos) << "no '" << part << "' in\n" << result;
    }
    check({"make_foreign", path("foreign.h5")});
    for (std::string subcommand : {"show", "status"}) {
        Result result = sheaf({subcommand, "foreign.h5"});
        EXPECT_EQ(result.exit, 2) << result;
        EXPECT_EQ(count_of(result.err, "foreign.h5: is not a results file of Sheaf"), 1) << result;
    }
}

/* The rank that has the message may be the last to start: the others wait for it, else mpirun would kill it unheard. */
TEST_F(Errors, TheMessageComesFromALateRank) {
    for (std::string words : {"run good.yaml --overwrit3", "run"}) {
        std::string program = " " + shell_word(SHEAF_PROGRAM) + " " + words;
        Result result = shell("exec mpirun --oversubscribe --bind-to none -np 1 sh -c \"sleep 1; exec" + program +
                              "\" : -np 2" + program);
        EXPECT_EQ(result.exit, 2) << result;
        EXPECT_EQ(count_of(result.err, words == "run" ? "usage: " : "'--overwrit3'"), 1) << result;
    }
}

/* Ranks that were not called alike: no rank waits for ever. */
TEST_F(Errors, ARankWithOtherArguments) {
    std::string program = " " + shell_word(SHEAF_PROGRAM) + " run good.yaml";
    Result result =
        shell("exec mpirun --oversubscribe --bind-to none -np 1" + program + " : -np 1" + program + " --bad");
    EXPECT_EQ(result.exit, 2) << result;
    EXPECT_EQ(count_of(result.err, "sheaf: rank 1 was called with other arguments"), 1) << result;
    EXPECT_EQ(list_folder(folder_), (Words{"good.yaml", "in.csv"})) << result;
}

/* Help is no error and goes to stdout; also under mpirun, once. */
TEST_F(Errors, Help) {
    for (Words words : {Words{"--help"}, Words{"-h"}, Words{"help"}, Words{"run", "--help"}, Words{"run", "-h"},
                        Words{"show", "--help"}, Words{"status", "--help"}, Words{"kernels", "--help"}}) {
        Result result = sheaf(words);
        EXPECT_EQ(result.exit, 0) << result;
        EXPECT_EQ(result.out.rfind("usage: ", 0), 0u) << result;
        EXPECT_EQ(result.err, "");
    }
    Result version = sheaf({"--version"});
    EXPECT_EQ(version.exit, 0);
    EXPECT_EQ(version.out.rfind("sheaf ", 0), 0u) << version;
    Result help = sheaf({"run", "--help"}, {3, 0});
    EXPECT_EQ(count_of(help.out, "usage: "), 1) << help;
}

/* An empty unit is none. */
TEST_F(Errors, NoBracketsAroundNoUnit) {
    unit::Store store("{count: 1}", {unit::field("a", SHEAF_INT32, 1, ""), unit::field("b", SHEAF_INT32, 1, "km")}, 1);
    store.make();
    EXPECT_EQ(store.write(0, 1), 0);
    store.close();
    std::string shown = sheaf({"show", store.path}).out;
    EXPECT_EQ(count_of(shown, "[]"), 0) << shown;
    EXPECT_EQ(count_of(shown, "b [km]"), 1) << shown;
}

} // namespace
