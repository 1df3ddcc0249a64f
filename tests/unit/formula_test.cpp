// kernel/expression/formula and compile: what formulas mean, which are refused and where, and that nothing of their text
// gets into the C that is compiled.
#include "unit/compiling.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include <dlfcn.h>

using namespace unit;

namespace {

constexpr int n_rows = 64;
constexpr double NaN = std::numeric_limits<double>::quiet_NaN(), Inf = std::numeric_limits<double>::infinity();

// Names that most tests use: fields x, y, z and some that cannot be used; params; functions.
const std::vector<formula_field> fields = {
    {"x", nullptr},       {"y", nullptr}, {"z", nullptr},    {"many", "has several values"},
    {"H (mag)", nullptr}, {"σ", nullptr}, {"both", nullptr}, {"a.b", nullptr}};
const std::vector<formula_param> params = {{"total", 5},    {"tiny", 5e-324},   {"lost", NAN},
                                           {"minus", -1.5}, {"far", -INFINITY}, {"both", 1}};
const std::vector<formula_function> functions = {{"drag", 2, false}, {"drag_f", 2, true}, {"one", 0, false}};

class Formulas {
  public:
    struct formulas f {};
    Error error;
    size_t at = 99999;

    Formulas() {
        f.names = {static_cast<int>(fields.size()),
                   fields.data(),
                   static_cast<int>(params.size()),
                   params.data(),
                   static_cast<int>(functions.size()),
                   functions.data(),
                   nullptr,
                   true};
    }
    ~Formulas() { sheaf_formulas_free(&f); }
    Formulas(const Formulas &) = delete;
    Formulas &operator=(const Formulas &) = delete;

    int add(const std::string &text, const std::string &name = "") {
        std::string output = name.empty() ? "out" + std::to_string(f.n_outputs) : name;
        // At the end of memory that is all the text has, so that a sanitizer sees what reads too far.
        std::vector<char> exact(text.begin(), text.end());
        return sheaf_formulas_add(&f, output.c_str(), exact.data(), exact.size(), &at, error);
    }
    std::string c() const {
        struct sheaf_string text = {};
        sheaf_formulas_write_c(&f, &text);
        std::string copy = text.data;
        sheaf_string_free(&text);
        return copy;
    }
    std::string canonical(int output = 0) const {
        struct sheaf_string text = {};
        sheaf_formulas_print(&f, output, &text);
        std::string copy = text.data;
        sheaf_string_free(&text);
        return copy;
    }
};

double drag(double v, double rho) {
    return v * 100 + rho;
}
double drag_f(const double *v, const double *rho) {
    return *v * 1000 + *rho;
}
double one() {
    return 1;
}

// Columns that the compiled functions read and write.
struct Column {
    alignas(64) std::array<double, n_rows> value{};
};

// Compiles formulas and computes n_rows items from the inputs, which are given by name.
class Compiled {
  public:
    struct sheaf_buffer object {};
    struct sheaf_library library {};
    std::vector<Column> out;

    Compiled(const Formulas &formulas, const std::function<double(const std::string &, int)> &input,
             bool fast_math = false, int64_t level = sheaf_cpu_level(), int64_t first = 0) {
        const struct formulas &f = formulas.f;
        Error error;
        std::string source = formulas.c();
        struct compile_request request = {the_server(), nullptr, source.c_str(), level, fast_math};
        EXPECT_EQ(sheaf_compile(&request, &object, error), 0) << error.text() << "\n" << source;
        EXPECT_EQ(sheaf_library_load(&library, &object, "it", error), 0) << error.text();
        auto compute =
            reinterpret_cast<void (*)(int64_t, int64_t, const double *const *, double *const *, void (*const *)(void))>(
                sheaf_library_find(&library, "sheaf_expression"));
        if (!compute)
            throw std::runtime_error("nothing was compiled");
        std::vector<Column> in(static_cast<size_t>(f.n_inputs));
        std::vector<const double *> in_pointers;
        std::vector<double *> out_pointers;
        std::vector<void (*)(void)> addresses;
        for (int k = 0; k < f.n_inputs; k++)
            for (int row = 0; row < n_rows; row++)
                in[static_cast<size_t>(k)].value[static_cast<size_t>(row)] =
                    input(f.names.fields[f.inputs[k]].name, row);
        for (const Column &column : in)
            in_pointers.push_back(column.value.data());
        out.resize(static_cast<size_t>(f.n_outputs));
        for (Column &column : out)
            out_pointers.push_back(column.value.data());
        void (*const known[])(void) = {reinterpret_cast<void (*)(void)>(drag), reinterpret_cast<void (*)(void)>(drag_f),
                                       reinterpret_cast<void (*)(void)>(one)};
        for (int k = 0; k < f.n_used; k++)
            addresses.push_back(known[f.used[k]]);
        compute(first, n_rows, in_pointers.data(), out_pointers.data(), addresses.data());
    }
    ~Compiled() {
        sheaf_library_close(&library);
        sheaf_buffer_free(&object);
    }
    Compiled(const Compiled &) = delete;
    Compiled &operator=(const Compiled &) = delete;
};

// Values with all sorts of numbers among them.
double sample(const std::string &name, int row) {
    static const double special[] = {0.0, -0.0, 1, -1, 2, 0.5, NaN, Inf, -Inf, 5e-324, 1e308, -3, 3, 2.5, -0.1, 7};
    if (name == "x")
        return special[row % 16];
    if (name == "y")
        return special[(row / 4 + row * 5) % 16];
    return 0.3 * row - 4;
}

bool same(double a, double b) {
    return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b) || (std::isnan(a) && std::isnan(b));
}

