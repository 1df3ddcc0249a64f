// kernel/registry and kernel/binding: a kernel is found, its params read, its inputs bound; what does not fit is named.
#include "unit/sheaf.h"

#include <algorithm>
#include <cmath>

using namespace unit;

namespace {

const std::vector<sheaf_field> X = {field("x", SHEAF_FLOAT64)};

std::string refusal(const std::string &kernel, const std::vector<sheaf_field> &fields = X,
                    const std::string &params = "{}") {
    Job job("name: a\nitems: {csv: data.csv}\nkernel: " + kernel + "\nparams: " + params + "\n");
    EXPECT_EQ(job.rc, 0) << job.error.text();
    Kernel opened(job, fields);
    EXPECT_EQ(opened.rc, -1) << kernel;
    EXPECT_EQ(opened.error.error.exit, SHEAF_EXIT_USAGE);
    return opened.error.text();
}

} // namespace

// -------------------------------------------------------------------------------------------------------- registry

TEST(Registry, ListsTheBuiltInKernelsByName) {
    int n = 0;
    const struct sheaf_kernel *const *kernels = sheaf_registry_builtin(&n);
    std::vector<std::string> names;
    for (int k = 0; k < n; k++) {
        names.push_back(kernels[k]->head.name);
        EXPECT_EQ(kernels[k]->head.abi, SHEAF_KERNEL_ABI);
        EXPECT_EQ(kernels[k]->head.struct_size, sizeof(struct sheaf_kernel));
        EXPECT_NE(kernels[k]->summary, nullptr);
        EXPECT_NE(kernels[k]->version, nullptr);
    }
    EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
    EXPECT_NE(std::find(names.begin(), names.end(), "moid"), names.end());
    EXPECT_NE(std::find(names.begin(), names.end(), "square_plus"), names.end());
}

TEST(Registry, AnUnknownKernelGetsTheClosestNameAndItsPlace) {
    std::string text = refusal("square_pls");
    EXPECT_STARTS(text, "sweep.yaml:3:9: unknown kernel 'square_pls'; did you mean 'square_plus'?");
    text = refusal("frobnicate");
    EXPECT_STARTS(text, "sweep.yaml:3:9: unknown kernel 'frobnicate'");
    EXPECT_HAS(text, "'moid', 'pi', 'square_plus'");
    EXPECT_HAS(text, "PATH.so:NAME");
}

TEST(Registry, PluginsAreWrittenPathColonName) {
    for (const char *kernel : {"./my.so", "plugins/my.so", "':name'", "'./my.so:'"}) {
        std::string text = refusal(kernel);
        EXPECT_STARTS(text, "sweep.yaml:3:9: ");
        EXPECT_HAS(text, "PATH.so:NAME");
    }
    EXPECT_HAS(refusal("./my.so:not-a-name"), "'not-a-name' cannot name a kernel");
}

TEST(Registry, APluginThatIsNotThereIsNamedWithItsPlace) {
    std::string text = refusal("./nowhere/my.so:name");
    EXPECT_STARTS(text, "sweep.yaml:3:9: cannot load the plugin: ");
    EXPECT_HAS(text, "nowhere/my.so");
}

TEST(Registry, AFileThatIsNoPluginIsNamed) {
    Folder folder;
    std::string path = folder.write("my.so", "just text");
    EXPECT_HAS(refusal(path + ":name"), path);
}

TEST(Registry, ASymbolThatIsNotThereIsNamed) {
    std::string text = refusal(hostile("nobody"));
    EXPECT_HAS(text, "hostile.so: has no symbol 'sheaf_kernel_nobody'");
}

TEST(Registry, APluginIsSeenFromTheJobsFolder) {
    Job job("items: {csv: a.csv}\nkernel: hostile.so:nan\n", {}, SHEAF_PLUGIN_DIR "/job.yaml");
    Kernel kernel(job, X);
    EXPECT_EQ(kernel.rc, 0) << kernel.error.text();
}

TEST(Registry, APluginOnTheCommandLineIsSeenFromTheCurrentFolder) {
    std::filesystem::path before = std::filesystem::current_path();
    std::filesystem::current_path(SHEAF_PLUGIN_DIR);
    for (const char *kernel : {"hostile.so:nan", "./hostile.so:nan"}) {
        Job job("items: {csv: a.csv}\nkernel: moid\n", {{"kernel", kernel}}, "/somewhere/job.yaml");
        Kernel opened(job, X);
        EXPECT_EQ(opened.rc, 0) << opened.error.text();
    }
    std::filesystem::current_path(before);
}

