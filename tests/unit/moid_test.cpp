// The built-in kernel `moid`, called through its table: against published values, against a brute-force reference
// written another way, and against orbits whose distance from Earth's is known by construction.
#include <sheaf/kernel.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

extern "C" const struct sheaf_kernel sheaf_kernel_moid;

namespace {

using real = long double;

const real PI = 3.14159265358979323846264338327950288L;
const real DEG = PI / 180;

// Earth's orbit as the kernel is specified to use it.
const real EARTH_A = 1.00000011L, EARTH_E = 0.01671022L, EARTH_PERIHELION_DEG = 102.94719L;
const real EARTH_PERIHELION_AU = EARTH_A * (1 - EARTH_E), EARTH_APHELION_AU = EARTH_A * (1 + EARTH_E);

const double TOLERANCE_AU = 1e-9;

struct Elements {
    double a_au, e, i_deg, node_deg, peri_deg;
};

std::ostream &operator<<(std::ostream &out, const Elements &o) {
    char text[200];
    std::snprintf(text, sizeof text, "a %.17g e %.17g i %.17g node %.17g peri %.17g", o.a_au, o.e, o.i_deg, o.node_deg,
                  o.peri_deg);
    return out << text;
}

// ------------------------------------------------------------------------------------------------ calling a kernel

struct Result {
    double moid_au, true_anomaly_deg, earth_longitude_deg;
    std::string failure; // empty for an item that is done
};

int refuse(const sheaf_setup *setup, const char *format, ...) {
    char text[500];
    va_list values;
    va_start(values, format);
    std::vsnprintf(text, sizeof text, format, values);
    va_end(values);
    *static_cast<std::string *>(setup->engine) = text;
    return -1;
}

void fail(const sheaf_context *context, int64_t k, const char *format, ...) {
    char text[240];
    va_list values;
    va_start(values, format);
    std::vsnprintf(text, sizeof text, format, values);
    va_end(values);
    (*static_cast<std::map<int64_t, std::string> *>(context->engine))[k] = text;
}

// Columns as the engine passes them: 64-byte aligned, padded to a multiple of 16.
class Column {
  public:
    Column(size_t n, double value) : lines_((n + 15) / 16 * 2) { std::fill(data(), data() + n, value); }
    double *data() { return lines_[0].value; }

  private:
    struct alignas(64) Line {
        double value[8];
    };
    std::vector<Line> lines_;
};

class Kernel {
  public:
    explicit Kernel(int64_t samples) {
        value_.integer = samples;
        setup_.struct_size = sizeof setup_;
        setup_.params = &value_;
        setup_.n_inputs = table_.n_inputs;
        setup_.inputs = table_.inputs;
        setup_.n_fields = table_.n_inputs;
        setup_.fields = table_.inputs;
        setup_.refuse = refuse;
        setup_.engine = &refusal;
        opened = table_.open(&setup_, &shape, &self_) == 0;
        if (opened) {
            shared_.resize((table_.shared_bytes(self_) + 7) / 8);
            prepared = table_.prepare(self_, &setup_, shared_.data()) == 0;
        }
    }
    ~Kernel() {
        if (opened && table_.close)
            table_.close(self_);
    }
    Kernel(const Kernel &) = delete;
    Kernel &operator=(const Kernel &) = delete;

    // The orbits one after the other, `n_block` in a call.
    std::vector<Result> map(const std::vector<Elements> &orbits, size_t n_block) const {
        std::vector<Result> results;
        for (size_t first = 0; first < orbits.size(); first += n_block)
            map_block(orbits, first, std::min(n_block, orbits.size() - first), results);
        return results;
    }
    std::vector<Result> map(const std::vector<Elements> &orbits) const {
        return map(orbits, static_cast<size_t>(shape.block));
    }

    bool opened = false, prepared = false;
    std::string refusal;
    sheaf_shape shape = {};

