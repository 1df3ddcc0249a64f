// core/decimal: short numbers are read as strtod reads them, bit for bit, or left alone.
#include "unit/sheaf.h"

#include <cfloat>

using namespace unit;

namespace {

uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// Compares with strtod; whether the text was read the short way.
bool compare(const std::string &text) {
    double value = 99, whole = 99, wanted = strtod(text.c_str(), nullptr);
    struct sheaf_decimal decimal;
    const char *end = text.data() + text.size();
    const bool is_short =
        sheaf_decimal_read(text.data(), end, &decimal) == end && sheaf_decimal_value(&decimal, &value);
    if (is_short)
        EXPECT_EQ(bits_of(value), bits_of(wanted)) << text;
    EXPECT_EQ(sheaf_text_to_double(text.data(), text.size(), &whole), std::isinf(wanted) ? -1 : 0) << text;
    if (!std::isinf(wanted))
        EXPECT_EQ(bits_of(whole), bits_of(wanted)) << text;
    return is_short;
}

std::string written(const char *format, double value) {
    char text[400];
    snprintf(text, sizeof text, format, value);
    return text;
}

std::string digits(std::mt19937_64 &random, unsigned n) {
    std::string text;
    while (n-- > 0)
        text += static_cast<char>('0' + random() % 10);
    return text;
}

const int ROUNDS = getenv("SHEAF_TEST_SLOW") ? 3000000 : 100000;

} // namespace

TEST(Decimal, WhatProgramsWrite) {
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> uniform(-1, 1);
    int n_short = 0;
    for (int i = 0; i < ROUNDS && !testing::Test::HasFailure(); i++) {
        const double value = uniform(random);
        for (const char *format : {"%.17g", "%.16g", "%.8f", "%g", "%.15e", "%+.3f"})
            n_short += compare(written(format, value));
        n_short += compare(written("%.17g", 1e5 * value)) + compare(written("%.17g", 1e-5 * value));
    }
    if (LDBL_MANT_DIG == 64) {
        EXPECT_GT(n_short, ROUNDS * 8 * 0.99) << "nearly all are read the short way";
    }
}

TEST(Decimal, AnyDouble) {
    std::mt19937_64 random(2);
    for (int i = 0; i < ROUNDS && !testing::Test::HasFailure(); i++) {
        const uint64_t bits = random();
        double value;
        memcpy(&value, &bits, sizeof value);
        if (std::isfinite(value)) /* subnormal ones among them */
            compare(written("%.17g", value)), compare(written("%.18e", value)), compare(written("%.3e", value));
    }
    for (double value : {0.0, -0.0, DBL_MIN, DBL_TRUE_MIN, DBL_MAX, 0x1p53, 0x1p63, 0x1p64})
        for (const char *format : {"%.17g", "%.0f", "%.18e", "%g"})
            compare(written(format, value)), compare(written(format, -value));
}

// Numbers of up to 19 digits that lie just between two doubles, and those beside them.
TEST(Decimal, Halfway) {
    std::mt19937_64 random(3);
    int n_halfway = 0;
    for (int i = 0; i < ROUNDS && !testing::Test::HasFailure(); i++) {
        const uint64_t odd = (UINT64_C(1) << 53) + 1 + 2 * (random() % (UINT64_C(1) << (i % 53)));
        uint64_t number = odd;
        int point = 0; /* number / 10^point = odd / 2^point */
        for (int k = static_cast<int>(random() % 4); k > 0 && number < UINT64_MAX / 10 / 5; k--, point++)
            number *= 5;
        for (int off = -2; off <= 2; off++) {
            std::string text = std::to_string(number + static_cast<uint64_t>(off));
            text.insert(text.size() - static_cast<size_t>(point), ".");
            n_halfway += !compare(text);
            compare("-" + text + "0"), compare(text + "e0"), compare(text + "e-7"), compare(text + "e+12");
        }
    }
    EXPECT_GE(n_halfway, ROUNDS) << "what lies halfway is left to strtod";
    for (const char *text :
         {"9007199254740993", "9007199254740991", "9007199254740992.5", "4503599627370496.5", "4503599627370497.5",
          "18446744073709551615", "9223372036854775807", "1e23", "8.5e22", "1.7976931348623157e308",
          "1.7976931348623159e308", "4.9e-324", "2.4703282292062327e-324", "2.2250738585072011e-308"})
        compare(text);
}

TEST(Decimal, DigitsOfAnyKind) {
    std::mt19937_64 random(4);
    for (int i = 0; i < 3 * ROUNDS && !testing::Test::HasFailure(); i++) {
        std::string text = random() % 3 ? "" : random() % 2 ? "-" : "+";
        text += std::string(random() % 4 ? 0 : random() % 25, '0') + digits(random, random() % 24);
        if (random() % 4)
            text += "." + std::string(random() % 4 ? 0 : random() % 25, '0') + digits(random, random() % 24);
        if (!strpbrk(text.c_str(), "0123456789"))
            text += "7";
        if (random() % 3 == 0)
            text += std::string(1, "eE"[random() % 2]) +
                    (random() % 3   ? ""
                     : random() % 2 ? "-"
                                    : "+") +
                    std::to_string(random() % (random() % 2 ? 30 : 420));
        compare(text);
    }
}

// Where a number ends, and what is none.
TEST(Decimal, EndsWhereTheNumberDoes) {
    const std::tuple<std::string, int, bool> cases[] = {
        {"12,3", 2, true},
        {"1.5;", 3, false},
        {"-7\n", 2, true},
        {"1e5x", 3, false},
        {"1e", 1, true},
        {"1e+", 1, true},
        {"2.e-3 ", 5, false},
        {"+4", 2, true},
        {".5.5", 2, false},
        {"1-2", 1, true},
        {"", -1, false},
        {"-", -1, false},
        {".", -1, false},
        {"x1", -1, false},
        {" 1", -1, false},
        {"e5", -1, false},
        {"nan", -1, false},
        {"1_000", 1, true},
        {"1.5D3", 3, false},
        {"12345678901234567890", -1, false},
        {"00000000000000000000000012", 26, true},
    };
    for (const auto &[text, n, whole] : cases) {
        struct sheaf_decimal decimal;
        const char *behind = sheaf_decimal_read(text.data(), text.data() + text.size(), &decimal);
        EXPECT_EQ(behind ? behind - text.data() : -1, n) << text;
        if (behind) {
            EXPECT_EQ(decimal.whole, whole) << text;
        }
    }
}
