// core/text: numbers are read strictly and written for people; misspelt names find the closest.
#include "unit/sheaf.h"

#include <cmath>
#include <limits>

using namespace unit;

namespace {

int to_double(const std::string &text, double *value) {
    return sheaf_text_to_double(text.data(), text.size(), value);
}

int to_int64(const std::string &text, int64_t *value) {
    return sheaf_text_to_int64(text.data(), text.size(), value);
}

} // namespace

// ------------------------------------------------------------------------------------------------- reading numbers

TEST(TextToDouble, TakesDecimalsWithBlanksAround) {
    const std::pair<const char *, double> cases[] = {
        {"0", 0},
        {"-0", -0.0},
        {"1.5", 1.5},
        {" 1.5 ", 1.5},
        {"\t2\r\n", 2},
        {"+3", 3},
        {"-1e-3", -1e-3},
        {"1E5", 1e5},
        {".5", 0.5},
        {"5.", 5},
        {"0.1", 0.1},
        {"007", 7},
        {"1e308", 1e308},
        {"123456789012345678", 123456789012345678.0},
        {"2.2250738585072014e-308", DBL_MIN},
    };
    for (const auto &[text, wanted] : cases) {
        double value = 99;
        EXPECT_EQ(to_double(text, &value), 0) << text;
        EXPECT_EQ(value, wanted) << text;
    }
}

TEST(TextToDouble, TakesNanAndInfinity) {
    for (const char *text : {"nan", "NaN", "NAN", " nan "}) {
        double value = 0;
        EXPECT_EQ(to_double(text, &value), 0) << text;
        EXPECT_TRUE(std::isnan(value)) << text;
    }
    for (const char *text : {"inf", "Inf", "-inf", "infinity"}) {
        double value = 0;
        EXPECT_EQ(to_double(text, &value), 0) << text;
        EXPECT_TRUE(std::isinf(value)) << text;
    }
}

// Fortran writes D for E, and leaves the letter out before three digits: gfortran 12's write (*, '(d12.5, es12.3)').
TEST(TextToDouble, TakesWhatFortranWrites) {
    const std::pair<const char *, double> cases[] = {
        {"1.5D+01", 15},      {" -0.15000D-02", -0.0015},    {"5.687-304", 5.687e-304},
        {"0.100+101", 1e100}, {"-0.17976+309", -1.7976e308}, {"1.D0", 1},
        {".5d1", 5},          {"+Infinity", INFINITY},
    };
    for (const auto &[text, wanted] : cases) {
        double value = 99;
        EXPECT_EQ(to_double(text, &value), 0) << text;
        EXPECT_EQ(value, wanted) << text;
        EXPECT_TRUE(sheaf_text_is_number(text, strlen(text)));
    }
    for (const char *text :
         {"1D5", "12D3", "2020-101", "1.5-04", "1.5-1000", "1.5-012", "1.5D", "1.5D+", "D5", "1.5ED5", "1.5-30x"}) {
        double value = 0;
        EXPECT_EQ(to_double(text, &value), -1) << text;
    }
}

// Halfway between 1 and the next double lies 1 + 2^-53, a decimal of 53 digits behind the point: one more digit, however
// far behind, decides.
TEST(TextToDouble, EveryDigitCounts) {
    std::string half = "1.00000000000000011102230246251565404236316680908203125";
    for (size_t n : {10u, 100u, 700u, 900u, 20000u}) {
        const std::string zeros(n, '0'), blanks(n, ' ');
        double value = 0;
        ASSERT_EQ(to_double(half + zeros, &value), 0);
        EXPECT_EQ(value, 1.0) << "ties to even";
        ASSERT_EQ(to_double(half + zeros + "1", &value), 0);
        EXPECT_EQ(value, nextafter(1.0, 2.0));
        ASSERT_EQ(to_double(blanks + "0" + zeros + "." + zeros + "7e" + std::to_string(n + 1) + blanks, &value), 0);
        EXPECT_EQ(value, 7.0);
        ASSERT_EQ(to_double("7" + zeros + "e-" + std::to_string(n), &value), 0);
        EXPECT_EQ(value, 7.0);
        int64_t whole = 0;
        ASSERT_EQ(to_int64("9007199254740993." + zeros, &whole), 0);
        EXPECT_EQ(whole, 9007199254740993) << "not by way of a double";
        ASSERT_EQ(to_int64(zeros + "12", &whole), 0);
        EXPECT_EQ(whole, 12);
        EXPECT_EQ(to_int64("12." + zeros + "1", &whole), -1);
        EXPECT_EQ(to_int64("1" + zeros + "0000000000", &whole), -1);
    }
    std::mt19937_64 random(5);
    for (int i = 0; i < 3000; i++) {
        std::string text;
        const int n = 60 + static_cast<int>(random() % 1000), point = static_cast<int>(random() % 1000);
        for (int k = 0; k < n; k++) {
            text += k == point ? "." : "";
            text += static_cast<char>('0' + random() % 10);
        }
        text += "e" + std::to_string(static_cast<int>(random() % 1200) - 900);
        double value = 0, wanted = strtod(text.c_str(), nullptr);
        ASSERT_EQ(to_double(text, &value), std::isinf(wanted) ? -1 : 0) << text;
        ASSERT_EQ(value, wanted) << text;
        EXPECT_TRUE(sheaf_text_is_number(text.data(), text.size()));
    }
}