// -------------------------------------------------------------------------------------------------------- refusals

TEST(HostileTables, AreRefusedWithAClearMessage) {
    const std::pair<const char *, std::vector<std::string>> cases[] = {
        {"wrong_abi", {"interface 999", "compile it again"}},
        {"small_struct", {"struct_size", "SHEAF_KERNEL(NAME)"}},
        {"bad_width", {"bad_width", "'y'", "width of 0", "at least 1"}},
        {"negative_width", {"'y'", "width of -3"}},
        {"no_outputs", {"no_outputs", "0 outputs"}},
        {"twice", {"twice", "'y' like an earlier one"}},
        {"reserved", {"'status'", "results file needs"}},
        {"bad_name", {"'a/b'", "no '/'"}},
        {"null_name", {"null_name", "has no name"}},
        {"huge_block", {"huge_block", "blocks of 4611686018427387903 items"}},
        {"refuses", {"kernel refuses: mood is sour: only cheerful jobs are taken"}},
        {"refuses_silently", {"refuses_silently", "did not say why"}},
    };
    for (const auto &[name, parts] : cases) {
        std::string text = refusal(hostile(name));
        for (const std::string &part : parts)
            EXPECT_HAS(text, part);
    }
}

// What this Sheaf does not know it refuses, and says what to do.
TEST(Interface, APluginForAnotherSheafIsRefused) {
    const std::string again = "compile it again with this Sheaf's <sheaf/kernel.h>", newer = "made for a newer Sheaf";
    const std::string size = std::to_string(sizeof(struct sheaf_kernel));
    const std::string known = "this Sheaf knows " + size;
    const std::pair<const char *, std::vector<std::string>> cases[] = {
        {"earlier", {"made for kernel interface 1, this Sheaf has 2", again}},
        {"longer", {"its struct_size is " + std::to_string(sizeof(struct sheaf_kernel) + 8), known, newer, again}},
        {"wide_fields", {"its field_bytes is", newer, again}},
        {"thin_fields", {"its field_bytes is", "SHEAF_KERNEL(NAME)"}},
        {"wide_params", {"its param_bytes is", newer, again}},
        {"table_flag", {"table_flag has the flag 0x40", newer, again}},
        {"shape_flag", {"kernel shape_flag: its shape has the flag 0x80", newer, again}},
        {"input_flag", {"kernel input_flag: its input 'x' has the flag 0x20", newer, again}},
        {"output_flag", {"kernel output_flag: its output 0 has the flag 0x1", newer, again}},
        {"misnamed", {"its table is that of a kernel 'another'"}},
        {"refuses_text", {"kernel refuses_text: 100%s no"}},
    };
    for (const auto &[name, parts] : cases) {
        std::string text = refusal(SHEAF_PLUGIN_DIR "/interface.so:" + std::string(name));
        EXPECT_STARTS(text, "sweep.yaml:3:9: ");
        for (const std::string &part : parts)
            EXPECT_HAS(text, part) << name;
    }
}

TEST(Interface, ATableMayComeFromAFunction) {
    Job job("items: {csv: a.csv}\nkernel: " SHEAF_PLUGIN_DIR "/interface.so:made\n");
    Kernel kernel(job, X);
    ASSERT_EQ(kernel.rc, 0) << kernel.error.text();
    EXPECT_STREQ(kernel.binding.outputs[0].name, "y");
}

TEST(HostileTables, ARefusalOfTheKernelHasItsPlace) {
    EXPECT_STARTS(refusal(hostile("refuses")), "sweep.yaml:3:9: ");
    EXPECT_STARTS(refusal(hostile("wrong_abi")), "sweep.yaml:3:9: ");
}

TEST(HostileTables, PrepareMayRefuse) {
    Job job("items: {csv: a.csv}\nkernel: " + hostile("bad_prepare") + "\n");
    Kernel kernel(job, X);
    ASSERT_EQ(kernel.rc, 0) << kernel.error.text();
    EXPECT_EQ(kernel.binding.shared_bytes, 64u);
    alignas(64) char memory[64] = {};
    Error error;
    EXPECT_EQ(sheaf_binding_prepare(&kernel.binding, memory, error), -1);
    EXPECT_HAS(error.text(), "bad_prepare");
    EXPECT_HAS(error.text(), "the table of 64 entries cannot be computed");
}