  private:
    void map_block(const std::vector<Elements> &orbits, size_t first, size_t n, std::vector<Result> &results) const {
        const size_t n_padded = (n + 15) / 16 * 16;
        std::vector<Column> in(5, Column(n_padded, 0)), out(3, Column(n_padded, -12345.0));
        for (size_t k = 0; k < n_padded; k++) {
            const Elements &o = orbits[first + std::min(k, n - 1)];
            const double values[] = {o.a_au, o.e, o.i_deg, o.node_deg, o.peri_deg};
            for (size_t j = 0; j < 5; j++)
                in[j].data()[k] = values[j];
        }
        std::vector<const void *> in_columns;
        std::vector<void *> out_columns;
        for (Column &column : in)
            in_columns.push_back(column.data());
        for (Column &column : out)
            out_columns.push_back(column.data());

        std::map<int64_t, std::string> failures;
        sheaf_context context = {};
        context.struct_size = sizeof context;
        context.shared = shared_.data();
        context.shared_bytes = shared_.size() * 8;
        context.fail = fail;
        context.engine = &failures;
        sheaf_block block = {};
        block.struct_size = sizeof block;
        block.first = static_cast<int64_t>(first);
        block.n = static_cast<int64_t>(n);
        block.n_padded = static_cast<int64_t>(n_padded);
        block.in = in_columns.data();
        block.out = out_columns.data();
        EXPECT_EQ(table_.map(self_, &context, &block), 0);
        for (size_t k = 0; k < n; k++)
            results.push_back(
                {out[0].data()[k], out[1].data()[k], out[2].data()[k], failures[static_cast<int64_t>(k)]});
    }

    const sheaf_kernel &table_ = sheaf_kernel_moid;
    sheaf_value value_ = {};
    sheaf_setup setup_ = {};
    void *self_ = nullptr;
    std::vector<double> shared_;
};

int64_t initial_samples() {
    return std::atoll(sheaf_kernel_moid.params[0].initial);
}

// --------------------------------------------------------------------------------------- the brute-force reference

struct Point {
    real x, y, z;
};

real distance(const Point &p, const Point &q) {
    return std::sqrt((p.x - q.x) * (p.x - q.x) + (p.y - q.y) * (p.y - q.y) + (p.z - q.z) * (p.z - q.z));
}

// Turns a point of the orbital plane (x to perihelion) into ecliptic axes, one rotation after the other.
Point to_ecliptic(const Elements &o, real x, real y) {
    const real w = o.peri_deg * DEG, i = o.i_deg * DEG, node = o.node_deg * DEG;
    const real x1 = x * std::cos(w) - y * std::sin(w), y1 = x * std::sin(w) + y * std::cos(w);
    const real y2 = y1 * std::cos(i), z2 = y1 * std::sin(i);
    return {x1 * std::cos(node) - y2 * std::sin(node), x1 * std::sin(node) + y2 * std::cos(node), z2};
}

// By true anomaly, r = q (1 + e) / (1 + e cos v).
Point at_true_anomaly(const Elements &o, real v_rad) {
    const real r = o.a_au * (1 - static_cast<real>(o.e)) * (1 + o.e) / (1 + o.e * std::cos(v_rad));
    return to_ecliptic(o, r * std::cos(v_rad), r * std::sin(v_rad));
}

Point earth_at_longitude(real longitude_rad) {
    const real r =
        EARTH_A * (1 - EARTH_E * EARTH_E) / (1 + EARTH_E * std::cos(longitude_rad - EARTH_PERIHELION_DEG * DEG));
    return {r * std::cos(longitude_rad), r * std::sin(longitude_rad), 0};
}

// The reference: the distance from Earth's orbit is tabled along the orbit; around each local minimum of the table it
// is tabled again, twice, on a finer mesh; each local minimum of the last is bracketed and goes through a golden
// section search. The distance of one point from Earth's orbit comes from a table over Earth's true longitude, each
// local minimum of which is refined by bisection and Newton steps. All in extended precision. No derivative along the
// orbit, no bound and no eccentric anomaly is used.
class Reference {
  public:
    explicit Reference(const Elements &o) : q_(o.a_au * (1 - static_cast<real>(o.e))), e_(o.e) {
        axis_x_ = to_ecliptic(o, 1, 0);
        axis_y_ = to_ecliptic(o, 0, 1);
        // tan(v/2) = stretch tan(t/2): samples are spread over the orbit where it is within some au of the Sun.
        stretch_ = std::min(std::sqrt((1 + e_) / (1 - e_)), std::sqrt(1 + 2 / q_));
        for (int j = 0; j < N_EARTH; j++)
            earth_[j] = earth_at_longitude(2 * PI * j / N_EARTH);
    }

    real minimum() {
        search(-PI, PI, 720, 2);
        return best_;
    }

  private:
    static const int N_EARTH = 72;

    // With w = tan(v/2): x, y = q (1 + e) (1 - w², 2 w) / (1 + e + (1 - e) w²), free of cancellation.
    Point at(real t) const {
        const real c = std::cos(t / 2), w = stretch_ * std::sin(t / 2);
        const real scale = q_ * (1 + e_) / ((1 + e_) * c * c + (1 - e_) * w * w);
        const real x = scale * (c - w) * (c + w), y = scale * 2 * w * c;
        return {x * axis_x_.x + y * axis_y_.x, x * axis_x_.y + y * axis_y_.y, x * axis_x_.z + y * axis_y_.z};
    }

