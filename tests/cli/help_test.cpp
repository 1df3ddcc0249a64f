/* What is told of the keys of job files, to people, editors and shells, is what job files are checked against. */
#include "cli/program.h"

#include <sstream>

namespace {

class Help : public Program {
  protected:
    static Words lines_of(const std::string &text) {
        std::istringstream lines(text);
        Words words;
        for (std::string line; std::getline(lines, line);)
            words.push_back(line);
        return words;
    }

    /* Which of these jobs somebody else's validator takes, by the schema: a line each, "ok" or why not. */
    Words validate(const Words &files) const {
        write("validate.py",
              "import json, sys, yaml, jsonschema\n"
              "schema = json.load(open(sys.argv[1]))\n"
              "jsonschema.Draft7Validator.check_schema(schema)\n"
              "for name in sys.argv[2:]:\n"
              "    errors = list(jsonschema.Draft7Validator(schema).iter_errors(yaml.safe_load(open(name))))\n"
              "    print(repr(errors[0].message) if errors else 'ok')\n");
        Words words = {SHEAF_PYTHON, path("validate.py"), SHEAF_SOURCE_DIR "/doc/job.schema.json"};
        words.insert(words.end(), files.begin(), files.end());
        Result result = run(words);
        EXPECT_EQ(result.exit, 0) << result;
        return lines_of(result.out);
    }
};

TEST_F(Help, OfASubcommandIsItsOwn) {
    for (const char *name : {"run", "check", "status", "show", "pack", "kernels"}) {
        Result result = sheaf({"help", name});
        EXPECT_EQ(result.exit, 0) << result;
        EXPECT_EQ(result.out, sheaf({name, "--help"}).out);
        EXPECT_EQ(count_of(result.out, std::string("sheaf ") + name), 1) << result;
    }
}

TEST_F(Help, SchemaIsWhatTheProgramSays) {
    Result result = sheaf({"help", "schema"});
    EXPECT_EQ(result.exit, 0) << result;
    EXPECT_TRUE(result.out == read_file(SHEAF_SOURCE_DIR "/doc/job.schema.json"))
        << "doc/job.schema.json is to be made anew: sheaf help schema > doc/job.schema.json";
}

TEST_F(Help, SchemaTakesTheReadyJobs) {
    Words jobs = lines_of(shell("ls " SHEAF_SOURCE_DIR "/jobs/*.yaml " SHEAF_SOURCE_DIR "/jobs/*/*.yaml").out);
    ASSERT_GE(jobs.size(), 9u);
    Words answers = validate(jobs);
    ASSERT_EQ(answers.size(), jobs.size());
    for (size_t i = 0; i < jobs.size(); i++)
        EXPECT_EQ(answers[i], "ok") << jobs[i];
}

/* An editor and the program are of one mind. */
TEST_F(Help, SchemaAndProgramTakeTheSameJobs) {
    const std::string count = "items: {count: 3}\n", formula = "expression: {y: 2*item}\n";
    const struct {
        std::string text;
        bool right;
    } jobs[] = {
        {count + formula, true},
        {formula, false},
        {count, false},
        {count + formula + "command: [echo]\n", false},
        {count + formula + "sed: 3\n", false},
        {count + formula + "seed: 3\nretries: 2\nhalt: {failed: 10%}\ncheckpoint: never\n", true},
        {count + formula + "seed: -3\n", false},
        {count + formula + "halt: always\n", false},
        {count + formula + "halt: {faild: 3}\n", false},
        {count + formula + "stdin: text\n", false},
        {count + formula + "isolate: true\n", false},
        {count + formula + "fast_math: true\n", true},
        {count + formula + "fast_math: perhaps\n", false},
        {count + formula + "schedule: {policy: static}\n", true},
        {count + formula + "schedule: {policy: statik}\n", false},
        {count + formula + "schedule: {policy: weighted, cost: {form: a.h5}}\n", false},
        {count + formula + "transport: gather\n", true},
        {count + formula + "transport: [gather]\n", false},
        {"items: {count: 3, lines: l.txt}\n" + formula, false},
        {"items: {lines: l.txt}\nexpression: {y: item}\n", true},
        {"items: {lines: l.txt, separator: tab}\nexpression: {y: item}\n", false},
        {"items: {csv: t.csv, separator: comma, types: {a: text}}\nexpression: {y: item}\n", true},
        {"items: {count: some}\n" + formula, false},
        {"items: []\n" + formula, false},
        {count + "command: [echo, '1']\noutputs: {y: {column: 1, type: int64}}\nstdin: x\ncapture: 1K\n", true},
        {count + "command: [echo, '1']\noutputs: {y: {colum: 1}}\n", false},
        {count + "command: [echo, '1']\noutputs: {y: {column: 1, type: real}}\n", false},
        {count + "command: [echo, '1']\nworkdir: throw\n", false},
        {count + "worker: [cat]\noutputs: [y]\nbatch: 4\n", true},
        {count + "worker: [cat]\noutputs: {y: {type: int64}, z: text}\n", true},
        {count + "kernel: square_plus\nisolate: true\ngpus: 2\n", false},
    };
    write("l.txt", "one\ntwo\n");
    write("t.csv", "a\n1\n2\n");
    Words files;
    for (const auto &job : jobs) {
        files.push_back(path("job" + std::to_string(files.size()) + ".yaml"));
        write_file(files.back(), job.text);
    }
    Words answers = validate(files);
    ASSERT_EQ(answers.size(), files.size());
    for (size_t i = 0; i < files.size(); i++) {
        EXPECT_EQ(answers[i] == "ok", jobs[i].right) << jobs[i].text << answers[i];
        Result result = sheaf({"check", files[i]});
        EXPECT_EQ(result.exit, jobs[i].right ? 0 : 2) << jobs[i].text << result;
    }
}

/* Each key has a line, and stands in the manual. */
TEST_F(Help, AllKeysAreTold) {
    const std::string manual = read_file(SHEAF_SOURCE_DIR "/doc/sheaf.1"), all = sheaf({"help", "job"}).out;
    Words keys = lines_of(sheaf({"help", "keys"}).out);
    ASSERT_GE(keys.size(), 40u);
    for (const std::string &key : keys) {
        Result one = sheaf({"help", key});
        EXPECT_EQ(one.exit, 0) << one;
        const size_t dot = key.rfind('.');
        const std::string name = dot == std::string::npos ? key : key.substr(dot + 1);
        EXPECT_EQ(one.out.find("  " + name + " ") != std::string::npos, true) << one;
        EXPECT_NE(manual.find(name), std::string::npos) << key;
        if (dot == std::string::npos)
            EXPECT_NE(all.find("\n  " + name + " "), std::string::npos) << key;
    }
    EXPECT_EQ(count_of(sheaf({"help", "outputs.energy.regex"}).out, "  regex "), 1);
    Result slip = sheaf({"help", "schedul"});
    EXPECT_EQ(slip.exit, 2);
    EXPECT_EQ(count_of(slip.err, "did you mean 'schedule'?"), 1) << slip;
}

TEST_F(Help, CompletionInAShell) {
    write("a.yaml", "");
    write("a.h5", "");
    write("grid.yaml", "items: {grid: {mass: [1, 2], charge: [3]}}\nexpression: {energy: mass}\n");
    run_job({"grid.yaml"});
    const struct {
        std::string words, completed;
    } cases[] = {
        {"plot gr", "grid.h5"},
        {"plot grid.h5 en", "energy"},
        {"plot grid.h5 energy --over ma", "mass"},
        {"plot grid.h5 energy --li", "--linear"},
        {"st", "status"},
        {"run --ret", "--retry-failed"},
        {"show --where-f", "--where-failed"},
        {"run a", "a.yaml"},
        {"status a", "a.h5"},
        {"run a.yaml --set schedule.p", "schedule.policy="},
        {"help items.h", "items.hdf5 items.hdf5.file items.hdf5.fields"},
    };
    for (const auto &c : cases) {
        write("complete.sh", "source " SHEAF_SOURCE_DIR "/doc/bash-completion/sheaf\n"
                             "COMP_WORDS=(" SHEAF_PROGRAM " " +
                                 c.words +
                                 ")\n"
                                 "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_sheaf\necho \"${COMPREPLY[*]}\"\n");
        Result result = shell("bash complete.sh");
        EXPECT_EQ(result.out, c.completed + "\n") << c.words << result;
    }
}

} // namespace
