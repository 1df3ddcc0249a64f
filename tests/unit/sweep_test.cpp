// sweep: axes as numpy has them, the value of any item, and the same worked out by whoever computes it; job/grid: sweeps as
// job files write them.
#include "unit/sheaf.h"

#include <cmath>
#include <cstring>
#include <random>

using namespace unit;

namespace {

std::vector<double> filled(int64_t n, const std::function<void(double *)> &fill) {
    std::vector<double> values(static_cast<size_t>(n));
    fill(values.data());
    return values;
}

} // namespace

// What numpy 1.24 gives, printed as float.hex.
TEST(Axis, ValuesAreNumpys) {
    EXPECT_EQ(
        filled(7, [](double *v) { sheaf_axis_linspace(0.1, 1.7, 7, v); }),
        (std::vector<double>{0x1.999999999999ap-4, 0x1.7777777777778p-2, 0x1.4444444444444p-1, 0x1.ccccccccccccdp-1,
                             0x1.2aaaaaaaaaaabp+0, 0x1.6eeeeeeeeeeefp+0, 0x1.b333333333333p+0}));
    EXPECT_EQ(filled(5, [](double *v) { sheaf_axis_range(0.5, 0.3, 5, v); }),
              (std::vector<double>{0x1p-1, 0x1.999999999999ap-1, 0x1.199999999999ap+0, 0x1.6666666666667p+0,
                                   0x1.b333333333334p+0}));
    EXPECT_EQ(filled(3, [](double *v) { sheaf_axis_linspace(3, 3, 3, v); }), (std::vector<double>{3, 3, 3}));
    EXPECT_EQ(filled(3, [](double *v) { sheaf_axis_linspace(5e-324, 1e-323, 3, v); }),
              (std::vector<double>{0x1p-1074, 0x1p-1074, 0x1p-1073}))
        << "a step that no double is small enough for";
    EXPECT_EQ(filled(1, [](double *v) { sheaf_axis_linspace(2, 9, 1, v); }), (std::vector<double>{2}));
    EXPECT_EQ(filled(3, [](double *v) { sheaf_axis_range(5, -2.5, 3, v); }), (std::vector<double>{5, 2.5, 0}));
}

// Powers are the C library's, which may differ from numpy's in the last bit.
TEST(Axis, PowersAreNumpysButForTheLastBit) {
    const std::vector<double> log = {0x1.47ae147ae147bp-7, 0x1.db4c7760bcff4p-2, 0x1.58b5a51868c65p+4, 0x1.f4p+9},
                              geom = {0x1.0624dd2f1a9fcp-9, 0x1.21a1851ff630ap-3, 0x1.4p+3, 0x1.618dab0184065p+9,
                                      0x1.86ap+15};
    const std::vector<double> a = filled(4, [](double *v) { sheaf_axis_logspace(-2, 3, 4, v); });
    const std::vector<double> b = filled(5, [](double *v) { sheaf_axis_geomspace(2e-3, 5e4, 5, v); });
    for (size_t i = 0; i < log.size(); i++)
        EXPECT_DOUBLE_EQ(a[i], log[i]);
    for (size_t i = 0; i < geom.size(); i++)
        EXPECT_DOUBLE_EQ(b[i], geom[i]);
    EXPECT_EQ(b.front(), 2e-3) << "the ends are what was asked for";
    EXPECT_EQ(b.back(), 5e4);
    const std::vector<double> c = filled(4, [](double *v) { sheaf_axis_geomspace(-1, -1000, 4, v); });
    EXPECT_EQ(c.front(), -1);
    EXPECT_DOUBLE_EQ(c[1], -10);
    EXPECT_EQ(c.back(), -1000);
}

TEST(Axis, CountsAsArangeDoes) {
    EXPECT_EQ(sheaf_axis_count(0, 5, 1), 5);
    EXPECT_EQ(sheaf_axis_count(0.5, 2, 0.3), 5);
    EXPECT_EQ(sheaf_axis_count(5, -2, -2.5), 3);
    EXPECT_EQ(sheaf_axis_count(5, 5, 1), 0);
    EXPECT_EQ(sheaf_axis_count(5, 0, 1), 0);
    EXPECT_EQ(sheaf_axis_count(0, 1, 0), -1);
    EXPECT_EQ(sheaf_axis_count(0, 1e300, 1e-300), -1);
}

// ------------------------------------------------------------------------------------------------- the value of an item