TEST(TextCommaHint, OnlyWhereAPointWouldMakeItANumber) {
    for (const char *text : {"1,5", " -0,25 ", "3,0e-5"})
        EXPECT_NE(std::string(sheaf_text_comma_hint(text, strlen(text))), "") << text;
    for (const char *text : {"1,234,567", "1.5", "a,b", ",", "1,", ",5", "1.5,2.5", "1,5 m", "1, 5", "", "1.5,2"})
        EXPECT_EQ(std::string(sheaf_text_comma_hint(text, strlen(text))), "") << text;
}

TEST(TextToDouble, RefusesAnythingElse) {
    for (const char *text :
         {"",   " ", "\n", "x", "1x",    "1 2",   "1,5",  "0x10", "-0X1p3", "nan(1)", "1_000", "--1", "+-1",      "1e",
          "e5", ".", "-",  "+", "1.2.3", "1e5.5", "NULL", "n/a",  "one",    "0b1",    "1f",    "½",   "1\xc2\xa0"}) {
        double value;
        EXPECT_EQ(to_double(text, &value), -1) << "'" << text << "'";
    }
    double value;
    EXPECT_EQ(sheaf_text_to_double("1\0002", 3, &value), -1) << "a NUL inside";
}

TEST(TextToDouble, ReadsOnlyItsLength) {
    double value;
    EXPECT_EQ(sheaf_text_to_double("12345", 2, &value), 0);
    EXPECT_EQ(value, 12);
}

TEST(TextToDouble, RefusesWhatDoesNotFit) {
    for (const char *text : {"1e309", "-1e400", "1e99999"}) {
        double value;
        EXPECT_EQ(to_double(text, &value), -1) << text;
    }
}

TEST(TextToInt64, TakesWholeNumbersHoweverTheyAreWritten) {
    const std::pair<const char *, int64_t> cases[] = {
        {"0", 0},
        {"-7", -7},
        {"+7", 7},
        {" 42\t", 42},
        {"1e6", 1000000},
        {"1E+3", 1000},
        {"2.0", 2},
        {"1.5e1", 15},
        {"1_000", 1000},
        {"1_000_000", 1000000},
        {"007", 7},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"9007199254740993", 9007199254740993}, /* 2^53 + 1: no double on the way */
        {"9007199254740993.0", 9007199254740993},
        {"9.223372036854775807e18", INT64_MAX},
        {"-9223372036854775808.00", INT64_MIN},
        {"1e18", 1000000000000000000},
        {"-0", 0},
        {"1.5D+01", 15},
        {"0e99999", 0},
    };
    for (const auto &[text, wanted] : cases) {
        int64_t value = 99;
        EXPECT_EQ(to_int64(text, &value), 0) << text;
        EXPECT_EQ(value, wanted) << text;
    }
}

// A table holds short decimals; a shortcut for them must round as strtod does.
TEST(TextToDouble, RoundsCorrectlyWhateverTheNumberOfDigits) {
    std::mt19937_64 random(4);
    for (int i = 0; i < 50000; i++) {
        std::string text = random() % 2 ? "-" : "";
        int n_digits = 1 + static_cast<int>(random() % 24), point = static_cast<int>(random() % 30);
        for (int k = 0; k < n_digits; k++) {
            text += k == point ? "." : "";
            text += static_cast<char>('0' + random() % 10);
        }
        if (random() % 4 == 0)
            text += "e" + std::to_string(static_cast<int>(random() % 60) - 30);
        double value = 0, wanted = strtod(text.c_str(), nullptr);
        ASSERT_EQ(to_double(text, &value), 0) << text;
        ASSERT_EQ(memcmp(&value, &wanted, sizeof value), 0) << text;
    }
}

