// plot: where ticks are and what they are called, where values lie, colours and elements.
#include "unit/sheaf.h"

using namespace unit;

namespace {

/* The labels of the ticks between two ends, with blanks between; small ones have none. */
std::string labels(double low, double high, bool log = false, int wanted = 8, bool whole = false) {
    struct scale scale = {low, high, 0, 1, log, whole};
    struct tick ticks[TICKS_MOST];
    std::string all;
    const int n = sheaf_scale_ticks(&scale, wanted, ticks);
    for (int i = 0; i < n; i++) {
        EXPECT_GE(ticks[i].value, low - 1e-9 * fabs(low));
        EXPECT_LE(ticks[i].value, high + 1e-9 * fabs(high));
        all += *ticks[i].label ? std::string(all.empty() ? "" : " ") + ticks[i].label : "";
    }
    return all;
}

} // namespace

TEST(Ticks, Even) {
    EXPECT_EQ(labels(0, 10), "0 2 4 6 8 10");
    EXPECT_EQ(labels(0.9, 10.1), "2 4 6 8 10");
    EXPECT_EQ(labels(-0.3, 0.3), "-0.3 -0.2 -0.1 0.0 0.1 0.2 0.3");
    EXPECT_EQ(labels(-1, 32), "0 5 10 15 20 25 30");
    EXPECT_EQ(labels(1.0001, 1.0003), "1.00010 1.00015 1.00020 1.00025 1.00030");
    EXPECT_EQ(labels(0, 3, false, 8), "0.0 0.5 1.0 1.5 2.0 2.5 3.0");
    EXPECT_EQ(labels(0, 3, false, 8, true), "0 1 2 3");
    EXPECT_EQ(labels(999, 1001, false, 4), "999.0 999.5 1000.0 1000.5 1001.0");
}

TEST(Ticks, LargeAndSmall) {
    EXPECT_EQ(labels(0, 4e9, false, 4), "0 10⁹ 2×10⁹ 3×10⁹ 4×10⁹");
    EXPECT_EQ(labels(0, 3e-12, false, 6), "0 5×10⁻¹³ 10⁻¹² 1.5×10⁻¹² 2×10⁻¹² 2.5×10⁻¹² 3×10⁻¹²");
    EXPECT_EQ(labels(-2e300, 2e300, false, 4), "-2×10³⁰⁰ -10³⁰⁰ 0 10³⁰⁰ 2×10³⁰⁰");
    EXPECT_EQ(labels(100000, 100030, false, 3), "100000 100010 100020 100030");
}

TEST(Ticks, Logarithmic) {
    EXPECT_EQ(labels(0.01, 100, true), "0.01 0.1 1 10 100");
    EXPECT_EQ(labels(1, 100, true), "1 2 5 10 20 50 100");
    EXPECT_EQ(labels(1e-9, 1, true, 5), "10⁻⁸ 10⁻⁶ 10⁻⁴ 10⁻² 10⁰");
    EXPECT_EQ(labels(30, 45, true), "30 32 34 36 38 40 42 44");
}

TEST(Scale, PlacesOfValues) {
    const double values[] = {3, NAN, 7};
    uint8_t marks[] = {PLOT_VALUE, PLOT_PENDING, PLOT_VALUE};
    struct plot_axis axis = {};
    struct scale scale = {};
    sheaf_scale_fit(&scale, &axis, values, marks, 3, 0.25);
    EXPECT_EQ(scale.low, 2);
    EXPECT_EQ(scale.high, 8);
    scale.from = 100;
    scale.to = 40;
    EXPECT_DOUBLE_EQ(sheaf_scale_at(&scale, 5), 70);
    scale = {1, 100, 0, 10, true, false};
    EXPECT_DOUBLE_EQ(sheaf_scale_at(&scale, 10), 5);
    EXPECT_DOUBLE_EQ(sheaf_scale_between(&scale, 1, 100), 10);
    scale = {-1.7e308, 1.7e308, 0, 10, false, false};
    EXPECT_DOUBLE_EQ(sheaf_scale_at(&scale, 0), 5) << "the length is more than a double holds";
}

TEST(Scale, OfOneValueOrNone) {
    const double value = 4;
    struct plot_axis axis = {};
    struct scale scale = {};
    sheaf_scale_fit(&scale, &axis, &value, nullptr, 1, 0);
    EXPECT_TRUE(scale.low < 4 && 4 < scale.high);
    sheaf_scale_fit(&scale, &axis, nullptr, nullptr, 0, 0);
    EXPECT_LT(scale.low, scale.high);
    axis.log = true;
    sheaf_scale_fit(&scale, &axis, nullptr, nullptr, 0, 0);
    EXPECT_GT(scale.low, 0);
}

TEST(Colours, Viridis) {
    char colour[8];
    auto of = [&](double part) { return sheaf_colour_of(part, colour), std::string(colour); };
    EXPECT_EQ(of(0), "#440154");
    EXPECT_EQ(of(1), "#fde725");
    EXPECT_EQ(of(-1), "#440154");
    EXPECT_EQ(of(2), "#fde725");
    EXPECT_EQ(of(10 / 19.0), "#1f968b");
    EXPECT_EQ(of(0.5 / 19), "#460b5e") << "half of #440154 and #481568";
}

TEST(Svg, Elements) {
    EXPECT_EQ(written([](FILE *out) { sheaf_svg_point(out, 1.005, -0.001); }), "1 0");
    EXPECT_EQ(written([](FILE *out) { sheaf_svg_point(out, 20, 12.5); }), "20 12.5");
    EXPECT_EQ(written([](FILE *out) { sheaf_svg_escaped(out, "a<b> & \"c\"\nµ\xff."); }), "a&lt;b&gt; &amp; \"c\" µ?.");
    EXPECT_EQ(written([](FILE *out) { sheaf_svg_text(out, 1, 2, SVG_END, -90, "", "x"); }),
              "<text x='1' y='2' text-anchor='end' transform='rotate(-90 1 2)'>x</text>\n");
}