namespace {

// Three axes of 3, 4 and 2; two fields along the second, one of them text.
struct Cube {
    std::vector<double> mass = {0.5, 1.5, -2};
    std::vector<int64_t> charge = {10, 20, 30, 40};
    std::vector<sheaf_text> model = {{"a", 1}, {"", 0}, {"ccc", 3}, {"d e", 3}};
    std::vector<int64_t> repeat = {0, 1};
    std::vector<sweep_field> fields;
    struct sweep sweep = {};
    Cube() {
        fields = {{field("mass", SHEAF_FLOAT64), 0, nullptr, 3, mass.data(), nullptr, nullptr, {}},
                  {field("charge", SHEAF_INT64), 1, nullptr, 4, charge.data(), nullptr, nullptr, {}},
                  {field("model", SHEAF_TEXT), 1, nullptr, 4, model.data(), nullptr, nullptr, {}},
                  {field("repeat", SHEAF_INT64), 2, nullptr, 2, repeat.data(), nullptr, nullptr, {}}};
        sweep.n_axes = 3;
        sweep.axes[0] = {"mass", 3, 0};
        sweep.axes[1] = {"charge", 4, 0};
        sweep.axes[2] = {"repeat", 2, 0};
        sweep.n_fields = 4;
        sweep.fields = fields.data();
        EXPECT_EQ(sheaf_sweep_measure(&sweep, 1000), 0);
    }
};

} // namespace

TEST(Sweep, ItemsAreNestedLoops) {
    Cube cube;
    EXPECT_EQ(cube.sweep.n_items, 24);
    int64_t item = 0;
    for (int64_t m = 0; m < 3; m++)
        for (int64_t c = 0; c < 4; c++)
            for (int64_t r = 0; r < 2; r++, item++) {
                EXPECT_EQ(sheaf_sweep_index(&cube.sweep, 0, item), m);
                EXPECT_EQ(sheaf_sweep_index(&cube.sweep, 1, item), c);
                EXPECT_EQ(sheaf_sweep_index(&cube.sweep, 2, item), c);
                EXPECT_EQ(sheaf_sweep_index(&cube.sweep, 3, item), r);
            }
}

TEST(Sweep, TooManyItemsAreSeenBeforeTheyOverflow) {
    struct sweep sweep = {};
    sweep.n_axes = 4;
    for (int a = 0; a < 4; a++)
        sweep.axes[a] = {"x", INT64_C(100000000), 0};
    EXPECT_EQ(sheaf_sweep_measure(&sweep, INT64_C(1000000000000000)), -1);
    sweep.n_axes = 1;
    EXPECT_EQ(sheaf_sweep_measure(&sweep, INT64_C(100000000)), 0);
    EXPECT_EQ(sheaf_sweep_measure(&sweep, INT64_C(99999999)), -1);
}

TEST(Sweep, FitsWhatKeepsTheValue) {
    Cube cube;
    int64_t first;
    EXPECT_TRUE(sheaf_sweep_fits(&cube.sweep, 1, SHEAF_FLOAT64, &first));
    EXPECT_TRUE(sheaf_sweep_fits(&cube.sweep, 1, SHEAF_UINT8, &first));
    EXPECT_FALSE(sheaf_sweep_fits(&cube.sweep, 0, SHEAF_INT64, &first));
    EXPECT_EQ(first, 0);
    cube.mass[0] = 7;
    EXPECT_FALSE(sheaf_sweep_fits(&cube.sweep, 0, SHEAF_INT32, &first));
    EXPECT_EQ(first, 1);
    EXPECT_FALSE(sheaf_sweep_fits(&cube.sweep, 2, SHEAF_FLOAT64, &first));
    cube.charge[3] = 256;
    EXPECT_FALSE(sheaf_sweep_fits(&cube.sweep, 1, SHEAF_UINT8, &first));
    EXPECT_EQ(first, 3);
    cube.mass = {-0x1p63, 0x1p63, 0};
    EXPECT_FALSE(sheaf_sweep_fits(&cube.sweep, 0, SHEAF_INT64, &first));
    EXPECT_EQ(first, 1);
}

