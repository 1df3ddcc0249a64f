// job/job: what a job file asks for, checked; every refusal names file:line:column, what was found and what is right.
#include "unit/sheaf.h"

using namespace unit;

namespace {

const std::string RIGHT = "name: sweep\n"
                          "items: {csv: a.csv}\n"
                          "kernel: square_plus\n";

std::string refusal(const std::string &text, const Overrides &overrides = {}) {
    Job job(text, overrides);
    EXPECT_EQ(job.rc, -1) << text;
    EXPECT_EQ(job.error.error.exit, SHEAF_EXIT_USAGE) << text;
    return job.error.text();
}

} // namespace

// ---------------------------------------------------------------------------------------------------- what is read

TEST(Job, IsReadAsWritten) {
    Job job("name: survey\n"
            "output: results/s.h5\n"
            "items: {csv: ../data/a.csv}\n"
            "kernel: moid\n"
            "params: {samples: 720, tolerance: 1e-9}\n"
            "schedule: {policy: weighted, cost: seconds_guess}\n",
            {}, "jobs/moid.yaml");
    ASSERT_EQ(job.rc, 0) << job.error.text();
    EXPECT_STREQ(job.job.name, "survey");
    EXPECT_STREQ(job.job.output, "results/s.h5") << "seen from the current folder";
    EXPECT_EQ(job.job.items.kind, JOB_CSV);
    EXPECT_STREQ(job.job.items.path, "jobs/../data/a.csv") << "seen from the job file";
    EXPECT_STREQ(job.job.kernel->text, "moid");
    ASSERT_EQ(job.job.n_params, 2);
    EXPECT_STREQ(job.job.params[0].name, "samples");
    EXPECT_STREQ(job.job.params[0].node->text, "720");
    EXPECT_STREQ(job.job.params[1].name, "tolerance");
    EXPECT_EQ(job.job.policy, JOB_WEIGHTED);
    EXPECT_STREQ(job.job.cost->text, "seconds_guess");
    EXPECT_STREQ(job.job.folder, "jobs");
}

TEST(Job, NameAndOutputFollowTheFile) {
    const struct {
        const char *file, *name, *output;
    } cases[] = {{"moid.yaml", "moid", "moid.h5"},
                 {"jobs/moid.yaml", "moid", "moid.h5"},
                 {"/a/b.c/deep.sweep.yml", "deep", "deep.h5"},
                 {"plain", "plain", "plain.h5"},
                 {"jobs/.yaml", "job", "job.h5"}};
    for (const auto &c : cases) {
        Job job("items: {count: 3}\nkernel: square_plus\n", {}, c.file);
        ASSERT_EQ(job.rc, 0) << job.error.text();
        EXPECT_STREQ(job.job.name, c.name);
        EXPECT_STREQ(job.job.output, c.output);
    }
    Job job("name: other\nitems: {count: 3}\nkernel: square_plus\n", {}, "jobs/moid.yaml");
    EXPECT_STREQ(job.job.output, "other.h5");
}

TEST(Job, EachSourceOfItems) {
    Job lines("items: {lines: list.txt}\nkernel: k.so:k\n", {}, "jobs/a.yaml");
    ASSERT_EQ(lines.rc, 0) << lines.error.text();
    EXPECT_EQ(lines.job.items.kind, JOB_LINES);
    EXPECT_STREQ(lines.job.items.path, "jobs/list.txt");

    Job count("items: {count: 1_000_000}\nkernel: square_plus\n");
    ASSERT_EQ(count.rc, 0) << count.error.text();
    EXPECT_EQ(count.job.items.kind, JOB_COUNT);
    EXPECT_EQ(count.job.items.count, 1000000);

    Job none("items: {count: 0}\nkernel: square_plus\n");
    EXPECT_EQ(none.rc, 0);
    EXPECT_EQ(none.job.items.count, 0);

    Job hdf5("items: {hdf5: {file: in.h5, fields: {x: /x, r: /group/positions}}}\nkernel: moid\n", {}, "jobs/a.yaml");
    ASSERT_EQ(hdf5.rc, 0) << hdf5.error.text();
    EXPECT_EQ(hdf5.job.items.kind, JOB_HDF5);
    EXPECT_STREQ(hdf5.job.items.path, "jobs/in.h5");
    ASSERT_EQ(hdf5.job.items.n_fields, 2);
    EXPECT_STREQ(hdf5.job.items.fields[1].name, "r");
    EXPECT_STREQ(hdf5.job.items.fields[1].node->text, "/group/positions");
}

