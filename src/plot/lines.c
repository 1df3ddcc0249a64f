/* Lines: a value along an axis, which end where there is none; what has no value is marked at the lower edge, or of a single
   line over the whole height. */
#include <math.h>

#include "plot/colour.h"
#include "plot/frame.h"
#include "plot/plot.h"
#include "plot/svg.h"

enum { POINTS_MOST = 60 /* that get a dot each */, STRIP = 8, LINE = 16, ENTRY_MOST = 20 };

struct lines {
    FILE *out;
    const struct plot *plot;
    struct frame frame;
};

/* Those of numbers in their order; of names so that they differ. */
static void find_colour(const struct lines *l, int64_t k, char colour[8]) {
    const struct plot_axis *axis = &l->plot->y;
    if (axis->n <= 1 || !axis->values)
        snprintf(colour, 8, "%s", sheaf_colour_of_name(k));
    else
        sheaf_colour_of(0.88 * (double)k / (double)(axis->n - 1), colour);
}

static double x_of(const struct lines *l, int64_t i) {
    return sheaf_scale_at(&l->frame.x, l->plot->x.values[i]);
}

/* Where the part of the axis that belongs to a value begins, and where it ends: for i + 1. */
static double edge_of(const struct lines *l, int64_t i) {
    const double *x = l->plot->x.values;
    if (i == 0)
        return l->frame.left;
    return i < l->plot->x.n ? sheaf_scale_at(&l->frame.x, sheaf_scale_between(&l->frame.x, x[i - 1], x[i]))
                            : l->frame.right;
}

static bool has_value(const struct lines *l, int64_t k, int64_t i) {
    return i >= 0 && i < l->plot->x.n && l->plot->marks[k * l->plot->x.n + i] == PLOT_VALUE;
}

static double y_of(const struct lines *l, int64_t k, int64_t i) {
    return sheaf_scale_at(&l->frame.y, l->plot->values[k * l->plot->x.n + i]);
}

static void draw_line(const struct lines *l, int64_t k) {
    char colour[8], style[32];
    const int64_t n = l->plot->x.n;
    const bool dots = n <= POINTS_MOST || l->plot->x.names;
    find_colour(l, k, colour);
    if (!l->plot->x.names) {
        fprintf(l->out, "<path class='line' fill='none' stroke='%s' stroke-width='1.6' stroke-linejoin='round' d='",
                colour);
        for (int64_t i = 0; i < n; i++) {
            if (!has_value(l, k, i))
                continue;
            fputc(has_value(l, k, i - 1) ? 'L' : 'M', l->out);
            sheaf_svg_point(l->out, x_of(l, i), y_of(l, k, i));
        }
        fprintf(l->out, "'/>\n");
    }
    snprintf(style, sizeof style, "fill='%s'", colour);
    fprintf(l->out, "<g class='points' %s>\n", style);
    for (int64_t i = 0; i < n; i++)
        if (has_value(l, k, i) && (dots || (!has_value(l, k, i - 1) && !has_value(l, k, i + 1))))
            sheaf_svg_circle(l->out, x_of(l, i), y_of(l, k, i), l->plot->x.names ? 4 : 2.6, "");
    fprintf(l->out, "</g>\n");
}

/* What is marked alike side by side is one; of several lines each has a strip of its own, the first the lowest. */
static void draw_marked(const struct lines *l, int64_t k) {
    const int64_t n = l->plot->x.n;
    const uint8_t *marks = l->plot->marks + k * n;
    const bool alone = l->plot->y.n <= 1;
    const double bottom = l->frame.bottom - (double)k * STRIP, top = alone ? l->frame.top : bottom - STRIP + 1;
    for (int64_t i = 0; i < n;) {
        int64_t end = i + 1;
        while (end < n && marks[end] == marks[i])
            end++;
        if (marks[i] == PLOT_PENDING || marks[i] == PLOT_SKIPPED)
            sheaf_svg_rect(l->out, edge_of(l, i), top, edge_of(l, end) - edge_of(l, i), bottom - top,
                           marks[i] == PLOT_PENDING ? "class='pending' fill='url(#pending)'"
                                                    : "class='skipped' fill='" SKIPPED_GREY "'");
        i = end;
    }
}

/* Whose strip it is. */
static void draw_owner(const struct lines *l, int64_t k) {
    char colour[8], style[32];
    find_colour(l, k, colour);
    snprintf(style, sizeof style, "fill='%s'", colour);
    sheaf_svg_rect(l->out, l->frame.left, l->frame.bottom - (double)(k + 1) * STRIP + 1, 4, STRIP - 1, style);
}

static void draw_failed(const struct lines *l) {
    const int64_t n = l->plot->x.n;
    sheaf_frame_begin_failed(l->out);
    for (int64_t i = 0; i < n * l->plot->y.n; i++)
        if (l->plot->marks[i] == PLOT_FAILED)
            sheaf_svg_cross(l->out, x_of(l, i % n), l->frame.bottom - ((double)(i / n) + 0.5) * STRIP, 3.2);
    sheaf_frame_end_failed(l->out);
}

/* --- which line is which ------------------------------------------------------------------------------------------- */

static double legend_room(const struct plot *plot) {
    double width = sheaf_svg_width(plot->y.label, 12);
    for (int64_t k = 0; k < plot->y.n; k++)
        width = fmax(width, 24 + sheaf_svg_width(plot->y.names[k], 12));
    return fmin(width, 190) + LINE;
}

static void draw_legend(const struct lines *l) {
    char colour[8], style[64];
    const double x = l->frame.right + LINE;
    double y = l->frame.top + 10;
    fprintf(l->out, "<g class='legend'>\n");
    sheaf_svg_text(l->out, x, y, SVG_START, 0, "class='label'", l->plot->y.label);
    for (int64_t k = l->plot->y.n - 1; k >= 0; k--) { /* the marks below are in this order */
        y += LINE + 2;
        find_colour(l, k, colour);
        snprintf(style, sizeof style, "stroke='%s' stroke-width='2.4'", colour);
        sheaf_svg_line(l->out, x, y - 4, x + 18, y - 4, style);
        sheaf_svg_text(l->out, x + 24, y, SVG_START, 0, "", l->plot->y.names[k]);
    }
    fprintf(l->out, "</g>\n");
}

int sheaf_plot_lines(FILE *out, const struct plot *plot, struct sheaf_error *error) {
    struct lines l = {.out = out, .plot = plot};
    const bool several = plot->y.n > 1;
    (void)error;
    l.frame = (struct frame){.across = &plot->x, .up = &plot->value, .right_room = several ? legend_room(plot) : 0};
    l.frame.strip_room = (double)plot->y.n * STRIP;
    sheaf_scale_fit(&l.frame.x, &plot->x, plot->x.values, NULL, plot->x.n, 0.02);
    sheaf_scale_fit(&l.frame.y, &plot->value, plot->values, plot->marks, plot->x.n * plot->y.n, 0.05);
    sheaf_frame_begin(out, plot, plot->x.n * plot->y.n, true, &l.frame);
    for (int64_t k = 0; k < plot->y.n; k++)
        draw_marked(&l, k);
    for (int64_t k = 0; k < plot->y.n && several && (l.frame.n_pending || l.frame.n_failed || l.frame.n_skipped); k++)
        draw_owner(&l, k);
    for (int64_t k = 0; k < plot->y.n; k++)
        draw_line(&l, k);
    if (l.frame.n_failed)
        draw_failed(&l);
    if (several)
        draw_legend(&l);
    sheaf_frame_end(out, &l.frame);
    return 0;
}
