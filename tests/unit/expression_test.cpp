// kernel/expression: the formulas of a job become a kernel's table; what is wrong is named with its place in the file.
#include "unit/compiling.h"

#include <cmath>

using namespace unit;

namespace {

const std::vector<sheaf_field> XZ = {field("x", SHEAF_FLOAT64), field("z", SHEAF_INT64), field("w", SHEAF_FLOAT64, 3)};

const std::string head = "items: {count: 3}\n";

// The message for a job whose last lines are `text`, from line 2 on.
std::string refusal(const std::string &text, const Overrides &overrides = {},
                    const std::vector<sheaf_field> &fields = XZ) {
    Job job(head + text, overrides);
    if (job.rc)
        return job.error.text();
    Kernel opened(job, fields);
    EXPECT_EQ(opened.rc, -1) << text;
    EXPECT_EQ(opened.error.error.exit, SHEAF_EXIT_USAGE);
    return opened.error.text();
}

std::string identity(const std::string &text) {
    Job job(head + text);
    EXPECT_EQ(job.rc, 0) << job.error.text();
    Kernel opened(job, XZ);
    EXPECT_EQ(opened.rc, 0) << opened.error.text();
    return opened.rc ? "" : opened.binding.identity.data;
}

// A library of a C text, as a user would make one.
std::string make_library(const Folder &folder, const std::string &name, const std::string &text) {
    std::string source = folder.write(name + ".c", text), library = folder / (name + ".so");
    EXPECT_EQ(system((SHEAF_PLAIN_CC " -shared -fPIC -o " + library + " " + source).c_str()), 0);
    return library;
}

} // namespace

TEST(Expression, IsAKernelThatComputes) {
    Job job(head + "expression:\n  y: x*x + total\n  r: sqrt(y + z) + item\nparams: {total: 5}\n");
    ASSERT_EQ(job.rc, 0) << job.error.text();
    Kernel opened(job, XZ);
    ASSERT_EQ(opened.rc, 0) << opened.error.text();
    struct binding &b = opened.binding;
    ASSERT_EQ(b.n_inputs, 2);
    EXPECT_STREQ(b.inputs[0].name, "x");
    EXPECT_STREQ(b.inputs[1].name, "z");
    EXPECT_EQ(b.inputs[1].type, SHEAF_FLOAT64);
    ASSERT_EQ(b.n_outputs, 2);
    EXPECT_STREQ(b.outputs[0].name, "y");
    EXPECT_STREQ(b.outputs[1].name, "r");
    EXPECT_EQ(b.outputs[1].type, SHEAF_FLOAT64);
    EXPECT_EQ(b.outputs[1].width, 1);
    EXPECT_FALSE(b.serial);

    struct sheaf_buffer object = {};
    Error error;
    ASSERT_EQ(sheaf_expression_compile(&b.kernel, the_server(), sheaf_cpu_level(), &object, error), 0) << error.text();
    ASSERT_EQ(sheaf_expression_load(&b.kernel, &object, error), 0) << error.text();
    sheaf_buffer_free(&object);
    alignas(64) double x[16], z[16], y[16], r[16];
    for (int k = 0; k < 16; k++)
        x[k] = k, z[k] = 100 * k;
    const void *in[] = {x, z};
    void *out[] = {y, r};
    struct sheaf_block block = {sizeof block, 4096, 10, 16, in, out};
    struct sheaf_context context = {};
    ASSERT_EQ(b.kernel.table.map(b.self, &context, &block), 0);
    for (int k = 0; k < 10; k++) {
        EXPECT_EQ(y[k], k * k + 5);
        EXPECT_EQ(r[k], std::sqrt(k * k + 5 + 100 * k) + (4096 + k));
    }
}

TEST(Expression, MistakesAreNamedWithTheirPlaceInTheFormula) {
    EXPECT_STARTS(refusal("expression: {y: x*x + totl}\nparams: {total: 5}\n"),
                  "sweep.yaml:2:23: expression.y: no field, param or function 'totl'; did you mean 'total'?");
    EXPECT_STARTS(refusal("expression:\n  y: x\n  r: \"y + (z\"\n"), "sweep.yaml:4:13: expression.r: ')' is missing");
    EXPECT_STARTS(refusal("expression:\n  r: 'y + z'\n"), "sweep.yaml:3:7: expression.r: no field");
    EXPECT_STARTS(refusal("expression:\n  r: 1 + σ + b\n", {}, {field("σ", SHEAF_FLOAT64)}),
                  "sweep.yaml:3:14: expression.r: no field");
    // Where the text is folded or has escapes, columns would lie.
    EXPECT_STARTS(refusal("expression:\n  r: x +\n    b\n"), "sweep.yaml:3:6: expression.r, character 5: no field");
    EXPECT_STARTS(refusal("expression:\n  r: >\n    x + b\n"), "sweep.yaml:3:6: expression.r, character 5: no field");
    EXPECT_STARTS(refusal("expression:\n  r: \"x \\u002b b\"\n"), "sweep.yaml:3:6: expression.r, character 5: no");
    EXPECT_STARTS(refusal("expression: {r: 1}\n", {{"expression.r", "x + b"}}),
                  "--set expression.r: expression.r, character 5: no field");
}