TEST(HostileTables, PrepareGetsZeroedMemoryAndFillsIt) {
    Job job("items: {csv: a.csv}\nkernel: " + hostile("shared_check") + "\n");
    Kernel kernel(job, X);
    ASSERT_EQ(kernel.rc, 0) << kernel.error.text();
    EXPECT_EQ(kernel.binding.shared_bytes, size_t{1} << 20);
    struct sheaf_buffer memory = {};
    Error error;
    ASSERT_EQ(sheaf_buffer_resize(&memory, kernel.binding.shared_bytes, error), 0);
    memset(memory.data, 0, memory.n_bytes);
    EXPECT_EQ(sheaf_binding_prepare(&kernel.binding, memory.data, error), 0) << error.text();
    sheaf_buffer_free(&memory);
}

// ---------------------------------------------------------------------------------------------------------- params

TEST(Params, DefaultsAreTakenWhereTheJobIsSilent) {
    Job job("items: {count: 1}\nkernel: square_plus\n"), other("items: {count: 1}\nkernel: square_plus\n"
                                                               "params: {terms: 1_000}\n");
    Kernel silent(job, {}), said(other, {});
    ASSERT_EQ(silent.rc, 0) << silent.error.text();
    ASSERT_EQ(said.rc, 0) << said.error.text();
    EXPECT_EQ(silent.binding.params[0].integer, 10000);
    EXPECT_EQ(said.binding.params[0].integer, 1000);
}

TEST(Params, WrongOnesAreNamedWithTheirPlace) {
    const struct {
        const char *params, *what;
    } cases[] = {
        {"{terns: 1}", "kernel square_plus has no param 'terns'; did you mean 'terms'?"},
        {"{frobnicate: 1}", "kernel square_plus has no param 'frobnicate'; there "},
        {"{terms: many}", "params.terms is 'many'; it should be a whole number"},
        {"{terms: 1.5}", "params.terms is '1.5'; it should be a whole number"},
        {"{terms: '100'}", "params.terms is '100'; it should be a whole number"},
        {"{terms: }", "params.terms is ''; it should be a whole number"},
        {"{terms: 0x10}", "params.terms is '0x10'; it should be a whole number"},
        {"{terms: true}", "params.terms is 'true'; it should be a whole number"},
        {"{terms: -1}", "params.terms is -1; it should be 0 to"},
    };
    for (const auto &c : cases) {
        std::string text = refusal("square_plus", X, c.params);
        EXPECT_STARTS(text, "sweep.yaml:");
        EXPECT_HAS(text, c.what);
    }
    EXPECT_STARTS(refusal("square_plus", X, "{terms: many}"), "sweep.yaml:4:17: ");
    EXPECT_HAS(refusal(hostile("nan"), X, "{anything: 1}"), "has no param 'anything'");
}

TEST(Params, TextsAreTakenAsTheyStand) {
    EXPECT_HAS(refusal(hostile("refuses"), X, "{mood: 12}"), "mood is 12:");
    EXPECT_HAS(refusal(hostile("refuses"), X, "{mood: \"12 %s\"}"), "mood is 12 %s:");
}

TEST(Params, OverridesAreNamedAsTheyWereGiven) {
    Job job("items: {count: 1}\nkernel: square_plus\n", {{"params.terms", "x"}});
    Kernel kernel(job, {});
    EXPECT_EQ(kernel.rc, -1);
    EXPECT_STARTS(kernel.error.text(), "--set params.terms: params.terms is 'x'");
}

// A kernel of our own, compiled here as a user would: with what hostile.c has not.
namespace {

const char OWN[] = R"(
#include <sheaf/kernel.h>
static const struct sheaf_param params[] = {
    {"must", SHEAF_FLOAT64, 0, "m", "has no default"}, {"word", SHEAF_TEXT, "w", 0, 0}, {"n", SHEAF_INT64, "7", 0, 0}};
static const struct sheaf_field inputs[] = {
    {"a", SHEAF_FLOAT64, 3, 0, 0, 0}, {"b", SHEAF_INT32, 0, SHEAF_OPTIONAL, 0, 0}, {"t", SHEAF_TEXT, 1, 0, 0, 0}};
static struct sheaf_field out = {"out", SHEAF_FLOAT64, 1, 0, "m", "an output"};
static int open(const struct sheaf_setup *s, struct sheaf_shape *shape, void **self) {
    (void)self;
    if (s->n_inputs != 3 || s->inputs[0].width != 3)
        return s->refuse(s, "no width");
    if (s->n_fields < 2)
        return s->refuse(s, "no fields");
    out.width = s->inputs[1].name ? s->inputs[1].width : 1;
    shape->n_outputs = 1, shape->outputs = &out;
    return 0;
}
static int map(const void *self, const struct sheaf_context *c, const struct sheaf_block *b) {
    (void)self, (void)c, (void)b;
    return 0;
}
#define TABLE(NAME, ...) SHEAF_EXPORT const struct sheaf_kernel sheaf_kernel_##NAME = { \
    .head = SHEAF_KERNEL(NAME), .version = "3", \
    .open = open, .map = map, __VA_ARGS__}