// What a thread works out is what the items have, from any item on, in any type.
TEST(Generated, IsWhatTheItemsHave) {
    Cube cube;
    const std::vector<sheaf_field> inputs = {
        field("repeat", SHEAF_FLOAT64), field("mass", SHEAF_FLOAT32), {},
        field("model", SHEAF_TEXT),     field("charge", SHEAF_INT32), field("mass", SHEAF_TEXT)};
    const std::vector<int> from = {3, 0, -1, 2, 1, 0};
    const generated_setup setup = {&cube.sweep, static_cast<int>(inputs.size()), inputs.data(), from.data()};
    size_t n_bytes = 0;
    Error error;
    ASSERT_EQ(sheaf_generated_measure(&setup, &n_bytes, error), 0);
    Aligned memory(n_bytes), elsewhere(n_bytes);
    ASSERT_EQ(sheaf_generated_make(&setup, memory.get(), error), 0);
    std::memcpy(elsewhere.get(), memory.get(), n_bytes); // as another process sees it
    const void *block = elsewhere.get();
    EXPECT_FALSE(sheaf_generated_has(block, 2));
    EXPECT_FALSE(sheaf_generated_has(nullptr, 0));
    for (int64_t first = 0; first < 24; first++)
        for (int64_t n = 1; first + n <= 24; n++) {
            std::vector<double> repeat(static_cast<size_t>(n));
            std::vector<float> mass(static_cast<size_t>(n));
            std::vector<sheaf_text> model(static_cast<size_t>(n)), written(static_cast<size_t>(n));
            std::vector<int32_t> charge(static_cast<size_t>(n));
            sheaf_generated_fill(block, 0, SHEAF_FLOAT64, first, n, repeat.data());
            sheaf_generated_fill(block, 1, SHEAF_FLOAT32, first, n, mass.data());
            sheaf_generated_fill(block, 3, SHEAF_TEXT, first, n, model.data());
            sheaf_generated_fill(block, 4, SHEAF_INT32, first, n, charge.data());
            sheaf_generated_fill(block, 5, SHEAF_TEXT, first, n, written.data());
            for (int64_t k = 0; k < n; k++) {
                const size_t m = static_cast<size_t>((first + k) / 8), c = static_cast<size_t>((first + k) / 2 % 4);
                const size_t i = static_cast<size_t>(k);
                EXPECT_EQ(repeat[i], static_cast<double>((first + k) % 2));
                EXPECT_EQ(mass[i], static_cast<float>(cube.mass[m]));
                EXPECT_EQ(std::string(model[i].data, model[i].length),
                          std::string(cube.model[c].data, cube.model[c].length));
                EXPECT_EQ(charge[i], cube.charge[c]);
                EXPECT_EQ(std::string(written[i].data, written[i].length), m == 0 ? "0.5" : m == 1 ? "1.5" : "-2");
            }
        }
}

// ------------------------------------------------------------------------------------------------------ from job files

namespace {

struct Grid {
    Job job;
    Items items;
    explicit Grid(const std::string &source) : job("items: " + source + "\nkernel: any\n"), items(job) {}
    std::string error() const { return items.error.text(); }
    int find(const std::string &name) const {
        return sheaf_items_find(items.items.fields, items.items.n_fields, name.c_str());
    }
    template <typename T> std::vector<T> read(const std::string &name, enum sheaf_type type) {
        std::vector<T> values(static_cast<size_t>(items.items.n_items));
        std::vector<void *> columns(static_cast<size_t>(items.items.n_fields), nullptr);
        std::vector<enum sheaf_type> types(static_cast<size_t>(items.items.n_fields), SHEAF_FLOAT64);
        columns[static_cast<size_t>(find(name))] = values.data();
        types[static_cast<size_t>(find(name))] = type;
        Error failed;
        EXPECT_EQ(
            sheaf_items_read_as(&items.items, 0, items.items.n_items, columns.data(), types.data(), &arena_, failed),
            0);
        return values;
    }
    std::vector<std::string> texts(const std::string &name) {
        std::vector<std::string> list;
        for (const sheaf_text &t : read<sheaf_text>(name, SHEAF_TEXT))
            list.emplace_back(t.data, t.length);
        return list;
    }
    ~Grid() { sheaf_arena_free(&arena_); }

  private:
    struct sheaf_arena arena_ = {};
};

using Doubles = std::vector<double>;
using Texts = std::vector<std::string>;

} // namespace