TEST(TextToInt64, RefusesAnythingElse) {
    for (const char *text : {"",
                             " ",
                             "1.5",
                             "1e-1",
                             "x",
                             "1x",
                             "0x10",
                             "nan",
                             "inf",
                             "9223372036854775808",
                             "-9223372036854775809",
                             "1e19",
                             "1e400",
                             "_1",
                             "1_",
                             "1__0",
                             "_",
                             "1 000",
                             "1,000",
                             "-",
                             "1e",
                             "1e2_0x"}) {
        int64_t value;
        EXPECT_EQ(to_int64(text, &value), -1) << "'" << text << "'";
    }
}

TEST(TextToSeconds, TakesUnitsAndClockTimes) {
    const std::pair<const char *, double> cases[] = {
        {"90", 90},      {"90s", 90},           {"30m", 1800},    {"2h", 7200},   {"1d", 86400},
        {"1.5h", 5400},  {"0.25s", 0.25},       {"1:30", 90},     {"0:05", 5},    {"1:30:00", 5400},
        {"90:00", 5400}, {"100:00:01", 360001}, {"1:00.5", 60.5}, {"0:00:01", 1},
    };
    for (const auto &[text, wanted] : cases) {
        double wall_s = -1;
        EXPECT_EQ(sheaf_text_to_seconds(text, &wall_s), 0) << text;
        EXPECT_DOUBLE_EQ(wall_s, wanted) << text;
    }
}

TEST(TextToSeconds, RefusesAnythingElse) {
    for (const char *text :
         {"",     "s",    "m",   "0",  "0s",   "-5",      "-5m",   "nan",   "inf",   "1e30",   "5x",   "5ms", "h5",
          "1:60", "1:-5", ":30", "1:", "1::2", "1:2:3:4", "1h30m", "1:30s", "-1:30", "nan:30", "soon", "0:00"}) {
        double wall_s;
        EXPECT_EQ(sheaf_text_to_seconds(text, &wall_s), -1) << "'" << text << "'";
    }
}

TEST(TextToSeconds, MinutesBehindHoursAreBelowSixty) {
    double wall_s;
    EXPECT_EQ(sheaf_text_to_seconds("1:90:00", &wall_s), -1);
    EXPECT_EQ(sheaf_text_to_seconds("1:59:59", &wall_s), 0);
    EXPECT_EQ(wall_s, 7199);
}

// ------------------------------------------------------------------------------------------------- writing numbers

TEST(TextCount, GroupsDigitsByThree) {
    const std::pair<int64_t, const char *> cases[] = {
        {0, "0"},
        {7, "7"},
        {999, "999"},
        {1000, "1,000"},
        {7099, "7,099"},
        {1000000, "1,000,000"},
        {-1, "-1"},
        {-999, "-999"},
        {-1000, "-1,000"},
        {INT64_MAX, "9,223,372,036,854,775,807"},
        {INT64_MIN, "-9,223,372,036,854,775,808"},
    };
    for (const auto &[value, wanted] : cases) {
        char buffer[32];
        EXPECT_STREQ(sheaf_text_count(value, buffer), wanted);
    }
}

TEST(TextDuration, ChoosesTheUnit) {
    const std::pair<double, const char *> cases[] = {
        {0, "0.0 ms"},        {0.0012, "1.2 ms"},
        {0.21, "0.21 s"},     {3.14159, "3.14 s"},
        {42.3, "42.3 s"},     {60, "1:00"},
        {187, "3:07"},        {3599, "59:59"},
        {3599.7, "1:00:00"},  {3600, "1:00:00"},
        {7499, "2:04:59"},    {86399, "23:59:59"},
        {86400, "1 d 00:00"}, {4 * 86400 + 7800, "4 d 02:10"},
    };
    for (const auto &[wall_s, wanted] : cases) {
        char buffer[32];
        EXPECT_STREQ(sheaf_text_duration(wall_s, buffer), wanted) << wall_s;
    }
}

TEST(TextDuration, RoundsIntoTheNextUnit) {
    char buffer[32];
    EXPECT_STREQ(sheaf_text_duration(59.97, buffer), "1:00"); /* not "60.0 s" */
}