struct Meaning {
    const char *formula;
    std::function<double(double, double, double)> wanted;
};

// Two zeros of different sign are both the larger and the smaller.
bool same_but_zero(double a, double b) {
    return same(a, b) || (a == 0 && b == 0);
}

void expect_meanings(const std::vector<Meaning> &meanings, bool (*alike)(double, double) = same) {
    Formulas formulas;
    for (const Meaning &meaning : meanings)
        ASSERT_EQ(formulas.add(meaning.formula), 0) << meaning.formula << ": " << formulas.error.text();
    Compiled compiled(formulas, sample);
    for (size_t k = 0; k < meanings.size(); k++)
        for (int row = 0; row < n_rows; row++) {
            double x = sample("x", row), y = sample("y", row), z = sample("z", row);
            double wanted = meanings[k].wanted(x, y, z), got = compiled.out[k].value[static_cast<size_t>(row)];
            EXPECT_TRUE(alike(got, wanted))
                << meanings[k].formula << " for " << x << ", " << y << ", " << z << ": " << got << ", not " << wanted;
        }
}

#define MEANS(formula, value)                                                                                          \
    Meaning {                                                                                                          \
        formula, []([[maybe_unused]] double x, [[maybe_unused]] double y, [[maybe_unused]] double z) -> double {       \
            return value;                                                                                              \
        }                                                                                                              \
    }

// The formula is refused at this byte (counted from 0) with a message that holds `part`.
void expect_refusal(const std::string &formula, size_t at, const std::string &part) {
    Formulas formulas;
    EXPECT_EQ(formulas.add(formula), -1) << formula;
    EXPECT_EQ(formulas.at, at) << formula << ": " << formulas.error.text();
    EXPECT_HAS(formulas.error.text(), part);
    EXPECT_EQ(formulas.error.error.exit, SHEAF_EXIT_USAGE);
    EXPECT_TRUE(is_utf8(formulas.error.text())) << formula;
}

} // namespace

// ---------------------------------------------------------------------------------------------------------- values

TEST(Formula, OperatorsBindAsTheyShould) {
    expect_meanings({
        MEANS("x + y * z", x + (y * z)),
        MEANS("x - y - z", (x - y) - z),
        MEANS("x - (y - z)", x - (y - z)),
        MEANS("x / y / z", (x / y) / z),
        MEANS("x / (y / z)", x / (y / z)),
        MEANS("x / y * z", (x / y) * z),
        MEANS("x - y + z", (x - y) + z),
        MEANS("x + (y + z)", x + (y + z)),
        MEANS("x * (y * z)", x * (y * z)),
        MEANS("x % y", std::fmod(x, y)),
        MEANS("z * 10 % 7 * 2", std::fmod(z * 10, 7) * 2),
        MEANS("-x^2", -(x * x)),
        MEANS("(-x)^3", (-x) * (-x) * (-x)),
        MEANS("x^4", (x * x) * (x * x)),
        MEANS("2^-z", std::pow(2, -z)),
        MEANS("x^y^2", std::pow(x, y * y)),
        MEANS("(x^y)^2", std::pow(x, y) * std::pow(x, y)),
        MEANS("x^0.5", std::pow(x, 0.5)),
        MEANS("x^y", std::pow(x, y)),
        MEANS("2 * x ^ 2 / 3", 2 * (x * x) / 3),
        MEANS("- - x", x),
        MEANS("--x", x),
        MEANS("-(-x)", x),
        MEANS("+x", x),
        MEANS("x - -y", x + y),
        MEANS("x--y", x + y),
        MEANS("1/2", 0.5),
    });
}