TEST(Grid, TypesAreThoseThatKeepWhatIsWritten) {
    Grid g("{grid: {i: [3, -1], f: [1, 2.50], t: [a, 1], c: [007, 1], q: [\"1\", \"2\"], n: [1e3, nan]}}");
    ASSERT_EQ(g.items.rc, 0) << g.error();
    EXPECT_EQ(g.items.items.n_items, 64);
    const enum sheaf_type types[] = {SHEAF_INT64, SHEAF_FLOAT64, SHEAF_TEXT, SHEAF_TEXT, SHEAF_TEXT, SHEAF_FLOAT64};
    for (int k = 0; k < 6; k++)
        EXPECT_EQ(g.items.items.fields[k].type, types[k]) << g.items.items.fields[k].name;
    EXPECT_EQ(g.texts("f")[0], "1");
    EXPECT_EQ(g.texts("f")[16], "2.50") << "as it stands in the job";
    EXPECT_EQ(g.texts("c")[0], "007");
    EXPECT_EQ(g.texts("n")[0], "1e3");
    Grid large(
        "{zip: {a: [9007199254740993, 1.5], b: [9223372036854775808, 1], c: [9007199254740993, 1], d: ['~', x]}}");
    ASSERT_EQ(large.items.rc, 0) << large.error();
    EXPECT_EQ(large.items.items.fields[0].type, SHEAF_TEXT) << "a float64 would change it";
    EXPECT_EQ(large.items.items.fields[1].type, SHEAF_TEXT) << "no int64 holds it";
    EXPECT_EQ(large.read<int64_t>("c", SHEAF_INT64)[0], INT64_C(9007199254740993));
    EXPECT_EQ(large.texts("d"), (Texts{"~", "x"}));
}

TEST(Grid, SourcesOfAnAxis) {
    Grid g("{grid: {a: {range: [3]}, b: {range: [1, 2, 0.5]}, c: {linspace: [0, 1, 3], unit: kg, long_name: a mass}, "
           "d: {values: [x, y]}}}");
    ASSERT_EQ(g.items.rc, 0) << g.error();
    EXPECT_EQ(g.items.items.n_items, 3 * 2 * 3 * 2);
    EXPECT_EQ(g.items.items.fields[0].type, SHEAF_INT64);
    EXPECT_EQ(g.items.items.fields[1].type, SHEAF_FLOAT64);
    EXPECT_STREQ(g.items.items.fields[2].unit, "kg");
    EXPECT_STREQ(g.items.items.fields[2].long_name, "a mass");
    Grid far("{grid: {r: {range: [-9007199254740991, 9007199254740991, 4503599627370497]}, "
             "s: {geomspace: [1e-200, 1e-190, 3]}}}");
    ASSERT_EQ(far.items.rc, 0) << far.error();
    EXPECT_EQ(far.read<int64_t>("r", SHEAF_INT64)[9], INT64_C(4503599627370500)) << "as Python's";
    EXPECT_EQ(g.read<double>("a", SHEAF_FLOAT64)[35], 2);
    EXPECT_EQ(g.read<double>("b", SHEAF_FLOAT64)[6], 1.5);
    EXPECT_EQ(g.texts("c")[2], "0.5");
    EXPECT_EQ(g.texts("d"), ([] {
                  Texts t;
                  for (int i = 0; i < 18; i++)
                      t.insert(t.end(), {"x", "y"});
                  return t;
              })());
}

TEST(Grid, ZipsRowsAndRepeats) {
    Grid zip("{grid: {site: {zip: {lat: [1.5, 2.5], lon: [10, 20]}}, year: [2000, 2001]}, repeat: 2}");
    ASSERT_EQ(zip.items.rc, 0) << zip.error();
    EXPECT_EQ(zip.read<double>("lat", SHEAF_FLOAT64), (Doubles{1.5, 1.5, 1.5, 1.5, 2.5, 2.5, 2.5, 2.5}));
    EXPECT_EQ(zip.read<double>("lon", SHEAF_FLOAT64), (Doubles{10, 10, 10, 10, 20, 20, 20, 20}));
    EXPECT_EQ(zip.read<int64_t>("year", SHEAF_INT64),
              (std::vector<int64_t>{2000, 2000, 2001, 2001, 2000, 2000, 2001, 2001}));
    EXPECT_EQ(zip.read<int64_t>("repeat", SHEAF_INT64), (std::vector<int64_t>{0, 1, 0, 1, 0, 1, 0, 1}));
    Grid side("{zip: {x: [1, 2, 3], name: [a, b, c]}}");
    ASSERT_EQ(side.items.rc, 0) << side.error();
    EXPECT_EQ(side.read<double>("x", SHEAF_FLOAT64), (Doubles{1, 2, 3}));
    EXPECT_EQ(side.texts("name"), (Texts{"a", "b", "c"}));
    Grid rows("{rows: [{x: 1, name: a}, {name: b, x: 2.5}], repeat: 2}");
    ASSERT_EQ(rows.items.rc, 0) << rows.error();
    EXPECT_EQ(rows.read<double>("x", SHEAF_FLOAT64), (Doubles{1, 1, 2.5, 2.5}));
    EXPECT_EQ(rows.texts("name"), (Texts{"a", "a", "b", "b"}));
}