TEST(Job, AbsolutePathsStay) {
    Job job("items: {csv: /data/a.csv}\nkernel: moid\n", {}, "jobs/a.yaml");
    ASSERT_EQ(job.rc, 0);
    EXPECT_STREQ(job.job.items.path, "/data/a.csv");
}

TEST(Job, WhereItIsSilentTheProgramChooses) {
    for (const char *schedule : {"", "schedule: {policy: auto}\ntransport: auto\n", "schedule: {}\n"}) {
        Job job(RIGHT + schedule);
        ASSERT_EQ(job.rc, 0) << job.error.text();
        EXPECT_EQ(job.job.policy, JOB_AUTO);
        EXPECT_EQ(job.job.transport, JOB_TRANSPORT_AUTO);
        EXPECT_EQ(job.job.cost, nullptr);
        EXPECT_EQ(job.job.cost_file, nullptr);
        EXPECT_EQ(job.job.checkpoint_s, 60) << "once a minute";
    }
}

TEST(Job, EachPolicyAndTransport) {
    const std::pair<const char *, enum job_policy> policies[] = {
        {"{policy: auto}", JOB_AUTO},          {"{policy: static}", JOB_STATIC},
        {"{policy: dynamic}", JOB_DYNAMIC},    {"{policy: weighted, cost: x}", JOB_WEIGHTED},
        {"{policy: auto, cost: x}", JOB_AUTO}, {"{cost: x}", JOB_AUTO}};
    for (const auto &[schedule, policy] : policies) {
        Job job(RIGHT + "schedule: " + schedule + "\n");
        ASSERT_EQ(job.rc, 0) << job.error.text();
        EXPECT_EQ(job.job.policy, policy) << schedule;
    }
    const std::pair<const char *, enum job_transport> transports[] = {
        {"auto", JOB_TRANSPORT_AUTO}, {"gather", JOB_GATHER}, {"direct", JOB_DIRECT}};
    for (const auto &[word, transport] : transports) {
        Job job(RIGHT + "transport: " + word + "\n");
        ASSERT_EQ(job.rc, 0) << job.error.text();
        EXPECT_EQ(job.job.transport, transport) << word;
    }
}

TEST(Job, CostsAreAFieldOrAnEarlierResultsFile) {
    Job field(RIGHT + "schedule: {policy: weighted, cost: guess}\n", {}, "jobs/a.yaml");
    ASSERT_EQ(field.rc, 0) << field.error.text();
    EXPECT_STREQ(field.job.cost->text, "guess");
    EXPECT_EQ(field.job.cost_file, nullptr);
    Job file(RIGHT + "schedule: {policy: weighted, cost: {from: out/earlier.h5}}\n", {}, "jobs/a.yaml");
    ASSERT_EQ(file.rc, 0) << file.error.text();
    EXPECT_STREQ(file.job.cost_file, "jobs/out/earlier.h5") << "seen from the job file";
    Job absolute(RIGHT + "schedule: {cost: {from: /out/earlier.h5}}\n", {}, "jobs/a.yaml");
    ASSERT_EQ(absolute.rc, 0) << absolute.error.text();
    EXPECT_STREQ(absolute.job.cost_file, "/out/earlier.h5");
    Job set(RIGHT, {{"schedule.cost.from", "here.h5"}}, "jobs/a.yaml");
    ASSERT_EQ(set.rc, 0) << set.error.text();
    EXPECT_STREQ(set.job.cost_file, "here.h5") << "seen from the current folder";
}