TABLE(own, .n_params = 3, .params = params, .n_inputs = 3, .inputs = inputs);
TABLE(no_map, .map = 0);
TABLE(no_open, .open = 0);
TABLE(no_version, .version = 0);
TABLE(no_array, .n_params = 3);
TABLE(negative, .n_inputs = -1, .inputs = inputs);
static size_t bytes(const void *self) { (void)self; return 8; }
TABLE(half, .shared_bytes = bytes);
static const struct sheaf_field nameless[] = {{0, SHEAF_FLOAT64, 1, 0, 0, 0}};
TABLE(nameless_input, .n_inputs = 1, .inputs = nameless);
static const struct sheaf_param odd[] = {{"p", SHEAF_UINT8, "1", 0, 0}};
TABLE(odd_param, .n_params = 1, .params = odd);
static const struct sheaf_param broken[] = {{"p", SHEAF_INT64, "one", 0, 0}};
TABLE(broken_default, .n_params = 1, .params = broken);
)";

// Compiled once for all tests of a program.
const std::string &own_plugin() {
    static Folder folder;
    static std::string path;
    if (path.empty()) {
        path = folder / "own.so";
        std::string source = folder.write("own.c", OWN);
        std::string command = SHEAF_CC " -std=c11 -shared -fPIC -Wno-override-init -I" SHEAF_SOURCE_DIR "/include -o " +
                              path + " " + source;
        if (system(command.c_str()) != 0)
            ADD_FAILURE() << "cannot compile a plugin: " << command;
    }
    return path;
}

const std::vector<sheaf_field> OWN_FIELDS = {field("t", SHEAF_TEXT), field("a", SHEAF_INT64, 3),
                                             field("z", SHEAF_INT32)};

std::string own_refusal(const std::string &name, const std::vector<sheaf_field> &fields = OWN_FIELDS,
                        const std::string &params = "{must: 1}") {
    return refusal(own_plugin() + ":" + name, fields, params);
}

} // namespace

TEST(Binding, FindsInputsAmongTheFields) {
    Job job("items: {csv: a.csv}\nkernel: " + own_plugin() + ":own\nparams: {must: 2.5}\n");
    Kernel kernel(job, OWN_FIELDS);
    ASSERT_EQ(kernel.rc, 0) << kernel.error.text();
    const struct binding &b = kernel.binding;
    ASSERT_EQ(b.n_inputs, 3);
    EXPECT_EQ(b.field[0], 1);
    EXPECT_EQ(b.inputs[0].type, SHEAF_FLOAT64) << "as the kernel reads it";
    EXPECT_EQ(b.inputs[0].width, 3);
    EXPECT_EQ(b.field[1], -1);
    EXPECT_EQ(b.inputs[1].name, nullptr) << "an absent optional one";
    EXPECT_EQ(b.field[2], 0);
    EXPECT_EQ(b.params[0].number, 2.5);
    EXPECT_STREQ(b.params[1].text, "w");
    EXPECT_EQ(b.params[2].integer, 7);
    EXPECT_EQ(b.block, 1) << "0 means 1";
    ASSERT_EQ(b.n_outputs, 1);
    EXPECT_STREQ(b.outputs[0].name, "out");
    EXPECT_STREQ(b.outputs[0].unit, "m");
    EXPECT_STREQ(b.outputs[0].long_name, "an output");
}

TEST(Binding, AnInputOfAnyWidthTakesThatOfTheField) {
    Job job("items: {csv: a.csv}\nkernel: " + own_plugin() + ":own\nparams: {must: 2.5}\n");
    std::vector<sheaf_field> fields = OWN_FIELDS;
    fields.push_back(field("b", SHEAF_INT32, 11));
    Kernel kernel(job, fields);
    ASSERT_EQ(kernel.rc, 0) << kernel.error.text();
    EXPECT_EQ(kernel.binding.inputs[1].width, 11);
    EXPECT_EQ(kernel.binding.outputs[0].width, 11) << "widths of outputs may depend on it";
}