TEST(Grid, TheIdentityTellsWhatTheItemsAre) {
    const std::string one = Grid("{grid: {x: [1, 2], y: [a, b]}}").items.items.identity.data;
    EXPECT_EQ(one, Grid("{grid: {x: {values: [1, 2]}, y: ['a', b]}}").items.items.identity.data) << "written otherwise";
    for (const char *other :
         {"{grid: {x: [1, 3], y: [a, b]}}", "{grid: {x: [1, 2], y: [a, c]}}", "{grid: {x: [1.0, 2], y: [a, b]}}",
          "{grid: {y: [a, b], x: [1, 2]}}", "{zip: {x: [1, 2], y: [a, b]}}", "{grid: {x: [1, 2], y: [ab, '']}}"})
        EXPECT_NE(one, Grid(other).items.items.identity.data) << other;
}

// Where it is, what is wrong, and what would be right.
TEST(Grid, RefusesWhatCannotBe) {
    const std::vector<std::pair<const char *, const char *>> cases = {
        {"{grid: {}}", "sweep.yaml:1:15: items.grid is empty"},
        {"{grid: [1]}", "items.grid"},
        {"{grid: {x: 3}}", "items.grid.x should be a list of values"},
        {"{grid: {x: []}}", "items.grid.x is empty"},
        {"{grid: {x: [1, [2]]}}", "this is a list"},
        {"{grid: {x: [1, ~x: 2]}}", ""},
        {"{grid: {x: [1, ~]}}", "items.grid.x has a value that says nothing (~)"},
        {"{grid: {x: [null]}}", "items.grid.x has a value that says nothing (null)"},
        {"{rows: [{x: 1}, {x: }]}", "says nothing (it is empty)"},
        {"{grid: {x: {linspace: [0, 1]}}}", "items.grid.x should be [FIRST, LAST, HOW MANY]"},
        {"{grid: {x: {linspace: [0, 1, 2.5]}}}", "'2.5' values; it should be a whole number"},
        {"{grid: {x: {linspace: [0, one, 3]}}}", "'one' is not a finite number"},
        {"{grid: {x: {linspace: [0, inf, 3]}}}", "'inf' is not a finite number"},
        {"{grid: {x: {linspace: [0, 1, 1e9]}}}", "more than 100000000 values"},
        {"{grid: {x: {geomspace: [0, 1, 3]}}}", "should be above zero"},
        {"{grid: {x: {logspace: [0, 1000, 3]}}}", "beyond what a number can hold"},
        {"{grid: {x: {range: [3, 0]}}}", "has no value"},
        {"{grid: {x: {range: [0, 3, 0]}}}", "a step of 0"},
        {"{grid: {x: {linspase: [0, 1, 3]}}}", "did you mean 'linspace'"},
        {"{grid: {x: {linspace: [0, 1, 3], values: [1]}}}", "exactly one of"},
        {"{grid: {x: {unit: kg}}}", "exactly one of"},
        {"{grid: {status: [1]}}", "the results file needs for itself"},
        {"{grid: {a/b: [1]}}", "a name has no '/'"},
        {"{grid: {x: {zip: {a: [1], b: [1, 2]}}}}", "has 2 values, and the fields before it"},
        {"{grid: {x: {zip: {a: [1]}, unit: kg}}}", "zip stands alone"},
        {"{grid: {x: {zip: {y: [1]}}, y: [2]}}", "there is a field 'y' already"},
        {"{grid: {repeat: [1]}, repeat: 2}", "there is a field 'repeat' already"},
        {"{grid: {x: [1]}, repeat: 0}", "items.repeat is 0"},
        {"{count: 3, repeat: 2}", "items.repeat goes with grid, zip, rows, sample or files"},
        {"{rows: []}", "items.rows should be a list of rows"},
        {"{rows: {x: 1}}", "items.rows should be a list of rows"},
        {"{rows: [{x: 1}, {y: 2}]}", "row 1 has 'y', which the first does not have"},
        {"{rows: [{x: 1, y: 2}, {y: 2}]}", "row 1 has no 'x'"},
        {"{grid: {a: {range: 100000000}, b: [1]}}", "items.grid.a should be [END]"},
        {"{grid: {a: {range: [10000000]}, b: {range: [10000000]}, c: {range: [100]}}}", "more than 10^15 items"},
    };
    for (const auto &[source, said] : cases) {
        Job job("items: " + std::string(source) + "\nkernel: any\n");
        std::string error = job.rc ? job.error.text() : "";
        if (job.rc == 0) { // such as the job file alone tells are refused before
            Items items(job);
            EXPECT_NE(items.rc, 0) << source;
            error = items.error.text();
        }
        EXPECT_HAS(error, said);
        EXPECT_HAS(error, "sweep.yaml:1:") << source;
    }
}