TEST(Job, ACheckpointIsATimeOrNever) {
    const std::pair<const char *, double> cases[] = {{"60s", 60},        {"5m", 300},  {"90", 90},
                                                     {"0.5s", 0.5},      {"1h", 3600}, {"1:30", 90},
                                                     {"01:00:00", 3600}, {"never", 0}, {"'2m'", 120}};
    for (const auto &[text, wall_s] : cases) {
        Job job(RIGHT + "checkpoint: " + text + "\n");
        ASSERT_EQ(job.rc, 0) << job.error.text();
        EXPECT_EQ(job.job.checkpoint_s, wall_s) << text;
    }
}

TEST(Job, TheSeedIsOneUnlessSaid) {
    const std::pair<const char *, int64_t> cases[] = {{"", 1},
                                                      {"seed: 0\n", 0},
                                                      {"seed: 1\n", 1},
                                                      {"seed: 20_261_122\n", 20261122},
                                                      {"seed: 9223372036854775807\n", INT64_MAX}};
    for (const auto &[seed, wanted] : cases) {
        Job job(RIGHT + seed);
        ASSERT_EQ(job.rc, 0) << job.error.text();
        EXPECT_EQ(job.job.seed, wanted) << seed;
    }
    EXPECT_EQ(Job(RIGHT, {{"seed", "2"}}).job.seed, 2);
    EXPECT_EQ(Job(RIGHT + "seed: 5\n", {{"seed", "2"}}).job.seed, 2);
}

// ---------------------------------------------------------------------------------------------------- what is wrong

struct Wrong {
    const char *rule, *text, *where, *what;
};

void PrintTo(const Wrong &w, std::ostream *out) {
    *out << w.text;
}

class JobRefusal : public testing::TestWithParam<Wrong> {};

TEST_P(JobRefusal, NamesPlaceFaultAndRemedy) {
    std::string text = refusal(GetParam().text);
    EXPECT_STARTS(text, std::string("sweep.yaml:") + GetParam().where + ": ");
    EXPECT_HAS(text, GetParam().what);
}