TEST(TextDuration, WhatIsNoDurationIsAQuestionMark) {
    char buffer[32];
    EXPECT_STREQ(sheaf_text_duration(NAN, buffer), "?");
    EXPECT_STREQ(sheaf_text_duration(-1, buffer), "?");
    EXPECT_STREQ(sheaf_text_duration(HUGE_VAL, buffer), "?");
}

TEST(TextRate, HasThreeDigitsAndAPrefix) {
    const std::pair<double, const char *> cases[] = {
        {0, "0.00"},    {1.234, "1.23"},   {12.34, "12.3"},     {123.4, "123"},    {9.996, "10.0"},  {99.96, "100"},
        {999.4, "999"}, {999.6, "1.00 k"}, {1250000, "1.25 M"}, {3.5e9, "3.50 G"}, {2e12, "2.00 T"},
    };
    for (const auto &[value, wanted] : cases) {
        char buffer[32];
        EXPECT_STREQ(sheaf_text_rate(value, buffer), wanted) << value;
    }
}

TEST(TextDouble, ReadsBackAsTheSameValue) {
    std::mt19937_64 random(1);
    std::vector<double> values = {0.1, 1.0 / 3, DBL_MIN, DBL_MAX, 5e-324, -2.5, 1e22, 1e23, HUGE_VAL, -HUGE_VAL, -0.0};
    for (int i = 0; i < 20000; i++) {
        double value;
        uint64_t bits = random();
        memcpy(&value, &bits, sizeof value);
        if (!std::isnan(value))
            values.push_back(value);
    }
    for (double value : values) {
        char buffer[32];
        double back = strtod(sheaf_text_double(value, buffer), nullptr);
        ASSERT_EQ(memcmp(&back, &value, sizeof value), 0) << buffer;
    }
}

TEST(TextDouble, IsNotLongerThanNeededForPeople) {
    char buffer[32];
    EXPECT_STREQ(sheaf_text_double(0.1, buffer), "0.1");
    EXPECT_STREQ(sheaf_text_double(360, buffer), "360");
    EXPECT_STREQ(sheaf_text_double(1e-9, buffer), "1e-09");
    EXPECT_STREQ(sheaf_text_double(NAN, buffer), "nan");
    EXPECT_STREQ(sheaf_text_double(-NAN, buffer), "nan");
}

// --------------------------------------------------------------------------------------------------------- strings

TEST(String, GrowsAndStaysTerminated) {
    struct sheaf_string string = {};
    std::string wanted;
    for (int i = 0; i < 1000; i++) {
        sheaf_string_add(&string, "%d;", i);
        wanted += std::to_string(i) + ";";
        ASSERT_EQ(string.length, wanted.size());
        ASSERT_EQ(string.data[string.length], '\0');
    }
    EXPECT_EQ(std::string(string.data, string.length), wanted);
    EXPECT_FALSE(string.failed);
    sheaf_string_free(&string);
    EXPECT_EQ(string.data, nullptr);
    sheaf_string_free(nullptr);
}

TEST(OneLine, ReplacesControlCharactersAndDropsACutCharacter) {
    const std::pair<std::string, std::string> cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"a\nb\r\nc", "a b  c"},
        {"5 µm", "5 µm"},
        {"cut \xc2", "cut "},         /* 1 of 2 bytes */
        {"cut \xe2\x82", "cut "},     /* 2 of 3 */
        {"cut \xf0\x9f\x98", "cut "}, /* 3 of 4 */
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        {"\xe2", ""},
        {"na\xefve", "na?ve"},             /* Latin-1 */
        {"half '\xc3' of", "half '?' of"}, /* cut in the middle of a message */
        {"\x80\xf0\x9f\x98", "?"},         /* wrong at the start, cut at the end */
        {"\xed\xa0\x80", "???"},           /* half a pair of UTF-16 */
    };
    for (const auto &[text, wanted] : cases) {
        std::string copy = text;
        copy.push_back('\0');
        sheaf_text_one_line(copy.data());
        EXPECT_EQ(std::string(copy.c_str()), wanted);
    }
}