TEST(Binding, AMissingFieldIsNamedWithTheClosest) {
    std::string text = refusal(hostile("nan"), {field("xx", SHEAF_FLOAT64), field("other", SHEAF_TEXT)});
    EXPECT_STARTS(text, "sweep.yaml:2:8: no field 'x' in data.csv, which kernel nan reads; did you mean 'xx'?");
    text = refusal(hostile("nan"), {field("first", SHEAF_FLOAT64), field("second", SHEAF_TEXT)});
    EXPECT_HAS(text, "'first', 'second'");
    EXPECT_HAS(refusal(hostile("nan"), {}), "no fields at all");
}

TEST(Binding, AnotherWidthIsRefused) {
    std::string text = refusal(hostile("nan"), {field("x", SHEAF_FLOAT64, 3)});
    EXPECT_STARTS(text, "sweep.yaml:2:8: field 'x' has 3 values an item; kernel nan takes 1");
}

TEST(Binding, AnOutputNamedLikeAFieldIsRefused) {
    EXPECT_HAS(refusal("square_plus", {field("x", SHEAF_FLOAT64), field("y", SHEAF_FLOAT64)}),
               "'y' like a field of the items");
}

// Names that stand in the job file: the place is theirs, and they are what to rename.
TEST(Binding, ProgramsHaveNoNamesOfFields) {
    const std::string items = "items: {csv: a.csv}\n", both = "outputs: {y: {column: 1}, x: {column: 2}}\n";
    const std::pair<std::string, const char *> jobs[] = {
        {"command: echo {x}\nparams: {k: 1, x: 3}\n", "sweep.yaml:3:19: 'x' is a field and a param; rename the param"},
        {"worker: cat\noutputs: [y]\nparams:\n  x: 3\n",
         "sweep.yaml:5:6: 'x' is a field and a param; rename the param"},
        {"command: echo {x}\n" + both,
         "sweep.yaml:3:27: outputs.x is called 'x' like a field of the items; rename the output"},
        {"worker: cat\noutputs: {y: int64, x: int64}\n",
         "sweep.yaml:3:21: outputs.x is called 'x' like a field of the items; rename the output"},
        {"worker: cat\noutputs: [y, x]\n",
         "sweep.yaml:3:14: outputs.x is called 'x' like a field of the items; rename the output"},
        {"worker: cat\noutputs: [y, status]\n", "sweep.yaml:3:14: an output is called 'status', which"},
    };
    for (const auto &[text, wrong] : jobs) {
        Job job(items + text);
        ASSERT_EQ(job.rc, 0) << job.error.text();
        Kernel opened(job, X);
        ASSERT_EQ(opened.rc, -1) << text;
        EXPECT_STARTS(opened.error.text(), wrong);
        EXPECT_EQ(opened.error.error.exit, SHEAF_EXIT_USAGE);
    }
    Job over(items + "command: echo {x}\n", {{"params.x", "1"}});
    Kernel opened(over, X);
    EXPECT_STARTS(opened.error.text(), "--set params.x: 'x' is a field and a param");
}

TEST(Binding, ARequiredParamIsAskedFor) {
    EXPECT_HAS(own_refusal("own", OWN_FIELDS, "{}"), "needs the param 'must'; add params: {must: ");
    EXPECT_HAS(own_refusal("own", OWN_FIELDS, "{must: x}"), "params.must is 'x'; it should be a number");
    EXPECT_HAS(own_refusal("own", OWN_FIELDS, "{must: '1'}"), "params.must is '1'; it should be a number");
}

TEST(Binding, BrokenTablesAreRefused) {
    const std::pair<const char *, const char *> cases[] = {
        {"no_map", "lacks name, version, open or map"},
        {"no_open", "lacks name, version, open or map"},
        {"no_version", "lacks name, version, open or map"},
        {"no_array", "a count without an array"},
        {"negative", "a count without an array"},
        {"half", "shared_bytes and prepare go together"},
        {"nameless_input", "input 0 has no name"},
        {"odd_param", "param 0"},
        {"broken_default", "params.p is 'one'; it should be a whole number"},
    };
    for (const auto &[name, what] : cases)
        EXPECT_HAS(own_refusal(name, OWN_FIELDS, "{}"), what) << name;
}