INSTANTIATE_TEST_SUITE_P(
    Job, JobRefusal,
    testing::Values(
        Wrong{"NoMap", "just words\n", "1:1", "a job is 'just words'; it should be a map"},
        Wrong{"List", "- a\n- b\n", "1:1", "it should be a map"},
        Wrong{"UnknownKey", "name: a\nitmes: {count: 1}\nkernel: moid\n", "2:1",
              "unknown key 'itmes'; did you mean 'items'?"},
        Wrong{"UnknownKeyFarFromAll", "items: {count: 1}\nkernel: moid\nfrobnicate: 1\n", "3:1", "'kernel'"},
        Wrong{"MissingItems", "name: a\nkernel: moid\n", "1:1", "'items' is missing; add one of items: {csv: FILE}"},
        Wrong{"MissingKernel", "name: a\nitems: {count: 1}\n", "1:1", "'kernel' is missing; add kernel: NAME"},
        Wrong{"ItemsIsText", "items: a.csv\nkernel: moid\n", "1:8", "items is 'a.csv'; it should be a map"},
        Wrong{"ItemsIsList", "items: [a.csv]\nkernel: moid\n", "1:8", "items is a list; it should be a map"},
        Wrong{"ItemsIsEmpty", "items:\nkernel: moid\n", "1:7", "items"},
        Wrong{"NoSource", "items: {}\nkernel: moid\n", "1:8", "exactly one of csv, lines, count, hdf5"},
        Wrong{"TwoSources", "items: {csv: a.csv, count: 3}\nkernel: moid\n", "1:8", "items has 2 sources"},
        Wrong{"UnknownSource", "items:\n  cvs: a.csv\nkernel: moid\n", "2:3",
              "unknown key 'cvs' in items; did you mean 'csv'?"},
        Wrong{"TooDeepInHdf5", "items: {hdf5: {file: a.h5, fields: {x: /x}, where: x > 1}}\nkernel: moid\n", "1:45",
              "'where' stands too deep, in items.hdf5; it belongs beside hdf5, under items"},
        Wrong{"TooDeepInSchedule", "items: {count: 1}\nkernel: moid\nschedule: {policy: static, seed: 1}\n", "3:28",
              "'seed' stands too deep, in schedule; it belongs beside schedule, at the left edge"},
        Wrong{"TooHigh", "items: {count: 1}\nkernel: moid\nrepeat: 2\n", "3:1",
              "unknown key 'repeat'; it belongs under items"},
        Wrong{"NoBlankInItems", "items: {count:5}\nkernel: moid\n", "1:9",
              "'count:5': behind the colon of 'count:' a blank is missing"},
        Wrong{"NoBlankInBlock", "items:\n  count:5\nkernel: moid\n", "2:3",
              "'count:5': behind the colon of 'count:' a blank is missing"},
        Wrong{"NoBlankBeforeMap", "items:\n  grid:\n    x:{linspace: [0, 1, 3]}\nkernel: moid\n", "3:5",
              "is not YAML: behind the colon of 'x:' a blank is missing"},
        Wrong{"NoBlankBeforeList", "items: {grid: {x: [1], a_2:[1, 2]}}\nkernel: moid\n", "1:24",
              "is not YAML: behind the colon of 'a_2:' a blank is missing"},
        Wrong{"NoBlankInALineBefore", "items: {count: 1}\nexpression:\n  y:item\n  z: 2\n", "3:3",
              "is not YAML: behind the colon of 'y:' a blank is missing"},
        Wrong{"NoBlankBeforeFormula", "items: {count: 1}\nexpression: {y:item}\n", "2:14",
              "'y:item': behind the colon of 'y:' a blank is missing"},
        Wrong{"CsvIsMap", "items: {csv: {file: a}}\nkernel: moid\n", "1:14",
              "items.csv is a map; it should be one text"},
        Wrong{"CsvIsEmpty", "items: {csv: ''}\nkernel: moid\n", "1:14", "items.csv is empty"},
        Wrong{"CountIsText", "items: {count: many}\nkernel: moid\n", "1:16", "items.count is 'many'"},
        Wrong{"CountIsQuoted", "items: {count: '12'}\nkernel: moid\n", "1:16", "a whole number"},
        Wrong{"CountIsNegative", "items: {count: -1}\nkernel: moid\n", "1:16", "0 or more"},
        Wrong{"CountIsBroken", "items: {count: 1.5}\nkernel: moid\n", "1:16", "items.count is '1.5'"},
        Wrong{"CountIsTooLarge", "items: {count: 1e30}\nkernel: moid\n", "1:16", "items.count is '1e30'"},
        Wrong{"Hdf5IsText", "items: {hdf5: a.h5}\nkernel: moid\n", "1:15", "items.hdf5 is 'a.h5'; it should be a map"},
        Wrong{"Hdf5FieldsBeside", "items: {hdf5: a.h5, fields: {x: /x}}\nkernel: moid\n", "1:15",
              "items: {hdf5: {file: a.h5, fields: {x: /x}}}"},
        Wrong{"Hdf5WithoutFields", "items: {hdf5: {file: a.h5}}\nkernel: moid\n", "1:15",
              "items.hdf5 needs 'file' and 'fields'"},
        Wrong{"Hdf5WithoutFile", "items: {hdf5: {fields: {x: /x}}}\nkernel: moid\n", "1:15",
              "items.hdf5 needs 'file' and 'fields'"},
        Wrong{"Hdf5UnknownKey", "items: {hdf5: {file: a.h5, field: {x: /x}}}\nkernel: moid\n", "1:28",
              "unknown key 'field' in items.hdf5; did you mean 'fields'?"},
        Wrong{"Hdf5NoField", "items: {hdf5: {file: a.h5, fields: {}}}\nkernel: moid\n", "1:36",
              "items.hdf5.fields is empty"},
        Wrong{"Hdf5FieldIsList", "items: {hdf5: {file: a.h5, fields: {x: [1]}}}\nkernel: moid\n", "1:40",
              "x is a list"},
        Wrong{"KernelIsMap", "items: {count: 1}\nkernel: {name: moid}\n", "2:9", "kernel is a map"},
        Wrong{"KernelIsEmpty", "items: {count: 1}\nkernel:\n", "2:8", "kernel is empty"},
        Wrong{"ParamsIsList", "items: {count: 1}\nkernel: moid\nparams: [1]\n", "3:9", "params is a list"},
        Wrong{"ParamIsList", "items: {count: 1}\nkernel: moid\nparams: {samples: [1, 2]}\n", "3:19",
              "params.samples should be a single value"},
        Wrong{"ScheduleIsText", "items: {count: 1}\nkernel: moid\nschedule: static\n", "3:11",
              "schedule is 'static'; it should be a map"},
        Wrong{"UnknownScheduleKey", "items: {count: 1}\nkernel: moid\nschedule: {polcy: static}\n", "3:12",
              "unknown key 'polcy' in schedule; did you mean 'policy'?"},
        Wrong{"UnknownPolicy", "items: {count: 1}\nkernel: moid\nschedule: {policy: wieghted, cost: x}\n", "3:20",
              "unknown schedule.policy 'wieghted'; did you mean 'weighted'?"},
        Wrong{"PolicyFarFromAll", "items: {count: 1}\nkernel: moid\nschedule: {policy: guided}\n", "3:20",
              "'auto', 'static', 'weighted', 'dynamic'"},
        Wrong{"WeightedWithoutCost", "items: {count: 1}\nkernel: moid\nschedule: {policy: weighted}\n", "3:11",
              "add cost: FIELD"},
        Wrong{"SeedIsText", "items: {count: 1}\nkernel: moid\nseed: lucky\n", "3:7",
              "seed is 'lucky'; it should be a whole number, 0 or more"},
        Wrong{"SeedIsNegative", "items: {count: 1}\nkernel: moid\nseed: -1\n", "3:7", "seed is '-1'"},
        Wrong{"SeedIsBroken", "items: {count: 1}\nkernel: moid\nseed: 1.5\n", "3:7", "seed is '1.5'"},
        Wrong{"SeedIsQuoted", "items: {count: 1}\nkernel: moid\nseed: '1'\n", "3:7", "a whole number"},
        Wrong{"SeedIsTooLarge", "items: {count: 1}\nkernel: moid\nseed: 9223372036854775808\n", "3:7",
              "seed is '9223372036854775808'"},
        Wrong{"SeedIsEmpty", "items: {count: 1}\nkernel: pi\nseed:\n", "3:6", "seed is ''"},
        Wrong{"SeedIsList", "items: {count: 1}\nkernel: moid\nseed: [1, 2]\n", "3:7", "seed is a list"},
        Wrong{"CostWithStatic", "items: {count: 1}\nkernel: moid\nschedule: {policy: static, cost: x}\n", "3:34",
              "schedule.cost goes with policy: weighted or auto"},
        Wrong{"CostWithDynamic", "items: {count: 1}\nkernel: moid\nschedule: {cost: x, policy: dynamic}\n", "3:18",
              "schedule.cost goes with policy: weighted or auto"},
        Wrong{"PolicyIsList", "items: {count: 1}\nkernel: moid\nschedule: {policy: [static]}\n", "3:20",
              "schedule.policy is a list"},
        Wrong{"PolicyIsEmpty", "items: {count: 1}\nkernel: moid\nschedule: {policy: ''}\n", "3:20",
              "schedule.policy is empty"},
        Wrong{"CostIsList", "items: {count: 1}\nkernel: moid\nschedule: {cost: [a, b]}\n", "3:18",
              "schedule.cost is a list"},
        Wrong{"CostIsEmptyText", "items: {count: 1}\nkernel: moid\nschedule: {cost: ''}\n", "3:18",
              "schedule.cost is empty"},
        Wrong{"CostIsEmptyMap", "items: {count: 1}\nkernel: moid\nschedule: {cost: {}}\n", "3:18",
              "it should be a field, or {from: earlier.h5}"},
        Wrong{"CostUnknownKey", "items: {count: 1}\nkernel: moid\nschedule: {cost: {form: a.h5}}\n", "3:19",
              "unknown key 'form' in schedule.cost; did you mean 'from'?"},
        Wrong{"CostFromIsList", "items: {count: 1}\nkernel: moid\nschedule: {cost: {from: [a.h5]}}\n", "3:25",
              "schedule.cost.from is a list"},
        Wrong{"UnknownTransport", "items: {count: 1}\nkernel: moid\ntransport: gahter\n", "3:12",
              "unknown transport 'gahter'; did you mean 'gather'?"},
        Wrong{"TransportFarFromAll", "items: {count: 1}\nkernel: moid\ntransport: pigeon\n", "3:12",
              "'auto', 'gather', 'direct'"},
        Wrong{"TransportIsMap", "items: {count: 1}\nkernel: moid\ntransport: {policy: direct}\n", "3:12",
              "transport is a map"},
        Wrong{"CheckpointIsText", "items: {count: 1}\nkernel: moid\ncheckpoint: often\n", "3:13",
              "checkpoint is 'often'; it should be a time, such as 60s or 5m, or never"},
        Wrong{"CheckpointIsNegative", "items: {count: 1}\nkernel: moid\ncheckpoint: -5s\n", "3:13",
              "checkpoint is '-5s'"},
        Wrong{"CheckpointIsZero", "items: {count: 1}\nkernel: moid\ncheckpoint: 0\n", "3:13", "checkpoint is '0'"},
        Wrong{"CheckpointIsList", "items: {count: 1}\nkernel: moid\ncheckpoint: [60s]\n", "3:13",
              "checkpoint is a list"},
        Wrong{"NameIsPath", "name: a/b\nitems: {count: 1}\nkernel: moid\n", "1:7",
              "name is 'a/b'; it should be a word that can name a file"},
        Wrong{"NameIsHidden", "name: .a\nitems: {count: 1}\nkernel: moid\n", "1:7", "name is '.a'"},
        Wrong{"NameIsMap", "name: {a: b}\nitems: {count: 1}\nkernel: moid\n", "1:7", "name is a map"},
        Wrong{"OutputIsList", "output: [a]\nitems: {count: 1}\nkernel: moid\n", "1:9", "output is a list"},
        Wrong{"OutputForOutputs", "items: {count: 1}\ncommand: a\noutput: {x: {column: 1}}\n", "3:9",
              "output is a map; it should be one text, the results file; did you mean 'outputs'?"},
        Wrong{"ItemsWithoutTheirSource", "items: m.csv\nkernel: moid\n", "1:8", "items: {csv: m.csv}"},
        Wrong{"ItemsOfHdf5WithoutTheirSource", "items: m.h5\nkernel: moid\n", "1:8",
              "items: {hdf5: {file: m.h5, fields: {x: /x}}}"},
        Wrong{"ItemsOfLinesWithoutTheirSource", "items: m.txt\nkernel: moid\n", "1:8", "items: {lines: m.txt}"},
        Wrong{"ItemsAreANumber", "items: 1000\nkernel: moid\n", "1:8", "items: {count: 1000}"},
        Wrong{"PlaceholderWithoutQuotes", "items: {count: 1}\ncommand: [./sim, {mass}]\n", "2:18",
              "command is a map; a placeholder needs quotes in YAML: \"{mass}\""},
        Wrong{"CommandIsAPlaceholder", "items: {count: 1}\ncommand: {mass}\n", "2:10", "quotes in YAML: \"{mass}\""},
        Wrong{"WorkerWithoutQuotes", "items: {count: 1}\nworker: [a, {b}]\noutputs: [y]\n", "2:13",
              "worker is a map; a placeholder needs quotes in YAML: \"{b}\""},
        Wrong{"StdinIsAPlaceholder", "items: {count: 1}\ncommand: cat\nstdin: {mass}\n", "3:8",
              "stdin is a map; a placeholder needs quotes in YAML: \"{mass}\""},
        Wrong{"WordIsAMap", "items: {count: 1}\ncommand: [a, {mass: 1}]\n", "2:14",
              "command is a map; it should be one text"},
        Wrong{"ScriptInAList", "items: {count: 1}\ncommand: [\"echo {item} | cat\"]\n", "2:11",
              "there is no program 'echo {item} | cat'; one string without [ ] is a script"},
        Wrong{"ScriptOfAPathInAList", "items: {count: 1}\ncommand: [\"./sim {item}\"]\n", "2:11", "without [ ]"},
        Wrong{"ScriptOfOptionsInAList", "items: {count: 1}\ncommand: [./sim --fast]\n", "2:11", "without [ ]"},
        Wrong{"WorkerInOneWord", "items: {count: 1}\nworker: [python3 w.py]\noutputs: [y]\n", "2:10", "without [ ]"},
        Wrong{"OutputIsEmpty", "output: ''\nitems: {count: 1}\nkernel: moid\n", "1:9", "output is empty"}),
    [](const testing::TestParamInfo<Wrong> &info) { return std::string(info.param.rule); });

