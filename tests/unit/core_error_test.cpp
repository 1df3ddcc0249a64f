// core/error: one line, the right exit code, cut only between characters.
#include "unit/sheaf.h"

#include <errno.h>

using namespace unit;

TEST(Error, RefusingIsWrongUsageAndAlwaysGivesMinusOne) {
    Error error;
    EXPECT_EQ(sheaf_refuse(error, "%s: row %d", "a.csv", 12), -1);
    EXPECT_EQ(error.text(), "a.csv: row 12");
    EXPECT_EQ(error.error.exit, SHEAF_EXIT_USAGE);
}

TEST(Error, FailingIsTheEnvironment) {
    Error error;
    EXPECT_EQ(sheaf_fail(error, "no space"), -1);
    EXPECT_EQ(error.text(), "no space");
    EXPECT_EQ(error.error.exit, SHEAF_EXIT_ENVIRONMENT);
    EXPECT_EQ(sheaf_fail_memory(error, "the items"), -1);
    EXPECT_EQ(error.text(), "no memory for the items");
    EXPECT_EQ(error.error.exit, SHEAF_EXIT_ENVIRONMENT);
}

TEST(Error, ExitCodesAreThoseOfTheManual) {
    EXPECT_EQ(SHEAF_EXIT_DONE, 0);
    EXPECT_EQ(SHEAF_EXIT_FAILED, 1);
    EXPECT_EQ(SHEAF_EXIT_USAGE, 2);
    EXPECT_EQ(SHEAF_EXIT_ENVIRONMENT, 3);
    EXPECT_EQ(SHEAF_EXIT_INTERRUPTED, 75);
}

TEST(Error, ErrnoIsExplainedAndKept) {
    Error error;
    errno = ENOSPC;
    EXPECT_EQ(sheaf_fail_errno(error, "%s: cannot write", "out.h5"), -1);
    EXPECT_EQ(errno, ENOSPC);
    EXPECT_EQ(error.text(), std::string("out.h5: cannot write: ") + strerror(ENOSPC));
    EXPECT_EQ(error.error.exit, SHEAF_EXIT_ENVIRONMENT);
}

TEST(Error, NobodyListeningIsFine) {
    errno = EIO;
    EXPECT_EQ(sheaf_refuse(nullptr, "%d", 1), -1);
    EXPECT_EQ(sheaf_fail(nullptr, "%d", 1), -1);
    EXPECT_EQ(sheaf_fail_errno(nullptr, "%d", 1), -1);
    EXPECT_EQ(sheaf_fail_memory(nullptr, "x"), -1);
    EXPECT_EQ(sheaf_error_prefix(nullptr, "%d", 1), -1);
    EXPECT_EQ(errno, EIO);
}

TEST(Error, APrefixStandsBeforeTheMessageAndKeepsTheExitCode) {
    Error error;
    sheaf_fail(error, "cannot read");
    EXPECT_EQ(sheaf_error_prefix(error, "%s:%d:%d: ", "job.yaml", 3, 9), -1);
    EXPECT_EQ(error.text(), "job.yaml:3:9: cannot read");
    EXPECT_EQ(error.error.exit, SHEAF_EXIT_ENVIRONMENT);
    sheaf_error_prefix(error, "stage a: ");
    EXPECT_EQ(error.text(), "stage a: job.yaml:3:9: cannot read");
}

TEST(Error, AMessageIsOneLineWithoutControlCharacters) {
    Error error;
    sheaf_refuse(error, "a\nb\tc\r\x1b[31md\x7f");
    EXPECT_EQ(error.text(), "a b c  [31md ");
}

TEST(Error, APrefixIsOneLineToo) {
    Error error;
    sheaf_refuse(error, "message");
    sheaf_error_prefix(error, "%s: ", "odd\nname.csv");
    EXPECT_EQ(error.text(), "odd name.csv: message");
}

// What is too long is cut at the end, between characters, whichever byte of a character the limit falls on.
class ErrorLimit : public testing::TestWithParam<int> {};

TEST_P(ErrorLimit, AMessageIsCutBetweenCharacters) {
    Error error;
    std::string text(static_cast<size_t>(GetParam()), 'x');
    for (int i = 0; i < 600; i++)
        text += "€";
    sheaf_refuse(error, "%s", text.c_str());
    EXPECT_TRUE(is_utf8(error.text())) << GetParam();
    EXPECT_TRUE(text.starts_with(error.text()));
    EXPECT_LT(error.text().size(), size_t{SHEAF_ERROR_BYTES});
    EXPECT_GE(error.text().size(), size_t{SHEAF_ERROR_BYTES - 3}); /* no more than a character is lost */
}

TEST_P(ErrorLimit, AMessageIsCutBetweenCharactersAlsoAfterAPrefix) {
    Error error;
    std::string text(static_cast<size_t>(GetParam()), 'x');
    for (int i = 0; i < 300; i++)
        text += "€";
    sheaf_refuse(error, "%s", text.c_str());
    for (int i = 0; i < 30; i++)
        sheaf_error_prefix(error, "prefix %02d: ", i);
    EXPECT_TRUE(is_utf8(error.text())) << GetParam();
    EXPECT_STARTS(error.text(), "prefix 29: prefix 28: ");
    EXPECT_LT(error.text().size(), size_t{SHEAF_ERROR_BYTES});
}

TEST_P(ErrorLimit, AMessageIsCutBetweenCharactersAlsoWhereErrnoIsExplained) {
    Error error;
    std::string text(static_cast<size_t>(GetParam()), 'x');
    for (int i = 0; i < 400; i++)
        text += "€";
    errno = EIO;
    sheaf_fail_errno(error, "%s", text.c_str());
    EXPECT_TRUE(is_utf8(error.text())) << GetParam();
}

INSTANTIATE_TEST_SUITE_P(Shifts, ErrorLimit, testing::Values(0, 1, 2, 3, 4, 5));