TEST(Binding, WhatMakesOtherResultsMakesAnotherIdentity) {
    auto identity = [](const std::string &text, const std::vector<sheaf_field> &fields) {
        Job job(text);
        Kernel kernel(job, fields);
        EXPECT_EQ(kernel.rc, 0) << kernel.error.text();
        return std::string(kernel.binding.identity.data ? kernel.binding.identity.data : "");
    };
    std::string start = "items: {csv: a.csv}\nkernel: ";
    std::string plain = identity(start + "square_plus\n", X);
    EXPECT_EQ(plain, identity("name: other\noutput: o.h5\n" + start + "square_plus # a comment\n", X));
    EXPECT_EQ(plain, identity(start + "square_plus\nparams: {terms: 1e4}\n", X)) << "the default, said";
    EXPECT_NE(plain, identity(start + "square_plus\nparams: {terms: 9999}\n", X));
    EXPECT_NE(plain, identity(start + "square_plus\n", {}));
    EXPECT_NE(identity(start + hostile("nan") + "\n", X), identity(start + hostile("shared_check") + "\n", X));
    char hash[SHEAF_HASH_BYTES];
    Error error;
    ASSERT_EQ(sheaf_hash_file(own_plugin().c_str(), hash, error), 0);
    EXPECT_HAS(identity(start + own_plugin() + ":own\nparams: {must: 1}\n", OWN_FIELDS), hash);
}

TEST(Binding, CanBeClosedWhateverHappened) {
    sheaf_binding_close(nullptr);
    struct binding empty = {};
    sheaf_binding_close(&empty);
}

// ----------------------------------------------------------------------------------------------------- square_plus

namespace {

// Calls map on one block, with the shared data that prepare makes.
std::vector<double> square_plus(const std::string &params, const double *x, int64_t first, int64_t n) {
    Job job("items: {count: 1}\nkernel: square_plus\nparams: " + params + "\n");
    Kernel kernel(job, x ? X : std::vector<sheaf_field>{});
    EXPECT_EQ(kernel.rc, 0) << kernel.error.text();
    Error error;
    alignas(64) double total = 0;
    EXPECT_EQ(kernel.binding.shared_bytes, sizeof total);
    EXPECT_EQ(sheaf_binding_prepare(&kernel.binding, &total, error), 0);
    int64_t n_padded = (n + 15) / 16 * 16;
    std::vector<double> y(static_cast<size_t>(n_padded), -1);
    const void *in[] = {x};
    void *out[] = {y.data()};
    struct sheaf_context context = {};
    context.struct_size = sizeof context;
    context.shared = &total;
    context.shared_bytes = sizeof total;
    struct sheaf_block block = {sizeof block, first, n, n_padded, in, out};
    EXPECT_EQ(kernel.binding.kernel.table.map(kernel.binding.self, &context, &block), 0);
    y.resize(static_cast<size_t>(n));
    return y;
}

} // namespace

TEST(SquarePlus, AddsTheSumOfTheFirstTenThousandNumbers) {
    alignas(64) double x[16] = {0, 1, -2, 0.5, 1e6, NAN};
    std::vector<double> y = square_plus("{}", x, 0, 6);
    EXPECT_EQ(y[0], 49995000); /* 10000 * 9999 / 2 */
    EXPECT_EQ(y[1], 49995001);
    EXPECT_EQ(y[2], 49995004);
    EXPECT_EQ(y[3], 49995000.25);
    EXPECT_EQ(y[4], 1e12 + 49995000);
    EXPECT_TRUE(std::isnan(y[5]));
}

TEST(SquarePlus, TheNumberOfTermsIsAParam) {
    alignas(64) double x[16] = {3};
    EXPECT_EQ(square_plus("{terms: 0}", x, 0, 1)[0], 9);
    EXPECT_EQ(square_plus("{terms: 1}", x, 0, 1)[0], 9);
    EXPECT_EQ(square_plus("{terms: 5}", x, 0, 1)[0], 9 + 10);
}

TEST(SquarePlus, TakesTheIndexWhereThereIsNoX) {
    std::vector<double> y = square_plus("{}", nullptr, 8192, 3);
    EXPECT_EQ(y, (std::vector<double>{8192.0 * 8192 + 49995000, 8193.0 * 8193 + 49995000, 8194.0 * 8194 + 49995000}));
}