TEST(JobKind, APathMayHaveBlanks) {
    for (const char *command : {"[/opt/My Programs/sim]", "[./my sim, \"{item}\"]", "[cat, a b]", "\"a {item} | b\""})
        EXPECT_EQ(Job(std::string("items: {count: 1}\ncommand: ") + command + "\n").rc, 0) << command;
}

TEST(JobKind, TwoOutputsOfOneNameAreRefused) {
    EXPECT_EQ(refusal("items: {count: 1}\nworker: w\noutputs: [y, z, y]\n"),
              "sweep.yaml:3:17: 'y' stands here a second time; remove one");
    EXPECT_EQ(refusal("items: {count: 1}\nworker: w\noutputs: {y: int64, y: text}\n"),
              "sweep.yaml:3:21: 'y' stands here a second time; remove one");
}

// ------------------------------------------------------------------------------------------------------- overrides

TEST(JobOverrides, TakeThePlaceOfValues) {
    Job job(RIGHT + "params: {samples: 720, other: 1}\n", {{"params.samples", "360"}, {"output", "b.h5"}});
    ASSERT_EQ(job.rc, 0) << job.error.text();
    ASSERT_EQ(job.job.n_params, 2);
    EXPECT_STREQ(job.job.params[0].node->text, "360");
    EXPECT_STREQ(job.job.params[1].node->text, "1");
    EXPECT_STREQ(job.job.output, "b.h5");
}