    // d/dl of |p - Earth(l)|²/2, and the second derivative.
    static void slope(const Point &p, real l, real &first, real &second) {
        const real k = EARTH_A * (1 - EARTH_E * EARTH_E), f = l - EARTH_PERIHELION_DEG * DEG;
        const real n = 1 + EARTH_E * std::cos(f), r = k / n;
        const real r1 = k * EARTH_E * std::sin(f) / (n * n);
        const real r2 = k * EARTH_E * (std::cos(f) * n + 2 * EARTH_E * std::sin(f) * std::sin(f)) / (n * n * n);
        // |p|² + r² - 2 r (along), `along` the projection of p on the direction of l
        const real along = p.x * std::cos(l) + p.y * std::sin(l), across = p.y * std::cos(l) - p.x * std::sin(l);
        first = r * r1 - r1 * along - r * across;
        second = r1 * r1 + r * r2 - r2 * along - 2 * r1 * across + r * along;
    }

    static real refine_longitude(const Point &p, real from, real to) {
        real l = (from + to) / 2;
        for (int i = 0; i < 200 && to - from > 1e-18L; i++) {
            real first, second;
            slope(p, l, first, second);
            (first < 0 ? from : to) = l;
            const real newton = l - first / second;
            const bool inside = second > 0 && newton > from && newton < to;
            const real next = inside ? newton : (from + to) / 2;
            if (std::fabs(next - l) < 1e-18L)
                break;
            l = next;
        }
        return l;
    }

    real from_earth(const Point &p) const {
        real table[N_EARTH], least = std::numeric_limits<real>::infinity();
        for (int j = 0; j < N_EARTH; j++)
            table[j] = (p.x - earth_[j].x) * (p.x - earth_[j].x) + (p.y - earth_[j].y) * (p.y - earth_[j].y);
        for (int j = 0; j < N_EARTH; j++) {
            const real before = table[(j + N_EARTH - 1) % N_EARTH], after = table[(j + 1) % N_EARTH];
            if (table[j] <= before && table[j] <= after) {
                const real step = 2 * PI / N_EARTH, l = refine_longitude(p, (j - 1) * step, (j + 1) * step);
                least = std::min(least, distance(p, earth_at_longitude(l)));
            }
        }
        return least;
    }

    real golden_section(real from, real to) const {
        const real ratio = (std::sqrt(5.0L) - 1) / 2;
        real t1 = to - ratio * (to - from), t2 = from + ratio * (to - from);
        real d1 = from_earth(at(t1)), d2 = from_earth(at(t2));
        while (t2 - t1 > 1e-17L * (1 + std::fabs(t1)) && t1 > from && t2 < to) {
            if (d1 < d2) {
                to = t2;
                t2 = t1;
                d2 = d1;
                t1 = to - ratio * (to - from);
                d1 = from_earth(at(t1));
            } else {
                from = t1;
                t1 = t2;
                d1 = d2;
                t2 = from + ratio * (to - from);
                d2 = from_earth(at(t2));
            }
        }
        return std::min(d1, d2);
    }

    void search(real from, real to, int n, int levels) {
        const real step = (to - from) / n;
        std::vector<Point> point;
        std::vector<real> table;
        for (int k = -1; k <= n + 1; k++) { // one beyond either end, so that every sample has two neighbours
            point.push_back(at(from + k * step));
            table.push_back(from_earth(point.back()));
            best_ = std::min(best_, table.back());
        }
        for (size_t k = 1; k + 1 < table.size(); k++) {
            if (table[k] > table[k - 1] || table[k] > table[k + 1] || best_ < 1e-14L)
                continue;
            // The distance falls by no more than the way along the orbit; doubled for the bend of the orbit.
            const real fall = 2 * (distance(point[k], point[k - 1]) + distance(point[k], point[k + 1]));
            if (table[k] - fall >= best_ - 1e-13L)
                continue;
            const real t = from + (static_cast<int>(k) - 1) * step;
            if (levels > 0)
                search(t - 2 * step, t + 2 * step, 60, levels - 1);
            else
                best_ = std::min(best_, golden_section(t - step, t + step));
        }
    }