TEST(Formula, ComparisonsAndLogicGiveOneOrZero) {
    expect_meanings({
        MEANS("x < y", x < y),
        MEANS("x <= y", x <= y),
        MEANS("x > y", x > y),
        MEANS("x >= y", x >= y),
        MEANS("x == y", x == y),
        MEANS("x != y", x != y),
        MEANS("x < y && y < z", x < y && y < z),
        MEANS("x && y", x && y),
        MEANS("x || y && z > 0", x || (y && z > 0)),
        MEANS("(x || y) && z > 0", (x || y) && z > 0),
        MEANS("x > 0 || y > 0 || z > 0", x > 0 || y > 0 || z > 0),
        MEANS("!x", !x),
        MEANS("!!x", !!x),
        MEANS("!x^2", x * x == 0),
        MEANS("!x == y", (!x) == y),
        MEANS("!(x < y)", !(x < y)),
        MEANS("x + 1 < y * 2", x + 1 < y * 2),
        MEANS("(x < y) + (y < z)", (x < y) + (y < z)),
        MEANS("(x < y) == (y < z)", (x < y) == (y < z)),
        MEANS("-(x < y)", -double(x < y)),
        MEANS("x ? y : z", x ? y : z),
        MEANS("x > 0 ? 1 : y > 0 ? 2 : 3", x > 0   ? 1
                                           : y > 0 ? 2
                                                   : 3),
        MEANS("x > 0 ? y > 0 ? 1 : 2 : 3", x > 0 ? (y > 0 ? 1 : 2) : 3),
        MEANS("x > 0 || y > 0 ? 1 : 2", (x > 0 || y > 0) ? 1 : 2),
        MEANS("(x > 0 ? 1 : 2) * 3", (x > 0 ? 1 : 2) * 3),
        MEANS("isnan(x) ? 0 : x", std::isnan(x) ? 0 : x),
        MEANS("isfinite(x) + 10 * isinf(x) + 100 * signbit(y)", std::isfinite(x) + 10 * std::isinf(x) +
                                                                    100 * double(std::signbit(y) && !std::isnan(y)) +
                                                                    (std::isnan(y) ? 100 * std::signbit(y) : 0)),
    });
}

TEST(Formula, NumbersConstantsParamsAndOutputs) {
    expect_meanings({
        MEANS("42", 42),
        MEANS("0.1", 0.1),
        MEANS(".5 + 5.", 5.5),
        MEANS("1e3 + 1E-3 + 2.5e+1", 1e3 + 1e-3 + 2.5e+1),
        MEANS("1.7976931348623157e308", 1.7976931348623157e308),
        MEANS("4.9e-324", 4.9e-324),
        MEANS("123456789012345678901234567890", 123456789012345678901234567890.0),
        MEANS("pi", M_PI),
        MEANS("exp(1)", M_E),
        MEANS("nan", NaN),
        MEANS("-inf", -Inf),
        MEANS("total", 5),
        MEANS("tiny * 3", 3 * 5e-324),
        MEANS("lost", NaN),
        MEANS("minus - minus^2", -1.5 - 2.25),
        MEANS("far", -Inf),
        MEANS("out11 + out0", 47),
        MEANS("x\t+\r\n y", x + y),
        MEANS("`x` * 2", x * 2),
    });
}