// ------------------------------------------------------------------------------------------------- values that are drawn

// A permutation of any number of points needs no memory: the first and the last of 10^15 are each in a part of their own.
TEST(Draw, PartsOfManyPoints) {
    struct draw d = {};
    d.method = DRAW_LATIN;
    d.seed = 5;
    d.count = INT64_C(1000000000000000);
    sheaf_draw_begin(&d);
    std::set<uint64_t> parts;
    for (int64_t first : {INT64_C(0), d.count / 3, d.count - 1000}) {
        std::vector<uint64_t> points(1000);
        sheaf_draw_points(&d, first, 1000, points.data());
        for (uint64_t point : points) {
            EXPECT_LT(point, UINT64_C(1) << 53);
            parts.insert(static_cast<uint64_t>(static_cast<long double>(point) * static_cast<long double>(d.count) /
                                               9007199254740992.0L));
        }
    }
    EXPECT_EQ(parts.size(), 3000u);
    EXPECT_GT(*parts.rbegin() - *parts.begin(), static_cast<uint64_t>(d.count) * 9 / 10) << "spread over all of it";
}

// A point is the same however many are drawn at a time.
TEST(Draw, PointsDoNotDependOnTheirNeighbours) {
    for (int method : {DRAW_RANDOM, DRAW_LATIN, DRAW_SOBOL}) {
        struct draw d = {};
        d.method = method;
        d.dimension = 3;
        d.scrambles = true;
        d.seed = 9;
        d.count = 1000;
        sheaf_draw_begin(&d);
        std::vector<uint64_t> all(1000), one(1000);
        sheaf_draw_points(&d, 0, 1000, all.data());
        for (int64_t i = 0; i < 1000; i++)
            sheaf_draw_points(&d, i, 1, &one[static_cast<size_t>(i)]);
        EXPECT_EQ(all, one);
        std::vector<uint64_t> some(333);
        sheaf_draw_points(&d, 5, 333, some.data());
        EXPECT_EQ(some, std::vector<uint64_t>(all.begin() + 5, all.begin() + 338));
    }
}

// Point 2^k has the direction number k: its highest digit, below the binary point, is 1 / 2^(k + 1), up to all 52.
TEST(Draw, SobolHas52Digits) {
    for (int dimension : {0, 1, 2, 500, 1110}) {
        uint64_t v[SOBOL_BITS];
        sheaf_sobol_directions(dimension, v);
        for (int k = 0; k < SOBOL_BITS; k++) {
            EXPECT_EQ(v[k] & ((UINT64_C(1) << (SOBOL_BITS - 1 - k)) - 1), 0u) << dimension << ", " << k;
            EXPECT_EQ(v[k] >> (SOBOL_BITS - 1 - k) & 1, 1u) << dimension << ", " << k;
            EXPECT_EQ(sheaf_sobol_point(v, UINT64_C(1) << k), v[k]);
        }
    }
}

// Both ends of the normal distribution, and its middle: known to all digits.
TEST(Draw, NormalOfTheEnds) {
    EXPECT_NEAR(sheaf_draw_normal(0), -8.292361075813597, 1e-14);
    EXPECT_EQ(sheaf_draw_normal((UINT64_C(1) << 53) - 1), -sheaf_draw_normal(0));
    EXPECT_NEAR(sheaf_draw_normal(UINT64_C(1) << 52), 0, 1e-15);
    EXPECT_NEAR(sheaf_draw_normal(static_cast<uint64_t>(0.975 * 9007199254740992.0)), 1.959963984540054, 1e-13);
}
