// core/options: options and words may be mixed; what is wrong is named, with the closest option.
#include "unit/sheaf.h"

using namespace unit;

namespace {

struct Target {
    std::vector<std::string> said;
};

void say(void *target, const std::string &text) {
    static_cast<Target *>(target)->said.push_back(text);
}

int apply_output(void *target, const char *value, struct sheaf_error *) {
    say(target, std::string("output=") + value);
    return 0;
}

int apply_threads(void *target, const char *value, struct sheaf_error *error) {
    if (!strcmp(value, "none"))
        return sheaf_refuse(error, "'%s' should be a number of threads", value);
    say(target, std::string("threads=") + value);
    return 0;
}

int apply_quiet(void *target, const char *value, struct sheaf_error *) {
    say(target, value ? "quiet with a value" : "quiet");
    return 0;
}

const struct sheaf_option table[] = {
    {'o', "output", "FILE", "where to write", apply_output},
    {'t', "threads", "N", "how many threads", apply_threads},
    {'q', "quiet", nullptr, "say nothing", apply_quiet},
    {0, "overwrite", nullptr, "start anew", apply_quiet},
    {},
};

struct Parsed {
    int rc, first_word = -1;
    bool help = true;
    std::vector<std::string> said, words;
    Error error;

    explicit Parsed(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "sheaf");
        std::vector<char *> argv;
        for (std::string &argument : arguments)
            argv.push_back(argument.data());
        argv.push_back(nullptr);
        Target target;
        rc = sheaf_options_parse(table, &target, static_cast<int>(arguments.size()), argv.data(), &first_word, &help,
                                 error);
        said = target.said;
        for (int i = first_word; rc == 0 && !help && i < static_cast<int>(arguments.size()); i++)
            words.push_back(argv[static_cast<size_t>(i)]);
    }
};

using Words = std::vector<std::string>;

} // namespace

TEST(Options, AreAppliedInOrderAndWordsAreLeft) {
    Parsed p({"-o", "a.h5", "job.yaml", "--threads=2", "-q", "more", "--output", "b.h5"});
    ASSERT_EQ(p.rc, 0) << p.error.text();
    EXPECT_FALSE(p.help);
    EXPECT_EQ(p.said, (Words{"output=a.h5", "threads=2", "quiet", "output=b.h5"}));
    EXPECT_EQ(p.words, (Words{"job.yaml", "more"}));
}

TEST(Options, LettersMayBeJoined) {
    Parsed p({"-qt4", "-oa"});
    ASSERT_EQ(p.rc, 0) << p.error.text();
    EXPECT_EQ(p.said, (Words{"quiet", "threads=4", "output=a"}));
    EXPECT_TRUE(p.words.empty());
}

TEST(Options, TwoDashesEndThem) {
    Parsed p({"-q", "--", "-t", "--help"});
    ASSERT_EQ(p.rc, 0) << p.error.text();
    EXPECT_FALSE(p.help);
    EXPECT_EQ(p.said, (Words{"quiet"}));
    EXPECT_EQ(p.words, (Words{"-t", "--help"}));
}

TEST(Options, NoneIsFine) {
    Parsed p({});
    EXPECT_EQ(p.rc, 0);
    EXPECT_FALSE(p.help);
    EXPECT_TRUE(p.words.empty());
}

TEST(Options, HelpIsSeenAnywhere) {
    for (const Words &words : {Words{"--help"}, Words{"-h"}, Words{"job.yaml", "-q", "--help"}}) {
        Parsed p(words);
        EXPECT_EQ(p.rc, 0);
        EXPECT_TRUE(p.help);
    }
}

TEST(Options, AnUnknownOneIsNamedWithTheClosest) {
    Parsed p({"job.yaml", "--treads", "2"});
    EXPECT_EQ(p.rc, -1);
    EXPECT_EQ(p.error.error.exit, SHEAF_EXIT_USAGE);
    EXPECT_HAS(p.error.text(), "'--treads'");
    EXPECT_HAS(p.error.text(), "did you mean --threads?");
    Parsed q({"--overwrit=yes"});
    EXPECT_EQ(q.rc, -1);
    EXPECT_HAS(q.error.text(), "--overwrit");
}

TEST(Options, AnUnknownOneWithoutRelativesGetsNoHint) {
    Parsed p({"--frobnicate"});
    EXPECT_EQ(p.rc, -1);
    EXPECT_HAS(p.error.text(), "'--frobnicate'");
    EXPECT_EQ(p.error.text().find("did you mean"), std::string::npos);
}

TEST(Options, AnUnknownLetterIsNamedWhereverItStands) {
    for (const Words &words : {Words{"-z"}, Words{"job.yaml", "-z"}, Words{"-q", "job.yaml", "-z"}, Words{"-qz"}}) {
        Parsed p(words);
        EXPECT_EQ(p.rc, -1);
        EXPECT_HAS(p.error.text(), "z'");
    }
}

TEST(Options, AnUnknownLetterBeforeOthersIsNamedBehindAWord) {
    Parsed p({"job.yaml", "-zq"});
    EXPECT_EQ(p.rc, -1);
    EXPECT_HAS(p.error.text(), "z");
    EXPECT_EQ(p.error.text().find("job.yaml"), std::string::npos) << p.error.text();
}

TEST(Options, AMissingValueIsNamed) {
    Parsed p({"job.yaml", "--output"});
    EXPECT_EQ(p.rc, -1);
    EXPECT_HAS(p.error.text(), "'--output' needs a value");
    Parsed q({"job.yaml", "-t"});
    EXPECT_EQ(q.rc, -1);
    EXPECT_HAS(q.error.text(), "'-t' needs a value");
}

TEST(Options, AValueWhereNoneIsTakenIsRefused) {
    Parsed p({"--quiet=yes"});
    EXPECT_EQ(p.rc, -1);
    EXPECT_HAS(p.error.text(), "--quiet");
    EXPECT_TRUE(p.said.empty());
}

TEST(Options, ARefusedValueNamesItsOption) {
    Parsed p({"-t", "none"});
    EXPECT_EQ(p.rc, -1);
    EXPECT_EQ(p.error.text(), "--threads: 'none' should be a number of threads");
}

TEST(Options, HelpListsEveryOption) {
    testing::internal::CaptureStdout();
    sheaf_options_help(table);
    std::string text = testing::internal::GetCapturedStdout();
    for (const char *part : {"-o, --output FILE", "where to write", "-t, --threads N", "-q, --quiet", "--overwrite",
                             "start anew", "-h, --help"})
        EXPECT_HAS(text, part);
}

// Characters are counted, not bytes.
TEST(Options, HelpIsAlignedBehindAnyCharacters) {
    const struct sheaf_option some[] = {
        {'f', "fields", "A,B,…", "some", apply_output}, {'o', "output", "FILE", "some", apply_output}, {}};
    testing::internal::CaptureStdout();
    sheaf_options_help(some);
    std::istringstream lines(testing::internal::GetCapturedStdout());
    std::vector<size_t> columns;
    for (std::string line; std::getline(lines, line) && columns.size() < 2;)
        columns.push_back(n_characters(line.substr(0, line.find("some"))));
    ASSERT_EQ(columns.size(), 2U);
    EXPECT_EQ(columns[0], columns[1]);
}