// Table 3-7 of the Unicode standard: the first and the last of each row are text, their neighbours are not.
TEST(Valid, TakesWellFormedUtf8Only) {
    for (const char *text :
         {"", "\x01", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xe0\xbf\xbf", "\xe1\x80\x80", "\xed\x9f\xbf",
          "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf3\xbf\xbf\xbf", "\xf4\x8f\xbf\xbf"})
        EXPECT_EQ(sheaf_text_valid(text, strlen(text)), strlen(text)) << text;
    for (const char *text : {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x7f", "\xc2\xc0", "\xe0\x9f\xbf", "\xe1\x80",
                             "\xe1\x80\x7f", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf1\x80\x80",
                             "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
        std::string behind = "é" + std::string(text);
        EXPECT_EQ(sheaf_text_valid(behind.data(), behind.size()), 2u) << text;
    }
}

TEST(Columns, CountsCharactersNotBytes) {
    EXPECT_EQ(sheaf_text_columns("", 0), 0u);
    EXPECT_EQ(sheaf_text_columns("abc", 3), 3u);
    EXPECT_EQ(sheaf_text_columns("é€😀", strlen("é€😀")), 3u);
}

TEST(Prefix, EndsBetweenCharacters) {
    const char *text = "aé€😀z";
    const size_t wanted[] = {0, 1, 3, 6, 10, 11, 11, 11};
    for (size_t n = 0; n < 8; n++)
        EXPECT_EQ(sheaf_text_prefix(text, n), wanted[n]) << n;
    EXPECT_EQ(sheaf_text_prefix("", 5), 0u);
}

// ----------------------------------------------------------------------------------------------------------- names

namespace {

const char *const kernels[] = {"moid", "square_plus", nullptr, "pendulum"};

std::string closest(const char *wanted) {
    int k = sheaf_text_closest(wanted, kernels, 4);
    return k < 0 ? "" : kernels[k];
}

} // namespace

TEST(Closest, AllowsAThirdOfTheNameToBeWrongAndAtLeastOne) {
    EXPECT_EQ(closest("moid"), "moid");
    EXPECT_EQ(closest("MOID"), "moid");
    EXPECT_EQ(closest("miod"), "moid");  /* swapped: one step */
    EXPECT_EQ(closest("mod"), "moid");   /* missing */
    EXPECT_EQ(closest("moidd"), "moid"); /* doubled */
    EXPECT_EQ(closest("mxyd"), "");      /* two of four */
    EXPECT_EQ(closest("square-plus"), "square_plus");
    EXPECT_EQ(closest("squareplus"), "square_plus");
    EXPECT_EQ(closest("sqare_pluss"), "square_plus");
    EXPECT_EQ(closest("pnedulmu"), "pendulum");
    EXPECT_EQ(closest("something else"), "");
    EXPECT_EQ(closest(""), "");
}

TEST(Closest, TakesTheClosestOfSeveral) {
    const char *const names[] = {"mass1", "mass2", "mass", "masses"};
    EXPECT_EQ(sheaf_text_closest("mass", names, 4), 2);
    EXPECT_EQ(sheaf_text_closest("massse", names, 4), 3); /* swapped: 1; "mass": 2 */
}

TEST(Closest, LongNamesDoNotOverflow) {
    std::string a(500, 'a'), b(500, 'b');
    const char *names[] = {b.c_str(), a.c_str()};
    EXPECT_EQ(sheaf_text_closest(a.c_str(), names, 2), 1);
}

TEST(Suggest, NamesTheClosestOrListsWhatThereIs) {
    char buffer[200];
    EXPECT_STREQ(sheaf_text_suggest("moidd", kernels, 4, true, buffer, sizeof buffer), "; did you mean 'moid'?");
    EXPECT_STREQ(sheaf_text_suggest("zzz", kernels, 4, false, buffer, sizeof buffer), "");
    std::string list = sheaf_text_suggest("zzz", kernels, 4, true, buffer, sizeof buffer);
    EXPECT_STARTS(list, "; there ");
    EXPECT_HAS(list, "'moid', 'square_plus', 'pendulum'");
}

TEST(Suggest, StaysWithinItsBuffer) {
    for (size_t n = 1; n < 60; n++) {
        std::vector<char> buffer(n + 1, '#');
        sheaf_text_suggest("zzz", kernels, 4, true, buffer.data(), n);
        EXPECT_LT(strnlen(buffer.data(), n), n);
        EXPECT_EQ(buffer[n], '#');
        sheaf_text_suggest("moidd", kernels, 4, true, buffer.data(), n);
        EXPECT_LT(strnlen(buffer.data(), n), n);
        EXPECT_EQ(buffer[n], '#');
    }
}

TEST(IsName, IsAnIdentifier) {
    for (const char *good : {"a", "_", "A1_b", "x123"})
        EXPECT_TRUE(sheaf_text_is_name(good)) << good;
    for (const char *bad : {"", "1a", "a-b", "a b", "a.b", "é", "a/b"})
        EXPECT_FALSE(sheaf_text_is_name(bad)) << bad;
}