TEST(JobOverrides, MakeMapsOnTheWay) {
    Job job(RIGHT, {{"params.samples", "360"}, {"params.more", "1"}, {"schedule.policy", "static"}});
    ASSERT_EQ(job.rc, 0) << job.error.text();
    ASSERT_EQ(job.job.n_params, 2);
    EXPECT_STREQ(job.job.params[0].name, "samples");
    EXPECT_STREQ(job.job.params[1].name, "more");
}

TEST(JobOverrides, TheLastOneCounts) {
    Job job(RIGHT, {{"kernel", "moid"}, {"kernel", "square_plus"}});
    ASSERT_EQ(job.rc, 0);
    EXPECT_STREQ(job.job.kernel->text, "square_plus");
}

TEST(JobOverrides, MayBeMapsAndQuotedTexts) {
    Job job(RIGHT, {{"items", "{count: 5}"}, {"output", "'it''s.h5'"}});
    ASSERT_EQ(job.rc, 0) << job.error.text();
    EXPECT_EQ(job.job.items.kind, JOB_COUNT);
    EXPECT_EQ(job.job.items.count, 5);
    EXPECT_STREQ(job.job.output, "it's.h5");
}

TEST(JobOverrides, DoNotChangeWhatAnAliasShares) {
    Job job("items: {count: 1}\nkernel: square_plus\nparams: &p {terms: 1}\nschedule: {}\n", {{"params.terms", "2"}});
    ASSERT_EQ(job.rc, 0) << job.error.text();
    EXPECT_STREQ(job.job.params[0].node->text, "2");
}