TEST(Expression, NamesThatDoNotFitAreRefused) {
    EXPECT_STARTS(refusal("expression: {x: 1}\n"), "sweep.yaml:2:14: expression.x: the items have a field 'x'");
    EXPECT_STARTS(refusal("expression: {status: 1}\n"), "sweep.yaml:2:14: ");
    EXPECT_STARTS(refusal("expression: {y: 1, a/b: 1}\n"), "sweep.yaml:2:20: ");
    EXPECT_HAS(refusal("expression: {y: 1}\nparams: {y: 2}\n"), "there is a param of this name");
    EXPECT_STARTS(refusal("expression: {y: 1 + w}\n"), "sweep.yaml:2:21: expression.y: field 'w' has several values");
    EXPECT_STARTS(refusal("expression: {y: a}\nparams: {a: five}\n"), "sweep.yaml:3:13: params.a is 'five'");
    EXPECT_STARTS(refusal("expression: {y: x + total}\nparams: {total: 5, totl: 6}\n"),
                  "sweep.yaml:3:26: params.totl: no formula uses it; did you mean 'total'?");
    EXPECT_STARTS(refusal("expression: {y: x + total}\nparams: {total: 5}\n", {{"params.n", "7"}}),
                  "--set params.n: params.n: no formula uses it");
    EXPECT_STARTS(refusal("expression: {y: a}\nparams: {a: '5'}\n"), "sweep.yaml:3:13: params.a is '5'");
}

TEST(Expression, WhatYamlTakesForSomethingElseNeedsQuotes) {
    for (const char *text : {"expression: {far: x > 3 ? 1 : 0}\n", "expression:\n  far: x > 3 ? 1 : 0\n",
                             "expression:\n  far: !x && z\n", "expression:\n  far: !(x>z)\n", "expression: {y: `x`}\n",
                             "expression: {r: atan2(x, z)}\n", "expression: {y: !x}\n"}) {
        EXPECT_HAS(refusal(text), "quotes");
    }
}

TEST(Expression, FunctionsAreDescribedCompletely) {
    const std::string formula = "expression: {y: f(x)}\nfunctions:\n  f: ";
    EXPECT_STARTS(refusal(formula + "./my.so\n"), "sweep.yaml:4:6: functions.f is './my.so'; it should be a map");
    EXPECT_HAS(refusal(formula + "{library: my.so}\n"), "needs 'library' and 'arguments'");
    EXPECT_HAS(refusal(formula + "{arguments: 1}\n"), "needs 'library' and 'arguments'");
    EXPECT_HAS(refusal(formula + "{library: my.so, argument: 1}\n"), "did you mean 'arguments'?");
    EXPECT_STARTS(refusal(formula + "{library: my.so, arguments: 17}\n"), "sweep.yaml:4:34: ");
    EXPECT_STARTS(refusal(formula + "{library: my.so, arguments: one}\n"), "sweep.yaml:4:34: ");
    EXPECT_HAS(refusal(formula + "{library: my.so, arguments: 1, by_reference: maybe}\n"), "true or false");
    EXPECT_HAS(refusal("expression: {y: 1}\nfunctions: {a-b: {library: a.so, arguments: 1}}\n"),
               "cannot name a function");
    std::string text = refusal(formula + "{library: nowhere/my.so, arguments: 1}\n");
    EXPECT_STARTS(text, "sweep.yaml:4:6: functions.f: cannot load the library: ");
    EXPECT_HAS(text, "nowhere/my.so");
    Folder folder;
    std::string library = make_library(folder, "mine", "double g(double x) { return x; }\n");
    EXPECT_HAS(refusal(formula + "{library: " + library + ", arguments: 1}\n"),
               "has no function 'f'; name it with symbol");
    EXPECT_NE(identity(formula + "{library: " + library + ", arguments: 1, symbol: g}\n"), "");
    identity("expression: {y: x}\nfunctions: {f: {library: nowhere.so, arguments: 1}}\n"); // not called, not loaded
}

// Which changes make it another job.
TEST(Expression, IdentityIsWhatIsComputed) {
    const std::string plain = identity("expression: {y: x*x + total}\nparams: {total: 5}\n");
    EXPECT_HAS(plain, "formula y: ((x * x) + total)\n");
    for (const char *same : {"expression: {y: (x * x)+ total}\nparams: {total: 5}\n",
                             "expression: {y: x*x + total}\nparams: {total: 5.0}\n",
                             "expression: {y: x*x + total}\nparams: {total: 5}\ncompiler: some-cc\nfast_math: false\n"})
        EXPECT_EQ(identity(same), plain) << same;
    for (const char *other :
         {"expression: {y: x*x + total}\nparams: {total: 6}\n", "expression: {y: total + x*x}\nparams: {total: 5}\n",
          "expression: {r: x*x + total}\nparams: {total: 5}\n",
          "expression: {y: x*x + total, r: 1}\nparams: {total: 5}\n",
          "expression: {y: x*x + total}\nparams: {total: 5}\nfast_math: true\n"})
        EXPECT_NE(identity(other), plain) << other;
    Folder folder;
    const std::string job =
        "expression: {y: f(x)}\nfunctions: {f: {library: " + folder.path() + "/f.so, arguments: 1}}\n";
    make_library(folder, "f", "double f(double x) { return x; }\n");
    const std::string before = identity(job);
    make_library(folder, "f", "double f(double x) { return x + 1; }\n");
    EXPECT_NE(identity(job), before) << "a library that was compiled anew";
}