    real q_, e_, stretch_;
    Point axis_x_, axis_y_, earth_[N_EARTH];
    real best_ = std::numeric_limits<real>::infinity();
};

double reference_au(const Elements &o) {
    return static_cast<double>(Reference(o).minimum());
}

// ------------------------------------------------------------------------------------------------------- orbits

class Random {
  public:
    explicit Random(uint64_t seed) : engine_(seed) {}
    double uniform(double low, double high) {
        return low + (high - low) * (static_cast<double>(engine_() >> 11) / 9007199254740992.0);
    }
    double logarithmic(double low, double high) { return low * std::pow(high / low, uniform(0, 1)); }
    double degrees() { return uniform(0, 360); }
    bool flip() { return engine_() >> 63; }

  private:
    std::mt19937_64 engine_;
};

// Earth's distance from the Sun at a longitude.
double earth_radius(double longitude_deg) {
    const Point p = earth_at_longitude(longitude_deg * DEG);
    return static_cast<double>(std::hypot(p.x, p.y));
}

// An orbit that shares the node's point with Earth's: their distance is 0.
Elements crossing(Random &random) {
    Elements o = {0, random.uniform(0, 0.99), random.uniform(0, 180), random.degrees(), random.degrees()};
    const double r = earth_radius(o.node_deg); // at the ascending node the true anomaly is -peri
    o.a_au = r * (1 + o.e * std::cos(o.peri_deg * static_cast<double>(DEG))) / ((1 - o.e) * (1 + o.e));
    return o;
}

// Perihelion or aphelion next to Earth's orbit and the planes close: two minima near each other, or one that is flat.
Elements tangent(Random &random) {
    const double longitude = random.degrees(), e = random.uniform(0, 0.9), node = random.degrees();
    const double miss = random.flip() ? random.logarithmic(1e-9, 1e-2) : -random.logarithmic(1e-9, 1e-2);
    const double r = earth_radius(longitude) + (random.uniform(0, 1) < 0.3 ? 0 : miss);
    const double i = random.uniform(0, 1) < 0.3 ? 0 : random.logarithmic(1e-7, 1);
    if (random.flip())
        return {r / (1 - e), e, i, node, longitude - node};
    return {r / (1 + e), e, i, node, longitude + 180 - node};
}

// Earth's orbit, every element changed by about `s`.
Elements almost_earth(Random &random, double s) {
    const double node = random.degrees();
    return {static_cast<double>(EARTH_A) + s * random.uniform(-0.5, 0.5),
            std::fabs(static_cast<double>(EARTH_E) + s * random.uniform(-0.5, 0.5)), s * random.uniform(0, 57), node,
            static_cast<double>(EARTH_PERIHELION_DEG) - node + 57 * s / 0.0167 * random.uniform(-0.5, 0.5)};
}

struct Family {
    const char *name;
    std::function<Elements(Random &)> draw;
};

Elements turned(Random &random, double a_au, double e, double i_deg) {
    return {a_au, e, i_deg, random.degrees(), random.degrees()};
}

const std::vector<Family> &families() {
    static const std::vector<Family> all = {
        {"main belt", [](Random &r) { return turned(r, r.uniform(2, 3.5), r.uniform(0, 0.3), r.uniform(0, 30)); }},
        {"near-Earth",
         [](Random &r) {
             const double e = r.uniform(0, 0.95);
             return turned(r, r.uniform(0.2, 1.3) / (1 - e), e, r.uniform(0, 60));
         }},
        {"comet, e 0.9999",
         [](Random &r) { return turned(r, r.logarithmic(0.003, 3) / (1 - 0.9999), 0.9999, r.uniform(0, 180)); }},
        {"comet, e 0.9999999",
         [](Random &r) { return turned(r, r.logarithmic(0.003, 3) / (1 - 0.9999999), 0.9999999, r.uniform(0, 180)); }},
        {"comet, e up to 1 - 1e-13",
         [](Random &r) {
             const double e = 1 - r.logarithmic(1e-13, 1e-5);
             return turned(r, r.logarithmic(0.003, 3) / (1 - e), e, r.uniform(0, 180));
         }},
        {"comet, a 1e5", [](Random &r) { return turned(r, 1e5, 1 - r.logarithmic(0.003, 1.5) / 1e5, r.degrees()); }},
        {"sungrazer",
         [](Random &r) {
             const double a = r.logarithmic(0.5, 1e5);
             return turned(r, a, 1 - r.logarithmic(1e-7, 0.005) / a, r.uniform(0, 180));
         }},
        {"all but radial, a near 0.5",
         [](Random &r) { return turned(r, r.uniform(0.4, 0.7), 1 - r.logarithmic(1e-12, 1e-3), r.uniform(0, 180)); }},
        {"polar", [](Random &r) { return turned(r, r.logarithmic(0.3, 50), r.uniform(0, 1), 90); }},
        {"retrograde",
         [](Random &r) {
             return turned(r, r.logarithmic(0.3, 50), r.uniform(0, 1), r.flip() ? 180 : r.uniform(170, 180));
         }},
        {"circular", [](Random &r) { return turned(r, r.logarithmic(0.01, 100), 0, r.uniform(0, 180)); }},
        {"coplanar", [](Random &r) { return turned(r, r.logarithmic(0.3, 50), r.uniform(0, 1), 0); }},
        {"trans-Neptunian",
         [](Random &r) { return turned(r, 30 + r.logarithmic(1, 1600), r.uniform(0, 1), r.uniform(0, 180)); }},
        {"far and nearly circular",
         [](Random &r) { return turned(r, r.logarithmic(100, 1e5), r.uniform(0, 0.1), r.uniform(0, 180)); }},
        {"well inside",
         [](Random &r) { return turned(r, r.logarithmic(1e-4, 0.2), r.uniform(0, 1), r.uniform(0, 180)); }},
        {"co-orbital", [](Random &r) { return turned(r, r.uniform(0.99, 1.01), r.uniform(0, 0.1), r.uniform(0, 3)); }},
        {"nearly circular and coplanar",
         [](Random &r) { return turned(r, r.logarithmic(0.5, 3), r.logarithmic(1e-6, 0.1), r.logarithmic(1e-4, 10)); }},
        {"concentric with Earth's",
         [](Random &r) {
             const double a = r.logarithmic(0.5, 3), s = r.logarithmic(1e-6, 0.1), node = r.degrees();
             const double e = static_cast<double>(EARTH_E * EARTH_A) / a * (1 + s * r.uniform(-0.5, 0.5));
             const double turn = static_cast<double>(EARTH_PERIHELION_DEG) - node + 57 * s * r.uniform(-0.5, 0.5);
             return Elements{a, e, s * r.uniform(0, 57), node, turn};
         }},
        {"almost Earth's", [](Random &r) { return almost_earth(r, r.logarithmic(1e-6, 0.1)); }},
        {"tangent", tangent},
        {"crossing", crossing},
    };
    return all;
}

bool slow() {
    const char *value = std::getenv("SHEAF_TEST_SLOW");
    return value && std::string(value) == "1";
}

// --------------------------------------------------------------------------------------------------- real orbits

const std::string SOURCE_DIR = SHEAF_SOURCE_DIR;

// The cells of a line of CSV, without their quotation marks.
std::vector<std::string> cells(const std::string &line) {
    std::vector<std::string> all(1);
    bool quoted = false;
    for (const char c : line) {
        if (c == '"')
            quoted = !quoted;
        else if (c == ',' && !quoted)
            all.emplace_back();
        else if (c != '\r')
            all.back() += c;
    }
    return all;
}

std::vector<std::vector<std::string>> rows(const std::string &path) {
    std::ifstream file(SOURCE_DIR + path);
    EXPECT_TRUE(file) << path;
    std::vector<std::vector<std::string>> all;
    std::string line;
    std::getline(file, line); // the header
    while (std::getline(file, line))
        all.push_back(cells(line));
    return all;
}

std::vector<Elements> catalogue() {
    std::vector<Elements> all;
    for (const std::vector<std::string> &row : rows("/data/asteroids.csv"))
        all.push_back({std::stod(row.at(4)), std::stod(row.at(5)), std::stod(row.at(6)), std::stod(row.at(7)),
                       std::stod(row.at(8))});
    return all;
}

// ---------------------------------------------------------------------------------------------------------- tests

// The two points the kernel names are on the two orbits and as far apart as it says.
void expect_consistent(const Elements &o, const Result &result) {
    EXPECT_GE(result.true_anomaly_deg, 0) << o;
    EXPECT_LT(result.true_anomaly_deg, 360) << o;
    EXPECT_GE(result.earth_longitude_deg, 0) << o;
    EXPECT_LT(result.earth_longitude_deg, 360) << o;
    const real apart = distance(at_true_anomaly(o, result.true_anomaly_deg * DEG),
                                earth_at_longitude(result.earth_longitude_deg * DEG));
    EXPECT_NEAR(static_cast<double>(apart), result.moid_au, TOLERANCE_AU * std::max(1.0, result.moid_au)) << o;
}

TEST(Moid, TableDeclaresWhatTheEngineNeeds) {
    const sheaf_kernel &table = sheaf_kernel_moid;
    EXPECT_EQ(table.head.abi, SHEAF_KERNEL_ABI);
    EXPECT_EQ(table.head.struct_size, sizeof(sheaf_kernel));
    EXPECT_STREQ(table.head.name, "moid");

    const char *inputs[] = {"a_au", "e", "i_deg", "node_deg", "peri_deg"};
    ASSERT_EQ(table.n_inputs, 5);
    for (int j = 0; j < 5; j++) {
        EXPECT_STREQ(table.inputs[j].name, inputs[j]);
        EXPECT_EQ(table.inputs[j].type, SHEAF_FLOAT64);
        EXPECT_EQ(table.inputs[j].width, 1);
    }
    const Kernel kernel(initial_samples());
    ASSERT_TRUE(kernel.opened && kernel.prepared) << kernel.refusal;
    const char *outputs[] = {"moid", "true_anomaly", "earth_longitude"}, *units[] = {"au", "deg", "deg"};
    ASSERT_EQ(kernel.shape.n_outputs, 3);
    for (int j = 0; j < 3; j++) {
        EXPECT_STREQ(kernel.shape.outputs[j].name, outputs[j]);
        EXPECT_STREQ(kernel.shape.outputs[j].unit, units[j]);
        EXPECT_EQ(kernel.shape.outputs[j].type, SHEAF_FLOAT64);
        EXPECT_EQ(kernel.shape.outputs[j].width, 1);
    }
    EXPECT_EQ(kernel.shape.flags, SHEAF_PURE);
    EXPECT_GE(kernel.shape.block, 1);
}

TEST(Moid, RefusesSamplesOutOfRange) {
    for (const int64_t samples : {INT64_MIN, int64_t{-1}, int64_t{0}, int64_t{100001}, INT64_MAX}) {
        const Kernel kernel(samples);
        EXPECT_FALSE(kernel.opened);
        EXPECT_NE(kernel.refusal.find("samples"), std::string::npos) << kernel.refusal;
        EXPECT_NE(kernel.refusal.find(std::to_string(samples)), std::string::npos) << kernel.refusal;
    }
}

TEST(Moid, AgreesWithJpl) {
    const std::vector<Elements> all = catalogue();
    const Kernel kernel(initial_samples());
    const std::vector<Result> results = kernel.map(all);
    int n = 0;
    for (const std::vector<std::string> &row : rows("/tests/data/jpl_moid_every_third.csv")) {
        const Result &result = results.at(std::stoul(row.at(0)));
        EXPECT_EQ(result.failure, "") << row[1];
        EXPECT_NEAR(result.moid_au, std::stod(row.at(2)), 0.002) << row[1];
        n++;
    }
    EXPECT_GT(n, 2000);
}

TEST(Moid, AgreesWithBruteForceOnTheCatalogue) {
    const std::vector<Elements> all = catalogue();
    const Kernel kernel(initial_samples());
    const std::vector<Result> results = kernel.map(all);
    ASSERT_EQ(results.size(), all.size());
    for (size_t k = 0; k < all.size(); k++)
        expect_consistent(all[k], results[k]);
    for (size_t k = 0; k < all.size(); k += slow() ? 1 : 43)
        EXPECT_NEAR(results[k].moid_au, reference_au(all[k]), TOLERANCE_AU) << "row " << k << ": " << all[k];
}

class MoidFamily : public testing::TestWithParam<Family> {};

TEST_P(MoidFamily, AgreesWithBruteForce) {
    Random random(20240101);
    std::vector<Elements> orbits;
    for (int k = 0; k < (slow() ? 500 : 25); k++)
        orbits.push_back(GetParam().draw(random));
    const Kernel kernel(initial_samples());
    const std::vector<Result> results = kernel.map(orbits);
    for (size_t k = 0; k < orbits.size(); k++) {
        EXPECT_EQ(results[k].failure, "") << orbits[k];
        EXPECT_NEAR(results[k].moid_au, reference_au(orbits[k]), TOLERANCE_AU) << orbits[k];
        expect_consistent(orbits[k], results[k]);
    }
}

// The name of a family, its letters and digits only, as GoogleTest wants.
std::string family_name(const testing::TestParamInfo<Family> &info) {
    std::string name;
    for (const char c : std::string(info.param.name))
        if (std::isalnum(static_cast<unsigned char>(c)))
            name += c;
    return name;
}

INSTANTIATE_TEST_SUITE_P(All, MoidFamily, testing::ValuesIn(families()), family_name);

TEST(Moid, IsTheSameWhateverTheNumberOfSamples) {
    Random random(7);
    std::vector<Elements> orbits;
    std::vector<double> expected;
    for (const Family &family : families()) {
        orbits.push_back(family.draw(random));
        expected.push_back(reference_au(orbits.back()));
    }
    for (const int64_t samples : {1, 2, 3, 7, 64, 360, 100000}) {
        const Kernel kernel(samples);
        ASSERT_TRUE(kernel.opened) << kernel.refusal;
        const std::vector<Result> results = kernel.map(orbits);
        for (size_t k = 0; k < orbits.size(); k++)
            EXPECT_NEAR(results[k].moid_au, expected[k], TOLERANCE_AU) << samples << " samples, " << orbits[k];
    }
}

TEST(Moid, KnowsOrbitsWithAnswersByHand) {
    const double perihelion = static_cast<double>(EARTH_PERIHELION_DEG), opposite = perihelion + 180;
    const double q = static_cast<double>(EARTH_PERIHELION_AU), aphelion = static_cast<double>(EARTH_APHELION_AU);
    struct Case {
        const char *what;
        Elements orbit;
        double moid_au, true_anomaly_deg, earth_longitude_deg; // true anomaly < 0: any angles
    };
    const Case cases[] = {
        {"circle far outside, in the plane: nearest at Earth's aphelion",
         {10, 0, 0, 0, 0},
         10 - aphelion,
         opposite,
         opposite},
        {"the same, its angles counted from elsewhere", {10, 0, 0, 30, 50}, 10 - aphelion, opposite - 80, opposite},
        {"the same, retrograde", {10, 0, 180, 0, 0}, 10 - aphelion, 360 - opposite, opposite},
        {"circle far out", {1e5, 0, 0, 0, 0}, 1e5 - aphelion, opposite, opposite},
        {"circle inside, in the plane: nearest at Earth's perihelion",
         {0.5, 0, 0, 0, 0},
         q - 0.5,
         perihelion,
         perihelion},
        {"polar circle through the direction of Earth's aphelion", {5, 0, 90, opposite, 0}, 5 - aphelion, 0, opposite},
        {"ellipse outside, its perihelion over Earth's aphelion", {4, 0.5, 0, 0, opposite}, 2 - aphelion, 0, opposite},
        {"the same, a parabola but for 2^-23",
         {16777216, 1 - 1.0 / 8388608, 0, 0, opposite},
         2 - aphelion,
         0,
         opposite},
        {"ellipse inside, its aphelion under Earth's perihelion", {0.5, 0.4, 0, 0, opposite}, q - 0.7, 180, perihelion},
        {"touching at perihelion", {q / (1 - 0.7), 0.7, 0, 0, perihelion}, 0, 0, perihelion},
        // Tilted about the line of apsides, one apsis shared and the other off by 5e-9 au: two minima, almost equal.
        {"crossing at perihelion, almost at aphelion",
         {1.00000011 + 2.5e-9, 1 - q / (1.00000011 + 2.5e-9), 60, perihelion, 0},
         0,
         0,
         perihelion},
        {"crossing at aphelion, almost at perihelion",
         {1.00000011 + 2.5e-9, aphelion / (1.00000011 + 2.5e-9) - 1, 60, perihelion, 0},
         0,
         180,
         opposite},
        {"Earth's own", {1.00000011, 0.01671022, 0, 0, perihelion}, 0, -1, -1},
        {"Earth's own, its angles counted from elsewhere", {1.00000011, 0.01671022, 0, 40, perihelion - 40}, 0, -1, -1},
        {"Earth's own, the other way round", {1.00000011, 0.01671022, 180, 0, 360 - perihelion}, 0, -1, -1},
        {"Earth's own, tilted about the line of apsides", {1.00000011, 0.01671022, 60, perihelion, 0}, 0, -1, -1},
    };
    const Kernel kernel(initial_samples());
    for (const Case &c : cases) {
        const Result result = kernel.map({c.orbit}).at(0);
        EXPECT_EQ(result.failure, "") << c.what;
        EXPECT_NEAR(result.moid_au, c.moid_au, TOLERANCE_AU) << c.what;
        expect_consistent(c.orbit, result);
        // The distance is flat at the minimum: an angle is as good as the root of the tolerance.
        if (c.true_anomaly_deg >= 0) {
            EXPECT_NEAR(std::remainder(result.true_anomaly_deg - c.true_anomaly_deg, 360), 0, 0.01) << c.what;
            EXPECT_NEAR(std::remainder(result.earth_longitude_deg - c.earth_longitude_deg, 360), 0, 0.01) << c.what;
        }
    }
}

TEST(Moid, IsZeroForOrbitsThatCross) {
    Random random(3);
    std::vector<Elements> orbits;
    for (int k = 0; k < 2000; k++)
        orbits.push_back(crossing(random));
    const Kernel kernel(initial_samples());
    const std::vector<Result> results = kernel.map(orbits);
    for (size_t k = 0; k < orbits.size(); k++) {
        EXPECT_GE(results[k].moid_au, 0) << orbits[k];
        EXPECT_LE(results[k].moid_au, TOLERANCE_AU) << orbits[k];
    }
}

TEST(Moid, FailsBadElementsAndGoesOn) {
    const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
    struct Bad {
        Elements orbit;
        std::string field, value;
    };
    const Bad bad[] = {
        {{2, 1, 0, 0, 0}, "e is", "1"},
        {{2, 1.25, 0, 0, 0}, "e is", "1.25"},
        {{2, -0.125, 0, 0, 0}, "e is", "-0.125"},
        {{2, nan, 0, 0, 0}, "e is", "nan"},
        {{0, 0.5, 0, 0, 0}, "a_au is", "0"},
        {{-2.5, 0.5, 0, 0, 0}, "a_au is", "-2.5"},
        {{nan, 0.5, 0, 0, 0}, "a_au is", "nan"},
        {{inf, 0.5, 0, 0, 0}, "a_au is", "inf"},
        {{1e200, 0, 0, 0, 0}, "a_au is", "1e+200"},
        {{2, 0.5, nan, 0, 0}, "i_deg is", "nan"},
        {{2, 0.5, -inf, 0, 0}, "i_deg is", "-inf"},
        {{2, 0.5, 0, nan, 0}, "node_deg is", "nan"},
        {{2, 0.5, 0, inf, 0}, "node_deg is", "inf"},
        {{2, 0.5, 0, 0, nan}, "peri_deg is", "nan"},
        {{2, 0.5, 0, 0, inf}, "peri_deg is", "inf"},
    };
    std::vector<Elements> orbits;
    for (const Bad &b : bad) {
        orbits.push_back({4, 0.5, 0, 0, static_cast<double>(EARTH_PERIHELION_DEG) + 180}); // 2 au - aphelion
        orbits.push_back(b.orbit);
    }
    const Kernel kernel(initial_samples());
    const std::vector<Result> results = kernel.map(orbits);
    for (size_t k = 0; k < std::size(bad); k++) {
        const Result &good = results[2 * k], &failed = results[2 * k + 1];
        EXPECT_EQ(good.failure, "");
        EXPECT_NEAR(good.moid_au, static_cast<double>(2 - EARTH_APHELION_AU), TOLERANCE_AU);
        EXPECT_NE(failed.failure.find(bad[k].field), std::string::npos) << failed.failure;
        EXPECT_NE(failed.failure.find(bad[k].value), std::string::npos) << failed.failure;
    }
}

TEST(Moid, TakesElementsAtTheEdgesOfTheirRange) {
    const double last = std::nextafter(1.0, 0.0); // the largest e below 1
    const std::vector<Elements> orbits = {
        {1e12, last, 20, 30, 40}, {1e16, last, 20, 30, 40}, {0.6, last, 20, 30, 40}, {1e-300, 0.5, 20, 30, 40},
        {1e8, 1e-3, 20, 30, 40},  {2, 0, 0, 720, -3600},    {2, 0.3, -20, -30, -40},
    };
    const Kernel kernel(initial_samples());
    const std::vector<Result> results = kernel.map(orbits);
    for (size_t k = 0; k < orbits.size(); k++) {
        const double expected = reference_au(orbits[k]);
        EXPECT_EQ(results[k].failure, "") << orbits[k];
        EXPECT_NEAR(results[k].moid_au, expected, std::max(TOLERANCE_AU, 1e-13 * expected)) << orbits[k];
    }
}

TEST(Moid, GivesTheSameBytesWhateverTheBlock) {
    Random random(11);
    std::vector<Elements> orbits;
    for (const Family &family : families())
        for (int k = 0; k < 5; k++)
            orbits.push_back(family.draw(random));
    const Kernel kernel(initial_samples());
    const std::vector<Result> expected = kernel.map(orbits, 1);
    for (const size_t n : {size_t{7}, size_t{16}, size_t{17}, orbits.size()}) {
        const std::vector<Result> results = kernel.map(orbits, n);
        ASSERT_EQ(results.size(), expected.size());
        for (size_t k = 0; k < orbits.size(); k++) {
            EXPECT_EQ(results[k].moid_au, expected[k].moid_au) << n << ", " << orbits[k];
            EXPECT_EQ(results[k].true_anomaly_deg, expected[k].true_anomaly_deg) << n << ", " << orbits[k];
            EXPECT_EQ(results[k].earth_longitude_deg, expected[k].earth_longitude_deg) << n << ", " << orbits[k];
        }
    }
}

} // namespace