TEST(JobOverrides, APathIsSeenFromTheCurrentFolder) {
    Job job(RIGHT, {{"items.csv", "b.csv"}}, "jobs/sweep.yaml");
    ASSERT_EQ(job.rc, 0) << job.error.text();
    EXPECT_STREQ(job.job.items.path, "b.csv");
    Job unchanged(RIGHT, {{"name", "x"}}, "jobs/sweep.yaml");
    EXPECT_STREQ(unchanged.job.items.path, "jobs/a.csv");
}

TEST(JobOverrides, AWrongOneIsNamedAsItWasGiven) {
    EXPECT_STARTS(refusal(RIGHT, {{"items", "{count: x}"}}), "--set items: items.count is 'x'");
    EXPECT_STARTS(refusal(RIGHT, {{"schedule.policy", "fast"}}),
                  "--set schedule.policy: unknown schedule.policy 'fast'");
    EXPECT_STARTS(refusal(RIGHT, {{"params.samples", "[1]"}}), "--set params.samples: params.samples should be");
    EXPECT_STARTS(refusal(RIGHT, {{"nmae", "x"}}), "--set nmae: unknown key 'nmae'; did you mean 'name'?");
    EXPECT_STARTS(refusal(RIGHT, {{"parms.samples", "1"}}), "--set parms.samples: unknown key 'parms'");
    EXPECT_STARTS(refusal(RIGHT, {{"name", "[1"}}), "--set name");
    EXPECT_HAS(refusal(RIGHT, {{"name", "[1"}}), "is not YAML");
    EXPECT_HAS(refusal(RIGHT, {{"name", ""}}), "--set name: has no value");
}