TEST(Formula, EveryFunctionIsThatOfTheLibrary) {
    std::vector<Meaning> list;
#define ONE(name) list.push_back(MEANS(#name "(z)", ::name(z))), list.push_back(MEANS(#name "(x)", ::name(x)))
#define TWO(name)                                                                                                      \
    list.push_back(MEANS(#name "(z, x)", ::name(z, x))), list.push_back(MEANS(#name "(x, y)", ::name(x, y)))
    ONE(acos), ONE(acosh), ONE(asin), ONE(asinh), ONE(atan), ONE(atanh), ONE(cbrt), ONE(ceil), ONE(cos), ONE(cosh);
    ONE(erf), ONE(erfc), ONE(exp), ONE(exp2), ONE(expm1), ONE(fabs), ONE(floor), ONE(lgamma), ONE(log), ONE(log10);
    ONE(log1p), ONE(log2), ONE(logb), ONE(nearbyint), ONE(rint), ONE(round), ONE(sin), ONE(sinh), ONE(sqrt), ONE(tan);
    ONE(tanh), ONE(tgamma), ONE(trunc);
    TWO(atan2), TWO(copysign), TWO(fdim), TWO(fmod), TWO(hypot), TWO(nextafter), TWO(pow), TWO(remainder);
    list.push_back(MEANS("fma(x, y, z)", ::fma(x, y, z)));
    list.push_back(MEANS("abs(x)", ::fabs(x)));
    list.push_back(MEANS("sin ( cos(z) )", ::sin(::cos(z))));
    expect_meanings(list);
    expect_meanings({MEANS("fmin(x, y)", ::fmin(x, y)), MEANS("fmax(x, y)", ::fmax(x, y)),
                     MEANS("min(z, x)", ::fmin(z, x)), MEANS("max(z, x)", ::fmax(z, x))},
                    same_but_zero);
}

TEST(Formula, FunctionsOfTheUserAreCalledByValueAndByReference) {
    expect_meanings({
        MEANS("drag(z, 3) + 1", z * 100 + 3 + 1),
        MEANS("drag_f(z, z * 2)", z * 1000 + z * 2),
        MEANS("one() + drag(one(), drag(1, z))", 1 + 100 + (100 + z)),
    });
}

TEST(Formula, FieldsMayHaveAnyName) {
    Formulas formulas;
    ASSERT_EQ(formulas.add("`H (mag)` + 10 * σ + 100 * `a.b`"), 0) << formulas.error.text();
    Compiled compiled(formulas, [](const std::string &name, int row) {
        return name == "σ" ? 2.0 : name == "a.b" ? 3.0 : static_cast<double>(row);
    });
    EXPECT_EQ(compiled.out[0].value[5], 325);
}

TEST(Formula, KnowsTheItemsIndex) {
    Formulas formulas;
    ASSERT_EQ(formulas.add("x"), 0);
    EXPECT_FALSE(formulas.f.uses_index);
    ASSERT_EQ(formulas.add("2 * item"), 0);
    EXPECT_TRUE(formulas.f.uses_index);
    Compiled compiled(formulas, sample, false, 1, INT64_C(1) << 40);
    EXPECT_EQ(compiled.out[1].value[63], 2 * (static_cast<double>(INT64_C(1) << 40) + 63));
}

// As other languages have them; a table without such a column would be computed with something else.
TEST(Formula, EAndIAreFieldsOrNothing) {
    for (auto [name, remedy] : {std::pair{"e", "Euler's number is exp(1)"}, {"i", "the item's index is item"}}) {
        Formulas formulas;
        EXPECT_EQ(formulas.add(std::string("x * (1 - ") + name + ")"), -1);
        EXPECT_STARTS(formulas.error.text(), std::string("no field, param or function '") + name + "'; " + remedy);
    }
}

TEST(Formula, AFieldWinsOverAConstantAndAnOutputIsFoundAgain) {
    Formulas formulas;
    static const formula_field named_e[] = {{"e", nullptr}, {"i", nullptr}, {"sin", nullptr}};
    formulas.f.names.n_fields = 3;
    formulas.f.names.fields = named_e;
    ASSERT_EQ(formulas.add("e + i + sin(sin)"), 0) << formulas.error.text();
    EXPECT_EQ(formulas.f.n_inputs, 3);
    EXPECT_FALSE(formulas.f.uses_index);
    ASSERT_EQ(formulas.add("e", "pi"), 0);
    ASSERT_EQ(formulas.add("pi"), 0);
    Compiled compiled(formulas, [](const std::string &name, int) { return name == "sin" ? 0.0 : 20.0; });
    EXPECT_EQ(compiled.out[0].value[0], 40);
    EXPECT_EQ(compiled.out[2].value[0], 20) << "the output called pi";
}

TEST(Formula, ListsWhatItUsesInTheOrderOfFirstUse) {
    Formulas formulas;
    ASSERT_EQ(formulas.add("z + drag_f(x, z) + total"), 0);
    ASSERT_EQ(formulas.add("x + σ + minus + total + drag(1, 2)"), 0);
    EXPECT_EQ(std::vector<int>(formulas.f.inputs, formulas.f.inputs + formulas.f.n_inputs),
              (std::vector<int>{2, 0, 5}));
    EXPECT_EQ(std::vector<int>(formulas.f.params, formulas.f.params + formulas.f.n_params), (std::vector<int>{0, 3}));
    EXPECT_EQ(std::vector<int>(formulas.f.used, formulas.f.used + formulas.f.n_used), (std::vector<int>{1, 0}));
}

// Contraction to fused operations would round differently where there are some.
TEST(Formula, IsTheSameOnEveryLevel) {
    Formulas formulas;
    for (const char *text :
         {"x * y + z", "z * z - z * 1.1", "fma(z, z, -z)", "z * 0.1 + z * 0.7 + z^3", "floor(z) / z",
          "z > 1 ? z * z + z : z / 3", "sqrt(z * z + 0.1)", "min(z, 1) * max(x, z)", "item * 0.1 + z"})
        ASSERT_EQ(formulas.add(text), 0) << formulas.error.text();
    Compiled reference(formulas, sample, false, 1);
    for (int64_t level = 2; level <= sheaf_cpu_level(); level++) {
        Compiled other(formulas, sample, false, level);
        for (size_t k = 0; k < reference.out.size(); k++)
            for (size_t row = 0; row < n_rows; row++)
                EXPECT_EQ(std::bit_cast<uint64_t>(reference.out[k].value[row]),
                          std::bit_cast<uint64_t>(other.out[k].value[row]))
                    << "formula " << k << ", row " << row << ", level " << level;
    }
}

TEST(Formula, FastMathKeepsNanAndSmallNumbers) {
    Formulas formulas;
    for (const char *text : {"isnan(x) ? 1 : 0", "sin(z) * exp(z)", "isinf(x)"})
        ASSERT_EQ(formulas.add(text), 0) << formulas.error.text();
    Compiled fast(formulas, sample, true);
    for (size_t row = 0; row < n_rows; row++) {
        double x = sample("x", static_cast<int>(row)), z = sample("z", static_cast<int>(row));
        EXPECT_EQ(fast.out[0].value[row], std::isnan(x));
        EXPECT_NEAR(fast.out[1].value[row], std::sin(z) * std::exp(z), 1e-13 * std::exp(z));
        EXPECT_EQ(fast.out[2].value[row], std::isinf(x));
    }
    volatile double small = 1e-310;
    EXPECT_GT(small / 8, 0) << "loading it must not change how this program computes";
}

// ------------------------------------------------------------------------------------------------------- canonical

TEST(Formula, MeaningTheSameIsWrittenTheSame) {
    const std::vector<std::vector<const char *>> groups = {
        {"x*x+total", " (x * x) + total", "((x*x)+(total))", "`x`*x+total", "+x * x + total"},
        {"abs(x) + min(x, 1.0)", "fabs(x)+fmin(x,1e0)"},
        {"0.10 * 1000", ".1*1e3"},
        {"x > 0 ? 1 : y > 0 ? 2 : 3", "(x>0)?1:((y>0)?2:3)"},
        {"x - y - z", "(x - y) - z"},
        {"-x^2", "-(x^2)"},
    };
    std::vector<std::string> all;
    for (const auto &group : groups) {
        for (const char *text : group) {
            Formulas formulas, first;
            ASSERT_EQ(formulas.add(text), 0) << formulas.error.text();
            ASSERT_EQ(first.add(group[0]), 0);
            EXPECT_EQ(formulas.canonical(), first.canonical()) << text;
            // Reading it again changes nothing.
            Formulas again;
            ASSERT_EQ(again.add(formulas.canonical()), 0) << formulas.canonical() << ": " << again.error.text();
            EXPECT_EQ(again.canonical(), formulas.canonical());
        }
        Formulas formulas;
        formulas.add(group[0]);
        all.push_back(formulas.canonical());
    }
    std::sort(all.begin(), all.end());
    EXPECT_EQ(std::unique(all.begin(), all.end()), all.end());
    for (auto [a, b] : {std::pair{"x - y - z", "x - (y - z)"},
                        {"-x^2", "(-x)^2"},
                        {"x < y && z || y", "x < y && (z || y)"},
                        {"x^y^z", "(x^y)^z"},
                        {"total", "5"},
                        {"atan2(x, y)", "atan2(y, x)"}}) {
        Formulas one_way, other;
        one_way.add(a);
        other.add(b);
        EXPECT_NE(one_way.canonical(), other.canonical()) << a << " and " << b;
    }
}

// -------------------------------------------------------------------------------------------------------- refusals

TEST(Formula, RefusesWithThePlaceAndTheRemedy) {
    expect_refusal("x*x + totl", 6, "no field, param or function 'totl'; did you mean 'total'?");
    expect_refusal("sinn(x)", 0, "no function 'sinn'; did you mean 'sin'?");
    expect_refusal("x + frobnicate", 4, "there is 'x', 'y', 'z'");
    expect_refusal("sin + 1", 0, "'sin' is a function; write sin(…)");
    expect_refusal("drag * 2", 0, "'drag' is a function");
    expect_refusal("2 * x(y)", 4, "'x' is no function; a product is written x * (…)");
    expect_refusal("sin(x, y)", 0, "sin takes 1 argument; here are 2");
    expect_refusal("1 + atan2(x)", 4, "atan2 takes 2 arguments; here are 1");
    expect_refusal("drag(x)", 0, "drag takes 2 arguments; here are 1");
    expect_refusal("one(x)", 0, "one takes 0 arguments; here are 1");
    expect_refusal("sin()", 0, "sin takes 1 argument; here are 0");
    expect_refusal("many + 1", 0, "field 'many' has several values");
    expect_refusal("both", 0, "'both' is a field and a param; rename the param");
    expect_refusal("sqrt(x + (y * 2)", 16, "')' is missing for the '(' at character 5");
    expect_refusal("(x + 1", 6, "')' is missing for the '(' at character 1");
    expect_refusal("x + 1)", 5, "this ')' has no '('");
    expect_refusal("(x, y)", 2, "unexpected ','");
    expect_refusal("x = 2", 2, "write == to compare");
    expect_refusal("x === 2", 2, "write == to compare");
    expect_refusal("x =< 2", 2, "write <=");
    expect_refusal("x <> 2", 2, "write !=");
    expect_refusal("x ** 2", 2, "write ^ for a power");
    expect_refusal("x & y", 2, "write &&");
    expect_refusal("x | y", 2, "write ||");
    expect_refusal("x and y", 2, "write &&");
    expect_refusal("x or y", 2, "write ||");
    expect_refusal("x if y else z", 2, "write condition ? a : b");
    expect_refusal("1 < x < 2", 6, "comparisons do not chain; write a < b && b < c");
    expect_refusal("x == y == z", 7, "comparisons do not chain");
    expect_refusal("x < y == z", 6, "comparisons do not chain");
    expect_refusal("x ? y", 5, "':' is missing");
    expect_refusal("x ? y ; z", 6, "unexpected character ';'");
    expect_refusal("x : y", 2, "unexpected ':'");
    expect_refusal("", 0, "the formula is empty");
    expect_refusal("  ", 2, "the formula is empty");
    expect_refusal("x +", 3, "a value is missing at the end");
    expect_refusal("* x", 0, "a value is missing before '*'");
    expect_refusal("x + * y", 4, "a value is missing before '*'");
    expect_refusal("x + ()", 5, "a value is missing before ')'");
    expect_refusal("atan2(x,)", 8, "a value is missing before ')'");
    expect_refusal("2x", 0, "'2x' is no number; a product is written 2 * x");
    expect_refusal("1 + 2e", 4, "'2e' is no number");
    expect_refusal("0x10", 0, "'0x10' is no number");
    expect_refusal("1.2.3", 0, "is no number");
    expect_refusal("1e999", 0, "does not fit a double");
    expect_refusal("x y", 2, "an operator is missing here");
    expect_refusal("(x) (y)", 4, "an operator is missing here");
    expect_refusal("2 (x)", 2, "an operator is missing here");
    expect_refusal("x, y", 1, "unexpected ','");
    expect_refusal("x[1]", 0, "'x' is no array that the job shares");
    expect_refusal("(x]", 2, "an operator or ')' is missing here");
    expect_refusal("x − y", 2, "write -");
    expect_refusal("2·x", 1, "write *");
    expect_refusal("x²", 1, "write ^2");
    expect_refusal("x ≤ y", 2, "write <=");
    expect_refusal("σ + ρ", 5, "no field, param or function 'ρ'");
    expect_refusal("`H (mag", 0, "does not end");
    expect_refusal("`` + 1", 0, "no field");
    expect_refusal("\"x\"", 0, "a formula has no texts");
    expect_refusal("x # y", 2, "unexpected character '#'");
}

TEST(Formula, OutputsNeedNamesOfTheirOwn) {
    Formulas formulas;
    ASSERT_EQ(formulas.add("1", "r"), 0);
    EXPECT_EQ(formulas.add("1", "r"), -1);
    EXPECT_HAS(formulas.error.text(), "earlier output");
    EXPECT_EQ(formulas.add("1", "total"), -1);
    EXPECT_HAS(formulas.error.text(), "param of this name");
    EXPECT_EQ(formulas.add("later", "s"), -1) << "an output that comes later";
    EXPECT_EQ(formulas.add("later", "later"), -1) << "itself";
    EXPECT_EQ(formulas.f.n_outputs, 1) << "what was refused leaves nothing";
}

// --------------------------------------------------------------------------------------------------------- hostile

TEST(Formula, DepthAndLengthAreBounded) {
    Formulas formulas;
    EXPECT_EQ(formulas.add(std::string(90, '(') + "x" + std::string(90, ')')), 0) << formulas.error.text();
    auto repeat = [](const std::string &part, size_t n) {
        std::string text;
        for (size_t k = 0; k < n; k++)
            text += part;
        return text;
    };
    for (const std::string &text :
         {repeat("(", 60000), repeat("-", 60000), repeat("!", 60000) + "x", repeat("sin(", 15000),
          repeat("x^", 30000) + "x", repeat("x?", 30000), repeat("x?1:", 15000) + "1", repeat("(x+", 20000),
          repeat("x%", 200) + "x", repeat("x+", 30000) + "x", repeat("x<1?", 15000), repeat("drag(1,", 9000),
          std::string(FORMULA_MOST_BYTES + 1, ' ')}) {
        Formulas bounded;
        EXPECT_EQ(bounded.add(text), -1) << text.substr(0, 10);
        EXPECT_HAS(bounded.error.text(), "split it into several outputs");
    }
    // A thousand terms are fine, also for the compiler, and so is what is just not too deep.
    std::string sum = "x", choice = "99";
    for (int k = 1; k < 1000; k++)
        sum += k % 2 ? " + z" : " - z";
    for (int k = 45; k > 0; k--)
        choice = "z < " + std::to_string(k) + " ? " + std::to_string(k) + " : " + choice;
    Formulas large;
    ASSERT_EQ(large.add(sum), 0) << large.error.text();
    size_t n = 40;
    for (; n > 0 && large.f.n_outputs == 1; n--)
        large.add(repeat("(1 < 2 + 3 * (", n) + "z" + repeat(" > 0 && !(z < 1)))", n));
    EXPECT_GT(n, 10u) << large.error.text();
    ASSERT_EQ(large.add(choice), 0) << large.error.text();
    Compiled compiled(large, [](const std::string &, int row) { return row + 0.5; });
    EXPECT_EQ(compiled.out[0].value[3], 3.5 + 3.5);
    EXPECT_EQ(compiled.out[1].value[3], 1) << "1 < 2 + 0 or 3";
    EXPECT_EQ(compiled.out[2].value[3], 4);
    EXPECT_EQ(compiled.out[2].value[50], 99);
}

TEST(Formula, NothingOfTheTextGetsIntoTheC) {
    for (const std::string &text : std::vector<std::string>{"\"; system(\"x\")",
                                                            "x; system(1)",
                                                            "x */ evil() /*",
                                                            "x // evil",
                                                            "/* x */ 1",
                                                            "x ?\?/ evil",
                                                            "?\?=define x",
                                                            "x \\\n evil",
                                                            "#include </etc/passwd>",
                                                            "x\n#define y z",
                                                            std::string("x\0evil", 6),
                                                            "evil",
                                                            "x{evil}",
                                                            "__builtin_trap()",
                                                            "system(x)",
                                                            "asm(x)",
                                                            "value0",
                                                            "in0[k]",
                                                            "k",
                                                            "count",
                                                            "x'",
                                                            "'a'",
                                                            "L\"x\"",
                                                            "@x",
                                                            "$x",
                                                            "x ? /* */ : 1",
                                                            "sheaf_square(x)",
                                                            "lgamma_r(x, y)",
                                                            "%:include",
                                                            "\xff\xfe",
                                                            "\xc3",
                                                            "x\xe2\x88",
                                                            "`x\0y`",
                                                            "`x\xff`",
                                                            "`",
                                                            "``"}) {
        Formulas formulas;
        EXPECT_EQ(formulas.add(text), -1) << text;
        EXPECT_LT(formulas.at, text.size() + 1);
        EXPECT_TRUE(is_utf8(formulas.error.text())) << text;
    }
    // What is accepted comes out as words of ours, whatever the names are.
    static const formula_field evil_fields[] = {{"evil*/\"\\\n", nullptr}, {"evil", nullptr}};
    static const formula_param evil_params[] = {{"evilparam", 3}};
    static const formula_function evil_functions[] = {{"evilfunction", 1, true}};
    Formulas formulas;
    formulas.f.names = {2, evil_fields, 1, evil_params, 1, evil_functions, nullptr, true};
    ASSERT_EQ(formulas.add("`evil*/\"\\\n` + evil * evilparam + evilfunction(evil)", "eviloutput"), 0)
        << formulas.error.text();
    ASSERT_EQ(formulas.add("eviloutput"), 0);
    EXPECT_EQ(formulas.c().find("evil"), std::string::npos);
    EXPECT_EQ(formulas.c().find('"'), std::string::npos);
    EXPECT_EQ(formulas.c().find('\\'), std::string::npos);
}

// Any bytes: no crash, and what is accepted is compiled.
TEST(Formula, RubbishIsRefusedOrMeansSomething) {
    static const char *const pieces[] = {"x",     "y", "z",  "total", "1",  "2.5", "1e3",   "+",      "-",
                                         "*",     "/", "%",  "^",     "<",  ">=",  "==",    "&&",     "||",
                                         "!",     "?", ":",  "(",     ")",  ",",   "sin(",  "atan2(", "drag(",
                                         "one()", " ", "pi", "item",  "x)", "y)",  "isnan("};
    std::mt19937 random(20);
    auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
    Formulas formulas;
    int n_accepted = 0;
    for (int round = 0; round < 200000; round++) {
        std::string text;
        for (size_t n = 1 + below(8); n > 0; n--)
            text += below(50) == 0 ? std::string(1, static_cast<char>(below(256))) : pieces[below(std::size(pieces))];
        if (formulas.f.n_outputs < 400 && formulas.add(text) == 0) {
            n_accepted++;
        } else if (formulas.f.n_outputs == 400) {
            break;
        } else {
            ASSERT_LE(formulas.at, text.size()) << text;
        }
    }
    EXPECT_EQ(n_accepted, 400);
    Compiled compiled(formulas, sample, false, 1);
    EXPECT_EQ(compiled.out.size(), 400u);
}

// -------------------------------------------------------------------------------------------------------- compiling

namespace {

// Sets variables of the environment while it lives; empty unsets.
class Environment {
  public:
    explicit Environment(const std::vector<std::pair<std::string, std::string>> &changes) {
        for (const auto &[name, value] : changes) {
            const char *before = getenv(name.c_str());
            before_.emplace_back(name, before ? before : "");
            put(name, value);
        }
    }
    ~Environment() {
        for (const auto &[name, value] : before_)
            put(name, value);
    }
    Environment(const Environment &) = delete;
    Environment &operator=(const Environment &) = delete;

  private:
    std::vector<std::pair<std::string, std::string>> before_;
    static void put(const std::string &name, const std::string &value) {
        value.empty() ? unsetenv(name.c_str()) : setenv(name.c_str(), value.c_str(), 1);
    }
};

std::string compile_error(const char *compiler, const char *source = "int x;", int64_t level = 1) {
    struct sheaf_buffer object = {};
    struct compile_request request = {the_server(), compiler, source, level, false};
    Error error;
    EXPECT_EQ(sheaf_compile(&request, &object, error), -1);
    sheaf_buffer_free(&object);
    return error.text();
}

std::string script(const Folder &folder, const std::string &name, const std::string &text) {
    std::string path = folder.write(name, "#!/bin/sh\n" + text);
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
}

} // namespace

TEST(Compile, ACompilerThatIsNotThereIsNamed) {
    EXPECT_HAS(compile_error("no-such-cc"), "the compiler 'no-such-cc' is not found in PATH");
    EXPECT_HAS(compile_error("/nowhere/cc"), "the compiler '/nowhere/cc' is not found");
    EXPECT_HAS(compile_error("gcc -v"), "'gcc -v' is not found") << "no options can be smuggled in";
    Folder folder;
    Environment none({{"CC", ""}, {"PATH", folder.path()}});
    EXPECT_HAS(compile_error(nullptr), "no C compiler is found (CC, cc, gcc, clang)");
    EXPECT_HAS(compile_error(nullptr), "compiler: PATH");
}

TEST(Compile, ShowsTheCompilersFirstErrorAndRemovesItsFolder) {
    Folder folder;
    Environment temporary({{"TMPDIR", folder.path()}});
    EXPECT_HAS(compile_error(nullptr, "int f(void) { return nothing; }", 4), "error: ");
    EXPECT_HAS(compile_error(nullptr, "int f(void) { return nothing; }"), "nothing");
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
    struct sheaf_buffer object = {};
    struct compile_request request = {the_server(), nullptr, "double f(double x) { return x; }", 1, false};
    Error error;
    EXPECT_EQ(sheaf_compile(&request, &object, error), 0) << error.text();
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
    sheaf_buffer_free(&object);
    Environment nowhere({{"TMPDIR", folder.path() + "/missing"}});
    EXPECT_HAS(compile_error(nullptr), "missing (TMPDIR) to compile in: No such file");
}

TEST(Compile, UsesTheFirstWordOfCcButNoWrapper) {
    Folder folder;
    std::string loud = script(folder, "mine", "echo \"error: I am mine: $1\" >&2; exit 3\n");
    script(folder, "mpicc", "echo 'error: I am a wrapper' >&2; exit 3\n");
    script(folder, "cc", "echo 'error: I am cc' >&2; exit 4\n");
    Environment path({{"PATH", folder.path()}, {"CC", "mine -m64"}});
    EXPECT_HAS(compile_error(nullptr), "fails with exit code 3: error: I am mine: -std=c11");
    setenv("CC", loud.c_str(), 1);
    EXPECT_HAS(compile_error(nullptr), "I am mine");
    for (const char *other : {"mpicc", "ccache gcc", "/missing/cc", "missing"}) {
        setenv("CC", other, 1);
        EXPECT_HAS(compile_error(nullptr), "exit code 4: error: I am cc");
    }
    EXPECT_HAS(compile_error("mine"), "I am mine") << "what the job says comes first";
}

// A compiler that does not know the options for new instructions is asked once more without them.
TEST(Compile, GoesWithoutInstructionsThatTheCompilerDoesNotKnow) {
    Folder folder;
    std::string old =
        script(folder, "old", "for word; do case $word in -m*) exit 1;; esac; done\nexec " SHEAF_PLAIN_CC " \"$@\"\n");
    struct sheaf_buffer object = {};
    struct compile_request request = {the_server(), old.c_str(), "double f(double x) { return x; }", 4, false};
    Error error;
    EXPECT_EQ(sheaf_compile(&request, &object, error), 0) << error.text();
    EXPECT_GT(object.n_bytes, 100u);
    sheaf_buffer_free(&object);
    EXPECT_HAS(compile_error(script(folder, "dies", "kill -9 $$\n").c_str()), "ended by signal 9");
}

TEST(Library, TwoObjectsInMemoryAreTwo) {
    struct sheaf_buffer object[2] = {};
    struct sheaf_library library[2] = {};
    Error error;
    for (int k = 0; k < 2; k++) {
        struct compile_request request = {the_server(), nullptr,
                                          k ? "int f(void) { return 2; }" : "int f(void) { return 1; }", 1, false};
        ASSERT_EQ(sheaf_compile(&request, &object[k], error), 0) << error.text();
        ASSERT_EQ(sheaf_library_load(&library[k], &object[k], "it", error), 0) << error.text();
    }
    for (int k = 0; k < 2; k++) {
        auto f = reinterpret_cast<int (*)(void)>(sheaf_library_find(&library[k], "f"));
        ASSERT_NE(f, nullptr);
        EXPECT_EQ(f(), k + 1);
    }
    EXPECT_EQ(sheaf_library_find(&library[0], "g"), nullptr);
    for (int k = 0; k < 2; k++) {
        sheaf_library_close(&library[k]);
        sheaf_buffer_free(&object[k]);
    }
    struct sheaf_buffer rubbish = {};
    ASSERT_EQ(sheaf_buffer_resize(&rubbish, 100, error), 0);
    memset(rubbish.data, 'x', 100);
    struct sheaf_library none = {};
    EXPECT_EQ(sheaf_library_load(&none, &rubbish, "the rubbish", error), -1);
    EXPECT_HAS(error.text(), "cannot load the rubbish: ");
    sheaf_library_close(&none);
    sheaf_buffer_free(&rubbish);
}