TEST(JobOverrides, PathsMustLeadSomewhere) {
    EXPECT_STARTS(refusal(RIGHT, {{"", "1"}}), "--set ");
    EXPECT_STARTS(refusal(RIGHT, {{"params.", "1"}}), "--set params.: a name is missing in 'params.'");
    EXPECT_STARTS(refusal(RIGHT, {{"params..x", "1"}}), "--set params..x: a name is missing");
    EXPECT_STARTS(refusal(RIGHT, {{".x", "1"}}), "--set .x: a name is missing");
    EXPECT_STARTS(refusal(RIGHT, {{"kernel.x", "1"}}), "--set kernel.x: 'kernel' has no parts to set");
    EXPECT_STARTS(refusal(RIGHT, {{"items.csv.x", "1"}}), "--set items.csv.x: 'items.csv' has no parts to set");
}

TEST(JobOverrides, ASecondSourceOfItemsIsRefused) {
    EXPECT_HAS(refusal(RIGHT, {{"items.count", "3"}}), "items has 2 sources");
}

TEST(JobOverrides, AVeryLongPathIsRefusedNotCutInTwo) {
    std::string path(3000, 'x');
    EXPECT_STARTS(refusal(RIGHT, {{path, "1"}}), "--set xxx");
}

TEST(JobOverrides, ALongPathIsNamedByWholeCharacters) {
    for (std::string path : {"", "x"}) {
        for (int i = 0; i < 100; i++)
            path += "é";
        EXPECT_HAS(refusal(RIGHT, {{path, "1"}}), "é: unknown key '" + path + "'");
    }
}

TEST(Job, AllOfTheRepositorysJobsCanBeRead) {
    for (const auto &entry : std::filesystem::recursive_directory_iterator(SHEAF_SOURCE_DIR "/jobs")) {
        if (entry.path().extension() != ".yaml")
            continue;
        Job job(read_bytes(entry.path()), {}, entry.path());
        EXPECT_EQ(job.rc, 0) << job.error.text();
    }
}
